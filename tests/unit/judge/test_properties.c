/* Properties that hold for any data: deleting windows betters nothing, order changes nothing, quantiles are exact. Seeds are printed; a run
 * is repeated with MST_TEST_SEED. */
#include "rig.h"

enum { HOSTS = 3, WINDOWS = 24, ITEMS = 160, ROUNDS = 12, DELETIONS = 8 };

/* ---- random checklists ---- */
struct shape {
  const char *keys; /* signal, stat and what goes with it */
  const char *unit; /* appended to a bound */
  uint32_t bounds;  /* a bound is one of 0 .. bounds - 1, times step */
  double step;
  bool interval, ratio;
};

static const struct shape shapes[] = {
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
    {"signal: err, of: {signal: req}, stat: ratio", "%", 21, 5, true, true},
    {"signal: err, of: {signal: req}, stat: ratio, weight: samples", "%", 21, 5, true, true},
    {"signal: d, of: {signal: req}, stat: ratio", "%", 21, 5, true, true},
    {"signal: u.utilization, of: {signal: g}, stat: ratio", "%", 21, 5, true, true},
};

static const char *const signs[] = {"<", "<=", ">", ">=", "==", "!="};

static void
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

static void
write_check(uint64_t *seed, char *buf, size_t size)
{
  static const char *const spans[] = {"", ", over: 5m", ", over: hours 0-0.2", ", over: hours 0.2-0.4"};
  static const char *const ways[] = {
      "", ", combine: any", ", combine: quorum 2", ", series: any", ", combine: sum", ", combine: avg", ", combine: max", ", series: sum"};
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
  snprintf(buf, size, "%s, %s%s%s%s", shape->keys, bounds, trend ? "" : spans[rig_below(seed, 4)], ways[way],
           coverages[rig_below(seed, 3)]);
}

static char *
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
static bool
put_or_lose(rig *world, uint64_t *seed, uint32_t host, uint32_t window, uint32_t column, uint32_t series, uint32_t trouble)
{
  uint32_t dice = rig_below(seed, 1000);

  if (dice < trouble)
    rig_missing(world, host, window, column, series, dice % 2 ? MST_SAMPLE_ABSENT : MST_SAMPLE_ERROR);
  return dice >= trouble && dice < 998;
}

static void
put_counter(rig *world, uint64_t *seed, uint32_t host, uint32_t window, uint32_t column, rising *counter, double growth, uint32_t trouble)
{
  counter->value += growth;
  if (put_or_lose(world, seed, host, window, column, counter->series, trouble))
    rig_number(world, host, window, column, counter->series, counter->value);
}

typedef struct host_data {
  uint32_t gauge[2], share, dist, state;
  rising known, unknown, err, req;
} host_data;

static void
put_column(rig *world, uint64_t *seed, uint32_t host, uint32_t window, uint32_t column, host_data *data, uint32_t trouble)
{
  double requests = rig_below(seed, 4), errors = rig_below(seed, 5) == 0 ? rig_below(seed, (uint32_t)requests + 1) : 0;

  for (uint32_t i = 0; i < 2; i++)
    if (put_or_lose(world, seed, host, window, column, data->gauge[i], trouble))
      rig_number(world, host, window, column, data->gauge[i], rig_below(seed, 6));
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
static void
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

static void
put_host(rig *world, uint64_t *seed, uint32_t host, uint32_t trouble, uint32_t gaps)
{
  host_data data = {.share = rig_series(world, host, "u.utilization", MST_SIGNAL_GAUGE, "1", ""),
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

static rig *
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

/* ---- (a) deleting windows ---- */
static int
outcome_rank(mst_outcome outcome)
{
  return outcome == MST_PASS ? 0 : outcome == MST_WARN ? 1 : 2;
}

static int
verdict_rank(mst_verdict_kind kind)
{
  return kind == MST_GO ? 0 : kind == MST_CONDITIONAL_GO ? 1 : 2;
}

/* A check as its file has it. */
static const char *
describe(const rig *world, int item, char buf[static 512])
{
  const mst_yaml_node *node = world->list->items[item].checks[0].node;
  size_t at = 0;

  for (size_t i = 0; i < mst_yaml_node_count(node); i++)
    at += (size_t)snprintf(buf + at, 512 - at, "%s%s: %s", i ? ", " : "", mst_yaml_node_text(mst_yaml_node_key_at(node, i)),
                           mst_yaml_node_text(mst_yaml_node_at(node, i)));
  return buf;
}

typedef struct judged_all {
  int ranks[ITEMS];
  int verdict;
} judged_all;

static bool
is_kept(uint64_t seed, uint32_t host, uint32_t window, uint32_t percent)
{
  uint64_t state = seed ^ ((uint64_t)host << 32) ^ window;

  return rig_random(&state) % 100 < percent;
}

/* percent: of the windows that are kept. minutes: when it is judged; windows from then on have not come. */
static judged_all
judge_part(rig *world, uint64_t seed, uint32_t percent, uint32_t minutes)
{
  judged_all result;

  rig_fresh_judge(world);
  rig_alive(world, minutes);
  for (uint32_t host = 0; host < HOSTS; host++)
    for (uint32_t window = 0; window < WINDOWS && window < minutes; window++)
      if (is_kept(seed, host, window, percent))
        rig_feed(world, host, window);
  mst_verdict *verdict = rig_judge(world, minutes);
  for (int i = 0; i < ITEMS; i++)
    result.ranks[i] = outcome_rank(mst_verdict_item_at(verdict, (size_t)i)->outcome);
  result.verdict = verdict_rank(mst_verdict_so_far(verdict));
  mst_verdict_destroy(verdict);
  return result;
}

Test(properties, deleting_any_windows__betters_no_item_and_no_verdict, .timeout = 300)
{
  uint64_t first_seed = rig_seed("deleting");
  size_t passed = 0, worsened = 0;

  for (int round = 0; round < ROUNDS; round++) {
    uint64_t seed = first_seed + (uint64_t)round, dice = seed;
    rig *world = random_world(&dice);
    uint32_t minutes = round % 2 ? WINDOWS + 1 : WINDOWS / 2 + rig_below(&dice, WINDOWS / 2);
    judged_all whole = judge_part(world, 0, 100, minutes);
    for (int i = 0; i < ITEMS; i++)
      passed += whole.ranks[i] < 2;
    for (int deletion = 0; deletion < DELETIONS; deletion++) {
      static const uint32_t percents[] = {97, 95, 90, 80, 50, 20};
      uint32_t percent = percents[rig_below(&dice, 6)];
      char text[512];
      judged_all part = judge_part(world, rig_random(&dice), percent, minutes);
      for (int i = 0; i < ITEMS; i++) {
        worsened += part.ranks[i] > whole.ranks[i];
        cr_expect(part.ranks[i] >= whole.ranks[i], "seed %llu round %d: {%s} got better, %u %% of the windows kept, judged at minute %u",
                  (unsigned long long)first_seed, round, describe(world, i, text), percent, minutes);
      }
      cr_expect(part.verdict >= whole.verdict, "seed %llu round %d: the verdict got better", (unsigned long long)first_seed, round);
    }
    rig_destroy(world);
  }
  /* The test would show nothing if nothing ever passed. */
  cr_expect(passed > ROUNDS * ITEMS / 20, "%zu of %d passed", passed, ROUNDS * ITEMS);
  cr_expect(worsened > 0);
}

/* ---- (b) order ---- */
Test(properties, any_order_with_evaluations_between_and_windows_forgotten__gives_the_same_bytes, .timeout = 300)
{
  uint64_t first_seed = rig_seed("order");

  for (int round = 0; round < ROUNDS; round++) {
    uint64_t dice = first_seed + (uint64_t)round;
    rig *world = random_world(&dice);
    uint32_t order[HOSTS * WINDOWS], minutes = WINDOWS + 1;
    rig_feed_all(world);
    mst_verdict *batch = rig_judge(world, minutes);
    for (uint32_t i = 0; i < HOSTS * WINDOWS; i++)
      order[i] = i;
    for (uint32_t i = HOSTS * WINDOWS - 1; i > 0; i--) {
      uint32_t other = rig_below(&dice, i + 1), kept = order[i];
      order[i] = order[other];
      order[other] = kept;
    }
    rig_fresh_judge(world);
    for (uint32_t i = 0; i < HOSTS * WINDOWS; i++) {
      rig_feed(world, order[i] / WINDOWS, order[i] % WINDOWS);
      if (i % 16 == 0)
        mst_verdict_destroy(rig_judge(world, i % (WINDOWS + 4)));
    }
    mst_judge_forget_windows(world->judge, 1);
    for (uint32_t window = WINDOWS; window-- > 0;)
      rig_feed(world, 1, window);
    mst_verdict *shuffled = rig_judge(world, minutes);
    cr_expect_str_eq(mst_verdict_json(batch), mst_verdict_json(shuffled), "seed %llu round %d", (unsigned long long)first_seed, round);
    mst_verdict_destroy(batch);
    mst_verdict_destroy(shuffled);
    rig_destroy(world);
  }
}

/* ---- (c) quantiles ---- */
struct weighted {
  double value;
  uint64_t weight;
};

static int
compare_weighted(const void *a, const void *b)
{
  double x = ((const struct weighted *)a)->value, y = ((const struct weighted *)b)->value;

  return (x > y) - (x < y);
}

/* Nearest rank over weights. */
static double
brute_quantile(struct weighted *list, size_t count, uint64_t per_thousand)
{
  uint64_t total = 0, so_far = 0;

  qsort(list, count, sizeof *list, compare_weighted);
  for (size_t i = 0; i < count; i++)
    total += list[i].weight;
  for (size_t i = 0; i < count; i++) {
    so_far += list[i].weight;
    if (so_far * 1000 >= per_thousand * total)
      return list[i].value;
  }
  return NAN;
}

static bool
holds(double value, uint32_t sign, double bound)
{
  switch (sign) {
  case 0:
    return value < bound;
  case 1:
    return value <= bound;
  case 2:
    return value > bound;
  case 3:
    return value >= bound;
  default:
    return value == bound;
  }
}

Test(properties, quantile_decision__equals_the_sorted_samples, .timeout = 300)
{
  uint64_t dice = rig_seed("quantile");

  for (int round = 0; round < 200; round++) {
    static const uint32_t quantiles[] = {500, 900, 950, 990, 999, 10};
    uint32_t quantile = quantiles[rig_below(&dice, 6)], sign = rig_below(&dice, 5);
    double bound = rig_below(&dice, 12);
    struct weighted samples[20 * RIG_MAX_COLUMNS + 20];
    size_t count = 0;
    char yaml[512];
    snprintf(yaml, sizeof yaml,
             "checklist: t\nperiod: 20m\npolicy: {sign_offs: [], freeze: 1m}\nitems:\n"
             "  - {id: a, title: A, class: S, check: {signal: g, stat: p%g, target: '%s %g'}}\n",
             quantile / 10.0, signs[sign], bound);
    rig *world = rig_create(yaml, "api");
    uint32_t series = rig_series(world, 0, "g", MST_SIGNAL_GAUGE, "", "");
    bool gaps = rig_below(&dice, 3) == 0;
    for (uint32_t window = 0; window < 20; window++) {
      uint32_t here = 1 + rig_below(&dice, RIG_MAX_COLUMNS);
      if (gaps && rig_below(&dice, 10) == 0) {
        /* As bad as can be: under every lower bound and over every upper one; with == both cannot be. */
        samples[count++] = (struct weighted){sign == 2 || sign == 3 ? -1 : 1000, 720720};
        continue;
      }
      for (uint32_t column = 0; column < here; column++) {
        double value = rig_below(&dice, 12);
        rig_number(world, 0, window, column, series, value);
        samples[count++] = (struct weighted){value, 720720 / here};
      }
    }
    rig_build(world);
    rig_feed_all(world);
    mst_verdict *verdict = rig_judge(world, 21);
    double exact = brute_quantile(samples, count, quantile);
    bool asked = holds(exact, sign, bound), passed = rig_item(verdict, "a")->outcome == MST_PASS;
    if (!gaps || sign != 4)
      cr_expect_eq(passed, asked, "round %d: p%g %s %g: %g: %s", round, quantile / 10.0, signs[sign], bound, exact,
                   rig_item(verdict, "a")->reason);
    else
      cr_expect(!passed || asked);
    mst_verdict_destroy(verdict);
    rig_destroy(world);
  }
}
