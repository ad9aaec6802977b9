#ifndef MST_COMMON_FILE_H
#define MST_COMMON_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <mst/common/buf.h>
#include <mst/common/err.h>

/* Reads a whole file into buf (appended). Fails with MST_ELIMIT when it does not fit under buf's maximum.
 * Works on /proc files, whose size is said to be 0. Blocks. MST_EABSENT when there is no such file. */
mst_err mst_file_read(const char *path, mst_buf *buf, mst_errctx *ctx) MST_MUST_USE;

/* Replaces a file whole or not at all: temporary file beside it, write, fsync, rename, fsync of the folder.
 * mode is the exact mode of the new file, whatever the umask. Blocks. MST_ELIMIT when the disk or a quota is full. The temporary file
 * is named for the thread, so that threads may replace the same file at the same time; the last one wins. */
mst_err mst_file_replace(const char *path, const void *data, size_t size_bytes, mode_t mode, mst_errctx *ctx) MST_MUST_USE;

/* Makes a folder and its parents; an existing folder is fine (its mode stays as it is). */
mst_err mst_file_mkdirs(const char *path, mode_t mode, mst_errctx *ctx) MST_MUST_USE;

/* fsync of the folder that holds `path`, so that a rename or unlink in it is durable. */
mst_err mst_file_sync_dir(const char *path, mst_errctx *ctx) MST_MUST_USE;

#endif
