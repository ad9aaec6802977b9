/* Work that blocks, on threads of its own: one that hangs holds up nothing but its own probe. */
#include <signal.h>
#include <string.h>

#include <mst/common/alloc.h>

#include "prober_state.h"

enum { STACK_BYTES = 512 * 1024 /* as the prober's: JSON parsers and TLS handshakes run here too */ };

/* Nobody takes it back any more: what it holds is let go here. */
static void
drop(mst_probe_job *job)
{
  job->done(job->arg, NULL);
  mst_probe_unref(job->probe);
  mst_free(job);
}

static void *
work(void *arg)
{
  mst_probe_job *job = arg;
  mst_prober *prober = job->probe->prober;

  job->work(job->arg);
  pthread_mutex_lock(&prober->lock);
  bool is_deaf = prober->is_deaf;
  if (!is_deaf) {
    job->next = prober->finished;
    prober->finished = job;
    uv_async_send(&prober->wake); /* under the lock: the loop cannot end meanwhile */
  }
  pthread_mutex_unlock(&prober->lock);
  if (is_deaf)
    drop(job);
  return NULL;
}

static int
start_thread(mst_probe_job *job)
{
  pthread_attr_t attributes;
  pthread_t thread;
  sigset_t all, before;

  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, STACK_BYTES);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int failed = pthread_create(&thread, &attributes, work, job);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  return failed;
}

mst_probe_job *
mst_probe_work(mst_probe_attempt *attempt, void (*run)(void *arg), void (*done)(void *arg, mst_probe_attempt *attempt), void *arg)
{
  mst_probe *probe = attempt->probe;

  if (probe->job) {
    mst_probe_fail(attempt, "%s: an earlier attempt still hangs in it", attempt->doing);
    return NULL;
  }
  mst_probe_job *job = mst_alloc(1, sizeof *job);
  if (!job) {
    mst_probe_fail(attempt, "%s: out of memory", attempt->doing);
    return NULL;
  }
  *job = (mst_probe_job){.probe = probe, .work = run, .done = done, .arg = arg};
  atomic_fetch_add(&probe->users, 1);
  probe->job = job;
  int failed = start_thread(job);
  if (failed == 0)
    return job;
  probe->job = NULL;
  mst_probe_unref(probe);
  mst_free(job);
  mst_probe_fail(attempt, "%s: start a thread: %s", attempt->doing, strerror(failed));
  return NULL;
}

void
mst_probe_work_abandon(mst_probe_job *job)
{
  job->is_abandoned = true;
}

void
mst_probe_jobs_take_back(mst_prober *prober)
{
  pthread_mutex_lock(&prober->lock);
  mst_probe_job *job = prober->finished;
  prober->finished = NULL;
  pthread_mutex_unlock(&prober->lock);

  while (job) {
    mst_probe_job *next = job->next;
    mst_probe *probe = job->probe;
    probe->job = NULL;
    job->done(job->arg, job->is_abandoned ? NULL : &probe->attempt);
    mst_probe_unref(probe);
    mst_free(job);
    job = next;
  }
}
