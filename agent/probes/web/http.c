/* Probe kind http; see proto/probes/http.c. */
#include <string.h>

#include <mst/common/alloc.h>

#include "exchange.h"
#include "kinds.h"
#include "session.h"

typedef struct config {
  mst_probe_options options;
  mst_exchange_spec *spec;
} config;

typedef struct state {
  const config *config;
  mst_probe_attempt *attempt;
  mst_session *session;
  mst_exchange *exchange; /* under way */
} state;

static void
close_http(void *opaque)
{
  config *http = opaque;

  mst_exchange_close(http->spec);
  mst_free(http);
}

static mst_err
open_http(const mst_probe_options *options, void **ret_config, mst_errctx *ctx)
{
  config *http = mst_alloc(1, sizeof *http);

  if (!http)
    return mst_fail(ctx, MST_ENOMEM, "no memory for a probe");
  http->options = *options;
  mst_err err = mst_exchange_open(options, "", &http->spec, ctx);
  if (err != MST_OK) {
    mst_free(http);
    return err;
  }
  *ret_config = http;
  return MST_OK;
}

static void
on_closed(void *arg)
{
  state *http = arg;

  mst_exchange_drop(http->exchange);
  mst_free(http);
}

/* Phases lie between curl's times, which all run from the beginning; those that did not come are left out. */
static void
give_phases(mst_probe_attempt *attempt, const mst_web_answer *answer)
{
  int64_t connected = answer->connected_ns, secured = answer->secured_ns > 0 ? answer->secured_ns : connected;

  if (answer->resolved_ns > 0 && !answer->is_reused)
    mst_probe_phase_took(attempt, "resolve", answer->resolved_ns);
  if (connected > 0 && !answer->is_reused)
    mst_probe_phase_took(attempt, "connect", connected - answer->resolved_ns);
  if (answer->secured_ns > 0 && !answer->is_reused)
    mst_probe_phase_took(attempt, "tls", answer->secured_ns - connected);
  if (answer->first_byte_ns > 0) {
    mst_probe_phase_took(attempt, "first_byte", answer->first_byte_ns - secured);
    mst_probe_phase_took(attempt, "transfer", answer->total_ns - answer->first_byte_ns);
  }
}

static void
give_answer(mst_probe_attempt *attempt, const mst_web_answer *answer, const mst_clock *clock)
{
  static const struct {
    int number;
    const char *text;
  } versions[] = {{10, "1.0"}, {11, "1.1"}, {20, "2"}};

  give_phases(attempt, answer);
  if (answer->expires_ns > 0)
    mst_probe_value(attempt, "days_left", (double)(answer->expires_ns - mst_clock_wall(clock).ns) / 1e9 / 86400);
  if (answer->status == 0)
    return;
  mst_probe_value(attempt, "status", answer->status);
  mst_probe_value(attempt, "body_bytes", (double)answer->body_bytes);
  for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++)
    if (versions[i].number == answer->version)
      mst_probe_state(attempt, "http_version", versions[i].text);
}

static void
on_done(void *arg, const mst_exchange_result *result)
{
  state *http = arg;

  http->exchange = NULL; /* frees itself */
  if (result->answer)
    give_answer(http->attempt, result->answer, http->config->options.clock);
  mst_probe_value(http->attempt, "redirections", result->redirections);
  if (result->is_ok)
    mst_probe_pass(http->attempt);
  else
    mst_probe_fail(http->attempt, "%s", result->reason);
  mst_session_close(http->session);
}

static void
on_ready(void *arg)
{
  state *http = arg;
  const mst_exchange_setup setup = {
      .web = mst_session_web(http->session),
      .spec = http->config->spec,
      .vars = mst_session_vars(http->session),
      .clock = http->config->options.clock,
      .timeout_ns = mst_probe_left_ns(http->attempt) + MST_NS_PER_S, /* the prober's limit comes first, and says what was being done */
      .attempt = http->attempt,
      .done = on_done,
      .arg = http,
  };

  mst_exchange *exchange = mst_exchange_begin(&setup);
  if (exchange)
    http->exchange = exchange;
}

static void *
begin_http(void *opaque, mst_probe_attempt *attempt)
{
  config *http = opaque;
  state *made = mst_alloc(1, sizeof *made);

  if (!made) {
    mst_probe_fail(attempt, "no memory for a request");
    return NULL;
  }
  *made = (state){.config = http, .attempt = attempt};
  const mst_session_setup setup = {
      .attempt = attempt, .options = &http->options, .connections_max = 1, .ready = on_ready, .closed = on_closed, .arg = made};
  made->session = mst_session_begin(&setup);
  if (made->session)
    return made;
  mst_free(made);
  return NULL;
}

static void
stop_http(void *opaque)
{
  state *http = opaque;

  if (http)
    mst_session_close(http->session);
}

const mst_probe_kind mst_probe_kind_http = {
    .schema = &mst_probe_schema_http,
    .open = open_http,
    .close = close_http,
    .begin = begin_http,
    .stop = stop_http,
};
