/* TCP connections of probes; see dial.h. */
#include "dial.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include <mst/common/alloc.h>

enum { ADDRESSES_MAX = 16, REASON_BYTES = 256, PORT_BYTES = 8 };

/* What the resolver's thread holds: it may outlive the dial. */
typedef struct lookup {
  char host[MST_PROBE_HOST_BYTES], port[PORT_BYTES];
  struct addrinfo *found;
  int failed;
  mst_dial *dial; /* NULL: nobody waits any more */
} lookup;

struct mst_dial {
  mst_probe_attempt *attempt;
  mst_probe_address address;
  mst_dial_done done;
  mst_dial_closed closed;
  void *arg;
  lookup *lookup; /* under way */
  mst_probe_job *job;
  struct sockaddr_storage addresses[ADDRESSES_MAX];
  size_t address_count, at;
  uv_tcp_t socket;
  uv_connect_t connecting;
  bool has_socket, is_closing;

  uv_write_t writing;
  char *room;
  size_t room_bytes, got_bytes;
  mst_dial_got got;
};

static void
free_dial(mst_dial *dial)
{
  mst_dial_closed closed = dial->closed;
  void *arg = dial->arg;

  mst_free(dial);
  closed(arg);
}

static void
free_closed(uv_handle_t *handle)
{
  free_dial(handle->data);
}

void
mst_dial_close(mst_dial *dial)
{
  if (!dial || dial->is_closing)
    return;
  dial->is_closing = true;
  if (dial->lookup) {
    dial->lookup->dial = NULL;
    mst_probe_work_abandon(dial->job);
  }
  if (!dial->has_socket)
    free_dial(dial);
  else if (!uv_is_closing((uv_handle_t *)&dial->socket))
    uv_close((uv_handle_t *)&dial->socket, free_closed);
}

static mst_dial_outcome
outcome_of(int status, const char **ret_text)
{
  switch (status) {
  case UV_ECONNREFUSED:
    *ret_text = "refused";
    return MST_DIAL_REFUSED;
  case UV_EHOSTUNREACH:
    *ret_text = "no route to the host";
    return MST_DIAL_UNREACHABLE;
  case UV_ENETUNREACH:
    *ret_text = "network is unreachable";
    return MST_DIAL_UNREACHABLE;
  case UV_ETIMEDOUT:
    *ret_text = "timed out";
    return MST_DIAL_UNREACHABLE;
  case UV_EACCES: /* a REJECT of the local firewall's */
  case UV_EPERM:
    *ret_text = "not permitted by this host's firewall";
    return MST_DIAL_UNREACHABLE;
  default:
    *ret_text = uv_strerror(status);
    return MST_DIAL_FAILED;
  }
}

static void try_next(mst_dial *dial, int status);

static void
on_socket_closed(uv_handle_t *handle)
{
  mst_dial *dial = handle->data;
  int status = (int)(intptr_t)dial->connecting.data;

  dial->has_socket = false;
  if (dial->is_closing)
    free_dial(dial);
  else
    try_next(dial, status);
}

static void
on_connected(uv_connect_t *request, int status)
{
  mst_dial *dial = request->handle->data;

  if (status == UV_ECANCELED)
    return; /* it is being closed */
  if (status == 0) {
    mst_probe_phase(dial->attempt, "connect");
    dial->done(dial->arg, MST_DIAL_OPEN, "");
    return;
  }
  dial->connecting.data = (void *)(intptr_t)status;
  uv_close((uv_handle_t *)&dial->socket, on_socket_closed);
}

static void
fail(mst_dial *dial, int status)
{
  char reason[REASON_BYTES];
  const char *text;
  mst_dial_outcome outcome = outcome_of(status, &text);

  snprintf(reason, sizeof reason, "connect to %.200s:%u: %s", dial->address.host, dial->address.port, text);
  dial->done(dial->arg, outcome, reason);
}

/* status: of the address before. */
static void
try_next(mst_dial *dial, int status)
{
  while (dial->at < dial->address_count) {
    const struct sockaddr *address = (const struct sockaddr *)&dial->addresses[dial->at++];
    status = uv_tcp_init(mst_probe_loop(dial->attempt), &dial->socket);
    if (status != 0)
      continue;
    dial->has_socket = true;
    dial->socket.data = dial;
    status = uv_tcp_connect(&dial->connecting, &dial->socket, address, on_connected);
    if (status == 0)
      return;
    dial->connecting.data = (void *)(intptr_t)status;
    uv_close((uv_handle_t *)&dial->socket, on_socket_closed);
    return;
  }
  fail(dial, status);
}

static void
connect_all(mst_dial *dial)
{
  mst_probe_doing(dial->attempt, "connect to %.100s:%u", dial->address.host, dial->address.port);
  try_next(dial, 0);
}

/* ---- names ---- */

static void
look_up(void *arg)
{
  lookup *names = arg;
  const struct addrinfo wanted = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};

  names->failed = getaddrinfo(names->host, names->port, &wanted, &names->found);
}

static void
free_lookup(lookup *names)
{
  if (names->found)
    freeaddrinfo(names->found);
  mst_free(names);
}

static void
on_looked_up(void *arg, mst_probe_attempt *attempt)
{
  lookup *names = arg;
  mst_dial *dial = attempt ? names->dial : NULL;
  char reason[REASON_BYTES];

  if (!dial) {
    free_lookup(names);
    return;
  }
  dial->lookup = NULL;
  mst_probe_phase(attempt, "resolve");
  for (const struct addrinfo *one = names->found; names->failed == 0 && one && dial->address_count < ADDRESSES_MAX; one = one->ai_next)
    memcpy(&dial->addresses[dial->address_count++], one->ai_addr, one->ai_addrlen);
  int failed = names->failed;
  free_lookup(names);
  if (failed == 0 && dial->address_count > 0) {
    connect_all(dial);
    return;
  }
  snprintf(reason, sizeof reason, "look up %.150s: %.90s", dial->address.host, failed ? gai_strerror(failed) : "no address");
  dial->done(dial->arg, MST_DIAL_FAILED, reason);
}

static bool
begin_lookup(mst_dial *dial)
{
  lookup *names = mst_alloc(1, sizeof *names);

  if (!names) {
    mst_probe_fail(dial->attempt, "look up %.150s: out of memory", dial->address.host);
    return false;
  }
  snprintf(names->host, sizeof names->host, "%s", dial->address.host);
  snprintf(names->port, sizeof names->port, "%u", dial->address.port);
  names->dial = dial;
  mst_probe_doing(dial->attempt, "look up %.100s", dial->address.host);
  dial->lookup = names;
  dial->job = mst_probe_work(dial->attempt, look_up, on_looked_up, names);
  if (!dial->job)
    mst_free(names);
  return dial->job != NULL;
}

/* Whether the host is an address already; then it stands in addresses. */
static bool
is_literal(mst_dial *dial)
{
  struct sockaddr_storage *to = &dial->addresses[0];

  dial->address_count = uv_ip4_addr(dial->address.host, dial->address.port, (struct sockaddr_in *)to) == 0 ||
                        uv_ip6_addr(dial->address.host, dial->address.port, (struct sockaddr_in6 *)to) == 0;
  return dial->address_count == 1;
}

mst_dial *
mst_dial_begin(mst_probe_attempt *attempt, const mst_probe_address *address, mst_dial_done done, mst_dial_closed closed, void *arg)
{
  mst_dial *dial = mst_alloc(1, sizeof *dial);

  if (!dial) {
    mst_probe_fail(attempt, "connect to %.200s:%u: out of memory", address->host, address->port);
    return NULL;
  }
  *dial = (mst_dial){.attempt = attempt, .address = *address, .done = done, .closed = closed, .arg = arg};
  if (is_literal(dial)) {
    connect_all(dial);
    return dial;
  }
  if (begin_lookup(dial))
    return dial;
  mst_free(dial);
  return NULL;
}

bool
mst_dial_is_connecting(const mst_dial *dial)
{
  return dial->has_socket && !dial->lookup;
}

/* ---- reading and writing ---- */

static void
give_room(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_room)
{
  mst_dial *dial = handle->data;

  (void)suggested;
  *ret_room = uv_buf_init(dial->room + dial->got_bytes, (unsigned)(dial->room_bytes - dial->got_bytes)); /* empty: UV_ENOBUFS */
}

static void
on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
  mst_dial *dial = stream->data;

  (void)buffer;
  if (count == 0)
    return; /* nothing there yet */
  if (count > 0)
    dial->got_bytes += (size_t)count;
  else
    uv_read_stop(stream);
  dial->got(dial->arg, dial->got_bytes, count < 0 ? (int)count : 0);
}

void
mst_dial_read(mst_dial *dial, char *room, size_t room_bytes, mst_dial_got got)
{
  dial->room = room;
  dial->room_bytes = room_bytes;
  dial->got = got;
  (void)uv_read_start((uv_stream_t *)&dial->socket, give_room, on_read); /* fails only for a stream that is closing */
}

void
mst_dial_write(mst_dial *dial, const char *data, size_t size_bytes)
{
  uv_buf_t buffer = uv_buf_init((char *)(uintptr_t)data, (unsigned)size_bytes);

  (void)uv_write(&dial->writing, (uv_stream_t *)&dial->socket, &buffer, 1, NULL);
}
