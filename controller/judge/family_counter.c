/* increase, rate, sum, count of counters. Counters are cumulative, so they bridge gaps by themselves: as long as the start is known and the
 * same on both sides, last before and first after a gap give exactly what was counted in it. */
#include <math.h>

#include "family.h"

typedef struct counter_payload {
  mst_payload header;
  mst_fixed increase; /* from first to last */
  double first, last;
  int64_t first_start_ns, last_start_ns;
  uint64_t samples;
  bool unknown; /* something between may not have been counted */
  uint8_t padding[7];
} counter_payload;
_Static_assert(sizeof(counter_payload) % 16 == 0, "payloads keep 128-bit sums aligned");

double
mst_counter_step(double before, int64_t before_start_ns, double after, int64_t after_start_ns)
{
  /* A new start, or a fall (a restart that nobody told of), counts from 0. */
  return before_start_ns == after_start_ns && after >= before ? after - before : after;
}

static void
add_step(counter_payload *payload, double step)
{
  mst_fixed fixed;

  if (step < 0 || !mst_fixed_from_double(step, &fixed))
    payload->unknown = true;
  else
    payload->increase += fixed;
}

static bool
observe(mst_cell *cell, const mst_sight *sight, mst_payload *header)
{
  counter_payload *payload = (counter_payload *)header;

  (void)cell;
  for (size_t i = 0; i < sight->count; i++) {
    for (uint32_t j = 0; j < sight->rows[i]->cell_count; j++) {
      const mst_window_cell *sample = &sight->rows[i]->cells[j];
      int64_t start_ns = sight->members[i]->start_ns;
      if (sample->status != MST_SAMPLE_OK)
        continue;
      if (payload->samples > 0) {
        add_step(payload, mst_counter_step(payload->last, payload->last_start_ns, sample->number, start_ns));
      } else {
        payload->first = sample->number;
        payload->first_start_ns = start_ns;
      }
      payload->samples++;
      payload->last = sample->number;
      payload->last_start_ns = start_ns;
    }
  }
  return true;
}

static void
merge(const mst_cell *cell, mst_payload *left_header, const mst_payload *right_header, bool adjacent)
{
  counter_payload *left = (counter_payload *)left_header;
  const counter_payload *right = (const counter_payload *)right_header;

  (void)cell;
  left->unknown = left->unknown || right->unknown;
  if (right->samples == 0)
    return;
  if (left->samples == 0) {
    left->first = right->first;
    left->first_start_ns = right->first_start_ns;
  } else {
    bool bridged = left->last_start_ns == right->first_start_ns && left->last_start_ns != 0 && right->first >= left->last;
    add_step(left, mst_counter_step(left->last, left->last_start_ns, right->first, right->first_start_ns));
    left->unknown = left->unknown || (!adjacent && !bridged);
  }
  left->increase += right->increase;
  left->samples += right->samples;
  left->last = right->last;
  left->last_start_ns = right->last_start_ns;
}

static void
estimate(const mst_cell *cell, const mst_payload *header, const mst_view *view, mst_estimate *ret)
{
  const counter_payload *counter = (const counter_payload *)header;
  int64_t from_ns = cell->span_start.ns + (int64_t)(view->from - cell->from) * cell->window_ns;
  bool unknown = counter->unknown || view->missing_first || view->missing_last;
  bool changeable = unknown || view->missing > 0 || view->future > 0 || header->thin > 0;
  double window = (double)cell->window_ns / 1e9, now = 1, ever = 1, amount;
  counter_payload whole = *counter;

  ret->known = counter->samples > 0;
  /* What began to count within the span has counted nothing before it. */
  if (ret->known && counter->first_start_ns >= from_ns)
    add_step(&whole, counter->first);
  if (cell->measure->stat == MST_STAT_RATE) {
    now = (view->to - view->from) * window;
    ever = (view->to + view->future - view->from) * window;
  }
  amount = mst_fixed_to_double(whole.increase);
  unknown = unknown || whole.unknown;
  ret->value = amount / now;
  ret->lo = ret->value;
  ret->hi = unknown ? INFINITY : ret->value;
  ret->ever_lo = amount / ever;
  ret->ever_hi = changeable || whole.unknown ? INFINITY : ret->value;
}

const mst_family mst_family_counter = {
    .name = "counter", .payload_bytes = sizeof(counter_payload), .observe = observe, .merge = merge, .estimate = estimate};
