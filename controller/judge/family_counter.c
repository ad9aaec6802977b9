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
  bool unknown;                              /* something between may not have been counted */
  bool error_before_first, error_after_last; /* it could not be read there */
  uint8_t padding[5];
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

/* A new start is no loss: what restarts counts from 0, and counted all. Where it could not be read before, something may be missing: an
 * agent that skipped a part of a log says so with an error and a new start. */
static bool
is_broken(bool after_error, double before, int64_t before_start_ns, double after, int64_t after_start_ns)
{
  return after_error && (before_start_ns != after_start_ns || after < before);
}

static void
take_number(counter_payload *payload, double number, int64_t start_ns)
{
  if (payload->samples > 0) {
    add_step(payload, mst_counter_step(payload->last, payload->last_start_ns, number, start_ns));
    payload->unknown = payload->unknown || is_broken(payload->error_after_last, payload->last, payload->last_start_ns, number, start_ns);
  } else {
    payload->first = number;
    payload->first_start_ns = start_ns;
    payload->error_before_first = payload->error_after_last;
  }
  payload->error_after_last = false;
  payload->samples++;
  payload->last = number;
  payload->last_start_ns = start_ns;
}

static bool
observe(mst_cell *cell, const mst_sight *sight, mst_payload *header)
{
  counter_payload *payload = (counter_payload *)header;

  (void)cell;
  for (size_t i = 0; i < sight->count; i++) {
    for (uint32_t j = 0; j < sight->rows[i]->cell_count; j++) {
      const mst_window_cell *sample = &sight->rows[i]->cells[j];
      if (sample->status == MST_SAMPLE_ERROR)
        payload->error_after_last = true;
      else if (sample->status == MST_SAMPLE_OK)
        take_number(payload, sample->number, sight->members[i]->start_ns);
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
  if (right->samples == 0) {
    left->error_after_last = left->error_after_last || right->error_after_last;
    return;
  }
  if (left->samples == 0) {
    left->first = right->first;
    left->first_start_ns = right->first_start_ns;
    left->error_before_first = left->error_after_last || right->error_before_first;
  } else {
    bool after_error = left->error_after_last || right->error_before_first;
    bool bridged = left->last_start_ns == right->first_start_ns && left->last_start_ns != 0 && right->first >= left->last;
    add_step(left, mst_counter_step(left->last, left->last_start_ns, right->first, right->first_start_ns));
    left->unknown = left->unknown || (!adjacent && !bridged) ||
                    is_broken(after_error, left->last, left->last_start_ns, right->first, right->first_start_ns);
  }
  left->error_after_last = right->error_after_last;
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
  bool began = counter->samples > 0 && counter->first_start_ns >= from_ns;
  bool unknown = counter->unknown || view->missing_first || view->missing_last || (began && counter->error_before_first);
  bool changeable = unknown || view->missing > 0 || view->future > 0 || header->thin > 0;
  double window = (double)cell->window_ns / 1e9, now = 1, ever = 1, amount;
  counter_payload whole = *counter;

  ret->known = counter->samples > 0;
  /* What began to count within the span has counted nothing before it. */
  if (began)
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
