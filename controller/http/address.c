/* Addresses that the HTTP server listens on. */
#include "http/http.h"

#include <arpa/inet.h>
#include <errno.h>
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

enum { LISTEN_BACKLOG = 64, UNIX_MODE = 0660 };

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

static int
open_socket(int family)
{
  return socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/* Takes a socket that an earlier run left behind out of the way. What somebody answers on, or what is no socket, stays: bind then says so.
 */
static void
remove_left_behind(const struct sockaddr_un *at)
{
  struct stat st;
  int fd;

  if (lstat(at->sun_path, &st) != 0 || !S_ISSOCK(st.st_mode) || (fd = open_socket(AF_UNIX)) < 0)
    return;
  if (connect(fd, (const struct sockaddr *)at, sizeof *at) != 0 && errno == ECONNREFUSED)
    unlink(at->sun_path);
  close(fd);
}

static mst_err
listen_unix(const mst_http_address *address, int *ret_fd, mst_errctx *ctx)
{
  struct sockaddr_un at = {.sun_family = AF_UNIX};
  int fd = open_socket(AF_UNIX);

  if (fd < 0)
    return mst_fail_errno(ctx, MST_EIO, "listen on unix:%s", address->host);
  memcpy(at.sun_path, address->host, strlen(address->host) + 1);
  remove_left_behind(&at);
  /* The mode of the socket's file is that of the descriptor when it is bound: owner and group may connect, and at no moment anybody else.
   */
  bool is_bound = fchmod(fd, UNIX_MODE) == 0 && bind(fd, (const struct sockaddr *)&at, sizeof at) == 0;
  if (!is_bound || chmod(address->host, UNIX_MODE) != 0 || listen(fd, LISTEN_BACKLOG) != 0) {
    mst_err err = mst_fail_errno(ctx, MST_EIO, "listen on unix:%s", address->host);
    if (is_bound)
      unlink(address->host);
    close(fd);
    return err;
  }
  *ret_fd = fd;
  return MST_OK;
}

/* -1 with errno set. */
static int
listen_on(const struct addrinfo *at)
{
  int one = 1, fd = open_socket(at->ai_family);

  if (fd < 0)
    return -1;
  if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 && bind(fd, at->ai_addr, at->ai_addrlen) == 0 &&
      listen(fd, LISTEN_BACKLOG) == 0)
    return fd;
  int why = errno;
  close(fd);
  errno = why;
  return -1;
}

mst_err
mst_http_address_listen(const mst_http_address *address, int *ret_fd, mst_errctx *ctx)
{
  struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
  struct addrinfo *found = NULL;
  int fd = -1;

  if (address->is_unix)
    return listen_unix(address, ret_fd, ctx);
  int why = getaddrinfo(address->host, address->port, &hints, &found);
  if (why != 0)
    return mst_fail(ctx, MST_EIO, "listen on %s:%s: %s; is http.listen right?", address->host, address->port, gai_strerror(why));
  for (const struct addrinfo *at = found; at && fd < 0; at = at->ai_next)
    fd = listen_on(at);
  mst_err err = fd >= 0 ? MST_OK : mst_fail_errno(ctx, MST_EIO, "listen on %s:%s", address->host, address->port);
  freeaddrinfo(found);
  if (err == MST_OK)
    *ret_fd = fd;
  return err;
}

/* What may follow the host of a Host header: nothing, or a colon and a port. */
static bool
is_port_or_end(const char *rest)
{
  return rest[0] == '\0' || (rest[0] == ':' && rest[1 + strspn(rest + 1, "0123456789")] == '\0');
}

bool
mst_http_host_is_loopback(const char *host)
{
  char name[256];

  if (!host)
    return false;
  bool is_bracketed = host[0] == '[';
  if (is_bracketed)
    host++;
  size_t bytes = strcspn(host, is_bracketed ? "]" : ":");
  if (bytes == 0 || bytes >= sizeof name || (is_bracketed && host[bytes] != ']') || !is_port_or_end(host + bytes + is_bracketed))
    return false;
  memcpy(name, host, bytes);
  name[bytes] = '\0';
  return host_is_loopback(name);
}
