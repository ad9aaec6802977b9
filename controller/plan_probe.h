#ifndef MST_CONTROLLER_PLAN_PROBE_H
#define MST_CONTROLLER_PLAN_PROBE_H

#include <mst/common/config.h>
#include <mst/proto/plan.h>

/* One entry of a plan's `probes:`. docs/plan.md has the keys, docs/probes.md the kinds with their options. */
typedef struct mst_plan_probe_file {
  char *name, *kind;
  const mst_yaml_node *hosts, *options;  /* NULL: all hosts; none */
  int64_t every_ns, timeout_ns, retries; /* every_ns 0: the plan's interval */
  mst_config_place place;
} mst_plan_probe_file;

extern const mst_config_schema mst_plan_probe_schema;
/* What the schema cannot say: names, kinds, their options, and that a run has ended before the next begins. interval_ns: the plan's. */
void mst_plan_probe_check(const mst_plan_probe_file *probe, int64_t interval_ns, mst_diags *diags);
/* What an agent is told: the collector "probe" with the probe's name for an instance, options kind, every, timeout, retries (decimal, ns)
 * and o.KEY for each of its kind's. Texts are borrowed from the file; what *ret_collector owns is finished with mst_plan_probe_done, also
 * after a failure. MST_ENOMEM. */
mst_err mst_plan_probe_compile(const mst_plan_probe_file *probe, int64_t interval_ns, mst_plan_collector *ret_collector,
                               mst_errctx *ctx) MST_MUST_USE;
void mst_plan_probe_done(mst_plan_collector *collector);

#endif
