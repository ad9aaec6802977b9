/* Counters from scrape to scrape; see totals.h. */
#include "totals.h"

#include <string.h>

#include <mst/common/alloc.h>

static mst_total *
add(mst_totals *totals, const char *key)
{
  mst_total *list = totals->count < MST_TOTALS_MAX ? mst_realloc(totals->list, totals->count + 1, sizeof *list) : NULL;

  if (!list)
    return NULL;
  totals->list = list;
  list[totals->count] = (mst_total){.key = mst_strdup(key)};
  return list[totals->count].key ? &list[totals->count++] : NULL;
}

const mst_total *
mst_totals_take(mst_totals *totals, const char *key, double value, mst_wall at)
{
  mst_total *total = NULL;

  for (size_t i = 0; i < totals->count && !total; i++)
    if (strcmp(totals->list[i].key, key) == 0)
      total = &totals->list[i];
  if (total) {
    total->risen += value >= total->last ? value - total->last : value;
  } else {
    total = add(totals, key);
    if (!total)
      return NULL;
    total->start_at = totals->before_at.ns ? totals->before_at : at;
    total->risen = totals->before_at.ns ? value : 0;
  }
  total->last = value;
  return total;
}

void
mst_totals_end(mst_totals *totals, mst_wall at)
{
  totals->before_at = at;
}

void
mst_totals_done(mst_totals *totals)
{
  for (size_t i = 0; i < totals->count; i++)
    mst_free(totals->list[i].key);
  mst_free(totals->list);
  *totals = (mst_totals){0};
}
