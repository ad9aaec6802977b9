/* BLAKE2b-256 with a domain, and hex. */
#include <mst/common/digest.h>

#include <sodium.h>
#include <string.h>

mst_digest
mst_digest_of(const char *domain, const void *data, size_t size_bytes)
{
  crypto_generichash_state state;
  mst_digest digest;

  crypto_generichash_init(&state, NULL, 0, MST_DIGEST_BYTES);
  crypto_generichash_update(&state, (const unsigned char *)domain, strlen(domain) + 1);
  if (size_bytes > 0)
    crypto_generichash_update(&state, data, size_bytes);
  crypto_generichash_final(&state, digest.bytes, MST_DIGEST_BYTES);
  return digest;
}

bool
mst_digest_equal(const mst_digest *a, const mst_digest *b)
{
  return sodium_memcmp(a->bytes, b->bytes, MST_DIGEST_BYTES) == 0;
}

const char *
mst_digest_hex(const mst_digest *digest, char hex[static MST_DIGEST_HEX_BYTES])
{
  return mst_hex_encode(digest->bytes, sizeof digest->bytes, hex);
}

const char *
mst_sha256_hex(const void *data, size_t size_bytes, char hex[static MST_DIGEST_HEX_BYTES])
{
  unsigned char digest[crypto_hash_sha256_BYTES];

  crypto_hash_sha256(digest, size_bytes > 0 ? data : (const unsigned char *)"", size_bytes);
  return mst_hex_encode(digest, sizeof digest, hex);
}

const char *
mst_hex_encode(const void *data, size_t size_bytes, char *hex)
{
  return sodium_bin2hex(hex, size_bytes * 2 + 1, data, size_bytes);
}

mst_err
mst_hex_decode(const char *hex, void *ret_data, size_t size_bytes, mst_errctx *ctx)
{
  static const char digits[] = "0123456789abcdef0123456789ABCDEF";
  size_t length = strspn(hex, "0123456789abcdefABCDEF");
  uint8_t *out = ret_data;

  if (hex[length] != '\0' || length != size_bytes * 2)
    return mst_fail(ctx, MST_EMALFORMED, "\"%.80s\" is not %zu hex digits", hex, size_bytes * 2);
  for (size_t i = 0; i < size_bytes; i++) {
    unsigned high = (unsigned)(strchr(digits, hex[2 * i]) - digits) & 15, low = (unsigned)(strchr(digits, hex[2 * i + 1]) - digits) & 15;
    /* The upper-case half repeats 0-9, so its letters stand 16 places on: the mask brings them back. */
    out[i] = (uint8_t)(high << 4 | low);
  }
  return MST_OK;
}

void
mst_hmac_sha256(const void *key, size_t key_bytes, const void *data, size_t size_bytes, uint8_t ret_code[static MST_DIGEST_BYTES])
{
  crypto_auth_hmacsha256_state state;

  crypto_auth_hmacsha256_init(&state, key, key_bytes);
  crypto_auth_hmacsha256_update(&state, size_bytes > 0 ? data : (const unsigned char *)"", size_bytes);
  crypto_auth_hmacsha256_final(&state, ret_code);
  sodium_memzero(&state, sizeof state);
}

const char *
mst_base64_encode(const void *data, size_t size_bytes, char *text)
{
  return sodium_bin2base64(text, MST_BASE64_BYTES(size_bytes), size_bytes > 0 ? data : (const unsigned char *)"", size_bytes,
                           sodium_base64_VARIANT_ORIGINAL);
}
