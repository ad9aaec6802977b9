/* What is read on this host, and the snapshot that is handed over; see watch_state.h. */
#include "watch_state.h"

#include <stdio.h>
#include <string.h>

#include <mst/common/alloc.h>

void
mst_docker_snapshot_free(mst_docker_snapshot *snapshot)
{
  if (!snapshot)
    return;
  mst_buf_done(&snapshot->saved);
  mst_free(snapshot->records);
  mst_free(snapshot->loose);
  mst_free(snapshot);
}

void
mst_watch_drop_source(mst_docker_record *record)
{
  mst_usage_close(record->source);
  record->source = NULL;
  record->usage_last = (mst_docker_usage){0};
}

static bool
runs(const mst_docker_record *record)
{
  return record->is_listed && record->is_inspected && record->seen.pid > 0 &&
         (record->seen.state == MST_CONTAINER_RUNNING || record->seen.state == MST_CONTAINER_PAUSED);
}

/* Opens what the process of this life has. */
static void
begin_measuring(const mst_watch *watch, mst_docker_record *record)
{
  mst_errctx ignored = {0};
  bool is_new = record->measured_pid != record->seen.pid;

  record->needs_stats =
      mst_usage_open(watch->setup.root_fd, record->id, record->seen.pid, record->seen.has_own_network, &record->source, &ignored) != MST_OK;
  if (!is_new)
    return;
  record->measured_pid = record->seen.pid;
  record->usage_last = (mst_docker_usage){0}; /* the counters of a new life begin at 0 */
  record->is_mapped = mst_usage_is_mapped(watch->setup.root_fd, record->seen.pid);
  if (record->usage_since.ns == 0)
    record->usage_since = record->seen.started_at;
}

static void
measure(const mst_watch *watch, mst_docker_record *record)
{
  mst_docker_usage usage;
  mst_errctx ignored = {0};

  if (record->source && (!runs(record) || record->seen.pid != mst_usage_pid(record->source)))
    mst_watch_drop_source(record);
  if (!runs(record)) {
    record->needs_stats = false;
    record->usage.has_cpu = record->usage.has_memory = record->usage.has_disk = record->usage.has_network = false;
    return;
  }
  if (!record->source)
    begin_measuring(watch, record);
  if (!record->source)
    return;
  if (mst_usage_read(record->source, &usage, &ignored) != MST_OK) {
    mst_watch_drop_source(record); /* it ended a moment ago: the daemon will say so */
    record->needs_inspect = true;
    return;
  }
  mst_usage_add(&record->usage, &record->usage_last, &usage);
  record->usage_last = usage;
  if (usage.has_oom_kills && usage.oom_kills > record->oom_counted)
    record->oom_counted = usage.oom_kills;
}

void
mst_watch_measure(mst_watch *watch)
{
  mst_wall now = mst_clock_wall(watch->setup.clock);

  for (size_t i = 0; i < watch->book.count; i++)
    measure(watch, watch->book.list[i]);
  watch->stats_next = 0;
  if (watch->phase == MST_WATCH_LIVE && watch->has_listed && !watch->is_ending) {
    mst_book_judge(&watch->book, now);
    mst_book_forget(&watch->book, now, mst_watch_drop_source);
  }
}

static void
count_states(const mst_watch *watch, mst_docker_snapshot *snapshot)
{
  for (size_t i = 0; i < watch->book.count; i++)
    if (watch->book.list[i]->is_listed && watch->book.list[i]->is_inspected)
      snapshot->counts[watch->book.list[i]->seen.state]++;
}

/* Control groups are all that there is to see. */
static mst_err
find_loose(const mst_watch *watch, mst_docker_snapshot *snapshot, mst_errctx *ctx)
{
  mst_usage_found *list = NULL;
  size_t count = 0;
  mst_err err = mst_usage_find_all(watch->setup.root_fd, &list, &count, ctx);

  if (err == MST_EABSENT)
    return MST_OK;
  if (err == MST_OK && count > 0 && !(snapshot->loose = mst_alloc(count, sizeof *snapshot->loose)))
    err = mst_fail(ctx, MST_ENOMEM, "no memory for %zu containers", count);
  for (size_t i = 0; err == MST_OK && i < count; i++) {
    struct mst_docker_loose *loose = &snapshot->loose[snapshot->loose_count];
    mst_errctx gone = {0};

    if (mst_usage_read(list[i].source, &loose->usage, &gone) != MST_OK)
      continue;
    memcpy(loose->id, list[i].id, sizeof loose->id);
    snapshot->loose_count++;
  }
  mst_usage_found_done(list, count);
  return err;
}

static mst_err
fill(const mst_watch *watch, mst_docker_snapshot *snapshot, mst_errctx *ctx)
{
  const mst_book *book = &watch->book;
  mst_err err = MST_OK;

  snapshot->at = mst_clock_mono(watch->setup.clock);
  snapshot->uses_api = watch->setup.uses_api;
  snapshot->is_up = watch->is_up;
  snapshot->is_known = watch->is_known;
  memcpy(snapshot->reason, watch->reason, sizeof snapshot->reason);
  memcpy(snapshot->trouble, watch->trouble, sizeof snapshot->trouble);
  snapshot->version = watch->version;
  snapshot->api_minor = watch->api_minor;
  snapshot->totals = book->totals;
  snapshot->doubt_at = book->doubt_at;
  memcpy(snapshot->doubt, book->doubt, sizeof snapshot->doubt);
  count_states(watch, snapshot);
  snapshot->records = mst_alloc(book->count ? book->count : 1, sizeof *snapshot->records);
  if (!snapshot->records)
    return mst_fail(ctx, MST_ENOMEM, "no memory for %zu containers", book->count);
  for (size_t i = 0; i < book->count; i++)
    snapshot->records[i] = *book->list[i];
  snapshot->count = book->count;
  mst_buf_init(&snapshot->saved, MST_COLLECTOR_SAVED_MAX_BYTES);
  if (watch->setup.uses_api)
    err = mst_book_save(book, &snapshot->saved, MST_COLLECTOR_SAVED_MAX_BYTES, ctx);
  /* Containers that the daemon once named are measured by their own control groups while it is away. */
  if (err == MST_OK && (!watch->setup.uses_api || (watch->is_known && !watch->is_up && watch->version.version[0] == '\0')))
    err = find_loose(watch, snapshot, ctx);
  return err;
}

void
mst_watch_hand_over(mst_watch *watch)
{
  mst_docker_snapshot *snapshot = mst_alloc(1, sizeof *snapshot), *old;
  mst_errctx why = {0};

  if (!snapshot)
    return; /* the next round may have more luck; meanwhile the last one stands and grows old */
  if (fill(watch, snapshot, &why) != MST_OK) {
    mst_docker_snapshot_free(snapshot);
    return;
  }
  pthread_mutex_lock(&watch->lock);
  old = watch->ready;
  watch->ready = snapshot;
  pthread_mutex_unlock(&watch->lock);
  mst_docker_snapshot_free(old);
}
