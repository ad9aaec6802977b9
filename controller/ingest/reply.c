/* Replies: one signature for a batch of them. */
#include <string.h>

#include <mst/common/log.h>

#include "ingest/batch.h"

/* The plan that the agent should have, when its report names another. */
static mst_bytes
plan_for(const mst_core *core, const mst_job *job)
{
  if (job->envelope.kind != MST_ENVELOPE_REPORT || job->agent == 0 || job->status == MST_REPLY_REFUSED)
    return (mst_bytes){0};
  const mst_sealed_plan *plan = core->state.agents[job->agent]->plan;
  if (!plan || mst_digest_equal(&plan->digest, &job->report.header.plan))
    return (mst_bytes){0};
  return plan->bytes;
}

static mst_err
encode_body(const mst_core *core, mst_job *job, mst_errctx *ctx)
{
  mst_reply reply = {
      .envelope = job->digest,
      .status = job->status,
      .refusal = job->refusal,
      .reason = {job->reason, strlen(job->reason)},
      .retry_after_ns = job->retry_after_ns,
      .sent_at = job->envelope.sent_at,
      .received_at = job->received_at,
      .replied_at = mst_core_now(core),
      .plan = plan_for(core, job),
  };

  if (core->keys.next)
    reply.next_key = (mst_bytes){mst_key_public(core->keys.next)->bytes, MST_KEY_PUBLIC_BYTES};
  mst_buf_reset(&job->body);
  return mst_reply_encode_body(&reply, &job->body, ctx);
}

static void
finish(mst_job *job, const mst_reply_batch *batch, uint32_t index, mst_buf *answer)
{
  mst_errctx ctx = {0};

  mst_buf_reset(answer);
  if (!batch || mst_reply_batch_encode(batch, index, answer, &ctx) != MST_OK) {
    if (batch)
      mst_log(MST_LOG_ERROR, "reply-failed", "reason", ctx.text, NULL);
    job->finish(job, NULL); /* the agent asks again */
    return;
  }
  job->finish(job, answer);
}

void
mst_batch_reply(mst_core *core, mst_job **jobs, uint32_t count)
{
  mst_bytes bodies[MST_BATCH_MAX];
  bool is_encoded[MST_BATCH_MAX];
  mst_reply_batch *batch = NULL;
  mst_errctx ctx = {0};
  uint32_t signed_count = 0, index = 0;
  mst_buf answer;

  for (uint32_t i = 0; i < count; i++) {
    is_encoded[i] = encode_body(core, jobs[i], &ctx) == MST_OK;
    if (is_encoded[i])
      bodies[signed_count++] = (mst_bytes){jobs[i]->body.data, jobs[i]->body.size_bytes};
    else
      mst_log(MST_LOG_ERROR, "reply-failed", "reason", ctx.text, NULL);
  }
  if (signed_count > 0 && mst_reply_batch_create(bodies, signed_count, core->keys.current, &batch, &ctx) != MST_OK)
    mst_log(MST_LOG_ERROR, "reply-failed", "reason", ctx.text, NULL);
  mst_buf_init(&answer, MST_REPLY_MAX_BYTES);
  /* Bodies must last until all are encoded: a job that is finished is the socket's again. */
  for (uint32_t i = 0; i < count; i++) {
    if (!is_encoded[i])
      jobs[i]->finish(jobs[i], NULL);
    else
      finish(jobs[i], batch, index++, &answer);
  }
  mst_reply_batch_destroy(batch);
  mst_buf_done(&answer);
}
