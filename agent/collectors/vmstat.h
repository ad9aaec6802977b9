#ifndef MST_AGENT_VMSTAT_H
#define MST_AGENT_VMSTAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mst/common/err.h>

enum {
  MST_VMSTAT_FIRST_BYTES = 8192,
  MST_VMSTAT_MAX_BYTES = 65536, /* some 200 lines of 25 bytes today; the kernel adds some each year */
};

typedef struct mst_vmstat_value {
  const char *name; /* in: "pgfault" */
  bool found;       /* out */
  uint64_t value;   /* out, meaningless when not found */
} mst_vmstat_value;

/* Looks up some lines of /proc/vmstat. A line that is not there is no error (kernels differ), one without its number is MST_EMALFORMED, and
 * so is a text without any line; `values` are then half filled. Pure. Source: proc_vmstat(5). */
mst_err mst_vmstat_parse(const char *text, size_t length, mst_vmstat_value *values, size_t count, mst_errctx *ctx) MST_MUST_USE;

#endif
