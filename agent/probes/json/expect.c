/* What must hold for values of JSON documents; see mst/json/expect.h. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <mst/json/expect.h>

#include <math.h>
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mst/common/alloc.h>

enum { SHOWN_BYTES = 72, MATCH_STEPS_MAX = 1000000 /* a bad pattern on a hostile text ends in some 10 ms */ };

typedef enum operation {
  EXPECT_COMPARE,
  EXPECT_IS,
  EXPECT_IN,
  EXPECT_MATCHES,
  EXPECT_EXISTS,
  EXPECT_ABSENT,
  EXPECT_LENGTH,
  EXPECT_TYPE,
  EXPECT_ACYCLIC,
} operation;

typedef enum comparison { EQUAL, UNEQUAL, LESS_EQUAL, GREATER_EQUAL, LESS, GREATER } comparison;
static const char *const comparisons[] = {"==", "!=", "<=", ">=", "<", ">"}; /* longer ones first */

struct mst_json_expect {
  mst_json_path *path;
  char *text; /* owned: as it was written */
  operation operation;
  bool is_not;
  comparison comparison;
  double number;
  char *argument; /* owned: behind the word; of EXPECT_ACYCLIC the name's key */
  char *before;   /* within argument */
  pcre2_code *pattern;
};

void
mst_json_expect_destroy(mst_json_expect *expect)
{
  if (!expect)
    return;
  pcre2_code_free(expect->pattern);
  mst_json_path_destroy(expect->path);
  mst_free(expect->argument);
  mst_free(expect->text);
  mst_free(expect);
}

/* ---- reading ---- */

static const char *
skip_blanks(const char *at)
{
  return at + strspn(at, " \t");
}

/* What stands behind a word and a blank, or the word alone; NULL: another word. */
static const char *
behind(const char *text, const char *word)
{
  size_t length = strlen(word);

  if (strncmp(text, word, length) != 0 || (text[length] != '\0' && text[length] != ' ' && text[length] != '\t'))
    return NULL;
  return skip_blanks(text + length);
}

static bool
read_comparison(mst_json_expect *expect, const char *text)
{
  char *end;

  for (size_t i = 0; i < sizeof comparisons / sizeof comparisons[0]; i++) {
    if (strncmp(text, comparisons[i], strlen(comparisons[i])) != 0)
      continue;
    expect->comparison = (comparison)i;
    text = skip_blanks(text + strlen(comparisons[i]));
    expect->number = strtod(text, &end);
    return end != text && *skip_blanks(end) == '\0' && isfinite(expect->number);
  }
  return false;
}

static mst_err
read_pattern(mst_json_expect *expect, mst_errctx *ctx)
{
  int number = 0;
  PCRE2_SIZE offset = 0;
  PCRE2_UCHAR message[128];

  expect->pattern = pcre2_compile((PCRE2_SPTR)expect->argument, PCRE2_ZERO_TERMINATED, PCRE2_UTF, &number, &offset, NULL);
  if (expect->pattern)
    return MST_OK;
  (void)pcre2_get_error_message(number, message, sizeof message);
  return mst_fail(ctx, MST_EUSAGE, "the pattern is wrong at its character %zu: %s", (size_t)offset + 1, (const char *)message);
}

/* "by id, depends_on" */
static bool
read_acyclic(mst_json_expect *expect)
{
  const char *keys = behind(expect->argument, "by");
  char *comma = keys ? strchr(expect->argument, ',') : NULL;

  if (!comma || comma == keys)
    return false;
  *comma = '\0';
  expect->before = comma + 1 + strspn(comma + 1, " \t");
  memmove(expect->argument, keys, strlen(keys) + 1);
  return expect->argument[0] && *expect->before;
}

static bool
is_type(const char *name)
{
  static const char *const types[] = {"object", "list", "text", "number", "boolean", "null"};

  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
    if (strcmp(types[i], name) == 0)
      return true;
  return false;
}

/* The word that it begins with, and what stands behind it. */
static bool
read_word(mst_json_expect *expect, const char *text, const char **ret_argument)
{
  static const struct {
    const char *word;
    operation operation;
    bool is_not;
  } words[] = {
      {"is not", EXPECT_IS, true},        {"is", EXPECT_IS, false},         {"not in", EXPECT_IN, true},
      {"in", EXPECT_IN, false},           {"exists", EXPECT_EXISTS, false}, {"not matches", EXPECT_MATCHES, true},
      {"matches", EXPECT_MATCHES, false}, {"length", EXPECT_LENGTH, false}, {"absent", EXPECT_ABSENT, false},
      {"acyclic", EXPECT_ACYCLIC, false}, {"type", EXPECT_TYPE, false},
  };

  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
    *ret_argument = behind(text, words[i].word);
    expect->operation = words[i].operation;
    expect->is_not = words[i].is_not;
    if (*ret_argument)
      return true;
  }
  return false;
}

static mst_err
read_text(mst_json_expect *expect, mst_errctx *ctx)
{
  static const char known[] = "write a comparison (== != < <= > >= and a number), is, is not, in, not in, matches, not matches, exists, "
                              "absent, length, type or acyclic by NAME, BEFORE";
  const char *text = skip_blanks(expect->text), *argument = NULL;

  if (strchr("=!<>", text[0]) && text[0])
    return read_comparison(expect, text) ? MST_OK : mst_fail(ctx, MST_EUSAGE, "\"%.64s\": write a number behind the comparison", text);
  if (!read_word(expect, text, &argument))
    return mst_fail(ctx, MST_EUSAGE, "\"%.64s\" is no expectation; %s", text, known);
  expect->argument = mst_strdup(argument);
  if (!expect->argument)
    return mst_fail(ctx, MST_ENOMEM, "no memory for an expectation");
  bool takes_none = expect->operation == EXPECT_EXISTS || expect->operation == EXPECT_ABSENT;
  if (takes_none != (argument[0] == '\0'))
    return mst_fail(ctx, MST_EUSAGE, "\"%.64s\": %s", text, takes_none ? "nothing may stand behind that word" : "something is missing");
  if (expect->operation == EXPECT_MATCHES)
    return read_pattern(expect, ctx);
  if (expect->operation == EXPECT_LENGTH && !read_comparison(expect, argument))
    return mst_fail(ctx, MST_EUSAGE, "\"%.64s\": write length and a comparison, such as length >= 3", text);
  if (expect->operation == EXPECT_TYPE && !is_type(argument))
    return mst_fail(ctx, MST_EUSAGE, "\"%.64s\": write type and object, list, text, number, boolean or null", text);
  if (expect->operation == EXPECT_ACYCLIC && !read_acyclic(expect))
    return mst_fail(ctx, MST_EUSAGE, "\"%.64s\": write acyclic by NAME, BEFORE: the keys of an element's name, and of what it waits for",
                    text);
  return MST_OK;
}

mst_err
mst_json_expect_parse(const char *path, const char *text, mst_json_expect **ret_expect, mst_errctx *ctx)
{
  mst_json_expect *expect = mst_alloc(1, sizeof *expect);

  if (expect)
    expect->text = mst_strdup(text);
  if (!expect || !expect->text) {
    mst_free(expect);
    return mst_fail(ctx, MST_ENOMEM, "no memory for an expectation");
  }
  mst_err err = mst_json_path_parse(path, &expect->path, ctx);
  if (err == MST_OK)
    err = read_text(expect, ctx);
  if (err != MST_OK) {
    mst_json_expect_destroy(expect);
    return err;
  }
  *ret_expect = expect;
  return MST_OK;
}

/* ---- holding ---- */

static bool
compares(const mst_json_expect *expect, double value)
{
  switch (expect->comparison) {
  case EQUAL:
    return value == expect->number;
  case UNEQUAL:
    return value != expect->number;
  case LESS_EQUAL:
    return value <= expect->number;
  case GREATER_EQUAL:
    return value >= expect->number;
  case LESS:
    return value < expect->number;
  case GREATER:
    return value > expect->number;
  }
  return false;
}

static const char *
type_of(const json_t *value)
{
  switch (json_typeof(value)) {
  case JSON_OBJECT:
    return "object";
  case JSON_ARRAY:
    return "list";
  case JSON_STRING:
    return "text";
  case JSON_INTEGER:
  case JSON_REAL:
    return "number";
  case JSON_TRUE:
  case JSON_FALSE:
    return "boolean";
  case JSON_NULL:
    return "null";
  }
  return "";
}

/* Texts as they are, others as JSON writes them; lists and objects by their type only. */
static void
write_plain(const json_t *value, char *text, size_t text_bytes)
{
  char *written = NULL;

  if (json_is_string(value))
    snprintf(text, text_bytes, "%s", json_string_value(value));
  else if (json_is_object(value) || json_is_array(value))
    snprintf(text, text_bytes, "%s of %zu", json_is_array(value) ? "list" : "object",
             json_is_array(value) ? json_array_size(value) : json_object_size(value));
  else if ((written = json_dumps(value, JSON_ENCODE_ANY)))
    snprintf(text, text_bytes, "%s", written);
  else
    snprintf(text, text_bytes, "%s", type_of(value));
  if (written) {
    json_free_t release;
    json_get_alloc_funcs(NULL, &release);
    release(written);
  }
}

static bool
is_text(const json_t *value, const char *wanted, size_t length)
{
  char text[64];

  if (json_is_string(value))
    return json_string_length(value) == length && memcmp(json_string_value(value), wanted, length) == 0;
  if (json_is_object(value) || json_is_array(value))
    return false;
  write_plain(value, text, sizeof text);
  return strlen(text) == length && memcmp(text, wanted, length) == 0;
}

static bool
is_among(const mst_json_expect *expect, const json_t *value)
{
  const char *at = expect->argument;

  while (*at) {
    size_t length = strcspn(at, ","), trimmed = length;
    while (trimmed > 0 && (at[trimmed - 1] == ' ' || at[trimmed - 1] == '\t'))
      trimmed--;
    if (is_text(value, at, trimmed))
      return true;
    at += length + (at[length] == ',');
    at = skip_blanks(at);
  }
  return false;
}

static bool
matches(const mst_json_expect *expect, const json_t *value)
{
  pcre2_match_data *match = pcre2_match_data_create_from_pattern(expect->pattern, NULL);
  pcre2_match_context *limits = pcre2_match_context_create(NULL);
  int found = PCRE2_ERROR_NOMEMORY;

  if (limits)
    pcre2_set_match_limit(limits, MATCH_STEPS_MAX);
  if (match && limits && json_is_string(value))
    found = pcre2_match(expect->pattern, (PCRE2_SPTR)json_string_value(value), json_string_length(value), 0, 0, match, limits);
  pcre2_match_data_free(match);
  pcre2_match_context_free(limits);
  /* Neither way when it could not be tried. */
  return expect->is_not ? found == PCRE2_ERROR_NOMATCH : found >= 0;
}

static double
length_of(const json_t *value)
{
  size_t letters = 0;

  if (json_is_array(value))
    return (double)json_array_size(value);
  if (json_is_object(value))
    return (double)json_object_size(value);
  if (!json_is_string(value))
    return NAN; /* compares with nothing */
  for (size_t i = 0; i < json_string_length(value); i++)
    letters += ((unsigned char)json_string_value(value)[i] & 0xc0) != 0x80;
  return (double)letters;
}

typedef struct trial {
  const mst_json_expect *expect;
  const json_t *culprit; /* NULL: all held so far */
  char problem[MST_JSON_REASON_BYTES];
} trial;

static bool
try_value(void *arg, const json_t *value)
{
  trial *all = arg;
  const mst_json_expect *expect = all->expect;
  bool holds = false;

  switch (expect->operation) {
  case EXPECT_COMPARE:
    holds = json_is_number(value) && compares(expect, json_number_value(value));
    break;
  case EXPECT_IS:
    holds = is_text(value, expect->argument, strlen(expect->argument)) != expect->is_not;
    break;
  case EXPECT_IN:
    holds = is_among(expect, value) != expect->is_not;
    break;
  case EXPECT_MATCHES:
    holds = matches(expect, value);
    break;
  case EXPECT_EXISTS:
    holds = true;
    break;
  case EXPECT_ABSENT:
    break;
  case EXPECT_LENGTH:
    holds = compares(expect, length_of(value)) && !isnan(length_of(value));
    break;
  case EXPECT_TYPE:
    holds = strcmp(type_of(value), expect->argument) == 0;
    break;
  case EXPECT_ACYCLIC:
    holds = mst_json_is_acyclic(value, expect->argument, expect->before, all->problem);
    break;
  }
  all->culprit = holds ? NULL : value;
  return holds;
}

bool
mst_json_expect_holds(const mst_json_expect *expect, const json_t *root, char reason[static MST_JSON_REASON_BYTES])
{
  trial all = {.expect = expect};
  size_t found = mst_json_path_each(expect->path, root, try_value, &all);
  char shown[SHOWN_BYTES];

  reason[0] = '\0';
  if (found == 0 && expect->operation != EXPECT_ABSENT)
    snprintf(reason, MST_JSON_REASON_BYTES, "%.64s is not there; wanted: %.64s", mst_json_path_text(expect->path), expect->text);
  if (!all.culprit)
    return reason[0] == '\0';
  write_plain(all.culprit, shown, sizeof shown);
  if (all.problem[0])
    snprintf(reason, MST_JSON_REASON_BYTES, "%.48s: %.150s", mst_json_path_text(expect->path), all.problem);
  else
    snprintf(reason, MST_JSON_REASON_BYTES, "%.48s is \"%.64s\"; wanted: %.64s", mst_json_path_text(expect->path), shown, expect->text);
  return false;
}
