/* The one property that all else rests on: the same reports give the same bytes, however they come. */
#include "rig.h"

#include <mst/common/digest.h>
#include <mst/common/file.h>

enum { ROUNDS = 150, REPORTS_MOST = 40 };

static void
shuffle(rig_state *rig, uint32_t *order, uint32_t count)
{
  for (uint32_t i = 0; i < count; i++) {
    uint32_t j = rig_below(rig, i + 1);
    order[i] = order[j];
    order[j] = i;
  }
}

/* Adds all reports in random order; now and then seals, or goes through a document, or tries a report again. */
static mst_buf
assemble(rig_state *rig, const rig_report *reports, uint32_t count)
{
  uint32_t order[REPORTS_MOST];
  mst_window *window = rig_window();
  mst_errctx ctx = {0};

  shuffle(rig, order, count);
  for (uint32_t i = 0; i < count; i++) {
    cr_assert_eq(rig_add(rig, window, &reports[order[i]], &ctx), MST_OK, "%s", ctx.text);
    if (rig_below(rig, 3) == 0)
      cr_assert_eq(rig_add(rig, window, &reports[order[rig_below(rig, i + 1)]], &ctx), MST_EEXIST);
    if (rig_below(rig, 4) == 0)
      cr_assert_eq(mst_window_seal(window, &ctx), MST_OK);
    if (rig_below(rig, 4) == 0) {
      mst_buf bytes = rig_encode(window);
      mst_window_destroy(window);
      window = rig_decode(&bytes);
      mst_buf_done(&bytes);
    }
  }
  mst_buf bytes = rig_encode(window);
  mst_window_destroy(window);
  return bytes;
}

Test(window_document, any_order_and_any_rounds__give_the_same_bytes)
{
  rig_state rig;
  rig_report reports[REPORTS_MOST];

  rig_init(&rig, rig_seed());
  for (uint32_t round = 0; round < ROUNDS; round++) {
    uint32_t count = rig_below(&rig, REPORTS_MOST + 1);
    for (uint32_t i = 0; i < count; i++)
      rig_make(&rig, i, &reports[i]);
    mst_buf first = assemble(&rig, reports, count), second = assemble(&rig, reports, count);
    cr_assert(rig_same(&first, &second), "round %u", round);
    mst_window *window = rig_decode(&first);
    mst_buf again = rig_encode(window);
    cr_assert(rig_same(&first, &again), "round %u", round);
    mst_window_destroy(window);
    mst_buf_done(&again);
    mst_buf_done(&second);
    mst_buf_done(&first);
    for (uint32_t i = 0; i < count; i++)
      mst_buf_done(&reports[i].body);
  }
  rig_done(&rig);
}

static const mst_window_cell *
cell_of(const mst_window *window, uint32_t series, uint32_t column)
{
  const mst_window_row *row = mst_window_row_find(window, series);

  for (uint32_t i = 0; row && i < row->cell_count; i++) {
    if (row->cells[i].column == column)
      return &row->cells[i];
  }
  return NULL;
}

static bool
same_bytes(const void *a, size_t a_bytes, const void *b, size_t b_bytes)
{
  return a_bytes == b_bytes && (a_bytes == 0 || memcmp(a, b, a_bytes) == 0);
}

/* Every sample and event of the report stands in the window as it was written. */
static void
check_report(rig_state *rig, const mst_window *window, const rig_report *report, uint64_t *ok, uint64_t *cells, uint64_t *events)
{
  const mst_window_column *column = mst_window_column_find(window, &report->column.session, report->column.sequence);
  mst_report walk = report->report;
  uint32_t index = 0, event_index = 0;
  mst_sample sample;
  mst_event event;

  cr_assert(column);
  while (mst_window_column_at(window, index) != column)
    index++;
  cr_assert(same_bytes(column->digest, 8, report->column.digest, 8));
  cr_assert_eq(column->at.ns, report->column.at.ns);
  cr_assert_eq(column->interval_ns, report->column.interval_ns);
  while (mst_report_next_sample(&walk, &sample, NULL) == MST_OK) {
    const mst_window_cell *cell = cell_of(window, rig->numbers[sample.id], index);
    cr_assert(cell);
    cr_assert_eq(cell->status, sample.status);
    cr_assert(memcmp(&cell->number, &sample.number, sizeof sample.number) == 0, "%.17g, %.17g", cell->number, sample.number);
    cr_assert(same_bytes(cell->text.data, cell->text.size_bytes, sample.text.data, sample.text.size_bytes));
    cr_assert(same_bytes(cell->histogram.data, cell->histogram.size_bytes, sample.histogram.data, sample.histogram.size_bytes));
    *ok += sample.status == MST_SAMPLE_OK;
    (*cells)++;
  }
  while (mst_window_event_at(window, event_index) && mst_window_event_at(window, event_index)->column != index)
    event_index++;
  for (; mst_report_next_event(&walk, &event, NULL) == MST_OK; event_index++, (*events)++) {
    const mst_window_event *kept = mst_window_event_at(window, event_index);
    cr_assert(kept);
    cr_assert_eq(kept->column, index);
    cr_assert_eq(kept->series, rig->numbers[event.id]);
    cr_assert_eq(kept->at.ns, event.at.ns);
    cr_assert_eq(kept->count, event.count);
    cr_assert(same_bytes(kept->rule.data, kept->rule.size_bytes, event.rule.data, event.rule.size_bytes));
    cr_assert(same_bytes(kept->level.data, kept->level.size_bytes, event.level.data, event.level.size_bytes));
    cr_assert(same_bytes(kept->sample.data, kept->sample.size_bytes, event.sample.data, event.sample.size_bytes));
    cr_assert(same_bytes(kept->fingerprint.data, kept->fingerprint.size_bytes, event.fingerprint.data, event.fingerprint.size_bytes));
  }
}

Test(window_document, decoded_window__has_every_sample_and_no_other)
{
  rig_state rig;
  rig_report reports[REPORTS_MOST];

  rig_init(&rig, rig_seed());
  for (uint32_t round = 0; round < ROUNDS; round++) {
    uint32_t count = rig_below(&rig, REPORTS_MOST + 1);
    uint64_t ok = 0, cells = 0, events = 0, there = 0;
    for (uint32_t i = 0; i < count; i++)
      rig_make(&rig, i, &reports[i]);
    mst_buf bytes = assemble(&rig, reports, count);
    mst_window *window = rig_decode(&bytes);
    cr_assert_eq(mst_window_start(window).ns, RIG_START.ns);
    cr_assert_eq(mst_window_length_ns(window), RIG_LENGTH);
    cr_assert_eq(mst_window_column_count(window), count);
    for (uint32_t i = 0; i < count; i++)
      check_report(&rig, window, &reports[i], &ok, &cells, &events);
    for (uint32_t i = 0; i < mst_window_row_count(window); i++)
      there += mst_window_row_at(window, i)->cell_count;
    cr_assert_eq(there, cells);
    cr_assert_eq(mst_window_sample_count(window), ok);
    cr_assert_eq(mst_window_event_count(window), events);
    mst_window_destroy(window);
    mst_buf_done(&bytes);
    for (uint32_t i = 0; i < count; i++)
      mst_buf_done(&reports[i].body);
  }
  rig_done(&rig);
}

/* A document that can be read can be written again, and is the same from then on. */
static void
try_broken(const uint8_t *data, size_t size_bytes)
{
  mst_errctx ctx = {0};
  mst_window *window = NULL;

  mst_err err = mst_window_decode((mst_bytes){data, size_bytes}, &window, &ctx);
  if (err != MST_OK) {
    cr_assert(err == MST_EMALFORMED || err == MST_ELIMIT || err == MST_EVERSION, "%s", ctx.text);
    cr_assert(window == NULL && ctx.text[0] != '\0');
    return;
  }
  mst_buf once = rig_encode(window);
  mst_window_destroy(window);
  window = rig_decode(&once);
  mst_buf twice = rig_encode(window);
  cr_assert(rig_same(&once, &twice));
  mst_window_destroy(window);
  mst_buf_done(&once);
  mst_buf_done(&twice);
}

Test(window_document, broken_documents__are_refused_or_read_safely)
{
  rig_state rig;
  rig_report reports[6];

  rig_init(&rig, rig_seed());
  for (uint32_t i = 0; i < 6; i++)
    rig_make(&rig, i, &reports[i]);
  mst_buf whole = assemble(&rig, reports, 6);
  for (size_t size = 0; size < whole.size_bytes; size++) {
    uint8_t *cut = mst_alloc(1, size); /* a block of its own, so that reading past it is seen */
    mst_window *window = NULL;
    cr_assert(cut);
    memcpy(cut, whole.data, size);
    cr_assert_neq(mst_window_decode((mst_bytes){cut, size}, &window, NULL), MST_OK, "cut to %zu bytes", size);
    mst_free(cut);
  }
  for (uint32_t i = 0; i < 20000; i++) {
    uint8_t *flipped = mst_alloc(1, whole.size_bytes);
    cr_assert(flipped);
    memcpy(flipped, whole.data, whole.size_bytes);
    for (uint32_t flips = 1 + rig_below(&rig, 3); flips > 0; flips--)
      flipped[rig_below(&rig, (uint32_t)whole.size_bytes)] ^= (uint8_t)(1U << rig_below(&rig, 8));
    try_broken(flipped, whole.size_bytes);
    mst_free(flipped);
  }
  mst_buf_done(&whole);
  for (uint32_t i = 0; i < 6; i++)
    mst_buf_done(&reports[i].body);
  rig_done(&rig);
}

Test(window_document, another_version__is_named)
{
  mst_window *window = rig_window();
  mst_buf bytes = rig_encode(window);
  mst_errctx ctx = {0};

  mst_window_destroy(window);
  window = NULL;
  bytes.data[1] = 2;
  cr_expect_eq(mst_window_decode((mst_bytes){bytes.data, bytes.size_bytes}, &window, &ctx), MST_EVERSION);
  cr_expect(strstr(ctx.text, "version 2, known here is 1"), "%s", ctx.text);
  mst_buf_done(&bytes);
}

Test(window_document, not_sealed__is_not_encoded)
{
  rig_state rig;
  rig_report report;
  mst_window *window = rig_window();
  mst_buf bytes;

  rig_init(&rig, 1);
  rig_make(&rig, 0, &report);
  mst_buf_init(&bytes, MST_WINDOW_MAX_BYTES);
  cr_assert_eq(rig_add(&rig, window, &report, NULL), MST_OK);
  cr_expect_eq(mst_window_encode(window, &bytes, NULL), MST_ESTATE);
  cr_expect_eq(bytes.size_bytes, 0);
  mst_window_destroy(window);
  mst_buf_done(&report.body);
  rig_done(&rig);
}

/* The hex digits of the block that begins with "```hex" in docs/window-format.md; "#" begins a remark. */
static void
read_documented(mst_buf *hex)
{
  mst_buf file;

  mst_buf_init(&file, 256 * 1024);
  cr_assert_eq(mst_file_read(MST_SOURCE_DIR "/docs/window-format.md", &file, NULL), MST_OK);
  const char *at = strstr(mst_buf_text(&file), "```hex\n");
  cr_assert(at);
  bool remark = false;
  for (at += strlen("```hex\n"); *at && strncmp(at, "```", 3) != 0; at++) {
    remark = *at != '\n' && (remark || *at == '#');
    if (!remark && *at > ' ')
      mst_buf_append(hex, at, 1);
  }
  mst_buf_done(&file);
}

static void
add_example(mst_window *window, const mst_series_table *table, uint32_t sequence, double seconds, const char *state)
{
  static const uint32_t numbers[] = {2, 0, 1}; /* of utilization, time, status */
  mst_window_column column = {.sequence = sequence, .at = {10 * sequence * MST_NS_PER_S}, .interval_ns = 10 * MST_NS_PER_S};
  mst_report_header header = {.at = column.at, .interval_ns = column.interval_ns, .definitions = 3};
  mst_report_writer writer;
  mst_report report;
  mst_buf body;

  memset(&column.session, 0x55, sizeof column.session);
  memset(column.digest, 0xD0 + (int)sequence, sizeof column.digest);
  mst_report_writer_init(&writer);
  mst_buf_init(&body, MST_ENVELOPE_MAX_BODY_BYTES);
  cr_assert_eq(mst_report_write_number(&writer, 0, 0.25, NULL), MST_OK);
  cr_assert_eq(mst_report_write_number(&writer, 1, seconds, NULL), MST_OK);
  cr_assert_eq(state ? mst_report_write_state(&writer, 2, state, NULL)
                     : mst_report_write_missing(&writer, 2, MST_SAMPLE_ABSENT, "gone", NULL),
               MST_OK);
  cr_assert_eq(mst_report_writer_finish(&writer, &header, &body, NULL), MST_OK);
  cr_assert_eq(mst_report_decode((mst_bytes){body.data, body.size_bytes}, &report, NULL), MST_OK);
  cr_assert_eq(mst_window_add(window, &column, &report, numbers, 3, table, NULL), MST_OK);
  mst_report_writer_done(&writer);
  mst_buf_done(&body);
}

Test(window_document, documented_example__has_the_documented_bytes)
{
  static const mst_signal_kind kinds[] = {MST_SIGNAL_COUNTER, MST_SIGNAL_STATE, MST_SIGNAL_GAUGE};
  mst_series_table *table;
  mst_window *window;
  mst_buf documented;
  uint32_t number;
  bool is_new;

  cr_assert_eq(mst_series_table_create(10, &table, NULL), MST_OK);
  for (uint32_t i = 0; i < 3; i++) {
    mst_series series = {.name = rig_text("example"), .kind = kinds[i]};
    cr_assert_eq(mst_series_table_intern(table, &series, &number, &is_new, NULL), MST_OK);
  }
  cr_assert_eq(mst_window_create((mst_wall){0}, 60 * MST_NS_PER_S, &window, NULL), MST_OK);
  add_example(window, table, 2, 1234.58, NULL);
  add_example(window, table, 1, 1234.56, "up");
  mst_buf bytes = rig_encode(window);
  char *hex = mst_alloc(2 * bytes.size_bytes + 1, 1);
  cr_assert(hex);
  mst_hex_encode(bytes.data, bytes.size_bytes, hex);
  mst_buf_init(&documented, 64 * 1024);
  read_documented(&documented);
  cr_expect_str_eq(mst_buf_text(&documented), hex);
  mst_free(hex);
  mst_buf_done(&documented);
  mst_buf_done(&bytes);
  mst_window_destroy(window);
  mst_series_table_destroy(table);
}
