#ifndef MST_AGENT_LOAD_H
#define MST_AGENT_LOAD_H

#include <mst/agent/collector.h>

/* Reads the averages over 1, 5 and 15 minutes at the start of /proc/loadavg, in tasks.
 * MST_EMALFORMED: not three numbers of at least 0, each followed by a blank; ret untouched. Pure. Source: proc_loadavg(5). */
mst_err mst_load_parse(const char *text, size_t length, double ret_load[static 3], mst_errctx *ctx) MST_MUST_USE;

extern const mst_collector mst_collector_load;

#endif
