/* What every back end must do with each kind of record. */
#include "contract.h"

CONTRACT(meta__replaces_and_says_what_is_absent)
{
  mst_errctx said = {0};
  mst_buf value;

  mst_buf_init(&value, 100);
  cr_expect_eq(ops->meta_get(store, "a", &value, &said), MST_EABSENT);
  cr_expect(strstr(said.text, "a: there is none"), "%s", said.text);
  rig_begin(ops, store);
  RIG_OK(ops->meta_put(store, "a", (mst_bytes){NULL, 0}, ctx));
  rig_commit(ops, store);
  RIG_OK(ops->meta_get(store, "a", &value, ctx));
  cr_expect_eq(value.size_bytes, 0);
  rig_begin(ops, store);
  RIG_OK(ops->meta_put(store, "a", (mst_bytes){(const uint8_t *)"x\0y", 3}, ctx));
  rig_commit(ops, store);
  RIG_OK(ops->meta_get(store, "a", &value, ctx));
  cr_expect(value.size_bytes == 3 && memcmp(value.data, "x\0y", 3) == 0);
  mst_buf_done(&value);
}

static bool
show_agent(void *user, const void *record)
{
  const mst_store_agent *agent = record;
  (void)user;
  mst_buf_printf(&shown, "%u %02x%02x %d %s %s %02x %lld %lld\n", agent->number, agent->key.bytes[0], agent->key.bytes[31], agent->state,
                 agent->hostname, agent->labels, agent->token_id[7], (long long)agent->enrolled_at.ns, (long long)agent->changed_at.ns);
  return true;
}

static mst_store_agent
agent_of(uint8_t key, const char *hostname)
{
  mst_store_agent agent = {
      .state = MST_AGENT_PENDING, .hostname = hostname, .labels = "role=api\nzone=a", .enrolled_at = {5}, .changed_at = {6}};

  memset(agent.key.bytes, key, sizeof agent.key.bytes);
  memset(agent.token_id, 0x77, sizeof agent.token_id);
  return agent;
}

CONTRACT(agents__get_numbers_and_are_changed_by_them)
{
  mst_store_agent a = agent_of(1, "web-1"), b = agent_of(2, NULL), again = agent_of(1, "web-3");

  rig_begin(ops, store);
  RIG_OK(ops->agent_put(store, &a, ctx));
  RIG_OK(ops->agent_put(store, &b, ctx));
  cr_expect(a.number > 0 && b.number > a.number);
  cr_expect_eq(ops->agent_put(store, &again, NULL), MST_EEXIST);
  a.state = MST_AGENT_REVOKED;
  a.changed_at.ns = 7;
  RIG_OK(ops->agent_put(store, &a, ctx));
  again.number = 99;
  again.key.bytes[0] = 9;
  cr_expect_eq(ops->agent_put(store, &again, NULL), MST_EABSENT);
  rig_commit(ops, store);
  reopen();
  cr_expect_str_eq(show(ops->agent_each, show_agent), "1 0101 3 web-1 role=api\nzone=a 77 5 7\n2 0202 1  role=api\nzone=a 77 5 6\n");
}

static bool
show_token(void *user, const void *record)
{
  const mst_store_token *token = record;
  (void)user;
  mst_buf_printf(&shown, "%02x %02x %s %lld %lld %u %u %d %d\n", token->id[7], token->secret[31], token->labels,
                 (long long)token->created_at.ns, (long long)token->expires_at.ns, token->uses_left, token->uses_made, token->revoked,
                 token->manual);
  return true;
}

CONTRACT(tokens__are_kept_and_replaced)
{
  mst_store_token token = {
      .id = {0, 0, 0, 0, 0, 0, 0, 1}, .labels = "role=db", .created_at = {1}, .expires_at = {INT64_MAX}, .uses_left = UINT32_MAX};
  mst_store_token other = {.id = {0, 0, 0, 0, 0, 0, 0, 2}, .created_at = {0}, .manual = true};

  memset(token.secret, 0xAB, sizeof token.secret);
  rig_begin(ops, store);
  RIG_OK(ops->token_put(store, &token, ctx));
  RIG_OK(ops->token_put(store, &other, ctx));
  token.uses_made = 3;
  token.revoked = true;
  RIG_OK(ops->token_put(store, &token, ctx));
  rig_commit(ops, store);
  cr_expect_str_eq(show(ops->token_each, show_token), "02 00  0 0 0 0 0 1\n01 ab role=db 1 9223372036854775807 4294967295 3 1 0\n");
}

static bool
show_operator(void *user, const void *record)
{
  const mst_store_operator *operator_ = record;
  (void)user;
  mst_buf_printf(&shown, "%02x %s %s %d %lld\n", operator_->key.bytes[31], operator_->name, operator_->roles, operator_->revoked,
                 (long long)operator_->added_at.ns);
  return true;
}

CONTRACT(operators__are_kept_and_replaced)
{
  mst_store_operator operator_ = {.name = "Ada", .roles = "admin\ntechnical-lead", .added_at = {4}};

  memset(operator_.key.bytes, 5, sizeof operator_.key.bytes);
  rig_begin(ops, store);
  RIG_OK(ops->operator_put(store, &operator_, ctx));
  operator_.revoked = true;
  RIG_OK(ops->operator_put(store, &operator_, ctx));
  rig_commit(ops, store);
  cr_expect_str_eq(show(ops->operator_each, show_operator), "05 Ada admin\ntechnical-lead 1 4\n");
}

static bool
show_series(void *user, const void *record)
{
  const mst_store_series *series = record;
  (void)user;
  mst_buf_printf(&shown, "%u %.*s\n", series->number, (int)series->series.size_bytes, (const char *)series->series.data);
  return true;
}

static bool
show_agent_series(void *user, const void *record)
{
  const mst_store_agent_series *series = record;
  (void)user;
  mst_buf_printf(&shown, "%u %u %lld\n", series->agent, series->series, (long long)series->defined_at.ns);
  return true;
}

CONTRACT(series__are_given_in_order_of_number)
{
  rig_begin(ops, store);
  RIG_OK(ops->series_put(store, 7, rig_bytes("seven"), ctx));
  RIG_OK(ops->series_put(store, 0, rig_bytes("zero"), ctx));
  RIG_OK(ops->series_put(store, UINT32_MAX, rig_bytes("most"), ctx));
  rig_commit(ops, store);
  cr_expect_str_eq(show(ops->series_each, show_series), "0 zero\n7 seven\n4294967295 most\n");
}

CONTRACT(agent_series__the_earliest_stays)
{
  rig_begin(ops, store);
  RIG_OK(ops->agent_series_put(store, 1, 7, (mst_wall){50}, ctx));
  RIG_OK(ops->agent_series_put(store, 1, 7, (mst_wall){60}, ctx));
  RIG_OK(ops->agent_series_put(store, 1, 3, (mst_wall){50}, ctx));
  RIG_OK(ops->agent_series_put(store, 1, 3, (mst_wall){40}, ctx));
  RIG_OK(ops->agent_series_put(store, 2, 3, (mst_wall){10}, ctx));
  rig_commit(ops, store);
  mst_buf_done(&shown);
  mst_buf_init(&shown, 1 << 20);
  RIG_OK(ops->agent_series_each(store, 1, show_agent_series, NULL, ctx));
  cr_expect_str_eq(mst_buf_text(&shown), "1 3 40\n1 7 50\n");
}

static bool
show_session(void *user, const void *record)
{
  const mst_store_session *session = record;
  (void)user;
  mst_buf_printf(&shown, "%u %u %02x %lld %.*s %.*s %llu %llu %llu\n", session->number, session->agent, session->session.bytes[15],
                 (long long)session->first_seen_at.ns, (int)session->ranges.size_bytes, (const char *)session->ranges.data,
                 (int)session->definitions.size_bytes, (const char *)session->definitions.data, (unsigned long long)session->stored_samples,
                 (unsigned long long)session->lost_samples, (unsigned long long)session->lost_records);
  return true;
}

CONTRACT(sessions__get_numbers_and_are_changed_by_them)
{
  mst_store_session session = {.agent = 1, .first_seen_at = {3}, .ranges = rig_bytes("r"), .definitions = {NULL, 0}, .stored_samples = 9};
  mst_store_session other = session;

  memset(session.session.bytes, 0x5A, sizeof session.session.bytes);
  rig_begin(ops, store);
  RIG_OK(ops->session_put(store, &session, ctx));
  RIG_OK(ops->session_put(store, &other, ctx));
  cr_expect(session.number > 0 && other.number > session.number);
  mst_store_session twice = session;
  twice.number = 0;
  cr_expect_eq(ops->session_put(store, &twice, NULL), MST_EEXIST);
  session.ranges = rig_bytes("1-5");
  session.definitions = rig_bytes("d");
  session.stored_samples = UINT64_MAX;
  session.lost_samples = 2;
  session.lost_records = 1;
  RIG_OK(ops->session_put(store, &session, ctx));
  twice.number = 77;
  twice.agent = 5;
  cr_expect_eq(ops->session_put(store, &twice, NULL), MST_EABSENT);
  rig_commit(ops, store);
  reopen();
  cr_expect_str_eq(show(ops->session_each, show_session), "1 1 5a 3 1-5 d 18446744073709551615 2 1\n2 1 00 3 r  9 0 0\n");
}

static bool
show_journal(void *user, const void *record)
{
  const mst_store_journal *entry = record;
  (void)user;
  mst_buf_printf(&shown, "%lld %u %u %llu %d %lld %lld %02x %.*s\n", (long long)entry->id, entry->agent, entry->session,
                 (unsigned long long)entry->sequence, entry->kind, (long long)entry->window.ns, (long long)entry->received_at.ns,
                 entry->digest.bytes[31], (int)entry->body.size_bytes, (const char *)entry->body.data);
  return true;
}

CONTRACT(journal__is_in_order_and_never_gives_an_id_twice)
{
  mst_store_journal entry = {.agent = 1,
                             .session = 2,
                             .sequence = INT64_MAX,
                             .kind = MST_ENVELOPE_REPORT,
                             .window = {60},
                             .received_at = {61},
                             .body = rig_bytes("a")};

  memset(entry.digest.bytes, 0xDD, sizeof entry.digest.bytes);
  rig_begin(ops, store);
  RIG_OK(ops->journal_append(store, &entry, ctx));
  cr_expect_eq(entry.id, 1);
  entry.body = rig_bytes("b");
  RIG_OK(ops->journal_append(store, &entry, ctx));
  RIG_OK(ops->journal_append(store, &entry, ctx));
  RIG_OK(ops->journal_delete(store, 3, ctx));
  RIG_OK(ops->journal_delete(store, 3, ctx)); /* gone already: as it should be */
  rig_commit(ops, store);
  reopen();
  rig_begin(ops, store);
  RIG_OK(ops->journal_append(store, &entry, ctx));
  cr_expect_eq(entry.id, 4);
  RIG_OK(ops->journal_delete(store, 1, ctx));
  rig_commit(ops, store);
  cr_expect_str_eq(show(ops->journal_each, show_journal),
                   "2 1 2 9223372036854775807 3 60 61 dd b\n4 1 2 9223372036854775807 3 60 61 dd b\n");
  mst_buf_reset(&shown);
  RIG_OK(ops->journal_get(store, 2, show_journal, NULL, ctx));
  cr_expect_str_eq(mst_buf_text(&shown), "2 1 2 9223372036854775807 3 60 61 dd b\n");
  cr_expect_eq(ops->journal_get(store, 1, show_journal, NULL, NULL), MST_EABSENT);
}

/* ---- runs, statements, audit ---- */

static bool
show_run(void *user, const void *record)
{
  const mst_store_run *run = record;
  (void)user;
  mst_buf_printf(&shown, "%s %s %lld %lld\n", run->id, run->document, (long long)run->start.ns, (long long)run->end.ns);
  return true;
}

CONTRACT(runs__are_kept_in_order_and_replaced)
{
  mst_store_run later = {"r-2", "{}", {20}, {0}}, run = {"r-1", "{\"a\":1}", {10}, {0}};

  rig_begin(ops, store);
  RIG_OK(ops->run_put(store, &later, ctx));
  RIG_OK(ops->run_put(store, &run, ctx));
  later.end.ns = 30;
  RIG_OK(ops->run_put(store, &later, ctx));
  rig_commit(ops, store);
  cr_expect_str_eq(show(ops->run_each, show_run), "r-2 {} 20 30\nr-1 {\"a\":1} 10 0\n");
}

static bool
show_statement(void *user, const void *record)
{
  const mst_store_statement *statement = record;
  (void)user;
  mst_buf_printf(&shown, "%02x %s %s %lld %.*s\n", statement->id[15], statement->kind, statement->run, (long long)statement->received_at.ns,
                 (int)statement->bytes.size_bytes, (const char *)statement->bytes.data);
  return true;
}

CONTRACT(statements__count_once_and_are_found_by_run)
{
  mst_store_statement statement = {.kind = "attest", .run = "r-1", .received_at = {1}, .bytes = rig_bytes("x")};

  rig_begin(ops, store);
  for (uint8_t i = 1; i <= 3; i++) {
    memset(statement.id, i, sizeof statement.id);
    statement.run = i == 2 ? "" : "r-1";
    RIG_OK(ops->statement_put(store, &statement, ctx));
  }
  cr_expect_eq(ops->statement_put(store, &statement, NULL), MST_EEXIST);
  rig_commit(ops, store);
  mst_buf_done(&shown);
  mst_buf_init(&shown, 10000);
  RIG_OK(ops->statement_each(store, "r-1", show_statement, NULL, ctx));
  cr_expect_str_eq(mst_buf_text(&shown), "01 attest r-1 1 x\n03 attest r-1 1 x\n");
  mst_buf_reset(&shown);
  RIG_OK(ops->statement_each(store, NULL, show_statement, NULL, ctx));
  cr_expect_str_eq(mst_buf_text(&shown), "01 attest r-1 1 x\n02 attest  1 x\n03 attest r-1 1 x\n");
}

struct chain {
  mst_digest last;
  int64_t sequence;
};

static bool
follow(void *user, const void *record_)
{
  const mst_store_audit *record = record_;
  struct chain *chain = user;
  mst_digest hash;

  RIG_OK(mst_store_audit_hash(&chain->last, record, &hash, ctx));
  cr_expect_eq(record->sequence, chain->sequence + 1);
  cr_expect(mst_digest_equal(&hash, &record->hash));
  chain->last = record->hash;
  chain->sequence = record->sequence;
  return true;
}

CONTRACT(audit__is_one_chain)
{
  struct chain chain = {0};
  mst_store_audit record = {.at = {5}, .kind = "enrol", .subject = "web-1", .body = rig_bytes("b")}, empty = {.at = {6}};

  rig_begin(ops, store);
  RIG_OK(ops->audit_append(store, &record, ctx));
  cr_expect_eq(record.sequence, 1);
  rig_commit(ops, store);
  rig_begin(ops, store);
  RIG_OK(ops->audit_append(store, &empty, ctx));
  ops->rollback(store);
  reopen();
  rig_begin(ops, store);
  RIG_OK(ops->audit_append(store, &empty, ctx));
  cr_expect_eq(empty.sequence, 2);
  RIG_OK(ops->audit_append(store, &record, ctx));
  cr_expect_eq(record.sequence, 3);
  rig_commit(ops, store);
  RIG_OK(ops->audit_each(store, 1, follow, &chain, ctx));
  cr_expect_eq(chain.sequence, 3);
  cr_expect(mst_digest_equal(&chain.last, &record.hash));
  chain.sequence = 2;
  chain.last = empty.hash;
  RIG_OK(ops->audit_each(store, 3, follow, &chain, ctx));
  cr_expect_eq(chain.sequence, 3);
  RIG_OK(ops->check(store, ctx));
}
