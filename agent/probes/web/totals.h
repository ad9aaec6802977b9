#ifndef MST_PROBES_WEB_TOTALS_H
#define MST_PROBES_WEB_TOTALS_H

#include <mst/common/buf.h>
#include <mst/common/clock.h>

/* Counters of somebody else, from scrape to scrape: what they rose by since they were first seen here. One that falls has begun anew, and
 * what it stands at then has come since; one that was not there in the scrape before has begun since that one. The prober's thread. */
typedef struct mst_total {
  char *key; /* owned */
  double last, risen;
  mst_wall start_at;
} mst_total;

typedef struct mst_totals {
  mst_total *list; /* owned */
  size_t count;
  mst_wall before_at; /* when the scrape before was made; 0: there was none */
} mst_totals;

enum { MST_TOTALS_MAX = 512 };

/* A series of the scrape that is made at that time. NULL: over MST_TOTALS_MAX, or no memory. value is not below 0. */
const mst_total *mst_totals_take(mst_totals *totals, const char *key, double value, mst_wall at);
/* The scrape has ended well. */
void mst_totals_end(mst_totals *totals, mst_wall at);
void mst_totals_done(mst_totals *totals);

#endif
