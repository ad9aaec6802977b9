/* What is decided on an envelope. */
#include "ingest/job.h"

#include <stdarg.h>
#include <stdio.h>

static void
decide(mst_job *job, mst_reply_status status, mst_refusal refusal)
{
  job->fate = MST_JOB_REPLY;
  job->status = status;
  job->refusal = refusal;
  job->retry_after_ns = 0;
  job->reason[0] = '\0';
  job->is_fresh = false;
}

void
mst_job_accept(mst_job *job, bool is_fresh)
{
  decide(job, MST_REPLY_STORED, MST_REFUSED_NONE);
  job->is_fresh = is_fresh;
}

void
mst_job_refuse(mst_job *job, mst_refusal refusal, const char *fmt, ...)
{
  va_list arguments;

  decide(job, MST_REPLY_REFUSED, refusal);
  va_start(arguments, fmt);
  vsnprintf(job->reason, sizeof job->reason, fmt, arguments);
  va_end(arguments);
}

void
mst_job_later(mst_job *job, int64_t retry_after_ns, const char *fmt, ...)
{
  va_list arguments;

  decide(job, MST_REPLY_LATER, MST_REFUSED_NONE);
  job->retry_after_ns = retry_after_ns;
  va_start(arguments, fmt);
  vsnprintf(job->reason, sizeof job->reason, fmt, arguments);
  va_end(arguments);
}

void
mst_job_need_definitions(mst_job *job)
{
  decide(job, MST_REPLY_NEED_DEFINITIONS, MST_REFUSED_NONE);
}

void
mst_job_drop(mst_job *job, mst_refusal refusal)
{
  decide(job, MST_REPLY_REFUSED, refusal);
  job->fate = MST_JOB_DROP;
}
