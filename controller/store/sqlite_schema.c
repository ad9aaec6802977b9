/* The schema and its history. */
#include "store/sqlite_private.h"

#include <stdio.h>

/* steps[n] brings a store of version n to version n + 1; a step that has been released never changes. */
static const char *const steps[] = {
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE agent(number INTEGER PRIMARY KEY AUTOINCREMENT, key BLOB NOT NULL UNIQUE, state INTEGER NOT NULL, hostname TEXT NOT NULL,"
    "  labels TEXT NOT NULL, token BLOB NOT NULL, enrolled_at INTEGER NOT NULL, changed_at INTEGER NOT NULL);"
    "CREATE TABLE token(id BLOB PRIMARY KEY, secret BLOB NOT NULL, labels TEXT NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER "
    "NOT NULL,"
    "  uses_left INTEGER NOT NULL, uses_made INTEGER NOT NULL, revoked INTEGER NOT NULL, manual INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE operator(key BLOB PRIMARY KEY, name TEXT NOT NULL, roles TEXT NOT NULL, revoked INTEGER NOT NULL, added_at INTEGER NOT "
    "NULL) WITHOUT ROWID;"
    "CREATE TABLE series(number INTEGER PRIMARY KEY, series BLOB NOT NULL);"
    "CREATE TABLE agent_series(agent INTEGER NOT NULL, series INTEGER NOT NULL, defined_at INTEGER NOT NULL, PRIMARY KEY(agent, series)) "
    "WITHOUT ROWID;"
    "CREATE TABLE session(number INTEGER PRIMARY KEY AUTOINCREMENT, agent INTEGER NOT NULL, session BLOB NOT NULL, first_seen_at INTEGER "
    "NOT NULL,"
    "  ranges BLOB NOT NULL, definitions BLOB NOT NULL, stored_samples INTEGER NOT NULL, lost_samples INTEGER NOT NULL, lost_records "
    "INTEGER NOT NULL,"
    "  UNIQUE(agent, session));"
    "CREATE TABLE journal(id INTEGER PRIMARY KEY AUTOINCREMENT, agent INTEGER NOT NULL, session INTEGER NOT NULL, sequence INTEGER NOT "
    "NULL,"
    "  kind INTEGER NOT NULL, window INTEGER NOT NULL, received_at INTEGER NOT NULL, digest BLOB NOT NULL, body BLOB NOT NULL);"
    /* In order of time: windows of one minute are written together (FACTS.md: 3.5 KB written a row instead of 26). */
    "CREATE TABLE window(start INTEGER NOT NULL, agent INTEGER NOT NULL, document BLOB NOT NULL, PRIMARY KEY(start, agent)) WITHOUT ROWID;"
    "CREATE INDEX window_of_agent ON window(agent, start);"
    "CREATE TABLE run(id TEXT NOT NULL UNIQUE, document TEXT NOT NULL, start INTEGER NOT NULL, end INTEGER NOT NULL);"
    "CREATE TABLE statement(id BLOB NOT NULL UNIQUE, kind TEXT NOT NULL, run TEXT NOT NULL, received_at INTEGER NOT NULL, bytes BLOB NOT "
    "NULL);"
    "CREATE INDEX statement_of_run ON statement(run);"
    "CREATE TABLE audit(sequence INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL, body BLOB NOT NULL, "
    "hash BLOB NOT NULL);",
};
enum { SCHEMA_VERSION = sizeof steps / sizeof steps[0] };

static mst_err
version_of(mst_store *store, int *ret_version, mst_errctx *ctx)
{
  sqlite3_stmt *statement = NULL;
  mst_err err = MST_OK;

  if (sqlite3_prepare_v2(store->db, "PRAGMA user_version", -1, &statement, NULL) != SQLITE_OK || sqlite3_step(statement) != SQLITE_ROW)
    err = mst_sqlite_fail(store, "read the schema's version", ctx);
  else
    *ret_version = sqlite3_column_int(statement, 0);
  sqlite3_finalize(statement);
  return err;
}

static mst_err
apply(mst_store *store, int version, mst_errctx *ctx)
{
  char mark[64];

  /* The step and its mark are one transaction: a crash leaves the old version or the new one. */
  snprintf(mark, sizeof mark, "PRAGMA user_version = %d", version + 1);
  if (sqlite3_exec(store->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK &&
      sqlite3_exec(store->db, steps[version], NULL, NULL, NULL) == SQLITE_OK &&
      sqlite3_exec(store->db, mark, NULL, NULL, NULL) == SQLITE_OK && sqlite3_exec(store->db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK)
    return MST_OK;
  mst_err err = mst_sqlite_fail(store, "bring the schema up to date", ctx);
  sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
  return err;
}

mst_err
mst_sqlite_migrate(mst_store *store, mst_errctx *ctx)
{
  int version = 0;
  mst_err err = version_of(store, &version, ctx);

  if (err == MST_OK && version > SCHEMA_VERSION)
    return mst_fail(ctx, MST_EVERSION,
                    "store %s was written by a newer muster (schema %d, known here is %d); use that one, or restore a backup", store->path,
                    version, SCHEMA_VERSION);
  if (err == MST_OK && store->read_only && version < SCHEMA_VERSION)
    return mst_fail(ctx, MST_ESTATE, "store %s has an older schema (%d); start musterd once to bring it up to date", store->path, version);
  for (; err == MST_OK && version < SCHEMA_VERSION; version++)
    err = apply(store, version, ctx);
  return err;
}
