#ifndef MST_JUDGE_STREAKS_H
#define MST_JUDGE_STREAKS_H

#include <stdbool.h>
#include <stdint.h>

#include <mst/common/err.h>

/* Which windows of a span are there, as runs of neighbours, each with what is kept of it. Data that comes in order makes one run, each gap
 * one more: memory and time follow the gaps and not the history. Adding in any order gives the same runs and, since payloads merge
 * associatively, the same payloads. */
typedef struct mst_streak {
  uint32_t first, end; /* windows first .. end - 1 */
} mst_streak;

typedef struct mst_streaks {
  mst_streak *list;  /* ascending, never touching */
  uint8_t *payloads; /* stride_bytes each; NULL when that is 0 */
  uint32_t count, capacity;
  uint32_t stride_bytes; /* a multiple of 16, for 128-bit sums */
} mst_streaks;

/* Puts what came later (right) to what came before (left). adjacent: no window is missing between the two. */
typedef void (*mst_merge)(const void *context, void *left, const void *right, bool adjacent);

void mst_streaks_init(mst_streaks *runs, uint32_t stride_bytes);
void mst_streaks_done(mst_streaks *runs);
void mst_streaks_clear(mst_streaks *runs);
/* MST_EEXIST when that window is there already, MST_ENOMEM. merge may be NULL when there are no payloads. */
mst_err mst_streaks_add(mst_streaks *runs, uint32_t window, const void *payload, mst_merge merge, const void *context,
                        mst_errctx *ctx) MST_MUST_USE;
/* Grows every payload to stride_bytes; new bytes are zero. */
mst_err mst_streaks_widen(mst_streaks *runs, uint32_t stride_bytes, mst_errctx *ctx) MST_MUST_USE;
/* How many of the windows from .. to - 1 are there. */
uint32_t mst_streaks_present(const mst_streaks *runs, uint32_t from, uint32_t to);
static inline void *
mst_streaks_payload(const mst_streaks *runs, uint32_t run)
{
  return runs->payloads + (size_t)run * runs->stride_bytes;
}

#endif
