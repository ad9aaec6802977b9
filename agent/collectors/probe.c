/* Probes: what one gives, and its samples. How it measures is in agent/probes/. */
#include "probe.h"

#include <stdlib.h>
#include <string.h>

#include <mst/common/alloc.h>
#include <mst/proto/plan.h>

#include "emit.h"
#include "probes/prober.h"

const mst_signal mst_probe_signals[MST_PROBE_SIGNALS] = {
    [MST_PROBE_SIGNAL_DELAY] = {"muster.probe.delay", MST_SIGNAL_GAUGE, "s",
                                "How much later than it was due a run began; the longest since the last report"},
    [MST_PROBE_SIGNAL_DURATION] = {"muster.probe.duration", MST_SIGNAL_GAUGE, "s",
                                   "Time that the newest run took; the whole time limit when there was no answer; not given when it failed "
                                   "otherwise"},
    [MST_PROBE_SIGNAL_PHASE] = {"muster.probe.phase.duration", MST_SIGNAL_GAUGE, "s", "Time that a part of the newest run took"},
    [MST_PROBE_SIGNAL_REASON] = {"muster.probe.reason", MST_SIGNAL_STATE, "1", "Why the newest run failed; ok when it passed"},
    [MST_PROBE_SIGNAL_STATE] = {"muster.probe.state", MST_SIGNAL_STATE, "1", "A text that the newest run found, by field"},
    [MST_PROBE_SIGNAL_SUCCESS] = {"muster.probe.success", MST_SIGNAL_GAUGE, "1",
                                  "1 when the newest run passed, 0 when it failed; 0 also when any run since the last report failed"},
    [MST_PROBE_SIGNAL_VALUE] = {"muster.probe.value", MST_SIGNAL_GAUGE, "1",
                                "A figure that the newest run found, by field; its unit is the field's"},
    [MST_PROBE_SIGNAL_SCRAPE_TOTAL] = {"muster.scrape.total", MST_SIGNAL_COUNTER, "1",
                                       "What a counter that a probe scrapes has risen by since the agent sees it, its restarts included"},
    [MST_PROBE_SIGNAL_SCRAPE_VALUE] = {"muster.scrape.value", MST_SIGNAL_GAUGE, "1", "What a series that a probe scrapes stands at"},
};

/* One for each of mst_probe_units: series remember them for life. */
#define VALUE(unit)                                                                                                                        \
  {                                                                                                                                        \
    "muster.probe.value", MST_SIGNAL_GAUGE, unit, "A figure that the newest run found, by field"                                           \
  }
static const mst_signal values[] = {VALUE("1"), VALUE("s"), VALUE("By"), VALUE("d"), VALUE("1/s"), VALUE("%")};

const mst_signal *
mst_probe_value_signal(const char *unit)
{
  for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
    if (strcmp(values[i].unit, unit) == 0)
      return &values[i];
  return &values[0];
}

static const mst_option_help options[] = {
    {"kind", "none", "what the probe does: docs/probes.md lists the kinds"},
    {"every", "none", "ns from the beginning of one run to that of the next"},
    {"timeout", "none", "ns that one attempt may take"},
    {"retries", "0", "further attempts of a run after one that failed"},
    {"o.*", "none", "the options of its kind"},
};

typedef struct state {
  mst_probe *probe;
  const mst_probe_schema *schema;
  const char *name;
} state;

/* All probes of the process share one thread. Loop thread. */
static mst_prober *shared;
static unsigned shared_users;

static mst_err
take_prober(mst_errctx *ctx)
{
  mst_err err = shared ? MST_OK : mst_prober_create(&shared, ctx);

  if (err == MST_OK)
    shared_users++;
  return err;
}

static void
give_prober_back(void)
{
  if (--shared_users > 0)
    return;
  mst_prober_destroy(shared);
  shared = NULL;
}

static const char *
text_of(const mst_collector_env *env, const char *key)
{
  const mst_option *option = mst_collector_option(env, key);

  return option && option->value_count == 1 ? option->values[0] : "";
}

static mst_err
read_number(const mst_collector_env *env, const char *key, int64_t least, int64_t *ret_number, mst_errctx *ctx)
{
  const char *text = text_of(env, key);
  char *end = NULL;

  *ret_number = strtoll(text, &end, 10);
  if (end == text || *end != '\0' || *ret_number < least || *ret_number > MST_PLAN_MAX_PERIOD_NS)
    return mst_fail(ctx, MST_EUSAGE, "option %s: \"%.32s\" is no whole number from %lld up", key, text, (long long)least);
  return MST_OK;
}

static bool
is_given(const mst_option *list, size_t count, const char *key)
{
  size_t length = strlen(key);

  for (size_t i = 0; i < count; i++)
    if (strncmp(list[i].key, key, length) == 0 && (list[i].key[length] == '\0' || list[i].key[length] == '.') && list[i].value_count > 0)
      return true;
  return false;
}

/* The kind's own options, each held against the kind's table: the controller did so, but a plan is data from outside. */
static mst_err
read_options(const mst_collector_env *env, const mst_probe_schema *schema, mst_option *ret_options, size_t *ret_count, mst_errctx *ctx)
{
  for (size_t i = 0; i < env->option_count; i++) {
    const mst_option *option = &env->options[i];
    if (strncmp(option->key, "o.", 2) != 0)
      continue;
    const mst_probe_option *known = mst_probe_schema_option(schema, option->key + 2);
    if (!known)
      return mst_fail(ctx, MST_EUSAGE, "kind %s has no option \"%.60s\"; update the agent or the plan", schema->name, option->key + 2);
    for (size_t k = 0; k < option->value_count; k++) {
      bool is_name = (known->type == MST_PROBE_MAP || known->type == MST_PROBE_SECRETS) && k % 2 == 0;
      mst_err err = is_name ? MST_OK : mst_probe_scalar_check(known, option->values[k], ctx);
      if (err != MST_OK)
        return mst_fail_within(ctx, err, "option %s", known->key);
    }
    ret_options[*ret_count] = *option;
    ret_options[(*ret_count)++].key = option->key + 2;
  }
  for (size_t i = 0; i < schema->option_count; i++)
    if (schema->options[i].is_required && !is_given(ret_options, *ret_count, schema->options[i].key))
      return mst_fail(ctx, MST_EUSAGE, "kind %s needs option %s", schema->name, schema->options[i].key);
  return MST_OK;
}

static mst_err
add(const mst_collector_env *env, state *probe, const mst_option *own, size_t own_count, mst_errctx *ctx)
{
  mst_probe_setup setup = {.options = {.name = env->instance,
                                       .schema = probe->schema,
                                       .options = own,
                                       .option_count = own_count,
                                       .root_fd = env->root_fd,
                                       .clock = env->clock,
                                       .allow = env->allow}};
  int64_t retries = 0;
  mst_err err = mst_probe_kind_find(probe->schema->name, &setup.kind, ctx);

  if (err == MST_OK)
    err = read_number(env, "every", MST_NS_PER_MS, &setup.every_ns, ctx);
  if (err == MST_OK)
    err = read_number(env, "timeout", MST_NS_PER_MS, &setup.options.timeout_ns, ctx);
  if (err == MST_OK)
    err = read_number(env, "retries", 0, &retries, ctx);
  if (err == MST_OK && retries > MST_PROBE_RETRIES_MAX)
    err = mst_fail(ctx, MST_EUSAGE, "option retries: at most %d are possible", MST_PROBE_RETRIES_MAX);
  setup.retries = (int)retries;
  if (err == MST_OK)
    err = take_prober(ctx);
  if (err != MST_OK)
    return err;
  err = mst_prober_add(shared, &setup, &probe->probe, ctx);
  if (err != MST_OK)
    give_prober_back();
  return err;
}

static mst_err
open_probe(const mst_collector_env *env, void **ret_state, mst_errctx *ctx)
{
  const mst_probe_schema *schema = mst_probe_schema_find(text_of(env, "kind"));

  if (!schema)
    return mst_fail(ctx, MST_EUSAGE, "this agent has no probes of kind \"%.60s\"; update the agent or the plan", text_of(env, "kind"));
  state *probe = mst_alloc(1, sizeof *probe);
  mst_option *own = mst_alloc(env->option_count ? env->option_count : 1, sizeof *own);
  size_t own_count = 0;
  mst_err err = probe && own ? MST_OK : mst_fail(ctx, MST_ENOMEM, "no memory for probe %s", env->instance);
  if (err == MST_OK)
    err = read_options(env, schema, own, &own_count, ctx);
  if (err == MST_OK) {
    probe->schema = schema;
    probe->name = env->instance;
    err = add(env, probe, own, own_count, ctx);
  }
  mst_free(own);
  if (err != MST_OK) {
    mst_free(probe);
    return err;
  }
  *ret_state = probe;
  return MST_OK;
}

static void
close_probe(void *opaque)
{
  state *probe = opaque;

  mst_prober_remove(shared, probe->probe);
  give_prober_back();
  mst_free(probe);
}

/* "metric\nlabel\nvalue\n..." */
static void
give_series(const state *probe, mst_probe_figure *figure, mst_emit *emit)
{
  mst_tag tags[2 + MST_PROBE_SERIES_LABELS_MAX] = {{"probe", probe->name}, {"metric", ""}};
  size_t count = 1;
  char *rest = figure->text, *part;

  tags[count++].value = strsep(&rest, "\n");
  while (count < sizeof tags / sizeof tags[0] && (part = strsep(&rest, "\n")) && rest)
    tags[count++] = (mst_tag){part, strsep(&rest, "\n")};
  if (figure->kind == MST_PROBE_FIGURE_TOTAL)
    mst_emit_counter(emit, &mst_probe_signals[MST_PROBE_SIGNAL_SCRAPE_TOTAL], tags, count, figure->start_at, figure->value);
  else
    mst_emit_gauge(emit, &mst_probe_signals[MST_PROBE_SIGNAL_SCRAPE_VALUE], tags, count, figure->value);
}

static void
give_figures(const state *probe, const mst_probe_result *result, mst_emit *emit)
{
  mst_tag tags[] = {{"probe", probe->name}, {"field", NULL}};

  for (size_t i = 0; i < result->figure_count; i++) {
    const mst_probe_figure *figure = &result->figures[i];
    if (figure->kind == MST_PROBE_FIGURE_SERIES || figure->kind == MST_PROBE_FIGURE_TOTAL) {
      give_series(probe, &result->figures[i], emit);
      continue;
    }
    const mst_probe_field *field = mst_probe_schema_field(probe->schema, figure->name);
    tags[1] = (mst_tag){figure->kind == MST_PROBE_FIGURE_PHASE ? "phase" : "field", figure->name};
    if (figure->kind == MST_PROBE_FIGURE_PHASE)
      mst_emit_gauge(emit, &mst_probe_signals[MST_PROBE_SIGNAL_PHASE], tags, 2, figure->value);
    else if (figure->kind == MST_PROBE_FIGURE_STATE)
      mst_emit_state(emit, &mst_probe_signals[MST_PROBE_SIGNAL_STATE], tags, 2, figure->text);
    else
      mst_emit_gauge(emit,
                     mst_probe_value_signal(figure->unit           ? figure->unit
                                            : field && field->unit ? field->unit
                                                                   : "1"),
                     tags, 2, figure->value);
  }
}

static void
give(const state *probe, const mst_probe_result *result, mst_emit *emit)
{
  const mst_tag tag = {"probe", probe->name};

  mst_emit_gauge(emit, &mst_probe_signals[MST_PROBE_SIGNAL_SUCCESS], &tag, 1, result->is_ok ? 1 : 0);
  mst_emit_state(emit, &mst_probe_signals[MST_PROBE_SIGNAL_REASON], &tag, 1, result->is_ok ? "ok" : result->reason);
  mst_emit_gauge(emit, &mst_probe_signals[MST_PROBE_SIGNAL_DELAY], &tag, 1, (double)result->delay_ns / 1e9);
  if (result->is_timed)
    mst_emit_gauge(emit, &mst_probe_signals[MST_PROBE_SIGNAL_DURATION], &tag, 1, (double)result->took_ns / 1e9);
  else
    mst_emit_error(emit, &mst_probe_signals[MST_PROBE_SIGNAL_DURATION], &tag, 1, result->reason);
  give_figures(probe, result, emit);
}

static mst_err
sample_probe(void *opaque, mst_sink *sink, mst_errctx *ctx)
{
  const state *probe = opaque;
  mst_emit emit = {.sink = sink, .ctx = ctx};
  mst_probe_result result;
  int64_t late_ns = 0;
  char late[MST_TIME_TEXT_BYTES];
  mst_err err = mst_probe_take(probe->probe, &result, ctx);

  if (err != MST_OK)
    return err;
  if (mst_probe_is_overdue(probe->probe, &result, &late_ns)) {
    mst_probe_result_done(&result);
    return mst_fail(ctx, MST_ETIMEOUT, "no run of it has ended for %s: the agent's prober is behind",
                    mst_duration_format_short(late_ns, late));
  }
  if (result.runs > 0)
    give(probe, &result, &emit);
  mst_probe_result_done(&result);
  return emit.err;
}

static mst_err
withhold(const mst_collector_env *env, const char *reason, mst_sink *sink, mst_errctx *ctx)
{
  const mst_probe_schema *schema = mst_probe_schema_find(text_of(env, "kind"));
  mst_emit emit = {.sink = sink, .ctx = ctx};
  mst_tag tags[] = {{"probe", env->instance}, {"field", NULL}};

  mst_emit_error(&emit, &mst_probe_signals[MST_PROBE_SIGNAL_SUCCESS], tags, 1, reason);
  mst_emit_error(&emit, &mst_probe_signals[MST_PROBE_SIGNAL_DURATION], tags, 1, reason);
  mst_emit_error(&emit, &mst_probe_signals[MST_PROBE_SIGNAL_REASON], tags, 1, reason);
  for (size_t i = 0; schema && i < schema->field_count; i++) {
    const mst_probe_field *field = &schema->fields[i];
    tags[1].value = field->name;
    if (!strchr(field->name, '*'))
      mst_emit_error(&emit, field->unit ? mst_probe_value_signal(field->unit) : &mst_probe_signals[MST_PROBE_SIGNAL_STATE], tags, 2,
                     reason);
  }
  return emit.err;
}

const mst_collector mst_collector_probe = {
    .name = "probe",
    .help = "What probes find: whether they pass, why not, how long they take, and figures of their kinds",
    .deadline_ns = 20 * MST_NS_PER_MS,
    .signals = mst_probe_signals,
    .signal_count = MST_PROBE_SIGNALS,
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .open = open_probe,
    .sample = sample_probe,
    .close = close_probe,
    .withhold = withhold,
    .needs_options = true,
};
