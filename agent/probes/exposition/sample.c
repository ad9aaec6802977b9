/* One sample's line: name{label="value",...} value [timestamp] [# {exemplar} value [timestamp]]. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reader.h"

static bool
is_name_start(char letter, bool may_have_colon)
{
  return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') || letter == '_' || (may_have_colon && letter == ':');
}

/* From behind the opening quote; the text is shortened in place by its escapes. */
static mst_err
read_quoted(const mst_exposition *reader, char **at, piece *ret_text, mst_errctx *ctx)
{
  char *from = *at, *to = *at, *text = *at;

  *ret_text = (piece){text, 0};
  while (*from != '"') {
    if (*from == '\0')
      return mst_exposition_wrong(reader, "a quoted text without its end", text - 1, ctx);
    if (*from != '\\') {
      *to++ = *from++;
      continue;
    }
    if (from[1] == 'n' || from[1] == '\\' || from[1] == '"') {
      *to++ = from[1] == 'n' ? '\n' : from[1];
      from += 2;
    } else if (reader->format == MST_EXPOSITION_OPENMETRICS && from[1] != '\0') {
      *to++ = *from++; /* its grammar lets a backslash before anything else stand for itself */
    } else {
      return mst_exposition_wrong(reader, "an escape that is none of \\\\, \\\" and \\n", from, ctx);
    }
  }
  *ret_text = (piece){text, (size_t)(to - text)};
  *at = from + 1;
  return MST_OK;
}

mst_err
mst_exposition_name(const mst_exposition *reader, char **at, bool may_have_colon, piece *ret_name, mst_errctx *ctx)
{
  char *end = *at;

  if (*end == '"') {
    (*at)++;
    mst_err err = read_quoted(reader, at, ret_name, ctx);
    if (!err && ret_name->length == 0)
      return mst_exposition_wrong(reader, "an empty name", end, ctx);
    return err;
  }
  if (!is_name_start(*end, may_have_colon))
    return mst_exposition_wrong(reader, "no name", *at, ctx);
  while (is_name_start(*end, may_have_colon) || (*end >= '0' && *end <= '9'))
    end++;
  *ret_name = (piece){*at, (size_t)(end - *at)};
  *at = end;
  return MST_OK;
}

/* Up to the next gap or the end. Go's strconv.ParseFloat without hexadecimal digits and underscores, which nobody writes. */
static mst_err
read_number(const mst_exposition *reader, char **at, const char *what, double *ret_number, mst_errctx *ctx)
{
  size_t length = strcspn(*at, " \t"), sign = **at == '+' || **at == '-';
  const char *bare = *at + sign;
  char *end;

  if ((length - sign == 3 && strncasecmp(bare, "inf", 3) == 0) || (length - sign == 8 && strncasecmp(bare, "infinity", 8) == 0)) {
    *ret_number = **at == '-' ? -INFINITY : INFINITY;
  } else if (length == 3 && strncasecmp(*at, "nan", 3) == 0) {
    *ret_number = NAN;
  } else {
    if (length == 0 || strspn(*at, "0123456789+-.eE") != length)
      return mst_exposition_wrong(reader, what, *at, ctx);
    double number = strtod(*at, &end);
    if (end != *at + length || isinf(number))
      return mst_exposition_wrong(reader, what, *at, ctx);
    *ret_number = number;
  }
  *at += length;
  return MST_OK;
}

static mst_err
add_label(mst_exposition *reader, piece name, piece value, const char *at, mst_errctx *ctx)
{
  if (reader->label_count == MST_EXPOSITION_LABELS_MAX)
    return mst_fail(ctx, MST_ELIMIT, "line %zu: more than %d labels", reader->line, MST_EXPOSITION_LABELS_MAX);
  for (size_t i = 0; i < reader->label_count; i++)
    if (reader->names[i].length == name.length && memcmp(reader->names[i].at, name.at, name.length) == 0)
      return mst_exposition_wrong(reader, "a label that stands twice", at, ctx);
  reader->names[reader->label_count] = name;
  reader->values[reader->label_count++] = value;
  return MST_OK;
}

static char *
skip_blanks(const mst_exposition *reader, char *at)
{
  return reader->format == MST_EXPOSITION_TEXT ? at + strspn(at, " \t") : at;
}

/* One label, or (name not NULL and still empty) the metric's name in quotes. */
static mst_err
read_item(mst_exposition *reader, char **at, piece *name, mst_errctx *ctx)
{
  piece key = {*at, 0}, value = {*at, 0};
  char *start = *at;
  bool is_quoted = *start == '"';

  mst_err err = mst_exposition_name(reader, at, false, &key, ctx);
  if (err)
    return err;
  *at = skip_blanks(reader, *at);
  if (**at != '=') {
    if (!is_quoted)
      return mst_exposition_wrong(reader, "no = after a label's name", *at, ctx);
    if (!name || name->at)
      return mst_exposition_wrong(reader, "a second name of the metric", start, ctx);
    *name = key;
    return MST_OK;
  }
  *at = skip_blanks(reader, *at + 1);
  if (**at != '"')
    return mst_exposition_wrong(reader, "a label's value is not in quotes", *at, ctx);
  (*at)++;
  if ((err = read_quoted(reader, at, &value, ctx)))
    return err;
  return add_label(reader, key, value, start, ctx);
}

/* From behind "{" to behind "}". A comma may end the list in the text format; OpenMetrics has none there. */
static mst_err
read_labels(mst_exposition *reader, char **at, piece *name, mst_errctx *ctx)
{
  *at = skip_blanks(reader, *at);
  while (**at != '}') {
    mst_err err = read_item(reader, at, name, ctx);
    if (err)
      return err;
    *at = skip_blanks(reader, *at);
    if (**at == '}')
      break;
    if (**at != ',')
      return mst_exposition_wrong(reader, "neither , nor } after a label", *at, ctx);
    *at = skip_blanks(reader, *at + 1);
    if (**at == '}' && reader->format == MST_EXPOSITION_OPENMETRICS)
      return mst_exposition_wrong(reader, "a comma without a label", *at - 1, ctx);
  }
  (*at)++;
  return MST_OK;
}

/* Whether the name is of the family that was begun, by the suffixes of its type. */
static bool
is_of_family(const mst_exposition *reader, piece name)
{
  static const char *const text[][5] = {[MST_EXPOSITION_UNKNOWN] = {""},
                                        [MST_EXPOSITION_COUNTER] = {""},
                                        [MST_EXPOSITION_GAUGE] = {""},
                                        [MST_EXPOSITION_HISTOGRAM] = {"", "_bucket", "_sum", "_count"},
                                        [MST_EXPOSITION_SUMMARY] = {"", "_sum", "_count"},
                                        [MST_EXPOSITION_GAUGEHISTOGRAM] = {NULL}};
  static const char *const open[][5] = {[MST_EXPOSITION_UNKNOWN] = {""},
                                        [MST_EXPOSITION_COUNTER] = {"_total", "_created"},
                                        [MST_EXPOSITION_GAUGE] = {""},
                                        [MST_EXPOSITION_HISTOGRAM] = {"_bucket", "_sum", "_count", "_created"},
                                        [MST_EXPOSITION_SUMMARY] = {"", "_sum", "_count", "_created"},
                                        [MST_EXPOSITION_INFO] = {"_info"},
                                        [MST_EXPOSITION_STATESET] = {""},
                                        [MST_EXPOSITION_GAUGEHISTOGRAM] = {"_bucket", "_gsum", "_gcount", "_created"}};
  const char *const *suffix = reader->format == MST_EXPOSITION_TEXT ? text[reader->type] : open[reader->type];
  size_t family = reader->family.size_bytes;

  if (!reader->has_family || name.length < family || memcmp(name.at, reader->family.data, family) != 0)
    return false;
  for (; *suffix; suffix++)
    if (strlen(*suffix) == name.length - family && memcmp(*suffix, name.at + family, name.length - family) == 0)
      return true;
  return false;
}

/* " # {a="b"} 1 2": only its form is checked, and its value kept. */
static mst_err
read_exemplar(mst_exposition *reader, char **at, mst_exposition_sample *sample, mst_errctx *ctx)
{
  size_t kept = reader->label_count;
  double when;

  *at += 3;
  reader->label_count = 0; /* the sample's labels were handed over to its array already */
  mst_err err = read_labels(reader, at, NULL, ctx);
  reader->label_count = kept;
  if (err)
    return err;
  if (**at != ' ')
    return mst_exposition_wrong(reader, "no space after an exemplar's labels", *at, ctx);
  (*at)++;
  if ((err = read_number(reader, at, "an exemplar's value is no number", &sample->exemplar_value, ctx)))
    return err;
  sample->has_exemplar = true;
  if (**at == ' ') {
    (*at)++;
    return read_number(reader, at, "an exemplar's time is no number", &when, ctx);
  }
  return MST_OK;
}

static mst_err
read_time(const mst_exposition *reader, char **at, mst_exposition_sample *sample, mst_errctx *ctx)
{
  char *start = *at;

  if (reader->format == MST_EXPOSITION_TEXT && strspn(start + (*start == '-'), "0123456789") != strcspn(start + (*start == '-'), " \t"))
    return mst_exposition_wrong(reader, "a timestamp is not in whole milliseconds", start, ctx);
  mst_err err = read_number(reader, at, "a timestamp is no number", &sample->timestamp_s, ctx);
  if (err)
    return err;
  if (!isfinite(sample->timestamp_s))
    return mst_exposition_wrong(reader, "a timestamp is not finite", start, ctx);
  if (reader->format == MST_EXPOSITION_TEXT)
    sample->timestamp_s /= 1000;
  sample->has_timestamp = true;
  return MST_OK;
}

/* From behind the value to the end of the line. */
static mst_err
read_tail(mst_exposition *reader, char *at, bool may_have_exemplar, mst_exposition_sample *sample, mst_errctx *ctx)
{
  mst_err err = MST_OK;

  if (*at && reader->format == MST_EXPOSITION_TEXT)
    at += strspn(at, " \t");
  else if (*at == ' ' && at[1] != '#' && *++at == '\0')
    return mst_exposition_wrong(reader, "a space at the line's end", at, ctx);
  if (*at && *at != ' ')
    err = read_time(reader, &at, sample, ctx);
  if (err)
    return err;
  if (may_have_exemplar && strncmp(at, " # {", 4) == 0) {
    at++; /* "# {": read_exemplar skips it */
    if ((err = read_exemplar(reader, &at, sample, ctx)))
      return err;
  }
  if (reader->format == MST_EXPOSITION_TEXT)
    at += strspn(at, " \t");
  return *at ? mst_exposition_wrong(reader, "more than a value and a timestamp", at, ctx) : MST_OK;
}

static bool
ends_with(piece name, const char *suffix)
{
  size_t length = strlen(suffix);

  return name.length >= length && memcmp(name.at + name.length - length, suffix, length) == 0;
}

/* Now that the line was read to its end, its pieces can be ended in place. */
static void
end_pieces(mst_exposition *reader, piece name)
{
  for (size_t i = 0; i < reader->label_count; i++) {
    reader->names[i].at[reader->names[i].length] = '\0';
    reader->values[i].at[reader->values[i].length] = '\0';
    reader->labels[i] = (mst_exposition_label){reader->names[i].at, reader->values[i].at};
  }
  name.at[name.length] = '\0';
}

mst_err
mst_exposition_sample_line(mst_exposition *reader, char *line, mst_errctx *ctx)
{
  mst_exposition_sample sample = {.line = reader->line, .labels = reader->labels};
  piece name = {NULL, 0};
  char *at = line;
  mst_err err;

  reader->label_count = 0;
  if (*at != '{' && (err = mst_exposition_name(reader, &at, true, &name, ctx)))
    return err;
  if (*line == '"')
    return mst_exposition_wrong(reader, "a quoted name that is not in braces", line, ctx);
  char *after = skip_blanks(reader, at);
  if (*after == '{') {
    at = after + 1;
    if ((err = read_labels(reader, &at, &name, ctx)))
      return err;
  }
  if (!name.at)
    return mst_exposition_wrong(reader, "labels without a name", line, ctx);
  bool is_open = reader->format == MST_EXPOSITION_OPENMETRICS;
  /* The text format lets a value stand right behind the brace: name{a="b"}1. */
  char *value_at = mst_exposition_gap(reader, at);
  if (!value_at && !(at[-1] == '}' && !is_open))
    return mst_exposition_wrong(reader, "no space before the value", at, ctx);
  at = value_at ? value_at : at;
  const char *value_text = at;
  if ((err = read_number(reader, &at, "a value is no number", &sample.value, ctx)))
    return err;
  bool is_family = is_of_family(reader, name);
  sample.type = is_family ? reader->type : MST_EXPOSITION_UNKNOWN;
  if (is_open && sample.type == MST_EXPOSITION_COUNTER && !(sample.value >= 0))
    return mst_exposition_wrong(reader, "a counter is negative or no number", value_text, ctx);
  sample.label_count = reader->label_count;
  end_pieces(reader, name);
  bool may_have_exemplar = is_open && (ends_with(name, "_total") || ends_with(name, "_bucket"));
  if ((err = read_tail(reader, at, may_have_exemplar, &sample, ctx)))
    return err;
  sample.name = name.at;
  sample.family = is_family ? mst_buf_text(&reader->family) : sample.name;
  reader->samples++;
  return reader->take(reader->arg, &sample, ctx);
}
