/* Enrolment: who gets in with which token. */
#include "rig.h"

#include <mst/common/log.h>

#define SECOND MST_NS_PER_S

static rig r;
static fake_agent agent;
static mst_store_token token;

static void
put_token(uint8_t id, uint32_t uses, int64_t ttl_ns, bool manual)
{
  mst_core *core = r.core;
  mst_errctx ctx = {0};

  token = (mst_store_token){.labels = "role=api\nzone=a", .created_at = mst_clock_wall(&r.clock.base), .uses_left = uses, .manual = manual};
  token.expires_at = (mst_wall){token.created_at.ns + ttl_ns};
  memset(token.id, id, sizeof token.id);
  memset(token.secret, id + 1, sizeof token.secret);
  cr_assert_eq(mst_core_begin(core, &ctx), MST_OK);
  cr_assert_eq(mst_core_end(core, core->ops->token_put(core->store, &token, &ctx), &ctx), MST_OK);
  cr_assert_eq(mst_state_token_put(&core->state, &token, &ctx), MST_OK);
}

static rig_answer
enrol(const fake_agent *who, bool knows_secret)
{
  mst_enrol enrol = {.key = *mst_key_public(who->key), .hostname = text_of("web-1"), .agent_version = text_of("1.0")};
  uint8_t secret[MST_TOKEN_SECRET_BYTES];
  mst_errctx ctx = {0};
  mst_buf body, bytes;

  memcpy(secret, token.secret, sizeof secret);
  secret[3] ^= !knows_secret;
  memcpy(enrol.token_id, token.id, sizeof enrol.token_id);
  mst_enrol_tag(secret, &enrol.key, enrol.hostname, enrol.tag);
  mst_buf_init(&body, MST_ENVELOPE_MAX_BODY_BYTES);
  cr_assert_eq(mst_enrol_encode(&enrol, &body, &ctx), MST_OK, "%s", ctx.text);
  fake_envelope(who, MST_ENVELOPE_ENROL, 0, mst_clock_wall(&r.clock.base), &body, &bytes);
  rig_answer answer = rig_send(&r, bytes.data, bytes.size_bytes);
  mst_buf_done(&body);
  mst_buf_done(&bytes);
  return answer;
}

static void
setup(void)
{
  mst_log_start("test", MST_LOG_ERROR + 1, MST_LOG_KEY_VALUE, 2, mst_clock_system());
  rig_start(&r);
  fake_init(&agent, 7);
}

static void
teardown(void)
{
  fake_done(&agent);
  rig_stop(&r);
}

TestSuite(enrol, .init = setup, .fini = teardown);

Test(enrol, good_token__lets_in_with_the_labels_of_the_token)
{
  put_token(1, 1, 60 * SECOND, false);
  expect_status(enrol(&agent, true), MST_REPLY_STORED);
  mst_key_id id = mst_key_id_of(mst_key_public(agent.key));
  const mst_agent_entry *entry = mst_state_agent_by_key(&r.core->state, &id);
  cr_assert_not_null(entry);
  cr_expect_str_eq(entry->labels, "role=api\nzone=a");
  cr_expect_str_eq(entry->hostname, "web-1");
  cr_expect_eq(entry->state, MST_AGENT_APPROVED);
  cr_expect_eq(mst_state_token_find(&r.core->state, token.id)->token.uses_left, 0);
  expect_status(rig_define(&r, &agent, 2), MST_REPLY_STORED);
  rig_restart(&r);
  entry = mst_state_agent_by_key(&r.core->state, &id);
  cr_assert_not_null(entry);
  cr_expect_eq(mst_state_token_find(&r.core->state, token.id)->token.uses_made, 1);
  expect_status(rig_report(&r, &agent, 2, RIG_START_NS, 1), MST_REPLY_STORED);
}

Test(enrol, again__changes_nothing_and_uses_nothing_up)
{
  put_token(1, 2, 60 * SECOND, false);
  for (int i = 0; i < 3; i++)
    expect_status(enrol(&agent, true), MST_REPLY_STORED);
  cr_expect_eq(mst_state_token_find(&r.core->state, token.id)->token.uses_left, 1);
  cr_expect_eq(r.core->state.agent_count, 1);
}

Test(enrol, manual_token__makes_the_agent_wait)
{
  put_token(1, 1, 60 * SECOND, true);
  expect_status(enrol(&agent, true), MST_REPLY_LATER);
  expect_status(rig_define(&r, &agent, 2), MST_REPLY_LATER);
}

Test(enrol, wrong_secret_or_token__is_met_with_silence)
{
  put_token(1, 1, 60 * SECOND, false);
  expect_silence(enrol(&agent, false));
  token.id[0] ^= 1;
  expect_silence(enrol(&agent, true));
  cr_expect_eq(rig_refused(&r, MST_REFUSED_TOKEN), 2);
  cr_expect_eq(r.core->state.agent_count, 0);
}

Test(enrol, spent_token__is_refused_with_the_reason)
{
  fake_agent second;

  fake_init(&second, 8);
  put_token(1, 1, 60 * SECOND, false);
  expect_status(enrol(&agent, true), MST_REPLY_STORED);
  expect_refused(enrol(&second, true), MST_REFUSED_TOKEN);
  put_token(3, 1, 60 * SECOND, false);
  mst_clock_manual_advance(&r.clock, 60 * SECOND);
  rig_answer answer = enrol(&second, true);
  cr_expect(strstr(answer.reason, "expired"), "%s", answer.reason);
  expect_refused(answer, MST_REFUSED_TOKEN);
  fake_done(&second);
}

Test(enrol, key_of_somebody_else__is_met_with_silence)
{
  mst_enrol body = {.key = *mst_key_public(agent.key), .hostname = text_of("web-1"), .agent_version = text_of("1.0")};
  fake_agent other;
  mst_errctx ctx = {0};
  mst_buf bytes, envelope;

  put_token(1, 1, 60 * SECOND, false);
  fake_init(&other, 8);
  memcpy(body.token_id, token.id, sizeof body.token_id);
  mst_enrol_tag(token.secret, &body.key, body.hostname, body.tag);
  mst_buf_init(&bytes, MST_ENVELOPE_MAX_BODY_BYTES);
  cr_assert_eq(mst_enrol_encode(&body, &bytes, &ctx), MST_OK);
  fake_envelope(&other, MST_ENVELOPE_ENROL, 0, (mst_wall){RIG_START_NS}, &bytes, &envelope);
  expect_silence(rig_send(&r, envelope.data, envelope.size_bytes));
  cr_expect_eq(rig_refused(&r, MST_REFUSED_SIGNATURE), 1);
  mst_buf_done(&bytes);
  mst_buf_done(&envelope);
  fake_done(&other);
}
