#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <math.h>

#include "text.h"
#include "vectors.h"

/* A cursor over bytes given as a string literal. */
#define OVER(literal) over((literal), sizeof(literal) - 1)

static mst_cursor
over(const void *data, size_t size_bytes)
{
  mst_cursor cursor;
  mst_cursor_init(&cursor, data, size_bytes);
  return cursor;
}

struct integer {
  char bytes[12];
  int size_bytes;
  uint64_t value;
  bool negative;
};

ParameterizedTestParameters(cursor, every_integer_form__is_read)
{
  static struct integer cases[] = {
      {"\x00", 1, 0, false},
      {"\x7f", 1, 127, false},
      {"\xff", 1, (uint64_t)-1, true},
      {"\xe0", 1, (uint64_t)-32, true},
      {"\xcc\xff", 2, 255, false},
      {"\xcd\x01\x00", 3, 256, false},
      {"\xce\xff\xff\xff\xff", 5, UINT32_MAX, false},
      {"\xcf\xff\xff\xff\xff\xff\xff\xff\xff", 9, UINT64_MAX, false},
      {"\xd0\x80", 2, (uint64_t)-128, true},
      {"\xd0\x7f", 2, 127, false},
      {"\xd1\x80\x00", 3, (uint64_t)-32768, true},
      {"\xd2\x80\x00\x00\x00", 5, (uint64_t)INT32_MIN, true},
      {"\xd3\x80\x00\x00\x00\x00\x00\x00\x00", 9, (uint64_t)INT64_MIN, true},
      {"\xd3\x7f\xff\xff\xff\xff\xff\xff\xff", 9, INT64_MAX, false},
  };
  return cr_make_param_array(struct integer, cases, sizeof cases / sizeof cases[0]);
}

ParameterizedTest(struct integer *c, cursor, every_integer_form__is_read)
{
  mst_errctx ctx = {0};
  uint64_t value = 7;
  int64_t number = 7;
  double real = 7;
  mst_cursor cursor = over(c->bytes, (size_t)c->size_bytes);

  cr_expect_eq(mst_cursor_uint(&cursor, "n", UINT64_MAX, &value, &ctx), c->negative ? MST_EMALFORMED : MST_OK);
  cr_expect_eq(value, c->negative ? 7 : c->value);
  cr_expect_eq(mst_cursor_offset(&cursor), c->negative ? 0 : (size_t)c->size_bytes);

  bool fits = c->negative || c->value <= INT64_MAX;
  cursor = over(c->bytes, (size_t)c->size_bytes);
  cr_expect_eq(mst_cursor_int(&cursor, "n", &number, &ctx), fits ? MST_OK : MST_ELIMIT);
  cr_expect_eq(number, fits ? (int64_t)c->value : 7);

  cursor = over(c->bytes, (size_t)c->size_bytes);
  assert_ok(mst_cursor_number(&cursor, "n", &real, &ctx), ctx);
  cr_expect_eq(real, c->negative ? (double)(int64_t)c->value : (double)c->value);

  for (int cut = 0; cut < c->size_bytes; cut++) {
    blob part = blob_of(c->bytes, (size_t)cut);
    cursor = over(part.data, part.size_bytes);
    cr_expect_eq(mst_cursor_uint(&cursor, "n", UINT64_MAX, &value, &ctx), MST_EMALFORMED);
    cr_expect_eq(mst_cursor_int(&cursor, "n", &number, &ctx), MST_EMALFORMED);
    cr_expect_eq(mst_cursor_number(&cursor, "n", &real, &ctx), MST_EMALFORMED);
    cr_expect_eq(mst_cursor_offset(&cursor), 0);
    blob_done(&part);
  }
}

Test(cursor, uint_over_its_bound__is_a_limit_and_says_where)
{
  mst_cursor cursor = OVER("\xcc\xc8");
  mst_errctx ctx = {0};
  uint64_t value = 3;

  cr_expect_eq(mst_cursor_uint(&cursor, "thing", 199, &value, &ctx), MST_ELIMIT);
  cr_expect_eq(value, 3);
  cr_expect(strstr(ctx.text, "thing: is 200 at byte 0"), "%s", ctx.text);
  cr_expect_eq(mst_cursor_uint(&cursor, "thing", 200, &value, &ctx), MST_OK);
}

Test(cursor, floats__are_read_and_only_finite_ones)
{
  mst_errctx ctx = {0};
  double value = 7;
  mst_cursor cursor = OVER("\xca\x3f\xc0\x00\x00\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00");

  assert_ok(mst_cursor_number(&cursor, "n", &value, &ctx), ctx);
  cr_expect_eq(value, 1.5);
  assert_ok(mst_cursor_number(&cursor, "n", &value, &ctx), ctx);
  cr_expect_eq(value, 1.5);
  cr_expect_eq(mst_cursor_number(&cursor, "n", &value, &ctx), MST_EMALFORMED);

  static const char *const bad[] = {"\xca\x7f\x80\x00\x00", "\xca\xff\x80\x00\x00", "\xca\x7f\xc0\x00\x00",
                                    "\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00", "\xcb\x7f\xf8\x00\x00\x00\x00\x00\x01"};
  value = 7;
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    cursor = over(bad[i], i < 3 ? 5 : 9);
    cr_expect_eq(mst_cursor_number(&cursor, "n", &value, &ctx), MST_EMALFORMED, "case %zu", i);
    cr_expect(strstr(ctx.text, "finite"), "%s", ctx.text);
    cr_expect_eq(mst_cursor_offset(&cursor), 0);
  }
  cr_expect_eq(value, 7);
}

Test(cursor, arrays__of_every_form_are_read_within_bounds)
{
  mst_errctx ctx = {0};
  uint32_t count = 9;
  mst_cursor cursor = OVER("\x92\x01\x02");

  assert_ok(mst_cursor_array(&cursor, "list", 2, 2, &count, &ctx), ctx);
  cr_expect_eq(count, 2);
  cursor = OVER("\xdc\x00\x01\x05");
  assert_ok(mst_cursor_array(&cursor, "list", 0, 4, &count, &ctx), ctx);
  cr_expect_eq(count, 1);
  cursor = OVER("\xdd\x00\x00\x00\x01\x05");
  assert_ok(mst_cursor_array(&cursor, "list", 0, 4, &count, &ctx), ctx);
  cr_expect_eq(mst_cursor_offset(&cursor), 5);

  count = 9;
  cursor = OVER("\x93\x01\x02\x03");
  cr_expect_eq(mst_cursor_array(&cursor, "list", 0, 2, &count, &ctx), MST_ELIMIT);
  cr_expect_eq(mst_cursor_array(&cursor, "list", 4, 9, &count, &ctx), MST_EMALFORMED);
  cr_expect_eq(mst_cursor_array(&cursor, "list", 2, 2, &count, &ctx), MST_EMALFORMED, "a struct of another size is no limit");
  cursor = OVER("\x93\x01\x02");
  cr_expect_eq(mst_cursor_array(&cursor, "list", 0, 9, &count, &ctx), MST_EMALFORMED, "three elements do not fit into two bytes");
  cursor = OVER("\xdd\xff\xff\xff\xff\x01");
  cr_expect_eq(mst_cursor_array(&cursor, "list", 0, UINT32_MAX, &count, &ctx), MST_EMALFORMED);
  cursor = OVER("\xdc\x00");
  cr_expect_eq(mst_cursor_array(&cursor, "list", 0, 9, &count, &ctx), MST_EMALFORMED);
  static const uint8_t others[] = {0x00, 0x80, 0xa0, 0xc0, 0xc1, 0xc4, 0xd9, 0xde, 0xdf, 0xe0};
  for (size_t i = 0; i < sizeof others; i++) {
    uint8_t bytes[8] = {others[i]};
    cursor = over(bytes, sizeof bytes);
    cr_expect_eq(mst_cursor_array(&cursor, "list", 0, 9, &count, &ctx), MST_EMALFORMED, "0x%02x", others[i]);
  }
  cr_expect_eq(count, 9);
}

Test(cursor, maps__count_pairs)
{
  mst_errctx ctx = {0};
  uint32_t count = 9;
  mst_cursor cursor = OVER("\x81\x01\x02");

  assert_ok(mst_cursor_map(&cursor, "map", 1, &count, &ctx), ctx);
  cr_expect_eq(count, 1);
  cursor = OVER("\xde\x00\x01\x05\x06");
  assert_ok(mst_cursor_map(&cursor, "map", 1, &count, &ctx), ctx);
  cursor = OVER("\xdf\x00\x00\x00\x01\x05\x06");
  assert_ok(mst_cursor_map(&cursor, "map", 1, &count, &ctx), ctx);
  cursor = OVER("\x82\x01\x02\x03");
  cr_expect_eq(mst_cursor_map(&cursor, "map", 2, &count, &ctx), MST_EMALFORMED, "two pairs do not fit into three bytes");
  cr_expect_eq(mst_cursor_map(&cursor, "map", 1, &count, &ctx), MST_ELIMIT);
  cursor = OVER("\x91\x01");
  cr_expect_eq(mst_cursor_map(&cursor, "map", 1, &count, &ctx), MST_EMALFORMED);
  cursor = OVER("");
  cr_expect_eq(mst_cursor_map(&cursor, "map", 1, &count, &ctx), MST_EMALFORMED);
  cr_expect(strstr(ctx.text, "ends at byte 0"), "%s", ctx.text);
}

Test(cursor, bins__are_borrowed_and_bounded)
{
  mst_errctx ctx = {0};
  mst_bytes bytes = {0};
  mst_cursor cursor = OVER("\xc4\x02"
                           "ab\xc5\x00\x01"
                           "c\xc6\x00\x00\x00\x00");

  assert_ok(mst_cursor_bin(&cursor, "bin", 2, 2, &bytes, &ctx), ctx);
  cr_expect_eq(bytes.size_bytes, 2);
  cr_expect_eq(bytes.data, cursor.start + 2);
  assert_ok(mst_cursor_bin(&cursor, "bin", 0, 2, &bytes, &ctx), ctx);
  cr_expect_eq(bytes.size_bytes, 1);
  assert_ok(mst_cursor_bin(&cursor, "bin", 0, 2, &bytes, &ctx), ctx);
  cr_expect_eq(bytes.size_bytes, 0);
  assert_ok(mst_cursor_end(&cursor, "message", &ctx), ctx);

  cursor = OVER("\xc4\x03"
                "ab");
  cr_expect_eq(mst_cursor_bin(&cursor, "bin", 0, 9, &bytes, &ctx), MST_EMALFORMED);
  cr_expect_eq(mst_cursor_bin(&cursor, "bin", 0, 2, &bytes, &ctx), MST_ELIMIT);
  cr_expect_eq(mst_cursor_bin(&cursor, "bin", 4, 9, &bytes, &ctx), MST_EMALFORMED);
  cursor = OVER("\xc6\xff\xff\xff\xff"
                "ab");
  cr_expect_eq(mst_cursor_bin(&cursor, "bin", 0, SIZE_MAX, &bytes, &ctx), MST_EMALFORMED);
  cursor = OVER("\xa1"
                "a");
  cr_expect_eq(mst_cursor_bin(&cursor, "bin", 0, 9, &bytes, &ctx), MST_EMALFORMED);
}

Test(cursor, texts__are_utf8_without_nul)
{
  mst_errctx ctx = {0};
  mst_text text = {0};
  mst_cursor cursor = OVER("\xa3"
                           "abc\xd9\x02\xc3\xa9\xda\x00\x00\xdb\x00\x00\x00\x01"
                           "x");

  assert_ok(mst_cursor_text(&cursor, "text", 9, &text, &ctx), ctx);
  cr_expect(mst_text_equal(text, "abc"));
  cr_expect_not(mst_text_equal(text, "abcd"));
  cr_expect_not(mst_text_equal(text, "abd"));
  assert_ok(mst_cursor_text(&cursor, "text", 9, &text, &ctx), ctx);
  cr_expect(mst_text_equal(text, "\xc3\xa9"));
  assert_ok(mst_cursor_text(&cursor, "text", 9, &text, &ctx), ctx);
  cr_expect(mst_text_equal(text, ""));
  assert_ok(mst_cursor_text(&cursor, "text", 9, &text, &ctx), ctx);

  cursor = OVER("\xa2"
                "a\0");
  cr_expect_eq(mst_cursor_text(&cursor, "text", 9, &text, &ctx), MST_EMALFORMED);
  cursor = OVER("\xa2\xc3\x28");
  cr_expect_eq(mst_cursor_text(&cursor, "text", 9, &text, &ctx), MST_EMALFORMED);
  cr_expect_eq(mst_cursor_text(&cursor, "text", 1, &text, &ctx), MST_ELIMIT);
  cursor = OVER("\xa9"
                "abc");
  cr_expect_eq(mst_cursor_text(&cursor, "text", 9, &text, &ctx), MST_EMALFORMED);
  cursor = OVER("\xc4\x01"
                "a");
  cr_expect_eq(mst_cursor_text(&cursor, "text", 9, &text, &ctx), MST_EMALFORMED);
}

struct sequence {
  char bytes[24];
  bool valid;
};

ParameterizedTestParameters(text, utf8_table__is_kept)
{
  static struct sequence cases[] = {
      {"", true},
      {"plain ASCII over 8 bytes", true},
      {"12345678\xc3\xa9", true},
      {"\xc2\x80", true},
      {"\xdf\xbf", true},
      {"\xe0\xa0\x80", true},
      {"\xed\x9f\xbf", true},
      {"\xee\x80\x80", true},
      {"\xef\xbf\xbf", true},
      {"\xf0\x90\x80\x80", true},
      {"\xf4\x8f\xbf\xbf", true},
      {"\x80", false},
      {"\xbf", false},
      {"\xc0\x80", false},
      {"\xc1\xbf", false},
      {"\xc3", false},
      {"\xc3\xc3", false},
      {"\xe0\x9f\xbf", false},
      {"\xed\xa0\x80", false},
      {"\xe2\x82", false},
      {"\xe2\x82\x41", false},
      {"\xf0\x8f\xbf\xbf", false},
      {"\xf4\x90\x80\x80", false},
      {"\xf5\x80\x80\x80", false},
      {"\xf0\x9f\x98", false},
      {"\xff", false},
      {"1234567\x80", false},
      {"12345678\xff", false},
  };
  return cr_make_param_array(struct sequence, cases, sizeof cases / sizeof cases[0]);
}

ParameterizedTest(struct sequence *c, text, utf8_table__is_kept)
{
  blob exact = blob_of(c->bytes, strlen(c->bytes));
  cr_expect_eq(mst_text_valid((const char *)exact.data, exact.size_bytes), c->valid);
  blob_done(&exact);

  char clean[64];
  size_t bytes = mst_text_clean(c->bytes, clean, sizeof clean);
  cr_expect(mst_text_valid(clean, bytes));
  cr_expect_eq(bytes == strlen(c->bytes) && memcmp(clean, c->bytes, bytes) == 0, c->valid);
}

Test(text, nul_at_any_place__is_refused)
{
  char bytes[20];
  for (size_t size = 1; size <= sizeof bytes; size++)
    for (size_t at = 0; at < size; at++) {
      memset(bytes, 'a', sizeof bytes);
      bytes[at] = '\0';
      cr_expect_not(mst_text_valid(bytes, size), "NUL at %zu of %zu", at, size);
    }
}

Test(text, clean__cuts_between_characters)
{
  char clean[8];
  cr_expect_eq(mst_text_clean("ab\xc3\xa9\xc3\xa9", clean, 5), 4);
  cr_expect_eq(memcmp(clean, "ab\xc3\xa9", 4), 0);
  cr_expect_eq(mst_text_clean("a\xff"
                              "b",
                              clean, 8),
               5);
  cr_expect_eq(memcmp(clean,
                      "a\xef\xbf\xbd"
                      "b",
                      5),
               0);
  cr_expect_eq(mst_text_clean("a\xff", clean, 3), 1);
  cr_expect_eq(mst_text_clean(NULL, clean, 8), 0);
}

Test(text, compare__orders_by_bytes_and_then_by_length)
{
  cr_expect_lt(mst_text_compare(TEXT("a"), TEXT("ab")), 0);
  cr_expect_gt(mst_text_compare(TEXT("b"), TEXT("ab")), 0);
  cr_expect_eq(mst_text_compare(TEXT("ab"), TEXT("ab")), 0);
  cr_expect_lt(mst_text_compare((mst_text){0}, TEXT("a")), 0);
  cr_expect_lt(mst_text_compare(TEXT("z"), TEXT("\xc3\xa9")), 0);
}

Test(cursor, bool_and_nil__are_read)
{
  mst_errctx ctx = {0};
  bool value = false;
  mst_cursor cursor = OVER("\xc3\xc2\xc0");

  cr_expect_not(mst_cursor_nil(&cursor));
  assert_ok(mst_cursor_bool(&cursor, "flag", &value, &ctx), ctx);
  cr_expect(value);
  assert_ok(mst_cursor_bool(&cursor, "flag", &value, &ctx), ctx);
  cr_expect_not(value);
  cr_expect_eq(mst_cursor_bool(&cursor, "flag", &value, &ctx), MST_EMALFORMED);
  cr_expect(mst_cursor_nil(&cursor));
  cr_expect_not(mst_cursor_nil(&cursor), "at the end");
  cr_expect_eq(mst_cursor_bool(&cursor, "flag", &value, &ctx), MST_EMALFORMED);
}

Test(cursor, end__refuses_bytes_that_are_left)
{
  mst_errctx ctx = {0};
  mst_cursor cursor = OVER("\xc0\xc0\xc0");

  cr_expect(mst_cursor_nil(&cursor));
  cr_expect_eq(mst_cursor_end(&cursor, "message", &ctx), MST_EMALFORMED);
  cr_expect_str_eq(ctx.text, "message: 2 bytes too many after byte 1");
}

Test(cursor, no_bytes_at_all__are_refused_everywhere)
{
  mst_errctx ctx = {0};
  mst_cursor cursor;
  uint64_t value;

  mst_cursor_init(&cursor, NULL, 0);
  cr_expect_eq(mst_cursor_uint(&cursor, "n", 1, &value, &ctx), MST_EMALFORMED);
  cr_expect_eq(mst_cursor_skip(&cursor, "n", &ctx), MST_EMALFORMED);
  cr_expect_not(mst_cursor_nil(&cursor));
  assert_ok(mst_cursor_end(&cursor, "n", &ctx), ctx);
}

struct value {
  char bytes[24];
  int size_bytes;
};

ParameterizedTestParameters(cursor, skip__steps_over_one_value)
{
  static struct value cases[] = {
      {"\x05", 1},
      {"\xe5", 1},
      {"\xc0", 1},
      {"\xc2", 1},
      {"\xc3", 1},
      {"\xcc\x01", 2},
      {"\xcd\x01\x02", 3},
      {"\xce\x01\x02\x03\x04", 5},
      {"\xcf\x01\x02\x03\x04\x05\x06\x07\x08", 9},
      {"\xd0\x01", 2},
      {"\xd1\x01\x02", 3},
      {"\xd2\x01\x02\x03\x04", 5},
      {"\xd3\x01\x02\x03\x04\x05\x06\x07\x08", 9},
      {"\xca\x01\x02\x03\x04", 5},
      {"\xcb\x01\x02\x03\x04\x05\x06\x07\x08", 9},
      {"\xa2xy", 3},
      {"\xd9\x02xy", 4},
      {"\xda\x00\x02xy", 5},
      {"\xdb\x00\x00\x00\x02xy", 7},
      {"\xc4\x02xy", 4},
      {"\xc5\x00\x02xy", 5},
      {"\xc6\x00\x00\x00\x02xy", 7},
      {"\xd4\x01x", 3},
      {"\xd5\x01xy", 4},
      {"\xd6\x01wxyz", 6},
      {"\xd7\x01stuvwxyz", 10},
      {"\xd8\x01stuvwxyzstuvwxyz", 18},
      {"\xc7\x02\x01xy", 5},
      {"\xc8\x00\x02\x01xy", 6},
      {"\xc9\x00\x00\x00\x02\x01xy", 8},
      {"\x92\x01\xa1x", 4},
      {"\x90", 1},
      {"\x80", 1},
      {"\xdc\x00\x02\x01\x02", 5},
      {"\xdd\x00\x00\x00\x01\x90", 6},
      {"\x81\xa1x\x92\x01\x02", 6},
      {"\xde\x00\x01\x01\x02", 5},
      {"\xdf\x00\x00\x00\x01\x01\x02", 7},
  };
  return cr_make_param_array(struct value, cases, sizeof cases / sizeof cases[0]);
}

ParameterizedTest(struct value *c, cursor, skip__steps_over_one_value)
{
  mst_errctx ctx = {0};
  char longer[26];
  memcpy(longer, c->bytes, sizeof c->bytes);
  longer[c->size_bytes] = '\xc0';

  mst_cursor cursor = over(longer, (size_t)c->size_bytes + 1);
  assert_ok(mst_cursor_skip(&cursor, "value", &ctx), ctx);
  cr_expect_eq(mst_cursor_offset(&cursor), (size_t)c->size_bytes);
  for (int cut = 0; cut < c->size_bytes; cut++) {
    blob part = blob_of(c->bytes, (size_t)cut);
    cursor = over(part.data, part.size_bytes);
    cr_expect_eq(mst_cursor_skip(&cursor, "value", &ctx), MST_EMALFORMED, "%d bytes", cut);
    cr_expect_eq(mst_cursor_offset(&cursor), 0);
    blob_done(&part);
  }
}

Test(cursor, skip__bounds_depth_and_number)
{
  mst_errctx ctx = {0};
  uint8_t deep[32];
  memset(deep, 0x91, sizeof deep);
  deep[16] = 0x01;
  mst_cursor cursor = over(deep, 17);
  assert_ok(mst_cursor_skip(&cursor, "value", &ctx), ctx);
  deep[16] = 0x91;
  deep[17] = 0x01;
  cursor = over(deep, 18);
  cr_expect_eq(mst_cursor_skip(&cursor, "value", &ctx), MST_ELIMIT);
  cr_expect_eq(mst_cursor_offset(&cursor), 0);

  enum { MANY = 65537 };
  uint8_t *wide = calloc(1, 5 + MANY);
  memcpy(wide, "\xdd\x00\x00\xff\xff", 5);
  cursor = over(wide, 5 + MANY);
  assert_ok(mst_cursor_skip(&cursor, "value", &ctx), ctx);
  memcpy(wide, "\xdd\x00\x01\x00\x00", 5);
  cursor = over(wide, 5 + MANY);
  cr_expect_eq(mst_cursor_skip(&cursor, "value", &ctx), MST_ELIMIT);
  free(wide);

  cursor = OVER("\xc1");
  cr_expect_eq(mst_cursor_skip(&cursor, "value", &ctx), MST_EMALFORMED, "0xc1 is never used");
  cursor = OVER("\xdf\xff\xff\xff\xff\x01\x02");
  cr_expect_eq(mst_cursor_skip(&cursor, "value", &ctx), MST_EMALFORMED);
}
