/* What the fields of JSON lines are called. Each key of each line is looked for, so names are found by their length and their ends. */
#include <string.h>

#include <mst/common/alloc.h>

#include "scan_state.h"

enum {
  USUAL_MAX = 20,
  ENTRIES_MAX = 2 * MST_SCAN_FIELDS * (MST_SCAN_NAMES_MAX + USUAL_MAX), /* each with a beginning of its own */
  NAME_LONGEST = 128,                                                   /* as the plan allows */
  BUCKETS = 256,
  NONE = 0xffff,
};
_Static_assert(ENTRIES_MAX < NONE, "a name's number fits");

struct mst_names {
  mst_name list[ENTRIES_MAX];
  size_t count;
  uint16_t buckets[BUCKETS];
};

static const char *const usual[MST_SCAN_FIELDS][USUAL_MAX] = {
    [MST_FIELD_TIMESTAMP] = {"timestamp", "ts", "time", "@timestamp", "datetime", "asctime", "date", "eventTime", "Timestamp",
                             "__REALTIME_TIMESTAMP", "timeUnixNano", "@t"},
    [MST_FIELD_LEVEL] = {"level", "severity", "lvl", "levelname", "log.level", "loglevel", "log_level", "logLevel", "LogLevel",
                         "severity_text", "severityText", "SeverityText", "Level", "@l", "levelno", "severity_number", "severityNumber",
                         "SeverityNumber", "PRIORITY"},
    [MST_FIELD_MESSAGE] = {"message", "msg", "event", "body", "text", "Message", "Body", "MESSAGE", "@m", "@mt", "short_message"},
    [MST_FIELD_TRACE] = {"exc_info", "stack", "stack_trace", "stacktrace", "stackTrace", "traceback", "exc_text", "exception",
                         "exception.stacktrace", "attributes.exception.stacktrace", "error.stack_trace", "error.stack", "err.stack",
                         "Exception", "@x", "backtrace", "error.stacktrace"},
    [MST_FIELD_TRACE_ID] = {"trace_id", "traceId", "trace.id", "otelTraceID", "TraceId", "traceID", "traceid", "@tr", "correlation_id",
                            "correlationId", "request_id", "requestId", "context.trace_id", "dd.trace_id"},
};

/* Names whose numbers are not those of bunyan. */
static const struct {
  const char *name;
  mst_level_scale scale;
} scales[] = {{"levelno", MST_SCALE_PYTHON},       {"PRIORITY", MST_SCALE_SYSLOG},     {"priority", MST_SCALE_SYSLOG},
              {"severity_number", MST_SCALE_OTEL}, {"severityNumber", MST_SCALE_OTEL}, {"SeverityNumber", MST_SCALE_OTEL}};

static inline uint8_t
bucket_of(const char *key, size_t length)
{
  return (uint8_t)(length * 29 + (unsigned char)key[0] * 7 + (unsigned char)key[length - 1]);
}

static uint16_t
find(const mst_names *names, const char *key, size_t length)
{
  uint16_t at = names->buckets[bucket_of(key, length)];

  while (at != NONE && (names->list[at].length != length || memcmp(names->list[at].text, key, length) != 0))
    at = names->list[at].next;
  return at;
}

const mst_name *
mst_names_find(const mst_names *names, const char *key, size_t length)
{
  uint16_t at = length > 0 && length <= NAME_LONGEST ? find(names, key, length) : NONE;

  return at == NONE ? NULL : &names->list[at];
}

/* The entry of a name, made when there is none. */
static mst_err
enter(mst_names *names, const char *text, size_t length, mst_name **ret_name, mst_errctx *ctx)
{
  uint16_t at = find(names, text, length);

  if (at == NONE) {
    if (names->count == ENTRIES_MAX)
      return mst_fail(ctx, MST_ELIMIT, "over %d names of fields", ENTRIES_MAX);
    char *copy = mst_strndup(text, length);
    if (!copy)
      return mst_fail(ctx, MST_ENOMEM, "no memory for the names of fields");
    uint16_t *bucket = &names->buckets[bucket_of(text, length)];
    at = (uint16_t)names->count++;
    names->list[at] = (mst_name){.text = copy, .length = (uint16_t)length, .next = *bucket, .field = -1};
    *bucket = at;
  }
  *ret_name = &names->list[at];
  return MST_OK;
}

static mst_err
add(mst_names *names, int field, const char *text, mst_errctx *ctx)
{
  size_t length = strlen(text);
  mst_name *name = NULL;

  if (length == 0 || length > NAME_LONGEST)
    return mst_fail(ctx, MST_EUSAGE, "\"%.32s\" is no name of a field: it has 1 to %d bytes", text, NAME_LONGEST);
  mst_err err = enter(names, text, length, &name, ctx);
  if (err != MST_OK || name->field >= 0) /* the first field of that name has it */
    return err;
  name->field = (int8_t)field;
  name->rank = (uint16_t)names->count;
  for (size_t i = 0; i < sizeof scales / sizeof scales[0]; i++)
    if (strcmp(scales[i].name, text) == 0)
      name->scale = (uint8_t)scales[i].scale;
  for (const char *dot = strchr(text, '.'); dot && err == MST_OK; dot = strchr(dot + 1, '.')) {
    if (dot == text)
      continue;
    err = enter(names, text, (size_t)(dot - text), &name, ctx);
    if (err == MST_OK)
      name->is_prefix = true;
  }
  return err;
}

static mst_err
add_all(mst_names *names, const mst_scan_setup *setup, mst_errctx *ctx)
{
  mst_err err = MST_OK;

  for (int field = 0; field < MST_SCAN_FIELDS; field++) {
    const char *const *own = setup->names[field];
    for (size_t i = 0; own && own[i] && i < MST_SCAN_NAMES_MAX && err == MST_OK; i++)
      err = add(names, field, own[i], ctx);
  }
  for (int field = 0; field < MST_SCAN_FIELDS; field++)
    for (size_t i = 0; i < USUAL_MAX && usual[field][i] && err == MST_OK; i++)
      err = add(names, field, usual[field][i], ctx);
  return err;
}

mst_err
mst_names_create(const mst_scan_setup *setup, mst_names **ret_names, mst_errctx *ctx)
{
  mst_names *names = mst_alloc(1, sizeof *names);

  if (!names)
    return mst_fail(ctx, MST_ENOMEM, "no memory for the names of fields");
  memset(names->buckets, 0xff, sizeof names->buckets);
  mst_err err = setup ? add_all(names, setup, ctx) : add(names, MST_FIELD_MESSAGE, "log", ctx);
  if (err != MST_OK) {
    mst_names_destroy(names);
    return err;
  }
  *ret_names = names;
  return MST_OK;
}

void
mst_names_destroy(mst_names *names)
{
  if (!names)
    return;
  for (size_t i = 0; i < names->count; i++)
    mst_free((void *)(uintptr_t)names->list[i].text);
  mst_free(names);
}
