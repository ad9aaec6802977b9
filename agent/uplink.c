#include "uplink.h"

#include <stdio.h>
#include <string.h>

#include <mst/common/alloc.h>
#include <mst/common/key.h>
#include <mst/common/log.h>

#include "backoff.h"
#include "uplink_wire.h"

#define BACKOFF_LEAST_NS (2 * MST_NS_PER_S)

/* A request number is a count and its slot, so that a late answer to an earlier request of the slot is not taken for this one's. */
enum { SLOT_BITS = 3, REQUEST_MASK = 0x7fffffff };
_Static_assert(MST_UPLINK_SLOTS == 1 << SLOT_BITS, "the slot's number fills its bits");

typedef enum link_state { LINK_IDLE, LINK_WAITING, LINK_DIALING, LINK_UP, LINK_ENDING, LINK_CLOSED } link_state;

typedef struct slot {
  bool is_busy;
  uint32_t request;
  mst_mono sent;
} slot;

struct mst_uplink {
  mst_uplink_setup setup;
  mst_wire *wire;
  slot slots[MST_UPLINK_SLOTS];
  size_t busy;
  uint32_t requests; /* sent so far */
  link_state state;
  size_t url;
  mst_backoff backoff;
  mst_mono trusted;   /* when the last good answer came */
  bool was_told_down; /* an outage is logged once, and its end */
  uv_timer_t wait;    /* before dialing */
  uv_timer_t timeout; /* of the request that was sent first */
};

static void dial(mst_uplink *uplink);

static void
on_wait_over(uv_timer_t *timer)
{
  dial(timer->data);
}

static void
wait_and_dial(mst_uplink *uplink, const char *reason)
{
  char wait[MST_TIME_TEXT_BYTES];
  uint64_t random;

  mst_random_bytes(&random, sizeof random);
  int64_t wait_ns = mst_backoff_next(&uplink->backoff, random);
  /* One line an outage, not one an attempt: the rest is for those who ask. */
  mst_log(uplink->was_told_down ? MST_LOG_DEBUG : MST_LOG_WARN, "controller-unreachable", "url", uplink->setup.urls[uplink->url], "reason",
          reason, "next_try_in", mst_duration_format_short(wait_ns, wait), NULL);
  uplink->was_told_down = true;
  uplink->url = (uplink->url + 1) % uplink->setup.url_count;
  uplink->state = LINK_WAITING;
  uv_timer_start(&uplink->wait, on_wait_over, (uint64_t)(wait_ns / MST_NS_PER_MS), 0);
}

static void
answer_slot(mst_uplink *uplink, unsigned index, mst_err answer, const void *data, size_t size_bytes, mst_mono came)
{
  uplink->slots[index].is_busy = false;
  uplink->busy--;
  uplink->setup.on_answer(uplink->setup.arg, index, answer, data, size_bytes, came);
}

/* The link is of no use any more: everybody is told, and the next dial follows when the connection is gone. */
static void
drop_link(mst_uplink *uplink)
{
  const mst_mono now = mst_clock_mono(uplink->setup.clock);

  uplink->state = LINK_ENDING;
  uv_timer_stop(&uplink->timeout);
  uplink->setup.on_state(uplink->setup.arg, false);
  for (unsigned i = 0; i < MST_UPLINK_SLOTS; i++)
    if (uplink->slots[i].is_busy)
      answer_slot(uplink, i, MST_EUNREACHABLE, NULL, 0, now);
}

static void
hang_up(mst_uplink *uplink, const char *reason)
{
  if (uplink->state != LINK_UP)
    return;
  mst_wire_hang_up(uplink->wire, reason);
  drop_link(uplink);
}

static void on_timeout(uv_timer_t *timer);

static void
watch_oldest(mst_uplink *uplink)
{
  const mst_mono now = mst_clock_mono(uplink->setup.clock);
  int64_t oldest_ns = INT64_MAX;

  for (size_t i = 0; i < MST_UPLINK_SLOTS; i++)
    if (uplink->slots[i].is_busy && uplink->slots[i].sent.ns < oldest_ns)
      oldest_ns = uplink->slots[i].sent.ns;
  if (oldest_ns == INT64_MAX) {
    uv_timer_stop(&uplink->timeout);
    return;
  }
  int64_t left_ns = oldest_ns + uplink->setup.timeout_ns - now.ns;
  uv_update_time(uplink->setup.loop);
  uv_timer_start(&uplink->timeout, on_timeout, left_ns > 0 ? (uint64_t)(left_ns / MST_NS_PER_MS) + 1 : 0, 0);
}

static void
on_timeout(uv_timer_t *timer)
{
  mst_uplink *uplink = timer->data;
  const mst_mono now = mst_clock_mono(uplink->setup.clock);
  bool is_dead = false;

  for (unsigned i = 0; i < MST_UPLINK_SLOTS && uplink->state == LINK_UP; i++) {
    const mst_mono sent = uplink->slots[i].sent;
    if (!uplink->slots[i].is_busy || sent.ns + uplink->setup.timeout_ns > now.ns)
      continue;
    /* One late answer among good ones is a slow record; none at all since it was sent is a dead link. */
    is_dead = is_dead || uplink->trusted.ns < sent.ns;
    answer_slot(uplink, i, MST_ETIMEOUT, NULL, 0, now);
  }
  if (is_dead)
    hang_up(uplink, "no answer: it is gone, or does not know this agent's key (not enrolled there, or revoked)");
  if (uplink->state == LINK_UP)
    watch_oldest(uplink);
}

/* ---- what the connection says ---- */

static void
on_up(void *arg)
{
  mst_uplink *uplink = arg;

  uplink->state = LINK_UP;
  mst_log(MST_LOG_INFO, "controller-connected", "url", uplink->setup.urls[uplink->url], NULL);
  uplink->setup.on_state(uplink->setup.arg, true);
}

static void
on_frame(void *arg, uint32_t request, const void *data, size_t size_bytes, mst_mono came)
{
  mst_uplink *uplink = arg;
  unsigned index = request & (MST_UPLINK_SLOTS - 1);

  if (uplink->state != LINK_UP || !uplink->slots[index].is_busy || uplink->slots[index].request != request)
    return; /* its time was over */
  answer_slot(uplink, index, MST_OK, data, size_bytes, came);
  if (uplink->state == LINK_UP)
    watch_oldest(uplink);
}

static void
on_down(void *arg, const char *reason)
{
  mst_uplink *uplink = arg;

  if (uplink->state == LINK_UP)
    drop_link(uplink);
  wait_and_dial(uplink, reason);
}

static void
dial(mst_uplink *uplink)
{
  const mst_wire_target target = {uplink->setup.urls[uplink->url], uplink->setup.ca_file, uplink->setup.server_name};
  mst_errctx ctx = {0};

  uplink->state = LINK_DIALING;
  if (mst_wire_dial(uplink->wire, &target, &ctx) != MST_OK)
    wait_and_dial(uplink, ctx.text);
}

/* ---- what others call ---- */

mst_err
mst_uplink_create(const mst_uplink_setup *setup, mst_uplink **ret_uplink, mst_errctx *ctx)
{
  mst_uplink *uplink = mst_alloc(1, sizeof *uplink);

  if (!uplink)
    return mst_fail(ctx, MST_ENOMEM, "out of memory for the link to the controllers");
  const mst_wire_setup wire_setup = {
      .loop = setup->loop, .clock = setup->clock, .on_up = on_up, .on_frame = on_frame, .on_down = on_down, .arg = uplink};
  uplink->setup = *setup;
  uplink->backoff = (mst_backoff){.least_ns = BACKOFF_LEAST_NS < setup->backoff_max_ns ? BACKOFF_LEAST_NS : setup->backoff_max_ns,
                                  .most_ns = setup->backoff_max_ns};
  uplink->trusted.ns = -1;
  mst_err err = mst_wire_create(&wire_setup, &uplink->wire, ctx);
  if (err != MST_OK) {
    mst_free(uplink);
    return err;
  }
  uv_timer_init(setup->loop, &uplink->wait);
  uv_timer_init(setup->loop, &uplink->timeout);
  uplink->wait.data = uplink->timeout.data = uplink;
  *ret_uplink = uplink;
  return MST_OK;
}

void
mst_uplink_start(mst_uplink *uplink)
{
  if (uplink->state == LINK_IDLE)
    dial(uplink);
}

bool
mst_uplink_is_up(const mst_uplink *uplink)
{
  return uplink->state == LINK_UP;
}

size_t
mst_uplink_free_slots(const mst_uplink *uplink)
{
  return MST_UPLINK_SLOTS - uplink->busy;
}

mst_err
mst_uplink_send(mst_uplink *uplink, const void *data, size_t size_bytes, unsigned *ret_slot, mst_mono *ret_sent, mst_errctx *ctx)
{
  unsigned index = 0;

  if (uplink->state != LINK_UP)
    return mst_fail(ctx, MST_ESTATE, "the link is down");
  while (index < MST_UPLINK_SLOTS && uplink->slots[index].is_busy)
    index++;
  if (index == MST_UPLINK_SLOTS)
    return mst_fail(ctx, MST_ESTATE, "%d requests are in flight already", MST_UPLINK_SLOTS);
  slot *at = &uplink->slots[index];
  const uint32_t request = ((++uplink->requests << SLOT_BITS) | index) & REQUEST_MASK;
  const mst_mono sent = mst_clock_mono(uplink->setup.clock);
  mst_err err = mst_wire_send(uplink->wire, request, data, size_bytes, ctx);
  if (err != MST_OK)
    return err;
  *at = (slot){.is_busy = true, .request = request, .sent = sent};
  uplink->busy++;
  *ret_slot = index;
  *ret_sent = sent;
  watch_oldest(uplink);
  return MST_OK;
}

void
mst_uplink_trust(mst_uplink *uplink)
{
  mst_backoff_reset(&uplink->backoff);
  uplink->was_told_down = false;
  uplink->trusted = mst_clock_mono(uplink->setup.clock);
}

void
mst_uplink_distrust(mst_uplink *uplink, const char *reason)
{
  hang_up(uplink, reason);
}

void
mst_uplink_close(mst_uplink *uplink)
{
  if (uplink->state == LINK_CLOSED)
    return;
  uplink->state = LINK_CLOSED;
  mst_wire_close(uplink->wire);
  uv_close((uv_handle_t *)&uplink->wait, NULL);
  uv_close((uv_handle_t *)&uplink->timeout, NULL);
}

void
mst_uplink_destroy(mst_uplink *uplink)
{
  if (!uplink)
    return;
  mst_wire_destroy(uplink->wire);
  mst_free(uplink);
}
