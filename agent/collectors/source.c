/* Kept-open kernel files; see source.h. */
#include "collectors/source.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/types.h>
#include <unistd.h>

#include <mst/common/alloc.h>

mst_err
mst_source_fail(mst_errctx *ctx, int os_errno, const char *verb, const char *path)
{
  errno = os_errno;
  switch (os_errno) {
  case ENOENT:
  case ENOTDIR:
  case ENODEV:
  case ENXIO:
  case EOPNOTSUPP: /* pressure files of a kernel booted with psi=0 */
    return mst_fail_errno(ctx, MST_EABSENT, "%s /%s", verb, path);
  case EACCES:
  case EPERM:
    return mst_fail_errno(ctx, MST_EPERM, "%s /%s (let the agent's user read it, or run the agent with CAP_DAC_READ_SEARCH)", verb, path);
  default:
    return mst_fail_errno(ctx, MST_EIO, "%s /%s", verb, path);
  }
}

mst_err
mst_source_open(mst_source *source, int root_fd, const char *path, size_t first_bytes, size_t max_bytes, mst_errctx *ctx)
{
  int fd = openat(root_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

  if (fd < 0)
    return mst_source_fail(ctx, errno, "open", path);

  char *text = mst_alloc(first_bytes, 1);

  if (!text) {
    close(fd);
    return mst_fail(ctx, MST_ENOMEM, "open /%s: no memory for %zu bytes", path, first_bytes);
  }
  *source = (mst_source){.is_open = true, .fd = fd, .path = path, .text = text, .capacity = first_bytes, .max_bytes = max_bytes};
  return MST_OK;
}

static mst_err
grow(mst_source *source, mst_errctx *ctx)
{
  size_t capacity = source->capacity * 2 < source->max_bytes ? source->capacity * 2 : source->max_bytes;

  if (source->capacity >= source->max_bytes)
    return mst_fail(ctx, MST_ELIMIT, "read /%s: it has over %zu bytes, more than the agent takes", source->path, source->max_bytes);

  char *text = mst_realloc(source->text, capacity, 1);

  if (!text)
    return mst_fail(ctx, MST_ENOMEM, "read /%s: no memory for %zu bytes", source->path, capacity);
  source->text = text;
  source->capacity = capacity;
  return MST_OK;
}

mst_err
mst_source_read(mst_source *source, mst_errctx *ctx)
{
  source->length = 0;
  for (;;) {
    if (source->length == source->capacity) {
      mst_err err = grow(source, ctx);
      if (err != MST_OK)
        return err;
    }

    ssize_t got = pread(source->fd, source->text + source->length, source->capacity - source->length, (off_t)source->length);

    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return mst_source_fail(ctx, errno, "read", source->path);
    if (got == 0)
      return MST_OK;
    source->length += (size_t)got;
  }
}

mst_err
mst_source_read_head(mst_source *source, mst_errctx *ctx)
{
  ssize_t got;

  do
    got = pread(source->fd, source->text, source->capacity, 0);
  while (got < 0 && errno == EINTR);
  if (got < 0)
    return mst_source_fail(ctx, errno, "read", source->path);
  source->length = (size_t)got;
  return MST_OK;
}

void
mst_source_close(mst_source *source)
{
  if (source->is_open)
    close(source->fd);
  mst_free(source->text);
  *source = (mst_source){0};
}

mst_err
mst_source_read_once(int root_fd, const char *path, char *buf, size_t size_bytes, size_t *ret_length, mst_errctx *ctx)
{
  size_t length = 0;
  mst_err err = MST_OK;
  int fd = openat(root_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

  if (fd < 0)
    return mst_source_fail(ctx, errno, "open", path);
  while (length < size_bytes) {
    ssize_t got = read(fd, buf + length, size_bytes - length);

    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0) {
      err = mst_source_fail(ctx, errno, "read", path);
      break;
    }
    if (got == 0)
      break;
    length += (size_t)got;
  }
  close(fd);
  if (err == MST_OK)
    *ret_length = length;
  return err;
}
