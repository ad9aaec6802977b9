/* Positions as bytes: a version, the patterns' fingerprints, families, files. Numbers are little-endian. */
#include <string.h>

#include <mst/common/alloc.h>
#include <mst/common/digest.h>

#include "follow_state.h"

enum {
  VERSION = 1,
  SAVED_MOST_BYTES = 40 * 1024,
  PATH_MOST_BYTES = 4096,

};

static void
put(mst_buf *to, uint64_t value, unsigned bytes)
{
  uint8_t out[8];

  for (unsigned i = 0; i < bytes; i++)
    out[i] = (uint8_t)(value >> (8 * i));
  mst_buf_append(to, out, bytes);
}

static void
print_of(const char *glob, uint8_t ret_print[static MST_PRINT_BYTES])
{
  mst_digest digest = mst_digest_of("muster/log-glob", glob, strlen(glob));

  memcpy(ret_print, digest.bytes, MST_PRINT_BYTES);
}

static bool
has_user(const mst_file *file)
{
  return file->state == MST_FILE_LIVE || file->state == MST_FILE_ROTATED;
}

static void
put_file(mst_buf *to, const mst_file *file)
{
  put(to, file->dev, 8);
  put(to, file->ino, 8);
  put(to, file->family, 4);
  put(to, file->state, 1);
  put(to, file->is_skipping, 1);
  put(to, file->position, 8);
  put(to, file->size, 8);
  put(to, (uint64_t)file->mtime_ns, 8);
  put(to, file->head_bytes, 2);
  put(to, file->tail_bytes, 1);
  mst_buf_append(to, file->head, MST_PRINT_BYTES);
  mst_buf_append(to, file->tail, MST_PRINT_BYTES);
  if (has_user(file))
    mst_buf_append(to, file->user, MST_FOLLOW_USER_BYTES);
}

mst_err
mst_follow_save(mst_follow *follow, mst_buf *ret_saved, mst_errctx *ctx)
{
  const size_t start = ret_saved->size_bytes;

  put(ret_saved, VERSION, 1);
  put(ret_saved, follow->glob_count, 1);
  for (size_t i = 0; i < follow->glob_count; i++) {
    uint8_t print[MST_PRINT_BYTES];
    print_of(follow->globs[i], print);
    mst_buf_append(ret_saved, print, sizeof print);
  }
  put(ret_saved, follow->family_count, 4);
  for (size_t i = 0; i < follow->family_count; i++) {
    const mst_family *family = &follow->families[i];
    put(ret_saved, strlen(family->path), 2);
    mst_buf_puts(ret_saved, family->path);
    put(ret_saved, (uint64_t)family->read_mtime_ns, 8);
  }
  /* What must not be left out first; an old rotated file that is left out is told by its time to have been read. */
  for (int is_rest = 0; is_rest < 2; is_rest++)
    for (size_t i = follow->file_count; i-- > 0;)
      if (has_user(&follow->files[i]) == !is_rest && (!is_rest || ret_saved->size_bytes - start < SAVED_MOST_BYTES))
        put_file(ret_saved, &follow->files[i]);
  return mst_buf_check(ret_saved, "positions in followed logs", ctx);
}

/* ---- reading ---- */

typedef struct cursor {
  const uint8_t *at, *end;
  bool is_short;
} cursor;

static const uint8_t *
take(cursor *from, size_t bytes)
{
  const uint8_t *at = from->at;

  if ((size_t)(from->end - from->at) < bytes) {
    from->is_short = true;
    from->at = from->end;
    return NULL;
  }
  from->at += bytes;
  return at;
}

static uint64_t
take_number(cursor *from, unsigned bytes)
{
  const uint8_t *at = take(from, bytes);
  uint64_t value = 0;

  for (unsigned i = 0; at && i < bytes; i++)
    value |= (uint64_t)at[i] << (8 * i);
  return value;
}

static void
take_print(cursor *from, uint8_t ret_print[static MST_PRINT_BYTES])
{
  const uint8_t *at = take(from, MST_PRINT_BYTES);

  if (at)
    memcpy(ret_print, at, MST_PRINT_BYTES);
}

static void
take_globs(mst_follow *follow, cursor *from)
{
  uint64_t count = take_number(from, 1);

  for (uint64_t i = 0; i < count && !from->is_short; i++) {
    uint8_t print[MST_PRINT_BYTES] = {0}, own[MST_PRINT_BYTES];
    take_print(from, print);
    for (size_t k = 0; k < follow->glob_count; k++) {
      print_of(follow->globs[k], own);
      if (memcmp(print, own, sizeof own) == 0)
        follow->known_globs |= 1U << k;
    }
  }
}

static mst_err
take_families(mst_follow *follow, cursor *from, mst_errctx *ctx)
{
  uint64_t count = take_number(from, 4);
  mst_err err = MST_OK;

  for (uint64_t i = 0; i < count && err == MST_OK && !from->is_short; i++) {
    char path[PATH_MOST_BYTES + 1];
    size_t length = (size_t)take_number(from, 2);
    const uint8_t *text = length > 0 && length <= PATH_MOST_BYTES ? take(from, length) : NULL;
    uint32_t family = 0;
    if (!text || memchr(text, '\0', length))
      return mst_fail(ctx, MST_EMALFORMED, "positions in followed logs: the name of file %llu is wrong", (unsigned long long)i);
    memcpy(path, text, length);
    path[length] = '\0';
    err = mst_follow_add_family(follow, path, &family, ctx);
    if (err == MST_OK)
      follow->families[family].read_mtime_ns = (int64_t)take_number(from, 8);
  }
  return err;
}

static mst_err
take_file(mst_follow *follow, cursor *from, mst_errctx *ctx)
{
  mst_file file = {.fd = -1}, *added;

  file.dev = (dev_t)take_number(from, 8);
  file.ino = (ino_t)take_number(from, 8);
  file.family = (uint32_t)take_number(from, 4);
  file.state = (mst_file_state)take_number(from, 1);
  file.is_skipping = take_number(from, 1) != 0;
  file.position = file.searched = take_number(from, 8);
  file.size = take_number(from, 8);
  file.mtime_ns = (int64_t)take_number(from, 8);
  file.head_bytes = (uint16_t)take_number(from, 2);
  file.tail_bytes = (uint8_t)take_number(from, 1);
  take_print(from, file.head);
  take_print(from, file.tail);
  const uint8_t *user = has_user(&file) ? take(from, MST_FOLLOW_USER_BYTES) : NULL;
  if (user)
    memcpy(file.user, user, sizeof file.user);
  if (from->is_short || file.family >= follow->family_count || file.state > MST_FILE_HELD || file.position > INT64_MAX ||
      file.size > INT64_MAX || file.head_bytes > MST_HEAD_BYTES || file.tail_bytes > MST_TAIL_BYTES || file.tail_bytes > file.position ||
      follow->file_count >= UINT16_MAX)
    return mst_fail(ctx, MST_EMALFORMED, "positions in followed logs: file %zu is wrong", follow->file_count);
  file.changed = mst_clock_mono(follow->setup.clock);
  return mst_follow_add_file(follow, &file, follow->families[file.family].path, &added, ctx);
}

mst_err
mst_follow_load(mst_follow *follow, mst_bytes saved, mst_errctx *ctx)
{
  cursor from = {.at = saved.data, .end = saved.data + saved.size_bytes};

  if (take_number(&from, 1) != VERSION)
    return mst_fail(ctx, MST_EMALFORMED, "positions in followed logs: not of version %d", VERSION);
  take_globs(follow, &from);
  mst_err err = take_families(follow, &from, ctx);
  while (err == MST_OK && !from.is_short && from.at < from.end)
    err = take_file(follow, &from, ctx);
  if (err == MST_OK && from.is_short)
    err = mst_fail(ctx, MST_EMALFORMED, "positions in followed logs: they end early");
  return err;
}
