/* Reading a window's document. Layout: docs/window-format.md. */
#include "windows/window_document.h"

#include <math.h>
#include <string.h>

#include <mst/common/alloc.h>

static const int64_t longest_interval_ns = 3600 * MST_NS_PER_S;

/* What reading needs beside the window. */
struct reading {
  mst_window *window;
  mst_cursor cursor;
  uint32_t cell_capacity;
};

static mst_err
add_charge(mst_window *window, uint64_t bytes, mst_errctx *ctx)
{
  if (bytes > MST_WINDOW_MAX_BYTES - window->charge_bytes)
    return mst_fail(ctx, MST_ELIMIT, "window document: holds more than a window may");
  window->charge_bytes += bytes;
  return MST_OK;
}

static mst_err
read_start(mst_cursor *cursor, mst_window *window, mst_errctx *ctx)
{
  uint32_t elements;
  uint64_t version = 0, start = 0, length = 0;

  mst_err err = mst_cursor_array(cursor, "window document", MST_DOCUMENT_ELEMENTS, MST_DOCUMENT_ELEMENTS, &elements, ctx);
  if (err == MST_OK)
    err = mst_cursor_uint(cursor, "window.version", UINT32_MAX, &version, ctx);
  if (err == MST_OK && version != MST_DOCUMENT_VERSION)
    err = mst_fail(ctx, MST_EVERSION, "window document: version %llu, known here is %d", (unsigned long long)version, MST_DOCUMENT_VERSION);
  if (err == MST_OK)
    err = mst_cursor_uint(cursor, "window.start", INT64_MAX, &start, ctx);
  if (err == MST_OK)
    err = mst_cursor_uint(cursor, "window.length", INT64_MAX, &length, ctx);
  if (err == MST_OK && (length == 0 || start > INT64_MAX - length))
    err = mst_fail(ctx, MST_EMALFORMED, "window document: start and length make no window");
  window->start.ns = (int64_t)start;
  window->length_ns = (int64_t)length;
  return err;
}

struct column_reading {
  mst_bytes ids;      /* of the sessions */
  uint64_t *sequence; /* last one by session */
  uint32_t sessions, seen;
  int64_t interval_ns;
};

static mst_err
read_column(mst_cursor *cursor, struct column_reading *reading, mst_wall *at, mst_window_column *column, mst_errctx *ctx)
{
  uint64_t session = 0, step_at = 0;
  int64_t step = 0, interval_step = 0;
  mst_bytes digest = {0};

  mst_err err = mst_cursor_uint(cursor, "column.session", reading->seen, &session, ctx);
  if (err == MST_OK && session >= reading->sessions)
    err = mst_fail(ctx, MST_EMALFORMED, "column.session: %llu, there are %u", (unsigned long long)session, reading->sessions);
  if (err == MST_OK)
    err = mst_cursor_int(cursor, "column.sequence", &step, ctx);
  if (err == MST_OK)
    err = mst_cursor_uint(cursor, "column.at", INT64_MAX, &step_at, ctx);
  if (err == MST_OK)
    err = mst_cursor_int(cursor, "column.interval", &interval_step, ctx);
  if (err == MST_OK)
    err = mst_cursor_bin(cursor, "column.digest", MST_DOCUMENT_DIGEST_BYTES, MST_DOCUMENT_DIGEST_BYTES, &digest, ctx);
  if (err != MST_OK)
    return err;
  if (step_at > (uint64_t)(INT64_MAX - at->ns))
    return mst_fail(ctx, MST_EMALFORMED, "column.at: outside the window");
  if (__builtin_add_overflow(reading->interval_ns, interval_step, &reading->interval_ns) || reading->interval_ns <= 0 ||
      reading->interval_ns > longest_interval_ns)
    return mst_fail(ctx, MST_EMALFORMED, "column.interval: not within 1 ns to 1 h");
  reading->seen += session == reading->seen;
  reading->sequence[session] += (uint64_t)step;
  at->ns += (int64_t)step_at;
  *column = (mst_window_column){.sequence = reading->sequence[session], .at = *at, .interval_ns = reading->interval_ns};
  memcpy(&column->session, reading->ids.data + session * MST_SESSION_BYTES, sizeof column->session);
  memcpy(column->digest, digest.data, sizeof column->digest);
  return MST_OK;
}

/* The window has all columns before this one. */
static mst_err
check_column(const mst_window *window, const mst_window_column *column, mst_errctx *ctx)
{
  if (column->at.ns - window->start.ns >= window->length_ns)
    return mst_fail(ctx, MST_EMALFORMED, "column.at: outside the window");
  if (mst_window_column_find(window, &column->session, column->sequence))
    return mst_fail(ctx, MST_EMALFORMED, "column: report %llu of its session stands twice", (unsigned long long)column->sequence);
  if (window->column_count == 0)
    return MST_OK;
  const mst_window_column *before = &window->columns[window->column_count - 1];
  int order = memcmp(&before->session, &column->session, sizeof column->session);
  if (before->at.ns == column->at.ns && (order > 0 || (order == 0 && before->sequence > column->sequence)))
    return mst_fail(ctx, MST_EMALFORMED, "column: out of order");
  return MST_OK;
}

static mst_err
read_columns(mst_cursor *cursor, mst_window *window, mst_errctx *ctx)
{
  struct column_reading reading = {0};
  mst_wall at = window->start;
  uint32_t elements = 0;

  mst_err err = mst_cursor_bin(cursor, "window.sessions", 0, MST_WINDOW_MAX_COLUMNS * MST_SESSION_BYTES, &reading.ids, ctx);
  if (err == MST_OK)
    err = mst_cursor_array(cursor, "window.columns", 0, MST_WINDOW_MAX_COLUMNS * MST_DOCUMENT_COLUMN_ELEMENTS, &elements, ctx);
  if (err == MST_OK && (elements % MST_DOCUMENT_COLUMN_ELEMENTS != 0 || reading.ids.size_bytes % MST_SESSION_BYTES != 0))
    err = mst_fail(ctx, MST_EMALFORMED, "window.columns: a part of one is missing");
  if (err != MST_OK)
    return err;
  uint32_t count = elements / MST_DOCUMENT_COLUMN_ELEMENTS;
  reading.sessions = (uint32_t)(reading.ids.size_bytes / MST_SESSION_BYTES);
  reading.sequence = mst_alloc(reading.sessions, sizeof *reading.sequence);
  if (!reading.sequence || !mst_window_grow((void **)&window->columns, &window->column_capacity, count, sizeof *window->columns))
    err = mst_window_fail_memory(ctx);
  while (err == MST_OK && window->column_count < count) {
    mst_window_column column;
    err = read_column(cursor, &reading, &at, &column, ctx);
    if (err == MST_OK)
      err = check_column(window, &column, ctx);
    if (err == MST_OK)
      err = add_charge(window, MST_CHARGE_COLUMN_BYTES, ctx);
    if (err == MST_OK)
      window->columns[window->column_count++] = column;
  }
  if (err == MST_OK && reading.seen != reading.sessions)
    err = mst_fail(ctx, MST_EMALFORMED, "window.sessions: %u, of which the columns use %u", reading.sessions, reading.seen);
  mst_free(reading.sequence);
  return err;
}

/* Appends the cells of one run, without values. */
static mst_err
add_run(struct reading *reading, uint32_t column, uint32_t length, mst_sample_status status, mst_errctx *ctx)
{
  mst_window *window = reading->window;

  mst_err err = add_charge(window, (uint64_t)length * MST_CHARGE_CELL_BYTES, ctx); /* before room is made: it bounds it */
  if (err != MST_OK)
    return err;
  if (!mst_window_grow((void **)&window->cells, &reading->cell_capacity, (uint64_t)window->cell_count + length, sizeof *window->cells))
    return mst_window_fail_memory(ctx);
  for (uint32_t i = 0; i < length; i++)
    window->cells[window->cell_count++] = (mst_window_cell){.column = column + i, .status = status};
  return MST_OK;
}

static mst_err
read_runs(struct reading *reading, mst_errctx *ctx)
{
  uint32_t runs = 0, column = 0, mark_before = MST_RUN_MARKS, columns = reading->window->column_count;
  uint64_t run = 0;

  mst_err err = mst_cursor_array(&reading->cursor, "row.runs", 1, 2 * MST_WINDOW_MAX_COLUMNS, &runs, ctx);
  for (uint32_t i = 0; err == MST_OK && i < runs; i++) {
    err = mst_cursor_uint(&reading->cursor, "row.run", MST_WINDOW_MAX_COLUMNS * MST_RUN_MARKS + MST_RUN_MARKS - 1, &run, ctx);
    if (err != MST_OK)
      return err;
    uint32_t length = (uint32_t)run / MST_RUN_MARKS, mark = (uint32_t)run % MST_RUN_MARKS;
    if (length == 0 || length > columns - column || mark == mark_before || (mark == MST_RUN_NONE && i + 1 == runs))
      return mst_fail(ctx, MST_EMALFORMED, "row.run: %u columns of mark %u after column %u of %u", length, mark, column, columns);
    if (mark != MST_RUN_NONE)
      err = add_run(reading, column, length, (mst_sample_status)(mark - MST_RUN_OK), ctx);
    column += length;
    mark_before = mark;
  }
  return err;
}

static mst_err
read_reasons(struct reading *reading, mst_window_cell *cells, uint32_t count, mst_errctx *ctx)
{
  const mst_window_cell *before = NULL;
  mst_err err = MST_OK;

  for (uint32_t i = 0; err == MST_OK && i < count; i++) {
    if (cells[i].status == MST_SAMPLE_OK)
      continue;
    if (before && mst_cursor_nil(&reading->cursor))
      cells[i].text = before->text;
    else
      err = mst_cursor_text(&reading->cursor, "row.reason", MST_REASON_MAX_BYTES, &cells[i].text, ctx);
    if (err == MST_OK)
      err = add_charge(reading->window, cells[i].text.size_bytes, ctx);
    before = &cells[i];
  }
  return err;
}

static mst_err
read_value(mst_cursor *cursor, mst_signal_kind kind, mst_window_cell *cell, mst_errctx *ctx)
{
  if (kind == MST_SIGNAL_STATE)
    return mst_cursor_text(cursor, "row.state", MST_STATE_MAX_BYTES, &cell->text, ctx);
  if (kind == MST_SIGNAL_DISTRIBUTION)
    return mst_cursor_bin(cursor, "row.histogram", 1, MST_HISTOGRAM_MAX_BYTES, &cell->histogram, ctx);
  return mst_cursor_number(cursor, "row.number", &cell->number, ctx);
}

static mst_err
read_whole(mst_cursor *cursor, double scale, int64_t *last, double *ret_number, mst_errctx *ctx)
{
  int64_t step;

  mst_err err = mst_cursor_int(cursor, "row.step", &step, ctx);
  if (err != MST_OK)
    return err;
  if (__builtin_add_overflow(*last, step, last) || fabs((double)*last) > MST_DOCUMENT_WHOLE_MOST)
    return mst_fail(ctx, MST_EMALFORMED, "row.step: leads past 2^53");
  *ret_number = (double)*last / scale;
  return MST_OK;
}

static mst_err
read_values(struct reading *reading, mst_signal_kind kind, mst_row_form form, mst_window_cell *cells, uint32_t count, mst_errctx *ctx)
{
  const mst_window_cell *before = NULL;
  mst_err err = MST_OK;
  int64_t last = 0;

  for (uint32_t i = 0; err == MST_OK && i < count; i++) {
    mst_window_cell *cell = &cells[i];
    if (cell->status != MST_SAMPLE_OK)
      continue;
    if (form >= MST_FORM_WHOLE) {
      err = read_whole(&reading->cursor, mst_document_scales[form], &last, &cell->number, ctx);
    } else if (before && (form == MST_FORM_SAME || (kind >= MST_SIGNAL_DISTRIBUTION && mst_cursor_nil(&reading->cursor)))) {
      cell->number = before->number;
      cell->text = before->text;
      cell->histogram = before->histogram;
    } else {
      err = read_value(&reading->cursor, kind, cell, ctx);
    }
    if (err == MST_OK && (cell->text.size_bytes > 0 || cell->histogram.size_bytes > 0))
      err = add_charge(reading->window, cell->text.size_bytes + cell->histogram.size_bytes, ctx);
    before = cell;
    reading->window->ok_count++;
  }
  return err;
}

static mst_err
check_head(uint64_t head, mst_errctx *ctx)
{
  uint32_t kind = head & MST_HEAD_KIND_MASK, form = head >> MST_HEAD_FORM_SHIFT & MST_HEAD_FORM_MASK;

  if (kind < MST_SIGNAL_GAUGE || kind > MST_SIGNAL_EVENT || form >= MST_FORM_COUNT ||
      (form >= MST_FORM_WHOLE && kind != MST_SIGNAL_GAUGE && kind != MST_SIGNAL_COUNTER))
    return mst_fail(ctx, MST_EMALFORMED, "row.head: there is no row of kind %u in form %u", kind, form);
  return MST_OK;
}

/* A row array's elements are counted by its runs and values; this is how many must have stood there. */
static uint32_t
elements_of(const mst_window_cell *cells, uint32_t count, mst_row_form form, bool sparse)
{
  uint32_t ok = 0;

  for (uint32_t i = 0; i < count; i++)
    ok += cells[i].status == MST_SAMPLE_OK;
  return 2 + (sparse ? 1 + count - ok : 0) + (form == MST_FORM_SAME ? ok > 0 : ok);
}

static mst_err
read_row(struct reading *reading, uint32_t row, uint64_t *series, mst_errctx *ctx)
{
  mst_window *window = reading->window;
  uint32_t elements = 0, first = window->cell_count;
  uint64_t step = 0, head = 0;

  mst_err err = mst_cursor_array(&reading->cursor, "row", 2, 3 + MST_WINDOW_MAX_COLUMNS, &elements, ctx);
  if (err == MST_OK)
    err = mst_cursor_uint(&reading->cursor, "row.series", UINT32_MAX, &step, ctx);
  if (err == MST_OK && ((row > 0 && step == 0) || (*series += step) > UINT32_MAX))
    err = mst_fail(ctx, MST_EMALFORMED, "row.series: out of order, or past 2^32");
  if (err == MST_OK)
    err = mst_cursor_uint(&reading->cursor, "row.head", MST_HEAD_SPARSE * 2 - 1, &head, ctx);
  if (err == MST_OK)
    err = check_head(head, ctx);
  if (err != MST_OK)
    return err;
  mst_signal_kind kind = (mst_signal_kind)(head & MST_HEAD_KIND_MASK);
  mst_row_form form = (mst_row_form)(head >> MST_HEAD_FORM_SHIFT & MST_HEAD_FORM_MASK);
  bool sparse = (head & MST_HEAD_SPARSE) != 0;
  err = sparse ? read_runs(reading, ctx) : add_run(reading, 0, window->column_count, MST_SAMPLE_OK, ctx);
  uint32_t count = window->cell_count - first;
  if (err == MST_OK && count == 0)
    err = mst_fail(ctx, MST_EMALFORMED, "row: has no cells");
  if (err != MST_OK)
    return err;
  mst_window_cell *cells = window->cells + first;
  if (elements != elements_of(cells, count, form, sparse))
    err = mst_fail(ctx, MST_EMALFORMED, "row: %u elements do not fit its %u cells", elements, count);
  if (err == MST_OK && sparse)
    err = read_reasons(reading, cells, count, ctx);
  uint64_t ok_before = window->ok_count;
  if (err == MST_OK)
    err = read_values(reading, kind, form, cells, count, ctx);
  if (err == MST_OK && kind == MST_SIGNAL_EVENT && window->ok_count > ok_before)
    err = mst_fail(ctx, MST_EMALFORMED, "row: of events, which have no values");
  window->rows[row] = (mst_window_slot){.row = {.series = (uint32_t)*series, .kind = kind, .cell_count = count}, .cell_count = count};
  return err;
}

static mst_err
read_rows(struct reading *reading, mst_errctx *ctx)
{
  mst_window *window = reading->window;
  uint64_t series = 0;
  uint32_t count = 0;

  /* Each row is charged for a cell at least. */
  mst_err err = mst_cursor_array(&reading->cursor, "window.rows", 0, MST_WINDOW_MAX_BYTES / MST_CHARGE_CELL_BYTES, &count, ctx);
  if (err == MST_OK && !mst_window_grow((void **)&window->rows, &window->row_capacity, count, sizeof *window->rows))
    err = mst_window_fail_memory(ctx);
  for (; err == MST_OK && window->row_count < count; window->row_count++)
    err = read_row(reading, window->row_count, &series, ctx);
  if (err != MST_OK)
    return err;
  /* Only now do the cells stay where they are. */
  for (uint32_t i = 0, first = 0; i < window->row_count; i++) {
    window->rows[i].row.cells = window->cells + first;
    first += window->rows[i].cell_count;
  }
  return MST_OK;
}

static mst_err
read_event(mst_cursor *cursor, const mst_window *window, mst_window_event *event, mst_errctx *ctx)
{
  uint64_t column = 0, series = 0;
  int64_t at = 0;

  mst_err err = mst_cursor_uint(cursor, "event.column", UINT32_MAX, &column, ctx);
  if (err == MST_OK && column >= window->column_count)
    err = mst_fail(ctx, MST_EMALFORMED, "event.column: %llu, there are %u", (unsigned long long)column, window->column_count);
  if (err == MST_OK)
    err = mst_cursor_uint(cursor, "event.series", UINT32_MAX, &series, ctx);
  if (err == MST_OK)
    err = mst_cursor_int(cursor, "event.at", &at, ctx);
  if (err == MST_OK && (__builtin_add_overflow(window->start.ns, at, &event->at.ns) || event->at.ns < 0))
    err = mst_fail(ctx, MST_EMALFORMED, "event.at: is no time");
  if (err == MST_OK)
    err = mst_cursor_text(cursor, "event.rule", MST_EVENT_RULE_MAX_BYTES, &event->rule, ctx);
  if (err == MST_OK)
    err = mst_cursor_text(cursor, "event.level", MST_EVENT_LEVEL_MAX_BYTES, &event->level, ctx);
  if (err == MST_OK)
    err = mst_cursor_uint(cursor, "event.count", INT64_MAX, &event->count, ctx);
  if (err == MST_OK)
    err = mst_cursor_text(cursor, "event.sample", MST_EVENT_SAMPLE_MAX_BYTES, &event->sample, ctx);
  if (err == MST_OK)
    err = mst_cursor_bin(cursor, "event.fingerprint", 0, MST_FINGERPRINT_BYTES, &event->fingerprint, ctx);
  event->column = (uint32_t)column;
  event->series = (uint32_t)series;
  return err;
}

static mst_err
read_events(mst_cursor *cursor, mst_window *window, mst_errctx *ctx)
{
  uint32_t elements = 0;

  mst_err err = mst_cursor_array(cursor, "window.events", 0, MST_WINDOW_MAX_BYTES / MST_CHARGE_EVENT_BYTES * MST_DOCUMENT_EVENT_ELEMENTS,
                                 &elements, ctx);
  if (err == MST_OK && elements % MST_DOCUMENT_EVENT_ELEMENTS != 0)
    err = mst_fail(ctx, MST_EMALFORMED, "window.events: a part of one is missing");
  uint32_t count = elements / MST_DOCUMENT_EVENT_ELEMENTS;
  if (err == MST_OK && !mst_window_grow((void **)&window->events, &window->event_capacity, count, sizeof *window->events))
    err = mst_window_fail_memory(ctx);
  while (err == MST_OK && window->event_count < count) {
    mst_window_event event = {0};
    err = read_event(cursor, window, &event, ctx);
    if (err == MST_OK && window->event_count > 0 && window->events[window->event_count - 1].column > event.column)
      err = mst_fail(ctx, MST_EMALFORMED, "event.column: out of order");
    if (err == MST_OK)
      err = add_charge(window, mst_window_event_charge(&event), ctx);
    if (err == MST_OK)
      window->events[window->event_count++] = event;
  }
  return err;
}

mst_err
mst_window_decode(mst_bytes bytes, mst_window **ret_window, mst_errctx *ctx)
{
  mst_window *window = NULL;
  mst_err err = MST_OK;

  if (bytes.size_bytes > MST_WINDOW_MAX_BYTES)
    return mst_fail(ctx, MST_ELIMIT, "window document: %zu bytes long, at most %d are allowed", bytes.size_bytes, MST_WINDOW_MAX_BYTES);
  err = mst_window_create((mst_wall){0}, 1, &window, ctx);
  if (err != MST_OK)
    return err;
  /* The texts stay where they stand, in a copy that the window keeps. */
  void *copy = mst_arena_take(&window->arena, bytes.size_bytes, false);
  if (!copy) {
    err = mst_window_fail_memory(ctx);
    goto out;
  }
  if (bytes.size_bytes > 0)
    memcpy(copy, bytes.data, bytes.size_bytes);
  struct reading reading = {.window = window};
  mst_cursor_init(&reading.cursor, copy, bytes.size_bytes);
  err = read_start(&reading.cursor, window, ctx);
  if (err == MST_OK)
    err = read_columns(&reading.cursor, window, ctx);
  if (err == MST_OK)
    err = read_rows(&reading, ctx);
  if (err == MST_OK)
    err = read_events(&reading.cursor, window, ctx);
  if (err == MST_OK)
    err = mst_cursor_end(&reading.cursor, "window document", ctx);
  if (err != MST_OK)
    goto out;
  window->sealed = true;
  *ret_window = window;
  window = NULL;
out:
  mst_window_destroy(window);
  return err;
}
