/* Items: their keys, their checks, and what their class asks for. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <mst/common/alloc.h>

#include "kind.h"

static const char *const na_names[] = {"forbidden", "allowed", NULL};

static const mst_config_field item_fields[] = {
    {.key = "id",
     .type = MST_CONFIG_STRING,
     .offset = offsetof(mst_item, id),
     .required = true,
     .min = 1,
     .max = MST_ITEM_ID_MAX_BYTES,
     .help = "Unique; statements name it"},
    {.key = "title",
     .type = MST_CONFIG_STRING,
     .offset = offsetof(mst_item, title),
     .required = true,
     .min = 1,
     .max = MST_CHECKLIST_MAX_TEXT_BYTES,
     .help = "One line, as people know it"},
    {.key = "class",
     .type = MST_CONFIG_STRING,
     .offset = offsetof(mst_item, class),
     .required = true,
     .help = "S measured, E evidence, H attested, D drill, R roll-up, P follow-up; \"H+S\" for several"},
    {.key = "critical",
     .type = MST_CONFIG_BOOL,
     .offset = offsetof(mst_item, critical),
     .default_text = "false",
     .help = "Whether it alone can stop a GO"},
    {.key = "na",
     .type = MST_CONFIG_ENUM,
     .offset = offsetof(mst_item, na),
     .default_text = "forbidden",
     .names = na_names,
     .help = "Whether it can be declared not applicable"},
    {.key = "section",
     .type = MST_CONFIG_STRING,
     .offset = offsetof(mst_item, section),
     .help = "Id of its section; the id's part before the last dot when absent"},
    {.key = "note", .type = MST_CONFIG_STRING, .offset = offsetof(mst_item, note), .help = "Why it is decided like this"},
    {.key = "remedy", .type = MST_CONFIG_STRING, .offset = offsetof(mst_item, remedy), .help = "What to do when it fails"},
    {.key = "check", .type = MST_CONFIG_NODE, .offset = offsetof(mst_item, check_node), .help = "The check"},
    {.key = "checks", .type = MST_CONFIG_NODE, .offset = offsetof(mst_item, checks_node), .help = "Several checks, all of which must hold"},
};
const mst_config_schema mst_item_schema = {
    .name = "item",
    .struct_size_bytes = sizeof(mst_item),
    .fields = item_fields,
    .field_count = sizeof item_fields / sizeof item_fields[0],
    .place_offset = offsetof(mst_item, place),
    .id_key = "id",
};

/* "H+S" is letters of SEHDRP with + between them. */
static bool
check_class_text(const mst_item *item, mst_diags *diags)
{
  bool fine = item->class[0] != '\0';

  for (size_t i = 0; item->class[i]; i++)
    fine = fine && (i % 2 == 0 ? strchr("SEHDRP", item->class[i]) != NULL : item->class[i] == '+' && item->class[i + 1] != '\0');
  if (!fine)
    mst_yaml_complain(diags, item->place.node, "\"%s\" is no class; use S, E, H, D, R or P, or several with + between them", item->class);
  return fine;
}

static bool
serves_class(const mst_check *check, char letter)
{
  if (check->kind->class_letter != 'E')
    return check->kind->class_letter == letter;
  /* A drill is evidence of its own class. */
  return (strcmp(check->evidence.kind, "drill") == 0 ? 'D' : 'E') == letter;
}

static bool
check_class(const mst_item *item, mst_diags *diags)
{
  static const struct {
    char letter;
    const char *wants;
  } classes[] = {{'S', "`signal:` or `statements:`"}, {'E', "`evidence:`"}, {'H', "`attest:`"},
                 {'D', "`evidence: drill`"},          {'R', "`rollup:`"},   {'P', "`follow_up:`"}};
  size_t before = diags->count + diags->dropped;

  for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
    bool asked = strchr(item->class, classes[i].letter) != NULL, served = false;
    for (size_t j = 0; j < item->check_count; j++)
      served = served || serves_class(&item->checks[j], classes[i].letter);
    if (asked && !served)
      mst_yaml_complain(diags, item->place.node, "item %s is of class %s and has no check of the kind %s", item->id, item->class,
                        classes[i].wants);
    /* Further evidence does no harm; a word in place of it would. */
    if (served && !asked && classes[i].letter == 'H')
      mst_yaml_complain(diags, item->place.node,
                        "item %s is of class %s and has `attest:`; what is measured cannot be attested instead: class %s+H asks for both",
                        item->id, item->class, item->class);
    if (served && !asked && classes[i].letter == 'P')
      mst_yaml_complain(diags, item->place.node, "item %s is of class %s and has `follow_up:`, which only class P has", item->id,
                        item->class);
  }
  if (strchr(item->class, 'P') && (item->class[1] != '\0' || item->check_count > 1))
    mst_yaml_complain(diags, item->place.node, "item %s: a follow-up has one check and no other class", item->id);
  if (strchr(item->class, 'P') && item->critical)
    mst_yaml_complain(diags, item->place.node, "item %s: a follow-up is outside the verdict and cannot be critical", item->id);
  return diags->count + diags->dropped == before;
}

static bool
compile_check(const mst_yaml_node *node, mst_compile *compile, size_t item, mst_check *check)
{
  const mst_check_kind *kind = mst_check_kind_of(node, compile->diags);

  if (!kind)
    return false;
  *check = (mst_check){.kind = kind, .node = node, .item = item};
  if (kind->compile(node, compile, check))
    return true;
  kind->done(check);
  mst_bounds_done(&check->bounds);
  *check = (mst_check){0};
  return false;
}

static bool
compile_checks(mst_compile *compile, size_t index)
{
  mst_item *item = &compile->list->items[index];
  size_t count = item->checks_node ? mst_yaml_node_count(item->checks_node) : 1;
  bool fine = true;

  if (!item->check_node == !item->checks_node) {
    mst_yaml_complain(compile->diags, item->place.node,
                      item->check_node ? "item %s has both check and checks" : "item %s has no check: nothing would be asked of it",
                      item->id);
    return false;
  }
  if (item->checks_node && (mst_yaml_node_kind(item->checks_node) != MST_YAML_LIST || count == 0 || count > MST_ITEM_MAX_CHECKS)) {
    mst_yaml_complain(compile->diags, item->checks_node, "must be a list of 1 to %d checks", MST_ITEM_MAX_CHECKS);
    return false;
  }
  item->checks = mst_alloc(count, sizeof *item->checks);
  if (!item->checks) {
    mst_yaml_complain(compile->diags, item->place.node, "out of memory");
    return false;
  }
  for (size_t i = 0; i < count; i++) {
    const mst_yaml_node *node = item->check_node ? item->check_node : mst_yaml_node_at(item->checks_node, i);
    if (compile_check(node, compile, index, &item->checks[item->check_count]))
      item->checks[item->check_count++].number = compile->list->check_count++;
    else
      fine = false;
  }
  return fine;
}

static bool
find_section(mst_compile *compile, mst_item *item)
{
  const mst_config_list *sections = &compile->list->file.sections;

  if (!item->section) {
    const char *dot = strrchr(item->id, '.');
    item->section = dot ? mst_strndup(item->id, (size_t)(dot - item->id)) : mst_strdup("");
    if (!item->section) {
      mst_yaml_complain(compile->diags, item->place.node, "out of memory");
      return false;
    }
  }
  for (size_t i = 0; i < sections->count; i++) {
    const mst_section *section = &((const mst_section *)sections->items)[i];
    if (strcmp(section->id, item->section) == 0) {
      item->section_title = section->title;
      return true;
    }
  }
  if (sections->count > 0)
    mst_yaml_complain(compile->diags, item->place.node, "item %s: no section \"%s\" under `sections:`", item->id, item->section);
  return sections->count == 0;
}

bool
mst_items_compile(mst_compile *compile)
{
  bool fine = true;

  for (size_t i = 0; i < compile->list->item_count; i++) {
    mst_item *item = &compile->list->items[i];
    bool placed = find_section(compile, item);
    bool classed = check_class_text(item, compile->diags);
    bool compiled = compile_checks(compile, i);
    fine = placed && classed && compiled && check_class(item, compile->diags) && fine;
  }
  return fine;
}

void
mst_items_done(mst_checklist *list)
{
  for (size_t i = 0; i < list->item_count; i++) {
    mst_item *item = &list->items[i];
    for (size_t j = 0; j < item->check_count; j++) {
      item->checks[j].kind->done(&item->checks[j]);
      mst_bounds_done(&item->checks[j].bounds);
    }
    mst_free(item->checks);
  }
}
