/* Answers: JSON documents, errors, texts. */
#include "http/http.h"

#include <string.h>

#include <mst/common/buf.h>

enum { REAL_DIGITS = 15 /* as many as a double keeps through text and back without showing its binary tail */ };

/* A code that is not here is our own fault: 500. */
static const struct {
  mst_err err;
  unsigned status;
} statuses[] = {
    {MST_EABSENT, 404},  {MST_EMALFORMED, 400}, {MST_EUSAGE, 400},   {MST_ECONFIG, 400},      {MST_ELIMIT, 413},
    {MST_EPERM, 403},    {MST_ECRYPTO, 401},    {MST_EEXIST, 409},   {MST_ESTATE, 409},       {MST_EIO, 503},
    {MST_EVERSION, 400}, {MST_ENOMEM, 503},     {MST_ETIMEOUT, 503}, {MST_EUNREACHABLE, 503},
};

static const char out_of_memory[] = "{\"error\":{\"code\":\"MST_ENOMEM\",\"text\":\"out of memory\"}}\n";

void
mst_http_answer_static(mst_http_answer *ret_answer, unsigned status, const char *type, const void *body, size_t size_bytes)
{
  union {
    const void *in;
    char *out;
  } bytes = {.in = body}; /* is_static: never freed, never written */

  *ret_answer = (mst_http_answer){.status = status, .content_type = type, .body = bytes.out, .size_bytes = size_bytes, .is_static = true};
}

void
mst_http_answer_buf(mst_http_answer *ret_answer, unsigned status, const char *type, mst_buf *body)
{
  size_t size_bytes = body->size_bytes;
  uint8_t *bytes = body->failed == MST_OK ? mst_buf_take(body, &size_bytes) : NULL;

  if (bytes)
    *ret_answer = (mst_http_answer){.status = status, .content_type = type, .body = (char *)bytes, .size_bytes = size_bytes};
  else
    mst_http_answer_static(ret_answer, 503, "application/json", out_of_memory, sizeof out_of_memory - 1);
  mst_buf_done(body);
}

static int
take_text(const char *text, size_t size_bytes, void *user)
{
  mst_buf *body = user;

  mst_buf_append(body, text, size_bytes);
  return body->failed == MST_OK ? 0 : -1;
}

void
mst_http_answer_json(mst_http_answer *ret_answer, unsigned status, json_t *document)
{
  mst_buf body;

  mst_buf_init(&body, MST_HTTP_ANSWER_MAX_BYTES);
  if (!document || json_dump_callback(document, take_text, &body, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(REAL_DIGITS)) != 0)
    body.failed = MST_ENOMEM;
  mst_buf_puts(&body, "\n");
  json_decref(document);
  mst_http_answer_buf(ret_answer, status, "application/json", &body);
}

/* Error texts quote what was sent, and are cut at a number of bytes: what is no UTF-8 becomes "?". */
static json_t *
text_json(const char *text)
{
  char clean[MST_ERRCTX_TEXT_BYTES];
  json_t *json = json_string(text);

  if (json)
    return json;
  size_t bytes = strnlen(text, sizeof clean - 1);
  for (size_t i = 0; i < bytes; i++)
    clean[i] = (unsigned char)text[i] < 0x80 ? text[i] : '?';
  clean[bytes] = '\0';
  return json_string(clean);
}

void
mst_http_answer_error(mst_http_answer *ret_answer, mst_err err, const char *text)
{
  unsigned status = 500;

  for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
    if (statuses[i].err == err)
      status = statuses[i].status;
  mst_http_answer_json(
      ret_answer, status,
      json_pack("{s:{s:s,s:o}}", "error", "code", mst_err_name(err), "text", text_json(text[0] ? text : mst_err_text(err))));
}
