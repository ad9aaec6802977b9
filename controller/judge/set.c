/* Sets of numbers: an interval with open or closed ends, or everything but one. */
#include "target.h"

#include <math.h>

static bool
inside(const mst_set *set, double value)
{
  bool above = set->lo_open ? value > set->lo : value >= set->lo;
  bool below = set->hi_open ? value < set->hi : value <= set->hi;

  return above && below;
}

bool
mst_set_has(const mst_set *set, double value)
{
  return inside(set, value) != set->outside;
}

/* An infinite end of a range of values stands for values beyond any bound, so it lies within an infinite end of the interval, open or not.
 */
static bool
interval_covers(const mst_set *set, double lo, double hi)
{
  bool above = set->lo == -INFINITY || (set->lo_open ? lo > set->lo : lo >= set->lo);
  bool below = set->hi == INFINITY || (set->hi_open ? hi < set->hi : hi <= set->hi);

  return above && below;
}

static bool
interval_meets(const mst_set *set, double lo, double hi)
{
  bool above = set->lo == -INFINITY || (set->lo_open ? hi > set->lo : hi >= set->lo);
  bool below = set->hi == INFINITY || (set->hi_open ? lo < set->hi : lo <= set->hi);

  return above && below;
}

bool
mst_set_covers(const mst_set *set, double lo, double hi)
{
  return set->outside ? !interval_meets(set, lo, hi) : interval_covers(set, lo, hi);
}

bool
mst_set_meets(const mst_set *set, double lo, double hi)
{
  return set->outside ? !interval_covers(set, lo, hi) : interval_meets(set, lo, hi);
}

/* inner's interval within outer's. */
static bool
interval_within(const mst_set *inner, const mst_set *outer)
{
  bool above = outer->lo == -INFINITY || inner->lo > outer->lo || (inner->lo == outer->lo && (!outer->lo_open || inner->lo_open));
  bool below = outer->hi == INFINITY || inner->hi < outer->hi || (inner->hi == outer->hi && (!outer->hi_open || inner->hi_open));

  return above && below;
}

static bool
intervals_apart(const mst_set *a, const mst_set *b)
{
  bool a_first = a->hi < b->lo || (a->hi == b->lo && (a->hi_open || b->lo_open));
  bool b_first = b->hi < a->lo || (b->hi == a->lo && (b->hi_open || a->lo_open));

  return a_first || b_first;
}

bool
mst_set_within(const mst_set *inner, const mst_set *outer)
{
  if (!inner->outside && !outer->outside)
    return interval_within(inner, outer);
  if (!inner->outside)
    return intervals_apart(inner, outer);
  if (outer->outside)
    return interval_within(outer, inner);
  return outer->lo == -INFINITY && outer->hi == INFINITY;
}

mst_set
mst_set_complement(const mst_set *set)
{
  mst_set other = *set;

  if (!set->outside && set->lo == -INFINITY && set->hi != INFINITY)
    return (mst_set){.lo = set->hi, .hi = INFINITY, .lo_open = !set->hi_open};
  if (!set->outside && set->hi == INFINITY && set->lo != -INFINITY)
    return (mst_set){.lo = -INFINITY, .hi = set->lo, .hi_open = !set->lo_open};
  other.outside = !set->outside;
  return other;
}
