#ifndef MST_CONTROLLER_BATCH_H
#define MST_CONTROLLER_BATCH_H

#include "core_parts.h"
#include "ingest/job.h"

/* A batch of envelopes that becomes one transaction. Sessions are worked on as drafts, which take the place of the old data when the
 * transaction is durable, and are thrown away when it fails. Keeper only. */
enum { MST_BATCH_MAX = 512 };

typedef struct mst_draft {
  mst_session_entry *session;
  bool is_new;
  bool must_put; /* the journal does not tell what changed */
  mst_session_data data;
} mst_draft;

typedef struct mst_batch_series {
  uint32_t agent, series;
  mst_wall defined_at;
} mst_batch_series;

typedef struct mst_batch {
  mst_core *core;
  mst_job **jobs; /* borrowed */
  uint32_t count;
  mst_draft **drafts;
  uint32_t draft_count, draft_capacity;
  mst_batch_series *series; /* defined by this batch, for judging */
  uint32_t series_count, series_capacity;
  uint32_t series_put; /* numbers below were written by this batch, or before; 0: it wrote none */
  uint64_t lost_records;
} mst_batch;

/* Applies, commits, decides, signs and finishes all jobs. */
void mst_batch_run(mst_core *core, mst_job **jobs, uint32_t count);

/* The draft of a session; makes the session when there is none and `make` says so, else NULL. MST_EPERM: the agent has
 * too many. */
mst_err mst_batch_draft(mst_batch *batch, uint32_t agent, const mst_session_id *id, bool make, mst_wall now, mst_draft **ret_draft,
                        mst_errctx *ctx) MST_MUST_USE;

/* Turns MST_EPERM of mst_batch_draft into a refusal; gives other errors back. */
mst_err mst_batch_refuse_session(mst_job *job, mst_err err, const mst_errctx *why);
/* For judging: this agent has defined that. */
mst_err mst_batch_note_series(mst_batch *batch, uint32_t agent, uint32_t series, mst_wall defined_at, mst_errctx *ctx) MST_MUST_USE;

/* The drafts as a whole: write what the journal does not tell; let them take their places (under the state's lock); forget them. */
mst_err mst_batch_put_drafts(mst_batch *batch, mst_errctx *ctx) MST_MUST_USE;
void mst_batch_swap_drafts(mst_batch *batch);
void mst_batch_drop_drafts(mst_batch *batch);
/* Writes a session as it is in memory; outside a batch. */
mst_err mst_core_put_session(mst_core *core, mst_session_entry *session, mst_errctx *ctx) MST_MUST_USE;

/* MST_OK when the job is decided; an error when the store failed and the batch must be given up. */
mst_err mst_apply_report(mst_batch *batch, mst_job *job, mst_errctx *ctx) MST_MUST_USE;
mst_err mst_apply_definitions(mst_batch *batch, mst_job *job, mst_errctx *ctx) MST_MUST_USE;
mst_err mst_apply_loss(mst_batch *batch, mst_job *job, mst_errctx *ctx) MST_MUST_USE;
/* A taken sequence came again with another digest: refused, and an alarm. */
mst_err mst_apply_conflict(mst_batch *batch, mst_job *job, mst_errctx *ctx) MST_MUST_USE;

/* seal.c: what the document of this window holds; nothing when there is none. For mst_open_windows_add. */
mst_err mst_open_base_load(mst_core *core, uint32_t agent, mst_wall start, mst_open_base *ret_base, mst_errctx *ctx) MST_MUST_USE;

/* reply.c: encodes, signs once, finishes. */
void mst_batch_reply(mst_core *core, mst_job **jobs, uint32_t count);

#endif
