#ifndef MST_AGENT_SPOOLER_H
#define MST_AGENT_SPOOLER_H

#include <stdbool.h>

#include <uv.h>

#include "spool.h"

/* The spool behind a queue: jobs run one after the other on a worker thread, so that the loop never waits for the disk. Opaque. */
typedef struct mst_spooler mst_spooler;

/* One piece of work, embedded in a struct of whoever posts it. */
typedef struct mst_spool_job {
  struct mst_spool_job *next; /* the queue's */
  /* Worker thread: may use the spool and the job, nothing else. */
  void (*run)(struct mst_spool_job *job, mst_spool *spool);
  /* Loop thread, afterwards: owns the job again. Also called, without run, when the work could not be started: is_run tells. */
  void (*done)(struct mst_spool_job *job);
  bool is_run;
  void *arg; /* the poster's */
} mst_spool_job;

/* Takes over the spool. idle: called on the loop whenever the last queued job is done; may be NULL. */
mst_err mst_spooler_create(uv_loop_t *loop, mst_spool *spool, void (*idle)(void *arg), void *arg, mst_spooler **ret_spooler,
                           mst_errctx *ctx) MST_MUST_USE;
/* Loop thread; job is the caller's until done. */
void mst_spooler_post(mst_spooler *spooler, mst_spool_job *job);
bool mst_spooler_is_idle(const mst_spooler *spooler);
/* The figures after the last job. */
mst_spool_stats mst_spooler_stats(const mst_spooler *spooler);
/* Why the disk takes nothing, as of the last job; "" while it does. */
const char *mst_spooler_trouble(const mst_spooler *spooler);
/* Only when idle. Closes the spool. */
void mst_spooler_destroy(mst_spooler *spooler);

#endif
