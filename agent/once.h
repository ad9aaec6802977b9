#ifndef MST_AGENT_ONCE_H
#define MST_AGENT_ONCE_H

#include <stdio.h>

#include <mst/agent/sampler.h>

/* What `muster-agent --once` prints. */
typedef enum mst_once_format { MST_ONCE_TEXT, MST_ONCE_JSON } mst_once_format;

/* Prints the samples of one report body with their definitions, and the state of every collector.
 *
 * out      where to; not closed. The caller checks ferror
 * sampler  whose ticks made the bodies; its definitions and collectors' states are shown
 * earlier  body of a report taken before, for the rates of counters; {0}: none, no rates
 * body     body of the report to print, as mst_report_writer_finish gives it
 * format   text: a table of under 80 columns with human units. json: one document (jansson), "collectors" and "series" with
 *          name, labels, kind, unit, status, value or reason, start_at and rate for counters; every number in its own unit
 *
 * MST_EMALFORMED: a body that is none, or with ids that the sampler does not have; MST_ENOMEM; MST_EIO: out does not take it. Loop thread.
 */
mst_err mst_once_print(FILE *out, const mst_sampler *sampler, mst_bytes earlier, mst_bytes body, mst_once_format format,
                       mst_errctx *ctx) MST_MUST_USE;

/* A value for people: "3.2 GiB", "12.5 %", "1h15m", "250 Mbit/s"; by the unit, and the name for shares and points in time. Returns buf. */
enum { MST_ONCE_VALUE_BYTES = 48 };
const char *mst_once_value(const char *name, const char *unit, double value, char buf[static MST_ONCE_VALUE_BYTES]);
/* The same for what a counter does in a second. */
const char *mst_once_rate(const char *unit, double per_s, char buf[static MST_ONCE_VALUE_BYTES]);

#endif
