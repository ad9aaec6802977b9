#ifndef MST_COMMON_BUF_H
#define MST_COMMON_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mst/common/err.h>

/* A growing byte buffer that must state its maximum when it is made. Not thread-safe.
 * A failed append sets `failed` and leaves what was there; later appends do nothing, so a writer may check once at its end
 * with mst_buf_check. */
typedef struct mst_buf {
  uint8_t *data; /* owned; always followed by a NUL byte when not NULL */
  size_t size_bytes;
  size_t capacity_bytes;
  size_t max_bytes;
  mst_err failed; /* MST_OK, MST_ENOMEM or MST_ELIMIT */
} mst_buf;

void mst_buf_init(mst_buf *buf, size_t max_bytes);
void mst_buf_done(mst_buf *buf);
/* Empties it, keeps its memory, clears `failed`. */
void mst_buf_reset(mst_buf *buf);
void mst_buf_append(mst_buf *buf, const void *data, size_t size_bytes);
void mst_buf_puts(mst_buf *buf, const char *text);
void mst_buf_printf(mst_buf *buf, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Grows by size_bytes uninitialised bytes and returns where they start; NULL when failed. */
void *mst_buf_extend(mst_buf *buf, size_t size_bytes);
/* The text so far, "" when empty. Borrowed until the next append. */
const char *mst_buf_text(const mst_buf *buf);
/* `failed` as an error with a text: `what` names what was being written. */
mst_err mst_buf_check(const mst_buf *buf, const char *what, mst_errctx *ctx) MST_MUST_USE;
/* Hands the bytes over to the caller (free with mst_free) and leaves the buffer empty. NULL when empty. */
uint8_t *mst_buf_take(mst_buf *buf, size_t *ret_size_bytes);

#endif
