#ifndef MST_AGENT_MODULE_H
#define MST_AGENT_MODULE_H

#include <mst/agent/collector.h>

/* Collectors whose libraries are heavy stand in shared objects of their own, muster-agent-NAME.so, which export this array,
 * NULL-terminated. The functions of the agent that they call are the agent's own. They lie beside the executable, in modules/ (as built) or
 * ../lib/muster (as installed), and nowhere else: neither the plan nor the environment can name another place. */
extern const mst_collector *const mst_agent_module[];
/* Changes with every change of collector.h, or of what modules use of each other (modules/tail_state.h), that one built before would not
 * survive. */
extern const uint32_t mst_agent_module_version;
enum { MST_AGENT_MODULE_VERSION = 4 };

/* Loads the module (once; it stays until the process ends) and finds the collector of that name in it. module: "tails". MST_EIO: it is not
 * installed, or a library that it needs is not there. Loop thread. */
mst_err mst_module_load(const char *module, const char *collector, const mst_collector **ret_collector, mst_errctx *ctx) MST_MUST_USE;
/* Loads the module likewise, and finds what it exports under that name, for a module that builds on another. Loop thread. */
mst_err mst_module_find(const char *module, const char *symbol, const void **ret_symbol, mst_errctx *ctx) MST_MUST_USE;

#endif
