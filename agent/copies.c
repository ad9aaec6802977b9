#include "copies.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <mst/common/log.h>

mst_err
mst_copies_open(mst_copies *copies, const char *path, mst_errctx *ctx)
{
  *copies = (mst_copies){.fd = -1};
  if (!path)
    return MST_OK;
  copies->fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  return copies->fd < 0 ? mst_fail_errno(ctx, MST_EIO, "open the file of copies %s", path) : MST_OK;
}

void
mst_copies_close(mst_copies *copies)
{
  if (copies->fd >= 0)
    close(copies->fd);
  copies->fd = -1;
}

void
mst_copies_keep(mst_copies *copies, const void *envelope, size_t size_bytes)
{
  if (copies->fd < 0)
    return;
  ssize_t written = write(copies->fd, envelope, size_bytes);
  bool has_failed = written < 0 || (size_t)written < size_bytes;

  if (has_failed && !copies->is_failing)
    mst_log(MST_LOG_ERROR, "copy-not-kept", "reason", written < 0 ? strerror(errno) : "the disk is full", "now",
            "reports are sent without a copy until it works again", NULL);
  copies->is_failing = has_failed;
}
