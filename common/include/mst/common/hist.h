#ifndef MST_COMMON_HIST_H
#define MST_COMMON_HIST_H

#include <stdbool.h>
#include <stdint.h>

#include <mst/common/err.h>
#include <mst/common/fixed.h>

/* A base-2 exponential histogram as OpenTelemetry's data model defines it: bucket i of scale s holds (base^i, base^(i+1)] with
 * base = 2^(2^-s); values that do not fit into MST_HIST_MAX_BUCKETS buckets lower the scale. Positive, negative and zero values.
 * Merging is exact, commutative and associative: any order of merges gives the same bytes.
 * Source: opentelemetry.io/docs/specs/otel/metrics/data-model/#exponentialhistogram */
enum { MST_HIST_MAX_BUCKETS = 160, MST_HIST_MAX_SCALE = 20, MST_HIST_MIN_SCALE = -10 };

/* One sign's buckets: counts[0 .. length) stand for indices offset .. offset + length - 1. counts is owned, NULL when length is 0. */
typedef struct mst_hist_side {
  int32_t offset;
  uint32_t length;
  uint64_t *counts;
} mst_hist_side;

typedef struct mst_hist {
  int32_t scale;
  uint64_t count;
  uint64_t zero_count;
  mst_fixed sum;
  double min, max; /* meaningless while count is 0 */
  mst_hist_side positive, negative;
} mst_hist;

/* An empty histogram; scale starts at MST_HIST_MAX_SCALE. Needs no memory until a value comes. */
void mst_hist_init(mst_hist *hist);
void mst_hist_done(mst_hist *hist);

/* Adds `count` samples of one value. MST_EMALFORMED for NaN, infinities and |value| >= 2^63; MST_ENOMEM; MST_ELIMIT when a count
 * would pass 2^63 or the sum 2^97; the histogram is unchanged on failure. */
mst_err mst_hist_add(mst_hist *hist, double value, uint64_t count, mst_errctx *ctx) MST_MUST_USE;
/* Adds all of `from` to `into`, at the greatest scale up to both their scales that holds them. MST_ENOMEM, MST_ELIMIT as above; `into` is
 * unchanged on failure. */
mst_err mst_hist_merge(mst_hist *into, const mst_hist *from, mst_errctx *ctx) MST_MUST_USE;
mst_err mst_hist_copy(const mst_hist *from, mst_hist *ret_copy, mst_errctx *ctx) MST_MUST_USE;
/* Lowers the scale by `by` >= 0 (never under MST_HIST_MIN_SCALE): pairs of neighbours become one bucket, `by` times. */
void mst_hist_downscale(mst_hist *hist, int32_t by);
/* Same counts, same scale, same sum. */
bool mst_hist_equal(const mst_hist *a, const mst_hist *b);
/* True when lengths, scale, counts and their total agree: what a decoder must ask before it trusts one from the wire. */
bool mst_hist_valid(const mst_hist *hist);

/* The value below or at which at least share q (0..1) of the samples lie (nearest rank, rank = max(1, ceil(q * count)); q counts as 2^-50
 * of itself less, so that 0.07 of 100 is the 7th though 0.07 is rounded up as a double), as the point 2lu/(l+u) of its bucket (l, u] kept
 * inside [min, max]: its relative error is at most mst_hist_error. NAN when empty. Pinned: the same on every machine. */
double mst_hist_quantile(const mst_hist *hist, double q);
/* The bound on the relative error of a quantile at this scale: (base - 1) / (base + 1). */
double mst_hist_error(const mst_hist *hist);
/* How many samples surely, and how many possibly, are <= bound: the bucket that holds the bound counts as possible only, unless the
 * bound is its upper edge. *ret_possibly includes *ret_surely. Both 0 for NaN. */
void mst_hist_count_upto(const mst_hist *hist, double bound, uint64_t *ret_surely, uint64_t *ret_possibly);

/* The index of the bucket that holds value > 0 at a scale; pinned: the same on every machine, without libm's last-bit differences. */
int32_t mst_hist_index(double value, int32_t scale);

#endif
