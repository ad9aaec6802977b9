/* Options of a request, read once; see exchange.h. */
#include "exchange.h"

#include <stdio.h>
#include <string.h>

#include <mst/common/alloc.h>

void
mst_exchange_close(mst_exchange_spec *spec)
{
  if (!spec)
    return;
  for (size_t i = 0; i < spec->pattern_count; i++)
    pcre2_code_free(spec->patterns[i]);
  for (size_t i = 0; i < spec->expect_count; i++)
    mst_json_expect_destroy(spec->expects[i]);
  for (size_t i = 0; i < spec->header_pattern_count; i++)
    pcre2_code_free(spec->header_patterns[i].pattern);
  for (size_t i = 0; spec->picks && i < spec->capture_count + spec->value_count + spec->state_count; i++)
    mst_pick_done(&spec->picks[i]);
  mst_free(spec->picks);
  mst_free(spec);
}

static mst_err
read_patterns(mst_exchange_spec *spec, const char *key, mst_errctx *ctx)
{
  const char *const *texts = NULL;
  size_t count = mst_probe_texts(&spec->options, key, &texts);

  for (size_t i = 0; i < count && i < MST_PROBE_LIST_MAX; i++) {
    mst_err err = mst_pattern_compile(key, texts[i], &spec->patterns[spec->pattern_count], ctx);
    if (err != MST_OK)
      return err;
    spec->pattern_count++;
  }
  return MST_OK;
}

static mst_err
read_expects(mst_exchange_spec *spec, mst_errctx *ctx)
{
  const char *const *pairs = NULL;
  size_t count = mst_probe_texts(&spec->options, "json", &pairs);

  for (size_t i = 0; i + 1 < count && spec->expect_count < MST_PROBE_LIST_MAX; i += 2) {
    mst_err err = mst_json_expect_parse(pairs[i], pairs[i + 1], &spec->expects[spec->expect_count], ctx);
    if (err != MST_OK)
      return mst_fail_within(ctx, err, "json");
    spec->expect_count++;
  }
  return MST_OK;
}

static mst_err
read_headers(mst_exchange_spec *spec, mst_errctx *ctx)
{
  const char *const *pairs = NULL;
  size_t count = mst_probe_texts(&spec->options, "header_matches", &pairs);

  spec->header_count = mst_probe_texts(&spec->options, "headers", &spec->headers);
  spec->header_absent_count = mst_probe_texts(&spec->options, "header_absent", &spec->header_absent);
  spec->cookie_flag_count = mst_probe_texts(&spec->options, "cookie_flags", &spec->cookie_flags);
  for (size_t i = 0; i + 1 < count && spec->header_pattern_count < MST_PROBE_LIST_MAX; i += 2) {
    spec->header_patterns[spec->header_pattern_count].name = pairs[i];
    mst_err err = mst_pattern_compile("header_matches", pairs[i + 1], &spec->header_patterns[spec->header_pattern_count].pattern, ctx);
    if (err != MST_OK)
      return err;
    spec->header_pattern_count++;
  }
  return MST_OK;
}

static mst_err
read_picks(mst_exchange_spec *spec, mst_errctx *ctx)
{
  spec->picks = mst_alloc(3 * MST_PROBE_LIST_MAX, sizeof *spec->picks);
  if (!spec->picks)
    return mst_fail(ctx, MST_ENOMEM, "no memory for a request");
  mst_err err = mst_pick_read(&spec->options, "capture", spec->picks, &spec->capture_count, ctx);
  if (err == MST_OK)
    err = mst_pick_read(&spec->options, "values", spec->picks + spec->capture_count, &spec->value_count, ctx);
  if (err == MST_OK)
    err = mst_pick_read(&spec->options, "states", spec->picks + spec->capture_count + spec->value_count, &spec->state_count, ctx);
  return err;
}

/* Kinds have some of the options, or all. */
static bool
has(const mst_probe_options *options, const char *key)
{
  char full[128];

  snprintf(full, sizeof full, "%s%s", options->step, key);
  return mst_probe_schema_option(options->schema, full) != NULL;
}

static mst_err
read_request(mst_exchange_spec *spec, mst_errctx *ctx)
{
  const mst_probe_options *options = &spec->options;

  spec->method = has(options, "method") ? mst_probe_text(options, "method") : "GET";
  spec->url = mst_probe_text(options, "url");
  spec->body = mst_probe_text(options, "body");
  spec->ca_file = mst_probe_text(options, "ca_file");
  spec->version = has(options, "version") ? (mst_web_version)mst_probe_choice(options, "version") : MST_WEB_ANY;
  spec->is_insecure = mst_probe_flag(options, "insecure");
  spec->follow = (int)mst_probe_number(options, "follow");
  spec->clock_offset_s = mst_probe_number(options, "clock_offset");
  spec->sign_what = mst_probe_text(options, "sign_what");
  spec->sign_with = mst_probe_text(options, "sign_with");
  spec->is_signed_base64 = has(options, "sign_as") && mst_probe_choice(options, "sign_as") == 1;
  spec->min_size_bytes = mst_probe_size(options, "min_size");
  spec->max_size_bytes = mst_probe_size(options, "max_size");
  spec->max_duration_ns = mst_probe_duration(options, "max_duration");
  if (!spec->url)
    return mst_fail(ctx, MST_EUSAGE, "%soption url is missing", spec->label);
  return MST_OK;
}

mst_err
mst_exchange_open(const mst_probe_options *options, const char *label, mst_exchange_spec **ret_spec, mst_errctx *ctx)
{
  mst_exchange_spec *spec = mst_alloc(1, sizeof *spec);

  if (!spec)
    return mst_fail(ctx, MST_ENOMEM, "no memory for a request");
  spec->options = *options;
  snprintf(spec->label, sizeof spec->label, "%s", label);
  mst_err err = read_request(spec, ctx);
  if (err == MST_OK && has(options, "status"))
    err = mst_statuses_read(&spec->options, "status", &spec->statuses, ctx);
  if (err == MST_OK)
    err = read_headers(spec, ctx);
  if (err == MST_OK)
    err = read_patterns(spec, "body_matches", ctx);
  spec->match_count = spec->pattern_count;
  if (err == MST_OK)
    err = read_patterns(spec, "body_not_matches", ctx);
  if (err == MST_OK)
    err = read_expects(spec, ctx);
  if (err == MST_OK && has(options, "states")) /* kinds with other figures have other ways to find them */
    err = read_picks(spec, ctx);
  if (err != MST_OK) {
    mst_exchange_close(spec);
    return err;
  }
  *ret_spec = spec;
  return MST_OK;
}
