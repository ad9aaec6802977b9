/* Wraps and trembling of counters; see counter.h. */
#include "collectors/counter.h"

static const uint64_t wrap = UINT64_C(1) << 32;

uint64_t
mst_counter_unwrap(mst_counter *counter, uint64_t now)
{
  if (now < counter->last) {
    if (counter->last < wrap && counter->last >= wrap / 4 * 3 && now < wrap / 4)
      counter->added += wrap;
    else
      counter->added = 0;
  }
  counter->last = now;
  return counter->added + now;
}

uint64_t
mst_counter_hold(mst_counter *counter, uint64_t now, uint64_t most)
{
  if (now < counter->last && counter->last - now <= most)
    return counter->last;
  counter->last = now;
  return now;
}
