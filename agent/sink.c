/* The registry of series and the sink that collectors write to; see sink.h and mst/agent/collector.h. */
#include "sink.h"

#include <math.h>
#include <string.h>

#include <mst/common/alloc.h>

enum {
  FIRST_ENTRIES = 64,
  LABELS_MAX_BYTES = MST_SERIES_LABELS_MAX * (MST_SERIES_LABEL_KEY_MAX_BYTES + MST_SERIES_LABEL_VALUE_MAX_BYTES + 2),
};
_Static_assert(LABELS_MAX_BYTES <= UINT16_MAX, "labels_bytes is 16 bits wide");
_Static_assert((int)MST_SERIES_MAX < (int)MST_REGISTRY_NONE, "ids are 16 bits wide here");

/* One series as it is being looked up. */
struct wanted {
  const mst_signal *signal;
  mst_wall start_at;
  uint32_t hash;
  uint16_t labels_bytes;
  uint8_t label_count;
  char labels[LABELS_MAX_BYTES];
};

mst_err
mst_registry_init(mst_registry *registry, mst_errctx *ctx)
{
  mst_series *scratch = mst_alloc(1, sizeof *scratch);

  if (!scratch)
    return mst_fail(ctx, MST_ENOMEM, "no memory for the registry of series");
  *registry = (mst_registry){.scratch = scratch};
  return MST_OK;
}

void
mst_registry_done(mst_registry *registry)
{
  for (uint32_t i = 0; i < registry->count; i++)
    mst_free(registry->entries[i].labels);
  for (uint32_t i = 0; i < registry->owner_count; i++)
    mst_free(registry->owners[i].name);
  mst_free(registry->entries);
  mst_free(registry->slots);
  mst_free(registry->owners);
  mst_free(registry->scratch);
  *registry = (mst_registry){0};
}

mst_err
mst_registry_owner_of(mst_registry *registry, const char *name, uint16_t *ret_owner, mst_errctx *ctx)
{
  for (uint32_t i = 0; i < registry->owner_count; i++) {
    if (strcmp(registry->owners[i].name, name) == 0) {
      *ret_owner = (uint16_t)i;
      return MST_OK;
    }
  }
  if (registry->owner_count >= MST_REGISTRY_OWNERS_MAX)
    return mst_fail(ctx, MST_ELIMIT, "collector %s: over %d collectors in one session; restart the agent", name, MST_REGISTRY_OWNERS_MAX);

  mst_registry_owner *owners = mst_realloc(registry->owners, registry->owner_count + 1, sizeof *owners);
  if (!owners)
    return mst_fail(ctx, MST_ENOMEM, "collector %s: no memory for its series", name);
  registry->owners = owners;

  char *copy = mst_strdup(name);
  if (!copy)
    return mst_fail(ctx, MST_ENOMEM, "collector %s: no memory for its series", name);
  owners[registry->owner_count] = (mst_registry_owner){.name = copy, .first = MST_REGISTRY_NONE, .last = MST_REGISTRY_NONE};
  *ret_owner = (uint16_t)registry->owner_count++;
  return MST_OK;
}

const mst_series *
mst_registry_series(const mst_registry *registry, uint32_t id)
{
  const mst_registry_entry *entry = &registry->entries[id];
  mst_series *series = registry->scratch;
  const char *at = entry->labels;

  series->name = (mst_text){.data = entry->signal->name, .size_bytes = strlen(entry->signal->name)};
  series->unit = (mst_text){.data = entry->signal->unit, .size_bytes = strlen(entry->signal->unit)};
  series->kind = entry->signal->kind;
  series->start_at = entry->start_at;
  series->label_count = entry->label_count;
  for (uint32_t i = 0; i < entry->label_count; i++) {
    size_t key = strlen(at), value = strlen(at + key + 1);

    series->labels[i].key = (mst_text){.data = at, .size_bytes = key};
    series->labels[i].value = (mst_text){.data = at + key + 1, .size_bytes = value};
    at += key + value + 2;
  }
  return series;
}

/* How many bytes the valid UTF-8 character at `at` has; 0 when there is none. Source: RFC 3629 section 4. */
static size_t
utf8_length(const unsigned char *at)
{
  if (at[0] < 0x80)
    return 1;
  if (at[0] >= 0xC2 && at[0] <= 0xDF)
    return (at[1] & 0xC0) == 0x80 ? 2 : 0;
  if (at[0] >= 0xE0 && at[0] <= 0xEF) {
    if ((at[1] & 0xC0) != 0x80 || (at[2] & 0xC0) != 0x80)
      return 0;
    if ((at[0] == 0xE0 && at[1] < 0xA0) || (at[0] == 0xED && at[1] > 0x9F)) /* overlong; surrogates */
      return 0;
    return 3;
  }
  if (at[0] >= 0xF0 && at[0] <= 0xF4) {
    if ((at[1] & 0xC0) != 0x80 || (at[2] & 0xC0) != 0x80 || (at[3] & 0xC0) != 0x80)
      return 0;
    if ((at[0] == 0xF0 && at[1] < 0x90) || (at[0] == 0xF4 && at[1] > 0x8F))
      return 0;
    return 4;
  }
  return 0;
}

size_t
mst_sink_clean_text(const char *text, size_t most_bytes, char *ret)
{
  const unsigned char *at = (const unsigned char *)text;
  size_t length = 0;

  while (*at) {
    size_t step = utf8_length(at);

    if (length + (step ? step : 1) > most_bytes)
      break;
    if (step == 0)
      ret[length++] = '?';
    for (size_t i = 0; i < step; i++)
      ret[length++] = (char)at[i];
    at += step ? step : 1;
  }
  ret[length] = '\0';
  return length;
}

/* FNV-1a: short keys, no hostile ones, since every name and label comes from this host's own kernel. */
static uint32_t
hash_bytes(uint32_t hash, const void *data, size_t size_bytes)
{
  const uint8_t *bytes = data;

  for (size_t i = 0; i < size_bytes; i++)
    hash = (hash ^ bytes[i]) * 16777619U;
  return hash;
}

static mst_err
make_wanted(struct wanted *want, const mst_signal *signal, const mst_tag *tags, size_t tag_count, mst_wall start_at, mst_errctx *ctx)
{
  uint8_t order[MST_SERIES_LABELS_MAX];
  char *at = want->labels;

  if (tag_count > MST_SERIES_LABELS_MAX)
    return mst_fail(ctx, MST_EUSAGE, "%s: %zu labels, at most %d are possible", signal->name, tag_count, MST_SERIES_LABELS_MAX);
  for (size_t i = 0; i < tag_count; i++) {
    size_t j = i;

    for (; j > 0 && strcmp(tags[order[j - 1]].key, tags[i].key) > 0; j--)
      order[j] = order[j - 1];
    order[j] = (uint8_t)i;
  }
  for (size_t i = 0; i < tag_count; i++) {
    const mst_tag *tag = &tags[order[i]];
    size_t key = strlen(tag->key);

    if (key == 0 || key > MST_SERIES_LABEL_KEY_MAX_BYTES)
      return mst_fail(ctx, MST_EUSAGE, "%s: label key \"%.80s\" has no or over %d bytes", signal->name, tag->key,
                      MST_SERIES_LABEL_KEY_MAX_BYTES);
    if (i > 0 && strcmp(tags[order[i - 1]].key, tag->key) == 0)
      return mst_fail(ctx, MST_EUSAGE, "%s: label %s stands there twice", signal->name, tag->key);
    memcpy(at, tag->key, key + 1);
    at += key + 1;
    at += mst_sink_clean_text(tag->value, MST_SERIES_LABEL_VALUE_MAX_BYTES, at) + 1;
  }
  want->signal = signal;
  want->start_at = start_at;
  want->label_count = (uint8_t)tag_count;
  want->labels_bytes = (uint16_t)(at - want->labels);
  want->hash = hash_bytes(hash_bytes(2166136261U, signal->name, strlen(signal->name)), want->labels, want->labels_bytes);
  return MST_OK;
}

static bool
is_same_but_start(const mst_registry_entry *entry, const struct wanted *want)
{
  return entry->hash == want->hash && entry->labels_bytes == want->labels_bytes &&
         memcmp(entry->labels, want->labels, want->labels_bytes) == 0 &&
         (entry->signal == want->signal || strcmp(entry->signal->name, want->signal->name) == 0);
}

static void
put_slot(mst_registry *registry, uint16_t id)
{
  uint32_t mask = registry->slot_count - 1, slot = registry->entries[id].hash & mask;

  while (registry->slots[slot] != MST_REGISTRY_NONE)
    slot = (slot + 1) & mask;
  registry->slots[slot] = id;
}

/* Room for one more entry; the slots are never more than half full. */
static mst_err
make_room(mst_registry *registry, mst_errctx *ctx)
{
  uint32_t capacity = registry->capacity ? registry->capacity * 2 : FIRST_ENTRIES;

  if (registry->count < registry->capacity)
    return MST_OK;

  uint16_t *slots = mst_alloc((size_t)capacity * 2, sizeof *slots);
  mst_registry_entry *entries = slots ? mst_realloc(registry->entries, capacity, sizeof *entries) : NULL;

  if (!entries) {
    mst_free(slots);
    return mst_fail(ctx, MST_ENOMEM, "no memory for series %u", registry->count + 1);
  }
  registry->entries = entries;
  registry->capacity = capacity;
  mst_free(registry->slots);
  registry->slots = slots;
  registry->slot_count = capacity * 2;
  memset(slots, 0xFF, sizeof *slots * registry->slot_count);
  for (uint32_t i = 0; i < registry->count; i++)
    put_slot(registry, (uint16_t)i);
  return MST_OK;
}

static mst_err
define(mst_sink *sink, const struct wanted *want, uint32_t *ret_id, mst_errctx *ctx)
{
  mst_registry *registry = sink->registry;
  mst_registry_owner *owner = &registry->owners[sink->owner];
  uint16_t id = (uint16_t)registry->count;

  if (registry->count >= MST_SERIES_MAX) {
    sink->dropped++;
    return mst_fail(ctx, MST_ELIMIT, "%s: over %d series in this session", want->signal->name, MST_SERIES_MAX);
  }

  mst_err err = make_room(registry, ctx);
  char *labels = err == MST_OK ? mst_alloc((size_t)want->labels_bytes + 1, 1) : NULL;

  if (!labels) {
    sink->failed = MST_ENOMEM;
    return mst_fail(ctx, MST_ENOMEM, "%s: no memory for its definition", want->signal->name);
  }
  memcpy(labels, want->labels, want->labels_bytes);
  registry->entries[id] = (mst_registry_entry){.signal = want->signal,
                                               .labels = labels,
                                               .start_at = want->start_at,
                                               .hash = want->hash,
                                               .labels_bytes = want->labels_bytes,
                                               .next_of_owner = MST_REGISTRY_NONE,
                                               .label_count = want->label_count,
                                               .owner = sink->owner};
  put_slot(registry, id);
  if (owner->last == MST_REGISTRY_NONE)
    owner->first = id;
  else
    registry->entries[owner->last].next_of_owner = id;
  owner->last = id;
  registry->count++;
  *ret_id = id;
  return MST_OK;
}

/* The series of that name and those labels that is not over yet. */
static uint32_t
find(const mst_registry *registry, const struct wanted *want)
{
  uint32_t mask = registry->slot_count - 1;

  if (registry->slot_count == 0)
    return MST_REGISTRY_NONE;
  for (uint32_t slot = want->hash & mask; registry->slots[slot] != MST_REGISTRY_NONE; slot = (slot + 1) & mask) {
    const mst_registry_entry *entry = &registry->entries[registry->slots[slot]];

    if (!entry->superseded && is_same_but_start(entry, want))
      return registry->slots[slot];
  }
  return MST_REGISTRY_NONE;
}

/* Finds or defines the series and claims it for this run. start_at NULL: whatever it has. */
static mst_err
claim(mst_sink *sink, const mst_signal *signal, const mst_tag *tags, size_t tag_count, const mst_wall *start_at, uint32_t *ret_id,
      mst_errctx *ctx)
{
  mst_registry *registry = sink->registry;
  struct wanted want;
  mst_err err = make_wanted(&want, signal, tags, tag_count, start_at ? *start_at : (mst_wall){0}, ctx);

  if (err != MST_OK)
    return err;

  uint32_t id = find(registry, &want);

  if (id != MST_REGISTRY_NONE && (registry->entries[id].written == sink->run || registry->entries[id].owner != sink->owner))
    return mst_fail(ctx, MST_EEXIST, "%s: the same series is given twice", signal->name);
  if (id == MST_REGISTRY_NONE || (start_at && registry->entries[id].start_at.ns != start_at->ns)) {
    uint32_t older = id;

    err = define(sink, &want, &id, ctx);
    if (err != MST_OK)
      return err;
    if (older != MST_REGISTRY_NONE)
      registry->entries[older].superseded = true;
  }
  *ret_id = id;
  return MST_OK;
}

static mst_err
wrote(mst_sink *sink, uint32_t id, mst_err err)
{
  if (err == MST_OK)
    sink->registry->entries[id].written = sink->run;
  else if (err != MST_EMALFORMED)
    sink->failed = err;
  return err;
}

/* A counter or gauge under way to the wire. */
static mst_err
give_number(mst_sink *sink, const mst_signal *signal, const mst_tag *tags, size_t tag_count, mst_wall start_at, double value,
            mst_errctx *ctx)
{
  uint32_t id;

  if (!isfinite(value))
    return mst_fail(ctx, MST_EMALFORMED, "%s: the value measured is not a number", signal->name);

  mst_err err = claim(sink, signal, tags, tag_count, &start_at, &id, ctx);

  if (err != MST_OK)
    return err;
  return wrote(sink, id, mst_report_write_number(sink->writer, id, value, ctx));
}

mst_err
mst_sink_gauge(mst_sink *sink, const mst_signal *signal, const mst_tag *tags, size_t tag_count, double value, mst_errctx *ctx)
{
  if (signal->kind != MST_SIGNAL_GAUGE)
    return mst_fail(ctx, MST_EUSAGE, "%s is no gauge", signal->name);
  return give_number(sink, signal, tags, tag_count, (mst_wall){0}, value, ctx);
}

mst_err
mst_sink_counter(mst_sink *sink, const mst_signal *signal, const mst_tag *tags, size_t tag_count, mst_wall start_at, double value,
                 mst_errctx *ctx)
{
  if (signal->kind != MST_SIGNAL_COUNTER)
    return mst_fail(ctx, MST_EUSAGE, "%s is no counter", signal->name);
  if (value < 0)
    return mst_fail(ctx, MST_EMALFORMED, "%s: a counter below zero (%g)", signal->name, value);
  return give_number(sink, signal, tags, tag_count, start_at, value, ctx);
}

mst_err
mst_sink_state(mst_sink *sink, const mst_signal *signal, const mst_tag *tags, size_t tag_count, const char *state, mst_errctx *ctx)
{
  char text[MST_STATE_MAX_BYTES + 1];
  uint32_t id;

  if (signal->kind != MST_SIGNAL_STATE)
    return mst_fail(ctx, MST_EUSAGE, "%s is no state", signal->name);

  mst_err err = claim(sink, signal, tags, tag_count, &(mst_wall){0}, &id, ctx);

  if (err != MST_OK)
    return err;
  mst_sink_clean_text(state, MST_STATE_MAX_BYTES, text);
  return wrote(sink, id, mst_report_write_state(sink->writer, id, text, ctx));
}

mst_err
mst_sink_distribution(mst_sink *sink, const mst_signal *signal, const mst_tag *tags, size_t tag_count, const mst_hist *hist,
                      mst_errctx *ctx)
{
  uint32_t id;

  if (signal->kind != MST_SIGNAL_DISTRIBUTION)
    return mst_fail(ctx, MST_EUSAGE, "%s is no distribution", signal->name);

  mst_err err = claim(sink, signal, tags, tag_count, &(mst_wall){0}, &id, ctx);

  if (err != MST_OK)
    return err;
  return wrote(sink, id, mst_report_write_histogram(sink->writer, id, hist, ctx));
}

static mst_err
write_missing(mst_sink *sink, uint32_t id, mst_sample_status status, const char *reason, mst_errctx *ctx)
{
  char text[MST_REASON_MAX_BYTES + 1];

  mst_sink_clean_text(reason, MST_REASON_MAX_BYTES, text);
  return wrote(sink, id, mst_report_write_missing(sink->writer, id, status, text, ctx));
}

mst_err
mst_sink_error(mst_sink *sink, const mst_signal *signal, const mst_tag *tags, size_t tag_count, const char *reason, mst_errctx *ctx)
{
  uint32_t id;
  mst_err err = claim(sink, signal, tags, tag_count, NULL, &id, ctx);

  return err == MST_OK ? write_missing(sink, id, MST_SAMPLE_ERROR, reason, ctx) : err;
}

mst_err
mst_sink_absent(mst_sink *sink, const mst_signal *signal, const mst_tag *tags, size_t tag_count, const char *reason, mst_errctx *ctx)
{
  uint32_t id;
  mst_err err = claim(sink, signal, tags, tag_count, NULL, &id, ctx);

  return err == MST_OK ? write_missing(sink, id, MST_SAMPLE_ABSENT, reason, ctx) : err;
}

mst_err
mst_sink_write_missing(mst_sink *sink, mst_sample_status status, const char *reason, mst_errctx *ctx)
{
  mst_registry *registry = sink->registry;

  for (uint16_t id = registry->owners[sink->owner].first; id != MST_REGISTRY_NONE; id = registry->entries[id].next_of_owner) {
    if (registry->entries[id].written == sink->run || registry->entries[id].superseded)
      continue;

    mst_err err = write_missing(sink, id, status, reason, ctx);
    if (err != MST_OK)
      return err;
  }
  return MST_OK;
}
