/* What was measured, as JSON. */
#include "once_rows.h"

#include <math.h>
#include <string.h>

#include <jansson.h>

static json_t *
text_of(mst_text text)
{
  return json_stringn(text.data, text.size_bytes);
}

/* A whole number as one, so that nobody reads 2148.0 packets. */
static json_t *
number_of(double value)
{
  return fabs(value) < 9007199254740992.0 && value == trunc(value) ? json_integer((json_int_t)value) : json_real(value);
}

static json_t *
collectors_of(const mst_sampler *sampler)
{
  json_t *list = json_array();

  for (size_t i = 0; list && i < mst_sampler_collector_count(sampler); i++) {
    mst_collector_state state = mst_sampler_collector_at(sampler, i);
    json_t *entry = json_pack("{s:s, s:s, s:s, s:f}", "name", state.name, "state", state.state, "reason", state.reason, "duration_s",
                              (double)state.last_run_ns / 1e9);

    if (!entry || json_array_append_new(list, entry) != 0) {
      json_decref(list);
      return NULL;
    }
  }
  return list;
}

static int
set_distribution(json_t *entry, mst_bytes bytes, mst_errctx *ctx)
{
  mst_hist hist;

  if (mst_histogram_decode(bytes, &hist, ctx) != MST_OK)
    return -1;

  json_t *value = json_pack("{s:I, s:f}", "count", (json_int_t)hist.count, "sum", mst_fixed_to_double(hist.sum));
  int failed = !value;

  if (value && hist.count > 0) {
    failed |= json_object_set_new(value, "min", json_real(hist.min));
    failed |= json_object_set_new(value, "max", json_real(hist.max));
    failed |= json_object_set_new(value, "p50", json_real(mst_hist_quantile(&hist, 0.5)));
    failed |= json_object_set_new(value, "p95", json_real(mst_hist_quantile(&hist, 0.95)));
    failed |= json_object_set_new(value, "p99", json_real(mst_hist_quantile(&hist, 0.99)));
  }
  mst_hist_done(&hist);
  return failed | json_object_set_new(entry, "value", value);
}

static int
set_value(json_t *entry, const mst_once_row *row, const mst_series *series, mst_errctx *ctx)
{
  static const char *const statuses[] = {[MST_SAMPLE_OK] = "ok", [MST_SAMPLE_ABSENT] = "absent", [MST_SAMPLE_ERROR] = "error"};
  const mst_sample *sample = &row->sample;
  int failed = json_object_set_new(entry, "status", json_string(statuses[sample->status]));

  if (sample->status != MST_SAMPLE_OK)
    return failed | json_object_set_new(entry, "reason", text_of(sample->text));
  if (series->kind == MST_SIGNAL_STATE)
    return failed | json_object_set_new(entry, "value", text_of(sample->text));
  if (series->kind == MST_SIGNAL_DISTRIBUTION)
    return failed | set_distribution(entry, sample->histogram, ctx);
  failed |= json_object_set_new(entry, "value", number_of(sample->number));
  if (row->has_rate)
    failed |= json_object_set_new(entry, "rate", number_of(row->per_s));
  return failed;
}

static json_t *
series_of(const mst_sampler *sampler, const mst_once_row *row, mst_errctx *ctx)
{
  const mst_series *series = mst_sampler_series_at(sampler, row->id);
  char at[MST_TIME_TEXT_BYTES];
  json_t *entry = json_object(), *labels = json_object();
  int failed = !entry || !labels;

  for (uint32_t i = 0; !failed && i < series->label_count; i++)
    failed |= json_object_setn_new_nocheck(labels, series->labels[i].key.data, series->labels[i].key.size_bytes,
                                           text_of(series->labels[i].value));
  failed = failed || json_object_set_new(entry, "name", text_of(series->name));
  failed = failed || json_object_set_new(entry, "kind", json_string(mst_signal_kind_name(series->kind)));
  failed = failed || json_object_set_new(entry, "unit", text_of(series->unit));
  failed = failed || json_object_set_new(entry, "collector", json_string(mst_sampler_series_collector(sampler, row->id)));
  if (!failed && series->kind == MST_SIGNAL_COUNTER && series->start_at.ns > 0)
    failed = json_object_set_new(entry, "start_at", json_string(mst_wall_format(series->start_at, at)));
  failed = failed || json_object_set(entry, "labels", labels);
  failed = failed || set_value(entry, row, series, ctx);
  json_decref(labels);
  if (!failed)
    return entry;
  json_decref(entry);
  return NULL;
}

mst_err
mst_once_print_json(FILE *out, const mst_once_rows *rows, mst_errctx *ctx)
{
  json_t *document = json_object(), *list = json_array();
  int failed = !document || !list;
  mst_err err = MST_OK;

  (void)mst_fail(ctx, MST_ENOMEM, "no memory for the JSON document"); /* stands unless something below knows better */
  for (size_t i = 0; !failed && i < rows->count; i++)
    failed = json_array_append_new(list, series_of(rows->sampler, &rows->list[i], ctx));
  failed = failed || json_object_set_new(document, "version", json_string(MST_VERSION));
  failed = failed || json_object_set_new(document, "collectors", collectors_of(rows->sampler));
  failed = failed || json_object_set(document, "series", list);
  if (failed)
    err = MST_ENOMEM;
  else if (json_dumpf(document, out, JSON_INDENT(2) | JSON_REAL_PRECISION(15)) != 0 || fputc('\n', out) == EOF)
    err = mst_fail_errno(ctx, MST_EIO, "write what was measured");
  json_decref(list);
  json_decref(document);
  return err;
}
