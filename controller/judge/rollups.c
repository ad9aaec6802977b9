/* Roll-ups: which items they stand on, in which order to judge, and what feeds a critical one. */
#include <string.h>

#include <mst/common/alloc.h>

#include "kind.h"

static bool
is_rollup(const mst_check *check)
{
  return check->kind == &mst_check_kind_rollup;
}

/* Marks the items that a pattern names; how many there were. */
static size_t
mark_sources(const mst_checklist *list, const char *pattern, bool *marked)
{
  size_t found = 0;

  for (size_t i = 0; i < list->item_count; i++) {
    const mst_item *item = &list->items[i];
    if (!mst_glob_match(pattern, item->id, strlen(item->id)))
      continue;
    /* A glob passes over follow-ups; naming one is an error. */
    if (strchr(item->class, 'P') && strcmp(pattern, item->id) != 0)
      continue;
    marked[i] = true;
    found++;
  }
  return found;
}

static bool
name_sources(const mst_yaml_node *node, mst_compile *compile, bool *marked)
{
  size_t count = mst_yaml_node_kind(node) == MST_YAML_LIST ? mst_yaml_node_count(node) : 1;
  bool fine = true;

  for (size_t i = 0; i < count; i++) {
    const mst_yaml_node *entry = mst_yaml_node_kind(node) == MST_YAML_LIST ? mst_yaml_node_at(node, i) : node;
    const char *pattern = mst_yaml_node_text(entry);
    if (mark_sources(compile->list, pattern, marked) > 0)
      continue;
    mst_yaml_complain(compile->diags, entry, strpbrk(pattern, "*?") ? "no item fits \"%s\"" : "no item \"%s\"", pattern);
    fine = false;
  }
  return fine;
}

static bool
resolve(mst_compile *compile, mst_check *check, bool *marked)
{
  const mst_checklist *list = compile->list;
  const mst_yaml_node *node = mst_yaml_node_get(check->node, "rollup");
  size_t count = 0;

  memset(marked, 0, list->item_count * sizeof *marked);
  if (!name_sources(node, compile, marked))
    return false;
  for (size_t i = 0; i < list->item_count; i++) {
    if (marked[i] && strchr(list->items[i].class, 'P')) {
      mst_yaml_complain(compile->diags, node, "%s is a follow-up: it has no outcome to stand on", list->items[i].id);
      return false;
    }
    count += marked[i];
  }
  check->rollup.sources = mst_alloc(count, sizeof *check->rollup.sources);
  if (!check->rollup.sources) {
    mst_yaml_complain(compile->diags, node, "out of memory");
    return false;
  }
  for (size_t i = 0; i < list->item_count; i++)
    if (marked[i])
      check->rollup.sources[check->rollup.source_count++] = i;
  return true;
}

enum visit { VISIT_NOT, VISIT_OPEN, VISIT_DONE };
enum { ROLLUP_MAX_DEPTH = 32 /* roll-ups of roll-ups; nobody could follow more, and it bounds the recursion */ };

typedef struct walk {
  mst_compile *compile;
  unsigned char *visits;
  size_t placed;
} order_walk;

/* Depth first: an item comes after its sources. False at a cycle. */
static bool
place(order_walk *walk, size_t index, size_t depth)
{
  mst_checklist *list = walk->compile->list;
  const mst_item *item = &list->items[index];

  if (walk->visits[index] == VISIT_DONE)
    return true;
  if (walk->visits[index] == VISIT_OPEN || depth > ROLLUP_MAX_DEPTH) {
    mst_yaml_complain(walk->compile->diags, item->place.node,
                      depth > ROLLUP_MAX_DEPTH ? "item %s: roll-ups nest too deep" : "item %s: its roll-up stands on itself", item->id);
    return false;
  }
  walk->visits[index] = VISIT_OPEN;
  for (size_t i = 0; i < item->check_count; i++)
    for (size_t j = 0; is_rollup(&item->checks[i]) && j < item->checks[i].rollup.source_count; j++)
      if (!place(walk, item->checks[i].rollup.sources[j], depth + 1))
        return false;
  walk->visits[index] = VISIT_DONE;
  list->order[walk->placed++] = index;
  return true;
}

/* From roll-ups to their sources: order stands sources first, so it is walked backwards. */
static void
mark_feeders(mst_checklist *list)
{
  for (size_t i = list->item_count; i-- > 0;) {
    const mst_item *item = &list->items[list->order[i]];
    if (!item->critical && !item->feeds_critical)
      continue;
    for (size_t j = 0; j < item->check_count; j++)
      for (size_t k = 0; is_rollup(&item->checks[j]) && k < item->checks[j].rollup.source_count; k++)
        list->items[item->checks[j].rollup.sources[k]].feeds_critical = true;
  }
}

bool
mst_rollups_resolve(mst_compile *compile)
{
  mst_checklist *list = compile->list;
  bool *marked = mst_alloc(list->item_count, sizeof *marked);
  order_walk walk = {.compile = compile, .visits = mst_alloc(list->item_count, 1)};
  bool fine = true;

  list->order = mst_alloc(list->item_count, sizeof *list->order);
  if (!marked || !walk.visits || !list->order) {
    mst_yaml_complain(compile->diags, mst_yaml_root(list->yaml), "out of memory");
    fine = false;
  }
  bool room = fine;
  for (size_t i = 0; room && i < list->item_count; i++)
    for (size_t j = 0; j < list->items[i].check_count; j++)
      if (is_rollup(&list->items[i].checks[j]))
        fine = resolve(compile, &list->items[i].checks[j], marked) && fine;
  for (size_t i = 0; fine && i < list->item_count; i++)
    fine = place(&walk, i, 0);
  if (fine)
    mark_feeders(list);
  mst_free(walk.visits);
  mst_free(marked);
  return fine;
}
