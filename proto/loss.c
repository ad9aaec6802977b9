/* What an agent's spool had to give up. Layout: docs/wire-format.md. */
#include <mst/proto/report.h>

#include <string.h>

#include "pack.h"

enum { RANGE_ELEMENTS = 4 };

static mst_err
check_range(const mst_loss_range *range, mst_errctx *ctx)
{
  if (range->first == 0 || range->first > range->last)
    return mst_fail(ctx, MST_EMALFORMED, "loss: %llu to %llu is no range of sequences", (unsigned long long)range->first,
                    (unsigned long long)range->last);
  if (range->last > INT64_MAX || range->samples > INT64_MAX)
    return mst_fail(ctx, MST_ELIMIT, "loss: a number is over 2^63 - 1");
  return MST_OK;
}

mst_err
mst_loss_encode(const mst_loss_range *ranges, uint32_t count, mst_buf *ret_body, mst_errctx *ctx)
{
  size_t start = ret_body->size_bytes;
  msgpack_packer pack = mst_pack_onto(ret_body);
  mst_err err = MST_OK;

  if (count == 0 || count > MST_LOSS_RANGES_MAX)
    return mst_fail(ctx, count == 0 ? MST_EMALFORMED : MST_ELIMIT, "loss: %u ranges; 1 to %d go into a record", count, MST_LOSS_RANGES_MAX);
  msgpack_pack_array(&pack, count);
  for (uint32_t i = 0; err == MST_OK && i < count; i++) {
    err = check_range(&ranges[i], ctx);
    msgpack_pack_array(&pack, RANGE_ELEMENTS);
    mst_pack_bin(&pack, ranges[i].session.bytes, sizeof ranges[i].session.bytes);
    msgpack_pack_uint64(&pack, ranges[i].first);
    msgpack_pack_uint64(&pack, ranges[i].last);
    msgpack_pack_uint64(&pack, ranges[i].samples);
  }
  return mst_pack_finish(ret_body, start, err, "loss", ctx);
}

static mst_err
read_range(mst_cursor *cursor, mst_loss_range *range, mst_errctx *ctx)
{
  uint32_t elements;
  mst_bytes session;

  mst_err err = mst_cursor_array(cursor, "loss range", RANGE_ELEMENTS, RANGE_ELEMENTS, &elements, ctx);
  if (err == MST_OK)
    err = mst_cursor_bin(cursor, "loss.session", MST_SESSION_BYTES, MST_SESSION_BYTES, &session, ctx);
  if (err == MST_OK)
    err = mst_cursor_uint(cursor, "loss.first", INT64_MAX, &range->first, ctx);
  if (err == MST_OK)
    err = mst_cursor_uint(cursor, "loss.last", INT64_MAX, &range->last, ctx);
  if (err == MST_OK)
    err = mst_cursor_uint(cursor, "loss.samples", INT64_MAX, &range->samples, ctx);
  if (err == MST_OK)
    err = check_range(range, ctx);
  if (err == MST_OK)
    memcpy(range->session.bytes, session.data, sizeof range->session.bytes);
  return err;
}

mst_err
mst_loss_decode(mst_bytes body, mst_loss_range ret_ranges[static MST_LOSS_RANGES_MAX], uint32_t *ret_count, mst_errctx *ctx)
{
  mst_loss_range range;
  mst_cursor cursor, first;
  uint32_t count = 0;

  mst_cursor_init(&cursor, body.data, body.size_bytes);
  mst_err err = mst_cursor_array(&cursor, "loss", 1, MST_LOSS_RANGES_MAX, &count, ctx);
  first = cursor;
  for (uint32_t i = 0; err == MST_OK && i < count; i++)
    err = read_range(&cursor, &range, ctx);
  if (err == MST_OK)
    err = mst_cursor_end(&cursor, "loss", ctx);
  /* All is well: once more, now into the caller's array, which stays as it was on failure. */
  for (uint32_t i = 0; err == MST_OK && i < count; i++)
    err = read_range(&first, &ret_ranges[i], ctx);
  if (err == MST_OK)
    *ret_count = count;
  return err;
}
