#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <mst/exposition/ask.h>

static mst_err
hand_over(void *arg, const mst_exposition_sample *sample, mst_errctx *ctx)
{
  return mst_ask_take(arg, sample, ctx);
}

/* One scrape of this text at that second; MST_OK, or the error and its text in ctx. */
static mst_err
scrape(mst_ask *ask, mst_exposition_format format, const char *text, int64_t second, double *ret_value, mst_errctx *ctx)
{
  mst_exposition *reader = mst_exposition_create(format, 1 << 20, hand_over, ask);

  cr_assert(reader);
  mst_ask_begin(ask);
  mst_err err = mst_exposition_feed(reader, text, strlen(text), ctx);
  if (!err)
    err = mst_exposition_end(reader, ctx);
  if (!err)
    err = mst_ask_end(ask, second * 1000000000, 1000.0 + (double)second, ret_value, ctx);
  mst_exposition_destroy(reader);
  return err;
}

static mst_ask *
ask_for(const char *question)
{
  mst_ask *ask = NULL;
  mst_errctx ctx = {0};

  cr_assert(mst_ask_create(question, &ask, &ctx) == MST_OK, "%s", ctx.text);
  return ask;
}

static const char plain[] = "# TYPE r counter\nr{code=\"200\",path=\"/a\"} 10\nr{code=\"404\",path=\"/a\"} 4\nr{code=\"500\"} 1\n"
                            "# TYPE g gauge\n{\"g.h\",\"a.b\"=\"x\"} 7\nn NaN\nn{a=\"1\"} 3\n";

static void
expect(const char *question, double wanted)
{
  mst_ask *ask = ask_for(question);
  mst_errctx ctx = {0};
  double value = -77;

  cr_assert(scrape(ask, MST_EXPOSITION_TEXT, plain, 1, &value, &ctx) == MST_OK, "%s: %s", question, ctx.text);
  cr_expect_float_eq(value, wanted, 1e-12, "%s: %g, not %g", question, value, wanted);
  mst_ask_destroy(ask);
}

Test(ask, figures_of_one_scrape__are_those_of_promql)
{
  expect("r{code=\"200\"}", 10);
  expect("sum(r)", 15);
  expect("sum( r{code=~\"2..|5..\"} )", 11);
  expect("sum(r{code!~\"2.*\"})", 5);
  expect("sum(r{path=\"\"})", 1);
  expect("r{path!=\"/a\"}", 1);
  expect("count(r{code=~\"00\"})", 0);
  expect("max(r)", 10);
  expect("min(r)", 1);
  expect("avg(r)", 5);
  expect("count({__name__=~\"r|g.*\"})", 4);
  expect("absent(r)", 0);
  expect("absent(nowhere)", 1);
  expect("{\"g.h\",\"a.b\"='x'}", 7);
  expect("max(n)", 3);
}

static void
expect_error(const char *question, mst_err wanted, const char *words)
{
  mst_ask *ask = NULL;
  mst_errctx ctx = {0};
  double value;

  mst_err err = mst_ask_create(question, &ask, &ctx);
  if (!err)
    err = scrape(ask, MST_EXPOSITION_TEXT, plain, 1, &value, &ctx);
  cr_expect(err == wanted, "%s: %s %s", question, mst_err_name(err), ctx.text);
  cr_expect(strstr(ctx.text, words), "%s: \"%s\" is not in: %s", question, words, ctx.text);
  mst_ask_destroy(ask);
}

Test(ask, wrong_questions__say_what_to_write)
{
  expect_error("r", MST_EMALFORMED, "3 series match; write sum(...)");
  expect_error("nowhere", MST_EABSENT, "no series matches");
  expect_error("rate(r)", MST_EABSENT, "needs a scrape before");
  expect_error("{a=~\".*\"}", MST_EUSAGE, "at least one condition");
  expect_error("r{code=~\"(\"}", MST_EUSAGE, "parenthesis");
  expect_error("r{code=200}", MST_EUSAGE, "no quote at column 8");
  expect_error("r{code}", MST_EUSAGE, "none of = != =~ !~");
  expect_error("r[5m]", MST_EUSAGE, "no part of a selector at column 2");
  expect_error("", MST_EUSAGE, "neither a name nor a label");
  expect_error("quantile(2, r)", MST_EUSAGE, "0 to 1");
  expect_error("absent(rate(r))", MST_EUSAGE, "absent is asked");
  expect_error("quantile(0.5, r)", MST_EMALFORMED, "no label le");
  expect_error("count({__name__=\"r\",code=~\"((\\\\d+)+)+x\"})", MST_OK, "");
}

Test(ask, counters__grow_from_scrape_to_scrape_and_over_resets)
{
  mst_ask *increase = ask_for("sum(increase(r))"), *rate = ask_for("sum(rate(r))");
  mst_errctx ctx = {0};
  double value = 0;
  const struct {
    const char *text;
    int64_t second;
    double increase;
  } steps[] = {
      {"r{a=\"1\",b=\"x\"} 100\nr{a=\"2\"} 5\n", 10, NAN},
      {"r{b=\"x\",a=\"1\"} 130\nr{a=\"2\"} 5\n", 20, 30}, /* labels in another order are the same series */
      {"r{a=\"1\",b=\"x\"} 7\nr{a=\"2\"} 6\n", 30, 8},    /* one began anew */
      {"r{a=\"2\"} 8\nr{a=\"3\"} 1000\n", 40, 2},         /* one is new: since when is not known */
      {"r{a=\"3\"} 1001\n", 50, 1},
  };

  for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
    mst_err err = scrape(increase, MST_EXPOSITION_TEXT, steps[i].text, steps[i].second, &value, &ctx);
    if (isnan(steps[i].increase)) {
      cr_expect(err == MST_EABSENT);
      cr_expect(scrape(rate, MST_EXPOSITION_TEXT, steps[i].text, steps[i].second, &value, &ctx) == MST_EABSENT);
      continue;
    }
    cr_assert(err == MST_OK, "step %zu: %s", i, ctx.text);
    cr_expect_float_eq(value, steps[i].increase, 1e-9, "step %zu: %g", i, value);
    cr_assert(scrape(rate, MST_EXPOSITION_TEXT, steps[i].text, steps[i].second, &value, &ctx) == MST_OK);
    cr_expect_float_eq(value, steps[i].increase / 10, 1e-9, "step %zu: %g", i, value);
  }
  mst_ask_destroy(increase);
  mst_ask_destroy(rate);
}

Test(ask, created__tells_of_resets_that_values_hide)
{
  mst_ask *ask = ask_for("sum(increase(r_total))");
  mst_errctx ctx = {0};
  double value = 0;

  /* Second 10 is 1010 on the wall. */
  cr_expect(scrape(ask, MST_EXPOSITION_OPENMETRICS, "# TYPE r counter\nr_total 5\nr_created 900\n# EOF\n", 10, &value, &ctx) ==
            MST_EABSENT);
  cr_expect(scrape(ask, MST_EXPOSITION_OPENMETRICS, "# TYPE r counter\nr_total 9\nr_created 1015\n# EOF\n", 20, &value, &ctx) == MST_OK);
  cr_expect_float_eq(value, 9, 1e-9, "began anew and is higher already: %g", value);
  cr_expect(scrape(ask, MST_EXPOSITION_OPENMETRICS,
                   "# TYPE r counter\nr_created 1015\nr_total 10\nr_total{a=\"1\"} 3\nr_created{a=\"1\"} 1025\n# EOF\n", 30, &value,
                   &ctx) == MST_OK);
  cr_expect_float_eq(value, 4, 1e-9, "one is new since the last scrape: %g", value);
  mst_ask_destroy(ask);
}

Test(ask, a_scrape_that_broke_off__leaves_the_one_before)
{
  mst_ask *ask = ask_for("increase(r)");
  mst_errctx ctx = {0};
  double value = 0;

  cr_expect(scrape(ask, MST_EXPOSITION_TEXT, "r 5\n", 10, &value, &ctx) == MST_EABSENT);
  cr_expect(scrape(ask, MST_EXPOSITION_TEXT, "r 7\nbroken\n", 20, &value, &ctx) == MST_EMALFORMED);
  cr_expect(scrape(ask, MST_EXPOSITION_TEXT, "r 9\n", 30, &value, &ctx) == MST_OK);
  cr_expect_float_eq(value, 4, 1e-9, "%g", value);
  cr_expect(scrape(ask, MST_EXPOSITION_TEXT, "r 9\nr 9\n", 40, &value, &ctx) == MST_EMALFORMED);
  cr_expect(strstr(ctx.text, "second time"), "%s", ctx.text);
  mst_ask_destroy(ask);
}

/* Expected by hand from promql/quantile.go; see test_prometheus.py for the same held against a real Prometheus. */
Test(quantile, known_histograms__have_known_quantiles)
{
  const struct {
    mst_bucket buckets[5];
    size_t count;
    double quantile, wanted;
  } cases[] = {
      {{{1, 5}, {2, 10}, {INFINITY, 10}}, 3, 0.5, 1},
      {{{1, 5}, {2, 10}, {INFINITY, 10}}, 3, 0.75, 1.5},
      {{{2, 10}, {INFINITY, 10}, {1, 5}}, 3, 0.25, 0.5}, /* any order */
      {{{1, 5}, {2, 10}, {INFINITY, 20}}, 3, 0.95, 2},   /* in the last: its lower bound */
      {{{0, 4}, {1, 8}, {INFINITY, 8}}, 3, 0.25, 0},     /* in a first that ends at 0 */
      {{{-1, 4}, {1, 8}, {INFINITY, 8}}, 3, 0.75, 0},
      {{{1, 5}, {1, 5}, {2, 20}, {INFINITY, 20}}, 4, 0.5, 1},
      {{{1, 5}, {2, 4}, {3, 10}, {INFINITY, 10}}, 4, 0.75, 2.5}, /* counts that fall are levelled */
      {{{1, 5}, {2, 5}}, 2, 0.5, NAN},                           /* no +Inf */
      {{{INFINITY, 5}}, 1, 0.5, NAN},
      {{{1, 0}, {INFINITY, 0}}, 2, 0.5, NAN},
      {{{1, 0}}, 0, 0.5, NAN},
      {{{1, 5}, {2, 10}, {INFINITY, 10}}, 3, 0, 0},
      {{{1, 5}, {2, 10}, {INFINITY, 10}}, 3, 1, 2},
  };

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    mst_bucket buckets[5];
    memcpy(buckets, cases[i].buckets, sizeof buckets);
    double value = mst_buckets_quantile(buckets, cases[i].count, cases[i].quantile);
    cr_expect(isnan(cases[i].wanted) ? isnan(value) : fabs(value - cases[i].wanted) < 1e-12, "case %zu: %g", i, value);
  }
}

Test(ask, quantiles__are_of_all_time_or_of_the_time_between)
{
  static const char first[] = "b{le=\"1\",h=\"a\"} 90\nb{le=\"2\",h=\"a\"} 90\nb{le=\"+Inf\",h=\"a\"} 90\n"
                              "b{le=\"1\",h=\"b\"} 0\nb{le=\"2\",h=\"b\"} 0\nb{le=\"+Inf\",h=\"b\"} 0\n";
  static const char second[] = "b{le=\"1\",h=\"a\"} 90\nb{le=\"2\",h=\"a\"} 95\nb{le=\"+Inf\",h=\"a\"} 95\n"
                               "b{le=\"1.0\",h=\"c\"} 0\nb{le=\"2\",h=\"b\"} 5\nb{le=\"+Inf\",h=\"b\"} 5\n";
  mst_ask *always = ask_for("quantile(0.5, b)"), *between = ask_for("quantile(0.5, increase(b))"), *rate = ask_for("quantile(0.5,rate(b))");
  mst_errctx ctx = {0};
  double value = 0;

  cr_expect(scrape(always, MST_EXPOSITION_TEXT, second, 10, &value, &ctx) == MST_OK, "%s", ctx.text);
  cr_expect_float_eq(value, 50.0 / 90, 1e-12, "%g", value);
  cr_expect(scrape(between, MST_EXPOSITION_TEXT, first, 10, &value, &ctx) == MST_EABSENT);
  cr_expect(scrape(between, MST_EXPOSITION_TEXT, second, 20, &value, &ctx) == MST_OK, "%s", ctx.text);
  cr_expect_float_eq(value, 1.5, 1e-12, "%g", value);
  cr_expect(scrape(between, MST_EXPOSITION_TEXT, second, 30, &value, &ctx) == MST_EABSENT, "nothing came in between");
  cr_expect(scrape(rate, MST_EXPOSITION_TEXT, first, 10, &value, &ctx) == MST_EABSENT);
  cr_expect(scrape(rate, MST_EXPOSITION_TEXT, second, 20, &value, &ctx) == MST_OK);
  cr_expect_float_eq(value, 1.5, 1e-12, "%g", value);
  mst_ask_destroy(always);
  mst_ask_destroy(between);
  mst_ask_destroy(rate);
}

Test(ask, more_series_than_it_keeps__are_refused_and_counting_keeps_none)
{
  mst_ask *rate = ask_for("sum(rate({a=~\".+\"}))"), *count = ask_for("count({a=~\".+\"})");
  mst_errctx ctx = {0};
  double value = 0;
  mst_exposition *readers[] = {mst_exposition_create(MST_EXPOSITION_TEXT, 1 << 30, hand_over, rate),
                               mst_exposition_create(MST_EXPOSITION_TEXT, 1 << 30, hand_over, count)};
  mst_err first = MST_OK;

  mst_ask_begin(rate);
  mst_ask_begin(count);
  for (int i = 0; i <= MST_ASK_SERIES_MAX; i++) {
    char line[64];
    int length = snprintf(line, sizeof line, "m{a=\"%d\"} 1\n", i);
    if (!first)
      first = mst_exposition_feed(readers[0], line, (size_t)length, &ctx);
    cr_assert(mst_exposition_feed(readers[1], line, (size_t)length, NULL) == MST_OK);
  }
  cr_expect(first == MST_ELIMIT);
  cr_expect(strstr(ctx.text, "line 8193: more than 8192 series match"), "%s", ctx.text);
  cr_expect(mst_ask_end(count, 1, 1, &value, &ctx) == MST_OK);
  cr_expect(value == MST_ASK_SERIES_MAX + 1);
  mst_exposition_destroy(readers[0]);
  mst_exposition_destroy(readers[1]);
  mst_ask_destroy(rate);
  mst_ask_destroy(count);
}
