#ifndef MST_JUDGE_CELL_H
#define MST_JUDGE_CELL_H

#include "family.h"

/* Windows of the judge: numbers from 0 at the run's start. */
typedef struct mst_grid {
  mst_wall start;
  int64_t window_ns;
  uint32_t windows; /* of the period */
  uint32_t ahead;   /* windows that may be there before they are expected: a sliding span keeps that many more */
} mst_grid;

mst_err mst_cell_create(const mst_check *check, const mst_grid *grid, const mst_series *first, mst_cell **ret_cell,
                        mst_errctx *ctx) MST_MUST_USE;
void mst_cell_destroy(mst_cell *cell);
/* Adds a series; whole: it belongs to the denominator of a ratio. Only before windows that hold it are added. MST_ELIMIT when there are too
 * many. */
mst_err mst_cell_join(mst_cell *cell, const mst_series *series, uint32_t number, bool whole, uint32_t defined,
                      mst_errctx *ctx) MST_MUST_USE;
/* Whether this series is the same thing as one of the cell's, counted from another start. */
bool mst_cell_is_kin(const mst_cell *cell, const mst_series *series);
/* rows: by series number, NULL where the window has none. thin: the window has fewer reports than its length asks for. */
mst_err mst_cell_add(mst_cell *cell, const mst_window *window, uint32_t index, const mst_window_row *const *rows, bool thin,
                     mst_errctx *ctx) MST_MUST_USE;
void mst_cell_clear(mst_cell *cell);

/* host: the windows in which the cell's host reported anything. over: windows that are over now; final: nothing will come any more. */
void mst_cell_view(const mst_cell *cell, const mst_streaks *host, uint32_t over, bool final, mst_view *ret_view);
void mst_cell_estimate(const mst_cell *cell, const mst_streaks *host, const mst_view *view, mst_estimate *ret_estimate);

/* Canonical order of series: by labels. */
int mst_series_compare_labels(const mst_series *a, const mst_series *b);
/* The range of windows of a span. */
void mst_span_windows(const mst_span *span, const mst_grid *grid, uint32_t *ret_from, uint32_t *ret_to, uint32_t *ret_slide);

#endif
