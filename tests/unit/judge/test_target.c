/* Targets, critical bounds, selectors, spans and statistics' names. */
#include "rig.h"

#include "judge/stat.h"
#include "judge/streaks.h"

Test(target, numbers__are_held_against_every_kind_of_bound)
{
  static const struct {
    const char *target, *critical;
    double value;
    mst_grade grade;
  } cases[] = {
      {"< 70%", NULL, 0.6999, MST_GRADE_PASS},
      {"< 70%", NULL, 0.7, MST_GRADE_FAIL},
      {"<= 70%", NULL, 0.7, MST_GRADE_PASS},
      {"< 70%", "> 90%", 0.7, MST_GRADE_WARN},
      {"< 70%", "> 90%", 0.9, MST_GRADE_WARN},
      {"< 70%", "> 90%", 0.91, MST_GRADE_FAIL},
      {"> 95%", "< 90%", 0.96, MST_GRADE_PASS},
      {"> 95%", "< 90%", 0.9, MST_GRADE_WARN},
      {"> 95%", "< 90%", 0.89, MST_GRADE_FAIL},
      {"50%..80%", NULL, 0.5, MST_GRADE_PASS},
      {"50%..80%", NULL, 0.8, MST_GRADE_PASS},
      {"50%..80%", NULL, 0.81, MST_GRADE_FAIL},
      {"50%..80%", "outside 30%..90%", 0.85, MST_GRADE_WARN},
      {"50%..80%", "outside 30%..90%", 0.95, MST_GRADE_FAIL},
      {"50%..80%", "> 90%", 0.1, MST_GRADE_WARN},
      {"== 0", NULL, 0, MST_GRADE_PASS},
      {"== 0", "> 5", 3, MST_GRADE_WARN},
      {"!= 0", NULL, 1, MST_GRADE_PASS},
      {"!= 0", NULL, 0, MST_GRADE_FAIL},
      {"outside 1..2", NULL, 3, MST_GRADE_PASS},
      {"outside 1..2", NULL, 2, MST_GRADE_FAIL},
      {">= 16GB", NULL, 16e9, MST_GRADE_PASS},
      {"> 10/min", NULL, 0.2, MST_GRADE_PASS},
  };

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    mst_diags diags;
    mst_bounds bounds;
    char yaml[200];
    mst_diags_init(&diags);
    snprintf(yaml, sizeof yaml, "t: '%s'\nc: '%s'\n", cases[i].target, cases[i].critical ? cases[i].critical : "");
    mst_yaml *file = mst_yaml_parse("t", yaml, strlen(yaml), &diags);
    const mst_yaml_node *root = mst_yaml_root(file);
    cr_assert(
        mst_bounds_parse(mst_yaml_node_get(root, "t"), cases[i].critical ? mst_yaml_node_get(root, "c") : NULL, false, &bounds, &diags),
        "%s", diags.count ? diags.list[0].text : "");
    cr_expect_eq(mst_bounds_grade(&bounds, cases[i].value), cases[i].grade, "%s %s of %g", cases[i].target, cases[i].critical,
                 cases[i].value);
    cr_expect_eq(mst_bounds_worst(&bounds, cases[i].value, cases[i].value), cases[i].grade);
    cr_expect_eq(mst_bounds_best(&bounds, cases[i].value, cases[i].value), cases[i].grade);
    mst_bounds_done(&bounds);
    mst_yaml_destroy(file);
    mst_diags_done(&diags);
  }
}

/* Worst and best of a range are those of its values. */
Test(target, sets__cover_and_meet_as_their_members_do)
{
  uint64_t dice = rig_seed("sets");

  for (int round = 0; round < 20000; round++) {
    double a = rig_below(&dice, 6), b = a + rig_below(&dice, 4);
    mst_set set = {
        .lo = rig_below(&dice, 4) ? a : -INFINITY, .hi = rig_below(&dice, 4) ? b : INFINITY, .outside = rig_below(&dice, 4) == 0};
    if (set.lo != -INFINITY && set.hi != INFINITY && set.lo != set.hi) {
      set.lo_open = rig_below(&dice, 2);
      set.hi_open = rig_below(&dice, 2);
    } else if (set.lo == -INFINITY || set.hi == INFINITY) {
      set.lo_open = set.lo != -INFINITY && rig_below(&dice, 2);
      set.hi_open = set.hi != INFINITY && rig_below(&dice, 2);
    }
    mst_set other = mst_set_complement(&set);
    double lo = rig_below(&dice, 24) / 2.0 - 2, hi = lo + rig_below(&dice, 8) / 2.0;
    bool all = true, any = false;
    for (double value = lo; value <= hi; value += 0.25) {
      all = all && mst_set_has(&set, value);
      any = any || mst_set_has(&set, value);
      cr_assert_neq(mst_set_has(&set, value), mst_set_has(&other, value));
    }
    cr_assert_eq(mst_set_covers(&set, lo, hi), all, "%g..%g in %g..%g", lo, hi, set.lo, set.hi);
    cr_assert_eq(mst_set_meets(&set, lo, hi), any);
    cr_assert(mst_set_within(&set, &set));
    bool everything = set.lo == -INFINITY && set.hi == INFINITY; /* outside of which is nothing, and that is within anything */
    cr_assert(everything || !mst_set_within(&set, &other), "a set is not within its complement");
  }
}

Test(target, versions__compare_by_their_numbers)
{
  static const struct {
    const char *a, *b;
    int order;
  } cases[] = {{"24.0", "24", 0},      {"24.0.7", "24.0", 1},           {"3.9", "3.12", -1},
               {"v2.20.2", "2.20", 1}, {"Python 3.12.1+", "3.12", 1},   {"1.0-rc1", "1.0", 0},
               {"10", "9.99.99", 1},   {"18446744073709551616", "1", 1}};
  int order;

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    cr_assert(mst_version_compare(cases[i].a, strlen(cases[i].a), cases[i].b, strlen(cases[i].b), &order));
    cr_expect_eq(order, cases[i].order, "%s %s", cases[i].a, cases[i].b);
  }
  cr_expect_not(mst_version_compare("none", 4, "1", 1, &order));
}

Test(target, globs__match_whole_texts)
{
  static const struct {
    const char *pattern, *text;
    bool match;
  } cases[] = {{"*", "", true},
               {"eth*", "eth0", true},
               {"eth*", "veth0", false},
               {"*0", "eth0", true},
               {"e?h0", "eth0", true},
               {"e?h0", "eh0", false},
               {"a*b*c", "aXbYc", true},
               {"a*b*c", "aXcYb", false},
               {"", "", true},
               {"", "a", false},
               {"*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false}};

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    cr_expect_eq(mst_glob_match(cases[i].pattern, cases[i].text, strlen(cases[i].text)), cases[i].match, "%s %s", cases[i].pattern,
                 cases[i].text);
}

Test(stat, quantiles__are_read_exactly)
{
  mst_stat stat;
  uint32_t quantile;

  cr_assert(mst_stat_parse("p99.9", &stat, &quantile));
  cr_expect(stat == MST_STAT_QUANTILE && quantile == 99900);
  cr_assert(mst_stat_parse("p5", &stat, &quantile));
  cr_expect_eq(quantile, 5000);
  cr_assert(mst_stat_parse("present", &stat, &quantile));
  cr_expect_eq(stat, MST_STAT_PRESENT);
  static const char *const wrong[] = {"p", "p0", "p100", "p99.", "p99.9999", "p9x", "mean", "", "p-1"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
    cr_expect_not(mst_stat_parse(wrong[i], &stat, &quantile), "%s", wrong[i]);
}

static void
join_letters(const void *context, void *left, const void *right, bool adjacent)
{
  size_t at = strlen(left);

  (void)context;
  cr_assert(adjacent);
  snprintf((char *)left + at, 16 - at, "%s", (const char *)right);
}

Test(streaks, windows_in_any_order__merge_in_the_order_of_time)
{
  static const uint32_t orders[][6] = {{0, 1, 2, 3, 4, 5}, {5, 4, 3, 2, 1, 0}, {0, 2, 4, 1, 3, 5}, {3, 0, 5, 1, 4, 2}};

  for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
    mst_streaks streaks;
    mst_errctx ctx = {0};
    mst_streaks_init(&streaks, 16);
    for (size_t j = 0; j < 6; j++) {
      char payload[16] = {(char)('a' + orders[i][j])};
      cr_assert_eq(mst_streaks_add(&streaks, 10 + orders[i][j], payload, join_letters, NULL, &ctx), MST_OK);
    }
    cr_expect_eq(streaks.count, 1);
    cr_expect_str_eq(mst_streaks_payload(&streaks, 0), "abcdef");
    cr_expect_eq(mst_streaks_add(&streaks, 12, "x", join_letters, NULL, &ctx), MST_EEXIST);
    cr_expect_eq(mst_streaks_present(&streaks, 0, 12), 2);
    cr_expect_eq(mst_streaks_present(&streaks, 14, 100), 2);
    mst_streaks_done(&streaks);
  }
}
