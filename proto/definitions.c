/* Definitions of series, and the loss of records. */
#include <mst/proto/report.h>

#include <string.h>

#include "pack.h"
#include "series.h"

enum {
  SERIES_FIELDS = 5,
  DEFINITIONS_FIELDS = 5,
  LOSS_FIELDS = 4,
  HOST_TEXT_MAX_BYTES = 256,
};

const char *
mst_signal_kind_name(mst_signal_kind kind)
{
  static const char *const names[] = {"unknown", "gauge", "counter", "distribution", "state", "event"};

  return names[kind >= MST_SIGNAL_GAUGE && kind <= MST_SIGNAL_EVENT ? kind : 0];
}

static int
compare_text(mst_text a, mst_text b)
{
  size_t shorter = a.size_bytes < b.size_bytes ? a.size_bytes : b.size_bytes;
  int order = shorter > 0 ? memcmp(a.data, b.data, shorter) : 0;

  return order ? order : (a.size_bytes > b.size_bytes) - (a.size_bytes < b.size_bytes);
}

/* What neither encoder nor decoder lets pass. */
static mst_err
check_series(const mst_series *series, mst_errctx *ctx)
{
  if (series->name.size_bytes == 0)
    return mst_fail(ctx, MST_EMALFORMED, "a series without a name");
  if (series->kind < MST_SIGNAL_GAUGE || series->kind > MST_SIGNAL_EVENT)
    return mst_fail(ctx, MST_EMALFORMED, "series %.*s: kind %d is not known", (int)series->name.size_bytes, series->name.data, (int)series->kind);
  if (series->start_at.ns < 0 || (series->kind != MST_SIGNAL_COUNTER && series->start_at.ns != 0))
    return mst_fail(ctx, MST_EMALFORMED, "series %.*s: a start that does not go with its kind", (int)series->name.size_bytes, series->name.data);
  for (uint32_t i = 1; i < series->label_count; i++)
    if (compare_text(series->labels[i - 1].key, series->labels[i].key) >= 0)
      return mst_fail(ctx, MST_EMALFORMED, "series %.*s: labels are not in order, or a key stands twice", (int)series->name.size_bytes,
                      series->name.data);
  return MST_OK;
}

mst_err
mst_series_pack(msgpack_packer *packer, const mst_series *series, mst_errctx *ctx)
{
  if (series->label_count > MST_SERIES_LABELS_MAX || series->name.size_bytes > MST_SERIES_NAME_MAX_BYTES ||
      series->unit.size_bytes > MST_SERIES_UNIT_MAX_BYTES)
    return mst_fail(ctx, MST_ELIMIT, "series %.64s: its name, unit or labels are over a limit", series->name.data ? series->name.data : "");
  for (uint32_t i = 0; i < series->label_count; i++)
    if (series->labels[i].key.size_bytes == 0 || series->labels[i].key.size_bytes > MST_SERIES_LABEL_KEY_MAX_BYTES ||
        series->labels[i].value.size_bytes > MST_SERIES_LABEL_VALUE_MAX_BYTES)
      return mst_fail(ctx, MST_ELIMIT, "series %.*s: label %u is over a limit", (int)series->name.size_bytes, series->name.data, i);
  mst_err err = check_series(series, ctx);
  if (err != MST_OK)
    return err;
  msgpack_pack_array(packer, SERIES_FIELDS);
  mst_pack_text(packer, series->name);
  msgpack_pack_uint32(packer, (uint32_t)series->kind);
  mst_pack_text(packer, series->unit);
  msgpack_pack_int64(packer, series->start_at.ns);
  msgpack_pack_array(packer, (size_t)series->label_count * 2);
  for (uint32_t i = 0; i < series->label_count; i++) {
    mst_pack_text(packer, series->labels[i].key);
    mst_pack_text(packer, series->labels[i].value);
  }
  return MST_OK;
}

static mst_err
read_labels(mst_cursor *cursor, mst_series *series, mst_errctx *ctx)
{
  uint32_t texts;
  mst_err err = mst_cursor_array(cursor, "labels", 0, MST_SERIES_LABELS_MAX * 2, &texts, ctx);

  if (err == MST_OK && texts % 2 != 0)
    err = mst_fail(ctx, MST_EMALFORMED, "labels: a key without a value");
  series->label_count = err == MST_OK ? texts / 2 : 0;
  for (uint32_t i = 0; i < series->label_count && err == MST_OK; i++) {
    err = mst_cursor_text(cursor, "label key", MST_SERIES_LABEL_KEY_MAX_BYTES, &series->labels[i].key, ctx);
    if (err == MST_OK && series->labels[i].key.size_bytes == 0)
      err = mst_fail(ctx, MST_EMALFORMED, "an empty label key");
    if (err == MST_OK)
      err = mst_cursor_text(cursor, "label value", MST_SERIES_LABEL_VALUE_MAX_BYTES, &series->labels[i].value, ctx);
  }
  return err;
}

mst_err
mst_series_read(mst_cursor *cursor, mst_series *ret_series, mst_errctx *ctx)
{
  mst_cursor at = *cursor;
  uint32_t fields;
  uint64_t kind;

  mst_err err = mst_cursor_array(&at, "series", SERIES_FIELDS, SERIES_FIELDS, &fields, ctx);
  if (err == MST_OK)
    err = mst_cursor_text(&at, "series name", MST_SERIES_NAME_MAX_BYTES, &ret_series->name, ctx);
  if (err == MST_OK)
    err = mst_cursor_uint(&at, "series kind", MST_SIGNAL_EVENT, &kind, ctx);
  if (err == MST_OK) {
    ret_series->kind = (mst_signal_kind)kind;
    err = mst_cursor_text(&at, "series unit", MST_SERIES_UNIT_MAX_BYTES, &ret_series->unit, ctx);
  }
  if (err == MST_OK)
    err = mst_cursor_int(&at, "series start", &ret_series->start_at.ns, ctx);
  if (err == MST_OK)
    err = read_labels(&at, ret_series, ctx);
  if (err == MST_OK)
    err = check_series(ret_series, ctx);
  if (err == MST_OK)
    *cursor = at;
  return err;
}

mst_err
mst_definitions_encode(const mst_definitions *header, const mst_series *series, mst_buf *ret_body, mst_errctx *ctx)
{
  msgpack_packer packer;
  mst_err err = MST_OK;

  if (header->count == 0 || header->first_id > MST_SERIES_MAX || header->count > MST_SERIES_MAX - header->first_id)
    return mst_fail(ctx, MST_ELIMIT, "define series %u to %u: at most %d a session", header->first_id, header->first_id + header->count - 1,
                    MST_SERIES_MAX);
  mst_pack_init(&packer, ret_body);
  msgpack_pack_array(&packer, DEFINITIONS_FIELDS);
  mst_pack_text(&packer, header->boot_id);
  mst_pack_text(&packer, header->agent_version);
  mst_pack_text(&packer, header->hostname);
  msgpack_pack_uint32(&packer, header->first_id);
  msgpack_pack_array(&packer, header->count);
  for (uint32_t i = 0; i < header->count && err == MST_OK; i++)
    err = mst_series_pack(&packer, &series[i], ctx);
  return err == MST_OK ? mst_buf_check(ret_body, "definitions", ctx) : err;
}

mst_err
mst_definitions_decode(mst_bytes body, mst_definitions *ret_definitions, mst_errctx *ctx)
{
  mst_definitions found = {0};
  mst_cursor cursor;
  mst_series series;
  uint32_t fields;
  uint64_t first = 0;

  mst_cursor_init(&cursor, body.data, body.size_bytes);
  mst_err err = mst_cursor_array(&cursor, "definitions", DEFINITIONS_FIELDS, DEFINITIONS_FIELDS, &fields, ctx);
  if (err == MST_OK)
    err = mst_cursor_text(&cursor, "boot id", HOST_TEXT_MAX_BYTES, &found.boot_id, ctx);
  if (err == MST_OK)
    err = mst_cursor_text(&cursor, "agent version", HOST_TEXT_MAX_BYTES, &found.agent_version, ctx);
  if (err == MST_OK)
    err = mst_cursor_text(&cursor, "host name", HOST_TEXT_MAX_BYTES, &found.hostname, ctx);
  if (err == MST_OK)
    err = mst_cursor_uint(&cursor, "first id", MST_SERIES_MAX - 1, &first, ctx);
  if (err == MST_OK)
    err = mst_cursor_array(&cursor, "series", 1, MST_SERIES_MAX - (uint32_t)first, &found.count, ctx);
  found.first_id = (uint32_t)first;
  found.rest = cursor;
  for (uint32_t i = 0; i < found.count && err == MST_OK; i++)
    err = mst_series_read(&cursor, &series, ctx);
  if (err == MST_OK)
    err = mst_cursor_end(&cursor, "definitions", ctx);
  if (err == MST_OK)
    *ret_definitions = found;
  return err;
}

mst_err
mst_definitions_next(mst_definitions *definitions, mst_series *ret_series, mst_errctx *ctx)
{
  if (definitions->rest.at == definitions->rest.end)
    return MST_EABSENT;
  return mst_series_read(&definitions->rest, ret_series, ctx);
}

mst_err
mst_loss_encode(const mst_loss_range *ranges, uint32_t count, mst_buf *ret_body, mst_errctx *ctx)
{
  msgpack_packer packer;

  if (count == 0 || count > MST_LOSS_RANGES_MAX)
    return mst_fail(ctx, MST_ELIMIT, "loss of %u ranges; 1 to %d", count, MST_LOSS_RANGES_MAX);
  mst_pack_init(&packer, ret_body);
  msgpack_pack_array(&packer, count);
  for (uint32_t i = 0; i < count; i++) {
    msgpack_pack_array(&packer, LOSS_FIELDS);
    mst_pack_bin(&packer, ranges[i].session.bytes, sizeof ranges[i].session.bytes);
    msgpack_pack_uint64(&packer, ranges[i].first);
    msgpack_pack_uint64(&packer, ranges[i].last);
    msgpack_pack_uint64(&packer, ranges[i].samples);
  }
  return mst_buf_check(ret_body, "loss", ctx);
}

static mst_err
read_loss(mst_cursor *cursor, mst_loss_range *ret_range, mst_errctx *ctx)
{
  uint32_t fields;
  mst_bytes session;
  mst_err err = mst_cursor_array(cursor, "loss range", LOSS_FIELDS, LOSS_FIELDS, &fields, ctx);

  if (err == MST_OK)
    err = mst_cursor_bin(cursor, "loss session", MST_SESSION_BYTES, MST_SESSION_BYTES, &session, ctx);
  if (err == MST_OK)
    memcpy(ret_range->session.bytes, session.data, MST_SESSION_BYTES);
  if (err == MST_OK)
    err = mst_cursor_uint(cursor, "first lost", INT64_MAX, &ret_range->first, ctx);
  if (err == MST_OK)
    err = mst_cursor_uint(cursor, "last lost", INT64_MAX, &ret_range->last, ctx);
  if (err == MST_OK)
    err = mst_cursor_uint(cursor, "lost samples", INT64_MAX, &ret_range->samples, ctx);
  if (err == MST_OK && (ret_range->first == 0 || ret_range->last < ret_range->first))
    err = mst_fail(ctx, MST_EMALFORMED, "loss range %llu to %llu", (unsigned long long)ret_range->first, (unsigned long long)ret_range->last);
  return err;
}

mst_err
mst_loss_decode(mst_bytes body, mst_loss_range ret_ranges[static MST_LOSS_RANGES_MAX], uint32_t *ret_count, mst_errctx *ctx)
{
  mst_cursor cursor;
  uint32_t count;

  mst_cursor_init(&cursor, body.data, body.size_bytes);
  mst_err err = mst_cursor_array(&cursor, "loss", 1, MST_LOSS_RANGES_MAX, &count, ctx);
  for (uint32_t i = 0; err == MST_OK && i < count; i++)
    err = read_loss(&cursor, &ret_ranges[i], ctx);
  if (err == MST_OK)
    err = mst_cursor_end(&cursor, "loss", ctx);
  if (err == MST_OK)
    *ret_count = count;
  return err;
}
