#ifndef MST_CONTROLLER_ENROL_H
#define MST_CONTROLLER_ENROL_H

#include "core_parts.h"
#include "ingest/job.h"

/* Decides an enrolment whose signature and token secret hold, in a transaction of its own. An error when the store failed. Keeper only. */
mst_err mst_enrol_apply(mst_core *core, mst_job *job, mst_errctx *ctx) MST_MUST_USE;

#endif
