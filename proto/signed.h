#ifndef MST_PROTO_SIGNED_PRIVATE_H
#define MST_PROTO_SIGNED_PRIVATE_H

#include <mst/common/buf.h>
#include <mst/common/key.h>
#include <mst/proto/cursor.h>

/* What envelope, plan and statement share: an array whose first element is the wire version and whose last is an Ed25519 signature over
 * every byte before it. The signature has one form only (bin 8, 64 bytes), or a third party could make a second message of the same
 * meaning. */
enum { MST_SIGNED_TAIL_BYTES = 2 + MST_SIGNATURE_BYTES };

/* Reads the array's head and the version: MST_EVERSION when it is not spoken here, MST_EMALFORMED when the array has not `elements` (all
 * counted). */
mst_err mst_signed_head(mst_cursor *cursor, const char *what, uint32_t elements, uint32_t *ret_version, mst_errctx *ctx) MST_MUST_USE;

typedef struct mst_signed {
  uint32_t version;
  mst_bytes signed_part; /* borrowed: all before the signature */
  uint8_t signature[MST_SIGNATURE_BYTES];
  mst_cursor fields; /* stands behind the version and ends before the signature */
} mst_signed;
/* Reads the head and takes the signature off, without verifying it. */
mst_err mst_signed_open(const void *data, size_t size_bytes, const char *what, uint32_t elements, mst_signed *ret_signed,
                        mst_errctx *ctx) MST_MUST_USE;
/* Signs what stands in buf from `start` on and appends the signature. */
mst_err mst_signed_append(mst_buf *buf, size_t start, const mst_key *key, const char *context, mst_errctx *ctx) MST_MUST_USE;

#endif
