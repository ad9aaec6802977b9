/* Deleting windows betters no item and no verdict, for every statistic, bound and way to combine. Seeds are printed; a run is repeated with
 * MST_TEST_SEED. */
#include "worlds.h"

enum { ROUNDS = 12, RUN_ROUNDS = 4, DELETIONS = 8 };

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

Test(deletions, deleting_any_windows__betters_no_item_and_no_verdict, .timeout = 300)
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

/* One run of windows, of one host or of all, is left out. */
static judged_all
judge_without(rig *world, uint32_t from, uint32_t to, uint32_t only_host)
{
  judged_all result;

  rig_fresh_judge(world);
  for (uint32_t host = 0; host < HOSTS; host++)
    for (uint32_t window = 0; window < WINDOWS; window++)
      if (window < from || window >= to || (only_host < HOSTS && host != only_host))
        rig_feed(world, host, window);
  mst_verdict *verdict = rig_judge(world, WINDOWS + 1);
  for (int i = 0; i < ITEMS; i++)
    result.ranks[i] = outcome_rank(mst_verdict_item_at(verdict, (size_t)i)->outcome);
  result.verdict = verdict_rank(mst_verdict_so_far(verdict));
  mst_verdict_destroy(verdict);
  return result;
}

/* Gaps are where a statistic could be fooled most: every one is tried. */
Test(deletions, deleting_every_run_of_windows__betters_no_item_and_no_verdict, .timeout = 600)
{
  uint64_t first_seed = rig_seed("runs");

  for (int round = 0; round < RUN_ROUNDS; round++) {
    uint64_t dice = first_seed + 1000 + (uint64_t)round;
    rig *world = random_world(&dice);
    judged_all whole = judge_without(world, 0, 0, HOSTS);
    for (uint32_t from = 0; from < WINDOWS; from++) {
      for (uint32_t to = from + 1; to <= WINDOWS && to <= from + 6; to++) {
        char text[512];
        uint32_t host = rig_below(&dice, HOSTS + 1);
        judged_all part = judge_without(world, from, to, host);
        for (int i = 0; i < ITEMS; i++)
          cr_expect(part.ranks[i] >= whole.ranks[i], "seed %llu round %d: {%s} got better without windows %u to %u of host %u",
                    (unsigned long long)first_seed, round, describe(world, i, text), from, to - 1, host);
        cr_expect(part.verdict >= whole.verdict, "seed %llu round %d: the verdict got better", (unsigned long long)first_seed, round);
      }
    }
    rig_destroy(world);
  }
}
