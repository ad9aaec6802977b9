/* Evaluating a `signal:` check: each series, then each host, then all hosts. */
#include <math.h>
#include <string.h>

#include <mst/common/alloc.h>

#include "judged.h"

/* A host is silent when nothing came for so many of its intervals. */
enum { SILENT_INTERVALS = 3 };

static void
set_without_value(mst_judged *judged, mst_outcome outcome, mst_why why, uint32_t host)
{
  *judged = (mst_judged){.outcome = outcome, .why = why, .ever = MST_GRADE_PASS, .host = host};
}

static bool
is_covered(const mst_check_measure *measure, const mst_view *view, int64_t window_ns, mst_why *ret_why)
{
  uint64_t asked = (uint64_t)llround(measure->coverage * 1e6), present = view->expected - view->missing;

  if (!measure->needs_coverage)
    return true;
  if (present * 1000000 < asked * view->expected) {
    *ret_why = MST_WHY_COVERAGE;
    return false;
  }
  if ((int64_t)view->gap * window_ns > measure->max_gap_ns) {
    *ret_why = MST_WHY_GAP;
    return false;
  }
  return true;
}

/* One series. grade: it is to have an outcome of its own, and not to be added up first. */
static void
judge_cell(const mst_measure_context *context, const mst_judge_host *host, uint32_t index, const mst_cell *cell, bool grade,
           mst_judged *judged)
{
  const mst_evaluation *evaluation = context->evaluation;

  set_without_value(judged, MST_NO_DATA, MST_WHY_NO_VALUE, index);
  judged->cell = cell;
  judged->kin = cell->lineages[0].series;
  mst_cell_view(cell, &host->windows, evaluation->over, evaluation->final, &judged->view);
  if (judged->view.to <= judged->view.from) {
    judged->outcome = MST_PENDING;
    judged->why = MST_WHY_NOT_BEGUN;
    return;
  }
  mst_cell_estimate(cell, &host->windows, &judged->view, &judged->estimate);
  if (!judged->estimate.known) {
    judged->why = (mst_why)judged->estimate.why;
    return;
  }
  mst_why why = MST_WHY_HOLDS;
  judged->sound = is_covered(&context->check->measure, &judged->view, cell->window_ns, &why);
  if (grade)
    mst_grade_estimate(context, judged);
  if (!judged->sound && (!grade || judged->outcome != MST_FAIL)) {
    judged->outcome = MST_NO_DATA;
    judged->why = why;
  }
}

static uint32_t
series_count(const mst_slot *slot)
{
  uint32_t count = 0;

  for (uint32_t i = 0; i < slot->count; i++)
    count += slot->cells[i]->lineage_count;
  return count;
}

/* A ratio needs something on both sides. */
static bool
has_both_sides(const mst_cell *cell)
{
  bool part = false, whole = false;

  for (uint32_t i = 0; i < cell->lineage_count; i++) {
    part = part || !cell->lineages[i].whole;
    whole = whole || cell->lineages[i].whole;
  }
  return part && whole;
}

static bool
has_series(const mst_check_measure *measure, const mst_slot *slot)
{
  return slot->count > 0 && (measure->stat != MST_STAT_RATIO || has_both_sides(slot->cells[0]));
}

static bool
is_silent(const mst_evaluation *evaluation, const mst_judge_host *host)
{
  int64_t interval = host->interval_ns > 0 ? host->interval_ns : evaluation->judge->grid.window_ns;
  int64_t last = host->last_received_at.ns;

  if (evaluation->now.ns >= evaluation->end.ns)
    return false;
  if (last < evaluation->judge->grid.start.ns)
    last = evaluation->judge->grid.start.ns;
  return (evaluation->now.ns - last) / SILENT_INTERVALS > interval;
}

/* The series of one host, as its check combines them, into *ret. scratch has room for them. */
static void
judge_series(const mst_measure_context *context, const mst_judge_host *host, uint32_t index, const mst_slot *slot, mst_judged *scratch,
             mst_judged *ret)
{
  const mst_check_measure *measure = &context->check->measure;
  bool total = measure->series >= MST_COMBINE_SUM, later = measure->combine >= MST_COMBINE_SUM;
  mst_judged *list = slot->count == 1 ? ret : scratch, *judged; /* most hosts have one, which needs no copy */

  for (uint32_t i = 0; i < slot->count; i++)
    judge_cell(context, host, index, slot->cells[i], !total && !later, &list[i]);
  if (total) {
    judged = mst_judged_total(context, measure->series, list, slot->count);
    if (judged->sound && !later)
      mst_grade_estimate(context, judged);
  } else {
    judged = mst_judged_kth(list, slot->count, measure->series == MST_COMBINE_ANY ? 1 : slot->count);
  }
  if (judged != ret)
    *ret = *judged;
}

static void
judge_host(const mst_measure_context *context, uint32_t index, const mst_slot *slot, mst_judged *scratch, mst_judged *ret)
{
  const mst_judge_host *host = &context->evaluation->judge->hosts[index];
  bool silent = is_silent(context->evaluation, host);

  if (host->state != MST_HOST_OK) {
    set_without_value(ret, MST_NO_DATA, host->state == MST_HOST_REVOKED ? MST_WHY_REVOKED : MST_WHY_RELABELLED, index);
  } else if (slot->crowded) {
    set_without_value(ret, MST_NO_DATA, MST_WHY_CROWD, index);
  } else if (!has_series(&context->check->measure, slot)) {
    set_without_value(ret, MST_NO_DATA, silent ? MST_WHY_SILENT : MST_WHY_NO_SERIES, index);
  } else {
    judge_series(context, host, index, slot, scratch, ret);
    if (silent && ret->outcome != MST_FAIL) {
      ret->outcome = MST_NO_DATA;
      ret->why = MST_WHY_SILENT;
      ret->sound = false;
    }
  }
}

static uint32_t
needed_hosts(const mst_check_measure *measure, uint32_t count)
{
  if (measure->combine == MST_COMBINE_ANY)
    return 1;
  if (measure->combine != MST_COMBINE_QUORUM)
    return count;
  if (measure->quorum_ppm > 0)
    return (uint32_t)(((uint64_t)count * measure->quorum_ppm + 999999) / 1000000);
  return (uint32_t)measure->quorum;
}

/* All hosts of the check. list and scratch have room; the result is one of the list. */
static mst_judged *
judge_hosts(const mst_measure_context *context, const mst_plan_entry *plan, mst_judged *list, mst_judged *scratch, uint32_t *ret_hosts)
{
  const mst_check_measure *measure = &context->check->measure;
  uint32_t count = 0, series = 0, needed;
  mst_judged *judged;

  for (uint32_t i = 0; i < plan->host_count; i++) {
    if (measure->measuring && !has_series(measure, &plan->slots[i]))
      continue;
    judge_host(context, plan->hosts[i], &plan->slots[i], scratch, &list[count++]);
    series += series_count(&plan->slots[i]);
  }
  *ret_hosts = count;
  needed = needed_hosts(measure, count);
  if (count == 0)
    set_without_value(list, MST_NO_DATA, plan->host_count == 0 ? MST_WHY_NO_HOSTS : MST_WHY_NO_SERIES, UINT32_MAX);
  else if (count < measure->least_hosts || count < needed)
    set_without_value(list, MST_NO_DATA, MST_WHY_FEW_HOSTS, UINT32_MAX);
  else if (series > 0 && series < measure->least_series)
    set_without_value(list, MST_NO_DATA, MST_WHY_FEW_SERIES, UINT32_MAX);
  else if (measure->combine < MST_COMBINE_SUM)
    return mst_judged_kth(list, count, needed);
  else {
    judged = mst_judged_total(context, measure->combine, list, count);
    if (judged->sound)
      mst_grade_estimate(context, judged);
    if (count > 1 && judged->sound)
      judged->host = UINT32_MAX;
    return judged;
  }
  return list;
}

static const mst_check_attest *
attest_of(const mst_item *item)
{
  for (size_t i = 0; i < item->check_count; i++)
    if (item->checks[i].kind == &mst_check_kind_attest)
      return &item->checks[i].attest;
  return NULL;
}

/* The document hash of the item's attestation; NULL when there is none. */
static const char *
attested_hash(const mst_evaluation *evaluation, const mst_check *check)
{
  const mst_item *item = &evaluation->judge->list->items[check->item];
  const mst_check_attest *attest = attest_of(item);
  const mst_judge_statement *statement;
  bool refused;

  if (!attest)
    return NULL;
  statement = mst_statement_find(evaluation, "attest", item->id, &attest->roles, &refused);
  return statement && statement->detail[0] != '\0' ? statement->detail : NULL;
}

static void
find_baseline(const mst_evaluation *evaluation, const mst_check *check, mst_measure_context *context)
{
  const mst_baseline *baseline = &check->measure.baseline;
  const mst_judge_evidence *document = baseline->evidence ? mst_evidence_find(evaluation, baseline->evidence, baseline->name) : NULL;
  const mst_evidence_field *field = document ? mst_evidence_field_find(document, baseline->field) : NULL;

  context->has_baseline = field && field->is_number && isfinite(field->number) && field->number > 0;
  if (context->has_baseline)
    context->baseline = field->number;
}

void
mst_measure_evaluate(const mst_evaluation *evaluation, const mst_check *check, mst_check_result *ret_result)
{
  const mst_plan_entry *plan = &evaluation->judge->plans[evaluation->judge->plan_of_check[check->number]];
  mst_measure_context context = {.evaluation = evaluation, .check = check};
  uint32_t most = 1, hosts = 0;
  mst_judged *list, *judged;

  for (uint32_t i = 0; i < plan->host_count; i++)
    most = plan->slots[i].count > most ? plan->slots[i].count : most;
  list = mst_alloc(plan->host_count + 1 + most, sizeof *list);
  if (!list) {
    *ret_result = (mst_check_result){.outcome = MST_NO_DATA, .no_memory = true};
    return;
  }
  judged = list;
  context.attested = attested_hash(evaluation, check);
  find_baseline(evaluation, check, &context);
  if (!check->measure.baseline.evidence || context.has_baseline)
    judged = judge_hosts(&context, plan, list, list + plan->host_count + 1, &hosts);
  else
    set_without_value(list, MST_NO_DATA, MST_WHY_BASELINE, UINT32_MAX);
  mst_measure_explain(&context, judged, hosts, ret_result);
  mst_free(list);
}
