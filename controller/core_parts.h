#ifndef MST_CONTROLLER_CORE_PARTS_H
#define MST_CONTROLLER_CORE_PARTS_H

#include <stdatomic.h>

#include <mst/controller/core.h>
#include <mst/controller/store.h>
#include <mst/proto/reply.h>

#include "config.h"
#include "ingest/open_windows.h"
#include "keys.h"
#include "plan.h"
#include "state.h"

/* The running controller. Threads:
 *   nng's       receive envelopes, verify and decode them (ingest/socket.c, verify.c)
 *   keeper      the only one that writes: state, store, open windows, keys, plans (keeper.c)
 *   judging     owns the judge and a read-only handle on the store (judging.c)
 *   HTTP's      read under the state's lock, and hand statements to the keeper
 * Locks, in the order in which they are taken: state.lock, state.series_lock; the queues' own locks are taken last and alone. */

typedef struct mst_counters {
  atomic_uint_fast64_t received, stored[MST_ENVELOPE_LOSS + 1], repeated, needed_definitions, later, samples;
  atomic_uint_fast64_t refused[MST_REFUSAL_COUNT];
  atomic_uint_fast64_t batches, windows_sealed, windows_changed, windows_overflowed, conflicts, lost_records, evaluations, store_errors;
  atomic_uint_fast64_t commit_ns, evaluate_ns; /* of the last */
  atomic_uint_fast64_t open_windows;
} mst_counters;

struct mst_keeper;
struct mst_judging;
struct mst_ingest;
struct mst_run;

struct mst_core {
  const mst_controller_config *config; /* borrowed; the keeper's, which replaces it on reload */
  const mst_clock *clock;
  int64_t window_ns, grace_ns; /* never change while it runs */
  atomic_int_fast64_t evaluate_every_ns;
  const mst_store_ops *ops;
  mst_store *store; /* keeper only, once it runs */
  char *store_location;
  mst_keys keys;       /* keeper changes; others read under the state's lock */
  mst_plan_set *plans; /* NULL: no plan. Keeper changes; others read under the state's lock */
  mst_state state;
  mst_open_windows windows; /* keeper only */
  mst_counters counters;
  atomic_bool is_disk_full, is_store_failing, is_stopping;
  atomic_int_fast64_t first_due_ns; /* when the next open window is due; INT64_MAX: none */
  mst_wall started_at;
  mst_wall pruned_at;       /* keeper only */
  mst_mono store_failed_at; /* keeper only; 0: it works */
  struct mst_run *run;      /* the run that is on; keeper changes under the state's lock; NULL: none */
  struct mst_keeper *keeper;
  struct mst_judging *judging;
  struct mst_ingest *ingest;
};

/* ---- core.c ---- */
/* Opens the store, loads everything, makes the key at first start. The caller destroys *ret_core. */
mst_err mst_core_create(const mst_controller_config *config, const mst_clock *clock, mst_core **ret_core, mst_errctx *ctx) MST_MUST_USE;
/* Starts the threads and listens. */
mst_err mst_core_start(mst_core *core, mst_errctx *ctx) MST_MUST_USE;
/* Stops listening, commits what was received, ends the threads. Repeatable. */
void mst_core_stop(mst_core *core);
void mst_core_destroy(mst_core *core);
/* Takes a newly loaded config (the caller keeps the old one until this returns): plan, checklists, retention and ages. A changed plan or
 * checklist ends the run. What needs a restart (listeners, window, store) is said in the log. */
mst_err mst_core_reload(mst_core *core, const mst_controller_config *config, mst_errctx *ctx) MST_MUST_USE;
/* The URL of listener i with the port that it got. */
mst_err mst_core_listener_url(const mst_core *core, uint32_t i, char *ret_url, size_t size_bytes, mst_errctx *ctx) MST_MUST_USE;

/* ---- core_json.c ---- */
typedef struct mst_agent_counts {
  uint32_t approved, pending, revoked, silent, sessions, series;
} mst_agent_counts;
void mst_core_count_agents(mst_core *core, mst_agent_counts *ret_counts);

/* ---- load.c ---- */
mst_err mst_core_load(mst_core *core, mst_errctx *ctx) MST_MUST_USE;

/* ---- refusals: count, and say in the log ---- */
void mst_core_count_refusal(mst_core *core, mst_refusal refusal, const mst_envelope *envelope, const char *reason);

/* ---- transaction.c: transactions of the keeper ---- */
#define MST_STORE_PAUSE_NS (1 * MST_NS_PER_S) /* a store that failed is tried again after this */
mst_err mst_core_begin(mst_core *core, mst_errctx *ctx) MST_MUST_USE;
/* Commits, or rolls back when err is not MST_OK or the commit fails; returns the first error. Keeps account of a full disk. */
mst_err mst_core_end(mst_core *core, mst_err err, mst_errctx *ctx) MST_MUST_USE;

static inline mst_wall
mst_core_now(const mst_core *core)
{
  return mst_clock_wall(core->clock);
}
static inline mst_wall
mst_core_window_start(const mst_core *core, mst_wall at)
{
  int64_t length = core->window_ns, rest = at.ns % length;

  return (mst_wall){at.ns - (rest < 0 ? rest + length : rest)};
}

#endif
