#ifndef MST_EXPOSITION_ASK_H
#define MST_EXPOSITION_ASK_H

#include <mst/exposition/select.h>

/* One figure out of a scrape: SELECTOR, rate(SELECTOR) and increase(SELECTOR) over the time since the last scrape, sum(...), max(...),
 * min(...), avg(...), count(...) of either, quantile(0.95, ...) of a classic histogram's buckets (since they began, or, of rate or
 * increase, between two scrapes), absent(SELECTOR).
 *
 * It keeps the matched series alone, and of those only what it must: for rate and increase their last values. */
typedef struct mst_ask mst_ask;

enum {
  MST_ASK_SERIES_MAX = 8192,    /* kept for rates and increases: some MB at most with names of usual length */
  MST_ASK_BUCKETS_MAX = 512,    /* bounds of one histogram: the widest seen have about 100 */
  MST_ASK_KEY_MAX_BYTES = 8192, /* name and labels of a kept series */
};

/* MST_EUSAGE says what to write; MST_ENOMEM. */
mst_err mst_ask_create(const char *text, mst_ask **ret_ask, mst_errctx *ctx) MST_MUST_USE;
void mst_ask_destroy(mst_ask *ask);
/* A scrape begins; what a scrape before it gave and did not end is dropped. */
void mst_ask_begin(mst_ask *ask);
/* MST_ELIMIT: too many series, or a pattern's steps; MST_EMALFORMED: a bucket without a bound; MST_ENOMEM. */
mst_err mst_ask_take(mst_ask *ask, const mst_exposition_sample *sample, mst_errctx *ctx) MST_MUST_USE;
/* The scrape has ended well. mono_ns: when it was made, on a clock that never goes back; wall_s: the same since 1970, what _created is
 * held against. MST_EABSENT: no series matches, or there is no scrape before this one, or no observation in the histogram; MST_EMALFORMED:
 * several series where one was asked for, or a histogram without +Inf. */
mst_err mst_ask_end(mst_ask *ask, int64_t mono_ns, double wall_s, double *ret_value, mst_errctx *ctx) MST_MUST_USE;

typedef struct mst_bucket {
  double bound; /* le, inclusive; the last one +Inf */
  double count; /* of all observations up to it */
} mst_bucket;
/* The quantile (0..1) of a classic histogram, as PromQL's histogram_quantile: promql/quantile.go, bucketQuantile of Prometheus 2.53, with
 * its coalescing of equal bounds and its levelling of counts that fall. Sorts and changes the buckets. NaN: no +Inf, fewer than two
 * buckets, or no observations. */
double mst_buckets_quantile(mst_bucket *buckets, size_t count, double quantile);

#endif
