/* Writing reports. Body: [header, samples, events], see docs/wire-format.md. */
#include <mst/proto/report.h>

#include <math.h>
#include <string.h>

#include "pack.h"

enum { REPORT_FIELDS = 3, HEADER_FIELDS = 9, EVENT_FIELDS = 7, HISTOGRAM_FIELDS = 9 };

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
  writer->sample_count = writer->event_count = 0;
}

static mst_err
sample_start(mst_report_writer *writer, uint32_t id, msgpack_packer *packer, mst_errctx *ctx)
{
  if (id >= MST_SERIES_MAX || writer->sample_count >= MST_SERIES_MAX)
    return mst_fail(ctx, MST_ELIMIT, "sample of series %u: at most %d a report", id, MST_SERIES_MAX);
  mst_pack_init(packer, &writer->samples);
  msgpack_pack_uint32(packer, id);
  return MST_OK;
}

static mst_err
sample_end(mst_report_writer *writer, mst_errctx *ctx)
{
  mst_err err = mst_buf_check(&writer->samples, "samples of a report", ctx);

  if (err == MST_OK)
    writer->sample_count++;
  return err;
}

mst_err
mst_report_write_number(mst_report_writer *writer, uint32_t id, double value, mst_errctx *ctx)
{
  msgpack_packer packer;

  if (!isfinite(value))
    return mst_fail(ctx, MST_EMALFORMED, "sample of series %u: not a finite number", id);
  mst_err err = sample_start(writer, id, &packer, ctx);
  if (err != MST_OK)
    return err;
  mst_pack_number(&packer, value);
  return sample_end(writer, ctx);
}

/* Length of `text` up to `most` bytes, not in the middle of a character. */
static size_t
cut(const char *text, size_t most)
{
  size_t bytes = strnlen(text, most + 1);

  if (bytes <= most)
    return bytes;
  bytes = most;
  while (bytes > 0 && ((unsigned char)text[bytes] & 0xc0) == 0x80)
    bytes--;
  return bytes;
}

/* What a kernel or a device calls itself need not be UTF-8; the wire is. */
static mst_text
clean(const char *text, size_t most, char *room)
{
  size_t bytes = cut(text, most);
  mst_cursor cursor;
  mst_text whole;

  /* The cursor's own check, through a head of its own making, is the one that the receiver will apply. */
  uint8_t head[3 + MST_REASON_MAX_BYTES] = {0xda, (uint8_t)(bytes >> 8), (uint8_t)bytes};
  memcpy(head + 3, text, bytes);
  mst_cursor_init(&cursor, head, 3 + bytes);
  if (mst_cursor_text(&cursor, "text", most, &whole, NULL) == MST_OK)
    return (mst_text){text, bytes};
  for (size_t i = 0; i < bytes; i++)
    room[i] = (unsigned char)text[i] < 0x80 ? text[i] : '?';
  return (mst_text){room, bytes};
}

mst_err
mst_report_write_state(mst_report_writer *writer, uint32_t id, const char *state, mst_errctx *ctx)
{
  char room[MST_STATE_MAX_BYTES];
  msgpack_packer packer;
  mst_err err = sample_start(writer, id, &packer, ctx);

  if (err != MST_OK)
    return err;
  mst_pack_text(&packer, clean(state, MST_STATE_MAX_BYTES, room));
  return sample_end(writer, ctx);
}

mst_err
mst_report_write_missing(mst_report_writer *writer, uint32_t id, mst_sample_status status, const char *reason, mst_errctx *ctx)
{
  char room[MST_REASON_MAX_BYTES];
  msgpack_packer packer;

  if (status != MST_SAMPLE_ABSENT && status != MST_SAMPLE_ERROR)
    return mst_fail(ctx, MST_EUSAGE, "sample of series %u: status %d is not one of a missing sample", id, (int)status);
  mst_err err = sample_start(writer, id, &packer, ctx);
  if (err != MST_OK)
    return err;
  msgpack_pack_array(&packer, 2);
  msgpack_pack_uint32(&packer, (uint32_t)status);
  mst_pack_text(&packer, clean(reason ? reason : "", MST_REASON_MAX_BYTES, room));
  return sample_end(writer, ctx);
}

static void
pack_side(msgpack_packer *packer, const mst_hist_side *side)
{
  msgpack_pack_int32(packer, side->offset);
  msgpack_pack_array(packer, side->length);
  for (uint32_t i = 0; i < side->length; i++)
    msgpack_pack_uint64(packer, side->counts[i]);
}

mst_err
mst_histogram_encode(const mst_hist *hist, mst_buf *ret_bytes, mst_errctx *ctx)
{
  uint8_t sum[16];
  msgpack_packer packer;
  unsigned __int128 bits = (unsigned __int128)hist->sum;

  if (!mst_hist_valid(hist))
    return mst_fail(ctx, MST_EMALFORMED, "encode a histogram: its parts do not agree");
  for (size_t i = 0; i < sizeof sum; i++)
    sum[i] = (uint8_t)(bits >> (8 * (sizeof sum - 1 - i)));
  mst_pack_init(&packer, ret_bytes);
  msgpack_pack_array(&packer, HISTOGRAM_FIELDS);
  msgpack_pack_int32(&packer, hist->scale);
  msgpack_pack_uint64(&packer, hist->zero_count);
  mst_pack_bin(&packer, sum, sizeof sum);
  mst_pack_number(&packer, hist->count ? hist->min : 0);
  mst_pack_number(&packer, hist->count ? hist->max : 0);
  pack_side(&packer, &hist->positive);
  pack_side(&packer, &hist->negative);
  return mst_buf_check(ret_bytes, "histogram", ctx);
}

mst_err
mst_report_write_histogram(mst_report_writer *writer, uint32_t id, const mst_hist *hist, mst_errctx *ctx)
{
  enum { HISTOGRAM_MAX_BYTES = 64 + 2 * MST_HIST_MAX_BUCKETS * 9 };
  msgpack_packer packer;
  mst_buf bytes;

  mst_buf_init(&bytes, HISTOGRAM_MAX_BYTES);
  mst_err err = mst_histogram_encode(hist, &bytes, ctx);
  if (err == MST_OK)
    err = sample_start(writer, id, &packer, ctx);
  if (err == MST_OK) {
    mst_pack_bin(&packer, bytes.data, bytes.size_bytes);
    err = sample_end(writer, ctx);
  }
  mst_buf_done(&bytes);
  return err;
}

mst_err
mst_report_write_event(mst_report_writer *writer, const mst_event *event, mst_errctx *ctx)
{
  msgpack_packer packer;

  if (writer->event_count >= MST_EVENTS_MAX)
    return mst_fail(ctx, MST_ELIMIT, "over %d events in a report", MST_EVENTS_MAX);
  if (event->fingerprint.size_bytes != 0 && event->fingerprint.size_bytes != 16)
    return mst_fail(ctx, MST_EMALFORMED, "event: a fingerprint of %zu bytes", event->fingerprint.size_bytes);
  mst_pack_init(&packer, &writer->events);
  msgpack_pack_array(&packer, EVENT_FIELDS);
  msgpack_pack_uint32(&packer, event->id);
  msgpack_pack_int64(&packer, event->at.ns);
  mst_pack_text(&packer, event->rule);
  mst_pack_text(&packer, event->level);
  msgpack_pack_uint64(&packer, event->count);
  mst_pack_text(&packer, event->sample);
  mst_pack_bin(&packer, event->fingerprint.data, event->fingerprint.size_bytes);
  mst_err err = mst_buf_check(&writer->events, "events of a report", ctx);
  if (err == MST_OK)
    writer->event_count++;
  return err;
}

mst_err
mst_report_writer_finish(mst_report_writer *writer, const mst_report_header *header, mst_buf *ret_body, mst_errctx *ctx)
{
  static const mst_digest none;
  msgpack_packer packer;
  size_t start = ret_body->size_bytes;

  mst_err err = mst_buf_check(&writer->samples, "samples of a report", ctx);
  if (err == MST_OK)
    err = mst_buf_check(&writer->events, "events of a report", ctx);
  if (err != MST_OK)
    return err;
  mst_pack_init(&packer, ret_body);
  msgpack_pack_array(&packer, REPORT_FIELDS);
  msgpack_pack_array(&packer, HEADER_FIELDS);
  msgpack_pack_int64(&packer, header->at.ns);
  msgpack_pack_int64(&packer, header->interval_ns);
  msgpack_pack_uint32(&packer, header->definitions);
  if (header->offset_known)
    msgpack_pack_int64(&packer, header->offset_ns);
  else
    msgpack_pack_nil(&packer);
  mst_pack_bin(&packer, header->plan.bytes, memcmp(&header->plan, &none, sizeof none) == 0 ? 0 : MST_DIGEST_BYTES);
  msgpack_pack_uint64(&packer, header->spool_records);
  msgpack_pack_uint64(&packer, header->spool_bytes);
  msgpack_pack_uint64(&packer, header->lost_records);
  msgpack_pack_uint64(&packer, header->lost_samples);
  msgpack_pack_array(&packer, (size_t)writer->sample_count * 2);
  mst_buf_append(ret_body, writer->samples.data, writer->samples.size_bytes);
  msgpack_pack_array(&packer, writer->event_count);
  mst_buf_append(ret_body, writer->events.data, writer->events.size_bytes);
  err = mst_buf_check(ret_body, "report", ctx);
  if (err == MST_OK && ret_body->size_bytes - start > MST_ENVELOPE_MAX_BODY_BYTES)
    err = mst_fail(ctx, MST_ELIMIT, "a report of %zu bytes; at most %d", ret_body->size_bytes - start, MST_ENVELOPE_MAX_BODY_BYTES);
  return err;
}
