#ifndef MST_JUDGE_WHY_H
#define MST_JUDGE_WHY_H

/* Why an outcome is what it is; the texts are in reason.c. */
typedef enum mst_why {
  MST_WHY_HOLDS,
  MST_WHY_BOUND,   /* past the target or the critical bound */
  MST_WHY_MISSING, /* what is missing could change it */
  MST_WHY_COVERAGE,
  MST_WHY_GAP,
  MST_WHY_NO_SERIES,
  MST_WHY_NO_VALUE, /* windows, but nothing in them */
  MST_WHY_SILENT,
  MST_WHY_REVOKED,
  MST_WHY_RELABELLED,
  MST_WHY_KIND,  /* the statistic does not go with such series */
  MST_WHY_UNIT,  /* the target is in another unit */
  MST_WHY_CROWD, /* more series than can be kept */
  MST_WHY_NOT_BEGUN,
  MST_WHY_BUCKETS,
  MST_WHY_BASELINE,
  MST_WHY_NO_HOSTS,
  MST_WHY_FEW_HOSTS,
  MST_WHY_FEW_SERIES,
  MST_WHY_MEMORY, /* none was left: the evaluation fails */
} mst_why;

#endif
