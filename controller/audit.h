#ifndef MST_CONTROLLER_AUDIT_H
#define MST_CONTROLLER_AUDIT_H

#include "core_parts.h"

/* The audit chain: what was changed, by whom. The store hashes record onto record; the controller signs the newest hash. */
enum { MST_AUDIT_HEAD_BYTES = 8 + MST_DIGEST_BYTES + MST_KEY_ID_BYTES + MST_SIGNATURE_BYTES };

/* Appends a record and signs the head; inside a transaction of the keeper (or before it runs). kind: "token.new", "run.decided", ...;
 * body: a statement as signed, or JSON. */
mst_err mst_audit_append(mst_core *core, const char *kind, const char *subject, const void *body, size_t size_bytes,
                         mst_errctx *ctx) MST_MUST_USE;

/* Walks the whole chain: hashes, numbers without gaps, and the head's signature by one of the controller's keys that the chain itself
 * names. MST_ECORRUPT says where it breaks. Needs no running controller. */
mst_err mst_audit_verify(const mst_store_ops *ops, mst_store *store, const mst_public_key *current, int64_t *ret_count,
                         mst_errctx *ctx) MST_MUST_USE;

#endif
