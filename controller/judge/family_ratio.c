/* ratio: all matching series of a host together, part by whole. By windows: the mean over windows of part / whole, a missing window wholly
 * violating. By samples: all parts by all wholes.
 *
 * What a counter grew from the last sample of one window to the first of the next belongs to the next. So a window's ratio is known only
 * when the window before it is there: the first window of a run of windows keeps its amounts apart until its neighbour comes, and counts as
 * missing where that never comes. */
#include <math.h>

#include "family.h"

typedef enum point_state { POINT_NONE, POINT_READ, POINT_ABSENT } point_state;

/* A counter at one edge of a run. */
typedef struct ratio_point {
  double value;
  int64_t start_ns;
  uint8_t state; /* NONE: not defined yet */
  uint8_t padding[15];
} ratio_point;

typedef struct ratio_payload {
  mst_payload header;
  mst_fixed part_in, whole_in;   /* of the first window, without what came over its edge */
  mst_fixed part_all, whole_all; /* of all windows, without what came over the first one's edge */
  uint64_t sum;                  /* of the ratios of the windows after the first, in window weights */
  uint32_t counted;              /* of these, the windows whose whole is not 0 */
  uint32_t edges;                /* windows behind a gap, of unknown ratio */
  uint32_t first_window;
  bool unknown; /* the sums by samples miss something */
  uint8_t padding[11];
  ratio_point points[]; /* of each lineage: at the first window, at the last */
} ratio_payload;
_Static_assert(sizeof(ratio_payload) % 16 == 0 && sizeof(ratio_point) % 16 == 0, "payloads keep 128-bit sums aligned");

uint32_t
mst_ratio_payload_bytes(uint32_t lineages)
{
  return (uint32_t)(sizeof(ratio_payload) + 2 * lineages * sizeof(ratio_point));
}

static void
add_amount(ratio_payload *payload, mst_fixed *part, mst_fixed *whole, bool to_whole, double amount)
{
  mst_fixed fixed;

  if (amount < 0 || !mst_fixed_from_double(amount, &fixed)) {
    payload->unknown = true;
    return;
  }
  *(to_whole ? whole : part) += fixed;
}

/* What one lineage had in a window: of a counter, what it grew between the samples; of a distribution, observations; of a gauge, its mean.
 */
typedef struct lineage_sight {
  uint32_t ok, absent, error;
  double gauge_sum;
  ratio_point first, last;
} lineage_sight;

static bool
see_sample(ratio_payload *payload, const mst_lineage *lineage, int64_t start_ns, const mst_window_cell *sample, lineage_sight *seen)
{
  mst_hist hist;

  seen->absent += sample->status == MST_SAMPLE_ABSENT;
  seen->error += sample->status == MST_SAMPLE_ERROR;
  if (sample->status != MST_SAMPLE_OK)
    return true;
  if (lineage->series->kind == MST_SIGNAL_DISTRIBUTION) {
    if (mst_histogram_decode(sample->histogram, &hist, NULL) != MST_OK)
      return false;
    add_amount(payload, &payload->part_in, &payload->whole_in, lineage->whole, (double)hist.count);
    mst_hist_done(&hist);
  } else if (lineage->series->kind == MST_SIGNAL_COUNTER) {
    ratio_point point = {.value = sample->number, .start_ns = start_ns, .state = POINT_READ};
    if (seen->ok > 0)
      add_amount(payload, &payload->part_in, &payload->whole_in, lineage->whole,
                 mst_counter_step(seen->last.value, seen->last.start_ns, point.value, point.start_ns));
    else
      seen->first = point;
    seen->last = point;
  } else {
    seen->gauge_sum += sample->number;
  }
  seen->ok++;
  return true;
}

static bool
observe(mst_cell *cell, const mst_sight *sight, mst_payload *header)
{
  ratio_payload *payload = (ratio_payload *)header;
  size_t at = 0;

  payload->first_window = sight->index;
  for (uint32_t i = 0; i < cell->lineage_count; i++) {
    const mst_lineage *lineage = &cell->lineages[i];
    lineage_sight seen = {.first.state = POINT_ABSENT, .last.state = POINT_ABSENT};
    for (; at < sight->count && sight->members[at]->lineage == i; at++)
      for (uint32_t j = 0; j < sight->rows[at]->cell_count; j++)
        if (!see_sample(payload, lineage, sight->members[at]->start_ns, &sight->rows[at]->cells[j], &seen))
          return false;
    if (seen.ok + seen.absent == 0 && seen.error == 0 && lineage->defined > sight->index)
      seen.first.state = seen.last.state = POINT_NONE;
    else if (seen.ok + seen.absent == 0 || seen.error > 0)
      return false; /* without one of its parts the ratio is unknown */
    if (lineage->series->kind == MST_SIGNAL_GAUGE && seen.ok > 0)
      add_amount(payload, &payload->part_in, &payload->whole_in, lineage->whole, seen.gauge_sum / seen.ok);
    payload->points[2 * i] = seen.first;
    payload->points[2 * i + 1] = seen.last;
  }
  payload->part_all = payload->part_in;
  payload->whole_all = payload->whole_in;
  return true;
}

static uint64_t
ratio_weight(mst_fixed part, mst_fixed whole)
{
  double ratio = whole > 0 ? mst_fixed_to_double(part) / mst_fixed_to_double(whole) : 1;

  return (uint64_t)(fmin(fmax(ratio, 0), 1) * MST_WINDOW_WEIGHT + 0.5);
}

/* Adds a window's ratio; one in which nothing happened has none. */
static void
count_window(mst_fixed part, mst_fixed whole, uint64_t *sum, uint32_t *counted)
{
  if (part == 0 && whole == 0)
    return;
  *sum += ratio_weight(part, whole);
  ++*counted;
}

/* What a counter that was not there before had counted when it came: all of it when it began within reach, else nobody knows since when. */
static double
birth(const mst_cell *cell, const ratio_point *point, uint8_t before, uint32_t window)
{
  int64_t reach_ns = cell->span_start.ns;

  if (before == POINT_ABSENT)
    reach_ns += (int64_t)(window - cell->from) * cell->window_ns;
  return point->state == POINT_READ && point->start_ns >= reach_ns ? point->value : 0;
}

/* What came over the edge from left to right. False: not all of it is known. */
static bool
add_edge(const mst_cell *cell, const ratio_payload *left, const ratio_payload *right, bool adjacent, ratio_payload *sums, mst_fixed *part,
         mst_fixed *whole)
{
  bool known = true;

  for (uint32_t i = 0; i < cell->lineage_count; i++) {
    const ratio_point *before = &left->points[2 * i + 1], *after = &right->points[2 * i];
    double amount;
    if (cell->lineages[i].series->kind != MST_SIGNAL_COUNTER)
      continue;
    if (before->state == POINT_READ && after->state == POINT_READ) {
      amount = mst_counter_step(before->value, before->start_ns, after->value, after->start_ns);
      known = known && (adjacent || (before->start_ns == after->start_ns && after->start_ns != 0 && after->value >= before->value));
    } else {
      amount = birth(cell, after, before->state, right->first_window);
      known = known && (adjacent || (before->state == POINT_NONE && after->state == POINT_NONE));
    }
    add_amount(sums, part, whole, cell->lineages[i].whole, amount);
  }
  return known;
}

static bool
only_counters(const mst_cell *cell)
{
  for (uint32_t i = 0; i < cell->lineage_count; i++)
    if (cell->lineages[i].series->kind != MST_SIGNAL_COUNTER)
      return false;
  return true;
}

static void
merge(const mst_cell *cell, mst_payload *left_header, const mst_payload *right_header, bool adjacent)
{
  ratio_payload *left = (ratio_payload *)left_header;
  const ratio_payload *right = (const ratio_payload *)right_header;
  mst_fixed part = 0, whole = 0;
  bool known = add_edge(cell, left, right, adjacent, left, &part, &whole);

  left->part_all += right->part_all + part;
  left->whole_all += right->whole_all + whole;
  left->unknown = left->unknown || right->unknown || !known || (!adjacent && !only_counters(cell));
  if (adjacent)
    count_window(right->part_in + part, right->whole_in + whole, &left->sum, &left->counted);
  else
    left->edges++;
  left->sum += right->sum;
  left->counted += right->counted;
  left->edges += right->edges;
  for (uint32_t i = 0; i < cell->lineage_count; i++)
    left->points[2 * i + 1] = right->points[2 * i + 1];
}

static void
estimate_by_samples(const ratio_payload *payload, mst_fixed part, mst_fixed whole, bool unknown, bool changeable, mst_estimate *ret)
{
  double over = mst_fixed_to_double(part), under = mst_fixed_to_double(whole);

  ret->pool[0] = over;
  ret->pool[1] = unknown ? INFINITY : over;
  ret->pool[2] = under;
  ret->pool[3] = unknown ? INFINITY : under;
  ret->known = payload->header.windows > 0 && (part != 0 || whole != 0);
  ret->value = whole > 0 ? over / under : INFINITY;
  ret->lo = unknown ? -INFINITY : ret->value;
  ret->hi = unknown ? INFINITY : ret->value;
  ret->ever_lo = changeable ? -INFINITY : ret->value;
  ret->ever_hi = changeable ? INFINITY : ret->value;
}

static void
estimate(const mst_cell *cell, const mst_payload *header, const mst_view *view, mst_estimate *ret)
{
  const ratio_payload *payload = (const ratio_payload *)header;
  uint64_t sum = payload->sum, unsure = view->missing + payload->edges, thin = payload->header.thin;
  uint32_t counted = payload->counted;
  mst_fixed part = 0, whole = 0;
  ratio_payload sums = {.unknown = payload->unknown};

  /* The first window of all: what was there before it, if anything, is missing or was never expected. */
  for (uint32_t i = 0; i < cell->lineage_count; i++)
    if (cell->lineages[i].series->kind == MST_SIGNAL_COUNTER)
      add_amount(&sums, &part, &whole, cell->lineages[i].whole, birth(cell, &payload->points[2 * i], POINT_NONE, payload->first_window));
  if (cell->measure->weigh_samples) {
    bool unknown = sums.unknown || view->missing_first || view->missing_last || (view->missing > 0 && !only_counters(cell));
    estimate_by_samples(payload, payload->part_all + part, payload->whole_all + whole, unknown,
                        unknown || view->missing || view->future || thin, ret);
    return;
  }
  if (view->missing_first)
    unsure++;
  else
    count_window(payload->part_in + part, payload->whole_in + whole, &sum, &counted);
  ret->known = counted > 0;
  double weight = MST_WINDOW_WEIGHT, total = (double)(counted + unsure) * weight, ever = total + view->future * weight;
  ret->value = ret->known ? (double)sum / (counted * weight) : 0;
  if (total > 0) {
    ret->lo = (double)sum / total;
    ret->hi = ((double)sum + (double)unsure * weight) / total;
    ret->ever_lo = fmax(0, (double)sum - (double)thin * weight) / ever;
    ret->ever_hi = fmin(1, ((double)sum + (double)(unsure + view->future + thin) * weight) / ever);
  }
}

const mst_family mst_family_ratio = {
    .name = "ratio", .payload_bytes = sizeof(ratio_payload), .observe = observe, .merge = merge, .estimate = estimate};
