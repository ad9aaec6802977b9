#ifndef TESTS_FUZZ_PROTO_H
#define TESTS_FUZZ_PROTO_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mst/proto/envelope.h>

/* What the fuzz targets of proto share. A target aborts when a property is broken; the sanitizers see the rest. */
#define MUST(condition)                                                                                                                    \
  do {                                                                                                                                     \
    if (!(condition)) {                                                                                                                    \
      fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #condition);                                                              \
      abort();                                                                                                                             \
    }                                                                                                                                      \
  } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

/* The key of the vectors whose seed counts up from `first`. Lives as long as the process. */
static inline const mst_key *
fuzz_key(uint8_t first)
{
  static mst_key *key;
  uint8_t seed[32];

  if (!key) {
    for (size_t i = 0; i < sizeof seed; i++)
      seed[i] = (uint8_t)(first + i);
    MUST(mst_crypto_start(NULL) == MST_OK);
    MUST(mst_key_create_from_seed(seed, &key, NULL) == MST_OK);
  }
  return key;
}

/* Every failure has one of these codes and a text. */
static inline void
must_be_refusal(mst_err err, const mst_errctx *ctx)
{
  MUST(err == MST_EMALFORMED || err == MST_ELIMIT || err == MST_EVERSION || err == MST_ECRYPTO);
  MUST(ctx->text[0] != '\0');
}

/* The input as a message with a good signature, so that what lies behind the verification is reached: malloced. */
static inline uint8_t *
fuzz_sign(const uint8_t *data, size_t size_bytes, const mst_key *key, const char *context, size_t *ret_bytes)
{
  uint8_t *message = malloc(size_bytes + 2 + MST_SIGNATURE_BYTES);

  MUST(message);
  if (size_bytes > 0)
    memcpy(message, data, size_bytes);
  message[size_bytes] = 0xC4;
  message[size_bytes + 1] = MST_SIGNATURE_BYTES;
  MUST(mst_key_sign(key, context, message, size_bytes, message + size_bytes + 2, NULL) == MST_OK);
  *ret_bytes = size_bytes + 2 + MST_SIGNATURE_BYTES;
  return message;
}

#endif
