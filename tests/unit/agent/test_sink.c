#include "rig.h"

#include <mst/common/hist.h>

#include "sink.h"

static const mst_signal gauge = {"test.gauge", MST_SIGNAL_GAUGE, "1", "a gauge"};
static const mst_signal counter = {"test.counter", MST_SIGNAL_COUNTER, "1", "a counter"};
static const mst_signal state = {"test.state", MST_SIGNAL_STATE, "1", "a state"};
static const mst_signal distribution = {"test.distribution", MST_SIGNAL_DISTRIBUTION, "s", "a distribution"};

static void
open_sink(mst_registry *registry, mst_report_writer *writer, mst_sink *ret_sink)
{
  mst_errctx ctx = {0};
  uint16_t owner;

  mst_report_writer_init(writer);
  cr_assert_eq(mst_registry_init(registry, &ctx), MST_OK);
  cr_assert_eq(mst_registry_owner_of(registry, "test", &owner, &ctx), MST_OK);
  *ret_sink = (mst_sink){.registry = registry, .writer = writer, .run = 1, .owner = owner};
}

Test(sink, labels__are_sorted_and_their_order_makes_no_difference)
{
  const mst_tag tags[] = {{"z", "1"}, {"a", "2"}, {"m", "3"}}, other[] = {{"m", "3"}, {"z", "1"}, {"a", "2"}};
  mst_registry registry;
  mst_report_writer writer;
  mst_errctx ctx = {0};
  mst_sink sink;

  open_sink(&registry, &writer, &sink);
  cr_expect_eq(mst_sink_gauge(&sink, &gauge, tags, 3, 1, &ctx), MST_OK);
  cr_expect(rig_is_series(mst_registry_series(&registry, 0), "test.gauge", "a=2,m=3,z=1"));
  cr_expect_eq(mst_sink_gauge(&sink, &gauge, other, 3, 1, &ctx), MST_EEXIST);
  sink.run++;
  cr_expect_eq(mst_sink_gauge(&sink, &gauge, other, 3, 1, &ctx), MST_OK);
  cr_expect_eq(registry.count, 1);
  mst_registry_done(&registry);
  mst_report_writer_done(&writer);
}

Test(sink, wrong_use__is_refused)
{
  const mst_tag twice[] = {{"a", "1"}, {"a", "2"}}, no_key[] = {{"", "1"}};
  mst_tag many[MST_SERIES_LABELS_MAX + 1];
  mst_registry registry;
  mst_report_writer writer;
  mst_errctx ctx = {0};
  mst_sink sink;

  for (size_t i = 0; i <= MST_SERIES_LABELS_MAX; i++)
    many[i] = twice[0];
  open_sink(&registry, &writer, &sink);
  cr_expect_eq(mst_sink_gauge(&sink, &gauge, twice, 2, 1, &ctx), MST_EUSAGE);
  cr_expect_eq(mst_sink_gauge(&sink, &gauge, no_key, 1, 1, &ctx), MST_EUSAGE);
  cr_expect_eq(mst_sink_gauge(&sink, &gauge, many, MST_SERIES_LABELS_MAX + 1, 1, &ctx), MST_EUSAGE);
  cr_expect_eq(mst_sink_gauge(&sink, &counter, NULL, 0, 1, &ctx), MST_EUSAGE);
  cr_expect_eq(mst_sink_counter(&sink, &counter, NULL, 0, (mst_wall){1}, -1, &ctx), MST_EMALFORMED);
  cr_expect_eq(registry.count, 0);
  mst_registry_done(&registry);
  mst_report_writer_done(&writer);
}

Test(sink, text_that_is_no_utf8_or_too_long__is_cleaned)
{
  static const struct {
    const char *text, *expected;
  } cases[] = {{"plain", "plain"},
               {"gr\xC3\xBC\xC3\x9F", "gr\xC3\xBC\xC3\x9F"},
               {"\xFF", "?"},
               {"a\xC3", "a?"},
               {"\xC0\x80", "??"},
               {"\xED\xA0\x80", "???"},
               {"\xF0\x9F\x98\x80", "\xF0\x9F\x98\x80"},
               {"\xE2\x82", "??"},
               {"1234567\xC3\xBC", "1234567"}};
  char out[9];

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    cr_expect_eq(mst_sink_clean_text(cases[i].text, 8, out), strlen(cases[i].expected));
    cr_expect_str_eq(out, cases[i].expected);
  }
}

Test(sink, states_and_distributions__are_written)
{
  mst_registry registry;
  mst_report_writer writer;
  mst_errctx ctx = {0};
  mst_sink sink;
  mst_hist hist;

  open_sink(&registry, &writer, &sink);
  mst_hist_init(&hist);
  cr_assert_eq(mst_hist_add(&hist, 0.25, 3, &ctx), MST_OK);
  cr_expect_eq(mst_sink_state(&sink, &state, NULL, 0, "up\xFF", &ctx), MST_OK, "%s", ctx.text);
  cr_expect_eq(mst_sink_distribution(&sink, &distribution, NULL, 0, &hist, &ctx), MST_OK, "%s", ctx.text);
  cr_expect_eq(mst_sink_error(&sink, &counter, NULL, 0, "why", &ctx), MST_OK, "%s", ctx.text);
  cr_expect_eq(writer.sample_count, 3);
  mst_hist_done(&hist);
  mst_registry_done(&registry);
  mst_report_writer_done(&writer);
}
