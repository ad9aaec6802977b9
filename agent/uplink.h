#ifndef MST_AGENT_UPLINK_H
#define MST_AGENT_UPLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include <mst/common/clock.h>
#include <mst/common/err.h>

/* The link to one of the controllers: dials out, keeps several requests in flight, fails over. It carries bytes and knows nothing of their
 * meaning: whoever uses it says whether an answer could be trusted. All calls and callbacks are on the loop thread. Opaque. */
typedef struct mst_uplink mst_uplink;

enum {
  /* Requests in flight. One round trip of 10 ms each gives 800 records/s, which empties three days of spool in half a minute. */
  MST_UPLINK_SLOTS = 8,
};

typedef struct mst_uplink_setup {
  uv_loop_t *loop;
  const mst_clock *clock;
  const char *const *urls;           /* borrowed for the life of the link */
  size_t url_count;                  /* at least 1 */
  const char *ca_file, *server_name; /* uplink_wire.h; borrowed */
  int64_t timeout_ns;                /* for an answer */
  int64_t backoff_max_ns;            /* between attempts to connect */
  /* The link came up or went down. May send. */
  void (*on_state)(void *arg, bool is_up);
  /* A request is over, and its slot is free. answer: MST_OK, MST_ETIMEOUT or MST_EUNREACHABLE. data is borrowed for the call, answered is
   * when it came in. May send. */
  void (*on_answer)(void *arg, unsigned slot, mst_err answer, const void *data, size_t size_bytes, mst_mono answered);
  void *arg;
} mst_uplink_setup;

mst_err mst_uplink_create(const mst_uplink_setup *setup, mst_uplink **ret_uplink, mst_errctx *ctx) MST_MUST_USE;
/* Dials the first controller. */
void mst_uplink_start(mst_uplink *uplink);
bool mst_uplink_is_up(const mst_uplink *uplink);
size_t mst_uplink_free_slots(const mst_uplink *uplink);
/* Sends a copy of the bytes; on_answer will be called with *ret_slot. MST_ESTATE when the link is down or no slot is free. ret_sent: when
 * it left. */
mst_err mst_uplink_send(mst_uplink *uplink, const void *data, size_t size_bytes, unsigned *ret_slot, mst_mono *ret_sent,
                        mst_errctx *ctx) MST_MUST_USE;
/* The last answer was good: failures are forgotten. */
void mst_uplink_trust(mst_uplink *uplink);
/* The last answer was not signed by the controller, or could not be read: hangs up and tries the next one later. */
void mst_uplink_distrust(mst_uplink *uplink, const char *reason);
/* Begins to close: no callback comes after this. Its handles are gone when the loop has run out; then destroy. */
void mst_uplink_close(mst_uplink *uplink);
/* Only before start or after close, with the loop run out. */
void mst_uplink_destroy(mst_uplink *uplink);

#endif
