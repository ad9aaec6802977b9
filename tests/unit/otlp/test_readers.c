/* Both readers on requests that the official opentelemetry-proto made (tests/golden/otlp/make.py says what is in them). */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include <mst/common/alloc.h>
#include <mst/common/buf.h>
#include <mst/common/file.h>

#include "draw.h"
#include "tally.h"

typedef mst_err (*reader)(const uint8_t *body, size_t size_bytes, mst_otlp_tally *tally, mst_errctx *ctx);

static const struct form {
  const char *ending;
  reader traces, metrics;
} forms[] = {
    {"pb", mst_otlp_read_protobuf_traces, mst_otlp_read_protobuf_metrics},
    {"json", mst_otlp_read_json_traces, mst_otlp_read_json_metrics},
    {"reverse.json", mst_otlp_read_json_traces, mst_otlp_read_json_metrics},
};
enum { FORMS = sizeof forms / sizeof forms[0], FILE_MAX = 65536 };

static mst_otlp_wanted
usual(const char *metric)
{
  return (mst_otlp_wanted){.required = {"service.name", "http.request.method|http.method"}, .required_count = 2, .requests_metric = metric};
}

static mst_buf
load(const char *name, const char *ending)
{
  char path[512];
  mst_errctx ctx = {0};
  mst_buf body;

  snprintf(path, sizeof path, "%s/tests/golden/otlp/%s.%s", MST_SOURCE_DIR, name, ending);
  mst_buf_init(&body, FILE_MAX);
  cr_assert_eq(mst_file_read(path, &body, &ctx), MST_OK, "%s", ctx.text);
  return body;
}

static void
read_file(const struct form *form, const char *name, const mst_otlp_wanted *wanted, mst_otlp_tally *tally)
{
  mst_buf body = load(name, form->ending);
  mst_errctx ctx = {0};
  reader read = strcmp(name, "traces") == 0 ? form->traces : form->metrics;

  mst_otlp_tally_init(tally, wanted);
  cr_assert_eq(read(body.data, body.size_bytes, tally, &ctx), MST_OK, "%s: %s", form->ending, ctx.text);
  mst_buf_done(&body);
}

Test(readers, traces__every_form_counts_the_same)
{
  for (int i = 0; i < FORMS; i++) {
    mst_otlp_wanted wanted = usual(NULL);
    mst_otlp_tally tally;

    read_file(&forms[i], "traces", &wanted, &tally);
    cr_expect_eq(tally.spans[0], 7, "%s", forms[i].ending);
    cr_expect_eq(tally.spans[1], 1, "%s", forms[i].ending);
    cr_expect_eq(tally.spans[2], 1, "%s", forms[i].ending);
    cr_expect_eq(tally.with_ids, 5, "%s: %llu", forms[i].ending, (unsigned long long)tally.with_ids);
    cr_expect_eq(tally.roots, 4, "%s: %llu", forms[i].ending, (unsigned long long)tally.roots);
    cr_expect_eq(tally.held, 4, "%s", forms[i].ending);
    cr_expect_eq(tally.complete, 2, "%s: %llu", forms[i].ending, (unsigned long long)tally.complete);
    cr_expect_eq(tally.points, 0, "%s", forms[i].ending);
    mst_otlp_tally_done(&tally);
  }
}

Test(readers, attributes_of_all_spans__inner_ones_are_held_to_them_too)
{
  for (int i = 0; i < FORMS; i++) {
    mst_otlp_wanted wanted = {.required = {"service.name"}, .required_count = 1, .is_of_all = true};
    mst_otlp_tally tally;

    read_file(&forms[i], "traces", &wanted, &tally);
    cr_expect_eq(tally.held, 9, "%s", forms[i].ending);
    cr_expect_eq(tally.complete, 8, "%s: an event's attribute is not the span's", forms[i].ending);
    mst_otlp_tally_done(&tally);
  }
}

static const struct counted {
  const char *metric;
  size_t count;
  double first, second;
  bool is_delta, is_unusable, comes;
} counted[] = {
    {"http.server.request.duration", 2, 30, 12, false, false, true},
    {"genesis.requests", 2, 5, 2.5, true, false, true},
    {"an.exponential", 1, 9, 0, false, false, true},
    {"http.server.active_requests", 0, 0, 0, false, true, true},
    {"a.gauge", 0, 0, 0, false, true, true},
    {"a.summary", 0, 0, 0, false, true, true},
    {"http.server.request", 0, 0, 0, false, false, false},
};

Test(readers, metrics__every_form_finds_what_counts_requests)
{
  for (int i = 0; i < FORMS; i++) {
    for (size_t k = 0; k < sizeof counted / sizeof counted[0]; k++) {
      const struct counted *is = &counted[k];
      mst_otlp_wanted wanted = usual(is->metric);
      mst_otlp_tally tally;

      read_file(&forms[i], "metrics", &wanted, &tally);
      cr_expect_eq(tally.points, 9, "%s %llu", forms[i].ending, (unsigned long long)tally.points);
      cr_expect_eq(tally.has_metric, is->comes, "%s %s", forms[i].ending, is->metric);
      cr_expect_eq(tally.is_unusable, is->is_unusable, "%s %s", forms[i].ending, is->metric);
      cr_assert_eq(tally.request_count, is->count, "%s %s %zu", forms[i].ending, is->metric, tally.request_count);
      if (is->count > 0)
        cr_expect_eq(tally.requests[0].value, is->first, "%s %s", forms[i].ending, is->metric);
      if (is->count > 1) {
        cr_expect_eq(tally.requests[1].value, is->second, "%s %s", forms[i].ending, is->metric);
        cr_expect_neq(tally.requests[0].series, tally.requests[1].series);
        cr_expect_eq(tally.requests[0].resource, tally.requests[1].resource);
        cr_expect_eq(tally.requests[0].start_ns, 1795420000000000000ULL);
        cr_expect_eq(tally.requests[1].time_ns, 1795420060000000000ULL);
        cr_expect_eq(tally.requests[1].is_delta, is->is_delta);
      }
      mst_otlp_tally_done(&tally);
    }
  }
}

Test(readers, json_order_of_members__does_not_change_the_series)
{
  mst_otlp_wanted wanted = usual("http.server.request.duration");
  mst_otlp_tally one, other;

  read_file(&forms[1], "metrics", &wanted, &one);
  read_file(&forms[2], "metrics", &wanted, &other);
  for (size_t i = 0; i < 2; i++)
    cr_expect_eq(one.requests[i].series, other.requests[i].series);
  mst_otlp_tally_done(&one);
  mst_otlp_tally_done(&other);
}

static void
expect(reader read, const char *body, size_t size_bytes, mst_err wanted_err, const char *says)
{
  mst_otlp_wanted wanted = usual("n");
  mst_otlp_tally tally;
  mst_errctx ctx = {0};

  mst_otlp_tally_init(&tally, &wanted);
  mst_err err = read((const uint8_t *)body, size_bytes, &tally, &ctx);
  cr_expect_eq(err, wanted_err, "%.60s: %s", body, ctx.text);
  cr_expect(strstr(ctx.text, says), "%.60s: \"%s\" and not \"%s\"", body, ctx.text, says);
  mst_otlp_tally_done(&tally);
}

Test(readers, broken_json__is_refused_with_what_is_wrong)
{
  static const char *const broken[][2] = {
      {"", "no JSON"},
      {"[]", "begin with {"},
      {"7", "begin with {"},
      {"{\"resourceSpans\":[", "not all of it"},
      {"{} x", "no JSON"},
      {"{\"resourceSpans\":{}}", "\"resourceSpans\" has a value of another type"},
      {"{\"resourceSpans\":[[]]}", "a list stands where an object should"},
      {"{\"resourceSpans\":[1]}", "something else stands"},
      {"{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"traceId\":5}]}]}]}", "\"traceId\""},
      {"{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"kind\":-1}]}]}]}", "\"kind\""},
      {"{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"status\":[]}]}]}]}", "\"status\""},
      {"{\"a\":\"\xff\"}", "no JSON"},
  };

  for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++)
    expect(mst_otlp_read_json_traces, broken[i][0], strlen(broken[i][0]), MST_EMALFORMED, broken[i][1]);
  const char *number =
      "{\"resourceMetrics\":[{\"scopeMetrics\":[{\"metrics\":[{\"name\":\"n\",\"sum\":{\"dataPoints\":[{\"asInt\":\"5x\"}]}}]}]}]}";
  expect(mst_otlp_read_json_metrics, number, strlen(number), MST_EMALFORMED, "\"asInt\"");
}

Test(readers, json_with_unknown_members_and_nulls__is_read)
{
  const char *text =
      "{\"x\":[[{\"spans\":[{}]}],null],\"resourceSpans\":[{\"resource\":null,\"scopeSpans\":[{\"spans\":[{\"kind\":\"SPAN_KIND_SERVER\","
      "\"status\":{\"code\":\"STATUS_CODE_ERROR\"},\"traceId\":null,\"attributes\":[{\"key\":\"http.method\",\"value\":{\"kvlistValue\":{"
      "\"values\":[{\"key\":\"a\",\"value\":{\"boolValue\":true}}]}}}]}]}]}]}";
  mst_otlp_wanted wanted = {.required = {"http.method"}, .required_count = 1};
  mst_otlp_tally tally;
  mst_errctx ctx = {0};

  mst_otlp_tally_init(&tally, &wanted);
  cr_assert_eq(mst_otlp_read_json_traces((const uint8_t *)text, strlen(text), &tally, &ctx), MST_OK, "%s", ctx.text);
  cr_expect_eq(tally.spans[2], 1);
  cr_expect_eq(tally.spans[0] + tally.spans[1], 0);
  cr_expect_eq(tally.held, 1);
  cr_expect_eq(tally.complete, 1);
  mst_otlp_tally_done(&tally);
}

Test(readers, json_of_great_depth__is_refused)
{
  char deep[4096];
  size_t size = 0;

  size += (size_t)snprintf(deep, sizeof deep, "{\"x\":");
  memset(deep + size, '[', 1000);
  expect(mst_otlp_read_json_traces, deep, size + 1000, MST_EMALFORMED, "nested deeper than 64");
}

Test(readers, broken_protobuf__is_refused)
{
  static const struct {
    const char *bytes;
    size_t size_bytes;
  } broken[] = {
      {"\x0a", 1},                                          /* a field without its length */
      {"\x0a\x05\x0a", 3},                                  /* shorter than it says */
      {"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11}, /* a length of 64 bits */
      {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11}, /* a tag that has no end */
      {"\x0b\x0c", 2},                                      /* a group */
      {"\x00\x00", 2},                                      /* field 0 */
      {"\x0d\x01\x02", 3},                                  /* four bytes of which two are there */
      {"\x08\x01", 2},                                      /* resource_spans as a number */
      {"\x0a\x04\x12\x02\x12\x05", 6},                      /* deeper down */
      {"{\"resourceSpans\":[]}", 20},                       /* JSON under the wrong type */
  };

  for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
    expect(mst_otlp_read_protobuf_traces, broken[i].bytes, broken[i].size_bytes, MST_EMALFORMED, "broken");
    expect(mst_otlp_read_protobuf_metrics, broken[i].bytes, broken[i].size_bytes, MST_EMALFORMED, "broken");
  }
  expect(mst_otlp_read_protobuf_traces, "", 0, MST_OK, "");
}

/* Cut anywhere, a request is refused or, where the cut lies between two messages, holds less. */
Test(readers, requests_cut_or_changed_at_random__end_in_an_answer, .init = draw_seed)
{
  for (int i = 0; i < FORMS; i++) {
    mst_buf body = load("traces", forms[i].ending);

    for (int round = 0; round < 2000; round++) {
      mst_otlp_wanted wanted = usual(NULL);
      mst_otlp_tally tally;
      mst_errctx ctx = {0};
      size_t size = draw() % 2 ? draw() % body.size_bytes : body.size_bytes, at = draw() % body.size_bytes;
      uint8_t before = body.data[at];

      body.data[at] = (uint8_t)draw();
      mst_otlp_tally_init(&tally, &wanted);
      mst_err err = forms[i].traces(body.data, size, &tally, &ctx);
      cr_expect(err == MST_OK || err == MST_EMALFORMED);
      cr_expect(err == MST_OK || ctx.text[0]);
      cr_expect_leq(tally.spans[0] + tally.spans[1] + tally.spans[2], body.size_bytes);
      mst_otlp_tally_done(&tally);
      body.data[at] = before;
    }
    mst_buf_done(&body);
  }
}

Test(readers, more_points_than_are_kept__are_counted_as_untaken)
{
  mst_otlp_wanted wanted = usual("n");
  mst_otlp_tally tally;
  mst_errctx ctx = {0};
  mst_buf text;

  mst_buf_init(&text, 1 << 20);
  mst_buf_puts(&text, "{\"resourceMetrics\":[{\"scopeMetrics\":[{\"metrics\":[{\"name\":\"n\",\"sum\":{\"isMonotonic\":true,"
                      "\"aggregationTemporality\":2,\"dataPoints\":[");
  for (int i = 0; i < MST_OTLP_POINTS_MAX + 10; i++)
    mst_buf_puts(&text, i ? ",{\"asInt\":1}" : "{\"asInt\":1}");
  mst_buf_puts(&text, "]}}]}]}]}");
  mst_otlp_tally_init(&tally, &wanted);
  cr_assert_eq(mst_otlp_read_json_metrics(text.data, text.size_bytes, &tally, &ctx), MST_OK, "%s", ctx.text);
  cr_expect_eq(tally.request_count, MST_OTLP_POINTS_MAX);
  cr_expect_eq(tally.untaken, 10);
  cr_expect_eq(tally.points, MST_OTLP_POINTS_MAX + 10);
  mst_otlp_tally_done(&tally);
  mst_buf_done(&text);
}

Test(readers, no_memory_for_points__is_said)
{
  for (int i = 0; i < FORMS; i++) {
    mst_buf body = load("metrics", forms[i].ending);
    mst_otlp_wanted wanted = usual("genesis.requests");
    mst_otlp_tally tally;
    mst_errctx ctx = {0};

    mst_otlp_tally_init(&tally, &wanted);
    mst_alloc_fail_at(1);
    cr_expect_eq(forms[i].metrics(body.data, body.size_bytes, &tally, &ctx), MST_ENOMEM, "%s", forms[i].ending);
    mst_alloc_fail_at(0);
    mst_otlp_tally_done(&tally);
    mst_buf_done(&body);
  }
}
