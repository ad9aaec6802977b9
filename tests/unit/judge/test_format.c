/* Figures for people. */
#include <criterion/criterion.h>

#include "judge/judge_state.h"

Test(format, figures__as_long_as_they_are_read)
{
  static const struct {
    double value;
    const char *unit, *expected;
  } cases[] = {
      {0.6196691203, "", "0.6197"},
      {1.4, "", "1.4"},
      {1234567, "", "1234567"},
      {12345.5, "", "12345.5"},
      {0.285511, "1", "28.55 %"},
      {7200, "s", "2 h"},
      {25.28e9, "By", "25.28 GB"},
      {0, "1/s", "0/s"},
      {3, "{connection}", "3 {connection}"},
      {-0.0, "", "0"},
  };

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char buf[64];
    cr_expect_str_eq(mst_value_format(cases[i].value, cases[i].unit, buf, sizeof buf), cases[i].expected, "%g %s: %s", cases[i].value,
                     cases[i].unit, buf);
  }
}
