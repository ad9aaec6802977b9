#ifndef MST_JUDGE_KIND_H
#define MST_JUDGE_KIND_H

#include "checklist.h"

struct mst_check_result;
struct mst_evaluation;

/* One kind of check: one file in checks/ that ends in such a descriptor, one line in the table of kinds.c. */
typedef struct mst_check_kind {
  const char *key;                                                                    /* the key that tells the kind: "signal" */
  char class_letter;                                                                  /* the class that asks for such a check; 0: none */
  bool (*compile)(const mst_yaml_node *node, mst_compile *compile, mst_check *check); /* false with diags filled */
  void (*done)(mst_check *check);
  /* Sets ret_result; the evaluation is the judge's state and time. */
  void (*evaluate)(const struct mst_evaluation *evaluation, const mst_check *check, struct mst_check_result *ret_result);
} mst_check_kind;

enum { MST_CHECK_KINDS = 6 };
extern const mst_check_kind *const mst_check_kinds[MST_CHECK_KINDS];

extern const mst_check_kind mst_check_kind_measure;
extern const mst_check_kind mst_check_kind_evidence;
extern const mst_check_kind mst_check_kind_attest;
extern const mst_check_kind mst_check_kind_rollup;
extern const mst_check_kind mst_check_kind_statements;
extern const mst_check_kind mst_check_kind_follow_up;

/* The kind that this map is of; NULL with diags filled when it has none or several of the telling keys. */
const mst_check_kind *mst_check_kind_of(const mst_yaml_node *node, mst_diags *diags);

#endif
