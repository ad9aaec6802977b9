#include <fcntl.h>
#include <pthread.h>

#include <mst/common/log.h>

#include "scratch.h"

static mst_clock_manual clock_by_hand;
static int log_fd = -1;

static void
open_log(void)
{
  scratch_make();
  mst_clock_manual_init(&clock_by_hand, 1795411053 * MST_NS_PER_S + 123456789);
  log_fd = open(scratch_path("log"), O_RDWR | O_CREAT | O_APPEND, 0600);
  cr_assert_geq(log_fd, 0);
}

static void
close_log(void)
{
  close(log_fd);
  scratch_remove();
}

TestSuite(log, .init = open_log, .fini = close_log);

static void
start(mst_log_format format)
{
  mst_log_start("agent", MST_LOG_INFO, format, log_fd, &clock_by_hand.base);
}

/* What was written since the last call. */
static const char *
written(void)
{
  static char text[64 * 1024];
  ssize_t bytes = pread(log_fd, text, sizeof text - 1, 0);

  cr_assert_geq(bytes, 0);
  text[bytes] = '\0';
  cr_assert_eq(ftruncate(log_fd, 0), 0);
  return text;
}

#define TEXT_START "time=2026-11-23T05:17:33.123Z level=info component=agent event=test"
#define JSON_START "{\"time\":\"2026-11-23T05:17:33.123Z\",\"level\":\"info\",\"component\":\"agent\",\"event\":\"test\""

static void
expect_value(mst_log_format format, const char *value, const char *expected)
{
  char line[512];

  start(format);
  mst_log(MST_LOG_INFO, "test", "key", value, NULL);
  snprintf(line, sizeof line, format == MST_LOG_JSON ? JSON_START ",\"key\":%s}\n" : TEXT_START " key=%s\n", expected);
  cr_expect_str_eq(written(), line);
}

Test(log, line__holds_time_level_component_event_and_pairs)
{
  start(MST_LOG_KEY_VALUE);
  mst_log(MST_LOG_INFO, "test", NULL);
  cr_expect_str_eq(written(), TEXT_START "\n");
  mst_log(MST_LOG_INFO, "test", "host", "db1", "count", "3", NULL);
  cr_expect_str_eq(written(), TEXT_START " host=db1 count=3\n");
  start(MST_LOG_JSON);
  mst_log(MST_LOG_INFO, "test", NULL);
  cr_expect_str_eq(written(), JSON_START "}\n");
  mst_log(MST_LOG_INFO, "test", "host", "db1", "count", "3", NULL);
  cr_expect_str_eq(written(), JSON_START ",\"host\":\"db1\",\"count\":\"3\"}\n");
}

Test(log, time_without_a_fraction__stays_short)
{
  mst_clock_manual_init(&clock_by_hand, 1795411053 * MST_NS_PER_S + 999999);
  start(MST_LOG_KEY_VALUE);
  mst_log(MST_LOG_INFO, "test", NULL);
  cr_expect_str_eq(written(), "time=2026-11-23T05:17:33Z level=info component=agent event=test\n");
}

Test(log, values__are_escaped_in_text)
{
  expect_value(MST_LOG_KEY_VALUE, "plain-1.5%/x:y", "plain-1.5%/x:y");
  expect_value(MST_LOG_KEY_VALUE, "", "\"\"");
  expect_value(MST_LOG_KEY_VALUE, NULL, "\"\"");
  expect_value(MST_LOG_KEY_VALUE, "two words", "\"two words\"");
  expect_value(MST_LOG_KEY_VALUE, "a=b", "\"a=b\"");
  expect_value(MST_LOG_KEY_VALUE, "say \"x\"", "\"say \\\"x\\\"\"");
  expect_value(MST_LOG_KEY_VALUE, "C:\\x", "\"C:\\\\x\"");
  expect_value(MST_LOG_KEY_VALUE, "line\nevent=forged", "\"line\\nevent=forged\"");
  expect_value(MST_LOG_KEY_VALUE, "\r\t\x01\x1b[31m\x7f", "\"\\u000d\\u0009\\u0001\\u001b[31m\\u007f\"");
  expect_value(MST_LOG_KEY_VALUE, "gr\xc3\xbc\xc3\x9f", "\"gr\xc3\xbc\xc3\x9f\"");
  expect_value(MST_LOG_KEY_VALUE,
               "\xc2\x9b"
               "31m",
               "\"\\u009b31m\"");
}

Test(log, values__are_escaped_in_json)
{
  expect_value(MST_LOG_JSON, "plain", "\"plain\"");
  expect_value(MST_LOG_JSON, "", "\"\"");
  expect_value(MST_LOG_JSON, NULL, "\"\"");
  expect_value(MST_LOG_JSON, "say \"x\" C:\\x", "\"say \\\"x\\\" C:\\\\x\"");
  expect_value(MST_LOG_JSON, "line\n\"}{", "\"line\\n\\\"}{\"");
  expect_value(MST_LOG_JSON, "\r\t\x01\x1b\x7f", "\"\\u000d\\u0009\\u0001\\u001b\\u007f\"");
  expect_value(MST_LOG_JSON, "\xe2\x82\xac \xf0\x9f\x98\x80", "\"\xe2\x82\xac \xf0\x9f\x98\x80\"");
}

/* Names of files and hosts are any bytes; JSON is UTF-8 only. Cases from RFC 3629 and the Unicode standard's table 3-7. */
Test(log, what_is_no_utf_8__is_replaced_byte_by_byte)
{
  static const struct {
    const char *value;
    size_t replaced;
  } cases[] = {
      {"\xff", 1},         {"\x80", 1},         {"\xc3", 1},         {"\xc0\xaf", 2},         {"\xc1\xbf", 2},
      {"\xe2\x82", 2},     {"\xe0\x9f\xbf", 3}, {"\xed\xa0\x80", 3}, {"\xf0\x8f\xbf\xbf", 4}, {"\xf4\x90\x80\x80", 4},
      {"\xf5\x80\x80", 3}, {"\xf0\x9f\x98", 3}, {"\xc3\xc3", 2},
  };

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char value[16], expected[64];
    size_t used = (size_t)snprintf(expected, sizeof expected, "\"a");
    snprintf(value, sizeof value, "a%sz", cases[i].value);
    for (size_t n = 0; n < cases[i].replaced; n++)
      used += (size_t)snprintf(expected + used, sizeof expected - used, "\\ufffd");
    snprintf(expected + used, sizeof expected - used, "z\"");
    expect_value(MST_LOG_JSON, value, expected);
    expect_value(MST_LOG_KEY_VALUE, value, expected);
  }
}

Test(log, event__is_escaped_like_a_value)
{
  start(MST_LOG_KEY_VALUE);
  mst_log(MST_LOG_INFO, "a b\n", NULL);
  cr_expect(strstr(written(), "event=\"a b\\n\"\n"));
}

/* Whether the line is one whole JSON object of strings, as a strict reader sees it. */
static bool
is_json_line(const char *line)
{
  if (*line++ != '{')
    return false;
  for (;;) {
    for (int half = 0; half < 2; half++) {
      if (*line++ != '"')
        return false;
      while (*line != '"') {
        if (*line == '\\') {
          line++;
          if (*line == 'u' && strspn(line + 1, "0123456789abcdef") < 4)
            return false;
          if (!strchr("u\"\\n", *line))
            return false;
        } else if ((unsigned char)*line < 0x20) {
          return false;
        }
        line++;
      }
      line++;
      if (half == 0 && *line++ != ':')
        return false;
    }
    if (*line == '}')
      return strcmp(line, "}\n") == 0;
    if (*line++ != ',')
      return false;
  }
}

/* The cut falls at every place of an escape, of a character and of the pairs behind. */
Test(log, long_line__is_cut_at_4_kb_and_still_whole)
{
  static const char *const pieces[] = {"x", "\"", "\x01", "\xe2\x82\xac", "\n\xff"};
  static char value[8192];

  for (size_t piece = 0; piece < sizeof pieces / sizeof pieces[0]; piece++)
    for (size_t pad = 0; pad < 16; pad++) {
      memset(value, 'p', pad);
      value[pad] = '\0';
      for (size_t at = pad; at < 5000; at += strlen(pieces[piece]))
        snprintf(value + at, sizeof value - at, "%s", pieces[piece]);
      start(MST_LOG_JSON);
      mst_log(MST_LOG_INFO, "test", "key", value, "behind", "y", NULL);
      const char *line = written();
      cr_assert_leq(strlen(line), 4096);
      cr_assert_geq(strlen(line), 4080);
      cr_assert(is_json_line(line), "%s", line);
      start(MST_LOG_KEY_VALUE);
      mst_log(MST_LOG_INFO, "test", "key", value, "behind", "y", NULL);
      line = written();
      cr_assert_leq(strlen(line), 4096);
      cr_assert_geq(strlen(line), 4080);
      cr_assert_eq(strcmp(line + strlen(line) - 2, "\"\n"), 0);
      cr_assert_null(strstr(line, "behind"));
    }
}

Test(log, pairs_around_4_kb__are_whole_or_left_out)
{
  static char value[8192];

  for (size_t length = 3900; length < 4100; length++) {
    memset(value, 'v', length);
    value[length] = '\0';
    start(MST_LOG_JSON);
    mst_log(MST_LOG_INFO, "test", "key", value, "second", "s", "third", "t", NULL);
    const char *line = written();
    cr_assert_leq(strlen(line), 4096);
    cr_assert(is_json_line(line), "%zu: %s", length, line);
    start(MST_LOG_KEY_VALUE);
    mst_log(MST_LOG_INFO, "test", "key", value, "second", "s", "third", "t", NULL);
    line = written();
    cr_assert_leq(strlen(line), 4096);
    cr_assert_eq(line[strlen(line) - 1], '\n');
    cr_assert(!strstr(line, "third") || strstr(line, " second=s third=t\n"), "%s", line);
  }
}

Test(log, levels_below_the_least__are_left_out_and_not_counted)
{
  static const char *const names[] = {"debug", "info", "warn", "error"};

  for (int least = MST_LOG_DEBUG; least <= MST_LOG_ERROR; least++) {
    mst_log_start("agent", (mst_log_level)least, MST_LOG_KEY_VALUE, log_fd, &clock_by_hand.base);
    for (int level = MST_LOG_DEBUG; level <= MST_LOG_ERROR; level++) {
      char said[32];
      for (int i = 0; i < 20 && level < least; i++)
        mst_log((mst_log_level)level, "test", NULL);
      mst_log((mst_log_level)level, "test", NULL);
      const char *line = written();
      snprintf(said, sizeof said, "level=%s ", names[level]);
      if (level < least)
        cr_expect_str_eq(line, "");
      else
        cr_expect(strstr(line, said) && !strstr(line, "suppressed"), "%s", line);
    }
  }
}

static size_t
lines(const char *text)
{
  size_t count = 0;

  for (; *text; text++)
    count += *text == '\n';
  return count;
}

Test(log, repeats_over_10_in_10_s__are_held_back_and_counted)
{
  start(MST_LOG_KEY_VALUE);
  for (int i = 0; i < 35; i++)
    mst_log(MST_LOG_INFO, "test", NULL);
  const char *text = written();
  cr_expect_eq(lines(text), 10);
  cr_expect_null(strstr(text, "suppressed"));

  mst_clock_manual_advance(&clock_by_hand, 10 * MST_NS_PER_S - 1);
  mst_log(MST_LOG_INFO, "test", NULL);
  cr_expect_str_eq(written(), "", "10 s are not over");
  mst_clock_manual_advance(&clock_by_hand, 1);
  mst_log(MST_LOG_INFO, "test", "key", "v", NULL);
  text = written();
  cr_expect(strstr(text, " suppressed=26 key=v\n"), "%s", text);
  mst_log(MST_LOG_INFO, "test", NULL);
  cr_expect_null(strstr(written(), "suppressed"), "said once");
}

Test(log, suppressed_count__is_said_in_json_and_even_on_a_cut_line)
{
  static char value[6000];

  memset(value, 'x', sizeof value - 1);
  start(MST_LOG_JSON);
  for (int i = 0; i < 13; i++)
    mst_log(MST_LOG_INFO, "test", NULL);
  (void)written();
  mst_clock_manual_advance(&clock_by_hand, 10 * MST_NS_PER_S);
  mst_log(MST_LOG_INFO, "test", "key", value, NULL);
  const char *line = written();
  cr_expect(strstr(line, ",\"suppressed\":\"3\",\"key\":\"xxx"), "%s", line);
  cr_expect(is_json_line(line));
}

Test(log, one_noisy_event__does_not_hold_back_another)
{
  start(MST_LOG_KEY_VALUE);
  for (int i = 0; i < 1000; i++)
    mst_log(MST_LOG_INFO, "noisy", NULL);
  (void)written();
  mst_log(MST_LOG_INFO, "test", NULL);
  cr_expect_str_eq(written(), TEXT_START "\n");
}

Test(log, slow_repeats__are_never_held_back)
{
  start(MST_LOG_KEY_VALUE);
  for (int i = 0; i < 100; i++) {
    mst_log(MST_LOG_INFO, "test", NULL);
    mst_clock_manual_advance(&clock_by_hand, MST_NS_PER_S);
  }
  const char *text = written();
  cr_expect_eq(lines(text), 100);
  cr_expect_null(strstr(text, "suppressed"));
}

Test(log, wall_clock_that_jumps_back__does_not_hold_anything_back)
{
  start(MST_LOG_KEY_VALUE);
  for (int i = 0; i < 20; i++)
    mst_log(MST_LOG_INFO, "test", NULL);
  (void)written();
  mst_clock_manual_advance(&clock_by_hand, 11 * MST_NS_PER_S);
  clock_by_hand.wall_ns -= 3600 * MST_NS_PER_S;
  mst_log(MST_LOG_INFO, "test", NULL);
  cr_expect(strstr(written(), "suppressed=10"));
}

Test(log, more_events_than_are_tracked__still_go_out)
{
  char event[32];

  start(MST_LOG_KEY_VALUE);
  for (int i = 0; i < 200; i++) {
    snprintf(event, sizeof event, "event-%d", i);
    mst_log(MST_LOG_INFO, event, NULL);
  }
  cr_expect_eq(lines(written()), 200);
}

enum { THREADS = 4, ROUNDS = 500 };

static void *
log_often(void *argument)
{
  char event[32];

  for (int i = 0; i < ROUNDS; i++) {
    snprintf(event, sizeof event, "event-%d", i % 50);
    mst_log(MST_LOG_INFO, event, "thread", argument, "text", "a value that is long enough to be torn", NULL);
  }
  return NULL;
}

Test(log, many_threads__write_whole_lines_and_lose_no_count)
{
  static char names[THREADS][2] = {"a", "b", "c", "d"};
  pthread_t threads[THREADS];
  static char text[1 << 20];

  start(MST_LOG_JSON);
  for (size_t i = 0; i < THREADS; i++)
    cr_assert_eq(pthread_create(&threads[i], NULL, log_often, names[i]), 0);
  for (size_t i = 0; i < THREADS; i++)
    pthread_join(threads[i], NULL);
  ssize_t bytes = pread(log_fd, text, sizeof text - 1, 0);
  cr_assert_geq(bytes, 0);
  text[bytes] = '\0';
  cr_expect_eq(lines(text), 500, "10 of each of 50 events, not %zu", lines(text));
  for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
    char one[512];
    snprintf(one, sizeof one, "%.*s\n", (int)(end - line), line);
    cr_assert(is_json_line(one), "%s", one);
  }
}

Test(log, closed_fd__is_borne)
{
  mst_log_start("agent", MST_LOG_INFO, MST_LOG_KEY_VALUE, -1, &clock_by_hand.base);
  mst_log(MST_LOG_INFO, "test", NULL);
  start(MST_LOG_KEY_VALUE);
  mst_log(MST_LOG_INFO, "test", NULL);
  cr_expect_str_eq(written(), TEXT_START "\n");
}

Test(log, before_start__goes_to_stderr_with_the_systems_clock)
{
  int saved = dup(2);

  cr_assert_geq(saved, 0);
  cr_assert_eq(dup2(log_fd, 2), 2);
  mst_log(MST_LOG_WARN, "early", NULL);
  mst_log(MST_LOG_DEBUG, "too-small", NULL);
  dup2(saved, 2);
  close(saved);
  const char *text = written();
  cr_expect(strstr(text, "level=warn component=muster event=early\n"), "%s", text);
  cr_expect_eq(lines(text), 1);
}

Test(log, names_of_levels_and_formats__are_read)
{
  static const char *const names[] = {"debug", "info", "warn", "error"};
  mst_log_format format = MST_LOG_KEY_VALUE;
  mst_errctx ctx = {0};

  for (int i = 0; i < 4; i++) {
    mst_log_level level = (mst_log_level)((i + 1) % 4);
    cr_expect_eq(mst_log_level_parse(names[i], &level, NULL), MST_OK);
    cr_expect_eq((int)level, i);
  }
  cr_expect_eq(mst_log_format_parse("json", &format, NULL), MST_OK);
  cr_expect_eq(format, MST_LOG_JSON);
  cr_expect_eq(mst_log_format_parse("text", &format, NULL), MST_OK);
  cr_expect_eq(format, MST_LOG_KEY_VALUE);

  static const char *const wrong[] = {"", "INFO", "information", "warning", " info", "3", "xml"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    mst_log_level level = MST_LOG_WARN;
    cr_expect_eq(mst_log_level_parse(wrong[i], &level, &ctx), MST_EMALFORMED, "%s", wrong[i]);
    cr_expect(strstr(ctx.text, wrong[i]) && strstr(ctx.text, "debug, info, warn or error"), "%s", ctx.text);
    cr_expect_eq(level, MST_LOG_WARN);
    format = MST_LOG_JSON;
    cr_expect_eq(mst_log_format_parse(wrong[i], &format, &ctx), MST_EMALFORMED, "%s", wrong[i]);
    cr_expect(strstr(ctx.text, "text or json"), "%s", ctx.text);
    cr_expect_eq(format, MST_LOG_JSON);
  }
}
