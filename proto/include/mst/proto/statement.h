#ifndef MST_PROTO_STATEMENT_H
#define MST_PROTO_STATEMENT_H

#include <mst/proto/envelope.h>

/* A signed act of an operator. Every write of muster is one. */
enum {
  MST_STATEMENT_ID_BYTES = 16,
  MST_STATEMENT_MAX_FIELDS = 32,
  MST_STATEMENT_KEY_MAX_BYTES = 64,
  MST_STATEMENT_VALUE_MAX_BYTES = 4096,
  MST_STATEMENT_KIND_MAX_BYTES = 64,
  MST_STATEMENT_SUBJECT_MAX_BYTES = 256,
  MST_STATEMENT_MAX_BYTES = 64 * 1024,
};

typedef struct mst_statement_field {
  mst_text key, value;
} mst_statement_field;

typedef struct mst_statement {
  mst_key_id key_id;                  /* of the operator; set by decode */
  uint8_t id[MST_STATEMENT_ID_BYTES]; /* random: a statement counts once */
  mst_wall issued_at, expires_at;     /* expires_at 0: never (a waiver must have one) */
  mst_text kind;    /* "token.new", "agent.revoke", "run.start", "attest", "waive", "na", "sign-off", "intervention", ... */
  mst_text subject; /* run id, agent id, item id: by kind */
  uint32_t field_count;
  mst_statement_field fields[MST_STATEMENT_MAX_FIELDS]; /* sorted by key, unique */
  mst_bytes signed_part;                                /* set by decode */
  uint8_t signature[MST_SIGNATURE_BYTES];               /* set by decode */
} mst_statement;

/* Encodes and signs (context "muster/1/statement"). Fields must be sorted by key. */
mst_err mst_statement_seal(const mst_statement *statement, const mst_key *key, mst_buf *ret_bytes, mst_errctx *ctx) MST_MUST_USE;
/* Structure and limits only. Texts and signed_part point into data. */
mst_err mst_statement_decode(const void *data, size_t size_bytes, mst_statement *ret_statement, mst_errctx *ctx) MST_MUST_USE;
/* MST_ECRYPTO when the signature does not fit, or the statement names another key. */
mst_err mst_statement_verify(const mst_statement *statement, const mst_public_key *key, mst_errctx *ctx) MST_MUST_USE;
/* The value of a field; an empty text with data NULL when there is none. */
mst_text mst_statement_get(const mst_statement *statement, const char *key);

#endif
