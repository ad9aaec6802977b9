/* Reading reports and histograms. */
#include <mst/proto/report.h>

#include <string.h>

#include <mst/common/alloc.h>

enum { REPORT_FIELDS = 3, HEADER_FIELDS = 9, EVENT_FIELDS = 7, HISTOGRAM_FIELDS = 9, HISTOGRAM_MAX_BYTES = 64 + 2 * MST_HIST_MAX_BUCKETS * 9 };

#define INTERVAL_MAX_NS (3600 * MST_NS_PER_S)

static mst_err
read_header(mst_cursor *cursor, mst_report_header *header, mst_errctx *ctx)
{
  uint64_t definitions = 0;
  uint32_t fields;
  mst_bytes plan = {0};

  mst_err err = mst_cursor_array(cursor, "report header", HEADER_FIELDS, HEADER_FIELDS, &fields, ctx);
  if (err == MST_OK)
    err = mst_cursor_int(cursor, "report time", &header->at.ns, ctx);
  if (err == MST_OK)
    err = mst_cursor_int(cursor, "report interval", &header->interval_ns, ctx);
  if (err == MST_OK)
    err = mst_cursor_uint(cursor, "number of definitions", MST_SERIES_MAX, &definitions, ctx);
  if (err == MST_OK && !mst_cursor_nil(cursor)) {
    header->offset_known = true;
    err = mst_cursor_int(cursor, "clock offset", &header->offset_ns, ctx);
  }
  if (err == MST_OK)
    err = mst_cursor_bin(cursor, "plan digest", 0, MST_DIGEST_BYTES, &plan, ctx);
  if (err == MST_OK)
    err = mst_cursor_uint(cursor, "spool records", INT64_MAX, &header->spool_records, ctx);
  if (err == MST_OK)
    err = mst_cursor_uint(cursor, "spool bytes", INT64_MAX, &header->spool_bytes, ctx);
  if (err == MST_OK)
    err = mst_cursor_uint(cursor, "lost records", INT64_MAX, &header->lost_records, ctx);
  if (err == MST_OK)
    err = mst_cursor_uint(cursor, "lost samples", INT64_MAX, &header->lost_samples, ctx);
  if (err != MST_OK)
    return err;
  header->definitions = (uint32_t)definitions;
  if (plan.size_bytes != 0 && plan.size_bytes != MST_DIGEST_BYTES)
    return mst_fail(ctx, MST_EMALFORMED, "plan digest of %zu bytes", plan.size_bytes);
  if (plan.size_bytes > 0)
    memcpy(header->plan.bytes, plan.data, MST_DIGEST_BYTES);
  if (header->at.ns <= 0 || header->interval_ns <= 0 || header->interval_ns > INTERVAL_MAX_NS)
    return mst_fail(ctx, MST_EMALFORMED, "report time %lld or interval %lld out of range", (long long)header->at.ns, (long long)header->interval_ns);
  return MST_OK;
}

static mst_err
read_missing(mst_cursor *cursor, mst_sample *sample, mst_errctx *ctx)
{
  uint64_t status = 0;
  uint32_t fields;
  mst_err err = mst_cursor_array(cursor, "missing sample", 2, 2, &fields, ctx);

  if (err == MST_OK)
    err = mst_cursor_uint(cursor, "sample status", MST_SAMPLE_ERROR, &status, ctx);
  if (err == MST_OK && status == MST_SAMPLE_OK)
    err = mst_fail(ctx, MST_EMALFORMED, "a missing sample with status ok");
  sample->status = (mst_sample_status)status;
  sample->kind = MST_SIGNAL_GAUGE;
  return err == MST_OK ? mst_cursor_text(cursor, "reason", MST_REASON_MAX_BYTES, &sample->text, ctx) : err;
}

/* What comes next decides: a number, a text, binary data or [status, reason]. */
static mst_err
read_sample(mst_cursor *cursor, uint32_t definitions, mst_sample *ret_sample, mst_errctx *ctx)
{
  mst_sample sample = {.kind = MST_SIGNAL_GAUGE};
  uint64_t id;
  mst_err err = mst_cursor_uint(cursor, "series id", MST_SERIES_MAX - 1, &id, ctx);

  if (err != MST_OK)
    return err;
  if (id >= definitions)
    return mst_fail(ctx, MST_EMALFORMED, "sample of series %llu, but only %u are defined", (unsigned long long)id, definitions);
  sample.id = (uint32_t)id;
  uint8_t head = cursor->at < cursor->end ? *cursor->at : 0xc1;
  if (head == 0x92) {
    err = read_missing(cursor, &sample, ctx);
  } else if (head >= 0xc4 && head <= 0xc6) {
    sample.kind = MST_SIGNAL_DISTRIBUTION;
    err = mst_cursor_bin(cursor, "histogram", 1, HISTOGRAM_MAX_BYTES, &sample.histogram, ctx);
  } else if ((head & 0xe0) == 0xa0 || (head >= 0xd9 && head <= 0xdb)) {
    sample.kind = MST_SIGNAL_STATE;
    err = mst_cursor_text(cursor, "state", MST_STATE_MAX_BYTES, &sample.text, ctx);
  } else {
    err = mst_cursor_number(cursor, "sample", &sample.number, ctx);
  }
  if (err == MST_OK)
    *ret_sample = sample;
  return err;
}

static mst_err
read_event(mst_cursor *cursor, uint32_t definitions, mst_event *ret_event, mst_errctx *ctx)
{
  mst_event event = {0};
  uint64_t id = 0;
  uint32_t fields;

  mst_err err = mst_cursor_array(cursor, "event", EVENT_FIELDS, EVENT_FIELDS, &fields, ctx);
  if (err == MST_OK)
    err = mst_cursor_uint(cursor, "event series", MST_SERIES_MAX - 1, &id, ctx);
  if (err == MST_OK && id >= definitions)
    err = mst_fail(ctx, MST_EMALFORMED, "event of series %llu, but only %u are defined", (unsigned long long)id, definitions);
  event.id = (uint32_t)id;
  if (err == MST_OK)
    err = mst_cursor_int(cursor, "event time", &event.at.ns, ctx);
  if (err == MST_OK)
    err = mst_cursor_text(cursor, "event rule", MST_SERIES_NAME_MAX_BYTES, &event.rule, ctx);
  if (err == MST_OK)
    err = mst_cursor_text(cursor, "event level", MST_SERIES_UNIT_MAX_BYTES, &event.level, ctx);
  if (err == MST_OK)
    err = mst_cursor_uint(cursor, "event count", INT64_MAX, &event.count, ctx);
  if (err == MST_OK)
    err = mst_cursor_text(cursor, "event sample", MST_REASON_MAX_BYTES, &event.sample, ctx);
  if (err == MST_OK)
    err = mst_cursor_bin(cursor, "event fingerprint", 0, 16, &event.fingerprint, ctx);
  if (err == MST_OK && event.fingerprint.size_bytes != 0 && event.fingerprint.size_bytes != 16)
    err = mst_fail(ctx, MST_EMALFORMED, "event fingerprint of %zu bytes", event.fingerprint.size_bytes);
  if (err == MST_OK)
    *ret_event = event;
  return err;
}

mst_err
mst_report_decode(mst_bytes body, mst_report *ret_report, mst_errctx *ctx)
{
  mst_report report = {0};
  mst_cursor cursor;
  mst_sample sample;
  mst_event event;
  uint32_t fields, values = 0;

  mst_cursor_init(&cursor, body.data, body.size_bytes);
  mst_err err = mst_cursor_array(&cursor, "report", REPORT_FIELDS, REPORT_FIELDS, &fields, ctx);
  if (err == MST_OK)
    err = read_header(&cursor, &report.header, ctx);
  if (err == MST_OK)
    err = mst_cursor_array(&cursor, "samples", 0, MST_SERIES_MAX * 2, &values, ctx);
  if (err == MST_OK && values % 2 != 0)
    err = mst_fail(ctx, MST_EMALFORMED, "samples: an id without a value");
  report.header.sample_count = report.samples_left = values / 2;
  report.samples = cursor;
  for (uint32_t i = 0; err == MST_OK && i < report.samples_left; i++)
    err = read_sample(&cursor, report.header.definitions, &sample, ctx);
  if (err == MST_OK)
    err = mst_cursor_array(&cursor, "events", 0, MST_EVENTS_MAX, &report.events_left, ctx);
  report.header.event_count = report.events_left;
  report.events = cursor;
  for (uint32_t i = 0; err == MST_OK && i < report.events_left; i++)
    err = read_event(&cursor, report.header.definitions, &event, ctx);
  if (err == MST_OK)
    err = mst_cursor_end(&cursor, "report", ctx);
  if (err == MST_OK)
    *ret_report = report;
  return err;
}

mst_err
mst_report_next_sample(mst_report *report, mst_sample *ret_sample, mst_errctx *ctx)
{
  if (report->samples_left == 0)
    return MST_EABSENT;
  report->samples_left--;
  return read_sample(&report->samples, report->header.definitions, ret_sample, ctx);
}

mst_err
mst_report_next_event(mst_report *report, mst_event *ret_event, mst_errctx *ctx)
{
  if (report->events_left == 0)
    return MST_EABSENT;
  report->events_left--;
  return read_event(&report->events, report->header.definitions, ret_event, ctx);
}

static mst_err
read_side(mst_cursor *cursor, mst_hist_side *side, mst_errctx *ctx)
{
  int64_t offset = 0;
  uint32_t length = 0;
  mst_err err = mst_cursor_int(cursor, "histogram offset", &offset, ctx);

  if (err == MST_OK && (offset < INT32_MIN || offset > INT32_MAX))
    err = mst_fail(ctx, MST_ELIMIT, "histogram offset %lld", (long long)offset);
  if (err == MST_OK)
    err = mst_cursor_array(cursor, "histogram buckets", 0, MST_HIST_MAX_BUCKETS, &length, ctx);
  if (err != MST_OK || length == 0)
    return err == MST_OK && offset != 0 ? mst_fail(ctx, MST_EMALFORMED, "histogram: an offset without buckets") : err;
  side->counts = mst_alloc(length, sizeof *side->counts);
  if (!side->counts)
    return mst_fail(ctx, MST_ENOMEM, "read a histogram");
  side->offset = (int32_t)offset;
  side->length = length;
  for (uint32_t i = 0; i < length && err == MST_OK; i++)
    err = mst_cursor_uint(cursor, "bucket", INT64_MAX, &side->counts[i], ctx);
  return err;
}

static bool
add_counts(const mst_hist_side *side, uint64_t *total)
{
  for (uint32_t i = 0; i < side->length; i++)
    if (__builtin_add_overflow(*total, side->counts[i], total))
      return false;
  return true;
}

mst_err
mst_histogram_decode(mst_bytes bytes, mst_hist *ret_hist, mst_errctx *ctx)
{
  mst_hist hist;
  mst_cursor cursor;
  mst_bytes sum = {0};
  int64_t scale = 0;
  uint32_t fields;

  mst_hist_init(&hist);
  mst_cursor_init(&cursor, bytes.data, bytes.size_bytes);
  mst_err err = mst_cursor_array(&cursor, "histogram", HISTOGRAM_FIELDS, HISTOGRAM_FIELDS, &fields, ctx);
  if (err == MST_OK)
    err = mst_cursor_int(&cursor, "histogram scale", &scale, ctx);
  if (err == MST_OK && (scale < MST_HIST_MIN_SCALE || scale > MST_HIST_MAX_SCALE))
    err = mst_fail(ctx, MST_ELIMIT, "histogram scale %lld; %d to %d", (long long)scale, MST_HIST_MIN_SCALE, MST_HIST_MAX_SCALE);
  hist.scale = (int32_t)scale;
  if (err == MST_OK)
    err = mst_cursor_uint(&cursor, "zero count", INT64_MAX, &hist.zero_count, ctx);
  if (err == MST_OK)
    err = mst_cursor_bin(&cursor, "histogram sum", 16, 16, &sum, ctx);
  unsigned __int128 bits = 0;
  for (size_t i = 0; i < sum.size_bytes; i++)
    bits = bits << 8 | sum.data[i];
  hist.sum = (mst_fixed)bits;
  if (err == MST_OK)
    err = mst_cursor_number(&cursor, "histogram minimum", &hist.min, ctx);
  if (err == MST_OK)
    err = mst_cursor_number(&cursor, "histogram maximum", &hist.max, ctx);
  if (err == MST_OK)
    err = read_side(&cursor, &hist.positive, ctx);
  if (err == MST_OK)
    err = read_side(&cursor, &hist.negative, ctx);
  if (err == MST_OK)
    err = mst_cursor_end(&cursor, "histogram", ctx);
  hist.count = hist.zero_count;
  if (err == MST_OK && (!add_counts(&hist.positive, &hist.count) || !add_counts(&hist.negative, &hist.count) || !mst_hist_valid(&hist)))
    err = mst_fail(ctx, MST_EMALFORMED, "histogram: its parts do not agree");
  if (err != MST_OK) {
    mst_hist_done(&hist);
    return err;
  }
  *ret_hist = hist;
  return MST_OK;
}
