#ifndef MST_CONTROLLER_OPERATORS_H
#define MST_CONTROLLER_OPERATORS_H

#include "core_parts.h"

/* Appends the roles, sorted and once each, one a line. MST_EMALFORMED, MST_ELIMIT. */
mst_err mst_roles_parse(const char *text, mst_buf *ret_roles, mst_errctx *ctx) MST_MUST_USE;
mst_err mst_operator_name_check(const char *name, mst_errctx *ctx) MST_MUST_USE;
/* Makes the first operator, an admin, for local root; before the threads run. MST_ESTATE: there are operators. */
mst_err mst_first_operator(mst_core *core, const char *name, const mst_public_key *key, mst_errctx *ctx) MST_MUST_USE;

#endif
