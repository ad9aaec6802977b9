#ifndef MST_PROTO_CURSOR_H
#define MST_PROTO_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mst/common/err.h>

/* A bounded reader over msgpack bytes that builds no tree and allocates nothing: every length is checked against what is left before
 * it is used. Not thread-safe; the bytes are borrowed and everything that is read points into them.
 * Source: github.com/msgpack/msgpack/blob/master/spec.md */
typedef struct mst_cursor {
  const uint8_t *at, *end, *start;
} mst_cursor;

typedef struct mst_bytes {
  const uint8_t *data; /* borrowed */
  size_t size_bytes;
} mst_bytes;

/* Text in a message: valid UTF-8 without NUL, borrowed, not terminated. */
typedef struct mst_text {
  const char *data;
  size_t size_bytes;
} mst_text;

void mst_cursor_init(mst_cursor *cursor, const void *data, size_t size_bytes);
/* All fail with MST_EMALFORMED (wrong type, truncated; the text gives the offset and `what`) or MST_ELIMIT, and leave the cursor where it
 * was. */
mst_err mst_cursor_array(mst_cursor *cursor, const char *what, uint32_t least, uint32_t most, uint32_t *ret_count,
                         mst_errctx *ctx) MST_MUST_USE;
mst_err mst_cursor_map(mst_cursor *cursor, const char *what, uint32_t most, uint32_t *ret_count, mst_errctx *ctx) MST_MUST_USE;
mst_err mst_cursor_uint(mst_cursor *cursor, const char *what, uint64_t most, uint64_t *ret_value, mst_errctx *ctx) MST_MUST_USE;
mst_err mst_cursor_int(mst_cursor *cursor, const char *what, int64_t *ret_value, mst_errctx *ctx) MST_MUST_USE;
/* Any msgpack number as a finite double. */
mst_err mst_cursor_number(mst_cursor *cursor, const char *what, double *ret_value, mst_errctx *ctx) MST_MUST_USE;
mst_err mst_cursor_bool(mst_cursor *cursor, const char *what, bool *ret_value, mst_errctx *ctx) MST_MUST_USE;
mst_err mst_cursor_bin(mst_cursor *cursor, const char *what, size_t least, size_t most, mst_bytes *ret_bytes, mst_errctx *ctx) MST_MUST_USE;
mst_err mst_cursor_text(mst_cursor *cursor, const char *what, size_t most, mst_text *ret_text, mst_errctx *ctx) MST_MUST_USE;
/* True and steps over it when nil comes next. */
bool mst_cursor_nil(mst_cursor *cursor);
/* Steps over one value of any type, to a depth of 16 and at most 65536 values. */
mst_err mst_cursor_skip(mst_cursor *cursor, const char *what, mst_errctx *ctx) MST_MUST_USE;
/* MST_EMALFORMED unless every byte was read. */
mst_err mst_cursor_end(const mst_cursor *cursor, const char *what, mst_errctx *ctx) MST_MUST_USE;
static inline size_t
mst_cursor_offset(const mst_cursor *cursor)
{
  return (size_t)(cursor->at - cursor->start);
}

bool mst_text_equal(mst_text text, const char *other);

#endif
