#include <criterion/criterion.h>

#include <mst/common/clock.h>

#include "backoff.h"

static const uint64_t longest_draw = (uint64_t)INT64_MAX; /* odd enough to reach high values for any ceiling */

static int64_t
longest(mst_backoff backoff)
{
  int64_t most_ns = 0;
  for (uint64_t i = 0; i < 2000; i++) {
    mst_backoff copy = backoff;
    int64_t wait_ns = mst_backoff_next(&copy, i * (longest_draw / 2000) + i * 7919);
    most_ns = wait_ns > most_ns ? wait_ns : most_ns;
  }
  return most_ns;
}

Test(backoff, next__failures_in_a_row__ceiling_doubles_to_the_most)
{
  mst_backoff backoff = {.least_ns = 2 * MST_NS_PER_S, .most_ns = 60 * MST_NS_PER_S};
  const int64_t ceilings_s[] = {2, 4, 8, 16, 32, 60, 60, 60};
  for (size_t i = 0; i < 8; i++) {
    int64_t most_ns = longest(backoff);
    cr_expect_leq(most_ns, ceilings_s[i] * MST_NS_PER_S);
    cr_expect_gt(most_ns, ceilings_s[i] * MST_NS_PER_S * 9 / 10);
    (void)mst_backoff_next(&backoff, 0);
  }
}

Test(backoff, next__any_draw__never_under_the_floor)
{
  mst_backoff backoff = {.least_ns = 2 * MST_NS_PER_S, .most_ns = 60 * MST_NS_PER_S};
  cr_expect_eq(mst_backoff_next(&backoff, 0), MST_BACKOFF_FLOOR_NS);
}

Test(backoff, reset__after_failures__starts_small_again)
{
  mst_backoff backoff = {.least_ns = 2 * MST_NS_PER_S, .most_ns = 60 * MST_NS_PER_S};
  for (int i = 0; i < 1000; i++)
    (void)mst_backoff_next(&backoff, (uint64_t)i);
  mst_backoff_reset(&backoff);
  cr_expect_leq(longest(backoff), 2 * MST_NS_PER_S);
}

Test(backoff, next__thousand_hosts__spread_evenly)
{
  unsigned quarters[4] = {0};
  uint64_t random = 1;
  for (int i = 0; i < 4000; i++) {
    mst_backoff backoff = {.least_ns = 60 * MST_NS_PER_S, .most_ns = 60 * MST_NS_PER_S};
    random = random * 6364136223846793005ULL + 1442695040888963407ULL;
    quarters[mst_backoff_next(&backoff, random >> 11) / (15 * MST_NS_PER_S + 1)]++;
  }
  for (int i = 0; i < 4; i++) {
    cr_expect_gt(quarters[i], 900);
    cr_expect_lt(quarters[i], 1100);
  }
}
