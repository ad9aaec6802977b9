/* The table of check kinds. */
#include "kind.h"

#include <stdio.h>
#include <string.h>

const mst_check_kind *const mst_check_kinds[] = {
    &mst_check_kind_measure, &mst_check_kind_evidence,   &mst_check_kind_attest,
    &mst_check_kind_rollup,  &mst_check_kind_statements, &mst_check_kind_follow_up,
};
_Static_assert(sizeof mst_check_kinds / sizeof mst_check_kinds[0] == MST_CHECK_KINDS, "every kind stands in the table");

const mst_check_kind *
mst_check_kind_of(const mst_yaml_node *node, mst_diags *diags)
{
  const mst_check_kind *found = NULL;

  if (mst_yaml_node_kind(node) != MST_YAML_MAP) {
    mst_yaml_complain(diags, node, "a check is a map, such as {signal: system.cpu.load_average.1m, stat: max, target: \"< 8\"}");
    return NULL;
  }
  for (size_t i = 0; i < MST_CHECK_KINDS; i++) {
    if (!mst_yaml_node_get(node, mst_check_kinds[i]->key))
      continue;
    if (found) {
      mst_yaml_complain(diags, node, "has both `%s:` and `%s:`; a check is of one kind: write two under `checks:`", found->key,
                        mst_check_kinds[i]->key);
      return NULL;
    }
    found = mst_check_kinds[i];
  }
  if (!found)
    mst_yaml_complain(diags, node, "is of no known kind; a check has one of signal, evidence, attest, rollup, statements, follow_up");
  return found;
}
