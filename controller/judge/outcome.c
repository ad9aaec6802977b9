/* From the results of an item's checks, and the statements on it, to its outcome. */
#include <stdio.h>
#include <string.h>

#include "verdict_state.h"

enum { BOUND_BYTES = 256 };

const char *
mst_outcome_name(mst_outcome outcome)
{
  static const char *const names[] = {
      [MST_PASS] = "PASS",     [MST_WARN] = "WARN", [MST_FAIL] = "FAIL",       [MST_NO_DATA] = "NO_DATA",
      [MST_WAIVED] = "WAIVED", [MST_NA] = "NA",     [MST_PENDING] = "PENDING",
  };

  return names[outcome];
}

static const mst_judge_statement *
keep_statement(mst_verdict *verdict, const mst_judge_statement *statement)
{
  mst_judge_statement *copy = mst_pool_alloc(&verdict->pool, sizeof *copy);

  if (!copy)
    return NULL;
  *copy = *statement;
  copy->kind = copy->subject = copy->detail = "";
  copy->operator_name = mst_pool_strdup(&verdict->pool, statement->operator_name);
  copy->role = mst_pool_strdup(&verdict->pool, statement->role);
  copy->reason = mst_pool_strdup(&verdict->pool, statement->reason);
  return copy->operator_name && copy->role && copy->reason ? copy : NULL;
}

static const mst_config_strings *
roles_or_sign_offs(const mst_config_strings *roles, const mst_policy *policy)
{
  return roles->count > 0 ? roles : &policy->sign_offs;
}

/* Why a waiver cannot count on this item; NULL when it can. */
static const char *
waiver_refusal(const mst_item *item, const mst_judge_statement *waiver)
{
  if (item->critical)
    return "a critical item cannot be waived";
  if (item->feeds_critical)
    return "what a critical roll-up stands on cannot be waived";
  if (waiver->reason[0] == '\0')
    return "a waiver needs a reason";
  if (waiver->expires_at.ns == 0)
    return "a waiver needs an expiry";
  return NULL;
}

static bool
apply_na(const mst_evaluation *evaluation, mst_verdict *verdict, size_t index, const char **note)
{
  const mst_item *item = &evaluation->judge->list->items[index];
  const mst_policy *policy = &evaluation->judge->list->file.policy;
  bool refused;
  const mst_judge_statement *na = mst_statement_find(evaluation, "na", item->id, roles_or_sign_offs(&policy->na_roles, policy), &refused);

  if (!na && refused)
    *note = "the statement that it is not applicable is by another role";
  if (na && item->na != MST_NA_ALLOWED)
    *note = "it cannot be declared not applicable";
  if (!na || item->na != MST_NA_ALLOWED)
    return true;
  verdict->states[index].na = keep_statement(verdict, na);
  verdict->items[index].outcome = MST_NA;
  return verdict->states[index].na != NULL;
}

static bool
apply_waiver(const mst_evaluation *evaluation, mst_verdict *verdict, size_t index, const char **note)
{
  const mst_item *item = &evaluation->judge->list->items[index];
  const mst_policy *policy = &evaluation->judge->list->file.policy;
  bool refused;
  const mst_judge_statement *waiver =
      mst_statement_find(evaluation, "waive", item->id, roles_or_sign_offs(&policy->waive_roles, policy), &refused);

  if (!waiver && refused)
    *note = "the waiver is by another role";
  if (!waiver)
    return true;
  *note = waiver_refusal(item, waiver);
  if (*note)
    return true;
  verdict->states[index].waiver = keep_statement(verdict, waiver);
  verdict->items[index].outcome = MST_WAIVED;
  return verdict->states[index].waiver != NULL;
}

/* The check that decides: the first of the worst. */
static size_t
deciding(const mst_item *item, const mst_check_result *results)
{
  size_t worst = 0;

  for (size_t i = 1; i < item->check_count; i++)
    if (mst_outcome_is_worse(results[i].outcome, results[worst].outcome))
      worst = i;
  return worst;
}

static bool
describe(mst_verdict *verdict, const mst_item *item, size_t index, size_t worst, const char *note)
{
  mst_item_result *result = &verdict->items[index];
  const mst_item_state *state = &verdict->states[index];
  const mst_check_result *check = &state->checks[worst];
  bool passed = result->outcome == MST_PASS || result->outcome == MST_NA, helped = item->remedy && !passed;
  char bound[BOUND_BYTES], reason[2 * MST_RESULT_REASON_BYTES];

  mst_bounds_format(&item->checks[worst].bounds, bound, sizeof bound);
  if (state->na)
    snprintf(reason, sizeof reason, "not applicable, says %s as %s: %s", state->na->operator_name, state->na->role, state->na->reason);
  else if (state->waiver)
    snprintf(reason, sizeof reason, "waived by %s as %s: %s (%s)", state->waiver->operator_name, state->waiver->role, state->waiver->reason,
             check->reason);
  else
    snprintf(reason, sizeof reason, "%s%s%s%s%s", check->reason, note ? "; " : "", note ? note : "", helped ? "; " : "",
             helped ? item->remedy : "");
  result->value = mst_pool_strdup(&verdict->pool, check->value);
  result->bound = mst_pool_strdup(&verdict->pool, bound);
  result->reason = mst_pool_strdup(&verdict->pool, reason);
  return result->value && result->bound && result->reason;
}

bool
mst_item_evaluate(const mst_evaluation *evaluation, mst_verdict *verdict, size_t index)
{
  const mst_item *item = &evaluation->judge->list->items[index];
  mst_item_state *state = &verdict->states[index];
  mst_item_result *result = &verdict->items[index];
  bool follow_up = mst_item_is_follow_up(item), fine = true;
  const char *note = NULL;

  state->checks = mst_pool_alloc(&verdict->pool, item->check_count * sizeof *state->checks);
  if (!state->checks)
    return false;
  for (size_t i = 0; i < item->check_count; i++) {
    item->checks[i].kind->evaluate(evaluation, &item->checks[i], &state->checks[i]);
    state->settled_fail = state->settled_fail || state->checks[i].settled_fail;
    fine = fine && !state->checks[i].no_memory;
  }
  size_t worst = deciding(item, state->checks);
  result->outcome = state->checks[worst].outcome;
  if (!follow_up && fine) {
    fine = apply_na(evaluation, verdict, index, &note);
    if (fine && result->outcome != MST_NA && result->outcome != MST_PASS && result->outcome != MST_WARN)
      fine = apply_waiver(evaluation, verdict, index, &note);
  }
  /* It could still be declared not applicable, if that is allowed. */
  state->settled_fail = state->settled_fail && item->na != MST_NA_ALLOWED;
  verdict->settled[index] = state->settled_fail;
  result->counted = !follow_up && !item->critical && result->outcome != MST_NA;
  return fine && describe(verdict, item, index, worst, note);
}
