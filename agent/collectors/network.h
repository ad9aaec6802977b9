#ifndef MST_AGENT_NETWORK_H
#define MST_AGENT_NETWORK_H

#include <mst/agent/collector.h>

#include "collectors/scan.h"

enum {
  MST_NETWORK_RECEIVED_BYTES,
  MST_NETWORK_RECEIVED_PACKETS,
  MST_NETWORK_RECEIVED_ERRORS,
  MST_NETWORK_RECEIVED_DROPPED,
  MST_NETWORK_SENT_BYTES,
  MST_NETWORK_SENT_PACKETS,
  MST_NETWORK_SENT_ERRORS,
  MST_NETWORK_SENT_DROPPED,
  MST_NETWORK_FIGURES
};

typedef struct mst_network_line {
  mst_scan name; /* points into the line */
  uint64_t figure[MST_NETWORK_FIGURES];
} mst_network_line;

/* Reads one line of /proc/net/dev behind the two of its head. MST_EMALFORMED: no "name:" and 12 numbers; ret untouched. Pure.
 * Source: proc_pid_net(5); net/core/net-procfs.c. */
mst_err mst_network_parse(mst_scan line, mst_network_line *ret_line, mst_errctx *ctx) MST_MUST_USE;

/* Reads /sys/class/net/NAME/speed, Mbit/s. MST_EABSENT: the driver does not know ("-1", or 0); MST_EMALFORMED; ret untouched. Pure. */
mst_err mst_network_speed_parse(const char *text, size_t length, uint64_t *ret_bits_per_s, mst_errctx *ctx) MST_MUST_USE;

extern const mst_collector mst_collector_network;

#endif
