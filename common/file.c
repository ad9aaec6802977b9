/* Files: read whole, replace whole. */
#include <mst/common/file.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_CHUNK_BYTES = 16 * 1024 };

mst_err
mst_file_read(const char *path, mst_buf *buf, mst_errctx *ctx)
{
  char chunk[READ_CHUNK_BYTES];
  mst_err err = MST_OK;
  int fd = open(path, O_RDONLY | O_CLOEXEC);

  if (fd < 0)
    return mst_fail_errno(ctx, errno == ENOENT ? MST_EABSENT : errno == EACCES ? MST_EPERM : MST_EIO, "open %s", path);
  for (;;) {
    ssize_t n = read(fd, chunk, sizeof chunk);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0) {
      err = mst_fail_errno(ctx, MST_EIO, "read %s", path);
      break;
    }
    if (n == 0)
      break;
    mst_buf_append(buf, chunk, (size_t)n);
    if ((err = mst_buf_check(buf, path, ctx)) != MST_OK)
      break;
  }
  close(fd);
  return err;
}

/* A full disk is a limit, which callers answer otherwise than a broken one. */
static mst_err
code_of_errno(void)
{
  return errno == ENOSPC || errno == EDQUOT ? MST_ELIMIT : MST_EIO;
}

static mst_err
write_all(int fd, const char *path, const void *data, size_t size_bytes, mst_errctx *ctx)
{
  const char *at = data;

  while (size_bytes > 0) {
    ssize_t n = write(fd, at, size_bytes);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return mst_fail_errno(ctx, code_of_errno(), "write %s", path);
    at += n;
    size_bytes -= (size_t)n;
  }
  return MST_OK;
}

mst_err
mst_file_replace(const char *path, const void *data, size_t size_bytes, mode_t mode, mst_errctx *ctx)
{
  char temporary[PATH_MAX];

  /* The thread's id: two threads that replace the same file must not write into one temporary file. */
  if (snprintf(temporary, sizeof temporary, "%s.new.%ld", path, (long)gettid()) >= (int)sizeof temporary)
    return mst_fail(ctx, MST_ELIMIT, "write %s: the path is too long", path);
  /* What a killed process left there goes first: O_EXCL, so that nobody else holds the file that secrets are written to. */
  unlink(temporary);
  int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode & 0600);
  if (fd < 0)
    return mst_fail_errno(ctx, code_of_errno(), "make %s", temporary);
  mst_err err = write_all(fd, temporary, data, size_bytes, ctx);
  if (err == MST_OK && fchmod(fd, mode) != 0)
    err = mst_fail_errno(ctx, MST_EIO, "set the mode of %s", temporary);
  if (err == MST_OK && fsync(fd) != 0)
    err = mst_fail_errno(ctx, code_of_errno(), "sync %s", temporary);
  if (close(fd) != 0 && err == MST_OK)
    err = mst_fail_errno(ctx, code_of_errno(), "close %s", temporary);
  if (err == MST_OK && rename(temporary, path) != 0)
    err = mst_fail_errno(ctx, code_of_errno(), "rename %s to %s", temporary, path);
  if (err != MST_OK) {
    unlink(temporary);
    return err;
  }
  return mst_file_sync_dir(path, ctx);
}

mst_err
mst_file_mkdirs(const char *path, mode_t mode, mst_errctx *ctx)
{
  char part[PATH_MAX];
  struct stat st;

  if (path[0] == '\0')
    return mst_fail(ctx, MST_EABSENT, "make a folder: its name is empty");
  if (snprintf(part, sizeof part, "%s", path) >= (int)sizeof part)
    return mst_fail(ctx, MST_ELIMIT, "make folder %s: the path is too long", path);
  for (char *at = part + 1;; at++) {
    if (*at != '/' && *at != '\0')
      continue;
    char end = *at;
    *at = '\0';
    if (mkdir(part, mode) != 0 && errno != EEXIST)
      return mst_fail_errno(ctx, MST_EIO, "make folder %s", part);
    if (end == '\0')
      break;
    *at = end;
  }
  if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
    return mst_fail(ctx, MST_EIO, "make folder %s: something that is no folder stands there", path);
  return MST_OK;
}

mst_err
mst_file_sync_dir(const char *path, mst_errctx *ctx)
{
  char folder[PATH_MAX];
  const char *slash = strrchr(path, '/');
  int bytes = slash == path ? snprintf(folder, sizeof folder, "/")
              : slash       ? snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path)
                            : snprintf(folder, sizeof folder, ".");

  if (bytes >= (int)sizeof folder)
    return mst_fail(ctx, MST_ELIMIT, "sync the folder of %s: the path is too long", path);
  int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    return mst_fail_errno(ctx, MST_EIO, "open folder %s", folder);
  mst_err err = fsync(fd) == 0 ? MST_OK : mst_fail_errno(ctx, MST_EIO, "sync folder %s", folder);
  close(fd);
  return err;
}
