/* A pool of threads that verify envelopes. */
#include <pthread.h>

#include <mst/common/alloc.h>

#include "ingest/ingest.h"
#include "keeper.h"

struct mst_workers {
  mst_core *core;
  pthread_mutex_t lock;
  pthread_cond_t wake;
  mst_job *first, *last; /* queue; as many as there are contexts at most */
  bool is_stopping;
  uint32_t count;
  pthread_t threads[];
};

static mst_job *
take(mst_workers *workers)
{
  pthread_mutex_lock(&workers->lock);
  while (!workers->first && !workers->is_stopping)
    pthread_cond_wait(&workers->wake, &workers->lock);
  mst_job *job = workers->first;
  if (job) {
    workers->first = job->next;
    if (!workers->first)
      workers->last = NULL;
    job->next = NULL;
  }
  pthread_mutex_unlock(&workers->lock);
  return job;
}

static void *
run(void *arg)
{
  mst_workers *workers = arg;
  mst_job *job;

  while ((job = take(workers)) != NULL) {
    mst_ingest_verify(workers->core, job);
    if (job->fate == MST_JOB_DROP)
      job->finish(job, NULL);
    else
      mst_keeper_push(workers->core->keeper, job);
  }
  return NULL;
}

mst_err
mst_workers_start(mst_core *core, uint32_t count, mst_workers **ret_workers, mst_errctx *ctx)
{
  mst_workers *workers = mst_alloc(1, sizeof *workers + count * sizeof workers->threads[0]);

  if (!workers)
    return mst_fail(ctx, MST_ENOMEM, "out of memory for the verifying threads");
  workers->core = core;
  pthread_mutex_init(&workers->lock, NULL);
  pthread_cond_init(&workers->wake, NULL);
  for (; workers->count < count; workers->count++) {
    if (pthread_create(&workers->threads[workers->count], NULL, run, workers) != 0) {
      mst_workers_stop(workers);
      return mst_fail(ctx, MST_EIO, "start %u threads that verify signatures; lower workers in the config", count);
    }
  }
  *ret_workers = workers;
  return MST_OK;
}

void
mst_workers_push(mst_workers *workers, mst_job *job)
{
  job->next = NULL;
  pthread_mutex_lock(&workers->lock);
  if (workers->last)
    workers->last->next = job;
  else
    workers->first = job;
  workers->last = job;
  pthread_cond_signal(&workers->wake);
  pthread_mutex_unlock(&workers->lock);
}

void
mst_workers_stop(mst_workers *workers)
{
  if (!workers)
    return;
  pthread_mutex_lock(&workers->lock);
  workers->is_stopping = true;
  pthread_cond_broadcast(&workers->wake);
  pthread_mutex_unlock(&workers->lock);
  for (uint32_t i = 0; i < workers->count; i++)
    pthread_join(workers->threads[i], NULL);
  pthread_cond_destroy(&workers->wake);
  pthread_mutex_destroy(&workers->lock);
  mst_free(workers);
}
