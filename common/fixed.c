/* Sums in 128-bit fixed point. */
#include <mst/common/fixed.h>

#include <math.h>

bool
mst_fixed_from_double(double value, mst_fixed *ret)
{
  const double limit = 9223372036854775808.0; /* 2^63 */

  if (!isfinite(value) || value >= limit || value <= -limit)
    return false;
  /* A double has 53 bits: the whole part converts exactly, and so does the scaled fraction, but for what is under half a step. */
  double whole = trunc(value);
  double fraction = nearbyint(ldexp(value - whole, MST_FIXED_FRACTION_BITS));
  *ret = (mst_fixed)(int64_t)whole * MST_FIXED_ONE + (mst_fixed)(int64_t)fraction;
  return true;
}

/* Correctly rounded, ties to even: the compiler's own conversion from 128 bits does that. */
double
mst_fixed_to_double(mst_fixed value)
{
  return ldexp((double)value, -MST_FIXED_FRACTION_BITS);
}

double
mst_fixed_mean(mst_fixed sum, uint64_t count)
{
  return count == 0 ? 0 : mst_fixed_to_double(sum) / (double)count;
}
