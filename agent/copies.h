#ifndef MST_AGENT_COPIES_H
#define MST_AGENT_COPIES_H

#include <stdbool.h>
#include <stddef.h>

#include <mst/common/err.h>

/* Copies of all that is sent to controllers: envelopes as docs/wire-format.md describes them, one behind the other, resent ones again; for
 * whoever must know what leaves a host. Off unless the config names a file. A copy that cannot be written is left out, and said once:
 * an audit must not stand in the way of the data. Blocks; one thread at a time. */
typedef struct mst_copies {
  int fd; /* -1: off */
  bool is_failing;
} mst_copies;

/* path NULL: off. */
mst_err mst_copies_open(mst_copies *copies, const char *path, mst_errctx *ctx) MST_MUST_USE;
void mst_copies_close(mst_copies *copies);
void mst_copies_keep(mst_copies *copies, const void *envelope, size_t size_bytes);

#endif
