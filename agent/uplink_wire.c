#include "uplink_wire.h"

#include <pthread.h>
#include <string.h>

#include <nng/nng.h>

#include <mst/common/alloc.h>
#include <mst/proto/envelope.h>
#include <mst/proto/frame.h>
#include <mst/proto/reply.h>

#include "uplink_dialer.h"

enum {
  REPLY_FRAME_MAX_BYTES = MST_FRAME_REQUEST_BYTES + MST_REPLY_MAX_BYTES,
  /* A usual reply is under 1 KB; the buffer grows for one that brings a plan, and shrinks again. */
  RECEIVE_LEAST_BYTES = 2048,
  /* More unsent messages than this, and the peer has stopped reading. */
  QUEUE_MAX = 16,
  TCP_DEADLINE_MS = 10000,
  /* A controller that takes back ten thousand agents at once needs up to 10 ms of a core for each handshake: patience wastes less
   * than trying again. */
  TLS_DEADLINE_MS = 30000,
};

typedef enum wire_state { WIRE_DOWN, WIRE_DIALING, WIRE_GREETING, WIRE_UP, WIRE_ENDING } wire_state;

typedef struct outgoing {
  struct outgoing *next;
  size_t size_bytes;
  uint8_t bytes[];
} outgoing;

/* One operation of nng at a time. */
typedef struct operation {
  mst_wire *wire; /* set before it begins */
  nng_aio *aio;
  bool is_busy; /* loop thread: begun, and its end not seen yet */
  bool is_done; /* under the lock, with came */
  mst_mono came;
} operation;

/* Of what nng's threads hand to loop threads. One for all connections: there are one or two, and it is held for nanoseconds. */
static pthread_mutex_t handover = PTHREAD_MUTEX_INITIALIZER;

struct mst_wire {
  mst_wire_setup setup;
  wire_state state;
  uv_async_t async;
  operation dial, send, receive;
  nng_stream_dialer *dialer; /* owned */
  nng_stream *stream;        /* owned */
  bool is_tls, is_closed, is_async_closed;
  int error; /* nng's, that ended it */
  const char *reason;
  outgoing *first, *last; /* unsent; the first one is being sent */
  size_t queued, sent_bytes;
  uint8_t *in; /* owned: received and not taken yet */
  size_t in_bytes, in_capacity;
};

static void end(mst_wire *wire);

/* ---- nng's threads ---- */

static void
on_done(void *arg)
{
  operation *op = arg;

  pthread_mutex_lock(&handover);
  op->is_done = true;
  op->came = mst_clock_mono(op->wire->setup.clock);
  uv_async_send(&op->wire->async); /* last, and under the lock: the loop may let go of everything once it has seen is_done */
  pthread_mutex_unlock(&handover);
}

/* ---- loop thread ---- */

static void
begin(operation *op)
{
  op->is_busy = true;
  pthread_mutex_lock(&handover);
  op->is_done = false;
  pthread_mutex_unlock(&handover);
}

static const char *
reason_of(const mst_wire *wire)
{
  if (wire->reason)
    return wire->reason;
  /* mbedTLS's own words do not come through nng. */
  if (wire->error == NNG_ECRYPTO || wire->error == NNG_EPEERAUTH)
    return "TLS failed: tls.ca_file is not the authority of its certificate, or the certificate lacks the name (tls.server_name, or the "
           "URL's host)";
  return nng_strerror(wire->error);
}

static void
fail(mst_wire *wire, int error, const char *reason)
{
  if (wire->state != WIRE_ENDING) {
    wire->error = error;
    wire->reason = reason;
    end(wire);
  }
}

static void
drop_queue(mst_wire *wire)
{
  while (wire->first) {
    outgoing *out = wire->first;
    wire->first = out->next;
    mst_free(out);
  }
  wire->last = NULL;
  wire->queued = wire->sent_bytes = 0;
}

/* When nothing of nng's is busy any more: lets go of everything, and says that it is down. */
static void
finish_ending(mst_wire *wire)
{
  if (wire->state != WIRE_ENDING || wire->dial.is_busy || wire->send.is_busy || wire->receive.is_busy)
    return;
  if (wire->stream)
    nng_stream_free(wire->stream);
  if (wire->dialer)
    nng_stream_dialer_free(wire->dialer);
  wire->stream = NULL;
  wire->dialer = NULL;
  drop_queue(wire);
  mst_free(wire->in);
  wire->in = NULL;
  wire->in_bytes = wire->in_capacity = 0;
  wire->state = WIRE_DOWN;
  if (!wire->is_closed)
    wire->setup.on_down(wire->setup.arg, reason_of(wire));
  else if (!wire->is_async_closed) {
    wire->is_async_closed = true;
    uv_close((uv_handle_t *)&wire->async, NULL);
  }
}

static void
end(mst_wire *wire)
{
  wire->state = WIRE_ENDING;
  if (wire->stream)
    nng_stream_close(wire->stream);
  /* What is busy ends now, and its callback comes. */
  if (wire->dial.is_busy)
    nng_aio_abort(wire->dial.aio, NNG_ECANCELED);
  if (wire->send.is_busy)
    nng_aio_abort(wire->send.aio, NNG_ECLOSED);
  if (wire->receive.is_busy)
    nng_aio_abort(wire->receive.aio, NNG_ECLOSED);
  uv_async_send(&wire->async); /* so that finishing never happens within the caller */
}

static void
send_more(mst_wire *wire)
{
  nng_iov iov;

  if (wire->send.is_busy || !wire->first)
    return;
  iov.iov_buf = wire->first->bytes + wire->sent_bytes;
  iov.iov_len = wire->first->size_bytes - wire->sent_bytes;
  begin(&wire->send);
  (void)nng_aio_set_iov(wire->send.aio, 1, &iov);
  nng_stream_send(wire->stream, wire->send.aio);
}

static void
receive_more(mst_wire *wire)
{
  nng_iov iov = {wire->in + wire->in_bytes, wire->in_capacity - wire->in_bytes};

  begin(&wire->receive);
  (void)nng_aio_set_iov(wire->receive.aio, 1, &iov);
  nng_stream_recv(wire->stream, wire->receive.aio);
}

static bool
enqueue(mst_wire *wire, const void *header, size_t header_bytes, const void *data, size_t size_bytes)
{
  outgoing *out = mst_alloc(1, sizeof *out + header_bytes + size_bytes);

  if (!out)
    return false;
  out->size_bytes = header_bytes + size_bytes;
  memcpy(out->bytes, header, header_bytes);
  if (size_bytes > 0)
    memcpy(out->bytes + header_bytes, data, size_bytes);
  if (wire->last)
    wire->last->next = out;
  else
    wire->first = out;
  wire->last = out;
  wire->queued++;
  return true;
}

static bool
size_buffer(mst_wire *wire, size_t capacity)
{
  uint8_t *in = mst_realloc(wire->in, capacity, 1);

  if (!in)
    return false;
  wire->in = in;
  wire->in_capacity = capacity;
  return true;
}

static void
greet(mst_wire *wire)
{
  const nng_duration deadline_ms = wire->is_tls ? TLS_DEADLINE_MS : TCP_DEADLINE_MS;

  wire->state = WIRE_GREETING;
  nng_aio_set_timeout(wire->send.aio, deadline_ms);
  nng_aio_set_timeout(wire->receive.aio, deadline_ms);
  if (!enqueue(wire, mst_frame_hello_request, sizeof mst_frame_hello_request, NULL, 0) || !size_buffer(wire, RECEIVE_LEAST_BYTES)) {
    fail(wire, NNG_ENOMEM, NULL);
    return;
  }
  send_more(wire);
  receive_more(wire);
}

static void
dialed(mst_wire *wire)
{
  int error = nng_aio_result(wire->dial.aio);

  if (error == 0)
    wire->stream = nng_aio_get_output(wire->dial.aio, 0);
  if (wire->state == WIRE_ENDING) {
    if (wire->stream)
      nng_stream_close(wire->stream);
    return;
  }
  if (error != 0)
    fail(wire, error, NULL);
  else
    greet(wire);
}

static void
sent(mst_wire *wire)
{
  int error = nng_aio_result(wire->send.aio);

  if (error != 0)
    fail(wire, error, NULL);
  if (wire->state == WIRE_ENDING)
    return;
  wire->sent_bytes += nng_aio_count(wire->send.aio);
  if (wire->sent_bytes >= wire->first->size_bytes) {
    outgoing *out = wire->first;
    wire->first = out->next;
    wire->last = wire->first ? wire->last : NULL;
    wire->queued--;
    wire->sent_bytes = 0;
    mst_free(out);
  }
  send_more(wire);
}

static void
take_hello(mst_wire *wire)
{
  if (wire->in_bytes < MST_FRAME_HELLO_BYTES)
    return;
  if (memcmp(wire->in, mst_frame_hello_reply, MST_FRAME_HELLO_BYTES) != 0) {
    fail(wire, NNG_EPROTO, "it is no muster controller (no nng REP socket)");
    return;
  }
  wire->in_bytes -= MST_FRAME_HELLO_BYTES;
  memmove(wire->in, wire->in + MST_FRAME_HELLO_BYTES, wire->in_bytes);
  nng_aio_set_timeout(wire->send.aio, NNG_DURATION_INFINITE); /* whoever waits for an answer keeps the time */
  nng_aio_set_timeout(wire->receive.aio, NNG_DURATION_INFINITE);
  wire->state = WIRE_UP;
  wire->setup.on_up(wire->setup.arg);
}

/* Hands on every whole frame, and makes room for the rest of the next one. */
static void
take_frames(mst_wire *wire, mst_mono came)
{
  size_t taken = 0;
  size_t needed = RECEIVE_LEAST_BYTES;

  while (wire->state == WIRE_UP && wire->in_bytes - taken >= MST_FRAME_HEADER_BYTES) {
    const uint8_t *at = wire->in + taken;
    uint64_t length = mst_frame_get(at, 8);
    uint32_t request = (uint32_t)mst_frame_get(at + 8, MST_FRAME_REQUEST_BYTES);
    if (length < MST_FRAME_REQUEST_BYTES || length > REPLY_FRAME_MAX_BYTES) {
      fail(wire, NNG_EMSGSIZE, "it sent a message of a size that no reply has");
      return;
    }
    needed = 8 + (size_t)length;
    if (wire->in_bytes - taken < needed)
      break;
    taken += needed;
    needed = RECEIVE_LEAST_BYTES;
    if (request & MST_FRAME_REQUEST_BIT)
      wire->setup.on_frame(wire->setup.arg, request & ~MST_FRAME_REQUEST_BIT, at + MST_FRAME_HEADER_BYTES,
                           (size_t)length - MST_FRAME_REQUEST_BYTES, came);
  }
  if (wire->state != WIRE_UP)
    return;
  wire->in_bytes -= taken;
  memmove(wire->in, wire->in + taken, wire->in_bytes);
  if (needed < RECEIVE_LEAST_BYTES)
    needed = RECEIVE_LEAST_BYTES;
  if ((needed > wire->in_capacity || (needed < wire->in_capacity && wire->in_bytes < needed)) && !size_buffer(wire, needed))
    fail(wire, NNG_ENOMEM, NULL);
}

static void
received(mst_wire *wire, mst_mono came)
{
  int error = nng_aio_result(wire->receive.aio);
  size_t count = nng_aio_count(wire->receive.aio);

  if (wire->state == WIRE_ENDING)
    return;
  if (error != 0 || count == 0) {
    fail(wire, error != 0 ? error : NNG_ECONNSHUT, NULL);
    return;
  }
  wire->in_bytes += count;
  if (wire->state == WIRE_GREETING)
    take_hello(wire);
  if (wire->state == WIRE_UP)
    take_frames(wire, came);
  if (wire->state == WIRE_UP || wire->state == WIRE_GREETING)
    receive_more(wire);
}

/* True once for each end of the operation. */
static bool
take_done(operation *op, mst_mono *ret_came)
{
  pthread_mutex_lock(&handover);
  bool is_done = op->is_done;
  op->is_done = false;
  *ret_came = op->came;
  pthread_mutex_unlock(&handover);
  if (is_done)
    op->is_busy = false;
  return is_done;
}

static void
on_async(uv_async_t *async)
{
  mst_wire *wire = async->data;
  mst_mono came;

  if (take_done(&wire->dial, &came))
    dialed(wire);
  if (take_done(&wire->send, &came))
    sent(wire);
  if (take_done(&wire->receive, &came))
    received(wire, came);
  finish_ending(wire);
}

/* ---- what others call ---- */

mst_err
mst_wire_dial(mst_wire *wire, const mst_wire_target *target, mst_errctx *ctx)
{
  mst_err err;

  if (wire->state != WIRE_DOWN || wire->is_closed)
    return mst_fail(ctx, MST_ESTATE, "%s: there is a connection already", target->url);
  wire->is_tls = strncmp(target->url, "tls+", 4) == 0;
  err = mst_uplink_dialer_make(target, &wire->dialer, ctx);
  if (err != MST_OK)
    return err;
  wire->state = WIRE_DIALING;
  wire->error = 0;
  wire->reason = NULL;
  begin(&wire->dial);
  nng_aio_set_timeout(wire->dial.aio, TCP_DEADLINE_MS);
  nng_stream_dialer_dial(wire->dialer, wire->dial.aio);
  return MST_OK;
}

mst_err
mst_wire_send(mst_wire *wire, uint32_t request, const void *data, size_t size_bytes, mst_errctx *ctx)
{
  uint8_t header[MST_FRAME_HEADER_BYTES];

  if (wire->state != WIRE_UP)
    return mst_fail(ctx, MST_ESTATE, "the link is down");
  if (wire->queued >= QUEUE_MAX || size_bytes > MST_ENVELOPE_MAX_BYTES)
    return mst_fail(ctx, MST_ELIMIT, "%zu messages are unsent, the next has %zu bytes", wire->queued, size_bytes);
  mst_frame_put(header, MST_FRAME_REQUEST_BYTES + (uint64_t)size_bytes, 8);
  mst_frame_put(header + 8, request | MST_FRAME_REQUEST_BIT, MST_FRAME_REQUEST_BYTES);
  if (!enqueue(wire, header, sizeof header, data, size_bytes))
    return mst_fail(ctx, MST_ENOMEM, "out of memory for a message of %zu bytes", size_bytes);
  send_more(wire);
  return MST_OK;
}

void
mst_wire_hang_up(mst_wire *wire, const char *reason)
{
  if (wire->state != WIRE_DOWN)
    fail(wire, NNG_ECLOSED, reason);
}

static mst_err
open_operation(mst_wire *wire, operation *op, mst_errctx *ctx)
{
  op->wire = wire;
  int rv = nng_aio_alloc(&op->aio, on_done, op);
  return rv == 0 ? MST_OK : mst_fail(ctx, MST_ENOMEM, "set up a connection: %s", nng_strerror(rv));
}

static void
close_operation(operation *op)
{
  if (op->aio)
    nng_aio_free(op->aio);
  op->aio = NULL;
}

mst_err
mst_wire_create(const mst_wire_setup *setup, mst_wire **ret_wire, mst_errctx *ctx)
{
  mst_wire *wire = mst_alloc(1, sizeof *wire);

  if (!wire)
    return mst_fail(ctx, MST_ENOMEM, "out of memory for a connection");
  wire->setup = *setup;
  mst_err err = open_operation(wire, &wire->dial, ctx);
  if (err == MST_OK)
    err = open_operation(wire, &wire->send, ctx);
  if (err == MST_OK)
    err = open_operation(wire, &wire->receive, ctx);
  if (err == MST_OK && uv_async_init(setup->loop, &wire->async, on_async) != 0)
    err = mst_fail(ctx, MST_EIO, "no wake-up for a connection");
  if (err != MST_OK) {
    mst_wire_destroy(wire);
    return err;
  }
  wire->async.data = wire;
  *ret_wire = wire;
  return MST_OK;
}

void
mst_wire_close(mst_wire *wire)
{
  if (wire->is_closed)
    return;
  wire->is_closed = true;
  if (wire->state == WIRE_DOWN)
    wire->state = WIRE_ENDING;
  else
    fail(wire, NNG_ECLOSED, "closed here");
  finish_ending(wire);
}

void
mst_wire_destroy(mst_wire *wire)
{
  if (!wire)
    return;
  close_operation(&wire->dial);
  close_operation(&wire->send);
  close_operation(&wire->receive);
  mst_free(wire);
}
