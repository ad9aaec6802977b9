/* The agent's module "probes-redis": by hiredis. */
#include "module.h"
#include "probes/redis/kinds.h"

const uint32_t mst_agent_module_version = MST_AGENT_MODULE_VERSION;
const mst_probe_kind *const mst_probe_kinds[] = {&mst_probe_kind_redis, NULL};
