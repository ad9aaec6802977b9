#include <criterion/criterion.h>
#include <string.h>

#include <mst/common/alloc.h>
#include <mst/common/diag.h>

static const char *
formatted(const mst_diags *diags, size_t at)
{
  static char text[256];

  cr_assert_lt(at, diags->count);
  return mst_diag_format(&diags->list[at], text, sizeof text);
}

Test(diag, format__leaves_out_what_is_not_known)
{
  mst_diags diags;

  mst_diags_init(&diags);
  mst_diags_add(&diags, "a.yml", 3, 7, "items[3].id", "used %d times", 2);
  mst_diags_add(&diags, "a.yml", 3, 0, "", "no column");
  mst_diags_add(&diags, "a.yml", 0, 5, "key", "a column without a line says nothing");
  mst_diags_add(&diags, "a.yml", 0, 0, NULL, "the file");
  mst_diags_add(&diags, NULL, 1, 1, "key", "no file");
  mst_diags_add(&diags, "", 0, 0, "", "text alone");
  cr_expect_str_eq(formatted(&diags, 0), "a.yml:3:7: items[3].id: used 2 times");
  cr_expect_str_eq(formatted(&diags, 1), "a.yml:3: no column");
  cr_expect_str_eq(formatted(&diags, 2), "a.yml: key: a column without a line says nothing");
  cr_expect_str_eq(formatted(&diags, 3), "a.yml: the file");
  cr_expect_str_eq(formatted(&diags, 4), "key: no file");
  cr_expect_str_eq(formatted(&diags, 5), "text alone");
  mst_diags_done(&diags);
}

Test(diag, format__into_too_little_room__is_cut_and_terminated)
{
  char text[10];
  mst_diags diags;

  mst_diags_init(&diags);
  mst_diags_add(&diags, "file.yml", 1, 1, "key", "text");
  cr_expect_str_eq(mst_diag_format(&diags.list[0], text, sizeof text), "file.yml:");
  mst_diags_done(&diags);
}

Test(diag, add__copies_its_texts)
{
  char file[] = "f", key[] = "k", what[] = "w";
  mst_diags diags;

  mst_diags_init(&diags);
  mst_diags_add(&diags, file, 1, 1, key, "%s", what);
  file[0] = key[0] = what[0] = '?';
  cr_expect_str_eq(formatted(&diags, 0), "f:1:1: k: w");
  mst_diags_done(&diags);
}

Test(diag, sort__orders_by_place_and_drops_equals)
{
  static const char *const expected[] = {"a:1:2: x", "a:1:2: y", "a:1:2: key: x", "a:2:1: x", "a:10:1: x", "b:1:1: x"};
  mst_diags diags;

  mst_diags_init(&diags);
  mst_diags_add(&diags, "b", 1, 1, "", "x");
  mst_diags_add(&diags, "a", 10, 1, "", "x");
  mst_diags_add(&diags, "a", 2, 1, "", "x");
  mst_diags_add(&diags, "a", 1, 2, "key", "x");
  mst_diags_add(&diags, "a", 1, 2, "", "y");
  mst_diags_add(&diags, "b", 1, 1, "", "x");
  mst_diags_add(&diags, "a", 1, 2, "", "x");
  mst_diags_add(&diags, "b", 1, 1, "", "x");
  mst_diags_sort(&diags);
  cr_expect_eq(diags.count, 6);
  for (size_t i = 0; i < 6; i++)
    cr_expect_str_eq(formatted(&diags, i), expected[i]);
  mst_diags_done(&diags);
}

Test(diag, sort__of_none__is_nothing)
{
  mst_diags diags;

  mst_diags_init(&diags);
  mst_diags_sort(&diags);
  cr_expect_eq(diags.count, 0);
  mst_diags_done(&diags);
}

Test(diag, more_than_the_maximum__are_counted)
{
  mst_diags diags;

  mst_diags_init(&diags);
  for (uint32_t i = 0; i < MST_DIAGS_MAX + 7; i++)
    mst_diags_add(&diags, "f", i + 1, 1, "", "x");
  cr_expect_eq(diags.count, MST_DIAGS_MAX);
  cr_expect_eq(diags.dropped, 7);
  mst_diags_done(&diags);
  cr_expect_eq(diags.count + diags.dropped, 0);
}

Test(diag, long_text__is_cut)
{
  static char text[5000];
  mst_diags diags;

  memset(text, 'x', sizeof text - 1);
  mst_diags_init(&diags);
  mst_diags_add(&diags, "f", 1, 1, "", "%s", text);
  cr_expect_lt(strlen(diags.list[0].text), 2000);
  mst_diags_done(&diags);
}

/* A file that could not be judged for want of memory must not look clean. */
Test(diag, memory_out__is_counted_at_each_allocation)
{
  for (size_t nth = 1; nth <= 4; nth++) {
    mst_diags diags;
    mst_diags_init(&diags);
    mst_alloc_fail_at(nth);
    mst_diags_add(&diags, "f", 1, 1, "k", "x");
    cr_expect_eq(diags.count, 0);
    cr_expect_eq(diags.dropped, 1, "allocation %zu", nth);
    mst_diags_done(&diags);
  }
  mst_alloc_fail_at(0);
}
