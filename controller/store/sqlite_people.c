/* Agents, tokens, operators, runs, statements and the audit chain in SQLite. */
#include "store/sqlite_private.h"

#include <string.h>

#include <mst/common/alloc.h>

#define BYTES_OF(array) (&(mst_bytes){(array), sizeof(array)})
#define INT(value)      ((int64_t)(value))

mst_err
mst_sqlite_agent_put(mst_store *store, mst_store_agent *agent, mst_errctx *ctx)
{
  sqlite3_stmt *statement;
  mst_err err;

  if (agent->number != 0)
    err = mst_sqlite_bind(store, MST_SQL_AGENT_PUT, &statement, ctx, "ibittbii", INT(agent->number), BYTES_OF(agent->key.bytes),
                          INT(agent->state), agent->hostname, agent->labels, BYTES_OF(agent->token_id), agent->enrolled_at.ns,
                          agent->changed_at.ns);
  else
    err = mst_sqlite_bind(store, MST_SQL_AGENT_NEW, &statement, ctx, "bittbii", BYTES_OF(agent->key.bytes), INT(agent->state),
                          agent->hostname, agent->labels, BYTES_OF(agent->token_id), agent->enrolled_at.ns, agent->changed_at.ns);
  if (err == MST_OK)
    err = mst_sqlite_run(store, statement, "keep an agent", ctx);
  if (err == MST_OK && agent->number == 0)
    agent->number = (uint32_t)sqlite3_last_insert_rowid(store->db);
  return err;
}

static bool
agent_row(sqlite3_stmt *statement, mst_store_visit visit, void *user)
{
  mst_store_agent agent = {
      .number = (uint32_t)sqlite3_column_int64(statement, 0),
      .state = (mst_agent_state)sqlite3_column_int(statement, 2),
      .hostname = mst_sqlite_text(statement, 3),
      .labels = mst_sqlite_text(statement, 4),
      .enrolled_at = {sqlite3_column_int64(statement, 6)},
      .changed_at = {sqlite3_column_int64(statement, 7)},
  };

  mst_sqlite_fixed(statement, 1, agent.key.bytes, sizeof agent.key.bytes);
  mst_sqlite_fixed(statement, 5, agent.token_id, sizeof agent.token_id);
  return visit(user, &agent);
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
token_row(sqlite3_stmt *statement, mst_store_visit visit, void *user)
{
  mst_store_token token = {
      .labels = mst_sqlite_text(statement, 2),
      .created_at = {sqlite3_column_int64(statement, 3)},
      .expires_at = {sqlite3_column_int64(statement, 4)},
      .uses_left = (uint32_t)sqlite3_column_int64(statement, 5),
      .uses_made = (uint32_t)sqlite3_column_int64(statement, 6),
      .revoked = sqlite3_column_int(statement, 7) != 0,
      .manual = sqlite3_column_int(statement, 8) != 0,
  };

  mst_sqlite_fixed(statement, 0, token.id, sizeof token.id);
  mst_sqlite_fixed(statement, 1, token.secret, sizeof token.secret);
  return visit(user, &token);
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
operator_row(sqlite3_stmt *statement, mst_store_visit visit, void *user)
{
  mst_store_operator operator_ = {
      .name = mst_sqlite_text(statement, 1),
      .roles = mst_sqlite_text(statement, 2),
      .revoked = sqlite3_column_int(statement, 3) != 0,
      .added_at = {sqlite3_column_int64(statement, 4)},
  };

  mst_sqlite_fixed(statement, 0, operator_.key.bytes, sizeof operator_.key.bytes);
  return visit(user, &operator_);
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
run_row(sqlite3_stmt *statement, mst_store_visit visit, void *user)
{
  mst_store_run run = {
      .id = mst_sqlite_text(statement, 0),
      .document = mst_sqlite_text(statement, 1),
      .start = {sqlite3_column_int64(statement, 2)},
      .end = {sqlite3_column_int64(statement, 3)},
  };

  return visit(user, &run);
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
statement_row(sqlite3_stmt *statement, mst_store_visit visit, void *user)
{
  mst_store_statement record = {
      .kind = mst_sqlite_text(statement, 1),
      .run = mst_sqlite_text(statement, 2),
      .received_at = {sqlite3_column_int64(statement, 3)},
      .bytes = mst_sqlite_bytes(statement, 4),
  };

  mst_sqlite_fixed(statement, 0, record.id, sizeof record.id);
  return visit(user, &record);
}

mst_err
mst_sqlite_statement_each(mst_store *store, const char *run, mst_store_visit visit, void *user, mst_errctx *ctx)
{
  sqlite3_stmt *statement;
  mst_err err = run ? mst_sqlite_bind(store, MST_SQL_STATEMENT_EACH_OF, &statement, ctx, "t", run)
                    : mst_sqlite_bind(store, MST_SQL_STATEMENT_EACH, &statement, ctx, "");

  return err == MST_OK ? mst_sqlite_walk(store, statement, statement_row, visit, user, "read the statements", ctx) : err;
}

/* The hash of a record covers the hash before it, so that none can be taken out or changed without all that follow.
 * Everything goes in with its length, so that no two records look alike. */
static mst_err
hash_record(const mst_digest *previous, mst_store_audit *record, mst_errctx *ctx)
{
  const mst_bytes parts[] = {
      {(const uint8_t *)record->kind, strlen(record->kind)},
      {(const uint8_t *)record->subject, strlen(record->subject)},
      record->body,
  };
  mst_buf all;
  uint64_t numbers[2] = {(uint64_t)record->sequence, (uint64_t)record->at.ns};

  mst_buf_init(&all, 16 * 1024 * 1024);
  mst_buf_append(&all, previous->bytes, sizeof previous->bytes);
  for (size_t i = 0; i < 2; i++)
    for (int shift = 56; shift >= 0; shift -= 8)
      mst_buf_append(&all, &(uint8_t){(uint8_t)(numbers[i] >> shift)}, 1);
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
    for (int shift = 24; shift >= 0; shift -= 8)
      mst_buf_append(&all, &(uint8_t){(uint8_t)(parts[i].size_bytes >> shift)}, 1);
    mst_buf_append(&all, parts[i].data, parts[i].size_bytes);
  }
  mst_err err = mst_buf_check(&all, "audit record", ctx);
  if (err == MST_OK)
    record->hash = mst_digest_of("muster/1/audit", all.data, all.size_bytes);
  mst_buf_done(&all);
  return err;
}

mst_err
mst_sqlite_audit_append(mst_store *store, mst_store_audit *record, mst_errctx *ctx)
{
  mst_digest previous = {{0}};
  sqlite3_stmt *statement;

  mst_err err = mst_sqlite_bind(store, MST_SQL_AUDIT_LAST, &statement, ctx, "");
  if (err != MST_OK)
    return err;
  int code = sqlite3_step(statement);
  record->sequence = 1;
  if (code == SQLITE_ROW) {
    record->sequence = sqlite3_column_int64(statement, 0) + 1;
    mst_sqlite_fixed(statement, 1, previous.bytes, sizeof previous.bytes);
  } else if (code != SQLITE_DONE) {
    err = mst_sqlite_fail(store, "read the audit chain", ctx);
  }
  sqlite3_reset(statement);
  if (err == MST_OK)
    err = hash_record(&previous, record, ctx);
  if (err == MST_OK)
    err = mst_sqlite_bind(store, MST_SQL_AUDIT_APPEND, &statement, ctx, "iittbb", record->sequence, record->at.ns, record->kind,
                          record->subject, &record->body, BYTES_OF(record->hash.bytes));
  return err == MST_OK ? mst_sqlite_run(store, statement, "extend the audit chain", ctx) : err;
}

static bool
audit_row(sqlite3_stmt *statement, mst_store_visit visit, void *user)
{
  mst_store_audit record = {
      .sequence = sqlite3_column_int64(statement, 0),
      .at = {sqlite3_column_int64(statement, 1)},
      .kind = mst_sqlite_text(statement, 2),
      .subject = mst_sqlite_text(statement, 3),
      .body = mst_sqlite_bytes(statement, 4),
  };

  mst_sqlite_fixed(statement, 5, record.hash.bytes, sizeof record.hash.bytes);
  return visit(user, &record);
}

mst_err
mst_sqlite_audit_each(mst_store *store, int64_t from, mst_store_visit visit, void *user, mst_errctx *ctx)
{
  sqlite3_stmt *statement;
  mst_err err = mst_sqlite_bind(store, MST_SQL_AUDIT_EACH, &statement, ctx, "i", from);

  return err == MST_OK ? mst_sqlite_walk(store, statement, audit_row, visit, user, "read the audit chain", ctx) : err;
}
