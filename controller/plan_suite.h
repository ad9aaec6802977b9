#ifndef MST_CONTROLLER_PLAN_SUITE_H
#define MST_CONTROLLER_PLAN_SUITE_H

#include <mst/common/yaml.h>

/* Lists of attacks that a plan names: attacks/NAME.yml beside the plan's file, or beside its folder. They go to the agents within the plan,
 * so that its digest says what was tried. */
typedef struct mst_suite {
  mst_yaml *yaml;
  const mst_yaml_node *list; /* of 1..MST_PROBE_LIST_MAX texts */
} mst_suite;

/* node: the suite's name in a plan. False: what is wrong stands in diags. The caller finishes it with mst_suite_done whatever the result.
 */
bool mst_suite_load(const mst_yaml_node *node, mst_suite *ret_suite, mst_diags *diags);
void mst_suite_done(mst_suite *suite);

#endif
