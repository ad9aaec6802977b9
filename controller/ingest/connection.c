/* One agent's connection: SP frames in, answers out. Everything here runs on the connection's loop. */
#include <string.h>
#include <sys/socket.h>
#include <netdb.h>
#include <stdio.h>
#include <unistd.h>

#include <mst/common/alloc.h>
#include <mst/common/log.h>

#include "ingest/server.h"
#include "keeper.h"

enum {
  READS_PER_TURN = 16,
  STRANGERS_PER_TURN = 64, /* at once, because finding them may mean passing over all that are known */
};
/* For the handshake and the hello together: when a whole fleet comes back at once, the last waits for the handshakes of all others. */
static const int64_t greeting_patience_ns = 120 * MST_NS_PER_S;
/* For a message from its first byte to its last. */
static const int64_t message_patience_ns = 60 * MST_NS_PER_S;
/* For a peer to take any of the answers that wait for it. */
static const int64_t answer_patience_ns = 30 * MST_NS_PER_S;

struct mst_connection {
  mst_loop *loop;
  mst_connection *next, *before;
  mst_connection *next_waiting;
  uv_poll_t poll;
  int events;
  mst_transport transport;
  mst_buf in;  /* a message that is not complete, or whose turn has not come */
  mst_buf out; /* what is not sent yet, from out_sent on */
  size_t out_sent;
  uint32_t in_flight;
  bool is_greeted, is_known, is_waiting, is_stopping, is_ending, is_closed; /* is_known: it has brought an agent's envelope */
  int64_t in_since_ns, out_since_ns;                                        /* of loop_now; 0: nothing is outstanding */
};

static int64_t
loop_now(const mst_loop *loop)
{
  return mst_clock_mono(loop->ingest->core->clock).ns + 1; /* never 0 */
}

/* ---- the end ---- */

static void
on_closed(uv_handle_t *handle)
{
  mst_connection *connection = handle->data;

  connection->is_closed = true;
  if (connection->in_flight == 0)
    mst_free(connection);
}

static void
leave_waiting(mst_connection *connection)
{
  mst_connection **at = &connection->loop->waiting;

  while (*at && *at != connection)
    at = &(*at)->next_waiting;
  if (*at)
    *at = connection->next_waiting;
  connection->is_waiting = false;
}

static void
end(mst_connection *connection)
{
  mst_loop *loop = connection->loop;

  if (connection->is_ending)
    return;
  connection->is_ending = true;
  if (connection->is_waiting)
    leave_waiting(connection);
  if (connection->before)
    connection->before->next = connection->next;
  else
    loop->connections = connection->next;
  if (connection->next)
    connection->next->before = connection->before;
  else
    loop->oldest = connection->before;
  loop->connection_count--;
  loop->partial_bytes -= connection->in.size_bytes;
  mst_buf_done(&connection->in);
  mst_buf_done(&connection->out);
  uv_close((uv_handle_t *)&connection->poll, on_closed); /* from here on the loop no longer looks at the descriptor */
  mst_transport_close(&connection->transport);
}

/* With a line in the log that names the peer. */
static void
end_because(mst_connection *connection, const char *event, const char *reason)
{
  struct sockaddr_storage at = {0};
  socklen_t size_bytes = sizeof at;
  char host[64] = "", port[8] = "", peer[80];

  if (getpeername(connection->transport.fd, (struct sockaddr *)&at, &size_bytes) == 0)
    (void)getnameinfo((struct sockaddr *)&at, size_bytes, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
  snprintf(peer, sizeof peer, "%s:%s", host, port);
  mst_log(MST_LOG_WARN, event, "peer", peer, "reason", reason, NULL);
  end(connection);
}

/* ---- what the loop looks for ---- */

static void on_ready(uv_poll_t *handle, int status, int events);

static bool
has_unsent(const mst_connection *connection)
{
  return connection->out.size_bytes > connection->out_sent;
}

/* Whoever does not read its answers is not read either: what waits for it is what it had under way. */
static bool
may_read(const mst_connection *connection)
{
  return !connection->is_ending && !connection->is_waiting && !connection->is_stopping &&
         (!has_unsent(connection) || !connection->transport.is_ready);
}

static void
watch(mst_connection *connection)
{
  int events = 0;

  if (connection->is_ending)
    return;
  if (may_read(connection) && !connection->transport.wants_write)
    events |= UV_READABLE;
  if (connection->transport.is_ready ? has_unsent(connection) : connection->transport.wants_write)
    events |= UV_WRITABLE;
  if (events == connection->events)
    return;
  connection->events = events;
  if (events == 0)
    (void)uv_poll_stop(&connection->poll);
  else if (uv_poll_start(&connection->poll, events, on_ready) != 0)
    end(connection);
}

/* Its turn comes again with the next wake of the loop. */
static void
wait_turn(mst_connection *connection)
{
  if (connection->is_waiting)
    return;
  connection->is_waiting = true;
  connection->next_waiting = connection->loop->waiting;
  connection->loop->waiting = connection;
}

/* ---- out ---- */

static void
flush(mst_connection *connection)
{
  mst_buf *out = &connection->out;
  const size_t before = connection->out_sent;

  while (has_unsent(connection)) {
    ssize_t sent = mst_transport_send(&connection->transport, out->data + connection->out_sent, out->size_bytes - connection->out_sent);
    if (sent == MST_TRANSPORT_AGAIN) {
      if (connection->out_since_ns == 0 || connection->out_sent > before)
        connection->out_since_ns = loop_now(connection->loop);
      return;
    }
    if (sent == MST_TRANSPORT_ENDED) {
      end(connection);
      return;
    }
    connection->out_sent += (size_t)sent;
  }
  mst_buf_done(out); /* ten thousand connections keep no memory for what they rarely need */
  mst_buf_init(out, MST_SERVER_UNSENT_MAX_BYTES);
  connection->out_sent = 0;
  connection->out_since_ns = 0;
}

static void
send_answer(mst_connection *connection, mst_buf *answer)
{
  mst_buf *out = &connection->out;

  if (out->size_bytes > 0) {
    mst_buf_append(out, answer->data, answer->size_bytes);
    if (out->failed != MST_OK) {
      end_because(connection, "agent-disconnected", "it does not read its answers");
      return;
    }
  } else if (answer->size_bytes > 0) {
    mst_buf_done(out);
    *out = *answer;
    out->max_bytes = MST_SERVER_UNSENT_MAX_BYTES;
    mst_buf_init(answer, 0);
  }
  flush(connection);
  watch(connection);
}

void
mst_connection_answer(mst_work *work)
{
  mst_connection *connection = work->connection;

  connection->in_flight--;
  connection->loop->in_flight--;
  connection->is_known = connection->is_known || work->job.status != MST_REPLY_REFUSED;
  if (!connection->is_ending)
    send_answer(connection, &work->answer);
  else if (connection->is_closed && connection->in_flight == 0)
    mst_free(connection);
  mst_work_free(work);
}

/* ---- in ---- */

/* The numbers of the request stand before the envelope; the last one has its highest bit set. */
static void
take_message(mst_connection *connection, const uint8_t *message, size_t size_bytes)
{
  for (size_t at = 0; at < MST_SERVER_HEAD_MAX_BYTES && at + MST_FRAME_REQUEST_BYTES <= size_bytes; at += MST_FRAME_REQUEST_BYTES)
    if (mst_frame_get(message + at, MST_FRAME_REQUEST_BYTES) & MST_FRAME_REQUEST_BIT) {
      mst_work *work = mst_work_begin(connection->loop, connection, message, size_bytes, at + MST_FRAME_REQUEST_BYTES);
      if (!work)
        return;
      connection->in_flight++;
      connection->loop->in_flight++;
      mst_keeper_push(connection->loop->ingest->core->keeper, &work->job);
      return;
    }
  mst_core_count_refusal(connection->loop->ingest->core, MST_REFUSED_MALFORMED, NULL, "the message is no request");
}

static bool
must_wait(const mst_connection *connection)
{
  return connection->in_flight >= MST_SERVER_PER_CONNECTION || connection->loop->in_flight >= connection->loop->ingest->in_flight_max;
}

/* How much of it was used; the connection may have ended. */
static size_t
take_messages(mst_connection *connection, const uint8_t *data, size_t size_bytes)
{
  size_t used = 0;

  if (!connection->is_greeted) {
    if (size_bytes < MST_FRAME_HELLO_BYTES)
      return 0;
    if (memcmp(data, mst_frame_hello_request, MST_FRAME_HELLO_BYTES) != 0) {
      end_because(connection, "not-an-agent", "it does not begin as nng's REQ protocol does");
      return size_bytes;
    }
    connection->is_greeted = true;
    used = MST_FRAME_HELLO_BYTES;
  }
  while (size_bytes - used >= MST_FRAME_LENGTH_BYTES) {
    uint64_t message_bytes = mst_frame_get(data + used, MST_FRAME_LENGTH_BYTES);
    if (message_bytes > MST_SERVER_MESSAGE_MAX_BYTES) {
      mst_core_count_refusal(connection->loop->ingest->core, MST_REFUSED_OVERSIZED, NULL, "the connection was closed");
      end(connection);
      return size_bytes;
    }
    if (size_bytes - used - MST_FRAME_LENGTH_BYTES < message_bytes)
      break;
    if (must_wait(connection)) {
      wait_turn(connection);
      break;
    }
    take_message(connection, data + used + MST_FRAME_LENGTH_BYTES, (size_t)message_bytes);
    used += MST_FRAME_LENGTH_BYTES + (size_t)message_bytes;
  }
  return used;
}

/* What is left of `size_bytes` bytes after the first `used` becomes the input; they may be in the input already. */
static void
keep_rest(mst_connection *connection, const uint8_t *data, size_t size_bytes, size_t used)
{
  mst_buf *in = &connection->in;
  const size_t rest = size_bytes - used;

  connection->loop->partial_bytes -= in->size_bytes;
  if (rest == 0) {
    mst_buf_done(in);
    mst_buf_init(in, in->max_bytes);
  } else if (data == in->data) {
    memmove(in->data, in->data + used, rest);
    in->size_bytes = rest;
  } else {
    mst_buf_append(in, data + used, rest);
  }
  connection->loop->partial_bytes += in->size_bytes;
  if (!connection->is_greeted)
    return;
  if (rest == 0)
    connection->in_since_ns = 0;
  else if (connection->in_since_ns == 0 || used > 0)
    connection->in_since_ns = loop_now(connection->loop);
  if (in->failed != MST_OK || connection->loop->partial_bytes > MST_SERVER_PARTIAL_MAX_BYTES)
    end_because(connection, "agent-disconnected", "there is no memory for more incomplete messages");
}

static void
feed(mst_connection *connection, const uint8_t *data, size_t size_bytes)
{
  mst_buf *in = &connection->in;

  if (in->size_bytes > 0) {
    connection->loop->partial_bytes += size_bytes;
    mst_buf_append(in, data, size_bytes);
    if (in->failed != MST_OK) {
      connection->loop->partial_bytes -= size_bytes;
      end_because(connection, "agent-disconnected", "there is no memory for its message");
      return;
    }
    data = in->data;
    size_bytes = in->size_bytes;
  }
  size_t used = take_messages(connection, data, size_bytes);
  if (!connection->is_ending)
    keep_rest(connection, data, size_bytes, used);
}

static void
read_turn(mst_connection *connection)
{
  mst_loop *loop = connection->loop;
  int reads = 0;

  while (may_read(connection)) {
    if (reads++ == READS_PER_TURN) {
      wait_turn(connection); /* TLS may hold bytes that the kernel does not know of */
      mst_loop_wake(loop);
      return;
    }
    ssize_t received = mst_transport_receive(&connection->transport, loop->scratch, MST_SERVER_READ_BYTES);
    if (received == MST_TRANSPORT_AGAIN)
      return;
    if (received == MST_TRANSPORT_ENDED) {
      if (connection->transport.failure)
        end_because(connection, "tls-handshake-failed", connection->transport.failure);
      else
        end(connection);
      return;
    }
    feed(connection, loop->scratch, (size_t)received);
    if (!connection->transport.tls && received < MST_SERVER_READ_BYTES)
      return;
  }
}

static void
on_ready(uv_poll_t *handle, int status, int events)
{
  mst_connection *connection = handle->data;

  (void)events;
  if (status < 0)
    connection->events = 0; /* libuv looks no longer; there may be bytes before the end, which then comes at the next look */
  if (connection->transport.is_ready)
    flush(connection);
  read_turn(connection); /* TLS may have kept bytes while answers were unsent */
  if (connection->transport.is_ready && !connection->is_ending)
    flush(connection); /* the hello, after a handshake */
  watch(connection);
}

static void
resume(mst_connection *connection)
{
  connection->is_waiting = false;
  if (connection->in.size_bytes > 0) {
    size_t used = take_messages(connection, connection->in.data, connection->in.size_bytes);
    if (!connection->is_ending)
      keep_rest(connection, connection->in.data, connection->in.size_bytes, used);
  }
  if (!connection->is_ending)
    read_turn(connection);
  if (!connection->is_ending)
    flush(connection);
  watch(connection);
}

void
mst_connection_resume_waiting(mst_loop *loop)
{
  mst_connection *first = loop->waiting, *next;

  /* Whoever has to wait again comes into a new list. A turn ends no connection but its own. */
  loop->waiting = NULL;
  for (; first; first = next) {
    next = first->next_waiting;
    resume(first);
  }
}

/* ---- the beginning ---- */

bool
mst_connection_make_room(mst_loop *loop)
{
  uint32_t ended = 0;

  for (mst_connection *connection = loop->oldest, *before; connection && ended < STRANGERS_PER_TURN; connection = before) {
    before = connection->before;
    if (connection->is_known || connection->in_flight > 0)
      continue;
    end(connection);
    ended++;
  }
  if (ended > 0)
    mst_log(MST_LOG_WARN, "strangers-disconnected", "reason", "there are too many connections that bring nothing of a known agent", NULL);
  return ended > 0;
}

void
mst_connection_accept(mst_loop *loop, int fd, bool is_tls)
{
  mst_connection *connection = mst_alloc(1, sizeof *connection);
  mst_errctx ctx = {0};

  if (!connection) {
    (void)close(fd);
    return;
  }
  connection->loop = loop;
  connection->poll.data = connection;
  mst_buf_init(&connection->in, MST_SERVER_MESSAGE_MAX_BYTES + MST_FRAME_LENGTH_BYTES + MST_SERVER_READ_BYTES);
  mst_buf_init(&connection->out, MST_SERVER_UNSENT_MAX_BYTES);
  if (uv_poll_init(&loop->uv, &connection->poll, fd) != 0) {
    (void)close(fd);
    mst_free(connection);
    return;
  }
  connection->next = loop->connections;
  if (connection->next)
    connection->next->before = connection;
  else
    loop->oldest = connection;
  loop->connections = connection;
  loop->connection_count++;
  connection->in_since_ns = loop_now(loop);
  if (mst_transport_open(&connection->transport, fd, is_tls ? loop->ingest->credentials : NULL, &ctx) != MST_OK) {
    mst_log(MST_LOG_ERROR, "tls-failed", "reason", ctx.text, NULL);
    end(connection);
    return;
  }
  mst_buf_append(&connection->out, mst_frame_hello_reply, MST_FRAME_HELLO_BYTES);
  if (!is_tls)
    flush(connection);
  watch(connection);
}

void
mst_connection_sweep(mst_loop *loop)
{
  const int64_t now_ns = loop_now(loop);

  for (mst_connection *connection = loop->connections, *next; connection; connection = next) {
    next = connection->next;
    int64_t patience_ns = connection->is_greeted ? message_patience_ns : greeting_patience_ns;
    if (connection->in_since_ns != 0 && !connection->is_waiting && now_ns - connection->in_since_ns > patience_ns)
      end_because(connection, "agent-disconnected", connection->is_greeted ? "its message does not end" : "it does not say hello");
    else if (connection->out_since_ns != 0 && now_ns - connection->out_since_ns > answer_patience_ns)
      end_because(connection, "agent-disconnected", "it does not read its answers");
  }
}

static void
stop(mst_connection *connection, bool now)
{
  connection->is_stopping = true;
  if (connection->is_waiting)
    leave_waiting(connection);
  bool has_more = connection->in_flight > 0 || has_unsent(connection);
  if (now || !connection->is_greeted || !has_more)
    end(connection);
  else
    watch(connection);
}

void
mst_connection_stop_all(mst_loop *loop, bool now)
{
  for (mst_connection *connection = loop->connections, *next; connection; connection = next) {
    next = connection->next;
    stop(connection, now);
  }
}
