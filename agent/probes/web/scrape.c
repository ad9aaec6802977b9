/* Probe kind scrape; see proto/probes/scrape.c. The page is read as it comes; only what is asked for is kept. */
#include <stdio.h>
#include <string.h>

#include <mst/common/alloc.h>
#include <mst/exposition/ask.h>

#include "exchange.h"
#include "kinds.h"
#include "session.h"
#include "totals.h"

enum { LISTS_MAX = 4 * MST_PROBE_LIST_MAX, KEY_BYTES = 4096 };

/* One selector of an option, or one figure. */
typedef struct wish {
  enum { WISH_NEEDED, WISH_NOT_ALLOWED, WISH_GAUGE, WISH_TOTAL, WISH_VALUE } kind;
  const char *text;       /* the options' */
  const char *field;      /* of a value */
  const char *unit;       /* of a value */
  mst_selector *selector; /* owned; NULL of a value */
  mst_ask *ask;           /* owned; of a value */
  bool is_met;            /* in the scrape under way */
} wish;

typedef struct config {
  mst_probe_options options;
  mst_exchange_spec *spec;
  wish wishes[LISTS_MAX];
  size_t wish_count;
  int64_t max_bytes;
  double min_series;
  mst_totals totals;
} config;

typedef struct state {
  config *config; /* its wishes and totals are the attempt's: there is one at a time */
  mst_probe_attempt *attempt;
  mst_session *session;
  mst_exchange *exchange; /* under way */
  mst_exposition *reader; /* owned; NULL: no page has begun */
  mst_wall at;
  int64_t at_mono_ns;
  mst_err err; /* of reading */
  mst_errctx why;
} state;

/* ---- options ---- */

static void
close_scrape(void *opaque)
{
  config *scrape = opaque;

  for (size_t i = 0; scrape && i < scrape->wish_count; i++) {
    mst_selector_destroy(scrape->wishes[i].selector);
    mst_ask_destroy(scrape->wishes[i].ask);
  }
  if (!scrape)
    return;
  mst_exchange_close(scrape->spec);
  mst_totals_done(&scrape->totals);
  mst_free(scrape);
}

static mst_err
add_selectors(config *scrape, const char *key, int kind, mst_errctx *ctx)
{
  const char *const *texts = NULL;
  size_t count = mst_probe_texts(&scrape->options, key, &texts);

  for (size_t i = 0; i < count && scrape->wish_count < LISTS_MAX; i++) {
    wish *one = &scrape->wishes[scrape->wish_count];
    *one = (wish){.kind = kind, .text = texts[i]};
    mst_err err = mst_selector_create(texts[i], &one->selector, ctx);
    if (err != MST_OK)
      return mst_fail_within(ctx, err, "%s", key);
    scrape->wish_count++;
  }
  return MST_OK;
}

static mst_err
add_value(config *scrape, const char *field, const char *source, mst_errctx *ctx)
{
  wish *one = &scrape->wishes[scrape->wish_count];
  char text[2049];

  *one = (wish){.kind = WISH_VALUE, .field = field, .text = source, .unit = "1"};
  snprintf(text, sizeof text, "%s", source);
  mst_err err = mst_probe_unit_cut(text, &one->unit, ctx);
  if (err == MST_OK)
    err = mst_ask_create(text, &one->ask, ctx);
  if (err != MST_OK)
    return mst_fail_within(ctx, err, "values.%.64s", field);
  scrape->wish_count++;
  return MST_OK;
}

static mst_err
read_wishes(config *scrape, mst_errctx *ctx)
{
  const char *const *pairs = NULL;
  size_t count = mst_probe_texts(&scrape->options, "values", &pairs);
  mst_err err = add_selectors(scrape, "needed", WISH_NEEDED, ctx);

  if (err == MST_OK)
    err = add_selectors(scrape, "not_allowed", WISH_NOT_ALLOWED, ctx);
  if (err == MST_OK)
    err = add_selectors(scrape, "gauges", WISH_GAUGE, ctx);
  if (err == MST_OK)
    err = add_selectors(scrape, "totals", WISH_TOTAL, ctx);
  for (size_t i = 0; i + 1 < count && err == MST_OK && scrape->wish_count < LISTS_MAX; i += 2)
    err = add_value(scrape, pairs[i], pairs[i + 1], ctx);
  return err;
}

static mst_err
open_scrape(const mst_probe_options *options, void **ret_config, mst_errctx *ctx)
{
  config *scrape = mst_alloc(1, sizeof *scrape);

  if (!scrape)
    return mst_fail(ctx, MST_ENOMEM, "no memory for a probe");
  scrape->options = *options;
  scrape->max_bytes = mst_probe_size(options, "max_bytes");
  scrape->min_series = mst_probe_number(options, "min_series");
  mst_err err = mst_exchange_open(options, "", &scrape->spec, ctx);
  if (err == MST_OK)
    err = read_wishes(scrape, ctx);
  if (err != MST_OK) {
    close_scrape(scrape);
    return err;
  }
  *ret_config = scrape;
  return MST_OK;
}

/* ---- series by series ---- */

static size_t
labels_of(const mst_exposition_sample *sample, mst_tag tags[static MST_PROBE_SERIES_LABELS_MAX])
{
  size_t count = 0;

  for (size_t i = 0; i < sample->label_count && count < MST_PROBE_SERIES_LABELS_MAX; i++)
    if (strcmp(sample->labels[i].name, "probe") != 0 && strcmp(sample->labels[i].name, "metric") != 0)
      tags[count++] = (mst_tag){sample->labels[i].name, sample->labels[i].value};
  return count;
}

static mst_err
give_total(state *run, const mst_exposition_sample *sample, const mst_tag *tags, size_t count, mst_errctx *ctx)
{
  char key[KEY_BYTES];
  size_t used = (size_t)snprintf(key, sizeof key, "%s", sample->name);

  if (!(sample->value >= 0))
    return mst_fail(ctx, MST_EMALFORMED, "counter %.100s stands at %g", sample->name, sample->value);
  for (size_t i = 0; i < count && used < sizeof key; i++)
    used += (size_t)snprintf(key + used, sizeof key - used, "\n%s\n%s", tags[i].key, tags[i].value);
  if (used >= sizeof key)
    return mst_fail(ctx, MST_ELIMIT, "the labels of %.100s have over %d bytes", sample->name, KEY_BYTES - 1);
  const mst_total *total = mst_totals_take(&run->config->totals, key, sample->value, run->at);
  if (!total || !mst_probe_total(run->attempt, sample->name, tags, count, total->start_at, total->risen))
    return mst_fail(ctx, MST_ELIMIT, "over %d series fit totals and gauges, or one stands there twice", MST_PROBE_SERIES_MAX);
  return MST_OK;
}

static mst_err
fulfil(state *run, wish *one, const mst_exposition_sample *sample, mst_errctx *ctx)
{
  mst_tag tags[MST_PROBE_SERIES_LABELS_MAX];

  one->is_met = true;
  if (one->kind == WISH_TOTAL)
    return give_total(run, sample, tags, labels_of(sample, tags), ctx);
  if (one->kind == WISH_GAUGE && !mst_probe_series(run->attempt, sample->name, tags, labels_of(sample, tags), sample->value))
    return mst_fail(ctx, MST_ELIMIT, "over %d series fit totals and gauges, or one stands there twice", MST_PROBE_SERIES_MAX);
  return MST_OK;
}

static mst_err
take_sample(void *arg, const mst_exposition_sample *sample, mst_errctx *ctx)
{
  state *run = arg;
  mst_err err = MST_OK;

  for (size_t i = 0; i < run->config->wish_count && err == MST_OK; i++) {
    wish *one = &run->config->wishes[i];
    bool fits = false;
    if (one->kind == WISH_VALUE)
      err = mst_ask_take(one->ask, sample, ctx);
    else if (!one->is_met || one->kind == WISH_GAUGE || one->kind == WISH_TOTAL)
      err = mst_selector_match(one->selector, sample, NULL, &fits, ctx);
    if (err == MST_OK && fits)
      err = fulfil(run, one, sample, ctx);
  }
  return err;
}

static bool
on_head(void *arg, int status, const char *content_type)
{
  state *run = arg;
  bool is_open = strncmp(content_type, "application/openmetrics-text", 28) == 0;

  if (status / 100 != 2)
    return false;
  run->reader =
      mst_exposition_create(is_open ? MST_EXPOSITION_OPENMETRICS : MST_EXPOSITION_TEXT, (uint64_t)run->config->max_bytes, take_sample, run);
  if (!run->reader)
    run->err = mst_fail(&run->why, MST_ENOMEM, "no memory for a page");
  return run->reader != NULL;
}

static bool
on_piece(void *arg, const char *data, size_t size_bytes)
{
  state *run = arg;

  run->err = mst_exposition_feed(run->reader, data, size_bytes, &run->why);
  return run->err == MST_OK;
}

/* ---- the end ---- */

static mst_err
give_values(state *run, mst_errctx *ctx)
{
  double value;

  for (size_t i = 0; i < run->config->wish_count; i++) {
    wish *one = &run->config->wishes[i];
    if (one->kind != WISH_VALUE)
      continue;
    mst_err err = mst_ask_end(one->ask, run->at_mono_ns, (double)run->at.ns / 1e9, &value, ctx);
    if (err == MST_OK)
      mst_probe_value_in(run->attempt, one->field, value, one->unit);
    else if (err != MST_EABSENT) /* before a second scrape there is no rate, and no series is no figure: the check has no data */
      return mst_fail_within(ctx, err, "values.%.64s", one->field);
  }
  return MST_OK;
}

static mst_err
check_wishes(const config *scrape, double series, mst_errctx *ctx)
{
  if (series < scrape->min_series)
    return mst_fail(ctx, MST_EABSENT, "it has %g series; at least %g are wanted", series, scrape->min_series);
  for (size_t i = 0; i < scrape->wish_count; i++) {
    const wish *one = &scrape->wishes[i];
    if (one->kind == WISH_NEEDED && !one->is_met)
      return mst_fail(ctx, MST_EABSENT, "no series fits %.150s", one->text);
    if (one->kind == WISH_NOT_ALLOWED && one->is_met)
      return mst_fail(ctx, MST_EEXIST, "a series fits %.150s, and must not be there", one->text);
  }
  return MST_OK;
}

static mst_err
conclude_page(state *run, const mst_web_answer *answer, mst_errctx *ctx)
{
  if (!answer->is_whole)
    return mst_fail(ctx, MST_EIO, "%s", answer->failure);
  if (answer->status / 100 != 2)
    return mst_fail(ctx, MST_EIO, "status %d; wanted 2xx", answer->status);
  if (!run->reader)
    return mst_fail(ctx, MST_EMALFORMED, "the page is empty");
  double series = (double)mst_exposition_samples(run->reader);
  mst_err err = mst_exposition_end(run->reader, ctx);
  if (err != MST_OK)
    return err;
  mst_probe_value(run->attempt, "series", series);
  mst_probe_value(run->attempt, "body_bytes", (double)mst_exposition_bytes(run->reader));
  err = give_values(run, ctx);
  if (err == MST_OK)
    mst_totals_end(&run->config->totals, run->at);
  return err == MST_OK ? check_wishes(run->config, series, ctx) : err;
}

static void
on_closed(void *arg)
{
  state *run = arg;

  mst_exchange_drop(run->exchange);
  mst_exposition_destroy(run->reader);
  mst_free(run);
}

static void
on_done(void *arg, const mst_exchange_result *result)
{
  state *run = arg;
  char shown[MST_WEB_TEXT_BYTES];

  run->exchange = NULL; /* frees itself */
  if (!result->answer)
    mst_probe_fail(run->attempt, "%s", result->reason);
  else if (run->err == MST_OK)
    run->err = conclude_page(run, result->answer, &run->why);
  if (run->err != MST_OK)
    mst_probe_fail(run->attempt, "scrape %.80s: %.170s", mst_web_shown(run->config->spec->url, shown), run->why.text);
  else if (result->answer)
    mst_probe_pass(run->attempt);
  mst_session_close(run->session);
}

static void
on_ready(void *arg)
{
  state *run = arg;
  const mst_exchange_setup setup = {
      .web = mst_session_web(run->session),
      .spec = run->config->spec,
      .vars = mst_session_vars(run->session),
      .clock = run->config->options.clock,
      .timeout_ns = mst_probe_left_ns(run->attempt) + MST_NS_PER_S, /* the prober's limit comes first */
      .attempt = run->attempt,
      .checks_nothing = true,
      .head = on_head,
      .take = on_piece,
      .done = on_done,
      .arg = run,
  };

  mst_exchange *exchange = mst_exchange_begin(&setup);
  if (exchange)
    run->exchange = exchange;
}

static void *
begin_scrape(void *opaque, mst_probe_attempt *attempt)
{
  config *scrape = opaque;
  state *run = mst_alloc(1, sizeof *run);

  if (!run) {
    mst_probe_fail(attempt, "no memory for a scrape");
    return NULL;
  }
  *run = (state){.config = scrape,
                 .attempt = attempt,
                 .at = mst_clock_wall(scrape->options.clock),
                 .at_mono_ns = mst_clock_mono(mst_clock_system()).ns};
  for (size_t i = 0; i < scrape->wish_count; i++) {
    scrape->wishes[i].is_met = false;
    if (scrape->wishes[i].ask)
      mst_ask_begin(scrape->wishes[i].ask);
  }
  const mst_session_setup setup = {
      .attempt = attempt, .options = &scrape->options, .connections_max = 1, .ready = on_ready, .closed = on_closed, .arg = run};
  run->session = mst_session_begin(&setup);
  if (run->session)
    return run;
  mst_free(run);
  return NULL;
}

static void
stop_scrape(void *opaque)
{
  if (opaque)
    mst_session_close(((state *)opaque)->session);
}

const mst_probe_kind mst_probe_kind_scrape = {
    .schema = &mst_probe_schema_scrape,
    .open = open_scrape,
    .close = close_scrape,
    .begin = begin_scrape,
    .stop = stop_scrape,
};
