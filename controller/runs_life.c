/* How a run ends: frozen, decided, or before its time. */
#include <string.h>

#include <mst/common/alloc.h>
#include <mst/common/log.h>

#include "audit.h"
#include "judging.h"
#include "runs.h"
#include "statements/act.h"

static mst_err
set_new(json_t *object, const char *key, json_t *value, mst_errctx *ctx)
{
  if (value && json_object_set_new(object, key, value) == 0)
    return MST_OK;
  return mst_fail(ctx, MST_ENOMEM, "out of memory for the run");
}

/* The run leaves: whatever waited for it goes on. */
static void
let_go(mst_core *core, bool is_decided)
{
  mst_run *run = core->run;
  mst_errctx ctx = {0};

  pthread_rwlock_wrlock(&core->state.lock);
  core->run = NULL;
  pthread_rwlock_unlock(&core->state.lock);
  if (mst_open_windows_release(&core->windows, mst_core_now(core), &ctx) != MST_OK)
    mst_log(MST_LOG_ERROR, "windows-not-released", "reason", ctx.text, NULL);
  if (is_decided)
    mst_judging_drop(core);
  mst_run_unref(run);
}

mst_err
mst_run_end(mst_core *core, const char *reason, const mst_act *act, mst_errctx *ctx)
{
  mst_run *run = core->run;
  const mst_wall now = mst_core_now(core);
  json_t *before = json_copy(run->document);

  mst_err err = before ? MST_OK : mst_fail(ctx, MST_ENOMEM, "out of memory for the run");
  if (err == MST_OK)
    err = set_new(run->document, "state", json_string("ended"), ctx);
  if (err == MST_OK)
    err = set_new(run->document, "ended_at", mst_wall_json(now), ctx);
  if (err == MST_OK)
    err = set_new(run->document, "reason", json_string(reason), ctx);
  if (err == MST_OK)
    err = mst_core_begin(core, ctx);
  if (err == MST_OK) {
    err = act ? mst_act_record(core, act, run->id, run->id, ctx) : mst_audit_append(core, "run.end", run->id, reason, strlen(reason), ctx);
    if (err == MST_OK)
      err = mst_run_store(core, run, ctx);
    err = mst_core_end(core, err, ctx);
  }
  if (err != MST_OK) {
    json_decref(run->document);
    run->document = before;
    return err;
  }
  json_decref(before);
  run->is_ended = true;
  mst_run_publish(core, run);
  mst_log(MST_LOG_INFO, "run-ended", "run", run->id, "reason", reason, NULL);
  mst_judging_end(core, now);
  return MST_OK;
}

mst_err
mst_run_close_orphan(mst_core *core, const mst_run *run, const char *reason, mst_errctx *ctx)
{
  mst_err err = mst_core_begin(core, ctx);

  if (err == MST_OK) {
    err = mst_audit_append(core, "run.end", run->id, reason, strlen(reason), ctx);
    if (err == MST_OK)
      err = mst_run_store(core, run, ctx);
    err = mst_core_end(core, err, ctx);
  }
  if (err != MST_OK)
    return err;
  mst_log(MST_LOG_WARN, "run-ended", "run", run->id, "reason", reason, NULL);
  mst_run_publish(core, run);
  return MST_OK;
}

/* What the hosts are at the freeze; those that are not as they were when the run started stand in the document. */
static json_t *
host_states(const mst_core *core, const mst_run *run, mst_host_state *ret_states)
{
  json_t *revoked = json_array(), *relabelled = json_array();
  bool is_good = revoked && relabelled;

  for (uint32_t i = 0; is_good && i < run->host_count; i++) {
    const mst_agent_entry *agent = core->state.agents[run->agents[i]];
    ret_states[i] = agent->state == MST_AGENT_REVOKED            ? MST_HOST_REVOKED
                    : strcmp(agent->labels, run->labels[i]) != 0 ? MST_HOST_RELABELLED
                                                                 : MST_HOST_OK;
    if (ret_states[i] != MST_HOST_OK)
      is_good = json_array_append_new(ret_states[i] == MST_HOST_REVOKED ? revoked : relabelled, json_string(run->hosts[i].agent_id)) == 0;
  }
  if (is_good)
    return json_pack("{s:o,s:o,s:o}", "at", mst_wall_json(mst_core_now(core)), "revoked", revoked, "relabelled", relabelled);
  json_decref(revoked);
  json_decref(relabelled);
  return NULL;
}

mst_err
mst_run_freeze(mst_core *core, mst_errctx *ctx)
{
  mst_run *run = core->run;
  mst_host_state *states = mst_alloc(run->host_count ? run->host_count : 1, sizeof *states);

  if (!states)
    return mst_fail(ctx, MST_ENOMEM, "out of memory for the run");
  mst_err err = set_new(run->document, "frozen", host_states(core, run, states), ctx);
  if (err == MST_OK)
    err = mst_core_begin(core, ctx);
  if (err == MST_OK)
    err = mst_core_end(core, mst_run_store(core, run, ctx), ctx);
  if (err == MST_OK) {
    run->is_frozen = true;
    mst_run_publish(core, run);
    mst_log(MST_LOG_INFO, "run-frozen", "run", run->id, "meaning", "later data does not change its result", NULL);
    mst_judging_freeze(core, states, run->host_count);
  }
  mst_free(states);
  return err;
}

mst_err
mst_run_decide(mst_core *core, const char *run_id, const char *verdict, const char *verdict_json, const mst_digest *digest, mst_errctx *ctx)
{
  mst_run *run = core->run;
  const mst_wall now = mst_core_now(core);
  char body[256], hex[MST_DIGEST_HEX_BYTES];

  if (!run || strcmp(run->id, run_id) != 0)
    return MST_OK; /* decided before */
  mst_err err = set_new(run->document, "verdict", json_string(verdict), ctx);
  if (err == MST_OK)
    err = set_new(run->document, "result", json_string(verdict_json), ctx); /* as a text: these very bytes */
  if (err == MST_OK && !run->is_ended) {
    err = set_new(run->document, "state", json_string("decided"), ctx);
    if (err == MST_OK)
      err = set_new(run->document, "ended_at", mst_wall_json(now), ctx);
  }
  if (err == MST_OK)
    err = mst_core_begin(core, ctx);
  if (err != MST_OK)
    return err;
  snprintf(body, sizeof body, "{\"digest\":\"%s\",\"verdict\":\"%s\"}", mst_digest_hex(digest, hex), verdict);
  err = mst_run_store(core, run, ctx);
  if (err == MST_OK)
    err = mst_audit_append(core, "run.decided", run->id, body, strlen(body), ctx);
  err = mst_core_end(core, err, ctx);
  if (err != MST_OK)
    return err;
  mst_run_publish(core, run);
  mst_log(MST_LOG_INFO, "run-decided", "run", run->id, "verdict", verdict, "digest", hex, NULL);
  let_go(core, true);
  return MST_OK;
}

/* Why the run cannot go on under the config of now; NULL: it can. */
static const char *
broken_rule(const mst_core *core, const mst_run *run)
{
  const mst_controller_config *config = core->config;
  const mst_controller_checklist *entry = NULL;
  mst_digest running = mst_checklist_digest(run->checklist);
  char hex[MST_DIGEST_HEX_BYTES];
  mst_diags diags;

  for (size_t i = 0; i < config->checklists.count; i++) {
    const mst_controller_checklist *one = (const mst_controller_checklist *)config->checklists.items + i;
    if (strcmp(one->name, run->checklist_name) == 0)
      entry = one;
  }
  if (!entry)
    return "its checklist is not in the config any more";
  mst_diags_init(&diags);
  mst_checklist *now = mst_checklist_load(entry->file, entry->overlay, &diags);
  mst_digest fresh = now ? mst_checklist_digest(now) : (mst_digest){{0}};
  mst_checklist_destroy(now);
  mst_diags_done(&diags);
  if (!mst_digest_equal(&fresh, &running))
    return "its checklist was changed";
  mst_digest plan = core->plans ? mst_plan_set_digest(core->plans) : (mst_digest){{0}};
  if (strcmp(mst_digest_hex(&plan, hex), mst_run_json_text(json_object_get(run->document, "plan"), "digest")) != 0)
    return "the plan was changed";
  return NULL;
}

mst_err
mst_run_check_rules(mst_core *core, mst_errctx *ctx)
{
  const char *reason = core->run && !core->run->is_ended ? broken_rule(core, core->run) : NULL;

  return reason ? mst_run_end(core, reason, NULL, ctx) : MST_OK;
}
