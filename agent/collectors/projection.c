#include "collectors/projection.h"

#include <math.h>

static const double day_s = 24 * 3600;

void
mst_projection_add(mst_projection *projection, mst_wall at, double used)
{
  if (projection->weight <= 0 || at.ns < projection->last_at.ns)
    *projection = (mst_projection){.first_at = at, .last_at = at};

  /* Times count from the first: squares of Unix times would lose the seconds. */
  double time_s = (double)(at.ns - projection->first_at.ns) / 1e9;
  double decay = exp(-(double)(at.ns - projection->last_at.ns) / 1e9 / day_s);
  double before = projection->weight * decay, weight = before + 1;
  double from_time = time_s - projection->mean_time_s, from_used = used - projection->mean_used;

  projection->square = projection->square * decay + from_time * from_time * before / weight;
  projection->product = projection->product * decay + from_time * from_used * before / weight;
  projection->mean_time_s += from_time / weight;
  projection->mean_used += from_used / weight;
  projection->weight = weight;
  projection->last_at = at;
}

mst_err
mst_projection_days(const mst_projection *projection, double free, double *ret_days, mst_errctx *ctx)
{
  double slope = projection->square > 0 ? projection->product / projection->square : 0;

  if (projection->last_at.ns - projection->first_at.ns < MST_PROJECTION_LEAST_NS)
    return mst_fail(ctx, MST_EABSENT, "not watched for half an hour yet");

  double days = slope > 0 ? free / slope / day_s : MST_PROJECTION_MOST_DAYS;

  *ret_days = fmin(fmax(days, 0), MST_PROJECTION_MOST_DAYS);
  return MST_OK;
}
