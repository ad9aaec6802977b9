/* Writing a report: samples and events as they come, the header at the end. Layout: docs/wire-format.md. */
#include <mst/proto/report.h>

#include <math.h>
#include <string.h>

#include "pack.h"
#include "report_check.h"
#include "text.h"

void
mst_report_writer_init(mst_report_writer *writer)
{
  *writer = (mst_report_writer){0};
  mst_buf_init(&writer->samples, MST_ENVELOPE_MAX_BODY_BYTES);
  mst_buf_init(&writer->events, MST_ENVELOPE_MAX_BODY_BYTES);
}

void
mst_report_writer_done(mst_report_writer *writer)
{
  mst_buf_done(&writer->samples);
  mst_buf_done(&writer->events);
}

void
mst_report_writer_reset(mst_report_writer *writer)
{
  mst_buf_reset(&writer->samples);
  mst_buf_reset(&writer->events);
  writer->sample_count = 0;
  writer->event_count = 0;
  writer->id_bound = 0;
}

static mst_err
begin_sample(const mst_report_writer *writer, uint32_t id, mst_errctx *ctx)
{
  if (id >= MST_SERIES_MAX)
    return mst_fail(ctx, MST_ELIMIT, "report: series %u; a session has at most %d", id, MST_SERIES_MAX);
  if (writer->sample_count == MST_SERIES_MAX)
    return mst_fail(ctx, MST_ELIMIT, "report: over %d samples", MST_SERIES_MAX);
  return MST_OK;
}

/* Ends a write: counts it, or takes back what a full buffer cut short. */
static mst_err
end_write(mst_buf *buf, size_t start, mst_errctx *ctx)
{
  mst_err err = mst_pack_finish(buf, start, MST_OK, "report", ctx);

  buf->failed = MST_OK; /* what stood there before is whole: the writer goes on being of use */
  return err;
}

static void
note_id(mst_report_writer *writer, uint32_t id)
{
  if (id >= writer->id_bound)
    writer->id_bound = id + 1;
}

static mst_err
end_sample(mst_report_writer *writer, size_t start, uint32_t id, mst_errctx *ctx)
{
  mst_err err = end_write(&writer->samples, start, ctx);

  if (err != MST_OK)
    return err;
  writer->sample_count++;
  note_id(writer, id);
  return MST_OK;
}

mst_err
mst_report_write_number(mst_report_writer *writer, uint32_t id, double value, mst_errctx *ctx)
{
  size_t start = writer->samples.size_bytes;
  msgpack_packer pack = mst_pack_onto(&writer->samples);

  mst_err err = begin_sample(writer, id, ctx);
  if (err != MST_OK)
    return err;
  if (!isfinite(value))
    return mst_fail(ctx, MST_EMALFORMED, "report: series %u: %g is not a finite number", id, value);
  msgpack_pack_uint32(&pack, id);
  mst_pack_number(&pack, value);
  return end_sample(writer, start, id, ctx);
}

mst_err
mst_report_write_state(mst_report_writer *writer, uint32_t id, const char *state, mst_errctx *ctx)
{
  size_t start = writer->samples.size_bytes;
  msgpack_packer pack = mst_pack_onto(&writer->samples);
  char clean[MST_STATE_MAX_BYTES];

  mst_err err = begin_sample(writer, id, ctx);
  if (err != MST_OK)
    return err;
  msgpack_pack_uint32(&pack, id);
  mst_pack_text(&pack, (mst_text){clean, mst_text_clean(state, clean, sizeof clean)});
  return end_sample(writer, start, id, ctx);
}

mst_err
mst_report_write_histogram(mst_report_writer *writer, uint32_t id, const mst_hist *hist, mst_errctx *ctx)
{
  size_t start = writer->samples.size_bytes;
  msgpack_packer pack = mst_pack_onto(&writer->samples);
  mst_buf bytes;

  mst_buf_init(&bytes, MST_HISTOGRAM_MAX_BYTES);
  mst_err err = begin_sample(writer, id, ctx);
  if (err == MST_OK)
    err = mst_histogram_encode(hist, &bytes, ctx);
  if (err == MST_OK) {
    msgpack_pack_uint32(&pack, id);
    mst_pack_bin(&pack, bytes.data, bytes.size_bytes);
    err = end_sample(writer, start, id, ctx);
  }
  mst_buf_done(&bytes);
  return err;
}

mst_err
mst_report_write_missing(mst_report_writer *writer, uint32_t id, mst_sample_status status, const char *reason, mst_errctx *ctx)
{
  size_t start = writer->samples.size_bytes;
  msgpack_packer pack = mst_pack_onto(&writer->samples);
  char clean[MST_REASON_MAX_BYTES];

  mst_err err = begin_sample(writer, id, ctx);
  if (err == MST_OK)
    err = mst_report_check_missing(status, ctx);
  if (err != MST_OK)
    return err;
  msgpack_pack_uint32(&pack, id);
  msgpack_pack_array(&pack, MST_MISSING_ELEMENTS);
  msgpack_pack_uint8(&pack, (uint8_t)status);
  mst_pack_text(&pack, (mst_text){clean, mst_text_clean(reason, clean, sizeof clean)});
  return end_sample(writer, start, id, ctx);
}

mst_err
mst_report_write_event(mst_report_writer *writer, const mst_event *event, mst_errctx *ctx)
{
  size_t start = writer->events.size_bytes;
  msgpack_packer pack = mst_pack_onto(&writer->events);

  if (writer->event_count == MST_EVENTS_MAX)
    return mst_fail(ctx, MST_ELIMIT, "report: over %d events", MST_EVENTS_MAX);
  if (event->id >= MST_SERIES_MAX)
    return mst_fail(ctx, MST_ELIMIT, "report: series %u; a session has at most %d", event->id, MST_SERIES_MAX);
  mst_err err = mst_text_check(event->rule, "event.rule", 1, MST_EVENT_RULE_MAX_BYTES, ctx);
  if (err == MST_OK)
    err = mst_text_check(event->level, "event.level", 0, MST_EVENT_LEVEL_MAX_BYTES, ctx);
  if (err == MST_OK)
    err = mst_text_check(event->sample, "event.sample", 0, MST_EVENT_SAMPLE_MAX_BYTES, ctx);
  if (err == MST_OK)
    err = mst_report_check_event(event, ctx);
  if (err != MST_OK)
    return err;
  msgpack_pack_array(&pack, MST_EVENT_ELEMENTS);
  msgpack_pack_uint32(&pack, event->id);
  msgpack_pack_int64(&pack, event->at.ns);
  mst_pack_text(&pack, event->rule);
  mst_pack_text(&pack, event->level);
  msgpack_pack_uint64(&pack, event->count);
  mst_pack_text(&pack, event->sample);
  mst_pack_bin(&pack, event->fingerprint.data, event->fingerprint.size_bytes);
  err = end_write(&writer->events, start, ctx);
  if (err != MST_OK)
    return err;
  writer->event_count++;
  note_id(writer, event->id);
  return MST_OK;
}

static void
pack_header(msgpack_packer *pack, const mst_report_header *header)
{
  static const mst_digest none;

  msgpack_pack_array(pack, MST_HEADER_ELEMENTS);
  msgpack_pack_int64(pack, header->at.ns);
  msgpack_pack_int64(pack, header->interval_ns);
  msgpack_pack_uint32(pack, header->definitions);
  if (header->offset_known)
    msgpack_pack_int64(pack, header->offset_ns);
  else
    msgpack_pack_nil(pack);
  if (memcmp(&header->plan, &none, sizeof none) != 0)
    mst_pack_bin(pack, header->plan.bytes, sizeof header->plan.bytes);
  else
    msgpack_pack_nil(pack);
  msgpack_pack_uint64(pack, header->spool_records);
  msgpack_pack_uint64(pack, header->spool_bytes);
  msgpack_pack_uint64(pack, header->lost_records);
  msgpack_pack_uint64(pack, header->lost_samples);
  msgpack_pack_uint32(pack, header->sample_count);
  msgpack_pack_uint32(pack, header->event_count);
}

mst_err
mst_report_writer_finish(mst_report_writer *writer, const mst_report_header *header, mst_buf *ret_body, mst_errctx *ctx)
{
  size_t start = ret_body->size_bytes;
  msgpack_packer pack = mst_pack_onto(ret_body);
  mst_report_header own = *header;

  own.sample_count = writer->sample_count;
  own.event_count = writer->event_count;
  mst_err err = mst_report_check_header(&own, ctx);
  if (err == MST_OK && writer->id_bound > own.definitions)
    err = mst_fail(ctx, MST_EMALFORMED, "report: a sample or event is of series %u, only %u are defined", writer->id_bound - 1,
                   own.definitions);
  if (err != MST_OK)
    return err;
  msgpack_pack_array(&pack, MST_REPORT_ELEMENTS);
  pack_header(&pack, &own);
  msgpack_pack_array(&pack, 2 * (size_t)own.sample_count);
  mst_buf_append(ret_body, writer->samples.data, writer->samples.size_bytes);
  msgpack_pack_array(&pack, own.event_count);
  mst_buf_append(ret_body, writer->events.data, writer->events.size_bytes);
  if (ret_body->size_bytes - start > MST_ENVELOPE_MAX_BODY_BYTES)
    err = mst_fail(ctx, MST_ELIMIT, "report: over %d bytes; put fewer samples or events into one", MST_ENVELOPE_MAX_BODY_BYTES);
  err = mst_pack_finish(ret_body, start, err, "report", ctx);
  if (err == MST_OK)
    mst_report_writer_reset(writer);
  return err;
}
