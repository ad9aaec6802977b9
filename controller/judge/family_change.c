/* changes: how often the value changed from one sample to the next. */
#include <math.h>
#include <string.h>

#include "family.h"

/* A value, told apart by its bytes or, a text, by its digest. */
typedef struct mark {
  uint8_t bytes[16];
} mark;

typedef struct change_payload {
  mst_payload header;
  uint64_t changes;
  uint64_t samples;
  mark first, last;
} change_payload;
_Static_assert(sizeof(change_payload) % 16 == 0, "payloads keep 128-bit sums aligned");

static mark
mark_of(const mst_window_cell *sample, mst_signal_kind kind)
{
  mark result = {{0}};

  if (kind == MST_SIGNAL_STATE) {
    mst_digest digest = mst_digest_of("muster/1/state", sample->text.data, sample->text.size_bytes);
    memcpy(result.bytes, digest.bytes, sizeof result.bytes);
  } else {
    double number = sample->number == 0 ? 0 : sample->number; /* -0 is no other value than 0 */
    memcpy(result.bytes, &number, sizeof number);
  }
  return result;
}

static bool
same_value(const mst_window_cell *a, const mst_window_cell *b, mst_signal_kind kind)
{
  if (kind != MST_SIGNAL_STATE)
    return a->number == b->number;
  return a->text.size_bytes == b->text.size_bytes && memcmp(a->text.data, b->text.data, a->text.size_bytes) == 0;
}

static bool
observe(mst_cell *cell, const mst_sight *sight, mst_payload *header)
{
  change_payload *payload = (change_payload *)header;
  const mst_window_cell *before = NULL;

  for (size_t i = 0; i < sight->count; i++) {
    for (uint32_t j = 0; j < sight->rows[i]->cell_count; j++) {
      const mst_window_cell *sample = &sight->rows[i]->cells[j];
      if (sample->status != MST_SAMPLE_OK)
        continue;
      if (before && !same_value(before, sample, cell->kind))
        payload->changes++;
      if (!before)
        payload->first = mark_of(sample, cell->kind);
      payload->samples++;
      before = sample;
    }
  }
  if (before)
    payload->last = mark_of(before, cell->kind);
  return true;
}

static void
merge(const mst_cell *cell, mst_payload *left_header, const mst_payload *right_header, bool adjacent)
{
  change_payload *left = (change_payload *)left_header;
  const change_payload *right = (const change_payload *)right_header;

  (void)cell, (void)adjacent;
  if (right->samples == 0)
    return;
  if (left->samples == 0)
    left->first = right->first;
  else if (memcmp(&left->last, &right->first, sizeof(mark)) != 0)
    left->changes++;
  left->changes += right->changes;
  left->samples += right->samples;
  left->last = right->last;
}

static void
estimate(const mst_cell *cell, const mst_payload *header, const mst_view *view, mst_estimate *ret)
{
  const change_payload *change = (const change_payload *)header;
  bool missing = view->missing + header->uncertain > 0;

  (void)cell;
  ret->known = change->samples > 0;
  ret->value = (double)change->changes;
  ret->lo = ret->ever_lo = ret->value;
  ret->hi = missing ? INFINITY : ret->value;
  ret->ever_hi = missing || view->future > 0 || header->thin > 0 ? INFINITY : ret->value;
}

const mst_family mst_family_change = {
    .name = "change", .payload_bytes = sizeof(change_payload), .observe = observe, .merge = merge, .estimate = estimate};
