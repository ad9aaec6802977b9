/* Where figures and texts are found in an answer; see exchange.h. */
#include "exchange.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mst/common/clock.h>

enum { MATCH_STEPS_MAX = 1000000 /* a bad pattern on a hostile text ends in some 10 ms */ };

mst_err
mst_pattern_compile(const char *key, const char *text, pcre2_code **ret_pattern, mst_errctx *ctx)
{
  int number = 0;
  PCRE2_SIZE offset = 0;
  PCRE2_UCHAR message[128];

  *ret_pattern = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, 0, &number, &offset, NULL);
  if (*ret_pattern)
    return MST_OK;
  (void)pcre2_get_error_message(number, message, sizeof message);
  return mst_fail(ctx, MST_EUSAGE, "%s: the pattern is wrong at its character %zu: %s", key, (size_t)offset + 1, (const char *)message);
}

int
mst_pattern_match(const pcre2_code *pattern, const char *text, size_t size_bytes, char *ret_group, size_t group_bytes)
{
  pcre2_match_data *match = pcre2_match_data_create_from_pattern(pattern, NULL);
  pcre2_match_context *limits = pcre2_match_context_create(NULL);
  int found = PCRE2_ERROR_NOMEMORY;

  if (match && limits) {
    pcre2_set_match_limit(limits, MATCH_STEPS_MAX);
    found = pcre2_match(pattern, (PCRE2_SPTR)text, size_bytes, 0, 0, match, limits);
  }
  if (found > 0 && ret_group) {
    const PCRE2_SIZE *places = pcre2_get_ovector_pointer(match) + (found > 1 ? 2 : 0);
    size_t length = places[0] != PCRE2_UNSET ? places[1] - places[0] : 0;
    length = length < group_bytes ? length : group_bytes - 1;
    memcpy(ret_group, text + (length ? places[0] : 0), length);
    ret_group[length] = '\0';
  }
  pcre2_match_data_free(match);
  pcre2_match_context_free(limits);
  return found >= 0 ? 1 : found == PCRE2_ERROR_NOMATCH ? 0 : found;
}

void
mst_pick_done(mst_pick *pick)
{
  mst_json_path_destroy(pick->path);
  pcre2_code_free(pick->pattern);
  *pick = (mst_pick){0};
}

/* "PATH is TEXT", in text; source is the same in the options, with "count " before it. */
static mst_err
read_count(const char *source, char *text, mst_pick *pick, mst_errctx *ctx)
{
  char *is = strstr(text, " is ");

  if (!is)
    return mst_fail(ctx, MST_EUSAGE, "write count PATH is TEXT");
  *is = '\0';
  pick->counted = strstr(source, " is ") + 4;
  return mst_json_path_parse(text, &pick->path, ctx);
}

/* "json PATH", "PATH", "length PATH", "count PATH is TEXT", "header NAME", "body PATTERN", "http status"; behind it perhaps " as UNIT". */
static mst_err
read_source(const char *key, const char *name, const char *source, mst_pick *pick, mst_errctx *ctx)
{
  char text[2049];
  const char *at = text;
  bool is_body = strncmp(source, "body ", 5) == 0;

  snprintf(text, sizeof text, "%s", source);
  pick->name = name;
  pick->unit = "1";
  mst_err err = is_body ? MST_OK : mst_probe_unit_cut(text, &pick->unit, ctx);
  if (err != MST_OK)
    return err;
  if (is_body) {
    pick->kind = MST_PICK_BODY;
    return mst_pattern_compile(key, source + 5, &pick->pattern, ctx);
  }
  if (strncmp(text, "header ", 7) == 0) {
    pick->kind = MST_PICK_HEADER;
    pick->header = source + 7;
    return text[7] && !strchr(text + 7, ' ') ? MST_OK : mst_fail(ctx, MST_EUSAGE, "%s: write header and its name", key);
  }
  if (strcmp(text, "http status") == 0) {
    pick->kind = MST_PICK_STATUS;
    return MST_OK;
  }
  if (strncmp(text, "count ", 6) == 0)
    return read_count(source, text + 6, pick, ctx);
  pick->is_length = strncmp(text, "length ", 7) == 0;
  at += pick->is_length ? 7 : strncmp(text, "json ", 5) == 0 ? 5 : 0;
  return mst_json_path_parse(at, &pick->path, ctx);
}

mst_err
mst_pick_read(const mst_probe_options *options, const char *key, mst_pick *ret_picks, size_t *ret_count, mst_errctx *ctx)
{
  const char *const *pairs = NULL;
  size_t count = mst_probe_texts(options, key, &pairs);

  for (size_t i = 0; i + 1 < count; i += 2) {
    mst_err err = read_source(key, pairs[i], pairs[i + 1], &ret_picks[*ret_count], ctx);
    if (err != MST_OK)
      return mst_fail_within(ctx, err, "%s.%.64s", key, pairs[i]);
    ++*ret_count;
  }
  return MST_OK;
}

typedef struct tally {
  const mst_pick *pick;
  size_t count;
} tally;

static bool
count_value(void *arg, const json_t *value)
{
  tally *all = arg;
  const char *text = json_string_value(value);

  all->count += text && strcmp(text, all->pick->counted) == 0;
  return true;
}

static bool
json_text(const mst_pick *pick, const json_t *root, char text[static MST_WEB_TEXT_BYTES])
{
  const json_t *value = root && !pick->counted ? mst_json_path_first(pick->path, root) : NULL;
  tally all = {.pick = pick};

  if (root && pick->counted) {
    (void)mst_json_path_each(pick->path, root, count_value, &all);
    snprintf(text, MST_WEB_TEXT_BYTES, "%zu", all.count); /* none is a count too */
    return true;
  }
  if (!value)
    return false;
  if (pick->is_length)
    snprintf(text, MST_WEB_TEXT_BYTES, "%zu", json_is_object(value) ? json_object_size(value) : json_array_size(value));
  else if (json_is_string(value))
    snprintf(text, MST_WEB_TEXT_BYTES, "%s", json_string_value(value));
  else if (json_is_integer(value))
    snprintf(text, MST_WEB_TEXT_BYTES, "%lld", (long long)json_integer_value(value));
  else if (json_is_real(value))
    snprintf(text, MST_WEB_TEXT_BYTES, "%.17g", json_real_value(value));
  else if (json_is_boolean(value))
    snprintf(text, MST_WEB_TEXT_BYTES, "%s", json_is_true(value) ? "true" : "false");
  else
    snprintf(text, MST_WEB_TEXT_BYTES, "%s", json_is_null(value) ? "null" : json_is_array(value) ? "(list)" : "(object)");
  return !pick->is_length || json_is_object(value) || json_is_array(value);
}

bool
mst_pick_text(const mst_pick *pick, const mst_web_answer *answer, const json_t *root, char text[static MST_WEB_TEXT_BYTES])
{
  char header[MST_WEB_TEXT_BYTES], name[MST_WEB_TEXT_BYTES];

  switch (pick->kind) {
  case MST_PICK_JSON:
    return json_text(pick, root, text);
  case MST_PICK_STATUS:
    snprintf(text, MST_WEB_TEXT_BYTES, "%d", answer->status);
    return answer->status > 0;
  case MST_PICK_BODY:
    return mst_pattern_match(pick->pattern, answer->body, answer->body_bytes, text, MST_WEB_TEXT_BYTES) == 1;
  case MST_PICK_HEADER:
    snprintf(name, sizeof name, "%.*s", (int)strcspn(pick->header, " "), pick->header);
    if (!mst_web_header(answer, name, header, sizeof header))
      return false;
    snprintf(text, MST_WEB_TEXT_BYTES, "%s", header);
    return true;
  }
  return false;
}

/* "30d" of a figure that is given as seconds or days. */
static bool
reads_duration(const mst_pick *pick, const char *text, double *ret_number)
{
  int64_t ns = 0;
  bool is_days = strcmp(pick->unit, "d") == 0;

  if ((!is_days && strcmp(pick->unit, "s") != 0) || mst_duration_parse(text, &ns, NULL) != MST_OK)
    return false;
  *ret_number = (double)ns / 1e9 / (is_days ? 86400 : 1);
  return true;
}

bool
mst_pick_number(const mst_pick *pick, const mst_web_answer *answer, const json_t *root, double *ret_number)
{
  char text[MST_WEB_TEXT_BYTES] = "", *end;

  if (!mst_pick_text(pick, answer, root, text))
    return false;
  if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0) {
    *ret_number = text[0] == 't';
    return true;
  }
  *ret_number = strtod(text, &end);
  if (end != text && *end != '\0' && reads_duration(pick, text, ret_number))
    return true;
  return end != text && *end == '\0' && isfinite(*ret_number);
}
