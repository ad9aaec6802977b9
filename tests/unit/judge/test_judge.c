/* The judge's border: what it refuses, what it forgives, memory that runs out, the result's bytes. */
#include "rig.h"

static const char yaml[] =
    "checklist: t\nperiod: 10m\npolicy: {sign_offs: [], freeze: 1m}\nitems:\n"
    "  - {id: a, title: 'A \"quoted\" title', class: S, check: {signal: x, stat: p95, target: '< 20', critical: '> 30'}}\n"
    "  - {id: b, title: B, class: S, check: {signal: x, stat: max, over: 3m, target: '< 20'}}\n"
    "  - {id: c, title: C, class: S, check: {signal: c, of: {signal: c}, stat: ratio, target: '<= 100%'}}\n"
    "  - {id: d, title: D, class: S, check: {signal: x, stat: cv, target: '< 50%', trend: {bucket: 2m}}}\n"
    "  - {id: p, title: P, class: P, check: {follow_up: lead}}\n";

static rig *
small_world(void)
{
  rig *world = rig_create(yaml, "api db");

  for (uint32_t host = 0; host < 2; host++) {
    uint32_t gauge = rig_series(world, host, "x", MST_SIGNAL_GAUGE, "", "device=sda"),
             counter = rig_series(world, host, "c", MST_SIGNAL_COUNTER, "", "");
    for (uint32_t window = 0; window < 10; window++) {
      rig_fill(world, host, window, window + 1, gauge, 10 + host);
      for (uint32_t column = 0; column < RIG_MAX_COLUMNS; column++)
        rig_number(world, host, window, column, counter, window * 6 + column);
    }
  }
  rig_build(world);
  return world;
}

Test(judge, setup_off_the_grid__is_refused)
{
  mst_checklist *list = rig_checklist(yaml);
  mst_series_table *table;
  mst_errctx ctx = {0};
  mst_judge *judge = NULL;

  cr_assert_eq(mst_series_table_create(10, &table, &ctx), MST_OK);
  mst_judge_setup setup = {.checklist = list, .series = table, .run_id = "r", .start = rig_start, .window_ns = RIG_MINUTE};
  setup.start.ns += 1;
  cr_expect_eq(mst_judge_create(&setup, &judge, &ctx), MST_ESTATE);
  setup.start = rig_start;
  setup.window_ns = 7 * MST_NS_PER_S;
  cr_expect_eq(mst_judge_create(&setup, &judge, &ctx), MST_ESTATE);
  setup.start.ns = 1700000100LL * MST_NS_PER_S;
  setup.window_ns = 5 * RIG_MINUTE; /* longer than a trend's bucket */
  cr_expect_eq(mst_judge_create(&setup, &judge, &ctx), MST_ESTATE);
  cr_expect(strstr(ctx.text, "item d"), "%s", ctx.text);
  cr_expect_null(judge);
  mst_series_table_destroy(table);
  mst_checklist_destroy(list);
}

Test(judge, window_twice_or_off_the_grid__is_refused_and_outside_the_period_passed_over)
{
  rig *world = small_world();
  mst_errctx ctx = {0};
  mst_window *other = NULL;

  rig_feed(world, 0, 3);
  cr_expect_eq(mst_judge_add_window(world->judge, 0, world->windows[0][3], &ctx), MST_EEXIST);
  cr_expect(strstr(ctx.text, "web-1"), "%s", ctx.text);
  cr_assert_eq(mst_window_create(rig_start, 30 * MST_NS_PER_S, &other, &ctx), MST_OK);
  cr_assert_eq(mst_window_seal(other, &ctx), MST_OK);
  cr_expect_eq(mst_judge_add_window(world->judge, 0, other, &ctx), MST_EMALFORMED);
  mst_window_destroy(other);
  static const int minutes[] = {-1, 10};
  for (size_t i = 0; i < 2; i++) {
    cr_assert_eq(mst_window_create(rig_at(minutes[i]), RIG_MINUTE, &other, &ctx), MST_OK);
    cr_assert_eq(mst_window_seal(other, &ctx), MST_OK);
    cr_expect_eq(mst_judge_add_window(world->judge, 0, other, &ctx), MST_OK);
    mst_window_destroy(other);
  }
  rig_destroy(world);
}

Test(judge, series_defined_before_windows_that_are_judged__asks_to_add_them_anew)
{
  rig *world = small_world();
  mst_errctx ctx = {0};
  uint32_t late = rig_intern(world, "x", MST_SIGNAL_GAUGE, "", INT32_MIN, "device=sdb");

  cr_expect_eq(mst_judge_add_series(world->judge, 0, 9999, rig_start, &ctx), MST_EABSENT);
  rig_feed(world, 0, 3);
  cr_expect_eq(mst_judge_add_series(world->judge, 0, late, rig_at(3), &ctx), MST_ESTATE);
  cr_expect_eq(mst_judge_add_series(world->judge, 0, late, rig_at(4), &ctx), MST_OK);
  cr_expect_eq(mst_judge_add_series(world->judge, 0, late, rig_at(5), &ctx), MST_OK, "it is known already");
  cr_expect_eq(mst_judge_add_series(world->judge, 0, late, rig_at(1), &ctx), MST_ESTATE);
  mst_judge_forget_windows(world->judge, 0);
  cr_expect_eq(mst_judge_add_series(world->judge, 0, late, rig_at(1), &ctx), MST_OK);
  rig_destroy(world);
}

Test(judge, rows_of_undefined_series__are_passed_over)
{
  rig *world = small_world();

  world->defined_count = 0;
  rig_fresh_judge(world);
  rig_feed_all(world);
  mst_verdict *verdict = rig_judge(world, 11);
  rig_expect(verdict, "a", MST_NO_DATA);
  cr_expect(strstr(rig_item(verdict, "a")->reason, "no series x that fits on web-1"), "%s", rig_item(verdict, "a")->reason);
  mst_verdict_destroy(verdict);
  rig_destroy(world);
}

Test(judge, result__is_canonical_json_with_the_digest_over_its_inner_document)
{
  rig *world = small_world();

  rig_feed_all(world);
  mst_verdict *verdict = rig_judge(world, 12);
  const char *json = mst_verdict_json(verdict), *inner = strstr(json, ",\"result\":") + 10, *end = strstr(json, ",\"sign_offs\":");
  mst_digest digest = mst_digest_of("muster/1/result", inner, (size_t)(end - inner)), said = mst_verdict_digest(verdict);
  cr_expect(mst_digest_equal(&digest, &said));
  cr_expect_null(strchr(json, '\n'));
  cr_expect(strstr(inner, "\"title\":\"A \\\"quoted\\\" title\""), "%s", inner);
  cr_expect(strstr(inner, "\"value\":\"11 (p95, web-2)\""), "%s", inner);
  cr_expect(strstr(inner, "\"series\":\"x{device=sda}\""), "%s", inner);
  cr_expect_null(strstr(inner, "follow"), "follow-ups stand outside of what is signed");
  cr_expect(strstr(json, "\"verdict\":\"GO\""), "%s", json);
  mst_verdict_destroy(verdict);
  rig_destroy(world);
}

/* Text that a cut left in the middle of a character must not break the document. */
Test(judge, text_that_is_no_utf8__does_not_break_the_result)
{
  char text[2048], name[600];

  for (size_t i = 0; i + 2 < sizeof name; i += 2)
    memcpy(name + i, "\xc3\xa4", 3);
  name[401] = '\0';
  snprintf(text, sizeof text,
           "checklist: t\nperiod: 10m\npolicy: {sign_offs: [], freeze: 1m}\nitems:\n"
           "  - {id: a, title: A, class: E, remedy: \"x%.400s\", check: {evidence: \"y%.400s\", field: f, target: '< 1'}}\n",
           name, name);
  rig *world = rig_create(text, "api");
  mst_verdict *verdict = rig_judge(world, 12);
  rig_expect(verdict, "a", MST_NO_DATA);
  mst_verdict_destroy(verdict);
  rig_destroy(world);
}

static mst_err
try_all(rig *world)
{
  mst_errctx ctx = {0};
  mst_verdict *verdict = NULL;
  mst_judge_setup setup = {.checklist = world->list,
                           .hosts = world->hosts,
                           .host_count = world->host_count,
                           .series = world->table,
                           .run_id = "run-1",
                           .start = rig_start,
                           .window_ns = RIG_MINUTE};

  mst_judge_destroy(world->judge);
  world->judge = NULL;
  mst_err err = mst_judge_create(&setup, &world->judge, &ctx);
  for (uint32_t i = 0; err == MST_OK && i < world->defined_count; i++)
    err = mst_judge_add_series(world->judge, world->defined[i].host, world->defined[i].series, world->defined[i].at, &ctx);
  for (uint32_t host = 0; err == MST_OK && host < world->host_count; host++)
    for (uint32_t window = 0; err == MST_OK && window < 10; window++)
      err = mst_judge_add_window(world->judge, host, world->windows[host][9 - window], &ctx);
  if (err == MST_OK)
    err = mst_judge_evaluate(world->judge, rig_at(12), &verdict, &ctx);
  mst_verdict_destroy(verdict);
  return err;
}

Test(judge, memory_that_runs_out__is_an_error_and_nothing_leaks, .timeout = 120)
{
  rig *world = small_world();
  size_t nth = 1, failures = 0;

  for (;; nth++) {
    mst_alloc_fail_at(nth);
    mst_err err = try_all(world);
    mst_alloc_fail_at(0);
    failures += err == MST_ENOMEM;
    cr_assert(err == MST_OK || err == MST_ENOMEM, "%d at allocation %zu", err, nth);
    if (err == MST_OK && nth > 100)
      break;
  }
  cr_expect(failures > 50, "%zu", failures);
  rig_destroy(world);
}
