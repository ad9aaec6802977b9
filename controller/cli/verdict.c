/* muster status, items, item, watch, decide: the verdict and what stands behind it. */
#include "cli/cli.h"

#include <string.h>
#include <unistd.h>

#include <mst/common/buf.h>
#include <mst/common/clock.h>

enum { PATH_BYTES = 1024, PASSED_SHOWN = 12 };

static long long
integer(const json_t *object, const char *key)
{
  return (long long)json_integer_value(json_object_get(object, key));
}

void
mst_cli_print_items(mst_cli *cli, const json_t *items)
{
  static const mst_cli_column columns[] = {{"ITEM", false, 0}, {"", false, 0}, {"TITLE", false, 16}, {"OUTCOME", false, 0}, {"MEASURED", false, 12}, {"BOUND", false, 8}};
  mst_cli_table *table = mst_cli_table_create(columns, 6);
  json_t *item;
  size_t index;

  json_array_foreach(items, index, item)
  {
    const char *outcome = mst_cli_text(item, "outcome"), *value = mst_cli_text(item, "value");
    const char *cells[] = {mst_cli_text(item, "id"), json_is_true(json_object_get(item, "critical")) ? "!" : "", mst_cli_text(item, "title"), outcome,
                           value[0] ? value : mst_cli_text(item, "reason"), mst_cli_text(item, "bound")};
    mst_cli_table_row(table, cells, 3, mst_cli_tone_of(outcome));
  }
  mst_cli_table_print(cli, table);
  mst_cli_table_destroy(table);
}

/* Appends "&key=value" (or "?key=value"). */
static mst_err
add_query(char *path, size_t size_bytes, const char *key, const char *value, mst_errctx *ctx)
{
  size_t bytes = strlen(path);

  if (!value)
    return MST_OK;
  int written = snprintf(path + bytes, size_bytes - bytes, "%c%s=", strchr(path, '?') ? '&' : '?', key);
  if (written < 0 || (size_t)written >= size_bytes - bytes)
    return mst_fail(ctx, MST_EUSAGE, "an argument is too long");
  return mst_cli_escape(value, path + bytes + written, size_bytes - bytes - (size_t)written, ctx);
}

static mst_err
get_items(mst_cli *cli, const char *section, const char *outcome, const char *run, json_t **ret_document, mst_errctx *ctx)
{
  char path[PATH_BYTES] = "/api/v1/items";

  mst_err err = add_query(path, sizeof path, "section", section, ctx);
  if (err == MST_OK)
    err = add_query(path, sizeof path, "outcome", outcome, ctx);
  if (err == MST_OK)
    err = add_query(path, sizeof path, "run", run, ctx);
  return err == MST_OK ? mst_cli_get(cli, path, ret_document, ctx) : err;
}

static mst_err
get_verdict(mst_cli *cli, const char *path_start, const char *run, json_t **ret_document, mst_errctx *ctx)
{
  char path[PATH_BYTES];

  snprintf(path, sizeof path, "%s", path_start);
  mst_err err = add_query(path, sizeof path, "run", run, ctx);
  return err == MST_OK ? mst_cli_get(cli, path, ret_document, ctx) : err;
}

static void
print_counts(mst_cli *cli, const json_t *counts)
{
  static const char *const names[] = {"PASS", "WARN", "FAIL", "NO_DATA", "WAIVED", "NA", "PENDING"};
  bool first = true;

  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    long long count = integer(counts, names[i]);
    if (count == 0)
      continue;
    fprintf(cli->out, "%s", first ? "" : ", ");
    mst_cli_print(cli, mst_cli_tone_of(names[i]), "%lld %s", count, names[i]);
    first = false;
  }
  fprintf(cli->out, "\n");
}

void
mst_cli_print_verdict(mst_cli *cli, const json_t *verdict)
{
  const char *name = mst_cli_text(verdict, "verdict"), *so_far = mst_cli_text(verdict, "verdict_so_far");
  json_t *line;
  size_t index;

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
  json_array_foreach(json_object_get(verdict, "reasons"), index, line)
    fprintf(cli->out, "  %s\n", json_string_value(line) ? json_string_value(line) : "");
  if (json_array_size(json_object_get(verdict, "next")) > 0) {
    fprintf(cli->out, "What to do next:\n");
    json_array_foreach(json_object_get(verdict, "next"), index, line)
      fprintf(cli->out, "  - %s\n", json_string_value(line) ? json_string_value(line) : "");
  }
}

int
mst_cli_status(mst_cli *cli, int argc, char **argv)
{
  json_t *status = NULL;
  mst_errctx ctx = {0};
  int count, code;

  if (!mst_cli_options(cli, mst_cli_command_find("status"), NULL, 0, argc, argv, &count, &code))
    return code;
  if (count > 0)
    return mst_cli_usage_error(cli, mst_cli_command_find("status"), "it takes no arguments");
  mst_err err = mst_cli_get(cli, "/api/v1/status", &status, &ctx);
  if (err != MST_OK)
    return mst_cli_fail(cli, err, ctx.text);
  if (cli->json) {
    mst_cli_print_json(cli, status);
    json_decref(status);
    return MST_EXIT_OK;
  }
  const json_t *run = json_object_get(status, "run"), *agents = json_object_get(status, "agents");
  const char *now = mst_cli_text(status, "now");
  char started[48], ends[48];
  fprintf(cli->out, "controller  muster %s, store %.1f MB%s\n", mst_cli_text(status, "version"),
          (double)integer(json_object_get(status, "store"), "size_bytes") / 1e6,
          json_is_true(json_object_get(json_object_get(status, "store"), "disk_full")) ? ", DISK FULL: reports wait on the agents" : "");
  fprintf(cli->out, "agents      %lld approved, %lld silent, %lld pending, %lld revoked\n", integer(agents, "approved"), integer(agents, "silent"),
          integer(agents, "pending"), integer(agents, "revoked"));
  if (!json_is_object(run)) {
    fprintf(cli->out, "run         none; `muster run start --checklist NAME` starts one\n");
  } else {
    fprintf(cli->out, "run         %s, %s, %s\n", mst_cli_text(run, "id"), mst_cli_text(run, "checklist"), mst_cli_text(run, "state"));
    fprintf(cli->out, "period      started %s, ends %s\n", mst_cli_ago(mst_cli_text(run, "started_at"), now, started),
            mst_cli_ago(mst_cli_text(run, "ends_at"), now, ends));
    fprintf(cli->out, "            ");
    print_counts(cli, json_object_get(run, "counts"));
    const char *verdict = mst_cli_text(run, "verdict"), *so_far = mst_cli_text(run, "verdict_so_far");
    fprintf(cli->out, "verdict     ");
    mst_cli_print(cli, mst_cli_tone_of(verdict), "%s", verdict);
    if (strcmp(verdict, "PENDING") == 0 && so_far[0])
      fprintf(cli->out, " (so far %s)", so_far);
    fprintf(cli->out, "\n");
  }
  json_decref(status);
  return MST_EXIT_OK;
}

static bool
outcome_known(const char *outcome)
{
  static const char *const names[] = {"PASS", "WARN", "FAIL", "NO_DATA", "WAIVED", "NA", "PENDING"};

  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (strcmp(names[i], outcome) == 0)
      return true;
  return false;
}

int
mst_cli_items(mst_cli *cli, int argc, char **argv)
{
  const mst_cli_command *command = mst_cli_command_find("items");
  const char *section = NULL, *outcome = NULL, *run = NULL;
  const mst_cli_option options[] = {
      {"section", "S", "only section S and those below it: 5 or 5.3", &section, NULL},
      {"outcome", "O", "only PASS, WARN, FAIL, NO_DATA, WAIVED, NA or PENDING", &outcome, NULL},
      {"run", "ID", "of that run (default: the current or latest)", &run, NULL},
  };
  json_t *document = NULL;
  mst_errctx ctx = {0};
  int count, code;

  if (!mst_cli_options(cli, command, options, 3, argc, argv, &count, &code))
    return code;
  if (count > 0)
    return mst_cli_usage_error(cli, command, "it takes no arguments; `muster item ID` shows one item");
  if (outcome && !outcome_known(outcome))
    return mst_cli_usage_error(cli, command, "there is no outcome %s", outcome);
  mst_err err = get_items(cli, section, outcome, run, &document, &ctx);
  if (err != MST_OK)
    return mst_cli_fail(cli, err, ctx.text);
  const json_t *items = json_object_get(document, "items");
  if (cli->json)
    mst_cli_print_json(cli, document);
  else if (json_array_size(items) == 0)
    fprintf(cli->out, "no items%s\n", section || outcome ? " fit" : "");
  else
    mst_cli_print_items(cli, items);
  json_decref(document);
  return MST_EXIT_OK;
}

/* The check-by-check evidence below an item. */
static void
print_checks(mst_cli *cli, const json_t *checks)
{
  json_t *check;
  size_t index;

  json_array_foreach(checks, index, check)
  {
    const char *outcome = mst_cli_text(check, "outcome");
    fprintf(cli->out, "\ncheck %zu   ", index + 1);
    mst_cli_print(cli, mst_cli_tone_of(outcome), "%s", outcome);
    fprintf(cli->out, "\n");
    static const char *const shown[] = {"what", "value", "target", "critical", "coverage", "reason"};
    for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++) {
      const char *text = mst_cli_text(check, shown[i]);
      if (text[0])
        fprintf(cli->out, "  %-8s %s\n", shown[i], text);
    }
  }
}

int
mst_cli_item(mst_cli *cli, int argc, char **argv)
{
  const mst_cli_command *command = mst_cli_command_find("item");
  const char *run = NULL;
  const mst_cli_option options[] = {{"run", "ID", "of that run (default: the current or latest)", &run, NULL}};
  char path[PATH_BYTES] = "/api/v1/items/";
  json_t *item = NULL;
  mst_errctx ctx = {0};
  int count, code;

  if (!mst_cli_options(cli, command, options, 1, argc, argv, &count, &code))
    return code;
  if (count != 1)
    return mst_cli_usage_error(cli, command, "name one item");
  size_t bytes = strlen(path);
  mst_err err = mst_cli_escape(argv[0], path + bytes, sizeof path - bytes, &ctx);
  if (err == MST_OK)
    err = add_query(path, sizeof path, "run", run, &ctx);
  if (err == MST_OK)
    err = mst_cli_get(cli, path, &item, &ctx);
  if (err != MST_OK)
    return mst_cli_fail(cli, err, ctx.text);
  if (cli->json) {
    mst_cli_print_json(cli, item);
  } else {
    const char *outcome = mst_cli_text(item, "outcome");
    fprintf(cli->out, "%s  %s%s\n", mst_cli_text(item, "id"), mst_cli_text(item, "title"),
            json_is_true(json_object_get(item, "critical")) ? "  (critical)" : "");
    fprintf(cli->out, "outcome   ");
    mst_cli_print(cli, mst_cli_tone_of(outcome), "%s", outcome);
    fprintf(cli->out, "\n");
    static const char *const shown[] = {"value", "bound", "reason"};
    for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++)
      if (mst_cli_text(item, shown[i])[0])
        fprintf(cli->out, "%-9s %s\n", shown[i], mst_cli_text(item, shown[i]));
    print_checks(cli, json_object_get(item, "checks"));
  }
  json_decref(item);
  return MST_EXIT_OK;
}

/* The next document whose version is not *version; waits on the controller's side. */
static mst_err
wait_verdict(mst_cli *cli, long long version, const char *run, json_t **ret_document, mst_errctx *ctx)
{
  char path[PATH_BYTES];

  snprintf(path, sizeof path, "/api/v1/verdict/wait?version=%lld&timeout=30s", version);
  return get_verdict(cli, path, run, ret_document, ctx);
}

int
mst_cli_watch(mst_cli *cli, int argc, char **argv)
{
  const mst_cli_command *command = mst_cli_command_find("watch");
  const char *section = NULL, *outcome = NULL, *updates = NULL;
  const mst_cli_option options[] = {
      {"section", "S", "only section S and those below it", &section, NULL},
      {"outcome", "O", "only items with that outcome", &outcome, NULL},
      {"updates", "N", "end after N drawings (default: never)", &updates, NULL},
  };
  mst_errctx ctx = {0};
  long long version = -1, left = -1;
  int count, code;

  if (!mst_cli_options(cli, command, options, 3, argc, argv, &count, &code))
    return code;
  if (updates && (sscanf(updates, "%lld", &left) != 1 || left < 1))
    return mst_cli_usage_error(cli, command, "--updates must be a number over 0");
  for (;;) {
    json_t *document = NULL, *items = NULL;
    mst_err err = version < 0 ? get_verdict(cli, "/api/v1/verdict", NULL, &document, &ctx) : wait_verdict(cli, version, NULL, &document, &ctx);
    if (err == MST_OK)
      err = get_items(cli, section, outcome, NULL, &items, &ctx);
    if (err != MST_OK) {
      json_decref(document);
      return mst_cli_fail(cli, err, ctx.text);
    }
    version = integer(document, "version");
    if (cli->json) {
      json_dumpf(document, cli->out, JSON_COMPACT | JSON_SORT_KEYS);
      fputc('\n', cli->out);
    } else {
      if (isatty(fileno(cli->out)))
        fputs("\x1b[H\x1b[2J", cli->out);
      mst_cli_print_items(cli, json_object_get(items, "items"));
      fputc('\n', cli->out);
      mst_cli_print_verdict(cli, json_object_get(document, "verdict"));
    }
    fflush(cli->out);
    bool final = json_is_true(json_object_get(json_object_get(document, "verdict"), "final"));
    json_decref(document);
    json_decref(items);
    if (final || (left > 0 && --left == 0) || ferror(cli->out))
      return MST_EXIT_OK;
  }
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
  int64_t until_ns = timeout_ns > 0 ? mst_clock_mono(clock).ns + timeout_ns : INT64_MAX;
  mst_err err = MST_OK;

  while (err == MST_OK && strcmp(mst_cli_text(json_object_get(*document, "verdict"), "verdict"), "PENDING") == 0 &&
         mst_clock_mono(clock).ns < until_ns) {
    long long version = integer(*document, "version");
    json_decref(*document);
    *document = NULL;
    err = wait_verdict(cli, version, run, document, ctx);
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
  int64_t timeout_ns = 0;
  int count, code;

  if (!mst_cli_options(cli, command, options, 3, argc, argv, &count, &code))
    return code;
  if (count > 0)
    return mst_cli_usage_error(cli, command, "it takes no arguments");
  if (timeout && mst_duration_parse(timeout, &timeout_ns, &ctx) != MST_OK)
    return mst_cli_usage_error(cli, command, "--timeout: %s", ctx.text);
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
