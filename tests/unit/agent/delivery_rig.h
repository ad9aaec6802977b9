#ifndef MST_TEST_DELIVERY_RIG_H
#define MST_TEST_DELIVERY_RIG_H

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

#include <mst/common/file.h>

#include "delivery.h"
#include "fake_controller.h"
#include "folder.h"

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

static FAKE_UNUSED mst_err
open_nothing(const mst_collector_env *env, void **ret_state, mst_errctx *ctx)
{
  (void)env, (void)ctx;
  *ret_state = NULL;
  return MST_OK;
}

static const mst_signal signal_seven = {"test.seven", MST_SIGNAL_GAUGE, "1", "always seven"};

static FAKE_UNUSED mst_err
sample_seven(void *state, mst_sink *sink, mst_errctx *ctx)
{
  (void)state;
  return mst_sink_gauge(sink, &signal_seven, NULL, 0, 7, ctx);
}

static FAKE_UNUSED void
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

static FAKE_UNUSED void
on_plan(void *arg, const mst_plan *plan)
{
  (void)arg;
  rig.plans++;
  rig.plan_interval_ns = plan->interval_ns;
}

static FAKE_UNUSED void
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

static FAKE_UNUSED void
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

static FAKE_UNUSED void
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

static FAKE_UNUSED void
close_all(void)
{
  mst_delivery_close(rig.delivery);
  uv_run(&rig.loop, UV_RUN_DEFAULT);
  mst_delivery_destroy(rig.delivery);
  mst_spooler_destroy(rig.spooler);
  mst_sampler_destroy(rig.sampler);
}

static FAKE_UNUSED void
teardown(void)
{
  close_all();
  fake_done(&rig.fake);
  mst_key_destroy(rig.key);
  cr_expect_eq(uv_loop_close(&rig.loop), 0);
  folder_remove(rig.folder);
}

/* Definitions where they are needed, and one report of two samples (its own state is one). */
static FAKE_UNUSED void
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
  cr_assert_eq(mst_session_report(&rig.session, &writer, &header, (mst_bytes){0}, &items, &ctx), MST_OK, "%s", ctx.text);
  mst_report_writer_done(&writer);
  mst_delivery_keep(rig.delivery, &items);
  rig.reports++;
}

static FAKE_UNUSED bool
is_up(void)
{
  return mst_delivery_is_up(rig.delivery);
}

static FAKE_UNUSED bool
is_drained(void)
{
  return mst_delivery_is_drained(rig.delivery) && mst_spooler_stats(rig.spooler).records == 0;
}

static FAKE_UNUSED bool
is_drained_and_reported(void)
{
  return is_drained() && mst_spooler_stats(rig.spooler).unreported == 0 && rig.fake.loss_count > 0;
}

static FAKE_UNUSED bool
is_idle(void)
{
  return mst_spooler_is_idle(rig.spooler);
}

static FAKE_UNUSED void
go_up(void)
{
  mst_delivery_start(rig.delivery);
  cr_assert(fake_run_until(&rig.fake, &rig.loop, is_up));
}

static FAKE_UNUSED uint64_t
seen_reports(void)
{
  uint64_t count = 0;
  for (size_t i = 0; i < rig.fake.seen_count; i++)
    count += rig.fake.seen[i].kind == MST_ENVELOPE_REPORT;
  return count;
}

#endif
