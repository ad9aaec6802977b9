/* A writer that rotates at full speed while the follower looks, reads and is restarted: each line once, whatever falls between two calls.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "follow_rig.h"

enum { LINES = 30000, ROTATIONS = 40 };

TestSuite(follow_races, .init = setup, .fini = teardown, .timeout = 300);

struct writer {
  uint64_t seed;
  bool is_dated;
  atomic_bool is_done;
};

static uint32_t
draw(uint64_t *seed, uint32_t below)
{
  *seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
  return (uint32_t)(*seed >> 33) % below;
}

static void
rotate_names(const struct writer *writer, uint32_t rotation, char ret_name[static 64])
{
  char from[64], to[64];

  snprintf(ret_name, 64, writer->is_dated ? "r.log-20261123%03u" : "r.log.1", rotation);
  for (uint32_t i = writer->is_dated ? 0 : rotation; i > 0; i--) {
    snprintf(from, sizeof from, "r.log.%u", i);
    snprintf(to, sizeof to, "r.log.%u", i + 1);
    move(from, to);
  }
}

static void *
write_and_rotate(void *arg)
{
  struct writer *writer = arg;
  int fd = open(path_of("r.log"), O_WRONLY | O_CREAT | O_APPEND, 0600);

  for (uint32_t line = 0, rotation = 0; line < LINES; line++) {
    char text[128], name[64];
    int length = snprintf(text, sizeof text, "%06u %.*s\n", line, (int)draw(&writer->seed, 60),
                          "something that a program has to say about what it has done to itself");
    int part = (int)draw(&writer->seed, (uint32_t)length);
    cr_assert(write(fd, text, (size_t)part) == part && write(fd, text + part, (size_t)(length - part)) == length - part);
    if (rotation == ROTATIONS || draw(&writer->seed, LINES / ROTATIONS) != 0)
      continue;
    rotate_names(writer, rotation++, name);
    if (draw(&writer->seed, 2)) {
      move("r.log", name);
      close(fd);
      fd = open(path_of("r.log"), O_WRONLY | O_CREAT | O_APPEND, 0600);
    } else {
      copy_file("r.log", name);
      cr_assert_eq(ftruncate(fd, 0), 0);
    }
  }
  close(fd);
  atomic_store(&writer->is_done, true);
  return NULL;
}

static uint8_t seen[LINES], kept[LINES];

static void
count_lines(void *arg, const mst_follow_block *block)
{
  const char *at = block->data, *end = at + block->size_bytes;

  (void)arg;
  while (at < end) {
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    cr_assert_not_null(newline, "not a whole line: %.*s", (int)(end - at), at);
    uint32_t number = (uint32_t)strtoul(at, NULL, 10);
    cr_assert(newline - at >= 7 && at[6] == ' ' && number < LINES, "not a line of the writer's: %.*s", (int)(newline - at), at);
    cr_assert_eq(seen[number]++, 0, "line %u was handed out twice", number);
    at = newline + 1;
  }
}

static void
read_most(size_t most)
{
  mst_errctx ctx = {0};
  size_t got = 0;

  cr_assert_eq(mst_follow_read(fx.follow, most, count_lines, NULL, &got, &ctx), MST_OK, "%s", ctx.text);
}

static void
run(uint64_t seed)
{
  static struct writer writer; /* a test that fails leaves this function while the thread runs */
  uint64_t own = ~seed;
  mst_buf last;
  pthread_t thread;

  writer.seed = seed;
  writer.is_dated = seed % 2 > 0;
  atomic_store(&writer.is_done, false);
  memset(seen, 0, sizeof seen);
  begin((mst_bytes){0});
  refresh();
  last = save();
  memcpy(kept, seen, sizeof seen);
  cr_assert_eq(pthread_create(&thread, NULL, write_and_rotate, &writer), 0);
  while (!atomic_load(&writer.is_done)) {
    refresh();
    read_most(1 + draw(&own, 100000));
    fx.mono_ns += draw(&own, 2) * MST_NS_PER_S;
    if (draw(&own, 8) == 0) {
      mst_buf_done(&last);
      last = save();
      memcpy(kept, seen, sizeof seen);
    } else if (draw(&own, 30) == 0) { /* killed: what was handed out since the last save does not count */
      memcpy(seen, kept, sizeof seen);
      begin((mst_bytes){last.data, last.size_bytes});
    }
  }
  pthread_join(thread, NULL);
  for (int i = 0; i < 4; i++) {
    refresh();
    read_most(1 << 30);
    fx.mono_ns += 6 * MST_NS_PER_S;
  }
  for (uint32_t i = 0; i < LINES; i++)
    cr_assert_eq(seen[i], 1, "line %u was not handed out; %s", i, stats().lost);
  cr_expect_eq(stats().lost_events, 0, "%s", stats().lost);
  mst_buf_done(&last);
}

Test(follow_races, rotations_at_full_speed__each_line_once)
{
  const char *given = getenv("MST_TEST_SEED");
  uint64_t seed = given ? strtoull(given, NULL, 10) : (uint64_t)mst_clock_wall(mst_clock_system()).ns;
  int rounds = given ? 1 : 8;

  fx.globs[0] = "/*.log";
  for (int i = 0; i < rounds; i++, seed++) {
    fprintf(stderr, "follow: MST_TEST_SEED=%llu\n", (unsigned long long)seed);
    run(seed);
    teardown();
    setup();
  }
}
