/* Selectors of series. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <ctype.h>
#include <pcre2.h>
#include <string.h>

#include <mst/common/alloc.h>
#include <mst/common/buf.h>
#include <mst/exposition/select.h>

enum {
  TEXT_MAX_BYTES = 2048,    /* as any text of a probe's options */
  MATCH_STEPS_MAX = 100000, /* of one pattern over one value: far more than a sane one takes, some ms of an insane one */
  HEAP_LIMIT_KB = 1024,
};

typedef enum operation { IS, IS_NOT, MATCHES, MATCHES_NOT } operation;

typedef struct condition {
  char *label; /* "__name__": the name */
  char *value;
  operation operation;
  pcre2_code *code; /* of patterns */
} condition;

struct mst_selector {
  condition list[MST_SELECTOR_MATCHERS_MAX];
  size_t count;
  pcre2_match_data *match;
  pcre2_match_context *limits;
};

void
mst_selector_destroy(mst_selector *selector)
{
  if (!selector)
    return;
  for (size_t i = 0; i < selector->count; i++) {
    mst_free(selector->list[i].label);
    mst_free(selector->list[i].value);
    pcre2_code_free(selector->list[i].code);
  }
  pcre2_match_data_free(selector->match);
  pcre2_match_context_free(selector->limits);
  mst_free(selector);
}

static mst_err
wrong(const char *text, const char *at, const char *what, mst_errctx *ctx)
{
  return mst_fail(ctx, MST_EUSAGE, "selector \"%.200s\": %s at column %zu; write name{label=\"value\",other=~\"pattern\"}", text, what,
                  (size_t)(at - text) + 1);
}

/* The text of "...", '...' or `...`; the escapes are those that a label's value may need. */
static mst_err
read_quoted(const char *text, const char **at, char **ret_value, mst_errctx *ctx)
{
  char quote = **at, plain[TEXT_MAX_BYTES];
  const char *from = *at + 1;
  size_t length = 0;

  if (quote != '"' && quote != '\'' && quote != '`')
    return wrong(text, *at, "no quote", ctx);
  while (*from != quote) {
    if (*from == '\0' || length + 1 == sizeof plain)
      return wrong(text, *at, "a quoted text without its end", ctx);
    if (*from == '\\' && quote != '`') {
      static const char escapes[] = "n\nt\tr\r\\\\\"\"''";
      const char *known = escapes;
      while (*known && *known != from[1])
        known += 2;
      if (!*known)
        return wrong(text, from, "an escape that is none of \\n \\t \\r \\\\ \\\" \\'", ctx);
      plain[length++] = known[1];
      from += 2;
    } else {
      plain[length++] = *from++;
    }
  }
  *at = from + 1;
  *ret_value = mst_strndup(plain, length);
  return *ret_value ? MST_OK : mst_fail(ctx, MST_ENOMEM, "selector \"%.200s\"", text);
}

static size_t
name_length(const char *at, bool may_have_colon)
{
  size_t length = 0;

  while (isalpha((unsigned char)at[length]) || at[length] == '_' || (may_have_colon && at[length] == ':') ||
         (length > 0 && isdigit((unsigned char)at[length])))
    length++;
  return length;
}

static mst_err
compile_pattern(const char *text, condition *matcher, mst_errctx *ctx)
{
  PCRE2_SIZE offset;
  PCRE2_UCHAR message[128];
  int number;

  matcher->code =
      pcre2_compile((PCRE2_SPTR)matcher->value, PCRE2_ZERO_TERMINATED,
                    PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_UTF | PCRE2_DOTALL | PCRE2_NEVER_BACKSLASH_C, &number, &offset, NULL);
  if (matcher->code)
    return MST_OK;
  (void)pcre2_get_error_message(number, message, sizeof message);
  return mst_fail(ctx, MST_EUSAGE, "selector \"%.200s\": pattern \"%.100s\": %s at its character %zu", text, matcher->value,
                  (char *)message, (size_t)offset + 1);
}

/* A matcher, which owns label and value from now on, whatever happens. */
static mst_err
add(mst_selector *selector, const char *text, condition matcher, mst_errctx *ctx)
{
  if (selector->count == MST_SELECTOR_MATCHERS_MAX || !matcher.label || !matcher.value) {
    bool is_full = selector->count == MST_SELECTOR_MATCHERS_MAX;
    mst_free(matcher.label);
    mst_free(matcher.value);
    if (is_full)
      return mst_fail(ctx, MST_EUSAGE, "selector \"%.200s\": more than %d conditions", text, MST_SELECTOR_MATCHERS_MAX);
    return mst_fail(ctx, MST_ENOMEM, "selector \"%.200s\"", text);
  }
  selector->list[selector->count] = matcher;
  condition *kept = &selector->list[selector->count++];
  return kept->operation >= MATCHES ? compile_pattern(text, kept, ctx) : MST_OK;
}

static mst_err
read_operation(const char *text, const char **at, operation *ret_operation, mst_errctx *ctx)
{
  static const char *const signs[] = {[IS_NOT] = "!=", [MATCHES] = "=~", [MATCHES_NOT] = "!~"};

  for (operation i = IS_NOT; i <= MATCHES_NOT; i++) {
    if (strncmp(*at, signs[i], 2) == 0) {
      *at += 2;
      *ret_operation = i;
      return MST_OK;
    }
  }
  if (**at != '=')
    return wrong(text, *at, "none of = != =~ !~", ctx);
  (*at)++;
  *ret_operation = IS;
  return MST_OK;
}

static const char *
skip(const char *at)
{
  return at + strspn(at, " \t\n");
}

/* label="value"; or, once, the name itself in quotes. */
static mst_err
read_condition(mst_selector *selector, const char *text, const char **at, mst_errctx *ctx)
{
  condition matcher = {0};
  mst_err err = MST_OK;
  bool is_quoted = **at == '"' || **at == '\'' || **at == '`';

  if (is_quoted) {
    err = read_quoted(text, at, &matcher.label, ctx);
  } else {
    size_t length = name_length(*at, false);
    if (length == 0)
      return wrong(text, *at, "no label's name", ctx);
    matcher.label = mst_strndup(*at, length);
    *at += length;
  }
  *at = skip(*at);
  if (!err && is_quoted && (**at == ',' || **at == '}')) {
    matcher.value = matcher.label;
    matcher.label = mst_strdup("__name__");
    return add(selector, text, matcher, ctx);
  }
  if (!err)
    err = read_operation(text, at, &matcher.operation, ctx);
  if (!err) {
    *at = skip(*at);
    err = read_quoted(text, at, &matcher.value, ctx);
  }
  if (!err)
    return add(selector, text, matcher, ctx);
  mst_free(matcher.label);
  return err;
}

static mst_err
parse(mst_selector *selector, const char *text, mst_errctx *ctx)
{
  const char *at = skip(text);
  size_t length = name_length(at, true);
  mst_err err = MST_OK;

  if (strlen(text) > TEXT_MAX_BYTES)
    return mst_fail(ctx, MST_EUSAGE, "selector \"%.60s...\": over %d bytes long", text, TEXT_MAX_BYTES);
  if (length > 0)
    err = add(selector, text, (condition){mst_strdup("__name__"), mst_strndup(at, length), IS, NULL}, ctx);
  at = skip(at + length);
  if (!err && *at == '{') {
    at = skip(at + 1);
    while (!err && *at != '}') {
      if ((err = read_condition(selector, text, &at, ctx)))
        return err;
      at = skip(at);
      if (*at != ',' && *at != '}')
        return wrong(text, at, "neither , nor }", ctx);
      if (*at == ',')
        at = skip(at + 1);
    }
    at = skip(at + 1);
  }
  if (err)
    return err;
  return *at || selector->count == 0 ? wrong(text, at, *at ? "something that is no part of a selector" : "neither a name nor a label", ctx)
                                     : MST_OK;
}

static mst_err
holds(mst_selector *selector, const condition *matcher, const char *value, bool *ret_holds, mst_errctx *ctx)
{
  if (matcher->operation < MATCHES) {
    *ret_holds = (strcmp(matcher->value, value) == 0) == (matcher->operation == IS);
    return MST_OK;
  }
  /* What a scrape gives was seen to be UTF-8. */
  int groups = pcre2_match(matcher->code, (PCRE2_SPTR)value, strlen(value), 0, PCRE2_NO_UTF_CHECK, selector->match, selector->limits);
  if (groups < 0 && groups != PCRE2_ERROR_NOMATCH)
    return mst_fail(ctx, MST_ELIMIT, "pattern \"%.100s\" of label %s over \"%.100s\" took too many steps (PCRE2 error %d)", matcher->value,
                    matcher->label, value, groups);
  *ret_holds = (groups >= 0) == (matcher->operation == MATCHES);
  return MST_OK;
}

/* As Prometheus: a selector that an empty series would pass means all there is, which nobody wants. */
static mst_err
check_not_all(mst_selector *selector, const char *text, mst_errctx *ctx)
{
  for (size_t i = 0; i < selector->count; i++) {
    bool is_held;
    mst_err err = holds(selector, &selector->list[i], "", &is_held, ctx);
    if (err || !is_held)
      return err;
  }
  return mst_fail(ctx, MST_EUSAGE, "selector \"%.200s\": at least one condition must not hold for an empty value", text);
}

mst_err
mst_selector_create(const char *text, mst_selector **ret_selector, mst_errctx *ctx)
{
  mst_selector *selector = mst_alloc(1, sizeof *selector);
  mst_err err;

  if (!selector)
    return mst_fail(ctx, MST_ENOMEM, "selector \"%.200s\"", text);
  selector->match = pcre2_match_data_create(1, NULL);
  selector->limits = pcre2_match_context_create(NULL);
  if (!selector->match || !selector->limits) {
    err = mst_fail(ctx, MST_ENOMEM, "selector \"%.200s\"", text);
  } else {
    (void)pcre2_set_match_limit(selector->limits, MATCH_STEPS_MAX);
    (void)pcre2_set_heap_limit(selector->limits, HEAP_LIMIT_KB);
    err = parse(selector, text, ctx);
  }
  if (!err)
    err = check_not_all(selector, text, ctx);
  if (err)
    mst_selector_destroy(selector);
  else
    *ret_selector = selector;
  return err;
}

mst_err
mst_selector_match(mst_selector *selector, const mst_exposition_sample *sample, const char *name, bool *ret_matches, mst_errctx *ctx)
{
  for (size_t i = 0; i < selector->count; i++) {
    const condition *matcher = &selector->list[i];
    const char *value = "";
    bool is_held;
    if (strcmp(matcher->label, "__name__") == 0)
      value = name ? name : sample->name;
    else
      for (size_t k = 0; k < sample->label_count; k++)
        if (strcmp(sample->labels[k].name, matcher->label) == 0)
          value = sample->labels[k].value;
    mst_err err = holds(selector, matcher, value, &is_held, ctx);
    if (err)
      return err;
    if (!is_held) {
      *ret_matches = false;
      return MST_OK;
    }
  }
  *ret_matches = true;
  return MST_OK;
}
