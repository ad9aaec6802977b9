#include <stdio.h>
#include <string.h>

#include <mst/common/key.h>
#include <mst/common/log.h>

#include "delivery_state.h"

enum {
  /* Definitions that are stored and still not enough: something is wrong that asking again will not mend. */
  DEFINITION_ROUNDS_MAX = 3,
  REASON_BYTES = 257,
};

/* A controller that says "later" gets at least a second of quiet, and is never waited for longer than this. */
#define LATER_LEAST_NS (1 * MST_NS_PER_S)
#define LATER_MOST_NS  (300 * MST_NS_PER_S)
/* A revoked agent goes on asking, in case that is taken back, but slowly. */
#define REVOKED_PAUSE_NS (60 * MST_NS_PER_S)

/* A loss record that is refused is itself a loss: without a growing pause, a controller that takes none would be told so for ever. */
#define LOSS_PAUSE_MOST_NS (3600 * MST_NS_PER_S)

static const char *
text_of(mst_text text, char buf[static REASON_BYTES])
{
  snprintf(buf, REASON_BYTES, "%.*s", (int)text.size_bytes, text.data ? text.data : "");
  return buf;
}

static void
take_plan(mst_delivery *delivery, const mst_reply *reply)
{
  mst_errctx ctx = {0};
  mst_plan plan;

  if (reply->plan.size_bytes == 0)
    return;
  if (mst_pins_open_plan(delivery->setup.pins, reply->plan.data, reply->plan.size_bytes, &plan, &ctx) != MST_OK) {
    mst_log(MST_LOG_WARN, "plan-refused", "reason", ctx.text, NULL);
    return;
  }
  /* Every reply brings it until a report has told the controller that it is in force. */
  if (!mst_digest_equal(&plan.digest, &delivery->plan)) {
    delivery->plan = plan.digest;
    mst_delivery_post_file(delivery, delivery->setup.plan_path, reply->plan.data, reply->plan.size_bytes, "plan");
    if (delivery->setup.on_plan)
      delivery->setup.on_plan(delivery->setup.arg, &plan);
  }
  mst_plan_done(&plan);
}

static void
wait_for_later(mst_delivery *delivery, const mst_reply *reply)
{
  char reason[REASON_BYTES];
  char wait[MST_TIME_TEXT_BYTES];
  uint32_t random;
  int64_t wait_ns = reply->retry_after_ns;

  if (wait_ns < LATER_LEAST_NS)
    wait_ns = LATER_LEAST_NS;
  if (wait_ns > LATER_MOST_NS)
    wait_ns = LATER_MOST_NS;
  mst_random_bytes(&random, sizeof random);
  wait_ns += wait_ns / 4 * (random % 256) / 256; /* whoever was sent away together does not come back together */
  mst_log(delivery->was_told_later ? MST_LOG_DEBUG : MST_LOG_WARN, "controller-says-later", "reason", text_of(reply->reason, reason),
          "wait", mst_duration_format_short(wait_ns, wait), NULL);
  delivery->was_told_later = true;
  mst_delivery_hold(delivery, wait_ns);
}

static void
take_refusal(mst_delivery *delivery, mst_parcel *parcel, const mst_reply *reply)
{
  const mst_envelope_kind kind = parcel->item.kind;
  char reason[REASON_BYTES];
  char why[32];
  char sequence[24];

  snprintf(why, sizeof why, "refused:%s", mst_refusal_name(reply->refusal));
  snprintf(sequence, sizeof sequence, "%llu", (unsigned long long)parcel->item.sequence);
  mst_log(MST_LOG_ERROR, "record-refused", "refusal", mst_refusal_name(reply->refusal), "reason", text_of(reply->reason, reason), "kind",
          mst_envelope_kind_name(kind), "sequence", sequence, NULL);
  mst_delivery_finish(delivery, parcel, MST_SETTLE_GIVE_UP, why);
  if (kind == MST_ENVELOPE_LOSS)
    delivery->loss_pause_ns = delivery->loss_pause_ns < LOSS_PAUSE_MOST_NS / 4 ? delivery->loss_pause_ns * 4 : LOSS_PAUSE_MOST_NS;
  if (reply->refusal == MST_REFUSED_REVOKED_KEY)
    mst_delivery_hold(delivery, REVOKED_PAUSE_NS);
}

static void
take_reply(mst_delivery *delivery, mst_parcel *parcel, const mst_reply *reply, mst_mono answered)
{
  if (parcel->is_first && reply->status != MST_REPLY_LATER)
    (void)!mst_offset_add(&delivery->offset, parcel->sent, reply->received_at, reply->replied_at, answered);
  parcel->is_first = false;
  take_plan(delivery, reply);
  switch (reply->status) {
  case MST_REPLY_STORED:
    delivery->was_told_later = false;
    if (parcel->item.kind == MST_ENVELOPE_LOSS)
      delivery->loss_pause_ns = MST_LOSS_PAUSE_NS;
    mst_delivery_finish(delivery, parcel, MST_SETTLE_STORED, NULL);
    break;
  case MST_REPLY_NEED_DEFINITIONS:
    if (parcel->is_definition)
      mst_delivery_finish(delivery, parcel, MST_SETTLE_RETURN, NULL);
    else if (++parcel->rounds > DEFINITION_ROUNDS_MAX)
      mst_delivery_finish(delivery, parcel, MST_SETTLE_GIVE_UP, "no_definitions");
    else
      mst_delivery_park(delivery, parcel);
    break;
  case MST_REPLY_REFUSED:
    take_refusal(delivery, parcel, reply);
    break;
  case MST_REPLY_LATER:
    mst_delivery_finish(delivery, parcel, MST_SETTLE_RETURN, NULL);
    wait_for_later(delivery, reply);
    break;
  }
}

void
mst_delivery_on_answer(void *arg, unsigned slot, mst_err answer, const void *data, size_t size_bytes, mst_mono answered)
{
  mst_delivery *delivery = arg;
  mst_parcel *parcel = delivery->flights[slot];
  bool is_changed = false;
  mst_errctx ctx = {0};
  mst_reply reply;

  delivery->flights[slot] = NULL;
  if (!parcel)
    return;
  if (answer != MST_OK) {
    parcel->is_first = false;
    mst_delivery_finish(delivery, parcel, MST_SETTLE_RETURN, NULL);
    mst_delivery_pump(delivery);
    return;
  }
  mst_err err = mst_pins_open_reply(delivery->setup.pins, data, size_bytes, &parcel->digest, &reply, &is_changed, &ctx);
  if (err != MST_OK) {
    mst_log(MST_LOG_ERROR, "reply-not-trusted", "reason", ctx.text, "remedy",
            "if this is the right controller, it changed its key while this host was away: run muster-agent enrol with a new token", NULL);
    mst_delivery_finish(delivery, parcel, MST_SETTLE_RETURN, NULL);
    mst_uplink_distrust(delivery->uplink, "its reply cannot be trusted");
    return;
  }
  mst_uplink_trust(delivery->uplink);
  if (is_changed)
    mst_delivery_post_pins(delivery);
  take_reply(delivery, parcel, &reply, answered);
  mst_delivery_pump(delivery);
}
