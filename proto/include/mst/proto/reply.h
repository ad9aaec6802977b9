#ifndef MST_PROTO_REPLY_H
#define MST_PROTO_REPLY_H

#include <mst/proto/envelope.h>

typedef enum mst_reply_status {
  MST_REPLY_STORED = 1,           /* durable: the agent may forget it. Also for a repeat of a stored one */
  MST_REPLY_NEED_DEFINITIONS = 2, /* not an acknowledgement: send the session's definitions, then this again */
  MST_REPLY_REFUSED = 3,          /* for good: drop it and count it; reason says why */
  MST_REPLY_LATER = 4,            /* not now (disk full, not approved yet, overload): keep it and come again after retry_after_ns */
} mst_reply_status;

/* Why an envelope was refused. The names are label values of muster_envelopes_refused_total and stand in the wire format. */
#define MST_REFUSALS(X)                                                                                                                    \
  X(MST_REFUSED_NONE, 0, "none")                                                                                                           \
  X(MST_REFUSED_MALFORMED, 1, "malformed") /* envelope or body */                                                                          \
  X(MST_REFUSED_OVERSIZED, 2, "oversized")                                                                                                 \
  X(MST_REFUSED_VERSION, 3, "version")                                                                                                     \
  X(MST_REFUSED_UNKNOWN_KEY, 4, "unknown_key") /* unanswered */                                                                            \
  X(MST_REFUSED_REVOKED_KEY, 5, "revoked_key")                                                                                             \
  X(MST_REFUSED_SIGNATURE, 6, "bad_signature")       /* unanswered */                                                                      \
  X(MST_REFUSED_CONFLICT, 7, "conflicting_sequence") /* taken by another digest: alarm */                                                  \
  X(MST_REFUSED_FUTURE, 8, "future")                 /* stamped ahead of the controller's clock */                                         \
  X(MST_REFUSED_TOO_OLD, 9, "too_old")               /* older than the accepted age */                                                     \
  X(MST_REFUSED_LIMIT, 10, "limit")                  /* too many series */                                                                 \
  X(MST_REFUSED_TOKEN, 11, "bad_token")                                                                                                    \
  X(MST_REFUSED_NOT_APPROVED, 12, "not_approved")
#define MST_REFUSAL_ENUM(name, number, text) name = (number),
typedef enum mst_refusal { MST_REFUSALS(MST_REFUSAL_ENUM) MST_REFUSAL_COUNT } mst_refusal;
#undef MST_REFUSAL_ENUM
const char *mst_refusal_name(mst_refusal refusal);

/* What the controller answers to one envelope. Texts and blobs are borrowed. */
typedef struct mst_reply {
  mst_digest envelope; /* mst_envelope_digest of what is answered */
  mst_reply_status status;
  mst_refusal refusal; /* NONE unless REFUSED */
  mst_text reason;     /* for a person; may be empty; at most 256 bytes */
  int64_t retry_after_ns;
  mst_wall sent_at, received_at, replied_at; /* t1 (from the envelope), t2, t3; the agent knows t4 */
  mst_bytes plan;                            /* an encoded signed plan (proto/plan.h) when the agent's differs; else empty */
  mst_bytes
      next_key; /* when the controller's key is being changed: 32-byte new public key; the reply is signed with the old one. Else empty */
  uint32_t task_count; /* one-shot tasks; none are defined yet: 0 */
} mst_reply;

enum {
  MST_REPLY_MAX_PLAN_BYTES = 512 * 1024,
  MST_REPLY_MAX_BYTES = MST_REPLY_MAX_PLAN_BYTES + 4096,
  MST_REPLY_REASON_MAX_BYTES = 256,
  MST_REPLY_BATCH_MAX = 4096, /* replies under one signature */
};

/* Body only, without signature. */
mst_err mst_reply_encode_body(const mst_reply *reply, mst_buf *ret_body, mst_errctx *ctx) MST_MUST_USE;

/* One signature for a batch of replies: the bodies' digests are leaves of a Merkle tree (RFC 6962 shape: leaf = digest under domain
 * "muster/1/reply-leaf", node = digest of left || right under "muster/1/reply-node", an odd last node moves up as it is), the controller
 * signs the root and the number of leaves (32-bit, highest byte first) with context "muster/1/reply", and each reply carries its path. The
 * bodies' bytes are borrowed until the batch is destroyed, the array `bodies` is not. */
typedef struct mst_reply_batch mst_reply_batch;
mst_err mst_reply_batch_create(const mst_bytes *bodies, uint32_t count, const mst_key *key, mst_reply_batch **ret_batch,
                               mst_errctx *ctx) MST_MUST_USE;
void mst_reply_batch_destroy(mst_reply_batch *batch);
/* Appends the whole signed reply of body `index` as it goes over the wire. May be called from any thread while the batch lives. */
mst_err mst_reply_batch_encode(const mst_reply_batch *batch, uint32_t index, mst_buf *ret_bytes, mst_errctx *ctx) MST_MUST_USE;

/* Decodes and verifies: path, root signature by `key`, and that it answers `envelope`. MST_ECRYPTO, MST_EMALFORMED, MST_ELIMIT,
 * MST_EVERSION. */
mst_err mst_reply_open(const void *data, size_t size_bytes, const mst_public_key *key, const mst_digest *envelope, mst_reply *ret_reply,
                       mst_errctx *ctx) MST_MUST_USE;

#endif
