#ifndef MST_COMMON_YAML_H
#define MST_COMMON_YAML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mst/common/diag.h>
#include <mst/common/err.h>

/* A YAML document as a tree whose nodes know where they stood. Over libyaml; one document a file; anchors and aliases are refused
 * (an alias bomb is not worth what they save), duplicate keys are an error. Immutable after loading: any thread may read. */
enum {
  MST_YAML_MAX_BYTES = 4 * 1024 * 1024,
  MST_YAML_MAX_DEPTH = 32,
  MST_YAML_MAX_NODES = 200000,
};

typedef enum mst_yaml_kind { MST_YAML_SCALAR, MST_YAML_LIST, MST_YAML_MAP } mst_yaml_kind;
typedef struct mst_yaml mst_yaml;
typedef struct mst_yaml_node mst_yaml_node;

/* Loads a file, or text under a name for messages. Every error found is added to diags. NULL when nothing can be made of it: no such file,
 * too large, empty, or not YAML (libyaml stops at the first syntax error of a file). After any other error there is a tree, so that what
 * else is wrong can be said too; mst_yaml_node_is_flawed is true of its nodes, and mst_config_map fails: it is for finding errors only.
 * The caller destroys it. */
mst_yaml *mst_yaml_load(const char *path, mst_diags *diags);
mst_yaml *mst_yaml_parse(const char *name, const char *text, size_t size_bytes, mst_diags *diags);
void mst_yaml_destroy(mst_yaml *yaml);

const mst_yaml_node *mst_yaml_root(const mst_yaml *yaml);
const char *mst_yaml_file(const mst_yaml *yaml);

mst_yaml_kind mst_yaml_node_kind(const mst_yaml_node *node);
uint32_t mst_yaml_node_line(const mst_yaml_node *node);
uint32_t mst_yaml_node_column(const mst_yaml_node *node);
/* Path from the root: "items[3].check.target". Borrowed from the tree. */
const char *mst_yaml_node_path(const mst_yaml_node *node);
/* Whether anything was complained about while its document was read. */
bool mst_yaml_node_is_flawed(const mst_yaml_node *node);
/* The file it came from. */
const char *mst_yaml_node_file(const mst_yaml_node *node);
/* A scalar's text ("" for other kinds); is_quoted tells "8" from 8. */
const char *mst_yaml_node_text(const mst_yaml_node *node);
bool mst_yaml_node_is_quoted(const mst_yaml_node *node);
/* True for a plain empty scalar, ~ or null. */
bool mst_yaml_node_is_null(const mst_yaml_node *node);
/* Entries of a list or map; 0 for a scalar. */
size_t mst_yaml_node_count(const mst_yaml_node *node);
const mst_yaml_node *mst_yaml_node_at(const mst_yaml_node *node, size_t index);
/* The key node of a map's entry. */
const mst_yaml_node *mst_yaml_node_key_at(const mst_yaml_node *node, size_t index);
/* A map's value by key; NULL when not there, not a map, or node is NULL (so that calls nest). */
const mst_yaml_node *mst_yaml_node_get(const mst_yaml_node *node, const char *key);
/* mst_diags_add at this node's place. Says nothing of what was complained about as a whole while it was read: an alias, a key that stands
 * twice. */
void mst_yaml_complain(mst_diags *diags, const mst_yaml_node *node, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
