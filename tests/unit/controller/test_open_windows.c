/* Open windows: due in order, gone with a batch that failed, held and released. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <unistd.h>

#include "ingest/open_windows.h"

enum { WINDOWS = 500 };

static mst_open_windows windows;

static void
setup(void)
{
  mst_open_windows_init(&windows);
}

static void
teardown(void)
{
  mst_open_windows_done(&windows);
}

TestSuite(open_windows, .init = setup, .fini = teardown);

static mst_err
add(uint32_t agent, int64_t start, bool is_held, int64_t due, uint64_t sequence)
{
  const mst_open_report report = {.sequence = sequence, .charge_bytes = 10};
  mst_errctx ctx = {0};

  return mst_open_windows_add(&windows, agent, (mst_wall){start}, is_held, (mst_wall){due}, &(mst_open_base){0}, &report, &ctx);
}

static mst_err
check(bool is_held, uint32_t base_columns, uint64_t base_bytes)
{
  const mst_open_base base = {base_columns, base_bytes};
  mst_errctx ctx = {0};

  return mst_open_windows_check(&windows, 1, (mst_wall){60}, is_held, &base, 10, &ctx);
}

Test(open_windows, any_order_in__due_in_order_out)
{
  const unsigned seed = (unsigned)getpid();
  int64_t last = -1;
  uint32_t count = 0;

  cr_log_info("seed %u", seed);
  srand(seed);
  for (uint32_t i = 0; i < WINDOWS; i++) {
    cr_assert_eq(add(i % 7, i, false, rand() % 1000, 1), MST_OK);
    if (i % 5 == 0)
      mst_open_windows_commit(&windows);
  }
  mst_open_windows_commit(&windows);
  for (uint32_t i = 0; i < WINDOWS; i += 3) /* some change their minds */
    mst_open_windows_postpone(&windows, mst_open_windows_find(&windows, i % 7, (mst_wall){i}, false), (mst_wall){rand() % 2000});
  mst_open_windows_hasten(&windows, (mst_wall){100}, (mst_wall){200}, (mst_wall){5});
  for (mst_open_window *first; (first = mst_open_windows_first(&windows)) != NULL; count++) {
    cr_assert_geq(first->due.ns, last);
    last = first->due.ns;
    if (first->start.ns >= 100 && first->start.ns < 200)
      cr_expect_leq(first->due.ns, 5);
    mst_open_windows_drop(&windows, first);
  }
  cr_expect_eq(count, WINDOWS);
  cr_expect_eq(windows.index.used, 0);
}

Test(open_windows, failed_batch__leaves_no_trace)
{
  cr_assert_eq(add(1, 60, false, 70, 1), MST_OK);
  mst_open_windows_commit(&windows);
  cr_assert_eq(add(1, 60, false, 70, 2), MST_OK);
  cr_assert_eq(add(2, 60, false, 70, 1), MST_OK);
  mst_open_windows_rollback(&windows);
  const mst_open_window *kept = mst_open_windows_find(&windows, 1, (mst_wall){60}, false);
  cr_assert_not_null(kept);
  cr_expect_eq(kept->count, 1);
  cr_expect_eq(kept->charge_bytes, 10);
  cr_expect_null(mst_open_windows_find(&windows, 2, (mst_wall){60}, false));
}

Test(open_windows, full_window__takes_no_more)
{
  for (uint64_t i = 0; i < MST_WINDOW_MAX_COLUMNS; i++)
    cr_assert_eq(add(1, 60, false, 70, i + 1), MST_OK);
  cr_expect_eq(check(false, 0, 0), MST_ELIMIT);
  mst_open_windows_commit(&windows);
  cr_expect_eq(mst_open_windows_first(&windows)->count, MST_WINDOW_MAX_COLUMNS);
}

Test(open_windows, held_ones__are_not_due_until_they_are_released)
{
  mst_errctx ctx = {0};

  cr_assert_eq(add(1, 60, false, 70, 1), MST_OK);
  cr_assert_eq(add(1, 60, true, 70, 2), MST_OK);
  cr_assert_eq(add(1, 120, true, 130, 3), MST_OK);
  mst_open_windows_commit(&windows);
  cr_expect_eq(windows.heap_count, 1);
  cr_expect(mst_open_windows_any(&windows, (mst_wall){0}, (mst_wall){100}));
  cr_expect_not(mst_open_windows_any(&windows, (mst_wall){100}, (mst_wall){200}));
  cr_assert_eq(mst_open_windows_release(&windows, (mst_wall){500}, &ctx), MST_OK, "%s", ctx.text);
  cr_expect_eq(windows.heap_count, 2);
  cr_expect_eq(mst_open_windows_find(&windows, 1, (mst_wall){60}, false)->committed, 2, "joined");
  cr_expect_null(mst_open_windows_find(&windows, 1, (mst_wall){60}, true));
  cr_expect_eq(mst_open_windows_find(&windows, 1, (mst_wall){120}, false)->due.ns, 500);
}

Test(open_windows, room__counts_the_document_and_the_reports_of_both_twins)
{
  cr_expect_eq(check(false, MST_WINDOW_MAX_COLUMNS - 1, 0), MST_OK);
  cr_expect_eq(check(false, MST_WINDOW_MAX_COLUMNS, 0), MST_ELIMIT);
  cr_assert_eq(add(1, 60, false, 100, 1), MST_OK);
  cr_assert_eq(add(1, 60, true, 100, 2), MST_OK);
  for (int is_held = 0; is_held <= 1; is_held++) {
    cr_expect_eq(check(is_held != 0, MST_WINDOW_MAX_COLUMNS - 3, 0), MST_OK);
    cr_expect_eq(check(is_held != 0, MST_WINDOW_MAX_COLUMNS - 2, 0), MST_ELIMIT);
    cr_expect_eq(check(is_held != 0, 0, MST_WINDOW_MAX_BYTES - 64 - 30), MST_OK);
    cr_expect_eq(check(is_held != 0, 0, MST_WINDOW_MAX_BYTES - 64 - 29), MST_ELIMIT);
  }
}

Test(open_windows, closed__its_reports_are_in_the_base_of_its_twin)
{
  cr_assert_eq(add(1, 60, false, 100, 1), MST_OK);
  cr_assert_eq(add(1, 60, true, 100, 2), MST_OK);
  mst_open_windows_commit(&windows);
  mst_open_windows_close(&windows, mst_open_windows_find(&windows, 1, (mst_wall){60}, false));
  const mst_open_window *held = mst_open_windows_find(&windows, 1, (mst_wall){60}, true);
  cr_assert_not_null(held);
  cr_expect_eq(held->base.columns, 1);
  cr_expect_eq(held->base.charge_bytes, 10);
}

Test(open_windows, what_was_taken__is_kept_though_there_is_no_room)
{
  const mst_open_base full = {MST_WINDOW_MAX_COLUMNS, MST_WINDOW_MAX_BYTES};
  const mst_open_report report = {.sequence = 1, .charge_bytes = 10};
  mst_errctx ctx = {0};

  cr_expect_eq(mst_open_windows_add(&windows, 1, (mst_wall){60}, false, (mst_wall){100}, &full, &report, &ctx), MST_OK,
               "a start must not fail on what an earlier one took");
}
