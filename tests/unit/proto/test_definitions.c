#include "vectors.h"

static const mst_series vector_series[] = {
    {.name = {"system.cpu.utilization", 22},
     .kind = MST_SIGNAL_GAUGE,
     .unit = {"1", 1},
     .label_count = 2,
     .labels = {{{"cpu", 3}, {"0", 1}}, {{"state", 5}, {"user", 4}}}},
    {.name = {"system.network.io", 17},
     .kind = MST_SIGNAL_COUNTER,
     .unit = {"By", 2},
     .start_at = {VECTOR_AT - 3600 * SECONDS},
     .label_count = 2,
     .labels = {{{"direction", 9}, {"receive", 7}}, {{"network.interface.name", 22}, {"eth0", 4}}}},
    {.name = {"http.client.request.duration", 28}, .kind = MST_SIGNAL_DISTRIBUTION, .unit = {"s", 1}},
    {.name = {"container.state", 15},
     .kind = MST_SIGNAL_STATE,
     .label_count = 1,
     .labels = {{{"container.name", 14},
                 {"b\xc3\xbc"
                  "cher",
                  7}}}},
    {.name = {"log.matches", 11},
     .kind = MST_SIGNAL_EVENT,
     .unit = {"{match}", 7},
     .label_count = 1,
     .labels = {{{"file", 4}, {"/var/log/app.log", 16}}}},
};

static const mst_definitions vector_header = {.boot_id = {"0b4fa8a2-9a2f-4d2b-8f7a-3f3a1c1f5f10", 36},
                                              .agent_version = {"0.1.0", 5},
                                              .hostname = {"api-1.staging.example", 21},
                                              .count = 5};

static mst_buf
vector_body(void)
{
  mst_errctx ctx = {0};
  mst_buf body;

  mst_buf_init(&body, MST_ENVELOPE_MAX_BODY_BYTES);
  assert_ok(mst_definitions_encode(&vector_header, vector_series, &body, &ctx), ctx);
  return body;
}

static mst_err
decode(const void *data, size_t size_bytes, mst_errctx *ctx)
{
  mst_definitions definitions;
  return mst_definitions_decode((mst_bytes){data, size_bytes}, &definitions, ctx);
}

static bool
text_same(mst_text a, mst_text b)
{
  return a.size_bytes == b.size_bytes && (a.size_bytes == 0 || memcmp(a.data, b.data, a.size_bytes) == 0);
}

Test(definitions, vector__is_reproduced_byte_for_byte)
{
  mst_buf body = vector_body();
  expect_envelope(MST_ENVELOPE_DEFINITIONS, 1, &body, "envelope-definitions.json");
  mst_buf_done(&body);
}

Test(definitions, what_was_encoded__comes_back)
{
  mst_buf body = vector_body();
  mst_errctx ctx = {0};
  mst_definitions got;
  mst_series series;

  assert_ok(mst_definitions_decode((mst_bytes){body.data, body.size_bytes}, &got, &ctx), ctx);
  cr_expect(text_same(got.boot_id, vector_header.boot_id));
  cr_expect(text_same(got.agent_version, vector_header.agent_version));
  cr_expect(text_same(got.hostname, vector_header.hostname));
  cr_expect_eq(got.first_id, 0);
  cr_assert_eq(got.count, 5);
  for (uint32_t i = 0; i < got.count; i++) {
    assert_ok(mst_definitions_next(&got, &series, &ctx), ctx);
    cr_expect(text_same(series.name, vector_series[i].name));
    cr_expect_eq(series.kind, vector_series[i].kind);
    cr_expect(text_same(series.unit, vector_series[i].unit));
    cr_expect_eq(series.start_at.ns, vector_series[i].start_at.ns);
    cr_assert_eq(series.label_count, vector_series[i].label_count);
    for (uint32_t j = 0; j < series.label_count; j++) {
      cr_expect(text_same(series.labels[j].key, vector_series[i].labels[j].key));
      cr_expect(text_same(series.labels[j].value, vector_series[i].labels[j].value));
    }
  }
  cr_expect_eq(mst_definitions_next(&got, &series, &ctx), MST_EABSENT);
  cr_expect_eq(mst_definitions_next(&got, &series, &ctx), MST_EABSENT);
  mst_buf_done(&body);
}

Test(definitions, a_cut_at_any_byte__is_refused)
{
  mst_buf body = vector_body();
  expect_truncations_refused(body.data, body.size_bytes, decode);
  mst_buf_done(&body);
}

Test(definitions, no_series_at_all__is_a_session_header)
{
  mst_definitions header = vector_header, got;
  mst_errctx ctx = {0};
  mst_series series;
  mst_buf body;

  header.count = 0;
  mst_buf_init(&body, 1000);
  assert_ok(mst_definitions_encode(&header, NULL, &body, &ctx), ctx);
  assert_ok(mst_definitions_decode((mst_bytes){body.data, body.size_bytes}, &got, &ctx), ctx);
  cr_expect_eq(mst_definitions_next(&got, &series, &ctx), MST_EABSENT);
  mst_buf_done(&body);
}

static void
expect_refused(const mst_definitions *header, const mst_series *series, mst_err code)
{
  mst_errctx ctx = {0};
  mst_buf body;

  mst_buf_init(&body, MST_ENVELOPE_MAX_BODY_BYTES);
  cr_expect_eq(mst_definitions_encode(header, series, &body, &ctx), code, "%s", ctx.text);
  cr_expect_neq(ctx.text[0], '\0');
  cr_expect_eq(body.size_bytes, 0);
  mst_buf_done(&body);
}

Test(definitions, encode__refuses_a_series_that_breaks_a_rule)
{
  static const char long_text[300] = {[0 ... 298] = 'x'};
  const mst_definitions header = {.hostname = {"h", 1}, .count = 1};
  const mst_series good = vector_series[0];
  mst_series s;

  s = good, s.name.size_bytes = 0, expect_refused(&header, &s, MST_EMALFORMED);
  s = good, s.name = (mst_text){long_text, 129}, expect_refused(&header, &s, MST_ELIMIT);
  s = good, s.name = (mst_text){"\xff", 1}, expect_refused(&header, &s, MST_EMALFORMED);
  s = good, s.kind = (mst_signal_kind)0, expect_refused(&header, &s, MST_EMALFORMED);
  s = good, s.kind = (mst_signal_kind)6, expect_refused(&header, &s, MST_EMALFORMED);
  s = good, s.unit = (mst_text){long_text, 33}, expect_refused(&header, &s, MST_ELIMIT);
  s = good, s.start_at.ns = 1, expect_refused(&header, &s, MST_EMALFORMED);
  s = vector_series[1], s.start_at.ns = -1, expect_refused(&header, &s, MST_EMALFORMED);
  s = good, s.label_count = 17, expect_refused(&header, &s, MST_ELIMIT);
  s = good, s.labels[0].key = (mst_text){long_text, 65}, expect_refused(&header, &s, MST_ELIMIT);
  s = good, s.labels[0].key.size_bytes = 0, expect_refused(&header, &s, MST_EMALFORMED);
  s = good, s.labels[1].value = (mst_text){long_text, 257}, expect_refused(&header, &s, MST_ELIMIT);
  s = good, s.labels[1].value = (mst_text){"a\0b", 3}, expect_refused(&header, &s, MST_EMALFORMED);
  s = good, s.labels[1].key = s.labels[0].key, expect_refused(&header, &s, MST_EMALFORMED);
  s = good, s.labels[0].key = TEXT("z"), expect_refused(&header, &s, MST_EMALFORMED);
}

Test(definitions, encode__refuses_a_header_that_breaks_a_rule)
{
  static const char long_text[300] = {[0 ... 298] = 'x'};
  mst_definitions h;

  h = vector_header, h.first_id = MST_SERIES_MAX, expect_refused(&h, vector_series, MST_ELIMIT);
  h = vector_header, h.first_id = MST_SERIES_MAX - 4, expect_refused(&h, vector_series, MST_ELIMIT);
  h = vector_header, h.first_id = UINT32_MAX, expect_refused(&h, vector_series, MST_ELIMIT);
  h = vector_header, h.count = UINT32_MAX, expect_refused(&h, vector_series, MST_ELIMIT);
  h = vector_header, h.hostname = (mst_text){long_text, 256}, expect_refused(&h, vector_series, MST_ELIMIT);
  h = vector_header, h.boot_id = (mst_text){long_text, 65}, expect_refused(&h, vector_series, MST_ELIMIT);
  h = vector_header, h.agent_version = (mst_text){"\x80", 1}, expect_refused(&h, vector_series, MST_EMALFORMED);
}

Test(definitions, last_ids__are_taken)
{
  mst_definitions header = vector_header, got;
  mst_errctx ctx = {0};
  mst_buf body;

  header.first_id = MST_SERIES_MAX - 5;
  mst_buf_init(&body, 10000);
  assert_ok(mst_definitions_encode(&header, vector_series, &body, &ctx), ctx);
  assert_ok(mst_definitions_decode((mst_bytes){body.data, body.size_bytes}, &got, &ctx), ctx);
  cr_expect_eq(got.first_id, MST_SERIES_MAX - 5);
  mst_buf_done(&body);
}

Test(definitions, more_than_a_body_holds__is_a_limit)
{
  static const char value[256] = {[0 ... 255] = 'v'};
  mst_definitions header = vector_header;
  mst_errctx ctx = {0};
  mst_buf body;

  header.count = 1200;
  mst_series *series = calloc(header.count, sizeof *series);
  for (uint32_t i = 0; i < header.count; i++) {
    series[i] = vector_series[0];
    series[i].labels[0].value = (mst_text){value, sizeof value};
  }
  mst_buf_init(&body, 1 << 20);
  mst_buf_puts(&body, "before");
  cr_expect_eq(mst_definitions_encode(&header, series, &body, &ctx), MST_ELIMIT);
  cr_expect(strstr(ctx.text, "fewer series"), "%s", ctx.text);
  cr_expect_str_eq(mst_buf_text(&body), "before");
  mst_buf_done(&body);
  free(series);
}

Test(definitions, kind_names__are_those_of_the_documents)
{
  static const char *const names[] = {"unknown", "gauge", "counter", "distribution", "state", "event", "unknown"};
  for (int i = 0; i <= 6; i++)
    cr_expect_str_eq(mst_signal_kind_name((mst_signal_kind)i), names[i]);
}

Test(definitions, no_memory__is_said)
{
  mst_errctx ctx = {0};
  mst_buf body;

  mst_buf_init(&body, MST_ENVELOPE_MAX_BODY_BYTES);
  expect_enomem_each((mst_buf_reset(&body), mst_definitions_encode(&vector_header, vector_series, &body, &ctx)));
  mst_buf_done(&body);
}
