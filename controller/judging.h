#ifndef MST_CONTROLLER_JUDGING_H
#define MST_CONTROLLER_JUDGING_H

#include "core_parts.h"
#include "runs.h"

/* Judging: a thread that owns the judge of the run. The keeper tells it, in order, what has become durable; it reads the rest from the
 * store through a handle of its own, so that rebuilding after a restart holds nobody up. */
typedef struct mst_judging mst_judging;

enum {
  /* Closed windows that may wait for the judge; the keeper closes no more until there is room. Each is some 50 KB. */
  MST_JUDGING_WINDOWS_MAX = 256,
};

mst_err mst_judging_create(mst_core *core, mst_judging **ret_judging, mst_errctx *ctx) MST_MUST_USE;
mst_err mst_judging_start(mst_judging *judging, mst_errctx *ctx) MST_MUST_USE;
void mst_judging_stop(mst_judging *judging);
void mst_judging_destroy(mst_judging *judging);

/* ---- from the keeper, in order ---- */
/* A run is on: builds its judge from the store. */
void mst_judging_begin(mst_core *core, mst_run *run);
void mst_judging_series(mst_core *core, uint32_t agent, uint32_t series, mst_wall defined_at);
/* How many windows there is room for. */
uint32_t mst_judging_room(mst_core *core);
/* A closed window of a host of the run; takes it over. is_changed: it was closed before, with less in it. */
void mst_judging_window(mst_core *core, uint32_t agent, mst_window *window, bool is_changed);
/* A statement of an operator that counts for the run. Copied. */
void mst_judging_statement(mst_core *core, const char *run_id, const mst_judge_statement *statement);
/* No more windows come; states[host] is what counts from here on. Copied. */
void mst_judging_freeze(mst_core *core, const mst_host_state *states, uint32_t count);
/* The run was ended before its time. */
void mst_judging_end(mst_core *core, mst_wall ended_at);
/* The run is over and kept; the judge can go. */
void mst_judging_drop(mst_core *core);

/* ---- what was found; any thread ---- */
typedef struct mst_finding {
  uint64_t version;
  char run_id[MST_RUN_ID_BYTES]; /* "": none yet */
  char *json;                    /* owned by who asked */
  mst_verdict_kind verdict, so_far;
  bool is_final;
  uint32_t counts[MST_PENDING + 1]; /* items by outcome */
} mst_finding;
/* The latest finding; with_json: with a copy of the canonical document. MST_EABSENT: there was none since the start. */
mst_err mst_judging_finding(mst_core *core, bool with_json, mst_finding *ret_finding, mst_errctx *ctx) MST_MUST_USE;
uint64_t mst_judging_version(mst_core *core);
/* Waits until the version is another, or the time is up. */
uint64_t mst_judging_wait(mst_core *core, uint64_t version, int64_t timeout_ns);

#endif
