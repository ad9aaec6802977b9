#include "arena.h"

#include <string.h>

#include <mst/common/alloc.h>

enum { BLOCK_BYTES = 4096 };

struct mst_arena_block {
  struct mst_arena_block *next;
  size_t used_bytes, capacity_bytes;
  uint8_t data[];
};

uint8_t *
mst_arena_copy(mst_arena *arena, const void *data, size_t size_bytes)
{
  struct mst_arena_block *block = arena->blocks;
  size_t need = size_bytes + 1;

  if (!block || block->capacity_bytes - block->used_bytes < need) {
    size_t capacity = need > BLOCK_BYTES ? need : BLOCK_BYTES;
    block = mst_alloc(1, sizeof *block + capacity);
    if (!block)
      return NULL;
    block->capacity_bytes = capacity;
    block->next = arena->blocks;
    arena->blocks = block;
  }
  uint8_t *copy = block->data + block->used_bytes;
  if (size_bytes > 0)
    memcpy(copy, data, size_bytes);
  copy[size_bytes] = '\0';
  block->used_bytes += need;
  return copy;
}

void
mst_arena_done(mst_arena *arena)
{
  struct mst_arena_block *next;

  for (struct mst_arena_block *block = arena->blocks; block; block = next) {
    next = block->next;
    mst_free(block);
  }
  arena->blocks = NULL;
}
