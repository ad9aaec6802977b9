#include "schedule.h"

#include <string.h>

uint64_t
mst_schedule_seed(const mst_key_id *id)
{
  uint64_t seed;

  memcpy(&seed, id->bytes, sizeof seed);
  return seed;
}

int64_t
mst_schedule_wait(const mst_schedule *schedule, mst_wall now, uint32_t random)
{
  const int64_t interval_ns = schedule->interval_ns;
  int64_t phase_ns = (int64_t)(schedule->seed % (uint64_t)interval_ns);
  int64_t wait_ns = phase_ns - now.ns % interval_ns;

  if (wait_ns <= 0)
    wait_ns += interval_ns;
  wait_ns += (int64_t)(schedule->jitter_ratio * (double)interval_ns * ((double)random / 4294967296.0));
  /* A timer that fired a little early, or a start just before the host's turn. */
  if (wait_ns < interval_ns / 10)
    wait_ns += interval_ns;
  return wait_ns;
}
