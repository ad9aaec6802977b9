/* A load generator; see load_run.h. */
#include "load_run.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <mst/common/alloc.h>
#include <mst/common/clock.h>

#include "session.h"

enum { USERS_MAX = 256, NUMBER_BYTES = 24, LOOK_EVERY_MS = 20 };

typedef struct run run;

typedef struct user {
  run *run;
  mst_exchange *exchange; /* under way */
  bool is_busy;
  int64_t due_ns; /* of the request under way, from the beginning */
} user;

struct run {
  const mst_load_setup *setup;
  mst_load_result *result;
  uv_loop_t loop;
  uv_timer_t pump, look; /* pump: when requests are due; look: whether it is over */
  mst_web *web;
  mst_vars vars;
  user users[USERS_MAX];
  size_t busy;
  int64_t began_ns;
  bool is_over, is_cancelled;
};

int64_t
mst_load_due_ns(uint64_t n, double rate, int64_t ramp_ns)
{
  double ramp_s = (double)ramp_ns / 1e9, in_ramp = rate * ramp_s / 2; /* the area under the rising rate */
  double at_s = (double)n < in_ramp ? sqrt(2 * (double)n * ramp_s / rate) : ramp_s + ((double)n - in_ramp) / rate;

  return (int64_t)(at_s * 1e9);
}

static int64_t
since_ns(const run *all)
{
  return mst_clock_mono(mst_clock_system()).ns - all->began_ns;
}

static void
ignore(void *arg)
{
  (void)arg;
}

static void
end_run(run *all)
{
  if (all->is_over)
    return;
  all->is_over = true;
  all->result->took_ns = since_ns(all);
  mst_web_close(all->web);
  uv_close((uv_handle_t *)&all->pump, NULL);
  uv_close((uv_handle_t *)&all->look, NULL);
}

/* Whether another request is to begin, now or later; when it is due. */
static bool
next_due(const run *all, int64_t *ret_due_ns)
{
  const mst_load_setup *setup = all->setup;
  int64_t now_ns = since_ns(all);

  if (setup->requests_max > 0 && all->result->begun >= setup->requests_max)
    return false;
  *ret_due_ns = setup->rate > 0 ? mst_load_due_ns(all->result->begun, setup->rate, setup->ramp_ns) : now_ns;
  return *ret_due_ns < setup->duration_ns && now_ns < setup->duration_ns + (setup->rate > 0 ? setup->request_timeout_ns : 0);
}

/* ---- answers ---- */

static void
count(run *all, const user *one, const mst_exchange_result *exchange)
{
  const mst_web_answer *answer = exchange->answer;
  mst_load_result *result = all->result;
  mst_errctx ignored;

  if (answer && mst_statuses_have(all->setup->good, answer)) {
    result->answered++;
    if (mst_hist_add(&result->times, (double)(since_ns(all) - one->due_ns) / 1e9, 1, &ignored) == MST_OK)
      return;
    result->answered--; /* without memory it is not known how long it took */
  }
  if (answer && answer->is_timeout)
    result->timeouts++;
  else
    result->errors++;
  if (result->first_error[0])
    return;
  if (answer && answer->is_whole)
    snprintf(result->first_error, sizeof result->first_error, "status %d", answer->status);
  else
    snprintf(result->first_error, sizeof result->first_error, "%.200s", answer ? answer->failure : exchange->reason);
}

static void on_pump(uv_timer_t *timer);

static void
on_done(void *arg, const mst_exchange_result *exchange)
{
  user *one = arg;
  run *all = one->run;

  one->exchange = NULL; /* frees itself */
  one->is_busy = false;
  all->busy--;
  count(all, one, exchange);
  if (!all->is_over)
    (void)uv_timer_start(&all->pump, on_pump, 0, 0); /* not from within, which could go on without end */
}

static void
begin_request(run *all, user *one, int64_t due_ns)
{
  const mst_load_setup *setup = all->setup;
  char number[NUMBER_BYTES];
  mst_errctx ignored;
  const mst_exchange_setup exchange = {
      .web = all->web,
      .spec = setup->spec,
      .vars = &all->vars,
      .clock = setup->spec->options.clock,
      .timeout_ns = setup->request_timeout_ns,
      .checks_nothing = true,
      .done = on_done,
      .arg = one,
  };

  all->result->begun++;
  snprintf(number, sizeof number, "%llu", (unsigned long long)all->result->begun);
  (void)!mst_vars_set(&all->vars, "number", number, false, &ignored); /* without memory the one before stays */
  one->is_busy = true;
  one->due_ns = due_ns;
  all->busy++;
  mst_exchange *begun = mst_exchange_begin(&exchange);
  if (begun)
    one->exchange = begun;
}

/* Users come one by one in the ramp. */
static size_t
users_now(const run *all)
{
  const mst_load_setup *setup = all->setup;
  int64_t now_ns = since_ns(all);

  if (setup->rate > 0 || setup->ramp_ns <= 0 || now_ns >= setup->ramp_ns)
    return setup->users;
  size_t here = (size_t)((double)setup->users * (double)now_ns / (double)setup->ramp_ns) + 1;
  return here < setup->users ? here : setup->users;
}

static void
on_pump(uv_timer_t *timer)
{
  run *all = timer->data;
  int64_t due_ns = 0;
  size_t users = users_now(all);

  for (size_t i = 0; i < users && !all->is_over; i++) {
    if (all->users[i].is_busy || !next_due(all, &due_ns) || due_ns > since_ns(all))
      continue;
    begin_request(all, &all->users[i], due_ns);
  }
  if (all->is_over)
    return;
  if (!next_due(all, &due_ns)) {
    if (all->busy == 0)
      end_run(all);
    return;
  }
  int64_t left_ns = due_ns - since_ns(all);
  uv_update_time(&all->loop);
  if (left_ns > 0 && all->setup->rate > 0)
    (void)uv_timer_start(timer, on_pump, (uint64_t)((left_ns + MST_NS_PER_MS - 1) / MST_NS_PER_MS), 0);
}

static void
on_look(uv_timer_t *timer)
{
  run *all = timer->data;

  all->is_cancelled = atomic_load(all->setup->cancel);
  if (all->is_cancelled || mst_clock_mono(mst_clock_system()).ns >= all->setup->until_ns) {
    /* What is under way was not answered in its time. */
    all->result->timeouts += all->busy;
    end_run(all);
    return;
  }
  on_pump(&all->pump); /* users of the ramp, and the end of the time */
}

static mst_err
open_run(run *all, mst_errctx *ctx)
{
  mst_err err = mst_session_read_secrets(&all->setup->spec->options, &all->vars, ctx);

  if (err != MST_OK)
    return err;
  int failed = uv_loop_init(&all->loop);
  if (failed != 0)
    return mst_fail(ctx, MST_EIO, "make a loop: %s", uv_strerror(failed));
  err = mst_web_open(&all->loop, all->setup->users, ignore, all, &all->web, ctx);
  if (err != MST_OK)
    uv_loop_close(&all->loop);
  return err;
}

mst_err
mst_load_run(const mst_load_setup *setup, mst_load_result *ret_result, mst_errctx *ctx)
{
  run *all = mst_alloc(1, sizeof *all);

  *ret_result = (mst_load_result){0};
  mst_hist_init(&ret_result->times);
  if (!all)
    return mst_fail(ctx, MST_ENOMEM, "no memory for load");
  all->setup = setup;
  all->result = ret_result;
  mst_err err = open_run(all, ctx);
  if (err == MST_OK) {
    for (size_t i = 0; i < USERS_MAX; i++)
      all->users[i].run = all;
    uv_timer_init(&all->loop, &all->pump);
    uv_timer_init(&all->loop, &all->look);
    all->pump.data = all->look.data = all;
    all->began_ns = mst_clock_mono(mst_clock_system()).ns;
    (void)uv_timer_start(&all->pump, on_pump, 0, 0);
    (void)uv_timer_start(&all->look, on_look, LOOK_EVERY_MS, LOOK_EVERY_MS);
    uv_run(&all->loop, UV_RUN_DEFAULT); /* ends when all handles are closed */
    uv_loop_close(&all->loop);
    for (size_t i = 0; i < USERS_MAX; i++)
      mst_exchange_drop(all->users[i].exchange);
    if (all->is_cancelled)
      err = mst_fail(ctx, MST_ESTATE, "given up");
  }
  mst_vars_done(&all->vars);
  mst_free(all);
  return err;
}
