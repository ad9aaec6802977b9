#ifndef MST_PROBES_WEB_WEB_H
#define MST_PROBES_WEB_WEB_H

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include <mst/common/buf.h>
#include <mst/common/err.h>

/* HTTP requests on a loop, by libcurl's multi interface. One mst_web holds the connections of one attempt, or of one load generator: they
 * are reused within it and go with it. Opaque; the thread of its loop. */
typedef struct mst_web mst_web;
typedef struct mst_web_call mst_web_call; /* a request under way */

enum {
  MST_WEB_HEADERS_MAX_BYTES = 64 * 1024, /* of one answer; browsers and servers stop at 8 to 256 KiB */
  MST_WEB_BODY_MAX_BYTES = 4 * 1024 * 1024,
  MST_WEB_TEXT_BYTES = 256,
};

typedef enum mst_web_version { MST_WEB_ANY, MST_WEB_1_1, MST_WEB_2, MST_WEB_2_PRIOR /* without TLS, without asking */ } mst_web_version;

typedef struct mst_web_answer mst_web_answer;

/* What is asked. All is borrowed until mst_web_send returns, but for body. */
typedef struct mst_web_request {
  const char *method; /* "GET"; never NULL */
  const char *url;
  const char *const *headers; /* "Name: value", as they are */
  size_t header_count;
  const char *body; /* borrowed until done(); NULL: none */
  size_t body_bytes;
  size_t max_body_bytes; /* of the answer: what comes over it is not kept, and is_cut says so. 0: MST_WEB_BODY_MAX_BYTES */
  int64_t timeout_ns;
  mst_web_version version;
  bool is_insecure;    /* no certificate is checked */
  const char *ca_file; /* NULL: those of the system */
  /* NULL, or: the head is there, and the body begins (of an empty one it does not). False as with take. */
  bool (*head)(void *arg, int status, const char *content_type);
  /* NULL, or: takes the body piece by piece, and it is not kept. False: enough; the call ends as if the answer were whole. */
  bool (*take)(void *arg, const char *data, size_t size_bytes);
  /* Called once, from the loop, never within mst_web_send; not called any more when the mst_web is closed before. */
  void (*done)(void *arg, const mst_web_answer *answer);
  void *arg;
} mst_web_request;

/* What came, borrowed for done(). Times run from the beginning of the request; 0: it did not come so far. */
struct mst_web_answer {
  bool is_whole;                    /* an answer came, to its end (or as much of it as was wanted) */
  bool is_timeout;                  /* the request's time was over */
  bool is_cut;                      /* the body was longer than wanted */
  bool is_closed;                   /* the other side ended the connection before its answer */
  char failure[MST_WEB_TEXT_BYTES]; /* "" or "connect to 127.0.0.1:80: refused" */
  int status;
  int version;         /* 10, 11, 20 */
  const char *headers; /* "HTTP/1.1 200 OK\r\nName: value\r\n...": of the answer alone, without those of redirections or 1xx */
  const char *body;    /* NUL-terminated behind body_bytes */
  size_t body_bytes;
  const char *location; /* whither it redirects, absolute; NULL: it does not */
  int64_t resolved_ns, connected_ns, secured_ns, sent_ns, first_byte_ns, total_ns;
  bool is_reused;     /* the connection was there before */
  int64_t expires_ns; /* when the server's certificate does, Unix; 0: not known, or no TLS */
};

/* The value of the answer's first header of that name, in any case, cut at the room. False: there is none. */
bool mst_web_header(const mst_web_answer *answer, const char *name, char *ret_value, size_t value_bytes);
/* Calls take for each header of that name. */
size_t mst_web_header_each(const mst_web_answer *answer, const char *name, void (*take)(void *arg, const char *value), void *arg);

/* closed: called when the last handle is closed, after which nothing of it runs; what arg points to may go. */
mst_err mst_web_open(uv_loop_t *loop, size_t connections_max, void (*closed)(void *arg), void *arg, mst_web **ret_web,
                     mst_errctx *ctx) MST_MUST_USE;
/* Ends what is under way without a word, closes all connections. At once or in a later turn of the loop closed() is called. May be called
 * within done() and take(). */
void mst_web_close(mst_web *web);
/* MST_EUSAGE: the URL or a header is none; MST_ENOMEM. */
mst_err mst_web_send(mst_web *web, const mst_web_request *request, mst_errctx *ctx) MST_MUST_USE;

/* What may be shown of a URL: without user, password and query, which may hold secrets. */
const char *mst_web_shown(const char *url, char text[static MST_WEB_TEXT_BYTES]);

#endif
