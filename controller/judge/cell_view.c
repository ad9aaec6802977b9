/* What of a cell's span is there and what is missing, and what its statistic makes of that. */
#include <string.h>

#include "cell.h"
#include "why.h"

enum { PAYLOAD_MAX_BYTES = 32 * 1024 };

/* The windows that a cell has, be they in runs or in a ring. */
static uint32_t
present(const mst_cell *cell, uint32_t from, uint32_t to)
{
  uint32_t count = 0;

  if (!cell->ring)
    return mst_streaks_present(&cell->runs, from, to);
  for (uint32_t window = from; window < to; window++)
    count += cell->ring_windows[window % cell->ring_slots] == window + 1;
  return count;
}

typedef struct missing_context {
  const mst_cell *cell;
  const mst_streaks *host;
  uint32_t defined; /* window from which the series is expected wherever its host reports */
} missing_context;

/* Of the windows of a gap, from which the cell has nothing: those in which its host reported nothing, and those in which a sample was due.
 * A sample stands for `hold` windows; before the first it is due from its definition, or from the span's begin, on. */
static uint32_t
lost(const missing_context *context, uint32_t from, uint32_t to)
{
  uint32_t due = (context->defined < from ? from : context->defined > to ? to : context->defined) + (context->cell->hold - 1);

  if (due > to)
    due = to;
  return (due - from) - mst_streaks_present(context->host, from, due) + mst_streaks_present(&context->cell->troubled, from, due) +
         (to - due);
}

static uint32_t
missing_windows(const void *opaque, uint32_t from, uint32_t to)
{
  const missing_context *context = opaque;
  const mst_streaks *runs = &context->cell->runs;
  uint32_t missing = 0, gap = context->cell->from, at;

  /* Gaps are looked at whole, for what is due in them hangs on where they begin, and then cut to the range. */
  for (uint32_t i = 0; i <= runs->count && gap < to; i++) {
    uint32_t gap_end = i < runs->count ? runs->list[i].first : to;
    at = gap > from ? gap : from;
    if (gap_end > to)
      gap_end = to;
    if (gap_end > at)
      missing += lost(context, gap, gap_end) - (at > gap ? lost(context, gap, at) : 0);
    if (i < runs->count)
      gap = runs->list[i].end;
  }
  return missing;
}

static uint32_t
defined_at(const mst_cell *cell)
{
  uint32_t defined = UINT32_MAX;

  for (uint32_t i = 0; i < cell->lineage_count; i++)
    if (cell->lineages[i].defined < defined)
      defined = cell->lineages[i].defined;
  return defined;
}

static void
count_gap(const missing_context *context, uint32_t from, uint32_t to, bool leads, bool trails, mst_view *view)
{
  uint32_t missing = lost(context, from, to);

  view->missing += missing;
  if (missing > view->gap)
    view->gap = missing;
  view->missing_first = view->missing_first || (leads && missing > 0);
  view->missing_last = view->missing_last || (trails && missing > 0);
}

static void
view_runs(const missing_context *context, mst_view *view)
{
  const mst_streaks *runs = &context->cell->runs;
  uint32_t at = view->from;
  bool seen = false;

  for (uint32_t i = 0; i < runs->count && at < view->to; i++) {
    if (runs->list[i].end <= at)
      continue;
    if (runs->list[i].first > at)
      count_gap(context, at, runs->list[i].first < view->to ? runs->list[i].first : view->to, !seen, runs->list[i].first >= view->to, view);
    at = runs->list[i].end;
    seen = true;
  }
  if (at < view->to)
    count_gap(context, at, view->to, !seen, true, view);
}

static void
view_ring(const missing_context *context, mst_view *view)
{
  const mst_cell *cell = context->cell;
  uint32_t gap_from = view->from;
  bool seen = false;

  for (uint32_t window = view->from; window < view->to; window++) {
    if (cell->ring_windows[window % cell->ring_slots] != window + 1)
      continue;
    if (window > gap_from)
      count_gap(context, gap_from, window, !seen, false, view);
    gap_from = window + 1;
    seen = true;
  }
  if (gap_from < view->to)
    count_gap(context, gap_from, view->to, !seen, true, view);
}

void
mst_cell_view(const mst_cell *cell, const mst_streaks *host, uint32_t over, bool final, mst_view *ret_view)
{
  missing_context context = {.cell = cell, .host = host, .defined = defined_at(cell)};
  mst_view view = {.from = cell->from, .to = over < cell->to ? over : cell->to};

  if (cell->slide > 0) {
    view.from = view.to > cell->slide ? view.to - cell->slide : 0;
    view.open = !final;
  } else {
    view.future = cell->to - (view.to > cell->from ? view.to : cell->from);
  }
  if (view.to > view.from) {
    if (cell->ring)
      view_ring(&context, &view);
    else
      view_runs(&context, &view);
    view.expected = view.missing + present(cell, view.from, view.to);
  }
  *ret_view = view;
}

static void
fold(const void *cell_opaque, mst_payload *into, const mst_payload *from, bool first, bool adjacent)
{
  const mst_cell *cell = cell_opaque;

  if (first) {
    memcpy(into, from, cell->runs.stride_bytes);
    return;
  }
  cell->family->merge(cell, into, from, adjacent);
  into->windows += from->windows;
  into->uncertain += from->uncertain;
  into->absent += from->absent;
  into->thin += from->thin;
}

/* All of the span as one payload; false when there is nothing. */
static bool
fold_all(const missing_context *context, const mst_view *view, mst_payload *into)
{
  const mst_cell *cell = context->cell;
  bool first = true;
  uint32_t before = 0;

  if (!cell->ring) {
    for (uint32_t i = 0; i < cell->runs.count; i++) {
      bool adjacent = i > 0 && lost(context, cell->runs.list[i - 1].end, cell->runs.list[i].first) == 0;
      fold(cell, into, mst_streaks_payload(&cell->runs, i), i == 0, adjacent);
    }
    return cell->runs.count > 0;
  }
  for (uint32_t window = view->from; window < view->to; window++) {
    uint32_t slot = window % cell->ring_slots;
    if (cell->ring_windows[slot] != window + 1)
      continue;
    fold(cell, into, (const mst_payload *)(const void *)(cell->ring + (size_t)slot * cell->runs.stride_bytes), first,
         !first && lost(context, before, window) == 0);
    first = false;
    before = window + 1;
  }
  return !first;
}

void
mst_cell_estimate(const mst_cell *cell, const mst_streaks *host, const mst_view *view, mst_estimate *ret_estimate)
{
  missing_context context = {.cell = cell, .host = host, .defined = defined_at(cell)};
  _Alignas(16) uint8_t bytes[PAYLOAD_MAX_BYTES];
  mst_payload *payload = (mst_payload *)(void *)bytes;
  mst_estimate estimate = {.why = MST_WHY_NO_VALUE};

  if (cell->unfit != MST_WHY_HOLDS)
    estimate.why = cell->unfit;
  else if (cell->trend)
    mst_trend_estimate(cell, view, missing_windows, &context, &estimate);
  else if (fold_all(&context, view, payload))
    cell->family->estimate(cell, payload, view, &estimate);
  if (!estimate.known && estimate.why == MST_WHY_NO_VALUE && view->missing == view->expected && view->expected > 0)
    estimate.why = MST_WHY_MISSING;
  *ret_estimate = estimate;
}
