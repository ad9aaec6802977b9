/* What collectors save with a report comes back with the last whole report, whatever becomes of the report itself. */
#include "spool_rig.h"

TestSuite(spool_saved, .init = setup, .fini = teardown);

/* Keeps a report of about size bytes with `saved`. */
static void
keep_with(size_t size, const char *saved, bool take_it)
{
  mst_buf body;
  mst_spool_handle handle;
  mst_errctx ctx = {0};
  char text[2 * MST_SPOOL_SAVED_MAX_BYTES];
  mst_spool_item item = {
      .session = fx.session, .sequence = ++fx.sequence, .kind = MST_ENVELOPE_REPORT, .made_at = mst_clock_wall(&fx.clock.base)};

  snprintf(text, sizeof text, "%s", saved);
  mst_buf_init(&body, MST_ENVELOPE_MAX_BODY_BYTES);
  memset(mst_buf_extend(&body, size), 'r', size);
  item.envelope = envelope_of(MST_ENVELOPE_REPORT, &body, &item.size_bytes);
  item.saved = (uint8_t *)text;
  item.saved_bytes = strlen(saved);
  cr_assert_eq(mst_spool_append(fx.spool, &item, take_it, &handle, &ctx), MST_OK, "%s", ctx.text);
  mst_free(item.envelope);
  mst_buf_done(&body);
}

static void
expect_saved(const char *wanted)
{
  mst_bytes saved = mst_spool_saved(fx.spool);

  cr_assert_eq(saved.size_bytes, strlen(wanted), "%zu bytes, not %zu: %.*s", saved.size_bytes, strlen(wanted), (int)saved.size_bytes,
               (const char *)saved.data);
  if (saved.size_bytes > 0)
    cr_expect_arr_eq(saved.data, wanted, saved.size_bytes);
}

static void
store_all(void)
{
  mst_spool_item item;

  while (take(MST_SPOOL_OLDEST, &item) == MST_OK)
    store(&item);
}

/* The newest file of reports. */
static void
newest_file(char path[static 512])
{
  char newest[256] = "";
  DIR *folder = opendir(fx.folder);

  for (const struct dirent *entry = readdir(folder); entry; entry = readdir(folder))
    if (strncmp(entry->d_name, "reports-", 8) == 0 && strcmp(entry->d_name, newest) > 0)
      snprintf(newest, sizeof newest, "%s", entry->d_name);
  closedir(folder);
  cr_assert(newest[0]);
  snprintf(path, 512, "%s/%s", fx.folder, newest);
}

static off_t
size_of(const char *path)
{
  struct stat info;

  cr_assert_eq(stat(path, &info), 0, "%s", path);
  return info.st_size;
}

Test(spool_saved, none__is_empty)
{
  expect_saved("");
  keep(MST_ENVELOPE_REPORT, 100, 1, false, NULL);
  reopen();
  expect_saved("");
}

Test(spool_saved, reopen__the_last_one_comes_back)
{
  keep_with(100, "one", false);
  keep_with(100, "two", false);
  expect_saved("two");
  reopen();
  expect_saved("two");
  new_session();
  keep_with(100, "three", true);
  reopen();
  expect_saved("three");
  cr_expect_eq(mst_spool_get_stats(fx.spool).records, 3);
  cr_expect_eq(mst_spool_get_stats(fx.spool).lost_records, 0);
}

Test(spool_saved, all_reports_stored__stays_until_there_is_a_newer)
{
  char text[32];

  for (int i = 0; i < 200; i++) {
    snprintf(text, sizeof text, "state %d", i);
    keep_with(2000, text, false);
    if (i % 3 == 0)
      store_all();
  }
  store_all();
  reopen();
  expect_saved("state 199");
  cr_expect_eq(count_files("reports-"), 1);
  reopen();
  expect_saved("state 199");
  new_session();
  keep_with(2000, "later", false);
  cr_expect_eq(count_files("reports-"), 1, "the file that held the older one is gone");
  store_all();
  reopen();
  expect_saved("later");
  cr_expect_eq(mst_spool_get_stats(fx.spool).lost_records, 0);
}

Test(spool_saved, a_report_without_any__leaves_what_was_saved)
{
  keep_with(100, "kept", false);
  for (int i = 0; i < 100; i++)
    keep(MST_ENVELOPE_REPORT, 2000, 1, false, NULL);
  store_all();
  reopen();
  expect_saved("kept");
}

Test(spool_saved, unchanged__is_not_written_again)
{
  char path[512];
  off_t before, with, again;

  keep_with(100, "a state of some length, to be seen", false);
  newest_file(path);
  before = size_of(path);
  keep_with(100, "a state of some length, to be seen", false);
  again = size_of(path) - before;
  before = size_of(path);
  keep_with(100, "a state of some length, that has changed", false);
  with = size_of(path) - before;
  cr_expect_eq(with - again, (off_t)(MST_RECORD_HEADER_BYTES + strlen("a state of some length, that has changed")));
}

Test(spool_saved, bound_reached__the_newest_stays)
{
  char text[64];

  mst_spool_destroy(fx.spool);
  fx.setup.max_bytes = MST_SPOOL_LEAST_BYTES;
  open_spool();
  new_session();
  for (int i = 0; i < 300; i++) {
    snprintf(text, sizeof text, "state %d", i);
    keep_with(4000, text, false);
    expect_saved(text);
  }
  cr_expect_gt(mst_spool_get_stats(fx.spool).lost_records, 0);
  reopen();
  expect_saved("state 299");
}

Test(spool_saved, too_much__goes_without_it_into_memory)
{
  static char much[MST_SPOOL_SAVED_MAX_BYTES + 2];

  memset(much, 'm', sizeof much - 1);
  keep_with(100, "before", false);
  keep_with(100, much, false);
  cr_expect_neq(mst_spool_trouble(fx.spool)[0], '\0');
  expect_saved("before");
  keep_with(100, "after", false);
  reopen();
  expect_saved("after");
  cr_expect_eq(mst_spool_get_stats(fx.spool).records, 3);
}

Test(spool_saved, cut_at_any_byte__that_of_the_last_whole_report)
{
  enum { REPORTS = 6 };
  off_t ends[REPORTS + 1];
  char path[512], text[32], wanted[32];

  keep_with(50, "0", false);
  newest_file(path);
  ends[0] = size_of(path);
  for (int i = 1; i < REPORTS; i++) {
    snprintf(text, sizeof text, "%d%0*d", i, 3 * i, 0);
    keep_with(50, text, false);
    ends[i] = size_of(path);
  }
  int last = REPORTS - 1;
  for (off_t cut = ends[last] - 1; cut > ends[0]; cut -= 1 + (off_t)draw(4)) {
    mst_spool_destroy(fx.spool);
    cr_assert_eq(truncate(path, cut), 0);
    open_spool();
    while (last > 0 && cut < ends[last])
      last--;
    if (last == 0)
      snprintf(wanted, sizeof wanted, "0");
    else
      snprintf(wanted, sizeof wanted, "%d%0*d", last, 3 * last, 0);
    expect_saved(wanted);
  }
}
