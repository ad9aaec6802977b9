#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mst/common/alloc.h>

#include "spool_state.h"

/* A folder that holds more is not a spool: 16 files of reports and two a session are usual. */
enum { FILES_MAX = 200000 };

typedef struct file_name {
  mst_segment_kind kind;
  uint64_t number; /* of a reports file */
  char name[80];
} file_name;

typedef struct file_list {
  file_name *items; /* owned */
  size_t count, capacity;
} file_list;

static mst_err
replay(void *arg, const mst_journal_entry *entry, mst_errctx *ctx)
{
  mst_spool *spool = arg;
  mst_spool_session *session;
  uint32_t index;
  mst_err err;

  if (entry->type == MST_JOURNAL_TOTALS) {
    spool->lost_records = entry->range.first;
    spool->lost_samples = entry->range.last;
    return MST_OK;
  }
  err = mst_spool_session_find(spool, &entry->session, true, &index, ctx);
  if (err != MST_OK)
    return err;
  session = &spool->sessions[index];
  switch (entry->type) {
  case MST_JOURNAL_HEAD:
    session->last = entry->range.last;
    session->samples = entry->range.samples_after;
    break;
  case MST_JOURNAL_SETTLED:
    return mst_ranges_add(&session->settled, entry->range, ctx);
  case MST_JOURNAL_LOST:
    spool->lost_records += entry->range.last - entry->range.first + 1;
    spool->lost_samples += entry->range.samples_after - entry->range.samples_before;
    err = mst_ranges_add(&session->settled, entry->range, ctx);
    return err == MST_OK ? mst_spool_losses_remember(spool, entry, ctx) : err;
  case MST_JOURNAL_REPORTED:
    mst_spool_losses_forget(spool, &entry->session, &entry->range);
    break;
  case MST_JOURNAL_TOTALS:
    break;
  }
  return MST_OK;
}

static bool
parse_name(const char *name, file_name *ret_name)
{
  const char *end = strrchr(name, '.');
  char *stop;

  if (!end || strcmp(end, ".seg") != 0 || strlen(name) >= sizeof ret_name->name)
    return false;
  *ret_name = (file_name){0};
  memcpy(ret_name->name, name, strlen(name) + 1);
  if (strncmp(name, "reports-", 8) == 0) {
    ret_name->kind = MST_SEGMENT_REPORTS;
    ret_name->number = strtoull(name + 8, &stop, 16);
    return stop == end && stop == name + 8 + 16;
  }
  ret_name->kind = strncmp(name, "loss-", 5) == 0 ? MST_SEGMENT_LOSS : MST_SEGMENT_DEFINITIONS;
  return ret_name->kind == MST_SEGMENT_LOSS || strncmp(name, "definitions-", 12) == 0;
}

static int
compare_names(const void *a, const void *b)
{
  const file_name *left = a;
  const file_name *right = b;

  if (left->kind != right->kind)
    return left->kind < right->kind ? -1 : 1;
  if (left->number != right->number)
    return left->number < right->number ? -1 : 1;
  return strcmp(left->name, right->name);
}

static mst_err
list_files(const mst_spool *spool, file_list *list, mst_errctx *ctx)
{
  mst_err err = MST_OK;
  DIR *folder = opendir(spool->folder);

  if (!folder)
    return mst_fail_errno(ctx, MST_EIO, "spool: list %s", spool->folder);
  for (const struct dirent *entry = readdir(folder); entry && err == MST_OK; entry = readdir(folder)) {
    file_name name;
    if (!parse_name(entry->d_name, &name))
      continue;
    if (list->count == FILES_MAX) {
      err = mst_fail(ctx, MST_ELIMIT, "spool: over %d files in %s", FILES_MAX, spool->folder);
      break;
    }
    if (list->count == list->capacity) {
      size_t capacity = list->capacity ? list->capacity * 2 : 32;
      file_name *items = mst_realloc(list->items, capacity, sizeof *items);
      if (!items) {
        err = mst_fail(ctx, MST_ENOMEM, "spool: out of memory for %zu file names", capacity);
        break;
      }
      list->items = items;
      list->capacity = capacity;
    }
    list->items[list->count++] = name;
  }
  closedir(folder);
  if (list->count > 0)
    qsort(list->items, list->count, sizeof *list->items, compare_names);
  return err;
}

static mst_err
found_record(void *arg, mst_segment *segment, const mst_record_image *image, uint32_t offset, mst_errctx *ctx)
{
  mst_spool *spool = arg;
  uint64_t samples_after = image->samples_before + image->samples;
  uint32_t index;

  if ((int)image->kind == MST_RECORD_SAVED)
    return mst_spool_saved_found(spool, image, ctx);
  mst_spool_saved_confirm(spool, image, spool->next_id);
  mst_err err = mst_spool_session_find(spool, &image->session, true, &index, ctx);
  if (err != MST_OK)
    return err;
  mst_spool_session *session = &spool->sessions[index];
  if (session->last < image->sequence) {
    session->last = image->sequence;
    session->samples = samples_after;
  }
  bool is_settled = mst_ranges_has(&session->settled, image->sequence) || mst_ranges_has(&session->known, image->sequence);
  err = mst_ranges_add(&session->known, (mst_range){image->sequence, image->sequence, image->samples_before, samples_after}, ctx);
  if (err != MST_OK)
    return err;
  const mst_record record = {
      .sequence = image->sequence,
      .samples_before = image->samples_before,
      .offset = offset,
      .size_bytes = (uint32_t)image->size_bytes,
      .samples = image->samples,
      .made_at_s = (uint32_t)(image->made_at.ns / MST_NS_PER_S),
      .session = index,
      .kind = (uint8_t)image->kind,
      .state = is_settled ? MST_RECORD_SETTLED : MST_RECORD_WAITING,
  };
  if (!is_settled) {
    session->reports += image->kind == MST_ENVELOPE_REPORT;
    session->others += image->kind != MST_ENVELOPE_REPORT;
    mst_ledger_record(&spool->ledger, "found", image);
  }
  return mst_segment_index(segment, &record, ctx);
}

static mst_err
load_segment(mst_spool *spool, const file_name *file, mst_errctx *ctx)
{
  char path[4096];
  mst_segment *segment = NULL;
  uint64_t cut_bytes = 0;

  if (snprintf(path, sizeof path, "%s/%s", spool->folder, file->name) >= (int)sizeof path)
    return mst_fail(ctx, MST_ELIMIT, "spool: the path of %s is too long", file->name);
  mst_err err = mst_segment_open(file->kind, path, found_record, spool, &segment, &cut_bytes, ctx);
  if (err != MST_OK)
    return err;
  spool->cut_bytes += cut_bytes;
  segment->number = file->number;
  err = mst_spool_segment_add(spool, segment, ctx);
  if (err != MST_OK)
    mst_segment_destroy(segment);
  return err;
}

/* What the sessions made, and is neither in the files nor settled, is lost: the running sample counts around each hole tell how much it
 * was. */
static mst_err
count_holes(mst_spool *spool, mst_errctx *ctx)
{
  mst_loss_batch batch = {0};
  mst_err err = MST_OK;

  for (size_t i = 0; i < spool->session_count && err == MST_OK; i++) {
    mst_spool_session *session = &spool->sessions[i];
    mst_ranges gaps = {0};
    for (size_t k = 0; k < session->settled.count && err == MST_OK; k++) {
      const mst_range *settled = &session->settled.list[k];
      if (session->last < settled->last) {
        session->last = settled->last;
        session->samples = settled->samples_after;
      }
      err = mst_ranges_add(&session->known, *settled, ctx);
    }
    if (err == MST_OK)
      err = mst_ranges_gaps(&session->known, session->last, session->samples, &gaps, ctx);
    for (size_t k = 0; k < gaps.count && err == MST_OK; k++)
      err = mst_loss_batch_add(&batch, &session->id, gaps.list[k], ctx);
    mst_ranges_done(&gaps);
    mst_ranges_done(&session->known);
  }
  if (err == MST_OK)
    err = mst_spool_losses_commit(spool, &batch, "corrupt", ctx);
  mst_loss_batch_done(&batch);
  return err;
}

/* Marks the ranges that loss records on disk carry, and removes the files that nothing waits in. */
static mst_err
tidy(mst_spool *spool, mst_errctx *ctx)
{
  mst_err err = MST_OK;

  for (size_t i = spool->segment_count; i-- > 0 && err == MST_OK;) {
    mst_segment *segment = spool->segments[i];
    uint8_t *envelope;
    if (segment->kind != MST_SEGMENT_DEFINITIONS && segment->waiting == 0) {
      err = mst_spool_drop_if_settled(spool, segment->id, ctx);
    } else if (segment->kind == MST_SEGMENT_LOSS) {
      err = mst_segment_read(segment, 0, &envelope, ctx);
      if (err == MST_OK) {
        err = mst_spool_losses_carry(spool, envelope, segment->records[0].size_bytes, segment->id, false, ctx);
        mst_free(envelope);
      }
    } else if (segment->kind == MST_SEGMENT_DEFINITIONS && segment->count == 0) {
      err = mst_spool_segment_remove(spool, i, ctx);
    }
  }
  for (size_t i = 0; i < spool->session_count && err == MST_OK; i++)
    err = mst_spool_session_release(spool, (uint32_t)i, false, ctx);
  return err;
}

mst_err
mst_spool_load(mst_spool *spool, mst_errctx *ctx)
{
  char path[4096];
  uint64_t cut_bytes = 0;
  file_list files = {0};
  mst_err err;

  if (snprintf(path, sizeof path, "%s/journal", spool->folder) >= (int)sizeof path)
    return mst_fail(ctx, MST_ELIMIT, "spool: the path of %s is too long", spool->folder);
  err = mst_journal_open(&spool->journal, path, replay, spool, &cut_bytes, ctx);
  if (err != MST_OK)
    return err;
  spool->cut_bytes = cut_bytes;
  err = list_files(spool, &files, ctx);
  for (size_t i = 0; i < files.count && err == MST_OK; i++) {
    err = load_segment(spool, &files.items[i], ctx);
    if (files.items[i].kind == MST_SEGMENT_REPORTS && files.items[i].number >= spool->next_number)
      spool->next_number = files.items[i].number + 1;
  }
  if (err == MST_OK)
    err = count_holes(spool, ctx);
  if (err == MST_OK)
    err = tidy(spool, ctx);
  if (err == MST_OK) {
    /* Whole again, with what was found in the files: the next damage must not meet a journal that knows less than they did. */
    spool->is_journal_behind = true;
    mst_spool_compact(spool);
  }
  mst_free(files.items);
  return err;
}
