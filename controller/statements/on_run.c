/* Statements on the run: attest, waive, na, sign-off, intervention. */
#include <string.h>

#include <mst/common/alloc.h>

#include "judging.h"
#include "runs.h"
#include "statements/act.h"

/* Texts of a statement as the judge wants them: terminated. */
struct texts {
  char *kind, *subject, *role, *reason, *detail;
};

static void
texts_done(struct texts *texts)
{
  mst_free(texts->kind);
  mst_free(texts->subject);
  mst_free(texts->role);
  mst_free(texts->reason);
  mst_free(texts->detail);
}

static char *
copy(mst_text text)
{
  return mst_strndup(text.data ? text.data : "", text.size_bytes);
}

static bool
is_kind(const mst_statement *statement, const char *kind)
{
  return mst_text_equal(statement->kind, kind);
}

static bool
fill_texts(const mst_statement *statement, mst_text role, struct texts *texts)
{
  const bool is_sign_off = is_kind(statement, "sign-off"), is_intervention = is_kind(statement, "intervention");
  const mst_text none = {"", 0};

  texts->kind = copy(statement->kind);
  texts->subject = copy(is_sign_off || is_intervention ? none : statement->subject);
  texts->role = copy(role);
  texts->reason = copy(mst_statement_get(statement, is_sign_off                    ? "decision"
                                                    : is_intervention              ? "text"
                                                    : is_kind(statement, "attest") ? "comment"
                                                                                   : "reason"));
  texts->detail = copy(mst_statement_get(statement, is_sign_off ? "digest" : "document"));
  return texts->kind && texts->subject && texts->role && texts->reason && texts->detail;
}

static void
tell_under(mst_core *core, const char *run, const mst_statement *statement, const mst_operator_entry *by, mst_text role,
           mst_wall received_at)
{
  struct texts texts = {0};

  if (fill_texts(statement, role, &texts)) {
    mst_judge_statement told = {
        .kind = texts.kind,
        .subject = texts.subject,
        .operator_name = by->name,
        .role = texts.role,
        .issued_at = statement->issued_at,
        .expires_at = statement->expires_at,
        .received_at = received_at,
        .reason = texts.reason,
        .detail = texts.detail,
    };
    memcpy(told.id, statement->id, sizeof told.id);
    memcpy(told.key_id, statement->key_id.bytes, sizeof told.key_id);
    mst_judging_statement(core, run, &told);
  }
  texts_done(&texts);
}

void
mst_act_tell_judge(mst_core *core, const char *run, const mst_statement *statement, const mst_operator_entry *by, mst_wall received_at)
{
  if (!is_kind(statement, "waive") && !is_kind(statement, "na")) {
    tell_under(core, run, statement, by, mst_statement_get(statement, "role"), received_at);
    return;
  }
  /* The statement names no role: it stands under each that the operator holds, and the checklist says which of them may. */
  for (const char *role = by->roles; *role;) {
    size_t bytes = strcspn(role, "\n");
    tell_under(core, run, statement, by, (mst_text){role, bytes}, received_at);
    role += bytes + (role[bytes] != '\0');
  }
}

/* ---- what all have in common ---- */

/* The run must be the one that is on; what counts as input must come before the freeze. */
static mst_err
check_run(const mst_core *core, const mst_act *act, mst_text run, bool is_input, mst_errctx *ctx)
{
  char text[MST_TIME_TEXT_BYTES];

  if (!core->run || core->run->is_ended || !mst_text_equal(run, core->run->id))
    return mst_fail(ctx, MST_ESTATE, "the run %.*s is not on; `muster run list` shows the runs", (int)run.size_bytes,
                    run.data ? run.data : "");
  if (is_input && act->received_at.ns >= core->run->freeze_at.ns)
    return mst_fail(ctx, MST_ESTATE, "the inputs of run %s are frozen since %s", core->run->id,
                    mst_wall_format(core->run->freeze_at, text));
  return MST_OK;
}

static mst_err
check_role(const mst_act *act, mst_errctx *ctx)
{
  char *role = NULL;

  mst_err err = mst_act_need(act, "role", &role, ctx);
  if (err == MST_OK && !mst_role_is_held(act->by, role))
    err = mst_fail(ctx, MST_EPERM, "%s does not hold the role %.64s", act->by->name, role);
  mst_free(role);
  return err;
}

/* The verdict document of the run, or NULL when nothing was judged yet. */
static json_t *
load_finding(mst_core *core)
{
  mst_finding finding = {0};
  mst_errctx ctx = {0};
  json_t *document = NULL;

  if (mst_judging_finding(core, true, &finding, &ctx) != MST_OK)
    return NULL;
  if (strcmp(finding.run_id, core->run->id) == 0)
    document = json_loads(finding.json, 0, NULL);
  mst_free(finding.json);
  return document;
}

static bool
has_item(const json_t *items, mst_text id)
{
  const json_t *item;
  size_t index;

  json_array_foreach(items, index, item)
  {
    if (mst_text_equal(id, mst_run_json_text(item, "id")))
      return true;
  }
  return false;
}

/* A mistyped item would be passed over in silence. */
static mst_err
check_item(mst_core *core, const mst_act *act, mst_errctx *ctx)
{
  json_t *document = load_finding(core);
  const mst_text id = act->statement->subject;
  bool is_known = !document || has_item(json_object_get(json_object_get(document, "result"), "items"), id) ||
                  has_item(json_object_get(document, "follow_ups"), id);

  json_decref(document);
  return is_known
             ? MST_OK
             : mst_fail(ctx, MST_EABSENT, "the checklist has no item \"%.*s\"; `muster items` lists them", (int)id.size_bytes, id.data);
}

static mst_err
keep(mst_core *core, const mst_act *act, mst_errctx *ctx)
{
  mst_err err = mst_core_begin(core, ctx);

  if (err != MST_OK)
    return err;
  err = mst_core_end(core, mst_act_record(core, act, core->run->id, core->run->id, ctx), ctx);
  if (err == MST_OK)
    mst_act_tell_judge(core, core->run->id, act->statement, act->by, act->received_at);
  return err;
}

static mst_err
need_reason(const mst_act *act, const char *key, mst_errctx *ctx)
{
  char *reason = NULL;
  mst_err err = mst_act_need(act, key, &reason, ctx);

  mst_free(reason);
  return err;
}

/* ---- the kinds ---- */

mst_err
mst_act_sign_off(mst_core *core, const mst_act *act, mst_errctx *ctx)
{
  static const char *const keys[] = {"role", "decision", "digest", "comment", NULL};
  const mst_text decision = mst_statement_get(act->statement, "decision"), digest = mst_statement_get(act->statement, "digest");

  mst_err err = mst_act_only(act, keys, ctx);
  if (err == MST_OK)
    err = check_run(core, act, act->statement->subject, false, ctx);
  if (err == MST_OK)
    err = check_role(act, ctx);
  if (err == MST_OK && !mst_text_equal(decision, "approved") && !mst_text_equal(decision, "rejected"))
    err = mst_fail(ctx, MST_EMALFORMED, "decision: write approved or rejected");
  if (err != MST_OK)
    return err;
  json_t *document = load_finding(core);
  if (!document || !mst_text_equal(digest, mst_run_json_text(document, "digest")))
    err = mst_fail(ctx, MST_ESTATE, "the result is not the one that was signed (any more); look at it again and sign anew");
  json_decref(document);
  return err == MST_OK ? keep(core, act, ctx) : err;
}

mst_err
mst_act_attest(mst_core *core, const mst_act *act, mst_errctx *ctx)
{
  static const char *const keys[] = {"run", "role", "document", "comment", NULL};

  mst_err err = mst_act_only(act, keys, ctx);
  if (err == MST_OK)
    err = check_run(core, act, mst_statement_get(act->statement, "run"), true, ctx);
  if (err == MST_OK)
    err = check_role(act, ctx);
  if (err == MST_OK)
    err = check_item(core, act, ctx);
  return err == MST_OK ? keep(core, act, ctx) : err;
}

mst_err
mst_act_waive(mst_core *core, const mst_act *act, mst_errctx *ctx)
{
  static const char *const keys[] = {"run", "reason", NULL};

  mst_err err = mst_act_only(act, keys, ctx);
  if (err == MST_OK)
    err = check_run(core, act, mst_statement_get(act->statement, "run"), true, ctx);
  if (err == MST_OK)
    err = need_reason(act, "reason", ctx);
  if (err == MST_OK && act->statement->expires_at.ns == 0)
    err = mst_fail(ctx, MST_EMALFORMED, "a waiver must say when it expires");
  if (err == MST_OK)
    err = check_item(core, act, ctx);
  return err == MST_OK ? keep(core, act, ctx) : err;
}

mst_err
mst_act_na(mst_core *core, const mst_act *act, mst_errctx *ctx)
{
  static const char *const keys[] = {"run", "reason", NULL};

  mst_err err = mst_act_only(act, keys, ctx);
  if (err == MST_OK)
    err = check_run(core, act, mst_statement_get(act->statement, "run"), true, ctx);
  if (err == MST_OK)
    err = need_reason(act, "reason", ctx);
  if (err == MST_OK)
    err = check_item(core, act, ctx);
  return err == MST_OK ? keep(core, act, ctx) : err;
}

mst_err
mst_act_intervention(mst_core *core, const mst_act *act, mst_errctx *ctx)
{
  static const char *const keys[] = {"text", NULL};

  mst_err err = mst_act_only(act, keys, ctx);
  if (err == MST_OK)
    err = check_run(core, act, act->statement->subject, true, ctx);
  if (err == MST_OK)
    err = need_reason(act, "text", ctx);
  return err == MST_OK ? keep(core, act, ctx) : err;
}
