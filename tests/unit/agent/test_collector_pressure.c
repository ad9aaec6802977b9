#include "rig.h"

#include "collectors/pressure.h"

Test(pressure_parse, both_lines__are_read)
{
  static const char text[] = "some avg10=1.05 avg60=0.56 avg300=0.13 total=4802564\nfull avg10=100.00 avg60=0.56 avg300=0.13 total=7\n";
  mst_pressure pressure;
  mst_errctx ctx = {0};

  cr_assert_eq(mst_pressure_parse(text, strlen(text), &pressure, &ctx), MST_OK, "%s", ctx.text);
  cr_expect_float_eq(pressure.some.avg10_ratio, 0.0105, 1e-12);
  cr_expect_eq(pressure.some.total_us, 4802564);
  cr_expect(pressure.full.found && pressure.full.avg10_ratio == 1 && pressure.full.total_us == 7);
}

Test(pressure_parse, broken_text__is_refused_and_leaves_the_result)
{
  static const char *const broken[] = {"",
                                       "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
                                       "some avg10=0.00 avg60=0.00 avg300=0.00\n",
                                       "some avg60=0.00 avg300=0.00 total=1\n",
                                       "some avg10=101.00 avg60=0.00 avg300=0.00 total=1\n",
                                       "some avg10=x avg60=0.00 avg300=0.00 total=1\n",
                                       "some avg10=-1 avg60=0.00 avg300=0.00 total=1\n",
                                       "some avg10=0.00 avg60=0.00 avg300=0.00 total=12" /* cut short */,
                                       "some avg10= avg60=0.00 avg300=0.00 total=\n",
                                       "some\n"};

  for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
    mst_pressure pressure = {.some = {.total_us = 7}};
    mst_errctx ctx = {0};

    cr_expect_eq(mst_pressure_parse(broken[i], strlen(broken[i]), &pressure, &ctx), MST_EMALFORMED, "took \"%s\"", broken[i]);
    cr_expect_eq(pressure.some.total_us, 7);
  }
}

Test(pressure, captured_host__gives_three_resources)
{
  struct rig rig;

  rig_init(&rig, "debian12-linux6.18");
  rig_write(&rig, "proc/pressure/io", "some avg10=5.00 avg60=0 avg300=0 total=2500000\nfull avg10=2.00 avg60=0 avg300=0 total=1500000\n");
  rig_start(&rig, "pressure", "");
  rig_tick(&rig, 0);
  cr_expect_float_eq(rig_number(&rig, "muster.pressure.some.avg10", "resource=io"), 0.05, 1e-12);
  cr_expect_float_eq(rig_number(&rig, "muster.pressure.full.time", "resource=io"), 1.5, 1e-12);
  cr_expect(rig_has(&rig, "muster.pressure.some.time", "resource=cpu"));
  cr_expect(rig_has(&rig, "muster.pressure.some.time", "resource=memory"));
  rig_done(&rig);
}

Test(pressure, cpu_without_full__gives_some_only)
{
  struct rig rig;

  rig_init(&rig, "debian12-linux6.18");
  rig_write(&rig, "proc/pressure/cpu", "some avg10=5.00 avg60=0 avg300=0 total=2500000\n");
  rig_start(&rig, "pressure", "");
  rig_tick(&rig, 0);
  cr_expect(rig_has(&rig, "muster.pressure.some.time", "resource=cpu"));
  cr_expect_not(rig_has(&rig, "muster.pressure.full.time", "resource=cpu"));
  rig_done(&rig);
}

Test(pressure, kernel_without_it__is_absent_and_says_what_it_takes)
{
  struct rig rig;

  rig_init(&rig, "centos6-linux2.6.32");
  rig_start(&rig, "pressure", "");
  rig_tick(&rig, 0);
  rig_expect_collector(&rig, "absent", "4.20");
  rig_done(&rig);
}

Test(pressure, file_that_comes_later__is_found_within_a_minute)
{
  struct rig rig;

  rig_init(&rig, "centos6-linux2.6.32");
  rig_start(&rig, "pressure", "");
  rig_tick(&rig, 0);
  rig_write(&rig, "proc/pressure/cpu", "some avg10=0 avg60=0 avg300=0 total=1\n");
  rig_write(&rig, "proc/pressure/memory", "some avg10=0 avg60=0 avg300=0 total=1\n");
  rig_write(&rig, "proc/pressure/io", "some avg10=0 avg60=0 avg300=0 total=1\n");
  rig_tick(&rig, 60 * MST_NS_PER_S);
  rig_expect_collector(&rig, "ok", "");
  cr_expect(rig_has(&rig, "muster.pressure.some.avg10", "resource=cpu"));
  rig_done(&rig);
}
