/* A growing byte buffer with a stated maximum. */
#include <mst/common/buf.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <mst/common/alloc.h>

enum { FIRST_BYTES = 64 };

/* Whatever maximum a caller states: doubling up to here cannot overflow. */
static const size_t MOST_BYTES = SIZE_MAX / 4;

void
mst_buf_init(mst_buf *buf, size_t max_bytes)
{
  *buf = (mst_buf){.max_bytes = max_bytes};
}

void
mst_buf_done(mst_buf *buf)
{
  mst_free(buf->data);
  *buf = (mst_buf){.max_bytes = buf->max_bytes};
}

void
mst_buf_reset(mst_buf *buf)
{
  buf->size_bytes = 0;
  buf->failed = MST_OK;
  if (buf->data)
    buf->data[0] = '\0';
}

/* Room for `more` bytes and the NUL behind them. */
static bool
reserve(mst_buf *buf, size_t more)
{
  if (buf->failed != MST_OK)
    return false;
  size_t most = buf->max_bytes < MOST_BYTES ? buf->max_bytes : MOST_BYTES;
  if (more > most || buf->size_bytes > most - more) {
    buf->failed = MST_ELIMIT;
    return false;
  }
  size_t need = buf->size_bytes + more + 1;
  if (need <= buf->capacity_bytes)
    return true;
  size_t capacity = buf->capacity_bytes ? buf->capacity_bytes : FIRST_BYTES;
  while (capacity < need)
    capacity *= 2;
  if (capacity > most + 1)
    capacity = most + 1;
  uint8_t *data = mst_realloc(buf->data, capacity, 1);
  if (!data) {
    buf->failed = MST_ENOMEM;
    return false;
  }
  buf->data = data;
  buf->capacity_bytes = capacity;
  return true;
}

void *
mst_buf_extend(mst_buf *buf, size_t size_bytes)
{
  if (!reserve(buf, size_bytes))
    return NULL;
  uint8_t *start = buf->data + buf->size_bytes;
  buf->size_bytes += size_bytes;
  buf->data[buf->size_bytes] = '\0';
  return start;
}

void
mst_buf_append(mst_buf *buf, const void *data, size_t size_bytes)
{
  void *to = mst_buf_extend(buf, size_bytes);

  if (to && size_bytes > 0)
    memcpy(to, data, size_bytes);
}

void
mst_buf_puts(mst_buf *buf, const char *text)
{
  mst_buf_append(buf, text, strlen(text));
}

void
mst_buf_printf(mst_buf *buf, const char *fmt, ...)
{
  va_list arguments, again;

  va_start(arguments, fmt);
  va_copy(again, arguments);
  int bytes = vsnprintf(NULL, 0, fmt, arguments);
  if (bytes < 0 && buf->failed == MST_OK)
    buf->failed = MST_ELIMIT; /* longer than INT_MAX: the only way in which these formats fail */
  if (bytes >= 0 && reserve(buf, (size_t)bytes)) {
    vsnprintf((char *)buf->data + buf->size_bytes, (size_t)bytes + 1, fmt, again);
    buf->size_bytes += (size_t)bytes;
  }
  va_end(again);
  va_end(arguments);
}

const char *
mst_buf_text(const mst_buf *buf)
{
  return buf->data ? (const char *)buf->data : "";
}

mst_err
mst_buf_check(const mst_buf *buf, const char *what, mst_errctx *ctx)
{
  if (buf->failed == MST_ELIMIT)
    return mst_fail(ctx, MST_ELIMIT, "%s: over the limit of %zu bytes", what, buf->max_bytes);
  if (buf->failed != MST_OK)
    return mst_fail(ctx, buf->failed, "%s: %s", what, mst_err_text(buf->failed));
  return MST_OK;
}

uint8_t *
mst_buf_take(mst_buf *buf, size_t *ret_size_bytes)
{
  uint8_t *data = buf->size_bytes > 0 ? buf->data : NULL;

  if (!data)
    mst_free(buf->data);
  *ret_size_bytes = data ? buf->size_bytes : 0;
  *buf = (mst_buf){.max_bytes = buf->max_bytes};
  return data;
}
