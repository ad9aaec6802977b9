/* Reading the tree of a YAML document. */
#include "yaml_node.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <mst/common/alloc.h>

void
mst_yaml_node_destroy(mst_yaml_node *node)
{
  if (!node)
    return;
  for (size_t i = 0; i < node->count; i++) {
    if (node->keys)
      mst_yaml_node_destroy(node->keys[i]);
    mst_yaml_node_destroy(node->children[i]);
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
  mst_yaml_node_destroy(yaml->root);
  mst_free(yaml->file);
  mst_free(yaml);
}

bool
mst_yaml_node_is_flawed(const mst_yaml_node *node)
{
  return node->yaml->is_flawed;
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
  return node->kind == MST_YAML_SCALAR && !node->is_quoted &&
         (node->text[0] == '\0' || strcmp(node->text, "~") == 0 || strcmp(node->text, "null") == 0);
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
  for (size_t i = 0; node && node->kind == MST_YAML_MAP && i < node->count; i++)
    if (strcmp(node->keys[i]->text, key) == 0)
      return node->children[i];
  return NULL;
}

void
mst_yaml_complain(mst_diags *diags, const mst_yaml_node *node, const char *fmt, ...)
{
  char text[MST_YAML_MESSAGE_BYTES];
  va_list arguments;

  if (node->is_refused)
    return;
  va_start(arguments, fmt);
  vsnprintf(text, sizeof text, fmt, arguments);
  va_end(arguments);
  mst_diags_add(diags, node->yaml->file, node->line, node->column, node->path, "%s", text);
}
