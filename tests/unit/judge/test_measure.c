/* Outcomes of `signal:` checks, statistic by statistic. */
#include "rig.h"

enum { GAP_NONE, GAP_MIDDLE, GAP_LAST, GAP_FIRST };

struct measure_case {
  char check[200];
  mst_signal_kind kind;
  char unit[8];
  double from, to; /* the value goes from .. to over the hour, evenly by window */
  int gap;
  mst_outcome outcome;
};

static struct measure_case cases[] = {
    {"signal: x, stat: last, target: \"< 60\"", MST_SIGNAL_GAUGE, "", 0, 59, GAP_NONE, MST_PASS},
    {"signal: x, stat: last, target: \"< 59\"", MST_SIGNAL_GAUGE, "", 0, 59, GAP_NONE, MST_FAIL},
    {"signal: x, stat: last, target: \"< 59\", critical: \"> 59\"", MST_SIGNAL_GAUGE, "", 0, 59, GAP_NONE, MST_WARN},
    {"signal: x, stat: last, target: \"< 60\"", MST_SIGNAL_GAUGE, "", 0, 59, GAP_MIDDLE, MST_PASS},
    {"signal: x, stat: last, target: \"< 60\"", MST_SIGNAL_GAUGE, "", 0, 59, GAP_LAST, MST_NO_DATA},
    {"signal: x, stat: max, target: \"<= 59\"", MST_SIGNAL_GAUGE, "", 0, 59, GAP_NONE, MST_PASS},
    {"signal: x, stat: max, target: \"<= 59\"", MST_SIGNAL_GAUGE, "", 0, 59, GAP_MIDDLE, MST_NO_DATA},
    {"signal: x, stat: max, target: \"< 50\"", MST_SIGNAL_GAUGE, "", 0, 59, GAP_MIDDLE, MST_FAIL},
    {"signal: x, stat: max, target: \"> 50\"", MST_SIGNAL_GAUGE, "", 0, 59, GAP_MIDDLE, MST_PASS},
    {"signal: x, stat: min, target: \"< 1\"", MST_SIGNAL_GAUGE, "", 0, 59, GAP_MIDDLE, MST_PASS},
    {"signal: x, stat: min, target: \">= 0\"", MST_SIGNAL_GAUGE, "", 0, 59, GAP_MIDDLE, MST_NO_DATA},
    {"signal: x.utilization, stat: max, target: \"<= 100%\"", MST_SIGNAL_GAUGE, "1", 0, 0.59, GAP_MIDDLE, MST_PASS},
    {"signal: x.utilization, stat: max, target: \"< 90%\"", MST_SIGNAL_GAUGE, "1", 0, 0.59, GAP_MIDDLE, MST_NO_DATA},
    {"signal: x.utilization, stat: avg, target: \"< 33%\"", MST_SIGNAL_GAUGE, "1", 0, 0.59, GAP_MIDDLE, MST_PASS},
    {"signal: x.utilization, stat: avg, target: \"< 30%\"", MST_SIGNAL_GAUGE, "1", 0, 0.59, GAP_MIDDLE, MST_NO_DATA},
    {"signal: x, stat: avg, target: \"29.4..29.6\"", MST_SIGNAL_GAUGE, "", 0, 59, GAP_NONE, MST_PASS},
    {"signal: x, stat: avg, target: \"< 100\"", MST_SIGNAL_GAUGE, "", 0, 59, GAP_MIDDLE, MST_NO_DATA},
    {"signal: x, stat: sum, target: \"== 10620\"", MST_SIGNAL_GAUGE, "", 0, 59, GAP_NONE, MST_PASS},
    {"signal: x, stat: count, target: \"== 360\"", MST_SIGNAL_GAUGE, "", 0, 59, GAP_NONE, MST_PASS},
    {"signal: x, stat: count, target: \">= 340\"", MST_SIGNAL_GAUGE, "", 0, 59, GAP_MIDDLE, MST_PASS},
    {"signal: x, stat: count, target: \">= 360\"", MST_SIGNAL_GAUGE, "", 0, 59, GAP_MIDDLE, MST_NO_DATA},
    {"signal: x, stat: p95, target: \"<= 56\"", MST_SIGNAL_GAUGE, "", 0, 59, GAP_NONE, MST_PASS},
    {"signal: x, stat: p95, target: \"< 56\"", MST_SIGNAL_GAUGE, "", 0, 59, GAP_NONE, MST_FAIL},
    {"signal: x, stat: p95, target: \"< 50\", critical: \"> 57\"", MST_SIGNAL_GAUGE, "", 0, 59, GAP_NONE, MST_WARN},
    {"signal: x, stat: p95, target: \"<= 58\"", MST_SIGNAL_GAUGE, "", 0, 59, GAP_MIDDLE, MST_PASS},
    {"signal: x, stat: p95, target: \"< 58\"", MST_SIGNAL_GAUGE, "", 0, 59, GAP_MIDDLE, MST_NO_DATA},
    {"signal: x, stat: p50, target: \"> 26\"", MST_SIGNAL_GAUGE, "", 0, 59, GAP_MIDDLE, MST_PASS},
    {"signal: x, stat: p50, target: \"> 29\"", MST_SIGNAL_GAUGE, "", 0, 59, GAP_NONE, MST_FAIL},
    {"signal: x, stat: p50, target: \">= 29\"", MST_SIGNAL_GAUGE, "", 0, 59, GAP_NONE, MST_PASS},
    {"signal: x, stat: p50, target: \"25..35\"", MST_SIGNAL_GAUGE, "", 0, 59, GAP_NONE, MST_PASS},
    {"signal: x, stat: p50, weight: samples, target: \"25..35\"", MST_SIGNAL_GAUGE, "", 0, 59, GAP_MIDDLE, MST_NO_DATA},
    {"signal: x, stat: share, state: \"< 30\", target: \">= 50%\"", MST_SIGNAL_GAUGE, "", 0, 59, GAP_NONE, MST_PASS},
    {"signal: x, stat: share, state: \"< 32\", target: \">= 51%\"", MST_SIGNAL_GAUGE, "", 0, 59, GAP_MIDDLE, MST_NO_DATA},
    {"signal: x, stat: share, state: \"< 30\", target: \">= 45%\"", MST_SIGNAL_GAUGE, "", 0, 59, GAP_MIDDLE, MST_PASS},
    {"signal: x, stat: time_in_state, state: \"< 30\", target: \"<= 1800s\"", MST_SIGNAL_GAUGE, "", 0, 59, GAP_NONE, MST_PASS},
    {"signal: x, stat: time_in_state, state: \"< 30\", target: \"< 1800s\"", MST_SIGNAL_GAUGE, "", 0, 59, GAP_NONE, MST_FAIL},
    {"signal: x, stat: changes, target: \"== 59\"", MST_SIGNAL_GAUGE, "", 0, 59, GAP_NONE, MST_PASS},
    {"signal: x, stat: changes, target: \"< 100\"", MST_SIGNAL_GAUGE, "", 0, 59, GAP_MIDDLE, MST_NO_DATA},
    {"signal: x, stat: present, target: \"== 1\"", MST_SIGNAL_GAUGE, "", 0, 59, GAP_MIDDLE, MST_PASS},
    {"signal: x, stat: increase, target: \"== 59\"", MST_SIGNAL_COUNTER, "", 0, 59, GAP_NONE, MST_PASS},
    {"signal: x, stat: increase, target: \"== 59\"", MST_SIGNAL_COUNTER, "", 0, 59, GAP_MIDDLE, MST_PASS},
    {"signal: x, stat: increase, target: \"<= 59\"", MST_SIGNAL_COUNTER, "", 0, 59, GAP_LAST, MST_NO_DATA},
    {"signal: x, stat: increase, target: \">= 50\"", MST_SIGNAL_COUNTER, "", 0, 59, GAP_FIRST, MST_PASS},
    {"signal: x, stat: rate, target: \"< 1/min\"", MST_SIGNAL_COUNTER, "", 0, 59, GAP_NONE, MST_PASS},
    {"signal: x, stat: rate, target: \"< 50/h\"", MST_SIGNAL_COUNTER, "", 0, 59, GAP_NONE, MST_FAIL},
    {"signal: x, stat: slope, target: \"<= 0\", trend: {bucket: 5m}", MST_SIGNAL_GAUGE, "By", 1000, 1059, GAP_NONE, MST_FAIL},
    {"signal: x, stat: slope, target: \"< 10%/h\", trend: {bucket: 5m}", MST_SIGNAL_GAUGE, "By", 1000, 1059, GAP_NONE, MST_PASS},
    {"signal: x, stat: slope, target: \"< 1%/h\", critical: \"> 50%/h\", trend: {bucket: 5m}", MST_SIGNAL_GAUGE, "By", 1000, 1059, GAP_NONE,
     MST_WARN},
    {"signal: x, stat: slope, target: \">= 0\", trend: {bucket: 5m}", MST_SIGNAL_GAUGE, "By", 1000, 1059, GAP_NONE, MST_PASS},
    {"signal: x, stat: slope, target: \"<= 0\", trend: {bucket: 5m}", MST_SIGNAL_GAUGE, "By", 1059, 1000, GAP_NONE, MST_PASS},
    {"signal: x, stat: slope, target: \"<= 0\", trend: {bucket: 5m}", MST_SIGNAL_GAUGE, "By", 7, 7, GAP_NONE, MST_PASS},
    {"signal: x, stat: cv, target: \"< 5%\", trend: {bucket: 5m}", MST_SIGNAL_GAUGE, "By", 1000, 1059, GAP_NONE, MST_PASS},
    {"signal: x, stat: cv, target: \"< 1%\", trend: {bucket: 5m}", MST_SIGNAL_GAUGE, "By", 1000, 1059, GAP_NONE, MST_FAIL},
    {"signal: x, stat: cv, target: \"< 5%\", trend: {bucket: 5m}", MST_SIGNAL_GAUGE, "By", 1000, 1059, GAP_MIDDLE, MST_PASS},
    {"signal: x, stat: last, over: 10m, target: \"< 60\"", MST_SIGNAL_GAUGE, "", 0, 59, GAP_MIDDLE, MST_PASS},
    {"signal: x, stat: min, over: 10m, target: \">= 50\"", MST_SIGNAL_GAUGE, "", 0, 59, GAP_MIDDLE, MST_PASS},
    {"signal: x, stat: increase, over: 10m, target: \"== 9\"", MST_SIGNAL_COUNTER, "", 0, 59, GAP_MIDDLE, MST_PASS},
    {"signal: x, stat: p90, over: 10m, target: \"<= 58\"", MST_SIGNAL_GAUGE, "", 0, 59, GAP_NONE, MST_PASS},
    {"signal: x, stat: max, over: hours 0-0.5, target: \"<= 29\"", MST_SIGNAL_GAUGE, "", 0, 59, GAP_LAST, MST_PASS},
    {"signal: x, stat: max, over: hours 0.5-1, target: \"<= 59\"", MST_SIGNAL_GAUGE, "", 0, 59, GAP_LAST, MST_NO_DATA},
    {"signal: x, stat: last, target: \"is up\"", MST_SIGNAL_GAUGE, "", 0, 59, GAP_NONE, MST_NO_DATA},
    {"signal: x, stat: increase, target: \"== 0\"", MST_SIGNAL_GAUGE, "", 0, 59, GAP_NONE, MST_NO_DATA},
    {"signal: x, stat: last, target: \"< 1GB\"", MST_SIGNAL_GAUGE, "s", 0, 59, GAP_NONE, MST_NO_DATA},
    {"signal: y, stat: last, target: \"< 1\"", MST_SIGNAL_GAUGE, "", 0, 59, GAP_NONE, MST_NO_DATA},
};

static void
run_case(const struct measure_case *c)
{
  char yaml[1024];
  rig *world = rig_create(rig_one_check(c->check, yaml), "api");
  uint32_t series = rig_series(world, 0, strstr(c->check, "x.utilization") ? "x.utilization" : "x", c->kind, c->unit, "");

  for (uint32_t window = 0; window < 60; window++) {
    bool gone = (c->gap == GAP_MIDDLE && window >= 30 && window < 32) || (c->gap == GAP_LAST && window == 59) ||
                (c->gap == GAP_FIRST && window == 0);
    if (!gone)
      rig_fill(world, 0, window, window + 1, series, c->from + (c->to - c->from) / 59 * window);
  }
  rig_build(world);
  rig_feed_all(world);
  mst_verdict *verdict = rig_judge(world, 61);
  const mst_item_result *item = rig_item(verdict, "a");
  cr_expect_eq(item->outcome, c->outcome, "{%s} gap %d: %s and not %s: %s [%s]", c->check, c->gap, mst_outcome_name(item->outcome),
               mst_outcome_name(c->outcome), item->reason, item->value);
  cr_expect(item->reason[0] != '\0', "{%s} says no reason", c->check);
  mst_verdict_destroy(verdict);
  rig_destroy(world);
}

Test(measure, each_statistic_with_and_without_gaps__has_the_outcome_of_the_worst_completion)
{
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    run_case(&cases[i]);
}

Test(measure, coverage_under_the_bound__is_no_data_for_what_would_hold)
{
  char yaml[1024];
  rig *world = rig_create(rig_one_check("signal: x, stat: max, target: \"> 5\"", yaml), "api");
  uint32_t series = rig_series(world, 0, "x", MST_SIGNAL_GAUGE, "", "");

  for (uint32_t window = 0; window < 60; window++)
    if (window % 8 != 7)
      rig_fill(world, 0, window, window + 1, series, 10);
  rig_expect_after_the_hour(world, MST_NO_DATA, "88.33 % of the windows");
}

Test(measure, gap_over_the_bound__is_no_data_for_what_would_hold)
{
  char yaml[1024];
  rig *world = rig_create(rig_one_check("signal: x, stat: max, target: \"> 5\", max_gap: 3m", yaml), "api");
  uint32_t series = rig_series(world, 0, "x", MST_SIGNAL_GAUGE, "", "");

  rig_fill(world, 0, 0, 20, series, 10);
  rig_fill(world, 0, 24, 60, series, 10);
  rig_expect_after_the_hour(world, MST_NO_DATA, "a gap of 4m");
}

Test(measure, series_defined_late__is_not_expected_before_where_the_host_reported)
{
  char yaml[1024];
  rig *world = rig_create(rig_one_check("signal: x, stat: max, target: \"< 50\"", yaml), "api");
  uint32_t other = rig_series(world, 0, "other", MST_SIGNAL_GAUGE, "", ""),
           late = rig_intern(world, "x", MST_SIGNAL_GAUGE, "", INT32_MIN, "");

  rig_define(world, 0, late, 40);
  rig_fill(world, 0, 0, 60, other, 1);
  rig_fill(world, 0, 40, 60, late, 10);
  rig_expect_after_the_hour(world, MST_PASS, "holds");
}

Test(measure, series_that_stops__is_missing_from_then_on)
{
  char yaml[1024];
  rig *world = rig_create(rig_one_check("signal: x, stat: max, target: \"< 50\"", yaml), "api");
  uint32_t other = rig_series(world, 0, "other", MST_SIGNAL_GAUGE, "", ""), series = rig_series(world, 0, "x", MST_SIGNAL_GAUGE, "", "");

  rig_fill(world, 0, 0, 60, other, 1);
  rig_fill(world, 0, 0, 59, series, 10);
  rig_expect_after_the_hour(world, MST_NO_DATA, "1m of 1h missing");
}

/* A thing that is sampled every fifth minute: what lies between two samples is not missing, a sample that does not come is. */
Test(measure, slow_sampling__is_expected_as_often_as_the_check_says)
{
  static const struct {
    const char *check;
    uint32_t lost, broken; /* windows whose sample does not come, cannot be read; 99: none */
    mst_outcome outcome;
    const char *said;
  } ways[] = {
      {"stat: max, target: \"< 50\", every: 5m", 99, 99, MST_PASS, "holds"},
      {"stat: last, target: \"< 50\", every: 5m", 99, 99, MST_PASS, "holds"},
      {"stat: changes, target: \"== 0\", every: 6m", 99, 99, MST_PASS, "holds"},
      {"stat: p90, target: \"< 50\", every: 5m", 99, 99, MST_PASS, "holds"},
      {"stat: max, target: \"< 50\"", 99, 99, MST_NO_DATA, "20 % of the windows"},
      {"stat: max, target: \"< 50\", every: 5m", 30, 99, MST_NO_DATA, "5m of 16m missing"},
      {"stat: last, target: \"< 50\", every: 5m", 55, 99, MST_NO_DATA, "missing"},
      {"stat: last, target: \"< 50\", every: 5m", 30, 99, MST_PASS, "holds"},
      {"stat: max, target: \"< 50\", every: 20m", 99, 30, MST_NO_DATA, "1m of 12m missing"},
  };

  for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
    char yaml[1024], check[200];
    snprintf(check, sizeof check, "signal: x, coverage: 50%%, %s", ways[i].check);
    rig *world = rig_create(rig_one_check(check, yaml), "api");
    uint32_t other = rig_series(world, 0, "other", MST_SIGNAL_GAUGE, "", ""), series = rig_series(world, 0, "x", MST_SIGNAL_GAUGE, "", "");
    rig_fill(world, 0, 0, 60, other, 1);
    for (uint32_t window = 0; window < 60; window += 5) {
      if (window == ways[i].broken)
        rig_missing(world, 0, window, 0, series, MST_SAMPLE_ERROR);
      else if (window != ways[i].lost)
        rig_number(world, 0, window, 0, series, 10);
    }
    rig_expect_after_the_hour(world, ways[i].outcome, ways[i].said);
  }
}

Test(measure, absent_thing__is_exempt_and_one_that_cannot_be_read_is_missing)
{
  static const mst_sample_status statuses[] = {MST_SAMPLE_ABSENT, MST_SAMPLE_ERROR};

  for (size_t i = 0; i < 2; i++) {
    char yaml[1024];
    rig *world = rig_create(rig_one_check("signal: x, stat: max, target: \"< 50\"", yaml), "api");
    uint32_t series = rig_series(world, 0, "x", MST_SIGNAL_GAUGE, "", "");
    rig_fill(world, 0, 0, 59, series, 10);
    for (uint32_t column = 0; column < RIG_MAX_COLUMNS; column++)
      rig_missing(world, 0, 59, column, series, statuses[i]);
    rig_expect_after_the_hour(world, i == 0 ? MST_PASS : MST_NO_DATA, i == 0 ? "holds" : "missing");
  }
}

Test(measure, sample_that_could_not_be_read__leaves_a_maximum_unknown)
{
  char yaml[1024];
  rig *world = rig_create(rig_one_check("signal: x, stat: max, target: \"< 50\"", yaml), "api");
  uint32_t series = rig_series(world, 0, "x", MST_SIGNAL_GAUGE, "", "");

  rig_fill(world, 0, 0, 59, series, 10);
  rig_number(world, 0, 59, 0, series, 10);
  rig_missing(world, 0, 59, 1, series, MST_SAMPLE_ERROR);
  rig_expect_after_the_hour(world, MST_NO_DATA, "could be read");
}

Test(measure, sample_that_could_not_be_read__leaves_a_trend_s_bucket_open)
{
  char yaml[1024];
  rig *world = rig_create(rig_one_check("signal: x, stat: cv, target: \"< 50%\", trend: {bucket: 2m}", yaml), "api");
  uint32_t series = rig_series(world, 0, "x", MST_SIGNAL_GAUGE, "", "");

  rig_fill(world, 0, 0, 59, series, 10);
  rig_number(world, 0, 59, 0, series, 10);
  rig_missing(world, 0, 59, 1, series, MST_SAMPLE_ERROR);
  rig_expect_after_the_hour(world, MST_NO_DATA, "1m of 1h missing");
}

Test(measure, window_of_absence_and_error__is_missing)
{
  char yaml[1024];
  rig *world = rig_create(rig_one_check("signal: x, stat: max, target: \"< 50\"", yaml), "api");
  uint32_t series = rig_series(world, 0, "x", MST_SIGNAL_GAUGE, "", "");

  rig_fill(world, 0, 0, 59, series, 10);
  rig_missing(world, 0, 59, 0, series, MST_SAMPLE_ABSENT);
  rig_missing(world, 0, 59, 1, series, MST_SAMPLE_ERROR);
  rig_expect_after_the_hour(world, MST_NO_DATA, "1m of 1h missing");
}

Test(measure, silence_of_the_host_before_a_series_was_defined__is_missing_too)
{
  char yaml[1024];
  rig *world = rig_create(rig_one_check("signal: x, stat: max, target: \"< 50\"", yaml), "api");
  uint32_t other = rig_series(world, 0, "other", MST_SIGNAL_GAUGE, "", ""),
           late = rig_intern(world, "x", MST_SIGNAL_GAUGE, "", INT32_MIN, "");

  rig_define(world, 0, late, 40);
  rig_fill(world, 0, 0, 20, other, 1);
  rig_fill(world, 0, 22, 60, other, 1);
  rig_fill(world, 0, 40, 60, late, 10);
  rig_expect_after_the_hour(world, MST_NO_DATA, "2m of 22m missing");
}

Test(measure, thing_that_is_gone__is_not_present_and_has_no_last_value)
{
  static const struct {
    const char *check;
    mst_outcome outcome;
  } ways[] = {{"signal: x, stat: present, target: \"== 1\"", MST_FAIL}, {"signal: x, stat: last, target: \"< 50\"", MST_NO_DATA}};

  for (size_t i = 0; i < 2; i++) {
    char yaml[1024];
    rig *world = rig_create(rig_one_check(ways[i].check, yaml), "api");
    uint32_t series = rig_series(world, 0, "x", MST_SIGNAL_GAUGE, "", "");
    rig_fill(world, 0, 0, 59, series, 10);
    rig_missing(world, 0, 59, 0, series, MST_SAMPLE_ABSENT);
    rig_expect_after_the_hour(world, ways[i].outcome, "");
  }
}

Test(measure, state_text__is_held_against_words_versions_and_globs)
{
  static const struct {
    const char *target, *state;
    mst_outcome outcome;
  } texts[] = {
      {"is healthy", "healthy", MST_PASS},
      {"is healthy", "sick", MST_FAIL},
      {"is not failed", "running", MST_PASS},
      {"in up, ready", "ready", MST_PASS},
      {"not in dead, gone", "gone", MST_FAIL},
      {"like 24.*", "24.0.7", MST_PASS},
      {"version >= 24.0", "24.0.7", MST_PASS},
      {"version >= 24.0", "23.9", MST_FAIL},
      {"version >= 2.20", "Docker Compose version v2.20.2", MST_PASS},
      {"version >= 3.12", "3.9.2", MST_FAIL},
      {"version >= 3.12", "none", MST_FAIL},
      {"is attested", "abc", MST_NO_DATA},
  };

  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    char yaml[1024], check[200];
    snprintf(check, sizeof check, "signal: x, stat: last, target: \"%s\"", texts[i].target);
    rig *world = rig_create(rig_one_check(check, yaml), "api");
    uint32_t series = rig_series(world, 0, "x", MST_SIGNAL_STATE, "1", "");
    rig_state(world, 0, 59, 0, series, "before");
    rig_state(world, 0, 59, 1, series, texts[i].state);
    rig_expect_after_the_hour(world, texts[i].outcome, "");
  }
}

Test(measure, ratio_of_counters__counts_what_came_over_the_edges_of_windows)
{
  char yaml[1024];
  rig *world = rig_create(rig_one_check("signal: err, of: {signal: req}, stat: ratio, target: \"< 2%\", critical: \"> 5%\"", yaml), "api");
  uint32_t err = rig_series(world, 0, "err", MST_SIGNAL_COUNTER, "", ""), req = rig_series(world, 0, "req", MST_SIGNAL_COUNTER, "", "");

  /* Ten requests a window and an error in every fourth, all of them between two windows: 15 in the 59 windows that have a ratio. */
  for (uint32_t window = 0; window < 60; window++) {
    rig_fill(world, 0, window, window + 1, req, 10 * window);
    rig_fill(world, 0, window, window + 1, err, (window + 3) / 4);
  }
  rig_build(world);
  rig_feed_all(world);
  mst_verdict *verdict = rig_judge(world, 61);
  rig_expect(verdict, "a", MST_WARN);
  cr_expect(strncmp(rig_item(verdict, "a")->value, "2.542 %", 7) == 0, "%s", rig_item(verdict, "a")->value);
  mst_verdict_destroy(verdict);
  rig_destroy(world);
}

/* What counters grew over the edge of a gap belongs to nobody knows which window, so the window behind it is as bad as a missing one. */
Test(measure, ratio_of_counters__does_not_trust_the_window_behind_a_gap)
{
  static const struct {
    uint32_t gap_from, gap_to;
    const char *target;
    mst_outcome outcome;
  } ways[] = {
      {30, 32, "<= 5%", MST_PASS}, {30, 32, "< 5%", MST_NO_DATA}, /* two missing and one behind them, of 60 */
      {0, 1, "<= 3.4%", MST_PASS}, {0, 1, "<= 3.3%", MST_NO_DATA}, {59, 60, "<= 1.7%", MST_PASS}, {59, 60, "<= 1.6%", MST_NO_DATA},
  };

  for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
    char yaml[1024], check[200];
    snprintf(check, sizeof check, "signal: err, of: {signal: req}, stat: ratio, target: \"%s\"", ways[i].target);
    rig *world = rig_create(rig_one_check(check, yaml), "api");
    uint32_t err = rig_series(world, 0, "err", MST_SIGNAL_COUNTER, "", ""), req = rig_series(world, 0, "req", MST_SIGNAL_COUNTER, "", "");
    for (uint32_t window = 0; window < 60; window++) {
      if (window >= ways[i].gap_from && window < ways[i].gap_to)
        continue;
      rig_fill(world, 0, window, window + 1, err, 0);
      for (uint32_t column = 0; column < RIG_MAX_COLUMNS; column++)
        rig_number(world, 0, window, column, req, 6 * window + column);
    }
    rig_expect_after_the_hour(world, ways[i].outcome, "");
  }
}

/* A fall, which is all that tells of a restart where the start is not known, may lie within the gap. */
Test(measure, counter_of_unknown_start__does_not_bridge_a_gap)
{
  char yaml[1024];
  rig *world = rig_create(rig_one_check("signal: x, stat: increase, target: \"<= 59\"", yaml), "api");
  uint32_t series = rig_intern(world, "x", MST_SIGNAL_COUNTER, "", INT32_MIN, "");

  rig_define(world, 0, series, 0);
  for (uint32_t window = 0; window < 60; window++)
    if (window != 30)
      rig_fill(world, 0, window, window + 1, series, window);
  rig_expect_after_the_hour(world, MST_NO_DATA, "missing");
}

Test(measure, distribution__is_decided_by_its_buckets_and_exact_extremes)
{
  static const struct {
    const char *check;
    mst_outcome outcome;
  } ways[] = {
      {"stat: p75, target: \"< 10s\"", MST_PASS},     {"stat: p75, target: \"< 2s\"", MST_FAIL},
      {"stat: p99, target: \"<= 100s\"", MST_PASS},   {"stat: max, target: \"== 100s\"", MST_PASS},
      {"stat: min, target: \"== 1s\"", MST_PASS},     {"stat: avg, target: \"== 26.5s\"", MST_PASS},
      {"stat: count, target: \"== 240\"", MST_PASS},  {"stat: increase, target: \"== 240\"", MST_PASS},
      {"stat: rate, target: \">= 4/min\"", MST_PASS},
  };

  for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
    char yaml[1024], check[200];
    snprintf(check, sizeof check, "signal: x, %s", ways[i].check);
    rig *world = rig_create(rig_one_check(check, yaml), "api");
    uint32_t series = rig_series(world, 0, "x", MST_SIGNAL_DISTRIBUTION, "s", "");
    for (uint32_t window = 0; window < 60; window++) {
      rig_sample *sample = rig_add(world, 0, window, 0, series);
      sample->value_count = 4;
      memcpy(sample->values, (double[]){1, 2, 3, 100}, sizeof sample->values);
      for (uint32_t column = 1; column < RIG_MAX_COLUMNS; column++)
        rig_add(world, 0, window, column, series);
    }
    rig_expect_after_the_hour(world, ways[i].outcome, "");
  }
}

Test(measure, baseline__is_compared_as_reduction_or_speedup)
{
  static const struct {
    const char *check;
    double baseline;
    mst_outcome outcome;
  } ways[] = {
      {"baseline: {evidence: baseline, field: ms, as: reduction}, target: \">= 48%\"", 20, MST_PASS},
      {"baseline: {evidence: baseline, field: ms, as: reduction}, target: \">= 51%\"", 20, MST_FAIL},
      {"baseline: {evidence: baseline, field: ms, as: speedup}, target: \">= 100%\"", 20, MST_PASS},
      {"baseline: {evidence: baseline, field: ms}, target: \">= 48%\"", 0, MST_NO_DATA},
      {"baseline: {evidence: baseline, field: other}, target: \">= 48%\"", 20, MST_NO_DATA},
  };

  for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
    char yaml[1024], check[200];
    mst_errctx ctx = {0};
    mst_evidence_field field = {.name = "ms", .is_number = true, .number = ways[i].baseline};
    mst_judge_evidence document = {
        .kind = "baseline", .name = "last", .made_at = rig_start, .imported_at = rig_start, .fields = &field, .field_count = 1};
    snprintf(check, sizeof check, "signal: x, stat: avg, %s", ways[i].check);
    rig *world = rig_create(rig_one_check(check, yaml), "api");
    rig_fill(world, 0, 0, 60, rig_series(world, 0, "x", MST_SIGNAL_GAUGE, "s", ""), 10);
    cr_assert_eq(mst_judge_set_evidence(world->judge, &document, 1, &ctx), MST_OK);
    rig_expect_after_the_hour(world, ways[i].outcome, "");
  }
}
