/* Files are followed through whatever rotation does to them, each line once. */
#include "follow_rig.h"

TestSuite(follow, .init = setup, .fini = teardown);

Test(follow, file_there_at_first__is_read_from_its_end_on)
{
  met("old\n");
  EXPECT_TEXT("");
  append("a.log", "new\n");
  read_all();
  EXPECT_TEXT("new\n");
  cr_expect_str_eq(fx.last_path, "/a.log");
}

Test(follow, file_there_at_first__is_read_from_its_start_where_that_is_asked_for)
{
  fx.from_start = true;
  append("a.log.1", "older\n");
  met("old\n");
  EXPECT_TEXT("old\n");
}

Test(follow, half_a_line_at_first__is_not_taken_for_a_line)
{
  met("ol");
  append("a.log", "d\nnew\n");
  read_all();
  EXPECT_TEXT("new\n");
}

Test(follow, file_that_comes_later__is_read_from_its_start)
{
  met("old\n");
  append("b.log", "new\n");
  read_all();
  EXPECT_TEXT("new\n");
  cr_expect_eq(stats().files, 2);
}

Test(follow, line_without_newline__waits_for_it)
{
  met("");
  append("a.log", "begin");
  read_all();
  EXPECT_TEXT("");
  cr_expect_eq(stats().unread_bytes, 0, "it waits for its writer");
  append("a.log", "ning");
  read_all();
  EXPECT_TEXT("");
  append("a.log", "\nnext");
  read_all();
  EXPECT_TEXT("beginning\n");
}

Test(follow, rename__the_old_file_is_read_to_its_end_before_the_new_one)
{
  met("old\n");
  append("a.log", "one\n");
  move("a.log", "a.log.1");
  append("a.log.1", "two\n");
  append("a.log", "three\n");
  append("a.log.1", "two and a half\n"); /* its writer has it open still */
  read_all();
  EXPECT_TEXT("one\ntwo\ntwo and a half\nthree\n");
  append("a.log.1", "late\n");
  read_all();
  cr_expect_not_null(strstr(fx.text, "late\n"));
  cr_expect_eq(stats().rotations, 1);
  cr_expect_eq(stats().rotated_files, 1);
  cr_expect_eq(stats().lost_events, 0, "%s", stats().lost);
}

Test(follow, rename_with_half_a_line__is_a_line_when_the_file_is_over)
{
  met("");
  append("a.log", "one\nhalf");
  read_all();
  move("a.log", "a.log-20261123");
  append("a.log", "two\n");
  read_all();
  EXPECT_TEXT("one\ntwo\n");
  linger();
  EXPECT_TEXT("one\ntwo\nhalf");
  cr_expect_eq(fx.ends, 1);
  linger();
  EXPECT_TEXT("one\ntwo\nhalf");
}

Test(follow, copytruncate__goes_on_in_the_copy_and_then_from_the_start)
{
  met("old\n");
  append("a.log", "one\n");
  read_all();
  append("a.log", "two\n");
  copy_file("a.log", "a.log.1");
  cut("a.log");
  append("a.log", "three\n");
  read_all();
  EXPECT_TEXT("one\ntwo\nthree\n");
  cr_expect_eq(stats().lost_events, 0, "%s", stats().lost);
  cr_expect_eq(stats().rotations, 1);
}

Test(follow, copy_seen_before_the_truncation__is_held_and_then_used)
{
  met("old\n");
  append("a.log", "one\n");
  copy_file("a.log", "a.log.1");
  read_all();
  EXPECT_TEXT("one\n");
  append("a.log", "two\n");
  copy_file("a.log", "a.log.1"); /* the copying goes on */
  cut("a.log");
  read_all();
  append("a.log", "three\n");
  linger();
  EXPECT_TEXT("one\ntwo\nthree\n");
  cr_expect_eq(stats().lost_events, 0, "%s", stats().lost);
}

Test(follow, truncated_and_grown_beyond_the_position__is_seen)
{
  met("a line of the old file\n");
  append("a.log", "one\n");
  copy_file("a.log", "a.log.1");
  cut("a.log");
  append("a.log", "another line, and it is longer than the old file was altogether\n");
  read_all();
  EXPECT_TEXT("one\nanother line, and it is longer than the old file was altogether\n");
  cr_expect_eq(stats().lost_events, 0, "%s", stats().lost);
}

Test(follow, truncated_without_a_copy__may_have_lost_something_and_says_so)
{
  met("old\n");
  append("a.log", "one\n");
  read_all();
  append("a.log", "two\n");
  refresh();
  cut("a.log");
  append("a.log", "3\n");
  read_all();
  cr_expect_eq(stats().lost_events, 1);
  cr_expect_not_null(strstr(stats().lost, "at least 4 bytes of /a.log"), "%s", stats().lost);
  EXPECT_TEXT("one\n3\n");
}

Test(follow, backup_of_the_log__is_never_read)
{
  met("old\n");
  append("a.log", "one\n");
  copy_file("a.log", "a.log.bak");
  copy_file("a.log", "a.log.1");
  linger();
  append("a.log", "two\n");
  linger();
  EXPECT_TEXT("one\ntwo\n");
}

Test(follow, deleted__is_read_to_its_end_through_the_open_file)
{
  met("old\n");
  append("a.log", "one\n");
  cr_assert_eq(unlink(path_of("a.log")), 0);
  linger();
  EXPECT_TEXT("one\n");
  append("a.log", "two\n");
  read_all();
  EXPECT_TEXT("one\ntwo\n");
  cr_expect_eq(stats().lost_events, 0, "%s", stats().lost);
}

Test(follow, restart__goes_on_where_it_was)
{
  met("old\n");
  append("a.log", "one\ntw");
  read_all();
  RESTART(append("a.log", "o\nthree\n"));
  read_all();
  EXPECT_TEXT("one\ntwo\nthree\n");
}

Test(follow, restart_with_several_rotations_between__reads_all_of_them_in_order)
{
  met("old\n");
  append("a.log", "one\n");
  read_all();
  RESTART({
    append("a.log", "two\n");
    move("a.log", "a.log.1");
    append("a.log", "three\n");
    move("a.log.1", "a.log.2");
    move("a.log", "a.log.1");
    append("a.log", "four\n");
  });
  read_all();
  EXPECT_TEXT("one\ntwo\nthree\nfour\n");
  cr_expect_eq(stats().lost_events, 0, "%s", stats().lost);
}

Test(follow, restart_with_copytruncates_between__reads_all_of_them)
{
  met("old\n");
  append("a.log", "one\n");
  read_all();
  RESTART({
    append("a.log", "two\n");
    copy_file("a.log", "a.log.1");
    cut("a.log");
    append("a.log", "three\n");
    move("a.log.1", "a.log.2");
    copy_file("a.log", "a.log.1");
    cut("a.log");
    append("a.log", "four\n");
  });
  read_all();
  EXPECT_TEXT("one\ntwo\nthree\nfour\n");
  cr_expect_eq(stats().lost_events, 0, "%s", stats().lost);
}

Test(follow, restart_after_compression__says_what_was_lost)
{
  met("old\n");
  append("a.log", "one\n");
  read_all();
  append("a.log", "two\n");
  refresh();
  RESTART({
    cr_assert_eq(unlink(path_of("a.log")), 0);
    append("a.log.1.gz", "not really\n");
    append("a.log", "three\n");
  });
  read_all();
  EXPECT_TEXT("one\nthree\n");
  read_all();
  read_all(); /* only what several listings do not show is gone */
  cr_expect_eq(stats().lost_events, 1);
}

Test(follow, finished_rotated_files__are_never_read_again)
{
  met("old\n");
  for (int i = 0; i < 5; i++) {
    char name[16], next[16], line[16];
    for (int k = i; k > 0; k--) {
      snprintf(name, sizeof name, "a.log.%d", k);
      snprintf(next, sizeof next, "a.log.%d", k + 1);
      move(name, next);
    }
    snprintf(line, sizeof line, "%d\n", i);
    append("a.log", line);
    move("a.log", "a.log.1");
    append("a.log", "");
    linger();
    RESTART({});
  }
  linger();
  EXPECT_TEXT("0\n1\n2\n3\n4\n");
  cr_expect_eq(stats().lost_events, 0, "%s", stats().lost);
}

Test(follow, pattern_that_is_new_after_a_restart__begins_at_the_end)
{
  met("old\n");
  append("b.txt", "old too\n");
  fx.globs[1] = "/*.txt";
  fx.glob_count = 2;
  RESTART(append("c.log", "born while it was down\n"));
  read_all();
  EXPECT_TEXT("born while it was down\n");
}

Test(follow, overlong_line__is_cut_and_its_rest_passed_over)
{
  static char line[5000];

  fx.line_max = 1024;
  memset(line, 'x', sizeof line - 2);
  line[sizeof line - 2] = '\n';
  met("");
  append("a.log", "before\n");
  append("a.log", line);
  append("a.log", "after\n");
  read_all();
  cr_expect_eq(fx.cuts + 0u, 0u, "what fits into a block is read with it");
  fx.length = 0;
  static char longer[600000];
  memset(longer, 'y', sizeof longer - 2);
  longer[sizeof longer - 2] = '\n';
  append("a.log", longer);
  append("a.log", "after\n");
  read_all();
  cr_expect_eq(fx.cuts, 1);
  cr_expect_geq(fx.length, 1024 + 6);
  cr_expect_str_eq(fx.text + fx.length - 6, "after\n");
}

Test(follow, two_names_of_one_file__are_read_once)
{
  fx.globs[1] = "/a*";
  fx.glob_count = 2;
  met("old\n");
  cr_assert_eq(link(path_of("a.log"), path_of("alias")), 0);
  append("a.log", "one\n");
  read_all();
  EXPECT_TEXT("one\n");
}

Test(follow, link_that_moves_to_another_file__is_followed)
{
  append("target-1", "old\n");
  cr_assert_eq(symlink("target-1", path_of("a.log")), 0);
  begin((mst_bytes){0});
  read_all();
  append("target-1", "one\n");
  append("target-2", "two\n");
  cr_assert_eq(unlink(path_of("a.log")), 0);
  cr_assert_eq(symlink("target-2", path_of("a.log")), 0);
  read_all();
  EXPECT_TEXT("one\ntwo\n");
}

Test(follow, what_is_no_file__is_not_opened)
{
  cr_assert_eq(mkfifo(path_of("f.log"), 0600), 0);
  cr_assert_eq(mkdir(path_of("d.log"), 0700), 0);
  met("old\n");
  append("a.log", "one\n");
  read_all();
  EXPECT_TEXT("one\n");
}

Test(follow, skip__goes_on_at_a_line_and_counts)
{
  met("");
  for (int i = 0; i < 100; i++) {
    char line[32];
    snprintf(line, sizeof line, "line %03d\n", i);
    append("a.log", line);
  }
  refresh();
  cr_expect_eq(stats().unread_bytes, 900);
  cr_expect_eq(mst_follow_skip(fx.follow, 94), 806);
  read_all();
  EXPECT_TEXT("line 090\nline 091\nline 092\nline 093\nline 094\nline 095\nline 096\nline 097\nline 098\nline 099\n");
  cr_expect_eq(stats().lost_events, 1);
}

Test(follow, user_bytes__are_the_file_s_and_are_saved)
{
  met("");
  append("a.log", "one\n");
  read_all();
  append("a.log", "two\n");
  RESTART({});
  read_all();
  for (size_t i = 0; i < fx.follow->file_count; i++)
    cr_expect_eq(*(uint64_t *)(void *)fx.follow->files[i].user, 2, "blocks of this file, over the restart");
}

Test(follow, damaged_save__is_refused_or_harmless)
{
  met("old\n");
  append("a.log", "one\n");
  move("a.log", "a.log.1");
  append("a.log", "two\n");
  read_all();
  mst_buf kept = save();
  for (size_t size = 0; size < kept.size_bytes; size++) {
    const mst_follow_setup how = {.root_fd = fx.root_fd,
                                  .globs = fx.globs,
                                  .glob_count = 1,
                                  .files_max = 64,
                                  .line_max_bytes = 1024,
                                  .clock = &fx.clock,
                                  .saved = {kept.data, size}};
    mst_follow *other = NULL;
    mst_errctx ctx = {0};
    if (mst_follow_create(&how, &other, &ctx) == MST_OK)
      (void)!mst_follow_refresh(other, &ctx);
    mst_follow_destroy(other);
  }
  for (size_t at = 0; at < kept.size_bytes; at++) {
    const mst_follow_setup how = {.root_fd = fx.root_fd,
                                  .globs = fx.globs,
                                  .glob_count = 1,
                                  .files_max = 64,
                                  .line_max_bytes = 1024,
                                  .clock = &fx.clock,
                                  .saved = {kept.data, kept.size_bytes}};
    mst_follow *other = NULL;
    mst_errctx ctx = {0};
    size_t got;
    kept.data[at] ^= 0x41;
    if (mst_follow_create(&how, &other, &ctx) == MST_OK && mst_follow_refresh(other, &ctx) == MST_OK)
      (void)!mst_follow_read(other, 4096, take, NULL, &got, &ctx);
    mst_follow_destroy(other);
    kept.data[at] ^= 0x41;
  }
  mst_buf_done(&kept);
}
