/* Series definitions, once per session. Layout: docs/wire-format.md. */
#include <mst/proto/report.h>

#include <string.h>

#include "pack.h"
#include "text.h"

enum { DEFINITIONS_ELEMENTS = 5, SERIES_ELEMENTS = 5 };

const char *
mst_signal_kind_name(mst_signal_kind kind)
{
  static const char *const names[] = {
      [MST_SIGNAL_GAUGE] = "gauge", [MST_SIGNAL_COUNTER] = "counter", [MST_SIGNAL_DISTRIBUTION] = "distribution",
      [MST_SIGNAL_STATE] = "state", [MST_SIGNAL_EVENT] = "event",
  };

  return kind >= MST_SIGNAL_GAUGE && kind <= MST_SIGNAL_EVENT ? names[kind] : "unknown";
}

static mst_err
check_kind(uint64_t kind, int64_t start_at_ns, mst_errctx *ctx)
{
  if (kind < MST_SIGNAL_GAUGE || kind > MST_SIGNAL_EVENT)
    return mst_fail(ctx, MST_EMALFORMED, "series.kind: %llu is none", (unsigned long long)kind);
  if (start_at_ns < 0 || (start_at_ns > 0 && kind != MST_SIGNAL_COUNTER))
    return mst_fail(ctx, MST_EMALFORMED, "series.start_at: %lld; it must be 0 but for counters, which may have a time after 1970",
                    (long long)start_at_ns);
  return MST_OK;
}

static mst_err
check_series(const mst_series *series, mst_errctx *ctx)
{
  mst_err err = mst_text_check(series->name, "series.name", 1, MST_SERIES_NAME_MAX_BYTES, ctx);
  if (err == MST_OK)
    err = check_kind(series->kind, series->start_at.ns, ctx);
  if (err == MST_OK)
    err = mst_text_check(series->unit, "series.unit", 0, MST_SERIES_UNIT_MAX_BYTES, ctx);
  if (err == MST_OK && series->label_count > MST_SERIES_LABELS_MAX)
    err = mst_fail(ctx, MST_ELIMIT, "series.labels: %u, at most %d are allowed", series->label_count, MST_SERIES_LABELS_MAX);
  for (uint32_t i = 0; err == MST_OK && i < series->label_count; i++) {
    const mst_label *label = &series->labels[i];
    err = mst_text_check(label->key, "series.labels key", 1, MST_SERIES_LABEL_KEY_MAX_BYTES, ctx);
    if (err == MST_OK)
      err = mst_text_check(label->value, "series.labels value", 0, MST_SERIES_LABEL_VALUE_MAX_BYTES, ctx);
    if (err == MST_OK && i > 0 && mst_text_compare(series->labels[i - 1].key, label->key) >= 0)
      err = mst_fail(ctx, MST_EMALFORMED, "series.labels key: \"%.*s\" is out of order or stands twice", (int)label->key.size_bytes,
                     label->key.data);
  }
  return err;
}

static mst_err
check_range(uint64_t first_id, uint64_t count, mst_errctx *ctx)
{
  if (first_id > MST_SERIES_MAX || count > MST_SERIES_MAX - first_id)
    return mst_fail(ctx, MST_ELIMIT, "definitions: ids %llu and %llu more; a session has at most %d series", (unsigned long long)first_id,
                    (unsigned long long)count, MST_SERIES_MAX);
  return MST_OK;
}

static void
pack_series(msgpack_packer *pack, const mst_series *series)
{
  msgpack_pack_array(pack, SERIES_ELEMENTS);
  mst_pack_text(pack, series->name);
  msgpack_pack_uint8(pack, (uint8_t)series->kind);
  mst_pack_text(pack, series->unit);
  msgpack_pack_int64(pack, series->start_at.ns);
  msgpack_pack_map(pack, series->label_count);
  for (uint32_t i = 0; i < series->label_count; i++) {
    mst_pack_text(pack, series->labels[i].key);
    mst_pack_text(pack, series->labels[i].value);
  }
}

mst_err
mst_definitions_encode(const mst_definitions *header, const mst_series *series, mst_buf *ret_body, mst_errctx *ctx)
{
  size_t start = ret_body->size_bytes;
  msgpack_packer pack = mst_pack_onto(ret_body);

  mst_err err = check_range(header->first_id, header->count, ctx);
  if (err == MST_OK)
    err = mst_text_check(header->boot_id, "definitions.boot_id", 0, MST_BOOT_ID_MAX_BYTES, ctx);
  if (err == MST_OK)
    err = mst_text_check(header->agent_version, "definitions.agent_version", 0, MST_AGENT_VERSION_MAX_BYTES, ctx);
  if (err == MST_OK)
    err = mst_text_check(header->hostname, "definitions.hostname", 0, MST_HOSTNAME_MAX_BYTES, ctx);
  if (err != MST_OK)
    return err;
  msgpack_pack_array(&pack, DEFINITIONS_ELEMENTS);
  mst_pack_text(&pack, header->boot_id);
  mst_pack_text(&pack, header->agent_version);
  mst_pack_text(&pack, header->hostname);
  msgpack_pack_uint32(&pack, header->first_id);
  msgpack_pack_array(&pack, header->count);
  for (uint32_t i = 0; err == MST_OK && i < header->count; i++) {
    err = check_series(&series[i], ctx);
    if (err == MST_OK)
      pack_series(&pack, &series[i]);
  }
  if (err == MST_OK && ret_body->size_bytes - start > MST_ENVELOPE_MAX_BODY_BYTES)
    err = mst_fail(ctx, MST_ELIMIT, "definitions: over %d bytes; write fewer series a record", MST_ENVELOPE_MAX_BODY_BYTES);
  return mst_pack_finish(ret_body, start, err, "definitions", ctx);
}

static mst_err
read_labels(mst_cursor *cursor, mst_series *series, mst_errctx *ctx)
{
  mst_text previous = {0};

  mst_err err = mst_cursor_map(cursor, "series.labels", MST_SERIES_LABELS_MAX, &series->label_count, ctx);
  for (uint32_t i = 0; err == MST_OK && i < series->label_count; i++) {
    err = mst_text_read_key(cursor, "series.labels key", MST_SERIES_LABEL_KEY_MAX_BYTES, &previous, ctx);
    series->labels[i].key = previous;
    if (err == MST_OK)
      err = mst_cursor_text(cursor, "series.labels value", MST_SERIES_LABEL_VALUE_MAX_BYTES, &series->labels[i].value, ctx);
  }
  return err;
}

static mst_err
read_series(mst_cursor *cursor, mst_series *series, mst_errctx *ctx)
{
  uint32_t elements;
  uint64_t kind = 0, start_at = 0;

  mst_err err = mst_cursor_array(cursor, "series", SERIES_ELEMENTS, SERIES_ELEMENTS, &elements, ctx);
  if (err == MST_OK)
    err = mst_cursor_text(cursor, "series.name", MST_SERIES_NAME_MAX_BYTES, &series->name, ctx);
  if (err == MST_OK && series->name.size_bytes == 0)
    err = mst_fail(ctx, MST_EMALFORMED, "series.name: is empty");
  if (err == MST_OK)
    err = mst_cursor_uint(cursor, "series.kind", UINT32_MAX, &kind, ctx);
  if (err == MST_OK)
    err = mst_cursor_text(cursor, "series.unit", MST_SERIES_UNIT_MAX_BYTES, &series->unit, ctx);
  if (err == MST_OK)
    err = mst_cursor_uint(cursor, "series.start_at", INT64_MAX, &start_at, ctx);
  if (err == MST_OK)
    err = check_kind(kind, (int64_t)start_at, ctx);
  if (err == MST_OK)
    err = read_labels(cursor, series, ctx);
  series->kind = (mst_signal_kind)kind;
  series->start_at.ns = (int64_t)start_at;
  return err;
}

static mst_err
read_header(mst_cursor *cursor, mst_definitions *definitions, mst_errctx *ctx)
{
  uint32_t elements;
  uint64_t first_id = 0;

  mst_err err = mst_cursor_array(cursor, "definitions", DEFINITIONS_ELEMENTS, DEFINITIONS_ELEMENTS, &elements, ctx);
  if (err == MST_OK)
    err = mst_cursor_text(cursor, "definitions.boot_id", MST_BOOT_ID_MAX_BYTES, &definitions->boot_id, ctx);
  if (err == MST_OK)
    err = mst_cursor_text(cursor, "definitions.agent_version", MST_AGENT_VERSION_MAX_BYTES, &definitions->agent_version, ctx);
  if (err == MST_OK)
    err = mst_cursor_text(cursor, "definitions.hostname", MST_HOSTNAME_MAX_BYTES, &definitions->hostname, ctx);
  if (err == MST_OK)
    err = mst_cursor_uint(cursor, "definitions.first_id", MST_SERIES_MAX, &first_id, ctx);
  if (err == MST_OK)
    err = mst_cursor_array(cursor, "definitions.series", 0, MST_SERIES_MAX, &definitions->count, ctx);
  if (err == MST_OK)
    err = check_range(first_id, definitions->count, ctx);
  definitions->first_id = (uint32_t)first_id;
  return err;
}

mst_err
mst_definitions_decode(mst_bytes body, mst_definitions *ret_definitions, mst_errctx *ctx)
{
  mst_definitions definitions = {0};
  mst_series series;
  mst_cursor cursor;

  if (body.size_bytes > MST_ENVELOPE_MAX_BODY_BYTES)
    return mst_fail(ctx, MST_ELIMIT, "definitions: %zu bytes long, at most %d are allowed", body.size_bytes, MST_ENVELOPE_MAX_BODY_BYTES);
  mst_cursor_init(&cursor, body.data, body.size_bytes);
  mst_err err = read_header(&cursor, &definitions, ctx);
  definitions.rest = cursor;
  for (uint32_t i = 0; err == MST_OK && i < definitions.count; i++)
    err = read_series(&cursor, &series, ctx);
  if (err == MST_OK)
    err = mst_cursor_end(&cursor, "definitions", ctx);
  if (err == MST_OK)
    *ret_definitions = definitions;
  return err;
}

mst_err
mst_definitions_next(mst_definitions *definitions, mst_series *ret_series, mst_errctx *ctx)
{
  /* Decode has read every series once, so this cannot fail for what it gave. */
  if (definitions->rest.at == definitions->rest.end)
    return MST_EABSENT;
  return read_series(&definitions->rest, ret_series, ctx);
}
