/* JSON lines by yajl: which of the wanted fields are there, and the level. One parser goes from line to line; a line that is wrong costs a
 * new one. */
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include <mst/common/alloc.h>
#include <mst/common/buf.h>

#include "scan_state.h"

enum {
  DEPTH_MAX = 64, /* of a log line; deeper is taken for damage */
  NAMES_MAX = MST_SCAN_FIELDS * (MST_SCAN_NAMES_MAX + 16),
  KEY_LONGEST = 128,
  NO_NAME = 0xff,
  LOG_MAX_BYTES = 16 * 1024, /* Docker splits lines at 16 KiB */
};

/* A name of a field: "level", or "log.level", which is either one key or two. */
typedef struct field_name {
  char *text;           /* owned */
  size_t length, first; /* whole, and up to its first dot; 0: no dot */
  mst_scan_field field;
  uint8_t next_whole, next_first; /* of the same length */
} field_name;

_Static_assert(NAMES_MAX <= NO_NAME, "a name's number fits into a byte");

struct mst_json {
  yajl_handle parser;
  field_name names[NAMES_MAX];
  size_t name_count;
  /* Names by their length, and by that of what stands before their dot: each key of each line is looked for. 0xff ends a chain. */
  uint8_t whole[KEY_LONGEST + 1], first[KEY_LONGEST + 1];
  bool is_docker;
  mst_buf log;
  /* Of the line that is being read: */
  mst_json_result result;
  int depth;
  uint32_t values;         /* at the top */
  int field;               /* of the value that comes next; -1: none of ours */
  bool is_log;             /* the value that comes next is Docker's */
  const field_name *below; /* names with a dot that may go on within the map that is open: their first part */
  size_t below_length;
  bool is_number_level;
};

static const char *const usual[MST_SCAN_FIELDS][16] = {
    [MST_FIELD_TIMESTAMP] = {"timestamp", "ts", "time", "@timestamp", "datetime", "asctime", "date", "eventTime", "Timestamp"},
    [MST_FIELD_LEVEL] = {"level", "severity", "lvl", "levelname", "log.level", "loglevel", "log_level", "severity_text", "SeverityText",
                         "Level"},
    [MST_FIELD_MESSAGE] = {"message", "msg", "event", "body", "text", "Message", "Body"},
    [MST_FIELD_TRACE] = {"exc_info", "stack", "stack_trace", "stacktrace", "traceback", "exception", "exception.stacktrace",
                         "error.stack_trace", "error.stack", "err.stack"},
    [MST_FIELD_TRACE_ID] = {"trace_id", "traceId", "trace.id", "otelTraceID", "TraceId", "traceID", "correlation_id", "correlationId",
                            "request_id"},
};

/* ---- callbacks of yajl: 1 goes on ---- */

static void
have(mst_json *json, mst_scan_field field)
{
  json->result.fields |= 1U << field;
}

static int
begin_value(mst_json *json)
{
  if (json->depth == 0)
    json->values++;
  return json->depth > 0; /* a line is a map */
}

static int
on_null(void *arg)
{
  mst_json *json = arg;

  json->field = -1;
  json->is_log = false;
  return begin_value(json);
}

static int
on_boolean(void *arg, int value)
{
  (void)value;
  return on_null(arg);
}

static int
on_number(void *arg, const char *text, size_t length)
{
  mst_json *json = arg;
  char number[32];

  if (json->field >= 0) {
    have(json, (mst_scan_field)json->field);
    if (json->field == MST_FIELD_LEVEL && length < sizeof number) {
      memcpy(number, text, length);
      number[length] = '\0';
      json->result.level = mst_level_of_number(strtoll(number, NULL, 10));
    }
  }
  json->field = -1;
  json->is_log = false;
  return begin_value(json);
}

static int
on_string(void *arg, const unsigned char *text, size_t length)
{
  mst_json *json = arg;

  if (json->is_log) {
    mst_buf_reset(&json->log);
    mst_buf_append(&json->log, text, length < LOG_MAX_BYTES ? length : LOG_MAX_BYTES);
    json->is_log = false;
  }
  if (json->field >= 0 && length > 0) {
    have(json, (mst_scan_field)json->field);
    if (json->field == MST_FIELD_LEVEL)
      json->result.level = mst_level_of_name((const char *)text, length);
    else if (json->field == MST_FIELD_MESSAGE && length > 40 && mst_text_has_trace((const char *)text, length))
      have(json, MST_FIELD_TRACE);
  }
  json->field = -1;
  return begin_value(json);
}

static int
on_map(void *arg)
{
  mst_json *json = arg;

  if (json->depth == 0)
    json->values++;
  if (json->field == MST_FIELD_TRACE) /* {"exception": {...}} */
    have(json, MST_FIELD_TRACE);
  json->field = -1;
  json->is_log = false;
  if (json->depth != 1)
    json->below = NULL;
  return ++json->depth <= DEPTH_MAX;
}

static int
on_key(void *arg, const unsigned char *key, size_t length)
{
  mst_json *json = arg;

  json->field = -1;
  if (length > KEY_LONGEST)
    return 1;
  if (json->depth == 1) {
    json->below = NULL;
    json->below_length = length;
    json->is_log = json->is_docker && length == 3 && memcmp(key, "log", 3) == 0;
    for (uint8_t i = json->whole[length]; i != NO_NAME; i = json->names[i].next_whole) {
      if (memcmp(json->names[i].text, key, length) == 0) {
        json->field = json->names[i].field;
        return 1;
      }
    }
    for (uint8_t i = json->first[length]; i != NO_NAME && !json->below; i = json->names[i].next_first)
      if (memcmp(json->names[i].text, key, length) == 0)
        json->below = &json->names[i];
  } else if (json->depth == 2 && json->below) {
    for (size_t i = 0; i < json->name_count; i++) {
      const field_name *name = &json->names[i];
      if (name->first == json->below_length && name->length == json->below_length + 1 + length &&
          memcmp(name->text, json->below->text, name->first) == 0 && memcmp(name->text + name->first + 1, key, length) == 0) {
        json->field = name->field;
        return 1;
      }
    }
  }
  return 1;
}

static int
on_end_map(void *arg)
{
  mst_json *json = arg;

  json->depth--;
  json->field = -1;
  return 1;
}

static int
on_array(void *arg)
{
  mst_json *json = arg;

  if (json->depth == 0)
    return 0;
  if (json->field >= 0)
    have(json, (mst_scan_field)json->field);
  json->field = -1;
  json->is_log = false;
  return ++json->depth <= DEPTH_MAX;
}

static const yajl_callbacks callbacks = {.yajl_null = on_null,
                                         .yajl_boolean = on_boolean,
                                         .yajl_number = on_number,
                                         .yajl_string = on_string,
                                         .yajl_start_map = on_map,
                                         .yajl_map_key = on_key,
                                         .yajl_end_map = on_end_map,
                                         .yajl_start_array = on_array,
                                         .yajl_end_array = on_end_map};

/* ---- */

static mst_err
renew(mst_json *json, mst_errctx *ctx)
{
  if (json->parser)
    yajl_free(json->parser);
  json->parser = yajl_alloc(&callbacks, NULL, json);
  if (!json->parser)
    return mst_fail(ctx, MST_ENOMEM, "no memory for a JSON parser");
  yajl_config(json->parser, yajl_allow_multiple_values, 1);
  yajl_config(json->parser, yajl_dont_validate_strings, 1); /* lines that are no UTF-8 are counted apart */
  return MST_OK;
}

static mst_err
add_names(mst_json *json, mst_scan_field field, const char *const *names, size_t most, mst_errctx *ctx)
{
  for (size_t i = 0; names && i < most && names[i] && json->name_count < NAMES_MAX; i++) {
    const char *dot = strchr(names[i], '.');
    char *copy = mst_strdup(names[i]);
    if (!copy)
      return mst_fail(ctx, MST_ENOMEM, "no memory for the names of fields");
    json->names[json->name_count++] =
        (field_name){.text = copy, .length = strlen(copy), .first = dot ? (size_t)(dot - names[i]) : 0, .field = field};
  }
  return MST_OK;
}

/* Chains in the order of the names: the first that fits counts. */
static void
chain_names(mst_json *json)
{
  memset(json->whole, NO_NAME, sizeof json->whole);
  memset(json->first, NO_NAME, sizeof json->first);
  for (size_t i = json->name_count; i-- > 0;) {
    field_name *name = &json->names[i];
    if (name->length > KEY_LONGEST)
      continue;
    name->next_whole = json->whole[name->length];
    json->whole[name->length] = (uint8_t)i;
    if (name->first > 0) {
      name->next_first = json->first[name->first];
      json->first[name->first] = (uint8_t)i;
    }
  }
}

mst_err
mst_json_create(const mst_scan_setup *setup, mst_json **ret_json, mst_errctx *ctx)
{
  mst_json *json = mst_alloc(1, sizeof *json);

  if (!json)
    return mst_fail(ctx, MST_ENOMEM, "no memory for a JSON parser");
  json->is_docker = setup->format == MST_SCAN_DOCKER;
  mst_buf_init(&json->log, LOG_MAX_BYTES + 1);
  mst_err err = renew(json, ctx);
  for (mst_scan_field field = 0; field < MST_SCAN_FIELDS && err == MST_OK; field++) {
    err = add_names(json, field, setup->names[field], MST_SCAN_NAMES_MAX, ctx);
    if (err == MST_OK)
      err = add_names(json, field, usual[field], sizeof usual[field] / sizeof usual[field][0], ctx);
  }
  chain_names(json);
  if (err != MST_OK) {
    mst_json_destroy(json);
    return err;
  }
  *ret_json = json;
  return MST_OK;
}

void
mst_json_destroy(mst_json *json)
{
  if (!json)
    return;
  if (json->parser)
    yajl_free(json->parser);
  for (size_t i = 0; i < json->name_count; i++)
    mst_free(json->names[i].text);
  mst_buf_done(&json->log);
  mst_free(json);
}

mst_err
mst_json_parse(mst_json *json, mst_line line, mst_json_result *ret_result, mst_errctx *ctx)
{
  static const unsigned char end[] = "\n";

  json->result = (mst_json_result){.level = MST_LEVEL_UNKNOWN};
  json->depth = 0;
  json->values = 0;
  json->field = -1;
  json->is_log = false;
  json->below = NULL;
  mst_buf_reset(&json->log);
  /* The newline ends a number that could go on, and is an error within a string. */
  bool is_fine = yajl_parse(json->parser, (const unsigned char *)line.at, line.length) == yajl_status_ok &&
                 yajl_parse(json->parser, end, 1) == yajl_status_ok;
  json->result.is_valid = is_fine && json->depth == 0 && json->values == 1;
  json->result.log = mst_buf_text(&json->log);
  json->result.log_length = json->log.size_bytes;
  *ret_result = json->result;
  /* After anything else it may stand within a string or a map. */
  return json->result.is_valid ? MST_OK : renew(json, ctx);
}
