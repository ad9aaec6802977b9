#ifndef MST_AGENT_COLLECTORS_PROJECTION_H
#define MST_AGENT_COLLECTORS_PROJECTION_H

#include <mst/common/clock.h>
#include <mst/common/err.h>

/* When something will be full, if it goes on to grow as it did: a straight line through what was seen, by least squares, in which an
 * observation weighs 1/e of a new one after a day. Constant memory. Zero-initialise. Source: weighted incremental sums, T. Finch,
 * "Incremental calculation of weighted mean and variance", 2009, section 4 and 9. */
typedef struct mst_projection {
  double weight, mean_time_s, mean_used, square, product;
  mst_wall first_at, last_at;
} mst_projection;

#define MST_PROJECTION_LEAST_NS  (30 * 60 * MST_NS_PER_S) /* what was seen for less says nothing of days */
#define MST_PROJECTION_MOST_DAYS 3650.0                   /* what does not grow is said to last so long */

/* used: in any unit. A clock that goes backwards begins anew. */
void mst_projection_add(mst_projection *projection, mst_wall at, double used);
/* Days until used has grown by `free`, 0 to MST_PROJECTION_MOST_DAYS. MST_EABSENT: it was not watched for long enough. Pure. */
mst_err mst_projection_days(const mst_projection *projection, double free, double *ret_days, mst_errctx *ctx) MST_MUST_USE;

#endif
