#include "book_rig.h"

#include <stdlib.h>

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

/* What an agent finds that did not listen for a while. */

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
