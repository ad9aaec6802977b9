#ifndef MST_JUDGE_STATE_H
#define MST_JUDGE_STATE_H

/* The judge's own state, and what an evaluation hands to the check kinds. */
#include "pool.h"
#include "cell.h"
#include "kind.h"
#include "why.h"

/* What a measure keeps of one host. */
typedef struct mst_slot {
  mst_cell **cells; /* by labels; of a ratio: one */
  uint32_t count;
  bool crowded; /* there were more series than can be kept */
} mst_slot;

/* One measure check on this roster. */
typedef struct mst_plan_entry {
  const mst_check *check;
  uint32_t *hosts; /* roster indices, ascending */
  mst_slot *slots; /* as hosts */
  uint32_t host_count;
} mst_plan_entry;

typedef struct mst_judge_host {
  char *agent_id, *hostname;
  mst_host_state state;
  mst_wall last_received_at;
  int64_t interval_ns;
  mst_streaks windows; /* in which it reported anything */
  uint32_t *defined;   /* by series number: window from which it is expected; UINT32_MAX: not defined */
  uint32_t defined_count;
  mst_cell **cells; /* of all checks; owned by their slots */
  uint32_t cell_count, cell_capacity;
} mst_judge_host;

/* A signal name that a check reads. */
typedef struct mst_interest {
  const char *signal;
  uint32_t plan;
  bool whole; /* as the denominator of a ratio */
} mst_interest;

struct mst_judge {
  const mst_checklist *list;
  const mst_series_table *series;
  char *run_id;
  mst_grid grid;
  int64_t grace_ns;
  mst_wall ended_at; /* 0: not ended early */
  mst_judge_host *hosts;
  uint32_t host_count;
  mst_plan_entry *plans;
  uint32_t plan_count;
  uint32_t *plan_of_check; /* by check number; UINT32_MAX: no measure */
  mst_interest *interests; /* by signal name */
  uint32_t interest_count;
  const mst_window_row **rows; /* scratch: by series number */
  uint32_t row_count;
  mst_judge_statement *statements; /* by time of receipt, then id */
  size_t statement_count;
  mst_pool statement_texts;
  mst_judge_evidence *evidence; /* by kind, name, time made, digest */
  size_t evidence_count;
  mst_pool evidence_texts;
};

enum { MST_RESULT_VALUE_BYTES = 96, MST_RESULT_REASON_BYTES = 512, MST_RESULT_NAME_BYTES = 128 };

typedef struct mst_check_result {
  mst_outcome outcome;
  bool settled_fail; /* FAIL whatever may still come */
  bool no_memory;    /* the evaluation as a whole fails */
  bool has_number;
  double number;
  const char *unit; /* static */
  char value[MST_RESULT_VALUE_BYTES], reason[MST_RESULT_REASON_BYTES];
  char host[MST_RESULT_NAME_BYTES], series[MST_RESULT_NAME_BYTES]; /* that decided; "" */
  uint32_t missing, expected;                                      /* windows, of that series */
  uint32_t host_count;
} mst_check_result;

/* One evaluation. Times are cut at the freeze, so that nothing that comes later changes the result. */
typedef struct mst_evaluation {
  const mst_judge *judge;
  mst_wall now;                 /* not after the freeze */
  mst_wall freeze;              /* inputs count until then */
  mst_wall end;                 /* of the period */
  uint32_t over;                /* windows that are over */
  bool final;                   /* the freeze is behind us */
  const mst_item_result *items; /* those judged so far, for roll-ups */
  const bool *settled;          /* by item: FAIL whatever may still come */
  size_t current;               /* the item that is being judged */
} mst_evaluation;

/* measure_judge.c */
void mst_measure_evaluate(const mst_evaluation *evaluation, const mst_check *check, mst_check_result *ret_result);
/* statements.c: the newest statement of a kind on an item, by one of the roles, that counts now; NULL when there is none. ret_refused:
 * there was one by another role. */
const mst_judge_statement *mst_statement_find(const mst_evaluation *evaluation, const char *kind, const char *subject,
                                              const mst_config_strings *roles, bool *ret_refused);
/* evidence.c: the newest document of the kind that fits the name and counts now; NULL when there is none. */
const mst_judge_evidence *mst_evidence_find(const mst_evaluation *evaluation, const char *kind, const char *name);
const mst_evidence_field *mst_evidence_field_find(const mst_judge_evidence *document, const char *name);

/* format.c */
const char *mst_value_format(double value, const char *unit, char *buf, size_t size_bytes);
const char *mst_bounds_format(const mst_bounds *bounds, char *buf, size_t size_bytes);
/* "4m", "2d3h" for a number of windows. */
const char *mst_windows_format(uint32_t windows, int64_t window_ns, char buf[static MST_TIME_TEXT_BYTES]);

/* outcome.c */
mst_outcome mst_outcome_of_grade(mst_grade grade);
/* Whether a is the worse of two; PASS is best, then WARN, NA aside, PENDING, NO_DATA, WAIVED, FAIL. */
bool mst_outcome_is_worse(mst_outcome a, mst_outcome b);

#endif
