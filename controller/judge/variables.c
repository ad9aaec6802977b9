/* Variables: bounds that a checklist names and an overlay may set. They are put in before the file is read as YAML, so that they may stand
 * in any scalar; a value cannot hold what would change the file's structure. */
#include <string.h>

#include "checklist.h"

static bool
is_name_byte(char c)
{
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

static size_t
name_length(const char *text, const char *end)
{
  size_t length = 0;

  while (text + length < end && is_name_byte(text[length]))
    length++;
  return length;
}

static bool
check_variable(const mst_yaml_node *key, const mst_yaml_node *value, mst_diags *diags)
{
  const char *name = mst_yaml_node_text(key), *text = mst_yaml_node_text(value);

  if (name[0] == '\0' || name_length(name, name + strlen(name)) != strlen(name)) {
    mst_yaml_complain(diags, key, "\"%s\" is no name of a variable; use a-z, 0-9 and _", name);
    return false;
  }
  if (mst_yaml_node_kind(value) != MST_YAML_SCALAR || text[0] == '\0' || strlen(text) > MST_VARIABLE_MAX_BYTES) {
    mst_yaml_complain(diags, value, "the value of a variable must be a text of 1 to %d bytes", MST_VARIABLE_MAX_BYTES);
    return false;
  }
  for (const char *at = text; *at; at++) {
    if ((unsigned char)*at < ' ' || strchr("\"'\\#{}[]", *at) || (at[0] == ':' && at[1] == ' ')) {
      mst_yaml_complain(diags, value,
                        "the value of a variable cannot hold quotes, brackets, braces, backslashes, #, \": \" or line breaks");
      return false;
    }
  }
  return true;
}

static bool
check_variables(const mst_yaml_node *variables, mst_diags *diags)
{
  size_t count = mst_yaml_node_count(variables);
  bool fine = true;

  if (mst_yaml_node_kind(variables) != MST_YAML_MAP || count > MST_CHECKLIST_MAX_VARIABLES) {
    mst_yaml_complain(diags, variables, "must be a map of at most %d names and values", MST_CHECKLIST_MAX_VARIABLES);
    return false;
  }
  for (size_t i = 0; i < count; i++)
    fine = check_variable(mst_yaml_node_key_at(variables, i), mst_yaml_node_at(variables, i), diags) && fine;
  return fine;
}

/* An overlay holds `variables:` and nothing else, and only names that the checklist has. */
static bool
check_overlay(const mst_yaml_node *root, const mst_yaml_node *known, mst_diags *diags)
{
  const mst_yaml_node *variables = mst_yaml_node_get(root, "variables");
  bool fine = true;

  if (mst_yaml_node_kind(root) != MST_YAML_MAP || !variables) {
    mst_yaml_complain(diags, root, "an overlay needs a map `variables:`");
    return false;
  }
  for (size_t i = 0; i < mst_yaml_node_count(root); i++) {
    const mst_yaml_node *key = mst_yaml_node_key_at(root, i);
    if (strcmp(mst_yaml_node_text(key), "variables") != 0) {
      mst_yaml_complain(diags, key, "unknown key \"%s\"; an overlay sets `variables:` only", mst_yaml_node_text(key));
      fine = false;
    }
  }
  if (!check_variables(variables, diags))
    return false;
  for (size_t i = 0; i < mst_yaml_node_count(variables); i++) {
    const mst_yaml_node *key = mst_yaml_node_key_at(variables, i);
    if (!known || !mst_yaml_node_get(known, mst_yaml_node_text(key))) {
      mst_yaml_complain(diags, key, "the checklist has no variable \"%s\"", mst_yaml_node_text(key));
      fine = false;
    }
  }
  return fine;
}

/* The value for a name of that length; NULL when there is none. */
static const char *
value_of(const mst_yaml_node *variables, const mst_yaml_node *overlay, const char *name, size_t length)
{
  char key[MST_VARIABLE_MAX_BYTES + 1];
  const mst_yaml_node *value;

  if (length == 0 || length > MST_VARIABLE_MAX_BYTES || !variables)
    return NULL;
  memcpy(key, name, length);
  key[length] = '\0';
  value = overlay ? mst_yaml_node_get(overlay, key) : NULL;
  if (!value)
    value = mst_yaml_node_get(variables, key);
  return value ? mst_yaml_node_text(value) : NULL;
}

static bool
is_number(const char *text)
{
  return text[0] != '\0' && strspn(text, "0123456789.") == strlen(text);
}

/* A place that a variable's name takes in the text. */
typedef struct use {
  const char *from, *end; /* the quotes around it too, where it stands alone in them and is a number: "${n}" is 8 and not "8" */
  const char *value;
} variable_use;

static bool
find_use(const mst_yaml_node *variables, const mst_yaml_node *set, const char *text, const char *at, const char *end, variable_use *ret_use)
{
  size_t length;

  if (at + 1 >= end || at[0] != '$' || at[1] != '{')
    return false;
  length = name_length(at + 2, end);
  if (at + 2 + length >= end || at[2 + length] != '}')
    return false;
  *ret_use = (variable_use){.from = at, .end = at + 3 + length, .value = value_of(variables, set, at + 2, length)};
  if (!ret_use->value)
    return false;
  if (at > text && at[-1] == '"' && ret_use->end < end && *ret_use->end == '"' && is_number(ret_use->value)) {
    ret_use->from--;
    ret_use->end++;
  }
  return true;
}

bool
mst_variables_expand(const mst_yaml *file, const mst_yaml *overlay, const char *text, size_t size_bytes, mst_buf *ret_text,
                     mst_diags *diags)
{
  const mst_yaml_node *root = mst_yaml_root(file);
  const mst_yaml_node *variables = mst_yaml_node_get(root, "variables");
  const mst_yaml_node *set = overlay ? mst_yaml_node_get(mst_yaml_root(overlay), "variables") : NULL;
  const char *end = text + size_bytes, *from = text;
  bool fine = !variables || check_variables(variables, diags);
  mst_errctx ctx = {0};

  if (overlay && !check_overlay(mst_yaml_root(overlay), variables, diags))
    fine = false;
  if (!fine)
    return false;
  for (const char *at = text; at < end; at++) {
    variable_use use;
    if (!find_use(variables, set, text, at, end, &use))
      continue;
    mst_buf_append(ret_text, from, (size_t)(use.from - from));
    mst_buf_puts(ret_text, use.value);
    from = use.end;
    at = from - 1;
  }
  mst_buf_append(ret_text, from, (size_t)(end - from));
  if (mst_buf_check(ret_text, "the checklist with its variables put in", &ctx) != MST_OK) {
    mst_diags_add(diags, mst_yaml_file(file), 0, 0, "", "%s", ctx.text);
    return false;
  }
  return true;
}

bool
mst_variables_all_known(const mst_yaml_node *node, mst_diags *diags)
{
  bool fine = true;

  if (mst_yaml_node_kind(node) == MST_YAML_SCALAR) {
    const char *text = strstr(mst_yaml_node_text(node), "${");
    if (!text)
      return true;
    const char *close = strchr(text, '}');
    mst_yaml_complain(diags, node, "no variable \"%.*s\"; name it under `variables:`", (int)(close ? close - text - 2 : 0), text + 2);
    return false;
  }
  for (size_t i = 0; i < mst_yaml_node_count(node); i++)
    fine = mst_variables_all_known(mst_yaml_node_at(node, i), diags) && fine;
  return fine;
}
