/* What goes wrong with logs on real hosts: races, files that cannot be read, names that look like others, very many files. */
#include <dirent.h>
#include <sys/resource.h>

#include "follow_rig.h"

TestSuite(follow_edges, .init = setup, .fini = teardown, .timeout = 120);

static void
met(const char *text)
{
  append("a.log", text);
  begin((mst_bytes){0});
  read_all();
}

/* Numbered lines, so that no two files have the same bytes. */
static void
append_lines(const char *name, unsigned from, unsigned count)
{
  static char text[1 << 20];
  size_t length = 0;

  for (unsigned i = 0; i < count; i++)
    length += (size_t)snprintf(text + length, sizeof text - length, "%07u some words that stand in the line\n", from + i);
  append(name, text);
}

/* Every number of from .. from + count - 1 once, in order, and nothing else. */
static void
expect_lines(unsigned from, unsigned count)
{
  const char *at = fx.text;

  for (unsigned i = 0; i < count; i++) {
    cr_assert_eq(strtoul(at, NULL, 10), from + i, "line %u is \"%.20s\"", from + i, at);
    at = strchr(at, '\n');
    cr_assert_not_null(at, "line %u", from + i);
    at++;
  }
  cr_expect_eq(*at, '\0', "more than was written: \"%.40s\"", at);
  cr_expect_eq(stats().lost_events, 0, "%s", stats().lost);
}

static size_t
count_descriptors(void)
{
  size_t count = 0;
  DIR *folder = opendir("/proc/self/fd");

  while (readdir(folder))
    count++;
  closedir(folder);
  return count;
}

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

/* ---- known content under other names ---- */

Test(follow_edges, copy_of_a_rotated_file__is_not_read)
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

Test(follow_edges, rotated_file_replaced_by_its_copy__is_not_read_again)
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

Test(follow_edges, moved_over_file_systems_while_down__is_read_on_in_the_copy)
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

Test(follow_edges, live_file_rewritten_by_an_editor__is_not_read_again)
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

Test(follow_edges, old_file_uncompressed_beside_it__is_not_read)
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

Test(follow_edges, finished_file_compressed__is_no_loss)
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

Test(follow_edges, compressed_before_it_was_ever_seen__is_a_loss)
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

Test(follow_edges, rotated_name_met_before_its_live_file__becomes_its_sibling)
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

Test(follow_edges, wide_pattern__takes_no_backup_for_a_log)
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

Test(follow_edges, dated_logs_for_years__never_fill_it_up)
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

Test(follow_edges, more_files_than_allowed__are_counted_and_not_opened)
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

Test(follow_edges, hundreds_of_rotations_while_down__need_few_descriptors)
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

Test(follow_edges, full_house__fits_into_a_save)
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

Test(follow_edges, any_wrong_byte_of_a_save__is_refused)
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

Test(follow_edges, pattern_that_is_gone_after_a_restart__is_not_followed)
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

Test(follow_edges, skip_to_the_start_of_a_line__keeps_that_line)
{
  met("");
  append("a.log", "first\nsecond\nthird\n");
  refresh();
  cr_expect_eq(mst_follow_skip(fx.follow, 13), 6);
  read_all();
  EXPECT_TEXT("second\nthird\n");
  cr_expect_eq(stats().skipped_bytes, 6);
}

Test(follow_edges, skip__takes_from_the_loud_log_only)
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

Test(follow_edges, memory_that_runs_out_anywhere__costs_no_line)
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
