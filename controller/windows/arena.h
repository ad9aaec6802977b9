#ifndef MST_WINDOWS_ARENA_H
#define MST_WINDOWS_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include <mst/common/err.h>

/* Memory that is given back all at once: for the many small texts of a window or a table of series. Not thread-safe. */
typedef struct mst_arena_chunk mst_arena_chunk;
typedef struct mst_arena {
  mst_arena_chunk *newest;
  size_t chunk_bytes; /* what a new chunk holds at least */
  size_t slack_bytes; /* readable bytes behind every block */
} mst_arena;

void mst_arena_init(mst_arena *arena, size_t chunk_bytes, size_t slack_bytes);
void mst_arena_done(mst_arena *arena);
/* size_bytes of zeroed memory, aligned for pointers when `aligned`; NULL when memory is out. */
void *mst_arena_take(mst_arena *arena, size_t size_bytes, bool aligned) MST_MUST_USE;

/* A place to go back to: what was taken since is given back by rewind. */
typedef struct mst_arena_mark {
  mst_arena_chunk *chunk;
  size_t used_bytes;
} mst_arena_mark;
mst_arena_mark mst_arena_here(const mst_arena *arena);
void mst_arena_rewind(mst_arena *arena, mst_arena_mark mark);

#endif
