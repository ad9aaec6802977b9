/* What of a journal was gone before it was read, and what only looks so. */
#include "journal_rig.h"

#include <poll.h>

Test(journal_loss, vacuumed_before_it_was_read__is_a_loss_once)
{
  struct rig rig;

  rig_init(&rig);
  rig_text(&rig, "a.service", "one");
  rig_write(&rig, "system.journal");
  rig_open(&rig, NULL);
  (void)rig_read(&rig);
  mst_buf saved = rig_save(&rig);
  rig_text(&rig, "a.service", "two");
  rig_write(&rig, "system.journal");
  rig_remove(&rig, "system.journal");
  rig_text(&rig, "a.service", "three");
  rig_write(&rig, "system.journal");
  rig_open(&rig, &saved);
  cr_expect_str_eq(rig_read(&rig), "journal:a.service|I|three\n");
  cr_expect_eq(rig_stats(&rig).lost_events, 1);
  cr_expect(strstr(rig_stats(&rig).lost, "journal /j: the entry that was read last is gone"), "%s", rig_stats(&rig).lost);
  rig_text(&rig, "a.service", "four");
  rig_write(&rig, "system.journal");
  cr_expect_str_eq(rig_read(&rig), "journal:a.service|I|four\n");
  cr_expect_eq(rig_stats(&rig).lost_events, 1);
  mst_buf_done(&saved);
  rig_done(&rig);
}

Test(journal_loss, all_vacuumed__is_a_loss_though_nothing_is_left_to_read)
{
  struct rig rig;

  rig_init(&rig);
  rig_text(&rig, "a.service", "before");
  rig_write(&rig, "other.journal");
  rig_text(&rig, "a.service", "one");
  rig_write(&rig, "system.journal");
  rig_open(&rig, NULL);
  (void)rig_read(&rig);
  mst_buf saved = rig_save(&rig);
  rig_remove(&rig, "system.journal");
  rig_open(&rig, &saved);
  cr_expect_str_empty(rig_read(&rig));
  cr_expect_eq(rig_stats(&rig).lost_events, 1);
  cr_expect_str_empty(rig_read(&rig));
  cr_expect_eq(rig_stats(&rig).lost_events, 1);
  mst_buf_done(&saved);
  rig_done(&rig);
}

static void
copy(struct rig *rig, const char *const *texts, size_t count)
{
  rig_open(rig, NULL);
  (void)rig_read(rig);
  mst_buf saved = rig_save(rig);
  rig_remove(rig, "system.journal");
  rig->written = 0;
  for (size_t i = 0; i < count; i++) {
    rig->written -= i > 0 && strcmp(texts[i], texts[i - 1]) == 0; /* of one moment */
    rig_text(rig, "a.service", texts[i]);
  }
  rig_write(rig, "copy.journal");
  rig_open(rig, &saved);
  (void)rig_read(rig);
  mst_buf_done(&saved);
}

Test(journal_loss, files_that_were_copied__are_read_on)
{
  static const char *const texts[] = {"zero", "one", "two", "three"};
  struct rig rig;

  rig_init(&rig);
  rig_text(&rig, "a.service", "zero");
  rig_text(&rig, "a.service", "one");
  rig_write(&rig, "system.journal");
  copy(&rig, texts, 4);
  cr_expect_str_eq(mst_buf_text(&rig.got), "journal:a.service|I|two\njournal:a.service|I|three\n");
  cr_expect_eq(rig_stats(&rig).lost_events, 0, "%s", rig_stats(&rig).lost);
  rig_done(&rig);
}

Test(journal_loss, copied_among_equal_ones__is_a_loss)
{
  static const char *const texts[] = {"one", "one", "two"};
  struct rig rig;

  rig_init(&rig);
  rig_text(&rig, "a.service", "one");
  rig_write(&rig, "system.journal");
  copy(&rig, texts, 3);
  cr_expect(strstr(mst_buf_text(&rig.got), "|two\n"));
  cr_expect_eq(rig_stats(&rig).lost_events, 1);
  cr_expect(strstr(rig_stats(&rig).lost, "its files were copied"), "%s", rig_stats(&rig).lost);
  rig_done(&rig);
}

Test(journal_loss, backlog__is_skipped_to_the_end_and_counts_as_lost)
{
  struct rig rig;
  size_t got = 0;

  rig_init(&rig);
  for (int i = 0; i < 6000; i++)
    rig_text(&rig, "a.service", "some text that is twenty-nine");
  rig_write(&rig, "system.journal");
  rig_open(&rig, NULL);
  cr_assert_eq(mst_journal_refresh(rig.journal, &rig.ctx), MST_OK);
  cr_assert_eq(mst_journal_read(rig.journal, RIG_BYTES, rig_deliver, &rig, &got, &rig.ctx), MST_OK);
  cr_assert_eq(rig.got_blocks, 4096, "a block of work is bounded");
  cr_assert_eq(mst_journal_refresh(rig.journal, &rig.ctx), MST_OK);
  cr_expect_eq(rig_stats(&rig).unread_bytes, (6000 - 4096) * 30);
  cr_expect_eq(mst_journal_skip(rig.journal, 1 << 20), 0, "so much may wait");
  cr_expect_eq(mst_journal_skip(rig.journal, 1000), (6000 - 4096) * 30);
  cr_expect_eq(rig_stats(&rig).lost_events, 1);
  cr_expect_str_empty(rig_read(&rig));
  rig_text(&rig, "a.service", "new");
  rig_write(&rig, "system.journal");
  cr_expect_str_eq(rig_read(&rig), "journal:a.service|I|new\n");
  cr_expect_eq(rig_stats(&rig).lost_events, 1);
  rig_done(&rig);
}

Test(journal_loss, vacuumed_while_reading_lags__is_a_loss)
{
  struct rig rig;
  size_t got = 0;

  rig_init(&rig);
  for (int i = 0; i < 6000; i++)
    rig_text(&rig, "a.service", "text");
  rig_write(&rig, "system.journal");
  rig_open(&rig, NULL);
  cr_assert_eq(mst_journal_refresh(rig.journal, &rig.ctx), MST_OK);
  cr_assert_eq(mst_journal_read(rig.journal, RIG_BYTES, rig_deliver, &rig, &got, &rig.ctx), MST_OK);
  rig_remove(&rig, "system.journal");
  rig_text(&rig, "a.service", "new");
  rig_write(&rig, "system.journal");
  cr_expect_str_eq(rig_read(&rig), "journal:a.service|I|new\n");
  cr_expect_eq(rig_stats(&rig).lost_events, 1, "%s", rig_stats(&rig).lost);
  rig_done(&rig);
}

Test(journal_loss, folder_that_was_made_anew__is_opened_anew)
{
  struct rig rig;

  rig_init(&rig);
  rig_text(&rig, "a.service", "one");
  rig_write(&rig, "system.journal");
  rig_open(&rig, NULL);
  (void)rig_read(&rig);
  rig_rename(&rig, "j", "old");
  rig_text(&rig, "a.service", "two");
  rig_write(&rig, "system.journal");
  const mst_mono until = {mst_clock_mono(mst_clock_system()).ns + 10 * MST_NS_PER_S};
  while (!strstr(rig_read(&rig), "|two\n") && mst_clock_mono(mst_clock_system()).ns < until.ns)
    (void)poll(NULL, 0, 20);
  cr_expect_str_eq(mst_buf_text(&rig.got), "journal:a.service|I|two\n");
  cr_expect_eq(rig_stats(&rig).lost_events, 1, "nobody knows what was in between");
  rig_done(&rig);
}

static void
put(struct rig *rig, const char *name, const void *data, size_t size_bytes)
{
  char path[128];

  snprintf(path, sizeof path, "%s/j/%s", rig->root, name);
  FILE *file = fopen(path, "w");
  cr_assert(file && fwrite(data, 1, size_bytes, file) == size_bytes && fclose(file) == 0);
}

Test(journal_loss, file_that_is_cut_off_while_it_is_read__is_a_loss_and_no_crash)
{
  struct rig rig;
  size_t got = 0;
  char path[128];

  rig_init(&rig);
  for (int i = 0; i < 6000; i++)
    rig_text(&rig, "a.service", "text");
  rig_write(&rig, "system.journal");
  rig_open(&rig, NULL);
  cr_assert_eq(mst_journal_refresh(rig.journal, &rig.ctx), MST_OK);
  cr_assert_eq(mst_journal_read(rig.journal, 1000, rig_deliver, &rig, &got, &rig.ctx), MST_OK);
  cr_assert_gt(got, 0);
  snprintf(path, sizeof path, "%s/j/system.journal", rig.root);
  cr_assert_eq(truncate(path, 0), 0);
  cr_assert_eq(mst_journal_read(rig.journal, RIG_BYTES, rig_deliver, &rig, &got, &rig.ctx), MST_OK);
  cr_expect(strstr(rig_stats(&rig).trouble, "cannot read a file of the journal /j"), "%s", rig_stats(&rig).trouble);
  cr_expect(strstr(rig_stats(&rig).lost, "was cut off while it was read"), "%s", rig_stats(&rig).lost);
  (void)rig_read(&rig);
  rig_remove(&rig, "system.journal");
  rig_text(&rig, "a.service", "new");
  rig_write(&rig, "system.journal");
  cr_expect_str_eq(rig_read(&rig), "journal:a.service|I|new\n");
  cr_expect_eq(rig_stats(&rig).lost_events, 1, "%s", rig_stats(&rig).lost);
  rig_done(&rig);
}

Test(journal_loss, file_that_is_none__is_passed_over)
{
  static char half[200000];
  struct rig rig;
  char path[128];

  rig_init(&rig);
  rig_text(&rig, "a.service", "one");
  rig_write(&rig, "system.journal");
  put(&rig, "a.journal", "no journal", 10);
  put(&rig, "b.journal", "", 0);
  snprintf(path, sizeof path, "%s/j/system.journal", rig.root);
  FILE *file = fopen(path, "r");
  cr_assert(file && fread(half, 1, sizeof half, file) == sizeof half && fclose(file) == 0);
  put(&rig, "c@1.journal", half, sizeof half);
  rig_open(&rig, NULL);
  cr_expect(strstr(rig_read(&rig), "journal:a.service|I|one\n"));
  cr_expect_eq(rig.got_blocks, 1);
  rig_done(&rig);
}
