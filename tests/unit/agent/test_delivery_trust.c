#include "delivery_rig.h"

/* What the agent believes of what it is told. */
TestSuite(trust, .init = setup, .fini = teardown, .timeout = 60);

static struct fake_answer
silent_at_first(struct fake_controller *fake, const mst_envelope *envelope, mst_reply *reply)
{
  (void)envelope, (void)reply;
  return (struct fake_answer){.silent = fake->counter++ < 3};
}

Test(trust, no_answer__three_times__same_bytes_until_stored)
{
  fake_set(&rig.fake, silent_at_first);
  go_up();
  report();
  cr_assert(fake_run_until(&rig.fake, &rig.loop, is_drained));
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

Test(trust, reply__forged_cut_or_for_another__no_acknowledgement)
{
  fake_set(&rig.fake, forged_cut_or_mismatched_at_first);
  go_up();
  report();
  cr_assert(fake_run_until(&rig.fake, &rig.loop, is_drained));
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

Test(trust, reply__forged_refusals__nothing_dropped)
{
  fake_set(&rig.fake, forge_all);
  go_up();
  report();
  cr_assert(fake_run_until(&rig.fake, &rig.loop, was_forged_often));
  fake_set(&rig.fake, NULL);
  cr_assert(fake_run_until(&rig.fake, &rig.loop, is_drained));
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

Test(trust, plan__with_every_reply__handed_on_once_and_saved)
{
  mst_buf saved;
  seal_plan(rig.fake.key, 3 * MST_NS_PER_S);
  fake_set(&rig.fake, push_plan);
  go_up();
  report();
  report();
  cr_assert(fake_run_until(&rig.fake, &rig.loop, is_drained));
  cr_expect_eq(rig.plans, 1);
  cr_expect_eq(rig.plan_interval_ns, 3 * MST_NS_PER_S);
  mst_buf_init(&saved, MST_PLAN_MAX_BYTES);
  cr_assert_eq(mst_file_read(rig.plan_path, &saved, NULL), MST_OK);
  cr_assert_eq(saved.size_bytes, rig.fake.plan.size_bytes);
  cr_expect_arr_eq(saved.data, rig.fake.plan.data, saved.size_bytes);
  mst_buf_done(&saved);
}

Test(trust, plan__signed_by_a_stranger__ignored_and_the_record_still_stored)
{
  seal_plan(rig.fake.stranger, 3 * MST_NS_PER_S);
  fake_set(&rig.fake, push_plan);
  go_up();
  report();
  cr_assert(fake_run_until(&rig.fake, &rig.loop, is_drained));
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

Test(trust, controller_key__announced_then_changed__followed_and_saved)
{
  mst_pins saved;
  fake_set(&rig.fake, change_key);
  go_up();
  report();
  cr_assert(fake_run_until(&rig.fake, &rig.loop, is_drained));
  cr_assert_eq(mst_pins_load(rig.pins_path, &saved, NULL), MST_OK);
  cr_expect(saved.has_next);
  cr_expect_arr_eq(saved.current.bytes, mst_key_public(rig.fake.key)->bytes, MST_KEY_PUBLIC_BYTES);
  uv_mutex_lock(&rig.fake.lock);
  rig.fake.counter = 1;
  uv_mutex_unlock(&rig.fake.lock);
  report();
  cr_assert(fake_run_until(&rig.fake, &rig.loop, is_drained));
  cr_assert_eq(mst_pins_load(rig.pins_path, &saved, NULL), MST_OK);
  cr_expect_not(saved.has_next);
  cr_expect_arr_eq(saved.current.bytes, rig.fake.next_public, MST_KEY_PUBLIC_BYTES);
  cr_expect_eq(mst_spooler_stats(rig.spooler).lost_records, 0);
}
