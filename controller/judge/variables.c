/* Variables: bounds that a checklist names and an overlay may set. They are put in before the file is read as YAML, so that they may stand
 * in any scalar; a value cannot hold what would change the file's structure. */
#include <string.h>

#include <mst/common/alloc.h>

#include "checklist.h"

/* What stands in `line` at `column` or behind it, counted in the expanded text, stands `by` columns further right in the file. */
typedef struct mst_shift {
  uint32_t line, column;
  int64_t by;
} mst_shift;

void
mst_expansion_init(mst_expansion *expansion)
{
  *expansion = (mst_expansion){0};
  mst_buf_init(&expansion->text, MST_YAML_MAX_BYTES);
}

void
mst_expansion_done(mst_expansion *expansion)
{
  mst_buf_done(&expansion->text);
  mst_free(expansion->shifts);
}

uint32_t
mst_expansion_column(const mst_expansion *expansion, uint32_t line, uint32_t column)
{
  int64_t original = column;

  for (size_t i = 0; i < expansion->shift_count; i++)
    if (expansion->shifts[i].line == line && expansion->shifts[i].column <= column)
      original += expansion->shifts[i].by;
  return (uint32_t)original;
}

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

/* Why that cannot be the value of a variable; NULL when it can. */
static const char *
fault_of(const mst_yaml_node *value)
{
  const char *text = mst_yaml_node_text(value);

  if (mst_yaml_node_kind(value) != MST_YAML_SCALAR || text[0] == '\0' || strlen(text) > MST_VARIABLE_MAX_BYTES)
    return "the value of a variable must be a text of 1 to 256 bytes";
  for (const char *at = text; *at; at++)
    if ((unsigned char)*at < ' ' || strchr("\"'\\#{}[]", *at) || (at[0] == ':' && at[1] == ' '))
      return "the value of a variable cannot hold quotes, brackets, braces, backslashes, #, \": \" or line breaks";
  return NULL;
}
_Static_assert(MST_VARIABLE_MAX_BYTES == 256, "fault_of says how long a value may be");

static bool
check_variable(const mst_yaml_node *key, const mst_yaml_node *value, mst_diags *diags)
{
  const char *name = mst_yaml_node_text(key), *fault = fault_of(value);
  bool is_name = name[0] != '\0' && name_length(name, name + strlen(name)) == strlen(name);

  if (!is_name)
    mst_yaml_complain(diags, key, "\"%s\" is no name of a variable; use a-z, 0-9 and _", name);
  if (fault)
    mst_yaml_complain(diags, value, "%s", fault);
  return is_name && !fault;
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

/* An overlay holds `variables:` and nothing else, and only names that the checklist has; where those are not known, any. */
static bool
check_overlay(const mst_yaml_node *root, const mst_yaml_node *known, bool is_known, mst_diags *diags)
{
  const mst_yaml_node *variables = mst_yaml_node_get(root, "variables");
  bool fine = true;

  if (mst_yaml_node_kind(root) != MST_YAML_MAP || !variables) {
    mst_yaml_complain(diags, root, "an overlay needs a map `variables:` of the names that it sets");
    fine = false;
  }
  for (size_t i = 0; mst_yaml_node_kind(root) == MST_YAML_MAP && i < mst_yaml_node_count(root); i++) {
    const mst_yaml_node *key = mst_yaml_node_key_at(root, i);
    if (strcmp(mst_yaml_node_text(key), "variables") != 0) {
      mst_yaml_complain(diags, key, "unknown key \"%s\"; an overlay sets `variables:` only", mst_yaml_node_text(key));
      fine = false;
    }
  }
  if (!variables)
    return false;
  fine = check_variables(variables, diags) && fine;
  for (size_t i = 0; is_known && mst_yaml_node_kind(variables) == MST_YAML_MAP && i < mst_yaml_node_count(variables); i++) {
    const mst_yaml_node *key = mst_yaml_node_key_at(variables, i);
    if (!known || !mst_yaml_node_get(known, mst_yaml_node_text(key))) {
      mst_yaml_complain(diags, key, "the checklist has no variable \"%s\"; an overlay sets those under its `variables:`",
                        mst_yaml_node_text(key));
      fine = false;
    }
  }
  return fine;
}

/* The value for a name of that length; NULL when there is none that can be used. */
static const char *
value_of(const mst_yaml_node *variables, const mst_yaml_node *overlay, const char *name, size_t length)
{
  char key[MST_VARIABLE_MAX_BYTES + 1];
  const mst_yaml_node *value;

  if (length == 0 || length > MST_VARIABLE_MAX_BYTES || !variables)
    return NULL;
  memcpy(key, name, length);
  key[length] = '\0';
  const mst_yaml_node *own = mst_yaml_node_get(variables, key);
  value = own && overlay ? mst_yaml_node_get(overlay, key) : NULL;
  if (!value || fault_of(value))
    value = own;
  return value && !fault_of(value) ? mst_yaml_node_text(value) : NULL;
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

/* Lines and columns of the expanded text, as libyaml counts them. */
typedef struct text_place {
  uint32_t line, column;
} text_place;

/* Characters, not bytes. */
static uint32_t
count_characters(const char *from, const char *end)
{
  uint32_t count = 0;

  for (; from < end; from++)
    count += ((unsigned char)*from & 0xc0) != 0x80;
  return count;
}

static void
put(mst_expansion *to, const char *from, const char *end, text_place *place)
{
  mst_buf_append(&to->text, from, (size_t)(end - from));
  for (const char *newline; (newline = memchr(from, '\n', (size_t)(end - from))); from = newline + 1) {
    place->line++;
    place->column = 1;
  }
  place->column += count_characters(from, end);
}

static bool
put_value(mst_expansion *to, const variable_use *use, text_place *place)
{
  if (to->shift_count == to->shift_capacity) {
    size_t capacity = to->shift_capacity ? to->shift_capacity * 2 : 64;
    mst_shift *shifts = mst_realloc(to->shifts, capacity, sizeof *shifts);
    if (!shifts)
      return false;
    to->shifts = shifts;
    to->shift_capacity = capacity;
  }
  uint32_t from = place->column;
  put(to, use->value, use->value + strlen(use->value), place);
  to->shifts[to->shift_count++] = (mst_shift){
      .line = place->line, .column = place->column, .by = (int64_t)count_characters(use->from, use->end) - (int64_t)(place->column - from)};
  return true;
}

bool
mst_variables_expand(const mst_yaml *file, const mst_yaml *overlay, const char *text, size_t size_bytes, mst_expansion *expansion,
                     mst_diags *diags)
{
  const mst_yaml_node *root = mst_yaml_root(file);
  const mst_yaml_node *variables = mst_yaml_node_get(root, "variables");
  const mst_yaml_node *set = overlay ? mst_yaml_node_get(mst_yaml_root(overlay), "variables") : NULL;
  const char *end = text + size_bytes, *from = text;
  bool fine = !variables || check_variables(variables, diags), room = true;
  text_place place = {1, 1};
  mst_errctx ctx = {0};

  if (overlay && !check_overlay(mst_yaml_root(overlay), variables, true, diags))
    fine = false;
  for (const char *at = text; room && at < end; at++) {
    variable_use use;
    if (!find_use(variables, set, text, at, end, &use))
      continue;
    put(expansion, from, use.from, &place);
    room = put_value(expansion, &use, &place);
    from = use.end;
    at = from - 1;
  }
  put(expansion, from, end, &place);
  if (!room)
    (void)mst_fail(&ctx, MST_ENOMEM, "out of memory");
  if (!room || mst_buf_check(&expansion->text, "the checklist with its variables put in", &ctx) != MST_OK) {
    mst_diags_add(diags, mst_yaml_file(file), 0, 0, "", "%s", ctx.text);
    return false;
  }
  return fine;
}

bool
mst_variables_check_overlay(const mst_yaml *overlay, mst_diags *diags)
{
  return check_overlay(mst_yaml_root(overlay), NULL, false, diags);
}

/* Whether the variable is there and has its complaint: a value that cannot be used, or variables that are no map. */
static bool
is_complained_of(const mst_yaml_node *variables, const char *name, size_t length)
{
  if (!variables || mst_yaml_node_kind(variables) != MST_YAML_MAP)
    return variables != NULL;
  for (size_t i = 0; i < mst_yaml_node_count(variables); i++) {
    const char *key = mst_yaml_node_text(mst_yaml_node_key_at(variables, i));
    if (strlen(key) == length && memcmp(key, name, length) == 0)
      return true;
  }
  return false;
}

static bool
scalar_all_known(const mst_yaml_node *node, const mst_yaml_node *variables, mst_diags *diags)
{
  const char *at = strstr(mst_yaml_node_text(node), "${");
  bool fine = true;

  for (; at; at = strstr(at + 2, "${")) {
    const char *name = at + 2, *close = strchr(name, '}');
    if (!close)
      mst_yaml_complain(diags, node, "\"${%.64s\": the name of a variable ends with }", name);
    else if (!is_complained_of(variables, name, (size_t)(close - name)))
      mst_yaml_complain(diags, node, "no variable \"%.*s\"; name it under `variables:`", (int)(close - name), name);
    fine = false;
  }
  return fine;
}

static bool
all_known(const mst_yaml_node *node, const mst_yaml_node *variables, mst_diags *diags)
{
  bool fine = true;

  if (node == variables) /* its values are checked by themselves */
    return true;
  if (mst_yaml_node_kind(node) == MST_YAML_SCALAR)
    return scalar_all_known(node, variables, diags);
  for (size_t i = 0; i < mst_yaml_node_count(node); i++)
    fine = all_known(mst_yaml_node_at(node, i), variables, diags) && fine;
  return fine;
}

bool
mst_variables_all_known(const mst_yaml_node *root, mst_diags *diags)
{
  return all_known(root, mst_yaml_node_get(root, "variables"), diags);
}

bool
mst_variables_unknown_at(const mst_yaml_node *node, uint32_t line, uint32_t column)
{
  if (mst_yaml_node_kind(node) == MST_YAML_SCALAR)
    return mst_yaml_node_line(node) == line && mst_yaml_node_column(node) == column && strstr(mst_yaml_node_text(node), "${");
  for (size_t i = 0; i < mst_yaml_node_count(node); i++)
    if (mst_variables_unknown_at(mst_yaml_node_at(node, i), line, column))
      return true;
  return false;
}
