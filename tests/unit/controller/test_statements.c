/* What operators may do, and what not. */
#include "live.h"

TestSuite(statements, .timeout = 120);

static live l;
static mst_errctx ctx;

static void
setup(void)
{
  live_start(&l, "1h", "");
}

static void
teardown(void)
{
  live_stop(&l);
}

Test(statements, unknown_key__is_refused, .init = setup, .fini = teardown)
{
  mst_key *stranger = NULL;

  cr_assert_eq(mst_key_create(&stranger, &ctx), MST_OK);
  cr_expect_eq(live_state(&l, stranger, "token.new", "", NULL, &ctx, ), MST_ECRYPTO, "%s", ctx.text);
  mst_key_destroy(stranger);
}

Test(statements, changed_byte_or_repeat__is_refused, .init = setup, .fini = teardown)
{
  mst_statement statement = {.issued_at = mst_clock_wall(mst_clock_system()), .kind = text_of("token.new"), .subject = text_of("")};
  json_t *answer = NULL;
  mst_buf bytes;

  mst_random_bytes(statement.id, sizeof statement.id);
  mst_buf_init(&bytes, MST_STATEMENT_MAX_BYTES);
  cr_assert_eq(mst_statement_seal(&statement, l.admin, &bytes, &ctx), MST_OK);
  for (size_t i = 0; i < bytes.size_bytes; i += 5) {
    bytes.data[i] ^= 4;
    mst_err err = mst_core_statement(l.r.core, bytes.data, bytes.size_bytes, &answer, &ctx);
    cr_expect(err == MST_ECRYPTO || err == MST_EMALFORMED || err == MST_EVERSION || err == MST_ELIMIT, "byte %zu: %s", i,
              mst_err_name(err));
    bytes.data[i] ^= 4;
  }
  cr_expect_eq(mst_core_statement(l.r.core, bytes.data, bytes.size_bytes, &answer, &ctx), MST_OK, "%s", ctx.text);
  json_decref(answer);
  cr_expect_eq(mst_core_statement(l.r.core, bytes.data, bytes.size_bytes, &answer, &ctx), MST_EEXIST, "a statement counts once");
  mst_buf_done(&bytes);
}

Test(statements, old_and_future_and_expired__are_refused, .init = setup, .fini = teardown)
{
  const int64_t now = mst_clock_wall(mst_clock_system()).ns;
  const struct {
    int64_t issued_ns, expires_ns;
  } cases[] = {{now + 3600 * MST_NS_PER_S, 0}, {now - 25 * 3600 * MST_NS_PER_S, 0}, {now - 10, now - 5}};
  json_t *answer = NULL;
  mst_buf bytes;

  mst_buf_init(&bytes, MST_STATEMENT_MAX_BYTES);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    mst_statement statement = {
        .issued_at = {cases[i].issued_ns}, .expires_at = {cases[i].expires_ns}, .kind = text_of("token.new"), .subject = text_of("")};
    mst_buf_reset(&bytes);
    cr_assert_eq(mst_statement_seal(&statement, l.admin, &bytes, &ctx), MST_OK);
    cr_expect_eq(mst_core_statement(l.r.core, bytes.data, bytes.size_bytes, &answer, &ctx), MST_ESTATE, "case %zu: %s", i, ctx.text);
  }
  mst_buf_done(&bytes);
}

Test(statements, roles__decide_who_may, .init = setup, .fini = teardown)
{
  mst_key *lead = live_operator(&l, "lead", "technical-lead\nsecurity-lead");

  cr_expect_eq(live_state(&l, lead, "token.new", "", NULL, &ctx, ), MST_EPERM);
  cr_expect_eq(live_state(&l, lead, "operator.add", "x", NULL, &ctx, ), MST_EPERM);
  cr_expect_eq(live_state(&l, l.admin, "waive", "1.1", NULL, &ctx, {"reason", "r"}, {"run", "x"}, ), MST_EPERM);
  mst_err err = live_state(&l, lead, "run.start", "", NULL, &ctx, {"checklist", "test"}, {"force", "true"}, );
  cr_expect_eq(err, MST_OK, "%s", ctx.text);
  cr_expect_eq(live_state(&l, l.admin, "dance", "", NULL, &ctx, ), MST_EMALFORMED);
  mst_key_destroy(lead);
}

Test(statements, mistyped_fields__are_refused, .init = setup, .fini = teardown)
{
  cr_expect_eq(live_state(&l, l.admin, "token.new", "", NULL, &ctx, {"tl", "1h"}, ), MST_EMALFORMED);
  cr_expect(strstr(ctx.text, "tl"), "%s", ctx.text);
  cr_expect_eq(live_state(&l, l.admin, "token.new", "", NULL, &ctx, {"ttl", "soon"}, ), MST_EMALFORMED);
  cr_expect_eq(live_state(&l, l.admin, "token.new", "", NULL, &ctx, {"uses", "-1"}, ), MST_EMALFORMED);
  cr_expect_eq(live_state(&l, l.admin, "token.new", "", NULL, &ctx, {"labels", "role"}, ), MST_EMALFORMED);
  cr_expect_eq(live_state(&l, l.admin, "token.new", "", NULL, &ctx, {"manual", "maybe"}, ), MST_EMALFORMED);
  cr_expect_eq(live_state(&l, l.admin, "operator.add", "x", NULL, &ctx, {"key", "ed25519:00"}, {"roles", "admin"}, ), MST_EMALFORMED);
  cr_expect_eq(live_state(&l, l.admin, "run.start", "", NULL, &ctx, {"checklist", "nowhere"}, ), MST_EABSENT);
  cr_expect_eq(live_state(&l, l.admin, "agent.revoke", "abcd", NULL, &ctx, {"reason", "r"}, ), MST_EABSENT);
  cr_expect_eq(live_state(&l, l.admin, "agent.revoke", "abcd", NULL, &ctx, ), MST_EMALFORMED, "a reason is needed");
  cr_expect_eq(live_state(&l, l.admin, "run.start", "", NULL, &ctx, {"checklist", "test"}, ), MST_ESTATE, "no agent is there");
}

Test(statements, last_admin__stays, .init = setup, .fini = teardown)
{
  mst_key *second = live_operator(&l, "second", "admin");
  char first_hex[MST_KEY_ID_HEX_BYTES], second_hex[MST_KEY_ID_HEX_BYTES], text[MST_PUBLIC_KEY_TEXT_BYTES];
  mst_key_id first_id = mst_key_id_of(mst_key_public(l.admin)), second_id = mst_key_id_of(mst_key_public(second));

  mst_key_id_hex(&first_id, first_hex);
  mst_key_id_hex(&second_id, second_hex);
  mst_public_key_format(mst_key_public(second), text);
  cr_expect_eq(live_state(&l, l.admin, "operator.add", "again", NULL, &ctx, {"key", text}, {"roles", "admin"}, ), MST_EEXIST);
  cr_expect_eq(live_state(&l, second, "operator.revoke", first_hex, NULL, &ctx, {"reason", "left"}, ), MST_OK, "%s", ctx.text);
  cr_expect_eq(live_state(&l, l.admin, "token.new", "", NULL, &ctx, ), MST_ECRYPTO, "his key counts no more");
  cr_expect_eq(live_state(&l, second, "operator.revoke", second_hex, NULL, &ctx, ), MST_ESTATE, "%s", ctx.text);
  mst_key_destroy(second);
}

Test(statements, agents__are_found_labelled_revoked_and_approved, .init = setup, .fini = teardown)
{
  char hex[MST_KEY_ID_HEX_BYTES];
  net_agent agent;
  json_t *document = NULL;

  net_enrol(&agent, &l, 7, "role=api");
  mst_key_id id = mst_key_id_of(mst_key_public(agent.fake.key));
  mst_key_id_hex(&id, hex);
  hex[8] = '\0';
  cr_expect_eq(live_state(&l, l.admin, "agent.label", hex, NULL, &ctx, {"labels", "zone=b\nrole=db"}, ), MST_OK, "%s", ctx.text);
  cr_assert_eq(mst_core_agent_json(l.r.core, "web-1", &document, &ctx), MST_OK, "%s", ctx.text);
  cr_expect_str_eq(mst_run_json_text(json_object_get(document, "labels"), "role"), "db");
  cr_expect_eq(json_array_size(json_object_get(document, "sessions")), 1);
  json_decref(document);
  cr_expect_eq(live_state(&l, l.admin, "agent.approve", "web-1", NULL, &ctx, ), MST_ESTATE, "it is");
  cr_expect_eq(live_state(&l, l.admin, "agent.revoke", "web-1", NULL, &ctx, {"reason", "stolen"}, ), MST_OK, "%s", ctx.text);
  expect_refused(net_report(&agent, mst_clock_wall(mst_clock_system())), MST_REFUSED_REVOKED_KEY);
  cr_expect_eq(live_state(&l, l.admin, "agent.approve", "web-1", NULL, &ctx, ), MST_OK, "%s", ctx.text);
  expect_status(net_report(&agent, mst_clock_wall(mst_clock_system())), MST_REPLY_STORED);
  cr_expect_eq(mst_core_agent_json(l.r.core, "nobody", &document, &ctx), MST_EABSENT);
  net_done(&agent);
}

Test(statements, revoked_token__lets_nobody_in, .init = setup, .fini = teardown)
{
  json_t *answer = NULL, *tokens;

  cr_assert_eq(live_state(&l, l.admin, "token.new", "", &answer, &ctx, {"uses", "5"}, ), MST_OK, "%s", ctx.text);
  cr_expect_eq(live_state(&l, l.admin, "token.revoke", json_string_value(json_object_get(answer, "id")), NULL, &ctx, ), MST_OK, "%s",
               ctx.text);
  cr_expect_eq(live_state(&l, l.admin, "token.revoke", "zz", NULL, &ctx, ), MST_EABSENT);
  json_decref(answer);
  tokens = mst_core_tokens_json(l.r.core);
  const json_t *token = json_array_get(json_object_get(tokens, "tokens"), 0);
  cr_expect(json_is_true(json_object_get(token, "revoked")));
  cr_expect_eq(json_integer_value(json_object_get(token, "uses_left")), 5);
  json_decref(tokens);
}

Test(statements, items_and_runs_that_are_not_there__are_named, .init = setup, .fini = teardown)
{
  mst_key *lead = live_operator(&l, "lead", "technical-lead");
  char id[MST_RUN_ID_BYTES];
  net_agent agent;

  net_enrol(&agent, &l, 7, "role=api");
  cr_expect_eq(live_state(&l, lead, "intervention", "r-1", NULL, &ctx, {"text", "x"}, ), MST_ESTATE, "no run is on");
  live_run(&l, id);
  json_decref(live_verdict(&l, id));
  cr_expect_eq(live_state(&l, lead, "na", "9.9", NULL, &ctx, {"reason", "r"}, {"run", id}, ), MST_EABSENT, "%s", ctx.text);
  cr_expect_eq(live_state(&l, lead, "waive", "1.1", NULL, &ctx, {"reason", "r"}, {"run", id}, ), MST_EMALFORMED, "it must expire");
  cr_expect_eq(live_state(&l, lead, "attest", "1.2", NULL, &ctx, {"role", "security-lead"}, {"run", id}, ), MST_EPERM, "not his role");
  cr_expect_eq(live_state(&l, lead, "intervention", id, NULL, &ctx, {"text", "restarted nginx"}, ), MST_OK, "%s", ctx.text);
  mst_key_destroy(lead);
  net_done(&agent);
}
