/* The thread that follows one log: reads, scans, counts, and takes no more of a CPU than its share. */
#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include <mst/common/wait.h>

#include "tail_state.h"

enum { SLICE_BYTES = 1024 * 1024 /* between two looks at the clock: a millisecond or three */ };
static const int64_t look_every_ns = 250 * MST_NS_PER_MS;
static const int64_t publish_every_ns = 200 * MST_NS_PER_MS;
static const int64_t behind_after_ns = 60 * MST_NS_PER_S;

/* ---- what is found ---- */

static void
on_found(void *arg, const mst_scan_find *find)
{
  mst_tail *tail = arg;
  mst_tail_totals *totals = &tail->totals;

  for (uint32_t i = 0; i < totals->secret_count; i++) {
    mst_tail_secret *secret = &totals->secrets[i];
    if (secret->pattern == find->pattern && secret->path == tail->path && memcmp(secret->print, find->print, sizeof find->print) == 0) {
      secret->count++;
      return;
    }
  }
  if (totals->secret_count == MST_TAIL_SECRETS_MAX)
    return;
  mst_tail_secret *secret = &totals->secrets[totals->secret_count++];
  *secret = (mst_tail_secret){.pattern = find->pattern, .path = tail->path, .since = mst_clock_wall(tail->env.clock), .count = 1};
  memcpy(secret->print, find->print, sizeof find->print);
}

static uint16_t
path_index(mst_tail_totals *totals, const char *path, const mst_clock *clock)
{
  for (uint32_t i = 0; i < totals->path_count; i++)
    if (strcmp(totals->paths[i].path, path) == 0)
      return (uint16_t)i;
  if (totals->path_count == MST_TAIL_PATHS_MAX || strlen(path) >= MST_TAIL_PATH_BYTES)
    return MST_TAIL_PATHS_MAX;
  mst_tail_path *fresh = &totals->paths[totals->path_count];
  *fresh = (mst_tail_path){.since = mst_clock_wall(clock)};
  memcpy(fresh->path, path, strlen(path) + 1);
  return (uint16_t)totals->path_count++;
}

/* Something was not read: it is said with the next report, and what is counted from now on begins anew. */
static void
lose(mst_tail *tail, const char *why)
{
  if (tail->broken[0] == '\0')
    snprintf(tail->broken, sizeof tail->broken, "%s", why);
  mst_tail_totals_renew(&tail->totals, mst_clock_wall(tail->env.clock));
}

/* Before anything is read on: what is read behind a loss counts. */
static void
note_stats(mst_tail *tail)
{
  mst_follow_stats stats;

  tail->kind->get_stats(tail->source, &stats);
  tail->totals.rotations += stats.rotations - tail->seen_rotations;
  tail->seen_rotations = stats.rotations;
  if (stats.lost_events == tail->seen_lost)
    return;
  tail->totals.lost += stats.lost_events - tail->seen_lost;
  tail->seen_lost = stats.lost_events;
  lose(tail, stats.lost);
}

static void
on_block(void *arg, const mst_follow_block *block)
{
  mst_tail *tail = arg;
  mst_scan_state state;
  mst_errctx why = {0};

  tail->path = path_index(&tail->totals, block->path, tail->env.clock);
  tail->totals.paths[tail->path].bytes += block->size_bytes;
  tail->totals.cut_lines += block->is_cut;
  mst_scan_state_decode(block->user, &state);
  tail->job.state = &state;
  tail->job.is_entry = block->is_entry;
  tail->job.is_cut = block->is_cut;
  tail->job.entry_level = (mst_log_level)block->entry_level;
  if (block->size_bytes > 0 && mst_scanner_scan(tail->scanner, &tail->job, block->data, block->size_bytes, &why) != MST_OK)
    lose(tail, why.text);
  if (block->is_end)
    mst_scanner_finish(tail->scanner, &tail->job);
  mst_scan_state_encode(&state, block->user);
}

/* ---- publishing ---- */

void
mst_tail_view_done(mst_tail_view *view)
{
  mst_buf_done(&view->saved);
}

static mst_err
save_all(mst_tail *tail, mst_buf *ret_saved, mst_errctx *ctx)
{
  mst_err err = mst_tail_totals_save(&tail->totals, ret_saved, ctx);

  return err == MST_OK ? tail->kind->save(tail->source, ret_saved, ctx) : err;
}

static void
publish(mst_tail *tail)
{
  const mst_mono now = mst_clock_mono(tail->env.clock);
  mst_follow_stats stats;
  mst_errctx why = {0};
  mst_buf saved;

  note_stats(tail); /* what was lost by the last read: its counts must not be saved as if they were whole */
  tail->kind->get_stats(tail->source, &stats);
  if (stats.unread_bytes == 0)
    tail->behind_since.ns = 0;
  else if (tail->behind_since.ns == 0)
    tail->behind_since = now;
  /* While there is no log nothing is counted: what counts begins with it, and is known from its first line on. */
  if (stats.families == 0)
    mst_tail_totals_renew(&tail->totals, mst_clock_wall(tail->env.clock));
  mst_buf_init(&saved, MST_COLLECTOR_SAVED_MAX_BYTES);
  mst_err err = save_all(tail, &saved, &why);

  pthread_mutex_lock(&tail->lock);
  mst_tail_view *view = &tail->published;
  view->is_ready = true;
  view->totals = tail->totals;
  view->stats = stats;
  view->cpu_ns = mst_clock_thread_cpu_ns();
  view->is_behind = tail->behind_since.ns > 0 && now.ns - tail->behind_since.ns > behind_after_ns;
  snprintf(view->failed, sizeof view->failed, "%s", err == MST_OK ? "" : why.text);
  if (tail->broken[0] != '\0')
    snprintf(view->broken, sizeof view->broken, "%s", tail->broken);
  mst_buf_done(&view->saved);
  view->saved = saved;
  pthread_mutex_unlock(&tail->lock);
  tail->broken[0] = '\0';
}

mst_err
mst_tail_view_take(mst_tail *tail, mst_errctx *ctx)
{
  mst_buf saved;

  mst_buf_init(&saved, MST_COLLECTOR_SAVED_MAX_BYTES);
  pthread_mutex_lock(&tail->lock);
  mst_buf_append(&saved, tail->published.saved.data, tail->published.saved.size_bytes);
  mst_buf old = tail->given.saved;
  tail->given = tail->published;
  tail->given.saved = saved;
  tail->published.broken[0] = '\0'; /* it is said now */
  pthread_mutex_unlock(&tail->lock);
  mst_buf_done(&old);
  return mst_buf_check(&tail->given.saved, "what is saved of a log", ctx);
}

/* ---- the thread ---- */

/* Waits, unless it is to stop. False when it is. Real time, whatever clock the agent is handed: this is about a CPU. */
static bool
wait_ns(mst_tail *tail, int64_t ns)
{
  mst_mono until = {mst_clock_mono(mst_clock_system()).ns + ns};

  pthread_mutex_lock(&tail->lock);
  while (!tail->is_stopping && mst_wait_until(&tail->wake, &tail->lock, &until))
    continue;
  bool goes_on = !tail->is_stopping;
  pthread_mutex_unlock(&tail->lock);
  return goes_on;
}

static void
fail(mst_tail *tail, const char *why)
{
  pthread_mutex_lock(&tail->lock);
  tail->published.is_ready = true;
  snprintf(tail->published.failed, sizeof tail->published.failed, "%s", why);
  pthread_mutex_unlock(&tail->lock);
}

/* After each look at the files: gives up what is too much, and takes note of what was lost. */
static void
settle(mst_tail *tail)
{
  mst_follow_stats stats;

  tail->kind->get_stats(tail->source, &stats);
  /* Half of it: or the next second would skip again. */
  if (stats.unread_bytes > tail->options.backlog_max_bytes)
    tail->totals.skipped_bytes += tail->kind->skip(tail->source, tail->options.backlog_max_bytes / 2);
  note_stats(tail);
}

/* Reads what waits. False when it is to stop. */
static bool
read_all(mst_tail *tail)
{
  int64_t published_ns = mst_clock_mono(mst_clock_system()).ns;

  for (;;) {
    int64_t before_ns = mst_clock_thread_cpu_ns();
    mst_errctx why = {0};
    size_t got = 0;
    if (tail->kind->read(tail->source, SLICE_BYTES, on_block, tail, &got, &why) != MST_OK)
      lose(tail, why.text);
    if (got == 0)
      return true;
    int64_t took_ns = mst_clock_thread_cpu_ns() - before_ns;
    if (!wait_ns(tail, (int64_t)((double)took_ns * (1 - tail->options.cpu_share) / tail->options.cpu_share)))
      return false;
    int64_t now_ns = mst_clock_mono(mst_clock_system()).ns;
    if (now_ns - published_ns >= publish_every_ns) {
      published_ns = now_ns;
      publish(tail);
      if (tail->kind->refresh(tail->source, &why) == MST_OK)
        settle(tail);
    }
  }
}

/* What was saved cannot be read: it is followed anew, and may have missed something. */
static mst_err
open_source(mst_tail *tail, mst_errctx *ctx)
{
  mst_tail_totals_begin(&tail->totals, &tail->options, tail->opened_at);
  mst_errctx why = {0};
  mst_bytes saved = {tail->before.data, tail->before.size_bytes}, positions = {0};
  mst_err err = saved.size_bytes > 0 ? mst_tail_totals_load(&tail->totals, saved, &positions, &why) : MST_OK;

  if (err == MST_OK)
    err = tail->kind->create(&tail->options, positions, &tail->source, &why);
  if (err == MST_EMALFORMED) {
    snprintf(tail->broken, sizeof tail->broken, "%.200s", why.text);
    mst_tail_totals_begin(&tail->totals, &tail->options, tail->opened_at);
    err = tail->kind->create(&tail->options, (mst_bytes){0}, &tail->source, &why);
  }
  return err == MST_OK ? MST_OK : mst_fail(ctx, err, "%s", why.text);
}

void *
mst_tail_work(void *arg)
{
  mst_tail *tail = arg;
  mst_errctx why = {0};
  bool goes_on = true;
  mst_err err = mst_scanner_create(&tail->options.scan, &tail->scanner, &why);

  (void)malloc_trim(0); /* compiling patterns takes some megabytes for a moment, which the allocator would keep */
  if (err == MST_OK)
    err = open_source(tail, &why);
  if (err != MST_OK) {
    fail(tail, why.text);
    return NULL;
  }
  tail->job = (mst_scan_job){.counts = &tail->totals.scan, .found = on_found, .arg = tail};
  while (goes_on) {
    err = tail->kind->refresh(tail->source, &why);
    if (err != MST_OK) {
      fail(tail, why.text);
    } else {
      settle(tail);
      goes_on = read_all(tail);
      publish(tail);
    }
    goes_on = goes_on && wait_ns(tail, look_every_ns);
  }
  return NULL;
}
