/* Enrolment: an agent brings its key and proves that it was given a token. */
#include "statements/enrol.h"

#include <string.h>

#include <mst/common/alloc.h>
#include <mst/common/log.h>

#include "audit.h"
#include "statements/agent_change.h"

static const int64_t approval_retry_ns = 15 * MST_NS_PER_S;

static void
answer(mst_job *job, mst_agent_state state, bool is_fresh)
{
  if (state == MST_AGENT_APPROVED)
    mst_job_accept(job, is_fresh);
  else if (state == MST_AGENT_PENDING)
    mst_job_later(job, approval_retry_ns, "enrolled; waits for `muster agents approve`");
  else
    mst_job_refuse(job, MST_REFUSED_REVOKED_KEY, "this agent was revoked; enrol it with a new key");
}

/* Why the token does not serve any more; NULL: it does. */
static const char *
spent(const mst_store_token *token, mst_wall now)
{
  if (token->revoked)
    return "the token was revoked";
  if (token->expires_at.ns <= now.ns)
    return "the token has expired";
  return token->uses_left == 0 ? "the token was used as often as it may be" : NULL;
}

static mst_err
make_entry(const mst_job *job, const mst_store_token *token, mst_agent_entry **ret_entry, mst_errctx *ctx)
{
  mst_agent_entry *entry = mst_alloc(1, sizeof *entry);

  if (entry) {
    entry->state = token->manual ? MST_AGENT_PENDING : MST_AGENT_APPROVED;
    entry->key = job->enrol.key;
    entry->id = mst_key_id_of(&job->enrol.key);
    entry->hostname = mst_strndup(job->enrol.hostname.data, job->enrol.hostname.size_bytes);
    entry->version = mst_strndup(job->enrol.agent_version.data ? job->enrol.agent_version.data : "", job->enrol.agent_version.size_bytes);
    entry->labels = mst_strdup(token->labels);
    memcpy(entry->token_id, token->id, sizeof entry->token_id);
    entry->enrolled_at = entry->changed_at = job->received_at;
  }
  if (!entry || !entry->hostname || !entry->version || !entry->labels) {
    mst_agent_entry_destroy(entry);
    return mst_fail(ctx, MST_ENOMEM, "out of memory for an agent");
  }
  *ret_entry = entry;
  return MST_OK;
}

static mst_err
store(mst_core *core, const mst_job *job, mst_agent_entry *entry, const mst_store_token *token, mst_errctx *ctx)
{
  char hex[MST_KEY_ID_HEX_BYTES];
  mst_store_agent record = {
      .key = entry->key,
      .state = entry->state,
      .hostname = entry->hostname,
      .labels = entry->labels,
      .enrolled_at = entry->enrolled_at,
      .changed_at = entry->changed_at,
  };

  memcpy(record.token_id, entry->token_id, sizeof record.token_id);
  mst_err err = mst_core_begin(core, ctx);
  if (err != MST_OK)
    return err;
  err = core->ops->agent_put(core->store, &record, ctx);
  if (err == MST_OK)
    err = core->ops->token_put(core->store, token, ctx);
  if (err == MST_OK)
    err = mst_audit_append(core, "enrol", mst_key_id_hex(&entry->id, hex), job->data, job->size_bytes, ctx);
  entry->number = record.number;
  return mst_core_end(core, err, ctx);
}

mst_err
mst_enrol_apply(mst_core *core, mst_job *job, mst_errctx *ctx)
{
  const mst_key_id id = mst_key_id_of(&job->enrol.key);
  const mst_agent_entry *known = mst_state_agent_by_key(&core->state, &id);
  const mst_token_entry *given = mst_state_token_find(&core->state, job->enrol.token_id);
  mst_agent_entry *entry = NULL;
  char hex[MST_KEY_ID_HEX_BYTES];

  if (known) { /* the first answer was lost, or somebody enrols twice: nothing changes */
    answer(job, known->state, false);
    return MST_OK;
  }
  const char *why = given ? spent(&given->token, job->received_at) : "the token is not known any more";
  if (why) {
    mst_job_refuse(job, MST_REFUSED_TOKEN, "%s; make a new one with `muster token new`", why);
    return MST_OK;
  }
  if (core->state.agent_count >= MST_STATE_MAX_AGENTS) {
    mst_job_refuse(job, MST_REFUSED_LIMIT, "over %d agents", MST_STATE_MAX_AGENTS);
    return MST_OK;
  }
  mst_store_token token = given->token;
  token.uses_left--;
  token.uses_made++;
  mst_err err = make_entry(job, &token, &entry, ctx);
  if (err != MST_OK)
    return err;
  err = store(core, job, entry, &token, ctx);
  if (err != MST_OK) {
    mst_agent_entry_destroy(entry);
    return err;
  }
  mst_log(MST_LOG_INFO, "agent-enrolled", "hostname", entry->hostname, "agent", mst_key_id_hex(&id, hex), "state",
          entry->state == MST_AGENT_PENDING ? "waits for approval" : "approved", NULL);
  answer(job, entry->state, true);
  pthread_rwlock_wrlock(&core->state.lock);
  mst_agent_take_plan(core, entry);
  err = mst_state_token_put(&core->state, &token, ctx);
  if (err == MST_OK)
    err = mst_state_agent_add(&core->state, entry, ctx);
  pthread_rwlock_unlock(&core->state.lock);
  if (err != MST_OK)
    mst_log(MST_LOG_ERROR, "out-of-memory", "what", "the agent is known after the next restart only", NULL);
  return MST_OK;
}
