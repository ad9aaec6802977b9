#ifndef MST_JUDGE_TREND_MATH_H
#define MST_JUDGE_TREND_MATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Trend statistics over values that are known to lie in an interval each (a point when nothing is missing). Decisions use additions,
 * divisions and comparisons only, in a fixed order, so that they are the same on every machine. */
typedef struct mst_interval {
  double lo, hi; /* may be infinite */
  uint32_t at;   /* its place in time, ascending */
} mst_interval;

/* The median of count sorted values and `missing` more that may be anything. */
mst_interval mst_median_interval(const double *sorted, size_t count, size_t missing);
double mst_median(const double *sorted, size_t count);
int mst_compare_doubles(const void *a, const void *b);

/* Mann-Kendall: whether a rise (falling: a fall) at one-sided significance z is possible. With points only: whether there is one. Variance
 * with the correction for ties; Mann 1945, Kendall 1975. */
bool mst_trend_is_possible(const mst_interval *values, size_t count, double z, bool falling);
/* The greatest (least: the smallest) Theil-Sen slope, per step of `at`. slopes: room for count * (count - 1) / 2. */
double mst_theil_sen(const mst_interval *values, size_t count, bool least, double *slopes);
/* The greatest coefficient of variation (population), by trying all corners of the box for up to MST_CV_MAX_OPEN intervals that are no
 * points; INFINITY when there are more, when one is unbounded, or when the mean may be zero or less. */
enum { MST_CV_MAX_OPEN = 12 };
double mst_greatest_cv(const mst_interval *values, size_t count, double *scratch);

#endif
