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

/* What one expanded checklist consists of while it is looked at. */
typedef struct source {
  const char *name;
  mst_expansion expansion;
} source;

/* The complaints of the expanded text, moved to where their cause stands in the file. What a value is wrong with that holds an unknown
 * variable is left out: the variable has its complaint. */
static void
hand_over(const source *from, const mst_yaml_node *root, const mst_diags *found, mst_diags *diags)
{
  for (size_t i = 0; i < found->count; i++) {
    const mst_diag *diag = &found->list[i];
    if (root && diag->column > 0 && mst_variables_unknown_at(root, diag->line, diag->column))
      continue;
    mst_diags_add(diags, diag->file, diag->line, mst_expansion_column(&from->expansion, diag->line, diag->column), diag->key, "%s",
                  diag->text);
  }
  diags->dropped += found->dropped;
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

/* Parses and compiles the text with its variables put in. */
static bool
compile_expanded(mst_checklist *list, const source *from, mst_diags *diags)
{
  const mst_buf *text = &from->expansion.text;
  mst_diags found, unknown;
  bool fine;

  mst_diags_init(&found);
  mst_diags_init(&unknown);
  list->yaml = mst_yaml_parse(from->name, mst_buf_text(text), text->size_bytes, &found);
  fine = list->yaml && mst_variables_all_known(mst_yaml_root(list->yaml), &unknown);
  if (list->yaml)
    fine = compile_file(list, &found) && fine;
  hand_over(from, NULL, &unknown, diags);
  hand_over(from, list->yaml ? mst_yaml_root(list->yaml) : NULL, &found, diags);
  mst_diags_done(&unknown);
  mst_diags_done(&found);
  return fine;
}

/* Overlay and file are looked at each as far as it goes, whatever the other is like. */
static bool
compile_text(mst_checklist *list, const char *name, const char *text, size_t size_bytes, const char *overlay_name, const char *overlay,
             size_t overlay_bytes, mst_diags *diags)
{
  source from = {.name = name};
  mst_yaml *file = mst_yaml_parse(name, text, size_bytes, diags), *over = NULL;
  bool fine = false;

  mst_expansion_init(&from.expansion);
  if (overlay)
    over = mst_yaml_parse(overlay_name, overlay, overlay_bytes, diags);
  if (file && mst_yaml_node_kind(mst_yaml_root(file)) != MST_YAML_MAP) {
    mst_diags_add(diags, name, 1, 1, "", "a checklist is a map with the keys checklist, period, policy and items");
    mst_yaml_destroy(file);
    file = NULL;
  }
  if (file) {
    fine = mst_variables_expand(file, over, text, size_bytes, &from.expansion, diags);
    if (mst_buf_check(&from.expansion.text, "", NULL) == MST_OK)
      fine = compile_expanded(list, &from, diags) && fine;
  } else if (over) {
    (void)mst_variables_check_overlay(over, diags);
  }
  mst_expansion_done(&from.expansion);
  mst_yaml_destroy(over);
  mst_yaml_destroy(file);
  return fine && (over || !overlay);
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
  bool fine = compile_text(list, name, text, size_bytes, overlay_name, overlay, overlay_bytes, diags);
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

/* The overlay by itself, when its checklist cannot be read. */
static void
check_overlay_alone(const char *path, const mst_buf *text, mst_diags *diags)
{
  mst_yaml *yaml = mst_yaml_parse(path, mst_buf_text(text), text->size_bytes, diags);

  if (yaml)
    (void)mst_variables_check_overlay(yaml, diags);
  mst_yaml_destroy(yaml);
}

mst_checklist *
mst_checklist_load(const char *path, const char *overlay, mst_diags *diags)
{
  mst_buf text, over;
  mst_checklist *list = NULL;

  mst_buf_init(&text, MST_YAML_MAX_BYTES);
  mst_buf_init(&over, MST_YAML_MAX_BYTES);
  bool has_text = read_file(path, &text, diags), has_over = overlay && read_file(overlay, &over, diags);
  if (has_text)
    list = mst_checklist_parse(path, mst_buf_text(&text), text.size_bytes, has_over ? overlay : NULL, has_over ? mst_buf_text(&over) : NULL,
                               over.size_bytes, diags);
  else if (has_over)
    check_overlay_alone(overlay, &over, diags);
  if (overlay && !has_over) { /* another checklist than was asked for */
    mst_checklist_destroy(list);
    list = NULL;
  }
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
