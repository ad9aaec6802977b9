/* YAML documents as trees that know where they stood, over libyaml's events. */
#include <mst/common/yaml.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include <mst/common/alloc.h>
#include <mst/common/buf.h>
#include <mst/common/file.h>

enum { PATH_BYTES = 512, FIRST_CHILDREN = 8 };

struct mst_yaml_node {
  mst_yaml_kind kind;
  uint32_t line, column;
  const mst_yaml *yaml;
  char *path;
  char *text; /* scalar */
  bool is_quoted;
  mst_yaml_node **keys, **children; /* keys: maps only */
  size_t count, capacity;
};

struct mst_yaml {
  char *file;
  mst_yaml_node *root;
  size_t node_count;
};

/* One file being read. */
typedef struct reading {
  yaml_parser_t parser;
  mst_yaml *yaml;
  mst_diags *diags;
  bool bad;
} reading;

static void
node_destroy(mst_yaml_node *node)
{
  if (!node)
    return;
  for (size_t i = 0; i < node->count; i++) {
    if (node->keys)
      node_destroy(node->keys[i]);
    node_destroy(node->children[i]);
  }
  mst_free(node->keys);
  mst_free(node->children);
  mst_free(node->path);
  mst_free(node->text);
  mst_free(node);
}

void
mst_yaml_destroy(mst_yaml *yaml)
{
  if (!yaml)
    return;
  node_destroy(yaml->root);
  mst_free(yaml->file);
  mst_free(yaml);
}

static void complain_at(reading *in, yaml_mark_t mark, const char *key, const char *fmt, ...) __attribute__((format(printf, 4, 5)));

static void
complain_at(reading *in, yaml_mark_t mark, const char *key, const char *fmt, ...)
{
  char text[512];
  va_list arguments;

  va_start(arguments, fmt);
  vsnprintf(text, sizeof text, fmt, arguments);
  va_end(arguments);
  mst_diags_add(in->diags, in->yaml->file, (uint32_t)mark.line + 1, (uint32_t)mark.column + 1, key, "%s", text);
  in->bad = true;
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

static bool
next_event(reading *in, yaml_event_t *event)
{
  if (yaml_parser_parse(&in->parser, event))
    return true;
  const yaml_parser_t *parser = &in->parser;
  /* A reader error (bad UTF-8) has no mark, only an offset. */
  yaml_mark_t mark = parser->error == YAML_READER_ERROR ? parser->mark : parser->problem_mark;
  complain_at(in, mark, "", "not YAML: %s%s%s", parser->problem ? parser->problem : "unreadable", parser->context ? " " : "",
              parser->context ? parser->context : "");
  return false;
}

static bool
plain_tag(const yaml_char_t *tag)
{
  static const char *const core[] = {"!", "tag:yaml.org,2002:str", "tag:yaml.org,2002:int", "tag:yaml.org,2002:float", "tag:yaml.org,2002:bool",
                                     "tag:yaml.org,2002:null", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"};

  for (size_t i = 0; tag && i < sizeof core / sizeof core[0]; i++)
    if (strcmp((const char *)tag, core[i]) == 0)
      return true;
  return tag == NULL;
}

static void
check_decoration(reading *in, const yaml_event_t *event, const yaml_char_t *anchor, const yaml_char_t *tag, const char *path)
{
  if (anchor)
    complain_at(in, event->start_mark, path, "anchors (&%s) are not allowed here; write the value out", (const char *)anchor);
  if (!plain_tag(tag))
    complain_at(in, event->start_mark, path, "the tag %s is not allowed here", (const char *)tag);
}

static mst_yaml_node *read_node(reading *in, yaml_event_t *event, const char *path, unsigned depth);

static mst_yaml_node *
read_scalar(reading *in, const yaml_event_t *event, const char *path)
{
  mst_yaml_node *node = node_create(in, MST_YAML_SCALAR, event->start_mark, path);

  if (!node)
    return NULL;
  check_decoration(in, event, event->data.scalar.anchor, event->data.scalar.tag, path);
  if (memchr(event->data.scalar.value, '\0', event->data.scalar.length))
    complain_at(in, event->start_mark, path, "a NUL character is not allowed");
  node->text = mst_strndup((const char *)event->data.scalar.value, event->data.scalar.length);
  node->is_quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
  if (!node->text) {
    complain_at(in, event->start_mark, path, "out of memory");
    node_destroy(node);
    return NULL;
  }
  return node;
}

static bool
append(mst_yaml_node *node, mst_yaml_node *key, mst_yaml_node *child)
{
  if (node->count == node->capacity) {
    size_t capacity = node->capacity ? node->capacity * 2 : FIRST_CHILDREN;
    mst_yaml_node **children = mst_realloc(node->children, capacity, sizeof(mst_yaml_node *));
    if (!children)
      return false;
    node->children = children;
    if (key) {
      mst_yaml_node **keys = mst_realloc(node->keys, capacity, sizeof(mst_yaml_node *));
      if (!keys)
        return false;
      node->keys = keys;
    }
    node->capacity = capacity;
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
    if (!child || !append(list, NULL, child)) {
      node_destroy(child);
      return false;
    }
  }
}

static void
check_duplicate(reading *in, const mst_yaml_node *map, const mst_yaml_node *key)
{
  for (size_t i = 0; i < map->count; i++)
    if (strcmp(map->keys[i]->text, key->text) == 0) {
      yaml_mark_t mark = {.line = key->line - 1, .column = key->column - 1};
      complain_at(in, mark, key->path, "the key stands twice; first on line %u", map->keys[i]->line);
      return;
    }
}

/* One entry; false at an error, *ret_end at the map's end. */
static bool
read_entry(reading *in, mst_yaml_node *map, unsigned depth, bool *ret_end)
{
  char path[PATH_BYTES];
  yaml_event_t event;

  if (!next_event(in, &event))
    return false;
  *ret_end = event.type == YAML_MAPPING_END_EVENT;
  if (*ret_end) {
    yaml_event_delete(&event);
    return true;
  }
  if (event.type != YAML_SCALAR_EVENT) {
    complain_at(in, event.start_mark, map->path, "a key must be a plain text");
    yaml_event_delete(&event);
    return false;
  }
  snprintf(path, sizeof path, "%s%s%s", map->path, map->path[0] ? "." : "", (const char *)event.data.scalar.value);
  mst_yaml_node *key = read_scalar(in, &event, path);
  yaml_event_delete(&event);
  if (!key)
    return false;
  if (strcmp(key->text, "<<") == 0)
    complain_at(in, (yaml_mark_t){.line = key->line - 1, .column = key->column - 1}, path, "merge keys are not allowed here; write the values out");
  check_duplicate(in, map, key);
  mst_yaml_node *child = next_event(in, &event) ? read_node(in, &event, path, depth + 1) : NULL;
  if (!child || !append(map, key, child)) {
    node_destroy(key);
    node_destroy(child);
    return false;
  }
  return true;
}

/* Takes the event. */
static mst_yaml_node *
read_node(reading *in, yaml_event_t *event, const char *path, unsigned depth)
{
  mst_yaml_node *node = NULL;
  bool good = false, end = false;

  if (depth > MST_YAML_MAX_DEPTH) {
    complain_at(in, event->start_mark, path, "nested deeper than %d", MST_YAML_MAX_DEPTH);
  } else if (event->type == YAML_SCALAR_EVENT) {
    node = read_scalar(in, event, path);
    good = node != NULL;
  } else if (event->type == YAML_SEQUENCE_START_EVENT) {
    check_decoration(in, event, event->data.sequence_start.anchor, event->data.sequence_start.tag, path);
    node = node_create(in, MST_YAML_LIST, event->start_mark, path);
    good = node && read_list(in, node, depth);
  } else if (event->type == YAML_MAPPING_START_EVENT) {
    check_decoration(in, event, event->data.mapping_start.anchor, event->data.mapping_start.tag, path);
    node = node_create(in, MST_YAML_MAP, event->start_mark, path);
    good = node != NULL;
    while (good && !end)
      good = read_entry(in, node, depth, &end);
  } else if (event->type == YAML_ALIAS_EVENT) {
    complain_at(in, event->start_mark, path, "aliases (*%s) are not allowed here; write the value out", (const char *)event->data.alias.anchor);
  } else {
    complain_at(in, event->start_mark, path, "a value is missing here");
  }
  yaml_event_delete(event);
  if (good)
    return node;
  node_destroy(node);
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
    if (type == YAML_STREAM_START_EVENT || type == YAML_DOCUMENT_START_EVENT || type == YAML_DOCUMENT_END_EVENT || type == YAML_STREAM_END_EVENT) {
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
  if (size_bytes > MST_YAML_MAX_BYTES) {
    mst_diags_add(diags, name, 0, 0, "", "%zu bytes; at most %d", size_bytes, MST_YAML_MAX_BYTES);
    in.bad = true;
  } else {
    yaml_parser_set_input_string(&in.parser, (const unsigned char *)text, size_bytes);
    read_stream(&in);
    if (!in.bad && !in.yaml->root) {
      mst_diags_add(diags, name, 0, 0, "", "the file is empty");
      in.bad = true;
    }
  }
  yaml_parser_delete(&in.parser);
  if (in.bad) {
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

const mst_yaml_node *
mst_yaml_root(const mst_yaml *yaml)
{
  return yaml->root;
}

const char *
mst_yaml_file(const mst_yaml *yaml)
{
  return yaml->file;
}

mst_yaml_kind
mst_yaml_node_kind(const mst_yaml_node *node)
{
  return node->kind;
}

uint32_t
mst_yaml_node_line(const mst_yaml_node *node)
{
  return node->line;
}

uint32_t
mst_yaml_node_column(const mst_yaml_node *node)
{
  return node->column;
}

const char *
mst_yaml_node_path(const mst_yaml_node *node)
{
  return node->path;
}

const char *
mst_yaml_node_file(const mst_yaml_node *node)
{
  return node->yaml->file;
}

const char *
mst_yaml_node_text(const mst_yaml_node *node)
{
  return node->text ? node->text : "";
}

bool
mst_yaml_node_is_quoted(const mst_yaml_node *node)
{
  return node->is_quoted;
}

bool
mst_yaml_node_is_null(const mst_yaml_node *node)
{
  return node->kind == MST_YAML_SCALAR && !node->is_quoted && (node->text[0] == '\0' || strcmp(node->text, "~") == 0 || strcmp(node->text, "null") == 0);
}

size_t
mst_yaml_node_count(const mst_yaml_node *node)
{
  return node->count;
}

const mst_yaml_node *
mst_yaml_node_at(const mst_yaml_node *node, size_t index)
{
  return index < node->count ? node->children[index] : NULL;
}

const mst_yaml_node *
mst_yaml_node_key_at(const mst_yaml_node *node, size_t index)
{
  return node->keys && index < node->count ? node->keys[index] : NULL;
}

const mst_yaml_node *
mst_yaml_node_get(const mst_yaml_node *node, const char *key)
{
  for (size_t i = 0; node->kind == MST_YAML_MAP && i < node->count; i++)
    if (strcmp(node->keys[i]->text, key) == 0)
      return node->children[i];
  return NULL;
}

void
mst_yaml_complain(mst_diags *diags, const mst_yaml_node *node, const char *fmt, ...)
{
  char text[1024];
  va_list arguments;

  va_start(arguments, fmt);
  vsnprintf(text, sizeof text, fmt, arguments);
  va_end(arguments);
  mst_diags_add(diags, node->yaml->file, node->line, node->column, node->path, "%s", text);
}
