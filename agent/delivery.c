#include "delivery.h"

#include <string.h>

#include <mst/common/alloc.h>
#include <mst/common/log.h>

#include "delivery_state.h"

enum {
  /* Half of the slots: the other half is always free for what is measured now. */
  BACKLOG_FLIGHTS = MST_UPLINK_SLOTS / 2,
  /* Live records that wait for a slot; over it they join the backlog. */
  LIVE_MAX = 64,
};

void
mst_parcels_push(mst_parcels *parcels, mst_parcel *parcel)
{
  parcel->next = NULL;
  if (parcels->last)
    parcels->last->next = parcel;
  else
    parcels->first = parcel;
  parcels->last = parcel;
  parcels->count++;
}

mst_parcel *
mst_parcels_pop(mst_parcels *parcels)
{
  mst_parcel *parcel = parcels->first;

  if (!parcel)
    return NULL;
  parcels->first = parcel->next;
  parcels->last = parcels->first ? parcels->last : NULL;
  parcels->count--;
  return parcel;
}

bool
mst_delivery_is_ready(const mst_delivery *delivery)
{
  return !delivery->is_closed && !delivery->is_held && mst_uplink_is_up(delivery->uplink);
}

static void
end_round(mst_delivery *delivery)
{
  mst_parcels others = {0};

  for (mst_parcel *parcel = mst_parcels_pop(&delivery->parked); parcel; parcel = mst_parcels_pop(&delivery->parked)) {
    if (memcmp(parcel->item.session.bytes, delivery->round.session.bytes, MST_SESSION_BYTES) != 0)
      mst_parcels_push(&others, parcel);
    else if (delivery->round.has_failed)
      mst_delivery_finish(delivery, parcel, MST_SETTLE_RETURN, NULL);
    else
      mst_parcels_push(parcel->is_backlog ? &delivery->backlog : &delivery->live, parcel);
  }
  delivery->parked = others;
  delivery->round.is_on = delivery->round.has_failed = false;
}

void
mst_delivery_finish(mst_delivery *delivery, mst_parcel *parcel, mst_settle what, const char *reason)
{
  mst_settle_list *settling = &delivery->settling;
  bool is_definition = parcel->is_definition;

  if (settling->count == settling->capacity) {
    size_t capacity = settling->capacity ? settling->capacity * 2 : MST_UPLINK_SLOTS;
    mst_settle_entry *list = mst_realloc(settling->list, capacity, sizeof *list);
    if (list) {
      settling->list = list;
      settling->capacity = capacity;
    }
  }
  if (settling->count < settling->capacity) {
    mst_settle_entry *entry = &settling->list[settling->count++];
    *entry = (mst_settle_entry){.handle = parcel->item.handle, .what = what};
    strncpy(entry->reason, reason ? reason : "", sizeof entry->reason - 1);
  } else {
    /* Stays taken until the next start, when it is sent again: late, not lost. */
    mst_log(MST_LOG_ERROR, "out-of-memory", "what", "settling a record", NULL);
  }
  delivery->backlog_flights -= parcel->is_backlog;
  mst_free(parcel->item.envelope);
  mst_free(parcel);
  if (is_definition) {
    delivery->round.has_failed = delivery->round.has_failed || what == MST_SETTLE_RETURN;
    if (--delivery->round.left == 0)
      end_round(delivery);
  }
  mst_delivery_post_settle(delivery);
}

void
mst_delivery_park(mst_delivery *delivery, mst_parcel *parcel)
{
  if (delivery->parked.count >= LIVE_MAX)
    mst_delivery_finish(delivery, parcel, MST_SETTLE_RETURN, NULL);
  else
    mst_parcels_push(&delivery->parked, parcel);
}

static void
return_all(mst_delivery *delivery, mst_parcels *parcels)
{
  mst_parcels taken = *parcels;

  *parcels = (mst_parcels){0};
  for (mst_parcel *parcel = mst_parcels_pop(&taken); parcel; parcel = mst_parcels_pop(&taken))
    mst_delivery_finish(delivery, parcel, MST_SETTLE_RETURN, NULL);
}

/* What is queued goes back to the spool; the parked go with their round, or at once when it is not on. */
void
mst_delivery_give_back(mst_delivery *delivery)
{
  return_all(delivery, &delivery->live);
  return_all(delivery, &delivery->backlog);
  if (!delivery->round.is_on)
    return_all(delivery, &delivery->parked);
}

static void
on_hold_over(uv_timer_t *timer)
{
  mst_delivery *delivery = timer->data;

  delivery->is_held = false;
  delivery->wants_newest = true;
  mst_delivery_pump(delivery);
}

void
mst_delivery_hold(mst_delivery *delivery, int64_t ns)
{
  if (delivery->is_closed)
    return;
  delivery->is_held = true;
  uv_timer_start(&delivery->timer, on_hold_over, (uint64_t)(ns / MST_NS_PER_MS) + 1, 0);
  mst_delivery_give_back(delivery);
}

static void
send_parcel(mst_delivery *delivery, mst_parcel *parcel)
{
  unsigned slot;

  if (mst_uplink_send(delivery->uplink, parcel->item.envelope, parcel->item.size_bytes, &slot, &parcel->sent, NULL) != MST_OK) {
    mst_delivery_finish(delivery, parcel, MST_SETTLE_RETURN, NULL);
    return;
  }
  delivery->flights[slot] = parcel;
  if (delivery->setup.copies)
    mst_copies_keep(delivery->setup.copies, parcel->item.envelope, parcel->item.size_bytes);
}

static void
on_loss_timer(uv_timer_t *timer)
{
  mst_delivery_pump(timer->data);
}

static void
report_losses(mst_delivery *delivery)
{
  mst_mono now = mst_clock_mono(delivery->setup.clock);
  int64_t wait_ns = delivery->loss_tried.ns == 0 ? 0 : delivery->loss_tried.ns + delivery->loss_pause_ns - now.ns;

  if (wait_ns <= 0) {
    delivery->loss_tried = now;
    mst_delivery_post_losses(delivery);
  } else if (!uv_is_active((const uv_handle_t *)&delivery->loss_timer)) {
    uv_timer_start(&delivery->loss_timer, on_loss_timer, (uint64_t)(wait_ns / MST_NS_PER_MS) + 1, 0);
  }
}

void
mst_delivery_pump(mst_delivery *delivery)
{
  mst_spool_stats stats = mst_spooler_stats(delivery->setup.spooler);

  while (mst_delivery_is_ready(delivery) && mst_uplink_free_slots(delivery->uplink) > 0 &&
         delivery->live.count + delivery->backlog.count > 0)
    send_parcel(delivery, mst_parcels_pop(delivery->live.count > 0 ? &delivery->live : &delivery->backlog));
  if (!mst_delivery_is_ready(delivery))
    return;
  if (!delivery->round.is_on && delivery->parked.count > 0)
    mst_delivery_post_definitions(delivery);
  if (stats.unreported > 0 && !delivery->is_reporting && !delivery->has_trouble)
    report_losses(delivery);
  if (stats.waiting > 0 && !delivery->is_taking && !delivery->round.is_on && delivery->backlog_flights < BACKLOG_FLIGHTS)
    mst_delivery_post_take(delivery, BACKLOG_FLIGHTS - delivery->backlog_flights);
}

static void
on_state(void *arg, bool is_up)
{
  mst_delivery *delivery = arg;

  delivery->wants_newest = is_up;
  if (!is_up)
    mst_delivery_give_back(delivery);
  mst_delivery_pump(delivery);
}

mst_err
mst_delivery_create(const mst_delivery_setup *setup, mst_delivery **ret_delivery, mst_errctx *ctx)
{
  mst_delivery *delivery = mst_alloc(1, sizeof *delivery);

  if (!delivery)
    return mst_fail(ctx, MST_ENOMEM, "out of memory for the delivery");
  delivery->setup = *setup;
  delivery->setup.uplink.loop = setup->loop;
  delivery->setup.uplink.clock = setup->clock;
  delivery->setup.uplink.on_state = on_state;
  delivery->setup.uplink.on_answer = mst_delivery_on_answer;
  delivery->setup.uplink.arg = delivery;
  delivery->loss_pause_ns = MST_LOSS_PAUSE_NS;
  delivery->plan = setup->plan;
  delivery->lost_records = mst_spooler_stats(setup->spooler).lost_records;
  mst_err err = mst_uplink_create(&delivery->setup.uplink, &delivery->uplink, ctx);
  if (err != MST_OK) {
    mst_free(delivery);
    return err;
  }
  uv_timer_init(setup->loop, &delivery->timer);
  uv_timer_init(setup->loop, &delivery->loss_timer);
  delivery->timer.data = delivery->loss_timer.data = delivery;
  *ret_delivery = delivery;
  return MST_OK;
}

void
mst_delivery_start(mst_delivery *delivery)
{
  mst_uplink_start(delivery->uplink);
}

const mst_offset_filter *
mst_delivery_offset(const mst_delivery *delivery)
{
  return &delivery->offset;
}

bool
mst_delivery_is_up(const mst_delivery *delivery)
{
  return mst_delivery_is_ready(delivery);
}

bool
mst_delivery_is_drained(const mst_delivery *delivery)
{
  return mst_uplink_free_slots(delivery->uplink) == MST_UPLINK_SLOTS &&
         delivery->live.count + delivery->backlog.count + delivery->parked.count == 0 && delivery->settling.count == 0 &&
         mst_spooler_is_idle(delivery->setup.spooler) && mst_spooler_stats(delivery->setup.spooler).waiting == 0;
}

static void
drop_all(mst_parcels *parcels)
{
  for (mst_parcel *parcel = mst_parcels_pop(parcels); parcel; parcel = mst_parcels_pop(parcels)) {
    mst_free(parcel->item.envelope);
    mst_free(parcel);
  }
}

void
mst_delivery_close(mst_delivery *delivery)
{
  if (delivery->is_closed)
    return;
  delivery->is_closed = true;
  mst_uplink_close(delivery->uplink);
  uv_close((uv_handle_t *)&delivery->timer, NULL);
  uv_close((uv_handle_t *)&delivery->loss_timer, NULL);
}

void
mst_delivery_destroy(mst_delivery *delivery)
{
  if (!delivery)
    return;
  mst_uplink_destroy(delivery->uplink);
  for (size_t i = 0; i < MST_UPLINK_SLOTS; i++)
    if (delivery->flights[i])
      mst_parcels_push(&delivery->live, delivery->flights[i]);
  drop_all(&delivery->live);
  drop_all(&delivery->backlog);
  drop_all(&delivery->parked);
  mst_free(delivery->settling.list);
  mst_free(delivery);
}
