#ifndef MST_AGENT_SPOOL_RANGES_H
#define MST_AGENT_SPOOL_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mst/common/err.h>

/* A stretch of one session's sequence numbers with the session's running sample count before its first and after its last record: what lies
 * between two stretches is then known to the sample, though its records are gone. */
typedef struct mst_range {
  uint64_t first, last; /* inclusive, first >= 1 */
  uint64_t samples_before, samples_after;
} mst_range;

/* Far more holes than a spool can get: neighbours melt into one. */
enum { MST_RANGES_MAX = 65536 };

/* Sorted, disjoint, never adjacent. Zero-initialise; not thread-safe. */
typedef struct mst_ranges {
  mst_range *list; /* owned */
  size_t count, capacity;
} mst_ranges;

void mst_ranges_done(mst_ranges *ranges);
/* Adds a stretch; what is there already stays. MST_EMALFORMED for one that ends before it begins, MST_ENOMEM, MST_ELIMIT. */
mst_err mst_ranges_add(mst_ranges *ranges, mst_range range, mst_errctx *ctx) MST_MUST_USE;
bool mst_ranges_has(const mst_ranges *ranges, uint64_t sequence);
mst_err mst_ranges_copy(const mst_ranges *from, mst_ranges *ret_copy, mst_errctx *ctx) MST_MUST_USE;

/* The holes between 1 and `last`, at whose end the session had counted samples_last samples. The caller finishes *ret_gaps, which
 * must be zero. Adjacent to nothing, so its count is at most ranges->count + 1. */
mst_err mst_ranges_gaps(const mst_ranges *ranges, uint64_t last, uint64_t samples_last, mst_ranges *ret_gaps, mst_errctx *ctx) MST_MUST_USE;

#endif
