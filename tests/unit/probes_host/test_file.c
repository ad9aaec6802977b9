/* Kind file against real files, through the prober; and what is read of texts. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probes/host/kinds.h"
#include "probes/host/text.h"
#include "probes/prober.h"

static char folder[64];
static mst_errctx why;

static void
set_up(void)
{
  snprintf(folder, sizeof folder, "/tmp/muster-file-XXXXXX");
  cr_assert_not_null(mkdtemp(folder));
}

static int
remove_one(const char *place, const struct stat *status, int type, struct FTW *at)
{
  (void)status;
  (void)type;
  (void)at;
  return remove(place);
}

static void
tear_down(void)
{
  cr_assert_eq(nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static const char *
path(const char *name, char buf[static 128])
{
  snprintf(buf, 128, "%s/%s", folder, name);
  return buf;
}

static void
put(const char *name, const char *text, mode_t mode, int64_t age_s)
{
  char place[128];
  struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = mst_clock_wall(mst_clock_system()).ns / MST_NS_PER_S - age_s}};
  int fd = open(path(name, place), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);

  cr_assert_geq(fd, 0);
  cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
  cr_assert_eq(fchmod(fd, mode), 0);
  cr_assert_eq(futimens(fd, times), 0);
  close(fd);
}

/* Options as key, value, key, value, ..., NULL; a key that stands several times is a list. */
static mst_probe_result
look(const char *const *pairs)
{
  mst_option options[16] = {0};
  const char *values[16][4];
  size_t count = 0;
  mst_prober *prober = NULL;
  mst_probe *probe = NULL;
  mst_probe_result result = {0};

  for (; *pairs; pairs += 2) {
    if (count == 0 || strcmp(options[count - 1].key, pairs[0]) != 0)
      options[count++] = (mst_option){.key = pairs[0]};
    mst_option *option = &options[count - 1];
    option->values = values[count - 1];
    values[count - 1][option->value_count++] = pairs[1];
  }
  int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  mst_probe_setup setup = {.kind = &mst_probe_kind_file,
                           .options = {.name = "p",
                                       .schema = mst_probe_kind_file.schema,
                                       .options = options,
                                       .option_count = count,
                                       .timeout_ns = 2 * MST_NS_PER_S,
                                       .root_fd = root,
                                       .clock = mst_clock_system()},
                           .every_ns = 20 * MST_NS_PER_MS};
  cr_assert_eq(mst_prober_create(&prober, &why), MST_OK);
  cr_assert_eq(mst_prober_add(prober, &setup, &probe, &why), MST_OK, "%s", why.text);
  for (int i = 0; i < 2000 && result.runs == 0; i++) {
    mst_probe_result_done(&result);
    cr_assert_eq(mst_probe_take(probe, &result, &why), MST_OK);
    (void)poll(NULL, 0, 1);
  }
  cr_assert_gt(result.runs, 0);
  mst_prober_remove(prober, probe);
  mst_prober_destroy(prober);
  (void)poll(NULL, 0, 20); /* a job that was under way lets go */
  close(root);
  return result;
}

#define LOOK(...) look((const char *const[]){__VA_ARGS__, NULL})

static void
expect_pass(mst_probe_result result)
{
  cr_expect(result.is_ok, "%s", result.reason);
  mst_probe_result_done(&result);
}

static void
expect_fail(mst_probe_result result, const char *text)
{
  cr_expect_not(result.is_ok, "should fail: %s", text);
  cr_expect(strstr(result.reason, text), "\"%s\" has no \"%s\"", result.reason, text);
  mst_probe_result_done(&result);
}

TestSuite(file, .init = set_up, .fini = tear_down);

Test(file, is_there_or_not)
{
  char a[128], none[128];

  put("a", "x", 0600, 0);
  expect_pass(LOOK("path", path("a", a)));
  expect_fail(LOOK("path", path("a", a), "expect", "absent"), "is there, and must not be");
  expect_fail(LOOK("path", path("none", none)), "no such file");
  expect_pass(LOOK("path", none, "expect", "absent"));
  expect_fail(LOOK("path", folder), "no such file"); /* a folder is no file */
}

Test(file, of_a_pattern_the_newest_is_looked_at)
{
  char pattern[128], other[128];

  put("b-1", "old", 0600, 7200);
  put("b-2", "newest", 0600, 600);
  put("b-3", "older", 0600, 3600);
  put("release", "", 0600, 1200);
  mst_probe_result result =
      LOOK("path", path("b-*", pattern), "max_age", "15m", "matches", "^newest$", "newer_than", path("release", other));
  cr_expect(result.is_ok, "%s", result.reason);
  bool has_count = false, has_size = false;
  for (size_t i = 0; i < result.figure_count; i++) {
    has_count = has_count || (strcmp(result.figures[i].name, "count") == 0 && result.figures[i].value == 3);
    has_size = has_size || (strcmp(result.figures[i].name, "size_bytes") == 0 && result.figures[i].value == 6);
  }
  cr_expect(has_count && has_size);
  mst_probe_result_done(&result);
  expect_fail(LOOK("path", pattern, "max_age", "5m"), "ago; at most 5m is allowed");
  put("release", "", 0600, 60);
  expect_fail(LOOK("path", pattern, "newer_than", other), "was not written after");
  expect_fail(LOOK("path", pattern, "newer_than", "/none"), "no such file");
  put("b-4", "", 0600, -7200);
  expect_fail(LOOK("path", pattern, "max_age", "5m"), "are the clocks right?");
}

Test(file, mode_size_and_owner_are_held_against_bounds)
{
  char a[128];

  put("a", "12345", 0640, 0);
  path("a", a);
  expect_pass(LOOK("path", a, "mode_max", "0640", "min_size", "5", "max_size", "5", "owner", "root"));
  expect_pass(LOOK("path", a, "owner", "0"));
  expect_fail(LOOK("path", a, "mode_max", "0600"), "has mode 0640; at most 0600 is allowed");
  expect_fail(LOOK("path", a, "min_size", "6"), "has 5 bytes; at least 6 are wanted");
  expect_fail(LOOK("path", a, "max_size", "4"), "has 5 bytes; at most 4 are allowed");
  expect_fail(LOOK("path", a, "owner", "nobody"), "belongs to root, not to nobody");
}

Test(file, content_is_matched_and_never_told)
{
  char a[128];

  put(".env", "A=1\nexport KEY=\"s3cr3t-value\"\nEMPTY=\nQUOTED=''\n", 0600, 0);
  path(".env", a);
  expect_pass(LOOK("path", a, "matches", "(?m)^A=1$", "names", "A", "names", "KEY"));
  expect_fail(LOOK("path", a, "names", "EMPTY"), "sets no EMPTY, or sets it to nothing");
  expect_fail(LOOK("path", a, "names", "QUOTED"), "sets no QUOTED");
  expect_fail(LOOK("path", a, "names", "EY"), "sets no EY");
  expect_fail(LOOK("path", a, "matches", "none"), "pattern 1 of matches is not met");
  mst_probe_result result = LOOK("path", a, "not_matches", "s3cr3t-(.*)");
  cr_expect_not(result.is_ok);
  cr_expect_null(strstr(result.reason, "s3cr3t"), "%s", result.reason);
  mst_probe_result_done(&result);
}

/* As sha256sum prints it. */
Test(file, hash_is_what_other_tools_give)
{
  char a[128];
  bool is_it = false;

  put("abc", "abc", 0600, 0);
  mst_probe_result result = LOOK("path", path("abc", a), "hash", "true");
  for (size_t i = 0; i < result.figure_count; i++)
    is_it = is_it || (strcmp(result.figures[i].name, "sha256") == 0 &&
                      strcmp(result.figures[i].text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad") == 0);
  cr_expect(is_it);
  mst_probe_result_done(&result);
}

Test(file, fifo_does_not_hang_it)
{
  char a[128];

  cr_assert_eq(mkfifo(path("fifo", a), 0600), 0);
  expect_fail(LOOK("path", a, "matches", "x"), "no such file");
}

Test(text, headings__need_something_below_them)
{
  static const char page[] =
      "# Runbook\n\ntext\n## Restart ##\n\n### How\nsystemctl\n## Empty\n\n## Contacts\n```\n# Code\n```\n   ## Last\nx";
  bool is_empty = false;

  cr_expect(mst_text_has_heading(page, "runbook", &is_empty));
  cr_expect(mst_text_has_heading(page, "Restart", &is_empty), "a lower heading is content");
  cr_expect(mst_text_has_heading(page, "Contacts", &is_empty), "code is content");
  cr_expect(mst_text_has_heading(page, "Last", &is_empty));
  cr_expect_not(mst_text_has_heading(page, "Empty", &is_empty));
  cr_expect(is_empty);
  cr_expect_not(mst_text_has_heading(page, "Code", &is_empty), "a comment within code is no heading");
  cr_expect_not(is_empty);
  cr_expect_not(mst_text_has_heading("#NoBlank\nx", "NoBlank", &is_empty));
  cr_expect_not(mst_text_has_heading("# At the end", "At the end", &is_empty));
  cr_expect(is_empty);
}
