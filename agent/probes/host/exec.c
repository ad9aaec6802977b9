/* Probe kind exec; see proto/probes/exec.c. What may run is the host's to say: a plan only names it. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <math.h>
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <mst/common/alloc.h>
#include <mst/common/clock.h>

#include "child.h"
#include "kinds.h"

enum { PATTERNS_MAX = 2 * MST_PROBE_LIST_MAX, REASON_BYTES = 256, GROUP_BYTES = 64, MATCH_STEPS_MAX = 1000000 };
static const int64_t margin_ns = 30 * MST_NS_PER_MS; /* the thread gives up before the attempt does, and says why */

typedef struct config {
  mst_probe_options options;
  const mst_allow_command *command;                      /* NULL: not allowed */
  pcre2_code *patterns[PATTERNS_MAX], *number, *version; /* owned */
  size_t match_count, pattern_count;
} config;

/* The thread's until it is done, but for cancel_fd. */
typedef struct look {
  const config *exec;
  int64_t until_ns;
  int cancel_fd; /* owned */
  mst_probe_job *job;
  mst_buf output;
  mst_child_end end;
  mst_err err;
  mst_errctx why;
} look;

static void
close_exec(void *opaque)
{
  config *exec = opaque;

  for (size_t i = 0; i < exec->pattern_count; i++)
    pcre2_code_free(exec->patterns[i]);
  pcre2_code_free(exec->number);
  pcre2_code_free(exec->version);
  mst_free(exec);
}

static mst_err
compile(const char *key, const char *text, pcre2_code **ret_pattern, mst_errctx *ctx)
{
  int number = 0;
  PCRE2_SIZE offset = 0;
  PCRE2_UCHAR message[128];

  if (!text)
    return MST_OK;
  *ret_pattern = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, 0, &number, &offset, NULL);
  if (*ret_pattern)
    return MST_OK;
  (void)pcre2_get_error_message(number, message, sizeof message);
  return mst_fail(ctx, MST_EUSAGE, "%s: the pattern is wrong at its character %zu: %s", key, (size_t)offset + 1, (const char *)message);
}

static mst_err
compile_list(config *exec, const char *key, mst_errctx *ctx)
{
  const char *const *texts = NULL;
  size_t count = mst_probe_texts(&exec->options, key, &texts);
  mst_err err = MST_OK;

  for (size_t i = 0; i < count && i < MST_PROBE_LIST_MAX && err == MST_OK; i++) {
    err = compile(key, texts[i], &exec->patterns[exec->pattern_count], ctx);
    exec->pattern_count += err == MST_OK;
  }
  return err;
}

static mst_err
find_command(config *exec, mst_errctx *ctx)
{
  const char *name = mst_probe_text(&exec->options, "command");
  const mst_allow *allow = exec->options.allow;
  const mst_allow_command *list = allow ? allow->commands.items : NULL;

  for (size_t i = 0; list && i < allow->commands.count; i++)
    if (strcmp(list[i].name, name) == 0)
      exec->command = &list[i];
  return exec->command ? MST_OK
                       : mst_fail(ctx, MST_EPERM,
                                  "command %.64s is not allowed on this host: add it to allow.commands of the agent's configuration", name);
}

static mst_err
open_exec(const mst_probe_options *options, void **ret_config, mst_errctx *ctx)
{
  config *exec = mst_alloc(1, sizeof *exec);

  if (!exec)
    return mst_fail(ctx, MST_ENOMEM, "no memory for a probe");
  exec->options = *options;
  mst_err err = find_command(exec, ctx);
  if (err == MST_OK)
    err = compile_list(exec, "matches", ctx);
  exec->match_count = exec->pattern_count;
  if (err == MST_OK)
    err = compile_list(exec, "not_matches", ctx);
  if (err == MST_OK)
    err = compile("number", mst_probe_text(options, "number"), &exec->number, ctx);
  if (err == MST_OK)
    err = compile("version", mst_probe_text(options, "version"), &exec->version, ctx);
  if (err != MST_OK) {
    close_exec(exec);
    return err;
  }
  *ret_config = exec;
  return MST_OK;
}

/* ---- what it wrote ---- */

/* 1: it matches, 0: not, below: it could not be tried. group: the first, or all of the match. */
static int
match(const look *at, const pcre2_code *pattern, char group[static GROUP_BYTES])
{
  pcre2_match_data *data = pcre2_match_data_create_from_pattern(pattern, NULL);
  pcre2_match_context *limits = pcre2_match_context_create(NULL);
  const char *text = mst_buf_text(&at->output);
  int found = PCRE2_ERROR_NOMEMORY;

  group[0] = '\0';
  if (data && limits) {
    pcre2_set_match_limit(limits, MATCH_STEPS_MAX);
    found = pcre2_match(pattern, (PCRE2_SPTR)text, at->output.size_bytes, 0, 0, data, limits);
  }
  if (found > 0) {
    const PCRE2_SIZE *places = pcre2_get_ovector_pointer(data) + (found > 1 ? 2 : 0);
    size_t length = places[0] != PCRE2_UNSET ? places[1] - places[0] : 0;
    snprintf(group, GROUP_BYTES, "%.*s", (int)(length < GROUP_BYTES ? length : GROUP_BYTES - 1), length ? text + places[0] : "");
  }
  pcre2_match_data_free(data);
  pcre2_match_context_free(limits);
  return found >= 0 ? 1 : found == PCRE2_ERROR_NOMATCH ? 0 : found;
}

/* Part by part, as numbers: below 0, 0, above 0. */
static int
compare_versions(const char *a, const char *b)
{
  while (*a || *b) {
    char *end_a, *end_b;
    unsigned long left = strtoul(a, &end_a, 10), right = strtoul(b, &end_b, 10);
    if (left != right)
      return left < right ? -1 : 1;
    a = end_a + strcspn(end_a, "0123456789");
    b = end_b + strcspn(end_b, "0123456789");
  }
  return 0;
}

static bool
is_good_exit(const config *exec, int code)
{
  const char *const *codes = NULL;
  size_t count = mst_probe_texts(&exec->options, "exit", &codes);
  char *end;

  for (size_t i = 0; i < count; i++) {
    long wanted = strtol(codes[i], &end, 10);
    if (end != codes[i] && *end == '\0' && wanted == code)
      return true;
  }
  return false;
}

#define SAY(...) ((void)snprintf(reason, REASON_BYTES, __VA_ARGS__))

static void
check_patterns(const look *at, char *reason)
{
  const config *exec = at->exec;
  char ignored[GROUP_BYTES];

  for (size_t i = 0; i < exec->pattern_count && !reason[0]; i++) {
    bool is_wanted = i < exec->match_count;
    int found = match(at, exec->patterns[i], ignored);
    if (found != (is_wanted ? 1 : 0))
      SAY("%.100s: pattern %zu of %s %s", exec->command->run.items[0], is_wanted ? i + 1 : i - exec->match_count + 1,
          is_wanted ? "matches" : "not_matches",
          found < 0 ? "cannot be tried"
          : found   ? "is met in what it writes, and must not be"
                    : "is not met in what it writes");
  }
}

static void
check_number(const look *at, mst_probe_attempt *attempt, char *reason)
{
  const mst_probe_options *options = &at->exec->options;
  const char *program = at->exec->command->run.items[0];
  char text[GROUP_BYTES], *end = text;

  if (!at->exec->number)
    return;
  double number = match(at, at->exec->number, text) == 1 ? strtod(text, &end) : NAN;
  if (text[0] == '\0' || *end != '\0' || !isfinite(number)) {
    SAY("%.150s: it writes no such number", program);
    return;
  }
  mst_probe_value(attempt, "number", number);
  double least = mst_probe_number(options, "min"), most = mst_probe_number(options, "max");
  if (mst_probe_has(options, "min") && number < least)
    SAY("%.120s: %g; at least %g is wanted", program, number, least);
  else if (mst_probe_has(options, "max") && number > most)
    SAY("%.120s: %g; at most %g is allowed", program, number, most);
}

static void
check_version(const look *at, mst_probe_attempt *attempt, char *reason)
{
  const char *least = mst_probe_text(&at->exec->options, "min_version"), *program = at->exec->command->run.items[0];
  char text[GROUP_BYTES];
  bool is_there = match(at, at->exec->version, text) == 1 && text[0];

  if (is_there)
    mst_probe_state(attempt, "version", text);
  if (least && !is_there)
    SAY("%.150s: it writes no version", program);
  else if (least && compare_versions(text, least) < 0)
    SAY("%.120s: version %.40s; at least %.40s is wanted", program, text, least);
}

static void
judge(const look *at, mst_probe_attempt *attempt)
{
  char reason[REASON_BYTES] = "";
  const char *program = at->exec->command->run.items[0];

  if (at->end.exit_code >= 0)
    mst_probe_value(attempt, "exit_code", at->end.exit_code);
  if (at->err != MST_OK)
    SAY("%.250s", at->why.text);
  else if (at->end.exit_code < 0)
    SAY("run %.150s: killed by signal %d", program, at->end.signal);
  else if (!is_good_exit(at->exec, at->end.exit_code))
    SAY("run %.150s: exit code %d", program, at->end.exit_code);
  if (!reason[0])
    check_patterns(at, reason);
  if (!reason[0])
    check_number(at, attempt, reason);
  if (!reason[0])
    check_version(at, attempt, reason);
  if (reason[0])
    mst_probe_fail(attempt, "%s", reason);
  else
    mst_probe_pass(attempt);
}

/* ---- the attempt ---- */

static void
work(void *arg)
{
  look *at = arg;

  at->err = mst_child_run(at->exec->command, at->until_ns, at->cancel_fd, &at->output, &at->end, &at->why);
}

static void
free_look(look *at)
{
  if (at->cancel_fd >= 0)
    close(at->cancel_fd);
  mst_buf_done(&at->output);
  mst_free(at);
}

static void
done(void *arg, mst_probe_attempt *attempt)
{
  if (attempt)
    judge(arg, attempt);
  free_look(arg);
}

static void *
begin_exec(void *opaque, mst_probe_attempt *attempt)
{
  const config *exec = opaque;
  look *at = mst_alloc(1, sizeof *at);

  if (!at) {
    mst_probe_fail(attempt, "no memory to run a program");
    return NULL;
  }
  *at = (look){.exec = exec, .end = {.exit_code = -1}, .cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  mst_buf_init(&at->output, MST_CHILD_OUTPUT_MAX_BYTES);
  int64_t left_ns = mst_probe_left_ns(attempt);
  at->until_ns = mst_clock_mono(mst_clock_system()).ns + (left_ns > 2 * margin_ns ? left_ns - margin_ns : left_ns);
  mst_probe_doing(attempt, "run %.100s", exec->command->run.items[0]);
  if (at->cancel_fd < 0)
    mst_probe_fail(attempt, "run %.100s: no descriptor left", exec->command->run.items[0]);
  else
    at->job = mst_probe_work(attempt, work, done, at);
  if (at->job)
    return at;
  free_look(at);
  return NULL;
}

static void
stop_exec(void *opaque)
{
  look *at = opaque;
  const uint64_t one = 1;

  if (!at)
    return;
  ssize_t ignored = write(at->cancel_fd, &one, sizeof one); /* an eventfd that is full is readable all the same */
  (void)ignored;
  mst_probe_work_abandon(at->job);
}

const mst_probe_kind mst_probe_kind_exec = {
    .schema = &mst_probe_schema_exec,
    .open = open_exec,
    .close = close_exec,
    .begin = begin_exec,
    .stop = stop_exec,
};
