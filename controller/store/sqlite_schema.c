/* The schema and its history. */
#include "store/sqlite_private.h"

#include <stdio.h>

/* STRICT: a column holds what it says, so that what is read back need not be guessed. */
static const char *const steps[] = {
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE agent(number INTEGER PRIMARY KEY AUTOINCREMENT, key BLOB NOT NULL UNIQUE, state INTEGER NOT NULL,"
    "  hostname TEXT NOT NULL, labels TEXT NOT NULL, token BLOB NOT NULL, enrolled_at INTEGER NOT NULL,"
    "  changed_at INTEGER NOT NULL) STRICT;"
    "CREATE TABLE token(id BLOB PRIMARY KEY, secret BLOB NOT NULL, labels TEXT NOT NULL, created_at INTEGER NOT NULL,"
    "  expires_at INTEGER NOT NULL, uses_left INTEGER NOT NULL, uses_made INTEGER NOT NULL, revoked INTEGER NOT NULL,"
    "  manual INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE operator(key BLOB PRIMARY KEY, name TEXT NOT NULL, roles TEXT NOT NULL, revoked INTEGER NOT NULL,"
    "  added_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE series(number INTEGER PRIMARY KEY, series BLOB NOT NULL) STRICT;"
    "CREATE TABLE agent_series(agent INTEGER NOT NULL, series INTEGER NOT NULL, defined_at INTEGER NOT NULL,"
    "  PRIMARY KEY(agent, series)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE session(number INTEGER PRIMARY KEY AUTOINCREMENT, agent INTEGER NOT NULL, session BLOB NOT NULL,"
    "  first_seen_at INTEGER NOT NULL, ranges BLOB NOT NULL, definitions BLOB NOT NULL, stored_samples INTEGER NOT NULL,"
    "  lost_samples INTEGER NOT NULL, lost_records INTEGER NOT NULL, UNIQUE(agent, session)) STRICT;"
    /* In order of arrival; an id is never used again. */
    "CREATE TABLE journal(id INTEGER PRIMARY KEY AUTOINCREMENT, agent INTEGER NOT NULL, session INTEGER NOT NULL,"
    "  sequence INTEGER NOT NULL, kind INTEGER NOT NULL, window INTEGER NOT NULL, received_at INTEGER NOT NULL,"
    "  digest BLOB NOT NULL, body BLOB NOT NULL) STRICT;"
    /* key: start in milliseconds << 21 | agent; see sqlite_data.c. */
    "CREATE TABLE window(key INTEGER PRIMARY KEY, document BLOB NOT NULL) STRICT;"
    "CREATE TABLE run(id TEXT NOT NULL UNIQUE, document TEXT NOT NULL, start INTEGER NOT NULL, end INTEGER NOT NULL) STRICT;"
    "CREATE TABLE statement(id BLOB NOT NULL UNIQUE, kind TEXT NOT NULL, run TEXT NOT NULL, received_at INTEGER NOT NULL,"
    "  bytes BLOB NOT NULL) STRICT;"
    "CREATE INDEX statement_of_run ON statement(run);"
    "CREATE TABLE audit(sequence INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL,"
    "  body BLOB NOT NULL, hash BLOB NOT NULL) STRICT;",
};

const mst_sqlite_schema mst_sqlite_current = {steps, sizeof steps / sizeof steps[0]};

static mst_err
apply(mst_store *store, const mst_sqlite_schema *schema, int version, mst_errctx *ctx)
{
  char mark[96];

  /* The step and its mark are one transaction: a crash leaves the old version or the new one. */
  snprintf(mark, sizeof mark, "PRAGMA application_id = %d; PRAGMA user_version = %d", MST_SQLITE_APPLICATION_ID, version + 1);
  if (sqlite3_exec(store->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK &&
      sqlite3_exec(store->db, schema->steps[version], NULL, NULL, NULL) == SQLITE_OK &&
      sqlite3_exec(store->db, mark, NULL, NULL, NULL) == SQLITE_OK && sqlite3_exec(store->db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK)
    return MST_OK;
  mst_err err = mst_sqlite_fail(store, "bring the schema up to date", ctx);
  sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
  return mst_fail_within(ctx, err, "from schema %d to %d", version, version + 1);
}

mst_err
mst_sqlite_migrate(mst_store *store, const mst_sqlite_schema *schema, mst_errctx *ctx)
{
  int64_t version = 0, application = 0, tables = 0;

  mst_err err = mst_sqlite_number(store, "PRAGMA user_version", &version, ctx);
  if (err == MST_OK)
    err = mst_sqlite_number(store, "PRAGMA application_id", &application, ctx);
  if (err == MST_OK)
    err = mst_sqlite_number(store, "SELECT count(*) FROM sqlite_master", &tables, ctx);
  if (err != MST_OK)
    return err;
  if (version < 0 || application != (version == 0 && tables == 0 ? 0 : MST_SQLITE_APPLICATION_ID))
    return mst_fail(ctx, MST_EMALFORMED, "%s is a database of another program, not muster's store", store->path);
  if (version > schema->version)
    return mst_fail(ctx, MST_EVERSION,
                    "store %s was written by a newer muster (schema %lld, known here is %d); use that one, or restore a backup",
                    store->path, (long long)version, schema->version);
  if (store->read_only && version < schema->version)
    return mst_fail(ctx, MST_ESTATE, "store %s has an older schema (%lld); start musterd once to bring it up to date", store->path,
                    (long long)version);
  for (int at = (int)version; err == MST_OK && at < schema->version; at++)
    err = apply(store, schema, at, ctx);
  return err;
}
