#ifndef MST_CONTROLLER_ROUND_H
#define MST_CONTROLLER_ROUND_H

#include "core_parts.h"

/* What the keeper does by the clock: closes windows that are due, freezes the run, changes the key, deletes what is too old. One piece of
 * it at a time, so that envelopes never wait for long; true when there is more to do at once. */
bool mst_round(mst_core *core);

/* seal.c: closes some of the windows that are due by `now`. *ret_more: there are
 * others. */
mst_err mst_seal_some(mst_core *core, mst_wall now, bool *ret_more, mst_errctx *ctx) MST_MUST_USE;

#endif
