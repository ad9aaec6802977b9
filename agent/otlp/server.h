#ifndef MST_AGENT_OTLP_SERVER_H
#define MST_AGENT_OTLP_SERVER_H

#include <sys/socket.h>

#include "book.h"

/* Listens for OTLP/HTTP: libmicrohttpd on one thread of our own, which also ends what takes too long. */
typedef struct mst_otlp_server mst_otlp_server;

typedef struct mst_otlp_server_setup {
  struct sockaddr_storage address;
  socklen_t address_bytes;
  const mst_otlp_wanted *wanted; /* this and the next: borrowed until stop */
  mst_otlp_book *book;
  const mst_clock *clock; /* of the time limits */
  size_t body_max;
} mst_otlp_server_setup;

/* MST_EIO: the address is in use, or cannot be had. */
mst_err mst_otlp_server_start(const mst_otlp_server_setup *setup, mst_otlp_server **ret_server, mst_errctx *ctx) MST_MUST_USE;
/* Ends all connections. Waits for no client, only for a body that is being read just now. */
void mst_otlp_server_stop(mst_otlp_server *server);
/* Where it listens; for port 0. */
unsigned mst_otlp_server_port(const mst_otlp_server *server);

/* "127.0.0.1:4318", "[::1]:4318", "localhost:4318". MST_EUSAGE: it is no loopback address with a port. */
mst_err mst_otlp_address_parse(const char *text, mst_otlp_server_setup *ret_setup, mst_errctx *ctx) MST_MUST_USE;

#endif
