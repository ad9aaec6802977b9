#include "backoff.h"

int64_t
mst_backoff_next(mst_backoff *backoff, uint64_t random)
{
  int64_t ceiling_ns = backoff->least_ns;

  for (unsigned i = 0; i < backoff->failures && ceiling_ns < backoff->most_ns; i++)
    ceiling_ns = ceiling_ns > backoff->most_ns / 2 ? backoff->most_ns : ceiling_ns * 2;
  if (ceiling_ns < backoff->most_ns)
    backoff->failures++;
  int64_t wait_ns = (int64_t)(random % (uint64_t)(ceiling_ns + 1));
  return wait_ns < MST_BACKOFF_FLOOR_NS ? MST_BACKOFF_FLOOR_NS : wait_ns;
}

void
mst_backoff_reset(mst_backoff *backoff)
{
  backoff->failures = 0;
}
