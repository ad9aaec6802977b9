#include "hist_data.h"

TestSuite(hist_index, .init = draw_seed);

/* ---- the mapping ---- */

Test(hist_index, powers_of_two__belong_to_the_lower_bucket)
{
  for (int exponent = -1074; exponent <= 1023; exponent++) {
    double value = ldexp(1, exponent);
    for (int32_t scale = MST_HIST_MIN_SCALE; scale <= MST_HIST_MAX_SCALE; scale++) {
      /* base^(i+1) = 2^exponent is the upper edge of i, where one is; else the bucket that it falls into. */
      int32_t expected = scale >= 0 ? exponent * (1 << scale) - 1 : (int32_t)ceil(ldexp(exponent, scale)) - 1;
      cr_assert_eq(mst_hist_index(value, scale), expected, "2^%d, scale %d", exponent, scale);
    }
    if (exponent < -1000 || exponent > 1000)
      continue;
    for (int32_t scale = 0; scale <= MST_HIST_MAX_SCALE; scale++) {
      cr_assert_eq(mst_hist_index(nextafter(value, INFINITY), scale), exponent * (1 << scale), "just over 2^%d, scale %d", exponent, scale);
      cr_assert_eq(mst_hist_index(nextafter(value, 0), scale), exponent * (1 << scale) - 1, "just under 2^%d, scale %d", exponent, scale);
    }
  }
}

/* Pinned: these stand in recorded data. Checked with 60 digits of precision. */
static const struct {
  double value;
  int32_t scale, index;
} known[] = {{0x1.8000000000000p+0, 20, 613377},
             {0x1.8000000000000p+0, 13, 4792},
             {0x1.8000000000000p+0, 4, 9},
             {0x1.8000000000000p+0, 0, 0},
             {0x1.8000000000000p+0, -3, 0},
             {0x1.d99999999999ap+1, 20, 1979213},
             {0x1.d99999999999ap+1, 13, 15462},
             {0x1.d99999999999ap+1, 4, 30},
             {0x1.d99999999999ap+1, 0, 1},
             {0x1.d99999999999ap+1, -3, 0},
             {0x1.0624dd2f1a9fcp-10, 20, -10449883},
             {0x1.0624dd2f1a9fcp-10, 13, -81640},
             {0x1.0624dd2f1a9fcp-10, 4, -160},
             {0x1.0624dd2f1a9fcp-10, 0, -10},
             {0x1.0624dd2f1a9fcp-10, -3, -2},
             {0x1.12e0be826d695p-30, 20, -31349647},
             {0x1.12e0be826d695p-30, 13, -244920},
             {0x1.12e0be826d695p-30, 4, -479},
             {0x1.12e0be826d695p-30, 0, -30},
             {0x1.12e0be826d695p-30, -3, -4},
             {0x1.e240c9fbe76c9p+16, 20, 17735243},
             {0x1.e240c9fbe76c9p+16, 13, 138556},
             {0x1.e240c9fbe76c9p+16, 4, 270},
             {0x1.e240c9fbe76c9p+16, 0, 16},
             {0x1.e240c9fbe76c9p+16, -3, 2},
             {0x1.feb3dd0676600p+62, 20, 66056449},
             {0x1.feb3dd0676600p+62, 13, 516066},
             {0x1.feb3dd0676600p+62, 4, 1007},
             {0x1.feb3dd0676600p+62, 0, 62},
             {0x1.feb3dd0676600p+62, -3, 7},
             {0x0.0000000000001p-1022, 20, -1126170625},
             {0x0.0000000000001p-1022, 13, -8798209},
             {0x0.0000000000001p-1022, 4, -17185},
             {0x0.0000000000001p-1022, 0, -1075},
             {0x0.0000000000001p-1022, -3, -135},
             {0x1.0000000000000p-1022, 20, -1071644673},
             {0x1.0000000000000p-1022, 13, -8372225},
             {0x1.0000000000000p-1022, 4, -16353},
             {0x1.0000000000000p-1022, 0, -1023},
             {0x1.0000000000000p-1022, -3, -128},
             {0x1.fffffffffffffp+1023, 20, 1073741823},
             {0x1.fffffffffffffp+1023, 13, 8388607},
             {0x1.fffffffffffffp+1023, 4, 16383},
             {0x1.fffffffffffffp+1023, 0, 1023},
             {0x1.fffffffffffffp+1023, -3, 127},
             {0x1.6a09e667f3bcdp+0, 20, 524288},
             {0x1.6a09e667f3bcdp+0, 13, 4096},
             {0x1.6a09e667f3bcdp+0, 4, 8},
             {0x1.6a09e667f3bcdp+0, 0, 0},
             {0x1.6a09e667f3bcdp+0, -3, 0},
             {0x1.e666666666666p-1, 20, -77596},
             {0x1.e666666666666p-1, 13, -607},
             {0x1.e666666666666p-1, 4, -2},
             {0x1.e666666666666p-1, 0, -1},
             {0x1.e666666666666p-1, -3, -1},
             {0x1.5555555555555p-2, 20, -1661954},
             {0x1.5555555555555p-2, 13, -12985},
             {0x1.5555555555555p-2, 4, -26},
             {0x1.5555555555555p-2, 0, -2},
             {0x1.5555555555555p-2, -3, -1}};

Test(hist_index, known_values__have_known_indices)
{
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
    cr_expect_eq(mst_hist_index(known[i].value, known[i].scale), known[i].index, "%a at scale %d: %d", known[i].value, known[i].scale,
                 mst_hist_index(known[i].value, known[i].scale));
}

Test(hist_index, bucket__holds_the_value)
{
  for (int i = 0; i < 20000; i++) {
    double value = fabs(draw_extreme());
    for (int32_t scale = MST_HIST_MIN_SCALE; scale <= MST_HIST_MAX_SCALE; scale++) {
      long double wanted = ldexpl(log2l((long double)value), scale), index = mst_hist_index(value, scale);
      cr_assert(wanted > index - 1e-9L && wanted <= index + 1 + 1e-9L, "%a at scale %d: %Lf, %Lf", value, scale, wanted, index);
    }
  }
}

Test(hist_index, lower_scale__halves_the_index)
{
  for (int i = 0; i < 20000; i++) {
    double value = i % 2 ? fabs(draw_extreme()) : fabs(draw_power());
    int32_t finest = mst_hist_index(value, MST_HIST_MAX_SCALE);
    for (int32_t scale = MST_HIST_MIN_SCALE; scale < MST_HIST_MAX_SCALE; scale++)
      cr_assert_eq(mst_hist_index(value, scale), finest >> (MST_HIST_MAX_SCALE - scale), "%a at scale %d", value, scale);
  }
}

Test(hist_index, greater_value__never_has_a_lower_index)
{
  for (int i = 0; i < 100000; i++) {
    double value = fabs(draw_extreme());
    cr_assert_leq(mst_hist_index(value, MST_HIST_MAX_SCALE), mst_hist_index(nextafter(value, INFINITY), MST_HIST_MAX_SCALE), "%a", value);
  }
}
