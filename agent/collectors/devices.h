#ifndef MST_AGENT_DEVICES_H
#define MST_AGENT_DEVICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mst/agent/collector.h>

#include "collectors/scan.h"

/* What is remembered of each disk or interface between two samples. The kernel lists them in nearly the same order each time, so a search
 * begins behind the last find and mostly ends there. */
enum { MST_DEVICE_NAME_BYTES = 64 /* DISK_NAME_LEN is 32, IFNAMSIZ 16 */ };

/* First member of every item. */
typedef struct mst_device {
  char name[MST_DEVICE_NAME_BYTES];
  uint32_t seen; /* number of the round that saw it last */
} mst_device;

typedef struct mst_devices {
  char *items; /* owned */
  size_t item_bytes, count, capacity, max;
  size_t hint;
  uint32_t round;
} mst_devices;

/* max: the most that are remembered. */
void mst_devices_init(mst_devices *devices, size_t item_bytes, size_t max);
void mst_devices_done(mst_devices *devices);
/* Before the devices of one sample are looked up, and after: forgets those that were not. */
void mst_devices_begin(mst_devices *devices);
void mst_devices_end(mst_devices *devices);
/* The item of that name, zeroed but for the name when it is new (*ret_is_new). Valid until the next call.
 * MST_ELIMIT over max, MST_EMALFORMED for a name that does not fit, MST_ENOMEM. */
mst_err mst_devices_get(mst_devices *devices, mst_scan name, void **ret_item, bool *ret_is_new, mst_errctx *ctx) MST_MUST_USE;

/* True when the name fits one of the patterns (shell wildcards, fnmatch(3)) of an option, or of `defaults` when the plan does not give it.
 */
bool mst_devices_match(const mst_option *option, const char *const *defaults, const char *name);

#endif
