#include "spool_state.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <mst/common/alloc.h>
#include <mst/common/file.h>

/* The journal is rewritten at three quarters of what was reserved for it, or when it has doubled. */
enum { COMPACT_LEAST_BYTES = MST_JOURNAL_RESERVE_BYTES * 3 / 4 };

bool
mst_session_id_equal(const mst_session_id *a, const mst_session_id *b)
{
  return memcmp(a->bytes, b->bytes, MST_SESSION_BYTES) == 0;
}

mst_err
mst_spool_session_find(mst_spool *spool, const mst_session_id *id, bool add, uint32_t *ret_index, mst_errctx *ctx)
{
  size_t free_slot = spool->session_count;

  /* Records of one session stand side by side. */
  if (spool->session_hint < spool->session_count && spool->sessions[spool->session_hint].is_used &&
      mst_session_id_equal(&spool->sessions[spool->session_hint].id, id)) {
    *ret_index = (uint32_t)spool->session_hint;
    return MST_OK;
  }
  for (size_t i = 0; i < spool->session_count; i++) {
    if (!spool->sessions[i].is_used) {
      free_slot = free_slot == spool->session_count ? i : free_slot;
    } else if (mst_session_id_equal(&spool->sessions[i].id, id)) {
      spool->session_hint = i;
      *ret_index = (uint32_t)i;
      return MST_OK;
    }
  }
  if (!add)
    return mst_fail(ctx, MST_EABSENT, "spool: no such session");
  if (free_slot == spool->session_count) {
    mst_spool_session *sessions = mst_realloc(spool->sessions, spool->session_count + 1, sizeof *sessions);
    if (!sessions)
      return mst_fail(ctx, MST_ENOMEM, "spool: out of memory for %zu sessions", spool->session_count + 1);
    spool->sessions = sessions;
    spool->session_count++;
  }
  spool->sessions[free_slot] = (mst_spool_session){.is_used = true, .id = *id};
  spool->session_hint = free_slot;
  *ret_index = (uint32_t)free_slot;
  return MST_OK;
}

mst_err
mst_spool_segment_add(mst_spool *spool, mst_segment *segment, mst_errctx *ctx)
{
  if (spool->segment_count == spool->segment_capacity) {
    size_t capacity = spool->segment_capacity ? spool->segment_capacity * 2 : 8;
    mst_segment **segments = mst_realloc(spool->segments, capacity, sizeof *segments);
    if (!segments)
      return mst_fail(ctx, MST_ENOMEM, "spool: out of memory for %zu files", capacity);
    spool->segments = segments;
    spool->segment_capacity = capacity;
  }
  segment->id = spool->next_id++;
  spool->segments[spool->segment_count++] = segment;
  if (segment->path)
    spool->file_bytes += segment->size_bytes;
  return MST_OK;
}

size_t
mst_spool_segment_find(const mst_spool *spool, uint64_t id)
{
  size_t low = 0;
  size_t high = spool->segment_count;

  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (spool->segments[middle]->id < id)
      low = middle + 1;
    else
      high = middle;
  }
  return low < spool->segment_count && spool->segments[low]->id == id ? low : spool->segment_count;
}

mst_err
mst_spool_segment_remove(mst_spool *spool, size_t at, mst_errctx *ctx)
{
  mst_segment *segment = spool->segments[at];
  mst_err err = MST_OK;

  if (segment->path) {
    /* Once the file is gone only the journal says that its records were settled and not lost. */
    if (spool->is_journal_behind)
      mst_spool_compact(spool);
    if (spool->setup.sync)
      err = mst_journal_sync(&spool->journal, ctx);
    if (unlink(segment->path) < 0 && errno != ENOENT)
      err = mst_fail_errno(ctx, MST_EIO, "spool: remove %s", segment->path);
    spool->file_bytes -= segment->size_bytes;
    spool->is_folder_dirty = true;
  }
  spool->active = spool->active == segment ? NULL : spool->active;
  spool->memory = spool->memory == segment ? NULL : spool->memory;
  mst_segment_destroy(segment);
  memmove(spool->segments + at, spool->segments + at + 1, (spool->segment_count - at - 1) * sizeof(mst_segment *));
  spool->segment_count--;
  return err;
}

void
mst_spool_note(mst_spool *spool, const mst_journal_entry *entries, size_t count)
{
  if (mst_journal_append(&spool->journal, entries, count, NULL) != MST_OK)
    spool->is_journal_behind = true;
}

static size_t
count_entries(const mst_spool *spool)
{
  size_t count = 1 + spool->loss_count;

  for (size_t i = 0; i < spool->session_count; i++)
    count += spool->sessions[i].is_used ? 1 + spool->sessions[i].settled.count : 0;
  return count;
}

void
mst_spool_compact(mst_spool *spool)
{
  size_t count = 0;

  if (!spool->is_journal_behind && spool->journal.size_bytes < spool->compact_at_bytes)
    return;
  mst_journal_entry *entries = mst_alloc(count_entries(spool), sizeof *entries);
  if (!entries)
    return; /* tried again with the next record */
  for (size_t i = 0; i < spool->session_count; i++) {
    const mst_spool_session *session = &spool->sessions[i];
    if (!session->is_used)
      continue;
    for (size_t k = 0; k < session->settled.count; k++)
      entries[count++] = (mst_journal_entry){MST_JOURNAL_SETTLED, session->id, session->settled.list[k]};
    entries[count++] = (mst_journal_entry){MST_JOURNAL_HEAD, session->id, {.last = session->last, .samples_after = session->samples}};
  }
  for (size_t i = 0; i < spool->loss_count; i++)
    entries[count++] = (mst_journal_entry){MST_JOURNAL_LOST, spool->losses[i].session, spool->losses[i].range};
  entries[count++] = (mst_journal_entry){.type = MST_JOURNAL_TOTALS, .range = {.first = spool->lost_records, .last = spool->lost_samples}};
  if (mst_journal_replace(&spool->journal, entries, count, NULL) == MST_OK) {
    spool->is_journal_behind = false;
    spool->compact_at_bytes = spool->journal.size_bytes * 2 > COMPACT_LEAST_BYTES ? spool->journal.size_bytes * 2 : COMPACT_LEAST_BYTES;
  } else {
    spool->compact_at_bytes = spool->journal.size_bytes + COMPACT_LEAST_BYTES;
  }
  mst_free(entries);
}

void
mst_spool_record_settle(mst_spool *spool, mst_segment *segment, size_t index)
{
  const mst_record *record = &segment->records[index];
  mst_spool_session *session = &spool->sessions[record->session];

  if (record->state == MST_RECORD_SETTLED)
    return;
  if (record->kind == MST_ENVELOPE_REPORT)
    session->reports--;
  else
    session->others--;
  mst_segment_set_state(segment, index, MST_RECORD_SETTLED);
}

static bool
is_definitions_of(const mst_segment *segment, uint32_t session)
{
  return segment->kind == MST_SEGMENT_DEFINITIONS && segment->count > 0 && segment->records[0].session == session;
}

mst_err
mst_spool_session_release(mst_spool *spool, uint32_t index, bool is_pressed, mst_errctx *ctx)
{
  mst_spool_session *session = &spool->sessions[index];
  mst_err err = MST_OK;

  /* Only the journal says that the records beside what was saved last are settled, and it says so for as long as the session is known. */
  if (!session->is_used || session->is_current || session->reports > 0 || mst_spool_saved_is_beside(spool, index))
    return MST_OK;
  for (size_t i = 0; is_pressed && i < spool->segment_count && err == MST_OK; i++)
    if (is_definitions_of(spool->segments[i], index))
      err = mst_spool_segment_lose(spool, spool->segments[i], UINT64_MAX, "no_reports_left", ctx);
  if (err != MST_OK || session->others > 0)
    return err;
  for (size_t i = spool->segment_count; i-- > 0 && err == MST_OK;)
    if (is_definitions_of(spool->segments[i], index))
      err = mst_spool_segment_remove(spool, i, ctx);
  if (err == MST_OK && session->losses == 0) {
    mst_ranges_done(&session->settled);
    mst_ranges_done(&session->known);
    session->is_used = false;
  }
  return err;
}
