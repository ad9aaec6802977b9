/* Listening sockets. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ingest/server.h"

/* All agents of a fleet may come back at one time; the kernel cuts it to net.core.somaxconn. */
enum { BACKLOG = 4096 };

typedef struct place {
  char host[MST_SERVER_URL_MAX_BYTES], port[8];
  const char *scheme;
} place;

static mst_err
split_url(const char *url, place *ret_place, mst_errctx *ctx)
{
  const bool is_tls = strncmp(url, "tls+tcp://", 10) == 0;
  const char *host = url + (is_tls ? 10 : 6), *colon = strrchr(url, ':');
  size_t host_bytes = colon > host ? (size_t)(colon - host) : 0;

  if (strlen(url) >= MST_SERVER_URL_MAX_BYTES || strlen(colon + 1) >= sizeof ret_place->port || host_bytes == 0)
    return mst_fail(ctx, MST_EUSAGE, "listen on %s: write tcp://ADDRESS:PORT or tls+tcp://ADDRESS:PORT", url);
  ret_place->scheme = is_tls ? "tls+tcp" : "tcp";
  bool is_bracketed = host[0] == '[' && host_bytes > 2;
  snprintf(ret_place->host, sizeof ret_place->host, "%.*s", (int)(is_bracketed ? host_bytes - 2 : host_bytes),
           host + (is_bracketed ? 1 : 0));
  snprintf(ret_place->port, sizeof ret_place->port, "%s", colon + 1);
  return MST_OK;
}

static int
bind_and_listen(const struct addrinfo *at)
{
  int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

  if (fd < 0)
    return -1;
  (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
  if (bind(fd, at->ai_addr, at->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
    return fd;
  int failed = errno;
  (void)close(fd);
  errno = failed;
  return -1;
}

/* With the port that the kernel chose. */
static mst_err
write_url(mst_listener *listener, const place *where, mst_errctx *ctx)
{
  struct sockaddr_storage at = {0};
  socklen_t size_bytes = sizeof at;
  const bool is_six = strchr(where->host, ':') != NULL;
  char port[8];

  if (getsockname(listener->fd, (struct sockaddr *)&at, &size_bytes) < 0)
    return mst_fail_errno(ctx, MST_EIO, "ask which port %s got", where->host);
  int failed = getnameinfo((struct sockaddr *)&at, size_bytes, NULL, 0, port, sizeof port, NI_NUMERICSERV);
  if (failed != 0)
    return mst_fail(ctx, MST_EIO, "ask which port %s got: %s", where->host, gai_strerror(failed));
  snprintf(listener->url, sizeof listener->url, "%s://%s%.90s%s:%s", where->scheme, is_six ? "[" : "", where->host, is_six ? "]" : "",
           port);
  return MST_OK;
}

mst_err
mst_listener_open(mst_listener *listener, const char *url, mst_errctx *ctx)
{
  const struct addrinfo wanted = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
  struct addrinfo *found = NULL;
  place where = {0};

  mst_err err = split_url(url, &where, ctx);
  if (err != MST_OK)
    return err;
  const char *host = strcmp(where.host, "*") == 0 ? NULL : where.host;
  int failed = getaddrinfo(host, where.port, &wanted, &found);
  if (failed != 0)
    return mst_fail(ctx, MST_EIO, "listen on %s: find the address: %s", url, failed == EAI_SYSTEM ? strerror(errno) : gai_strerror(failed));
  *listener = (mst_listener){.fd = -1, .is_tls = strcmp(where.scheme, "tcp") != 0};
  for (const struct addrinfo *at = found; at && listener->fd < 0; at = at->ai_next)
    listener->fd = bind_and_listen(at);
  if (listener->fd < 0)
    err = errno == EADDRINUSE ? mst_fail(ctx, MST_EIO, "listen on %s: %s; another program (musterd?) has this port", url, strerror(errno))
                              : mst_fail_errno(ctx, MST_EIO, "listen on %s", url);
  else
    err = write_url(listener, &where, ctx);
  if (err != MST_OK && listener->fd >= 0)
    (void)close(listener->fd);
  freeaddrinfo(found);
  return err;
}
