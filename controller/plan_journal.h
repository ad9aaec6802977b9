#ifndef MST_CONTROLLER_PLAN_JOURNAL_H
#define MST_CONTROLLER_PLAN_JOURNAL_H

#include <mst/common/diag.h>
#include <mst/common/yaml.h>

/* What a tail's `journal:` says: of which journal, and which of its entries. docs/plan.md has the keys. */
enum { MST_PLAN_JOURNAL_PATTERNS_MAX = 32 }; /* units, and as many identifiers: what an agent takes */

void mst_plan_journal_check(const mst_yaml_node *journal, mst_diags *diags);

#endif
