#ifndef MST_CONTROLLER_AGENT_CHANGE_H
#define MST_CONTROLLER_AGENT_CHANGE_H

#include "core_parts.h"

/* Gives the agent the plan of its labels; under the state's write lock, or before there are readers. */
void mst_agent_take_plan(mst_core *core, mst_agent_entry *agent);
/* Writes an agent with another state and labels; inside a transaction. */
mst_err mst_agent_store(mst_core *core, const mst_agent_entry *agent, mst_agent_state state, const char *labels, mst_wall now,
                        mst_errctx *ctx) MST_MUST_USE;

#endif
