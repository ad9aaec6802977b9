#include "uplink_dialer.h"

#include <string.h>

#include <nng/supplemental/tls/tls.h>

static mst_err
use_tls(nng_stream_dialer *dialer, const mst_wire_target *target, mst_errctx *ctx)
{
  nng_tls_config *config = NULL;
  nng_url *parts = NULL;
  const char *what = "parse the URL";

  int rv = nng_url_parse(&parts, target->url);
  if (rv == 0) {
    what = "make a TLS client";
    rv = nng_tls_config_alloc(&config, NNG_TLS_MODE_CLIENT);
  }
  if (rv == 0)
    rv = nng_tls_config_auth_mode(config, NNG_TLS_AUTH_MODE_REQUIRED);
  if (rv == 0)
    rv = nng_tls_config_server_name(config, target->server_name ? target->server_name : parts->u_hostname);
  if (rv == 0) {
    what = target->ca_file;
    rv = nng_tls_config_ca_file(config, target->ca_file);
  }
  if (rv == 0) {
    what = "use TLS";
    rv = nng_stream_dialer_set_ptr(dialer, NNG_OPT_TLS_CONFIG, config);
  }
  if (config)
    nng_tls_config_free(config);
  if (parts)
    nng_url_free(parts);
  return rv == 0 ? MST_OK : mst_fail(ctx, MST_ECONFIG, "%s: %s: %s", target->url, what, nng_strerror(rv));
}

mst_err
mst_uplink_dialer_make(const mst_wire_target *target, nng_stream_dialer **ret_dialer, mst_errctx *ctx)
{
  const bool is_tls = strncmp(target->url, "tls+", 4) == 0;
  nng_stream_dialer *dialer;

  if (is_tls && !target->ca_file)
    return mst_fail(ctx, MST_ECONFIG, "%s: set tls.ca_file to the authority that signed the controller's certificate", target->url);
  int rv = nng_stream_dialer_alloc(&dialer, target->url);
  if (rv != 0)
    return mst_fail(ctx, MST_ECONFIG, "%s: %s", target->url, nng_strerror(rv));
  (void)nng_stream_dialer_set_bool(dialer, NNG_OPT_TCP_NODELAY, true);
  (void)nng_stream_dialer_set_bool(dialer, NNG_OPT_TCP_KEEPALIVE, true);
  mst_err err = is_tls ? use_tls(dialer, target, ctx) : MST_OK;
  if (err == MST_OK)
    *ret_dialer = dialer;
  else
    nng_stream_dialer_free(dialer);
  return err;
}
