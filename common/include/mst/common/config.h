#ifndef MST_COMMON_CONFIG_H
#define MST_COMMON_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mst/common/yaml.h>

/* One schema table maps a YAML map onto a struct: one row holds a key's name, type, default, bounds and help. Every error is reported
 * with file, line, column and key: unknown key, missing key, wrong type, out of range, bad duration, duplicate id. */
typedef enum mst_config_type {
  MST_CONFIG_STRING,      /* char *; NULL when absent and without default */
  MST_CONFIG_BOOL,        /* bool; true/false only */
  MST_CONFIG_INTEGER,     /* int64_t, min..max */
  MST_CONFIG_NUMBER,      /* double, min..max */
  MST_CONFIG_RATIO,       /* double, "95%" or 0.95, within 0..1 */
  MST_CONFIG_DURATION,    /* int64_t ns, min..max */
  MST_CONFIG_SIZE,        /* int64_t bytes: "64MB" = 64e6, "64MiB" = 2^26, min..max */
  MST_CONFIG_ENUM,        /* int: index into names */
  MST_CONFIG_STRING_LIST, /* mst_config_strings; a lone scalar is a list of one */
  MST_CONFIG_STRING_MAP,  /* mst_config_pairs, in the order of the file */
  MST_CONFIG_STRUCT,      /* embedded struct described by sub */
  MST_CONFIG_STRUCT_LIST, /* mst_config_list of structs described by sub */
  MST_CONFIG_NODE,        /* const mst_yaml_node *, for what has a grammar of its own; lives as long as the mst_yaml */
} mst_config_type;

typedef struct mst_config_strings {
  char **items;
  size_t count;
} mst_config_strings;

typedef struct mst_config_pair {
  char *key, *value;
} mst_config_pair;

typedef struct mst_config_pairs {
  mst_config_pair *items;
  size_t count;
} mst_config_pairs;

typedef struct mst_config_list {
  void *items; /* count structs of sub->struct_size_bytes, side by side */
  size_t count;
} mst_config_list;

/* Where a struct stood, for errors found later. A schema names the offset of such a member, or MST_CONFIG_NO_PLACE. */
typedef struct mst_config_place {
  const mst_yaml_node *node;
} mst_config_place;
#define MST_CONFIG_NO_PLACE ((size_t)-1)

struct mst_config_schema;
typedef struct mst_config_field {
  const char *key;
  mst_config_type type;
  size_t offset;
  bool required;
  const char *default_text; /* parsed as if it stood in the file; NULL: zero / absent */
  const char *help;         /* one line; docs/configuration-*.md are checked against it */
  double min, max;          /* both 0: no bounds. In ns for durations, bytes for sizes, characters for strings, entries for lists */
  const char *const *names; /* MST_CONFIG_ENUM: NULL-terminated */
  const struct mst_config_schema *sub;
} mst_config_field;

typedef struct mst_config_schema {
  const char *name; /* what one such map is called in messages: "collector" */
  size_t struct_size_bytes;
  const mst_config_field *fields;
  size_t field_count;
  size_t place_offset; /* of an mst_config_place member */
  const char *id_key;  /* in a list of these, values of this key must be unique; NULL: no such key */
} mst_config_schema;

/* Fills ret_struct (struct_size_bytes, which the caller zeroed) from a node. All errors go to diags; false when there was one, or when the
 * document was flawed already (mst_yaml_node_is_flawed). Strings and lists are copies, of no more entries than the schema allows; free with
 * mst_config_free whatever the result. `node` may be NULL: all defaults, required keys missing. */
bool mst_config_map(const mst_yaml_node *node, const mst_config_schema *schema, void *ret_struct, mst_diags *diags) MST_MUST_USE;
void mst_config_free(const mst_config_schema *schema, void *value);

/* "64MB", "8GiB", "123" (bytes), "240GB". Decimal units are powers of 1000, binary ones of 1024. */
mst_err mst_size_parse(const char *text, int64_t *ret_bytes, mst_errctx *ctx) MST_MUST_USE;
/* A value with a unit as checklists write it, to the base unit of its kind: "70%" 0.7, "2s" 2 (seconds), "16GB" 1.6e10 (bytes),
 * "100Mbit/s" 1.25e7 (bytes per second), "10/min" (1/6 per second), "5/h", "3.5", "-1". ret_unit: "1", "s", "By", "By/s", "1/s" or "" for a
 * bare number. Static string. */
mst_err mst_quantity_parse(const char *text, double *ret_value, const char **ret_unit, mst_errctx *ctx) MST_MUST_USE;

#endif
