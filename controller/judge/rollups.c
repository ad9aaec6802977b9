/* Roll-ups: which items they stand on, in which order to judge, and what feeds a critical one. */
#include <string.h>

#include <mst/common/alloc.h>

#include "kind.h"

static bool
is_rollup(const mst_check *check)
{
  return check->kind == &mst_check_kind_rollup;
}

static bool
is_follow_up(const mst_item *item)
{
  return item->class && strchr(item->class, 'P');
}

/* Marks the items that a pattern names; how many there were. */
static size_t
mark_sources(const mst_checklist *list, const char *pattern, bool *marked)
{
  size_t found = 0;

  for (size_t i = 0; i < list->item_count; i++) {
    const mst_item *item = &list->items[i];
    if (!item->id || !mst_glob_match(pattern, item->id, strlen(item->id)))
      continue;
    /* A glob passes over follow-ups; naming one is an error. */
    if (is_follow_up(item) && strcmp(pattern, item->id) != 0)
      continue;
    marked[i] = true;
    found++;
  }
  return found;
}

/* An item whose id is wrong may be the one that a roll-up names. */
static bool
are_items_known(const mst_checklist *list)
{
  for (size_t i = 0; i < list->item_count; i++)
    if (list->items[i].place.node && !list->items[i].id)
      return false;
  return true;
}

static bool
name_sources(const mst_yaml_node *node, mst_compile *compile, bool *marked)
{
  size_t count = mst_yaml_node_kind(node) == MST_YAML_LIST ? mst_yaml_node_count(node) : 1;
  bool fine = true, are_all_known = are_items_known(compile->list);

  for (size_t i = 0; i < count; i++) {
    const mst_yaml_node *entry = mst_yaml_node_kind(node) == MST_YAML_LIST ? mst_yaml_node_at(node, i) : node;
    const char *pattern = mst_yaml_node_text(entry);
    if (mst_yaml_node_kind(entry) != MST_YAML_SCALAR) { /* said already */
      fine = false;
      continue;
    }
    if (mark_sources(compile->list, pattern, marked) > 0)
      continue;
    if (are_all_known)
      mst_yaml_complain(compile->diags, entry,
                        strpbrk(pattern, "*?") ? "no item fits \"%s\"; name items of this checklist"
                                               : "no item \"%s\"; name an item of this checklist",
                        pattern);
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
  bool fine = name_sources(node, compile, marked);
  for (size_t i = 0; i < list->item_count; i++) {
    if (marked[i] && is_follow_up(&list->items[i])) {
      mst_yaml_complain(compile->diags, node, "%s is a follow-up: it has no outcome to stand on; leave it out", list->items[i].id);
      fine = false;
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
  return fine;
}

enum visit { VISIT_NOT, VISIT_OPEN, VISIT_DONE };
enum { ROLLUP_MAX_DEPTH = 32 /* roll-ups of roll-ups; nobody could follow more, and it bounds the recursion */ };

typedef struct walk {
  mst_compile *compile;
  unsigned char *visits;
  size_t placed;
} order_walk;

/* Depth first: an item comes after its sources. False at a cycle; the walk goes on behind it, so that each cycle is said once. */
static bool
place(order_walk *walk, size_t index, size_t depth)
{
  mst_checklist *list = walk->compile->list;
  const mst_item *item = &list->items[index];
  bool fine = true;

  if (walk->visits[index] == VISIT_DONE)
    return true;
  if (walk->visits[index] == VISIT_OPEN || depth > ROLLUP_MAX_DEPTH) {
    if (walk->visits[index] == VISIT_OPEN)
      mst_yaml_complain(walk->compile->diags, item->place.node,
                        "item %s: its roll-up stands on itself; leave it out of its own sources and of theirs", item->id);
    else
      mst_yaml_complain(walk->compile->diags, item->place.node,
                        "item %s: roll-ups of roll-ups nest too deep; at most %d levels are possible", item->id, ROLLUP_MAX_DEPTH);
    return false;
  }
  walk->visits[index] = VISIT_OPEN;
  for (size_t i = 0; i < item->check_count; i++)
    for (size_t j = 0; is_rollup(&item->checks[i]) && j < item->checks[i].rollup.source_count; j++)
      fine = place(walk, item->checks[i].rollup.sources[j], depth + 1) && fine;
  walk->visits[index] = VISIT_DONE;
  list->order[walk->placed++] = index;
  return fine;
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
  for (size_t i = 0; room && i < list->item_count; i++)
    fine = place(&walk, i, 0) && fine;
  if (fine)
    mark_feeders(list);
  mst_free(walk.visits);
  mst_free(marked);
  return fine;
}
