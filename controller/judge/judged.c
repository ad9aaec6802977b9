/* From intervals to outcomes, and from the outcomes or intervals of several to one. */
#include "judged.h"

#include <math.h>
#include <string.h>

mst_outcome
mst_outcome_of_grade(mst_grade grade)
{
  static const mst_outcome outcomes[] = {[MST_GRADE_PASS] = MST_PASS, [MST_GRADE_WARN] = MST_WARN, [MST_GRADE_FAIL] = MST_FAIL};

  return outcomes[grade];
}

/* From best to worst. */
static int
rank(mst_outcome outcome)
{
  static const int ranks[] = {
      [MST_PASS] = 1, [MST_NA] = 0, [MST_WARN] = 2, [MST_PENDING] = 3, [MST_NO_DATA] = 4, [MST_WAIVED] = 5, [MST_FAIL] = 6};

  return ranks[outcome];
}

bool
mst_outcome_is_worse(mst_outcome a, mst_outcome b)
{
  return rank(a) > rank(b);
}

/* value > 0 compared with the baseline: both ways fall as the value rises. */
static double
against_baseline(const mst_measure_context *context, double value)
{
  if (context->check->measure.baseline.as == MST_BASELINE_REDUCTION)
    return 1 - value / context->baseline;
  return value > 0 ? context->baseline / value - 1 : INFINITY;
}

static void
compare_with_baseline(const mst_measure_context *context, mst_estimate *estimate)
{
  double lo = estimate->lo, ever_lo = estimate->ever_lo;

  estimate->value = against_baseline(context, estimate->value);
  estimate->lo = against_baseline(context, estimate->hi);
  estimate->hi = against_baseline(context, lo);
  estimate->ever_lo = against_baseline(context, estimate->ever_hi);
  estimate->ever_hi = against_baseline(context, ever_lo);
  estimate->unit = "1";
}

static void
grade_intervals(const mst_measure_context *context, mst_estimate *estimate)
{
  const mst_bounds *bounds = &context->check->bounds;

  if (context->check->measure.baseline.evidence)
    compare_with_baseline(context, estimate);
  if (isnan(estimate->lo) || isnan(estimate->hi)) {
    estimate->lo = -INFINITY;
    estimate->hi = INFINITY;
  }
  if (isnan(estimate->ever_lo) || isnan(estimate->ever_hi)) {
    estimate->ever_lo = -INFINITY;
    estimate->ever_hi = INFINITY;
  }
  estimate->worst = mst_bounds_worst(bounds, estimate->lo, estimate->hi);
  estimate->best = mst_bounds_best(bounds, estimate->lo, estimate->hi);
  estimate->ever = mst_bounds_best(bounds, estimate->ever_lo, estimate->ever_hi);
  if (estimate->lo == estimate->hi)
    estimate->best = estimate->worst;
}

/* A text that must equal the attested hash; the cell could not know it. */
static void
grade_attested(const mst_measure_context *context, mst_estimate *estimate)
{
  bool equal = context->attested && estimate->text[0] != '\0' && strcmp(context->attested, estimate->text) == 0;

  estimate->worst = equal ? MST_GRADE_PASS : MST_GRADE_FAIL;
  estimate->best = context->attested ? estimate->worst : MST_GRADE_PASS;
  estimate->ever = MST_GRADE_PASS;
}

void
mst_grade_estimate(const mst_measure_context *context, mst_judged *judged)
{
  mst_estimate *estimate = &judged->estimate;

  if (!estimate->graded)
    grade_intervals(context, estimate);
  else if (context->check->bounds.target.type == MST_TARGET_TEXT && context->check->bounds.target.op == MST_TEXT_ATTESTED)
    grade_attested(context, estimate);
  judged->ever = judged->view.open ? MST_GRADE_PASS : estimate->ever;
  judged->why = estimate->worst == MST_GRADE_PASS ? MST_WHY_HOLDS : MST_WHY_BOUND;
  judged->outcome = mst_outcome_of_grade(estimate->worst);
  /* Some content of what is missing fails and some does not: nobody knows. */
  if (estimate->worst == MST_GRADE_FAIL && estimate->best != MST_GRADE_FAIL) {
    judged->outcome = MST_NO_DATA;
    judged->why = MST_WHY_MISSING;
  }
}

/* Which of two says less good: by outcome, then by how far off the value is, so that the table names the worst host. */
static bool
is_worse(const mst_judged *a, const mst_judged *b)
{
  const mst_bounds *bounds;

  if (a->outcome != b->outcome)
    return mst_outcome_is_worse(a->outcome, b->outcome);
  if (!a->cell || !b->cell || !a->estimate.known || !b->estimate.known)
    return false;
  bounds = a->cell->bounds;
  if (bounds->good.hi != INFINITY && bounds->good.lo == -INFINITY)
    return a->estimate.value > b->estimate.value;
  if (bounds->good.lo != -INFINITY && bounds->good.hi == INFINITY)
    return a->estimate.value < b->estimate.value;
  return false;
}

/* The outcome that is the least-th best. */
static mst_outcome
kth_outcome(const mst_judged *list, uint32_t count, uint32_t least)
{
  static const mst_outcome by_rank[] = {MST_PASS, MST_WARN, MST_PENDING, MST_NO_DATA, MST_FAIL};
  uint32_t so_far = 0;

  for (size_t r = 0; r < sizeof by_rank / sizeof by_rank[0]; r++) {
    for (uint32_t i = 0; i < count; i++)
      so_far += list[i].outcome == by_rank[r];
    if (so_far >= least)
      return by_rank[r];
  }
  return MST_FAIL;
}

mst_judged *
mst_judged_kth(mst_judged *list, uint32_t count, uint32_t least)
{
  uint32_t may_pass = 0, may_warn = 0;
  mst_judged *shown = list;

  if (count == 1)
    return list;
  mst_outcome outcome = kth_outcome(list, count, least);
  for (uint32_t i = 0; i < count; i++) {
    if (list[i].outcome == outcome && (shown->outcome != outcome || is_worse(&list[i], shown)))
      shown = &list[i];
    may_pass += list[i].ever == MST_GRADE_PASS;
    may_warn += list[i].ever == MST_GRADE_WARN;
  }
  shown->ever = may_pass >= least ? MST_GRADE_PASS : may_pass + may_warn >= least ? MST_GRADE_WARN : MST_GRADE_FAIL;
  return shown;
}

static double
combine_two(mst_combine combine, double a, double b)
{
  if (combine == MST_COMBINE_MIN)
    return fmin(a, b);
  return combine == MST_COMBINE_MAX ? fmax(a, b) : a + b;
}

static void
combine_into(mst_combine combine, mst_estimate *into, const mst_estimate *from)
{
  into->value = combine_two(combine, into->value, from->value);
  into->lo = combine_two(combine, into->lo, from->lo);
  into->hi = combine_two(combine, into->hi, from->hi);
  into->ever_lo = combine_two(combine, into->ever_lo, from->ever_lo);
  into->ever_hi = combine_two(combine, into->ever_hi, from->ever_hi);
  for (size_t i = 0; i < sizeof into->pool / sizeof into->pool[0]; i++)
    into->pool[i] += from->pool[i];
}

static double
quotient(double part, double whole)
{
  if (isinf(part) && isinf(whole))
    return INFINITY;
  return whole > 0 ? part / whole : INFINITY;
}

/* All parts of all hosts by all wholes. */
static void
pool_ratio(mst_estimate *estimate, bool changeable)
{
  const double *pool = estimate->pool;
  bool exact = pool[0] == pool[1] && pool[2] == pool[3];

  estimate->known = pool[0] > 0 || pool[2] > 0 || !exact;
  estimate->value = quotient(pool[0], pool[2]);
  estimate->lo = exact ? estimate->value : -INFINITY;
  estimate->hi = exact ? estimate->value : INFINITY;
  estimate->ever_lo = exact && !changeable ? estimate->value : -INFINITY;
  estimate->ever_hi = exact && !changeable ? estimate->value : INFINITY;
}

/* The worst of those of which there is no value to add. */
static mst_judged *
unsound(mst_judged *list, uint32_t count)
{
  mst_judged *worst = NULL;

  for (uint32_t i = 0; i < count; i++)
    if (!list[i].sound && (!worst || mst_outcome_is_worse(list[i].outcome, worst->outcome)))
      worst = &list[i];
  return worst;
}

mst_judged *
mst_judged_total(const mst_measure_context *context, mst_combine combine, mst_judged *list, uint32_t count)
{
  mst_judged *without = unsound(list, count), *result = list;
  bool pooled = context->check->measure.stat == MST_STAT_RATIO && combine == MST_COMBINE_SUM, changeable = false;

  if (without) {
    without->ever = MST_GRADE_PASS;
    return without;
  }
  for (uint32_t i = 0; i < count; i++) {
    changeable = changeable || list[i].view.future > 0 || list[i].view.missing > 0 || list[i].view.open;
    if (i == 0)
      continue;
    combine_into(combine, &result->estimate, &list[i].estimate);
    result->view.missing += list[i].view.missing;
    result->view.expected += list[i].view.expected;
  }
  if (combine == MST_COMBINE_AVG) {
    mst_estimate *sums = &result->estimate;
    double *values[] = {&sums->value, &sums->lo, &sums->hi, &sums->ever_lo, &sums->ever_hi};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
      *values[i] /= count;
  }
  if (pooled)
    pool_ratio(&result->estimate, changeable);
  if (count > 1)
    result->cell = NULL;
  if (!result->estimate.known) {
    result->outcome = MST_NO_DATA;
    result->why = MST_WHY_NO_VALUE;
    result->sound = false;
  }
  return result;
}
