/* Loading a checklist: reads the file and its overlay, puts the variables in, maps the top level, compiles the items. */
#include "checklist.h"

#include <stddef.h>
#include <string.h>

#include <mst/common/alloc.h>
#include <mst/common/file.h>

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

/* Lengths stand before the bytes, so that no two pairs of files have the same digest. */
static bool
digest_files(const char *text, size_t size_bytes, const char *overlay, size_t overlay_bytes, mst_digest *ret_digest)
{
  mst_buf all;
  uint8_t length[8];

  mst_buf_init(&all, 2 * MST_YAML_MAX_BYTES + sizeof length);
  for (size_t i = 0; i < sizeof length; i++)
    length[i] = (uint8_t)((uint64_t)size_bytes >> (8 * i));
  mst_buf_append(&all, length, sizeof length);
  mst_buf_append(&all, text, size_bytes);
  if (overlay)
    mst_buf_append(&all, overlay, overlay_bytes);
  bool fine = all.failed == MST_OK;
  if (fine)
    *ret_digest = mst_digest_of("muster/1/checklist", all.data, all.size_bytes);
  mst_buf_done(&all);
  return fine;
}

static bool
check_policy(const mst_checklist_file *file, mst_diags *diags)
{
  const mst_policy *policy = &file->policy;
  size_t before = diags->count + diags->dropped;

  if (policy->conditional > policy->go)
    mst_yaml_complain(diags, policy->place.node, "conditional is above go: a CONDITIONAL_GO would ask for more than a GO");
  if (policy->sign_offs.count > 0 && policy->deadline_ns < policy->freeze_ns)
    mst_yaml_complain(diags, policy->place.node, "sign_off_deadline is before the freeze: nobody could sign the final result in time");
  for (size_t i = 0; i < policy->sign_offs.count; i++)
    for (size_t j = 0; j < i; j++)
      if (strcmp(policy->sign_offs.items[i], policy->sign_offs.items[j]) == 0)
        mst_yaml_complain(diags, policy->place.node, "sign_offs names \"%s\" twice", policy->sign_offs.items[i]);
  return diags->count + diags->dropped == before;
}

/* The tree with the variables put in; NULL with diags filled. */
static mst_yaml *
expand(const char *name, const char *text, size_t size_bytes, const char *overlay_name, const char *overlay, size_t overlay_bytes,
       mst_diags *diags)
{
  mst_yaml *file = mst_yaml_parse(name, text, size_bytes, diags), *over = NULL, *result = NULL;
  mst_buf expanded;

  mst_buf_init(&expanded, MST_YAML_MAX_BYTES);
  if (overlay)
    over = mst_yaml_parse(overlay_name, overlay, overlay_bytes, diags);
  if (!file || (overlay && !over))
    goto out;
  if (!mst_yaml_root(file) || mst_yaml_node_kind(mst_yaml_root(file)) != MST_YAML_MAP) {
    mst_diags_add(diags, name, 1, 1, "", "a checklist is a map with the keys checklist, period, policy and items");
    goto out;
  }
  if (mst_variables_expand(file, over, text, size_bytes, &expanded, diags))
    result = mst_yaml_parse(name, mst_buf_text(&expanded), expanded.size_bytes, diags);
out:
  mst_buf_done(&expanded);
  mst_yaml_destroy(over);
  mst_yaml_destroy(file);
  return result;
}

static bool
compile_file(mst_checklist *list, mst_diags *diags)
{
  const mst_yaml_node *root = mst_yaml_root(list->yaml);
  mst_compile compile = {.list = list, .diags = diags};
  bool mapped = mst_variables_all_known(root, diags);

  mapped = mst_config_map(root, &file_schema, &list->file, diags) && mapped;
  list->items = list->file.items.items;
  list->item_count = list->file.items.count;
  return mapped && check_policy(&list->file, diags) && mst_items_compile(&compile) && mst_rollups_resolve(&compile);
}

mst_checklist *
mst_checklist_parse(const char *name, const char *text, size_t size_bytes, const char *overlay_name, const char *overlay,
                    size_t overlay_bytes, mst_diags *diags)
{
  mst_checklist *list = mst_alloc(1, sizeof *list);
  size_t before = diags->count + diags->dropped;

  if (!list) {
    mst_diags_add(diags, name, 0, 0, "", "out of memory");
    return NULL;
  }
  list->yaml = expand(name, text, size_bytes, overlay_name, overlay, overlay_bytes, diags);
  bool fine = list->yaml && compile_file(list, diags);
  if (fine && !digest_files(text, size_bytes, overlay, overlay_bytes, &list->digest)) {
    mst_diags_add(diags, name, 0, 0, "", "out of memory");
    fine = false;
  }
  mst_diags_sort(diags);
  /* A message that memory was too short for is an error all the same. */
  if (!fine || diags->count + diags->dropped != before) {
    mst_checklist_destroy(list);
    return NULL;
  }
  return list;
}

static bool
read_file(const char *path, mst_buf *buf, mst_diags *diags)
{
  mst_errctx ctx = {0};

  if (mst_file_read(path, buf, &ctx) == MST_OK)
    return true;
  mst_diags_add(diags, path, 0, 0, "", "%s", ctx.text);
  return false;
}

mst_checklist *
mst_checklist_load(const char *path, const char *overlay, mst_diags *diags)
{
  mst_buf text, over;
  mst_checklist *list = NULL;

  mst_buf_init(&text, MST_YAML_MAX_BYTES);
  mst_buf_init(&over, MST_YAML_MAX_BYTES);
  bool fine = read_file(path, &text, diags);
  if (overlay)
    fine = read_file(overlay, &over, diags) && fine;
  if (fine)
    list = mst_checklist_parse(path, mst_buf_text(&text), text.size_bytes, overlay, overlay ? mst_buf_text(&over) : NULL, over.size_bytes,
                               diags);
  mst_buf_done(&over);
  mst_buf_done(&text);
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
