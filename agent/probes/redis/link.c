/* A connection to a Redis server; see link.h. */
#include "link.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <hiredis/hiredis.h>

#include <mst/common/alloc.h>
#include <mst/common/clock.h>

enum { CHUNK_BYTES = 16 * 1024, WORDS_MAX = 8, PORT_BYTES = 8 };

struct mst_redis_link {
  int fd;
  int64_t until_ns;
  redisReader *reader;
  size_t fed_bytes; /* of the answer under way */
  bool has_first;   /* its first byte was looked at */
};

/* Waits for the socket. MST_ETIMEOUT. */
static mst_err
wait_for(int fd, short events, int64_t until_ns, mst_errctx *ctx)
{
  struct pollfd one = {.fd = fd, .events = events};
  int ready = 0;

  do {
    int64_t left_ns = until_ns - mst_clock_mono(mst_clock_system()).ns;
    if (left_ns <= 0)
      return mst_fail(ctx, MST_ETIMEOUT, "no answer in time");
    ready = poll(&one, 1, (int)(left_ns / MST_NS_PER_MS) + 1);
  } while (ready == 0 || (ready < 0 && errno == EINTR));
  return ready > 0 ? MST_OK : mst_fail(ctx, MST_EIO, "wait: %s", strerror(errno));
}

static mst_err
connect_to(const struct addrinfo *to, int64_t until_ns, int *ret_fd, mst_errctx *ctx)
{
  int failed = 0;
  socklen_t size = sizeof failed;
  int fd = socket(to->ai_family, to->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, to->ai_protocol);

  if (fd < 0)
    return mst_fail(ctx, MST_EIO, "make a socket: %s", strerror(errno));
  mst_err err = MST_OK;
  if (connect(fd, to->ai_addr, to->ai_addrlen) != 0)
    failed = errno;
  if (failed == EINPROGRESS) {
    err = wait_for(fd, POLLOUT, until_ns, ctx);
    if (err == MST_OK && getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &size) != 0)
      failed = errno;
  }
  if (err == MST_OK && failed)
    err = mst_fail(ctx, MST_EUNREACHABLE, "%s", failed == ECONNREFUSED ? "refused" : strerror(failed));
  if (err == MST_OK)
    *ret_fd = fd;
  else
    close(fd);
  return err;
}

static mst_err
connect_by_name(const mst_probe_address *address, int64_t until_ns, int *ret_fd, mst_errctx *ctx)
{
  const struct addrinfo wanted = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
  struct addrinfo *found = NULL;
  char port[PORT_BYTES];

  snprintf(port, sizeof port, "%u", address->port);
  int failed = getaddrinfo(address->host, port, &wanted, &found);
  if (failed != 0)
    return mst_fail(ctx, MST_EUNREACHABLE, "look it up: %s", gai_strerror(failed));
  mst_err err = MST_EUNREACHABLE;
  for (const struct addrinfo *one = found; one && err != MST_OK && err != MST_ETIMEOUT; one = one->ai_next)
    err = connect_to(one, until_ns, ret_fd, ctx);
  freeaddrinfo(found);
  return err;
}

mst_err
mst_redis_link_open(const mst_probe_address *address, int64_t until_ns, mst_redis_link **ret_link, mst_errctx *ctx)
{
  mst_redis_link *link = mst_alloc(1, sizeof *link);

  if (!link)
    return mst_fail(ctx, MST_ENOMEM, "no memory for a connection");
  link->fd = -1;
  link->until_ns = until_ns;
  link->reader = redisReaderCreate();
  mst_err err = link->reader ? connect_by_name(address, until_ns, &link->fd, ctx) : mst_fail(ctx, MST_ENOMEM, "no memory for a connection");
  if (err != MST_OK) {
    mst_redis_link_close(link);
    return mst_fail_within(ctx, err, "connect to %.120s:%u", address->host, address->port);
  }
  *ret_link = link;
  return MST_OK;
}

void
mst_redis_link_close(mst_redis_link *link)
{
  if (!link)
    return;
  if (link->fd >= 0)
    close(link->fd);
  if (link->reader)
    redisReaderFree(link->reader);
  mst_free(link);
}

void
mst_redis_answer_done(mst_redis_answer *answer)
{
  mst_free(answer->text);
  *answer = (mst_redis_answer){0};
}

/* ---- asking ---- */

static mst_err
send_all(mst_redis_link *link, const char *data, size_t size_bytes, mst_errctx *ctx)
{
  while (size_bytes > 0) {
    mst_err err = wait_for(link->fd, POLLOUT, link->until_ns, ctx);
    if (err != MST_OK)
      return err;
    ssize_t sent = send(link->fd, data, size_bytes, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR)
      return mst_fail(ctx, MST_EIO, "send: %s", strerror(errno));
    data += sent > 0 ? sent : 0;
    size_bytes -= sent > 0 ? (size_t)sent : 0;
  }
  return MST_OK;
}

/* Lists are never the answer to what is asked here, and hiredis would make room for as many entries as a hostile one announces. */
static mst_err
feed(mst_redis_link *link, const char *data, size_t size_bytes, mst_errctx *ctx)
{
  if (!link->has_first && !memchr("+-:$", data[0], 4))
    return mst_fail(ctx, MST_EMALFORMED, "its answer is not Redis' protocol, or another than was asked for");
  link->has_first = true;
  link->fed_bytes += size_bytes;
  if (link->fed_bytes > MST_REDIS_ANSWER_MAX_BYTES)
    return mst_fail(ctx, MST_ELIMIT, "its answer has over 1 MiB");
  if (redisReaderFeed(link->reader, data, size_bytes) != REDIS_OK)
    return mst_fail(ctx, MST_EMALFORMED, "%.100s", link->reader->errstr);
  return MST_OK;
}

static mst_err
receive(mst_redis_link *link, redisReply **ret_reply, mst_errctx *ctx)
{
  char chunk[CHUNK_BYTES];
  void *reply = NULL;

  link->has_first = false;
  link->fed_bytes = 0;
  while (!reply) {
    mst_err err = wait_for(link->fd, POLLIN, link->until_ns, ctx);
    if (err != MST_OK)
      return err;
    ssize_t got = recv(link->fd, chunk, sizeof chunk, 0);
    if (got == 0)
      return mst_fail(ctx, MST_EIO, "it closed the connection");
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
      continue;
    if (got < 0)
      return mst_fail(ctx, MST_EIO, "receive: %s", strerror(errno));
    err = feed(link, chunk, (size_t)got, ctx);
    if (err != MST_OK)
      return err;
    if (redisReaderGetReply(link->reader, &reply) != REDIS_OK)
      return mst_fail(ctx, MST_EMALFORMED, "its answer is not Redis' protocol: %.100s", link->reader->errstr);
  }
  *ret_reply = reply;
  return MST_OK;
}

static mst_err
keep(const redisReply *reply, mst_redis_answer *ret_answer, mst_errctx *ctx)
{
  char number[24];
  const char *text = reply->type == REDIS_REPLY_NIL ? NULL : reply->str;

  if (reply->type == REDIS_REPLY_INTEGER) {
    snprintf(number, sizeof number, "%lld", reply->integer);
    text = number;
  }
  *ret_answer = (mst_redis_answer){.is_error = reply->type == REDIS_REPLY_ERROR, .text = text ? mst_strdup(text) : NULL};
  return !text || ret_answer->text ? MST_OK : mst_fail(ctx, MST_ENOMEM, "no memory for an answer");
}

mst_err
mst_redis_link_ask(mst_redis_link *link, const char *const *words, size_t word_count, mst_redis_answer *ret_answer, mst_errctx *ctx)
{
  const char *list[WORDS_MAX] = {NULL};
  size_t lengths[WORDS_MAX] = {0};
  char *command = NULL;
  redisReply *reply = NULL;

  for (size_t i = 0; i < word_count && i < WORDS_MAX; i++) {
    list[i] = words[i];
    lengths[i] = strlen(words[i]);
  }
  int size = redisFormatCommandArgv(&command, (int)word_count, list, lengths);
  if (size < 0)
    return mst_fail(ctx, MST_ENOMEM, "no memory for a command");
  mst_err err = send_all(link, command, (size_t)size, ctx);
  explicit_bzero(command, (size_t)size); /* AUTH */
  redisFreeCommand(command);
  if (err == MST_OK)
    err = receive(link, &reply, ctx);
  if (err == MST_OK)
    err = keep(reply, ret_answer, ctx);
  if (reply)
    freeReplyObject(reply);
  return err;
}
