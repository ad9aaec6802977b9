#include "rig.h"

TestSuite(text, .init = rig_init, .fini = rig_done);
TestSuite(table, .init = rig_init, .fini = rig_done);

static const char *
cleaned(const char *text, bool lines)
{
  static char buf[256];

  snprintf(buf, sizeof buf, "%s", text);
  mst_cli_clean(buf, lines);
  return buf;
}

Test(text, that_could_move_the_cursor__is_made_harmless)
{
  cr_expect_str_eq(cleaned("plain text", false), "plain text");
  cr_expect_str_eq(cleaned("\x1b[2Jgone", false), "?[2Jgone");
  cr_expect_str_eq(cleaned("a\tb\nc\rd", false), "a b c?d");
  cr_expect_str_eq(cleaned("a\nb\tc", true), "a\nb c");
  cr_expect_str_eq(cleaned("del\x7f", true), "del?");
  cr_expect_str_eq(cleaned("csi\xc2\x9b", true), "csi?", "C1 controls are controls too");
  cr_expect_str_eq(cleaned("\xe2\x80\xae"
                           "live",
                           true),
                   "?live", "writing direction");
  cr_expect_str_eq(cleaned("\xef\xbb\xbf"
                           "bom",
                           true),
                   "?bom");
}

Test(text, of_other_languages__stays)
{
  static const char *const texts[] = {"Gr\xc3\xb6\xc3\x9f"
                                      "e",
                                      "\xe2\x80\xa6", "\xe6\x97\xa5\xe6\x9c\xac", "\xf0\x9f\x98\x80", "e\xcc\x81"};

  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
    cr_expect_str_eq(cleaned(texts[i], false), texts[i]);
}

Test(text, that_is_no_utf8__shows_a_mark_for_each_bad_byte)
{
  cr_expect_str_eq(cleaned("a\xff"
                           "b",
                           false),
                   "a?b");
  cr_expect_str_eq(cleaned("cut \xe2\x80", false), "cut ??");
  cr_expect_str_eq(cleaned("\xc0\xaf", false), "??", "overlong");
  cr_expect_str_eq(cleaned("\xed\xa0\x80", false), "???", "surrogate");
  cr_expect_str_eq(cleaned("\xf4\x90\x80\x80", false), "????", "over U+10FFFF");
}

Test(text, width__is_that_of_a_terminal)
{
  cr_expect_eq(mst_cli_columns(""), 0);
  cr_expect_eq(mst_cli_columns("abc"), 3);
  cr_expect_eq(mst_cli_columns("Gr\xc3\xb6\xc3\x9f"
                               "e"),
               5);
  cr_expect_eq(mst_cli_columns("\xe6\x97\xa5\xe6\x9c\xac"), 4, "East Asian letters are wide");
  cr_expect_eq(mst_cli_columns("\xf0\x9f\x98\x80"), 2);
  cr_expect_eq(mst_cli_columns("e\xcc\x81"), 1, "an accent has no width of its own");
  cr_expect_eq(mst_cli_cut("abc", 2), 2);
  cr_expect_eq(mst_cli_cut("\xe6\x97\xa5\xe6\x9c\xac", 3), 3, "no half of a wide letter");
  cr_expect_eq(mst_cli_cut("e\xcc\x81x", 1), 3, "the accent goes with its letter");
}

static const mst_cli_column columns[] = {{"ID", false, 0}, {"TITLE", false, 8}, {"VALUE", true, 6}, {"STATE", false, 0}};

/* Prints a table of these rows of four cells at a width. */
static void
print(const char *const (*rows)[4], size_t count, int width, int toned, bool colour)
{
  mst_cli cli = rig.cli;

  free(rig.out);
  free(rig.err);
  cli.width = width;
  cli.colour = colour;
  cli.out = open_memstream(&rig.out, &rig.out_bytes);
  cli.err = open_memstream(&rig.err, &rig.err_bytes);
  mst_cli_table *table = mst_cli_table_create(columns, 4);
  for (size_t i = 0; i < count; i++)
    mst_cli_table_row(table, rows[i], toned, MST_TONE_BAD);
  mst_cli_table_finish(&cli, table);
  fclose(cli.out);
  fclose(cli.err);
  cr_expect_not(cli.failed);
}

Test(table, that_fits__is_printed_as_it_is)
{
  static const char *const rows[][4] = {{"1.1", "Enough CPUs", "2", "PASS"}, {"10.2", "Load", "14.25", "NO_DATA"}};

  print(rows, 2, 80, 3, false);
  cr_expect_str_eq(rig.out, "ID    TITLE        VALUE  STATE\n"
                            "1.1   Enough CPUs      2  PASS\n"
                            "10.2  Load         14.25  NO_DATA\n");
}

Test(table, too_wide__gives_way_where_it_may_and_says_so)
{
  static const char *const rows[][4] = {
      {"1.1", "A title of so many words that no terminal ever would hold them beside the rest", "12345678", "PASS"}};

  print(rows, 1, 40, -1, false);
  cr_expect_eq(widest(), 40, "%d", widest());
  cr_expect(printed("1.1  A title of so man\xe2\x80\xa6"), "%s", rig.out);
  cr_expect(printed("\xe2\x80\xa6  12345678  PASS\n"), "%s", rig.out);
}

Test(table, of_any_texts__fits_any_width)
{
  static const char *const rows[][4] = {
      {"an-id-that-is-longer-than-ids-ever-are-0123456789-0123456789",
       "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe3\x81\xae\xe3\x82\xbf\xe3\x82\xa4\xe3\x83\x88\xe3\x83\xab",
       "1234567890123456789012345678901234567890", "a-state-that-no-controller-ever-would-give-to-anything"},
      {"", "", "", ""},
      {"\x1b[31mred", "two\nlines", "\xff\xfe", NULL},
  };
  static const int widths[] = {60, 80, 160};

  for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
    print(rows, 3, widths[i], 3, false);
    cr_expect_leq(widest(), widths[i], "%d at %d", widest(), widths[i]);
    cr_expect(strchr(rig.out, '\x1b') == NULL);
    int lines = 0;
    for (const char *at = rig.out; (at = strchr(at, '\n')); at++)
      lines++;
    cr_expect_eq(lines, 4, "a cell with a line break is one line");
  }
}

Test(table, with_colour__colours_one_cell_and_the_titles_and_nothing_else)
{
  static const char *const rows[][4] = {{"1", "t", "v", "FAIL"}};

  print(rows, 1, 80, 3, true);
  cr_expect(printed("\x1b[31mFAIL\x1b[0m"), "%s", rig.out);
  cr_expect(printed("\x1b[1mTITLE\x1b[0m"), "%s", rig.out);
  cr_expect(printed("\n1   t "), "%s", rig.out);
}

Test(table, without_memory__says_that_it_is_not_whole)
{
  mst_cli cli = rig.cli;

  cli.out = open_memstream(&rig.out, &rig.out_bytes);
  cli.err = open_memstream(&rig.err, &rig.err_bytes);
  mst_cli_table_row(NULL, NULL, -1, MST_TONE_PLAIN);
  mst_cli_table_finish(&cli, NULL);
  fclose(cli.out);
  fclose(cli.err);
  cr_expect(cli.failed);
  cr_expect(said("not whole"));
}

Test(text, times__are_told_from_the_controllers_now)
{
  char buf[48];

  cr_expect_str_eq(mst_cli_ago("2026-11-23T07:00:00Z", "2026-11-23T07:14:02Z", buf), "14m2s ago");
  cr_expect_str_eq(mst_cli_ago("2026-11-23T09:00:00Z", "2026-11-23T07:00:00Z", buf), "in 2h");
  cr_expect_str_eq(mst_cli_ago("", "2026-11-23T07:00:00Z", buf), "never");
  cr_expect_str_eq(mst_cli_ago("2026-11-23T09:00:00Z", "", buf), "2026-11-23T09:00:00Z", "without a now: the time itself");
}
