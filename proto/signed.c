/* The signature at the end of a message. */
#include "signed.h"

#include <string.h>

#include <mst/proto/envelope.h>

/* No message of any version has more elements; it only keeps the error text sensible. */
enum { ELEMENTS_MAX = 32 };

static const uint8_t tail_lead[2] = {0xC4, MST_SIGNATURE_BYTES};

mst_err
mst_signed_head(mst_cursor *cursor, const char *what, uint32_t elements, uint32_t *ret_version, mst_errctx *ctx)
{
  uint32_t count;
  uint64_t version;

  mst_err err = mst_cursor_array(cursor, what, 1, ELEMENTS_MAX, &count, ctx);
  if (err == MST_OK)
    err = mst_cursor_uint(cursor, what, UINT32_MAX, &version, ctx);
  if (err != MST_OK)
    return err;
  if (version < MST_WIRE_VERSION_OLDEST || version > MST_WIRE_VERSION)
    return mst_fail(ctx, MST_EVERSION, "%s: is of wire version %llu; versions %d to %d are spoken here", what, (unsigned long long)version,
                    MST_WIRE_VERSION_OLDEST, MST_WIRE_VERSION);
  if (count != elements)
    return mst_fail(ctx, MST_EMALFORMED, "%s: has %u elements, must have %u", what, count, elements);
  *ret_version = (uint32_t)version;
  return MST_OK;
}

mst_err
mst_signed_open(const void *data, size_t size_bytes, const char *what, uint32_t elements, mst_signed *ret_signed, mst_errctx *ctx)
{
  mst_cursor cursor;
  uint32_t version = 0;

  /* The version comes first: another one may look otherwise in all that follows. */
  mst_cursor_init(&cursor, data, size_bytes);
  mst_err err = mst_signed_head(&cursor, what, elements, &version, ctx);
  if (err != MST_OK)
    return err;
  if ((size_t)(cursor.end - cursor.at) < MST_SIGNED_TAIL_BYTES)
    return mst_fail(ctx, MST_EMALFORMED, "%s: %zu bytes are too few to hold a signature", what, size_bytes);
  const uint8_t *tail = cursor.end - MST_SIGNED_TAIL_BYTES;
  if (memcmp(tail, tail_lead, sizeof tail_lead) != 0)
    return mst_fail(ctx, MST_EMALFORMED, "%s: does not end in a signature (bin 8 of %d bytes)", what, MST_SIGNATURE_BYTES);
  cursor.end = tail;
  ret_signed->version = version;
  ret_signed->signed_part = (mst_bytes){cursor.start, (size_t)(tail - cursor.start)};
  memcpy(ret_signed->signature, tail + sizeof tail_lead, MST_SIGNATURE_BYTES);
  ret_signed->fields = cursor;
  return MST_OK;
}

mst_err
mst_signed_append(mst_buf *buf, size_t start, const mst_key *key, const char *context, mst_errctx *ctx)
{
  uint8_t signature[MST_SIGNATURE_BYTES];

  mst_err err = mst_buf_check(buf, context, ctx);
  if (err == MST_OK)
    err = mst_key_sign(key, context, buf->data + start, buf->size_bytes - start, signature, ctx);
  if (err != MST_OK)
    return err;
  mst_buf_append(buf, tail_lead, sizeof tail_lead);
  mst_buf_append(buf, signature, sizeof signature);
  return mst_buf_check(buf, context, ctx);
}
