/* Windows: exact samples in columns. */
#include "window_private.h"

#include <stdlib.h>
#include <string.h>

#include <mst/common/alloc.h>

enum { FIRST_COLUMNS = 8, FIRST_SLOTS = 64, FIRST_CELLS = 8 };

mst_err
mst_window_create(mst_wall start, int64_t length_ns, mst_window **ret_window, mst_errctx *ctx)
{
  if (start.ns < 0 || length_ns <= 0)
    return mst_fail(ctx, MST_EUSAGE, "a window from %lld of length %lld", (long long)start.ns, (long long)length_ns);
  mst_window *window = mst_alloc(1, sizeof *window);
  if (!window)
    return mst_fail(ctx, MST_ENOMEM, "make a window");
  window->start = start;
  window->length_ns = length_ns;
  window->sealed = true; /* empty is in order */
  *ret_window = window;
  return MST_OK;
}

void
mst_window_destroy(mst_window *window)
{
  if (!window)
    return;
  for (uint32_t i = 0; i < window->slot_count; i++)
    mst_free(window->slots[i].cells);
  mst_free(window->slots);
  mst_free(window->columns);
  mst_free(window->index);
  mst_arena_done(&window->arena);
  mst_free(window);
}

/* Fibonacci hashing: series numbers are small and dense. */
static uint32_t
hash(uint32_t series, uint32_t size)
{
  return (series * 2654435769U) & (size - 1);
}

static mst_window_slot *
find_slot(const mst_window *window, uint32_t series)
{
  if (window->index_size == 0)
    return NULL;
  for (uint32_t at = hash(series, window->index_size); window->index[at] != 0; at = (at + 1) & (window->index_size - 1))
    if (window->slots[window->index[at] - 1].row.series == series)
      return &window->slots[window->index[at] - 1];
  return NULL;
}

static void
index_slot(mst_window *window, uint32_t slot)
{
  uint32_t at = hash(window->slots[slot].row.series, window->index_size);

  while (window->index[at] != 0)
    at = (at + 1) & (window->index_size - 1);
  window->index[at] = slot + 1;
}

static bool
grow_slots(mst_window *window)
{
  uint32_t capacity = window->slot_capacity ? window->slot_capacity * 2 : FIRST_SLOTS, size = capacity * 2;
  mst_window_slot *slots = mst_realloc(window->slots, capacity, sizeof *slots);

  if (!slots)
    return false;
  window->slots = slots;
  uint32_t *fresh = mst_alloc(size, sizeof *fresh);
  if (!fresh)
    return false;
  mst_free(window->index);
  window->index = fresh;
  window->index_size = size;
  window->slot_capacity = capacity;
  for (uint32_t i = 0; i < window->slot_count; i++)
    index_slot(window, i);
  return true;
}

mst_window_slot *
mst_window_slot_of(mst_window *window, uint32_t series, mst_signal_kind kind)
{
  mst_window_slot *slot = find_slot(window, series);

  if (slot)
    return slot;
  if (window->slot_count == window->slot_capacity && !grow_slots(window))
    return NULL;
  slot = &window->slots[window->slot_count];
  *slot = (mst_window_slot){.row = {.series = series, .kind = kind}};
  index_slot(window, window->slot_count++);
  return slot;
}

bool
mst_window_slot_append(mst_window_slot *slot, const mst_window_cell *cell)
{
  if (slot->row.cell_count == slot->capacity) {
    uint32_t capacity = slot->capacity ? slot->capacity * 2 : FIRST_CELLS;
    mst_window_cell *cells = mst_realloc(slot->cells, capacity, sizeof *cells);
    if (!cells)
      return false;
    slot->cells = cells;
    slot->capacity = capacity;
  }
  slot->cells[slot->row.cell_count++] = *cell;
  slot->row.cells = slot->cells;
  return true;
}

bool
mst_window_column_append(mst_window *window, const mst_window_column *column)
{
  if (window->column_count == window->column_capacity) {
    uint32_t capacity = window->column_capacity ? window->column_capacity * 2 : FIRST_COLUMNS;
    mst_window_column *columns = mst_realloc(window->columns, capacity, sizeof *columns);
    if (!columns)
      return false;
    window->columns = columns;
    window->column_capacity = capacity;
  }
  window->columns[window->column_count++] = *column;
  return true;
}

static bool
kind_fits(const mst_sample *sample, mst_signal_kind kind)
{
  if (sample->status != MST_SAMPLE_OK)
    return kind != MST_SIGNAL_EVENT;
  if (sample->kind == MST_SIGNAL_GAUGE) /* any number */
    return kind == MST_SIGNAL_GAUGE || kind == MST_SIGNAL_COUNTER;
  return sample->kind == kind;
}

/* Everything that could be wrong with the report is found before the window changes. */
static mst_err
check_samples(mst_report report, const uint32_t *numbers, uint32_t number_count, const mst_series_table *table, mst_errctx *ctx)
{
  uint64_t seen[MST_SERIES_MAX / 64] = {0};
  mst_sample sample;
  mst_err err;

  while ((err = mst_report_next_sample(&report, &sample, ctx)) == MST_OK) {
    const mst_series *series = sample.id < number_count ? mst_series_table_get(table, numbers[sample.id]) : NULL;
    if (!series)
      return mst_fail(ctx, MST_EMALFORMED, "a sample of series %u, which is not defined", sample.id);
    if (seen[sample.id / 64] >> (sample.id % 64) & 1)
      return mst_fail(ctx, MST_EMALFORMED, "two samples of series %u in one report", sample.id);
    seen[sample.id / 64] |= 1ULL << (sample.id % 64);
    if (!kind_fits(&sample, series->kind) || (series->kind == MST_SIGNAL_COUNTER && sample.number < 0))
      return mst_fail(ctx, MST_EMALFORMED, "series %.*s is a %s, its sample is not", (int)series->name.size_bytes, series->name.data,
                      mst_signal_kind_name(series->kind));
  }
  return err == MST_EABSENT ? MST_OK : err;
}

static bool
append_sample(mst_window *window, uint32_t column, const mst_sample *sample, uint32_t series, mst_signal_kind kind)
{
  mst_window_cell cell = {.column = column, .status = sample->status, .number = sample->status == MST_SAMPLE_OK ? sample->number : 0};
  mst_window_slot *slot = mst_window_slot_of(window, series, kind);

  if (!slot)
    return false;
  if (sample->text.size_bytes > 0) {
    cell.text = (mst_text){(const char *)mst_arena_copy(&window->arena, sample->text.data, sample->text.size_bytes), sample->text.size_bytes};
    if (!cell.text.data)
      return false;
  }
  if (sample->histogram.size_bytes > 0) {
    cell.histogram = (mst_bytes){mst_arena_copy(&window->arena, sample->histogram.data, sample->histogram.size_bytes), sample->histogram.size_bytes};
    if (!cell.histogram.data)
      return false;
  }
  return mst_window_slot_append(slot, &cell);
}

/* After a failed add: the cells of the newest column go again. Rows that became empty stay in the index, but encode and the accessors pass none on: drop them. */
static void
drop_newest_column(mst_window *window)
{
  uint32_t column = --window->column_count, kept = 0;

  for (uint32_t i = 0; i < window->slot_count; i++) {
    mst_window_slot *slot = &window->slots[i];
    if (slot->row.cell_count > 0 && slot->cells[slot->row.cell_count - 1].column == column)
      slot->row.cell_count--;
    if (slot->row.cell_count == 0)
      mst_free(slot->cells);
    else
      window->slots[kept++] = *slot;
  }
  window->slot_count = kept;
  if (window->index_size > 0)
    memset(window->index, 0, window->index_size * sizeof *window->index);
  for (uint32_t i = 0; i < kept; i++)
    index_slot(window, i);
}

mst_err
mst_window_add(mst_window *window, const mst_window_column *column, const mst_report *report, const uint32_t *numbers, uint32_t number_count,
               const mst_series_table *table, mst_errctx *ctx)
{
  mst_report reading = *report;
  mst_sample sample;

  if (column->at.ns < window->start.ns || column->at.ns - window->start.ns >= window->length_ns)
    return mst_fail(ctx, MST_EMALFORMED, "a report of %lld does not belong into the window of %lld", (long long)column->at.ns,
                    (long long)window->start.ns);
  if (mst_window_column_find(window, &column->session, column->sequence))
    return mst_fail(ctx, MST_EEXIST, "report %llu is in the window already", (unsigned long long)column->sequence);
  if (window->column_count == MST_WINDOW_MAX_COLUMNS)
    return mst_fail(ctx, MST_ELIMIT, "over %d reports in one window", MST_WINDOW_MAX_COLUMNS);
  mst_err err = check_samples(*report, numbers, number_count, table, ctx);
  if (err != MST_OK)
    return err;
  if (!mst_window_column_append(window, column))
    return mst_fail(ctx, MST_ENOMEM, "add a report to a window");
  window->sealed = false;
  while (mst_report_next_sample(&reading, &sample, ctx) == MST_OK) {
    uint32_t series = numbers[sample.id];
    if (!append_sample(window, window->column_count - 1, &sample, series, mst_series_table_get(table, series)->kind)) {
      drop_newest_column(window);
      return mst_fail(ctx, MST_ENOMEM, "add a report to a window");
    }
  }
  return MST_OK;
}

/* ---- canonical order ---- */

typedef struct placed_column {
  mst_window_column column;
  uint32_t was;
} placed_column;

static int
compare_columns(const void *left, const void *right)
{
  const mst_window_column *a = &((const placed_column *)left)->column, *b = &((const placed_column *)right)->column;
  int order = (a->at.ns > b->at.ns) - (a->at.ns < b->at.ns);

  if (order == 0)
    order = memcmp(a->session.bytes, b->session.bytes, MST_SESSION_BYTES);
  return order ? order : (a->sequence > b->sequence) - (a->sequence < b->sequence);
}

static int
compare_cells(const void *left, const void *right)
{
  const mst_window_cell *a = left, *b = right;

  return (a->column > b->column) - (a->column < b->column);
}

static int
compare_slots(const void *left, const void *right)
{
  const mst_window_slot *a = left, *b = right;

  return (a->row.series > b->row.series) - (a->row.series < b->row.series);
}

mst_err
mst_window_seal(mst_window *window, mst_errctx *ctx)
{
  if (window->sealed)
    return MST_OK;
  placed_column *placed = mst_alloc(window->column_count, sizeof *placed);
  uint32_t *now_at = mst_alloc(window->column_count, sizeof *now_at);
  if (!placed || !now_at) {
    mst_free(placed);
    mst_free(now_at);
    return mst_fail(ctx, MST_ENOMEM, "seal a window");
  }
  for (uint32_t i = 0; i < window->column_count; i++)
    placed[i] = (placed_column){window->columns[i], i};
  qsort(placed, window->column_count, sizeof *placed, compare_columns);
  for (uint32_t i = 0; i < window->column_count; i++) {
    window->columns[i] = placed[i].column;
    now_at[placed[i].was] = i;
  }
  for (uint32_t i = 0; i < window->slot_count; i++) {
    mst_window_slot *slot = &window->slots[i];
    for (uint32_t c = 0; c < slot->row.cell_count; c++)
      slot->cells[c].column = now_at[slot->cells[c].column];
    qsort(slot->cells, slot->row.cell_count, sizeof *slot->cells, compare_cells);
  }
  qsort(window->slots, window->slot_count, sizeof *window->slots, compare_slots);
  memset(window->index, 0, window->index_size * sizeof *window->index);
  for (uint32_t i = 0; i < window->slot_count; i++)
    index_slot(window, i);
  mst_free(placed);
  mst_free(now_at);
  window->sealed = true;
  return MST_OK;
}

/* ---- reading ---- */

mst_wall
mst_window_start(const mst_window *window)
{
  return window->start;
}

int64_t
mst_window_length_ns(const mst_window *window)
{
  return window->length_ns;
}

uint32_t
mst_window_column_count(const mst_window *window)
{
  return window->column_count;
}

const mst_window_column *
mst_window_column_at(const mst_window *window, uint32_t index)
{
  return index < window->column_count ? &window->columns[index] : NULL;
}

uint32_t
mst_window_row_count(const mst_window *window)
{
  return window->slot_count;
}

const mst_window_row *
mst_window_row_at(const mst_window *window, uint32_t index)
{
  return index < window->slot_count ? &window->slots[index].row : NULL;
}

const mst_window_row *
mst_window_row_find(const mst_window *window, uint32_t series)
{
  const mst_window_slot *slot = find_slot(window, series);

  return slot ? &slot->row : NULL;
}

const mst_window_column *
mst_window_column_find(const mst_window *window, const mst_session_id *session, uint64_t sequence)
{
  for (uint32_t i = 0; i < window->column_count; i++)
    if (window->columns[i].sequence == sequence && memcmp(window->columns[i].session.bytes, session->bytes, MST_SESSION_BYTES) == 0)
      return &window->columns[i];
  return NULL;
}

uint64_t
mst_window_sample_count(const mst_window *window)
{
  uint64_t count = 0;

  for (uint32_t i = 0; i < window->slot_count; i++)
    for (uint32_t c = 0; c < window->slots[i].row.cell_count; c++)
      count += window->slots[i].cells[c].status == MST_SAMPLE_OK;
  return count;
}
