/* OTLP's requests in JSON, read as they stream by: only the fields that are counted, no tree. The tables follow the same schema as
 * protobuf.c, with the names and the exceptions (ids in hexadecimal, enumerations as numbers) of the OTLP specification's JSON encoding. */
#include "tally.h"

#include <stdio.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "json_schema.h"

enum { DEPTH_MAX = 64 };

typedef struct frame {
  mst_otlp_place place;
  bool is_array; /* of such objects */
} frame;

typedef struct attributes {
  uint8_t required;
  uint64_t hash;
} attributes;

typedef struct reader {
  mst_otlp_tally *tally;
  mst_errctx *ctx;
  mst_err err;
  mst_otlp_place root;
  frame frames[DEPTH_MAX];
  size_t depth;
  const mst_otlp_member *next; /* whose value comes next; NULL: of no interest */
  size_t resource_first, scope_first, metric_first;
  attributes of_resource, of_span, of_point;
  uint64_t scope_hash, key_hash, value_hash;
  uint8_t key_bits;
  mst_otlp_span span;
  mst_otlp_point point;
  bool has_value, is_without_value;
  bool is_of_requests; /* the metric's name is that of requests_metric */
  bool has_data, is_sum, is_monotonic;
  uint64_t temporality;
} reader;

static int
refuse(reader *read, const char *why)
{
  if (read->err == MST_OK)
    read->err = mst_fail(read->ctx, MST_EMALFORMED, "the body is no OTLP in JSON: %s", why);
  return 0;
}

static int
refuse_member(reader *read, const mst_otlp_member *member)
{
  char why[64];

  snprintf(why, sizeof why, "\"%s\" has a value of another type", member->key);
  return refuse(read, why);
}

static void
begin(reader *read, mst_otlp_place what, mst_otlp_name name)
{
  size_t count = read->tally->request_count;

  switch (what) {
  case RESOURCE_SPANS:
  case RESOURCE_METRICS:
    read->of_resource = (attributes){0};
    read->resource_first = count;
    break;
  case SCOPE_METRICS:
    read->scope_hash = 0;
    read->scope_first = count;
    break;
  case SPAN:
    read->span = (mst_otlp_span){0};
    read->of_span = (attributes){0};
    break;
  case METRIC:
    read->is_of_requests = read->has_data = false;
    read->metric_first = count;
    break;
  case DATA:
    read->has_data = true;
    read->is_sum = name == SUM;
    read->is_monotonic = false;
    read->temporality = 0;
    break;
  case POINT:
    read->point = (mst_otlp_point){0};
    read->of_point = (attributes){0};
    read->has_value = read->is_without_value = false;
    break;
  case ATTRIBUTE:
    read->key_hash = read->value_hash = 0;
    read->key_bits = 0;
    break;
  default:
    break;
  }
}

static void
end_attribute(reader *read)
{
  mst_otlp_place owner = read->frames[read->depth - 2].place; /* below the array */
  attributes *all = owner == RESOURCE ? &read->of_resource : owner == SPAN ? &read->of_span : &read->of_point;

  all->required |= read->key_bits;
  all->hash += mst_otlp_hash_pair(read->key_hash, read->value_hash);
}

/* The points of every metric are kept until its name is known, which may come last. */
static void
end_metric(reader *read)
{
  mst_otlp_tally *tally = read->tally;

  if (!read->is_of_requests)
    tally->request_count = read->metric_first;
  else if (read->has_data)
    mst_otlp_tally_metric(tally, read->metric_first, read->is_sum && !read->is_monotonic ? 0 : read->temporality);
}

static void
end_point(reader *read)
{
  mst_otlp_tally *tally = read->tally;
  uint64_t untaken = tally->untaken;

  tally->points++;
  if (!tally->wanted->requests_metric || !read->has_value || read->is_without_value)
    return;
  read->point.series = read->of_point.hash;
  read->err = mst_otlp_tally_request(tally, &read->point, read->ctx);
  /* Of another metric, whose name is known already, none is missed. */
  if (!read->is_of_requests)
    tally->untaken = untaken;
}

static void
end(reader *read, mst_otlp_place what)
{
  switch (what) {
  case RESOURCE_SPANS:
  case RESOURCE_METRICS:
    mst_otlp_tally_resource(read->tally, read->resource_first, read->of_resource.required, read->of_resource.hash);
    break;
  case SCOPE_METRICS:
    mst_otlp_tally_scope(read->tally, read->scope_first, read->scope_hash);
    break;
  case SPAN:
    read->span.attributes = read->of_span.required;
    mst_otlp_tally_span(read->tally, &read->span);
    break;
  case METRIC:
    end_metric(read);
    break;
  case POINT:
    end_point(read);
    break;
  case ATTRIBUTE:
    end_attribute(read);
    break;
  default:
    break;
  }
}

static bool
is_opaque(mst_otlp_place what)
{
  return what == VALUE || what == OTHER;
}

static void
add(reader *read, const void *data, size_t size_bytes)
{
  if (read->depth > 0 && read->frames[read->depth - 1].place == VALUE)
    read->value_hash = mst_otlp_hash(read->value_hash, data, size_bytes);
}

static int
open_one(reader *read, mst_otlp_shape shape)
{
  const frame *top = read->depth > 0 ? &read->frames[read->depth - 1] : NULL;
  frame made = {.is_array = shape == ARRAY};
  mst_otlp_name name = NAMELESS;

  if (read->depth == DEPTH_MAX)
    return refuse(read, "it is nested deeper than 64");
  if (!top) {
    if (shape != OBJECT)
      return refuse(read, "it does not begin with {");
    made.place = read->root;
  } else if (is_opaque(top->place)) {
    made.place = top->place;
    add(read, shape == OBJECT ? "{" : "[", 1);
  } else if (top->is_array) {
    if (shape != OBJECT)
      return refuse(read, "a list stands where an object should");
    made.place = top->place;
  } else if (!read->next) {
    made.place = OTHER;
  } else if (read->next->shape != shape) {
    return refuse_member(read, read->next);
  } else {
    made.place = read->next->what;
    name = read->next->name;
  }
  read->frames[read->depth++] = made;
  if (shape == OBJECT && !(top && is_opaque(top->place)))
    begin(read, made.place, name);
  read->next = NULL;
  return 1;
}

static int
close_one(reader *read)
{
  frame closed = read->frames[--read->depth];

  add(read, "}", 1); /* lists and objects differ where they open */
  if (!closed.is_array)
    end(read, closed.place);
  read->next = NULL;
  return read->err == MST_OK;
}

static int
on_map(void *arg)
{
  return open_one(arg, OBJECT);
}

static int
on_array(void *arg)
{
  return open_one(arg, ARRAY);
}

static int
on_end(void *arg)
{
  return close_one(arg);
}

static int
on_key(void *arg, const unsigned char *key, size_t size_bytes)
{
  reader *read = arg;
  mst_otlp_place in = read->frames[read->depth - 1].place;

  read->next = NULL;
  add(read, key, size_bytes);
  add(read, ":", 1);
  if (!is_opaque(in))
    read->next = mst_otlp_member_find(in, (const char *)key, size_bytes);
  return 1;
}

static bool
set_of_span(reader *read, mst_otlp_name name, const mst_otlp_scalar *value)
{
  mst_otlp_span *span = &read->span;

  switch (name) {
  case TRACE_ID:
    span->has_trace_id = mst_otlp_is_id(value, MST_OTLP_TRACE_ID_BYTES);
    return value->type == TEXT;
  case SPAN_ID:
    span->has_span_id = mst_otlp_is_id(value, MST_OTLP_SPAN_ID_BYTES);
    return value->type == TEXT;
  case PARENT_ID:
    span->has_parent = mst_otlp_is_id(value, 0);
    return value->type == TEXT;
  case KIND:
    return mst_otlp_take_enumerator(value, &span->kind);
  default:
    return mst_otlp_take_enumerator(value, &span->status);
  }
}

static bool
set_of_point(reader *read, mst_otlp_name name, const mst_otlp_scalar *value)
{
  uint64_t number = 0;

  switch (name) {
  case START:
    return mst_otlp_take_unsigned(value, &read->point.start_ns);
  case TIME:
    return mst_otlp_take_unsigned(value, &read->point.time_ns);
  case FLAGS:
    if (!mst_otlp_take_unsigned(value, &number))
      return false;
    read->is_without_value = (number & 1) != 0;
    return true;
  default:
    read->has_value = true;
    return mst_otlp_take_double(value, &read->point.value);
  }
}

static bool
set(reader *read, mst_otlp_name name, const mst_otlp_scalar *value)
{
  const mst_otlp_wanted *wanted = read->tally->wanted;
  bool is_text = value->type == TEXT;

  switch (name) {
  case METRIC_NAME:
    read->is_of_requests = is_text && wanted->requests_metric && strlen(wanted->requests_metric) == value->size_bytes &&
                           memcmp(wanted->requests_metric, value->text, value->size_bytes) == 0;
    return is_text;
  case KEY:
    read->key_hash = mst_otlp_hash(0, value->text, value->size_bytes);
    read->key_bits = is_text ? mst_otlp_required(wanted, value->text, value->size_bytes) : 0;
    return is_text;
  case SCOPE_TEXT:
    read->scope_hash += mst_otlp_hash_pair((uint64_t)read->next->key[0], mst_otlp_hash(0, value->text, value->size_bytes));
    return is_text;
  case TEMPORALITY:
    return mst_otlp_take_enumerator(value, &read->temporality);
  case IS_MONOTONIC:
    read->is_monotonic = value->size_bytes == 4;
    return value->type == BOOLEAN;
  case TRACE_ID:
  case SPAN_ID:
  case PARENT_ID:
  case KIND:
  case CODE:
    return set_of_span(read, name, value);
  default:
    return set_of_point(read, name, value);
  }
}

static int
take(reader *read, mst_otlp_scalar value)
{
  const mst_otlp_member *next = read->next;

  add(read, &"snb0"[value.type], 1);
  add(read, value.text, value.size_bytes);
  if (read->depth == 0)
    return refuse(read, "it does not begin with {");
  const frame *top = &read->frames[read->depth - 1];
  if (is_opaque(top->place))
    return 1;
  if (top->is_array)
    return refuse(read, "something else stands where an object should");
  if (next && value.type != NOTHING && (next->shape != SCALAR || !set(read, next->name, &value)))
    return refuse_member(read, next);
  read->next = NULL;
  return 1;
}

static int
on_null(void *arg)
{
  return take(arg, (mst_otlp_scalar){NOTHING, "", 0});
}

static int
on_boolean(void *arg, int value)
{
  return take(arg, value ? (mst_otlp_scalar){BOOLEAN, "true", 4} : (mst_otlp_scalar){BOOLEAN, "false", 5});
}

static int
on_number(void *arg, const char *text, size_t size_bytes)
{
  return take(arg, (mst_otlp_scalar){NUMBER, text, size_bytes});
}

static int
on_text(void *arg, const unsigned char *text, size_t size_bytes)
{
  return take(arg, (mst_otlp_scalar){TEXT, (const char *)text, size_bytes});
}

static mst_err
read_json(mst_otlp_place root, const uint8_t *body, size_t size_bytes, mst_otlp_tally *tally, mst_errctx *ctx)
{
  static const yajl_callbacks callbacks = {
      .yajl_null = on_null,
      .yajl_boolean = on_boolean,
      .yajl_number = on_number,
      .yajl_string = on_text,
      .yajl_start_map = on_map,
      .yajl_map_key = on_key,
      .yajl_end_map = on_end,
      .yajl_start_array = on_array,
      .yajl_end_array = on_end,
  };
  reader read = {.tally = tally, .ctx = ctx, .root = root};
  yajl_handle parser = yajl_alloc(&callbacks, NULL, &read);

  if (!parser)
    return mst_fail(ctx, MST_ENOMEM, "no memory to read JSON");
  yajl_status status = yajl_parse(parser, body, size_bytes);
  if (status == yajl_status_ok)
    status = yajl_complete_parse(parser);
  if (status != yajl_status_ok)
    (void)refuse(&read, status == yajl_status_client_canceled ? "it was given up" : "it is no JSON, or not all of it");
  yajl_free(parser);
  return read.err;
}

mst_err
mst_otlp_read_json_traces(const uint8_t *body, size_t size_bytes, mst_otlp_tally *tally, mst_errctx *ctx)
{
  return read_json(TRACES, body, size_bytes, tally, ctx);
}

mst_err
mst_otlp_read_json_metrics(const uint8_t *body, size_t size_bytes, mst_otlp_tally *tally, mst_errctx *ctx)
{
  return read_json(METRICS, body, size_bytes, tally, ctx);
}
