#ifndef MST_CONTROLLER_RANGES_H
#define MST_CONTROLLER_RANGES_H

#include <stdbool.h>
#include <stdint.h>

#include <mst/common/err.h>

/* A set of sequence numbers as sorted, disjoint, non-adjacent inclusive ranges. A session without losses or gaps has one. Not thread-safe.
 */
enum {
  /* A session's numbers come in bursts out of order, but what is missing is sent again or reported as lost: this many holes are an agent
     gone wrong. */
  MST_RANGES_MAX = 65536,
};

typedef struct mst_range {
  uint64_t first, last;
} mst_range;

typedef struct mst_ranges {
  mst_range *list; /* owned */
  uint32_t count, capacity;
} mst_ranges;

void mst_ranges_done(mst_ranges *ranges);
bool mst_ranges_has(const mst_ranges *ranges, uint64_t number);
/* How many numbers are in it. */
uint64_t mst_ranges_total(const mst_ranges *ranges);
/* Adds first..last, whatever of it is there already. MST_EMALFORMED when first > last; MST_ELIMIT; MST_ENOMEM. Unchanged on failure. */
mst_err mst_ranges_add(mst_ranges *ranges, uint64_t first, uint64_t last, mst_errctx *ctx) MST_MUST_USE;
/* Takes first..last out. May need one range more: the same errors. */
mst_err mst_ranges_remove(mst_ranges *ranges, uint64_t first, uint64_t last, mst_errctx *ctx) MST_MUST_USE;
mst_err mst_ranges_copy(const mst_ranges *from, mst_ranges *ret_copy, mst_errctx *ctx) MST_MUST_USE;

#endif
