#include "trend_math.h"

#include <math.h>
#include <stdlib.h>

int
mst_compare_doubles(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;

  return (x > y) - (x < y);
}

double
mst_median(const double *sorted, size_t count)
{
  return count % 2 ? sorted[count / 2] : (sorted[count / 2 - 1] + sorted[count / 2]) / 2;
}

/* The value at a rank when `below` unknown ones stand before the known. */
static double
ranked(const double *sorted, size_t count, size_t below, size_t rank)
{
  if (rank < below)
    return -INFINITY;
  return rank - below < count ? sorted[rank - below] : INFINITY;
}

static double
median_with(const double *sorted, size_t count, size_t below, size_t above)
{
  size_t all = count + below + above;

  if (all % 2)
    return ranked(sorted, count, below, all / 2);
  return (ranked(sorted, count, below, all / 2 - 1) + ranked(sorted, count, below, all / 2)) / 2;
}

mst_interval
mst_median_interval(const double *sorted, size_t count, size_t missing)
{
  /* Half of each infinity would be no number. */
  if (2 * missing >= count + missing)
    return (mst_interval){.lo = -INFINITY, .hi = INFINITY};
  return (mst_interval){.lo = median_with(sorted, count, missing, 0), .hi = median_with(sorted, count, 0, missing)};
}

static double
tie_term(double size)
{
  return size * (size - 1) * (2 * size + 5);
}

/* The least variance of S: points tie where they are equal; what is no point may tie with the greatest group, which lowers the variance
 * most. */
static double
least_variance(const mst_interval *values, size_t count)
{
  double ties = 0, greatest = 0, open = 0, n = (double)count;

  for (size_t i = 0; i < count; i++) {
    double size = 0;
    bool first = true;
    if (values[i].lo != values[i].hi) {
      open++;
      continue;
    }
    for (size_t j = 0; j < count; j++) {
      bool same = values[j].lo == values[j].hi && values[j].lo == values[i].lo;
      size += same;
      first = first && !(same && j < i);
    }
    if (!first)
      continue;
    ties += tie_term(size);
    greatest = size > greatest ? size : greatest;
  }
  ties += tie_term(greatest + open) - tie_term(greatest);
  return (tie_term(n) - ties) / 18;
}

bool
mst_trend_is_possible(const mst_interval *values, size_t count, double z, bool falling)
{
  double s = 0, variance;

  for (size_t j = 1; j < count; j++) {
    for (size_t i = 0; i < j; i++) {
      if (falling)
        s += (values[j].lo < values[i].hi) - (values[j].lo > values[i].hi);
      else
        s += (values[j].hi > values[i].lo) - (values[j].hi < values[i].lo);
    }
  }
  if (s <= 0)
    return false;
  variance = least_variance(values, count);
  return variance <= 0 || (s - 1) * (s - 1) >= z * z * variance;
}

double
mst_theil_sen(const mst_interval *values, size_t count, bool least, double *slopes)
{
  size_t pairs = 0;

  for (size_t j = 1; j < count; j++) {
    for (size_t i = 0; i < j; i++) {
      double rise = least ? values[j].lo - values[i].hi : values[j].hi - values[i].lo;
      slopes[pairs++] = rise / (double)(values[j].at - values[i].at);
    }
  }
  qsort(slopes, pairs, sizeof *slopes, mst_compare_doubles);
  return mst_median(slopes, pairs);
}

static double
variation(const double *values, size_t count)
{
  double sum = 0, squares = 0, mean;

  for (size_t i = 0; i < count; i++)
    sum += values[i];
  mean = sum / (double)count;
  if (!(mean > 0))
    return INFINITY;
  for (size_t i = 0; i < count; i++)
    squares += (values[i] - mean) * (values[i] - mean);
  return sqrt(squares / (double)count) / mean;
}

double
mst_greatest_cv(const mst_interval *values, size_t count, double *scratch)
{
  size_t open[MST_CV_MAX_OPEN], opens = 0;
  double greatest = 0;

  for (size_t i = 0; i < count; i++) {
    scratch[i] = values[i].lo;
    if (values[i].lo == values[i].hi)
      continue;
    if (opens == MST_CV_MAX_OPEN || isinf(values[i].lo) || isinf(values[i].hi))
      return INFINITY;
    open[opens++] = i;
  }
  /* The function is quasi-convex where the mean is above 0, so it is greatest at a corner. */
  for (uint32_t corner = 0; corner < 1U << opens; corner++) {
    for (size_t k = 0; k < opens; k++)
      scratch[open[k]] = corner >> k & 1 ? values[open[k]].hi : values[open[k]].lo;
    greatest = fmax(greatest, variation(scratch, count));
  }
  return greatest;
}
