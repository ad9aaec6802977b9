/* Lines and comments of Prometheus' text formats. */
#include <string.h>

#include <mst/common/alloc.h>

#include "reader.h"

enum { SHOWN_BYTES = 40 }; /* of what stood there, in an error */

static const char *const type_names[] = {"unknown", "counter", "gauge", "histogram", "summary", "info", "stateset", "gaugehistogram"};

const char *
mst_exposition_type_name(mst_exposition_type type)
{
  return type_names[type];
}

mst_exposition *
mst_exposition_create(mst_exposition_format format, uint64_t max_bytes, mst_exposition_take take, void *arg)
{
  mst_exposition *reader = mst_alloc(1, sizeof *reader);

  if (!reader)
    return NULL;
  reader->format = format;
  reader->max_bytes = max_bytes;
  reader->take = take;
  reader->arg = arg;
  mst_buf_init(&reader->rest, MST_EXPOSITION_LINE_MAX_BYTES);
  mst_buf_init(&reader->family, MST_EXPOSITION_LINE_MAX_BYTES);
  return reader;
}

void
mst_exposition_destroy(mst_exposition *reader)
{
  if (!reader)
    return;
  mst_buf_done(&reader->rest);
  mst_buf_done(&reader->family);
  mst_free(reader);
}

uint64_t
mst_exposition_samples(const mst_exposition *reader)
{
  return reader->samples;
}

uint64_t
mst_exposition_bytes(const mst_exposition *reader)
{
  return reader->bytes;
}

mst_err
mst_exposition_wrong(const mst_exposition *reader, const char *what, const char *at, mst_errctx *ctx)
{
  char shown[SHOWN_BYTES + 1];
  size_t length = 0;

  for (; length < SHOWN_BYTES && at[length]; length++)
    shown[length] = (unsigned char)at[length] < ' ' ? '?' : at[length];
  while (at[length] && length > 0 && ((unsigned char)at[length] & 0xc0) == 0x80)
    length--; /* not through the middle of a character */
  shown[length] = '\0';
  if (length == 0)
    return mst_fail(ctx, MST_EMALFORMED, "line %zu: %s: at its end", reader->line, what);
  return mst_fail(ctx, MST_EMALFORMED, "line %zu: %s: at %s", reader->line, what, shown);
}

char *
mst_exposition_gap(const mst_exposition *reader, char *at)
{
  if (reader->format == MST_EXPOSITION_OPENMETRICS)
    return *at == ' ' ? at + 1 : NULL;
  if (*at != ' ' && *at != '\t')
    return NULL;
  return at + strspn(at, " \t");
}

/* Whether what is UTF-8 (RFC 3629) throughout, and where not. The line has no NUL within. */
static const char *
find_broken_utf8(const char *text)
{
  const unsigned char *at = (const unsigned char *)text;

  while (*at) {
    if (*at < 0x80) {
      at++;
      continue;
    }
    size_t more = *at >= 0xc2 && *at <= 0xdf ? 1 : *at >= 0xe0 && *at <= 0xef ? 2 : *at >= 0xf0 && *at <= 0xf4 ? 3 : 0;
    if (more == 0 || (*at == 0xe0 && at[1] < 0xa0) || (*at == 0xed && at[1] > 0x9f) || (*at == 0xf0 && at[1] < 0x90) ||
        (*at == 0xf4 && at[1] > 0x8f))
      return (const char *)at;
    for (size_t i = 1; i <= more; i++)
      if ((at[i] & 0xc0) != 0x80)
        return (const char *)at;
    at += more + 1;
  }
  return NULL;
}

static mst_err
begin_family(mst_exposition *reader, piece name, mst_errctx *ctx)
{
  const char *old = mst_buf_text(&reader->family);

  if (reader->has_family && strlen(old) == name.length && memcmp(old, name.at, name.length) == 0)
    return MST_OK;
  mst_buf_reset(&reader->family);
  mst_buf_append(&reader->family, name.at, name.length);
  reader->type = MST_EXPOSITION_UNKNOWN;
  reader->has_family = true;
  return mst_buf_check(&reader->family, "the name of a metric family", ctx);
}

static mst_err
read_type(mst_exposition *reader, char *at, mst_errctx *ctx)
{
  size_t length = strlen(at);

  if (reader->format == MST_EXPOSITION_TEXT)
    while (length > 0 && (at[length - 1] == ' ' || at[length - 1] == '\t'))
      at[--length] = '\0';
  size_t known = reader->format == MST_EXPOSITION_TEXT ? MST_EXPOSITION_SUMMARY + 1 : sizeof type_names / sizeof type_names[0];
  for (size_t i = 0; i < known; i++) {
    if (strcmp(at, type_names[i]) == 0 && (i > 0 || reader->format == MST_EXPOSITION_OPENMETRICS)) {
      reader->type = (mst_exposition_type)i;
      return MST_OK;
    }
  }
  if (reader->format == MST_EXPOSITION_TEXT && strcmp(at, "untyped") == 0) {
    reader->type = MST_EXPOSITION_UNKNOWN;
    return MST_OK;
  }
  return mst_exposition_wrong(reader, "no type of a metric", at, ctx);
}

static mst_err
read_unit(mst_exposition *reader, const char *unit, mst_errctx *ctx)
{
  const char *name = mst_buf_text(&reader->family);
  size_t have = strlen(name), want = strlen(unit);

  if (want == 0)
    return MST_OK;
  if (have <= want || name[have - want - 1] != '_' || strcmp(name + have - want, unit) != 0)
    return mst_exposition_wrong(reader, "a unit with which the family's name does not end", unit, ctx);
  return MST_OK;
}

/* "# TYPE name type", "# HELP name text", "# UNIT name unit"; anything else is a comment, which OpenMetrics does not have. */
static mst_err
read_comment(mst_exposition *reader, char *line, mst_errctx *ctx)
{
  bool is_open = reader->format == MST_EXPOSITION_OPENMETRICS;
  char *at = mst_exposition_gap(reader, line + 1);

  if (is_open && strcmp(line, "# EOF") == 0) {
    reader->is_over = true;
    return MST_OK;
  }
  bool is_type = at && strncmp(at, "TYPE", 4) == 0, is_help = at && strncmp(at, "HELP", 4) == 0;
  bool is_unit = at && is_open && strncmp(at, "UNIT", 4) == 0;
  char *name_at = is_type || is_help || is_unit ? mst_exposition_gap(reader, at + 4) : NULL;
  if (!name_at) {
    if (is_open)
      return mst_exposition_wrong(reader, "neither TYPE, HELP, UNIT nor EOF", line, ctx);
    return MST_OK;
  }
  piece name;
  mst_err err = mst_exposition_name(reader, &name_at, true, &name, ctx);
  if (err)
    return err;
  char *rest = mst_exposition_gap(reader, name_at);
  if (!rest && (*name_at || !is_help || is_open))
    return mst_exposition_wrong(reader, "no space after a family's name", name_at, ctx);
  if ((err = begin_family(reader, name, ctx)))
    return err;
  if (is_type)
    return read_type(reader, rest, ctx);
  return is_unit ? read_unit(reader, rest, ctx) : MST_OK;
}

static mst_err
read_line(mst_exposition *reader, char *line, size_t length, mst_errctx *ctx)
{
  if (memchr(line, '\0', length))
    return mst_exposition_wrong(reader, "a NUL byte", line, ctx);
  if (reader->is_over)
    return mst_exposition_wrong(reader, "a line after # EOF", line, ctx);
  const char *broken = find_broken_utf8(line);
  if (broken)
    return mst_fail(ctx, MST_EMALFORMED, "line %zu: byte 0x%02x at column %zu is not UTF-8", reader->line, (unsigned)(unsigned char)*broken,
                    (size_t)(broken - line) + 1);
  if (reader->format == MST_EXPOSITION_TEXT) {
    line += strspn(line, " \t");
    if (*line == '\0')
      return MST_OK;
  }
  return *line == '#' ? read_comment(reader, line, ctx) : mst_exposition_sample_line(reader, line, ctx);
}

/* Keeps the first error: a caller that feeds on hears it again. */
static mst_err
keep_failure(mst_exposition *reader, mst_err err, const mst_errctx *local, mst_errctx *ctx)
{
  reader->failed = err;
  memcpy(reader->failure, local->text, sizeof reader->failure);
  return mst_fail(ctx, err, "%s", reader->failure);
}

static mst_err
feed(mst_exposition *reader, const char *data, size_t size_bytes, mst_errctx *ctx)
{
  while (size_bytes > 0) {
    const char *end = memchr(data, '\n', size_bytes);
    size_t length = end ? (size_t)(end - data) : size_bytes;
    if (reader->rest.size_bytes == 0)
      reader->line++;
    if (reader->rest.size_bytes + length + 1 > MST_EXPOSITION_LINE_MAX_BYTES)
      return mst_fail(ctx, MST_ELIMIT, "line %zu: over %d bytes long", reader->line, MST_EXPOSITION_LINE_MAX_BYTES - 1);
    /* A line's end, too, is kept until the line is read, so that an empty line cut from its end counts once. */
    mst_buf_append(&reader->rest, data, length + (end ? 1 : 0));
    mst_err err = mst_buf_check(&reader->rest, "a line", ctx);
    if (err)
      return err;
    if (!end)
      return MST_OK;
    size_t whole = reader->rest.size_bytes - 1;
    reader->rest.data[whole] = '\0';
    if ((err = read_line(reader, (char *)reader->rest.data, whole, ctx)))
      return err;
    mst_buf_reset(&reader->rest);
    data += length + 1;
    size_bytes -= length + 1;
  }
  return MST_OK;
}

mst_err
mst_exposition_feed(mst_exposition *reader, const void *data, size_t size_bytes, mst_errctx *ctx)
{
  mst_errctx local = {0};
  uint64_t left = reader->max_bytes - reader->bytes;

  if (reader->failed)
    return mst_fail(ctx, reader->failed, "%s", reader->failure);
  /* What is within the limit is read first, so that the same text ends with the same words wherever it was cut. */
  size_t taken = size_bytes > left ? (size_t)left : size_bytes;
  reader->bytes += taken;
  mst_err err = feed(reader, data, taken, &local);
  if (!err && taken < size_bytes)
    err = mst_fail(&local, MST_ELIMIT, "line %zu: the text is over %llu bytes long", reader->line, (unsigned long long)reader->max_bytes);
  return err ? keep_failure(reader, err, &local, ctx) : MST_OK;
}

mst_err
mst_exposition_end(mst_exposition *reader, mst_errctx *ctx)
{
  if (reader->failed)
    return mst_fail(ctx, reader->failed, "%s", reader->failure);
  /* OpenMetrics alone lets its last line, # EOF, stand without an end; elsewhere half a number would look like one. */
  if (reader->rest.size_bytes > 0) {
    if (reader->format != MST_EXPOSITION_OPENMETRICS || strcmp(mst_buf_text(&reader->rest), "# EOF") != 0 || reader->is_over)
      return mst_exposition_wrong(reader, "the text ends within a line", mst_buf_text(&reader->rest), ctx);
    reader->is_over = true;
  }
  if (reader->format == MST_EXPOSITION_OPENMETRICS && !reader->is_over)
    return mst_fail(ctx, MST_EMALFORMED, "line %zu: the text ends without # EOF", reader->line);
  return MST_OK;
}
