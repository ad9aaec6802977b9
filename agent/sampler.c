/* Which collectors run, when, and what becomes of their failures; see mst/agent/sampler.h. */
#include <mst/agent/sampler.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <mst/common/alloc.h>
#include <mst/common/key.h>

#include "collectors/boot.h"
#include "sampler_state.h"

/* Series of the sampler's own stand under this name. */
static const char own_name[] = "agent";

static const mst_signal status_signal = {"muster.collector.status", MST_SIGNAL_STATE, "1",
                                         "ok, absent: why, error: why, forbidden or unknown, for each collector of the plan"};

static const char *const status_names[] = {[MST_SLOT_OK] = "ok",
                                           [MST_SLOT_ABSENT] = "absent",
                                           [MST_SLOT_ERROR] = "error",
                                           [MST_SLOT_FORBIDDEN] = "forbidden",
                                           [MST_SLOT_UNKNOWN] = "unknown"};

void
mst_sampler_destroy(mst_sampler *sampler)
{
  if (!sampler)
    return;
  mst_slots_destroy(sampler->slots, sampler->slot_count);
  for (size_t i = 0; i < sampler->forbidden_count; i++)
    mst_free(sampler->forbidden[i]);
  mst_free(sampler->forbidden);
  mst_registry_done(&sampler->registry);
  mst_saved_done(&sampler->saved);
  if (sampler->root_fd >= 0)
    close(sampler->root_fd);
  mst_free(sampler);
}

static mst_err
copy_forbidden(mst_sampler *sampler, const mst_sampler_setup *setup, mst_errctx *ctx)
{
  if (setup->forbidden_count == 0)
    return MST_OK;
  sampler->forbidden = mst_alloc(setup->forbidden_count, sizeof *sampler->forbidden);
  if (!sampler->forbidden)
    return mst_fail(ctx, MST_ENOMEM, "no memory for the list of forbidden collectors");
  for (; sampler->forbidden_count < setup->forbidden_count; sampler->forbidden_count++) {
    char *copy = mst_strdup(setup->forbidden[sampler->forbidden_count]);

    if (!copy)
      return mst_fail(ctx, MST_ENOMEM, "no memory for the list of forbidden collectors");
    sampler->forbidden[sampler->forbidden_count] = copy;
  }
  return MST_OK;
}

mst_err
mst_sampler_create(const mst_sampler_setup *setup, mst_sampler **ret_sampler, mst_errctx *ctx)
{
  mst_sampler *sampler = mst_alloc(1, sizeof *sampler);
  mst_err err;

  if (!sampler)
    return mst_fail(ctx, MST_ENOMEM, "no memory for the sampler");
  sampler->clock = setup->clock;
  sampler->allow = setup->allow;
  if (setup->fingerprint_key)
    memcpy(sampler->fingerprint_key, setup->fingerprint_key, sizeof sampler->fingerprint_key);
  else
    mst_random_bytes(sampler->fingerprint_key, sizeof sampler->fingerprint_key);
  sampler->collectors = setup->collectors ? setup->collectors : mst_collectors;
  sampler->collector_count = setup->collectors ? setup->collector_count : mst_collectors_count;
  sampler->root_fd = open(setup->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (sampler->root_fd < 0) {
    err = mst_fail_errno(ctx, MST_EIO, "open the root folder %s", setup->root);
    goto out;
  }
  err = mst_registry_init(&sampler->registry, ctx);
  if (err == MST_OK)
    err = mst_registry_owner_of(&sampler->registry, own_name, &sampler->own_owner, ctx);
  if (err == MST_OK)
    err = copy_forbidden(sampler, setup, ctx);
  if (err == MST_OK)
    err = mst_saved_decode(setup->saved, &sampler->saved, ctx);
  if (err != MST_OK)
    goto out;

  mst_errctx ignored = {0}; /* a host that hides its boot time gets counters without a start; no reason not to measure it */

  if (mst_boot_read(sampler->root_fd, &sampler->boot_at, &ignored) != MST_OK)
    sampler->boot_at = (mst_wall){0};
  *ret_sampler = sampler;
out:
  if (err != MST_OK)
    mst_sampler_destroy(sampler);
  return err;
}

/* What a run's end means for the collector's state. Returns how its series that were not given are to be written. */
static mst_sample_status
conclude(const mst_sampler *sampler, mst_slot *slot, mst_err err, uint32_t dropped, const char *why)
{
  mst_errctx text = {0};
  char took[MST_TIME_TEXT_BYTES], deadline[MST_TIME_TEXT_BYTES];

  if (err == MST_EABSENT) {
    mst_slot_close(slot);
    mst_slot_rest(sampler, slot);
    mst_slot_say(slot, MST_SLOT_ABSENT, why);
    return MST_SAMPLE_ABSENT;
  }
  if (err != MST_OK) {
    mst_slot_say(slot, MST_SLOT_ERROR, why);
    return MST_SAMPLE_ERROR;
  }
  if (dropped > 0) {
    (void)mst_fail(&text, MST_ELIMIT, "%u series are not reported: a session holds at most %d; narrow the collector's options", dropped,
                   MST_SERIES_MAX);
    mst_slot_say(slot, MST_SLOT_ERROR, text.text);
  } else if (slot->last_run_ns > slot->kind->deadline_ns) {
    (void)mst_fail(&text, MST_ETIMEOUT, "took %s, its deadline is %s", mst_duration_format_short(slot->last_run_ns, took),
                   mst_duration_format_short(slot->kind->deadline_ns, deadline));
    mst_slot_say(slot, MST_SLOT_ERROR, text.text);
  } else {
    mst_slot_say(slot, MST_SLOT_OK, "");
  }
  return MST_SAMPLE_ABSENT;
}

/* What belongs to the values that were just given; what was saved before stays when that fails, and the collector is in error. */
static mst_err
save_slot(mst_sampler *sampler, mst_slot *slot, mst_errctx *ctx)
{
  mst_buf bytes;

  mst_buf_init(&bytes, MST_COLLECTOR_SAVED_MAX_BYTES);

  mst_err err = slot->collector->save(slot->state, &bytes, ctx);

  if (err == MST_OK)
    err = mst_buf_check(&bytes, "what it saves", ctx);
  if (err == MST_OK)
    err = mst_saved_put(&sampler->saved, slot->name, (mst_bytes){bytes.data, bytes.size_bytes}, ctx);
  mst_buf_done(&bytes);
  return err;
}

/* The series of a collector that does not run. */
static mst_err
withhold(const mst_sampler *sampler, const mst_slot *slot, mst_sink *sink, mst_errctx *ctx)
{
  const mst_collector_env env = mst_slot_env(sampler, slot);
  bool is_absent = slot->status == MST_SLOT_ABSENT;
  mst_errctx why = {0};

  if (!is_absent && slot->kind->withhold && slot->kind->withhold(&env, slot->reason, sink, &why) != MST_OK && sink->failed != MST_OK)
    return mst_fail(ctx, sink->failed, "collector %s: %s", slot->name, why.text);
  return mst_sink_write_missing(sink, is_absent ? MST_SAMPLE_ABSENT : MST_SAMPLE_ERROR, slot->reason, ctx);
}

static mst_err
run_slot(mst_sampler *sampler, mst_slot *slot, mst_report_writer *writer, mst_errctx *ctx)
{
  mst_sink sink = {.registry = &sampler->registry, .writer = writer, .run = ++sampler->run, .owner = slot->owner};
  mst_errctx why = {0};

  if (!slot->is_open && slot->status != MST_SLOT_FORBIDDEN && mst_clock_mono(sampler->clock).ns >= slot->retry_at.ns)
    mst_slot_open(sampler, slot);
  if (!slot->is_open)
    return withhold(sampler, slot, &sink, ctx);

  mst_mono began = mst_clock_mono(sampler->clock);
  mst_err err = slot->collector->sample(slot->state, &sink, &why);

  if (err == MST_OK && sink.failed == MST_OK && slot->collector->save)
    err = save_slot(sampler, slot, &why);
  slot->last_run_ns = mst_clock_mono(sampler->clock).ns - began.ns;
  if (sink.failed != MST_OK)
    return mst_fail(ctx, sink.failed, "collector %s: %s", slot->name, why.text);

  mst_sample_status rest = conclude(sampler, slot, err, sink.dropped, why.text);

  return mst_sink_write_missing(&sink, rest, err == MST_OK ? "no longer there" : slot->reason, ctx);
}

static bool
is_due(mst_slot *slot, mst_mono now)
{
  if (slot->period_ns <= 0)
    return true;
  if (now.ns < slot->due_at.ns)
    return false;
  /* From one due time to the next, so that ticks that come a little late do not add up; but never in a burst after a pause. */
  slot->due_at.ns += slot->period_ns;
  if (slot->due_at.ns <= now.ns)
    slot->due_at.ns = now.ns + slot->period_ns;
  return true;
}

static mst_err
write_status(const mst_slot *slot, mst_sink *sink, mst_errctx *ctx)
{
  const mst_tag tags[] = {{"collector", slot->kind ? slot->kind->name : slot->name}, {"instance", slot->instance}};
  mst_errctx text = {0};

  if (slot->status == MST_SLOT_ABSENT || slot->status == MST_SLOT_ERROR)
    (void)mst_fail(&text, MST_ESTATE, "%s: %s", status_names[slot->status], slot->reason);

  mst_err err = mst_sink_state(sink, &status_signal, tags, slot->kind && slot->instance[0] ? 2 : 1,
                               text.text[0] ? text.text : status_names[slot->status], ctx);

  /* A name that is over the label's limit, or one series too many, must not stop the others. */
  return sink->failed != MST_OK ? err : MST_OK;
}

mst_err
mst_sampler_tick(mst_sampler *sampler, mst_report_writer *writer, mst_errctx *ctx)
{
  mst_err err = MST_OK;
  mst_mono now = mst_clock_mono(sampler->clock);

  for (size_t i = 0; i < sampler->slot_count && err == MST_OK; i++) {
    mst_slot *slot = &sampler->slots[i];

    if (slot->status != MST_SLOT_UNKNOWN && is_due(slot, now))
      err = run_slot(sampler, slot, writer, ctx);
  }

  mst_sink sink = {.registry = &sampler->registry, .writer = writer, .run = ++sampler->run, .owner = sampler->own_owner};

  for (size_t i = 0; i < sampler->slot_count && err == MST_OK; i++)
    err = write_status(&sampler->slots[i], &sink, ctx);
  return err;
}

uint32_t
mst_sampler_series_count(const mst_sampler *sampler)
{
  return sampler->registry.count;
}

const mst_series *
mst_sampler_series_at(const mst_sampler *sampler, uint32_t id)
{
  return mst_registry_series(&sampler->registry, id);
}

const char *
mst_sampler_series_collector(const mst_sampler *sampler, uint32_t id)
{
  return sampler->registry.owners[sampler->registry.entries[id].owner].name;
}

size_t
mst_sampler_collector_count(const mst_sampler *sampler)
{
  return sampler->slot_count;
}

mst_collector_state
mst_sampler_collector_at(const mst_sampler *sampler, size_t index)
{
  const mst_slot *slot = &sampler->slots[index];

  return (mst_collector_state){.name = slot->name,
                               .kind = slot->kind,
                               .state = status_names[slot->status],
                               .reason = slot->reason,
                               .last_run_ns = slot->last_run_ns};
}

mst_err
mst_sampler_save(const mst_sampler *sampler, mst_buf *ret_saved, mst_errctx *ctx)
{
  return mst_saved_encode(&sampler->saved, ret_saved, ctx);
}
