/* The wire format of Protocol Buffers; see wire.h. */
#include "wire.h"

enum { VARINT_BYTES_MAX = 10, FIELD_MAX = (1 << 29) - 1 };

static bool
read_varint(mst_wire *wire, uint64_t *ret_value)
{
  uint64_t value = 0;

  for (unsigned i = 0; i < VARINT_BYTES_MAX && wire->at < wire->end; i++) {
    uint8_t byte = *wire->at++;

    if (i == VARINT_BYTES_MAX - 1 && byte > 1)
      break; /* over 64 bits */
    value |= (uint64_t)(byte & 0x7F) << (7 * i);
    if (byte < 0x80) {
      *ret_value = value;
      return true;
    }
  }
  wire->is_broken = true;
  return false;
}

static bool
read_fixed(mst_wire *wire, size_t size_bytes, uint64_t *ret_value)
{
  uint64_t value = 0;

  if ((size_t)(wire->end - wire->at) < size_bytes) {
    wire->is_broken = true;
    return false;
  }
  for (size_t i = 0; i < size_bytes; i++)
    value |= (uint64_t)wire->at[i] << (8 * i);
  wire->at += size_bytes;
  *ret_value = value;
  return true;
}

bool
mst_wire_next(mst_wire *wire, mst_wire_field *ret_field)
{
  mst_wire_field field = {0};
  uint64_t tag = 0, size = 0;

  if (wire->is_broken || wire->at == wire->end || !read_varint(wire, &tag))
    return false;
  field.type = (mst_wire_type)(tag & 7);
  field.number = (uint32_t)(tag >> 3);
  if (tag >> 3 == 0 || tag >> 3 > FIELD_MAX) {
    wire->is_broken = true;
    return false;
  }
  switch (tag & 7) {
  case MST_WIRE_VARINT:
    (void)!read_varint(wire, &field.value);
    break;
  case MST_WIRE_FIXED64:
    (void)!read_fixed(wire, 8, &field.value);
    break;
  case MST_WIRE_FIXED32:
    (void)!read_fixed(wire, 4, &field.value);
    break;
  case MST_WIRE_BYTES:
    if (read_varint(wire, &size) && size <= (uint64_t)(wire->end - wire->at)) {
      field.data = wire->at;
      field.size_bytes = (size_t)size;
      wire->at += size;
    } else {
      wire->is_broken = true;
    }
    break;
  default:
    wire->is_broken = true;
  }
  if (!wire->is_broken)
    *ret_field = field;
  return !wire->is_broken;
}

bool
mst_wire_is(mst_wire *wire, const mst_wire_field *field, mst_wire_type type)
{
  if (field->type != type)
    wire->is_broken = true;
  return field->type == type;
}
