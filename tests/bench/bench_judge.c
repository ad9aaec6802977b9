/* What judging costs: a window of 150 series into the 275 items of the Genesis list, and an evaluation of all of them on 15 hosts.
 * usage: bench_judge CHECKLIST; prints a figure a line. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "judge/checklist.h"
#include "judge/kind.h"

enum { SERIES = 150, REPORTS = 6, HOSTS = 15, MINUTES = 600 };

static uint64_t state = 1;

static uint32_t
below(uint32_t bound)
{
  state = state * 6364136223846793005 + 1442695040888963407;
  return (uint32_t)(state >> 33) % bound;
}

static void
must(mst_err err, const mst_errctx *ctx)
{
  if (err == MST_OK)
    return;
  fprintf(stderr, "bench_judge: %s\n", ctx->text);
  exit(1);
}

static int64_t
now(void)
{
  return mst_clock_mono(mst_clock_system()).ns;
}

static mst_text
text_of(const char *text)
{
  return (mst_text){text, strlen(text)};
}

static mst_signal_kind
kind_for(const mst_check_measure *measure, const mst_bounds *bounds)
{
  if (measure->stat == MST_STAT_INCREASE || measure->stat == MST_STAT_RATE || measure->stat == MST_STAT_RATIO)
    return MST_SIGNAL_COUNTER;
  return bounds->target.type == MST_TARGET_TEXT || measure->state.type == MST_TARGET_TEXT ? MST_SIGNAL_STATE : MST_SIGNAL_GAUGE;
}

static int
compare_labels(const void *a, const void *b)
{
  return strcmp(((const mst_label *)a)->key.data, ((const mst_label *)b)->key.data);
}

/* A series that the check reads: labels as its selectors name them. */
static void
intern(mst_series_table *table, const char *signal, const mst_select *where, mst_signal_kind kind, uint32_t extra)
{
  mst_series series = {.name = text_of(signal), .kind = kind, .unit = text_of("1"), .start_at = {kind == MST_SIGNAL_COUNTER ? 1 : 0}};
  char more[16];
  uint32_t number;
  bool is_new;
  mst_errctx ctx = {0};

  for (size_t i = 0; i < where->count; i++)
    series.labels[series.label_count++] = (mst_label){text_of(where->keys[i].key), text_of(where->keys[i].patterns[0].text)};
  if (extra > 0) {
    snprintf(more, sizeof more, "%u", extra);
    series.labels[series.label_count++] = (mst_label){text_of("zz.extra"), text_of(more)};
  }
  qsort(series.labels, series.label_count, sizeof *series.labels, compare_labels);
  must(mst_series_table_intern(table, &series, &number, &is_new, &ctx), &ctx);
}

/* The first 150 series that the checklist's own checks ask for, and more of the same where they are fewer. */
static void
make_series(const mst_checklist *list, mst_series_table *table)
{
  for (uint32_t extra = 0; mst_series_table_count(table) < SERIES; extra++) {
    for (size_t i = 0; i < list->item_count; i++) {
      for (size_t j = 0; j < list->items[i].check_count && mst_series_table_count(table) < SERIES; j++) {
        const mst_check *check = &list->items[i].checks[j];
        if (check->kind != &mst_check_kind_measure)
          continue;
        mst_signal_kind kind = kind_for(&check->measure, &check->bounds);
        intern(table, check->measure.signal, &check->measure.where, kind, extra);
        if (check->measure.of_signal && mst_series_table_count(table) < SERIES)
          intern(table, check->measure.of_signal, &check->measure.of_where, kind, extra);
      }
    }
  }
}

static mst_window *
make_window(const mst_series_table *table, uint32_t minute)
{
  static uint32_t numbers[SERIES];
  mst_window *window;
  mst_report_writer writer;
  mst_errctx ctx = {0};

  must(mst_window_create((mst_wall){minute * 60 * MST_NS_PER_S}, 60 * MST_NS_PER_S, &window, &ctx), &ctx);
  mst_report_writer_init(&writer);
  for (uint32_t report = 0; report < REPORTS; report++) {
    mst_wall at = {(minute * 60 + report * 10 + 1) * MST_NS_PER_S};
    mst_report_header header = {.at = at, .interval_ns = 10 * MST_NS_PER_S, .definitions = SERIES};
    mst_window_column column = {.sequence = minute * REPORTS + report + 1, .at = at, .interval_ns = header.interval_ns};
    mst_buf body;
    mst_report decoded;
    mst_buf_init(&body, MST_ENVELOPE_MAX_BODY_BYTES);
    for (uint32_t i = 0; i < SERIES; i++) {
      mst_signal_kind kind = mst_series_table_get(table, i)->kind;
      numbers[i] = i;
      if (kind == MST_SIGNAL_STATE)
        must(mst_report_write_state(&writer, i, "up", &ctx), &ctx);
      else
        must(mst_report_write_number(&writer, i, kind == MST_SIGNAL_COUNTER ? minute * 60.0 + report * 10 : below(1000) / 1000.0, &ctx),
             &ctx);
    }
    must(mst_report_writer_finish(&writer, &header, &body, &ctx), &ctx);
    must(mst_report_decode((mst_bytes){body.data, body.size_bytes}, &decoded, &ctx), &ctx);
    must(mst_window_add(window, &column, &decoded, numbers, SERIES, table, &ctx), &ctx);
    mst_buf_done(&body);
    mst_report_writer_reset(&writer);
  }
  mst_report_writer_done(&writer);
  must(mst_window_seal(window, &ctx), &ctx);
  return window;
}

static double
time_windows(mst_judge *judge, const mst_series_table *table)
{
  mst_errctx ctx = {0};
  int64_t spent = 0;

  for (uint32_t minute = 0; minute < MINUTES; minute++) {
    mst_window *window = make_window(table, minute);
    int64_t before = now();
    for (size_t host = 0; host < HOSTS; host++)
      must(mst_judge_add_window(judge, host, window, &ctx), &ctx);
    spent += now() - before;
    mst_window_destroy(window);
  }
  return (double)spent / 1e3 / MINUTES / HOSTS;
}

static double
time_evaluations(mst_judge *judge)
{
  enum { TIMES = 50 };
  mst_errctx ctx = {0};
  int64_t before = now();

  for (int i = 0; i < TIMES; i++) {
    mst_verdict *verdict;
    must(mst_judge_evaluate(judge, (mst_wall){MINUTES * 60 * MST_NS_PER_S}, &verdict, &ctx), &ctx);
    mst_verdict_destroy(verdict);
  }
  return (double)(now() - before) / 1e6 / TIMES;
}

int
main(int argc, char **argv)
{
  mst_roster_host hosts[HOSTS];
  mst_label role = {text_of("role"), text_of("api")};
  mst_series_table *table;
  mst_judge *judge;
  mst_diags diags;
  mst_errctx ctx = {0};

  mst_diags_init(&diags);
  mst_checklist *list = argc == 2 ? mst_checklist_load(argv[1], NULL, &diags) : NULL;
  if (!list) {
    fprintf(stderr, "usage: bench_judge CHECKLIST (one without errors)\n");
    return 64;
  }
  must(mst_series_table_create(10000, &table, &ctx), &ctx);
  make_series(list, table);
  for (size_t i = 0; i < HOSTS; i++)
    hosts[i] = (mst_roster_host){.agent_id = "id", .hostname = "host", .labels = &role, .label_count = 1};
  mst_judge_setup setup = {
      .checklist = list, .hosts = hosts, .host_count = HOSTS, .series = table, .run_id = "bench", .window_ns = 60 * MST_NS_PER_S};
  must(mst_judge_create(&setup, &judge, &ctx), &ctx);
  for (size_t host = 0; host < HOSTS; host++)
    for (uint32_t i = 0; i < SERIES; i++)
      must(mst_judge_add_series(judge, host, i, (mst_wall){0}, &ctx), &ctx);
  printf("window_us %.2f\n", time_windows(judge, table));
  printf("evaluate_ms %.3f\n", time_evaluations(judge));
  mst_judge_destroy(judge);
  mst_series_table_destroy(table);
  mst_checklist_destroy(list);
  mst_diags_done(&diags);
  return 0;
}
