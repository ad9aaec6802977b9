#include "fixture.h"

#include <stdlib.h>

#include <mst/common/alloc.h>

#include "book.h"

static const int64_t base_ns = 1795470910LL * MST_NS_PER_S;

/* Milliseconds after some moment. */
static mst_wall
at(int64_t ms)
{
  return (mst_wall){base_ns + ms * MST_NS_PER_MS};
}

static mst_book
new_book(void)
{
  mst_book book;

  mst_book_init(&book, 60 * MST_NS_PER_S, (mst_wall){1});
  return book;
}

static bool
tell_of(mst_book *book, const char *id, const char *name, mst_docker_action action, int64_t ms, int code)
{
  mst_docker_event event = {.action = action, .at = at(ms), .exit_code = action == MST_ACTION_DIE ? code : -1};
  bool is_new = false;
  mst_errctx ctx = {0};

  if (action == MST_ACTION_KILL)
    event.signal = code;
  snprintf(event.id, sizeof event.id, "%s", id);
  snprintf(event.name, sizeof event.name, "%s", name);
  mst_err err = mst_book_event(book, &event, &is_new, &ctx);

  cr_expect(err == MST_OK || err == MST_EABSENT, "%s", ctx.text);
  return is_new;
}

static bool
tell(mst_book *book, mst_docker_action action, int64_t ms, int code)
{
  return tell_of(book, web_id, "web", action, ms, code);
}

static mst_docker_inspect
answer(mst_container_state state, int64_t started_ms, int64_t finished_ms)
{
  mst_docker_inspect seen = {.state = state, .policy = MST_POLICY_ALWAYS, .name = "web", .pid = state == MST_CONTAINER_RUNNING ? 7 : 0};

  snprintf(seen.id, sizeof seen.id, "%s", web_id);
  seen.started_at = started_ms > 0 ? at(started_ms) : (mst_wall){0};
  seen.finished_at = finished_ms > 0 ? at(finished_ms) : (mst_wall){0};
  return seen;
}

static mst_docker_record *
observe(mst_book *book, const mst_docker_inspect *seen, int64_t now_ms)
{
  mst_docker_record *record = mst_book_of_id(book, seen->id);
  mst_errctx ctx = {0};

  if (record)
    record->needs_inspect = false; /* as whoever asks */
  cr_assert_eq(mst_book_inspect(book, seen, at(now_ms), &ctx), MST_OK, "%s", ctx.text);
  return mst_book_of_id(book, seen->id);
}

/* A container that has run for long when it is first seen. */
static mst_docker_record *
begin(mst_book *book)
{
  mst_docker_inspect seen = answer(MST_CONTAINER_RUNNING, 1000, 0);

  return observe(book, &seen, 100000);
}

static void
confirm(mst_book *book, int64_t ms)
{
  mst_book_confirm(book, at(ms));
}

Test(book_restarts, by_the_policy__count_and_are_nobodys_doing)
{
  mst_book book = new_book();
  mst_docker_record *record = begin(&book);

  for (int i = 0; i < 5; i++) {
    tell(&book, MST_ACTION_DIE, 200000 + i * 1000, 3);
    tell(&book, MST_ACTION_START, 200100 + i * 1000, 0);
  }
  confirm(&book, 300000);
  cr_expect_eq(record->restarts, 5);
  cr_expect_eq(record->by_hand, 0);
  cr_expect_eq(record->exit_code, 3);
  cr_expect(record->has_exit_code);
  mst_book_done(&book);
}

Test(book_restarts, before_it_was_seen__are_dockers_own_count)
{
  mst_book book = new_book();
  mst_docker_inspect seen = answer(MST_CONTAINER_RUNNING, 1000, 900);

  seen.restart_count = 4;
  cr_expect_eq(observe(&book, &seen, 100000)->restarts, 4);
  seen.started_at = at(150000); /* two more, of which nobody told */
  seen.finished_at = at(149000);
  seen.restart_count = 6;
  cr_expect_eq(observe(&book, &seen, 200000)->restarts, 6);
  cr_expect_eq(observe(&book, &seen, 210000)->restarts, 6);
  mst_book_done(&book);
}

Test(book_restarts, told_by_event_and_answer__count_once_in_any_order)
{
  for (int order = 0; order < 3; order++) {
    mst_book book = new_book();
    mst_docker_record *record = begin(&book);
    mst_docker_inspect seen = answer(MST_CONTAINER_RUNNING, 200100, 200000);

    seen.restart_count = 1;
    if (order == 0)
      observe(&book, &seen, 200103);
    tell(&book, MST_ACTION_DIE, 200040, 1);
    if (order == 1)
      observe(&book, &seen, 200103);
    tell(&book, MST_ACTION_START, 200105, 0);
    if (order == 2)
      observe(&book, &seen, 200110);
    observe(&book, &seen, 300000);
    confirm(&book, 300000);
    cr_expect_eq(record->restarts, 1, "order %d: %lu", order, (unsigned long)record->restarts);
    cr_expect_eq(record->exit_code, 1, "order %d", order);
    cr_expect_eq(record->by_hand, 0, "order %d", order);
    mst_book_done(&book);
  }
}

Test(book_restarts, life_of_milliseconds__ends_before_it_begins_and_counts_once)
{
  mst_book book = new_book();
  mst_docker_inspect seen = answer(MST_CONTAINER_EXITED, 200008, 200005);
  mst_docker_record *record;

  tell(&book, MST_ACTION_CREATE, 199000, 0);
  record = observe(&book, &seen, 200010);
  tell(&book, MST_ACTION_START, 200011, 0);
  tell(&book, MST_ACTION_DIE, 200044, 3);
  cr_expect_eq(record->restarts, 0);
  cr_expect_not(record->is_up);
  tell(&book, MST_ACTION_START, 200150, 0);
  cr_expect_eq(record->restarts, 1);
  mst_book_done(&book);
}

Test(book_restarts, same_event_twice__counts_once)
{
  mst_book book = new_book();
  mst_docker_record *record = begin(&book);

  cr_expect(tell(&book, MST_ACTION_OOM, 200000, 0));
  cr_expect(tell(&book, MST_ACTION_DIE, 200001, 137));
  cr_expect_not(tell(&book, MST_ACTION_OOM, 200000, 0));
  cr_expect_not(tell(&book, MST_ACTION_DIE, 200001, 137));
  cr_expect_eq(mst_book_oom_kills(record), 1);
  mst_book_done(&book);
}

Test(book_by_hand, stop_start_restart_and_kill__count_once_each)
{
  static const struct {
    const char *what;
    mst_docker_action actions[6];
    int codes[6];
    unsigned by_hand, restarts;
  } cases[] = {
      {"docker stop", {MST_ACTION_KILL, MST_ACTION_DIE, MST_ACTION_STOP}, {15, 0}, 1, 0},
      {"docker stop of one that does not listen", {MST_ACTION_KILL, MST_ACTION_KILL, MST_ACTION_DIE, MST_ACTION_STOP}, {15, 9, 137}, 1, 0},
      {"docker stop, docker start", {MST_ACTION_KILL, MST_ACTION_DIE, MST_ACTION_STOP, MST_ACTION_START}, {15, 0}, 2, 1},
      {"docker restart", {MST_ACTION_KILL, MST_ACTION_DIE, MST_ACTION_STOP, MST_ACTION_START, MST_ACTION_RESTART}, {15, 0}, 1, 1},
      {"docker kill", {MST_ACTION_KILL, MST_ACTION_DIE}, {9, 137}, 1, 0},
      {"docker kill -s HUP", {MST_ACTION_KILL}, {1}, 0, 0},
      {"docker kill -s HUP, then a crash", {MST_ACTION_KILL, MST_ACTION_DIE, MST_ACTION_START}, {1, 1}, 0, 1},
      {"kill(1) on the host", {MST_ACTION_DIE, MST_ACTION_START}, {137}, 0, 1},
      {"podman stop", {MST_ACTION_STOP, MST_ACTION_DIE}, {0, 137}, 1, 0},
      {"podman restart", {MST_ACTION_RESTART, MST_ACTION_STOP, MST_ACTION_DIE, MST_ACTION_START}, {0, 0, 137}, 1, 1},
      {"podman's policy", {MST_ACTION_DIE, MST_ACTION_RESTART, MST_ACTION_START}, {137}, 0, 1},
      {"podman kill", {MST_ACTION_KILL, MST_ACTION_DIE}, {0, 137}, 1, 0},
  };

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    mst_book book = new_book();
    mst_docker_record *record = begin(&book);

    for (int j = 0; j < 6 && cases[i].actions[j] != MST_ACTION_OTHER; j++)
      tell(&book, cases[i].actions[j], 200000 + 10 * j, cases[i].codes[j]);
    cr_expect_eq(record->by_hand, 0, "%s: nothing counts before it is confirmed", cases[i].what);
    confirm(&book, 200500);
    cr_expect_eq(record->by_hand, 0, "%s: too early, a restart may follow a start", cases[i].what);
    cr_expect_eq(mst_book_wants_confirmation(&book, at(210000)), cases[i].by_hand > 0, "%s", cases[i].what);
    confirm(&book, 210000);
    cr_expect_eq(record->by_hand, cases[i].by_hand, "%s: %lu", cases[i].what, (unsigned long)record->by_hand);
    cr_expect_eq(record->restarts, cases[i].restarts, "%s: %lu", cases[i].what, (unsigned long)record->restarts);
    mst_book_done(&book);
  }
}

Test(book_by_hand, start_by_what_the_policy_would_not__is_by_hand)
{
  static const struct {
    mst_docker_policy policy;
    int exit_code;
    unsigned by_hand;
  } cases[] = {{MST_POLICY_NO, 1, 1}, {MST_POLICY_ON_FAILURE, 0, 1}, {MST_POLICY_ON_FAILURE, 1, 0}, {MST_POLICY_ALWAYS, 0, 0}};

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    mst_book book = new_book();
    mst_docker_inspect seen = answer(MST_CONTAINER_RUNNING, 1000, 0);

    seen.policy = cases[i].policy;
    mst_docker_record *record = observe(&book, &seen, 100000);

    tell(&book, MST_ACTION_DIE, 200000, cases[i].exit_code);
    tell(&book, MST_ACTION_START, 205000, 0);
    confirm(&book, 300000);
    cr_expect_eq(record->by_hand, cases[i].by_hand, "case %zu", i);
    mst_book_done(&book);
  }
}

Test(book_by_hand, first_start_of_a_new_container__is_a_deployment)
{
  for (int early = 0; early < 2; early++) {
    mst_book book = new_book();
    mst_docker_inspect seen = answer(MST_CONTAINER_RUNNING, 200100, 0);

    seen.policy = MST_POLICY_NO;
    tell(&book, MST_ACTION_CREATE, 200000, 0);
    if (early)
      observe(&book, &seen, 200103);
    tell(&book, MST_ACTION_START, 200105, 0);
    mst_docker_record *record = observe(&book, &seen, 200200);

    confirm(&book, 300000);
    cr_expect_eq(record->by_hand, 0);
    cr_expect_eq(record->restarts, 0);
    mst_book_done(&book);
  }
}

Test(book_by_hand, daemon_that_ends__is_nobodys_hand)
{
  mst_book book = new_book();
  mst_docker_record *record = begin(&book);

  tell(&book, MST_ACTION_KILL, 200000, 15);
  tell(&book, MST_ACTION_DIE, 200010, 0);
  tell(&book, MST_ACTION_STOP, 200020, 0);
  mst_book_daemon_ended(&book);
  tell(&book, MST_ACTION_START, 230000, 0); /* with the daemon's own start */
  confirm(&book, 300000);
  mst_book_judge(&book, at(400000));
  cr_expect_eq(record->by_hand, 0);
  cr_expect_eq(record->restarts, 1);
  cr_expect_eq(record->not_recovered, 0);

  tell(&book, MST_ACTION_KILL, 500000, 15);
  tell(&book, MST_ACTION_DIE, 500010, 0);
  tell(&book, MST_ACTION_STOP, 500020, 0);
  confirm(&book, 510000);
  cr_expect_eq(record->by_hand, 1, "later stops count again");
  mst_book_done(&book);
}

Test(book_recovery, in_time__is_no_failure)
{
  mst_book book = new_book();
  mst_docker_record *record = begin(&book);

  tell(&book, MST_ACTION_DIE, 200000, 1);
  mst_book_judge(&book, at(259000));
  tell(&book, MST_ACTION_START, 259500, 0);
  mst_book_judge(&book, at(280000));
  mst_book_judge(&book, at(900000));
  cr_expect_eq(record->not_recovered, 0);
  cr_expect_eq(record->failed_at.ns, 0);
  mst_book_done(&book);
}

Test(book_recovery, too_late_or_never__counts_once)
{
  for (int comes_back = 0; comes_back < 2; comes_back++) {
    mst_book book = new_book();
    mst_docker_record *record = begin(&book);

    tell(&book, MST_ACTION_DIE, 200000, 1);
    for (int64_t ms = 200000; ms < 400000; ms += 1000)
      mst_book_judge(&book, at(ms));
    cr_expect_eq(record->not_recovered, 1);
    if (comes_back)
      tell(&book, MST_ACTION_START, 400000, 0);
    for (int64_t ms = 400000; ms < 600000; ms += 1000)
      mst_book_judge(&book, at(ms));
    cr_expect_eq(record->not_recovered, 1);
    if (comes_back) {
      tell(&book, MST_ACTION_DIE, 700000, 1);
      mst_book_judge(&book, at(800000));
      cr_expect_eq(record->not_recovered, 2, "another death");
    }
    mst_book_done(&book);
  }
}

Test(book_recovery, late_but_told_at_once__counts_by_the_times_of_the_events)
{
  mst_book book = new_book();
  mst_docker_record *record = begin(&book);

  tell(&book, MST_ACTION_DIE, 200000, 1); /* after an interruption both are told together */
  tell(&book, MST_ACTION_START, 300000, 0);
  mst_book_judge(&book, at(900000));
  cr_expect_eq(record->not_recovered, 1);
  mst_book_done(&book);
}

Test(book_recovery, loop__is_one_failure)
{
  mst_book book = new_book();
  mst_docker_record *record = begin(&book);

  for (int i = 0; i < 100; i++) {
    tell(&book, MST_ACTION_DIE, 200000 + i * 4000, 1);
    tell(&book, MST_ACTION_START, 203000 + i * 4000, 0);
    mst_book_judge(&book, at(203500 + i * 4000));
  }
  cr_expect_eq(record->restarts, 100);
  cr_expect_eq(record->not_recovered, 1, "it is %lu", (unsigned long)record->not_recovered);
  mst_book_judge(&book, at(700000));
  tell(&book, MST_ACTION_DIE, 800000, 1);
  mst_book_judge(&book, at(861000));
  cr_expect_eq(record->not_recovered, 2, "after a time of health it is another one");
  mst_book_done(&book);
}

Test(book_recovery, with_a_health_check__takes_health)
{
  mst_book book = new_book();
  mst_docker_inspect seen = answer(MST_CONTAINER_RUNNING, 1000, 0);

  seen.health = MST_HEALTH_HEALTHY;
  mst_docker_record *record = observe(&book, &seen, 100000);

  tell(&book, MST_ACTION_UNHEALTHY, 200000, 0);
  tell(&book, MST_ACTION_HEALTHY, 230000, 0);
  mst_book_judge(&book, at(300000));
  cr_expect_eq(record->not_recovered, 0);
  tell(&book, MST_ACTION_DIE, 400000, 1);
  tell(&book, MST_ACTION_START, 400100, 0);
  mst_book_judge(&book, at(459000));
  cr_expect_eq(record->not_recovered, 0);
  mst_book_judge(&book, at(461000));
  cr_expect_eq(record->not_recovered, 1, "running is not healthy");
  cr_expect_eq(record->seen.health, MST_HEALTH_STARTING);
  mst_book_done(&book);
}

Test(book_recovery, what_was_told_to_stop_or_has_done_its_work__did_not_fail)
{
  static const struct {
    const char *what;
    mst_docker_action actions[4];
    int exit_code;
    mst_docker_policy policy;
    bool is_expected;
    unsigned failures;
  } cases[] = {
      {"stopped", {MST_ACTION_KILL, MST_ACTION_DIE, MST_ACTION_STOP}, 137, MST_POLICY_ALWAYS, true, 0},
      {"killed", {MST_ACTION_KILL, MST_ACTION_DIE}, 137, MST_POLICY_ALWAYS, true, 1},
      {"removed", {MST_ACTION_KILL, MST_ACTION_DIE, MST_ACTION_DESTROY}, 137, MST_POLICY_ALWAYS, false, 0},
      {"expected and removed", {MST_ACTION_KILL, MST_ACTION_DIE, MST_ACTION_DESTROY}, 137, MST_POLICY_ALWAYS, true, 1},
      {"done", {MST_ACTION_DIE}, 0, MST_POLICY_NO, false, 0},
      {"expected and done", {MST_ACTION_DIE}, 0, MST_POLICY_NO, true, 1},
      {"failed", {MST_ACTION_DIE}, 1, MST_POLICY_NO, false, 1},
      {"done, but to be run always", {MST_ACTION_DIE}, 0, MST_POLICY_ALWAYS, false, 1},
  };

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    mst_book book = new_book();
    mst_docker_inspect seen = answer(MST_CONTAINER_RUNNING, 1000, 0);

    seen.policy = cases[i].policy;
    mst_docker_record *record = observe(&book, &seen, 100000);

    record->is_expected = cases[i].is_expected;
    for (int j = 0; j < 4 && cases[i].actions[j] != MST_ACTION_OTHER; j++)
      tell(&book, cases[i].actions[j], 200000 + 10 * j, cases[i].actions[j] == MST_ACTION_KILL ? 9 : cases[i].exit_code);
    mst_book_judge(&book, at(300000));
    cr_expect_eq(record->not_recovered, cases[i].failures, "%s: %lu", cases[i].what, (unsigned long)record->not_recovered);
    mst_book_done(&book);
  }
}

Test(book_by_hand, kill_that_is_told_after_the_death__is_by_hand_all_the_same)
{
  for (int comes_back = 0; comes_back < 2; comes_back++) {
    mst_book book = new_book();
    mst_docker_record *record = begin(&book);

    tell(&book, MST_ACTION_DIE, 200000, 137);
    if (comes_back)
      tell(&book, MST_ACTION_START, 200110, 0);
    tell(&book, MST_ACTION_KILL, 200003, 9);
    confirm(&book, 300000);
    cr_expect_eq(record->by_hand, 1, "%d", comes_back);
    tell(&book, MST_ACTION_DIE, comes_back ? 205000 : 200004, 1); /* of itself, or the same told again */
    confirm(&book, 400000);
    cr_expect_eq(record->by_hand, 1, "%d", comes_back);
    mst_book_done(&book);
  }
}

Test(book_totals, container_that_is_gone__stays_in_the_totals)
{
  mst_book book = new_book();

  begin(&book);
  tell(&book, MST_ACTION_KILL, 200000, 9);
  tell(&book, MST_ACTION_DIE, 200010, 137);
  confirm(&book, 210000);
  mst_book_judge(&book, at(300000));
  tell(&book, MST_ACTION_DESTROY, 310000, 0);
  mst_book_forget(&book, at(300000 + 2 * 3600000), NULL);
  cr_expect_eq(book.count, 0);
  cr_expect_eq(book.totals.by_hand, 1);
  cr_expect_eq(book.totals.not_recovered, 1);
  mst_book_done(&book);
}

/* What an agent finds that did not listen for a while. */
Test(book_doubt, lives_that_no_event_told_of__are_somebodys_unless_explained)
{
  static const struct {
    const char *what;
    int64_t started_ms, finished_ms;
    mst_container_state state;
    uint64_t restart_count;
    bool daemon_ended, is_doubt;
  } cases[] = {
      {"nothing happened", 1000, 0, MST_CONTAINER_RUNNING, 0, false, false},
      {"restarted", 200000, 199000, MST_CONTAINER_RUNNING, 0, false, true},
      {"restarted by the policy", 200000, 199000, MST_CONTAINER_RUNNING, 1, false, false},
      {"ended", 1000, 200000, MST_CONTAINER_EXITED, 0, false, true},
      {"restarted with the daemon", 200000, 199000, MST_CONTAINER_RUNNING, 0, true, false},
      {"ended with the daemon", 1000, 200000, MST_CONTAINER_EXITED, 0, true, false},
  };

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    mst_book book = new_book();
    mst_docker_inspect seen = answer(MST_CONTAINER_RUNNING, 1000, 0);

    observe(&book, &seen, 100000);
    book.totals.by_hand = 3;
    if (cases[i].daemon_ended)
      mst_book_daemon_ended(&book);
    seen = answer(cases[i].state, cases[i].started_ms, cases[i].finished_ms);
    seen.restart_count = cases[i].restart_count;
    observe(&book, &seen, 300000);
    cr_expect_eq(book.doubt_at.ns, cases[i].is_doubt ? at(300000).ns : 0, "%s", cases[i].what);
    cr_expect_eq(book.totals.by_hand, cases[i].is_doubt ? 0 : 3, "%s", cases[i].what);
    cr_expect_eq(book.totals.by_hand_since.ns, cases[i].is_doubt ? at(300000).ns : 1, "%s", cases[i].what);
    cr_expect_str_eq(book.doubt, cases[i].is_doubt ? "web" : "", "%s", cases[i].what);
    mst_book_done(&book);
  }
}

Test(book_doubt, life_after_the_daemons_end__is_explained_only_once)
{
  mst_book book = new_book();
  mst_docker_inspect seen = answer(MST_CONTAINER_RUNNING, 1000, 0);

  observe(&book, &seen, 100000);
  mst_book_daemon_ended(&book);
  observe(&book, &seen, 110000); /* it lived through it */
  seen = answer(MST_CONTAINER_RUNNING, 200000, 199000);
  observe(&book, &seen, 300000);
  cr_expect_eq(book.doubt_at.ns, at(300000).ns);
  mst_book_done(&book);
}

Test(book_oom, kills__are_the_most_that_either_source_tells)
{
  mst_book book = new_book();
  mst_docker_record *record = begin(&book);

  record->oom_counted = 3; /* the kernel's, of this life */
  tell(&book, MST_ACTION_OOM, 200000, 0);
  cr_expect_eq(mst_book_oom_kills(record), 3);
  tell(&book, MST_ACTION_DIE, 200001, 137);
  tell(&book, MST_ACTION_START, 200100, 0);
  cr_expect_eq(mst_book_oom_kills(record), 3);
  tell(&book, MST_ACTION_OOM, 200200, 0);
  cr_expect_eq(mst_book_oom_kills(record), 4);

  mst_docker_inspect seen = answer(MST_CONTAINER_EXITED, 200100, 200210);

  seen.oom_killed = true;
  observe(&book, &seen, 200300);
  cr_expect_eq(mst_book_oom_kills(record), 4, "that it was killed for it is known");
  mst_book_done(&book);
}

static mst_docker_listed
listed(const char *id, const char *name, mst_container_state state)
{
  mst_docker_listed entry = {.state = state};

  snprintf(entry.id, sizeof entry.id, "%s", id);
  snprintf(entry.name, sizeof entry.name, "%s", name);
  return entry;
}

Test(book_list, another_container_of_that_name__goes_on_counting)
{
  mst_book book = new_book();
  mst_docker_record *record = begin(&book);
  mst_docker_listed entry = listed(pod_id, "web", MST_CONTAINER_RUNNING);
  mst_errctx ctx = {0};

  tell(&book, MST_ACTION_KILL, 200000, 9);
  tell(&book, MST_ACTION_DIE, 200010, 137);
  tell(&book, MST_ACTION_DESTROY, 200020, 0);
  confirm(&book, 210000);
  cr_expect_eq(mst_book_list(&book, NULL, 0, at(200030), &ctx), MST_OK);
  cr_expect_not(record->is_listed);
  cr_expect_eq(record->gone_at.ns, at(200020).ns);
  cr_expect_eq(mst_book_list(&book, &entry, 1, at(201000), &ctx), MST_OK);
  cr_expect_eq(mst_book_of_name(&book, "web"), record);
  cr_expect(record->is_listed && record->needs_inspect);
  cr_expect_str_eq(record->id, pod_id);
  cr_expect_eq(record->by_hand, 1);
  cr_expect_eq(record->restarts, 0);
  mst_book_done(&book);
}

Test(book_list, change_of_state_or_health__asks_again)
{
  mst_book book = new_book();
  mst_docker_record *record = begin(&book);
  mst_docker_listed entry = listed(web_id, "web", MST_CONTAINER_RUNNING);
  mst_errctx ctx = {0};

  record->needs_inspect = false;
  cr_expect_eq(mst_book_list(&book, &entry, 1, at(200000), &ctx), MST_OK);
  cr_expect_not(record->needs_inspect);
  entry.health = MST_HEALTH_STARTING;
  cr_expect_eq(mst_book_list(&book, &entry, 1, at(200000), &ctx), MST_OK);
  cr_expect(record->needs_inspect);
  cr_expect(mst_book_is_due(record, at(200000)));
  cr_expect_not(mst_book_is_due(record, at(100100)), "asked 100 ms ago");
  mst_book_done(&book);
}

Test(book_forget, what_is_long_gone__is_dropped_unless_expected)
{
  mst_book book = new_book();
  mst_docker_record *record = begin(&book), *other;
  mst_errctx ctx = {0};

  cr_assert_eq(mst_book_open(&book, "wanted", at(0), &other, &ctx), MST_OK);
  other->is_expected = true;
  cr_assert_eq(mst_book_list(&book, NULL, 0, at(1000), &ctx), MST_OK);
  mst_book_forget(&book, at(3600000), NULL);
  cr_expect_eq(book.count, 2);
  mst_book_forget(&book, at(3601000), NULL);
  cr_expect_eq(book.count, 1);
  cr_expect_eq(book.list[0], other);
  (void)record;
  mst_book_done(&book);
}

Test(book_limit, of_names__is_said)
{
  mst_book book = new_book();
  mst_docker_record *record;
  mst_errctx ctx = {0};
  char name[32];

  for (int i = 0; i < 2 * MST_DOCKER_CONTAINERS_MAX; i++) {
    snprintf(name, sizeof name, "c%d", i);
    cr_assert_eq(mst_book_open(&book, name, at(0), &record, &ctx), MST_OK);
  }
  cr_expect_eq(mst_book_open(&book, "one-more", at(0), &record, &ctx), MST_ELIMIT);
  cr_expect(strstr(ctx.text, "ignore"), "%s", ctx.text);
  mst_book_done(&book);
}

Test(book_memory, that_is_out__is_an_error_and_breaks_nothing)
{
  for (size_t nth = 1; nth <= 2; nth++) {
    mst_book book = new_book();
    mst_docker_record *record = NULL;
    mst_errctx ctx = {0};

    mst_alloc_fail_at(nth);
    cr_expect_eq(mst_book_open(&book, "web", at(0), &record, &ctx), MST_ENOMEM);
    mst_alloc_fail_at(0);
    cr_expect_null(record);
    cr_expect_eq(mst_book_open(&book, "web", at(0), &record, &ctx), MST_OK);
    mst_book_done(&book);
  }
}
