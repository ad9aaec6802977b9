/* A window as bytes. docs/window-format.md describes them. */
#include "window_private.h"

#include <math.h>
#include <msgpack.h>
#include <string.h>

enum {
  FORMAT_VERSION = 1,
  WINDOW_FIELDS = 6,
  COLUMN_FIELDS = 5, /* of the flat list of columns */
  ROW_FIELDS = 4,    /* of the flat list of rows */
  DELTA_KIND = 16,   /* added to the kind of a counter whose values are differences */
  ROWS_MAX = 1 << 20,
};

static int
write_bytes(void *data, const char *bytes, size_t size_bytes)
{
  mst_buf *buf = data;

  mst_buf_append(buf, bytes, size_bytes);
  return buf->failed == MST_OK ? 0 : -1;
}

static void
pack_bin(msgpack_packer *packer, const void *data, size_t size_bytes)
{
  msgpack_pack_bin(packer, size_bytes);
  msgpack_pack_bin_body(packer, data, size_bytes);
}

static void
pack_text(msgpack_packer *packer, mst_text text)
{
  msgpack_pack_str(packer, text.size_bytes);
  if (text.size_bytes > 0)
    msgpack_pack_str_body(packer, text.data, text.size_bytes);
}

static bool
is_integral(double value)
{
  const double exact = 9007199254740992.0; /* 2^53 */

  return value >= -exact && value <= exact && value == trunc(value) && !(value == 0 && signbit(value));
}

static void
pack_number(msgpack_packer *packer, double value)
{
  if (is_integral(value))
    msgpack_pack_int64(packer, (int64_t)value);
  else
    msgpack_pack_double(packer, value);
}

/* ---- encoding ---- */

static uint32_t
session_of(const mst_window *window, uint32_t column)
{
  uint32_t number = 0;

  /* Sessions are numbered in the order in which the columns first name them. Few columns, fewer sessions: a search is cheaper than a table. */
  for (uint32_t i = 0; i < column; i++) {
    if (memcmp(window->columns[i].session.bytes, window->columns[column].session.bytes, MST_SESSION_BYTES) == 0)
      return session_of(window, i);
  }
  for (uint32_t i = 0; i < column; i++) {
    bool first = true;
    for (uint32_t j = 0; j < i && first; j++)
      first = memcmp(window->columns[i].session.bytes, window->columns[j].session.bytes, MST_SESSION_BYTES) != 0;
    number += first;
  }
  return number;
}

static void
pack_columns(msgpack_packer *packer, const mst_window *window, uint32_t numbers[static MST_WINDOW_MAX_COLUMNS])
{
  uint32_t sessions = 0;

  for (uint32_t i = 0; i < window->column_count; i++) {
    bool same = i > 0 && memcmp(window->columns[i].session.bytes, window->columns[i - 1].session.bytes, MST_SESSION_BYTES) == 0;
    numbers[i] = same ? numbers[i - 1] : session_of(window, i);
    if (numbers[i] == sessions)
      sessions++;
  }
  msgpack_pack_array(packer, sessions);
  for (uint32_t i = 0, next = 0; i < window->column_count; i++)
    if (numbers[i] == next) {
      pack_bin(packer, window->columns[i].session.bytes, MST_SESSION_BYTES);
      next++;
    }
  msgpack_pack_array(packer, (size_t)window->column_count * COLUMN_FIELDS);
  for (uint32_t i = 0; i < window->column_count; i++) {
    const mst_window_column *column = &window->columns[i];
    msgpack_pack_uint32(packer, numbers[i]);
    msgpack_pack_uint64(packer, column->sequence);
    pack_bin(packer, column->digest, sizeof column->digest);
    msgpack_pack_int64(packer, column->at.ns - window->start.ns);
    msgpack_pack_int64(packer, column->interval_ns);
  }
}

/* Counters go up by little: differences are shorter. Only when all of them are integers, so that they come back exact. */
static bool
delta_fits(const mst_window_row *row)
{
  if (row->kind != MST_SIGNAL_COUNTER)
    return false;
  for (uint32_t i = 0; i < row->cell_count; i++)
    if (row->cells[i].status == MST_SAMPLE_OK && !is_integral(row->cells[i].number))
      return false;
  return true;
}

static bool
same_bytes(const void *a, size_t a_bytes, const void *b, size_t b_bytes)
{
  return a_bytes == b_bytes && (a_bytes == 0 || memcmp(a, b, a_bytes) == 0);
}

static bool
same_value(mst_signal_kind kind, const mst_window_cell *a, const mst_window_cell *b)
{
  if (kind == MST_SIGNAL_STATE)
    return same_bytes(a->text.data, a->text.size_bytes, b->text.data, b->text.size_bytes);
  if (kind == MST_SIGNAL_DISTRIBUTION)
    return same_bytes(a->histogram.data, a->histogram.size_bytes, b->histogram.data, b->histogram.size_bytes);
  return memcmp(&a->number, &b->number, sizeof a->number) == 0;
}

static void
pack_value(msgpack_packer *packer, const mst_window_row *row, bool delta, const mst_window_cell *cell, const mst_window_cell *previous)
{
  if (cell->status != MST_SAMPLE_OK) {
    msgpack_pack_array(packer, 2);
    msgpack_pack_uint32(packer, (uint32_t)cell->status);
    pack_text(packer, cell->text);
  } else if (previous && same_value(row->kind, cell, previous)) {
    msgpack_pack_nil(packer); /* as before */
  } else if (row->kind == MST_SIGNAL_STATE) {
    pack_text(packer, cell->text);
  } else if (row->kind == MST_SIGNAL_DISTRIBUTION) {
    pack_bin(packer, cell->histogram.data, cell->histogram.size_bytes);
  } else if (delta && previous) {
    msgpack_pack_int64(packer, (int64_t)cell->number - (int64_t)previous->number);
  } else {
    pack_number(packer, cell->number);
  }
}

static void
pack_row(msgpack_packer *packer, const mst_window_row *row, uint32_t series_before, uint32_t column_count)
{
  const mst_window_cell *previous = NULL;
  bool delta = delta_fits(row);

  msgpack_pack_uint32(packer, row->series - series_before);
  msgpack_pack_uint32(packer, (uint32_t)row->kind + (delta ? DELTA_KIND : 0));
  if (row->cell_count == column_count) {
    msgpack_pack_nil(packer); /* a cell in every column */
  } else {
    msgpack_pack_array(packer, row->cell_count);
    for (uint32_t i = 0; i < row->cell_count; i++)
      msgpack_pack_uint32(packer, row->cells[i].column);
  }
  msgpack_pack_array(packer, row->cell_count);
  for (uint32_t i = 0; i < row->cell_count; i++) {
    pack_value(packer, row, delta, &row->cells[i], previous);
    if (row->cells[i].status == MST_SAMPLE_OK)
      previous = &row->cells[i];
  }
}

mst_err
mst_window_encode(const mst_window *window, mst_buf *ret_bytes, mst_errctx *ctx)
{
  uint32_t numbers[MST_WINDOW_MAX_COLUMNS];
  msgpack_packer packer;

  if (!window->sealed)
    return mst_fail(ctx, MST_ESTATE, "encode a window that is not sealed");
  msgpack_packer_init(&packer, ret_bytes, write_bytes);
  msgpack_pack_array(&packer, WINDOW_FIELDS);
  msgpack_pack_uint32(&packer, FORMAT_VERSION);
  msgpack_pack_int64(&packer, window->start.ns);
  msgpack_pack_int64(&packer, window->length_ns);
  pack_columns(&packer, window, numbers);
  msgpack_pack_array(&packer, (size_t)window->slot_count * ROW_FIELDS);
  for (uint32_t i = 0, before = 0; i < window->slot_count; i++) {
    pack_row(&packer, &window->slots[i].row, before, window->column_count);
    before = window->slots[i].row.series;
  }
  return mst_buf_check(ret_bytes, "window", ctx);
}

/* ---- decoding ---- */

static mst_err
corrupt(const char *what, mst_errctx *ctx)
{
  return mst_fail(ctx, MST_EMALFORMED, "window: %s", what);
}

static mst_err
read_columns(mst_cursor *cursor, mst_window *window, mst_errctx *ctx)
{
  mst_session_id sessions[MST_WINDOW_MAX_COLUMNS];
  uint32_t session_count, values;
  mst_bytes bytes;

  mst_err err = mst_cursor_array(cursor, "sessions", 0, MST_WINDOW_MAX_COLUMNS, &session_count, ctx);
  for (uint32_t i = 0; err == MST_OK && i < session_count; i++)
    if ((err = mst_cursor_bin(cursor, "session", MST_SESSION_BYTES, MST_SESSION_BYTES, &bytes, ctx)) == MST_OK)
      memcpy(sessions[i].bytes, bytes.data, MST_SESSION_BYTES);
  if (err == MST_OK)
    err = mst_cursor_array(cursor, "columns", 0, MST_WINDOW_MAX_COLUMNS * COLUMN_FIELDS, &values, ctx);
  if (err == MST_OK && values % COLUMN_FIELDS != 0)
    err = corrupt("an incomplete column", ctx);
  for (uint32_t i = 0; err == MST_OK && i < values / COLUMN_FIELDS; i++) {
    mst_window_column column = {0};
    uint64_t session = 0;
    int64_t after_ns = 0;
    if ((err = mst_cursor_uint(cursor, "session number", UINT32_MAX, &session, ctx)) == MST_OK && session >= session_count)
      err = corrupt("a session that is not listed", ctx);
    if (err == MST_OK)
      err = mst_cursor_uint(cursor, "sequence", INT64_MAX, &column.sequence, ctx);
    if (err == MST_OK && (err = mst_cursor_bin(cursor, "digest", sizeof column.digest, sizeof column.digest, &bytes, ctx)) == MST_OK)
      memcpy(column.digest, bytes.data, sizeof column.digest);
    if (err == MST_OK && (err = mst_cursor_int(cursor, "time", &after_ns, ctx)) == MST_OK && (after_ns < 0 || after_ns >= window->length_ns))
      err = corrupt("a column outside the window", ctx);
    if (err == MST_OK)
      err = mst_cursor_int(cursor, "interval", &column.interval_ns, ctx);
    if (err != MST_OK)
      break;
    column.session = sessions[session];
    column.at.ns = window->start.ns + after_ns;
    if (!mst_window_column_append(window, &column))
      err = mst_fail(ctx, MST_ENOMEM, "read a window");
  }
  return err;
}

static mst_err
read_missing(mst_cursor *cursor, mst_window_cell *cell, mst_errctx *ctx)
{
  uint64_t status = 0;
  uint32_t fields;
  mst_err err = mst_cursor_array(cursor, "missing sample", 2, 2, &fields, ctx);

  if (err == MST_OK && (err = mst_cursor_uint(cursor, "status", MST_SAMPLE_ERROR, &status, ctx)) == MST_OK && status == MST_SAMPLE_OK)
    err = corrupt("a missing sample with status ok", ctx);
  cell->status = (mst_sample_status)status;
  return err == MST_OK ? mst_cursor_text(cursor, "reason", MST_REASON_MAX_BYTES, &cell->text, ctx) : err;
}

static mst_err
read_number(mst_cursor *cursor, bool delta, const mst_window_cell *previous, double *ret_number, mst_errctx *ctx)
{
  double number = 0;
  mst_err err = mst_cursor_number(cursor, "sample", &number, ctx);

  if (err == MST_OK && delta && previous)
    number += previous->number;
  if (err == MST_OK && delta && !is_integral(number))
    err = corrupt("a difference that is no whole number", ctx);
  if (err == MST_OK)
    *ret_number = number;
  return err;
}

/* A copy in the window's arena. An empty one points nowhere. */
static mst_err
keep(mst_window *window, const void **data, size_t size_bytes, mst_errctx *ctx)
{
  if (size_bytes == 0)
    *data = NULL;
  else if (!(*data = mst_arena_copy(&window->arena, *data, size_bytes)))
    return mst_fail(ctx, MST_ENOMEM, "read a window");
  return MST_OK;
}

static mst_err
read_cell(mst_cursor *cursor, mst_window *window, mst_signal_kind kind, bool delta, const mst_window_cell *previous, mst_window_cell *cell, mst_errctx *ctx)
{
  const void *data;
  mst_err err;

  if (cursor->at < cursor->end && *cursor->at == 0x92) {
    err = read_missing(cursor, cell, ctx);
  } else if (mst_cursor_nil(cursor)) {
    uint32_t column = cell->column;
    if (!previous)
      return corrupt("a repetition of nothing", ctx);
    *cell = *previous;
    cell->column = column;
    return MST_OK;
  } else if (kind == MST_SIGNAL_STATE) {
    err = mst_cursor_text(cursor, "state", MST_STATE_MAX_BYTES, &cell->text, ctx);
  } else if (kind == MST_SIGNAL_DISTRIBUTION) {
    err = mst_cursor_bin(cursor, "histogram", 1, MST_ENVELOPE_MAX_BODY_BYTES, &cell->histogram, ctx);
  } else {
    err = read_number(cursor, delta, previous, &cell->number, ctx);
  }
  if (err == MST_OK) {
    data = cell->text.data;
    err = keep(window, &data, cell->text.size_bytes, ctx);
    cell->text.data = data;
  }
  if (err == MST_OK) {
    data = cell->histogram.data;
    err = keep(window, &data, cell->histogram.size_bytes, ctx);
    cell->histogram.data = data;
  }
  return err;
}

/* Which columns the row has cells in. */
static mst_err
read_places(mst_cursor *cursor, const mst_window *window, uint32_t places[static MST_WINDOW_MAX_COLUMNS], uint32_t *ret_count, mst_errctx *ctx)
{
  uint32_t count;

  if (mst_cursor_nil(cursor)) {
    for (uint32_t i = 0; i < window->column_count; i++)
      places[i] = i;
    *ret_count = window->column_count;
    return MST_OK;
  }
  mst_err err = mst_cursor_array(cursor, "columns of a row", 1, window->column_count, &count, ctx);
  for (uint32_t i = 0; err == MST_OK && i < count; i++) {
    uint64_t place = 0;
    err = mst_cursor_uint(cursor, "column of a row", window->column_count - 1, &place, ctx);
    if (err == MST_OK && i > 0 && place <= places[i - 1])
      err = corrupt("columns of a row out of order", ctx);
    places[i] = (uint32_t)place;
  }
  if (err == MST_OK)
    *ret_count = count;
  return err;
}

static mst_err
read_row(mst_cursor *cursor, mst_window *window, uint64_t *series, bool first, mst_errctx *ctx)
{
  uint32_t places[MST_WINDOW_MAX_COLUMNS], count = 0, values = 0;
  uint64_t step = 0, code = 0;

  mst_err err = mst_cursor_uint(cursor, "series", UINT32_MAX, &step, ctx);
  *series += step;
  if (err == MST_OK && ((step == 0 && !first) || *series > UINT32_MAX))
    err = corrupt("series out of order", ctx);
  if (err == MST_OK)
    err = mst_cursor_uint(cursor, "kind", DELTA_KIND + MST_SIGNAL_COUNTER, &code, ctx);
  bool delta = code > DELTA_KIND;
  mst_signal_kind kind = (mst_signal_kind)(delta ? code - DELTA_KIND : code);
  if (err == MST_OK && (kind < MST_SIGNAL_GAUGE || kind > MST_SIGNAL_STATE || (delta && kind != MST_SIGNAL_COUNTER)))
    err = corrupt("a kind that is not known", ctx);
  if (err == MST_OK)
    err = read_places(cursor, window, places, &count, ctx);
  if (err == MST_OK && (err = mst_cursor_array(cursor, "cells", 1, MST_WINDOW_MAX_COLUMNS, &values, ctx)) == MST_OK && values != count)
    err = corrupt("a row with more or fewer cells than columns", ctx);
  mst_window_slot *slot = err == MST_OK ? mst_window_slot_of(window, (uint32_t)*series, kind) : NULL;
  if (err == MST_OK && !slot)
    err = mst_fail(ctx, MST_ENOMEM, "read a window");
  mst_window_cell previous = {0};
  bool have_previous = false;
  for (uint32_t i = 0; err == MST_OK && i < count; i++) {
    mst_window_cell cell = {.column = places[i]};
    err = read_cell(cursor, window, kind, delta, have_previous ? &previous : NULL, &cell, ctx);
    if (err == MST_OK && !mst_window_slot_append(slot, &cell))
      err = mst_fail(ctx, MST_ENOMEM, "read a window");
    if (err == MST_OK && cell.status == MST_SAMPLE_OK) {
      previous = cell;
      have_previous = true;
    }
  }
  return err;
}

static mst_err
read_window(mst_cursor *cursor, mst_window **ret_window, mst_errctx *ctx)
{
  uint64_t version = 0, series = 0;
  int64_t start_ns = 0, length_ns = 0;
  uint32_t fields, values = 0;
  mst_window *window = NULL;

  mst_err err = mst_cursor_array(cursor, "window", WINDOW_FIELDS, WINDOW_FIELDS, &fields, ctx);
  if (err == MST_OK && (err = mst_cursor_uint(cursor, "window format", UINT32_MAX, &version, ctx)) == MST_OK && version != FORMAT_VERSION)
    err = mst_fail(ctx, MST_EVERSION, "window format %llu; known here is %d", (unsigned long long)version, FORMAT_VERSION);
  if (err == MST_OK)
    err = mst_cursor_int(cursor, "window start", &start_ns, ctx);
  if (err == MST_OK)
    err = mst_cursor_int(cursor, "window length", &length_ns, ctx);
  if (err == MST_OK && (start_ns < 0 || length_ns <= 0 || start_ns > INT64_MAX - length_ns))
    err = corrupt("its times are out of range", ctx);
  if (err == MST_OK)
    err = mst_window_create((mst_wall){start_ns}, length_ns, &window, ctx);
  if (err == MST_OK)
    err = read_columns(cursor, window, ctx);
  if (err == MST_OK)
    err = mst_cursor_array(cursor, "rows", 0, ROWS_MAX, &values, ctx);
  if (err == MST_OK && (values % ROW_FIELDS != 0 || (values > 0 && window->column_count == 0)))
    err = corrupt("an incomplete row", ctx);
  for (uint32_t i = 0; err == MST_OK && i < values / ROW_FIELDS; i++)
    err = read_row(cursor, window, &series, i == 0, ctx);
  if (err == MST_OK)
    err = mst_cursor_end(cursor, "window", ctx);
  if (err != MST_OK) {
    mst_window_destroy(window);
    return err;
  }
  *ret_window = window;
  return MST_OK;
}

mst_err
mst_window_decode(mst_bytes bytes, mst_window **ret_window, mst_errctx *ctx)
{
  mst_cursor cursor;

  if (bytes.size_bytes > MST_WINDOW_MAX_BYTES)
    return mst_fail(ctx, MST_ELIMIT, "a window of %zu bytes; at most %d", bytes.size_bytes, MST_WINDOW_MAX_BYTES);
  mst_cursor_init(&cursor, bytes.data, bytes.size_bytes);
  return read_window(&cursor, ret_window, ctx);
}
