/* Reading real journals. */
#include "journal_rig.h"

#include <poll.h>

Test(journal, entries__are_lines_with_unit_and_level)
{
  struct rig rig;

  rig_init(&rig);
  rig_text(&rig, "a.service", "one");
  rig_entry(&rig, "two", 3, "_TRANSPORT=kernel", "PRIORITY=2", NULL);
  rig_entry(&rig, "three", 5, "_TRANSPORT=journal", NULL);
  rig_entry(&rig, NULL, 0, "_TRANSPORT=journal", "PRIORITY=7", "_SYSTEMD_UNIT=b.service", NULL);
  rig_write(&rig, "system.journal");
  rig_open(&rig, NULL);
  cr_expect_str_eq(rig_read(&rig), "journal:a.service|I|one\njournal:kernel|F|two\njournal:journal|-|three\njournal:b.service|D|\n");
  cr_expect_eq(rig_stats(&rig).families, 1);
  cr_expect_eq(rig_stats(&rig).files, 1);
  cr_expect_eq(rig_stats(&rig).unread_bytes, 0);
  cr_expect_eq(rig_stats(&rig).appended_at.ns, (1795420000000000 + 4000) * 1000);
  cr_expect_str_empty(rig_read(&rig), "each once");
  rig_done(&rig);
}

Test(journal, texts__may_have_any_bytes)
{
  static const char nul[] = "a\0b\xff";
  struct rig rig;
  char longest[5000];

  rig_init(&rig);
  rig.setup.line_max_bytes = 1024;
  memset(longest, 'x', sizeof longest);
  rig_text(&rig, "a.service", "first\n  second\n\n");
  rig_text(&rig, "a.service", "{\n \"level\": \"warn\"\n}");
  rig_entry(&rig, nul, sizeof nul - 1, "_TRANSPORT=journal", "PRIORITY=9", NULL);
  rig_text(&rig, "a.service", "");
  rig_entry(&rig, longest, 1024, "_TRANSPORT=journal", NULL);
  rig_entry(&rig, longest, 1025, "_TRANSPORT=journal", NULL);
  rig_entry(&rig, longest, sizeof longest, "_TRANSPORT=journal", NULL);
  rig_write(&rig, "system.journal");
  rig_open(&rig, NULL);
  (void)rig_read(&rig);
  cr_assert_eq(rig.got_blocks, 7);
  const char *got = mst_buf_text(&rig.got), *at = got;
  static const char first[] =
      "journal:a.service|I|first\n  second\njournal:a.service|I|{  \"level\": \"warn\" }\njournal:journal|-|a\0b\xff\njournal:a."
      "service|I|\njournal:journal|-|x";
  cr_expect_eq(memcmp(got, first, sizeof first - 1), 0);
  at += sizeof first - 2 + 1024;
  cr_expect_eq(strncmp(at, "\njournal:journal|-cut|x", 23), 0, "%.40s", at);
  at += 22 + 1024;
  cr_expect_eq(strncmp(at, "\njournal:journal|-cut|x", 23), 0, "%.40s", at);
  cr_expect_eq(strlen(at + 22), 1025);
  rig_done(&rig);
}

Test(journal, first_start__begins_at_the_end_unless_told_otherwise)
{
  struct rig rig;

  rig_init(&rig);
  rig.setup.from_start = false;
  rig_text(&rig, "a.service", "old");
  rig_write(&rig, "system.journal");
  rig_open(&rig, NULL);
  cr_expect_str_empty(rig_read(&rig));
  rig_text(&rig, "a.service", "new");
  rig_write(&rig, "system.journal");
  cr_expect_str_eq(rig_read(&rig), "journal:a.service|I|new\n");
  rig_done(&rig);
}

Test(journal, one_that_comes__is_read_from_then_on)
{
  struct rig rig;

  rig_init(&rig);
  rig.setup.from_start = false;
  rig_open(&rig, NULL);
  cr_expect_str_empty(rig_read(&rig));
  rig_text(&rig, "a.service", "old");
  rig.begin_usec = (uint64_t)mst_clock_wall(mst_clock_system()).ns / 1000 + 1000;
  rig_text(&rig, "a.service", "new");
  rig_write(&rig, "system.journal");
  const mst_mono until = {mst_clock_mono(mst_clock_system()).ns + 10 * MST_NS_PER_S};
  while (!strstr(rig_read(&rig), "|new\n") && mst_clock_mono(mst_clock_system()).ns < until.ns)
    (void)poll(NULL, 0, 20);
  cr_expect_str_eq(mst_buf_text(&rig.got), "journal:a.service|I|new\n");
  cr_expect_eq(rig_stats(&rig).lost_events, 0);
  rig_done(&rig);
}

Test(journal, filters__leave_out_what_is_not_asked_for)
{
  static const char *const units[] = {"nginx", "app-*.service"}, *const identifiers[] = {"web*"};
  struct rig rig;

  rig_init(&rig);
  rig.setup.units = units;
  rig.setup.unit_count = 2;
  rig.setup.identifiers = identifiers;
  rig.setup.identifier_count = 1;
  rig.setup.priority_max = 4;
  rig_entry(&rig, "yes", 3, "_SYSTEMD_UNIT=nginx.service", "SYSLOG_IDENTIFIER=web", "PRIORITY=4", NULL);
  rig_entry(&rig, "not urgent", 10, "_SYSTEMD_UNIT=nginx.service", "SYSLOG_IDENTIFIER=web", "PRIORITY=5", NULL);
  rig_entry(&rig, "without priority", 16, "_SYSTEMD_UNIT=app-7.service", "SYSLOG_IDENTIFIER=web2", NULL);
  rig_entry(&rig, "other unit", 10, "_SYSTEMD_UNIT=nginx.socket", "SYSLOG_IDENTIFIER=web", "PRIORITY=3", NULL);
  rig_entry(&rig, "other identifier", 16, "_SYSTEMD_UNIT=nginx.service", "SYSLOG_IDENTIFIER=sh", "PRIORITY=3", NULL);
  rig_entry(&rig, "it died", 7, "_SYSTEMD_UNIT=init.scope", "_PID=1", "UNIT=nginx.service", "SYSLOG_IDENTIFIER=web", "PRIORITY=3", NULL);
  rig_entry(&rig, "says who?", 9, "_SYSTEMD_UNIT=x.service", "_PID=17", "UNIT=nginx.service", "SYSLOG_IDENTIFIER=web", "PRIORITY=3", NULL);
  rig_entry(&rig, "dumped", 6, "_UID=0", "COREDUMP_UNIT=nginx.service", "SYSLOG_IDENTIFIER=web", "PRIORITY=2", NULL);
  rig_write(&rig, "system.journal");
  rig_open(&rig, NULL);
  cr_expect_str_eq(rig_read(&rig), "journal:nginx.service|W|yes\njournal:app-7.service|-|without priority\njournal:nginx.service|E|it "
                                   "died\njournal:nginx.service|F|dumped\n");
  rig_done(&rig);
}

Test(journal, restart__goes_on_behind_what_was_read_also_after_a_rotation)
{
  struct rig rig;

  rig_init(&rig);
  rig_text(&rig, "a.service", "one");
  rig_write(&rig, "system.journal");
  rig_open(&rig, NULL);
  cr_expect_str_eq(rig_read(&rig), "journal:a.service|I|one\n");
  mst_buf saved = rig_save(&rig);
  rig_text(&rig, "a.service", "two");
  rig_write(&rig, "system.journal");
  rig_rename(&rig, "j/system.journal", "j/system@1.journal");
  rig_text(&rig, "a.service", "three");
  rig_write(&rig, "system.journal");
  rig_open(&rig, &saved);
  cr_expect_str_eq(rig_read(&rig), "journal:a.service|I|two\njournal:a.service|I|three\n");
  cr_expect_eq(rig_stats(&rig).lost_events, 0, "%s", rig_stats(&rig).lost);
  cr_expect_eq(rig_stats(&rig).rotated_files, 1);
  mst_buf_done(&saved);
  rig_done(&rig);
}

Test(journal, rotation_while_reading__loses_nothing_and_reads_nothing_twice)
{
  struct rig rig;

  rig_init(&rig);
  rig_text(&rig, "a.service", "0");
  rig_write(&rig, "system.journal");
  rig_open(&rig, NULL);
  (void)rig_read(&rig);
  for (int i = 1; i <= 5; i++) {
    char name[32], text[8], expected[64];
    snprintf(name, sizeof name, "j/system@%d.journal", i);
    snprintf(text, sizeof text, "%d", i);
    snprintf(expected, sizeof expected, "journal:a.service|I|%d\n", i);
    rig_rename(&rig, "j/system.journal", name);
    rig_text(&rig, "a.service", text);
    rig_write(&rig, "system.journal");
    cr_expect_str_eq(rig_read(&rig), expected);
  }
  rig_remove(&rig, "system@1.journal");
  rig_remove(&rig, "system@5.journal");
  cr_expect_str_empty(rig_read(&rig));
  cr_expect_eq(rig_stats(&rig).lost_events, 0, "what is vacuumed was read: %s", rig_stats(&rig).lost);
  rig_done(&rig);
}

/* The same entries in a file of another sequence, as when journald moves its files from /run to /var. */
Test(journal, no_folder__is_said_and_what_comes_later_is_read)
{
  struct rig rig;

  rig_init(&rig);
  rig_open(&rig, NULL);
  cr_expect_str_empty(rig_read(&rig));
  cr_expect_eq(rig_stats(&rig).families, 0);
  cr_expect_str_eq(rig_stats(&rig).trouble, "there is no folder /j: no journal is kept there");
  rig.setup.path = NULL;
  rig_open(&rig, NULL);
  cr_expect_str_empty(rig_read(&rig));
  cr_expect(strstr(rig_stats(&rig).trouble, "this host keeps no journal"), "%s", rig_stats(&rig).trouble);
  rig.setup.path = "/j";
  rig_text(&rig, "a.service", "one");
  rig_write(&rig, "system.journal");
  rig_open(&rig, NULL);
  cr_expect_str_eq(rig_read(&rig), "journal:a.service|I|one\n");
  cr_expect_str_empty(rig_stats(&rig).trouble);
  rig_done(&rig);
}

Test(journal, host__has_its_own_below_the_root)
{
  struct rig rig;

  rig_init(&rig);
  rig_text(&rig, "a.service", "one");
  rig_write(&rig, "system.journal");
  rig_folder(&rig, "var");
  rig_folder(&rig, "var/log");
  rig_folder(&rig, "var/log/journal");
  rig_rename(&rig, "j", "var/log/journal/3d1219c7c4c5404aaa1f6d2a48adfda4");
  rig.setup.path = NULL;
  rig_open(&rig, NULL);
  cr_expect_str_eq(rig_read(&rig), "journal:a.service|I|one\n");
  rig_done(&rig);
}

Test(journal, without_the_right_to_read__says_which_group_and_reads_nothing)
{
  struct rig rig;
  char path[128];

  rig_init(&rig);
  rig_text(&rig, "a.service", "mine");
  rig_write(&rig, "user-1000.journal");
  rig_text(&rig, "a.service", "one");
  rig_write(&rig, "system.journal");
  snprintf(path, sizeof path, "%s/j/system.journal", rig.root);
  cr_assert(chmod(path, 0600) == 0 && chmod(rig.root, 0755) == 0);
  rig_open(&rig, NULL);
  if (geteuid() != 0)
    cr_assert_eq(chmod(path, 0), 0);
  else
    cr_assert_eq(seteuid(65534), 0);
  (void)rig_read(&rig);
  cr_expect_str_empty(mst_buf_text(&rig.got));
  cr_assert(seteuid(getuid()) == 0);
  cr_expect_str_eq(rig_stats(&rig).trouble,
                   "cannot read /j/system.journal: Permission denied; add the agent's user to the group systemd-journal");
  cr_expect_eq(rig_stats(&rig).families, 0);
  rig_done(&rig);
}

Test(journal, streams__have_their_own_user_bytes_over_a_restart)
{
  struct rig rig;

  rig_init(&rig);
  rig_line(&rig, "aa", "x");
  rig_line(&rig, "bb", "y");
  rig_line(&rig, "aa", "x");
  rig_text(&rig, "a.service", "whole");
  rig_entry(&rig, "docker", 6, "CONTAINER_ID_FULL=cc", "_TRANSPORT=journal", NULL);
  rig_write(&rig, "system.journal");
  rig_open(&rig, NULL);
  cr_expect_str_eq(
      rig_read(&rig),
      "+journal:a.service|I|x\n+journal:a.service|I|y\n+journal:a.service|I|x\njournal:a.service|I|whole\n+journal:journal|-|docker\n");
  mst_buf saved = rig_save(&rig);
  rig_open(&rig, &saved);
  for (int i = 0; i < 62; i++) {
    char stream[8];
    snprintf(stream, sizeof stream, "n%d", i);
    rig_line(&rig, stream, "z");
  }
  rig_write(&rig, "system.journal");
  const char *got = rig_read(&rig), *end = strstr(got, "end\n");
  cr_assert_not_null(end, "the 65th stream takes the place of the oldest");
  cr_expect_null(strstr(end + 1, "end\n"));
  cr_expect_eq(rig.got_blocks, 5 + 62 + 1);
  mst_buf again = rig_save(&rig);
  cr_expect_lt(again.size_bytes, 2048);
  mst_buf_done(&again);
  mst_buf_done(&saved);
  rig_done(&rig);
}

/* An access to what was cut off raises SIGBUS. */
Test(journal, several_machines_in_one_folder__is_said)
{
  struct rig rig;

  rig_init(&rig);
  for (int i = 0; i < 3; i++)
    rig_entry(&rig, "x", 1, "_TRANSPORT=journal", i == 1 ? "_MACHINE_ID=b" : "_MACHINE_ID=a", NULL);
  rig_write(&rig, "system.journal");
  rig_open(&rig, NULL);
  (void)rig_read(&rig);
  (void)rig_read(&rig);
  cr_expect(strstr(rig_stats(&rig).trouble, "/j has entries of several machines"), "%s", rig_stats(&rig).trouble);
  rig_done(&rig);
}

Test(journal, setup__is_checked)
{
  static const char *const units[MST_JOURNAL_PATTERNS_MAX + 1];
  struct rig rig;

  rig_init(&rig);
  rig.setup.path = "j";
  cr_expect_eq(mst_journal_create(&rig.setup, &rig.journal, &rig.ctx), MST_EUSAGE);
  rig.setup.path = "/j";
  rig.setup.units = units;
  rig.setup.unit_count = MST_JOURNAL_PATTERNS_MAX + 1;
  cr_expect_eq(mst_journal_create(&rig.setup, &rig.journal, &rig.ctx), MST_EUSAGE);
  rig_done(&rig);
}
