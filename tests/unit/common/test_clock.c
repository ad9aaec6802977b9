#include <criterion/criterion.h>
#include <string.h>
#include <time.h>

#include <mst/common/clock.h>

#include "draw.h"

#define MIN_NS  (60 * MST_NS_PER_S)
#define HOUR_NS (60 * MIN_NS)
#define DAY_NS  (24 * HOUR_NS)

Test(clock, system__goes_forward_and_agrees_with_the_kernel)
{
  const mst_clock *clock = mst_clock_system();
  mst_mono first = mst_clock_mono(clock), second = mst_clock_mono(clock);
  struct timespec before, after;

  cr_expect_geq(second.ns, first.ns);
  clock_gettime(CLOCK_REALTIME, &before);
  mst_wall wall = mst_clock_wall(clock);
  clock_gettime(CLOCK_REALTIME, &after);
  cr_expect_geq(wall.ns, before.tv_sec * MST_NS_PER_S + before.tv_nsec);
  cr_expect_leq(wall.ns, after.tv_sec * MST_NS_PER_S + after.tv_nsec);
}

Test(clock, manual__stands_still_until_it_is_moved)
{
  mst_clock_manual clock;

  mst_clock_manual_init(&clock, 1000);
  int64_t start = mst_clock_mono(&clock.base).ns;
  cr_expect_eq(mst_clock_wall(&clock.base).ns, 1000);
  cr_expect_eq(mst_clock_mono(&clock.base).ns, start);
  mst_clock_manual_advance(&clock, 48 * HOUR_NS);
  cr_expect_eq(mst_clock_wall(&clock.base).ns, 1000 + 48 * HOUR_NS);
  cr_expect_eq(mst_clock_mono(&clock.base).ns, start + 48 * HOUR_NS);
}

Test(duration, parse__reads_every_unit)
{
  static const struct {
    const char *text;
    int64_t ns;
  } cases[] = {
      {"0", 0},
      {"0s", 0},
      {"1ns", 1},
      {"1us", 1000},
      {"500ms", 500 * MST_NS_PER_MS},
      {"1s", MST_NS_PER_S},
      {"10m", 10 * MIN_NS},
      {"48h", 48 * HOUR_NS},
      {"30d", 30 * DAY_NS},
      {"2w", 14 * DAY_NS},
      {"1h30m", 90 * MIN_NS},
      {"1.5s", 1500 * MST_NS_PER_MS},
      {"0.5h", 30 * MIN_NS},
      {"1.000000001s", MST_NS_PER_S + 1},
      {"1w2d3h4m5s6ms7us8ns", 9 * DAY_NS + 3 * HOUR_NS + 4 * MIN_NS + 5 * MST_NS_PER_S + 6007008},
      {"90m", 90 * MIN_NS},
      {"007s", 7 * MST_NS_PER_S},
      {"9223372036854775807ns", INT64_MAX},
      {"106751d23h47m16s854ms775us807ns", INT64_MAX},
  };

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    int64_t ns = -7;
    mst_errctx ctx = {0};
    cr_expect_eq(mst_duration_parse(cases[i].text, &ns, &ctx), MST_OK, "%s", ctx.text);
    cr_expect_eq(ns, cases[i].ns, "%s: %lld", cases[i].text, (long long)ns);
  }
}

Test(duration, parse__refuses_what_is_none_and_leaves_the_result)
{
  static const char *const cases[] = {
      "",
      " ",
      "10",
      "00",
      "1",
      "m",
      "10 m",
      " 10m",
      "10m ",
      "-1s",
      "+1s",
      "1x",
      "1M",
      "1H",
      "10min",
      "1.s",
      ".5s",
      "1..5s",
      "1.5",
      "1,5s",
      "1m1h",
      "1m1m",
      "1s1m",
      "1hh",
      "1e3s",
      "0x1s",
      "1h30",
      "1\nh",
      "99999999999999999999s",
      "1.0000000001s",
      "nan",
      "infs",
      "1h-1m",
      "0000000000000000000000000000000000000000000000000000000000000000000000000001s",
  };

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    int64_t ns = -7;
    mst_errctx ctx = {0};
    cr_expect_eq(mst_duration_parse(cases[i], &ns, &ctx), MST_EMALFORMED, "\"%s\"", cases[i]);
    cr_expect_eq(ns, -7);
    cr_expect(strstr(ctx.text, "not a duration") && strstr(ctx.text, "1h30m"), "%s", ctx.text);
  }
}

Test(duration, parse__says_what_stood_there)
{
  mst_errctx ctx = {0};
  int64_t ns;

  cr_expect_eq(mst_duration_parse("10 minutes", &ns, &ctx), MST_EMALFORMED);
  cr_expect(strstr(ctx.text, "\"10 minutes\""), "%s", ctx.text);
}

Test(duration, parse__over_292_years__is_over_the_limit)
{
  static const char *const cases[] = {"9223372036854775808ns", "106752d", "9999999999999999999w", "106751d24h",
                                      "106751d23h47m16s854ms775us808ns"};

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    int64_t ns = -7;
    cr_expect_eq(mst_duration_parse(cases[i], &ns, NULL), MST_ELIMIT, "%s", cases[i]);
    cr_expect_eq(ns, -7);
  }
}

Test(duration, format__writes_whole_units)
{
  static const struct {
    int64_t ns;
    const char *text, *brief;
  } cases[] = {
      {0, "0s", "0s"},
      {1, "1ns", "1ns"},
      {999, "999ns", "999ns"},
      {1500, "1us500ns", "1.5us"},
      {250 * MST_NS_PER_MS, "250ms", "250ms"},
      {1500 * MST_NS_PER_MS, "1s500ms", "1.5s"},
      {12999 * MST_NS_PER_US, "12ms999us", "12ms"},
      {MST_NS_PER_S, "1s", "1s"},
      {1099 * MST_NS_PER_MS, "1s99ms", "1s"},
      {59999 * MST_NS_PER_MS, "59s999ms", "59s"},
      {10 * MIN_NS, "10m", "10m"},
      {14 * MIN_NS + 2900 * MST_NS_PER_MS, "14m2s900ms", "14m2s"},
      {90 * MIN_NS, "1h30m", "1h30m"},
      {48 * HOUR_NS, "2d", "2d"},
      {51 * HOUR_NS + 59 * MIN_NS, "2d3h59m", "2d3h"},
      {DAY_NS + 5 * MIN_NS, "1d5m", "1d"},
      {30 * DAY_NS, "30d", "30d"},
      {-90 * MST_NS_PER_S, "-1m30s", "-1m30s"},
      {-1500 * MST_NS_PER_US, "-1ms500us", "-1.5ms"},
      {INT64_MAX, "106751d23h47m16s854ms775us807ns", "106751d23h"},
      {INT64_MIN, "-106751d23h47m16s854ms775us808ns", "-106751d23h"},
  };
  char text[MST_TIME_TEXT_BYTES];

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    cr_expect_str_eq(mst_duration_format(cases[i].ns, text), cases[i].text);
    cr_expect_str_eq(mst_duration_format_short(cases[i].ns, text), cases[i].brief);
  }
}

Test(duration, any_length__comes_back_from_its_text, .init = draw_seed)
{
  for (int i = 0; i < 100000; i++) {
    char text[MST_TIME_TEXT_BYTES];
    mst_errctx ctx = {0};
    int64_t back = -7, ns = (int64_t)(draw() >> (1 + draw() % 63));
    /* Round ones, too: they take other ways through the units. */
    if (draw() % 2)
      ns -= ns % (draw() % 2 ? MST_NS_PER_S : HOUR_NS);
    cr_assert_eq(mst_duration_parse(mst_duration_format(ns, text), &back, &ctx), MST_OK, "%s", ctx.text);
    cr_assert_eq(back, ns, "%s", text);
  }
}

/* What a table shows is never more than what was measured, and less by under one step of its last unit. */
Test(duration, short_form__is_the_length_rounded_down, .init = draw_seed)
{
  for (int i = 0; i < 100000; i++) {
    char text[MST_TIME_TEXT_BYTES];
    int64_t back = -7, ns = (int64_t)(draw() >> (1 + draw() % 63));
    cr_assert_eq(mst_duration_parse(mst_duration_format_short(ns, text), &back, NULL), MST_OK, "%s", text);
    cr_assert_leq(back, ns, "%s", text);
    cr_assert_leq(ns - back, ns / 9, "%lld: %s", (long long)ns, text);
    cr_assert_leq(strlen(text), 11, "%s", text);
  }
}

Test(wall, format__writes_rfc_3339)
{
  static const struct {
    int64_t ns;
    const char *text;
  } cases[] = {
      {0, "1970-01-01T00:00:00Z"},
      {1795411053 * MST_NS_PER_S, "2026-11-23T05:17:33Z"},
      {1795411053 * MST_NS_PER_S + 5 * MST_NS_PER_MS, "2026-11-23T05:17:33.005Z"},
      {1795411053 * MST_NS_PER_S + 5 * MST_NS_PER_US, "2026-11-23T05:17:33.000005Z"},
      {1795411053 * MST_NS_PER_S + 5, "2026-11-23T05:17:33.000000005Z"},
      {951782400 * MST_NS_PER_S, "2000-02-29T00:00:00Z"},
      {-1, "1969-12-31T23:59:59.999999999Z"},
      {INT64_MAX, "2262-04-11T23:47:16.854775807Z"},
  };
  char text[MST_TIME_TEXT_BYTES];

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    cr_expect_str_eq(mst_wall_format((mst_wall){cases[i].ns}, text), cases[i].text);
}

Test(wall, parse__reads_offsets_and_fractions)
{
  static const struct {
    const char *text;
    int64_t ns;
  } cases[] = {
      {"1970-01-01T00:00:00Z", 0},
      {"2026-11-23T05:17:33Z", 1795411053 * MST_NS_PER_S},
      {"2026-11-23t05:17:33z", 1795411053 * MST_NS_PER_S},
      {"2026-11-23 05:17:33Z", 1795411053 * MST_NS_PER_S},
      {"2026-11-23T06:47:33+01:30", 1795411053 * MST_NS_PER_S},
      {"2026-11-22T21:17:33-08:00", 1795411053 * MST_NS_PER_S},
      {"2026-11-23T05:17:33-00:00", 1795411053 * MST_NS_PER_S},
      {"2026-11-23T05:17:33.5Z", 1795411053 * MST_NS_PER_S + 500 * MST_NS_PER_MS},
      {"2026-11-23T05:17:33.123456789+00:00", 1795411053 * MST_NS_PER_S + 123456789},
      {"2000-02-29T00:00:00Z", 951782400 * MST_NS_PER_S},
      {"1970-01-01T01:00:00+01:00", 0},
      {"2261-12-31T23:59:59Z", 9214646399 * MST_NS_PER_S},
      {"2261-12-31T23:59:59-23:59", (9214646399 + 86340) * MST_NS_PER_S},
  };

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    mst_wall at = {-7};
    mst_errctx ctx = {0};
    cr_expect_eq(mst_wall_parse(cases[i].text, &at, &ctx), MST_OK, "%s", ctx.text);
    cr_expect_eq(at.ns, cases[i].ns, "%s: %lld", cases[i].text, (long long)at.ns);
  }
}

Test(wall, parse__refuses_what_is_none_and_leaves_the_result)
{
  static const char *const cases[] = {
      "",
      "now",
      "2026",
      "2026-11-23",
      "2026-11-23T05:17Z",
      "2026-11-23T05:17:33",
      "2026-11-23T05:17:33 Z",
      "26-11-23T05:17:33Z",
      "2026-1-23T05:17:33Z",
      "2026-13-01T00:00:00Z",
      "2026-00-01T00:00:00Z",
      "2026-01-00T00:00:00Z",
      "2026-02-29T00:00:00Z",
      "2100-02-29T00:00:00Z",
      "2026-04-31T00:00:00Z",
      "2026-01-01T24:00:00Z",
      "2026-01-01T00:60:00Z",
      "2016-12-31T23:59:60Z",
      "2026-01-01T00:00:00.Z",
      "2026-01-01T00:00:00.1234567890Z",
      "2026-01-01T00:00:00,5Z",
      "2026-01-01T00:00:00+1:00",
      "2026-01-01T00:00:00+0100",
      "2026-01-01T00:00:00+24:00",
      "2026-01-01T00:00:00+01:60",
      "2026-01-01T00:00:00Zx",
      "2026-01-01T00:00:00Z ",
      " 2026-01-01T00:00:00Z",
      "1969-12-31T23:59:59Z",
      "2262-01-01T00:00:00Z",
      "1970-01-01T00:00:00+00:01",
      "-026-01-01T00:00:00Z",
      "2026/01/01T00:00:00Z",
      "2026-01-01T+1:00:00Z",
  };

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    mst_wall at = {-7};
    mst_errctx ctx = {0};
    cr_expect_eq(mst_wall_parse(cases[i], &at, &ctx), MST_EMALFORMED, "\"%s\"", cases[i]);
    cr_expect_eq(at.ns, -7);
    cr_expect(strstr(ctx.text, cases[i]), "%s", ctx.text);
  }
}

Test(wall, any_time__comes_back_from_its_text, .init = draw_seed)
{
  for (int i = 0; i < 100000; i++) {
    char text[MST_TIME_TEXT_BYTES];
    mst_wall at = {(int64_t)(draw() % (uint64_t)(9214646400 * MST_NS_PER_S))}, back = {-7};
    if (draw() % 2)
      at.ns -= at.ns % (draw() % 2 ? MST_NS_PER_S : MST_NS_PER_MS);
    cr_assert_eq(mst_wall_parse(mst_wall_format(at, text), &back, NULL), MST_OK, "%s", text);
    cr_assert_eq(back.ns, at.ns, "%s", text);
  }
}
