/* `rollup:` — the outcome of other items. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <mst/common/alloc.h>

#include "judge/judge_state.h"

typedef struct rollup_keys {
  mst_config_strings sources; /* resolved in rollups.c from the node */
  char *rule;
  const mst_yaml_node *critical;
} rollup_keys;

static const mst_config_field fields[] = {
    {.key = "rollup",
     .type = MST_CONFIG_STRING_LIST,
     .offset = offsetof(rollup_keys, sources),
     .required = true,
     .min = 1,
     .max = MST_CHECKLIST_MAX_ITEMS,
     .help = "Ids of items, or globs"},
    {.key = "rule",
     .type = MST_CONFIG_STRING,
     .offset = offsetof(rollup_keys, rule),
     .default_text = "all",
     .help = "all (the worst source), or \"rate > 95%\" (share of passed sources)"},
    {.key = "critical", .type = MST_CONFIG_NODE, .offset = offsetof(rollup_keys, critical), .help = "What the rate must not be"},
};
static const mst_config_schema schema = {
    .name = "roll-up check",
    .struct_size_bytes = sizeof(rollup_keys),
    .fields = fields,
    .field_count = sizeof fields / sizeof fields[0],
    .place_offset = MST_CONFIG_NO_PLACE,
};

static bool
read_rule(const mst_yaml_node *node, const rollup_keys *keys, mst_compile *compile, mst_check *check)
{
  const mst_yaml_node *rule = mst_yaml_node_get(node, "rule");

  if (strcmp(keys->rule, "all") == 0) {
    if (keys->critical)
      mst_yaml_complain(compile->diags, keys->critical, "`critical:` goes with a rate only; with `rule: all` the worst source counts");
    return !keys->critical;
  }
  if (strncmp(keys->rule, "rate ", 5) != 0) {
    mst_yaml_complain(compile->diags, rule, "\"%s\" is no rule; write \"all\" or for example \"rate > 95%%\"", keys->rule);
    return false;
  }
  check->rollup.by_rate = true;
  if (!mst_bounds_parse_text(rule, keys->rule + 5, keys->critical, &check->bounds, compile->diags))
    return false;
  if (check->bounds.target.type == MST_TARGET_NUMBER && strcmp(check->bounds.target.unit, "1") == 0)
    return true;
  mst_yaml_complain(compile->diags, rule, "\"%s\": a rate is a share; write for example \"rate > 95%%\"", keys->rule);
  return false;
}

static bool
compile_rollup(const mst_yaml_node *node, mst_compile *compile, mst_check *check)
{
  rollup_keys keys = {0};
  bool fine = mst_config_map(node, &schema, &keys, compile->diags);

  fine = keys.rule && read_rule(node, &keys, compile, check) && fine;

  mst_config_free(&schema, &keys);
  return fine;
}

static void
rollup_done(mst_check *check)
{
  mst_free(check->rollup.sources);
}

/* How the sources stand. NA ones are left out. */
typedef struct rollup_count {
  size_t all, passed, pending, no_data, settled;
  const mst_item_result *worst;
} rollup_count;

static void
count_sources(const mst_evaluation *evaluation, const mst_check_rollup *rollup, rollup_count *count)
{
  for (size_t i = 0; i < rollup->source_count; i++) {
    const mst_item_result *source = &evaluation->items[rollup->sources[i]];
    if (source->outcome == MST_NA)
      continue;
    count->all++;
    count->passed += source->outcome == MST_PASS || source->outcome == MST_WARN;
    count->pending += source->outcome == MST_PENDING;
    count->no_data += source->outcome == MST_NO_DATA;
    count->settled += evaluation->settled[rollup->sources[i]];
    if (!count->worst || mst_outcome_is_worse(source->outcome, count->worst->outcome))
      count->worst = source;
  }
}

static void
evaluate_all(const rollup_count *count, mst_check_result *result)
{
  /* A waived source has not passed. */
  result->outcome = count->worst->outcome == MST_WAIVED ? MST_FAIL : count->worst->outcome;
  result->settled_fail = count->settled > 0;
  if (result->outcome == MST_PASS)
    snprintf(result->reason, sizeof result->reason, "all %zu sources pass", count->all);
  else
    snprintf(result->reason, sizeof result->reason, "%s is %s", count->worst->id, mst_outcome_name(count->worst->outcome));
}

static void
evaluate_rate(const mst_check *check, const rollup_count *count, mst_check_result *result)
{
  double all = (double)count->all, hope = (double)(count->passed + count->pending),
         unknown = (double)(count->passed + count->pending + count->no_data);
  mst_grade grade = mst_bounds_grade(&check->bounds, (double)count->passed / all);

  result->number = (double)count->passed / all;
  result->has_number = true;
  result->unit = "1";
  result->outcome = mst_outcome_of_grade(grade);
  if (grade == MST_GRADE_FAIL && mst_bounds_best(&check->bounds, result->number, hope / all) != MST_GRADE_FAIL)
    result->outcome = MST_PENDING;
  else if (grade == MST_GRADE_FAIL && mst_bounds_best(&check->bounds, result->number, unknown / all) != MST_GRADE_FAIL)
    result->outcome = MST_NO_DATA;
  /* Sources may still be declared not applicable, but a settled one stays. */
  result->settled_fail =
      grade == MST_GRADE_FAIL && mst_bounds_best(&check->bounds, 0, (all - (double)count->settled) / all) == MST_GRADE_FAIL;
  snprintf(result->reason, sizeof result->reason, "%zu of %zu sources pass%s%s%s%s", count->passed, count->all,
           count->passed < count->all ? "; " : "", count->passed < count->all ? count->worst->id : "",
           count->passed < count->all ? " is " : "", count->passed < count->all ? mst_outcome_name(count->worst->outcome) : "");
}

static void
evaluate_rollup(const mst_evaluation *evaluation, const mst_check *check, mst_check_result *ret_result)
{
  mst_check_result result = {.outcome = MST_NO_DATA};
  rollup_count count = {0};

  count_sources(evaluation, &check->rollup, &count);
  if (count.all > 0)
    snprintf(result.value, sizeof result.value, "%zu/%zu", count.passed, count.all);
  if (count.all == 0)
    snprintf(result.reason, sizeof result.reason, "no source is applicable");
  else if (check->rollup.by_rate)
    evaluate_rate(check, &count, &result);
  else
    evaluate_all(&count, &result);
  *ret_result = result;
}

const mst_check_kind mst_check_kind_rollup = {
    .key = "rollup",
    .class_letter = 'R',
    .compile = compile_rollup,
    .done = rollup_done,
    .evaluate = evaluate_rollup,
};
