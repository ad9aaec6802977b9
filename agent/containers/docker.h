#ifndef MST_CONTAINERS_DOCKER_H
#define MST_CONTAINERS_DOCKER_H

#include "collectors/docker.h"
#include "watch.h"

/* Gives what a snapshot says. now: for the uptime. is_in_doubt: the restarts by hand cannot be told this once. Pure but for the sink. */
mst_err mst_docker_give(const mst_docker_snapshot *snapshot, mst_wall now, bool is_in_doubt, mst_sink *sink, mst_errctx *ctx) MST_MUST_USE;

extern const mst_collector mst_docker_collector;

#endif
