#include "book_rig.h"

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

Test(book_by_hand, kill_and_death_told_with_their_times_the_other_way_round__are_one)
{
  for (int kill_first = 0; kill_first < 2; kill_first++) {
    mst_book book = new_book();
    mst_docker_record *record = begin(&book);

    if (kill_first) {
      tell(&book, MST_ACTION_KILL, 200003, 9);
      tell(&book, MST_ACTION_DIE, 200000, 137);
    } else {
      tell(&book, MST_ACTION_DIE, 200003, 137);
      tell(&book, MST_ACTION_KILL, 200000, 9);
    }
    confirm(&book, 300000);
    cr_expect_eq(record->by_hand, 1, "%d", kill_first);
    tell(&book, MST_ACTION_START, 300500, 0);
    tell(&book, MST_ACTION_DIE, 301000, 1); /* of itself */
    confirm(&book, 400000);
    cr_expect_eq(record->by_hand, 2, "%d: the start, as its policy is to let it be", kill_first);
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
