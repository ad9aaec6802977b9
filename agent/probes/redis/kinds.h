#ifndef MST_PROBES_REDIS_KINDS_H
#define MST_PROBES_REDIS_KINDS_H

#include <mst/probes/probe.h>
#include <mst/proto/probe_kinds.h>

extern const mst_probe_kind mst_probe_kind_redis;
/* NULL-terminated; what the agent looks for in the module. */
extern const mst_probe_kind *const mst_probe_kinds[];

#endif
