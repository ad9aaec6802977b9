/* Members of OTLP's JSON; see json_schema.h. */
#include "json_schema.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tally.h"

enum { NUMBER_BYTES = 40 };

static const mst_otlp_member members[] = {
    {TRACES, "resourceSpans", ARRAY, RESOURCE_SPANS, NAMELESS},
    {METRICS, "resourceMetrics", ARRAY, RESOURCE_METRICS, NAMELESS},
    {RESOURCE_SPANS, "resource", OBJECT, RESOURCE, NAMELESS},
    {RESOURCE_SPANS, "scopeSpans", ARRAY, SCOPE_SPANS, NAMELESS},
    {RESOURCE_METRICS, "resource", OBJECT, RESOURCE, NAMELESS},
    {RESOURCE_METRICS, "scopeMetrics", ARRAY, SCOPE_METRICS, NAMELESS},
    {RESOURCE, "attributes", ARRAY, ATTRIBUTE, NAMELESS},
    {SCOPE_SPANS, "spans", ARRAY, SPAN, NAMELESS},
    {SCOPE_METRICS, "scope", OBJECT, SCOPE, NAMELESS},
    {SCOPE_METRICS, "metrics", ARRAY, METRIC, NAMELESS},
    {SCOPE, "name", SCALAR, OTHER, SCOPE_TEXT},
    {SCOPE, "version", SCALAR, OTHER, SCOPE_TEXT},
    {SPAN, "traceId", SCALAR, OTHER, TRACE_ID},
    {SPAN, "spanId", SCALAR, OTHER, SPAN_ID},
    {SPAN, "parentSpanId", SCALAR, OTHER, PARENT_ID},
    {SPAN, "kind", SCALAR, OTHER, KIND},
    {SPAN, "attributes", ARRAY, ATTRIBUTE, NAMELESS},
    {SPAN, "status", OBJECT, STATUS, NAMELESS},
    {STATUS, "code", SCALAR, OTHER, CODE},
    {METRIC, "name", SCALAR, OTHER, METRIC_NAME},
    {METRIC, "gauge", OBJECT, DATA, GAUGE},
    {METRIC, "sum", OBJECT, DATA, SUM},
    {METRIC, "histogram", OBJECT, DATA, HISTOGRAM},
    {METRIC, "exponentialHistogram", OBJECT, DATA, HISTOGRAM},
    {METRIC, "summary", OBJECT, DATA, GAUGE},
    {DATA, "dataPoints", ARRAY, POINT, NAMELESS},
    {DATA, "aggregationTemporality", SCALAR, OTHER, TEMPORALITY},
    {DATA, "isMonotonic", SCALAR, OTHER, IS_MONOTONIC},
    {POINT, "startTimeUnixNano", SCALAR, OTHER, START},
    {POINT, "timeUnixNano", SCALAR, OTHER, TIME},
    {POINT, "asInt", SCALAR, OTHER, AS_INT},
    {POINT, "asDouble", SCALAR, OTHER, AS_DOUBLE},
    {POINT, "count", SCALAR, OTHER, COUNT},
    {POINT, "flags", SCALAR, OTHER, FLAGS},
    {POINT, "attributes", ARRAY, ATTRIBUTE, NAMELESS},
    {ATTRIBUTE, "key", SCALAR, OTHER, KEY},
    {ATTRIBUTE, "value", OBJECT, VALUE, NAMELESS},
};

/* The specification asks for numbers; ProtoJSON's names are taken too. Those that are not here count as 0. */
static const struct {
  const char *name;
  uint64_t value;
} enumerators[] = {
    {"SPAN_KIND_SERVER", MST_OTLP_KIND_SERVER},
    {"SPAN_KIND_CONSUMER", MST_OTLP_KIND_CONSUMER},
    {"STATUS_CODE_OK", 1},
    {"STATUS_CODE_ERROR", 2},
    {"AGGREGATION_TEMPORALITY_DELTA", MST_OTLP_DELTA},
    {"AGGREGATION_TEMPORALITY_CUMULATIVE", MST_OTLP_CUMULATIVE},
};

const mst_otlp_member *
mst_otlp_member_find(mst_otlp_place in, const char *key, size_t size_bytes)
{
  for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
    if (members[i].in == in && strlen(members[i].key) == size_bytes && memcmp(members[i].key, key, size_bytes) == 0)
      return &members[i];
  }
  return NULL;
}

/* Numbers of 64 bits come as texts, and may come as numbers. */
static bool
copy_number(const mst_otlp_scalar *value, char ret_text[static NUMBER_BYTES])
{
  if ((value->type != TEXT && value->type != NUMBER) || value->size_bytes == 0 || value->size_bytes >= NUMBER_BYTES)
    return false;
  memcpy(ret_text, value->text, value->size_bytes);
  ret_text[value->size_bytes] = '\0';
  return strchr("+-0123456789NI", ret_text[0]) != NULL; /* strtod would take blanks before, and other spellings */
}

bool
mst_otlp_take_unsigned(const mst_otlp_scalar *value, uint64_t *ret_number)
{
  char text[NUMBER_BYTES], *end;

  if (!copy_number(value, text) || text[0] < '0' || text[0] > '9')
    return false;
  errno = 0;
  unsigned long long number = strtoull(text, &end, 10);
  if (*end != '\0' || errno != 0)
    return false;
  *ret_number = number;
  return true;
}

bool
mst_otlp_take_double(const mst_otlp_scalar *value, double *ret_number)
{
  char text[NUMBER_BYTES], *end;

  if (!copy_number(value, text))
    return false;
  double number = strtod(text, &end);
  if (*end != '\0')
    return false;
  *ret_number = number;
  return true;
}

bool
mst_otlp_take_enumerator(const mst_otlp_scalar *value, uint64_t *ret_number)
{
  if (value->type == NUMBER)
    return mst_otlp_take_unsigned(value, ret_number);
  *ret_number = 0;
  for (size_t i = 0; i < sizeof enumerators / sizeof enumerators[0]; i++) {
    if (strlen(enumerators[i].name) == value->size_bytes && memcmp(enumerators[i].name, value->text, value->size_bytes) == 0)
      *ret_number = enumerators[i].value;
  }
  return value->type == TEXT;
}

bool
mst_otlp_is_id(const mst_otlp_scalar *value, size_t size_bytes)
{
  bool has_digit = false;

  if (size_bytes > 0 && value->size_bytes != 2 * size_bytes)
    return false;
  for (size_t i = 0; i < value->size_bytes; i++) {
    char c = value->text[i];

    if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')))
      return false;
    has_digit |= c != '0';
  }
  return has_digit;
}
