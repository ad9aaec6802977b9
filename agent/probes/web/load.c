/* Probe kind load; see proto/probes/load.c. */
#include <stdio.h>

#include <mst/common/alloc.h>

#include "kinds.h"
#include "load_run.h"

enum { REASON_BYTES = 400 };
static const int64_t margin_ns = 50 * MST_NS_PER_MS; /* the thread gives up before the attempt does, and says what it has */

typedef struct config {
  mst_probe_options options;
  mst_exchange_spec *spec;
  mst_statuses good;
  mst_load_setup setup;
} config;

/* The thread's until it is done, but for cancel. */
typedef struct look {
  mst_load_setup setup;
  mst_load_result result;
  const config *load;
  atomic_bool cancel;
  mst_probe_job *job;
  mst_err err;
  mst_errctx why;
} look;

static void
close_load(void *opaque)
{
  config *load = opaque;

  mst_exchange_close(load->spec);
  mst_free(load);
}

static mst_err
check_times(const config *load, mst_errctx *ctx)
{
  const mst_load_setup *setup = &load->setup;
  char needed[MST_TIME_TEXT_BYTES];
  int64_t needed_ns = setup->duration_ns + setup->request_timeout_ns + 2 * margin_ns;

  if (load->options.timeout_ns < needed_ns)
    return mst_fail(ctx, MST_EUSAGE, "the probe's timeout must be %s or more: duration, request_timeout and 100ms",
                    mst_duration_format(needed_ns, needed));
  return setup->ramp_ns <= setup->duration_ns ? MST_OK : mst_fail(ctx, MST_EUSAGE, "the ramp is longer than the duration");
}

static mst_err
open_load(const mst_probe_options *options, void **ret_config, mst_errctx *ctx)
{
  if (!options->allow || !options->allow->load)
    return mst_fail(ctx, MST_EPERM, "load is not allowed from this host: set allow.load in the agent's configuration");
  config *load = mst_alloc(1, sizeof *load);
  if (!load)
    return mst_fail(ctx, MST_ENOMEM, "no memory for a probe");
  load->options = *options;
  mst_err err = mst_exchange_open(options, "", &load->spec, ctx);
  if (err == MST_OK)
    err = mst_statuses_read(options, "status", &load->good, ctx);
  load->setup = (mst_load_setup){
      .spec = load->spec,
      .good = &load->good,
      .users = (size_t)mst_probe_number(options, "users"),
      .rate = mst_probe_number(options, "rate"),
      .duration_ns = mst_probe_duration(options, "duration"),
      .ramp_ns = mst_probe_duration(options, "ramp"),
      .request_timeout_ns = mst_probe_duration(options, "request_timeout"),
      .requests_max = (uint64_t)mst_probe_number(options, "requests"),
  };
  if (err == MST_OK)
    err = check_times(load, ctx);
  if (err != MST_OK) {
    close_load(load);
    return err;
  }
  *ret_config = load;
  return MST_OK;
}

/* ---- what came out ---- */

#define SAY(...) ((void)snprintf(reason, REASON_BYTES, __VA_ARGS__))

static double
error_ratio(const mst_load_result *result)
{
  return result->begun > 0 ? (double)(result->errors + result->timeouts) / (double)result->begun : 1;
}

static void
give(const mst_load_result *result, mst_probe_attempt *attempt)
{
  const double took_s = (double)result->took_ns / 1e9;

  mst_probe_value(attempt, "requests", (double)result->begun);
  mst_probe_value(attempt, "answered", (double)result->answered);
  mst_probe_value(attempt, "errors", (double)result->errors);
  mst_probe_value(attempt, "timeouts", (double)result->timeouts);
  mst_probe_value(attempt, "error_ratio", error_ratio(result));
  mst_probe_value(attempt, "rate", took_s > 0 ? (double)result->answered / took_s : 0);
  if (result->answered == 0)
    return;
  mst_probe_value(attempt, "p50", mst_hist_quantile(&result->times, 0.5));
  mst_probe_value(attempt, "p95", mst_hist_quantile(&result->times, 0.95));
  mst_probe_value(attempt, "p99", mst_hist_quantile(&result->times, 0.99));
  mst_probe_value(attempt, "max", result->times.max);
}

static void
check_time(const look *at, const char *key, double quantile, char *reason)
{
  int64_t most_ns = mst_probe_duration(&at->load->options, key), took_ns = (int64_t)(mst_hist_quantile(&at->result.times, quantile) * 1e9);
  char took[MST_TIME_TEXT_BYTES], most[MST_TIME_TEXT_BYTES];

  if (most_ns > 0 && !reason[0] && took_ns > most_ns)
    SAY("%s of %llu answers is %s; at most %s is allowed", key + 4, (unsigned long long)at->result.answered,
        mst_duration_format_short(took_ns, took), mst_duration_format_short(most_ns, most));
}

static void
judge(const look *at, mst_probe_attempt *attempt)
{
  const mst_probe_options *options = &at->load->options;
  const mst_load_result *result = &at->result;
  char reason[REASON_BYTES] = "";
  double rate = result->took_ns > 0 ? (double)result->answered * 1e9 / (double)result->took_ns : 0;

  if (at->err != MST_OK) {
    mst_probe_fail(attempt, "%s", at->why.text);
    return;
  }
  give(result, attempt);
  if (result->answered == 0)
    SAY("none of %llu requests was answered as it should be: %.180s", (unsigned long long)result->begun, result->first_error);
  else if (mst_probe_has(options, "max_error_ratio") && error_ratio(result) > mst_probe_number(options, "max_error_ratio"))
    SAY("%llu errors and %llu timeouts of %llu requests; the first: %.150s", (unsigned long long)result->errors,
        (unsigned long long)result->timeouts, (unsigned long long)result->begun, result->first_error);
  else if (rate < mst_probe_number(options, "min_rate"))
    SAY("%.3g answers a second; at least %.3g are wanted", rate, mst_probe_number(options, "min_rate"));
  if (!reason[0] && result->answered > 0) {
    check_time(at, "max_p95", 0.95, reason);
    check_time(at, "max_p99", 0.99, reason);
  }
  if (reason[0])
    mst_probe_fail(attempt, "%s", reason);
  else
    mst_probe_pass(attempt);
}

/* ---- the attempt ---- */

static void
work(void *arg)
{
  look *at = arg;

  at->err = mst_load_run(&at->setup, &at->result, &at->why);
}

static void
done(void *arg, mst_probe_attempt *attempt)
{
  look *at = arg;

  if (attempt)
    judge(at, attempt);
  mst_hist_done(&at->result.times);
  mst_free(at);
}

static void *
begin_load(void *opaque, mst_probe_attempt *attempt)
{
  const config *load = opaque;
  look *at = mst_alloc(1, sizeof *at);
  char shown[MST_WEB_TEXT_BYTES];

  if (!at) {
    mst_probe_fail(attempt, "no memory for load");
    return NULL;
  }
  at->load = load;
  at->setup = load->setup;
  at->setup.cancel = &at->cancel;
  at->setup.until_ns = mst_clock_mono(mst_clock_system()).ns + mst_probe_left_ns(attempt) - margin_ns;
  mst_hist_init(&at->result.times);
  mst_probe_doing(attempt, "load on %.90s", mst_web_shown(load->spec->url, shown));
  at->job = mst_probe_work(attempt, work, done, at);
  if (at->job)
    return at;
  mst_free(at);
  return NULL;
}

static void
stop_load(void *opaque)
{
  look *at = opaque;

  if (!at)
    return;
  atomic_store(&at->cancel, true);
  mst_probe_work_abandon(at->job);
}

const mst_probe_kind mst_probe_kind_load = {
    .schema = &mst_probe_schema_load,
    .open = open_load,
    .close = close_load,
    .begin = begin_load,
    .stop = stop_load,
};
