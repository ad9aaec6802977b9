#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

#include <mst/common/alloc.h>
#include <mst/common/buf.h>

Test(buf, new_one__is_empty_and_holds_no_memory)
{
  mst_buf buf;

  mst_buf_init(&buf, 10);
  cr_expect_str_eq(mst_buf_text(&buf), "");
  cr_expect_eq(mst_buf_check(&buf, "x", NULL), MST_OK);
  cr_expect_null(buf.data);
  mst_buf_done(&buf);
}

Test(buf, appends__stand_one_behind_the_other_and_end_in_nul)
{
  mst_buf buf;

  mst_buf_init(&buf, 1000);
  mst_buf_append(&buf, "a\0b", 3);
  mst_buf_puts(&buf, "text");
  mst_buf_printf(&buf, "-%d-%s", 42, "x");
  cr_expect_eq(buf.size_bytes, 12);
  cr_expect_eq(memcmp(buf.data, "a\0btext-42-x", 13), 0);
  mst_buf_done(&buf);
}

Test(buf, nothing_appended__leaves_a_text)
{
  mst_buf buf;

  mst_buf_init(&buf, 10);
  mst_buf_append(&buf, NULL, 0);
  mst_buf_puts(&buf, "");
  mst_buf_printf(&buf, "%s", "");
  cr_expect_str_eq(mst_buf_text(&buf), "");
  cr_expect_eq(buf.size_bytes, 0);
  mst_buf_done(&buf);
}

Test(buf, growth__keeps_every_byte)
{
  mst_buf buf;

  mst_buf_init(&buf, 100000);
  for (int i = 0; i < 100000; i++)
    mst_buf_append(&buf, &(uint8_t){(uint8_t)(i % 251)}, 1);
  cr_assert_eq(mst_buf_check(&buf, "x", NULL), MST_OK);
  cr_assert_eq(buf.size_bytes, 100000);
  for (int i = 0; i < 100000; i++)
    cr_assert_eq(buf.data[i], i % 251);
  cr_expect_leq(buf.capacity_bytes, 100001);
  mst_buf_done(&buf);
}

Test(buf, maximum__is_reached_but_never_passed)
{
  mst_errctx ctx = {0};
  mst_buf buf;

  mst_buf_init(&buf, 5);
  mst_buf_puts(&buf, "12345");
  cr_expect_eq(mst_buf_check(&buf, "list", &ctx), MST_OK);
  mst_buf_puts(&buf, "6");
  cr_expect_eq(mst_buf_check(&buf, "list", &ctx), MST_ELIMIT);
  cr_expect_str_eq(ctx.text, "list: over the limit of 5 bytes");
  cr_expect_str_eq(mst_buf_text(&buf), "12345");
  mst_buf_done(&buf);
}

Test(buf, after_a_failure__appends_do_nothing)
{
  mst_buf buf;

  mst_buf_init(&buf, 5);
  mst_buf_puts(&buf, "123");
  mst_buf_puts(&buf, "456");
  mst_buf_puts(&buf, "4");
  mst_buf_printf(&buf, "%d", 4);
  cr_expect_null(mst_buf_extend(&buf, 1));
  cr_expect_str_eq(mst_buf_text(&buf), "123");
  mst_buf_reset(&buf);
  cr_expect_eq(buf.failed, MST_OK);
  mst_buf_puts(&buf, "4");
  cr_expect_str_eq(mst_buf_text(&buf), "4");
  mst_buf_done(&buf);
}

Test(buf, printf__over_the_maximum__leaves_what_was_there)
{
  mst_buf buf;

  mst_buf_init(&buf, 5);
  mst_buf_printf(&buf, "%d", 12);
  mst_buf_printf(&buf, "%d", 123456);
  cr_expect_eq(buf.failed, MST_ELIMIT);
  cr_expect_str_eq(mst_buf_text(&buf), "12");
  mst_buf_done(&buf);
}

Test(buf, huge_sizes__do_not_overflow)
{
  volatile size_t huge = SIZE_MAX;
  mst_buf buf;

  mst_buf_init(&buf, huge);
  mst_buf_puts(&buf, "abc");
  cr_expect_str_eq(mst_buf_text(&buf), "abc");
  cr_expect_null(mst_buf_extend(&buf, huge));
  cr_expect_eq(buf.failed, MST_ELIMIT);
  mst_buf_reset(&buf);
  cr_expect_null(mst_buf_extend(&buf, huge - 3));
  cr_expect_eq(buf.failed, MST_ELIMIT);
  mst_buf_done(&buf);
}

Test(buf, memory_out__is_said_and_leaves_what_was_there)
{
  mst_errctx ctx = {0};
  mst_buf buf;

  mst_buf_init(&buf, 1000);
  mst_buf_puts(&buf, "abc");
  mst_alloc_fail_at(1);
  cr_expect_null(mst_buf_extend(&buf, 500));
  cr_expect_eq(mst_buf_check(&buf, "answer", &ctx), MST_ENOMEM);
  cr_expect_str_eq(ctx.text, "answer: out of memory");
  cr_expect_str_eq(mst_buf_text(&buf), "abc");
  mst_buf_done(&buf);
}

Test(buf, extend__gives_room_to_write_into)
{
  mst_buf buf;

  mst_buf_init(&buf, 10);
  mst_buf_puts(&buf, "ab");
  memcpy(mst_buf_extend(&buf, 3), "cde", 3);
  cr_expect_str_eq(mst_buf_text(&buf), "abcde");
  mst_buf_done(&buf);
}

Test(buf, reset__keeps_the_memory)
{
  mst_buf buf;

  mst_buf_init(&buf, 1000);
  mst_buf_puts(&buf, "abc");
  const uint8_t *data = buf.data;
  mst_buf_reset(&buf);
  cr_expect_str_eq(mst_buf_text(&buf), "");
  mst_buf_puts(&buf, "x");
  cr_expect_eq(buf.data, data);
  mst_buf_done(&buf);
  cr_expect_str_eq(mst_buf_text(&buf), "", "done, it may be looked at and used again");
  mst_buf_puts(&buf, "again");
  cr_expect_str_eq(mst_buf_text(&buf), "again");
  mst_buf_done(&buf);
}

Test(buf, take__hands_the_bytes_over)
{
  size_t bytes = 99;
  mst_buf buf;

  mst_buf_init(&buf, 10);
  mst_buf_puts(&buf, "abc");
  uint8_t *taken = mst_buf_take(&buf, &bytes);
  cr_assert_not_null(taken);
  cr_expect_eq(bytes, 3);
  cr_expect_str_eq((char *)taken, "abc");
  cr_expect_eq(buf.size_bytes, 0);
  mst_buf_puts(&buf, "new");
  cr_expect_str_eq(mst_buf_text(&buf), "new");
  cr_expect_str_eq((char *)taken, "abc");
  mst_free(taken);
  mst_buf_reset(&buf);
  cr_expect_null(mst_buf_take(&buf, &bytes), "empty, though with memory");
  cr_expect_eq(bytes, 0);
  mst_buf_done(&buf);
}
