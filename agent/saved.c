/* What collectors save. Encoded: a byte 1, then for each entry the length of its name and its size (4 bytes each, little-endian), name,
 * bytes. */
#include "saved.h"

#include <string.h>

#include <mst/common/alloc.h>

#include "bytes.h"

enum { VERSION = 1, HEAD_BYTES = 1, ENTRY_HEAD_BYTES = 8, NAME_MAX_BYTES = 2048 };

void
mst_saved_done(mst_saved_set *set)
{
  for (size_t i = 0; i < set->count; i++) {
    mst_free(set->entries[i].name);
    mst_buf_done(&set->entries[i].bytes);
  }
  mst_free(set->entries);
  *set = (mst_saved_set){0};
}

static mst_saved_entry *
find(const mst_saved_set *set, const char *name)
{
  for (size_t i = 0; i < set->count; i++)
    if (strcmp(set->entries[i].name, name) == 0)
      return &set->entries[i];
  return NULL;
}

mst_bytes
mst_saved_get(const mst_saved_set *set, const char *name)
{
  const mst_saved_entry *entry = find(set, name);

  return entry ? (mst_bytes){entry->bytes.data, entry->bytes.size_bytes} : (mst_bytes){0};
}

static size_t
encoded_bytes(const mst_saved_set *set)
{
  size_t total = HEAD_BYTES;

  for (size_t i = 0; i < set->count; i++)
    total += ENTRY_HEAD_BYTES + strlen(set->entries[i].name) + set->entries[i].bytes.size_bytes;
  return total;
}

static void
drop(mst_saved_set *set, mst_saved_entry *entry)
{
  mst_free(entry->name);
  mst_buf_done(&entry->bytes);
  memmove(entry, entry + 1, (size_t)(set->entries + set->count - (entry + 1)) * sizeof *entry);
  set->count--;
}

/* Drops what was not put since the start, the longest untouched first, until `need_bytes` more fit beside all but `name`. */
static mst_err
make_room(mst_saved_set *set, const char *name, size_t need_bytes, mst_errctx *ctx)
{
  for (;;) {
    const mst_saved_entry *own = find(set, name);
    size_t own_bytes = own ? ENTRY_HEAD_BYTES + strlen(own->name) + own->bytes.size_bytes : 0;
    mst_saved_entry *oldest = NULL;

    if (encoded_bytes(set) - own_bytes + need_bytes <= MST_SAVED_MAX_BYTES && (own || set->count < MST_SAVED_MAX_ENTRIES))
      return MST_OK;
    for (size_t i = 0; i < set->count; i++)
      if (set->entries[i].touched == 0 && &set->entries[i] != own)
        oldest = &set->entries[i];
    if (!oldest)
      return mst_fail(ctx, MST_ELIMIT, "what collectors save is over %d bytes together: follow fewer files", MST_SAVED_MAX_BYTES);
    drop(set, oldest);
  }
}

static mst_err
add(mst_saved_set *set, mst_text name, mst_saved_entry **ret_entry, mst_errctx *ctx)
{
  char *copy = mst_strndup(name.data, name.size_bytes);
  mst_saved_entry *entries = mst_realloc(set->entries, set->count + 1, sizeof *entries);

  if (entries)
    set->entries = entries;
  if (!copy || !entries) {
    mst_free(copy);
    return mst_fail(ctx, MST_ENOMEM, "no memory for what collectors save");
  }
  *ret_entry = &entries[set->count++];
  **ret_entry = (mst_saved_entry){.name = copy};
  mst_buf_init(&(*ret_entry)->bytes, MST_COLLECTOR_SAVED_MAX_BYTES);
  return MST_OK;
}

mst_err
mst_saved_put(mst_saved_set *set, const char *name, mst_bytes bytes, mst_errctx *ctx)
{
  mst_buf fresh;
  mst_saved_entry *entry = NULL;

  mst_buf_init(&fresh, MST_COLLECTOR_SAVED_MAX_BYTES);
  mst_buf_append(&fresh, bytes.data, bytes.size_bytes);

  mst_err err = mst_buf_check(&fresh, "what a collector saves", ctx);

  if (err == MST_OK)
    err = make_room(set, name, ENTRY_HEAD_BYTES + strlen(name) + bytes.size_bytes, ctx);
  if (err == MST_OK) {
    entry = find(set, name);
    if (!entry)
      err = add(set, (mst_text){name, strlen(name)}, &entry, ctx);
  }
  if (err != MST_OK) {
    mst_buf_done(&fresh);
    return err;
  }
  mst_buf_done(&entry->bytes);
  entry->bytes = fresh;
  entry->touched = ++set->puts;
  return MST_OK;
}

mst_err
mst_saved_encode(const mst_saved_set *set, mst_buf *ret_bytes, mst_errctx *ctx)
{
  uint8_t head[ENTRY_HEAD_BYTES] = {VERSION};

  if (set->count == 0)
    return MST_OK;
  mst_buf_append(ret_bytes, head, HEAD_BYTES);
  for (size_t i = 0; i < set->count; i++) {
    const mst_saved_entry *entry = &set->entries[i];
    size_t name_bytes = strlen(entry->name);

    mst_put_u32(head, (uint32_t)name_bytes);
    mst_put_u32(head + 4, (uint32_t)entry->bytes.size_bytes);
    mst_buf_append(ret_bytes, head, sizeof head);
    mst_buf_append(ret_bytes, entry->name, name_bytes);
    mst_buf_append(ret_bytes, entry->bytes.data, entry->bytes.size_bytes);
  }
  return mst_buf_check(ret_bytes, "what collectors save", ctx);
}

static mst_err
decode_entry(mst_saved_set *set, mst_bytes *rest, mst_errctx *ctx)
{
  mst_saved_entry *entry;

  if (rest->size_bytes < ENTRY_HEAD_BYTES || set->count >= MST_SAVED_MAX_ENTRIES)
    return mst_fail(ctx, MST_EMALFORMED, "it ends within entry %zu", set->count);

  size_t name_bytes = mst_get_u32(rest->data), size_bytes = mst_get_u32(rest->data + 4);
  const char *name = (const char *)rest->data + ENTRY_HEAD_BYTES;

  if (name_bytes == 0 || name_bytes > NAME_MAX_BYTES || size_bytes > MST_COLLECTOR_SAVED_MAX_BYTES ||
      rest->size_bytes - ENTRY_HEAD_BYTES < name_bytes + size_bytes || memchr(name, '\0', name_bytes))
    return mst_fail(ctx, MST_EMALFORMED, "entry %zu has a name of %zu and a size of %zu bytes", set->count, name_bytes, size_bytes);

  mst_err err = add(set, (mst_text){name, name_bytes}, &entry, ctx);

  if (err != MST_OK)
    return err;
  mst_buf_append(&entry->bytes, name + name_bytes, size_bytes);
  rest->data += ENTRY_HEAD_BYTES + name_bytes + size_bytes;
  rest->size_bytes -= ENTRY_HEAD_BYTES + name_bytes + size_bytes;
  return mst_buf_check(&entry->bytes, "what a collector saved", ctx);
}

mst_err
mst_saved_decode(mst_bytes bytes, mst_saved_set *ret_set, mst_errctx *ctx)
{
  mst_saved_set set = {0};
  mst_err err = MST_OK;

  *ret_set = set;
  if (bytes.size_bytes == 0)
    return MST_OK;
  if (bytes.data[0] != VERSION)
    return mst_fail(ctx, MST_EMALFORMED, "what collectors saved: version %u, this agent writes %d", bytes.data[0], VERSION);

  mst_bytes rest = {bytes.data + HEAD_BYTES, bytes.size_bytes - HEAD_BYTES};

  while (err == MST_OK && rest.size_bytes > 0)
    err = decode_entry(&set, &rest, ctx);
  if (err != MST_OK) {
    mst_saved_done(&set);
    return mst_fail_within(ctx, err, "what collectors saved");
  }
  *ret_set = set;
  return MST_OK;
}
