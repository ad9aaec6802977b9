#ifndef MST_COMMON_YAML_NODE_H
#define MST_COMMON_YAML_NODE_H

#include <mst/common/yaml.h>

/* What yaml.c builds and yaml_node.c reads. */

enum { MST_YAML_MESSAGE_BYTES = 1024 };

struct mst_yaml_node {
  mst_yaml_kind kind;
  uint32_t line, column;
  const mst_yaml *yaml;
  char *path;
  char *text; /* scalar */
  bool is_quoted;
  bool is_refused;                  /* was complained about as a whole, or stands in for what was: nothing else is said of it */
  mst_yaml_node **keys, **children; /* keys: maps only */
  size_t count, capacity;
};

struct mst_yaml {
  char *file;
  mst_yaml_node *root;
  size_t node_count;
  bool is_flawed; /* something was complained about while it was read */
};

/* Also NULL and half-built ones. */
void mst_yaml_node_destroy(mst_yaml_node *node);

#endif
