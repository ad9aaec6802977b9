#include "offset.h"

/* Outside of 1970 to 2116 a stamp is nonsense, and inside nothing below can overflow. */
#define LATEST_NS (INT64_MAX / 2)

static bool
is_plausible(int64_t ns)
{
  return ns >= 0 && ns <= LATEST_NS;
}

bool
mst_offset_add(mst_offset_filter *filter, mst_mono sent, mst_wall received, mst_wall replied, mst_mono answered)
{
  if (!is_plausible(sent.ns) || !is_plausible(answered.ns) || !is_plausible(received.ns) || !is_plausible(replied.ns))
    return false;
  int64_t delay_ns = (answered.ns - sent.ns) - (replied.ns - received.ns);
  if (answered.ns < sent.ns || replied.ns < received.ns || delay_ns < 0)
    return false;
  /* ((t2 - t1) + (t3 - t4)) / 2, halved first so that it cannot overflow */
  filter->samples[filter->next].ahead_ns = (received.ns - sent.ns) / 2 + (replied.ns - answered.ns) / 2;
  filter->samples[filter->next].delay_ns = delay_ns;
  filter->next = (filter->next + 1) % MST_OFFSET_SAMPLES;
  filter->count += filter->count < MST_OFFSET_SAMPLES;
  return true;
}

bool
mst_offset_get(const mst_offset_filter *filter, mst_wall wall, mst_mono mono, int64_t *ret_ns)
{
  size_t best = 0;

  if (filter->count == 0)
    return false;
  for (size_t i = 1; i < filter->count; i++)
    if (filter->samples[i].delay_ns < filter->samples[best].delay_ns)
      best = i;
  *ret_ns = filter->samples[best].ahead_ns - (wall.ns - mono.ns);
  return true;
}
