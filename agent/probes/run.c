/* Runs of probes: when they begin, what they try, when their time is over, what is published. All on the prober's thread. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <mst/common/alloc.h>
#include <mst/common/key.h>

#include "prober_state.h"

static const int64_t splay_most_ns = 10 * MST_NS_PER_S;
static const int64_t retry_after_ms = 100; /* what was restarting just now may answer then */

static void begin_attempt(mst_probe *probe);

static int64_t
now_ns(void)
{
  return mst_clock_mono(mst_clock_system()).ns;
}

static uint64_t
to_ms(int64_t ns)
{
  return ns <= 0 ? 0 : (uint64_t)((ns + MST_NS_PER_MS - 1) / MST_NS_PER_MS);
}

/* The loop's own time may be old when callbacks before this one took long. */
static void
start_timer(uv_timer_t *timer, uv_timer_cb callback, uint64_t ms)
{
  uv_update_time(timer->loop);
  (void)uv_timer_start(timer, callback, ms, 0); /* fails only for handles that are closing, or without a callback */
}

/* ---- the end of a run ---- */

static void
publish(mst_probe *probe, mst_probe_result *result)
{
  pthread_mutex_lock(&probe->lock);
  result->runs = probe->newest.runs + 1;
  result->ended_at.ns = now_ns();
  if (probe->run_delay_ns > probe->longest_delay_ns)
    probe->longest_delay_ns = probe->run_delay_ns;
  bool is_hidden = probe->newest.runs > 0 && !probe->newest.is_ok && !probe->is_taken && result->is_ok;
  if (is_hidden || !result->is_ok)
    mst_probe_result_done(&probe->failed);
  if (is_hidden)
    probe->failed = probe->newest; /* nobody has seen this failure yet */
  else
    mst_probe_result_done(&probe->newest);
  probe->newest = *result;
  probe->is_taken = false;
  pthread_mutex_unlock(&probe->lock);
  *result = (mst_probe_result){0};
}

static void
on_due(uv_timer_t *timer)
{
  mst_probe *probe = timer->data;

  probe->tried = 0;
  probe->run_delay_ns = now_ns() - probe->due_ns;
  begin_attempt(probe);
}

static void
on_retry(uv_timer_t *timer)
{
  begin_attempt(timer->data);
}

/* From one due time to the next, so that runs keep their distance; what was missed is left out, never made up for in a burst. */
static void
wait_for_next(mst_probe *probe)
{
  int64_t now = now_ns();

  probe->due_ns += probe->setup.every_ns;
  if (probe->due_ns < now)
    probe->due_ns += (now - probe->due_ns) / probe->setup.every_ns * probe->setup.every_ns + probe->setup.every_ns;
  start_timer(&probe->timer, on_due, to_ms(probe->due_ns - now));
}

/* The attempt has an outcome: another one, or the run is over. */
static void
conclude(mst_probe *probe)
{
  mst_probe_attempt *attempt = &probe->attempt;
  mst_probe_result *result = &attempt->result;

  uv_timer_stop(&probe->limit);
  if (!result->is_ok && probe->tried <= probe->setup.retries) {
    start_timer(&probe->timer, on_retry, (uint64_t)retry_after_ms);
    return;
  }
  result->took_ns = attempt->is_silent  ? probe->setup.options.timeout_ns
                    : attempt->has_took ? attempt->took_ns
                                        : now_ns() - attempt->began_at.ns;
  result->is_timed = result->is_ok || attempt->is_silent;
  publish(probe, result);
  wait_for_next(probe);
}

/* ---- an attempt ---- */

static void
on_limit(uv_timer_t *timer)
{
  mst_probe *probe = timer->data;
  mst_probe_attempt *attempt = &probe->attempt;
  char limit[MST_TIME_TEXT_BYTES];

  attempt->is_silent = true;
  if (probe->setup.kind->take_silence)
    probe->setup.kind->take_silence(attempt->state, attempt);
  if (!attempt->is_over)
    snprintf(attempt->result.reason, sizeof attempt->result.reason, "%s: no answer within %s", attempt->doing,
             mst_duration_format(probe->setup.options.timeout_ns, limit));
  attempt->is_over = true;
  if (probe->setup.kind->stop)
    probe->setup.kind->stop(attempt->state);
  conclude(probe);
}

static void
begin_attempt(mst_probe *probe)
{
  mst_probe_attempt *attempt = &probe->attempt;

  mst_probe_result_done(&attempt->result);
  *attempt = (mst_probe_attempt){.probe = probe, .began_at = {now_ns()}};
  attempt->phase_at = attempt->began_at;
  snprintf(attempt->doing, sizeof attempt->doing, "%s", probe->setup.kind->schema->name);
  probe->tried++;
  start_timer(&probe->limit, on_limit, to_ms(probe->setup.options.timeout_ns));
  void *state = probe->setup.kind->begin(probe->config, attempt);
  attempt->state = state;
  attempt->is_begun = true;
  if (attempt->is_over)
    conclude(probe);
}

/* Pass or fail. What happens within begin() or take_silence() is concluded there. */
static void
end_attempt(mst_probe_attempt *attempt, bool is_ok)
{
  if (attempt->is_over)
    return;
  attempt->is_over = true;
  attempt->result.is_ok = is_ok;
  if (attempt->is_begun && !attempt->is_silent)
    conclude(attempt->probe);
}

void
mst_probe_pass(mst_probe_attempt *attempt)
{
  end_attempt(attempt, true);
}

void
mst_probe_fail(mst_probe_attempt *attempt, const char *fmt, ...)
{
  va_list arguments;

  if (attempt->is_over)
    return;
  va_start(arguments, fmt);
  vsnprintf(attempt->result.reason, sizeof attempt->result.reason, fmt, arguments);
  va_end(arguments);
  end_attempt(attempt, false);
}

/* ---- on and off ---- */

void
mst_probe_switch_on(mst_probe *probe)
{
  uint32_t random = 0;
  int64_t splay = probe->setup.every_ns < splay_most_ns ? probe->setup.every_ns : splay_most_ns;

  uv_timer_init(&probe->prober->loop, &probe->timer);
  uv_timer_init(&probe->prober->loop, &probe->limit);
  probe->timer.data = probe->limit.data = probe;
  probe->open_handles = 2;
  probe->is_on = true;
  mst_random_bytes(&random, sizeof random);
  probe->due_ns = now_ns() + (int64_t)((double)splay * random / UINT32_MAX);
  start_timer(&probe->timer, on_due, to_ms(probe->due_ns - now_ns()));
}

static void
on_closed(uv_handle_t *handle)
{
  mst_probe *probe = handle->data;

  if (--probe->open_handles == 0)
    mst_probe_unref(probe);
}

void
mst_probe_switch_off(mst_probe *probe)
{
  mst_probe_attempt *attempt = &probe->attempt;

  if (attempt->is_begun && !attempt->is_over) {
    attempt->is_over = true;
    if (probe->setup.kind->stop)
      probe->setup.kind->stop(attempt->state);
  }
  uv_close((uv_handle_t *)&probe->timer, on_closed);
  uv_close((uv_handle_t *)&probe->limit, on_closed);
}
