/* The collector of followed logs in a sampler, with its thread. */
#include "rig.h"

#include <poll.h>

#include "saved.h"

extern const mst_collector mst_tail_collector, mst_collector_tail;

/* The agent's row of the collector with the functions of the module, as if it were built in. */
static mst_collector whole;
static const mst_collector *const kinds[] = {&whole};

struct world {
  struct rig rig;
  mst_text values[16];
  mst_plan_option options[16];
  uint32_t option_count;
};

static void
option(struct world *world, const char *key, const char *value)
{
  uint32_t i = world->option_count++;

  world->values[i] = (mst_text){value, strlen(value)};
  world->options[i] = (mst_plan_option){.key = {key, strlen(key)}, .value_count = 1, .values = &world->values[i]};
}

/* The follower is handed the rig's clock, which stands still but for what ticks add; the worker's waits are real. */
static void
begin(struct world *world, mst_bytes saved)
{
  const mst_sampler_setup setup = {
      .root = world->rig.root, .clock = &world->rig.clock.base, .collectors = kinds, .collector_count = 1, .saved = saved};

  mst_sampler_destroy(world->rig.sampler);
  world->rig.sampler = NULL;
  cr_assert_eq(mst_sampler_create(&setup, &world->rig.sampler, &world->rig.ctx), MST_OK, "%s", world->rig.ctx.text);
}

static void
apply(struct world *world)
{
  mst_plan_collector entry = {.name = {"tail", 4}, .instance = {"app", 3}, .options = world->options, .option_count = world->option_count};
  const mst_plan plan = {.collector_count = 1, .collectors = &entry};

  cr_assert_eq(mst_sampler_apply(world->rig.sampler, &plan, &world->rig.ctx), MST_OK, "%s", world->rig.ctx.text);
}

static struct world *
make(void)
{
  struct world *world = calloc(1, sizeof *world);
  mst_errctx ctx = {0};

  cr_assert_eq(mst_crypto_start(&ctx), MST_OK);
  rig_init(&world->rig, NULL);
  whole = mst_collector_tail;
  whole.module = NULL;
  whole.open = mst_tail_collector.open;
  whole.sample = mst_tail_collector.sample;
  whole.save = mst_tail_collector.save;
  whole.close = mst_tail_collector.close;
  option(world, "files", "/*.log");
  option(world, "secrets", "true");
  option(world, "pii", "false");
  option(world, "cpu_share", "1");
  return world;
}

static void
done(struct world *world)
{
  rig_done(&world->rig);
  free(world);
}

static void
append(struct world *world, const char *name, const char *text)
{
  char path[1024];

  snprintf(path, sizeof path, "%s/%s", world->rig.root, name);
  FILE *file = fopen(path, "a");
  cr_assert(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

/* Between two looks at what the worker has published. */
static void
let_it_work(void)
{
  (void)poll(NULL, 0, 20);
}

/* Ticks until the series has that value. */
static void
wait_for(struct world *world, const char *name, const char *labels, double value)
{
  mst_sample sample = {0};

  for (int i = 0; i < 1000; i++) {
    rig_tick(&world->rig, 10 * MST_NS_PER_MS);
    if (rig_find(&world->rig, name, labels, &sample) && sample.status == MST_SAMPLE_OK && sample.number >= value)
      break;
    let_it_work();
  }
  cr_assert(rig_find(&world->rig, name, labels, &sample) && sample.status == MST_SAMPLE_OK, "%s{%s} was not given: %s", name, labels,
            mst_sampler_collector_at(world->rig.sampler, 0).reason);
  cr_assert_eq(sample.number, value, "%s{%s} is %g", name, labels, sample.number);
}

static mst_buf
save(struct world *world)
{
  mst_buf bytes;
  mst_errctx ctx = {0};

  mst_buf_init(&bytes, MST_SAVED_MAX_BYTES);
  cr_assert_eq(mst_sampler_save(world->rig.sampler, &bytes, &ctx), MST_OK, "%s", ctx.text);
  return bytes;
}

Test(tail, lines__are_counted_by_level_rule_and_file)
{
  struct world *world = make();

  option(world, "rule_names", "audit");
  option(world, "rule_patterns", "audit");
  begin(world, (mst_bytes){0});
  apply(world);
  wait_for(world, "muster.log.files", "log=app", 0);
  append(world, "a.log", "{\"level\":\"info\",\"msg\":\"audit\"}\n{\"level\":\"error\",\"msg\":\"x\"}\n");
  wait_for(world, "muster.log.records", "level=info,log=app", 1);
  cr_expect_eq(rig_number(&world->rig, "muster.log.records", "level=error,log=app"), 1);
  cr_expect_eq(rig_number(&world->rig, "muster.log.records", "log=app,rule=audit"), 1);
  cr_expect_eq(rig_number(&world->rig, "muster.log.records", "log=app,rule=secret"), 0);
  cr_expect_eq(rig_number(&world->rig, "muster.log.bytes", "file=/a.log,log=app"), 59);
  cr_expect_not(rig_has(&world->rig, "muster.log.records", "log=app,rule=pii"), "it is not looked for");
  done(world);
}

Test(tail, restart__goes_on_with_counts_and_positions)
{
  struct world *world = make();

  begin(world, (mst_bytes){0});
  apply(world);
  wait_for(world, "muster.log.files", "log=app", 0);
  append(world, "a.log", "{\"level\":\"info\"}\n{\"level\":\"info\"}\n");
  wait_for(world, "muster.log.records", "level=info,log=app", 2);
  mst_buf saved = save(world);
  append(world, "a.log", "{\"level\":\"info\"}\n");
  begin(world, (mst_bytes){saved.data, saved.size_bytes});
  apply(world);
  wait_for(world, "muster.log.records", "level=info,log=app", 3);
  mst_buf_done(&saved);
  done(world);
}

Test(tail, no_file__is_absent_and_no_zero)
{
  struct world *world = make();
  mst_sample sample;

  begin(world, (mst_bytes){0});
  apply(world);
  wait_for(world, "muster.log.files", "log=app", 0);
  cr_assert(rig_find(&world->rig, "muster.log.records", "log=app,rule=secret", &sample));
  cr_expect_eq(sample.status, MST_SAMPLE_ABSENT);
  cr_expect(sample.text.size_bytes > 0 && memmem(sample.text.data, sample.text.size_bytes, "no file fits", 12));
  done(world);
}

Test(tail, loss__is_an_error_once_and_counts_begin_anew)
{
  struct world *world = make();
  mst_sample sample;
  char path[1024];
  bool was_error = false;

  begin(world, (mst_bytes){0});
  apply(world);
  wait_for(world, "muster.log.files", "log=app", 0);
  append(world, "a.log", "{\"level\":\"info\",\"n\":1}\n{\"level\":\"info\",\"n\":2}\n");
  wait_for(world, "muster.log.records", "level=info,log=app", 2);
  snprintf(path, sizeof path, "%s/a.log", world->rig.root);
  cr_assert_eq(truncate(path, 0), 0);
  append(world, "a.log", "{\"level\":\"info\"}\n");
  for (int i = 0; i < 500; i++) {
    rig_tick(&world->rig, 10 * MST_NS_PER_MS);
    cr_assert(rig_find(&world->rig, "muster.log.records", "level=info,log=app", &sample));
    if (sample.status == MST_SAMPLE_ERROR) {
      was_error = true;
      cr_expect(memmem(sample.text.data, sample.text.size_bytes, "cut off", 7), "%.*s", (int)sample.text.size_bytes, sample.text.data);
    }
    if (was_error && sample.status == MST_SAMPLE_OK)
      break;
    let_it_work();
  }
  cr_expect(was_error);
  wait_for(world, "muster.log.lost", "log=app", 1);
  wait_for(world, "muster.log.records", "level=info,log=app", 1);
  done(world);
}

Test(tail, secret__is_counted_with_its_pattern_and_print_only)
{
  struct world *world = make();
  bool is_found = false;

  begin(world, (mst_bytes){0});
  const int64_t begun_ns = mst_clock_wall(&world->rig.clock.base).ns;
  apply(world);
  wait_for(world, "muster.log.files", "log=app", 0);
  append(world, "a.log",
         "{\"level\":\"info\",\"msg\":\"sk-"
         "proj-a1B2c3D4e5F6g7H8i9J0k1\"}\n");
  wait_for(world, "muster.log.records", "log=app,rule=secret", 1);
  for (uint32_t id = 0; id < mst_sampler_series_count(world->rig.sampler); id++) {
    const mst_series *series = mst_sampler_series_at(world->rig.sampler, id);
    if (!mst_text_equal(series->name, "muster.log.secrets"))
      continue;
    is_found = true;
    cr_expect_gt(series->start_at.ns, begun_ns, "it counts from where it was found: that it was none before is known");
    cr_expect_eq(series->label_count, 4);
    for (uint32_t i = 0; i < series->label_count; i++)
      cr_expect_not(memmem(series->labels[i].value.data, series->labels[i].value.size_bytes, "a1B2", 4));
  }
  cr_expect(is_found);
  done(world);
}

Test(tail, wrong_option__is_said)
{
  static const char *const wrong[][2] = {{"format", "xml"},     {"line_max", "many"}, {"rule_names", "lonely"},
                                         {"required", "levle"}, {"from", "middle"},   {"journal", "host"}};

  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    struct world *world = make();
    option(world, wrong[i][0], wrong[i][1]);
    begin(world, (mst_bytes){0});
    apply(world);
    cr_expect_str_eq(mst_sampler_collector_at(world->rig.sampler, 0).state, "error", "%s", wrong[i][0]);
    done(world);
  }
}

Test(tail, source__is_either_files_or_a_journal)
{
  struct world *world = make();

  option(world, "journal", "host");
  begin(world, (mst_bytes){0});
  apply(world);
  cr_expect(strstr(mst_sampler_collector_at(world->rig.sampler, 0).reason, "both files and a journal are named"), "%s",
            mst_sampler_collector_at(world->rig.sampler, 0).reason);
  world->option_count = 0;
  option(world, "format", "text");
  begin(world, (mst_bytes){0});
  apply(world);
  cr_expect(strstr(mst_sampler_collector_at(world->rig.sampler, 0).reason, "no files are named"), "%s",
            mst_sampler_collector_at(world->rig.sampler, 0).reason);
  done(world);
}

/* This program has no modules beside it. */
Test(tail, journal_without_its_module__is_said)
{
  struct world *world = make();

  world->option_count = 0;
  option(world, "journal", "host");
  option(world, "journal_priority", "err");
  begin(world, (mst_bytes){0});
  apply(world);
  cr_expect(strstr(mst_sampler_collector_at(world->rig.sampler, 0).reason,
                   "journals cannot be read here: the agent's module journal is not installed"),
            "%s", mst_sampler_collector_at(world->rig.sampler, 0).reason);
  done(world);
}

Test(tail, journal_that_is_wrong__is_said)
{
  static const char *const wrong[][3] = {{"nginx", "err", "neither \"host\" nor an absolute path"},
                                         {"host", "error", "option journal_priority"}};

  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    struct world *world = make();
    world->option_count = 0;
    option(world, "journal", wrong[i][0]);
    option(world, "journal_priority", wrong[i][1]);
    begin(world, (mst_bytes){0});
    apply(world);
    cr_expect(strstr(mst_sampler_collector_at(world->rig.sampler, 0).reason, wrong[i][2]), "%s",
              mst_sampler_collector_at(world->rig.sampler, 0).reason);
    done(world);
  }
}

Test(tail, wrong_pattern__is_an_error_of_the_collector)
{
  struct world *world = make();

  option(world, "rule_names", "open");
  option(world, "rule_patterns", "a(b");
  begin(world, (mst_bytes){0});
  apply(world);
  for (int i = 0; i < 500 && strcmp(mst_sampler_collector_at(world->rig.sampler, 0).state, "error") != 0; i++) {
    rig_tick(&world->rig, 10 * MST_NS_PER_MS);
    let_it_work();
  }
  cr_expect(strstr(mst_sampler_collector_at(world->rig.sampler, 0).reason, "rule open"), "%s",
            mst_sampler_collector_at(world->rig.sampler, 0).reason);
  done(world);
}
