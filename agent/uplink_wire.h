#ifndef MST_AGENT_UPLINK_WIRE_H
#define MST_AGENT_UPLINK_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include <mst/common/clock.h>
#include <mst/common/err.h>

/* One connection to an nng REP socket, over nng's streams (TCP, TLS), with the REQ side of the protocol spoken here: nng 1.5.2's own REQ
 * socket stops cleaning up for good when a connection ends while a message comes in. docs/adr/0021-agent-link.md has how that was found and
 * what the bytes are. All calls and callbacks are on the loop thread. Opaque. */
typedef struct mst_wire mst_wire;

typedef struct mst_wire_setup {
  uv_loop_t *loop;
  const mst_clock *clock;
  /* The peer is an nng REP socket, and frames may be sent. */
  void (*on_up)(void *arg);
  /* A frame with the request's number came in, at `came`. data is borrowed for the call. */
  void (*on_frame)(void *arg, uint32_t request, const void *data, size_t size_bytes, mst_mono came);
  /* The dial failed, or the connection ended, whoever ended it: the answer to every mst_wire_dial. May dial again. reason: borrowed. */
  void (*on_down)(void *arg, const char *reason);
  void *arg;
} mst_wire_setup;

typedef struct mst_wire_target {
  const char *url;         /* tcp://HOST:PORT or tls+tcp://HOST:PORT; all borrowed for the call */
  const char *ca_file;     /* needed for tls+tcp:// */
  const char *server_name; /* that the certificate must carry; NULL: the URL's host */
} mst_wire_target;

mst_err mst_wire_create(const mst_wire_setup *setup, mst_wire **ret_wire, mst_errctx *ctx) MST_MUST_USE;
/* Only when it is down. Answered by on_up or on_down, never within this call. MST_ECONFIG: the URL or the authority's file cannot be used;
 * no callback then. */
mst_err mst_wire_dial(mst_wire *wire, const mst_wire_target *target, mst_errctx *ctx) MST_MUST_USE;
/* Queues a copy. request: any number below 2^31. MST_ESTATE: not up; MST_ELIMIT: the peer does not read. */
mst_err mst_wire_send(mst_wire *wire, uint32_t request, const void *data, size_t size_bytes, mst_errctx *ctx) MST_MUST_USE;
/* Ends the dial or the connection; on_down follows with this reason (static), never within this call. No frame comes any more. */
void mst_wire_hang_up(mst_wire *wire, const char *reason);
/* Hangs up; no callback comes after this. Its handles are gone when the loop has run out; then destroy. */
void mst_wire_close(mst_wire *wire);
/* After close, with the loop run out. */
void mst_wire_destroy(mst_wire *wire);

#endif
