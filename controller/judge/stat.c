/* The statistics' names and properties. */
#include "stat.h"

#include <string.h>

static const struct {
  const char *name;
  bool interval, momentary, weighs;
} stats[] = {
    [MST_STAT_LAST] = {"last", true, true, false},
    [MST_STAT_MIN] = {"min", true, false, false},
    [MST_STAT_MAX] = {"max", true, false, false},
    [MST_STAT_AVG] = {"avg", true, false, false},
    [MST_STAT_SUM] = {"sum", true, false, false},
    [MST_STAT_RATE] = {"rate", true, false, false},
    [MST_STAT_INCREASE] = {"increase", true, false, false},
    [MST_STAT_QUANTILE] = {"p95", false, false, true},
    [MST_STAT_RATIO] = {"ratio", true, false, true},
    [MST_STAT_SHARE] = {"share", true, false, true},
    [MST_STAT_TIME_IN_STATE] = {"time_in_state", true, false, true},
    [MST_STAT_CV] = {"cv", true, false, false},
    [MST_STAT_SLOPE] = {"slope", false, false, false},
    [MST_STAT_COUNT] = {"count", true, false, false},
    [MST_STAT_PRESENT] = {"present", true, true, false},
    [MST_STAT_CHANGES] = {"changes", true, false, false},
};
enum { STAT_COUNT = sizeof stats / sizeof stats[0] };

/* "95", "99.9", "99.99" to thousandths of a percent. */
static bool
read_quantile(const char *text, uint32_t *ret_quantile)
{
  uint32_t whole = 0, digits = 0, fraction = 0, scale = 1000;

  for (; *text >= '0' && *text <= '9' && digits < 3; text++, digits++)
    whole = whole * 10 + (uint32_t)(*text - '0');
  if (digits == 0)
    return false;
  if (*text == '.') {
    text++;
    if (*text == '\0')
      return false;
    for (; *text >= '0' && *text <= '9' && scale > 1; text++) {
      scale /= 10;
      fraction += scale * (uint32_t)(*text - '0');
    }
  }
  whole = whole * 1000 + fraction;
  if (*text != '\0' || whole == 0 || whole >= MST_QUANTILE_WHOLE)
    return false;
  *ret_quantile = whole;
  return true;
}

bool
mst_stat_parse(const char *text, mst_stat *ret_stat, uint32_t *ret_quantile)
{
  if (text[0] == 'p' && read_quantile(text + 1, ret_quantile)) {
    *ret_stat = MST_STAT_QUANTILE;
    return true;
  }
  for (size_t i = 0; i < STAT_COUNT; i++) {
    if (i != MST_STAT_QUANTILE && strcmp(text, stats[i].name) == 0) {
      *ret_stat = (mst_stat)i;
      *ret_quantile = 0;
      return true;
    }
  }
  return false;
}

const char *
mst_stat_name(mst_stat stat)
{
  return stats[stat].name;
}

const char *
mst_stat_names(void)
{
  return "last min max avg sum rate increase p50 p95 p99.9 ratio share time_in_state cv slope count present changes";
}

bool
mst_stat_has_interval(mst_stat stat)
{
  return stats[stat].interval;
}

bool
mst_stat_is_momentary(mst_stat stat)
{
  return stats[stat].momentary;
}

bool
mst_stat_weighs_windows(mst_stat stat)
{
  return stats[stat].weighs;
}

/* "{operation}" counts things: no unit that a target could be in. */
static const char *
plain_unit(mst_text unit)
{
  static const char *const known[] = {"1", "s", "By", "By/s", "1/s"};

  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
    if (mst_text_equal(unit, known[i]))
      return known[i];
  return unit.size_bytes == 0 || unit.data[0] == '{' ? "" : NULL;
}

const char *
mst_stat_unit(mst_stat stat, mst_text series_unit)
{
  const char *unit = plain_unit(series_unit);

  switch (stat) {
  case MST_STAT_SHARE:
  case MST_STAT_CV:
    return "1";
  case MST_STAT_TIME_IN_STATE:
    return "s";
  case MST_STAT_COUNT:
  case MST_STAT_PRESENT:
  case MST_STAT_CHANGES:
    return "";
  case MST_STAT_RATIO:
  case MST_STAT_SLOPE:
    return NULL;
  case MST_STAT_RATE:
    if (!unit)
      return NULL;
    if (strcmp(unit, "By") == 0)
      return "By/s";
    return unit[0] == '\0' ? "1/s" : NULL;
  default:
    return unit;
  }
}
