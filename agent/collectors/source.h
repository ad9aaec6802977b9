#ifndef MST_AGENT_SOURCE_H
#define MST_AGENT_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

#include <mst/common/err.h>

/* A file below the root that is read again and again: kept open and reread from its start with pread, which costs a third less
 * than opening it each time. Loop thread only. Zero-initialised is closed. */
typedef struct mst_source {
  bool is_open;
  int fd;
  const char *path; /* borrowed for life: "proc/stat" */
  char *text;       /* owned; what the last read gave, not terminated */
  size_t length;
  size_t capacity, max_bytes;
} mst_source;

/* Opens `path` below root_fd.
 *
 * first_bytes  what to make room for at once: what the file has on most hosts
 * max_bytes    what it may grow to
 *
 * MST_EABSENT  no such file, or the kernel says that it does not do this
 * MST_EPERM    not permitted; the text says what would permit it
 * MST_EIO, MST_ENOMEM */
mst_err mst_source_open(mst_source *source, int root_fd, const char *path, size_t first_bytes, size_t max_bytes,
                        mst_errctx *ctx) MST_MUST_USE;
/* Reads the whole file into text. MST_ELIMIT when it is over max_bytes; else as open. */
mst_err mst_source_read(mst_source *source, mst_errctx *ctx) MST_MUST_USE;
/* Reads at most first_bytes of it with one call: for a file whose first line is all that is needed. */
mst_err mst_source_read_head(mst_source *source, mst_errctx *ctx) MST_MUST_USE;
void mst_source_close(mst_source *source);

/* Opens, reads into buf (at most size_bytes, the rest is left unread) and closes: for files that come and go. Errors as mst_source_open. */
mst_err mst_source_read_once(int root_fd, const char *path, char *buf, size_t size_bytes, size_t *ret_length, mst_errctx *ctx) MST_MUST_USE;

/* The code for an errno of open or read on a kernel file, with its text in ctx: "<verb> /<path>: why". */
mst_err mst_source_fail(mst_errctx *ctx, int os_errno, const char *verb, const char *path);

#endif
