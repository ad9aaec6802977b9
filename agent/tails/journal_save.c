/* The position in a journal as bytes: a version, the path's fingerprint, flags, the cursor, the streams, and a fingerprint of all that.
 * Numbers are single bytes. */
#include <string.h>

#include <mst/common/digest.h>

#include "journal_state.h"

enum { VERSION = 0x4a /* other than a follower's: a tail may change from files to a journal */ };
_Static_assert(MST_JOURNAL_STREAMS_MAX <= UINT8_MAX && MST_FOLLOW_USER_BYTES <= UINT8_MAX && MST_JOURNAL_CURSOR_BYTES <= UINT8_MAX + 1,
               "counts fit into a byte");

static void
print_of_bytes(const void *data, size_t size_bytes, uint8_t ret_print[static MST_JOURNAL_PRINT_BYTES])
{
  mst_digest digest = mst_digest_of("muster/journal-print", data, size_bytes);

  memcpy(ret_print, digest.bytes, MST_JOURNAL_PRINT_BYTES);
}

void
mst_journal_print_of(const char *text, uint8_t ret_print[static MST_JOURNAL_PRINT_BYTES])
{
  print_of_bytes(text, strlen(text), ret_print);
}

static void
put(mst_buf *to, size_t value)
{
  const uint8_t byte = (uint8_t)value;

  mst_buf_append(to, &byte, 1);
}

static size_t
user_bytes(const mst_journal_stream *stream)
{
  size_t bytes = MST_FOLLOW_USER_BYTES;

  while (bytes > 0 && stream->user[bytes - 1] == 0)
    bytes--;
  return bytes;
}

/* The one that was silent longest first, so that their order survives. */
static void
put_streams(mst_buf *to, const mst_journal_position *position)
{
  size_t count = 0;
  uint64_t last = 0;

  for (size_t i = 0; i < MST_JOURNAL_STREAMS_MAX; i++)
    count += position->streams[i].used > 0;
  put(to, count);
  for (size_t n = 0; n < count; n++) {
    const mst_journal_stream *next = NULL;
    for (size_t i = 0; i < MST_JOURNAL_STREAMS_MAX; i++) {
      const mst_journal_stream *one = &position->streams[i];
      if (one->used > last && (!next || one->used < next->used))
        next = one;
    }
    last = next->used;
    mst_buf_append(to, next->print, sizeof next->print);
    put(to, user_bytes(next));
    mst_buf_append(to, next->user, user_bytes(next));
  }
}

mst_err
mst_journal_position_save(const mst_journal_position *position, const char *path, mst_buf *ret_saved, mst_errctx *ctx)
{
  const size_t start = ret_saved->size_bytes, cursor = strlen(position->cursor);
  uint8_t print[MST_JOURNAL_PRINT_BYTES];

  put(ret_saved, VERSION);
  mst_journal_print_of(path ? path : "", print);
  mst_buf_append(ret_saved, print, sizeof print);
  put(ret_saved, position->has_begun);
  put(ret_saved, cursor);
  mst_buf_append(ret_saved, position->cursor, cursor);
  mst_buf_append(ret_saved, position->machine, sizeof position->machine);
  put_streams(ret_saved, position);
  mst_err err = mst_buf_check(ret_saved, "the position in a journal", ctx);
  if (err != MST_OK)
    return err;
  print_of_bytes(ret_saved->data + start, ret_saved->size_bytes - start, print);
  mst_buf_append(ret_saved, print, sizeof print);
  return mst_buf_check(ret_saved, "the position in a journal", ctx);
}

/* ---- reading ---- */

typedef struct reader {
  const uint8_t *at, *end;
  bool is_short;
} reader;

static void
take_bytes(reader *from, void *ret_bytes, size_t count)
{
  if (from->is_short || (size_t)(from->end - from->at) < count) {
    from->is_short = true;
    return;
  }
  memcpy(ret_bytes, from->at, count);
  from->at += count;
}

/* A number over most is as if it were not there. */
static size_t
take(reader *from, size_t most)
{
  uint8_t byte = 0;

  take_bytes(from, &byte, 1);
  from->is_short = from->is_short || byte > most;
  return from->is_short ? 0 : byte;
}

mst_err
mst_journal_position_load(mst_bytes saved, const char *path, mst_journal_position *ret_position, mst_errctx *ctx)
{
  uint8_t print[MST_JOURNAL_PRINT_BYTES], own[MST_JOURNAL_PRINT_BYTES];
  const size_t bytes = saved.size_bytes > sizeof print ? saved.size_bytes - sizeof print : 0;
  reader from = {.at = saved.data, .end = saved.data + bytes};
  mst_journal_position position = {0};

  print_of_bytes(saved.data, bytes, print);
  if (bytes == 0 || memcmp(print, saved.data + bytes, sizeof print) != 0)
    return mst_fail(ctx, MST_EMALFORMED, "position in a journal: %zu bytes that are damaged or no position", saved.size_bytes);
  if (take(&from, UINT8_MAX) != VERSION)
    return mst_fail(ctx, MST_EMALFORMED, "position in a journal: not of version %d", VERSION);
  take_bytes(&from, print, sizeof print);
  position.has_begun = take(&from, 1) != 0;
  take_bytes(&from, position.cursor, take(&from, sizeof position.cursor - 1));
  take_bytes(&from, position.machine, sizeof position.machine);
  for (size_t count = take(&from, MST_JOURNAL_STREAMS_MAX), i = 0; i < count && !from.is_short; i++) {
    mst_journal_stream *stream = &position.streams[i];
    take_bytes(&from, stream->print, sizeof stream->print);
    take_bytes(&from, stream->user, take(&from, sizeof stream->user));
    stream->used = ++position.used;
  }
  if (from.is_short || from.at != from.end)
    return mst_fail(ctx, MST_EMALFORMED, "position in a journal: it has another length");
  mst_journal_print_of(path ? path : "", own);
  if (memcmp(print, own, sizeof own) == 0)
    *ret_position = position;
  return MST_OK;
}
