/* Label selectors. */
#include "select.h"

#include <string.h>

#include <mst/common/alloc.h>

#include "target.h"

static bool
add_pattern(const mst_yaml_node *node, mst_select_key *key, mst_diags *diags)
{
  const char *text = mst_yaml_node_text(node);
  mst_pattern *patterns;

  if (mst_yaml_node_kind(node) != MST_YAML_SCALAR) {
    mst_yaml_complain(diags, node, "a label pattern must be a text such as \"eth*\" or \"!lo\"");
    return false;
  }
  patterns = mst_realloc(key->patterns, key->count + 1, sizeof *patterns);
  if (!patterns)
    goto no_memory;
  key->patterns = patterns;
  patterns[key->count].negated = text[0] == '!';
  patterns[key->count].text = mst_strdup(text + (text[0] == '!'));
  if (!patterns[key->count].text)
    goto no_memory;
  key->has_positive = key->has_positive || text[0] != '!';
  key->count++;
  return true;
no_memory:
  mst_yaml_complain(diags, node, "out of memory");
  return false;
}

static bool
read_key(const mst_yaml_node *name, const mst_yaml_node *value, mst_select_key *key, mst_diags *diags)
{
  size_t count = mst_yaml_node_count(value);
  bool fine = true;

  key->key = mst_strdup(mst_yaml_node_text(name));
  if (!key->key) {
    mst_yaml_complain(diags, name, "out of memory");
    return false;
  }
  if (mst_yaml_node_kind(value) == MST_YAML_SCALAR)
    return add_pattern(value, key, diags);
  if (mst_yaml_node_kind(value) != MST_YAML_LIST || count == 0 || count > MST_SELECT_MAX_PATTERNS) {
    mst_yaml_complain(diags, value, "must be a text or a list of 1 to %d texts", MST_SELECT_MAX_PATTERNS);
    return false;
  }
  for (size_t i = 0; i < count; i++)
    fine = add_pattern(mst_yaml_node_at(value, i), key, diags) && fine;
  return fine;
}

bool
mst_select_parse(const mst_yaml_node *node, mst_select *ret_select, mst_diags *diags)
{
  size_t count = node ? mst_yaml_node_count(node) : 0;
  bool fine = true;

  *ret_select = (mst_select){0};
  if (!node)
    return true;
  if (mst_yaml_node_kind(node) != MST_YAML_MAP || count == 0 || count > MST_SELECT_MAX_KEYS) {
    mst_yaml_complain(diags, node, "must be a map of 1 to %d labels, such as {role: api}", MST_SELECT_MAX_KEYS);
    return false;
  }
  ret_select->keys = mst_alloc(count, sizeof *ret_select->keys);
  if (!ret_select->keys) {
    mst_yaml_complain(diags, node, "out of memory");
    return false;
  }
  ret_select->count = count;
  for (size_t i = 0; i < count; i++)
    fine = read_key(mst_yaml_node_key_at(node, i), mst_yaml_node_at(node, i), &ret_select->keys[i], diags) && fine;
  return fine;
}

void
mst_select_done(mst_select *select)
{
  for (size_t i = 0; i < select->count; i++) {
    for (size_t j = 0; j < select->keys[i].count; j++)
      mst_free(select->keys[i].patterns[j].text);
    mst_free(select->keys[i].patterns);
    mst_free(select->keys[i].key);
  }
  mst_free(select->keys);
  *select = (mst_select){0};
}

static mst_text
label_value(const char *key, const mst_label *labels, size_t label_count)
{
  for (size_t i = 0; i < label_count; i++)
    if (mst_text_equal(labels[i].key, key))
      return labels[i].value;
  return (mst_text){"", 0};
}

static bool
key_fits(const mst_select_key *key, mst_text value)
{
  bool listed = !key->has_positive;

  for (size_t i = 0; i < key->count; i++) {
    bool match = mst_glob_match(key->patterns[i].text, value.data ? value.data : "", value.size_bytes);
    if (match && key->patterns[i].negated)
      return false;
    listed = listed || (match && !key->patterns[i].negated);
  }
  return listed;
}

bool
mst_select_match(const mst_select *select, const mst_label *labels, size_t label_count)
{
  for (size_t i = 0; i < select->count; i++)
    if (!key_fits(&select->keys[i], label_value(select->keys[i].key, labels, label_count)))
      return false;
  return true;
}
