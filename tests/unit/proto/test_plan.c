#include <mst/proto/plan.h>

#include "vectors.h"

/* The plan of plan.json. */
struct fixture {
  mst_text match[2], children[1];
  mst_plan_option options[2], skip[1];
  mst_plan_collector collectors[3];
  mst_plan plan;
};

static struct fixture *
fixture_create(void)
{
  struct fixture *f = calloc(1, sizeof *f);

  f->match[0] = TEXT("nginx");
  f->match[1] = TEXT("postgres: *");
  f->children[0] = TEXT("yes");
  f->options[0] = (mst_plan_option){TEXT("match"), 2, f->match};
  f->options[1] = (mst_plan_option){TEXT("children"), 1, f->children};
  f->skip[0] = (mst_plan_option){TEXT("skip"), 0, NULL};
  f->collectors[0] = (mst_plan_collector){.name = TEXT("cpu")};
  f->collectors[1] = (mst_plan_collector){.name = TEXT("processes"), .period_ns = 60 * SECONDS, .option_count = 2, .options = f->options};
  f->collectors[2] = (mst_plan_collector){
      .name = TEXT("facts"), .instance = TEXT("yearly"), .period_ns = 24 * 3600 * SECONDS, .option_count = 1, .options = f->skip};
  f->plan = (mst_plan){
      .name = TEXT("staging-api"), .interval_ns = 10 * SECONDS, .jitter_ratio = 0.1, .collector_count = 3, .collectors = f->collectors};
  return f;
}

static mst_buf
sealed(const mst_plan *plan, uint8_t seed)
{
  mst_key *key = vector_key(seed);
  mst_errctx ctx = {0};
  mst_buf bytes;

  mst_buf_init(&bytes, MST_PLAN_MAX_BYTES);
  assert_ok(mst_plan_seal(plan, key, &bytes, &ctx), ctx);
  mst_key_destroy(key);
  return bytes;
}

static mst_err
open_plan(const void *data, size_t size_bytes, mst_errctx *ctx)
{
  mst_key *key = vector_key(CONTROLLER);
  mst_plan plan;

  mst_err err = mst_plan_open(data, size_bytes, mst_key_public(key), &plan, ctx);
  if (err == MST_OK)
    mst_plan_done(&plan);
  mst_key_destroy(key);
  return err;
}

Test(plan, vector__is_reproduced_byte_for_byte)
{
  struct fixture *f = fixture_create();
  mst_key *key = vector_key(CONTROLLER);
  mst_buf bytes = sealed(&f->plan, CONTROLLER);
  mst_errctx ctx = {0};
  mst_plan plan;

  expect_bytes(bytes.data, bytes.size_bytes, "plan.json", "encoded", 0);
  assert_ok(mst_plan_open(bytes.data, bytes.size_bytes, mst_key_public(key), &plan, &ctx), ctx);
  expect_bytes(plan.digest.bytes, sizeof plan.digest.bytes, "plan.json", "digest", 0);
  mst_plan_done(&plan);
  mst_buf_done(&bytes);
  mst_key_destroy(key);
  free(f);
}

Test(plan, what_was_sealed__comes_back_and_outlives_the_message)
{
  struct fixture *f = fixture_create();
  mst_key *key = vector_key(CONTROLLER);
  mst_buf bytes = sealed(&f->plan, CONTROLLER);
  mst_errctx ctx = {0};
  mst_plan plan;

  assert_ok(mst_plan_open(bytes.data, bytes.size_bytes, mst_key_public(key), &plan, &ctx), ctx);
  mst_buf_done(&bytes);
  cr_expect(mst_text_equal(plan.name, "staging-api"));
  cr_expect_eq(plan.interval_ns, 10 * SECONDS);
  cr_expect_eq(plan.jitter_ratio, 0.1);
  cr_assert_eq(plan.collector_count, 3);
  cr_expect(mst_text_equal(plan.collectors[0].name, "cpu"));
  cr_expect_eq(plan.collectors[0].option_count, 0);
  cr_assert_eq(plan.collectors[1].option_count, 2);
  cr_expect_eq(plan.collectors[1].period_ns, 60 * SECONDS);
  cr_expect(mst_text_equal(plan.collectors[1].options[0].key, "match"));
  cr_assert_eq(plan.collectors[1].options[0].value_count, 2);
  cr_expect(mst_text_equal(plan.collectors[1].options[0].values[1], "postgres: *"));
  cr_expect_eq(plan.collectors[2].options[0].value_count, 0);
  cr_expect(mst_text_equal(plan.collectors[1].instance, ""));
  cr_expect(mst_text_equal(plan.collectors[2].instance, "yearly"));
  mst_plan_done(&plan);
  mst_plan_done(&plan);
  mst_key_destroy(key);
  free(f);
}

Test(plan, digest__tells_plans_apart_and_not_their_signers)
{
  struct fixture *f = fixture_create();
  static const uint8_t seeds[] = {CONTROLLER, OPERATOR, CONTROLLER};
  mst_plan plans[3];
  mst_errctx ctx = {0};

  for (int i = 0; i < 3; i++) {
    mst_key *key = vector_key(seeds[i]);
    f->plan.interval_ns = (i == 2 ? 11 : 10) * SECONDS;
    mst_buf bytes = sealed(&f->plan, seeds[i]);
    assert_ok(mst_plan_open(bytes.data, bytes.size_bytes, mst_key_public(key), &plans[i], &ctx), ctx);
    mst_buf_done(&bytes);
    mst_key_destroy(key);
  }
  cr_expect(mst_digest_equal(&plans[0].digest, &plans[1].digest));
  cr_expect_not(mst_digest_equal(&plans[0].digest, &plans[2].digest));
  for (int i = 0; i < 3; i++)
    mst_plan_done(&plans[i]);
  free(f);
}

Test(plan, a_cut_at_any_byte__is_refused)
{
  struct fixture *f = fixture_create();
  mst_buf bytes = sealed(&f->plan, CONTROLLER);
  expect_truncations_refused(bytes.data, bytes.size_bytes, open_plan);
  mst_buf_done(&bytes);
  free(f);
}

Test(plan, a_cut_body_with_a_good_signature__is_refused_without_a_leak)
{
  struct fixture *f = fixture_create();
  mst_buf bytes = sealed(&f->plan, CONTROLLER), part;
  mst_key *key = vector_key(CONTROLLER);
  uint8_t signature[MST_SIGNATURE_BYTES];
  mst_errctx ctx = {0};

  mst_buf_init(&part, MST_PLAN_MAX_BYTES);
  for (size_t size = 2; size < bytes.size_bytes - 66; size++) {
    mst_buf_reset(&part);
    mst_buf_append(&part, bytes.data, size);
    assert_ok(mst_key_sign(key, "muster/1/plan", part.data, part.size_bytes, signature, &ctx), ctx);
    mst_buf_append(&part, "\xc4\x40", 2);
    mst_buf_append(&part, signature, sizeof signature);
    cr_expect_eq(open_plan(part.data, part.size_bytes, &ctx), MST_EMALFORMED, "%zu bytes: %s", size, ctx.text);
  }
  mst_buf_done(&part);
  mst_buf_done(&bytes);
  mst_key_destroy(key);
  free(f);
}

Test(plan, any_flipped_bit__is_refused)
{
  struct fixture *f = fixture_create();
  mst_buf bytes = sealed(&f->plan, CONTROLLER);
  expect_flips_refused(bytes.data, bytes.size_bytes, open_plan);
  mst_buf_done(&bytes);
  free(f);
}

Test(plan, signed_by_another__is_refused)
{
  struct fixture *f = fixture_create();
  mst_buf bytes = sealed(&f->plan, STRANGER);
  mst_errctx ctx = {0};
  cr_expect_eq(open_plan(bytes.data, bytes.size_bytes, &ctx), MST_ECRYPTO);
  mst_buf_done(&bytes);
  free(f);
}

Test(plan, seal__refuses_what_breaks_a_rule)
{
  static const char longer[MST_PLAN_VALUE_MAX_BYTES + 1] = {[0 ... MST_PLAN_VALUE_MAX_BYTES] = 'x'};
  mst_key *key = vector_key(CONTROLLER);
  mst_buf bytes;

#define EXPECT(code, change)                                                                                                               \
  do {                                                                                                                                     \
    struct fixture *f = fixture_create();                                                                                                  \
    mst_errctx ctx = {0};                                                                                                                  \
    change;                                                                                                                                \
    cr_expect_eq(mst_plan_seal(&f->plan, key, &bytes, &ctx), code, "%s", #change);                                                         \
    cr_expect_neq(ctx.text[0], '\0');                                                                                                      \
    cr_expect_eq(bytes.size_bytes, 0);                                                                                                     \
    free(f);                                                                                                                               \
  } while (0)
  mst_buf_init(&bytes, MST_PLAN_MAX_BYTES);
  EXPECT(MST_EMALFORMED, f->plan.interval_ns = SECONDS / 10 - 1);
  EXPECT(MST_EMALFORMED, f->plan.interval_ns = 3600 * SECONDS + 1);
  EXPECT(MST_EMALFORMED, f->plan.jitter_ratio = -0.1);
  EXPECT(MST_EMALFORMED, f->plan.jitter_ratio = 0.6);
  EXPECT(MST_EMALFORMED, f->plan.jitter_ratio = (double)__builtin_nan(""));
  EXPECT(MST_ELIMIT, (f->plan.name = (mst_text){longer, 513}));
  EXPECT(MST_EMALFORMED, (f->plan.name = (mst_text){"\xc3", 1}));
  EXPECT(MST_ELIMIT, f->plan.collector_count = 65);
  EXPECT(MST_EMALFORMED, f->collectors[0].name.size_bytes = 0);
  EXPECT(MST_EMALFORMED, f->collectors[0].period_ns = -1);
  EXPECT(MST_EMALFORMED, f->collectors[0].period_ns = MST_PLAN_MAX_PERIOD_NS + 1);
  EXPECT(MST_ELIMIT, f->collectors[1].option_count = MST_PLAN_MAX_OPTIONS + 1);
  EXPECT(MST_EMALFORMED, f->options[1].key = f->options[0].key);
  EXPECT(MST_EMALFORMED, f->options[1].key.size_bytes = 0);
  EXPECT(MST_ELIMIT, f->options[0].value_count = 129);
  EXPECT(MST_ELIMIT, (f->match[0] = (mst_text){longer, sizeof longer}));
  EXPECT(MST_ELIMIT, (f->collectors[2].instance = (mst_text){longer, 513}));
#undef EXPECT
  mst_buf_done(&bytes);
  mst_key_destroy(key);
}

Test(plan, bounds_themselves__are_taken)
{
  struct fixture *f = fixture_create();
  mst_errctx ctx = {0};

  f->plan.interval_ns = SECONDS / 10;
  f->plan.jitter_ratio = 0;
  f->collectors[0].period_ns = MST_PLAN_MAX_PERIOD_NS;
  mst_buf bytes = sealed(&f->plan, CONTROLLER);
  assert_ok(open_plan(bytes.data, bytes.size_bytes, &ctx), ctx);
  mst_buf_done(&bytes);
  f->plan = (mst_plan){.interval_ns = 3600 * SECONDS, .jitter_ratio = 0.5};
  bytes = sealed(&f->plan, CONTROLLER);
  assert_ok(open_plan(bytes.data, bytes.size_bytes, &ctx), ctx);
  mst_buf_done(&bytes);
  free(f);
}

Test(plan, one_over_512_kB__is_a_limit)
{
  static const char text[512] = {[0 ... 511] = 't'};
  mst_text values[128];
  mst_plan_option options[9];
  mst_plan_collector collector = {.name = TEXT("c"), .option_count = 9, .options = options};
  mst_plan plan = {.interval_ns = SECONDS, .collector_count = 1, .collectors = &collector};
  mst_key *key = vector_key(CONTROLLER);
  mst_errctx ctx = {0};
  mst_buf bytes;

  for (int i = 0; i < 128; i++)
    values[i] = (mst_text){text, sizeof text};
  for (int i = 0; i < 9; i++)
    options[i] = (mst_plan_option){{&"abcdefghi"[i], 1}, 128, values};
  mst_buf_init(&bytes, 1 << 20);
  cr_expect_eq(mst_plan_seal(&plan, key, &bytes, &ctx), MST_ELIMIT);
  cr_expect_eq(bytes.size_bytes, 0);
  uint8_t *huge = calloc(1, MST_PLAN_MAX_BYTES + 1);
  cr_expect_eq(open_plan(huge, MST_PLAN_MAX_BYTES + 1, &ctx), MST_ELIMIT);
  free(huge);
  mst_buf_done(&bytes);
  mst_key_destroy(key);
}

Test(plan, no_memory__is_said_and_nothing_leaks)
{
  struct fixture *f = fixture_create();
  mst_buf bytes = sealed(&f->plan, CONTROLLER);
  mst_key *key = vector_key(CONTROLLER);
  mst_errctx ctx = {0};
  mst_plan plan;

  expect_enomem_each(mst_plan_open(bytes.data, bytes.size_bytes, mst_key_public(key), &plan, &ctx));
  mst_plan_done(&plan);
  mst_key_destroy(key);
  mst_buf_done(&bytes);
  free(f);
}
