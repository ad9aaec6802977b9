/* Counters that begin anew: restarts that lose nothing, and those that may have. */
#include "rig.h"

static rig *
restarted_counter(void)
{
  char yaml[1024];
  rig *world = rig_create(rig_one_check("signal: x, stat: increase, target: \"== 109\"", yaml), "api");
  uint32_t first = rig_series(world, 0, "x", MST_SIGNAL_COUNTER, "", ""), second = rig_intern(world, "x", MST_SIGNAL_COUNTER, "", 30, "");

  rig_define(world, 0, second, 30);
  for (uint32_t window = 0; window < 30; window++) /* 0 .. 58: 58 counted */
    rig_fill(world, 0, window, window + 1, first, 2 * window);
  for (uint32_t window = 30; window < 60; window++) /* 22 .. 51: the 22 since its start too */
    rig_fill(world, 0, window, window + 1, second, window - 8);
  rig_build(world);
  return world;
}

Test(counter, counter_that_began_anew__adds_what_it_counted_since)
{
  rig *world = restarted_counter();

  rig_feed_all(world);
  mst_verdict *verdict = rig_judge(world, 61);
  rig_expect(verdict, "a", MST_PASS);
  mst_verdict_destroy(verdict);
  rig_destroy(world);
}

Test(counter, counter_that_began_anew_within_a_gap__is_unknown)
{
  rig *world = restarted_counter();

  for (uint32_t window = 60; window-- > 0;)
    if (window != 29 && window != 30)
      rig_feed(world, 0, window);
  mst_verdict *verdict = rig_judge(world, 61);
  rig_expect(verdict, "a", MST_NO_DATA);
  mst_verdict_destroy(verdict);
  rig_destroy(world);
}

/* Six samples in each window. In the windows from..to one sample cannot be read; from window 30 on (or from within it) another start. */
static void
expect_after_error(uint32_t error_window, uint32_t error_column, bool has_new_start, const char *target, mst_outcome outcome)
{
  char yaml[1024], check[128];
  snprintf(check, sizeof check, "signal: x, stat: increase, target: \"%s\"", target);
  rig *world = rig_create(rig_one_check(check, yaml), "api");
  uint32_t first = rig_series(world, 0, "x", MST_SIGNAL_COUNTER, "", ""),
           second = has_new_start ? rig_intern(world, "x", MST_SIGNAL_COUNTER, "", 30, "") : first;

  if (has_new_start)
    rig_define(world, 0, second, 30);
  for (uint32_t window = 0; window < 60; window++)
    for (uint32_t column = 0; column < RIG_MAX_COLUMNS; column++) {
      bool is_second = window > 30 || (window == 30 && column >= 3);
      if (window == error_window && column == error_column)
        rig_missing(world, 0, window, column, first, MST_SAMPLE_ERROR);
      else
        rig_number(world, 0, window, column, is_second ? second : first, is_second && has_new_start ? 0 : 5);
    }
  rig_build(world);
  rig_feed_all(world);
  mst_verdict *verdict = rig_judge(world, 61);
  rig_expect(verdict, "a", outcome);
  mst_verdict_destroy(verdict);
  rig_destroy(world);
}

Test(counter, counter_that_began_anew_after_an_error__may_have_missed_something)
{
  expect_after_error(99, 0, true, "== 0", MST_PASS);    /* a restart, and nothing else */
  expect_after_error(30, 2, false, "== 0", MST_PASS);   /* it went on by itself */
  expect_after_error(30, 2, true, "== 0", MST_NO_DATA); /* within the window */
  expect_after_error(30, 2, true, ">= 0", MST_PASS);    /* there were at least so many */
  expect_after_error(30, 0, true, "== 0", MST_PASS);    /* it could be read once more before the new start */
  expect_after_error(29, 5, true, "== 0", MST_PASS);
}

Test(counter, error__is_said_with_what_the_agent_says)
{
  char yaml[1024];
  rig *world = rig_create(rig_one_check("signal: x, stat: increase, target: \"== 0\"", yaml), "api");
  uint32_t series = rig_series(world, 0, "x", MST_SIGNAL_COUNTER, "", "");

  for (uint32_t window = 0; window < 60; window++)
    rig_missing(world, 0, window, 2, series, MST_SAMPLE_ERROR);
  rig_expect_after_the_hour(world, MST_NO_DATA, "its agent says: ");
}

Test(counter, counter_that_began_anew_at_a_window_s_edge_after_an_error__may_have_missed_something)
{
  char yaml[1024];
  for (int side = 0; side < 2; side++) {
    rig *world = rig_create(rig_one_check("signal: x, stat: increase, target: \"== 0\"", yaml), "api");
    uint32_t first = rig_series(world, 0, "x", MST_SIGNAL_COUNTER, "", ""), second = rig_intern(world, "x", MST_SIGNAL_COUNTER, "", 30, "");

    rig_define(world, 0, second, 30);
    for (uint32_t window = 0; window < 60; window++) {
      rig_number(world, 0, window, 2, window < 30 ? first : second, 0);
      if (side == 0 && window == 29)
        rig_missing(world, 0, window, 5, first, MST_SAMPLE_ERROR);
      if (side == 1 && window == 30)
        rig_missing(world, 0, window, 0, first, MST_SAMPLE_ERROR);
    }
    rig_build(world);
    rig_feed_all(world);
    mst_verdict *verdict = rig_judge(world, 61);
    rig_expect(verdict, "a", MST_NO_DATA);
    mst_verdict_destroy(verdict);
    rig_destroy(world);
  }
}
