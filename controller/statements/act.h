#ifndef MST_CONTROLLER_ACT_H
#define MST_CONTROLLER_ACT_H

#include <jansson.h>

#include <mst/proto/statement.h>

#include "core_parts.h"

/* A statement whose signature holds, on the keeper's thread. */
typedef struct mst_act {
  const mst_statement *statement;
  mst_bytes bytes; /* as signed */
  const mst_operator_entry *by;
  mst_wall received_at;
  json_t **ret_answer; /* a new reference when it was carried out */
} mst_act;

/* One kind of statement: who may make it, and what it does. carry_out checks everything, writes it in one transaction together with the
 * statement and its audit record, and changes the memory afterwards. One const table in statements.c. */
typedef struct mst_act_kind {
  const char *kind;
  const char *roles; /* any of these, "admin technical-lead"; "" : every operator */
  mst_err (*carry_out)(mst_core *core, const mst_act *act, mst_errctx *ctx);
} mst_act_kind;

/* The roles that there are; others may be given to operators too, for checklists that ask for them. */
bool mst_role_is_held(const mst_operator_entry *by, const char *role);

/* Keeps the statement and its audit record; inside the act's transaction. subject: what it is about in the chain. run: "" for none.
 * MST_EEXIST: it was carried out before. */
mst_err mst_act_record(mst_core *core, const mst_act *act, const char *run, const char *subject, mst_errctx *ctx) MST_MUST_USE;
/* A field as a text of its own (mst_free); "" when there is none. NULL when memory is out. */
char *mst_act_field(const mst_act *act, const char *key);
/* MST_EMALFORMED when the field is missing or empty. *ret_text is the caller's. */
mst_err mst_act_need(const mst_act *act, const char *key, char **ret_text, mst_errctx *ctx) MST_MUST_USE;
char *mst_act_subject(const mst_act *act);
/* MST_EMALFORMED when the statement has a field that is not in the list (NULL-terminated): a mistyped one must not be passed over. */
mst_err mst_act_only(const mst_act *act, const char *const *keys, mst_errctx *ctx) MST_MUST_USE;

/* The agent of a key id in hex, a beginning of one (4 digits or more) or a hostname that only one has. Under the lock, or the keeper. */
mst_err mst_agent_lookup(const mst_state *state, const char *text, mst_agent_entry **ret_agent, mst_errctx *ctx) MST_MUST_USE;

/* tokens.c */
mst_err mst_act_token_new(mst_core *core, const mst_act *act, mst_errctx *ctx);
mst_err mst_act_token_revoke(mst_core *core, const mst_act *act, mst_errctx *ctx);
/* agents.c */
mst_err mst_act_agent_approve(mst_core *core, const mst_act *act, mst_errctx *ctx);
mst_err mst_act_agent_revoke(mst_core *core, const mst_act *act, mst_errctx *ctx);
mst_err mst_act_agent_label(mst_core *core, const mst_act *act, mst_errctx *ctx);
/* operators.c */
mst_err mst_act_operator_add(mst_core *core, const mst_act *act, mst_errctx *ctx);
mst_err mst_act_operator_revoke(mst_core *core, const mst_act *act, mst_errctx *ctx);
/* run_start.c */
mst_err mst_act_run_start(mst_core *core, const mst_act *act, mst_errctx *ctx);
mst_err mst_act_run_end(mst_core *core, const mst_act *act, mst_errctx *ctx);
/* on_run.c */
mst_err mst_act_sign_off(mst_core *core, const mst_act *act, mst_errctx *ctx);
mst_err mst_act_attest(mst_core *core, const mst_act *act, mst_errctx *ctx);
mst_err mst_act_waive(mst_core *core, const mst_act *act, mst_errctx *ctx);
mst_err mst_act_na(mst_core *core, const mst_act *act, mst_errctx *ctx);
mst_err mst_act_intervention(mst_core *core, const mst_act *act, mst_errctx *ctx);
/* Tells judging of a statement that the store has; by: who signed it. */
void mst_act_tell_judge(mst_core *core, const char *run, const mst_statement *statement, const mst_operator_entry *by,
                        mst_wall received_at);

#endif
