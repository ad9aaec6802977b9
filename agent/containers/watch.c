/* The thread of the collector and its timing; see watch.h. */
#include "watch_state.h"

#include <signal.h>
#include <string.h>

#include <mst/common/alloc.h>

/* Until the time between samples is known. */
static const int64_t first_period_ns = MST_NS_PER_S;
static const int64_t least_period_ns = 100 * MST_NS_PER_MS, most_period_ns = 300 * MST_NS_PER_S;
/* How long before a sample its round begins, and how long it may last: a list of 200 containers takes the daemon 50 ms. */
static const int64_t lead_ns = 500 * MST_NS_PER_MS, round_ns = 400 * MST_NS_PER_MS;
/* The first round asks about each container, which takes some milliseconds each. */
static const int64_t first_round_ns = 8 * MST_NS_PER_S;
static const int64_t idle_ns = MST_NS_PER_S;

static int64_t
clamp(int64_t value, int64_t least, int64_t most)
{
  return value < least ? least : value > most ? most : value;
}

/* Takes the rhythm from the samples: the round ends just before the next one is due. */
static void
follow_samples(mst_watch *watch)
{
  bool is_sampled;
  mst_mono at;

  pthread_mutex_lock(&watch->lock);
  is_sampled = watch->is_sampled;
  at = watch->sampled_at;
  watch->is_sampled = false;
  pthread_mutex_unlock(&watch->lock);
  if (!is_sampled)
    return;
  if (watch->last_sample.ns > 0)
    watch->period_ns = clamp(at.ns - watch->last_sample.ns, least_period_ns, most_period_ns);
  if (watch->last_sample.ns > 0 && !watch->is_round)
    watch->round_at.ns = at.ns + watch->period_ns - (watch->period_ns / 2 < lead_ns ? watch->period_ns / 2 : lead_ns);
  watch->last_sample = at;
}

static void
begin_round(mst_watch *watch, mst_mono now)
{
  watch->is_round = true;
  watch->is_round_listed = false;
  watch->round_began = now;
  watch->is_list_wanted = true;
}

static void
end_round(mst_watch *watch, mst_mono now)
{
  watch->is_round = false;
  watch->round_at.ns += watch->period_ns;
  if (watch->round_at.ns <= now.ns)
    watch->round_at.ns = now.ns + watch->period_ns;
  mst_watch_measure(watch);
  mst_watch_hand_over(watch);
}

static void
step(mst_watch *watch)
{
  mst_mono now = mst_clock_mono(watch->setup.clock);

  if (watch->must_drop) {
    watch->must_drop = false;
    mst_engine_drop(watch->engine);
  }
  follow_samples(watch);
  if (!watch->is_round && now.ns >= watch->round_at.ns)
    begin_round(watch, now);
  mst_watch_ask(watch);
  if (!watch->is_round)
    return;

  bool is_live = watch->phase == MST_WATCH_LIVE;
  bool is_opening = watch->phase == MST_WATCH_HELLO || watch->phase == MST_WATCH_CATCH_UP;
  bool is_done = is_live ? watch->is_ending || (watch->is_round_listed && !mst_watch_has_questions(watch)) : !is_opening;
  int64_t most_ns = watch->has_listed && watch->is_known ? round_ns : first_round_ns;

  if (is_done || now.ns - watch->round_began.ns >= most_ns)
    end_round(watch, now);
}

static int
wait_ms(const mst_watch *watch)
{
  mst_mono now = mst_clock_mono(watch->setup.clock);
  int64_t until = now.ns + idle_ns;

  if (watch->is_round)
    until = now.ns + 20 * MST_NS_PER_MS; /* answers end the wait sooner */
  else if (watch->round_at.ns < until)
    until = watch->round_at.ns;
  if (watch->phase == MST_WATCH_DOWN && watch->retry_at.ns < until)
    until = watch->retry_at.ns;
  if (watch->phase == MST_WATCH_LIVE && mst_watch_has_questions(watch))
    until = now.ns + 100 * MST_NS_PER_MS;
  return until <= now.ns ? 0 : (int)((until - now.ns + MST_NS_PER_MS - 1) / MST_NS_PER_MS);
}

static bool
is_stopping(mst_watch *watch)
{
  pthread_mutex_lock(&watch->lock);
  bool stopping = watch->is_stopping;
  pthread_mutex_unlock(&watch->lock);
  return stopping;
}

static void *
run(void *opaque)
{
  mst_watch *watch = opaque;

  while (!is_stopping(watch)) {
    step(watch);
    mst_engine_run(watch->engine, wait_ms(watch));
  }
  return NULL;
}

static void
free_watch(mst_watch *watch)
{
  for (size_t i = 0; i < watch->book.count; i++)
    mst_watch_drop_source(watch->book.list[i]);
  mst_book_done(&watch->book);
  mst_engine_destroy(watch->engine);
  mst_docker_snapshot_free(watch->ready);
  pthread_mutex_destroy(&watch->lock);
  mst_free(watch);
}

static mst_err
fill_book(mst_watch *watch, mst_errctx *ctx)
{
  const mst_watch_setup *setup = &watch->setup;
  mst_wall now = mst_clock_wall(setup->clock);
  mst_errctx why = {0};
  mst_err err = MST_OK;

  mst_book_init(&watch->book, setup->recover_within_ns, now);
  if (setup->saved.size_bytes > 0 && mst_book_load(&watch->book, setup->saved, setup->booted_at, &why) != MST_OK) {
    mst_book_done(&watch->book);
    mst_book_init(&watch->book, setup->recover_within_ns, now);
  }
  for (size_t i = 0; err == MST_OK && setup->expected && i < setup->expected->value_count; i++) {
    const char *name = setup->expected->values[i];
    mst_docker_record *record;

    if (name[0] == '\0' || strlen(name) > MST_DOCKER_NAME_BYTES)
      return mst_fail(ctx, MST_EUSAGE, "docker: name %zu of the option \"expected\" is empty or over %d bytes", i + 1,
                      MST_DOCKER_NAME_BYTES);
    err = mst_book_open(&watch->book, name, now, &record, ctx);
    if (err == MST_OK)
      record->is_expected = true;
  }
  return err;
}

/* The signals of the process are the main thread's. */
static int
start_thread(mst_watch *watch)
{
  sigset_t all, before;

  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int failed = pthread_create(&watch->thread, NULL, run, watch);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return failed;
}

mst_err
mst_watch_start(const mst_watch_setup *setup, mst_watch **ret_watch, mst_errctx *ctx)
{
  mst_watch *watch = mst_alloc(1, sizeof *watch);
  mst_err err;

  if (!watch)
    return mst_fail(ctx, MST_ENOMEM, "docker: no memory for its state");
  watch->setup = *setup;
  watch->period_ns = first_period_ns;
  watch->phase = setup->uses_api ? MST_WATCH_DOWN : MST_WATCH_OFF;
  pthread_mutex_init(&watch->lock, NULL);

  const mst_engine_calls calls = {.owner = watch, .done = mst_watch_done, .line = mst_watch_line, .ended = mst_watch_ended};

  err = fill_book(watch, ctx);
  if (err == MST_OK)
    err = mst_engine_create(&calls, &watch->engine, ctx);
  if (err == MST_OK && setup->socket)
    err = mst_engine_aim(watch->engine, setup->socket, setup->socket, ctx);
  watch->setup.saved = (mst_bytes){0};
  if (err == MST_OK && start_thread(watch) != 0)
    err = mst_fail(ctx, MST_ENOMEM, "docker: its thread cannot be started");
  if (err != MST_OK) {
    free_watch(watch);
    return err;
  }
  *ret_watch = watch;
  return MST_OK;
}

mst_docker_snapshot *
mst_watch_take(mst_watch *watch)
{
  mst_docker_snapshot *ready;

  pthread_mutex_lock(&watch->lock);
  watch->is_sampled = true;
  watch->sampled_at = mst_clock_mono(watch->setup.clock);
  ready = watch->ready;
  watch->ready = NULL;
  pthread_mutex_unlock(&watch->lock);
  mst_engine_wake(watch->engine);
  return ready;
}

void
mst_watch_stop(mst_watch *watch)
{
  if (!watch)
    return;
  pthread_mutex_lock(&watch->lock);
  watch->is_stopping = true;
  pthread_mutex_unlock(&watch->lock);
  mst_engine_wake(watch->engine);
  pthread_join(watch->thread, NULL);
  free_watch(watch);
}
