/* Texts with places to fill in; see vars.h. */
#include "vars.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mst/common/alloc.h>
#include <mst/common/digest.h>

enum { NAME_BYTES = 64, PLACE_BYTES = 192 };

static void
forget(mst_var *var)
{
  if (var->is_secret && var->value)
    explicit_bzero(var->value, strlen(var->value));
  mst_free(var->value);
  mst_free(var->name);
}

void
mst_vars_done(mst_vars *vars)
{
  for (size_t i = 0; i < vars->count; i++)
    forget(&vars->list[i]);
  mst_free(vars->list);
  *vars = (mst_vars){0};
}

static mst_var *
find(const mst_vars *vars, const char *name, size_t length)
{
  for (size_t i = 0; i < vars->count; i++)
    if (strncmp(vars->list[i].name, name, length) == 0 && vars->list[i].name[length] == '\0')
      return &vars->list[i];
  return NULL;
}

const mst_var *
mst_vars_find(const mst_vars *vars, const char *name)
{
  return find(vars, name, strlen(name));
}

mst_err
mst_vars_set(mst_vars *vars, const char *name, const char *value, bool is_secret, mst_errctx *ctx)
{
  mst_var *old = find(vars, name, strlen(name));
  mst_var made = {mst_strdup(name), mst_strdup(value), is_secret};
  mst_var *list = vars->list;

  if (!old && vars->count == MST_VARS_MAX) {
    forget(&made);
    return mst_fail(ctx, MST_ELIMIT, "over %d names in one probe", MST_VARS_MAX);
  }
  if (!old && made.name && made.value)
    list = mst_realloc(vars->list, vars->count + 1, sizeof *list);
  if (!list || !made.name || !made.value) {
    forget(&made);
    return mst_fail(ctx, MST_ENOMEM, "no memory for %.64s", name);
  }
  if (old) {
    forget(old);
    *old = made;
    return MST_OK;
  }
  vars->list = list;
  vars->list[vars->count++] = made;
  return MST_OK;
}

/* ---- ways of writing ---- */

static void
write_plain(mst_buf *to, const char *value)
{
  mst_buf_puts(to, value);
}

static void
write_url(mst_buf *to, const char *value)
{
  static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";

  for (; *value; value++) {
    if (strchr(plain, *value))
      mst_buf_append(to, value, 1);
    else
      mst_buf_printf(to, "%%%02X", (unsigned)(unsigned char)*value);
  }
}

static void
write_json(mst_buf *to, const char *value)
{
  for (; *value; value++) {
    if (*value == '"' || *value == '\\')
      mst_buf_printf(to, "\\%c", *value);
    else if ((unsigned char)*value < 0x20)
      mst_buf_printf(to, "\\u%04x", (unsigned)(unsigned char)*value);
    else
      mst_buf_append(to, value, 1);
  }
}

static void
write_xml(mst_buf *to, const char *value)
{
  static const char letters[] = "&<>\"'";
  static const char *const entities[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&apos;"};

  for (; *value; value++) {
    const char *special = strchr(letters, *value);
    if (special)
      mst_buf_puts(to, entities[special - letters]);
    else
      mst_buf_append(to, value, 1);
  }
}

static void
write_base64(mst_buf *to, const char *value)
{
  size_t size = strlen(value), length = MST_BASE64_BYTES(size) - 1;
  char *room = mst_buf_extend(to, length + 1); /* the NUL goes again */

  if (!room)
    return;
  mst_base64_encode(value, size, room);
  to->size_bytes--;
}

static const struct {
  const char *name;
  void (*write)(mst_buf *to, const char *value);
} ways[] = {{"url", write_url}, {"json", write_json}, {"xml", write_xml}, {"base64", write_base64}};

/* ---- filling ---- */

static mst_err
read_count(const char *text, const char **ret_end, size_t *ret_count, mst_errctx *ctx)
{
  char *end;
  unsigned long count = strtoul(text, &end, 10);

  if (end == text || *text == '-' || count > MST_FILL_MAX_BYTES)
    return mst_fail(ctx, MST_EUSAGE, "{{%.64s}}: write a number of up to %d", text, MST_FILL_MAX_BYTES);
  *ret_count = count;
  *ret_end = end;
  return MST_OK;
}

static mst_err
write_fill(const char *place, mst_buf *to, mst_errctx *ctx)
{
  size_t count = 0;
  const char *end = place;
  mst_err err = read_count(place, &end, &count, ctx);

  if (err == MST_OK && *end)
    return mst_fail(ctx, MST_EUSAGE, "{{fill:%.64s}}: write {{fill:NUMBER}}", place);
  void *room = err == MST_OK && count > 0 ? mst_buf_extend(to, count) : NULL;
  if (room)
    memset(room, 'a', count);
  return err;
}

/* "1000:[:]" */
static mst_err
write_nest(const char *place, mst_buf *to, mst_errctx *ctx)
{
  size_t count = 0;
  const char *open = place;
  mst_err err = read_count(place, &open, &count, ctx);
  const char *close = err == MST_OK && *open == ':' ? strrchr(open, ':') : NULL;

  if (err != MST_OK)
    return err;
  if (!close || close == open)
    return mst_fail(ctx, MST_EUSAGE, "{{nest:%.64s}}: write {{nest:NUMBER:OPEN:CLOSE}}", place);
  for (size_t i = 0; i < count && to->failed == MST_OK; i++)
    mst_buf_append(to, open + 1, (size_t)(close - open - 1));
  for (size_t i = 0; i < count && to->failed == MST_OK; i++)
    mst_buf_puts(to, close + 1);
  return MST_OK;
}

static mst_err
write_place(const mst_vars *vars, const char *place, mst_buf *to, bool *ret_has_secret, mst_errctx *ctx)
{
  size_t length = strcspn(place, "|");
  void (*write)(mst_buf * to, const char *value) = place[length] ? NULL : write_plain;

  if (strncmp(place, "fill:", 5) == 0)
    return write_fill(place + 5, to, ctx);
  if (strncmp(place, "nest:", 5) == 0)
    return write_nest(place + 5, to, ctx);
  for (size_t i = 0; place[length] && i < sizeof ways / sizeof ways[0]; i++)
    if (strcmp(ways[i].name, place + length + 1) == 0)
      write = ways[i].write;
  if (!write)
    return mst_fail(ctx, MST_EUSAGE, "{{%.64s}}: behind | write url, json, xml or base64", place);
  const mst_var *var = find(vars, place, length);
  if (!var)
    return mst_fail(ctx, MST_EUSAGE, "{{%.*s}}: nothing has that name: no secret of the probe, nothing that an earlier step captured",
                    (int)(length < NAME_BYTES ? length : NAME_BYTES), place);
  write(to, var->value);
  if (var->is_secret && ret_has_secret)
    *ret_has_secret = true;
  return MST_OK;
}

mst_err
mst_vars_fill(const mst_vars *vars, const char *text, mst_buf *to, bool *ret_has_secret, mst_errctx *ctx)
{
  char place[PLACE_BYTES];
  mst_err err = MST_OK;

  while (err == MST_OK && *text) {
    const char *open = strstr(text, "{{"), *close = open ? strstr(open, "}}") : NULL;
    if (!close) {
      mst_buf_puts(to, text);
      break;
    }
    mst_buf_append(to, text, (size_t)(open - text));
    size_t length = (size_t)(close - open - 2);
    if (length >= sizeof place)
      return mst_fail(ctx, MST_EUSAGE, "{{%.40s...}} has over %d letters", open + 2, PLACE_BYTES - 1);
    memcpy(place, open + 2, length);
    place[length] = '\0';
    err = write_place(vars, place, to, ret_has_secret, ctx);
    text = close + 2;
  }
  return err == MST_OK ? mst_buf_check(to, "a text with its places filled in", ctx) : err;
}
