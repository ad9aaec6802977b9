#ifndef MST_COMMON_ERR_H
#define MST_COMMON_ERR_H

#include <stddef.h>

#define MST_MUST_USE __attribute__((warn_unused_result))

/* Every error code of muster: name, number, text. Numbers are never reused: they stand in JSON answers and in tests. */
#define MST_ERRORS(X)                                                                                                                      \
  X(MST_OK, 0, "ok")                                                                                                                       \
  X(MST_EABSENT, 1, "not there")                                                                                                           \
  X(MST_EMALFORMED, 2, "malformed input")                                                                                                  \
  X(MST_EIO, 3, "input/output error")                                                                                                      \
  X(MST_ENOMEM, 4, "out of memory")                                                                                                        \
  X(MST_ELIMIT, 5, "over a limit")                                                                                                         \
  X(MST_EPERM, 6, "not permitted")                                                                                                         \
  X(MST_ECRYPTO, 7, "signature or key does not fit")                                                                                       \
  X(MST_EVERSION, 8, "version not spoken here")                                                                                            \
  X(MST_EEXIST, 9, "already there")                                                                                                        \
  X(MST_ESTATE, 10, "not possible in this state")                                                                                          \
  X(MST_ETIMEOUT, 11, "timed out")                                                                                                         \
  X(MST_EUSAGE, 12, "wrong usage")                                                                                                         \
  X(MST_ECONFIG, 13, "wrong configuration")                                                                                                \
  X(MST_EUNREACHABLE, 14, "not reachable")                                                                                                 \
  X(MST_ECORRUPT, 15, "stored data is corrupt")

#define MST_ERR_ENUM(name, number, text) name = number,
typedef enum mst_err { MST_ERRORS(MST_ERR_ENUM) } mst_err;
#undef MST_ERR_ENUM

/* A path of 255 bytes, a system error's text and a remedy fit. */
enum { MST_ERRCTX_TEXT_BYTES = 512 };

/* Where the text of the latest error goes. Owned by the caller; zero-initialise it. Not shared between threads. */
typedef struct mst_errctx {
  int os_errno;                     /* errno at the time of the first mst_fail, 0 if it had no part in the failure */
  char text[MST_ERRCTX_TEXT_BYTES]; /* what was being done, with what, what went wrong, what to do */
} mst_errctx;

/* Records a failure and returns its code, so that a caller can write `return mst_fail(...)`.
 *
 * ctx   where the text goes; NULL is allowed and drops the text
 * code  what is returned; not MST_OK
 * fmt   printf format; a text over MST_ERRCTX_TEXT_BYTES - 1 bytes is cut
 *
 * Any thread, one ctx a thread. */
mst_err mst_fail(mst_errctx *ctx, mst_err code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* As mst_fail, and appends ": " and the text of errno, and keeps errno in ctx. */
mst_err mst_fail_errno(mst_errctx *ctx, mst_err code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Puts "<fmt>: " before the text that is in ctx already and returns code: how a caller passes an error up with context. */
mst_err mst_fail_within(mst_errctx *ctx, mst_err code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#ifdef __clang_analyzer__
/* The analyser looks at one file at a time and cannot see that these return their second argument, which is never MST_OK. */
#define MST_RETURNS(function, ctx, code, ...)                                                                                              \
  ({                                                                                                                                       \
    mst_err mst_code_ = (code);                                                                                                            \
    if (mst_code_ == MST_OK)                                                                                                               \
      __builtin_unreachable();                                                                                                             \
    (void)(function)(ctx, mst_code_, __VA_ARGS__);                                                                                         \
    mst_code_;                                                                                                                             \
  })
#define mst_fail(ctx, code, ...)        MST_RETURNS(mst_fail, ctx, code, __VA_ARGS__)
#define mst_fail_errno(ctx, code, ...)  MST_RETURNS(mst_fail_errno, ctx, code, __VA_ARGS__)
#define mst_fail_within(ctx, code, ...) MST_RETURNS(mst_fail_within, ctx, code, __VA_ARGS__)
#endif

/* The short text of a code ("not there"), and its name ("MST_EABSENT"). Static strings; "unknown error" for other numbers. */
const char *mst_err_text(mst_err code);
const char *mst_err_name(mst_err code);

#endif
