/* The listener's thread; see server.h. libmicrohttpd is run by a loop of ours, so that a connection has a time limit as a whole: its own
 * begins anew with every byte that drips in. */
#include "server.h"

#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <mst/common/alloc.h>

#include "exchange.h"

enum {
  CONNECTIONS_MAX = 64,
  BACKLOG = 64,
  REQUEST_MEMORY_BYTES = 16 * 1024, /* headers of one request */
  THREAD_STACK_BYTES = 256 * 1024,
  SWEEP_MS = 250,
  BODIES = 4, /* bodies of the greatest size that may be held at a time */
};
/* From the connection, or the head of a request, to its end. */
static const int64_t request_limit_ns = 10 * MST_NS_PER_S;
/* Exporters keep their connection from one export to the next, a minute by default. */
static const int64_t idle_limit_ns = 75 * MST_NS_PER_S;
/* When all places are taken, who has asked nothing for so long makes room. */
static const int64_t crowded_limit_ns = MST_NS_PER_S;

typedef enum phase { FREE, SILENT, ASKING, IDLE } phase; /* SILENT: has not asked yet */

typedef struct place {
  int fd; /* borrowed from libmicrohttpd; valid until phase is FREE */
  phase phase;
  mst_mono since;
} place;

/* One request while it comes in. */
typedef struct visit {
  mst_otlp_exchange exchange;
  mst_buf body;
  uint64_t came_bytes;
  bool is_answered;
} visit;

struct mst_otlp_server {
  struct MHD_Daemon *daemon;
  mst_otlp_server_setup setup;
  pthread_t thread;
  int wake_fd, loop_fd;
  unsigned port;
  atomic_bool is_stopping;
  place places[CONNECTIONS_MAX]; /* this and the rest: of the thread */
  size_t held_bytes;             /* in bodies that are not whole yet */
  size_t used_before;            /* places, when it last waited */
};

static place *
place_of(struct MHD_Connection *connection)
{
  const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

  return info ? info->socket_context : NULL;
}

static void
enter(mst_otlp_server *server, place *at, phase next)
{
  if (!at)
    return;
  at->phase = next;
  at->since = mst_clock_mono(server->setup.clock);
}

static void
on_connection(void *cls, struct MHD_Connection *connection, void **context, enum MHD_ConnectionNotificationCode what)
{
  mst_otlp_server *server = cls;

  if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
    if (*context)
      *(place *)*context = (place){0};
    return;
  }
  const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
  for (size_t i = 0; info && i < CONNECTIONS_MAX; i++) {
    place *at = &server->places[i];

    if (at->phase != FREE)
      continue;
    at->fd = info->connect_fd;
    enter(server, at, SILENT);
    *context = at;
    return;
  }
}

static void
let_go(mst_otlp_server *server, visit *guest)
{
  server->held_bytes -= guest->body.size_bytes;
  mst_buf_done(&guest->body);
}

static void
on_completed(void *cls, struct MHD_Connection *connection, void **state, enum MHD_RequestTerminationCode why)
{
  mst_otlp_server *server = cls;
  visit *guest = *state;

  (void)why;
  enter(server, place_of(connection), IDLE);
  if (!guest)
    return;
  if (!guest->is_answered)
    mst_otlp_book_refuse(server->setup.book, guest->exchange.path, guest->exchange.is_refused ? guest->exchange.reason : MST_OTLP_CUT);
  let_go(server, guest);
  mst_free(guest);
  *state = NULL;
}

static enum MHD_Result
send_answer(struct MHD_Connection *connection, mst_otlp_answer *answer)
{
  size_t size = 0;
  void *body = mst_buf_take(&answer->body, &size);
  struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback(size, body, mst_free);

  if (!response) {
    mst_free(body);
    return MHD_NO;
  }
  MHD_add_response_header(response, "Content-Type", answer->type);
  if (answer->status == 405)
    MHD_add_response_header(response, "Allow", "POST");
  if (answer->status == 503)
    MHD_add_response_header(response, "Retry-After", "5");
  enum MHD_Result queued = MHD_queue_response(connection, answer->status, response);
  MHD_destroy_response(response);
  return queued;
}

static enum MHD_Result
finish(mst_otlp_server *server, struct MHD_Connection *connection, visit *guest)
{
  const mst_otlp_server_setup *setup = &server->setup;
  mst_otlp_answer answer = {0};

  mst_otlp_exchange_answer(&guest->exchange, setup->wanted, setup->book, guest->body.data, guest->body.size_bytes, setup->body_max,
                           &answer);
  guest->is_answered = true;
  let_go(server, guest);
  enum MHD_Result sent = send_answer(connection, &answer);
  mst_buf_done(&answer.body);
  return sent;
}

/* A body that is refused is thrown away as it comes, so that its sender can read why; up to twice what a body may have. */
static enum MHD_Result
take_part(mst_otlp_server *server, visit *guest, const char *data, size_t size_bytes)
{
  size_t most = server->setup.body_max;

  guest->came_bytes += size_bytes;
  if (guest->came_bytes > most)
    mst_otlp_exchange_refuse(&guest->exchange, MST_OTLP_TOO_LARGE);
  else if (server->held_bytes + size_bytes > BODIES * most)
    mst_otlp_exchange_refuse(&guest->exchange, MST_OTLP_BUSY);
  if (guest->exchange.is_refused) {
    let_go(server, guest);
    mst_buf_init(&guest->body, most);
    return guest->came_bytes <= 2 * most ? MHD_YES : MHD_NO;
  }
  size_t before = guest->body.size_bytes;
  mst_buf_append(&guest->body, data, size_bytes);
  server->held_bytes += guest->body.size_bytes - before;
  if (guest->body.failed != MST_OK)
    mst_otlp_exchange_refuse(&guest->exchange, MST_OTLP_BUSY);
  return MHD_YES;
}

static const char *
header(struct MHD_Connection *connection, const char *name)
{
  return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

/* libmicrohttpd calls this once when the head is there, once for each part of the body, and once at its end. */
static enum MHD_Result
serve(void *cls, struct MHD_Connection *connection, const char *url, const char *method, const char *version, const char *data,
      size_t *data_bytes, void **state)
{
  mst_otlp_server *server = cls;
  visit *guest = *state;

  (void)version;
  if (guest && *data_bytes > 0) {
    size_t size = *data_bytes;

    *data_bytes = 0;
    return take_part(server, guest, data, size);
  }
  if (guest)
    return finish(server, connection, guest);
  guest = mst_alloc(1, sizeof *guest);
  if (!guest)
    return MHD_NO;
  mst_buf_init(&guest->body, server->setup.body_max);
  guest->exchange = mst_otlp_exchange_begin(&(mst_otlp_head){
      .method = method, .path = url, .type = header(connection, "Content-Type"), .encoding = header(connection, "Content-Encoding")});
  *state = guest;
  enter(server, place_of(connection), ASKING);
  return MHD_YES;
}

static size_t
count_used(const mst_otlp_server *server)
{
  size_t used = 0;

  for (size_t i = 0; i < CONNECTIONS_MAX; i++)
    used += server->places[i].phase != FREE;
  return used;
}

/* Ends what is over its time. The descriptor stays libmicrohttpd's: it sees the end of the connection and closes it. */
static void
sweep(mst_otlp_server *server)
{
  mst_mono now = mst_clock_mono(server->setup.clock);
  bool is_crowded = count_used(server) == CONNECTIONS_MAX;

  for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
    const place *at = &server->places[i];
    int64_t limit_ns = at->phase == IDLE ? idle_limit_ns : request_limit_ns;

    if (is_crowded && at->phase != ASKING)
      limit_ns = crowded_limit_ns;
    if (at->phase != FREE && now.ns - at->since.ns > limit_ns)
      (void)!shutdown(at->fd, SHUT_RDWR);
  }
}

/* How long there is nothing to do. A place that became free is seen by libmicrohttpd only when it runs again: it then accepts who waits. */
static int
wait_ms(mst_otlp_server *server)
{
  unsigned MHD_LONG_LONG own_ms;
  size_t used = count_used(server), before = server->used_before;

  server->used_before = used;
  if (used < before)
    return 0;
  if (MHD_get_timeout(server->daemon, &own_ms) == MHD_YES && own_ms < SWEEP_MS)
    return (int)own_ms;
  return used > 0 ? SWEEP_MS : -1;
}

static void *
run(void *arg)
{
  mst_otlp_server *server = arg;

  while (!atomic_load(&server->is_stopping)) {
    struct pollfd on[] = {{.fd = server->loop_fd, .events = POLLIN}, {.fd = server->wake_fd, .events = POLLIN}};

    (void)!poll(on, 2, wait_ms(server));
    MHD_run(server->daemon);
    sweep(server);
  }
  MHD_stop_daemon(server->daemon); /* closes the listening socket too */
  return NULL;
}

/* -1: ctx says why. */
static int
listen_at(mst_otlp_server *server, mst_errctx *ctx)
{
  const mst_otlp_server_setup *setup = &server->setup;
  struct sockaddr_storage bound;
  socklen_t bound_bytes = sizeof bound;
  int one = 1, fd = socket(setup->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

  if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
      bind(fd, (const struct sockaddr *)&setup->address, setup->address_bytes) == 0 && listen(fd, BACKLOG) == 0 &&
      getsockname(fd, (struct sockaddr *)&bound, &bound_bytes) == 0) {
    struct sockaddr_in four;

    memcpy(&four, &bound, sizeof four); /* the port stands at the same place in both families */
    server->port = ntohs(four.sin_port);
    return fd;
  }
  (void)!mst_fail_errno(ctx, MST_EIO, "otlp: listen at the option \"address\"%s",
                        errno == EADDRINUSE ? " (another program, perhaps a collector, has it)" : "");
  if (fd >= 0)
    close(fd);
  return -1;
}

static mst_err
start_daemon(mst_otlp_server *server, mst_errctx *ctx)
{
  int fd = listen_at(server, ctx);

  if (fd < 0)
    return MST_EIO;
  server->daemon =
      MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, serve, server, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_COMPLETED, on_completed,
                       server, MHD_OPTION_NOTIFY_CONNECTION, on_connection, server, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
                       MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)REQUEST_MEMORY_BYTES, MHD_OPTION_END);
  if (!server->daemon)
    return mst_fail(ctx, MST_EIO, "otlp: libmicrohttpd would not start; are there descriptors left?");
  server->loop_fd = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
  return MST_OK;
}

/* No signal is handled here: they are the main thread's. */
static mst_err
start_thread(mst_otlp_server *server, mst_errctx *ctx)
{
  pthread_attr_t attributes;
  sigset_t all, before;

  sigfillset(&all);
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, THREAD_STACK_BYTES);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int failed = pthread_create(&server->thread, &attributes, run, server);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  if (failed != 0) {
    errno = failed;
    return mst_fail_errno(ctx, MST_EIO, "otlp: start its thread");
  }
  return MST_OK;
}

mst_err
mst_otlp_server_start(const mst_otlp_server_setup *setup, mst_otlp_server **ret_server, mst_errctx *ctx)
{
  mst_otlp_server *server = mst_alloc(1, sizeof *server);

  if (!server)
    return mst_fail(ctx, MST_ENOMEM, "otlp: no memory for the listener");
  server->setup = *setup;
  atomic_init(&server->is_stopping, false);
  server->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  mst_err err = server->wake_fd < 0 ? mst_fail_errno(ctx, MST_EIO, "otlp: make an event descriptor") : start_daemon(server, ctx);
  if (err == MST_OK) {
    err = start_thread(server, ctx);
    if (err != MST_OK)
      MHD_stop_daemon(server->daemon);
  }
  if (err != MST_OK) {
    if (server->wake_fd >= 0)
      close(server->wake_fd);
    mst_free(server);
    return err;
  }
  *ret_server = server;
  return MST_OK;
}

void
mst_otlp_server_stop(mst_otlp_server *server)
{
  const uint64_t one = 1;

  if (!server)
    return;
  atomic_store(&server->is_stopping, true);
  (void)!write(server->wake_fd, &one, sizeof one);
  pthread_join(server->thread, NULL);
  close(server->wake_fd);
  mst_free(server);
}

unsigned
mst_otlp_server_port(const mst_otlp_server *server)
{
  return server->port;
}
