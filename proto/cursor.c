/* A bounded reader over msgpack bytes. Source: github.com/msgpack/msgpack/blob/master/spec.md */
#include <mst/proto/cursor.h>

#include <endian.h>
#include <math.h>
#include <string.h>

#include "text.h"

enum {
  SKIP_MAX_DEPTH = 16,
  SKIP_MAX_VALUES = 65536,
  NIL = 0xC0,
  FALSE = 0xC2,
  TRUE = 0xC3,
  BIN8 = 0xC4,
  EXT8 = 0xC7,
  FLOAT32 = 0xCA,
  FLOAT64 = 0xCB,
  UINT8 = 0xCC,
  UINT64 = 0xCF,
  INT8 = 0xD0,
  INT64 = 0xD3,
  FIXEXT1 = 0xD4,
  FIXEXT16 = 0xD8,
  STR8 = 0xD9,
  ARRAY16 = 0xDC,
  MAP16 = 0xDE,
  NEGATIVE = 0xE0,
};

/* The beginning of a value: how long it is, and the count or length that it states. */
struct head {
  size_t bytes; /* 0: a value of another type */
  uint32_t count;
};

static size_t
left(const mst_cursor *cursor)
{
  return (size_t)(cursor->end - cursor->at);
}

/* size_bytes (1, 2, 4, 8) big-endian bytes. */
static inline uint64_t
load(const uint8_t *at, size_t size_bytes)
{
  uint16_t two;
  uint32_t four;
  uint64_t eight;

  switch (size_bytes) {
  case 1:
    return at[0];
  case 2:
    memcpy(&two, at, 2);
    return be16toh(two);
  case 4:
    memcpy(&four, at, 4);
    return be32toh(four);
  default:
    memcpy(&eight, at, 8);
    return be64toh(eight);
  }
}

__attribute__((cold, noinline)) static mst_err
fail_type(const mst_cursor *cursor, const char *what, const char *wanted, mst_errctx *ctx)
{
  if (cursor->at == cursor->end)
    return mst_fail(ctx, MST_EMALFORMED, "%s: ends at byte %zu, where %s must stand", what, mst_cursor_offset(cursor), wanted);
  return mst_fail(ctx, MST_EMALFORMED, "%s: byte %zu is 0x%02x, where %s must begin", what, mst_cursor_offset(cursor), *cursor->at, wanted);
}

__attribute__((cold, noinline)) static mst_err
fail_truncated(const mst_cursor *cursor, const char *what, mst_errctx *ctx)
{
  return mst_fail(ctx, MST_EMALFORMED, "%s: the value at byte %zu is longer than the %zu bytes that are left", what,
                  mst_cursor_offset(cursor), left(cursor));
}

__attribute__((cold, noinline)) static mst_err
fail_count(const mst_cursor *cursor, const char *what, uint64_t count, uint64_t least, uint64_t most, mst_errctx *ctx)
{
  /* A struct of the wire has one size: another one is a wrong message, not a big one. */
  mst_err code = count > most && least != most ? MST_ELIMIT : MST_EMALFORMED;
  return mst_fail(ctx, code, "%s: has %llu at byte %zu; allowed are %llu to %llu", what, (unsigned long long)count,
                  mst_cursor_offset(cursor), (unsigned long long)least, (unsigned long long)most);
}

void
mst_cursor_init(mst_cursor *cursor, const void *data, size_t size_bytes)
{
  static const uint8_t nothing[1];

  cursor->start = cursor->at = data ? data : nothing;
  cursor->end = cursor->start + (data ? size_bytes : 0);
}

/* Reads the head of an array, map, str or bin: fixed forms have the lead bits `fix` above fix_mask, the longer ones stand from `first`,
 * which has a count of first_bytes, each next one twice as many. The caller has seen that one byte is there. */
static inline mst_err
read_head(const mst_cursor *cursor, const char *what, uint8_t fix, uint8_t fix_mask, uint8_t first, size_t first_bytes,
          struct head *ret_head, mst_errctx *ctx)
{
  uint8_t lead = *cursor->at;

  if (fix_mask && (lead & (uint8_t)~fix_mask) == fix) {
    *ret_head = (struct head){1, lead & fix_mask};
    return MST_OK;
  }
  size_t bytes = lead >= first ? first_bytes << (lead - first) : 8;
  if (bytes > 4) {
    *ret_head = (struct head){0, 0};
    return MST_OK;
  }
  if (left(cursor) < 1 + bytes)
    return fail_truncated(cursor, what, ctx);
  *ret_head = (struct head){1 + bytes, (uint32_t)load(cursor->at + 1, bytes)};
  return MST_OK;
}

mst_err
mst_cursor_array(mst_cursor *cursor, const char *what, uint32_t least, uint32_t most, uint32_t *ret_count, mst_errctx *ctx)
{
  struct head head = {0, 0};

  mst_err err = left(cursor) > 0 ? read_head(cursor, what, 0x90, 0x0F, ARRAY16, 2, &head, ctx) : MST_OK;
  if (err != MST_OK)
    return err;
  if (head.bytes == 0)
    return fail_type(cursor, what, "an array", ctx);
  if (head.count < least || head.count > most)
    return fail_count(cursor, what, head.count, least, most, ctx);
  if (head.count > left(cursor) - head.bytes) /* each element takes at least one byte */
    return fail_truncated(cursor, what, ctx);
  cursor->at += head.bytes;
  *ret_count = head.count;
  return MST_OK;
}

mst_err
mst_cursor_map(mst_cursor *cursor, const char *what, uint32_t most, uint32_t *ret_count, mst_errctx *ctx)
{
  struct head head = {0, 0};

  mst_err err = left(cursor) > 0 ? read_head(cursor, what, 0x80, 0x0F, MAP16, 2, &head, ctx) : MST_OK;
  if (err != MST_OK)
    return err;
  if (head.bytes == 0)
    return fail_type(cursor, what, "a map", ctx);
  if (head.count > most)
    return fail_count(cursor, what, head.count, 0, most, ctx);
  if (head.count > (left(cursor) - head.bytes) / 2)
    return fail_truncated(cursor, what, ctx);
  cursor->at += head.bytes;
  *ret_count = head.count;
  return MST_OK;
}

/* An integer as its 64 bits; *ret_bytes 0 when another type stands there. */
static inline mst_err
read_integer(const mst_cursor *cursor, const char *what, uint64_t *ret_value, bool *ret_negative, size_t *ret_bytes, mst_errctx *ctx)
{
  if (left(cursor) == 0) {
    *ret_bytes = 0;
    return MST_OK;
  }
  uint8_t lead = *cursor->at;
  if (lead < 0x80 || lead >= NEGATIVE) {
    *ret_value = (uint64_t)(int64_t)(int8_t)lead;
    *ret_negative = lead >= NEGATIVE;
    *ret_bytes = 1;
    return MST_OK;
  }
  if (lead < UINT8 || lead > INT64) {
    *ret_bytes = 0;
    return MST_OK;
  }
  size_t bytes = (size_t)1 << (lead & 3); /* 0xCC and 0xD0 are both multiples of 4 */
  if (left(cursor) < 1 + bytes)
    return fail_truncated(cursor, what, ctx);
  uint64_t value = load(cursor->at + 1, bytes);
  *ret_negative = false;
  if (lead >= INT8) {
    unsigned shift = 64 - 8 * (unsigned)bytes;
    int64_t extended = (int64_t)(value << shift) >> shift;
    value = (uint64_t)extended;
    *ret_negative = extended < 0;
  }
  *ret_value = value;
  *ret_bytes = 1 + bytes;
  return MST_OK;
}

mst_err
mst_cursor_uint(mst_cursor *cursor, const char *what, uint64_t most, uint64_t *ret_value, mst_errctx *ctx)
{
  uint64_t value = 0;
  bool negative = false;
  size_t bytes = 0;

  mst_err err = read_integer(cursor, what, &value, &negative, &bytes, ctx);
  if (err != MST_OK)
    return err;
  if (bytes == 0 || negative)
    return fail_type(cursor, what, "an integer of 0 or more", ctx);
  if (value > most)
    return mst_fail(ctx, MST_ELIMIT, "%s: is %llu at byte %zu, at most %llu is allowed", what, (unsigned long long)value,
                    mst_cursor_offset(cursor), (unsigned long long)most);
  cursor->at += bytes;
  *ret_value = value;
  return MST_OK;
}

mst_err
mst_cursor_int(mst_cursor *cursor, const char *what, int64_t *ret_value, mst_errctx *ctx)
{
  uint64_t value = 0;
  bool negative = false;
  size_t bytes = 0;

  mst_err err = read_integer(cursor, what, &value, &negative, &bytes, ctx);
  if (err != MST_OK)
    return err;
  if (bytes == 0)
    return fail_type(cursor, what, "an integer", ctx);
  if (!negative && value > INT64_MAX)
    return mst_fail(ctx, MST_ELIMIT, "%s: is %llu at byte %zu, at most 2^63 - 1 is allowed", what, (unsigned long long)value,
                    mst_cursor_offset(cursor));
  cursor->at += bytes;
  *ret_value = (int64_t)value;
  return MST_OK;
}

mst_err
mst_cursor_number(mst_cursor *cursor, const char *what, double *ret_value, mst_errctx *ctx)
{
  uint64_t bits = 0;
  bool negative = false;
  size_t bytes = 0;
  double value;

  mst_err err = read_integer(cursor, what, &bits, &negative, &bytes, ctx);
  if (err != MST_OK)
    return err;
  if (bytes > 0) {
    value = negative ? (double)(int64_t)bits : (double)bits;
  } else {
    uint8_t lead = left(cursor) > 0 ? *cursor->at : NIL;
    if (lead != FLOAT32 && lead != FLOAT64)
      return fail_type(cursor, what, "a number", ctx);
    bytes = lead == FLOAT32 ? 5 : 9;
    if (left(cursor) < bytes)
      return fail_truncated(cursor, what, ctx);
    bits = load(cursor->at + 1, bytes - 1);
    if (lead == FLOAT32) {
      uint32_t half = (uint32_t)bits;
      float single;
      memcpy(&single, &half, sizeof single);
      value = (double)single;
    } else {
      memcpy(&value, &bits, sizeof value);
    }
    if (!isfinite(value))
      return mst_fail(ctx, MST_EMALFORMED, "%s: is not a finite number at byte %zu", what, mst_cursor_offset(cursor));
  }
  cursor->at += bytes;
  *ret_value = value;
  return MST_OK;
}

mst_err
mst_cursor_bool(mst_cursor *cursor, const char *what, bool *ret_value, mst_errctx *ctx)
{
  if (left(cursor) == 0 || (*cursor->at != TRUE && *cursor->at != FALSE))
    return fail_type(cursor, what, "true or false", ctx);
  *ret_value = *cursor->at++ == TRUE;
  return MST_OK;
}

mst_err
mst_cursor_bin(mst_cursor *cursor, const char *what, size_t least, size_t most, mst_bytes *ret_bytes, mst_errctx *ctx)
{
  struct head head = {0, 0};

  mst_err err = left(cursor) > 0 ? read_head(cursor, what, 0, 0, BIN8, 1, &head, ctx) : MST_OK;
  if (err != MST_OK)
    return err;
  if (head.bytes == 0)
    return fail_type(cursor, what, "a bin", ctx);
  if (head.count < least || head.count > most)
    return fail_count(cursor, what, head.count, least, most, ctx);
  if (head.count > left(cursor) - head.bytes)
    return fail_truncated(cursor, what, ctx);
  *ret_bytes = (mst_bytes){cursor->at + head.bytes, head.count};
  cursor->at += head.bytes + head.count;
  return MST_OK;
}

mst_err
mst_cursor_text(mst_cursor *cursor, const char *what, size_t most, mst_text *ret_text, mst_errctx *ctx)
{
  struct head head = {0, 0};

  mst_err err = left(cursor) > 0 ? read_head(cursor, what, 0xA0, 0x1F, STR8, 1, &head, ctx) : MST_OK;
  if (err != MST_OK)
    return err;
  if (head.bytes == 0)
    return fail_type(cursor, what, "a str", ctx);
  if (head.count > most)
    return fail_count(cursor, what, head.count, 0, most, ctx);
  if (head.count > left(cursor) - head.bytes)
    return fail_truncated(cursor, what, ctx);
  const char *data = (const char *)cursor->at + head.bytes;
  if (!mst_text_valid(data, head.count))
    return mst_fail(ctx, MST_EMALFORMED, "%s: the str at byte %zu is not valid UTF-8, or holds a NUL", what, mst_cursor_offset(cursor));
  *ret_text = (mst_text){data, head.count};
  cursor->at += head.bytes + head.count;
  return MST_OK;
}

bool
mst_cursor_nil(mst_cursor *cursor)
{
  if (left(cursor) == 0 || *cursor->at != NIL)
    return false;
  cursor->at++;
  return true;
}

/* Steps over one value without what it holds; *ret_values is how many values stand inside. */
static mst_err
skip_one(mst_cursor *cursor, const char *what, uint64_t *ret_values, mst_errctx *ctx)
{
  if (left(cursor) == 0)
    return fail_type(cursor, what, "a value", ctx);
  uint8_t lead = *cursor->at;
  uint64_t bytes = 1, values = 0;
  size_t width = 0; /* of a length after the lead byte */

  if ((lead & 0xF0) == 0x90)
    values = lead & 0x0F;
  else if ((lead & 0xF0) == 0x80)
    values = 2 * (uint64_t)(lead & 0x0F);
  else if ((lead & 0xE0) == 0xA0)
    bytes = 1 + (uint64_t)(lead & 0x1F);
  else if (lead >= BIN8 && lead < EXT8)
    width = (size_t)1 << (lead - BIN8);
  else if (lead >= EXT8 && lead < FLOAT32)
    width = (size_t)1 << (lead - EXT8);
  else if (lead == FLOAT32 || lead == FLOAT64)
    bytes = lead == FLOAT32 ? 5 : 9;
  else if (lead >= UINT8 && lead <= INT64)
    bytes = 1 + ((uint64_t)1 << (lead & 3));
  else if (lead >= FIXEXT1 && lead <= FIXEXT16)
    bytes = 2 + ((uint64_t)1 << (lead - FIXEXT1));
  else if (lead >= STR8 && lead < ARRAY16)
    width = (size_t)1 << (lead - STR8);
  else if (lead >= ARRAY16 && lead < NEGATIVE)
    width = lead % 2 == 0 ? 2 : 4;
  else if (lead == 0xC1)
    return fail_type(cursor, what, "a value", ctx);
  if (width > 0) {
    if (left(cursor) < 1 + width)
      return fail_truncated(cursor, what, ctx);
    uint64_t length = load(cursor->at + 1, width);
    bytes = 1 + width;
    if (lead >= MAP16)
      values = 2 * length;
    else if (lead >= ARRAY16)
      values = length;
    else
      bytes += length + (lead >= EXT8 && lead < FLOAT32 ? 1 : 0);
  }
  if (bytes > left(cursor) || values > left(cursor) - bytes)
    return fail_truncated(cursor, what, ctx);
  cursor->at += bytes;
  *ret_values = values;
  return MST_OK;
}

mst_err
mst_cursor_skip(mst_cursor *cursor, const char *what, mst_errctx *ctx)
{
  uint64_t open[SKIP_MAX_DEPTH + 1]; /* values still to come at each depth */
  size_t depth = 0, seen = 0;
  mst_cursor ahead = *cursor;

  open[0] = 1;
  for (;;) {
    while (open[depth] == 0) {
      if (depth-- == 0) {
        cursor->at = ahead.at;
        return MST_OK;
      }
    }
    open[depth]--;
    if (++seen > SKIP_MAX_VALUES)
      return mst_fail(ctx, MST_ELIMIT, "%s: over %d values", what, SKIP_MAX_VALUES);
    uint64_t values = 0;
    mst_err err = skip_one(&ahead, what, &values, ctx);
    if (err != MST_OK)
      return err;
    if (values == 0)
      continue;
    if (depth == SKIP_MAX_DEPTH)
      return mst_fail(ctx, MST_ELIMIT, "%s: nested over %d deep at byte %zu", what, SKIP_MAX_DEPTH, mst_cursor_offset(&ahead));
    open[++depth] = values;
  }
}

mst_err
mst_cursor_end(const mst_cursor *cursor, const char *what, mst_errctx *ctx)
{
  if (cursor->at == cursor->end)
    return MST_OK;
  return mst_fail(ctx, MST_EMALFORMED, "%s: %zu bytes too many after byte %zu", what, left(cursor), mst_cursor_offset(cursor));
}

bool
mst_text_equal(mst_text text, const char *other)
{
  size_t bytes = strlen(other);

  return text.size_bytes == bytes && (bytes == 0 || memcmp(text.data, other, bytes) == 0);
}
