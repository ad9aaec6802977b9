/* Whether what depends on each other can be done in some order at all; see mst/json/expect.h. */
#include <mst/json/expect.h>

#include <stdio.h>
#include <string.h>

#include <mst/common/alloc.h>

enum { OBJECTS_MAX = 4096, NAME_BYTES = 256 };

/* One object of the list, while the search goes over it. */
typedef struct node {
  enum { NEW, OPEN, DONE } state;
  size_t edge;   /* of what comes before it, which is looked at next */
  size_t parent; /* whence the search came */
} node;

typedef struct graph {
  const json_t *list;
  const char *before_key;
  size_t count;
  node *nodes;
  json_t *places; /* name -> place in the list */
  char *problem;
} graph;

#define SAY(all, ...) ((void)snprintf((all)->problem, MST_JSON_REASON_BYTES, __VA_ARGS__))

/* Names are texts or whole numbers. NULL: neither. */
static const char *
name_of(const json_t *value, char text[static NAME_BYTES])
{
  if (json_is_integer(value))
    snprintf(text, NAME_BYTES, "%lld", (long long)json_integer_value(value));
  else if (json_is_string(value))
    snprintf(text, NAME_BYTES, "%s", json_string_value(value));
  else
    return NULL;
  return text;
}

static bool
read_names(graph *all, const char *name_key)
{
  char text[NAME_BYTES];

  for (size_t i = 0; i < all->count; i++) {
    const char *name = name_of(json_object_get(json_array_get(all->list, i), name_key), text);
    if (!name || json_object_get(all->places, name)) {
      SAY(all, "element %zu has %s %.60s%s", i, name ? "the" : "no", name_key, name ? " of another" : "");
      return false;
    }
    if (json_object_set_new(all->places, name, json_integer((json_int_t)i)) != 0) {
      SAY(all, "out of memory");
      return false;
    }
  }
  return true;
}

/* The next thing that comes before `at`; count: there is no more. False: said why. */
static bool
next_before(graph *all, size_t at, size_t *ret_place)
{
  const json_t *before = json_object_get(json_array_get(all->list, at), all->before_key);
  char text[NAME_BYTES];

  *ret_place = all->count;
  if (before && !json_is_array(before) && !json_is_null(before)) {
    SAY(all, "element %zu: %.60s is no list", at, all->before_key);
    return false;
  }
  if (all->nodes[at].edge >= json_array_size(before))
    return true;
  const char *name = name_of(json_array_get(before, all->nodes[at].edge++), text);
  const json_t *place = name ? json_object_get(all->places, name) : NULL;
  if (!place) {
    SAY(all, "element %zu waits for \"%s\", which is not in the list", at, name ? name : "?");
    return false;
  }
  *ret_place = (size_t)json_integer_value(place);
  return true;
}

/* A search into the depth (Tarjan 1972), without calling itself: what is open when it is met again stands in a circle. */
static bool
search_from(graph *all, size_t first)
{
  size_t at = first, next;

  all->nodes[at].state = OPEN;
  all->nodes[at].parent = all->count;
  while (at != all->count) {
    if (!next_before(all, at, &next))
      return false;
    if (next == all->count) {
      all->nodes[at].state = DONE;
      at = all->nodes[at].parent;
    } else if (all->nodes[next].state == OPEN) {
      SAY(all, "element %zu waits, in a circle, for element %zu", at, next);
      return false;
    } else if (all->nodes[next].state == NEW) {
      all->nodes[next].state = OPEN;
      all->nodes[next].parent = at;
      at = next;
    }
  }
  return true;
}

bool
mst_json_is_acyclic(const json_t *list, const char *name_key, const char *before_key, char problem[static MST_JSON_REASON_BYTES])
{
  graph all = {.list = list, .before_key = before_key, .count = json_array_size(list), .problem = problem};

  problem[0] = '\0';
  if (!json_is_array(list) || all.count > OBJECTS_MAX) {
    snprintf(problem, MST_JSON_REASON_BYTES, all.count > OBJECTS_MAX ? "it has over 4096 elements" : "it is no list");
    return false;
  }
  all.nodes = mst_alloc(all.count ? all.count : 1, sizeof *all.nodes);
  all.places = json_object();
  bool is_good = all.nodes && all.places;
  if (!is_good)
    SAY(&all, "out of memory");
  is_good = is_good && read_names(&all, name_key);
  for (size_t i = 0; i < all.count && is_good; i++)
    is_good = all.nodes[i].state != NEW || search_from(&all, i);
  json_decref(all.places);
  mst_free(all.nodes);
  return is_good;
}
