/* The verdict: rules over the outcomes, the sign-offs, and the clock of the run. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <mst/common/alloc.h>

#include "verdict_state.h"

enum { REASON_BYTES = 512, PPM = 1000000 };

const char *
mst_verdict_name(mst_verdict_kind verdict)
{
  static const char *const names[] = {
      [MST_GO] = "GO", [MST_CONDITIONAL_GO] = "CONDITIONAL_GO", [MST_NO_GO] = "NO_GO", [MST_VERDICT_PENDING] = "PENDING"};

  return names[verdict];
}

bool
mst_item_is_follow_up(const mst_item *item)
{
  return strchr(item->class, 'P') != NULL;
}

/* part of whole is at least the share; in whole numbers, so that 95 % of 20 are 19. */
static bool
reaches(size_t part, size_t whole, double share)
{
  return (unsigned long long)part * PPM >= (unsigned long long)llround(share * PPM) * whole;
}

static void
count_rate(const mst_checklist *list, mst_verdict *verdict)
{
  mst_rate *rate = &verdict->rate;

  for (size_t i = 0; i < list->item_count; i++) {
    mst_outcome outcome = verdict->items[i].outcome;
    if (mst_item_is_follow_up(&list->items[i]) || outcome == MST_NA)
      continue;
    if (list->items[i].critical) {
      rate->critical++;
      rate->critical_passed += outcome == MST_PASS;
      rate->critical_warned += outcome == MST_WARN;
    } else {
      rate->counted++;
      rate->passed += outcome == MST_PASS || outcome == MST_WARN;
    }
  }
}

/* What it would be if the period ended now and everybody signed. */
static mst_verdict_kind
decide(const mst_policy *policy, const mst_rate *rate)
{
  bool critical = rate->critical_passed + rate->critical_warned == rate->critical;

  if (rate->counted == 0 || !critical || !reaches(rate->passed, rate->counted, policy->conditional))
    return MST_NO_GO;
  return rate->critical_warned == 0 && reaches(rate->passed, rate->counted, policy->go) ? MST_GO : MST_CONDITIONAL_GO;
}

/* Whether a NO_GO stands whatever may still come: a critical item is lost, or so many others that the rate is out of reach. */
static bool
is_lost(const mst_checklist *list, const mst_verdict *verdict, size_t *ret_item)
{
  size_t counted = 0, lost = 0;

  for (size_t i = 0; i < list->item_count; i++) {
    bool settled = verdict->settled[i];
    if (mst_item_is_follow_up(&list->items[i]))
      continue;
    if (list->items[i].critical && settled) {
      *ret_item = i;
      return true;
    }
    if (!list->items[i].critical) {
      counted++;
      lost += settled;
    }
  }
  *ret_item = SIZE_MAX;
  return counted > 0 && !reaches(counted - lost, counted, list->file.policy.conditional);
}

/* The item to name: the first critical one that is not passed, else the first other one. */
static const mst_item_result *
first_open(const mst_checklist *list, const mst_verdict *verdict, bool critical)
{
  for (size_t i = 0; i < list->item_count; i++) {
    const mst_item_result *item = &verdict->items[i];
    bool passed = item->outcome == MST_PASS || item->outcome == MST_NA || (item->outcome == MST_WARN && !critical);
    if (list->items[i].critical == critical && !mst_item_is_follow_up(&list->items[i]) && !passed)
      return item;
  }
  return NULL;
}

static void
explain_result(const mst_checklist *list, const mst_verdict *verdict, mst_verdict_kind kind, char *buf, size_t size_bytes)
{
  const mst_rate *rate = &verdict->rate;
  const mst_policy *policy = &list->file.policy;
  const mst_item_result *critical = first_open(list, verdict, true);
  double share = rate->counted ? 100.0 * (double)rate->passed / (double)rate->counted : 0;

  if (rate->counted == 0)
    snprintf(buf, size_bytes, "no counted non-critical item: there is nothing to reach a rate with");
  else if (kind == MST_NO_GO && critical && rate->critical_passed + rate->critical_warned < rate->critical)
    snprintf(buf, size_bytes, "%zu of %zu critical items have not passed, first %s (%s)",
             rate->critical - rate->critical_passed - rate->critical_warned, rate->critical, critical->id,
             mst_outcome_name(critical->outcome));
  else if (kind == MST_NO_GO)
    snprintf(buf, size_bytes, "%zu of %zu non-critical items passed, %.1f %%; %.4g %% are needed", rate->passed, rate->counted, share,
             100 * policy->conditional);
  else if (kind == MST_CONDITIONAL_GO && critical)
    snprintf(buf, size_bytes, "critical item %s is %s; %.1f %% of the others passed", critical->id, mst_outcome_name(critical->outcome),
             share);
  else
    snprintf(buf, size_bytes, "%zu of %zu critical and %zu of %zu other items passed (%.1f %%)",
             rate->critical_passed + rate->critical_warned, rate->critical, rate->passed, rate->counted, share);
}

static void
set_verdict(mst_verdict *verdict, mst_verdict_kind kind, bool final)
{
  verdict->verdict = kind;
  verdict->final = final;
}

/* Before the freeze. */
static void
judge_running(const mst_evaluation *evaluation, mst_verdict *verdict, char *reason)
{
  const mst_checklist *list = evaluation->judge->list;
  char left[MST_TIME_TEXT_BYTES], so_far[REASON_BYTES / 2];
  size_t lost;

  if (is_lost(list, verdict, &lost)) {
    set_verdict(verdict, MST_NO_GO, true);
    if (lost != SIZE_MAX)
      snprintf(reason, REASON_BYTES, "critical item %s has failed and cannot pass any more: %s", list->items[lost].id,
               verdict->items[lost].reason);
    else
      snprintf(reason, REASON_BYTES, "so many items have failed for good that the rate of %.4g %% is out of reach",
               100 * list->file.policy.conditional);
    return;
  }
  set_verdict(verdict, MST_VERDICT_PENDING, false);
  explain_result(list, verdict, verdict->so_far, so_far, sizeof so_far);
  if (evaluation->now.ns < evaluation->end.ns)
    snprintf(reason, REASON_BYTES, "%s of the period to go; so far %s: %s",
             mst_duration_format_short(evaluation->end.ns - evaluation->now.ns, left), mst_verdict_name(verdict->so_far), so_far);
  else
    snprintf(reason, REASON_BYTES, "the period is over; late data counts for %s more; so far %s: %s",
             mst_duration_format_short(evaluation->freeze.ns - evaluation->now.ns, left), mst_verdict_name(verdict->so_far), so_far);
}

static void
name_missing(const mst_checklist *list, const mst_sign_offs *sign_offs, char *buf, size_t size_bytes)
{
  const mst_config_strings *roles = &list->file.policy.sign_offs;
  size_t at = 0;

  buf[0] = '\0';
  for (size_t i = 0; i < roles->count && at < size_bytes; i++)
    if (!sign_offs->by_role[i])
      at += (size_t)snprintf(buf + at, size_bytes - at, "%s%s", at ? ", " : "", roles->items[i]);
}

/* After the freeze the result stands; what is left are the signatures. */
static void
judge_frozen(const mst_judge *judge, mst_verdict *verdict, mst_wall now, char *reason)
{
  const mst_sign_offs *sign_offs = &verdict->sign_offs;
  mst_wall deadline = {judge->grid.start.ns + judge->list->file.period_ns + judge->list->file.policy.deadline_ns};
  char roles[REASON_BYTES / 2], left[MST_TIME_TEXT_BYTES];

  explain_result(judge->list, verdict, verdict->so_far, reason, REASON_BYTES);
  if (verdict->so_far == MST_NO_GO) {
    set_verdict(verdict, MST_NO_GO, true);
    return;
  }
  if (sign_offs->state == MST_SIGN_OFFS_COMPLETE) {
    set_verdict(verdict, verdict->so_far, true);
    return;
  }
  if (sign_offs->state == MST_SIGN_OFFS_REJECTED) {
    set_verdict(verdict, MST_NO_GO, true);
    snprintf(reason, REASON_BYTES, "rejected by %s as %s", sign_offs->rejected->operator_name, sign_offs->rejected->role);
    return;
  }
  name_missing(judge->list, sign_offs, roles, sizeof roles);
  if (now.ns > deadline.ns) {
    set_verdict(verdict, MST_NO_GO, true);
    snprintf(reason, REASON_BYTES, "no sign-off in time by %s", roles);
  } else {
    set_verdict(verdict, MST_VERDICT_PENDING, false);
    snprintf(reason, REASON_BYTES, "%s once signed by %s; %s left", mst_verdict_name(verdict->so_far), roles,
             mst_duration_format_short(deadline.ns - now.ns, left));
  }
}

static void
judge_verdict(const mst_evaluation *evaluation, mst_verdict *verdict, mst_wall now, char *reason)
{
  const mst_judge *judge = evaluation->judge;

  if (judge->ended_at.ns != 0 && judge->ended_at.ns < evaluation->end.ns) {
    char after[MST_TIME_TEXT_BYTES];
    set_verdict(verdict, MST_NO_GO, true);
    snprintf(reason, REASON_BYTES, "the run was ended after %s, before its period was over",
             mst_duration_format_short(judge->ended_at.ns - judge->grid.start.ns, after));
  } else if (!evaluation->final) {
    judge_running(evaluation, verdict, reason);
  } else {
    judge_frozen(judge, verdict, now, reason);
  }
}

static mst_evaluation
begin(const mst_judge *judge, mst_verdict *verdict, mst_wall now)
{
  const mst_checklist_file *file = &judge->list->file;
  mst_evaluation evaluation = {.judge = judge, .now = now, .items = verdict->items, .settled = verdict->settled};
  int64_t past;

  evaluation.end.ns = judge->grid.start.ns + file->period_ns;
  evaluation.freeze.ns = evaluation.end.ns + file->policy.freeze_ns;
  evaluation.final = now.ns >= evaluation.freeze.ns;
  if (evaluation.final)
    evaluation.now = evaluation.freeze;
  past = (evaluation.now.ns - judge->grace_ns - judge->grid.start.ns) / judge->grid.window_ns;
  evaluation.over = evaluation.final || past >= judge->grid.windows ? judge->grid.windows : past > 0 ? (uint32_t)past : 0;
  return evaluation;
}

/* What is said of an item whatever its outcome. */
static bool
name_items(const mst_checklist *list, mst_verdict *verdict)
{
  for (size_t i = 0; i < list->item_count; i++) {
    const mst_item *item = &list->items[i];
    mst_item_result *result = &verdict->items[i];
    result->id = mst_pool_strdup(&verdict->pool, item->id);
    result->title = mst_pool_strdup(&verdict->pool, item->title);
    result->section = mst_pool_strdup(&verdict->pool, item->section);
    if (!result->id || !result->title || !result->section)
      return false;
    result->class = item->class[0];
    result->critical = item->critical;
    result->outcome = MST_PENDING;
    result->value = result->bound = result->reason = "";
  }
  return true;
}

static bool
allocate(const mst_judge *judge, mst_verdict *verdict)
{
  size_t count = judge->list->item_count;

  verdict->judge = judge;
  verdict->item_count = count;
  verdict->items = mst_pool_alloc(&verdict->pool, count * sizeof *verdict->items);
  verdict->states = mst_pool_alloc(&verdict->pool, count * sizeof *verdict->states);
  verdict->settled = mst_pool_alloc(&verdict->pool, count * sizeof *verdict->settled);
  return verdict->items && verdict->states && verdict->settled && name_items(judge->list, verdict);
}

mst_err
mst_judge_evaluate(mst_judge *judge, mst_wall now, mst_verdict **ret_verdict, mst_errctx *ctx)
{
  mst_verdict *verdict = mst_alloc(1, sizeof *verdict);
  char reason[REASON_BYTES] = "", *result = NULL;

  if (!verdict || !allocate(judge, verdict))
    goto no_memory;
  mst_evaluation evaluation = begin(judge, verdict, now);
  verdict->evaluated_at = now;
  for (size_t i = 0; i < judge->list->item_count; i++) {
    evaluation.current = judge->list->order[i];
    if (!mst_item_evaluate(&evaluation, verdict, evaluation.current))
      goto no_memory;
  }
  count_rate(judge->list, verdict);
  verdict->so_far = decide(&judge->list->file.policy, &verdict->rate);
  result = mst_result_json(verdict);
  if (!result)
    goto no_memory;
  verdict->digest = mst_digest_of("muster/1/result", result, strlen(result));
  mst_wall deadline = {evaluation.end.ns + judge->list->file.policy.deadline_ns};
  mst_sign_offs_count(judge, &verdict->digest, deadline, &verdict->sign_offs);
  judge_verdict(&evaluation, verdict, now, reason);
  verdict->reason = mst_pool_strdup(&verdict->pool, reason);
  verdict->json = verdict->reason ? mst_verdict_json_write(verdict, result) : NULL;
  if (!verdict->json)
    goto no_memory;
  verdict->judge = NULL;
  mst_free(result);
  *ret_verdict = verdict;
  return MST_OK;
no_memory:
  mst_free(result);
  mst_verdict_destroy(verdict);
  return mst_fail(ctx, MST_ENOMEM, "out of memory for a verdict");
}

void
mst_verdict_destroy(mst_verdict *verdict)
{
  if (!verdict)
    return;
  mst_pool_done(&verdict->pool);
  mst_free(verdict->json);
  mst_free(verdict);
}

mst_verdict_kind
mst_verdict_get(const mst_verdict *verdict)
{
  return verdict->verdict;
}

mst_verdict_kind
mst_verdict_so_far(const mst_verdict *verdict)
{
  return verdict->so_far;
}

bool
mst_verdict_is_final(const mst_verdict *verdict)
{
  return verdict->final;
}

size_t
mst_verdict_item_count(const mst_verdict *verdict)
{
  return verdict->item_count;
}

const mst_item_result *
mst_verdict_item_at(const mst_verdict *verdict, size_t index)
{
  return index < verdict->item_count ? &verdict->items[index] : NULL;
}

const char *
mst_verdict_json(const mst_verdict *verdict)
{
  return verdict->json;
}

mst_digest
mst_verdict_digest(const mst_verdict *verdict)
{
  return verdict->digest;
}
