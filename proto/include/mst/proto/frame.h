#ifndef MST_PROTO_FRAME_H
#define MST_PROTO_FRAME_H

#include <stddef.h>
#include <stdint.h>

/* SP over TCP: both sides say hello, then every message is its length (8 bytes, big-endian) and its bytes, which for a request and its
 * reply begin with a number (4 bytes, big-endian, highest bit set). Source: nanomsg/rfc sp-tcp-mapping-01, sp-request-reply-01. */
enum {
  MST_FRAME_HELLO_BYTES = 8,
  MST_FRAME_LENGTH_BYTES = 8,
  MST_FRAME_HEADER_BYTES = 12, /* length and number */
  MST_FRAME_REQUEST_BYTES = 4,
};
#define MST_FRAME_REQUEST_BIT UINT32_C(0x80000000)

static const uint8_t mst_frame_hello_request[MST_FRAME_HELLO_BYTES] = {0, 'S', 'P', 0, 0, 0x30, 0, 0};
static const uint8_t mst_frame_hello_reply[MST_FRAME_HELLO_BYTES] = {0, 'S', 'P', 0, 0, 0x31, 0, 0};

static inline void
mst_frame_put(uint8_t *at, uint64_t value, size_t size_bytes)
{
  for (size_t i = 0; i < size_bytes; i++)
    at[i] = (uint8_t)(value >> (8 * (size_bytes - 1 - i)));
}

static inline uint64_t
mst_frame_get(const uint8_t *at, size_t size_bytes)
{
  uint64_t value = 0;

  for (size_t i = 0; i < size_bytes; i++)
    value = value << 8 | at[i];
  return value;
}

#endif
