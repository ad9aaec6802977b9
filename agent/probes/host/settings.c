/* Values in settings files; see settings.h. */
#include "settings.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mst/common/clock.h>
#include <mst/common/config.h>
#include <mst/common/yaml.h>
#include <mst/probes/probe.h>

enum { PLACE_BYTES = 512, NAME_BYTES = 128 };

#define SAY(...) ((void)snprintf(reason, MST_SETTINGS_REASON_BYTES, __VA_ARGS__))

/* One step of a place: a name, or [n]. *at moves behind it. NULL: it leads nowhere. */
static const mst_yaml_node *
step(const mst_yaml_node *node, const char **at)
{
  char name[NAME_BYTES];
  char *end;

  if (**at == '[') {
    unsigned long index = strtoul(*at + 1, &end, 10);
    bool is_good = end != *at + 1 && *end == ']' && mst_yaml_node_kind(node) == MST_YAML_LIST && index < mst_yaml_node_count(node);
    *at = is_good ? end + 1 : *at;
    return is_good ? mst_yaml_node_at(node, index) : NULL;
  }
  *at += **at == '.';
  size_t length = strcspn(*at, ".[");
  if (length == 0 || length >= sizeof name)
    return NULL;
  memcpy(name, *at, length);
  name[length] = '\0';
  *at += length;
  return mst_yaml_node_get(node, name);
}

static const mst_yaml_node *
find(const mst_yaml_node *root, const char *place)
{
  const mst_yaml_node *node = root;

  while (node && *place)
    node = step(node, &place);
  return node;
}

/* In the unit: a duration where it is s or d, a size where it is By, otherwise a number, "40%" as 0.4. */
static bool
measure(const char *text, const char *unit, double *ret_number)
{
  char *end;
  int64_t whole = 0;

  *ret_number = strtod(text, &end);
  if (end != text && *end == '\0')
    return isfinite(*ret_number);
  if (end != text && strcmp(end, "%") == 0) {
    *ret_number /= 100;
    return isfinite(*ret_number);
  }
  bool is_days = strcmp(unit, "d") == 0;
  if ((is_days || strcmp(unit, "s") == 0) && mst_duration_parse(text, &whole, NULL) == MST_OK)
    *ret_number = (double)whole / 1e9 / (is_days ? 86400 : 1);
  else if (strcmp(unit, "By") == 0 && mst_size_parse(text, &whole, NULL) == MST_OK)
    *ret_number = (double)whole;
  else
    return false;
  return true;
}

static bool
read_one(const mst_yaml_node *root, const char *source, mst_setting *setting, char reason[static MST_SETTINGS_REASON_BYTES])
{
  char place[PLACE_BYTES];
  mst_errctx why = {0};

  *setting = (mst_setting){.unit = "1"};
  snprintf(place, sizeof place, "%s", source);
  if (mst_probe_unit_cut(place, &setting->unit, &why) != MST_OK) {
    SAY("%.150s", why.text);
    return false;
  }
  const mst_yaml_node *node = find(root, place);
  if (!node || mst_yaml_node_kind(node) != MST_YAML_SCALAR) {
    SAY("%.100s is not there%s", place, node ? " as one value" : "");
    return false;
  }
  const char *text = mst_yaml_node_text(node);
  if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0) {
    setting->state = text[0] == 't' ? "true" : "false";
    setting->number = text[0] == 't';
    setting->has_number = true;
    return true;
  }
  setting->has_number = measure(text, setting->unit, &setting->number);
  if (!setting->has_number)
    SAY("%.100s is neither true nor false, nor a figure of unit %s", place, setting->unit);
  return setting->has_number;
}

bool
mst_settings_read(const char *text, size_t size_bytes, const char *const *pairs, size_t count, mst_setting *ret_settings,
                  char reason[static MST_SETTINGS_REASON_BYTES])
{
  mst_diags diags;

  reason[0] = '\0';
  mst_diags_init(&diags);
  mst_yaml *yaml = mst_yaml_parse("file", text, size_bytes, &diags);
  const mst_yaml_node *root = yaml ? mst_yaml_root(yaml) : NULL;
  /* What it says besides is not told: a text of the file may stand in it. */
  if (!root || mst_yaml_node_is_flawed(root))
    SAY("it cannot be read as YAML or JSON (line %u); anchors, aliases and keys that stand twice are not understood",
        diags.count > 0 ? diags.list[0].line : 0);
  for (size_t i = 0; i + 1 < count && !reason[0]; i += 2)
    (void)read_one(root, pairs[i + 1], &ret_settings[i / 2], reason);
  mst_yaml_destroy(yaml);
  mst_diags_done(&diags);
  return reason[0] == '\0';
}
