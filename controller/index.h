#ifndef MST_CONTROLLER_INDEX_H
#define MST_CONTROLLER_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include <mst/common/err.h>

/* A hash index over entries that stand elsewhere: open addressing, linear probing, no tombstones. Entries are pointers, not owned. Not
 * thread-safe. */
typedef struct mst_index_kind {
  uint64_t (*hash)(const void *entry);
  bool (*equal)(const void *entry, const void *key); /* key: an entry too, perhaps with only its key filled in */
} mst_index_kind;

typedef struct mst_index {
  const mst_index_kind *kind;
  void **slots; /* owned */
  uint32_t size, used;
} mst_index;

void mst_index_init(mst_index *index, const mst_index_kind *kind);
void mst_index_done(mst_index *index);
/* NULL when there is none. */
void *mst_index_find(const mst_index *index, const void *key);
/* The caller has seen that no equal one is there. MST_ENOMEM. */
mst_err mst_index_add(mst_index *index, void *entry, mst_errctx *ctx) MST_MUST_USE;
/* Makes room, so that `more` calls of add cannot fail. */
mst_err mst_index_reserve(mst_index *index, uint32_t more, mst_errctx *ctx) MST_MUST_USE;
void mst_index_remove(mst_index *index, const void *entry);

/* FNV-1a with a final mix: keys here are random, or small numbers of our own. */
static inline uint64_t
mst_index_hash(uint64_t hash, const void *data, uint32_t size_bytes)
{
  const uint8_t *bytes = data;

  for (uint32_t i = 0; i < size_bytes; i++)
    hash = (hash ^ bytes[i]) * 1099511628211ULL;
  return hash ^ hash >> 29;
}
#define MST_INDEX_SEED 14695981039346656037ULL

#endif
