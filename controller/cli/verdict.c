/* muster status, watch, decide: the run and its verdict. */
#include "cli/cli.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mst/controller/judge.h>

enum {
  PATH_BYTES = 1024,
  WAIT_S = 30,           /* of one long poll; the controller allows 60 */
  RECONNECT_FOR_S = 120, /* a controller that restarts is back by then */
  RECONNECT_EVERY_MS = 1000,
};

static mst_err
get_verdict(mst_cli *cli, const char *path_start, const char *run, json_t **ret_document, mst_errctx *ctx)
{
  char path[PATH_BYTES];

  snprintf(path, sizeof path, "%s", path_start);
  mst_err err = mst_cli_add_query(path, sizeof path, "run", run, ctx);
  return err == MST_OK ? mst_cli_get(cli, path, ret_document, ctx) : err;
}

static void
print_counts(mst_cli *cli, const json_t *counts)
{
  bool first = true;

  for (int i = MST_PASS; i <= MST_PENDING; i++) {
    const char *name = mst_outcome_name((mst_outcome)i);
    long long count = mst_cli_integer(counts, name);
    if (count == 0)
      continue;
    fprintf(cli->out, "%s", first ? "" : ", ");
    mst_cli_print(cli, mst_cli_tone_of(name), "%lld %s", count, name);
    first = false;
  }
  fprintf(cli->out, "\n");
}

static void
print_sign_offs(mst_cli *cli, const json_t *sign_offs)
{
  json_t *entry;
  size_t index;

  json_array_foreach(sign_offs, index, entry)
  {
    bool rejects = strcmp(mst_cli_text(entry, "reason"), "rejected") == 0;
    const char *by = mst_cli_text(entry, "by");
    mst_cli_print(cli, MST_TONE_PLAIN, "  sign-off by %s: %s%s%s\n", mst_cli_text(entry, "role"),
                  by[0] == '\0' ? "not given"
                  : rejects     ? "rejected"
                                : "approved",
                  by[0] ? " by " : "", by);
  }
}

static void
print_lines(mst_cli *cli, const json_t *lines, const char *before)
{
  json_t *line;
  size_t index;

  json_array_foreach(lines, index, line)
      mst_cli_print(cli, MST_TONE_PLAIN, "%s%s\n", before, json_string_value(line) ? json_string_value(line) : "");
}

void
mst_cli_print_verdict(mst_cli *cli, const json_t *verdict)
{
  const char *name = mst_cli_text(verdict, "verdict"), *so_far = mst_cli_text(verdict, "verdict_so_far");

  fprintf(cli->out, "Verdict: ");
  mst_cli_print(cli, mst_cli_tone_of(name), "%s", name);
  if (strcmp(name, "PENDING") == 0 && so_far[0]) {
    fprintf(cli->out, " (so far ");
    mst_cli_print(cli, mst_cli_tone_of(so_far), "%s", so_far);
    fprintf(cli->out, ")");
  } else if (json_is_true(json_object_get(verdict, "final"))) {
    fprintf(cli->out, ", final");
  }
  fprintf(cli->out, "\n  ");
  print_counts(cli, json_object_get(verdict, "counts"));
  print_sign_offs(cli, json_object_get(verdict, "sign_offs"));
  print_lines(cli, json_object_get(verdict, "reasons"), "  ");
  if (json_array_size(json_object_get(verdict, "next")) > 0)
    fprintf(cli->out, "What to do next:\n");
  print_lines(cli, json_object_get(verdict, "next"), "  - ");
}

static void
print_status(mst_cli *cli, const json_t *status)
{
  const json_t *run = json_object_get(status, "run"), *agents = json_object_get(status, "agents"),
               *store = json_object_get(status, "store");
  const char *now = mst_cli_text(status, "now");
  char started[48], ends[48];

  mst_cli_print(cli, MST_TONE_PLAIN, "controller  muster %s, store %.1f MB%s\n", mst_cli_text(status, "version"),
                (double)mst_cli_integer(store, "size_bytes") / 1e6,
                json_is_true(json_object_get(store, "disk_full")) ? ", DISK FULL: reports wait on the agents" : "");
  fprintf(cli->out, "agents      %lld approved, %lld silent, %lld pending, %lld revoked\n", mst_cli_integer(agents, "approved"),
          mst_cli_integer(agents, "silent"), mst_cli_integer(agents, "pending"), mst_cli_integer(agents, "revoked"));
  if (!json_is_object(run)) {
    fprintf(cli->out, "run         none; `muster run start --checklist NAME` starts one\n");
    return;
  }
  const char *checklist = mst_cli_text(run, "checklist"), *verdict = mst_cli_text(run, "verdict"),
             *so_far = mst_cli_text(run, "verdict_so_far");
  mst_cli_print(cli, MST_TONE_PLAIN, "run         %s, %s, %s\n", mst_cli_text(run, "id"),
                checklist[0] ? checklist : mst_cli_text(json_object_get(run, "checklist"), "name"), mst_cli_text(run, "state"));
  mst_cli_print(cli, MST_TONE_PLAIN, "period      start %s, end %s\n", mst_cli_ago(mst_cli_text(run, "started_at"), now, started),
                mst_cli_ago(mst_cli_text(run, "ends_at"), now, ends));
  fprintf(cli->out, "items       ");
  print_counts(cli, json_object_get(run, "counts"));
  fprintf(cli->out, "verdict     ");
  mst_cli_print(cli, mst_cli_tone_of(verdict), "%s", verdict);
  mst_cli_print(cli, MST_TONE_PLAIN, strcmp(verdict, "PENDING") == 0 && so_far[0] ? " (so far %s)\n" : "\n", so_far);
}

int
mst_cli_status(mst_cli *cli, int argc, char **argv)
{
  const mst_cli_command *command = mst_cli_command_find("status");
  json_t *status = NULL;
  mst_errctx ctx = {0};
  int count, code;

  if (!mst_cli_options(cli, command, NULL, 0, argc, argv, &count, &code))
    return code;
  if (count > 0)
    return mst_cli_usage_error(cli, command, "it takes no arguments");
  mst_err err = mst_cli_get(cli, "/api/v1/status", &status, &ctx);
  if (err != MST_OK)
    return mst_cli_fail(cli, err, ctx.text);
  if (cli->json)
    mst_cli_print_json(cli, status);
  else
    print_status(cli, status);
  json_decref(status);
  return MST_EXIT_OK;
}

/* The next document whose version is not `version`, or the same one after wait_ns; waits on the controller's side. A controller that
 * restarts is asked again for a while: a pipeline that waits two days must not end with it. */
static mst_err
wait_verdict(mst_cli *cli, long long version, int64_t wait_ns, const char *run, json_t **ret_document, mst_errctx *ctx)
{
  const mst_clock *clock = mst_clock_system();
  int64_t give_up_ns = mst_clock_mono(clock).ns + RECONNECT_FOR_S * MST_NS_PER_S;
  char path[PATH_BYTES];

  if (wait_ns > WAIT_S * MST_NS_PER_S)
    wait_ns = WAIT_S * MST_NS_PER_S;
  snprintf(path, sizeof path, "/api/v1/verdict/wait?version=%lld&timeout=%lldms", version, (long long)(wait_ns / MST_NS_PER_MS));
  for (;;) {
    mst_err err = get_verdict(cli, path, run, ret_document, ctx);
    if ((err != MST_EUNREACHABLE && err != MST_ETIMEOUT) || mst_clock_mono(clock).ns > give_up_ns)
      return err;
    (void)poll(NULL, 0, RECONNECT_EVERY_MS); /* nothing to wait for but time; cut short it does no harm */
  }
}

typedef struct watch_options {
  const char *section, *outcome;
  long long updates; /* -1: without end */
} watch_options;

/* Draws once. */
static mst_err
draw(mst_cli *cli, const watch_options *options, const json_t *document, mst_errctx *ctx)
{
  json_t *items = NULL;

  if (cli->json) {
    if (json_dumpf(document, cli->out, JSON_COMPACT | JSON_SORT_KEYS) != 0)
      cli->failed = true;
    fputc('\n', cli->out);
    return MST_OK;
  }
  mst_err err = mst_cli_get_items(cli, options->section, options->outcome, NULL, &items, ctx);
  if (err != MST_OK)
    return err;
  if (isatty(fileno(cli->out)))
    fputs("\x1b[H\x1b[2J", cli->out);
  mst_cli_print_items(cli, items);
  fputc('\n', cli->out);
  mst_cli_print_verdict(cli, json_object_get(document, "verdict"));
  json_decref(items);
  return MST_OK;
}

static int
watch(mst_cli *cli, const watch_options *options)
{
  long long left = options->updates;
  json_t *document = NULL;
  mst_errctx ctx = {0};

  mst_err err = get_verdict(cli, "/api/v1/verdict", NULL, &document, &ctx);
  while (err == MST_OK) {
    err = draw(cli, options, document, &ctx);
    fflush(cli->out);
    if (err != MST_OK || json_is_true(json_object_get(json_object_get(document, "verdict"), "final")) || (left > 0 && --left == 0) ||
        ferror(cli->out))
      break;
    long long version = mst_cli_integer(document, "version");
    json_decref(document);
    document = NULL;
    err = wait_verdict(cli, version, INT64_MAX, NULL, &document, &ctx);
  }
  json_decref(document);
  return err == MST_OK ? MST_EXIT_OK : mst_cli_fail(cli, err, ctx.text);
}

int
mst_cli_watch(mst_cli *cli, int argc, char **argv)
{
  const mst_cli_command *command = mst_cli_command_find("watch");
  watch_options given = {.updates = -1};
  const char *updates = NULL;
  const mst_cli_option options[] = {
      {"section", "S", "only section S and those below it", &given.section, NULL},
      {"outcome", "O", "only items with that outcome", &given.outcome, NULL},
      {"updates", "N", "end after N drawings (default: when the verdict is final)", &updates, NULL},
  };
  char *end;
  int count, code;

  if (!mst_cli_options(cli, command, options, 3, argc, argv, &count, &code))
    return code;
  if (count > 0)
    return mst_cli_usage_error(cli, command, "it takes no arguments");
  if (given.outcome && !mst_cli_outcome_known(given.outcome))
    return mst_cli_usage_error(cli, command, "there is no outcome %s", given.outcome);
  if (updates && ((given.updates = strtoll(updates, &end, 10)) < 1 || *end != '\0'))
    return mst_cli_usage_error(cli, command, "--updates must be a number over 0");
  return watch(cli, &given);
}

static int
exit_of(const char *verdict)
{
  static const struct {
    const char *name;
    int code;
  } codes[] = {{"GO", MST_EXIT_OK}, {"CONDITIONAL_GO", MST_EXIT_CONDITIONAL_GO}, {"NO_GO", MST_EXIT_NO_GO}, {"PENDING", MST_EXIT_PENDING}};

  for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
    if (strcmp(codes[i].name, verdict) == 0)
      return codes[i].code;
  return MST_EXIT_ERROR; /* anything unknown must not look like GO */
}

/* Waits until the verdict is no longer PENDING or the time is up. */
static mst_err
decide_wait(mst_cli *cli, const char *run, int64_t timeout_ns, json_t **document, mst_errctx *ctx)
{
  const mst_clock *clock = mst_clock_system();
  int64_t until_ns;
  mst_err err = MST_OK;

  if (__builtin_add_overflow(mst_clock_mono(clock).ns, timeout_ns, &until_ns))
    until_ns = INT64_MAX;
  while (err == MST_OK && strcmp(mst_cli_text(json_object_get(*document, "verdict"), "verdict"), "PENDING") == 0) {
    int64_t left_ns = until_ns - mst_clock_mono(clock).ns;
    if (left_ns <= 0)
      break;
    long long version = mst_cli_integer(*document, "version");
    json_decref(*document);
    *document = NULL;
    err = wait_verdict(cli, version, left_ns, run, document, ctx);
  }
  return err;
}

int
mst_cli_decide(mst_cli *cli, int argc, char **argv)
{
  const mst_cli_command *command = mst_cli_command_find("decide");
  const char *run = NULL, *timeout = NULL;
  bool wait = false;
  const mst_cli_option options[] = {
      {"wait", NULL, "wait until the verdict is no longer PENDING", NULL, &wait},
      {"timeout", "DURATION", "with --wait: give up after that long and exit 3", &timeout, NULL},
      {"run", "ID", "of that run (default: the current or latest)", &run, NULL},
  };
  json_t *document = NULL;
  mst_errctx ctx = {0};
  int64_t timeout_ns = INT64_MAX;
  int count, code;

  if (!mst_cli_options(cli, command, options, 3, argc, argv, &count, &code))
    return code;
  if (count > 0)
    return mst_cli_usage_error(cli, command, "it takes no arguments");
  if (timeout && mst_duration_parse(timeout, &timeout_ns, &ctx) != MST_OK)
    return mst_cli_usage_error(cli, command, "--timeout: %s", ctx.text);
  if (timeout && !wait)
    return mst_cli_usage_error(cli, command, "--timeout goes with --wait");
  mst_err err = get_verdict(cli, "/api/v1/verdict", run, &document, &ctx);
  if (err == MST_OK && wait)
    err = decide_wait(cli, run, timeout_ns, &document, &ctx);
  if (err != MST_OK) {
    json_decref(document);
    return mst_cli_fail(cli, err, ctx.text);
  }
  const json_t *verdict = json_object_get(document, "verdict");
  if (cli->json)
    mst_cli_print_json(cli, verdict);
  else
    mst_cli_print_verdict(cli, verdict);
  code = exit_of(mst_cli_text(verdict, "verdict"));
  json_decref(document);
  return code;
}
