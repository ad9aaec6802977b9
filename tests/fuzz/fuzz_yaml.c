/* YAML text, mapped by a schema with a key of every type: whatever comes, an error or a value, and the tree can be walked. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <mst/common/config.h>

typedef struct sample {
  char *id;
  bool is_on;
  int64_t count, wait_ns, size_bytes;
  double weight, ratio;
  int level;
  mst_config_strings hosts;
  mst_config_pairs labels;
  struct {
    char *cert;
  } tls;
  mst_config_list parts;
  const mst_yaml_node *check;
  mst_config_place place;
} sample;

static const char *const levels[] = {"low", "high", NULL};

static const mst_config_field part_fields[] = {{"id", MST_CONFIG_STRING, 0, .required = true, .max = 8}};
static const mst_config_schema part_schema = {"part", sizeof(char *), part_fields, 1, MST_CONFIG_NO_PLACE, "id"};
static const mst_config_field tls_fields[] = {{"cert", MST_CONFIG_STRING, 0, .default_text = "a.pem"}};
static const mst_config_schema tls_schema = {"tls", sizeof(char *), tls_fields, 1, MST_CONFIG_NO_PLACE, NULL};
static const mst_config_field fields[] = {
    {"id", MST_CONFIG_STRING, offsetof(sample, id), .required = true},
    {"on", MST_CONFIG_BOOL, offsetof(sample, is_on)},
    {"count", MST_CONFIG_INTEGER, offsetof(sample, count), .min = 1, .max = 10},
    {"weight", MST_CONFIG_NUMBER, offsetof(sample, weight)},
    {"ratio", MST_CONFIG_RATIO, offsetof(sample, ratio)},
    {"wait", MST_CONFIG_DURATION, offsetof(sample, wait_ns), .min = 1e9, .max = 3600e9},
    {"size", MST_CONFIG_SIZE, offsetof(sample, size_bytes)},
    {"level", MST_CONFIG_ENUM, offsetof(sample, level), .names = levels},
    {"hosts", MST_CONFIG_STRING_LIST, offsetof(sample, hosts), .default_text = "localhost"},
    {"labels", MST_CONFIG_STRING_MAP, offsetof(sample, labels)},
    {"tls", MST_CONFIG_STRUCT, offsetof(sample, tls), .sub = &tls_schema},
    {"parts", MST_CONFIG_STRUCT_LIST, offsetof(sample, parts), .sub = &part_schema},
    {"check", MST_CONFIG_NODE, offsetof(sample, check)},
};
static const mst_config_schema schema = {"sample", sizeof(sample), fields, sizeof fields / sizeof fields[0], offsetof(sample, place), NULL};

/* Each node has a place, a path, and only what its kind has. */
static void
walk(const mst_yaml_node *node)
{
  mst_yaml_kind kind = mst_yaml_node_kind(node);

  if (mst_yaml_node_line(node) == 0 || mst_yaml_node_column(node) == 0 || !mst_yaml_node_path(node) || !mst_yaml_node_text(node))
    abort();
  if (kind != MST_YAML_SCALAR && mst_yaml_node_text(node)[0] != '\0')
    abort();
  for (size_t i = 0; i < mst_yaml_node_count(node); i++) {
    const mst_yaml_node *key = mst_yaml_node_key_at(node, i);
    if ((key != NULL) != (kind == MST_YAML_MAP))
      abort();
    if (key && !mst_yaml_node_is_flawed(node) && mst_yaml_node_get(node, mst_yaml_node_text(key)) != mst_yaml_node_at(node, i))
      abort();
    walk(mst_yaml_node_at(node, i));
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
  mst_diags diags;
  sample value = {0};

  mst_diags_init(&diags);
  mst_yaml *yaml = mst_yaml_parse("fuzz.yml", (const char *)data, size_bytes, &diags);
  if ((!yaml || mst_yaml_node_is_flawed(mst_yaml_root(yaml))) != (diags.count + diags.dropped > 0))
    abort();
  if (yaml) {
    walk(mst_yaml_root(yaml));
    bool is_good = mst_config_map(mst_yaml_root(yaml), &schema, &value, &diags);
    if (is_good != (diags.count + diags.dropped == 0))
      abort();
    mst_config_free(&schema, &value);
  }
  mst_diags_sort(&diags);
  mst_yaml_destroy(yaml);
  mst_diags_done(&diags);
  return 0;
}
