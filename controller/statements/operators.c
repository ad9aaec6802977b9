/* operator.add and operator.revoke, and the first operator. */
#include <stdlib.h>
#include <string.h>

#include <mst/common/alloc.h>

#include "audit.h"
#include "statements/act.h"
#include "statements/operators.h"

enum { ROLES_MAX = 16, ROLE_MAX_BYTES = 64, NAME_MAX_BYTES = 128 };

static int
compare_texts(const void *a, const void *b)
{
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool
is_role(const char *text)
{
  size_t bytes = strlen(text);

  return bytes > 0 && bytes <= ROLE_MAX_BYTES && text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0';
}

mst_err
mst_roles_parse(const char *text, mst_buf *ret_roles, mst_errctx *ctx)
{
  char *copy = mst_strdup(text), *save = NULL;
  const char *roles[ROLES_MAX];
  size_t count = 0;
  mst_err err = MST_OK;

  if (!copy)
    return mst_fail(ctx, MST_ENOMEM, "out of memory for roles");
  for (char *role = strtok_r(copy, ", \n", &save); role && err == MST_OK; role = strtok_r(NULL, ", \n", &save)) {
    if (!is_role(role))
      err = mst_fail(ctx, MST_EMALFORMED, "\"%.64s\" is no role; write small letters, digits and \"-\"", role);
    else if (count == ROLES_MAX)
      err = mst_fail(ctx, MST_ELIMIT, "over %d roles", ROLES_MAX);
    else
      roles[count++] = role;
  }
  if (err == MST_OK && count == 0)
    err = mst_fail(ctx, MST_EMALFORMED, "an operator needs a role: admin, technical-lead, devops-lead, security-lead");
  qsort(roles, count, sizeof *roles, compare_texts);
  for (size_t i = 0; err == MST_OK && i < count; i++)
    if (i == 0 || strcmp(roles[i - 1], roles[i]) != 0)
      mst_buf_printf(ret_roles, "%s%s", ret_roles->size_bytes ? "\n" : "", roles[i]);
  if (err == MST_OK)
    err = mst_buf_check(ret_roles, "roles", ctx);
  mst_free(copy);
  return err;
}

mst_err
mst_operator_name_check(const char *name, mst_errctx *ctx)
{
  size_t bytes = strlen(name);
  bool is_good = bytes > 0 && bytes <= NAME_MAX_BYTES;

  for (size_t i = 0; is_good && i < bytes; i++)
    is_good = (unsigned char)name[i] >= ' ' && name[i] != 0x7f;
  return is_good ? MST_OK
                 : mst_fail(ctx, MST_EMALFORMED, "a name of an operator has 1 to %d characters, and no line breaks", NAME_MAX_BYTES);
}

static mst_err
keep(mst_core *core, const mst_act *act, const mst_store_operator *op, mst_errctx *ctx)
{
  const mst_key_id id = mst_key_id_of(&op->key);
  char hex[MST_KEY_ID_HEX_BYTES];

  mst_err err = mst_core_begin(core, ctx);
  if (err != MST_OK)
    return err;
  err = mst_act_record(core, act, "", mst_key_id_hex(&id, hex), ctx);
  if (err == MST_OK)
    err = core->ops->operator_put(core->store, op, ctx);
  err = mst_core_end(core, err, ctx);
  if (err != MST_OK)
    return err;
  pthread_rwlock_wrlock(&core->state.lock);
  err = mst_state_operator_put(&core->state, op, ctx);
  pthread_rwlock_unlock(&core->state.lock);
  *act->ret_answer = json_pack("{s:b,s:s}", "ok", 1, "key_id", hex);
  return err;
}

mst_err
mst_act_operator_add(mst_core *core, const mst_act *act, mst_errctx *ctx)
{
  static const char *const keys[] = {"key", "roles", NULL};
  char *name = mst_act_subject(act), *key = NULL, *roles = NULL;
  mst_store_operator op = {.added_at = act->received_at};
  mst_buf sorted;

  mst_buf_init(&sorted, MST_STATEMENT_VALUE_MAX_BYTES);
  mst_err err = name ? mst_act_only(act, keys, ctx) : mst_fail(ctx, MST_ENOMEM, "out of memory for a statement");
  if (err == MST_OK)
    err = mst_operator_name_check(name, ctx);
  if (err == MST_OK)
    err = mst_act_need(act, "key", &key, ctx);
  if (err == MST_OK)
    err = mst_act_need(act, "roles", &roles, ctx);
  if (err == MST_OK)
    err = mst_public_key_parse(key, &op.key, ctx);
  if (err == MST_OK)
    err = mst_roles_parse(roles, &sorted, ctx);
  if (err == MST_OK) {
    const mst_key_id id = mst_key_id_of(&op.key);
    if (mst_state_operator_find(&core->state, &id))
      err = mst_fail(ctx, MST_EEXIST, "this key is an operator's already, or was revoked; a person who comes back brings a new key");
  }
  if (err == MST_OK) {
    op.name = name;
    op.roles = mst_buf_text(&sorted);
    err = keep(core, act, &op, ctx);
  }
  mst_buf_done(&sorted);
  mst_free(name);
  mst_free(key);
  mst_free(roles);
  return err;
}

static mst_err
check_other_admin(const mst_core *core, const mst_operator_entry *leaving, mst_errctx *ctx)
{
  for (uint32_t i = 0; i < core->state.operator_count; i++) {
    const mst_operator_entry *other = &core->state.operators[i];
    if (other != leaving && !other->revoked && mst_role_is_held(other, "admin"))
      return MST_OK;
  }
  return mst_fail(ctx, MST_ESTATE, "%s is the last admin; add another one first", leaving->name);
}

mst_err
mst_act_operator_revoke(mst_core *core, const mst_act *act, mst_errctx *ctx)
{
  static const char *const keys[] = {"reason", NULL};
  char *subject = mst_act_subject(act);
  const mst_operator_entry *entry = NULL;
  mst_key_id id;

  mst_err err = subject ? mst_act_only(act, keys, ctx) : mst_fail(ctx, MST_ENOMEM, "out of memory for a statement");
  if (err == MST_OK && mst_hex_decode(subject, id.bytes, sizeof id.bytes, ctx) == MST_OK)
    entry = mst_state_operator_find(&core->state, &id);
  if (err == MST_OK && !entry)
    err = mst_fail(ctx, MST_EABSENT, "there is no operator with the key id \"%.64s\"; `muster operators` lists them", subject);
  if (err == MST_OK && entry->revoked)
    err = mst_fail(ctx, MST_ESTATE, "%s is revoked already", entry->name);
  if (err == MST_OK)
    err = check_other_admin(core, entry, ctx);
  if (err == MST_OK) {
    mst_store_operator op = {.key = entry->key, .name = entry->name, .roles = entry->roles, .revoked = true, .added_at = entry->added_at};
    err = keep(core, act, &op, ctx);
  }
  mst_free(subject);
  return err;
}

mst_err
mst_first_operator(mst_core *core, const char *name, const mst_public_key *key, mst_errctx *ctx)
{
  const mst_store_operator op = {.key = *key, .name = name, .roles = "admin", .added_at = mst_core_now(core)};
  char text[MST_PUBLIC_KEY_TEXT_BYTES];

  if (core->state.operator_count > 0)
    return mst_fail(ctx, MST_ESTATE, "there are operators already; one of them who is admin adds others with `muster operators add`");
  mst_err err = mst_operator_name_check(name, ctx);
  if (err == MST_OK)
    err = mst_core_begin(core, ctx);
  if (err != MST_OK)
    return err;
  err = core->ops->operator_put(core->store, &op, ctx);
  if (err == MST_OK)
    err = mst_audit_append(core, "operator.first", mst_public_key_format(key, text), name, strlen(name), ctx);
  err = mst_core_end(core, err, ctx);
  return err == MST_OK ? mst_state_operator_put(&core->state, &op, ctx) : err;
}
