#ifndef TESTS_TAILS_FOLLOW_RIG_H
#define TESTS_TAILS_FOLLOW_RIG_H

/* A folder of logs, a follower over it, and what it handed out. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mst/common/alloc.h>
#include <mst/common/key.h>
#include <mst/tails/follow.h>

#include "follow_state.h"

#define RIG_UNUSED __attribute__((unused))

static struct {
  char folder[64];
  int root_fd;
  mst_clock clock; /* the wall's time is the machine's, as that of files is */
  int64_t mono_ns;
  mst_follow *follow;
  const char *globs[4];
  size_t glob_count;
  bool from_start;
  size_t line_max;
  char text[1 << 20]; /* all that was handed out */
  size_t length;
  uint32_t ends, cuts;
  char last_path[128];
} fx;

static mst_wall
rig_wall(const mst_clock *clock)
{
  (void)clock;
  return mst_clock_wall(mst_clock_system());
}

static mst_mono
rig_mono(const mst_clock *clock)
{
  (void)clock;
  return (mst_mono){fx.mono_ns};
}

static RIG_UNUSED void
setup(void)
{
  mst_errctx ctx = {0};

  memset(&fx, 0, sizeof fx);
  cr_assert_eq(mst_crypto_start(&ctx), MST_OK);
  snprintf(fx.folder, sizeof fx.folder, "/tmp/mst-follow-XXXXXX");
  cr_assert_not_null(mkdtemp(fx.folder));
  fx.root_fd = open(fx.folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
  fx.clock = (mst_clock){rig_wall, rig_mono};
  fx.mono_ns = MST_NS_PER_S;
  fx.globs[0] = "/*.log";
  fx.glob_count = 1;
  fx.line_max = 1 << 20;
}

static int
remove_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
  (void)info, (void)kind, (void)where;
  return remove(path);
}

static RIG_UNUSED void
teardown(void)
{
  mst_follow_destroy(fx.follow);
  close(fx.root_fd);
  nftw(fx.folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static RIG_UNUSED void
begin(mst_bytes saved)
{
  const mst_follow_setup how = {.root_fd = fx.root_fd,
                                .globs = fx.globs,
                                .glob_count = fx.glob_count,
                                .from_start = fx.from_start,
                                .files_max = 64,
                                .line_max_bytes = fx.line_max,
                                .clock = &fx.clock,
                                .saved = saved};
  mst_errctx ctx = {0};

  mst_follow_destroy(fx.follow);
  fx.follow = NULL;
  cr_assert_eq(mst_follow_create(&how, &fx.follow, &ctx), MST_OK, "%s", ctx.text);
}

static const char *
path_of(const char *name)
{
  static char paths[4][512];
  static unsigned turn;

  turn = (turn + 1) % 4;
  snprintf(paths[turn], sizeof paths[turn], "%s/%s", fx.folder, name);
  return paths[turn];
}

static RIG_UNUSED void
append(const char *name, const char *text)
{
  FILE *file = fopen(path_of(name), "a");

  cr_assert_not_null(file, "%s", name);
  cr_assert(fputs(text, file) >= 0 && fclose(file) == 0);
}

static RIG_UNUSED void
move(const char *from, const char *to)
{
  cr_assert_eq(rename(path_of(from), path_of(to)), 0, "%s to %s", from, to);
}

static RIG_UNUSED void
copy_file(const char *from, const char *to)
{
  char block[65536];
  FILE *in = fopen(path_of(from), "r"), *out = fopen(path_of(to), "w");
  size_t got;

  cr_assert(in && out, "copy %s to %s", from, to);
  while ((got = fread(block, 1, sizeof block, in)) > 0)
    cr_assert_eq(fwrite(block, 1, got, out), got);
  cr_assert(fclose(in) == 0 && fclose(out) == 0);
}

static RIG_UNUSED void
cut(const char *name)
{
  cr_assert_eq(truncate(path_of(name), 0), 0, "%s", name);
}

static void
take(void *arg, const mst_follow_block *block)
{
  (void)arg;
  cr_assert_lt(fx.length + block->size_bytes, sizeof fx.text);
  memcpy(fx.text + fx.length, block->data, block->size_bytes);
  fx.length += block->size_bytes;
  fx.text[fx.length] = '\0';
  fx.ends += block->is_end;
  fx.cuts += block->is_cut;
  snprintf(fx.last_path, sizeof fx.last_path, "%s", block->path);
  (*(uint64_t *)block->user)++;
}

static RIG_UNUSED void
refresh(void)
{
  mst_errctx ctx = {0};
  cr_assert_eq(mst_follow_refresh(fx.follow, &ctx), MST_OK, "%s", ctx.text);
}

static RIG_UNUSED size_t
read_some(size_t most)
{
  mst_errctx ctx = {0};
  size_t got = 0;

  cr_assert_eq(mst_follow_read(fx.follow, most, take, NULL, &got, &ctx), MST_OK, "%s", ctx.text);
  return got;
}

/* All that is there now. */
static RIG_UNUSED void
read_all(void)
{
  refresh();
  while (read_some(1 << 16) > 0)
    continue;
}

/* Time goes on until rotated files are over. */
static RIG_UNUSED void
linger(void)
{
  read_all();
  fx.mono_ns += 6 * MST_NS_PER_S;
  read_all();
}

static RIG_UNUSED mst_follow_stats
stats(void)
{
  mst_follow_stats now;

  mst_follow_get_stats(fx.follow, &now);
  return now;
}

static RIG_UNUSED mst_buf
save(void)
{
  mst_errctx ctx = {0};
  mst_buf bytes;

  mst_buf_init(&bytes, 48 * 1024);
  cr_assert_eq(mst_follow_save(fx.follow, &bytes, &ctx), MST_OK, "%s", ctx.text);
  return bytes;
}

/* The agent is restarted: `between` happens while it is down. */
#define RESTART(between)                                                                                                                   \
  do {                                                                                                                                     \
    mst_buf kept = save();                                                                                                                 \
    mst_follow_destroy(fx.follow);                                                                                                         \
    fx.follow = NULL;                                                                                                                      \
    between;                                                                                                                               \
    begin((mst_bytes){kept.data, kept.size_bytes});                                                                                        \
    mst_buf_done(&kept);                                                                                                                   \
  } while (0)

/* Meets a log that has this text already. */
static RIG_UNUSED void
met(const char *text)
{
  append("a.log", text);
  begin((mst_bytes){0});
  read_all();
}

/* Numbered lines, so that no two files have the same bytes. */
static RIG_UNUSED void
append_lines(const char *name, unsigned from, unsigned count)
{
  static char text[1 << 20];
  size_t length = 0;

  for (unsigned i = 0; i < count; i++)
    length += (size_t)snprintf(text + length, sizeof text - length, "%07u some words that stand in the line\n", from + i);
  append(name, text);
}

/* Every number of from .. from + count - 1 once, in order, and nothing else. */
static RIG_UNUSED void
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

static RIG_UNUSED size_t
count_descriptors(void)
{
  size_t count = 0;
  DIR *folder = opendir("/proc/self/fd");

  while (readdir(folder))
    count++;
  closedir(folder);
  return count;
}

#define EXPECT_TEXT(wanted) cr_expect_str_eq(fx.text, wanted)

#endif
