/* Sets of series. */
#include <math.h>
#include <string.h>

#include <mst/common/alloc.h>

#include "series.h"

enum { FIRST_PLACES = 64 };

void
mst_series_clear(series_set *set)
{
  for (size_t i = 0; i < set->count; i++)
    mst_free(set->list[i].key);
  set->count = 0;
  if (set->places)
    memset(set->places, 0, set->place_count * sizeof set->places[0]);
}

void
mst_series_done(series_set *set)
{
  mst_series_clear(set);
  mst_free(set->list);
  mst_free(set->places);
  *set = (series_set){0};
}

/* FNV-1a; who chooses keys that collide only slows the scan of MST_ASK_SERIES_MAX entries. */
static uint64_t
hash(const char *key)
{
  uint64_t sum = 0xcbf29ce484222325u;

  for (; *key; key++)
    sum = (sum ^ (unsigned char)*key) * 0x100000001b3u;
  return sum ^ sum >> 32;
}

static uint32_t *
find_place(const series_set *set, const char *key)
{
  size_t at = (size_t)hash(key) & (set->place_count - 1);

  while (set->places[at] && strcmp(set->list[set->places[at] - 1].key, key) != 0)
    at = (at + 1) & (set->place_count - 1);
  return &set->places[at];
}

const series *
mst_series_find(const series_set *set, const char *key)
{
  if (set->count == 0)
    return NULL;
  uint32_t place = *find_place(set, key);
  return place ? &set->list[place - 1] : NULL;
}

/* Twice as many places as series at least. */
static mst_err
grow(series_set *set, mst_errctx *ctx)
{
  size_t places = set->place_count ? set->place_count * 2 : FIRST_PLACES;
  uint32_t *fresh = mst_alloc(places, sizeof fresh[0]);
  series *list = fresh ? mst_realloc(set->list, places / 2, sizeof list[0]) : NULL;

  if (!list) {
    mst_free(fresh);
    return mst_fail(ctx, MST_ENOMEM, "keep %zu series", set->count);
  }
  mst_free(set->places);
  set->list = list;
  set->capacity = places / 2;
  set->places = fresh;
  set->place_count = places;
  for (size_t i = 0; i < set->count; i++)
    *find_place(set, set->list[i].key) = (uint32_t)i + 1;
  return MST_OK;
}

mst_err
mst_series_get(series_set *set, const char *key, series **ret_series, mst_errctx *ctx)
{
  if (set->count == set->capacity) {
    mst_err err = grow(set, ctx);
    if (err)
      return err;
  }
  uint32_t *place = find_place(set, key);
  if (*place == 0) {
    if (set->count == MST_ASK_SERIES_MAX)
      return mst_fail(ctx, MST_ELIMIT, "more than %d series match; narrow the selector", MST_ASK_SERIES_MAX);
    char *copy = mst_strdup(key);
    if (!copy)
      return mst_fail(ctx, MST_ENOMEM, "keep %zu series", set->count);
    set->list[set->count] = (series){.key = copy, .created_s = NAN, .bound = NAN};
    *place = (uint32_t)++set->count;
  }
  *ret_series = &set->list[*place - 1];
  return MST_OK;
}
