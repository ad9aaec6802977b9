#include "spooler.h"

#include <stdio.h>

#include <mst/common/alloc.h>

struct mst_spooler {
  uv_loop_t *loop;
  mst_spool *spool; /* the worker's while is_working, else ours */
  void (*idle)(void *arg);
  void *arg;
  mst_spool_job *first, *last; /* waiting */
  mst_spool_job *current;
  bool is_working;
  uv_work_t work;
  mst_spool_stats stats;
  char trouble[MST_ERRCTX_TEXT_BYTES];
};

static void start_next(mst_spooler *spooler);

static void
run_job(uv_work_t *work)
{
  mst_spooler *spooler = work->data;

  spooler->current->run(spooler->current, spooler->spool);
  spooler->current->is_run = true;
}

static void
after_job(uv_work_t *work, int status)
{
  mst_spooler *spooler = work->data;
  mst_spool_job *job = spooler->current;

  (void)status; /* never cancelled */
  spooler->is_working = false;
  spooler->current = NULL;
  spooler->stats = mst_spool_get_stats(spooler->spool);
  snprintf(spooler->trouble, sizeof spooler->trouble, "%s", mst_spool_trouble(spooler->spool));
  job->done(job);
  start_next(spooler);
}

static void
start_next(mst_spooler *spooler)
{
  while (!spooler->is_working && spooler->first) {
    mst_spool_job *job = spooler->first;
    spooler->first = job->next;
    spooler->last = spooler->first ? spooler->last : NULL;
    spooler->current = job;
    spooler->work.data = spooler;
    if (uv_queue_work(spooler->loop, &spooler->work, run_job, after_job) == 0) {
      spooler->is_working = true;
    } else {
      spooler->current = NULL;
      job->done(job);
    }
  }
  if (!spooler->is_working && spooler->idle)
    spooler->idle(spooler->arg);
}

mst_err
mst_spooler_create(uv_loop_t *loop, mst_spool *spool, void (*idle)(void *arg), void *arg, mst_spooler **ret_spooler, mst_errctx *ctx)
{
  mst_spooler *spooler = mst_alloc(1, sizeof *spooler);

  if (!spooler)
    return mst_fail(ctx, MST_ENOMEM, "out of memory for the spool's queue");
  spooler->loop = loop;
  spooler->spool = spool;
  spooler->idle = idle;
  spooler->arg = arg;
  spooler->stats = mst_spool_get_stats(spool);
  *ret_spooler = spooler;
  return MST_OK;
}

void
mst_spooler_post(mst_spooler *spooler, mst_spool_job *job)
{
  job->next = NULL;
  job->is_run = false;
  if (spooler->last)
    spooler->last->next = job;
  else
    spooler->first = job;
  spooler->last = job;
  if (!spooler->is_working)
    start_next(spooler);
}

bool
mst_spooler_is_idle(const mst_spooler *spooler)
{
  return !spooler->is_working && !spooler->first;
}

mst_spool_stats
mst_spooler_stats(const mst_spooler *spooler)
{
  return spooler->stats;
}

const char *
mst_spooler_trouble(const mst_spooler *spooler)
{
  return spooler->trouble;
}

void
mst_spooler_destroy(mst_spooler *spooler)
{
  if (!spooler)
    return;
  mst_spool_destroy(spooler->spool);
  mst_free(spooler);
}
