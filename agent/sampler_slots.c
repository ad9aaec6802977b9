/* The collectors that a plan puts in force: made, compared with those before, opened and closed. */
#include <string.h>

#include <mst/common/alloc.h>

#include "module.h"
#include "sampler_state.h"

/* How long a collector that could not be opened is left alone. */
static const int64_t retry_ns = 60 * MST_NS_PER_S;

void
mst_slot_say(mst_slot *slot, mst_slot_status status, const char *reason)
{
  slot->status = status;
  mst_sink_clean_text(reason, MST_REASON_MAX_BYTES, slot->reason);
}

void
mst_slot_close(mst_slot *slot)
{
  if (slot->is_open)
    slot->collector->close(slot->state);
  slot->is_open = false;
  slot->state = NULL;
}

void
mst_slots_destroy(mst_slot *slots, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    mst_slot_close(&slots[i]);
    mst_free(slots[i].name);
    mst_free(slots[i].options);
  }
  mst_free(slots);
}

/* By the collector's name, or only that instance of it. */
static bool
is_forbidden(const mst_sampler *sampler, const mst_slot *slot)
{
  for (size_t i = 0; i < sampler->forbidden_count; i++) {
    if (strcmp(sampler->forbidden[i], slot->name) == 0 || strcmp(sampler->forbidden[i], slot->kind->name) == 0)
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
copy_options(mst_slot *slot, const mst_plan_collector *entry, mst_errctx *ctx)
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
is_same_entry(const mst_slot *a, const mst_slot *b)
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

/* A key that ends in * stands for all that begin so. */
static bool
is_option(const char *key, const char *known)
{
  size_t length = strlen(known);

  return strcmp(key, known) == 0 || (known[length - 1] == '*' && strncmp(key, known, length - 1) == 0);
}

static mst_err
check_options(const mst_slot *slot, mst_errctx *ctx)
{
  for (size_t i = 0; i < slot->option_count; i++) {
    bool is_known = false;

    for (size_t j = 0; j < slot->kind->option_count && !is_known; j++)
      is_known = is_option(slot->options[i].key, slot->kind->options[j].key);
    if (!is_known)
      return mst_fail(ctx, MST_EUSAGE, "it has no option \"%.60s\"; see docs/signals.md", slot->options[i].key);
  }
  return MST_OK;
}

/* The collector with its functions: a module's is loaded now. */
static mst_err
load(mst_slot *slot, mst_errctx *ctx)
{
  if (slot->collector)
    return MST_OK;
  if (!slot->kind->module) {
    slot->collector = slot->kind;
    return MST_OK;
  }
  return mst_module_load(slot->kind->module, slot->kind->name, &slot->collector, ctx);
}

void
mst_slot_rest(const mst_sampler *sampler, mst_slot *slot)
{
  slot->retry_at.ns = mst_clock_mono(sampler->clock).ns + retry_ns;
}

mst_collector_env
mst_slot_env(const mst_sampler *sampler, const mst_slot *slot)
{
  return (mst_collector_env){.root_fd = sampler->root_fd,
                             .clock = sampler->clock,
                             .boot_at = sampler->boot_at,
                             .instance = slot->instance,
                             .saved = mst_saved_get(&sampler->saved, slot->name),
                             .fingerprint_key = sampler->fingerprint_key,
                             .allow = sampler->allow,
                             .options = slot->options,
                             .option_count = slot->option_count};
}

void
mst_slot_open(mst_sampler *sampler, mst_slot *slot)
{
  const mst_collector_env env = mst_slot_env(sampler, slot);
  mst_errctx why = {0};
  mst_err err = check_options(slot, &why);

  if (err == MST_OK)
    err = load(slot, &why);
  if (err == MST_OK)
    err = slot->collector->open(&env, &slot->state, &why);
  slot->is_open = err == MST_OK;
  if (slot->is_open) {
    mst_slot_say(slot, MST_SLOT_OK, "");
    return;
  }
  mst_slot_rest(sampler, slot);
  mst_slot_say(slot, err == MST_EABSENT ? MST_SLOT_ABSENT : MST_SLOT_ERROR, why.text);
}

/* "name", or "name/instance". */
static mst_err
name_slot(mst_slot *slot, mst_text name, mst_text instance, mst_errctx *ctx)
{
  size_t whole_bytes = name.size_bytes + (instance.size_bytes > 0) + instance.size_bytes;

  slot->name = mst_alloc(whole_bytes + 1, 1);
  if (!slot->name)
    return mst_fail(ctx, MST_ENOMEM, "no memory for a collector's name");
  memcpy(slot->name, name.data, name.size_bytes);
  slot->instance = slot->name + whole_bytes - instance.size_bytes;
  if (instance.size_bytes > 0) {
    slot->name[name.size_bytes] = '/';
    memcpy(slot->name + name.size_bytes + 1, instance.data, instance.size_bytes);
  }
  return MST_OK;
}

static mst_err
fill_slot(mst_sampler *sampler, mst_slot *slot, const mst_plan_collector *entry, mst_errctx *ctx)
{
  mst_err err = name_slot(slot, entry->name, entry->instance, ctx);

  for (size_t i = 0; err == MST_OK && i < sampler->collector_count && !slot->kind; i++) {
    if (mst_text_equal(entry->name, sampler->collectors[i]->name))
      slot->kind = sampler->collectors[i];
  }
  slot->period_ns = entry->period_ns;
  if (err == MST_OK)
    err = copy_options(slot, entry, ctx);
  if (err == MST_OK)
    err = mst_registry_owner_of(&sampler->registry, slot->name, &slot->owner, ctx);
  return err;
}

static mst_err
make_slots(mst_sampler *sampler, const mst_plan *plan, mst_slot **ret_slots, size_t *ret_count, mst_errctx *ctx)
{
  const uint32_t count = plan->collector_count;
  mst_err err = MST_OK;

  if (count > MST_PLAN_MAX_COLLECTORS)
    return mst_fail(ctx, MST_ELIMIT, "the plan names %u collectors, at most %d are possible", count, MST_PLAN_MAX_COLLECTORS);

  mst_slot *slots = mst_alloc(count ? count : 1, sizeof *slots);

  if (!slots)
    return mst_fail(ctx, MST_ENOMEM, "no memory for %u collectors", count);
  for (size_t i = 0; i < count && err == MST_OK; i++) {
    err = fill_slot(sampler, &slots[i], &plan->collectors[i], ctx);
    for (size_t j = 0; j < i && err == MST_OK; j++) {
      if (strcmp(slots[j].name, slots[i].name) == 0)
        err = mst_fail(ctx, MST_EMALFORMED, "the plan names collector %s twice; give it one entry", slots[i].name);
    }
  }
  if (err != MST_OK) {
    mst_slots_destroy(slots, count);
    return err;
  }
  *ret_slots = slots;
  *ret_count = count;
  return MST_OK;
}

/* Every collector that is built in, with its default options. Those of modules need to be told what to look at. */
static uint32_t
base_plan(const mst_sampler *sampler, mst_plan_collector entries[static MST_PLAN_MAX_COLLECTORS])
{
  uint32_t count = 0;

  for (size_t i = 0; i < sampler->collector_count && count < MST_PLAN_MAX_COLLECTORS; i++) {
    const mst_collector *kind = sampler->collectors[i];

    if (!kind->module && !kind->needs_options)
      entries[count++] = (mst_plan_collector){.name = {kind->name, strlen(kind->name)}};
  }
  return count;
}

mst_err
mst_sampler_apply(mst_sampler *sampler, const mst_plan *plan, mst_errctx *ctx)
{
  mst_plan_collector entries[MST_PLAN_MAX_COLLECTORS];
  mst_plan base = {.collectors = entries};
  mst_slot *slots = NULL;
  size_t count = 0;

  if (!plan)
    base.collector_count = base_plan(sampler, entries);

  mst_err err = make_slots(sampler, plan ? plan : &base, &slots, &count, ctx);

  if (err != MST_OK)
    return err;
  for (size_t i = 0; i < count; i++) {
    for (size_t j = 0; j < sampler->slot_count; j++) {
      if (is_same_entry(&slots[i], &sampler->slots[j])) {
        mst_slot old = sampler->slots[j];

        sampler->slots[j] = slots[i];
        slots[i] = old;
        break;
      }
    }
  }
  /* What is left of the old plan is closed before the new is opened: the two may not share a thing. */
  mst_slots_destroy(sampler->slots, sampler->slot_count);
  sampler->slots = slots;
  sampler->slot_count = count;
  for (size_t i = 0; i < count; i++) {
    mst_slot *slot = &slots[i];

    if (!slot->kind)
      mst_slot_say(slot, MST_SLOT_UNKNOWN, "this agent has no such collector; take it out of the plan or update the agent");
    else if (is_forbidden(sampler, slot))
      mst_slot_say(slot, MST_SLOT_FORBIDDEN, "this host's own configuration forbids it");
    else if (!slot->is_open && mst_clock_mono(sampler->clock).ns >= slot->retry_at.ns)
      mst_slot_open(sampler, slot);
  }
  return MST_OK;
}
