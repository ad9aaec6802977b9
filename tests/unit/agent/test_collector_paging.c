#include "rig.h"

#include "collectors/vmstat.h"

Test(vmstat_parse, some_lines_of_many__are_found)
{
  static const char text[] = "nr_free_pages 1\npgfault 12\npgmajfault 3\noom_kill 4\n";
  mst_vmstat_value values[] = {{.name = "oom_kill"}, {.name = "pgfault"}, {.name = "pswpin"}};
  mst_errctx ctx = {0};

  cr_assert_eq(mst_vmstat_parse(text, strlen(text), values, 3, &ctx), MST_OK);
  cr_expect(values[0].found && values[0].value == 4);
  cr_expect(values[1].found && values[1].value == 12);
  cr_expect_not(values[2].found);
}

Test(vmstat_parse, broken_text__is_refused)
{
  static const char *const broken[] = {
      "", "pgfault\n", "pgfault x\n", "pgfault -1\n", "pgfault 12" /* cut short */, "a 1\npgfault 99999999999999999999\n"};

  for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
    mst_vmstat_value values[] = {{.name = "pgfault"}};
    mst_errctx ctx = {0};

    cr_expect_eq(mst_vmstat_parse(broken[i], strlen(broken[i]), values, 1, &ctx), MST_EMALFORMED, "took \"%s\"", broken[i]);
  }
}

Test(paging, host_with_swap__gives_usage_and_counters)
{
  struct rig rig;

  rig_init(&rig, "centos6-linux2.6.32");
  rig_start(&rig, "paging", "");
  rig_tick(&rig, 0);
  cr_expect_eq(rig_number(&rig, "system.paging.usage", "system.paging.state=used"), (4194296.0 - 4102020) * 1024);
  cr_expect_eq(rig_number(&rig, "system.paging.usage", "system.paging.state=free"), 4102020.0 * 1024);
  cr_expect_float_eq(rig_number(&rig, "system.paging.utilization", ""), 0.022, 1e-3);
  cr_expect_eq(rig_number(&rig, "system.paging.faults", "system.paging.fault.type=minor"), 9817204112 - 184213);
  cr_expect_eq(rig_number(&rig, "system.paging.faults", "system.paging.fault.type=major"), 184213);
  cr_expect_eq(rig_number(&rig, "system.paging.operations", "system.paging.direction=in"), 24071);
  cr_expect_eq(rig_number(&rig, "system.paging.operations", "system.paging.direction=out"), 61325);
  rig_done(&rig);
}

Test(paging, swap_that_is_turned_off__becomes_absent)
{
  struct rig rig;

  rig_init(&rig, "centos6-linux2.6.32");
  rig_start(&rig, "paging", "");
  rig_tick(&rig, 0);
  rig_write(&rig, "proc/meminfo", "MemTotal: 1000 kB\nMemFree: 100 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n");
  rig_tick(&rig, MST_NS_PER_S);
  rig_expect_missing(&rig, "system.paging.usage", "system.paging.state=used", MST_SAMPLE_ABSENT, "no longer there");
  rig_expect_collector(&rig, "ok", "");
  rig_done(&rig);
}

Test(paging, host_without_swap__defines_no_usage)
{
  struct rig rig;
  mst_sample sample;

  rig_init(&rig, "debian12-linux6.18");
  rig_start(&rig, "paging", "");
  rig_tick(&rig, 0);
  cr_expect_not(rig_find(&rig, "system.paging.usage", "system.paging.state=used", &sample));
  cr_expect(rig_has(&rig, "system.paging.faults", "system.paging.fault.type=minor"));
  rig_done(&rig);
}

Test(oom, kernel_that_counts__gives_the_counter)
{
  struct rig rig;

  rig_init(&rig, "debian12-linux6.18");
  rig_write(&rig, "proc/vmstat", "nr_free_pages 1\noom_kill 3\n");
  rig_start(&rig, "oom", "");
  rig_tick(&rig, 0);
  cr_expect_eq(rig_number(&rig, "muster.oom_kills", ""), 3);
  rig_done(&rig);
}

Test(oom, old_kernel__is_absent_and_says_since_when)
{
  struct rig rig;

  rig_init(&rig, "centos6-linux2.6.32");
  rig_start(&rig, "oom", "");
  rig_tick(&rig, 0);
  rig_expect_collector(&rig, "absent", "4.13");
  cr_expect_eq(mst_sampler_series_count(rig.sampler), 1); /* the collector's status, nothing else */
  rig_done(&rig);
}
