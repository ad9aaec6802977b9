#ifndef MST_AGENT_UPLINK_THREADS_H
#define MST_AGENT_UPLINK_THREADS_H

#include <mst/common/err.h>

/* Starts nng with as few threads as it can do with: 11, whatever the host. It makes them by the number of processors (14 on 2, 88 on 64)
 * and 1.5.2 has no setting for it, but it asks sysconf, which this program answers itself while nng starts. docs/adr/0020-agent-threads.md
 * has what was tried. Before any other call of nng and before threads of our own start. */
mst_err mst_uplink_bound_threads(mst_errctx *ctx) MST_MUST_USE;

#endif
