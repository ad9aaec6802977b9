/* Days to full: a line through what was seen. */
#include "rig.h"

#include <math.h>

#include "collectors/projection.h"

static const mst_wall begin = {1795420000LL * MST_NS_PER_S};

static mst_wall
after(double seconds)
{
  return (mst_wall){begin.ns + (int64_t)(seconds * 1e9)};
}

static double
days_of(const mst_projection *projection, double free)
{
  mst_errctx ctx = {0};
  double days = -1;

  cr_assert_eq(mst_projection_days(projection, free, &days, &ctx), MST_OK, "%s", ctx.text);
  return days;
}

Test(projection, steady_growth__is_found_exactly)
{
  mst_projection projection = {0};

  for (int i = 0; i <= 12 * 360; i++) /* 100 bytes a second for 12 hours */
    mst_projection_add(&projection, after(10.0 * i), 5e9 + 1000.0 * i);
  cr_expect_float_eq(days_of(&projection, 8.64e6 * 45), 45, 1e-6);
}

Test(projection, constant_or_falling__lasts_ten_years)
{
  mst_projection constant = {0}, falling = {0};

  for (int i = 0; i < 400; i++) {
    mst_projection_add(&constant, after(10.0 * i), 5e9);
    mst_projection_add(&falling, after(10.0 * i), 5e9 - i);
  }
  cr_expect_float_eq(days_of(&constant, 1e9), 3650, 1e-9);
  cr_expect_float_eq(days_of(&falling, 1e9), 3650, 1e-9);
  cr_expect_float_eq(days_of(&constant, 0), 3650, 1e-9);
}

Test(projection, noise_around_a_growth__leaves_it)
{
  mst_projection projection = {0};
  uint32_t random = 7;

  for (int i = 0; i <= 24 * 360; i++) {
    random = random * 1664525 + 1013904223;
    mst_projection_add(&projection, after(10.0 * i), 1e9 + 1e4 * i + ((double)random / 4294967296.0 - 0.5) * 2e7);
  }
  cr_expect_float_eq(days_of(&projection, 8.64e7 * 30), 30, 0.6);
}

Test(projection, what_grew_days_ago__no_longer_counts)
{
  mst_projection projection = {0};

  for (int i = 0; i <= 6 * 360; i++) /* six hours of growth, ten days of rest */
    mst_projection_add(&projection, after(10.0 * i), 1e6 * i);
  for (int i = 6 * 60; i <= 246 * 60; i++)
    mst_projection_add(&projection, after(60.0 * i), 2.16e9);
  cr_expect_gt(days_of(&projection, 1e9), 300);
}

Test(projection, watched_too_shortly__says_nothing)
{
  mst_projection projection = {0};
  mst_errctx ctx = {0};
  double days = 7;

  cr_expect_eq(mst_projection_days(&projection, 1, &days, &ctx), MST_EABSENT);
  for (int i = 0; i < 180; i++)
    mst_projection_add(&projection, after(10.0 * i), i);
  cr_expect_eq(mst_projection_days(&projection, 1, &days, &ctx), MST_EABSENT);
  cr_expect_eq(days, 7);
  mst_projection_add(&projection, after(1800), 180);
  cr_expect_eq(mst_projection_days(&projection, 1, &days, &ctx), MST_OK);
}

Test(projection, clock_that_goes_back__begins_anew)
{
  mst_projection projection = {0};
  mst_errctx ctx = {0};
  double days;

  for (int i = 0; i < 400; i++)
    mst_projection_add(&projection, after(10.0 * i), i);
  mst_projection_add(&projection, after(-100), 1);
  cr_expect_eq(mst_projection_days(&projection, 1, &days, &ctx), MST_EABSENT);
}

Test(projection, file_system_and_memory__are_said_after_half_an_hour)
{
  struct rig rig;

  rig_init(&rig, "centos6-linux2.6.32");
  rig_start(&rig, "memory", "");
  rig_tick(&rig, 0);
  cr_expect_not(rig_has(&rig, "muster.memory.days_to_full", ""));
  for (int i = 0; i < 31; i++)
    rig_tick(&rig, 60 * MST_NS_PER_S);
  cr_expect_float_eq(rig_number(&rig, "muster.memory.days_to_full", ""), 3650, 1e-9);
  rig_done(&rig);
}
