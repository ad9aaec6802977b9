#include <mst/proto/reply.h>

#include "merkle.h"
#include "vectors.h"

enum { VECTOR_REPLIES = 5 };

static mst_digest
digest_of_vector(const char *name)
{
  blob bytes = vector_hex(name, "digest", 0);
  mst_digest digest;
  cr_assert_eq(bytes.size_bytes, sizeof digest.bytes);
  memcpy(digest.bytes, bytes.data, sizeof digest.bytes);
  blob_done(&bytes);
  return digest;
}

static mst_reply
plain_reply(const mst_digest *envelope)
{
  return (mst_reply){.envelope = *envelope,
                     .status = MST_REPLY_STORED,
                     .sent_at = {VECTOR_AT},
                     .received_at = {VECTOR_AT + 2000000},
                     .replied_at = {VECTOR_AT + 7000000}};
}

/* Bodies of many replies, each to another envelope. */
struct many {
  mst_buf all;
  mst_bytes bodies[MST_REPLY_BATCH_MAX];
  mst_digest envelopes[MST_REPLY_BATCH_MAX];
};

static struct many *
many_create(uint32_t count)
{
  struct many *many = calloc(1, sizeof *many);
  size_t *at = calloc(count + 1, sizeof *at);
  mst_errctx ctx = {0};

  mst_buf_init(&many->all, 1 << 22);
  for (uint32_t i = 0; i < count; i++) {
    many->envelopes[i] = mst_digest_of("test", &i, sizeof i);
    mst_reply reply = plain_reply(&many->envelopes[i]);
    assert_ok(mst_reply_encode_body(&reply, &many->all, &ctx), ctx);
    at[i + 1] = many->all.size_bytes;
  }
  for (uint32_t i = 0; i < count; i++)
    many->bodies[i] = (mst_bytes){many->all.data + at[i], at[i + 1] - at[i]};
  free(at);
  return many;
}

static void
many_destroy(struct many *many)
{
  mst_buf_done(&many->all);
  free(many);
}

static mst_digest asked; /* what the decoders below say that they sent */

static mst_err
open_reply(const void *data, size_t size_bytes, mst_errctx *ctx)
{
  mst_key *key = vector_key(CONTROLLER);
  mst_reply reply;

  mst_err err = mst_reply_open(data, size_bytes, mst_key_public(key), &asked, &reply, ctx);
  mst_key_destroy(key);
  return err;
}

Test(reply, vectors__are_reproduced_byte_for_byte)
{
  static const char *const names[VECTOR_REPLIES] = {"envelope-definitions.json", "envelope-report.json", "envelope-report-missing.json",
                                                    "envelope-loss.json", "envelope-enrol.json"};
  mst_key *controller = vector_key(CONTROLLER), *operator_key = vector_key(OPERATOR);
  blob plan = vector_hex("plan.json", "encoded", 0);
  mst_reply replies[VECTOR_REPLIES];
  mst_buf bodies[VECTOR_REPLIES], bytes;
  mst_bytes views[VECTOR_REPLIES];
  mst_reply_batch *batch;
  mst_errctx ctx = {0};

  for (int i = 0; i < VECTOR_REPLIES; i++) {
    mst_digest digest = digest_of_vector(names[i]);
    replies[i] = plain_reply(&digest);
  }
  replies[1].status = MST_REPLY_NEED_DEFINITIONS;
  replies[2].status = MST_REPLY_REFUSED;
  replies[2].refusal = MST_REFUSED_TOO_OLD;
  replies[2].reason = TEXT("older than 30 days");
  replies[3].status = MST_REPLY_LATER;
  replies[3].reason = TEXT("the disk is full");
  replies[3].retry_after_ns = 30 * SECONDS;
  replies[4].plan = (mst_bytes){plan.data, plan.size_bytes};
  replies[4].next_key = (mst_bytes){mst_key_public(operator_key)->bytes, MST_KEY_PUBLIC_BYTES};
  for (int i = 0; i < VECTOR_REPLIES; i++) {
    mst_buf_init(&bodies[i], MST_REPLY_MAX_BYTES);
    assert_ok(mst_reply_encode_body(&replies[i], &bodies[i], &ctx), ctx);
    expect_bytes(bodies[i].data, bodies[i].size_bytes, "replies.json", "body", i);
    views[i] = (mst_bytes){bodies[i].data, bodies[i].size_bytes};
  }
  assert_ok(mst_reply_batch_create(views, VECTOR_REPLIES, controller, &batch, &ctx), ctx);
  mst_buf_init(&bytes, MST_REPLY_MAX_BYTES);
  for (uint32_t i = 0; i < VECTOR_REPLIES; i++) {
    mst_reply got;
    mst_buf_reset(&bytes);
    assert_ok(mst_reply_batch_encode(batch, i, &bytes, &ctx), ctx);
    expect_bytes(bytes.data, bytes.size_bytes, "replies.json", "encoded", (int)i);
    assert_ok(mst_reply_open(bytes.data, bytes.size_bytes, mst_key_public(controller), &replies[i].envelope, &got, &ctx), ctx);
    cr_expect_eq(got.status, replies[i].status);
    cr_expect_eq(got.refusal, replies[i].refusal);
    cr_expect_eq(got.retry_after_ns, replies[i].retry_after_ns);
    cr_expect_eq(got.sent_at.ns, replies[i].sent_at.ns);
    cr_expect_eq(got.received_at.ns, replies[i].received_at.ns);
    cr_expect_eq(got.replied_at.ns, replies[i].replied_at.ns);
    cr_expect_eq(got.reason.size_bytes, replies[i].reason.size_bytes);
    cr_expect_eq(got.plan.size_bytes, replies[i].plan.size_bytes);
    cr_expect_eq(got.next_key.size_bytes, replies[i].next_key.size_bytes);
    mst_buf_done(&bodies[i]);
  }
  mst_buf_done(&bytes);
  mst_reply_batch_destroy(batch);
  blob_done(&plan);
  mst_key_destroy(controller);
  mst_key_destroy(operator_key);
}

Test(reply, batches_of_1_to_70__open_each_and_no_other)
{
  mst_key *key = vector_key(CONTROLLER);
  struct many *many = many_create(70);
  mst_errctx ctx = {0};
  mst_reply reply;
  mst_buf bytes;

  mst_buf_init(&bytes, MST_REPLY_MAX_BYTES);
  for (uint32_t count = 1; count <= 70; count++) {
    mst_reply_batch *batch;
    assert_ok(mst_reply_batch_create(many->bodies, count, key, &batch, &ctx), ctx);
    for (uint32_t i = 0; i < count; i++) {
      mst_buf_reset(&bytes);
      assert_ok(mst_reply_batch_encode(batch, i, &bytes, &ctx), ctx);
      assert_ok(mst_reply_open(bytes.data, bytes.size_bytes, mst_key_public(key), &many->envelopes[i], &reply, &ctx), ctx);
      cr_assert_eq(mst_reply_open(bytes.data, bytes.size_bytes, mst_key_public(key), &many->envelopes[(i + 1) % 70], &reply, &ctx),
                   MST_ECRYPTO);
    }
    cr_assert_eq(mst_reply_batch_encode(batch, count, &bytes, &ctx), MST_EABSENT);
    mst_reply_batch_destroy(batch);
  }
  mst_buf_done(&bytes);
  many_destroy(many);
  mst_key_destroy(key);
}

Test(reply, the_biggest_batch__opens_at_its_ends_and_one_more_is_a_limit)
{
  mst_key *key = vector_key(CONTROLLER);
  struct many *many = many_create(MST_REPLY_BATCH_MAX);
  mst_reply_batch *batch;
  mst_errctx ctx = {0};
  mst_reply reply;
  mst_buf bytes;

  cr_expect_eq(mst_reply_batch_create(many->bodies, MST_REPLY_BATCH_MAX + 1, key, &batch, &ctx), MST_ELIMIT);
  cr_expect_eq(mst_reply_batch_create(many->bodies, 0, key, &batch, &ctx), MST_EMALFORMED);
  assert_ok(mst_reply_batch_create(many->bodies, MST_REPLY_BATCH_MAX, key, &batch, &ctx), ctx);
  mst_buf_init(&bytes, MST_REPLY_MAX_BYTES);
  for (uint32_t i = 0; i < MST_REPLY_BATCH_MAX; i += MST_REPLY_BATCH_MAX / 4 - 1) {
    mst_buf_reset(&bytes);
    assert_ok(mst_reply_batch_encode(batch, i, &bytes, &ctx), ctx);
    assert_ok(mst_reply_open(bytes.data, bytes.size_bytes, mst_key_public(key), &many->envelopes[i], &reply, &ctx), ctx);
  }
  mst_buf_done(&bytes);
  mst_reply_batch_destroy(batch);
  mst_reply_batch_destroy(NULL);
  many_destroy(many);
  mst_key_destroy(key);
}

/* One reply out of a batch of `count`, with its envelope in `asked`. */
static mst_buf
one_of(uint32_t index, uint32_t count, uint8_t seed)
{
  mst_key *key = vector_key(seed);
  struct many *many = many_create(count);
  mst_reply_batch *batch;
  mst_errctx ctx = {0};
  mst_buf bytes;

  assert_ok(mst_reply_batch_create(many->bodies, count, key, &batch, &ctx), ctx);
  mst_buf_init(&bytes, MST_REPLY_MAX_BYTES);
  assert_ok(mst_reply_batch_encode(batch, index, &bytes, &ctx), ctx);
  asked = many->envelopes[index];
  mst_reply_batch_destroy(batch);
  many_destroy(many);
  mst_key_destroy(key);
  return bytes;
}

Test(reply, a_cut_at_any_byte__is_refused)
{
  mst_buf bytes = one_of(4, 7, CONTROLLER);
  expect_truncations_refused(bytes.data, bytes.size_bytes, open_reply);
  mst_buf_done(&bytes);
}

Test(reply, any_flipped_bit_of_body_index_count_path_or_signature__is_refused)
{
  static const uint32_t places[][2] = {{0, 1}, {1, 2}, {2, 3}, {4, 7}, {6, 7}, {4, 5}};
  for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
    mst_buf bytes = one_of(places[i][0], places[i][1], CONTROLLER);
    expect_flips_refused(bytes.data, bytes.size_bytes, open_reply);
    mst_buf_done(&bytes);
  }
}

Test(reply, signed_by_another__is_refused)
{
  mst_buf bytes = one_of(0, 3, STRANGER);
  mst_errctx ctx = {0};
  cr_expect_eq(open_reply(bytes.data, bytes.size_bytes, &ctx), MST_ECRYPTO);
  mst_buf_done(&bytes);
}

Test(reply, a_node_given_as_a_leaf__is_refused)
{
  /* The two leaves' digests, side by side, hash to no leaf: the domains differ. */
  mst_bytes bodies[2] = {{(const uint8_t *)"a", 1}, {(const uint8_t *)"b", 1}};
  mst_errctx ctx = {0};
  mst_digest pair[2], root;
  mst_merkle tree;

  assert_ok(mst_crypto_start(&ctx), ctx);
  assert_ok(mst_merkle_init(&tree, bodies, 2, &ctx), ctx);
  pair[0] = mst_merkle_leaf(bodies[0]);
  pair[1] = mst_merkle_leaf(bodies[1]);
  mst_digest forged = mst_merkle_leaf((mst_bytes){pair[0].bytes, sizeof pair});
  assert_ok(mst_merkle_climb(forged, 0, 1, (mst_bytes){0}, &root, &ctx), ctx);
  cr_expect_not(mst_digest_equal(&root, mst_merkle_root(&tree)));
  mst_merkle_done(&tree);
}

Test(merkle, a_path_of_a_wrong_length_or_place__is_refused)
{
  struct many *many = many_create(5);
  mst_digest path[MST_MERKLE_PATH_MAX + 1] = {0}, root;
  mst_errctx ctx = {0};
  mst_merkle tree;

  assert_ok(mst_crypto_start(&ctx), ctx);
  assert_ok(mst_merkle_init(&tree, many->bodies, 5, &ctx), ctx);
  for (uint32_t i = 0; i < 5; i++) {
    mst_digest leaf = mst_merkle_leaf(many->bodies[i]);
    uint32_t steps = mst_merkle_path(&tree, i, path);
    cr_expect_eq(steps, i == 4 ? 1 : 3);
    for (uint32_t length = 0; length <= 5; length++) {
      mst_err err = mst_merkle_climb(leaf, i, 5, (mst_bytes){path[0].bytes, length * sizeof path[0]}, &root, &ctx);
      cr_expect_eq(err, length == steps ? MST_OK : MST_EMALFORMED);
      if (err == MST_OK)
        cr_expect(mst_digest_equal(&root, mst_merkle_root(&tree)));
    }
    cr_expect_eq(mst_merkle_climb(leaf, i, 5, (mst_bytes){path[0].bytes, steps * sizeof path[0] - 1}, &root, &ctx), MST_EMALFORMED);
    cr_expect_eq(mst_merkle_climb(leaf, 5 + i, 5, (mst_bytes){path[0].bytes, steps * sizeof path[0]}, &root, &ctx), MST_EMALFORMED);
  }
  cr_expect_eq(mst_merkle_climb(path[0], 0, 0, (mst_bytes){0}, &root, &ctx), MST_EMALFORMED);
  mst_merkle_done(&tree);
  many_destroy(many);
}

Test(reply, encode__refuses_what_breaks_a_rule)
{
  static const char longer[257] = {[0 ... 256] = 'r'};
  uint8_t *big = calloc(1, MST_REPLY_MAX_PLAN_BYTES + 1);
  const mst_digest none = {{0}};
  mst_reply r;
  mst_buf body;

#define EXPECT(code, change)                                                                                                               \
  do {                                                                                                                                     \
    mst_errctx ctx = {0};                                                                                                                  \
    r = plain_reply(&none);                                                                                                                \
    change;                                                                                                                                \
    cr_expect_eq(mst_reply_encode_body(&r, &body, &ctx), code, "%s", #change);                                                             \
    cr_expect_neq(ctx.text[0], '\0');                                                                                                      \
    cr_expect_eq(body.size_bytes, 0);                                                                                                      \
  } while (0)
  mst_buf_init(&body, MST_REPLY_MAX_BYTES);
  EXPECT(MST_EMALFORMED, r.status = (mst_reply_status)0);
  EXPECT(MST_EMALFORMED, r.status = (mst_reply_status)5);
  EXPECT(MST_EMALFORMED, r.refusal = MST_REFUSED_CONFLICT);
  EXPECT(MST_EMALFORMED, r.status = MST_REPLY_REFUSED);
  EXPECT(MST_EMALFORMED, (r.status = MST_REPLY_REFUSED, r.refusal = MST_REFUSAL_COUNT));
  EXPECT(MST_EMALFORMED, r.retry_after_ns = -1);
  EXPECT(MST_EMALFORMED, r.sent_at.ns = -1);
  EXPECT(MST_EMALFORMED, r.received_at.ns = -1);
  EXPECT(MST_EMALFORMED, r.replied_at.ns = -1);
  EXPECT(MST_EMALFORMED, r.task_count = 1);
  EXPECT(MST_EMALFORMED, (r.next_key = (mst_bytes){big, 31}));
  EXPECT(MST_ELIMIT, (r.plan = (mst_bytes){big, MST_REPLY_MAX_PLAN_BYTES + 1}));
  EXPECT(MST_ELIMIT, (r.reason = (mst_text){longer, 257}));
  EXPECT(MST_EMALFORMED, (r.reason = (mst_text){"\xff", 1}));
#undef EXPECT
  mst_buf_done(&body);
  free(big);
}

Test(reply, a_body_that_is_none__is_refused_though_signed)
{
  static const char *const bad[] = {"\x90", "\x9b", "x", "\x8b"};
  mst_key *key = vector_key(CONTROLLER);
  mst_errctx ctx = {0};
  mst_buf bytes;

  mst_buf_init(&bytes, MST_REPLY_MAX_BYTES);
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    mst_bytes body = {(const uint8_t *)bad[i], 1};
    mst_reply_batch *batch;
    mst_buf_reset(&bytes);
    assert_ok(mst_reply_batch_create(&body, 1, key, &batch, &ctx), ctx);
    assert_ok(mst_reply_batch_encode(batch, 0, &bytes, &ctx), ctx);
    cr_expect_eq(open_reply(bytes.data, bytes.size_bytes, &ctx), MST_EMALFORMED);
    mst_reply_batch_destroy(batch);
  }
  mst_buf_done(&bytes);
  mst_key_destroy(key);
}

Test(reply, the_biggest_plan__fits_with_the_longest_path)
{
  mst_key *key = vector_key(CONTROLLER);
  struct many *many = many_create(MST_REPLY_BATCH_MAX);
  uint8_t *plan = calloc(1, MST_REPLY_MAX_PLAN_BYTES);
  static const char reason[256] = {[0 ... 255] = 'r'};
  mst_reply reply = plain_reply(&many->envelopes[5]);
  mst_reply_batch *batch;
  mst_errctx ctx = {0};
  mst_buf body, bytes;

  reply.plan = (mst_bytes){plan, MST_REPLY_MAX_PLAN_BYTES};
  reply.next_key = (mst_bytes){plan, 32};
  reply.reason = (mst_text){reason, 256};
  reply.retry_after_ns = reply.sent_at.ns = reply.received_at.ns = reply.replied_at.ns = INT64_MAX;
  mst_buf_init(&body, MST_REPLY_MAX_BYTES);
  assert_ok(mst_reply_encode_body(&reply, &body, &ctx), ctx);
  many->bodies[5] = (mst_bytes){body.data, body.size_bytes};
  assert_ok(mst_reply_batch_create(many->bodies, MST_REPLY_BATCH_MAX, key, &batch, &ctx), ctx);
  mst_buf_init(&bytes, MST_REPLY_MAX_BYTES);
  assert_ok(mst_reply_batch_encode(batch, 5, &bytes, &ctx), ctx);
  asked = many->envelopes[5];
  assert_ok(open_reply(bytes.data, bytes.size_bytes, &ctx), ctx);
  uint8_t *huge = calloc(1, MST_REPLY_MAX_BYTES + 1);
  cr_expect_eq(open_reply(huge, MST_REPLY_MAX_BYTES + 1, &ctx), MST_ELIMIT);
  free(huge);
  mst_reply_batch_destroy(batch);
  mst_buf_done(&body);
  mst_buf_done(&bytes);
  many_destroy(many);
  free(plan);
  mst_key_destroy(key);
}

Test(reply, no_memory__is_said)
{
  mst_key *key = vector_key(CONTROLLER);
  struct many *many = many_create(9);
  mst_reply_batch *batch;
  mst_errctx ctx = {0};

  expect_enomem_each(mst_reply_batch_create(many->bodies, 9, key, &batch, &ctx));
  mst_reply_batch_destroy(batch);
  many_destroy(many);
  mst_key_destroy(key);
}

Test(reply, refusal_names__are_the_label_values)
{
  cr_expect_str_eq(mst_refusal_name(MST_REFUSED_NONE), "none");
  cr_expect_str_eq(mst_refusal_name(MST_REFUSED_CONFLICT), "conflicting_sequence");
  cr_expect_str_eq(mst_refusal_name(MST_REFUSED_NOT_APPROVED), "not_approved");
  cr_expect_str_eq(mst_refusal_name(MST_REFUSAL_COUNT), "unknown");
  cr_expect_str_eq(mst_refusal_name((mst_refusal)-1), "unknown");
}
