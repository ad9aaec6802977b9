#ifndef MST_TEST_HTTP_CLIENT_H
#define MST_TEST_HTTP_CLIENT_H

/* A server over the double and a client of few words. Included by one file of a test program. */
#include <criterion/criterion.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "double.h"
#include "http/http.h"

enum { ANSWER_BYTES = 64 * 1024, PATIENCE_S = 20, TESTS_MAX_S = 60 };

static mst_core core;
static mst_http *server;
static char folder[] = "/tmp/mst-http-XXXXXX";
static char address[128], token_path[64];
static uint16_t port;

static inline void
setup(void)
{
  double_init(&core);
  cr_assert(mkdtemp(folder) != NULL);
  snprintf(token_path, sizeof token_path, "%s/token", folder);
}

static inline void
teardown(void)
{
  mst_http_stop(server);
  unlink(token_path);
  rmdir(folder);
  double_done(&core);
}

static inline uint16_t
free_port(void)
{
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof at;
  int fd = socket(AF_INET, SOCK_STREAM, 0);

  cr_assert_eq(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
  cr_assert_eq(getsockname(fd, (struct sockaddr *)&at, &size), 0);
  close(fd);
  return ntohs(at.sin_port);
}

static inline void
start_on(const char *listen, char *token_file)
{
  char *items[] = {address};
  const mst_http_config config = {.listen = {items, 1}, .token_file = token_file};
  mst_errctx ctx = {0};

  snprintf(address, sizeof address, "%s", listen);
  cr_assert_eq(mst_http_start(&core, &config, &server, &ctx), MST_OK, "%s", ctx.text);
}

static inline void
start_on_host(const char *host, char *token_file)
{
  char listen_text[64];

  port = free_port();
  snprintf(listen_text, sizeof listen_text, "%s:%u", host, port);
  start_on(listen_text, token_file);
}

static inline void
be_patient(int fd)
{
  const struct timeval patience = {.tv_sec = PATIENCE_S};

  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
}

static inline int
dial(void)
{
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  be_patient(fd);
  cr_assert_eq(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
  return fd;
}

static inline bool
send_all(int fd, const char *data, size_t size_bytes)
{
  while (size_bytes > 0) {
    ssize_t n = send(fd, data, size_bytes, MSG_NOSIGNAL);
    if (n <= 0)
      return false;
    data += n;
    size_bytes -= (size_t)n;
  }
  return true;
}

typedef struct reply {
  int status; /* 0: the connection was closed without an answer */
  char text[ANSWER_BYTES];
  const char *body;
} reply;

/* Reads until the server closes. */
static inline void
receive(int fd, reply *ret_reply)
{
  size_t used = 0;
  ssize_t n;

  while (used < sizeof ret_reply->text - 1 && (n = recv(fd, ret_reply->text + used, sizeof ret_reply->text - 1 - used, 0)) > 0)
    used += (size_t)n;
  ret_reply->text[used] = '\0';
  ret_reply->status = 0;
  sscanf(ret_reply->text, "HTTP/1.1 %d", &ret_reply->status);
  const char *end = strstr(ret_reply->text, "\r\n\r\n");
  ret_reply->body = end ? end + 4 : "";
  close(fd);
}

static inline void
ask(const char *method, const char *path, const char *headers, reply *ret_reply)
{
  char request[1024];
  int bytes = snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nConnection: close\r\n%s\r\n", method, path, headers);
  int fd = dial();

  cr_assert(send_all(fd, request, (size_t)bytes));
  receive(fd, ret_reply);
}

#define LOCAL "Host: 127.0.0.1\r\n"

static inline int
status_of(const char *method, const char *path, const char *headers)
{
  static reply got;

  ask(method, path, headers, &got);
  return got.status;
}

#endif
