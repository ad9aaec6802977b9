#include "pool.h"

#include <stdint.h>
#include <string.h>

#include <mst/common/alloc.h>

enum { BLOCK_BYTES = 64 * 1024, ALIGN_BYTES = 16 };

struct mst_pool_block {
  struct mst_pool_block *next;
  size_t used_bytes, size_bytes;
  uint64_t padding;
  _Alignas(ALIGN_BYTES) uint8_t data[];
};

void *
mst_pool_alloc(mst_pool *pool, size_t size_bytes)
{
  struct mst_pool_block *block = pool->blocks;

  if (size_bytes > SIZE_MAX / 2)
    return NULL;
  size_bytes = (size_bytes + ALIGN_BYTES - 1) / ALIGN_BYTES * ALIGN_BYTES;
  if (!block || block->size_bytes - block->used_bytes < size_bytes) {
    size_t room = size_bytes > BLOCK_BYTES ? size_bytes : BLOCK_BYTES;
    block = mst_alloc(1, sizeof *block + room);
    if (!block)
      return NULL;
    block->size_bytes = room;
    block->next = pool->blocks;
    pool->blocks = block;
  }
  void *result = block->data + block->used_bytes;
  block->used_bytes += size_bytes;
  return result;
}

char *
mst_pool_strdup(mst_pool *pool, const char *text)
{
  size_t size = strlen(text) + 1;
  char *copy = mst_pool_alloc(pool, size);

  return copy ? memcpy(copy, text, size) : NULL;
}

void
mst_pool_done(mst_pool *pool)
{
  while (pool->blocks) {
    struct mst_pool_block *next = pool->blocks->next;
    mst_free(pool->blocks);
    pool->blocks = next;
  }
}
