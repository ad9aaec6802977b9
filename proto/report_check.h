#ifndef MST_PROTO_REPORT_CHECK_H
#define MST_PROTO_REPORT_CHECK_H

#include <mst/proto/report.h>

/* What writer and reader of a report share: array sizes and what must hold of the numbers. */
enum { MST_REPORT_ELEMENTS = 3, MST_HEADER_ELEMENTS = 11, MST_EVENT_ELEMENTS = 7, MST_MISSING_ELEMENTS = 2 };

mst_err mst_report_check_header(const mst_report_header *header, mst_errctx *ctx) MST_MUST_USE;
mst_err mst_report_check_missing(uint64_t status, mst_errctx *ctx) MST_MUST_USE;
/* at, count and fingerprint. */
mst_err mst_report_check_event(const mst_event *event, mst_errctx *ctx) MST_MUST_USE;

#endif
