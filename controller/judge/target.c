/* Reading targets and critical bounds. */
#include "target.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include <mst/common/alloc.h>
#include <mst/common/config.h>

static const struct {
  const char *sign;
  mst_compare compare;
} signs[] = {{"<=", MST_LE}, {">=", MST_GE}, {"==", MST_EQ}, {"!=", MST_NE}, {"<", MST_LT}, {">", MST_GT}};

static const char *
skip_space(const char *text)
{
  while (*text == ' ')
    text++;
  return text;
}

/* Steps over a comparison sign; false when there is none. */
static bool
read_sign(const char **text, mst_compare *ret_compare)
{
  for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
    size_t length = strlen(signs[i].sign);
    if (strncmp(*text, signs[i].sign, length) == 0) {
      *text = skip_space(*text + length);
      *ret_compare = signs[i].compare;
      return true;
    }
  }
  return false;
}

/* Steps over a word and the spaces after it. */
static bool
read_word(const char **text, const char *word)
{
  size_t length = strlen(word);

  if (strncmp(*text, word, length) != 0 || ((*text)[length] != ' ' && (*text)[length] != '\0'))
    return false;
  *text = skip_space(*text + length);
  return true;
}

/* "1%/h", "20MB/d", "0": to a number per hour. */
static bool
slope_quantity(const char *text, mst_target *target, double *ret_value, mst_errctx *ctx)
{
  static const struct {
    const char *unit;
    double per_hour;
  } times[] = {{"h", 1}, {"d", 1.0 / 24}, {"min", 60}, {"s", 3600}};
  const char *slash = strrchr(text, '/');
  char amount[64];
  double value;

  if (!slash) {
    if (mst_quantity_parse(text, &value, &target->unit, ctx) != MST_OK)
      return false;
    if (value != 0 || target->unit[0] != '\0') {
      (void)mst_fail(ctx, MST_EMALFORMED, "\"%s\": a slope is an amount per time; write \"%s/h\"", text, text);
      return false;
    }
    *ret_value = 0;
    return true;
  }
  for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
    if (strcmp(slash + 1, times[i].unit) != 0)
      continue;
    if ((size_t)(slash - text) >= sizeof amount) {
      (void)mst_fail(ctx, MST_EMALFORMED, "\"%s\": too long for an amount", text);
      return false;
    }
    memcpy(amount, text, (size_t)(slash - text));
    amount[slash - text] = '\0';
    if (mst_quantity_parse(amount, &value, &target->unit, ctx) != MST_OK)
      return false;
    target->relative = strchr(amount, '%') != NULL;
    target->per_hour = true;
    *ret_value = value * times[i].per_hour;
    return true;
  }
  (void)mst_fail(ctx, MST_EMALFORMED, "\"%s\": no such time; a slope is per s, min, h or d", text);
  return false;
}

static bool
quantity(const char *text, bool slope, mst_target *target, double *ret_value, mst_errctx *ctx)
{
  bool read = slope ? slope_quantity(text, target, ret_value, ctx) : mst_quantity_parse(text, ret_value, &target->unit, ctx) == MST_OK;

  if (read && !isfinite(*ret_value)) {
    (void)mst_fail(ctx, MST_EMALFORMED, "\"%s\": not a finite number", text);
    return false;
  }
  return read;
}

static bool
comparison(const char *text, mst_compare compare, bool slope, mst_target *target, mst_errctx *ctx)
{
  double value;

  if (!quantity(text, slope, target, &value, ctx))
    return false;
  target->type = MST_TARGET_NUMBER;
  target->compare = compare;
  target->set = (mst_set){.lo = -INFINITY, .hi = INFINITY};
  if (compare == MST_LT || compare == MST_LE || compare == MST_EQ || compare == MST_NE)
    target->set.hi = value;
  if (compare == MST_GT || compare == MST_GE || compare == MST_EQ || compare == MST_NE)
    target->set.lo = value;
  target->set.hi_open = compare == MST_LT;
  target->set.lo_open = compare == MST_GT;
  target->set.outside = compare == MST_NE;
  return true;
}

/* "50%..80%" */
static bool
range(const char *text, bool slope, mst_target *target, mst_errctx *ctx)
{
  const char *dots = strstr(text, "..");
  char low[64];
  const char *unit;

  if (!dots || (size_t)(dots - text) >= sizeof low) {
    (void)mst_fail(ctx, MST_EMALFORMED,
                   "\"%s\" is no target; write for example \"< 70%%\", \"50%%..80%%\", \"is healthy\", \"in a, b\" or \"version >= 24.0\"",
                   text);
    return false;
  }
  memcpy(low, text, (size_t)(dots - text));
  low[dots - text] = '\0';
  if (!quantity(low, slope, target, &target->set.lo, ctx))
    return false;
  unit = target->unit;
  if (!quantity(skip_space(dots + 2), slope, target, &target->set.hi, ctx))
    return false;
  if (strcmp(unit, target->unit) != 0) {
    (void)mst_fail(ctx, MST_EMALFORMED, "\"%s\": both ends of a range need the same unit", text);
    return false;
  }
  if (target->set.lo > target->set.hi) {
    (void)mst_fail(ctx, MST_EMALFORMED, "\"%s\": the range is empty; write the smaller end first", text);
    return false;
  }
  target->type = MST_TARGET_NUMBER;
  return true;
}

static bool
add_word(mst_target *target, const char *from, const char *to, mst_errctx *ctx)
{
  char **words;

  while (from < to && *from == ' ')
    from++;
  while (to > from && to[-1] == ' ')
    to--;
  if (from == to || target->word_count == MST_TARGET_MAX_WORDS) {
    (void)mst_fail(ctx, MST_EMALFORMED, from == to ? "an empty word in the list" : "over %d words", MST_TARGET_MAX_WORDS);
    return false;
  }
  words = mst_realloc(target->words, target->word_count + 1, sizeof *words);
  if (!words)
    goto no_memory;
  target->words = words;
  words[target->word_count] = mst_strndup(from, (size_t)(to - from));
  if (!words[target->word_count])
    goto no_memory;
  target->word_count++;
  return true;
no_memory:
  (void)mst_fail(ctx, MST_ENOMEM, "out of memory");
  return false;
}

/* list: the words stand between commas, else all is one. */
static bool
words(const char *text, bool list, mst_text_op op, mst_target *target, mst_errctx *ctx)
{
  const char *comma;

  target->type = MST_TARGET_TEXT;
  target->op = op;
  for (; list && (comma = strchr(text, ',')); text = comma + 1)
    if (!add_word(target, text, comma, ctx))
      return false;
  return add_word(target, text, text + strlen(text), ctx);
}

static bool
version(const char *text, mst_target *target, mst_errctx *ctx)
{
  int order;

  if (!read_sign(&text, &target->compare) || !mst_version_compare(text, strlen(text), "0", 1, &order)) {
    (void)mst_fail(ctx, MST_EMALFORMED, "\"%s\" is no version bound; write for example \"version >= 24.0\"", text);
    return false;
  }
  return words(text, false, MST_TEXT_VERSION, target, ctx);
}

static bool
read_target(const char *text, bool slope, mst_target *target, mst_errctx *ctx)
{
  mst_compare compare;

  target->unit = "";
  text = skip_space(text);
  if (read_sign(&text, &compare))
    return comparison(text, compare, slope, target, ctx);
  if (read_word(&text, "outside")) {
    bool read = range(text, slope, target, ctx);
    target->set.outside = true;
    return read;
  }
  if (read_word(&text, "version"))
    return version(text, target, ctx);
  if (read_word(&text, "like"))
    return words(text, false, MST_TEXT_LIKE, target, ctx);
  if (read_word(&text, "in"))
    return words(text, true, MST_TEXT_IN, target, ctx);
  if (read_word(&text, "not")) {
    if (read_word(&text, "in"))
      return words(text, true, MST_TEXT_NOT_IN, target, ctx);
    (void)mst_fail(ctx, MST_EMALFORMED, "\"not %s\" is no target; write \"not in a, b\" or \"is not a\"", text);
    return false;
  }
  if (read_word(&text, "is")) {
    if (read_word(&text, "not"))
      return words(text, false, MST_TEXT_NOT_IN, target, ctx);
    if (strcmp(text, "attested") == 0) {
      target->type = MST_TARGET_TEXT;
      target->op = MST_TEXT_ATTESTED;
      return true;
    }
    return words(text, false, MST_TEXT_IN, target, ctx);
  }
  return range(text, slope, target, ctx);
}

bool
mst_target_parse(const mst_yaml_node *node, const char *text, bool slope, mst_target *ret_target, mst_diags *diags)
{
  mst_target target = {0};
  mst_errctx ctx = {0};

  if (mst_yaml_node_kind(node) != MST_YAML_SCALAR || mst_yaml_node_is_null(node)) {
    mst_yaml_complain(diags, node, "must be a text such as \"< 70%%\", \"50%%..80%%\", \"is healthy\" or \"version >= 24.0\"");
    return false;
  }
  if (strlen(text) > MST_TARGET_MAX_BYTES) {
    mst_yaml_complain(diags, node, "a target of %zu bytes; at most %d", strlen(text), MST_TARGET_MAX_BYTES);
    return false;
  }
  target.text = mst_strdup(text);
  if (!target.text)
    (void)mst_fail(&ctx, MST_ENOMEM, "out of memory");
  if (!target.text || !read_target(text, slope, &target, &ctx)) {
    mst_yaml_complain(diags, node, "%s", ctx.text);
    mst_target_done(&target);
    return false;
  }
  *ret_target = target;
  return true;
}

/* Every text that meets the target must be free of the critical one, as far as it can be told from the words. */
static bool
texts_apart(const mst_target *target, const mst_target *critical)
{
  if (target->op == MST_TEXT_IN) {
    for (size_t i = 0; i < target->word_count; i++)
      if (mst_target_holds_text(critical, target->words[i], strlen(target->words[i]), NULL))
        return false;
    return true;
  }
  if (critical->op == MST_TEXT_IN) {
    for (size_t i = 0; i < critical->word_count; i++)
      if (mst_target_holds_text(target, critical->words[i], strlen(critical->words[i]), NULL))
        return false;
    return true;
  }
  if (target->op == MST_TEXT_VERSION && critical->op == MST_TEXT_VERSION) {
    bool target_up = target->compare == MST_GE || target->compare == MST_GT;
    bool critical_down = critical->compare == MST_LT || critical->compare == MST_LE;
    return target_up && critical_down && !mst_target_holds_text(critical, target->words[0], strlen(target->words[0]), NULL);
  }
  return false;
}

/* 0 is 0 in every unit. */
static bool
is_bare_zero(const mst_target *target)
{
  return target->unit[0] == '\0' && (isinf(target->set.lo) || target->set.lo == 0) && (isinf(target->set.hi) || target->set.hi == 0);
}

static void
adopt_unit(mst_target *zero, const mst_target *other)
{
  zero->unit = other->unit;
  zero->relative = other->relative;
  zero->per_hour = other->per_hour;
}

static bool
join(const mst_yaml_node *node, mst_bounds *bounds, mst_diags *diags)
{
  mst_target *target = &bounds->target, *critical = &bounds->critical;

  bounds->good = target->set;
  bounds->fair = bounds->good;
  if (critical->type == MST_TARGET_NONE)
    return true;
  if (critical->type != target->type) {
    mst_yaml_complain(diags, node, "\"%s\" beside the target \"%s\": one is a number and the other a text", critical->text, target->text);
    return false;
  }
  if (target->type == MST_TARGET_NUMBER) {
    if (is_bare_zero(target))
      adopt_unit(target, critical);
    else if (is_bare_zero(critical))
      adopt_unit(critical, target);
    if (strcmp(critical->unit, target->unit) != 0 || critical->relative != target->relative) {
      mst_yaml_complain(diags, node, "\"%s\" is not in the unit of the target \"%s\"; write both in one unit", critical->text,
                        target->text);
      return false;
    }
    bounds->fair = mst_set_complement(&critical->set);
  }
  if (target->type == MST_TARGET_NUMBER ? !mst_set_within(&bounds->good, &bounds->fair) : !texts_apart(target, critical)) {
    mst_yaml_complain(
        diags, node,
        "\"%s\" lies on the good side of the target \"%s\": it says what must not be, such as target \"< 70%%\" and critical \"> 90%%\"",
        critical->text, target->text);
    return false;
  }
  return true;
}

static bool
parse_both(const mst_yaml_node *node, const char *target, const mst_yaml_node *critical, bool slope, mst_bounds *ret_bounds,
           mst_diags *diags)
{
  mst_bounds bounds = {0};
  bool fine = mst_target_parse(node, target, slope, &bounds.target, diags);

  if (critical && !mst_target_parse(critical, mst_yaml_node_text(critical), slope, &bounds.critical, diags))
    fine = false;
  if (!fine || !join(critical ? critical : node, &bounds, diags)) {
    mst_bounds_done(&bounds);
    return false;
  }
  *ret_bounds = bounds;
  return true;
}

bool
mst_bounds_parse(const mst_yaml_node *target, const mst_yaml_node *critical, bool slope, mst_bounds *ret_bounds, mst_diags *diags)
{
  return parse_both(target, mst_yaml_node_text(target), critical, slope, ret_bounds, diags);
}

bool
mst_bounds_parse_text(const mst_yaml_node *node, const char *target, const mst_yaml_node *critical, mst_bounds *ret_bounds,
                      mst_diags *diags)
{
  return parse_both(node, target, critical, false, ret_bounds, diags);
}

void
mst_target_done(mst_target *target)
{
  for (size_t i = 0; i < target->word_count; i++)
    mst_free(target->words[i]);
  mst_free(target->words);
  mst_free(target->text);
  *target = (mst_target){0};
}

void
mst_bounds_done(mst_bounds *bounds)
{
  mst_target_done(&bounds->target);
  mst_target_done(&bounds->critical);
}

mst_grade
mst_bounds_grade(const mst_bounds *bounds, double value)
{
  if (mst_set_has(&bounds->good, value))
    return MST_GRADE_PASS;
  return mst_set_has(&bounds->fair, value) ? MST_GRADE_WARN : MST_GRADE_FAIL;
}

mst_grade
mst_bounds_worst(const mst_bounds *bounds, double lo, double hi)
{
  if (mst_set_covers(&bounds->good, lo, hi))
    return MST_GRADE_PASS;
  return mst_set_covers(&bounds->fair, lo, hi) ? MST_GRADE_WARN : MST_GRADE_FAIL;
}

mst_grade
mst_bounds_best(const mst_bounds *bounds, double lo, double hi)
{
  if (mst_set_meets(&bounds->good, lo, hi))
    return MST_GRADE_PASS;
  return mst_set_meets(&bounds->fair, lo, hi) ? MST_GRADE_WARN : MST_GRADE_FAIL;
}
