#ifndef MST_AGENT_HOST_H
#define MST_AGENT_HOST_H

#include <mst/agent/collector.h>

/* The value of a key of os-release(5) without its quotes. MST_EABSENT: no such line; MST_EMALFORMED: a quote that is not closed, or over
 * size_bytes - 1; ret untouched. Pure. */
mst_err mst_host_release_value(const char *text, size_t length, const char *key, char *ret, size_t size_bytes,
                               mst_errctx *ctx) MST_MUST_USE;

/* What OpenTelemetry calls the machine that the kernel calls x86_64: "amd64"; an unknown one stays as it is. */
const char *mst_host_arch_name(const char *machine);

extern const mst_collector mst_collector_host;

#endif
