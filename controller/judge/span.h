#ifndef MST_JUDGE_SPAN_H
#define MST_JUDGE_SPAN_H

#include <stdbool.h>
#include <stdint.h>

#include <mst/common/diag.h>
#include <mst/common/yaml.h>

typedef enum mst_span_type {
  MST_SPAN_PERIOD,
  MST_SPAN_HOURS,   /* from..to after the run's start */
  MST_SPAN_SLIDING, /* the last so much time before now, or before the period's end */
} mst_span_type;

typedef struct mst_span {
  mst_span_type type;
  int64_t from_ns, to_ns; /* HOURS */
  int64_t length_ns;      /* SLIDING */
} mst_span;

/* "period", "hours 6-12", "10m". NULL: the period. */
bool mst_span_parse(const mst_yaml_node *node, int64_t period_ns, mst_span *ret_span, mst_diags *diags);

#endif
