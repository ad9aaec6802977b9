#ifndef MST_CONTROLLER_ROTATION_H
#define MST_CONTROLLER_ROTATION_H

#include "core_parts.h"

/* Changing the controller's key: announced in every reply for key_overlap, then it takes over. Keeper (or before it runs). */
/* At start, and on SIGHUP: picks a prepared key up and notes since when it is announced; finishes a change that a crash cut off. */
mst_err mst_rotation_look(mst_core *core, mst_errctx *ctx) MST_MUST_USE;
/* By the clock: switches when the overlap is over. */
mst_err mst_rotation_step(mst_core *core, mst_wall now, mst_errctx *ctx) MST_MUST_USE;

#endif
