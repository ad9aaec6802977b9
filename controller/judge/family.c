/* Which family a statistic belongs to, by the kind of the series. */
#include "family.h"

#include <string.h>

static const mst_family *
point_or_counter(mst_signal_kind kind)
{
  if (kind == MST_SIGNAL_COUNTER)
    return &mst_family_counter;
  return kind == MST_SIGNAL_DISTRIBUTION ? &mst_family_point : NULL;
}

static const mst_family *
of_numbers(mst_stat stat, mst_signal_kind kind)
{
  switch (stat) {
  case MST_STAT_MIN:
  case MST_STAT_MAX:
  case MST_STAT_AVG:
    return kind == MST_SIGNAL_GAUGE || kind == MST_SIGNAL_DISTRIBUTION ? &mst_family_point : NULL;
  case MST_STAT_SUM:
    return kind == MST_SIGNAL_GAUGE ? &mst_family_point : point_or_counter(kind);
  case MST_STAT_COUNT:
    return kind == MST_SIGNAL_GAUGE || kind == MST_SIGNAL_STATE ? &mst_family_point : point_or_counter(kind);
  case MST_STAT_RATE:
  case MST_STAT_INCREASE:
    return point_or_counter(kind);
  case MST_STAT_QUANTILE:
    return kind == MST_SIGNAL_GAUGE || kind == MST_SIGNAL_DISTRIBUTION ? &mst_family_weight : NULL;
  case MST_STAT_RATIO:
    return kind == MST_SIGNAL_STATE ? NULL : &mst_family_ratio;
  case MST_STAT_CV:
  case MST_STAT_SLOPE:
    return kind == MST_SIGNAL_STATE ? NULL : &mst_family_trend;
  default:
    return NULL;
  }
}

const mst_family *
mst_family_for(const mst_check_measure *measure, bool text, mst_signal_kind kind)
{
  bool state = kind == MST_SIGNAL_STATE;

  if (kind == MST_SIGNAL_EVENT)
    return NULL;
  switch (measure->stat) {
  case MST_STAT_LAST:
    return text == state && kind != MST_SIGNAL_DISTRIBUTION ? &mst_family_last : NULL;
  case MST_STAT_PRESENT:
    return &mst_family_last;
  case MST_STAT_SHARE:
  case MST_STAT_TIME_IN_STATE:
    /* The state that counts must be told in the same terms. */
    if (kind != MST_SIGNAL_GAUGE && !state)
      return NULL;
    return state == (measure->state.type == MST_TARGET_TEXT) ? &mst_family_weight : NULL;
  case MST_STAT_CHANGES:
    return kind == MST_SIGNAL_DISTRIBUTION ? NULL : &mst_family_change;
  default:
    return of_numbers(measure->stat, kind);
  }
}

bool
mst_series_is_share(const mst_series *series)
{
  static const char *const endings[] = {".utilization", ".ratio", ".share", ".success"};

  if (!mst_text_equal(series->unit, "1"))
    return false;
  for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
    size_t length = strlen(endings[i]);
    if (series->name.size_bytes > length && memcmp(series->name.data + series->name.size_bytes - length, endings[i], length) == 0)
      return true;
  }
  return false;
}
