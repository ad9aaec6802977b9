#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "copies.h"

Test(copies, all_that_is_kept__stands_in_the_file_one_behind_the_other_also_after_a_restart)
{
  char path[] = "/tmp/mst-copies-XXXXXX", text[16] = "";
  mst_errctx ctx = {0};
  mst_copies copies;
  int fd = mkstemp(path);

  for (int start = 0; start < 2; start++) {
    cr_assert_eq(mst_copies_open(&copies, path, &ctx), MST_OK, "%s", ctx.text);
    mst_copies_keep(&copies, "ab", 2);
    mst_copies_keep(&copies, "\0c", 2);
    mst_copies_close(&copies);
  }
  cr_expect_eq(read(fd, text, sizeof text), 8);
  cr_expect_eq(memcmp(text, "ab\0cab\0c", 8), 0);
  close(fd);
  unlink(path);
}

Test(copies, no_file_named__keeps_nothing)
{
  mst_errctx ctx = {0};
  mst_copies copies;

  cr_assert_eq(mst_copies_open(&copies, NULL, &ctx), MST_OK);
  mst_copies_keep(&copies, "ab", 2);
  cr_expect_eq(copies.fd, -1);
  mst_copies_close(&copies);
}

Test(copies, path_that_cannot_be_opened__is_said_with_its_name)
{
  mst_errctx ctx = {0};
  mst_copies copies;

  cr_expect_eq(mst_copies_open(&copies, "/nowhere/copies", &ctx), MST_EIO);
  cr_expect(strstr(ctx.text, "/nowhere/copies"), "%s", ctx.text);
  mst_copies_close(&copies);
}

Test(copies, full_disk__is_said_once_and_stops_nothing)
{
  mst_errctx ctx = {0};
  mst_copies copies;

  cr_assert_eq(mst_copies_open(&copies, "/dev/full", &ctx), MST_OK, "%s", ctx.text);
  mst_copies_keep(&copies, "ab", 2);
  cr_expect(copies.is_failing);
  mst_copies_keep(&copies, "ab", 2);
  cr_expect(copies.is_failing);
  mst_copies_close(&copies);
}
