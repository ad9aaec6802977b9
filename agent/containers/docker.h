#ifndef MST_CONTAINERS_DOCKER_H
#define MST_CONTAINERS_DOCKER_H

#include <mst/agent/collector.h>

#include "watch.h"

/* The signals, in the order of the table. */
enum mst_docker_signal {
  MST_DOCKER_UP,
  MST_DOCKER_VERSION,
  MST_DOCKER_API_VERSION,
  MST_DOCKER_CONTAINERS,
  MST_CONTAINER_STATE,
  MST_CONTAINER_HEALTH,
  MST_CONTAINER_RESTARTS,
  MST_CONTAINER_BY_HAND,
  MST_CONTAINER_NOT_RECOVERED,
  MST_CONTAINER_EXIT_CODE,
  MST_CONTAINER_OOM_KILLS,
  MST_CONTAINER_PRIVILEGED,
  MST_CONTAINER_CAPABILITIES,
  MST_CONTAINER_ROOT,
  MST_CONTAINER_DIGEST,
  MST_CONTAINER_UPTIME,
  MST_CONTAINER_CPU_TIME,
  MST_CONTAINER_MEMORY,
  MST_CONTAINER_NETWORK,
  MST_CONTAINER_DISK,
  MST_DOCKER_SIGNALS
};
extern const mst_signal mst_docker_signals[MST_DOCKER_SIGNALS];

/* Gives what a snapshot says. now: for the uptime. Pure but for the sink. */
mst_err mst_docker_give(const mst_docker_snapshot *snapshot, mst_wall now, mst_sink *sink, mst_errctx *ctx) MST_MUST_USE;

extern const mst_collector mst_collector_docker;

#endif
