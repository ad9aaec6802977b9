#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include <mst/common/err.h>

static char long_text[2 * MST_ERRCTX_TEXT_BYTES];

static void
fill_long_text(void)
{
  memset(long_text, 'x', sizeof long_text - 1);
}

TestSuite(err, .init = fill_long_text);

Test(err, every_code__has_its_number_name_and_text)
{
#define CHECK(code, number, text)                                                                                                          \
  cr_expect_eq((int)(code), (number));                                                                                                     \
  cr_expect_str_eq(mst_err_name(code), #code);                                                                                             \
  cr_expect_str_eq(mst_err_text(code), text, "%s", #code);
  MST_ERRORS(CHECK)
#undef CHECK
}

/* They stand in JSON answers, so that a number once given is never given again. */
Test(err, numbers__are_pinned)
{
  cr_expect_eq(MST_OK, 0);
  cr_expect_eq(MST_EMALFORMED, 2);
  cr_expect_eq(MST_ECRYPTO, 7);
  cr_expect_eq(MST_ECORRUPT, 15);
}

Test(err, unknown_number__is_said_to_be_unknown)
{
  cr_expect_str_eq(mst_err_text((mst_err)9999), "unknown error");
  cr_expect_str_eq(mst_err_name((mst_err)9999), "unknown error");
}

Test(err, fail__returns_the_code_and_writes_the_text)
{
  mst_errctx ctx = {.os_errno = 5};

  cr_expect_eq(mst_fail(&ctx, MST_ELIMIT, "read %s: %d too many", "file", 3), MST_ELIMIT);
  cr_expect_str_eq(ctx.text, "read file: 3 too many");
  cr_expect_eq(ctx.os_errno, 0, "the errno of an earlier failure must not stay");
}

Test(err, fail__without_a_context__returns_the_code)
{
  cr_expect_eq(mst_fail(NULL, MST_EIO, "x %d", 1), MST_EIO);
  cr_expect_eq(mst_fail_errno(NULL, MST_EPERM, "x"), MST_EPERM);
  cr_expect_eq(mst_fail_within(NULL, MST_ENOMEM, "x"), MST_ENOMEM);
}

Test(err, fail_errno__adds_the_systems_text_and_keeps_the_number)
{
  mst_errctx ctx = {0};

  errno = ENOENT;
  cr_expect_eq(mst_fail_errno(&ctx, MST_EABSENT, "open %s", "/x"), MST_EABSENT);
  cr_expect_str_eq(ctx.text, "open /x: No such file or directory");
  cr_expect_eq(ctx.os_errno, ENOENT);
}

Test(err, fail_within__puts_its_text_before_and_keeps_errno)
{
  mst_errctx ctx = {0};

  errno = EACCES;
  (void)mst_fail_errno(&ctx, MST_EIO, "open /x");
  cr_expect_eq(mst_fail_within(&ctx, MST_ECONFIG, "load config %d", 7), MST_ECONFIG);
  cr_expect_str_eq(ctx.text, "load config 7: open /x: Permission denied");
  cr_expect_eq(ctx.os_errno, EACCES);
}

Test(err, fail_within__of_an_empty_context__is_the_text_alone)
{
  mst_errctx ctx = {0};

  (void)mst_fail_within(&ctx, MST_EIO, "load");
  cr_expect_str_eq(ctx.text, "load");
}

Test(err, too_long_texts__are_cut_and_terminated)
{
  mst_errctx ctx = {0};

  (void)mst_fail(&ctx, MST_EIO, "%s", long_text);
  cr_expect_eq(strlen(ctx.text), MST_ERRCTX_TEXT_BYTES - 1);
  (void)mst_fail_within(&ctx, MST_EIO, "outer");
  cr_expect_eq(strlen(ctx.text), MST_ERRCTX_TEXT_BYTES - 1);
  cr_expect_eq(strncmp(ctx.text, "outer: xxx", 10), 0);
  (void)mst_fail_within(&ctx, MST_EIO, "%s", long_text);
  cr_expect_eq(strlen(ctx.text), MST_ERRCTX_TEXT_BYTES - 1);
  errno = EIO;
  (void)mst_fail_errno(&ctx, MST_EIO, "%s", long_text);
  cr_expect_eq(strlen(ctx.text), MST_ERRCTX_TEXT_BYTES - 1);
  cr_expect_eq(ctx.os_errno, EIO);
}
