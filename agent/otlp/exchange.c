/* What a request of OTLP/HTTP is answered; see exchange.h. */
#include "exchange.h"

#include <string.h>
#include <strings.h>

static const char protobuf[] = "application/x-protobuf", json[] = "application/json";
static const size_t answer_max = 1024;

/* HTTP status and code of google.rpc.Status, and what it says where nothing more is known. */
static const struct {
  unsigned status, code;
  const char *text;
} refusals[MST_OTLP_REASONS] = {
    [MST_OTLP_NOT_FOUND] = {404, 5, "there are only /v1/traces and /v1/metrics"},
    [MST_OTLP_METHOD] = {405, 12, "only POST is served"},
    [MST_OTLP_TYPE] = {415, 3, "the Content-Type must be application/x-protobuf or application/json"},
    [MST_OTLP_ENCODING] = {415, 3, "the Content-Encoding must be gzip, or there must be none"},
    [MST_OTLP_TOO_LARGE] = {413, 3, "the body is over what this listener takes; export smaller batches"},
    [MST_OTLP_MALFORMED] = {400, 3, "the body cannot be read"},
    [MST_OTLP_BUSY] = {503, 14, "too many bodies at once; try again"},
    [MST_OTLP_CUT] = {408, 4, "the request took too long"},
    [MST_OTLP_OVER] = {413, 3, "over a limit"},
};

/* Parameters such as "; charset=utf-8" do not matter. */
static bool
is_type(const char *header, const char *type)
{
  size_t length = strcspn(header, "; \t");

  return length == strlen(type) && strncasecmp(header, type, length) == 0;
}

void
mst_otlp_exchange_refuse(mst_otlp_exchange *exchange, mst_otlp_reason reason)
{
  if (exchange->is_refused)
    return;
  exchange->is_refused = true;
  exchange->reason = reason;
}

mst_otlp_exchange
mst_otlp_exchange_begin(const mst_otlp_head *head)
{
  mst_otlp_exchange made = {.path = MST_OTLP_NO_PATH};
  bool is_protobuf = head->type && is_type(head->type, protobuf);

  made.is_json = !is_protobuf;
  if (strcmp(head->path, "/v1/traces") == 0)
    made.path = MST_OTLP_TRACES;
  else if (strcmp(head->path, "/v1/metrics") == 0)
    made.path = MST_OTLP_METRICS;
  else
    mst_otlp_exchange_refuse(&made, MST_OTLP_NOT_FOUND);
  if (strcmp(head->method, "POST") != 0)
    mst_otlp_exchange_refuse(&made, MST_OTLP_METHOD);
  if (!is_protobuf && !(head->type && is_type(head->type, json)))
    mst_otlp_exchange_refuse(&made, MST_OTLP_TYPE);
  made.is_gzip = head->encoding && strcasecmp(head->encoding, "gzip") == 0;
  if (head->encoding && !made.is_gzip && head->encoding[0] != '\0' && strcasecmp(head->encoding, "identity") != 0)
    mst_otlp_exchange_refuse(&made, MST_OTLP_ENCODING);
  return made;
}

static void
put_varint(mst_buf *out, uint64_t value)
{
  do {
    uint8_t byte = (uint8_t)((value & 0x7F) | (value > 0x7F ? 0x80 : 0));

    mst_buf_append(out, &byte, 1);
    value >>= 7;
  } while (value > 0);
}

/* A message of a number (1) and a text (2): both google.rpc.Status and Export...PartialSuccess are such. */
static void
put_message(mst_buf *out, uint64_t number, const char *text)
{
  put_varint(out, 1 << 3);
  put_varint(out, number);
  put_varint(out, 2 << 3 | 2);
  put_varint(out, strlen(text));
  mst_buf_puts(out, text);
}

/* Texts are our own, or hold what we cleaned: no quotes of others come here. */
static void
put_json_text(mst_buf *out, const char *text)
{
  mst_buf_puts(out, "\"");
  for (; *text; text++) {
    if (*text == '"' || *text == '\\')
      mst_buf_puts(out, "\\");
    mst_buf_append(out, (unsigned char)*text < ' ' ? " " : text, 1);
  }
  mst_buf_puts(out, "\"");
}

static void
write_refusal(const mst_otlp_exchange *exchange, const char *text, mst_otlp_answer *answer)
{
  unsigned code = refusals[exchange->reason].code;

  answer->status = refusals[exchange->reason].status;
  text = text ? text : refusals[exchange->reason].text;
  if (!exchange->is_json) {
    put_message(&answer->body, code, text);
    return;
  }
  mst_buf_printf(&answer->body, "{\"code\":%u,\"message\":", code);
  put_json_text(&answer->body, text);
  mst_buf_puts(&answer->body, "}");
}

/* An Export...ServiceResponse: empty, or with its partial_success (1). */
static void
write_success(const mst_otlp_exchange *exchange, uint64_t rejected, mst_otlp_answer *answer)
{
  static const char text[] = "points of requests_metric are over what this agent keeps";
  mst_buf inner;

  answer->status = 200;
  if (exchange->is_json) {
    if (rejected > 0)
      mst_buf_printf(&answer->body, "{\"partialSuccess\":{\"rejectedDataPoints\":\"%llu\",\"errorMessage\":\"%s\"}}",
                     (unsigned long long)rejected, text);
    else
      mst_buf_puts(&answer->body, "{}");
    return;
  }
  if (rejected == 0)
    return;
  mst_buf_init(&inner, answer_max);
  put_message(&inner, rejected, text);
  put_varint(&answer->body, 1 << 3 | 2);
  put_varint(&answer->body, inner.size_bytes);
  mst_buf_append(&answer->body, inner.data, inner.size_bytes);
  mst_buf_done(&inner);
}

static mst_err
read_body(const mst_otlp_exchange *exchange, const uint8_t *body, size_t size_bytes, mst_otlp_tally *tally, mst_errctx *ctx)
{
  if (exchange->path == MST_OTLP_TRACES)
    return (exchange->is_json ? mst_otlp_read_json_traces : mst_otlp_read_protobuf_traces)(body, size_bytes, tally, ctx);
  return (exchange->is_json ? mst_otlp_read_json_metrics : mst_otlp_read_protobuf_metrics)(body, size_bytes, tally, ctx);
}

static mst_err
read_whole(const mst_otlp_exchange *exchange, const uint8_t *body, size_t size_bytes, size_t body_max, mst_otlp_tally *tally,
           mst_errctx *ctx)
{
  mst_buf plain;

  if (!exchange->is_gzip)
    return read_body(exchange, body, size_bytes, tally, ctx);
  mst_buf_init(&plain, body_max);
  mst_err err = mst_otlp_inflate(body, size_bytes, &plain, ctx);
  if (err == MST_OK)
    err = read_body(exchange, plain.data, plain.size_bytes, tally, ctx);
  mst_buf_done(&plain);
  return err;
}

void
mst_otlp_exchange_answer(mst_otlp_exchange *exchange, const mst_otlp_wanted *wanted, mst_otlp_book *book, const uint8_t *body,
                         size_t size_bytes, size_t body_max, mst_otlp_answer *ret_answer)
{
  mst_otlp_tally tally;
  mst_errctx ctx = {0};

  ret_answer->type = exchange->is_json ? json : protobuf;
  mst_buf_init(&ret_answer->body, answer_max);
  mst_otlp_tally_init(&tally, wanted);
  if (!exchange->is_refused) {
    mst_err err = read_whole(exchange, body, size_bytes, body_max, &tally, &ctx);

    if (err != MST_OK)
      mst_otlp_exchange_refuse(exchange, err == MST_ELIMIT ? MST_OTLP_TOO_LARGE : err == MST_ENOMEM ? MST_OTLP_BUSY : MST_OTLP_MALFORMED);
  }
  if (exchange->is_refused) {
    mst_otlp_book_refuse(book, exchange->path, exchange->reason);
    write_refusal(exchange, ctx.text[0] ? ctx.text : NULL, ret_answer);
  } else {
    write_success(exchange, mst_otlp_book_take(book, exchange->path, &tally), ret_answer);
  }
  mst_otlp_tally_done(&tally);
}
