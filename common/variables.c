#include <mst/common/variables.h>

#include <string.h>

#include <mst/common/alloc.h>
#include <mst/common/buf.h>
#include <mst/common/file.h>

/* What stands in `line` at `column` or behind it, counted in the expanded text, stands `by` columns further right in the file. */
typedef struct shift {
  uint32_t line, column;
  int64_t by;
} shift;

/* A file's text with the variables put in, and where that moved what stands behind them in their lines. */
typedef struct expanded {
  mst_buf text;
  shift *shifts; /* owned */
  size_t shift_count, shift_capacity;
} expanded_text;

/* The column in the file of what stands at that column in the expanded text. */
static uint32_t
file_column(const expanded_text *expansion, uint32_t line, uint32_t column)
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

  if (mst_yaml_node_kind(variables) != MST_YAML_MAP || count > MST_VARIABLES_MAX) {
    mst_yaml_complain(diags, variables, "must be a map of at most %d names and values", MST_VARIABLES_MAX);
    return false;
  }
  for (size_t i = 0; i < count; i++)
    fine = check_variable(mst_yaml_node_key_at(variables, i), mst_yaml_node_at(variables, i), diags) && fine;
  return fine;
}

/* An overlay holds `variables:` and nothing else, and only names that the file has; where those are not known, any. */
static bool
check_overlay(const mst_yaml_node *root, const mst_yaml_node *known, bool is_known, const char *what, mst_diags *diags)
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
      mst_yaml_complain(diags, key, "the %s has no variable \"%s\"; an overlay sets those under its `variables:`", what,
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
put(expanded_text *to, const char *from, const char *end, text_place *place)
{
  mst_buf_append(&to->text, from, (size_t)(end - from));
  for (const char *newline; (newline = memchr(from, '\n', (size_t)(end - from))); from = newline + 1) {
    place->line++;
    place->column = 1;
  }
  place->column += count_characters(from, end);
}

static bool
put_value(expanded_text *to, const variable_use *use, text_place *place)
{
  if (to->shift_count == to->shift_capacity) {
    size_t capacity = to->shift_capacity ? to->shift_capacity * 2 : 64;
    shift *shifts = mst_realloc(to->shifts, capacity, sizeof *shifts);
    if (!shifts)
      return false;
    to->shifts = shifts;
    to->shift_capacity = capacity;
  }
  uint32_t from = place->column;
  put(to, use->value, use->value + strlen(use->value), place);
  to->shifts[to->shift_count++] = (shift){
      .line = place->line, .column = place->column, .by = (int64_t)count_characters(use->from, use->end) - (int64_t)(place->column - from)};
  return true;
}

/* Puts the values in; unknown names and those without a usable value stay. False with diags filled; what was put in can be looked at all
 * the same. */
static bool
expand(const mst_variables_source *source, const mst_yaml *file, const mst_yaml *overlay, expanded_text *expansion, mst_diags *diags)
{
  const mst_yaml_node *root = mst_yaml_root(file);
  const mst_yaml_node *variables = mst_yaml_node_get(root, "variables");
  const mst_yaml_node *set = overlay ? mst_yaml_node_get(mst_yaml_root(overlay), "variables") : NULL;
  const char *text = source->text, *end = text + source->size_bytes, *from = text;
  bool fine = !variables || check_variables(variables, diags), room = true;
  text_place place = {1, 1};
  mst_errctx ctx = {0};

  if (overlay && !check_overlay(mst_yaml_root(overlay), variables, true, source->what, diags))
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
  if (!room || mst_buf_check(&expansion->text, "the file with its variables put in", &ctx) != MST_OK) {
    mst_diags_add(diags, mst_yaml_file(file), 0, 0, "", "%s", ctx.text);
    return false;
  }
  return fine;
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

/* Whether a value with a ${name} in it stands at that place: what its value would be is not known. */
static bool
is_unknown_at(const mst_yaml_node *node, uint32_t line, uint32_t column)
{
  if (mst_yaml_node_kind(node) == MST_YAML_SCALAR)
    return mst_yaml_node_line(node) == line && mst_yaml_node_column(node) == column && strstr(mst_yaml_node_text(node), "${");
  for (size_t i = 0; i < mst_yaml_node_count(node); i++)
    if (is_unknown_at(mst_yaml_node_at(node, i), line, column))
      return true;
  return false;
}

/* The complaints of the expanded text, moved to where their cause stands in the file. */
static void
hand_over(const expanded_text *expansion, const mst_diags *found, mst_diags *diags)
{
  for (size_t i = 0; i < found->count; i++) {
    const mst_diag *diag = &found->list[i];
    mst_diags_add(diags, diag->file, diag->line, file_column(expansion, diag->line, diag->column), diag->key, "%s", diag->text);
  }
  diags->dropped += found->dropped;
}

/* What a value is wrong with that holds an unknown variable is left out: the variable has its complaint. */
static void
drop_unknown(const mst_yaml_node *root, mst_diags *found)
{
  mst_diags kept;

  mst_diags_init(&kept);
  for (size_t i = 0; i < found->count; i++) {
    const mst_diag *diag = &found->list[i];
    if (diag->column == 0 || !is_unknown_at(root, diag->line, diag->column))
      mst_diags_add(&kept, diag->file, diag->line, diag->column, diag->key, "%s", diag->text);
  }
  kept.dropped += found->dropped;
  mst_diags_done(found);
  *found = kept;
}

/* Parses the text with its variables put in, and has it looked at. */
static bool
use_expanded(const mst_variables_source *source, const expanded_text *expansion, mst_variables_use use, void *arg, mst_diags *diags)
{
  const mst_buf *text = &expansion->text;
  mst_diags found, unknown;
  bool fine = false;

  mst_diags_init(&found);
  mst_diags_init(&unknown);
  mst_yaml *yaml = mst_yaml_parse(source->name, mst_buf_text(text), text->size_bytes, &found);
  if (yaml) {
    const mst_yaml_node *root = mst_yaml_root(yaml);
    fine = all_known(root, mst_yaml_node_get(root, "variables"), &unknown);
    fine = use(arg, yaml, &found) && fine;
    drop_unknown(root, &found);
  }
  hand_over(expansion, &unknown, diags);
  hand_over(expansion, &found, diags);
  mst_diags_done(&unknown);
  mst_diags_done(&found);
  return fine;
}

bool
mst_variables_read(const mst_variables_source *source, mst_variables_use use, void *arg, mst_diags *diags)
{
  expanded_text expansion = {0};
  mst_yaml *file = mst_yaml_parse(source->name, source->text, source->size_bytes, diags), *over = NULL;
  bool fine = false;

  mst_buf_init(&expansion.text, MST_YAML_MAX_BYTES);
  if (source->overlay)
    over = mst_yaml_parse(source->overlay_name, source->overlay, source->overlay_bytes, diags);
  if (file && mst_yaml_node_kind(mst_yaml_root(file)) != MST_YAML_MAP) {
    mst_diags_add(diags, source->name, 1, 1, "", "a %s is a map with the keys %s", source->what, source->keys);
    mst_yaml_destroy(file);
    file = NULL;
  }
  if (file) {
    fine = expand(source, file, over, &expansion, diags);
    if (mst_buf_check(&expansion.text, "", NULL) == MST_OK)
      fine = use_expanded(source, &expansion, use, arg, diags) && fine;
  } else if (over) {
    (void)!check_overlay(mst_yaml_root(over), NULL, false, source->what, diags);
  }
  mst_buf_done(&expansion.text);
  mst_free(expansion.shifts);
  mst_yaml_destroy(over);
  mst_yaml_destroy(file);
  return fine && (over || !source->overlay);
}

static bool
read_file(const char *path, mst_buf *buf, mst_diags *diags)
{
  mst_errctx ctx = {0};

  if (mst_file_read(path, buf, &ctx) == MST_OK)
    return true;
  mst_diags_add(diags, path, 0, 0, "", "%s", ctx.text);
  return false;
}

static void
check_overlay_alone(const char *what, const char *path, const mst_buf *text, mst_diags *diags)
{
  mst_yaml *yaml = mst_yaml_parse(path, mst_buf_text(text), text->size_bytes, diags);

  if (yaml)
    (void)!check_overlay(mst_yaml_root(yaml), NULL, false, what, diags);
  mst_yaml_destroy(yaml);
}

bool
mst_variables_load(const char *what, const char *keys, const char *path, const char *overlay, mst_variables_parse parse, void *arg,
                   mst_diags *diags)
{
  mst_buf text, over;
  bool fine = false;

  mst_buf_init(&text, MST_YAML_MAX_BYTES);
  mst_buf_init(&over, MST_YAML_MAX_BYTES);
  bool has_text = read_file(path, &text, diags), has_over = overlay && read_file(overlay, &over, diags);
  const mst_variables_source source = {.what = what,
                                       .keys = keys,
                                       .name = path,
                                       .text = mst_buf_text(&text),
                                       .size_bytes = text.size_bytes,
                                       .overlay_name = has_over ? overlay : NULL,
                                       .overlay = has_over ? mst_buf_text(&over) : NULL,
                                       .overlay_bytes = over.size_bytes};
  if (has_text)
    fine = parse(arg, &source, diags);
  else if (has_over)
    check_overlay_alone(what, overlay, &over, diags);
  mst_buf_done(&over);
  mst_buf_done(&text);
  return fine && (has_over || !overlay);
}

bool
mst_variables_digest(const mst_variables_source *source, const char *domain, mst_digest *ret_digest)
{
  mst_buf all;
  uint8_t length[8];

  mst_buf_init(&all, 2 * MST_YAML_MAX_BYTES + sizeof length);
  for (size_t i = 0; i < sizeof length; i++)
    length[i] = (uint8_t)((uint64_t)source->size_bytes >> (8 * i));
  mst_buf_append(&all, length, sizeof length);
  mst_buf_append(&all, source->text, source->size_bytes);
  if (source->overlay)
    mst_buf_append(&all, source->overlay, source->overlay_bytes);
  bool fine = all.failed == MST_OK;
  if (fine)
    *ret_digest = mst_digest_of(domain, all.data, all.size_bytes);
  mst_buf_done(&all);
  return fine;
}
