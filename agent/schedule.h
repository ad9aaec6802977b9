#ifndef MST_AGENT_SCHEDULE_H
#define MST_AGENT_SCHEDULE_H

#include <stdint.h>

#include <mst/common/clock.h>
#include <mst/common/key.h>

/* When reports are taken: each host has its own place in the interval (drawn from its key), so that hosts spread evenly over it and stay
 * where they are through restarts; jitter comes on top. Pure. */
typedef struct mst_schedule {
  int64_t interval_ns;
  double jitter_ratio; /* 0..0.5 */
  uint64_t seed;       /* of this host */
} mst_schedule;

uint64_t mst_schedule_seed(const mst_key_id *id);
/* How long to wait for the next report. random: evenly drawn. Between a tenth of the interval and twice the interval. */
int64_t mst_schedule_wait(const mst_schedule *schedule, mst_wall now, uint32_t random);

#endif
