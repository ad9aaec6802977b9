#ifndef MST_WINDOWS_WINDOW_PARTS_H
#define MST_WINDOWS_WINDOW_PARTS_H

#include <mst/controller/window.h>

#include "windows/arena.h"

/* What a window charges for its parts: at least what each can take in a document (docs/window-format.md), so that the sum over what was
 * added bounds the document, and the same reports are taken or refused in whatever order they come. */
enum {
  MST_CHARGE_COLUMN_BYTES = 64, /* session 16, five numbers and a digest 48 */
  MST_CHARGE_CELL_BYTES = 32,   /* a row of its own 16, two runs 6, a number 9; texts and histograms on top */
  MST_CHARGE_EVENT_BYTES = 48,
  MST_CHARGE_WINDOW_BYTES = 64,
};

/* A row and what only adding needs. */
typedef struct mst_window_slot {
  mst_window_row row;  /* cells: valid while the window is sealed */
  uint32_t cell_count; /* with those not sealed yet */
  uint32_t stamp;      /* of the last mst_window_add that had a cell for it */
} mst_window_slot;

typedef struct mst_window_fresh {
  uint32_t row;
  mst_window_cell cell;
} mst_window_fresh;

/* Reports are appended to columns and fresh as they come; seal sorts columns, rows and events, and puts all cells row by row. */
struct mst_window {
  mst_wall start;
  int64_t length_ns;
  bool sealed;
  uint64_t charge_bytes, ok_count;
  uint32_t stamp;

  mst_window_column *columns;
  uint32_t column_count, column_capacity;
  mst_window_slot *rows;
  uint32_t row_count, row_capacity;
  uint32_t *index; /* series -> row + 1: open addressing; NULL until the first add since sealed */
  uint32_t index_count;
  mst_window_cell *cells; /* of the last seal, those of one row together */
  uint32_t cell_count;
  mst_window_fresh *fresh; /* added since */
  uint32_t fresh_count, fresh_capacity;
  mst_window_event *events; /* those of one column together once sealed */
  uint32_t event_count, event_capacity;
  mst_arena arena; /* texts and histograms */
};

/* Makes room for `need` elements, doubling. False when memory is out. */
bool mst_window_grow(void **array, uint32_t *capacity, uint64_t need, size_t size_bytes) MST_MUST_USE;
/* How much a sample or event is charged. */
uint64_t mst_window_cell_charge(mst_text text, mst_bytes histogram);
uint64_t mst_window_event_charge(const mst_window_event *event);
mst_err mst_window_fail_memory(mst_errctx *ctx);

#endif
