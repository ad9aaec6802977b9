#ifndef MST_PROTO_HISTOGRAM_WIRE_H
#define MST_PROTO_HISTOGRAM_WIRE_H

#include <mst/proto/report.h>

/* Reads an encoded histogram whole without keeping it: MST_OK exactly when mst_histogram_decode would take it and memory suffices. No
 * allocation. */
mst_err mst_histogram_check(mst_bytes bytes, mst_errctx *ctx) MST_MUST_USE;

#endif
