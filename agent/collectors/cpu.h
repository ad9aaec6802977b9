#ifndef MST_AGENT_CPU_H
#define MST_AGENT_CPU_H

#include <stddef.h>
#include <stdint.h>

#include <mst/agent/collector.h>

enum {
  MST_CPU_USER, /* with the time of guests, as the kernel counts it */
  MST_CPU_NICE,
  MST_CPU_SYSTEM,
  MST_CPU_IDLE,
  MST_CPU_IOWAIT,
  MST_CPU_INTERRUPT, /* hard and soft */
  MST_CPU_STEAL,
  MST_CPU_STATES
};

/* Time of all CPUs together since boot, in ticks of USER_HZ. */
typedef struct mst_cpu_times {
  uint64_t ticks[MST_CPU_STATES];
} mst_cpu_times;

/* Reads the first line of /proc/stat. Kernels before 2.6.11 give no steal time: it is 0.
 * MST_EMALFORMED: no such line, or under seven numbers; ret untouched. Pure. Source: proc_stat(5). */
mst_err mst_cpu_parse(const char *text, size_t length, mst_cpu_times *ret_times, mst_errctx *ctx) MST_MUST_USE;

/* Counts a list of CPUs as /sys/devices/system/cpu/online gives it: "0-3,8". MST_EMALFORMED; MST_ELIMIT over 2^16. Pure. */
mst_err mst_cpu_count_parse(const char *text, size_t length, uint32_t *ret_count, mst_errctx *ctx) MST_MUST_USE;

/* Each state's share of the time between two readings, and the share that was not idle: neither idle nor iowait, during which a CPU
 * has nothing to run. False when no tick passed. Falls count as no time. Pure. */
bool mst_cpu_shares(const mst_cpu_times *before, const mst_cpu_times *now, double ret_shares[static MST_CPU_STATES], double *ret_busy);

extern const mst_collector mst_collector_cpu;

#endif
