/* Whether an answer is as a plan wants it; see exchange.h. */
#include "exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SAY(...) ((void)snprintf(reason, MST_EXCHANGE_REASON_BYTES, __VA_ARGS__))

enum { SHOWN_BYTES = 40 };

bool
mst_statuses_have(const mst_statuses *statuses, const mst_web_answer *answer)
{
  for (size_t i = 0; i < statuses->count; i++) {
    const mst_status_range *range = &statuses->ranges[i];
    if (range->is_closed ? !answer->is_whole && answer->is_closed
                         : answer->is_whole && answer->status >= range->from && answer->status <= range->to)
      return true;
  }
  return false;
}

static mst_err
read_status(const char *text, mst_status_range *range, mst_errctx *ctx)
{
  char *end;

  *range = (mst_status_range){.is_closed = strcmp(text, "closed") == 0};
  if (range->is_closed)
    return MST_OK;
  range->from = (int)strtol(text, &end, 10);
  range->to = range->from;
  if (end == text + 1 && strcmp(end, "xx") == 0) {
    range->from *= 100;
    range->to = range->from + 99;
    end += 2;
  } else if (end == text + 3 && *end == '-') {
    range->to = (int)strtol(end + 1, &end, 10);
  }
  if (*end == '\0' && range->from >= 100 && range->to <= 599 && range->from <= range->to)
    return MST_OK;
  return mst_fail(ctx, MST_EUSAGE, "\"%.32s\" is no status; write such as 200, 2xx, 400-499, or closed", text);
}

mst_err
mst_statuses_read(const mst_probe_options *options, const char *key, mst_statuses *ret_statuses, mst_errctx *ctx)
{
  const char *const *texts = NULL;
  size_t count = mst_probe_texts(options, key, &texts);

  for (size_t i = 0; i < count && i < MST_PROBE_LIST_MAX; i++) {
    /* A default stands in one text. */
    for (const char *at = texts[i]; *at;) {
      char one[32];
      size_t length = strcspn(at, ", ");
      snprintf(one, sizeof one, "%.*s", (int)(length < sizeof one - 1 ? length : sizeof one - 1), at);
      at += length;
      at += strspn(at, ", ");
      if (ret_statuses->count == MST_PROBE_LIST_MAX)
        return mst_fail(ctx, MST_ELIMIT, "%s: over %d statuses", key, MST_PROBE_LIST_MAX);
      mst_err err = read_status(one, &ret_statuses->ranges[ret_statuses->count++], ctx);
      if (err != MST_OK)
        return mst_fail_within(ctx, err, "%s", key);
    }
  }
  return MST_OK;
}

const char *
mst_statuses_text(const mst_probe_options *options, const char *key, char text[static MST_WEB_TEXT_BYTES])
{
  const char *const *texts = NULL;
  size_t count = mst_probe_texts(options, key, &texts), used = 0;

  text[0] = '\0';
  for (size_t i = 0; i < count && used < MST_WEB_TEXT_BYTES - 1; i++)
    used += (size_t)snprintf(text + used, MST_WEB_TEXT_BYTES - used, "%s%s", i ? ", " : "", texts[i]);
  return text;
}

/* ---- one by one ---- */

static bool
check_status(const mst_exchange_spec *spec, const mst_web_answer *answer, const char *what, char *reason)
{
  char wanted[MST_WEB_TEXT_BYTES];

  if (mst_statuses_have(&spec->statuses, answer))
    return true;
  mst_statuses_text(&spec->options, "status", wanted);
  if (!answer->is_whole)
    SAY("%s%.200s", spec->label, answer->failure);
  else if (answer->location)
    SAY("%s%.90s: status %d, to %.60s; wanted %.40s", spec->label, what, answer->status, answer->location, wanted);
  else
    SAY("%s%.140s: status %d; wanted %.40s", spec->label, what, answer->status, wanted);
  return false;
}

static bool
check_headers(const mst_exchange_spec *spec, const mst_web_answer *answer, const char *what, char *reason)
{
  char value[1024];

  for (size_t i = 0; i < spec->header_pattern_count; i++) {
    const char *name = spec->header_patterns[i].name;
    if (!mst_web_header(answer, name, value, sizeof value)) {
      SAY("%s%.120s: header %.48s is missing", spec->label, what, name);
      return false;
    }
    if (mst_pattern_match(spec->header_patterns[i].pattern, value, strlen(value), NULL, 0) != 1) {
      SAY("%s%.90s: header %.40s is \"%.60s\", which does not match", spec->label, what, name, value);
      return false;
    }
  }
  for (size_t i = 0; i < spec->header_absent_count; i++) {
    if (mst_web_header(answer, spec->header_absent[i], value, sizeof value)) {
      SAY("%s%.100s: header %.48s must not be there, and is \"%.40s\"", spec->label, what, spec->header_absent[i], value);
      return false;
    }
  }
  return true;
}

typedef struct cookies {
  const mst_exchange_spec *spec;
  const char *what;
  char *reason;
  size_t count;
  bool is_bad;
} cookies;

static bool
has_flag(const char *cookie, const char *flag)
{
  size_t length = strlen(flag);

  for (const char *at = strchr(cookie, ';'); at; at = strchr(at, ';')) {
    at += 1 + strspn(at + 1, " \t");
    if (strncasecmp(at, flag, length) == 0 && (at[length] == '\0' || strchr("=; \t", at[length])))
      return true;
  }
  return false;
}

static void
take_cookie(void *arg, const char *value)
{
  cookies *all = arg;
  char *reason = all->reason;

  all->count++;
  for (size_t i = 0; i < all->spec->cookie_flag_count && !all->is_bad; i++) {
    if (has_flag(value, all->spec->cookie_flags[i]))
      continue;
    all->is_bad = true; /* a cookie's value is a secret: its name alone is told */
    SAY("%s%.100s: cookie %.*s has no %.32s", all->spec->label, all->what, (int)(strcspn(value, "=;") < 40 ? strcspn(value, "=;") : 40),
        value, all->spec->cookie_flags[i]);
  }
}

static bool
check_cookies(const mst_exchange_spec *spec, const mst_web_answer *answer, const char *what, char *reason)
{
  cookies all = {.spec = spec, .what = what, .reason = reason};

  if (spec->cookie_flag_count == 0)
    return true;
  mst_web_header_each(answer, "set-cookie", take_cookie, &all);
  if (all.count == 0)
    SAY("%s%.150s: it sets no cookie", spec->label, what);
  return all.count > 0 && !all.is_bad;
}

static bool
check_size(const mst_exchange_spec *spec, const mst_web_answer *answer, const char *what, char *reason)
{
  bool needs_all = spec->pattern_count + spec->expect_count > 0;

  if (answer->is_cut && (spec->max_size_bytes > 0 || needs_all))
    SAY("%s%.120s: its body has over %lld bytes", spec->label, what, (long long)answer->body_bytes);
  else if ((int64_t)answer->body_bytes < spec->min_size_bytes)
    SAY("%s%.120s: its body has %zu bytes; at least %lld are wanted", spec->label, what, answer->body_bytes,
        (long long)spec->min_size_bytes);
  else
    return true;
  return false;
}

/* What patterns met is not told: a plan that looks for stack traces or secrets would spread them. */
static bool
check_patterns(const mst_exchange_spec *spec, const mst_web_answer *answer, const char *what, char *reason)
{
  for (size_t i = 0; i < spec->pattern_count; i++) {
    bool is_wanted = i < spec->match_count;
    size_t number = is_wanted ? i + 1 : i - spec->match_count + 1;
    const char *key = is_wanted ? "body_matches" : "body_not_matches";
    int found = mst_pattern_match(spec->patterns[i], answer->body, answer->body_bytes, NULL, 0);
    if (found == (is_wanted ? 1 : 0))
      continue;
    if (found < 0)
      SAY("%s%.120s: pattern %zu of %s cannot be tried: error %d of PCRE2", spec->label, what, number, key, found);
    else
      SAY("%s%.120s: pattern %zu of %s %s", spec->label, what, number, key, found ? "is met, and must not be" : "is not met");
    return false;
  }
  return true;
}

static bool
check_json(const mst_exchange_spec *spec, const json_t *root, const mst_errctx *why, const char *what, char *reason)
{
  char unfit[MST_JSON_REASON_BYTES];

  if (spec->expect_count > 0 && !root) {
    SAY("%s%.100s: %.120s", spec->label, what, why->text);
    return false;
  }
  for (size_t i = 0; i < spec->expect_count; i++) {
    if (!mst_json_expect_holds(spec->expects[i], root, unfit)) {
      SAY("%s%.80s: %.160s", spec->label, what, unfit);
      return false;
    }
  }
  return true;
}

/* ---- what it gives ---- */

static void
give_figures(const mst_exchange_spec *spec, const mst_web_answer *answer, const json_t *root, mst_probe_attempt *attempt)
{
  const mst_pick *pick = spec->picks + spec->capture_count;
  char text[MST_WEB_TEXT_BYTES];
  double number;

  for (size_t i = 0; i < spec->value_count; i++, pick++)
    if (mst_pick_number(pick, answer, root, &number))
      mst_probe_value_in(attempt, pick->name, number, pick->unit);
  for (size_t i = 0; i < spec->state_count; i++, pick++)
    if (mst_pick_text(pick, answer, root, text))
      mst_probe_state(attempt, pick->name, text);
}

static bool
capture(const mst_exchange_spec *spec, const mst_web_answer *answer, const json_t *root, const char *what, mst_vars *vars, char *reason)
{
  char text[MST_WEB_TEXT_BYTES];
  mst_errctx why = {0};

  for (size_t i = 0; i < spec->capture_count; i++) {
    const mst_pick *pick = &spec->picks[i];
    if (!mst_pick_text(pick, answer, root, text)) {
      SAY("%s%.120s: there is nothing to capture as %.48s", spec->label, what, pick->name);
      return false;
    }
    if (mst_vars_set(vars, pick->name, text, false, &why) != MST_OK) {
      SAY("%s%.200s", spec->label, why.text);
      return false;
    }
  }
  return true;
}

bool
mst_exchange_check(const mst_exchange_spec *spec, const mst_web_answer *answer, const char *what, mst_vars *vars,
                   mst_probe_attempt *attempt, char reason[static MST_EXCHANGE_REASON_BYTES])
{
  bool needs_json = spec->expect_count + spec->capture_count + spec->value_count + spec->state_count > 0;
  mst_errctx why = {0};
  json_t *root = NULL;

  reason[0] = '\0';
  if (needs_json && answer->is_whole && mst_json_read(answer->body, answer->body_bytes, &root, &why) != MST_OK)
    root = NULL;
  if (attempt)
    give_figures(spec, answer, root, attempt);
  bool is_good = check_status(spec, answer, what, reason);
  if (is_good && answer->is_whole)
    is_good = check_headers(spec, answer, what, reason) && check_cookies(spec, answer, what, reason) &&
              check_size(spec, answer, what, reason) && check_patterns(spec, answer, what, reason) &&
              check_json(spec, root, &why, what, reason) && capture(spec, answer, root, what, vars, reason);
  json_decref(root);
  return is_good;
}
