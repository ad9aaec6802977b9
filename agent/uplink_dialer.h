#ifndef MST_AGENT_UPLINK_DIALER_H
#define MST_AGENT_UPLINK_DIALER_H

#include <nng/nng.h>

#include <mst/common/err.h>

#include "uplink_wire.h"

/* Makes what dials a controller, with TLS where the URL says so: TLS 1.2 at least is mbedTLS's default, the certificate must be signed by
 * target->ca_file and carry the name. Reads the file. MST_ECONFIG: URL or file cannot be used. The caller frees *ret_dialer. */
mst_err mst_uplink_dialer_make(const mst_wire_target *target, nng_stream_dialer **ret_dialer, mst_errctx *ctx) MST_MUST_USE;

#endif
