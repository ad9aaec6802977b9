/* Sums in 128-bit fixed point. */
#include <mst/common/fixed.h>

#include <math.h>

bool
mst_fixed_from_double(double value, mst_fixed *ret)
{
  const double limit = 0x1p63;

  if (!isfinite(value) || value >= limit || value <= -limit)
    return false;
  /* The whole part and the scaled fraction are both exact; only what is under one step is rounded away. */
  double whole = trunc(value);
  double fraction = nearbyint(ldexp(value - whole, MST_FIXED_FRACTION_BITS));
  *ret = (mst_fixed)(int64_t)whole * MST_FIXED_ONE + (mst_fixed)(int64_t)fraction;
  return true;
}

/* Correctly rounded, ties to even: the compiler's own conversion from 128 bits does that, and the scaling is exact. */
double
mst_fixed_to_double(mst_fixed value)
{
  return ldexp((double)value, -MST_FIXED_FRACTION_BITS);
}

static int
bit_length(unsigned __int128 value)
{
  uint64_t high = (uint64_t)(value >> 64), low = (uint64_t)value;

  return high ? 128 - __builtin_clzll(high) : low ? 64 - __builtin_clzll(low) : 0;
}

/* Rounds once: the quotient is taken with at least 64 significant bits, and a remainder only counts as "a little more", which its last bit
 * says. */
double
mst_fixed_mean(mst_fixed sum, uint64_t count)
{
  unsigned __int128 size = sum < 0 ? -(unsigned __int128)sum : (unsigned __int128)sum;

  if (count == 0 || size == 0)
    return 0;
  int shift = 128 - bit_length(size);
  size <<= shift;
  unsigned __int128 quotient = size / count;
  if (size % count != 0)
    quotient |= 1;
  double mean = ldexp((double)quotient, -MST_FIXED_FRACTION_BITS - shift);
  return sum < 0 ? -mean : mean;
}
