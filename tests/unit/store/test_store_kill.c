/* What was committed survives kill -9, and what was not is not there in part. */
#include "rig.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include <mst/common/clock.h>

enum { KILLS = 50, RECORDS = 5, BODY_BYTES = 24 * 1024, DEADLINE_MS = 60000 };

static uint64_t state;

static uint32_t
below(uint32_t bound)
{
  state = state * 6364136223846793005 + 1442695040888963407;
  return (uint32_t)(state >> 33) % bound;
}

static void
set_seed(void)
{
  const char *given = getenv("MST_SEED");

  state = given ? strtoull(given, NULL, 0) : (uint64_t)mst_clock_mono(mst_clock_system()).ns;
  fprintf(stderr, "seed: MST_SEED=%llu\n", (unsigned long long)state);
}

/* Transaction n: RECORDS journal records and a window of sequence n, the setting "n", and one record of the transaction 20 before deleted.
 */
static mst_err
transact(const mst_store_ops *ops, mst_store *store, uint32_t n, mst_errctx *ctx)
{
  static uint8_t body[BODY_BYTES];
  mst_err err = ops->begin(store, ctx);

  memset(body, (int)n, sizeof body);
  for (uint32_t i = 0; err == MST_OK && i < RECORDS; i++) {
    mst_store_journal record = {
        .agent = i + 1, .sequence = n, .kind = MST_ENVELOPE_REPORT, .body = {body, 1 + (n * 7919 + i) % BODY_BYTES}};
    err = ops->journal_append(store, &record, ctx);
  }
  if (err == MST_OK)
    err = ops->window_put(store, (mst_wall){(int64_t)n * MST_NS_PER_S}, 1, (mst_bytes){body, 100}, ctx);
  if (err == MST_OK)
    err = ops->meta_put(store, "n", (mst_bytes){(const uint8_t *)&n, sizeof n}, ctx);
  if (err == MST_OK && n > 20)
    err = ops->journal_delete(store, (int64_t)(n - 20) * RECORDS, ctx);
  return err == MST_OK ? ops->commit(store, ctx) : err;
}

/* The child: commits and reports, for ever. */
static void
work(const mst_store_ops *ops, const char *path, uint32_t n, int to)
{
  mst_errctx ctx = {0};
  mst_store *store;

  if (ops->open(path, false, &store, &ctx) != MST_OK)
    _exit(1);
  while (transact(ops, store, ++n, &ctx) == MST_OK && write(to, &n, sizeof n) == sizeof n)
    ;
  _exit(1);
}

/* Lets the child commit a few and kills it in the midst of the next ones; returns the last that it reported. */
static uint32_t
run_and_kill(const mst_store_ops *ops, const char *path, uint32_t committed)
{
  uint32_t last = committed, n, wanted = 1 + below(12);
  int pipe_ends[2], status;

  cr_assert_eq(pipe(pipe_ends), 0);
  pid_t child = fork();
  cr_assert_geq(child, 0);
  if (child == 0) {
    close(pipe_ends[0]);
    work(ops, path, committed, pipe_ends[1]);
  }
  close(pipe_ends[1]);
  struct pollfd ready = {.fd = pipe_ends[0], .events = POLLIN};
  for (uint32_t i = 0; i < wanted; i++) {
    cr_assert_eq(poll(&ready, 1, DEADLINE_MS), 1);
    cr_assert_eq(read(pipe_ends[0], &n, sizeof n), (ssize_t)sizeof n, "the child failed");
    last = n;
  }
  /* Somewhere within the next transactions: wait for a further report at most so long. */
  poll(&ready, 1, (int)below(4));
  for (uint32_t spin = below(200000); spin > 0; spin--)
    __asm__ volatile("");
  cr_assert_eq(kill(child, SIGKILL), 0);
  cr_assert_eq(waitpid(child, &status, 0), child);
  cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  while (read(pipe_ends[0], &n, sizeof n) == (ssize_t)sizeof n)
    last = n;
  close(pipe_ends[0]);
  return last;
}

struct count {
  uint32_t seen[1 << 16];
};

static bool
count_record(void *user, const void *record_)
{
  const mst_store_journal *record = record_;
  struct count *count = user;
  size_t bytes = 1 + (record->sequence * 7919 + record->agent - 1) % BODY_BYTES;

  cr_assert_lt(record->sequence, sizeof count->seen / sizeof count->seen[0]);
  cr_assert_eq(record->body.size_bytes, bytes);
  for (size_t i = 0; i < bytes; i++)
    cr_assert_eq(record->body.data[i], (uint8_t)record->sequence);
  count->seen[record->sequence]++;
  return true;
}

static bool
count_window(void *user, const void *record)
{
  const mst_store_window *window = record;
  struct count *count = user;

  cr_assert_eq(window->document.size_bytes, 100);
  count->seen[window->start.ns / MST_NS_PER_S]++;
  return true;
}

/* Everything up to the setting "n" is there whole, nothing beyond; returns n. */
static uint32_t
check_whole(const mst_store_ops *ops, const char *path)
{
  struct count *records = mst_alloc(1, sizeof *records), *windows = mst_alloc(1, sizeof *windows);
  mst_store *store = rig_open(ops, path);
  uint32_t n = 0;
  mst_buf value;

  cr_assert(records && windows);
  mst_buf_init(&value, 100);
  RIG_OK(ops->meta_get(store, "n", &value, ctx));
  cr_assert_eq(value.size_bytes, sizeof n);
  memcpy(&n, value.data, sizeof n);
  mst_buf_done(&value);
  RIG_OK(ops->journal_each(store, count_record, records, ctx));
  RIG_OK(ops->window_each(store, 1, (mst_wall){0}, (mst_wall){INT64_MAX}, count_window, windows, ctx));
  for (uint32_t i = 1; i < sizeof records->seen / sizeof records->seen[0]; i++) {
    uint32_t wanted = i > n ? 0 : i + 20 <= n ? RECORDS - 1 : RECORDS;
    cr_assert_eq(records->seen[i], wanted, "transaction %u of %u: %u records", i, n, records->seen[i]);
    cr_assert_eq(windows->seen[i], i <= n, "transaction %u of %u: %u windows", i, n, windows->seen[i]);
  }
  RIG_OK(ops->check(store, ctx));
  ops->close(store);
  mst_free(records);
  mst_free(windows);
  return n;
}

Test(store, kill_9_at_any_point__loses_nothing_that_was_committed, .timeout = 600)
{
  set_seed();
  for (size_t i = 0; mst_store_at(i); i++) {
    const mst_store_ops *ops = mst_store_at(i);
    rig_folder folder = rig_make_folder();
    uint32_t committed = 0;
    ops->close(rig_open(ops, folder.store));
    for (int kills = 0; kills < KILLS; kills++) {
      uint32_t reported = run_and_kill(ops, folder.store, committed);
      committed = check_whole(ops, folder.store);
      cr_assert(committed == reported || committed == reported + 1, "kill %d: reported %u, there are %u", kills, reported, committed);
    }
    fprintf(stderr, "%s: %u transactions, %d kills\n", ops->name, committed, KILLS);
    rig_drop_folder(&folder);
  }
}
