/* The server with many clients at once, and with clients that wait. */
#include "client.h"

TestSuite(load, .init = setup, .fini = teardown, .timeout = TESTS_MAX_S);

typedef struct poller {
  pthread_t thread;
  const char *query;
  reply got;
} poller;

static void *
poll_verdict(void *user)
{
  poller *at = user;
  char path[128];

  snprintf(path, sizeof path, "/api/v1/verdict/wait?%s", at->query);
  ask("GET", path, LOCAL, &at->got);
  return NULL;
}

static void
wait_for_waits(unsigned least)
{
  struct timespec pause = {.tv_nsec = 5 * MST_NS_PER_MS};

  for (int i = 0; double_waits(&core) < least; i++) {
    cr_assert_lt(i, PATIENCE_S * 200, "the long polls did not come");
    pthread_mutex_lock(&core.lock); /* a condition that nobody signals: a pause with a deadline */
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += pause.tv_nsec;
    if (until.tv_nsec >= MST_NS_PER_S)
      until = (struct timespec){until.tv_sec + 1, until.tv_nsec - MST_NS_PER_S};
    pthread_cond_timedwait(&core.changed, &core.lock, &until);
    pthread_mutex_unlock(&core.lock);
  }
}

Test(load, long_polls__return_when_the_verdict_changes)
{
  enum { POLLERS = 20 };
  static poller pollers[POLLERS];

  start_on_host("127.0.0.1", NULL);
  for (int i = 0; i < POLLERS; i++) {
    pollers[i].query = "version=7&timeout=60s";
    cr_assert_eq(pthread_create(&pollers[i].thread, NULL, poll_verdict, &pollers[i]), 0);
  }
  wait_for_waits(POLLERS);
  double_change(&core);
  for (int i = 0; i < POLLERS; i++) {
    pthread_join(pollers[i].thread, NULL);
    cr_expect_eq(pollers[i].got.status, 200);
    cr_expect(strstr(pollers[i].got.body, "\"version\":8}") != NULL, "%s", pollers[i].got.body);
  }
}

Test(load, long_polls__end_when_the_server_stops)
{
  enum { POLLERS = 8 };
  static poller pollers[POLLERS];
  struct timespec before, after;

  start_on_host("127.0.0.1", NULL);
  for (int i = 0; i < POLLERS; i++) {
    pollers[i].query = "version=7&timeout=60s";
    cr_assert_eq(pthread_create(&pollers[i].thread, NULL, poll_verdict, &pollers[i]), 0);
  }
  wait_for_waits(POLLERS);
  clock_gettime(CLOCK_MONOTONIC, &before);
  mst_http_stop(server);
  clock_gettime(CLOCK_MONOTONIC, &after);
  server = NULL;
  cr_expect_lt(after.tv_sec - before.tv_sec, 5);
  for (int i = 0; i < POLLERS; i++)
    pthread_join(pollers[i].thread, NULL);
}

static void *
ask_often(void *user)
{
  static const char *const paths[] = {"/api/v1/status", "/api/v1/items", "/metrics", "/api/v1/agents/x", "/nowhere"};
  reply *got = malloc(sizeof *got);
  long *answered = user;

  for (int i = 0; i < 25; i++) {
    ask("GET", paths[i % 5], LOCAL, got);
    *answered += got->status == 200 || got->status == 404;
  }
  free(got);
  return NULL;
}

Test(load, many_clients_at_once__are_all_answered)
{
  enum { CLIENTS = 16 };
  pthread_t threads[CLIENTS];
  long answered[CLIENTS] = {0}, total = 0;

  start_on_host("127.0.0.1", NULL);
  for (int i = 0; i < CLIENTS; i++)
    cr_assert_eq(pthread_create(&threads[i], NULL, ask_often, &answered[i]), 0);
  for (int i = 0; i < CLIENTS; i++) {
    pthread_join(threads[i], NULL);
    total += answered[i];
  }
  cr_expect_eq(total, CLIENTS * 25);
}

Test(load, connections_over_the_limit_of_one_address__are_refused_and_others_go_on)
{
  enum { MANY = 80, LIMIT = 64 };
  static const char request[] = "GET /healthz HTTP/1.1\r\n" LOCAL "\r\n";
  int fds[MANY], served = 0;
  char byte;

  start_on_host("127.0.0.1", NULL);
  for (int i = 0; i < MANY; i++)
    fds[i] = dial();
  for (int i = 0; i < MANY; i++)
    served += send_all(fds[i], request, sizeof request - 1) && recv(fds[i], &byte, 1, 0) == 1;
  cr_expect_eq(served, LIMIT, "%d", served);
  for (int i = 0; i < MANY; i++)
    close(fds[i]);
  /* The threads of closed connections need a moment to go. */
  for (int i = 0; i < 1000 && status_of("GET", "/healthz", LOCAL) != 200; i++)
    cr_assert_lt(i, 999, "served no more after the crowd had gone");
}
