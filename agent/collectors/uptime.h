#ifndef MST_AGENT_UPTIME_H
#define MST_AGENT_UPTIME_H

#include <mst/agent/collector.h>

enum { MST_BOOT_ID_BYTES = 36 /* a UUID in text */ };

/* The first number of /proc/uptime, in seconds. MST_EMALFORMED: no such number, or nothing after it; ret untouched. Pure. Source:
 * proc_uptime(5). */
mst_err mst_uptime_parse(const char *text, size_t length, double *ret_uptime_s, mst_errctx *ctx) MST_MUST_USE;
/* /proc/sys/kernel/random/boot_id: a UUID. MST_EMALFORMED for anything else; ret untouched. Pure. */
mst_err mst_boot_id_parse(const char *text, size_t length, char ret_id[static MST_BOOT_ID_BYTES + 1], mst_errctx *ctx) MST_MUST_USE;

extern const mst_collector mst_collector_uptime;

#endif
