#ifndef MST_CONTROLLER_RUNS_H
#define MST_CONTROLLER_RUNS_H

#include <stdatomic.h>

#include <jansson.h>

#include "core_parts.h"

/* The run that is on: what was frozen when it started. Immutable once it is made, but for what is marked; the keeper and judging hold
 * references. */
enum { MST_RUN_ID_BYTES = 32 };

typedef struct mst_run {
  atomic_int refs;
  char id[MST_RUN_ID_BYTES];
  char *checklist_name; /* in the config */
  mst_checklist *checklist;
  mst_wall start, end; /* the period */
  mst_wall freeze_at;  /* inputs count until then */
  int64_t window_ns, grace_ns;
  uint32_t host_count;
  mst_roster_host *hosts;
  char **labels;                                /* by host; what hosts[i].labels point into */
  uint32_t *agents;                             /* by host */
  uint32_t *host_of_agent, host_of_agent_count; /* UINT32_MAX: not on the roster */
  json_t *document;                             /* keeper only: what the store has */
  bool is_frozen;                               /* keeper only: inputs are in, nothing more counts */
  bool is_ended;                                /* keeper only: ended before its time */
} mst_run;

mst_run *mst_run_ref(mst_run *run);
void mst_run_unref(mst_run *run);

/* UINT32_MAX: not on the roster. */
static inline uint32_t
mst_run_host(const mst_run *run, uint32_t agent)
{
  return agent < run->host_of_agent_count ? run->host_of_agent[agent] : UINT32_MAX;
}
static inline bool
mst_run_covers(const mst_run *run, uint32_t agent, mst_wall start)
{
  return start.ns >= run->start.ns && start.ns < run->end.ns && mst_run_host(run, agent) != UINT32_MAX;
}
/* Whether a report for that window came too late for the run, and must wait until the run is decided. */
static inline bool
mst_run_holds(const mst_run *run, uint32_t agent, mst_wall start, mst_wall received_at)
{
  return received_at.ns >= run->freeze_at.ns && mst_run_covers(run, agent, start);
}

/* Makes the run of a document; takes the checklist over on success. */
mst_err mst_run_create(json_t *document, mst_checklist *checklist, const mst_state *state, mst_run **ret_run, mst_errctx *ctx) MST_MUST_USE;
/* Writes the run's document; in a transaction. put_memory: what the API shows, afterwards. */
mst_err mst_run_store(mst_core *core, const mst_run *run, mst_errctx *ctx) MST_MUST_USE;
void mst_run_publish(mst_core *core, const mst_run *run);

struct mst_act;
/* Keeper: ends the run before its time, in a transaction of its own. act: by whom; NULL: the controller itself, which the audit chain then
 * says. */
mst_err mst_run_end(mst_core *core, const char *reason, const struct mst_act *act, mst_errctx *ctx) MST_MUST_USE;
/* Writes a run that ended without a verdict because its checklist is gone. */
mst_err mst_run_close_orphan(mst_core *core, const mst_run *run, const char *reason, mst_errctx *ctx) MST_MUST_USE;
/* Keeper: the run's inputs are complete: says so in the document and tells judging. */
mst_err mst_run_freeze(mst_core *core, mst_errctx *ctx) MST_MUST_USE;
/* Keeper: keeps the final verdict. */
mst_err mst_run_decide(mst_core *core, const char *run_id, const char *verdict, const char *verdict_json, const mst_digest *digest,
                       mst_errctx *ctx) MST_MUST_USE;
/* Keeper: ends the run when the checklist or plan that it was started with is not the one of the config any more. */
mst_err mst_run_check_rules(mst_core *core, mst_errctx *ctx) MST_MUST_USE;

/* {"role": "api"} of "role=api". New reference; NULL when memory is out. */
json_t *mst_labels_json(const char *labels);
/* RFC 3339, or null for 0. New reference. */
json_t *mst_wall_json(mst_wall at);
/* "digest" of 64 hex digits; new reference. */
json_t *mst_digest_json(const mst_digest *digest);
const char *mst_run_json_text(const json_t *object, const char *key); /* "" when there is none */

#endif
