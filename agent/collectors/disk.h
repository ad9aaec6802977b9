#ifndef MST_AGENT_DISK_H
#define MST_AGENT_DISK_H

#include <mst/agent/collector.h>

#include "collectors/scan.h"

enum {
  MST_DISK_READS,
  MST_DISK_READ_SECTORS, /* of 512 bytes, whatever the disk's own are */
  MST_DISK_READ_MS,
  MST_DISK_WRITES,
  MST_DISK_WRITTEN_SECTORS,
  MST_DISK_WRITE_MS,
  MST_DISK_BUSY_MS, /* during which at least one request was under way */
  MST_DISK_FIGURES
};

typedef struct mst_disk_line {
  mst_scan name; /* points into the line */
  uint64_t figure[MST_DISK_FIGURES];
} mst_disk_line;

/* Reads one line of /proc/diskstats. MST_EMALFORMED: under 14 columns, or one that is no number; ret untouched. Pure.
 * Source: Documentation/admin-guide/iostats.rst. */
mst_err mst_disk_parse(mst_scan line, mst_disk_line *ret_line, mst_errctx *ctx) MST_MUST_USE;

/* Whether the kernel would name a partition like that: sda1, nvme0n1p2, mmcblk0p1. For hosts whose /sys cannot be asked. Pure. */
bool mst_disk_name_is_partition(const char *name);

extern const mst_collector mst_collector_disk;

#endif
