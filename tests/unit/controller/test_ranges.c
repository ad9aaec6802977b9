/* Sets of sequence numbers, against a plain array of flags. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <unistd.h>

#include "ingest/ranges.h"

enum { NUMBERS = 400, STEPS = 3000 };

static void
expect_same(const mst_ranges *ranges, const bool *flags)
{
  uint64_t total = 0;

  for (uint64_t i = 1; i <= NUMBERS; i++) {
    total += flags[i];
    cr_assert_eq(mst_ranges_has(ranges, i), flags[i], "number %llu", (unsigned long long)i);
  }
  cr_assert_eq(mst_ranges_total(ranges), total);
  for (uint32_t i = 0; i < ranges->count; i++) {
    cr_assert_leq(ranges->list[i].first, ranges->list[i].last);
    if (i > 0)
      cr_assert_gt(ranges->list[i].first, ranges->list[i - 1].last + 1, "touching ranges must be one");
  }
}

Test(ranges, random_adds_and_removes__are_those_of_an_array)
{
  const unsigned seed = (unsigned)getpid();
  mst_ranges ranges = {0}, copy;
  bool flags[NUMBERS + 2] = {false};
  mst_errctx ctx = {0};

  cr_log_info("seed %u", seed);
  srand(seed);
  for (int step = 0; step < STEPS; step++) {
    uint64_t first = 1 + (uint64_t)rand() % NUMBERS, last = first + (uint64_t)rand() % 12;
    bool adds = rand() % 5 < 3;
    last = last > NUMBERS ? NUMBERS : last;
    cr_assert_eq(adds ? mst_ranges_add(&ranges, first, last, &ctx) : mst_ranges_remove(&ranges, first, last, &ctx), MST_OK, "%s", ctx.text);
    for (uint64_t i = first; i <= last; i++)
      flags[i] = adds;
    if (step % 50 == 0)
      expect_same(&ranges, flags);
  }
  expect_same(&ranges, flags);
  cr_assert_eq(mst_ranges_copy(&ranges, &copy, &ctx), MST_OK);
  expect_same(&copy, flags);
  mst_ranges_done(&copy);
  mst_ranges_done(&ranges);
}

Test(ranges, in_order__is_one_range)
{
  mst_ranges ranges = {0};
  mst_errctx ctx = {0};

  for (uint64_t i = 1; i <= 10000; i++)
    cr_assert_eq(mst_ranges_add(&ranges, i, i, &ctx), MST_OK);
  cr_expect_eq(ranges.count, 1);
  cr_expect_eq(mst_ranges_total(&ranges), 10000);
  mst_ranges_done(&ranges);
}

Test(ranges, what_is_no_range__is_refused)
{
  mst_ranges ranges = {0};
  mst_errctx ctx = {0};

  cr_expect_eq(mst_ranges_add(&ranges, 0, 3, &ctx), MST_EMALFORMED);
  cr_expect_eq(mst_ranges_add(&ranges, 4, 3, &ctx), MST_EMALFORMED);
  cr_expect_eq(mst_ranges_add(&ranges, 1, UINT64_MAX, &ctx), MST_EMALFORMED);
  cr_expect_eq(ranges.count, 0);
}

Test(ranges, too_many_holes__are_refused_and_nothing_changes)
{
  mst_ranges ranges = {0};
  mst_errctx ctx = {0};

  for (uint64_t i = 0; i < MST_RANGES_MAX; i++)
    cr_assert_eq(mst_ranges_add(&ranges, 1 + 2 * i, 1 + 2 * i, &ctx), MST_OK);
  cr_expect_eq(mst_ranges_add(&ranges, 3 * MST_RANGES_MAX, 3 * MST_RANGES_MAX, &ctx), MST_ELIMIT);
  cr_expect_eq(mst_ranges_total(&ranges), MST_RANGES_MAX);
  cr_expect_eq(mst_ranges_add(&ranges, 2, 2, &ctx), MST_OK, "one that closes a hole still fits");
  mst_ranges_done(&ranges);
}
