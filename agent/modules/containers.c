/* The agent's module "containers". */
#include "containers/docker.h"
#include "module.h"

const uint32_t mst_agent_module_version = MST_AGENT_MODULE_VERSION;
const mst_collector *const mst_agent_module[] = {&mst_docker_collector, NULL};
