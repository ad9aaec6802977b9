/* Content that is known under another name or inode, very many files, saves, and want of memory. */
#include "follow_rig.h"

TestSuite(follow_known, .init = setup, .fini = teardown, .timeout = 120);

/* ---- known content under other names ---- */

Test(follow_known, copy_of_a_rotated_file__is_not_read)
{
  met("");
  append_lines("a.log", 0, 100);
  move("a.log", "a.log.1");
  append_lines("a.log", 100, 100);
  linger();
  copy_file("a.log.1", "a.log.7");
  linger();
  expect_lines(0, 200);
}

Test(follow_known, rotated_file_replaced_by_its_copy__is_not_read_again)
{
  met("");
  append_lines("a.log", 0, 100);
  move("a.log", "a.log.1");
  append_lines("a.log", 100, 100);
  linger();
  copy_file("a.log.1", "other");
  move("other", "a.log.1");
  linger();
  RESTART({
    copy_file("a.log.1", "other");
    move("other", "a.log.1");
  });
  linger();
  expect_lines(0, 200);
}

Test(follow_known, moved_over_file_systems_while_down__is_read_on_in_the_copy)
{
  met("");
  append_lines("a.log", 0, 100);
  read_all();
  RESTART({
    append_lines("a.log", 100, 10);
    copy_file("a.log", "a.log.1");
    unlink(path_of("a.log"));
    append_lines("a.log", 110, 10);
  });
  linger();
  expect_lines(0, 120);
}

Test(follow_known, live_file_rewritten_by_an_editor__is_not_read_again)
{
  met("");
  append_lines("a.log", 0, 100);
  read_all();
  copy_file("a.log", "other");
  move("other", "a.log");
  append_lines("a.log", 100, 10);
  linger();
  expect_lines(0, 110);
}

Test(follow_known, old_file_uncompressed_beside_it__is_not_read)
{
  const struct timespec old[2] = {{.tv_sec = 1700000000}, {.tv_sec = 1700000000}};

  met("");
  append("a.log", "one\n");
  read_all();
  append("a.log.3", "from long ago\n");
  cr_assert_eq(utimensat(AT_FDCWD, path_of("a.log.3"), old, 0), 0);
  linger();
  EXPECT_TEXT("one\n");
}

Test(follow_known, finished_file_compressed__is_no_loss)
{
  met("");
  append("a.log", "one\n");
  move("a.log", "a.log.1");
  append("a.log", "two\n");
  linger();
  append("a.log.1.gz", "while it is compressed, both are there\n");
  refresh();
  cr_assert_eq(unlink(path_of("a.log.1")), 0);
  linger();
  EXPECT_TEXT("one\ntwo\n");
  cr_expect_eq(stats().lost_events, 0, "%s", stats().lost);
  cr_expect_eq(stats().rotated_files, 1);
}

Test(follow_known, compressed_before_it_was_ever_seen__is_a_loss)
{
  met("");
  append("a.log", "one\n");
  move("a.log", "a.log.1");
  append("a.log", "two\n");
  linger();
  append("a.log", "three\n");
  read_all();
  move("a.log.1", "a.log.3");
  move("a.log", "a.log.2");
  append("a.log.1.gz", "what nobody saw\n");
  append("a.log", "five\n");
  linger();
  cr_expect_eq(stats().lost_events, 1);
  cr_expect_not_null(strstr(stats().lost, "/a.log.1.gz"), "%s", stats().lost);
  linger();
  cr_expect_eq(stats().lost_events, 1, "said once");
}

Test(follow_known, rotated_name_met_before_its_live_file__becomes_its_sibling)
{
  fx.globs[0] = "/a.log*";
  append("a.log.1", "old\n"); /* the writer has not begun the new one yet */
  begin((mst_bytes){0});
  read_all();
  append("a.log", "one\n");
  read_all();
  copy_file("a.log", "a.log.9");
  read_all();
  append("a.log.1", "late\n");
  read_all();
  EXPECT_TEXT("one\nlate\n");
  cr_expect_eq(stats().files, 1);
  cr_expect_str_eq(fx.last_path, "/a.log");
}

Test(follow_known, wide_pattern__takes_no_backup_for_a_log)
{
  fx.globs[0] = "/*";
  met("");
  append_lines("a.log", 0, 10);
  read_all();
  copy_file("a.log", "a.log.bak");
  copy_file("a.log", "a.log~");
  append("a.log.2.gz", "packed");
  append("b.log.gz", "packed");
  append("worker-1", "a log of its own\n");
  append("worker", "and another\n");
  read_all();
  cr_expect_eq(stats().files, 3);
  cr_expect_not_null(strstr(fx.text, "a log of its own\n"));
  cr_expect_not_null(strstr(fx.text, "and another\n"));
  fx.length = 0;
  read_all();
  cr_expect_eq(fx.length, 0);
}

/* ---- many ---- */

Test(follow_known, dated_logs_for_years__never_fill_it_up)
{
  fx.globs[0] = "/app-*.log";
  append("app-0000.log", "");
  begin((mst_bytes){0});
  read_all();
  for (unsigned i = 1; i < 1500; i++) {
    char name[32], old[32];
    snprintf(name, sizeof name, "app-%04u.log", i);
    snprintf(old, sizeof old, "app-%04u.log", i - 1);
    append_lines(name, i, 1);
    unlink(path_of(old));
    read_all();
    fx.mono_ns += 61 * MST_NS_PER_S;
    read_all();
  }
  mst_buf kept = save();
  cr_expect_lt(kept.size_bytes, 1000);
  mst_buf_done(&kept);
  expect_lines(1, 1499);
}

Test(follow_known, more_files_than_allowed__are_counted_and_not_opened)
{
  fx.from_start = true;
  for (unsigned i = 0; i < 300; i++) {
    char name[32];
    snprintf(name, sizeof name, "%03u.log", i);
    append_lines(name, i, 1);
  }
  begin((mst_bytes){0});
  refresh();
  cr_expect_eq(stats().files, 64);
  cr_expect_eq(stats().left_out, 236);
  cr_expect_lt(count_descriptors(), 64 + 16);
  read_all();
  cr_expect_eq(stats().left_out, 236);
}

Test(follow_known, hundreds_of_rotations_while_down__need_few_descriptors)
{
  met("");
  RESTART({
    for (unsigned i = 0; i < 300; i++) {
      char name[32];
      snprintf(name, sizeof name, "a.log-20261123%04u", i);
      append_lines("a.log", i, 1);
      move("a.log", name);
    }
    append_lines("a.log", 300, 1);
  });
  size_t before = count_descriptors();
  refresh();
  cr_expect_leq(count_descriptors() - before, 64u + MST_SPARE_FDS + 1);
  read_all();
  cr_expect_leq(count_descriptors() - before, 64u + MST_SPARE_FDS + 1);
  expect_lines(0, 301);
  linger();
  linger();
  cr_expect_leq(count_descriptors() - before, 2);
  mst_buf whole = save();
  cr_expect_leq(whole.size_bytes, 40u * 1024);
  mst_buf_done(&whole);
  RESTART({});
  linger();
  expect_lines(0, 301);
}

Test(follow_known, full_house__fits_into_a_save)
{
  char folder[128], name[200];

  fx.globs[0] = "/*/*.log";
  memset(folder, 'd', 120);
  folder[120] = '\0';
  fx.follow = NULL;
  cr_assert_eq(mkdir(path_of(folder), 0700), 0);
  const mst_follow_setup how = {.root_fd = fx.root_fd,
                                .globs = fx.globs,
                                .glob_count = 1,
                                .from_start = true,
                                .files_max = MST_FOLLOW_FILES_MAX,
                                .line_max_bytes = 1 << 20,
                                .clock = &fx.clock};
  mst_errctx ctx = {0};
  cr_assert_eq(mst_follow_create(&how, &fx.follow, &ctx), MST_OK, "%s", ctx.text);
  for (unsigned i = 0; i < MST_FOLLOW_FILES_MAX; i++) {
    snprintf(name, sizeof name, "%s/container-%03u.log", folder, i);
    append_lines(name, i, 30);
  }
  read_all();
  cr_expect_eq(stats().files, MST_FOLLOW_FILES_MAX);
  for (size_t i = 0; i < fx.follow->file_count; i++)
    memset(fx.follow->files[i].user, 0xff, MST_FOLLOW_USER_BYTES);
  mst_buf kept = save();
  mst_follow_destroy(fx.follow);
  fx.follow = NULL;
  mst_follow_setup again = how;
  again.saved = (mst_bytes){kept.data, kept.size_bytes};
  cr_assert_eq(mst_follow_create(&again, &fx.follow, &ctx), MST_OK, "%s", ctx.text);
  fx.length = 0;
  fx.text[0] = '\0';
  read_all();
  EXPECT_TEXT("");
  snprintf(name, sizeof name, "%s/container-200.log", folder);
  append_lines(name, 7, 1);
  read_all();
  expect_lines(7, 1);
  cr_expect_not_null(strstr(fx.last_path, "/ddd"));
  mst_buf_done(&kept);
}

/* ---- saves and memory ---- */

Test(follow_known, any_wrong_byte_of_a_save__is_refused)
{
  mst_errctx ctx = {0};

  met("");
  append_lines("a.log", 0, 100);
  move("a.log", "a.log.1");
  append_lines("a.log", 100, 100);
  read_all();
  mst_buf kept = save();
  for (size_t at = 0; at <= kept.size_bytes; at++) {
    mst_follow_setup how = {.root_fd = fx.root_fd,
                            .globs = fx.globs,
                            .glob_count = 1,
                            .files_max = 64,
                            .line_max_bytes = 1024,
                            .clock = &fx.clock,
                            .saved = {kept.data, kept.size_bytes}};
    mst_follow *other = NULL;
    if (at < kept.size_bytes) {
      kept.data[at] ^= 0x10;
      cr_expect_eq(mst_follow_create(&how, &other, &ctx), MST_EMALFORMED, "byte %zu", at);
      kept.data[at] ^= 0x10;
      how.saved.size_bytes = at;
      if (at > 0)
        cr_expect_eq(mst_follow_create(&how, &other, &ctx), MST_EMALFORMED, "%zu bytes", at);
    } else {
      cr_expect_eq(mst_follow_create(&how, &other, &ctx), MST_OK, "%s", ctx.text);
    }
    mst_follow_destroy(other);
  }
  mst_buf_done(&kept);
}

Test(follow_known, pattern_that_is_gone_after_a_restart__is_not_followed)
{
  fx.globs[1] = "/*.txt";
  fx.glob_count = 2;
  append("b.txt", "");
  met("");
  append("b.txt", "one\n");
  fx.glob_count = 1;
  RESTART({});
  append("b.txt", "two\n");
  read_all();
  EXPECT_TEXT("");
  cr_expect_eq(stats().files, 1);
  cr_expect_eq(stats().lost_events, 0, "%s", stats().lost);
}

Test(follow_known, skip_to_the_start_of_a_line__keeps_that_line)
{
  met("");
  append("a.log", "first\nsecond\nthird\n");
  refresh();
  cr_expect_eq(mst_follow_skip(fx.follow, 13), 6);
  read_all();
  EXPECT_TEXT("second\nthird\n");
  cr_expect_eq(stats().skipped_bytes, 6);
}

Test(follow_known, skip__takes_from_the_loud_log_only)
{
  append("b.log", "");
  met("");
  append_lines("a.log", 0, 1000);
  append("b.log", "quiet\n");
  refresh();
  mst_follow_skip(fx.follow, 5000);
  read_all();
  cr_expect_not_null(strstr(fx.text, "quiet\n"));
  cr_expect_not_null(strstr(fx.text, "0000999 "));
  cr_expect_null(strstr(fx.text, "0000001 "));
}

Test(follow_known, memory_that_runs_out_anywhere__costs_no_line)
{
  unsigned next = 0;

  met("");
  for (size_t nth = 1; nth <= 40; nth++) {
    mst_errctx ctx = {0};
    size_t got;
    char name[32];
    append_lines("a.log", next++, 1);
    snprintf(name, sizeof name, "a.log-20261123%04zu", nth);
    move("a.log", name);
    append_lines("a.log", next++, 1);
    mst_alloc_fail_at(nth % 20 + 1);
    mst_err err = mst_follow_refresh(fx.follow, &ctx);
    if (err == MST_OK)
      err = mst_follow_read(fx.follow, 1 << 20, take, NULL, &got, &ctx);
    mst_alloc_fail_at(0);
    cr_expect(err == MST_OK || err == MST_ENOMEM, "%s", ctx.text);
    if (nth % 7 == 0)
      RESTART({});
    read_all();
  }
  linger();
  expect_lines(0, next);
}
