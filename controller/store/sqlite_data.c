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
series_row(mst_sqlite_row *row, mst_store_visit visit, void *user)
{
  mst_store_series series = {.number = mst_sqlite_u32(row, 0), .series = mst_sqlite_bytes(row, 1)};

  return !row->corrupt && visit(user, &series);
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
agent_series_row(mst_sqlite_row *row, mst_store_visit visit, void *user)
{
  mst_store_agent_series record = {
      .agent = mst_sqlite_u32(row, 0),
      .series = mst_sqlite_u32(row, 1),
      .defined_at = {mst_sqlite_int(row, 2)},
  };

  return !row->corrupt && visit(user, &record);
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

  if (session->number != 0) {
    err = mst_sqlite_bind(store, MST_SQL_SESSION_PUT, &statement, ctx, "iibibbiii", INT(session->number), INT(session->agent), &id,
                          session->first_seen_at.ns, &session->ranges, &session->definitions, INT(session->stored_samples),
                          INT(session->lost_samples), INT(session->lost_records));
    return err == MST_OK ? mst_sqlite_change(store, statement, "change a session", ctx) : err;
  }
  err = mst_sqlite_bind(store, MST_SQL_SESSION_NEW, &statement, ctx, "ibibbiii", INT(session->agent), &id, session->first_seen_at.ns,
                        &session->ranges, &session->definitions, INT(session->stored_samples), INT(session->lost_samples),
                        INT(session->lost_records));
  if (err == MST_OK)
    err = mst_sqlite_run(store, statement, "add a session", ctx);
  if (err == MST_OK)
    session->number = (uint32_t)sqlite3_last_insert_rowid(store->db);
  return err;
}

static bool
session_row(mst_sqlite_row *row, mst_store_visit visit, void *user)
{
  mst_store_session session = {
      .number = mst_sqlite_u32(row, 0),
      .agent = mst_sqlite_u32(row, 1),
      .first_seen_at = {mst_sqlite_int(row, 3)},
      .ranges = mst_sqlite_bytes(row, 4),
      .definitions = mst_sqlite_bytes(row, 5),
      .stored_samples = (uint64_t)mst_sqlite_int(row, 6),
      .lost_samples = (uint64_t)mst_sqlite_int(row, 7),
      .lost_records = (uint64_t)mst_sqlite_int(row, 8),
  };

  mst_sqlite_fixed(row, 2, session.session.bytes, sizeof session.session.bytes);
  return !row->corrupt && visit(user, &session);
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
journal_row(mst_sqlite_row *row, mst_store_visit visit, void *user)
{
  mst_store_journal record = {
      .id = mst_sqlite_int(row, 0),
      .agent = mst_sqlite_u32(row, 1),
      .session = mst_sqlite_u32(row, 2),
      .sequence = (uint64_t)mst_sqlite_int(row, 3),
      .kind = (mst_envelope_kind)mst_sqlite_u32(row, 4),
      .window = {mst_sqlite_int(row, 5)},
      .received_at = {mst_sqlite_int(row, 6)},
      .body = mst_sqlite_bytes(row, 8),
  };

  mst_sqlite_fixed(row, 7, record.digest.bytes, sizeof record.digest.bytes);
  return !row->corrupt && visit(user, &record);
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

/* Windows are keyed by one integer, (start in ms, agent), so that those of one minute are written side by side and the file grows at its
 * end. An index by agent would have its pages all over the file, one to write for nearly every window; without it the history of an agent
 * is found by jumping from minute to minute. Milliseconds in 42 bits last until 2109. */
enum { AGENT_BITS = 21, AGENT_MOST = (1 << AGENT_BITS) - 1 };
static const int64_t start_ms_most = (INT64_C(1) << (63 - AGENT_BITS)) - 1;

/* The first key from a time on. */
static int64_t
key_from(mst_wall at)
{
  if (at.ns <= 0)
    return 0;
  int64_t ms = (at.ns - 1) / MST_NS_PER_MS + 1;
  return ms > start_ms_most ? INT64_MAX : ms << AGENT_BITS;
}

static mst_err
key_of(const mst_store *store, mst_wall start, uint32_t agent, int64_t *ret_key, mst_errctx *ctx)
{
  if (start.ns < 0 || start.ns % MST_NS_PER_MS != 0 || start.ns / MST_NS_PER_MS >= start_ms_most || agent == 0 || agent > AGENT_MOST)
    return mst_fail(ctx, MST_EUSAGE,
                    "store %s: a window of agent %u from %lld ns; it must begin at a whole millisecond, agents are 1 to %d", store->path,
                    agent, (long long)start.ns, AGENT_MOST);
  *ret_key = start.ns / MST_NS_PER_MS << AGENT_BITS | agent;
  return MST_OK;
}

mst_err
mst_sqlite_window_put(mst_store *store, mst_wall start, uint32_t agent, mst_bytes document, mst_errctx *ctx)
{
  sqlite3_stmt *statement;
  int64_t key = 0;

  mst_err err = key_of(store, start, agent, &key, ctx);
  if (err == MST_OK)
    err = mst_sqlite_bind(store, MST_SQL_WINDOW_PUT, &statement, ctx, "ib", key, &document);
  return err == MST_OK ? mst_sqlite_run(store, statement, "keep a window", ctx) : err;
}

mst_err
mst_sqlite_window_get(mst_store *store, mst_wall start, uint32_t agent, mst_buf *ret_document, mst_errctx *ctx)
{
  sqlite3_stmt *statement;
  int64_t key = 0;

  mst_err err = key_of(store, start, agent, &key, ctx);
  if (err == MST_OK)
    err = mst_sqlite_bind(store, MST_SQL_WINDOW_GET, &statement, ctx, "i", key);
  return err == MST_OK ? mst_sqlite_get(store, statement, ret_document, "read a window", ctx) : err;
}

static bool
window_row(mst_sqlite_row *row, mst_store_visit visit, void *user)
{
  int64_t key = mst_sqlite_int(row, 0);
  mst_store_window record = {
      .start = {(key >> AGENT_BITS) * MST_NS_PER_MS},
      .agent = (uint32_t)(key & AGENT_MOST),
      .document = mst_sqlite_bytes(row, 1),
  };

  row->corrupt = row->corrupt || key < 0;
  return !row->corrupt && visit(user, &record);
}

/* Two steps a minute at most: to where the agent's window would stand, and from its neighbour there to the next minute. */
static mst_err
each_of_agent(mst_store *store, uint32_t agent, int64_t from, int64_t to, mst_store_visit visit, void *user, mst_errctx *ctx)
{
  int64_t next = from | agent;
  mst_err err = MST_OK;
  bool more = true;

  while (err == MST_OK && more && next < to) {
    mst_sqlite_row row = {0};
    err = mst_sqlite_bind(store, MST_SQL_WINDOW_SEEK, &row.statement, ctx, "ii", next, to);
    if (err != MST_OK)
      return err;
    int code = sqlite3_step(row.statement);
    more = code == SQLITE_ROW;
    if (more) {
      int64_t key = mst_sqlite_int(&row, 0), wanted = (key & ~(int64_t)AGENT_MOST) | agent;
      if (key == wanted)
        more = window_row(&row, visit, user);
      /* The window after the last possible one would be past the end of time, which `to` is at the latest. */
      next = key < wanted ? wanted : wanted > INT64_MAX - AGENT_MOST - 1 ? INT64_MAX : wanted + AGENT_MOST + 1;
    }
    err = mst_sqlite_end(store, &row, code, "read the windows of an agent", ctx);
  }
  return err;
}

mst_err
mst_sqlite_window_each(mst_store *store, uint32_t agent, mst_wall from, mst_wall to, mst_store_visit visit, void *user, mst_errctx *ctx)
{
  sqlite3_stmt *statement;

  if (agent > AGENT_MOST)
    return MST_OK; /* has none */
  if (agent > 0)
    return each_of_agent(store, agent, key_from(from), key_from(to), visit, user, ctx);
  mst_err err = mst_sqlite_bind(store, MST_SQL_WINDOW_EACH, &statement, ctx, "ii", key_from(from), key_from(to));
  return err == MST_OK ? mst_sqlite_walk(store, statement, window_row, visit, user, "read windows", ctx) : err;
}

mst_err
mst_sqlite_window_prune(mst_store *store, mst_wall before, uint32_t most, uint32_t *ret_deleted, mst_errctx *ctx)
{
  sqlite3_stmt *statement;

  mst_err err = mst_sqlite_bind(store, MST_SQL_WINDOW_PRUNE, &statement, ctx, "ii", key_from(before), INT(most));
  if (err == MST_OK)
    err = mst_sqlite_run(store, statement, "delete old windows", ctx);
  if (err == MST_OK)
    *ret_deleted = (uint32_t)sqlite3_changes(store->db);
  return err;
}
