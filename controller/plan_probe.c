/* Probes, as a plan names them: checked against the table of kinds that agents read them by. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "plan_probe.h"
#include "plan_suite.h"

#include <pcre2.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <mst/common/alloc.h>
#include <mst/common/buf.h>
#include <mst/common/clock.h>
#include <mst/proto/probe.h>

enum { NAMES_TEXT_BYTES = 512 /* what a person reads of a choice */, NUMBER_TEXT_BYTES = 24, OWN_OPTIONS = 4, PREFIX_BYTES = 96 };

static const mst_config_field fields[] = {
    {"name", MST_CONFIG_STRING, offsetof(mst_plan_probe_file, name), .required = true, .min = 1, .max = MST_PROBE_NAME_MAX_BYTES,
     .help = "The probe's name: the label probe= of its signals"},
    {"kind", MST_CONFIG_STRING, offsetof(mst_plan_probe_file, kind), .required = true, .min = 1, .max = 64,
     .help = "What it does; docs/probes.md lists the kinds"},
    {"hosts", MST_CONFIG_NODE, offsetof(mst_plan_probe_file, hosts), .help = "Labels that a host must have, as for collectors"},
    {"every", MST_CONFIG_DURATION, offsetof(mst_plan_probe_file, every_ns), .default_text = "0", .min = 0,
     .max = (double)MST_PLAN_MAX_PERIOD_NS,
     .help = "Time from the beginning of one run to that of the next; by default the plan's interval"},
    {"timeout", MST_CONFIG_DURATION, offsetof(mst_plan_probe_file, timeout_ns), .default_text = "5s", .min = 10e6, .max = 3600e9,
     .help = "How long one attempt may take"},
    {"retries", MST_CONFIG_INTEGER, offsetof(mst_plan_probe_file, retries), .default_text = "0", .min = 0, .max = MST_PROBE_RETRIES_MAX,
     .help = "Further attempts, 100 ms after one that failed, before the run counts as failed"},
    {"options", MST_CONFIG_NODE, offsetof(mst_plan_probe_file, options), .help = "The options of its kind, {address: \"127.0.0.1:6379\"}"},
};
const mst_config_schema mst_plan_probe_schema = {
    .name = "probe",
    .struct_size_bytes = sizeof(mst_plan_probe_file),
    .fields = fields,
    .field_count = sizeof fields / sizeof fields[0],
    .place_offset = offsetof(mst_plan_probe_file, place),
};

/* ---- checks ---- */

static void
check_pattern(const mst_yaml_node *node, mst_diags *diags)
{
  int number = 0;
  PCRE2_SIZE offset = 0;
  PCRE2_UCHAR message[256];
  pcre2_code *code = pcre2_compile((PCRE2_SPTR)mst_yaml_node_text(node), PCRE2_ZERO_TERMINATED, 0, &number, &offset, NULL);

  if (!code) {
    (void)pcre2_get_error_message(number, message, sizeof message);
    mst_yaml_complain(diags, node, "the pattern is wrong at its character %zu: %s", (size_t)offset + 1, (const char *)message);
  }
  pcre2_code_free(code);
}

static void
check_suite(const mst_yaml_node *node, mst_diags *diags)
{
  const char *name = mst_yaml_node_text(node);
  mst_suite suite = {0};

  if (name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-")] != '\0')
    mst_yaml_complain(diags, node, "\"%.64s\" is no name of a list; use a-z, 0-9, - and _", name);
  else
    (void)mst_suite_load(node, &suite, diags);
  mst_suite_done(&suite);
}

static void
check_scalar(const mst_yaml_node *node, const mst_probe_option *option, mst_diags *diags)
{
  mst_errctx why = {0};

  if (mst_yaml_node_kind(node) != MST_YAML_SCALAR || mst_yaml_node_is_null(node))
    mst_yaml_complain(diags, node, "write one value");
  else if (mst_probe_scalar_check(option, mst_yaml_node_text(node), &why) != MST_OK)
    mst_yaml_complain(diags, node, "%s", why.text);
  else if (option->type == MST_PROBE_SUITE)
    check_suite(node, diags);
  else if (option->type == MST_PROBE_PATTERN || option->type == MST_PROBE_PATTERNS)
    check_pattern(node, diags);
}

static void check_table(const mst_yaml_node *map, const char *owner, const mst_probe_option *table, size_t table_count, mst_diags *diags);

static void
check_steps(const mst_yaml_node *node, const mst_probe_option *option, mst_diags *diags)
{
  char owner[64];
  size_t count = mst_yaml_node_count(node);

  if (mst_yaml_node_kind(node) != MST_YAML_LIST || count == 0 || count > MST_PROBE_STEPS_MAX) {
    mst_yaml_complain(diags, node, "must be a list of 1 to %d maps", MST_PROBE_STEPS_MAX);
    return;
  }
  for (size_t i = 0; i < count; i++) {
    snprintf(owner, sizeof owner, "%.40s %zu", option->key, i + 1);
    check_table(mst_yaml_node_at(node, i), owner, option->each, option->each_count, diags);
  }
}

static bool
is_list_type(mst_probe_type type)
{
  return type == MST_PROBE_TEXTS || type == MST_PROBE_PATTERNS;
}

static void
check_value(const mst_yaml_node *node, const mst_probe_option *option, mst_diags *diags)
{
  const size_t most = option->max > 0 ? (size_t)option->max : MST_PROBE_LIST_MAX;
  bool is_map = option->type == MST_PROBE_MAP || option->type == MST_PROBE_SECRETS;
  size_t count = mst_yaml_node_count(node);

  if (option->type == MST_PROBE_STEPS) {
    check_steps(node, option, diags);
    return;
  }
  if (is_map && mst_yaml_node_kind(node) != MST_YAML_MAP) {
    mst_yaml_complain(diags, node, "must be a map of names and texts");
    return;
  }
  if (!is_map && (!is_list_type(option->type) || mst_yaml_node_kind(node) != MST_YAML_LIST)) {
    check_scalar(node, option, diags);
    return;
  }
  if (count == 0 || count > most)
    mst_yaml_complain(diags, node, "%zu entries; write 1 to %zu", count, most);
  for (size_t i = 0; i < count; i++) {
    if (is_map && mst_yaml_node_text(mst_yaml_node_key_at(node, i))[0] == '\0')
      mst_yaml_complain(diags, mst_yaml_node_key_at(node, i), "a name is empty");
    check_scalar(mst_yaml_node_at(node, i), option, diags);
  }
}

static void
complain_of_option(const mst_yaml_node *key, const char *owner, const mst_probe_option *table, size_t table_count, mst_diags *diags)
{
  mst_buf names;

  mst_buf_init(&names, NAMES_TEXT_BYTES);
  for (size_t i = 0; i < table_count; i++)
    mst_buf_printf(&names, "%s%s", i ? ", " : "", table[i].key);
  mst_yaml_complain(diags, key, "%s has no option \"%.64s\"; there are %s", owner, mst_yaml_node_text(key),
                    table_count ? mst_buf_text(&names) : "none");
  mst_buf_done(&names);
}

static const mst_probe_option *
find_option(const mst_probe_option *table, size_t table_count, const char *key)
{
  for (size_t i = 0; i < table_count; i++)
    if (strcmp(table[i].key, key) == 0)
      return &table[i];
  return NULL;
}

/* The options of a probe, or those of one of its steps. */
static void
check_table(const mst_yaml_node *map, const char *owner, const mst_probe_option *table, size_t table_count, mst_diags *diags)
{
  if (mst_yaml_node_kind(map) != MST_YAML_MAP) {
    mst_yaml_complain(diags, map, "must be a map of options and their values, such as {address: \"127.0.0.1:6379\"}");
    return;
  }
  for (size_t i = 0; i < mst_yaml_node_count(map); i++) {
    const mst_yaml_node *key = mst_yaml_node_key_at(map, i);
    const mst_probe_option *option = find_option(table, table_count, mst_yaml_node_text(key));
    if (option)
      check_value(mst_yaml_node_at(map, i), option, diags);
    else
      complain_of_option(key, owner, table, table_count, diags);
  }
  for (size_t i = 0; i < table_count; i++)
    if (table[i].is_required && !mst_yaml_node_get(map, table[i].key))
      mst_yaml_complain(diags, map, "%s needs option %s: %s", owner, table[i].key, table[i].help);
}

static void
check_options(const mst_plan_probe_file *probe, const mst_probe_schema *kind, mst_diags *diags)
{
  char owner[64 + 32];

  snprintf(owner, sizeof owner, "kind %.64s", kind->name);
  if (probe->options)
    check_table(probe->options, owner, kind->options, kind->option_count, diags);
  for (size_t i = 0; !probe->options && i < kind->option_count; i++)
    if (kind->options[i].is_required)
      mst_yaml_complain(diags, probe->place.node, "probe %s: kind %s needs option %s: %s", probe->name, kind->name, kind->options[i].key,
                        kind->options[i].help);
}

static void
complain_of_kind(const mst_plan_probe_file *probe, mst_diags *diags)
{
  mst_buf names;

  mst_buf_init(&names, NAMES_TEXT_BYTES);
  for (size_t i = 0; i < mst_probe_schemas_count; i++)
    mst_buf_printf(&names, "%s%s", i ? ", " : "", mst_probe_schemas[i]->name);
  mst_yaml_complain(diags, mst_yaml_node_get(probe->place.node, "kind"), "there are no probes of kind \"%.64s\"; choose of %s", probe->kind,
                    mst_buf_text(&names));
  mst_buf_done(&names);
}

static void
check_times(const mst_plan_probe_file *probe, int64_t interval_ns, mst_diags *diags)
{
  static const int64_t least_ns = 100 * MST_NS_PER_MS; /* as the plan's interval */
  int64_t every_ns = probe->every_ns > 0 ? probe->every_ns : interval_ns;
  char takes[MST_TIME_TEXT_BYTES], every[MST_TIME_TEXT_BYTES];
  int64_t takes_ns = probe->timeout_ns * (probe->retries + 1) + probe->retries * 100 * MST_NS_PER_MS;

  if (probe->every_ns > 0 && probe->every_ns < least_ns)
    mst_yaml_complain(diags, mst_yaml_node_get(probe->place.node, "every"), "write 100ms or more");
  if (takes_ns > every_ns)
    mst_yaml_complain(
        diags, probe->place.node,
        "probe %s: a run may take %s (timeout, and pauses and timeouts of its retries), and begins every %s: give it a shorter "
        "timeout or a longer every",
        probe->name, mst_duration_format(takes_ns, takes), mst_duration_format(every_ns, every));
}

void
mst_plan_probe_check(const mst_plan_probe_file *probe, int64_t interval_ns, mst_diags *diags)
{
  const mst_probe_schema *kind = probe->kind ? mst_probe_schema_find(probe->kind) : NULL;
  size_t plain = probe->name ? strspn(probe->name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") : 0;

  if (!probe->name || !probe->kind)
    return; /* said already */
  if (probe->name[plain] != '\0')
    mst_yaml_complain(diags, mst_yaml_node_get(probe->place.node, "name"), "\"%.128s\" is no name of a probe; use a-z, A-Z, 0-9, - _ and .",
                      probe->name);
  check_times(probe, interval_ns, diags);
  if (kind)
    check_options(probe, kind, diags);
  else
    complain_of_kind(probe, diags);
}

/* ---- what agents are told ---- */

/* The options of one probe with their values and the texts that stand nowhere in the file, in one block. */
typedef struct compiled {
  mst_plan_option *options;
  mst_text *values;
  char *texts;
  size_t option_count, value_count, text_bytes; /* what there is room for */
  mst_suite suite;                              /* its texts stand in a file of their own, and are copied */
} compiled;

static mst_text
text_of(const char *text)
{
  return (mst_text){text, strlen(text)};
}

static size_t
count_values(const mst_yaml_node *value)
{
  switch (mst_yaml_node_kind(value)) {
  case MST_YAML_LIST:
    return mst_yaml_node_count(value);
  case MST_YAML_MAP:
    return 2 * mst_yaml_node_count(value);
  default:
    return 1;
  }
}

static void
put_number(compiled *to, const char *key, int64_t number)
{
  mst_plan_option *option = to->options++;

  snprintf(to->texts, NUMBER_TEXT_BYTES, "%lld", (long long)number);
  *to->values = text_of(to->texts);
  *option = (mst_plan_option){.key = text_of(key), .value_count = 1, .values = to->values++};
  to->texts += NUMBER_TEXT_BYTES;
}

/* Key is prefix and name, "o.steps.1." and "url". */
static void
put_option(compiled *to, const char *prefix, const char *name, const mst_yaml_node *value)
{
  mst_plan_option *option = to->options++;
  mst_yaml_kind kind = mst_yaml_node_kind(value);

  *option = (mst_plan_option){.key = text_of(to->texts), .value_count = (uint32_t)count_values(value), .values = to->values};
  to->texts = stpcpy(stpcpy(to->texts, prefix), name) + 1;
  option->key = text_of(option->key.data);
  if (kind == MST_YAML_SCALAR)
    *to->values++ = text_of(mst_yaml_node_text(value));
  for (size_t i = 0; kind != MST_YAML_SCALAR && i < mst_yaml_node_count(value); i++) {
    if (kind == MST_YAML_MAP)
      *to->values++ = text_of(mst_yaml_node_text(mst_yaml_node_key_at(value, i)));
    const char *text = mst_yaml_node_text(mst_yaml_node_at(value, i));
    if (value == to->suite.list) {
      to->texts = stpcpy(to->texts, text) + 1;
      text = to->texts - strlen(text) - 1;
    }
    *to->values++ = text_of(text);
  }
}

/* Calls put for each option as it goes over the wire: those of steps one by one. */
static void
walk(const mst_plan_probe_file *probe, void (*put)(compiled *to, const char *prefix, const char *name, const mst_yaml_node *value),
     compiled *to)
{
  const mst_probe_schema *kind = mst_probe_schema_find(probe->kind);
  char prefix[PREFIX_BYTES];

  for (size_t i = 0; probe->options && i < mst_yaml_node_count(probe->options); i++) {
    const char *name = mst_yaml_node_text(mst_yaml_node_key_at(probe->options, i));
    const mst_yaml_node *value = mst_yaml_node_at(probe->options, i);
    const mst_probe_option *option = mst_probe_schema_option(kind, name);
    if (!option || option->type != MST_PROBE_STEPS) {
      put(to, "o.", name, option && option->type == MST_PROBE_SUITE ? to->suite.list : value);
      continue;
    }
    for (size_t k = 0; k < mst_yaml_node_count(value); k++) {
      const mst_yaml_node *step = mst_yaml_node_at(value, k);
      snprintf(prefix, sizeof prefix, "o.%.40s.%zu.", name, k + 1);
      for (size_t m = 0; m < mst_yaml_node_count(step); m++)
        put(to, prefix, mst_yaml_node_text(mst_yaml_node_key_at(step, m)), mst_yaml_node_at(step, m));
    }
  }
}

static void
measure_option(compiled *to, const char *prefix, const char *name, const mst_yaml_node *value)
{
  to->option_count++;
  to->value_count += count_values(value);
  to->text_bytes += strlen(prefix) + strlen(name) + 1;
  for (size_t i = 0; value == to->suite.list && i < mst_yaml_node_count(value); i++)
    to->text_bytes += strlen(mst_yaml_node_text(mst_yaml_node_at(value, i))) + 1;
}

static mst_err
load_suite(const mst_plan_probe_file *probe, compiled *to, mst_errctx *ctx)
{
  const mst_probe_schema *kind = mst_probe_schema_find(probe->kind);
  mst_diags diags;

  for (size_t i = 0; probe->options && i < mst_yaml_node_count(probe->options); i++) {
    const mst_probe_option *option = mst_probe_schema_option(kind, mst_yaml_node_text(mst_yaml_node_key_at(probe->options, i)));
    if (!option || option->type != MST_PROBE_SUITE)
      continue;
    mst_diags_init(&diags);
    bool is_good = mst_suite_load(mst_yaml_node_at(probe->options, i), &to->suite, &diags);
    mst_diags_done(&diags);
    return is_good ? MST_OK : mst_fail(ctx, MST_ECONFIG, "probe %s: its list of attacks has changed since it was checked", probe->name);
  }
  return MST_OK;
}

static mst_err
compile(const mst_plan_probe_file *probe, int64_t interval_ns, compiled *to, mst_plan_collector *ret_collector, mst_errctx *ctx)
{
  mst_err err = load_suite(probe, to, ctx);

  if (err != MST_OK)
    return err;
  walk(probe, measure_option, to);
  if (to->option_count > MST_PLAN_MAX_OPTIONS)
    return mst_fail(ctx, MST_ELIMIT, "probe %s: %zu options with those of its steps; at most %d are possible", probe->name,
                    to->option_count, MST_PLAN_MAX_OPTIONS);
  char *block = mst_alloc(to->option_count * sizeof(mst_plan_option) + to->value_count * sizeof(mst_text) + to->text_bytes, 1);
  if (!block)
    return mst_fail(ctx, MST_ENOMEM, "out of memory for probe %s", probe->name);
  to->options = (mst_plan_option *)(void *)block;
  to->values = (mst_text *)(void *)(to->options + to->option_count);
  to->texts = (char *)(to->values + to->value_count);
  *ret_collector = (mst_plan_collector){
      .name = text_of("probe"), .instance = text_of(probe->name), .option_count = (uint32_t)to->option_count, .options = to->options};
  *to->values = text_of(probe->kind);
  *to->options++ = (mst_plan_option){.key = text_of("kind"), .value_count = 1, .values = to->values++};
  put_number(to, "every", probe->every_ns > 0 ? probe->every_ns : interval_ns);
  put_number(to, "timeout", probe->timeout_ns);
  put_number(to, "retries", probe->retries);
  walk(probe, put_option, to);
  return MST_OK;
}

mst_err
mst_plan_probe_compile(const mst_plan_probe_file *probe, int64_t interval_ns, mst_plan_collector *ret_collector, mst_errctx *ctx)
{
  compiled to = {.option_count = OWN_OPTIONS, .value_count = OWN_OPTIONS, .text_bytes = OWN_OPTIONS * NUMBER_TEXT_BYTES};
  mst_err err = compile(probe, interval_ns, &to, ret_collector, ctx);

  mst_suite_done(&to.suite);
  return err;
}

void
mst_plan_probe_done(mst_plan_collector *collector)
{
  mst_free(collector->options); /* the beginning of the block */
  *collector = (mst_plan_collector){0};
}
