/* Documents of /api/v1 on agents, tokens and operators. Each is made under the lock for reading. */
#include <string.h>

#include "core_parts.h"
#include "runs.h"
#include "statements/act.h"

enum { SILENT_INTERVALS = 3 };
static const int64_t usual_interval_ns = 10 * MST_NS_PER_S;

static int64_t
interval_of(const mst_agent_entry *agent)
{
  return agent->live.interval_ns > 0 ? agent->live.interval_ns : usual_interval_ns;
}

/* Approved, and nothing came for three of its intervals; nobody can report to a controller that is down, or before he is enrolled. */
static bool
is_silent(const mst_core *core, const mst_agent_entry *agent, mst_wall now)
{
  int64_t last = agent->live.last_received_at.ns;

  last = last > core->started_at.ns ? last : core->started_at.ns;
  last = last > agent->changed_at.ns ? last : agent->changed_at.ns;
  return agent->state == MST_AGENT_APPROVED && now.ns - last > SILENT_INTERVALS * interval_of(agent);
}

static const char *
state_name(const mst_core *core, const mst_agent_entry *agent, mst_wall now)
{
  switch (agent->state) {
  case MST_AGENT_PENDING:
    return "pending";
  case MST_AGENT_REVOKED:
    return "revoked";
  case MST_AGENT_APPROVED:
    break;
  }
  return is_silent(core, agent, now) ? "silent" : "approved";
}

static json_t *
agent_json(const mst_core *core, const mst_agent_entry *agent, mst_wall now)
{
  const mst_agent_live *live = &agent->live;
  char hex[MST_KEY_ID_HEX_BYTES], key[MST_PUBLIC_KEY_TEXT_BYTES];
  bool is_current = !agent->plan || mst_digest_equal(&agent->plan->digest, &live->plan);

  return json_pack("{s:s,s:s,s:s,s:o,s:s,s:o,s:o,s:I,s:o,s:s,s:s,s:I,s:I,s:I,s:I,s:b,s:o,s:o}", "id", mst_key_id_hex(&agent->id, hex),
                   "key", mst_public_key_format(&agent->key, key), "hostname", agent->hostname, "labels", mst_labels_json(agent->labels),
                   "state", state_name(core, agent, now), "last_report_at", mst_wall_json(live->last_report_at), "last_received_at",
                   mst_wall_json(live->last_received_at), "interval_ns", (json_int_t)live->interval_ns, "clock_offset_ns",
                   live->offset_known ? json_integer(live->offset_ns) : json_null(), "version", agent->version ? agent->version : "",
                   "boot_id", agent->boot_id ? agent->boot_id : "", "spool_records", (json_int_t)live->spool_records, "spool_bytes",
                   (json_int_t)live->spool_bytes, "lost_records", (json_int_t)live->lost_records, "lost_samples",
                   (json_int_t)live->lost_samples, "plan_current", is_current, "enrolled_at", mst_wall_json(agent->enrolled_at),
                   "changed_at", mst_wall_json(agent->changed_at));
}

json_t *
mst_core_agents_json(mst_core *core)
{
  const mst_wall now = mst_core_now(core);
  json_t *list = json_array();

  pthread_rwlock_rdlock(&core->state.lock);
  for (uint32_t i = 0; list && i < core->state.agent_slots; i++)
    if (core->state.agents[i] && json_array_append_new(list, agent_json(core, core->state.agents[i], now)) != 0) {
      json_decref(list);
      list = NULL;
    }
  pthread_rwlock_unlock(&core->state.lock);
  return list ? json_pack("{s:o}", "agents", list) : NULL;
}

static json_t *
ranges_json(const mst_ranges *ranges)
{
  json_t *list = json_array();

  for (uint32_t i = 0; list && i < ranges->count; i++) {
    json_t *range = json_pack("[I,I]", (json_int_t)ranges->list[i].first, (json_int_t)ranges->list[i].last);
    if (json_array_append_new(list, range) != 0) {
      json_decref(list);
      return NULL;
    }
  }
  return list;
}

static json_t *
session_json(const mst_session_entry *session)
{
  const mst_session_data *data = &session->data;
  char hex[2 * MST_SESSION_BYTES + 1];

  return json_pack("{s:s,s:o,s:o,s:I,s:I,s:o,s:I,s:I}", "session", mst_hex_encode(session->id.bytes, MST_SESSION_BYTES, hex),
                   "first_seen_at", mst_wall_json(session->first_seen_at), "ranges", ranges_json(&data->taken), "stored_samples",
                   (json_int_t)data->stored_samples, "stored_reports", (json_int_t)data->stored_reports, "lost", ranges_json(&data->lost),
                   "lost_samples", (json_int_t)data->lost_samples, "series", (json_int_t)(data->map ? data->map->count : 0));
}

mst_err
mst_core_agent_json(mst_core *core, const char *id, json_t **ret_document, mst_errctx *ctx)
{
  mst_agent_entry *agent = NULL;
  json_t *document = NULL, *sessions = json_array();

  pthread_rwlock_rdlock(&core->state.lock);
  mst_err err = mst_agent_lookup(&core->state, id, &agent, ctx);
  if (err == MST_OK)
    document = agent_json(core, agent, mst_core_now(core));
  for (const mst_session_entry *session = agent ? agent->sessions : NULL; session && sessions; session = session->next_of_agent)
    if (json_array_append_new(sessions, session_json(session)) != 0) {
      json_decref(sessions);
      sessions = NULL;
    }
  pthread_rwlock_unlock(&core->state.lock);
  if (err == MST_OK && (!document || json_object_set_new(document, "sessions", sessions) != 0)) {
    json_decref(document);
    return mst_fail(ctx, MST_ENOMEM, "out of memory for an agent's document");
  }
  if (err != MST_OK) {
    json_decref(sessions);
    return err;
  }
  *ret_document = document;
  return MST_OK;
}

static json_t *
token_json(const mst_store_token *token, mst_wall now)
{
  char hex[2 * MST_TOKEN_ID_BYTES + 1];

  return json_pack("{s:s,s:o,s:o,s:o,s:I,s:I,s:b,s:b,s:b}", "id", mst_hex_encode(token->id, sizeof token->id, hex), "labels",
                   mst_labels_json(token->labels), "created_at", mst_wall_json(token->created_at), "expires_at",
                   mst_wall_json(token->expires_at), "uses_left", (json_int_t)token->uses_left, "uses_made", (json_int_t)token->uses_made,
                   "revoked", token->revoked, "expired", token->expires_at.ns <= now.ns, "manual", token->manual);
}

json_t *
mst_core_tokens_json(mst_core *core)
{
  const mst_wall now = mst_core_now(core);
  json_t *list = json_array();

  pthread_rwlock_rdlock(&core->state.lock);
  for (uint32_t i = 0; list && i < core->state.token_count; i++)
    if (json_array_append_new(list, token_json(&core->state.tokens[i].token, now)) != 0) {
      json_decref(list);
      list = NULL;
    }
  pthread_rwlock_unlock(&core->state.lock);
  return list ? json_pack("{s:o}", "tokens", list) : NULL;
}

static json_t *
operator_json(const mst_operator_entry *op)
{
  char hex[MST_KEY_ID_HEX_BYTES], key[MST_PUBLIC_KEY_TEXT_BYTES];
  json_t *roles = json_array();

  for (const char *role = op->roles; roles && *role;) {
    size_t bytes = strcspn(role, "\n");
    if (json_array_append_new(roles, json_stringn(role, bytes)) != 0) {
      json_decref(roles);
      roles = NULL;
    }
    role += bytes + (role[bytes] != '\0');
  }
  return json_pack("{s:s,s:s,s:s,s:o,s:b,s:o}", "key_id", mst_key_id_hex(&op->id, hex), "key", mst_public_key_format(&op->key, key), "name",
                   op->name, "roles", roles, "revoked", op->revoked, "added_at", mst_wall_json(op->added_at));
}

json_t *
mst_core_operators_json(mst_core *core)
{
  json_t *list = json_array();

  pthread_rwlock_rdlock(&core->state.lock);
  for (uint32_t i = 0; list && i < core->state.operator_count; i++)
    if (json_array_append_new(list, operator_json(&core->state.operators[i])) != 0) {
      json_decref(list);
      list = NULL;
    }
  pthread_rwlock_unlock(&core->state.lock);
  return list ? json_pack("{s:o}", "operators", list) : NULL;
}

void
mst_core_count_agents(mst_core *core, mst_agent_counts *ret_counts)
{
  const mst_wall now = mst_core_now(core);

  *ret_counts = (mst_agent_counts){0};
  pthread_rwlock_rdlock(&core->state.lock);
  for (uint32_t i = 0; i < core->state.agent_slots; i++) {
    const mst_agent_entry *agent = core->state.agents[i];
    if (!agent)
      continue;
    ret_counts->approved += agent->state == MST_AGENT_APPROVED;
    ret_counts->pending += agent->state == MST_AGENT_PENDING;
    ret_counts->revoked += agent->state == MST_AGENT_REVOKED;
    ret_counts->silent += is_silent(core, agent, now);
    ret_counts->sessions += agent->session_count;
  }
  pthread_rwlock_unlock(&core->state.lock);
  pthread_rwlock_rdlock(&core->state.series_lock);
  ret_counts->series = mst_series_table_count(core->state.series);
  pthread_rwlock_unlock(&core->state.series_lock);
}
