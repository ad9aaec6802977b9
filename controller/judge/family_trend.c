/* slope, cv: from the medians of the windows' values in each bucket of time. A bucket that is whole keeps its median only. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mst/common/alloc.h>

#include "family.h"
#include "measure_lint.h"
#include "trend_math.h"
#include "why.h"

#define NS_PER_HOUR (3600 * (double)MST_NS_PER_S)

typedef struct trend_payload {
  mst_payload header;
  double value;
  bool has_value; /* false: nothing happened in the window, or the thing was not there */
  uint8_t padding[7];
} trend_payload;
_Static_assert(sizeof(trend_payload) % 16 == 0, "payloads keep 128-bit sums aligned");

typedef struct trend_bucket {
  double *values; /* of the windows that are there; NULL when none or when `whole` */
  uint32_t count;
  bool whole;  /* every window has a value: only the median is kept */
  bool cached; /* median interval for cached_missing missing windows */
  uint32_t cached_missing;
  double median; /* when whole */
  mst_interval interval;
} trend_bucket;

struct mst_trend {
  uint32_t bucket; /* windows */
  uint32_t count;
  trend_bucket *buckets;
  mst_interval *now, *before; /* of this evaluation and of the one that `result` is of; count entries each */
  uint32_t before_count;
  mst_estimate result;
};

mst_trend *
mst_trend_create(uint32_t windows, uint32_t bucket)
{
  mst_trend *trend = mst_alloc(1, sizeof *trend);

  if (!trend)
    return NULL;
  trend->bucket = bucket;
  trend->count = windows / bucket;
  trend->buckets = mst_alloc(trend->count ? trend->count : 1, sizeof *trend->buckets);
  trend->now = mst_alloc(trend->count ? trend->count : 1, sizeof *trend->now);
  trend->before = mst_alloc(trend->count ? trend->count : 1, sizeof *trend->before);
  if (!trend->buckets || !trend->now || !trend->before) {
    mst_trend_destroy(trend);
    return NULL;
  }
  return trend;
}

void
mst_trend_clear(mst_trend *trend)
{
  for (uint32_t i = 0; i < trend->count; i++) {
    mst_free(trend->buckets[i].values);
    trend->buckets[i] = (trend_bucket){0};
  }
  trend->before_count = 0;
}

void
mst_trend_destroy(mst_trend *trend)
{
  if (!trend)
    return;
  if (trend->buckets)
    mst_trend_clear(trend);
  mst_free(trend->buckets);
  mst_free(trend->now);
  mst_free(trend->before);
  mst_free(trend);
}

mst_err
mst_trend_add(mst_trend *trend, uint32_t window, const mst_payload *header, mst_errctx *ctx)
{
  const trend_payload *payload = (const trend_payload *)header;
  uint32_t index = window / trend->bucket;

  if (!payload->has_value || index >= trend->count)
    return MST_OK;
  trend_bucket *bucket = &trend->buckets[index];
  if (!bucket->values) {
    bucket->values = mst_alloc(trend->bucket, sizeof *bucket->values);
    if (!bucket->values)
      return mst_fail(ctx, MST_ENOMEM, "out of memory for a bucket of %u windows", trend->bucket);
  }
  bucket->values[bucket->count++] = payload->value;
  bucket->cached = false;
  if (bucket->count < trend->bucket)
    return MST_OK;
  qsort(bucket->values, bucket->count, sizeof *bucket->values, mst_compare_doubles);
  bucket->median = mst_median(bucket->values, bucket->count);
  bucket->whole = true;
  mst_free(bucket->values);
  bucket->values = NULL;
  return MST_OK;
}

/* What one series did in a window. */
typedef struct trend_sight {
  mst_fixed sum;
  uint64_t count;
  double last, growth;
  int64_t last_start_ns;
  mst_wall first_at, last_at;
} trend_sight;

static bool
see_sample(const mst_cell *cell, const mst_sight *sight, int64_t start_ns, const mst_window_cell *sample, trend_sight *seen)
{
  mst_fixed fixed;
  mst_hist hist;

  if (cell->kind == MST_SIGNAL_DISTRIBUTION) {
    if (mst_histogram_decode(sample->histogram, &hist, NULL) != MST_OK)
      return false;
    seen->sum += hist.sum;
    seen->count += hist.count;
    mst_hist_done(&hist);
    return true;
  }
  if (cell->kind == MST_SIGNAL_GAUGE) {
    if (!mst_fixed_from_double(sample->number, &fixed))
      return false;
    seen->sum += fixed;
  } else {
    mst_wall at = mst_window_column_at(sight->window, sample->column)->at;
    if (seen->count > 0)
      seen->growth += mst_counter_step(seen->last, seen->last_start_ns, sample->number, start_ns);
    else
      seen->first_at = at;
    seen->last = sample->number;
    seen->last_start_ns = start_ns;
    seen->last_at = at;
  }
  seen->count++;
  return true;
}

static bool
observe(mst_cell *cell, const mst_sight *sight, mst_payload *header)
{
  trend_payload *payload = (trend_payload *)header;
  trend_sight seen = {0};

  if (sight->error > 0)
    return false;
  for (size_t i = 0; i < sight->count; i++)
    for (uint32_t j = 0; j < sight->rows[i]->cell_count; j++)
      if (sight->rows[i]->cells[j].status == MST_SAMPLE_OK &&
          !see_sample(cell, sight, sight->members[i]->start_ns, &sight->rows[i]->cells[j], &seen))
        return false;
  if (cell->kind == MST_SIGNAL_COUNTER) {
    double seconds = (double)(seen.last_at.ns - seen.first_at.ns) / 1e9;
    if (!(seconds > 0) || !isfinite(seen.growth))
      return false; /* one sample has no rate */
    payload->value = seen.growth / seconds;
    payload->has_value = true;
  } else {
    payload->value = mst_fixed_mean(seen.sum, seen.count);
    payload->has_value = seen.count > 0;
  }
  return true;
}

static mst_interval
bucket_interval(trend_bucket *bucket, uint32_t missing)
{
  if (bucket->whole)
    return (mst_interval){.lo = bucket->median, .hi = bucket->median};
  if (!bucket->cached || bucket->cached_missing != missing) {
    qsort(bucket->values, bucket->count, sizeof *bucket->values, mst_compare_doubles);
    bucket->interval = mst_median_interval(bucket->values, bucket->count, missing);
    bucket->cached = true;
    bucket->cached_missing = missing;
  }
  return bucket->interval;
}

/* The intervals of the buckets that are over, into trend->now. Buckets of which nothing is expected are left out. */
static uint32_t
gather(const mst_cell *cell, const mst_view *view, mst_missing missing, const void *context)
{
  mst_trend *trend = cell->trend;
  uint32_t first = (view->from - cell->from + trend->bucket - 1) / trend->bucket, count = 0;

  for (uint32_t i = first; i < trend->count; i++) {
    uint32_t from = cell->from + i * trend->bucket;
    if (from + trend->bucket > view->to)
      break;
    trend_bucket *bucket = &trend->buckets[i];
    uint32_t lost = bucket->whole ? 0 : missing(context, from, from + trend->bucket);
    if (bucket->count == 0 && lost == 0)
      continue;
    trend->now[count] = bucket->count > 0 ? bucket_interval(bucket, lost) : (mst_interval){.lo = -INFINITY, .hi = INFINITY};
    trend->now[count++].at = i;
  }
  return count;
}

/* Half of a bucket's windows or more are missing: nothing is known of its median. */
static bool
has_unbounded(const mst_interval *values, uint32_t count)
{
  for (uint32_t i = 0; i < count; i++)
    if (isinf(values[i].lo) || isinf(values[i].hi))
      return true;
  return false;
}

static bool
all_points(const mst_interval *values, uint32_t count)
{
  for (uint32_t i = 0; i < count; i++)
    if (values[i].lo != values[i].hi)
      return false;
  return true;
}

/* What the slope's grade hangs on. */
typedef struct slope_facts {
  bool may_rise, may_fall;
  double greatest, least; /* per hour, or in shares of the level per hour */
} slope_facts;

/* A bound of 0 asks for the significance alone; another also for the slope itself. */
static bool
slope_holds(const mst_set *set, const slope_facts *facts)
{
  bool over =
      set->hi != INFINITY && facts->may_rise && (set->hi == 0 || !(set->hi_open ? facts->greatest < set->hi : facts->greatest <= set->hi));
  bool under =
      set->lo != -INFINITY && facts->may_fall && (set->lo == 0 || !(set->lo_open ? facts->least > set->lo : facts->least >= set->lo));

  return !over && !under;
}

/* A slope as a share of the level, which lies between lo and hi: as far from 0 as it may be. */
static double
relative(double slope, const mst_interval *level)
{
  double least = level->lo > 0 ? level->lo : level->hi < 0 ? -level->hi : 0;

  return slope == 0 ? 0 : slope / least;
}

static void
judge_slope(const mst_cell *cell, const mst_interval *values, uint32_t count, double *scratch, mst_estimate *ret)
{
  double hours = (double)cell->bucket * (double)cell->window_ns / NS_PER_HOUR, z = cell->measure->significance;
  const mst_target *target = &cell->bounds->target;
  slope_facts facts = {.may_rise = mst_trend_is_possible(values, count, z, false),
                       .may_fall = mst_trend_is_possible(values, count, z, true)};
  mst_interval level;

  facts.greatest = mst_theil_sen(values, count, false, scratch) / hours;
  facts.least = mst_theil_sen(values, count, true, scratch) / hours;
  if (target->relative) {
    for (uint32_t i = 0; i < count; i++)
      scratch[i] = values[i].lo;
    qsort(scratch, count, sizeof *scratch, mst_compare_doubles);
    level.lo = mst_median(scratch, count);
    for (uint32_t i = 0; i < count; i++)
      scratch[i] = values[i].hi;
    qsort(scratch, count, sizeof *scratch, mst_compare_doubles);
    level.hi = mst_median(scratch, count);
    facts.greatest = relative(facts.greatest, &level);
    facts.least = relative(facts.least, &level);
  }
  ret->graded = true;
  ret->worst = slope_holds(&cell->bounds->good, &facts)   ? MST_GRADE_PASS
               : slope_holds(&cell->bounds->fair, &facts) ? MST_GRADE_WARN
                                                          : MST_GRADE_FAIL;
  ret->best = all_points(values, count) ? ret->worst : MST_GRADE_PASS;
  ret->value = facts.greatest;
  ret->unit = target->relative ? "1/h" : "/h";
  ret->trend = facts.may_rise && facts.may_fall ? "may rise or fall" : facts.may_rise ? "rises" : facts.may_fall ? "falls" : "no trend";
}

static void
judge_cv(const mst_interval *values, uint32_t count, double *scratch, mst_estimate *ret)
{
  ret->hi = mst_greatest_cv(values, count, scratch);
  ret->lo = all_points(values, count) ? ret->hi : 0;
  ret->value = ret->hi;
}

/* The costly part, done again only when a bucket has changed. */
static void
judge_trend(const mst_cell *cell, uint32_t count, mst_estimate *ret)
{
  mst_trend *trend = cell->trend;

  if (trend->before_count != count || memcmp(trend->now, trend->before, count * sizeof *trend->now) != 0) {
    size_t pairs = (size_t)count * (count - 1) / 2;
    double *scratch = mst_alloc(pairs > count ? pairs : count, sizeof *scratch);
    if (!scratch) {
      *ret = (mst_estimate){.why = MST_WHY_MEMORY};
      return;
    }
    trend->result = (mst_estimate){.known = true};
    if (cell->measure->stat == MST_STAT_SLOPE)
      judge_slope(cell, trend->now, count, scratch, &trend->result);
    else
      judge_cv(trend->now, count, scratch, &trend->result);
    mst_free(scratch);
    memcpy(trend->before, trend->now, count * sizeof *trend->now);
    trend->before_count = count;
  }
  *ret = trend->result;
}

void
mst_trend_estimate(const mst_cell *cell, const mst_view *view, mst_missing missing, const void *context, mst_estimate *ret)
{
  uint32_t least = cell->measure->stat == MST_STAT_SLOPE ? MST_SLOPE_LEAST_BUCKETS : MST_CV_LEAST_BUCKETS;
  uint32_t count = gather(cell, view, missing, context);

  if (count < least) {
    *ret = (mst_estimate){.why = MST_WHY_BUCKETS, .have = count, .need = least};
    return;
  }
  if (has_unbounded(cell->trend->now, count)) {
    *ret = (mst_estimate){.why = MST_WHY_MISSING};
    return;
  }
  judge_trend(cell, count, ret);
  bool settled = view->future == 0 && view->missing == 0;
  ret->ever = settled ? ret->best : MST_GRADE_PASS;
  ret->ever_lo = settled ? ret->lo : -INFINITY;
  ret->ever_hi = settled ? ret->hi : INFINITY;
}

const mst_family mst_family_trend = {.name = "trend", .payload_bytes = sizeof(trend_payload), .observe = observe};
