/* What goes with what in a `signal:` check: a combination that could never be judged, or that would not mean what it says, is an error when
 * the checklist is loaded and not a surprise after 48 hours. */
#include "measure_lint.h"

#include <math.h>
#include <string.h>

/* A key that a statistic needs, or does not know. */
static void
check_key(const mst_yaml_node *node, const mst_yaml_node *value, const char *key, bool wanted, const char *stat, const char *example,
          mst_diags *diags)
{
  if (wanted && !value)
    mst_yaml_complain(diags, node, "stat %s needs `%s:`, such as %s", stat, key, example);
  if (!wanted && value)
    mst_yaml_complain(diags, value, "`%s:` does not go with stat %s", key, stat);
}

static void
check_keys(const mst_yaml_node *node, const mst_measure_keys *keys, const mst_check_measure *measure, mst_diags *diags)
{
  mst_stat stat = measure->stat;
  bool shares = stat == MST_STAT_SHARE || stat == MST_STAT_TIME_IN_STATE;
  bool trends = stat == MST_STAT_SLOPE || stat == MST_STAT_CV;

  check_key(node, keys->of, "of", stat == MST_STAT_RATIO, keys->stat, "{signal: http.server.requests}", diags);
  check_key(node, keys->state, "state", shares, keys->stat, "\"is up\" or \"== 1\"", diags);
  if (!trends)
    check_key(node, keys->trend, "trend", false, keys->stat, "", diags);
  if (keys->weight == MST_WEIGHT_SAMPLES && stat != MST_STAT_RATIO && stat != MST_STAT_QUANTILE)
    mst_yaml_complain(diags, mst_yaml_node_get(node, "weight"), "`weight:` goes with ratio and quantiles only");
}

static void
check_combines(const mst_yaml_node *node, const mst_measure_keys *keys, const mst_check *check, mst_diags *diags)
{
  const mst_check_measure *measure = &check->measure;
  bool sums = measure->combine >= MST_COMBINE_SUM || measure->series >= MST_COMBINE_SUM;

  if (sums && !mst_stat_has_interval(measure->stat))
    mst_yaml_complain(diags, node, "stat %s cannot be added up or averaged over series or hosts; use each, any or a quorum", keys->stat);
  /* Bounds that could not be read have no type. */
  if (sums && check->bounds.target.type == MST_TARGET_TEXT)
    mst_yaml_complain(diags, node, "texts cannot be added up or averaged; use each, any or a quorum");
  if (measure->combine >= MST_COMBINE_SUM && measure->series < MST_COMBINE_SUM && measure->stat != MST_STAT_RATIO)
    mst_yaml_complain(diags, node, "combine %s needs one value a host: set `series:` to sum, avg, min or max", keys->combine);
  if (measure->stat == MST_STAT_RATIO && keys->series)
    mst_yaml_complain(diags, mst_yaml_node_get(node, "series"),
                      "a ratio takes all matching series of a host together; `series:` does not go with it");
  if (measure->stat == MST_STAT_RATIO && measure->combine == MST_COMBINE_SUM && !measure->weigh_samples)
    mst_yaml_complain(diags, node, "a ratio over all hosts together needs `weight: samples`; or combine the hosts' ratios with avg");
}

static bool
small(double end)
{
  return isinf(end) || fabs(end) <= 1;
}

/* Shares are between 0 and 1; "70" would always hold or never. */
static void
check_share_unit(const mst_target *target, const char *stat, const mst_yaml_node *node, mst_diags *diags)
{
  if (strcmp(target->unit, "1") == 0)
    return;
  if (target->unit[0] != '\0' || !small(target->set.lo) || !small(target->set.hi))
    mst_yaml_complain(diags, node, "\"%s\": stat %s gives a share between 0 and 1; write a percentage such as \"95%%\"", target->text,
                      stat);
}

static void
check_unit(const mst_target *target, const mst_check_measure *measure, const mst_measure_keys *keys, const mst_yaml_node *node,
           mst_diags *diags)
{
  const char *stat = keys->stat;
  bool per_time = strcmp(target->unit, "1/s") == 0 || strcmp(target->unit, "By/s") == 0;

  if (keys->baseline) {
    check_share_unit(target, "with a baseline", node, diags);
    return;
  }
  switch (measure->stat) {
  case MST_STAT_SHARE:
  case MST_STAT_CV:
    check_share_unit(target, stat, node, diags);
    break;
  case MST_STAT_RATIO:
    if (!measure->weigh_samples)
      check_share_unit(target, stat, node, diags);
    break;
  case MST_STAT_TIME_IN_STATE:
    if (strcmp(target->unit, "s") != 0)
      mst_yaml_complain(diags, node, "\"%s\": time_in_state gives a time; write for example \"< 300s\"", target->text);
    break;
  case MST_STAT_COUNT:
  case MST_STAT_PRESENT:
  case MST_STAT_CHANGES:
    if (target->unit[0] != '\0')
      mst_yaml_complain(diags, node, "\"%s\": stat %s gives a plain number", target->text, stat);
    break;
  case MST_STAT_RATE:
    if (!per_time && (target->set.lo != 0 || target->set.hi != 0))
      mst_yaml_complain(diags, node, "\"%s\": a rate is per time; write for example \"10/min\" or \"1MB/s\"", target->text);
    break;
  default:
    if (per_time && measure->stat == MST_STAT_INCREASE)
      mst_yaml_complain(diags, node, "\"%s\": increase gives an amount; for an amount per time use rate", target->text);
  }
}

static void
check_bounds(const mst_measure_keys *keys, const mst_check *check, mst_diags *diags)
{
  const mst_check_measure *measure = &check->measure;
  const mst_bounds *bounds = &check->bounds;
  bool parted = bounds->good.outside || bounds->fair.outside;

  if (bounds->target.type == MST_TARGET_TEXT) {
    if (measure->stat != MST_STAT_LAST)
      mst_yaml_complain(diags, keys->target, "\"%s\" asks for a text, which only stat last gives; use stat last, or write a number",
                        bounds->target.text);
    return;
  }
  if ((measure->stat == MST_STAT_QUANTILE || measure->stat == MST_STAT_SLOPE) && parted)
    mst_yaml_complain(diags, keys->target, "stat %s takes bounds without a hole: no != or outside, and no range as critical", keys->stat);
  if (measure->stat == MST_STAT_SLOPE && (bounds->good.hi < 0 || bounds->good.lo > 0 || bounds->fair.hi < 0 || bounds->fair.lo > 0))
    mst_yaml_complain(diags, keys->target, "\"%s\": a slope can be bounded (\"<= 0\", \"< 1%%/h\"), not asked for", bounds->target.text);
  check_unit(&bounds->target, measure, keys, keys->target, diags);
  if (keys->critical)
    check_unit(&bounds->critical, measure, keys, keys->critical, diags);
}

/* 0: the period is not known, and so the length is not. */
static int64_t
span_length(const mst_compile *compile, const mst_check_measure *measure)
{
  int64_t period = compile->list->file.period_ns;

  if (measure->span.type == MST_SPAN_HOURS)
    return measure->span.to_ns - measure->span.from_ns;
  return measure->span.type == MST_SPAN_SLIDING && period > 0 && measure->span.length_ns < period ? measure->span.length_ns : period;
}

/* A span without a sample in it would be NO_DATA for good. */
static void
check_every(const mst_yaml_node *node, const mst_compile *compile, const mst_check_measure *measure, mst_diags *diags)
{
  char every[MST_TIME_TEXT_BYTES], length[MST_TIME_TEXT_BYTES];
  int64_t span_ns = span_length(compile, measure);

  if (span_ns > 0 && measure->every_ns > span_ns)
    mst_yaml_complain(diags, mst_yaml_node_get(node, "every"),
                      "sampled every %s, a span of %s may hold no sample; set a longer `over:` or a shorter `every:`",
                      mst_duration_format(measure->every_ns, every), mst_duration_format(span_ns, length));
}

static void
check_trend(const mst_yaml_node *node, const mst_measure_keys *keys, const mst_compile *compile, const mst_check_measure *measure,
            mst_diags *diags)
{
  int64_t least = measure->stat == MST_STAT_SLOPE ? MST_SLOPE_LEAST_BUCKETS : MST_CV_LEAST_BUCKETS, length = span_length(compile, measure);
  char bucket[MST_TIME_TEXT_BYTES];

  if (measure->bucket_ns == 0 || length == 0)
    return;
  if (length / measure->bucket_ns < least)
    mst_yaml_complain(diags, keys->trend ? keys->trend : node,
                      "the span holds %lld buckets of %s; stat %s needs at least %lld: set a smaller trend.bucket",
                      (long long)(length / measure->bucket_ns), mst_duration_format(measure->bucket_ns, bucket), keys->stat,
                      (long long)least);
  if (length / measure->bucket_ns > MST_TREND_MOST_BUCKETS)
    mst_yaml_complain(diags, keys->trend ? keys->trend : node, "the span holds over %d buckets of %s: set a greater trend.bucket",
                      MST_TREND_MOST_BUCKETS, mst_duration_format(measure->bucket_ns, bucket));
  if (compile->list->file.period_ns / measure->bucket_ns > MST_TREND_MOST_STORED)
    mst_yaml_complain(diags, keys->trend ? keys->trend : node, "the period holds over %d buckets of %s: set a greater trend.bucket",
                      MST_TREND_MOST_STORED, mst_duration_format(measure->bucket_ns, bucket));
}

static void
check_baseline(const mst_measure_keys *keys, const mst_check_measure *measure, mst_diags *diags)
{
  if (keys->baseline && !mst_stat_has_interval(measure->stat))
    mst_yaml_complain(diags, keys->baseline, "stat %s cannot be compared with a baseline; use avg, max or last", keys->stat);
}

bool
mst_measure_lint(const mst_yaml_node *node, const mst_measure_keys *keys, mst_compile *compile, const mst_check *check,
                 const mst_measure_parts *parts)
{
  mst_diags *diags = compile->diags;
  size_t before = diags->count + diags->dropped;

  if (parts->stat) {
    check_keys(node, keys, &check->measure, diags);
    check_baseline(keys, &check->measure, diags);
  }
  if (parts->stat && parts->combines)
    check_combines(node, keys, check, diags);
  if (parts->stat && parts->bounds)
    check_bounds(keys, check, diags);
  if (parts->stat && parts->span && parts->trend)
    check_trend(node, keys, compile, &check->measure, diags);
  if (parts->span)
    check_every(node, compile, &check->measure, diags);
  return diags->count + diags->dropped == before;
}
