/* `rollup:` — the outcome of other items. */
#include <stddef.h>
#include <string.h>

#include <mst/common/alloc.h>

#include "judge/kind.h"

typedef struct rollup_keys {
  mst_config_strings sources; /* resolved in rollups.c from the node */
  char *rule;
  const mst_yaml_node *critical;
} rollup_keys;

static const mst_config_field fields[] = {
    {.key = "rollup",
     .type = MST_CONFIG_STRING_LIST,
     .offset = offsetof(rollup_keys, sources),
     .required = true,
     .min = 1,
     .max = MST_CHECKLIST_MAX_ITEMS,
     .help = "Ids of items, or globs"},
    {.key = "rule",
     .type = MST_CONFIG_STRING,
     .offset = offsetof(rollup_keys, rule),
     .default_text = "all",
     .help = "all (the worst source), or \"rate > 95%\" (share of passed sources)"},
    {.key = "critical", .type = MST_CONFIG_NODE, .offset = offsetof(rollup_keys, critical), .help = "What the rate must not be"},
};
static const mst_config_schema schema = {
    .name = "roll-up check",
    .struct_size_bytes = sizeof(rollup_keys),
    .fields = fields,
    .field_count = sizeof fields / sizeof fields[0],
    .place_offset = MST_CONFIG_NO_PLACE,
};

static bool
read_rule(const mst_yaml_node *node, const rollup_keys *keys, mst_compile *compile, mst_check *check)
{
  const mst_yaml_node *rule = mst_yaml_node_get(node, "rule");

  if (strcmp(keys->rule, "all") == 0) {
    if (keys->critical)
      mst_yaml_complain(compile->diags, keys->critical, "`critical:` goes with a rate only; with `rule: all` the worst source counts");
    return !keys->critical;
  }
  if (strncmp(keys->rule, "rate ", 5) != 0) {
    mst_yaml_complain(compile->diags, rule, "\"%s\" is no rule; write \"all\" or for example \"rate > 95%%\"", keys->rule);
    return false;
  }
  check->rollup.by_rate = true;
  if (!mst_bounds_parse_text(rule, keys->rule + 5, keys->critical, &check->bounds, compile->diags))
    return false;
  if (check->bounds.target.type == MST_TARGET_NUMBER && strcmp(check->bounds.target.unit, "1") == 0)
    return true;
  mst_yaml_complain(compile->diags, rule, "\"%s\": a rate is a share; write for example \"rate > 95%%\"", keys->rule);
  return false;
}

static bool
compile_rollup(const mst_yaml_node *node, mst_compile *compile, mst_check *check)
{
  rollup_keys keys = {0};
  bool fine = mst_config_map(node, &schema, &keys, compile->diags) && read_rule(node, &keys, compile, check);

  mst_config_free(&schema, &keys);
  return fine;
}

static void
rollup_done(mst_check *check)
{
  mst_free(check->rollup.sources);
}

const mst_check_kind mst_check_kind_rollup = {
    .key = "rollup",
    .class_letter = 'R',
    .compile = compile_rollup,
    .done = rollup_done,
};
