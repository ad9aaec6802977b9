/* A writer that does anything, a follower that is killed at any moment: each line once. */
#include "follow_rig.h"

enum { LINES_MAX = 60000, KEEP = 5 /* those over it are deleted: read, but not always finished with; their inodes are taken anew */ };

TestSuite(follow_random, .init = setup, .fini = teardown, .timeout = 300);

static uint64_t state;

static uint32_t
draw(uint32_t below)
{
  state = state * 6364136223846793005ULL + 1442695040888963407ULL;
  return (uint32_t)(state >> 33) % below;
}

/* The writer: its lines are numbered, and it writes them in pieces. */
static struct {
  int fd;
  uint32_t next;
  char rest[96]; /* of the line that is not whole yet */
  uint32_t unread_rotations;
  bool is_dated;
  uint32_t serial;
} writer;

static uint8_t seen[LINES_MAX], kept[LINES_MAX];
static char open_line[256]; /* handed out without a newline, at the end of a file */
static mst_buf last_save;

static void
open_log(void)
{
  writer.fd = open(path_of("a.log"), O_WRONLY | O_CREAT | O_APPEND, 0600);
  cr_assert_geq(writer.fd, 0);
}

static void
write_some(void)
{
  char text[8192];
  size_t length = (size_t)snprintf(text, sizeof text, "%s", writer.rest);

  writer.rest[0] = '\0';
  for (uint32_t count = draw(60); count > 0 && writer.next < LINES_MAX; count--)
    length += (size_t)snprintf(text + length, sizeof text - length, "%06u %.*s\n", writer.next++, (int)draw(50),
                               "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz");
  if (length > 0 && draw(3) == 0) { /* the last line comes in two pieces */
    size_t from = length - 1;
    while (from > 0 && text[from - 1] != '\n')
      from--;
    size_t part = from + 1 + draw((uint32_t)(length - from - 1) ? (uint32_t)(length - from - 1) : 1);
    if (part < length) {
      snprintf(writer.rest, sizeof writer.rest, "%.*s", (int)(length - part), text + part);
      length = part;
    }
  }
  cr_assert_eq(write(writer.fd, text, length), (ssize_t)length);
}

static void
finish_line(void)
{
  size_t length = strlen(writer.rest);

  cr_assert_eq(write(writer.fd, writer.rest, length), (ssize_t)length);
  writer.rest[0] = '\0';
}

static void
shift(void)
{
  char from[32], to[32];

  for (int i = KEEP; i > 0; i--) {
    snprintf(from, sizeof from, "a.log.%d", i);
    snprintf(to, sizeof to, "a.log.%d", i + 1);
    if (access(path_of(from), F_OK) == 0 && (i == KEEP ? unlink(path_of(from)) : rename(path_of(from), path_of(to))) != 0)
      cr_assert_fail("rotate %s", from);
  }
}

static void
rotate_by_rename(void)
{
  char to[64];

  if (writer.is_dated)
    snprintf(to, sizeof to, "a.log-20261123-%u", 100000 + writer.serial++);
  else
    shift();
  move("a.log", writer.is_dated ? to : "a.log.1");
  if (draw(2))
    write_some(); /* it has the old file open still */
  finish_line();
  close(writer.fd);
  open_log();
  writer.unread_rotations++;
}

static void
rotate_by_copy(void)
{
  char to[64];

  finish_line();
  if (writer.is_dated)
    snprintf(to, sizeof to, "a.log-20261123-%u", 100000 + writer.serial++);
  else
    shift();
  copy_file("a.log", writer.is_dated ? to : "a.log.1");
  if (draw(3) == 0 && fx.follow)
    refresh(); /* it sees the copy before the truncation */
  cut("a.log");
  writer.unread_rotations++;
}

static void
count_lines(void)
{
  const char *at = fx.text, *end = fx.text + fx.length;

  while (at < end) {
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    cr_assert(newline, "a line that is not whole: %s", at);
    uint32_t number = (uint32_t)strtoul(at, NULL, 10);
    cr_assert_lt(number, writer.next, "%.40s", at);
    cr_assert_lt(seen[number], 1, "line %u was handed out twice", number);
    seen[number]++;
    at = newline + 1;
  }
  fx.length = 0;
}

static void
follow_some(void)
{
  refresh();
  for (uint32_t i = draw(4); i > 0; i--)
    (void)read_some(1 + draw(20000));
  count_lines();
  fx.mono_ns += draw(3) * MST_NS_PER_S;
}

static void
commit(void)
{
  mst_errctx ctx = {0};

  mst_buf_reset(&last_save);
  cr_assert_eq(mst_follow_save(fx.follow, &last_save, &ctx), MST_OK, "%s", ctx.text);
  memcpy(kept, seen, sizeof seen);
}

static void
crash(void)
{
  mst_follow_destroy(fx.follow);
  fx.follow = NULL;
  memcpy(seen, kept, sizeof seen);
  for (uint32_t i = draw(3); i > 0; i--) {
    if (draw(2) && writer.unread_rotations < 4)
      (draw(2) ? rotate_by_rename : rotate_by_copy)();
    write_some();
  }
  begin((mst_bytes){last_save.data, last_save.size_bytes});
}

/* What was read is compressed or deleted, as logrotate does it. */
static void
prune(void)
{
  DIR *folder = opendir(fx.folder);

  for (const struct dirent *name = readdir(folder); name; name = readdir(folder)) {
    size_t length = strlen(name->d_name);
    char packed[300];
    if (strncmp(name->d_name, "a.log", 5) != 0 || length == 5 || strcmp(name->d_name + length - 3, ".gz") == 0 || draw(3) != 0)
      continue;
    snprintf(packed, sizeof packed, "%s.gz", name->d_name);
    if (draw(2))
      append(packed, "compressed");
    cr_assert_eq(unlink(path_of(name->d_name)), 0);
  }
  closedir(folder);
}

static void
catch_up(void)
{
  read_all();
  count_lines();
  if (draw(2)) {
    fx.mono_ns += 6 * MST_NS_PER_S;
    read_all();
    count_lines();
  }
  commit();
  writer.unread_rotations = 0;
  if (draw(3) == 0)
    prune();
}

static void
run(uint64_t seed, uint32_t steps)
{
  state = seed;
  memset(&writer, 0, sizeof writer);
  memset(seen, 0, sizeof seen);
  memset(kept, 0, sizeof kept);
  open_line[0] = '\0';
  writer.is_dated = draw(2) > 0;
  mst_buf_init(&last_save, 48 * 1024);
  open_log();
  begin((mst_bytes){0});
  read_all();
  commit();
  for (uint32_t i = 0; i < steps; i++) {
    uint32_t what = draw(20);
    if (what < 9)
      write_some();
    else if (what < 14)
      follow_some();
    else if (what < 15)
      commit();
    else if (what < 16 && writer.unread_rotations < 4)
      rotate_by_rename();
    else if (what < 17 && writer.unread_rotations < 4)
      rotate_by_copy();
    else if (what < 18)
      crash();
    else if (what < 19)
      catch_up();
  }
  finish_line();
  catch_up();
  for (uint32_t i = 0; i < writer.next; i++)
    cr_assert_eq(seen[i], 1, "seed %llu: line %u of %u was never handed out", (unsigned long long)seed, i, writer.next);
  cr_expect_eq(stats().lost_events, 0, "seed %llu: %s", (unsigned long long)seed, stats().lost);
  close(writer.fd);
  mst_buf_done(&last_save);
}

Test(follow_random, rotations_and_crashes__each_line_once)
{
  const char *given = getenv("MST_TEST_SEED");
  uint64_t seed = given ? strtoull(given, NULL, 10) : (uint64_t)mst_clock_wall(mst_clock_system()).ns;
  int rounds = given ? 1 : 12;

  for (int i = 0; i < rounds; i++, seed++) {
    fprintf(stderr, "follow: MST_TEST_SEED=%llu\n", (unsigned long long)seed);
    run(seed, 500);
    teardown();
    setup();
  }
}
