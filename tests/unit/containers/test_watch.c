#include "fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <mst/common/alloc.h>
#include <mst/common/wait.h>

#include "watch.h"

/* A daemon that fails in ways which a real one cannot be made to. Each connection has a thread, so that a silent one holds up no other. */
enum mode { WELL, SILENT, GARBAGE, ENDLESS, HALF, BROKEN, TOO_OLD, SILENT_LATER };
enum { THREADS_MAX = 256, REQUEST_BYTES = 4096 };

struct daemon {
  char path[64];
  int socket_fd;
  atomic_int mode;
  atomic_bool is_stopping;
  pthread_t thread, threads[THREADS_MAX];
  int fds[THREADS_MAX];
  int count;
  char list[1024], inspect[65536], version[8192];
};

struct visit {
  struct daemon *daemon;
  int fd;
};

static void
reply(int fd, int status, const char *body, size_t announced)
{
  char head[160];
  int length =
      snprintf(head, sizeof head, "HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n", status, announced);

  if (send(fd, head, (size_t)length, MSG_NOSIGNAL) == length)
    (void)!send(fd, body, strlen(body), MSG_NOSIGNAL);
}

static void
reply_whole(int fd, int status, const char *body)
{
  reply(fd, status, body, strlen(body));
}

static void
flood(int fd, const atomic_bool *is_stopping)
{
  static const char head[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", chunk[] = "10\r\n[[[[[[[[[[[[[[[[\r\n";

  (void)!send(fd, head, sizeof head - 1, MSG_NOSIGNAL);
  while (!*is_stopping && send(fd, chunk, sizeof chunk - 1, MSG_NOSIGNAL) > 0)
    ;
}

/* False: the connection is over. */
static bool
answer(struct daemon *daemon, int fd, const char *request)
{
  bool is_version = strstr(request, "/version"), is_events = strstr(request, "/events");

  switch ((enum mode)daemon->mode) {
  case SILENT:
    return true;
  case SILENT_LATER:
    if (!is_version && !is_events)
      return true;
    break;
  case GARBAGE:
    (void)!send(fd, "\x16\x03\x01 no HTTP\r\n\r\n", 13, MSG_NOSIGNAL);
    return false;
  case ENDLESS:
    flood(fd, &daemon->is_stopping);
    return false;
  case HALF:
    reply(fd, 200, "{\"Version\": \"20.1", 5000);
    return false;
  case BROKEN:
    reply_whole(fd, 500, "{\"message\":\"it is on fire\"}");
    return true;
  case TOO_OLD:
    reply_whole(fd, 200, "{\"Version\":\"1.0\",\"ApiVersion\":\"1.12\",\"MinAPIVersion\":\"1.12\"}");
    return true;
  case WELL:
    break;
  }
  if (is_events && !strstr(request, "until="))
    (void)!send(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 47, MSG_NOSIGNAL);
  else if (is_events)
    reply_whole(fd, 200, "");
  else if (is_version)
    reply_whole(fd, 200, daemon->version);
  else if (strstr(request, "/containers/json"))
    reply_whole(fd, 200, daemon->list);
  else if (strstr(request, "/containers/"))
    reply_whole(fd, 200, daemon->inspect);
  else
    reply_whole(fd, 404, "{\"message\":\"no such thing\"}");
  return true;
}

static void *
serve(void *opaque)
{
  struct visit *visit = opaque;
  char request[REQUEST_BYTES];
  size_t size = 0;

  for (;;) {
    ssize_t got = recv(visit->fd, request + size, sizeof request - 1 - size, 0);

    if (got <= 0)
      break;
    size += (size_t)got;
    request[size] = '\0';
    if (!strstr(request, "\r\n\r\n"))
      continue;
    size = 0;
    if (!answer(visit->daemon, visit->fd, request))
      break;
  }
  shutdown(visit->fd, SHUT_RDWR);
  free(visit);
  return NULL;
}

static void *
accept_all(void *opaque)
{
  struct daemon *daemon = opaque;

  for (int fd; (fd = accept(daemon->socket_fd, NULL, NULL)) >= 0;) {
    struct visit *visit = malloc(sizeof *visit);

    cr_assert(visit && daemon->count < THREADS_MAX);
    *visit = (struct visit){daemon, fd};
    daemon->fds[daemon->count] = fd;
    cr_assert_eq(pthread_create(&daemon->threads[daemon->count++], NULL, serve, visit), 0);
  }
  return NULL;
}

static void
fill(char *text, size_t size_bytes, const char *name)
{
  mst_buf answer_text = read_answer(name);

  cr_assert_lt(answer_text.size_bytes, size_bytes);
  memcpy(text, mst_buf_text(&answer_text), answer_text.size_bytes + 1);
  mst_buf_done(&answer_text);
}

static struct daemon *
start_daemon(enum mode mode)
{
  static int number;
  struct daemon *daemon = calloc(1, sizeof *daemon);
  struct sockaddr_un name = {.sun_family = AF_UNIX};

  cr_assert(daemon);
  snprintf(daemon->path, sizeof daemon->path, "/tmp/mst-watch-%d-%d", (int)getpid(), number++);
  snprintf(name.sun_path, sizeof name.sun_path, "%s", daemon->path);
  fill(daemon->version, sizeof daemon->version, "docker-version.json");
  fill(daemon->inspect, sizeof daemon->inspect, "docker-inspect-running.json");
  snprintf(daemon->list, sizeof daemon->list, "[{\"Id\":\"%s\",\"Names\":[\"/web\"],\"State\":\"running\",\"Status\":\"Up\"}]", web_id);
  daemon->mode = mode;
  daemon->socket_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  cr_assert_eq(bind(daemon->socket_fd, (struct sockaddr *)&name, sizeof name), 0, "%s", daemon->path);
  cr_assert_eq(listen(daemon->socket_fd, 64), 0);
  cr_assert_eq(pthread_create(&daemon->thread, NULL, accept_all, daemon), 0);
  return daemon;
}

static void
stop_daemon(struct daemon *daemon)
{
  daemon->is_stopping = true;
  shutdown(daemon->socket_fd, SHUT_RDWR);
  pthread_join(daemon->thread, NULL);
  for (int i = 0; i < daemon->count; i++) {
    shutdown(daemon->fds[i], SHUT_RDWR);
    pthread_join(daemon->threads[i], NULL);
    close(daemon->fds[i]);
  }
  close(daemon->socket_fd);
  unlink(daemon->path);
  free(daemon);
}

static void
wait_ms(int64_t ms)
{
  pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t wake;
  const mst_clock *clock = mst_clock_system();
  mst_mono until = {mst_clock_mono(clock).ns + ms * MST_NS_PER_MS};

  mst_wait_init(&wake);
  pthread_mutex_lock(&lock);
  while (mst_wait_until(&wake, &lock, &until))
    ;
  pthread_mutex_unlock(&lock);
  pthread_cond_destroy(&wake);
}

/* Samples until one is as wanted. NULL: none was within `most_ms`. */
static mst_docker_snapshot *
take_until(mst_watch *watch, bool (*is_wanted)(const mst_docker_snapshot *snapshot), int64_t most_ms)
{
  for (int64_t ms = 0; ms < most_ms; ms += 100) {
    mst_docker_snapshot *snapshot = mst_watch_take(watch);

    if (snapshot && is_wanted(snapshot))
      return snapshot;
    mst_docker_snapshot_free(snapshot);
    wait_ms(100);
  }
  return NULL;
}

static bool
is_up(const mst_docker_snapshot *snapshot)
{
  return snapshot->is_known && snapshot->is_up && snapshot->count == 1 && snapshot->records[0].is_inspected;
}

static bool
is_down(const mst_docker_snapshot *snapshot)
{
  return snapshot->is_known && !snapshot->is_up;
}

static mst_watch *
start_watch(const mst_clock *clock, const char *path)
{
  const mst_watch_setup setup = {.clock = clock, .root_fd = -1, .socket = path, .recover_within_ns = MST_NS_PER_S, .uses_api = true};
  mst_watch *watch = NULL;
  mst_errctx ctx = {0};

  cr_assert_eq(mst_watch_start(&setup, &watch, &ctx), MST_OK, "%s", ctx.text);
  return watch;
}

Test(watch, daemon_that_fails__is_down_for_a_reason_that_names_it, .timeout = 120)
{
  static const struct {
    enum mode mode;
    const char *said;
  } cases[] = {
      {SILENT, "did not answer GET /version within 5 s"},
      {GARBAGE, "is this socket Docker's?"},
      {ENDLESS, "more than is taken"},
      {HALF, "GET /version"},
      {BROKEN, "status 500: it is on fire"},
      {TOO_OLD, "version 1.0 speaks API 1.12 to 1.12"},
      {SILENT_LATER, "did not answer GET /v1."},
  };
  const mst_clock *clock = mst_clock_system();

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct daemon *daemon = start_daemon(cases[i].mode);
    mst_watch *watch = start_watch(clock, daemon->path);
    mst_docker_snapshot *snapshot = take_until(watch, is_down, 15000);

    cr_assert(snapshot, "case %zu: it is never down", i);
    cr_expect(strstr(snapshot->reason, cases[i].said), "case %zu: %s", i, snapshot->reason);
    mst_docker_snapshot_free(snapshot);
    /* It mends itself: so does the watch. */
    daemon->mode = WELL;
    snapshot = take_until(watch, is_up, 15000);
    cr_expect(snapshot, "case %zu: it is never up again", i);
    if (snapshot)
      cr_expect_str_eq(snapshot->records[0].name, "web");
    mst_docker_snapshot_free(snapshot);
    mst_watch_stop(watch);
    stop_daemon(daemon);
  }
}

Test(watch, no_socket__is_said_with_what_to_do, .timeout = 60)
{
  const mst_clock *clock = mst_clock_system();
  mst_watch *watch = start_watch(clock, "/tmp/mst-there-is-no-such-socket");
  mst_docker_snapshot *snapshot = take_until(watch, is_down, 10000);

  cr_assert(snapshot);
  cr_expect_str_eq(snapshot->reason,
                   "there is no socket /tmp/mst-there-is-no-such-socket: start Docker or Podman, or name its socket with the "
                   "collector's option \"socket\"");
  mst_docker_snapshot_free(snapshot);
  mst_watch_stop(watch);
}

Test(watch, stopped_while_the_daemon_is_silent__ends_at_once, .timeout = 60)
{
  const mst_clock *clock = mst_clock_system();
  struct daemon *daemon = start_daemon(SILENT);
  mst_watch *watch = start_watch(clock, daemon->path);

  mst_docker_snapshot_free(mst_watch_take(watch));
  wait_ms(300);

  mst_mono before = mst_clock_mono(clock);

  mst_watch_stop(watch);
  cr_expect_lt(mst_clock_mono(clock).ns - before.ns, 2 * MST_NS_PER_S);
  stop_daemon(daemon);
}
