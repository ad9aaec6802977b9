/* What is found by screening whole pieces is what each pattern finds on each line by itself. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mst/common/clock.h>
#include <mst/common/key.h>
#include <mst/tails/scan.h>

#include "scan_state.h"

enum { ROUNDS = 3000, TEXT_BYTES = 8192 };

static const uint8_t key[32] = {5};
static const mst_scan_rule rules[] = {
    {.name = "word", .pattern = "connection refused"},
    {.name = "line", .pattern = "^start.*end$"},
    {.name = "blank", .pattern = "bearer\\s+x", .ignore_case = true},
    {.name = "behind", .pattern = "(?<!un)known"},
    {.name = "same", .pattern = "([a-z]{3})-\\1"},
    {.name = "inline", .pattern = "(?i)timed? ?out"},
    {.name = "bound", .pattern = "\\b429\\b"},
    {.name = "one", .pattern = "~"},
    {.name = "subject", .pattern = "\\Astart"},
    {.name = "not", .pattern = "id=[^0-9 ]+ "},
    {.name = "any", .pattern = "(?:a|b)?(?:1|2)?c{2,}"},
    {.name = "empty", .pattern = "^$"},
    {.name = "dot", .pattern = "x.y"},
    {.name = "posix", .pattern = "[[:upper:]]{4}[[:digit:]]"},
};
enum { RULES = sizeof rules / sizeof rules[0] };

/* Parts of secrets are put together when the text is made, so that no scanner of repositories takes this file for a leak. */
static const char *const parts[] = {"sk-",
                                    "proj-a1B2c3D4e5F6g7H8i9J0",
                                    "ant-api03-",
                                    "AKIA",
                                    "Q3EGU7XZP2LM5NRT",
                                    "ghp_",
                                    "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8",
                                    "xoxb-",
                                    "123456789012-abcdefGHIJKL",
                                    "password",
                                    "=",
                                    ": ",
                                    "\"",
                                    "Bearer ",
                                    "bearer\t",
                                    "token",
                                    "api_key",
                                    "4111 1111 1111 1111",
                                    "4111111111111111",
                                    "5500-0055-5555-5559",
                                    "378282246310005",
                                    "4111 1111 ",
                                    "jane.doe",
                                    "a",
                                    "@",
                                    "company.de",
                                    "b.io",
                                    "+49 30 1234567",
                                    "(212) 555-0123",
                                    "212-555-0123",
                                    "phone",
                                    "DE89 3704 0044 0532 0130 00",
                                    "DE89370400440532013000",
                                    "NO93 8601 1117 947",
                                    "536-22-8726",
                                    "536-22-",
                                    "12345678901234567890",
                                    "-",
                                    " ",
                                    " ",
                                    "\n",
                                    "\n",
                                    "\r\n",
                                    "\r",
                                    ".",
                                    "://",
                                    "user:",
                                    "-----BEGIN RSA ",
                                    "PRIVATE KEY-----",
                                    "-----END",
                                    "\\n",
                                    "MIIEowIBAAKCAQEAx4UbaDzY5xjW6hc9jwN0mX33XpTDVW5sVq",
                                    "connection refused",
                                    "start",
                                    "end",
                                    "unknown",
                                    "known",
                                    "abc-abc",
                                    "timed out",
                                    "Timeout",
                                    "429",
                                    "1429",
                                    "~",
                                    "id=",
                                    "acc",
                                    "b2cc",
                                    "x\ny",
                                    "xzy",
                                    "ABCD1",
                                    "\xff",
                                    "\xc3\xa9",
                                    "eyJhbGciOiJIUzI1NiJ9.",
                                    "eyJzdWIiOiIxMjM0NTY3ODkwIn0.",
                                    "dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
                                    "aws_secret_access_key",
                                    "{",
                                    "}",
                                    "[",
                                    "]",
                                    ",",
                                    "192.168.1.200",
                                    "2026-11-23T05:17:33.123456Z",
                                    "7c9e6679-7425-40de-944b-e07fc1f90ae7",
                                    "level=info",
                                    "ERROR",
                                    "    at ",
                                    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
enum { PARTS = sizeof parts / sizeof parts[0] };

static unsigned seed;

static size_t
draw(size_t below)
{
  return (size_t)((double)rand_r(&seed) / ((double)RAND_MAX + 1) * (double)below);
}

static size_t
make_text(char *text, size_t most)
{
  size_t length = 0, wanted = 1 + draw(most - 200);

  while (length < wanted) {
    const char *part = parts[draw(PARTS)];
    size_t bytes = strlen(part), from = draw(8) == 0 ? draw(bytes) : 0;

    memcpy(text + length, part + from, bytes - from);
    length += bytes - from;
    if (draw(12) == 0 && length > 0)
      text[draw(length)] = (char)(draw(3) ? 32 + draw(95) : draw(256));
  }
  return length;
}

static mst_scanner *
make(bool no_lines, bool tries_each)
{
  const mst_scan_setup setup = {.format = MST_SCAN_TEXT,
                                .rules = rules,
                                .rule_count = RULES,
                                .secrets = true,
                                .pii = true,
                                .no_lines = no_lines,
                                .fingerprint_key = key};
  mst_scanner *scanner = NULL;
  mst_errctx ctx = {0};

  cr_assert_eq(mst_crypto_start(&ctx), MST_OK);
  cr_assert_eq(mst_scanner_create(&setup, &scanner, &ctx), MST_OK, "%s", ctx.text);
  for (size_t i = 0; tries_each && i < scanner->patterns.count; i++) {
    scanner->patterns.tried[i / 64] |= 1ULL << (i & 63);
    scanner->patterns.has_tried = true;
  }
  return scanner;
}

static mst_scan_counts
scan(mst_scanner *scanner, const char *text, size_t length)
{
  mst_scan_state state = {0};
  mst_scan_counts counts = {0};
  const mst_scan_job job = {.state = &state, .counts = &counts};
  mst_errctx ctx = {0};

  cr_assert_eq(mst_scanner_scan(scanner, &job, text, length, &ctx), MST_OK, "%s", ctx.text);
  mst_scanner_finish(scanner, &job);
  return counts;
}

static void
expect_same(const mst_scan_counts *screened, const mst_scan_counts *each, unsigned round)
{
  for (size_t i = 0; i < RULES; i++)
    cr_assert_eq(screened->rules[i], each->rules[i], "MST_TEST_SEED=%u: rule %s: %lu instead of %lu", round, rules[i].name,
                 (unsigned long)screened->rules[i], (unsigned long)each->rules[i]);
  for (size_t i = 0; mst_scan_pattern_at(i); i++)
    cr_assert_eq(screened->patterns[i], each->patterns[i], "MST_TEST_SEED=%u: %s: %lu instead of %lu", round, mst_scan_pattern_at(i),
                 (unsigned long)screened->patterns[i], (unsigned long)each->patterns[i]);
}

static void
check_many(bool no_lines)
{
  mst_scanner *screening = make(no_lines, false), *each = make(no_lines, true);
  const char *wanted = getenv("MST_TEST_SEED");
  unsigned first = wanted ? (unsigned)strtoul(wanted, NULL, 10) : (unsigned)mst_clock_wall(mst_clock_system()).ns;
  char *text = malloc(TEXT_BYTES);
  uint64_t found = 0, fitted = 0;

  cr_assert(text);
  printf("screen: MST_TEST_SEED=%u and the %d after it\n", first, ROUNDS - 1);
  for (unsigned round = first; round != first + (wanted ? 1 : ROUNDS); round++) {
    seed = round;
    size_t length = make_text(text, draw(4) ? 600 : TEXT_BYTES);
    const mst_scan_counts one = scan(screening, text, length), other = scan(each, text, length);

    expect_same(&one, &other, round);
    found += one.secrets + one.pii;
    for (size_t i = 0; i < RULES; i++)
      fitted += one.rules[i];
  }
  cr_assert(wanted || (found > ROUNDS / 4 && fitted > ROUNDS), "the texts hold too little: %lu, %lu", (unsigned long)found,
            (unsigned long)fitted);
  free(text);
  mst_scanner_destroy(screening);
  mst_scanner_destroy(each);
}

Test(screen, finds_what_trying_each_pattern_on_each_line_finds)
{
  check_many(false);
}

Test(screen, finds_the_same_without_looking_at_lines)
{
  check_many(true);
}
