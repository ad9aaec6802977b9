#include "rig.h"

#include "collectors/boot.h"
#include "collectors/cpu.h"

Test(cpu_parse, line_of_linux_6__gives_all_states)
{
  static const char text[] = "cpu  2717 1 2635 448024 461 7 59 85 3 2\ncpu0 932 0 936\n";
  mst_errctx ctx = {0};
  mst_cpu_times times;

  cr_assert_eq(mst_cpu_parse(text, strlen(text), &times, &ctx), MST_OK, "%s", ctx.text);
  cr_expect_eq(times.ticks[MST_CPU_USER], 2717);
  cr_expect_eq(times.ticks[MST_CPU_NICE], 1);
  cr_expect_eq(times.ticks[MST_CPU_SYSTEM], 2635);
  cr_expect_eq(times.ticks[MST_CPU_IDLE], 448024);
  cr_expect_eq(times.ticks[MST_CPU_IOWAIT], 461);
  cr_expect_eq(times.ticks[MST_CPU_INTERRUPT], 66);
  cr_expect_eq(times.ticks[MST_CPU_STEAL], 85);
}

Test(cpu_parse, line_without_steal__is_read_as_none)
{
  static const char text[] = "cpu 1 2 3 4 5 6 7\n";
  mst_errctx ctx = {0};
  mst_cpu_times times;

  cr_assert_eq(mst_cpu_parse(text, strlen(text), &times, &ctx), MST_OK);
  cr_expect_eq(times.ticks[MST_CPU_STEAL], 0);
}

Test(cpu_parse, broken_text__is_refused_and_leaves_the_result)
{
  static const char *const broken[] = {
      "",
      "\n",
      "cpu",
      "cpu \n",
      "cpu0 1 2 3 4 5 6 7 8\n",
      "cpu 1 2 3 4 5 6\n",
      "cpu 1 2 3 4 5 6 x 8\n",
      "cpu 1 2 3 4 5 6 7 x\n",
      "cpu 1 2 -3 4 5 6 7 8\n",
      "cpu 1 2 3 4 5 6 7 8" /* cut short */,
      "cpu 1 2 3 18446744073709551616 5 6 7 8\n",
      "intr 5\n",
  };

  for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
    mst_cpu_times times = {.ticks = {7}};
    mst_errctx ctx = {0};

    cr_expect_eq(mst_cpu_parse(broken[i], strlen(broken[i]), &times, &ctx), MST_EMALFORMED, "took \"%s\"", broken[i]);
    cr_expect_eq(times.ticks[0], 7);
    cr_expect(strstr(ctx.text, "/proc/stat"), "says \"%s\"", ctx.text);
  }
}

Test(cpu_count, lists_of_the_kernel__are_counted)
{
  static const struct {
    const char *text;
    uint32_t count;
  } cases[] = {{"0\n", 1}, {"0-3\n", 4}, {"0-3,8\n", 5}, {"0,2-4,6,8-1023\n", 1021}, {"5", 1}};

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    mst_errctx ctx = {0};
    uint32_t count = 0;

    cr_expect_eq(mst_cpu_count_parse(cases[i].text, strlen(cases[i].text), &count, &ctx), MST_OK, "%s", ctx.text);
    cr_expect_eq(count, cases[i].count, "%s gave %u", cases[i].text, count);
  }
}

Test(cpu_count, broken_list__is_refused)
{
  static const char *const broken[] = {"", "\n", "-", "0-", "3-1", "0,", ",0", "a", "0-99999999999", "1,1", "2,1", "0x3"};

  for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
    mst_errctx ctx = {0};
    uint32_t count = 7;

    cr_expect_eq(mst_cpu_count_parse(broken[i], strlen(broken[i]), &count, &ctx), MST_EMALFORMED, "took \"%s\"", broken[i]);
    cr_expect_eq(count, 7);
  }
}

Test(cpu_shares, two_readings__give_shares_that_add_up)
{
  mst_cpu_times before = {{100, 0, 50, 1000, 10, 0, 0}}, now = {{120, 0, 60, 1060, 20, 0, 0}};
  double shares[MST_CPU_STATES], busy, sum = 0;

  cr_assert(mst_cpu_shares(&before, &now, shares, &busy));
  for (size_t i = 0; i < MST_CPU_STATES; i++)
    sum += shares[i];
  cr_expect_float_eq(sum, 1, 1e-12);
  cr_expect_float_eq(busy, 0.3, 1e-12); /* 20 user and 10 system of 100; waiting for I/O is not busy */
  cr_expect_float_eq(shares[MST_CPU_IDLE], 0.6, 1e-12);
}

Test(cpu_shares, falling_iowait__is_no_time_and_no_wrap)
{
  mst_cpu_times before = {{100, 0, 0, 1000, 50, 0, 0}}, now = {{110, 0, 0, 1090, 40, 0, 0}};
  double shares[MST_CPU_STATES], busy;

  cr_assert(mst_cpu_shares(&before, &now, shares, &busy));
  cr_expect_float_eq(shares[MST_CPU_IOWAIT], 0, 1e-12);
  cr_expect_float_eq(busy, 0.1, 1e-12);
}

Test(cpu_shares, no_time_between__says_so)
{
  mst_cpu_times same = {{1, 2, 3, 4, 5, 6, 7}};
  double shares[MST_CPU_STATES], busy;

  cr_expect_not(mst_cpu_shares(&same, &same, shares, &busy));
}

Test(boot_parse, stat_behind_a_long_interrupt_line__gives_the_boot_time)
{
  static const char text[] = "cpu 1\nintr 1 2 3\nctxt 4\nbtime 1795410262\nprocesses 9\n";
  mst_errctx ctx = {0};
  mst_wall at = {0};

  cr_assert_eq(mst_boot_parse(text, strlen(text), &at, &ctx), MST_OK);
  cr_expect_eq(at.ns, 1795410262 * MST_NS_PER_S);
}

Test(boot_parse, broken_text__is_refused)
{
  static const char *const broken[] = {"", "btime", "btime \n", "btime 0\n", "btime 12", "btime x\n", "btime 99999999999999\n", "cpu 1\n"};

  for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
    mst_errctx ctx = {0};
    mst_wall at = {7};

    cr_expect_eq(mst_boot_parse(broken[i], strlen(broken[i]), &at, &ctx), MST_EMALFORMED, "took \"%s\"", broken[i]);
    cr_expect_eq(at.ns, 7);
  }
}

Test(cpu, first_sample__gives_times_and_count_but_no_shares)
{
  struct rig rig;

  rig_init(&rig, "debian12-linux6.18");
  rig_start(&rig, "cpu", "");
  rig_tick(&rig, 0);
  cr_expect_gt(rig_number(&rig, "system.cpu.time", "cpu.mode=idle"), 1000);
  cr_expect_eq(rig_number(&rig, "system.cpu.logical.count", ""), 2);
  cr_expect_not(rig_has(&rig, "muster.host.cpu.utilization", ""));
  rig_done(&rig);
}

Test(cpu, second_sample__gives_the_shares_between_the_two)
{
  struct rig rig;

  rig_init(&rig, "debian12-linux6.18");
  rig_write(&rig, "proc/stat", "cpu  1000 0 1000 8000 0 0 0 0 0 0\nbtime 1795410262\n");
  rig_start(&rig, "cpu", "");
  rig_tick(&rig, 0);
  rig_write(&rig, "proc/stat", "cpu  1100 0 1100 8700 100 0 0 0 0 0\nbtime 1795410263\n");
  rig_tick(&rig, 10 * MST_NS_PER_S);
  cr_expect_float_eq(rig_number(&rig, "muster.host.cpu.utilization", ""), 0.2, 1e-12);
  cr_expect_float_eq(rig_number(&rig, "system.cpu.utilization", "cpu.mode=iowait"), 0.1, 1e-12);
  cr_expect_float_eq(rig_number(&rig, "system.cpu.time", "cpu.mode=user"), 11, 1e-12);
  rig_tick(&rig, 10 * MST_NS_PER_S); /* nothing moved: the shares of before still hold */
  cr_expect_float_eq(rig_number(&rig, "muster.host.cpu.utilization", ""), 0.2, 1e-12);
  rig_done(&rig);
}

Test(cpu, boot_time_that_moves_by_a_second__makes_no_new_series)
{
  struct rig rig;

  rig_init(&rig, "debian12-linux6.18");
  rig_write(&rig, "proc/stat", "cpu  1000 0 1000 8000 0 0 0 0 0 0\nbtime 1795410262\n");
  rig_start(&rig, "cpu", "");
  rig_tick(&rig, 0);

  rig_write(&rig, "proc/stat", "cpu  1001 0 1000 8000 0 0 0 0 0 0\nbtime 1795410263\n");
  rig_tick(&rig, MST_NS_PER_S);
  uint32_t count = mst_sampler_series_count(rig.sampler);
  rig_tick(&rig, MST_NS_PER_S);
  cr_expect_eq(mst_sampler_series_count(rig.sampler), count);
  for (uint32_t i = 0; i < count; i++) {
    const mst_series *series = mst_sampler_series_at(rig.sampler, i);

    if (series->kind == MST_SIGNAL_COUNTER)
      cr_expect_eq(series->start_at.ns, 1795410262 * MST_NS_PER_S);
  }
  rig_done(&rig);
}

Test(cpu, trembling_idle_time__never_falls)
{
  struct rig rig;

  rig_init(&rig, "debian12-linux6.18");
  rig_write(&rig, "proc/stat", "cpu  1000 0 1000 8000 500 0 0 0 0 0\n");
  rig_start(&rig, "cpu", "");
  rig_tick(&rig, 0);
  rig_write(&rig, "proc/stat", "cpu  1010 0 1000 8100 495 0 0 0 0 0\n");
  rig_tick(&rig, MST_NS_PER_S);
  cr_expect_float_eq(rig_number(&rig, "system.cpu.time", "cpu.mode=iowait"), 5, 1e-12);
  rig_done(&rig);
}

Test(cpu, text_that_becomes_malformed__turns_the_series_into_errors_until_it_is_well)
{
  struct rig rig;

  rig_init(&rig, "debian12-linux6.18");
  rig_start(&rig, "cpu", "");
  rig_tick(&rig, 0);
  rig_write(&rig, "proc/stat", "cpu  1 2 3");
  rig_tick(&rig, MST_NS_PER_S);
  rig_expect_missing(&rig, "system.cpu.time", "cpu.mode=user", MST_SAMPLE_ERROR, "/proc/stat");
  cr_expect_eq(rig_number(&rig, "system.cpu.logical.count", ""), 2);
  rig_expect_collector(&rig, "error", "/proc/stat");
  rig_write(&rig, "proc/stat", "cpu  1000 0 1000 8000 500 0 0 0 0 0\n");
  rig_tick(&rig, MST_NS_PER_S);
  cr_expect_eq(rig_number(&rig, "system.cpu.time", "cpu.mode=user"), 10);
  rig_expect_collector(&rig, "ok", "");
  rig_done(&rig);
}

Test(cpu, host_without_sys__has_times_but_no_count)
{
  struct rig rig;

  rig_init(&rig, "container-minimal");
  rig_start(&rig, "cpu", "");
  rig_tick(&rig, 0);
  rig_tick(&rig, MST_NS_PER_S);
  cr_expect_eq(rig_number(&rig, "system.cpu.time", "cpu.mode=user"), 0);
  cr_expect_not(rig_has(&rig, "system.cpu.logical.count", ""));
  cr_expect_not(rig_has(&rig, "muster.host.cpu.utilization", "")); /* no time passes in there */
  rig_expect_collector(&rig, "ok", "");
  rig_done(&rig);
}

Test(cpu, host_without_proc_stat__is_absent)
{
  struct rig rig;

  rig_init(&rig, NULL);
  rig_start(&rig, "cpu", "");
  rig_tick(&rig, 0);
  rig_expect_collector(&rig, "absent", "/proc/stat");
  rig_done(&rig);
}

Test(cpu, huge_counters_and_long_interrupt_line__are_taken)
{
  struct rig rig;

  rig_init(&rig, "storage-linux5.10");
  rig_start(&rig, "cpu", "");
  rig_tick(&rig, 0);
  cr_expect_float_eq(rig_number(&rig, "system.cpu.time", "cpu.mode=idle"), 781827364.50, 1e-3);
  cr_expect_eq(mst_sampler_series_at(rig.sampler, 0)->start_at.ns, 1761004800 * MST_NS_PER_S);
  rig_done(&rig);
}
