/* Loading a checklist: reads the file and its overlay, puts the variables in, maps the top level, compiles the items. */
#include "checklist.h"

#include <stddef.h>
#include <string.h>

#include <mst/common/alloc.h>
#include <mst/common/variables.h>

static const mst_config_field policy_fields[] = {
    {.key = "go",
     .type = MST_CONFIG_RATIO,
     .offset = offsetof(mst_policy, go),
     .default_text = "95%",
     .help = "Least pass rate of the counted non-critical items for GO"},
    {.key = "conditional",
     .type = MST_CONFIG_RATIO,
     .offset = offsetof(mst_policy, conditional),
     .default_text = "90%",
     .help = "Least pass rate for CONDITIONAL_GO"},
    {.key = "sign_offs",
     .type = MST_CONFIG_STRING_LIST,
     .offset = offsetof(mst_policy, sign_offs),
     .required = true,
     .max = MST_CHECKLIST_MAX_ROLES,
     .help = "Roles that must sign the result; [] asks for none"},
    {.key = "sign_off_deadline",
     .type = MST_CONFIG_DURATION,
     .offset = offsetof(mst_policy, deadline_ns),
     .default_text = "24h",
     .help = "Sign-offs count until this long after the period's end"},
    {.key = "freeze",
     .type = MST_CONFIG_DURATION,
     .offset = offsetof(mst_policy, freeze_ns),
     .default_text = "10m",
     .help = "Inputs count until this long after the period's end"},
    {.key = "coverage",
     .type = MST_CONFIG_RATIO,
     .offset = offsetof(mst_policy, coverage),
     .default_text = "99%",
     .help = "Least share of the expected windows that a check needs"},
    {.key = "max_gap",
     .type = MST_CONFIG_DURATION,
     .offset = offsetof(mst_policy, max_gap_ns),
     .default_text = "5m",
     .help = "Longest gap that a check bears"},
    {.key = "waive_by",
     .type = MST_CONFIG_STRING_LIST,
     .offset = offsetof(mst_policy, waive_roles),
     .max = MST_CHECKLIST_MAX_ROLES,
     .help = "Roles that may waive an item; those of sign_offs when absent"},
    {.key = "na_by",
     .type = MST_CONFIG_STRING_LIST,
     .offset = offsetof(mst_policy, na_roles),
     .max = MST_CHECKLIST_MAX_ROLES,
     .help = "Roles that may declare an item not applicable; those of sign_offs when absent"},
};
static const mst_config_schema policy_schema = {
    .name = "policy",
    .struct_size_bytes = sizeof(mst_policy),
    .fields = policy_fields,
    .field_count = sizeof policy_fields / sizeof policy_fields[0],
    .place_offset = offsetof(mst_policy, place),
};

static const mst_config_field section_fields[] = {
    {.key = "id",
     .type = MST_CONFIG_STRING,
     .offset = offsetof(mst_section, id),
     .required = true,
     .min = 1,
     .max = MST_ITEM_ID_MAX_BYTES,
     .help = "Prefix of its items' ids"},
    {.key = "title", .type = MST_CONFIG_STRING, .offset = offsetof(mst_section, title), .required = true, .help = "Heading in reports"},
};
static const mst_config_schema section_schema = {
    .name = "section",
    .struct_size_bytes = sizeof(mst_section),
    .fields = section_fields,
    .field_count = sizeof section_fields / sizeof section_fields[0],
    .place_offset = offsetof(mst_section, place),
    .id_key = "id",
};

static const mst_config_field file_fields[] = {
    {.key = "checklist",
     .type = MST_CONFIG_STRING,
     .offset = offsetof(mst_checklist_file, name),
     .required = true,
     .min = 1,
     .max = 128,
     .help = "Its name"},
    {.key = "title",
     .type = MST_CONFIG_STRING,
     .offset = offsetof(mst_checklist_file, title),
     .default_text = "",
     .help = "One line for reports"},
    {.key = "version",
     .type = MST_CONFIG_STRING,
     .offset = offsetof(mst_checklist_file, version),
     .default_text = "",
     .help = "Of this file"},
    {.key = "period",
     .type = MST_CONFIG_DURATION,
     .offset = offsetof(mst_checklist_file, period_ns),
     .required = true,
     .min = 1e9,
     .max = 90 * 86400e9,
     .help = "How long a run observes"},
    {.key = "variables",
     .type = MST_CONFIG_NODE,
     .offset = offsetof(mst_checklist_file, variables),
     .help = "Names and values for ${name}"},
    {.key = "policy",
     .type = MST_CONFIG_STRUCT,
     .offset = offsetof(mst_checklist_file, policy),
     .required = true,
     .sub = &policy_schema,
     .help = "When the verdict is GO"},
    {.key = "sections",
     .type = MST_CONFIG_STRUCT_LIST,
     .offset = offsetof(mst_checklist_file, sections),
     .sub = &section_schema,
     .help = "Headings"},
    {.key = "items",
     .type = MST_CONFIG_STRUCT_LIST,
     .offset = offsetof(mst_checklist_file, items),
     .required = true,
     .min = 1,
     .max = MST_CHECKLIST_MAX_ITEMS,
     .sub = &mst_item_schema,
     .help = "What must hold"},
};
static const mst_config_schema file_schema = {
    .name = "checklist",
    .struct_size_bytes = sizeof(mst_checklist_file),
    .fields = file_fields,
    .field_count = sizeof file_fields / sizeof file_fields[0],
    .place_offset = MST_CONFIG_NO_PLACE,
};

void
mst_checklist_destroy(mst_checklist *checklist)
{
  if (!checklist)
    return;
  mst_items_done(checklist);
  mst_config_free(&file_schema, &checklist->file);
  mst_free(checklist->order);
  mst_yaml_destroy(checklist->yaml);
  mst_free(checklist);
}

/* Stands in a policy for what could not be read: no value of a file is negative. */
static const mst_policy unread_policy = {.go = -1, .conditional = -1, .deadline_ns = -1, .freeze_ns = -1};

static void
check_sign_offs(const mst_policy *policy, mst_diags *diags)
{
  const mst_yaml_node *node = mst_yaml_node_get(policy->place.node, "sign_offs");
  bool is_list = node && mst_yaml_node_kind(node) == MST_YAML_LIST;
  char *const *roles = policy->sign_offs.items;

  for (size_t i = 0; i < policy->sign_offs.count; i++)
    for (size_t j = 0; j < i; j++)
      if (roles[i] && roles[j] && strcmp(roles[i], roles[j]) == 0)
        mst_yaml_complain(diags, is_list ? mst_yaml_node_at(node, i) : policy->place.node, "sign_offs names \"%s\" twice; leave one out",
                          roles[i]);
}

static bool
check_policy(const mst_checklist_file *file, mst_diags *diags)
{
  const mst_policy *policy = &file->policy;
  size_t before = diags->count + diags->dropped;

  if (policy->go >= 0 && policy->conditional > policy->go)
    mst_yaml_complain(diags, policy->place.node,
                      "conditional (%g%%) is above go (%g%%): a CONDITIONAL_GO would ask for more than a GO; make it at most go",
                      100 * policy->conditional, 100 * policy->go);
  if (policy->sign_offs.count > 0 && policy->deadline_ns >= 0 && policy->deadline_ns < policy->freeze_ns)
    mst_yaml_complain(diags, policy->place.node,
                      "sign_off_deadline is before the freeze: nobody could sign the final result in time; make it longer than freeze");
  check_sign_offs(policy, diags);
  return diags->count + diags->dropped == before;
}

static bool
compile_file(mst_checklist *list, mst_diags *diags)
{
  const mst_yaml_node *root = mst_yaml_root(list->yaml);
  mst_compile compile = {.list = list, .diags = diags};

  list->file.policy = unread_policy;
  bool fine = mst_config_map(root, &file_schema, &list->file, diags);
  list->items = list->file.items.items;
  list->item_count = list->file.items.count;
  fine = check_policy(&list->file, diags) && fine;
  fine = mst_items_compile(&compile) && fine;
  return mst_rollups_resolve(&compile) && fine;
}

static const char top_keys[] = "checklist, period, policy and items";

static bool
compile_expanded(void *arg, mst_yaml *yaml, mst_diags *diags)
{
  mst_checklist *list = arg;

  list->yaml = yaml;
  return compile_file(list, diags);
}

/* What it found is in *arg, which stays NULL when anything was wrong. */
static bool
parse(void *arg, const mst_variables_source *source, mst_diags *diags)
{
  mst_checklist **ret_list = arg, *list = mst_alloc(1, sizeof *list);
  size_t before = diags->count + diags->dropped;

  if (!list) {
    mst_diags_add(diags, source->name, 0, 0, "", "out of memory");
    return false;
  }
  bool fine = mst_variables_read(source, compile_expanded, list, diags);
  if (fine && !mst_variables_digest(source, "muster/1/checklist", &list->digest)) {
    mst_diags_add(diags, source->name, 0, 0, "", "out of memory");
    fine = false;
  }
  mst_diags_sort(diags);
  /* A message that memory was too short for is an error all the same. */
  if (!fine || diags->count + diags->dropped != before) {
    mst_checklist_destroy(list);
    return false;
  }
  *ret_list = list;
  return true;
}

mst_checklist *
mst_checklist_parse(const char *name, const char *text, size_t size_bytes, const char *overlay_name, const char *overlay,
                    size_t overlay_bytes, mst_diags *diags)
{
  const mst_variables_source source = {.what = "checklist",
                                       .keys = top_keys,
                                       .name = name,
                                       .text = text,
                                       .size_bytes = size_bytes,
                                       .overlay_name = overlay_name,
                                       .overlay = overlay,
                                       .overlay_bytes = overlay_bytes};
  mst_checklist *list = NULL;

  (void)!parse(&list, &source, diags);
  return list;
}

mst_checklist *
mst_checklist_load(const char *path, const char *overlay, mst_diags *diags)
{
  mst_checklist *list = NULL;

  if (!mst_variables_load("checklist", top_keys, path, overlay, parse, &list, diags)) { /* another checklist than was asked for */
    mst_checklist_destroy(list);
    list = NULL;
  }
  return list;
}

const char *
mst_checklist_name(const mst_checklist *checklist)
{
  return checklist->file.name;
}

mst_digest
mst_checklist_digest(const mst_checklist *checklist)
{
  return checklist->digest;
}

size_t
mst_checklist_item_count(const mst_checklist *checklist)
{
  return checklist->item_count;
}

int64_t
mst_checklist_period_ns(const mst_checklist *checklist)
{
  return checklist->file.period_ns;
}

int64_t
mst_checklist_freeze_ns(const mst_checklist *checklist)
{
  return checklist->file.policy.freeze_ns;
}

int64_t
mst_checklist_deadline_ns(const mst_checklist *checklist)
{
  return checklist->file.policy.deadline_ns;
}
