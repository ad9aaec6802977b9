/* How series and hosts combine, and what becomes of hosts that are silent, revoked, or do not measure. */
#include "rig.h"

Test(hosts, hosts_combine__as_the_check_says)
{
  static const struct {
    const char *how;
    mst_outcome outcome;
  } ways[] = {
      {"combine: each", MST_FAIL},
      {"combine: any", MST_PASS},
      {"combine: quorum 2", MST_PASS},
      {"combine: quorum 3", MST_FAIL},
      {"combine: quorum 60%", MST_PASS},
      {"combine: quorum 70%", MST_FAIL},
      {"combine: quorum 4", MST_NO_DATA},
      {"combine: sum", MST_FAIL},
      {"combine: avg", MST_PASS},
      {"combine: min", MST_PASS},
      {"combine: max", MST_FAIL},
      {"hosts: {role: api}", MST_PASS},
      {"hosts: {role: \"!db\"}", MST_PASS},
      {"hosts: {role: cache}", MST_NO_DATA},
      {"hosts: {role: api}, least_hosts: 3", MST_NO_DATA},
      {"least_series: 4", MST_NO_DATA},
  };

  for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
    char yaml[1024], check[200];
    snprintf(check, sizeof check, "signal: x, stat: max, target: \"<= 20\", %s", ways[i].how);
    rig *world = rig_create(rig_one_check(check, yaml), "api api db");
    for (uint32_t host = 0; host < 3; host++)
      rig_fill(world, host, 0, 60, rig_series(world, host, "x", MST_SIGNAL_GAUGE, "", ""), 10 + 10 * host);
    rig_expect_after_the_hour(world, ways[i].outcome, "");
  }
}

Test(hosts, series_combine__as_the_check_says)
{
  static const struct {
    const char *how;
    mst_outcome outcome;
  } ways[] = {
      {"series: each", MST_FAIL},
      {"series: any", MST_PASS},
      {"series: sum", MST_FAIL},
      {"series: avg", MST_PASS},
      {"series: min", MST_PASS},
      {"where: {device: sda}", MST_PASS},
      {"where: {device: \"!sd[bc]\"}", MST_FAIL},
      {"where: {device: [sda, \"s?b\"]}", MST_PASS},
  };

  for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
    char yaml[1024], check[200];
    snprintf(check, sizeof check, "signal: x, stat: max, target: \"<= 20\", %s", ways[i].how);
    rig *world = rig_create(rig_one_check(check, yaml), "api");
    rig_fill(world, 0, 0, 60, rig_series(world, 0, "x", MST_SIGNAL_GAUGE, "", "device=sda"), 10);
    rig_fill(world, 0, 0, 60, rig_series(world, 0, "x", MST_SIGNAL_GAUGE, "", "device=sdb"), 20);
    rig_fill(world, 0, 0, 60, rig_series(world, 0, "x", MST_SIGNAL_GAUGE, "", "device=sdc"), 30);
    rig_expect_after_the_hour(world, ways[i].outcome, "");
  }
}

Test(hosts, host_without_the_series__is_no_data_unless_only_measuring_hosts_count)
{
  static const struct {
    const char *how;
    mst_outcome outcome;
  } ways[] = {{"hosts: all", MST_NO_DATA}, {"hosts: measuring", MST_PASS}, {"hosts: measuring, least_hosts: 2", MST_NO_DATA}};

  for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
    char yaml[1024], check[200];
    snprintf(check, sizeof check, "signal: x, stat: max, target: \"<= 20\", %s", ways[i].how);
    rig *world = rig_create(rig_one_check(check, yaml), "api api");
    rig_fill(world, 0, 0, 60, rig_series(world, 0, "x", MST_SIGNAL_GAUGE, "", ""), 10);
    rig_expect_after_the_hour(world, ways[i].outcome, "");
  }
}

Test(hosts, silent_host__is_no_data_while_the_run_is_on)
{
  char yaml[1024];
  rig *world = rig_create(rig_one_check("signal: x, stat: max, target: \"<= 20\"", yaml), "api");
  uint32_t series = rig_series(world, 0, "x", MST_SIGNAL_GAUGE, "", "");

  rig_fill(world, 0, 0, 60, series, 10);
  rig_build(world);
  for (uint32_t window = 0; window < 30; window++)
    rig_feed(world, 0, window);
  rig_alive(world, 30);
  mst_verdict *verdict = rig_judge(world, 30.4);
  rig_expect(verdict, "a", MST_PASS);
  mst_verdict_destroy(verdict);
  verdict = rig_judge(world, 30.8);
  rig_expect(verdict, "a", MST_NO_DATA);
  cr_expect(strstr(rig_item(verdict, "a")->reason, "silent for 48s"), "%s", rig_item(verdict, "a")->reason);
  mst_verdict_destroy(verdict);
  for (uint32_t window = 30; window < 60; window++)
    rig_feed(world, 0, window);
  /* At the end only the windows count. */
  verdict = rig_judge(world, 61);
  rig_expect(verdict, "a", MST_PASS);
  mst_verdict_destroy(verdict);
  rig_destroy(world);
}

Test(hosts, revoked_or_relabelled_host__is_no_data)
{
  static const mst_host_state states[] = {MST_HOST_REVOKED, MST_HOST_RELABELLED};

  for (size_t i = 0; i < 2; i++) {
    char yaml[1024];
    rig *world = rig_create(rig_one_check("signal: x, stat: max, target: \"<= 20\"", yaml), "api");
    rig_fill(world, 0, 0, 60, rig_series(world, 0, "x", MST_SIGNAL_GAUGE, "", ""), 10);
    mst_judge_set_host(world->judge, 0, states[i], rig_at(60), 10 * MST_NS_PER_S);
    rig_expect_after_the_hour(world, MST_NO_DATA, i == 0 ? "was revoked" : "other labels");
  }
}

Test(hosts, span_of_later_hours__is_pending_until_it_begins)
{
  char yaml[1024];
  rig *world = rig_create(rig_one_check("signal: x, stat: max, target: \"<= 20\", over: hours 0.5-1", yaml), "api");
  uint32_t series = rig_series(world, 0, "x", MST_SIGNAL_GAUGE, "", "");

  rig_fill(world, 0, 0, 30, series, 50);
  rig_fill(world, 0, 30, 60, series, 10);
  rig_build(world);
  for (uint32_t window = 0; window < 30; window++)
    rig_feed(world, 0, window);
  rig_alive(world, 30);
  mst_verdict *verdict = rig_judge(world, 30);
  rig_expect(verdict, "a", MST_PENDING);
  mst_verdict_destroy(verdict);
  for (uint32_t window = 30; window < 60; window++)
    rig_feed(world, 0, window);
  verdict = rig_judge(world, 61);
  rig_expect(verdict, "a", MST_PASS);
  mst_verdict_destroy(verdict);
  rig_destroy(world);
}

/* It might have said that the thing is gone, as another host does. */
Test(hosts, last_value_that_is_missing_on_one_host__is_not_carried_by_the_others)
{
  for (int absent = 0; absent < 2; absent++) {
    char yaml[1024];
    rig *world = rig_create(rig_one_check("signal: x, stat: last, target: \"> 5\", combine: max", yaml), "api api");
    for (uint32_t host = 0; host < 2; host++) {
      uint32_t series = rig_series(world, host, "x", MST_SIGNAL_GAUGE, "", "");
      rig_fill(world, host, 0, 59, series, 10);
      if (host == 0)
        rig_fill(world, host, 59, 60, series, 10);
      else if (absent)
        rig_missing(world, host, 59, 0, series, MST_SAMPLE_ABSENT);
    }
    rig_expect_after_the_hour(world, MST_NO_DATA, "web-2");
  }
}
