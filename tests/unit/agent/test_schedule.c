#include <criterion/criterion.h>

#include "schedule.h"

#define S MST_NS_PER_S

Test(schedule, wait__no_jitter__hits_the_hosts_own_moment)
{
  const mst_schedule schedule = {.interval_ns = 10 * S, .seed = 3 * (uint64_t)S};
  cr_expect_eq(mst_schedule_wait(&schedule, (mst_wall){100 * S}, 0), 3 * S);
  cr_expect_eq(mst_schedule_wait(&schedule, (mst_wall){103 * S}, 0), 10 * S);
  cr_expect_eq(mst_schedule_wait(&schedule, (mst_wall){105 * S}, 0), 8 * S);
}

Test(schedule, wait__timer_fired_a_little_early__not_twice)
{
  const mst_schedule schedule = {.interval_ns = 10 * S, .seed = 3 * (uint64_t)S};
  cr_expect_eq(mst_schedule_wait(&schedule, (mst_wall){103 * S - 1000}, 0), 10 * S + 1000);
}

Test(schedule, wait__jitter__late_by_up_to_its_part_and_no_drift)
{
  const mst_schedule schedule = {.interval_ns = 10 * S, .jitter_ratio = 0.1, .seed = 3 * (uint64_t)S};
  int64_t now_ns = 1000 * S;
  uint32_t random = 1;
  for (int i = 0; i < 1000; i++) {
    random = random * 1664525u + 1013904223u;
    now_ns += mst_schedule_wait(&schedule, (mst_wall){now_ns}, random);
    int64_t late_ns = (now_ns - 3 * S) % (10 * S);
    cr_assert_leq(late_ns, S);
  }
  cr_expect_geq(now_ns, (1000 + 999 * 10) * S);
  cr_expect_leq(now_ns, (1000 + 1001 * 10) * S);
}

Test(schedule, wait__many_hosts__spread_over_the_interval)
{
  unsigned tenths[10] = {0};
  for (uint64_t host = 0; host < 1000; host++) {
    mst_key_id id;
    for (size_t i = 0; i < sizeof id.bytes; i++)
      id.bytes[i] = (uint8_t)((host * 2654435761u >> (i % 4 * 8)) ^ (i * 37));
    const mst_schedule schedule = {.interval_ns = 10 * S, .seed = mst_schedule_seed(&id)};
    int64_t at_ns = (100 * S + mst_schedule_wait(&schedule, (mst_wall){100 * S}, 0)) % (10 * S);
    tenths[at_ns / S]++;
  }
  for (int i = 0; i < 10; i++)
    cr_expect_gt(tenths[i], 50, "tenth %d has %u", i, tenths[i]);
}
