#include <math.h>

#include "vectors.h"

static mst_err
decode(const void *data, size_t size_bytes, mst_errctx *ctx)
{
  mst_report report;
  return mst_report_decode((mst_bytes){data, size_bytes}, &report, ctx);
}

static mst_report_header
plain_header(uint32_t definitions)
{
  return (mst_report_header){.at = {VECTOR_AT}, .interval_ns = 10 * SECONDS, .definitions = definitions};
}

static mst_buf
finish(mst_report_writer *writer, const mst_report_header *header)
{
  mst_errctx ctx = {0};
  mst_buf body;

  mst_buf_init(&body, 1 << 20);
  assert_ok(mst_report_writer_finish(writer, header, &body, &ctx), ctx);
  return body;
}

/* The report of envelope-report.json. */
static mst_buf
vector_report(void)
{
  uint8_t fingerprint[16];
  mst_report_header header = {.at = {VECTOR_AT - SECONDS},
                              .interval_ns = 10 * SECONDS,
                              .definitions = 5,
                              .offset_known = true,
                              .offset_ns = -1500000,
                              .spool_records = 1,
                              .spool_bytes = 1234,
                              .lost_records = 2,
                              .lost_samples = 300};
  mst_report_writer writer;
  mst_errctx ctx = {0};
  mst_hist hist;

  count_up(header.plan.bytes, sizeof header.plan.bytes, 0);
  count_up(fingerprint, sizeof fingerprint, 0x10);
  vector_histogram(&hist);
  mst_report_writer_init(&writer);
  assert_ok(mst_report_write_number(&writer, 0, 0.375, &ctx), ctx);
  assert_ok(mst_report_write_number(&writer, 1, 9876543210, &ctx), ctx);
  assert_ok(mst_report_write_histogram(&writer, 2, &hist, &ctx), ctx);
  assert_ok(mst_report_write_state(&writer, 3, "running", &ctx), ctx);
  mst_event event = {.id = 4,
                     .at = {VECTOR_AT - 5 * SECONDS},
                     .rule = TEXT("oom-killer"),
                     .level = TEXT("error"),
                     .count = 3,
                     .sample = TEXT("Out of memory: Killed process \xe2\x80\xa6"),
                     .fingerprint = {fingerprint, 16}};
  assert_ok(mst_report_write_event(&writer, &event, &ctx), ctx);
  event = (mst_event){.id = 4, .at = {VECTOR_AT - 4 * SECONDS}, .rule = TEXT("segfault"), .count = 1};
  assert_ok(mst_report_write_event(&writer, &event, &ctx), ctx);
  mst_buf body = finish(&writer, &header);
  mst_hist_done(&hist);
  mst_report_writer_done(&writer);
  return body;
}

Test(report, vector__is_reproduced_byte_for_byte)
{
  mst_buf body = vector_report();
  expect_envelope(MST_ENVELOPE_REPORT, 2, &body, "envelope-report.json");
  mst_buf_done(&body);
}

Test(report, vector_of_missing_samples_and_wide_numbers__is_reproduced_byte_for_byte)
{
  static const double numbers[] = {0,     127,        128,        -1,     -32,           -33, 255,    256,   65535,
                                   65536, 4294967296, 0x1p53 - 1, 0x1p53, -(0x1p53 - 1), 0.1, -1e300, 5e-324};
  mst_report_header header = {.at = {VECTOR_AT}, .interval_ns = 3600 * SECONDS, .definitions = 4096};
  mst_report_writer writer;
  mst_errctx ctx = {0};

  mst_report_writer_init(&writer);
  for (uint32_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
    assert_ok(mst_report_write_number(&writer, i, numbers[i], &ctx), ctx);
  assert_ok(mst_report_write_missing(&writer, 200, MST_SAMPLE_ABSENT, "the device is gone", &ctx), ctx);
  assert_ok(mst_report_write_missing(&writer, 300, MST_SAMPLE_ERROR, "read /proc/vmstat: Permission denied", &ctx), ctx);
  assert_ok(mst_report_write_state(&writer, 4095, "", &ctx), ctx);
  mst_buf body = finish(&writer, &header);
  expect_envelope(MST_ENVELOPE_REPORT, 3, &body, "envelope-report-missing.json");

  mst_report report;
  mst_sample sample;
  assert_ok(mst_report_decode((mst_bytes){body.data, body.size_bytes}, &report, &ctx), ctx);
  for (uint32_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
    assert_ok(mst_report_next_sample(&report, &sample, &ctx), ctx);
    cr_expect_eq(sample.number, numbers[i]);
    cr_expect_eq(sample.kind, MST_SIGNAL_GAUGE);
  }
  assert_ok(mst_report_next_sample(&report, &sample, &ctx), ctx);
  cr_expect_eq(sample.id, 200);
  cr_expect_eq(sample.status, MST_SAMPLE_ABSENT);
  cr_expect(mst_text_equal(sample.text, "the device is gone"));
  assert_ok(mst_report_next_sample(&report, &sample, &ctx), ctx);
  cr_expect_eq(sample.status, MST_SAMPLE_ERROR);
  assert_ok(mst_report_next_sample(&report, &sample, &ctx), ctx);
  cr_expect_eq(sample.id, 4095);
  cr_expect_eq(sample.kind, MST_SIGNAL_STATE);
  cr_expect_eq(mst_report_next_sample(&report, &sample, &ctx), MST_EABSENT);
  cr_expect_not(report.header.offset_known);
  mst_buf_done(&body);
  mst_report_writer_done(&writer);
}

Test(report, what_was_written__comes_back)
{
  mst_buf body = vector_report();
  mst_errctx ctx = {0};
  mst_report report;
  mst_sample sample;
  mst_event event;
  mst_hist hist, want;

  assert_ok(mst_report_decode((mst_bytes){body.data, body.size_bytes}, &report, &ctx), ctx);
  cr_expect_eq(report.header.at.ns, VECTOR_AT - SECONDS);
  cr_expect_eq(report.header.interval_ns, 10 * SECONDS);
  cr_expect_eq(report.header.definitions, 5);
  cr_expect(report.header.offset_known);
  cr_expect_eq(report.header.offset_ns, -1500000);
  cr_expect_eq(report.header.plan.bytes[31], 31);
  cr_expect_eq(report.header.spool_records, 1);
  cr_expect_eq(report.header.spool_bytes, 1234);
  cr_expect_eq(report.header.lost_records, 2);
  cr_expect_eq(report.header.lost_samples, 300);
  cr_expect_eq(report.header.sample_count, 4);
  cr_expect_eq(report.header.event_count, 2);
  assert_ok(mst_report_next_sample(&report, &sample, &ctx), ctx);
  cr_expect_eq(sample.number, 0.375);
  assert_ok(mst_report_next_sample(&report, &sample, &ctx), ctx);
  cr_expect_eq(sample.number, 9876543210);
  assert_ok(mst_report_next_sample(&report, &sample, &ctx), ctx);
  cr_expect_eq(sample.kind, MST_SIGNAL_DISTRIBUTION);
  assert_ok(mst_histogram_decode(sample.histogram, &hist, &ctx), ctx);
  vector_histogram(&want);
  cr_expect(mst_hist_equal(&hist, &want));
  assert_ok(mst_report_next_sample(&report, &sample, &ctx), ctx);
  cr_expect_eq(sample.kind, MST_SIGNAL_STATE);
  cr_expect(mst_text_equal(sample.text, "running"));
  cr_expect_eq(mst_report_next_sample(&report, &sample, &ctx), MST_EABSENT);
  assert_ok(mst_report_next_event(&report, &event, &ctx), ctx);
  cr_expect_eq(event.id, 4);
  cr_expect_eq(event.count, 3);
  cr_expect_eq(event.at.ns, VECTOR_AT - 5 * SECONDS);
  cr_expect(mst_text_equal(event.rule, "oom-killer"));
  cr_expect(mst_text_equal(event.level, "error"));
  cr_expect_eq(event.fingerprint.size_bytes, 16);
  assert_ok(mst_report_next_event(&report, &event, &ctx), ctx);
  cr_expect_eq(event.fingerprint.size_bytes, 0);
  cr_expect_eq(event.sample.size_bytes, 0);
  cr_expect_eq(mst_report_next_event(&report, &event, &ctx), MST_EABSENT);
  mst_hist_done(&hist);
  mst_hist_done(&want);
  mst_buf_done(&body);
}

Test(report, a_cut_at_any_byte__is_refused)
{
  mst_buf body = vector_report();
  expect_truncations_refused(body.data, body.size_bytes, decode);
  mst_buf_done(&body);
}

Test(report, any_flipped_bit__is_refused_or_read_whole)
{
  mst_buf body = vector_report();
  blob copy = blob_of(body.data, body.size_bytes);
  mst_errctx ctx = {0};

  for (size_t i = 0; i < copy.size_bytes * 8; i++) {
    mst_report report;
    mst_sample sample;
    mst_event event;
    mst_err err;
    copy.data[i / 8] ^= (uint8_t)(1 << i % 8);
    if (mst_report_decode((mst_bytes){copy.data, copy.size_bytes}, &report, &ctx) == MST_OK) {
      uint32_t samples = 0, events = 0;
      for (; (err = mst_report_next_sample(&report, &sample, &ctx)) == MST_OK; samples++)
        cr_assert(isfinite(sample.number) && sample.id < report.header.definitions);
      cr_assert_eq(err, MST_EABSENT);
      for (; (err = mst_report_next_event(&report, &event, &ctx)) == MST_OK; events++)
        cr_assert_lt(event.id, report.header.definitions);
      cr_assert_eq(err, MST_EABSENT);
      cr_assert_eq(samples, report.header.sample_count);
      cr_assert_eq(events, report.header.event_count);
    }
    copy.data[i / 8] ^= (uint8_t)(1 << i % 8);
  }
  blob_done(&copy);
  mst_buf_done(&body);
}

Test(report, an_empty_one__is_read)
{
  mst_report_header header = plain_header(0);
  mst_report_writer writer;
  mst_errctx ctx = {0};
  mst_report report;
  mst_sample sample;
  mst_event event;

  mst_report_writer_init(&writer);
  mst_buf body = finish(&writer, &header);
  assert_ok(mst_report_decode((mst_bytes){body.data, body.size_bytes}, &report, &ctx), ctx);
  cr_expect_eq(mst_report_next_sample(&report, &sample, &ctx), MST_EABSENT);
  cr_expect_eq(mst_report_next_event(&report, &event, &ctx), MST_EABSENT);
  mst_buf_done(&body);
  mst_report_writer_done(&writer);
}

Test(report, minus_zero__keeps_its_sign)
{
  mst_report_header header = plain_header(1);
  mst_report_writer writer;
  mst_errctx ctx = {0};
  mst_report report;
  mst_sample sample;

  mst_report_writer_init(&writer);
  assert_ok(mst_report_write_number(&writer, 0, -0.0, &ctx), ctx);
  mst_buf body = finish(&writer, &header);
  assert_ok(mst_report_decode((mst_bytes){body.data, body.size_bytes}, &report, &ctx), ctx);
  assert_ok(mst_report_next_sample(&report, &sample, &ctx), ctx);
  cr_expect(sample.number == 0 && signbit(sample.number));
  mst_buf_done(&body);
  mst_report_writer_done(&writer);
}

Test(report, writer__refuses_and_goes_on)
{
  mst_report_header header = plain_header(2);
  mst_report_writer writer;
  mst_errctx ctx = {0};
  mst_hist broken;

  mst_hist_init(&broken);
  broken.count = 1;
  mst_report_writer_init(&writer);
  assert_ok(mst_report_write_number(&writer, 0, 1, &ctx), ctx);
  cr_expect_eq(mst_report_write_number(&writer, 1, (double)NAN, &ctx), MST_EMALFORMED);
  cr_expect_eq(mst_report_write_number(&writer, 1, (double)INFINITY, &ctx), MST_EMALFORMED);
  cr_expect_eq(mst_report_write_number(&writer, MST_SERIES_MAX, 1, &ctx), MST_ELIMIT);
  cr_expect_eq(mst_report_write_missing(&writer, 1, MST_SAMPLE_OK, "x", &ctx), MST_EMALFORMED);
  cr_expect_eq(mst_report_write_missing(&writer, 1, (mst_sample_status)3, "x", &ctx), MST_EMALFORMED);
  cr_expect_eq(mst_report_write_histogram(&writer, 1, &broken, &ctx), MST_EMALFORMED);
  mst_event event = {.id = 0, .rule = TEXT("r"), .count = 1};
  mst_event bad = event;
  bad.rule.size_bytes = 0;
  cr_expect_eq(mst_report_write_event(&writer, &bad, &ctx), MST_EMALFORMED);
  bad = event, bad.count = 0;
  cr_expect_eq(mst_report_write_event(&writer, &bad, &ctx), MST_EMALFORMED);
  bad = event, bad.count = UINT64_MAX;
  cr_expect_eq(mst_report_write_event(&writer, &bad, &ctx), MST_ELIMIT);
  bad = event, bad.at.ns = -1;
  cr_expect_eq(mst_report_write_event(&writer, &bad, &ctx), MST_EMALFORMED);
  bad = event, bad.id = MST_SERIES_MAX;
  cr_expect_eq(mst_report_write_event(&writer, &bad, &ctx), MST_ELIMIT);
  bad = event, bad.fingerprint = (mst_bytes){(const uint8_t *)"12345678", 8};
  cr_expect_eq(mst_report_write_event(&writer, &bad, &ctx), MST_EMALFORMED);
  bad = event, bad.level = (mst_text){"\xff", 1};
  cr_expect_eq(mst_report_write_event(&writer, &bad, &ctx), MST_EMALFORMED);
  assert_ok(mst_report_write_number(&writer, 1, 2, &ctx), ctx);
  mst_buf body = finish(&writer, &header);
  mst_report report;
  assert_ok(mst_report_decode((mst_bytes){body.data, body.size_bytes}, &report, &ctx), ctx);
  cr_expect_eq(report.header.sample_count, 2);
  cr_expect_eq(report.header.event_count, 0);
  mst_buf_done(&body);
  mst_report_writer_done(&writer);
}

Test(report, texts_of_the_host__are_cleaned_and_cut)
{
  mst_report_header header = plain_header(3);
  mst_report_writer writer;
  mst_errctx ctx = {0};
  mst_report report;
  mst_sample sample;
  char longer[400];

  memset(longer, 'x', sizeof longer - 1);
  longer[sizeof longer - 1] = '\0';
  mst_report_writer_init(&writer);
  assert_ok(mst_report_write_state(&writer, 0, "caf\xe9", &ctx), ctx);
  assert_ok(mst_report_write_missing(&writer, 1, MST_SAMPLE_ERROR, longer, &ctx), ctx);
  assert_ok(mst_report_write_missing(&writer, 2, MST_SAMPLE_ABSENT, NULL, &ctx), ctx);
  mst_buf body = finish(&writer, &header);
  assert_ok(mst_report_decode((mst_bytes){body.data, body.size_bytes}, &report, &ctx), ctx);
  assert_ok(mst_report_next_sample(&report, &sample, &ctx), ctx);
  cr_expect(mst_text_equal(sample.text, "caf\xef\xbf\xbd"));
  assert_ok(mst_report_next_sample(&report, &sample, &ctx), ctx);
  cr_expect_eq(sample.text.size_bytes, MST_REASON_MAX_BYTES);
  assert_ok(mst_report_next_sample(&report, &sample, &ctx), ctx);
  cr_expect_eq(sample.text.size_bytes, 0);
  mst_buf_done(&body);
  mst_report_writer_done(&writer);
}

Test(report, finish__refuses_a_header_out_of_range_and_keeps_what_was_written)
{
  mst_report_writer writer;
  mst_errctx ctx = {0};
  mst_report_header h;
  mst_buf body;

  mst_buf_init(&body, 1000);
  mst_report_writer_init(&writer);
  assert_ok(mst_report_write_number(&writer, 7, 1, &ctx), ctx);
  h = plain_header(7);
  cr_expect_eq(mst_report_writer_finish(&writer, &h, &body, &ctx), MST_EMALFORMED);
  cr_expect(strstr(ctx.text, "series 7"), "%s", ctx.text);
  h = plain_header(8), h.interval_ns = 0;
  cr_expect_eq(mst_report_writer_finish(&writer, &h, &body, &ctx), MST_EMALFORMED);
  h = plain_header(8), h.interval_ns = 3600 * SECONDS + 1;
  cr_expect_eq(mst_report_writer_finish(&writer, &h, &body, &ctx), MST_EMALFORMED);
  h = plain_header(MST_SERIES_MAX + 1);
  cr_expect_eq(mst_report_writer_finish(&writer, &h, &body, &ctx), MST_ELIMIT);
  h = plain_header(8), h.at.ns = -1;
  cr_expect_eq(mst_report_writer_finish(&writer, &h, &body, &ctx), MST_EMALFORMED);
  h = plain_header(8), h.lost_samples = UINT64_MAX;
  cr_expect_eq(mst_report_writer_finish(&writer, &h, &body, &ctx), MST_ELIMIT);
  cr_expect_eq(body.size_bytes, 0);
  h = plain_header(8);
  assert_ok(mst_report_writer_finish(&writer, &h, &body, &ctx), ctx);
  cr_expect_gt(body.size_bytes, 0);
  cr_expect_eq(writer.sample_count, 0, "finish makes it ready for the next");
  mst_buf_done(&body);
  mst_report_writer_done(&writer);
}

Test(report, the_most_series__fit_and_one_more_does_not)
{
  mst_report_header header = plain_header(MST_SERIES_MAX);
  mst_report_writer writer;
  mst_errctx ctx = {0};

  mst_report_writer_init(&writer);
  for (uint32_t i = 0; i < MST_SERIES_MAX; i++)
    assert_ok(mst_report_write_number(&writer, i, i * 0.1, &ctx), ctx);
  cr_expect_eq(mst_report_write_number(&writer, 0, 1, &ctx), MST_ELIMIT);
  mst_buf body = finish(&writer, &header);
  cr_expect_lt(body.size_bytes, 64 * 1024);
  assert_ok(decode(body.data, body.size_bytes, &ctx), ctx);
  mst_buf_done(&body);
  mst_report_writer_done(&writer);
}

Test(report, more_events_than_a_body_holds__are_a_limit)
{
  static const char text[513] = {[0 ... 511] = 'e'};
  mst_event event = {.rule = {text, 128}, .level = {text, 32}, .count = 1, .sample = {text, 512}};
  mst_report_header header = plain_header(1);
  mst_report_writer writer;
  mst_errctx ctx = {0};
  mst_err err = MST_OK;
  uint32_t written = 0;
  mst_buf body;

  mst_report_writer_init(&writer);
  while ((err = mst_report_write_event(&writer, &event, &ctx)) == MST_OK)
    written++;
  cr_expect_eq(err, MST_ELIMIT);
  cr_expect_eq(writer.event_count, written);
  for (uint32_t i = 0; i < 3; i++) /* more than the events left */
    assert_ok(mst_report_write_missing(&writer, 0, MST_SAMPLE_ERROR, event.sample.data, &ctx), ctx);
  mst_buf_init(&body, 1 << 20);
  cr_expect_eq(mst_report_writer_finish(&writer, &header, &body, &ctx), MST_ELIMIT);
  cr_expect_eq(body.size_bytes, 0);
  mst_report_writer_reset(&writer);
  event.sample.size_bytes = 1;
  for (written = 0; mst_report_write_event(&writer, &event, &ctx) == MST_OK;)
    written++;
  cr_expect_eq(written, MST_EVENTS_MAX);
  mst_buf small = finish(&writer, &header);
  assert_ok(decode(small.data, small.size_bytes, &ctx), ctx);
  mst_buf_done(&small);
  mst_buf_done(&body);
  mst_report_writer_done(&writer);
}

Test(report, a_body_over_the_limit__is_refused_before_it_is_read)
{
  uint8_t *huge = calloc(1, MST_ENVELOPE_MAX_BODY_BYTES + 1);
  mst_errctx ctx = {0};

  cr_expect_eq(decode(huge, MST_ENVELOPE_MAX_BODY_BYTES + 1, &ctx), MST_ELIMIT);
  free(huge);
}

Test(report, no_memory__is_said_and_nothing_is_lost)
{
  mst_report_header header = plain_header(1000);
  mst_report_writer writer;
  mst_errctx ctx = {0};
  mst_hist hist;
  mst_buf body;

  vector_histogram(&hist);
  mst_report_writer_init(&writer);
  for (uint32_t i = 0; i < 999; i++)
    expect_enomem_each(mst_report_write_number(&writer, i, 0.5, &ctx));
  expect_enomem_each(mst_report_write_histogram(&writer, 999, &hist, &ctx));
  mst_buf_init(&body, 1 << 20);
  expect_enomem_each((mst_buf_reset(&body), mst_report_writer_finish(&writer, &header, &body, &ctx)));
  mst_report report;
  assert_ok(mst_report_decode((mst_bytes){body.data, body.size_bytes}, &report, &ctx), ctx);
  cr_expect_eq(report.header.sample_count, 1000);
  mst_buf_done(&body);
  mst_hist_done(&hist);
  mst_report_writer_done(&writer);
}
