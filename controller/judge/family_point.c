/* min, max, avg, sum, count of gauges; the same and increase, rate of distributions. */
#include <math.h>

#include "family.h"

typedef struct point_payload {
  mst_payload header;
  mst_fixed sum;   /* of all samples or observations */
  mst_fixed means; /* of the means of windows in which every sample could be read */
  uint64_t count;
  double min, max;
  uint8_t padding[8];
} point_payload;
_Static_assert(sizeof(point_payload) % 16 == 0, "payloads keep 128-bit sums aligned");

static void
take_extremes(point_payload *payload, double min, double max)
{
  if (payload->count == 0 || min < payload->min)
    payload->min = min;
  if (payload->count == 0 || max > payload->max)
    payload->max = max;
}

static bool
take_gauge(const mst_cell *cell, const mst_window_cell *sample, point_payload *payload)
{
  double value = sample->number;
  mst_fixed fixed;

  /* What is a share by its nature is taken as one, or the bounds for what is missing would not hold. */
  if (mst_series_is_share(cell->lineages[0].series))
    value = value < 0 ? 0 : value > 1 ? 1 : value;
  if (cell->kind != MST_SIGNAL_STATE) {
    if (!mst_fixed_from_double(value, &fixed))
      return false;
    payload->sum += fixed;
    take_extremes(payload, value, value);
  }
  payload->count++;
  return true;
}

static bool
take_distribution(const mst_window_cell *sample, point_payload *payload)
{
  mst_hist hist;

  if (mst_histogram_decode(sample->histogram, &hist, NULL) != MST_OK)
    return false;
  if (hist.count > 0) {
    take_extremes(payload, hist.min, hist.max);
    payload->sum += hist.sum;
    payload->count += hist.count;
  }
  mst_hist_done(&hist);
  return true;
}

static bool
observe(mst_cell *cell, const mst_sight *sight, mst_payload *header)
{
  point_payload *payload = (point_payload *)header;
  bool gauge = cell->kind != MST_SIGNAL_DISTRIBUTION;

  for (size_t i = 0; i < sight->count; i++) {
    for (uint32_t j = 0; j < sight->rows[i]->cell_count; j++) {
      const mst_window_cell *sample = &sight->rows[i]->cells[j];
      if (sample->status != MST_SAMPLE_OK)
        continue;
      if (!(gauge ? take_gauge(cell, sample, payload) : take_distribution(sample, payload)))
        return false;
    }
  }
  return !gauge || sight->error > 0 || mst_fixed_from_double(mst_fixed_mean(payload->sum, payload->count), &payload->means);
}

static void
merge(const mst_cell *cell, mst_payload *left_header, const mst_payload *right_header, bool adjacent)
{
  point_payload *left = (point_payload *)left_header;
  const point_payload *right = (const point_payload *)right_header;

  (void)cell, (void)adjacent;
  if (right->count == 0)
    return;
  take_extremes(left, right->min, right->max);
  left->sum += right->sum;
  left->means += right->means;
  left->count += right->count;
}

/* The mean of the windows' means: what is missing may be anything between the ends of the scale, else anything. */
static void
estimate_mean(const mst_cell *cell, const point_payload *point, uint32_t missing, const mst_view *view, mst_estimate *ret)
{
  uint64_t read = point->header.windows - point->header.uncertain;
  uint64_t all = read + missing, ever = all + view->future;
  mst_fixed thin = (mst_fixed)point->header.thin * MST_FIXED_ONE;

  ret->value = mst_fixed_mean(point->sum, point->count);
  if (cell->kind == MST_SIGNAL_GAUGE && read > 0)
    ret->value = mst_fixed_mean(point->means, read);
  if (cell->kind != MST_SIGNAL_GAUGE || !mst_series_is_share(cell->lineages[0].series)) {
    ret->lo = missing ? -INFINITY : ret->value;
    ret->hi = missing ? INFINITY : ret->value;
    ret->ever_lo = missing || view->future || thin ? -INFINITY : ret->value;
    ret->ever_hi = missing || view->future || thin ? INFINITY : ret->value;
    return;
  }
  ret->lo = mst_fixed_mean(point->means, all);
  ret->hi = mst_fixed_mean(point->means + (mst_fixed)missing * MST_FIXED_ONE, all);
  ret->ever_lo = point->means > thin ? mst_fixed_mean(point->means - thin, ever) : 0;
  ret->ever_hi = fmin(1, mst_fixed_mean(point->means + thin + (mst_fixed)(missing + view->future) * MST_FIXED_ONE, ever));
}

static void
estimate_extreme(const mst_cell *cell, const point_payload *point, uint32_t missing, bool changeable, mst_estimate *ret)
{
  bool share = mst_series_is_share(cell->lineages[0].series);
  bool min = cell->measure->stat == MST_STAT_MIN;

  ret->value = min ? point->min : point->max;
  ret->lo = ret->hi = ret->ever_lo = ret->ever_hi = ret->value;
  if (min && missing)
    ret->lo = share ? 0 : -INFINITY;
  if (min && changeable)
    ret->ever_lo = share ? 0 : -INFINITY;
  if (!min && missing)
    ret->hi = share ? 1 : INFINITY;
  if (!min && changeable)
    ret->ever_hi = share ? 1 : INFINITY;
}

/* Counts only grow. seconds: what a rate is over, now and at the end. */
static void
estimate_count(const point_payload *point, uint32_t missing, bool changeable, double seconds, double ever_seconds, mst_estimate *ret)
{
  ret->value = (double)point->count / seconds;
  ret->lo = ret->value;
  ret->hi = missing ? INFINITY : ret->value;
  ret->ever_lo = (double)point->count / ever_seconds;
  ret->ever_hi = changeable ? INFINITY : ret->value;
}

static void
estimate(const mst_cell *cell, const mst_payload *header, const mst_view *view, mst_estimate *ret)
{
  const point_payload *point = (const point_payload *)header;
  uint32_t missing = view->missing + header->uncertain;
  bool changeable = missing > 0 || view->future > 0 || header->thin > 0;
  double window = (double)cell->window_ns / 1e9;

  switch (cell->measure->stat) {
  case MST_STAT_COUNT:
  case MST_STAT_INCREASE:
    ret->known = header->windows > 0;
    estimate_count(point, missing, changeable, 1, 1, ret);
    return;
  case MST_STAT_RATE:
    ret->known = header->windows > 0;
    estimate_count(point, missing, changeable, (view->to - view->from) * window, (view->to + view->future - view->from) * window, ret);
    return;
  case MST_STAT_SUM:
    ret->known = header->windows > 0;
    ret->value = mst_fixed_to_double(point->sum);
    ret->lo = missing ? -INFINITY : ret->value;
    ret->hi = missing ? INFINITY : ret->value;
    ret->ever_lo = changeable ? -INFINITY : ret->value;
    ret->ever_hi = changeable ? INFINITY : ret->value;
    return;
  default:
    break;
  }
  ret->known = point->count > 0;
  if (cell->measure->stat == MST_STAT_AVG)
    estimate_mean(cell, point, missing, view, ret);
  else
    estimate_extreme(cell, point, missing, changeable, ret);
}

const mst_family mst_family_point = {
    .name = "point", .payload_bytes = sizeof(point_payload), .observe = observe, .merge = merge, .estimate = estimate};
