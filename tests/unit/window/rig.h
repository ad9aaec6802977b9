#ifndef MST_TESTS_WINDOW_RIG_H
#define MST_TESTS_WINDOW_RIG_H

/* Random reports over a table of series, from a printed seed (MST_SEED sets it), and windows made of them. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mst/common/alloc.h>
#include <mst/common/clock.h>
#include <mst/controller/window.h>

enum { RIG_START_S = 1700000000, RIG_SERIES = 24 };
#define RIG_START  ((mst_wall){RIG_START_S * MST_NS_PER_S})
#define RIG_LENGTH (60 * MST_NS_PER_S)

typedef struct rig_report {
  mst_window_column column;
  mst_buf body;
  mst_report report;
} rig_report;

typedef struct rig_state {
  uint64_t state;
  mst_series_table *table;
  uint32_t numbers[RIG_SERIES];
} rig_state;

static inline uint64_t
rig_random(rig_state *rig)
{
  uint64_t z = rig->state += 0x9E3779B97F4A7C15; /* splitmix64 */
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
  z = (z ^ z >> 27) * 0x94D049BB133111EB;
  return z ^ z >> 31;
}

static inline uint32_t
rig_below(rig_state *rig, uint32_t bound)
{
  return (uint32_t)(rig_random(rig) % bound);
}

static inline uint64_t
rig_seed(void)
{
  const char *given = getenv("MST_SEED");
  uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)mst_clock_mono(mst_clock_system()).ns;

  fprintf(stderr, "seed: MST_SEED=%llu\n", (unsigned long long)seed);
  return seed;
}

static inline mst_text
rig_text(const char *text)
{
  return (mst_text){text, strlen(text)};
}

static inline mst_signal_kind
rig_kind(uint32_t id)
{
  return (mst_signal_kind)(id % 5 + 1);
}

/* Interns RIG_SERIES series, their kinds in turn, in random order, so that numbers and ids differ. */
static inline void
rig_init(rig_state *rig, uint64_t seed)
{
  uint32_t order[RIG_SERIES];

  rig->state = seed;
  cr_assert_eq(mst_series_table_create(1000, &rig->table, NULL), MST_OK);
  for (uint32_t i = 0; i < RIG_SERIES; i++) {
    uint32_t j = rig_below(rig, i + 1);
    order[i] = order[j];
    order[j] = i;
  }
  for (uint32_t i = 0; i < RIG_SERIES; i++) {
    char name[32];
    bool is_new;
    snprintf(name, sizeof name, "signal.%u", order[i]);
    mst_series series = {.name = rig_text(name), .kind = rig_kind(order[i]), .unit = rig_text("1")};
    cr_assert_eq(mst_series_table_intern(rig->table, &series, &rig->numbers[order[i]], &is_new, NULL), MST_OK);
    cr_assert(is_new);
  }
}

static inline void
rig_done(rig_state *rig)
{
  mst_series_table_destroy(rig->table);
}

static inline double
rig_number(rig_state *rig, uint32_t id)
{
  static const double odd[] = {0, 0x1p53, 0x1p52, 1e300, 5e-324, 0.1, 0.3, 1e-9, 123456789.123456789, 1.7976931348623157e308};
  double scales[] = {1, 1, 100, 1000, 1e6, 1e9};
  double sign = rig_kind(id) == MST_SIGNAL_GAUGE && rig_below(rig, 4) == 0 ? -1 : 1;

  switch (id / 5 % 4) {
  case 0:
    return sign * (double)(rig_random(rig) >> rig_below(rig, 64)) / scales[rig_below(rig, 6)];
  case 1:
    return sign * (double)(1000000 + rig_below(rig, 1000)) / 100;
  case 2:
    return sign * odd[rig_below(rig, sizeof odd / sizeof odd[0])];
  default:
    return 42; /* always the same */
  }
}

static inline void
rig_write_sample(rig_state *rig, mst_report_writer *writer, uint32_t id)
{
  static const char *const states[] = {"up", "down", "", "24.0.7", "\xC3\xA4hnlich"};
  mst_err err = MST_OK;

  if (rig_below(rig, 8) == 0) {
    mst_sample_status status = rig_below(rig, 2) ? MST_SAMPLE_ABSENT : MST_SAMPLE_ERROR;
    err = mst_report_write_missing(writer, id, status, states[rig_below(rig, 5)], NULL);
  } else if (rig_kind(id) == MST_SIGNAL_STATE) {
    err = mst_report_write_state(writer, id, states[rig_below(rig, 5)], NULL);
  } else if (rig_kind(id) == MST_SIGNAL_DISTRIBUTION) {
    mst_hist hist;
    mst_hist_init(&hist);
    for (uint32_t i = rig_below(rig, 4); err == MST_OK && i > 0; i--)
      err = mst_hist_add(&hist, (double)rig_below(rig, 3) + 0.5, 1, NULL);
    cr_assert_eq(err, MST_OK);
    err = mst_report_write_histogram(writer, id, &hist, NULL);
    mst_hist_done(&hist);
  } else if (rig_kind(id) == MST_SIGNAL_EVENT) {
    mst_event event = {.id = id,
                       .at = {RIG_START.ns + rig_below(rig, 1000)},
                       .rule = rig_text("rule"),
                       .level = rig_text(states[rig_below(rig, 5)]),
                       .count = 1 + rig_below(rig, 1000),
                       .sample = rig_text(states[rig_below(rig, 5)]),
                       .fingerprint = {(const uint8_t *)"0123456789abcdef", rig_below(rig, 2) * 16}};
    err = mst_report_write_event(writer, &event, NULL);
  } else {
    err = mst_report_write_number(writer, id, rig_number(rig, id), NULL);
  }
  cr_assert_eq(err, MST_OK);
}

/* One report of a few sessions: report `index` of a set, so that no two are the same. */
static inline void
rig_make(rig_state *rig, uint32_t index, rig_report *ret)
{
  mst_report_writer writer;
  mst_report_header header = {.interval_ns = (1 + rig_below(rig, 2)) * 5 * MST_NS_PER_S, .definitions = RIG_SERIES};

  *ret = (rig_report){.column = {.sequence = index + 1, .at = {RIG_START.ns + rig_below(rig, 30) * 2 * MST_NS_PER_S}}};
  memset(&ret->column.session, 'a' + (int)rig_below(rig, 3), sizeof ret->column.session);
  uint64_t digest = rig_random(rig);
  memcpy(ret->column.digest, &digest, sizeof digest);
  header.at = ret->column.at;
  ret->column.interval_ns = header.interval_ns;
  mst_report_writer_init(&writer);
  for (uint32_t id = 0; id < RIG_SERIES; id++) {
    if (rig_below(rig, 10) > 0)
      rig_write_sample(rig, &writer, id);
  }
  mst_buf_init(&ret->body, MST_ENVELOPE_MAX_BODY_BYTES);
  cr_assert_eq(mst_report_writer_finish(&writer, &header, &ret->body, NULL), MST_OK);
  mst_report_writer_done(&writer);
  cr_assert_eq(mst_report_decode((mst_bytes){ret->body.data, ret->body.size_bytes}, &ret->report, NULL), MST_OK);
}

static inline mst_err
rig_add(rig_state *rig, mst_window *window, const rig_report *report, mst_errctx *ctx)
{
  return mst_window_add(window, &report->column, &report->report, rig->numbers, RIG_SERIES, rig->table, ctx);
}

static inline mst_window *
rig_window(void)
{
  mst_window *window = NULL;

  cr_assert_eq(mst_window_create(RIG_START, RIG_LENGTH, &window, NULL), MST_OK);
  return window;
}

/* Seals and encodes; the caller finishes the buffer. */
static inline mst_buf
rig_encode(mst_window *window)
{
  mst_errctx ctx = {0};
  mst_buf bytes;

  mst_buf_init(&bytes, MST_WINDOW_MAX_BYTES);
  cr_assert_eq(mst_window_seal(window, &ctx), MST_OK, "%s", ctx.text);
  cr_assert_eq(mst_window_encode(window, &bytes, &ctx), MST_OK, "%s", ctx.text);
  return bytes;
}

static inline mst_window *
rig_decode(const mst_buf *bytes)
{
  mst_errctx ctx = {0};
  mst_window *window = NULL;

  cr_assert_eq(mst_window_decode((mst_bytes){bytes->data, bytes->size_bytes}, &window, &ctx), MST_OK, "%s", ctx.text);
  return window;
}

static inline bool
rig_same(const mst_buf *a, const mst_buf *b)
{
  return a->size_bytes == b->size_bytes && memcmp(a->data, b->data, a->size_bytes) == 0;
}

#endif
