/* Errors found in files, collected. */
#include <mst/common/diag.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mst/common/alloc.h>

enum { TEXT_BYTES = 1024 };

void
mst_diags_init(mst_diags *diags)
{
  *diags = (mst_diags){0};
}

static void
diag_done(mst_diag *diag)
{
  mst_free(diag->file);
  mst_free(diag->key);
  mst_free(diag->text);
}

void
mst_diags_done(mst_diags *diags)
{
  for (size_t i = 0; i < diags->count; i++)
    diag_done(&diags->list[i]);
  mst_free(diags->list);
  *diags = (mst_diags){0};
}

void
mst_diags_add(mst_diags *diags, const char *file, uint32_t line, uint32_t column, const char *key, const char *fmt, ...)
{
  char text[TEXT_BYTES];
  va_list arguments;

  if (!diags)
    return;
  if (!diags->list)
    diags->list = mst_alloc(MST_DIAGS_MAX, sizeof *diags->list);
  if (!diags->list || diags->count == MST_DIAGS_MAX) {
    diags->dropped++;
    return;
  }
  va_start(arguments, fmt);
  vsnprintf(text, sizeof text, fmt, arguments);
  va_end(arguments);
  mst_diag diag = {
      .file = mst_strdup(file ? file : ""), .line = line, .column = column, .key = mst_strdup(key ? key : ""), .text = mst_strdup(text)};
  if (!diag.file || !diag.key || !diag.text) {
    diag_done(&diag);
    diags->dropped++; /* still an error: whoever asks for count + dropped sees it */
    return;
  }
  diags->list[diags->count++] = diag;
}

static int
compare(const void *left, const void *right)
{
  const mst_diag *a = left, *b = right;
  int order = strcmp(a->file, b->file);

  if (order == 0)
    order = (a->line > b->line) - (a->line < b->line);
  if (order == 0)
    order = (a->column > b->column) - (a->column < b->column);
  if (order == 0)
    order = strcmp(a->key, b->key);
  return order ? order : strcmp(a->text, b->text);
}

void
mst_diags_sort(mst_diags *diags)
{
  size_t kept = 0;

  if (diags->count == 0)
    return;
  qsort(diags->list, diags->count, sizeof *diags->list, compare);
  for (size_t i = 1; i < diags->count; i++) {
    if (compare(&diags->list[kept], &diags->list[i]) == 0)
      diag_done(&diags->list[i]);
    else
      diags->list[++kept] = diags->list[i];
  }
  diags->count = kept + 1;
}

const char *
mst_diag_format(const mst_diag *diag, char *buf, size_t size_bytes)
{
  char place[48] = "";

  if (diag->line > 0 && diag->column > 0)
    snprintf(place, sizeof place, ":%u:%u", diag->line, diag->column);
  else if (diag->line > 0)
    snprintf(place, sizeof place, ":%u", diag->line);
  snprintf(buf, size_bytes, "%s%s%s%s%s%s", diag->file, diag->file[0] ? place : "", diag->file[0] ? ": " : "", diag->key,
           diag->key[0] ? ": " : "", diag->text);
  return buf;
}
