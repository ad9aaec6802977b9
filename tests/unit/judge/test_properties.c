/* Order changes nothing, and quantiles are exact. Seeds are printed; a run is repeated with MST_TEST_SEED. */
#include "worlds.h"

enum { ROUNDS = 12 };

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
