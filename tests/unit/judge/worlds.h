#ifndef TESTS_JUDGE_WORLDS_H
#define TESTS_JUDGE_WORLDS_H

/* Random checklists and random data with gaps, errors, restarts and things that are gone. */
#include "rig.h"

enum { HOSTS = 3, WINDOWS = 24, ITEMS = 160 };

/* ---- random checklists ---- */
struct shape {
  const char *keys; /* signal, stat and what goes with it */
  const char *unit; /* appended to a bound */
  uint32_t bounds;  /* a bound is one of 0 .. bounds - 1, times step */
  double step;
  bool interval, ratio;
};

static RIG_UNUSED const struct shape shapes[] = {
    {"signal: g, stat: last", "", 7, 1, true, false},
    {"signal: g, stat: min", "", 7, 1, true, false},
    {"signal: g, stat: max", "", 7, 1, true, false},
    {"signal: g, stat: avg", "", 25, 0.25, true, false},
    {"signal: g, stat: sum", "", 40, 10, true, false},
    {"signal: g, stat: count", "", 30, 5, true, false},
    {"signal: g, stat: p50", "", 7, 1, false, false},
    {"signal: g, stat: p90", "", 7, 1, false, false},
    {"signal: g, stat: p50, weight: samples", "", 7, 1, false, false},
    {"signal: g, stat: share, state: '<= 2'", "%", 21, 5, true, false},
    {"signal: g, stat: time_in_state, state: '<= 2'", "s", 25, 60, true, false},
    {"signal: g, stat: changes", "", 30, 4, true, false},
    {"signal: g, stat: present", "", 2, 1, true, false},
    {"signal: g, stat: cv, trend: {bucket: 2m}", "%", 21, 5, true, false},
    {"signal: g, stat: slope, trend: {bucket: 2m, confidence: 90%}", "%/h", 3, 100, false, false},
    {"signal: w, stat: last, every: 3m", "", 7, 1, true, false},
    {"signal: w, stat: max, every: 3m", "", 7, 1, true, false},
    {"signal: w, stat: p90, every: 4m", "", 7, 1, false, false},
    {"signal: w, stat: changes, every: 3m", "", 10, 1, true, false},
    {"signal: u.utilization, stat: min", "%", 11, 10, true, false},
    {"signal: u.utilization, stat: max", "%", 11, 10, true, false},
    {"signal: u.utilization, stat: avg", "%", 21, 5, true, false},
    {"signal: u.utilization, stat: p90", "%", 11, 10, false, false},
    {"signal: u.utilization, stat: slope, trend: {bucket: 3m, confidence: 90%}", "", 1, 0, false, false},
    {"signal: c, stat: increase", "", 40, 4, true, false},
    {"signal: c, stat: rate", "/min", 20, 0.5, true, false},
    {"signal: c, stat: changes", "", 40, 3, true, false},
    {"signal: c, stat: cv, trend: {bucket: 3m}", "%", 21, 10, true, false},
    {"signal: z, stat: increase", "", 40, 4, true, false},
    {"signal: d, stat: min", "s", 7, 1, true, false},
    {"signal: d, stat: max", "s", 7, 1, true, false},
    {"signal: d, stat: avg", "s", 13, 0.5, true, false},
    {"signal: d, stat: count", "", 40, 6, true, false},
    {"signal: d, stat: rate", "/min", 20, 1, true, false},
    {"signal: d, stat: sum", "s", 40, 20, true, false},
    {"signal: d, stat: p50", "s", 7, 1, false, false},
    {"signal: d, stat: p90", "s", 7, 1, false, false},
    {"signal: d, stat: p50, weight: samples", "s", 7, 1, false, false},
    {"signal: d, stat: cv, trend: {bucket: 2m}", "%", 21, 5, true, false},
    {"signal: s, stat: share, state: is up", "%", 21, 5, true, false},
    {"signal: s, stat: time_in_state, state: 'in up, low'", "s", 25, 60, true, false},
    {"signal: s, stat: changes", "", 30, 3, true, false},
    {"signal: s, stat: count", "", 30, 5, true, false},
    {"signal: err, of: {signal: req}, stat: ratio", "%", 201, 0.5, true, true},
    {"signal: err, of: {signal: req}, stat: ratio, weight: samples", "%", 201, 0.5, true, true},
    {"signal: d, of: {signal: req}, stat: ratio", "%", 201, 0.5, true, true},
    {"signal: u.utilization, of: {signal: g}, stat: ratio", "%", 201, 0.5, true, true},
};

static RIG_UNUSED const char *const signs[] = {"<", "<=", ">", ">=", "==", "!="};

static RIG_UNUSED void
write_bounds(const struct shape *shape, uint64_t *seed, char *buf, size_t size)
{
  bool slope = strstr(shape->keys, "slope") != NULL, quantile = strstr(shape->keys, "stat: p") && !strstr(shape->keys, "present");
  uint32_t sign = rig_below(seed, quantile ? 5 : 6), bound = rig_below(seed, shape->bounds), further = bound + 1 + rig_below(seed, 3);
  double low = bound * shape->step, high = further * shape->step;

  if (slope) {
    /* Only a bound on the rise, on the fall, or on both. */
    static const char *const targets[] = {"<= 0", ">= 0", "== 0"};
    snprintf(buf, size, "target: '%s'%s", targets[sign % 3], shape->unit[0] && sign == 0 ? ", critical: '> 100%/h'" : "");
    return;
  }
  if (sign == 0 && rig_below(seed, 3) == 0)
    snprintf(buf, size, "target: '< %g%s', critical: '> %g%s'", low, shape->unit, high, shape->unit);
  else if (sign == 2 && rig_below(seed, 3) == 0)
    snprintf(buf, size, "target: '> %g%s', critical: '<= %g%s'", high, shape->unit, low, shape->unit);
  else if (sign == 3 && rig_below(seed, 3) == 0)
    snprintf(buf, size, "target: '%g%s..%g%s'", low, shape->unit, high, shape->unit);
  else
    snprintf(buf, size, "target: '%s %g%s'", signs[sign], low, shape->unit);
}

static RIG_UNUSED void
write_check(uint64_t *seed, char *buf, size_t size)
{
  static const char *const spans[] = {"", ", over: 5m", ", over: hours 0-0.2", ", over: hours 0.2-0.4"};
  static const char *const ways[] = {
      "", ", combine: any", ", combine: quorum 2", ", series: any", ", combine: sum", ", combine: avg", ", combine: max", ", series: sum"};
  static const char *const rates[] = {"", "", "", ", every: 2m", ", every: 4m"};
  static const char *const coverages[] = {"", ", coverage: 50%, max_gap: 1h", ", coverage: 100%"};
  const struct shape *shape = &shapes[rig_below(seed, sizeof shapes / sizeof shapes[0])];
  bool trend = strstr(shape->keys, "trend") != NULL, samples = strstr(shape->keys, "samples") != NULL;
  uint32_t way = rig_below(seed, 8);
  char bounds[128];

  if (way >= 4 && !shape->interval)
    way = rig_below(seed, 4);
  if (shape->ratio && (way == 3 || way == 7 || (way == 4 && !samples)))
    way = 0;
  write_bounds(shape, seed, bounds, sizeof bounds);
  snprintf(buf, size, "%s, %s%s%s%s%s", shape->keys, bounds, trend ? "" : spans[rig_below(seed, 4)], ways[way],
           coverages[rig_below(seed, 3)], strstr(shape->keys, "every") ? "" : rates[rig_below(seed, 5)]);
}

static RIG_UNUSED char *
random_checklist(uint64_t *seed)
{
  size_t size = 256 * ITEMS + 1024;
  char *yaml = malloc(size), check[400];
  size_t at;

  cr_assert(yaml);
  at = (size_t)snprintf(
      yaml, size,
      "checklist: t\nperiod: %dm\npolicy: {sign_offs: [], freeze: 1m, coverage: 60%%, max_gap: 10m, go: 10%%, conditional: 5%%}\nitems:\n",
      WINDOWS);
  for (int i = 0; i < ITEMS; i++) {
    write_check(seed, check, sizeof check);
    at += (size_t)snprintf(yaml + at, size - at, "  - {id: i%d, title: I, class: S, check: {%s}}\n", i, check);
    cr_assert(at < size);
  }
  return yaml;
}

/* ---- random data ---- */
typedef struct rising {
  uint32_t series;
  double value;
} rising;

/* A sample that is there, or not there any more, or could not be read. */
static RIG_UNUSED bool
put_or_lose(rig *world, uint64_t *seed, uint32_t host, uint32_t window, uint32_t column, uint32_t series, uint32_t trouble)
{
  uint32_t dice = rig_below(seed, 1000);

  if (dice < trouble)
    rig_missing(world, host, window, column, series, dice % 2 ? MST_SAMPLE_ABSENT : MST_SAMPLE_ERROR);
  return dice >= trouble && dice < 998;
}

static RIG_UNUSED void
put_counter(rig *world, uint64_t *seed, uint32_t host, uint32_t window, uint32_t column, rising *counter, double growth, uint32_t trouble)
{
  counter->value += growth;
  if (put_or_lose(world, seed, host, window, column, counter->series, trouble))
    rig_number(world, host, window, column, counter->series, counter->value);
}

typedef struct host_data {
  uint32_t gauge[2], share, dist, state;
  uint32_t slow, phase; /* of every third window */
  rising known, unknown, err, req;
  bool failing;
} host_data;

static RIG_UNUSED void
put_column(rig *world, uint64_t *seed, uint32_t host, uint32_t window, uint32_t column, host_data *data, uint32_t trouble)
{
  /* Few requests, and errors that come in bursts: windows between all and nothing are the hardest to bound. */
  if (rig_below(seed, 10) == 0)
    data->failing = !data->failing;
  double requests = rig_below(seed, 3) == 0, errors = data->failing ? requests : 0;

  for (uint32_t i = 0; i < 2; i++)
    if (put_or_lose(world, seed, host, window, column, data->gauge[i], trouble))
      rig_number(world, host, window, column, data->gauge[i], rig_below(seed, 6));
  if (column == 0 && window % 3 == data->phase && put_or_lose(world, seed, host, window, column, data->slow, trouble))
    rig_number(world, host, window, column, data->slow, rig_below(seed, 6));
  if (put_or_lose(world, seed, host, window, column, data->share, trouble))
    rig_number(world, host, window, column, data->share, rig_below(seed, 6) / 4.0); /* some over 1 */
  if (put_or_lose(world, seed, host, window, column, data->state, trouble))
    rig_state(world, host, window, column, data->state, rig_below(seed, 4) ? "up" : rig_below(seed, 2) ? "down" : "low");
  if (put_or_lose(world, seed, host, window, column, data->dist, trouble)) {
    rig_sample *sample = rig_add(world, host, window, column, data->dist);
    sample->value_count = rig_below(seed, 4);
    for (uint32_t i = 0; i < sample->value_count; i++)
      sample->values[i] = rig_below(seed, 25) / 4.0;
  }
  /* A start that is not known: falls are all that tells of a restart. */
  if (rig_below(seed, 40) == 0)
    data->unknown.value = 0;
  put_counter(world, seed, host, window, column, &data->unknown, rig_below(seed, 2), trouble);
  put_counter(world, seed, host, window, column, &data->known, rig_below(seed, 3) == 0, trouble);
  put_counter(world, seed, host, window, column, &data->err, errors, trouble);
  put_counter(world, seed, host, window, column, &data->req, requests, trouble);
}

/* From time to time a process starts anew: its counters are new series of the same names. */
static RIG_UNUSED void
restart(rig *world, uint64_t *seed, uint32_t host, uint32_t window, host_data *data)
{
  if (window > 0 && rig_below(seed, 30) != 0)
    return;
  int32_t start = window == 0 ? -5 : (int32_t)window;
  data->known = (rising){.series = rig_intern(world, "c", MST_SIGNAL_COUNTER, "", start, "")};
  data->err = (rising){.series = rig_intern(world, "err", MST_SIGNAL_COUNTER, "", start, "")};
  data->req = (rising){.series = rig_intern(world, "req", MST_SIGNAL_COUNTER, "", start, "")};
  rig_define(world, host, data->known.series, window);
  rig_define(world, host, data->err.series, window);
  rig_define(world, host, data->req.series, window);
}

static RIG_UNUSED void
put_host(rig *world, uint64_t *seed, uint32_t host, uint32_t trouble, uint32_t gaps)
{
  host_data data = {.share = rig_series(world, host, "u.utilization", MST_SIGNAL_GAUGE, "1", ""),
                    .slow = rig_series(world, host, "w", MST_SIGNAL_GAUGE, "", ""),
                    .phase = rig_below(seed, 3),
                    .dist = rig_series(world, host, "d", MST_SIGNAL_DISTRIBUTION, "s", ""),
                    .state = rig_series(world, host, "s", MST_SIGNAL_STATE, "1", ""),
                    .unknown = {.series = rig_intern(world, "z", MST_SIGNAL_COUNTER, "", INT32_MIN, "")}};

  rig_define(world, host, data.unknown.series, 0);
  data.gauge[0] = rig_series(world, host, "g", MST_SIGNAL_GAUGE, "", "i=0");
  data.gauge[1] = rig_intern(world, "g", MST_SIGNAL_GAUGE, "", INT32_MIN, "i=1");
  rig_define(world, host, data.gauge[1], rig_below(seed, 4) ? 0 : rig_below(seed, WINDOWS));
  for (uint32_t window = 0; window < WINDOWS; window++) {
    restart(world, seed, host, window, &data);
    if (rig_below(seed, 100) < gaps)
      continue;
    for (uint32_t column = 0; column < RIG_MAX_COLUMNS; column++)
      if (rig_below(seed, 20) != 0)
        put_column(world, seed, host, window, column, &data, trouble);
  }
}

static RIG_UNUSED rig *
random_world(uint64_t *seed)
{
  static const uint32_t troubles[] = {0, 0, 5, 100};
  static const uint32_t gaps[] = {0, 0, 0, 5, 30};
  char *yaml = random_checklist(seed);
  rig *world = rig_create(yaml, "api api db");
  uint32_t trouble = troubles[rig_below(seed, 4)], gap = gaps[rig_below(seed, 5)];

  free(yaml);
  for (uint32_t host = 0; host < HOSTS; host++)
    put_host(world, seed, host, trouble, gap);
  rig_build(world);
  rig_fresh_judge(world); /* with all series that restarts brought */
  return world;
}

#endif
