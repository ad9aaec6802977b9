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

/* What an item is called in messages; the id may be what is wrong with it. */
static const char *
name_of(const mst_item *item)
{
  return item->id ? item->id : "without id";
}

/* A message at the node of a key, or of the item where the key is absent. */
static const mst_yaml_node *
at(const mst_item *item, const char *key)
{
  const mst_yaml_node *node = mst_yaml_node_get(item->place.node, key);

  return node ? node : item->place.node;
}

/* "H+S" is letters of SEHDRP with + between them. */
static bool
check_class_text(const mst_item *item, mst_diags *diags)
{
  bool fine = item->class[0] != '\0';

  for (size_t i = 0; item->class[i]; i++)
    fine = fine && (i % 2 == 0 ? strchr("SEHDRP", item->class[i]) != NULL : item->class[i] == '+' && item->class[i + 1] != '\0');
  if (!fine)
    mst_yaml_complain(diags, at(item, "class"), "\"%s\" is no class; use S, E, H, D, R or P, or several with + between them", item->class);
  return fine;
}

static bool
serves_class(const mst_check *check, char letter)
{
  if (check->kind->class_letter != 'E')
    return check->kind->class_letter == letter;
  if (!check->evidence.kind) /* wrong, and said already */
    return true;
  /* A drill is evidence of its own class. */
  return (strcmp(check->evidence.kind, "drill") == 0 ? 'D' : 'E') == letter;
}

/* are_kinds_known: false where a check is of no kind, so that none can be said to be missing. */
static bool
check_class(const mst_item *item, bool are_kinds_known, mst_diags *diags)
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
    if (asked && !served && are_kinds_known)
      mst_yaml_complain(diags, at(item, "class"), "item %s is of class %s and has no check of the kind %s: add one, or leave %c out",
                        name_of(item), item->class, classes[i].wants, classes[i].letter);
    /* Further evidence does no harm; a word in place of it would. */
    if (served && !asked && classes[i].letter == 'H')
      mst_yaml_complain(diags, at(item, "class"),
                        "item %s is of class %s and has `attest:`; what is measured cannot be attested instead: class %s+H asks for both",
                        name_of(item), item->class, item->class);
    if (served && !asked && classes[i].letter == 'P')
      mst_yaml_complain(diags, at(item, "class"), "item %s is of class %s and has `follow_up:`, which only class P has", name_of(item),
                        item->class);
  }
  if (strchr(item->class, 'P') && (item->class[1] != '\0' || item->check_count > 1))
    mst_yaml_complain(diags, at(item, "class"), "item %s: a follow-up has one check and no other class", name_of(item));
  if (strchr(item->class, 'P') && item->critical)
    mst_yaml_complain(diags, at(item, "critical"), "item %s: a follow-up is outside the verdict and cannot be critical", name_of(item));
  return diags->count + diags->dropped == before;
}

/* A check that does not compile stays, so that what else is wrong with its item is found too; only a check without a kind does not. */
static bool
compile_check(const mst_yaml_node *node, mst_compile *compile, size_t index, bool *are_kinds_known)
{
  mst_item *item = &compile->list->items[index];
  const mst_check_kind *kind = mst_check_kind_of(node, compile->diags);

  if (!kind) {
    *are_kinds_known = false;
    return false;
  }
  mst_check *check = &item->checks[item->check_count++];
  *check = (mst_check){.kind = kind, .node = node, .item = index, .number = compile->list->check_count++};
  return kind->compile(node, compile, check);
}

static bool
complain_of_checks(const mst_item *item, mst_diags *diags)
{
  size_t count = item->checks_node ? mst_yaml_node_count(item->checks_node) : 0;
  bool fine = true;

  if (!item->check_node == !item->checks_node) {
    mst_yaml_complain(diags, item->place.node,
                      item->check_node ? "item %s has both check and checks: put all under `checks:`"
                                       : "item %s has no check: nothing would be asked of it; write `check:` or `checks:`",
                      name_of(item));
    fine = false;
  }
  if (item->checks_node && (mst_yaml_node_kind(item->checks_node) != MST_YAML_LIST || count == 0 || count > MST_ITEM_MAX_CHECKS)) {
    mst_yaml_complain(diags, item->checks_node, "must be a list of 1 to %d checks", MST_ITEM_MAX_CHECKS);
    fine = false;
  }
  return fine;
}

static bool
compile_checks(mst_compile *compile, size_t index, bool *are_kinds_known)
{
  mst_item *item = &compile->list->items[index];
  bool is_list = item->checks_node && mst_yaml_node_kind(item->checks_node) == MST_YAML_LIST;
  size_t count = is_list ? mst_yaml_node_count(item->checks_node) : 0;
  bool fine = complain_of_checks(item, compile->diags);

  item->checks = mst_alloc(count + 1, sizeof *item->checks);
  if (!item->checks) {
    mst_yaml_complain(compile->diags, item->place.node, "out of memory");
    return false;
  }
  if (item->check_node)
    fine = compile_check(item->check_node, compile, index, are_kinds_known) && fine;
  for (size_t i = 0; i < count; i++)
    fine = compile_check(mst_yaml_node_at(item->checks_node, i), compile, index, are_kinds_known) && fine;
  return fine;
}

static bool
find_section(mst_compile *compile, mst_item *item)
{
  const mst_config_list *sections = &compile->list->file.sections;

  /* Where the id or the section is wrong, that is said already. */
  if (!item->section && (!item->id || mst_yaml_node_get(item->place.node, "section")))
    return false;
  if (!item->section) {
    const char *dot = strrchr(item->id, '.');
    item->section = dot ? mst_strndup(item->id, (size_t)(dot - item->id)) : mst_strdup("");
    if (!item->section) {
      mst_yaml_complain(compile->diags, item->place.node, "out of memory");
      return false;
    }
  }
  bool are_all_known = true;
  for (size_t i = 0; i < sections->count; i++) {
    const mst_section *section = &((const mst_section *)sections->items)[i];
    are_all_known = are_all_known && section->id;
    if (section->id && strcmp(section->id, item->section) == 0) {
      item->section_title = section->title;
      return true;
    }
  }
  if (sections->count > 0 && are_all_known)
    mst_yaml_complain(compile->diags, at(item, mst_yaml_node_get(item->place.node, "section") ? "section" : "id"),
                      "item %s: no section \"%s\" under `sections:`; add it there, or name another with `section:`", name_of(item),
                      item->section);
  return sections->count == 0;
}

bool
mst_items_compile(mst_compile *compile)
{
  bool fine = true;

  for (size_t i = 0; i < compile->list->item_count; i++) {
    mst_item *item = &compile->list->items[i];
    bool are_kinds_known = true;
    if (!item->place.node) { /* no map: said already */
      fine = false;
      continue;
    }
    bool placed = find_section(compile, item);
    bool classed = item->class && check_class_text(item, compile->diags);
    bool compiled = compile_checks(compile, i, &are_kinds_known);
    /* An item without a check is told that, and not once more for each letter of its class. */
    if (classed && (item->check_node || item->checks_node))
      classed = check_class(item, are_kinds_known && item->check_count > 0, compile->diags);
    fine = placed && classed && compiled && fine;
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
