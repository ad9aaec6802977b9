/* Counts, the window, and sampling: roots against what a metric counted meanwhile. */
#include <criterion/criterion.h>
#include <math.h>

#include "book.h"

static const int64_t opened_ns = 1795420000 * MST_NS_PER_S;
static const uint64_t api = 11, worker = 22;

struct world {
  mst_clock_manual clock;
  mst_otlp_wanted wanted;
  mst_otlp_book *book;
  mst_otlp_view view;
};

static struct world
make(const char *metric)
{
  struct world world = {.wanted = {.required = {"a"}, .required_count = 1, .requests_metric = metric}};

  mst_clock_manual_init(&world.clock, opened_ns);
  world.clock.mono_ns = 1000 * MST_NS_PER_S;
  return world;
}

static void
begin(struct world *world)
{
  mst_errctx ctx = {0};

  cr_assert_eq(mst_otlp_book_create(&world->wanted, 300 * MST_NS_PER_S, &world->clock.base, &world->book, &ctx), MST_OK, "%s", ctx.text);
}

static void
done(struct world *world)
{
  mst_otlp_book_destroy(world->book);
}

static void
pass(struct world *world, int seconds)
{
  mst_clock_manual_advance(&world->clock, seconds * MST_NS_PER_S);
}

static void
spans(struct world *world, uint64_t roots, uint64_t complete)
{
  mst_otlp_tally tally = {
      .wanted = &world->wanted, .spans = {roots, 0, 0}, .with_ids = roots, .roots = roots, .held = roots, .complete = complete};

  cr_expect_eq(mst_otlp_book_take(world->book, MST_OTLP_TRACES, &tally), 0);
}

/* One export of a process: what each of its series counts, all with the same start. */
static uint64_t export(struct world *world, uint64_t resource, int64_t start_ns, bool is_delta, size_t count, const double values[])
{
  mst_otlp_tally tally;
  mst_errctx ctx = {0};

  mst_otlp_tally_init(&tally, &world->wanted);
  for (size_t i = 0; i < count; i++) {
    const mst_otlp_point point = {.series = resource * 1000 + i + 1,
                                  .resource = resource,
                                  .start_ns = (uint64_t)start_ns,
                                  .time_ns = (uint64_t)world->clock.wall_ns,
                                  .value = values[i],
                                  .is_delta = is_delta};

    cr_assert_eq(mst_otlp_tally_request(&tally, &point, &ctx), MST_OK);
  }
  tally.points = count;
  tally.has_metric = true;
  uint64_t untaken = mst_otlp_book_take(world->book, MST_OTLP_METRICS, &tally);
  mst_otlp_tally_done(&tally);
  return untaken;
}

static void
expect_sampling(struct world *world, double wanted)
{
  mst_otlp_book_look(world->book, &world->view);
  cr_assert_eq(world->view.state, MST_OTLP_IS_KNOWN, "state %d", world->view.state);
  cr_expect_float_eq(world->view.sampling, wanted, 1e-9, "%g and not %g", world->view.sampling, wanted);
}

static void
expect_none(struct world *world, mst_otlp_sampling why)
{
  mst_otlp_book_look(world->book, &world->view);
  cr_expect_eq(world->view.state, why, "state %d", world->view.state);
}

Test(book, nothing_came__counts_are_zero_since_the_opening_and_nothing_is_known)
{
  struct world world = make("n");

  begin(&world);
  pass(&world, 7);
  expect_none(&world, MST_OTLP_NEVER_CAME);
  cr_expect_eq(world.view.since.ns, opened_ns);
  cr_expect_eq(world.view.spans[0] + world.view.spans[1] + world.view.spans[2] + world.view.points + world.view.recent, 0);
  done(&world);
}

Test(book, spans__leave_the_window_but_not_the_counter)
{
  struct world world = make(NULL);

  begin(&world);
  spans(&world, 10, 4);
  pass(&world, 200);
  spans(&world, 6, 6);
  mst_otlp_book_look(world.book, &world.view);
  cr_expect_eq(world.view.recent, 16);
  cr_expect_eq(world.view.complete, 10);
  pass(&world, 150);
  mst_otlp_book_look(world.book, &world.view);
  cr_expect_eq(world.view.recent, 6);
  cr_expect_eq(world.view.complete, 6);
  cr_expect_eq(world.view.spans[0], 16);
  pass(&world, 301);
  expect_none(&world, MST_OTLP_NOT_ASKED);
  cr_expect_eq(world.view.recent, 0);
  cr_expect_eq(world.view.spans[0], 16);
  done(&world);
}

Test(book, process_that_began_later__its_first_count_is_whole)
{
  struct world world = make("n");

  begin(&world);
  pass(&world, 30);
  spans(&world, 5, 5);
  pass(&world, 30);
  export(&world, api, opened_ns + 10, false, 2, (double[]){6, 4});
  expect_sampling(&world, 0.5);
  spans(&world, 9, 9);
  expect_sampling(&world, 0.5); /* those wait for their requests */
  pass(&world, 60);
  export(&world, api, opened_ns + 10, false, 2, (double[]){16, 4});
  expect_sampling(&world, 14.0 / 20);
  done(&world);
}

Test(book, process_that_was_there_before__only_what_comes_later_counts)
{
  struct world world = make("n");

  begin(&world);
  spans(&world, 50, 50); /* of requests that cannot be told from older ones */
  export(&world, api, opened_ns - 5, false, 1, (double[]){1000});
  expect_none(&world, MST_OTLP_NO_REQUESTS);
  pass(&world, 60);
  spans(&world, 5, 5);
  export(&world, api, opened_ns - 5, false, 2, (double[]){1008, 2}); /* and a series that it did not have: two new ones */
  expect_sampling(&world, 0.5);
  pass(&world, 20);
  export(&world, worker, opened_ns - 9, false, 1, (double[]){77});
  expect_none(&world, MST_OTLP_NO_REQUESTS); /* its roots came among the others': the window begins anew */
  pass(&world, 60);
  spans(&world, 3, 3);
  export(&world, worker, opened_ns - 9, false, 1, (double[]){83});
  expect_sampling(&world, 0.5);
  done(&world);
}

Test(book, counter_that_begins_anew__counts_from_nothing)
{
  struct world world = make("n");

  begin(&world);
  export(&world, api, opened_ns + 1, false, 1, (double[]){10});
  pass(&world, 60);
  spans(&world, 12, 12);
  export(&world, api, opened_ns + 50, false, 1, (double[]){14}); /* above the value before, but with a new start */
  expect_sampling(&world, 12.0 / 24);
  pass(&world, 60);
  export(&world, api, opened_ns + 50, false, 1, (double[]){4}); /* below it, with the same start */
  expect_sampling(&world, 12.0 / 28);
  done(&world);
}

Test(book, delta_points__add_up_and_a_repeated_export_adds_nothing)
{
  struct world world = make("n");

  begin(&world);
  pass(&world, 10);
  spans(&world, 4, 4);
  export(&world, api, opened_ns + 1, true, 1, (double[]){5});
  export(&world, api, opened_ns + 1, true, 1, (double[]){5}); /* the same again: a retry */
  expect_sampling(&world, 0.8);
  pass(&world, 10);
  export(&world, api, opened_ns + 10 * MST_NS_PER_S, true, 1, (double[]){3});
  expect_sampling(&world, 0.5);
  done(&world);
}

Test(book, metric_that_stops__sampling_is_not_known_after_the_window)
{
  struct world world = make("n");

  begin(&world);
  spans(&world, 1, 1);
  export(&world, api, opened_ns + 1, false, 1, (double[]){2});
  expect_sampling(&world, 0.5);
  pass(&world, 299);
  spans(&world, 7, 7);
  expect_sampling(&world, 0.5);
  pass(&world, 10);
  expect_none(&world, MST_OTLP_NO_REQUESTS);
  done(&world);
}

Test(book, requests_without_traces__are_sampled_at_nought)
{
  struct world world = make("n");

  begin(&world);
  export(&world, api, opened_ns + 1, false, 1, (double[]){20});
  expect_sampling(&world, 0);
  done(&world);
}

Test(book, values_that_count_nothing__are_not_taken)
{
  struct world world = make("n");

  begin(&world);
  cr_expect_eq(export(&world, api, opened_ns + 1, false, 3, (double[]){NAN, -1, INFINITY}), 3);
  expect_none(&world, MST_OTLP_NOT_ALL);
  cr_expect_eq(world.view.rejected[MST_OTLP_OVER], 3);
  cr_expect_eq(world.view.points, 0);
  cr_expect_eq(world.view.requests[MST_OTLP_METRICS][MST_OTLP_PARTIAL], 1);
  done(&world);
}

Test(book, more_series_than_are_kept__are_not_taken_until_old_ones_are_forgotten)
{
  struct world world = make("n");
  double ones[MST_OTLP_POINTS_MAX];

  for (size_t i = 0; i < MST_OTLP_POINTS_MAX; i++)
    ones[i] = 1;
  begin(&world);
  cr_expect_eq(export(&world, api, opened_ns + 1, false, MST_OTLP_POINTS_MAX, ones), 0);
  expect_sampling(&world, 0);
  cr_expect_eq(export(&world, worker, opened_ns + 1, false, 7, ones), 7);
  expect_none(&world, MST_OTLP_NOT_ALL);
  pass(&world, 3700);
  cr_expect_eq(export(&world, worker, opened_ns + 1, false, 7, ones), 0);
  expect_sampling(&world, 0);
  done(&world);
}
