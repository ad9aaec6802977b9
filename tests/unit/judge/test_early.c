/* A NO_GO that can no longer change, and a result that is frozen. */
#include "rig.h"

/* One measured item beside nineteen that pass. */
static rig *
world_with_measure(const char *check, bool critical)
{
  char yaml[8192];
  size_t at = (size_t)snprintf(yaml, sizeof yaml,
                               "checklist: t\nperiod: 1h\npolicy: {sign_offs: [], freeze: 10m}\nitems:\n"
                               "  - {id: m, title: M, class: S, critical: %s, check: {%s}}\n",
                               critical ? "true" : "false", check);
  for (size_t i = 0; i < 3; i++)
    at += (size_t)snprintf(yaml + at, sizeof yaml - at,
                           "  - {id: i%zu, title: I, class: S, check: {statements: intervention, target: '== 0'}}\n", i);
  return rig_create(yaml, "api");
}

struct early_case {
  const char *check;
  mst_signal_kind kind;
  double value, later; /* until minute 20, then */
  bool lost;
};

Test(early, no_go_that_can_no_longer_change__is_said_at_once_and_no_other)
{
  static const struct early_case cases[] = {
      {"signal: x, stat: increase, target: '== 0'", MST_SIGNAL_COUNTER, 0, 3, true},
      {"signal: x, stat: increase, target: '== 0'", MST_SIGNAL_COUNTER, 0, 0, false},
      {"signal: x, stat: max, target: '< 10'", MST_SIGNAL_GAUGE, 1, 11, true},
      {"signal: x, stat: max, target: '> 10'", MST_SIGNAL_GAUGE, 1, 1, false},
      {"signal: x, stat: share, state: '== 1', target: '> 99%'", MST_SIGNAL_GAUGE, 1, 0, true},
      {"signal: x, stat: share, state: '== 1', target: '> 50%'", MST_SIGNAL_GAUGE, 1, 0, false},
      {"signal: x, stat: p95, target: '< 10'", MST_SIGNAL_GAUGE, 1, 11, true},
      {"signal: x, stat: p50, target: '< 10'", MST_SIGNAL_GAUGE, 11, 11, false},
      {"signal: x, stat: last, target: '< 10'", MST_SIGNAL_GAUGE, 1, 11, false},
      {"signal: x, stat: max, over: 10m, target: '< 10'", MST_SIGNAL_GAUGE, 1, 11, false},
      {"signal: x, stat: max, over: hours 0-0.5, target: '< 10'", MST_SIGNAL_GAUGE, 1, 11, true},
      {"signal: x, stat: changes, target: '== 0'", MST_SIGNAL_GAUGE, 1, 11, true},
      {"signal: x, stat: avg, target: '< 10'", MST_SIGNAL_GAUGE, 1, 1000, false},
  };

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    for (int critical = 0; critical < 2; critical++) {
      const struct early_case *c = &cases[i];
      rig *world = world_with_measure(c->check, critical);
      uint32_t series = rig_series(world, 0, "x", c->kind, "", "");
      rig_fill(world, 0, 0, 20, series, c->value);
      rig_fill(world, 0, 20, 28, series, c->later);
      rig_build(world);
      rig_feed_all(world);
      rig_alive(world, 28);
      mst_verdict *verdict = rig_judge(world, 28);
      cr_expect_eq(mst_verdict_get(verdict), c->lost ? MST_NO_GO : MST_VERDICT_PENDING, "{%s} critical %d: %s", c->check, critical,
                   strstr(mst_verdict_json(verdict), "\"reasons\""));
      cr_expect_eq(mst_verdict_is_final(verdict), c->lost);
      mst_verdict_destroy(verdict);
      rig_destroy(world);
    }
  }
}

Test(early, later_data__never_changes_a_frozen_result)
{
  rig *world = world_with_measure("signal: x, stat: max, target: '< 10'", true);
  uint32_t series = rig_series(world, 0, "x", MST_SIGNAL_GAUGE, "", "");

  rig_fill(world, 0, 0, 60, series, 1);
  rig_fill(world, 0, 60, 70, series, 100); /* after the period */
  rig_build(world);
  rig_feed_all(world);
  mst_verdict *first = rig_judge(world, 70);
  mst_judge_statement said = rig_statement("intervention", "", "lead", 1, 71);
  rig_give(world, &said, 1);
  mst_judge_set_host(world->judge, 0, MST_HOST_OK, rig_at(20), 10 * MST_NS_PER_S);
  mst_verdict *later = rig_judge(world, 100000);
  mst_digest a = mst_verdict_digest(first), b = mst_verdict_digest(later);
  rig_expect_verdict(first, MST_GO, true);
  rig_expect_verdict(later, MST_GO, true);
  cr_expect(mst_digest_equal(&a, &b));
  mst_verdict_destroy(first);
  mst_verdict_destroy(later);
  rig_destroy(world);
}
