/* The signed envelope around everything that an agent sends. Layout: docs/wire-format.md. */
#include <mst/proto/envelope.h>

#include <string.h>

#include "pack.h"
#include "signed.h"

enum { ENVELOPE_ELEMENTS = 8 };

static const struct {
  const char *name, *context;
} kinds[] = {
    [MST_ENVELOPE_ENROL] = {"enrol", "muster/1/envelope/enrol"},
    [MST_ENVELOPE_DEFINITIONS] = {"definitions", "muster/1/envelope/definitions"},
    [MST_ENVELOPE_REPORT] = {"report", "muster/1/envelope/report"},
    [MST_ENVELOPE_LOSS] = {"loss", "muster/1/envelope/loss"},
};

static bool
kind_known(uint64_t kind)
{
  return kind >= MST_ENVELOPE_ENROL && kind < sizeof kinds / sizeof kinds[0];
}

const char *
mst_envelope_kind_name(mst_envelope_kind kind)
{
  return kind_known(kind) ? kinds[kind].name : "unknown";
}

mst_digest
mst_envelope_digest(const void *data, size_t size_bytes)
{
  return mst_digest_of("muster/1/envelope", data, size_bytes);
}

/* What must hold of kind and sequence, whoever made the envelope. */
static mst_err
check_order(uint64_t kind, uint64_t sequence, mst_errctx *ctx)
{
  if (!kind_known(kind))
    return mst_fail(ctx, MST_EMALFORMED, "envelope.kind: %llu is none", (unsigned long long)kind);
  if ((kind == MST_ENVELOPE_ENROL) != (sequence == 0))
    return mst_fail(ctx, MST_EMALFORMED, "envelope.sequence: %llu on kind %s; enrolment has 0, all others count from 1",
                    (unsigned long long)sequence, kinds[kind].name);
  return MST_OK;
}

static mst_err
check_outgoing(const mst_envelope *envelope, mst_errctx *ctx)
{
  if (envelope->version < MST_WIRE_VERSION_OLDEST || envelope->version > MST_WIRE_VERSION)
    return mst_fail(ctx, MST_EVERSION, "envelope.version: %u cannot be written, versions %d to %d can", envelope->version,
                    MST_WIRE_VERSION_OLDEST, MST_WIRE_VERSION);
  if (envelope->sequence > INT64_MAX)
    return mst_fail(ctx, MST_ELIMIT, "envelope.sequence: over 2^63 - 1");
  if (envelope->sent_at.ns < 0)
    return mst_fail(ctx, MST_EMALFORMED, "envelope.sent_at: is before 1970");
  if (envelope->body.size_bytes == 0)
    return mst_fail(ctx, MST_EMALFORMED, "envelope.body: is empty");
  if (envelope->body.size_bytes > MST_ENVELOPE_MAX_BODY_BYTES)
    return mst_fail(ctx, MST_ELIMIT, "envelope.body: %zu bytes long, at most %d are allowed", envelope->body.size_bytes,
                    MST_ENVELOPE_MAX_BODY_BYTES);
  return check_order(envelope->kind, envelope->sequence, ctx);
}

mst_err
mst_envelope_encode(const mst_envelope *envelope, const mst_key *key, mst_buf *ret_bytes, mst_errctx *ctx)
{
  size_t start = ret_bytes->size_bytes;
  msgpack_packer pack = mst_pack_onto(ret_bytes);
  mst_key_id key_id = mst_key_id_of(mst_key_public(key));

  mst_err err = check_outgoing(envelope, ctx);
  if (err != MST_OK)
    return err;
  msgpack_pack_array(&pack, ENVELOPE_ELEMENTS);
  msgpack_pack_uint32(&pack, envelope->version);
  mst_pack_bin(&pack, key_id.bytes, sizeof key_id.bytes);
  mst_pack_bin(&pack, envelope->session.bytes, sizeof envelope->session.bytes);
  msgpack_pack_uint64(&pack, envelope->sequence);
  msgpack_pack_int64(&pack, envelope->sent_at.ns);
  msgpack_pack_uint8(&pack, (uint8_t)envelope->kind);
  mst_pack_bin(&pack, envelope->body.data, envelope->body.size_bytes);
  err = mst_signed_append(ret_bytes, start, key, kinds[envelope->kind].context, ctx);
  return mst_pack_finish(ret_bytes, start, err, "envelope", ctx);
}

/* Everything between version and signature. */
static mst_err
read_fields(mst_cursor *cursor, mst_envelope *envelope, mst_errctx *ctx)
{
  mst_bytes key_id, session;
  uint64_t sent_at, kind;

  mst_err err = mst_cursor_bin(cursor, "envelope.key_id", MST_KEY_ID_BYTES, MST_KEY_ID_BYTES, &key_id, ctx);
  if (err == MST_OK)
    err = mst_cursor_bin(cursor, "envelope.session", MST_SESSION_BYTES, MST_SESSION_BYTES, &session, ctx);
  if (err == MST_OK)
    err = mst_cursor_uint(cursor, "envelope.sequence", INT64_MAX, &envelope->sequence, ctx);
  if (err == MST_OK)
    err = mst_cursor_uint(cursor, "envelope.sent_at", INT64_MAX, &sent_at, ctx);
  if (err == MST_OK)
    err = mst_cursor_uint(cursor, "envelope.kind", UINT32_MAX, &kind, ctx);
  if (err == MST_OK)
    err = mst_cursor_bin(cursor, "envelope.body", 1, MST_ENVELOPE_MAX_BODY_BYTES, &envelope->body, ctx);
  if (err == MST_OK)
    err = mst_cursor_end(cursor, "envelope", ctx);
  if (err == MST_OK)
    err = check_order(kind, envelope->sequence, ctx);
  if (err != MST_OK)
    return err;
  memcpy(envelope->key_id.bytes, key_id.data, MST_KEY_ID_BYTES);
  memcpy(envelope->session.bytes, session.data, MST_SESSION_BYTES);
  envelope->sent_at.ns = (int64_t)sent_at;
  envelope->kind = (mst_envelope_kind)kind;
  return MST_OK;
}

mst_err
mst_envelope_decode(const void *data, size_t size_bytes, mst_envelope *ret_envelope, mst_errctx *ctx)
{
  mst_envelope envelope;
  mst_signed outer;

  if (size_bytes > MST_ENVELOPE_MAX_BYTES)
    return mst_fail(ctx, MST_ELIMIT, "envelope: %zu bytes long, at most %d are allowed", size_bytes, MST_ENVELOPE_MAX_BYTES);
  mst_err err = mst_signed_open(data, size_bytes, "envelope", ENVELOPE_ELEMENTS, &outer, ctx);
  if (err != MST_OK)
    return err;
  envelope.version = outer.version;
  envelope.signed_part = outer.signed_part;
  memcpy(envelope.signature, outer.signature, sizeof envelope.signature);
  err = read_fields(&outer.fields, &envelope, ctx);
  if (err == MST_OK)
    *ret_envelope = envelope;
  return err;
}

mst_err
mst_envelope_verify(const mst_envelope *envelope, const mst_public_key *key, mst_errctx *ctx)
{
  mst_key_id key_id = mst_key_id_of(key);

  if (!kind_known(envelope->kind))
    return mst_fail(ctx, MST_EMALFORMED, "envelope.kind: %u is none", (unsigned)envelope->kind);
  if (memcmp(key_id.bytes, envelope->key_id.bytes, sizeof key_id.bytes) != 0)
    return mst_fail(ctx, MST_ECRYPTO, "envelope: names another key than the one it is verified with");
  return mst_key_verify(key, kinds[envelope->kind].context, envelope->signed_part.data, envelope->signed_part.size_bytes,
                        envelope->signature, ctx);
}
