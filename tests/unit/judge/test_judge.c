/* The judge's border: what it refuses, what it forgives, memory that runs out, the result's bytes. */
#include "rig.h"

#include <jansson.h>

#include "judge/canon.h"

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

/* The writer puts keys in order by itself; jansson sorts them. Both must agree on every byte. */
static void
expect_canonical(const mst_verdict *verdict)
{
  json_error_t error;
  json_t *tree = json_loads(mst_verdict_json(verdict), JSON_REJECT_DUPLICATES, &error);

  cr_assert(tree, "%s: %s", error.text, mst_verdict_json(verdict));
  char *again = json_dumps(tree, JSON_SORT_KEYS | JSON_COMPACT | JSON_REAL_PRECISION(9));
  cr_expect_str_eq(mst_verdict_json(verdict), again);
  free(again);
  json_decref(tree);
}

Test(judge, result_of_every_kind__is_sorted_and_escaped_as_jansson_does)
{
  rig *world =
      rig_create("checklist: \"t\\u00e4\\t\\u0001\"\nperiod: 10m\npolicy: {sign_offs: [lead, devops], freeze: 1m, go: 92.5%}\nitems:\n"
                 "  - {id: a, title: A, class: S, check: {signal: x, stat: avg, target: '< 20', critical: '> 30'}}\n"
                 "  - {id: b, title: B, class: E, na: allowed, check: {evidence: k, field: f, target: '< 20'}}\n"
                 "  - {id: c, title: C, class: E, check: {evidence: k, field: g, target: '< 20'}}\n"
                 "  - {id: d, title: D, class: H, check: {attest: lead}}\n"
                 "  - {id: e, title: E, class: R, check: {rollup: [a, c]}}\n"
                 "  - {id: f, title: F, class: S, check: {statements: intervention, target: '== 0'}}\n"
                 "  - {id: p, title: P, class: P, check: {follow_up: lead}}\n",
                 "api");
  uint32_t series = rig_series(world, 0, "x", MST_SIGNAL_GAUGE, "", "device=sda");
  mst_judge_statement said[] = {rig_statement("na", "b", "lead", 1, 2),       rig_statement("waive", "c", "lead", 2, 3),
                                rig_statement("attest", "d", "lead", 3, 4),   rig_statement("attest", "p", "lead", 3, 5),
                                rig_statement("sign-off", "", "lead", 1, 14), rig_statement("sign-off", "", "devops", 2, 15)};
  char hex[MST_DIGEST_HEX_BYTES];
  said[1].expires_at = rig_at(1000);
  said[1].reason = "known: \"\x01\xff\xc3\xa4\"";
  rig_fill(world, 0, 0, 5, series, 1e-12);
  rig_fill(world, 0, 5, 10, series, 3e-12);
  rig_build(world);
  rig_feed_all(world);
  rig_give(world, said, 4);
  mst_verdict *verdict = rig_judge(world, 12);
  mst_digest digest = mst_verdict_digest(verdict);
  expect_canonical(verdict);
  mst_verdict_destroy(verdict);
  mst_digest_hex(&digest, hex);
  said[4].detail = said[5].detail = hex;
  said[4].reason = "approved";
  said[5].reason = "rejected";
  rig_give(world, said, 6);
  verdict = rig_judge(world, 16);
  expect_canonical(verdict);
  mst_verdict_destroy(verdict);
  mst_judge_end(world->judge, rig_at(5));
  verdict = rig_judge(world, 6);
  expect_canonical(verdict);
  mst_verdict_destroy(verdict);
  rig_destroy(world);
}

Test(judge, numbers__are_written_as_jansson_writes_them)
{
  uint64_t dice = rig_seed("numbers");

  for (int round = 0; round < 20000; round++) {
    static const double plain[] = {0, 1, -1, 0.5, 1e9, 1e10, 123456789, 1234567890, 1e-5, 1e-4, 1e100, -1e-300, 0.95};
    double number = round < 13 ? plain[round] : ldexp((double)(int64_t)rig_random(&dice), (int)rig_below(&dice, 120) - 100);
    mst_buf buf;
    mst_buf_init(&buf, 100);
    mst_canon_number(&buf, number);
    json_t *real = json_real(number);
    char *theirs = json_dumps(real, JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));
    cr_assert_str_eq(mst_buf_text(&buf), theirs);
    free(theirs);
    json_decref(real);
    mst_buf_done(&buf);
  }
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
