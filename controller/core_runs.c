/* Documents of /api/v1 on runs and verdicts. */
#include <string.h>

#include <mst/common/alloc.h>

#include "core_parts.h"
#include "judging.h"
#include "runs.h"

/* How long who asks right after the start waits for the first verdict. */
static const int64_t first_verdict_ns = 10 * MST_NS_PER_S;

static json_t *
run_json(const mst_run_entry *entry)
{
  json_t *document = json_loads(entry->document, 0, NULL);

  if (!document)
    return NULL;
  json_object_del(document, "result"); /* has a path of its own */
  return document;
}

json_t *
mst_core_runs_json(mst_core *core)
{
  json_t *list = json_array();

  pthread_rwlock_rdlock(&core->state.lock);
  for (uint32_t i = core->state.run_count; list && i-- > 0;) /* newest first */
    if (json_array_append_new(list, run_json(&core->state.runs[i])) != 0) {
      json_decref(list);
      list = NULL;
    }
  pthread_rwlock_unlock(&core->state.lock);
  return list ? json_pack("{s:o}", "runs", list) : NULL;
}

/* Under the lock. An empty id: the latest, which is the one that is on when there is one. */
static const mst_run_entry *
find_run(const mst_core *core, const char *id)
{
  const mst_state *state = &core->state;

  if (!id || id[0] == '\0')
    return state->run_count > 0 ? &state->runs[state->run_count - 1] : NULL;
  for (uint32_t i = 0; i < state->run_count; i++)
    if (strcmp(state->runs[i].id, id) == 0)
      return &state->runs[i];
  return NULL;
}

static mst_err
no_run(mst_errctx *ctx, const char *id)
{
  if (!id || id[0] == '\0')
    return mst_fail(ctx, MST_EABSENT, "there is no run yet; `muster run start --checklist NAME` starts one");
  return mst_fail(ctx, MST_EABSENT, "there is no run %.64s; `muster run list` shows the runs", id);
}

mst_err
mst_core_run_json(mst_core *core, const char *run_id, json_t **ret_document, mst_errctx *ctx)
{
  json_t *document = NULL;

  pthread_rwlock_rdlock(&core->state.lock);
  const mst_run_entry *entry = find_run(core, run_id);
  if (entry)
    document = run_json(entry);
  pthread_rwlock_unlock(&core->state.lock);
  if (!entry)
    return no_run(ctx, run_id);
  if (!document)
    return mst_fail(ctx, MST_ENOMEM, "out of memory for a run's document");
  *ret_document = document;
  return MST_OK;
}

/* ---- verdicts ---- */

/* The verdict that was kept with a run that is over; NULL when it is not. */
static char *
kept_verdict(const mst_run_entry *entry)
{
  json_t *document = json_loads(entry->document, 0, NULL);
  const char *text = mst_run_json_text(document, "result");
  char *copy = text[0] ? mst_strdup(text) : NULL;

  json_decref(document);
  return copy;
}

/* The finding of a run that is on; waits a little for the first. */
static mst_err
live_verdict(mst_core *core, const char *id, char **ret_json, mst_errctx *ctx)
{
  const mst_mono until = {mst_clock_mono(mst_clock_system()).ns + first_verdict_ns};
  mst_finding finding = {0};

  for (;;) {
    uint64_t version = mst_judging_version(core);
    mst_err err = mst_judging_finding(core, true, &finding, ctx);
    if (err == MST_OK && strcmp(finding.run_id, id) == 0) {
      *ret_json = finding.json;
      return MST_OK;
    }
    if (err == MST_OK)
      mst_free(finding.json);
    int64_t left_ns = until.ns - mst_clock_mono(mst_clock_system()).ns;
    if (left_ns <= 0 || atomic_load(&core->is_stopping))
      return mst_fail(ctx, MST_ESTATE, "run %s is not judged yet; its data is being read", id);
    mst_judging_wait(core, version, left_ns);
  }
}

mst_err
mst_core_verdict_text(mst_core *core, const char *run_id, char **ret_json, mst_errctx *ctx)
{
  char id[MST_RUN_ID_BYTES] = "";
  char *kept = NULL;
  bool is_on = false;

  pthread_rwlock_rdlock(&core->state.lock);
  const mst_run_entry *entry = find_run(core, run_id);
  if (entry) {
    snprintf(id, sizeof id, "%s", entry->id);
    is_on = core->run && strcmp(core->run->id, id) == 0;
    kept = kept_verdict(entry);
  }
  pthread_rwlock_unlock(&core->state.lock);
  if (!entry)
    return no_run(ctx, run_id);
  if (kept) {
    *ret_json = kept;
    return MST_OK;
  }
  if (!is_on)
    return mst_fail(ctx, MST_EABSENT, "run %s was ended before there was a verdict; `muster run show %s` says why", id, id);
  return live_verdict(core, id, ret_json, ctx);
}

uint64_t
mst_core_verdict_wait(mst_core *core, uint64_t version, int64_t timeout_ns)
{
  return mst_judging_wait(core, version, timeout_ns);
}

uint64_t
mst_core_verdict_version(mst_core *core)
{
  return mst_judging_version(core);
}

/* ---- status ---- */

static json_t *
counts_json(const mst_finding *finding)
{
  json_t *counts = json_object();

  for (int outcome = 0; counts && outcome <= MST_PENDING; outcome++)
    json_object_set_new(counts, mst_outcome_name((mst_outcome)outcome), json_integer(finding->counts[outcome]));
  return counts;
}

/* How much of the period has passed, 0 to 1. */
static double
observed(const json_t *document, mst_wall now)
{
  mst_errctx ctx = {0};
  mst_wall start, end;

  if (mst_wall_parse(mst_run_json_text(document, "started_at"), &start, &ctx) != MST_OK ||
      mst_wall_parse(mst_run_json_text(document, "ends_at"), &end, &ctx) != MST_OK || end.ns <= start.ns || now.ns <= start.ns)
    return 0;
  return now.ns >= end.ns ? 1 : (double)(now.ns - start.ns) / (double)(end.ns - start.ns);
}

static json_t *
summary_json(mst_core *core, json_t *document)
{
  const char *state = mst_run_json_text(document, "state");
  mst_wall now = mst_core_now(core);
  mst_finding finding = {0};
  mst_errctx ctx = {0};
  bool is_found =
      mst_judging_finding(core, false, &finding, &ctx) == MST_OK && strcmp(finding.run_id, mst_run_json_text(document, "id")) == 0;

  if (mst_run_json_text(document, "ended_at")[0] != '\0')
    (void)!mst_wall_parse(mst_run_json_text(document, "ended_at"), &now, &ctx);
  json_t *summary =
      json_pack("{s:O,s:O,s:s,s:O,s:O,s:O,s:f,s:O}", "id", json_object_get(document, "id"), "checklist",
                json_object_get(json_object_get(document, "checklist"), "name"), "state", state, "started_at",
                json_object_get(document, "started_at"), "ends_at", json_object_get(document, "ends_at"), "reason",
                json_object_get(document, "reason"), "observed", observed(document, now), "verdict", json_object_get(document, "verdict"));
  if (summary && is_found) {
    json_object_set_new(summary, "verdict", json_string(mst_verdict_name(finding.verdict)));
    json_object_set_new(summary, "verdict_so_far", json_string(mst_verdict_name(finding.so_far)));
    json_object_set_new(summary, "final", json_boolean(finding.is_final));
    json_object_set_new(summary, "counts", counts_json(&finding));
  } else if (summary) {
    json_object_set_new(summary, "verdict_so_far", json_incref(json_object_get(document, "verdict")));
    json_object_set_new(summary, "final", json_boolean(strcmp(state, "running") != 0));
    json_object_set_new(summary, "counts", json_object());
  }
  return summary;
}

json_t *
mst_core_status_json(mst_core *core)
{
  char key[MST_PUBLIC_KEY_TEXT_BYTES];
  mst_agent_counts counts;
  json_t *run = NULL, *document = NULL, *next = NULL;

  pthread_rwlock_rdlock(&core->state.lock);
  const mst_run_entry *entry = find_run(core, "");
  if (entry)
    document = run_json(entry);
  mst_public_key_format(mst_key_public(core->keys.current), key);
  if (core->keys.next) {
    char next_key[MST_PUBLIC_KEY_TEXT_BYTES];
    next = json_string(mst_public_key_format(mst_key_public(core->keys.next), next_key));
  }
  pthread_rwlock_unlock(&core->state.lock);
  run = document ? summary_json(core, document) : json_null();
  json_decref(document);
  mst_core_count_agents(core, &counts);
  return json_pack("{s:s,s:o,s:o,s:{s:I,s:I,s:I,s:I},s:I,s:{s:I,s:b},s:s,s:o}", "version", MST_VERSION, "now",
                   mst_wall_json(mst_core_now(core)), "run", run, "agents", "approved", (json_int_t)counts.approved, "pending",
                   (json_int_t)counts.pending, "revoked", (json_int_t)counts.revoked, "silent", (json_int_t)counts.silent,
                   "verdict_version", (json_int_t)mst_judging_version(core), "store", "size_bytes",
                   (json_int_t)core->ops->size_bytes(core->store), "disk_full", (int)atomic_load(&core->is_disk_full), "controller_key",
                   key, "next_controller_key", next ? next : json_null());
}
