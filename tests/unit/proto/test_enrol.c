#include <mst/proto/enrol.h>

#include "vectors.h"

static mst_token
vector_token(void)
{
  mst_key *controller = vector_key(CONTROLLER);
  mst_token token = {.controller = *mst_key_public(controller)};

  count_up(token.id, sizeof token.id, 0xC0);
  count_up(token.secret, sizeof token.secret, 0xD0);
  mst_key_destroy(controller);
  return token;
}

static mst_enrol
vector_enrol(void)
{
  mst_token token = vector_token();
  mst_key *agent = vector_key(AGENT);
  mst_enrol enrol = {.key = *mst_key_public(agent), .hostname = TEXT("api-1.staging.example"), .agent_version = TEXT("0.1.0")};

  memcpy(enrol.token_id, token.id, sizeof enrol.token_id);
  mst_enrol_tag(token.secret, &enrol.key, enrol.hostname, enrol.tag);
  mst_key_destroy(agent);
  return enrol;
}

static mst_buf
vector_body(void)
{
  mst_enrol enrol = vector_enrol();
  mst_errctx ctx = {0};
  mst_buf body;

  mst_buf_init(&body, 1000);
  assert_ok(mst_enrol_encode(&enrol, &body, &ctx), ctx);
  return body;
}

static mst_err
decode(const void *data, size_t size_bytes, mst_errctx *ctx)
{
  mst_enrol enrol;
  return mst_enrol_decode((mst_bytes){data, size_bytes}, &enrol, ctx);
}

Test(token, vector__is_reproduced_and_read_back)
{
  mst_token token = vector_token(), got;
  char text[MST_TOKEN_TEXT_BYTES], want[200];
  mst_errctx ctx = {0};

  mst_token_format(&token, text);
  snprintf(want, sizeof want, "\"text\": \"%s\"", text);
  char *file = vector_file("token.json");
  cr_expect_not_null(strstr(file, want), "%s", text);
  free(file);
  assert_ok(mst_token_parse(text, &got, &ctx), ctx);
  cr_expect_eq(memcmp(&got, &token, sizeof got), 0);
}

Test(token, a_text_that_is_cut_longer_or_mistyped__is_refused_without_repeating_it)
{
  mst_token token = vector_token(), got = {.id = {1}};
  char text[MST_TOKEN_TEXT_BYTES + 1], broken[MST_TOKEN_TEXT_BYTES + 1];
  mst_errctx ctx = {0};

  mst_token_format(&token, text);
  size_t length = strlen(text);
  for (size_t i = 0; i < length; i++) {
    memcpy(broken, text, i);
    broken[i] = '\0';
    cr_expect_eq(mst_token_parse(broken, &got, &ctx), MST_EMALFORMED, "%zu characters", i);
    cr_expect_null(strstr(ctx.text, "x9DR0tPU"), "%s", ctx.text);
  }
  static const char wrong[] = {'=', '+', '/', ' ', '\n', '.', '\x80'};
  for (size_t i = 0; i < length; i++) {
    memcpy(broken, text, length + 1);
    broken[i] = wrong[i % sizeof wrong] == text[i] ? '=' : wrong[i % sizeof wrong];
    cr_expect_eq(mst_token_parse(broken, &got, &ctx), MST_EMALFORMED, "character %zu", i);
  }
  static const char *const behind[] = {"A", "=", " ", "\n", "AAAA"};
  for (size_t i = 0; i < sizeof behind / sizeof behind[0]; i++) {
    snprintf(broken, sizeof broken, "%s%s", text, behind[i]);
    cr_expect_eq(mst_token_parse(broken, &got, &ctx), MST_EMALFORMED);
  }
  cr_expect_eq(mst_token_parse("mst2.AAAA", &got, &ctx), MST_EMALFORMED);
  cr_expect_eq(got.id[0], 1);
}

Test(enrol, vector__is_reproduced_byte_for_byte)
{
  mst_enrol enrol = vector_enrol();
  mst_buf body = vector_body();

  expect_bytes(enrol.tag, sizeof enrol.tag, "envelope-enrol.json", "tag", 0);
  expect_envelope(MST_ENVELOPE_ENROL, 0, &body, "envelope-enrol.json");
  mst_buf_done(&body);
}

Test(enrol, what_was_encoded__comes_back)
{
  mst_enrol enrol = vector_enrol(), got;
  mst_buf body = vector_body();
  mst_errctx ctx = {0};

  assert_ok(mst_enrol_decode((mst_bytes){body.data, body.size_bytes}, &got, &ctx), ctx);
  cr_expect_eq(memcmp(&got.key, &enrol.key, sizeof got.key), 0);
  cr_expect_eq(memcmp(got.token_id, enrol.token_id, sizeof got.token_id), 0);
  cr_expect_eq(memcmp(got.tag, enrol.tag, sizeof got.tag), 0);
  cr_expect(mst_text_equal(got.hostname, "api-1.staging.example"));
  cr_expect(mst_text_equal(got.agent_version, "0.1.0"));
  mst_buf_done(&body);
}

Test(enrol, a_cut_at_any_byte__is_refused)
{
  mst_buf body = vector_body();
  expect_truncations_refused(body.data, body.size_bytes, decode);
  mst_buf_done(&body);
}

Test(enrol, tag__depends_on_secret_key_and_host_name)
{
  mst_token token = vector_token();
  mst_enrol enrol = vector_enrol();
  uint8_t tag[MST_ENROL_TAG_BYTES];

  mst_enrol_tag(token.secret, &enrol.key, enrol.hostname, tag);
  cr_expect_eq(memcmp(tag, enrol.tag, sizeof tag), 0);
  mst_enrol_tag(token.secret, &enrol.key, TEXT("api-2.staging.example"), tag);
  cr_expect_neq(memcmp(tag, enrol.tag, sizeof tag), 0);
  token.secret[31] ^= 1;
  mst_enrol_tag(token.secret, &enrol.key, enrol.hostname, tag);
  cr_expect_neq(memcmp(tag, enrol.tag, sizeof tag), 0);
  token.secret[31] ^= 1;
  enrol.key.bytes[0] ^= 1;
  mst_enrol_tag(token.secret, &enrol.key, enrol.hostname, tag);
  cr_expect_neq(memcmp(tag, enrol.tag, sizeof tag), 0);
}

Test(enrol, encode__refuses_texts_that_break_a_rule)
{
  static const char longer[256] = {[0 ... 255] = 'h'};
  mst_errctx ctx = {0};
  mst_buf body;
  mst_enrol enrol;

  mst_buf_init(&body, 1000);
  enrol = vector_enrol(), enrol.hostname = (mst_text){longer, 256};
  cr_expect_eq(mst_enrol_encode(&enrol, &body, &ctx), MST_ELIMIT);
  enrol = vector_enrol(), enrol.hostname = (mst_text){0};
  cr_expect_eq(mst_enrol_encode(&enrol, &body, &ctx), MST_EMALFORMED);
  enrol = vector_enrol(), enrol.agent_version = (mst_text){longer, 65};
  cr_expect_eq(mst_enrol_encode(&enrol, &body, &ctx), MST_ELIMIT);
  enrol = vector_enrol(), enrol.agent_version = (mst_text){"\xff", 1};
  cr_expect_eq(mst_enrol_encode(&enrol, &body, &ctx), MST_EMALFORMED);
  cr_expect_eq(body.size_bytes, 0);
  mst_buf_done(&body);
}
