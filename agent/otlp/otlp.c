/* The collector: reads its options, opens the listener, and tells what came. */
#include "collectors/otlp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mst/common/alloc.h>

#include "collectors/emit.h"
#include "server.h"

static const int64_t window_least_ns = MST_NS_PER_S, window_most_ns = 3600 * MST_NS_PER_S;
static const unsigned long body_least = 1024, body_most = 64UL * 1024 * 1024;

extern const mst_collector mst_otlp_collector;

typedef struct state {
  mst_otlp_wanted wanted;
  mst_otlp_book *book;
  mst_otlp_server *server;
  char window[MST_TIME_TEXT_BYTES]; /* for reasons */
} state;

/* The one value of an option; otherwise when it is not given. */
static mst_err
one_value(const mst_collector_env *env, const char *key, const char *otherwise, const char **ret_value, mst_errctx *ctx)
{
  const mst_option *option = mst_collector_option(env, key);

  if (option && option->value_count != 1)
    return mst_fail(ctx, MST_EUSAGE, "otlp: the option \"%s\" takes one value, %zu are given", key, option->value_count);
  *ret_value = option ? option->values[0] : otherwise;
  return MST_OK;
}

static mst_err
read_wanted(const mst_collector_env *env, mst_otlp_wanted *wanted, mst_errctx *ctx)
{
  static const char *const usual[] = {"service.name", "http.request.method|http.method|rpc.system|rpc.system.name|messaging.system"};
  const mst_option *required = mst_collector_option(env, "required_attributes");
  const char *const *values = required ? required->values : usual;
  const char *of = NULL;

  wanted->required_count = required ? required->value_count : sizeof usual / sizeof usual[0];
  if (wanted->required_count == 0 || wanted->required_count > MST_OTLP_REQUIRED_MAX)
    return mst_fail(ctx, MST_EUSAGE, "otlp: the option \"required_attributes\" names %zu attributes; 1 to %d are possible",
                    wanted->required_count, MST_OTLP_REQUIRED_MAX);
  memcpy(wanted->required, values, wanted->required_count * sizeof values[0]);
  mst_err err = one_value(env, "requests_metric", NULL, &wanted->requests_metric, ctx);
  if (err == MST_OK)
    err = one_value(env, "attributes_of", "entry", &of, ctx);
  if (err != MST_OK)
    return err;
  if (wanted->requests_metric && wanted->requests_metric[0] == '\0')
    wanted->requests_metric = NULL; /* an overlay's way to have none */
  if (strcmp(of, "entry") != 0 && strcmp(of, "all") != 0)
    return mst_fail(ctx, MST_EUSAGE, "otlp: the option \"attributes_of\" is \"%.60s\"; it may be entry or all", of);
  wanted->is_of_all = strcmp(of, "all") == 0;
  return MST_OK;
}

static mst_err
read_setup(const mst_collector_env *env, mst_otlp_server_setup *setup, int64_t *ret_window_ns, mst_errctx *ctx)
{
  const char *address = NULL, *window = NULL, *body_max = NULL;
  mst_err err = one_value(env, "address", "127.0.0.1:4318", &address, ctx);

  if (err == MST_OK)
    err = one_value(env, "window", "5m", &window, ctx);
  if (err == MST_OK)
    err = one_value(env, "body_max", "4194304", &body_max, ctx);
  if (err == MST_OK)
    err = mst_otlp_address_parse(address, setup, ctx);
  if (err != MST_OK)
    return err;
  err = mst_duration_parse(window, ret_window_ns, ctx);
  if (err != MST_OK)
    return mst_fail_within(ctx, err, "otlp: option \"window\"");
  if (*ret_window_ns < window_least_ns || *ret_window_ns > window_most_ns)
    return mst_fail(ctx, MST_EUSAGE, "otlp: the option \"window\" is \"%.40s\"; it may be from 1s to 1h", window);
  char *end = NULL;
  unsigned long most = strtoul(body_max, &end, 10);
  if (body_max[0] < '0' || body_max[0] > '9' || *end != '\0' || most < body_least || most > body_most)
    return mst_fail(ctx, MST_EUSAGE, "otlp: the option \"body_max\" is \"%.40s\"; it may be from %lu to %lu bytes", body_max, body_least,
                    body_most);
  setup->body_max = most;
  return MST_OK;
}

static void
close_otlp(void *opaque)
{
  state *st = opaque;

  if (!st)
    return;
  mst_otlp_server_stop(st->server);
  mst_otlp_book_destroy(st->book);
  mst_free(st);
}

static mst_err
open_otlp(const mst_collector_env *env, void **ret_state, mst_errctx *ctx)
{
  mst_otlp_server_setup setup = {.clock = env->clock};
  int64_t window_ns = 0;
  state *st = mst_alloc(1, sizeof *st);

  if (!st)
    return mst_fail(ctx, MST_ENOMEM, "otlp: no memory for its state");
  mst_err err = read_wanted(env, &st->wanted, ctx);
  if (err == MST_OK)
    err = read_setup(env, &setup, &window_ns, ctx);
  if (err == MST_OK) {
    mst_duration_format(window_ns, st->window);
    err = mst_otlp_book_create(&st->wanted, window_ns, env->clock, &st->book, ctx);
  }
  setup.wanted = &st->wanted;
  setup.book = st->book;
  if (err == MST_OK)
    err = mst_otlp_server_start(&setup, &st->server, ctx);
  if (err != MST_OK) {
    close_otlp(st);
    return err;
  }
  *ret_state = st;
  return MST_OK;
}

static void
give_counts(mst_emit *emit, const mst_otlp_view *view)
{
  for (int i = 0; i < MST_OTLP_STATUSES; i++)
    mst_emit_counter(emit, &mst_otlp_signals[MST_OTLP_SPANS], &(mst_tag){"status", mst_otlp_statuses[i]}, 1, view->since,
                     (double)view->spans[i]);
  mst_emit_counter(emit, &mst_otlp_signals[MST_OTLP_POINTS], NULL, 0, view->since, (double)view->points);
  for (int path = 0; path < MST_OTLP_PATHS; path++) {
    for (int outcome = 0; outcome < MST_OTLP_OUTCOMES; outcome++) {
      const mst_tag tags[] = {{"signal", mst_otlp_path_names[path]}, {"outcome", mst_otlp_outcome_names[outcome]}};

      if (path != MST_OTLP_NO_PATH || outcome == MST_OTLP_REFUSED)
        mst_emit_counter(emit, &mst_otlp_signals[MST_OTLP_REQUESTS], tags, 2, view->since, (double)view->requests[path][outcome]);
    }
  }
  for (int i = 0; i < MST_OTLP_REASONS; i++)
    mst_emit_counter(emit, &mst_otlp_signals[MST_OTLP_REJECTED], &(mst_tag){"reason", mst_otlp_reason_names[i]}, 1, view->since,
                     (double)view->rejected[i]);
}

static void
give_shares(mst_emit *emit, const state *st, const mst_otlp_view *view)
{
  const mst_signal *share = &mst_otlp_signals[MST_OTLP_SHARE];
  const mst_tag attributes = {"what", mst_otlp_shares[0]}, ids = {"what", mst_otlp_shares[1]};
  char reason[MST_REASON_MAX_BYTES + 1];

  snprintf(reason, sizeof reason, "no span%s came in the last %s", view->recent > 0 ? " of kind server or consumer" : "", st->window);
  if (view->held > 0)
    mst_emit_gauge(emit, share, &attributes, 1, (double)view->complete / (double)view->held);
  else
    mst_emit_absent(emit, share, &attributes, 1, reason);
  if (view->recent > 0)
    mst_emit_gauge(emit, share, &ids, 1, (double)view->with_ids / (double)view->recent);
  else
    mst_emit_absent(emit, share, &ids, 1, reason);
}

/* What a plan or a program must be changed for is an error; what only has to be waited for is absent. */
static void
give_sampling(mst_emit *emit, const state *st, const mst_otlp_view *view)
{
  const mst_signal *signal = &mst_otlp_signals[MST_OTLP_SAMPLING];
  const char *metric = st->wanted.requests_metric;
  char reason[MST_REASON_MAX_BYTES + 1] = "";

  switch (view->state) {
  case MST_OTLP_IS_KNOWN:
    mst_emit_gauge(emit, signal, NULL, 0, view->sampling);
    return;
  case MST_OTLP_NOT_ASKED:
    mst_emit_error(emit, signal, NULL, 0, "the plan gives the collector otlp no requests_metric to hold root spans against");
    return;
  case MST_OTLP_UNUSABLE:
    snprintf(reason, sizeof reason, "%.80s is neither a monotonic sum nor a histogram, delta or cumulative", metric);
    mst_emit_error(emit, signal, NULL, 0, reason);
    return;
  case MST_OTLP_NOT_ALL:
    snprintf(reason, sizeof reason, "%.80s has more series than the %d that are kept", metric, MST_OTLP_SERIES_MAX);
    mst_emit_error(emit, signal, NULL, 0, reason);
    return;
  case MST_OTLP_NEVER_CAME:
    snprintf(reason, sizeof reason, "the metric %.80s has not come yet", metric);
    break;
  case MST_OTLP_NO_REQUESTS:
    snprintf(reason, sizeof reason, "%.80s counted no requests in the last %s", metric, st->window);
    break;
  }
  mst_emit_absent(emit, signal, NULL, 0, reason);
}

static mst_err
sample_otlp(void *opaque, mst_sink *sink, mst_errctx *ctx)
{
  state *st = opaque;
  mst_emit emit = {.sink = sink, .ctx = ctx};
  mst_otlp_view view;

  mst_otlp_book_look(st->book, &view);
  give_counts(&emit, &view);
  give_shares(&emit, st, &view);
  give_sampling(&emit, st, &view);
  return emit.err;
}

const mst_collector mst_otlp_collector = {
    .name = "otlp",
    .open = open_otlp,
    .sample = sample_otlp,
    .close = close_otlp,
};
