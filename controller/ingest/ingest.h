#ifndef MST_CONTROLLER_INGEST_H
#define MST_CONTROLLER_INGEST_H

#include "core_parts.h"
#include "ingest/job.h"

/* Envelopes from the network to the keeper. */

/* verify.c: decodes an envelope, looks its key up, checks the signature, decodes the body; sets fate and, unless it is APPLY, the decision.
 * Any thread. */
void mst_ingest_verify(mst_core *core, mst_job *job);

/* socket.c: what agents connect to. */
typedef struct mst_ingest mst_ingest;
mst_err mst_ingest_start(mst_core *core, mst_ingest **ret_ingest, mst_errctx *ctx) MST_MUST_USE;
/* Takes no more envelopes, waits until those under way are answered, closes. The keeper must still run. NULL is allowed. */
void mst_ingest_stop(mst_ingest *ingest);
mst_err mst_ingest_url(const mst_ingest *ingest, uint32_t i, char *ret_url, size_t size_bytes, mst_errctx *ctx) MST_MUST_USE;

#endif
