/* The embedded store: one SQLite file in WAL mode. */
#include "store/sqlite_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mst/common/alloc.h>
#include <mst/common/file.h>

enum {
  BUSY_TIMEOUT_MS = 5000, /* somebody looks at the file with sqlite3 */
  PATH_BYTES = 4096,
};

/* Pages of 16 KB: a window of 150 series has 4 KB and a little, of which a page of 8 KB holds one. 11 KB are written for each and 5.3 kept;
 * with 8 KB pages 16 and 8, for which a commit of one record writes 38 KB in place of 62 (tests/bench/bench_store.c). */
static const char page_size[] = "PRAGMA page_size = 16384";
/* synchronous=FULL, not NORMAL: NORMAL syncs at checkpoints only, and what was acknowledged before a power cut would be gone after it. It
 * costs an fsync a batch. A checkpoint every 500 pages (8 MB) is a pause of tens of milliseconds; the log is cut back to 64 MB after a long
 * reader made it grow. */
static const char settings[] = "PRAGMA synchronous = FULL;"
                               "PRAGMA wal_autocheckpoint = 500;"
                               "PRAGMA journal_size_limit = 67108864;";
static const char reading_settings[] = "PRAGMA cache_size = -16384;"
                                       "PRAGMA temp_store = MEMORY;"
                                       "PRAGMA trusted_schema = OFF;"
                                       "PRAGMA cell_size_check = ON;";

static void
close_store(mst_store *store)
{
  if (!store)
    return;
  for (int i = 0; i < MST_SQL_COUNT; i++)
    sqlite3_finalize(store->statements[i]);
  sqlite3_close(store->db);
  if (store->lock_fd >= 0)
    close(store->lock_fd); /* after the database: the next owner finds it closed */
  mst_free(store->path);
  mst_free(store);
}

/* Two controllers on one file would each work with what the other has changed. SQLite lets them; the lock does not. */
static mst_err
take_lock(mst_store *store, mst_errctx *ctx)
{
  char path[PATH_BYTES];

  if (snprintf(path, sizeof path, "%s.lock", store->path) >= (int)sizeof path)
    return mst_fail(ctx, MST_ELIMIT, "open store %s: the path is too long", store->path);
  store->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (store->lock_fd < 0)
    return mst_fail_errno(ctx,
                          errno == ENOSPC   ? MST_ELIMIT
                          : errno == EACCES ? MST_EPERM
                                            : MST_EIO,
                          "open store %s: make %s", store->path, path);
  if (flock(store->lock_fd, LOCK_EX | LOCK_NB) == 0)
    return MST_OK;
  if (errno == EWOULDBLOCK)
    return mst_fail(ctx, MST_ESTATE, "open store %s: another musterd has it open", store->path);
  return mst_fail_errno(ctx, MST_EIO, "lock %s", path);
}

/* The file holds what hosts report and the secrets of tokens: nobody else's. SQLite gives its log the same mode. */
static mst_err
make_file(mst_store *store, mst_errctx *ctx)
{
  struct stat st;

  if (!store->read_only) {
    int fd = open(store->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) {
      close(fd);
      return mst_file_sync_dir(store->path, ctx);
    }
    if (errno != EEXIST)
      return mst_fail_errno(ctx, errno == ENOSPC ? MST_ELIMIT : errno == EACCES ? MST_EPERM : MST_EIO, "make store %s", store->path);
  }
  if (stat(store->path, &st) != 0)
    return mst_fail_errno(ctx, errno == ENOENT ? MST_EABSENT : errno == EACCES ? MST_EPERM : MST_EIO, "open store %s", store->path);
  if (!S_ISREG(st.st_mode))
    return mst_fail(ctx, MST_EUSAGE, "open store %s: it is not a file", store->path);
  if (st.st_mode & 077)
    return mst_fail(ctx, MST_EPERM, "open store %s: group or others may use it (mode %03o); chmod 600 it", store->path, st.st_mode & 0777);
  return MST_OK;
}

static int
note_mode(void *is_wal, int columns, char **values, char **names)
{
  (void)names;
  *(bool *)is_wal = columns == 1 && values[0] && strcmp(values[0], "wal") == 0;
  return 0;
}

static mst_err
set_up(mst_store *store, mst_errctx *ctx)
{
  bool is_wal = false;

  sqlite3_busy_timeout(store->db, BUSY_TIMEOUT_MS);
  sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
  if (sqlite3_exec(store->db, reading_settings, NULL, NULL, NULL) != SQLITE_OK)
    return mst_sqlite_fail(store, "open", ctx);
  if (store->read_only)
    return MST_OK;
  if (sqlite3_exec(store->db, page_size, NULL, NULL, NULL) != SQLITE_OK ||
      sqlite3_exec(store->db, "PRAGMA journal_mode = WAL", note_mode, &is_wal, NULL) != SQLITE_OK ||
      sqlite3_exec(store->db, settings, NULL, NULL, NULL) != SQLITE_OK)
    return mst_sqlite_fail(store, "open", ctx);
  if (!is_wal)
    return mst_fail(ctx, MST_EIO, "open store %s: SQLite cannot keep a log there; use a local file system", store->path);
  return MST_OK;
}

static mst_err
open_database(mst_store *store, mst_errctx *ctx)
{
  int flags = SQLITE_OPEN_NOMUTEX | (store->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE);

  if (sqlite3_open_v2(store->path, &store->db, flags, NULL) != SQLITE_OK)
    return store->db ? mst_sqlite_fail(store, "open", ctx) : mst_fail(ctx, MST_ENOMEM, "open store %s: out of memory", store->path);
  sqlite3_extended_result_codes(store->db, 1);
  mst_err err = set_up(store, ctx);
  return err == MST_OK ? mst_sqlite_migrate(store, &mst_sqlite_current, ctx) : err;
}

static mst_err
open_store(const char *location, bool read_only, mst_store **ret_store, mst_errctx *ctx)
{
  mst_store *store = mst_alloc(1, sizeof *store);

  if (!store)
    return mst_fail(ctx, MST_ENOMEM, "open store %s: out of memory", location);
  store->lock_fd = -1;
  store->read_only = read_only;
  store->path = mst_strdup(location);
  mst_err err = store->path ? MST_OK : mst_fail(ctx, MST_ENOMEM, "open store %s: out of memory", location);
  if (err == MST_OK && !read_only)
    err = take_lock(store, ctx);
  if (err == MST_OK)
    err = make_file(store, ctx);
  if (err == MST_OK)
    err = open_database(store, ctx);
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
  if (store->read_only)
    return mst_fail(ctx, MST_EPERM, "store %s: begin: it was opened for reading", store->path);
  if (store->in_transaction)
    return mst_fail(ctx, MST_ESTATE, "store %s: begin: a transaction is open", store->path);
  if (sqlite3_exec(store->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
    return mst_sqlite_fail(store, "begin", ctx);
  store->in_transaction = true;
  store->failed = MST_OK;
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
  mst_err err = MST_OK;

  if (!store->in_transaction)
    return mst_fail(ctx, MST_ESTATE, "store %s: commit without begin", store->path);
  if (store->failed != MST_OK)
    err = mst_fail(ctx, store->failed, "store %s: commit: a write of the transaction failed", store->path);
  else if (sqlite3_exec(store->db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
    err = mst_sqlite_fail(store, "commit", ctx);
  if (err != MST_OK)
    rollback(store);
  store->in_transaction = false;
  return err;
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

  return err == MST_OK ? mst_sqlite_get(store, statement, ret_value, key, ctx) : err;
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
    .backup = mst_sqlite_backup,
    .size_bytes = mst_sqlite_size,
    .check = mst_sqlite_check,
};
