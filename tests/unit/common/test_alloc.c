#include <criterion/criterion.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include <mst/common/alloc.h>

Test(alloc, new_memory__is_zeroed)
{
  uint8_t *bytes = mst_alloc(1000, 4);

  cr_assert_not_null(bytes);
  for (size_t i = 0; i < 4000; i++)
    cr_assert_eq(bytes[i], 0);
  mst_free(bytes);
}

Test(alloc, nothing__is_still_a_block)
{
  void *none = mst_alloc(0, 8), *shrunk = mst_realloc(mst_alloc(4, 4), 0, 4);

  cr_expect_not_null(none);
  cr_expect_not_null(shrunk);
  mst_free(none);
  mst_free(shrunk);
  mst_free(NULL);
}

/* volatile: else the compiler sees that the product overflows and warns. */
Test(alloc, product_that_overflows__is_refused)
{
  volatile size_t huge = SIZE_MAX / 2 + 2;
  char *block = mst_strdup("stays");

  cr_expect_null(mst_alloc(huge, 2));
  cr_expect_null(mst_realloc(block, huge, 2));
  cr_expect_str_eq(block, "stays");
  mst_free(block);
}

Test(alloc, realloc__keeps_what_was_there)
{
  char *block = mst_strdup("abc");

  block = mst_realloc(block, 100, 100);
  cr_assert_not_null(block);
  cr_expect_str_eq(block, "abc");
  mst_free(block);
}

Test(alloc, strndup__copies_at_most_that_many_bytes)
{
  static const char unterminated[3] = {'x', 'y', 'z'};
  char *cut = mst_strndup("abcdef", 3), *whole = mst_strndup("ab", 10), *none = mst_strndup("ab", 0), *bytes = mst_strndup(unterminated, 3);

  cr_expect_str_eq(cut, "abc");
  cr_expect_str_eq(whole, "ab");
  cr_expect_str_eq(none, "");
  cr_expect_str_eq(bytes, "xyz");
  mst_free(cut);
  mst_free(whole);
  mst_free(none);
  mst_free(bytes);
}

Test(alloc, fail_at__fails_that_one_and_no_other)
{
  mst_alloc_fail_at(3);
  void *first = mst_alloc(1, 1);
  char *second = mst_strdup("x");
  void *third = mst_realloc(first, 2, 1);
  void *fourth = mst_alloc(1, 1);

  cr_expect_not_null(first);
  cr_expect_not_null(second);
  cr_expect_null(third);
  cr_expect_not_null(fourth);
  mst_free(first);
  mst_free(second);
  mst_free(fourth);
}

Test(alloc, fail_at_0__turns_it_off)
{
  mst_alloc_fail_at(1);
  mst_alloc_fail_at(0);
  void *block = mst_alloc(1, 1);

  cr_expect_not_null(block);
  mst_free(block);
}

enum { THREADS = 4, ALLOCATIONS = 2000 };

static void *
count_failures(void *argument)
{
  size_t *failures = argument;

  for (size_t i = 0; i < ALLOCATIONS; i++) {
    void *block = mst_alloc(1, 1);
    *failures += !block;
    mst_free(block);
  }
  return NULL;
}

Test(alloc, fail_at__among_threads__fails_exactly_one)
{
  pthread_t threads[THREADS];
  size_t failures[THREADS] = {0}, sum = 0;

  mst_alloc_fail_at(ALLOCATIONS);
  for (size_t i = 0; i < THREADS; i++)
    cr_assert_eq(pthread_create(&threads[i], NULL, count_failures, &failures[i]), 0);
  for (size_t i = 0; i < THREADS; i++) {
    pthread_join(threads[i], NULL);
    sum += failures[i];
  }
  cr_expect_eq(sum, 1, "%zu", sum);
}
