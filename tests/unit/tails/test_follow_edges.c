/* What goes wrong with logs on real hosts: races, files that cannot be read, names that look like others, very many files. */
#include <sys/resource.h>

#include "follow_rig.h"

TestSuite(follow_edges, .init = setup, .fini = teardown, .timeout = 120);

/* ---- while it reads ---- */

Test(follow_edges, cut_off_between_refresh_and_read__is_not_mixed_with_what_came_after)
{
  met("");
  append_lines("a.log", 0, 100);
  read_all();
  append_lines("a.log", 100, 10);
  refresh();
  copy_file("a.log", "a.log.1");
  cut("a.log");
  append_lines("a.log", 110, 200);
  read_some(1 << 20); /* of what the refresh saw, other lines are there now */
  read_all();
  expect_lines(0, 310);
}

Test(follow_edges, cut_off_between_two_reads__is_not_mixed_either)
{
  met("");
  append_lines("a.log", 0, 1000);
  refresh();
  read_some(4096);
  copy_file("a.log", "a.log.1");
  cut("a.log");
  append_lines("a.log", 1000, 2000);
  read_some(4096);
  read_all();
  expect_lines(0, 3000);
}

Test(follow_edges, cut_off_and_renamed_before_it_was_seen__goes_on_in_the_copy)
{
  met("");
  append_lines("a.log", 0, 100);
  read_all();
  append_lines("a.log", 100, 10);
  copy_file("a.log", "a.log.1");
  refresh(); /* held */
  cut("a.log");
  append_lines("a.log", 110, 5);
  move("a.log.1", "a.log.2");
  move("a.log", "a.log.1");
  append_lines("a.log", 115, 5);
  read_all();
  expect_lines(0, 120);
}

Test(follow_edges, long_line_that_grows_slowly__is_not_read_again_and_again)
{
  enum { PIECES = 2000, PIECE_BYTES = 400 };
  struct rusage before, after;
  char piece[PIECE_BYTES + 1];
  size_t read_bytes = 0;

  memset(piece, 'x', PIECE_BYTES);
  piece[PIECE_BYTES] = '\0';
  met("");
  getrusage(RUSAGE_SELF, &before);
  for (int i = 0; i < PIECES; i++) {
    append("a.log", piece);
    refresh();
    read_bytes += read_some(1 << 20);
  }
  append("a.log", "\n");
  refresh();
  read_bytes += read_some(1 << 21);
  getrusage(RUSAGE_SELF, &after);
  cr_expect_eq(fx.length, (size_t)PIECES * PIECE_BYTES + 1);
  cr_expect_leq(read_bytes, 3u * PIECES * PIECE_BYTES, "%zu bytes were read for %zu", read_bytes, fx.length);
  cr_expect_eq(fx.cuts, 0);
}

Test(follow_edges, sparse_file__costs_no_more_than_was_asked_for)
{
  fx.line_max = 500000;
  met("");
  cr_assert_eq(truncate(path_of("a.log"), 1LL << 40), 0);
  refresh();
  for (int i = 0; i < 20; i++)
    cr_expect_leq(read_some(100000), 100000u + 500000u + MST_FOLLOW_BLOCK_BYTES);
  cr_expect_eq(fx.cuts, 1, "one endless line");
  cr_expect_eq(fx.length, 500000);
}

Test(follow_edges, memory_for_a_long_line__is_given_back)
{
  static char line[900001];

  memset(line, 'x', sizeof line - 1);
  met("");
  append("a.log", line);
  append("a.log", "\n");
  read_all();
  cr_expect_eq(fx.length, sizeof line);
  append("a.log", "next\n");
  read_all();
  cr_expect_lt(fx.follow->block.capacity_bytes, 100000);
}

Test(follow_edges, line_of_exactly_the_longest_length__is_not_cut)
{
  static char line[300001];

  fx.line_max = sizeof line - 1;
  memset(line, 'x', sizeof line - 1);
  met("");
  append("a.log", line);
  append("a.log", "\n");
  read_all();
  cr_expect_eq(fx.cuts, 0);
  cr_expect_eq(fx.length, sizeof line);
  append("a.log", line);
  append("a.log", "y\nnext\n");
  read_all();
  cr_expect_eq(fx.cuts, 1);
  cr_expect_eq(fx.length, 2 * sizeof line - 1 + 5);
  cr_expect_str_eq(fx.text + fx.length - 6, "xnext\n");
}

Test(follow_edges, storm_in_one_log__does_not_keep_others_from_being_read)
{
  fx.from_start = true;
  append_lines("a.log", 0, 20000);
  append_lines("b.log", 0, 20000);
  begin((mst_bytes){0});
  refresh();
  read_some(50000);
  read_some(50000);
  fx.text[fx.length] = '\0';
  cr_expect_not_null(strstr(fx.text + 44, "0000000 some words"), "both logs have begun");
}

/* ---- files that cannot be read ---- */

/* Root may read all: the rest of the test is nobody. */
static void
be_nobody(void)
{
  cr_assert_eq(chown(fx.folder, 65534, 65534), 0);
  cr_assert(setegid(65534) == 0 && seteuid(65534) == 0);
}

static void
be_root(void)
{
  cr_assert(seteuid(0) == 0 && setegid(0) == 0);
}

Test(follow_edges, unreadable_file__is_said_and_read_from_where_it_was_met_when_it_can_be)
{
  if (geteuid() != 0)
    cr_skip_test("needs root, to become somebody else");
  be_nobody();
  append("a.log", "old\nolder\n");
  append("b.log", "old\n");
  cr_assert_eq(chmod(path_of("a.log"), 0), 0);
  begin((mst_bytes){0});
  read_all();
  cr_expect_not_null(strstr(stats().trouble, "/a.log: Permission denied"), "\"%s\"", stats().trouble);
  append("b.log", "one\n");
  read_all();
  EXPECT_TEXT("one\n");
  cr_assert_eq(chmod(path_of("a.log"), 0600), 0);
  append("a.log", "two\n");
  read_all();
  EXPECT_TEXT("one\ntwo\n");
  cr_expect_str_eq(stats().trouble, "");
  cr_expect_eq(stats().lost_events, 0, "%s", stats().lost);
  be_root();
}

Test(follow_edges, unreadable_rotated_file__does_not_keep_the_live_one_from_being_read)
{
  if (geteuid() != 0)
    cr_skip_test("needs root, to become somebody else");
  be_nobody();
  met("old\n");
  append("a.log", "one\n");
  RESTART({
    move("a.log", "a.log.1");
    cr_assert_eq(chmod(path_of("a.log.1"), 0), 0);
    append("a.log", "two\n");
  });
  read_all();
  EXPECT_TEXT("two\n");
  cr_expect_not_null(strstr(stats().trouble, "/a.log.1: Permission denied"), "\"%s\"", stats().trouble);
  cr_assert_eq(chmod(path_of("a.log.1"), 0600), 0);
  read_all();
  EXPECT_TEXT("two\none\n");
  be_root();
}

Test(follow_edges, unreadable_folder__is_said)
{
  if (geteuid() != 0)
    cr_skip_test("needs root, to become somebody else");
  cr_assert_eq(mkdir(path_of("d"), 0), 0);
  be_nobody();
  fx.globs[0] = "/d/*.log";
  begin((mst_bytes){0});
  read_all();
  cr_expect_not_null(strstr(stats().trouble, "list /d: Permission denied"), "\"%s\"", stats().trouble);
  be_root();
}

/* ---- writers that do not do as rotation expects ---- */

Test(follow_edges, writer_that_keeps_the_rotated_file__is_read_on)
{
  met("");
  append("a.log", "one\n");
  move("a.log", "a.log.1");
  append("a.log", "");
  linger();
  append("a.log", "other\n");
  linger();
  fx.mono_ns += 60 * MST_NS_PER_S;
  append("a.log.1", "two\n"); /* no name in the folder has changed */
  read_all();
  EXPECT_TEXT("one\nother\ntwo\n");
}

Test(follow_edges, deleted_without_a_successor__is_read_on_for_a_minute_and_then_let_go)
{
  met("");
  FILE *writer = fopen(path_of("a.log"), "a");
  size_t before = count_descriptors();

  cr_assert_eq(unlink(path_of("a.log")), 0);
  linger();
  cr_assert(fputs("one\n", writer) >= 0 && fflush(writer) == 0);
  linger();
  EXPECT_TEXT("one\n");
  fx.mono_ns += 61 * MST_NS_PER_S;
  read_all();
  refresh();
  cr_expect_eq(count_descriptors(), before - 1, "its disk space is free");
  cr_expect_eq(stats().lost_events, 0, "%s", stats().lost);
  fclose(writer);
}

Test(follow_edges, moved_to_another_folder__is_read_to_its_end_and_known_when_it_comes_back)
{
  cr_assert_eq(mkdir(path_of("archive"), 0700), 0);
  met("");
  append("a.log", "one\n");
  move("a.log", "archive/a.log-old");
  append("archive/a.log-old", "two\n");
  append("a.log", "three\n");
  linger();
  linger();
  move("archive/a.log-old", "a.log.1");
  linger();
  EXPECT_TEXT("one\ntwo\nthree\n");
  cr_expect_eq(stats().lost_events, 0, "%s", stats().lost);
}

Test(follow_edges, link_that_moves_back__is_not_read_again)
{
  append("first", "old\n");
  cr_assert_eq(symlink("first", path_of("a.log")), 0);
  begin((mst_bytes){0});
  read_all();
  append("first", "one\n");
  read_all();
  append("second", "two\n");
  cr_assert(unlink(path_of("a.log")) == 0 && symlink("second", path_of("a.log")) == 0);
  linger();
  linger();
  cr_assert(unlink(path_of("a.log")) == 0 && symlink("first", path_of("a.log")) == 0);
  append("first", "three\n");
  linger();
  EXPECT_TEXT("one\ntwo\nthree\n");
}

Test(follow_edges, target_of_a_link_rotated_while_down__is_found_beside_the_target)
{
  cr_assert_eq(mkdir(path_of("pods"), 0700), 0);
  append("pods/0.log", "old\n");
  fx.globs[0] = "/web.log";
  cr_assert_eq(symlink("pods/0.log", path_of("web.log")), 0);
  begin((mst_bytes){0});
  read_all();
  RESTART({
    append("pods/0.log", "one\n");
    move("pods/0.log", "pods/0.log.20261123-101112");
    append("pods/0.log", "two\n");
    move("pods/0.log", "pods/0.log.20261123-111112");
    append("pods/0.log", "three\n");
  });
  read_all();
  EXPECT_TEXT("one\ntwo\nthree\n");
  cr_expect_eq(stats().lost_events, 0, "%s", stats().lost);
}
