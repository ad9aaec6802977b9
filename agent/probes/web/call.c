/* One HTTP request and its answer; see web.h. */
#include "web_state.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <mst/common/alloc.h>
#include <mst/common/clock.h>

const char *
mst_web_shown(const char *url, char text[static MST_WEB_TEXT_BYTES])
{
  const char *host = strstr(url, "://"), *at;
  size_t scheme = host ? (size_t)(host + 3 - url) : 0;
  size_t authority = strcspn(url + scheme, "/?#");

  at = memrchr(url + scheme, '@', authority);
  host = at ? at + 1 : url + scheme;
  snprintf(text, MST_WEB_TEXT_BYTES, "%.*s%.*s", (int)scheme, url, (int)(strcspn(host, "?#") < 200 ? strcspn(host, "?#") : 200), host);
  return text;
}

/* ---- what comes ---- */

/* Each answer's head begins anew: those of 1xx, and of a proxy, are forgotten. */
static size_t
take_head(char *data, size_t unit, size_t count, void *opaque)
{
  mst_web_call *call = opaque;

  (void)unit; /* 1 */
  if (count >= 5 && memcmp(data, "HTTP/", 5) == 0)
    mst_buf_reset(&call->head);
  mst_buf_append(&call->head, data, count);
  call->is_over_limit = call->head.failed != MST_OK;
  return call->is_over_limit ? 0 : count;
}

static bool
tell_head(mst_web_call *call)
{
  long status = 0;
  char *type = NULL;

  (void)curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
  (void)curl_easy_getinfo(call->easy, CURLINFO_CONTENT_TYPE, &type);
  return call->request.head(call->request.arg, (int)status, type ? type : "");
}

static size_t
take_body(char *data, size_t unit, size_t count, void *opaque)
{
  mst_web_call *call = opaque;
  size_t left = call->max_body_bytes - call->body.size_bytes, kept = count < left ? count : left;

  (void)unit;
  if (!call->has_begun && call->request.head && !tell_head(call)) {
    call->is_enough = true;
    return 0;
  }
  call->has_begun = true;
  if (call->request.take) {
    call->is_enough = !call->request.take(call->request.arg, data, count);
    return call->is_enough ? 0 : count;
  }
  mst_buf_append(&call->body, data, kept);
  if (call->body.failed != MST_OK)
    return 0;
  call->is_cut = call->is_enough = kept < count;
  return call->is_cut ? 0 : count;
}

/* ---- making ---- */

static mst_err
set_headers(mst_web_call *call, const mst_web_request *request, mst_errctx *ctx)
{
  bool is_expecting = false;

  for (size_t i = 0; i < request->header_count; i++) {
    const char *header = request->headers[i];
    if (strpbrk(header, "\r\n"))
      return mst_fail(ctx, MST_EUSAGE, "a header has a line's end in it");
    is_expecting = is_expecting || strncasecmp(header, "expect:", 7) == 0;
    struct curl_slist *list = curl_slist_append(call->headers, header);
    if (!list)
      return mst_fail(ctx, MST_ENOMEM, "no memory for headers");
    call->headers = list;
  }
  /* libcurl would wait a second for 100 Continue before it sends a larger body. */
  struct curl_slist *list = is_expecting ? call->headers : curl_slist_append(call->headers, "Expect:");
  if (!list)
    return mst_fail(ctx, MST_ENOMEM, "no memory for headers");
  call->headers = list;
  return MST_OK;
}

static CURLcode
set_body(CURL *easy, const mst_web_request *request)
{
  CURLcode code = CURLE_OK;

  if (strcmp(request->method, "HEAD") == 0)
    return curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
  if (request->body) {
    code = curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_bytes);
    if (code == CURLE_OK)
      code = curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body); /* not copied */
  } else if (strcmp(request->method, "POST") == 0) {
    code = curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, 0L);
    if (code == CURLE_OK)
      code = curl_easy_setopt(easy, CURLOPT_POSTFIELDS, "");
  }
  return code == CURLE_OK ? curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method) : code;
}

static long
http_version(mst_web_version version)
{
  switch (version) {
  case MST_WEB_1_1:
    return CURL_HTTP_VERSION_1_1;
  case MST_WEB_2:
    return CURL_HTTP_VERSION_2TLS;
  case MST_WEB_2_PRIOR:
    return CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE;
  case MST_WEB_ANY:
    break;
  }
  return CURL_HTTP_VERSION_NONE;
}

static CURLcode
set_texts(CURL *easy, const mst_web_request *request)
{
  CURLcode code = curl_easy_setopt(easy, CURLOPT_URL, request->url);

  if (code == CURLE_OK)
    code = curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  if (code == CURLE_OK)
    code = curl_easy_setopt(easy, CURLOPT_PROXY, ""); /* whatever the environment says: what is measured is the service */
  if (code == CURLE_OK)
    code = curl_easy_setopt(easy, CURLOPT_USERAGENT, "muster-agent/" MST_VERSION);
  if (code == CURLE_OK && request->ca_file)
    code = curl_easy_setopt(easy, CURLOPT_CAINFO, request->ca_file);
  return code == CURLE_OK ? set_body(easy, request) : code;
}

static CURLcode
set_options(mst_web_call *call, const mst_web_request *request)
{
  CURL *easy = call->easy;
  CURLcode code = set_texts(easy, request);

  if (code != CURLE_OK)
    return code;
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* a look-up that hangs must not hold up the loop when its time is over */
  curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L); /* "/../" is what an attack asks for */
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, http_version(request->version));
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, request->is_insecure ? 0L : 1L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, request->is_insecure ? 0L : 2L);
  curl_easy_setopt(easy, CURLOPT_CERTINFO, 1L);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(request->timeout_ns / MST_NS_PER_MS + 1));
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->error);
  curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->headers);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_head);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
  return curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
}

mst_err
mst_web_call_make(mst_web *web, const mst_web_request *request, mst_web_call **ret_call, mst_errctx *ctx)
{
  mst_web_call *call = mst_alloc(1, sizeof *call);

  if (!call)
    return mst_fail(ctx, MST_ENOMEM, "no memory for a request");
  call->web = web;
  call->request = *request;
  call->max_body_bytes = request->max_body_bytes ? request->max_body_bytes : MST_WEB_BODY_MAX_BYTES;
  mst_web_shown(request->url, call->shown);
  mst_buf_init(&call->head, MST_WEB_HEADERS_MAX_BYTES);
  mst_buf_init(&call->body, call->max_body_bytes);
  call->easy = curl_easy_init();
  mst_err err = call->easy ? set_headers(call, request, ctx) : mst_fail(ctx, MST_ENOMEM, "no memory for a request");
  if (err == MST_OK && set_options(call, request) != CURLE_OK)
    err = mst_fail(ctx, MST_EUSAGE, "%s: libcurl does not take such a request", call->shown);
  if (err != MST_OK) {
    mst_web_call_free(call);
    return err;
  }
  *ret_call = call;
  return MST_OK;
}

void
mst_web_call_free(mst_web_call *call)
{
  if (call->easy)
    curl_easy_cleanup(call->easy);
  curl_slist_free_all(call->headers);
  mst_buf_done(&call->head);
  mst_buf_done(&call->body);
  mst_free(call);
}

/* ---- the answer ---- */

static int64_t
time_of(CURL *easy, CURLINFO info)
{
  curl_off_t us = 0;

  (void)curl_easy_getinfo(easy, info, &us);
  return (int64_t)us * 1000;
}

static void
read_times(CURL *easy, mst_web_answer *answer)
{
  answer->resolved_ns = time_of(easy, CURLINFO_NAMELOOKUP_TIME_T);
  answer->connected_ns = time_of(easy, CURLINFO_CONNECT_TIME_T);
  answer->secured_ns = time_of(easy, CURLINFO_APPCONNECT_TIME_T);
  answer->sent_ns = time_of(easy, CURLINFO_PRETRANSFER_TIME_T);
  answer->first_byte_ns = time_of(easy, CURLINFO_STARTTRANSFER_TIME_T);
  answer->total_ns = time_of(easy, CURLINFO_TOTAL_TIME_T);
}

static int
version_of(CURL *easy)
{
  long version = 0;

  (void)curl_easy_getinfo(easy, CURLINFO_HTTP_VERSION, &version);
  switch (version) {
  case CURL_HTTP_VERSION_1_0:
    return 10;
  case CURL_HTTP_VERSION_1_1:
    return 11;
  case CURL_HTTP_VERSION_2_0:
    return 20;
  default:
    return 0;
  }
}

static const char *
connect_failure(CURL *easy)
{
  long number = 0;

  (void)curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &number);
  switch (number) {
  case ECONNREFUSED:
    return "refused";
  case EHOSTUNREACH:
    return "no route to the host";
  case ENETUNREACH:
    return "network is unreachable";
  case 0:
    return "failed";
  default:
    return strerror((int)number);
  }
}

/* What went wrong, in words that say what to look at. */
static void
write_failure(mst_web_call *call, CURLcode code, mst_web_answer *answer)
{
  const char *said = call->error[0] ? call->error : curl_easy_strerror(code);
  char *to = answer->failure;
  const size_t room = sizeof answer->failure;

  switch (code) {
  case CURLE_COULDNT_RESOLVE_HOST:
    snprintf(to, room, "%.120s: the host's name cannot be looked up", call->shown);
    break;
  case CURLE_COULDNT_CONNECT:
    snprintf(to, room, "connect to %.140s: %s", call->shown, connect_failure(call->easy));
    break;
  case CURLE_OPERATION_TIMEDOUT:
    snprintf(to, room, "%.150s: no %s within its time", call->shown,
             answer->connected_ns == 0    ? "connection"
             : answer->first_byte_ns == 0 ? "answer"
                                          : "end of the answer");
    break;
  case CURLE_GOT_NOTHING:
    snprintf(to, room, "%.150s: the connection was closed without an answer", call->shown);
    break;
  case CURLE_SEND_ERROR:
  case CURLE_RECV_ERROR:
  case CURLE_PARTIAL_FILE:
    snprintf(to, room, "%.110s: the connection broke off: %.100s", call->shown, said);
    break;
  case CURLE_WRITE_ERROR:
    snprintf(to, room, "%.120s: %s", call->shown, call->is_over_limit ? "over 64 KiB of headers came" : "out of memory");
    break;
  case CURLE_PEER_FAILED_VERIFICATION:
    snprintf(to, room, "%.100s: its certificate: %.130s", call->shown, said);
    break;
  default:
    snprintf(to, room, "%.110s: %.130s", call->shown, said);
    break;
  }
}

/* The end of the first certificate's time, as OpenSSL prints it: "Nov 24 12:00:00 2027 GMT". 0: not known. */
static int64_t
expiry_of(CURL *easy)
{
  static const char label[] = "Expire date:";
  struct curl_certinfo *chain = NULL;

  if (curl_easy_getinfo(easy, CURLINFO_CERTINFO, &chain) != CURLE_OK || !chain || chain->num_of_certs < 1)
    return 0;
  for (const struct curl_slist *line = chain->certinfo[0]; line; line = line->next) {
    struct tm at = {0};
    if (strncmp(line->data, label, sizeof label - 1) == 0 && strptime(line->data + sizeof label - 1, "%b %d %H:%M:%S %Y", &at))
      return (int64_t)timegm(&at) * MST_NS_PER_S;
  }
  return 0;
}

void
mst_web_call_finish(mst_web_call *call, CURLcode code)
{
  mst_web_answer answer = {.headers = mst_buf_text(&call->head), .body = mst_buf_text(&call->body), .body_bytes = call->body.size_bytes};
  long status = 0, connects = 0;
  char *location = NULL;

  read_times(call->easy, &answer);
  (void)curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
  (void)curl_easy_getinfo(call->easy, CURLINFO_REDIRECT_URL, &location);
  (void)curl_easy_getinfo(call->easy, CURLINFO_NUM_CONNECTS, &connects);
  answer.status = (int)status;
  answer.location = location;
  answer.version = version_of(call->easy);
  answer.is_cut = call->is_cut;
  answer.is_reused = connects == 0;
  answer.expires_ns = expiry_of(call->easy);
  answer.is_whole = code == CURLE_OK || (code == CURLE_WRITE_ERROR && call->is_enough);
  answer.is_timeout = code == CURLE_OPERATION_TIMEDOUT;
  answer.is_closed = code == CURLE_GOT_NOTHING || code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR || code == CURLE_PARTIAL_FILE;
  if (!answer.is_whole)
    write_failure(call, code, &answer);
  call->request.done(call->request.arg, &answer);
}

/* ---- headers ---- */

size_t
mst_web_header_each(const mst_web_answer *answer, const char *name, void (*take)(void *arg, const char *value), void *arg)
{
  size_t length = strlen(name), found = 0;
  char value[4096];

  for (const char *line = answer->headers; *line;) {
    size_t size = strcspn(line, "\r\n");
    if (size > length && line[length] == ':' && strncasecmp(line, name, length) == 0) {
      const char *at = line + length + 1 + strspn(line + length + 1, " \t");
      snprintf(value, sizeof value, "%.*s", (int)(line + size > at ? line + size - at : 0), at);
      take(arg, value);
      found++;
    }
    line += size;
    line += *line == '\r';
    line += *line == '\n';
  }
  return found;
}

typedef struct first {
  char *value;
  size_t value_bytes;
  bool is_there;
} first;

static void
take_first(void *arg, const char *value)
{
  first *one = arg;

  if (!one->is_there)
    snprintf(one->value, one->value_bytes, "%s", value);
  one->is_there = true;
}

bool
mst_web_header(const mst_web_answer *answer, const char *name, char *ret_value, size_t value_bytes)
{
  first one = {ret_value, value_bytes, false};

  return mst_web_header_each(answer, name, take_first, &one) > 0;
}
