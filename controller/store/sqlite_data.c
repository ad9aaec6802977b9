/* Series, sessions, the journal and windows in SQLite. */
#include "store/sqlite_private.h"

#define INT(value) ((int64_t)(value))

mst_err
mst_sqlite_series_put(mst_store *store, uint32_t number, mst_bytes series, mst_errctx *ctx)
{
  sqlite3_stmt *statement;
  mst_err err = mst_sqlite_bind(store, MST_SQL_SERIES_PUT, &statement, ctx, "ib", INT(number), &series);

  return err == MST_OK ? mst_sqlite_run(store, statement, "keep a series", ctx) : err;
}

static bool
series_row(sqlite3_stmt *statement, mst_store_visit visit, void *user)
{
  mst_store_series series = {.number = (uint32_t)sqlite3_column_int64(statement, 0), .series = mst_sqlite_bytes(statement, 1)};

  return visit(user, &series);
}

mst_err
mst_sqlite_series_each(mst_store *store, mst_store_visit visit, void *user, mst_errctx *ctx)
{
  sqlite3_stmt *statement;
  mst_err err = mst_sqlite_bind(store, MST_SQL_SERIES_EACH, &statement, ctx, "");

  return err == MST_OK ? mst_sqlite_walk(store, statement, series_row, visit, user, "read the series", ctx) : err;
}

mst_err
mst_sqlite_agent_series_put(mst_store *store, uint32_t agent, uint32_t series, mst_wall defined_at, mst_errctx *ctx)
{
  sqlite3_stmt *statement;
  mst_err err = mst_sqlite_bind(store, MST_SQL_AGENT_SERIES_PUT, &statement, ctx, "iii", INT(agent), INT(series), defined_at.ns);

  return err == MST_OK ? mst_sqlite_run(store, statement, "keep a series of an agent", ctx) : err;
}

static bool
agent_series_row(sqlite3_stmt *statement, mst_store_visit visit, void *user)
{
  mst_store_agent_series record = {
      .agent = (uint32_t)sqlite3_column_int64(statement, 0),
      .series = (uint32_t)sqlite3_column_int64(statement, 1),
      .defined_at = {sqlite3_column_int64(statement, 2)},
  };

  return visit(user, &record);
}

mst_err
mst_sqlite_agent_series_each(mst_store *store, uint32_t agent, mst_store_visit visit, void *user, mst_errctx *ctx)
{
  sqlite3_stmt *statement;
  mst_err err = mst_sqlite_bind(store, MST_SQL_AGENT_SERIES_EACH, &statement, ctx, "i", INT(agent));

  return err == MST_OK ? mst_sqlite_walk(store, statement, agent_series_row, visit, user, "read the series of an agent", ctx) : err;
}

mst_err
mst_sqlite_session_put(mst_store *store, mst_store_session *session, mst_errctx *ctx)
{
  sqlite3_stmt *statement;
  mst_bytes id = {session->session.bytes, sizeof session->session.bytes};
  mst_err err;

  if (session->number != 0)
    err = mst_sqlite_bind(store, MST_SQL_SESSION_PUT, &statement, ctx, "iibibbiii", INT(session->number), INT(session->agent), &id,
                          session->first_seen_at.ns, &session->ranges, &session->definitions, INT(session->stored_samples),
                          INT(session->lost_samples), INT(session->lost_records));
  else
    err = mst_sqlite_bind(store, MST_SQL_SESSION_NEW, &statement, ctx, "ibibbiii", INT(session->agent), &id, session->first_seen_at.ns,
                          &session->ranges, &session->definitions, INT(session->stored_samples), INT(session->lost_samples),
                          INT(session->lost_records));
  if (err == MST_OK)
    err = mst_sqlite_run(store, statement, "keep a session", ctx);
  if (err == MST_OK && session->number == 0)
    session->number = (uint32_t)sqlite3_last_insert_rowid(store->db);
  return err;
}

static bool
session_row(sqlite3_stmt *statement, mst_store_visit visit, void *user)
{
  mst_store_session session = {
      .number = (uint32_t)sqlite3_column_int64(statement, 0),
      .agent = (uint32_t)sqlite3_column_int64(statement, 1),
      .first_seen_at = {sqlite3_column_int64(statement, 3)},
      .ranges = mst_sqlite_bytes(statement, 4),
      .definitions = mst_sqlite_bytes(statement, 5),
      .stored_samples = (uint64_t)sqlite3_column_int64(statement, 6),
      .lost_samples = (uint64_t)sqlite3_column_int64(statement, 7),
      .lost_records = (uint64_t)sqlite3_column_int64(statement, 8),
  };

  mst_sqlite_fixed(statement, 2, session.session.bytes, sizeof session.session.bytes);
  return visit(user, &session);
}

mst_err
mst_sqlite_session_each(mst_store *store, mst_store_visit visit, void *user, mst_errctx *ctx)
{
  sqlite3_stmt *statement;
  mst_err err = mst_sqlite_bind(store, MST_SQL_SESSION_EACH, &statement, ctx, "");

  return err == MST_OK ? mst_sqlite_walk(store, statement, session_row, visit, user, "read the sessions", ctx) : err;
}

mst_err
mst_sqlite_journal_append(mst_store *store, mst_store_journal *record, mst_errctx *ctx)
{
  sqlite3_stmt *statement;
  mst_bytes digest = {record->digest.bytes, sizeof record->digest.bytes};
  mst_err err =
      mst_sqlite_bind(store, MST_SQL_JOURNAL_APPEND, &statement, ctx, "iiiiiibb", INT(record->agent), INT(record->session),
                      INT(record->sequence), INT(record->kind), record->window.ns, record->received_at.ns, &digest, &record->body);

  if (err == MST_OK)
    err = mst_sqlite_run(store, statement, "append to the journal", ctx);
  if (err == MST_OK)
    record->id = sqlite3_last_insert_rowid(store->db);
  return err;
}

static bool
journal_row(sqlite3_stmt *statement, mst_store_visit visit, void *user)
{
  mst_store_journal record = {
      .id = sqlite3_column_int64(statement, 0),
      .agent = (uint32_t)sqlite3_column_int64(statement, 1),
      .session = (uint32_t)sqlite3_column_int64(statement, 2),
      .sequence = (uint64_t)sqlite3_column_int64(statement, 3),
      .kind = (mst_envelope_kind)sqlite3_column_int(statement, 4),
      .window = {sqlite3_column_int64(statement, 5)},
      .received_at = {sqlite3_column_int64(statement, 6)},
      .body = mst_sqlite_bytes(statement, 8),
  };

  mst_sqlite_fixed(statement, 7, record.digest.bytes, sizeof record.digest.bytes);
  return visit(user, &record);
}

/* Whether the walk met anything. */
typedef struct found {
  mst_store_visit visit;
  void *user;
  bool any;
} found;

static bool
note_found(void *user, const void *record)
{
  found *to = user;

  to->any = true;
  return to->visit(to->user, record);
}

mst_err
mst_sqlite_journal_get(mst_store *store, int64_t id, mst_store_visit visit, void *user, mst_errctx *ctx)
{
  sqlite3_stmt *statement;
  found to = {visit, user, false};
  mst_err err = mst_sqlite_bind(store, MST_SQL_JOURNAL_GET, &statement, ctx, "i", id);

  if (err == MST_OK)
    err = mst_sqlite_walk(store, statement, journal_row, note_found, &to, "read the journal", ctx);
  if (err == MST_OK && !to.any)
    err = mst_fail(ctx, MST_EABSENT, "store %s: the journal has no record %lld", store->path, (long long)id);
  return err;
}

mst_err
mst_sqlite_journal_delete(mst_store *store, int64_t id, mst_errctx *ctx)
{
  sqlite3_stmt *statement;
  mst_err err = mst_sqlite_bind(store, MST_SQL_JOURNAL_DELETE, &statement, ctx, "i", id);

  return err == MST_OK ? mst_sqlite_run(store, statement, "delete from the journal", ctx) : err;
}

mst_err
mst_sqlite_journal_each(mst_store *store, mst_store_visit visit, void *user, mst_errctx *ctx)
{
  sqlite3_stmt *statement;
  mst_err err = mst_sqlite_bind(store, MST_SQL_JOURNAL_EACH, &statement, ctx, "");

  return err == MST_OK ? mst_sqlite_walk(store, statement, journal_row, visit, user, "read the journal", ctx) : err;
}

mst_err
mst_sqlite_window_put(mst_store *store, mst_wall start, uint32_t agent, mst_bytes document, mst_errctx *ctx)
{
  sqlite3_stmt *statement;
  mst_err err = mst_sqlite_bind(store, MST_SQL_WINDOW_PUT, &statement, ctx, "iib", start.ns, INT(agent), &document);

  return err == MST_OK ? mst_sqlite_run(store, statement, "keep a window", ctx) : err;
}

mst_err
mst_sqlite_window_get(mst_store *store, mst_wall start, uint32_t agent, mst_buf *ret_document, mst_errctx *ctx)
{
  sqlite3_stmt *statement;
  mst_err err = mst_sqlite_bind(store, MST_SQL_WINDOW_GET, &statement, ctx, "ii", start.ns, INT(agent));

  if (err != MST_OK)
    return err;
  int code = sqlite3_step(statement);
  if (code == SQLITE_ROW) {
    mst_bytes document = mst_sqlite_bytes(statement, 0);
    mst_buf_append(ret_document, document.data, document.size_bytes);
    err = mst_buf_check(ret_document, "read a window", ctx);
  } else {
    err = code == SQLITE_DONE ? MST_EABSENT : mst_sqlite_fail(store, "read a window", ctx);
  }
  sqlite3_reset(statement);
  return err;
}

static bool
window_row(sqlite3_stmt *statement, mst_store_visit visit, void *user)
{
  mst_store_window record = {
      .start = {sqlite3_column_int64(statement, 0)},
      .agent = (uint32_t)sqlite3_column_int64(statement, 1),
      .document = mst_sqlite_bytes(statement, 2),
  };

  return visit(user, &record);
}

mst_err
mst_sqlite_window_each(mst_store *store, uint32_t agent, mst_wall from, mst_wall to, mst_store_visit visit, void *user, mst_errctx *ctx)
{
  sqlite3_stmt *statement;
  mst_err err = agent ? mst_sqlite_bind(store, MST_SQL_WINDOW_EACH_OF, &statement, ctx, "iii", from.ns, to.ns, INT(agent))
                      : mst_sqlite_bind(store, MST_SQL_WINDOW_EACH, &statement, ctx, "ii", from.ns, to.ns);

  return err == MST_OK ? mst_sqlite_walk(store, statement, window_row, visit, user, "read windows", ctx) : err;
}

mst_err
mst_sqlite_window_prune(mst_store *store, mst_wall before, uint32_t most, uint32_t *ret_deleted, mst_errctx *ctx)
{
  sqlite3_stmt *statement;
  mst_err err = mst_sqlite_bind(store, MST_SQL_WINDOW_PRUNE, &statement, ctx, "ii", before.ns, INT(most));

  if (err == MST_OK)
    err = mst_sqlite_run(store, statement, "delete old windows", ctx);
  if (err == MST_OK)
    *ret_deleted = (uint32_t)sqlite3_changes(store->db);
  return err;
}
