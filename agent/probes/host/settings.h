#ifndef MST_PROBES_HOST_SETTINGS_H
#define MST_PROBES_HOST_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

/* Values in a YAML or JSON file of somebody else. Of its texts none is told: only numbers, durations and sizes as figures, and true and
 * false. Pure: any thread. */
typedef struct mst_setting {
  bool has_number;
  double number;
  const char *unit;  /* of mst_probe_units */
  const char *state; /* "true", "false", or NULL. Static */
} mst_setting;

enum { MST_SETTINGS_REASON_BYTES = 200 };

/* pairs: field, place, ... (count of both): a place is names with dots, [0] for one of a list, and perhaps " as UNIT":
 * "llm.cost_limits.daily_max", "observability.logging.rotation.days as d". ret_settings: count / 2 of them. False: reason says what is
 * wrong; those before it are filled in. */
bool mst_settings_read(const char *text, size_t size_bytes, const char *const *pairs, size_t count, mst_setting *ret_settings,
                       char reason[static MST_SETTINGS_REASON_BYTES]);

#endif
