/* Exponential histograms on the wire. Layout: docs/wire-format.md. */
#include "histogram_wire.h"

#include <math.h>
#include <string.h>

#include <mst/common/alloc.h>

#include "pack.h"

enum { HISTOGRAM_ELEMENTS = 10, SUM_BYTES = 16, SUM_MAX_BITS = 80 };

/* A histogram whose counts need no heap. */
struct flat {
  mst_hist hist;
  uint64_t positive[MST_HIST_MAX_BUCKETS], negative[MST_HIST_MAX_BUCKETS];
};

static void
pack_side(msgpack_packer *pack, const mst_hist_side *side)
{
  msgpack_pack_int32(pack, side->length > 0 ? side->offset : 0);
  msgpack_pack_array(pack, side->length);
  for (uint32_t i = 0; i < side->length; i++)
    msgpack_pack_uint64(pack, side->counts[i]);
}

static void
pack_sum(msgpack_packer *pack, mst_fixed sum)
{
  unsigned __int128 bits = (unsigned __int128)sum;
  uint8_t bytes[SUM_BYTES];

  for (size_t i = SUM_BYTES; i-- > 0; bits >>= 8)
    bytes[i] = (uint8_t)bits;
  mst_pack_bin(pack, bytes, sizeof bytes);
}

/* What mst_hist_valid does not look at: a sum that the samples can have, and that some 2^17 merges of such ones cannot make overflow. */
static mst_err
check_histogram(const mst_hist *hist, mst_errctx *ctx)
{
  const mst_fixed most = MST_FIXED_ONE << SUM_MAX_BITS;
  const double slack = 0x1p-30; /* each value was rounded by half a step of 2^-30 at most */

  if (!mst_hist_valid(hist))
    return mst_fail(ctx, MST_EMALFORMED, "histogram: its lengths, scale, counts and extremes do not agree");
  if (hist->sum > most || hist->sum < -most)
    return mst_fail(ctx, MST_ELIMIT, "histogram.sum: is over 2^%d", SUM_MAX_BITS);
  double mean = mst_fixed_mean(hist->sum, hist->count);
  if (hist->count > 0 && !(mean >= hist->min - slack - fabs(hist->min) * 1e-12 && mean <= hist->max + slack + fabs(hist->max) * 1e-12))
    return mst_fail(ctx, MST_EMALFORMED, "histogram.sum: the mean %g is not between min %g and max %g", mean, hist->min, hist->max);
  return MST_OK;
}

mst_err
mst_histogram_encode(const mst_hist *hist, mst_buf *ret_bytes, mst_errctx *ctx)
{
  size_t start = ret_bytes->size_bytes;
  msgpack_packer pack = mst_pack_onto(ret_bytes);

  mst_err err = check_histogram(hist, ctx);
  if (err != MST_OK)
    return err;
  msgpack_pack_array(&pack, HISTOGRAM_ELEMENTS);
  msgpack_pack_int32(&pack, hist->scale);
  msgpack_pack_uint64(&pack, hist->count);
  msgpack_pack_uint64(&pack, hist->zero_count);
  pack_sum(&pack, hist->sum);
  if (hist->count == 0) {
    msgpack_pack_nil(&pack);
    msgpack_pack_nil(&pack);
  } else {
    mst_pack_number(&pack, hist->min);
    mst_pack_number(&pack, hist->max);
  }
  pack_side(&pack, &hist->positive);
  pack_side(&pack, &hist->negative);
  return mst_pack_finish(ret_bytes, start, MST_OK, "histogram", ctx);
}

static mst_err
read_int32(mst_cursor *cursor, const char *what, int32_t *ret_value, mst_errctx *ctx)
{
  int64_t value;

  mst_err err = mst_cursor_int(cursor, what, &value, ctx);
  if (err != MST_OK)
    return err;
  if (value < INT32_MIN || value > INT32_MAX)
    return mst_fail(ctx, MST_EMALFORMED, "%s: %lld is out of range", what, (long long)value);
  *ret_value = (int32_t)value;
  return MST_OK;
}

static mst_err
read_side(mst_cursor *cursor, const char *what, mst_hist_side *side, uint64_t counts[static MST_HIST_MAX_BUCKETS], mst_errctx *ctx)
{
  mst_err err = read_int32(cursor, what, &side->offset, ctx);
  if (err == MST_OK)
    err = mst_cursor_array(cursor, what, 0, MST_HIST_MAX_BUCKETS, &side->length, ctx);
  for (uint32_t i = 0; err == MST_OK && i < side->length; i++)
    err = mst_cursor_uint(cursor, what, INT64_MAX, &counts[i], ctx);
  if (err == MST_OK && side->length == 0 && side->offset != 0)
    err = mst_fail(ctx, MST_EMALFORMED, "%s: has an offset but no counts", what);
  side->counts = err == MST_OK && side->length > 0 ? counts : NULL;
  return err;
}

static mst_err
read_sum(mst_cursor *cursor, mst_fixed *ret_sum, mst_errctx *ctx)
{
  unsigned __int128 bits = 0;
  mst_bytes bytes;

  mst_err err = mst_cursor_bin(cursor, "histogram.sum", SUM_BYTES, SUM_BYTES, &bytes, ctx);
  if (err != MST_OK)
    return err;
  for (size_t i = 0; i < SUM_BYTES; i++)
    bits = bits << 8 | bytes.data[i];
  *ret_sum = (mst_fixed)bits;
  return MST_OK;
}

static mst_err
read_extremes(mst_cursor *cursor, mst_hist *hist, mst_errctx *ctx)
{
  if (hist->count > 0) {
    mst_err err = mst_cursor_number(cursor, "histogram.min", &hist->min, ctx);
    return err != MST_OK ? err : mst_cursor_number(cursor, "histogram.max", &hist->max, ctx);
  }
  bool min_absent = mst_cursor_nil(cursor), max_absent = mst_cursor_nil(cursor);
  if (!min_absent || !max_absent)
    return mst_fail(ctx, MST_EMALFORMED, "histogram.min, max: must be nil when nothing was counted");
  return MST_OK;
}

static mst_err
read_flat(mst_bytes bytes, struct flat *flat, mst_errctx *ctx)
{
  mst_hist *hist = &flat->hist;
  mst_cursor cursor;
  uint32_t elements;

  *hist = (mst_hist){0};
  if (bytes.size_bytes > MST_HISTOGRAM_MAX_BYTES)
    return mst_fail(ctx, MST_ELIMIT, "histogram: %zu bytes long, at most %d are allowed", bytes.size_bytes, MST_HISTOGRAM_MAX_BYTES);
  mst_cursor_init(&cursor, bytes.data, bytes.size_bytes);
  mst_err err = mst_cursor_array(&cursor, "histogram", HISTOGRAM_ELEMENTS, HISTOGRAM_ELEMENTS, &elements, ctx);
  if (err == MST_OK)
    err = read_int32(&cursor, "histogram.scale", &hist->scale, ctx);
  if (err == MST_OK)
    err = mst_cursor_uint(&cursor, "histogram.count", INT64_MAX, &hist->count, ctx);
  if (err == MST_OK)
    err = mst_cursor_uint(&cursor, "histogram.zero_count", INT64_MAX, &hist->zero_count, ctx);
  if (err == MST_OK)
    err = read_sum(&cursor, &hist->sum, ctx);
  if (err == MST_OK)
    err = read_extremes(&cursor, hist, ctx);
  if (err == MST_OK)
    err = read_side(&cursor, "histogram.positive", &hist->positive, flat->positive, ctx);
  if (err == MST_OK)
    err = read_side(&cursor, "histogram.negative", &hist->negative, flat->negative, ctx);
  if (err == MST_OK)
    err = mst_cursor_end(&cursor, "histogram", ctx);
  return err == MST_OK ? check_histogram(hist, ctx) : err;
}

mst_err
mst_histogram_check(mst_bytes bytes, mst_errctx *ctx)
{
  struct flat flat;

  return read_flat(bytes, &flat, ctx);
}

mst_err
mst_histogram_decode(mst_bytes bytes, mst_hist *ret_hist, mst_errctx *ctx)
{
  struct flat flat;

  mst_err err = read_flat(bytes, &flat, ctx);
  return err == MST_OK ? mst_hist_copy(&flat.hist, ret_hist, ctx) : err;
}
