#include <criterion/criterion.h>
#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

#include <mst/common/file.h>

#include "delivery.h"
#include "fake_controller.h"

/* Spool, delivery and link together against a controller that answers what the test wants. */
static struct rig {
  uv_loop_t loop;
  struct fake_controller fake;
  char folder[64], spool_folder[80], pins_path[80], plan_path[80];
  mst_key *key;
  mst_pins pins;
  mst_session session;
  mst_sampler *sampler;
  mst_spooler *spooler;
  mst_delivery *delivery;
  const char *urls[1];
  unsigned plans;
  int64_t plan_interval_ns;
  uint64_t reports;
} rig;

static mst_err
open_nothing(const mst_collector_env *env, void **ret_state, mst_errctx *ctx)
{
  (void)env, (void)ctx;
  *ret_state = NULL;
  return MST_OK;
}

static const mst_signal signal_seven = {"test.seven", MST_SIGNAL_GAUGE, "1", "always seven"};

static mst_err
sample_seven(void *state, mst_sink *sink, mst_errctx *ctx)
{
  (void)state;
  return mst_sink_gauge(sink, &signal_seven, NULL, 0, 7, ctx);
}

static void
close_nothing(void *state)
{
  (void)state;
}

static const mst_collector seven = {.name = "seven",
                                    .help = "seven",
                                    .deadline_ns = MST_NS_PER_S,
                                    .signals = &signal_seven,
                                    .signal_count = 1,
                                    .open = open_nothing,
                                    .sample = sample_seven,
                                    .close = close_nothing};

static void
on_plan(void *arg, const mst_plan *plan)
{
  (void)arg;
  rig.plans++;
  rig.plan_interval_ns = plan->interval_ns;
}

static void
open_spool(void)
{
  const mst_spool_setup setup = {
      .folder = rig.spool_folder, .max_bytes = 1 << 20, .max_age_ns = 3600 * MST_NS_PER_S, .clock = mst_clock_system()};
  mst_errctx ctx = {0};
  mst_spool *spool;
  cr_assert_eq(mst_spool_open(&setup, &spool, &ctx), MST_OK, "%s", ctx.text);
  mst_session_init(&rig.session, rig.key, mst_clock_system(), "host", "boot");
  cr_assert_eq(mst_spool_begin(spool, &rig.session.id, NULL), MST_OK);
  cr_assert_eq(mst_spooler_create(&rig.loop, spool, NULL, NULL, &rig.spooler, NULL), MST_OK);
}

static void
open_delivery(void)
{
  static const mst_collector *const collectors[] = {&seven};
  const mst_sampler_setup sampler_setup = {.root = "/", .clock = mst_clock_system(), .collectors = collectors, .collector_count = 1};
  const mst_delivery_setup setup = {
      .loop = &rig.loop,
      .clock = mst_clock_system(),
      .spooler = rig.spooler,
      .session = &rig.session,
      .pins = &rig.pins,
      .pins_path = rig.pins_path,
      .plan_path = rig.plan_path,
      .uplink = {.urls = rig.urls, .url_count = 1, .timeout_ns = 300 * MST_NS_PER_MS, .backoff_max_ns = 50 * MST_NS_PER_MS},
      .on_plan = on_plan};
  mst_errctx ctx = {0};
  cr_assert_eq(mst_sampler_create(&sampler_setup, &rig.sampler, &ctx), MST_OK, "%s", ctx.text);
  cr_assert_eq(mst_sampler_apply(rig.sampler, NULL, &ctx), MST_OK, "%s", ctx.text);
  cr_assert_eq(mst_delivery_create(&setup, &rig.delivery, &ctx), MST_OK, "%s", ctx.text);
}

static void
setup(void)
{
  memset(&rig, 0, sizeof rig);
  cr_assert_eq(uv_loop_init(&rig.loop), 0);
  fake_init(&rig.fake);
  rig.urls[0] = rig.fake.url;
  cr_assert_eq(mst_key_create(&rig.key, NULL), MST_OK);
  rig.pins.current = *mst_key_public(rig.fake.key);
  snprintf(rig.folder, sizeof rig.folder, "/tmp/mst-delivery-XXXXXX");
  cr_assert_not_null(mkdtemp(rig.folder));
  snprintf(rig.spool_folder, sizeof rig.spool_folder, "%s/spool", rig.folder);
  snprintf(rig.pins_path, sizeof rig.pins_path, "%s/controller.pub", rig.folder);
  snprintf(rig.plan_path, sizeof rig.plan_path, "%s/plan", rig.folder);
  open_spool();
  open_delivery();
}

static void
close_all(void)
{
  mst_delivery_close(rig.delivery);
  uv_run(&rig.loop, UV_RUN_DEFAULT);
  mst_delivery_destroy(rig.delivery);
  mst_spooler_destroy(rig.spooler);
  mst_sampler_destroy(rig.sampler);
}

static void
teardown(void)
{
  char command[128];
  close_all();
  fake_done(&rig.fake);
  mst_key_destroy(rig.key);
  cr_expect_eq(uv_loop_close(&rig.loop), 0);
  snprintf(command, sizeof command, "rm -r %s", rig.folder);
  cr_assert_eq(system(command), 0);
}

TestSuite(delivery, .init = setup, .fini = teardown, .timeout = 60);

/* Definitions where they are needed, and one report of two samples (its own state is one). */
static void
report(void)
{
  mst_report_header header = {.at = mst_clock_wall(mst_clock_system()), .interval_ns = MST_NS_PER_S, .spool_records = 1};
  mst_report_writer writer;
  mst_session_items items = {0};
  mst_errctx ctx = {0};

  mst_report_writer_init(&writer);
  cr_assert_eq(mst_sampler_tick(rig.sampler, &writer, &ctx), MST_OK, "%s", ctx.text);
  cr_assert_eq(mst_session_define(&rig.session, rig.sampler, &items, &ctx), MST_OK, "%s", ctx.text);
  header.definitions = mst_sampler_series_count(rig.sampler);
  cr_assert_eq(mst_session_report(&rig.session, &writer, &header, &items, &ctx), MST_OK, "%s", ctx.text);
  mst_report_writer_done(&writer);
  mst_delivery_keep(rig.delivery, &items);
  rig.reports++;
}

static bool
is_up(void)
{
  return mst_delivery_is_up(rig.delivery);
}

static bool
is_drained(void)
{
  return mst_delivery_is_drained(rig.delivery) && mst_spooler_stats(rig.spooler).records == 0;
}

static bool
is_drained_and_reported(void)
{
  return is_drained() && mst_spooler_stats(rig.spooler).unreported == 0 && rig.fake.loss_count > 0;
}

static bool
is_idle(void)
{
  return mst_spooler_is_idle(rig.spooler);
}

static void
go_up(void)
{
  mst_delivery_start(rig.delivery);
  cr_assert(fake_run_until(&rig.loop, is_up));
}

static uint64_t
seen_reports(void)
{
  uint64_t count = 0;
  for (size_t i = 0; i < rig.fake.seen_count; i++)
    count += rig.fake.seen[i].kind == MST_ENVELOPE_REPORT;
  return count;
}

Test(delivery, live__stored__spool_empty_and_offset_known)
{
  int64_t offset_ns = 0;
  rig.fake.clock_ahead_ns = 5 * MST_NS_PER_S;
  go_up();
  for (int i = 0; i < 5; i++) {
    report();
    cr_assert(fake_run_until(&rig.loop, is_drained));
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
  cr_assert(fake_run_until(&rig.loop, is_idle));
  cr_expect_eq(mst_spooler_stats(rig.spooler).waiting, 31);
  go_up();
  cr_assert(fake_run_until(&rig.loop, is_drained));
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
  cr_assert(fake_run_until(&rig.loop, is_drained));
  fake_set(&rig.fake, want_definitions);
  report();
  cr_assert(fake_run_until(&rig.loop, is_drained));
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
  cr_assert(fake_run_until(&rig.loop, is_drained_and_reported));
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
  cr_assert(fake_run_until(&rig.loop, is_drained_and_reported));
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
  cr_assert(fake_run_until(&rig.loop, is_drained));
  cr_expect_geq(mst_clock_mono(mst_clock_system()).ns - before_ns, MST_NS_PER_S);
  cr_expect_eq(rig.fake.seen_count, 3);
  cr_expect_eq(mst_spooler_stats(rig.spooler).lost_records, 0);
}

static struct fake_answer
silent_at_first(struct fake_controller *fake, const mst_envelope *envelope, mst_reply *reply)
{
  (void)envelope, (void)reply;
  return (struct fake_answer){.silent = fake->counter++ < 3};
}

Test(delivery, no_answer__three_times__same_bytes_until_stored)
{
  fake_set(&rig.fake, silent_at_first);
  go_up();
  report();
  cr_assert(fake_run_until(&rig.loop, is_drained));
  cr_expect_geq(rig.fake.seen_count, 5);
  for (size_t i = 0; i < rig.fake.seen_count; i++)
    for (size_t k = 0; k < i; k++)
      cr_expect(rig.fake.seen[i].sequence != rig.fake.seen[k].sequence ||
                mst_digest_equal(&rig.fake.seen[i].digest, &rig.fake.seen[k].digest));
  cr_expect_eq(mst_spooler_stats(rig.spooler).lost_records, 0);
}

static struct fake_answer
forged_cut_or_mismatched_at_first(struct fake_controller *fake, const mst_envelope *envelope, mst_reply *reply)
{
  (void)envelope, (void)reply;
  unsigned turn = fake->counter++;
  return (struct fake_answer){.forged = turn == 0, .cut = turn == 1, .mismatched = turn == 2};
}

Test(delivery, reply__forged_cut_or_for_another__no_acknowledgement)
{
  fake_set(&rig.fake, forged_cut_or_mismatched_at_first);
  go_up();
  report();
  cr_assert(fake_run_until(&rig.loop, is_drained));
  cr_expect_geq(rig.fake.seen_count, 5, "each bad reply meant another try");
  cr_expect_eq(mst_spooler_stats(rig.spooler).lost_records, 0);
}

static struct fake_answer
forge_all(struct fake_controller *fake, const mst_envelope *envelope, mst_reply *reply)
{
  (void)envelope;
  fake->counter++;
  reply->status = MST_REPLY_REFUSED;
  reply->refusal = MST_REFUSED_TOO_OLD;
  return (struct fake_answer){.forged = true};
}

static bool
was_forged_often(void)
{
  uv_mutex_lock(&rig.fake.lock);
  bool is_often = rig.fake.counter >= 6;
  uv_mutex_unlock(&rig.fake.lock);
  return is_often;
}

Test(delivery, reply__forged_refusals__nothing_dropped)
{
  fake_set(&rig.fake, forge_all);
  go_up();
  report();
  cr_assert(fake_run_until(&rig.loop, was_forged_often));
  fake_set(&rig.fake, NULL);
  cr_assert(fake_run_until(&rig.loop, is_drained));
  cr_expect_eq(mst_spooler_stats(rig.spooler).lost_records, 0);
}

static void
seal_plan(const mst_key *key, int64_t interval_ns)
{
  const mst_plan plan = {.name = {"base", 4}, .interval_ns = interval_ns, .jitter_ratio = 0.1};
  mst_errctx ctx = {0};
  mst_buf_reset(&rig.fake.plan);
  cr_assert_eq(mst_plan_seal(&plan, key, &rig.fake.plan, &ctx), MST_OK, "%s", ctx.text);
}

static struct fake_answer
push_plan(struct fake_controller *fake, const mst_envelope *envelope, mst_reply *reply)
{
  (void)envelope;
  reply->plan = (mst_bytes){fake->plan.data, fake->plan.size_bytes};
  return (struct fake_answer){0};
}

Test(delivery, plan__with_every_reply__handed_on_once_and_saved)
{
  mst_buf saved;
  seal_plan(rig.fake.key, 3 * MST_NS_PER_S);
  fake_set(&rig.fake, push_plan);
  go_up();
  report();
  report();
  cr_assert(fake_run_until(&rig.loop, is_drained));
  cr_expect_eq(rig.plans, 1);
  cr_expect_eq(rig.plan_interval_ns, 3 * MST_NS_PER_S);
  mst_buf_init(&saved, MST_PLAN_MAX_BYTES);
  cr_assert_eq(mst_file_read(rig.plan_path, &saved, NULL), MST_OK);
  cr_assert_eq(saved.size_bytes, rig.fake.plan.size_bytes);
  cr_expect_arr_eq(saved.data, rig.fake.plan.data, saved.size_bytes);
  mst_buf_done(&saved);
}

Test(delivery, plan__signed_by_a_stranger__ignored_and_the_record_still_stored)
{
  seal_plan(rig.fake.stranger, 3 * MST_NS_PER_S);
  fake_set(&rig.fake, push_plan);
  go_up();
  report();
  cr_assert(fake_run_until(&rig.loop, is_drained));
  cr_expect_eq(rig.plans, 0);
  cr_expect_neq(access(rig.plan_path, F_OK), 0);
}

static struct fake_answer
change_key(struct fake_controller *fake, const mst_envelope *envelope, mst_reply *reply)
{
  (void)envelope;
  if (fake->counter)
    return (struct fake_answer){.by_next = true};
  reply->next_key = (mst_bytes){fake->next_public, sizeof fake->next_public};
  return (struct fake_answer){0};
}

Test(delivery, controller_key__announced_then_changed__followed_and_saved)
{
  mst_pins saved;
  fake_set(&rig.fake, change_key);
  go_up();
  report();
  cr_assert(fake_run_until(&rig.loop, is_drained));
  cr_assert_eq(mst_pins_load(rig.pins_path, &saved, NULL), MST_OK);
  cr_expect(saved.has_next);
  cr_expect_arr_eq(saved.current.bytes, mst_key_public(rig.fake.key)->bytes, MST_KEY_PUBLIC_BYTES);
  uv_mutex_lock(&rig.fake.lock);
  rig.fake.counter = 1;
  uv_mutex_unlock(&rig.fake.lock);
  report();
  cr_assert(fake_run_until(&rig.loop, is_drained));
  cr_assert_eq(mst_pins_load(rig.pins_path, &saved, NULL), MST_OK);
  cr_expect_not(saved.has_next);
  cr_expect_arr_eq(saved.current.bytes, rig.fake.next_public, MST_KEY_PUBLIC_BYTES);
  cr_expect_eq(mst_spooler_stats(rig.spooler).lost_records, 0);
}

Test(delivery, restart__records_of_earlier_sessions__delivered_with_their_definitions)
{
  for (int session = 0; session < 3; session++) {
    for (int i = 0; i < 4; i++)
      report();
    cr_assert(fake_run_until(&rig.loop, is_idle));
    close_all();
    open_spool();
    open_delivery();
  }
  report();
  go_up();
  cr_assert(fake_run_until(&rig.loop, is_drained));
  cr_expect_eq(rig.fake.seen_count, 3 * 5 + 2);
  cr_expect_eq(mst_spooler_stats(rig.spooler).lost_records, 0);
}

Test(delivery, controller_stops_and_starts__while_reports_go_on__each_stored)
{
  go_up();
  for (int i = 0; i < 3; i++) {
    report();
    cr_assert(fake_run_until(&rig.loop, is_idle));
    fake_stop(&rig.fake);
    for (int k = 0; k < 5; k++)
      report();
    cr_assert(fake_run_until(&rig.loop, is_idle));
    fake_listen(&rig.fake);
    cr_assert(fake_run_until(&rig.loop, is_drained));
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
  cr_assert(fake_run_until(&rig.loop, is_drained_and_reported));
  cr_assert_eq(rig.fake.loss_count, 1);
  cr_expect_eq(rig.fake.losses[0].first, 3);
  cr_expect_eq(rig.fake.losses[0].samples, 1234);
}
