#ifndef MST_JUDGE_ARENA_H
#define MST_JUDGE_ARENA_H

#include <stddef.h>

#include <mst/common/err.h>

/* Texts and small arrays that live and die together. Zero-initialise it. */
typedef struct mst_arena {
  struct mst_arena_block *blocks;
} mst_arena;

/* Zeroed, aligned for anything; NULL when memory is out. */
void *mst_arena_alloc(mst_arena *arena, size_t size_bytes) MST_MUST_USE;
char *mst_arena_strdup(mst_arena *arena, const char *text) MST_MUST_USE;
void mst_arena_done(mst_arena *arena);

#endif
