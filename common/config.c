/* Configs: one schema table maps YAML onto structs. */
#include <mst/common/config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mst/common/alloc.h>
#include <mst/common/buf.h>

#include "config_scalar.h"

enum {
  LIST_ENTRIES_MAX = 100000, /* half of what a file may hold in values */
  SUGGEST_MAX_DISTANCE = 2,
  WORD_MAX_BYTES = 48,   /* no key is longer */
  KEYS_TEXT_BYTES = 800, /* what a diagnostic's text holds beside the sentence */
  PATH_BYTES = 128,
};

/* What is being mapped: for what is missing, `near` is the nearest map that does stand in the file (NULL: none), and `inside` the path from
 * it to the absent map ("" when near is the map itself). */
typedef struct place {
  const mst_yaml_node *near;
  const char *inside;
} place;

static bool map_struct(const mst_yaml_node *node, const mst_config_schema *schema, void *ret_struct, place where, mst_diags *diags);

/* ---- unknown keys ---- */

/* Levenshtein distance; of words too long for a key, more than SUGGEST_MAX_DISTANCE. */
static int
distance(const char *a, const char *b)
{
  size_t a_bytes = strlen(a), b_bytes = strlen(b);
  int rows[2][WORD_MAX_BYTES + 1];

  if (a_bytes > WORD_MAX_BYTES || b_bytes > WORD_MAX_BYTES)
    return SUGGEST_MAX_DISTANCE + 1;
  for (size_t j = 0; j <= b_bytes; j++)
    rows[0][j] = (int)j;
  for (size_t i = 1; i <= a_bytes; i++) {
    int *above = rows[(i - 1) % 2], *here = rows[i % 2];
    here[0] = (int)i;
    for (size_t j = 1; j <= b_bytes; j++) {
      int change = above[j - 1] + (a[i - 1] != b[j - 1]), less = above[j] + 1, more = here[j - 1] + 1;
      here[j] = change < less ? change : less;
      here[j] = here[j] < more ? here[j] : more;
    }
  }
  return rows[a_bytes % 2][b_bytes];
}

static void
complain_unknown(const mst_yaml_node *key, const mst_config_schema *schema, mst_diags *diags)
{
  const char *text = mst_yaml_node_text(key), *nearest = NULL;
  int least = SUGGEST_MAX_DISTANCE + 1;
  mst_buf keys;

  mst_buf_init(&keys, KEYS_TEXT_BYTES);
  for (size_t i = 0; i < schema->field_count; i++) {
    int d = distance(text, schema->fields[i].key);
    if (d < least && d < (int)strlen(text)) { /* a word of which nothing is left is not near */
      least = d;
      nearest = schema->fields[i].key;
    }
    mst_buf_printf(&keys, "%s%s", i ? ", " : "", schema->fields[i].key);
  }
  if (nearest)
    mst_yaml_complain(diags, key, "unknown key; did you mean %s?", nearest);
  else
    mst_yaml_complain(diags, key, "unknown key; known keys are: %s", mst_buf_text(&keys));
  mst_buf_done(&keys);
}

static const mst_config_field *
find_field(const mst_config_schema *schema, const char *key)
{
  for (size_t i = 0; i < schema->field_count; i++)
    if (strcmp(schema->fields[i].key, key) == 0)
      return &schema->fields[i];
  return NULL;
}

/* ---- lists and maps ---- */

static bool
wrong_kind(const mst_yaml_node *node, mst_config_type wanted, mst_diags *diags)
{
  static const char *const kinds[] = {[MST_YAML_SCALAR] = "a single value", [MST_YAML_LIST] = "a list", [MST_YAML_MAP] = "a map"};

  mst_yaml_complain(diags, node, "wants %s, but %s stands here", mst_config_type_name(wanted), kinds[mst_yaml_node_kind(node)]);
  return false;
}

static bool
no_memory(const mst_yaml_node *node, mst_diags *diags)
{
  mst_yaml_complain(diags, node, "out of memory");
  return false;
}

/* Complains when a list or map has too few or too many entries. *ret_kept: how many have a place; the others are only looked at. */
static bool
count_within(const mst_config_field *field, size_t count, const mst_yaml_node *node, mst_diags *diags, size_t *ret_kept)
{
  size_t least = (size_t)field->min, most = field->max > 0 ? (size_t)field->max : LIST_ENTRIES_MAX;

  *ret_kept = count < most ? count : most;
  if (count >= least && count <= most)
    return true;
  if (least == most)
    mst_yaml_complain(diags, node, "%zu entries; there must be %zu", count, most);
  else if (least > 0 && field->max > 0)
    mst_yaml_complain(diags, node, "%zu entries; there must be %zu to %zu", count, least, most);
  else if (count > most)
    mst_yaml_complain(diags, node, "%zu entries; there may be at most %zu", count, most);
  else
    mst_yaml_complain(diags, node, "%zu entries; there must be at least %zu", count, least);
  return false;
}

/* A copy of the text of a list's or map's entry; NULL with a complaint when it has none. */
static char *
copy_entry(const mst_yaml_node *entry, mst_diags *diags)
{
  char *copy = NULL;

  if (mst_yaml_node_kind(entry) != MST_YAML_SCALAR)
    wrong_kind(entry, MST_CONFIG_STRING, diags);
  else if (mst_yaml_node_is_null(entry))
    mst_yaml_complain(diags, entry, "the value is missing; it wants a text");
  else if (!(copy = mst_strdup(mst_yaml_node_text(entry))))
    no_memory(entry, diags);
  return copy;
}

static bool
set_string_list(const mst_config_field *field, const mst_yaml_node *node, mst_config_strings *to, mst_diags *diags)
{
  bool is_lone = mst_yaml_node_kind(node) == MST_YAML_SCALAR;
  size_t count = is_lone ? 1 : mst_yaml_node_count(node), kept;

  if (mst_yaml_node_kind(node) == MST_YAML_MAP)
    return wrong_kind(node, field->type, diags);
  bool is_good = count_within(field, count, node, diags, &kept);
  if (count == 0)
    return is_good;
  to->items = mst_alloc(kept, sizeof *to->items);
  if (!to->items)
    return no_memory(node, diags);
  to->count = kept;
  for (size_t i = 0; i < count; i++) {
    char *copy = copy_entry(is_lone ? node : mst_yaml_node_at(node, i), diags);
    is_good = is_good && copy;
    if (i < kept)
      to->items[i] = copy;
    else
      mst_free(copy);
  }
  return is_good;
}

static bool
set_string_map(const mst_config_field *field, const mst_yaml_node *node, mst_config_pairs *to, mst_diags *diags)
{
  size_t count = mst_yaml_node_count(node), kept;

  if (mst_yaml_node_kind(node) != MST_YAML_MAP)
    return wrong_kind(node, field->type, diags);
  bool is_good = count_within(field, count, node, diags, &kept);
  if (count == 0)
    return is_good;
  to->items = mst_alloc(kept, sizeof *to->items);
  if (!to->items)
    return no_memory(node, diags);
  to->count = kept;
  for (size_t i = 0; i < count; i++) {
    const mst_yaml_node *key = mst_yaml_node_key_at(node, i);
    mst_config_pair pair = {mst_strdup(mst_yaml_node_text(key)), copy_entry(mst_yaml_node_at(node, i), diags)};
    if (!pair.key)
      no_memory(key, diags);
    is_good = is_good && pair.key && pair.value;
    if (i < kept) {
      to->items[i] = pair;
    } else {
      mst_free(pair.key);
      mst_free(pair.value);
    }
  }
  return is_good;
}

/* The node of the id key in an entry; NULL when it has none. */
static const mst_yaml_node *
id_of(const mst_yaml_node *entry, const mst_config_schema *schema)
{
  const mst_yaml_node *id = schema->id_key ? mst_yaml_node_get(entry, schema->id_key) : NULL;

  return id && mst_yaml_node_kind(id) == MST_YAML_SCALAR ? id : NULL;
}

static int
compare_ids(const void *left, const void *right)
{
  const mst_yaml_node *const *a = left, *const *b = right;
  int order = strcmp(mst_yaml_node_text(*a), mst_yaml_node_text(*b));

  if (order == 0)
    order = (mst_yaml_node_line(*a) > mst_yaml_node_line(*b)) - (mst_yaml_node_line(*a) < mst_yaml_node_line(*b));
  return order ? order : (mst_yaml_node_column(*a) > mst_yaml_node_column(*b)) - (mst_yaml_node_column(*a) < mst_yaml_node_column(*b));
}

static bool
check_ids(const mst_yaml_node *list, const mst_config_schema *schema, mst_diags *diags)
{
  size_t count = mst_yaml_node_count(list), found = 0;
  const mst_yaml_node **ids;
  bool is_good = true;

  if (!schema->id_key || count < 2)
    return true;
  ids = mst_alloc(count, sizeof(const mst_yaml_node *));
  if (!ids)
    return no_memory(list, diags);
  for (size_t i = 0; i < count; i++)
    if ((ids[found] = id_of(mst_yaml_node_at(list, i), schema)))
      found++;
  qsort(ids, found, sizeof(const mst_yaml_node *), compare_ids);
  for (size_t i = 1, first = 0; i < found; i++) {
    if (strcmp(mst_yaml_node_text(ids[first]), mst_yaml_node_text(ids[i])) != 0) {
      first = i;
      continue;
    }
    mst_yaml_complain(diags, ids[i], "duplicate %s %s; first on line %u", schema->id_key, mst_yaml_node_text(ids[i]),
                      mst_yaml_node_line(ids[first]));
    is_good = false;
  }
  mst_free(ids);
  return is_good;
}

/* Of the entries that a list has too many, the errors. */
static void
look_at_rest(const mst_config_field *field, const mst_yaml_node *list, size_t first, mst_diags *diags)
{
  void *unused = mst_alloc(1, field->sub->struct_size_bytes);

  if (!unused) {
    no_memory(list, diags);
    return;
  }
  for (size_t i = first; i < mst_yaml_node_count(list); i++) {
    memset(unused, 0, field->sub->struct_size_bytes);
    (void)!map_struct(mst_yaml_node_at(list, i), field->sub, unused, (place){NULL, ""}, diags);
    mst_config_free(field->sub, unused);
  }
  mst_free(unused);
}

static bool
set_struct_list(const mst_config_field *field, const mst_yaml_node *node, mst_config_list *to, mst_diags *diags)
{
  size_t count = mst_yaml_node_count(node), size = field->sub->struct_size_bytes, kept;

  if (mst_yaml_node_kind(node) != MST_YAML_LIST)
    return wrong_kind(node, field->type, diags);
  bool is_good = count_within(field, count, node, diags, &kept);
  if (count == 0)
    return is_good;
  to->items = mst_alloc(kept, size);
  if (!to->items)
    return no_memory(node, diags);
  to->count = kept;
  for (size_t i = 0; i < kept; i++)
    is_good &= map_struct(mst_yaml_node_at(node, i), field->sub, (char *)to->items + i * size, (place){NULL, ""}, diags);
  if (kept < count)
    look_at_rest(field, node, kept, diags);
  return check_ids(node, field->sub, diags) && is_good;
}

static bool
set_field(const mst_config_field *field, const mst_yaml_node *node, void *base, mst_diags *diags)
{
  void *at = (char *)base + field->offset;

  if (field->type == MST_CONFIG_NODE) {
    const mst_yaml_node **to = at;
    *to = node;
    return true;
  }
  if (mst_yaml_node_is_null(node)) {
    mst_yaml_complain(diags, node, "the value is missing; it wants %s", mst_config_type_name(field->type));
    return false;
  }
  switch (field->type) {
  case MST_CONFIG_STRING_LIST:
    return set_string_list(field, node, at, diags);
  case MST_CONFIG_STRING_MAP:
    return set_string_map(field, node, at, diags);
  case MST_CONFIG_STRUCT:
    return map_struct(node, field->sub, at, (place){NULL, ""}, diags);
  case MST_CONFIG_STRUCT_LIST:
    return set_struct_list(field, node, at, diags);
  default:
    break;
  }
  if (mst_yaml_node_kind(node) != MST_YAML_SCALAR)
    return wrong_kind(node, field->type, diags);
  mst_config_value from = {node, mst_yaml_node_text(node), mst_yaml_node_is_quoted(node)};
  return mst_config_set_scalar(field, &from, at, diags);
}

static bool
complain_missing(const mst_config_field *field, place where, mst_diags *diags)
{
  const char *dot = where.inside[0] ? "." : "", *type = mst_config_type_name(field->type);

  if (where.near)
    mst_yaml_complain(diags, where.near, "missing key %s%s%s (%s)", where.inside, dot, field->key, type);
  else
    mst_diags_add(diags, "", 0, 0, "", "missing key %s%s%s (%s)", where.inside, dot, field->key, type);
  return false;
}

static bool
set_default(const mst_config_field *field, void *base, place where, mst_diags *diags)
{
  void *at = (char *)base + field->offset;
  mst_config_value from = {NULL, field->default_text, false};

  if (field->required)
    return complain_missing(field, where, diags);
  if (field->type == MST_CONFIG_STRUCT) { /* its own defaults */
    char inside[PATH_BYTES];
    snprintf(inside, sizeof inside, "%s%s%s", where.inside, where.inside[0] ? "." : "", field->key);
    return map_struct(NULL, field->sub, at, (place){where.near, inside}, diags);
  }
  if (!field->default_text)
    return true;
  if (field->type != MST_CONFIG_STRING_LIST)
    return mst_config_set_scalar(field, &from, at, diags);
  mst_config_strings *to = at;
  to->items = mst_alloc(1, sizeof *to->items);
  if (to->items)
    to->items[to->count++] = mst_strdup(field->default_text);
  if (to->items && to->items[0])
    return true;
  mst_diags_add(diags, "", 0, 0, field->key, "out of memory");
  return false;
}

/* `where` matters when node is NULL only. */
static bool
map_struct(const mst_yaml_node *node, const mst_config_schema *schema, void *ret_struct, place where, mst_diags *diags)
{
  bool is_good = true;

  if (node) {
    where = (place){node, ""};
    if (mst_yaml_node_kind(node) != MST_YAML_MAP) {
      mst_yaml_complain(diags, node, "the %s must be a map of keys and values", schema->name);
      return false;
    }
  }
  if (schema->place_offset != MST_CONFIG_NO_PLACE) {
    mst_config_place *to = (mst_config_place *)(void *)((char *)ret_struct + schema->place_offset);
    to->node = node;
  }
  for (size_t i = 0; node && i < mst_yaml_node_count(node); i++) {
    const mst_yaml_node *key = mst_yaml_node_key_at(node, i);
    if (!find_field(schema, mst_yaml_node_text(key))) {
      complain_unknown(key, schema, diags);
      is_good = false;
    }
  }
  for (size_t i = 0; i < schema->field_count; i++) {
    const mst_config_field *field = &schema->fields[i];
    const mst_yaml_node *child = node ? mst_yaml_node_get(node, field->key) : NULL;
    is_good &= child ? set_field(field, child, ret_struct, diags) : set_default(field, ret_struct, where, diags);
  }
  return is_good;
}

bool
mst_config_map(const mst_yaml_node *node, const mst_config_schema *schema, void *ret_struct, mst_diags *diags)
{
  bool is_good = map_struct(node, schema, ret_struct, (place){NULL, ""}, diags);

  return is_good && !(node && mst_yaml_node_is_flawed(node));
}

static void
free_field(const mst_config_field *field, void *at)
{
  switch (field->type) {
  case MST_CONFIG_STRING: {
    char **text = at;
    mst_free(*text);
    *text = NULL;
    break;
  }
  case MST_CONFIG_STRING_LIST: {
    mst_config_strings *list = at;
    for (size_t i = 0; i < list->count; i++)
      mst_free(list->items[i]);
    mst_free(list->items);
    *list = (mst_config_strings){0};
    break;
  }
  case MST_CONFIG_STRING_MAP: {
    mst_config_pairs *pairs = at;
    for (size_t i = 0; i < pairs->count; i++) {
      mst_free(pairs->items[i].key);
      mst_free(pairs->items[i].value);
    }
    mst_free(pairs->items);
    *pairs = (mst_config_pairs){0};
    break;
  }
  case MST_CONFIG_STRUCT:
    mst_config_free(field->sub, at);
    break;
  case MST_CONFIG_STRUCT_LIST: {
    mst_config_list *list = at;
    for (size_t i = 0; i < list->count; i++)
      mst_config_free(field->sub, (char *)list->items + i * field->sub->struct_size_bytes);
    mst_free(list->items);
    *list = (mst_config_list){0};
    break;
  }
  default:
    break;
  }
}

void
mst_config_free(const mst_config_schema *schema, void *at)
{
  if (!at)
    return;
  for (size_t i = 0; i < schema->field_count; i++)
    free_field(&schema->fields[i], (char *)at + schema->fields[i].offset);
}
