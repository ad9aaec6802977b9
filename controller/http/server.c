/* The HTTP server: libmicrohttpd daemons, one a listener, a thread a connection (few, and long polls may sleep). */
#include "http/http.h"

#include <microhttpd.h>
#include <sodium/utils.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mst/common/alloc.h>
#include <mst/common/buf.h>
#include <mst/common/file.h>
#include <mst/common/log.h>
#include <mst/proto/statement.h>

enum {
  CONNECTIONS_MAX = 128, /* a page, a few CLIs and scrapers; each has a thread */
  CONNECTIONS_PER_ADDRESS_MAX = 64,
  IDLE_TIMEOUT_S = 75, /* over the longest long poll */
  THREAD_STACK_BYTES = 512 * 1024,
  REQUEST_MEMORY_BYTES = 32 * 1024, /* headers of one request */
  SECRET_FILE_MAX_BYTES = 64 * 1024,
  TOKEN_LEAST_BYTES = 16,
  /* A body over the limit is read up to here, so that the sender can read why; who sends more is cut off. */
  DISCARD_MAX_BYTES = 1024 * 1024,
};

typedef struct listener {
  struct mst_http *http;
  struct MHD_Daemon *daemon;
  bool is_loopback;
  char unix_path[256]; /* "" unless a Unix socket: removed at stop */
} listener;

struct mst_http {
  mst_core *core;
  atomic_bool stopping;
  char *token, *cert, *key; /* owned; NULL when not configured */
  listener listeners[MST_HTTP_LISTENERS_MAX];
  size_t listener_count;
};

static const char https_priorities[] = "NORMAL:-VERS-TLS1.0:-VERS-TLS1.1";

/* One request's body as it comes in. */
typedef struct upload {
  mst_buf body;
  size_t came_bytes;
} upload;

static const char *
query_value(void *connection, const char *name)
{
  return MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, name);
}

static enum MHD_Result
send_answer(struct MHD_Connection *connection, mst_http_answer *answer)
{
  struct MHD_Response *response = answer->is_static
                                      ? MHD_create_response_from_buffer(answer->size_bytes, answer->body, MHD_RESPMEM_PERSISTENT)
                                      : MHD_create_response_from_buffer_with_free_callback(answer->size_bytes, answer->body, mst_free);

  if (!response) {
    if (!answer->is_static)
      mst_free(answer->body);
    return MHD_NO;
  }
  MHD_add_response_header(response, "Content-Type", answer->content_type);
  MHD_add_response_header(response, "Cache-Control", "no-store");
  MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
  MHD_add_response_header(response, "Content-Security-Policy",
                          "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; "
                          "base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
  if (answer->status == 401)
    MHD_add_response_header(response, "WWW-Authenticate", "Bearer");
  if (answer->allow)
    MHD_add_response_header(response, "Allow", answer->allow);
  enum MHD_Result queued = MHD_queue_response(connection, answer->status, response);
  MHD_destroy_response(response);
  return queued;
}

static void
refuse(mst_http_answer *answer, unsigned status, const char *json)
{
  mst_http_answer_static(answer, status, "application/json", json, strlen(json));
}

/* Constant time in the token's bytes, so that it cannot be guessed letter by letter. */
static bool
token_fits(const mst_http *http, const char *header)
{
  static const char scheme[] = "Bearer ";

  if (!http->token || !header || strncasecmp(header, scheme, sizeof scheme - 1) != 0)
    return false;
  const char *given = header + sizeof scheme - 1;
  size_t bytes = strlen(http->token);
  return strlen(given) == bytes && sodium_memcmp(given, http->token, bytes) == 0;
}

/* True when the request may be served; else the answer says why not. Health checks need no token: they tell nothing. Statements carry their
 * own signature. */
static bool
admit(const listener *at, struct MHD_Connection *connection, const char *method, const char *path, mst_http_answer *answer)
{
  if (at->unix_path[0] != '\0')
    return true;
  if (at->is_loopback) {
    if (mst_http_host_is_loopback(MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Host")))
      return true;
    refuse(answer, 403,
           "{\"error\":{\"code\":\"MST_EPERM\",\"text\":\"the Host header does not name this machine's loopback: ask 127.0.0.1 or "
           "localhost\"}}\n");
    return false;
  }
  if (strcmp(path, "/healthz") == 0 || strcmp(path, "/readyz") == 0 || strcmp(method, "POST") == 0)
    return true;
  if (token_fits(at->http, MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Authorization")))
    return true;
  refuse(answer, 401,
         "{\"error\":{\"code\":\"MST_EPERM\",\"text\":\"reading here needs the bearer token of http.token_file; muster takes it from "
         "--token-file or "
         "$MUSTER_TOKEN_FILE\"}}\n");
  return false;
}

/* What has come of the body; false: so much over the limit that the connection is cut. */
static bool
take_body(upload *up, const char *data, size_t size_bytes)
{
  up->came_bytes += size_bytes;
  mst_buf_append(&up->body, data, size_bytes); /* over the limit: marked failed, the rest is thrown away */
  return up->came_bytes <= DISCARD_MAX_BYTES;
}

static void
answer_request(const listener *at, struct MHD_Connection *connection, const char *url, const char *method, const upload *up,
               mst_http_answer *ret_answer)
{
  if (!admit(at, connection, method, url, ret_answer))
    return;
  if (up->body.failed == MST_ELIMIT) {
    refuse(ret_answer, 413, "{\"error\":{\"code\":\"MST_ELIMIT\",\"text\":\"the body is over 64 KiB, the most that a statement has\"}}\n");
    return;
  }
  if (up->body.failed != MST_OK) {
    mst_http_answer_error(ret_answer, up->body.failed, "");
    return;
  }
  mst_http_request request = {
      .core = at->http->core,
      .stopping = &at->http->stopping,
      .method = method,
      .path = url,
      .body = up->body.data,
      .body_bytes = up->body.size_bytes,
      .query = query_value,
      .connection = connection,
  };
  mst_http_route(&request, ret_answer);
}

/* libmicrohttpd calls this once when the headers are there, once for each part of the body, and once at its end. */
static enum MHD_Result
serve(void *cls, struct MHD_Connection *connection, const char *url, const char *method, const char *version, const char *data,
      size_t *data_bytes, void **state)
{
  const listener *at = cls;
  upload *up = *state;
  mst_http_answer answer = {0};

  (void)version;
  if (!up) {
    up = mst_alloc(1, sizeof *up);
    if (!up)
      return MHD_NO;
    mst_buf_init(&up->body, MST_STATEMENT_MAX_BYTES);
    *state = up;
    return MHD_YES;
  }
  if (*data_bytes > 0) {
    bool goes_on = take_body(up, data, *data_bytes);
    *data_bytes = 0;
    return goes_on ? MHD_YES : MHD_NO;
  }
  answer_request(at, connection, url, method, up, &answer);
  return send_answer(connection, &answer);
}

static void
request_done(void *cls, struct MHD_Connection *connection, void **state, enum MHD_RequestTerminationCode why)
{
  upload *up = *state;

  (void)cls;
  (void)connection;
  (void)why;
  if (up) {
    mst_buf_done(&up->body);
    mst_free(up);
    *state = NULL;
  }
}

/* A file's text without its trailing newline. `secret`: refused when others can read it. */
static mst_err
load_text(const char *path, const char *what, bool secret, char **ret_text, mst_errctx *ctx)
{
  struct stat st;
  mst_buf text;

  if (secret && stat(path, &st) == 0 && (st.st_mode & 0007) != 0)
    return mst_fail(ctx, MST_EPERM, "%s %s can be read or written by anyone; chmod 600 it", what, path);
  mst_buf_init(&text, SECRET_FILE_MAX_BYTES);
  mst_err err = mst_file_read(path, &text, ctx);
  if (err != MST_OK) {
    err = mst_fail_within(ctx, err, "read %s", what);
  } else {
    size_t bytes = text.size_bytes;
    while (bytes > 0 && (text.data[bytes - 1] == '\n' || text.data[bytes - 1] == '\r'))
      bytes--;
    if (bytes == 0)
      err = mst_fail(ctx, MST_EMALFORMED, "%s %s is empty", what, path);
    else if (!(*ret_text = mst_strndup((const char *)text.data, bytes)))
      err = mst_fail(ctx, MST_ENOMEM, "read %s %s", what, path);
  }
  if (text.data)
    sodium_memzero(text.data, text.size_bytes);
  mst_buf_done(&text);
  return err;
}

static mst_err
load_secrets(mst_http *http, const mst_http_config *config, mst_errctx *ctx)
{
  mst_err err = MST_OK;

  if (config->token_file)
    err = load_text(config->token_file, "token file", true, &http->token, ctx);
  if (err == MST_OK && http->token && strlen(http->token) < TOKEN_LEAST_BYTES)
    err = mst_fail(ctx, MST_EMALFORMED, "token file %s: under %d characters can be guessed; `openssl rand -hex 32` makes a good one",
                   config->token_file, TOKEN_LEAST_BYTES);
  if (err == MST_OK && config->cert_file)
    err = load_text(config->cert_file, "certificate", false, &http->cert, ctx);
  if (err == MST_OK && config->key_file)
    err = load_text(config->key_file, "key of the certificate", true, &http->key, ctx);
  return err;
}

/* NULL when libmicrohttpd would not; it says no reason. */
static struct MHD_Daemon *
start_daemon(listener *at, int fd, bool is_unix, bool https)
{
  const mst_http *http = at->http;
  const struct MHD_OptionItem end = {MHD_OPTION_END, 0, NULL};
  union {
    const char *in;
    char *out;
  } priorities = {.in = https_priorities}; /* only read */
  struct MHD_OptionItem tls[] = {{MHD_OPTION_HTTPS_MEM_CERT, 0, http->cert},
                                 {MHD_OPTION_HTTPS_MEM_KEY, 0, http->key},
                                 {MHD_OPTION_HTTPS_PRIORITIES, 0, priorities.out},
                                 end};
  struct MHD_OptionItem plain[] = {end};
  unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL | MHD_USE_ITC;

  return MHD_start_daemon(flags | (https ? MHD_USE_TLS : 0), 0, NULL, NULL, serve, at, MHD_OPTION_LISTEN_SOCKET, fd,
                          MHD_OPTION_NOTIFY_COMPLETED, request_done, NULL, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
                          MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)(is_unix ? 0 : CONNECTIONS_PER_ADDRESS_MAX),
                          MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                          (size_t)REQUEST_MEMORY_BYTES, MHD_OPTION_THREAD_STACK_SIZE, (size_t)THREAD_STACK_BYTES, MHD_OPTION_ARRAY,
                          https ? tls : plain, MHD_OPTION_END);
}

static mst_err
start_listener(mst_http *http, const char *text, mst_errctx *ctx)
{
  listener *at = &http->listeners[http->listener_count];
  mst_http_address address;
  int fd = -1;

  mst_err err = mst_http_address_parse(text, &address, ctx);
  if (err == MST_OK)
    err = mst_http_address_listen(&address, &fd, ctx);
  if (err != MST_OK)
    return err;
  bool https = http->cert && !address.is_loopback;
  *at = (listener){.http = http, .is_loopback = address.is_loopback};
  if (address.is_unix)
    memcpy(at->unix_path, address.host, sizeof at->unix_path);
  at->daemon = start_daemon(at, fd, address.is_unix, https);
  if (!at->daemon) {
    /* libmicrohttpd closes the socket when it fails for more than its options, and a second close could hit another thread's descriptor. */
    if (address.is_unix)
      unlink(address.host);
    return mst_fail(ctx, MST_EIO, "serve HTTP on %s: libmicrohttpd would not start%s", text,
                    https ? "; do http.cert_file and http.key_file hold a PEM certificate and its key?"
                          : "; are there threads and descriptors left?");
  }
  http->listener_count++;
  mst_log(MST_LOG_INFO, "http-listening", "address", text, "tls", https ? "yes" : "no", NULL);
  if (!address.is_loopback && !https)
    mst_log(MST_LOG_WARN, "http-in-the-clear", "address", text, "remedy",
            "the bearer token can be read on the way; set http.cert_file and http.key_file", NULL);
  return MST_OK;
}

mst_err
mst_http_start(mst_core *core, const mst_http_config *config, mst_http **ret_http, mst_errctx *ctx)
{
  mst_http *http = mst_alloc(1, sizeof *http);

  if (!http)
    return mst_fail(ctx, MST_ENOMEM, "start the HTTP server");
  http->core = core;
  atomic_init(&http->stopping, false);
  mst_err err = config->listen.count > MST_HTTP_LISTENERS_MAX
                    ? mst_fail(ctx, MST_ELIMIT, "http.listen: %zu addresses; at most %d", config->listen.count, MST_HTTP_LISTENERS_MAX)
                    : load_secrets(http, config, ctx);
  for (size_t i = 0; i < config->listen.count && err == MST_OK; i++)
    err = start_listener(http, config->listen.items[i], ctx);
  if (err != MST_OK) {
    mst_http_stop(http);
    return err;
  }
  *ret_http = http;
  return MST_OK;
}

static void
wipe(char *secret)
{
  if (secret)
    sodium_memzero(secret, strlen(secret));
  mst_free(secret);
}

void
mst_http_stop(mst_http *http)
{
  if (!http)
    return;
  atomic_store(&http->stopping, true);
  for (size_t i = 0; i < http->listener_count; i++) {
    MHD_stop_daemon(http->listeners[i].daemon); /* waits for its threads, closes the socket */
    if (http->listeners[i].unix_path[0] != '\0')
      unlink(http->listeners[i].unix_path);
  }
  wipe(http->token);
  wipe(http->key);
  mst_free(http->cert);
  mst_free(http);
}
