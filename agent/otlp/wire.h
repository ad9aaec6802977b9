#ifndef MST_AGENT_OTLP_WIRE_H
#define MST_AGENT_OTLP_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A cursor over the fields of one message of Protocol Buffers. Nothing is allocated; what a field holds is borrowed from the message.
 * Source: protobuf.dev/programming-guides/encoding. Groups (wire types 3 and 4) were never part of proto3 and are refused. */
typedef struct mst_wire {
  const uint8_t *at, *end;
  bool is_broken; /* set where the message ends amid a field, or has none that may be */
} mst_wire;

typedef enum mst_wire_type { MST_WIRE_VARINT = 0, MST_WIRE_FIXED64 = 1, MST_WIRE_BYTES = 2, MST_WIRE_FIXED32 = 5 } mst_wire_type;

typedef struct mst_wire_field {
  uint32_t number;
  mst_wire_type type;
  uint64_t value; /* of all but MST_WIRE_BYTES */
  const uint8_t *data;
  size_t size_bytes;
} mst_wire_field;

static inline mst_wire
mst_wire_of(const void *data, size_t size_bytes)
{
  const uint8_t *at = data;

  return (mst_wire){.at = at, .end = at ? at + size_bytes : at};
}

/* False at the end, and where the message is broken. */
bool mst_wire_next(mst_wire *wire, mst_wire_field *ret_field);
/* The field has that type; else the message is broken. */
bool mst_wire_is(mst_wire *wire, const mst_wire_field *field, mst_wire_type type);

#endif
