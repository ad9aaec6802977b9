/* Scanning JSON log lines beside GNU grep with the same alternatives and beside a bare scan for newlines, in one run and on one file in
 * memory. usage: bench_logs [MEGABYTES (256)] */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mst/common/clock.h>
#include <mst/common/key.h>
#include <mst/tails/scan.h>

extern char **environ;

enum { BLOCK_BYTES = 256 * 1024, ROUNDS = 3 };
static const char path[] = "/dev/shm/muster-bench-logs";

static const mst_scan_rule rules[] = {
    {.name = "audit", .pattern = "\"event\": ?\"audit"},
    {.name = "data-access", .pattern = "\"event\": ?\"data_access"},
    {.name = "exhaustion", .pattern = "out of memory|too many open files|no space left on device", .ignore_case = true},
    {.name = "pool", .pattern = "QueuePool limit|pool (?:is )?exhausted", .ignore_case = true},
    {.name = "unhandled", .pattern = "unhandled exception|^Traceback \\(most recent"},
    {.name = "upstream-429", .pattern = "\\b429 Too Many Requests\\b"},
    {.name = "tokens", .pattern = "\"total_tokens_over\""},
    {.name = "timeout", .pattern = "deadline exceeded|timed out after [0-9]+"},
    {.name = "refused", .pattern = "connection refused"},
    {.name = "last", .pattern = "the last line of all"},
};
static const char grep_pattern[] = "\"event\": ?\"audit|\"event\": ?\"data_access|out of memory|too many open files|no space left on "
                                   "device|QueuePool limit|pool (is )?exhausted|"
                                   "unhandled exception|^Traceback \\(most recent|429 Too Many Requests|\"total_tokens_over\"|deadline "
                                   "exceeded|timed out after [0-9]+|connection refused|the last line of all";

static double
now_s(void)
{
  return (double)mst_clock_mono(mst_clock_system()).ns / 1e9;
}

/* Lines of some 250 bytes; one in a hundred is an audit, one in a thousand an error. */
static char *
make_lines(size_t size_bytes, size_t *ret_size)
{
  char *text = malloc(size_bytes + 4096);
  size_t length = 0;
  uint32_t random = 1;

  for (uint32_t i = 0; length < size_bytes; i++) {
    random = random * 1664525 + 1013904223;
    length += (size_t)snprintf(text + length, 4096,
                               "{\"timestamp\": \"2026-11-23T05:%02u:%02u.%06uZ\", \"level\": \"%s\", \"logger\": \"genesis.api.%s\", "
                               "\"message\": \"handled request %u in %u ms\", "
                               "\"trace_id\": \"%08x%08x%08x%08x\", \"status\": %u, \"path\": \"/api/v1/tasks/%u\"%s}\n",
                               random >> 8 & 31, random >> 16 & 31, random % 1000000,
                               i % 1000 == 0 ? "ERROR"
                               : i % 50 == 0 ? "WARNING"
                                             : "INFO",
                               i % 3 ? "tasks" : "agents", i, random % 900, random, random * 3, random * 5, random * 7, i % 200 ? 200 : 500,
                               random % 10000, i % 100 ? "" : ", \"event\": \"audit.read\"");
  }
  length += (size_t)snprintf(text + length, 4096, "{\"level\": \"INFO\", \"message\": \"the last line of all\"}\n");
  *ret_size = length;
  return text;
}

static double
scan_newlines(const char *text, size_t size)
{
  double before = now_s();
  size_t lines = 0;

  for (const char *at = text, *end = text + size; (at = memchr(at, '\n', (size_t)(end - at))); at++)
    lines++;
  return lines > 0 ? now_s() - before : 0;
}

static double
scan_all(const char *text, size_t size, bool has_lines, mst_scan_counts *ret_counts)
{
  static const uint8_t key[32];
  const mst_scan_setup setup = {.format = MST_SCAN_JSON,
                                .rules = rules,
                                .rule_count = sizeof rules / sizeof rules[0],
                                .required = 7,
                                .secrets = true,
                                .pii = true,
                                .no_lines = !has_lines,
                                .fingerprint_key = key};
  mst_scanner *scanner = NULL;
  mst_scan_state state = {0};
  mst_scan_counts counts = {0};
  const mst_scan_job job = {.state = &state, .counts = &counts};
  mst_errctx ctx = {0};

  if (mst_scanner_create(&setup, &scanner, &ctx) != MST_OK) {
    fprintf(stderr, "bench_logs: %s\n", ctx.text);
    exit(70);
  }
  double before = now_s();
  for (const char *at = text, *end = text + size; at < end;) {
    const char *stop = end - at > BLOCK_BYTES ? (const char *)memrchr(at, '\n', BLOCK_BYTES) + 1 : end;
    if (mst_scanner_scan(scanner, &job, at, (size_t)(stop - at), &ctx) != MST_OK)
      exit(70);
    at = stop;
  }
  double took = now_s() - before;
  mst_scanner_destroy(scanner);
  *ret_counts = counts;
  return took;
}

static double
run_grep(void)
{
  char *const arguments[] = {(char[]){"grep"}, (char[]){"-cE"}, (char *)(uintptr_t)grep_pattern, (char *)(uintptr_t)path, NULL};
  posix_spawn_file_actions_t actions;
  pid_t pid;
  int status;

  posix_spawn_file_actions_init(&actions);
  /* Not /dev/null: grep would stop at its first match. */
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/shm/muster-bench-grep", O_WRONLY | O_CREAT | O_TRUNC, 0600);
  double before = now_s();
  if (posix_spawnp(&pid, "grep", &actions, NULL, arguments, environ) != 0 || waitpid(pid, &status, 0) != pid || status != 0)
    exit(70);
  posix_spawn_file_actions_destroy(&actions);
  return now_s() - before;
}

static void
row(const char *what, size_t size, double seconds, double grep_s, double target)
{
  double rate = (double)size / 1e6 / seconds;

  printf("%-36s %8.0f MB/s %8.2f x grep", what, rate, grep_s / seconds);
  if (target > 0)
    printf(" %8.2f of the target %.0f MB/s", rate / target, target);
  printf("\n");
}

static double
least(double a, double b)
{
  return b == 0 || a < b ? a : b;
}

int
main(int argc, char **argv)
{
  size_t megabytes = argc > 1 ? strtoul(argv[1], NULL, 10) : 256, size;
  double newline_s = 0, rules_s = 0, lines_s = 0, grep_s = 0;
  mst_scan_counts counts = {0}, only = {0};
  mst_errctx ctx = {0};

  if (mst_crypto_start(&ctx) != MST_OK)
    return 70;
  char *text = make_lines(megabytes * 1000000, &size);
  FILE *file = fopen(path, "w");
  if (!file || fwrite(text, 1, size, file) != size || fclose(file) != 0)
    return 70;
  for (int i = 0; i < ROUNDS; i++) {
    newline_s = least(scan_newlines(text, size), newline_s);
    rules_s = least(scan_all(text, size, false, &only), rules_s);
    lines_s = least(scan_all(text, size, true, &counts), lines_s);
    grep_s = least(run_grep(), grep_s);
  }
  (void)unlink(path);
  (void)unlink("/dev/shm/muster-bench-grep");
  printf("%zu MB, %llu lines, %llu of them audits, %llu secrets, %llu personal; %u rules; the best of %d\n", size / 1000000,
         (unsigned long long)counts.lines, (unsigned long long)counts.rules[0], (unsigned long long)counts.secrets,
         (unsigned long long)counts.pii, (unsigned)(sizeof rules / sizeof rules[0]), ROUNDS);
  row("newlines by memchr", size, newline_s, grep_s, 0);
  row("rules, secrets, personal data", size, rules_s, grep_s, 1000);
  row("the same, every line parsed", size, lines_s, grep_s, 300);
  row("grep -cE, the same alternatives", size, grep_s, grep_s, 0);
  free(text);
  return 0;
}
