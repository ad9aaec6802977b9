/* token.new and token.revoke. */
#include <stdlib.h>
#include <string.h>

#include <mst/common/alloc.h>
#include <mst/common/log.h>

#include "labels.h"
#include "statements/act.h"

enum { USES_MAX = 100000 };
static const int64_t ttl_most_ns = 365 * 24 * 3600 * MST_NS_PER_S;

static mst_err
parse_uses(const char *text, uint32_t *ret_uses, mst_errctx *ctx)
{
  char *end = NULL;
  long uses = text[0] ? strtol(text, &end, 10) : 1;

  if (text[0] && (*end != '\0' || uses < 1 || uses > USES_MAX))
    return mst_fail(ctx, MST_EMALFORMED, "uses: \"%.32s\" is not a number from 1 to %d", text, USES_MAX);
  *ret_uses = (uint32_t)uses;
  return MST_OK;
}

static mst_err
parse_manual(const char *text, bool *ret_manual, mst_errctx *ctx)
{
  if (text[0] && strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
    return mst_fail(ctx, MST_EMALFORMED, "manual: write true or false");
  *ret_manual = strcmp(text, "true") == 0;
  return MST_OK;
}

static mst_err
read_token(const mst_act *act, mst_store_token *token, mst_buf *labels, mst_errctx *ctx)
{
  const mst_text wanted = mst_statement_get(act->statement, "labels");
  char *ttl = mst_act_field(act, "ttl"), *uses = mst_act_field(act, "uses"), *manual = mst_act_field(act, "manual");
  int64_t ttl_ns = 3600 * MST_NS_PER_S;

  mst_err err = ttl && uses && manual ? MST_OK : mst_fail(ctx, MST_ENOMEM, "out of memory for a token");
  if (err == MST_OK)
    err = mst_labels_parse(wanted.data ? wanted.data : "", wanted.size_bytes, labels, ctx);
  if (err == MST_OK && ttl[0])
    err = mst_duration_parse(ttl, &ttl_ns, ctx);
  if (err == MST_OK && (ttl_ns <= 0 || ttl_ns > ttl_most_ns))
    err = mst_fail(ctx, MST_EMALFORMED, "ttl: a token lives for more than 0 and at most 365d");
  if (err == MST_OK)
    err = parse_uses(uses, &token->uses_left, ctx);
  if (err == MST_OK)
    err = parse_manual(manual, &token->manual, ctx);
  token->created_at = act->received_at;
  token->expires_at = (mst_wall){act->received_at.ns + ttl_ns};
  token->labels = mst_buf_text(labels);
  mst_free(ttl);
  mst_free(uses);
  mst_free(manual);
  return err;
}

static mst_err
keep(mst_core *core, const mst_act *act, const mst_store_token *token, mst_errctx *ctx)
{
  char hex[2 * MST_TOKEN_ID_BYTES + 1];

  mst_err err = mst_core_begin(core, ctx);
  if (err != MST_OK)
    return err;
  err = mst_act_record(core, act, "", mst_hex_encode(token->id, sizeof token->id, hex), ctx);
  if (err == MST_OK)
    err = core->ops->token_put(core->store, token, ctx);
  err = mst_core_end(core, err, ctx);
  if (err != MST_OK)
    return err;
  pthread_rwlock_wrlock(&core->state.lock);
  err = mst_state_token_put(&core->state, token, ctx);
  pthread_rwlock_unlock(&core->state.lock);
  return err;
}

mst_err
mst_act_token_new(mst_core *core, const mst_act *act, mst_errctx *ctx)
{
  static const char *const keys[] = {"ttl", "labels", "uses", "manual", NULL};
  mst_store_token token = {0};
  char text[MST_TOKEN_TEXT_BYTES], hex[2 * MST_TOKEN_ID_BYTES + 1], expires[MST_TIME_TEXT_BYTES];
  mst_buf labels;

  mst_buf_init(&labels, MST_LABELS_TEXT_BYTES * 2);
  mst_err err = mst_act_only(act, keys, ctx);
  if (err == MST_OK)
    err = read_token(act, &token, &labels, ctx);
  mst_random_bytes(token.id, sizeof token.id);
  mst_random_bytes(token.secret, sizeof token.secret);
  if (err == MST_OK)
    err = keep(core, act, &token, ctx);
  if (err == MST_OK) {
    mst_token given = {.controller = *mst_key_public(core->keys.current)};
    memcpy(given.id, token.id, sizeof given.id);
    memcpy(given.secret, token.secret, sizeof given.secret);
    *act->ret_answer = json_pack("{s:b,s:s,s:s,s:s}", "ok", 1, "token", mst_token_format(&given, text), "id",
                                 mst_hex_encode(token.id, sizeof token.id, hex), "expires_at", mst_wall_format(token.expires_at, expires));
  }
  mst_buf_done(&labels);
  return err;
}

mst_err
mst_act_token_revoke(mst_core *core, const mst_act *act, mst_errctx *ctx)
{
  static const char *const keys[] = {"reason", NULL};
  uint8_t id[MST_TOKEN_ID_BYTES];
  char *subject = mst_act_subject(act);

  mst_err err = subject ? mst_act_only(act, keys, ctx) : mst_fail(ctx, MST_ENOMEM, "out of memory for a statement");
  if (err == MST_OK && mst_hex_decode(subject, id, sizeof id, ctx) != MST_OK)
    err = mst_fail(ctx, MST_EABSENT, "\"%.64s\" is no id of a token; `muster token list` shows them", subject);
  const mst_token_entry *entry = err == MST_OK ? mst_state_token_find(&core->state, id) : NULL;
  if (err == MST_OK && !entry)
    err = mst_fail(ctx, MST_EABSENT, "there is no token %s; `muster token list` shows them", subject);
  if (err == MST_OK) {
    mst_store_token token = entry->token;
    token.revoked = true;
    err = keep(core, act, &token, ctx);
  }
  mst_free(subject);
  return err;
}
