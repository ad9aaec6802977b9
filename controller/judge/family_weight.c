/* Quantiles, share, time_in_state. Each window weighs the same and its samples share that weight; a missing window is wholly violating.
 * What is counted is the weight on either side of the bounds, so the decision is exact whatever the values are. */
#include <math.h>
#include <stdio.h>

#include "family.h"

/* The ends of the good and of the fair set. HIGH: within the upper end; LOW: below the lower end. For a share, HIGH of good is what counts.
 */
enum { GOOD_HIGH, GOOD_LOW, FAIR_HIGH, FAIR_LOW, ENDS = MST_WEIGHT_ENDS };

typedef struct weight_payload {
  mst_payload header;
  uint64_t total;
  uint64_t sure[ENDS];     /* surely there */
  uint64_t possible[ENDS]; /* and what may be: the bucket that holds the bound, samples that could not be read */
  uint64_t padding;
} weight_payload;
_Static_assert(sizeof(weight_payload) % 16 == 0, "payloads keep 128-bit sums aligned");

/* Counts of samples of one window. */
typedef struct tally {
  uint64_t count;
  uint64_t sure[ENDS], possible[ENDS];
} sample_tally;

/* The greatest value that is still on the counted side of an end; NAN when there is no such end. */
static double
limit_of(const mst_bounds *bounds, int end)
{
  const mst_set *set = end < FAIR_HIGH ? &bounds->good : &bounds->fair;
  bool high = end == GOOD_HIGH || end == FAIR_HIGH;
  double bound = high ? set->hi : set->lo;
  bool with = high ? !set->hi_open : set->lo_open;

  if (isinf(bound))
    return NAN;
  return with ? bound : nextafter(bound, -INFINITY);
}

void
mst_weight_limits(const mst_bounds *bounds, double ret_limits[static MST_WEIGHT_ENDS])
{
  for (int end = 0; end < ENDS; end++)
    ret_limits[end] = limit_of(bounds, end);
}

static void
tally_value(const mst_cell *cell, double value, sample_tally *tally)
{
  for (int end = 0; end < ENDS; end++) {
    bool counts = value <= cell->limits[end]; /* false for NAN */
    tally->sure[end] += counts;
    tally->possible[end] += counts;
  }
  tally->count++;
}

static bool
tally_histogram(const mst_cell *cell, const mst_window_cell *sample, sample_tally *tally)
{
  mst_hist hist;

  if (mst_histogram_decode(sample->histogram, &hist, NULL) != MST_OK)
    return false;
  for (int end = 0; end < ENDS && hist.count > 0; end++) {
    double limit = cell->limits[end];
    uint64_t sure = 0, possible = 0;
    if (isnan(limit))
      continue;
    /* The extremes are exact where the buckets are not. */
    if (hist.max <= limit)
      sure = possible = hist.count;
    else if (hist.min <= limit)
      mst_hist_count_upto(&hist, limit, &sure, &possible);
    tally->sure[end] += sure;
    tally->possible[end] += possible;
  }
  tally->count += hist.count;
  bool kept = !cell->hist || hist.count == 0 || mst_hist_merge(cell->hist, &hist, NULL) == MST_OK;
  mst_hist_done(&hist);
  return kept;
}

static bool
in_state(const mst_cell *cell, const mst_window_cell *sample)
{
  const mst_target *state = &cell->measure->state;

  if (cell->kind == MST_SIGNAL_STATE)
    return mst_target_holds_text(state, sample->text.data, sample->text.size_bytes, NULL);
  return mst_set_has(&state->set, sample->number);
}

static bool
tally_sample(mst_cell *cell, const mst_window_cell *sample, uint64_t weight, sample_tally *tally)
{
  if (cell->measure->stat != MST_STAT_QUANTILE) {
    bool counts = in_state(cell, sample);
    tally->count++;
    tally->sure[GOOD_HIGH] += counts;
    tally->possible[GOOD_HIGH] += counts;
    return true;
  }
  tally_value(cell, sample->number, tally);
  return !cell->hist || mst_hist_add(cell->hist, sample->number, weight, NULL) == MST_OK;
}

/* Samples that could not be read take their part of the window's weight: never sure, always possible. */
static void
weigh(const mst_cell *cell, const mst_sight *sight, const sample_tally *tally, weight_payload *payload)
{
  uint64_t unit = cell->measure->weigh_samples ? tally->count : MST_WINDOW_WEIGHT;
  uint64_t read = unit * sight->ok / (sight->ok + sight->error), lost = unit - read;

  if (cell->measure->weigh_samples) {
    read = tally->count;
    lost = 0; /* an uncertain window makes the whole unknown */
  } else if (tally->count == 0) {
    read = 0;
    lost = sight->error > 0 ? lost : 0;
  }
  payload->total = read + lost;
  for (int end = 0; end < ENDS; end++) {
    unsigned __int128 sure = (unsigned __int128)read * tally->sure[end], possible = (unsigned __int128)read * tally->possible[end];
    payload->sure[end] = tally->count ? (uint64_t)(sure / tally->count) : 0;
    payload->possible[end] = lost + (tally->count ? (uint64_t)((possible + tally->count - 1) / tally->count) : 0);
  }
}

static bool
observe(mst_cell *cell, const mst_sight *sight, mst_payload *header)
{
  sample_tally tally = {0};
  uint64_t share = MST_WINDOW_WEIGHT / sight->ok, weight = cell->measure->weigh_samples || share == 0 ? 1 : share;

  for (size_t i = 0; i < sight->count; i++) {
    for (uint32_t j = 0; j < sight->rows[i]->cell_count; j++) {
      const mst_window_cell *sample = &sight->rows[i]->cells[j];
      if (sample->status != MST_SAMPLE_OK)
        continue;
      if (!(cell->kind == MST_SIGNAL_DISTRIBUTION ? tally_histogram(cell, sample, &tally) : tally_sample(cell, sample, weight, &tally)))
        return false;
    }
  }
  weigh(cell, sight, &tally, (weight_payload *)header);
  return true;
}

static void
merge(const mst_cell *cell, mst_payload *left_header, const mst_payload *right_header, bool adjacent)
{
  weight_payload *left = (weight_payload *)left_header;
  const weight_payload *right = (const weight_payload *)right_header;

  (void)cell, (void)adjacent;
  left->total += right->total;
  for (int end = 0; end < ENDS; end++) {
    left->sure[end] += right->sure[end];
    left->possible[end] += right->possible[end];
  }
}

/* Whether the quantile lies in the set that begins at end `high` when `more` weight comes to the total, wholly violating (pessimistic) or
 * wholly fitting; optimistically, `spare` of the weight that is there may turn out to fit too. */
static bool
quantile_holds(const mst_cell *cell, const weight_payload *payload, int high, uint64_t more, uint64_t spare, bool pessimistic)
{
  const mst_set *set = high == GOOD_HIGH ? &cell->bounds->good : &cell->bounds->fair;
  unsigned __int128 total = (unsigned __int128)payload->total + more, needed = total * cell->measure->quantile;
  uint64_t within = pessimistic ? payload->sure[high] : payload->possible[high] + more + spare;
  uint64_t under = pessimistic ? payload->possible[high + 1] + more : payload->sure[high + 1];

  under = !pessimistic && under > spare ? under - spare : pessimistic ? under : 0;
  if (!isinf(set->hi) && (unsigned __int128)within * MST_QUANTILE_WHOLE < needed)
    return false;
  return isinf(set->lo) || (unsigned __int128)under * MST_QUANTILE_WHOLE < needed;
}

static mst_grade
quantile_grade(const mst_cell *cell, const weight_payload *payload, uint64_t more, uint64_t spare, bool pessimistic)
{
  if (quantile_holds(cell, payload, GOOD_HIGH, more, spare, pessimistic))
    return MST_GRADE_PASS;
  return quantile_holds(cell, payload, FAIR_HIGH, more, spare, pessimistic) ? MST_GRADE_WARN : MST_GRADE_FAIL;
}

static void
estimate_quantile(const mst_cell *cell, const weight_payload *payload, const mst_view *view, mst_estimate *ret)
{
  uint64_t missing = (uint64_t)view->missing * MST_WINDOW_WEIGHT, thin = (uint64_t)payload->header.thin * MST_WINDOW_WEIGHT;
  uint64_t future = (uint64_t)view->future * MST_WINDOW_WEIGHT;

  ret->graded = true;
  if (cell->measure->weigh_samples) {
    bool unknown = view->missing + payload->header.uncertain > 0;
    ret->worst = unknown ? MST_GRADE_FAIL : quantile_grade(cell, payload, 0, 0, true);
    ret->best = unknown ? MST_GRADE_PASS : quantile_grade(cell, payload, 0, 0, false);
    ret->ever = unknown || future || thin ? MST_GRADE_PASS : ret->best;
  } else {
    ret->worst = quantile_grade(cell, payload, missing, 0, true);
    ret->best = quantile_grade(cell, payload, missing, 0, false);
    ret->ever = quantile_grade(cell, payload, missing + future, thin, false);
  }
  if (cell->hist) {
    ret->value = mst_hist_quantile(cell->hist, (double)cell->measure->quantile / MST_QUANTILE_WHOLE);
    return;
  }
  bool upper = !isinf(cell->bounds->good.hi);
  uint64_t good = upper ? payload->sure[GOOD_HIGH] : payload->total - payload->possible[GOOD_LOW];
  snprintf(ret->text, sizeof ret->text, "%.2f %% within the target", 100 * (double)good / (double)payload->total);
}

static void
estimate_share(const mst_cell *cell, const weight_payload *payload, const mst_view *view, mst_estimate *ret)
{
  double missing = (double)view->missing * MST_WINDOW_WEIGHT, future = (double)view->future * MST_WINDOW_WEIGHT;
  double thin = (double)payload->header.thin * MST_WINDOW_WEIGHT, total = (double)payload->total;
  double sure = (double)payload->sure[GOOD_HIGH], possible = (double)payload->possible[GOOD_HIGH];

  ret->value = sure / total;
  ret->lo = sure / (total + missing);
  ret->hi = (possible + missing) / (total + missing);
  ret->ever_lo = fmax(0, sure - thin) / (total + missing + future);
  ret->ever_hi = fmin(1, (possible + missing + future + thin) / (total + missing + future));
  if (cell->measure->stat == MST_STAT_TIME_IN_STATE) {
    double second = (double)cell->window_ns / 1e9 / MST_WINDOW_WEIGHT;
    ret->value = sure * second;
    ret->lo = sure * second;
    ret->hi = (possible + missing) * second;
    ret->ever_lo = fmax(0, sure - thin) * second;
    ret->ever_hi = (possible + missing + future + thin) * second;
  }
}

static void
estimate(const mst_cell *cell, const mst_payload *header, const mst_view *view, mst_estimate *ret)
{
  const weight_payload *payload = (const weight_payload *)header;

  ret->known = payload->total > 0;
  if (!ret->known)
    return;
  if (cell->measure->stat == MST_STAT_QUANTILE)
    estimate_quantile(cell, payload, view, ret);
  else
    estimate_share(cell, payload, view, ret);
}

const mst_family mst_family_weight = {
    .name = "weight", .payload_bytes = sizeof(weight_payload), .observe = observe, .merge = merge, .estimate = estimate};
