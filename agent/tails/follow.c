/* Followers: made, read from, asked. What is found where is in follow_scan.c. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <mst/common/alloc.h>

#include "follow_state.h"

/* A rotated file may still be written to, until its writer opens the new one. */
static const int64_t linger_ns = 5 * MST_NS_PER_S;

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

void
mst_follow_destroy(mst_follow *follow)
{
  if (!follow)
    return;
  while (follow->file_count > 0)
    mst_follow_drop_file(follow, follow->file_count - 1);
  mst_free(follow->files);
  for (size_t i = 0; i < follow->family_count; i++)
    mst_free(follow->families[i].path);
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

static uint64_t
unread_of(const mst_file *file)
{
  return is_readable(file) && file->size > file->position ? file->size - file->position : 0;
}

static void
count_unread(mst_follow *follow)
{
  follow->stats.unread_bytes = 0;
  for (size_t i = 0; i < follow->file_count; i++) {
    const mst_file *file = &follow->files[i];
    /* A line that is not whole yet waits for its writer, not for us. */
    uint64_t partial = file->searched > file->position ? file->searched - file->position : 0;
    uint64_t unread = unread_of(file);
    follow->stats.unread_bytes += unread > partial ? unread - partial : 0;
  }
}

mst_err
mst_follow_refresh(mst_follow *follow, mst_errctx *ctx)
{
  mst_err err = mst_follow_scan(follow, ctx);

  count_unread(follow);
  return err;
}

/* ---- reading ---- */

typedef struct reading {
  mst_follow *follow;
  mst_file *file;
  mst_follow_deliver deliver;
  void *arg;
  size_t left; /* of what may be read */
} reading;

static void
hand_out(const reading *now, const uint8_t *data, size_t size_bytes, bool is_end, bool is_cut)
{
  const mst_follow_block block = {.path = now->follow->families[now->file->family].path + strlen(now->follow->root),
                                  .family = now->file->family,
                                  .user = now->file->user,
                                  .data = (const char *)data,
                                  .size_bytes = size_bytes,
                                  .is_end = is_end,
                                  .is_cut = is_cut};

  now->deliver(now->arg, &block);
}

static mst_err
read_at(int fd, uint64_t offset, uint8_t *to, size_t count, size_t *ret_got, const char *path, mst_errctx *ctx)
{
  size_t got = 0;

  while (got < count) {
    ssize_t n = pread(fd, to + got, count - got, (off_t)(offset + got));
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return mst_fail_errno(ctx, MST_EIO, "read %s", path);
    if (n == 0)
      break;
    got += (size_t)n;
  }
  *ret_got = got;
  return MST_OK;
}

/* Passes over the rest of a line that was cut or skipped into. */
static mst_err
skip_line(reading *now, uint8_t *block, mst_errctx *ctx)
{
  mst_file *file = now->file;

  while (file->is_skipping && file->position < file->size) {
    size_t got = 0;
    mst_err err = read_at(file->fd, file->position, block, MST_FOLLOW_BLOCK_BYTES, &got, file->path, ctx);
    if (err != MST_OK || got == 0)
      return err;
    const uint8_t *newline = memchr(block, '\n', got);
    file->position += newline ? (uint64_t)(newline - block) + 1 : got;
    file->searched = file->position;
    file->is_skipping = !newline;
  }
  return MST_OK;
}

/* Whether a newline stands in what was appended behind the part that was searched. It is searched for without reading the line again: a
 * long line that grows by a few bytes at a time would else be read as often. */
static mst_err
find_newline(reading *now, uint8_t *block, bool *ret_found, mst_errctx *ctx)
{
  mst_file *file = now->file;
  uint64_t at = file->searched > file->position ? file->searched : file->position;

  *ret_found = false;
  while (at < file->size && !*ret_found) {
    size_t got = 0;
    mst_err err = read_at(file->fd, at, block, MST_FOLLOW_BLOCK_BYTES, &got, file->path, ctx);
    if (err != MST_OK || got == 0)
      return err;
    *ret_found = memchr(block, '\n', got) != NULL;
    if (*ret_found)
      break;
    at += got;
    file->searched = at;
    if (at - file->position >= now->follow->setup.line_max_bytes)
      break;
  }
  return MST_OK;
}

/* Room for `count` bytes in the block. */
static mst_err
make_block(reading *now, size_t count, uint8_t **ret_block, mst_errctx *ctx)
{
  mst_buf *block = &now->follow->block;

  mst_buf_reset(block);
  *ret_block = mst_buf_extend(block, count);
  return *ret_block ? MST_OK : mst_fail(ctx, MST_ENOMEM, "no memory to read %s", now->file->path);
}

/* Hands out the whole lines among the next count bytes, or the whole of them as one cut line. */
static mst_err
hand_out_lines(reading *now, size_t count, bool is_long, bool *ret_more, mst_errctx *ctx)
{
  mst_file *file = now->file;
  uint8_t *block = NULL;
  size_t got = 0;
  mst_err err = make_block(now, count, &block, ctx);

  if (err == MST_OK)
    err = read_at(file->fd, file->position, block, count, &got, file->path, ctx);
  if (err != MST_OK || got == 0)
    return err;
  const uint8_t *last = is_long ? NULL : memrchr(block, '\n', got);
  if (!last && (!is_long || got < count)) { /* the line is not whole, or was cut off between two readings, which the next refresh sees */
    file->searched = file->position + got;
    *ret_more = file->searched < file->size;
    return MST_OK;
  }
  size_t whole = last ? (size_t)(last - block) + 1 : got;
  hand_out(now, block, whole, false, !last);
  file->position += whole;
  file->searched = file->position;
  file->is_skipping = !last;
  now->left -= whole < now->left ? whole : now->left;
  *ret_more = true;
  return MST_OK;
}

/* One block of lines, or one line that is longer than a block. *ret_more: there may be more to do. */
static mst_err
read_block(reading *now, bool *ret_more, mst_errctx *ctx)
{
  mst_file *file = now->file;
  const size_t line_max = now->follow->setup.line_max_bytes;
  uint8_t *block = NULL;
  bool has_newline = false;

  *ret_more = false;
  if (file->position >= file->size)
    return MST_OK;
  if (!file->is_skipping && file->searched <= file->position)
    return hand_out_lines(now, MST_FOLLOW_BLOCK_BYTES, false, ret_more, ctx);
  mst_err err = make_block(now, MST_FOLLOW_BLOCK_BYTES, &block, ctx);
  if (err == MST_OK && file->is_skipping) {
    err = skip_line(now, block, ctx);
    *ret_more = !file->is_skipping;
    return err;
  }
  if (err == MST_OK)
    err = find_newline(now, block, &has_newline, ctx);
  uint64_t line_bytes = file->searched - file->position;
  if (err != MST_OK || (!has_newline && line_bytes < line_max))
    return err; /* the line is not whole yet */
  if (line_bytes >= line_max)
    return hand_out_lines(now, line_max, true, ret_more, ctx);
  return hand_out_lines(now, (size_t)line_bytes + MST_FOLLOW_BLOCK_BYTES, false, ret_more, ctx);
}

/* A rotated file that has not changed for a while is over: what lacks its newline is a line all the same. */
static mst_err
finish(reading *now, mst_errctx *ctx)
{
  mst_follow *follow = now->follow;
  mst_file *file = now->file;
  size_t got = 0;

  if (file->state != MST_FILE_ROTATED || mst_clock_mono(follow->setup.clock).ns - file->changed.ns < linger_ns)
    return MST_OK;
  mst_buf_reset(&follow->block);
  size_t count = file->size > file->position && !file->is_skipping ? (size_t)(file->size - file->position) : 0;
  if (count > follow->setup.line_max_bytes)
    return MST_OK;
  uint8_t *block = mst_buf_extend(&follow->block, count ? count : 1);
  if (!block)
    return mst_fail(ctx, MST_ENOMEM, "no memory to read %s", file->path);
  mst_err err = count ? read_at(file->fd, file->position, block, count, &got, file->path, ctx) : MST_OK;
  if (err != MST_OK)
    return err;
  hand_out(now, block, got, true, false);
  file->position = file->size;
  file->searched = file->position;
  mst_file_remember(file);
  file->state = MST_FILE_FINISHED;
  mst_file_close_fd(file);
  return MST_OK;
}

static mst_err
read_file(reading *now, mst_errctx *ctx)
{
  mst_file *file = now->file;
  const uint64_t before = file->position;
  bool more = true;

  mst_err err = mst_file_open_fd(now->follow, file, ctx);
  while (err == MST_OK && more && now->left > 0)
    err = read_block(now, &more, ctx);
  if (err == MST_OK && !more)
    err = finish(now, ctx);
  if (file->position != before)
    mst_file_remember(file);
  mst_family *family = &now->follow->families[file->family];
  if (unread_of(file) == 0 && file->mtime_ns > family->read_mtime_ns)
    family->read_mtime_ns = file->mtime_ns;
  return err;
}

/* The next of the family in the order of time that something waits in, or that may be finished. */
static mst_file *
next_of(mst_follow *follow, uint32_t family, int64_t after_ns, ino_t after_ino)
{
  mst_file *next = NULL;

  for (size_t i = 0; i < follow->file_count; i++) {
    mst_file *file = &follow->files[i];
    if (file->family != family || file->state != MST_FILE_ROTATED || file->mtime_ns < after_ns ||
        (file->mtime_ns == after_ns && file->ino <= after_ino))
      continue;
    if (!next || file->mtime_ns < next->mtime_ns || (file->mtime_ns == next->mtime_ns && file->ino < next->ino))
      next = file;
  }
  return next;
}

static mst_err
read_family(reading *now, uint32_t family, mst_errctx *ctx)
{
  mst_follow *follow = now->follow;
  int64_t after_ns = INT64_MIN;
  ino_t after_ino = 0;
  mst_err err = MST_OK;

  while (now->left > 0 && err == MST_OK && (now->file = next_of(follow, family, after_ns, after_ino))) {
    after_ns = now->file->mtime_ns;
    after_ino = now->file->ino;
    err = read_file(now, ctx);
    if (err == MST_OK && now->left == 0)
      return err;
  }
  for (size_t i = 0; i < follow->file_count && err == MST_OK && now->left > 0; i++) {
    now->file = &follow->files[i];
    if (now->file->family == family && now->file->state == MST_FILE_LIVE && unread_of(now->file) > 0)
      err = read_file(now, ctx);
  }
  return err;
}

mst_err
mst_follow_read(mst_follow *follow, size_t most_bytes, mst_follow_deliver deliver, void *arg, size_t *ret_read_bytes, mst_errctx *ctx)
{
  reading now = {.follow = follow, .deliver = deliver, .arg = arg, .left = most_bytes};
  mst_err first = MST_OK;

  for (uint32_t i = 0; i < follow->family_count && now.left > 0; i++) {
    mst_errctx why = {0};
    mst_err err = read_family(&now, i, &why);
    if (err != MST_OK && err != MST_EABSENT) { /* what is another file now is found by the next refresh */
      snprintf(follow->stats.trouble, sizeof follow->stats.trouble, "%s", why.text);
      if (err == MST_ENOMEM)
        first = mst_fail(ctx, err, "%s", why.text);
    }
  }
  *ret_read_bytes = most_bytes - now.left;
  count_unread(follow);
  return first;
}

uint64_t
mst_follow_skip(mst_follow *follow, uint64_t leave_bytes)
{
  uint64_t waiting = 0, skipped = 0;

  for (size_t i = 0; i < follow->file_count; i++)
    waiting += unread_of(&follow->files[i]);
  for (int state = MST_FILE_ROTATED; state >= MST_FILE_LIVE; state--) { /* the rotated ones are older */
    for (size_t i = 0; i < follow->file_count && waiting > leave_bytes; i++) {
      mst_file *file = &follow->files[i];
      uint64_t over = waiting - leave_bytes, unread = unread_of(file), gone = unread < over ? unread : over;
      if ((int)file->state != state || gone == 0)
        continue;
      file->position += gone;
      file->searched = file->position;
      file->is_skipping = true;
      memset(file->user, 0, sizeof file->user);
      if (mst_file_open_fd(follow, file, NULL) == MST_OK)
        mst_file_remember(file);
      waiting -= gone;
      skipped += gone;
    }
  }
  if (skipped > 0)
    mst_follow_lose(follow, "the log", skipped, "it was written faster than it could be read");
  count_unread(follow);
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
  return follow->families[family].path + strlen(follow->root);
}
