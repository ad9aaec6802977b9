#include "session.h"

#include <stdio.h>
#include <string.h>

#include <mst/common/alloc.h>

/* Series in one definitions record at first; halved until they fit. 256 usual ones are 30 KB. */
enum { SERIES_IN_RECORD = 256 };

void
mst_session_items_done(mst_session_items *items)
{
  for (size_t i = 0; i < items->count; i++) {
    mst_free(items->list[i].envelope);
    mst_free(items->list[i].saved);
  }
  mst_free(items->list);
  *items = (mst_session_items){0};
}

void
mst_session_init(mst_session *session, const mst_key *key, const mst_clock *clock, const char *hostname, const char *boot_id)
{
  *session = (mst_session){.key = key, .clock = clock};
  mst_random_bytes(session->id.bytes, sizeof session->id.bytes);
  snprintf(session->hostname, sizeof session->hostname, "%s", hostname);
  snprintf(session->boot_id, sizeof session->boot_id, "%s", boot_id);
}

static mst_err
seal(mst_session *session, mst_envelope_kind kind, const mst_buf *body, uint32_t samples, mst_session_items *items, mst_errctx *ctx)
{
  const mst_envelope envelope = {
      .version = MST_WIRE_VERSION,
      .session = session->id,
      .sequence = session->sequence + 1,
      .sent_at = mst_clock_wall(session->clock),
      .kind = kind,
      .body = {body->data, body->size_bytes},
  };
  mst_buf bytes;

  if (items->count == items->capacity) {
    size_t capacity = items->capacity ? items->capacity * 2 : 4;
    mst_spool_item *list = mst_realloc(items->list, capacity, sizeof *list);
    if (!list)
      return mst_fail(ctx, MST_ENOMEM, "out of memory for %zu records", capacity);
    items->list = list;
    items->capacity = capacity;
  }
  mst_buf_init(&bytes, MST_ENVELOPE_MAX_BYTES);
  mst_err err = mst_envelope_encode(&envelope, session->key, &bytes, ctx);
  if (err == MST_OK) {
    mst_spool_item item = {
        .session = session->id, .sequence = envelope.sequence, .samples = samples, .kind = kind, .made_at = envelope.sent_at};
    item.envelope = mst_buf_take(&bytes, &item.size_bytes);
    items->list[items->count++] = item;
    session->sequence++;
  }
  mst_buf_done(&bytes);
  return err;
}

/* One record of `count` series from session->defined on. */
static mst_err
define_some(mst_session *session, const mst_sampler *sampler, uint32_t count, mst_session_items *items, mst_errctx *ctx)
{
  const mst_definitions header = {
      .boot_id = {session->boot_id, strlen(session->boot_id)},
      .agent_version = {MST_VERSION, strlen(MST_VERSION)},
      .hostname = {session->hostname, strlen(session->hostname)},
      .first_id = session->defined,
      .count = count,
  };
  mst_buf body;

  mst_series *series = mst_alloc(count, sizeof *series);
  if (!series)
    return mst_fail(ctx, MST_ENOMEM, "out of memory for the definitions of %u series", count);
  for (uint32_t i = 0; i < count; i++)
    series[i] = *mst_sampler_series_at(sampler, session->defined + i);
  mst_buf_init(&body, MST_ENVELOPE_MAX_BODY_BYTES);
  mst_err err = mst_definitions_encode(&header, series, &body, ctx);
  if (err == MST_OK)
    err = seal(session, MST_ENVELOPE_DEFINITIONS, &body, 0, items, ctx);
  if (err == MST_OK)
    session->defined += count;
  mst_buf_done(&body);
  mst_free(series);
  return err;
}

mst_err
mst_session_define(mst_session *session, const mst_sampler *sampler, mst_session_items *items, mst_errctx *ctx)
{
  const mst_session before = *session;
  const size_t items_before = items->count;
  uint32_t chunk = SERIES_IN_RECORD;
  mst_err err = MST_OK;

  while (err == MST_OK && session->defined < mst_sampler_series_count(sampler)) {
    uint32_t left = mst_sampler_series_count(sampler) - session->defined;
    uint32_t count = left < chunk ? left : chunk;
    err = define_some(session, sampler, count, items, ctx);
    if (err == MST_ELIMIT && count > 1) {
      chunk = count / 2;
      err = MST_OK;
    }
  }
  if (err != MST_OK) {
    *session = before;
    while (items->count > items_before)
      mst_free(items->list[--items->count].envelope);
  }
  return err;
}

mst_err
mst_session_report(mst_session *session, mst_report_writer *writer, const mst_report_header *header, mst_bytes saved,
                   mst_session_items *items, mst_errctx *ctx)
{
  const uint32_t samples = writer->sample_count;
  uint8_t *copy = saved.size_bytes > 0 ? mst_alloc(1, saved.size_bytes) : NULL;
  mst_buf body;

  if (saved.size_bytes > 0 && !copy)
    return mst_fail(ctx, MST_ENOMEM, "out of memory for %zu bytes that collectors save", saved.size_bytes);

  mst_buf_init(&body, MST_ENVELOPE_MAX_BODY_BYTES);
  mst_err err = mst_report_writer_finish(writer, header, &body, ctx);
  if (err == MST_OK)
    err = seal(session, MST_ENVELOPE_REPORT, &body, samples, items, ctx);
  if (err == MST_OK && copy) {
    mst_spool_item *item = &items->list[items->count - 1];
    memcpy(copy, saved.data, saved.size_bytes);
    item->saved = copy;
    item->saved_bytes = saved.size_bytes;
  } else {
    mst_free(copy);
  }
  mst_buf_done(&body);
  return err;
}

mst_err
mst_session_loss(mst_session *session, const mst_loss_range *ranges, uint32_t count, mst_session_items *items, mst_errctx *ctx)
{
  mst_buf body;

  mst_buf_init(&body, MST_ENVELOPE_MAX_BODY_BYTES);
  mst_err err = mst_loss_encode(ranges, count, &body, ctx);
  if (err == MST_OK)
    err = seal(session, MST_ENVELOPE_LOSS, &body, 0, items, ctx);
  mst_buf_done(&body);
  return err;
}

uint64_t
mst_session_skip(mst_session *session)
{
  return ++session->sequence;
}
