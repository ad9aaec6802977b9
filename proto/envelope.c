/* The envelope: a signed frame around every message of an agent. */
#include <mst/proto/envelope.h>

#include <string.h>

#include "pack.h"

enum { ENVELOPE_FIELDS = 8 };

static const struct {
  mst_envelope_kind kind;
  const char *name, *context;
} kinds[] = {
    {MST_ENVELOPE_ENROL, "enrol", "muster/1/envelope/enrol"},
    {MST_ENVELOPE_DEFINITIONS, "definitions", "muster/1/envelope/definitions"},
    {MST_ENVELOPE_REPORT, "report", "muster/1/envelope/report"},
    {MST_ENVELOPE_LOSS, "loss", "muster/1/envelope/loss"},
};

const char *
mst_envelope_kind_name(mst_envelope_kind kind)
{
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
    if (kinds[i].kind == kind)
      return kinds[i].name;
  return "unknown";
}

static const char *
context_of(mst_envelope_kind kind)
{
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
    if (kinds[i].kind == kind)
      return kinds[i].context;
  return NULL;
}

mst_err
mst_envelope_encode(const mst_envelope *envelope, const mst_key *key, mst_buf *ret_bytes, mst_errctx *ctx)
{
  mst_key_id id = mst_key_id_of(mst_key_public(key));
  const char *context = context_of(envelope->kind);
  size_t start = ret_bytes->size_bytes;
  uint8_t signature[MST_SIGNATURE_BYTES];
  msgpack_packer packer;

  if (!context || envelope->version < MST_WIRE_VERSION_OLDEST || envelope->version > MST_WIRE_VERSION)
    return mst_fail(ctx, MST_EUSAGE, "encode an envelope: kind %d or version %u is not known", (int)envelope->kind, envelope->version);
  if (envelope->body.size_bytes > MST_ENVELOPE_MAX_BODY_BYTES)
    return mst_fail(ctx, MST_ELIMIT, "encode an envelope: a body of %zu bytes; at most %d", envelope->body.size_bytes, MST_ENVELOPE_MAX_BODY_BYTES);
  if ((envelope->kind == MST_ENVELOPE_ENROL) != (envelope->sequence == 0))
    return mst_fail(ctx, MST_EUSAGE, "encode an envelope: sequence 0 is for enrolment and for that alone");
  mst_pack_init(&packer, ret_bytes);
  msgpack_pack_array(&packer, ENVELOPE_FIELDS);
  msgpack_pack_uint32(&packer, envelope->version);
  mst_pack_bin(&packer, id.bytes, sizeof id.bytes);
  mst_pack_bin(&packer, envelope->session.bytes, sizeof envelope->session.bytes);
  msgpack_pack_uint64(&packer, envelope->sequence);
  msgpack_pack_int64(&packer, envelope->sent_at.ns);
  msgpack_pack_uint32(&packer, (uint32_t)envelope->kind);
  mst_pack_bin(&packer, envelope->body.data, envelope->body.size_bytes);
  mst_err err = mst_buf_check(ret_bytes, "encode an envelope", ctx);
  if (err == MST_OK)
    err = mst_key_sign(key, context, ret_bytes->data + start, ret_bytes->size_bytes - start, signature, ctx);
  if (err != MST_OK)
    return err;
  mst_pack_bin(&packer, signature, sizeof signature);
  return mst_buf_check(ret_bytes, "encode an envelope", ctx);
}

static mst_err
fixed_bin(mst_cursor *cursor, const char *what, void *ret_bytes, size_t size_bytes, mst_errctx *ctx)
{
  mst_bytes bytes;
  mst_err err = mst_cursor_bin(cursor, what, size_bytes, size_bytes, &bytes, ctx);

  if (err == MST_OK)
    memcpy(ret_bytes, bytes.data, size_bytes);
  return err;
}

static mst_err
decode_head(mst_cursor *cursor, mst_envelope *envelope, mst_errctx *ctx)
{
  uint64_t version, kind;
  mst_err err = mst_cursor_uint(cursor, "envelope version", UINT32_MAX, &version, ctx);

  if (err != MST_OK)
    return err;
  if (version < MST_WIRE_VERSION_OLDEST || version > MST_WIRE_VERSION)
    return mst_fail(ctx, MST_EVERSION, "envelope version %llu; spoken here: %d to %d", (unsigned long long)version, MST_WIRE_VERSION_OLDEST,
                    MST_WIRE_VERSION);
  envelope->version = (uint32_t)version;
  if ((err = fixed_bin(cursor, "key id", envelope->key_id.bytes, sizeof envelope->key_id.bytes, ctx)) != MST_OK ||
      (err = fixed_bin(cursor, "session", envelope->session.bytes, sizeof envelope->session.bytes, ctx)) != MST_OK ||
      (err = mst_cursor_uint(cursor, "sequence", INT64_MAX, &envelope->sequence, ctx)) != MST_OK ||
      (err = mst_cursor_int(cursor, "sent-at", &envelope->sent_at.ns, ctx)) != MST_OK ||
      (err = mst_cursor_uint(cursor, "envelope kind", UINT32_MAX, &kind, ctx)) != MST_OK)
    return err;
  envelope->kind = (mst_envelope_kind)kind;
  if (!context_of(envelope->kind))
    return mst_fail(ctx, MST_EMALFORMED, "envelope kind %llu is not known", (unsigned long long)kind);
  if ((envelope->kind == MST_ENVELOPE_ENROL) != (envelope->sequence == 0))
    return mst_fail(ctx, MST_EMALFORMED, "sequence %llu does not go with kind %s", (unsigned long long)envelope->sequence,
                    mst_envelope_kind_name(envelope->kind));
  if (envelope->sent_at.ns < 0)
    return mst_fail(ctx, MST_EMALFORMED, "sent-at is before 1970");
  return MST_OK;
}

mst_err
mst_envelope_decode(const void *data, size_t size_bytes, mst_envelope *ret_envelope, mst_errctx *ctx)
{
  mst_envelope envelope = {0};
  mst_cursor cursor;
  uint32_t count;

  if (size_bytes > MST_ENVELOPE_MAX_BYTES)
    return mst_fail(ctx, MST_ELIMIT, "an envelope of %zu bytes; at most %d", size_bytes, MST_ENVELOPE_MAX_BYTES);
  mst_cursor_init(&cursor, data, size_bytes);
  mst_err err = mst_cursor_array(&cursor, "envelope", ENVELOPE_FIELDS, ENVELOPE_FIELDS, &count, ctx);
  if (err == MST_OK)
    err = decode_head(&cursor, &envelope, ctx);
  if (err == MST_OK)
    err = mst_cursor_bin(&cursor, "body", 0, MST_ENVELOPE_MAX_BODY_BYTES, &envelope.body, ctx);
  envelope.signed_part = (mst_bytes){data, mst_cursor_offset(&cursor)};
  if (err == MST_OK)
    err = fixed_bin(&cursor, "signature", envelope.signature, sizeof envelope.signature, ctx);
  if (err == MST_OK)
    err = mst_cursor_end(&cursor, "envelope", ctx);
  if (err == MST_OK)
    *ret_envelope = envelope;
  return err;
}

mst_err
mst_envelope_verify(const mst_envelope *envelope, const mst_public_key *key, mst_errctx *ctx)
{
  const char *context = context_of(envelope->kind);

  if (!context)
    return mst_fail(ctx, MST_ECRYPTO, "envelope kind %d is not known", (int)envelope->kind);
  return mst_key_verify(key, context, envelope->signed_part.data, envelope->signed_part.size_bytes, envelope->signature, ctx);
}

mst_digest
mst_envelope_digest(const void *data, size_t size_bytes)
{
  return mst_digest_of("muster/1/envelope", data, size_bytes);
}
