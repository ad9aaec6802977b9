/* Reports: into the journal, and into the window that they will be closed in. */
#include <string.h>

#include "ingest/batch.h"
#include "judging.h"
#include "runs.h"

/* A host's clock may be this much ahead of ours beyond one window. */
static const int64_t future_tolerance_ns = 5 * MST_NS_PER_S;
/* Late data waits this long for more of its kind before its window is closed again. */
static const int64_t late_pause_ns = 1 * MST_NS_PER_S;
/* How long an agent waits that comes while too many windows are open. */
static const int64_t overload_retry_ns = 30 * MST_NS_PER_S;

static bool
refuse_time(const mst_core *core, mst_job *job)
{
  const mst_wall at = job->report.header.at;
  char text[MST_TIME_TEXT_BYTES];

  if (at.ns > job->received_at.ns + core->window_ns + future_tolerance_ns) {
    mst_job_refuse(job, MST_REFUSED_FUTURE, "the report is of %s, which is still to come here; set the clock of this host",
                   mst_wall_format(at, text));
    return true;
  }
  if (at.ns < job->received_at.ns - core->config->max_age_ns || at.ns < 0) {
    mst_job_refuse(job, MST_REFUSED_TOO_OLD, "the report is of %s; max_age of the controller is %s", mst_wall_format(at, text),
                   mst_duration_format_short(core->config->max_age_ns, (char[MST_TIME_TEXT_BYTES]){0}));
    return true;
  }
  return false;
}

/* Where the taken report lies whose window this envelope names: open, held, or closed. */
static mst_err
find_digest(mst_core *core, const mst_session_entry *session, const mst_job *job, bool *ret_found, uint8_t ret_digest[static 8],
            mst_errctx *ctx)
{
  const mst_wall start = mst_core_window_start(core, job->report.header.at);
  mst_window *window = NULL;
  mst_buf document;

  *ret_found = false;
  for (int is_held = 0; is_held <= 1; is_held++) {
    const mst_open_window *open = mst_open_windows_find(&core->windows, job->agent, start, is_held != 0);
    const mst_open_report *report = open ? mst_open_window_report(open, session, job->envelope.sequence) : NULL;
    if (report) {
      memcpy(ret_digest, report->digest, 8);
      *ret_found = true;
      return MST_OK;
    }
  }
  mst_buf_init(&document, MST_WINDOW_MAX_BYTES);
  mst_err err = core->ops->window_get(core->store, start, job->agent, &document, ctx);
  if (err == MST_OK)
    err = mst_window_decode((mst_bytes){document.data, document.size_bytes}, &window, ctx);
  if (err == MST_OK) {
    const mst_window_column *column = mst_window_column_find(window, &session->id, job->envelope.sequence);
    if (column) {
      memcpy(ret_digest, column->digest, 8);
      *ret_found = true;
    }
  }
  mst_window_destroy(window);
  mst_buf_done(&document);
  return err == MST_EABSENT ? MST_OK : err;
}

static mst_err
decide_repeat(mst_batch *batch, const mst_draft *draft, mst_job *job, mst_errctx *ctx)
{
  uint8_t digest[8];
  bool is_found = false;

  mst_err err = find_digest(batch->core, draft->session, job, &is_found, digest, ctx);
  if (err != MST_OK)
    return err;
  if (is_found && memcmp(digest, job->digest.bytes, sizeof digest) == 0)
    mst_job_accept(job, false);
  else if (is_found || !refuse_time(batch->core, job)) /* what is older than the accepted age may be gone from the store */
    return mst_apply_conflict(batch, job, ctx);
  return MST_OK;
}

static mst_wall
due_time(const mst_core *core, mst_wall start, mst_wall now)
{
  int64_t due = start.ns + core->window_ns + core->grace_ns;

  return (mst_wall){due > now.ns ? due : now.ns + late_pause_ns};
}

/* A limit of the agent's own is refused, one of ours makes it wait; anything else that can go wrong here fails the batch. */
static mst_err
refuse_limit(mst_job *job, mst_err err, const mst_errctx *why)
{
  if (err == MST_ELIMIT)
    mst_job_refuse(job, MST_REFUSED_LIMIT, "%s", why->text);
  else if (err == MST_ESTATE)
    mst_job_later(job, overload_retry_ns, "%s", why->text);
  return err == MST_ELIMIT || err == MST_ESTATE ? MST_OK : err;
}

static mst_err
store_report(mst_batch *batch, mst_draft *draft, mst_job *job, uint32_t charge_bytes, mst_errctx *ctx)
{
  mst_core *core = batch->core;
  const mst_wall start = mst_core_window_start(core, job->report.header.at);
  const uint64_t sequence = job->envelope.sequence;
  mst_open_report report = {.session = draft->session, .sequence = sequence, .charge_bytes = charge_bytes};
  mst_errctx why = {0};
  mst_store_journal record = {
      .agent = job->agent,
      .session = draft->session->number,
      .sequence = sequence,
      .kind = MST_ENVELOPE_REPORT,
      .window = start,
      .received_at = job->received_at,
      .digest = job->digest,
      .body = job->envelope.body,
  };
  bool is_held = core->run && mst_run_holds(core->run, job->agent, start, job->received_at);
  mst_open_base base;

  mst_err err = mst_open_base_load(core, job->agent, start, &base, ctx);
  if (err != MST_OK)
    return err;
  err = mst_open_windows_check(&core->windows, job->agent, start, is_held, &base, charge_bytes, &why);
  if (err == MST_OK)
    err = mst_ranges_add(&draft->data.taken, sequence, sequence, &why);
  if (err != MST_OK)
    return refuse_limit(job, err, &why);
  memcpy(report.digest, job->digest.bytes, sizeof report.digest);
  err = core->ops->journal_append(core->store, &record, ctx);
  if (err != MST_OK)
    return err;
  report.id = record.id;
  err = mst_open_windows_add(&core->windows, job->agent, start, is_held, due_time(core, start, job->received_at), &base, &report, ctx);
  if (err != MST_OK)
    return err;
  if (mst_ranges_has(&draft->data.lost, sequence)) { /* given up there, but it had arrived, or came after all */
    err = mst_ranges_remove(&draft->data.lost, sequence, sequence, ctx);
    if (err != MST_OK)
      return err;
    draft->must_put = true;
  }
  draft->data.stored_reports++;
  draft->data.stored_samples += job->report.header.sample_count;
  mst_job_accept(job, true);
  return MST_OK;
}

mst_err
mst_apply_report(mst_batch *batch, mst_job *job, mst_errctx *ctx)
{
  mst_core *core = batch->core;
  const bool needs_none = job->report.header.definitions == 0;
  mst_errctx why = {0};
  mst_draft *draft = NULL;
  uint64_t charge_bytes = 0;

  /* A session begins with its definitions; one whose report needs none may begin with that. */
  mst_err err = mst_batch_draft(batch, job->agent, &job->envelope.session, false, job->received_at, &draft, ctx);
  if (err != MST_OK)
    return err;
  if (draft && mst_ranges_has(&draft->data.taken, job->envelope.sequence))
    return decide_repeat(batch, draft, job, ctx);
  if (refuse_time(core, job))
    return MST_OK;
  if (!draft && needs_none) {
    err = mst_batch_draft(batch, job->agent, &job->envelope.session, true, job->received_at, &draft, ctx);
    if (err != MST_OK)
      return mst_batch_refuse_session(job, err, ctx);
  }
  const mst_series_map *map = draft ? draft->data.map : NULL;
  if (!draft || job->report.header.definitions > (map ? map->count : 0)) {
    mst_job_need_definitions(job);
    return MST_OK;
  }
  err = mst_window_check(&job->report, map ? map->numbers : NULL, job->report.header.definitions, core->state.series, &charge_bytes, &why);
  if (err == MST_EMALFORMED) {
    mst_job_refuse(job, MST_REFUSED_MALFORMED, "%s", why.text);
    return MST_OK;
  }
  if (err != MST_OK)
    return refuse_limit(job, err, &why);
  if (charge_bytes > MST_WINDOW_MAX_BYTES) {
    mst_job_refuse(job, MST_REFUSED_LIMIT, "a report that fills a window alone");
    return MST_OK;
  }
  return store_report(batch, draft, job, (uint32_t)charge_bytes, ctx);
}
