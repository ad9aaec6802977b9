#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mst/common/buf.h>
#include <mst/exposition/parse.h>

#include "draw.h"

TestSuite(parse, .init = draw_seed);

enum { MANY = 1 << 20 };

static mst_err
write_down(void *arg, const mst_exposition_sample *sample, mst_errctx *ctx)
{
  mst_buf *out = arg;

  mst_buf_printf(out, "%zu %s %s %s", sample->line, mst_exposition_type_name(sample->type), sample->family, sample->name);
  for (size_t i = 0; i < sample->label_count; i++)
    mst_buf_printf(out, " [%s]=[%s]", sample->labels[i].name, sample->labels[i].value);
  mst_buf_printf(out, " %.17g", sample->value);
  if (sample->has_timestamp)
    mst_buf_printf(out, " @%.17g", sample->timestamp_s);
  if (sample->has_exemplar)
    mst_buf_printf(out, " #%.17g", sample->exemplar_value);
  mst_buf_puts(out, "\n");
  return mst_buf_check(out, "what was read", ctx);
}

/* Cuts at random where cut is not 0; what was read, and the error behind it. */
static void
read_all(mst_exposition_format format, const char *text, size_t size, size_t cut, mst_buf *out)
{
  mst_exposition *reader = mst_exposition_create(format, MANY, write_down, out);
  mst_errctx ctx = {0};
  mst_err err = MST_OK;

  mst_buf_reset(out);
  cr_assert(reader);
  for (size_t at = 0; at < size && !err;) {
    size_t piece = cut ? 1 + draw() % cut : size;
    if (piece > size - at)
      piece = size - at;
    char *exact = malloc(piece); /* so that ASan sees a byte too many */
    cr_assert(exact);
    memcpy(exact, text + at, piece);
    err = mst_exposition_feed(reader, exact, piece, &ctx);
    free(exact);
    at += piece;
  }
  if (!err)
    err = mst_exposition_end(reader, &ctx);
  if (err)
    mst_buf_printf(out, "%s: %s", mst_err_name(err), ctx.text);
  mst_exposition_destroy(reader);
}

static void
expect(mst_exposition_format format, const char *text, const char *wanted)
{
  mst_buf out;

  mst_buf_init(&out, MANY);
  read_all(format, text, strlen(text), 0, &out);
  cr_expect_str_eq(mst_buf_text(&out), wanted, "of %s\nread %s\nwanted %s", text, mst_buf_text(&out), wanted);
  mst_buf_done(&out);
}

#define TEXT(text, wanted) expect(MST_EXPOSITION_TEXT, text, wanted)
#define OPEN(text, wanted) expect(MST_EXPOSITION_OPENMETRICS, text, wanted)

Test(parse, text_of_each_type__is_read)
{
  TEXT("# HELP r Some \\\\ help\n# TYPE r counter\nr{a=\"x\",b=\"\",} 1027 1395066363000\n\n # a comment\n#\n",
       "3 counter r r [a]=[x] [b]=[] 1027 @1395066363\n");
  TEXT("# TYPE h histogram\nh_bucket{le=\"+Inf\"} 3\nh_sum 1e-3\nh_count 3\nh_other 4\nhx 1\n",
       "2 histogram h h_bucket [le]=[+Inf] 3\n3 histogram h h_sum 0.001\n4 histogram h h_count 3\n"
       "5 unknown h_other h_other 4\n6 unknown hx hx 1\n");
  TEXT("# TYPE s summary\ns{quantile=\"0.5\"}NaN -5\n# TYPE u untyped\n  u\t-Inf \nu +Inf\n",
       "2 summary s s [quantile]=[0.5] nan @-0.0050000000000000001\n4 unknown u u -inf\n5 unknown u u inf\n");
  TEXT("", "");
}

Test(parse, escapes_and_letters__are_read)
{
  TEXT("m{a=\"C:\\\\DIR \\\"x\\\" \\n {,} # é\"} 1\n", "1 unknown m m [a]=[C:\\DIR \"x\" \n {,} # é] 1\n");
  TEXT("# TYPE \"a.b\" gauge\n{\"a.b\",\"l.é\"=\"x\",k=\"y\"} 1\n", "2 gauge a.b a.b [l.é]=[x] [k]=[y] 1\n");
  OPEN("m{a=\"\\d\"} 1\n# EOF\n", "1 unknown m m [a]=[\\d] 1\n");
}

Test(parse, openmetrics__is_read_with_exemplars_and_created)
{
  OPEN("# TYPE a_seconds counter\n# UNIT a_seconds seconds\n# HELP a_seconds x\na_seconds_total 1 1.5 # {t=\"1\"} 0.5 2\n"
       "a_seconds_created 1.25\n# TYPE h histogram\nh_bucket{le=\"1.0\"} 2 # {} 0.25\n# EOF",
       "4 counter a_seconds a_seconds_total 1 @1.5 #0.5\n5 counter a_seconds a_seconds_created 1.25\n"
       "7 histogram h h_bucket [le]=[1.0] 2 #0.25\n");
}

Test(parse, wrong_text__says_where_and_what)
{
  TEXT("a 1\nb x\n", "1 unknown a a 1\nMST_EMALFORMED: line 2: a value is no number: at x");
  TEXT("a{b=c} 1\n", "MST_EMALFORMED: line 1: a label's value is not in quotes: at c} 1");
  TEXT("a{b=\"c} 1\n", "MST_EMALFORMED: line 1: a quoted text without its end: at \"c} 1");
  TEXT("a{b=\"\\d\"} 1\n", "MST_EMALFORMED: line 1: an escape that is none of \\\\, \\\" and \\n: at \\d\"} 1");
  TEXT("a{b=\"1\",b=\"2\"} 1\n", "MST_EMALFORMED: line 1: a label that stands twice: at b=\"2\"} 1");
  TEXT("a 1 2 3\n", "MST_EMALFORMED: line 1: more than a value and a timestamp: at 3");
  TEXT("a 1 2.5\n", "MST_EMALFORMED: line 1: a timestamp is not in whole milliseconds: at 2.5");
  TEXT("a 12", "MST_EMALFORMED: line 1: the text ends within a line: at a 12");
  TEXT("a\n", "MST_EMALFORMED: line 1: no space before the value: at its end");
  TEXT("{a=\"b\"} 1\n", "MST_EMALFORMED: line 1: labels without a name: at {a=\"b\"} 1");
  TEXT("# TYPE a thing\n", "MST_EMALFORMED: line 1: no type of a metric: at thing");
  TEXT("<html>\n", "MST_EMALFORMED: line 1: no name: at <html>");
  TEXT("a{b=\"\xff\"} 1\n", "MST_EMALFORMED: line 1: byte 0xff at column 6 is not UTF-8");
  TEXT("a 1e999\n", "MST_EMALFORMED: line 1: a value is no number: at 1e999");
  OPEN("a 1\n", "1 unknown a a 1\nMST_EMALFORMED: line 1: the text ends without # EOF");
  OPEN("\n# EOF\n", "MST_EMALFORMED: line 1: no name: at its end");
  OPEN("# EOF\na 1\n", "MST_EMALFORMED: line 2: a line after # EOF: at a 1");
  OPEN("a  1\n# EOF\n", "MST_EMALFORMED: line 1: a value is no number: at  1");
  OPEN("a 1 \n# EOF\n", "MST_EMALFORMED: line 1: a space at the line's end: at its end");
  OPEN("# x\n# EOF\n", "MST_EMALFORMED: line 1: neither TYPE, HELP, UNIT nor EOF: at # x");
  OPEN("# TYPE a counter\na_total -1\n# EOF\n", "MST_EMALFORMED: line 2: a counter is negative or no number: at -1");
  OPEN("# TYPE a counter\n# UNIT a s\n# EOF\n", "MST_EMALFORMED: line 2: a unit with which the family's name does not end: at s");
  OPEN("# TYPE a gauge\na 1 # {} 1\n# EOF\n", "MST_EMALFORMED: line 2: more than a value and a timestamp: at  # {} 1");
}

Test(parse, limits__end_the_reading_with_their_reason)
{
  mst_buf out, text;
  mst_errctx ctx = {0};

  mst_buf_init(&out, MANY);
  mst_buf_init(&text, MANY);
  mst_buf_puts(&text, "a 1\nb{c=\"");
  for (int i = 0; i < MST_EXPOSITION_LINE_MAX_BYTES; i++)
    mst_buf_puts(&text, "x");
  read_all(MST_EXPOSITION_TEXT, mst_buf_text(&text), text.size_bytes, 9, &out);
  cr_expect_str_eq(mst_buf_text(&out), "1 unknown a a 1\nMST_ELIMIT: line 2: over 65535 bytes long");
  mst_buf_reset(&text);
  mst_buf_puts(&text, "a{");
  for (int i = 0; i <= MST_EXPOSITION_LABELS_MAX; i++)
    mst_buf_printf(&text, "l%d=\"\",", i);
  mst_buf_puts(&text, "} 1\n");
  read_all(MST_EXPOSITION_TEXT, mst_buf_text(&text), text.size_bytes, 0, &out);
  cr_expect_str_eq(mst_buf_text(&out), "MST_ELIMIT: line 1: more than 64 labels");
  mst_exposition *reader = mst_exposition_create(MST_EXPOSITION_TEXT, 6, write_down, &out);
  mst_buf_reset(&out);
  cr_expect(mst_exposition_feed(reader, "a 1\nb 1\n", 8, &ctx) == MST_ELIMIT);
  cr_expect_str_eq(ctx.text, "line 2: the text is over 6 bytes long");
  cr_expect(mst_exposition_samples(reader) == 1);
  cr_expect(mst_exposition_feed(reader, "", 0, &ctx) == MST_ELIMIT, "an error stays");
  cr_expect(mst_exposition_end(reader, &ctx) == MST_ELIMIT);
  mst_exposition_destroy(reader);
  mst_buf_done(&text);
  mst_buf_done(&out);
}

/* Good text with bytes thrown in, cut at random places, is read as when it came whole, to the same error. */
Test(parse, any_text_cut_anywhere__is_read_the_same)
{
  static const char *const parts[] = {"# TYPE m counter\n",
                                      "m_total 5\n",
                                      "# HELP m x\\ny\n",
                                      "n{a=\"b\\n\",c=\"\"} 1.5e3 12\n",
                                      "{\"q.r\",s=\"t\"} NaN\n",
                                      "# TYPE h histogram\n",
                                      "h_bucket{le=\"1\"} 4 # {a=\"b\"} 2\n",
                                      "\n",
                                      "# EOF\n",
                                      "m_created 3\n",
                                      "\"",
                                      "}",
                                      "x",
                                      "\xc3\xa9",
                                      "\\",
                                      "\r\n"};
  mst_buf text, whole, cut;

  mst_buf_init(&text, MANY);
  mst_buf_init(&whole, MANY);
  mst_buf_init(&cut, MANY);
  for (int round = 0; round < 2000; round++) {
    mst_buf_reset(&text);
    size_t good = draw() % 3 ? 10 : sizeof parts / sizeof parts[0];
    for (size_t i = draw() % 12; i > 0; i--)
      mst_buf_puts(&text, parts[draw() % good]);
    mst_exposition_format format = draw() % 2 ? MST_EXPOSITION_TEXT : MST_EXPOSITION_OPENMETRICS;
    read_all(format, mst_buf_text(&text), text.size_bytes, 0, &whole);
    read_all(format, mst_buf_text(&text), text.size_bytes, 1 + draw() % 30, &cut);
    cr_assert_str_eq(mst_buf_text(&whole), mst_buf_text(&cut), "of %s", mst_buf_text(&text));
  }
  mst_buf_done(&text);
  mst_buf_done(&whole);
  mst_buf_done(&cut);
}
