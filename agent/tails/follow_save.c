/* Positions as bytes: a version, the patterns' fingerprints, families, files, and a fingerprint of all that. Numbers are LEB128. */
#include <fnmatch.h>
#include <limits.h>
#include <string.h>

#include <mst/common/alloc.h>

#include "follow_state.h"

enum {
  VERSION = 1,
  SAVED_MOST_BYTES = 40 * 1024, /* of the 48 KiB of a collector: the rest is for its counts */
  PATHS_MOST_BYTES = 8 * 1024,  /* families beyond are saved by a fingerprint; the patterns find them again */
  NUMBER_MOST_BYTES = 10,       /* 64 bits, 7 at a time */
};

static void
put(mst_buf *to, uint64_t value)
{
  uint8_t out[NUMBER_MOST_BYTES];
  size_t bytes = 0;

  for (; value > 0x7f; value >>= 7)
    out[bytes++] = (uint8_t)(value | 0x80);
  out[bytes++] = (uint8_t)value;
  mst_buf_append(to, out, bytes);
}

static bool
has_user(const mst_file *file)
{
  return file->state == MST_FILE_LIVE || file->state == MST_FILE_ROTATED;
}

static void
put_file(mst_buf *to, const mst_file *file, uint32_t family)
{
  size_t user = has_user(file) ? MST_FOLLOW_USER_BYTES : 0;

  put(to, file->dev);
  put(to, file->ino);
  put(to, family);
  put(to, file->state);
  put(to, file->is_skipping);
  put(to, file->position);
  put(to, file->size);
  put(to, (uint64_t)file->mtime_ns);
  put(to, file->head_bytes);
  put(to, file->tail_bytes);
  mst_buf_append(to, file->head, MST_PRINT_BYTES);
  mst_buf_append(to, file->tail, MST_PRINT_BYTES);
  while (user > 0 && file->user[user - 1] == 0)
    user--;
  put(to, user);
  mst_buf_append(to, file->user, user);
}

/* Families that something is left of; their numbers in the save, UINT32_MAX for the others. */
static uint32_t
number_families(const mst_follow *follow, uint32_t *ret_numbers)
{
  uint32_t count = 0;

  memset(ret_numbers, 0xff, follow->family_count * sizeof *ret_numbers);
  for (size_t i = 0; i < follow->file_count; i++)
    ret_numbers[follow->files[i].family] = 0;
  for (size_t i = 0; i < follow->family_count; i++)
    if (ret_numbers[i] == 0)
      ret_numbers[i] = count++;
  return count;
}

static void
put_families(mst_buf *to, const mst_follow *follow, const uint32_t *numbers)
{
  size_t paths = 0;

  for (size_t i = 0; i < follow->family_count; i++) {
    const mst_family *family = &follow->families[i];
    size_t length = strlen(family->path);
    int64_t seen_ns = family->seen_mtime_ns;
    if (numbers[i] == UINT32_MAX)
      continue;
    for (size_t k = 0; k < follow->file_count; k++)
      if (follow->files[k].family == i && follow->files[k].mtime_ns > seen_ns)
        seen_ns = follow->files[k].mtime_ns;
    if (paths + length > PATHS_MOST_BYTES)
      length = 0;
    paths += length;
    put(to, length);
    mst_buf_append(to, length > 0 ? (const void *)family->path : family->print, length > 0 ? length : MST_PRINT_BYTES);
    put(to, (uint64_t)seen_ns);
    put(to, (uint64_t)family->packing_mtime_ns);
  }
}

/* What must not be left out first; then the newest of the others, since an old file that is left out is told by its time to have been
 * read. */
static void
put_files(mst_buf *to, size_t start, const mst_follow *follow, const uint32_t *numbers)
{
  int64_t before_ns = INT64_MAX;

  for (size_t i = 0; i < follow->file_count; i++)
    if (has_user(&follow->files[i]))
      put_file(to, &follow->files[i], numbers[follow->files[i].family]);
  while (to->failed == MST_OK && to->size_bytes - start < SAVED_MOST_BYTES) {
    int64_t newest_ns = INT64_MIN;
    for (size_t i = 0; i < follow->file_count; i++)
      if (!has_user(&follow->files[i]) && follow->files[i].mtime_ns < before_ns && follow->files[i].mtime_ns > newest_ns)
        newest_ns = follow->files[i].mtime_ns;
    if (newest_ns == INT64_MIN)
      return;
    for (size_t i = 0; i < follow->file_count && to->size_bytes - start < SAVED_MOST_BYTES; i++)
      if (!has_user(&follow->files[i]) && follow->files[i].mtime_ns == newest_ns)
        put_file(to, &follow->files[i], numbers[follow->files[i].family]);
    before_ns = newest_ns;
  }
}

mst_err
mst_follow_save(mst_follow *follow, mst_buf *ret_saved, mst_errctx *ctx)
{
  const size_t start = ret_saved->size_bytes;
  uint8_t print[MST_PRINT_BYTES];
  uint32_t *numbers = mst_alloc(follow->family_count + 1, sizeof *numbers);

  if (!numbers)
    return mst_fail(ctx, MST_ENOMEM, "no memory to save the positions in followed logs");
  put(ret_saved, VERSION);
  put(ret_saved, follow->glob_count);
  for (size_t i = 0; i < follow->glob_count; i++) {
    mst_print_of(follow->globs[i], strlen(follow->globs[i]), print);
    mst_buf_append(ret_saved, print, sizeof print);
  }
  put(ret_saved, number_families(follow, numbers));
  put_families(ret_saved, follow, numbers);
  put_files(ret_saved, start, follow, numbers);
  mst_free(numbers);
  mst_err err = mst_buf_check(ret_saved, "positions in followed logs", ctx);
  if (err != MST_OK)
    return err;
  mst_print_of(ret_saved->data + start, ret_saved->size_bytes - start, print);
  mst_buf_append(ret_saved, print, sizeof print);
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

  if (from->is_short || (size_t)(from->end - from->at) < bytes) {
    from->is_short = true;
    return NULL;
  }
  from->at += bytes;
  return at;
}

/* A number over most is as if it were not there. */
static uint64_t
take_number(cursor *from, uint64_t most)
{
  uint64_t value = 0;

  for (unsigned i = 0; i < NUMBER_MOST_BYTES; i++) {
    const uint8_t *at = take(from, 1);
    if (!at)
      return 0;
    value |= (uint64_t)(*at & 0x7f) << (7 * i);
    if (*at < 0x80) {
      from->is_short = value > most;
      return value > most ? 0 : value;
    }
  }
  from->is_short = true;
  return 0;
}

static void
take_bytes(cursor *from, void *ret_bytes, size_t count)
{
  const uint8_t *at = take(from, count);

  if (at && count > 0)
    memcpy(ret_bytes, at, count);
}

static void
take_globs(mst_follow *follow, cursor *from)
{
  uint64_t count = take_number(from, MST_FOLLOW_GLOBS_MAX);

  for (uint64_t i = 0; i < count && !from->is_short; i++) {
    uint8_t print[MST_PRINT_BYTES] = {0}, own[MST_PRINT_BYTES];
    take_bytes(from, print, sizeof print);
    for (size_t k = 0; k < follow->glob_count; k++) {
      mst_print_of(follow->globs[k], strlen(follow->globs[k]), own);
      if (memcmp(print, own, sizeof own) == 0)
        follow->known_globs |= 1U << k;
    }
  }
}

static mst_err
take_families(mst_follow *follow, cursor *from, mst_errctx *ctx)
{
  uint64_t count = take_number(from, MST_FOLLOW_FAMILIES_MAX);
  mst_err err = MST_OK;

  for (uint64_t i = 0; i < count && err == MST_OK && !from->is_short; i++) {
    char path[PATH_MAX];
    uint8_t print[MST_PRINT_BYTES] = {0};
    uint32_t family = 0;
    size_t length = (size_t)take_number(from, sizeof path - 1);
    take_bytes(from, length > 0 ? (void *)path : print, length > 0 ? length : sizeof print);
    if (from->is_short)
      break;
    path[length] = '\0';
    err = mst_follow_add_family(follow, path, &family, ctx);
    if (err != MST_OK)
      return err;
    mst_family *added = &follow->families[family];
    if (length == 0)
      memcpy(added->print, print, sizeof print);
    added->seen_mtime_ns = (int64_t)take_number(from, UINT64_MAX);
    added->packing_mtime_ns = (int64_t)take_number(from, UINT64_MAX);
  }
  return err;
}

/* Whether a pattern still asks for it; of one without a name that is not known yet. */
static bool
is_wanted(const mst_follow *follow, const mst_family *family)
{
  for (size_t i = 0; i < follow->glob_count; i++)
    if (family->path[0] == '\0' || fnmatch(follow->globs[i], family->path, FNM_PATHNAME | FNM_PERIOD) == 0)
      return true;
  return false;
}

static mst_err
take_file(mst_follow *follow, cursor *from, mst_errctx *ctx)
{
  mst_file file = {.fd = -1}, *added;

  file.dev = (dev_t)take_number(from, UINT64_MAX);
  file.ino = (ino_t)take_number(from, UINT64_MAX);
  file.family = (uint32_t)take_number(from, follow->family_count > 0 ? follow->family_count - 1 : 0);
  file.state = (mst_file_state)take_number(from, MST_FILE_HELD);
  file.is_skipping = take_number(from, 1) != 0;
  file.position = file.searched = take_number(from, INT64_MAX);
  file.size = take_number(from, INT64_MAX);
  file.mtime_ns = (int64_t)take_number(from, UINT64_MAX);
  file.head_bytes = (uint16_t)take_number(from, MST_HEAD_BYTES);
  file.tail_bytes = (uint8_t)take_number(from, file.position < MST_TAIL_BYTES ? file.position : MST_TAIL_BYTES);
  take_bytes(from, file.head, sizeof file.head);
  take_bytes(from, file.tail, sizeof file.tail);
  take_bytes(from, file.user, (size_t)take_number(from, sizeof file.user));
  if (from->is_short || follow->family_count == 0 || file.position > file.size)
    return mst_fail(ctx, MST_EMALFORMED, "positions in followed logs: file %zu is wrong", follow->file_count);
  if (!is_wanted(follow, &follow->families[file.family]))
    return MST_OK;
  file.changed = mst_clock_mono(follow->setup.clock);
  return mst_follow_add_file(follow, &file, follow->families[file.family].path, &added, ctx);
}

mst_err
mst_follow_load(mst_follow *follow, mst_bytes saved, mst_errctx *ctx)
{
  uint8_t print[MST_PRINT_BYTES];
  size_t bytes = saved.size_bytes > sizeof print ? saved.size_bytes - sizeof print : 0;
  cursor from = {.at = saved.data, .end = saved.data + bytes};

  mst_print_of(saved.data, bytes, print);
  if (memcmp(print, saved.data + bytes, bytes > 0 ? sizeof print : saved.size_bytes) != 0 || bytes == 0)
    return mst_fail(ctx, MST_EMALFORMED, "positions in followed logs: %zu bytes that are damaged or no positions", saved.size_bytes);
  if (take_number(&from, UINT64_MAX) != VERSION)
    return mst_fail(ctx, MST_EMALFORMED, "positions in followed logs: not of version %d", VERSION);
  take_globs(follow, &from);
  mst_err err = take_families(follow, &from, ctx);
  while (err == MST_OK && !from.is_short && from.at < from.end)
    err = take_file(follow, &from, ctx);
  if (err == MST_OK && from.is_short)
    err = mst_fail(ctx, MST_EMALFORMED, "positions in followed logs: they end early");
  return err;
}
