#ifndef MST_JUDGE_POOL_H
#define MST_JUDGE_POOL_H

#include <stddef.h>

#include <mst/common/err.h>

/* Texts and small arrays that live and die together. Zero-initialise it. */
typedef struct mst_pool {
  struct mst_pool_block *blocks;
} mst_pool;

/* Zeroed, aligned for anything; NULL when memory is out. */
void *mst_pool_alloc(mst_pool *pool, size_t size_bytes) MST_MUST_USE;
char *mst_pool_strdup(mst_pool *pool, const char *text) MST_MUST_USE;
void mst_pool_done(mst_pool *pool);

#endif
