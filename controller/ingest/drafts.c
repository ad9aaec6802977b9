/* Drafts: sessions as the batch under way will leave them. */
#include <stdio.h>
#include <string.h>

#include <mst/common/alloc.h>
#include <mst/common/log.h>

#include "audit.h"
#include "ingest/batch.h"

enum { SESSION_MAX_BYTES = 8 * 1024 * 1024 };

/* One alarm record an agent in this time: a sender gone wrong must not fill the chain. */
static const int64_t alarm_pause_ns = 60 * MST_NS_PER_S;

static mst_draft *
find_new(const mst_batch *batch, uint32_t agent, const mst_session_id *id)
{
  for (uint32_t i = batch->draft_count; i-- > 0;) {
    mst_draft *draft = batch->drafts[i];
    if (draft->is_new && draft->session->agent == agent && memcmp(draft->session->id.bytes, id->bytes, MST_SESSION_BYTES) == 0)
      return draft;
  }
  return NULL;
}

static mst_err
put_session(mst_core *core, mst_session_entry *session, const mst_session_data *data, mst_errctx *ctx)
{
  mst_store_session record = {
      .number = session->number,
      .agent = session->agent,
      .session = session->id,
      .first_seen_at = session->first_seen_at,
      .stored_samples = data->stored_samples,
      .lost_samples = data->lost_samples,
      .lost_records = mst_ranges_total(&data->lost),
  };
  mst_buf ranges, map;

  mst_buf_init(&ranges, SESSION_MAX_BYTES);
  mst_buf_init(&map, 8 * MST_SERIES_MAX);
  mst_err err = mst_session_encode_ranges(data, &ranges, ctx);
  if (err == MST_OK)
    err = mst_session_encode_map(data, &map, ctx);
  record.ranges = (mst_bytes){ranges.data, ranges.size_bytes};
  record.definitions = (mst_bytes){map.data, map.size_bytes};
  if (err == MST_OK)
    err = core->ops->session_put(core->store, &record, ctx);
  if (err == MST_OK)
    session->number = record.number;
  mst_buf_done(&ranges);
  mst_buf_done(&map);
  return err;
}

mst_err
mst_core_put_session(mst_core *core, mst_session_entry *session, mst_errctx *ctx)
{
  return put_session(core, session, &session->data, ctx);
}

static mst_err
check_count(const mst_batch *batch, uint32_t agent, mst_errctx *ctx)
{
  uint32_t count = batch->core->state.agents[agent]->session_count;

  for (uint32_t i = 0; i < batch->draft_count; i++)
    count += batch->drafts[i]->is_new && batch->drafts[i]->session->agent == agent;
  if (count < MST_AGENT_MAX_SESSIONS)
    return MST_OK;
  return mst_fail(ctx, MST_EPERM, "over %d sessions; is the agent starting again and again?", MST_AGENT_MAX_SESSIONS);
}

static mst_err
append(mst_batch *batch, mst_draft *draft, mst_errctx *ctx)
{
  if (batch->draft_count == batch->draft_capacity) {
    uint32_t capacity = batch->draft_capacity ? batch->draft_capacity * 2 : 64;
    mst_draft **drafts = mst_realloc(batch->drafts, capacity, sizeof *drafts);
    if (!drafts)
      return mst_fail(ctx, MST_ENOMEM, "out of memory for a batch");
    batch->drafts = drafts;
    batch->draft_capacity = capacity;
  }
  batch->drafts[batch->draft_count++] = draft;
  return MST_OK;
}

mst_err
mst_batch_draft(mst_batch *batch, uint32_t agent, const mst_session_id *id, bool make, mst_wall now, mst_draft **ret_draft, mst_errctx *ctx)
{
  mst_core *core = batch->core;
  mst_session_entry *session = mst_state_session_find(&core->state, agent, id);
  mst_draft *draft = session ? session->draft : find_new(batch, agent, id);
  mst_err err = MST_OK;

  if (draft || (!session && !make)) {
    *ret_draft = draft;
    return MST_OK;
  }
  draft = mst_alloc(1, sizeof *draft);
  if (!draft)
    return mst_fail(ctx, MST_ENOMEM, "out of memory for a batch");
  draft->is_new = draft->must_put = !session;
  if (session) {
    err = mst_session_data_copy(&session->data, &draft->data, ctx);
  } else {
    err = check_count(batch, agent, ctx);
    if (err == MST_OK)
      err = mst_session_entry_create(agent, id, now, &session, ctx);
    if (err == MST_OK)
      err = put_session(core, session, &draft->data, ctx); /* for its number */
  }
  draft->session = session;
  if (err == MST_OK)
    err = append(batch, draft, ctx);
  if (err != MST_OK) {
    mst_session_data_done(&core->state, &draft->data);
    if (draft->is_new)
      mst_session_entry_destroy(&core->state, session);
    mst_free(draft);
    return err;
  }
  session->draft = draft;
  *ret_draft = draft;
  return MST_OK;
}

mst_err
mst_batch_refuse_session(mst_job *job, mst_err err, const mst_errctx *why)
{
  if (err != MST_EPERM)
    return err;
  mst_job_refuse(job, MST_REFUSED_LIMIT, "%s", why->text);
  return MST_OK;
}

mst_err
mst_batch_note_series(mst_batch *batch, uint32_t agent, uint32_t series, mst_wall defined_at, mst_errctx *ctx)
{
  if (batch->series_count == batch->series_capacity) {
    uint32_t capacity = batch->series_capacity ? batch->series_capacity * 2 : 256;
    mst_batch_series *list = mst_realloc(batch->series, capacity, sizeof *list);
    if (!list)
      return mst_fail(ctx, MST_ENOMEM, "out of memory for a batch");
    batch->series = list;
    batch->series_capacity = capacity;
  }
  batch->series[batch->series_count++] = (mst_batch_series){agent, series, defined_at};
  return MST_OK;
}

mst_err
mst_batch_put_drafts(mst_batch *batch, mst_errctx *ctx)
{
  mst_err err = MST_OK;

  for (uint32_t i = 0; err == MST_OK && i < batch->draft_count; i++)
    if (batch->drafts[i]->must_put)
      err = put_session(batch->core, batch->drafts[i]->session, &batch->drafts[i]->data, ctx);
  return err;
}

void
mst_batch_swap_drafts(mst_batch *batch)
{
  mst_errctx ctx = {0};

  for (uint32_t i = 0; i < batch->draft_count; i++) {
    mst_draft *draft = batch->drafts[i];
    mst_session_data old = draft->session->data;
    draft->session->data = draft->data;
    draft->data = old;
    if (draft->is_new && mst_state_session_add(&batch->core->state, draft->session, &ctx) != MST_OK)
      /* It stays out of sight until a restart finds it in the store; its windows still know it. */
      mst_log(MST_LOG_ERROR, "out-of-memory", "what", ctx.text, NULL);
    draft->is_new = false;
  }
}

void
mst_batch_drop_drafts(mst_batch *batch)
{
  for (uint32_t i = 0; i < batch->draft_count; i++) {
    mst_draft *draft = batch->drafts[i];
    mst_session_data_done(&batch->core->state, &draft->data);
    draft->session->draft = NULL;
    if (draft->is_new)
      mst_session_entry_destroy(&batch->core->state, draft->session);
    mst_free(draft);
  }
  mst_free(batch->drafts);
  batch->drafts = NULL;
  batch->draft_count = 0;
}

mst_err
mst_apply_conflict(mst_batch *batch, mst_job *job, mst_errctx *ctx)
{
  mst_core *core = batch->core;
  mst_agent_entry *agent = core->state.agents[job->agent];
  char hex[MST_KEY_ID_HEX_BYTES], sequence[24], text[64];

  snprintf(sequence, sizeof sequence, "%llu", (unsigned long long)job->envelope.sequence);
  mst_job_refuse(job, MST_REFUSED_CONFLICT, "sequence %s of this session was taken by another envelope", sequence);
  atomic_fetch_add(&core->counters.conflicts, 1);
  mst_key_id_hex(&agent->id, hex);
  mst_log(MST_LOG_ERROR, "conflicting-sequence", "agent", hex, "hostname", agent->hostname, "sequence", sequence, "meaning",
          "two envelopes with one number: a copied key or state folder, or a forger who has the key", NULL);
  if (agent->alarmed_at.ns != 0 && job->received_at.ns - agent->alarmed_at.ns < alarm_pause_ns)
    return MST_OK;
  snprintf(text, sizeof text, "{\"sequence\":%s}", sequence);
  agent->alarmed_at = job->received_at;
  return mst_audit_append(core, "conflicting-sequence", hex, text, strlen(text), ctx);
}
