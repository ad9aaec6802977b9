/* Windows that are not closed: an index by agent and start, and a heap by when they are due. */
#include "ingest/open_windows.h"

#include <string.h>

#include <mst/common/alloc.h>

static uint64_t
hash_window(const void *entry)
{
  const mst_open_window *window = entry;

  return mst_index_hash(mst_index_hash(MST_INDEX_SEED, &window->agent, sizeof window->agent), &window->start.ns, sizeof window->start.ns);
}

static bool
equal_window(const void *entry, const void *key)
{
  const mst_open_window *a = entry, *b = key;

  return a->agent == b->agent && a->start.ns == b->start.ns && a->is_held == b->is_held;
}

static const mst_index_kind by_start = {hash_window, equal_window};

void
mst_open_windows_init(mst_open_windows *windows)
{
  *windows = (mst_open_windows){0};
  mst_index_init(&windows->index, &by_start);
}

static void
free_window(mst_open_window *window)
{
  mst_free(window->reports);
  mst_free(window);
}

void
mst_open_windows_done(mst_open_windows *windows)
{
  for (uint32_t i = 0; i < windows->index.size; i++)
    if (windows->index.slots[i])
      free_window(windows->index.slots[i]);
  mst_index_done(&windows->index);
  mst_free(windows->heap);
  mst_free(windows->touched);
  *windows = (mst_open_windows){0};
}

mst_open_window *
mst_open_windows_find(const mst_open_windows *windows, uint32_t agent, mst_wall start, bool is_held)
{
  mst_open_window key = {.agent = agent, .start = start, .is_held = is_held};

  return mst_index_find(&windows->index, &key);
}

const mst_open_report *
mst_open_window_report(const mst_open_window *window, const mst_session_entry *session, uint64_t sequence)
{
  for (uint32_t i = 0; i < window->count; i++)
    if (window->reports[i].session == session && window->reports[i].sequence == sequence)
      return &window->reports[i];
  return NULL;
}

/* ---- heap ---- */

static void
put_at(mst_open_windows *windows, uint32_t place, mst_open_window *window)
{
  windows->heap[place] = window;
  window->place = place;
}

static void
move_up(mst_open_windows *windows, uint32_t place)
{
  mst_open_window *window = windows->heap[place];

  while (place > 0 && windows->heap[(place - 1) / 2]->due.ns > window->due.ns) {
    put_at(windows, place, windows->heap[(place - 1) / 2]);
    place = (place - 1) / 2;
  }
  put_at(windows, place, window);
}

static void
move_down(mst_open_windows *windows, uint32_t place)
{
  mst_open_window *window = windows->heap[place];

  for (;;) {
    uint32_t child = 2 * place + 1;
    if (child >= windows->heap_count)
      break;
    if (child + 1 < windows->heap_count && windows->heap[child + 1]->due.ns < windows->heap[child]->due.ns)
      child++;
    if (windows->heap[child]->due.ns >= window->due.ns)
      break;
    put_at(windows, place, windows->heap[child]);
    place = child;
  }
  put_at(windows, place, window);
}

/* The room was made before. */
static void
heap_add(mst_open_windows *windows, mst_open_window *window)
{
  put_at(windows, windows->heap_count++, window);
  move_up(windows, window->place);
}

static void
heap_remove(mst_open_windows *windows, mst_open_window *window)
{
  uint32_t place = window->place;

  if (place == UINT32_MAX)
    return;
  window->place = UINT32_MAX;
  mst_open_window *last = windows->heap[--windows->heap_count];
  if (last == window)
    return;
  put_at(windows, place, last);
  move_up(windows, place);
  move_down(windows, last->place);
}

static mst_err
reserve(mst_open_window ***list, uint32_t *capacity, uint64_t wanted, mst_errctx *ctx)
{
  if (wanted <= *capacity)
    return MST_OK;
  uint64_t more = *capacity ? (uint64_t)*capacity * 2 : 64;
  if (more < wanted)
    more = wanted;
  mst_open_window **larger = mst_realloc(*list, more, sizeof(mst_open_window *));
  if (!larger)
    return mst_fail(ctx, MST_ENOMEM, "out of memory for open windows");
  *list = larger;
  *capacity = (uint32_t)more;
  return MST_OK;
}

/* ---- batches ---- */

static mst_err
make_window(mst_open_windows *windows, const mst_open_window *like, mst_open_window **ret_window, mst_errctx *ctx)
{
  mst_open_window *window = mst_alloc(1, sizeof *window);
  if (!window)
    return mst_fail(ctx, MST_ENOMEM, "out of memory for an open window");
  *window = *like;
  mst_err err = reserve(&windows->heap, &windows->heap_capacity, (uint64_t)windows->index.used + 1, ctx);
  if (err == MST_OK)
    err = mst_index_add(&windows->index, window, ctx);
  if (err != MST_OK) {
    mst_free(window);
    return err;
  }
  *ret_window = window;
  return MST_OK;
}

mst_err
mst_open_windows_check(const mst_open_windows *windows, uint32_t agent, mst_wall start, bool is_held, const mst_open_base *base,
                       uint32_t charge_bytes, mst_errctx *ctx)
{
  const mst_open_window *window = mst_open_windows_find(windows, agent, start, is_held);
  const mst_open_window *twin = mst_open_windows_find(windows, agent, start, !is_held);
  const uint32_t count = base->columns + (window ? window->count : 0) + (twin ? twin->count : 0);
  const uint64_t bytes = base->charge_bytes + (window ? window->charge_bytes : 0) + (twin ? twin->charge_bytes : 0);

  if (count >= MST_WINDOW_MAX_COLUMNS || bytes + charge_bytes > MST_WINDOW_MAX_BYTES - 64)
    return mst_fail(ctx, MST_ELIMIT, "the window is full: %u reports, %llu bytes; let the agent report less often, or shorten the windows",
                    count, (unsigned long long)bytes);
  if (!window && windows->index.used >= MST_OPEN_WINDOWS_MAX)
    return mst_fail(ctx, MST_ESTATE, "over %d windows wait to be closed", MST_OPEN_WINDOWS_MAX);
  return MST_OK;
}

static mst_err
append_report(mst_open_window *window, const mst_open_report *report, mst_errctx *ctx)
{
  if (window->count == window->capacity) {
    uint32_t capacity = window->capacity ? window->capacity * 2 : 8;
    mst_open_report *reports = mst_realloc(window->reports, capacity, sizeof *reports);
    if (!reports)
      return mst_fail(ctx, MST_ENOMEM, "out of memory for an open window");
    window->reports = reports;
    window->capacity = capacity;
  }
  window->reports[window->count++] = *report;
  window->charge_bytes += report->charge_bytes;
  return MST_OK;
}

mst_err
mst_open_windows_add(mst_open_windows *windows, uint32_t agent, mst_wall start, bool is_held, mst_wall due, const mst_open_base *base,
                     const mst_open_report *report, mst_errctx *ctx)
{
  const mst_open_window like = {.agent = agent, .is_held = is_held, .start = start, .due = due, .place = UINT32_MAX, .base = *base};
  mst_open_window *window = mst_open_windows_find(windows, agent, start, is_held);
  bool is_new = !window;

  mst_err err = reserve(&windows->touched, &windows->touched_capacity, (uint64_t)windows->touched_count + 1, ctx);
  if (err == MST_OK && is_new)
    err = make_window(windows, &like, &window, ctx);
  if (err != MST_OK)
    return err;
  err = append_report(window, report, ctx);
  if (err != MST_OK) {
    if (is_new)
      mst_open_windows_drop(windows, window);
    return err;
  }
  if (!window->is_touched) {
    window->is_touched = true;
    windows->touched[windows->touched_count++] = window;
  }
  return MST_OK;
}

void
mst_open_windows_commit(mst_open_windows *windows)
{
  for (uint32_t i = 0; i < windows->touched_count; i++) {
    mst_open_window *window = windows->touched[i];
    window->is_touched = false;
    window->committed = window->count;
    if (window->place == UINT32_MAX && !window->is_held)
      heap_add(windows, window);
  }
  windows->touched_count = 0;
}

void
mst_open_windows_rollback(mst_open_windows *windows)
{
  for (uint32_t i = 0; i < windows->touched_count; i++) {
    mst_open_window *window = windows->touched[i];
    window->is_touched = false;
    for (; window->count > window->committed; window->count--)
      window->charge_bytes -= window->reports[window->count - 1].charge_bytes;
    if (window->count == 0)
      mst_open_windows_drop(windows, window);
  }
  windows->touched_count = 0;
}

mst_open_window *
mst_open_windows_first(const mst_open_windows *windows)
{
  return windows->heap_count > 0 ? windows->heap[0] : NULL;
}

void
mst_open_windows_postpone(mst_open_windows *windows, mst_open_window *window, mst_wall due)
{
  window->due = due;
  if (window->place == UINT32_MAX)
    return;
  move_up(windows, window->place);
  move_down(windows, window->place);
}

void
mst_open_windows_close(mst_open_windows *windows, mst_open_window *window)
{
  mst_open_window *twin = mst_open_windows_find(windows, window->agent, window->start, !window->is_held);

  if (twin) {
    twin->base.columns += window->count;
    twin->base.charge_bytes += window->charge_bytes;
  }
  mst_open_windows_drop(windows, window);
}

void
mst_open_windows_drop(mst_open_windows *windows, mst_open_window *window)
{
  heap_remove(windows, window);
  mst_index_remove(&windows->index, window);
  free_window(window);
}

void
mst_open_windows_hasten(mst_open_windows *windows, mst_wall from, mst_wall to, mst_wall due)
{
  /* Those that move up stand at the front afterwards and are passed over again without harm. */
  for (uint32_t i = 0; i < windows->heap_count; i++) {
    mst_open_window *window = windows->heap[i];
    if (window->start.ns < from.ns || window->start.ns >= to.ns || window->due.ns <= due.ns)
      continue;
    window->due = due;
    move_up(windows, i);
  }
}

bool
mst_open_windows_any(const mst_open_windows *windows, mst_wall from, mst_wall to)
{
  for (uint32_t i = 0; i < windows->heap_count; i++)
    if (windows->heap[i]->start.ns >= from.ns && windows->heap[i]->start.ns < to.ns)
      return true;
  return false;
}

/* Joins a held window to the plain one of the same start. */
static mst_err
join(mst_open_window *into, const mst_open_window *from, mst_errctx *ctx)
{
  for (uint32_t i = 0; i < from->count; i++) {
    mst_err err = append_report(into, &from->reports[i], ctx);
    if (err != MST_OK)
      return err;
  }
  into->committed = into->count;
  return MST_OK;
}

mst_err
mst_open_windows_release(mst_open_windows *windows, mst_wall due, mst_errctx *ctx)
{
  mst_open_window **held = NULL;
  uint32_t count = 0, capacity = 0;
  mst_err err = MST_OK;

  for (uint32_t i = 0; err == MST_OK && i < windows->index.size; i++) {
    mst_open_window *window = windows->index.slots[i];
    if (!window || !window->is_held)
      continue;
    err = reserve(&held, &capacity, (uint64_t)count + 1, ctx);
    if (err == MST_OK)
      held[count++] = window;
  }
  for (uint32_t i = 0; err == MST_OK && i < count; i++) {
    mst_open_window *plain = mst_open_windows_find(windows, held[i]->agent, held[i]->start, false);
    if (plain) {
      err = join(plain, held[i], ctx);
      if (err == MST_OK)
        mst_open_windows_drop(windows, held[i]);
      continue;
    }
    mst_index_remove(&windows->index, held[i]);
    held[i]->is_held = false;
    held[i]->due = due;
    err = mst_index_add(&windows->index, held[i], ctx); /* in the room that it just left */
    heap_add(windows, held[i]);
  }
  mst_free(held);
  return err;
}
