#ifndef TESTS_UNIT_PROTO_VECTORS_H
#define TESTS_UNIT_PROTO_VECTORS_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mst/common/alloc.h>
#include <mst/proto/envelope.h>
#include <mst/proto/report.h>

/* What the tests of proto share: the vectors of tests/golden/wire, their keys, and bytes to break. */
#define SECONDS       1000000000LL
#define VECTOR_AT     1795410000000000000LL
#define TEXT(literal) ((mst_text){(literal), sizeof(literal) - 1})

#define assert_ok(call, ctx) cr_assert_eq((call), MST_OK, "%s", (ctx).text)

typedef struct blob {
  uint8_t *data;
  size_t size_bytes;
} blob;

static inline void
blob_done(blob *b)
{
  free(b->data);
  b->data = NULL;
}

/* A copy of exactly its size, so that a read behind its end is seen by the sanitizer. */
static inline blob
blob_of(const void *data, size_t size_bytes)
{
  blob b = {malloc(size_bytes ? size_bytes : 1), size_bytes};
  cr_assert_not_null(b.data);
  if (size_bytes > 0)
    memcpy(b.data, data, size_bytes);
  return b;
}

static inline char *
vector_file(const char *name)
{
  char path[512];
  snprintf(path, sizeof path, "%s/tests/golden/wire/%s", MST_SOURCE_DIR, name);
  FILE *file = fopen(path, "rb");
  cr_assert_not_null(file, "open %s", path);
  char *text = calloc(1, 1 << 20);
  cr_assert_not_null(text);
  size_t bytes = fread(text, 1, (1 << 20) - 1, file);
  cr_assert_gt(bytes, 0, "read %s", path);
  fclose(file);
  return text;
}

/* The nth (from 0) value of a key whose value is a string of hex, anywhere in a vector's file. */
static inline blob
vector_hex(const char *name, const char *key, int nth)
{
  char *text = vector_file(name), want[64];
  snprintf(want, sizeof want, "\"%s\": \"", key);
  const char *at = strstr(text, want);
  for (; at && nth > 0; nth--)
    at = strstr(at + 1, want);
  cr_assert_not_null(at, "%s has no %s", name, want);
  at += strlen(want);
  size_t digits = strcspn(at, "\"");
  char *hex = strndup(at, digits);
  blob b = {malloc(digits / 2 + 1), digits / 2};
  mst_errctx ctx = {0};
  assert_ok(mst_hex_decode(hex, b.data, b.size_bytes, &ctx), ctx);
  free(hex);
  free(text);
  blob exact = blob_of(b.data, b.size_bytes);
  blob_done(&b);
  return exact;
}

static inline void
expect_bytes(const void *data, size_t size_bytes, const char *name, const char *key, int nth)
{
  blob want = vector_hex(name, key, nth);
  char *got_hex = calloc(2, size_bytes + 1), *want_hex = calloc(2, want.size_bytes + 1);
  cr_assert_str_eq(mst_hex_encode(data, size_bytes, got_hex), mst_hex_encode(want.data, want.size_bytes, want_hex), "%s of %s", key, name);
  free(got_hex);
  free(want_hex);
  blob_done(&want);
}

/* The keys of keys.json: seeds count up from 0 (agent), 32 (controller), 64 (operator). */
enum { AGENT = 0, CONTROLLER = 32, OPERATOR = 64, STRANGER = 96 };
static inline mst_key *
vector_key(uint8_t first)
{
  uint8_t seed[32];
  mst_errctx ctx = {0};
  mst_key *key;
  for (size_t i = 0; i < sizeof seed; i++)
    seed[i] = (uint8_t)(first + i);
  assert_ok(mst_crypto_start(&ctx), ctx);
  assert_ok(mst_key_create_from_seed(seed, &key, &ctx), ctx);
  return key;
}

static inline void
count_up(uint8_t *bytes, size_t size_bytes, uint8_t first)
{
  for (size_t i = 0; i < size_bytes; i++)
    bytes[i] = (uint8_t)(first + i);
}

/* The envelope of a vector around a body, as its generator makes it. */
static inline mst_envelope
vector_envelope(mst_envelope_kind kind, uint64_t sequence, const mst_buf *body)
{
  mst_envelope envelope = {
      .version = 1, .sequence = sequence, .sent_at = {VECTOR_AT}, .kind = kind, .body = {body->data, body->size_bytes}};
  count_up(envelope.session.bytes, sizeof envelope.session.bytes, 0xA0);
  return envelope;
}

static inline void
expect_envelope(mst_envelope_kind kind, uint64_t sequence, const mst_buf *body, const char *name)
{
  mst_envelope envelope = vector_envelope(kind, sequence, body);
  mst_key *key = vector_key(AGENT);
  mst_errctx ctx = {0};
  mst_buf bytes;

  mst_buf_init(&bytes, MST_ENVELOPE_MAX_BYTES);
  expect_bytes(body->data, body->size_bytes, name, "body", 0);
  assert_ok(mst_envelope_encode(&envelope, key, &bytes, &ctx), ctx);
  expect_bytes(bytes.data, bytes.size_bytes, name, "encoded", 0);
  mst_digest digest = mst_envelope_digest(bytes.data, bytes.size_bytes);
  expect_bytes(digest.bytes, sizeof digest.bytes, name, "digest", 0);
  mst_buf_done(&bytes);
  mst_key_destroy(key);
}

/* Every beginning of good bytes, and the bytes with one more, must be refused. `decode` copies nothing and frees what it made. */
static inline void
expect_truncations_refused(const void *data, size_t size_bytes, mst_err (*decode)(const void *data, size_t size_bytes, mst_errctx *ctx))
{
  mst_errctx ctx = {0};

  for (size_t i = 0; i < size_bytes; i++) {
    blob cut = blob_of(data, i);
    ctx.text[0] = '\0';
    mst_err err = decode(cut.data, cut.size_bytes, &ctx);
    cr_assert_neq(err, MST_OK, "the first %zu bytes were taken", i);
    cr_assert_neq(ctx.text[0], '\0', "no text for the first %zu bytes", i);
    blob_done(&cut);
  }
  uint8_t *longer = calloc(1, size_bytes + 1);
  memcpy(longer, data, size_bytes);
  cr_assert_neq(decode(longer, size_bytes + 1, &ctx), MST_OK, "a byte behind the end was taken");
  free(longer);
  assert_ok(decode(data, size_bytes, &ctx), ctx);
}

/* No bit of a signed message may change and the message still be taken. */
static inline void
expect_flips_refused(const void *data, size_t size_bytes, mst_err (*decode)(const void *data, size_t size_bytes, mst_errctx *ctx))
{
  blob copy = blob_of(data, size_bytes);
  mst_errctx ctx = {0};

  assert_ok(decode(copy.data, copy.size_bytes, &ctx), ctx);
  for (size_t i = 0; i < size_bytes * 8; i++) {
    copy.data[i / 8] ^= (uint8_t)(1 << i % 8);
    cr_assert_neq(decode(copy.data, copy.size_bytes, &ctx), MST_OK, "bit %zu of byte %zu changed and nobody saw it", i % 8, i / 8);
    copy.data[i / 8] ^= (uint8_t)(1 << i % 8);
  }
  blob_done(&copy);
}

/* Fails each allocation of a call in turn until it succeeds; the sanitizer sees what leaks. */
#define expect_enomem_each(call)                                                                                                           \
  do {                                                                                                                                     \
    mst_err outcome_ = MST_ENOMEM;                                                                                                         \
    for (size_t nth_ = 1; outcome_ != MST_OK; nth_++) {                                                                                    \
      cr_assert_lt(nth_, 1000, "never succeeds");                                                                                          \
      mst_alloc_fail_at(nth_);                                                                                                             \
      outcome_ = (call);                                                                                                                   \
      mst_alloc_fail_at(0);                                                                                                                \
      cr_assert(outcome_ == MST_OK || outcome_ == MST_ENOMEM, "allocation %zu: %s", nth_, mst_err_name(outcome_));                         \
    }                                                                                                                                      \
  } while (0)

/* The series, samples and histogram of the vectors. */
static inline void
vector_histogram(mst_hist *ret_hist)
{
  static const double values[] = {0.25, 0.5, 1, 1.5, 2, 3, 3, 0, -4};
  mst_errctx ctx = {0};

  mst_hist_init(ret_hist);
  for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
    assert_ok(mst_hist_add(ret_hist, values[i], 1, &ctx), ctx);
}

#endif
