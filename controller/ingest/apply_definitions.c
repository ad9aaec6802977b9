/* Definitions: what the ids of a session stand for. */
#include <stdlib.h>
#include <string.h>

#include <mst/common/alloc.h>

#include "ingest/batch.h"

static int
compare_numbers(const void *a, const void *b)
{
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

  return (x > y) - (x < y);
}

/* Two ids for one series would put two values into one cell. */
static mst_err
check_unique(const uint32_t *numbers, uint32_t count, bool *ret_unique, mst_errctx *ctx)
{
  uint32_t *sorted = mst_alloc(count, sizeof *sorted);

  if (!sorted)
    return mst_fail(ctx, MST_ENOMEM, "out of memory for the definitions of a session");
  memcpy(sorted, numbers, count * sizeof *sorted);
  qsort(sorted, count, sizeof *sorted, compare_numbers);
  *ret_unique = true;
  for (uint32_t i = 1; i < count; i++)
    *ret_unique = *ret_unique && sorted[i] != sorted[i - 1];
  mst_free(sorted);
  return MST_OK;
}

/* Fills numbers[first_id ..]; what was known must be defined as before. Refusals are set on the job and end with *ret_good false. */
static mst_err
intern_all(mst_batch *batch, mst_job *job, const mst_series_map *known, uint32_t *numbers, bool *ret_good, mst_errctx *ctx)
{
  mst_state *state = &batch->core->state;
  mst_definitions definitions = job->definitions;
  mst_errctx why = {0};
  mst_series series;
  mst_err err = MST_OK;

  *ret_good = true;
  pthread_rwlock_wrlock(&state->series_lock);
  for (uint32_t id = definitions.first_id; *ret_good && id < definitions.first_id + definitions.count; id++) {
    bool is_new = false;
    err = mst_definitions_next(&definitions, &series, &why);
    if (err == MST_OK)
      err = mst_series_table_intern(state->series, &series, &numbers[id], &is_new, &why);
    if (err == MST_OK && known && id < known->count && known->numbers[id] != numbers[id])
      err = mst_fail(&why, MST_EMALFORMED, "series %u was defined as another before", id);
    *ret_good = err == MST_OK;
  }
  pthread_rwlock_unlock(&state->series_lock);
  if (*ret_good)
    return MST_OK;
  if (err == MST_ENOMEM)
    return mst_fail(ctx, err, "%s", why.text);
  mst_job_refuse(job, err == MST_ELIMIT ? MST_REFUSED_LIMIT : MST_REFUSED_MALFORMED, "%s", why.text);
  return MST_OK;
}

/* Series that were interned since the last time; those of a batch that failed too. Each once in a batch. */
static mst_err
store_series(mst_batch *batch, mst_errctx *ctx)
{
  mst_core *core = batch->core;
  mst_state *state = &core->state;
  const uint32_t count = mst_series_table_count(state->series);
  const uint32_t first = batch->series_put > state->series_stored ? batch->series_put : state->series_stored;
  mst_err err = MST_OK;
  mst_buf bytes;

  mst_buf_init(&bytes, 64 * 1024);
  for (uint32_t number = first; err == MST_OK && number < count; number++) {
    mst_buf_reset(&bytes);
    err = mst_series_encode(mst_series_table_get(state->series, number), &bytes, ctx);
    if (err == MST_OK)
      err = core->ops->series_put(core->store, number, (mst_bytes){bytes.data, bytes.size_bytes}, ctx);
  }
  mst_buf_done(&bytes);
  if (err == MST_OK)
    batch->series_put = count;
  return err;
}

static mst_err
store_agent_series(mst_batch *batch, const mst_job *job, const uint32_t *numbers, uint32_t known, uint32_t count, mst_errctx *ctx)
{
  mst_core *core = batch->core;
  /* A clock that is ahead must not make the series expected later than it is. */
  mst_wall defined_at = job->envelope.sent_at.ns < job->received_at.ns ? job->envelope.sent_at : job->received_at;
  mst_err err = MST_OK;

  for (uint32_t id = known; err == MST_OK && id < count; id++) {
    err = core->ops->agent_series_put(core->store, job->agent, numbers[id], defined_at, ctx);
    if (err == MST_OK)
      err = mst_batch_note_series(batch, job->agent, numbers[id], defined_at, ctx);
  }
  return err;
}

/* All ids of the session with those of this record. */
static mst_err
extend(mst_batch *batch, mst_draft *draft, mst_job *job, mst_errctx *ctx)
{
  mst_core *core = batch->core;
  const mst_series_map *known = draft->data.map;
  const uint32_t known_count = known ? known->count : 0;
  const uint32_t end = job->definitions.first_id + job->definitions.count, count = end > known_count ? end : known_count;
  mst_series_map *map = NULL;
  bool is_good = false;

  uint32_t *numbers = mst_alloc(count ? count : 1, sizeof *numbers);
  if (!numbers)
    return mst_fail(ctx, MST_ENOMEM, "out of memory for the definitions of a session");
  if (known)
    memcpy(numbers, known->numbers, known_count * sizeof *numbers);
  mst_err err = intern_all(batch, job, known, numbers, &is_good, ctx);
  if (err != MST_OK || !is_good)
    goto out;
  err = check_unique(numbers, count, &is_good, ctx);
  if (err == MST_OK && !is_good)
    mst_job_refuse(job, MST_REFUSED_MALFORMED, "the session defines one series under two ids");
  if (err != MST_OK || !is_good)
    goto out;
  err = store_series(batch, ctx);
  if (err == MST_OK)
    err = store_agent_series(batch, job, numbers, known_count, count, ctx);
  if (err == MST_OK && count > known_count)
    err = mst_series_map_intern(&core->state, numbers, count, &map, ctx);
  if (err == MST_OK && map) {
    mst_series_map_unref(&core->state, draft->data.map);
    draft->data.map = map;
  }
  if (err == MST_OK)
    mst_job_accept(job, true);

out:
  mst_free(numbers);
  return err;
}

/* Puts the sequence of a record that is no report among the taken ones; a limit is a refusal. */
static mst_err
take_sequence(mst_draft *draft, mst_job *job, mst_errctx *ctx)
{
  const uint64_t sequence = job->envelope.sequence;
  mst_errctx why = {0};

  mst_err err = mst_ranges_add(&draft->data.taken, sequence, sequence, &why);
  if (err == MST_OK) {
    err = mst_session_data_record(&draft->data, sequence, &job->digest, &why);
    if (err != MST_OK && mst_ranges_remove(&draft->data.taken, sequence, sequence, ctx) != MST_OK)
      return MST_ENOMEM;
  }
  if (err == MST_ELIMIT) {
    mst_job_refuse(job, MST_REFUSED_LIMIT, "%s", why.text);
    return MST_OK;
  }
  if (err != MST_OK)
    return mst_fail(ctx, err, "%s", why.text);
  draft->must_put = true;
  return MST_OK;
}

static mst_err
decide_repeat(mst_batch *batch, const mst_draft *draft, mst_job *job, mst_errctx *ctx)
{
  const mst_session_record *record = mst_session_data_find_record(&draft->data, job->envelope.sequence);
  if (record && memcmp(record->digest, job->digest.bytes, sizeof record->digest) == 0)
    mst_job_accept(job, false);
  else
    return mst_apply_conflict(batch, job, ctx);
  return MST_OK;
}

mst_err
mst_apply_definitions(mst_batch *batch, mst_job *job, mst_errctx *ctx)
{
  const uint64_t end = (uint64_t)job->definitions.first_id + job->definitions.count;
  mst_draft *draft = NULL;

  mst_err err = mst_batch_draft(batch, job->agent, &job->envelope.session, true, job->received_at, &draft, ctx);
  if (err != MST_OK)
    return mst_batch_refuse_session(job, err, ctx);
  if (mst_ranges_has(&draft->data.taken, job->envelope.sequence))
    return decide_repeat(batch, draft, job, ctx);
  if (end > MST_SERIES_MAX) {
    mst_job_refuse(job, MST_REFUSED_LIMIT, "over %d series in a session", MST_SERIES_MAX);
    return MST_OK;
  }
  if (job->definitions.first_id > (draft->data.map ? draft->data.map->count : 0)) { /* came before the records that it goes on from */
    mst_job_need_definitions(job);
    return MST_OK;
  }
  err = extend(batch, draft, job, ctx);
  if (err == MST_OK && job->status == MST_REPLY_STORED)
    err = take_sequence(draft, job, ctx);
  return err;
}

/* Marks what of the range is not taken as lost. */
static mst_err
mark_lost(mst_batch *batch, mst_job *job, const mst_loss_range *range, mst_errctx *ctx)
{
  mst_draft *draft = NULL;

  mst_err err = mst_batch_draft(batch, job->agent, &range->session, true, job->received_at, &draft, ctx);
  if (err != MST_OK)
    return err;
  uint64_t before = mst_ranges_total(&draft->data.lost);
  err = mst_ranges_add(&draft->data.lost, range->first, range->last, ctx);
  for (uint32_t i = 0; err == MST_OK && i < draft->data.taken.count; i++) {
    const mst_range *taken = &draft->data.taken.list[i];
    if (taken->last < range->first || taken->first > range->last)
      continue;
    err = mst_ranges_remove(&draft->data.lost, taken->first > range->first ? taken->first : range->first,
                            taken->last < range->last ? taken->last : range->last, ctx);
  }
  if (err == MST_ELIMIT) /* not to be taken for a full disk */
    return mst_fail_within(ctx, MST_EPERM, "losses");
  if (err != MST_OK)
    return err;
  uint64_t after = mst_ranges_total(&draft->data.lost);
  if (after > before) /* else all of it had arrived, or was reported before */
    draft->data.lost_samples += range->samples;
  batch->lost_records += after > before ? after - before : 0;
  draft->must_put = true;
  return MST_OK;
}

mst_err
mst_apply_loss(mst_batch *batch, mst_job *job, mst_errctx *ctx)
{
  mst_loss_range *ranges = NULL;
  mst_errctx why = {0};
  mst_draft *draft = NULL;
  uint32_t count = 0;

  mst_err err = mst_batch_draft(batch, job->agent, &job->envelope.session, true, job->received_at, &draft, ctx);
  if (err != MST_OK)
    return mst_batch_refuse_session(job, err, ctx);
  if (mst_ranges_has(&draft->data.taken, job->envelope.sequence))
    return decide_repeat(batch, draft, job, ctx);
  ranges = mst_alloc(MST_LOSS_RANGES_MAX, sizeof *ranges);
  if (!ranges)
    return mst_fail(ctx, MST_ENOMEM, "out of memory for a loss record");
  err = mst_loss_decode(job->envelope.body, ranges, &count, &why);
  if (err != MST_OK) {
    mst_job_refuse(job, MST_REFUSED_MALFORMED, "%s", why.text);
    err = MST_OK;
    goto out;
  }
  mst_job_accept(job, true);
  for (uint32_t i = 0; err == MST_OK && i < count; i++)
    err = mark_lost(batch, job, &ranges[i], &why);
  if (err == MST_EPERM || err == MST_EMALFORMED) {
    mst_job_refuse(job, MST_REFUSED_LIMIT, "%s", why.text);
    err = MST_OK;
  } else if (err == MST_OK) {
    err = take_sequence(draft, job, ctx);
  } else {
    err = mst_fail(ctx, err, "%s", why.text);
  }

out:
  mst_free(ranges);
  return err;
}
