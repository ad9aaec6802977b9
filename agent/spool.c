#include "spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <mst/common/alloc.h>
#include <mst/common/file.h>

#include "spool_state.h"

enum {
  /* A 64th of the bound would make many files, a quarter would give up much at once. */
  SEGMENTS_OF_BOUND = 16,
  SEGMENT_LEAST_BYTES = 16 * 1024,
  SEGMENT_MOST_BYTES = 1024 * 1024,
};

static mst_err
lock_folder(mst_spool *spool, mst_errctx *ctx)
{
  char path[4096];

  if (snprintf(path, sizeof path, "%s/lock", spool->folder) >= (int)sizeof path)
    return mst_fail(ctx, MST_ELIMIT, "spool: the path of %s is too long", spool->folder);
  spool->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (spool->lock_fd < 0)
    return mst_fail_errno(ctx, MST_EIO, "spool: open %s", path);
  if (flock(spool->lock_fd, LOCK_EX | LOCK_NB) < 0)
    return errno == EWOULDBLOCK ? mst_fail(ctx, MST_EEXIST, "another agent uses %s; give each its own state_dir", spool->folder)
                                : mst_fail_errno(ctx, MST_EIO, "spool: lock %s", path);
  return MST_OK;
}

mst_err
mst_spool_open(const mst_spool_setup *setup, mst_spool **ret_spool, mst_errctx *ctx)
{
  mst_err err;

  if (setup->max_bytes < MST_SPOOL_LEAST_BYTES)
    return mst_fail(ctx, MST_EUSAGE, "spool: a bound of %lld bytes; at least %d are needed", (long long)setup->max_bytes,
                    MST_SPOOL_LEAST_BYTES);
  mst_spool *spool = mst_alloc(1, sizeof *spool);
  if (!spool)
    return mst_fail(ctx, MST_ENOMEM, "spool: out of memory");
  spool->setup = *setup;
  spool->setup.folder = spool->setup.ledger = NULL; /* the caller's; spool->folder is ours */
  spool->lock_fd = spool->journal.fd = spool->ledger.fd = -1;
  spool->next_id = 1;
  spool->compact_at_bytes = MST_JOURNAL_RESERVE_BYTES * 3 / 4;
  spool->segment_bytes = (uint64_t)setup->max_bytes / SEGMENTS_OF_BOUND;
  if (spool->segment_bytes > SEGMENT_MOST_BYTES)
    spool->segment_bytes = SEGMENT_MOST_BYTES;
  if (spool->segment_bytes < SEGMENT_LEAST_BYTES)
    spool->segment_bytes = SEGMENT_LEAST_BYTES;
  mst_buf_init(&spool->saved, MST_SPOOL_SAVED_MAX_BYTES);
  mst_buf_init(&spool->found.bytes, MST_SPOOL_SAVED_MAX_BYTES);
  spool->folder = mst_strdup(setup->folder);
  err = spool->folder ? mst_file_mkdirs(setup->folder, 0700, ctx) : mst_fail(ctx, MST_ENOMEM, "spool: out of memory");
  if (err == MST_OK)
    err = lock_folder(spool, ctx);
  if (err == MST_OK)
    err = mst_ledger_open(&spool->ledger, setup->ledger, ctx);
  if (err == MST_OK)
    err = mst_spool_load(spool, ctx);
  if (err == MST_OK)
    *ret_spool = spool;
  else
    mst_spool_destroy(spool);
  return err;
}

void
mst_spool_destroy(mst_spool *spool)
{
  if (!spool)
    return;
  for (size_t i = 0; i < spool->segment_count; i++)
    mst_segment_destroy(spool->segments[i]);
  mst_free(spool->segments);
  for (size_t i = 0; i < spool->session_count; i++) {
    mst_ranges_done(&spool->sessions[i].settled);
    mst_ranges_done(&spool->sessions[i].known);
  }
  mst_free(spool->sessions);
  mst_free(spool->losses);
  mst_buf_done(&spool->saved);
  mst_buf_done(&spool->found.bytes);
  mst_journal_close(&spool->journal);
  mst_ledger_close(&spool->ledger);
  if (spool->lock_fd >= 0)
    close(spool->lock_fd);
  mst_free(spool->folder);
  mst_free(spool);
}

mst_err
mst_spool_begin(mst_spool *spool, const mst_session_id *session, mst_errctx *ctx)
{
  uint32_t index;

  mst_err err = mst_spool_session_find(spool, session, true, &index, ctx);
  if (err == MST_OK)
    spool->sessions[index].is_current = true;
  return err;
}

static mst_err
new_file(mst_spool *spool, const mst_spool_item *item, mst_segment **ret_segment, mst_errctx *ctx)
{
  char path[4096];
  char session[2 * MST_SESSION_BYTES + 1];
  mst_segment *segment = NULL;
  mst_segment_kind kind;
  int length;

  mst_hex_encode(item->session.bytes, MST_SESSION_BYTES, session);
  if (item->kind == MST_ENVELOPE_REPORT) {
    kind = MST_SEGMENT_REPORTS;
    length = snprintf(path, sizeof path, "%s/reports-%016llx.seg", spool->folder, (unsigned long long)spool->next_number);
  } else if (item->kind == MST_ENVELOPE_DEFINITIONS) {
    kind = MST_SEGMENT_DEFINITIONS;
    length = snprintf(path, sizeof path, "%s/definitions-%s-%llx.seg", spool->folder, session, (unsigned long long)item->sequence);
  } else {
    kind = MST_SEGMENT_LOSS;
    length = snprintf(path, sizeof path, "%s/loss-%s-%llx.seg", spool->folder, session, (unsigned long long)item->sequence);
  }
  if (length >= (int)sizeof path)
    return mst_fail(ctx, MST_ELIMIT, "spool: the path of %s is too long", spool->folder);
  mst_err err = mst_segment_create(kind, path, &segment, ctx);
  if (err != MST_OK)
    return err;
  segment->number = spool->next_number;
  spool->next_number += kind == MST_SEGMENT_REPORTS;
  spool->is_folder_dirty = true;
  err = mst_spool_segment_add(spool, segment, ctx);
  if (err != MST_OK) {
    (void)unlink(path);
    mst_segment_destroy(segment);
    return err;
  }
  *ret_segment = segment;
  return MST_OK;
}

/* The file that a record goes to, which may be a new one. */
static mst_err
file_for(mst_spool *spool, const mst_spool_item *item, uint32_t session, mst_segment **ret_segment, mst_errctx *ctx)
{
  if (item->kind == MST_ENVELOPE_REPORT && spool->active && spool->active->size_bytes >= spool->segment_bytes) {
    mst_segment *full = spool->active;
    mst_err err = spool->setup.sync ? mst_segment_sync(full, ctx) : MST_OK;
    mst_segment_close_file(full);
    spool->active = NULL;
    if (err == MST_OK)
      err = mst_spool_drop_if_settled(spool, full->id, ctx);
    if (err != MST_OK)
      return err;
  }
  if (item->kind == MST_ENVELOPE_REPORT && spool->active) {
    *ret_segment = spool->active;
    return MST_OK;
  }
  for (size_t i = 0; item->kind == MST_ENVELOPE_DEFINITIONS && i < spool->segment_count; i++) {
    mst_segment *segment = spool->segments[i];
    if (segment->kind == MST_SEGMENT_DEFINITIONS && segment->path && segment->count > 0 && segment->records[0].session == session) {
      *ret_segment = segment;
      return MST_OK;
    }
  }
  mst_err err = new_file(spool, item, ret_segment, ctx);
  if (err == MST_OK && item->kind == MST_ENVELOPE_REPORT)
    spool->active = *ret_segment;
  return err;
}

static mst_err
write_to(mst_spool *spool, mst_segment *segment, const mst_record_image *image, uint32_t session, bool take, mst_spool_handle *ret_handle,
         mst_errctx *ctx)
{
  uint64_t before = segment->size_bytes;
  uint32_t offset = 0;

  mst_err err = mst_segment_write(segment, image, &offset, ctx);
  if (err != MST_OK)
    return err;
  const mst_record record = {
      .sequence = image->sequence,
      .samples_before = image->samples_before,
      .offset = offset,
      .size_bytes = (uint32_t)image->size_bytes,
      .samples = image->samples,
      .made_at_s = (uint32_t)(image->made_at.ns / MST_NS_PER_S),
      .session = session,
      .kind = (uint8_t)image->kind,
      .state = take ? MST_RECORD_TAKEN : MST_RECORD_WAITING,
  };
  err = mst_segment_index(segment, &record, ctx);
  if (err != MST_OK)
    return err;
  if (segment->path)
    spool->file_bytes += segment->size_bytes - before;
  *ret_handle = (mst_spool_handle){segment->id, (uint32_t)(segment->count - 1)};
  return MST_OK;
}

static mst_err
write_to_disk(mst_spool *spool, const mst_spool_item *item, const mst_record_image *image, uint32_t session, bool take,
              mst_spool_handle *ret_handle, mst_errctx *ctx)
{
  mst_segment *segment = NULL;
  mst_record_image whole = *image;
  size_t need_bytes = 2 * MST_RECORD_HEADER_BYTES + MST_SEGMENT_HEADER_BYTES + item->saved_bytes + image->size_bytes;

  if (item->saved_bytes > MST_SPOOL_SAVED_MAX_BYTES)
    return mst_fail(ctx, MST_ELIMIT, "spool: %zu bytes to save with a report; at most %d are possible", item->saved_bytes,
                    MST_SPOOL_SAVED_MAX_BYTES);
  mst_err err = mst_spool_make_room(spool, need_bytes, ctx);
  if (err == MST_OK)
    err = file_for(spool, item, session, &segment, ctx);
  if (err == MST_OK) {
    const mst_bytes saved = {item->saved, item->saved_bytes};
    bool is_news = mst_spool_saved_is_news(spool, saved, segment);
    if (is_news)
      whole.saved = saved;
    err = write_to(spool, segment, &whole, session, take, ret_handle, ctx);
    if (err == MST_OK && is_news)
      mst_spool_saved_keep(spool, saved, segment);
    if (err != MST_OK && segment->count == 0)
      (void)!mst_spool_segment_remove(spool, mst_spool_segment_find(spool, segment->id), NULL);
  }
  return err;
}

/* Gives up the oldest reports in memory until another fits. */
static mst_err
make_memory_room(mst_spool *spool, size_t need_bytes, mst_errctx *ctx)
{
  mst_segment *memory = spool->memory;
  mst_loss_batch batch = {0};
  uint64_t size_bytes = memory ? memory->size_bytes : 0;
  mst_err err = MST_OK;

  for (size_t i = 0; memory && i < memory->count && size_bytes + need_bytes > MST_SPOOL_MEMORY_BYTES && err == MST_OK; i++) {
    const mst_record *record = &memory->records[i];
    if (record->state != MST_RECORD_WAITING)
      continue;
    const mst_range range = {record->sequence, record->sequence, record->samples_before, record->samples_before + record->samples};
    err = mst_loss_batch_add(&batch, &spool->sessions[record->session].id, range, ctx);
    size_bytes -= record->size_bytes;
    mst_spool_record_settle(spool, memory, i);
  }
  if (err == MST_OK)
    err = mst_spool_losses_commit(spool, &batch, "memory_full", ctx);
  mst_loss_batch_done(&batch);
  return err;
}

static mst_err
write_to_memory(mst_spool *spool, const mst_record_image *image, uint32_t session, bool take, mst_spool_handle *ret_handle, mst_errctx *ctx)
{
  mst_segment *segment = image->kind == MST_ENVELOPE_REPORT ? spool->memory : NULL;
  mst_err err = make_memory_room(spool, image->size_bytes, ctx);

  if (err != MST_OK)
    return err;
  if (!segment) {
    err = mst_segment_create(image->kind == MST_ENVELOPE_REPORT ? MST_SEGMENT_REPORTS : MST_SEGMENT_DEFINITIONS, NULL, &segment, ctx);
    if (err == MST_OK)
      err = mst_spool_segment_add(spool, segment, ctx);
    if (err != MST_OK) {
      mst_segment_destroy(segment);
      return err;
    }
    if (image->kind == MST_ENVELOPE_REPORT)
      spool->memory = segment;
  }
  return write_to(spool, segment, image, session, take, ret_handle, ctx);
}

/* Brings the reports that wait in memory to the disk; they stay where they are when it refuses them still. */
static mst_err
flush_memory(mst_spool *spool, mst_errctx *ctx)
{
  mst_segment *memory = spool->memory;
  mst_err err = MST_OK;

  for (size_t i = 0; memory && i < memory->count && err == MST_OK; i++) {
    const mst_record record = memory->records[i];
    mst_spool_handle handle;
    if (record.state != MST_RECORD_WAITING)
      continue;
    const mst_spool_session *session = &spool->sessions[record.session];
    const mst_record_image image = {.session = session->id,
                                    .sequence = record.sequence,
                                    .samples_before = record.samples_before,
                                    .samples = record.samples,
                                    .made_at = {(int64_t)record.made_at_s * MST_NS_PER_S},
                                    .kind = MST_ENVELOPE_REPORT,
                                    .envelope = memory->blocks[i],
                                    .size_bytes = record.size_bytes};
    const mst_spool_item item = {.session = session->id, .kind = MST_ENVELOPE_REPORT};
    err = write_to_disk(spool, &item, &image, record.session, false, &handle, ctx);
    if (err == MST_OK)
      mst_segment_set_state(memory, i, MST_RECORD_SETTLED); /* the session's count stays: the record lives on */
  }
  if (err == MST_OK && memory && memory->waiting + memory->taken == 0)
    err = mst_spool_segment_remove(spool, mst_spool_segment_find(spool, memory->id), ctx);
  return err;
}

mst_err
mst_spool_append(mst_spool *spool, const mst_spool_item *item, bool take, mst_spool_handle *ret_handle, mst_errctx *ctx)
{
  mst_errctx disk = {0};
  mst_spool_handle handle;
  uint32_t session;

  mst_err err = mst_spool_session_find(spool, &item->session, true, &session, ctx);
  if (err != MST_OK)
    return err;
  const uint64_t last = spool->sessions[session].last;
  const uint64_t samples = spool->sessions[session].samples;
  if (item->sequence <= last)
    return mst_fail(ctx, MST_ESTATE, "spool: sequence %llu after %llu", (unsigned long long)item->sequence, (unsigned long long)last);
  if (item->sequence > last + 1) {
    err = mst_spool_lose(spool, &item->session, item->sequence - 1, 0, "not_kept", ctx);
    if (err != MST_OK)
      return err;
  }
  const mst_record_image image = {.session = item->session,
                                  .sequence = item->sequence,
                                  .samples_before = samples,
                                  .samples = item->samples,
                                  .made_at = item->made_at,
                                  .kind = item->kind,
                                  .envelope = item->envelope,
                                  .size_bytes = item->size_bytes};
  err = flush_memory(spool, &disk);
  if (err == MST_OK)
    err = write_to_disk(spool, item, &image, session, take, &handle, &disk);
  snprintf(spool->trouble, sizeof spool->trouble, "%s", err == MST_OK ? "" : disk.text);
  if (err != MST_OK && item->kind == MST_ENVELOPE_LOSS)
    return mst_fail(ctx, MST_EIO, "%s", disk.text);
  if (err != MST_OK)
    err = write_to_memory(spool, &image, session, take, &handle, ctx);
  if (err != MST_OK)
    return err;
  mst_spool_session *kept = &spool->sessions[session];
  kept->last = item->sequence;
  kept->samples = samples + item->samples;
  kept->reports += item->kind == MST_ENVELOPE_REPORT;
  kept->others += item->kind != MST_ENVELOPE_REPORT;
  const mst_journal_entry head = {MST_JOURNAL_HEAD, item->session, {.last = kept->last, .samples_after = kept->samples}};
  mst_spool_note(spool, &head, 1);
  mst_spool_compact(spool);
  mst_ledger_record(&spool->ledger, "made", &image);
  *ret_handle = handle;
  if (item->kind == MST_ENVELOPE_LOSS)
    err = mst_spool_losses_carry(spool, item->envelope, item->size_bytes, handle.segment, false, ctx);
  return err;
}

mst_err
mst_spool_sync(mst_spool *spool, mst_errctx *ctx)
{
  char path[4096];
  mst_err err = MST_OK;

  if (!spool->setup.sync)
    return MST_OK;
  for (size_t i = 0; i < spool->segment_count; i++) {
    mst_segment *segment = spool->segments[i];
    mst_err one = mst_segment_sync(segment, ctx);
    if (segment != spool->active)
      mst_segment_close_file(segment);
    err = err == MST_OK ? one : err;
  }
  if (err == MST_OK && spool->is_folder_dirty && snprintf(path, sizeof path, "%s/journal", spool->folder) < (int)sizeof path) {
    err = mst_file_sync_dir(path, ctx);
    spool->is_folder_dirty = err != MST_OK;
  }
  return err;
}

mst_spool_stats
mst_spool_get_stats(const mst_spool *spool)
{
  mst_spool_stats stats = {.lost_records = spool->lost_records, .lost_samples = spool->lost_samples, .cut_bytes = spool->cut_bytes};

  for (size_t i = 0; i < spool->segment_count; i++) {
    const mst_segment *segment = spool->segments[i];
    stats.records += segment->waiting + segment->taken;
    stats.waiting += segment->waiting;
    stats.memory_records += segment->path ? 0 : segment->waiting + segment->taken;
    stats.bytes += segment->live_bytes;
  }
  for (size_t i = 0; i < spool->loss_count; i++)
    stats.unreported += spool->losses[i].carrier == 0;
  return stats;
}

const char *
mst_spool_trouble(const mst_spool *spool)
{
  return spool->trouble;
}
