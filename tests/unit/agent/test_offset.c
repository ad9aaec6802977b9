#include <criterion/criterion.h>

#include "offset.h"

#define MS MST_NS_PER_MS

static const mst_wall wall = {1700000000LL * MST_NS_PER_S};

/* An exchange that begins at mono `sent_ms`: there and back in ms, the controller `ahead_ms` ahead of our wall clock, where wall - mono is
 * wall.ns. */
static bool
exchange(mst_offset_filter *filter, int64_t sent_ms, int64_t there_ms, int64_t work_ms, int64_t back_ms, int64_t ahead_ms)
{
  const int64_t received_ms = sent_ms + there_ms + ahead_ms;

  return mst_offset_add(filter, (mst_mono){sent_ms * MS}, (mst_wall){wall.ns + received_ms * MS},
                        (mst_wall){wall.ns + (received_ms + work_ms) * MS}, (mst_mono){(sent_ms + there_ms + work_ms + back_ms) * MS});
}

static int64_t
offset_ms(const mst_offset_filter *filter)
{
  int64_t ns = 0;
  cr_assert(mst_offset_get(filter, wall, (mst_mono){0}, &ns));
  return ns / MS;
}

Test(offset, get__no_exchange__unknown)
{
  const mst_offset_filter filter = {0};
  int64_t ns = 77;
  cr_expect_not(mst_offset_get(&filter, wall, (mst_mono){0}, &ns));
  cr_expect_eq(ns, 77);
}

Test(offset, add__same_way_there_and_back__exact)
{
  mst_offset_filter filter = {0};
  cr_assert(exchange(&filter, 1000, 5, 100, 5, 250));
  cr_expect_eq(offset_ms(&filter), 250);
  cr_assert(exchange(&filter, 2000, 4, 100, 4, -3000));
  cr_expect_eq(offset_ms(&filter), -3000);
}

Test(offset, add__slow_ones_among_eight__least_delay_wins)
{
  mst_offset_filter filter = {0};
  for (int i = 0; i < 7; i++)
    cr_assert(exchange(&filter, i * 1000, 40 + i, 10, 400, 100)); /* the way back is slow: 180 ms off */
  cr_assert(exchange(&filter, 7000, 2, 10, 4, 100));
  cr_expect_eq(offset_ms(&filter), 99);
  for (int i = 0; i < 7; i++)
    cr_assert(exchange(&filter, 8000 + i * 1000, 40, 10, 400, 100));
  cr_expect_eq(offset_ms(&filter), 99, "the good one is still among the last eight");
  cr_assert(exchange(&filter, 16000, 40, 10, 400, 100));
  cr_expect_lt(offset_ms(&filter), 0, "and no longer");
}

Test(offset, get__our_clock_stepped__follows_at_once)
{
  mst_offset_filter filter = {0};
  int64_t ns;
  cr_assert(exchange(&filter, 1000, 5, 0, 5, 250));
  cr_assert(mst_offset_get(&filter, (mst_wall){wall.ns + 10000 * MS + 2000 * MS}, (mst_mono){10000 * MS}, &ns));
  cr_expect_eq(ns / MS, 250 - 2000);
}

Test(offset, add__stamps_that_contradict_each_other__left_out)
{
  mst_offset_filter filter = {0};
  cr_expect_not(exchange(&filter, 1000, 5, 100, -200, 0), "answered before it was sent");
  cr_expect_not(exchange(&filter, 1000, 5, -10, 5, 0), "replied before it was received");
  cr_expect_not(mst_offset_add(&filter, (mst_mono){0}, (mst_wall){0}, (mst_wall){100}, (mst_mono){50}), "worked longer than it took");
  cr_expect_not(mst_offset_add(&filter, (mst_mono){0}, (mst_wall){INT64_MAX}, (mst_wall){INT64_MAX}, (mst_mono){50}));
  cr_expect_not(mst_offset_add(&filter, (mst_mono){0}, (mst_wall){-5}, (mst_wall){5}, (mst_mono){50}));
  cr_expect_eq(filter.count, 0);
}
