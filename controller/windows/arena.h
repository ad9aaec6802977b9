#ifndef MST_WINDOW_ARENA_H
#define MST_WINDOW_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that live as long as their owner: copies of texts and histograms, which are many and small. Not thread-safe. */
typedef struct mst_arena {
  struct mst_arena_block *blocks; /* newest first */
} mst_arena;

/* A copy of the bytes, with a NUL behind it; NULL when memory is out. */
uint8_t *mst_arena_copy(mst_arena *arena, const void *data, size_t size_bytes);
void mst_arena_done(mst_arena *arena);

#endif
