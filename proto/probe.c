/* Kinds of probes and the types of their options; see mst/proto/probe.h. */
#include <mst/proto/probe.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <mst/common/clock.h>
#include <mst/common/config.h>
#include <mst/proto/plan.h>

#include <mst/proto/probe_kinds.h>

#define ENTRY(name) &mst_probe_schema_##name,
const mst_probe_schema *const mst_probe_schemas[] = {MST_PROBE_KINDS(ENTRY)};
const size_t mst_probe_schemas_count = sizeof mst_probe_schemas / sizeof mst_probe_schemas[0];

const char *const mst_probe_units[] = {"1", "s", "By", "d", "1/s", "%", NULL};

const mst_probe_schema *
mst_probe_schema_find(const char *kind)
{
  for (size_t i = 0; i < mst_probe_schemas_count; i++)
    if (strcmp(mst_probe_schemas[i]->name, kind) == 0)
      return mst_probe_schemas[i];
  return NULL;
}

static const mst_probe_option *
find_option(const mst_probe_option *options, size_t count, const char *key, size_t length)
{
  for (size_t i = 0; i < count; i++)
    if (strncmp(options[i].key, key, length) == 0 && options[i].key[length] == '\0')
      return &options[i];
  return NULL;
}

const mst_probe_option *
mst_probe_schema_option(const mst_probe_schema *schema, const char *key)
{
  size_t length = strcspn(key, ".");
  const mst_probe_option *option = find_option(schema->options, schema->option_count, key, length);

  if (!option || key[length] == '\0')
    return option;
  const char *number = key + length + 1;
  size_t digits = strspn(number, "0123456789");
  long step = digits >= 1 && digits <= 2 && number[digits] == '.' ? strtol(number, NULL, 10) : 0;
  if (option->type != MST_PROBE_STEPS || step < 1 || step > MST_PROBE_STEPS_MAX)
    return NULL;
  return find_option(option->each, option->each_count, number + digits + 1, strlen(number + digits + 1));
}

const mst_probe_field *
mst_probe_schema_field(const mst_probe_schema *schema, const char *name)
{
  for (size_t i = 0; i < schema->field_count; i++) {
    const char *known = schema->fields[i].name;
    size_t length = strlen(known);
    if (strcmp(known, name) == 0 || (known[length - 1] == '*' && strncmp(known, name, length - 1) == 0))
      return &schema->fields[i];
  }
  return NULL;
}

mst_err
mst_probe_number_parse(const char *text, double *ret_number, mst_errctx *ctx)
{
  char *end = NULL;
  double number = strtod(text, &end);
  bool is_share = *end == '%' && end[1] == '\0';

  if (end == text || (*end != '\0' && !is_share) || !isfinite(number))
    return mst_fail(ctx, MST_EUSAGE, "\"%.64s\" is no number; write one such as 0.5 or 50%%", text);
  *ret_number = is_share ? number / 100 : number;
  return MST_OK;
}

static mst_err
parse_port(const char *text, uint16_t *ret_port)
{
  size_t digits = strspn(text, "0123456789");
  long port = digits > 0 && digits <= 5 && text[digits] == '\0' ? strtol(text, NULL, 10) : 0;

  *ret_port = (uint16_t)port;
  return port >= 1 && port <= 65535 ? MST_OK : MST_EUSAGE;
}

mst_err
mst_probe_address_parse(const char *text, mst_probe_address *ret_address, mst_errctx *ctx)
{
  const char *begin = text, *colon = strrchr(text, ':'), *end = colon;
  uint16_t port = 0;

  if (!colon || parse_port(colon + 1, &port) != MST_OK)
    return mst_fail(ctx, MST_EUSAGE, "\"%.200s\" is no HOST:PORT with a port of 1 to 65535", text);
  if (*begin == '[') {
    begin++;
    end--;
    if (end < begin || *end != ']')
      return mst_fail(ctx, MST_EUSAGE, "\"%.200s\": write an IPv6 address as [ADDRESS]:PORT", text);
  } else if (memchr(begin, ':', (size_t)(end - begin))) {
    return mst_fail(ctx, MST_EUSAGE, "\"%.200s\": write an IPv6 address as [ADDRESS]:PORT", text);
  }
  if (end == begin || (size_t)(end - begin) >= MST_PROBE_HOST_BYTES)
    return mst_fail(ctx, MST_EUSAGE, "\"%.200s\": the host has no or over %d bytes", text, MST_PROBE_HOST_BYTES - 1);
  if (strcspn(begin, " \t\r\n/@") < (size_t)(end - begin))
    return mst_fail(ctx, MST_EUSAGE, "\"%.200s\": a host has no blanks, / or @; write HOST:PORT", text);
  memcpy(ret_address->host, begin, (size_t)(end - begin));
  ret_address->host[end - begin] = '\0';
  ret_address->port = port;
  return MST_OK;
}

static mst_err
check_choice(const mst_probe_option *option, const char *text, mst_errctx *ctx)
{
  char names[MST_ERRCTX_TEXT_BYTES / 2] = "";
  size_t used = 0;

  for (const char *const *choice = option->choices; *choice; choice++) {
    if (strcmp(*choice, text) == 0)
      return MST_OK;
    if (used + strlen(*choice) + 3 < sizeof names)
      used = (size_t)(stpcpy(stpcpy(names + used, used ? ", " : ""), *choice) - names);
  }
  return mst_fail(ctx, MST_EUSAGE, "\"%.64s\" is not among %s", text, names);
}

static mst_err
check_bounds(const mst_probe_option *option, double value, const char *text, mst_errctx *ctx)
{
  if ((option->min == 0 && option->max == 0) || (value >= option->min && value <= option->max))
    return MST_OK;
  if (option->type == MST_PROBE_DURATION) {
    char least[MST_TIME_TEXT_BYTES], most[MST_TIME_TEXT_BYTES];
    return mst_fail(ctx, MST_EUSAGE, "\"%.64s\" is not within %s to %s", text, mst_duration_format((int64_t)option->min, least),
                    mst_duration_format((int64_t)option->max, most));
  }
  return mst_fail(ctx, MST_EUSAGE, "\"%.64s\" is not within %.15g to %.15g", text, option->min, option->max);
}

static mst_err
check_integer(const char *text, double *ret_value, mst_errctx *ctx)
{
  char *end = NULL;
  long long value = strtoll(text, &end, 10);

  if (end == text || *end != '\0' || strlen(text) > 18)
    return mst_fail(ctx, MST_EUSAGE, "\"%.64s\" is no whole number", text);
  *ret_value = (double)value;
  return MST_OK;
}

static mst_err
check_url(const char *text, mst_errctx *ctx)
{
  const char *rest = strncmp(text, "http://", 7) == 0 ? text + 7 : strncmp(text, "https://", 8) == 0 ? text + 8 : NULL;

  if (!rest || *rest == '\0' || *rest == '/')
    return mst_fail(ctx, MST_EUSAGE, "\"%.128s\" is no address that begins with http:// or https:// and a host", text);
  if (strpbrk(rest, " \t\r\n"))
    return mst_fail(ctx, MST_EUSAGE, "\"%.128s\" has a blank in it; write %%20", text);
  return MST_OK;
}

static mst_err
check_plain(const char *text, mst_errctx *ctx)
{
  if (*text == '\0' || strlen(text) > MST_PLAN_VALUE_MAX_BYTES)
    return mst_fail(ctx, MST_EUSAGE, "write a text of 1 to %d bytes", MST_PLAN_VALUE_MAX_BYTES);
  return MST_OK;
}

static mst_err
check_secret(const char *text, mst_errctx *ctx)
{
  static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
  bool is_variable = strncmp(text, "env:", 4) == 0 && text[4] != '\0' && text[4 + strspn(text + 4, letters)] == '\0';
  bool is_file = strncmp(text, "file:/", 6) == 0 && text[6] != '\0' && !strstr(text, "/../");

  /* The text is not shown: what stands there may be the secret itself. */
  if ((!is_variable && !is_file) || strlen(text) > MST_PLAN_VALUE_MAX_BYTES)
    return mst_fail(ctx, MST_EUSAGE, "write where the host that probes finds the secret: env:NAME or file:/PATH (without /../)");
  return MST_OK;
}

/* Types whose values are measured: read, then held against the bounds. */
static mst_err
check_measure(const mst_probe_option *option, const char *text, mst_errctx *ctx)
{
  int64_t whole = 0;
  double value = 0;
  mst_err err = MST_OK;

  if (option->type == MST_PROBE_DURATION)
    err = mst_duration_parse(text, &whole, ctx);
  else if (option->type == MST_PROBE_SIZE)
    err = mst_size_parse(text, &whole, ctx);
  else if (option->type == MST_PROBE_INTEGER)
    err = check_integer(text, &value, ctx);
  else
    err = mst_probe_number_parse(text, &value, ctx);
  if (err != MST_OK)
    return err;
  return check_bounds(option, value + (double)whole, text, ctx);
}

mst_err
mst_probe_scalar_check(const mst_probe_option *option, const char *text, mst_errctx *ctx)
{
  mst_probe_address address;

  switch (option->type) {
  case MST_PROBE_TEXT:
  case MST_PROBE_TEXTS:
  case MST_PROBE_MAP:
  case MST_PROBE_PATTERN:
  case MST_PROBE_PATTERNS:
  case MST_PROBE_SUITE:
    return check_plain(text, ctx);
  case MST_PROBE_CHOICE:
    return check_choice(option, text, ctx);
  case MST_PROBE_BOOL:
    return strcmp(text, "true") == 0 || strcmp(text, "false") == 0 ? MST_OK : mst_fail(ctx, MST_EUSAGE, "write true or false");
  case MST_PROBE_INTEGER:
  case MST_PROBE_NUMBER:
  case MST_PROBE_DURATION:
  case MST_PROBE_SIZE:
    return check_measure(option, text, ctx);
  case MST_PROBE_ADDRESS:
    return mst_probe_address_parse(text, &address, ctx);
  case MST_PROBE_URL:
    return check_url(text, ctx);
  case MST_PROBE_SECRET:
  case MST_PROBE_SECRETS:
    return check_secret(text, ctx);
  case MST_PROBE_STEPS:
    break;
  case MST_PROBE_PATH:
    return text[0] == '/' ? check_plain(text, ctx) : mst_fail(ctx, MST_EUSAGE, "\"%.128s\" is no absolute path: begin it with /", text);
  }
  return mst_fail(ctx, MST_EUSAGE, "an option of no known type");
}
