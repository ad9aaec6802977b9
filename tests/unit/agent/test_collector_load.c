#include "rig.h"

#include "collectors/load.h"

Test(load_parse, three_digit_loads__are_read_whole)
{
  static const char text[] = "123.45 101.00 100.99 3/812 40021\n";
  mst_errctx ctx = {0};
  double load[3];

  cr_assert_eq(mst_load_parse(text, strlen(text), load, &ctx), MST_OK, "%s", ctx.text);
  cr_expect_float_eq(load[0], 123.45, 1e-9);
  cr_expect_float_eq(load[1], 101, 1e-9);
  cr_expect_float_eq(load[2], 100.99, 1e-9);
}

Test(load_parse, broken_line__is_refused_and_names_the_field)
{
  static const struct {
    const char *text, *said;
  } cases[] = {{"", "field 1"},
               {"0.1 0.2", "field 2"},
               {"0.1 x 0.3 ", "field 2"},
               {"0.1 -1 0.3 ", "field 2"},
               {"nan 0 0 ", "field 1"},
               {"0.1 0.2 0.3", "field 3"},
               {"1e5 0 0 1/2 3\n", "field 1"},
               {"0.1 inf 0 1/2 3\n", "field 2"},
               {"0.1 .5 0 1\n", "field 2"},
               {"0.1 5. 0 1\n", "field 2"},
               {"0.1 1.2.3 0 1\n", "field 2"},
               {"9999999999999999999 0 0 1\n", "field 1"}};

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    mst_errctx ctx = {0};
    double load[3] = {7, 7, 7};

    cr_expect_eq(mst_load_parse(cases[i].text, strlen(cases[i].text), load, &ctx), MST_EMALFORMED, "took \"%s\"", cases[i].text);
    cr_expect(strstr(ctx.text, cases[i].said), "\"%s\" says: %s", cases[i].text, ctx.text);
    cr_expect_eq(load[0], 7);
  }
}

Test(load, captured_host__gives_three_averages)
{
  struct rig rig;

  rig_init(&rig, "centos6-linux2.6.32");
  rig_start(&rig, "load", "");
  rig_tick(&rig, 0);
  cr_expect_float_eq(rig_number(&rig, "system.cpu.load_average.1m", ""), 0.31, 1e-9);
  cr_expect_float_eq(rig_number(&rig, "system.cpu.load_average.5m", ""), 0.27, 1e-9);
  cr_expect_float_eq(rig_number(&rig, "system.cpu.load_average.15m", ""), 0.20, 1e-9);
  rig_done(&rig);
}

Test(load, short_read__is_an_error_with_the_text_found)
{
  struct rig rig;

  rig_init(&rig, "debian12-linux6.18");
  rig_start(&rig, "load", "");
  rig_tick(&rig, 0);
  rig_write(&rig, "proc/loadavg", "0.5 0.");
  rig_tick(&rig, MST_NS_PER_S);
  rig_expect_missing(&rig, "system.cpu.load_average.1m", "", MST_SAMPLE_ERROR, "field 2");
  rig_done(&rig);
}
