#ifndef MST_CONTROLLER_WINDOW_H
#define MST_CONTROLLER_WINDOW_H

#include <mst/proto/report.h>

/* A window: what one host reported in one minute (or the configured length), as exact samples in columns (one a report) by series.
 * Exact samples, not aggregates, so that reports may come in any order and twice and the same set gives the same bytes
 * (docs/adr/0002). Six columns a minute cost about what a histogram would. */
enum {
  MST_WINDOW_MAX_COLUMNS = 1024, /* a minute at 100 ms is 600 */
  MST_WINDOW_MAX_BYTES = 8 * 1024 * 1024,
};

/* Series are interned over all hosts: the same name, kind, unit, start and labels have the same number everywhere. Numbers start at 0 and
 * are never reused. */
typedef struct mst_series_table mst_series_table;
mst_err mst_series_table_create(uint32_t max_series, mst_series_table **ret_table, mst_errctx *ctx) MST_MUST_USE;
void mst_series_table_destroy(mst_series_table *table);
/* The number of a series; *ret_new says whether it was made by this call (the store must then keep it). MST_ELIMIT when the table is full.
 * Copies what it keeps. Not thread-safe: the owner locks. */
mst_err mst_series_table_intern(mst_series_table *table, const mst_series *series, uint32_t *ret_number, bool *ret_new,
                                mst_errctx *ctx) MST_MUST_USE;
/* NULL when there is none; the result lives as long as the table. */
const mst_series *mst_series_table_get(const mst_series_table *table, uint32_t number);
uint32_t mst_series_table_count(const mst_series_table *table);
/* Canonical bytes of one series, for the store; decode borrows from bytes. */
mst_err mst_series_encode(const mst_series *series, mst_buf *ret_bytes, mst_errctx *ctx) MST_MUST_USE;
mst_err mst_series_decode(mst_bytes bytes, mst_series *ret_series, mst_errctx *ctx) MST_MUST_USE;

typedef struct mst_window mst_window;

/* One report that is in a window. */
typedef struct mst_window_column {
  mst_session_id session;
  uint64_t sequence;
  uint8_t digest[8]; /* first bytes of the envelope's digest */
  mst_wall at;
  int64_t interval_ns;
} mst_window_column;

typedef struct mst_window_cell {
  uint32_t column; /* index into the columns */
  mst_sample_status status;
  double number;       /* gauge, counter */
  mst_text text;       /* state, or reason of an error */
  mst_bytes histogram; /* distribution, as on the wire */
} mst_window_cell;

/* One event of a report. All texts are borrowed from the window. */
typedef struct mst_window_event {
  uint32_t column; /* index into the columns */
  uint32_t series; /* of kind EVENT */
  mst_wall at;
  mst_text rule, level, sample;
  uint64_t count;
  mst_bytes fingerprint; /* 0 or 16 bytes */
} mst_window_event;

/* All that a window has of one series, in the order of the columns: at most one cell a column. Events are not cells, but a series of kind
 * EVENT has cells for when it was absent or could not be read. */
typedef struct mst_window_row {
  uint32_t series;
  mst_signal_kind kind;
  const mst_window_cell *cells; /* borrowed from the window */
  uint32_t cell_count;
} mst_window_row;

mst_err mst_window_create(mst_wall start, int64_t length_ns, mst_window **ret_window, mst_errctx *ctx) MST_MUST_USE;
void mst_window_destroy(mst_window *window);
/* Whether a window can take this report, for who answers it before its window is made: every id below number_count, no id twice, every
 * value of its series' kind (MST_EMALFORMED). *ret_charge_bytes is what it will count against MST_WINDOW_MAX_BYTES (a bound of what it
 * takes in a document). mst_window_add then fails only when the window is full (the sum of its charges over MST_WINDOW_MAX_BYTES - 64, or
 * MST_WINDOW_MAX_COLUMNS), when the column is wrong (time, interval, taken sequence) or memory is out - provided that no number stands
 * twice in `numbers`, which is for who fills them to see to. The report's iterators stay as they are. */
mst_err mst_window_check(const mst_report *report, const uint32_t *numbers, uint32_t number_count, const mst_series_table *table,
                         uint64_t *ret_charge_bytes, mst_errctx *ctx) MST_MUST_USE;
/* Adds a report as decoded, with its events: numbers[id] gives the series' number of the session's id, number_count of them. Copies what it
 * keeps. MST_EEXIST when (session, sequence) is in it already; MST_EMALFORMED when its time is outside the window, a series stands twice,
 * or a value is not of its series' kind; MST_ELIMIT. Unchanged on failure. After it the window must be sealed again. */
mst_err mst_window_add(mst_window *window, const mst_window_column *column, const mst_report *report, const uint32_t *numbers,
                       uint32_t number_count, const mst_series_table *table, mst_errctx *ctx) MST_MUST_USE;
/* Puts columns and rows into canonical order (columns by at, session, sequence; rows by series number); needed before the functions below.
 */
mst_err mst_window_seal(mst_window *window, mst_errctx *ctx) MST_MUST_USE;
/* Canonical bytes, appended: the same reports in any order, through any number of encode, decode and add, give the same ones. At most
 * MST_WINDOW_MAX_BYTES. MST_ESTATE when not sealed. Format: docs/window-format.md. */
mst_err mst_window_encode(const mst_window *window, mst_buf *ret_bytes, mst_errctx *ctx) MST_MUST_USE;
/* The result is sealed; it can be added to and sealed again. Copies what it keeps. MST_EMALFORMED, MST_ELIMIT, MST_EVERSION. Histograms are
 * not looked into: mst_histogram_decode does that. */
mst_err mst_window_decode(mst_bytes bytes, mst_window **ret_window, mst_errctx *ctx) MST_MUST_USE;

mst_wall mst_window_start(const mst_window *window);
int64_t mst_window_length_ns(const mst_window *window);
/* The sum of its reports' charges, and a little for itself; more can be added while it is under MST_WINDOW_MAX_BYTES. */
uint64_t mst_window_charge_bytes(const mst_window *window);
/* Columns are there at any time; in canonical order once sealed. NULL for an index that is none. */
uint32_t mst_window_column_count(const mst_window *window);
const mst_window_column *mst_window_column_at(const mst_window *window, uint32_t index);
/* Rows and events: 0 and NULL unless sealed. */
uint32_t mst_window_row_count(const mst_window *window);
const mst_window_row *mst_window_row_at(const mst_window *window, uint32_t index);
/* NULL when the window has no such series. */
const mst_window_row *mst_window_row_find(const mst_window *window, uint32_t series);
uint32_t mst_window_event_count(const mst_window *window);
const mst_window_event *mst_window_event_at(const mst_window *window, uint32_t index);
/* Whether (session, sequence) is one of its columns, and with which digest. */
const mst_window_column *mst_window_column_find(const mst_window *window, const mst_session_id *session, uint64_t sequence);
/* Samples with status OK. */
uint64_t mst_window_sample_count(const mst_window *window);

#endif
