/* Bodies that came by gzip: inflated only as far as a body may go. */
#include "exchange.h"

#define ZLIB_CONST /* what is inflated is only read */
#include <zlib.h>

#include <mst/common/alloc.h>

enum { GZIP_WINDOW_BITS = 15 + 16, PART_BYTES = 32 * 1024 };

/* mst_alloc's memory is checked for, so that a test can let it fail. */
static void *
take_memory(void *arg, unsigned count, unsigned size_bytes)
{
  (void)arg;
  return mst_alloc(count, size_bytes);
}

static void
give_memory(void *arg, void *block)
{
  (void)arg;
  mst_free(block);
}

/* One call's worth of output. */
static int
inflate_part(z_stream *stream, uint8_t *part, mst_buf *ret_plain)
{
  stream->next_out = part;
  stream->avail_out = PART_BYTES;
  int status = inflate(stream, Z_NO_FLUSH);
  mst_buf_append(ret_plain, part, PART_BYTES - stream->avail_out);
  return status;
}

mst_err
mst_otlp_inflate(const uint8_t *packed, size_t size_bytes, mst_buf *ret_plain, mst_errctx *ctx)
{
  z_stream stream = {.zalloc = take_memory, .zfree = give_memory};
  uint8_t *part = mst_alloc(1, PART_BYTES);
  mst_err err = MST_OK;

  if (!part || inflateInit2(&stream, GZIP_WINDOW_BITS) != Z_OK) {
    mst_free(part);
    return mst_fail(ctx, MST_ENOMEM, "no memory to inflate the body");
  }
  stream.next_in = packed;
  stream.avail_in = (unsigned)size_bytes;
  for (bool goes_on = true; goes_on && err == MST_OK;) {
    int status = inflate_part(&stream, part, ret_plain);

    if (ret_plain->failed != MST_OK)
      err = mst_fail(ctx, ret_plain->failed, "the body is over %zu bytes once it is inflated", ret_plain->max_bytes);
    else if (status == Z_STREAM_END && stream.avail_in > 0)
      err = inflateReset(&stream) == Z_OK ? MST_OK : mst_fail(ctx, MST_EMALFORMED, "the body's gzip is broken");
    else if (status == Z_STREAM_END)
      goes_on = false;
    else if (status == Z_MEM_ERROR)
      err = mst_fail(ctx, MST_ENOMEM, "no memory to inflate the body");
    else if (status != Z_OK)
      err = mst_fail(ctx, MST_EMALFORMED, "the body's gzip is broken%s", status == Z_BUF_ERROR ? ": it ends early" : "");
  }
  inflateEnd(&stream);
  mst_free(part);
  return err;
}
