#ifndef MST_JUDGE_STAT_H
#define MST_JUDGE_STAT_H

#include <stdbool.h>
#include <stdint.h>

#include <mst/proto/report.h>

typedef enum mst_stat {
  MST_STAT_LAST,
  MST_STAT_MIN,
  MST_STAT_MAX,
  MST_STAT_AVG,
  MST_STAT_SUM,
  MST_STAT_RATE,
  MST_STAT_INCREASE,
  MST_STAT_QUANTILE,
  MST_STAT_RATIO,
  MST_STAT_SHARE,
  MST_STAT_TIME_IN_STATE,
  MST_STAT_CV,
  MST_STAT_SLOPE,
  MST_STAT_COUNT,
  MST_STAT_PRESENT,
  MST_STAT_CHANGES,
} mst_stat;

/* Quantiles are in thousandths of a percent, so that p99.9 is exact: 99900. */
enum { MST_QUANTILE_WHOLE = 100000 };

/* "p95", "p99.9", "last"... False when there is no such statistic. */
bool mst_stat_parse(const char *text, mst_stat *ret_stat, uint32_t *ret_quantile);
const char *mst_stat_name(mst_stat stat);
const char *mst_stat_names(void);
/* An interval of possible values can be given (so that series and hosts can be added up), not just an outcome. */
bool mst_stat_has_interval(mst_stat stat);
/* Its value comes from the end of the span, so that older gaps do not matter. */
bool mst_stat_is_momentary(mst_stat stat);
/* Missing windows count as violating by themselves: coverage and gaps are asked for only where the check says so. */
bool mst_stat_weighs_windows(mst_stat stat);
/* The unit of the value, from the unit of the series: "1", "s", "By", "By/s", "1/s", "" (a count), or NULL when any goes. */
const char *mst_stat_unit(mst_stat stat, mst_text series_unit);

#endif
