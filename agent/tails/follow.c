/* Followers: made, asked, and told to give up. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <mst/common/alloc.h>

#include "follow_state.h"

/* The path of an open folder, "" for the root, so that a pattern can stand behind it. */
static mst_err
root_path(int root_fd, char **ret_path, mst_errctx *ctx)
{
  char link[32], path[PATH_MAX];

  snprintf(link, sizeof link, "/proc/self/fd/%d", root_fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0)
    return mst_fail_errno(ctx, MST_EIO, "find the root folder");
  path[length] = '\0';
  *ret_path = mst_strdup(strcmp(path, "/") == 0 ? "" : path);
  return *ret_path ? MST_OK : mst_fail(ctx, MST_ENOMEM, "no memory for a follower");
}

static mst_err
copy_globs(mst_follow *follow, const mst_follow_setup *setup, mst_errctx *ctx)
{
  if (setup->glob_count == 0 || setup->glob_count > MST_FOLLOW_GLOBS_MAX)
    return mst_fail(ctx, MST_EUSAGE, "%zu patterns of files; 1 to %d are possible", setup->glob_count, MST_FOLLOW_GLOBS_MAX);
  follow->globs = mst_alloc(setup->glob_count, sizeof *follow->globs);
  if (!follow->globs)
    return mst_fail(ctx, MST_ENOMEM, "no memory for a follower");
  for (; follow->glob_count < setup->glob_count; follow->glob_count++) {
    const char *glob = setup->globs[follow->glob_count];
    size_t bytes = strlen(follow->root) + strlen(glob) + 1;
    char *whole = mst_alloc(bytes, 1);
    if (glob[0] != '/' || !whole) {
      mst_free(whole);
      return glob[0] != '/' ? mst_fail(ctx, MST_EUSAGE, "\"%.128s\" is no absolute path", glob)
                            : mst_fail(ctx, MST_ENOMEM, "no memory for a follower");
    }
    snprintf(whole, bytes, "%s%s", follow->root, glob);
    follow->globs[follow->glob_count] = whole;
  }
  return MST_OK;
}

mst_err
mst_follow_create(const mst_follow_setup *setup, mst_follow **ret_follow, mst_errctx *ctx)
{
  mst_follow *follow = mst_alloc(1, sizeof *follow);

  if (!follow)
    return mst_fail(ctx, MST_ENOMEM, "no memory for a follower");
  follow->setup = *setup;
  if (follow->setup.files_max == 0 || follow->setup.files_max > MST_FOLLOW_FILES_MAX)
    follow->setup.files_max = MST_FOLLOW_FILES_MAX;
  follow->setup.globs = NULL; /* the caller's */
  follow->setup.saved = (mst_bytes){0};
  /* One line at its longest, and a block behind it. */
  mst_buf_init(&follow->block, setup->line_max_bytes + MST_FOLLOW_BLOCK_BYTES);
  mst_err err = root_path(setup->root_fd, &follow->root, ctx);
  if (err == MST_OK)
    err = copy_globs(follow, setup, ctx);
  if (err == MST_OK && setup->saved.size_bytes > 0)
    err = mst_follow_load(follow, setup->saved, ctx);
  if (err != MST_OK) {
    mst_follow_destroy(follow);
    return err;
  }
  *ret_follow = follow;
  return MST_OK;
}

static void
drop_names(mst_family *family)
{
  mst_free(family->path);
  mst_free(family->real);
}

void
mst_follow_destroy(mst_follow *follow)
{
  if (!follow)
    return;
  while (follow->file_count > 0)
    mst_follow_drop_file(follow, follow->file_count - 1);
  mst_free(follow->files);
  for (size_t i = 0; i < follow->family_count; i++)
    drop_names(&follow->families[i]);
  mst_free(follow->families);
  for (size_t i = 0; i < follow->glob_count; i++)
    mst_free(follow->globs[i]);
  mst_free(follow->globs);
  mst_buf_done(&follow->block);
  mst_free(follow->root);
  mst_free(follow);
}

static bool
is_readable(const mst_file *file)
{
  return file->state == MST_FILE_LIVE || file->state == MST_FILE_ROTATED;
}

uint64_t
mst_file_unread(const mst_file *file)
{
  return is_readable(file) && file->size > file->position ? file->size - file->position : 0;
}

void
mst_follow_count_unread(mst_follow *follow)
{
  follow->stats.unread_bytes = 0;
  for (size_t i = 0; i < follow->file_count; i++) {
    const mst_file *file = &follow->files[i];
    /* A line that is not whole yet waits for its writer, not for us. */
    uint64_t partial = file->searched > file->position ? file->searched - file->position : 0;
    uint64_t unread = mst_file_unread(file);
    follow->stats.unread_bytes += unread > partial ? unread - partial : 0;
  }
}

mst_err
mst_follow_refresh(mst_follow *follow, mst_errctx *ctx)
{
  mst_err err = mst_follow_scan(follow, ctx);

  mst_follow_count_unread(follow);
  return err;
}

/* ---- a storm ---- */

static uint64_t
waiting_in(const mst_follow *follow, uint32_t family)
{
  uint64_t waiting = 0;

  for (size_t i = 0; i < follow->file_count; i++)
    waiting += follow->files[i].family == family ? mst_file_unread(&follow->files[i]) : 0;
  return waiting;
}

/* The oldest file that something waits in, of the family in which most waits: not the quiet logs pay for a loud one. */
static mst_file *
find_loudest(mst_follow *follow)
{
  uint64_t most = 0;
  uint32_t family = 0;
  mst_file *oldest = NULL;

  for (uint32_t i = 0; i < follow->family_count; i++) {
    uint64_t waiting = waiting_in(follow, i);
    if (waiting > most) {
      most = waiting;
      family = i;
    }
  }
  for (size_t i = 0; most > 0 && i < follow->file_count; i++) {
    mst_file *file = &follow->files[i];
    if (file->family != family || mst_file_unread(file) == 0)
      continue;
    if (!oldest || (file->state == MST_FILE_ROTATED && (oldest->state == MST_FILE_LIVE || file->mtime_ns < oldest->mtime_ns)))
      oldest = file;
  }
  return oldest;
}

static void
pass_over(mst_follow *follow, mst_file *file, uint64_t bytes)
{
  uint8_t last = 0;
  mst_errctx ignored = {0};

  file->position += bytes;
  file->searched = file->position;
  file->tail_bytes = 0;
  file->is_skipping = true;
  memset(file->user, 0, sizeof file->user);
  if (mst_file_open_fd(follow, file, false, &ignored) != MST_OK || file->fd < 0)
    return; /* opening looks for the newline */
  if (pread(file->fd, &last, 1, (off_t)file->position - 1) == 1)
    file->is_skipping = last != '\n';
  mst_file_remember(file);
}

uint64_t
mst_follow_skip(mst_follow *follow, uint64_t leave_bytes)
{
  uint64_t waiting = 0, skipped = 0;

  for (uint32_t i = 0; i < follow->family_count; i++)
    waiting += waiting_in(follow, i);
  while (waiting > leave_bytes) {
    mst_file *file = find_loudest(follow);
    uint64_t over = waiting - leave_bytes, unread = mst_file_unread(file), gone = unread < over ? unread : over;
    pass_over(follow, file, gone);
    mst_follow_lose(follow, file->path, gone, "it was written faster than it could be read");
    waiting -= gone;
    skipped += gone;
  }
  follow->stats.skipped_bytes += skipped;
  mst_follow_count_unread(follow);
  return skipped;
}

void
mst_follow_get_stats(const mst_follow *follow, mst_follow_stats *ret_stats)
{
  *ret_stats = follow->stats;
}

const char *
mst_follow_path(const mst_follow *follow, uint32_t family)
{
  return mst_follow_shown(follow, follow->families[family].path);
}
