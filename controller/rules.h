#ifndef MST_CONTROLLER_RULES_H
#define MST_CONTROLLER_RULES_H

#include "core_parts.h"

/* The rules: checklists and plan of the config. A changed one is a record of the audit chain. Keeper, or before it runs. */
mst_err mst_rules_note(mst_core *core, mst_errctx *ctx) MST_MUST_USE;

#endif
