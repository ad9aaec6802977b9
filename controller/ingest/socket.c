/* The server for agents: nng's request protocol over plain TCP and TLS, on a thread for each core (docs/adr/0031). */
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include <mst/common/alloc.h>
#include <mst/common/log.h>

#include "ingest/server.h"

enum { LOOPS_MAX = 16 }; /* beyond, the keeper is what holds up */

static mst_err
open_listeners(mst_ingest *ingest, mst_errctx *ctx)
{
  const mst_controller_config *config = ingest->core->config;
  mst_err err = MST_OK;
  bool needs_tls = false;

  ingest->listeners = mst_alloc(config->listen.count, sizeof *ingest->listeners);
  if (!ingest->listeners)
    return mst_fail(ctx, MST_ENOMEM, "out of memory for the listeners");
  for (size_t i = 0; err == MST_OK && i < config->listen.count; i++) {
    err = mst_listener_open(&ingest->listeners[ingest->listener_count], config->listen.items[i], ctx);
    if (err != MST_OK)
      break;
    needs_tls = needs_tls || ingest->listeners[ingest->listener_count].is_tls;
    ingest->listener_count++;
  }
  if (err == MST_OK && needs_tls)
    err = mst_transport_load_credentials(config->tls.cert_file, config->tls.key_file, &ingest->credentials, ctx);
  return err;
}

static uint32_t
at_least_one(uint32_t number)
{
  return number > 0 ? number : 1;
}

/* How many connections there may be: no more than would leave descriptors to everybody else. */
static uint32_t
connections_max(void)
{
  struct rlimit limit;

  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY ||
      limit.rlim_cur > MST_SERVER_CONNECTIONS_MAX + MST_SERVER_SPARED_DESCRIPTORS)
    return MST_SERVER_CONNECTIONS_MAX;
  return limit.rlim_cur > 2 * MST_SERVER_SPARED_DESCRIPTORS ? (uint32_t)limit.rlim_cur - MST_SERVER_SPARED_DESCRIPTORS
                                                            : (uint32_t)limit.rlim_cur / 2;
}

static mst_err
start_loops(mst_ingest *ingest, mst_errctx *ctx)
{
  const long cores = sysconf(_SC_NPROCESSORS_ONLN);
  const uint32_t wanted = cores < 1 ? 1 : cores > LOOPS_MAX ? LOOPS_MAX : (uint32_t)cores;
  mst_err err = MST_OK;

  ingest->in_flight_max = at_least_one((uint32_t)ingest->core->config->contexts / wanted);
  ingest->connection_max = at_least_one(connections_max() / wanted);
  ingest->loops = mst_alloc(wanted, sizeof *ingest->loops);
  if (!ingest->loops)
    return mst_fail(ctx, MST_ENOMEM, "out of memory for the listeners");
  while (err == MST_OK && ingest->loop_count < wanted)
    err = mst_loop_start(&ingest->loops[ingest->loop_count++], ingest, ctx);
  return err;
}

mst_err
mst_ingest_start(mst_core *core, mst_ingest **ret_ingest, mst_errctx *ctx)
{
  mst_ingest *ingest = mst_alloc(1, sizeof *ingest);

  if (!ingest)
    return mst_fail(ctx, MST_ENOMEM, "out of memory for the listeners");
  ingest->core = core;
  mst_err err = open_listeners(ingest, ctx);
  if (err == MST_OK)
    err = start_loops(ingest, ctx);
  if (err != MST_OK) {
    mst_ingest_stop(ingest);
    return err;
  }
  for (uint32_t i = 0; i < ingest->listener_count; i++)
    mst_log(MST_LOG_INFO, "listening", "url", ingest->listeners[i].url, NULL);
  *ret_ingest = ingest;
  return MST_OK;
}

void
mst_ingest_stop(mst_ingest *ingest)
{
  if (!ingest)
    return;
  for (uint32_t i = 0; i < ingest->loop_count; i++)
    mst_loop_stop(&ingest->loops[i]);
  for (uint32_t i = 0; i < ingest->listener_count; i++)
    (void)close(ingest->listeners[i].fd);
  if (ingest->credentials)
    gnutls_certificate_free_credentials(ingest->credentials);
  mst_free(ingest->loops);
  mst_free(ingest->listeners);
  mst_free(ingest);
}

mst_err
mst_ingest_url(const mst_ingest *ingest, uint32_t i, char *ret_url, size_t size_bytes, mst_errctx *ctx)
{
  if (i >= ingest->listener_count)
    return mst_fail(ctx, MST_EABSENT, "there is no listener %u", i);
  snprintf(ret_url, size_bytes, "%s", ingest->listeners[i].url);
  return MST_OK;
}
