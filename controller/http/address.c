/* Addresses that the HTTP server listens on. */
#include "http/http.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { LISTEN_BACKLOG = 64 };

static bool
host_is_loopback(const char *host)
{
  struct in6_addr six;
  struct in_addr four;

  if (strcasecmp(host, "localhost") == 0)
    return true;
  if (inet_pton(AF_INET, host, &four) == 1)
    return (ntohl(four.s_addr) >> 24) == 127;
  return inet_pton(AF_INET6, host, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

static mst_err
parse_unix(const char *path, mst_http_address *ret_address, mst_errctx *ctx)
{
  struct sockaddr_un limit;

  if (path[0] != '/' || strlen(path) >= sizeof limit.sun_path)
    return mst_fail(ctx, MST_EMALFORMED, "\"unix:%s\": write unix: and an absolute path of at most %zu bytes", path,
                    sizeof limit.sun_path - 1);
  *ret_address = (mst_http_address){.is_unix = true, .is_loopback = true};
  snprintf(ret_address->host, sizeof ret_address->host, "%s", path);
  return MST_OK;
}

mst_err
mst_http_address_parse(const char *text, mst_http_address *ret_address, mst_errctx *ctx)
{
  mst_http_address address = {0};
  const char *host = text, *colon = strrchr(text, ':');
  size_t host_bytes;

  if (strncmp(text, "unix:", 5) == 0)
    return parse_unix(text + 5, ret_address, ctx);
  if (!colon || colon == text)
    return mst_fail(ctx, MST_EMALFORMED, "\"%s\" is no address; write HOST:PORT, [IPV6]:PORT or unix:/PATH", text);
  host_bytes = (size_t)(colon - text);
  if (host[0] == '[') {
    if (colon[-1] != ']')
      return mst_fail(ctx, MST_EMALFORMED, "\"%s\": an IPv6 address stands in brackets: [::1]:7651", text);
    host++;
    host_bytes -= 2;
  } else if (memchr(host, ':', host_bytes)) {
    return mst_fail(ctx, MST_EMALFORMED, "\"%s\": an IPv6 address stands in brackets: [::1]:7651", text);
  }
  if (host_bytes == 0 || host_bytes >= sizeof address.host)
    return mst_fail(ctx, MST_EMALFORMED, "\"%s\": no host before the port", text);
  memcpy(address.host, host, host_bytes);
  size_t digits = strspn(colon + 1, "0123456789");
  if (digits == 0 || digits > 5 || colon[1 + digits] != '\0')
    return mst_fail(ctx, MST_EMALFORMED, "\"%s\": the port must be a number from 1 to 65535", text);
  memcpy(address.port, colon + 1, digits);
  unsigned port = 0;
  for (size_t i = 0; i < digits; i++)
    port = port * 10 + (unsigned)(address.port[i] - '0');
  if (port == 0 || port > 65535)
    return mst_fail(ctx, MST_EMALFORMED, "\"%s\": the port must be a number from 1 to 65535", text);
  address.is_loopback = host_is_loopback(address.host);
  *ret_address = address;
  return MST_OK;
}

static mst_err
listen_unix(const mst_http_address *address, int *ret_fd, mst_errctx *ctx)
{
  struct sockaddr_un at = {.sun_family = AF_UNIX};
  struct stat st;
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

  if (fd < 0)
    return mst_fail_errno(ctx, MST_EIO, "listen on unix:%s", address->host);
  memcpy(at.sun_path, address->host, strlen(address->host) + 1);
  /* A socket that an earlier run left behind is in the way; anything else there is not ours to remove. */
  if (lstat(address->host, &st) == 0 && S_ISSOCK(st.st_mode))
    unlink(address->host);
  mode_t old = umask(0117); /* owner and group may connect */
  int bound = bind(fd, (const struct sockaddr *)&at, sizeof at);
  umask(old);
  if (bound != 0 || listen(fd, LISTEN_BACKLOG) != 0) {
    mst_err err = mst_fail_errno(ctx, MST_EIO, "listen on unix:%s", address->host);
    close(fd);
    return err;
  }
  *ret_fd = fd;
  return MST_OK;
}

mst_err
mst_http_address_listen(const mst_http_address *address, int *ret_fd, mst_errctx *ctx)
{
  struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
  struct addrinfo *found = NULL;
  int one = 1, fd = -1;

  if (address->is_unix)
    return listen_unix(address, ret_fd, ctx);
  int why = getaddrinfo(address->host, address->port, &hints, &found);
  if (why != 0)
    return mst_fail(ctx, MST_EIO, "listen on %s:%s: %s", address->host, address->port, gai_strerror(why));
  mst_err err = MST_OK;
  fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 || bind(fd, found->ai_addr, found->ai_addrlen) != 0 ||
      listen(fd, LISTEN_BACKLOG) != 0)
    err = mst_fail_errno(ctx, MST_EIO, "listen on %s:%s", address->host, address->port);
  freeaddrinfo(found);
  if (err != MST_OK) {
    if (fd >= 0)
      close(fd);
    return err;
  }
  *ret_fd = fd;
  return MST_OK;
}

bool
mst_http_host_is_loopback(const char *host)
{
  char name[256];
  size_t bytes;

  if (!host)
    return false;
  if (host[0] == '[') {
    bytes = strcspn(host + 1, "]");
    host++;
  } else {
    bytes = strcspn(host, ":");
  }
  if (bytes == 0 || bytes >= sizeof name)
    return false;
  memcpy(name, host, bytes);
  name[bytes] = '\0';
  return host_is_loopback(name);
}
