#ifndef MST_COMMON_ALLOC_H
#define MST_COMMON_ALLOC_H

#include <stddef.h>

#include <mst/common/err.h>

/* The one door to the heap, so that tests can fail the Nth allocation. All return NULL when memory is out;
 * memory comes zeroed; free with mst_free. count * size_bytes is checked for overflow. Any thread. */
void *mst_alloc(size_t count, size_t size_bytes) MST_MUST_USE;
/* As realloc; on failure the old block stays as it was. New bytes are not zeroed. */
void *mst_realloc(void *block, size_t count, size_t size_bytes) MST_MUST_USE;
char *mst_strdup(const char *text) MST_MUST_USE;
/* Copies at most length bytes of text and terminates the copy. */
char *mst_strndup(const char *text, size_t length) MST_MUST_USE;
void mst_free(void *block);

/* Tests only: the nth allocation from now (1 = the next) fails, and only that one; 0 turns it off. Process-wide. */
void mst_alloc_fail_at(size_t nth);

#endif
