/* Agents, tokens, operators, runs, statements and the audit chain in SQLite. */
#include "store/sqlite_private.h"

#define BYTES_OF(array) (&(mst_bytes){(array), sizeof(array)})
#define INT(value)      ((int64_t)(value))

mst_err
mst_sqlite_agent_put(mst_store *store, mst_store_agent *agent, mst_errctx *ctx)
{
  sqlite3_stmt *statement;
  mst_err err;

  if (agent->number != 0) {
    err = mst_sqlite_bind(store, MST_SQL_AGENT_PUT, &statement, ctx, "ibittbii", INT(agent->number), BYTES_OF(agent->key.bytes),
                          INT(agent->state), agent->hostname, agent->labels, BYTES_OF(agent->token_id), agent->enrolled_at.ns,
                          agent->changed_at.ns);
    return err == MST_OK ? mst_sqlite_change(store, statement, "change an agent", ctx) : err;
  }
  err = mst_sqlite_bind(store, MST_SQL_AGENT_NEW, &statement, ctx, "bittbii", BYTES_OF(agent->key.bytes), INT(agent->state),
                        agent->hostname, agent->labels, BYTES_OF(agent->token_id), agent->enrolled_at.ns, agent->changed_at.ns);
  if (err == MST_OK)
    err = mst_sqlite_run(store, statement, "add an agent", ctx);
  if (err == MST_OK)
    agent->number = (uint32_t)sqlite3_last_insert_rowid(store->db);
  return err;
}

static bool
agent_row(mst_sqlite_row *row, mst_store_visit visit, void *user)
{
  mst_store_agent agent = {
      .number = mst_sqlite_u32(row, 0),
      .state = (mst_agent_state)mst_sqlite_u32(row, 2),
      .hostname = mst_sqlite_text(row, 3),
      .labels = mst_sqlite_text(row, 4),
      .enrolled_at = {mst_sqlite_int(row, 6)},
      .changed_at = {mst_sqlite_int(row, 7)},
  };

  mst_sqlite_fixed(row, 1, agent.key.bytes, sizeof agent.key.bytes);
  mst_sqlite_fixed(row, 5, agent.token_id, sizeof agent.token_id);
  return !row->corrupt && visit(user, &agent);
}

mst_err
mst_sqlite_agent_each(mst_store *store, mst_store_visit visit, void *user, mst_errctx *ctx)
{
  sqlite3_stmt *statement;
  mst_err err = mst_sqlite_bind(store, MST_SQL_AGENT_EACH, &statement, ctx, "");

  return err == MST_OK ? mst_sqlite_walk(store, statement, agent_row, visit, user, "read the agents", ctx) : err;
}

mst_err
mst_sqlite_token_put(mst_store *store, const mst_store_token *token, mst_errctx *ctx)
{
  sqlite3_stmt *statement;
  mst_bytes id = {token->id, sizeof token->id}, secret = {token->secret, sizeof token->secret};
  mst_err err =
      mst_sqlite_bind(store, MST_SQL_TOKEN_PUT, &statement, ctx, "bbtiiiiii", &id, &secret, token->labels, token->created_at.ns,
                      token->expires_at.ns, INT(token->uses_left), INT(token->uses_made), INT(token->revoked), INT(token->manual));

  return err == MST_OK ? mst_sqlite_run(store, statement, "keep a token", ctx) : err;
}

static bool
token_row(mst_sqlite_row *row, mst_store_visit visit, void *user)
{
  mst_store_token token = {
      .labels = mst_sqlite_text(row, 2),
      .created_at = {mst_sqlite_int(row, 3)},
      .expires_at = {mst_sqlite_int(row, 4)},
      .uses_left = mst_sqlite_u32(row, 5),
      .uses_made = mst_sqlite_u32(row, 6),
      .revoked = mst_sqlite_bool(row, 7),
      .manual = mst_sqlite_bool(row, 8),
  };

  mst_sqlite_fixed(row, 0, token.id, sizeof token.id);
  mst_sqlite_fixed(row, 1, token.secret, sizeof token.secret);
  return !row->corrupt && visit(user, &token);
}

mst_err
mst_sqlite_token_each(mst_store *store, mst_store_visit visit, void *user, mst_errctx *ctx)
{
  sqlite3_stmt *statement;
  mst_err err = mst_sqlite_bind(store, MST_SQL_TOKEN_EACH, &statement, ctx, "");

  return err == MST_OK ? mst_sqlite_walk(store, statement, token_row, visit, user, "read the tokens", ctx) : err;
}

mst_err
mst_sqlite_operator_put(mst_store *store, const mst_store_operator *operator_, mst_errctx *ctx)
{
  sqlite3_stmt *statement;
  mst_bytes key = {operator_->key.bytes, sizeof operator_->key.bytes};
  mst_err err = mst_sqlite_bind(store, MST_SQL_OPERATOR_PUT, &statement, ctx, "bttii", &key, operator_->name, operator_->roles,
                                INT(operator_->revoked), operator_->added_at.ns);

  return err == MST_OK ? mst_sqlite_run(store, statement, "keep an operator", ctx) : err;
}

static bool
operator_row(mst_sqlite_row *row, mst_store_visit visit, void *user)
{
  mst_store_operator operator_ = {
      .name = mst_sqlite_text(row, 1),
      .roles = mst_sqlite_text(row, 2),
      .revoked = mst_sqlite_bool(row, 3),
      .added_at = {mst_sqlite_int(row, 4)},
  };

  mst_sqlite_fixed(row, 0, operator_.key.bytes, sizeof operator_.key.bytes);
  return !row->corrupt && visit(user, &operator_);
}

mst_err
mst_sqlite_operator_each(mst_store *store, mst_store_visit visit, void *user, mst_errctx *ctx)
{
  sqlite3_stmt *statement;
  mst_err err = mst_sqlite_bind(store, MST_SQL_OPERATOR_EACH, &statement, ctx, "");

  return err == MST_OK ? mst_sqlite_walk(store, statement, operator_row, visit, user, "read the operators", ctx) : err;
}

mst_err
mst_sqlite_run_put(mst_store *store, const mst_store_run *run, mst_errctx *ctx)
{
  sqlite3_stmt *statement;
  mst_err err = mst_sqlite_bind(store, MST_SQL_RUN_PUT, &statement, ctx, "ttii", run->id, run->document, run->start.ns, run->end.ns);

  return err == MST_OK ? mst_sqlite_run(store, statement, "keep a run", ctx) : err;
}

static bool
run_row(mst_sqlite_row *row, mst_store_visit visit, void *user)
{
  mst_store_run run = {
      .id = mst_sqlite_text(row, 0),
      .document = mst_sqlite_text(row, 1),
      .start = {mst_sqlite_int(row, 2)},
      .end = {mst_sqlite_int(row, 3)},
  };

  return !row->corrupt && visit(user, &run);
}

mst_err
mst_sqlite_run_each(mst_store *store, mst_store_visit visit, void *user, mst_errctx *ctx)
{
  sqlite3_stmt *statement;
  mst_err err = mst_sqlite_bind(store, MST_SQL_RUN_EACH, &statement, ctx, "");

  return err == MST_OK ? mst_sqlite_walk(store, statement, run_row, visit, user, "read the runs", ctx) : err;
}

mst_err
mst_sqlite_statement_put(mst_store *store, const mst_store_statement *record, mst_errctx *ctx)
{
  sqlite3_stmt *statement;
  mst_bytes id = {record->id, sizeof record->id};
  mst_err err = mst_sqlite_bind(store, MST_SQL_STATEMENT_PUT, &statement, ctx, "bttib", &id, record->kind, record->run,
                                record->received_at.ns, &record->bytes);

  return err == MST_OK ? mst_sqlite_run(store, statement, "keep a statement", ctx) : err;
}

static bool
statement_row(mst_sqlite_row *row, mst_store_visit visit, void *user)
{
  mst_store_statement record = {
      .kind = mst_sqlite_text(row, 1),
      .run = mst_sqlite_text(row, 2),
      .received_at = {mst_sqlite_int(row, 3)},
      .bytes = mst_sqlite_bytes(row, 4),
  };

  mst_sqlite_fixed(row, 0, record.id, sizeof record.id);
  return !row->corrupt && visit(user, &record);
}

mst_err
mst_sqlite_statement_each(mst_store *store, const char *run, mst_store_visit visit, void *user, mst_errctx *ctx)
{
  sqlite3_stmt *statement;
  mst_err err = run ? mst_sqlite_bind(store, MST_SQL_STATEMENT_EACH_OF, &statement, ctx, "t", run)
                    : mst_sqlite_bind(store, MST_SQL_STATEMENT_EACH, &statement, ctx, "");

  return err == MST_OK ? mst_sqlite_walk(store, statement, statement_row, visit, user, "read the statements", ctx) : err;
}

/* The end of the chain: zeroes before the first record. */
static mst_err
audit_last(mst_store *store, int64_t *ret_sequence, mst_digest *ret_hash, mst_errctx *ctx)
{
  mst_sqlite_row row = {0};

  mst_err err = mst_sqlite_bind(store, MST_SQL_AUDIT_LAST, &row.statement, ctx, "");
  if (err != MST_OK)
    return err;
  int code = sqlite3_step(row.statement);
  if (code == SQLITE_ROW) {
    *ret_sequence = mst_sqlite_int(&row, 0);
    mst_sqlite_fixed(&row, 1, ret_hash->bytes, sizeof ret_hash->bytes);
  }
  return mst_sqlite_end(store, &row, code, "read the end of the audit chain", ctx);
}

mst_err
mst_sqlite_audit_append(mst_store *store, mst_store_audit *record, mst_errctx *ctx)
{
  mst_store_audit own = *record;
  mst_digest previous = {{0}};
  sqlite3_stmt *statement;
  int64_t last = 0;

  mst_err err = audit_last(store, &last, &previous, ctx);
  own.sequence = last + 1;
  own.kind = record->kind ? record->kind : "";
  own.subject = record->subject ? record->subject : "";
  if (err == MST_OK)
    err = mst_store_audit_hash(&previous, &own, &own.hash, ctx);
  if (err == MST_OK)
    err = mst_sqlite_bind(store, MST_SQL_AUDIT_APPEND, &statement, ctx, "iittbb", own.sequence, own.at.ns, own.kind, own.subject, &own.body,
                          BYTES_OF(own.hash.bytes));
  if (err == MST_OK)
    err = mst_sqlite_run(store, statement, "extend the audit chain", ctx);
  if (err == MST_OK) {
    record->sequence = own.sequence;
    record->hash = own.hash;
  }
  return err;
}

static bool
audit_row(mst_sqlite_row *row, mst_store_visit visit, void *user)
{
  mst_store_audit record = {
      .sequence = mst_sqlite_int(row, 0),
      .at = {mst_sqlite_int(row, 1)},
      .kind = mst_sqlite_text(row, 2),
      .subject = mst_sqlite_text(row, 3),
      .body = mst_sqlite_bytes(row, 4),
  };

  mst_sqlite_fixed(row, 5, record.hash.bytes, sizeof record.hash.bytes);
  return !row->corrupt && visit(user, &record);
}

mst_err
mst_sqlite_audit_each(mst_store *store, int64_t from, mst_store_visit visit, void *user, mst_errctx *ctx)
{
  sqlite3_stmt *statement;
  mst_err err = mst_sqlite_bind(store, MST_SQL_AUDIT_EACH, &statement, ctx, "i", from);

  return err == MST_OK ? mst_sqlite_walk(store, statement, audit_row, visit, user, "read the audit chain", ctx) : err;
}
