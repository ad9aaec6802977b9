/* The HTTP server: libmicrohttpd daemons, one a listener, a thread a connection (few, and long polls may sleep). */
#include "http/http.h"

#include <microhttpd.h>
#include <sodium/utils.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mst/common/alloc.h>
#include <mst/common/buf.h>
#include <mst/common/file.h>
#include <mst/common/log.h>
#include <mst/proto/statement.h>

enum {
  LISTENERS_MAX = 16,
  CONNECTIONS_MAX = 128,           /* a page, a few CLIs and scrapers; each has a thread */
  CONNECTIONS_PER_ADDRESS_MAX = 64,
  IDLE_TIMEOUT_S = 75,             /* over the longest long poll */
  THREAD_STACK_BYTES = 512 * 1024,
  REQUEST_MEMORY_BYTES = 32 * 1024,/* headers of one request */
  SECRET_FILE_MAX_BYTES = 64 * 1024,
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
  listener listeners[LISTENERS_MAX];
  size_t listener_count;
};

/* One request's body as it comes in. */
typedef struct upload {
  mst_buf body;
} upload;

static const char *
query_value(void *connection, const char *name)
{
  return MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, name);
}

static enum MHD_Result
send_answer(struct MHD_Connection *connection, mst_http_answer *answer)
{
  struct MHD_Response *response = MHD_create_response_from_buffer(answer->size_bytes, answer->body,
                                                                  answer->is_static ? MHD_RESPMEM_PERSISTENT : MHD_RESPMEM_MUST_FREE);

  if (!response) {
    if (!answer->is_static)
      mst_free(answer->body);
    return MHD_NO;
  }
  MHD_add_response_header(response, "Content-Type", answer->content_type);
  MHD_add_response_header(response, "Cache-Control", "no-store");
  MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
  MHD_add_response_header(response, "Content-Security-Policy",
                          "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'");
  if (answer->status == 401)
    MHD_add_response_header(response, "WWW-Authenticate", "Bearer");
  enum MHD_Result queued = MHD_queue_response(connection, answer->status, response);
  MHD_destroy_response(response);
  return queued;
}

static void
refuse(mst_http_answer *answer, unsigned status, const char *json)
{
  union {
    const char *in;
    char *out;
  } body = {.in = json};

  *answer = (mst_http_answer){
      .status = status, .content_type = "application/json", .body = body.out, .size_bytes = strlen(json), .is_static = true};
}

/* Constant time in the token's bytes, so that it cannot be guessed letter by letter. */
static bool
token_fits(const mst_http *http, const char *header)
{
  static const char scheme[] = "Bearer ";

  if (!http->token || !header || strncmp(header, scheme, sizeof scheme - 1) != 0)
    return false;
  const char *given = header + sizeof scheme - 1;
  size_t bytes = strlen(http->token);
  return strlen(given) == bytes && sodium_memcmp(given, http->token, bytes) == 0;
}

/* True when the request may be served; else the answer says why not. Health checks need no token: they tell nothing. Statements carry their own signature. */
static bool
admit(const listener *at, struct MHD_Connection *connection, const char *method, const char *path, mst_http_answer *answer)
{
  if (at->unix_path[0] != '\0')
    return true;
  if (at->is_loopback) {
    if (mst_http_host_is_loopback(MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Host")))
      return true;
    refuse(answer, 403,
           "{\"error\":{\"code\":\"MST_EPERM\",\"text\":\"the Host header does not name this machine's loopback address\"}}\n");
    return false;
  }
  if (strcmp(path, "/healthz") == 0 || strcmp(path, "/readyz") == 0 || strcmp(method, "POST") == 0)
    return true;
  if (token_fits(at->http, MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Authorization")))
    return true;
  refuse(answer, 401, "{\"error\":{\"code\":\"MST_EPERM\",\"text\":\"a bearer token is needed here; see token_file in docs\"}}\n");
  return false;
}

static enum MHD_Result
serve(void *cls, struct MHD_Connection *connection, const char *url, const char *method, const char *version, const char *data,
      size_t *data_bytes, void **state)
{
  listener *at = cls;
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
    mst_buf_append(&up->body, data, *data_bytes); /* over the limit: marked failed, the rest is thrown away */
    *data_bytes = 0;
    return MHD_YES;
  }
  if (up->body.failed != MST_OK) {
    refuse(&answer, 413, "{\"error\":{\"code\":\"MST_ELIMIT\",\"text\":\"the request's body is too large\"}}\n");
  } else if (admit(at, connection, method, url, &answer)) {
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
    mst_http_route(&request, &answer);
  }
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
  mst_buf_done(&text);
  return err;
}

static mst_err
load_secrets(mst_http *http, const mst_http_config *config, mst_errctx *ctx)
{
  mst_err err = MST_OK;

  if (config->token_file)
    err = load_text(config->token_file, "token file", true, &http->token, ctx);
  if (err == MST_OK && config->cert_file)
    err = load_text(config->cert_file, "certificate", false, &http->cert, ctx);
  if (err == MST_OK && config->key_file)
    err = load_text(config->key_file, "key of the certificate", true, &http->key, ctx);
  return err;
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
  struct MHD_OptionItem tls[] = {{MHD_OPTION_HTTPS_MEM_CERT, 0, http->cert}, {MHD_OPTION_HTTPS_MEM_KEY, 0, http->key}, {MHD_OPTION_END, 0, NULL}};
  struct MHD_OptionItem plain[] = {{MHD_OPTION_END, 0, NULL}};
  unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL | MHD_USE_ITC;

  at->daemon = MHD_start_daemon(flags | (https ? MHD_USE_TLS : 0), 0, NULL, NULL, serve, at, MHD_OPTION_LISTEN_SOCKET, fd,
                                MHD_OPTION_NOTIFY_COMPLETED, request_done, NULL, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
                                MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)(address.is_unix ? 0 : CONNECTIONS_PER_ADDRESS_MAX),
                                MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                                (size_t)REQUEST_MEMORY_BYTES, MHD_OPTION_THREAD_STACK_SIZE, (size_t)THREAD_STACK_BYTES, MHD_OPTION_ARRAY,
                                https ? tls : plain, MHD_OPTION_END);
  if (!at->daemon) {
    close(fd);
    return mst_fail(ctx, MST_EIO, "serve HTTP on %s: libmicrohttpd would not start%s", text, https ? "; is the certificate right?" : "");
  }
  http->listener_count++;
  mst_log(MST_LOG_INFO, "http-listening", "address", text, "tls", https ? "yes" : "no", NULL);
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
  mst_err err = config->listen.count > LISTENERS_MAX
                    ? mst_fail(ctx, MST_ELIMIT, "http: %zu addresses; at most %d", config->listen.count, LISTENERS_MAX)
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
  mst_free(http->token);
  mst_free(http->cert);
  mst_free(http->key);
  mst_free(http);
}
