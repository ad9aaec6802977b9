/* Options of a probe, as the plan gives them or by the default of the kind's schema. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mst/common/config.h>
#include <mst/proto/probe.h>

#include "prober.h"

enum { KEY_BYTES = 128 };

/* As it stands in the plan: a step's keys begin with the step. */
static const char *
full_key(const mst_probe_options *options, const char *key, char text[static KEY_BYTES])
{
  if (!options->step[0])
    return key;
  snprintf(text, KEY_BYTES, "%s%s", options->step, key);
  return text;
}

static const mst_probe_option *
known_option(const mst_probe_options *options, const char *key)
{
  char text[KEY_BYTES];

  return mst_probe_schema_option(options->schema, full_key(options, key, text));
}

static const mst_option *
given(const mst_probe_options *options, const char *name)
{
  char text[KEY_BYTES];
  const char *key = full_key(options, name, text);

  for (size_t i = 0; i < options->option_count; i++)
    if (strcmp(options->options[i].key, key) == 0)
      return &options->options[i];
  return NULL;
}

bool
mst_probe_has(const mst_probe_options *options, const char *key)
{
  return given(options, key) != NULL;
}

const char *
mst_probe_text(const mst_probe_options *options, const char *key)
{
  const mst_option *option = given(options, key);
  const mst_probe_option *known = known_option(options, key);

  if (option && option->value_count > 0)
    return option->values[0];
  return known ? known->default_text : NULL;
}

size_t
mst_probe_texts(const mst_probe_options *options, const char *key, const char *const **ret_values)
{
  const mst_option *option = given(options, key);
  const mst_probe_option *known = known_option(options, key);

  if (option) {
    *ret_values = option->values;
    return option->value_count;
  }
  *ret_values = known && known->default_text ? &known->default_text : NULL;
  return *ret_values ? 1 : 0;
}

int
mst_probe_choice(const mst_probe_options *options, const char *key)
{
  const mst_probe_option *known = known_option(options, key);
  const char *text = mst_probe_text(options, key);

  for (int i = 0; known && text && known->choices[i]; i++)
    if (strcmp(known->choices[i], text) == 0)
      return i;
  return -1;
}

bool
mst_probe_flag(const mst_probe_options *options, const char *key)
{
  const char *text = mst_probe_text(options, key);

  return text && strcmp(text, "true") == 0;
}

double
mst_probe_number(const mst_probe_options *options, const char *key)
{
  const char *text = mst_probe_text(options, key);
  double number = 0;

  return text && mst_probe_number_parse(text, &number, NULL) == MST_OK ? number : 0;
}

int64_t
mst_probe_duration(const mst_probe_options *options, const char *key)
{
  const char *text = mst_probe_text(options, key);
  int64_t ns = 0;

  return text && mst_duration_parse(text, &ns, NULL) == MST_OK ? ns : 0;
}

int64_t
mst_probe_size(const mst_probe_options *options, const char *key)
{
  const char *text = mst_probe_text(options, key);
  int64_t bytes = 0;

  return text && mst_size_parse(text, &bytes, NULL) == MST_OK ? bytes : 0;
}

size_t
mst_probe_step_count(const mst_probe_options *options, const char *key)
{
  size_t length = strlen(key), count = 0;

  for (size_t i = 0; i < options->option_count; i++) {
    const char *given_key = options->options[i].key;
    if (strncmp(given_key, key, length) != 0 || given_key[length] != '.')
      continue;
    size_t number = (size_t)strtoul(given_key + length + 1, NULL, 10);
    count = number > count ? number : count;
  }
  return count;
}

mst_probe_options
mst_probe_step(const mst_probe_options *options, const char *key, size_t number)
{
  mst_probe_options step = *options;

  snprintf(step.step, sizeof step.step, "%.20s.%u.", key, (unsigned)number);
  return step;
}

mst_err
mst_probe_unit_cut(char *text, const char **ret_unit, mst_errctx *ctx)
{
  char *as = strstr(text, " as ");

  *ret_unit = mst_probe_units[0]; /* "1" */
  if (!as)
    return MST_OK;
  for (const char *const *unit = mst_probe_units; *unit; unit++) {
    if (strcmp(as + 4, *unit) == 0) {
      *as = '\0';
      *ret_unit = *unit;
      return MST_OK;
    }
  }
  return mst_fail(ctx, MST_EUSAGE, "\"%.64s\" is no unit; write 1, s, By, d, 1/s or %%", as + 4);
}
