/* Putting a window into canonical order: columns by time, session and sequence, rows by series, events by column. */
#include "windows/window_parts.h"

#include <stdlib.h>
#include <string.h>

#include <mst/common/alloc.h>

/* What sealing makes anew, taken over by the window at the end. */
struct sealing {
  mst_window_column *columns;
  uint32_t *column_rank; /* old index -> new */
  mst_window_slot *rows;
  uint32_t *row_rank;
  mst_window_cell *cells;
  mst_window_event *events;
  bool in_order;        /* the reports came in the order of their columns, as they mostly do: fresh is by column */
  struct place *places; /* otherwise: all cells by column */
  uint32_t *starts;     /* of the columns, later of the rows */
  uint64_t *keys;
};

struct place {
  uint32_t row; /* old index */
  const mst_window_cell *cell;
};

struct ranked_column {
  mst_window_column column;
  uint32_t old;
};

static int
compare_columns(const void *a_, const void *b_)
{
  const mst_window_column *a = &((const struct ranked_column *)a_)->column, *b = &((const struct ranked_column *)b_)->column;

  if (a->at.ns != b->at.ns)
    return a->at.ns < b->at.ns ? -1 : 1;
  int order = memcmp(&a->session, &b->session, sizeof a->session);
  return order != 0 ? order : a->sequence < b->sequence ? -1 : a->sequence > b->sequence;
}

static int
compare_keys(const void *a_, const void *b_)
{
  uint64_t a = *(const uint64_t *)a_, b = *(const uint64_t *)b_;
  return a < b ? -1 : a > b;
}

static bool
make_room(const mst_window *window, struct sealing *sealing)
{
  size_t cells = (size_t)window->cell_count + window->fresh_count;
  size_t most = window->row_count > window->column_count ? window->row_count : window->column_count;

  sealing->columns = mst_alloc(window->column_count, sizeof *sealing->columns);
  sealing->column_rank = mst_alloc(window->column_count, sizeof *sealing->column_rank);
  sealing->rows = mst_alloc(window->row_count, sizeof *sealing->rows);
  sealing->row_rank = mst_alloc(window->row_count, sizeof *sealing->row_rank);
  sealing->cells = mst_realloc(NULL, cells, sizeof *sealing->cells); /* need not be zeroed: all of it is written */
  sealing->starts = mst_alloc(most + 1, sizeof *sealing->starts);
  sealing->keys = mst_alloc(window->row_count, sizeof *sealing->keys);
  sealing->events = mst_alloc(window->event_count, sizeof *sealing->events);
  return sealing->columns && sealing->column_rank && sealing->rows && sealing->row_rank && sealing->cells && sealing->starts &&
         sealing->keys && sealing->events;
}

static bool
sort_columns(const mst_window *window, struct sealing *sealing)
{
  struct ranked_column *ranked = mst_alloc(window->column_count, sizeof *ranked);

  if (!ranked)
    return false;
  for (uint32_t i = 0; i < window->column_count; i++)
    ranked[i] = (struct ranked_column){window->columns[i], i};
  qsort(ranked, window->column_count, sizeof *ranked, compare_columns);
  sealing->in_order = window->cell_count == 0;
  for (uint32_t i = 0; i < window->column_count; i++) {
    sealing->in_order = sealing->in_order && ranked[i].old == i;
    sealing->columns[i] = ranked[i].column;
    sealing->column_rank[ranked[i].old] = i;
  }
  mst_free(ranked);
  return true;
}

static void
sort_rows(const mst_window *window, struct sealing *sealing)
{
  bool sorted = true;

  for (uint32_t i = 0; i < window->row_count; i++) {
    sealing->keys[i] = (uint64_t)window->rows[i].row.series << 32 | i;
    sorted = sorted && (i == 0 || sealing->keys[i - 1] < sealing->keys[i]);
  }
  if (!sorted)
    qsort(sealing->keys, window->row_count, sizeof *sealing->keys, compare_keys);
  for (uint32_t i = 0; i < window->row_count; i++) {
    uint32_t old = (uint32_t)sealing->keys[i];
    sealing->rows[i] = window->rows[old];
    sealing->row_rank[old] = i;
  }
}

/* Turns counts (at index + 1) into starts. */
static void
sum_up(uint32_t *starts, uint32_t count)
{
  for (uint32_t i = 0; i < count; i++)
    starts[i + 1] += starts[i];
}

/* Cells in the order of the new columns: a counting sort, since there are few columns and many cells. */
static bool
place_by_column(const mst_window *window, struct sealing *sealing)
{
  uint32_t *starts = sealing->starts;

  if (sealing->in_order)
    return true;
  sealing->places = mst_realloc(NULL, (size_t)window->cell_count + window->fresh_count, sizeof *sealing->places);
  if (!sealing->places)
    return false;
  for (uint32_t i = 0; i < window->cell_count; i++)
    starts[sealing->column_rank[window->cells[i].column] + 1]++;
  for (uint32_t i = 0; i < window->fresh_count; i++)
    starts[sealing->column_rank[window->fresh[i].cell.column] + 1]++;
  sum_up(starts, window->column_count);
  for (uint32_t row = 0; window->cell_count > 0 && row < window->row_count; row++) {
    const mst_window_row *old = &window->rows[row].row;
    for (uint32_t i = 0; i < old->cell_count; i++)
      sealing->places[starts[sealing->column_rank[old->cells[i].column]]++] = (struct place){row, &old->cells[i]};
  }
  for (uint32_t i = 0; i < window->fresh_count; i++) {
    const mst_window_fresh *fresh = &window->fresh[i];
    sealing->places[starts[sealing->column_rank[fresh->cell.column]]++] = (struct place){fresh->row, &fresh->cell};
  }
  return true;
}

/* Then into their rows, where they so stand in the order of the columns. */
static void
place_by_row(const mst_window *window, struct sealing *sealing)
{
  uint32_t cells = window->cell_count + window->fresh_count, start = 0;

  for (uint32_t i = 0; i < window->row_count; i++) {
    mst_window_slot *slot = &sealing->rows[i];
    sealing->starts[i] = start;
    slot->row.cells = sealing->cells + start;
    slot->row.cell_count = slot->cell_count;
    start += slot->cell_count;
  }
  for (uint32_t i = 0; i < cells; i++) {
    struct place place = sealing->in_order ? (struct place){window->fresh[i].row, &window->fresh[i].cell} : sealing->places[i];
    mst_window_cell *cell = &sealing->cells[sealing->starts[sealing->row_rank[place.row]]++];
    *cell = *place.cell;
    cell->column = sealing->column_rank[cell->column];
  }
}

static void
sort_events(const mst_window *window, struct sealing *sealing)
{
  uint32_t *starts = sealing->starts;

  memset(starts, 0, ((size_t)window->column_count + 1) * sizeof *starts);
  for (uint32_t i = 0; i < window->event_count; i++)
    starts[sealing->column_rank[window->events[i].column] + 1]++;
  sum_up(starts, window->column_count);
  for (uint32_t i = 0; i < window->event_count; i++) {
    uint32_t column = sealing->column_rank[window->events[i].column];
    mst_window_event *event = &sealing->events[starts[column]++];
    *event = window->events[i];
    event->column = column;
  }
}

static void
take_over(mst_window *window, struct sealing *sealing)
{
  mst_free(window->columns);
  mst_free(window->rows);
  mst_free(window->cells);
  mst_free(window->events);
  mst_free(window->fresh);
  mst_free(window->index);
  window->columns = sealing->columns;
  window->column_capacity = window->column_count;
  window->rows = sealing->rows;
  window->row_capacity = window->row_count;
  window->cells = sealing->cells;
  window->cell_count += window->fresh_count;
  window->events = sealing->events;
  window->event_capacity = window->event_count;
  window->fresh = NULL;
  window->fresh_count = window->fresh_capacity = 0;
  window->index = NULL;
  window->index_count = 0;
  window->sealed = true;
  sealing->columns = NULL;
  sealing->rows = NULL;
  sealing->cells = NULL;
  sealing->events = NULL;
}

mst_err
mst_window_seal(mst_window *window, mst_errctx *ctx)
{
  struct sealing sealing = {0};
  mst_err err = MST_OK;

  if (window->sealed)
    return MST_OK;
  if (!make_room(window, &sealing) || !sort_columns(window, &sealing) || !place_by_column(window, &sealing)) {
    err = mst_window_fail_memory(ctx);
    goto out;
  }
  sort_rows(window, &sealing);
  place_by_row(window, &sealing);
  sort_events(window, &sealing);
  take_over(window, &sealing);
out:
  mst_free(sealing.columns);
  mst_free(sealing.column_rank);
  mst_free(sealing.rows);
  mst_free(sealing.row_rank);
  mst_free(sealing.cells);
  mst_free(sealing.places);
  mst_free(sealing.starts);
  mst_free(sealing.keys);
  mst_free(sealing.events);
  return err;
}
