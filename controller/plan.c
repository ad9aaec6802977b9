/* Plans: from the file to what one host is told. */
#include "plan.h"

#include <fnmatch.h>
#include <string.h>

#include <mst/common/alloc.h>
#include <mst/common/variables.h>

#include "labels.h"
#include "plan_file.h"

enum { MASK_WORD_BITS = 64 };

/* A bit for each entry of the file. */
typedef struct mask {
  uint64_t words[(MST_PLAN_MAX_COLLECTORS + MASK_WORD_BITS - 1) / MASK_WORD_BITS];
} mask;

/* One for each set of entries that hold together on some host. */
typedef struct sealed {
  mst_sealed_plan plan;
  mask entries;
  struct sealed *next;
} sealed;

struct mst_plan_set {
  mst_yaml *yaml; /* the file's nodes are of it */
  mst_plan_file file;
  mst_digest digest;
  sealed *sealed;
};

void
mst_plan_set_destroy(mst_plan_set *set)
{
  if (!set)
    return;
  while (set->sealed) {
    sealed *one = set->sealed;
    set->sealed = one->next;
    mst_free((void *)(uintptr_t)one->plan.bytes.data);
    mst_free(one);
  }
  mst_config_free(&mst_plan_file_schema, &set->file);
  mst_yaml_destroy(set->yaml);
  mst_free(set);
}

/* Looks at the file with its variables put in; the set takes the tree over. */
static bool
use_file(void *arg, mst_yaml *yaml, mst_diags *diags)
{
  mst_plan_set *set = arg;
  const mst_yaml_node *root = mst_yaml_root(yaml);

  set->yaml = yaml;
  bool fine = mst_config_map(root, &mst_plan_file_schema, &set->file, diags);
  mst_plan_file_check(&set->file, root, diags);
  return fine;
}

static bool
parse(void *arg, const mst_variables_source *source, mst_diags *diags)
{
  mst_plan_set *set = arg;

  if (!mst_variables_read(source, use_file, set, diags))
    return false;
  /* The digest is of what is parsed, not of what may stand there a moment later. */
  return mst_variables_digest(source, "muster/1/plan-file", &set->digest);
}

mst_plan_set *
mst_plan_set_load(const char *path, const char *overlay, mst_diags *diags)
{
  mst_plan_set *set = mst_alloc(1, sizeof *set);
  size_t before = diags->count + diags->dropped;

  if (!set) {
    mst_diags_add(diags, path, 0, 0, "", "out of memory");
    return NULL;
  }
  bool fine = mst_variables_load("plan", "plan and collectors", path, overlay, parse, set, diags);
  if (!fine || diags->count + diags->dropped != before) {
    mst_plan_set_destroy(set);
    return NULL;
  }
  return set;
}

const char *
mst_plan_set_name(const mst_plan_set *set)
{
  return set->file.name;
}

mst_digest
mst_plan_set_digest(const mst_plan_set *set)
{
  return set->digest;
}

int64_t
mst_plan_set_interval_ns(const mst_plan_set *set)
{
  return set->file.interval_ns;
}

/* ---- which entries hold on a host ---- */

static bool
value_fits(const mst_yaml_node *wanted, const char *value)
{
  size_t count = mst_yaml_node_kind(wanted) == MST_YAML_LIST ? mst_yaml_node_count(wanted) : 1;
  bool any_negated = false, all_negated_hold = true;

  for (size_t i = 0; i < count; i++) {
    const char *pattern = mst_yaml_node_text(mst_yaml_node_kind(wanted) == MST_YAML_LIST ? mst_yaml_node_at(wanted, i) : wanted);
    bool is_negated = pattern[0] == '!';
    bool fits = value && fnmatch(pattern + is_negated, value, 0) == 0;
    if (is_negated) {
      any_negated = true;
      all_negated_hold = all_negated_hold && !fits;
    } else if (fits) {
      return true;
    }
  }
  return any_negated && all_negated_hold;
}

static bool
host_fits(const mst_yaml_node *hosts, const char *labels)
{
  char value[MST_LABEL_VALUE_BYTES];

  for (size_t i = 0; hosts && i < mst_yaml_node_count(hosts); i++) {
    bool has = mst_labels_get(labels, mst_yaml_node_text(mst_yaml_node_key_at(hosts, i)), value);
    if (!value_fits(mst_yaml_node_at(hosts, i), has ? value : NULL))
      return false;
  }
  return true;
}

/* Collectors first, tails behind them, probes at the end: the order of a mask's bits. */
static size_t
entry_count(const mst_plan_set *set)
{
  return set->file.collectors.count + set->file.tails.count + set->file.probes.count;
}

/* One of these is set. */
typedef struct plan_entry {
  const mst_plan_entry_file *collector;
  const mst_plan_tail_file *tail;
  const mst_plan_probe_file *probe;
  const char *name;
  const mst_yaml_node *hosts;
} plan_entry;

static plan_entry
entry_at(const mst_plan_set *set, size_t index)
{
  const mst_plan_entry_file *collectors = set->file.collectors.items;
  const mst_plan_tail_file *tails = set->file.tails.items;
  const mst_plan_probe_file *probes = set->file.probes.items;

  if (index < set->file.collectors.count)
    return (plan_entry){.collector = &collectors[index], .name = collectors[index].name, .hosts = collectors[index].hosts};
  index -= set->file.collectors.count;
  if (index < set->file.tails.count)
    return (plan_entry){.tail = &tails[index], .name = tails[index].name, .hosts = tails[index].hosts};
  index -= set->file.tails.count;
  return (plan_entry){.probe = &probes[index], .name = probes[index].name, .hosts = probes[index].hosts};
}

static bool
is_same_thing(const mst_plan_set *set, size_t left, size_t right)
{
  const plan_entry a = entry_at(set, left), b = entry_at(set, right);

  return !a.collector == !b.collector && !a.tail == !b.tail && strcmp(a.name, b.name) == 0;
}

static bool
mask_has(const mask *entries, size_t index)
{
  return entries->words[index / MASK_WORD_BITS] >> (index % MASK_WORD_BITS) & 1;
}

static void
mask_add(mask *entries, size_t index)
{
  entries->words[index / MASK_WORD_BITS] |= (uint64_t)1 << (index % MASK_WORD_BITS);
}

static mask
mask_of(const mst_plan_set *set, const char *labels)
{
  mask entries = {0};

  for (size_t i = 0; i < entry_count(set); i++) {
    bool is_out = !host_fits(entry_at(set, i).hosts, labels);
    for (size_t k = 0; !is_out && k < i; k++)
      is_out = mask_has(&entries, k) && is_same_thing(set, k, i);
    if (!is_out)
      mask_add(&entries, i);
  }
  return entries;
}

/* ---- sealing ---- */

static mst_text
text_of(const char *text)
{
  return (mst_text){text, strlen(text)};
}

static void
free_options(mst_plan_collector *collector)
{
  for (uint32_t i = 0; collector->options && i < collector->option_count; i++)
    mst_free(collector->options[i].values);
  mst_free(collector->options);
}

static bool
fill_collector(const mst_plan_entry_file *entry, mst_plan_collector *collector)
{
  size_t count = entry->options ? mst_yaml_node_count(entry->options) : 0;

  *collector = (mst_plan_collector){.name = text_of(entry->name), .period_ns = entry->period_ns, .option_count = (uint32_t)count};
  if (count == 0)
    return true;
  collector->options = mst_alloc(count, sizeof *collector->options);
  for (size_t i = 0; collector->options && i < count; i++) {
    const mst_yaml_node *value = mst_yaml_node_at(entry->options, i);
    bool is_list = mst_yaml_node_kind(value) == MST_YAML_LIST;
    mst_plan_option *option = &collector->options[i];
    option->key = text_of(mst_yaml_node_text(mst_yaml_node_key_at(entry->options, i)));
    option->value_count = is_list ? (uint32_t)mst_yaml_node_count(value) : 1;
    option->values = mst_alloc(option->value_count ? option->value_count : 1, sizeof *option->values);
    if (!option->values)
      return false;
    for (uint32_t k = 0; k < option->value_count; k++)
      option->values[k] = text_of(mst_yaml_node_text(is_list ? mst_yaml_node_at(value, k) : value));
  }
  return collector->options != NULL;
}

/* The entries of the mask; what they own is finished with free_entries, also after a failure. */
static mst_err
fill_entries(const mst_plan_set *set, const mask *entries, mst_plan *plan, mst_errctx *ctx)
{
  mst_err err = MST_OK;

  for (size_t i = 0; err == MST_OK && i < entry_count(set); i++) {
    mst_plan_collector *collector = &plan->collectors[plan->collector_count];
    if (!mask_has(entries, i))
      continue;
    plan->collector_count++;
    const plan_entry one = entry_at(set, i);
    if (one.tail)
      err = mst_plan_tail_compile(one.tail, collector, ctx);
    else if (one.probe)
      err = mst_plan_probe_compile(one.probe, set->file.interval_ns, collector, ctx);
    else if (!fill_collector(one.collector, collector))
      err = mst_fail(ctx, MST_ENOMEM, "out of memory for a plan");
  }
  return err;
}

static void
free_entries(mst_plan *plan)
{
  for (uint32_t i = 0; i < plan->collector_count; i++) {
    if (mst_text_equal(plan->collectors[i].name, "tail"))
      mst_plan_tail_done(&plan->collectors[i]);
    else if (mst_text_equal(plan->collectors[i].name, "probe"))
      mst_plan_probe_done(&plan->collectors[i]);
    else
      free_options(&plan->collectors[i]);
  }
}

static mst_err
seal(const mst_plan_set *set, const mask *entries, const mst_key *key, mst_sealed_plan *ret_plan, mst_errctx *ctx)
{
  mst_plan_collector collectors[MST_PLAN_MAX_COLLECTORS] = {0};
  mst_plan plan = {.name = text_of(set->file.name),
                   .interval_ns = set->file.interval_ns,
                   .jitter_ratio = set->file.jitter_ratio,
                   .collectors = collectors};
  mst_plan opened = {0};
  mst_buf bytes;

  mst_buf_init(&bytes, MST_PLAN_MAX_BYTES);
  mst_err err = fill_entries(set, entries, &plan, ctx);
  if (err == MST_OK)
    err = mst_plan_seal(&plan, key, &bytes, ctx);
  if (err == MST_OK)
    err = mst_plan_open(bytes.data, bytes.size_bytes, mst_key_public(key), &opened, ctx);
  if (err == MST_OK) {
    ret_plan->digest = opened.digest;
    size_t size_bytes = 0;
    ret_plan->bytes.data = mst_buf_take(&bytes, &size_bytes);
    ret_plan->bytes.size_bytes = size_bytes;
    mst_plan_done(&opened);
  }
  free_entries(&plan);
  mst_buf_done(&bytes);
  return err;
}

mst_err
mst_plan_set_for(mst_plan_set *set, const char *labels, const mst_key *key, const mst_sealed_plan **ret_plan, mst_errctx *ctx)
{
  mask entries = mask_of(set, labels);

  for (const sealed *one = set->sealed; one; one = one->next) {
    if (memcmp(&one->entries, &entries, sizeof entries) == 0) {
      *ret_plan = &one->plan;
      return MST_OK;
    }
  }
  sealed *one = mst_alloc(1, sizeof *one);
  if (!one)
    return mst_fail(ctx, MST_ENOMEM, "out of memory for a plan");
  mst_err err = seal(set, &entries, key, &one->plan, ctx);
  if (err != MST_OK) {
    mst_free(one);
    return mst_fail_within(ctx, err, "plan %s", set->file.name);
  }
  one->entries = entries;
  one->next = set->sealed;
  set->sealed = one;
  *ret_plan = &one->plan;
  return MST_OK;
}

mst_err
mst_plan_set_reseal(mst_plan_set *set, const mst_key *key, mst_errctx *ctx)
{
  for (sealed *one = set->sealed; one; one = one->next) {
    mst_sealed_plan fresh = {0};
    mst_err err = seal(set, &one->entries, key, &fresh, ctx);
    if (err != MST_OK)
      return err;
    mst_free((void *)(uintptr_t)one->plan.bytes.data);
    one->plan = fresh;
  }
  return MST_OK;
}
