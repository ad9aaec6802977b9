/* Sessions: which of their sequences are taken, what their ids stand for. */
#include <string.h>

#include <mst/common/alloc.h>

#include "ingest/blob.h"
#include "state.h"

enum {
  BLOB_VERSION = 1,
  BLOB_MAX_BYTES = 8 * 1024 * 1024, /* MST_RANGES_MAX twice, RECORDS_MAX once, and the head */
  RECORDS_MAX = 65536,              /* definitions grow with the series, losses are reported ever less often */
};

void
mst_series_map_unref(mst_state *state, mst_series_map *map)
{
  if (!map || --map->refs > 0)
    return;
  mst_index_remove(&state->maps, map);
  mst_free(map);
}

mst_err
mst_series_map_intern(mst_state *state, const uint32_t *numbers, uint32_t count, mst_series_map **ret_map, mst_errctx *ctx)
{
  mst_series_map key = {.digest = mst_digest_of("muster/1/series-map", numbers, count * sizeof *numbers)};
  mst_series_map *map = mst_index_find(&state->maps, &key);

  if (map) {
    map->refs++;
    *ret_map = map;
    return MST_OK;
  }
  map = mst_alloc(1, sizeof *map + count * sizeof *numbers);
  if (!map)
    return mst_fail(ctx, MST_ENOMEM, "out of memory for the definitions of a session");
  map->refs = 1;
  map->count = count;
  map->digest = key.digest;
  memcpy(map->numbers, numbers, count * sizeof *numbers);
  mst_err err = mst_index_add(&state->maps, map, ctx);
  if (err != MST_OK) {
    mst_free(map);
    return err;
  }
  *ret_map = map;
  return MST_OK;
}

void
mst_session_data_done(mst_state *state, mst_session_data *data)
{
  mst_ranges_done(&data->taken);
  mst_ranges_done(&data->lost);
  mst_free(data->records);
  mst_series_map_unref(state, data->map);
  *data = (mst_session_data){0};
}

mst_err
mst_session_data_copy(const mst_session_data *from, mst_session_data *ret_copy, mst_errctx *ctx)
{
  mst_session_data copy = *from;

  copy.lost = (mst_ranges){0};
  copy.records = NULL;
  mst_err err = mst_ranges_copy(&from->taken, &copy.taken, ctx);
  if (err != MST_OK)
    return err;
  err = mst_ranges_copy(&from->lost, &copy.lost, ctx);
  if (err == MST_OK && from->record_count > 0) {
    copy.record_capacity = from->record_count;
    copy.records = mst_alloc(from->record_count, sizeof *copy.records);
    if (copy.records)
      memcpy(copy.records, from->records, from->record_count * sizeof *copy.records);
    else
      err = mst_fail(ctx, MST_ENOMEM, "out of memory for the records of a session");
  }
  if (err != MST_OK) {
    mst_ranges_done(&copy.taken);
    mst_ranges_done(&copy.lost);
    return err;
  }
  if (copy.map)
    copy.map->refs++;
  *ret_copy = copy;
  return MST_OK;
}

mst_err
mst_session_data_record(mst_session_data *data, uint64_t sequence, const mst_digest *digest, mst_errctx *ctx)
{
  if (data->record_count == RECORDS_MAX)
    return mst_fail(ctx, MST_ELIMIT, "over %d definitions and losses in a session", RECORDS_MAX);
  if (data->record_count == data->record_capacity) {
    uint32_t capacity = data->record_capacity ? data->record_capacity * 2 : 2;
    mst_session_record *records = mst_realloc(data->records, capacity, sizeof *records);
    if (!records)
      return mst_fail(ctx, MST_ENOMEM, "out of memory for the records of a session");
    data->records = records;
    data->record_capacity = capacity;
  }
  mst_session_record *record = &data->records[data->record_count++];
  record->sequence = sequence;
  memcpy(record->digest, digest->bytes, sizeof record->digest);
  return MST_OK;
}

const mst_session_record *
mst_session_data_find_record(const mst_session_data *data, uint64_t sequence)
{
  for (uint32_t i = 0; i < data->record_count; i++)
    if (data->records[i].sequence == sequence)
      return &data->records[i];
  return NULL;
}

static void
put_ranges(mst_buf *buf, const mst_ranges *ranges)
{
  mst_blob_put(buf, ranges->count, 4);
  for (uint32_t i = 0; i < ranges->count; i++) {
    mst_blob_put(buf, ranges->list[i].first, 8);
    mst_blob_put(buf, ranges->list[i].last, 8);
  }
}

mst_err
mst_session_encode_ranges(const mst_session_data *data, mst_buf *ret_bytes, mst_errctx *ctx)
{
  mst_blob_put(ret_bytes, BLOB_VERSION, 1);
  mst_blob_put(ret_bytes, data->stored_reports, 8);
  put_ranges(ret_bytes, &data->taken);
  put_ranges(ret_bytes, &data->lost);
  mst_blob_put(ret_bytes, data->record_count, 4);
  for (uint32_t i = 0; i < data->record_count; i++) {
    mst_blob_put(ret_bytes, data->records[i].sequence, 8);
    mst_buf_append(ret_bytes, data->records[i].digest, sizeof data->records[i].digest);
  }
  return mst_buf_check(ret_bytes, "the sequences of a session", ctx);
}

mst_err
mst_session_encode_map(const mst_session_data *data, mst_buf *ret_bytes, mst_errctx *ctx)
{
  uint32_t count = data->map ? data->map->count : 0;

  mst_blob_put(ret_bytes, count, 4);
  for (uint32_t i = 0; i < count; i++)
    mst_blob_put(ret_bytes, data->map->numbers[i], 4);
  return mst_buf_check(ret_bytes, "the definitions of a session", ctx);
}

static mst_err
corrupt(mst_errctx *ctx)
{
  return mst_fail(ctx, MST_ECORRUPT, "the stored sequences of a session cannot be read; restore the database from a backup");
}

static mst_err
get_ranges(mst_bytes *bytes, mst_ranges *ret_ranges, mst_errctx *ctx)
{
  uint64_t count, first, last;

  if (!mst_blob_get(bytes, 4, &count) || count > bytes->size_bytes / 16)
    return corrupt(ctx);
  for (uint64_t i = 0; i < count; i++) {
    if (!mst_blob_get(bytes, 8, &first) || !mst_blob_get(bytes, 8, &last))
      return corrupt(ctx);
    mst_err err = mst_ranges_add(ret_ranges, first, last, ctx);
    if (err != MST_OK)
      return err == MST_ENOMEM ? err : corrupt(ctx);
  }
  return MST_OK;
}

static mst_err
get_records(mst_bytes *bytes, mst_session_data *data, mst_errctx *ctx)
{
  uint64_t count, sequence;

  if (!mst_blob_get(bytes, 4, &count) || count > bytes->size_bytes / 16)
    return corrupt(ctx);
  for (uint64_t i = 0; i < count; i++) {
    mst_digest digest = {{0}};
    if (!mst_blob_get(bytes, 8, &sequence) || bytes->size_bytes < sizeof data->records->digest)
      return corrupt(ctx);
    memcpy(digest.bytes, bytes->data, sizeof data->records->digest);
    bytes->data += sizeof data->records->digest;
    bytes->size_bytes -= sizeof data->records->digest;
    mst_err err = mst_session_data_record(data, sequence, &digest, ctx);
    if (err != MST_OK)
      return err;
  }
  return bytes->size_bytes == 0 ? MST_OK : corrupt(ctx);
}

static mst_err
get_map(mst_state *state, mst_bytes bytes, mst_series_map **ret_map, mst_errctx *ctx)
{
  uint64_t count, number = 0;

  if (bytes.size_bytes == 0)
    return MST_OK;
  if (!mst_blob_get(&bytes, 4, &count) || count > MST_SERIES_MAX || count * 4 != bytes.size_bytes)
    return corrupt(ctx);
  if (count == 0)
    return MST_OK;
  uint32_t *numbers = mst_alloc(count, sizeof *numbers);
  if (!numbers)
    return mst_fail(ctx, MST_ENOMEM, "out of memory for the definitions of a session");
  mst_err err = MST_OK;
  for (uint64_t i = 0; err == MST_OK && i < count; i++) {
    (void)mst_blob_get(&bytes, 4, &number);
    numbers[i] = (uint32_t)number;
    if (number >= mst_series_table_count(state->series))
      err = corrupt(ctx);
  }
  if (err == MST_OK)
    err = mst_series_map_intern(state, numbers, (uint32_t)count, ret_map, ctx);
  mst_free(numbers);
  return err;
}

mst_err
mst_session_decode(mst_state *state, const mst_store_session *record, mst_session_data *ret_data, mst_errctx *ctx)
{
  mst_session_data data = {.stored_samples = record->stored_samples, .lost_samples = record->lost_samples};
  mst_bytes bytes = record->ranges;
  uint64_t version = 0;
  mst_err err = MST_OK;

  if (bytes.size_bytes > BLOB_MAX_BYTES || !mst_blob_get(&bytes, 1, &version) || version != BLOB_VERSION ||
      !mst_blob_get(&bytes, 8, &data.stored_reports))
    return corrupt(ctx);
  err = get_ranges(&bytes, &data.taken, ctx);
  if (err == MST_OK)
    err = get_ranges(&bytes, &data.lost, ctx);
  if (err == MST_OK)
    err = get_records(&bytes, &data, ctx);
  if (err == MST_OK)
    err = get_map(state, record->definitions, &data.map, ctx);
  if (err != MST_OK) {
    mst_session_data_done(state, &data);
    return err;
  }
  *ret_data = data;
  return MST_OK;
}

mst_err
mst_session_entry_create(uint32_t agent, const mst_session_id *id, mst_wall first_seen_at, mst_session_entry **ret_entry, mst_errctx *ctx)
{
  mst_session_entry *entry = mst_alloc(1, sizeof *entry);

  if (!entry)
    return mst_fail(ctx, MST_ENOMEM, "out of memory for a session");
  entry->agent = agent;
  entry->id = *id;
  entry->first_seen_at = first_seen_at;
  *ret_entry = entry;
  return MST_OK;
}

void
mst_session_entry_destroy(mst_state *state, mst_session_entry *entry)
{
  if (!entry)
    return;
  mst_session_data_done(state, &entry->data);
  mst_free(entry);
}
