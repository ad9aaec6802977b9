#ifndef MST_AGENT_FILESYSTEM_H
#define MST_AGENT_FILESYSTEM_H

#include <sys/statvfs.h>

#include <mst/agent/collector.h>

typedef struct mst_filesystem_figures {
  double total, used, free, reserved; /* bytes; free: to everybody; reserved: to root only */
  double utilization;                 /* used of what is not reserved, as df says it */
  bool has_inodes;                    /* btrfs and some others have no fixed number of them */
  double inodes_used, inodes_free, inodes_utilization;
} mst_filesystem_figures;

/* MST_EABSENT: it states no size; MST_EMALFORMED: more free than there is; ret untouched. Pure. Source: statvfs(3); df of coreutils. */
mst_err mst_filesystem_compute(const struct statvfs *stat, mst_filesystem_figures *ret_figures, mst_errctx *ctx) MST_MUST_USE;

extern const mst_collector mst_collector_filesystem;

#endif
