#ifndef MST_AGENT_PRESSURE_H
#define MST_AGENT_PRESSURE_H

#include <mst/agent/collector.h>

typedef struct mst_pressure_line {
  bool found;
  double avg10_ratio; /* share of the last ten seconds, 0..1 */
  uint64_t total_us;
} mst_pressure_line;

typedef struct mst_pressure {
  mst_pressure_line some; /* some tasks waited */
  mst_pressure_line full; /* all tasks that were not idle waited at the same time; not there for cpu before Linux 5.13 */
} mst_pressure;

/* Reads a file of /proc/pressure. MST_EMALFORMED: no line "some", or a line without its avg10 (0..100) and total; ret untouched. Pure.
 * Source: Documentation/accounting/psi.rst. */
mst_err mst_pressure_parse(const char *text, size_t length, mst_pressure *ret_pressure, mst_errctx *ctx) MST_MUST_USE;

extern const mst_collector mst_collector_pressure;

#endif
