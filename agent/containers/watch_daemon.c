/* What is asked of the daemon, and what its answers lead to; see watch_state.h. */
#include "watch_state.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
  SMALL_BYTES = 64 * 1024,
  MISSED_BYTES = 4 * 1024 * 1024, /* Docker keeps 256 events; Podman all that there ever were */
  PATH_BYTES = 512,
  TIMEOUT_MS = 5000,
  STATS_TIMEOUT_MS = 8000, /* before API 1.41 the daemon measures for a second or two */
  SOCKETS = 2,
};

static const int64_t least_pause_ns = 500 * MST_NS_PER_MS, most_pause_ns = 15 * MST_NS_PER_S;
/* A stream that ends sooner was not cut for its silence. */
static const int64_t short_stream_ns = 5 * MST_NS_PER_S;
/* A daemon that ends gives each container ten seconds, and itself fifteen. */
static const int64_t most_ending_ns = 30 * MST_NS_PER_S;

/* What is done with containers. That of commands run in them (health checks) is left out where the daemon can do so. */
#define TYPE_FILTER "%22type%22%3A%5B%22container%22%5D"
#define EVENT_FILTER                                                                                                                       \
  "%22event%22%3A%5B%22create%22%2C%22start%22%2C%22die%22%2C%22kill%22%2C%22stop%22%2C%22restart%22%2C%22oom%22%2C%22destroy%22%2C"       \
  "%22pause%22%2C%22unpause%22%2C%22rename%22%2C%22health_status%22%5D"

bool
mst_watch_ignores(const mst_watch *watch, const char *name)
{
  const mst_option *ignore = watch->setup.ignore;

  for (size_t i = 0; ignore && i < ignore->value_count; i++)
    if (fnmatch(ignore->values[i], name, 0) == 0)
      return true;
  return false;
}

void
mst_watch_say(char ret_text[static MST_REASON_MAX_BYTES + 1], const char *why)
{
  size_t length = strnlen(why, MST_REASON_MAX_BYTES);

  memmove(ret_text, why, length);
  ret_text[length] = '\0';
}

void
mst_watch_fail(mst_watch *watch, const char *why)
{
  watch->phase = MST_WATCH_DOWN;
  watch->is_ending = watch->is_up = false;
  watch->is_known = true;
  watch->must_drop = true;
  mst_watch_say(watch->reason, why);
  watch->pause_ns = watch->pause_ns ? watch->pause_ns * 2 : least_pause_ns;
  if (watch->pause_ns > most_pause_ns)
    watch->pause_ns = most_pause_ns;
  watch->retry_at.ns = mst_clock_mono(watch->setup.clock).ns + watch->pause_ns;
}

bool
mst_watch_get(mst_watch *watch, mst_watch_kind kind, const char *subject, const char *path, size_t max_bytes, bool is_fresh)
{
  const mst_engine_request request = {.kind = kind,
                                      .subject = subject,
                                      .path = path,
                                      .max_bytes = max_bytes,
                                      .timeout_ms = kind == MST_ASK_STATS ? STATS_TIMEOUT_MS : TIMEOUT_MS,
                                      .is_fresh = is_fresh};
  mst_errctx why = {0};
  mst_err err = mst_engine_get(watch->engine, &request, &why);

  if (err != MST_OK && err != MST_ELIMIT)
    mst_watch_fail(watch, why.text);
  return err == MST_OK;
}

/* The first of the usual sockets that is there; the first of all when none is, for the text. */
static mst_err
choose_socket(mst_watch *watch, mst_errctx *ctx)
{
  static const char *const usual[SOCKETS] = {"var/run/docker.sock", "run/podman/podman.sock"};
  struct stat here, there;
  char path[PATH_BYTES];
  size_t chosen = 0;

  if (watch->setup.socket)
    return MST_OK;
  for (size_t i = 0; i < SOCKETS; i++)
    if (fstatat(watch->setup.root_fd, usual[i], &there, 0) == 0 && S_ISSOCK(there.st_mode)) {
      chosen = i;
      break;
    }
  /* A socket has no openat: below another root it is reached through the descriptor's own link. */
  if (fstat(watch->setup.root_fd, &here) == 0 && stat("/", &there) == 0 && here.st_ino == there.st_ino && here.st_dev == there.st_dev)
    snprintf(path, sizeof path, "/%s", usual[chosen]);
  else
    snprintf(path, sizeof path, "/proc/self/fd/%d/%s", watch->setup.root_fd, usual[chosen]);

  char shown[PATH_BYTES];

  snprintf(shown, sizeof shown, "/%s", usual[chosen]);
  return mst_engine_aim(watch->engine, path, shown, ctx);
}

static void
say_hello(mst_watch *watch)
{
  mst_errctx why = {0};

  if (choose_socket(watch, &why) != MST_OK) {
    mst_watch_fail(watch, why.text);
    return;
  }
  watch->is_list_asked = watch->is_ping_asked = watch->is_image_asked = watch->is_stats_asked = watch->has_listed = false;
  watch->asked = 0;
  watch->phase = MST_WATCH_HELLO;
  (void)!mst_watch_get(watch, MST_ASK_VERSION, "", "/version", SMALL_BYTES, true);
}

static void
format_events(const mst_watch *watch, mst_wall since, mst_wall until, char path[static PATH_BYTES])
{
  char end[64] = "";

  if (until.ns > 0)
    snprintf(end, sizeof end, "&until=%lld.%09lld", until.ns / MST_NS_PER_S, until.ns % MST_NS_PER_S);
  snprintf(path, PATH_BYTES, "/v1.%u/events?since=%lld.%09lld%s&filters=%%7B%s%s%%7D", watch->api_minor, since.ns / MST_NS_PER_S,
           since.ns % MST_NS_PER_S, end, TYPE_FILTER, watch->version.is_podman ? "" : "%2C" EVENT_FILTER);
}

/* The stream goes on from the last event that was seen. */
static void
go_live(mst_watch *watch)
{
  mst_book *book = &watch->book;
  char path[PATH_BYTES];
  mst_errctx why = {0};

  if (book->events_at.ns == 0)
    book->events_at = mst_clock_wall(watch->setup.clock);
  format_events(watch, (mst_wall){book->events_at.ns - MST_BOOK_OVERLAP_NS}, (mst_wall){0}, path);
  if (mst_engine_listen(watch->engine, path, &why) != MST_OK) {
    mst_watch_fail(watch, why.text);
    return;
  }
  watch->phase = MST_WATCH_LIVE;
  watch->live_at = mst_clock_mono(watch->setup.clock);
  watch->is_ending = false;
  watch->is_list_wanted = true;
  for (size_t i = 0; i < book->count; i++)
    if (book->list[i]->is_listed)
      book->list[i]->needs_inspect = true;
}

/* What happened since the last event, before the containers themselves are looked at. */
static void
catch_up(mst_watch *watch)
{
  char path[PATH_BYTES];

  if (watch->book.events_at.ns == 0) {
    go_live(watch);
    return;
  }
  watch->phase = MST_WATCH_CATCH_UP;
  format_events(watch, (mst_wall){watch->book.events_at.ns - MST_BOOK_OVERLAP_NS}, mst_clock_wall(watch->setup.clock), path);
  (void)!mst_watch_get(watch, MST_ASK_MISSED, "", path, MISSED_BYTES, false);
}

static void
take_version(mst_watch *watch, const mst_engine_reply *reply)
{
  mst_errctx why = {0};
  mst_docker_version version;

  if (mst_docker_parse_version(reply->body, reply->length, &version, &why) != MST_OK) {
    mst_watch_fail(watch, why.text);
    return;
  }
  watch->version = version;
  watch->api_minor = version.api_minor < MST_API_MOST ? version.api_minor : MST_API_MOST;
  if (watch->api_minor < MST_API_LEAST || watch->api_minor < version.api_least_minor) {
    (void)mst_fail(&why, MST_EVERSION, "version %.40s speaks API 1.%u to 1.%u, this agent 1.%d to 1.%d: update the older one",
                   version.version, version.api_least_minor, version.api_minor, MST_API_LEAST, MST_API_MOST);
    mst_watch_fail(watch, why.text);
    return;
  }
  catch_up(watch);
}

/* Podman 4.3 now and then breaks off an event and begins the next on the same line: the last whole one is still good. */
static mst_err
parse_line(const char *text, size_t length, mst_docker_event *ret_event, mst_errctx *ctx)
{
  enum { TRIES = 4 };
  const char *end = text + length;
  mst_err err = mst_docker_parse_event(text, length, ret_event, ctx);

  for (int i = 0; i < TRIES && err == MST_EMALFORMED; i++) {
    const char *next = length > 1 ? memmem(text + 1, (size_t)(end - text - 1), "{\"", 2) : NULL;

    if (!next)
      break;
    text = next;
    length = (size_t)(end - next);
    err = mst_docker_parse_event(text, length, ret_event, ctx);
  }
  return err;
}

void
mst_watch_line(void *opaque, const char *text, size_t length)
{
  mst_watch *watch = opaque;
  mst_docker_event event;
  mst_errctx why = {0};
  bool is_new;
  mst_err err = text ? parse_line(text, length, &event, &why) : MST_ELIMIT;

  if (err == MST_EABSENT)
    return;
  if (err != MST_OK) {
    watch->looked_at.ns = 0; /* whatever it was, the containers themselves tell it */
    watch->is_list_wanted = true;
    return;
  }
  if (mst_watch_ignores(watch, event.name))
    return;
  err = mst_book_event(&watch->book, &event, &is_new, &why);
  if (err == MST_EABSENT || event.action == MST_ACTION_CREATE || event.action == MST_ACTION_DESTROY || event.action == MST_ACTION_OTHER)
    watch->is_list_wanted = true;
}

static void
take_missed(mst_watch *watch, const mst_engine_reply *reply)
{
  const char *at = reply->body, *end = reply->body + reply->length;

  while (reply->err == MST_OK && at < end) {
    const char *line = memchr(at, '\n', (size_t)(end - at));
    size_t length = line ? (size_t)(line - at) : (size_t)(end - at);

    if (length > 0)
      mst_watch_line(watch, at, length);
    at += length + 1;
  }
  /* What could not be told here shows in the answers about the containers. */
  go_live(watch);
}

void
mst_watch_ended(void *opaque, mst_err err, const char *why)
{
  mst_watch *watch = opaque;

  if (watch->phase != MST_WATCH_LIVE)
    return;
  mst_book_daemon_ended(&watch->book);
  if (watch->is_ending || (err != MST_OK && mst_clock_mono(watch->setup.clock).ns - watch->live_at.ns < short_stream_ns)) {
    char text[sizeof watch->reason];

    mst_watch_say(text, watch->is_ending ? watch->reason : why);
    mst_watch_fail(watch, text);
    return;
  }
  /* Perhaps it restarts, perhaps something between us cut the silence. The next question tells. */
  watch->phase = MST_WATCH_DOWN;
  watch->must_drop = true;
  watch->retry_at.ns = mst_clock_mono(watch->setup.clock).ns + watch->pause_ns;
  watch->pause_ns = least_pause_ns;
}

/* It takes no new connections: it is about to end, or has. What it still tells is how it stops its containers, so the stream is followed to
 * its end. */
static void
begin_end(mst_watch *watch, const char *why)
{
  watch->is_ending = true;
  watch->ending_at = mst_clock_mono(watch->setup.clock);
  watch->is_up = false;
  mst_watch_say(watch->reason, why);
  mst_book_daemon_ended(&watch->book);
}

void
mst_watch_done(void *opaque, const mst_engine_reply *reply)
{
  mst_watch *watch = opaque;
  bool is_vital = reply->kind == MST_ASK_VERSION || reply->kind == MST_ASK_LIST;

  if (watch->phase == MST_WATCH_DOWN || watch->must_drop || watch->is_ending)
    return;
  if (reply->err == MST_EUNREACHABLE && watch->phase == MST_WATCH_LIVE) {
    begin_end(watch, reply->why);
    return;
  }
  if (reply->err != MST_OK &&
      (is_vital || reply->err == MST_EUNREACHABLE || (reply->err == MST_ETIMEOUT && reply->kind == MST_ASK_INSPECT))) {
    mst_watch_fail(watch, reply->why);
    return;
  }
  switch ((mst_watch_kind)reply->kind) {
  case MST_ASK_VERSION:
    take_version(watch, reply);
    break;
  case MST_ASK_MISSED:
    take_missed(watch, reply);
    break;
  case MST_ASK_LIST:
    mst_watch_take_list(watch, reply);
    break;
  case MST_ASK_INSPECT:
    mst_watch_take_inspect(watch, reply);
    break;
  case MST_ASK_IMAGE:
    mst_watch_take_image(watch, reply);
    break;
  case MST_ASK_STATS:
    mst_watch_take_stats(watch, reply);
    break;
  case MST_ASK_PING:
    watch->is_ping_asked = false;
    if (reply->err == MST_OK)
      mst_book_confirm(&watch->book, watch->pinged_at);
    break;
  }
}

void
mst_watch_ask(mst_watch *watch)
{
  mst_mono now = mst_clock_mono(watch->setup.clock);
  mst_wall wall = mst_clock_wall(watch->setup.clock);

  if (watch->phase == MST_WATCH_DOWN && now.ns >= watch->retry_at.ns)
    say_hello(watch);
  if (watch->phase != MST_WATCH_LIVE)
    return;
  if (watch->is_ending) {
    char why[sizeof watch->reason];

    memcpy(why, watch->reason, sizeof why);
    if (now.ns - watch->ending_at.ns > most_ending_ns)
      mst_watch_fail(watch, why);
    return;
  }
  if (!watch->is_ping_asked && mst_book_wants_confirmation(&watch->book, wall)) {
    watch->pinged_at = wall;
    watch->is_ping_asked = mst_watch_get(watch, MST_ASK_PING, "", "/_ping", SMALL_BYTES, true);
  }
  mst_watch_ask_list(watch, now);
  if (watch->has_listed)
    mst_watch_ask_containers(watch, wall);
  mst_watch_ask_stats(watch);
}
