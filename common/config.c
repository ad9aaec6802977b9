/* Configs: one schema table maps YAML onto structs. */
#include <mst/common/config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mst/common/alloc.h>
#include <mst/common/buf.h>
#include <mst/common/clock.h>

enum { LIST_ENTRIES_MAX = 100000, SUGGEST_MAX_DISTANCE = 2, WORD_MAX_BYTES = 48, KEYS_TEXT_BYTES = 512 };

/* A value as text, and where it stood: `node` NULL for a default. */
typedef struct value {
  const mst_yaml_node *node;
  const char *text;
  bool is_quoted;
} value;

static bool map_struct(const mst_yaml_node *node, const mst_config_schema *schema, void *ret_struct, mst_diags *diags);

static const char *
type_name(mst_config_type type)
{
  static const char *const names[] = {
      [MST_CONFIG_STRING] = "a text",           [MST_CONFIG_BOOL] = "true or false",      [MST_CONFIG_INTEGER] = "a whole number",
      [MST_CONFIG_NUMBER] = "a number",         [MST_CONFIG_RATIO] = "a ratio",           [MST_CONFIG_DURATION] = "a duration",
      [MST_CONFIG_SIZE] = "a size",             [MST_CONFIG_ENUM] = "one of its names",   [MST_CONFIG_STRING_LIST] = "a list of texts",
      [MST_CONFIG_STRING_MAP] = "a map of texts", [MST_CONFIG_STRUCT] = "a map",          [MST_CONFIG_STRUCT_LIST] = "a list of maps",
      [MST_CONFIG_NODE] = "a value",
  };

  return names[type];
}

/* ---- unknown keys ---- */

/* Levenshtein distance, given up beyond SUGGEST_MAX_DISTANCE. */
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
    if (d < least) {
      least = d;
      nearest = schema->fields[i].key;
    }
    mst_buf_printf(&keys, "%s%s", i ? ", " : "", schema->fields[i].key);
  }
  if (nearest)
    mst_yaml_complain(diags, key, "unknown key; did you mean %s?", nearest);
  else
    mst_yaml_complain(diags, key, "unknown key; a %s has: %s", schema->name, mst_buf_text(&keys));
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

/* ---- scalars ---- */

static bool
bad(const value *from, mst_diags *diags, const char *text)
{
  if (from->node)
    mst_yaml_complain(diags, from->node, "%s", text);
  else
    mst_diags_add(diags, "", 0, 0, "", "default value: %s", text);
  return false;
}

static bool
within(const mst_config_field *field, double number, const value *from, mst_diags *diags)
{
  char text[256], least[MST_TIME_TEXT_BYTES], most[MST_TIME_TEXT_BYTES];

  if ((field->min == 0 && field->max == 0) || (number >= field->min && number <= field->max))
    return true;
  if (field->type == MST_CONFIG_DURATION) {
    mst_duration_format((int64_t)field->min, least);
    mst_duration_format((int64_t)field->max, most);
    snprintf(text, sizeof text, "%s is out of range; %s to %s", from->text, least, most);
  } else {
    snprintf(text, sizeof text, "%s is out of range; %.15g to %.15g", from->text, field->min, field->max);
  }
  return bad(from, diags, text);
}

static bool
set_integer(const mst_config_field *field, const value *from, int64_t *to, mst_diags *diags)
{
  char text[160], *end;

  errno = 0;
  long long number = strtoll(from->text, &end, 10);
  if (from->is_quoted || end == from->text || *end != '\0' || errno == ERANGE) {
    snprintf(text, sizeof text, "not a whole number: \"%.80s\"", from->text);
    return bad(from, diags, text);
  }
  if (!within(field, (double)number, from, diags))
    return false;
  *to = number;
  return true;
}

static bool
set_number(const mst_config_field *field, const value *from, double *to, mst_diags *diags)
{
  char text[160];
  const char *unit;
  double number;

  if (from->is_quoted || mst_quantity_parse(from->text, &number, &unit, NULL) != MST_OK || unit[0] != '\0') {
    snprintf(text, sizeof text, "not a number: \"%.80s\"", from->text);
    return bad(from, diags, text);
  }
  if (!within(field, number, from, diags))
    return false;
  *to = number;
  return true;
}

static bool
set_ratio(const mst_config_field *field, const value *from, double *to, mst_diags *diags)
{
  char text[160];
  const char *unit;
  double number;

  if (mst_quantity_parse(from->text, &number, &unit, NULL) != MST_OK || (unit[0] != '\0' && strcmp(unit, "1") != 0) || number < 0 || number > 1) {
    snprintf(text, sizeof text, "not a ratio: \"%.80s\"; write 95%% or 0.95", from->text);
    return bad(from, diags, text);
  }
  if (!within(field, number, from, diags))
    return false;
  *to = number;
  return true;
}

static bool
set_duration(const mst_config_field *field, const value *from, int64_t *to, mst_diags *diags)
{
  mst_errctx ctx = {0};
  int64_t ns;

  if (mst_duration_parse(from->text, &ns, &ctx) != MST_OK)
    return bad(from, diags, ctx.text);
  if (!within(field, (double)ns, from, diags))
    return false;
  *to = ns;
  return true;
}

static bool
set_size(const mst_config_field *field, const value *from, int64_t *to, mst_diags *diags)
{
  mst_errctx ctx = {0};
  int64_t bytes;

  if (mst_size_parse(from->text, &bytes, &ctx) != MST_OK)
    return bad(from, diags, ctx.text);
  if (!within(field, (double)bytes, from, diags))
    return false;
  *to = bytes;
  return true;
}

static bool
set_enum(const mst_config_field *field, const value *from, int *to, mst_diags *diags)
{
  mst_buf text;

  mst_buf_init(&text, KEYS_TEXT_BYTES);
  mst_buf_printf(&text, "\"%.80s\" is not known here; choose ", from->text);
  for (int i = 0; field->names[i]; i++) {
    if (strcmp(field->names[i], from->text) == 0) {
      *to = i;
      mst_buf_done(&text);
      return true;
    }
    mst_buf_printf(&text, "%s%s", i == 0 ? "" : field->names[i + 1] ? ", " : " or ", field->names[i]);
  }
  bad(from, diags, mst_buf_text(&text));
  mst_buf_done(&text);
  return false;
}

static bool
set_bool(const value *from, bool *to, mst_diags *diags)
{
  char text[160];
  bool yes = strcmp(from->text, "true") == 0;

  if (from->is_quoted || (!yes && strcmp(from->text, "false") != 0)) {
    snprintf(text, sizeof text, "not true or false: \"%.80s\"", from->text);
    return bad(from, diags, text);
  }
  *to = yes;
  return true;
}

static bool
set_string(const mst_config_field *field, const value *from, char **to, mst_diags *diags)
{
  size_t bytes = strlen(from->text);

  if ((field->min != 0 || field->max != 0) && ((double)bytes < field->min || (double)bytes > field->max)) {
    char text[160];
    snprintf(text, sizeof text, "a text of %zu characters; %.0f to %.0f", bytes, field->min, field->max);
    return bad(from, diags, text);
  }
  char *copy = mst_strdup(from->text);
  if (!copy)
    return bad(from, diags, "out of memory");
  mst_free(*to);
  *to = copy;
  return true;
}

static bool
set_scalar(const mst_config_field *field, const value *from, void *at, mst_diags *diags)
{
  switch (field->type) {
  case MST_CONFIG_STRING:
    return set_string(field, from, at, diags);
  case MST_CONFIG_BOOL:
    return set_bool(from, at, diags);
  case MST_CONFIG_INTEGER:
    return set_integer(field, from, at, diags);
  case MST_CONFIG_NUMBER:
    return set_number(field, from, at, diags);
  case MST_CONFIG_RATIO:
    return set_ratio(field, from, at, diags);
  case MST_CONFIG_DURATION:
    return set_duration(field, from, at, diags);
  case MST_CONFIG_SIZE:
    return set_size(field, from, at, diags);
  case MST_CONFIG_ENUM:
    return set_enum(field, from, at, diags);
  default:
    return bad(from, diags, "this key cannot have a default");
  }
}

/* ---- lists and maps ---- */

static bool
wrong_kind(const mst_yaml_node *node, const mst_config_field *field, mst_diags *diags)
{
  static const char *const kinds[] = {[MST_YAML_SCALAR] = "a single value", [MST_YAML_LIST] = "a list", [MST_YAML_MAP] = "a map"};

  mst_yaml_complain(diags, node, "wants %s, but %s stands here", type_name(field->type), kinds[mst_yaml_node_kind(node)]);
  return false;
}

static bool
count_within(const mst_config_field *field, size_t count, const mst_yaml_node *node, mst_diags *diags)
{
  double most = field->max > 0 ? field->max : LIST_ENTRIES_MAX;

  if ((double)count >= field->min && (double)count <= most)
    return true;
  mst_yaml_complain(diags, node, "%zu entries; %.0f to %.0f", count, field->min, most);
  return false;
}

static bool
set_string_list(const mst_config_field *field, const mst_yaml_node *node, mst_config_strings *to, mst_diags *diags)
{
  bool lone = mst_yaml_node_kind(node) == MST_YAML_SCALAR, good = true;
  size_t count = lone ? 1 : mst_yaml_node_count(node);

  if (mst_yaml_node_kind(node) == MST_YAML_MAP)
    return wrong_kind(node, field, diags);
  if (!count_within(field, count, node, diags))
    return false;
  to->items = mst_alloc(count, sizeof *to->items);
  for (size_t i = 0; i < count && to->items; i++) {
    const mst_yaml_node *entry = lone ? node : mst_yaml_node_at(node, i);
    if (mst_yaml_node_kind(entry) != MST_YAML_SCALAR) {
      mst_yaml_complain(diags, entry, "wants a text");
      good = false;
    }
    to->items[i] = mst_strdup(mst_yaml_node_text(entry));
    to->count = i + 1;
    good = good && to->items[i];
  }
  return good && to->items;
}

static bool
set_string_map(const mst_config_field *field, const mst_yaml_node *node, mst_config_pairs *to, mst_diags *diags)
{
  size_t count = mst_yaml_node_count(node);
  bool good = true;

  if (mst_yaml_node_kind(node) != MST_YAML_MAP)
    return wrong_kind(node, field, diags);
  if (!count_within(field, count, node, diags))
    return false;
  to->items = mst_alloc(count, sizeof *to->items);
  for (size_t i = 0; i < count && to->items; i++) {
    const mst_yaml_node *entry = mst_yaml_node_at(node, i);
    if (mst_yaml_node_kind(entry) != MST_YAML_SCALAR) {
      mst_yaml_complain(diags, entry, "wants a text");
      good = false;
    }
    to->items[i].key = mst_strdup(mst_yaml_node_text(mst_yaml_node_key_at(node, i)));
    to->items[i].value = mst_strdup(mst_yaml_node_text(entry));
    to->count = i + 1;
    good = good && to->items[i].key && to->items[i].value;
  }
  return good && to->items;
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
  bool good = true;

  if (!schema->id_key || count < 2)
    return true;
  ids = mst_alloc(count, sizeof(const mst_yaml_node *));
  if (!ids)
    return false;
  for (size_t i = 0; i < count; i++)
    if ((ids[found] = id_of(mst_yaml_node_at(list, i), schema)))
      found++;
  qsort(ids, found, sizeof(const mst_yaml_node *), compare_ids);
  for (size_t i = 1, first = 0; i < found; i++) {
    if (strcmp(mst_yaml_node_text(ids[first]), mst_yaml_node_text(ids[i])) != 0) {
      first = i;
      continue;
    }
    mst_yaml_complain(diags, ids[i], "duplicate %s %s; first on line %u", schema->id_key, mst_yaml_node_text(ids[i]), mst_yaml_node_line(ids[first]));
    good = false;
  }
  mst_free(ids);
  return good;
}

static bool
set_struct_list(const mst_config_field *field, const mst_yaml_node *node, mst_config_list *to, mst_diags *diags)
{
  size_t count = mst_yaml_node_count(node), size = field->sub->struct_size_bytes;
  bool good = true;

  if (mst_yaml_node_kind(node) != MST_YAML_LIST)
    return wrong_kind(node, field, diags);
  if (!count_within(field, count, node, diags))
    return false;
  to->items = mst_alloc(count, size);
  if (!to->items) {
    mst_yaml_complain(diags, node, "out of memory");
    return false;
  }
  to->count = count;
  for (size_t i = 0; i < count; i++)
    good &= map_struct(mst_yaml_node_at(node, i), field->sub, (char *)to->items + i * size, diags);
  return check_ids(node, field->sub, diags) && good;
}

static bool
set_field(const mst_config_field *field, const mst_yaml_node *node, void *base, mst_diags *diags)
{
  void *at = (char *)base + field->offset;

  switch (field->type) {
  case MST_CONFIG_NODE: {
    const mst_yaml_node **to = at;
    *to = node;
    return true;
  }
  case MST_CONFIG_STRING_LIST:
    return set_string_list(field, node, at, diags);
  case MST_CONFIG_STRING_MAP:
    return set_string_map(field, node, at, diags);
  case MST_CONFIG_STRUCT:
    return map_struct(node, field->sub, at, diags);
  case MST_CONFIG_STRUCT_LIST:
    return set_struct_list(field, node, at, diags);
  default:
    break;
  }
  if (mst_yaml_node_kind(node) != MST_YAML_SCALAR)
    return wrong_kind(node, field, diags);
  if (mst_yaml_node_is_null(node)) {
    mst_yaml_complain(diags, node, "the value is missing; it wants %s", type_name(field->type));
    return false;
  }
  value from = {node, mst_yaml_node_text(node), mst_yaml_node_is_quoted(node)};
  return set_scalar(field, &from, at, diags);
}

static bool
set_default(const mst_config_field *field, const mst_yaml_node *parent, void *base, mst_diags *diags)
{
  void *at = (char *)base + field->offset;

  if (field->required) {
    if (parent)
      mst_yaml_complain(diags, parent, "missing key %s (%s)", field->key, type_name(field->type));
    else
      mst_diags_add(diags, "", 0, 0, field->key, "missing key (%s)", type_name(field->type));
    return false;
  }
  if (field->type == MST_CONFIG_STRUCT) /* its own defaults */
    return map_struct(NULL, field->sub, at, diags);
  if (!field->default_text)
    return true;
  if (field->type == MST_CONFIG_STRING_LIST) {
    mst_config_strings *to = at;
    to->items = mst_alloc(1, sizeof *to->items);
    if (!to->items || !(to->items[0] = mst_strdup(field->default_text)))
      return false;
    to->count = 1;
    return true;
  }
  value from = {NULL, field->default_text, false};
  return set_scalar(field, &from, at, diags);
}

static bool
map_struct(const mst_yaml_node *node, const mst_config_schema *schema, void *ret_struct, mst_diags *diags)
{
  bool good = true;

  if (node && mst_yaml_node_kind(node) != MST_YAML_MAP) {
    mst_yaml_complain(diags, node, "a %s must be a map of keys and values", schema->name);
    return false;
  }
  if (schema->place_offset != MST_CONFIG_NO_PLACE) {
    mst_config_place *place = (mst_config_place *)(void *)((char *)ret_struct + schema->place_offset);
    place->node = node;
  }
  for (size_t i = 0; node && i < mst_yaml_node_count(node); i++) {
    const mst_yaml_node *key = mst_yaml_node_key_at(node, i);
    if (!find_field(schema, mst_yaml_node_text(key))) {
      complain_unknown(key, schema, diags);
      good = false;
    }
  }
  for (size_t i = 0; i < schema->field_count; i++) {
    const mst_config_field *field = &schema->fields[i];
    const mst_yaml_node *child = node ? mst_yaml_node_get(node, field->key) : NULL;
    good &= child ? set_field(field, child, ret_struct, diags) : set_default(field, node, ret_struct, diags);
  }
  return good;
}

bool
mst_config_map(const mst_yaml_node *node, const mst_config_schema *schema, void *ret_struct, mst_diags *diags)
{
  return map_struct(node, schema, ret_struct, diags);
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
