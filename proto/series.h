#ifndef MST_PROTO_SERIES_H
#define MST_PROTO_SERIES_H

#include <msgpack.h>

#include <mst/proto/report.h>

/* One series definition: [name, kind, unit, start, [key, value, ...]]; shared by definitions and the controller's series table. */
mst_err mst_series_pack(msgpack_packer *packer, const mst_series *series, mst_errctx *ctx) MST_MUST_USE;
mst_err mst_series_read(mst_cursor *cursor, mst_series *ret_series, mst_errctx *ctx) MST_MUST_USE;

#endif
