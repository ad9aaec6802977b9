/* The texts of a measure's result: what was measured, where it is worst, why the outcome is what it is. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "judged.h"

enum { SUBJECT_BYTES = 200 };

static const char *
host_name(const mst_measure_context *context, const mst_judged *judged)
{
  return judged->host == UINT32_MAX ? "" : context->evaluation->judge->hosts[judged->host].hostname;
}

/* "SIGNAL{device=sda,direction=read}" of the series that decided, or the signal alone. */
static void
series_name(const mst_check_measure *measure, const mst_judged *judged, char *buf, size_t size_bytes)
{
  const mst_series *series = judged->cell && judged->cell->family != &mst_family_ratio ? judged->cell->lineages[0].series : NULL;
  size_t at = (size_t)snprintf(buf, size_bytes, "%s", measure->signal);

  for (uint32_t i = 0; series && i < series->label_count && at < size_bytes; i++)
    at += (size_t)snprintf(buf + at, size_bytes - at, "%s%.*s=%.*s", i ? "," : "{", (int)series->labels[i].key.size_bytes,
                           series->labels[i].key.data, (int)series->labels[i].value.size_bytes, series->labels[i].value.data);
  if (series && series->label_count > 0 && at < size_bytes)
    snprintf(buf + at, size_bytes - at, "}");
}

static const char *
unit_of(const mst_check_measure *measure, const mst_judged *judged)
{
  const mst_series *series = judged->kin;

  if (judged->estimate.unit)
    return judged->estimate.unit;
  if (measure->stat == MST_STAT_RATIO)
    return measure->weigh_samples ? "" : "1";
  return series ? mst_stat_unit(measure->stat, series->unit) : mst_stat_unit(measure->stat, (mst_text){"", 0});
}

static void
name_stat(const mst_check_measure *measure, char buf[static 32])
{
  if (measure->stat != MST_STAT_QUANTILE)
    snprintf(buf, 32, "%s", mst_stat_name(measure->stat));
  else
    snprintf(buf, 32, "p%.6g", measure->quantile / 1000.0);
}

static void
write_value(const mst_measure_context *context, const mst_judged *judged, uint32_t hosts, mst_check_result *result)
{
  const mst_check_measure *measure = &context->check->measure;
  char number[48], stat[32];
  const char *host = hosts > 1 ? host_name(context, judged) : "";
  bool text = context->check->bounds.target.type == MST_TARGET_TEXT;

  if (!judged->estimate.known)
    return;
  name_stat(measure, stat);
  result->unit = unit_of(measure, judged);
  if (judged->estimate.text[0] != '\0' || text) {
    snprintf(result->value, sizeof result->value, "%s%s%s%s", judged->estimate.text, host[0] ? " (" : "", host, host[0] ? ")" : "");
    return;
  }
  result->number = judged->estimate.value;
  result->has_number = isfinite(result->number);
  mst_value_format(result->number, result->unit, number, sizeof number);
  snprintf(result->value, sizeof result->value, "%s (%s%s%s%s%s)", number, stat, judged->estimate.trend ? ", " : "",
           judged->estimate.trend ? judged->estimate.trend : "", host[0] ? ", " : "", host);
}

/* What the agent says of it, behind what the judge does. */
static void
add_excuse(const mst_judged *judged, mst_check_result *result)
{
  size_t length = strlen(result->reason);

  if (judged->cell && judged->cell->excuse)
    snprintf(result->reason + length, sizeof result->reason - length, "; its agent says: %s", judged->cell->excuse->text);
}

static void
explain_value(const mst_measure_context *context, const mst_judged *judged, const char *subject, uint32_t hosts, mst_check_result *result)
{
  const mst_bounds *bounds = &context->check->bounds;
  char window[MST_TIME_TEXT_BYTES], all[MST_TIME_TEXT_BYTES];
  int64_t window_ns = context->evaluation->judge->grid.window_ns;

  switch (judged->outcome) {
  case MST_PASS:
    snprintf(result->reason, sizeof result->reason, hosts > 1 ? "holds on %u hosts" : "holds", hosts);
    break;
  case MST_WARN:
    snprintf(result->reason, sizeof result->reason, "%s: past the target %s, not past critical %s", subject, bounds->target.text,
             bounds->critical.text);
    break;
  case MST_FAIL:
    snprintf(result->reason, sizeof result->reason, "%s: past %s %s", subject, bounds->critical.type ? "critical" : "the target",
             bounds->critical.type ? bounds->critical.text : bounds->target.text);
    break;
  default:
    if (judged->view.missing > 0)
      snprintf(result->reason, sizeof result->reason, "%s: %s of %s missing, and what they held could change the outcome", subject,
               mst_windows_format(judged->view.missing, window_ns, window), mst_windows_format(judged->view.expected, window_ns, all));
    else
      snprintf(result->reason, sizeof result->reason, "%s: not all samples could be read or counted, which could change the outcome",
               subject);
    add_excuse(judged, result);
  }
}

static void
explain_coverage(const mst_measure_context *context, const mst_judged *judged, const char *subject, mst_check_result *result)
{
  const mst_check_measure *measure = &context->check->measure;
  int64_t window_ns = context->evaluation->judge->grid.window_ns;
  char gap[MST_TIME_TEXT_BYTES], bound[MST_TIME_TEXT_BYTES];

  if (judged->why == MST_WHY_GAP)
    snprintf(result->reason, sizeof result->reason, "%s: a gap of %s; at most %s is borne", subject,
             mst_windows_format(judged->view.gap, window_ns, gap), mst_duration_format_short(measure->max_gap_ns, bound));
  else
    snprintf(result->reason, sizeof result->reason, "%s: %.4g %% of the windows are there; at least %.4g %% are asked for", subject,
             100.0 * (judged->view.expected - judged->view.missing) / judged->view.expected, 100 * measure->coverage);
  add_excuse(judged, result);
}

static void
explain_host(const mst_measure_context *context, const mst_judged *judged, mst_check_result *result)
{
  const mst_evaluation *evaluation = context->evaluation;
  const char *signal = context->check->measure.signal, *host = host_name(context, judged);
  char since[MST_TIME_TEXT_BYTES];

  if (judged->why == MST_WHY_SILENT) {
    int64_t last = evaluation->judge->hosts[judged->host].last_received_at.ns;
    if (last == 0)
      snprintf(result->reason, sizeof result->reason, "%s has sent nothing since the run began; is its agent up?", host);
    else
      snprintf(result->reason, sizeof result->reason, "%s is silent for %s; is its agent up?", host,
               mst_duration_format_short(evaluation->now.ns - last, since));
  } else if (judged->why == MST_WHY_REVOKED) {
    snprintf(result->reason, sizeof result->reason, "%s was revoked during the run", host);
  } else if (judged->why == MST_WHY_RELABELLED) {
    snprintf(result->reason, sizeof result->reason, "%s has other labels than when the run began", host);
  } else if (judged->why == MST_WHY_CROWD) {
    snprintf(result->reason, sizeof result->reason, "more series of %s on %s than can be judged; select fewer", signal, host);
  } else if (judged->host == UINT32_MAX) {
    snprintf(result->reason, sizeof result->reason, "no host measures %s; is its collector or probe in the plan?", signal);
  } else {
    snprintf(result->reason, sizeof result->reason, "no series %s that fits on %s; is its collector or probe in the plan?", signal, host);
  }
}

static void
explain_unfit(const mst_measure_context *context, const mst_judged *judged, mst_check_result *result)
{
  const mst_check_measure *measure = &context->check->measure;
  const mst_series *series = judged->cell ? judged->cell->lineages[0].series : NULL;
  char stat[32];

  name_stat(measure, stat);
  if (!series)
    return;
  if (judged->why == MST_WHY_KIND)
    snprintf(result->reason, sizeof result->reason, "%s is a %s: stat %s with this target does not go with it", measure->signal,
             mst_signal_kind_name(series->kind), stat);
  else
    snprintf(result->reason, sizeof result->reason, "the target %s is in another unit than %s (%.*s)", context->check->bounds.target.text,
             measure->signal, (int)series->unit.size_bytes, series->unit.data);
}

static void
explain_setting(const mst_measure_context *context, const mst_judged *judged, uint32_t hosts, mst_check_result *result)
{
  const mst_check_measure *measure = &context->check->measure;
  char bucket[MST_TIME_TEXT_BYTES];

  switch (judged->why) {
  case MST_WHY_NOT_BEGUN:
    if (measure->span.type == MST_SPAN_HOURS)
      snprintf(result->reason, sizeof result->reason, "begins %s after the run's start",
               mst_duration_format_short(measure->span.from_ns, bucket));
    else
      snprintf(result->reason, sizeof result->reason, "waits for the first window to be over");
    break;
  case MST_WHY_BUCKETS:
    snprintf(result->reason, sizeof result->reason, "%u of at least %u buckets of %s so far", judged->estimate.have, judged->estimate.need,
             mst_duration_format(measure->bucket_ns, bucket));
    break;
  case MST_WHY_BASELINE:
    snprintf(result->reason, sizeof result->reason, "no usable number %s in evidence %s to compare with; import it",
             measure->baseline.field, measure->baseline.evidence);
    break;
  case MST_WHY_NO_HOSTS:
    snprintf(result->reason, sizeof result->reason, "no host of the roster has the labels that `hosts:` asks for");
    break;
  case MST_WHY_FEW_HOSTS:
    snprintf(result->reason, sizeof result->reason, "%u hosts measure it; too few", hosts);
    break;
  default:
    snprintf(result->reason, sizeof result->reason, "fewer than %lld series of %s fit", (long long)measure->least_series, measure->signal);
  }
}

void
mst_measure_explain(const mst_measure_context *context, const mst_judged *judged, uint32_t hosts, mst_check_result *ret_result)
{
  mst_check_result result = {
      .outcome = judged->outcome, .host_count = hosts, .missing = judged->view.missing, .expected = judged->view.expected};
  char series[MST_RESULT_NAME_BYTES], subject[SUBJECT_BYTES];
  const char *host = host_name(context, judged);

  series_name(&context->check->measure, judged, series, sizeof series);
  snprintf(result.host, sizeof result.host, "%s", host);
  if (judged->cell)
    snprintf(result.series, sizeof result.series, "%s", series);
  snprintf(subject, sizeof subject, "%s%s%s", host, host[0] ? " " : "", series);
  write_value(context, judged, hosts, &result);
  switch (judged->why) {
  case MST_WHY_HOLDS:
  case MST_WHY_BOUND:
  case MST_WHY_MISSING:
    explain_value(context, judged, subject, hosts, &result);
    break;
  case MST_WHY_COVERAGE:
  case MST_WHY_GAP:
    explain_coverage(context, judged, subject, &result);
    break;
  case MST_WHY_NO_SERIES:
  case MST_WHY_SILENT:
  case MST_WHY_REVOKED:
  case MST_WHY_RELABELLED:
  case MST_WHY_CROWD:
    explain_host(context, judged, &result);
    break;
  case MST_WHY_NO_VALUE:
    snprintf(result.reason, sizeof result.reason, "%s: reported, but with nothing in it to judge", subject);
    break;
  case MST_WHY_KIND:
  case MST_WHY_UNIT:
    explain_unfit(context, judged, &result);
    break;
  default:
    explain_setting(context, judged, hosts, &result);
  }
  result.no_memory = judged->why == MST_WHY_MEMORY;
  result.settled_fail = judged->outcome == MST_FAIL && judged->ever == MST_GRADE_FAIL;
  *ret_result = result;
}
