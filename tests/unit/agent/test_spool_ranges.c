#include <criterion/criterion.h>

#include "spool_ranges.h"

static mst_ranges ranges;

static void
teardown(void)
{
  mst_ranges_done(&ranges);
}

TestSuite(ranges, .fini = teardown);

/* Ten samples a record. */
static void
add(uint64_t first, uint64_t last)
{
  cr_assert_eq(mst_ranges_add(&ranges, (mst_range){first, last, (first - 1) * 10, last * 10}, NULL), MST_OK);
}

Test(ranges, add__in_any_order__neighbours_melt)
{
  add(5, 5);
  add(1, 2);
  add(9, 12);
  add(3, 3);
  cr_assert_eq(ranges.count, 3);
  add(4, 4);
  cr_assert_eq(ranges.count, 2);
  cr_expect_eq(ranges.list[0].first, 1);
  cr_expect_eq(ranges.list[0].last, 5);
  cr_expect_eq(ranges.list[0].samples_after, 50);
  add(6, 8);
  cr_assert_eq(ranges.count, 1);
  cr_expect_eq(ranges.list[0].last, 12);
}

Test(ranges, add__overlapping__union)
{
  add(5, 10);
  add(20, 30);
  add(8, 25);
  cr_assert_eq(ranges.count, 1);
  cr_expect_eq(ranges.list[0].first, 5);
  cr_expect_eq(ranges.list[0].last, 30);
  cr_expect_eq(ranges.list[0].samples_before, 40);
  cr_expect_eq(ranges.list[0].samples_after, 300);
  add(6, 7);
  cr_expect_eq(ranges.count, 1);
}

Test(ranges, add__no_range__refused)
{
  cr_expect_eq(mst_ranges_add(&ranges, (mst_range){0, 1, 0, 0}, NULL), MST_EMALFORMED);
  cr_expect_eq(mst_ranges_add(&ranges, (mst_range){5, 4, 0, 0}, NULL), MST_EMALFORMED);
  cr_expect_eq(mst_ranges_add(&ranges, (mst_range){1, UINT64_MAX, 0, 0}, NULL), MST_EMALFORMED);
}

Test(ranges, has__inside_between_and_outside__told_apart)
{
  add(3, 5);
  add(8, 8);
  const bool expected[] = {false, false, false, true, true, true, false, false, true, false};
  for (uint64_t i = 1; i < 10; i++)
    cr_expect_eq(mst_ranges_has(&ranges, i), expected[i], "%llu", (unsigned long long)i);
}

Test(ranges, gaps__before_between_and_after__with_their_samples)
{
  mst_ranges gaps = {0};
  add(3, 5);
  add(8, 8);
  cr_assert_eq(mst_ranges_gaps(&ranges, 10, 1000, &gaps, NULL), MST_OK);
  cr_assert_eq(gaps.count, 3);
  cr_expect_eq(gaps.list[0].first, 1);
  cr_expect_eq(gaps.list[0].last, 2);
  cr_expect_eq(gaps.list[0].samples_after - gaps.list[0].samples_before, 20);
  cr_expect_eq(gaps.list[1].first, 6);
  cr_expect_eq(gaps.list[1].last, 7);
  cr_expect_eq(gaps.list[1].samples_after - gaps.list[1].samples_before, 20);
  cr_expect_eq(gaps.list[2].first, 9);
  cr_expect_eq(gaps.list[2].last, 10);
  cr_expect_eq(gaps.list[2].samples_after - gaps.list[2].samples_before, 920);
  mst_ranges_done(&gaps);
}

Test(ranges, gaps__all_there__none)
{
  mst_ranges gaps = {0};
  add(1, 8);
  cr_assert_eq(mst_ranges_gaps(&ranges, 8, 80, &gaps, NULL), MST_OK);
  cr_expect_eq(gaps.count, 0);
  mst_ranges_done(&gaps);
}
