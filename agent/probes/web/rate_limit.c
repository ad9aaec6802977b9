/* Probe kind rate_limit; see proto/probes/rate_limit.c. */
#include <stdio.h>

#include <mst/common/alloc.h>

#include "exchange.h"
#include "kinds.h"
#include "session.h"

enum { AT_ONCE_MAX = 32, NUMBER_BYTES = 24 };

typedef struct config {
  mst_probe_options options;
  mst_exchange_spec *spec;
  size_t requests, at_once, min_allowed, max_allowed;
  mst_statuses allowed, limited;
} config;

typedef struct state state;

/* One of the requests that may be under way at a time. */
typedef struct place {
  state *run;
  mst_exchange *exchange; /* under way */
  size_t number;
} place;

struct state {
  const config *config;
  mst_probe_attempt *attempt;
  mst_session *session;
  uv_timer_t next;
  bool is_session_closed, is_timer_closed, is_over;
  place places[AT_ONCE_MAX];
  size_t sent, answered, allowed, limited, first_limited, allowed_before;
};

static void
close_limit(void *opaque)
{
  config *limit = opaque;

  mst_exchange_close(limit->spec);
  mst_free(limit);
}

static mst_err
open_limit(const mst_probe_options *options, void **ret_config, mst_errctx *ctx)
{
  config *limit = mst_alloc(1, sizeof *limit);

  if (!limit)
    return mst_fail(ctx, MST_ENOMEM, "no memory for a probe");
  limit->options = *options;
  limit->requests = (size_t)mst_probe_number(options, "requests");
  limit->at_once = (size_t)mst_probe_number(options, "at_once");
  limit->min_allowed = (size_t)mst_probe_number(options, "min_allowed");
  limit->max_allowed = (size_t)mst_probe_number(options, "max_allowed");
  mst_err err = mst_exchange_open(options, "", &limit->spec, ctx);
  if (err == MST_OK)
    err = mst_statuses_read(options, "allowed", &limit->allowed, ctx);
  if (err == MST_OK)
    err = mst_statuses_read(options, "limited", &limit->limited, ctx);
  if (err != MST_OK) {
    close_limit(limit);
    return err;
  }
  *ret_config = limit;
  return MST_OK;
}

/* ---- the end ---- */

static void
free_when_closed(state *run)
{
  if (!run->is_session_closed || !run->is_timer_closed)
    return;
  for (size_t i = 0; i < AT_ONCE_MAX; i++)
    mst_exchange_drop(run->places[i].exchange);
  mst_free(run);
}

static void
on_session_closed(void *arg)
{
  ((state *)arg)->is_session_closed = true;
  free_when_closed(arg);
}

static void
on_timer_closed(uv_handle_t *handle)
{
  ((state *)handle->data)->is_timer_closed = true;
  free_when_closed(handle->data);
}

static void
let_go(state *run)
{
  if (run->is_over)
    return;
  run->is_over = true;
  uv_close((uv_handle_t *)&run->next, on_timer_closed);
  mst_session_close(run->session);
}

static void
conclude(state *run)
{
  const config *limit = run->config;
  char wanted[MST_WEB_TEXT_BYTES];

  if (run->limited == 0)
    mst_probe_fail(run->attempt, "%zu requests, and none was stopped with %.60s", run->answered,
                   mst_statuses_text(&limit->options, "limited", wanted));
  else if (run->allowed_before < limit->min_allowed)
    mst_probe_fail(run->attempt, "only %zu requests were let through before one was stopped; at least %zu are wanted", run->allowed_before,
                   limit->min_allowed);
  else if (run->allowed > limit->max_allowed)
    mst_probe_fail(run->attempt, "%zu requests of %zu were let through; at most %zu are allowed", run->allowed, run->answered,
                   limit->max_allowed);
  else
    mst_probe_pass(run->attempt);
  let_go(run);
}

/* ---- one by one ---- */

static void send_more(state *run);

static void
on_next(uv_timer_t *timer)
{
  send_more(timer->data);
}

static bool
count(state *run, size_t number, const mst_web_answer *answer)
{
  if (mst_statuses_have(&run->config->limited, answer)) {
    run->limited++;
    if (run->first_limited == 0 || number < run->first_limited)
      run->first_limited = number;
  } else if (mst_statuses_have(&run->config->allowed, answer)) {
    run->allowed++;
    run->allowed_before += run->limited == 0;
  } else {
    return false;
  }
  return true;
}

static void
on_done(void *arg, const mst_exchange_result *result)
{
  place *at = arg;
  state *run = at->run;
  const mst_web_answer *answer = result->answer;

  at->exchange = NULL; /* frees itself */
  run->answered++;
  bool is_known = answer && count(run, at->number, answer);
  mst_probe_value(run->attempt, "allowed", (double)run->allowed);
  mst_probe_value(run->attempt, "limited", (double)run->limited);
  if (run->first_limited > 0)
    mst_probe_value(run->attempt, "first_limited", (double)run->first_limited);
  if (!is_known) {
    if (answer && answer->is_whole)
      mst_probe_fail(run->attempt, "request %zu is answered with status %d, which is neither let through nor stopped", at->number,
                     answer->status);
    else
      mst_probe_fail(run->attempt, "request %zu: %s", at->number, answer ? answer->failure : result->reason);
    let_go(run);
  } else if (run->answered == run->config->requests) {
    conclude(run);
  } else {
    (void)uv_timer_start(&run->next, on_next, 0, 0); /* not within libcurl's callback */
  }
}

static void
send_one(state *run, place *at)
{
  char number[NUMBER_BYTES];
  mst_errctx why = {0};
  const mst_exchange_setup setup = {
      .web = mst_session_web(run->session),
      .spec = run->config->spec,
      .vars = mst_session_vars(run->session),
      .clock = run->config->options.clock,
      .timeout_ns = mst_probe_left_ns(run->attempt) + MST_NS_PER_S, /* the prober's limit comes first */
      .attempt = run->attempt,
      .checks_nothing = true,
      .done = on_done,
      .arg = at,
  };

  *at = (place){.run = run, .number = ++run->sent};
  snprintf(number, sizeof number, "%zu", at->number);
  if (mst_vars_set(mst_session_vars(run->session), "number", number, false, &why) != MST_OK) {
    mst_probe_fail(run->attempt, "%s", why.text);
    let_go(run);
    return;
  }
  mst_exchange *exchange = mst_exchange_begin(&setup);
  if (exchange)
    at->exchange = exchange;
}

static void
send_more(state *run)
{
  for (size_t i = 0; i < run->config->at_once && !run->is_over && run->sent < run->config->requests; i++)
    if (!run->places[i].exchange)
      send_one(run, &run->places[i]);
}

static void
on_ready(void *arg)
{
  send_more(arg);
}

static void *
begin_limit(void *opaque, mst_probe_attempt *attempt)
{
  config *limit = opaque;
  state *run = mst_alloc(1, sizeof *run);

  if (!run) {
    mst_probe_fail(attempt, "no memory for requests");
    return NULL;
  }
  *run = (state){.config = limit, .attempt = attempt};
  const mst_session_setup setup = {.attempt = attempt,
                                   .options = &limit->options,
                                   .connections_max = limit->at_once,
                                   .ready = on_ready,
                                   .closed = on_session_closed,
                                   .arg = run};
  run->session = mst_session_begin(&setup);
  if (!run->session) {
    mst_free(run);
    return NULL;
  }
  uv_timer_init(mst_probe_loop(attempt), &run->next);
  run->next.data = run;
  return run;
}

static void
stop_limit(void *opaque)
{
  if (opaque)
    let_go(opaque);
}

const mst_probe_kind mst_probe_kind_rate_limit = {
    .schema = &mst_probe_schema_rate_limit,
    .open = open_limit,
    .close = close_limit,
    .begin = begin_limit,
    .stop = stop_limit,
};
