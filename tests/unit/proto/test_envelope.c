#include "vectors.h"

static mst_err
open_by_agent(const void *data, size_t size_bytes, mst_errctx *ctx)
{
  mst_key *key = vector_key(AGENT);
  mst_envelope envelope;

  mst_err err = mst_envelope_decode(data, size_bytes, &envelope, ctx);
  if (err == MST_OK)
    err = mst_envelope_verify(&envelope, mst_key_public(key), ctx);
  mst_key_destroy(key);
  return err;
}

static mst_err
decode_only(const void *data, size_t size_bytes, mst_errctx *ctx)
{
  mst_envelope envelope;
  return mst_envelope_decode(data, size_bytes, &envelope, ctx);
}

static const char small_body[] = "\x93\x01\x02\x03";

/* An encoded envelope of a small body. */
static mst_buf
encoded(mst_envelope_kind kind, uint64_t sequence, uint8_t seed)
{
  mst_buf body, bytes;
  mst_errctx ctx = {0};
  mst_key *key = vector_key(seed);

  mst_buf_init(&body, 64);
  mst_buf_append(&body, small_body, 4);
  mst_envelope envelope = vector_envelope(kind, sequence, &body);
  mst_buf_init(&bytes, MST_ENVELOPE_MAX_BYTES);
  assert_ok(mst_envelope_encode(&envelope, key, &bytes, &ctx), ctx);
  mst_buf_done(&body);
  mst_key_destroy(key);
  return bytes;
}

Test(envelope, every_kind__comes_back_as_it_was)
{
  static const char *const names[] = {"unknown", "enrol", "definitions", "report", "loss", "unknown"};

  for (int kind = 0; kind <= 5; kind++)
    cr_expect_str_eq(mst_envelope_kind_name((mst_envelope_kind)kind), names[kind]);
  for (int kind = MST_ENVELOPE_ENROL; kind <= MST_ENVELOPE_LOSS; kind++) {
    uint64_t sequence = kind == MST_ENVELOPE_ENROL ? 0 : INT64_MAX;
    mst_buf bytes = encoded((mst_envelope_kind)kind, sequence, AGENT);
    mst_key *key = vector_key(AGENT);
    mst_key_id id = mst_key_id_of(mst_key_public(key));
    mst_envelope got;
    mst_errctx ctx = {0};
    assert_ok(mst_envelope_decode(bytes.data, bytes.size_bytes, &got, &ctx), ctx);
    assert_ok(mst_envelope_verify(&got, mst_key_public(key), &ctx), ctx);
    cr_expect_eq(got.version, 1);
    cr_expect_eq(got.kind, (mst_envelope_kind)kind);
    cr_expect_eq(got.sequence, sequence);
    cr_expect_eq(got.sent_at.ns, VECTOR_AT);
    cr_expect_eq(got.session.bytes[15], 0xAF);
    cr_expect_eq(memcmp(&got.key_id, &id, sizeof id), 0);
    cr_expect_eq(got.body.size_bytes, 4);
    cr_expect_eq(memcmp(got.body.data, small_body, 4), 0);
    cr_expect_eq(got.signed_part.data, bytes.data);
    cr_expect_eq(got.signed_part.size_bytes, bytes.size_bytes - 66);
    mst_buf_done(&bytes);
    mst_key_destroy(key);
  }
}

Test(envelope, a_cut_at_any_byte__is_refused)
{
  mst_buf bytes = encoded(MST_ENVELOPE_REPORT, 7, AGENT);
  expect_truncations_refused(bytes.data, bytes.size_bytes, decode_only);
  mst_buf_done(&bytes);
}

Test(envelope, any_flipped_bit__is_refused)
{
  mst_buf bytes = encoded(MST_ENVELOPE_REPORT, 7, AGENT);
  expect_flips_refused(bytes.data, bytes.size_bytes, open_by_agent);
  mst_buf_done(&bytes);
}

Test(envelope, another_key__does_not_verify)
{
  mst_buf bytes = encoded(MST_ENVELOPE_REPORT, 7, STRANGER);
  mst_key *agent = vector_key(AGENT), *stranger = vector_key(STRANGER);
  mst_envelope envelope;
  mst_errctx ctx = {0};

  assert_ok(mst_envelope_decode(bytes.data, bytes.size_bytes, &envelope, &ctx), ctx);
  cr_expect_eq(mst_envelope_verify(&envelope, mst_key_public(agent), &ctx), MST_ECRYPTO);
  cr_expect(strstr(ctx.text, "another key"), "%s", ctx.text);
  /* The id of one key and the signature of another. */
  envelope.key_id = mst_key_id_of(mst_key_public(agent));
  cr_expect_eq(mst_envelope_verify(&envelope, mst_key_public(agent), &ctx), MST_ECRYPTO);
  cr_expect_eq(mst_envelope_verify(&envelope, mst_key_public(stranger), &ctx), MST_ECRYPTO);
  mst_buf_done(&bytes);
  mst_key_destroy(agent);
  mst_key_destroy(stranger);
}

Test(envelope, a_signature_of_one_kind__fits_no_other)
{
  mst_buf bytes = encoded(MST_ENVELOPE_REPORT, 7, AGENT);
  mst_key *key = vector_key(AGENT);
  mst_envelope envelope;
  mst_errctx ctx = {0};

  assert_ok(mst_envelope_decode(bytes.data, bytes.size_bytes, &envelope, &ctx), ctx);
  for (int kind = 0; kind <= 5; kind++) {
    envelope.kind = (mst_envelope_kind)kind;
    cr_expect_eq(mst_envelope_verify(&envelope, mst_key_public(key), &ctx) == MST_OK, kind == MST_ENVELOPE_REPORT);
  }
  /* Nor does a signature over the same bytes without a context. */
  uint8_t bare[MST_SIGNATURE_BYTES];
  envelope.kind = MST_ENVELOPE_REPORT;
  assert_ok(mst_key_sign(key, "", envelope.signed_part.data, envelope.signed_part.size_bytes, bare, &ctx), ctx);
  memcpy(envelope.signature, bare, sizeof bare);
  cr_expect_eq(mst_envelope_verify(&envelope, mst_key_public(key), &ctx), MST_ECRYPTO);
  mst_buf_done(&bytes);
  mst_key_destroy(key);
}

Test(envelope, encode__refuses_what_decode_would_and_leaves_the_buffer)
{
  static const uint8_t one = 1;
  mst_key *key = vector_key(AGENT);
  const mst_envelope good = {.version = 1, .sequence = 1, .kind = MST_ENVELOPE_LOSS, .body = {&one, 1}};
  struct {
    mst_envelope envelope;
    mst_err code;
  } cases[] = {
      {good, MST_EVERSION},   {good, MST_EVERSION}, {good, MST_EMALFORMED}, {good, MST_EMALFORMED}, {good, MST_EMALFORMED},
      {good, MST_EMALFORMED}, {good, MST_ELIMIT},   {good, MST_ELIMIT},     {good, MST_EMALFORMED},
  };
  cases[0].envelope.version = 0;
  cases[1].envelope.version = 2;
  cases[2].envelope.kind = (mst_envelope_kind)0;
  cases[3].envelope.kind = (mst_envelope_kind)5;
  cases[4].envelope.sequence = 0;
  cases[5].envelope.kind = MST_ENVELOPE_ENROL;
  cases[6].envelope.sequence = (uint64_t)INT64_MAX + 1;
  cases[7].envelope.body.size_bytes = MST_ENVELOPE_MAX_BODY_BYTES + 1;
  cases[8].envelope.sent_at.ns = -1;
  mst_buf bytes;
  mst_buf_init(&bytes, 1000);
  mst_buf_puts(&bytes, "before");
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    mst_errctx ctx = {0};
    cr_expect_eq(mst_envelope_encode(&cases[i].envelope, key, &bytes, &ctx), cases[i].code, "case %zu: %s", i, ctx.text);
    cr_expect_neq(ctx.text[0], '\0');
    cr_expect_str_eq(mst_buf_text(&bytes), "before");
  }
  mst_envelope empty = good;
  empty.body = (mst_bytes){0};
  cr_expect_eq(mst_envelope_encode(&empty, key, &bytes, NULL), MST_EMALFORMED);
  mst_buf_done(&bytes);
  mst_key_destroy(key);
}

Test(envelope, a_buffer_that_is_full__is_a_limit)
{
  static const uint8_t body[100];
  mst_key *key = vector_key(AGENT);
  mst_envelope envelope = {.version = 1, .sequence = 1, .kind = MST_ENVELOPE_LOSS, .body = {body, sizeof body}};
  mst_errctx ctx = {0};

  for (size_t most = 0; most < 200; most += 10) {
    mst_buf bytes;
    mst_buf_init(&bytes, most);
    cr_expect_eq(mst_envelope_encode(&envelope, key, &bytes, &ctx), MST_ELIMIT);
    cr_expect_eq(bytes.size_bytes, 0);
    mst_buf_done(&bytes);
  }
  mst_key_destroy(key);
}

Test(envelope, the_biggest_body__passes_and_one_byte_more_does_not)
{
  uint8_t *body = calloc(1, MST_ENVELOPE_MAX_BODY_BYTES + 1);
  mst_key *key = vector_key(AGENT);
  mst_envelope envelope = {
      .version = 1, .sequence = INT64_MAX, .sent_at = {INT64_MAX}, .kind = MST_ENVELOPE_LOSS, .body = {body, MST_ENVELOPE_MAX_BODY_BYTES}};
  mst_errctx ctx = {0};
  mst_envelope got;
  mst_buf bytes;

  mst_buf_init(&bytes, MST_ENVELOPE_MAX_BYTES + 1);
  assert_ok(mst_envelope_encode(&envelope, key, &bytes, &ctx), ctx);
  cr_expect_leq(bytes.size_bytes, MST_ENVELOPE_MAX_BYTES);
  assert_ok(mst_envelope_decode(bytes.data, bytes.size_bytes, &got, &ctx), ctx);
  assert_ok(mst_envelope_verify(&got, mst_key_public(key), &ctx), ctx);
  /* A body one longer, its length patched in by hand. */
  size_t at = (size_t)(got.body.data - bytes.data) - 4;
  bytes.data[at + 3] = 1;
  cr_expect_eq(mst_envelope_decode(bytes.data, bytes.size_bytes, &got, &ctx), MST_ELIMIT);
  uint8_t *huge = calloc(1, MST_ENVELOPE_MAX_BYTES + 1);
  cr_expect_eq(mst_envelope_decode(huge, MST_ENVELOPE_MAX_BYTES + 1, &got, &ctx), MST_ELIMIT);
  free(huge);
  free(body);
  mst_buf_done(&bytes);
  mst_key_destroy(key);
}

Test(envelope, decode__leaves_the_result_on_failure)
{
  mst_buf bytes = encoded(MST_ENVELOPE_REPORT, 7, AGENT);
  mst_envelope got = {.sequence = 99};

  cr_expect_neq(mst_envelope_decode(bytes.data, bytes.size_bytes - 1, &got, NULL), MST_OK);
  cr_expect_eq(got.sequence, 99);
  mst_buf_done(&bytes);
}

Test(envelope, a_head_that_reaches_into_the_signature__is_refused)
{
  /* An array and a version as long as they can be, and then nothing but a signature that overlaps them. */
  uint8_t bytes[80] = {0xdd, 0, 0, 0, 8, 0xcf, 0, 0, 0, 0, 0, 0, 0, 1};
  mst_envelope got;

  for (size_t size = 14; size <= 80; size++) {
    blob part = blob_of(bytes, size);
    if (size >= 66) {
      part.data[size - 66] = 0xc4;
      part.data[size - 65] = 0x40;
    }
    cr_expect_neq(mst_envelope_decode(part.data, part.size_bytes, &got, NULL), MST_OK);
    blob_done(&part);
  }
}

Test(envelope, digest__depends_on_every_byte)
{
  mst_buf bytes = encoded(MST_ENVELOPE_REPORT, 7, AGENT);
  mst_digest before = mst_envelope_digest(bytes.data, bytes.size_bytes);

  bytes.data[bytes.size_bytes - 1] ^= 1;
  mst_digest after = mst_envelope_digest(bytes.data, bytes.size_bytes);
  cr_expect_not(mst_digest_equal(&before, &after));
  mst_buf_done(&bytes);
}

Test(envelope, keys_of_the_vectors__follow_from_their_seeds)
{
  static const uint8_t seeds[] = {AGENT, CONTROLLER, OPERATOR};

  for (int i = 0; i < 3; i++) {
    mst_key *key = vector_key(seeds[i]);
    mst_key_id id = mst_key_id_of(mst_key_public(key));
    expect_bytes(mst_key_public(key)->bytes, MST_KEY_PUBLIC_BYTES, "keys.json", "public", i);
    expect_bytes(id.bytes, sizeof id.bytes, "keys.json", "id", i);
    mst_key_destroy(key);
  }
}
