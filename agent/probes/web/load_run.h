#ifndef MST_PROBES_WEB_LOAD_RUN_H
#define MST_PROBES_WEB_LOAD_RUN_H

#include <stdatomic.h>

#include <mst/common/hist.h>

#include "exchange.h"

/* One run of a load generator, on a thread and a loop of its own: the prober's loop has others to serve. */
typedef struct mst_load_setup {
  const mst_exchange_spec *spec; /* its options' secrets are read first */
  const mst_statuses *good;
  size_t users;
  double rate; /* 0: each user asks again as soon as it is answered */
  int64_t duration_ns, ramp_ns, request_timeout_ns;
  uint64_t requests_max; /* 0: no bound */
  int64_t until_ns;      /* of mst_clock_mono(mst_clock_system()): what is under way then is given up */
  atomic_bool *cancel;   /* when it becomes true, within some 20 ms */
} mst_load_setup;

typedef struct mst_load_result {
  uint64_t begun, answered, errors, timeouts;
  int64_t took_ns; /* from the first request to the last answer, or the end of the time in which they begin */
  /* Seconds from when a request was due, not from when it could be sent: a service that stalls is not spared the requests that would have
   * come meanwhile ("coordinated omission", Tene 2013). Good answers only. */
  mst_hist times;
  char first_error[MST_WEB_TEXT_BYTES]; /* "" when there was none */
} mst_load_result;

/* ret_result: mst_hist_done of its times is the caller's, whatever is returned. MST_ESTATE: cancelled; MST_EPERM and the like: a secret
 * cannot be had. Blocks until it is over. */
mst_err mst_load_run(const mst_load_setup *setup, mst_load_result *ret_result, mst_errctx *ctx) MST_MUST_USE;

/* When request number n (from 0 on) is due, counted from the beginning: at an even rate, which in the ramp grows linearly from 0. Pure. */
int64_t mst_load_due_ns(uint64_t n, double rate, int64_t ramp_ns);

#endif
