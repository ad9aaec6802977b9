/* muster run, and the statements that are given on a run: attest, waive, na, sign, intervene. */
#include "cli/cli.h"

#include <string.h>

#include <mst/common/digest.h>
#include <mst/common/file.h>

enum {
  PATH_BYTES = 1024,
  RUN_ID_BYTES = 64,
  DOCUMENT_MAX_BYTES = 64 * 1024 * 1024, /* read whole; what a person attests is shorter */
};

static void
print_runs(mst_cli *cli, const json_t *runs, const char *now)
{
  static const mst_cli_column columns[] = {{"RUN", false, 0},     {"CHECKLIST", false, 10}, {"STATE", false, 0},
                                           {"STARTED", false, 0}, {"VERDICT", false, 0},    {"COMMIT", false, 7}};
  mst_cli_table *table = mst_cli_table_create(columns, 6);
  json_t *run;
  size_t index;

  json_array_foreach(runs, index, run)
  {
    char started[48];
    const char *verdict = mst_cli_text(run, "verdict");
    const char *cells[] = {mst_cli_text(run, "id"),
                           mst_cli_text(json_object_get(run, "checklist"), "name"),
                           mst_cli_text(run, "state"),
                           mst_cli_ago(mst_cli_text(run, "started_at"), now, started),
                           verdict,
                           mst_cli_text(json_object_get(run, "deployment"), "commit")};
    mst_cli_table_row(table, cells, 4, mst_cli_tone_of(verdict));
  }
  mst_cli_table_finish(cli, table);
}

static int
list_runs(mst_cli *cli)
{
  json_t *document = NULL;
  mst_cli_now now = "";
  mst_errctx ctx = {0};
  mst_err err = mst_cli_get(cli, "/api/v1/runs", &document, &ctx);

  if (err == MST_OK && !cli->json)
    err = mst_cli_get_now(cli, now, &ctx);
  if (err != MST_OK) {
    json_decref(document);
    return mst_cli_fail(cli, err, ctx.text);
  }
  const json_t *runs = json_object_get(document, "runs");
  if (cli->json)
    mst_cli_print_json(cli, document);
  else if (json_array_size(runs) == 0)
    fprintf(cli->out, "no runs yet; `muster run start --checklist NAME` starts one\n");
  else
    print_runs(cli, runs, now);
  json_decref(document);
  return MST_EXIT_OK;
}

/* The id of the run that is on, or of the latest one. */
static mst_err
current_run(mst_cli *cli, char ret_id[static RUN_ID_BYTES], mst_errctx *ctx)
{
  json_t *status = NULL;
  mst_err err = mst_cli_get(cli, "/api/v1/status", &status, ctx);

  if (err != MST_OK)
    return err;
  const char *id = mst_cli_text(json_object_get(status, "run"), "id");
  if (id[0] == '\0')
    err = mst_fail(ctx, MST_EABSENT, "there is no run; `muster run start --checklist NAME` starts one");
  else
    snprintf(ret_id, RUN_ID_BYTES, "%s", id);
  json_decref(status);
  return err;
}

static void
print_run(mst_cli *cli, const json_t *run)
{
  static const char *const shown[] = {"id", "state", "started_at", "ends_at", "ended_at", "verdict", "reason"};
  static const char *const rules[] = {"checklist", "plan"};
  const char *key;
  json_t *value;

  for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++)
    if (mst_cli_text(run, shown[i])[0])
      mst_cli_print(cli, MST_TONE_PLAIN, "%-15s %s\n", shown[i], mst_cli_text(run, shown[i]));
  for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
    if (json_is_object(json_object_get(run, rules[i])))
      mst_cli_print(cli, MST_TONE_PLAIN, "%-15s %s (%.12s)\n", rules[i], mst_cli_text(json_object_get(run, rules[i]), "name"),
                    mst_cli_text(json_object_get(run, rules[i]), "digest"));
  json_object_foreach(json_object_get(run, "deployment"), key, value) if (json_string_value(value))
      mst_cli_print(cli, MST_TONE_PLAIN, "%-15s %s\n", key, json_string_value(value));
  fprintf(cli->out, "%-15s %zu hosts\n", "roster", json_array_size(json_object_get(run, "roster")));
}

static int
show_run(mst_cli *cli, const char *id)
{
  char path[PATH_BYTES] = "/api/v1/runs/", current[RUN_ID_BYTES];
  json_t *run = NULL;
  mst_errctx ctx = {0};
  mst_err err = id ? MST_OK : current_run(cli, current, &ctx);
  size_t bytes = strlen(path);

  if (err == MST_OK)
    err = mst_cli_escape(id ? id : current, path + bytes, sizeof path - bytes, &ctx);
  if (err == MST_OK)
    err = mst_cli_get(cli, path, &run, &ctx);
  if (err != MST_OK)
    return mst_cli_fail(cli, err, ctx.text);
  if (cli->json)
    mst_cli_print_json(cli, run);
  else
    print_run(cli, run);
  json_decref(run);
  return MST_EXIT_OK;
}

int
mst_cli_run(mst_cli *cli, int argc, char **argv)
{
  const mst_cli_command *command = mst_cli_command_find("run");
  const char *checklist = NULL, *commit = NULL, *by = NULL, *method = NULL, *backup = NULL, *date = NULL, *reason = NULL;
  bool force = false;
  const mst_cli_option options[] = {
      {"checklist", "NAME", "which checklist of the controller's config", &checklist, NULL},
      {"commit", "HASH", "git commit that was deployed", &commit, NULL},
      {"deployed-by", "WHO", "who deployed", &by, NULL},
      {"method", "HOW", "automated or manual", &method, NULL},
      {"backup", "WHERE", "where the backup from before is", &backup, NULL},
      {"deployment-date", "TIME", "when it was deployed", &date, NULL},
      {"force", NULL, "start though selectors match no host", NULL, &force},
      {"reason", "TEXT", "why the run is ended", &reason, NULL},
  };
  int count, code;

  if (!mst_cli_options(cli, command, options, 8, argc, argv, &count, &code))
    return code;
  const char *verb = count > 0 ? argv[0] : "show";
  if (strcmp(verb, "list") == 0 && count == 1)
    return list_runs(cli);
  if (strcmp(verb, "show") == 0 && count <= 2)
    return show_run(cli, count == 2 ? argv[1] : NULL);
  if (strcmp(verb, "start") == 0 && count == 1) {
    if (!checklist)
      return mst_cli_usage_error(cli, command, "start needs --checklist");
    mst_cli_statement statement = {.kind = "run.start"};
    mst_cli_statement_add(&statement, "checklist", checklist);
    mst_cli_statement_add(&statement, "commit", commit);
    mst_cli_statement_add(&statement, "deployed_by", by);
    mst_cli_statement_add(&statement, "method", method);
    mst_cli_statement_add(&statement, "backup", backup);
    mst_cli_statement_add(&statement, "deployment_date", date);
    mst_cli_statement_add(&statement, "force", force ? "true" : NULL);
    return mst_cli_statement_carry_out(cli, &statement, "started", "run");
  }
  if (strcmp(verb, "end") == 0 && count <= 2) {
    char current[RUN_ID_BYTES];
    mst_errctx ctx = {0};
    if (!reason)
      return mst_cli_usage_error(cli, command, "end needs --reason; a run that is ended early can only be NO_GO");
    mst_err err = count == 2 ? MST_OK : current_run(cli, current, &ctx);
    if (err != MST_OK)
      return mst_cli_fail(cli, err, ctx.text);
    mst_cli_statement statement = {.kind = "run.end", .subject = count == 2 ? argv[1] : current};
    mst_cli_statement_add(&statement, "reason", reason);
    return mst_cli_statement_carry_out(cli, &statement, "ended", "run");
  }
  return mst_cli_usage_error(cli, command, "\"%s\" with %d arguments is not understood", verb, count > 0 ? count - 1 : 0);
}

/* The statements on one item of the current run. */
static int
send_on_item(mst_cli *cli, mst_cli_statement *statement, const char *done)
{
  char run[RUN_ID_BYTES];
  mst_errctx ctx = {0};
  mst_err err = current_run(cli, run, &ctx);

  if (err != MST_OK)
    return mst_cli_fail(cli, err, ctx.text);
  mst_cli_statement_add(statement, "run", run);
  return mst_cli_statement_carry_out(cli, statement, done, NULL);
}

/* As sha256sum prints it: a probe that hashes the file on a host gives the same. */
static mst_err
hash_document(const char *path, char hex[static MST_DIGEST_HEX_BYTES], mst_errctx *ctx)
{
  mst_buf text;

  mst_buf_init(&text, DOCUMENT_MAX_BYTES);
  mst_err err = mst_file_read(path, &text, ctx);
  if (err == MST_OK)
    mst_sha256_hex(text.data, text.size_bytes, hex);
  else
    err = mst_fail_within(ctx, err, "hash the document");
  mst_buf_done(&text);
  return err;
}

int
mst_cli_attest(mst_cli *cli, int argc, char **argv)
{
  const mst_cli_command *command = mst_cli_command_find("attest");
  const char *role = NULL, *document = NULL, *comment = NULL;
  const mst_cli_option options[] = {
      {"role", "R", "role under which you attest", &role, NULL},
      {"document", "FILE", "the document that you looked at; its SHA-256 is bound in", &document, NULL},
      {"comment", "TEXT", "what you looked at", &comment, NULL},
  };
  char hex[MST_DIGEST_HEX_BYTES];
  mst_errctx ctx = {0};
  int count, code;

  if (!mst_cli_options(cli, command, options, 3, argc, argv, &count, &code))
    return code;
  if (count != 1 || !role)
    return mst_cli_usage_error(cli, command, count != 1 ? "name one item" : "--role is needed");
  mst_cli_statement statement = {.kind = "attest", .subject = argv[0]};
  mst_cli_statement_add(&statement, "role", role);
  mst_cli_statement_add(&statement, "comment", comment);
  if (document) {
    mst_err err = hash_document(document, hex, &ctx);
    if (err != MST_OK)
      return mst_cli_fail(cli, err, ctx.text);
    mst_cli_statement_add(&statement, "document", hex);
  }
  return send_on_item(cli, &statement, "attested");
}

int
mst_cli_waive(mst_cli *cli, int argc, char **argv)
{
  const mst_cli_command *command = mst_cli_command_find("waive");
  const char *reason = NULL, *expires = NULL;
  const mst_cli_option options[] = {
      {"reason", "TEXT", "why; stands in every report", &reason, NULL},
      {"expires", "DURATION", "from now; the waiver must still hold at the decision", &expires, NULL},
  };
  mst_errctx ctx = {0};
  int64_t ns = 0, expires_at_ns;
  int count, code;

  if (!mst_cli_options(cli, command, options, 2, argc, argv, &count, &code))
    return code;
  if (count != 1 || !reason || !expires)
    return mst_cli_usage_error(cli, command, count != 1 ? "name one item" : "--reason and --expires are needed");
  if (mst_duration_parse(expires, &ns, &ctx) != MST_OK)
    return mst_cli_usage_error(cli, command, "--expires: %s", ctx.text);
  if (ns == 0 || __builtin_add_overflow(mst_clock_wall(mst_clock_system()).ns, ns, &expires_at_ns))
    return mst_cli_usage_error(cli, command, "--expires: over 0, and not for centuries");
  mst_cli_statement statement = {.kind = "waive", .subject = argv[0], .expires_at_ns = expires_at_ns};
  mst_cli_statement_add(&statement, "reason", reason);
  return send_on_item(cli, &statement, "waived; it counts as not passed and is shown in the report");
}

int
mst_cli_na(mst_cli *cli, int argc, char **argv)
{
  const mst_cli_command *command = mst_cli_command_find("na");
  const char *reason = NULL;
  const mst_cli_option options[] = {{"reason", "TEXT", "why it does not apply", &reason, NULL}};
  int count, code;

  if (!mst_cli_options(cli, command, options, 1, argc, argv, &count, &code))
    return code;
  if (count != 1 || !reason)
    return mst_cli_usage_error(cli, command, count != 1 ? "name one item" : "--reason is needed");
  mst_cli_statement statement = {.kind = "na", .subject = argv[0]};
  mst_cli_statement_add(&statement, "reason", reason);
  return send_on_item(cli, &statement, "recorded as not applicable");
}

int
mst_cli_sign(mst_cli *cli, int argc, char **argv)
{
  const mst_cli_command *command = mst_cli_command_find("sign");
  const char *role = NULL, *comment = NULL;
  bool approve = false, reject = false;
  const mst_cli_option options[] = {
      {"role", "R", "role under which you sign", &role, NULL},
      {"approve", NULL, "the result may go to production", NULL, &approve},
      {"reject", NULL, "it may not", NULL, &reject},
      {"comment", "TEXT", "stands in the report", &comment, NULL},
  };
  json_t *document = NULL;
  mst_errctx ctx = {0};
  int count, code;

  if (!mst_cli_options(cli, command, options, 4, argc, argv, &count, &code))
    return code;
  if (count != 0 || !role || approve == reject)
    return mst_cli_usage_error(cli, command, count != 0 ? "it takes no arguments" : "--role and one of --approve and --reject are needed");
  mst_err err = mst_cli_get(cli, "/api/v1/verdict", &document, &ctx);
  if (err != MST_OK)
    return mst_cli_fail(cli, err, ctx.text);
  const json_t *verdict = json_object_get(document, "verdict");
  const char *run = mst_cli_text(json_object_get(json_object_get(verdict, "result"), "run"), "id");
  mst_cli_statement statement = {.kind = "sign-off", .subject = run};
  mst_cli_statement_add(&statement, "role", role);
  mst_cli_statement_add(&statement, "decision", approve ? "approved" : "rejected");
  mst_cli_statement_add(&statement, "digest", mst_cli_text(verdict, "digest"));
  mst_cli_statement_add(&statement, "comment", comment);
  if (!cli->json)
    mst_cli_print_verdict(cli, verdict);
  code = mst_cli_statement_carry_out(cli, &statement, approve ? "approved" : "rejected", "run");
  json_decref(document);
  return code;
}

int
mst_cli_intervene(mst_cli *cli, int argc, char **argv)
{
  const mst_cli_command *command = mst_cli_command_find("intervene");
  char run[RUN_ID_BYTES];
  mst_errctx ctx = {0};
  int count, code;

  if (!mst_cli_options(cli, command, NULL, 0, argc, argv, &count, &code))
    return code;
  if (count != 1)
    return mst_cli_usage_error(cli, command, "say in one quoted text what was done");
  mst_err err = current_run(cli, run, &ctx);
  if (err != MST_OK)
    return mst_cli_fail(cli, err, ctx.text);
  mst_cli_statement statement = {.kind = "intervention", .subject = run};
  mst_cli_statement_add(&statement, "text", argv[0]);
  return mst_cli_statement_carry_out(cli, &statement, "recorded", NULL);
}
