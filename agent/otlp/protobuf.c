/* OTLP's requests in Protocol Buffers: only the fields that are counted, none of the messages is built. Field numbers: opentelemetry-proto
 * 1.45 (collector/trace/v1, collector/metrics/v1, trace/v1, metrics/v1, common/v1, resource/v1). Each function reads one message; the depth
 * is that of these functions, since values of attributes are taken as bytes. */
#include "tally.h"

#include <string.h>

#include "wire.h"

/* What a set of attributes came to. */
typedef struct attributes {
  uint8_t required;
  uint64_t hash;
} attributes;

static mst_err
check(const mst_wire *wire, const char *what, mst_errctx *ctx)
{
  return wire->is_broken ? mst_fail(ctx, MST_EMALFORMED, "the body is no OTLP in Protocol Buffers: its %s is broken", what) : MST_OK;
}

static mst_wire
inside(const mst_wire_field *field)
{
  return mst_wire_of(field->data, field->size_bytes);
}

/* KeyValue: 1 key, 2 value. */
static mst_err
read_attribute(const mst_wire_field *message, const mst_otlp_wanted *wanted, attributes *all, mst_errctx *ctx)
{
  mst_wire wire = inside(message);
  mst_wire_field field, key = {0}, value = {0};

  while (mst_wire_next(&wire, &field)) {
    if (field.number == 1 && mst_wire_is(&wire, &field, MST_WIRE_BYTES))
      key = field;
    else if (field.number == 2 && mst_wire_is(&wire, &field, MST_WIRE_BYTES))
      value = field;
  }
  all->required = (uint8_t)(all->required | mst_otlp_required(wanted, (const char *)key.data, key.size_bytes));
  all->hash += mst_otlp_hash_pair(mst_otlp_hash(0, key.data, key.size_bytes), mst_otlp_hash(0, value.data, value.size_bytes));
  return check(&wire, "attribute", ctx);
}

/* A message whose attributes stand in that field: Resource (1). */
static mst_err
read_attributes(const mst_wire_field *message, uint32_t number, const mst_otlp_wanted *wanted, attributes *all, mst_errctx *ctx)
{
  mst_wire wire = inside(message);
  mst_wire_field field;
  mst_err err = MST_OK;

  while (err == MST_OK && mst_wire_next(&wire, &field)) {
    if (field.number == number && mst_wire_is(&wire, &field, MST_WIRE_BYTES))
      err = read_attribute(&field, wanted, all, ctx);
  }
  return err != MST_OK ? err : check(&wire, "resource", ctx);
}

/* Status: 3 code. */
static mst_err
read_status(const mst_wire_field *message, mst_otlp_span *span, mst_errctx *ctx)
{
  mst_wire wire = inside(message);
  mst_wire_field field;

  while (mst_wire_next(&wire, &field)) {
    if (field.number == 3 && mst_wire_is(&wire, &field, MST_WIRE_VARINT))
      span->status = field.value;
  }
  return check(&wire, "status", ctx);
}

static bool
is_id(const mst_wire_field *field, size_t size_bytes)
{
  uint8_t any = 0;

  for (size_t i = 0; i < field->size_bytes; i++)
    any |= field->data[i];
  return field->size_bytes == size_bytes && any != 0;
}

/* Span: 1 trace_id, 2 span_id, 4 parent_span_id, 6 kind, 9 attributes, 15 status. */
static mst_err
read_span(const mst_wire_field *message, mst_otlp_tally *tally, mst_errctx *ctx)
{
  mst_wire wire = inside(message);
  mst_wire_field field;
  mst_otlp_span span = {0};
  attributes all = {0};
  mst_err err = MST_OK;

  while (err == MST_OK && mst_wire_next(&wire, &field)) {
    switch (field.number) {
    case 1:
      span.has_trace_id = mst_wire_is(&wire, &field, MST_WIRE_BYTES) && is_id(&field, MST_OTLP_TRACE_ID_BYTES);
      break;
    case 2:
      span.has_span_id = mst_wire_is(&wire, &field, MST_WIRE_BYTES) && is_id(&field, MST_OTLP_SPAN_ID_BYTES);
      break;
    case 4:
      span.has_parent = mst_wire_is(&wire, &field, MST_WIRE_BYTES) && is_id(&field, field.size_bytes);
      break;
    case 6:
      span.kind = mst_wire_is(&wire, &field, MST_WIRE_VARINT) ? field.value : 0;
      break;
    case 9:
      err = mst_wire_is(&wire, &field, MST_WIRE_BYTES) ? read_attribute(&field, tally->wanted, &all, ctx) : MST_OK;
      break;
    case 15:
      err = mst_wire_is(&wire, &field, MST_WIRE_BYTES) ? read_status(&field, &span, ctx) : MST_OK;
      break;
    default:
      break;
    }
  }
  if (err == MST_OK)
    err = check(&wire, "span", ctx);
  span.attributes = all.required;
  if (err == MST_OK)
    mst_otlp_tally_span(tally, &span);
  return err;
}

/* ScopeSpans: 2 spans. */
static mst_err
read_scope_spans(const mst_wire_field *message, mst_otlp_tally *tally, mst_errctx *ctx)
{
  mst_wire wire = inside(message);
  mst_wire_field field;
  mst_err err = MST_OK;

  while (err == MST_OK && mst_wire_next(&wire, &field)) {
    if (field.number == 2 && mst_wire_is(&wire, &field, MST_WIRE_BYTES))
      err = read_span(&field, tally, ctx);
  }
  return err != MST_OK ? err : check(&wire, "list of spans", ctx);
}

/* Where the fields of a kind of data point stand; 0: it has none such. */
typedef struct point_kind {
  uint32_t number; /* of the data in Metric */
  uint32_t attributes, as_double, as_int, count, flags, temporality, is_monotonic;
} point_kind;

static const point_kind kinds[] = {
    {.number = 5, .attributes = 7, .as_double = 4, .as_int = 6, .flags = 8},                                      /* gauge */
    {.number = 7, .attributes = 7, .as_double = 4, .as_int = 6, .flags = 8, .temporality = 2, .is_monotonic = 3}, /* sum */
    {.number = 9, .attributes = 9, .count = 4, .flags = 10, .temporality = 2},                                    /* histogram */
    {.number = 10, .attributes = 1, .count = 4, .flags = 10, .temporality = 2}, /* exponential histogram */
    {.number = 11, .attributes = 7, .count = 4, .flags = 8},                    /* summary */
};

static double
double_of(uint64_t bits)
{
  double value;

  memcpy(&value, &bits, sizeof value);
  return value;
}

/* All kinds: 2 start_time_unix_nano, 3 time_unix_nano. A point without a value, or whose flags say so, is passed over. */
static mst_err
read_request_point(const mst_wire_field *message, const point_kind *kind, mst_otlp_tally *tally, mst_errctx *ctx)
{
  mst_wire wire = inside(message);
  mst_wire_field field;
  mst_otlp_point point = {0};
  attributes all = {0};
  bool has_value = kind->count != 0, is_without = false;
  mst_err err = MST_OK;

  while (err == MST_OK && mst_wire_next(&wire, &field)) {
    uint32_t number = field.number;

    if (number == 2 || number == 3) {
      if (mst_wire_is(&wire, &field, MST_WIRE_FIXED64))
        *(number == 2 ? &point.start_ns : &point.time_ns) = field.value;
    } else if (number == kind->attributes) {
      err = mst_wire_is(&wire, &field, MST_WIRE_BYTES) ? read_attribute(&field, tally->wanted, &all, ctx) : MST_OK;
    } else if (number == kind->as_double || number == kind->as_int || number == kind->count) {
      has_value = mst_wire_is(&wire, &field, MST_WIRE_FIXED64);
      point.value = number == kind->as_double ? double_of(field.value)
                    : number == kind->as_int  ? (double)(int64_t)field.value
                                              : (double)field.value;
    } else if (number == kind->flags) {
      is_without = mst_wire_is(&wire, &field, MST_WIRE_VARINT) && (field.value & 1) != 0;
    }
  }
  if (err == MST_OK)
    err = check(&wire, "data point", ctx);
  point.series = all.hash;
  return err != MST_OK || !has_value || is_without ? err : mst_otlp_tally_request(tally, &point, ctx);
}

/* Gauge, Sum, Histogram, ...: 1 data_points. */
static mst_err
read_data(const mst_wire_field *message, const point_kind *kind, bool is_of_requests, mst_otlp_tally *tally, mst_errctx *ctx)
{
  mst_wire wire = inside(message);
  mst_wire_field field;
  size_t first = tally->request_count;
  uint64_t temporality = 0, is_monotonic = kind->is_monotonic == 0;
  mst_err err = MST_OK;

  while (err == MST_OK && mst_wire_next(&wire, &field)) {
    if (field.number == 1 && mst_wire_is(&wire, &field, MST_WIRE_BYTES)) {
      tally->points++;
      err = is_of_requests ? read_request_point(&field, kind, tally, ctx) : MST_OK;
    } else if (field.number == kind->temporality) {
      temporality = mst_wire_is(&wire, &field, MST_WIRE_VARINT) ? field.value : 0;
    } else if (field.number == kind->is_monotonic) {
      is_monotonic = mst_wire_is(&wire, &field, MST_WIRE_VARINT) ? field.value : 0;
    }
  }
  if (err == MST_OK && is_of_requests)
    mst_otlp_tally_metric(tally, first, is_monotonic ? temporality : 0);
  return err != MST_OK ? err : check(&wire, "metric", ctx);
}

/* Metric: 1 name, and one of the kinds. */
static mst_err
read_metric(const mst_wire_field *message, mst_otlp_tally *tally, mst_errctx *ctx)
{
  const char *wanted = tally->wanted->requests_metric;
  mst_wire wire = inside(message);
  mst_wire_field field, name = {0}, data = {0};
  const point_kind *kind = NULL;

  while (mst_wire_next(&wire, &field)) {
    if (field.number == 1 && mst_wire_is(&wire, &field, MST_WIRE_BYTES))
      name = field;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
      if (field.number == kinds[i].number && mst_wire_is(&wire, &field, MST_WIRE_BYTES)) {
        kind = &kinds[i];
        data = field;
      }
    }
  }
  mst_err err = check(&wire, "metric", ctx);
  bool is_of_requests = wanted && name.data && strlen(wanted) == name.size_bytes && memcmp(wanted, name.data, name.size_bytes) == 0;
  return err != MST_OK || !kind ? err : read_data(&data, kind, is_of_requests, tally, ctx);
}

/* InstrumentationScope: 1 name, 2 version. */
static mst_err
read_scope(const mst_wire_field *message, uint64_t *hash, mst_errctx *ctx)
{
  mst_wire wire = inside(message);
  mst_wire_field field;

  while (mst_wire_next(&wire, &field)) {
    if ((field.number == 1 || field.number == 2) && mst_wire_is(&wire, &field, MST_WIRE_BYTES))
      *hash += mst_otlp_hash_pair(field.number, mst_otlp_hash(0, field.data, field.size_bytes));
  }
  return check(&wire, "scope", ctx);
}

/* ScopeMetrics: 1 scope, 2 metrics. */
static mst_err
read_scope_metrics(const mst_wire_field *message, mst_otlp_tally *tally, mst_errctx *ctx)
{
  mst_wire wire = inside(message);
  mst_wire_field field;
  size_t first = tally->request_count;
  uint64_t scope = 0;
  mst_err err = MST_OK;

  while (err == MST_OK && mst_wire_next(&wire, &field)) {
    if ((field.number == 1 || field.number == 2) && mst_wire_is(&wire, &field, MST_WIRE_BYTES))
      err = field.number == 1 ? read_scope(&field, &scope, ctx) : read_metric(&field, tally, ctx);
  }
  mst_otlp_tally_scope(tally, first, scope);
  return err != MST_OK ? err : check(&wire, "list of metrics", ctx);
}

typedef mst_err (*read_part)(const mst_wire_field *message, mst_otlp_tally *tally, mst_errctx *ctx);

/* ResourceSpans and ResourceMetrics: 1 resource, 2 scope_spans or scope_metrics. */
static mst_err
read_resource(const mst_wire_field *message, read_part read, mst_otlp_tally *tally, mst_errctx *ctx)
{
  mst_wire wire = inside(message);
  mst_wire_field field;
  size_t first = tally->request_count;
  attributes all = {0};
  mst_err err = MST_OK;

  while (err == MST_OK && mst_wire_next(&wire, &field)) {
    if ((field.number == 1 || field.number == 2) && mst_wire_is(&wire, &field, MST_WIRE_BYTES))
      err = field.number == 1 ? read_attributes(&field, 1, tally->wanted, &all, ctx) : read(&field, tally, ctx);
  }
  mst_otlp_tally_resource(tally, first, all.required, all.hash);
  return err != MST_OK ? err : check(&wire, "resource", ctx);
}

/* Both requests: 1, a list of resources. */
static mst_err
read_request(const uint8_t *body, size_t size_bytes, read_part read, mst_otlp_tally *tally, mst_errctx *ctx)
{
  mst_wire wire = mst_wire_of(body, size_bytes);
  mst_wire_field field;
  mst_err err = MST_OK;

  while (err == MST_OK && mst_wire_next(&wire, &field)) {
    if (field.number == 1 && mst_wire_is(&wire, &field, MST_WIRE_BYTES))
      err = read_resource(&field, read, tally, ctx);
  }
  return err != MST_OK ? err : check(&wire, "request", ctx);
}

mst_err
mst_otlp_read_protobuf_traces(const uint8_t *body, size_t size_bytes, mst_otlp_tally *tally, mst_errctx *ctx)
{
  return read_request(body, size_bytes, read_scope_spans, tally, ctx);
}

mst_err
mst_otlp_read_protobuf_metrics(const uint8_t *body, size_t size_bytes, mst_otlp_tally *tally, mst_errctx *ctx)
{
  return read_request(body, size_bytes, read_scope_metrics, tally, ctx);
}
