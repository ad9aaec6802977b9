/* Quantiles of classic histograms. */
#include <math.h>
#include <stdlib.h>

#include <mst/exposition/ask.h>

static int
compare(const void *a, const void *b)
{
  double left = ((const mst_bucket *)a)->bound, right = ((const mst_bucket *)b)->bound;

  return left < right ? -1 : left > right;
}

double
mst_buckets_quantile(mst_bucket *buckets, size_t count, double quantile)
{
  size_t kept = 0, at = 0;

  if (count == 0)
    return NAN;
  qsort(buckets, count, sizeof buckets[0], compare);
  if (buckets[count - 1].bound != INFINITY)
    return NAN;
  for (size_t i = 1; i < count; i++) {
    if (buckets[i].bound == buckets[kept].bound)
      buckets[kept].count += buckets[i].count;
    else
      buckets[++kept] = buckets[i];
  }
  count = kept + 1;
  /* Counts fall where buckets of one histogram were not read at one moment. */
  for (size_t i = 1; i < count; i++)
    if (!(buckets[i].count >= buckets[i - 1].count))
      buckets[i].count = buckets[i - 1].count;
  double observations = buckets[count - 1].count;
  if (count < 2 || !(observations > 0))
    return NAN;
  double rank = quantile * observations;
  while (at < count - 1 && !(buckets[at].count >= rank))
    at++;
  if (at == count - 1)
    return buckets[count - 2].bound;
  if (at == 0 && buckets[0].bound <= 0)
    return buckets[0].bound;
  double from = at > 0 ? buckets[at - 1].bound : 0, below = at > 0 ? buckets[at - 1].count : 0;
  return from + (buckets[at].bound - from) * ((rank - below) / (buckets[at].count - below));
}
