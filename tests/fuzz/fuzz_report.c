/* Reports: what decode takes, the iterators walk without failing, and the writer can write again with the same meaning. */
#include <math.h>

#include "fuzz_proto.h"

#include <mst/proto/report.h>

static char text_of_sample[MST_STATE_MAX_BYTES + 1];

static const char *
terminated(mst_text text)
{
  MUST(text.size_bytes < sizeof text_of_sample);
  if (text.size_bytes > 0)
    memcpy(text_of_sample, text.data, text.size_bytes);
  text_of_sample[text.size_bytes] = '\0';
  return text_of_sample;
}

static void
write_again(mst_report_writer *writer, const mst_sample *sample)
{
  mst_hist hist;

  if (sample->status != MST_SAMPLE_OK) {
    MUST(mst_report_write_missing(writer, sample->id, sample->status, terminated(sample->text), NULL) == MST_OK);
  } else if (sample->kind == MST_SIGNAL_STATE) {
    MUST(mst_report_write_state(writer, sample->id, terminated(sample->text), NULL) == MST_OK);
  } else if (sample->kind == MST_SIGNAL_DISTRIBUTION) {
    MUST(mst_histogram_decode(sample->histogram, &hist, NULL) == MST_OK);
    MUST(mst_report_write_histogram(writer, sample->id, &hist, NULL) == MST_OK);
    mst_hist_done(&hist);
  } else {
    MUST(isfinite(sample->number));
    MUST(mst_report_write_number(writer, sample->id, sample->number, NULL) == MST_OK);
  }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
  mst_report_writer writer;
  mst_report report, again;
  mst_sample sample;
  mst_event event;
  mst_errctx ctx = {0};
  mst_buf body;

  mst_err err = mst_report_decode((mst_bytes){data, size_bytes}, &report, &ctx);
  if (err != MST_OK) {
    must_be_refusal(err, &ctx);
    return 0;
  }
  mst_report_header header = report.header;
  mst_report_writer_init(&writer);
  while ((err = mst_report_next_sample(&report, &sample, &ctx)) == MST_OK) {
    MUST(sample.id < header.definitions);
    write_again(&writer, &sample);
  }
  MUST(err == MST_EABSENT);
  while ((err = mst_report_next_event(&report, &event, &ctx)) == MST_OK)
    MUST(mst_report_write_event(&writer, &event, &ctx) == MST_OK);
  MUST(err == MST_EABSENT);
  MUST(writer.sample_count == header.sample_count && writer.event_count == header.event_count);
  mst_buf_init(&body, MST_ENVELOPE_MAX_BODY_BYTES);
  MUST(mst_report_writer_finish(&writer, &header, &body, &ctx) == MST_OK);
  MUST(body.size_bytes <= 2 * size_bytes); /* the writer takes the shortest forms, but a float32 becomes a float64 */
  MUST(mst_report_decode((mst_bytes){body.data, body.size_bytes}, &again, &ctx) == MST_OK);
  MUST(again.header.sample_count == header.sample_count && again.header.offset_ns == header.offset_ns);
  mst_buf_done(&body);
  mst_report_writer_done(&writer);
  return 0;
}
