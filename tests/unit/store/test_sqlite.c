/* What is SQLite's own: settings, files, schemas, full disks, damage. The contract of all back ends is in test_store_*.c. */
#include "rig.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <mst/common/file.h>

#include "store/sqlite_private.h"

enum { BODY_BYTES = 64 * 1024 };

static rig_folder folder;
static const mst_store_ops *ops;

static void
start(void)
{
  folder = rig_make_folder();
  ops = &mst_store_sqlite;
}

static void
stop(void)
{
  rig_drop_folder(&folder);
}

TestSuite(sqlite, .init = start, .fini = stop);

static int64_t
number_of(mst_store *store, const char *sql)
{
  int64_t number = 0;

  RIG_OK(mst_sqlite_number(store, sql, &number, ctx));
  return number;
}

static void
exec(sqlite3 *db, const char *sql)
{
  cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK, "%s: %s", sql, sqlite3_errmsg(db));
}

/* Runs SQL on the file from outside. */
static void
meddle(const char *sql)
{
  sqlite3 *db;

  cr_assert_eq(sqlite3_open(folder.store, &db), SQLITE_OK);
  exec(db, sql);
  sqlite3_close(db);
  cr_assert_eq(chmod(folder.store, 0600), 0);
}

static mode_t
mode_of(const char *ending)
{
  char path[128];
  struct stat st;

  snprintf(path, sizeof path, "%s%s", folder.store, ending);
  cr_assert_eq(stat(path, &st), 0, "%s", path);
  return st.st_mode & 0777;
}

/* Opening must fail so, and say so. */
static void
refused(bool read_only, mst_err wanted, const char *text)
{
  mst_errctx ctx = {0};
  mst_store *store = NULL;

  cr_assert_eq(mst_crypto_start(NULL), MST_OK);
  cr_expect_eq(ops->open(folder.store, read_only, &store, &ctx), wanted, "%s", ctx.text);
  cr_expect(strstr(ctx.text, text), "%s", ctx.text);
  cr_expect(store == NULL);
}

Test(sqlite, new_store__is_durable_and_private)
{
  umask(0);
  mst_store *store = rig_open(ops, folder.store);

  rig_begin(ops, store);
  RIG_OK(ops->meta_put(store, "a", rig_bytes("1"), ctx));
  rig_commit(ops, store);
  cr_expect_eq(number_of(store, "PRAGMA synchronous"), 2);
  cr_expect_eq(number_of(store, "PRAGMA page_size"), 16384);
  cr_expect_eq(number_of(store, "PRAGMA user_version"), mst_sqlite_current.version);
  cr_expect_eq(mode_of(""), 0600);
  cr_expect_eq(mode_of("-wal"), 0600);
  cr_expect_eq(mode_of("-shm"), 0600);
  cr_expect_eq(mode_of(".lock"), 0600);
  ops->close(store);
}

Test(sqlite, file_open_to_others__is_refused)
{
  ops->close(rig_open(ops, folder.store));
  cr_assert_eq(chmod(folder.store, 0640), 0);
  refused(false, MST_EPERM, "mode 640); chmod 600 it");
}

Test(sqlite, what_is_no_store__is_refused)
{
  int fd = open(folder.store, O_WRONLY | O_CREAT, 0600);

  cr_assert_eq(
      write(fd, "this is no database, though long enough to be looked at as one by whoever opens it: 100 bytes and more...\n", 107), 107);
  close(fd);
  refused(false, MST_ECORRUPT, "file is not a database");
  unlink(folder.store);
  meddle("CREATE TABLE other(a)");
  refused(false, MST_EMALFORMED, "another program");
  unlink(folder.store);
  cr_assert_eq(mkdir(folder.store, 0700), 0);
  refused(false, MST_EUSAGE, "it is not a file");
  rmdir(folder.store);
}

/* ---- schemas ---- */

/* Makes the store that tests/fixtures/store/version-1.sql describes. */
static void
make_version_1(void)
{
  mst_buf sql;

  mst_buf_init(&sql, 1 << 20);
  RIG_OK(mst_file_read(MST_SOURCE_DIR "/tests/fixtures/store/version-1.sql", &sql, ctx));
  meddle(mst_buf_text(&sql));
  mst_buf_done(&sql);
}

static bool
is_web_1(void *user, const void *record)
{
  const mst_store_agent *agent = record;

  cr_expect_str_eq(agent->hostname, "web-1");
  cr_expect_eq(agent->state, MST_AGENT_APPROVED);
  ++*(int *)user;
  return true;
}

static bool
is_document(void *user, const void *record)
{
  const mst_store_window *window = record;

  cr_expect_eq(window->start.ns, INT64_C(1700000040000000000));
  cr_expect(rig_is(window->document, "document"));
  ++*(int *)user;
  return true;
}

static bool
is_any(void *user, const void *record)
{
  (void)record;
  ++*(int *)user;
  return true;
}

static void
check_version_1(mst_store *store)
{
  mst_store_journal next = {.agent = 1, .session = 1, .sequence = 4, .kind = MST_ENVELOPE_REPORT};
  int agents = 0, windows = 0, others = 0;

  RIG_OK(ops->agent_each(store, is_web_1, &agents, ctx));
  RIG_OK(ops->window_each(store, 1, (mst_wall){0}, (mst_wall){INT64_MAX}, is_document, &windows, ctx));
  RIG_OK(ops->token_each(store, is_any, &others, ctx));
  RIG_OK(ops->operator_each(store, is_any, &others, ctx));
  RIG_OK(ops->series_each(store, is_any, &others, ctx));
  RIG_OK(ops->agent_series_each(store, 1, is_any, &others, ctx));
  RIG_OK(ops->session_each(store, is_any, &others, ctx));
  RIG_OK(ops->journal_each(store, is_any, &others, ctx)); /* two */
  RIG_OK(ops->run_each(store, is_any, &others, ctx));
  RIG_OK(ops->statement_each(store, "r-20231114-0001", is_any, &others, ctx));
  RIG_OK(ops->audit_each(store, 1, is_any, &others, ctx)); /* two */
  cr_expect_eq(agents, 1);
  cr_expect_eq(windows, 1);
  cr_expect_eq(others, 11);
  cr_expect_str_eq(rig_meta(ops, store, "setting"), "value");
  RIG_OK(ops->check(store, ctx));
  rig_begin(ops, store);
  RIG_OK(ops->journal_append(store, &next, ctx));
  cr_expect_eq(next.id, 4); /* 3 was there once */
  ops->rollback(store);
}

Test(sqlite, store_of_version_1__is_brought_up_to_date)
{
  make_version_1();
  mst_store *store = rig_open(ops, folder.store);

  cr_expect_eq(number_of(store, "PRAGMA user_version"), mst_sqlite_current.version);
  check_version_1(store);
  ops->close(store);
}

enum { STEPS_MOST = 64 };

/* The present schema and one step more. */
static mst_sqlite_schema
with_step(const char *steps[STEPS_MOST], const char *step)
{
  cr_assert_lt(mst_sqlite_current.version, STEPS_MOST);
  for (int i = 0; i < mst_sqlite_current.version; i++)
    steps[i] = mst_sqlite_current.steps[i];
  steps[mst_sqlite_current.version] = step;
  return (mst_sqlite_schema){steps, mst_sqlite_current.version + 1};
}

Test(sqlite, a_later_step__changes_the_store_and_older_programs_refuse_it)
{
  const char *steps[STEPS_MOST];
  mst_sqlite_schema later =
      with_step(steps, "ALTER TABLE agent ADD COLUMN note TEXT NOT NULL DEFAULT 'none'; CREATE TABLE extra(a INTEGER);"
                       "INSERT INTO extra SELECT number FROM agent");
  make_version_1();
  mst_store *store = rig_open(ops, folder.store);

  RIG_OK(mst_sqlite_migrate(store, &later, ctx));
  cr_expect_eq(number_of(store, "PRAGMA user_version"), later.version);
  cr_expect_eq(number_of(store, "SELECT count(*) FROM agent WHERE note = 'none'"), 1);
  cr_expect_eq(number_of(store, "SELECT a FROM extra"), 1);
  check_version_1(store);
  RIG_OK(mst_sqlite_migrate(store, &later, ctx)); /* nothing to do */
  ops->close(store);
  refused(false, MST_EVERSION, "was written by a newer muster");
  refused(true, MST_EVERSION, "use that one, or restore a backup");
}

Test(sqlite, a_step_that_fails__leaves_the_store_as_it_was)
{
  const char *steps[STEPS_MOST];
  mst_sqlite_schema later = with_step(steps, "CREATE TABLE extra(a INTEGER); INSERT INTO nowhere VALUES(1)");
  mst_errctx said = {0};
  make_version_1();
  mst_store *store = rig_open(ops, folder.store);

  cr_expect_eq(mst_sqlite_migrate(store, &later, &said), MST_EIO);
  cr_expect(strstr(said.text, "no such table: nowhere"), "%s", said.text);
  cr_expect_eq(number_of(store, "PRAGMA user_version"), mst_sqlite_current.version);
  cr_expect_eq(number_of(store, "SELECT count(*) FROM sqlite_master WHERE name = 'extra'"), 0);
  check_version_1(store);
  ops->close(store);
}

Test(sqlite, reader_of_an_older_schema__is_told_what_to_do)
{
  make_version_1();
  meddle("PRAGMA user_version = 0");
  refused(true, MST_ESTATE, "start musterd once to bring it up to date");
}

/* ---- damage ---- */

Test(sqlite, row_that_holds_something_else__is_corrupt)
{
  mst_errctx said = {0};
  int seen = 0;
  make_version_1();
  meddle("UPDATE agent SET key = x'00'; UPDATE session SET agent = -1; UPDATE token SET revoked = 7");
  mst_store *store = rig_open(ops, folder.store);

  cr_expect_eq(ops->agent_each(store, is_any, &seen, &said), MST_ECORRUPT);
  cr_expect(strstr(said.text, "read the agents: a record does not hold what it must"), "%s", said.text);
  cr_expect_eq(ops->session_each(store, is_any, &seen, NULL), MST_ECORRUPT);
  cr_expect_eq(ops->token_each(store, is_any, &seen, NULL), MST_ECORRUPT);
  cr_expect_eq(seen, 0);
  ops->close(store);
}

Test(sqlite, audit_record_that_was_changed__breaks_the_chain)
{
  static const char *const changes[] = {"UPDATE audit SET subject = 'web-2' WHERE sequence = 1", "DELETE FROM audit WHERE sequence = 1",
                                        "UPDATE audit SET at = at + 1 WHERE sequence = 2",
                                        "UPDATE audit SET body = x'' WHERE sequence = 2"};

  for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
    mst_errctx said = {0};
    make_version_1();
    meddle(changes[i]);
    mst_store *store = rig_open(ops, folder.store);
    cr_expect_eq(ops->check(store, &said), MST_ECORRUPT, "%s", changes[i]);
    cr_expect(strstr(said.text, "the audit chain is broken at record"), "%s", said.text);
    ops->close(store);
    unlink(folder.store);
  }
}

Test(sqlite, damaged_page__is_found)
{
  char rubbish[4096];
  make_version_1();
  int fd = open(folder.store, O_WRONLY);

  memset(rubbish, 0xA5, sizeof rubbish);
  for (off_t page = 2; page < 12; page++) /* the heads of tables */
    cr_assert_eq(pwrite(fd, rubbish, sizeof rubbish, page * 16384), (ssize_t)sizeof rubbish);
  close(fd);
  mst_store *store = rig_open(ops, folder.store);
  mst_errctx said = {0};
  cr_expect_eq(ops->check(store, &said), MST_ECORRUPT);
  cr_expect(strstr(said.text, "restore it from a backup"), "%s", said.text);
  ops->close(store);
}

/* ---- full disks ---- */

/* Appends until that fails; the transaction stays open. */
static mst_err
append_until_full(mst_store *store, mst_errctx *ctx)
{
  static uint8_t body[BODY_BYTES];
  mst_err err = MST_OK;

  for (int i = 0; err == MST_OK && i < 1000; i++) {
    mst_store_journal record = {.kind = MST_ENVELOPE_REPORT, .body = {body, sizeof body}};
    memset(body, i, sizeof body);
    err = ops->journal_append(store, &record, ctx);
  }
  return err;
}

static void
check_full(mst_store *store)
{
  mst_errctx said = {0};

  rig_begin(ops, store);
  RIG_OK(ops->meta_put(store, "lost", rig_bytes("1"), ctx));
  cr_expect_eq(append_until_full(store, &said), MST_ELIMIT, "%s", said.text);
  cr_expect(strstr(said.text, "the disk is full"), "%s", said.text);
  /* What follows must not be kept alone. */
  cr_expect_eq(ops->meta_put(store, "lost too", rig_bytes("1"), &said), MST_ELIMIT);
  cr_expect(strstr(said.text, "must be rolled back"), "%s", said.text);
  cr_expect_eq(ops->commit(store, NULL), MST_ELIMIT);
  ops->rollback(store);
  cr_expect_str_eq(rig_meta(ops, store, "kept"), "1");
  cr_expect_str_eq(rig_meta(ops, store, "lost"), "");
  cr_expect_str_eq(rig_meta(ops, store, "lost too"), "");
}

static mst_store *
open_with_one_setting(void)
{
  mst_store *store = rig_open(ops, folder.store);

  rig_begin(ops, store);
  RIG_OK(ops->meta_put(store, "kept", rig_bytes("1"), ctx));
  rig_commit(ops, store);
  return store;
}

Test(sqlite, full_file__refuses_the_whole_transaction_and_goes_on_when_there_is_room)
{
  mst_store *store = open_with_one_setting();

  exec(store->db, "PRAGMA max_page_count = 40");
  check_full(store);
  check_full(store);
  exec(store->db, "PRAGMA max_page_count = 1000000");
  rig_begin(ops, store);
  RIG_OK(ops->meta_put(store, "lost", rig_bytes("2"), ctx));
  rig_commit(ops, store);
  cr_expect_str_eq(rig_meta(ops, store, "lost"), "2");
  RIG_OK(ops->check(store, ctx));
  ops->close(store);
}

/* A tmpfs of 2 MB over the test's folder, seen by this test's process only. False where the kernel lets nobody do that. */
static bool
mount_small_disk(void)
{
  if (unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
    return false;
  return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 && mount("tmpfs", folder.path, "tmpfs", 0, "size=2m,mode=0777") == 0;
}

Test(sqlite, full_disk__refuses_the_whole_transaction_and_goes_on_when_there_is_room)
{
  char filler[128];

  if (!mount_small_disk()) {
    cr_log_warn("this kernel gives no mounts of one's own; a full file is tested, a full disk is not");
    return;
  }
  snprintf(filler, sizeof filler, "%s/filler", folder.path);
  int fd = open(filler, O_WRONLY | O_CREAT, 0600);
  cr_assert_eq(ftruncate(fd, 0), 0);
  cr_assert_eq(posix_fallocate(fd, 0, 1024 * 1024), 0);
  mst_store *store = open_with_one_setting();
  check_full(store);
  check_full(store);
  close(fd);
  unlink(filler);
  rig_begin(ops, store);
  RIG_OK(ops->meta_put(store, "lost", rig_bytes("2"), ctx));
  rig_commit(ops, store);
  ops->close(store);
  store = rig_open(ops, folder.store);
  cr_expect_str_eq(rig_meta(ops, store, "lost"), "2");
  RIG_OK(ops->check(store, ctx));
  ops->close(store);
  rig_drop_folder(&folder);
  umount2(folder.path, MNT_DETACH);
}

Test(sqlite, log__does_not_grow_without_end)
{
  mst_store *store = rig_open(ops, folder.store);
  static uint8_t body[BODY_BYTES];

  for (int i = 0; i < 60; i++) {
    rig_begin(ops, store);
    for (int j = 0; j < 10; j++)
      RIG_OK(ops->window_put(store, (mst_wall){i * 60 * MST_NS_PER_S}, (uint32_t)j + 1, (mst_bytes){body, sizeof body}, ctx));
    rig_commit(ops, store);
  }
  struct stat st;
  char path[128];
  snprintf(path, sizeof path, "%s-wal", folder.store);
  cr_assert_eq(stat(path, &st), 0);
  cr_expect_lt(st.st_size, 12 * 1024 * 1024); /* 39 MB were written */
  ops->close(store);
  cr_expect_neq(access(path, F_OK), 0);
}
