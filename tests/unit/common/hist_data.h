#ifndef MST_TEST_HIST_DATA_H
#define MST_TEST_HIST_DATA_H

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include <mst/common/hist.h>

#include "draw.h"

/* The data that the properties of histograms are tried on, and what the tests of histograms share. */

typedef double distribution(void);

static inline double
draw_uniform(void)
{
  return 1000 * draw_share();
}

static inline double
draw_lognormal(void)
{
  return exp(2 * draw_normal() - 3);
}

static inline double
draw_exponential(void)
{
  return -0.25 * log(draw_share());
}

static inline double
draw_mixed(void)
{
  return draw() % 10 == 0 ? 0 : 100 * draw_normal();
}

/* Every exponent that a histogram takes, both signs. */
static inline double
draw_extreme(void)
{
  return ldexp(draw() % 2 ? draw_share() + 1 : -draw_share() - 1, (int)(draw() % 1130) - 1070);
}

static inline double
draw_narrow(void)
{
  return 1 + 1e-7 * draw_share();
}

static inline double
draw_power(void)
{
  return ldexp(draw() % 2 ? 1 : -1, (int)(draw() % 40) - 20);
}

static const struct {
  const char *name;
  distribution *draw;
} data[] = {
    {"uniform", draw_uniform}, {"lognormal", draw_lognormal}, {"exponential", draw_exponential}, {"mixed signs", draw_mixed},
    {"extreme", draw_extreme}, {"narrow", draw_narrow},       {"powers of two", draw_power},
};
enum { DATA_COUNT = sizeof data / sizeof data[0], VALUES_MAX = 4000 };
static double values[VALUES_MAX];

static inline void
fill(size_t which, size_t count)
{
  for (size_t i = 0; i < count; i++)
    values[i] = data[which].draw();
}

static inline void
shuffle(size_t count)
{
  for (size_t i = count - 1; i > 0; i--) {
    size_t j = draw() % (i + 1);
    double kept = values[i];
    values[i] = values[j];
    values[j] = kept;
  }
}

static inline int
compare(const void *left, const void *right)
{
  double a = *(const double *)left, b = *(const double *)right;

  return (a > b) - (a < b);
}

static inline void
add(mst_hist *hist, double value, uint64_t count)
{
  mst_errctx ctx = {0};

  cr_assert_eq(mst_hist_add(hist, value, count, &ctx), MST_OK, "%s", ctx.text);
}

static inline void
merge(mst_hist *into, const mst_hist *from)
{
  mst_errctx ctx = {0};

  cr_assert_eq(mst_hist_merge(into, from, &ctx), MST_OK, "%s", ctx.text);
}

static inline void
build(mst_hist *hist, const double *from, size_t count)
{
  mst_hist_init(hist);
  for (size_t i = 0; i < count; i++)
    add(hist, from[i], 1);
}

static inline bool
same_bytes(const void *a, const void *b, size_t size_bytes)
{
  return memcmp(a, b, size_bytes) == 0;
}

static inline void
expect_same_side(const mst_hist_side *a, const mst_hist_side *b, const char *what)
{
  cr_assert_eq(a->length, b->length, "%s: lengths %u and %u", what, a->length, b->length);
  cr_assert_eq(a->offset, b->offset, "%s: offsets %d and %d", what, a->offset, b->offset);
  cr_assert(a->length == 0 || same_bytes(a->counts, b->counts, a->length * sizeof *a->counts), "%s: counts", what);
}

/* Stricter than mst_hist_equal: the bits of min and max, too. */
static inline void
expect_same(const mst_hist *a, const mst_hist *b, const char *what)
{
  cr_assert_eq(a->scale, b->scale, "%s: scales %d and %d", what, a->scale, b->scale);
  cr_assert_eq(a->count, b->count, "%s: count", what);
  cr_assert_eq(a->zero_count, b->zero_count, "%s: zero_count", what);
  cr_assert(a->sum == b->sum, "%s: sum", what);
  if (a->count > 0)
    cr_assert(same_bytes(&a->min, &b->min, sizeof a->min) && same_bytes(&a->max, &b->max, sizeof a->max), "%s: extremes", what);
  expect_same_side(&a->positive, &b->positive, what);
  expect_same_side(&a->negative, &b->negative, what);
  cr_assert(mst_hist_equal(a, b), "%s: mst_hist_equal", what);
  cr_assert(mst_hist_valid(a), "%s: not valid", what);
}

#endif
