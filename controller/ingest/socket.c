/* nng REP contexts: each takes one envelope at a time. It is verified where it was received, on nng's own threads, of which there are two a
 * core: another hand-over would cost as much as a fifth of the verification (docs/adr/0030). */
#include <stdio.h>
#include <string.h>

#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/supplemental/tls/tls.h>

#include <mst/common/alloc.h>
#include <mst/common/file.h>
#include <mst/common/log.h>

#include "ingest/ingest.h"
#include "keeper.h"
#include "wait.h"

enum {
  /* nng closes a connection that sends more; what is between this and the protocol's own limit is counted as oversized. */
  RECEIVE_MAX_BYTES = 4 * MST_ENVELOPE_MAX_BYTES,
  PEM_MAX_BYTES = 256 * 1024,
  STOP_WAIT_S = 5, /* for answers under way */
};

enum { PHASE_IDLE, PHASE_RECEIVE, PHASE_WORK, PHASE_SEND };

typedef struct slot {
  mst_job job;
  mst_ingest *ingest;
  nng_ctx context;
  nng_aio *aio;
  nng_msg *message; /* what job.data points into */
  atomic_int phase; /* changed by whose hands the slot is in */
} slot;

struct mst_ingest {
  mst_core *core;
  nng_socket socket;
  bool is_open;
  pthread_mutex_t lock;
  pthread_cond_t idle;
  bool is_stopping; /* no slot waits for another envelope */
  bool is_closing;  /* answers are no longer sent */
  uint32_t active;  /* slots that are not idle */
  uint32_t listener_count;
  nng_listener *listeners;
  uint32_t slot_count;
  slot *slots;
};

/* The slot waits for the next envelope, unless we stop. */
static void
receive(slot *s)
{
  mst_ingest *ingest = s->ingest;

  if (s->message) {
    nng_msg_free(s->message);
    s->message = NULL;
  }
  pthread_mutex_lock(&ingest->lock);
  if (ingest->is_stopping) {
    atomic_store(&s->phase, PHASE_IDLE);
    if (--ingest->active == 0)
      pthread_cond_broadcast(&ingest->idle);
    pthread_mutex_unlock(&ingest->lock);
    return;
  }
  atomic_store(&s->phase, PHASE_RECEIVE);
  /* Under the lock, so that a stop either sees the slot idle or finds an operation to cancel. */
  nng_ctx_recv(s->context, s->aio);
  pthread_mutex_unlock(&ingest->lock);
}

static void
finish(mst_job *job, const mst_buf *answer)
{
  slot *s = (slot *)(void *)((char *)job - offsetof(slot, job));
  nng_msg *reply = NULL;

  if (!answer || nng_msg_alloc(&reply, 0) != 0 || nng_msg_append(reply, answer->data, answer->size_bytes) != 0) {
    if (reply)
      nng_msg_free(reply);
    receive(s); /* a context that receives again lets go of the request that it did not answer */
    return;
  }
  /* Under the lock that a stop takes before it closes the socket: nng 1.5.2 lets go of the context at the end of nng_ctx_send, after the
   * peer may have its answer and we may be idle already; closing the socket in between takes the mutex away from under it. */
  pthread_mutex_lock(&s->ingest->lock);
  bool is_closing = s->ingest->is_closing;
  if (!is_closing) {
    atomic_store(&s->phase, PHASE_SEND);
    nng_aio_set_msg(s->aio, reply);
    nng_ctx_send(s->context, s->aio);
  }
  pthread_mutex_unlock(&s->ingest->lock);
  if (is_closing) {
    nng_msg_free(reply);
    receive(s);
  }
}

static void
take_envelope(slot *s)
{
  mst_core *core = s->ingest->core;

  s->message = nng_aio_get_msg(s->aio);
  nng_aio_set_msg(s->aio, NULL);
  atomic_store(&s->phase, PHASE_WORK);
  s->job.data = nng_msg_body(s->message);
  s->job.size_bytes = nng_msg_len(s->message);
  s->job.received_at = mst_core_now(core);
  s->job.finish = finish;
  atomic_fetch_add(&core->counters.received, 1);
  mst_ingest_verify(core, &s->job);
  if (s->job.fate == MST_JOB_DROP)
    finish(&s->job, NULL);
  else
    mst_keeper_push(core->keeper, &s->job);
}

static void
on_event(void *arg)
{
  slot *s = arg;
  /* First the phase: its store came after all that the thread before us did to the slot. */
  int phase = atomic_load(&s->phase);
  int failed = nng_aio_result(s->aio);

  if (phase == PHASE_RECEIVE && failed == 0) {
    take_envelope(s);
    return;
  }
  if (phase == PHASE_SEND && failed != 0) {
    /* The peer is gone; it will ask again. The message that was not sent is still ours. */
    nng_msg *reply = nng_aio_get_msg(s->aio);
    nng_aio_set_msg(s->aio, NULL);
    if (reply)
      nng_msg_free(reply);
  }
  if (failed == NNG_ECLOSED) {
    pthread_mutex_lock(&s->ingest->lock);
    s->ingest->is_stopping = true; /* nothing more will come */
    pthread_mutex_unlock(&s->ingest->lock);
  }
  receive(s);
}

static mst_err
fail_nng(mst_errctx *ctx, int failed, const char *what)
{
  return mst_fail(ctx, failed == NNG_ENOMEM ? MST_ENOMEM : MST_EIO, "%s: %s", what, nng_strerror(failed));
}

static mst_err
make_tls(const mst_controller_config *config, nng_tls_config **ret_tls, mst_errctx *ctx)
{
  nng_tls_config *tls = NULL;
  mst_buf cert, key;

  mst_buf_init(&cert, PEM_MAX_BYTES);
  mst_buf_init(&key, PEM_MAX_BYTES);
  mst_err err = mst_file_read(config->tls.cert_file, &cert, ctx);
  if (err == MST_OK)
    err = mst_file_read(config->tls.key_file, &key, ctx);
  if (err == MST_OK) {
    int failed = nng_tls_config_alloc(&tls, NNG_TLS_MODE_SERVER);
    if (failed == 0)
      failed = nng_tls_config_own_cert(tls, mst_buf_text(&cert), mst_buf_text(&key), NULL);
    if (failed != 0)
      err = mst_fail(ctx, MST_EIO, "use the certificate %s with the key %s: %s; they must be PEM, and ECDSA or RSA", config->tls.cert_file,
                     config->tls.key_file, nng_strerror(failed));
  }
  if (key.data)
    memset(key.data, 0, key.size_bytes);
  mst_buf_done(&cert);
  mst_buf_done(&key);
  if (err != MST_OK) {
    if (tls)
      nng_tls_config_free(tls);
    return err;
  }
  *ret_tls = tls;
  return MST_OK;
}

static mst_err
listen_at(mst_ingest *ingest, const char *url, mst_errctx *ctx)
{
  nng_listener *listener = &ingest->listeners[ingest->listener_count];
  nng_tls_config *tls = NULL;

  int failed = nng_listener_create(listener, ingest->socket, url);
  if (failed == 0 && strncmp(url, "tls+", 4) == 0) {
    mst_err err = make_tls(ingest->core->config, &tls, ctx);
    if (err != MST_OK)
      return err;
    failed = nng_listener_set_ptr(*listener, NNG_OPT_TLS_CONFIG, tls);
    nng_tls_config_free(tls); /* the listener holds its own reference */
  }
  if (failed == 0)
    failed = nng_listener_start(*listener, 0);
  if (failed != 0)
    return mst_fail(ctx, MST_EIO, "listen on %s: %s", url, nng_strerror(failed));
  ingest->listener_count++;
  mst_log(MST_LOG_INFO, "listening", "url", url, NULL);
  return MST_OK;
}

static mst_err
open_slots(mst_ingest *ingest, uint32_t count, mst_errctx *ctx)
{
  ingest->slots = mst_alloc(count, sizeof *ingest->slots);
  if (!ingest->slots)
    return mst_fail(ctx, MST_ENOMEM, "out of memory for %u contexts", count);
  for (; ingest->slot_count < count; ingest->slot_count++) {
    slot *s = &ingest->slots[ingest->slot_count];
    s->ingest = ingest;
    mst_buf_init(&s->job.body, MST_REPLY_MAX_BYTES);
    int failed = nng_aio_alloc(&s->aio, on_event, s);
    if (failed != 0)
      return fail_nng(ctx, failed, "make a context");
    failed = nng_ctx_open(&s->context, ingest->socket);
    if (failed != 0) {
      nng_aio_free(s->aio);
      return fail_nng(ctx, failed, "make a context");
    }
  }
  return MST_OK;
}

mst_err
mst_ingest_start(mst_core *core, mst_ingest **ret_ingest, mst_errctx *ctx)
{
  const mst_controller_config *config = core->config;
  mst_ingest *ingest = mst_alloc(1, sizeof *ingest);
  mst_err err;

  if (!ingest)
    return mst_fail(ctx, MST_ENOMEM, "out of memory for the listeners");
  ingest->core = core;
  pthread_mutex_init(&ingest->lock, NULL);
  mst_wait_init(&ingest->idle);
  int failed = nng_rep0_open(&ingest->socket);
  if (failed != 0) {
    err = fail_nng(ctx, failed, "open a socket for agents");
    goto out;
  }
  ingest->is_open = true;
  failed = nng_socket_set_size(ingest->socket, NNG_OPT_RECVMAXSZ, RECEIVE_MAX_BYTES);
  if (failed != 0) {
    err = fail_nng(ctx, failed, "limit what agents may send");
    goto out;
  }
  err = open_slots(ingest, (uint32_t)config->contexts, ctx);
  ingest->listeners = mst_alloc(config->listen.count, sizeof *ingest->listeners);
  if (err == MST_OK && !ingest->listeners)
    err = mst_fail(ctx, MST_ENOMEM, "out of memory for the listeners");
  if (err == MST_OK)
    ingest->active = ingest->slot_count;
  for (uint32_t i = 0; err == MST_OK && i < ingest->slot_count; i++)
    receive(&ingest->slots[i]);
  for (size_t i = 0; err == MST_OK && i < config->listen.count; i++)
    err = listen_at(ingest, config->listen.items[i], ctx);

out:
  if (err != MST_OK) {
    mst_ingest_stop(ingest);
    return err;
  }
  *ret_ingest = ingest;
  return MST_OK;
}

/* Until all slots are idle, or the time is up. */
static void
wait_idle(mst_ingest *ingest, bool has_limit)
{
  const mst_mono until = {mst_clock_mono(mst_clock_system()).ns + STOP_WAIT_S * MST_NS_PER_S};

  pthread_mutex_lock(&ingest->lock);
  while (ingest->active > 0)
    if (!mst_wait_until(&ingest->idle, &ingest->lock, has_limit ? &until : NULL))
      break;
  pthread_mutex_unlock(&ingest->lock);
}

void
mst_ingest_stop(mst_ingest *ingest)
{
  if (!ingest)
    return;
  pthread_mutex_lock(&ingest->lock);
  ingest->is_stopping = true;
  pthread_mutex_unlock(&ingest->lock);
  for (uint32_t i = 0; i < ingest->slot_count; i++)
    if (atomic_load(&ingest->slots[i].phase) == PHASE_RECEIVE)
      nng_aio_cancel(ingest->slots[i].aio);
  wait_idle(ingest, true);
  /* Nobody is inside nng_ctx_send while we hold the lock, and from now on nobody enters it. */
  pthread_mutex_lock(&ingest->lock);
  ingest->is_closing = true;
  pthread_mutex_unlock(&ingest->lock);
  if (ingest->is_open)
    (void)nng_close(ingest->socket);
  wait_idle(ingest, false); /* a peer that does not read its answer holds nothing up now */
  for (uint32_t i = 0; i < ingest->slot_count; i++) {
    nng_aio_stop(ingest->slots[i].aio);
    nng_aio_free(ingest->slots[i].aio);
    if (ingest->slots[i].message)
      nng_msg_free(ingest->slots[i].message);
    mst_buf_done(&ingest->slots[i].job.body);
  }
  mst_free(ingest->slots);
  mst_free(ingest->listeners);
  pthread_cond_destroy(&ingest->idle);
  pthread_mutex_destroy(&ingest->lock);
  mst_free(ingest);
}

mst_err
mst_ingest_url(const mst_ingest *ingest, uint32_t i, char *ret_url, size_t size_bytes, mst_errctx *ctx)
{
  char *url = NULL;
  nng_sockaddr at;

  if (i >= ingest->listener_count)
    return mst_fail(ctx, MST_EABSENT, "there is no listener %u", i);
  int failed = nng_listener_get_string(ingest->listeners[i], NNG_OPT_URL, &url);
  if (failed == 0)
    failed = nng_listener_get_addr(ingest->listeners[i], NNG_OPT_LOCADDR, &at);
  if (failed == 0) {
    const char *colon = strrchr(url, ':');
    unsigned port = at.s_family == NNG_AF_INET6 ? at.s_in6.sa_port : at.s_in.sa_port;
    snprintf(ret_url, size_bytes, "%.*s:%u", (int)(colon - url), url, ((port & 0xff) << 8) | port >> 8);
  }
  if (url)
    nng_strfree(url);
  return failed == 0 ? MST_OK : fail_nng(ctx, failed, "ask where it listens");
}
