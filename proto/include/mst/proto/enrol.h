#ifndef MST_PROTO_ENROL_H
#define MST_PROTO_ENROL_H

#include <mst/proto/envelope.h>

enum { MST_TOKEN_ID_BYTES = 8, MST_TOKEN_SECRET_BYTES = 32, MST_TOKEN_TEXT_BYTES = 160, MST_ENROL_TAG_BYTES = 32 };

/* What `muster token new` prints as one string: "mst1." and unpadded base64url of (controller's public key || id || secret). */
typedef struct mst_token {
  mst_public_key controller;
  uint8_t id[MST_TOKEN_ID_BYTES];
  uint8_t secret[MST_TOKEN_SECRET_BYTES];
} mst_token;
const char *mst_token_format(const mst_token *token, char text[static MST_TOKEN_TEXT_BYTES]);
mst_err mst_token_parse(const char *text, mst_token *ret_token, mst_errctx *ctx) MST_MUST_USE;

/* Body of an enrolment envelope: the agent's public key, the token's id, and HMAC-SHA256 under the token's secret of
 * ("muster/1/enrol" || 0x00 || public key || hostname), so that the secret itself is never sent. */
typedef struct mst_enrol {
  mst_public_key key;
  uint8_t token_id[MST_TOKEN_ID_BYTES];
  mst_text hostname, agent_version;
  uint8_t tag[MST_ENROL_TAG_BYTES];
} mst_enrol;
mst_err mst_enrol_encode(const mst_enrol *enrol, mst_buf *ret_body, mst_errctx *ctx) MST_MUST_USE;
mst_err mst_enrol_decode(mst_bytes body, mst_enrol *ret_enrol, mst_errctx *ctx) MST_MUST_USE;
void mst_enrol_tag(const uint8_t secret[static MST_TOKEN_SECRET_BYTES], const mst_public_key *key, mst_text hostname,
                   uint8_t ret_tag[static MST_ENROL_TAG_BYTES]);

#endif
