/* The prober with kinds of its own, and kind tcp against real sockets. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mst/common/alloc.h>
#include <mst/common/wait.h>

#include "probes/net/kinds.h"
#include "probes/prober.h"

static mst_errctx why;

/* Real time: what is tested are a thread's timers. */
static void
pause_ms(int ms)
{
  pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t never;
  mst_mono until = {mst_clock_mono(mst_clock_system()).ns + ms * MST_NS_PER_MS};

  mst_wait_init(&never);
  pthread_mutex_lock(&lock);
  while (mst_wait_until(&never, &lock, &until))
    continue;
  pthread_mutex_unlock(&lock);
  pthread_cond_destroy(&never);
}

/* Takes results until there were that many runs. */
static mst_probe_result
result_after(mst_probe *probe, uint64_t runs)
{
  mst_probe_result result = {0};

  for (int i = 0; i < 1000; i++) {
    cr_assert_eq(mst_probe_take(probe, &result, &why), MST_OK);
    if (result.runs >= runs)
      return result;
    mst_probe_result_done(&result);
    pause_ms(5);
  }
  cr_assert_fail("no %lu runs within 5 s", (unsigned long)runs);
  return result;
}

static mst_prober *
prober(void)
{
  mst_prober *made = NULL;

  cr_assert_eq(mst_prober_create(&made, &why), MST_OK, "%s", why.text);
  return made;
}

static mst_probe *
add(mst_prober *to, const mst_probe_kind *kind, const mst_option *options, size_t count, int64_t timeout_ms, int retries)
{
  mst_probe *probe = NULL;
  mst_probe_setup setup = {.kind = kind,
                           .options = {.name = "p",
                                       .schema = kind->schema,
                                       .options = options,
                                       .option_count = count,
                                       .timeout_ns = timeout_ms * MST_NS_PER_MS,
                                       .clock = mst_clock_system()},
                           .every_ns = 40 * MST_NS_PER_MS,
                           .retries = retries};

  cr_assert_eq(mst_prober_add(to, &setup, &probe, &why), MST_OK, "%s", why.text);
  return probe;
}

/* ---- kinds for the tests ---- */

static atomic_int begun, stopped;

static void *
begin_silent(void *config, mst_probe_attempt *attempt)
{
  (void)config;
  begun++;
  mst_probe_doing(attempt, "wait for nobody");
  return &begun;
}

static void
stop_silent(void *state)
{
  cr_assert_eq(state, &begun);
  stopped++;
}

static void *
begin_every_other(void *config, mst_probe_attempt *attempt)
{
  (void)config;
  int number = ++begun;
  mst_probe_value(attempt, "number", number);
  mst_probe_state(attempt, "word", number % 2 ? "odd" : "even");
  mst_probe_phase(attempt, "part");
  if (number % 2)
    mst_probe_fail(attempt, "attempt %d is odd", number);
  else
    mst_probe_pass(attempt);
  return NULL;
}

static void
hang(void *arg)
{
  pause_ms(*(int *)arg);
}

static void
free_arg(void *arg, mst_probe_attempt *attempt)
{
  if (attempt)
    mst_probe_pass(attempt);
  mst_free(arg);
}

static void *
begin_hanging(void *config, mst_probe_attempt *attempt)
{
  int *ms = mst_alloc(1, sizeof *ms);

  (void)config;
  *ms = 300;
  mst_probe_doing(attempt, "read a dead mount");
  mst_probe_job *job = mst_probe_work(attempt, hang, free_arg, ms);
  if (!job)
    mst_free(ms);
  return job;
}

static void
stop_hanging(void *job)
{
  if (job)
    mst_probe_work_abandon(job);
}

static const mst_probe_schema own_schema = {.name = "own"};
static const mst_probe_kind silent = {.schema = &own_schema, .begin = begin_silent, .stop = stop_silent};
static const mst_probe_kind every_other = {.schema = &own_schema, .begin = begin_every_other};
static const mst_probe_kind hanging = {.schema = &own_schema, .begin = begin_hanging, .stop = stop_hanging};

Test(prober, ends_what_does_not_answer_at_its_limit_and_says_what_it_waited_for)
{
  mst_prober *one = prober();
  mst_probe *probe = add(one, &silent, NULL, 0, 30, 0);
  mst_probe_result result = result_after(probe, 2);

  cr_assert_not(result.is_ok);
  cr_assert_str_eq(result.reason, "wait for nobody: no answer within 30ms");
  cr_assert(result.is_timed);
  cr_assert_eq(result.took_ns, 30 * MST_NS_PER_MS);
  mst_probe_result_done(&result);
  mst_prober_remove(one, probe);
  mst_prober_destroy(one);
  cr_assert_eq(begun, stopped, "every attempt is stopped once");
}

Test(prober, shows_a_failure_though_a_newer_run_passed)
{
  mst_prober *one = prober();
  mst_probe *probe = add(one, &every_other, NULL, 0, 30, 0);

  for (int i = 0; i < 200 && begun < 5; i++) /* some go by unseen */
    pause_ms(5);
  mst_probe_result result = result_after(probe, 4);
  cr_assert_not(result.is_ok, "of several runs the one that failed is shown");
  cr_assert(strstr(result.reason, "is odd"));
  cr_assert_not(result.is_timed, "it failed before its time was over: how quickly says nothing");
  mst_probe_result_done(&result);
  mst_prober_remove(one, probe);
  mst_prober_destroy(one);
}

Test(prober, a_retry_makes_a_run_pass_and_figures_are_those_of_the_attempt_that_counted)
{
  mst_prober *one = prober();
  mst_probe *probe = add(one, &every_other, NULL, 0, 30, 1);
  mst_probe_result result = result_after(probe, 1);

  cr_assert(result.is_ok, "%s", result.reason);
  cr_assert_eq(result.figure_count, 3);
  cr_assert_str_eq(result.figures[0].name, "number");
  cr_assert_eq((int)result.figures[0].value % 2, 0);
  cr_assert_str_eq(result.figures[1].text, "even");
  cr_assert_eq((int)result.figures[2].kind, (int)MST_PROBE_FIGURE_PHASE);
  mst_probe_result_done(&result);
  mst_prober_remove(one, probe);
  mst_prober_destroy(one);
}

Test(prober, one_that_hangs_holds_up_no_other_and_is_not_begun_anew)
{
  mst_prober *one = prober();
  mst_probe *stuck = add(one, &hanging, NULL, 0, 20, 0), *other = add(one, &every_other, NULL, 0, 20, 0);
  mst_probe_result result = result_after(other, 5);

  cr_assert_lt(result.delay_ns, 1000 * MST_NS_PER_MS);
  mst_probe_result_done(&result);
  result = result_after(stuck, 2);
  cr_assert_not(result.is_ok);
  mst_probe_result_done(&result);
  bool says_so = false;
  for (int i = 0; i < 100 && !says_so; i++) {
    result = result_after(stuck, 2);
    says_so = strstr(result.reason, "an earlier attempt still hangs") != NULL;
    mst_probe_result_done(&result);
    pause_ms(5);
  }
  cr_assert(says_so);
  mst_prober_remove(one, stuck);
  mst_prober_remove(one, other);
  mst_prober_destroy(one); /* while work may hang still */
  pause_ms(400);           /* it ends by itself, and lets go of all: the leak checker looks */
}

Test(prober, comes_and_goes_with_five_hundred_probes_none_a_second_late)
{
  mst_prober *one = prober();
  static mst_probe *probes[500];

  for (size_t i = 0; i < 500; i++)
    probes[i] = add(one, &every_other, NULL, 0, 30, 0);
  for (size_t i = 0; i < 500; i++) {
    mst_probe_result result = result_after(probes[i], 2);
    cr_assert_lt(result.delay_ns, MST_NS_PER_S);
    mst_probe_result_done(&result);
    mst_prober_remove(one, probes[i]);
  }
  mst_prober_destroy(one);
}

/* ---- tcp ---- */

static int
listener(int backlog, uint16_t *ret_port)
{
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof at;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  cr_assert_eq(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
  cr_assert_eq(getsockname(fd, (struct sockaddr *)&at, &size), 0);
  if (backlog > 0)
    cr_assert_eq(listen(fd, backlog), 0);
  *ret_port = ntohs(at.sin_port);
  return fd;
}

static mst_probe_result
dial(const char *host, uint16_t port, const char *expect, const char *banner)
{
  char address[64];
  const char *address_values[] = {address}, *expect_values[] = {expect}, *banner_values[] = {banner}, *send_values[] = {"hello\\r\\n"};
  mst_option options[] = {
      {"address", address_values, 1}, {"expect", expect_values, 1}, {"banner", banner_values, 1}, {"send", send_values, 1}};
  mst_prober *one = prober();

  snprintf(address, sizeof address, "%s:%u", host, port);
  mst_probe *probe = add(one, &mst_probe_kind_tcp, options, banner ? 4 : 2, 300, 0);
  mst_probe_result result = result_after(probe, 1);
  mst_prober_remove(one, probe);
  mst_prober_destroy(one);
  return result;
}

Test(tcp, passes_where_a_port_is_open_by_address_and_by_name)
{
  uint16_t port;
  int fd = listener(16, &port);
  mst_probe_result result = dial("127.0.0.1", port, "open", NULL);

  cr_assert(result.is_ok, "%s", result.reason);
  cr_assert_eq(result.figure_count, 1, "only connect: there is no name to look up");
  mst_probe_result_done(&result);
  result = dial("localhost", port, "open", NULL);
  cr_assert(result.is_ok, "%s", result.reason);
  cr_assert_eq(result.figure_count, 2, "resolve and connect");
  mst_probe_result_done(&result);
  result = dial("127.0.0.1", port, "unreachable", NULL);
  cr_assert_not(result.is_ok);
  cr_assert(strstr(result.reason, "it accepts the connection, which must not be"), "%s", result.reason);
  mst_probe_result_done(&result);
  close(fd);
}

Test(tcp, says_that_a_port_refuses_and_passes_where_it_should)
{
  uint16_t port;
  int fd = listener(0, &port); /* bound, so that nobody else gets it */
  char wanted[64];
  mst_probe_result result = dial("127.0.0.1", port, "open", NULL);

  snprintf(wanted, sizeof wanted, "connect to 127.0.0.1:%u: refused", port);
  cr_assert_not(result.is_ok);
  cr_assert_str_eq(result.reason, wanted);
  mst_probe_result_done(&result);
  result = dial("127.0.0.1", port, "refused", NULL);
  cr_assert(result.is_ok, "%s", result.reason);
  mst_probe_result_done(&result);
  result = dial("no-such-host.invalid", port, "unreachable", NULL);
  cr_assert_not(result.is_ok, "a name that is not found is no proof of anything");
  mst_probe_result_done(&result);
  close(fd);
}

/* One connection in the backlog of 0 and nobody who accepts: the kernel answers no more. */
Test(tcp, takes_silence_as_it_is_asked_to)
{
  uint16_t port;
  int fd = listener(1, &port), held[4];
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

  for (size_t i = 0; i < 4; i++) {
    held[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    (void)connect(held[i], (struct sockaddr *)&at, sizeof at);
  }
  mst_probe_result result = dial("127.0.0.1", port, "unreachable", NULL);
  cr_assert(result.is_ok, "%s", result.reason);
  mst_probe_result_done(&result);
  result = dial("127.0.0.1", port, "refused", NULL);
  cr_assert_not(result.is_ok);
  cr_assert(strstr(result.reason, ": no answer within 300ms"), "%s", result.reason);
  mst_probe_result_done(&result);
  for (size_t i = 0; i < 4; i++)
    close(held[i]);
  close(fd);
}

static void *
answer_once(void *arg)
{
  int fd = accept(*(int *)arg, NULL, NULL);
  char got[16];
  ssize_t count = read(fd, got, sizeof got);

  ssize_t sent = write(fd, count == 7 && memcmp(got, "hello\r\n", 7) == 0 ? "+PONG" : "-WRONG", 6);
  cr_expect_eq(sent, 6);
  close(fd);
  return NULL;
}

Test(tcp, sends_bytes_and_holds_the_answer_against_a_pattern)
{
  uint16_t port;
  int fd = listener(16, &port);
  pthread_t thread;

  pthread_create(&thread, NULL, answer_once, &fd);
  mst_probe_result result = dial("127.0.0.1", port, "open", "^\\+PONG");
  cr_assert(result.is_ok, "%s", result.reason);
  mst_probe_result_done(&result);
  pthread_join(thread, NULL);

  pthread_create(&thread, NULL, answer_once, &fd);
  result = dial("127.0.0.1", port, "open", "^SSH-");
  cr_assert_not(result.is_ok);
  cr_assert(strstr(result.reason, "its answer \"+PONG.\" does not match: it closed the connection"), "%s", result.reason);
  mst_probe_result_done(&result);
  pthread_join(thread, NULL);
  close(fd);
}

Test(unescape, knows_its_escapes_and_refuses_others)
{
  char data[64];
  size_t count = 0;

  cr_assert_eq(mst_probe_unescape("a\\r\\n\\t\\0\\\\\\x7Fz", data, &count, &why), MST_OK);
  cr_assert_eq(count, 8);
  cr_assert_eq(memcmp(data, "a\r\n\t\0\\\x7Fz", 8), 0);
  cr_assert_eq(mst_probe_unescape("\\q", data, &count, &why), MST_EUSAGE);
  cr_assert_eq(mst_probe_unescape("\\x1", data, &count, &why), MST_EUSAGE);
  cr_assert_eq(mst_probe_unescape("end\\", data, &count, &why), MST_EUSAGE);
}
