#include <stdio.h>
#include <string.h>

#include <mst/common/alloc.h>
#include <mst/common/log.h>

#include "delivery_state.h"

/* After a read error, before the disk is asked again. */
#define TAKE_PAUSE_NS (1 * MST_NS_PER_S)

void
mst_delivery_look_around(mst_delivery *delivery)
{
  mst_spool_stats stats = mst_spooler_stats(delivery->setup.spooler);
  const char *trouble = mst_spooler_trouble(delivery->setup.spooler);
  char records[24];
  char samples[24];

  if ((trouble[0] != '\0') != delivery->has_trouble) {
    delivery->has_trouble = trouble[0] != '\0';
    if (delivery->has_trouble)
      mst_log(MST_LOG_ERROR, "spool-refused", "reason", trouble, "now", "records are kept in memory only", NULL);
    else
      mst_log(MST_LOG_INFO, "spool-works-again", NULL);
  }
  if (stats.lost_records != delivery->lost_records) {
    snprintf(records, sizeof records, "%llu", (unsigned long long)(stats.lost_records - delivery->lost_records));
    snprintf(samples, sizeof samples, "%llu", (unsigned long long)stats.lost_samples);
    mst_log(MST_LOG_WARN, "records-lost", "records", records, "lost_samples_so_far", samples, NULL);
    delivery->lost_records = stats.lost_records;
  }
  if (delivery->setup.on_progress)
    delivery->setup.on_progress(delivery->setup.arg);
  mst_delivery_pump(delivery);
}

static mst_parcel *
new_parcel(mst_spool_item *item)
{
  mst_parcel *parcel = mst_alloc(1, sizeof *parcel);

  if (!parcel)
    return NULL;
  parcel->item = *item;
  parcel->digest = mst_envelope_digest(item->envelope, item->size_bytes);
  item->envelope = NULL;
  return parcel;
}

/* ---- settle ---- */

typedef struct settle_job {
  mst_spool_job job;
  mst_settle_list list;
  mst_errctx ctx;
} settle_job;

static void
run_settle(mst_spool_job *job, mst_spool *spool)
{
  settle_job *settle = (settle_job *)job;

  for (size_t i = 0; i < settle->list.count; i++) {
    const mst_settle_entry *entry = &settle->list.list[i];
    mst_errctx ctx = {0};
    mst_err err = MST_OK;
    if (entry->what == MST_SETTLE_STORED)
      err = mst_spool_acknowledge(spool, entry->handle, &ctx);
    else if (entry->what == MST_SETTLE_GIVE_UP)
      err = mst_spool_give_up(spool, entry->handle, entry->reason, &ctx);
    else
      mst_spool_return(spool, entry->handle);
    if (err != MST_OK)
      settle->ctx = ctx;
  }
}

static void
settle_done(mst_spool_job *job)
{
  settle_job *settle = (settle_job *)job;
  mst_delivery *delivery = job->arg;

  if (settle->ctx.text[0])
    mst_log(MST_LOG_ERROR, "spool-error", "reason", settle->ctx.text, NULL);
  mst_free(settle->list.list);
  mst_free(settle);
  delivery->is_settling = false;
  mst_delivery_post_settle(delivery);
  mst_delivery_look_around(delivery);
}

void
mst_delivery_post_settle(mst_delivery *delivery)
{
  if (delivery->is_settling || delivery->settling.count == 0)
    return;
  settle_job *settle = mst_alloc(1, sizeof *settle);
  if (!settle)
    return; /* with the next one */
  settle->job = (mst_spool_job){.run = run_settle, .done = settle_done, .arg = delivery};
  settle->list = delivery->settling;
  delivery->settling = (mst_settle_list){0};
  delivery->is_settling = true;
  mst_spooler_post(delivery->setup.spooler, &settle->job);
}

/* ---- keep ---- */

typedef struct keep_job {
  mst_spool_job job;
  mst_session_items items;
  bool take;
  bool has_failed;
  mst_errctx ctx;
} keep_job;

static void
run_keep(mst_spool_job *job, mst_spool *spool)
{
  keep_job *keep = (keep_job *)job;

  for (size_t i = 0; i < keep->items.count; i++) {
    mst_spool_item *item = &keep->items.list[i];
    mst_err err = mst_spool_append(spool, item, keep->take, &item->handle, &keep->ctx);
    mst_free(item->saved); /* it stays here, and is not sent */
    item->saved = NULL;
    item->saved_bytes = 0;
    if (err == MST_OK)
      continue;
    keep->has_failed = true;
    mst_free(item->envelope);
    item->envelope = NULL;
    /* Its number must not be missing: what was not kept is lost, and that is kept. */
    (void)!mst_spool_lose(spool, &item->session, item->sequence, item->samples, "not_kept", NULL);
  }
  if (mst_spool_sync(spool, &keep->ctx) != MST_OK)
    keep->has_failed = true;
}

/* Queues what is to be sent. Definitions go ahead of the other records of their session, so that the controller need not ask for them; one
 * session at a time, which is nearly always all there is. */
static void
queue_items(mst_delivery *delivery, mst_spool_item *items, size_t count, bool is_backlog)
{
  bool may_lead = !delivery->round.is_on && delivery->parked.count == 0;
  size_t leading = 0;

  for (size_t i = 0; i < count; i++) {
    mst_parcel *parcel = items[i].envelope ? new_parcel(&items[i]) : NULL;
    if (!parcel)
      continue;
    parcel->is_first = !is_backlog;
    parcel->is_backlog = is_backlog;
    delivery->backlog_flights += is_backlog;
    bool is_same = leading > 0 && memcmp(delivery->round.session.bytes, parcel->item.session.bytes, MST_SESSION_BYTES) == 0;
    if (may_lead && parcel->item.kind == MST_ENVELOPE_DEFINITIONS && (leading == 0 || is_same)) {
      parcel->is_definition = true;
      delivery->round.session = parcel->item.session;
      leading++;
    }
    if (is_same && !parcel->is_definition)
      mst_parcels_push(&delivery->parked, parcel);
    else
      mst_parcels_push(is_backlog ? &delivery->backlog : &delivery->live, parcel);
  }
  if (leading > 0) {
    delivery->round.is_on = true;
    delivery->round.has_failed = false;
    delivery->round.left = leading;
  }
}

static void
keep_done(mst_spool_job *job)
{
  keep_job *keep = (keep_job *)job;
  mst_delivery *delivery = job->arg;

  if (keep->has_failed || !job->is_run)
    mst_log(MST_LOG_ERROR, "spool-error", "reason", keep->ctx.text, NULL);
  if (keep->take && job->is_run) {
    queue_items(delivery, keep->items.list, keep->items.count, false);
    if (!mst_delivery_is_ready(delivery))
      mst_delivery_give_back(delivery);
  }
  mst_session_items_done(&keep->items);
  mst_free(keep);
  mst_delivery_look_around(delivery);
}

void
mst_delivery_keep(mst_delivery *delivery, mst_session_items *items)
{
  keep_job *keep = mst_alloc(1, sizeof *keep);

  if (!keep) {
    mst_log(MST_LOG_ERROR, "out-of-memory", "what", "keeping records", NULL);
    mst_session_items_done(items); /* the hole in the numbers shows it at the next start */
    return;
  }
  keep->job = (mst_spool_job){.run = run_keep, .done = keep_done, .arg = delivery};
  keep->items = *items;
  keep->take = mst_delivery_is_ready(delivery);
  *items = (mst_session_items){0};
  mst_spooler_post(delivery->setup.spooler, &keep->job);
}

/* ---- take: fetch from the backlog ---- */

typedef struct take_job {
  mst_spool_job job;
  mst_spool_item items[MST_UPLINK_SLOTS];
  size_t wanted, count;
  bool newest_first;
  mst_err err;
  mst_errctx ctx;
} take_job;

static void
run_take(mst_spool_job *job, mst_spool *spool)
{
  take_job *take = (take_job *)job;

  while (take->count < take->wanted && take->err == MST_OK) {
    mst_spool_item *item = &take->items[take->count];
    take->err = mst_spool_take(spool, take->newest_first ? MST_SPOOL_NEWEST : MST_SPOOL_OLDEST, item, &take->ctx);
    if (take->err == MST_OK) {
      take->count++;
      /* Definitions and losses come before it. */
      take->newest_first = take->newest_first && item->kind != MST_ENVELOPE_REPORT;
    }
  }
}

static void
take_done(mst_spool_job *job)
{
  take_job *take = (take_job *)job;
  mst_delivery *delivery = job->arg;

  delivery->is_taking = false;
  delivery->wants_newest = delivery->wants_newest || take->newest_first;
  queue_items(delivery, take->items, take->count, true);
  for (size_t i = 0; i < take->count; i++)
    mst_free(take->items[i].envelope); /* of those that no parcel took over */
  if (take->err != MST_OK && take->err != MST_EABSENT) {
    mst_log(MST_LOG_ERROR, "spool-error", "reason", take->ctx.text, NULL);
    mst_delivery_hold(delivery, TAKE_PAUSE_NS);
  }
  if (!mst_delivery_is_ready(delivery))
    mst_delivery_give_back(delivery);
  mst_free(take);
  mst_delivery_look_around(delivery);
}

void
mst_delivery_post_take(mst_delivery *delivery, size_t count)
{
  take_job *take = mst_alloc(1, sizeof *take);

  if (!take)
    return;
  take->job = (mst_spool_job){.run = run_take, .done = take_done, .arg = delivery};
  take->wanted = count;
  take->newest_first = delivery->wants_newest;
  delivery->wants_newest = false;
  delivery->is_taking = true;
  mst_spooler_post(delivery->setup.spooler, &take->job);
}

/* ---- definitions of the session that the first parked parcel belongs to ---- */

typedef struct definitions_job {
  mst_spool_job job;
  mst_session_id session;
  mst_session_items items;
  mst_errctx ctx;
} definitions_job;

static void
run_definitions(mst_spool_job *job, mst_spool *spool)
{
  definitions_job *definitions = (definitions_job *)job;
  mst_session_items *items = &definitions->items;

  for (;;) {
    mst_spool_item item;
    if (items->count == items->capacity) {
      size_t capacity = items->capacity ? items->capacity * 2 : 4;
      mst_spool_item *list = mst_realloc(items->list, capacity, sizeof *list);
      if (!list)
        return;
      items->list = list;
      items->capacity = capacity;
    }
    if (mst_spool_definitions(spool, &definitions->session, items->count, &item, &definitions->ctx) != MST_OK)
      return;
    items->list[items->count++] = item;
  }
}

/* Without definitions its reports can never be read: they are lost, and counted. */
static void
give_up_parked(mst_delivery *delivery, const mst_session_id *session)
{
  mst_parcels parked = delivery->parked;

  delivery->parked = (mst_parcels){0};
  for (mst_parcel *parcel = mst_parcels_pop(&parked); parcel; parcel = mst_parcels_pop(&parked)) {
    if (memcmp(parcel->item.session.bytes, session->bytes, MST_SESSION_BYTES) == 0)
      mst_delivery_finish(delivery, parcel, MST_SETTLE_GIVE_UP, "no_definitions");
    else
      mst_parcels_push(&delivery->parked, parcel);
  }
}

static void
definitions_done(mst_spool_job *job)
{
  definitions_job *definitions = (definitions_job *)job;
  mst_delivery *delivery = job->arg;

  delivery->round.left = 0;
  for (size_t i = 0; i < definitions->items.count; i++) {
    mst_parcel *parcel = new_parcel(&definitions->items.list[i]);
    if (!parcel)
      continue;
    parcel->is_definition = true;
    delivery->round.left++;
    mst_parcels_push(&delivery->live, parcel);
  }
  if (delivery->round.left == 0) {
    delivery->round.is_on = false;
    if (definitions->items.count == 0)
      give_up_parked(delivery, &definitions->session);
  }
  if (!mst_delivery_is_ready(delivery))
    mst_delivery_give_back(delivery);
  mst_session_items_done(&definitions->items);
  mst_free(definitions);
  mst_delivery_look_around(delivery);
}

void
mst_delivery_post_definitions(mst_delivery *delivery)
{
  definitions_job *definitions = mst_alloc(1, sizeof *definitions);

  if (!definitions)
    return;
  definitions->job = (mst_spool_job){.run = run_definitions, .done = definitions_done, .arg = delivery};
  definitions->session = delivery->round.session = delivery->parked.first->item.session;
  delivery->round.is_on = true;
  delivery->round.has_failed = false;
  mst_spooler_post(delivery->setup.spooler, &definitions->job);
}

/* ---- losses that nothing in the spool reports yet ---- */

typedef struct losses_job {
  mst_spool_job job;
  uint32_t count;
  mst_loss_range ranges[MST_LOSS_RANGES_MAX];
} losses_job;

static void
run_losses(mst_spool_job *job, mst_spool *spool)
{
  losses_job *losses = (losses_job *)job;

  losses->count = mst_spool_losses(spool, losses->ranges);
}

static void
losses_done(mst_spool_job *job)
{
  losses_job *losses = (losses_job *)job;
  mst_delivery *delivery = job->arg;
  mst_session_items items = {0};
  mst_errctx ctx = {0};

  delivery->is_reporting = false;
  if (losses->count > 0 && mst_delivery_is_ready(delivery)) {
    if (mst_session_loss(delivery->setup.session, losses->ranges, losses->count, &items, &ctx) == MST_OK)
      mst_delivery_keep(delivery, &items);
    else
      mst_log(MST_LOG_ERROR, "loss-not-reported", "reason", ctx.text, NULL);
    mst_session_items_done(&items);
  }
  mst_free(losses);
  mst_delivery_look_around(delivery);
}

void
mst_delivery_post_losses(mst_delivery *delivery)
{
  losses_job *losses = mst_alloc(1, sizeof *losses);

  if (!losses)
    return;
  losses->job = (mst_spool_job){.run = run_losses, .done = losses_done, .arg = delivery};
  delivery->is_reporting = true;
  mst_spooler_post(delivery->setup.spooler, &losses->job);
}
