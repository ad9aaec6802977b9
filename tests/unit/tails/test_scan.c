/* What lines say: levels, records, fields, rules. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mst/common/clock.h>
#include <mst/common/key.h>
#include <mst/tails/scan.h>

#include "scan_state.h"

static const uint8_t key[32] = {1, 2, 3};

static mst_scanner *
make(mst_scan_setup setup)
{
  mst_scanner *scanner = NULL;
  mst_errctx ctx = {0};

  cr_assert_eq(mst_crypto_start(&ctx), MST_OK);
  setup.fingerprint_key = key;
  cr_assert_eq(mst_scanner_create(&setup, &scanner, &ctx), MST_OK, "%s", ctx.text);
  return scanner;
}

static mst_scan_counts
scan_with(mst_scanner *scanner, const char *text)
{
  mst_scan_state state = {0};
  mst_scan_counts counts = {0};
  const mst_scan_job job = {.state = &state, .counts = &counts};
  mst_errctx ctx = {0};

  cr_assert_eq(mst_scanner_scan(scanner, &job, text, strlen(text), &ctx), MST_OK, "%s", ctx.text);
  mst_scanner_finish(scanner, &job);
  return counts;
}

static mst_scan_counts
scan(mst_scan_setup setup, const char *text)
{
  mst_scanner *scanner = make(setup);
  mst_scan_counts counts = scan_with(scanner, text);

  mst_scanner_destroy(scanner);
  return counts;
}

Test(level, text_line__by_what_stands_where_levels_stand)
{
  static const struct {
    const char *line;
    mst_log_level level;
  } cases[] = {
      {"2026-11-23 05:17:33,123 ERROR something failed", MST_LEVEL_ERROR},
      {"2026-11-23T05:17:33.123Z [warn] pool is nearly empty", MST_LEVEL_WARN},
      {"[2026-11-23 05:17:33] [INFO] started", MST_LEVEL_INFO},
      {"2026-11-23 05:17:33,123 - genesis.api - DEBUG - request", MST_LEVEL_DEBUG},
      {"2026-11-23 05:17:33 | CRITICAL | main:run:12 - down", MST_LEVEL_FATAL},
      {"ERROR:root:no connection", MST_LEVEL_ERROR},
      {"error: cannot open file", MST_LEVEL_ERROR},
      {"WARNING: deprecated", MST_LEVEL_WARN},
      {"E1123 05:17:33.123456   12 main.go:12] broken", MST_LEVEL_ERROR},
      {"I1123 05:17:33.123456   12 main.go:12] fine", MST_LEVEL_INFO},
      {"Nov 23 05:17:33 web-1 genesis[812]: ERROR no route", MST_LEVEL_ERROR},
      {"time=\"2026-11-23T05:17:33Z\" level=warning msg=\"slow\"", MST_LEVEL_WARN},
      {"ts=2026 lvl=info msg=x", MST_LEVEL_INFO},
      {"2026/11/23 05:17:33 [error] 31#31: *1 open() failed", MST_LEVEL_ERROR},
      {"<3>kernel thing", MST_LEVEL_ERROR}, /* RFC 5424, and what systemd takes from programs */
      {"<14>1 2026-11-23T05:17:33Z web-1 app - - - started", MST_LEVEL_INFO},
      {"<999>none", MST_LEVEL_UNKNOWN},
      {"no error was found", MST_LEVEL_UNKNOWN},
      {"User pressed the ERROR button", MST_LEVEL_UNKNOWN},
      {"2026-11-23 05:17:33 the word ERROR in a message", MST_LEVEL_UNKNOWN},
      {"Errors: 0", MST_LEVEL_UNKNOWN},
      {"", MST_LEVEL_UNKNOWN},
      {"-", MST_LEVEL_UNKNOWN},
      {"10.0.0.1 - - [23/Nov/2026:05:17:33 +0000] \"GET /error HTTP/1.1\" 200 12", MST_LEVEL_UNKNOWN},
  };

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    cr_expect_eq(mst_level_of_line((mst_line){cases[i].line, strlen(cases[i].line)}), cases[i].level, "%s: %d", cases[i].line,
                 (int)mst_level_of_line((mst_line){cases[i].line, strlen(cases[i].line)}));
}

Test(scan, json_lines__levels_by_name_and_number)
{
  mst_scan_counts counts = scan((mst_scan_setup){.format = MST_SCAN_JSON}, "{\"level\":\"INFO\",\"msg\":\"a\"}\n"
                                                                           "{\"severity\": \"Error\", \"message\": \"b\"}\n"
                                                                           "{\"level\":50,\"msg\":\"c\"}\n"
                                                                           "{\"log\":{\"level\":\"debug\"},\"message\":\"d\"}\n"
                                                                           "{\"log.level\":\"critical\"}\n"
                                                                           "{\"msg\":\"level: error\"}\n"
                                                                           "{\"nested\":{\"level\":\"fatal\"}}\n");
  cr_expect_eq(counts.lines, 7);
  cr_expect_eq(counts.records, 7);
  cr_expect_eq(counts.levels[MST_LEVEL_INFO], 1);
  cr_expect_eq(counts.levels[MST_LEVEL_ERROR], 2);
  cr_expect_eq(counts.levels[MST_LEVEL_DEBUG], 1);
  cr_expect_eq(counts.levels[MST_LEVEL_FATAL], 1);
  cr_expect_eq(counts.levels[MST_LEVEL_UNKNOWN], 2);
}

Test(scan, qualities__are_counted_of_records)
{
  const mst_scan_setup setup = {.format = MST_SCAN_JSON,
                                .required = 1U << MST_FIELD_TIMESTAMP | 1U << MST_FIELD_LEVEL | 1U << MST_FIELD_MESSAGE};
  mst_scan_counts counts = scan(setup, "{\"ts\":1,\"level\":\"info\",\"msg\":\"a\",\"trace_id\":\"x\"}\n"
                                       "{\"level\":\"info\",\"msg\":\"a\"}\n"
                                       "{\"ts\":1,\"level\":\"info\",\"msg\":\"\"}\n"
                                       "{\"ts\":1,\"level\":\"error\",\"msg\":\"a\",\"exc_info\":\"Traceback...\"}\n"
                                       "{\"ts\":1,\"level\":\"error\",\"msg\":\"a\"}\n"
                                       "{\"ts\":1,\"level\":\"error\",\"msg\":\"a\",\"exc_info\":null}\n"
                                       "{\"ts\":1,\n"
                                       "plain text\n"
                                       "{\"a\":1}{\"b\":2}\n"
                                       "{\"a\":1} x\n"
                                       "[1]\n"
                                       "{\"ts\":1,\"level\":\"info\",\"msg\":\"after\"}\n");
  cr_expect_eq(counts.checked[MST_QUALITY_JSON], 12);
  cr_expect_eq(counts.passed[MST_QUALITY_JSON], 7);
  cr_expect_eq(counts.checked[MST_QUALITY_REQUIRED_FIELDS], 12);
  cr_expect_eq(counts.passed[MST_QUALITY_REQUIRED_FIELDS], 5);
  cr_expect_eq(counts.passed[MST_QUALITY_TRACE_ID], 1);
  cr_expect_eq(counts.checked[MST_QUALITY_ERROR_WITH_STACK_TRACE], 3);
  cr_expect_eq(counts.passed[MST_QUALITY_ERROR_WITH_STACK_TRACE], 1);
}

Test(scan, traces__belong_to_the_record_before_them)
{
  static const char *const traces[] = {
      "2026-11-23 05:17:33 ERROR failed\nTraceback (most recent call last):\n  File \"a.py\", line 1, in <module>\n    x()\nValueError: "
      "no\n",
      "2026-11-23 05:17:33 ERROR failed\njava.lang.IllegalStateException: no\n\tat a.b.C.d(C.java:1)\nCaused by: java.io.IOException: "
      "x\n\t... 12 more\n",
      "2026-11-23 05:17:33 ERROR failed\n    at Object.<anonymous> (/app/x.js:1:2)\n    at node:internal/main:1:1\n",
      "2026-11-23 05:17:33 ERROR failed\ngoroutine 1 [running]:\nmain.main()\n\t/app/main.go:3 +0x1d\n",
      "2026-11-23 05:17:33 ERROR failed\nstack backtrace:\n   0: rust_begin_unwind\n             at /rustc/lib.rs:1\n",
      "2026-11-23 05:17:33 ERROR failed\n   at Genesis.Api.Run() in /src/Api.cs:line 12\n   --- End of inner exception stack trace ---\n",
  };

  for (size_t i = 0; i < sizeof traces / sizeof traces[0]; i++) {
    char text[2048];
    snprintf(text, sizeof text, "%s2026-11-23 05:17:34 INFO next\n", traces[i]);
    mst_scan_counts counts = scan((mst_scan_setup){.format = MST_SCAN_TEXT}, text);
    cr_expect_eq(counts.levels[MST_LEVEL_ERROR], 1, "%s", text);
    cr_expect_eq(counts.levels[MST_LEVEL_INFO], 1, "%s", text);
    cr_expect_eq(counts.checked[MST_QUALITY_ERROR_WITH_STACK_TRACE], 1, "%s", text);
    cr_expect_eq(counts.passed[MST_QUALITY_ERROR_WITH_STACK_TRACE], 1, "%s", text);
    cr_expect_leq(counts.records, 3, "%s", text);
  }
}

Test(scan, traceback_of_nobody__is_an_error_by_itself)
{
  mst_scan_counts counts =
      scan((mst_scan_setup){.format = MST_SCAN_AUTO},
           "{\"level\":\"info\",\"msg\":\"started\"}\nTraceback (most recent call last):\n  File \"a.py\", line 1\nKeyError: 'x'\n");
  cr_expect_eq(counts.records, 2);
  cr_expect_eq(counts.levels[MST_LEVEL_ERROR], 1);
  cr_expect_eq(counts.passed[MST_QUALITY_ERROR_WITH_STACK_TRACE], 1);
}

Test(scan, docker_lines__are_unwrapped)
{
  mst_scan_counts counts =
      scan((mst_scan_setup){.format = MST_SCAN_DOCKER},
           "{\"log\":\"2026-11-23 05:17:33 ERROR failed\\n\",\"stream\":\"stderr\",\"time\":\"2026-11-23T05:17:33Z\"}\n"
           "{\"log\":\"Traceback (most recent call last):\\n\",\"stream\":\"stderr\",\"time\":\"2026-11-23T05:17:33Z\"}\n");
  cr_expect_eq(counts.records, 1);
  cr_expect_eq(counts.levels[MST_LEVEL_ERROR], 1);
  cr_expect_eq(counts.passed[MST_QUALITY_ERROR_WITH_STACK_TRACE], 1);
}

Test(scan, rules__count_lines_at_their_levels)
{
  static const mst_scan_rule rules[] = {{.name = "audit", .pattern = "\"event\": ?\"audit"},
                                        {.name = "any-error", .pattern = ".", .levels = 1U << MST_LEVEL_ERROR | 1U << MST_LEVEL_FATAL},
                                        {.name = "case", .pattern = "TIMEOUT", .ignore_case = true},
                                        {.name = "behind", .pattern = "(?<=user=)root\\b"},
                                        {.name = "begin", .pattern = "^\\{\"level"},
                                        {.name = "same", .pattern = "(\\w)\\1\\1"}};
  static const char text[] = "{\"level\":\"info\",\"event\":\"audit\",\"msg\":\"audit audit\"}\n"
                             "{\"level\":\"error\",\"msg\":\"timeout and Timeout\"}\n"
                             "{\"level\":\"info\",\"msg\":\"user=root aaa\"}\n"
                             "{\"level\":\"fatal\"}\n";
  static const uint64_t wanted[] = {1, 2, 1, 1, 4, 1};

  for (int alone = 0; alone < 2; alone++) {
    mst_scan_counts counts =
        scan((mst_scan_setup){.format = MST_SCAN_JSON, .rules = rules, .rule_count = 6, .no_hyperscan = alone > 0}, text);
    for (size_t i = 0; i < 6; i++)
      cr_expect_eq(counts.rules[i], wanted[i], "%s: %lu, hyperscan %d", rules[i].name, (unsigned long)counts.rules[i], !alone);
    cr_expect_eq(counts.rule_errors, 0);
  }
}

Test(scan, wrong_pattern__is_said_with_its_rule_and_place)
{
  const mst_scan_rule rule = {.name = "open", .pattern = "a(b"};
  const mst_scan_setup setup = {.rules = &rule, .rule_count = 1, .fingerprint_key = key};
  mst_scanner *scanner = NULL;
  mst_errctx ctx = {0};

  cr_expect_eq(mst_scanner_create(&setup, &scanner, &ctx), MST_EMALFORMED);
  cr_expect(strstr(ctx.text, "rule open") && strstr(ctx.text, "character 4"), "%s", ctx.text);
}

Test(scan, pattern_without_end__is_given_up_and_counted, .timeout = 20)
{
  const mst_scan_rule slow = {.name = "slow", .pattern = "^(\\w+\\s?)*$(?<!q)"};
  char text[3000];

  memset(text, 'a', sizeof text);
  memcpy(text + sizeof text - 4, "!\n\0", 3);
  mst_scan_counts counts = scan((mst_scan_setup){.format = MST_SCAN_TEXT, .rules = &slow, .rule_count = 1}, text);
  cr_expect_eq(counts.rules[0], 0);
  cr_expect_eq(counts.rule_errors, 1);
}

Test(scan, bad_bytes__are_counted_and_stop_nothing)
{
  static const char text[] = "2026-11-23 05:17:33 ERROR \xff\xfe\n\n\r\n{\"level\":\"info\",\"msg\":\"\xc3\x28\"}\r\n"
                             "{\"level\":\"warn\",\"a\":[[[[[[1]]]]]],\"level\":\"error\"}\n{\"n\":1e999999,\"level\":\"info\"}\n";
  mst_scan_counts counts = scan((mst_scan_setup){.format = MST_SCAN_AUTO}, text);

  cr_expect_eq(counts.lines, 6);
  cr_expect_eq(counts.invalid_lines, 2);
  cr_expect_geq(counts.levels[MST_LEVEL_INFO], 2);
}

/* ---- properties ---- */

static uint64_t random_state;
static uint32_t
draw(uint32_t below)
{
  random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
  return (uint32_t)(random_state >> 33) % below;
}

static void
random_text(char *text, size_t size)
{
  static const char *const pieces[] = {"{\"level\":\"info\",",
                                       "{\"level\":\"error\",\"msg\":\"",
                                       "\"}\n",
                                       "\n",
                                       "\n",
                                       "\n",
                                       "ERROR ",
                                       "2026-11-23 05:17:33 ",
                                       "audit",
                                       "Traceback (most recent call last):\n",
                                       "  File \"x\", line 1\n",
                                       "ValueError: no\n",
                                       "timeout",
                                       "sk-proj-abcDEF123456ghiJKL789",
                                       "4111 1111 1111 1111",
                                       "a@b.de",
                                       "password=Tr0ub4dor&3xyz",
                                       "\xff",
                                       "{",
                                       "}",
                                       "user=root ",
                                       "aaa",
                                       "\\",
                                       "\"",
                                       "\t",
                                       "\r\n"};
  size_t length = 0;

  while (length + 40 < size) {
    const char *piece = pieces[draw(sizeof pieces / sizeof pieces[0])];
    length += (size_t)snprintf(text + length, size - length, "%s", piece);
  }
  snprintf(text + length, size - length, "\n");
}

static const mst_scan_rule random_rules[] = {{.name = "audit", .pattern = "audit"},
                                             {.name = "behind", .pattern = "(?<=user=)root"},
                                             {.name = "error", .pattern = "t", .levels = 1U << MST_LEVEL_ERROR},
                                             {.name = "blank", .pattern = "\\s\\S+\\s"},
                                             {.name = "line", .pattern = "^\\S.*[a-z]$"},
                                             {.name = "case", .pattern = "TIMEOUT|error", .ignore_case = true},
                                             {.name = "not", .pattern = "[^a]a[^a]"}};

Test(scan_property, blocks_cut_anywhere_and_both_engines__count_the_same)
{
  const char *given = getenv("MST_TEST_SEED");
  uint64_t seed = given ? strtoull(given, NULL, 10) : (uint64_t)mst_clock_wall(mst_clock_system()).ns;
  static char text[6000];
  mst_scan_setup setup = {.format = MST_SCAN_AUTO, .rules = random_rules, .rule_count = 7, .secrets = true, .pii = true, .required = 7};

  fprintf(stderr, "scan: MST_TEST_SEED=%llu\n", (unsigned long long)seed);
  mst_scanner *both[2], *only[2];
  for (int i = 0; i < 2; i++) {
    setup.format = i ? MST_SCAN_DOCKER : MST_SCAN_AUTO;
    setup.no_hyperscan = false;
    both[i] = make(setup);
    setup.no_hyperscan = true;
    only[i] = make(setup);
  }
  for (int round = 0; round < 200; round++) {
    random_state = seed + (uint64_t)round;
    uint32_t which = draw(2);
    random_text(text, 200 + draw(5000));
    mst_scan_counts whole = scan_with(both[which], text);
    mst_scan_counts alone = scan_with(only[which], text);
    cr_assert_arr_eq(&whole, &alone, sizeof whole, "engines differ: seed %llu round %d", (unsigned long long)seed, round);
    mst_scanner *scanner = both[which];
    mst_scan_state state = {0};
    mst_scan_counts pieces = {0};
    const mst_scan_job job = {.state = &state, .counts = &pieces};
    for (const char *at = text; *at;) {
      const char *end = at;
      for (uint32_t lines = 1 + draw(5); lines > 0 && *end; lines--)
        end = strchr(end, '\n') + 1;
      uint8_t bytes[MST_SCAN_STATE_BYTES];
      mst_scan_state_encode(&state, bytes);
      mst_scan_state_decode(bytes, &state);
      cr_assert_eq(mst_scanner_scan(scanner, &job, at, (size_t)(end - at), NULL), MST_OK);
      at = end;
    }
    mst_scanner_finish(scanner, &job);
    cr_assert_arr_eq(&whole, &pieces, sizeof whole, "pieces differ: seed %llu round %d", (unsigned long long)seed, round);
  }
  for (int i = 0; i < 2; i++) {
    mst_scanner_destroy(both[i]);
    mst_scanner_destroy(only[i]);
  }
}

/* Entries of a journal, one call each. */
static mst_scan_counts
scan_entries(mst_scan_format format, mst_log_level level, bool is_stream, const char *const *entries)
{
  mst_scanner *scanner =
      make((mst_scan_setup){.format = format, .rules = &(mst_scan_rule){.name = "bad", .pattern = "bad"}, .rule_count = 1});
  mst_scan_state state = {0};
  mst_scan_counts counts = {0};
  const mst_scan_job job = {.state = &state, .counts = &counts, .is_entry = true, .entry_level = level};
  mst_errctx ctx = {0};

  for (; *entries; entries++) {
    cr_assert_eq(mst_scanner_scan(scanner, &job, *entries, strlen(*entries), &ctx), MST_OK, "%s", ctx.text);
    if (!is_stream)
      mst_scanner_finish(scanner, &job);
  }
  mst_scanner_finish(scanner, &job);
  mst_scanner_destroy(scanner);
  return counts;
}

Test(entry, lines_of_one__are_one_record)
{
  static const char *const entries[] = {
      "2026-11-23 05:17:33 ERROR bad\n2026-11-23 05:17:34 INFO bad\n{\"level\":\"fatal\"}\nTraceback (most recent call last)\n", NULL};
  mst_scan_counts counts = scan_entries(MST_SCAN_AUTO, MST_LEVEL_DEBUG, false, entries);

  cr_expect_eq(counts.records, 1);
  cr_expect_eq(counts.levels[MST_LEVEL_ERROR], 1);
  cr_expect_eq(counts.rules[0], 2, "rules count lines");
  cr_expect_eq(counts.checked[MST_QUALITY_ERROR_WITH_STACK_TRACE], 1);
  cr_expect_eq(counts.passed[MST_QUALITY_ERROR_WITH_STACK_TRACE], 1);
  cr_expect_eq(counts.checked[MST_QUALITY_JSON], 0);
}

Test(entry, without_a_level_in_its_text__has_that_of_the_journal)
{
  static const char *const entries[] = {"it failed\n",     "{\"msg\":\"it failed\"}\n", "\n",
                                        "WARNING: slow\n", "{\"level\":\"info\"}\n",    NULL};
  mst_scan_counts counts = scan_entries(MST_SCAN_AUTO, MST_LEVEL_ERROR, false, entries);

  cr_expect_eq(counts.records, 5);
  cr_expect_eq(counts.levels[MST_LEVEL_ERROR], 3);
  cr_expect_eq(counts.levels[MST_LEVEL_WARN], 1);
  cr_expect_eq(counts.levels[MST_LEVEL_INFO], 1);
}

Test(entry, lines_of_a_stream__go_on_with_its_record_and_others_do_not)
{
  static const char *const entries[] = {
      "starting\n", "Traceback (most recent call last):\n", "  File \"a.py\", line 1, in f\n", "ValueError: bad\n", "going on\n", NULL};
  mst_scan_counts stream = scan_entries(MST_SCAN_TEXT, MST_LEVEL_INFO, true, entries);
  mst_scan_counts whole = scan_entries(MST_SCAN_TEXT, MST_LEVEL_INFO, false, entries);

  cr_expect_eq(stream.records, 3);
  cr_expect_eq(stream.levels[MST_LEVEL_INFO], 2);
  cr_expect_eq(stream.levels[MST_LEVEL_ERROR], 1);
  cr_expect_eq(stream.passed[MST_QUALITY_ERROR_WITH_STACK_TRACE], 1);
  cr_expect_eq(whole.records, 5);
}
