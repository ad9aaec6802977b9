#ifndef MST_CONTROLLER_BLOB_H
#define MST_CONTROLLER_BLOB_H

#include <stdbool.h>
#include <string.h>

#include <mst/common/buf.h>
#include <mst/proto/cursor.h>

/* Numbers in what only the controller itself reads back: fixed width, lowest byte first. */
static inline void
mst_blob_put(mst_buf *buf, uint64_t value, unsigned size_bytes)
{
  uint8_t bytes[8];

  for (unsigned i = 0; i < size_bytes; i++)
    bytes[i] = (uint8_t)(value >> (8 * i));
  mst_buf_append(buf, bytes, size_bytes);
}

/* False when the bytes are at their end. */
static inline bool
mst_blob_get(mst_bytes *bytes, unsigned size_bytes, uint64_t *ret_value)
{
  uint64_t value = 0;

  if (bytes->size_bytes < size_bytes)
    return false;
  for (unsigned i = 0; i < size_bytes; i++)
    value |= (uint64_t)bytes->data[i] << (8 * i);
  bytes->data += size_bytes;
  bytes->size_bytes -= size_bytes;
  *ret_value = value;
  return true;
}

#endif
