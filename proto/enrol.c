/* Enrolment: the token that a person carries, and the message that it vouches for. Layout: docs/wire-format.md. */
#include <mst/proto/enrol.h>

#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "pack.h"
#include "text.h"

enum {
  ENROL_ELEMENTS = 5,
  TOKEN_BYTES = MST_KEY_PUBLIC_BYTES + MST_TOKEN_ID_BYTES + MST_TOKEN_SECRET_BYTES,
  PREFIX_BYTES = 5,
};

static const char prefix[] = "mst1.";
static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char tag_context[] = "muster/1/enrol";

static_assert(PREFIX_BYTES + sodium_base64_ENCODED_LEN(TOKEN_BYTES, sodium_base64_VARIANT_URLSAFE_NO_PADDING) <= MST_TOKEN_TEXT_BYTES,
              "a token's text fits its buffer");
static_assert(MST_ENROL_TAG_BYTES == crypto_auth_hmacsha256_BYTES, "the tag is a whole HMAC-SHA256");

const char *
mst_token_format(const mst_token *token, char text[static MST_TOKEN_TEXT_BYTES])
{
  uint8_t bytes[TOKEN_BYTES];

  memcpy(bytes, token->controller.bytes, MST_KEY_PUBLIC_BYTES);
  memcpy(bytes + MST_KEY_PUBLIC_BYTES, token->id, MST_TOKEN_ID_BYTES);
  memcpy(bytes + MST_KEY_PUBLIC_BYTES + MST_TOKEN_ID_BYTES, token->secret, MST_TOKEN_SECRET_BYTES);
  memcpy(text, prefix, PREFIX_BYTES);
  sodium_bin2base64(text + PREFIX_BYTES, MST_TOKEN_TEXT_BYTES - PREFIX_BYTES, bytes, sizeof bytes,
                    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
  sodium_memzero(bytes, sizeof bytes);
  return text;
}

mst_err
mst_token_parse(const char *text, mst_token *ret_token, mst_errctx *ctx)
{
  uint8_t bytes[TOKEN_BYTES];
  size_t length = strlen(text), size_bytes = 0;

  /* The text is a secret: no message repeats it. */
  if (strncmp(text, prefix, PREFIX_BYTES) != 0)
    return mst_fail(ctx, MST_EMALFORMED, "token: does not begin with \"%s\"; give the whole string that `muster token new` printed",
                    prefix);
  /* libsodium 1.0.18 takes some bytes over 0x7F for letters. */
  bool foreign = strspn(text + PREFIX_BYTES, alphabet) != length - PREFIX_BYTES;
  int failed = sodium_base642bin(bytes, sizeof bytes, text + PREFIX_BYTES, length - PREFIX_BYTES, NULL, &size_bytes, NULL,
                                 sodium_base64_VARIANT_URLSAFE_NO_PADDING);
  if (foreign || failed != 0 || size_bytes != sizeof bytes) {
    sodium_memzero(bytes, sizeof bytes);
    return mst_fail(ctx, MST_EMALFORMED,
                    "token: is cut or mistyped (%zu characters); give the whole string that `muster token new` printed", length);
  }
  memcpy(ret_token->controller.bytes, bytes, MST_KEY_PUBLIC_BYTES);
  memcpy(ret_token->id, bytes + MST_KEY_PUBLIC_BYTES, MST_TOKEN_ID_BYTES);
  memcpy(ret_token->secret, bytes + MST_KEY_PUBLIC_BYTES + MST_TOKEN_ID_BYTES, MST_TOKEN_SECRET_BYTES);
  sodium_memzero(bytes, sizeof bytes);
  return MST_OK;
}

void
mst_enrol_tag(const uint8_t secret[static MST_TOKEN_SECRET_BYTES], const mst_public_key *key, mst_text hostname,
              uint8_t ret_tag[static MST_ENROL_TAG_BYTES])
{
  crypto_auth_hmacsha256_state state;

  crypto_auth_hmacsha256_init(&state, secret, MST_TOKEN_SECRET_BYTES);
  crypto_auth_hmacsha256_update(&state, (const uint8_t *)tag_context, sizeof tag_context); /* with its NUL */
  crypto_auth_hmacsha256_update(&state, key->bytes, sizeof key->bytes);
  if (hostname.size_bytes > 0)
    crypto_auth_hmacsha256_update(&state, (const uint8_t *)hostname.data, hostname.size_bytes);
  crypto_auth_hmacsha256_final(&state, ret_tag);
  sodium_memzero(&state, sizeof state);
}

mst_err
mst_enrol_encode(const mst_enrol *enrol, mst_buf *ret_body, mst_errctx *ctx)
{
  size_t start = ret_body->size_bytes;
  msgpack_packer pack = mst_pack_onto(ret_body);

  mst_err err = mst_text_check(enrol->hostname, "enrol.hostname", 1, MST_HOSTNAME_MAX_BYTES, ctx);
  if (err == MST_OK)
    err = mst_text_check(enrol->agent_version, "enrol.agent_version", 0, MST_AGENT_VERSION_MAX_BYTES, ctx);
  if (err != MST_OK)
    return err;
  msgpack_pack_array(&pack, ENROL_ELEMENTS);
  mst_pack_bin(&pack, enrol->key.bytes, sizeof enrol->key.bytes);
  mst_pack_bin(&pack, enrol->token_id, sizeof enrol->token_id);
  mst_pack_text(&pack, enrol->hostname);
  mst_pack_text(&pack, enrol->agent_version);
  mst_pack_bin(&pack, enrol->tag, sizeof enrol->tag);
  return mst_pack_finish(ret_body, start, MST_OK, "enrol", ctx);
}

mst_err
mst_enrol_decode(mst_bytes body, mst_enrol *ret_enrol, mst_errctx *ctx)
{
  mst_bytes key, token_id, tag;
  uint32_t elements;
  mst_enrol enrol;
  mst_cursor cursor;

  mst_cursor_init(&cursor, body.data, body.size_bytes);
  mst_err err = mst_cursor_array(&cursor, "enrol", ENROL_ELEMENTS, ENROL_ELEMENTS, &elements, ctx);
  if (err == MST_OK)
    err = mst_cursor_bin(&cursor, "enrol.key", MST_KEY_PUBLIC_BYTES, MST_KEY_PUBLIC_BYTES, &key, ctx);
  if (err == MST_OK)
    err = mst_cursor_bin(&cursor, "enrol.token_id", MST_TOKEN_ID_BYTES, MST_TOKEN_ID_BYTES, &token_id, ctx);
  if (err == MST_OK)
    err = mst_cursor_text(&cursor, "enrol.hostname", MST_HOSTNAME_MAX_BYTES, &enrol.hostname, ctx);
  if (err == MST_OK && enrol.hostname.size_bytes == 0)
    err = mst_fail(ctx, MST_EMALFORMED, "enrol.hostname: is empty");
  if (err == MST_OK)
    err = mst_cursor_text(&cursor, "enrol.agent_version", MST_AGENT_VERSION_MAX_BYTES, &enrol.agent_version, ctx);
  if (err == MST_OK)
    err = mst_cursor_bin(&cursor, "enrol.tag", MST_ENROL_TAG_BYTES, MST_ENROL_TAG_BYTES, &tag, ctx);
  if (err == MST_OK)
    err = mst_cursor_end(&cursor, "enrol", ctx);
  if (err != MST_OK)
    return err;
  memcpy(enrol.key.bytes, key.data, MST_KEY_PUBLIC_BYTES);
  memcpy(enrol.token_id, token_id.data, MST_TOKEN_ID_BYTES);
  memcpy(enrol.tag, tag.data, MST_ENROL_TAG_BYTES);
  *ret_enrol = enrol;
  return MST_OK;
}
