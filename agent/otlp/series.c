/* Increases of a counter that comes in many series; see series.h. */
#include "series.h"

#include <math.h>
#include <string.h>

#include <mst/common/alloc.h>

static const int64_t forgotten_s = 3600;

typedef struct series {
  uint64_t key; /* 0: free */
  uint64_t resource, start_ns, time_ns;
  double value;
  uint64_t met_in; /* number of the request that brought it first */
  int64_t seen_s;
} series;

struct mst_otlp_series_set {
  series *slots; /* owned; open addressing, at most half full */
  size_t slot_count, count, most;
  uint64_t opened_ns, request;
  /* Within one request, so that a resource with many new series is looked for once, and room is made once. */
  uint64_t asked_resource, asked_in;
  bool is_asked_known, has_forgotten;
};

mst_otlp_series_set *
mst_otlp_series_create(uint64_t opened_ns, size_t most)
{
  mst_otlp_series_set *set = mst_alloc(1, sizeof *set);

  if (!set)
    return NULL;
  set->opened_ns = opened_ns;
  set->most = most;
  set->slot_count = 1;
  while (set->slot_count < 2 * most)
    set->slot_count *= 2;
  set->slots = mst_alloc(set->slot_count, sizeof *set->slots);
  if (!set->slots) {
    mst_free(set);
    return NULL;
  }
  return set;
}

void
mst_otlp_series_destroy(mst_otlp_series_set *set)
{
  if (!set)
    return;
  mst_free(set->slots);
  mst_free(set);
}

/* The series, or the free slot where it would stand. */
static series *
find(series *slots, size_t slot_count, uint64_t key)
{
  size_t at = (size_t)key & (slot_count - 1);

  while (slots[at].key != 0 && slots[at].key != key)
    at = (at + 1) & (slot_count - 1);
  return &slots[at];
}

/* Without memory all stay, and new ones find no place. */
static void
forget(mst_otlp_series_set *set, int64_t now_s)
{
  if (set->has_forgotten)
    return;
  set->has_forgotten = true;
  series *kept = mst_alloc(set->slot_count, sizeof *kept);
  if (!kept)
    return;
  set->count = 0;
  for (size_t i = 0; i < set->slot_count; i++) {
    const series *one = &set->slots[i];

    if (one->key == 0 || now_s - one->seen_s > forgotten_s)
      continue;
    *find(kept, set->slot_count, one->key) = *one;
    set->count++;
  }
  mst_free(set->slots);
  set->slots = kept;
}

/* A process that was met in an earlier request brings a series that it did not have then: it counts from nothing. */
static bool
is_resource_known(mst_otlp_series_set *set, uint64_t resource)
{
  bool is_known = false;

  if (set->asked_in == set->request && set->asked_resource == resource)
    return set->is_asked_known;
  for (size_t i = 0; i < set->slot_count && !is_known; i++)
    is_known = set->slots[i].key != 0 && set->slots[i].resource == resource && set->slots[i].met_in < set->request;
  set->asked_in = set->request;
  set->asked_resource = resource;
  set->is_asked_known = is_known;
  return is_known;
}

static void
take_new(mst_otlp_series_set *set, series *at, uint64_t key, const mst_otlp_point *point, mst_otlp_increase *sum)
{
  bool is_from_nothing = (point->start_ns != 0 && point->start_ns >= set->opened_ns) || is_resource_known(set, point->resource);

  *at = (series){.key = key, .resource = point->resource, .met_in = set->request};
  set->count++;
  if (is_from_nothing)
    sum->requests += point->value;
  else
    sum->has_unknown = true;
}

/* What came before, or comes once more, adds nothing. */
static double
increase_of(const series *known, const mst_otlp_point *point)
{
  if (point->time_ns != 0 && point->time_ns <= known->time_ns)
    return 0;
  if (point->is_delta)
    return point->value;
  /* Began anew: all that it counts since is new. */
  if (point->start_ns > known->start_ns || point->value < known->value)
    return point->value;
  return point->value - known->value;
}

mst_otlp_increase
mst_otlp_series_take(mst_otlp_series_set *set, const mst_otlp_point *points, size_t count, int64_t now_s)
{
  mst_otlp_increase sum = {0};

  set->request++;
  set->has_forgotten = false;
  for (size_t i = 0; i < count; i++) {
    const mst_otlp_point *point = &points[i];
    uint64_t key = point->series ? point->series : 1;
    series *at = find(set->slots, set->slot_count, key);

    if (!isfinite(point->value) || point->value < 0) {
      sum.untaken++;
      continue;
    }
    if (at->key == 0 && set->count == set->most) {
      forget(set, now_s);
      at = find(set->slots, set->slot_count, key);
    }
    if (at->key == 0 && set->count == set->most) {
      sum.untaken++;
      continue;
    }
    if (at->key == 0)
      take_new(set, at, key, point, &sum);
    else
      sum.requests += increase_of(at, point);
    at->seen_s = now_s;
    if (point->time_ns == 0 || point->time_ns > at->time_ns) {
      at->start_ns = point->start_ns;
      at->time_ns = point->time_ns;
      at->value = point->value;
    }
  }
  return sum;
}
