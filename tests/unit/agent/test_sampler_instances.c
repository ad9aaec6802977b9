/* Several collectors of one kind, and what they save with their samples. */
#include "rig.h"

#include "saved.h"

/* A counter that goes on where it was saved. */
struct tally {
  const char *instance;
  double count;
};

static int opens, closes;
static mst_err save_err;

static const mst_signal tally_signals[] = {{"test.tally", MST_SIGNAL_COUNTER, "1", "how often it was sampled, ever"}};
static const mst_option_help tally_options[] = {{"step", "1", "nothing"}};

static mst_err
tally_open(const mst_collector_env *env, void **ret_state, mst_errctx *ctx)
{
  struct tally *tally = calloc(1, sizeof *tally);

  (void)ctx;
  opens++;
  tally->instance = env->instance;
  if (env->saved.size_bytes == sizeof tally->count)
    memcpy(&tally->count, env->saved.data, sizeof tally->count);
  *ret_state = tally;
  return MST_OK;
}

static mst_err
tally_sample(void *state, mst_sink *sink, mst_errctx *ctx)
{
  struct tally *tally = state;
  const mst_tag tag = {"tally", tally->instance[0] ? tally->instance : "only"};

  tally->count++;
  return mst_sink_counter(sink, &tally_signals[0], &tag, 1, (mst_wall){1}, tally->count, ctx);
}

static mst_err
tally_save(void *state, mst_buf *ret_saved, mst_errctx *ctx)
{
  struct tally *tally = state;

  if (save_err != MST_OK)
    return mst_fail(ctx, save_err, "it does not save");
  mst_buf_append(ret_saved, &tally->count, sizeof tally->count);
  return MST_OK;
}

static void
tally_close(void *state)
{
  closes++;
  free(state);
}

static const mst_collector tally_collector = {.name = "tally",
                                              .deadline_ns = MST_NS_PER_S,
                                              .signals = tally_signals,
                                              .signal_count = 1,
                                              .options = tally_options,
                                              .option_count = 1,
                                              .open = tally_open,
                                              .sample = tally_sample,
                                              .save = tally_save,
                                              .close = tally_close};
static const mst_collector elsewhere = {.name = "elsewhere", .module = "nowhere", .deadline_ns = MST_NS_PER_S};
static const mst_collector *const kinds[] = {&tally_collector, &elsewhere};

static mst_plan_collector
entry_of(const char *name, const char *instance)
{
  return (mst_plan_collector){.name = {name, strlen(name)}, .instance = {instance, strlen(instance)}};
}

static void
begin(struct rig *rig, mst_bytes saved, const char *const *forbidden, size_t forbidden_count)
{
  rig_init(rig, NULL);

  const mst_sampler_setup setup = {.root = rig->root,
                                   .clock = &rig->clock.base,
                                   .forbidden = forbidden,
                                   .forbidden_count = forbidden_count,
                                   .collectors = kinds,
                                   .collector_count = 2,
                                   .saved = saved};

  cr_assert_eq(mst_sampler_create(&setup, &rig->sampler, &rig->ctx), MST_OK, "%s", rig->ctx.text);
}

static void
apply(struct rig *rig, mst_plan_collector *entries, uint32_t count)
{
  const mst_plan plan = {.collector_count = count, .collectors = entries};

  cr_assert_eq(mst_sampler_apply(rig->sampler, &plan, &rig->ctx), MST_OK, "%s", rig->ctx.text);
}

static mst_buf
save(const struct rig *rig)
{
  mst_buf bytes;
  mst_errctx ctx = {0};

  mst_buf_init(&bytes, 128 * 1024);
  cr_assert_eq(mst_sampler_save(rig->sampler, &bytes, &ctx), MST_OK, "%s", ctx.text);
  return bytes;
}

Test(instances, of_one_kind__stand_side_by_side_each_with_its_status)
{
  struct rig rig;
  mst_plan_collector entries[] = {entry_of("tally", "a"), entry_of("tally", "b"), entry_of("tally", "")};

  begin(&rig, (mst_bytes){0}, NULL, 0);
  apply(&rig, entries, 3);
  rig_tick(&rig, 0);
  cr_expect_eq(rig_number(&rig, "test.tally", "tally=a"), 1);
  cr_expect_eq(rig_number(&rig, "test.tally", "tally=b"), 1);
  cr_expect_eq(rig_number(&rig, "test.tally", "tally=only"), 1);
  rig_expect_state(&rig, "muster.collector.status", "collector=tally,instance=a", "ok");
  rig_expect_state(&rig, "muster.collector.status", "collector=tally,instance=b", "ok");
  rig_expect_state(&rig, "muster.collector.status", "collector=tally", "ok");
  cr_expect_str_eq(mst_sampler_collector_at(rig.sampler, 1).name, "tally/b");
  rig_done(&rig);
}

Test(instances, one_that_changed__leaves_the_other_undisturbed)
{
  struct rig rig;
  mst_text step = {"2", 1};
  mst_plan_option option = {.key = {"step", 4}, .value_count = 1, .values = &step};
  mst_plan_collector entries[] = {entry_of("tally", "a"), entry_of("tally", "b")};

  begin(&rig, (mst_bytes){0}, NULL, 0);
  apply(&rig, entries, 2);
  rig_tick(&rig, 0);
  entries[1].options = &option;
  entries[1].option_count = 1;
  apply(&rig, entries, 2);
  cr_expect_eq(opens, 3);
  cr_expect_eq(closes, 1);
  rig_tick(&rig, MST_NS_PER_S);
  cr_expect_eq(rig_number(&rig, "test.tally", "tally=a"), 2);
  cr_expect_eq(rig_number(&rig, "test.tally", "tally=b"), 2, "it went on from what it had saved");
  rig_done(&rig);
}

Test(instances, forbidden__by_kind_or_by_name)
{
  static const char *const one[] = {"tally/b"}, *const all[] = {"tally"};
  struct rig rig;
  mst_plan_collector entries[] = {entry_of("tally", "a"), entry_of("tally", "b")};

  begin(&rig, (mst_bytes){0}, one, 1);
  apply(&rig, entries, 2);
  rig_tick(&rig, 0);
  rig_expect_state(&rig, "muster.collector.status", "collector=tally,instance=a", "ok");
  rig_expect_state(&rig, "muster.collector.status", "collector=tally,instance=b", "forbidden");
  rig_done(&rig);
  begin(&rig, (mst_bytes){0}, all, 1);
  apply(&rig, entries, 2);
  rig_tick(&rig, 0);
  rig_expect_state(&rig, "muster.collector.status", "collector=tally,instance=a", "forbidden");
  rig_expect_state(&rig, "muster.collector.status", "collector=tally,instance=b", "forbidden");
  rig_done(&rig);
}

Test(saved, next_start__goes_on_where_it_was)
{
  struct rig rig;
  mst_plan_collector entries[] = {entry_of("tally", "a"), entry_of("tally", "b")};

  begin(&rig, (mst_bytes){0}, NULL, 0);
  apply(&rig, entries, 1);
  for (int i = 0; i < 5; i++)
    rig_tick(&rig, MST_NS_PER_S);
  mst_buf saved = save(&rig);
  rig_done(&rig);
  begin(&rig, (mst_bytes){saved.data, saved.size_bytes}, NULL, 0);
  apply(&rig, entries, 2);
  rig_tick(&rig, 0);
  cr_expect_eq(rig_number(&rig, "test.tally", "tally=a"), 6);
  cr_expect_eq(rig_number(&rig, "test.tally", "tally=b"), 1);
  mst_buf_done(&saved);
  rig_done(&rig);
}

Test(saved, what_left_the_plan__is_kept_for_its_return)
{
  struct rig rig;
  mst_plan_collector entries[] = {entry_of("tally", "a")};

  begin(&rig, (mst_bytes){0}, NULL, 0);
  apply(&rig, entries, 1);
  rig_tick(&rig, 0);
  apply(&rig, entries, 0);
  rig_tick(&rig, MST_NS_PER_S);
  mst_buf saved = save(&rig);
  rig_done(&rig);
  begin(&rig, (mst_bytes){saved.data, saved.size_bytes}, NULL, 0);
  apply(&rig, entries, 1);
  rig_tick(&rig, 0);
  cr_expect_eq(rig_number(&rig, "test.tally", "tally=a"), 2);
  mst_buf_done(&saved);
  rig_done(&rig);
}

Test(saved, nothing_to_save__is_nothing)
{
  struct rig rig;

  begin(&rig, (mst_bytes){0}, NULL, 0);
  rig_tick(&rig, 0);
  mst_buf saved = save(&rig);
  cr_expect_eq(saved.size_bytes, 0);
  mst_buf_done(&saved);
  rig_done(&rig);
}

Test(saved, collector_that_cannot_save__is_in_error_and_keeps_what_it_had)
{
  struct rig rig;
  mst_plan_collector entries[] = {entry_of("tally", "a")};

  begin(&rig, (mst_bytes){0}, NULL, 0);
  apply(&rig, entries, 1);
  rig_tick(&rig, 0);
  save_err = MST_EIO;
  rig_tick(&rig, MST_NS_PER_S);
  rig_expect_state(&rig, "muster.collector.status", "collector=tally,instance=a", "error: it does not save");
  mst_buf saved = save(&rig);
  rig_done(&rig);
  save_err = MST_OK;
  begin(&rig, (mst_bytes){saved.data, saved.size_bytes}, NULL, 0);
  apply(&rig, entries, 1);
  rig_tick(&rig, 0);
  cr_expect_eq(rig_number(&rig, "test.tally", "tally=a"), 2);
  mst_buf_done(&saved);
  rig_done(&rig);
}

/* Cut anywhere or with any byte changed it is refused or taken, never more. */
Test(saved, damaged_bytes__are_refused_or_harmless)
{
  struct rig rig;
  mst_plan_collector entries[] = {entry_of("tally", "a"), entry_of("tally", "bb")};

  begin(&rig, (mst_bytes){0}, NULL, 0);
  apply(&rig, entries, 2);
  rig_tick(&rig, 0);
  mst_buf saved = save(&rig);
  rig_done(&rig);
  for (size_t cut = 1; cut < saved.size_bytes; cut++) {
    const mst_sampler_setup setup = {
        .root = "/", .clock = &rig.clock.base, .collectors = kinds, .collector_count = 2, .saved = {saved.data, cut}};
    mst_sampler *sampler = NULL;
    mst_errctx ctx = {0};
    mst_err err = mst_sampler_create(&setup, &sampler, &ctx);
    cr_expect(cut == 1 || cut == 24 ? err == MST_OK : err == MST_EMALFORMED, "%zu bytes: %s", cut, ctx.text);
    mst_sampler_destroy(sampler);
  }
  for (size_t at = 0; at < saved.size_bytes; at++) {
    for (int bit = 0; bit < 8; bit++) {
      const mst_sampler_setup setup = {
          .root = "/", .clock = &rig.clock.base, .collectors = kinds, .collector_count = 2, .saved = {saved.data, saved.size_bytes}};
      mst_sampler *sampler = NULL;
      mst_errctx ctx = {0};
      saved.data[at] ^= (uint8_t)(1 << bit);
      mst_err err = mst_sampler_create(&setup, &sampler, &ctx);
      cr_expect(err == MST_OK || err == MST_EMALFORMED);
      mst_sampler_destroy(sampler);
      saved.data[at] ^= (uint8_t)(1 << bit);
    }
  }
  mst_buf_done(&saved);
}

Test(saved, too_many__the_longest_unused_go_first)
{
  char names[2][8];
  static uint8_t much[48 * 1024];
  mst_saved_set set = {0};
  mst_errctx ctx = {0};
  mst_buf bytes;

  for (int i = 0; i < 2; i++) {
    snprintf(names[i], sizeof names[i], "old%d", i);
    cr_assert_eq(mst_saved_put(&set, names[i], (mst_bytes){much, sizeof much}, &ctx), MST_OK, "%s", ctx.text);
  }
  mst_buf_init(&bytes, MST_SAVED_MAX_BYTES);
  cr_assert_eq(mst_saved_encode(&set, &bytes, &ctx), MST_OK, "%s", ctx.text);
  mst_saved_done(&set);
  cr_assert_eq(mst_saved_decode((mst_bytes){bytes.data, bytes.size_bytes}, &set, &ctx), MST_OK, "%s", ctx.text);
  cr_assert_eq(mst_saved_put(&set, "new0", (mst_bytes){much, sizeof much}, &ctx), MST_OK, "%s", ctx.text);
  cr_expect_eq(set.count, 2, "one of the two old ones made room");
  cr_assert_eq(mst_saved_put(&set, "new1", (mst_bytes){much, sizeof much}, &ctx), MST_OK, "%s", ctx.text);
  cr_expect_eq(mst_saved_put(&set, "new2", (mst_bytes){much, sizeof much}, &ctx), MST_ELIMIT);
  cr_expect_eq(mst_saved_get(&set, "new0").size_bytes, sizeof much);
  cr_expect_eq(mst_saved_get(&set, "old0").size_bytes + mst_saved_get(&set, "old1").size_bytes, 0);
  mst_buf_reset(&bytes);
  cr_expect_eq(mst_saved_encode(&set, &bytes, &ctx), MST_OK, "%s", ctx.text);
  mst_buf_done(&bytes);
  mst_saved_done(&set);
}

Test(module, that_is_not_installed__is_an_error_that_says_where_it_was_looked_for)
{
  struct rig rig;
  mst_plan_collector entries[] = {entry_of("elsewhere", "")};
  mst_sample sample;

  begin(&rig, (mst_bytes){0}, NULL, 0);
  cr_assert_eq(mst_sampler_apply(rig.sampler, NULL, &rig.ctx), MST_OK);
  cr_expect_eq(mst_sampler_collector_count(rig.sampler), 1, "the base plan loads no module");
  apply(&rig, entries, 1);
  rig_tick(&rig, 0);
  cr_assert(rig_find(&rig, "muster.collector.status", "collector=elsewhere", &sample));
  cr_expect(sample.text.size_bytes > 6 && memcmp(sample.text.data, "error: ", 7) == 0);
  cr_expect(strstr(mst_sampler_collector_at(rig.sampler, 0).reason, "muster-agent-nowhere.so"));
  rig_done(&rig);
}
