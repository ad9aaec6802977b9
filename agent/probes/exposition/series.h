#ifndef MST_EXPOSITION_SERIES_H
#define MST_EXPOSITION_SERIES_H

#include <mst/exposition/ask.h>

/* The matched series of one scrape, by name and labels in any order. */
typedef struct series {
  char *key;
  double value;
  double created_s; /* since 1970; NaN: not told */
  double bound;     /* of a bucket */
  bool has_value;   /* _created may come first */
} series;

typedef struct series_set {
  series *list;
  size_t count, capacity;
  uint32_t *places;   /* index + 1 by hash; 0: free */
  size_t place_count; /* a power of two */
} series_set;

void mst_series_clear(series_set *set);
void mst_series_done(series_set *set);
/* NULL: not there. */
const series *mst_series_find(const series_set *set, const char *key);
/* The one of that key, made when it is new. MST_ELIMIT, MST_ENOMEM. */
mst_err mst_series_get(series_set *set, const char *key, series **ret_series, mst_errctx *ctx);

#endif
