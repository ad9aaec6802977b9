#ifndef MST_PROTO_PACK_H
#define MST_PROTO_PACK_H

#include <math.h>
#include <msgpack/pack.h>

#include <mst/common/buf.h>
#include <mst/proto/cursor.h>

/* msgpack-c's packer onto an mst_buf. It always takes the shortest form, so that equal values have equal bytes. A buffer that is full says
 * so at the end (mst_pack_finish), so the results of the packer need no look. */
static inline int
mst_pack_write(void *buf, const char *data, size_t size_bytes)
{
  mst_buf_append(buf, data, size_bytes);
  return 0;
}

static inline msgpack_packer
mst_pack_onto(mst_buf *buf)
{
  return (msgpack_packer){.data = buf, .callback = mst_pack_write};
}

static inline void
mst_pack_text(msgpack_packer *pack, mst_text text)
{
  msgpack_pack_str_with_body(pack, text.data, text.size_bytes);
}

static inline void
mst_pack_bin(msgpack_packer *pack, const void *data, size_t size_bytes)
{
  msgpack_pack_bin_with_body(pack, data, size_bytes);
}

/* A finite number. Whole ones go as integers where these are exact: 1 to 9 bytes in place of 9. -0.0 stays what it is. */
static inline void
mst_pack_number(msgpack_packer *pack, double value)
{
  if (fabs(value) < 0x1p53 && value == (double)(int64_t)value && !(value == 0 && signbit(value)))
    msgpack_pack_int64(pack, (int64_t)value);
  else
    msgpack_pack_double(pack, value);
}

/* How an encoder ends: `err` is what it found wrong with its input, otherwise a full buffer or an exhausted memory shows in `buf`. On
 * failure the buffer is cut back to `start` bytes. */
static inline mst_err
mst_pack_finish(mst_buf *buf, size_t start, mst_err err, const char *what, mst_errctx *ctx)
{
  if (err == MST_OK)
    err = mst_buf_check(buf, what, ctx);
  if (err != MST_OK && buf->size_bytes > start) {
    buf->size_bytes = start;
    buf->data[start] = '\0';
  }
  return err;
}

#endif
