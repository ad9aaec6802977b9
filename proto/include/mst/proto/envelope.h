#ifndef MST_PROTO_ENVELOPE_H
#define MST_PROTO_ENVELOPE_H

#include <mst/common/buf.h>
#include <mst/common/clock.h>
#include <mst/common/digest.h>
#include <mst/common/key.h>
#include <mst/proto/cursor.h>

/* Versions of the wire that this build speaks: its own and the one before it (version 1 is the first). */
enum { MST_WIRE_VERSION = 1, MST_WIRE_VERSION_OLDEST = 1 };

enum {
  /* A report of 4000 samples is under 64 KB; four times that leaves room for events. */
  MST_ENVELOPE_MAX_BODY_BYTES = 256 * 1024,
  MST_ENVELOPE_MAX_BYTES = MST_ENVELOPE_MAX_BODY_BYTES + 256,
  MST_SESSION_BYTES = 16,
  MST_HOSTNAME_MAX_BYTES = 255, /* RFC 1035, and Linux allows less */
  MST_AGENT_VERSION_MAX_BYTES = 64,
  MST_BOOT_ID_MAX_BYTES = 64, /* the kernel's has 36 */
};

typedef enum mst_envelope_kind {
  MST_ENVELOPE_ENROL = 1,       /* proto/enrol.h; signed by the key that it brings; sequence 0, outside every session's count */
  MST_ENVELOPE_DEFINITIONS = 2, /* series definitions of the session */
  MST_ENVELOPE_REPORT = 3,
  MST_ENVELOPE_LOSS = 4, /* names the sequences that the spool had to give up */
} mst_envelope_kind;

/* Random per start of the agent. */
typedef struct mst_session_id {
  uint8_t bytes[MST_SESSION_BYTES];
} mst_session_id;

/* A decoded envelope. body and signed_part point into the bytes that it was decoded from. */
typedef struct mst_envelope {
  uint32_t version;
  mst_key_id key_id;
  mst_session_id session;
  uint64_t sequence; /* from 1, no gaps; 0 for enrolment */
  mst_wall sent_at;  /* when it was made and signed; a re-send carries the same bytes */
  mst_envelope_kind kind;
  mst_bytes body;
  uint8_t signature[MST_SIGNATURE_BYTES];
  mst_bytes signed_part; /* everything before the signature */
} mst_envelope;

/* Appends an encoded and signed envelope to ret_bytes. Uses every field but key_id, signature and signed_part of `envelope`; the key id is
 * that of `key`. On failure ret_bytes keeps what it held before. */
mst_err mst_envelope_encode(const mst_envelope *envelope, const mst_key *key, mst_buf *ret_bytes, mst_errctx *ctx) MST_MUST_USE;
/* Structure and limits only, no signature: MST_EMALFORMED, MST_ELIMIT, MST_EVERSION. */
mst_err mst_envelope_decode(const void *data, size_t size_bytes, mst_envelope *ret_envelope, mst_errctx *ctx) MST_MUST_USE;
/* MST_ECRYPTO when the signature does not fit the key and the kind's context string, or the envelope names another key. Pure: any thread.
 */
mst_err mst_envelope_verify(const mst_envelope *envelope, const mst_public_key *key, mst_errctx *ctx) MST_MUST_USE;
/* What the controller compares to tell a repeated envelope from another one under the same sequence, and what a reply answers to. */
mst_digest mst_envelope_digest(const void *data, size_t size_bytes);

const char *mst_envelope_kind_name(mst_envelope_kind kind);

#endif
