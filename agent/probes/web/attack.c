/* Probe kind attack; see proto/probes/attack.c. One request at a time: what is harmless, every attack, what is harmless again. */
#include <stdio.h>
#include <string.h>

#include <mst/common/alloc.h>

#include "exchange.h"
#include "kinds.h"
#include "session.h"

typedef struct config {
  mst_probe_options options;
  mst_exchange_spec *spec;
  const char *const *payloads; /* the options' */
  size_t payload_count;
  const char *control;
  mst_statuses blocked, accepted;
  pcre2_code *blocked_pattern; /* owned; NULL: none */
} config;

typedef struct state {
  const config *config;
  mst_probe_attempt *attempt;
  mst_session *session;
  mst_exchange *exchange; /* under way */
  uv_timer_t next;
  bool is_session_closed, is_timer_closed;
  size_t at; /* 0: the control, then the attacks from 1 on, then the control */
  size_t blocked, first_accepted;
} state;

static void
close_attack(void *opaque)
{
  config *attack = opaque;

  if (!attack)
    return;
  mst_exchange_close(attack->spec);
  pcre2_code_free(attack->blocked_pattern);
  mst_free(attack);
}

static mst_err
read_all(config *attack, mst_errctx *ctx)
{
  const mst_probe_options *options = &attack->options;
  const char *pattern = mst_probe_text(options, "blocked_matches");
  mst_err err = mst_exchange_open(options, "", &attack->spec, ctx);

  attack->control = mst_probe_text(options, "control");
  attack->payload_count = mst_probe_texts(options, "suite", &attack->payloads);
  if (attack->payload_count == 0)
    attack->payload_count = mst_probe_texts(options, "payloads", &attack->payloads);
  else if (mst_probe_has(options, "payloads"))
    return mst_fail(ctx, MST_EUSAGE, "give it a suite or payloads, not both");
  if (err == MST_OK && attack->payload_count == 0)
    err = mst_fail(ctx, MST_EUSAGE, "it has no attacks: give it a suite or payloads");
  if (err == MST_OK)
    err = mst_statuses_read(options, "blocked", &attack->blocked, ctx);
  if (err == MST_OK)
    err = mst_statuses_read(options, "accepted", &attack->accepted, ctx);
  if (err == MST_OK && pattern)
    err = mst_pattern_compile("blocked_matches", pattern, &attack->blocked_pattern, ctx);
  return err;
}

static mst_err
open_attack(const mst_probe_options *options, void **ret_config, mst_errctx *ctx)
{
  config *attack = mst_alloc(1, sizeof *attack);

  if (!attack)
    return mst_fail(ctx, MST_ENOMEM, "no memory for a probe");
  attack->options = *options;
  mst_err err = read_all(attack, ctx);
  if (err != MST_OK) {
    close_attack(attack);
    return err;
  }
  *ret_config = attack;
  return MST_OK;
}

/* ---- the end ---- */

static void
free_when_closed(state *run)
{
  if (!run->is_session_closed || !run->is_timer_closed)
    return;
  mst_exchange_drop(run->exchange);
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
  if (uv_is_closing((uv_handle_t *)&run->next))
    return;
  uv_close((uv_handle_t *)&run->next, on_timer_closed);
  mst_session_close(run->session);
}

static void
fail(state *run, const char *reason)
{
  mst_probe_fail(run->attempt, "%s", reason);
  let_go(run);
}

static void
conclude(state *run)
{
  const size_t attempts = run->config->payload_count;

  mst_probe_value(run->attempt, "blocked_ratio", (double)run->blocked / (double)attempts);
  if (run->first_accepted > 0) {
    mst_probe_value(run->attempt, "first_accepted", (double)run->first_accepted);
    mst_probe_fail(run->attempt, "%zu of %zu attacks were not refused, the first is number %zu", attempts - run->blocked, attempts,
                   run->first_accepted);
  } else {
    mst_probe_pass(run->attempt);
  }
  let_go(run);
}

/* ---- one by one ---- */

static bool
is_control(const state *run)
{
  return run->at == 0 || run->at > run->config->payload_count;
}

static bool
is_refused(const config *attack, const mst_web_answer *answer)
{
  if (mst_statuses_have(&attack->blocked, answer))
    return true;
  return answer->is_whole && attack->blocked_pattern &&
         mst_pattern_match(attack->blocked_pattern, answer->body, answer->body_bytes, NULL, 0) == 1;
}

/* NULL: on to the next one. Attacks are told by their number: their texts may be what a log must not hold. */
static const char *
judge(state *run, const mst_exchange_result *result, char text[static MST_EXCHANGE_REASON_BYTES])
{
  const config *attack = run->config;
  const mst_web_answer *answer = result->answer;
  char what[32], wanted[MST_WEB_TEXT_BYTES];
  bool is_closed_good = answer && !answer->is_whole && mst_statuses_have(&attack->blocked, answer);

  if (is_control(run))
    snprintf(what, sizeof what, "%s the attacks", run->at == 0 ? "before" : "after");
  else
    snprintf(what, sizeof what, "attack %zu", run->at);
  if (!answer || (!answer->is_whole && (is_control(run) || !is_closed_good))) {
    snprintf(text, MST_EXCHANGE_REASON_BYTES, "%s: %.200s", what, answer ? answer->failure : result->reason);
    return text;
  }
  if (is_control(run) && (!mst_statuses_have(&attack->accepted, answer) || is_refused(attack, answer))) {
    snprintf(text, MST_EXCHANGE_REASON_BYTES, "%s: what is harmless is answered with status %d, and must be accepted with %.60s", what,
             answer->status, mst_statuses_text(&attack->options, "accepted", wanted));
    return text;
  }
  if (!is_control(run) && is_refused(attack, answer))
    run->blocked++;
  else if (!is_control(run) && run->first_accepted == 0)
    run->first_accepted = run->at;
  return NULL;
}

static void on_next(uv_timer_t *timer);

static void
on_done(void *arg, const mst_exchange_result *result)
{
  state *run = arg;
  char text[MST_EXCHANGE_REASON_BYTES];

  run->exchange = NULL; /* frees itself */
  const char *reason = judge(run, result, text);
  mst_probe_value(run->attempt, "attempts", (double)(is_control(run) && run->at > 0 ? run->at - 1 : run->at));
  mst_probe_value(run->attempt, "blocked", (double)run->blocked);
  if (reason)
    fail(run, reason);
  else if (run->at++ > run->config->payload_count)
    conclude(run);
  else
    (void)uv_timer_start(&run->next, on_next, 0, 0); /* not within libcurl's callback */
}

static mst_err
set_payload(state *run, mst_errctx *ctx)
{
  const config *attack = run->config;
  mst_vars *vars = mst_session_vars(run->session);
  mst_buf filled;

  if (is_control(run))
    return mst_vars_set(vars, "payload", attack->control, false, ctx);
  mst_buf_init(&filled, MST_FILL_MAX_BYTES);
  mst_err err = mst_vars_fill(vars, attack->payloads[run->at - 1], &filled, NULL, ctx); /* {{fill:100000}} is an attack too */
  if (err == MST_OK)
    err = mst_vars_set(vars, "payload", mst_buf_text(&filled), false, ctx);
  mst_buf_done(&filled);
  return err;
}

static void
send_next(state *run)
{
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
      .arg = run,
  };

  if (set_payload(run, &why) != MST_OK) {
    fail(run, why.text);
    return;
  }
  mst_exchange *exchange = mst_exchange_begin(&setup);
  if (exchange)
    run->exchange = exchange;
}

static void
on_next(uv_timer_t *timer)
{
  send_next(timer->data);
}

static void
on_ready(void *arg)
{
  send_next(arg);
}

static void *
begin_attack(void *opaque, mst_probe_attempt *attempt)
{
  config *attack = opaque;
  state *run = mst_alloc(1, sizeof *run);

  if (!run) {
    mst_probe_fail(attempt, "no memory for attacks");
    return NULL;
  }
  *run = (state){.config = attack, .attempt = attempt};
  const mst_session_setup setup = {
      .attempt = attempt, .options = &attack->options, .connections_max = 1, .ready = on_ready, .closed = on_session_closed, .arg = run};
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
stop_attack(void *opaque)
{
  if (opaque)
    let_go(opaque);
}

const mst_probe_kind mst_probe_kind_attack = {
    .schema = &mst_probe_schema_attack,
    .open = open_attack,
    .close = close_attack,
    .begin = begin_attack,
    .stop = stop_attack,
};
