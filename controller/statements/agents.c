/* agent.approve, agent.revoke, agent.label. */
#include <string.h>

#include <mst/common/alloc.h>
#include <mst/common/log.h>

#include "labels.h"
#include "statements/act.h"
#include "statements/agent_change.h"

void
mst_agent_take_plan(mst_core *core, mst_agent_entry *agent)
{
  const mst_sealed_plan *plan = NULL;
  mst_errctx ctx = {0};

  if (core->plans && mst_plan_set_for(core->plans, agent->labels, core->keys.current, &plan, &ctx) != MST_OK)
    mst_log(MST_LOG_ERROR, "no-plan-for-agent", "hostname", agent->hostname, "reason", ctx.text, NULL);
  agent->plan = plan;
}

mst_err
mst_agent_store(mst_core *core, const mst_agent_entry *agent, mst_agent_state state, const char *labels, mst_wall now, mst_errctx *ctx)
{
  mst_store_agent record = {
      .number = agent->number,
      .key = agent->key,
      .state = state,
      .hostname = agent->hostname,
      .labels = labels,
      .enrolled_at = agent->enrolled_at,
      .changed_at = now,
  };

  memcpy(record.token_id, agent->token_id, sizeof record.token_id);
  return core->ops->agent_put(core->store, &record, ctx);
}

/* labels: taken over when it is carried out. */
static mst_err
change(mst_core *core, const mst_act *act, mst_agent_entry *agent, mst_agent_state state, char *labels, mst_errctx *ctx)
{
  char hex[MST_KEY_ID_HEX_BYTES];

  mst_err err = mst_core_begin(core, ctx);
  if (err != MST_OK)
    return err;
  err = mst_act_record(core, act, "", mst_key_id_hex(&agent->id, hex), ctx);
  if (err == MST_OK)
    err = mst_agent_store(core, agent, state, labels ? labels : agent->labels, act->received_at, ctx);
  err = mst_core_end(core, err, ctx);
  if (err != MST_OK)
    return err;
  pthread_rwlock_wrlock(&core->state.lock);
  agent->state = state;
  agent->changed_at = act->received_at;
  if (labels) {
    mst_free(agent->labels);
    agent->labels = labels;
    mst_agent_take_plan(core, agent);
  }
  pthread_rwlock_unlock(&core->state.lock);
  *act->ret_answer = json_pack("{s:b,s:s,s:s}", "ok", 1, "agent", hex, "hostname", agent->hostname);
  return MST_OK;
}

static mst_err
find(mst_core *core, const mst_act *act, mst_agent_entry **ret_agent, mst_errctx *ctx)
{
  char *subject = mst_act_subject(act);

  mst_err err =
      subject ? mst_agent_lookup(&core->state, subject, ret_agent, ctx) : mst_fail(ctx, MST_ENOMEM, "out of memory for a statement");
  mst_free(subject);
  return err;
}

mst_err
mst_act_agent_approve(mst_core *core, const mst_act *act, mst_errctx *ctx)
{
  static const char *const keys[] = {"reason", NULL};
  mst_agent_entry *agent = NULL;

  mst_err err = mst_act_only(act, keys, ctx);
  if (err == MST_OK)
    err = find(core, act, &agent, ctx);
  if (err == MST_OK && agent->state == MST_AGENT_APPROVED)
    err = mst_fail(ctx, MST_ESTATE, "%s is approved already", agent->hostname);
  return err == MST_OK ? change(core, act, agent, MST_AGENT_APPROVED, NULL, ctx) : err;
}

mst_err
mst_act_agent_revoke(mst_core *core, const mst_act *act, mst_errctx *ctx)
{
  static const char *const keys[] = {"reason", NULL};
  mst_agent_entry *agent = NULL;
  char *reason = NULL;

  mst_err err = mst_act_only(act, keys, ctx);
  if (err == MST_OK)
    err = mst_act_need(act, "reason", &reason, ctx);
  if (err == MST_OK)
    err = find(core, act, &agent, ctx);
  if (err == MST_OK && agent->state == MST_AGENT_REVOKED)
    err = mst_fail(ctx, MST_ESTATE, "%s is revoked already", agent->hostname);
  mst_free(reason);
  return err == MST_OK ? change(core, act, agent, MST_AGENT_REVOKED, NULL, ctx) : err;
}

mst_err
mst_act_agent_label(mst_core *core, const mst_act *act, mst_errctx *ctx)
{
  static const char *const keys[] = {"labels", NULL};
  const mst_text wanted = mst_statement_get(act->statement, "labels");
  mst_agent_entry *agent = NULL;
  mst_buf labels;
  char *text = NULL;

  mst_buf_init(&labels, MST_LABELS_TEXT_BYTES * 2);
  mst_err err = mst_act_only(act, keys, ctx);
  if (err == MST_OK)
    err = find(core, act, &agent, ctx);
  if (err == MST_OK)
    err = mst_labels_parse(wanted.data ? wanted.data : "", wanted.size_bytes, &labels, ctx);
  if (err == MST_OK) {
    text = mst_strdup(mst_buf_text(&labels));
    err = text ? change(core, act, agent, agent->state, text, ctx) : mst_fail(ctx, MST_ENOMEM, "out of memory for labels");
    if (err != MST_OK)
      mst_free(text);
  }
  mst_buf_done(&labels);
  return err;
}
