#ifndef MST_AGENT_BYTES_H
#define MST_AGENT_BYTES_H

#include <stdint.h>
#include <string.h>

#include <mst/common/digest.h>

/* Little-endian numbers and the checksum of the spool's files. */
enum { MST_CHECKSUM_BYTES = 8 };

static inline void
mst_put_u32(uint8_t *at, uint32_t value)
{
  for (unsigned i = 0; i < 4; i++)
    at[i] = (uint8_t)(value >> (8 * i));
}

static inline void
mst_put_u64(uint8_t *at, uint64_t value)
{
  for (unsigned i = 0; i < 8; i++)
    at[i] = (uint8_t)(value >> (8 * i));
}

static inline uint32_t
mst_get_u32(const uint8_t *at)
{
  return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static inline uint64_t
mst_get_u64(const uint8_t *at)
{
  return (uint64_t)mst_get_u32(at) | (uint64_t)mst_get_u32(at + 4) << 32;
}

/* The first 8 bytes of the BLAKE2b digest of what follows the checksum. */
static inline void
mst_put_checksum(uint8_t *at, const char *domain, size_t size_bytes)
{
  mst_digest digest = mst_digest_of(domain, at + MST_CHECKSUM_BYTES, size_bytes - MST_CHECKSUM_BYTES);

  memcpy(at, digest.bytes, MST_CHECKSUM_BYTES);
}

static inline bool
mst_has_checksum(const uint8_t *at, const char *domain, size_t size_bytes)
{
  mst_digest digest = mst_digest_of(domain, at + MST_CHECKSUM_BYTES, size_bytes - MST_CHECKSUM_BYTES);

  return memcmp(at, digest.bytes, MST_CHECKSUM_BYTES) == 0;
}

#endif
