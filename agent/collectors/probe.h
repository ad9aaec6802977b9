#ifndef MST_AGENT_COLLECTORS_PROBE_H
#define MST_AGENT_COLLECTORS_PROBE_H

#include <mst/agent/collector.h>

/* What a probe gives; agent/probes/ measures it. */
enum {
  MST_PROBE_SIGNAL_DELAY,
  MST_PROBE_SIGNAL_DURATION,
  MST_PROBE_SIGNAL_PHASE,
  MST_PROBE_SIGNAL_REASON,
  MST_PROBE_SIGNAL_STATE,
  MST_PROBE_SIGNAL_SUCCESS,
  MST_PROBE_SIGNAL_VALUE,
  MST_PROBE_SIGNAL_SCRAPE_TOTAL,
  MST_PROBE_SIGNAL_SCRAPE_VALUE,
  MST_PROBE_SIGNALS,
};
extern const mst_signal mst_probe_signals[MST_PROBE_SIGNALS];
/* The signal of figures of that unit, which is one of mst_probe_units. */
const mst_signal *mst_probe_value_signal(const char *unit);

#endif
