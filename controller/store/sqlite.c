/* The embedded store: one SQLite file in WAL mode. */
#include "store/sqlite_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mst/common/alloc.h>
#include <mst/common/file.h>

enum {
  BUSY_TIMEOUT_MS = 5000,
  BACKUP_PAGES = 1024, /* a step; 8 MB */
};

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
                                 "ON CONFLICT(agent, series) DO UPDATE SET defined_at = min(defined_at, excluded.defined_at)",
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
    [MST_SQL_WINDOW_PUT] = "INSERT OR REPLACE INTO window(start, agent, document) VALUES(?1, ?2, ?3)",
    [MST_SQL_WINDOW_GET] = "SELECT document FROM window WHERE start = ?1 AND agent = ?2",
    [MST_SQL_WINDOW_EACH] = "SELECT start, agent, document FROM window WHERE start >= ?1 AND start < ?2 ORDER BY start, agent",
    [MST_SQL_WINDOW_EACH_OF] = "SELECT start, agent, document FROM window WHERE agent = ?3 AND start >= ?1 AND start < ?2 ORDER BY start",
    [MST_SQL_WINDOW_PRUNE] =
        "DELETE FROM window WHERE (start, agent) IN (SELECT start, agent FROM window WHERE start < ?1 ORDER BY start LIMIT ?2)",
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

mst_err
mst_sqlite_fail(mst_store *store, const char *what, mst_errctx *ctx)
{
  int code = sqlite3_errcode(store->db);

  switch (code & 0xff) {
  case SQLITE_FULL:
    return mst_fail(ctx, MST_ELIMIT, "store %s: %s: the disk is full", store->path, what);
  case SQLITE_CONSTRAINT:
    return mst_fail(ctx, MST_EEXIST, "store %s: %s: there is one already", store->path, what);
  case SQLITE_CORRUPT:
  case SQLITE_NOTADB:
    return mst_fail(ctx, MST_ECORRUPT, "store %s: %s: %s; restore it from a backup", store->path, what, sqlite3_errmsg(store->db));
  case SQLITE_NOMEM:
    return mst_fail(ctx, MST_ENOMEM, "store %s: %s", store->path, what);
  default:
    return mst_fail(ctx, MST_EIO, "store %s: %s: %s", store->path, what, sqlite3_errmsg(store->db));
  }
}

mst_err
mst_sqlite_bind(mst_store *store, mst_sql which, sqlite3_stmt **ret_statement, mst_errctx *ctx, const char *format, ...)
{
  sqlite3_stmt **statement = &store->statements[which];
  int code = SQLITE_OK, at = 1;
  va_list arguments;

  if (!*statement && sqlite3_prepare_v3(store->db, sql[which], -1, SQLITE_PREPARE_PERSISTENT, statement, NULL) != SQLITE_OK)
    return mst_sqlite_fail(store, "prepare", ctx);
  va_start(arguments, format);
  for (; *format && code == SQLITE_OK; format++, at++) {
    if (*format == 'i') {
      code = sqlite3_bind_int64(*statement, at, va_arg(arguments, int64_t));
    } else if (*format == 't') {
      code = sqlite3_bind_text(*statement, at, va_arg(arguments, const char *), -1, SQLITE_STATIC);
    } else {
      const mst_bytes *bytes = va_arg(arguments, const mst_bytes *);
      code = sqlite3_bind_blob64(*statement, at, bytes->size_bytes ? bytes->data : (const uint8_t *)"", bytes->size_bytes, SQLITE_STATIC);
    }
  }
  va_end(arguments);
  if (code != SQLITE_OK)
    return mst_sqlite_fail(store, "bind", ctx);
  *ret_statement = *statement;
  return MST_OK;
}

mst_err
mst_sqlite_run(mst_store *store, sqlite3_stmt *statement, const char *what, mst_errctx *ctx)
{
  mst_err err = MST_OK;

  if (!store->in_transaction)
    err = mst_fail(ctx, MST_ESTATE, "store %s: %s outside a transaction", store->path, what);
  else if (sqlite3_step(statement) != SQLITE_DONE)
    err = mst_sqlite_fail(store, what, ctx);
  sqlite3_reset(statement);
  sqlite3_clear_bindings(statement);
  return err;
}

mst_err
mst_sqlite_walk(mst_store *store, sqlite3_stmt *statement, mst_sqlite_row row, mst_store_visit visit, void *user, const char *what,
                mst_errctx *ctx)
{
  int code;

  while ((code = sqlite3_step(statement)) == SQLITE_ROW && row(statement, visit, user))
    ;
  mst_err err = code == SQLITE_ROW || code == SQLITE_DONE ? MST_OK : mst_sqlite_fail(store, what, ctx);
  sqlite3_reset(statement);
  sqlite3_clear_bindings(statement);
  return err;
}

void
mst_sqlite_fixed(sqlite3_stmt *statement, int column, void *ret_bytes, size_t size_bytes)
{
  const void *blob = sqlite3_column_blob(statement, column);

  if (blob && (size_t)sqlite3_column_bytes(statement, column) == size_bytes)
    memcpy(ret_bytes, blob, size_bytes);
  else
    memset(ret_bytes, 0, size_bytes);
}

/* ---- open, close, transactions ---- */

static void
close_store(mst_store *store)
{
  if (!store)
    return;
  for (int i = 0; i < MST_SQL_COUNT; i++)
    sqlite3_finalize(store->statements[i]);
  sqlite3_close(store->db);
  mst_free(store->path);
  mst_free(store);
}

/* FULL, not NORMAL: an acknowledged report must survive a power cut, and a batch pays one fsync. 8 KB pages hold two window documents
 * (FACTS.md). Checkpoints of 2000 pages (16 MB) stay short; the WAL is cut back after each. */
static const char pragmas[] = "PRAGMA page_size = 8192;"
                              "PRAGMA journal_mode = WAL;"
                              "PRAGMA synchronous = FULL;"
                              "PRAGMA wal_autocheckpoint = 2000;"
                              "PRAGMA journal_size_limit = 67108864;"
                              "PRAGMA foreign_keys = ON;"
                              "PRAGMA cache_size = -16384;"
                              "PRAGMA temp_store = MEMORY;";

static mst_err
open_store(const char *location, bool read_only, mst_store **ret_store, mst_errctx *ctx)
{
  mst_store *store = mst_alloc(1, sizeof *store);
  mst_err err = MST_OK;

  if (!store || !(store->path = mst_strdup(location))) {
    mst_free(store);
    return mst_fail(ctx, MST_ENOMEM, "open store %s", location);
  }
  store->read_only = read_only;
  mode_t old = umask(0077); /* the file and its WAL hold what hosts report: nobody else's */
  int code = sqlite3_open_v2(location, &store->db,
                             (read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE) | SQLITE_OPEN_NOMUTEX, NULL);
  if (code == SQLITE_OK) {
    sqlite3_extended_result_codes(store->db, 1);
    sqlite3_busy_timeout(store->db, BUSY_TIMEOUT_MS);
    if (!read_only && sqlite3_exec(store->db, pragmas, NULL, NULL, NULL) != SQLITE_OK)
      err = mst_sqlite_fail(store, "open", ctx);
  } else {
    err = store->db ? mst_sqlite_fail(store, "open", ctx) : mst_fail(ctx, MST_ENOMEM, "open store %s", location);
  }
  if (err == MST_OK)
    err = mst_sqlite_migrate(store, ctx);
  umask(old);
  if (err != MST_OK) {
    close_store(store);
    return err;
  }
  *ret_store = store;
  return MST_OK;
}

static mst_err
begin(mst_store *store, mst_errctx *ctx)
{
  if (store->in_transaction || store->read_only)
    return mst_fail(ctx, MST_ESTATE, "store %s: begin: %s", store->path, store->read_only ? "opened for reading" : "a transaction is open");
  if (sqlite3_exec(store->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
    return mst_sqlite_fail(store, "begin", ctx);
  store->in_transaction = true;
  return MST_OK;
}

static void
rollback(mst_store *store)
{
  if (!store->in_transaction)
    return;
  /* Some errors (a full disk) have rolled back already; a second time does no harm. */
  sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
  store->in_transaction = false;
}

static mst_err
commit(mst_store *store, mst_errctx *ctx)
{
  if (!store->in_transaction)
    return mst_fail(ctx, MST_ESTATE, "store %s: commit without begin", store->path);
  if (sqlite3_exec(store->db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK) {
    mst_err err = mst_sqlite_fail(store, "commit", ctx);
    rollback(store);
    return err;
  }
  store->in_transaction = false;
  return MST_OK;
}

static mst_err
meta_put(mst_store *store, const char *key, mst_bytes value, mst_errctx *ctx)
{
  sqlite3_stmt *statement;
  mst_err err = mst_sqlite_bind(store, MST_SQL_META_PUT, &statement, ctx, "tb", key, &value);

  return err == MST_OK ? mst_sqlite_run(store, statement, "keep a setting", ctx) : err;
}

static mst_err
meta_get(mst_store *store, const char *key, mst_buf *ret_value, mst_errctx *ctx)
{
  sqlite3_stmt *statement;
  mst_err err = mst_sqlite_bind(store, MST_SQL_META_GET, &statement, ctx, "t", key);

  if (err != MST_OK)
    return err;
  int code = sqlite3_step(statement);
  if (code == SQLITE_ROW) {
    mst_bytes value = mst_sqlite_bytes(statement, 0);
    mst_buf_append(ret_value, value.data, value.size_bytes);
    err = mst_buf_check(ret_value, key, ctx);
  } else {
    err = code == SQLITE_DONE ? MST_EABSENT : mst_sqlite_fail(store, "read a setting", ctx);
  }
  sqlite3_reset(statement);
  return err;
}

static mst_err
backup(mst_store *store, const char *path, mst_errctx *ctx)
{
  sqlite3 *copy = NULL;
  mst_err err = MST_OK;

  if (access(path, F_OK) == 0)
    return mst_fail(ctx, MST_EEXIST, "back up to %s: there is a file already", path);
  mode_t old = umask(0077);
  int code = sqlite3_open_v2(path, &copy, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
  umask(old);
  sqlite3_backup *job = code == SQLITE_OK ? sqlite3_backup_init(copy, "main", store->db, "main") : NULL;
  while (job && (code = sqlite3_backup_step(job, BACKUP_PAGES)) == SQLITE_OK)
    ;
  if (!job || sqlite3_backup_finish(job) != SQLITE_OK || code != SQLITE_DONE)
    err = mst_fail(ctx, MST_EIO, "back up to %s: %s", path, copy ? sqlite3_errmsg(copy) : "out of memory");
  sqlite3_close(copy);
  if (err == MST_OK)
    return mst_file_sync_dir(path, ctx);
  unlink(path);
  return err;
}

static uint64_t
size_bytes(mst_store *store)
{
  struct stat st;
  char wal[4096];
  uint64_t total = stat(store->path, &st) == 0 ? (uint64_t)st.st_size : 0;

  if (snprintf(wal, sizeof wal, "%s-wal", store->path) < (int)sizeof wal && stat(wal, &st) == 0)
    total += (uint64_t)st.st_size;
  return total;
}

const mst_store_ops mst_store_sqlite = {
    .name = "sqlite",
    .open = open_store,
    .close = close_store,
    .begin = begin,
    .commit = commit,
    .rollback = rollback,
    .meta_put = meta_put,
    .meta_get = meta_get,
    .agent_put = mst_sqlite_agent_put,
    .agent_each = mst_sqlite_agent_each,
    .token_put = mst_sqlite_token_put,
    .token_each = mst_sqlite_token_each,
    .operator_put = mst_sqlite_operator_put,
    .operator_each = mst_sqlite_operator_each,
    .series_put = mst_sqlite_series_put,
    .series_each = mst_sqlite_series_each,
    .agent_series_put = mst_sqlite_agent_series_put,
    .agent_series_each = mst_sqlite_agent_series_each,
    .session_put = mst_sqlite_session_put,
    .session_each = mst_sqlite_session_each,
    .journal_append = mst_sqlite_journal_append,
    .journal_get = mst_sqlite_journal_get,
    .journal_delete = mst_sqlite_journal_delete,
    .journal_each = mst_sqlite_journal_each,
    .window_put = mst_sqlite_window_put,
    .window_get = mst_sqlite_window_get,
    .window_each = mst_sqlite_window_each,
    .window_prune = mst_sqlite_window_prune,
    .run_put = mst_sqlite_run_put,
    .run_each = mst_sqlite_run_each,
    .statement_put = mst_sqlite_statement_put,
    .statement_each = mst_sqlite_statement_each,
    .audit_append = mst_sqlite_audit_append,
    .audit_each = mst_sqlite_audit_each,
    .backup = backup,
    .size_bytes = size_bytes,
};
