/* Statements of operators: signature, role, and the table of what they can do. */
#include <string.h>

#include <mst/common/alloc.h>
#include <mst/common/log.h>

#include "audit.h"
#include "keeper.h"
#include "statements/act.h"

/* Signed on a machine whose clock is a little ahead; and carried to us by hand, at the most. */
static const int64_t ahead_ns = 300 * MST_NS_PER_S, behind_ns = 24 * 3600 * MST_NS_PER_S;

static const mst_act_kind kinds[] = {
    {"token.new", "admin", mst_act_token_new},
    {"token.revoke", "admin", mst_act_token_revoke},
    {"agent.approve", "admin", mst_act_agent_approve},
    {"agent.revoke", "admin", mst_act_agent_revoke},
    {"agent.label", "admin", mst_act_agent_label},
    {"operator.add", "admin", mst_act_operator_add},
    {"operator.revoke", "admin", mst_act_operator_revoke},
    {"run.start", "admin technical-lead devops-lead", mst_act_run_start},
    {"run.end", "admin technical-lead devops-lead", mst_act_run_end},
    {"sign-off", "", mst_act_sign_off},
    {"attest", "", mst_act_attest},
    {"waive", "technical-lead devops-lead security-lead", mst_act_waive},
    {"na", "technical-lead devops-lead security-lead", mst_act_na},
    {"intervention", "", mst_act_intervention},
};

/* Whether `word` stands in a list of words. */
static bool
has_word(const char *list, char separator, const char *word, size_t bytes)
{
  while (*list) {
    const char *end = strchr(list, separator);
    size_t length = end ? (size_t)(end - list) : strlen(list);
    if (length == bytes && memcmp(list, word, bytes) == 0)
      return true;
    list += length + (end != NULL);
  }
  return false;
}

bool
mst_role_is_held(const mst_operator_entry *by, const char *role)
{
  return has_word(by->roles, '\n', role, strlen(role));
}

static bool
may(const mst_operator_entry *by, const char *roles)
{
  if (roles[0] == '\0')
    return true;
  while (*roles) {
    size_t length = strcspn(roles, " ");
    if (has_word(by->roles, '\n', roles, length))
      return true;
    roles += length + (roles[length] != '\0');
  }
  return false;
}

/* ---- for those that carry out ---- */

mst_err
mst_act_record(mst_core *core, const mst_act *act, const char *run, const char *subject, mst_errctx *ctx)
{
  char kind[MST_STATEMENT_KIND_MAX_BYTES + 1];
  mst_store_statement record = {.kind = kind, .run = run, .received_at = act->received_at, .bytes = act->bytes};

  snprintf(kind, sizeof kind, "%.*s", (int)act->statement->kind.size_bytes, act->statement->kind.data);
  memcpy(record.id, act->statement->id, sizeof record.id);
  mst_err err = core->ops->statement_put(core->store, &record, ctx);
  if (err == MST_EEXIST)
    return mst_fail(ctx, err, "this statement was carried out before");
  return err == MST_OK ? mst_audit_append(core, kind, subject, act->bytes.data, act->bytes.size_bytes, ctx) : err;
}

char *
mst_act_field(const mst_act *act, const char *key)
{
  mst_text value = mst_statement_get(act->statement, key);

  return mst_strndup(value.data ? value.data : "", value.size_bytes);
}

mst_err
mst_act_need(const mst_act *act, const char *key, char **ret_text, mst_errctx *ctx)
{
  mst_text value = mst_statement_get(act->statement, key);

  if (value.size_bytes == 0)
    return mst_fail(ctx, MST_EMALFORMED, "%.*s needs the field %s", (int)act->statement->kind.size_bytes, act->statement->kind.data, key);
  char *text = mst_strndup(value.data, value.size_bytes);
  if (!text)
    return mst_fail(ctx, MST_ENOMEM, "out of memory for a statement");
  *ret_text = text;
  return MST_OK;
}

char *
mst_act_subject(const mst_act *act)
{
  return mst_strndup(act->statement->subject.data ? act->statement->subject.data : "", act->statement->subject.size_bytes);
}

mst_err
mst_act_only(const mst_act *act, const char *const *keys, mst_errctx *ctx)
{
  for (uint32_t i = 0; i < act->statement->field_count; i++) {
    const mst_text key = act->statement->fields[i].key;
    bool is_known = false;
    for (const char *const *one = keys; *one; one++)
      is_known = is_known || mst_text_equal(key, *one);
    if (!is_known)
      return mst_fail(ctx, MST_EMALFORMED, "%.*s has no field \"%.*s\"", (int)act->statement->kind.size_bytes, act->statement->kind.data,
                      (int)key.size_bytes, key.data);
  }
  return MST_OK;
}

mst_err
mst_agent_lookup(const mst_state *state, const char *text, mst_agent_entry **ret_agent, mst_errctx *ctx)
{
  const size_t bytes = strlen(text);
  const bool is_hex = bytes >= 4 && bytes < MST_KEY_ID_HEX_BYTES && text[strspn(text, "0123456789abcdef")] == '\0';
  mst_agent_entry *by_id = NULL, *by_name = NULL;
  uint32_t ids = 0, names = 0;

  for (uint32_t i = 0; i < state->agent_slots; i++) {
    mst_agent_entry *agent = state->agents[i];
    char hex[MST_KEY_ID_HEX_BYTES];
    if (!agent)
      continue;
    if (is_hex && strncmp(mst_key_id_hex(&agent->id, hex), text, bytes) == 0) {
      by_id = agent;
      ids++;
    }
    if (strcmp(agent->hostname, text) == 0) {
      by_name = agent;
      names++;
    }
  }
  if (ids + names > 1 && !(ids == 1 && names == 1 && by_id == by_name))
    return mst_fail(ctx, MST_EABSENT, "\"%.64s\" fits %u agents; give the whole id, as `muster agents --json` shows it", text, ids + names);
  if (!by_id && !by_name)
    return mst_fail(ctx, MST_EABSENT, "there is no agent \"%.64s\"; `muster agents` lists them", text);
  *ret_agent = by_id ? by_id : by_name;
  return MST_OK;
}

/* ---- from the bytes to the act ---- */

struct carrying {
  const mst_statement *statement;
  mst_bytes bytes;
  json_t **ret_answer;
};

static mst_err
check_times(const mst_statement *statement, mst_wall now, mst_errctx *ctx)
{
  char text[MST_TIME_TEXT_BYTES];

  if (statement->issued_at.ns > now.ns + ahead_ns)
    return mst_fail(ctx, MST_ESTATE, "the statement is of %s, which is still to come here; set the clock",
                    mst_wall_format(statement->issued_at, text));
  if (statement->issued_at.ns < now.ns - behind_ns)
    return mst_fail(ctx, MST_ESTATE, "the statement is of %s: over a day old; make it anew", mst_wall_format(statement->issued_at, text));
  if (statement->expires_at.ns != 0 && statement->expires_at.ns <= now.ns)
    return mst_fail(ctx, MST_ESTATE, "the statement expired at %s", mst_wall_format(statement->expires_at, text));
  return MST_OK;
}

static mst_err
carry_out(mst_core *core, void *arg, mst_errctx *ctx)
{
  struct carrying *carrying = arg;
  const mst_statement *statement = carrying->statement;
  const mst_act_kind *kind = NULL;
  mst_act act = {.statement = statement, .bytes = carrying->bytes, .received_at = mst_core_now(core), .ret_answer = carrying->ret_answer};
  char by[128]; /* the entry may move when operators are added */

  act.by = mst_state_operator_find(&core->state, &statement->key_id);
  if (!act.by || act.by->revoked)
    return mst_fail(ctx, MST_ECRYPTO, "the key that signed is no operator's (any more)");
  snprintf(by, sizeof by, "%s", act.by->name);
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
    if (mst_text_equal(statement->kind, kinds[i].kind))
      kind = &kinds[i];
  if (!kind)
    return mst_fail(ctx, MST_EMALFORMED, "there is no statement \"%.*s\"", (int)statement->kind.size_bytes, statement->kind.data);
  mst_err err = check_times(statement, act.received_at, ctx);
  if (err == MST_OK && !may(act.by, kind->roles))
    err = mst_fail(ctx, MST_EPERM, "%s may not do that: %s needs one of the roles %s", act.by->name, kind->kind, kind->roles);
  if (err == MST_OK)
    err = kind->carry_out(core, &act, ctx);
  if (err == MST_OK && !*act.ret_answer)
    *act.ret_answer = json_pack("{s:b}", "ok", 1);
  mst_log(err == MST_OK ? MST_LOG_INFO : MST_LOG_WARN, err == MST_OK ? "statement" : "statement-refused", "kind", kind->kind, "by", by,
          "reason", err == MST_OK ? "" : ctx->text, NULL);
  return err;
}

mst_err
mst_core_statement(mst_core *core, const void *data, size_t size_bytes, json_t **ret_answer, mst_errctx *ctx)
{
  mst_statement *statement = mst_alloc(1, sizeof *statement);
  mst_public_key key = {{0}};
  json_t *answer = NULL;
  bool is_known = false;

  if (!statement)
    return mst_fail(ctx, MST_ENOMEM, "out of memory for a statement");
  mst_err err = mst_statement_decode(data, size_bytes, statement, ctx);
  if (err == MST_OK) {
    pthread_rwlock_rdlock(&core->state.lock);
    const mst_operator_entry *by = mst_state_operator_find(&core->state, &statement->key_id);
    is_known = by != NULL;
    if (is_known)
      key = by->key;
    pthread_rwlock_unlock(&core->state.lock);
    if (!is_known)
      err = mst_fail(ctx, MST_ECRYPTO,
                     "no operator has the key that signed; `muster keys export` shows yours, an admin adds it with `muster operators add`");
  }
  if (err == MST_OK)
    err = mst_statement_verify(statement, &key, ctx);
  if (err == MST_OK) {
    struct carrying carrying = {.statement = statement, .bytes = {data, size_bytes}, .ret_answer = &answer};
    err = mst_keeper_run(core->keeper, carry_out, &carrying, ctx);
  }
  mst_free(statement);
  if (err != MST_OK) {
    json_decref(answer);
    return err;
  }
  *ret_answer = answer;
  return MST_OK;
}
