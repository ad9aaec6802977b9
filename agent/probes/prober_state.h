#ifndef MST_PROBES_PROBER_STATE_H
#define MST_PROBES_PROBER_STATE_H

/* Shared by the prober's own files only. */
#include <pthread.h>
#include <stdatomic.h>

#include "prober.h"

struct mst_probe_attempt {
  mst_probe *probe;
  void *state;    /* what begin() returned */
  bool is_begun;  /* begin() has returned */
  bool is_over;   /* pass or fail was called */
  bool is_silent; /* its time is over */
  bool has_took;
  mst_mono began_at, phase_at;
  int64_t took_ns;
  char doing[MST_PROBE_REASON_BYTES / 2];
  mst_probe_result result; /* under construction */
};

/* Held by the prober's list, by the collector that added it, and by every job of it: the last one closes the kind's config. */
struct mst_probe {
  atomic_uint users;
  mst_prober *prober;
  mst_probe_setup setup; /* its texts are in texts */
  void *texts;           /* owned */
  void *config;
  mst_mono added_at;

  /* The thread's. */
  uv_timer_t timer, limit;
  int open_handles;
  bool is_on;
  int tried; /* attempts of this run */
  int64_t due_ns, run_delay_ns;
  mst_probe_attempt attempt;
  mst_probe_job *job; /* still at work, perhaps for an attempt that is over */
  mst_probe *next;

  pthread_mutex_t lock;
  mst_probe_result newest, failed; /* under lock; failed.runs 0: none since the last take */
  bool is_taken;                   /* under lock: newest */
  int64_t longest_delay_ns;        /* under lock */
};

struct mst_probe_job {
  mst_probe *probe;
  void (*work)(void *arg);
  void (*done)(void *arg, mst_probe_attempt *attempt);
  void *arg;
  bool is_abandoned; /* the thread's */
  mst_probe_job *next;
};

struct mst_prober {
  atomic_uint users; /* itself, and every probe */
  uv_loop_t loop;
  uv_async_t wake;
  pthread_t thread;
  mst_probe *probes; /* the thread's */

  pthread_mutex_t lock;
  bool is_ending;     /* under lock */
  bool is_deaf;       /* under lock: the loop has ended, nobody takes jobs back */
  mst_probe **orders; /* under lock: to add, or to remove when is_on; owned */
  size_t order_count, order_capacity;
  mst_probe_job *finished; /* under lock */
};

/* run.c; prober's thread */
void mst_probe_switch_on(mst_probe *probe);
void mst_probe_switch_off(mst_probe *probe);
/* work.c; prober's thread */
void mst_probe_jobs_take_back(mst_prober *prober);
/* prober.c */
void mst_probe_unref(mst_probe *probe);
void mst_prober_unref(mst_prober *prober);

#endif
