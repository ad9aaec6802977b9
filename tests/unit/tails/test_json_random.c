/* The reader of JSON lines beside two well-known parsers, on whole and on damaged lines. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include <mst/common/clock.h>
#include <mst/tails/scan.h>

#include "scan_state.h"

enum { ROUNDS = 60000, TEXT_BYTES = 4096, DEPTH_MOST = 6 };

static unsigned seed;

typedef struct text {
  char at[TEXT_BYTES];
  size_t length;
  bool has_log;
} text;

static size_t
draw(size_t below)
{
  return (size_t)((double)rand_r(&seed) / ((double)RAND_MAX + 1) * (double)below);
}

static void
put(text *to, const char *what)
{
  size_t length = strlen(what);

  if (to->length + length < TEXT_BYTES - 64) {
    memcpy(to->at + to->length, what, length);
    to->length += length;
  }
}

static void
put_one(text *to, const char *const *list)
{
  size_t count = 0;

  while (list[count])
    count++;
  put(to, list[draw(count)]);
}

static void
put_blank(text *to)
{
  static const char *const blanks[] = {"", "", "", "", "", " ", "\t", "  ", "\r", NULL};

  put_one(to, blanks);
}

static void
put_string(text *to)
{
  static const char *const pieces[] = {"a",
                                       "level",
                                       " ",
                                       "\\n",
                                       "\\t",
                                       "\\\"",
                                       "\\\\",
                                       "\\/",
                                       "\\b\\f\\r",
                                       "\\u00e9",
                                       "\\u20AC",
                                       "\xc3\xa9",
                                       "\xe2\x82\xac",
                                       "\xf0\x9f\x98\x80",
                                       "\\ud83d\\ude00",
                                       "abcdefgh",
                                       "abcdefghijklmnopqrstuvwxyz",
                                       "\x7f",
                                       "\\u007f",
                                       "'",
                                       NULL};

  put(to, "\"");
  for (size_t i = draw(6); i > 0; i--)
    put_one(to, pieces);
  put(to, "\"");
}

static void put_value(text *to, int depth);

static void
put_map(text *to, int depth)
{
  static const char *const keys[] = {"\"a\"", "\"level\"", "\"msg\"", "\"k\\u0065y\"", "\"\"", "\"x.y\"", "\"trace_id\"", NULL};

  put(to, "{");
  for (size_t i = draw(5); i > 0; i--) {
    put_blank(to);
    if (depth == 0 && !to->has_log && draw(3) == 0) {
      to->has_log = true;
      put(to, "\"log\"");
    } else {
      put_one(to, keys);
    }
    put_blank(to);
    put(to, ":");
    put_value(to, depth + 1);
    if (i > 1)
      put(to, ",");
  }
  put_blank(to);
  put(to, "}");
}

static void
put_list(text *to, int depth)
{
  put(to, "[");
  for (size_t i = draw(4); i > 0; i--) {
    put_value(to, depth + 1);
    if (i > 1)
      put(to, ",");
  }
  put_blank(to);
  put(to, "]");
}

static void
put_value(text *to, int depth)
{
  static const char *const plain[] = {"true",   "false",     "null", "0",   "-0", "12",  "-7.5", "1e3", "1E+2",
                                      "2.5e-3", "123456789", "01",   "1.",  ".5", "-",   "1e",   "+1",  "0x1",
                                      "1.e5",   "truee",     "nul",  "NaN", "''", "-01", NULL};

  put_blank(to);
  switch (draw(depth < DEPTH_MOST ? 6 : 4)) {
  case 0:
  case 1:
    put_string(to);
    break;
  case 2:
    put_one(to, plain);
    break;
  case 3: /* mostly fine ones */
    put(to, "42");
    break;
  case 4:
    put_map(to, depth);
    break;
  default:
    put_list(to, depth);
  }
  put_blank(to);
}

static void
damage(text *to)
{
  static const char bytes[] = "{}[]\",:\\u 01eE+-.tfn\t\n/a\x01\x1f\x80";

  for (size_t i = draw(3); i > 0 && to->length > 1; i--) {
    size_t at = 1 + draw(to->length - 1); /* it still begins with a map */
    switch (draw(3)) {
    case 0:
      to->at[at] = bytes[draw(sizeof bytes - 1)];
      break;
    case 1:
      memmove(to->at + at, to->at + at + 1, to->length - at - 1);
      to->length--;
      break;
    default:
      memmove(to->at + at + 1, to->at + at, to->length - at);
      to->at[at] = bytes[draw(sizeof bytes - 1)];
      to->length++;
    }
  }
}

static int
take_number(void *arg, const char *number, size_t length)
{
  (void)arg, (void)number, (void)length;
  return 1;
}

static bool
is_valid_by_yajl(const text *of)
{
  static const yajl_callbacks calls = {.yajl_number = take_number};
  yajl_handle parser = yajl_alloc(&calls, NULL, NULL);

  cr_assert(parser);
  yajl_config(parser, yajl_dont_validate_strings, 1); /* invalid UTF-8 is counted by itself */
  bool is_fine = yajl_parse(parser, (const unsigned char *)of->at, of->length) == yajl_status_ok;
  /* The newline ends what it would still wait for: it takes an unfinished text behind the end for none. */
  is_fine =
      is_fine && yajl_parse(parser, (const unsigned char *)"\n", 1) == yajl_status_ok && yajl_complete_parse(parser) == yajl_status_ok;
  yajl_free(parser);
  return is_fine;
}

/* The message decoded, where jansson takes the line: it is strict about UTF-8, halves of pairs and the sizes of numbers. */
static bool
check_message(const text *of, const mst_json *json)
{
  json_error_t why;
  json_t *document = json_loadb(of->at, of->length, 0, &why);
  const char *wanted = document ? json_string_value(json_object_get(document, "log")) : NULL;
  bool is_checked = wanted != NULL;
  mst_buf decoded;

  if (document)
    cr_assert(json->is_valid, "MST_TEST_SEED=%u: jansson takes %.*s", seed, (int)of->length, of->at);
  if (wanted && wanted[0]) {
    mst_buf_init(&decoded, TEXT_BYTES);
    cr_assert(json->message.at, "MST_TEST_SEED: no message in %.*s", (int)of->length, of->at);
    mst_json_decode(json->message, &decoded);
    cr_assert_str_eq(mst_buf_text(&decoded), wanted, "%.*s", (int)of->length, of->at);
    mst_buf_done(&decoded);
  }
  json_decref(document);
  return is_checked;
}

Test(json, is_valid_where_yajl_says_so_and_decodes_as_jansson_does)
{
  const char *wanted = getenv("MST_TEST_SEED");
  unsigned first = wanted ? (unsigned)strtoul(wanted, NULL, 10) : (unsigned)mst_clock_wall(mst_clock_system()).ns;
  unsigned valid = 0, invalid = 0, decoded = 0;
  mst_names *names = NULL;
  mst_errctx ctx = {0};

  cr_assert_eq(mst_names_create(NULL, &names, &ctx), MST_OK, "%s", ctx.text);
  printf("json: MST_TEST_SEED=%u and the %d after it\n", first, ROUNDS - 1);
  for (unsigned round = first; round != first + (wanted ? 1 : ROUNDS); round++) {
    text line = {.length = 0};

    seed = round;
    put_map(&line, 0);
    if (draw(2))
      damage(&line);

    /* Where a read past the end would be seen. */
    char *exact = malloc(line.length);
    cr_assert(exact);
    memcpy(exact, line.at, line.length);
    mst_json json = mst_json_read(names, (mst_line){exact, line.length});
    bool by_yajl = is_valid_by_yajl(&line);

    cr_assert_eq(json.is_valid, by_yajl, "MST_TEST_SEED=%u: %d, by yajl %d: %.*s", round, json.is_valid, by_yajl, (int)line.length,
                 line.at);
    decoded += check_message(&line, &json);
    free(exact);
    valid += by_yajl;
    invalid += !by_yajl;
  }
  cr_assert(wanted || (valid > ROUNDS / 10 && invalid > ROUNDS / 10 && decoded > ROUNDS / 100), "%u valid, %u invalid, %u decoded", valid,
            invalid, decoded);
  mst_names_destroy(names);
}

Test(json, lines_that_parsers_disagree_about)
{
  static const struct {
    const char *text;
    bool is_valid;
  } cases[] = {
      {"{}", true},
      {"{\"a\":1}", true},
      {"{\"a\":1} ", true},
      {"{\"a\":1}x", false},
      {"{\"a\":1}{}", false},
      {"{\"a\":1,}", false},
      {"{\"a\":[1,]}", false},
      {"{,}", false},
      {"{\"a\"}", false},
      {"{\"a\":}", false},
      {"{a:1}", false},
      {"{'a':1}", false},
      {"{\"a\":1 \"b\":2}", false},
      {"{\"a\":01}", false},
      {"{\"a\":-}", false},
      {"{\"a\":1.}", false},
      {"{\"a\":.5}", false},
      {"{\"a\":1e}", false},
      {"{\"a\":1e+}", false},
      {"{\"a\":+1}", false},
      {"{\"a\":Infinity}", false},
      {"{\"a\":\"\\x41\"}", false},
      {"{\"a\":\"\\u12\"}", false},
      {"{\"a\":\"\\u12g4\"}", false},
      {"{\"a\":\"\\ud800\"}", true}, /* RFC 8259 8.2: no error of the grammar */
      {"{\"a\":\"\t\"}", false},
      {"{\"a\":\"\x7f\"}", true},
      {"{\"a\":\"b", false},
      {"{\"a\":\"b\\", false},
      {"{\"a\":\"b\\\"", false},
      {"{\"a\":[}", false},
      {"{\"a\":{]", false},
      {"{\"a\":[1}", false},
      {"{\"a\":tru}", false},
      {"{\"a\":nullx}", false},
      {"{\"a\":1}//", false},
      {"[]", false}, /* no record */
      {"1", false},
      {"", false},
      {"\xef\xbb\xbf{}", false}, /* RFC 8259 8.1: no byte order mark */
  };
  mst_names *names = NULL;
  mst_errctx ctx = {0};

  cr_assert_eq(mst_names_create(NULL, &names, &ctx), MST_OK, "%s", ctx.text);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    cr_expect_eq(mst_json_read(names, (mst_line){cases[i].text, strlen(cases[i].text)}).is_valid, cases[i].is_valid, "%s", cases[i].text);
  mst_names_destroy(names);
}

Test(json, nesting__is_bounded)
{
  enum { DEEP = 100000 };
  char *line = malloc(2 * DEEP + 16);
  mst_names *names = NULL;
  mst_errctx ctx = {0};

  cr_assert(line);
  cr_assert_eq(mst_names_create(NULL, &names, &ctx), MST_OK, "%s", ctx.text);
  for (int depth = 1; depth <= DEEP; depth = depth < 63 ? 63 : depth < 64 ? 64 : depth * 40) {
    static const char head[] = "{\"a\":";
    size_t length = sizeof head - 1;

    memcpy(line, head, length);
    memset(line + length, '[', (size_t)depth);
    memset(line + length + depth, ']', (size_t)depth);
    length += 2 * (size_t)depth;
    line[length++] = '}';
    cr_expect_eq(mst_json_read(names, (mst_line){line, length}).is_valid, depth < 64, "%d deep", depth);
  }
  mst_names_destroy(names);
  free(line);
}
