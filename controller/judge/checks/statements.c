/* `statements:` — how many operator statements of a kind there were in the run. */
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <mst/common/alloc.h>

#include "judge/judge_state.h"

typedef struct statements_keys {
  char *kind;
  const mst_yaml_node *target, *critical;
} statements_keys;

static const mst_config_field fields[] = {
    {.key = "statements",
     .type = MST_CONFIG_STRING,
     .offset = offsetof(statements_keys, kind),
     .required = true,
     .min = 1,
     .max = MST_CHECKLIST_MAX_TEXT_BYTES,
     .help = "Kind of statement: intervention"},
    {.key = "target",
     .type = MST_CONFIG_NODE,
     .offset = offsetof(statements_keys, target),
     .required = true,
     .help = "What must hold of their number"},
    {.key = "critical", .type = MST_CONFIG_NODE, .offset = offsetof(statements_keys, critical), .help = "What must not be"},
};
static const mst_config_schema schema = {
    .name = "statements check",
    .struct_size_bytes = sizeof(statements_keys),
    .fields = fields,
    .field_count = sizeof fields / sizeof fields[0],
    .place_offset = MST_CONFIG_NO_PLACE,
};

static bool
compile_statements(const mst_yaml_node *node, mst_compile *compile, mst_check *check)
{
  statements_keys keys = {0};
  bool fine = mst_config_map(node, &schema, &keys, compile->diags);
  bool is_bounded = keys.target && mst_bounds_parse(keys.target, keys.critical, false, &check->bounds, compile->diags);

  if (is_bounded && (check->bounds.target.type != MST_TARGET_NUMBER || check->bounds.target.unit[0] != '\0')) {
    mst_yaml_complain(compile->diags, keys.target, "\"%s\": statements are counted; write for example \"== 0\"", check->bounds.target.text);
    fine = false;
  }
  check->statements.kind = keys.kind;
  keys.kind = NULL;
  mst_config_free(&schema, &keys);
  return fine && is_bounded;
}

static void
statements_done(mst_check *check)
{
  mst_free(check->statements.kind);
}

static void
evaluate_statements(const mst_evaluation *evaluation, const mst_check *check, mst_check_result *ret_result)
{
  const mst_judge *judge = evaluation->judge;
  mst_check_result result = {.has_number = true, .unit = ""};
  double count = 0;
  mst_grade grade;

  for (size_t i = 0; i < judge->statement_count; i++)
    count += strcmp(judge->statements[i].kind, check->statements.kind) == 0 && judge->statements[i].received_at.ns <= evaluation->freeze.ns;
  grade = mst_bounds_grade(&check->bounds, count);
  result.outcome = mst_outcome_of_grade(grade);
  result.number = count;
  /* Their number only grows. */
  result.settled_fail = grade == MST_GRADE_FAIL && mst_bounds_best(&check->bounds, count, INFINITY) == MST_GRADE_FAIL;
  snprintf(result.value, sizeof result.value, "%.0f", count);
  snprintf(result.reason, sizeof result.reason, "%.0f statements of kind %s%s", count, check->statements.kind,
           grade == MST_GRADE_PASS ? "" : ": past the bound");
  *ret_result = result;
}

const mst_check_kind mst_check_kind_statements = {
    .key = "statements",
    .class_letter = 'S',
    .compile = compile_statements,
    .done = statements_done,
    .evaluate = evaluate_statements,
};
