/* Which of the known files each is that was found, and what became of the others. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <mst/common/alloc.h>

#include "follow_state.h"

static bool
is_live(const mst_found_file *one)
{
  return one->kind == MST_SIBLING_NO;
}

static int
open_entry(const mst_found_file *one)
{
  return open(one->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

/* The sibling that begins as the file that was cut did, and has what was read of it: the longest such. -1: there is none. */
static ssize_t
find_copy(mst_follow *follow, const mst_found *all, const mst_file *cut)
{
  ssize_t best = -1;

  for (size_t i = 0; cut->head_bytes > 0 && i < all->count; i++) {
    const mst_found_file *one = &all->list[i];
    const mst_file *held = mst_follow_known(follow, &one->info);
    if (one->family != cut->family || is_live(one) || one->kind == MST_SIBLING_COMPRESSED || (held && held->state != MST_FILE_HELD))
      continue;
    int fd = open_entry(one);
    bool is_copy = fd >= 0 && mst_file_is_same(cut, fd, (uint64_t)one->info.st_size);
    if (fd >= 0)
      close(fd);
    if (is_copy && (best < 0 || one->info.st_size > all->list[best].info.st_size))
      best = (ssize_t)i;
  }
  return best;
}

/* What was not read of it stands in a copy, or is lost. */
static mst_err
read_copy(mst_follow *follow, mst_found *all, const mst_file *cut, mst_errctx *ctx)
{
  mst_err err = follow->families[cut->family].is_listed ? MST_OK : mst_follow_list_siblings(follow, cut->family, true, all, ctx);
  ssize_t at = err == MST_OK ? find_copy(follow, all, cut) : -1;

  if (err != MST_OK)
    return err;
  if (at < 0) {
    mst_follow_lose(follow, cut->path + strlen(follow->root), cut->size > cut->position ? cut->size - cut->position : 0,
                    "it was cut off or replaced, and there is no copy of it");
    return MST_OK;
  }
  const mst_found_file *one = &all->list[at];
  mst_file *held = mst_follow_known(follow, &one->info);
  mst_file copy = *cut;
  copy.dev = one->info.st_dev;
  copy.ino = one->info.st_ino;
  copy.size = (uint64_t)one->info.st_size;
  copy.mtime_ns = mst_mtime_of(&one->info);
  copy.state = MST_FILE_ROTATED;
  copy.fd = -1;
  copy.round = follow->round;
  copy.changed = mst_clock_mono(follow->setup.clock);
  if (!held)
    return mst_follow_add_file(follow, &copy, one->path, &held, ctx);
  copy.path = held->path;
  *held = copy;
  return MST_OK;
}

/* It begins anew at 0. */
static void
begin_anew(mst_follow *follow, mst_file *file, const struct stat *info)
{
  mst_file fresh = {.dev = info->st_dev,
                    .ino = info->st_ino,
                    .path = file->path,
                    .family = file->family,
                    .state = file->state,
                    .size = (uint64_t)info->st_size,
                    .mtime_ns = mst_mtime_of(info),
                    .fd = file->fd,
                    .changed = mst_clock_mono(follow->setup.clock),
                    .round = follow->round};

  *file = fresh;
  (void)!mst_file_open_fd(follow, file, NULL); /* reading tries again */
  mst_file_remember(file);
}

/* The file was truncated, or another took its inode. Adding the copy may move the array: the file is looked up again. */
static mst_err
take_cut(mst_follow *follow, mst_found *all, mst_file *file, const struct stat *info, mst_errctx *ctx)
{
  const mst_file cut = *file;

  follow->stats.rotations++;
  mst_err err = read_copy(follow, all, &cut, ctx);
  file = mst_follow_known(follow, info);
  if (file)
    begin_anew(follow, file, info);
  return err;
}

static void
set_path(mst_file *file, const char *path)
{
  if (strcmp(file->path, path) == 0)
    return;
  char *copy = mst_strdup(path);
  if (copy) { /* without memory the old name stays, and the next refresh tries again */
    mst_free(file->path);
    file->path = copy;
  }
}

static bool
is_still_same(const mst_file *file, const mst_found_file *one)
{
  int fd = file->fd >= 0 ? file->fd : open_entry(one);
  /* What became shorter was cut off, even where nothing of it had been read. */
  bool is_same = fd < 0 || ((uint64_t)one->info.st_size >= file->size && mst_file_is_same(file, fd, (uint64_t)one->info.st_size));

  if (fd >= 0 && fd != file->fd)
    close(fd);
  return is_same;
}

static bool
has_changed(const mst_file *file, const mst_found_file *one)
{
  return (uint64_t)one->info.st_size != file->size || mst_mtime_of(&one->info) != file->mtime_ns;
}

static bool
is_surely_same(const mst_follow *follow, const mst_file *file, const mst_found_file *one)
{
  if (!has_changed(file, one) && (follow->has_refreshed || file->state == MST_FILE_HELD))
    return true;
  /* A copy counts only as it was; of an empty file nothing is known but its inode, which is its own only while it is open. */
  return file->state != MST_FILE_HELD && (file->head_bytes > 0 || file->fd >= 0) && is_still_same(file, one);
}

/* Forgets files that are gone and whose inodes others have now, and copies that are not what they were: they are looked at anew. A live
 * file that is another now was cut off, see take_known. */
static void
drop_replaced(mst_follow *follow, const mst_found *all)
{
  for (size_t i = 0; i < all->count; i++) {
    const mst_found_file *one = &all->list[i];
    mst_file *file = one->kind == MST_SIBLING_COMPRESSED ? NULL : mst_follow_known(follow, &one->info);
    if (!file || file->state == MST_FILE_LIVE || is_surely_same(follow, file, one))
      continue;
    if (file->state == MST_FILE_ROTATED && file->size > file->position)
      mst_follow_lose(follow, file->path + strlen(follow->root), file->size - file->position, "it was deleted before it was read");
    mst_follow_drop_file(follow, (size_t)(file - follow->files));
  }
}

static void
take_state(mst_follow *follow, mst_file *file, const mst_found_file *one)
{
  const uint64_t size = (uint64_t)one->info.st_size;
  mst_errctx ignored = {0};

  if (is_live(one) && file->state != MST_FILE_LIVE) {
    file->state = MST_FILE_LIVE; /* it was brought back */
  } else if (!is_live(one) && file->state == MST_FILE_LIVE) {
    file->state = MST_FILE_ROTATED;
    file->changed = mst_clock_mono(follow->setup.clock);
    follow->stats.rotations++;
  }
  if (size > file->size) {
    file->changed = mst_clock_mono(follow->setup.clock);
    if (file->state == MST_FILE_FINISHED)
      file->state = MST_FILE_ROTATED; /* its writer has it open still */
  }
  file->size = size;
  file->mtime_ns = mst_mtime_of(&one->info);
  if (file->state != MST_FILE_FINISHED)
    (void)!mst_file_open_fd(follow, file, &ignored); /* so that it can be read when it is deleted; reading tries again */
  if (size > file->head_bytes && file->head_bytes < MST_HEAD_BYTES)
    mst_file_remember(file); /* before it is read: it may be cut off by then */
}

/* A known file, at the path where it is now. */
static mst_err
take_known(mst_follow *follow, mst_found *all, mst_file *file, size_t at, mst_errctx *ctx)
{
  const mst_found_file *one = &all->list[at];

  file->round = follow->round;
  file->is_unlinked = false;
  set_path(file, one->path);
  if (file->state == MST_FILE_HELD)
    return MST_OK;
  if ((has_changed(file, one) || !follow->has_refreshed) && !is_still_same(file, one)) {
    const struct stat info = one->info; /* the list may move */
    return take_cut(follow, all, file, &info, ctx);
  }
  take_state(follow, file, one);
  return MST_OK;
}

/* Whether two open files have the same bytes at the beginning and at the end of the first `size`. */
static bool
is_prefix(int fd, int other, uint64_t size)
{
  uint8_t left[MST_PRINT_BYTES], right[MST_PRINT_BYTES];
  size_t head = size < MST_HEAD_BYTES ? (size_t)size : MST_HEAD_BYTES;

  return mst_file_print(fd, 0, head, left) && mst_file_print(other, 0, head, right) && memcmp(left, right, sizeof left) == 0 &&
         mst_file_print(fd, size - head, head, left) && mst_file_print(other, size - head, head, right) &&
         memcmp(left, right, sizeof left) == 0;
}

/* Whether it is the beginning of the live file of its family, which is whole: a copy that is being made, or was. */
static bool
is_copy_of_live(const mst_follow *follow, const mst_found_file *one)
{
  bool is_copy = false;

  for (size_t i = 0; i < follow->file_count && !is_copy; i++) {
    const mst_file *live = &follow->files[i];
    if (live->family != one->family || live->state != MST_FILE_LIVE || live->fd < 0 || live->size < (uint64_t)one->info.st_size)
      continue;
    int fd = open_entry(one);
    is_copy = fd >= 0 && is_prefix(fd, live->fd, (uint64_t)one->info.st_size);
    if (fd >= 0)
      close(fd);
  }
  return is_copy;
}

static uint32_t
open_count(const mst_follow *follow)
{
  uint32_t count = 0;

  for (size_t i = 0; i < follow->file_count; i++)
    count += follow->files[i].state == MST_FILE_LIVE || follow->files[i].state == MST_FILE_ROTATED;
  return count;
}

/* A compressed sibling that was written to after all that was read of its family holds what was never seen. */
static void
look_at_compressed(mst_follow *follow, const mst_found_file *one)
{
  mst_family *family = &follow->families[one->family];

  if (family->is_first || family->read_mtime_ns == 0 || mst_mtime_of(&one->info) <= family->read_mtime_ns ||
      mst_follow_known(follow, &one->info))
    return;
  for (size_t i = 0; i < follow->file_count; i++) /* being compressed: the file itself is there still */
    if (follow->files[i].family == one->family && follow->files[i].state != MST_FILE_LIVE &&
        follow->files[i].mtime_ns >= mst_mtime_of(&one->info))
      return;
  family->read_mtime_ns = mst_mtime_of(&one->info);
  mst_follow_lose(follow, one->path + strlen(follow->root), 0, "it was compressed before it was read");
}

static mst_err
take_new(mst_follow *follow, const mst_found_file *one, mst_errctx *ctx)
{
  const mst_family *family = &follow->families[one->family];
  mst_file file = {.dev = one->info.st_dev,
                   .ino = one->info.st_ino,
                   .family = one->family,
                   .state = is_live(one) ? MST_FILE_LIVE : MST_FILE_ROTATED,
                   .size = (uint64_t)one->info.st_size,
                   .mtime_ns = mst_mtime_of(&one->info),
                   .fd = -1,
                   .changed = mst_clock_mono(follow->setup.clock),
                   .round = follow->round};
  mst_file *added = NULL;

  if (one->kind == MST_SIBLING_OTHER)
    return MST_OK;
  if (!is_live(one)) {
    /* What lay beside it when it was met is not read; nor what is older than what was read, which was known once. */
    if (family->is_first || mst_mtime_of(&one->info) < family->read_mtime_ns) {
      file.state = MST_FILE_FINISHED;
      file.position = file.searched = file.size;
    } else if (is_copy_of_live(follow, one)) {
      file.state = MST_FILE_HELD;
    }
  } else if (family->is_first && !follow->setup.from_start) {
    file.position = file.searched = file.size;
    file.is_skipping = file.size > 0; /* unless it ends with a newline, see below */
  }
  if (file.state != MST_FILE_FINISHED && open_count(follow) >= follow->setup.files_max) {
    follow->stats.left_out++;
    return MST_OK;
  }
  mst_err err = mst_follow_add_file(follow, &file, one->path, &added, ctx);
  if (err != MST_OK)
    return err;
  err = mst_file_open_fd(follow, added, ctx);
  if (err != MST_OK) { /* tried again by the next refresh */
    mst_follow_drop_file(follow, follow->file_count - 1);
    if (err != MST_EABSENT)
      snprintf(follow->stats.trouble, sizeof follow->stats.trouble, "%s", ctx->text);
    return MST_OK;
  }
  uint8_t last = 0;
  if (added->is_skipping && pread(added->fd, &last, 1, (off_t)added->size - 1) == 1 && last == '\n')
    added->is_skipping = false;
  mst_file_remember(added);
  if (added->state == MST_FILE_FINISHED || added->state == MST_FILE_HELD)
    mst_file_close_fd(added);
  return MST_OK;
}

/* What is at no path any more. While it is open it can be read to its end. */
static void
look_at_vanished(mst_follow *follow)
{
  for (size_t i = follow->file_count; i-- > 0;) {
    mst_file *file = &follow->files[i];
    struct stat info;
    if (file->round == follow->round)
      continue;
    bool is_open = file->fd >= 0 && fstat(file->fd, &info) == 0;
    if (is_open && !file->is_unlinked) {
      follow->stats.rotations += file->state == MST_FILE_LIVE;
      file->is_unlinked = true;
      file->state = MST_FILE_ROTATED;
      file->changed = mst_clock_mono(follow->setup.clock);
    }
    if (is_open) {
      if ((uint64_t)info.st_size > file->size)
        file->changed = mst_clock_mono(follow->setup.clock);
      file->size = (uint64_t)info.st_size;
      continue;
    }
    if (file->state == MST_FILE_LIVE || (file->state == MST_FILE_ROTATED && file->size > file->position))
      mst_follow_lose(follow, file->path + strlen(follow->root), file->size - file->position,
                      "it was deleted, compressed or moved away before it was read");
    mst_follow_drop_file(follow, i);
  }
}

static mst_err
take_all(mst_follow *follow, mst_found *all, mst_errctx *ctx)
{
  mst_err err = MST_OK;

  drop_replaced(follow, all);
  /* Known files first: which are new is judged by where these went. */
  for (size_t i = 0; i < all->count && err == MST_OK; i++) {
    /* Nothing is renamed to the name of a compressed file: what has a known inode there is another file. */
    mst_file *file = all->list[i].kind == MST_SIBLING_COMPRESSED ? NULL : mst_follow_known(follow, &all->list[i].info);
    if (file && file->round != follow->round)
      err = take_known(follow, all, file, i, ctx);
  }
  for (size_t i = 0; i < all->count && err == MST_OK; i++) {
    const mst_found_file *one = &all->list[i];
    if (one->kind == MST_SIBLING_COMPRESSED)
      look_at_compressed(follow, one);
    else if (!mst_follow_known(follow, &one->info))
      err = take_new(follow, one, ctx);
  }
  return err;
}

static void
sum_up(mst_follow *follow)
{
  mst_follow_stats *stats = &follow->stats;

  stats->families = (uint32_t)follow->family_count;
  stats->files = stats->rotated_files = 0;
  stats->appended_at = (mst_wall){0};
  for (size_t i = 0; i < follow->family_count; i++)
    stats->rotated_files += follow->families[i].rotated;
  for (size_t i = 0; i < follow->file_count; i++) {
    const mst_file *file = &follow->files[i];
    stats->files += file->state == MST_FILE_LIVE;
    if (file->state == MST_FILE_LIVE && file->mtime_ns > stats->appended_at.ns)
      stats->appended_at.ns = file->mtime_ns;
  }
}

mst_err
mst_follow_scan(mst_follow *follow, mst_errctx *ctx)
{
  mst_found all = {0};
  mst_err err = MST_OK;

  follow->round++;
  follow->stats.left_out = 0;
  follow->stats.trouble[0] = '\0';
  for (size_t i = 0; i < follow->family_count; i++)
    follow->families[i].is_there = follow->families[i].is_listed = false;
  for (size_t i = 0; i < follow->glob_count && err == MST_OK; i++)
    err = mst_follow_list_live(follow, i, &all, ctx);
  for (uint32_t i = 0; i < follow->family_count && err == MST_OK; i++)
    err = mst_follow_list_siblings(follow, i, false, &all, ctx);
  if (err == MST_OK)
    err = take_all(follow, &all, ctx);
  if (err == MST_OK)
    look_at_vanished(follow);
  mst_found_done(&all);
  sum_up(follow);
  if (err != MST_OK)
    return err;
  follow->has_refreshed = true;
  for (size_t i = 0; i < follow->family_count; i++)
    follow->families[i].is_first = false;
  return MST_OK;
}
