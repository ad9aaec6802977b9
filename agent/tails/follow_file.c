/* One followed file: its descriptor, and what tells it from others. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <mst/common/digest.h>

#include "follow_state.h"

static uint32_t
count_open(const mst_follow *follow)
{
  uint32_t count = 0;

  for (size_t i = 0; i < follow->file_count; i++)
    count += follow->files[i].fd >= 0;
  return count;
}

/* Where reading began at the end of a file, it began within a line unless a newline stands before. */
static void
look_before_position(mst_file *file)
{
  uint8_t last = 0;

  if (file->is_skipping && file->tail_bytes == 0 && file->position > 0 && pread(file->fd, &last, 1, (off_t)file->position - 1) == 1)
    file->is_skipping = last != '\n';
}

mst_err
mst_file_open_fd(mst_follow *follow, mst_file *file, bool is_needed, mst_errctx *ctx)
{
  struct stat info;

  if (file->fd >= 0 || (!is_needed && file->state != MST_FILE_LIVE && count_open(follow) >= follow->setup.files_max + MST_SPARE_FDS))
    return MST_OK;
  /* O_NONBLOCK: a FIFO that took the file's place must not hold the thread. */
  file->fd = open(file->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (file->fd < 0)
    return mst_fail_errno(ctx,
                          errno == EACCES || errno == EPERM ? MST_EPERM
                          : errno == ENOENT                 ? MST_EABSENT
                                                            : MST_EIO,
                          "open %s", mst_follow_shown(follow, file->path));
  if (fstat(file->fd, &info) < 0 || !S_ISREG(info.st_mode) || info.st_dev != file->dev || info.st_ino != file->ino) {
    mst_file_close_fd(file);
    return mst_fail(ctx, MST_EABSENT, "%s is another file now", mst_follow_shown(follow, file->path));
  }
  look_before_position(file);
  return MST_OK;
}

void
mst_file_close_fd(mst_file *file)
{
  if (file->fd >= 0)
    close(file->fd);
  file->fd = -1;
}

void
mst_print_of(const void *bytes, size_t count, uint8_t ret_print[static MST_PRINT_BYTES])
{
  mst_digest digest = mst_digest_of("muster/log-print", bytes, count);

  memcpy(ret_print, digest.bytes, MST_PRINT_BYTES);
}

mst_err
mst_file_read_at(int fd, uint64_t offset, void *to, size_t count, size_t *ret_got, const char *path, mst_errctx *ctx)
{
  size_t got = 0;

  while (got < count) {
    ssize_t n = pread(fd, (uint8_t *)to + got, count - got, (off_t)(offset + got));
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

bool
mst_file_print(int fd, uint64_t offset, size_t count, uint8_t ret_print[static MST_PRINT_BYTES])
{
  uint8_t bytes[MST_HEAD_BYTES];
  size_t got = 0;

  if (count > sizeof bytes || mst_file_read_at(fd, offset, bytes, count, &got, "", NULL) != MST_OK || got < count)
    return false;
  mst_print_of(bytes, count, ret_print);
  return true;
}

bool
mst_file_is_same(const mst_file *file, int fd, uint64_t size)
{
  uint8_t print[MST_PRINT_BYTES];

  if (size < file->head_bytes || size < file->position)
    return false;
  if (file->head_bytes > 0 && (!mst_file_print(fd, 0, file->head_bytes, print) || memcmp(print, file->head, sizeof print) != 0))
    return false;
  return file->tail_bytes == 0 ||
         (mst_file_print(fd, file->position - file->tail_bytes, file->tail_bytes, print) && memcmp(print, file->tail, sizeof print) == 0);
}

bool
mst_file_check_head(mst_file *file)
{
  uint8_t bytes[MST_HEAD_BYTES], print[MST_PRINT_BYTES];
  size_t most = file->size < sizeof bytes ? (size_t)file->size : sizeof bytes, got = 0;

  if (most < file->head_bytes || mst_file_read_at(file->fd, 0, bytes, most, &got, "", NULL) != MST_OK || got < file->head_bytes)
    return false;
  if (file->head_bytes > 0) {
    mst_print_of(bytes, file->head_bytes, print);
    if (memcmp(print, file->head, sizeof print) != 0)
      return false;
  }
  if (got > file->head_bytes) {
    mst_print_of(bytes, got, file->head);
    file->head_bytes = (uint16_t)got;
  }
  return true;
}

void
mst_file_remember(mst_file *file)
{
  size_t tail = file->position < MST_TAIL_BYTES ? (size_t)file->position : MST_TAIL_BYTES;

  if (file->fd < 0)
    return;
  (void)mst_file_check_head(file); /* what does not fit is seen by the next refresh */
  file->tail_bytes = 0;
  if (tail > 0 && mst_file_print(file->fd, file->position - tail, tail, file->tail))
    file->tail_bytes = (uint8_t)tail;
}

void
mst_file_settle(mst_file *file)
{
  struct stat now;

  if (file->fd < 0 || fstat(file->fd, &now) < 0 || (uint64_t)now.st_size >= file->size)
    return;
  file->size = file->position = file->searched = 0;
  file->head_bytes = file->tail_bytes = 0;
}

const char *
mst_follow_shown(const mst_follow *follow, const char *path)
{
  size_t length = strlen(follow->root);

  return strncmp(path, follow->root, length) == 0 ? path + length : path;
}

void
mst_follow_trouble(mst_follow *follow, const char *why)
{
  if (follow->stats.trouble[0] == '\0')
    snprintf(follow->stats.trouble, sizeof follow->stats.trouble, "%s", why);
}

void
mst_follow_lose(mst_follow *follow, const char *path, uint64_t bytes, const char *why)
{
  follow->stats.lost_events++;
  follow->stats.lost_bytes += bytes;
  if (bytes > 0)
    snprintf(follow->stats.lost, sizeof follow->stats.lost, "at least %llu bytes of %.120s were not read: %s", (unsigned long long)bytes,
             mst_follow_shown(follow, path), why);
  else
    snprintf(follow->stats.lost, sizeof follow->stats.lost, "a part of %.120s may not have been read: %s", mst_follow_shown(follow, path),
             why);
}
