#ifndef MST_CONTROLLER_HTTP_H
#define MST_CONTROLLER_HTTP_H

#include <mst/common/config.h>
#include <mst/controller/core.h>

/* The HTTP side of the controller: /api/v1, /metrics, /healthz, /readyz and the page at /. docs/api.md has every path. */
typedef struct mst_http_config {
  mst_config_strings listen;  /* "127.0.0.1:7651", "[::1]:7651", "unix:/run/muster/http.sock" */
  char *token_file;           /* bearer token for readers on listeners that are neither loopback nor Unix sockets */
  char *cert_file, *key_file; /* HTTPS on those listeners */
  mst_config_place place;
} mst_http_config;
extern const mst_config_schema mst_http_config_schema;
/* What the schema cannot say: addresses that do not parse, an open listener without token. All problems go to diags. */
void mst_http_config_check(const mst_http_config *config, mst_diags *diags);

typedef struct mst_http mst_http;
/* Binds all listeners and serves until mst_http_stop. core and config are borrowed and outlive the server.
 * MST_EIO: an address cannot be bound (the text names it); MST_EPERM: the token or key file is readable by others. */
mst_err mst_http_start(mst_core *core, const mst_http_config *config, mst_http **ret_http, mst_errctx *ctx) MST_MUST_USE;
/* Ends long polls, waits for requests under way, closes the listeners. NULL is allowed. */
void mst_http_stop(mst_http *http);

#endif
