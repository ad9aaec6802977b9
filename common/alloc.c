/* The one door to the heap. */
#include <mst/common/alloc.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* 0: off; n: the nth allocation from now fails. */
static atomic_size_t fail_countdown;

static bool
must_fail(void)
{
  size_t left = atomic_load_explicit(&fail_countdown, memory_order_relaxed);

  /* Not a plain subtraction: two threads at 1 would carry it below 0, which means "fail in a long while" instead of "off". */
  while (left != 0)
    if (atomic_compare_exchange_weak(&fail_countdown, &left, left - 1))
      return left == 1;
  return false;
}

void
mst_alloc_fail_at(size_t nth)
{
  atomic_store(&fail_countdown, nth);
}

void *
mst_alloc(size_t count, size_t size_bytes)
{
  size_t total;

  if (__builtin_mul_overflow(count, size_bytes, &total) || must_fail())
    return NULL;
  return calloc(1, total ? total : 1);
}

void *
mst_realloc(void *block, size_t count, size_t size_bytes)
{
  size_t total;

  if (__builtin_mul_overflow(count, size_bytes, &total) || must_fail())
    return NULL;
  return realloc(block, total ? total : 1);
}

char *
mst_strndup(const char *text, size_t length)
{
  size_t bytes = strnlen(text, length);
  char *copy = mst_alloc(bytes + 1, 1);

  if (copy)
    memcpy(copy, text, bytes);
  return copy;
}

char *
mst_strdup(const char *text)
{
  return mst_strndup(text, strlen(text));
}

void
mst_free(void *block)
{
  free(block);
}
