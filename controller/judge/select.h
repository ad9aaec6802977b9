#ifndef MST_JUDGE_SELECT_H
#define MST_JUDGE_SELECT_H

#include <stdbool.h>

#include <mst/common/diag.h>
#include <mst/common/yaml.h>
#include <mst/proto/report.h>

/* Label selectors: `{state: [user, system], device: "!lo", mode: "eth*"}`. Every key must fit. A key fits when the label's value ("" when
 * there is none) matches one of the listed patterns and none of the negated ones. */
enum { MST_SELECT_MAX_KEYS = 16, MST_SELECT_MAX_PATTERNS = 256 };

typedef struct mst_pattern {
  char *text; /* owned; without the leading "!" */
  bool negated;
} mst_pattern;

typedef struct mst_select_key {
  char *key; /* owned */
  mst_pattern *patterns;
  size_t count;
  bool has_positive;
} mst_select_key;

typedef struct mst_select {
  mst_select_key *keys;
  size_t count;
} mst_select;

/* node NULL: matches everything. False with diags filled. Free with mst_select_done whatever the result. */
bool mst_select_parse(const mst_yaml_node *node, mst_select *ret_select, mst_diags *diags);
void mst_select_done(mst_select *select);
bool mst_select_match(const mst_select *select, const mst_label *labels, size_t label_count);

#endif
