/* Closing windows, late data, restarts, a store that fails: whatever happens, each report is in its window once. */
#include "rig.h"

#include <mst/common/log.h>

#define SECOND MST_NS_PER_S

static void
setup(void)
{
  mst_log_start("test", MST_LOG_ERROR + 1, MST_LOG_KEY_VALUE, 2, mst_clock_system());
}

TestSuite(sealing, .init = setup);

static void
expect_same_document(const rig *a, const rig *b, uint32_t agent, int64_t start_ns)
{
  mst_buf x, y;

  rig_window(a, agent, start_ns, &x);
  rig_window(b, agent, start_ns, &y);
  cr_expect_gt(x.size_bytes, 0);
  cr_expect(x.size_bytes == y.size_bytes && memcmp(x.data, y.data, x.size_bytes) == 0, "%zu and %zu bytes", x.size_bytes, y.size_bytes);
  mst_buf_done(&x);
  mst_buf_done(&y);
}

static uint32_t
columns(const rig *r, uint32_t agent, int64_t start_ns)
{
  mst_window *window = NULL;
  mst_errctx ctx = {0};
  mst_buf document;
  uint32_t count = 0;

  rig_window(r, agent, start_ns, &document);
  if (document.size_bytes > 0) {
    cr_assert_eq(mst_window_decode((mst_bytes){document.data, document.size_bytes}, &window, &ctx), MST_OK);
    count = mst_window_column_count(window);
  }
  mst_window_destroy(window);
  mst_buf_done(&document);
  return count;
}

static bool
count_record(void *user, const void *record)
{
  (void)record;
  ++*(uint32_t *)user;
  return true;
}

static uint32_t
journal_count(const rig *r)
{
  uint32_t count = 0;
  mst_errctx ctx = {0};

  cr_assert_eq(r->core->ops->journal_each(r->core->store, count_record, &count, &ctx), MST_OK);
  return count;
}

Test(sealing, window__closes_its_grace_after_its_end)
{
  fake_agent agent;
  rig r;

  rig_start(&r);
  fake_init(&agent, 7);
  uint32_t number = rig_add_agent(&r, &agent, MST_AGENT_APPROVED);
  rig_define(&r, &agent, 2);
  rig_report(&r, &agent, 2, RIG_START_NS, 1);
  mst_clock_manual_advance(&r.clock, 65 * SECOND - 1);
  rig_round(&r);
  cr_expect_eq(columns(&r, number, RIG_START_NS), 0);
  mst_clock_manual_advance(&r.clock, 1);
  rig_round(&r);
  cr_expect_eq(columns(&r, number, RIG_START_NS), 1);
  cr_expect_eq(journal_count(&r), 0, "what is in a document has left the journal");
  fake_done(&agent);
  rig_stop(&r);
}

Test(sealing, late_data__gives_the_bytes_of_data_in_order)
{
  fake_agent agent;
  rig straight, late;

  fake_init(&agent, 7);
  rig_start(&straight);
  rig_start(&late);
  uint32_t number = rig_add_agent(&straight, &agent, MST_AGENT_APPROVED);
  cr_assert_eq(rig_add_agent(&late, &agent, MST_AGENT_APPROVED), number);
  rig_define(&straight, &agent, 2);
  agent.sequence = agent.defined = 0;
  rig_define(&late, &agent, 2);
  for (uint64_t i = 0; i < 6; i++)
    rig_report(&straight, &agent, 2 + i, RIG_START_NS + (int64_t)i * 10 * SECOND, (double)i);
  for (uint64_t i = 0; i < 6; i += 2)
    rig_report(&late, &agent, 2 + i, RIG_START_NS + (int64_t)i * 10 * SECOND, (double)i);
  mst_clock_manual_advance(&straight.clock, 70 * SECOND);
  mst_clock_manual_advance(&late.clock, 70 * SECOND);
  rig_round(&straight);
  rig_round(&late);
  cr_expect_eq(columns(&late, number, RIG_START_NS), 3);
  for (uint64_t i = 5; i < 6; i -= 2)
    expect_status(rig_report(&late, &agent, 2 + i, RIG_START_NS + (int64_t)i * 10 * SECOND, (double)i), MST_REPLY_STORED);
  cr_expect_eq(columns(&late, number, RIG_START_NS), 3, "it waits for more of its kind");
  mst_clock_manual_advance(&late.clock, 2 * SECOND);
  rig_round(&late);
  expect_same_document(&straight, &late, number, RIG_START_NS);
  cr_expect_eq(atomic_load(&late.core->counters.windows_changed), 1);
  fake_done(&agent);
  rig_stop(&straight);
  rig_stop(&late);
}

Test(sealing, restart__finds_what_was_acknowledged)
{
  fake_agent agent;
  rig r;

  rig_start(&r);
  fake_init(&agent, 7);
  uint32_t number = rig_add_agent(&r, &agent, MST_AGENT_APPROVED);
  rig_define(&r, &agent, 2);
  for (uint64_t i = 0; i < 4; i++)
    rig_report(&r, &agent, 2 + i, RIG_START_NS + (int64_t)i * SECOND, 1);
  rig_restart(&r);
  const mst_session_entry *session = mst_state_session_find(&r.core->state, number, &agent.session);
  cr_assert_not_null(session);
  cr_expect_eq(session->data.stored_reports, 4);
  cr_expect_eq(session->data.stored_samples, 8);
  cr_expect_eq(mst_ranges_total(&session->data.taken), 5);
  expect_status(rig_report(&r, &agent, 3, RIG_START_NS + SECOND, 1), MST_REPLY_STORED);
  cr_expect_eq(session->data.stored_reports, 4, "a repeat of before the restart is one");
  expect_status(rig_report(&r, &agent, 6, RIG_START_NS + 5 * SECOND, 1), MST_REPLY_STORED);
  mst_clock_manual_advance(&r.clock, 70 * SECOND);
  rig_round(&r);
  cr_expect_eq(columns(&r, number, RIG_START_NS), 5);
  rig_restart(&r);
  session = mst_state_session_find(&r.core->state, number, &agent.session);
  cr_expect_eq(session->data.stored_reports, 5, "%llu", (unsigned long long)session->data.stored_reports);
  cr_expect_eq(session->data.stored_samples, 10);
  cr_expect_eq(mst_open_windows_first(&r.core->windows), NULL);
  fake_done(&agent);
  rig_stop(&r);
}

Test(sealing, another_window_length__is_refused)
{
  mst_errctx ctx = {0};
  rig r;

  rig_start(&r);
  mst_core_destroy(r.core);
  r.config.window_ns = 30 * SECOND;
  r.core = NULL;
  cr_expect_eq(mst_core_create(&r.config, &r.clock.base, &r.core, &ctx), MST_ECONFIG);
  cr_expect(strstr(ctx.text, "window"), "%s", ctx.text);
  rig_stop(&r);
}

/* ---- a store that fails ---- */

static const mst_store_ops *real;
static int calls_left; /* until one fails */
static mst_err failure;

static mst_err
failing_append(mst_store *store, mst_store_journal *record, mst_errctx *ctx)
{
  return calls_left-- > 0 ? real->journal_append(store, record, ctx) : mst_fail(ctx, failure, "as the test wants it");
}

static mst_err
failing_put(mst_store *store, mst_wall start, uint32_t agent, mst_bytes document, mst_errctx *ctx)
{
  return calls_left-- > 0 ? real->window_put(store, start, agent, document, ctx) : mst_fail(ctx, failure, "as the test wants it");
}

static mst_err
failing_commit(mst_store *store, mst_errctx *ctx)
{
  if (calls_left-- > 0)
    return real->commit(store, ctx);
  real->rollback(store);
  return mst_fail(ctx, failure, "as the test wants it");
}

/* Real time must pass before the store is asked again. */
static void
forget_failure(rig *r)
{
  r->core->store_failed_at = (mst_mono){0};
}

Test(sealing, full_disk__puts_agents_off_and_keeps_nothing_half)
{
  mst_store_ops ops;
  fake_agent agent;
  mst_errctx ctx = {0};
  rig r;

  rig_start(&r);
  fake_init(&agent, 7);
  uint32_t number = rig_add_agent(&r, &agent, MST_AGENT_APPROVED);
  rig_define(&r, &agent, 2);
  real = r.core->ops;
  ops = *real;
  r.core->ops = &ops;
  failure = MST_ELIMIT;
  for (int which = 0; which < 2; which++) {
    ops.journal_append = which == 0 ? failing_append : real->journal_append;
    ops.commit = which == 1 ? failing_commit : real->commit;
    calls_left = 0;
    rig_answer answer = rig_report(&r, &agent, 2, RIG_START_NS, 1);
    cr_expect(answer.is_there && answer.status == MST_REPLY_LATER && answer.retry_after_ns == 10 * SECOND, "%d %s", answer.status,
              answer.reason);
    cr_expect(strstr(answer.reason, "disk is full"), "%s", answer.reason);
    cr_expect_eq(mst_core_ready(r.core, &ctx), MST_ELIMIT);
    answer = rig_report(&r, &agent, 2, RIG_START_NS, 1);
    cr_expect_eq(answer.status, MST_REPLY_LATER, "it is not asked again at once");
    cr_expect_eq(journal_count(&r), 0);
    cr_expect_eq(mst_open_windows_first(&r.core->windows), NULL);
    forget_failure(&r);
  }
  ops.commit = real->commit;
  expect_status(rig_report(&r, &agent, 2, RIG_START_NS, 1), MST_REPLY_STORED);
  cr_expect_eq(mst_core_ready(r.core, &ctx), MST_OK, "%s", ctx.text);
  cr_expect_eq(journal_count(&r), 1);
  /* The same while a window is closed. */
  ops.window_put = failing_put;
  calls_left = 0;
  mst_clock_manual_advance(&r.clock, 70 * SECOND);
  (void)mst_round(r.core);
  cr_expect_eq(journal_count(&r), 1);
  cr_expect_eq(columns(&r, number, RIG_START_NS), 0);
  ops.window_put = real->window_put;
  forget_failure(&r);
  mst_clock_manual_advance(&r.clock, 10 * SECOND);
  rig_round(&r);
  cr_expect_eq(journal_count(&r), 0);
  cr_expect_eq(columns(&r, number, RIG_START_NS), 1);
  r.core->ops = real;
  fake_done(&agent);
  rig_stop(&r);
}

/* ---- the property ---- */

enum { AGENTS = 3, REPORTS = 60, STEPS = 1500 };

/* Reports in any order, repeated, between restarts, failures and the passing of time: the documents are those of reports that came once and
 * in order. */
static void
disturb(rig *r, fake_agent *agents, mst_store_ops *ops)
{
  bool is_sent[AGENTS][REPORTS] = {{false}};
  uint32_t left = AGENTS * REPORTS;

  for (int step = 0; step < STEPS || left > 0; step++) {
    int what = rand() % 100;
    if (what < 3) {
      r->core->ops = real;
      rig_restart(r);
      r->core->ops = ops;
    } else if (what < 8) {
      calls_left = rand() % 3;
      ops->commit = failing_commit;
    } else if (what < 25) {
      mst_clock_manual_advance(&r->clock, (int64_t)(rand() % 20) * SECOND);
      forget_failure(r);
      (void)mst_round(r->core);
      calls_left = 1 << 30;
    } else {
      int a = rand() % AGENTS, i = rand() % REPORTS;
      forget_failure(r);
      rig_answer answer = rig_report(r, &agents[a], 2 + (uint64_t)i, RIG_START_NS + (int64_t)i * 5 * SECOND, i);
      cr_assert(answer.is_there && (answer.status == MST_REPLY_STORED || answer.status == MST_REPLY_LATER), "step %d: %d %s: %s", step,
                answer.status, mst_refusal_name(answer.refusal), answer.reason);
      if (answer.status == MST_REPLY_STORED && !is_sent[a][i]) {
        is_sent[a][i] = true;
        left--;
      }
    }
  }
}

Test(sealing, any_order_repeats_restarts_and_failures__give_the_same_documents, .timeout = 120)
{
  const unsigned seed = (unsigned)getpid();
  fake_agent agents[AGENTS];
  uint32_t numbers[AGENTS];
  mst_store_ops ops;
  rig straight, other;

  cr_log_info("seed %u", seed);
  srand(seed);
  rig_start(&straight);
  rig_start(&other);
  real = straight.core->ops;
  ops = *real;
  failure = MST_EIO;
  calls_left = 1 << 30;
  for (int a = 0; a < AGENTS; a++) {
    fake_init(&agents[a], (uint8_t)(20 + a));
    numbers[a] = rig_add_agent(&straight, &agents[a], MST_AGENT_APPROVED);
    rig_add_agent(&other, &agents[a], MST_AGENT_APPROVED);
    rig_define(&straight, &agents[a], 2);
    agents[a].sequence = agents[a].defined = 0;
    rig_define(&other, &agents[a], 2);
  }
  mst_clock_manual_advance(&straight.clock, 300 * SECOND);
  mst_clock_manual_advance(&other.clock, 300 * SECOND);
  for (int a = 0; a < AGENTS; a++)
    for (int i = 0; i < REPORTS; i++)
      expect_status(rig_report(&straight, &agents[a], 2 + (uint64_t)i, RIG_START_NS + (int64_t)i * 5 * SECOND, i), MST_REPLY_STORED);
  other.core->ops = &ops;
  disturb(&other, agents, &ops);
  ops.commit = real->commit;
  forget_failure(&other);
  mst_clock_manual_advance(&straight.clock, 100 * SECOND);
  mst_clock_manual_advance(&other.clock, 100 * SECOND);
  rig_round(&straight);
  rig_round(&other);
  cr_expect_eq(journal_count(&other), 0);
  for (int a = 0; a < AGENTS; a++) {
    const mst_session_entry *session = mst_state_session_find(&other.core->state, numbers[a], &agents[a].session);
    cr_expect_eq(session->data.stored_reports, REPORTS, "agent %d: %llu", a, (unsigned long long)session->data.stored_reports);
    cr_expect_eq(session->data.stored_samples, 2 * REPORTS);
    cr_expect_eq(session->data.taken.count, 1);
    for (int64_t minute = 0; minute < 5; minute++)
      expect_same_document(&straight, &other, numbers[a], RIG_START_NS + minute * 60 * SECOND);
  }
  other.core->ops = real;
  for (int a = 0; a < AGENTS; a++)
    fake_done(&agents[a]);
  rig_stop(&straight);
  rig_stop(&other);
}

/* What was acknowledged must have its place: a closed window that is full takes no late report. */
static void
fill_window(rig *r, const fake_agent *agent, uint64_t *sequence, uint32_t count)
{
  for (uint32_t i = 0; i < count; i++, ++*sequence)
    expect_status(rig_report(r, agent, *sequence, RIG_START_NS + (int64_t)*sequence * MST_NS_PER_MS, 1), MST_REPLY_STORED);
}

static void
close_windows(rig *r)
{
  mst_clock_manual_advance(&r->clock, 70 * SECOND);
  rig_round(r);
}

Test(sealing, late_report__full_closed_window__refused_not_lost, .timeout = 120)
{
  fake_agent agent;
  uint64_t sequence = 2;
  rig r;

  rig_start(&r);
  fake_init(&agent, 7);
  uint32_t number = rig_add_agent(&r, &agent, MST_AGENT_APPROVED);
  rig_define(&r, &agent, 2);
  fill_window(&r, &agent, &sequence, MST_WINDOW_MAX_COLUMNS - 3);
  close_windows(&r);
  fill_window(&r, &agent, &sequence, 2);
  rig_restart(&r); /* the journal's late reports are counted on top of the document again */
  fill_window(&r, &agent, &sequence, 1);
  rig_answer answer = rig_report(&r, &agent, sequence, RIG_START_NS + SECOND, 1);
  cr_expect_eq(answer.status, MST_REPLY_REFUSED);
  cr_expect_eq(answer.refusal, MST_REFUSED_LIMIT);
  close_windows(&r);
  cr_expect_eq(columns(&r, number, RIG_START_NS), MST_WINDOW_MAX_COLUMNS);
  answer = rig_report(&r, &agent, sequence, RIG_START_NS + SECOND, 1);
  cr_expect_eq(answer.status, MST_REPLY_REFUSED);
  cr_expect_eq(atomic_load(&r.core->counters.windows_overflowed), 0);
  fake_done(&agent);
  rig_stop(&r);
}
