/* One exchange: filled in, signed, sent, followed, checked; see exchange.h. */
#include "exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mst/common/alloc.h>
#include <mst/common/clock.h>
#include <mst/common/digest.h>
#include <mst/common/key.h>

enum {
  URL_MAX_BYTES = 64 * 1024, /* attacks are sent with it, and servers stop at 8 KiB */
  HEADER_MAX_BYTES = 1024 * 1024,
  HEADERS_MAX = MST_PROBE_LIST_MAX,
  LIMIT_BYTES = 1024 * 1024, /* of an answer, unless max_size says otherwise */
  NONCE_BYTES = 16,
  WHAT_BYTES = 256,
};

struct mst_exchange {
  mst_exchange_setup setup;
  mst_buf url, body, headers[HEADERS_MAX];
  const char *header_list[HEADERS_MAX];
  size_t header_count;
  const char *method; /* redirections may change it */
  bool has_body, has_secret, is_begun, is_taken;
  int followed;
  int64_t began_ns;
  char what[WHAT_BYTES]; /* "GET http://127.0.0.1:8000/health" */
};

static int64_t
now_ns(void)
{
  return mst_clock_mono(mst_clock_system()).ns;
}

void
mst_exchange_drop(mst_exchange *exchange)
{
  if (!exchange)
    return;
  /* Secrets stood in them. */
  mst_buf *bufs[HEADERS_MAX + 2] = {&exchange->url, &exchange->body};
  for (size_t i = 0; i < HEADERS_MAX; i++)
    bufs[i + 2] = &exchange->headers[i];
  for (size_t i = 0; i < HEADERS_MAX + 2; i++) {
    if (exchange->has_secret && bufs[i]->data)
      explicit_bzero(bufs[i]->data, bufs[i]->size_bytes);
    mst_buf_done(bufs[i]);
  }
  mst_free(exchange);
}

static void
finish(mst_exchange *exchange, mst_exchange_result *result)
{
  result->took_ns = now_ns() - exchange->began_ns;
  result->redirections = exchange->followed;
  exchange->setup.done(exchange->setup.arg, result);
  if (exchange->is_begun)
    mst_exchange_drop(exchange); /* otherwise begin does */
}

static void
fail(mst_exchange *exchange, const char *text)
{
  mst_exchange_result result = {0};

  snprintf(result.reason, sizeof result.reason, "%s%.200s", exchange->setup.spec->label, text);
  finish(exchange, &result);
}

/* ---- filling in ---- */

/* What is made anew for each request. */
static mst_err
set_fresh(mst_exchange *exchange, mst_errctx *ctx)
{
  const mst_exchange_setup *setup = &exchange->setup;
  const int64_t offset_ns = (int64_t)(setup->spec->clock_offset_s * (double)MST_NS_PER_S);
  const int64_t now = mst_clock_wall(setup->clock).ns + offset_ns;
  char text[2 * NONCE_BYTES + 1];
  uint8_t nonce[NONCE_BYTES];

  snprintf(text, sizeof text, "%lld", (long long)(now / MST_NS_PER_S));
  mst_err err = mst_vars_set(setup->vars, "timestamp", text, false, ctx);
  snprintf(text, sizeof text, "%lld", (long long)(now / MST_NS_PER_MS));
  if (err == MST_OK)
    err = mst_vars_set(setup->vars, "timestamp_ms", text, false, ctx);
  mst_random_bytes(nonce, sizeof nonce);
  mst_hex_encode(nonce, sizeof nonce, text);
  if (err == MST_OK)
    err = mst_vars_set(setup->vars, "nonce", text, false, ctx);
  return err;
}

/* The path and query that a server sees. */
static const char *
target_of(const char *url)
{
  const char *host = strstr(url, "://");
  const char *path = host ? host + 3 + strcspn(host + 3, "/?#") : url;

  return *path == '/' ? path : "/";
}

static mst_err
sign(mst_exchange *exchange, mst_errctx *ctx)
{
  const mst_exchange_spec *spec = exchange->setup.spec;
  mst_vars *vars = exchange->setup.vars;
  uint8_t code[MST_DIGEST_BYTES];
  char text[MST_DIGEST_HEX_BYTES];
  mst_buf what;

  mst_err err = mst_vars_set(vars, "method", spec->method, false, ctx);
  if (err == MST_OK)
    err = mst_vars_set(vars, "path", target_of(mst_buf_text(&exchange->url)), false, ctx);
  if (err == MST_OK)
    err = mst_vars_set(vars, "body", mst_buf_text(&exchange->body), false, ctx);
  if (err != MST_OK)
    return err;
  const mst_var *key = mst_vars_find(vars, spec->sign_with); /* setting others may have moved it */
  if (!key || !key->is_secret)
    return mst_fail(ctx, MST_EUSAGE, "sign_with: there is no secret \"%.64s\"", spec->sign_with);
  mst_buf_init(&what, MST_FILL_MAX_BYTES + URL_MAX_BYTES);
  char *plain = mst_alloc(strlen(spec->sign_what) + 1, 1);
  size_t plain_bytes = 0;
  err = plain ? mst_probe_unescape(spec->sign_what, plain, &plain_bytes, ctx) : mst_fail(ctx, MST_ENOMEM, "no memory for a signature");
  if (err == MST_OK) {
    plain[plain_bytes] = '\0';
    err = mst_vars_fill(vars, plain, &what, NULL, ctx);
  }
  if (err == MST_OK) {
    mst_hmac_sha256(key->value, strlen(key->value), mst_buf_text(&what), what.size_bytes, code);
    err = mst_vars_set(vars, "signature",
                       spec->is_signed_base64 ? mst_base64_encode(code, sizeof code, text) : mst_hex_encode(code, sizeof code, text), false,
                       ctx);
  }
  mst_free(plain);
  mst_buf_done(&what);
  return err;
}

static mst_err
fill_headers(mst_exchange *exchange, mst_errctx *ctx)
{
  const mst_exchange_spec *spec = exchange->setup.spec;

  for (size_t i = 0; i + 1 < spec->header_count && exchange->header_count < HEADERS_MAX; i += 2) {
    mst_buf *to = &exchange->headers[exchange->header_count];
    mst_buf_init(to, HEADER_MAX_BYTES);
    mst_buf_printf(to, "%s: ", spec->headers[i]);
    mst_err err = mst_vars_fill(exchange->setup.vars, spec->headers[i + 1], to, &exchange->has_secret, ctx);
    if (err != MST_OK)
      return mst_fail_within(ctx, err, "header %.64s", spec->headers[i]);
    exchange->header_list[exchange->header_count++] = mst_buf_text(to);
  }
  return MST_OK;
}

static mst_err
fill_in(mst_exchange *exchange, mst_errctx *ctx)
{
  const mst_exchange_spec *spec = exchange->setup.spec;
  mst_vars *vars = exchange->setup.vars;
  mst_err err = set_fresh(exchange, ctx);

  if (err == MST_OK)
    err = mst_vars_fill(vars, spec->url, &exchange->url, &exchange->has_secret, ctx);
  if (err == MST_OK && spec->body) {
    exchange->has_body = true;
    err = mst_vars_fill(vars, spec->body, &exchange->body, &exchange->has_secret, ctx);
  }
  if (err == MST_OK && spec->sign_with)
    err = sign(exchange, ctx);
  return err == MST_OK ? fill_headers(exchange, ctx) : err;
}

/* ---- sending ---- */

static void on_answer(void *arg, const mst_web_answer *answer);

static bool
is_redirection(const mst_exchange *exchange, int status)
{
  return exchange->setup.spec->follow > 0 && status / 100 == 3;
}

static bool
on_head(void *arg, int status, const char *content_type)
{
  mst_exchange *exchange = arg;

  exchange->is_taken = exchange->setup.take && !is_redirection(exchange, status);
  return !exchange->is_taken || !exchange->setup.head || exchange->setup.head(exchange->setup.arg, status, content_type);
}

static bool
on_piece(void *arg, const char *data, size_t size_bytes)
{
  mst_exchange *exchange = arg;

  return !exchange->is_taken || exchange->setup.take(exchange->setup.arg, data, size_bytes);
}

static mst_err
send_request(mst_exchange *exchange, mst_errctx *ctx)
{
  const mst_exchange_spec *spec = exchange->setup.spec;
  const int64_t left_ns = exchange->setup.timeout_ns - (now_ns() - exchange->began_ns);
  char shown[MST_WEB_TEXT_BYTES];

  snprintf(exchange->what, sizeof exchange->what, "%s %.200s", exchange->method, mst_web_shown(mst_buf_text(&exchange->url), shown));
  if (exchange->setup.attempt)
    mst_probe_doing(exchange->setup.attempt, "%s%.90s", spec->label, exchange->what);
  const mst_web_request request = {
      .method = exchange->method,
      .url = mst_buf_text(&exchange->url),
      .headers = exchange->header_list,
      .header_count = exchange->header_count,
      .body = exchange->has_body ? mst_buf_text(&exchange->body) : NULL,
      .body_bytes = exchange->body.size_bytes,
      .max_body_bytes = spec->max_size_bytes > 0 ? (size_t)spec->max_size_bytes : LIMIT_BYTES,
      .timeout_ns = left_ns > 0 ? left_ns : 0,
      .version = spec->version,
      .is_insecure = spec->is_insecure,
      .ca_file = spec->ca_file,
      .head = on_head,
      .take = exchange->setup.take ? on_piece : NULL,
      .done = on_answer,
      .arg = exchange,
  };
  return mst_web_send(exchange->setup.web, &request, ctx);
}

/* Scheme, host and port; those of one request and of where it is sent on must be the same when it holds a secret. */
static bool
has_same_origin(const char *url, const char *other)
{
  const char *host = strstr(url, "://");
  size_t length = host ? (size_t)(host + 3 - url) + strcspn(host + 3, "/?#") : 0;

  return length > 0 && strncmp(url, other, length) == 0 && strchr("/?#", other[length]);
}

/* As browsers do (RFC 9110 section 15.4): 303, and 301 and 302 of a POST, go on as GET without a body. */
static void
change_method(mst_exchange *exchange, int status)
{
  bool is_post = strcmp(exchange->method, "POST") == 0;

  if ((status == 303 && strcmp(exchange->method, "HEAD") != 0) || ((status == 301 || status == 302) && is_post)) {
    exchange->method = "GET";
    exchange->has_body = false;
  }
}

static void
follow(mst_exchange *exchange, const mst_web_answer *answer)
{
  char text[MST_EXCHANGE_REASON_BYTES], shown[MST_WEB_TEXT_BYTES];
  mst_errctx why = {0};

  if (exchange->followed == exchange->setup.spec->follow) {
    snprintf(text, sizeof text, "%.120s: over %d redirections, the last to %.60s", exchange->what, exchange->setup.spec->follow,
             mst_web_shown(answer->location, shown));
    fail(exchange, text);
    return;
  }
  if (exchange->has_secret && !has_same_origin(mst_buf_text(&exchange->url), answer->location)) {
    snprintf(text, sizeof text, "%.100s: it redirects to %.60s, another host, which must not get the secret", exchange->what,
             mst_web_shown(answer->location, shown));
    fail(exchange, text);
    return;
  }
  exchange->followed++;
  change_method(exchange, answer->status);
  mst_buf_reset(&exchange->url);
  mst_buf_puts(&exchange->url, answer->location);
  mst_err err = mst_buf_check(&exchange->url, "a redirection", &why);
  if (err == MST_OK)
    err = send_request(exchange, &why);
  if (err != MST_OK)
    fail(exchange, why.text);
}

static void
on_answer(void *arg, const mst_web_answer *answer)
{
  mst_exchange *exchange = arg;
  const mst_exchange_setup *setup = &exchange->setup;
  mst_exchange_result result = {.answer = answer};

  if (is_redirection(exchange, answer->status) && answer->is_whole && answer->location) {
    follow(exchange, answer);
    return;
  }
  result.is_ok =
      setup->checks_nothing || mst_exchange_check(setup->spec, answer, exchange->what, setup->vars, setup->attempt, result.reason);
  if (result.is_ok && !setup->checks_nothing && setup->spec->max_duration_ns > 0 &&
      now_ns() - exchange->began_ns > setup->spec->max_duration_ns) {
    char took[MST_TIME_TEXT_BYTES], most[MST_TIME_TEXT_BYTES];
    snprintf(result.reason, sizeof result.reason, "%s%.120s: it took %s; at most %s is allowed", setup->spec->label, exchange->what,
             mst_duration_format_short(now_ns() - exchange->began_ns, took), mst_duration_format_short(setup->spec->max_duration_ns, most));
    result.is_ok = false;
  }
  finish(exchange, &result);
}

mst_exchange *
mst_exchange_begin(const mst_exchange_setup *setup)
{
  mst_exchange *exchange = mst_alloc(1, sizeof *exchange);
  mst_errctx why = {0};

  if (!exchange) {
    mst_exchange_result result = {.reason = "no memory for a request"};
    setup->done(setup->arg, &result);
    return NULL;
  }
  exchange->setup = *setup;
  exchange->method = setup->spec->method;
  exchange->began_ns = now_ns();
  mst_buf_init(&exchange->url, URL_MAX_BYTES);
  mst_buf_init(&exchange->body, MST_FILL_MAX_BYTES);
  mst_err err = fill_in(exchange, &why);
  if (err == MST_OK)
    err = send_request(exchange, &why);
  if (err == MST_OK) {
    exchange->is_begun = true;
    return exchange;
  }
  fail(exchange, why.text);
  mst_exchange_drop(exchange);
  return NULL;
}
