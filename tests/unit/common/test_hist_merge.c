#include <mst/common/alloc.h>

#include "hist_data.h"

static void
tear_down(void)
{
  mst_alloc_fail_at(0);
}

TestSuite(hist_merge, .init = draw_seed, .fini = tear_down);

Test(hist_merge, order_of_values__does_not_matter)
{
  for (size_t which = 0; which < DATA_COUNT; which++) {
    mst_hist first;
    fill(which, 1000);
    values[0] = 0.0;
    values[1] = -0.0;
    build(&first, values, 1000);
    for (int round = 0; round < 5; round++) {
      mst_hist again;
      shuffle(1000);
      build(&again, values, 1000);
      expect_same(&again, &first, data[which].name);
      mst_hist_done(&again);
    }
    mst_hist_done(&first);
  }
}

/* A histogram of a random part of the data, sometimes empty, sometimes at a lower scale than it needs. */
static size_t
build_part(mst_hist *part, size_t from, size_t count)
{
  size_t taken = draw() % 5 == 0 ? 0 : draw() % (count - from + 1);

  build(part, values + from, taken);
  if (draw() % 4 == 0)
    mst_hist_downscale(part, (int32_t)(draw() % 8));
  return from + taken;
}

Test(hist_merge, merge__is_commutative_and_associative)
{
  for (int round = 0; round < 40 * DATA_COUNT; round++) {
    mst_hist parts[3], ab_c, a_bc, cba;
    size_t which = (size_t)round % DATA_COUNT, at = 0;
    mst_errctx ctx = {0};

    fill(which, 300);
    for (size_t i = 0; i < 3; i++)
      at = build_part(&parts[i], at, 300);
    cr_assert_eq(mst_hist_copy(&parts[0], &ab_c, &ctx), MST_OK);
    merge(&ab_c, &parts[1]);
    merge(&ab_c, &parts[2]);
    cr_assert_eq(mst_hist_copy(&parts[1], &a_bc, &ctx), MST_OK);
    merge(&a_bc, &parts[2]);
    mst_hist bc = a_bc;
    cr_assert_eq(mst_hist_copy(&parts[0], &a_bc, &ctx), MST_OK);
    merge(&a_bc, &bc);
    cr_assert_eq(mst_hist_copy(&parts[2], &cba, &ctx), MST_OK);
    merge(&cba, &parts[1]);
    merge(&cba, &parts[0]);
    expect_same(&ab_c, &a_bc, data[which].name);
    expect_same(&ab_c, &cba, data[which].name);
    mst_hist_done(&bc);
    mst_hist_done(&ab_c);
    mst_hist_done(&a_bc);
    mst_hist_done(&cba);
    for (size_t i = 0; i < 3; i++)
      mst_hist_done(&parts[i]);
  }
}

Test(hist_merge, merge_of_parts__is_the_histogram_of_all)
{
  enum { PARTS = 20, EACH = 100 };

  for (size_t which = 0; which < DATA_COUNT; which++) {
    mst_hist whole, parts[PARTS];
    fill(which, PARTS * EACH);
    build(&whole, values, PARTS * EACH);
    for (size_t i = 0; i < PARTS; i++)
      build(&parts[i], values + i * EACH, EACH);
    for (int round = 0; round < 5; round++) {
      mst_hist merged;
      size_t order[PARTS];
      for (size_t i = 0; i < PARTS; i++) {
        size_t j = draw() % (i + 1);
        order[i] = order[j];
        order[j] = i;
      }
      mst_hist_init(&merged);
      for (size_t i = 0; i < PARTS; i++)
        merge(&merged, &parts[order[i]]);
      expect_same(&merged, &whole, data[which].name);
      mst_hist_done(&merged);
    }
    for (size_t i = 0; i < PARTS; i++)
      mst_hist_done(&parts[i]);
    mst_hist_done(&whole);
  }
}

Test(hist_merge, merge_with_itself__doubles)
{
  mst_hist hist, twice;

  fill(3, 500);
  build(&hist, values, 500);
  mst_hist_init(&twice);
  merge(&twice, &hist);
  merge(&twice, &hist);
  merge(&hist, &hist);
  expect_same(&hist, &twice, "itself");
  mst_hist_done(&hist);
  mst_hist_done(&twice);
}

Test(hist_merge, downscaled__is_the_histogram_of_the_lower_scale)
{
  for (size_t which = 0; which < DATA_COUNT; which++) {
    fill(which, 1000);
    for (int32_t by = 0; by <= MST_HIST_MAX_SCALE - MST_HIST_MIN_SCALE + 1; by++) {
      mst_hist lowered, coarse;
      build(&lowered, values, 1000);
      mst_hist_init(&coarse);
      coarse.scale = lowered.scale - by < MST_HIST_MIN_SCALE ? MST_HIST_MIN_SCALE : lowered.scale - by;
      for (size_t i = 0; i < 1000; i++)
        add(&coarse, values[i], 1);
      mst_hist_downscale(&lowered, by);
      expect_same(&lowered, &coarse, data[which].name);
      mst_hist_done(&lowered);
      mst_hist_done(&coarse);
    }
  }
}

Test(hist_merge, failing_allocation__changes_nothing)
{
  mst_hist hist, before, other, merged, control;
  mst_errctx ctx = {0};
  size_t failed = 0;

  mst_hist_init(&hist);
  mst_hist_init(&control);
  for (int i = 0; i < 400; i++) {
    double value = draw_mixed();
    cr_assert_eq(mst_hist_copy(&hist, &before, &ctx), MST_OK);
    for (size_t nth = 1;; nth++) {
      mst_alloc_fail_at(nth);
      mst_err err = mst_hist_add(&hist, value, 1, &ctx);
      mst_alloc_fail_at(0);
      if (err == MST_OK)
        break;
      failed++;
      cr_assert_eq(err, MST_ENOMEM);
      expect_same(&hist, &before, "add");
    }
    mst_hist_done(&before);
    add(&control, value, 1);
  }
  cr_expect_gt(failed, 20);
  expect_same(&hist, &control, "add at last");

  fill(4, 300);
  build(&other, values, 300);
  cr_assert_eq(mst_hist_copy(&hist, &before, &ctx), MST_OK);
  merged = hist;
  for (failed = 0;; failed++) {
    mst_alloc_fail_at(failed + 1);
    mst_err err = mst_hist_merge(&merged, &other, &ctx);
    mst_alloc_fail_at(0);
    if (err == MST_OK)
      break;
    cr_assert_eq(err, MST_ENOMEM);
    expect_same(&merged, &before, "merge");
  }
  cr_expect_gt(failed, 0);
  merge(&other, &before);
  expect_same(&merged, &other, "merge at last");

  mst_hist copy = {.scale = 7};
  mst_alloc_fail_at(1);
  cr_expect_eq(mst_hist_copy(&merged, &copy, &ctx), MST_ENOMEM);
  cr_expect_eq(copy.scale, 7, "untouched");
  mst_hist_done(&merged);
  mst_hist_done(&before);
  mst_hist_done(&other);
  mst_hist_done(&control);
}
