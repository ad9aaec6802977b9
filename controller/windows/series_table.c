/* Series, interned over all hosts. */
#include <mst/controller/window.h>

#include <msgpack.h>
#include <string.h>

#include <mst/common/alloc.h>

#include "arena.h"

enum { FIRST_SERIES = 256, SERIES_MAX_BYTES = 16 * 1024, SERIES_FIELDS = 5 };

/* The encoding is the identity: series with equal bytes are the same. */
typedef struct entry {
  mst_series series; /* texts point into the arena */
  uint64_t hash;
  const uint8_t *bytes;
  size_t size_bytes;
} entry;

struct mst_series_table {
  uint32_t max_series, count, capacity;
  entry **entries; /* by number; each is its own block, so that pointers given out stay */
  uint32_t *index; /* open addressing: hash -> number + 1 */
  uint32_t index_size;
  mst_arena arena;
  mst_buf scratch;
};

static int
write_bytes(void *data, const char *bytes, size_t size_bytes)
{
  mst_buf *buf = data;

  mst_buf_append(buf, bytes, size_bytes);
  return buf->failed == MST_OK ? 0 : -1;
}

static void
pack_text(msgpack_packer *packer, mst_text text)
{
  msgpack_pack_str(packer, text.size_bytes);
  if (text.size_bytes > 0)
    msgpack_pack_str_body(packer, text.data, text.size_bytes);
}

mst_err
mst_series_encode(const mst_series *series, mst_buf *ret_bytes, mst_errctx *ctx)
{
  msgpack_packer packer;

  if (series->label_count > MST_SERIES_LABELS_MAX)
    return mst_fail(ctx, MST_ELIMIT, "a series with %u labels; at most %d", series->label_count, MST_SERIES_LABELS_MAX);
  msgpack_packer_init(&packer, ret_bytes, write_bytes);
  msgpack_pack_array(&packer, SERIES_FIELDS);
  pack_text(&packer, series->name);
  msgpack_pack_uint32(&packer, (uint32_t)series->kind);
  pack_text(&packer, series->unit);
  msgpack_pack_int64(&packer, series->start_at.ns);
  msgpack_pack_array(&packer, (size_t)series->label_count * 2);
  for (uint32_t i = 0; i < series->label_count; i++) {
    pack_text(&packer, series->labels[i].key);
    pack_text(&packer, series->labels[i].value);
  }
  return mst_buf_check(ret_bytes, "series", ctx);
}

mst_err
mst_series_decode(mst_bytes bytes, mst_series *ret_series, mst_errctx *ctx)
{
  mst_series series = {0};
  mst_cursor cursor;
  uint64_t kind = 0;
  uint32_t fields, texts = 0;

  mst_cursor_init(&cursor, bytes.data, bytes.size_bytes);
  mst_err err = mst_cursor_array(&cursor, "series", SERIES_FIELDS, SERIES_FIELDS, &fields, ctx);
  if (err == MST_OK)
    err = mst_cursor_text(&cursor, "series name", MST_SERIES_NAME_MAX_BYTES, &series.name, ctx);
  if (err == MST_OK)
    err = mst_cursor_uint(&cursor, "series kind", MST_SIGNAL_EVENT, &kind, ctx);
  if (err == MST_OK)
    err = mst_cursor_text(&cursor, "series unit", MST_SERIES_UNIT_MAX_BYTES, &series.unit, ctx);
  if (err == MST_OK)
    err = mst_cursor_int(&cursor, "series start", &series.start_at.ns, ctx);
  if (err == MST_OK)
    err = mst_cursor_array(&cursor, "series labels", 0, MST_SERIES_LABELS_MAX * 2, &texts, ctx);
  series.kind = (mst_signal_kind)kind;
  series.label_count = texts / 2;
  if (err == MST_OK && (texts % 2 != 0 || kind < MST_SIGNAL_GAUGE))
    err = mst_fail(ctx, MST_EMALFORMED, "series: kind or labels do not fit");
  for (uint32_t i = 0; err == MST_OK && i < series.label_count; i++) {
    err = mst_cursor_text(&cursor, "label key", MST_SERIES_LABEL_KEY_MAX_BYTES, &series.labels[i].key, ctx);
    if (err == MST_OK)
      err = mst_cursor_text(&cursor, "label value", MST_SERIES_LABEL_VALUE_MAX_BYTES, &series.labels[i].value, ctx);
  }
  if (err == MST_OK)
    err = mst_cursor_end(&cursor, "series", ctx);
  if (err == MST_OK)
    *ret_series = series;
  return err;
}

mst_err
mst_series_table_create(uint32_t max_series, mst_series_table **ret_table, mst_errctx *ctx)
{
  mst_series_table *table = mst_alloc(1, sizeof *table);

  if (!table)
    return mst_fail(ctx, MST_ENOMEM, "make the table of series");
  table->max_series = max_series;
  mst_buf_init(&table->scratch, SERIES_MAX_BYTES);
  *ret_table = table;
  return MST_OK;
}

void
mst_series_table_destroy(mst_series_table *table)
{
  if (!table)
    return;
  for (uint32_t i = 0; i < table->count; i++)
    mst_free(table->entries[i]);
  mst_free(table->entries);
  mst_free(table->index);
  mst_arena_done(&table->arena);
  mst_buf_done(&table->scratch);
  mst_free(table);
}

/* FNV-1a. Sources are authenticated agents, and a table is bounded: an adversary gains slow look-ups of his own series at most. */
static uint64_t
hash_bytes(const uint8_t *bytes, size_t size_bytes)
{
  uint64_t hash = 14695981039346656037ULL;

  for (size_t i = 0; i < size_bytes; i++)
    hash = (hash ^ bytes[i]) * 1099511628211ULL;
  return hash ^ hash >> 32;
}

static void
index_entry(mst_series_table *table, uint32_t number)
{
  uint32_t at = (uint32_t)table->entries[number]->hash & (table->index_size - 1);

  while (table->index[at] != 0)
    at = (at + 1) & (table->index_size - 1);
  table->index[at] = number + 1;
}

static bool
grow(mst_series_table *table)
{
  uint32_t capacity = table->capacity ? table->capacity * 2 : FIRST_SERIES, size = capacity * 2;
  entry **entries = mst_realloc(table->entries, capacity, sizeof(entry *));

  if (!entries)
    return false;
  table->entries = entries;
  uint32_t *fresh = mst_alloc(size, sizeof *fresh);
  if (!fresh)
    return false;
  mst_free(table->index);
  table->index = fresh;
  table->index_size = size;
  table->capacity = capacity;
  for (uint32_t i = 0; i < table->count; i++)
    index_entry(table, i);
  return true;
}

static bool
find(const mst_series_table *table, uint64_t hash, const mst_buf *bytes, uint32_t *ret_number)
{
  if (table->index_size == 0)
    return false;
  for (uint32_t at = (uint32_t)hash & (table->index_size - 1); table->index[at] != 0; at = (at + 1) & (table->index_size - 1)) {
    const entry *found = table->entries[table->index[at] - 1];
    if (found->hash == hash && found->size_bytes == bytes->size_bytes && memcmp(found->bytes, bytes->data, bytes->size_bytes) == 0) {
      *ret_number = table->index[at] - 1;
      return true;
    }
  }
  return false;
}

mst_err
mst_series_table_intern(mst_series_table *table, const mst_series *series, uint32_t *ret_number, bool *ret_new, mst_errctx *ctx)
{
  mst_buf_reset(&table->scratch);
  mst_err err = mst_series_encode(series, &table->scratch, ctx);
  if (err != MST_OK)
    return err;
  uint64_t hash = hash_bytes(table->scratch.data, table->scratch.size_bytes);
  if (find(table, hash, &table->scratch, ret_number)) {
    *ret_new = false;
    return MST_OK;
  }
  if (table->count >= table->max_series)
    return mst_fail(ctx, MST_ELIMIT, "over %u different series", table->max_series);
  if (table->count == table->capacity && !grow(table))
    return mst_fail(ctx, MST_ENOMEM, "define a series");
  entry *made = mst_alloc(1, sizeof *made);
  uint8_t *bytes = made ? mst_arena_copy(&table->arena, table->scratch.data, table->scratch.size_bytes) : NULL;
  if (!bytes || mst_series_decode((mst_bytes){bytes, table->scratch.size_bytes}, &made->series, ctx) != MST_OK) {
    mst_free(made);
    return bytes ? MST_EMALFORMED : mst_fail(ctx, MST_ENOMEM, "define a series");
  }
  made->hash = hash;
  made->bytes = bytes;
  made->size_bytes = table->scratch.size_bytes;
  table->entries[table->count] = made;
  index_entry(table, table->count);
  *ret_number = table->count++;
  *ret_new = true;
  return MST_OK;
}

const mst_series *
mst_series_table_get(const mst_series_table *table, uint32_t number)
{
  return number < table->count ? &table->entries[number]->series : NULL;
}

uint32_t
mst_series_table_count(const mst_series_table *table)
{
  return table->count;
}
