/* Windows: taking reports, and reading what is there. Sealing is in window_seal.c, documents in window_codec.c. */
#include "windows/window_parts.h"

#include <string.h>

#include <mst/common/alloc.h>

#include "windows/series_table.h"

enum { ARENA_CHUNK_BYTES = 4096, FIRST_ELEMENTS = 8, FIRST_INDEX = 64, EXPECTED_REPORTS = 6 };

static const int64_t longest_interval_ns = 3600 * MST_NS_PER_S; /* as in a report */

mst_err
mst_window_fail_memory(mst_errctx *ctx)
{
  return mst_fail(ctx, MST_ENOMEM, "window: out of memory");
}

bool
mst_window_grow(void **array, uint32_t *capacity, uint64_t need, size_t size_bytes)
{
  uint64_t wanted = *capacity ? *capacity : FIRST_ELEMENTS;

  if (need <= *capacity)
    return true;
  while (wanted < need)
    wanted *= 2;
  void *larger = wanted <= UINT32_MAX ? mst_realloc(*array, wanted, size_bytes) : NULL;
  if (!larger)
    return false;
  *array = larger;
  *capacity = (uint32_t)wanted;
  return true;
}

uint64_t
mst_window_cell_charge(mst_text text, mst_bytes histogram)
{
  return MST_CHARGE_CELL_BYTES + text.size_bytes + histogram.size_bytes;
}

uint64_t
mst_window_event_charge(const mst_window_event *event)
{
  return MST_CHARGE_EVENT_BYTES + event->rule.size_bytes + event->level.size_bytes + event->sample.size_bytes +
         event->fingerprint.size_bytes;
}

mst_err
mst_window_create(mst_wall start, int64_t length_ns, mst_window **ret_window, mst_errctx *ctx)
{
  if (start.ns < 0 || length_ns <= 0 || start.ns > INT64_MAX - length_ns)
    return mst_fail(ctx, MST_EMALFORMED, "window: a start of %lld ns and a length of %lld ns make none", (long long)start.ns,
                    (long long)length_ns);
  mst_window *window = mst_alloc(1, sizeof *window);
  if (!window)
    return mst_window_fail_memory(ctx);
  window->start = start;
  window->length_ns = length_ns;
  window->charge_bytes = MST_CHARGE_WINDOW_BYTES;
  mst_arena_init(&window->arena, ARENA_CHUNK_BYTES, 0);
  *ret_window = window;
  return MST_OK;
}

void
mst_window_destroy(mst_window *window)
{
  if (!window)
    return;
  mst_arena_done(&window->arena);
  mst_free(window->events);
  mst_free(window->fresh);
  mst_free(window->cells);
  mst_free(window->index);
  mst_free(window->rows);
  mst_free(window->columns);
  mst_free(window);
}

/* Where the series stands in the index, or would. */
static uint32_t *
index_place(const mst_window *window, uint32_t series)
{
  uint32_t at = series * 0x9E3779B1U & (window->index_count - 1);

  while (window->index[at] != 0 && window->rows[window->index[at] - 1].row.series != series)
    at = (at + 1) & (window->index_count - 1);
  return &window->index[at];
}

/* Makes the index anew with room for `rows`, at most half full. */
static bool
rebuild_index(mst_window *window, uint64_t rows)
{
  uint64_t count = FIRST_INDEX;

  while (count < 2 * rows)
    count *= 2;
  uint32_t *index = count <= UINT32_MAX ? mst_alloc(count, sizeof *index) : NULL;
  if (!index)
    return false;
  mst_free(window->index);
  window->index = index;
  window->index_count = (uint32_t)count;
  for (uint32_t i = 0; i < window->row_count; i++)
    *index_place(window, window->rows[i].row.series) = i + 1;
  return true;
}

/* One mst_window_add: what it needs on its way, and how to undo it. */
struct adding {
  mst_window *window;
  const uint32_t *numbers;
  uint32_t number_count;
  const mst_series_table *table;
  uint32_t previous_row; /* reports of one session name their series in the same order */
  uint32_t rows_before, fresh_before, events_before;
  uint64_t charge_before, ok_before;
  mst_arena_mark arena_before;
};

static mst_err
find_number(const uint32_t *numbers, uint32_t number_count, uint32_t id, uint32_t *ret_number, mst_errctx *ctx)
{
  if (id >= number_count)
    return mst_fail(ctx, MST_EMALFORMED, "report: series %u, only %u are defined", id, number_count);
  *ret_number = numbers[id];
  return MST_OK;
}

static inline mst_err
check_kind(const mst_sample *sample, mst_signal_kind kind, mst_errctx *ctx)
{
  mst_signal_kind coded = kind == MST_SIGNAL_COUNTER ? MST_SIGNAL_GAUGE : kind;

  if (kind == 0)
    return mst_fail(ctx, MST_EMALFORMED, "report: the number of series %u is not known", sample->id);
  if (sample->status == MST_SAMPLE_OK && (sample->kind != coded || kind == MST_SIGNAL_EVENT))
    return mst_fail(ctx, MST_EMALFORMED, "report: series %u is of kind %s, its value of kind %s", sample->id, mst_signal_kind_name(kind),
                    mst_signal_kind_name(sample->kind));
  if (kind == MST_SIGNAL_COUNTER && sample->number < 0)
    return mst_fail(ctx, MST_EMALFORMED, "report: series %u is a counter and below 0", sample->id);
  return MST_OK;
}

static mst_err
check_event_kind(const mst_event *event, mst_signal_kind kind, mst_errctx *ctx)
{
  if (kind == MST_SIGNAL_EVENT)
    return MST_OK;
  return mst_fail(ctx, MST_EMALFORMED, "report: an event of series %u, which is of kind %s", event->id,
                  kind ? mst_signal_kind_name(kind) : "unknown");
}

static mst_window_event
event_of(const mst_event *event, uint32_t column, uint32_t series)
{
  return (mst_window_event){.column = column,
                            .series = series,
                            .at = event->at,
                            .rule = event->rule,
                            .level = event->level,
                            .sample = event->sample,
                            .count = event->count,
                            .fingerprint = event->fingerprint};
}

/* The row of a series, made when there is none. */
static mst_err
find_row(struct adding *adding, uint32_t series, uint32_t *ret_row, mst_errctx *ctx)
{
  mst_window *window = adding->window;
  uint32_t likely = adding->previous_row + 1; /* wraps to 0 for the first */

  if (likely < window->row_count && window->rows[likely].row.series == series) {
    *ret_row = likely;
    return MST_OK;
  }
  if (2 * ((uint64_t)window->row_count + 1) > window->index_count && !rebuild_index(window, (uint64_t)window->row_count + 1))
    return mst_window_fail_memory(ctx);
  uint32_t *place = index_place(window, series);
  if (*place == 0) {
    mst_signal_kind kind = mst_series_table_kind(adding->table, series);
    if (kind == 0)
      return mst_fail(ctx, MST_EMALFORMED, "report: there is no series of number %u", series);
    if (!mst_window_grow((void **)&window->rows, &window->row_capacity, (uint64_t)window->row_count + 1, sizeof *window->rows))
      return mst_window_fail_memory(ctx);
    window->rows[window->row_count] = (mst_window_slot){.row = {.series = series, .kind = kind}};
    *place = ++window->row_count;
  }
  *ret_row = *place - 1;
  return MST_OK;
}

/* Charges the window; MST_ELIMIT when it is full. */
static mst_err
charge(mst_window *window, uint64_t bytes, mst_errctx *ctx)
{
  if (bytes > MST_WINDOW_MAX_BYTES || window->charge_bytes > MST_WINDOW_MAX_BYTES - bytes)
    return mst_fail(ctx, MST_ELIMIT, "window: full, %llu of %d bytes are taken; let the agent report less often, or shorten the windows",
                    (unsigned long long)window->charge_bytes, MST_WINDOW_MAX_BYTES);
  window->charge_bytes += bytes;
  return MST_OK;
}

/* Copies what *data points to into the window. */
static bool
keep(mst_window *window, const void **data, size_t size_bytes)
{
  if (size_bytes == 0) {
    *data = "";
    return true;
  }
  void *copy = mst_arena_take(&window->arena, size_bytes, false);
  if (!copy)
    return false;
  memcpy(copy, *data, size_bytes);
  *data = copy;
  return true;
}

static inline mst_err
add_sample(struct adding *adding, const mst_sample *sample, mst_errctx *ctx)
{
  mst_window *window = adding->window;
  uint32_t number = 0, row = 0;

  mst_err err = find_number(adding->numbers, adding->number_count, sample->id, &number, ctx);
  if (err == MST_OK)
    err = find_row(adding, number, &row, ctx);
  if (err != MST_OK)
    return err;
  mst_window_slot *slot = &window->rows[row];
  adding->previous_row = row;
  if (slot->stamp == window->stamp)
    return mst_fail(ctx, MST_EMALFORMED, "report: series %u stands twice", sample->id);
  err = check_kind(sample, slot->row.kind, ctx);
  if (err == MST_OK)
    err = charge(window, mst_window_cell_charge(sample->text, sample->histogram), ctx);
  if (err != MST_OK)
    return err;
  mst_window_fresh *fresh = &window->fresh[window->fresh_count];
  *fresh = (mst_window_fresh){.row = row,
                              .cell = {.column = window->column_count,
                                       .status = sample->status,
                                       .number = sample->number,
                                       .text = sample->text,
                                       .histogram = sample->histogram}};
  if ((sample->text.data && !keep(window, (const void **)&fresh->cell.text.data, sample->text.size_bytes)) ||
      (sample->histogram.data && !keep(window, (const void **)&fresh->cell.histogram.data, sample->histogram.size_bytes)))
    return mst_window_fail_memory(ctx);
  slot->stamp = window->stamp;
  slot->cell_count++;
  window->fresh_count++;
  window->ok_count += sample->status == MST_SAMPLE_OK;
  return MST_OK;
}

static mst_err
add_event(struct adding *adding, const mst_event *event, mst_errctx *ctx)
{
  mst_window *window = adding->window;
  uint32_t number = 0;

  mst_err err = find_number(adding->numbers, adding->number_count, event->id, &number, ctx);
  if (err == MST_OK)
    err = check_event_kind(event, mst_series_table_kind(adding->table, number), ctx);
  if (err != MST_OK)
    return err;
  mst_window_event own = event_of(event, window->column_count, number);
  err = charge(window, mst_window_event_charge(&own), ctx);
  if (err != MST_OK)
    return err;
  if (!keep(window, (const void **)&own.rule.data, own.rule.size_bytes) ||
      !keep(window, (const void **)&own.level.data, own.level.size_bytes) ||
      !keep(window, (const void **)&own.sample.data, own.sample.size_bytes) ||
      !keep(window, (const void **)&own.fingerprint.data, own.fingerprint.size_bytes))
    return mst_window_fail_memory(ctx);
  window->events[window->event_count++] = own;
  return MST_OK;
}

static mst_err
check_column(const mst_window *window, const mst_window_column *column, mst_errctx *ctx)
{
  if (column->at.ns < window->start.ns || column->at.ns - window->start.ns >= window->length_ns)
    return mst_fail(ctx, MST_EMALFORMED, "window: a report of %lld ns is not within %lld ns from %lld ns", (long long)column->at.ns,
                    (long long)window->length_ns, (long long)window->start.ns);
  if (column->interval_ns <= 0 || column->interval_ns > longest_interval_ns)
    return mst_fail(ctx, MST_EMALFORMED, "window: an interval of %lld ns is not within 1 ns to 1 h", (long long)column->interval_ns);
  if (mst_window_column_find(window, &column->session, column->sequence))
    return mst_fail(ctx, MST_EEXIST, "window: report %llu of its session is in it already", (unsigned long long)column->sequence);
  if (window->column_count == MST_WINDOW_MAX_COLUMNS)
    return mst_fail(ctx, MST_ELIMIT, "window: over %d reports; let the agent report less often, or shorten the windows",
                    MST_WINDOW_MAX_COLUMNS);
  return MST_OK;
}

/* Room for all that the report can bring, so that it need not be looked for at every sample. */
static bool
make_room(mst_window *window, const mst_report *report)
{
  /* The first report is a measure for the others of its minute. */
  uint64_t ahead = window->fresh_capacity == 0 ? (uint64_t)report->samples_left * (EXPECTED_REPORTS - 1) : 0;

  return mst_window_grow((void **)&window->columns, &window->column_capacity, (uint64_t)window->column_count + 1,
                         sizeof *window->columns) &&
         mst_window_grow((void **)&window->fresh, &window->fresh_capacity, (uint64_t)window->fresh_count + report->samples_left + ahead,
                         sizeof *window->fresh) &&
         mst_window_grow((void **)&window->events, &window->event_capacity, (uint64_t)window->event_count + report->events_left,
                         sizeof *window->events) &&
         (window->index || rebuild_index(window, (uint64_t)window->row_count + report->samples_left));
}

static void
undo(struct adding *adding)
{
  mst_window *window = adding->window;

  for (uint32_t i = adding->fresh_before; i < window->fresh_count; i++)
    window->rows[window->fresh[i].row].cell_count--;
  /* Backwards: a slot of the index then is the last that was filled, and what was found past it before still is. */
  for (; window->row_count > adding->rows_before; window->row_count--)
    *index_place(window, window->rows[window->row_count - 1].row.series) = 0;
  window->fresh_count = adding->fresh_before;
  window->event_count = adding->events_before;
  window->charge_bytes = adding->charge_before;
  window->ok_count = adding->ok_before;
  mst_arena_rewind(&window->arena, adding->arena_before);
}

mst_err
mst_window_add(mst_window *window, const mst_window_column *column, const mst_report *report, const uint32_t *numbers,
               uint32_t number_count, const mst_series_table *table, mst_errctx *ctx)
{
  mst_report walk = *report;
  mst_sample sample;
  mst_event event;

  mst_err err = check_column(window, column, ctx);
  if (err != MST_OK)
    return err;
  if (!make_room(window, report))
    return mst_window_fail_memory(ctx);
  struct adding adding = {.window = window,
                          .numbers = numbers,
                          .number_count = number_count,
                          .table = table,
                          .previous_row = UINT32_MAX,
                          .rows_before = window->row_count,
                          .fresh_before = window->fresh_count,
                          .events_before = window->event_count,
                          .charge_before = window->charge_bytes,
                          .ok_before = window->ok_count,
                          .arena_before = mst_arena_here(&window->arena)};
  window->stamp++;
  err = charge(window, MST_CHARGE_COLUMN_BYTES, ctx);
  while (err == MST_OK && (err = mst_report_next_sample(&walk, &sample, ctx)) == MST_OK)
    err = add_sample(&adding, &sample, ctx);
  if (err == MST_EABSENT)
    err = MST_OK;
  while (err == MST_OK && (err = mst_report_next_event(&walk, &event, ctx)) == MST_OK)
    err = add_event(&adding, &event, ctx);
  if (err != MST_EABSENT) {
    undo(&adding);
    return err;
  }
  window->columns[window->column_count++] = *column;
  window->sealed = false;
  return MST_OK;
}

mst_err
mst_window_check(const mst_report *report, const uint32_t *numbers, uint32_t number_count, const mst_series_table *table,
                 uint64_t *ret_charge_bytes, mst_errctx *ctx)
{
  uint64_t seen[MST_SERIES_MAX / 64] = {0};
  uint64_t sum = MST_CHARGE_COLUMN_BYTES;
  mst_report walk = *report;
  uint32_t number = 0;
  mst_sample sample;
  mst_event event;
  mst_err err;

  if (number_count > MST_SERIES_MAX)
    number_count = MST_SERIES_MAX; /* a session has no more */
  while ((err = mst_report_next_sample(&walk, &sample, ctx)) == MST_OK) {
    if ((err = find_number(numbers, number_count, sample.id, &number, ctx)) != MST_OK)
      return err;
    if (seen[sample.id / 64] >> sample.id % 64 & 1)
      return mst_fail(ctx, MST_EMALFORMED, "report: series %u stands twice", sample.id);
    seen[sample.id / 64] |= (uint64_t)1 << sample.id % 64;
    if ((err = check_kind(&sample, mst_series_table_kind(table, number), ctx)) != MST_OK)
      return err;
    sum += mst_window_cell_charge(sample.text, sample.histogram);
  }
  if (err != MST_EABSENT)
    return err;
  while ((err = mst_report_next_event(&walk, &event, ctx)) == MST_OK) {
    if ((err = find_number(numbers, number_count, event.id, &number, ctx)) != MST_OK ||
        (err = check_event_kind(&event, mst_series_table_kind(table, number), ctx)) != MST_OK)
      return err;
    mst_window_event own = event_of(&event, 0, number);
    sum += mst_window_event_charge(&own);
  }
  if (err != MST_EABSENT)
    return err;
  *ret_charge_bytes = sum;
  return MST_OK;
}

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

uint64_t
mst_window_charge_bytes(const mst_window *window)
{
  return window->charge_bytes;
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
  return window->sealed ? window->row_count : 0;
}

const mst_window_row *
mst_window_row_at(const mst_window *window, uint32_t index)
{
  return window->sealed && index < window->row_count ? &window->rows[index].row : NULL;
}

const mst_window_row *
mst_window_row_find(const mst_window *window, uint32_t series)
{
  uint32_t low = 0, high = mst_window_row_count(window);

  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (window->rows[middle].row.series < series)
      low = middle + 1;
    else
      high = middle;
  }
  const mst_window_row *row = mst_window_row_at(window, low);
  return row && row->series == series ? row : NULL;
}

uint32_t
mst_window_event_count(const mst_window *window)
{
  return window->sealed ? window->event_count : 0;
}

const mst_window_event *
mst_window_event_at(const mst_window *window, uint32_t index)
{
  return index < mst_window_event_count(window) ? &window->events[index] : NULL;
}

const mst_window_column *
mst_window_column_find(const mst_window *window, const mst_session_id *session, uint64_t sequence)
{
  for (uint32_t i = 0; i < window->column_count; i++) {
    const mst_window_column *column = &window->columns[i];
    if (column->sequence == sequence && memcmp(&column->session, session, sizeof *session) == 0)
      return column;
  }
  return NULL;
}

uint64_t
mst_window_sample_count(const mst_window *window)
{
  return window->ok_count;
}
