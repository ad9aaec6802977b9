#ifndef MST_CONTROLLER_INGEST_SERVER_H
#define MST_CONTROLLER_INGEST_SERVER_H

/* What the files of the server share: listeners, loops (a thread each) and the connections on them (docs/adr/0031). */
#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

#include <gnutls/gnutls.h>
#include <uv.h>

#include <mst/common/buf.h>
#include <mst/proto/frame.h>

#include "ingest/ingest.h"

enum {
  /* A longer message ends the connection; what is between this and an envelope's own limit is read, and counted as oversized. */
  MST_SERVER_MESSAGE_MAX_BYTES = 4 * MST_ENVELOPE_MAX_BYTES,
  MST_SERVER_READ_BYTES = 64 * 1024, /* at one go, into memory that all connections of a loop share */
  MST_SERVER_URL_MAX_BYTES = 128,
  /* An agent has eight requests under way at most; what is more waits in the network. */
  MST_SERVER_PER_CONNECTION = 16,
  /* A request may come through eight devices (sp-request-reply-01); each puts a number before it. */
  MST_SERVER_HEAD_MAX_BYTES = 8 * MST_FRAME_REQUEST_BYTES,
  /* Of incomplete messages on all connections of a loop. Whoever sends them is not known yet. */
  MST_SERVER_PARTIAL_MAX_BYTES = 64 * 1024 * 1024,
  /* One for each agent of a fleet many times the size that is aimed at. */
  MST_SERVER_CONNECTIONS_MAX = 128 * 1024,
  /* Descriptors that are left to the store, to readers of the HTTP interface and to logs. */
  MST_SERVER_SPARED_DESCRIPTORS = 192,
  /* Answers that a peer does not read: all that it may have under way, with a plan each. */
  MST_SERVER_UNSENT_MAX_BYTES = MST_SERVER_PER_CONNECTION * (MST_REPLY_MAX_BYTES + 64),
};

/* ---- transport.c: bytes, plain or through TLS ---- */

typedef struct mst_transport {
  int fd;
  gnutls_session_t tls; /* NULL: plain TCP */
  bool is_ready;        /* the handshake, where there is one, is done */
  bool wants_write;     /* the handshake waits until it may write */
  size_t blocked_bytes; /* of a TLS record that is to be sent again as it was */
  const char *failure;  /* why there was no handshake; static. NULL: there was, or the peer just went */
} mst_transport;

enum { MST_TRANSPORT_AGAIN = -1, MST_TRANSPORT_ENDED = -2 };

/* Takes the descriptor over, also on failure. credentials: NULL for plain TCP. */
mst_err mst_transport_open(mst_transport *transport, int fd, gnutls_certificate_credentials_t credentials, mst_errctx *ctx) MST_MUST_USE;
/* A number of bytes (0 never), MST_TRANSPORT_AGAIN when the peer has to go first, MST_TRANSPORT_ENDED when it is over. Never block. */
ssize_t mst_transport_receive(mst_transport *transport, void *data, size_t size_bytes);
ssize_t mst_transport_send(mst_transport *transport, const void *data, size_t size_bytes);
void mst_transport_close(mst_transport *transport);
mst_err mst_transport_load_credentials(const char *cert_file, const char *key_file, gnutls_certificate_credentials_t *ret_credentials,
                                       mst_errctx *ctx) MST_MUST_USE;

/* ---- listener.c ---- */

typedef struct mst_listener {
  int fd;
  bool is_tls;
  char url[MST_SERVER_URL_MAX_BYTES]; /* with the port that was given, where 0 was asked for */
} mst_listener;

/* url was checked with the config. */
mst_err mst_listener_open(mst_listener *listener, const char *url, mst_errctx *ctx) MST_MUST_USE;

/* ---- connection.c ---- */

typedef struct mst_loop mst_loop;
typedef struct mst_connection mst_connection;

/* An envelope under way: it goes from its connection's loop to the keeper and comes back with its answer. */
typedef struct mst_work {
  mst_job job;
  struct mst_work *next;
  mst_loop *loop;
  mst_connection *connection; /* the loop's */
  mst_buf answer;             /* a whole message; empty: none is to be sent */
  uint8_t data[];
} mst_work;

/* work.c: takes the envelope out of a message (its first head_bytes are numbers that come back with the answer) and verifies it. NULL when
 * it gets no answer, or memory is out. */
mst_work *mst_work_begin(mst_loop *loop, mst_connection *connection, const uint8_t *message, size_t size_bytes, size_t head_bytes);
/* Makes `answer` the whole message, or nothing of it. */
void mst_work_end(mst_work *work, const mst_buf *answer);
void mst_work_free(mst_work *work);

/* Ends some connections that have brought no envelope of a known agent yet, the oldest first; false when there is none. Loop thread, as all
 * of these. */
bool mst_connection_make_room(mst_loop *loop);
/* Takes the descriptor over; when memory is out it is closed. */
void mst_connection_accept(mst_loop *loop, int fd, bool is_tls);
/* Sends the answer, frees the work. */
void mst_connection_answer(mst_work *work);
/* Each that waited for its turn has it. */
void mst_connection_resume_waiting(mst_loop *loop);
/* Ends those whose time is up. */
void mst_connection_sweep(mst_loop *loop);
/* None reads more; those with nothing under way are closed, and when `now` says so, all. */
void mst_connection_stop_all(mst_loop *loop, bool now);

/* ---- loop.c: one thread, its connections, and the way back from the keeper ---- */

struct mst_loop {
  mst_ingest *ingest;
  uv_loop_t uv;
  uv_async_t wake;
  uv_timer_t timer;
  uv_poll_t *accepts; /* one for each listener */
  uint32_t accept_count;
  pthread_t thread;
  bool is_made, is_started;
  bool is_stopping;                     /* the loop's own */
  uint64_t stop_at_ms;                  /* of uv_now: answers that are not sent by then stay unsent */
  mst_connection *connections, *oldest; /* a list, the newest first */
  uint32_t connection_count;
  mst_connection *waiting; /* those whose turn comes again at the next wake */
  uint32_t in_flight;
  size_t partial_bytes; /* of messages that are not complete, on all connections */
  uint8_t *scratch;     /* MST_SERVER_READ_BYTES */

  pthread_mutex_t lock;
  mst_work *first, *last; /* answered */
  bool must_stop;
};

mst_err mst_loop_start(mst_loop *loop, mst_ingest *ingest, mst_errctx *ctx) MST_MUST_USE;
void mst_loop_stop(mst_loop *loop); /* waits until the keeper has answered what was received, then for the thread */
/* Hands the job back; any thread. The `finish` of every job. */
void mst_loop_finish(mst_job *job, const mst_buf *answer);
/* Any thread. */
void mst_loop_wake(mst_loop *loop);

struct mst_ingest {
  mst_core *core;
  gnutls_certificate_credentials_t credentials; /* NULL without a tls+tcp:// listener */
  uint32_t listener_count, loop_count;
  uint32_t in_flight_max, connection_max; /* of a loop */
  mst_listener *listeners;
  mst_loop *loops;
};

#endif
