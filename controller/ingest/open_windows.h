#ifndef MST_CONTROLLER_OPEN_WINDOWS_H
#define MST_CONTROLLER_OPEN_WINDOWS_H

#include "index.h"
#include "state.h"

/* Windows that have reports in the journal that are in no document yet: for each (agent, window) the journal's numbers, no samples. Keeper
 * only. */
enum {
  /* Agents that come back after hours bring many at once; what is over waits on the agents. */
  MST_OPEN_WINDOWS_MAX = 1000 * 1000,
};

typedef struct mst_open_report {
  int64_t id; /* in the journal */
  mst_session_entry *session;
  uint64_t sequence;
  uint32_t charge_bytes;
  uint8_t digest[8];
} mst_open_report;

/* What the window's document holds already: late reports must find room beside it. */
typedef struct mst_open_base {
  uint32_t columns;
  uint64_t charge_bytes;
} mst_open_base;

typedef struct mst_open_window {
  uint32_t agent;
  bool is_held; /* came after the run's inputs were frozen: waits for the decision */
  mst_wall start;
  mst_wall due;             /* when it is closed */
  uint32_t place;           /* in the heap; UINT32_MAX: in none */
  mst_open_report *reports; /* owned; the first `committed` are in the store, the rest belong to the batch under way */
  uint32_t count, capacity, committed;
  uint64_t charge_bytes; /* of the reports, without the base */
  mst_open_base base;
  bool is_touched; /* by the batch under way */
} mst_open_window;

typedef struct mst_open_windows {
  mst_index index;        /* by agent, start and is_held */
  mst_open_window **heap; /* earliest due first; held ones are not in it */
  uint32_t heap_count, heap_capacity;
  mst_open_window **touched; /* by the batch under way */
  uint32_t touched_count, touched_capacity;
} mst_open_windows;

void mst_open_windows_init(mst_open_windows *windows);
void mst_open_windows_done(mst_open_windows *windows);
mst_open_window *mst_open_windows_find(const mst_open_windows *windows, uint32_t agent, mst_wall start, bool is_held);
/* The report with that sequence; NULL when there is none. */
const mst_open_report *mst_open_window_report(const mst_open_window *window, const mst_session_entry *session, uint64_t sequence);

/* Whether a report of that charge can be added; for who decides whether it is taken. base: what the window's document holds
 * (mst_open_base_load). MST_ELIMIT: there is no room for it beside the document, the reports here and those that are held; MST_ESTATE: too
 * many windows wait. */
mst_err mst_open_windows_check(const mst_open_windows *windows, uint32_t agent, mst_wall start, bool is_held, const mst_open_base *base,
                               uint32_t charge_bytes, mst_errctx *ctx) MST_MUST_USE;
/* Adds a report to the batch under way, whether or not there is room: what was taken must be kept. Makes the window, due then, when there
 * is none. Fails when memory is out. */
mst_err mst_open_windows_add(mst_open_windows *windows, uint32_t agent, mst_wall start, bool is_held, mst_wall due,
                             const mst_open_base *base, const mst_open_report *report, mst_errctx *ctx) MST_MUST_USE;
/* The batch is in the store, or is not. */
void mst_open_windows_commit(mst_open_windows *windows);
void mst_open_windows_rollback(mst_open_windows *windows);

/* The one that is due first; NULL when none is open. */
mst_open_window *mst_open_windows_first(const mst_open_windows *windows);
/* Changes when it is due. */
void mst_open_windows_postpone(mst_open_windows *windows, mst_open_window *window, mst_wall due);
/* Its reports are in its document now: takes it out and frees it. */
void mst_open_windows_close(mst_open_windows *windows, mst_open_window *window);
/* Takes it out and frees it. */
void mst_open_windows_drop(mst_open_windows *windows, mst_open_window *window);
/* Makes those that start in [from, to) due now. */
void mst_open_windows_hasten(mst_open_windows *windows, mst_wall from, mst_wall to, mst_wall due);
/* Whether one that is not held starts in [from, to). */
bool mst_open_windows_any(const mst_open_windows *windows, mst_wall from, mst_wall to);
/* Puts the held ones among the others, due then. */
mst_err mst_open_windows_release(mst_open_windows *windows, mst_wall due, mst_errctx *ctx) MST_MUST_USE;

#endif
