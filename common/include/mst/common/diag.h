#ifndef MST_COMMON_DIAG_H
#define MST_COMMON_DIAG_H

#include <stddef.h>
#include <stdint.h>

#include <mst/common/err.h>

/* Errors found in a set of files: all of them, not just the first. Not thread-safe. */
enum { MST_DIAGS_MAX = 500 /* what a person could ever read; the rest is counted */ };

typedef struct mst_diag {
  char *file;
  uint32_t line, column; /* from 1; 0: the file as a whole */
  char *key;             /* path of the offending key, "items[3].check.target"; "" when none */
  char *text;            /* what is wrong and what to do */
} mst_diag;

typedef struct mst_diags {
  mst_diag *list;
  size_t count;
  size_t dropped;
} mst_diags;

void mst_diags_init(mst_diags *diags);
void mst_diags_done(mst_diags *diags);
void mst_diags_add(mst_diags *diags, const char *file, uint32_t line, uint32_t column, const char *key, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));
/* By file, line, column; equal ones once. */
void mst_diags_sort(mst_diags *diags);
/* "FILE:LINE:COLUMN: KEY: TEXT" (without the parts that are not known). buf always ends in NUL. */
const char *mst_diag_format(const mst_diag *diag, char *buf, size_t size_bytes);

#endif
