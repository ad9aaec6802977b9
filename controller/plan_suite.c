/* Lists of attacks; see plan_suite.h. */
#include "plan_suite.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <mst/proto/plan.h>
#include <mst/proto/probe.h>

enum { PATH_BYTES = 4096 };

static bool
find_file(const mst_yaml_node *node, char path[static PATH_BYTES])
{
  static const char *const folders[] = {"attacks", "../attacks"};
  const char *plan = mst_yaml_node_file(node), *slash = strrchr(plan, '/');
  int folder = slash ? (int)(slash - plan) + 1 : 0;

  for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
    if (snprintf(path, PATH_BYTES, "%.*s%s/%s.yml", folder, plan, folders[i], mst_yaml_node_text(node)) < PATH_BYTES &&
        access(path, R_OK) == 0)
      return true;
  return false;
}

static bool
check_list(const mst_suite *suite, mst_diags *diags)
{
  const mst_yaml_node *root = mst_yaml_root(suite->yaml);
  size_t count = suite->list ? mst_yaml_node_count(suite->list) : 0;
  bool is_good = suite->list && mst_yaml_node_kind(suite->list) == MST_YAML_LIST && count >= 1 && count <= MST_PROBE_LIST_MAX;

  if (!is_good)
    mst_yaml_complain(diags, suite->list ? suite->list : root, "attacks must be a list of 1 to %d texts", MST_PROBE_LIST_MAX);
  for (size_t i = 0; is_good && i < count; i++) {
    const mst_yaml_node *one = mst_yaml_node_at(suite->list, i);
    size_t size = mst_yaml_node_kind(one) == MST_YAML_SCALAR ? strlen(mst_yaml_node_text(one)) : 0;
    if (size >= 1 && size <= MST_PLAN_VALUE_MAX_BYTES)
      continue;
    mst_yaml_complain(diags, one, "write a text of 1 to %d bytes", MST_PLAN_VALUE_MAX_BYTES);
    is_good = false;
  }
  return is_good;
}

bool
mst_suite_load(const mst_yaml_node *node, mst_suite *ret_suite, mst_diags *diags)
{
  char path[PATH_BYTES];

  *ret_suite = (mst_suite){0};
  if (!find_file(node, path)) {
    mst_yaml_complain(diags, node, "there is no attacks/%.64s.yml beside the plan, nor beside its folder", mst_yaml_node_text(node));
    return false;
  }
  ret_suite->yaml = mst_yaml_load(path, diags);
  if (!ret_suite->yaml)
    return false;
  const mst_yaml_node *root = mst_yaml_root(ret_suite->yaml);
  if (mst_yaml_node_kind(root) == MST_YAML_MAP)
    ret_suite->list = mst_yaml_node_get(root, "attacks");
  for (size_t i = 0; mst_yaml_node_kind(root) == MST_YAML_MAP && i < mst_yaml_node_count(root); i++) {
    const mst_yaml_node *key = mst_yaml_node_key_at(root, i);
    if (strcmp(mst_yaml_node_text(key), "attacks") != 0 && strcmp(mst_yaml_node_text(key), "title") != 0)
      mst_yaml_complain(diags, key, "unknown key; known keys are: title, attacks");
  }
  return check_list(ret_suite, diags);
}

void
mst_suite_done(mst_suite *suite)
{
  mst_yaml_destroy(suite->yaml);
  *suite = (mst_suite){0};
}
