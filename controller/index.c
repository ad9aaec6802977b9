/* A hash index. */
#include "index.h"

#include <mst/common/alloc.h>

enum { FIRST_SIZE = 64, SIZE_MAX_SLOTS = 1 << 30 };

void
mst_index_init(mst_index *index, const mst_index_kind *kind)
{
  *index = (mst_index){.kind = kind};
}

void
mst_index_done(mst_index *index)
{
  mst_free(index->slots);
  *index = (mst_index){.kind = index->kind};
}

static uint32_t
home(const mst_index *index, const void *entry)
{
  return (uint32_t)index->kind->hash(entry) & (index->size - 1);
}

void *
mst_index_find(const mst_index *index, const void *key)
{
  if (index->size == 0)
    return NULL;
  for (uint32_t at = home(index, key); index->slots[at]; at = (at + 1) & (index->size - 1))
    if (index->kind->equal(index->slots[at], key))
      return index->slots[at];
  return NULL;
}

static void
place(mst_index *index, void *entry)
{
  uint32_t at = home(index, entry);

  while (index->slots[at])
    at = (at + 1) & (index->size - 1);
  index->slots[at] = entry;
}

mst_err
mst_index_reserve(mst_index *index, uint32_t more, mst_errctx *ctx)
{
  uint32_t size = index->size ? index->size : FIRST_SIZE, old_size = index->size;
  void **old = index->slots;

  while (size < SIZE_MAX_SLOTS && (uint64_t)(index->used + (uint64_t)more) * 4 > (uint64_t)size * 3)
    size *= 2;
  if (size == old_size)
    return MST_OK;
  void **slots = mst_alloc(size, sizeof *slots);
  if (!slots)
    return mst_fail(ctx, MST_ENOMEM, "out of memory for an index of %u entries", index->used + more);
  index->slots = slots;
  index->size = size;
  for (uint32_t i = 0; i < old_size; i++)
    if (old[i])
      place(index, old[i]);
  mst_free(old);
  return MST_OK;
}

mst_err
mst_index_add(mst_index *index, void *entry, mst_errctx *ctx)
{
  mst_err err = mst_index_reserve(index, 1, ctx);

  if (err != MST_OK)
    return err;
  place(index, entry);
  index->used++;
  return MST_OK;
}

void
mst_index_remove(mst_index *index, const void *entry)
{
  if (index->size == 0)
    return;
  uint32_t mask = index->size - 1, hole = home(index, entry);
  while (index->slots[hole] != entry) {
    if (!index->slots[hole])
      return;
    hole = (hole + 1) & mask;
  }
  /* Whoever stands behind the hole and would be looked for from before it moves up. */
  for (uint32_t at = (hole + 1) & mask; index->slots[at]; at = (at + 1) & mask) {
    uint32_t distance = (at - home(index, index->slots[at])) & mask;
    if (distance >= ((at - hole) & mask)) {
      index->slots[hole] = index->slots[at];
      hole = at;
    }
  }
  index->slots[hole] = NULL;
  index->used--;
}
