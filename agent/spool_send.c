#include <string.h>

#include <mst/common/alloc.h>

#include "spool_state.h"

static mst_record *
find_record(mst_spool *spool, mst_spool_handle handle, mst_segment **ret_segment)
{
  size_t at = mst_spool_segment_find(spool, handle.segment);

  if (at == spool->segment_count || handle.index >= spool->segments[at]->count)
    return NULL;
  *ret_segment = spool->segments[at];
  return &spool->segments[at]->records[handle.index];
}

static mst_err
fill_item(mst_spool *spool, mst_segment *segment, size_t index, mst_spool_item *ret_item, mst_errctx *ctx)
{
  const mst_record *record = &segment->records[index];
  uint8_t *envelope = NULL;

  mst_err err = mst_segment_read(segment, index, &envelope, ctx);
  if (err != MST_OK)
    return err;
  if (segment != spool->active)
    mst_segment_close_file(segment);
  *ret_item = (mst_spool_item){
      .handle = {segment->id, (uint32_t)index},
      .session = spool->sessions[record->session].id,
      .sequence = record->sequence,
      .samples = record->samples,
      .kind = (mst_envelope_kind)record->kind,
      .made_at = {(int64_t)record->made_at_s * MST_NS_PER_S},
      .envelope = envelope,
      .size_bytes = record->size_bytes,
  };
  return MST_OK;
}

/* The next waiting record: definitions and losses first. False when none waits. */
static bool
pick(const mst_spool *spool, mst_spool_order order, mst_spool_handle *ret_handle)
{
  const mst_segment *chosen = NULL;

  for (size_t i = 0; i < spool->segment_count; i++) {
    const mst_segment *segment = spool->segments[i];
    if (segment->waiting == 0)
      continue;
    if (segment->kind != MST_SEGMENT_REPORTS) {
      chosen = segment;
      break;
    }
    if (!chosen || order == MST_SPOOL_NEWEST)
      chosen = segment;
  }
  if (!chosen)
    return false;
  bool from_end = order == MST_SPOOL_NEWEST && chosen->kind == MST_SEGMENT_REPORTS;
  for (size_t n = 0; n < chosen->count; n++) {
    size_t index = from_end ? chosen->count - 1 - n : n;
    if (chosen->records[index].state == MST_RECORD_WAITING) {
      *ret_handle = (mst_spool_handle){chosen->id, (uint32_t)index};
      return true;
    }
  }
  return false;
}

mst_err
mst_spool_take(mst_spool *spool, mst_spool_order order, mst_spool_item *ret_item, mst_errctx *ctx)
{
  mst_spool_handle handle;

  while (pick(spool, order, &handle)) {
    mst_segment *segment = spool->segments[mst_spool_segment_find(spool, handle.segment)];
    mst_err err = fill_item(spool, segment, handle.index, ret_item, ctx);
    if (err == MST_OK)
      mst_segment_set_state(segment, handle.index, MST_RECORD_TAKEN);
    if (err != MST_ECORRUPT)
      return err;
    /* It rotted after it was written: the next one is tried. */
    err = mst_spool_give_up(spool, handle, "corrupt", ctx);
    if (err != MST_OK && err != MST_ECORRUPT)
      return err;
  }
  return mst_fail(ctx, MST_EABSENT, "spool: nothing waits");
}

mst_err
mst_spool_definitions(mst_spool *spool, const mst_session_id *session, size_t nth, mst_spool_item *ret_item, mst_errctx *ctx)
{
  for (size_t i = 0; i < spool->segment_count; i++) {
    mst_segment *segment = spool->segments[i];
    if (segment->kind != MST_SEGMENT_DEFINITIONS || segment->count == 0 ||
        !mst_session_id_equal(&spool->sessions[segment->records[0].session].id, session))
      continue;
    if (nth < segment->count) {
      mst_err err = fill_item(spool, segment, nth, ret_item, ctx);
      if (err == MST_OK && segment->records[nth].state == MST_RECORD_WAITING)
        mst_segment_set_state(segment, nth, MST_RECORD_TAKEN);
      return err;
    }
    nth -= segment->count;
  }
  return mst_fail(ctx, MST_EABSENT, "spool: no more definitions of this session");
}

void
mst_spool_return(mst_spool *spool, mst_spool_handle handle)
{
  mst_segment *segment;
  const mst_record *record = find_record(spool, handle, &segment);

  if (record && record->state == MST_RECORD_TAKEN)
    mst_segment_set_state(segment, handle.index, MST_RECORD_WAITING);
}

/* A loss record that cannot be read any more carries nothing: its ranges go into another one. */
static void
drop_carrier(mst_spool *spool, uint64_t carrier)
{
  for (size_t i = 0; i < spool->loss_count; i++)
    if (spool->losses[i].carrier == carrier)
      spool->losses[i].carrier = 0;
}

/* After a record was settled: marks what it reported, lets go of its file and of its session. */
static mst_err
finish(mst_spool *spool, mst_spool_handle handle, mst_errctx *ctx)
{
  mst_segment *segment;
  const mst_record *record = find_record(spool, handle, &segment);
  const uint32_t session = record->session;
  mst_err err = MST_OK;
  mst_err one;

  if (record->kind == MST_ENVELOPE_LOSS) {
    uint8_t *envelope = NULL;
    err = mst_segment_read(segment, handle.index, &envelope, ctx);
    if (err == MST_OK)
      err = mst_spool_losses_carry(spool, envelope, record->size_bytes, handle.segment, true, ctx);
    else
      drop_carrier(spool, handle.segment);
    mst_free(envelope);
  }
  one = mst_spool_drop_if_settled(spool, handle.segment, ctx);
  err = err == MST_OK ? one : err;
  one = mst_spool_session_release(spool, session, false, ctx);
  mst_spool_compact(spool);
  return err == MST_OK ? one : err;
}

mst_err
mst_spool_acknowledge(mst_spool *spool, mst_spool_handle handle, mst_errctx *ctx)
{
  mst_segment *segment;
  const mst_record *record = find_record(spool, handle, &segment);

  if (!record || record->state == MST_RECORD_SETTLED)
    return MST_OK;
  mst_spool_session *session = &spool->sessions[record->session];
  const mst_journal_entry entry = {
      MST_JOURNAL_SETTLED,
      session->id,
      {record->sequence, record->sequence, record->samples_before, record->samples_before + record->samples},
  };
  mst_err err = mst_ranges_add(&session->settled, entry.range, ctx);
  if (err != MST_OK)
    return err;
  mst_spool_note(spool, &entry, 1);
  mst_ledger_stored(&spool->ledger, &session->id, record->sequence);
  mst_spool_record_settle(spool, segment, handle.index);
  return finish(spool, handle, ctx);
}

mst_err
mst_spool_give_up(mst_spool *spool, mst_spool_handle handle, const char *reason, mst_errctx *ctx)
{
  mst_loss_batch batch = {0};
  mst_segment *segment;
  const mst_record *record = find_record(spool, handle, &segment);

  if (!record || record->state == MST_RECORD_SETTLED)
    return MST_OK;
  const mst_range range = {record->sequence, record->sequence, record->samples_before, record->samples_before + record->samples};
  mst_err err = mst_loss_batch_add(&batch, &spool->sessions[record->session].id, range, ctx);
  if (err == MST_OK)
    err = mst_spool_losses_commit(spool, &batch, reason, ctx);
  if (err == MST_OK) {
    mst_spool_record_settle(spool, segment, handle.index);
    err = finish(spool, handle, ctx);
  }
  mst_loss_batch_done(&batch);
  return err;
}

mst_err
mst_spool_lose(mst_spool *spool, const mst_session_id *id, uint64_t sequence, uint32_t samples, const char *reason, mst_errctx *ctx)
{
  mst_loss_batch batch = {0};
  uint32_t index;

  mst_err err = mst_spool_session_find(spool, id, true, &index, ctx);
  if (err != MST_OK)
    return err;
  mst_spool_session *session = &spool->sessions[index];
  if (sequence <= session->last || sequence == UINT64_MAX)
    return mst_fail(ctx, MST_ESTATE, "spool: sequence %llu after %llu", (unsigned long long)sequence, (unsigned long long)session->last);
  const mst_range range = {session->last + 1, sequence, session->samples, session->samples + samples};
  err = mst_loss_batch_add(&batch, id, range, ctx);
  if (err == MST_OK) {
    session->last = sequence;
    session->samples += samples;
    const mst_journal_entry head = {MST_JOURNAL_HEAD, *id, {.last = session->last, .samples_after = session->samples}};
    mst_spool_note(spool, &head, 1);
    err = mst_spool_losses_commit(spool, &batch, reason, ctx);
  }
  mst_loss_batch_done(&batch);
  return err;
}

mst_err
mst_spool_expire(mst_spool *spool, mst_errctx *ctx)
{
  int64_t before_ns = mst_clock_wall(spool->setup.clock).ns - spool->setup.max_age_ns;
  mst_err err = MST_OK;

  if (before_ns <= 0)
    return MST_OK;
  const uint64_t before_s = (uint64_t)(before_ns / MST_NS_PER_S);
  for (size_t i = 0; i < spool->segment_count && err == MST_OK;) {
    mst_segment *segment = spool->segments[i];
    const uint64_t id = segment->id;
    if (segment->kind == MST_SEGMENT_REPORTS && segment->waiting > 0) {
      err = mst_spool_segment_lose(spool, segment, before_s, "too_old", ctx);
      if (err == MST_OK)
        err = mst_spool_drop_if_settled(spool, id, ctx);
    }
    if (i < spool->segment_count && spool->segments[i]->id == id)
      i++;
  }
  for (size_t i = 0; i < spool->session_count && err == MST_OK; i++)
    err = mst_spool_session_release(spool, (uint32_t)i, false, ctx);
  return err;
}

uint32_t
mst_spool_losses(const mst_spool *spool, mst_loss_range ret_ranges[static MST_LOSS_RANGES_MAX])
{
  uint32_t count = 0;

  for (size_t i = 0; i < spool->loss_count && count < MST_LOSS_RANGES_MAX; i++) {
    const mst_spool_loss *loss = &spool->losses[i];
    if (loss->carrier == 0)
      ret_ranges[count++] =
          (mst_loss_range){loss->session, loss->range.first, loss->range.last, loss->range.samples_after - loss->range.samples_before};
  }
  return count;
}
