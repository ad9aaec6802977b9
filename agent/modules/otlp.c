/* The agent's module "otlp". */
#include "module.h"

extern const mst_collector mst_otlp_collector;

const uint32_t mst_agent_module_version = MST_AGENT_MODULE_VERSION;
const mst_collector *const mst_agent_module[] = {&mst_otlp_collector, NULL};
