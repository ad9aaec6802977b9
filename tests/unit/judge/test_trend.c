/* Mann-Kendall, Theil-Sen and the coefficient of variation against their definitions, and their bounds against samples from the intervals.
 */
#include "rig.h"

#include "judge/trend_math.h"

enum { MAX_POINTS = 24 };

static const double z95 = 1.6448536269514722;

/* Kendall's S and its variance by the textbook: ties grouped by sorting. */
static double
brute_z(const double *values, size_t count)
{
  double sorted[MAX_POINTS], s = 0, n = (double)count, variance = n * (n - 1) * (2 * n + 5);

  for (size_t i = 0; i < count; i++)
    for (size_t j = i + 1; j < count; j++)
      s += values[j] > values[i] ? 1 : values[j] < values[i] ? -1 : 0;
  memcpy(sorted, values, count * sizeof *values);
  qsort(sorted, count, sizeof *sorted, mst_compare_doubles);
  for (size_t i = 0, end; i < count; i = end) {
    for (end = i; end < count && sorted[end] == sorted[i]; end++) {
    }
    double t = (double)(end - i);
    variance -= t * (t - 1) * (2 * t + 5);
  }
  variance /= 18;
  if (variance <= 0)
    return 0;
  return s > 0 ? (s - 1) / sqrt(variance) : s < 0 ? (s + 1) / sqrt(variance) : 0;
}

static double
brute_slope(const double *values, size_t count)
{
  double slopes[MAX_POINTS * MAX_POINTS];
  size_t pairs = 0;

  for (size_t i = 0; i < count; i++)
    for (size_t j = i + 1; j < count; j++)
      slopes[pairs++] = (values[j] - values[i]) / (double)(j - i);
  qsort(slopes, pairs, sizeof *slopes, mst_compare_doubles);
  return pairs % 2 ? slopes[pairs / 2] : (slopes[pairs / 2 - 1] + slopes[pairs / 2]) / 2;
}

static double
brute_cv(const double *values, size_t count)
{
  double mean = 0, squares = 0;

  for (size_t i = 0; i < count; i++)
    mean += values[i] / (double)count;
  for (size_t i = 0; i < count; i++)
    squares += (values[i] - mean) * (values[i] - mean) / (double)count;
  return sqrt(squares) / mean;
}

static size_t
random_points(uint64_t *dice, double *values, mst_interval *intervals)
{
  size_t count = 8 + rig_below(dice, MAX_POINTS - 8);
  double slope = (rig_below(dice, 5) - 2.0) / 4, noise = 1 + rig_below(dice, 8);

  for (size_t i = 0; i < count; i++) {
    values[i] = 100 + slope * (double)i + rig_below(dice, (uint32_t)noise);
    intervals[i] = (mst_interval){.lo = values[i], .hi = values[i], .at = (uint32_t)i};
  }
  return count;
}

Test(trend, points__give_what_the_definitions_say)
{
  uint64_t dice = rig_seed("trend");
  double values[MAX_POINTS], scratch[MAX_POINTS * MAX_POINTS];
  mst_interval intervals[MAX_POINTS];
  size_t rises = 0, falls = 0;

  for (int round = 0; round < 3000; round++) {
    size_t count = random_points(&dice, values, intervals);
    double z = brute_z(values, count);
    bool rising = mst_trend_is_possible(intervals, count, z95, false), falling = mst_trend_is_possible(intervals, count, z95, true);
    if (fabs(fabs(z) - z95) > 1e-9) {
      cr_expect_eq(rising, z > z95, "round %d: z %g", round, z);
      cr_expect_eq(falling, z < -z95, "round %d: z %g", round, z);
    }
    rises += rising;
    falls += falling;
    cr_expect_eq(mst_theil_sen(intervals, count, false, scratch), brute_slope(values, count));
    cr_expect_eq(mst_theil_sen(intervals, count, true, scratch), brute_slope(values, count));
    cr_expect_float_eq(mst_greatest_cv(intervals, count, scratch), brute_cv(values, count), 1e-12);
  }
  cr_expect(rises > 100 && falls > 100);
}

Test(trend, intervals__bound_every_sample_from_them)
{
  uint64_t dice = rig_seed("intervals");
  double values[MAX_POINTS], scratch[MAX_POINTS * MAX_POINTS];
  mst_interval intervals[MAX_POINTS];

  for (int round = 0; round < 500; round++) {
    size_t count = random_points(&dice, values, intervals), open = 0;
    for (size_t i = 0; i < count && open < MST_CV_MAX_OPEN; i++) {
      if (rig_below(&dice, 3) != 0)
        continue;
      intervals[i].lo -= rig_below(&dice, 10);
      intervals[i].hi += rig_below(&dice, 10);
      open += intervals[i].lo != intervals[i].hi;
    }
    bool may_rise = mst_trend_is_possible(intervals, count, z95, false), may_fall = mst_trend_is_possible(intervals, count, z95, true);
    double greatest = mst_theil_sen(intervals, count, false, scratch), least = mst_theil_sen(intervals, count, true, scratch);
    double cv = mst_greatest_cv(intervals, count, scratch);
    for (int sample = 0; sample < 50; sample++) {
      for (size_t i = 0; i < count; i++) {
        uint32_t where = rig_below(&dice, 4);
        values[i] = where == 0   ? intervals[i].lo
                    : where == 1 ? intervals[i].hi
                                 : intervals[i].lo + (intervals[i].hi - intervals[i].lo) * rig_below(&dice, 100) / 100;
      }
      double z = brute_z(values, count), slope = brute_slope(values, count);
      cr_expect(may_rise || z < z95 + 1e-9, "round %d: z %g", round, z);
      cr_expect(may_fall || z > -z95 - 1e-9, "round %d: z %g", round, z);
      cr_expect(slope <= greatest + 1e-12 && slope >= least - 1e-12, "round %d: %g in %g..%g", round, slope, least, greatest);
      cr_expect(brute_cv(values, count) <= cv + 1e-12, "round %d: %g over %g", round, brute_cv(values, count), cv);
    }
  }
}

/* What is missing may hold anything, so a trend that was possible stays so; ties that break must not hide it. */
Test(trend, widening_an_interval__never_makes_a_trend_impossible)
{
  uint64_t dice = rig_seed("widening");
  mst_interval intervals[MAX_POINTS];
  double scratch[MAX_POINTS * MAX_POINTS];
  size_t possible = 0;

  for (int round = 0; round < 30000; round++) {
    size_t count = 8 + rig_below(&dice, 6);
    uint32_t levels = 2 + rig_below(&dice, 4);
    for (size_t i = 0; i < count; i++) {
      double value = rig_below(&dice, levels) + (i >= count / 2 ? rig_below(&dice, 3) : 0);
      intervals[i] = (mst_interval){.lo = value, .hi = value, .at = (uint32_t)i};
    }
    for (int step = 0; step < 4; step++) {
      bool before[] = {mst_trend_is_possible(intervals, count, z95, false), mst_trend_is_possible(intervals, count, z95, true)};
      double greatest = mst_theil_sen(intervals, count, false, scratch), least = mst_theil_sen(intervals, count, true, scratch);
      mst_interval *wider = &intervals[rig_below(&dice, (uint32_t)count)];
      wider->lo -= rig_below(&dice, 2);
      wider->hi += rig_below(&dice, 2);
      cr_assert(!before[0] || mst_trend_is_possible(intervals, count, z95, false), "round %d", round);
      cr_assert(!before[1] || mst_trend_is_possible(intervals, count, z95, true), "round %d", round);
      cr_assert(mst_theil_sen(intervals, count, false, scratch) >= greatest && mst_theil_sen(intervals, count, true, scratch) <= least);
      possible += before[0] || before[1];
    }
  }
  cr_expect(possible > 1000);
}

Test(trend, median_interval__holds_the_median_of_every_completion)
{
  static const double three[] = {1, 2, 4};
  mst_interval one = mst_median_interval(three, 3, 0);
  cr_expect(one.lo == 2 && one.hi == 2);
  one = mst_median_interval(three, 3, 1); /* ?, 1, 2, 4 */
  cr_expect(one.lo == 1.5 && one.hi == 3);
  one = mst_median_interval(three, 3, 2); /* ?, ?, 1, 2, 4 */
  cr_expect(one.lo == 1 && one.hi == 4);
  one = mst_median_interval(three, 3, 3);
  cr_expect(one.lo == -INFINITY && one.hi == INFINITY);
}

Test(trend, cv__is_unknown_where_it_cannot_be_bounded)
{
  double scratch[MAX_POINTS];
  mst_interval values[MAX_POINTS] = {{.lo = 1, .hi = 1}, {.lo = -1, .hi = 1}};

  cr_expect_eq(mst_greatest_cv(values, 2, scratch), INFINITY, "the mean may be 0");
  values[1] = (mst_interval){.lo = 1, .hi = INFINITY};
  cr_expect_eq(mst_greatest_cv(values, 2, scratch), INFINITY);
  for (size_t i = 0; i < MAX_POINTS; i++)
    values[i] = (mst_interval){.lo = 10, .hi = i <= MST_CV_MAX_OPEN ? 11 : 10};
  cr_expect_eq(mst_greatest_cv(values, MAX_POINTS, scratch), INFINITY, "too many corners");
  cr_expect_lt(mst_greatest_cv(values + 1, MAX_POINTS - 1, scratch), 0.1);
}
