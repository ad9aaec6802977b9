#ifndef MST_JUDGE_JUDGED_H
#define MST_JUDGE_JUDGED_H

#include "judge_state.h"

/* What was found of one series, of one host, or of all hosts. */
typedef struct mst_judged {
  mst_outcome outcome;
  mst_grade ever; /* the best that may still come of it */
  mst_why why;
  bool sound; /* nothing but the value speaks against it: a sum of these can be graded */
  mst_estimate estimate;
  mst_view view;
  const mst_cell *cell;  /* NULL: not of one series */
  const mst_series *kin; /* one of its series, for the unit; NULL when there is none */
  uint32_t host;         /* roster index; UINT32_MAX: not of one host */
} mst_judged;

/* What a measure check is judged with. */
typedef struct mst_measure_context {
  const mst_evaluation *evaluation;
  const mst_check *check;
  const char *attested; /* document hash of the item's attestation; NULL */
  bool has_baseline;    /* and it is usable */
  double baseline;
} mst_measure_context;

/* Grades an estimate: PASS or WARN where it would be so whatever is missing, FAIL where it would be so, else NO_DATA. */
void mst_grade_estimate(const mst_measure_context *context, mst_judged *judged);
/* The outcome of several by their rule; `least`: how many of them must hold (all of them for each, one for any). count > 0. Gives the one
 * of the list that decides, with what may still come of all of them. */
mst_judged *mst_judged_kth(mst_judged *list, uint32_t count, uint32_t least);
/* The sum, mean, least or greatest of several intervals, in the first of the list; or the one of which there is no value to add. */
mst_judged *mst_judged_total(const mst_measure_context *context, mst_combine combine, mst_judged *list, uint32_t count);

/* reason.c: the texts of a result. */
void mst_measure_explain(const mst_measure_context *context, const mst_judged *judged, uint32_t hosts, mst_check_result *ret_result);

#endif
