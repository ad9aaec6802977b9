#ifndef MST_AGENT_COLLECTORS_TAIL_H
#define MST_AGENT_COLLECTORS_TAIL_H

#include <mst/agent/collector.h>

/* What a followed log gives. The agent has names and help; how they are measured is in its module "tails". */
enum {
  MST_TAIL_AGE,
  MST_TAIL_BYTES,
  MST_TAIL_CHECKED,
  MST_TAIL_CPU_TIME,
  MST_TAIL_CUT,
  MST_TAIL_FILES,
  MST_TAIL_INVALID,
  MST_TAIL_LOST,
  MST_TAIL_PASSED,
  MST_TAIL_RECORDS,
  MST_TAIL_ROTATED_FILES,
  MST_TAIL_ROTATIONS,
  MST_TAIL_SECRETS,
  MST_TAIL_SKIPPED,
  MST_TAIL_UNREAD,
  MST_TAIL_SIGNALS,
};
extern const mst_signal mst_tail_signals[MST_TAIL_SIGNALS];

extern const char *const mst_tail_levels[]; /* "trace" ... "fatal", "unknown"; NULL-terminated */
extern const char *const mst_tail_checks[]; /* "json", ...: values of the label what; NULL-terminated */

/* Writes what a tail of this name and with these options would count as absent or as not to be read, with its labels: so a check that asks
 * for it finds the reason and not nothing. */
mst_err mst_tail_miss(const mst_collector_env *env, bool is_absent, const char *reason, mst_sink *sink, mst_errctx *ctx) MST_MUST_USE;

#endif
