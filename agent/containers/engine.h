#ifndef MST_CONTAINERS_ENGINE_H
#define MST_CONTAINERS_ENGINE_H

#include <stdbool.h>
#include <stddef.h>

#include <mst/common/err.h>

/* Requests to a daemon over its Unix socket: several at once, none of them blocks. Answers are bounded in bytes and time. One thread, but
 * for mst_engine_wake. */
typedef struct mst_engine mst_engine;

enum {
  MST_ENGINE_REQUESTS_MAX = 6,        /* at once, without the stream: enough to hide the daemon's delay, too few to be a load on it */
  MST_ENGINE_SUBJECT_BYTES = 96,      /* an id of a container or image */
  MST_ENGINE_LINE_BYTES = 256 * 1024, /* an event holds all labels of its container */
};

typedef struct mst_engine_reply {
  int kind;            /* as given with the request */
  const char *subject; /* likewise; borrowed for the call, as all that follows */
  mst_err err;         /* MST_OK: status is 200. Else `why` says what failed, for a person to act on:
                        * MST_EABSENT status 404; MST_EUNREACHABLE no connection; MST_ETIMEOUT; MST_ELIMIT answer too long; MST_EIO other */
  const char *why;
  const char *body;
  size_t length;
} mst_engine_reply;

typedef struct mst_engine_calls {
  void *owner;
  /* A request is over. May make new requests. */
  void (*done)(void *owner, const mst_engine_reply *reply);
  /* A whole line of the stream, or NULL for one that was too long. Must make no request. */
  void (*line)(void *owner, const char *text, size_t length);
  /* The stream is over: the daemon ended it (MST_OK), or why not. May make new requests. */
  void (*ended)(void *owner, mst_err err, const char *why);
} mst_engine_calls;

/* calls: copied; its owner borrowed until destroy. MST_ENOMEM; MST_EIO when libcurl cannot start. */
mst_err mst_engine_create(const mst_engine_calls *calls, mst_engine **ret_engine, mst_errctx *ctx) MST_MUST_USE;
void mst_engine_destroy(mst_engine *engine);
/* Where the next connections go to: a path, copied; `shown` stands in texts. MST_EUSAGE: longer than a socket's name can be. */
mst_err mst_engine_aim(mst_engine *engine, const char *socket_path, const char *shown, mst_errctx *ctx) MST_MUST_USE;

typedef struct mst_engine_request {
  int kind;
  const char *subject; /* under MST_ENGINE_SUBJECT_BYTES; copied. "" for none */
  const char *path;    /* "/version"; copied */
  size_t max_bytes;    /* of the answer */
  int timeout_ms;
  bool is_fresh; /* over a new connection */
} mst_engine_request;
/* MST_ELIMIT: MST_ENGINE_REQUESTS_MAX are under way; MST_ENOMEM. */
mst_err mst_engine_get(mst_engine *engine, const mst_engine_request *request, mst_errctx *ctx) MST_MUST_USE;
unsigned mst_engine_free(const mst_engine *engine); /* how many requests may be made now */
/* Begins the stream. MST_EEXIST: there is one; MST_ENOMEM. */
mst_err mst_engine_listen(mst_engine *engine, const char *path, mst_errctx *ctx) MST_MUST_USE;
/* Drops requests, stream and connections; nothing of them is told any more. Not from within a call. */
void mst_engine_drop(mst_engine *engine);
/* Does what there is to do and waits for more, at most wait_ms. */
void mst_engine_run(mst_engine *engine, int wait_ms);
/* Ends the wait of mst_engine_run. Any thread. */
void mst_engine_wake(mst_engine *engine);

#endif
