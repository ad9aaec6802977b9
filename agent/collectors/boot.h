#ifndef MST_AGENT_BOOT_H
#define MST_AGENT_BOOT_H

#include <stddef.h>
#include <stdint.h>

#include <mst/common/clock.h>
#include <mst/common/err.h>

/* The boot time that /proc/stat states ("btime", Unix seconds). Pure. MST_EMALFORMED when there is none. Source: proc_stat(5). */
mst_err mst_boot_parse(const char *text, size_t length, mst_wall *ret_boot_at, mst_errctx *ctx) MST_MUST_USE;

/* Reads it once; the kernel computes it anew each time, and it moves by a second when the clock is set: whoever needs it keeps the first
 * answer. Errors as mst_source_open, and MST_EMALFORMED. */
mst_err mst_boot_read(int root_fd, mst_wall *ret_boot_at, mst_errctx *ctx) MST_MUST_USE;

/* Ticks of USER_HZ in seconds: the unit of times in /proc/stat and /proc/PID/stat. */
double mst_boot_ticks_s(uint64_t ticks);
/* The same in ns, at most INT64_MAX. */
int64_t mst_boot_ticks_ns(uint64_t ticks);

#endif
