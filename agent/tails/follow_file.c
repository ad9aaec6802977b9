/* One followed file: its descriptor, and what tells it from others. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <mst/common/digest.h>

#include "follow_state.h"

mst_err
mst_file_open_fd(mst_follow *follow, mst_file *file, mst_errctx *ctx)
{
  struct stat info;

  (void)follow;
  if (file->fd >= 0)
    return MST_OK;
  /* O_NONBLOCK: a FIFO that took the file's place must not hold the thread. */
  file->fd = open(file->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (file->fd < 0)
    return mst_fail_errno(ctx,
                          errno == EACCES || errno == EPERM ? MST_EPERM
                          : errno == ENOENT                 ? MST_EABSENT
                                                            : MST_EIO,
                          "open %s", file->path);
  if (fstat(file->fd, &info) < 0 || !S_ISREG(info.st_mode) || info.st_dev != file->dev || info.st_ino != file->ino) {
    mst_file_close_fd(file);
    return mst_fail(ctx, MST_EABSENT, "%s is another file now", file->path);
  }
  return MST_OK;
}

void
mst_file_close_fd(mst_file *file)
{
  if (file->fd >= 0)
    close(file->fd);
  file->fd = -1;
}

bool
mst_file_print(int fd, uint64_t offset, size_t count, uint8_t ret_print[static MST_PRINT_BYTES])
{
  uint8_t bytes[MST_HEAD_BYTES];
  size_t got = 0;

  while (got < count) {
    ssize_t n = pread(fd, bytes + got, count - got, (off_t)(offset + got));
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return false;
    got += (size_t)n;
  }
  mst_digest digest = mst_digest_of("muster/log-print", bytes, count);
  memcpy(ret_print, digest.bytes, MST_PRINT_BYTES);
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

void
mst_file_remember(mst_file *file)
{
  size_t head = file->size < MST_HEAD_BYTES ? (size_t)file->size : MST_HEAD_BYTES;
  size_t tail = file->position < MST_TAIL_BYTES ? (size_t)file->position : MST_TAIL_BYTES;

  if (file->fd < 0)
    return;
  if (head > file->head_bytes && mst_file_print(file->fd, 0, head, file->head))
    file->head_bytes = (uint16_t)head;
  file->tail_bytes = 0;
  if (tail > 0 && mst_file_print(file->fd, file->position - tail, tail, file->tail))
    file->tail_bytes = (uint8_t)tail;
}

void
mst_follow_lose(mst_follow *follow, const char *path, uint64_t bytes, const char *why)
{
  follow->stats.lost_events++;
  if (bytes > 0)
    snprintf(follow->stats.lost, sizeof follow->stats.lost, "at least %llu bytes of %.120s were not read: %s", (unsigned long long)bytes,
             path, why);
  else
    snprintf(follow->stats.lost, sizeof follow->stats.lost, "a part of %.120s may not have been read: %s", path, why);
}
