/* Writing a window's document. Layout: docs/window-format.md. */
#include "windows/window_document.h"

#include <math.h>
#include <msgpack/pack.h>
#include <string.h>

#include <mst/common/alloc.h>

const double mst_document_scales[MST_FORM_COUNT] = {[MST_FORM_WHOLE] = 1, 1e2, 1e3, 1e6, 1e9};

static int
write_bytes(void *buf, const char *data, size_t size_bytes)
{
  mst_buf_append(buf, data, size_bytes);
  return 0; /* a full buffer says so at the end */
}

static void
pack_text(msgpack_packer *pack, mst_text text)
{
  msgpack_pack_str_with_body(pack, text.data, text.size_bytes);
}

static bool
same_bits(double a, double b)
{
  return memcmp(&a, &b, sizeof a) == 0;
}

/* value * scale when that is a whole number from which value comes back bit by bit. Up to the limits the product is off by less than a
 * half, so that no other whole number could be it. */
static inline bool
whole_of(double value, double scale, int64_t *ret_whole)
{
  double scaled = value * scale, most = scale > 1 ? MST_DOCUMENT_SCALED_MOST : MST_DOCUMENT_WHOLE_MOST;

  if (!(fabs(scaled) <= most))
    return false;
  /* From 2^52 on every double is whole, and adding a half could round to its neighbour. */
  int64_t whole = (int64_t)(fabs(scaled) < 0x1p52 ? scaled + copysign(0.5, scaled) : scaled);
  if (!same_bits((double)whole / scale, value))
    return false;
  *ret_whole = whole;
  return true;
}

/* As in a report: whole ones as integers where these are exact. */
static void
pack_number(msgpack_packer *pack, double value)
{
  int64_t whole;

  if (whole_of(value, 1, &whole))
    msgpack_pack_int64(pack, whole);
  else
    msgpack_pack_double(pack, value);
}

static bool
same_value(const mst_window_cell *a, const mst_window_cell *b)
{
  return same_bits(a->number, b->number) && a->text.size_bytes == b->text.size_bytes &&
         a->histogram.size_bytes == b->histogram.size_bytes &&
         (a->text.size_bytes == 0 || memcmp(a->text.data, b->text.data, a->text.size_bytes) == 0) &&
         (a->histogram.size_bytes == 0 || memcmp(a->histogram.data, b->histogram.data, a->histogram.size_bytes) == 0);
}

static bool
fits_form(const mst_window_row *row, mst_row_form form)
{
  int64_t whole;

  for (uint32_t i = 0; i < row->cell_count; i++) {
    if (row->cells[i].status == MST_SAMPLE_OK && !whole_of(row->cells[i].number, mst_document_scales[form], &whole))
      return false;
  }
  return true;
}

/* The first form that fits, so that a row has one only. */
static mst_row_form
form_of(const mst_window_row *row)
{
  const mst_window_cell *first = NULL;
  bool same = true;

  for (uint32_t i = 0; same && i < row->cell_count; i++) {
    if (row->cells[i].status != MST_SAMPLE_OK)
      continue;
    same = !first || same_value(first, &row->cells[i]);
    first = &row->cells[i];
  }
  if (same)
    return MST_FORM_SAME;
  if (row->kind != MST_SIGNAL_GAUGE && row->kind != MST_SIGNAL_COUNTER)
    return MST_FORM_EACH;
  for (mst_row_form form = MST_FORM_WHOLE; form < MST_FORM_COUNT; form++) {
    if (fits_form(row, form))
      return form;
  }
  return MST_FORM_EACH;
}

static void
pack_value(msgpack_packer *pack, const mst_window_row *row, const mst_window_cell *cell)
{
  if (row->kind == MST_SIGNAL_STATE)
    pack_text(pack, cell->text);
  else if (row->kind == MST_SIGNAL_DISTRIBUTION)
    msgpack_pack_bin_with_body(pack, cell->histogram.data, cell->histogram.size_bytes);
  else
    pack_number(pack, cell->number);
}

static void
pack_values(msgpack_packer *pack, const mst_window_row *row, mst_row_form form)
{
  const mst_window_cell *before = NULL;
  int64_t last = 0, whole = 0;

  for (uint32_t i = 0; i < row->cell_count; i++) {
    const mst_window_cell *cell = &row->cells[i];
    if (cell->status != MST_SAMPLE_OK)
      continue;
    if (form >= MST_FORM_WHOLE) {
      (void)whole_of(cell->number, mst_document_scales[form], &whole); /* form_of has seen that it is */
      msgpack_pack_int64(pack, whole - last);
      last = whole;
    } else if (before && form == MST_FORM_SAME) {
      return;
    } else if (before && row->kind >= MST_SIGNAL_DISTRIBUTION && same_value(before, cell)) {
      msgpack_pack_nil(pack);
    } else {
      pack_value(pack, row, cell);
    }
    before = cell;
  }
}

static void
pack_reasons(msgpack_packer *pack, const mst_window_row *row)
{
  const mst_window_cell *before = NULL;

  for (uint32_t i = 0; i < row->cell_count; i++) {
    const mst_window_cell *cell = &row->cells[i];
    if (cell->status == MST_SAMPLE_OK)
      continue;
    if (before && same_value(before, cell))
      msgpack_pack_nil(pack);
    else
      pack_text(pack, cell->text);
    before = cell;
  }
}

/* Walks the runs of a row; packs them when pack is given. Returns how many there are. */
static uint32_t
walk_runs(msgpack_packer *pack, const mst_window_row *row)
{
  uint32_t runs = 0, next_column = 0;

  for (uint32_t i = 0; i < row->cell_count;) {
    const mst_window_cell *cell = &row->cells[i];
    uint32_t length = 1;
    while (i + length < row->cell_count && row->cells[i + length].status == cell->status &&
           row->cells[i + length].column == cell->column + length)
      length++;
    if (cell->column > next_column) {
      runs++;
      if (pack)
        msgpack_pack_uint32(pack, (cell->column - next_column) * MST_RUN_MARKS + MST_RUN_NONE);
    }
    runs++;
    if (pack)
      msgpack_pack_uint32(pack, length * MST_RUN_MARKS + MST_RUN_OK + (uint32_t)cell->status);
    next_column = cell->column + length;
    i += length;
  }
  return runs;
}

static void
pack_row(msgpack_packer *pack, const mst_window *window, const mst_window_row *row, uint32_t series_step)
{
  mst_row_form form = form_of(row);
  uint32_t ok = 0;

  for (uint32_t i = 0; i < row->cell_count; i++)
    ok += row->cells[i].status == MST_SAMPLE_OK;
  bool sparse = ok < window->column_count;
  uint32_t values = form == MST_FORM_SAME ? ok > 0 : ok;
  msgpack_pack_array(pack, 2 + (sparse ? 1 + (size_t)(row->cell_count - ok) : 0) + values);
  msgpack_pack_uint32(pack, series_step);
  msgpack_pack_uint8(pack, (uint8_t)(row->kind | (uint32_t)form << MST_HEAD_FORM_SHIFT | (sparse ? MST_HEAD_SPARSE : 0)));
  if (sparse) {
    msgpack_pack_array(pack, walk_runs(NULL, row));
    walk_runs(pack, row);
    pack_reasons(pack, row);
  }
  pack_values(pack, row, form);
}

/* Columns name their session by its place in the list of sessions, which stand there in the order in which the columns need them. */
static mst_err
pack_columns(msgpack_packer *pack, const mst_window *window, mst_errctx *ctx)
{
  struct known {
    const mst_session_id *id;
    uint64_t sequence;
  } *known = mst_alloc(window->column_count, sizeof *known);
  uint32_t *which = mst_alloc(window->column_count, sizeof *which), known_count = 0;
  int64_t at_ns = window->start.ns, interval_ns = 0;
  mst_err err = MST_OK;

  if (!known || !which) {
    err = mst_window_fail_memory(ctx);
    goto out;
  }
  for (uint32_t i = 0; i < window->column_count; i++) {
    const mst_session_id *session = &window->columns[i].session;
    while (which[i] < known_count && memcmp(known[which[i]].id, session, sizeof *session) != 0)
      which[i]++;
    if (which[i] == known_count)
      known[known_count++].id = session;
  }
  msgpack_pack_bin(pack, (size_t)known_count * MST_SESSION_BYTES);
  for (uint32_t i = 0; i < known_count; i++)
    msgpack_pack_bin_body(pack, known[i].id, MST_SESSION_BYTES);
  msgpack_pack_array(pack, (size_t)window->column_count * MST_DOCUMENT_COLUMN_ELEMENTS);
  for (uint32_t i = 0; i < window->column_count; i++) {
    const mst_window_column *column = &window->columns[i];
    msgpack_pack_uint32(pack, which[i]);
    msgpack_pack_int64(pack, (int64_t)(column->sequence - known[which[i]].sequence));
    msgpack_pack_int64(pack, column->at.ns - at_ns);
    msgpack_pack_int64(pack, column->interval_ns - interval_ns);
    msgpack_pack_bin_with_body(pack, column->digest, sizeof column->digest);
    known[which[i]].sequence = column->sequence;
    at_ns = column->at.ns;
    interval_ns = column->interval_ns;
  }
out:
  mst_free(known);
  mst_free(which);
  return err;
}

static void
pack_events(msgpack_packer *pack, const mst_window *window)
{
  msgpack_pack_array(pack, (size_t)window->event_count * MST_DOCUMENT_EVENT_ELEMENTS);
  for (uint32_t i = 0; i < window->event_count; i++) {
    const mst_window_event *event = &window->events[i];
    msgpack_pack_uint32(pack, event->column);
    msgpack_pack_uint32(pack, event->series);
    msgpack_pack_int64(pack, event->at.ns - window->start.ns);
    pack_text(pack, event->rule);
    pack_text(pack, event->level);
    msgpack_pack_uint64(pack, event->count);
    pack_text(pack, event->sample);
    msgpack_pack_bin_with_body(pack, event->fingerprint.data, event->fingerprint.size_bytes);
  }
}

mst_err
mst_window_encode(const mst_window *window, mst_buf *ret_bytes, mst_errctx *ctx)
{
  msgpack_packer pack = {.data = ret_bytes, .callback = write_bytes};
  size_t start = ret_bytes->size_bytes;
  uint32_t series = 0;

  if (!window->sealed)
    return mst_fail(ctx, MST_ESTATE, "window: must be sealed before it is encoded");
  msgpack_pack_array(&pack, MST_DOCUMENT_ELEMENTS);
  msgpack_pack_uint8(&pack, MST_DOCUMENT_VERSION);
  msgpack_pack_int64(&pack, window->start.ns);
  msgpack_pack_int64(&pack, window->length_ns);
  mst_err err = pack_columns(&pack, window, ctx);
  if (err == MST_OK) {
    msgpack_pack_array(&pack, window->row_count);
    for (uint32_t i = 0; i < window->row_count; i++) {
      const mst_window_row *row = &window->rows[i].row;
      pack_row(&pack, window, row, row->series - series);
      series = row->series;
    }
    pack_events(&pack, window);
    err = mst_buf_check(ret_bytes, "window document", ctx);
  }
  if (err != MST_OK && ret_bytes->size_bytes > start) {
    ret_bytes->size_bytes = start;
    ret_bytes->data[start] = '\0';
  }
  return err;
}
