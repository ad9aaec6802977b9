/* The controller's HTTP API as the CLI uses it. */
#include "cli/cli.h"

#include <curl/curl.h>
#include <string.h>

#include <mst/common/buf.h>
#include <mst/common/file.h>

enum {
  ANSWER_MAX_BYTES = 64 * 1024 * 1024, /* 10 000 agents at under 2 KB */
  TOKEN_MAX_BYTES = 4096,
  CONNECT_TIMEOUT_S = 5,
  TOTAL_TIMEOUT_S = 90, /* over the longest long poll */
  URL_MAX_BYTES = 2048,
};

static size_t
take_body(char *data, size_t size, size_t count, void *user)
{
  mst_buf *body = user;

  mst_buf_append(body, data, size * count);
  return body->failed == MST_OK ? size * count : 0;
}

/* A proxy of the environment is for other machines, not for this one. */
static bool
is_this_machine(const char *url)
{
  CURLU *parts = curl_url();
  char *host = NULL;
  bool is = parts && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
            curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
            (strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 || strcmp(host, "[::1]") == 0);

  curl_free(host);
  curl_url_cleanup(parts);
  return is;
}

/* Where to connect and what URL to name: a Unix socket has no host of its own. */
static mst_err
set_target(const mst_cli *cli, CURL *curl, const char *path, mst_errctx *ctx)
{
  char url[URL_MAX_BYTES];
  bool is_unix = strncmp(cli->url, "unix:", 5) == 0;
  size_t bytes = strlen(cli->url);

  const char *rest = is_unix                                 ? cli->url + 5
                     : strncmp(cli->url, "http://", 7) == 0  ? cli->url + 7
                     : strncmp(cli->url, "https://", 8) == 0 ? cli->url + 8
                                                             : "";
  if (rest[0] == '\0' || (rest[0] == '/') != is_unix)
    return mst_fail(ctx, MST_EUSAGE, "\"%s\" is no URL of a controller; write http://HOST:PORT, https://HOST:PORT or unix:/PATH", cli->url);
  while (bytes > 0 && cli->url[bytes - 1] == '/')
    bytes--;
  int written =
      is_unix ? snprintf(url, sizeof url, "http://localhost%s", path) : snprintf(url, sizeof url, "%.*s%s", (int)bytes, cli->url, path);
  if (written < 0 || (size_t)written >= sizeof url)
    return mst_fail(ctx, MST_EUSAGE, "the URL %.128s... is too long", cli->url);
  CURLcode code = curl_easy_setopt(curl, CURLOPT_URL, url);
  if (code == CURLE_OK && is_unix)
    code = curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, cli->url + 5);
  if (code == CURLE_OK)
    code = curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  if (code == CURLE_OK && is_this_machine(url))
    code = curl_easy_setopt(curl, CURLOPT_PROXY, "");
  if (code == CURLE_OK && cli->ca_file && cli->ca_file[0])
    code = curl_easy_setopt(curl, CURLOPT_CAINFO, cli->ca_file);
  return code == CURLE_OK ? MST_OK : mst_fail(ctx, MST_EIO, "ask %s: %s", cli->url, curl_easy_strerror(code));
}

static mst_err
add_header(struct curl_slist **headers, const char *line, mst_errctx *ctx)
{
  struct curl_slist *more = curl_slist_append(*headers, line);

  if (!more)
    return mst_fail(ctx, MST_ENOMEM, "ask the controller: out of memory");
  *headers = more;
  return MST_OK;
}

static mst_err
bearer_header(const mst_cli *cli, struct curl_slist **headers, mst_errctx *ctx)
{
  mst_buf token, line;

  if (!cli->token_file || cli->token_file[0] == '\0')
    return MST_OK;
  mst_buf_init(&token, TOKEN_MAX_BYTES);
  mst_buf_init(&line, TOKEN_MAX_BYTES + 64);
  mst_err err = mst_file_read(cli->token_file, &token, ctx);
  size_t bytes = strcspn(mst_buf_text(&token), "\r\n");
  if (err != MST_OK)
    err = mst_fail_within(ctx, err, "read the bearer token");
  else if (bytes == 0)
    err = mst_fail(ctx, MST_EMALFORMED, "read the bearer token: %s is empty", cli->token_file);
  mst_buf_printf(&line, "Authorization: Bearer %.*s", (int)bytes, mst_buf_text(&token));
  if (err == MST_OK)
    err = mst_buf_check(&line, "bearer token", ctx);
  if (err == MST_OK)
    err = add_header(headers, mst_buf_text(&line), ctx);
  mst_buf_done(&token);
  mst_buf_done(&line);
  return err;
}

static mst_err
code_of(const char *name)
{
#define ENTRY(code, number, text) {code, #code},
  static const struct {
    mst_err err;
    const char *name;
  } codes[] = {MST_ERRORS(ENTRY)};
#undef ENTRY

  for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
    if (strcmp(codes[i].name, name) == 0)
      return codes[i].err;
  return MST_EIO;
}

/* The controller's own words, where it gave some. */
static mst_err
read_answer(const mst_cli *cli, long status, const mst_buf *body, json_t **ret_document, mst_errctx *ctx)
{
  json_error_t why;
  json_t *document = json_loadb((const char *)body->data, body->size_bytes, 0, &why);

  if (!document)
    return mst_fail(ctx, MST_EMALFORMED, "%s answered %ld with something that is no JSON; is it a muster controller?", cli->url, status);
  if (status >= 200 && status < 300) {
    *ret_document = document;
    return MST_OK;
  }
  const json_t *error = json_object_get(document, "error");
  mst_err err = code_of(mst_cli_text(error, "code"));
  if (err == MST_OK)
    err = MST_EIO;
  const char *text = mst_cli_text(error, "text");
  err = text[0] ? mst_fail(ctx, err, "%s", text) : mst_fail(ctx, err, "%s answered %ld", cli->url, status);
  json_decref(document);
  return err;
}

/* Why there is no answer, and what to do about it. */
static mst_err
explain(const mst_cli *cli, CURLcode code, const char *why, const mst_buf *body, mst_errctx *ctx)
{
  const char *said = why[0] ? why : curl_easy_strerror(code);

  if (body->failed != MST_OK)
    return mst_buf_check(body, "the controller's answer", ctx);
  switch (code) {
  case CURLE_URL_MALFORMAT:
  case CURLE_UNSUPPORTED_PROTOCOL:
    return mst_fail(ctx, MST_EUSAGE, "ask %s: %s; write http://HOST:PORT, https://HOST:PORT or unix:/PATH", cli->url, said);
  case CURLE_PEER_FAILED_VERIFICATION:
  case CURLE_SSL_CACERT_BADFILE:
  case CURLE_SSL_ISSUER_ERROR:
    return mst_fail(ctx, MST_EUNREACHABLE,
                    "trust the controller at %s: %s; --ca-file or $MUSTER_CA_FILE names the authority that signed its certificate",
                    cli->url, said);
  case CURLE_GOT_NOTHING: /* so an HTTPS listener treats plain requests */
  case CURLE_RECV_ERROR:
    if (strncmp(cli->url, "http://", 7) != 0)
      break;
    return mst_fail(ctx, MST_EUNREACHABLE, "ask %s: %s; was musterd stopped just now, or does it want https://?", cli->url, said);
  case CURLE_SSL_CONNECT_ERROR:
    return mst_fail(ctx, MST_EUNREACHABLE, "agree on TLS with %s: %s; does it want http://?", cli->url, said);
  case CURLE_OPERATION_TIMEDOUT:
    return mst_fail(ctx, MST_ETIMEOUT, "wait for the controller at %s: %s", cli->url, said);
  default:
    break;
  }
  return mst_fail(ctx, MST_EUNREACHABLE, "reach the controller at %s: %s; is musterd running there? (--url, $MUSTER_URL)", cli->url, said);
}

static mst_err
perform(const mst_cli *cli, CURL *curl, struct curl_slist *headers, mst_buf *body, long *ret_status, mst_errctx *ctx)
{
  char why[CURL_ERROR_SIZE] = "";

  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_TIMEOUT_S);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)TOTAL_TIMEOUT_S);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "muster/" MST_VERSION);
  CURLcode code = curl_easy_perform(curl);
  if (code != CURLE_OK)
    return explain(cli, code, why, body, ctx);
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, ret_status);
  return MST_OK;
}

static mst_err
ask(mst_cli *cli, const char *path, const void *post, size_t post_bytes, json_t **ret_document, mst_errctx *ctx)
{
  CURL *curl = curl_easy_init();
  struct curl_slist *headers = NULL;
  mst_buf body;
  long status = 0;

  mst_buf_init(&body, ANSWER_MAX_BYTES);
  mst_err err = curl ? set_target(cli, curl, path, ctx) : mst_fail(ctx, MST_ENOMEM, "ask the controller: out of memory");
  if (err == MST_OK)
    err = bearer_header(cli, &headers, ctx);
  if (err == MST_OK && post) {
    err = add_header(&headers, "Content-Type: application/msgpack", ctx);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, post);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)post_bytes);
  }
  if (err == MST_OK)
    err = perform(cli, curl, headers, &body, &status, ctx);
  if (err == MST_OK)
    err = read_answer(cli, status, &body, ret_document, ctx);
  curl_slist_free_all(headers);
  curl_easy_cleanup(curl);
  mst_buf_done(&body);
  return err;
}

mst_err
mst_cli_get(mst_cli *cli, const char *path, json_t **ret_document, mst_errctx *ctx)
{
  return ask(cli, path, NULL, 0, ret_document, ctx);
}

mst_err
mst_cli_post(mst_cli *cli, const char *path, const void *body, size_t size_bytes, json_t **ret_document, mst_errctx *ctx)
{
  return ask(cli, path, body, size_bytes, ret_document, ctx);
}

mst_err
mst_cli_escape(const char *text, char *buf, size_t size_bytes, mst_errctx *ctx)
{
  static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
  size_t used = 0;

  for (; *text; text++) {
    if (used + 4 > size_bytes)
      return mst_fail(ctx, MST_EUSAGE, "an argument is too long");
    if (strchr(plain, *text))
      buf[used++] = *text;
    else
      used += (size_t)snprintf(buf + used, size_bytes - used, "%%%02X", (unsigned char)*text);
  }
  if (used >= size_bytes)
    return mst_fail(ctx, MST_EUSAGE, "an argument is too long");
  buf[used] = '\0';
  return MST_OK;
}
