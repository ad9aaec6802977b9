#ifndef MST_PROBES_PROBER_H
#define MST_PROBES_PROBER_H

#include <mst/probes/probe.h>

/* The thread on which all probes of an agent run, each at its own times, none waiting for another. Opaque. */
typedef struct mst_prober mst_prober;
/* One probe in it. */
typedef struct mst_probe mst_probe;

enum {
  MST_PROBE_REASON_BYTES = 256,
  MST_PROBE_FIGURES_MAX = 96 /* besides series */,
  MST_PROBE_FIELD_BYTES = 64,
  MST_PROBE_STATE_BYTES = 256
};

/* A figure, a text or a phase's length of one run. */
typedef struct mst_probe_figure {
  enum {
    MST_PROBE_FIGURE_VALUE,
    MST_PROBE_FIGURE_STATE,
    MST_PROBE_FIGURE_PHASE,
    MST_PROBE_FIGURE_SERIES,
    MST_PROBE_FIGURE_TOTAL,
  } kind;
  char name[MST_PROBE_FIELD_BYTES];
  double value;      /* of a phase in s */
  const char *unit;  /* of mst_probe_units; NULL: the field's own */
  char *text;        /* owned; of a state, or metric, label, value, label, value of a series, with a line's end behind each */
  mst_wall start_at; /* of a total */
} mst_probe_figure;

typedef struct mst_probe_result {
  uint64_t runs;     /* so far; 0: none has ended, and nothing else here is set */
  mst_mono ended_at; /* prober's clock: mst_clock_system */
  bool is_ok;
  bool is_timed;                       /* took_ns is to be given: it passed, or its time was over */
  int64_t took_ns;                     /* of the attempt that counted; the whole time limit when it was over */
  int64_t delay_ns;                    /* how much later than due the run began; the longest since the last take */
  char reason[MST_PROBE_REASON_BYTES]; /* "" when ok */
  mst_probe_figure *figures;           /* owned */
  size_t figure_count;
} mst_probe_result;
void mst_probe_result_done(mst_probe_result *result);

typedef struct mst_probe_setup {
  const mst_probe_kind *kind;
  mst_probe_options options; /* copied, with all texts */
  int64_t every_ns;          /* from the beginning of a run to that of the next */
  int retries;               /* further attempts of a run after one that failed */
} mst_probe_setup;

/* Starts the thread. MST_EIO, MST_ENOMEM. Agent's loop thread, as all below. */
mst_err mst_prober_create(mst_prober **ret_prober, mst_errctx *ctx) MST_MUST_USE;
/* Stops every attempt, waits until the thread has ended. Probes must have been removed. Threads that hang in work that blocks are left to
 * themselves. */
void mst_prober_destroy(mst_prober *prober);

/* The kind's open() is called here. Its first run comes within min(every, 10 s), at a moment drawn at random. */
mst_err mst_prober_add(mst_prober *prober, const mst_probe_setup *setup, mst_probe **ret_probe, mst_errctx *ctx) MST_MUST_USE;
/* Does not wait: what is under way is stopped by the thread. */
void mst_prober_remove(mst_prober *prober, mst_probe *probe);
/* The newest run; of several since the last take, the newest that failed: no failure is passed over. The caller finishes *ret_result. */
mst_err mst_probe_take(mst_probe *probe, mst_probe_result *ret_result, mst_errctx *ctx) MST_MUST_USE;
/* "" or why no run can have ended as it should have: the prober is behind. */
bool mst_probe_is_overdue(const mst_probe *probe, const mst_probe_result *result, int64_t *ret_late_ns);

#endif
