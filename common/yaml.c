/* YAML documents as trees that know where they stood, over libyaml's events. */
#include <mst/common/yaml.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include <mst/common/alloc.h>
#include <mst/common/buf.h>
#include <mst/common/file.h>

#include "yaml_node.h"

enum { PATH_BYTES = 512 /* longer paths are cut: they are for people */, FIRST_CHILDREN = 8 };

/* One file being read. */
typedef struct reading {
  yaml_parser_t parser;
  const char *text;
  size_t size_bytes;
  mst_yaml *yaml;
  mst_diags *diags;
} reading;

static void complain_at(reading *in, yaml_mark_t mark, const char *key, const char *fmt, ...) __attribute__((format(printf, 4, 5)));

static void
complain_at(reading *in, yaml_mark_t mark, const char *key, const char *fmt, ...)
{
  char text[MST_YAML_MESSAGE_BYTES];
  va_list arguments;

  va_start(arguments, fmt);
  vsnprintf(text, sizeof text, fmt, arguments);
  va_end(arguments);
  mst_diags_add(in->diags, in->yaml->file, (uint32_t)mark.line + 1, (uint32_t)mark.column + 1, key, "%s", text);
  in->yaml->is_flawed = true;
}

static yaml_mark_t
mark_at(const mst_yaml_node *node)
{
  return (yaml_mark_t){.line = node->line - 1, .column = node->column - 1};
}

static mst_yaml_node *
node_create(reading *in, mst_yaml_kind kind, yaml_mark_t mark, const char *path)
{
  if (in->yaml->node_count >= MST_YAML_MAX_NODES) {
    complain_at(in, mark, path, "over %d values in one file", MST_YAML_MAX_NODES);
    return NULL;
  }
  mst_yaml_node *node = mst_alloc(1, sizeof *node);
  if (!node || !(node->path = mst_strdup(path))) {
    mst_free(node);
    complain_at(in, mark, path, "out of memory");
    return NULL;
  }
  in->yaml->node_count++;
  node->kind = kind;
  node->line = (uint32_t)mark.line + 1;
  node->column = (uint32_t)mark.column + 1;
  node->yaml = in->yaml;
  return node;
}

/* Where a byte stands. libyaml knows only the offset of bytes that are not UTF-8: it decodes ahead of what it scans. */
static yaml_mark_t
mark_of(const reading *in, size_t offset)
{
  yaml_mark_t mark = {0};

  for (size_t i = 0; i < offset && i < in->size_bytes; i++) {
    if (in->text[i] == '\n') {
      mark.line++;
      mark.column = 0;
    } else {
      mark.column += ((unsigned char)in->text[i] & 0xc0) != 0x80; /* characters, not bytes */
    }
  }
  return mark;
}

/* libyaml calls it a character that cannot start any token. */
static bool
is_tab_at(const reading *in, yaml_mark_t mark)
{
  const char *line = in->text, *end = in->text + in->size_bytes;

  for (size_t i = 0; i < mark.line && line; i++) {
    line = memchr(line, '\n', (size_t)(end - line));
    line = line ? line + 1 : NULL;
  }
  /* Where it matters, only blanks stand in front of it, so that columns are bytes. */
  for (size_t i = 0; line && line + i < end && (line[i] == ' ' || line[i] == '\t'); i++)
    if (i == mark.column)
      return line[i] == '\t';
  return false;
}

static bool
next_event(reading *in, yaml_event_t *event)
{
  const yaml_parser_t *parser = &in->parser;
  char context[256] = "";

  if (yaml_parser_parse(&in->parser, event))
    return true;
  if (parser->error == YAML_MEMORY_ERROR) {
    complain_at(in, parser->mark, "", "out of memory");
    return false;
  }
  if (parser->error == YAML_READER_ERROR) {
    complain_at(in, mark_of(in, parser->problem_offset), "", "not YAML: %s", parser->problem);
    return false;
  }
  if (is_tab_at(in, parser->problem_mark)) {
    complain_at(in, parser->problem_mark, "", "not YAML: a tab stands here; indent with spaces");
    return false;
  }
  if (parser->context)
    snprintf(context, sizeof context, " %s that began on line %zu", parser->context, parser->context_mark.line + 1);
  complain_at(in, parser->problem_mark, "", "not YAML: %s%s", parser->problem ? parser->problem : "unreadable", context);
  return false;
}

static bool
is_core_tag(const yaml_char_t *tag, mst_yaml_kind kind)
{
  static const char prefix[] = "tag:yaml.org,2002:";
  static const char *const core[][6] = {
      [MST_YAML_SCALAR] = {"str", "int", "float", "bool", "null", NULL}, [MST_YAML_LIST] = {"seq", NULL}, [MST_YAML_MAP] = {"map", NULL}};

  if (!tag || strcmp((const char *)tag, "!") == 0)
    return true;
  if (strncmp((const char *)tag, prefix, sizeof prefix - 1) != 0)
    return false;
  for (size_t i = 0; core[kind][i]; i++)
    if (strcmp((const char *)tag + sizeof prefix - 1, core[kind][i]) == 0)
      return true;
  return false;
}

/* A plain scalar that a tag makes a text is as good as a quoted one. (A lone "!" would be, too, but libyaml drops it.) */
static bool
is_text_tag(const yaml_char_t *tag)
{
  return tag && strcmp((const char *)tag, "tag:yaml.org,2002:str") == 0;
}

static void
check_decoration(reading *in, yaml_mark_t mark, mst_yaml_kind kind, const yaml_char_t *anchor, const yaml_char_t *tag, const char *path)
{
  if (anchor)
    complain_at(in, mark, path, "anchors (&%.80s) are not allowed here; write the value out", (const char *)anchor);
  if (!is_core_tag(tag, kind))
    complain_at(in, mark, path, "the tag %.80s is not allowed here; leave it out", (const char *)tag);
}

static mst_yaml_node *read_node(reading *in, yaml_event_t *event, const char *path, unsigned depth);

/* Of a scalar, or of an alias, for which an empty text stands after the complaint, so that the reading can go on. */
static mst_yaml_node *
read_scalar(reading *in, const yaml_event_t *event, const char *path)
{
  bool is_alias = event->type == YAML_ALIAS_EVENT;
  const char *text = is_alias ? "" : (const char *)event->data.scalar.value;
  size_t bytes = is_alias ? 0 : event->data.scalar.length;
  mst_yaml_node *node = node_create(in, MST_YAML_SCALAR, event->start_mark, path);

  if (!node)
    return NULL;
  if (is_alias) {
    complain_at(in, event->start_mark, path, "aliases (*%.80s) are not allowed here; write the value out",
                (const char *)event->data.alias.anchor);
    node->is_refused = true;
  } else {
    check_decoration(in, event->start_mark, MST_YAML_SCALAR, event->data.scalar.anchor, event->data.scalar.tag, path);
    node->is_quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE || is_text_tag(event->data.scalar.tag);
  }
  if (memchr(text, '\0', bytes)) {
    complain_at(in, event->start_mark, path, "a NUL character is not allowed here");
    node->is_refused = true;
  }
  node->text = mst_strndup(text, bytes);
  if (!node->text) {
    complain_at(in, event->start_mark, path, "out of memory");
    mst_yaml_node_destroy(node);
    return NULL;
  }
  return node;
}

static bool
grow(mst_yaml_node *node)
{
  size_t capacity = node->capacity ? node->capacity * 2 : FIRST_CHILDREN;

  mst_yaml_node **children = mst_realloc(node->children, capacity, sizeof(mst_yaml_node *));
  if (!children)
    return false;
  node->children = children;
  if (node->kind == MST_YAML_MAP) {
    mst_yaml_node **keys = mst_realloc(node->keys, capacity, sizeof(mst_yaml_node *));
    if (!keys)
      return false;
    node->keys = keys;
  }
  node->capacity = capacity;
  return true;
}

/* Takes key (NULL in a list) and child, also when it fails. */
static bool
append(reading *in, mst_yaml_node *node, mst_yaml_node *key, mst_yaml_node *child)
{
  if (node->count == node->capacity && !grow(node)) {
    complain_at(in, in->parser.mark, node->path, "out of memory");
    mst_yaml_node_destroy(key);
    mst_yaml_node_destroy(child);
    return false;
  }
  if (key)
    node->keys[node->count] = key;
  node->children[node->count++] = child;
  return true;
}

static bool
read_list(reading *in, mst_yaml_node *list, unsigned depth)
{
  char path[PATH_BYTES];
  yaml_event_t event;

  for (;;) {
    if (!next_event(in, &event))
      return false;
    if (event.type == YAML_SEQUENCE_END_EVENT) {
      yaml_event_delete(&event);
      return true;
    }
    snprintf(path, sizeof path, "%s[%zu]", list->path, list->count);
    mst_yaml_node *child = read_node(in, &event, path, depth + 1);
    if (!child || !append(in, list, NULL, child))
      return false;
  }
}

static int
compare_keys(const void *left, const void *right)
{
  const mst_yaml_node *a = *(mst_yaml_node *const *)left, *b = *(mst_yaml_node *const *)right;
  int order = strcmp(a->text, b->text);

  if (order == 0)
    order = (a->line > b->line) - (a->line < b->line);
  return order ? order : (a->column > b->column) - (a->column < b->column);
}

/* Sorted, so that a map of a hundred thousand keys is no trap. */
static void
check_duplicates(reading *in, const mst_yaml_node *map)
{
  if (map->count < 2)
    return;
  mst_yaml_node **keys = mst_alloc(map->count, sizeof(mst_yaml_node *));
  if (!keys) {
    complain_at(in, in->parser.mark, map->path, "out of memory");
    return;
  }
  memcpy(keys, map->keys, map->count * sizeof(mst_yaml_node *));
  qsort(keys, map->count, sizeof(mst_yaml_node *), compare_keys);
  for (size_t i = 1, first = 0; i < map->count; i++) {
    if (strcmp(keys[first]->text, keys[i]->text) != 0)
      first = i;
    else if (!keys[first]->is_refused && !keys[i]->is_refused) {
      complain_at(in, mark_at(keys[i]), keys[i]->path, "the key stands twice; first on line %u", keys[first]->line);
      keys[i]->is_refused = true;
    }
  }
  mst_free(keys);
}

/* A key that is a list or map is complained about and stepped over; an empty text stands for it. */
static mst_yaml_node *
read_key(reading *in, yaml_event_t *event, const mst_yaml_node *map, unsigned depth)
{
  char path[PATH_BYTES];
  mst_yaml_node *key;

  if (event->type == YAML_SCALAR_EVENT) {
    snprintf(path, sizeof path, "%s%s%s", map->path, map->path[0] ? "." : "", (const char *)event->data.scalar.value);
    key = read_scalar(in, event, path);
    yaml_event_delete(event);
    if (key && strcmp(key->text, "<<") == 0 && !key->is_quoted) {
      complain_at(in, mark_at(key), path, "merge keys are not allowed here; write the values out");
      key->is_refused = true;
    }
    return key;
  }
  if (event->type != YAML_ALIAS_EVENT)
    complain_at(in, event->start_mark, map->path, "a key must be a text, not a list or a map");
  key = read_node(in, event, map->path, depth + 1);
  if (key)
    key->is_refused = true;
  if (key && !key->text && !(key->text = mst_strdup(""))) {
    complain_at(in, mark_at(key), map->path, "out of memory");
    mst_yaml_node_destroy(key);
    return NULL;
  }
  return key;
}

static bool
read_map(reading *in, mst_yaml_node *map, unsigned depth)
{
  yaml_event_t event;

  for (;;) {
    if (!next_event(in, &event))
      return false;
    if (event.type == YAML_MAPPING_END_EVENT) {
      yaml_event_delete(&event);
      return true;
    }
    mst_yaml_node *key = read_key(in, &event, map, depth);
    if (!key)
      return false;
    mst_yaml_node *child = next_event(in, &event) ? read_node(in, &event, key->path, depth + 1) : NULL;
    if (!child) {
      mst_yaml_node_destroy(key);
      return false;
    }
    if (!append(in, map, key, child))
      return false;
  }
}

/* Takes the event. NULL when the reading cannot go on; the complaint is made. */
static mst_yaml_node *
read_node(reading *in, yaml_event_t *event, const char *path, unsigned depth)
{
  mst_yaml_node *node = NULL;
  bool is_good = false;

  if (depth > MST_YAML_MAX_DEPTH) {
    complain_at(in, event->start_mark, path, "nested deeper than %d", MST_YAML_MAX_DEPTH);
  } else if (event->type == YAML_SEQUENCE_START_EVENT) {
    check_decoration(in, event->start_mark, MST_YAML_LIST, event->data.sequence_start.anchor, event->data.sequence_start.tag, path);
    node = node_create(in, MST_YAML_LIST, event->start_mark, path);
    is_good = node && read_list(in, node, depth);
  } else if (event->type == YAML_MAPPING_START_EVENT) {
    check_decoration(in, event->start_mark, MST_YAML_MAP, event->data.mapping_start.anchor, event->data.mapping_start.tag, path);
    node = node_create(in, MST_YAML_MAP, event->start_mark, path);
    is_good = node && read_map(in, node, depth);
    if (node)
      check_duplicates(in, node);
  } else { /* libyaml's grammar leaves only scalars and aliases */
    node = read_scalar(in, event, path);
    is_good = node != NULL;
  }
  yaml_event_delete(event);
  if (is_good)
    return node;
  mst_yaml_node_destroy(node);
  return NULL;
}

/* Stream start, one document, stream end. */
static void
read_stream(reading *in)
{
  yaml_event_t event;

  for (;;) {
    if (!next_event(in, &event))
      return;
    yaml_event_type_t type = event.type;
    if (type == YAML_DOCUMENT_START_EVENT && in->yaml->root) {
      complain_at(in, event.start_mark, "", "a second document in one file");
      yaml_event_delete(&event);
      return;
    }
    if (type == YAML_STREAM_START_EVENT || type == YAML_DOCUMENT_START_EVENT || type == YAML_DOCUMENT_END_EVENT ||
        type == YAML_STREAM_END_EVENT) {
      yaml_event_delete(&event);
      if (type == YAML_STREAM_END_EVENT)
        return;
      continue;
    }
    in->yaml->root = read_node(in, &event, "", 0);
    if (!in->yaml->root)
      return;
  }
}

mst_yaml *
mst_yaml_parse(const char *name, const char *text, size_t size_bytes, mst_diags *diags)
{
  reading in = {.diags = diags, .yaml = mst_alloc(1, sizeof *in.yaml)};

  if (!in.yaml || !(in.yaml->file = mst_strdup(name)) || !yaml_parser_initialize(&in.parser)) {
    mst_diags_add(diags, name, 0, 0, "", "out of memory");
    mst_yaml_destroy(in.yaml);
    return NULL;
  }
  in.text = text;
  in.size_bytes = size_bytes;
  if (size_bytes > MST_YAML_MAX_BYTES) {
    mst_diags_add(diags, name, 0, 0, "", "the file has %zu bytes; at most %d are read", size_bytes, MST_YAML_MAX_BYTES);
  } else {
    yaml_parser_set_input_string(&in.parser, (const unsigned char *)text, size_bytes);
    read_stream(&in);
    if (!in.yaml->is_flawed && !in.yaml->root)
      mst_diags_add(diags, name, 0, 0, "", "the file is empty");
  }
  yaml_parser_delete(&in.parser);
  if (!in.yaml->root) {
    mst_yaml_destroy(in.yaml);
    return NULL;
  }
  return in.yaml;
}

mst_yaml *
mst_yaml_load(const char *path, mst_diags *diags)
{
  mst_errctx ctx = {0};
  mst_buf text;
  mst_yaml *yaml = NULL;

  mst_buf_init(&text, MST_YAML_MAX_BYTES);
  if (mst_file_read(path, &text, &ctx) != MST_OK)
    mst_diags_add(diags, path, 0, 0, "", "%s", ctx.text);
  else
    yaml = mst_yaml_parse(path, mst_buf_text(&text), text.size_bytes, diags);
  mst_buf_done(&text);
  return yaml;
}
