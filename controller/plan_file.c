/* The schema of the plan file, and its checks. */
#include "plan_file.h"

#include <stddef.h>
#include <string.h>

#include <mst/common/buf.h>
#include <mst/common/clock.h>

#include <mst/proto/probe.h>

#include "plan.h"

static const mst_config_field entry_fields[] = {
    {"name", MST_CONFIG_STRING, offsetof(mst_plan_entry_file, name), .required = true, .min = 1, .max = MST_PLAN_TEXT_MAX_BYTES,
     .help = "The collector: cpu, disk, filesystem, ..."},
    {"hosts", MST_CONFIG_NODE, offsetof(mst_plan_entry_file, hosts),
     .help = "Labels that a host must have, {role: api}; a value may be a list, a shell pattern, or begin with ! for not"},
    {"period", MST_CONFIG_DURATION, offsetof(mst_plan_entry_file, period_ns), .default_text = "0", .min = 0,
     .max = (double)MST_PLAN_MAX_PERIOD_NS, .help = "Time between collections; by default with every report"},
    {"options", MST_CONFIG_NODE, offsetof(mst_plan_entry_file, options), .help = "The collector's options, {names: [nginx]}"},
};
static const mst_config_schema entry_schema = {
    .name = "collector",
    .struct_size_bytes = sizeof(mst_plan_entry_file),
    .fields = entry_fields,
    .field_count = sizeof entry_fields / sizeof entry_fields[0],
    .place_offset = offsetof(mst_plan_entry_file, place),
};

static const mst_config_field fields[] = {
    {"plan", MST_CONFIG_STRING, offsetof(mst_plan_file, name), .required = true, .min = 1, .max = 128, .help = "The plan's name"},
    {"interval", MST_CONFIG_DURATION, offsetof(mst_plan_file, interval_ns), .default_text = "10s", .min = 100e6, .max = 3600e9,
     .help = "Time between reports"},
    {"jitter", MST_CONFIG_RATIO, offsetof(mst_plan_file, jitter_ratio), .default_text = "5%", .min = 0, .max = 0.5,
     .help = "Each report comes up to this part of the interval late, drawn at random"},
    {"variables", MST_CONFIG_NODE, offsetof(mst_plan_file, variables),
     .help = "Names and values; ${name} anywhere in the file stands for the value, which an overlay may set"},
    {"collectors", MST_CONFIG_STRUCT_LIST, offsetof(mst_plan_file, collectors), .required = true, .min = 1, .max = MST_PLAN_MAX_COLLECTORS,
     .sub = &entry_schema, .help = "What is collected, and where; of entries of one name, the first that fits a host counts"},
    {"tails", MST_CONFIG_STRUCT_LIST, offsetof(mst_plan_file, tails), .max = MST_PLAN_TAILS_MAX, .sub = &mst_plan_tail_schema,
     .help = "Logs that are followed, and where; of entries of one name, the first that fits a host counts"},
    {"probes", MST_CONFIG_STRUCT_LIST, offsetof(mst_plan_file, probes), .max = MST_PROBES_MAX, .sub = &mst_plan_probe_schema,
     .help = "What is tried, and from where; of entries of one name, the first that fits a host counts"},
};
const mst_config_schema mst_plan_file_schema = {
    .name = "plan",
    .struct_size_bytes = sizeof(mst_plan_file),
    .fields = fields,
    .field_count = sizeof fields / sizeof fields[0],
    .place_offset = MST_CONFIG_NO_PLACE,
};

/* A map whose values are scalars or lists of least..most_values scalars; no empty texts where they would mean nothing. False when it is
 * no map: what its keys are can be asked of any other. */
static bool
check_map(const mst_yaml_node *node, const char *what, size_t most, size_t least_values, size_t most_values, mst_diags *diags)
{
  if (mst_yaml_node_kind(node) != MST_YAML_MAP) {
    mst_yaml_complain(diags, node, "must be a map of %s", what);
    return false;
  }
  if (mst_yaml_node_count(node) > most)
    mst_yaml_complain(diags, node, "%zu entries; at most %zu are possible", mst_yaml_node_count(node), most);
  for (size_t i = 0; i < mst_yaml_node_count(node); i++) {
    const mst_yaml_node *value = mst_yaml_node_at(node, i);
    size_t count = mst_yaml_node_kind(value) == MST_YAML_LIST ? mst_yaml_node_count(value) : 1;
    if (mst_yaml_node_kind(value) == MST_YAML_MAP || count < least_values || count > most_values) {
      mst_yaml_complain(diags, value, "write one value or a list of %zu to %zu values", least_values, most_values);
      continue;
    }
    for (size_t k = 0; k < count; k++) {
      const mst_yaml_node *one = mst_yaml_node_kind(value) == MST_YAML_LIST ? mst_yaml_node_at(value, k) : value;
      if (mst_yaml_node_kind(one) == MST_YAML_SCALAR && !mst_yaml_node_is_null(one) && mst_yaml_node_text(one)[0] != '\0' &&
          strlen(mst_yaml_node_text(one)) <= MST_PLAN_TEXT_MAX_BYTES)
        continue;
      mst_yaml_complain(diags, one, "write a text of 1 to %d bytes", MST_PLAN_TEXT_MAX_BYTES);
    }
  }
  return true;
}

enum { NAMES_TEXT_BYTES = 512 /* what a person reads of a choice */ };

static void
complain_of_collector(const mst_plan_entry_file *entry, mst_diags *diags)
{
  mst_buf names;

  if (strcmp(entry->name, "tail") == 0) {
    mst_yaml_complain(diags, mst_yaml_node_get(entry->place.node, "name"), "logs are not collected but followed: write it under `tails:`");
    return;
  }
  if (strcmp(entry->name, "probe") == 0) {
    mst_yaml_complain(diags, mst_yaml_node_get(entry->place.node, "name"), "probes have a list of their own: write it under `probes:`");
    return;
  }
  mst_buf_init(&names, NAMES_TEXT_BYTES);
  for (const mst_known_collector *known = mst_known_collectors; known->name; known++)
    mst_buf_printf(&names, "%s%s", known == mst_known_collectors ? "" : ", ", known->name);
  mst_yaml_complain(diags, mst_yaml_node_get(entry->place.node, "name"), "there is no collector \"%.64s\"; choose one of %s", entry->name,
                    mst_buf_text(&names));
  mst_buf_done(&names);
}

static void
complain_of_option(const mst_yaml_node *key, const mst_known_collector *known, mst_diags *diags)
{
  mst_buf names;

  mst_buf_init(&names, NAMES_TEXT_BYTES);
  for (const char *const *option = known->options; *option; option++)
    mst_buf_printf(&names, "%s%s", option == known->options ? "" : ", ", *option);
  mst_yaml_complain(diags, key, "collector %s has no option \"%.64s\"; it has %s", known->name, mst_yaml_node_text(key),
                    known->options[0] ? mst_buf_text(&names) : "none");
  mst_buf_done(&names);
}

static void
check_options(const mst_plan_entry_file *entry, const mst_known_collector *known, mst_diags *diags)
{
  if (!check_map(entry->options, "options and their values, such as {names: [nginx]}", MST_PLAN_MAX_OPTIONS, 0, MST_PLAN_MAX_OPTION_VALUES,
                 diags) ||
      !known)
    return;
  for (size_t i = 0; i < mst_yaml_node_count(entry->options); i++) {
    const mst_yaml_node *key = mst_yaml_node_key_at(entry->options, i);
    bool is_known = false;
    for (const char *const *option = known->options; *option; option++)
      is_known = is_known || strcmp(*option, mst_yaml_node_text(key)) == 0;
    if (!is_known)
      complain_of_option(key, known, diags);
  }
}

enum { LABELS_MAX = 32, LABEL_VALUES_MAX = 256 };

static void
check_hosts(const mst_yaml_node *hosts, mst_diags *diags)
{
  if (hosts)
    (void)check_map(hosts, "labels and what they must be, such as {role: api}", LABELS_MAX, 1, LABEL_VALUES_MAX, diags);
}

static void
complain_of_shadow(const char *kind, const char *name, const mst_config_place *place, const mst_config_place *before, mst_diags *diags)
{
  mst_yaml_complain(diags, mst_yaml_node_get(place->node, "name"),
                    "%s %s stands above for all hosts, on line %u: this entry never counts; put it before that one, or leave it out", kind,
                    name, mst_yaml_node_line(before->node));
}

static void
check_collectors(const mst_plan_file *file, mst_diags *diags)
{
  const mst_plan_entry_file *entries = file->collectors.items;

  for (size_t i = 0; i < file->collectors.count; i++) {
    const mst_plan_entry_file *entry = &entries[i];
    const mst_known_collector *known = entry->name ? mst_known_collector_find(entry->name) : NULL;
    if (entry->name && !known)
      complain_of_collector(entry, diags);
    if (entry->options)
      check_options(entry, known, diags);
    check_hosts(entry->hosts, diags);
    for (size_t k = 0; k < i; k++)
      if (entry->name && entries[k].name && strcmp(entry->name, entries[k].name) == 0 && !entries[k].hosts)
        complain_of_shadow("collector", entry->name, &entry->place, &entries[k].place, diags);
  }
}

static void
check_tails(const mst_plan_file *file, mst_diags *diags)
{
  const mst_plan_tail_file *tails = file->tails.items;

  for (size_t i = 0; i < file->tails.count; i++) {
    mst_plan_tail_check(&tails[i], diags);
    check_hosts(tails[i].hosts, diags);
    for (size_t k = 0; k < i; k++)
      if (tails[i].name && tails[k].name && strcmp(tails[i].name, tails[k].name) == 0 && !tails[k].hosts)
        complain_of_shadow("tail", tails[i].name, &tails[i].place, &tails[k].place, diags);
  }
}

static void
check_probes(const mst_plan_file *file, mst_diags *diags)
{
  const mst_plan_probe_file *probes = file->probes.items;

  for (size_t i = 0; i < file->probes.count; i++) {
    mst_plan_probe_check(&probes[i], file->interval_ns, diags);
    check_hosts(probes[i].hosts, diags);
    for (size_t k = 0; k < i; k++)
      if (probes[i].name && probes[k].name && strcmp(probes[i].name, probes[k].name) == 0 && !probes[k].hosts)
        complain_of_shadow("probe", probes[i].name, &probes[i].place, &probes[k].place, diags);
  }
}

void
mst_plan_file_check(const mst_plan_file *file, const mst_yaml_node *root, mst_diags *diags)
{
  check_collectors(file, diags);
  check_tails(file, diags);
  check_probes(file, diags);
  size_t count = file->collectors.count + file->tails.count + file->probes.count;
  if (count > MST_PLAN_MAX_COLLECTORS)
    mst_yaml_complain(diags, root, "%zu collectors, tails and probes; at most %d are possible together", count, MST_PLAN_MAX_COLLECTORS);
}
