#ifndef MST_AGENT_OTLP_JSON_SCHEMA_H
#define MST_AGENT_OTLP_JSON_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Which members of OTLP's JSON are read, and what their values say. */

/* The kinds of object. */
typedef enum mst_otlp_place {
  TRACES,
  METRICS,
  RESOURCE_SPANS,
  RESOURCE_METRICS,
  RESOURCE,
  SCOPE_SPANS,
  SCOPE_METRICS,
  SCOPE,
  SPAN,
  STATUS,
  METRIC,
  DATA,
  POINT,
  ATTRIBUTE,
  VALUE, /* of an attribute, to any depth: it is only hashed */
  OTHER, /* of no interest, to any depth */
} mst_otlp_place;

typedef enum mst_otlp_shape { SCALAR, OBJECT, ARRAY } mst_otlp_shape;

typedef enum mst_otlp_name {
  NAMELESS,
  TRACE_ID,
  SPAN_ID,
  PARENT_ID,
  KIND,
  CODE,
  METRIC_NAME,
  GAUGE,
  SUM,
  HISTOGRAM,
  TEMPORALITY,
  IS_MONOTONIC,
  START,
  TIME,
  AS_INT,
  AS_DOUBLE,
  COUNT,
  FLAGS,
  KEY,
  SCOPE_TEXT,
} mst_otlp_name;

typedef struct mst_otlp_member {
  mst_otlp_place in;
  const char *key;
  mst_otlp_shape shape;
  mst_otlp_place what; /* of an object, or of an array's objects */
  mst_otlp_name name;
} mst_otlp_member;

/* The member of that key in such an object; NULL: it is of no interest. */
const mst_otlp_member *mst_otlp_member_find(mst_otlp_place in, const char *key, size_t size_bytes);

typedef struct mst_otlp_scalar {
  enum { TEXT, NUMBER, BOOLEAN, NOTHING } type;
  const char *text;
  size_t size_bytes;
} mst_otlp_scalar;

/* Each false: the value is of another type, or not such a number. Numbers of 64 bits come as texts, and may come as numbers. */
bool mst_otlp_take_unsigned(const mst_otlp_scalar *value, uint64_t *ret_number);
bool mst_otlp_take_double(const mst_otlp_scalar *value, double *ret_number);
bool mst_otlp_take_enumerator(const mst_otlp_scalar *value, uint64_t *ret_number);
/* Hexadecimal, of so many bytes (0: of any number), and not all zero. */
bool mst_otlp_is_id(const mst_otlp_scalar *value, size_t size_bytes);

#endif
