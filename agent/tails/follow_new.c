/* What is found and is none of the known files: a new file, a copy of a known one, or the content of one that is gone. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "follow_state.h"

int
mst_found_open(const mst_found_file *one, bool *ret_moved)
{
  int fd = open(one->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | (mst_found_is_live(one) ? 0 : O_NOFOLLOW));
  struct stat info;

  *ret_moved = fd < 0 && errno == ENOENT;
  if (fd >= 0 && (fstat(fd, &info) < 0 || info.st_ino != one->info.st_ino || info.st_dev != one->info.st_dev)) {
    close(fd);
    fd = -1;
    *ret_moved = true;
  }
  return fd;
}

/* When a file was made, Unix nanoseconds; 0 where the file system does not say. */
static int64_t
born_at(int fd)
{
  struct statx info;

  if (statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &info) < 0 || !(info.stx_mask & STATX_BTIME))
    return 0;
  return info.stx_btime.tv_sec * MST_NS_PER_S + info.stx_btime.tv_nsec;
}

/* ---- content that has moved ---- */

static bool
is_missing(const mst_follow *follow, const mst_file *file)
{
  return file->round != follow->round && file->state != MST_FILE_HELD && file->head_bytes > 0;
}

/* A file that is gone and whose content this is: it was moved from another file system, restored, or rewritten by an editor. */
static mst_file *
find_moved(mst_follow *follow, const mst_found_file *one, int fd)
{
  const uint64_t size = (uint64_t)one->info.st_size;

  for (size_t i = 0; i < follow->file_count; i++) {
    mst_file *file = &follow->files[i];
    if (file->family != one->family || !is_missing(follow, file))
      continue;
    /* What is open is read to its end as it is, unless its successor has the same beginning. A short beginning may be that of every file
     * of this log: only a long one shows that the live file is the old one. */
    bool may_be = mst_found_is_live(one) ? file->state == MST_FILE_LIVE && file->head_bytes == MST_HEAD_BYTES : file->fd < 0;
    if (file->state == MST_FILE_FINISHED && size != file->size)
      may_be = false;
    if (may_be && mst_file_is_same(file, fd, size))
      return file;
  }
  return NULL;
}

static void
take_moved(mst_follow *follow, mst_file *file, const mst_found_file *one)
{
  mst_errctx why = {0};

  mst_file_close_fd(file);
  file->dev = one->info.st_dev;
  file->ino = one->info.st_ino;
  file->size = (uint64_t)one->info.st_size;
  file->mtime_ns = mst_mtime_of(&one->info);
  file->round = follow->round;
  file->missed = 0;
  file->is_unlinked = file->is_suspect = false;
  file->changed = mst_clock_mono(follow->setup.clock);
  mst_file_set_path(file, one->path);
  if (file->state == MST_FILE_FINISHED)
    return;
  file->state = mst_found_is_live(one) ? MST_FILE_LIVE : MST_FILE_ROTATED;
  if (mst_file_open_fd(follow, file, false, &why) != MST_OK)
    mst_follow_trouble(follow, why.text);
}

/* ---- copies ---- */

/* Whether the first size bytes of both are the same, as far as their ends show. */
static bool
is_prefix(int fd, int other, uint64_t size)
{
  uint8_t left[MST_PRINT_BYTES], right[MST_PRINT_BYTES];
  size_t part = size < MST_HEAD_BYTES ? (size_t)size : MST_HEAD_BYTES;

  return mst_file_print(fd, 0, part, left) && mst_file_print(other, 0, part, right) && memcmp(left, right, sizeof left) == 0 &&
         mst_file_print(fd, size - part, part, left) && mst_file_print(other, size - part, part, right) &&
         memcmp(left, right, sizeof left) == 0;
}

/* -1 when it is not where it was. */
static int
open_closed(const mst_file *file)
{
  int fd = open(file->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  struct stat info;

  if (fd >= 0 && (fstat(fd, &info) < 0 || info.st_ino != file->ino || info.st_dev != file->dev)) {
    close(fd);
    fd = -1;
  }
  return fd;
}

/* Whether what is open as fd is a copy of that file, whole or as far as it has come. The prints are asked first: they hold even when the
 * original has just been cut off, which the next refresh will see. */
static bool
is_copy_of(const mst_file *file, const mst_found_file *one, int fd)
{
  const uint64_t size = (uint64_t)one->info.st_size;
  uint8_t print[MST_PRINT_BYTES];

  struct stat now = {.st_size = (off_t)file->size};

  if (file->fd < 0 || fstat(file->fd, &now) < 0) /* else it may have grown and been copied since it was listed */
    now.st_mtim = (struct timespec){.tv_sec = file->mtime_ns / MST_NS_PER_S, .tv_nsec = file->mtime_ns % MST_NS_PER_S};
  uint64_t most = (uint64_t)now.st_size > file->size ? (uint64_t)now.st_size : file->size;
  if (size > most || (size == most && mst_mtime_of(&one->info) < mst_mtime_of(&now)))
    return false;
  if (file->head_bytes > 0 && size >= file->head_bytes &&
      (!mst_file_print(fd, 0, file->head_bytes, print) || memcmp(print, file->head, sizeof print) != 0))
    return false;
  if (file->head_bytes == MST_HEAD_BYTES && size >= file->head_bytes)
    return size < file->position || mst_file_is_same(file, fd, size);

  int original = file->fd >= 0 ? file->fd : open_closed(file);
  int64_t born = original >= 0 ? born_at(original) : 0, copied = born_at(fd);
  bool is_copy = original >= 0 && (born == 0 || copied == 0 || born <= copied) && is_prefix(fd, original, size);

  if (original >= 0 && original != file->fd)
    close(original);
  return is_copy;
}

static bool
is_copy_of_known(const mst_follow *follow, const mst_found_file *one, int fd)
{
  for (size_t i = 0; i < follow->file_count; i++) {
    const mst_file *file = &follow->files[i];
    if (file->family == one->family && file->state != MST_FILE_HELD && (file->round == follow->round || file->fd >= 0) &&
        is_copy_of(file, one, fd))
      return true;
  }
  return false;
}

/* Whether the live file is still what this refresh took it for. If it was cut off or renamed since, its copy cannot be told from a new
 * file. */
static bool
is_live_known(mst_follow *follow, uint32_t family)
{
  struct stat info;
  bool is_known = true, is_there = stat(follow->families[family].path, &info) == 0;
  const mst_file *at_path = is_there ? mst_follow_known(follow, &info) : NULL;

  if (is_there && (!at_path || at_path->round != follow->round))
    return false;
  for (size_t i = 0; i < follow->file_count; i++) {
    mst_file *live = &follow->files[i];
    if (live->family == family && live->is_suspect)
      is_known = false;
    if (live->family != family || live->state != MST_FILE_LIVE || live->fd < 0 || live->round != follow->round)
      continue;
    if (fstat(live->fd, &info) < 0 || (uint64_t)info.st_size < live->size || !mst_file_is_same(live, live->fd, (uint64_t)info.st_size)) {
      live->is_suspect = true;
      is_known = false;
    }
  }
  return is_known;
}

/* Written before the last refresh looked, which did not find it: brought here from elsewhere with its old time (restored, uncompressed).
 * When it was made here before it was last written, the clock was set back and it is new. */
static bool
is_old(const mst_follow *follow, const mst_found_file *one, int fd)
{
  int64_t written = mst_mtime_of(&one->info), born = born_at(fd);

  return written < follow->families[one->family].seen_mtime_ns && (born == 0 || born > written);
}

/* ---- new files ---- */

static mst_err
add_new(mst_follow *follow, const mst_found_file *one, mst_file_state state, uint64_t position, mst_errctx *ctx)
{
  const mst_file file = {.dev = one->info.st_dev,
                         .ino = one->info.st_ino,
                         .family = one->family,
                         .state = state,
                         .position = position,
                         .searched = position,
                         .size = (uint64_t)one->info.st_size,
                         .mtime_ns = mst_mtime_of(&one->info),
                         .is_skipping = state == MST_FILE_LIVE && position > 0, /* unless a newline stands before: see opening */
                         .fd = -1,
                         .changed = mst_clock_mono(follow->setup.clock),
                         .round = follow->round};
  mst_file *added = NULL;
  mst_errctx why = {0};
  mst_err err = mst_follow_add_file(follow, &file, one->path, &added, ctx);

  if (err == MST_ELIMIT) {
    follow->stats.left_out++;
    return MST_OK;
  }
  if (err != MST_OK)
    return err;
  const bool is_known = state == MST_FILE_FINISHED || state == MST_FILE_HELD;
  err = mst_file_open_fd(follow, added, is_known, &why);
  if (err == MST_EABSENT) { /* renamed since it was listed */
    mst_follow_drop_file(follow, follow->file_count - 1);
    return MST_OK;
  }
  if (err != MST_OK && !is_known)
    mst_follow_trouble(follow, why.text); /* the next refresh tries again */
  mst_file_remember(added);
  mst_file_settle(added);
  if (is_known)
    mst_file_close_fd(added);
  else
    follow->stats.appended_bytes += added->size - added->position;
  return MST_OK;
}

static mst_err
take_new_live(mst_follow *follow, const mst_found_file *one, int fd, mst_errctx *ctx)
{
  mst_file *moved = fd >= 0 ? find_moved(follow, one, fd) : NULL;
  bool is_from_end = follow->families[one->family].is_first && !follow->setup.from_start;

  if (!moved)
    return add_new(follow, one, MST_FILE_LIVE, is_from_end ? (uint64_t)one->info.st_size : 0, ctx);
  take_moved(follow, moved, one);
  return MST_OK;
}

static mst_err
take_new_sibling(mst_follow *follow, const mst_found_file *one, int fd, mst_errctx *ctx)
{
  const mst_family *family = &follow->families[one->family];
  const uint64_t size = (uint64_t)one->info.st_size;
  mst_file *moved = fd >= 0 && size > 0 ? find_moved(follow, one, fd) : NULL;

  if (moved) {
    take_moved(follow, moved, one);
    return MST_OK;
  }
  if (one->kind == MST_SIBLING_OTHER)
    return MST_OK;
  if (size == 0) /* perhaps the beginning of a copy: looked at anew when it grows */
    return add_new(follow, one, MST_FILE_FINISHED, 0, ctx);
  if (fd >= 0 && size > 0 && is_copy_of_known(follow, one, fd))
    return add_new(follow, one, MST_FILE_HELD, 0, ctx);
  if (family->is_first || (fd >= 0 && is_old(follow, one, fd)))
    return add_new(follow, one, MST_FILE_FINISHED, size, ctx);
  if (!is_live_known(follow, one->family))
    return MST_OK; /* the next refresh knows more */
  return add_new(follow, one, MST_FILE_ROTATED, 0, ctx);
}

mst_err
mst_follow_take_new(mst_follow *follow, const mst_found_file *one, mst_errctx *ctx)
{
  bool has_moved = false;
  int fd = mst_found_open(one, &has_moved);
  if (has_moved)
    return MST_OK;
  mst_err err = mst_found_is_live(one) ? take_new_live(follow, one, fd, ctx) : take_new_sibling(follow, one, fd, ctx);

  if (fd >= 0)
    close(fd);
  return err;
}

/* A compressed sibling that was written to after all that was seen of its family, and is none of the known files, holds what was never
 * read. Compressing keeps the time; where it does not, the name tells the file, or one that vanished at the same time accounts for it. */
void
mst_follow_look_at_compressed(mst_follow *follow, const mst_found_file *one)
{
  mst_family *family = &follow->families[one->family];
  const int64_t written = mst_mtime_of(&one->info);
  const size_t plain = mst_sibling_plain_length(one->path);

  if (written <= family->packed_mtime_ns)
    return;
  bool is_explained = family->is_first || written <= family->seen_mtime_ns;
  for (size_t i = 0; i < follow->file_count && !is_explained; i++) {
    mst_file *file = &follow->files[i];
    if (file->family != one->family)
      continue;
    if (file->mtime_ns == written || (strlen(file->path) == plain && memcmp(file->path, one->path, plain) == 0))
      is_explained = true;
    if (!is_explained && file->round != follow->round && !file->is_packed)
      is_explained = file->is_packed = true;
  }
  if (written > family->packing_mtime_ns)
    family->packing_mtime_ns = written;
  if (!is_explained)
    mst_follow_lose(follow, one->path, 0, "it was compressed before it was read");
}
