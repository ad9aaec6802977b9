#ifndef MST_AGENT_MEMORY_H
#define MST_AGENT_MEMORY_H

#include <mst/agent/collector.h>

/* Bytes, from /proc/meminfo. */
typedef struct mst_memory {
  uint64_t total, free, buffers;
  uint64_t cached;    /* page cache and what slab can give back */
  uint64_t available; /* the kernel's estimate; before Linux 3.14 free + buffers + cached */
  bool has_swap;      /* the two below were there */
  uint64_t swap_total, swap_free;
} mst_memory;

/* MST_EMALFORMED: a line that is needed is missing, is no number of kB, or says more than there is; ret untouched. Pure. Source:
 * proc_meminfo(5). */
mst_err mst_memory_parse(const char *text, size_t length, mst_memory *ret_memory, mst_errctx *ctx) MST_MUST_USE;

enum {
  MST_MEMINFO_FIRST_BYTES = 2048,
  MST_MEMINFO_MAX_BYTES = 16384, /* some 60 lines of 28 bytes; ten times that is not meminfo */
};

extern const mst_collector mst_collector_memory;

#endif
