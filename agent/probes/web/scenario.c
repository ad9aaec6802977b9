/* Probe kind scenario; see proto/probes/scenario.c. */
#include <stdio.h>
#include <string.h>

#include <mst/common/alloc.h>

#include "exchange.h"
#include "kinds.h"
#include "logged.h"
#include "session.h"

typedef struct step {
  char name[64];
  mst_exchange_spec *spec; /* NULL: it looks into a file */
  const char *file, *contains;
  int tries;
  int64_t pause_ns;
} step;

typedef struct ratio {
  const char *field;
  size_t step, of;
} ratio;

typedef struct config {
  mst_probe_options options;
  step steps[MST_PROBE_STEPS_MAX];
  size_t step_count;
  ratio ratios[MST_PROBE_LIST_MAX];
  size_t ratio_count;
  int duration_of; /* -1: all of them */
} config;

typedef struct state {
  const config *config;
  mst_probe_attempt *attempt;
  mst_session *session;
  mst_exchange *exchange; /* under way */
  mst_logged *logged;     /* under way */
  uv_timer_t pause;
  bool is_session_closed, is_pause_closed;
  size_t at;
  int tried;
  int64_t step_began_ns;
  int64_t took_ns[MST_PROBE_STEPS_MAX];
} state;

/* ---- options ---- */

static void
close_scenario(void *opaque)
{
  config *scenario = opaque;

  for (size_t i = 0; scenario && i < scenario->step_count; i++)
    mst_exchange_close(scenario->steps[i].spec);
  mst_free(scenario);
}

static mst_err
read_step(const mst_probe_options *options, size_t number, step *to, mst_errctx *ctx)
{
  mst_probe_options own = mst_probe_step(options, "steps", number);
  const char *name = mst_probe_text(&own, "name");
  char label[48];

  if (name)
    snprintf(to->name, sizeof to->name, "%s", name);
  else
    snprintf(to->name, sizeof to->name, "%zu", number);
  snprintf(label, sizeof label, "step %.32s: ", to->name);
  to->tries = (int)mst_probe_number(&own, "tries");
  to->pause_ns = mst_probe_duration(&own, "pause");
  to->file = mst_probe_text(&own, "file");
  to->contains = mst_probe_text(&own, "contains");
  if (!to->file == !mst_probe_text(&own, "url"))
    return mst_fail(ctx, MST_EUSAGE, "%sgive it either a url or a file", label);
  if (to->file && (!to->contains || to->file[0] != '/'))
    return mst_fail(ctx, MST_EUSAGE, "%sfile must be an absolute path, and contains what must stand in it", label);
  return to->file ? MST_OK : mst_exchange_open(&own, label, &to->spec, ctx);
}

static int
find_step(const config *scenario, const char *name, size_t length)
{
  for (size_t i = 0; i < scenario->step_count; i++)
    if (strncmp(scenario->steps[i].name, name, length) == 0 && scenario->steps[i].name[length] == '\0')
      return (int)i;
  return -1;
}

/* "parallel / serial" */
static mst_err
read_ratio(config *scenario, const char *field, const char *text, mst_errctx *ctx)
{
  const char *slash = strstr(text, " / ");
  int step_at = slash ? find_step(scenario, text, (size_t)(slash - text)) : -1;
  int of = slash ? find_step(scenario, slash + 3, strlen(slash + 3)) : -1;

  if (step_at < 0 || of < 0)
    return mst_fail(ctx, MST_EUSAGE, "ratios.%.64s: \"%.64s\" names no two steps; write STEP / STEP", field, text);
  scenario->ratios[scenario->ratio_count++] = (ratio){field, (size_t)step_at, (size_t)of};
  return MST_OK;
}

static mst_err
read_all(config *scenario, mst_errctx *ctx)
{
  const mst_probe_options *options = &scenario->options;
  const char *const *pairs = NULL, *duration_of = mst_probe_text(options, "duration_of");
  size_t steps = mst_probe_step_count(options, "steps"), count = mst_probe_texts(options, "ratios", &pairs);
  mst_err err = steps >= 1 && steps <= MST_PROBE_STEPS_MAX ? MST_OK : mst_fail(ctx, MST_EUSAGE, "it has no steps");

  for (size_t i = 0; i < steps && err == MST_OK; i++)
    err = read_step(options, i + 1, &scenario->steps[scenario->step_count++], ctx);
  for (size_t i = 0; i + 1 < count && err == MST_OK; i += 2)
    err = read_ratio(scenario, pairs[i], pairs[i + 1], ctx);
  scenario->duration_of = err == MST_OK && duration_of ? find_step(scenario, duration_of, strlen(duration_of)) : -1;
  if (err == MST_OK && duration_of && scenario->duration_of < 0)
    err = mst_fail(ctx, MST_EUSAGE, "duration_of: there is no step \"%.64s\"", duration_of);
  return err;
}

static mst_err
open_scenario(const mst_probe_options *options, void **ret_config, mst_errctx *ctx)
{
  config *scenario = mst_alloc(1, sizeof *scenario);

  if (!scenario)
    return mst_fail(ctx, MST_ENOMEM, "no memory for a probe");
  scenario->options = *options;
  mst_err err = read_all(scenario, ctx);
  if (err != MST_OK) {
    close_scenario(scenario);
    return err;
  }
  *ret_config = scenario;
  return MST_OK;
}

/* ---- the end ---- */

static void
free_when_closed(state *run)
{
  if (!run->is_session_closed || !run->is_pause_closed)
    return;
  mst_exchange_drop(run->exchange);
  mst_free(run);
}

static void
on_session_closed(void *arg)
{
  state *run = arg;

  run->is_session_closed = true;
  free_when_closed(run);
}

static void
on_pause_closed(uv_handle_t *handle)
{
  state *run = handle->data;

  run->is_pause_closed = true;
  free_when_closed(run);
}

static void
let_go(state *run)
{
  if (uv_is_closing((uv_handle_t *)&run->pause))
    return;
  mst_logged_abandon(run->logged);
  run->logged = NULL;
  uv_close((uv_handle_t *)&run->pause, on_pause_closed);
  mst_session_close(run->session);
}

static void
conclude(state *run, const char *reason)
{
  const config *scenario = run->config;

  mst_probe_value(run->attempt, "steps_done", (double)run->at);
  if (reason) {
    mst_probe_fail(run->attempt, "%s", reason);
    let_go(run);
    return;
  }
  for (size_t i = 0; i < scenario->ratio_count; i++) {
    const ratio *one = &scenario->ratios[i];
    if (run->took_ns[one->of] > 0)
      mst_probe_value(run->attempt, one->field, (double)run->took_ns[one->step] / (double)run->took_ns[one->of]);
  }
  if (scenario->duration_of >= 0)
    mst_probe_took(run->attempt, run->took_ns[scenario->duration_of]);
  mst_probe_pass(run->attempt);
  let_go(run);
}

/* ---- step by step ---- */

static void try_step(state *run);

static void
on_pause_over(uv_timer_t *timer)
{
  try_step(timer->data);
}

/* reason: NULL when the step is as it must be. */
static void
step_done(state *run, const char *reason, int64_t took_ns)
{
  const step *current = &run->config->steps[run->at];

  if (reason && ++run->tried < current->tries) {
    uv_update_time(run->pause.loop);
    (void)uv_timer_start(&run->pause, on_pause_over, (uint64_t)(current->pause_ns / MST_NS_PER_MS), 0);
    return;
  }
  if (reason) {
    conclude(run, reason);
    return;
  }
  run->took_ns[run->at++] = took_ns;
  run->tried = 0;
  if (run->at == run->config->step_count)
    conclude(run, NULL);
  else
    (void)uv_timer_start(&run->pause, on_pause_over, 0, 0); /* not within libcurl's callback */
}

static void
on_exchange(void *arg, const mst_exchange_result *result)
{
  state *run = arg;

  run->exchange = NULL; /* frees itself */
  step_done(run, result->is_ok ? NULL : result->reason, result->took_ns);
}

static void
on_logged(void *arg, const char *reason)
{
  state *run = arg;
  char text[MST_EXCHANGE_REASON_BYTES];

  run->logged = NULL;
  if (reason)
    snprintf(text, sizeof text, "step %.32s: %.200s", run->config->steps[run->at].name, reason);
  step_done(run, reason ? text : NULL, mst_probe_elapsed_ns(run->attempt) - run->step_began_ns);
}

static void
look_into_file(state *run, const step *current)
{
  mst_errctx why = {0};
  mst_buf wanted;
  char text[MST_EXCHANGE_REASON_BYTES];

  mst_buf_init(&wanted, MST_LOGGED_WANTED_MAX_BYTES);
  mst_err err = mst_vars_fill(mst_session_vars(run->session), current->contains, &wanted, NULL, &why);
  mst_probe_doing(run->attempt, "step %.32s: look into %.64s", current->name, current->file);
  run->step_began_ns = mst_probe_elapsed_ns(run->attempt);
  if (err == MST_OK) {
    run->logged = mst_logged_begin(run->attempt, run->config->options.root_fd, current->file, mst_buf_text(&wanted), on_logged, run);
    if (!run->logged) /* the attempt has failed with the reason */
      let_go(run);
  } else {
    snprintf(text, sizeof text, "step %.32s: %.200s", current->name, why.text);
    conclude(run, text);
  }
  mst_buf_done(&wanted);
}

static void
try_step(state *run)
{
  const step *current = &run->config->steps[run->at];

  if (current->file) {
    look_into_file(run, current);
    return;
  }
  const mst_exchange_setup setup = {
      .web = mst_session_web(run->session),
      .spec = current->spec,
      .vars = mst_session_vars(run->session),
      .clock = run->config->options.clock,
      .timeout_ns = mst_probe_left_ns(run->attempt) + MST_NS_PER_S, /* the prober's limit comes first */
      .attempt = run->attempt,
      .done = on_exchange,
      .arg = run,
  };
  mst_exchange *exchange = mst_exchange_begin(&setup);
  if (exchange)
    run->exchange = exchange;
}

static void
on_ready(void *arg)
{
  try_step(arg);
}

static void *
begin_scenario(void *opaque, mst_probe_attempt *attempt)
{
  config *scenario = opaque;
  state *run = mst_alloc(1, sizeof *run);

  if (!run) {
    mst_probe_fail(attempt, "no memory for a scenario");
    return NULL;
  }
  *run = (state){.config = scenario, .attempt = attempt};
  const mst_session_setup setup = {.attempt = attempt,
                                   .options = &scenario->options,
                                   .connections_max = 4, /* one for each of several hosts */
                                   .ready = on_ready,
                                   .closed = on_session_closed,
                                   .arg = run};
  run->session = mst_session_begin(&setup);
  if (!run->session) {
    mst_free(run);
    return NULL;
  }
  uv_timer_init(mst_probe_loop(attempt), &run->pause);
  run->pause.data = run;
  return run;
}

static void
stop_scenario(void *opaque)
{
  if (opaque)
    let_go(opaque);
}

const mst_probe_kind mst_probe_kind_scenario = {
    .schema = &mst_probe_schema_scenario,
    .open = open_scenario,
    .close = close_scenario,
    .begin = begin_scenario,
    .stop = stop_scenario,
};
