/* HTTP over a Unix socket by libcurl's multi interface; see engine.h. */
#include "engine.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include <mst/common/alloc.h>
#include <mst/common/buf.h>

#include "answers.h"

enum {
  CONNECT_TIMEOUT_MS = 2000, /* a socket of this host answers at once or not at all */
  URL_BYTES = 1024,          /* filters of events are the longest */
  SHOWN_BYTES = 48,          /* of a path in a text */
};

struct request {
  mst_engine *engine;
  CURL *easy; /* owned; NULL: never used */
  bool is_busy, is_over_limit;
  int kind;
  char subject[MST_ENGINE_SUBJECT_BYTES];
  char shown[SHOWN_BYTES];
  int timeout_ms;
  mst_buf body;
};

struct mst_engine {
  mst_engine_calls calls;
  CURLM *multi;
  char socket_path[sizeof((struct sockaddr_un *)0)->sun_path];
  char socket_shown[sizeof((struct sockaddr_un *)0)->sun_path];
  struct request requests[MST_ENGINE_REQUESTS_MAX];
  struct request stream;
  bool skips_line; /* the rest of a line that is too long */
};

mst_err
mst_engine_create(const mst_engine_calls *calls, mst_engine **ret_engine, mst_errctx *ctx)
{
  mst_engine *engine;

  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
    return mst_fail(ctx, MST_EIO, "libcurl cannot start");
  engine = mst_alloc(1, sizeof *engine);
  if (engine)
    engine->multi = curl_multi_init();
  if (!engine || !engine->multi) {
    mst_free(engine);
    curl_global_cleanup();
    return mst_fail(ctx, MST_ENOMEM, "no memory for requests to the daemon");
  }
  engine->calls = *calls;
  for (size_t i = 0; i < MST_ENGINE_REQUESTS_MAX; i++)
    engine->requests[i].engine = engine;
  engine->stream.engine = engine;
  *ret_engine = engine;
  return MST_OK;
}

static void
end_request(struct request *request)
{
  if (request->is_busy)
    curl_multi_remove_handle(request->engine->multi, request->easy);
  request->is_busy = false;
  mst_buf_done(&request->body);
}

static void
close_request(struct request *request)
{
  end_request(request);
  if (request->easy)
    curl_easy_cleanup(request->easy);
  request->easy = NULL;
}

void
mst_engine_drop(mst_engine *engine)
{
  for (size_t i = 0; i < MST_ENGINE_REQUESTS_MAX; i++)
    close_request(&engine->requests[i]);
  close_request(&engine->stream);
}

void
mst_engine_destroy(mst_engine *engine)
{
  if (!engine)
    return;
  mst_engine_drop(engine);
  curl_multi_cleanup(engine->multi);
  mst_free(engine);
  curl_global_cleanup();
}

mst_err
mst_engine_aim(mst_engine *engine, const char *socket_path, const char *shown, mst_errctx *ctx)
{
  if (strlen(socket_path) >= sizeof engine->socket_path)
    return mst_fail(ctx, MST_EUSAGE, "the path of the socket %s is over %zu bytes", shown, sizeof engine->socket_path - 1);
  memcpy(engine->socket_path, socket_path, strlen(socket_path) + 1);
  snprintf(engine->socket_shown, sizeof engine->socket_shown, "%s", shown);
  return MST_OK;
}

static size_t
take_body(char *data, size_t unit, size_t count, void *opaque)
{
  struct request *request = opaque;

  (void)unit; /* 1 */
  mst_buf_append(&request->body, data, count);
  if (request->body.failed != MST_OK) {
    request->is_over_limit = request->body.failed == MST_ELIMIT;
    return 0;
  }
  return count;
}

static void
take_line(mst_engine *engine, mst_buf *line)
{
  if (engine->skips_line)
    engine->calls.line(engine->calls.owner, NULL, 0);
  else if (line->size_bytes > 0)
    engine->calls.line(engine->calls.owner, mst_buf_text(line), line->size_bytes);
  engine->skips_line = false;
  mst_buf_reset(line);
}

static size_t
take_stream(char *data, size_t unit, size_t count, void *opaque)
{
  struct request *request = opaque;
  mst_engine *engine = request->engine;
  long status = 0;

  (void)unit;
  curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &status);
  if (status != 200)
    return take_body(data, 1, count, opaque);
  for (size_t at = 0; at < count;) {
    const char *end = memchr(data + at, '\n', count - at);
    size_t length = end ? (size_t)(end - data) - at : count - at;

    if (!engine->skips_line)
      mst_buf_append(&request->body, data + at, length);
    if (request->body.failed != MST_OK) {
      engine->skips_line = true;
      mst_buf_reset(&request->body);
    }
    if (end)
      take_line(engine, &request->body);
    at += length + (end != NULL);
  }
  return count;
}

static CURLcode
set_options(struct request *request, const char *url, bool is_stream, bool is_fresh)
{
  CURL *easy = request->easy;
  CURLcode code = curl_easy_setopt(easy, CURLOPT_URL, url);

  if (code == CURLE_OK)
    code = curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, request->engine->socket_path);
  if (code == CURLE_OK)
    code = curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http");
  if (code == CURLE_OK)
    code = curl_easy_setopt(easy, CURLOPT_PROXY, ""); /* whatever the environment says */
  if (code == CURLE_OK)
    code = curl_easy_setopt(easy, CURLOPT_USERAGENT, "muster-agent/" MST_VERSION);
  if (code != CURLE_OK)
    return code;
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_PRIVATE, request);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
  curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, is_fresh ? 1L : 0L);
  curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, is_stream || is_fresh ? 1L : 0L);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, is_stream ? take_stream : take_body);
  return curl_easy_setopt(easy, CURLOPT_WRITEDATA, request);
}

static mst_err
begin(struct request *request, const char *path, size_t max_bytes, bool is_stream, bool is_fresh, mst_errctx *ctx)
{
  char url[URL_BYTES];
  int length = snprintf(url, sizeof url, "http://docker%s", path);
  size_t shown = strcspn(path, "?");

  if (length < 0 || (size_t)length >= sizeof url)
    return mst_fail(ctx, MST_EUSAGE, "a request of over %d bytes", URL_BYTES - 1);
  if (!request->easy)
    request->easy = curl_easy_init();
  if (!request->easy)
    return mst_fail(ctx, MST_ENOMEM, "no memory for a request to the daemon");
  snprintf(request->shown, sizeof request->shown, "%.*s", (int)(shown < SHOWN_BYTES - 1 ? shown : SHOWN_BYTES - 1), path);
  mst_buf_init(&request->body, max_bytes);
  request->is_over_limit = false;
  if (set_options(request, url, is_stream, is_fresh) != CURLE_OK ||
      curl_multi_add_handle(request->engine->multi, request->easy) != CURLM_OK)
    return mst_fail(ctx, MST_ENOMEM, "libcurl does not take a request to the daemon");
  request->is_busy = true;
  return MST_OK;
}

mst_err
mst_engine_get(mst_engine *engine, const mst_engine_request *wanted, mst_errctx *ctx)
{
  for (size_t i = 0; i < MST_ENGINE_REQUESTS_MAX; i++) {
    struct request *request = &engine->requests[i];

    if (request->is_busy)
      continue;
    request->kind = wanted->kind;
    request->timeout_ms = wanted->timeout_ms;
    snprintf(request->subject, sizeof request->subject, "%s", wanted->subject);
    return begin(request, wanted->path, wanted->max_bytes, false, wanted->is_fresh, ctx);
  }
  return mst_fail(ctx, MST_ELIMIT, "%d requests are under way", MST_ENGINE_REQUESTS_MAX);
}

unsigned
mst_engine_free(const mst_engine *engine)
{
  unsigned count = 0;

  for (size_t i = 0; i < MST_ENGINE_REQUESTS_MAX; i++)
    count += !engine->requests[i].is_busy;
  return count;
}

mst_err
mst_engine_listen(mst_engine *engine, const char *path, mst_errctx *ctx)
{
  if (engine->stream.is_busy)
    return mst_fail(ctx, MST_EEXIST, "the stream of events is open");
  engine->skips_line = false;
  engine->stream.timeout_ms = 0; /* silence is what events of a quiet host look like */
  return begin(&engine->stream, path, MST_ENGINE_LINE_BYTES, true, true, ctx);
}

static mst_err
explain_connection(const mst_engine *engine, mst_errctx *ctx)
{
  const char *shown = engine->socket_shown;

  if (access(engine->socket_path, R_OK | W_OK) == 0)
    return mst_fail(ctx, MST_EUNREACHABLE, "nothing listens on %s: start the daemon (systemctl start docker)", shown);
  if (errno == EACCES)
    return mst_fail(ctx, MST_EUNREACHABLE,
                    "may not open %s: put the agent's user into the group that owns it (ls -l says which; often docker)", shown);
  if (errno == ENOENT || errno == ENOTDIR)
    return mst_fail(ctx, MST_EUNREACHABLE,
                    "there is no socket %s: start Docker or Podman, or name its socket with the collector's option \"socket\"", shown);
  return mst_fail_errno(ctx, MST_EUNREACHABLE, "open %s", shown);
}

/* What became of a request, with a text that a person can act on. */
static mst_err
explain(const struct request *request, CURLcode code, mst_errctx *ctx)
{
  const mst_engine *engine = request->engine;
  char message[160];
  long status = 0;

  if (code == CURLE_COULDNT_CONNECT)
    return explain_connection(engine, ctx);
  if (code == CURLE_OPERATION_TIMEDOUT)
    return mst_fail(ctx, MST_ETIMEOUT, "%s did not answer GET %s within %d s: the daemon hangs or is overloaded", engine->socket_shown,
                    request->shown, request->timeout_ms / 1000);
  if (request->is_over_limit)
    return mst_fail(ctx, MST_ELIMIT, "%s: the answer to GET %s has over %zu bytes, more than is taken", engine->socket_shown,
                    request->shown, request->body.max_bytes);
  if (code != CURLE_OK)
    return mst_fail(ctx, MST_EIO, "%s: GET %s: %s; is this socket Docker's?", engine->socket_shown, request->shown,
                    curl_easy_strerror(code));
  curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &status);
  if (status == 200)
    return MST_OK;
  mst_docker_parse_message(mst_buf_text(&request->body), request->body.size_bytes, message, sizeof message);
  return mst_fail(ctx, status == 404 ? MST_EABSENT : MST_EIO, "%s: GET %s is answered with status %ld%s%s", engine->socket_shown,
                  request->shown, status, message[0] ? ": " : "", message);
}

static void
finish(struct request *request, CURLcode code)
{
  mst_engine *engine = request->engine;
  mst_errctx ctx = {0};
  mst_err err = explain(request, code, &ctx);

  if (request == &engine->stream) {
    end_request(request);
    engine->calls.ended(engine->calls.owner, err, ctx.text);
    return;
  }

  mst_buf body = request->body; /* the slot may be taken again by what the call does */
  char subject[MST_ENGINE_SUBJECT_BYTES];
  const mst_engine_reply reply = {
      .kind = request->kind, .subject = subject, .err = err, .why = ctx.text, .body = mst_buf_text(&body), .length = body.size_bytes};

  memcpy(subject, request->subject, sizeof subject);
  mst_buf_init(&request->body, 0);
  end_request(request);
  engine->calls.done(engine->calls.owner, &reply);
  mst_buf_done(&body);
}

void
mst_engine_run(mst_engine *engine, int wait_ms)
{
  const CURLMsg *message;
  int running, queued, ready;

  curl_multi_perform(engine->multi, &running);
  while ((message = curl_multi_info_read(engine->multi, &queued))) {
    struct request *request = NULL;
    CURLcode code = message->data.result; /* gone with the handle */

    if (message->msg != CURLMSG_DONE || curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&request) != CURLE_OK ||
        !request)
      continue;
    finish(request, code);
    wait_ms = 0;
  }
  if (wait_ms > 0)
    curl_multi_poll(engine->multi, NULL, 0, wait_ms, &ready);
}

void
mst_engine_wake(mst_engine *engine)
{
  curl_multi_wakeup(engine->multi);
}
