/* The agent's module "probes-http": kinds that speak HTTP, by libcurl. */
#include "module.h"
#include "probes/web/kinds.h"

const uint32_t mst_agent_module_version = MST_AGENT_MODULE_VERSION;
// clang-format off
const mst_probe_kind *const mst_probe_kinds[] = {
    &mst_probe_kind_attack,
    &mst_probe_kind_http,
    &mst_probe_kind_load,
    &mst_probe_kind_rate_limit,
    &mst_probe_kind_scenario,
    &mst_probe_kind_scrape,
    NULL,
};
// clang-format on
