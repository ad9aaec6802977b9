#ifndef MST_TSAN_CRITERION_H
#define MST_TSAN_CRITERION_H

/* Criterion's sandbox wants memory at addresses that ThreadSanitizer keeps for itself: no test of it starts there. In builds with
 * MST_SANITIZE=thread this header stands in for <criterion/criterion.h>: as much of it as the tests use, each test in a child of its own,
 * the same closing line. It is included by the one file of a test program, and brings its main. */
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct shim_setup {
  void (*init)(void), (*fini)(void);
  double timeout; /* seconds; 0: SHIM_TIMEOUT_S */
};

struct shim_test {
  const char *suite, *name; /* name NULL: what holds for a whole suite */
  void (*run)(void);
  struct shim_setup setup;
};

enum { SHIM_TIMEOUT_S = 300 };

extern const struct shim_test *const __start_shim_tests[], *const __stop_shim_tests[];
static atomic_bool shim_failed;

#define SHIM_ENTER(id) static const struct shim_test *const id##_entry __attribute__((used, section("shim_tests"))) = &id
#define Test(suite_, name_, ...)                                                                                                           \
  static void suite_##__##name_##_run(void);                                                                                               \
  static const struct shim_test suite_##__##name_ = {#suite_, #name_, suite_##__##name_##_run, {__VA_ARGS__}};                             \
  SHIM_ENTER(suite_##__##name_);                                                                                                           \
  static void suite_##__##name_##_run(void)
#define TestSuite(suite_, ...)                                                                                                             \
  static const struct shim_test suite_##__suite = {#suite_, NULL, NULL, {__VA_ARGS__}};                                                    \
  SHIM_ENTER(suite_##__suite)

/* Any thread. */
static void shim_check(bool holds, bool is_fatal, const char *file, int line, const char *what, const char *fmt, ...)
    __attribute__((format(printf, 6, 7), unused));

static void
shim_check(bool holds, bool is_fatal, const char *file, int line, const char *what, const char *fmt, ...)
{
  va_list arguments;

  if (holds)
    return;
  atomic_store(&shim_failed, true);
  fprintf(stderr, "%s:%d: does not hold: %s:", file, line, what);
  va_start(arguments, fmt);
  vfprintf(stderr, fmt, arguments);
  va_end(arguments);
  fputc('\n', stderr);
  if (is_fatal)
    _exit(1);
}

static bool
shim_run(const struct shim_test *test)
{
  const struct shim_test *suite = NULL;
  int status = -1;

  for (const struct shim_test *const *at = __start_shim_tests; at < __stop_shim_tests; at++)
    if (!(*at)->name && strcmp((*at)->suite, test->suite) == 0)
      suite = *at;
  void (*init)(void) = test->setup.init ? test->setup.init : suite ? suite->setup.init : NULL;
  void (*fini)(void) = test->setup.fini ? test->setup.fini : suite ? suite->setup.fini : NULL;
  double timeout = test->setup.timeout > 0 ? test->setup.timeout : suite ? suite->setup.timeout : 0;
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    alarm(timeout > 0 ? (unsigned)timeout + 1 : SHIM_TIMEOUT_S);
    if (init)
      init();
    test->run();
    if (fini)
      fini();
    exit(atomic_load(&shim_failed) ? 1 : 0);
  }
  bool is_good = child > 0 && waitpid(child, &status, 0) == child && status == 0;
  if (!is_good)
    fprintf(stderr, "[FAIL] %s::%s (wait status 0x%x)\n", test->suite, test->name, (unsigned)status);
  return is_good;
}

int
main(void)
{
  int tested = 0, passing = 0;

  for (const struct shim_test *const *at = __start_shim_tests; at < __stop_shim_tests; at++)
    if ((*at)->name) {
      tested++;
      passing += shim_run(*at);
    }
  printf("[====] Synthesis: Tested: %d | Passing: %d | Failing: %d | Crashing: 0\n", tested, passing, tested - passing);
  return tested == passing ? 0 : 1;
}

#define SHIM(holds, is_fatal, what, ...)     shim_check((holds), is_fatal, __FILE__, __LINE__, what, " " __VA_ARGS__)
#define SHIM_COMPARE(a, op, b, fatal, ...)   SHIM((a)op(b), fatal, #a " " #op " " #b, __VA_ARGS__)
#define SHIM_TEXTS(a, b, equal, fatal, ...)  SHIM((strcmp((a), (b)) == 0) == equal, fatal, "texts " #a ", " #b, __VA_ARGS__)
#define SHIM_FLOATS(a, b, delta, fatal, ...) SHIM((a) - (b) <= (delta) && (b) - (a) <= (delta), fatal, #a " = " #b, __VA_ARGS__)

#define cr_assert(a, ...)                    SHIM(a, true, #a, __VA_ARGS__)
#define cr_assert_not(a, ...)                SHIM(!(a), true, "not " #a, __VA_ARGS__)
#define cr_assert_fail(...)                  SHIM(false, true, "reached", __VA_ARGS__)
#define cr_assert_eq(a, b, ...)              SHIM_COMPARE(a, ==, b, true, __VA_ARGS__)
#define cr_assert_neq(a, b, ...)             SHIM_COMPARE(a, !=, b, true, __VA_ARGS__)
#define cr_assert_lt(a, b, ...)              SHIM_COMPARE(a, <, b, true, __VA_ARGS__)
#define cr_assert_leq(a, b, ...)             SHIM_COMPARE(a, <=, b, true, __VA_ARGS__)
#define cr_assert_gt(a, b, ...)              SHIM_COMPARE(a, >, b, true, __VA_ARGS__)
#define cr_assert_geq(a, b, ...)             SHIM_COMPARE(a, >=, b, true, __VA_ARGS__)
#define cr_assert_null(a, ...)               SHIM_COMPARE(a, ==, NULL, true, __VA_ARGS__)
#define cr_assert_not_null(a, ...)           SHIM_COMPARE(a, !=, NULL, true, __VA_ARGS__)
#define cr_assert_str_eq(a, b, ...)          SHIM_TEXTS(a, b, true, true, __VA_ARGS__)
#define cr_assert_str_neq(a, b, ...)         SHIM_TEXTS(a, b, false, true, __VA_ARGS__)
#define cr_expect(a, ...)                    SHIM(a, false, #a, __VA_ARGS__)
#define cr_expect_not(a, ...)                SHIM(!(a), false, "not " #a, __VA_ARGS__)
#define cr_expect_eq(a, b, ...)              SHIM_COMPARE(a, ==, b, false, __VA_ARGS__)
#define cr_expect_neq(a, b, ...)             SHIM_COMPARE(a, !=, b, false, __VA_ARGS__)
#define cr_expect_lt(a, b, ...)              SHIM_COMPARE(a, <, b, false, __VA_ARGS__)
#define cr_expect_leq(a, b, ...)             SHIM_COMPARE(a, <=, b, false, __VA_ARGS__)
#define cr_expect_gt(a, b, ...)              SHIM_COMPARE(a, >, b, false, __VA_ARGS__)
#define cr_expect_geq(a, b, ...)             SHIM_COMPARE(a, >=, b, false, __VA_ARGS__)
#define cr_expect_null(a, ...)               SHIM_COMPARE(a, ==, NULL, false, __VA_ARGS__)
#define cr_expect_not_null(a, ...)           SHIM_COMPARE(a, !=, NULL, false, __VA_ARGS__)
#define cr_expect_str_eq(a, b, ...)          SHIM_TEXTS(a, b, true, false, __VA_ARGS__)
#define cr_expect_str_neq(a, b, ...)         SHIM_TEXTS(a, b, false, false, __VA_ARGS__)
#define cr_expect_arr_eq(a, b, n, ...)       SHIM(memcmp((a), (b), (n)) == 0, false, "bytes " #a ", " #b, __VA_ARGS__)
#define cr_expect_float_eq(a, b, delta, ...) SHIM_FLOATS(a, b, delta, false, __VA_ARGS__)

#endif
