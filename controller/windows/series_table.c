/* Series interned over all hosts. A fleet of 10 000 hosts has about a million: the start of a counter is part of what it is, and each host
 * booted at its own time. So equal texts are kept once, and a series takes 56 bytes and 32 a label. */
#include "windows/series_table.h"

#include <stddef.h>
#include <string.h>

#include <mst/common/alloc.h>
#include <mst/common/key.h>

#include "windows/arena.h"

enum { CHUNK_BYTES = 64 * 1024, FIRST_SLOTS = 256, FIRST_SERIES = 64 };

struct kept_text {
  uint64_t hash;
  uint32_t size_bytes;
  char data[];
};

/* Open addressing, linear probing, at most half full. */
struct series_slot {
  uint32_t hash;
  uint32_t number_and_1; /* 0: free */
};

struct mst_series_table {
  uint32_t max, count, capacity;
  const mst_series **series;
  uint8_t *kinds;
  struct series_slot *slots;
  size_t slot_count;
  const struct kept_text **texts;
  size_t text_slot_count, text_count;
  /* A series is kept with its used labels only; the slack lets `mst_series copy = *mst_series_table_get()` read past them. */
  mst_arena arena;
  mst_buf scratch;
  uint64_t seed; /* so that nobody outside can choose names that fall together */
};

static uint64_t
mix(uint64_t a, uint64_t b)
{
  unsigned __int128 product = (unsigned __int128)(a ^ 0x9E3779B97F4A7C15) * (b ^ 0xBF58476D1CE4E5B9);
  return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t
hash_text(uint64_t hash, mst_text text)
{
  size_t at = 0;

  for (; at + 8 <= text.size_bytes; at += 8) {
    uint64_t eight;
    memcpy(&eight, text.data + at, 8);
    hash = mix(hash, eight);
  }
  uint64_t rest = text.size_bytes;
  for (; at < text.size_bytes; at++)
    rest = rest << 8 | (uint8_t)text.data[at];
  return mix(hash, rest);
}

static uint32_t
hash_series(const mst_series_table *table, const mst_series *series)
{
  uint64_t hash = mix(table->seed ^ series->kind, (uint64_t)series->start_at.ns);

  hash = hash_text(hash, series->name);
  hash = hash_text(hash, series->unit);
  for (uint32_t i = 0; i < series->label_count; i++)
    hash = hash_text(hash_text(hash, series->labels[i].key), series->labels[i].value);
  return (uint32_t)hash;
}

static bool
same_text(mst_text a, mst_text b)
{
  return a.size_bytes == b.size_bytes && (a.size_bytes == 0 || memcmp(a.data, b.data, a.size_bytes) == 0);
}

static bool
same_series(const mst_series *a, const mst_series *b)
{
  if (a->kind != b->kind || a->start_at.ns != b->start_at.ns || a->label_count != b->label_count || !same_text(a->name, b->name) ||
      !same_text(a->unit, b->unit))
    return false;
  for (uint32_t i = 0; i < a->label_count; i++) {
    if (!same_text(a->labels[i].key, b->labels[i].key) || !same_text(a->labels[i].value, b->labels[i].value))
      return false;
  }
  return true;
}

mst_err
mst_series_table_create(uint32_t max_series, mst_series_table **ret_table, mst_errctx *ctx)
{
  if (max_series == 0 || max_series == UINT32_MAX)
    return mst_fail(ctx, MST_EUSAGE, "make a table of series: its maximum must be 1 to %u", UINT32_MAX - 1);
  mst_series_table *table = mst_alloc(1, sizeof *table);
  if (!table)
    return mst_fail(ctx, MST_ENOMEM, "make a table of series: out of memory");
  table->max = max_series;
  table->slot_count = table->text_slot_count = FIRST_SLOTS;
  mst_arena_init(&table->arena, CHUNK_BYTES, sizeof(mst_series));
  mst_buf_init(&table->scratch, MST_ENVELOPE_MAX_BODY_BYTES);
  mst_random_bytes(&table->seed, sizeof table->seed);
  table->slots = mst_alloc(FIRST_SLOTS, sizeof *table->slots);
  table->texts = mst_alloc(FIRST_SLOTS, sizeof *table->texts);
  if (!table->slots || !table->texts) {
    mst_series_table_destroy(table);
    return mst_fail(ctx, MST_ENOMEM, "make a table of series: out of memory");
  }
  *ret_table = table;
  return MST_OK;
}

void
mst_series_table_destroy(mst_series_table *table)
{
  if (!table)
    return;
  mst_buf_done(&table->scratch);
  mst_arena_done(&table->arena);
  mst_free(table->texts);
  mst_free(table->slots);
  mst_free(table->kinds);
  mst_free(table->series);
  mst_free(table);
}

static bool
grow_texts(mst_series_table *table)
{
  size_t count = table->text_slot_count * 2;
  const struct kept_text **slots = mst_alloc(count, sizeof *slots);

  if (!slots)
    return false;
  for (size_t i = 0; i < table->text_slot_count; i++) {
    if (!table->texts[i])
      continue;
    size_t at = table->texts[i]->hash & (count - 1);
    while (slots[at])
      at = (at + 1) & (count - 1);
    slots[at] = table->texts[i];
  }
  mst_free(table->texts);
  table->texts = slots;
  table->text_slot_count = count;
  return true;
}

/* Replaces *text by the one equal text that the table keeps. */
static bool
keep_text(mst_series_table *table, mst_text *text)
{
  uint64_t hash = hash_text(table->seed, *text);

  if (2 * (table->text_count + 1) > table->text_slot_count && !grow_texts(table))
    return false;
  size_t at = hash & (table->text_slot_count - 1);
  for (; table->texts[at]; at = (at + 1) & (table->text_slot_count - 1)) {
    const struct kept_text *kept = table->texts[at];
    if (kept->hash == hash && same_text(*text, (mst_text){kept->data, kept->size_bytes})) {
      text->data = kept->data;
      return true;
    }
  }
  struct kept_text *kept = mst_arena_take(&table->arena, sizeof *kept + text->size_bytes, true);
  if (!kept)
    return false;
  kept->hash = hash;
  kept->size_bytes = (uint32_t)text->size_bytes;
  if (text->size_bytes > 0)
    memcpy(kept->data, text->data, text->size_bytes);
  table->texts[at] = kept;
  table->text_count++;
  text->data = kept->data;
  return true;
}

static const mst_series *
keep_series(mst_series_table *table, const mst_series *series)
{
  size_t size_bytes = offsetof(mst_series, labels) + series->label_count * sizeof series->labels[0];
  mst_series *kept = mst_arena_take(&table->arena, size_bytes, true);

  if (!kept)
    return NULL;
  memcpy(kept, series, size_bytes);
  bool whole = keep_text(table, &kept->name) && keep_text(table, &kept->unit);
  for (uint32_t i = 0; whole && i < kept->label_count; i++)
    whole = keep_text(table, &kept->labels[i].key) && keep_text(table, &kept->labels[i].value);
  return whole ? kept : NULL;
}

static size_t
free_slot(const struct series_slot *slots, size_t count, uint32_t hash)
{
  size_t at = hash & (count - 1);

  while (slots[at].number_and_1 != 0)
    at = (at + 1) & (count - 1);
  return at;
}

/* Room for one more series in all arrays. */
static bool
make_room(mst_series_table *table)
{
  if (table->count == table->capacity) {
    uint32_t capacity = table->capacity == 0 ? FIRST_SERIES : table->capacity > UINT32_MAX / 2 ? UINT32_MAX : table->capacity * 2;
    const mst_series **series = mst_realloc(table->series, capacity, sizeof *series);
    if (series)
      table->series = series;
    uint8_t *kinds = mst_realloc(table->kinds, capacity, sizeof *kinds);
    if (kinds)
      table->kinds = kinds;
    if (!series || !kinds)
      return false;
    table->capacity = capacity;
  }
  if (2 * ((size_t)table->count + 1) <= table->slot_count)
    return true;
  size_t count = table->slot_count * 2;
  struct series_slot *slots = mst_alloc(count, sizeof *slots);
  if (!slots)
    return false;
  for (size_t i = 0; i < table->slot_count; i++) {
    if (table->slots[i].number_and_1 != 0)
      slots[free_slot(slots, count, table->slots[i].hash)] = table->slots[i];
  }
  mst_free(table->slots);
  table->slots = slots;
  table->slot_count = count;
  return true;
}

mst_err
mst_series_table_intern(mst_series_table *table, const mst_series *series, uint32_t *ret_number, bool *ret_new, mst_errctx *ctx)
{
  if (series->label_count > MST_SERIES_LABELS_MAX)
    return mst_fail(ctx, MST_ELIMIT, "series.labels: %u, at most %d are allowed", series->label_count, MST_SERIES_LABELS_MAX);
  uint32_t hash = hash_series(table, series);
  for (size_t at = hash & (table->slot_count - 1); table->slots[at].number_and_1 != 0; at = (at + 1) & (table->slot_count - 1)) {
    uint32_t number = table->slots[at].number_and_1 - 1;
    if (table->slots[at].hash == hash && same_series(table->series[number], series)) {
      *ret_number = number;
      *ret_new = false;
      return MST_OK;
    }
  }
  /* The encoder checks the series; what it would refuse could not be stored. */
  mst_buf_reset(&table->scratch);
  mst_err err = mst_series_encode(series, &table->scratch, ctx);
  if (err != MST_OK)
    return err;
  if (table->count == table->max)
    return mst_fail(ctx, MST_ELIMIT, "series %.*s: the controller knows %u series already, and no more are allowed",
                    (int)series->name.size_bytes, series->name.data, table->max);
  const mst_series *kept = make_room(table) ? keep_series(table, series) : NULL;
  if (!kept)
    return mst_fail(ctx, MST_ENOMEM, "keep series %.*s: out of memory", (int)series->name.size_bytes, series->name.data);
  uint32_t number = table->count++;
  table->series[number] = kept;
  table->kinds[number] = (uint8_t)kept->kind;
  table->slots[free_slot(table->slots, table->slot_count, hash)] = (struct series_slot){hash, number + 1};
  *ret_number = number;
  *ret_new = true;
  return MST_OK;
}

const mst_series *
mst_series_table_get(const mst_series_table *table, uint32_t number)
{
  return number < table->count ? table->series[number] : NULL;
}

mst_signal_kind
mst_series_table_kind(const mst_series_table *table, uint32_t number)
{
  return number < table->count ? (mst_signal_kind)table->kinds[number] : 0;
}

uint32_t
mst_series_table_count(const mst_series_table *table)
{
  return table->count;
}

/* A series alone is kept as the definitions of a session that has only this one: the wire's own form and checks. */
mst_err
mst_series_encode(const mst_series *series, mst_buf *ret_bytes, mst_errctx *ctx)
{
  mst_definitions header = {.boot_id = {"", 0}, .agent_version = {"", 0}, .hostname = {"", 0}, .count = 1};

  return mst_definitions_encode(&header, series, ret_bytes, ctx);
}

mst_err
mst_series_decode(mst_bytes bytes, mst_series *ret_series, mst_errctx *ctx)
{
  mst_definitions header;

  mst_err err = mst_definitions_decode(bytes, &header, ctx);
  if (err != MST_OK)
    return err;
  if (header.count != 1 || header.first_id != 0)
    return mst_fail(ctx, MST_EMALFORMED, "series: %u definitions from id %u stand where one from 0 must", header.count, header.first_id);
  return mst_definitions_next(&header, ret_series, ctx);
}
