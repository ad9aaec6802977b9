/* Reading a `signal:` check. What goes with what is checked in measure_lint.c. */
#include "measure_compile.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mst/common/alloc.h>

#include "measure_lint.h"

static const char *const weight_names[] = {"windows", "samples", NULL};

static const mst_config_field measure_fields[] = {
    {.key = "signal",
     .type = MST_CONFIG_STRING,
     .offset = offsetof(mst_measure_keys, signal),
     .required = true,
     .min = 1,
     .max = MST_SERIES_NAME_MAX_BYTES,
     .help = "Name of the signal"},
    {.key = "where", .type = MST_CONFIG_NODE, .offset = offsetof(mst_measure_keys, where), .help = "Label selectors of its series"},
    {.key = "stat", .type = MST_CONFIG_STRING, .offset = offsetof(mst_measure_keys, stat), .required = true, .help = "The statistic"},
    {.key = "over",
     .type = MST_CONFIG_NODE,
     .offset = offsetof(mst_measure_keys, over),
     .help = "period, hours A-B, or the last so much time (10m)"},
    {.key = "every",
     .type = MST_CONFIG_DURATION,
     .offset = offsetof(mst_measure_keys, every_ns),
     .max = 7 * 86400e9,
     .help = "How often at least it is sampled, where that is less than every window"},
    {.key = "hosts",
     .type = MST_CONFIG_NODE,
     .offset = offsetof(mst_measure_keys, hosts),
     .help = "all, measuring, or selectors of host labels"},
    {.key = "least_hosts",
     .type = MST_CONFIG_INTEGER,
     .offset = offsetof(mst_measure_keys, least_hosts),
     .default_text = "1",
     .min = 1,
     .max = 100000,
     .help = "Fewer hosts are NO_DATA"},
    {.key = "least_series",
     .type = MST_CONFIG_INTEGER,
     .offset = offsetof(mst_measure_keys, least_series),
     .default_text = "1",
     .min = 1,
     .max = 100000,
     .help = "Fewer series over all hosts are NO_DATA"},
    {.key = "series",
     .type = MST_CONFIG_STRING,
     .offset = offsetof(mst_measure_keys, series),
     .help = "How the series of one host combine: each, any, sum, avg, min, max"},
    {.key = "combine",
     .type = MST_CONFIG_STRING,
     .offset = offsetof(mst_measure_keys, combine),
     .default_text = "each",
     .help = "How hosts combine: each, any, sum, avg, min, max, quorum 2, quorum 50%"},
    {.key = "of", .type = MST_CONFIG_NODE, .offset = offsetof(mst_measure_keys, of), .help = "The whole of a ratio: signal, where"},
    {.key = "state",
     .type = MST_CONFIG_NODE,
     .offset = offsetof(mst_measure_keys, state),
     .help = "What counts for share and time_in_state"},
    {.key = "target", .type = MST_CONFIG_NODE, .offset = offsetof(mst_measure_keys, target), .required = true, .help = "What must hold"},
    {.key = "critical", .type = MST_CONFIG_NODE, .offset = offsetof(mst_measure_keys, critical), .help = "What must not be"},
    {.key = "coverage", .type = MST_CONFIG_RATIO, .offset = offsetof(mst_measure_keys, coverage), .help = "Overrides the policy's"},
    {.key = "max_gap", .type = MST_CONFIG_DURATION, .offset = offsetof(mst_measure_keys, max_gap_ns), .help = "Overrides the policy's"},
    {.key = "weight",
     .type = MST_CONFIG_ENUM,
     .offset = offsetof(mst_measure_keys, weight),
     .default_text = "windows",
     .names = weight_names,
     .help = "What weighs the same in ratios and quantiles"},
    {.key = "trend", .type = MST_CONFIG_NODE, .offset = offsetof(mst_measure_keys, trend), .help = "bucket, confidence of slope and cv"},
    {.key = "baseline", .type = MST_CONFIG_NODE, .offset = offsetof(mst_measure_keys, baseline), .help = "What the value is compared with"},
};
static const mst_config_schema measure_schema = {
    .name = "measure check",
    .struct_size_bytes = sizeof(mst_measure_keys),
    .fields = measure_fields,
    .field_count = sizeof measure_fields / sizeof measure_fields[0],
    .place_offset = MST_CONFIG_NO_PLACE,
};

typedef struct of_keys {
  char *signal;
  const mst_yaml_node *where;
} of_keys;
static const mst_config_field of_fields[] = {
    {.key = "signal",
     .type = MST_CONFIG_STRING,
     .offset = offsetof(of_keys, signal),
     .required = true,
     .min = 1,
     .max = MST_SERIES_NAME_MAX_BYTES,
     .help = "Name of the signal"},
    {.key = "where", .type = MST_CONFIG_NODE, .offset = offsetof(of_keys, where), .help = "Label selectors of its series"},
};
static const mst_config_schema of_schema = {
    .name = "of", .struct_size_bytes = sizeof(of_keys), .fields = of_fields, .field_count = 2, .place_offset = MST_CONFIG_NO_PLACE};

typedef struct trend_keys {
  int64_t bucket_ns;
  char *confidence;
} trend_keys;
static const mst_config_field trend_fields[] = {
    {.key = "bucket",
     .type = MST_CONFIG_DURATION,
     .offset = offsetof(trend_keys, bucket_ns),
     .default_text = "1h",
     .min = 1e9,
     .max = 7 * 86400e9,
     .help = "Its median stands for it"},
    {.key = "confidence",
     .type = MST_CONFIG_STRING,
     .offset = offsetof(trend_keys, confidence),
     .default_text = "95%",
     .help = "90%, 95%, 99% or 99.9%, one-sided"},
};
static const mst_config_schema trend_schema = {.name = "trend",
                                               .struct_size_bytes = sizeof(trend_keys),
                                               .fields = trend_fields,
                                               .field_count = 2,
                                               .place_offset = MST_CONFIG_NO_PLACE};

static const char *const as_names[] = {"reduction", "speedup", NULL};
static const mst_config_field baseline_fields[] = {
    {.key = "evidence",
     .type = MST_CONFIG_STRING,
     .offset = offsetof(mst_baseline, evidence),
     .required = true,
     .min = 1,
     .max = MST_CHECKLIST_MAX_TEXT_BYTES,
     .help = "Kind of the document"},
    {.key = "name", .type = MST_CONFIG_STRING, .offset = offsetof(mst_baseline, name), .default_text = "*", .help = "Its name, or a glob"},
    {.key = "field",
     .type = MST_CONFIG_STRING,
     .offset = offsetof(mst_baseline, field),
     .required = true,
     .min = 1,
     .max = MST_CHECKLIST_MAX_TEXT_BYTES,
     .help = "The number in it"},
    {.key = "as",
     .type = MST_CONFIG_ENUM,
     .offset = offsetof(mst_baseline, as),
     .default_text = "reduction",
     .names = as_names,
     .help = "1 - value / baseline, or baseline / value - 1"},
};
static const mst_config_schema baseline_schema = {.name = "baseline",
                                                  .struct_size_bytes = sizeof(mst_baseline),
                                                  .fields = baseline_fields,
                                                  .field_count = 4,
                                                  .place_offset = MST_CONFIG_NO_PLACE};

/* One-sided quantiles of the normal distribution, to the digits that a double holds. */
static const struct {
  const char *text;
  double z;
} confidences[] = {{"90%", 1.2815515655446004}, {"95%", 1.6448536269514722}, {"99%", 2.3263478740408408}, {"99.9%", 3.090232306167813}};

/* A message at the node of a key, or of the check where the key is absent. */
static const mst_yaml_node *
at(const mst_yaml_node *node, const char *key)
{
  const mst_yaml_node *value = mst_yaml_node_get(node, key);

  return value ? value : node;
}

static bool
read_quorum(const char *text, mst_check_measure *measure)
{
  char *end;
  double number = strtod(text, &end);

  if (end == text || !(number > 0))
    return false;
  if (strcmp(end, "%") == 0) {
    measure->quorum_ppm = (uint32_t)(number * 10000 + 0.5);
    return number <= 100;
  }
  measure->quorum = (int64_t)(number < 1e6 ? number : 1e6);
  return *end == '\0' && number == (double)measure->quorum;
}

static bool
read_combine(const mst_yaml_node *node, const char *key, const char *text, bool hosts, mst_check_measure *measure, mst_combine *ret_combine,
             mst_diags *diags)
{
  static const char *const names[] = {"each", "any", "quorum", "sum", "avg", "min", "max"};

  if (hosts && strncmp(text, "quorum ", 7) == 0 && read_quorum(text + 7, measure)) {
    *ret_combine = MST_COMBINE_QUORUM;
    return true;
  }
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    if (i != MST_COMBINE_QUORUM && strcmp(text, names[i]) == 0) {
      *ret_combine = (mst_combine)i;
      return true;
    }
  }
  mst_yaml_complain(diags, at(node, key), "\"%s\": no such way to combine; use each, any, sum, avg, min%s", text,
                    hosts ? ", max, \"quorum 2\" or \"quorum 50%\"" : " or max");
  return false;
}

static bool
read_combines(const mst_yaml_node *node, const mst_measure_keys *keys, mst_check_measure *measure, mst_diags *diags)
{
  bool fine = keys->combine && read_combine(node, "combine", keys->combine, true, measure, &measure->combine, diags);

  /* A sum over hosts of something that is one value a series is a sum over series too. */
  if (!keys->series && mst_yaml_node_get(node, "series"))
    return false;
  if (keys->series)
    return read_combine(node, "series", keys->series, false, measure, &measure->series, diags) && fine;
  measure->series = fine && measure->combine >= MST_COMBINE_SUM && measure->stat != MST_STAT_RATIO ? measure->combine : MST_COMBINE_EACH;
  return fine;
}

static bool
read_hosts(const mst_yaml_node *node, mst_check_measure *measure, mst_diags *diags)
{
  if (!node || mst_yaml_node_kind(node) != MST_YAML_SCALAR)
    return mst_select_parse(node, &measure->hosts, diags);
  measure->measuring = strcmp(mst_yaml_node_text(node), "measuring") == 0;
  if (measure->measuring || strcmp(mst_yaml_node_text(node), "all") == 0)
    return true;
  mst_yaml_complain(diags, node, "\"%s\": write all, measuring (those that have such a series) or selectors such as {role: api}",
                    mst_yaml_node_text(node));
  return false;
}

static bool
read_of(const mst_yaml_node *node, mst_check_measure *measure, mst_diags *diags)
{
  of_keys keys = {0};
  bool fine;

  if (!node)
    return true;
  fine = mst_config_map(node, &of_schema, &keys, diags);
  measure->of_signal = keys.signal;
  keys.signal = NULL;
  fine = mst_select_parse(keys.where, &measure->of_where, diags) && fine;
  mst_config_free(&of_schema, &keys);
  return fine;
}

static bool
read_trend(const mst_yaml_node *node, mst_check_measure *measure, mst_diags *diags)
{
  trend_keys keys = {0};
  bool fine;

  if (!node && measure->stat != MST_STAT_SLOPE && measure->stat != MST_STAT_CV)
    return true;
  fine = mst_config_map(node, &trend_schema, &keys, diags);
  measure->bucket_ns = keys.bucket_ns;
  for (size_t i = 0; keys.confidence && i < sizeof confidences / sizeof confidences[0]; i++)
    if (strcmp(keys.confidence, confidences[i].text) == 0)
      measure->significance = confidences[i].z;
  if (keys.confidence && measure->significance <= 0) {
    mst_yaml_complain(diags, at(node, "confidence"), "\"%s\": use 90%%, 95%%, 99%% or 99.9%%", keys.confidence);
    fine = false;
  }
  mst_config_free(&trend_schema, &keys);
  return fine;
}

static bool
read_stat(const mst_yaml_node *node, const mst_measure_keys *keys, mst_check_measure *measure, mst_diags *diags)
{
  if (!keys->stat)
    return false;
  if (mst_stat_parse(keys->stat, &measure->stat, &measure->quantile))
    return true;
  mst_yaml_complain(diags, at(node, "stat"), "no statistic \"%s\"; there are %s", keys->stat, mst_stat_names());
  return false;
}

/* A slope's bounds are written in a way of their own; where the statistic is not known, either way will do. */
static bool
read_bounds(const mst_measure_keys *keys, bool is_stat_known, mst_check *check, mst_diags *diags)
{
  bool slope = is_stat_known && check->measure.stat == MST_STAT_SLOPE;

  if (!keys->target)
    return false;
  if (!is_stat_known && mst_bounds_parse(keys->target, keys->critical, true, &check->bounds, NULL))
    return true;
  return mst_bounds_parse(keys->target, keys->critical, slope, &check->bounds, diags);
}

static bool
fill(const mst_yaml_node *node, mst_measure_keys *keys, mst_compile *compile, mst_check *check)
{
  mst_check_measure *measure = &check->measure;
  const mst_policy *policy = &compile->list->file.policy;
  mst_diags *diags = compile->diags;
  mst_measure_parts parts = {.stat = read_stat(node, keys, measure, diags)};

  measure->signal = keys->signal;
  keys->signal = NULL;
  measure->least_hosts = keys->least_hosts;
  measure->least_series = keys->least_series;
  measure->every_ns = keys->every_ns;
  measure->weigh_samples = keys->weight != MST_WEIGHT_WINDOWS;
  measure->needs_coverage =
      !mst_stat_is_momentary(measure->stat) && (!mst_stat_weighs_windows(measure->stat) || keys->coverage > 0 || keys->max_gap_ns > 0);
  measure->coverage = keys->coverage > 0 ? keys->coverage : policy->coverage;
  measure->max_gap_ns = keys->max_gap_ns > 0 ? keys->max_gap_ns : policy->max_gap_ns;
  bool fine = mst_select_parse(keys->where, &measure->where, diags);
  fine = read_hosts(keys->hosts, measure, diags) && fine;
  fine = read_of(keys->of, measure, diags) && fine;
  parts.span = mst_span_parse(keys->over, compile->list->file.period_ns, &measure->span, diags);
  parts.combines = read_combines(node, keys, measure, diags);
  parts.trend = read_trend(keys->trend, measure, diags);
  if (keys->state)
    fine = mst_target_parse(keys->state, mst_yaml_node_text(keys->state), false, &measure->state, diags) && fine;
  if (keys->baseline)
    fine = mst_config_map(keys->baseline, &baseline_schema, &measure->baseline, diags) && fine;
  parts.bounds = read_bounds(keys, parts.stat, check, diags);
  fine = fine && parts.stat && parts.span && parts.combines && parts.trend && parts.bounds;
  return mst_measure_lint(node, keys, compile, check, &parts) && fine;
}

bool
mst_measure_compile(const mst_yaml_node *node, mst_compile *compile, mst_check *check)
{
  mst_measure_keys keys = {.weight = MST_WEIGHT_WRONG};
  bool fine = mst_config_map(node, &measure_schema, &keys, compile->diags);

  fine = fill(node, &keys, compile, check) && fine;
  mst_config_free(&measure_schema, &keys);
  return fine;
}

void
mst_measure_done(mst_check *check)
{
  mst_check_measure *measure = &check->measure;

  mst_free(measure->signal);
  mst_select_done(&measure->where);
  mst_free(measure->of_signal);
  mst_select_done(&measure->of_where);
  mst_select_done(&measure->hosts);
  mst_target_done(&measure->state);
  mst_config_free(&baseline_schema, &measure->baseline);
}
