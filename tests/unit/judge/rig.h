#ifndef TESTS_JUDGE_RIG_H
#define TESTS_JUDGE_RIG_H

/* A small world for the judge: a checklist from text, hosts, samples put by hand, windows made of them. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mst/common/alloc.h>
#include <mst/controller/judge.h>

#include "judge/checklist.h"

#define RIG_UNUSED __attribute__((unused))
#define RIG_MINUTE (60 * MST_NS_PER_S)

enum { RIG_MAX_HOSTS = 8, RIG_MAX_WINDOWS = 3000, RIG_MAX_COLUMNS = 6, RIG_MAX_SERIES = 256 };

static const mst_wall rig_start = {1700000040LL * 1000000000LL};

typedef struct rig_sample {
  uint32_t host, window, column, series;
  mst_sample_status status;
  double number;
  char text[128];
  double values[4]; /* of a distribution */
  uint32_t value_count;
} rig_sample;

typedef struct rig {
  mst_series_table *table;
  mst_checklist *list;
  mst_judge *judge;
  mst_roster_host hosts[RIG_MAX_HOSTS];
  mst_label roles[RIG_MAX_HOSTS];
  char names[RIG_MAX_HOSTS][16], words[RIG_MAX_HOSTS][16];
  uint32_t host_count;
  int64_t grace_ns;
  rig_sample *samples;
  uint32_t sample_count, sample_capacity;
  mst_window *windows[RIG_MAX_HOSTS][RIG_MAX_WINDOWS];
  struct {
    uint32_t host, series;
    mst_wall at;
  } defined[RIG_MAX_SERIES];
  uint32_t defined_count;
} rig;

static RIG_UNUSED mst_text
rig_text(const char *text)
{
  return (mst_text){text, strlen(text)};
}

/* A checklist that must load. */
static RIG_UNUSED mst_checklist *
rig_checklist(const char *yaml)
{
  mst_diags diags;
  char line[1024];

  mst_diags_init(&diags);
  mst_checklist *list = mst_checklist_parse("test.yml", yaml, strlen(yaml), NULL, NULL, 0, &diags);
  cr_assert(list, "%s", diags.count ? mst_diag_format(&diags.list[0], line, sizeof line) : "no checklist");
  mst_diags_done(&diags);
  return list;
}

/* A judge of the same world that has seen no window. */
static RIG_UNUSED void
rig_fresh_judge(rig *world)
{
  mst_errctx ctx = {0};
  mst_judge_setup setup = {.checklist = world->list,
                           .hosts = world->hosts,
                           .host_count = world->host_count,
                           .series = world->table,
                           .run_id = "run-1",
                           .start = rig_start,
                           .window_ns = RIG_MINUTE,
                           .grace_ns = world->grace_ns};

  mst_judge_destroy(world->judge);
  world->judge = NULL;
  cr_assert_eq(mst_judge_create(&setup, &world->judge, &ctx), MST_OK, "%s", ctx.text);
  for (uint32_t i = 0; i < world->defined_count; i++)
    cr_assert_eq(mst_judge_add_series(world->judge, world->defined[i].host, world->defined[i].series, world->defined[i].at, &ctx), MST_OK,
                 "%s", ctx.text);
}

/* roles: "api db" gives the hosts web-1 and web-2 with these. */
static RIG_UNUSED rig *
rig_create(const char *yaml, const char *roles)
{
  rig *world = calloc(1, sizeof *world);
  mst_errctx ctx = {0};

  cr_assert(world);
  cr_assert_eq(mst_series_table_create(10000, &world->table, &ctx), MST_OK);
  world->list = rig_checklist(yaml);
  for (const char *at = roles; *at;) {
    size_t length = strcspn(at, " ");
    uint32_t i = world->host_count++;
    snprintf(world->words[i], sizeof world->words[i], "%.*s", (int)length, at);
    snprintf(world->names[i], sizeof world->names[i], "web-%u", i + 1);
    world->roles[i] = (mst_label){rig_text("role"), rig_text(world->words[i])};
    world->hosts[i] =
        (mst_roster_host){.agent_id = world->names[i], .hostname = world->names[i], .labels = &world->roles[i], .label_count = 1};
    at += length;
    at += *at == ' ';
  }
  rig_fresh_judge(world);
  return world;
}

static RIG_UNUSED void
rig_destroy(rig *world)
{
  mst_judge_destroy(world->judge);
  for (uint32_t i = 0; i < RIG_MAX_HOSTS; i++)
    for (uint32_t j = 0; j < RIG_MAX_WINDOWS; j++)
      mst_window_destroy(world->windows[i][j]);
  mst_checklist_destroy(world->list);
  mst_series_table_destroy(world->table);
  free(world->samples);
  free(world);
}

/* labels: "device=sda mode=read", sorted by key. start: minutes after the run's start that it counts from; INT32_MIN: unknown. */
static RIG_UNUSED uint32_t
rig_intern(rig *world, const char *name, mst_signal_kind kind, const char *unit, int32_t start, const char *labels)
{
  mst_series series = {.name = rig_text(name), .kind = kind, .unit = rig_text(unit)};
  mst_errctx ctx = {0};
  char copy[256], *save = NULL;
  uint32_t number;
  bool is_new;

  if (start != INT32_MIN)
    series.start_at.ns = rig_start.ns + start * RIG_MINUTE;
  snprintf(copy, sizeof copy, "%s", labels);
  for (char *pair = strtok_r(copy, " ", &save); pair; pair = strtok_r(NULL, " ", &save)) {
    char *equals = strchr(pair, '=');
    *equals = '\0';
    series.labels[series.label_count++] = (mst_label){rig_text(pair), rig_text(equals + 1)};
  }
  cr_assert_eq(mst_series_table_intern(world->table, &series, &number, &is_new, &ctx), MST_OK, "%s", ctx.text);
  return number;
}

static RIG_UNUSED void
rig_define(rig *world, uint32_t host, uint32_t series, uint32_t window)
{
  mst_errctx ctx = {0};
  mst_wall at = {rig_start.ns + window * RIG_MINUTE};

  cr_assert(world->defined_count < RIG_MAX_SERIES);
  world->defined[world->defined_count].host = host;
  world->defined[world->defined_count].series = series;
  world->defined[world->defined_count++].at = at;
  cr_assert_eq(mst_judge_add_series(world->judge, host, series, at, &ctx), MST_OK, "%s", ctx.text);
}

/* A series that the host has from the start. */
static RIG_UNUSED uint32_t
rig_series(rig *world, uint32_t host, const char *name, mst_signal_kind kind, const char *unit, const char *labels)
{
  uint32_t number = rig_intern(world, name, kind, unit, kind == MST_SIGNAL_COUNTER ? -100 : INT32_MIN, labels);

  rig_define(world, host, number, 0);
  return number;
}

static RIG_UNUSED rig_sample *
rig_add(rig *world, uint32_t host, uint32_t window, uint32_t column, uint32_t series)
{
  if (world->sample_count == world->sample_capacity) {
    world->sample_capacity = world->sample_capacity ? 2 * world->sample_capacity : 1024;
    world->samples = realloc(world->samples, world->sample_capacity * sizeof *world->samples);
    cr_assert(world->samples);
  }
  rig_sample *sample = &world->samples[world->sample_count++];
  *sample = (rig_sample){.host = host, .window = window, .column = column, .series = series};
  return sample;
}

static RIG_UNUSED void
rig_number(rig *world, uint32_t host, uint32_t window, uint32_t column, uint32_t series, double number)
{
  rig_add(world, host, window, column, series)->number = number;
}

static RIG_UNUSED void
rig_state(rig *world, uint32_t host, uint32_t window, uint32_t column, uint32_t series, const char *state)
{
  rig_sample *sample = rig_add(world, host, window, column, series);

  snprintf(sample->text, sizeof sample->text, "%s", state);
}

static RIG_UNUSED void
rig_missing(rig *world, uint32_t host, uint32_t window, uint32_t column, uint32_t series, mst_sample_status status)
{
  rig_sample *sample = rig_add(world, host, window, column, series);

  sample->status = status;
  snprintf(sample->text, sizeof sample->text, "because");
}

/* The same number in every column of the windows from .. to - 1. */
static RIG_UNUSED void
rig_fill(rig *world, uint32_t host, uint32_t from, uint32_t to, uint32_t series, double number)
{
  for (uint32_t window = from; window < to; window++)
    for (uint32_t column = 0; column < RIG_MAX_COLUMNS; column++)
      rig_number(world, host, window, column, series, number);
}

static RIG_UNUSED void
rig_write_sample(const rig *world, mst_report_writer *writer, const rig_sample *sample)
{
  mst_signal_kind kind = mst_series_table_get(world->table, sample->series)->kind;
  mst_errctx ctx = {0};
  mst_err err;

  if (sample->status != MST_SAMPLE_OK) {
    err = mst_report_write_missing(writer, sample->series, sample->status, sample->text, &ctx);
  } else if (kind == MST_SIGNAL_STATE) {
    err = mst_report_write_state(writer, sample->series, sample->text, &ctx);
  } else if (kind == MST_SIGNAL_DISTRIBUTION) {
    mst_hist hist;
    mst_hist_init(&hist);
    for (uint32_t i = 0; i < sample->value_count; i++)
      cr_assert_eq(mst_hist_add(&hist, sample->values[i], 1, &ctx), MST_OK, "%s", ctx.text);
    err = mst_report_write_histogram(writer, sample->series, &hist, &ctx);
    mst_hist_done(&hist);
  } else {
    err = mst_report_write_number(writer, sample->series, sample->number, &ctx);
  }
  cr_assert_eq(err, MST_OK, "%s", ctx.text);
}

/* One report: the samples from .. to - 1, which are of one column. */
static RIG_UNUSED void
rig_add_column(rig *world, uint32_t from, uint32_t to, mst_window *into, const uint32_t *numbers)
{
  const rig_sample *first = &world->samples[from];
  mst_report_writer writer;
  mst_report report;
  mst_errctx ctx = {0};
  mst_buf body;
  int64_t at = rig_start.ns + first->window * RIG_MINUTE + first->column * 10 * MST_NS_PER_S + MST_NS_PER_S;
  mst_report_header header = {.at = {at}, .interval_ns = 10 * MST_NS_PER_S, .definitions = mst_series_table_count(world->table)};
  mst_window_column info = {.sequence = first->window * 100u + first->column + 1, .at = {at}, .interval_ns = header.interval_ns};

  info.session.bytes[0] = (uint8_t)first->host;
  mst_report_writer_init(&writer);
  mst_buf_init(&body, 256 * 1024);
  for (uint32_t i = from; i < to; i++)
    rig_write_sample(world, &writer, &world->samples[i]);
  cr_assert_eq(mst_report_writer_finish(&writer, &header, &body, &ctx), MST_OK, "%s", ctx.text);
  cr_assert_eq(mst_report_decode((mst_bytes){body.data, body.size_bytes}, &report, &ctx), MST_OK, "%s", ctx.text);
  cr_assert_eq(mst_window_add(into, &info, &report, numbers, header.definitions, world->table, &ctx), MST_OK, "%s", ctx.text);
  mst_buf_done(&body);
  mst_report_writer_done(&writer);
}

static RIG_UNUSED int
rig_compare_samples(const void *a, const void *b)
{
  const rig_sample *x = a, *y = b;
  uint64_t p = ((uint64_t)x->host << 48) | ((uint64_t)x->window << 32) | ((uint64_t)x->column << 24) | x->series;
  uint64_t q = ((uint64_t)y->host << 48) | ((uint64_t)y->window << 32) | ((uint64_t)y->column << 24) | y->series;

  return (p > q) - (p < q);
}

/* Makes the windows of all samples that were put: one for every minute of every host that has one. */
static RIG_UNUSED void
rig_build(rig *world)
{
  static uint32_t numbers[10000];
  mst_errctx ctx = {0};

  for (uint32_t i = 0; i < 10000; i++)
    numbers[i] = i;
  qsort(world->samples, world->sample_count, sizeof *world->samples, rig_compare_samples);
  for (uint32_t from = 0, to; from < world->sample_count; from = to) {
    const rig_sample *first = &world->samples[from];
    mst_window **window = &world->windows[first->host][first->window];
    mst_wall start = {rig_start.ns + first->window * RIG_MINUTE};
    for (to = from + 1; to < world->sample_count; to++) {
      const rig_sample *next = &world->samples[to];
      if (next->host != first->host || next->window != first->window || next->column != first->column)
        break;
    }
    if (!*window)
      cr_assert_eq(mst_window_create(start, RIG_MINUTE, window, &ctx), MST_OK, "%s", ctx.text);
    rig_add_column(world, from, to, *window, numbers);
  }
  for (uint32_t i = 0; i < RIG_MAX_HOSTS; i++)
    for (uint32_t j = 0; j < RIG_MAX_WINDOWS; j++)
      if (world->windows[i][j])
        cr_assert_eq(mst_window_seal(world->windows[i][j], &ctx), MST_OK, "%s", ctx.text);
}

static RIG_UNUSED void
rig_feed(rig *world, uint32_t host, uint32_t window)
{
  mst_errctx ctx = {0};

  if (world->windows[host][window])
    cr_assert_eq(mst_judge_add_window(world->judge, host, world->windows[host][window], &ctx), MST_OK, "%s", ctx.text);
}

static RIG_UNUSED void
rig_feed_all(rig *world)
{
  for (uint32_t host = 0; host < world->host_count; host++)
    for (uint32_t window = 0; window < RIG_MAX_WINDOWS; window++)
      rig_feed(world, host, window);
}

/* minutes: after the run's start. */
static RIG_UNUSED mst_wall
rig_at(double minutes)
{
  return (mst_wall){rig_start.ns + (int64_t)(minutes * (double)RIG_MINUTE)};
}

static RIG_UNUSED mst_verdict *
rig_judge(rig *world, double minutes)
{
  mst_verdict *verdict = NULL;
  mst_errctx ctx = {0};

  cr_assert_eq(mst_judge_evaluate(world->judge, rig_at(minutes), &verdict, &ctx), MST_OK, "%s", ctx.text);
  return verdict;
}

/* Every host was heard of just now. */
static RIG_UNUSED void
rig_alive(rig *world, double minutes)
{
  for (uint32_t i = 0; i < world->host_count; i++)
    mst_judge_set_host(world->judge, i, MST_HOST_OK, rig_at(minutes), 10 * MST_NS_PER_S);
}

static RIG_UNUSED const mst_item_result *
rig_item(const mst_verdict *verdict, const char *id)
{
  for (size_t i = 0; i < mst_verdict_item_count(verdict); i++)
    if (strcmp(mst_verdict_item_at(verdict, i)->id, id) == 0)
      return mst_verdict_item_at(verdict, i);
  cr_assert_fail("no item %s", id);
  return NULL;
}

static RIG_UNUSED void
rig_expect(const mst_verdict *verdict, const char *id, mst_outcome outcome)
{
  const mst_item_result *item = rig_item(verdict, id);

  cr_expect_eq(item->outcome, outcome, "%s is %s and not %s: %s [%s]", id, mst_outcome_name(item->outcome), mst_outcome_name(outcome),
               item->reason, item->value);
}

/* A checklist with one check, over an hour. */
static RIG_UNUSED const char *
rig_one_check(const char *check, char buf[static 1024])
{
  snprintf(buf, 1024,
           "checklist: t\nperiod: 1h\npolicy: {sign_offs: [], freeze: 1m, coverage: 90%%, max_gap: 5m}\nitems:\n"
           "  - {id: a, title: A, class: S, check: {%s}}\n",
           check);
  return buf;
}

/* Judges after an hour what was put, and gives the one item's outcome and a part of its reason. */
static RIG_UNUSED void
rig_expect_after_the_hour(rig *world, mst_outcome outcome, const char *said)
{
  rig_build(world);
  rig_feed_all(world);
  mst_verdict *verdict = rig_judge(world, 61);
  rig_expect(verdict, "a", outcome);
  cr_expect(strstr(rig_item(verdict, "a")->reason, said), "not \"%s\": %s", said, rig_item(verdict, "a")->reason);
  mst_verdict_destroy(verdict);
  rig_destroy(world);
}

static RIG_UNUSED mst_judge_statement
rig_statement(const char *kind, const char *subject, const char *role, uint8_t key, double minutes)
{
  mst_judge_statement made = {.kind = kind, .subject = subject, .operator_name = role, .role = role, .reason = "because", .detail = ""};

  made.id[0] = key;
  made.id[1] = (uint8_t)kind[0];
  made.id[2] = (uint8_t)minutes;
  made.key_id[0] = key;
  made.issued_at = made.received_at = rig_at(minutes);
  return made;
}

static RIG_UNUSED void
rig_give(rig *world, const mst_judge_statement *list, size_t count)
{
  mst_errctx ctx = {0};

  cr_assert_eq(mst_judge_set_statements(world->judge, list, count, &ctx), MST_OK);
}

static RIG_UNUSED void
rig_expect_verdict(const mst_verdict *verdict, mst_verdict_kind kind, bool final)
{
  cr_expect_eq(mst_verdict_get(verdict), kind, "%s and not %s: %s", mst_verdict_name(mst_verdict_get(verdict)), mst_verdict_name(kind),
               strstr(mst_verdict_json(verdict), "\"reasons\""));
  cr_expect_eq(mst_verdict_is_final(verdict), final, "final: %d", mst_verdict_is_final(verdict));
}

/* A small generator with a seed, so that a failure can be seen again. Source: splitmix64. */
static RIG_UNUSED uint64_t
rig_random(uint64_t *state)
{
  *state += 0x9e3779b97f4a7c15ULL;
  uint64_t z = *state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

static RIG_UNUSED uint32_t
rig_below(uint64_t *state, uint32_t bound)
{
  return (uint32_t)(rig_random(state) % bound);
}

/* Seeds come from the environment or the clock, and are printed. */
static RIG_UNUSED uint64_t
rig_seed(const char *what)
{
  const char *given = getenv("MST_TEST_SEED");
  uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)mst_clock_wall(mst_clock_system()).ns;

  fprintf(stderr, "%s: MST_TEST_SEED=%llu\n", what, (unsigned long long)seed);
  return seed;
}

#endif
