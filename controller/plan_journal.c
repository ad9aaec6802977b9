/* Journals as the source of a tail. */
#include "plan_journal.h"

#include <string.h>

#include <mst/proto/plan.h>

static void
check_patterns(const mst_yaml_node *list, mst_diags *diags)
{
  bool is_list = mst_yaml_node_kind(list) == MST_YAML_LIST;
  size_t count = is_list ? mst_yaml_node_count(list) : 1;

  if (count == 0 || count > MST_PLAN_JOURNAL_PATTERNS_MAX) {
    mst_yaml_complain(diags, list, "%zu entries; there must be 1 to %d", count, MST_PLAN_JOURNAL_PATTERNS_MAX);
    return;
  }
  for (size_t i = 0; i < count; i++) {
    const mst_yaml_node *one = is_list ? mst_yaml_node_at(list, i) : list;
    if (mst_yaml_node_kind(one) != MST_YAML_SCALAR || mst_yaml_node_text(one)[0] == '\0' || strlen(mst_yaml_node_text(one)) > 255)
      mst_yaml_complain(diags, one, "write a name or a shell pattern of 1 to 255 bytes");
  }
}

static void
check_priority(const mst_yaml_node *node, mst_diags *diags)
{
  static const char *const priorities[] = {"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"};

  for (size_t i = 0; i < sizeof priorities / sizeof priorities[0]; i++)
    if (mst_yaml_node_kind(node) == MST_YAML_SCALAR && strcmp(mst_yaml_node_text(node), priorities[i]) == 0)
      return;
  mst_yaml_complain(diags, node, "\"%.32s\" is no priority; choose of emerg, alert, crit, err, warning, notice, info, debug",
                    mst_yaml_node_text(node));
}

static void
check_path(const mst_yaml_node *node, mst_diags *diags)
{
  const char *path = mst_yaml_node_text(node);

  if (mst_yaml_node_kind(node) != MST_YAML_SCALAR || path[0] != '/' || strlen(path) > MST_PLAN_VALUE_MAX_BYTES)
    mst_yaml_complain(diags, node, "\"%.128s\" is no absolute path: begin it with /", path);
}

void
mst_plan_journal_check(const mst_yaml_node *journal, mst_diags *diags)
{
  if (mst_yaml_node_kind(journal) != MST_YAML_MAP) {
    mst_yaml_complain(diags, journal, "must be a map, such as {units: [nginx.service]}; {} is all of the host's own journal");
    return;
  }
  for (size_t i = 0; i < mst_yaml_node_count(journal); i++) {
    const mst_yaml_node *key = mst_yaml_node_key_at(journal, i), *value = mst_yaml_node_at(journal, i);
    const char *name = mst_yaml_node_text(key);
    if (strcmp(name, "units") == 0 || strcmp(name, "identifiers") == 0)
      check_patterns(value, diags);
    else if (strcmp(name, "priority") == 0)
      check_priority(value, diags);
    else if (strcmp(name, "path") == 0)
      check_path(value, diags);
    else
      mst_yaml_complain(diags, key, "unknown key \"%.64s\"; a journal has units, identifiers, priority and path", name);
  }
}
