#ifndef MST_AGENT_SAVED_H
#define MST_AGENT_SAVED_H

#include <mst/agent/collector.h>

/* What collectors save with their samples, by the collector's name and instance ("tail/genesis"). What a plan no longer names stays, so
 * that a tail that comes back goes on where it was; it goes when others need its room. Loop thread. */
enum {
  MST_SAVED_MAX_BYTES = 128 * 1024, /* encoded: what the spool takes with one report */
  MST_SAVED_MAX_ENTRIES = 256,
};

typedef struct mst_saved_entry {
  char *name; /* owned */
  mst_buf bytes;
  uint64_t touched; /* when it was put: rising */
} mst_saved_entry;

typedef struct mst_saved_set {
  mst_saved_entry *entries; /* owned */
  size_t count;
  uint64_t puts;
} mst_saved_set; /* zero-initialised: empty */

void mst_saved_done(mst_saved_set *set);
/* Empty when there is none. Borrowed until the next put. */
mst_bytes mst_saved_get(const mst_saved_set *set, const char *name);
/* Copies. MST_ELIMIT: over MST_COLLECTOR_SAVED_MAX_BYTES, or the entries of this start alone leave no room for it. */
mst_err mst_saved_put(mst_saved_set *set, const char *name, mst_bytes bytes, mst_errctx *ctx) MST_MUST_USE;
/* Appends all entries; nothing when there are none. */
mst_err mst_saved_encode(const mst_saved_set *set, mst_buf *ret_bytes, mst_errctx *ctx) MST_MUST_USE;
/* bytes may be empty. MST_EMALFORMED. On failure the set is empty. */
mst_err mst_saved_decode(mst_bytes bytes, mst_saved_set *ret_set, mst_errctx *ctx) MST_MUST_USE;

#endif
