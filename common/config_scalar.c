/* Configs: keys with a single value. */
#include "config_scalar.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mst/common/alloc.h>
#include <mst/common/buf.h>
#include <mst/common/clock.h>

enum { NAMES_TEXT_BYTES = 640 /* what a person reads of a choice */ };

const char *
mst_config_type_name(mst_config_type type)
{
  switch (type) {
  case MST_CONFIG_STRING:
    return "a text";
  case MST_CONFIG_BOOL:
    return "true or false";
  case MST_CONFIG_INTEGER:
    return "a whole number";
  case MST_CONFIG_NUMBER:
    return "a number";
  case MST_CONFIG_RATIO:
    return "a ratio";
  case MST_CONFIG_DURATION:
    return "a duration";
  case MST_CONFIG_SIZE:
    return "a size";
  case MST_CONFIG_ENUM:
    return "one of its names";
  case MST_CONFIG_STRING_LIST:
    return "a list of texts";
  case MST_CONFIG_STRING_MAP:
    return "a map of texts";
  case MST_CONFIG_STRUCT:
    return "a map";
  case MST_CONFIG_STRUCT_LIST:
    return "a list of maps";
  case MST_CONFIG_NODE:
    break;
  }
  return "a value";
}

static bool complain(const mst_config_field *field, const mst_config_value *from, mst_diags *diags, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Returns false, so that a caller can write `return complain(...)`. */
static bool
complain(const mst_config_field *field, const mst_config_value *from, mst_diags *diags, const char *fmt, ...)
{
  char text[MST_ERRCTX_TEXT_BYTES + NAMES_TEXT_BYTES];
  va_list arguments;

  va_start(arguments, fmt);
  vsnprintf(text, sizeof text, fmt, arguments);
  va_end(arguments);
  if (from->node)
    mst_yaml_complain(diags, from->node, "%s", text);
  else
    mst_diags_add(diags, "", 0, 0, field->key, "its default value: %s", text);
  return false;
}

/* As a file would say it: in the greatest unit of which it is a whole number. */
static void
size_text(int64_t bytes, char text[static MST_TIME_TEXT_BYTES])
{
  static const char *const units[2][5] = {{"", "kB", "MB", "GB", "TB"}, {"", "KiB", "MiB", "GiB", "TiB"}};
  static const int64_t steps[2] = {1000, 1024};
  int64_t least = bytes;
  const char *unit = "";

  for (int base = 0; base < 2; base++) {
    int64_t rest = bytes;
    for (size_t i = 1; i < 5 && rest != 0 && rest % steps[base] == 0; i++) {
      rest /= steps[base];
      if (rest < least) {
        least = rest;
        unit = units[base][i];
      }
    }
  }
  snprintf(text, MST_TIME_TEXT_BYTES, "%" PRId64 "%s", least, unit);
}

static const char *
bound_text(const mst_config_field *field, double bound, char text[static MST_TIME_TEXT_BYTES])
{
  if (field->type == MST_CONFIG_DURATION)
    return mst_duration_format((int64_t)bound, text);
  if (field->type == MST_CONFIG_SIZE)
    size_text((int64_t)bound, text);
  else if (field->type == MST_CONFIG_RATIO)
    snprintf(text, MST_TIME_TEXT_BYTES, "%.15g%%", 100 * bound);
  else
    snprintf(text, MST_TIME_TEXT_BYTES, "%.15g", bound);
  return text;
}

static bool
is_within(const mst_config_field *field, double number, const mst_config_value *from, mst_diags *diags)
{
  char least[MST_TIME_TEXT_BYTES], most[MST_TIME_TEXT_BYTES];

  if ((field->min == 0 && field->max == 0) || (number >= field->min && number <= field->max))
    return true;
  return complain(field, from, diags, "%.80s is out of range; it must be %s to %s", from->text, bound_text(field, field->min, least),
                  bound_text(field, field->max, most));
}

static bool
set_integer(const mst_config_field *field, const mst_config_value *from, int64_t *to, mst_diags *diags)
{
  char *end;

  if (from->is_quoted)
    return complain(field, from, diags, "not a whole number: \"%.80s\" is a text; write it without quotes", from->text);
  errno = 0;
  long long number = strtoll(from->text, &end, 10);
  if (end == from->text || *end != '\0')
    return complain(field, from, diags, "not a whole number: \"%.80s\"", from->text);
  if (errno == ERANGE)
    return complain(field, from, diags, "%.80s is out of range; a whole number has at most 63 bits", from->text);
  if (!is_within(field, (double)number, from, diags))
    return false;
  *to = number;
  return true;
}

static bool
set_number(const mst_config_field *field, const mst_config_value *from, double *to, mst_diags *diags)
{
  const char *unit;
  double number;

  if (from->is_quoted)
    return complain(field, from, diags, "not a number: \"%.80s\" is a text; write it without quotes", from->text);
  if (mst_quantity_parse(from->text, &number, &unit, NULL) != MST_OK)
    return complain(field, from, diags, "not a number: \"%.80s\"", from->text);
  if (unit[0] != '\0')
    return complain(field, from, diags, "not a number: \"%.80s\"; it must have no unit", from->text);
  if (!is_within(field, number, from, diags))
    return false;
  *to = number;
  return true;
}

static bool
set_ratio(const mst_config_field *field, const mst_config_value *from, double *to, mst_diags *diags)
{
  const char *unit;
  double number;

  if (mst_quantity_parse(from->text, &number, &unit, NULL) != MST_OK || (unit[0] != '\0' && strcmp(unit, "1") != 0))
    return complain(field, from, diags, "not a ratio: \"%.80s\"; write 95%% or 0.95", from->text);
  if (number < 0 || number > 1)
    return complain(field, from, diags, "not a ratio: \"%.80s\"; it must be within 0%% and 100%%; write 95%% or 0.95", from->text);
  if (!is_within(field, number, from, diags))
    return false;
  *to = number;
  return true;
}

static bool
set_duration(const mst_config_field *field, const mst_config_value *from, int64_t *to, mst_diags *diags)
{
  mst_errctx ctx = {0};
  int64_t ns;

  if (mst_duration_parse(from->text, &ns, &ctx) != MST_OK)
    return complain(field, from, diags, "%s", ctx.text);
  if (!is_within(field, (double)ns, from, diags))
    return false;
  *to = ns;
  return true;
}

static bool
set_size(const mst_config_field *field, const mst_config_value *from, int64_t *to, mst_diags *diags)
{
  mst_errctx ctx = {0};
  int64_t bytes;

  if (mst_size_parse(from->text, &bytes, &ctx) != MST_OK)
    return complain(field, from, diags, "%s", ctx.text);
  if (!is_within(field, (double)bytes, from, diags))
    return false;
  *to = bytes;
  return true;
}

static bool
set_enum(const mst_config_field *field, const mst_config_value *from, int *to, mst_diags *diags)
{
  mst_buf names;

  for (int i = 0; field->names[i]; i++)
    if (strcmp(field->names[i], from->text) == 0) {
      *to = i;
      return true;
    }
  mst_buf_init(&names, NAMES_TEXT_BYTES);
  for (int i = 0; field->names[i]; i++)
    mst_buf_printf(&names, "%s%s", i == 0 ? "" : field->names[i + 1] ? ", " : " or ", field->names[i]);
  complain(field, from, diags, "\"%.80s\" is not known here; choose %s", from->text, mst_buf_text(&names));
  mst_buf_done(&names);
  return false;
}

static bool
set_bool(const mst_config_field *field, const mst_config_value *from, bool *to, mst_diags *diags)
{
  bool is_true = strcmp(from->text, "true") == 0;

  if (!is_true && strcmp(from->text, "false") != 0)
    return complain(field, from, diags, "not true or false: \"%.80s\"", from->text);
  if (from->is_quoted)
    return complain(field, from, diags, "not true or false: \"%.80s\" is a text; write it without quotes", from->text);
  *to = is_true;
  return true;
}

/* Characters of UTF-8: all bytes but those that continue one. */
static size_t
count_characters(const char *text)
{
  size_t count = 0;

  for (; *text; text++)
    count += ((unsigned char)*text & 0xc0) != 0x80;
  return count;
}

static bool
set_string(const mst_config_field *field, const mst_config_value *from, char **to, mst_diags *diags)
{
  double characters = (double)count_characters(from->text);

  if ((field->min != 0 || field->max != 0) && (characters < field->min || characters > field->max))
    return complain(field, from, diags, "a text of %.0f characters; it must have %.0f to %.0f", characters, field->min, field->max);
  char *copy = mst_strdup(from->text);
  if (!copy)
    return complain(field, from, diags, "out of memory");
  mst_free(*to);
  *to = copy;
  return true;
}

bool
mst_config_set_scalar(const mst_config_field *field, const mst_config_value *from, void *at, mst_diags *diags)
{
  switch (field->type) {
  case MST_CONFIG_STRING:
    return set_string(field, from, at, diags);
  case MST_CONFIG_BOOL:
    return set_bool(field, from, at, diags);
  case MST_CONFIG_INTEGER:
    return set_integer(field, from, at, diags);
  case MST_CONFIG_NUMBER:
    return set_number(field, from, at, diags);
  case MST_CONFIG_RATIO:
    return set_ratio(field, from, at, diags);
  case MST_CONFIG_DURATION:
    return set_duration(field, from, at, diags);
  case MST_CONFIG_SIZE:
    return set_size(field, from, at, diags);
  case MST_CONFIG_ENUM:
    return set_enum(field, from, at, diags);
  default:
    return complain(field, from, diags, "%s cannot have a default", mst_config_type_name(field->type));
  }
}
