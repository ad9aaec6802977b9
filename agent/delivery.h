#ifndef MST_AGENT_DELIVERY_H
#define MST_AGENT_DELIVERY_H

#include <stdbool.h>

#include <uv.h>

#include "copies.h"
#include "offset.h"
#include "pins.h"
#include "session.h"
#include "spooler.h"
#include "uplink.h"

/* Decides what goes over the link next and what an answer means: live records first, then the newest of the backlog, then the oldest;
 * nothing counts as delivered before a signed reply says that it is stored. Loop thread. Opaque. */
typedef struct mst_delivery mst_delivery;

typedef struct mst_delivery_setup {
  uv_loop_t *loop;
  const mst_clock *clock; /* all pointers are borrowed for the life of the delivery */
  mst_spooler *spooler;
  mst_session *session;
  mst_pins *pins;
  const char *pins_path, *plan_path; /* where a changed key and a new plan are saved */
  mst_digest plan;                   /* in force already; zero: none */
  mst_copies *copies;                /* of what is sent; may be NULL */
  mst_uplink_setup uplink;           /* loop, clock and callbacks are filled in */
  /* A plan that its signature vouches for, whenever a reply brings one; borrowed for the call. May be NULL. */
  void (*on_plan)(void *arg, const mst_plan *plan);
  /* Something was settled or given up: look at the figures again. May be NULL. */
  void (*on_progress)(void *arg);
  void *arg;
} mst_delivery_setup;

mst_err mst_delivery_create(const mst_delivery_setup *setup, mst_delivery **ret_delivery, mst_errctx *ctx) MST_MUST_USE;
void mst_delivery_start(mst_delivery *delivery);
/* Takes the items over, keeps them in the spool, then sends them. Empties *items. */
void mst_delivery_keep(mst_delivery *delivery, mst_session_items *items);
/* Counts the session's record `sequence`, which was never made, as lost. reason: static. */
void mst_delivery_lose(mst_delivery *delivery, uint64_t sequence, uint32_t samples, const char *reason);
/* Gives up what is too old. */
void mst_delivery_expire(mst_delivery *delivery);
const mst_offset_filter *mst_delivery_offset(const mst_delivery *delivery);
bool mst_delivery_is_up(const mst_delivery *delivery);
/* Nothing is in flight, queued or waiting. */
bool mst_delivery_is_drained(const mst_delivery *delivery);
/* Hangs up and sends nothing more; what was answered is still settled. Its handles are gone when the loop has run out; then destroy. */
void mst_delivery_close(mst_delivery *delivery);
void mst_delivery_destroy(mst_delivery *delivery);

#endif
