/* Error codes and the text that goes with them. */
#include <mst/common/err.h>

/* Macros for the static analyser only; these are the functions themselves. */
#undef mst_fail
#undef mst_fail_errno
#undef mst_fail_within

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
  mst_err code;
  const char *name, *text;
} table[] = {
#define MST_ERR_ROW(name, number, text) {name, #name, text},
    MST_ERRORS(MST_ERR_ROW)
#undef MST_ERR_ROW
};

const char *
mst_err_text(mst_err code)
{
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
    if (table[i].code == code)
      return table[i].text;
  return "unknown error";
}

const char *
mst_err_name(mst_err code)
{
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
    if (table[i].code == code)
      return table[i].name;
  return "unknown error";
}

mst_err
mst_fail(mst_errctx *ctx, mst_err code, const char *fmt, ...)
{
  va_list arguments;

  if (!ctx)
    return code;
  ctx->os_errno = 0;
  va_start(arguments, fmt);
  vsnprintf(ctx->text, sizeof ctx->text, fmt, arguments);
  va_end(arguments);
  return code;
}

mst_err
mst_fail_errno(mst_errctx *ctx, mst_err code, const char *fmt, ...)
{
  int os_errno = errno;
  char why[128];
  va_list arguments;

  if (!ctx)
    return code;
  ctx->os_errno = os_errno;
  va_start(arguments, fmt);
  vsnprintf(ctx->text, sizeof ctx->text, fmt, arguments);
  va_end(arguments);
  size_t used = strlen(ctx->text);
  snprintf(ctx->text + used, sizeof ctx->text - used, ": %s", strerror_r(os_errno, why, sizeof why));
  return code;
}

mst_err
mst_fail_within(mst_errctx *ctx, mst_err code, const char *fmt, ...)
{
  char inner[MST_ERRCTX_TEXT_BYTES];
  va_list arguments;

  if (!ctx)
    return code;
  memcpy(inner, ctx->text, sizeof inner);
  va_start(arguments, fmt);
  vsnprintf(ctx->text, sizeof ctx->text, fmt, arguments);
  va_end(arguments);
  size_t used = strlen(ctx->text);
  if (inner[0] != '\0')
    snprintf(ctx->text + used, sizeof ctx->text - used, ": %s", inner);
  return code;
}
