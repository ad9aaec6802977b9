#ifndef MST_CONTROLLER_KEEPER_H
#define MST_CONTROLLER_KEEPER_H

#include "core_parts.h"
#include "ingest/job.h"

/* The keeper: the one thread that writes. It takes batches of verified envelopes, runs what others ask of it, closes windows, keeps time.
 */
typedef struct mst_keeper mst_keeper;

/* Runs on the keeper's thread. */
typedef mst_err (*mst_keeper_call)(mst_core *core, void *arg, mst_errctx *ctx);

mst_err mst_keeper_create(mst_core *core, mst_keeper **ret_keeper, mst_errctx *ctx) MST_MUST_USE;
mst_err mst_keeper_start(mst_keeper *keeper, mst_errctx *ctx) MST_MUST_USE;
/* Works off what is queued, then ends the thread. Calls made after that fail with MST_ESTATE. */
void mst_keeper_stop(mst_keeper *keeper);
void mst_keeper_destroy(mst_keeper *keeper);

/* Queues a verified envelope. Any thread. */
void mst_keeper_push(mst_keeper *keeper, mst_job *job);
/* Runs the call on the keeper's thread and waits for it; gives back what it returned. Any thread but the keeper's. */
mst_err mst_keeper_run(mst_keeper *keeper, mst_keeper_call call, void *arg, mst_errctx *ctx) MST_MUST_USE;
/* Runs the call some time; arg is the call's to free. MST_ENOMEM, MST_ESTATE: it will not run. */
mst_err mst_keeper_post(mst_keeper *keeper, mst_keeper_call call, void *arg, mst_errctx *ctx) MST_MUST_USE;
/* Something that the keeper's round looks at has changed. Any thread. */
void mst_keeper_wake(mst_keeper *keeper);

#endif
