#include <criterion/criterion.h>
#include <math.h>

#include <mst/common/fixed.h>

#include "draw.h"

TestSuite(fixed, .init = draw_seed);

static double
draw_value(void)
{
  double mantissa = (double)(int64_t)draw() * 0x1p-63;

  return ldexp(mantissa, (int)(draw() % 100) - 40);
}

static mst_fixed
from(double value)
{
  mst_fixed fixed = 0;

  cr_assert(mst_fixed_from_double(value, &fixed), "%a", value);
  return fixed;
}

Test(fixed, known_values__have_known_steps)
{
  cr_expect(from(0) == 0);
  cr_expect(from(-0.0) == 0);
  cr_expect(from(1) == MST_FIXED_ONE);
  cr_expect(from(-1) == -MST_FIXED_ONE);
  cr_expect(from(-2.5) == -(MST_FIXED_ONE * 5 / 2));
  cr_expect(from(0x1p-30) == 1);
  cr_expect(from(0x1.fffffffffffffp62) == ((mst_fixed)0x7ffffffffffffc00 << MST_FIXED_FRACTION_BITS));
}

Test(fixed, half_steps__go_to_the_even_step)
{
  cr_expect(from(0x1p-31) == 0);
  cr_expect(from(0x1.8p-30) == 2);
  cr_expect(from(-0x1p-31) == 0);
  cr_expect(from(-0x1.8p-30) == -2);
  cr_expect(from(1 + 0x1p-31) == MST_FIXED_ONE);
  cr_expect(from(0x1.0000001p-31) == 1, "just over half");
  cr_expect(from(0x1p-1074) == 0);
}

Test(fixed, values_it_cannot_hold__are_refused_and_leave_the_result)
{
  static const double cases[] = {NAN, INFINITY, -INFINITY, 0x1p63, -0x1p63, 1e300};

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    mst_fixed fixed = 7;
    cr_expect_not(mst_fixed_from_double(cases[i], &fixed), "%g", cases[i]);
    cr_expect(fixed == 7);
  }
}

Test(fixed, whole_and_dyadic_values__come_back_exactly)
{
  for (int i = 0; i < 20000; i++) {
    double value = ldexp((double)((int64_t)draw() >> 11), (int)(draw() % 41) - 30);
    cr_assert_eq(mst_fixed_to_double(from(value)), value, "%a", value);
  }
}

Test(fixed, to_double__is_the_nearest)
{
  cr_expect_eq(mst_fixed_to_double(((mst_fixed)1 << 83) + (1 << 30)), 0x1p53, "tie to even");
  cr_expect_eq(mst_fixed_to_double(((mst_fixed)1 << 83) + (1 << 30) + 1), 0x1p53 + 2);
  cr_expect_eq(mst_fixed_to_double(-((mst_fixed)1 << 83) - 3 * (mst_fixed)(1 << 30)), -0x1p53 - 4);
}

/* What the type is for. A sum of doubles in two orders does differ, which shows that the data would tell. */
Test(fixed, sum__does_not_depend_on_the_order)
{
  enum { VALUES = 2000, ROUNDS = 50 };
  static double values[VALUES];
  mst_fixed first = 0;
  double first_double = 0;
  int differing = 0;

  for (size_t i = 0; i < VALUES; i++) {
    values[i] = draw_value();
    first += from(values[i]);
    first_double += values[i];
  }
  for (int round = 0; round < ROUNDS; round++) {
    mst_fixed sum = 0;
    double sum_double = 0;
    for (size_t i = VALUES - 1; i > 0; i--) {
      size_t j = draw() % (i + 1);
      double kept = values[i];
      values[i] = values[j];
      values[j] = kept;
    }
    for (size_t i = 0; i < VALUES; i++) {
      sum += from(values[i]);
      sum_double += values[i];
    }
    cr_assert(sum == first, "round %d", round);
    differing += sum_double != first_double;
  }
  cr_expect_gt(differing, 0);
}

Test(fixed, mean__is_zero_of_nothing_and_exact_where_it_can_be)
{
  cr_expect_eq(mst_fixed_mean(0, 0), 0);
  cr_expect_eq(mst_fixed_mean(5, 0), 0);
  cr_expect_eq(mst_fixed_mean(0, 5), 0);
  cr_expect_eq(mst_fixed_mean(from(7), 2), 3.5);
  cr_expect_eq(mst_fixed_mean(from(-7), 2), -3.5);
  cr_expect_eq(mst_fixed_mean(from(1), 3), 1.0 / 3);
  cr_expect_eq(mst_fixed_mean(1, INT64_MAX), 0x1p-93);
  cr_expect_eq(mst_fixed_mean((mst_fixed)1 << 126, 1), 0x1p96);
}

/* Where sum and count are exact doubles, IEEE division is the nearest; the 128-bit way must say the same. */
Test(fixed, mean__is_the_nearest_double)
{
  for (int i = 0; i < 50000; i++) {
    double sum = (double)((int64_t)draw() >> 11);
    uint64_t count = (draw() >> (11 + draw() % 50)) + 1;
    cr_assert_eq(mst_fixed_mean(from(sum), count), sum / (double)count, "%a / %llu", sum, (unsigned long long)count);
  }
  /* Here rounding the sum first, then the quotient, would be one bit off. */
  mst_fixed sum = (((mst_fixed)1 << 54) + 1) * MST_FIXED_ONE;
  cr_expect_eq(mst_fixed_mean(sum * 3, 3), 0x1p54);
  cr_expect_eq(mst_fixed_mean((((mst_fixed)1 << 54) + 3) * MST_FIXED_ONE, 1), 0x1p54 + 4);
}
