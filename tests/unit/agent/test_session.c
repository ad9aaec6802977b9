#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include <mst/common/alloc.h>

#include "session.h"

/* A sampler whose one collector gives as many series as the test asks for, with labels of the size that it wants. */
static uint32_t wanted;
static size_t label_bytes;
static mst_sampler *sampler;
static mst_key *key;
static mst_session session;
static mst_session_items items;
static mst_report_writer writer;

static const mst_signal signal_many = {"test.many", MST_SIGNAL_GAUGE, "1", "one of many"};

static mst_err
open_many(const mst_collector_env *env, void **ret_state, mst_errctx *ctx)
{
  (void)env, (void)ctx;
  *ret_state = NULL;
  return MST_OK;
}

static mst_err
sample_many(void *state, mst_sink *sink, mst_errctx *ctx)
{
  char value[MST_SERIES_LABEL_VALUE_MAX_BYTES + 1];
  mst_err err = MST_OK;
  (void)state;
  for (uint32_t i = 0; i < wanted && err == MST_OK; i++) {
    memset(value, 'x', label_bytes);
    snprintf(value + label_bytes, sizeof value - label_bytes, "%u", i);
    const mst_tag tags[] = {{"name", value}, {"other", value}, {"third", value}};
    err = mst_sink_gauge(sink, &signal_many, tags, label_bytes ? 3 : 1, i, ctx);
  }
  return err;
}

static void
close_many(void *state)
{
  (void)state;
}

static const mst_collector many = {.name = "many",
                                   .help = "many",
                                   .deadline_ns = 10 * MST_NS_PER_S,
                                   .signals = &signal_many,
                                   .signal_count = 1,
                                   .open = open_many,
                                   .sample = sample_many,
                                   .close = close_many};
static const mst_collector *const collectors[] = {&many};

static void
setup(void)
{
  const mst_sampler_setup sampler_setup = {.root = "/", .clock = mst_clock_system(), .collectors = collectors, .collector_count = 1};
  cr_assert_eq(mst_crypto_start(NULL), MST_OK);
  cr_assert_eq(mst_key_create(&key, NULL), MST_OK);
  cr_assert_eq(mst_sampler_create(&sampler_setup, &sampler, NULL), MST_OK);
  cr_assert_eq(mst_sampler_apply(sampler, NULL, NULL), MST_OK);
  mst_report_writer_init(&writer);
  mst_session_init(&session, key, mst_clock_system(), "host-7", "boot");
}

static void
teardown(void)
{
  mst_session_items_done(&items);
  mst_report_writer_done(&writer);
  mst_sampler_destroy(sampler);
  mst_key_destroy(key);
}

TestSuite(session, .init = setup, .fini = teardown);

static void
tick(void)
{
  mst_errctx ctx = {0};
  mst_report_writer_reset(&writer);
  cr_assert_eq(mst_sampler_tick(sampler, &writer, &ctx), MST_OK, "%s", ctx.text);
}

/* Every item is a good envelope of this session, numbered from `sequence` on. Returns the number of series that were defined. */
static uint32_t
check_items(uint64_t sequence, uint32_t first_id)
{
  const mst_key_id id = mst_key_id_of(mst_key_public(key));
  mst_errctx ctx = {0};
  for (size_t i = 0; i < items.count; i++) {
    mst_envelope envelope;
    mst_definitions definitions;
    const mst_spool_item *item = &items.list[i];
    cr_assert_eq(mst_envelope_decode(item->envelope, item->size_bytes, &envelope, &ctx), MST_OK, "%s", ctx.text);
    cr_assert_eq(mst_envelope_verify(&envelope, mst_key_public(key), &ctx), MST_OK, "%s", ctx.text);
    cr_expect_eq(envelope.sequence, sequence + i);
    cr_expect_eq(item->sequence, sequence + i);
    cr_expect_eq(envelope.kind, item->kind);
    cr_expect_arr_eq(envelope.key_id.bytes, id.bytes, MST_KEY_ID_BYTES);
    cr_expect_arr_eq(envelope.session.bytes, session.id.bytes, MST_SESSION_BYTES);
    if (envelope.kind != MST_ENVELOPE_DEFINITIONS)
      continue;
    cr_assert_eq(mst_definitions_decode(envelope.body, &definitions, &ctx), MST_OK, "%s", ctx.text);
    cr_expect_eq(definitions.first_id, first_id);
    cr_expect(mst_text_equal(definitions.hostname, "host-7"));
    first_id += definitions.count;
  }
  return first_id;
}

Test(session, init__twice__other_ids)
{
  mst_session other;
  mst_session_init(&other, key, mst_clock_system(), "host-7", "boot");
  cr_expect_neq(memcmp(other.id.bytes, session.id.bytes, MST_SESSION_BYTES), 0);
}

Test(session, define__few_series__one_record_and_then_none)
{
  wanted = 5;
  tick();
  cr_assert_eq(mst_session_define(&session, sampler, &items, NULL), MST_OK);
  cr_expect_eq(items.count, 1);
  cr_expect_eq(check_items(1, 0), mst_sampler_series_count(sampler));
  cr_assert_eq(mst_session_define(&session, sampler, &items, NULL), MST_OK);
  cr_expect_eq(items.count, 1);
}

Test(session, define__series_come_later__only_these)
{
  wanted = 5;
  tick();
  cr_assert_eq(mst_session_define(&session, sampler, &items, NULL), MST_OK);
  const uint32_t before = mst_sampler_series_count(sampler);
  mst_session_items_done(&items);
  wanted = 9;
  tick();
  cr_assert_eq(mst_session_define(&session, sampler, &items, NULL), MST_OK);
  cr_expect_eq(items.count, 1);
  cr_expect_eq(check_items(2, before), before + 4);
}

Test(session, define__more_than_fits__several_records_without_gaps)
{
  wanted = 2000;
  label_bytes = 240;
  tick();
  cr_assert_eq(mst_session_define(&session, sampler, &items, NULL), MST_OK);
  cr_expect_gt(items.count, 5);
  cr_expect_eq(check_items(1, 0), mst_sampler_series_count(sampler));
}

Test(session, define__memory_runs_out_anywhere__nothing_happened)
{
  wanted = 600;
  tick();
  for (size_t nth = 1; nth < 40; nth++) {
    mst_alloc_fail_at(nth);
    mst_err err = mst_session_define(&session, sampler, &items, NULL);
    mst_alloc_fail_at(0);
    if (err == MST_OK)
      break;
    cr_assert_eq(err, MST_ENOMEM);
    cr_assert_eq(items.count, 0);
    cr_assert_eq(session.sequence, 0);
    cr_assert_eq(session.defined, 0);
  }
  if (items.count == 0)
    cr_assert_eq(mst_session_define(&session, sampler, &items, NULL), MST_OK);
  cr_expect_eq(check_items(1, 0), mst_sampler_series_count(sampler));
}

Test(session, report__after_definitions__counts_its_samples)
{
  mst_report_header header = {.at = {1}, .interval_ns = MST_NS_PER_S, .spool_records = 1};
  wanted = 12;
  tick();
  cr_assert_eq(mst_session_define(&session, sampler, &items, NULL), MST_OK);
  header.definitions = session.defined;
  cr_assert_eq(mst_session_report(&session, &writer, &header, (mst_bytes){0}, &items, NULL), MST_OK);
  cr_assert_eq(items.count, 2);
  cr_expect_eq(items.list[1].samples, mst_sampler_series_count(sampler));
  check_items(1, 0);
}

Test(session, skip__number_of_a_record_that_was_never_made__next_goes_on)
{
  const mst_loss_range range = {session.id, 1, 1, 10};
  cr_expect_eq(mst_session_skip(&session), 1);
  cr_assert_eq(mst_session_loss(&session, &range, 1, &items, NULL), MST_OK);
  check_items(2, 0);
}
