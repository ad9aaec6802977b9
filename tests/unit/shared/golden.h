#ifndef MST_TEST_GOLDEN_H
#define MST_TEST_GOLDEN_H

/* Broken files and what must be said of them: tests/golden/lint/NAME.yml and NAME.expected. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include <mst/common/buf.h>
#include <mst/common/diag.h>
#include <mst/common/file.h>

enum { GOLDEN_MAX_BYTES = 65536 };

/* Reads what is expected of NAME.yml in the current folder; the caller ends the buffer. */
static inline void
golden_read(const char *name, mst_buf *ret_expected)
{
  char path[300];
  mst_errctx ctx = {0};

  mst_buf_init(ret_expected, GOLDEN_MAX_BYTES);
  snprintf(path, sizeof path, "%.*s.expected", (int)(strlen(name) - 4), name);
  cr_assert_eq(mst_file_read(path, ret_expected, &ctx), MST_OK, "%s", ctx.text);
}

/* The messages, a line each, are those expected; gives their number. */
static inline size_t
golden_expect(const char *name, const mst_diags *found)
{
  char line[2048];
  mst_buf expected, said;

  golden_read(name, &expected);
  mst_buf_init(&said, GOLDEN_MAX_BYTES);
  for (size_t i = 0; i < found->count; i++)
    mst_buf_printf(&said, "%s\n", mst_diag_format(&found->list[i], line, sizeof line));
  cr_expect_str_eq(mst_buf_text(&said), mst_buf_text(&expected), "%s", name);
  mst_buf_done(&said);
  mst_buf_done(&expected);
  return found->count;
}

#endif
