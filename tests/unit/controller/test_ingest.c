/* What the controller takes, refuses and remembers. */
#include "rig.h"

#include <mst/common/log.h>

static rig r;
static fake_agent agent;
static uint32_t number;

static void
setup(void)
{
  mst_log_start("test", MST_LOG_ERROR + 1, MST_LOG_KEY_VALUE, 2, mst_clock_system());
  rig_start(&r);
  fake_init(&agent, 7);
  number = rig_add_agent(&r, &agent, MST_AGENT_APPROVED);
}

static void
teardown(void)
{
  fake_done(&agent);
  rig_stop(&r);
}

TestSuite(ingest, .init = setup, .fini = teardown);

#define SECOND MST_NS_PER_S

Test(ingest, definitions_and_report__are_stored)
{
  expect_status(rig_define(&r, &agent, 3), MST_REPLY_STORED);
  expect_status(rig_report(&r, &agent, 2, RIG_START_NS + SECOND, 5), MST_REPLY_STORED);
  const mst_session_entry *session = mst_state_session_find(&r.core->state, number, &agent.session);
  cr_assert_not_null(session);
  cr_expect_eq(session->data.stored_reports, 1);
  cr_expect_eq(session->data.stored_samples, 3);
  cr_expect_eq(mst_ranges_total(&session->data.taken), 2);
  cr_expect_eq(atomic_load(&r.core->counters.stored[MST_ENVELOPE_REPORT]), 1);
}

Test(ingest, report_before_its_definitions__is_asked_to_wait)
{
  agent.defined = 3;
  expect_status(rig_report(&r, &agent, 2, RIG_START_NS, 5), MST_REPLY_NEED_DEFINITIONS);
  agent.defined = 0;
  expect_status(rig_define(&r, &agent, 3), MST_REPLY_STORED);
  expect_status(rig_report(&r, &agent, 2, RIG_START_NS, 5), MST_REPLY_STORED);
  cr_expect_eq(atomic_load(&r.core->counters.needed_definitions), 1);
}

Test(ingest, definitions_out_of_order__wait_for_those_before_them)
{
  mst_buf first, second;

  fake_definitions(&agent, 1, 0, 2, (mst_wall){RIG_START_NS}, &first);
  fake_definitions(&agent, 2, 2, 3, (mst_wall){RIG_START_NS}, &second);
  expect_status(rig_send(&r, second.data, second.size_bytes), MST_REPLY_NEED_DEFINITIONS);
  expect_status(rig_send(&r, first.data, first.size_bytes), MST_REPLY_STORED);
  expect_status(rig_send(&r, second.data, second.size_bytes), MST_REPLY_STORED);
  expect_status(rig_send(&r, first.data, first.size_bytes), MST_REPLY_STORED);
  agent.defined = 5;
  expect_status(rig_report(&r, &agent, 3, RIG_START_NS, 1), MST_REPLY_STORED);
  mst_buf_done(&first);
  mst_buf_done(&second);
}

Test(ingest, definitions_out_of_order_in_one_batch__are_put_in_order)
{
  mst_buf bytes[3];
  rig_job jobs[3];
  mst_job *list[3];

  memset(jobs, 0, sizeof jobs);
  fake_report(&agent, 3, (mst_wall){RIG_START_NS}, 5, 1, &bytes[0]);
  fake_definitions(&agent, 2, 2, 3, (mst_wall){RIG_START_NS}, &bytes[1]);
  fake_definitions(&agent, 1, 0, 2, (mst_wall){RIG_START_NS}, &bytes[2]);
  for (int i = 0; i < 3; i++) {
    mst_job *job = list[i] = &jobs[i].job;
    mst_buf_init(&job->body, MST_REPLY_MAX_BYTES);
    job->data = bytes[i].data;
    job->size_bytes = bytes[i].size_bytes;
    job->received_at = (mst_wall){RIG_START_NS + i};
    job->finish = rig_finish;
    mst_ingest_verify(r.core, job);
    cr_assert_eq(job->fate, MST_JOB_APPLY);
  }
  mst_batch_run(r.core, list, 3);
  for (int i = 0; i < 3; i++) {
    cr_expect_eq(jobs[i].job.status, MST_REPLY_STORED, "%d: %d", i, jobs[i].job.status);
    mst_buf_done(&jobs[i].job.body);
    mst_buf_done(&bytes[i]);
  }
}

static const mst_store_ops *real;
static int series_puts;

static mst_err
counting_put(mst_store *store, uint32_t series, mst_bytes bytes, mst_errctx *ctx)
{
  series_puts++;
  return real->series_put(store, series, bytes, ctx);
}

static mst_err
failing_commit(mst_store *store, mst_errctx *ctx)
{
  real->rollback(store);
  return mst_fail(ctx, MST_EIO, "as the test wants it");
}

/* 10 000 hosts define a million series: what is stored must not be stored again with each of them. */
Test(ingest, series__are_stored_once)
{
  mst_store_ops ops;

  real = r.core->ops;
  ops = *real;
  ops.series_put = counting_put;
  r.core->ops = &ops;
  expect_status(rig_define(&r, &agent, 3), MST_REPLY_STORED);
  cr_expect_eq(series_puts, 3);
  expect_status(rig_define(&r, &agent, 2), MST_REPLY_STORED);
  cr_expect_eq(series_puts, 5, "%d", series_puts);
  ops.commit = failing_commit;
  expect_status(rig_define(&r, &agent, 4), MST_REPLY_LATER);
  cr_expect_eq(series_puts, 9);
  ops.commit = real->commit;
  r.core->store_failed_at = (mst_mono){0}; /* real time must pass before the store is asked again */
  expect_status(rig_define(&r, &agent, 4), MST_REPLY_STORED);
  cr_expect_eq(series_puts, 13, "those of the failed batch again: %d", series_puts);
  r.core->ops = real;
  rig_restart(&r);
  cr_expect_eq(mst_series_table_count(r.core->state.series), 9);
}

Test(ingest, series_under_two_ids__is_refused)
{
  const mst_definitions header = {.boot_id = text_of("b"), .agent_version = text_of("1"), .hostname = text_of("h"), .count = 2};
  mst_series series[2];
  mst_errctx ctx = {0};
  mst_buf body, bytes;

  for (int i = 0; i < 2; i++)
    series[i] = (mst_series){.name = text_of("same"), .kind = MST_SIGNAL_GAUGE, .unit = text_of("1")};
  mst_buf_init(&body, MST_ENVELOPE_MAX_BODY_BYTES);
  cr_assert_eq(mst_definitions_encode(&header, series, &body, &ctx), MST_OK);
  fake_envelope(&agent, MST_ENVELOPE_DEFINITIONS, 1, (mst_wall){RIG_START_NS}, &body, &bytes);
  expect_refused(rig_send(&r, bytes.data, bytes.size_bytes), MST_REFUSED_MALFORMED);
  mst_buf_done(&body);
  mst_buf_done(&bytes);
  /* What was interned for nothing is stored with the next definitions: a restart must find the numbers without gaps. */
  expect_status(rig_define(&r, &agent, 2), MST_REPLY_STORED);
  rig_restart(&r);
  cr_expect_eq(mst_series_table_count(r.core->state.series), 3);
}

Test(ingest, repeat__is_acknowledged_and_not_stored_again)
{
  rig_define(&r, &agent, 2);
  expect_status(rig_report(&r, &agent, 2, RIG_START_NS, 5), MST_REPLY_STORED);
  for (int closed = 0; closed <= 1; closed++) {
    expect_status(rig_report(&r, &agent, 2, RIG_START_NS, 5), MST_REPLY_STORED);
    mst_clock_manual_advance(&r.clock, 70 * SECOND);
    rig_round(&r);
  }
  expect_status(rig_report(&r, &agent, 2, RIG_START_NS, 5), MST_REPLY_STORED);
  const mst_session_entry *session = mst_state_session_find(&r.core->state, number, &agent.session);
  cr_expect_eq(session->data.stored_reports, 1);
  cr_expect_eq(atomic_load(&r.core->counters.repeated), 3);
  cr_expect_eq(atomic_load(&r.core->counters.conflicts), 0);
}

Test(ingest, another_envelope_under_a_taken_sequence__is_a_conflict)
{
  rig_define(&r, &agent, 2);
  expect_status(rig_report(&r, &agent, 2, RIG_START_NS, 5), MST_REPLY_STORED);
  expect_refused(rig_report(&r, &agent, 2, RIG_START_NS, 6), MST_REFUSED_CONFLICT);
  expect_refused(rig_report(&r, &agent, 2, RIG_START_NS - 120 * SECOND, 5), MST_REFUSED_CONFLICT); /* names another window */
  expect_refused(rig_report(&r, &agent, 1, RIG_START_NS, 5), MST_REFUSED_CONFLICT);                /* the definitions' */
  mst_clock_manual_advance(&r.clock, 70 * SECOND);
  rig_round(&r);
  expect_refused(rig_report(&r, &agent, 2, RIG_START_NS, 6), MST_REFUSED_CONFLICT);
  rig_restart(&r);
  expect_refused(rig_report(&r, &agent, 2, RIG_START_NS, 6), MST_REFUSED_CONFLICT);
  expect_status(rig_report(&r, &agent, 2, RIG_START_NS, 5), MST_REPLY_STORED);
}

Test(ingest, broken_envelopes__are_dropped_in_silence_and_counted)
{
  mst_buf good, changed;

  rig_define(&r, &agent, 2);
  fake_report(&agent, 2, (mst_wall){RIG_START_NS}, 2, 5, &good);
  mst_buf_init(&changed, 2 * MST_ENVELOPE_MAX_BYTES);
  for (size_t length = 0; length < good.size_bytes; length += 7)
    expect_silence(rig_send(&r, good.data, length));
  cr_expect_gt(rig_refused(&r, MST_REFUSED_MALFORMED), 0);
  /* Each bit of it, one at a time: never stored. */
  for (size_t bit = 0; bit < 8 * good.size_bytes; bit += 3) {
    mst_buf_reset(&changed);
    mst_buf_append(&changed, good.data, good.size_bytes);
    changed.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    expect_silence(rig_send(&r, changed.data, changed.size_bytes));
  }
  cr_expect_gt(rig_refused(&r, MST_REFUSED_SIGNATURE), 0);
  cr_expect_gt(rig_refused(&r, MST_REFUSED_UNKNOWN_KEY), 0, "a bit of the key id");
  expect_status(rig_send(&r, good.data, good.size_bytes), MST_REPLY_STORED);
  mst_buf_done(&good);
  mst_buf_done(&changed);
}

Test(ingest, oversized_and_foreign_versions__are_dropped_and_counted)
{
  static uint8_t big[MST_ENVELOPE_MAX_BYTES + 1];
  mst_buf bytes;

  expect_silence(rig_send(&r, big, sizeof big));
  cr_expect_eq(rig_refused(&r, MST_REFUSED_OVERSIZED), 1);
  fake_report(&agent, 1, (mst_wall){RIG_START_NS}, 0, 0, &bytes);
  cr_assert_eq(bytes.data[1], MST_WIRE_VERSION);
  bytes.data[1] = 99;
  expect_silence(rig_send(&r, bytes.data, bytes.size_bytes));
  cr_expect_eq(rig_refused(&r, MST_REFUSED_VERSION), 1);
  mst_buf_done(&bytes);
}

Test(ingest, foreign_key__is_dropped_and_counted)
{
  fake_agent stranger, thief;

  fake_init(&stranger, 8);
  expect_silence(rig_define(&r, &stranger, 2));
  cr_expect_eq(rig_refused(&r, MST_REFUSED_UNKNOWN_KEY), 1);
  /* Signed by a stranger under the agent's name: the key id is put in by encode, so it is overwritten in the bytes. */
  fake_init(&thief, 9);
  mst_buf bytes;
  fake_definitions(&thief, 1, 0, 2, (mst_wall){RIG_START_NS}, &bytes);
  mst_key_id from = mst_key_id_of(mst_key_public(thief.key)), to = mst_key_id_of(mst_key_public(agent.key));
  uint8_t *at = memmem(bytes.data, bytes.size_bytes, from.bytes, sizeof from.bytes);
  cr_assert_not_null(at);
  memcpy(at, to.bytes, sizeof to.bytes);
  expect_silence(rig_send(&r, bytes.data, bytes.size_bytes));
  cr_expect_eq(rig_refused(&r, MST_REFUSED_SIGNATURE), 1);
  mst_buf_done(&bytes);
  fake_done(&stranger);
  fake_done(&thief);
}

Test(ingest, revoked_and_waiting_agents__are_told)
{
  fake_agent revoked, waiting;

  fake_init(&revoked, 8);
  fake_init(&waiting, 9);
  rig_add_agent(&r, &revoked, MST_AGENT_REVOKED);
  rig_add_agent(&r, &waiting, MST_AGENT_PENDING);
  expect_refused(rig_define(&r, &revoked, 2), MST_REFUSED_REVOKED_KEY);
  rig_answer answer = rig_define(&r, &waiting, 2);
  cr_expect(answer.is_there && answer.status == MST_REPLY_LATER && answer.retry_after_ns > 0);
  cr_expect_eq(rig_refused(&r, MST_REFUSED_REVOKED_KEY), 1);
  fake_done(&revoked);
  fake_done(&waiting);
}

Test(ingest, reports_of_the_future_and_of_long_ago__are_refused)
{
  const int64_t now = RIG_START_NS;

  rig_define(&r, &agent, 2);
  expect_status(rig_report(&r, &agent, 2, now + 65 * SECOND, 1), MST_REPLY_STORED);
  expect_refused(rig_report(&r, &agent, 3, now + 65 * SECOND + 1, 1), MST_REFUSED_FUTURE);
  expect_status(rig_report(&r, &agent, 4, now - 72 * 3600 * SECOND, 1), MST_REPLY_STORED);
  expect_refused(rig_report(&r, &agent, 5, now - 72 * 3600 * SECOND - 1, 1), MST_REFUSED_TOO_OLD);
  cr_expect_eq(rig_refused(&r, MST_REFUSED_FUTURE), 1);
  cr_expect_eq(rig_refused(&r, MST_REFUSED_TOO_OLD), 1);
}

Test(ingest, malformed_bodies__are_refused_for_good)
{
  static const char junk[] = "\xc1 no msgpack";
  mst_buf body, bytes;

  mst_buf_init(&body, 64);
  mst_buf_append(&body, junk, sizeof junk);
  for (int kind = MST_ENVELOPE_DEFINITIONS; kind <= MST_ENVELOPE_LOSS; kind++) {
    fake_envelope(&agent, (mst_envelope_kind)kind, (uint64_t)kind, (mst_wall){RIG_START_NS}, &body, &bytes);
    expect_refused(rig_send(&r, bytes.data, bytes.size_bytes), MST_REFUSED_MALFORMED);
    mst_buf_done(&bytes);
  }
  mst_buf_done(&body);
}

Test(ingest, report_with_an_id_twice__is_refused_before_it_is_acknowledged)
{
  const mst_report_header header = {.at = {RIG_START_NS}, .interval_ns = SECOND, .definitions = 2};
  mst_report_writer writer;
  mst_errctx ctx = {0};
  mst_buf body, bytes;

  rig_define(&r, &agent, 2);
  mst_report_writer_init(&writer);
  mst_buf_init(&body, MST_ENVELOPE_MAX_BODY_BYTES);
  for (int i = 0; i < 2; i++)
    cr_assert_eq(mst_report_write_number(&writer, 1, 5, &ctx), MST_OK);
  cr_assert_eq(mst_report_writer_finish(&writer, &header, &body, &ctx), MST_OK);
  fake_envelope(&agent, MST_ENVELOPE_REPORT, 2, (mst_wall){RIG_START_NS}, &body, &bytes);
  expect_refused(rig_send(&r, bytes.data, bytes.size_bytes), MST_REFUSED_MALFORMED);
  mst_buf_done(&bytes);
  mst_buf_done(&body);
  mst_report_writer_done(&writer);
}

static rig_answer
send_loss(uint64_t sequence, uint64_t first, uint64_t last, uint64_t samples)
{
  const mst_loss_range range = {.session = agent.session, .first = first, .last = last, .samples = samples};
  mst_errctx ctx = {0};
  mst_buf body, bytes;

  mst_buf_init(&body, MST_ENVELOPE_MAX_BODY_BYTES);
  cr_assert_eq(mst_loss_encode(&range, 1, &body, &ctx), MST_OK);
  fake_envelope(&agent, MST_ENVELOPE_LOSS, sequence, (mst_wall){RIG_START_NS}, &body, &bytes);
  rig_answer answer = rig_send(&r, bytes.data, bytes.size_bytes);
  mst_buf_done(&body);
  mst_buf_done(&bytes);
  return answer;
}

Test(ingest, losses__are_what_was_neither_stored_nor_came_later)
{
  rig_define(&r, &agent, 2);
  expect_status(rig_report(&r, &agent, 4, RIG_START_NS, 1), MST_REPLY_STORED);
  expect_status(send_loss(9, 3, 7, 50), MST_REPLY_STORED);
  expect_status(send_loss(9, 3, 7, 50), MST_REPLY_STORED);
  const mst_session_entry *session = mst_state_session_find(&r.core->state, number, &agent.session);
  cr_expect_eq(mst_ranges_total(&session->data.lost), 4, "3, 5, 6 and 7");
  cr_expect_not(mst_ranges_has(&session->data.lost, 4));
  cr_expect_eq(session->data.lost_samples, 50);
  expect_status(rig_report(&r, &agent, 6, RIG_START_NS + 1, 1), MST_REPLY_STORED);
  cr_expect_eq(mst_ranges_total(&session->data.lost), 3);
  rig_restart(&r);
  session = mst_state_session_find(&r.core->state, number, &agent.session);
  cr_expect_eq(mst_ranges_total(&session->data.lost), 3);
  cr_expect_eq(mst_ranges_total(&session->data.taken), 4);
  cr_expect_eq(session->data.stored_reports, 2);
}
