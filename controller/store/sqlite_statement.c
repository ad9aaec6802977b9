/* The statements of the store and what is common to running them. */
#include "store/sqlite_private.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

static const char *const sql[MST_SQL_COUNT] = {
    [MST_SQL_META_PUT] = "INSERT OR REPLACE INTO meta(key, value) VALUES(?1, ?2)",
    [MST_SQL_META_GET] = "SELECT value FROM meta WHERE key = ?1",
    [MST_SQL_AGENT_PUT] = "UPDATE agent SET key = ?2, state = ?3, hostname = ?4, labels = ?5, token = ?6, enrolled_at = ?7, changed_at = "
                          "?8 WHERE number = ?1",
    [MST_SQL_AGENT_NEW] =
        "INSERT INTO agent(key, state, hostname, labels, token, enrolled_at, changed_at) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [MST_SQL_AGENT_EACH] = "SELECT number, key, state, hostname, labels, token, enrolled_at, changed_at FROM agent ORDER BY number",
    [MST_SQL_TOKEN_PUT] = "INSERT OR REPLACE INTO token(id, secret, labels, created_at, expires_at, uses_left, uses_made, revoked, manual) "
                          "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    [MST_SQL_TOKEN_EACH] =
        "SELECT id, secret, labels, created_at, expires_at, uses_left, uses_made, revoked, manual FROM token ORDER BY created_at, id",
    [MST_SQL_OPERATOR_PUT] = "INSERT OR REPLACE INTO operator(key, name, roles, revoked, added_at) VALUES(?1, ?2, ?3, ?4, ?5)",
    [MST_SQL_OPERATOR_EACH] = "SELECT key, name, roles, revoked, added_at FROM operator ORDER BY added_at, key",
    [MST_SQL_SERIES_PUT] = "INSERT OR REPLACE INTO series(number, series) VALUES(?1, ?2)",
    [MST_SQL_SERIES_EACH] = "SELECT number, series FROM series ORDER BY number",
    [MST_SQL_AGENT_SERIES_PUT] = "INSERT INTO agent_series(agent, series, defined_at) VALUES(?1, ?2, ?3) "
                                 "ON CONFLICT(agent, series) DO UPDATE SET defined_at = excluded.defined_at "
                                 "WHERE excluded.defined_at < defined_at",
    [MST_SQL_AGENT_SERIES_EACH] = "SELECT agent, series, defined_at FROM agent_series WHERE agent = ?1 ORDER BY series",
    [MST_SQL_SESSION_PUT] =
        "UPDATE session SET agent = ?2, session = ?3, first_seen_at = ?4, ranges = ?5, definitions = ?6, stored_samples = ?7, "
        "lost_samples = ?8, lost_records = ?9 WHERE number = ?1",
    [MST_SQL_SESSION_NEW] =
        "INSERT INTO session(agent, session, first_seen_at, ranges, definitions, stored_samples, lost_samples, lost_records) "
        "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    [MST_SQL_SESSION_EACH] =
        "SELECT number, agent, session, first_seen_at, ranges, definitions, stored_samples, lost_samples, lost_records FROM session "
        "ORDER BY number",
    [MST_SQL_JOURNAL_APPEND] =
        "INSERT INTO journal(agent, session, sequence, kind, window, received_at, digest, body) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    [MST_SQL_JOURNAL_GET] = "SELECT id, agent, session, sequence, kind, window, received_at, digest, body FROM journal WHERE id = ?1",
    [MST_SQL_JOURNAL_DELETE] = "DELETE FROM journal WHERE id = ?1",
    [MST_SQL_JOURNAL_EACH] = "SELECT id, agent, session, sequence, kind, window, received_at, digest, body FROM journal ORDER BY id",
    [MST_SQL_WINDOW_PUT] = "INSERT OR REPLACE INTO window(key, document) VALUES(?1, ?2)",
    [MST_SQL_WINDOW_GET] = "SELECT document FROM window WHERE key = ?1",
    [MST_SQL_WINDOW_EACH] = "SELECT key, document FROM window WHERE key >= ?1 AND key < ?2 ORDER BY key",
    [MST_SQL_WINDOW_SEEK] = "SELECT key, document FROM window WHERE key >= ?1 AND key < ?2 ORDER BY key LIMIT 1",
    [MST_SQL_WINDOW_PRUNE] = "DELETE FROM window WHERE key IN (SELECT key FROM window WHERE key < ?1 ORDER BY key LIMIT ?2)",
    [MST_SQL_RUN_PUT] = "INSERT INTO run(id, document, start, end) VALUES(?1, ?2, ?3, ?4) "
                        "ON CONFLICT(id) DO UPDATE SET document = excluded.document, start = excluded.start, end = excluded.end",
    [MST_SQL_RUN_EACH] = "SELECT id, document, start, end FROM run ORDER BY rowid",
    [MST_SQL_STATEMENT_PUT] = "INSERT INTO statement(id, kind, run, received_at, bytes) VALUES(?1, ?2, ?3, ?4, ?5)",
    [MST_SQL_STATEMENT_EACH] = "SELECT id, kind, run, received_at, bytes FROM statement ORDER BY rowid",
    [MST_SQL_STATEMENT_EACH_OF] = "SELECT id, kind, run, received_at, bytes FROM statement WHERE run = ?1 ORDER BY rowid",
    [MST_SQL_AUDIT_APPEND] = "INSERT INTO audit(sequence, at, kind, subject, body, hash) VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
    [MST_SQL_AUDIT_LAST] = "SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1",
    [MST_SQL_AUDIT_EACH] = "SELECT sequence, at, kind, subject, body, hash FROM audit WHERE sequence >= ?1 ORDER BY sequence",
};

static bool
disk_is_full(sqlite3 *db, int code)
{
  int os_errno = sqlite3_system_errno(db);

  /* Growing the shared memory of the WAL fails as an input/output error. */
  return (code & 0xFF) == SQLITE_FULL || ((code & 0xFF) == SQLITE_IOERR && (os_errno == ENOSPC || os_errno == EDQUOT));
}

mst_err
mst_sqlite_fail(mst_store *store, const char *what, mst_errctx *ctx)
{
  int code = sqlite3_extended_errcode(store->db);

  if (disk_is_full(store->db, code))
    return mst_fail(ctx, MST_ELIMIT, "store %s: %s: the disk is full; make room, nothing that was acknowledged is lost", store->path, what);
  switch (code) {
  case SQLITE_CONSTRAINT_UNIQUE:
  case SQLITE_CONSTRAINT_PRIMARYKEY:
  case SQLITE_CONSTRAINT_ROWID:
    return mst_fail(ctx, MST_EEXIST, "store %s: %s: there is one already", store->path, what);
  default:
    break;
  }
  switch (code & 0xFF) {
  case SQLITE_CORRUPT:
  case SQLITE_NOTADB:
    return mst_fail(ctx, MST_ECORRUPT, "store %s: %s: %s; restore it from a backup", store->path, what, sqlite3_errmsg(store->db));
  case SQLITE_NOMEM:
    return mst_fail(ctx, MST_ENOMEM, "store %s: %s: out of memory", store->path, what);
  case SQLITE_TOOBIG:
    return mst_fail(ctx, MST_ELIMIT, "store %s: %s: over SQLite's limit for one value", store->path, what);
  case SQLITE_PERM:
  case SQLITE_READONLY:
    return mst_fail(ctx, MST_EPERM, "store %s: %s: %s", store->path, what, sqlite3_errmsg(store->db));
  case SQLITE_BUSY:
    return mst_fail(ctx, MST_EIO, "store %s: %s: another program keeps it locked", store->path, what);
  default:
    return mst_fail(ctx, MST_EIO, "store %s: %s: %s", store->path, what, sqlite3_errmsg(store->db));
  }
}

static int
bind_one(sqlite3_stmt *statement, int at, char format, va_list *arguments)
{
  if (format == 'i')
    return sqlite3_bind_int64(statement, at, va_arg(*arguments, int64_t));
  if (format == 't') {
    const char *text = va_arg(*arguments, const char *);
    return sqlite3_bind_text(statement, at, text ? text : "", -1, SQLITE_STATIC);
  }
  const mst_bytes *bytes = va_arg(*arguments, const mst_bytes *);
  return sqlite3_bind_blob64(statement, at, bytes->size_bytes ? bytes->data : (const uint8_t *)"", bytes->size_bytes, SQLITE_STATIC);
}

mst_err
mst_sqlite_bind(mst_store *store, mst_sql which, sqlite3_stmt **ret_statement, mst_errctx *ctx, const char *format, ...)
{
  sqlite3_stmt **statement = &store->statements[which];
  int code = SQLITE_OK;
  va_list arguments;

  if (!*statement && sqlite3_prepare_v3(store->db, sql[which], -1, SQLITE_PREPARE_PERSISTENT, statement, NULL) != SQLITE_OK)
    return mst_sqlite_fail(store, "prepare", ctx);
  if (sqlite3_stmt_busy(*statement))
    return mst_fail(ctx, MST_ESTATE, "store %s: a visitor asks for what it is being shown", store->path);
  va_start(arguments, format);
  for (int at = 1; format[at - 1] && code == SQLITE_OK; at++)
    code = bind_one(*statement, at, format[at - 1], &arguments);
  va_end(arguments);
  if (code != SQLITE_OK) {
    mst_err err = mst_sqlite_fail(store, "bind", ctx);
    sqlite3_clear_bindings(*statement);
    return err;
  }
  *ret_statement = *statement;
  return MST_OK;
}

/* Bindings point into the caller's memory: none may stay. */
static void
reset(sqlite3_stmt *statement)
{
  sqlite3_reset(statement);
  sqlite3_clear_bindings(statement);
}

mst_err
mst_sqlite_run(mst_store *store, sqlite3_stmt *statement, const char *what, mst_errctx *ctx)
{
  mst_err err = MST_OK;

  if (!store->in_transaction) {
    err = mst_fail(ctx, MST_ESTATE, "store %s: %s outside a transaction", store->path, what);
  } else if (store->failed != MST_OK) {
    err = mst_fail(ctx, store->failed, "store %s: %s: the transaction has failed before and must be rolled back", store->path, what);
  } else if (sqlite3_step(statement) != SQLITE_DONE) {
    err = mst_sqlite_fail(store, what, ctx);
    if (err != MST_EEXIST)
      store->failed = err;
  }
  reset(statement);
  return err;
}

mst_err
mst_sqlite_change(mst_store *store, sqlite3_stmt *statement, const char *what, mst_errctx *ctx)
{
  mst_err err = mst_sqlite_run(store, statement, what, ctx);

  if (err == MST_OK && sqlite3_changes(store->db) == 0)
    err = mst_fail(ctx, MST_EABSENT, "store %s: %s: there is none of that number", store->path, what);
  return err;
}

mst_err
mst_sqlite_end(mst_store *store, const mst_sqlite_row *row, int code, const char *what, mst_errctx *ctx)
{
  mst_err err = MST_OK;

  if (code != SQLITE_ROW && code != SQLITE_DONE)
    err = mst_sqlite_fail(store, what, ctx);
  else if (row->corrupt)
    err = mst_fail(ctx, MST_ECORRUPT, "store %s: %s: a record does not hold what it must; restore it from a backup", store->path, what);
  reset(row->statement);
  return err;
}

mst_err
mst_sqlite_walk(mst_store *store, sqlite3_stmt *statement, mst_sqlite_read read, mst_store_visit visit, void *user, const char *what,
                mst_errctx *ctx)
{
  mst_sqlite_row row = {.statement = statement};
  int code;

  while ((code = sqlite3_step(statement)) == SQLITE_ROW && read(&row, visit, user))
    ;
  return mst_sqlite_end(store, &row, code, what, ctx);
}

mst_err
mst_sqlite_get(mst_store *store, sqlite3_stmt *statement, mst_buf *ret_value, const char *what, mst_errctx *ctx)
{
  mst_sqlite_row row = {.statement = statement};
  mst_err err = MST_OK;

  int code = sqlite3_step(statement);
  if (code == SQLITE_ROW) {
    mst_bytes value = mst_sqlite_bytes(&row, 0);
    mst_buf_append(ret_value, value.data, value.size_bytes);
    err = mst_buf_check(ret_value, what, ctx);
  } else if (code == SQLITE_DONE) {
    err = mst_fail(ctx, MST_EABSENT, "store %s: %s: there is none", store->path, what);
  }
  mst_err end = mst_sqlite_end(store, &row, code, what, ctx);
  return err != MST_OK ? err : end;
}

mst_err
mst_sqlite_number(mst_store *store, const char *text, int64_t *ret_number, mst_errctx *ctx)
{
  sqlite3_stmt *statement = NULL;
  mst_err err = MST_OK;

  if (sqlite3_prepare_v2(store->db, text, -1, &statement, NULL) != SQLITE_OK || sqlite3_step(statement) != SQLITE_ROW)
    err = mst_sqlite_fail(store, text, ctx);
  else
    *ret_number = sqlite3_column_int64(statement, 0);
  sqlite3_finalize(statement);
  return err;
}

int64_t
mst_sqlite_int(mst_sqlite_row *row, int column)
{
  row->corrupt = row->corrupt || sqlite3_column_type(row->statement, column) != SQLITE_INTEGER;
  return sqlite3_column_int64(row->statement, column);
}

uint32_t
mst_sqlite_u32(mst_sqlite_row *row, int column)
{
  int64_t value = mst_sqlite_int(row, column);

  row->corrupt = row->corrupt || value < 0 || value > UINT32_MAX;
  return (uint32_t)value;
}

bool
mst_sqlite_bool(mst_sqlite_row *row, int column)
{
  uint32_t value = mst_sqlite_u32(row, column);

  row->corrupt = row->corrupt || value > 1;
  return value != 0;
}

mst_bytes
mst_sqlite_bytes(mst_sqlite_row *row, int column)
{
  const void *data = sqlite3_column_blob(row->statement, column);

  row->corrupt = row->corrupt || sqlite3_column_type(row->statement, column) != SQLITE_BLOB;
  return (mst_bytes){data, (size_t)sqlite3_column_bytes(row->statement, column)};
}

const char *
mst_sqlite_text(mst_sqlite_row *row, int column)
{
  const unsigned char *text = sqlite3_column_text(row->statement, column);

  row->corrupt = row->corrupt || !text;
  return text ? (const char *)text : "";
}

void
mst_sqlite_fixed(mst_sqlite_row *row, int column, void *ret_bytes, size_t size_bytes)
{
  mst_bytes bytes = mst_sqlite_bytes(row, column);

  if (bytes.data && bytes.size_bytes == size_bytes)
    memcpy(ret_bytes, bytes.data, size_bytes);
  else
    row->corrupt = true;
}
