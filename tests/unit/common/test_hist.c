#include "hist_data.h"

TestSuite(hist, .init = draw_seed);

Test(hist, empty__is_valid_and_has_no_quantile)
{
  mst_hist hist;
  uint64_t surely = 7, possibly = 7;

  mst_hist_init(&hist);
  cr_expect_eq(hist.scale, MST_HIST_MAX_SCALE);
  cr_expect(mst_hist_valid(&hist));
  cr_expect(isnan(mst_hist_quantile(&hist, 0.5)));
  mst_hist_count_upto(&hist, INFINITY, &surely, &possibly);
  cr_expect_eq(surely, 0);
  cr_expect_eq(possibly, 0);
  mst_hist_done(&hist);
}

Test(hist, one_value__is_exact)
{
  static const double cases[] = {1, 3.7, -3.7, 0, 1e-300, 9e18, -9e18, 0x1p-1074};

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    mst_hist hist;
    mst_hist_init(&hist);
    add(&hist, cases[i], 5);
    cr_expect_eq(hist.count, 5);
    cr_expect_eq(hist.scale, MST_HIST_MAX_SCALE);
    cr_expect_eq(mst_hist_quantile(&hist, 0), cases[i]);
    cr_expect_eq(mst_hist_quantile(&hist, 0.5), cases[i]);
    cr_expect_eq(mst_hist_quantile(&hist, 1), cases[i]);
    cr_expect(mst_hist_valid(&hist));
    mst_hist_done(&hist);
  }
}

Test(hist, bad_values_and_counts__are_refused_and_change_nothing)
{
  static const struct {
    double value;
    uint64_t count;
    mst_err err;
  } cases[] = {
      {NAN, 1, MST_EMALFORMED},
      {INFINITY, 1, MST_EMALFORMED},
      {-INFINITY, 1, MST_EMALFORMED},
      {0x1p63, 1, MST_EMALFORMED},
      {-0x1p63, 1, MST_EMALFORMED},
      {1, UINT64_MAX, MST_ELIMIT},
      {1, (uint64_t)INT64_MAX - 2, MST_ELIMIT},
      {0x1p62, (uint64_t)1 << 40, MST_ELIMIT},
  };
  mst_hist hist, before;
  mst_errctx ctx = {0};

  mst_hist_init(&hist);
  add(&hist, 2.5, 3);
  cr_assert_eq(mst_hist_copy(&hist, &before, &ctx), MST_OK);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    cr_expect_eq(mst_hist_add(&hist, cases[i].value, cases[i].count, &ctx), cases[i].err, "%g", cases[i].value);
    expect_same(&hist, &before, "after a refusal");
  }
  add(&hist, 7, 0);
  expect_same(&hist, &before, "after none of a value");
  mst_hist_done(&hist);
  mst_hist_done(&before);
}

Test(hist, merge_over_the_limits__is_refused_and_changes_nothing)
{
  mst_hist many, large, before, one;
  mst_errctx ctx = {0};

  mst_hist_init(&many);
  add(&many, 0, INT64_MAX);
  mst_hist_init(&one);
  add(&one, 1, 1);
  cr_assert_eq(mst_hist_copy(&many, &before, &ctx), MST_OK);
  cr_expect_eq(mst_hist_merge(&many, &one, &ctx), MST_ELIMIT);
  expect_same(&many, &before, "count");
  mst_hist_done(&before);

  mst_hist_init(&large);
  add(&large, 0x1p62, (uint64_t)3 << 33);
  cr_assert_eq(mst_hist_copy(&large, &before, &ctx), MST_OK);
  cr_expect_eq(mst_hist_merge(&large, &before, &ctx), MST_ELIMIT);
  expect_same(&large, &before, "sum");
  mst_hist_done(&before);
  mst_hist_done(&large);
  mst_hist_done(&many);
  mst_hist_done(&one);
}

Test(hist, adding_many_at_once__is_adding_one_by_one)
{
  mst_hist at_once, singly;

  mst_hist_init(&at_once);
  mst_hist_init(&singly);
  for (int i = 0; i < 200; i++) {
    double value = draw_mixed();
    uint64_t count = draw() % 6;
    add(&at_once, value, count);
    for (uint64_t j = 0; j < count; j++)
      add(&singly, value, 1);
  }
  expect_same(&at_once, &singly, "at once and singly");
  mst_hist_done(&at_once);
  mst_hist_done(&singly);
}

Test(hist, scale__is_the_greatest_that_fits)
{
  for (size_t which = 0; which < DATA_COUNT; which++) {
    mst_hist hist;
    fill(which, 500);
    build(&hist, values, 500);
    cr_expect_leq(hist.positive.length, MST_HIST_MAX_BUCKETS);
    cr_expect_leq(hist.negative.length, MST_HIST_MAX_BUCKETS);
    bool fits = true;
    for (int sign = -1; sign <= 1 && hist.scale < MST_HIST_MAX_SCALE; sign += 2) {
      int64_t low = INT64_MAX, high = INT64_MIN;
      for (size_t i = 0; i < 500; i++)
        if (values[i] * sign > 0) {
          int64_t index = mst_hist_index(values[i] * sign, hist.scale + 1);
          low = index < low ? index : low;
          high = index > high ? index : high;
        }
      fits = fits && (low > high || high - low < MST_HIST_MAX_BUCKETS);
    }
    cr_expect(hist.scale == MST_HIST_MAX_SCALE || !fits, "%s: scale %d would do", data[which].name, hist.scale + 1);
    mst_hist_done(&hist);
  }
}

static double
exact_quantile(const double *sorted, size_t count, uint64_t per_mille)
{
  uint64_t rank = (per_mille * count + 999) / 1000;

  return sorted[rank < 1 ? 0 : rank - 1];
}

Test(hist, quantile__is_within_its_relative_error)
{
  /* For the rounding of the edges themselves, and of results where doubles get sparse. */
  const double slack = 0x1p-30, least = 0x1p-1073;

  for (size_t which = 0; which < DATA_COUNT; which++) {
    for (int32_t by = 0; by < 12; by += 3) {
      size_t count = 1 + draw() % VALUES_MAX;
      mst_hist hist;
      fill(which, count);
      build(&hist, values, count);
      mst_hist_downscale(&hist, by);
      qsort(values, count, sizeof values[0], compare);
      for (uint64_t per_mille = 0; per_mille <= 1000; per_mille++) {
        double exact = exact_quantile(values, count, per_mille), got = mst_hist_quantile(&hist, (double)per_mille / 1000);
        cr_assert_leq(fabs(got - exact), fabs(exact) * (mst_hist_error(&hist) + slack) + least,
                      "%s: %zu values, quantile %g at scale %d: %.17g, not %.17g", data[which].name, count, (double)per_mille / 1000,
                      hist.scale, got, exact);
      }
      cr_assert_eq(mst_hist_quantile(&hist, -1), mst_hist_quantile(&hist, 0));
      cr_assert_eq(mst_hist_quantile(&hist, 2), mst_hist_quantile(&hist, 1));
      cr_assert(isnan(mst_hist_quantile(&hist, NAN)));
      mst_hist_done(&hist);
    }
  }
}

/* The figure that the design counts on: values over three decades keep 160 buckets at scale 4, so under 2.2 %. */
Test(hist, error__is_small_for_three_decades)
{
  mst_hist hist;

  mst_hist_init(&hist);
  for (double value = 0.001; value <= 1; value *= 1.01)
    add(&hist, value, 1);
  cr_expect_eq(hist.scale, 4);
  cr_expect_float_eq(mst_hist_error(&hist), 0.021656, 1e-5);
  mst_hist_downscale(&hist, 4);
  cr_expect_float_eq(mst_hist_error(&hist), 1.0 / 3, 1e-15);
  mst_hist_downscale(&hist, 10);
  cr_expect_eq(mst_hist_error(&hist), 1);
  mst_hist_done(&hist);
}

Test(hist, count_upto__brackets_the_truth)
{
  size_t unsure = 0;

  for (size_t which = 0; which < DATA_COUNT; which++) {
    for (int round = 0; round < 6; round++) {
      size_t count = 1 + draw() % 1000;
      mst_hist hist;
      fill(which, count);
      build(&hist, values, count);
      mst_hist_downscale(&hist, (int32_t)(draw() % 6));
      for (int i = 0; i < 200; i++) {
        double bound = i % 3 ? data[which].draw() : i % 2 ? values[draw() % count] : draw_power();
        uint64_t truth = 0, surely = 0, possibly = 0;
        for (size_t j = 0; j < count; j++)
          truth += values[j] <= bound;
        mst_hist_count_upto(&hist, bound, &surely, &possibly);
        cr_assert(surely <= truth && truth <= possibly, "%s: up to %.17g: %llu <= %llu <= %llu", data[which].name, bound,
                  (unsigned long long)surely, (unsigned long long)truth, (unsigned long long)possibly);
        unsure += possibly > surely;
      }
      mst_hist_done(&hist);
    }
  }
  cr_expect(unsure > 0 && unsure < DATA_COUNT * 6 * 200 * 9 / 10, "unsure %zu times", unsure);
}

Test(hist, count_upto__is_exact_at_edges_and_beyond_the_extremes)
{
  static const struct {
    double bound;
    uint64_t surely, possibly;
  } cases[] = {
      {-INFINITY, 0, 0}, {-9, 0, 0}, {-1, 2, 3}, {-0.5, 3, 3}, {0, 4, 4}, {1, 5, 5},        {1.5, 5, 6},
      {2, 6, 6},         {3, 6, 7},  {4, 7, 7},  {5, 7, 8},    {8, 8, 8}, {INFINITY, 8, 8}, {NAN, 0, 0},
  };
  static const double samples[] = {-3, -2.5, -1, 0, 1, 2, 4, 8};
  mst_hist hist;

  build(&hist, samples, sizeof samples / sizeof samples[0]);
  mst_hist_downscale(&hist, hist.scale);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    uint64_t surely = 77, possibly = 77;
    mst_hist_count_upto(&hist, cases[i].bound, &surely, &possibly);
    cr_expect(surely == cases[i].surely && possibly == cases[i].possibly, "%g: %llu, %llu", cases[i].bound, (unsigned long long)surely,
              (unsigned long long)possibly);
  }
  mst_hist_done(&hist);
}

/* False when there is no such way. */
static bool
break_counts(mst_hist *bad, int way)
{
  mst_hist_side *side = &bad->positive;
  uint64_t *last = &side->counts[side->length - 1];

  switch (way) {
  case 0:
    bad->count++;
    return true;
  case 1:
    bad->zero_count = UINT64_MAX;
    return true;
  case 2:
    bad->scale = MST_HIST_MAX_SCALE + 1;
    return true;
  case 3:
    bad->scale = MST_HIST_MIN_SCALE - 1;
    return true;
  case 4:
    side->offset = 1024;
    return true;
  case 5:
    side->offset = INT32_MIN;
    return true;
  case 6: /* an end that is empty */
    side->counts[1] += side->counts[0];
    side->counts[0] = 0;
    return true;
  case 7:
    side->counts[1] += *last;
    *last = 0;
    return true;
  case 8: /* a total that overflows to the right one */
    side->counts[1] = UINT64_MAX;
    side->counts[2] = 1;
    return true;
  case 9: /* an empty side with an offset would be a second way to write one histogram */
    bad->count -= bad->negative.counts[0];
    bad->negative.length = 0;
    bad->min = 0;
    return true;
  case 10:
    side->length = MST_HIST_MAX_BUCKETS + 1;
    return true;
  default:
    return false;
  }
}

Test(hist, made_up_histograms__are_not_valid)
{
  static const struct {
    double min, max;
  } extremes[] = {{-4, 200}, {-4, NAN}, {-INFINITY, 100}, {NAN, 100}, {0, 100}, {2, 100}, {-5, 100}, {-4, -1}, {-4, 0x1p63}, {100, -4}};
  mst_errctx ctx = {0};
  mst_hist good, bad;
  bool is_broken = true;

  mst_hist_init(&good);
  add(&good, -4, 2);
  add(&good, 0, 1);
  add(&good, 3, 1);
  add(&good, 100, 1);
  mst_hist_downscale(&good, good.scale);
  cr_assert(mst_hist_valid(&good));
  for (int way = 0; is_broken; way++) {
    cr_assert_eq(mst_hist_copy(&good, &bad, &ctx), MST_OK);
    is_broken = break_counts(&bad, way);
    cr_expect_neq(mst_hist_valid(&bad), is_broken, "way %d", way);
    mst_hist_done(&bad);
  }
  for (size_t i = 0; i < sizeof extremes / sizeof extremes[0]; i++) {
    bad = good;
    bad.min = extremes[i].min;
    bad.max = extremes[i].max;
    cr_expect_not(mst_hist_valid(&bad), "%g to %g", bad.min, bad.max);
  }
  mst_hist_done(&good);
}

/* -0 equals 0 but has other bytes. */
Test(hist, negative_zero__is_not_valid)
{
  mst_hist hist;

  mst_hist_init(&hist);
  add(&hist, -0.0, 1);
  cr_expect(mst_hist_valid(&hist));
  hist.min = hist.max = -0.0;
  cr_expect_not(mst_hist_valid(&hist));
  mst_hist_done(&hist);
}

Test(hist, equal__sees_every_difference)
{
  mst_hist a, b;
  mst_errctx ctx = {0};

  mst_hist_init(&a);
  add(&a, 3, 2);
  add(&a, -3, 2);
  for (int i = 0; i < 9; i++) {
    cr_assert_eq(mst_hist_copy(&a, &b, &ctx), MST_OK);
    cr_assert(mst_hist_equal(&a, &b));
    b.scale += i == 0;
    b.count += i == 1;
    b.zero_count += i == 2;
    b.sum += i == 3;
    b.min -= i == 4;
    b.max += i == 5;
    b.positive.offset += i == 6;
    b.negative.counts[0] += i == 7;
    if (i == 8)
      mst_hist_downscale(&b, 1);
    cr_expect_not(mst_hist_equal(&a, &b), "case %d", i);
    mst_hist_done(&b);
  }
  mst_hist_done(&a);
}
