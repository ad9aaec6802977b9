/* Copying, checking and measuring a store. */
#include "store/sqlite_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mst/common/file.h>

enum { PATH_BYTES = 4096 };

static mst_err
copy_into(mst_store *store, const char *path, mst_errctx *ctx)
{
  sqlite3 *copy = NULL;
  mst_err err = MST_OK;

  int code = sqlite3_open_v2(path, &copy, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
  sqlite3_backup *job = code == SQLITE_OK ? sqlite3_backup_init(copy, "main", store->db, "main") : NULL;
  if (job) {
    /* All in one step: between steps the writer could commit, and the copy begin anew for ever. WAL readers hold nobody up. */
    code = sqlite3_backup_step(job, -1);
    int finished = sqlite3_backup_finish(job);
    code = code == SQLITE_DONE ? finished : code;
  } else if (copy && code == SQLITE_OK) {
    code = sqlite3_errcode(copy);
  }
  if (code != SQLITE_OK)
    err = mst_fail(ctx, (code & 0xFF) == SQLITE_FULL ? MST_ELIMIT : MST_EIO, "back up store %s to %s: %s", store->path, path,
                   sqlite3_errstr(code));
  sqlite3_close(copy);
  return err;
}

mst_err
mst_sqlite_backup(mst_store *store, const char *path, mst_errctx *ctx)
{
  if (store->in_transaction)
    return mst_fail(ctx, MST_ESTATE, "back up store %s: a transaction is open", store->path);
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0)
    return mst_fail_errno(ctx,
                          errno == EEXIST   ? MST_EEXIST
                          : errno == ENOSPC ? MST_ELIMIT
                                            : MST_EIO,
                          "back up store %s to %s", store->path, path);
  close(fd);
  mst_err err = copy_into(store, path, ctx);
  if (err == MST_OK)
    err = mst_file_sync_dir(path, ctx);
  if (err != MST_OK)
    unlink(path);
  return err;
}

/* The chain as far as it was followed. */
struct chain {
  mst_digest last;
  int64_t sequence;
  mst_err err;
  mst_errctx *ctx;
};

static bool
follow(void *user, const void *record_)
{
  const mst_store_audit *record = record_;
  struct chain *chain = user;
  mst_digest hash;

  chain->err = mst_store_audit_hash(&chain->last, record, &hash, chain->ctx);
  if (chain->err == MST_OK && (record->sequence != chain->sequence + 1 || !mst_digest_equal(&hash, &record->hash)))
    chain->err = mst_fail(chain->ctx, MST_ECORRUPT, "the audit chain is broken at record %lld", (long long)record->sequence);
  chain->sequence = record->sequence;
  chain->last = record->hash;
  return chain->err == MST_OK;
}

mst_err
mst_sqlite_check(mst_store *store, mst_errctx *ctx)
{
  struct chain chain = {.ctx = ctx};
  sqlite3_stmt *statement = NULL;
  mst_err err = MST_OK;

  if (sqlite3_prepare_v2(store->db, "PRAGMA integrity_check(1)", -1, &statement, NULL) != SQLITE_OK ||
      sqlite3_step(statement) != SQLITE_ROW) {
    err = mst_sqlite_fail(store, "check", ctx);
  } else {
    const char *said = (const char *)sqlite3_column_text(statement, 0);
    if (!said || strcmp(said, "ok") != 0)
      err = mst_fail(ctx, MST_ECORRUPT, "store %s: %s; restore it from a backup", store->path, said ? said : "out of memory");
  }
  sqlite3_finalize(statement);
  if (err == MST_OK)
    err = mst_sqlite_audit_each(store, 1, follow, &chain, ctx);
  if (err == MST_OK && chain.err != MST_OK)
    err = mst_fail_within(ctx, chain.err, "store %s", store->path);
  return err;
}

uint64_t
mst_sqlite_size(mst_store *store)
{
  static const char *const endings[] = {"", "-wal", "-shm"};
  char path[PATH_BYTES];
  uint64_t total = 0;
  struct stat st;

  for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
    if (snprintf(path, sizeof path, "%s%s", store->path, endings[i]) < (int)sizeof path && stat(path, &st) == 0)
      total += (uint64_t)st.st_size;
  }
  return total;
}
