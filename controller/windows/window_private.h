#ifndef MST_WINDOW_PRIVATE_H
#define MST_WINDOW_PRIVATE_H

#include <mst/controller/window.h>

#include "arena.h"

/* A row while it grows. `row.cells` always points at cells. */
typedef struct mst_window_slot {
  mst_window_row row;
  mst_window_cell *cells;
  uint32_t capacity;
} mst_window_slot;

struct mst_window {
  mst_wall start;
  int64_t length_ns;
  bool sealed;
  mst_window_column *columns;
  uint32_t column_count, column_capacity;
  mst_window_slot *slots;
  uint32_t slot_count, slot_capacity;
  uint32_t *index; /* open addressing: series number -> slot + 1; 0 is free */
  uint32_t index_size;
  mst_arena arena; /* texts and histograms of the cells */
};

/* The row of a series, made when it is not there. NULL when memory is out. */
mst_window_slot *mst_window_slot_of(mst_window *window, uint32_t series, mst_signal_kind kind);
/* Appends a cell whose text and histogram the arena has. */
bool mst_window_slot_append(mst_window_slot *slot, const mst_window_cell *cell);
bool mst_window_column_append(mst_window *window, const mst_window_column *column);

#endif
