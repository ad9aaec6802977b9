#include "rig.h"

/* A collector that does what the test says. */
static struct fake {
  mst_err open_err, sample_err;
  int opens, closes, samples;
  int64_t takes_ns;
  int series; /* how many gauges it gives */
  int first;  /* label of the first */
  double value;
  mst_wall start_at;
  mst_clock_manual *clock;
} fake;

static const mst_signal fake_signals[] = {
    {"test.gauge", MST_SIGNAL_GAUGE, "1", "a gauge"},
    {"test.counter", MST_SIGNAL_COUNTER, "1", "a counter"},

};
static const mst_option_help fake_options[] = {{"size", "", "nothing"}};

static mst_err
fake_open(const mst_collector_env *env, void **ret_state, mst_errctx *ctx)
{
  (void)env;
  fake.opens++;
  if (fake.open_err != MST_OK)
    return mst_fail(ctx, fake.open_err, "it does not open");
  *ret_state = &fake;
  return MST_OK;
}

static mst_err
fake_sample(void *state, mst_sink *sink, mst_errctx *ctx)
{
  struct fake *fk = state;

  fk->samples++;
  mst_clock_manual_advance(fk->clock, fk->takes_ns);
  for (int i = 0; i < fk->series; i++) {
    char text[16];
    const mst_tag tag = {"n", text};

    snprintf(text, sizeof text, "%d", fk->first + i);

    mst_err err = mst_sink_gauge(sink, &fake_signals[0], &tag, 1, fk->value, ctx);

    if (err != MST_OK && err != MST_ELIMIT)
      return err;
  }
  if (fk->start_at.ns > 0) {
    mst_err err = mst_sink_counter(sink, &fake_signals[1], NULL, 0, fk->start_at, fk->value, ctx);

    if (err != MST_OK)
      return err;
  }
  return fk->sample_err == MST_OK ? MST_OK : mst_fail(ctx, fk->sample_err, "it does not sample");
}

static void
fake_close(void *state)
{
  (void)state;
  fake.closes++;
}

static const mst_collector fake_collector = {.name = "fake",
                                             .deadline_ns = 10 * MST_NS_PER_MS,
                                             .signals = fake_signals,
                                             .signal_count = 2,
                                             .options = fake_options,
                                             .option_count = 1,
                                             .open = fake_open,
                                             .sample = fake_sample,
                                             .close = fake_close};
static const mst_collector *const fakes[] = {&fake_collector};

static void
start(struct rig *rig, const char *options)
{
  const mst_sampler_setup setup = {.root = rig->root, .clock = &rig->clock.base, .collectors = fakes, .collector_count = 1};

  if (!rig->sampler) {
    rig_init(rig, NULL);
    fake.clock = &rig->clock;
    cr_assert_eq(mst_sampler_create(&setup, &rig->sampler, &rig->ctx), MST_OK, "%s", rig->ctx.text);
  }
  rig_start(rig, "fake", options);
}

Test(sampler, working_collector__defines_series_without_gaps)
{
  struct rig rig = {0};

  fake.series = 3;
  start(&rig, "");
  rig_tick(&rig, 0);
  cr_expect_eq(mst_sampler_series_count(rig.sampler), 4);
  for (uint32_t i = 0; i < 3; i++) {
    char labels[8];

    snprintf(labels, sizeof labels, "n=%u", i);
    cr_expect(rig_is_series(mst_sampler_series_at(rig.sampler, i), "test.gauge", labels));
    cr_expect_str_eq(mst_sampler_series_collector(rig.sampler, i), "fake");
  }
  cr_expect(rig_is_series(mst_sampler_series_at(rig.sampler, 3), "muster.collector.status", "collector=fake"));
  rig_expect_state(&rig, "muster.collector.status", "collector=fake", "ok");
  rig_tick(&rig, MST_NS_PER_S);
  cr_expect_eq(mst_sampler_series_count(rig.sampler), 4);
  rig_done(&rig);
}

Test(sampler, series_no_longer_given__is_absent_every_time)
{
  struct rig rig = {0};

  fake.series = 2;
  start(&rig, "");
  rig_tick(&rig, 0);
  fake.series = 1;
  for (int i = 0; i < 3; i++) {
    rig_tick(&rig, MST_NS_PER_S);
    cr_expect(rig_has(&rig, "test.gauge", "n=0"));
    rig_expect_missing(&rig, "test.gauge", "n=1", MST_SAMPLE_ABSENT, "no longer there");
  }
  rig_done(&rig);
}

Test(sampler, failing_sample__keeps_what_was_given_and_marks_the_rest)
{
  struct rig rig = {0};

  fake.series = 2;
  start(&rig, "");
  rig_tick(&rig, 0);
  fake.series = 1;
  fake.sample_err = MST_EIO;
  rig_tick(&rig, MST_NS_PER_S);
  cr_expect(rig_has(&rig, "test.gauge", "n=0"));
  rig_expect_missing(&rig, "test.gauge", "n=1", MST_SAMPLE_ERROR, "it does not sample");
  rig_expect_state(&rig, "muster.collector.status", "collector=fake", "error: it does not sample");
  cr_expect_eq(fake.closes, 0, "it is asked again with its state");
  fake.sample_err = MST_OK;
  fake.series = 2;
  rig_tick(&rig, MST_NS_PER_S);
  cr_expect(rig_has(&rig, "test.gauge", "n=1"));
  rig_expect_collector(&rig, "ok", "");
  rig_done(&rig);
}

Test(sampler, thing_that_goes_away__is_closed_and_tried_again_after_a_minute)
{
  struct rig rig = {0};

  fake.series = 1;
  start(&rig, "");
  rig_tick(&rig, 0);
  fake.sample_err = MST_EABSENT;
  fake.series = 0;
  rig_tick(&rig, MST_NS_PER_S);
  cr_expect_eq(fake.closes, 1);
  rig_expect_missing(&rig, "test.gauge", "n=0", MST_SAMPLE_ABSENT, "it does not sample");
  rig_expect_collector(&rig, "absent", "");
  fake.sample_err = MST_OK;
  fake.series = 1;
  rig_tick(&rig, 59 * MST_NS_PER_S);
  cr_expect_eq(fake.opens, 1);
  rig_expect_missing(&rig, "test.gauge", "n=0", MST_SAMPLE_ABSENT, "it does not sample");
  rig_tick(&rig, MST_NS_PER_S);
  cr_expect_eq(fake.opens, 2);
  cr_expect(rig_has(&rig, "test.gauge", "n=0"));
  rig_done(&rig);
}

Test(sampler, failed_open__is_an_error_with_its_reason)
{
  struct rig rig = {0};

  fake.open_err = MST_EPERM;
  start(&rig, "");
  rig_tick(&rig, 0);
  rig_expect_collector(&rig, "error", "it does not open");
  rig_expect_state(&rig, "muster.collector.status", "collector=fake", "error: it does not open");
  cr_expect_eq(fake.samples, 0);
  rig_done(&rig);
  cr_expect_eq(fake.closes, 0, "what never opened is never closed");
}

Test(sampler, slow_collector__is_said_but_its_samples_stand)
{
  struct rig rig = {0};

  fake.series = 1;
  fake.takes_ns = 25 * MST_NS_PER_MS;
  start(&rig, "");
  rig_tick(&rig, 0);
  cr_expect(rig_has(&rig, "test.gauge", "n=0"));
  rig_expect_collector(&rig, "error", "took 25ms, its deadline is 10ms");
  cr_expect_eq(mst_sampler_collector_at(rig.sampler, 0).last_run_ns, 25 * MST_NS_PER_MS);
  rig_done(&rig);
}

Test(sampler, value_that_is_no_number__is_refused)
{
  struct rig rig = {0};

  fake.series = 1;
  fake.value = __builtin_nan("");
  start(&rig, "");
  rig_tick(&rig, 0);
  rig_expect_collector(&rig, "error", "not a number");
  rig_done(&rig);
}

Test(sampler, more_series_than_the_limit__are_counted_and_the_known_go_on)
{
  struct rig rig = {0};

  fake.series = MST_SERIES_MAX;
  start(&rig, "");
  rig_tick(&rig, 0);
  cr_expect_eq(mst_sampler_series_count(rig.sampler), MST_SERIES_MAX);
  fake.first = 1;
  rig_tick(&rig, MST_NS_PER_S);
  cr_expect(rig_has(&rig, "test.gauge", "n=7"));
  rig_expect_missing(&rig, "test.gauge", "n=0", MST_SAMPLE_ABSENT, "");
  rig_expect_collector(&rig, "error", "1 series are not reported");
  rig_done(&rig);
}

Test(sampler, counter_with_a_new_start__is_a_new_series_and_the_old_one_ends)
{
  struct rig rig = {0};
  mst_report report;
  mst_sample sample;
  int samples = 0;

  fake.start_at.ns = 5;
  fake.value = 100;
  start(&rig, "");
  rig_tick(&rig, 0);
  fake.start_at.ns = 9;
  fake.value = 1;
  for (int i = 0; i < 2; i++) {
    rig_tick(&rig, MST_NS_PER_S);
    cr_expect_eq(rig_number(&rig, "test.counter", ""), 1);
  }
  cr_assert_eq(mst_report_decode((mst_bytes){rig.body.data, rig.body.size_bytes}, &report, &rig.ctx), MST_OK);
  while (mst_report_next_sample(&report, &sample, &rig.ctx) == MST_OK) {
    const mst_series *series = mst_sampler_series_at(rig.sampler, sample.id);

    if (!mst_text_equal(series->name, "test.counter"))
      continue;
    samples++;
    cr_expect_eq(series->start_at.ns, 9);
  }
  cr_expect_eq(samples, 1);
  rig_done(&rig);
}

Test(sampler, plan_with_a_period__runs_it_that_often_and_not_in_bursts)
{
  struct rig rig = {0};
  mst_plan_collector entry = {.name = {"fake", 4}, .period_ns = 60 * MST_NS_PER_S};
  const mst_plan plan = {.collector_count = 1, .collectors = &entry};

  fake.series = 1;
  start(&rig, "");
  cr_assert_eq(mst_sampler_apply(rig.sampler, &plan, &rig.ctx), MST_OK);
  fake.samples = 0;
  for (int i = 0; i <= 12; i++)
    rig_tick(&rig, i ? 10 * MST_NS_PER_S : 0);
  cr_expect_eq(fake.samples, 3);
  rig_tick(&rig, 10 * MST_NS_PER_S);
  mst_sample sample;
  cr_expect_not(rig_find(&rig, "test.gauge", "n=0", &sample), "what is not due is not missing");
  rig_tick(&rig, 600 * MST_NS_PER_S);
  rig_tick(&rig, 10 * MST_NS_PER_S);
  rig_tick(&rig, 10 * MST_NS_PER_S);
  cr_expect_eq(fake.samples, 4);
  rig_done(&rig);
}

Test(sampler, same_entry_in_the_next_plan__goes_on_undisturbed)
{
  struct rig rig = {0};

  start(&rig, "size=1,2");
  start(&rig, "size=1,2");
  cr_expect_eq(fake.opens, 1);
  start(&rig, "size=1,3");
  cr_expect_eq(fake.opens, 2);
  cr_expect_eq(fake.closes, 1);
  start(&rig, "");
  cr_expect_eq(fake.opens, 3);
  rig_done(&rig);
  cr_expect_eq(fake.closes, 3);
}

Test(sampler, collector_that_leaves_the_plan__is_closed_and_silent)
{
  struct rig rig = {0};
  const mst_plan empty = {0};

  fake.series = 1;
  start(&rig, "");
  rig_tick(&rig, 0);
  cr_assert_eq(mst_sampler_apply(rig.sampler, &empty, &rig.ctx), MST_OK);
  cr_expect_eq(fake.closes, 1);
  rig_tick(&rig, MST_NS_PER_S);
  mst_sample sample;
  cr_expect_not(rig_find(&rig, "test.gauge", "n=0", &sample));
  start(&rig, "");
  rig_tick(&rig, MST_NS_PER_S);
  cr_expect(rig_find(&rig, "test.gauge", "n=0", &sample));
  cr_expect_eq(sample.id, 0, "its series is known from before");
  rig_done(&rig);
}

Test(sampler, unknown_and_forbidden_collectors__are_said_and_not_run)
{
  static const char *const forbidden[] = {"fake"};
  struct rig rig = {0};
  mst_plan_collector entries[] = {{.name = {"nonsense", 8}}, {.name = {"fake", 4}}};
  const mst_plan plan = {.collector_count = 2, .collectors = entries};

  rig_init(&rig, NULL);

  const mst_sampler_setup setup = {
      .root = rig.root, .clock = &rig.clock.base, .forbidden = forbidden, .forbidden_count = 1, .collectors = fakes, .collector_count = 1};

  cr_assert_eq(mst_sampler_create(&setup, &rig.sampler, &rig.ctx), MST_OK);
  cr_assert_eq(mst_sampler_apply(rig.sampler, &plan, &rig.ctx), MST_OK);
  rig_tick(&rig, 0);
  rig_expect_state(&rig, "muster.collector.status", "collector=nonsense", "unknown");
  rig_expect_state(&rig, "muster.collector.status", "collector=fake", "forbidden");
  cr_expect_eq(fake.opens, 0);
  cr_expect_str_eq(mst_sampler_collector_at(rig.sampler, 0).state, "unknown");
  cr_assert_eq(mst_sampler_apply(rig.sampler, NULL, &rig.ctx), MST_OK);
  cr_expect_str_eq(mst_sampler_collector_at(rig.sampler, 0).state, "forbidden");
  rig_done(&rig);
}

Test(sampler, plan_that_names_a_collector_twice__changes_nothing)
{
  struct rig rig = {0};
  mst_plan_collector entries[] = {{.name = {"fake", 4}}, {.name = {"fake", 4}}};
  const mst_plan plan = {.collector_count = 2, .collectors = entries};

  fake.series = 1;
  start(&rig, "size=1");
  cr_expect_eq(mst_sampler_apply(rig.sampler, &plan, &rig.ctx), MST_EMALFORMED);
  cr_expect(strstr(rig.ctx.text, "fake twice"));
  cr_expect_eq(fake.closes, 0);
  rig_tick(&rig, 0);
  cr_expect(rig_has(&rig, "test.gauge", "n=0"));
  rig_done(&rig);
}

Test(sampler, root_that_is_not_there__is_an_error_with_its_path)
{
  mst_clock_manual clock;
  mst_sampler *sampler = NULL;
  mst_errctx ctx = {0};

  mst_clock_manual_init(&clock, 1);

  const mst_sampler_setup setup = {.root = "/nonexistent/root", .clock = &clock.base};

  cr_expect_neq(mst_sampler_create(&setup, &sampler, &ctx), MST_OK);
  cr_expect_null(sampler);
  cr_expect(strstr(ctx.text, "/nonexistent/root"));
}

/* Every allocation of a start and a tick fails once: an error or a poorer report, never a crash or a leak. */
Test(sampler, memory_that_runs_out__fails_soft)
{
  static const char *const forbidden[] = {"oom"};
  size_t failures = 0;

  for (size_t nth = 1; nth < 400; nth++) {
    struct rig rig;

    rig_init(&rig, "debian12-linux6.18");

    const mst_sampler_setup setup = {.root = rig.root, .clock = &rig.clock.base, .forbidden = forbidden, .forbidden_count = 1};
    mst_report_header header = {.at = {1}, .interval_ns = 1};

    mst_alloc_fail_at(nth);

    mst_err err = mst_sampler_create(&setup, &rig.sampler, &rig.ctx);

    if (err == MST_OK)
      err = mst_sampler_apply(rig.sampler, NULL, &rig.ctx);
    if (err == MST_OK)
      err = mst_sampler_tick(rig.sampler, &rig.writer, &rig.ctx);
    if (err == MST_OK)
      header.definitions = mst_sampler_series_count(rig.sampler);
    if (err == MST_OK)
      err = mst_report_writer_finish(&rig.writer, &header, &rig.body, &rig.ctx);
    mst_alloc_fail_at(0);
    if (err != MST_OK) {
      failures++;
      cr_expect_eq(err, MST_ENOMEM, "allocation %zu: %s", nth, rig.ctx.text);
      cr_expect(rig.ctx.text[0]);
    }
    rig_done(&rig);
  }
  cr_expect_gt(failures, 20);
}

/* Whatever a host lacks, the others are measured, and nothing is an error that is only not there. */
Test(sampler, base_plan_over_every_captured_tree__has_no_error)
{
  static const struct {
    const char *tree, *absent;
  } cases[] = {{"debian12-linux6.18", " processes "},
               {"centos6-linux2.6.32", " oom pressure processes "},
               {"container-minimal", " disk oom paging pressure processes "},
               {"storage-linux5.10", NULL /* only what its README says */}};

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct rig rig;

    rig_init(&rig, cases[i].tree);

    const mst_sampler_setup setup = {.root = rig.root, .clock = &rig.clock.base};

    cr_assert_eq(mst_sampler_create(&setup, &rig.sampler, &rig.ctx), MST_OK, "%s", rig.ctx.text);
    cr_assert_eq(mst_sampler_apply(rig.sampler, NULL, &rig.ctx), MST_OK, "%s", rig.ctx.text);
    for (int tick = 0; tick < 3; tick++)
      rig_tick(&rig, 10 * MST_NS_PER_S);
    size_t built_in = 0;
    for (size_t j = 0; j < mst_collectors_count; j++)
      built_in += mst_collectors[j]->module == NULL && !mst_collectors[j]->needs_options;
    cr_expect_eq(mst_sampler_collector_count(rig.sampler), built_in);
    for (size_t j = 0; j < mst_sampler_collector_count(rig.sampler); j++) {
      mst_collector_state state = mst_sampler_collector_at(rig.sampler, j);
      char name[64];

      snprintf(name, sizeof name, " %s ", state.name);
      cr_expect_str_neq(state.state, "error", "%s: %s: %s", cases[i].tree, state.name, state.reason);
      if (cases[i].absent)
        cr_expect_eq(strcmp(state.state, "absent") == 0, strstr(cases[i].absent, name) != NULL, "%s: %s is %s: %s", cases[i].tree,
                     state.name, state.state, state.reason);
    }
    rig_done(&rig);
  }
}
