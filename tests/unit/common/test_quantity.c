#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mst/common/config.h>

static void
expect_quantity(const char *text, double value, const char *unit)
{
  mst_errctx ctx = {0};
  const char *got_unit = "none";
  double got = -7;

  cr_expect_eq(mst_quantity_parse(text, &got, &got_unit, &ctx), MST_OK, "%s: %s", text, ctx.text);
  cr_expect_eq(got, value, "%s: %.17g, not %.17g", text, got, value);
  cr_expect_str_eq(got_unit, unit, "%s: unit %s", text, got_unit);
}

Test(quantity, every_unit__goes_to_its_base)
{
  static const struct {
    const char *text;
    double value;
    const char *unit;
  } cases[] = {
      {"70%", 0.7, "1"},
      {"0%", 0, "1"},
      {"100%", 1, "1"},
      {"5ns", 5e-9, "s"},
      {"5us", 5e-6, "s"},
      {"250ms", 0.25, "s"},
      {"2s", 2, "s"},
      {"1.5m", 90, "s"},
      {"3min", 180, "s"},
      {"48h", 172800, "s"},
      {"30d", 2592000, "s"},
      {"1w", 604800, "s"},
      {"7B", 7, "By"},
      {"2kB", 2000, "By"},
      {"2KB", 2000, "By"},
      {"16GB", 1.6e10, "By"},
      {"1.1GB", 1100000000, "By"},
      {"1TB", 1e12, "By"},
      {"1KiB", 1024, "By"},
      {"64MiB", 67108864, "By"},
      {"8GiB", 8589934592, "By"},
      {"1TiB", 1099511627776, "By"},
      {"3B/s", 3, "By/s"},
      {"3kB/s", 3e3, "By/s"},
      {"3MB/s", 3e6, "By/s"},
      {"3GB/s", 3e9, "By/s"},
      {"1KiB/s", 1024, "By/s"},
      {"1MiB/s", 1048576, "By/s"},
      {"1GiB/s", 1073741824, "By/s"},
      {"8bit/s", 1, "By/s"},
      {"8kbit/s", 1e3, "By/s"},
      {"100Mbit/s", 1.25e7, "By/s"},
      {"1Gbit/s", 1.25e8, "By/s"},
      {"4/s", 4, "1/s"},
      {"10/min", 1.0 / 6, "1/s"},
      {"5/h", 5.0 / 3600, "1/s"},
      {"1/d", 1.0 / 86400, "1/s"},
      {"3.5", 3.5, ""},
      {"-1", -1, ""},
      {"+2", 2, ""},
      {"0", 0, ""},
      {".5", 0.5, ""},
      {"1e3", 1000, ""},
      {"2.5e-1%", 0.0025, "1"},
      {"1E2MB", 1e8, "By"},
      {"10 MB", 1e7, "By"},
      {"-3%", -0.03, "1"},
  };

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    expect_quantity(cases[i].text, cases[i].value, cases[i].unit);
}

/* A bound of 46.3% must be the same double as one of 0.463: else two checklists that say the same could judge differently. */
Test(quantity, percentages__are_the_nearest_doubles)
{
  for (int tenths = 0; tenths <= 1000; tenths++) {
    char percent[16], ratio[16];
    snprintf(percent, sizeof percent, "%d.%d%%", tenths / 10, tenths % 10);
    snprintf(ratio, sizeof ratio, "%d.%03d", tenths / 1000, tenths % 1000);
    expect_quantity(percent, strtod(ratio, NULL), "1");
  }
}

Test(quantity, malformed_text__is_refused_and_leaves_the_results)
{
  static const struct {
    const char *text, *said;
    mst_err err;
  } cases[] = {
      {"", "not a number", MST_EMALFORMED},
      {"x", "not a number", MST_EMALFORMED},
      {"-", "not a number", MST_EMALFORMED},
      {".", "not a number", MST_EMALFORMED},
      {"%", "not a number", MST_EMALFORMED},
      {"nan", "not a number", MST_EMALFORMED},
      {"inf", "not a number", MST_EMALFORMED},
      {"-inf", "not a number", MST_EMALFORMED},
      {" 5", "not a number", MST_EMALFORMED},
      {"1.2.3", "the unit \".3\" is not known", MST_EMALFORMED},
      {"0x10", "the unit \"x10\" is not known", MST_EMALFORMED},
      {"5 parsecs", "the unit \"parsecs\" is not known", MST_EMALFORMED},
      {"1h30m", "the unit \"h30m\" is not known", MST_EMALFORMED},
      {"5mb", "the unit \"mb\" is not known", MST_EMALFORMED},
      {"5% ", "is not known", MST_EMALFORMED},
      {"1e", "the unit \"e\" is not known", MST_EMALFORMED},
      {"1e999", "out of range", MST_ELIMIT},
      {"1e99999999999999999999", "out of range", MST_ELIMIT},
      {"1e-999", "out of range", MST_ELIMIT},
      {"1e300TiB", "out of range", MST_ELIMIT},
      {"11111111111111111111111111111111111111111111111111111111111111111", "not a number", MST_EMALFORMED},
  };

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    mst_errctx ctx = {0};
    const char *unit = "none";
    double value = -7;
    cr_expect_eq(mst_quantity_parse(cases[i].text, &value, &unit, &ctx), cases[i].err, "%s", cases[i].text);
    cr_expect(strstr(ctx.text, cases[i].said), "%s: said %s", cases[i].text, ctx.text);
    cr_expect_eq(value, -7);
    cr_expect_str_eq(unit, "none");
  }
}

Test(size, known_units__are_bytes)
{
  static const struct {
    const char *text;
    int64_t bytes;
  } cases[] = {
      {"64MB", 64000000},
      {"64MiB", 67108864},
      {"8GiB", 8589934592},
      {"123", 123},
      {"0", 0},
      {"240GB", 240e9},
      {"1.5KiB", 1536},
      {"1.1GB", 1100000000},
      {"1 kB", 1000},
      {"7B", 7},
      {"1TB", 1e12},
      {"9007199254740993", 9007199254740993},
      {"9223372036854775807", INT64_MAX},
  };

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    mst_errctx ctx = {0};
    int64_t bytes = -7;
    cr_expect_eq(mst_size_parse(cases[i].text, &bytes, &ctx), MST_OK, "%s: %s", cases[i].text, ctx.text);
    cr_expect_eq(bytes, cases[i].bytes, "%s: %lld", cases[i].text, (long long)bytes);
  }
}

Test(size, other_texts__are_refused_and_leave_the_result)
{
  static const struct {
    const char *text, *said;
    mst_err err;
  } cases[] = {
      {"", "not a size: \"\"; write 64MB", MST_EMALFORMED},
      {"64 megabytes", "not a size: \"64 megabytes\"; write 64MB", MST_EMALFORMED},
      {"64MB/s", "not a size", MST_EMALFORMED},
      {"5s", "not a size", MST_EMALFORMED},
      {"50%", "not a size", MST_EMALFORMED},
      {"1.5", "not a size", MST_EMALFORMED},
      {"-5", "not a size", MST_EMALFORMED},
      {"-5MB", "out of range", MST_ELIMIT},
      {"9223372036854775808", "out of range", MST_ELIMIT},
      {"9000000000TB", "out of range", MST_ELIMIT},
      {"1e999MB", "out of range", MST_ELIMIT},
  };

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    mst_errctx ctx = {0};
    int64_t bytes = -7;
    cr_expect_eq(mst_size_parse(cases[i].text, &bytes, &ctx), cases[i].err, "%s", cases[i].text);
    cr_expect(strstr(ctx.text, cases[i].said), "%s: said %s", cases[i].text, ctx.text);
    cr_expect_eq(bytes, -7);
  }
}
