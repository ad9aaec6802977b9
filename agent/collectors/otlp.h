#ifndef MST_AGENT_COLLECTORS_OTLP_H
#define MST_AGENT_COLLECTORS_OTLP_H

#include <mst/agent/collector.h>

/* What is told of the traces and metrics that come by OTLP. The agent has names and help; the listener is in its module "otlp". */
enum mst_otlp_signal {
  MST_OTLP_SPANS,
  MST_OTLP_POINTS,
  MST_OTLP_REQUESTS,
  MST_OTLP_REJECTED,
  MST_OTLP_SHARE,
  MST_OTLP_SAMPLING,
  MST_OTLP_SIGNALS
};
extern const mst_signal mst_otlp_signals[MST_OTLP_SIGNALS];

/* Label values, NULL-terminated; spans' in the order of the status' numbers on the wire. */
extern const char *const mst_otlp_statuses[];
extern const char *const mst_otlp_shares[];

#endif
