/* Memory that is given back all at once. */
#include "windows/arena.h"

#include <string.h>

#include <mst/common/alloc.h>

struct mst_arena_chunk {
  mst_arena_chunk *older;
  size_t used_bytes, capacity_bytes;
  _Alignas(void *) char data[];
};

void
mst_arena_init(mst_arena *arena, size_t chunk_bytes, size_t slack_bytes)
{
  *arena = (mst_arena){.chunk_bytes = chunk_bytes, .slack_bytes = slack_bytes};
}

void
mst_arena_done(mst_arena *arena)
{
  mst_arena_rewind(arena, (mst_arena_mark){NULL, 0});
}

static mst_arena_chunk *
add_chunk(mst_arena *arena, size_t size_bytes)
{
  size_t capacity = size_bytes > arena->chunk_bytes ? size_bytes : arena->chunk_bytes;
  mst_arena_chunk *chunk = mst_alloc(1, sizeof *chunk + capacity + arena->slack_bytes);

  if (!chunk)
    return NULL;
  chunk->older = arena->newest;
  chunk->capacity_bytes = capacity;
  arena->newest = chunk;
  return chunk;
}

void *
mst_arena_take(mst_arena *arena, size_t size_bytes, bool aligned)
{
  mst_arena_chunk *chunk = arena->newest;
  size_t align = aligned ? sizeof(void *) : 1;
  size_t start = chunk ? (chunk->used_bytes + align - 1) / align * align : 0;

  if (!chunk || start > chunk->capacity_bytes || size_bytes > chunk->capacity_bytes - start) {
    chunk = add_chunk(arena, size_bytes);
    start = 0;
  }
  if (!chunk)
    return NULL;
  chunk->used_bytes = start + size_bytes;
  return chunk->data + start;
}

mst_arena_mark
mst_arena_here(const mst_arena *arena)
{
  return (mst_arena_mark){arena->newest, arena->newest ? arena->newest->used_bytes : 0};
}

void
mst_arena_rewind(mst_arena *arena, mst_arena_mark mark)
{
  while (arena->newest != mark.chunk) {
    mst_arena_chunk *chunk = arena->newest;
    arena->newest = chunk->older;
    mst_free(chunk);
  }
  if (!mark.chunk)
    return;
  memset(mark.chunk->data + mark.used_bytes, 0, mark.chunk->used_bytes - mark.used_bytes);
  mark.chunk->used_bytes = mark.used_bytes;
}
