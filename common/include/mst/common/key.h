#ifndef MST_COMMON_KEY_H
#define MST_COMMON_KEY_H

#include <stddef.h>
#include <stdint.h>

#include <mst/common/err.h>

enum {
  MST_KEY_PUBLIC_BYTES = 32,
  MST_KEY_SECRET_BYTES = 64,
  MST_SIGNATURE_BYTES = 64,
  MST_KEY_ID_BYTES = 16,
  MST_KEY_ID_HEX_BYTES = 33,
};

/* An Ed25519 public key (RFC 8032). */
typedef struct mst_public_key {
  uint8_t bytes[MST_KEY_PUBLIC_BYTES];
} mst_public_key;

/* Names a public key: the first 16 bytes of BLAKE2b-256("muster/key" || 0x00 || public key). */
typedef struct mst_key_id {
  uint8_t bytes[MST_KEY_ID_BYTES];
} mst_key_id;

/* A key pair with the secret half in guarded memory (sodium_malloc). Opaque. */
typedef struct mst_key mst_key;

/* Must succeed once before any other call of this header or of digest.h. Repeatable; any thread. */
mst_err mst_crypto_start(mst_errctx *ctx) MST_MUST_USE;

/* A new random pair; the caller destroys it. */
mst_err mst_key_create(mst_key **ret_key, mst_errctx *ctx) MST_MUST_USE;
/* The pair of a 32-byte seed: for test vectors and derived test keys. */
mst_err mst_key_create_from_seed(const uint8_t seed[static 32], mst_key **ret_key, mst_errctx *ctx) MST_MUST_USE;
/* Wipes and frees. NULL is allowed. */
void mst_key_destroy(mst_key *key);

const mst_public_key *mst_key_public(const mst_key *key);
mst_key_id mst_key_id_of(const mst_public_key *key);
const char *mst_key_id_hex(const mst_key_id *id, char hex[static MST_KEY_ID_HEX_BYTES]);

/* Ed25519 over (context || 0x00 || message). The context string says what is signed ("muster/1/envelope/report"), so that no
 * signature fits elsewhere. context: at most 63 bytes, no NUL. Pure: any thread. */
mst_err mst_key_sign(const mst_key *key, const char *context, const void *message, size_t size_bytes,
                     uint8_t ret_signature[static MST_SIGNATURE_BYTES], mst_errctx *ctx) MST_MUST_USE;
/* MST_ECRYPTO when the signature does not fit. */
mst_err mst_key_verify(const mst_public_key *key, const char *context, const void *message, size_t size_bytes,
                       const uint8_t signature[static MST_SIGNATURE_BYTES], mst_errctx *ctx) MST_MUST_USE;

/* Writes the pair to a file with mode 0600. passphrase NULL: unencrypted; else the seed is sealed with
 * crypto_secretbox under a key from crypto_pwhash (argon2id, interactive limits). The format is text, documented in key.c:
 * "muster-key-1", "public: HEX", "secret: HEX" or "sealed: SALT NONCE BOX", one a line.
 * MST_EEXIST when there is a file already: a key is never overwritten. MST_EUSAGE when the passphrase is empty. */
mst_err mst_key_save(const mst_key *key, const char *path, const char *passphrase, mst_errctx *ctx) MST_MUST_USE;
/* Reads such a file. MST_EPERM when group or others may read or write it, or it is neither ours nor root's, MST_EMALFORMED, MST_ECRYPTO
 * when the passphrase is missing or wrong or the halves do not fit each other. The caller destroys *ret_key. */
mst_err mst_key_load(const char *path, const char *passphrase, mst_key **ret_key, mst_errctx *ctx) MST_MUST_USE;

/* Public keys travel as "ed25519:" and 64 hex digits. text must hold MST_PUBLIC_KEY_TEXT_BYTES. */
enum { MST_PUBLIC_KEY_TEXT_BYTES = 8 + 64 + 1 };
const char *mst_public_key_format(const mst_public_key *key, char text[static MST_PUBLIC_KEY_TEXT_BYTES]);
mst_err mst_public_key_parse(const char *text, mst_public_key *ret_key, mst_errctx *ctx) MST_MUST_USE;

/* size_bytes of randomness from the kernel's generator. */
void mst_random_bytes(void *ret_data, size_t size_bytes);

#endif
