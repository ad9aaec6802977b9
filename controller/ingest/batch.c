/* A batch of envelopes as one transaction. */
#include "ingest/batch.h"

#include <stdlib.h>
#include <string.h>

#include <mst/common/alloc.h>
#include <mst/common/log.h>

#include "judging.h"
#include "statements/enrol.h"

/* How long agents wait when the disk is full or the store fails. */
static const int64_t store_retry_ns = 10 * MST_NS_PER_S;

static mst_err
apply(mst_batch *batch, mst_job *job, mst_errctx *ctx)
{
  switch (job->envelope.kind) {
  case MST_ENVELOPE_REPORT:
    return mst_apply_report(batch, job, ctx);
  case MST_ENVELOPE_DEFINITIONS:
    return mst_apply_definitions(batch, job, ctx);
  case MST_ENVELOPE_LOSS:
    return mst_apply_loss(batch, job, ctx);
  case MST_ENVELOPE_ENROL:
    break; /* has a transaction of its own */
  }
  return MST_OK;
}

/* Definitions first and in the order of their ids: an agent sends several at once, and they overtake each other. */
static int
compare_jobs(const void *a, const void *b)
{
  const mst_job *x = *(mst_job *const *)a, *y = *(mst_job *const *)b;
  bool x_defines = x->fate == MST_JOB_APPLY && x->envelope.kind == MST_ENVELOPE_DEFINITIONS;
  bool y_defines = y->fate == MST_JOB_APPLY && y->envelope.kind == MST_ENVELOPE_DEFINITIONS;

  if (x_defines != y_defines)
    return x_defines ? -1 : 1;
  if (x_defines && x->definitions.first_id != y->definitions.first_id)
    return x->definitions.first_id < y->definitions.first_id ? -1 : 1;
  return (x->received_at.ns > y->received_at.ns) - (x->received_at.ns < y->received_at.ns);
}

static mst_err
store_batch(mst_batch *batch, bool *touched, mst_errctx *ctx)
{
  mst_err err = MST_OK;

  for (uint32_t i = 0; err == MST_OK && i < batch->count; i++) {
    mst_job *job = batch->jobs[i];
    if (job->fate != MST_JOB_APPLY || job->envelope.kind == MST_ENVELOPE_ENROL)
      continue;
    touched[i] = true;
    err = apply(batch, job, ctx);
  }
  return err == MST_OK ? mst_batch_put_drafts(batch, ctx) : err;
}

static void
replace_text(char **text, mst_text fresh)
{
  if (*text && mst_text_equal(fresh, *text))
    return;
  char *copy = mst_strndup(fresh.data ? fresh.data : "", fresh.size_bytes);
  if (!copy)
    return; /* for people only: the old one stands */
  mst_free(*text);
  *text = copy;
}

static void
note_live(mst_agent_entry *agent, const mst_job *job)
{
  const mst_report_header *header = &job->report.header;
  mst_agent_live *live = &agent->live;

  live->last_received_at = job->received_at;
  if (header->at.ns < live->last_report_at.ns) /* from the backlog: what it says is old */
    return;
  live->last_report_at = header->at;
  live->interval_ns = header->interval_ns;
  live->offset_known = header->offset_known;
  live->offset_ns = header->offset_ns;
  live->plan = header->plan;
  live->spool_records = header->spool_records;
  live->spool_bytes = header->spool_bytes;
  live->lost_records = header->lost_records;
  live->lost_samples = header->lost_samples;
}

/* The transaction is durable: drafts take their places. */
static void
take_effect(mst_batch *batch)
{
  mst_core *core = batch->core;

  if (batch->series_put > core->state.series_stored)
    core->state.series_stored = batch->series_put;
  mst_open_windows_commit(&core->windows);
  pthread_rwlock_wrlock(&core->state.lock);
  mst_batch_swap_drafts(batch);
  for (uint32_t i = 0; i < batch->count; i++) {
    const mst_job *job = batch->jobs[i];
    if (!job->is_fresh || job->agent == 0)
      continue;
    mst_agent_entry *agent = core->state.agents[job->agent];
    if (job->envelope.kind == MST_ENVELOPE_REPORT) {
      note_live(agent, job);
    } else if (job->envelope.kind == MST_ENVELOPE_DEFINITIONS) {
      replace_text(&agent->version, job->definitions.agent_version);
      replace_text(&agent->boot_id, job->definitions.boot_id);
    }
  }
  pthread_rwlock_unlock(&core->state.lock);
  atomic_fetch_add(&core->counters.lost_records, batch->lost_records);
  for (uint32_t i = 0; core->run && i < batch->series_count; i++)
    mst_judging_series(core, batch->series[i].agent, batch->series[i].series, batch->series[i].defined_at);
}

static void
count_jobs(mst_core *core, mst_job *const *jobs, uint32_t count)
{
  mst_counters *counters = &core->counters;

  for (uint32_t i = 0; i < count; i++) {
    const mst_job *job = jobs[i];
    switch (job->status) {
    case MST_REPLY_STORED:
      atomic_fetch_add(job->is_fresh ? &counters->stored[job->envelope.kind] : &counters->repeated, 1);
      if (job->is_fresh && job->envelope.kind == MST_ENVELOPE_REPORT)
        atomic_fetch_add(&counters->samples, job->report.header.sample_count);
      break;
    case MST_REPLY_NEED_DEFINITIONS:
      atomic_fetch_add(&counters->needed_definitions, 1);
      break;
    case MST_REPLY_LATER:
      atomic_fetch_add(&counters->later, 1);
      break;
    case MST_REPLY_REFUSED:
      mst_core_count_refusal(core, job->refusal, &job->envelope, job->reason);
      break;
    }
  }
}

static void
put_off(mst_core *core, mst_job *job)
{
  mst_job_later(job, store_retry_ns, "%s",
                atomic_load(&core->is_disk_full) ? "the controller's disk is full" : "the controller cannot write its store");
}

static void
store_jobs(mst_core *core, mst_job **jobs, uint32_t count)
{
  mst_batch batch = {.core = core, .jobs = jobs, .count = count};
  bool touched[MST_BATCH_MAX] = {false};
  mst_errctx ctx = {0};

  mst_err err = mst_core_begin(core, &ctx);
  if (err == MST_OK)
    err = mst_core_end(core, store_batch(&batch, touched, &ctx), &ctx);
  if (err == MST_OK)
    take_effect(&batch);
  else
    mst_open_windows_rollback(&core->windows);
  for (uint32_t i = 0; err != MST_OK && i < count; i++)
    if (touched[i] || (jobs[i]->fate == MST_JOB_APPLY && jobs[i]->envelope.kind != MST_ENVELOPE_ENROL))
      put_off(core, jobs[i]);
  mst_batch_drop_drafts(&batch);
  mst_free(batch.series);
}

void
mst_batch_run(mst_core *core, mst_job **jobs, uint32_t count)
{
  bool has_records = false;

  qsort(jobs, count, sizeof(mst_job *), compare_jobs);
  for (uint32_t i = 0; i < count; i++)
    has_records = has_records || (jobs[i]->fate == MST_JOB_APPLY && jobs[i]->envelope.kind != MST_ENVELOPE_ENROL);
  if (has_records)
    store_jobs(core, jobs, count);
  for (uint32_t i = 0; i < count; i++) {
    if (jobs[i]->fate != MST_JOB_APPLY || jobs[i]->envelope.kind != MST_ENVELOPE_ENROL)
      continue;
    mst_errctx ctx = {0};
    if (mst_enrol_apply(core, jobs[i], &ctx) != MST_OK)
      put_off(core, jobs[i]);
  }
  count_jobs(core, jobs, count);
  mst_batch_reply(core, jobs, count);
  atomic_fetch_add(&core->counters.batches, 1);
}
