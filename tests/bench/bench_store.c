/* What storing costs: windows in order of time, as they are closed, and journal records, as they come. Each figure stands beside that of
 * plain SQLite in the same run with the same rows, keyed (time, agent) and with synchronous=NORMAL: FACTS.md has 121 000 rows/s and 3.5 KB
 * written a row for it (1.5 KB blobs, 8 KB pages). The store pays an fsync a batch on top, so that what it acknowledged outlives a power
 * cut. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mst/common/key.h>
#include <mst/controller/store.h>

enum { AGENTS = 1000, BATCH = 500, SMALL_BYTES = 1536, WINDOW_BYTES = 4200, MOST_BYTES = 8192 };

static uint8_t noise[MOST_BYTES * 2];
static char folder[] = "/tmp/muster-bench-store-XXXXXX";

struct result {
  int64_t elapsed_ns, worst_ns;
  uint64_t written_bytes;
  uint32_t rows, batches;
  uint64_t file_bytes;
};

static void
must(mst_err err, const mst_errctx *ctx)
{
  if (err == MST_OK)
    return;
  fprintf(stderr, "bench_store: %s\n", ctx->text);
  exit(1);
}

static int64_t
now(void)
{
  return mst_clock_mono(mst_clock_system()).ns;
}

/* Bytes that this process has caused to be written to the disk. */
static uint64_t
written(void)
{
  char line[128];
  unsigned long long bytes = 0;
  FILE *io = fopen("/proc/self/io", "r");

  while (io && fgets(line, sizeof line, io)) {
    if (sscanf(line, "write_bytes: %llu", &bytes) == 1)
      break;
  }
  if (io)
    fclose(io);
  return bytes;
}

static mst_bytes
document(uint32_t row, size_t size_bytes)
{
  return (mst_bytes){noise + row % MOST_BYTES, size_bytes};
}

static void
path_of(const char *name, char *ret, size_t size_bytes)
{
  snprintf(ret, size_bytes, "%s/%s", folder, name);
}

static void
drop(const char *path)
{
  static const char *const endings[] = {"", "-wal", "-shm", ".lock"};
  char file[300];

  for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
    snprintf(file, sizeof file, "%s%s", path, endings[i]);
    unlink(file);
  }
}

static uint64_t
file_size(const char *path)
{
  struct stat st;

  return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static void
note(struct result *result, int64_t started)
{
  int64_t took = now() - started;

  result->elapsed_ns += took;
  result->batches++;
  if (took > result->worst_ns)
    result->worst_ns = took;
}

static void
print(const char *what, const struct result *result)
{
  printf("  %-38s %8.0f rows/s  %6.2f KB written a row  %5.2f KB kept  %6.1f ms a batch, %6.1f ms the worst\n", what,
         result->rows * 1e9 / (double)result->elapsed_ns, (double)result->written_bytes / result->rows / 1024,
         (double)result->file_bytes / result->rows / 1024, (double)result->elapsed_ns / 1e6 / result->batches,
         (double)result->worst_ns / 1e6);
}

static void
exec(sqlite3 *db, const char *sql)
{
  if (sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK)
    return;
  fprintf(stderr, "bench_store: %s: %s\n", sql, sqlite3_errmsg(db));
  exit(1);
}

static struct result
plain(const char *name, const char *key, uint32_t minutes, size_t size_bytes)
{
  char path[256], sql[256];
  sqlite3_stmt *insert;
  struct result result = {0};
  sqlite3 *db;

  path_of(name, path, sizeof path);
  if (sqlite3_open(path, &db) != SQLITE_OK)
    exit(1);
  exec(db, "PRAGMA page_size=8192; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;");
  snprintf(sql, sizeof sql, "CREATE TABLE window(at INTEGER, agent INTEGER, document BLOB, PRIMARY KEY(%s)) WITHOUT ROWID", key);
  exec(db, sql);
  sqlite3_prepare_v2(db, "INSERT INTO window VALUES(?,?,?)", -1, &insert, NULL);
  uint64_t before = written();
  for (uint32_t row = 0; row < minutes * AGENTS;) {
    int64_t started = now();
    exec(db, "BEGIN");
    for (uint32_t i = 0; i < BATCH; i++, row++) {
      mst_bytes bytes = document(row, size_bytes);
      sqlite3_bind_int64(insert, 1, row / AGENTS);
      sqlite3_bind_int64(insert, 2, row % AGENTS);
      sqlite3_bind_blob64(insert, 3, bytes.data, bytes.size_bytes, SQLITE_STATIC);
      sqlite3_step(insert);
      sqlite3_reset(insert);
    }
    exec(db, "COMMIT");
    note(&result, started);
    result.rows = row;
  }
  sqlite3_finalize(insert);
  sqlite3_close(db);
  result.written_bytes = written() - before;
  result.file_bytes = file_size(path);
  drop(path);
  return result;
}

static mst_store *
open_store(const mst_store_ops *ops, const char *name, char *path, size_t path_bytes)
{
  mst_errctx ctx = {0};
  mst_store *store;

  path_of(name, path, path_bytes);
  must(ops->open(path, false, &store, &ctx), &ctx);
  return store;
}

static struct result
windows(const mst_store_ops *ops, const char *name, uint32_t minutes, size_t size_bytes)
{
  char path[256];
  mst_store *store = open_store(ops, name, path, sizeof path);
  uint64_t before = written();
  struct result result = {0};
  mst_errctx ctx = {0};

  for (uint32_t row = 0; row < minutes * AGENTS;) {
    int64_t started = now();
    must(ops->begin(store, &ctx), &ctx);
    for (uint32_t i = 0; i < BATCH; i++, row++) {
      mst_wall start = {(int64_t)(row / AGENTS) * 60 * MST_NS_PER_S};
      must(ops->window_put(store, start, row % AGENTS + 1, document(row, size_bytes), &ctx), &ctx);
    }
    must(ops->commit(store, &ctx), &ctx);
    note(&result, started);
    result.rows = row;
  }
  ops->close(store);
  result.written_bytes = written() - before;
  result.file_bytes = file_size(path);
  return result;
}

static bool
count_row(void *user, const void *record)
{
  (void)record;
  (*(uint32_t *)user)++;
  return true;
}

static void
read_back(const mst_store_ops *ops, const char *name, uint32_t minutes)
{
  mst_wall end = {(int64_t)minutes * 60 * MST_NS_PER_S};
  uint32_t one = 0, all = 0;
  mst_errctx ctx = {0};
  mst_store *store;
  char path[256];

  path_of(name, path, sizeof path);
  must(ops->open(path, true, &store, &ctx), &ctx);
  int64_t started = now();
  for (uint32_t agent = 1; agent <= 100; agent++)
    must(ops->window_each(store, agent, (mst_wall){0}, end, count_row, &one, &ctx), &ctx);
  int64_t between = now();
  must(ops->window_each(store, 0, (mst_wall){0}, end, count_row, &all, &ctx), &ctx);
  int64_t ended = now();
  printf("  history of one agent %.1f us a window; all agents %.1f us a window (%u, %u windows)\n", (double)(between - started) / 1e3 / one,
         (double)(ended - between) / 1e3 / all, one, all);
  ops->close(store);
  drop(path);
}

/* Appends batches; each also drops the batch that came 10 before it, as closing windows does. */
static struct result
journal(const mst_store_ops *ops, uint32_t batches, uint32_t batch)
{
  char path[256];
  mst_store *store = open_store(ops, "journal.db", path, sizeof path);
  uint64_t before = written();
  struct result result = {0};
  mst_errctx ctx = {0};

  for (uint32_t i = 0; i < batches; i++) {
    int64_t started = now();
    must(ops->begin(store, &ctx), &ctx);
    for (uint32_t j = 0; j < batch; j++) {
      mst_store_journal record = {
          .agent = j + 1, .session = j + 1, .sequence = i + 1, .kind = MST_ENVELOPE_REPORT, .body = document(i + j, SMALL_BYTES)};
      must(ops->journal_append(store, &record, &ctx), &ctx);
      if (i >= 10)
        must(ops->journal_delete(store, record.id - 10 * (int64_t)batch, &ctx), &ctx);
    }
    must(ops->commit(store, &ctx), &ctx);
    note(&result, started);
    result.rows += batch;
  }
  ops->close(store);
  result.written_bytes = written() - before;
  result.file_bytes = file_size(path);
  drop(path);
  return result;
}

int
main(int argc, char **argv)
{
  uint32_t minutes = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 60;
  const mst_store_ops *ops = mst_store_find("sqlite");
  mst_errctx ctx = {0};
  struct result result;

  must(mst_crypto_start(&ctx), &ctx);
  mst_random_bytes(noise, sizeof noise);
  if (!ops || minutes == 0 || !mkdtemp(folder))
    return 1;
  printf("store: %u minutes of %d agents, %d rows a transaction\n", minutes, AGENTS, BATCH);
  result = plain("plain.db", "at, agent", minutes, SMALL_BYTES);
  print("plain SQLite (time, agent), 1.5 KB", &result);
  result = plain("plain.db", "agent, at", minutes, SMALL_BYTES);
  print("plain SQLite (agent, time), 1.5 KB", &result);
  result = windows(ops, "small.db", minutes, SMALL_BYTES);
  print("windows, 1.5 KB", &result);
  read_back(ops, "small.db", minutes);
  result = plain("plain.db", "at, agent", minutes, WINDOW_BYTES);
  print("plain SQLite (time, agent), 4.2 KB", &result);
  result = windows(ops, "windows.db", minutes, WINDOW_BYTES);
  print("windows, 4.2 KB", &result);
  read_back(ops, "windows.db", minutes);
  result = journal(ops, 200, BATCH);
  print("journal, 1.5 KB, in and out", &result);
  result = journal(ops, 500, 1);
  print("journal, one record a commit", &result);
  rmdir(folder);
  return 0;
}
