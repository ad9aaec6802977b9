#include <string.h>

#include <mst/common/alloc.h>

#include "spool_state.h"

enum {
  /* Ranges that wait to be reported; neighbours melt, so that this needs as many sessions whose every report was given up. */
  LOSSES_MAX = 65536,
};

void
mst_loss_batch_done(mst_loss_batch *batch)
{
  mst_free(batch->entries);
  *batch = (mst_loss_batch){0};
}

mst_err
mst_loss_batch_add(mst_loss_batch *batch, const mst_session_id *session, mst_range range, mst_errctx *ctx)
{
  mst_journal_entry *last = batch->count ? &batch->entries[batch->count - 1] : NULL;

  if (last && mst_session_id_equal(&last->session, session) && last->range.last + 1 == range.first) {
    last->range.last = range.last;
    last->range.samples_after = range.samples_after;
    return MST_OK;
  }
  if (batch->count == batch->capacity) {
    size_t capacity = batch->capacity ? batch->capacity * 2 : 4;
    mst_journal_entry *entries = mst_realloc(batch->entries, capacity, sizeof *entries);
    if (!entries)
      return mst_fail(ctx, MST_ENOMEM, "spool: out of memory for %zu losses", capacity);
    batch->entries = entries;
    batch->capacity = capacity;
  }
  batch->entries[batch->count++] = (mst_journal_entry){MST_JOURNAL_LOST, *session, range};
  return MST_OK;
}

mst_err
mst_spool_losses_remember(mst_spool *spool, const mst_journal_entry *entry, mst_errctx *ctx)
{
  mst_spool_loss *last = spool->loss_count ? &spool->losses[spool->loss_count - 1] : NULL;
  uint32_t session;

  if (last && last->carrier == 0 && mst_session_id_equal(&last->session, &entry->session) && last->range.last + 1 == entry->range.first) {
    last->range.last = entry->range.last;
    last->range.samples_after = entry->range.samples_after;
    return MST_OK;
  }
  if (spool->loss_count == LOSSES_MAX)
    return mst_fail(ctx, MST_ELIMIT, "spool: over %d losses wait to be reported", LOSSES_MAX);
  if (spool->loss_count == spool->loss_capacity) {
    size_t capacity = spool->loss_capacity ? spool->loss_capacity * 2 : 4;
    mst_spool_loss *losses = mst_realloc(spool->losses, capacity, sizeof *losses);
    if (!losses)
      return mst_fail(ctx, MST_ENOMEM, "spool: out of memory for %zu losses", capacity);
    spool->losses = losses;
    spool->loss_capacity = capacity;
  }
  mst_err err = mst_spool_session_find(spool, &entry->session, true, &session, ctx);
  if (err != MST_OK)
    return err;
  spool->sessions[session].losses++;
  spool->losses[spool->loss_count++] = (mst_spool_loss){.session = entry->session, .range = entry->range};
  return MST_OK;
}

void
mst_spool_losses_forget(mst_spool *spool, const mst_session_id *session, const mst_range *range)
{
  size_t kept = 0;
  uint32_t index;

  if (mst_spool_session_find(spool, session, false, &index, NULL) != MST_OK)
    return;
  for (size_t i = 0; i < spool->loss_count; i++) {
    const mst_spool_loss *loss = &spool->losses[i];
    if (mst_session_id_equal(&loss->session, session) && loss->range.first >= range->first && loss->range.last <= range->last)
      spool->sessions[index].losses--;
    else
      spool->losses[kept++] = *loss;
  }
  spool->loss_count = kept;
}

mst_err
mst_spool_losses_commit(mst_spool *spool, const mst_loss_batch *batch, const char *reason, mst_errctx *ctx)
{
  mst_err err = MST_OK;

  if (batch->count == 0)
    return MST_OK;
  mst_spool_note(spool, batch->entries, batch->count);
  if (spool->setup.sync)
    err = mst_journal_sync(&spool->journal, ctx);
  for (size_t i = 0; i < batch->count; i++) {
    const mst_journal_entry *entry = &batch->entries[i];
    uint32_t session;
    mst_err one = mst_spool_session_find(spool, &entry->session, true, &session, ctx);
    if (one == MST_OK)
      one = mst_ranges_add(&spool->sessions[session].settled, entry->range, ctx);
    if (one == MST_OK)
      one = mst_spool_losses_remember(spool, entry, ctx);
    spool->lost_records += entry->range.last - entry->range.first + 1;
    spool->lost_samples += entry->range.samples_after - entry->range.samples_before;
    mst_ledger_lost(&spool->ledger, &entry->session, &entry->range, reason);
    err = err == MST_OK ? one : err;
  }
  return err;
}

mst_err
mst_spool_losses_carry(mst_spool *spool, const uint8_t *envelope, size_t size_bytes, uint64_t carrier, bool is_reported, mst_errctx *ctx)
{
  mst_envelope decoded;
  uint32_t count = 0;

  mst_err err = mst_envelope_decode(envelope, size_bytes, &decoded, ctx);
  if (err != MST_OK)
    return err;
  mst_loss_range *ranges = mst_alloc(MST_LOSS_RANGES_MAX, sizeof *ranges);
  if (!ranges)
    return mst_fail(ctx, MST_ENOMEM, "spool: out of memory for a loss record");
  err = mst_loss_decode(decoded.body, ranges, &count, ctx);
  for (uint32_t i = 0; err == MST_OK && i < count; i++) {
    const mst_range named = {.first = ranges[i].first, .last = ranges[i].last};
    for (size_t k = 0; k < spool->loss_count; k++) {
      mst_spool_loss *loss = &spool->losses[k];
      if (mst_session_id_equal(&loss->session, &ranges[i].session) && loss->range.first >= named.first && loss->range.last <= named.last)
        loss->carrier = carrier;
    }
    if (is_reported) {
      const mst_journal_entry entry = {MST_JOURNAL_REPORTED, ranges[i].session, named};
      uint32_t session;
      mst_spool_note(spool, &entry, 1);
      mst_spool_losses_forget(spool, &entry.session, &named);
      if (mst_spool_session_find(spool, &entry.session, false, &session, NULL) == MST_OK)
        err = mst_spool_session_release(spool, session, false, ctx);
    }
  }
  mst_free(ranges);
  return err;
}

mst_err
mst_spool_segment_lose(mst_spool *spool, mst_segment *segment, uint64_t before_s, const char *reason, mst_errctx *ctx)
{
  mst_loss_batch batch = {0};
  mst_err err = MST_OK;

  for (size_t i = 0; i < segment->count && err == MST_OK && segment->waiting > 0; i++) {
    const mst_record *record = &segment->records[i];
    const mst_range range = {record->sequence, record->sequence, record->samples_before, record->samples_before + record->samples};
    if (record->state == MST_RECORD_WAITING && record->made_at_s < before_s)
      err = mst_loss_batch_add(&batch, &spool->sessions[record->session].id, range, ctx);
  }
  if (err != MST_OK)
    goto out;
  err = mst_spool_losses_commit(spool, &batch, reason, ctx);
  for (size_t i = 0; i < segment->count; i++)
    if (segment->records[i].state == MST_RECORD_WAITING && segment->records[i].made_at_s < before_s)
      mst_spool_record_settle(spool, segment, i);

out:
  mst_loss_batch_done(&batch);
  return err;
}

/* The oldest reports file that nobody is sending from just now and that what was saved last does not stand in; segment_count when there is
 * none. */
static size_t
oldest_file(const mst_spool *spool)
{
  for (size_t i = 0; i < spool->segment_count; i++) {
    const mst_segment *segment = spool->segments[i];
    if (segment->kind == MST_SEGMENT_REPORTS && segment->path && segment->taken == 0 && segment->count > 0 &&
        segment->id != spool->saved_segment)
      return i;
  }
  return spool->segment_count;
}

mst_err
mst_spool_make_room(mst_spool *spool, uint64_t need_bytes, mst_errctx *ctx)
{
  mst_err err = MST_OK;

  while (err == MST_OK && spool->file_bytes + need_bytes > (uint64_t)spool->setup.max_bytes) {
    size_t at = oldest_file(spool);
    if (at == spool->segment_count)
      return mst_fail(ctx, MST_ELIMIT, "spool: full: %llu of %lld bytes, and nothing in it may go", (unsigned long long)spool->file_bytes,
                      (long long)spool->setup.max_bytes);
    err = mst_spool_segment_lose(spool, spool->segments[at], UINT64_MAX, "spool_full", ctx);
    if (err == MST_OK)
      err = mst_spool_segment_remove(spool, at, ctx);
    for (size_t i = 0; i < spool->session_count && err == MST_OK; i++)
      err = mst_spool_session_release(spool, (uint32_t)i, true, ctx);
  }
  return err;
}
