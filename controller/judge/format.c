/* Numbers and bounds for people. No figure that is shown is decided on. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "judge_state.h"

typedef struct scale {
  double from, by;
  const char *unit;
} scale;

static const char *
with_scale(double value, const scale *scales, size_t count, char *buf, size_t size_bytes)
{
  size_t at = 0;

  while (at + 1 < count && fabs(value) < scales[at].from)
    at++;
  snprintf(buf, size_bytes, "%.4g%s", value / scales[at].by, scales[at].unit);
  return buf;
}

const char *
mst_value_format(double value, const char *unit, char *buf, size_t size_bytes)
{
  static const scale seconds[] = {{172800, 86400, " d"}, {7200, 3600, " h"}, {1, 1, " s"}, {1e-3, 1e-3, " ms"}, {0, 1e-6, " us"}};
  static const scale bytes[] = {{1e12, 1e12, " TB"}, {1e9, 1e9, " GB"}, {1e6, 1e6, " MB"}, {1e3, 1e3, " kB"}, {0, 1, " B"}};
  static const scale byte_rates[] = {{1e9, 1e9, " GB/s"}, {1e6, 1e6, " MB/s"}, {1e3, 1e3, " kB/s"}, {0, 1, " B/s"}};
  static const scale rates[] = {{1, 1, "/s"}, {1.0 / 60, 1.0 / 60, "/min"}, {0, 1.0 / 3600, "/h"}};

  if (value == 0)
    value = 0; /* no "-0" */
  if (!isfinite(value))
    snprintf(buf, size_bytes, isnan(value) ? "none" : value > 0 ? "unbounded" : "-unbounded");
  else if (!unit)
    snprintf(buf, size_bytes, "%.4g", value);
  else if (strcmp(unit, "1") == 0)
    snprintf(buf, size_bytes, "%.4g %%", 100 * value);
  else if (strcmp(unit, "1/h") == 0)
    snprintf(buf, size_bytes, "%.3g %%/h", 100 * value);
  else if (strcmp(unit, "s") == 0 && value != 0)
    with_scale(value, seconds, sizeof seconds / sizeof seconds[0], buf, size_bytes);
  else if (strcmp(unit, "By") == 0)
    with_scale(value, bytes, sizeof bytes / sizeof bytes[0], buf, size_bytes);
  else if (strcmp(unit, "By/s") == 0)
    with_scale(value, byte_rates, sizeof byte_rates / sizeof byte_rates[0], buf, size_bytes);
  else if (strcmp(unit, "1/s") == 0 && value == 0)
    snprintf(buf, size_bytes, "0/s"); /* and not 0/h */
  else if (strcmp(unit, "1/s") == 0)
    with_scale(value, rates, sizeof rates / sizeof rates[0], buf, size_bytes);
  else if (unit[0] == '/')
    snprintf(buf, size_bytes, "%.4g%s", value, unit);
  else
    snprintf(buf, size_bytes, value == floor(value) || fabs(value) >= 1000 ? "%.10g%s%s" : "%.4g%s%s", value, unit[0] ? " " : "", unit);
  return buf;
}

const char *
mst_bounds_format(const mst_bounds *bounds, char *buf, size_t size_bytes)
{
  if (bounds->target.type == MST_TARGET_NONE)
    snprintf(buf, size_bytes, "%s", "");
  else if (bounds->critical.type == MST_TARGET_NONE)
    snprintf(buf, size_bytes, "%s", bounds->target.text);
  else
    snprintf(buf, size_bytes, "%s (critical %s)", bounds->target.text, bounds->critical.text);
  return buf;
}

const char *
mst_windows_format(uint32_t windows, int64_t window_ns, char buf[static MST_TIME_TEXT_BYTES])
{
  return mst_duration_format_short((int64_t)windows * window_ns, buf);
}
