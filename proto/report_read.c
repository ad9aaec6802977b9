/* Reading a report: one pass that checks all of it, then iterators that cannot fail. Layout: docs/wire-format.md. */
#include <mst/proto/report.h>

#include <string.h>

#include "histogram_wire.h"
#include "report_check.h"

static const int64_t interval_most_ns = 3600 * MST_NS_PER_S;

mst_err
mst_report_check_header(const mst_report_header *header, mst_errctx *ctx)
{
  if (header->at.ns < 0)
    return mst_fail(ctx, MST_EMALFORMED, "report.at: is before 1970");
  if (header->interval_ns <= 0 || header->interval_ns > interval_most_ns)
    return mst_fail(ctx, MST_EMALFORMED, "report.interval_ns: %lld is not within 1 ns to 1 h", (long long)header->interval_ns);
  if (header->definitions > MST_SERIES_MAX)
    return mst_fail(ctx, MST_ELIMIT, "report.definitions: %u, at most %d are allowed", header->definitions, MST_SERIES_MAX);
  if (header->spool_records > INT64_MAX || header->spool_bytes > INT64_MAX || header->lost_records > INT64_MAX ||
      header->lost_samples > INT64_MAX)
    return mst_fail(ctx, MST_ELIMIT, "report: a count of spool or loss is over 2^63 - 1");
  return MST_OK;
}

mst_err
mst_report_check_missing(uint64_t status, mst_errctx *ctx)
{
  if (status != MST_SAMPLE_ABSENT && status != MST_SAMPLE_ERROR)
    return mst_fail(ctx, MST_EMALFORMED, "report: status %llu of a missing sample is none", (unsigned long long)status);
  return MST_OK;
}

mst_err
mst_report_check_event(const mst_event *event, mst_errctx *ctx)
{
  if (event->at.ns < 0)
    return mst_fail(ctx, MST_EMALFORMED, "event.at: is before 1970");
  if (event->count == 0)
    return mst_fail(ctx, MST_EMALFORMED, "event.count: is 0");
  if (event->count > INT64_MAX)
    return mst_fail(ctx, MST_ELIMIT, "event.count: is over 2^63 - 1");
  if (event->fingerprint.size_bytes != 0 && event->fingerprint.size_bytes != MST_FINGERPRINT_BYTES)
    return mst_fail(ctx, MST_EMALFORMED, "event.fingerprint: %zu bytes, must be 0 or %d", event->fingerprint.size_bytes,
                    MST_FINGERPRINT_BYTES);
  return MST_OK;
}

static mst_err
read_plan(mst_cursor *cursor, mst_digest *ret_plan, mst_errctx *ctx)
{
  mst_bytes bytes;

  if (mst_cursor_nil(cursor)) {
    *ret_plan = (mst_digest){{0}};
    return MST_OK;
  }
  mst_err err = mst_cursor_bin(cursor, "report.plan", MST_DIGEST_BYTES, MST_DIGEST_BYTES, &bytes, ctx);
  if (err == MST_OK)
    memcpy(ret_plan->bytes, bytes.data, MST_DIGEST_BYTES);
  return err;
}

static mst_err
read_times(mst_cursor *cursor, mst_report_header *header, mst_errctx *ctx)
{
  uint64_t at = 0, interval = 0, definitions = 0;

  mst_err err = mst_cursor_uint(cursor, "report.at", INT64_MAX, &at, ctx);
  if (err == MST_OK)
    err = mst_cursor_uint(cursor, "report.interval_ns", INT64_MAX, &interval, ctx);
  if (err == MST_OK)
    err = mst_cursor_uint(cursor, "report.definitions", MST_SERIES_MAX, &definitions, ctx);
  header->at.ns = (int64_t)at;
  header->interval_ns = (int64_t)interval;
  header->definitions = (uint32_t)definitions;
  header->offset_ns = 0;
  header->offset_known = err == MST_OK && !mst_cursor_nil(cursor);
  if (header->offset_known)
    err = mst_cursor_int(cursor, "report.offset_ns", &header->offset_ns, ctx);
  return err == MST_OK ? read_plan(cursor, &header->plan, ctx) : err;
}

static mst_err
read_header(mst_cursor *cursor, mst_report_header *header, mst_errctx *ctx)
{
  uint32_t elements;
  uint64_t samples = 0, events = 0;

  mst_err err = mst_cursor_array(cursor, "report header", MST_HEADER_ELEMENTS, MST_HEADER_ELEMENTS, &elements, ctx);
  if (err == MST_OK)
    err = read_times(cursor, header, ctx);
  if (err == MST_OK)
    err = mst_cursor_uint(cursor, "report.spool_records", INT64_MAX, &header->spool_records, ctx);
  if (err == MST_OK)
    err = mst_cursor_uint(cursor, "report.spool_bytes", INT64_MAX, &header->spool_bytes, ctx);
  if (err == MST_OK)
    err = mst_cursor_uint(cursor, "report.lost_records", INT64_MAX, &header->lost_records, ctx);
  if (err == MST_OK)
    err = mst_cursor_uint(cursor, "report.lost_samples", INT64_MAX, &header->lost_samples, ctx);
  if (err == MST_OK)
    err = mst_cursor_uint(cursor, "report.sample_count", MST_SERIES_MAX, &samples, ctx);
  if (err == MST_OK)
    err = mst_cursor_uint(cursor, "report.event_count", MST_EVENTS_MAX, &events, ctx);
  header->sample_count = (uint32_t)samples;
  header->event_count = (uint32_t)events;
  return err == MST_OK ? mst_report_check_header(header, ctx) : err;
}

static mst_err
read_id(mst_cursor *cursor, const char *what, uint32_t definitions, uint32_t *ret_id, mst_errctx *ctx)
{
  uint64_t id;

  mst_err err = mst_cursor_uint(cursor, what, UINT32_MAX, &id, ctx);
  if (err != MST_OK)
    return err;
  if (id >= definitions)
    return mst_fail(ctx, MST_EMALFORMED, "%s: series %llu, only %u are defined", what, (unsigned long long)id, definitions);
  *ret_id = (uint32_t)id;
  return MST_OK;
}

static mst_err
read_missing(mst_cursor *cursor, mst_sample *sample, mst_errctx *ctx)
{
  uint32_t elements;
  uint64_t status = 0;

  mst_err err = mst_cursor_array(cursor, "missing sample", MST_MISSING_ELEMENTS, MST_MISSING_ELEMENTS, &elements, ctx);
  if (err == MST_OK)
    err = mst_cursor_uint(cursor, "missing sample.status", UINT32_MAX, &status, ctx);
  if (err == MST_OK)
    err = mst_report_check_missing(status, ctx);
  if (err == MST_OK)
    err = mst_cursor_text(cursor, "missing sample.reason", MST_REASON_MAX_BYTES, &sample->text, ctx);
  sample->status = (mst_sample_status)status;
  return err;
}

static inline mst_err
read_sample(mst_cursor *cursor, uint32_t definitions, mst_sample *sample, mst_errctx *ctx)
{
  *sample = (mst_sample){0};
  mst_err err = read_id(cursor, "sample.id", definitions, &sample->id, ctx);
  if (err != MST_OK)
    return err;
  uint8_t lead = cursor->at < cursor->end ? *cursor->at : 0;
  if ((lead & 0xE0) == 0xA0 || (lead >= 0xD9 && lead <= 0xDB)) {
    sample->kind = MST_SIGNAL_STATE;
    return mst_cursor_text(cursor, "sample state", MST_STATE_MAX_BYTES, &sample->text, ctx);
  }
  if (lead >= 0xC4 && lead <= 0xC6) {
    sample->kind = MST_SIGNAL_DISTRIBUTION;
    return mst_cursor_bin(cursor, "sample histogram", 1, MST_HISTOGRAM_MAX_BYTES, &sample->histogram, ctx);
  }
  if ((lead & 0xF0) == 0x90 || lead == 0xDC || lead == 0xDD)
    return read_missing(cursor, sample, ctx);
  sample->kind = MST_SIGNAL_GAUGE;
  return mst_cursor_number(cursor, "sample value", &sample->number, ctx);
}

static mst_err
read_event(mst_cursor *cursor, uint32_t definitions, mst_event *event, mst_errctx *ctx)
{
  uint32_t elements;
  uint64_t at = 0;

  mst_err err = mst_cursor_array(cursor, "event", MST_EVENT_ELEMENTS, MST_EVENT_ELEMENTS, &elements, ctx);
  if (err == MST_OK)
    err = read_id(cursor, "event.id", definitions, &event->id, ctx);
  if (err == MST_OK)
    err = mst_cursor_uint(cursor, "event.at", INT64_MAX, &at, ctx);
  event->at.ns = (int64_t)at;
  if (err == MST_OK)
    err = mst_cursor_text(cursor, "event.rule", MST_EVENT_RULE_MAX_BYTES, &event->rule, ctx);
  if (err == MST_OK && event->rule.size_bytes == 0)
    err = mst_fail(ctx, MST_EMALFORMED, "event.rule: is empty");
  if (err == MST_OK)
    err = mst_cursor_text(cursor, "event.level", MST_EVENT_LEVEL_MAX_BYTES, &event->level, ctx);
  if (err == MST_OK)
    err = mst_cursor_uint(cursor, "event.count", INT64_MAX, &event->count, ctx);
  if (err == MST_OK)
    err = mst_cursor_text(cursor, "event.sample", MST_EVENT_SAMPLE_MAX_BYTES, &event->sample, ctx);
  if (err == MST_OK)
    err = mst_cursor_bin(cursor, "event.fingerprint", 0, MST_FINGERPRINT_BYTES, &event->fingerprint, ctx);
  return err == MST_OK ? mst_report_check_event(event, ctx) : err;
}

static mst_err
check_samples(mst_cursor *cursor, const mst_report_header *header, mst_errctx *ctx)
{
  mst_sample sample;
  uint32_t elements;

  mst_err err = mst_cursor_array(cursor, "report samples", 0, 2 * MST_SERIES_MAX, &elements, ctx);
  if (err == MST_OK && elements != 2 * header->sample_count)
    err = mst_fail(ctx, MST_EMALFORMED, "report samples: %u elements, the header's %u samples make %u", elements, header->sample_count,
                   2 * header->sample_count);
  for (uint32_t i = 0; err == MST_OK && i < header->sample_count; i++) {
    err = read_sample(cursor, header->definitions, &sample, ctx);
    if (err == MST_OK && sample.kind == MST_SIGNAL_DISTRIBUTION)
      err = mst_histogram_check(sample.histogram, ctx);
  }
  return err;
}

static mst_err
check_events(mst_cursor *cursor, const mst_report_header *header, mst_errctx *ctx)
{
  mst_event event;
  uint32_t elements;

  mst_err err = mst_cursor_array(cursor, "report events", 0, MST_EVENTS_MAX, &elements, ctx);
  if (err == MST_OK && elements != header->event_count)
    err = mst_fail(ctx, MST_EMALFORMED, "report events: %u, the header says %u", elements, header->event_count);
  for (uint32_t i = 0; err == MST_OK && i < header->event_count; i++)
    err = read_event(cursor, header->definitions, &event, ctx);
  return err;
}

mst_err
mst_report_decode(mst_bytes body, mst_report *ret_report, mst_errctx *ctx)
{
  mst_report report = {0};
  mst_cursor cursor;
  uint32_t elements;

  if (body.size_bytes > MST_ENVELOPE_MAX_BODY_BYTES)
    return mst_fail(ctx, MST_ELIMIT, "report: %zu bytes long, at most %d are allowed", body.size_bytes, MST_ENVELOPE_MAX_BODY_BYTES);
  mst_cursor_init(&cursor, body.data, body.size_bytes);
  mst_err err = mst_cursor_array(&cursor, "report", MST_REPORT_ELEMENTS, MST_REPORT_ELEMENTS, &elements, ctx);
  if (err == MST_OK)
    err = read_header(&cursor, &report.header, ctx);
  report.samples = cursor;
  if (err == MST_OK)
    err = check_samples(&cursor, &report.header, ctx);
  report.events = cursor;
  if (err == MST_OK)
    err = check_events(&cursor, &report.header, ctx);
  if (err == MST_OK)
    err = mst_cursor_end(&cursor, "report", ctx);
  /* Step the iterators over the heads of their arrays, which were read above. */
  if (err == MST_OK)
    err = mst_cursor_array(&report.samples, "report samples", 0, 2 * MST_SERIES_MAX, &elements, ctx);
  if (err == MST_OK)
    err = mst_cursor_array(&report.events, "report events", 0, MST_EVENTS_MAX, &elements, ctx);
  if (err != MST_OK)
    return err;
  report.samples_left = report.header.sample_count;
  report.events_left = report.header.event_count;
  *ret_report = report;
  return MST_OK;
}

mst_err
mst_report_next_sample(mst_report *report, mst_sample *ret_sample, mst_errctx *ctx)
{
  /* Decode has read every byte once, so this cannot fail, and needs no copy to leave *ret_sample alone. */
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
