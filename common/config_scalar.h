#ifndef MST_COMMON_CONFIG_SCALAR_H
#define MST_COMMON_CONFIG_SCALAR_H

#include <mst/common/config.h>

/* What config.c asks of config_scalar.c: keys with a single value. */

/* A value as text, and where it stood: `node` NULL for a default. */
typedef struct mst_config_value {
  const mst_yaml_node *node;
  const char *text;
  bool is_quoted;
} mst_config_value;

/* "a duration", for messages. Static string. */
const char *mst_config_type_name(mst_config_type type);

/* Reads the value as the field's type into *at (that type's C type); *at is untouched when it does not fit, which goes to diags. */
bool mst_config_set_scalar(const mst_config_field *field, const mst_config_value *from, void *at, mst_diags *diags) MST_MUST_USE;

#endif
