#include "delivery_rig.h"

TestSuite(delivery, .init = setup, .fini = teardown, .timeout = 60);

Test(delivery, live__stored__spool_empty_and_offset_known)
{
  int64_t offset_ns = 0;
  rig.fake.clock_ahead_ns = 5 * MST_NS_PER_S;
  fake_sync(&rig.fake);
  go_up();
  for (int i = 0; i < 5; i++) {
    report();
    cr_assert(fake_run_until(&rig.fake, &rig.loop, is_drained));
  }
  cr_expect_eq(rig.fake.seen_count, 6);
  cr_expect_eq(rig.fake.seen[0].kind, MST_ENVELOPE_DEFINITIONS);
  for (uint64_t i = 0; i < 6; i++)
    cr_expect_eq(rig.fake.seen[i].sequence, i + 1);
  cr_assert(mst_offset_get(mst_delivery_offset(rig.delivery), mst_clock_wall(mst_clock_system()), mst_clock_mono(mst_clock_system()),
                           &offset_ns));
  cr_expect_gt(offset_ns, 4 * MST_NS_PER_S);
  cr_expect_lt(offset_ns, 6 * MST_NS_PER_S);
}

Test(delivery, backlog__link_comes_up__definitions_then_newest_then_oldest)
{
  for (int i = 0; i < 30; i++)
    report();
  cr_assert(fake_run_until(&rig.fake, &rig.loop, is_idle));
  cr_expect_eq(mst_spooler_stats(rig.spooler).waiting, 31);
  go_up();
  cr_assert(fake_run_until(&rig.fake, &rig.loop, is_drained));
  cr_expect_eq(rig.fake.seen_count, 31, "each of them once");
  cr_expect_eq(rig.fake.seen[0].kind, MST_ENVELOPE_DEFINITIONS);
  bool newest_is_early = false;
  for (size_t i = 0; i < 5; i++)
    newest_is_early = newest_is_early || rig.fake.seen[i].sequence == 31;
  cr_expect(newest_is_early);
  for (size_t i = 8; i < 31; i++) /* the rest by age, as far as four in flight may overtake each other */
    cr_expect_leq(rig.fake.seen[i].sequence, i + 4);
}

/* Knows only definitions that came after the test set this. */
static struct fake_answer
want_definitions(struct fake_controller *fake, const mst_envelope *envelope, mst_reply *reply)
{
  if (envelope->kind == MST_ENVELOPE_DEFINITIONS)
    fake->counter = 1;
  else if (envelope->kind == MST_ENVELOPE_REPORT && !fake->counter)
    reply->status = MST_REPLY_NEED_DEFINITIONS;
  return (struct fake_answer){0};
}

Test(delivery, need_definitions__stored_long_ago__sent_again_then_the_report)
{
  go_up();
  report();
  cr_assert(fake_run_until(&rig.fake, &rig.loop, is_drained));
  fake_set(&rig.fake, want_definitions);
  report();
  cr_assert(fake_run_until(&rig.fake, &rig.loop, is_drained));
  const mst_envelope_kind kinds[] = {MST_ENVELOPE_DEFINITIONS, MST_ENVELOPE_REPORT, MST_ENVELOPE_REPORT, MST_ENVELOPE_DEFINITIONS,
                                     MST_ENVELOPE_REPORT};
  cr_assert_eq(rig.fake.seen_count, 5);
  for (size_t i = 0; i < 5; i++)
    cr_expect_eq(rig.fake.seen[i].kind, kinds[i]);
  cr_expect(mst_digest_equal(&rig.fake.seen[2].digest, &rig.fake.seen[4].digest), "the same bytes");
  cr_expect(mst_digest_equal(&rig.fake.seen[0].digest, &rig.fake.seen[3].digest), "the same bytes");
  cr_expect_eq(mst_spooler_stats(rig.spooler).lost_records, 0);
}

static struct fake_answer
never_satisfied(struct fake_controller *fake, const mst_envelope *envelope, mst_reply *reply)
{
  (void)fake;
  if (envelope->kind == MST_ENVELOPE_REPORT)
    reply->status = MST_REPLY_NEED_DEFINITIONS;
  return (struct fake_answer){0};
}

Test(delivery, need_definitions__again_and_again__given_up_as_loss)
{
  fake_set(&rig.fake, never_satisfied);
  go_up();
  report();
  cr_assert(fake_run_until(&rig.fake, &rig.loop, is_drained_and_reported));
  cr_expect_eq(mst_spooler_stats(rig.spooler).lost_records, 1);
  cr_assert_eq(rig.fake.loss_count, 1);
  cr_expect_eq(rig.fake.losses[0].first, 2);
  cr_expect_eq(rig.fake.losses[0].last, 2);
  cr_expect_eq(rig.fake.losses[0].samples, 2);
  cr_expect_leq(seen_reports(), 5);
}

static struct fake_answer
refuse_reports(struct fake_controller *fake, const mst_envelope *envelope, mst_reply *reply)
{
  (void)fake;
  if (envelope->kind == MST_ENVELOPE_REPORT && envelope->sequence % 2 == 0) {
    reply->status = MST_REPLY_REFUSED;
    reply->refusal = MST_REFUSED_LIMIT;
    reply->reason = (mst_text){"too many series", 15};
  }
  return (struct fake_answer){0};
}

Test(delivery, refused__every_second__dropped_counted_and_reported)
{
  uint64_t records = 0;
  uint64_t samples = 0;
  fake_set(&rig.fake, refuse_reports);
  for (int i = 0; i < 10; i++)
    report(); /* sequences 2 to 11 */
  go_up();
  cr_assert(fake_run_until(&rig.fake, &rig.loop, is_drained_and_reported));
  for (size_t i = 0; i < rig.fake.loss_count; i++) {
    records += rig.fake.losses[i].last - rig.fake.losses[i].first + 1;
    samples += rig.fake.losses[i].samples;
  }
  cr_expect_eq(records, 5);
  cr_expect_eq(samples, 10);
  cr_expect_eq(mst_spooler_stats(rig.spooler).lost_records, 5);
  cr_expect_eq(seen_reports(), 10, "a refused record is not sent again");
}

static struct fake_answer
later_at_first(struct fake_controller *fake, const mst_envelope *envelope, mst_reply *reply)
{
  (void)envelope;
  if (fake->counter++ < 1) {
    reply->status = MST_REPLY_LATER;
    reply->reason = (mst_text){"not approved yet", 16};
    reply->retry_after_ns = 1;
  }
  return (struct fake_answer){0};
}

Test(delivery, later__once__kept_quiet_and_sent_again)
{
  fake_set(&rig.fake, later_at_first);
  go_up();
  const int64_t before_ns = mst_clock_mono(mst_clock_system()).ns;
  report();
  cr_assert(fake_run_until(&rig.fake, &rig.loop, is_drained));
  cr_expect_geq(mst_clock_mono(mst_clock_system()).ns - before_ns, MST_NS_PER_S);
  cr_expect_eq(rig.fake.seen_count, 3);
  cr_expect_eq(mst_spooler_stats(rig.spooler).lost_records, 0);
}

Test(delivery, restart__records_of_earlier_sessions__delivered_with_their_definitions)
{
  for (int session = 0; session < 3; session++) {
    for (int i = 0; i < 4; i++)
      report();
    cr_assert(fake_run_until(&rig.fake, &rig.loop, is_idle));
    close_all();
    open_spool();
    open_delivery();
  }
  report();
  go_up();
  cr_assert(fake_run_until(&rig.fake, &rig.loop, is_drained));
  cr_expect_eq(rig.fake.seen_count, 3 * 5 + 2);
  cr_expect_eq(mst_spooler_stats(rig.spooler).lost_records, 0);
}

Test(delivery, controller_stops_and_starts__while_reports_go_on__each_stored)
{
  go_up();
  for (int i = 0; i < 3; i++) {
    report();
    cr_assert(fake_run_until(&rig.fake, &rig.loop, is_idle));
    fake_stop(&rig.fake);
    for (int k = 0; k < 5; k++)
      report();
    cr_assert(fake_run_until(&rig.fake, &rig.loop, is_idle));
    fake_listen(&rig.fake);
    cr_assert(fake_run_until(&rig.fake, &rig.loop, is_drained));
  }
  cr_expect_eq(mst_spooler_stats(rig.spooler).lost_records, 0);
  bool stored[32] = {false};
  for (size_t i = 0; i < rig.fake.seen_count; i++)
    stored[rig.fake.seen[i].sequence] = true;
  for (uint64_t i = 1; i <= rig.session.sequence; i++)
    cr_expect(stored[i], "sequence %llu", (unsigned long long)i);
}

Test(delivery, lose__report_too_big__reported)
{
  go_up();
  report();
  mst_delivery_lose(rig.delivery, mst_session_skip(&rig.session), 1234, "too_big");
  cr_assert(fake_run_until(&rig.fake, &rig.loop, is_drained_and_reported));
  cr_assert_eq(rig.fake.loss_count, 1);
  cr_expect_eq(rig.fake.losses[0].first, 3);
  cr_expect_eq(rig.fake.losses[0].samples, 1234);
}
