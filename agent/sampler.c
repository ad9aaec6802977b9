/* Which collectors run, when, and what becomes of their failures; see mst/agent/sampler.h. */
#include <mst/agent/sampler.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <mst/common/alloc.h>

#include "collectors/boot.h"
#include "sink.h"

/* How long a collector that could not be opened is left alone. */
static const int64_t retry_ns = 60 * MST_NS_PER_S;

/* Series of the sampler's own stand under this name. */
static const char own_name[] = "agent";

static const mst_signal status_signal = {"muster.collector.status", MST_SIGNAL_STATE, "1",
                                         "ok, absent: why, error: why, forbidden or unknown, for each collector of the plan"};

enum status { STATUS_OK, STATUS_ABSENT, STATUS_ERROR, STATUS_FORBIDDEN, STATUS_UNKNOWN };
static const char *const status_names[] = {[STATUS_OK] = "ok",
                                           [STATUS_ABSENT] = "absent",
                                           [STATUS_ERROR] = "error",
                                           [STATUS_FORBIDDEN] = "forbidden",
                                           [STATUS_UNKNOWN] = "unknown"};

/* One collector in force. */
struct slot {
  char *name;                     /* owned */
  const mst_collector *collector; /* NULL: unknown */
  mst_option *options;            /* owned, one block with its texts; borrowed by the collector while it is open */
  size_t option_count;
  int64_t period_ns;
  mst_mono due_at, retry_at;
  int64_t last_run_ns;
  void *state; /* the collector's, while is_open */
  bool is_open;
  uint8_t owner;
  enum status status;
  char reason[MST_REASON_MAX_BYTES + 1];
};

struct mst_sampler {
  int root_fd;
  const mst_clock *clock;
  mst_wall boot_at;
  const mst_collector *const *collectors;
  size_t collector_count;
  char **forbidden; /* owned */
  size_t forbidden_count;
  struct slot *slots; /* owned */
  size_t slot_count;
  uint32_t run;
  uint8_t own_owner;
  mst_registry registry;
};

static void
say(struct slot *slot, enum status status, const char *reason)
{
  slot->status = status;
  mst_sink_clean_text(reason, MST_REASON_MAX_BYTES, slot->reason);
}

static void
close_slot(struct slot *slot)
{
  if (slot->is_open)
    slot->collector->close(slot->state);
  slot->is_open = false;
  slot->state = NULL;
}

static void
destroy_slots(struct slot *slots, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    close_slot(&slots[i]);
    mst_free(slots[i].name);
    mst_free(slots[i].options);
  }
  mst_free(slots);
}

void
mst_sampler_destroy(mst_sampler *sampler)
{
  if (!sampler)
    return;
  destroy_slots(sampler->slots, sampler->slot_count);
  for (size_t i = 0; i < sampler->forbidden_count; i++)
    mst_free(sampler->forbidden[i]);
  mst_free(sampler->forbidden);
  mst_registry_done(&sampler->registry);
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

static bool
is_forbidden(const mst_sampler *sampler, const char *name)
{
  for (size_t i = 0; i < sampler->forbidden_count; i++) {
    if (strcmp(sampler->forbidden[i], name) == 0)
      return true;
  }
  return false;
}

static char *
put_text(char **at, mst_text text)
{
  char *copy = *at;

  if (text.size_bytes > 0)
    memcpy(copy, text.data, text.size_bytes);
  copy[text.size_bytes] = '\0';
  *at += text.size_bytes + 1;
  return copy;
}

/* Copies the options of a plan's entry into one block: the options, the pointers to their values, the texts. */
static mst_err
copy_options(struct slot *slot, const mst_plan_collector *entry, mst_errctx *ctx)
{
  size_t values = 0, text_bytes = 0;

  if (entry->option_count == 0)
    return MST_OK;
  if (entry->option_count > MST_PLAN_MAX_OPTIONS)
    return mst_fail(ctx, MST_ELIMIT, "collector %s: %u options, at most %d are possible", slot->name, entry->option_count,
                    MST_PLAN_MAX_OPTIONS);
  for (uint32_t i = 0; i < entry->option_count; i++) {
    const mst_plan_option *option = &entry->options[i];

    if (option->value_count > MST_PLAN_MAX_OPTION_VALUES)
      return mst_fail(ctx, MST_ELIMIT, "collector %s: an option has %u values, at most %d are possible", slot->name, option->value_count,
                      MST_PLAN_MAX_OPTION_VALUES);
    values += option->value_count;
    text_bytes += option->key.size_bytes + 1;
    for (uint32_t j = 0; j < option->value_count; j++)
      text_bytes += option->values[j].size_bytes + 1;
  }

  char *block = mst_alloc(entry->option_count * sizeof(mst_option) + values * sizeof(char *) + text_bytes, 1);

  if (!block)
    return mst_fail(ctx, MST_ENOMEM, "collector %s: no memory for its options", slot->name);

  const char **pointers = (const char **)(void *)(block + entry->option_count * sizeof(mst_option));
  char *text = (char *)(pointers + values);

  slot->options = (mst_option *)(void *)block;
  slot->option_count = entry->option_count;
  for (uint32_t i = 0; i < entry->option_count; i++) {
    const mst_plan_option *option = &entry->options[i];

    slot->options[i] = (mst_option){.key = put_text(&text, option->key), .values = pointers, .value_count = option->value_count};
    for (uint32_t j = 0; j < option->value_count; j++)
      *pointers++ = put_text(&text, option->values[j]);
  }
  return MST_OK;
}

static bool
is_same_entry(const struct slot *a, const struct slot *b)
{
  if (strcmp(a->name, b->name) != 0 || a->period_ns != b->period_ns || a->option_count != b->option_count)
    return false;
  for (size_t i = 0; i < a->option_count; i++) {
    const mst_option *left = &a->options[i], *right = &b->options[i];

    if (strcmp(left->key, right->key) != 0 || left->value_count != right->value_count)
      return false;
    for (size_t j = 0; j < left->value_count; j++) {
      if (strcmp(left->values[j], right->values[j]) != 0)
        return false;
    }
  }
  return true;
}

static mst_err
check_options(const struct slot *slot, mst_errctx *ctx)
{
  for (size_t i = 0; i < slot->option_count; i++) {
    bool is_known = false;

    for (size_t j = 0; j < slot->collector->option_count && !is_known; j++)
      is_known = strcmp(slot->options[i].key, slot->collector->options[j].key) == 0;
    if (!is_known)
      return mst_fail(ctx, MST_EUSAGE, "it has no option \"%.60s\"; see docs/signals.md", slot->options[i].key);
  }
  return MST_OK;
}

static void
open_slot(const mst_sampler *sampler, struct slot *slot)
{
  const mst_collector_env env = {.root_fd = sampler->root_fd,
                                 .clock = sampler->clock,
                                 .boot_at = sampler->boot_at,
                                 .options = slot->options,
                                 .option_count = slot->option_count};
  mst_errctx why = {0};
  mst_err err = check_options(slot, &why);

  if (err == MST_OK)
    err = slot->collector->open(&env, &slot->state, &why);
  slot->is_open = err == MST_OK;
  if (slot->is_open) {
    say(slot, STATUS_OK, "");
    return;
  }
  slot->retry_at.ns = mst_clock_mono(sampler->clock).ns + retry_ns;
  say(slot, err == MST_EABSENT ? STATUS_ABSENT : STATUS_ERROR, why.text);
}

static mst_err
fill_slot(mst_sampler *sampler, struct slot *slot, const char *name, size_t name_bytes, const mst_plan_collector *entry, mst_errctx *ctx)
{
  mst_err err = MST_OK;

  slot->name = mst_strndup(name, name_bytes);
  if (!slot->name)
    return mst_fail(ctx, MST_ENOMEM, "no memory for a collector's name");
  for (size_t i = 0; i < sampler->collector_count && !slot->collector; i++) {
    if (strcmp(sampler->collectors[i]->name, slot->name) == 0)
      slot->collector = sampler->collectors[i];
  }
  if (entry) {
    slot->period_ns = entry->period_ns;
    err = copy_options(slot, entry, ctx);
  }
  if (err == MST_OK)
    err = mst_registry_owner_of(&sampler->registry, slot->name, &slot->owner, ctx);
  return err;
}

static mst_err
make_slots(mst_sampler *sampler, const mst_plan *plan, struct slot **ret_slots, size_t *ret_count, mst_errctx *ctx)
{
  size_t count = plan ? plan->collector_count : sampler->collector_count;
  mst_err err = MST_OK;

  if (count > MST_PLAN_MAX_COLLECTORS)
    return mst_fail(ctx, MST_ELIMIT, "the plan names %zu collectors, at most %d are possible", count, MST_PLAN_MAX_COLLECTORS);

  struct slot *slots = mst_alloc(count ? count : 1, sizeof *slots);

  if (!slots)
    return mst_fail(ctx, MST_ENOMEM, "no memory for %zu collectors", count);
  for (size_t i = 0; i < count && err == MST_OK; i++) {
    if (plan)
      err = fill_slot(sampler, &slots[i], plan->collectors[i].name.data, plan->collectors[i].name.size_bytes, &plan->collectors[i], ctx);
    else
      err = fill_slot(sampler, &slots[i], sampler->collectors[i]->name, strlen(sampler->collectors[i]->name), NULL, ctx);
    for (size_t j = 0; j < i && err == MST_OK; j++) {
      if (strcmp(slots[j].name, slots[i].name) == 0)
        err = mst_fail(ctx, MST_EMALFORMED, "the plan names collector %s twice; give it one entry", slots[i].name);
    }
  }
  if (err != MST_OK) {
    destroy_slots(slots, count);
    return err;
  }
  *ret_slots = slots;
  *ret_count = count;
  return MST_OK;
}

mst_err
mst_sampler_apply(mst_sampler *sampler, const mst_plan *plan, mst_errctx *ctx)
{
  struct slot *slots = NULL;
  size_t count = 0;
  mst_err err = make_slots(sampler, plan, &slots, &count, ctx);

  if (err != MST_OK)
    return err;
  for (size_t i = 0; i < count; i++) {
    for (size_t j = 0; j < sampler->slot_count; j++) {
      if (is_same_entry(&slots[i], &sampler->slots[j])) {
        struct slot old = sampler->slots[j];

        sampler->slots[j] = slots[i];
        slots[i] = old;
        break;
      }
    }
  }
  /* What is left of the old plan is closed before the new is opened: the two may not share a thing. */
  destroy_slots(sampler->slots, sampler->slot_count);
  sampler->slots = slots;
  sampler->slot_count = count;
  for (size_t i = 0; i < count; i++) {
    struct slot *slot = &slots[i];

    if (!slot->collector)
      say(slot, STATUS_UNKNOWN, "this agent has no such collector; take it out of the plan or update the agent");
    else if (is_forbidden(sampler, slot->name))
      say(slot, STATUS_FORBIDDEN, "this host's own configuration forbids it");
    else if (!slot->is_open && mst_clock_mono(sampler->clock).ns >= slot->retry_at.ns)
      open_slot(sampler, slot);
  }
  return MST_OK;
}

/* What a run's end means for the collector's state. Returns how its series that were not given are to be written. */
static mst_sample_status
conclude(const mst_sampler *sampler, struct slot *slot, mst_err err, uint32_t dropped, const char *why)
{
  mst_errctx text = {0};
  char took[MST_TIME_TEXT_BYTES], deadline[MST_TIME_TEXT_BYTES];

  if (err == MST_EABSENT) {
    close_slot(slot);
    slot->retry_at.ns = mst_clock_mono(sampler->clock).ns + retry_ns;
    say(slot, STATUS_ABSENT, why);
    return MST_SAMPLE_ABSENT;
  }
  if (err != MST_OK) {
    say(slot, STATUS_ERROR, why);
    return MST_SAMPLE_ERROR;
  }
  if (dropped > 0) {
    (void)mst_fail(&text, MST_ELIMIT, "%u series are not reported: a session holds at most %d; narrow the collector's options", dropped,
                   MST_SERIES_MAX);
    say(slot, STATUS_ERROR, text.text);
  } else if (slot->last_run_ns > slot->collector->deadline_ns) {
    (void)mst_fail(&text, MST_ETIMEOUT, "took %s, its deadline is %s", mst_duration_format_short(slot->last_run_ns, took),
                   mst_duration_format_short(slot->collector->deadline_ns, deadline));
    say(slot, STATUS_ERROR, text.text);
  } else {
    say(slot, STATUS_OK, "");
  }
  return MST_SAMPLE_ABSENT;
}

static mst_err
run_slot(mst_sampler *sampler, struct slot *slot, mst_report_writer *writer, mst_errctx *ctx)
{
  mst_sink sink = {.registry = &sampler->registry, .writer = writer, .run = ++sampler->run, .owner = slot->owner};
  mst_errctx why = {0};

  if (!slot->is_open && mst_clock_mono(sampler->clock).ns >= slot->retry_at.ns)
    open_slot(sampler, slot);
  if (!slot->is_open)
    return mst_sink_write_missing(&sink, slot->status == STATUS_ABSENT ? MST_SAMPLE_ABSENT : MST_SAMPLE_ERROR, slot->reason, ctx);

  mst_mono began = mst_clock_mono(sampler->clock);
  mst_err err = slot->collector->sample(slot->state, &sink, &why);

  slot->last_run_ns = mst_clock_mono(sampler->clock).ns - began.ns;
  if (sink.failed != MST_OK)
    return mst_fail(ctx, sink.failed, "collector %s: %s", slot->name, why.text);

  mst_sample_status rest = conclude(sampler, slot, err, sink.dropped, why.text);

  return mst_sink_write_missing(&sink, rest, err == MST_OK ? "no longer there" : slot->reason, ctx);
}

static bool
is_due(struct slot *slot, mst_mono now)
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
write_status(const struct slot *slot, mst_sink *sink, mst_errctx *ctx)
{
  const mst_tag tag = {"collector", slot->name};
  mst_errctx text = {0};

  if (slot->status == STATUS_ABSENT || slot->status == STATUS_ERROR)
    (void)mst_fail(&text, MST_ESTATE, "%s: %s", status_names[slot->status], slot->reason);

  mst_err err = mst_sink_state(sink, &status_signal, &tag, 1, text.text[0] ? text.text : status_names[slot->status], ctx);

  /* A name that is over the label's limit, or one series too many, must not stop the others. */
  return sink->failed != MST_OK ? err : MST_OK;
}

mst_err
mst_sampler_tick(mst_sampler *sampler, mst_report_writer *writer, mst_errctx *ctx)
{
  mst_err err = MST_OK;
  mst_mono now = mst_clock_mono(sampler->clock);

  for (size_t i = 0; i < sampler->slot_count && err == MST_OK; i++) {
    struct slot *slot = &sampler->slots[i];

    if (slot->status != STATUS_UNKNOWN && slot->status != STATUS_FORBIDDEN && is_due(slot, now))
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
  const struct slot *slot = &sampler->slots[index];

  return (mst_collector_state){
      .name = slot->name, .state = status_names[slot->status], .reason = slot->reason, .last_run_ns = slot->last_run_ns};
}
