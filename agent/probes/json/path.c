/* Paths into JSON documents; see mst/json/path.h. */
#include <mst/json/path.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <mst/common/alloc.h>

typedef struct step {
  enum { STEP_NAME, STEP_INDEX, STEP_EACH } kind;
  char name[MST_JSON_PATH_NAME_BYTES];
  long index;
} step;

struct mst_json_path {
  char *text; /* owned */
  size_t count;
  step steps[MST_JSON_PATH_STEPS_MAX];
};

static mst_err
wrong(const mst_json_path *path, const char *at, const char *what, mst_errctx *ctx)
{
  return mst_fail(ctx, MST_EUSAGE, "path \"%.128s\" at its character %zu: %s", path->text, (size_t)(at - path->text) + 1, what);
}

static bool
is_name_letter(char c)
{
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || (unsigned char)c >= 0x80;
}

static mst_err
read_name(const mst_json_path *path, const char **at, step *to, mst_errctx *ctx)
{
  size_t length = 0;

  while (is_name_letter((*at)[length]))
    length++;
  if (length == 0 || length >= MST_JSON_PATH_NAME_BYTES)
    return wrong(path, *at, "a name of 1 to 127 letters, digits, _ or - must stand here; write others as ['name']", ctx);
  to->kind = STEP_NAME;
  memcpy(to->name, *at, length);
  *at += length;
  return MST_OK;
}

/* 'name' or "name"; \ takes the next letter as it is. */
static mst_err
read_quoted(const mst_json_path *path, const char **at, step *to, mst_errctx *ctx)
{
  const char *next = *at + 1;
  char quote = **at;
  size_t length = 0;

  to->kind = STEP_NAME;
  while (*next != quote) {
    next += *next == '\\';
    if (*next == '\0')
      return wrong(path, next, "the name's closing quote is missing", ctx);
    if (length == MST_JSON_PATH_NAME_BYTES - 1)
      return wrong(path, next, "a name has over 127 bytes", ctx);
    to->name[length++] = *next++;
  }
  *at = next + 1;
  return MST_OK;
}

static mst_err
read_bracket(const mst_json_path *path, const char **at, step *to, mst_errctx *ctx)
{
  mst_err err = MST_OK;
  char *end;

  ++*at;
  if (**at == '\'' || **at == '"') {
    err = read_quoted(path, at, to, ctx);
  } else if (**at == '*') {
    to->kind = STEP_EACH;
    ++*at;
  } else {
    to->kind = STEP_INDEX;
    size_t digits = strspn(*at + (**at == '-'), "0123456789");
    if (digits == 0 || digits > 9)
      return wrong(path, *at, "a number, * or a name in quotes must stand in [ ]", ctx);
    to->index = strtol(*at, &end, 10);
    *at = end;
  }
  if (err == MST_OK && **at != ']')
    return wrong(path, *at, "] is missing", ctx);
  *at += err == MST_OK;
  return err;
}

static mst_err
read_steps(mst_json_path *path, mst_errctx *ctx)
{
  const char *at = path->text;
  bool is_first = *at != '$';
  mst_err err = MST_OK;

  at += *at == '$';
  while (*at && err == MST_OK) {
    if (path->count == MST_JSON_PATH_STEPS_MAX)
      return wrong(path, at, "over 32 parts", ctx);
    step *to = &path->steps[path->count++];
    if (*at == '[') {
      err = read_bracket(path, &at, to, ctx);
    } else if (is_first || *at == '.') {
      at += *at == '.' && !is_first;
      err = read_name(path, &at, to, ctx);
    } else {
      err = wrong(path, at, ". or [ must stand here", ctx);
    }
    is_first = false;
  }
  return err;
}

mst_err
mst_json_path_parse(const char *text, mst_json_path **ret_path, mst_errctx *ctx)
{
  mst_json_path *path = mst_alloc(1, sizeof *path);

  if (path)
    path->text = mst_strdup(text);
  if (!path || !path->text) {
    mst_free(path);
    return mst_fail(ctx, MST_ENOMEM, "no memory for a path");
  }
  mst_err err = text[0] ? read_steps(path, ctx) : mst_fail(ctx, MST_EUSAGE, "an empty path; write $ for the whole document");
  if (err != MST_OK) {
    mst_json_path_destroy(path);
    return err;
  }
  *ret_path = path;
  return MST_OK;
}

void
mst_json_path_destroy(mst_json_path *path)
{
  if (!path)
    return;
  mst_free(path->text);
  mst_free(path);
}

const char *
mst_json_path_text(const mst_json_path *path)
{
  return path->text;
}

/* ---- looking ---- */

typedef struct search {
  const mst_json_path *path;
  bool (*take)(void *arg, const json_t *value);
  void *arg;
  size_t taken;
  bool is_over;
} search;

static void look(search *all, size_t at, const json_t *value);

static void
look_into_each(search *all, size_t at, const json_t *value)
{
  for (size_t i = 0; i < json_array_size(value) && !all->is_over; i++)
    look(all, at, json_array_get(value, i));
  if (!json_is_object(value))
    return;
  json_t *object = (json_t *)(uintptr_t)value; /* jansson's iterators change nothing */
  for (void *item = json_object_iter(object); item && !all->is_over; item = json_object_iter_next(object, item))
    look(all, at, json_object_iter_value(item));
}

/* Calls itself once for each step of the path: 32 at most. */
static void
look(search *all, size_t at, const json_t *value)
{
  const step *wanted = &all->path->steps[at];

  if (!value)
    return;
  if (at == all->path->count) {
    all->taken++;
    all->is_over = !all->take(all->arg, value);
  } else if (wanted->kind == STEP_EACH) {
    look_into_each(all, at + 1, value);
  } else if (wanted->kind == STEP_NAME) {
    look(all, at + 1, json_object_get(value, wanted->name));
  } else {
    long size = (long)json_array_size(value), index = wanted->index < 0 ? size + wanted->index : wanted->index;
    look(all, at + 1, index >= 0 && index < size ? json_array_get(value, (size_t)index) : NULL);
  }
}

size_t
mst_json_path_each(const mst_json_path *path, const json_t *root, bool (*take)(void *arg, const json_t *value), void *arg)
{
  search all = {.path = path, .take = take, .arg = arg};

  look(&all, 0, root);
  return all.taken;
}

static bool
take_first(void *arg, const json_t *value)
{
  *(const json_t **)arg = value;
  return false;
}

const json_t *
mst_json_path_first(const mst_json_path *path, const json_t *root)
{
  const json_t *found = NULL;

  (void)mst_json_path_each(path, root, take_first, (void *)&found);
  return found;
}
