#ifndef MST_STORE_SQLITE_PRIVATE_H
#define MST_STORE_SQLITE_PRIVATE_H

#include <sqlite3.h>

#include "store/store.h"

/* Every statement is prepared once, at its first use. */
typedef enum mst_sql {
  MST_SQL_META_PUT,
  MST_SQL_META_GET,
  MST_SQL_AGENT_PUT,
  MST_SQL_AGENT_NEW,
  MST_SQL_AGENT_EACH,
  MST_SQL_TOKEN_PUT,
  MST_SQL_TOKEN_EACH,
  MST_SQL_OPERATOR_PUT,
  MST_SQL_OPERATOR_EACH,
  MST_SQL_SERIES_PUT,
  MST_SQL_SERIES_EACH,
  MST_SQL_AGENT_SERIES_PUT,
  MST_SQL_AGENT_SERIES_EACH,
  MST_SQL_SESSION_PUT,
  MST_SQL_SESSION_NEW,
  MST_SQL_SESSION_EACH,
  MST_SQL_JOURNAL_APPEND,
  MST_SQL_JOURNAL_GET,
  MST_SQL_JOURNAL_DELETE,
  MST_SQL_JOURNAL_EACH,
  MST_SQL_WINDOW_PUT,
  MST_SQL_WINDOW_GET,
  MST_SQL_WINDOW_EACH,
  MST_SQL_WINDOW_SEEK,
  MST_SQL_WINDOW_PRUNE,
  MST_SQL_RUN_PUT,
  MST_SQL_RUN_EACH,
  MST_SQL_STATEMENT_PUT,
  MST_SQL_STATEMENT_EACH,
  MST_SQL_STATEMENT_EACH_OF,
  MST_SQL_AUDIT_APPEND,
  MST_SQL_AUDIT_LAST,
  MST_SQL_AUDIT_EACH,
  MST_SQL_COUNT,
} mst_sql;

/* One handle; one thread at a time. */
struct mst_store {
  sqlite3 *db;
  char *path;
  int lock_fd; /* of the lock file of a handle that writes; else -1 */
  bool read_only, in_transaction;
  mst_err failed; /* a write of this transaction failed: SQLite may have rolled it back, so that what came next would stand alone */
  sqlite3_stmt *statements[MST_SQL_COUNT];
};

/* Binds as the format says: i int64, t text (NULL is empty), b mst_bytes by pointer, and gives the statement, ready to step. MST_ESTATE
 * while it is being walked. */
mst_err mst_sqlite_bind(mst_store *store, mst_sql which, sqlite3_stmt **ret_statement, mst_errctx *ctx, const char *format,
                        ...) MST_MUST_USE;
/* Steps a statement that gives no rows, and resets it. Only inside a transaction that has not failed. */
mst_err mst_sqlite_run(mst_store *store, sqlite3_stmt *statement, const char *what, mst_errctx *ctx) MST_MUST_USE;
/* The same for one that must change a row: MST_EABSENT when there is none. */
mst_err mst_sqlite_change(mst_store *store, sqlite3_stmt *statement, const char *what, mst_errctx *ctx) MST_MUST_USE;
/* SQLite's error as ours: a full disk is MST_ELIMIT, a damaged file MST_ECORRUPT, a taken key MST_EEXIST. */
mst_err mst_sqlite_fail(mst_store *store, const char *what, mst_errctx *ctx);

/* A row that is being read. Columns that do not hold what they must make it corrupt. */
typedef struct mst_sqlite_row {
  sqlite3_stmt *statement;
  bool corrupt;
} mst_sqlite_row;
int64_t mst_sqlite_int(mst_sqlite_row *row, int column);
uint32_t mst_sqlite_u32(mst_sqlite_row *row, int column);
bool mst_sqlite_bool(mst_sqlite_row *row, int column);
/* Valid until the statement steps on. */
mst_bytes mst_sqlite_bytes(mst_sqlite_row *row, int column);
const char *mst_sqlite_text(mst_sqlite_row *row, int column);
/* Copies a column that must have exactly so many bytes. */
void mst_sqlite_fixed(mst_sqlite_row *row, int column, void *ret_bytes, size_t size_bytes);

/* Fills a record from the row and, unless that is corrupt, calls the visitor. False ends the walk. */
typedef bool (*mst_sqlite_read)(mst_sqlite_row *row, mst_store_visit visit, void *user);
mst_err mst_sqlite_walk(mst_store *store, sqlite3_stmt *statement, mst_sqlite_read read, mst_store_visit visit, void *user,
                        const char *what, mst_errctx *ctx) MST_MUST_USE;
/* Ends a walk over `statement` that stands at `code`. */
mst_err mst_sqlite_end(mst_store *store, const mst_sqlite_row *row, int code, const char *what, mst_errctx *ctx) MST_MUST_USE;
/* Appends the one column of the one row; MST_EABSENT when there is none. */
mst_err mst_sqlite_get(mst_store *store, sqlite3_stmt *statement, mst_buf *ret_value, const char *what, mst_errctx *ctx) MST_MUST_USE;
/* The first column of a statement's first row, for what is asked once. */
mst_err mst_sqlite_number(mst_store *store, const char *sql, int64_t *ret_number, mst_errctx *ctx) MST_MUST_USE;

/* steps[n] brings a store of version n to version n + 1; a step that has been released never changes. */
typedef struct mst_sqlite_schema {
  const char *const *steps;
  int version;
} mst_sqlite_schema;
extern const mst_sqlite_schema mst_sqlite_current;
enum { MST_SQLITE_APPLICATION_ID = 0x6D737472 }; /* "mstr", where file(1) looks for it */
/* Makes the schema or brings an older one up to date. MST_EVERSION for a newer one, MST_EMALFORMED for another program's file. */
mst_err mst_sqlite_migrate(mst_store *store, const mst_sqlite_schema *schema, mst_errctx *ctx) MST_MUST_USE;

/* sqlite_backup.c */
mst_err mst_sqlite_backup(mst_store *store, const char *path, mst_errctx *ctx);
mst_err mst_sqlite_check(mst_store *store, mst_errctx *ctx);
uint64_t mst_sqlite_size(mst_store *store);

/* sqlite_people.c */
mst_err mst_sqlite_agent_put(mst_store *store, mst_store_agent *agent, mst_errctx *ctx);
mst_err mst_sqlite_agent_each(mst_store *store, mst_store_visit visit, void *user, mst_errctx *ctx);
mst_err mst_sqlite_token_put(mst_store *store, const mst_store_token *token, mst_errctx *ctx);
mst_err mst_sqlite_token_each(mst_store *store, mst_store_visit visit, void *user, mst_errctx *ctx);
mst_err mst_sqlite_operator_put(mst_store *store, const mst_store_operator *operator_, mst_errctx *ctx);
mst_err mst_sqlite_operator_each(mst_store *store, mst_store_visit visit, void *user, mst_errctx *ctx);
mst_err mst_sqlite_run_put(mst_store *store, const mst_store_run *run, mst_errctx *ctx);
mst_err mst_sqlite_run_each(mst_store *store, mst_store_visit visit, void *user, mst_errctx *ctx);
mst_err mst_sqlite_statement_put(mst_store *store, const mst_store_statement *statement, mst_errctx *ctx);
mst_err mst_sqlite_statement_each(mst_store *store, const char *run, mst_store_visit visit, void *user, mst_errctx *ctx);
mst_err mst_sqlite_audit_append(mst_store *store, mst_store_audit *record, mst_errctx *ctx);
mst_err mst_sqlite_audit_each(mst_store *store, int64_t from, mst_store_visit visit, void *user, mst_errctx *ctx);

/* sqlite_data.c */
mst_err mst_sqlite_series_put(mst_store *store, uint32_t number, mst_bytes series, mst_errctx *ctx);
mst_err mst_sqlite_series_each(mst_store *store, mst_store_visit visit, void *user, mst_errctx *ctx);
mst_err mst_sqlite_agent_series_put(mst_store *store, uint32_t agent, uint32_t series, mst_wall defined_at, mst_errctx *ctx);
mst_err mst_sqlite_agent_series_each(mst_store *store, uint32_t agent, mst_store_visit visit, void *user, mst_errctx *ctx);
mst_err mst_sqlite_session_put(mst_store *store, mst_store_session *session, mst_errctx *ctx);
mst_err mst_sqlite_session_each(mst_store *store, mst_store_visit visit, void *user, mst_errctx *ctx);
mst_err mst_sqlite_journal_append(mst_store *store, mst_store_journal *record, mst_errctx *ctx);
mst_err mst_sqlite_journal_get(mst_store *store, int64_t id, mst_store_visit visit, void *user, mst_errctx *ctx);
mst_err mst_sqlite_journal_delete(mst_store *store, int64_t id, mst_errctx *ctx);
mst_err mst_sqlite_journal_each(mst_store *store, mst_store_visit visit, void *user, mst_errctx *ctx);
mst_err mst_sqlite_window_put(mst_store *store, mst_wall start, uint32_t agent, mst_bytes document, mst_errctx *ctx);
mst_err mst_sqlite_window_get(mst_store *store, mst_wall start, uint32_t agent, mst_buf *ret_document, mst_errctx *ctx);
mst_err mst_sqlite_window_each(mst_store *store, uint32_t agent, mst_wall from, mst_wall to, mst_store_visit visit, void *user,
                               mst_errctx *ctx);
mst_err mst_sqlite_window_prune(mst_store *store, mst_wall before, uint32_t most, uint32_t *ret_deleted, mst_errctx *ctx);

#endif
