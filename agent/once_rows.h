#ifndef MST_AGENT_ONCE_ROWS_H
#define MST_AGENT_ONCE_ROWS_H

#include <stdbool.h>

#include "once.h"

/* One sample to print; texts are borrowed from the body and the sampler. */
typedef struct mst_once_row {
  uint32_t id;
  size_t collector; /* its place in the plan; the sampler's own come last */
  mst_sample sample;
  bool has_rate;
  double per_s;
} mst_once_row;

typedef struct mst_once_rows {
  const mst_sampler *sampler;
  mst_once_row *list; /* owned; by collector, name, id */
  size_t count;
} mst_once_rows;

mst_err mst_once_print_text(FILE *out, const mst_once_rows *rows, mst_errctx *ctx) MST_MUST_USE;
mst_err mst_once_print_json(FILE *out, const mst_once_rows *rows, mst_errctx *ctx) MST_MUST_USE;

#endif
