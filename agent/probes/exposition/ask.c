/* Figures out of a scrape. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <mst/common/alloc.h>
#include <mst/common/buf.h>

#include "series.h"

typedef enum fold { ONE, SUM, MAX, MIN, AVG, COUNT, ABSENT, QUANTILE } fold;
typedef enum over { NOW, RATE, INCREASE } over;

static const char *const folds[] = {
    [SUM] = "sum", [MAX] = "max", [MIN] = "min", [AVG] = "avg", [COUNT] = "count", [ABSENT] = "absent", [QUANTILE] = "quantile"};
static const char *const overs[] = {[RATE] = "rate", [INCREASE] = "increase"};

struct mst_ask {
  char *text;
  mst_selector *selector;
  fold fold;
  over over;
  double quantile;
  /* of now: */
  size_t count;
  double sum, most, least;
  /* of the rest: */
  series_set last, fresh;
  bool has_last;
  int64_t last_ns;
  double last_wall_s;
  mst_buf key;
  mst_bucket buckets[MST_ASK_BUCKETS_MAX];
  size_t bucket_count;
};

void
mst_ask_destroy(mst_ask *ask)
{
  if (!ask)
    return;
  mst_selector_destroy(ask->selector);
  mst_series_done(&ask->last);
  mst_series_done(&ask->fresh);
  mst_buf_done(&ask->key);
  mst_free(ask->text);
  mst_free(ask);
}

static mst_err
wrong(const mst_ask *ask, const char *what, mst_errctx *ctx)
{
  return mst_fail(
      ctx, MST_EUSAGE,
      "\"%.200s\": %s; write SELECTOR, rate(SELECTOR), increase(SELECTOR), absent(SELECTOR), or sum, max, min, avg, count(...) of "
      "one of the first three, or quantile(0.95, ...)",
      ask->text, what);
}

/* "word ( inside )": whether the text is that, and its inside, cut out of it. */
static bool
open_call(char *text, const char *word, char **ret_inside)
{
  size_t length = strlen(word), end = strlen(text);

  if (strncmp(text, word, length) != 0)
    return false;
  char *at = text + length + strspn(text + length, " ");
  while (end > 0 && text[end - 1] == ' ')
    end--;
  if (*at != '(' || text[end - 1] != ')')
    return false;
  text[end - 1] = '\0';
  at++;
  *ret_inside = at + strspn(at, " ");
  return true;
}

static mst_err
parse(mst_ask *ask, char *text, mst_errctx *ctx)
{
  char *at = text + strspn(text, " ");

  for (fold i = SUM; i <= QUANTILE && ask->fold == ONE; i++)
    if (open_call(at, folds[i], &at))
      ask->fold = i;
  if (ask->fold == QUANTILE) {
    char *end;
    ask->quantile = strtod(at, &end);
    if (end == at || !(ask->quantile >= 0 && ask->quantile <= 1) || end[strspn(end, " ")] != ',')
      return wrong(ask, "a quantile is a number of 0 to 1, and a comma", ctx);
    at = strchr(end, ',') + 1;
    at += strspn(at, " ");
  }
  for (over i = RATE; i <= INCREASE && ask->over == NOW; i++)
    if (open_call(at, overs[i], &at))
      ask->over = i;
  if (ask->fold == ABSENT && ask->over != NOW)
    return wrong(ask, "absent is asked of a selector", ctx);
  return mst_selector_create(at, &ask->selector, ctx);
}

mst_err
mst_ask_create(const char *text, mst_ask **ret_ask, mst_errctx *ctx)
{
  mst_ask *ask = mst_alloc(1, sizeof *ask);
  char *copy = mst_strdup(text);
  mst_err err = MST_OK;

  if (ask)
    ask->text = mst_strdup(text);
  if (!ask || !ask->text || !copy) {
    err = mst_fail(ctx, MST_ENOMEM, "read \"%.200s\"", text);
  } else {
    mst_buf_init(&ask->key, MST_ASK_KEY_MAX_BYTES);
    err = parse(ask, copy, ctx);
  }
  mst_free(copy);
  if (err)
    mst_ask_destroy(ask);
  else
    *ret_ask = ask;
  return err;
}

void
mst_ask_begin(mst_ask *ask)
{
  mst_series_clear(&ask->fresh);
  ask->count = 0;
  ask->bucket_count = 0;
  ask->sum = 0;
  ask->most = ask->least = NAN;
}

static int
compare_labels(const void *a, const void *b)
{
  return strcmp(((const mst_exposition_label *)a)->name, ((const mst_exposition_label *)b)->name);
}

/* Name and labels in the order of their names; each text ends with a byte that UTF-8 does not have, so that no two series look alike. */
static mst_err
write_key(mst_ask *ask, const mst_exposition_sample *sample, const char *name, mst_errctx *ctx)
{
  mst_exposition_label labels[MST_EXPOSITION_LABELS_MAX];

  mst_buf_reset(&ask->key);
  mst_buf_puts(&ask->key, name);
  if (sample->label_count > 0)
    memcpy(labels, sample->labels, sample->label_count * sizeof labels[0]);
  qsort(labels, sample->label_count, sizeof labels[0], compare_labels);
  for (size_t i = 0; i < sample->label_count; i++) {
    mst_buf_puts(&ask->key, "\xff");
    mst_buf_puts(&ask->key, labels[i].name);
    mst_buf_puts(&ask->key, "\xff");
    mst_buf_puts(&ask->key, labels[i].value);
  }
  return mst_buf_check(&ask->key, "the labels of a series", ctx);
}

static mst_err
read_bound(const mst_ask *ask, const mst_exposition_sample *sample, double *ret_bound, mst_errctx *ctx)
{
  for (size_t i = 0; i < sample->label_count; i++) {
    const mst_exposition_label *label = &sample->labels[i];
    char *end;
    if (strcmp(label->name, "le") != 0)
      continue;
    double bound = strtod(label->value, &end);
    if (end == label->value || *end || isnan(bound))
      return mst_fail(ctx, MST_EMALFORMED, "\"%.200s\": line %zu: le=\"%.60s\" is no number", ask->text, sample->line, label->value);
    *ret_bound = bound;
    return MST_OK;
  }
  return mst_fail(ctx, MST_EMALFORMED, "\"%.200s\": line %zu: %.100s has no label le; name the buckets, x_bucket", ask->text, sample->line,
                  sample->name);
}

static mst_err
add_bucket(mst_ask *ask, double bound, double count, mst_errctx *ctx)
{
  for (size_t i = 0; i < ask->bucket_count; i++) {
    if (ask->buckets[i].bound == bound) {
      ask->buckets[i].count += count;
      return MST_OK;
    }
  }
  if (ask->bucket_count == MST_ASK_BUCKETS_MAX)
    return mst_fail(ctx, MST_ELIMIT, "\"%.200s\": more than %d bounds", ask->text, MST_ASK_BUCKETS_MAX);
  ask->buckets[ask->bucket_count++] = (mst_bucket){bound, count};
  return MST_OK;
}

static void
fold_in(mst_ask *ask, double value)
{
  ask->count++;
  ask->sum += value;
  if (!(ask->most >= value) && !isnan(value)) /* the first, or a greater one: PromQL leaves NaN out here */
    ask->most = value;
  if (!(ask->least <= value) && !isnan(value))
    ask->least = value;
}

/* OpenMetrics tells beside x_total when it began, in x_created with the same labels. */
static const char *
find_total(const mst_exposition_sample *sample, char *name, size_t size_bytes)
{
  size_t length = strlen(sample->name), suffix = strlen("_created");

  if (sample->type != MST_EXPOSITION_COUNTER || length <= suffix || length >= size_bytes ||
      strcmp(sample->name + length - suffix, "_created") != 0)
    return NULL;
  memcpy(name, sample->name, length - suffix);
  memcpy(name + length - suffix, "_total", sizeof "_total");
  return name;
}

static mst_err
keep(mst_ask *ask, const mst_exposition_sample *sample, const char *total, double bound, mst_errctx *ctx)
{
  series *kept;
  mst_err err = write_key(ask, sample, total ? total : sample->name, ctx);

  if (!err)
    err = mst_series_get(&ask->fresh, mst_buf_text(&ask->key), &kept, ctx);
  if (err)
    return mst_fail_within(ctx, err, "\"%.200s\": line %zu", ask->text, sample->line);
  if (total) {
    kept->created_s = sample->value;
    return MST_OK;
  }
  if (kept->has_value)
    return mst_fail(ctx, MST_EMALFORMED, "\"%.200s\": line %zu: %.100s stands there for the second time", ask->text, sample->line,
                    sample->name);
  kept->value = sample->value;
  kept->has_value = true;
  kept->bound = bound;
  return MST_OK;
}

mst_err
mst_ask_take(mst_ask *ask, const mst_exposition_sample *sample, mst_errctx *ctx)
{
  char name[MST_ASK_KEY_MAX_BYTES];
  const char *total = ask->over != NOW ? find_total(sample, name, sizeof name) : NULL;
  double bound = NAN;
  bool is_matched = false;

  mst_err err = mst_selector_match(ask->selector, sample, total, &is_matched, ctx);
  if (err)
    return mst_fail_within(ctx, err, "line %zu", sample->line);
  if (!is_matched)
    return MST_OK;
  if (ask->fold == QUANTILE && !total && (err = read_bound(ask, sample, &bound, ctx)))
    return err;
  if (ask->over != NOW)
    return keep(ask, sample, total, bound, ctx);
  fold_in(ask, sample->value);
  return ask->fold == QUANTILE ? add_bucket(ask, bound, sample->value, ctx) : MST_OK;
}

/* How much it grew since the last scrape; false: that cannot be said. A value that fell began anew at 0 (Prometheus' extrapolatedRate sees
 * resets so), and one that says that it began since the last scrape did so too, though it be new or higher. */
static bool
find_increase(const mst_ask *ask, const series *now, double *ret_increase)
{
  const series *before = mst_series_find(&ask->last, now->key);
  bool had = before && before->has_value;

  if (!now->has_value)
    return false;
  bool is_new = now->created_s >= ask->last_wall_s || (before && now->created_s > before->created_s);
  if (!had && !is_new)
    return false;
  *ret_increase = !is_new && now->value >= before->value ? now->value - before->value : now->value;
  return true;
}

static mst_err
fold_increases(mst_ask *ask, double seconds, mst_errctx *ctx)
{
  for (size_t i = 0; i < ask->fresh.count; i++) {
    double increase;
    if (!find_increase(ask, &ask->fresh.list[i], &increase))
      continue;
    fold_in(ask, ask->over == RATE ? increase / seconds : increase);
    mst_err err = ask->fold == QUANTILE ? add_bucket(ask, ask->fresh.list[i].bound, increase, ctx) : MST_OK;
    if (err)
      return err;
  }
  return MST_OK;
}

static mst_err
conclude(mst_ask *ask, double *ret_value, mst_errctx *ctx)
{
  double value = ask->sum;

  if (ask->fold == COUNT || ask->fold == ABSENT) {
    *ret_value = ask->fold == COUNT ? (double)ask->count : ask->count == 0;
    return MST_OK;
  }
  if (ask->count == 0)
    return mst_fail(ctx, MST_EABSENT, "\"%.200s\": no series matches%s", ask->text, ask->over == NOW ? "" : " that was there before");
  if (ask->fold == ONE && ask->count > 1)
    return mst_fail(ctx, MST_EMALFORMED, "\"%.200s\": %zu series match; write sum(...), max(...), min(...), avg(...), or more labels",
                    ask->text, ask->count);
  if (ask->fold == MAX || ask->fold == MIN)
    value = ask->fold == MAX ? ask->most : ask->least;
  if (ask->fold == AVG)
    value /= (double)ask->count;
  if (ask->fold == QUANTILE) {
    value = mst_buckets_quantile(ask->buckets, ask->bucket_count, ask->quantile);
    if (isnan(value))
      return mst_fail(ctx, MST_EABSENT,
                      "\"%.200s\": PromQL's answer is NaN: no observations, no bound of +Inf, or quantile 0 below an empty bucket",
                      ask->text);
  }
  *ret_value = value;
  return MST_OK;
}

mst_err
mst_ask_end(mst_ask *ask, int64_t mono_ns, double wall_s, double *ret_value, mst_errctx *ctx)
{
  if (ask->over == NOW)
    return conclude(ask, ret_value, ctx);
  mst_err err = MST_OK;
  if (!ask->has_last || mono_ns <= ask->last_ns)
    err = mst_fail(ctx, MST_EABSENT, "\"%.200s\": needs a scrape before this one", ask->text);
  if (!err)
    err = fold_increases(ask, (double)(mono_ns - ask->last_ns) * 1e-9, ctx);
  if (!err)
    err = conclude(ask, ret_value, ctx);
  series_set old = ask->last;
  ask->last = ask->fresh;
  ask->fresh = old;
  ask->has_last = true;
  ask->last_ns = mono_ns;
  ask->last_wall_s = wall_s;
  return err;
}
