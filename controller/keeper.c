/* The keeper's thread: batches, calls, and the round of what is due. */
#include "keeper.h"

#include <mst/common/alloc.h>
#include <mst/common/log.h>

#include "ingest/batch.h"
#include "round.h"
#include <mst/common/wait.h>

/* Envelopes are gathered for this long at most after the last batch, so that a busy controller signs and syncs fifty times a second, not a
 * thousand. */
static const int64_t gather_ns = 50 * MST_NS_PER_MS;
/* The round looks at its clocks at least so often. */
static const int64_t tick_ns = 50 * MST_NS_PER_MS;

typedef struct call {
  struct call *next;
  mst_keeper_call run;
  void *arg;
  bool is_waited_for, is_done; /* not waited for: the keeper frees it */
  mst_err err;
  mst_errctx ctx;
} call;

struct mst_keeper {
  mst_core *core;
  pthread_t thread;
  bool is_started;
  pthread_mutex_t lock;
  pthread_cond_t wake, done;
  mst_job *first_job, *last_job; /* as many as there are contexts at most */
  uint32_t job_count;
  call *first_call, *last_call;
  bool is_woken, is_stopping, is_ended;
};

/* ---- the queues ---- */

void
mst_keeper_push(mst_keeper *keeper, mst_job *job)
{
  job->next = NULL;
  pthread_mutex_lock(&keeper->lock);
  if (keeper->last_job)
    keeper->last_job->next = job;
  else
    keeper->first_job = job;
  keeper->last_job = job;
  keeper->job_count++;
  if (keeper->job_count == 1 || keeper->job_count == MST_BATCH_MAX)
    pthread_cond_signal(&keeper->wake);
  pthread_mutex_unlock(&keeper->lock);
}

/* With the lock held; false when the keeper has ended. */
static bool
add_call(mst_keeper *keeper, call *c)
{
  if (keeper->is_ended)
    return false;
  if (keeper->last_call)
    keeper->last_call->next = c;
  else
    keeper->first_call = c;
  keeper->last_call = c;
  pthread_cond_signal(&keeper->wake);
  return true;
}

mst_err
mst_keeper_run(mst_keeper *keeper, mst_keeper_call run, void *arg, mst_errctx *ctx)
{
  call c = {.run = run, .arg = arg, .is_waited_for = true};

  pthread_mutex_lock(&keeper->lock);
  bool is_queued = add_call(keeper, &c);
  while (is_queued && !c.is_done)
    pthread_cond_wait(&keeper->done, &keeper->lock);
  pthread_mutex_unlock(&keeper->lock);
  if (!is_queued)
    return mst_fail(ctx, MST_ESTATE, "the controller is stopping");
  if (c.err != MST_OK && ctx)
    *ctx = c.ctx;
  return c.err;
}

mst_err
mst_keeper_post(mst_keeper *keeper, mst_keeper_call run, void *arg, mst_errctx *ctx)
{
  call *c = mst_alloc(1, sizeof *c);

  if (!c)
    return mst_fail(ctx, MST_ENOMEM, "out of memory");
  c->run = run;
  c->arg = arg;
  pthread_mutex_lock(&keeper->lock);
  bool is_queued = add_call(keeper, c);
  pthread_mutex_unlock(&keeper->lock);
  if (is_queued)
    return MST_OK;
  mst_free(c);
  return mst_fail(ctx, MST_ESTATE, "the controller is stopping");
}

void
mst_keeper_wake(mst_keeper *keeper)
{
  pthread_mutex_lock(&keeper->lock);
  keeper->is_woken = true;
  pthread_cond_signal(&keeper->wake);
  pthread_mutex_unlock(&keeper->lock);
}

/* ---- the thread ---- */

/* Waits until there is something to do; with the lock held. `busy`: the round has more, do not wait. */
static void
wait_for_work(mst_keeper *keeper, mst_mono last_batch, bool busy)
{
  const mst_mono begun = mst_clock_mono(mst_clock_system()), tick = {begun.ns + tick_ns}, gathered = {last_batch.ns + gather_ns};

  while (!keeper->first_call && !keeper->is_woken && !keeper->is_stopping && !busy) {
    const mst_mono now = mst_clock_mono(mst_clock_system());
    bool has_batch = keeper->job_count >= MST_BATCH_MAX || (keeper->job_count > 0 && now.ns >= gathered.ns);
    if (has_batch || now.ns >= tick.ns)
      break;
    (void)mst_wait_until(&keeper->wake, &keeper->lock, keeper->job_count > 0 && gathered.ns < tick.ns ? &gathered : &tick);
  }
  keeper->is_woken = false;
}

static uint32_t
take_jobs(mst_keeper *keeper, mst_job **jobs)
{
  uint32_t count = 0;

  while (keeper->first_job && count < MST_BATCH_MAX) {
    jobs[count++] = keeper->first_job;
    keeper->first_job = keeper->first_job->next;
  }
  if (!keeper->first_job)
    keeper->last_job = NULL;
  keeper->job_count -= count;
  return count;
}

static void
run_calls(mst_keeper *keeper, call *first)
{
  while (first) {
    call *c = first, *next = c->next;
    mst_err err = c->run(keeper->core, c->arg, &c->ctx);
    if (c->is_waited_for) {
      pthread_mutex_lock(&keeper->lock);
      c->err = err;
      c->is_done = true; /* from here on it is the waiter's */
      pthread_cond_broadcast(&keeper->done);
      pthread_mutex_unlock(&keeper->lock);
    } else {
      if (err != MST_OK)
        mst_log(MST_LOG_ERROR, "keeper-call-failed", "reason", c->ctx.text, NULL);
      mst_free(c);
    }
    first = next;
  }
}

static void *
run(void *arg)
{
  mst_keeper *keeper = arg;
  mst_mono last_batch = {0};
  mst_job *jobs[MST_BATCH_MAX];
  bool busy = false, is_last = false;

  while (!is_last) {
    pthread_mutex_lock(&keeper->lock);
    wait_for_work(keeper, last_batch, busy);
    uint32_t count = take_jobs(keeper, jobs);
    call *calls = keeper->first_call;
    keeper->first_call = keeper->last_call = NULL;
    is_last = keeper->is_stopping && count == 0 && !calls;
    keeper->is_ended = is_last; /* nothing more is queued */
    pthread_mutex_unlock(&keeper->lock);
    if (count > 0) {
      const mst_mono begun = mst_clock_mono(mst_clock_system());
      mst_batch_run(keeper->core, jobs, count);
      last_batch = mst_clock_mono(mst_clock_system());
      atomic_store(&keeper->core->counters.commit_ns, (uint64_t)(last_batch.ns - begun.ns));
    }
    run_calls(keeper, calls);
    busy = mst_round(keeper->core);
  }
  return NULL;
}

mst_err
mst_keeper_create(mst_core *core, mst_keeper **ret_keeper, mst_errctx *ctx)
{
  mst_keeper *keeper = mst_alloc(1, sizeof *keeper);

  if (!keeper)
    return mst_fail(ctx, MST_ENOMEM, "out of memory for the keeper");
  keeper->core = core;
  pthread_mutex_init(&keeper->lock, NULL);
  mst_wait_init(&keeper->wake);
  mst_wait_init(&keeper->done);
  *ret_keeper = keeper;
  return MST_OK;
}

mst_err
mst_keeper_start(mst_keeper *keeper, mst_errctx *ctx)
{
  if (pthread_create(&keeper->thread, NULL, run, keeper) != 0)
    return mst_fail(ctx, MST_EIO, "start the thread that writes the store");
  keeper->is_started = true;
  return MST_OK;
}

void
mst_keeper_stop(mst_keeper *keeper)
{
  if (!keeper || !keeper->is_started)
    return;
  pthread_mutex_lock(&keeper->lock);
  keeper->is_stopping = true;
  pthread_cond_broadcast(&keeper->wake);
  pthread_mutex_unlock(&keeper->lock);
  pthread_join(keeper->thread, NULL);
  keeper->is_started = false;
}

void
mst_keeper_destroy(mst_keeper *keeper)
{
  if (!keeper)
    return;
  mst_keeper_stop(keeper);
  pthread_cond_destroy(&keeper->wake);
  pthread_cond_destroy(&keeper->done);
  pthread_mutex_destroy(&keeper->lock);
  mst_free(keeper);
}
