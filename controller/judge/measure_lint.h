#ifndef MST_JUDGE_MEASURE_LINT_H
#define MST_JUDGE_MEASURE_LINT_H

#include "checklist.h"

/* Fewer say nothing about a trend (Mann-Kendall by its normal approximation needs 8); more than the most cost too much to judge. */
enum { MST_SLOPE_LEAST_BUCKETS = 8, MST_CV_LEAST_BUCKETS = 2, MST_TREND_MOST_BUCKETS = 400, MST_TREND_MOST_STORED = 10000 };

/* The keys of a `signal:` check as mapped from the file. */
typedef struct mst_measure_keys {
  char *signal, *stat, *series, *combine;
  const mst_yaml_node *where, *over, *hosts, *of, *state, *target, *critical, *trend, *baseline;
  int64_t least_hosts, least_series, max_gap_ns, every_ns;
  double coverage;
  int weight;
} mst_measure_keys;

enum { MST_WEIGHT_WRONG = -1 /* the key's value is none of the names */, MST_WEIGHT_WINDOWS, MST_WEIGHT_SAMPLES };

/* Which parts of a measure could be read: what goes with one that could not is not asked, so that one error brings no others. */
typedef struct mst_measure_parts {
  bool stat, combines, span, trend, bounds;
} mst_measure_parts;

/* Whether the parts of a compiled measure go together. All that is wrong goes to diags. */
bool mst_measure_lint(const mst_yaml_node *node, const mst_measure_keys *keys, mst_compile *compile, const mst_check *check,
                      const mst_measure_parts *parts);

#endif
