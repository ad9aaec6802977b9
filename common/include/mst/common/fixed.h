#ifndef MST_COMMON_FIXED_H
#define MST_COMMON_FIXED_H

#include <stdbool.h>
#include <stdint.h>

/* A sum of samples that does not depend on the order they come in (floating-point addition does): 128-bit fixed point with 30
 * binary places. A step is just under a nanosecond for seconds; values up to 2^63 can be added 2^33 times. */
typedef __int128 mst_fixed;

enum { MST_FIXED_FRACTION_BITS = 30 };
#define MST_FIXED_ONE ((mst_fixed)1 << MST_FIXED_FRACTION_BITS)

/* Rounds to the nearest step, ties to even. False (and *ret untouched) for NaN, infinities and |value| >= 2^63. */
bool mst_fixed_from_double(double value, mst_fixed *ret);
/* The nearest double. */
double mst_fixed_to_double(mst_fixed value);
/* sum / count as the nearest double; 0 when count is 0. */
double mst_fixed_mean(mst_fixed sum, uint64_t count);

#endif
