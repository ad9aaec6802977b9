#ifndef MST_CONTAINERS_DOCKER_H
#define MST_CONTAINERS_DOCKER_H

#include "collectors/docker.h"
#include "watch.h"

/* Gives what a snapshot says. now: for the uptime. Pure but for the sink. */
mst_err mst_docker_give(const mst_docker_snapshot *snapshot, mst_wall now, mst_sink *sink, mst_errctx *ctx) MST_MUST_USE;

extern const mst_collector mst_docker_collector;

#endif
