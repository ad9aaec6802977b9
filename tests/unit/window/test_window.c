#include "rig.h"

struct made {
  rig_state rig;
  mst_window *window;
  mst_errctx ctx;
};

static struct made
make(void)
{
  struct made made = {.window = rig_window()};

  rig_init(&made.rig, rig_seed());
  return made;
}

static void
unmake(struct made *made)
{
  mst_window_destroy(made->window);
  rig_done(&made->rig);
}

/* A report with what `write` puts into it. */
static rig_report
report_of(uint32_t sequence, void (*write)(mst_report_writer *writer))
{
  mst_report_header header = {.at = RIG_START, .interval_ns = 10 * MST_NS_PER_S, .definitions = RIG_SERIES};
  rig_report report = {.column = {.sequence = sequence, .at = RIG_START, .interval_ns = 10 * MST_NS_PER_S}};
  mst_report_writer writer;

  mst_report_writer_init(&writer);
  mst_buf_init(&report.body, MST_ENVELOPE_MAX_BODY_BYTES);
  write(&writer);
  cr_assert_eq(mst_report_writer_finish(&writer, &header, &report.body, NULL), MST_OK);
  mst_report_writer_done(&writer);
  cr_assert_eq(mst_report_decode((mst_bytes){report.body.data, report.body.size_bytes}, &report.report, NULL), MST_OK);
  return report;
}

static void
write_nothing(mst_report_writer *writer)
{
  (void)writer;
}

static void
write_twice(mst_report_writer *writer)
{
  cr_assert_eq(mst_report_write_number(writer, 5, 1, NULL), MST_OK);
  cr_assert_eq(mst_report_write_number(writer, 5, 2, NULL), MST_OK);
}

static void
write_state_as_number(mst_report_writer *writer)
{
  cr_assert_eq(mst_report_write_number(writer, 0, 1, NULL), MST_OK);
  cr_assert_eq(mst_report_write_number(writer, 3, 1, NULL), MST_OK);
}

static void
write_number_as_state(mst_report_writer *writer)
{
  cr_assert_eq(mst_report_write_state(writer, 0, "up", NULL), MST_OK);
}

static void
write_negative_counter(mst_report_writer *writer)
{
  cr_assert_eq(mst_report_write_number(writer, 1, -1, NULL), MST_OK);
}

static void
write_event_value(mst_report_writer *writer)
{
  cr_assert_eq(mst_report_write_number(writer, 4, 1, NULL), MST_OK);
}

static void
write_event_of_gauge(mst_report_writer *writer)
{
  mst_event event = {.id = 0,
                     .at = RIG_START,
                     .rule = rig_text("r"),
                     .level = rig_text(""),
                     .sample = rig_text(""),
                     .count = 1,
                     .fingerprint = {(const uint8_t *)"", 0}};

  cr_assert_eq(mst_report_write_number(writer, 5, 1, NULL), MST_OK);
  cr_assert_eq(mst_report_write_event(writer, &event, NULL), MST_OK);
}

Test(window, wrong_report__is_refused_and_leaves_the_window)
{
  static const struct {
    void (*write)(mst_report_writer *writer);
    const char *said;
  } cases[] = {{write_twice, "series 5 stands twice"},
               {write_state_as_number, "series 3 is of kind distribution, its value of kind gauge"},
               {write_number_as_state, "series 0 is of kind gauge, its value of kind state"},
               {write_negative_counter, "series 1 is a counter and below 0"},
               {write_event_value, "series 4 is of kind event"},
               {write_event_of_gauge, "an event of series 0, which is of kind gauge"}};
  struct made made = make();
  uint64_t charge = 7;

  for (size_t sealed = 0; sealed < 2; sealed++) {
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
      const char *said = i == 1 ? "series 3 is of kind" : cases[i].said;
      rig_report report = report_of(100, cases[i].write);
      cr_expect_eq(rig_add(&made.rig, made.window, &report, &made.ctx), MST_EMALFORMED, "case %zu", i);
      cr_expect(strstr(made.ctx.text, said), "%s", made.ctx.text);
      made.ctx = (mst_errctx){0};
      cr_expect_eq(mst_window_check(&report.report, made.rig.numbers, RIG_SERIES, made.rig.table, &charge, &made.ctx), MST_EMALFORMED);
      cr_expect(strstr(made.ctx.text, said), "%s", made.ctx.text);
      cr_expect_eq(charge, 7);
      cr_expect_eq(mst_window_column_count(made.window), sealed);
      cr_expect_eq(mst_window_row_count(made.window), 0);
      mst_buf_done(&report.body);
    }
    rig_report good = report_of(1, write_nothing);
    if (sealed == 0)
      cr_assert_eq(rig_add(&made.rig, made.window, &good, NULL), MST_OK);
    cr_assert_eq(mst_window_seal(made.window, NULL), MST_OK);
    mst_buf_done(&good.body);
  }
  unmake(&made);
}

Test(window, report_that_was_refused__may_be_added_once_it_is_right)
{
  struct made made = make();
  rig_report wrong = report_of(1, write_event_of_gauge), right;

  rig_make(&made.rig, 0, &right);
  for (uint32_t i = 0; i < 3; i++)
    cr_expect_eq(rig_add(&made.rig, made.window, &wrong, NULL), MST_EMALFORMED);
  cr_assert_eq(rig_add(&made.rig, made.window, &right, NULL), MST_OK);
  mst_window *plain = rig_window();
  cr_assert_eq(rig_add(&made.rig, plain, &right, NULL), MST_OK);
  mst_buf a = rig_encode(made.window), b = rig_encode(plain);
  cr_expect(rig_same(&a, &b));
  mst_window_destroy(plain);
  mst_buf_done(&a);
  mst_buf_done(&b);
  mst_buf_done(&wrong.body);
  mst_buf_done(&right.body);
  unmake(&made);
}

Test(window, refused_report_on_a_sealed_window__leaves_it_sealed)
{
  struct made made = make();
  rig_report good = report_of(1, write_nothing), wrong = report_of(2, write_event_of_gauge), one;

  rig_make(&made.rig, 6, &one);
  cr_assert_eq(rig_add(&made.rig, made.window, &good, NULL), MST_OK);
  cr_assert_eq(rig_add(&made.rig, made.window, &one, NULL), MST_OK);
  mst_buf before = rig_encode(made.window);
  uint32_t rows = mst_window_row_count(made.window);
  cr_expect_gt(rows, 0);
  cr_expect_eq(rig_add(&made.rig, made.window, &wrong, NULL), MST_EMALFORMED);
  cr_expect_eq(mst_window_row_count(made.window), rows);
  mst_buf after = rig_encode(made.window);
  cr_expect(rig_same(&before, &after));
  mst_buf_done(&before);
  mst_buf_done(&after);
  mst_buf_done(&good.body);
  mst_buf_done(&wrong.body);
  mst_buf_done(&one.body);
  unmake(&made);
}

Test(window, unknown_series__is_refused)
{
  struct made made = make();
  uint32_t numbers[RIG_SERIES];
  uint64_t charge;
  rig_report report = report_of(1, write_twice);

  cr_expect_eq(mst_window_add(made.window, &report.column, &report.report, made.rig.numbers, 5, made.rig.table, &made.ctx), MST_EMALFORMED);
  cr_expect(strstr(made.ctx.text, "series 5, only 5 are defined"), "%s", made.ctx.text);
  memset(numbers, 0xFF, sizeof numbers);
  made.ctx = (mst_errctx){0};
  cr_expect_eq(mst_window_add(made.window, &report.column, &report.report, numbers, RIG_SERIES, made.rig.table, &made.ctx), MST_EMALFORMED);
  cr_expect(strstr(made.ctx.text, "no series of number 4294967295"), "%s", made.ctx.text);
  cr_expect_eq(mst_window_check(&report.report, numbers, RIG_SERIES, made.rig.table, &charge, NULL), MST_EMALFORMED);
  mst_buf_done(&report.body);
  unmake(&made);
}

Test(window, two_ids_of_one_series__are_refused)
{
  struct made made = make();
  rig_report report;

  made.rig.numbers[10] = made.rig.numbers[5];
  do
    rig_make(&made.rig, 0, &report);
  while (report.report.header.sample_count + report.report.header.event_count < RIG_SERIES && (mst_buf_done(&report.body), true));
  cr_expect_eq(rig_add(&made.rig, made.window, &report, &made.ctx), MST_EMALFORMED);
  cr_expect(strstr(made.ctx.text, "series 10 stands twice"), "%s", made.ctx.text);
  mst_buf_done(&report.body);
  unmake(&made);
}

Test(window, time_outside__is_refused)
{
  struct made made = make();
  rig_report report = report_of(1, write_nothing);

  report.column.at.ns = RIG_START.ns - 1;
  cr_expect_eq(rig_add(&made.rig, made.window, &report, NULL), MST_EMALFORMED);
  report.column.at.ns = RIG_START.ns + RIG_LENGTH;
  cr_expect_eq(rig_add(&made.rig, made.window, &report, NULL), MST_EMALFORMED);
  report.column.at.ns = INT64_MIN;
  cr_expect_eq(rig_add(&made.rig, made.window, &report, NULL), MST_EMALFORMED);
  report.column.at.ns = RIG_START.ns + RIG_LENGTH - 1;
  report.column.interval_ns = 0;
  cr_expect_eq(rig_add(&made.rig, made.window, &report, NULL), MST_EMALFORMED);
  report.column.interval_ns = 3600 * MST_NS_PER_S;
  cr_expect_eq(rig_add(&made.rig, made.window, &report, NULL), MST_OK);
  cr_expect_eq(rig_add(&made.rig, made.window, &report, NULL), MST_EEXIST);
  mst_buf_done(&report.body);
  unmake(&made);
}

Test(window, times_that_make_none__are_refused)
{
  mst_window *window = NULL;

  cr_expect_eq(mst_window_create((mst_wall){-1}, 1, &window, NULL), MST_EMALFORMED);
  cr_expect_eq(mst_window_create((mst_wall){0}, 0, &window, NULL), MST_EMALFORMED);
  cr_expect_eq(mst_window_create((mst_wall){INT64_MAX}, 1, &window, NULL), MST_EMALFORMED);
  cr_expect(window == NULL);
}

Test(window, too_many_reports__are_refused)
{
  struct made made = make();
  rig_report report = report_of(0, write_nothing);

  for (uint32_t i = 0; i < MST_WINDOW_MAX_COLUMNS; i++) {
    report.column.sequence = UINT64_MAX - i; /* all the way up: differences wrap */
    cr_assert_eq(rig_add(&made.rig, made.window, &report, NULL), MST_OK);
  }
  report.column.sequence = 1;
  cr_expect_eq(rig_add(&made.rig, made.window, &report, &made.ctx), MST_ELIMIT);
  mst_buf bytes = rig_encode(made.window);
  mst_window *again = rig_decode(&bytes);
  cr_expect_eq(mst_window_column_at(again, 0)->sequence, UINT64_MAX - MST_WINDOW_MAX_COLUMNS + 1);
  cr_expect_eq(mst_window_column_count(again), MST_WINDOW_MAX_COLUMNS);
  mst_window_destroy(again);
  mst_buf_done(&bytes);
  mst_buf_done(&report.body);
  unmake(&made);
}

static void
write_long_states(mst_report_writer *writer)
{
  char state[MST_STATE_MAX_BYTES];

  memset(state, 'x', sizeof state);
  state[sizeof state - 1] = '\0';
  for (uint32_t id = 0; id < 512; id++)
    cr_assert_eq(mst_report_write_missing(writer, id, MST_SAMPLE_ERROR, state, NULL), MST_OK);
}

/* What is taken can be encoded and decoded, and check says beforehand how much that is. */
Test(window, full_window__refuses_more_and_stays_whole)
{
  enum { SERIES = 512 };
  mst_report_header header = {.at = RIG_START, .interval_ns = 10 * MST_NS_PER_S, .definitions = SERIES};
  uint32_t numbers[SERIES], columns = 0;
  mst_series_table *table;
  mst_report_writer writer;
  mst_report report;
  mst_buf body;
  uint64_t charge = 0;
  mst_err err;

  cr_assert_eq(mst_series_table_create(SERIES, &table, NULL), MST_OK);
  for (uint32_t i = 0; i < SERIES; i++) {
    char name[32];
    bool is_new;
    snprintf(name, sizeof name, "s%u", i);
    mst_series series = {.name = rig_text(name), .kind = MST_SIGNAL_GAUGE};
    cr_assert_eq(mst_series_table_intern(table, &series, &numbers[i], &is_new, NULL), MST_OK);
  }
  mst_report_writer_init(&writer);
  mst_buf_init(&body, MST_ENVELOPE_MAX_BODY_BYTES);
  write_long_states(&writer);
  cr_assert_eq(mst_report_writer_finish(&writer, &header, &body, NULL), MST_OK);
  mst_report_writer_done(&writer);
  cr_assert_eq(mst_report_decode((mst_bytes){body.data, body.size_bytes}, &report, NULL), MST_OK);
  cr_assert_eq(mst_window_check(&report, numbers, SERIES, table, &charge, NULL), MST_OK);
  mst_window *window = rig_window();
  for (;; columns++) {
    mst_window_column column = {.sequence = columns + 1, .at = RIG_START, .interval_ns = 1};
    if ((err = mst_window_add(window, &column, &report, numbers, SERIES, table, NULL)) != MST_OK)
      break;
  }
  cr_expect_eq(err, MST_ELIMIT);
  cr_expect_eq(columns, (MST_WINDOW_MAX_BYTES - 64) / charge);
  mst_buf bytes = rig_encode(window);
  mst_window *again = rig_decode(&bytes);
  cr_expect_eq(mst_window_column_count(again), columns);
  /* The limit does not depend on what way was taken. */
  mst_window_column column = {.sequence = columns + 1, .at = RIG_START, .interval_ns = 1};
  cr_expect_eq(mst_window_add(again, &column, &report, numbers, SERIES, table, NULL), MST_ELIMIT);
  mst_window_destroy(again);
  mst_window_destroy(window);
  mst_buf_done(&bytes);
  mst_buf_done(&body);
  mst_series_table_destroy(table);
}

/* A document of a few bytes cannot stand for cells without end. */
Test(window, small_document_of_many_cells__is_refused)
{
  struct made made = make();
  rig_report report = report_of(0, write_nothing);
  mst_window *window = NULL;
  mst_buf bytes;

  for (uint32_t i = 0; i < MST_WINDOW_MAX_COLUMNS; i++) {
    report.column.sequence = i + 1;
    cr_assert_eq(rig_add(&made.rig, made.window, &report, NULL), MST_OK);
  }
  bytes = rig_encode(made.window);
  bytes.size_bytes -= 2; /* the empty arrays of rows and events */
  uint8_t rows[3] = {0xDC, 0x10, 0x00};
  mst_buf_append(&bytes, rows, sizeof rows);
  for (uint32_t i = 0; i < 4096; i++) /* each: the next series, a gauge, the same in all columns: 7 */
    mst_buf_append(&bytes, i == 0 ? "\x93\x00\x01\x07" : "\x93\x01\x01\x07", 4);
  mst_buf_append(&bytes, "\x90", 1);
  cr_expect_eq(mst_window_decode((mst_bytes){bytes.data, bytes.size_bytes}, &window, &made.ctx), MST_ELIMIT, "%s", made.ctx.text);
  mst_buf_done(&bytes);
  mst_buf_done(&report.body);
  unmake(&made);
}

/* Every allocation of a round may fail: an error, nothing lost, nothing leaked, and the next try works. */
Test(window, memory_out__changes_nothing)
{
  struct made made = make();
  rig_report reports[4];

  for (uint32_t i = 0; i < 4; i++) {
    do
      rig_make(&made.rig, i, &reports[i]);
    while (reports[i].report.header.sample_count < 12 && (mst_buf_done(&reports[i].body), true));
    cr_assert_eq(rig_add(&made.rig, made.window, &reports[i], NULL), MST_OK);
  }
  mst_buf wanted = rig_encode(made.window);
  bool failed = true;
  for (size_t nth = 1; failed; nth++) {
    mst_window *window = rig_window(), *read = NULL;
    mst_buf bytes;
    mst_buf_init(&bytes, MST_WINDOW_MAX_BYTES);
    failed = false;
    for (uint32_t i = 0; i < 4; i++) {
      mst_alloc_fail_at(nth);
      if (rig_add(&made.rig, window, &reports[i], NULL) != MST_OK) {
        failed = true;
        mst_alloc_fail_at(0);
        cr_assert_eq(rig_add(&made.rig, window, &reports[i], NULL), MST_OK);
      }
    }
    mst_alloc_fail_at(nth);
    if (mst_window_seal(window, NULL) != MST_OK) {
      failed = true;
      mst_alloc_fail_at(0);
      cr_assert_eq(mst_window_seal(window, NULL), MST_OK);
    }
    mst_alloc_fail_at(nth);
    if (mst_window_encode(window, &bytes, NULL) != MST_OK) {
      failed = true;
      mst_alloc_fail_at(0);
      cr_assert_eq(bytes.size_bytes, 0);
      mst_buf_reset(&bytes);
      cr_assert_eq(mst_window_encode(window, &bytes, NULL), MST_OK);
    }
    cr_assert(rig_same(&bytes, &wanted));
    mst_alloc_fail_at(nth);
    if (mst_window_decode((mst_bytes){bytes.data, bytes.size_bytes}, &read, NULL) != MST_OK)
      failed = true;
    mst_alloc_fail_at(0);
    mst_window_destroy(read);
    mst_window_destroy(window);
    mst_buf_done(&bytes);
  }
  mst_buf_done(&wanted);
  for (uint32_t i = 0; i < 4; i++)
    mst_buf_done(&reports[i].body);
  unmake(&made);
}

Test(window, nothing_there__is_null_and_zero)
{
  struct made made = make();

  cr_assert_eq(mst_window_seal(made.window, NULL), MST_OK);
  cr_expect(mst_window_column_at(made.window, 0) == NULL);
  cr_expect(mst_window_row_at(made.window, 0) == NULL);
  cr_expect(mst_window_row_find(made.window, 3) == NULL);
  cr_expect(mst_window_event_at(made.window, 0) == NULL);
  cr_expect_eq(mst_window_sample_count(made.window), 0);
  mst_window_destroy(NULL);
  unmake(&made);
}
