/* The agent's module "probes": kinds that need no library of their own. */
#include "module.h"
#include "probes/host/kinds.h"
#include "probes/net/kinds.h"

const uint32_t mst_agent_module_version = MST_AGENT_MODULE_VERSION;
// clang-format off
const mst_probe_kind *const mst_probe_kinds[] = {
    &mst_probe_kind_exec,
    &mst_probe_kind_file,
    &mst_probe_kind_tcp,
    NULL,
};
// clang-format on
