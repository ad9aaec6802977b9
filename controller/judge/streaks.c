#include "streaks.h"

#include <string.h>

#include <mst/common/alloc.h>

void
mst_streaks_init(mst_streaks *runs, uint32_t stride_bytes)
{
  *runs = (mst_streaks){.stride_bytes = stride_bytes};
}

void
mst_streaks_done(mst_streaks *runs)
{
  mst_free(runs->list);
  mst_free(runs->payloads);
  mst_streaks_init(runs, runs->stride_bytes);
}

void
mst_streaks_clear(mst_streaks *runs)
{
  runs->count = 0;
}

/* The first run that ends after the window. */
static uint32_t
find(const mst_streaks *runs, uint32_t window)
{
  uint32_t low = 0, high = runs->count;

  /* Most windows come in order. */
  if (high > 0 && runs->list[high - 1].end <= window)
    return high;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (runs->list[middle].end <= window)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static mst_err
reserve(mst_streaks *runs, mst_errctx *ctx)
{
  uint32_t capacity = runs->capacity ? runs->capacity * 2 : 1;

  if (runs->count < runs->capacity)
    return MST_OK;
  mst_streak *list = mst_realloc(runs->list, capacity, sizeof *list);
  if (!list)
    return mst_fail(ctx, MST_ENOMEM, "out of memory for %u runs of windows", capacity);
  runs->list = list;
  if (runs->stride_bytes > 0) {
    uint8_t *payloads = mst_realloc(runs->payloads, capacity, runs->stride_bytes);
    if (!payloads)
      return mst_fail(ctx, MST_ENOMEM, "out of memory for %u runs of windows", capacity);
    runs->payloads = payloads;
  }
  runs->capacity = capacity;
  return MST_OK;
}

static void
insert(mst_streaks *runs, uint32_t at, uint32_t window, const void *payload)
{
  uint32_t after = runs->count - at;

  memmove(&runs->list[at + 1], &runs->list[at], after * sizeof runs->list[0]);
  runs->list[at] = (mst_streak){window, window + 1};
  if (runs->stride_bytes > 0) {
    memmove(mst_streaks_payload(runs, at + 1), mst_streaks_payload(runs, at), (size_t)after * runs->stride_bytes);
    memcpy(mst_streaks_payload(runs, at), payload, runs->stride_bytes);
  }
  runs->count++;
}

static void
drop(mst_streaks *runs, uint32_t at)
{
  uint32_t after = runs->count - at - 1;

  memmove(&runs->list[at], &runs->list[at + 1], after * sizeof runs->list[0]);
  if (runs->stride_bytes > 0)
    memmove(mst_streaks_payload(runs, at), mst_streaks_payload(runs, at + 1), (size_t)after * runs->stride_bytes);
  runs->count--;
}

/* Run at + 1 becomes part of run at. */
static void
join(mst_streaks *runs, uint32_t at, mst_merge merge, const void *context)
{
  if (runs->stride_bytes > 0)
    merge(context, mst_streaks_payload(runs, at), mst_streaks_payload(runs, at + 1), true);
  runs->list[at].end = runs->list[at + 1].end;
  drop(runs, at + 1);
}

mst_err
mst_streaks_add(mst_streaks *runs, uint32_t window, const void *payload, mst_merge merge, const void *context, mst_errctx *ctx)
{
  uint32_t at = find(runs, window);

  if (at < runs->count && runs->list[at].first <= window)
    return mst_fail(ctx, MST_EEXIST, "window %u is there already", window);
  if (at > 0 && runs->list[at - 1].end == window) {
    if (runs->stride_bytes > 0)
      merge(context, mst_streaks_payload(runs, at - 1), payload, true);
    runs->list[at - 1].end++;
    at--;
  } else {
    mst_err err = reserve(runs, ctx);
    if (err != MST_OK)
      return err;
    insert(runs, at, window, payload);
  }
  if (at + 1 < runs->count && runs->list[at].end == runs->list[at + 1].first)
    join(runs, at, merge, context);
  return MST_OK;
}

mst_err
mst_streaks_widen(mst_streaks *runs, uint32_t stride_bytes, mst_errctx *ctx)
{
  uint8_t *payloads;

  if (stride_bytes <= runs->stride_bytes)
    return MST_OK;
  if (runs->capacity > 0) {
    payloads = mst_alloc(runs->capacity, stride_bytes);
    if (!payloads)
      return mst_fail(ctx, MST_ENOMEM, "out of memory for %u runs of windows", runs->capacity);
    for (uint32_t i = 0; i < runs->count; i++)
      memcpy(payloads + (size_t)i * stride_bytes, mst_streaks_payload(runs, i), runs->stride_bytes);
    mst_free(runs->payloads);
    runs->payloads = payloads;
  }
  runs->stride_bytes = stride_bytes;
  return MST_OK;
}

uint32_t
mst_streaks_present(const mst_streaks *runs, uint32_t from, uint32_t to)
{
  uint32_t present = 0;

  for (uint32_t i = find(runs, from); i < runs->count && runs->list[i].first < to; i++) {
    uint32_t first = runs->list[i].first > from ? runs->list[i].first : from;
    uint32_t end = runs->list[i].end < to ? runs->list[i].end : to;
    present += end - first;
  }
  return present;
}
