#ifndef MST_COMMON_DIGEST_H
#define MST_COMMON_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mst/common/err.h>

enum { MST_DIGEST_BYTES = 32, MST_DIGEST_HEX_BYTES = 65 };

/* BLAKE2b with 32 bytes of output (RFC 7693). */
typedef struct mst_digest {
  uint8_t bytes[MST_DIGEST_BYTES];
} mst_digest;

/* The digest of size_bytes at data under a domain: BLAKE2b-256(domain || 0x00 || data). Two domains never give the same
 * digest for the same data. Pure: any thread. */
mst_digest mst_digest_of(const char *domain, const void *data, size_t size_bytes);
bool mst_digest_equal(const mst_digest *a, const mst_digest *b);
const char *mst_digest_hex(const mst_digest *digest, char hex[static MST_DIGEST_HEX_BYTES]);

/* SHA-256 (FIPS 180-4) in hex, for what other tools must be able to compare: sha256sum prints the same. Returns hex. Pure: any thread. */
const char *mst_sha256_hex(const void *data, size_t size_bytes, char hex[static MST_DIGEST_HEX_BYTES]);

/* HMAC-SHA256 (RFC 2104) under a key of any length. Pure: any thread. */
void mst_hmac_sha256(const void *key, size_t key_bytes, const void *data, size_t size_bytes, uint8_t ret_code[static MST_DIGEST_BYTES]);

/* Base64 with padding (RFC 4648 section 4). MST_BASE64_BYTES is the room that it needs, with the NUL. Returns text. */
#define MST_BASE64_BYTES(size_bytes) (((size_bytes) + 2) / 3 * 4 + 1)
const char *mst_base64_encode(const void *data, size_t size_bytes, char *text);

/* Lower-case hex of any bytes; hex must hold 2 * size_bytes + 1. Returns hex. */
const char *mst_hex_encode(const void *data, size_t size_bytes, char *hex);
/* Reads exactly size_bytes bytes from 2 * size_bytes hex digits and the end of the text. */
mst_err mst_hex_decode(const char *hex, void *ret_data, size_t size_bytes, mst_errctx *ctx) MST_MUST_USE;

#endif
