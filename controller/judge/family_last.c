/* last, present: the newest sample. Only the span's last window matters. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "family.h"
#include "why.h"

enum { TEXT_BYTES = 80 /* a SHA-256 in hex fits; longer states are graded whole and shown cut */ };

typedef struct last_payload {
  mst_payload header;
  double number;
  bool absent;  /* the thing was said to be gone */
  bool unknown; /* it could not be read after its last sample */
  bool cut;
  uint8_t grade; /* of a text that is not compared with an attestation */
  char text[TEXT_BYTES];
  uint8_t padding[4];
} last_payload;
_Static_assert(sizeof(last_payload) % 16 == 0, "payloads keep 128-bit sums aligned");

static void
take(const mst_cell *cell, const mst_window_cell *newest, mst_signal_kind kind, last_payload *payload)
{
  payload->absent = newest->status == MST_SAMPLE_ABSENT;
  if (payload->absent || kind != MST_SIGNAL_STATE) {
    payload->number = newest->number;
    return;
  }
  size_t size = newest->text.size_bytes;
  payload->cut = size >= TEXT_BYTES;
  if (payload->cut)
    size = TEXT_BYTES - 1;
  memcpy(payload->text, newest->text.data, size);
  if (cell->bounds->target.type == MST_TARGET_TEXT)
    payload->grade = (uint8_t)mst_bounds_grade_text(cell->bounds, newest->text.data, newest->text.size_bytes, NULL);
}

static bool
observe(mst_cell *cell, const mst_sight *sight, mst_payload *header)
{
  last_payload *payload = (last_payload *)header;
  const mst_window_cell *newest = NULL;
  mst_signal_kind kind = cell->kind;
  uint32_t failed_at = 0;
  bool failed = false;

  for (size_t i = 0; i < sight->count; i++) {
    for (uint32_t j = 0; j < sight->rows[i]->cell_count; j++) {
      const mst_window_cell *sample = &sight->rows[i]->cells[j];
      if (sample->status == MST_SAMPLE_ERROR) {
        failed_at = !failed || sample->column > failed_at ? sample->column : failed_at;
        failed = true;
      } else if (!newest || sample->column >= newest->column) {
        newest = sample;
        kind = sight->rows[i]->kind;
      }
    }
  }
  if (!newest)
    return false;
  take(cell, newest, kind, payload);
  payload->unknown = failed && failed_at > newest->column;
  return true;
}

static void
merge(const mst_cell *cell, mst_payload *left, const mst_payload *right, bool adjacent)
{
  (void)cell, (void)adjacent;
  /* The caller merges the headers afterwards, so left's must survive. */
  mst_payload header = *left;
  memcpy(left, right, sizeof(last_payload));
  *left = header;
}

static void
estimate_text(const mst_cell *cell, const last_payload *last, mst_estimate *ret)
{
  ret->graded = true;
  snprintf(ret->text, sizeof ret->text, "%s", last->text);
  ret->worst = ret->best = (mst_grade)last->grade;
  /* The evaluation compares it with the attestation. */
  if (cell->bounds->target.op == MST_TEXT_ATTESTED && last->cut)
    ret->text[0] = '\0';
}

static void
estimate(const mst_cell *cell, const mst_payload *header, const mst_view *view, mst_estimate *ret)
{
  const last_payload *last = (const last_payload *)header;
  bool unsure = view->missing_last || last->unknown;
  bool changeable = unsure || view->future > 0 || last->header.thin > 0;
  bool present = cell->measure->stat == MST_STAT_PRESENT;

  /* A last window that is missing may have said that the thing is gone, so it is no better than one that does. */
  ret->known = present || (!last->absent && !unsure);
  if (!ret->known) {
    ret->why = unsure ? MST_WHY_MISSING : MST_WHY_NO_VALUE;
    return;
  }
  if (!present && cell->bounds->target.type == MST_TARGET_TEXT) {
    estimate_text(cell, last, ret);
    ret->ever = changeable ? MST_GRADE_PASS : ret->best;
    return;
  }
  ret->value = present ? !last->absent : last->number;
  ret->lo = unsure ? -INFINITY : ret->value;
  ret->hi = unsure ? INFINITY : ret->value;
  ret->ever_lo = changeable ? -INFINITY : ret->value;
  ret->ever_hi = changeable ? INFINITY : ret->value;
}

const mst_family mst_family_last = {
    .name = "last", .payload_bytes = sizeof(last_payload), .observe = observe, .merge = merge, .estimate = estimate};
