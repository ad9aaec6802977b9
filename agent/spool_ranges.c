#include "spool_ranges.h"

#include <string.h>

#include <mst/common/alloc.h>

void
mst_ranges_done(mst_ranges *ranges)
{
  mst_free(ranges->list);
  *ranges = (mst_ranges){0};
}

/* The first stretch that ends at or after `sequence`. */
static size_t
find_range(const mst_ranges *ranges, uint64_t sequence)
{
  size_t low = 0;
  size_t high = ranges->count;

  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (ranges->list[middle].last < sequence)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static mst_err
insert_range(mst_ranges *ranges, size_t at, mst_range range, mst_errctx *ctx)
{
  if (ranges->count == MST_RANGES_MAX)
    return mst_fail(ctx, MST_ELIMIT, "spool: over %d separate stretches of sequence numbers in one session", MST_RANGES_MAX);
  if (ranges->count == ranges->capacity) {
    size_t capacity = ranges->capacity ? ranges->capacity * 2 : 4;
    mst_range *list = mst_realloc(ranges->list, capacity, sizeof *list);
    if (!list)
      return mst_fail(ctx, MST_ENOMEM, "spool: out of memory for %zu stretches of sequence numbers", capacity);
    ranges->list = list;
    ranges->capacity = capacity;
  }
  memmove(ranges->list + at + 1, ranges->list + at, (ranges->count - at) * sizeof *ranges->list);
  ranges->list[at] = range;
  ranges->count++;
  return MST_OK;
}

mst_err
mst_ranges_add(mst_ranges *ranges, mst_range range, mst_errctx *ctx)
{
  size_t at;
  size_t end;

  if (range.first == 0 || range.last < range.first || range.last == UINT64_MAX)
    return mst_fail(ctx, MST_EMALFORMED, "spool: no stretch of sequence numbers: %llu to %llu", (unsigned long long)range.first,
                    (unsigned long long)range.last);
  at = find_range(ranges, range.first - 1);
  for (end = at; end < ranges->count && ranges->list[end].first <= range.last + 1; end++) {
    const mst_range *old = &ranges->list[end];
    if (old->first < range.first) {
      range.first = old->first;
      range.samples_before = old->samples_before;
    }
    if (old->last >= range.last) {
      range.last = old->last;
      range.samples_after = old->samples_after;
    }
  }
  if (end == at)
    return insert_range(ranges, at, range, ctx);
  ranges->list[at] = range;
  memmove(ranges->list + at + 1, ranges->list + end, (ranges->count - end) * sizeof *ranges->list);
  ranges->count -= end - at - 1;
  return MST_OK;
}

bool
mst_ranges_has(const mst_ranges *ranges, uint64_t sequence)
{
  size_t at = find_range(ranges, sequence);

  return at < ranges->count && ranges->list[at].first <= sequence;
}

mst_err
mst_ranges_copy(const mst_ranges *from, mst_ranges *ret_copy, mst_errctx *ctx)
{
  mst_ranges copy = {0};

  if (from->count > 0) {
    copy.list = mst_alloc(from->count, sizeof *copy.list);
    if (!copy.list)
      return mst_fail(ctx, MST_ENOMEM, "spool: out of memory for %zu stretches of sequence numbers", from->count);
    memcpy(copy.list, from->list, from->count * sizeof *copy.list);
    copy.count = copy.capacity = from->count;
  }
  *ret_copy = copy;
  return MST_OK;
}

mst_err
mst_ranges_gaps(const mst_ranges *ranges, uint64_t last, uint64_t samples_last, mst_ranges *ret_gaps, mst_errctx *ctx)
{
  mst_ranges gaps = {0};
  uint64_t next = 1;
  uint64_t samples = 0;
  mst_err err = MST_OK;

  for (size_t i = 0; i <= ranges->count && err == MST_OK; i++) {
    bool is_end = i == ranges->count;
    uint64_t until = is_end ? last : ranges->list[i].first - 1;
    uint64_t samples_until = is_end ? samples_last : ranges->list[i].samples_before;
    if (until >= next)
      err = insert_range(&gaps, gaps.count, (mst_range){next, until, samples, samples_until > samples ? samples_until : samples}, ctx);
    if (!is_end) {
      next = ranges->list[i].last + 1;
      samples = ranges->list[i].samples_after;
    }
  }
  if (err != MST_OK) {
    mst_ranges_done(&gaps);
    return err;
  }
  *ret_gaps = gaps;
  return MST_OK;
}
