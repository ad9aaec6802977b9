#ifndef MST_HTTP_PRIVATE_H
#define MST_HTTP_PRIVATE_H

#include <stdatomic.h>
#include <stdbool.h>

#include <jansson.h>

#include <mst/controller/http.h>

enum {
  MST_HTTP_LISTENERS_MAX = 16,
  MST_HTTP_ANSWER_MAX_BYTES = 64 * 1024 * 1024, /* 10 000 agents at under 2 KB; the CLI takes no more either */
};

/* What a handler gives back: a status and a body that the server sends and frees. */
typedef struct mst_http_answer {
  unsigned status;
  const char *content_type;
  const char *allow; /* the methods of the path, with 405; else NULL */
  char *body;        /* owned (mst_free) unless is_static */
  size_t size_bytes;
  bool is_static;
} mst_http_answer;

/* None of these fails: what goes wrong becomes an answer that says so. */
void mst_http_answer_static(mst_http_answer *ret_answer, unsigned status, const char *type, const void *body, size_t size_bytes);
/* Takes the bytes out of `body`, which is left empty; its own failure becomes a 503. */
void mst_http_answer_buf(mst_http_answer *ret_answer, unsigned status, const char *type, mst_buf *body);
/* Takes the reference of `document`; NULL: memory was out. */
void mst_http_answer_json(mst_http_answer *ret_answer, unsigned status, json_t *document);
/* {"error":{"code","text"}} with the status that fits the code; text may be empty, and need not be UTF-8. */
void mst_http_answer_error(mst_http_answer *ret_answer, mst_err err, const char *text);

typedef struct mst_http_request {
  mst_core *core;
  const atomic_bool *stopping; /* a long poll looks at it */
  const char *method, *path;
  const void *body;
  size_t body_bytes;
  /* The value of a query parameter, NULL when there is none; borrowed for the request. */
  const char *(*query)(void *connection, const char *name);
  void *connection;
} mst_http_request;

/* Finds the route and fills the answer; never fails: errors are answers too. Any thread. */
void mst_http_route(const mst_http_request *request, mst_http_answer *ret_answer);

/* Prometheus text exposition (version 0.0.4) of the core's numbers. The caller finishes ret_text whatever the result. */
mst_err mst_http_metrics(mst_core *core, mst_buf *ret_text, mst_errctx *ctx) MST_MUST_USE;

/* controller/web/index.html, embedded at build time. */
extern const unsigned char mst_http_page[];
extern const size_t mst_http_page_bytes;

/* One listener's address as the config gives it. */
typedef struct mst_http_address {
  bool is_unix, is_loopback;
  char host[256]; /* or the socket's path */
  char port[8];
} mst_http_address;
mst_err mst_http_address_parse(const char *text, mst_http_address *ret_address, mst_errctx *ctx) MST_MUST_USE;
/* A bound, listening, non-blocking socket. A Unix socket has mode 0660; one that nobody answers on any more is replaced. */
mst_err mst_http_address_listen(const mst_http_address *address, int *ret_fd, mst_errctx *ctx) MST_MUST_USE;
/* Whether a Host header names this machine's loopback: a page from elsewhere whose name was pointed at 127.0.0.1 must not read the API. */
bool mst_http_host_is_loopback(const char *host);

#endif
