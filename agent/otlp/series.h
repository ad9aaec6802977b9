#ifndef MST_AGENT_OTLP_SERIES_H
#define MST_AGENT_OTLP_SERIES_H

#include "tally.h"

/* The series of requests_metric: what each counted last, so that increases can be told. Not thread-safe. */
typedef struct mst_otlp_series_set mst_otlp_series_set;

/* opened_ns: wall time since when the listener is there; what counts from later on counts from nothing. */
mst_otlp_series_set *mst_otlp_series_create(uint64_t opened_ns, size_t most) MST_MUST_USE;
void mst_otlp_series_destroy(mst_otlp_series_set *set);

/* What the points of one request came to. */
typedef struct mst_otlp_increase {
  double requests;
  uint64_t untaken; /* points that found no place */
  bool has_unknown; /* a process was met that counted before the listener was there: how much of it is new cannot be said */
} mst_otlp_increase;

/* now_s: seconds of the monotonic clock; series that were not seen for an hour make place when it is needed. */
mst_otlp_increase mst_otlp_series_take(mst_otlp_series_set *set, const mst_otlp_point *points, size_t count, int64_t now_s);

#endif
