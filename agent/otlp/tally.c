/* What one OTLP request holds; see tally.h. */
#include "tally.h"

#include <string.h>

#include <mst/common/alloc.h>

static const size_t first_capacity = 64;

void
mst_otlp_tally_init(mst_otlp_tally *tally, const mst_otlp_wanted *wanted)
{
  memset(tally, 0, sizeof *tally);
  tally->wanted = wanted;
}

void
mst_otlp_tally_done(mst_otlp_tally *tally)
{
  mst_free(tally->requests);
  tally->requests = NULL;
  tally->request_count = tally->request_capacity = 0;
}

uint64_t
mst_otlp_hash(uint64_t hash, const void *data, size_t size_bytes)
{
  const uint8_t *at = data;

  hash = hash ? hash : 14695981039346656037ULL;
  for (size_t i = 0; i < size_bytes; i++)
    hash = (hash ^ at[i]) * 1099511628211ULL;
  return hash;
}

/* The finish of splitmix64: sums of plain FNV hashes would meet too easily. */
uint64_t
mst_otlp_hash_pair(uint64_t key, uint64_t value)
{
  uint64_t hash = key * 31 + value;

  hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9ULL;
  hash = (hash ^ (hash >> 27)) * 0x94d049bb133111ebULL;
  return hash ^ (hash >> 31);
}

static bool
names(const char *alternatives, const char *key, size_t size_bytes)
{
  for (;;) {
    size_t length = strcspn(alternatives, "|");

    if (length == size_bytes && memcmp(alternatives, key, length) == 0)
      return true;
    if (alternatives[length] == '\0')
      return false;
    alternatives += length + 1;
  }
}

uint8_t
mst_otlp_required(const mst_otlp_wanted *wanted, const char *key, size_t size_bytes)
{
  uint8_t bits = 0;

  for (size_t i = 0; i < wanted->required_count && size_bytes > 0; i++) {
    if (names(wanted->required[i], key, size_bytes))
      bits = (uint8_t)(bits | 1U << i);
  }
  return bits;
}

void
mst_otlp_tally_span(mst_otlp_tally *tally, const mst_otlp_span *span)
{
  /* A status that this agent does not know is none that was set. */
  tally->spans[span->status < MST_OTLP_STATUSES ? span->status : 0]++;
  tally->with_ids += span->has_trace_id && span->has_span_id;
  tally->roots += !span->has_parent;
  if (tally->wanted->is_of_all || span->kind == MST_OTLP_KIND_SERVER || span->kind == MST_OTLP_KIND_CONSUMER) {
    tally->held++;
    tally->by_bits[span->attributes]++;
    tally->has_bits = true;
  }
}

mst_err
mst_otlp_tally_request(mst_otlp_tally *tally, const mst_otlp_point *point, mst_errctx *ctx)
{
  if (tally->request_count == MST_OTLP_POINTS_MAX) {
    tally->untaken++;
    return MST_OK;
  }
  if (tally->request_count == tally->request_capacity) {
    size_t capacity = tally->request_capacity ? 2 * tally->request_capacity : first_capacity;
    mst_otlp_point *grown = mst_realloc(tally->requests, capacity, sizeof *grown);

    if (!grown)
      return mst_fail(ctx, MST_ENOMEM, "no memory for data points");
    tally->requests = grown;
    tally->request_capacity = capacity;
  }
  tally->requests[tally->request_count++] = *point;
  return MST_OK;
}

void
mst_otlp_tally_metric(mst_otlp_tally *tally, size_t first, uint64_t temporality)
{
  tally->has_metric = true;
  if (temporality != MST_OTLP_DELTA && temporality != MST_OTLP_CUMULATIVE) {
    tally->is_unusable = true;
    tally->request_count = first;
    return;
  }
  for (size_t i = first; i < tally->request_count; i++)
    tally->requests[i].is_delta = temporality == MST_OTLP_DELTA;
}

void
mst_otlp_tally_scope(mst_otlp_tally *tally, size_t first, uint64_t hash)
{
  for (size_t i = first; i < tally->request_count; i++)
    tally->requests[i].series = mst_otlp_hash_pair(tally->requests[i].series, hash);
}

void
mst_otlp_tally_resource(mst_otlp_tally *tally, size_t first, uint8_t attributes, uint64_t hash)
{
  unsigned all = (1U << tally->wanted->required_count) - 1;

  for (size_t i = first; i < tally->request_count; i++) {
    tally->requests[i].resource = hash;
    tally->requests[i].series = mst_otlp_hash_pair(tally->requests[i].series, hash);
  }
  if (!tally->has_bits)
    return;
  for (unsigned bits = 0; bits <= all; bits++) {
    if ((bits | attributes) == all)
      tally->complete += tally->by_bits[bits];
  }
  memset(tally->by_bits, 0, sizeof tally->by_bits);
  tally->has_bits = false;
}
