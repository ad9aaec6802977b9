#ifndef MST_JUDGE_VERDICT_STATE_H
#define MST_JUDGE_VERDICT_STATE_H

#include "judge_state.h"

/* Everything that an evaluation found. */
typedef struct mst_item_state {
  mst_check_result *checks;               /* as the item's checks */
  const mst_judge_statement *waiver, *na; /* those that count; copies in the verdict's pool */
  bool settled_fail;                      /* not passed, whatever may still come */
} mst_item_state;

typedef enum mst_sign_offs_state { MST_SIGN_OFFS_COMPLETE, MST_SIGN_OFFS_MISSING, MST_SIGN_OFFS_REJECTED } mst_sign_offs_state;

/* sign_off.c: the sign-offs over one digest, in the order of their receipt, until they decide. */
typedef struct mst_sign_offs {
  mst_sign_offs_state state;
  const mst_judge_statement *by_role[MST_CHECKLIST_MAX_ROLES]; /* as policy.sign_offs; NULL: missing */
  const mst_judge_statement *rejected;
} mst_sign_offs;
void mst_sign_offs_count(const mst_judge *judge, const mst_digest *digest, mst_wall deadline, mst_sign_offs *ret_sign_offs);

/* The rate of the non-critical items. */
typedef struct mst_rate {
  size_t counted, passed;
  size_t critical, critical_passed, critical_warned;
} mst_rate;

struct mst_verdict {
  const mst_judge *judge; /* only while it is being made */
  mst_pool pool;
  mst_item_result *items;
  mst_item_state *states;
  bool *settled; /* as states[].settled_fail */
  size_t item_count;
  mst_rate rate;
  mst_verdict_kind verdict, so_far;
  bool final;
  const char *reason; /* in the pool */
  mst_wall evaluated_at;
  mst_digest digest;
  mst_sign_offs sign_offs;
  char *json; /* owned */
};

/* outcome.c: judges one item; those that it stands on are judged already. False when memory is out. */
bool mst_item_evaluate(const mst_evaluation *evaluation, mst_verdict *verdict, size_t index);

/* result_json.c: the document that is signed, and the one around it. NULL when memory is out; free with mst_free. */
char *mst_result_json(const mst_verdict *verdict);
char *mst_verdict_json_write(const mst_verdict *verdict, const char *result);

/* verdict.c */
bool mst_item_is_follow_up(const mst_item *item);

#endif
