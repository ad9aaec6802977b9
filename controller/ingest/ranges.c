/* Sets of sequence numbers. */
#include "ingest/ranges.h"

#include <string.h>

#include <mst/common/alloc.h>

void
mst_ranges_done(mst_ranges *ranges)
{
  mst_free(ranges->list);
  *ranges = (mst_ranges){0};
}

/* The first range whose last is not below number; count when there is none. */
static uint32_t
find(const mst_ranges *ranges, uint64_t number)
{
  uint32_t low = 0, high = ranges->count;

  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (ranges->list[middle].last < number)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

bool
mst_ranges_has(const mst_ranges *ranges, uint64_t number)
{
  uint32_t at = find(ranges, number);

  return at < ranges->count && ranges->list[at].first <= number;
}

uint64_t
mst_ranges_total(const mst_ranges *ranges)
{
  uint64_t total = 0;

  for (uint32_t i = 0; i < ranges->count; i++)
    total += ranges->list[i].last - ranges->list[i].first + 1;
  return total;
}

/* Replaces `gone` ranges from `at` on by `fresh` ones, 0 to 2. */
static mst_err
replace(mst_ranges *ranges, uint32_t at, uint32_t gone, const mst_range *fresh, uint32_t fresh_count, mst_errctx *ctx)
{
  uint32_t count = ranges->count - gone + fresh_count;

  if (count > MST_RANGES_MAX)
    return mst_fail(ctx, MST_ELIMIT, "over %d gaps in the sequence numbers of a session", MST_RANGES_MAX);
  if (count > ranges->capacity) {
    uint32_t capacity = ranges->capacity ? ranges->capacity * 2 : 2;
    mst_range *list = mst_realloc(ranges->list, capacity, sizeof *list);
    if (!list)
      return mst_fail(ctx, MST_ENOMEM, "out of memory for sequence ranges");
    ranges->list = list;
    ranges->capacity = capacity;
  }
  if (ranges->list)
    memmove(&ranges->list[at + fresh_count], &ranges->list[at + gone], (ranges->count - at - gone) * sizeof *ranges->list);
  for (uint32_t i = 0; i < fresh_count; i++)
    ranges->list[at + i] = fresh[i];
  ranges->count = count;
  return MST_OK;
}

static mst_err
check(uint64_t first, uint64_t last, mst_errctx *ctx)
{
  if (first == 0 || first > last || last == UINT64_MAX)
    return mst_fail(ctx, MST_EMALFORMED, "%llu to %llu is no range of sequence numbers", (unsigned long long)first,
                    (unsigned long long)last);
  return MST_OK;
}

mst_err
mst_ranges_add(mst_ranges *ranges, uint64_t first, uint64_t last, mst_errctx *ctx)
{
  mst_err err = check(first, last, ctx);
  if (err != MST_OK)
    return err;
  uint32_t at = find(ranges, first - 1), gone = 0;
  mst_range whole = {first, last};
  /* Touching ones melt together. */
  while (at + gone < ranges->count && ranges->list[at + gone].first <= last + 1) {
    const mst_range *old = &ranges->list[at + gone++];
    whole.first = old->first < whole.first ? old->first : whole.first;
    whole.last = old->last > whole.last ? old->last : whole.last;
  }
  return replace(ranges, at, gone, &whole, 1, ctx);
}

mst_err
mst_ranges_remove(mst_ranges *ranges, uint64_t first, uint64_t last, mst_errctx *ctx)
{
  mst_err err = check(first, last, ctx);
  if (err != MST_OK)
    return err;
  uint32_t at = find(ranges, first), gone = 0, left_count = 0;
  mst_range left[2];
  while (at + gone < ranges->count && ranges->list[at + gone].first <= last) {
    const mst_range old = ranges->list[at + gone++];
    if (old.first < first)
      left[left_count++] = (mst_range){old.first, first - 1};
    if (old.last > last)
      left[left_count++] = (mst_range){last + 1, old.last};
  }
  return replace(ranges, at, gone, left, left_count, ctx);
}

mst_err
mst_ranges_copy(const mst_ranges *from, mst_ranges *ret_copy, mst_errctx *ctx)
{
  mst_ranges copy = {.count = from->count, .capacity = from->count};

  if (from->count > 0) {
    copy.list = mst_alloc(from->count, sizeof *copy.list);
    if (!copy.list)
      return mst_fail(ctx, MST_ENOMEM, "out of memory for sequence ranges");
    memcpy(copy.list, from->list, from->count * sizeof *copy.list);
  }
  *ret_copy = copy;
  return MST_OK;
}
