/* muster agents, token, operators, keys: who takes part. */
#include "cli/cli.h"

#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mst/common/buf.h>
#include <mst/common/clock.h>
#include <mst/common/file.h>
#include <mst/proto/report.h>

enum { PATH_BYTES = 1024, FIELD_BYTES = 256, LABELS_BYTES = 4096 };

/* "role=api zone=a" */
static void
join_labels(const json_t *labels, mst_buf *ret_text)
{
  const char *key;
  json_t *value;

  mst_buf_init(ret_text, LABELS_BYTES);
  /* The iterator of jansson's macro wants a mutable object; nothing is changed. */
  void *at = json_object_iter((json_t *)(uintptr_t)labels);
  for (; at; at = json_object_iter_next((json_t *)(uintptr_t)labels, at)) {
    key = json_object_iter_key(at);
    value = json_object_iter_value(at);
    mst_buf_printf(ret_text, "%s%s=%s", ret_text->size_bytes ? " " : "", key, json_string_value(value) ? json_string_value(value) : "");
  }
}

static void
print_agents(mst_cli *cli, const json_t *agents, const char *now)
{
  static const mst_cli_column columns[] = {{"AGENT", false, 0}, {"HOST", false, 10},     {"LABELS", false, 8},
                                           {"STATE", false, 0}, {"LAST REPORT", false, 0}, {"OFFSET", true, 0},
                                           {"WAITING", true, 0}, {"LOST", true, 0}};
  mst_cli_table *table = mst_cli_table_create(columns, 8);
  json_t *agent;
  size_t index;

  json_array_foreach(agents, index, agent)
  {
    char ago[48], size[MST_TIME_TEXT_BYTES], offset[MST_TIME_TEXT_BYTES + 1] = "-", waiting[32], lost[32], id[9];
    const json_t *offset_ns = json_object_get(agent, "clock_offset_ns");
    mst_buf labels;
    join_labels(json_object_get(agent, "labels"), &labels);
    if (json_is_integer(offset_ns)) {
      int64_t ns = json_integer_value(offset_ns);
      snprintf(offset, sizeof offset, "%c%s", ns < 0 ? '-' : '+', mst_duration_format_short(ns < 0 ? -ns : ns, size));
    }
    snprintf(id, sizeof id, "%.8s", mst_cli_text(agent, "id"));
    snprintf(waiting, sizeof waiting, "%lld", (long long)json_integer_value(json_object_get(agent, "spool_records")));
    snprintf(lost, sizeof lost, "%lld", (long long)json_integer_value(json_object_get(agent, "lost_records")));
    const char *state = mst_cli_text(agent, "state");
    const char *cells[] = {id, mst_cli_text(agent, "hostname"), mst_buf_text(&labels), state, mst_cli_ago(mst_cli_text(agent, "last_report_at"), now, ago),
                           offset, waiting, lost};
    mst_cli_table_row(table, cells, 3, mst_cli_tone_of(state));
    mst_buf_done(&labels);
  }
  mst_cli_table_print(cli, table);
  mst_cli_table_destroy(table);
}

static int
list_agents(mst_cli *cli)
{
  json_t *document = NULL, *status = NULL;
  mst_errctx ctx = {0};
  mst_err err = mst_cli_get(cli, "/api/v1/agents", &document, &ctx);

  if (err == MST_OK && !cli->json)
    err = mst_cli_get(cli, "/api/v1/status", &status, &ctx);
  if (err != MST_OK) {
    json_decref(document);
    return mst_cli_fail(cli, err, ctx.text);
  }
  const json_t *agents = json_object_get(document, "agents");
  if (cli->json)
    mst_cli_print_json(cli, document);
  else if (json_array_size(agents) == 0)
    fprintf(cli->out, "no agents yet; `muster token new --role ROLE` gives what `muster-agent enrol` needs\n");
  else
    print_agents(cli, agents, mst_cli_text(status, "now"));
  json_decref(document);
  json_decref(status);
  return MST_EXIT_OK;
}

static void
print_sessions(mst_cli *cli, const json_t *sessions)
{
  static const mst_cli_column columns[] = {{"SESSION", false, 0}, {"FIRST SEEN", false, 0}, {"REPORTS", true, 0}, {"SAMPLES", true, 0}, {"TAKEN", false, 10}, {"LOST", true, 0}};
  mst_cli_table *table = mst_cli_table_create(columns, 6);
  json_t *session, *range;
  size_t index, at;

  json_array_foreach(sessions, index, session)
  {
    char id[9], reports[32], samples[32], lost[32];
    mst_buf ranges;
    mst_buf_init(&ranges, LABELS_BYTES);
    json_array_foreach(json_object_get(session, "ranges"), at, range)
      mst_buf_printf(&ranges, "%s%lld-%lld", at ? "," : "", (long long)json_integer_value(json_array_get(range, 0)),
                     (long long)json_integer_value(json_array_get(range, 1)));
    snprintf(id, sizeof id, "%.8s", mst_cli_text(session, "session"));
    snprintf(reports, sizeof reports, "%lld", (long long)json_integer_value(json_object_get(session, "stored_reports")));
    snprintf(samples, sizeof samples, "%lld", (long long)json_integer_value(json_object_get(session, "stored_samples")));
    snprintf(lost, sizeof lost, "%lld", (long long)json_integer_value(json_object_get(session, "lost_samples")));
    const char *cells[] = {id, mst_cli_text(session, "first_seen_at"), reports, samples, mst_buf_text(&ranges), lost};
    mst_cli_table_row(table, cells, -1, MST_TONE_PLAIN);
    mst_buf_done(&ranges);
  }
  mst_cli_table_print(cli, table);
  mst_cli_table_destroy(table);
}

static int
show_agent(mst_cli *cli, const char *id)
{
  static const char *const shown[] = {"id", "hostname", "state", "version", "boot_id", "last_report_at", "last_received_at"};
  char path[FIELD_BYTES * 3] = "/api/v1/agents/";
  json_t *agent = NULL;
  mst_errctx ctx = {0};
  size_t bytes = strlen(path);

  mst_err err = mst_cli_escape(id, path + bytes, sizeof path - bytes, &ctx);
  if (err == MST_OK)
    err = mst_cli_get(cli, path, &agent, &ctx);
  if (err != MST_OK)
    return mst_cli_fail(cli, err, ctx.text);
  if (cli->json) {
    mst_cli_print_json(cli, agent);
  } else {
    mst_buf labels;
    join_labels(json_object_get(agent, "labels"), &labels);
    for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++)
      fprintf(cli->out, "%-17s %s\n", shown[i], mst_cli_text(agent, shown[i])[0] ? mst_cli_text(agent, shown[i]) : "-");
    fprintf(cli->out, "%-17s %s\n\n", "labels", mst_buf_text(&labels));
    mst_buf_done(&labels);
    print_sessions(cli, json_object_get(agent, "sessions"));
  }
  json_decref(agent);
  return MST_EXIT_OK;
}

/* Sends a statement and says what was done. */
static int
send_and_say(mst_cli *cli, const mst_cli_statement *statement, const char *done)
{
  json_t *answer = NULL;
  mst_errctx ctx = {0};
  mst_err err = mst_cli_statement_send(cli, statement, &answer, &ctx);

  if (err != MST_OK)
    return mst_cli_fail(cli, err, ctx.text);
  if (cli->json)
    mst_cli_print_json(cli, answer);
  else
    fprintf(cli->out, "%s\n", done);
  json_decref(answer);
  return MST_EXIT_OK;
}

/* "role=api" arguments, sorted, one a line: how labels travel. */
static int
by_text(const void *a, const void *b)
{
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static mst_err
labels_of(char **arguments, int count, mst_buf *ret_text, mst_errctx *ctx)
{
  qsort(arguments, (size_t)count, sizeof *arguments, by_text);
  for (int i = 0; i < count; i++) {
    const char *equals = strchr(arguments[i], '=');
    if (!equals || equals == arguments[i])
      return mst_fail(ctx, MST_EUSAGE, "\"%s\" is no label; write KEY=VALUE", arguments[i]);
    mst_buf_printf(ret_text, "%s%s", i ? "\n" : "", arguments[i]);
  }
  return mst_buf_check(ret_text, "labels", ctx);
}

int
mst_cli_agents(mst_cli *cli, int argc, char **argv)
{
  const mst_cli_command *command = mst_cli_command_find("agents");
  const char *reason = NULL;
  const mst_cli_option options[] = {{"reason", "TEXT", "why, for revoke", &reason, NULL}};
  int count, code;

  if (!mst_cli_options(cli, command, options, 1, argc, argv, &count, &code))
    return code;
  const char *verb = count > 0 ? argv[0] : "list";
  if (strcmp(verb, "list") == 0 && count <= 1)
    return list_agents(cli);
  if (strcmp(verb, "show") == 0 && count == 2)
    return show_agent(cli, argv[1]);
  if (strcmp(verb, "approve") == 0 && count == 2) {
    mst_cli_statement statement = {.kind = "agent.approve", .subject = argv[1]};
    return send_and_say(cli, &statement, "approved");
  }
  if (strcmp(verb, "revoke") == 0 && count == 2) {
    if (!reason)
      return mst_cli_usage_error(cli, command, "revoke needs --reason: it stands in the audit log");
    mst_cli_statement statement = {.kind = "agent.revoke", .subject = argv[1]};
    mst_cli_statement_add(&statement, "reason", reason);
    return send_and_say(cli, &statement, "revoked; its envelopes are refused from now on");
  }
  if (strcmp(verb, "label") == 0 && count >= 3) {
    mst_cli_statement statement = {.kind = "agent.label", .subject = argv[1]};
    mst_errctx ctx = {0};
    mst_buf labels;
    mst_buf_init(&labels, MST_STATEMENT_VALUE_MAX_BYTES);
    mst_err err = labels_of(argv + 2, count - 2, &labels, &ctx);
    mst_cli_statement_add(&statement, "labels", mst_buf_text(&labels));
    code = err == MST_OK ? send_and_say(cli, &statement, "labelled") : mst_cli_usage_error(cli, command, "%s", ctx.text);
    mst_buf_done(&labels);
    return code;
  }
  return mst_cli_usage_error(cli, command, "\"%s\" with %d arguments is not understood", verb, count > 0 ? count - 1 : 0);
}

static int
new_token(mst_cli *cli, const char *ttl, const char *role, const char *uses, bool manual, char **labels, int label_count)
{
  mst_cli_statement statement = {.kind = "token.new"};
  char role_label[FIELD_BYTES];
  char *all[MST_SERIES_LABELS_MAX + 1];
  json_t *answer = NULL;
  mst_errctx ctx = {0};
  mst_buf text;
  int count = 0;

  if (role) {
    snprintf(role_label, sizeof role_label, "role=%s", role);
    all[count++] = role_label;
  }
  for (int i = 0; i < label_count && count < MST_SERIES_LABELS_MAX; i++)
    all[count++] = labels[i];
  mst_buf_init(&text, MST_STATEMENT_VALUE_MAX_BYTES);
  mst_err err = labels_of(all, count, &text, &ctx);
  mst_cli_statement_add(&statement, "ttl", ttl);
  mst_cli_statement_add(&statement, "labels", count ? mst_buf_text(&text) : NULL);
  mst_cli_statement_add(&statement, "uses", uses);
  mst_cli_statement_add(&statement, "manual", manual ? "true" : NULL);
  if (err == MST_OK)
    err = mst_cli_statement_send(cli, &statement, &answer, &ctx);
  mst_buf_done(&text);
  if (err != MST_OK)
    return mst_cli_fail(cli, err, ctx.text);
  if (cli->json)
    mst_cli_print_json(cli, answer);
  else
    fprintf(cli->out, "%s\n", mst_cli_text(answer, "token"));
  json_decref(answer);
  return MST_EXIT_OK;
}

static int
list_tokens(mst_cli *cli)
{
  static const mst_cli_column columns[] = {{"TOKEN", false, 0}, {"LABELS", false, 8}, {"EXPIRES", false, 0}, {"USES LEFT", true, 0}, {"USED", true, 0}, {"STATE", false, 0}};
  json_t *document = NULL, *token;
  mst_errctx ctx = {0};
  size_t index;
  mst_err err = mst_cli_get(cli, "/api/v1/tokens", &document, &ctx);

  if (err != MST_OK)
    return mst_cli_fail(cli, err, ctx.text);
  if (cli->json) {
    mst_cli_print_json(cli, document);
    json_decref(document);
    return MST_EXIT_OK;
  }
  mst_cli_table *table = mst_cli_table_create(columns, 6);
  json_array_foreach(json_object_get(document, "tokens"), index, token)
  {
    char left[32], made[32];
    mst_buf labels;
    join_labels(json_object_get(token, "labels"), &labels);
    snprintf(left, sizeof left, "%lld", (long long)json_integer_value(json_object_get(token, "uses_left")));
    snprintf(made, sizeof made, "%lld", (long long)json_integer_value(json_object_get(token, "uses_made")));
    const char *state = json_is_true(json_object_get(token, "revoked")) ? "revoked" : json_is_true(json_object_get(token, "expired")) ? "expired" : "valid";
    const char *cells[] = {mst_cli_text(token, "id"), mst_buf_text(&labels), mst_cli_text(token, "expires_at"), left, made, state};
    mst_cli_table_row(table, cells, 5, mst_cli_tone_of(state));
    mst_buf_done(&labels);
  }
  mst_cli_table_print(cli, table);
  mst_cli_table_destroy(table);
  json_decref(document);
  return MST_EXIT_OK;
}

int
mst_cli_token(mst_cli *cli, int argc, char **argv)
{
  const mst_cli_command *command = mst_cli_command_find("token");
  const char *ttl = "1h", *role = NULL, *uses = NULL, *reason = NULL;
  bool manual = false;
  const mst_cli_option options[] = {
      {"ttl", "DURATION", "how long it can be used (default 1h)", &ttl, NULL},
      {"role", "ROLE", "label role=ROLE for the hosts that enrol with it", &role, NULL},
      {"uses", "N", "how many hosts may enrol with it (default 1)", &uses, NULL},
      {"manual", NULL, "hosts wait for `muster agents approve`", NULL, &manual},
      {"reason", "TEXT", "why, for revoke", &reason, NULL},
  };
  int count, code;

  if (!mst_cli_options(cli, command, options, 5, argc, argv, &count, &code))
    return code;
  const char *verb = count > 0 ? argv[0] : "list";
  if (strcmp(verb, "new") == 0)
    return new_token(cli, ttl, role, uses, manual, argv + 1, count - 1);
  if (strcmp(verb, "list") == 0 && count <= 1)
    return list_tokens(cli);
  if (strcmp(verb, "revoke") == 0 && count == 2) {
    mst_cli_statement statement = {.kind = "token.revoke", .subject = argv[1]};
    mst_cli_statement_add(&statement, "reason", reason);
    return send_and_say(cli, &statement, "revoked");
  }
  return mst_cli_usage_error(cli, command, "\"%s\" with %d arguments is not understood", verb, count > 0 ? count - 1 : 0);
}

static int
new_key(mst_cli *cli, const char *path)
{
  char text[MST_PUBLIC_KEY_TEXT_BYTES], folder[PATH_BYTES];
  const char *passphrase = getenv("MUSTER_KEY_PASSPHRASE");
  mst_key *key = NULL;
  mst_errctx ctx = {0};

  snprintf(folder, sizeof folder, "%s", path);
  mst_err err = mst_file_mkdirs(dirname(folder), 0700, &ctx);
  if (err == MST_OK)
    err = mst_key_create(&key, &ctx);
  if (err == MST_OK)
    err = mst_key_save(key, path, passphrase && passphrase[0] ? passphrase : NULL, &ctx);
  if (err != MST_OK) {
    mst_key_destroy(key);
    return mst_cli_fail(cli, err, ctx.text);
  }
  mst_public_key_format(mst_key_public(key), text);
  if (cli->json) {
    json_t *document = json_pack("{s:s,s:s}", "key", text, "file", path);
    mst_cli_print_json(cli, document);
    json_decref(document);
  } else {
    fprintf(cli->out, "%s\n", text);
  }
  mst_key_destroy(key);
  return MST_EXIT_OK;
}

int
mst_cli_keys(mst_cli *cli, int argc, char **argv)
{
  const mst_cli_command *command = mst_cli_command_find("keys");
  char path[PATH_BYTES], text[MST_PUBLIC_KEY_TEXT_BYTES];
  mst_key *key = NULL;
  mst_errctx ctx = {0};
  int count, code;

  if (!mst_cli_options(cli, command, NULL, 0, argc, argv, &count, &code))
    return code;
  if (count < 1 || count > 2)
    return mst_cli_usage_error(cli, command, "say new or export");
  if (count == 2)
    cli->key_file = argv[1];
  mst_err err = mst_cli_key_path(cli, path, sizeof path, &ctx);
  if (err != MST_OK)
    return mst_cli_fail(cli, err, ctx.text);
  if (strcmp(argv[0], "new") == 0)
    return new_key(cli, path);
  if (strcmp(argv[0], "export") != 0)
    return mst_cli_usage_error(cli, command, "\"%s\" is neither new nor export", argv[0]);
  err = mst_cli_key_load(cli, &key, &ctx);
  if (err != MST_OK)
    return mst_cli_fail(cli, err, ctx.text);
  fprintf(cli->out, "%s\n", mst_public_key_format(mst_key_public(key), text));
  mst_key_destroy(key);
  return MST_EXIT_OK;
}

static int
list_operators(mst_cli *cli)
{
  static const mst_cli_column columns[] = {{"KEY ID", false, 0}, {"NAME", false, 8}, {"ROLES", false, 8}, {"STATE", false, 0}};
  json_t *document = NULL, *operator_, *role;
  mst_errctx ctx = {0};
  size_t index, at;
  mst_err err = mst_cli_get(cli, "/api/v1/operators", &document, &ctx);

  if (err != MST_OK)
    return mst_cli_fail(cli, err, ctx.text);
  if (cli->json) {
    mst_cli_print_json(cli, document);
    json_decref(document);
    return MST_EXIT_OK;
  }
  mst_cli_table *table = mst_cli_table_create(columns, 4);
  json_array_foreach(json_object_get(document, "operators"), index, operator_)
  {
    mst_buf roles;
    mst_buf_init(&roles, LABELS_BYTES);
    json_array_foreach(json_object_get(operator_, "roles"), at, role)
      mst_buf_printf(&roles, "%s%s", at ? ", " : "", json_string_value(role) ? json_string_value(role) : "");
    const char *state = json_is_true(json_object_get(operator_, "revoked")) ? "revoked" : "valid";
    const char *cells[] = {mst_cli_text(operator_, "key_id"), mst_cli_text(operator_, "name"), mst_buf_text(&roles), state};
    mst_cli_table_row(table, cells, 3, mst_cli_tone_of(state));
    mst_buf_done(&roles);
  }
  mst_cli_table_print(cli, table);
  mst_cli_table_destroy(table);
  json_decref(document);
  return MST_EXIT_OK;
}

int
mst_cli_operators(mst_cli *cli, int argc, char **argv)
{
  const mst_cli_command *command = mst_cli_command_find("operators");
  const char *roles = NULL, *reason = NULL;
  const mst_cli_option options[] = {
      {"role", "R[,R...]", "admin, technical-lead, devops-lead, security-lead", &roles, NULL},
      {"reason", "TEXT", "why, for revoke", &reason, NULL},
  };
  char lines[FIELD_BYTES];
  int count, code;

  if (!mst_cli_options(cli, command, options, 2, argc, argv, &count, &code))
    return code;
  const char *verb = count > 0 ? argv[0] : "list";
  if (strcmp(verb, "list") == 0 && count <= 1)
    return list_operators(cli);
  if (strcmp(verb, "add") == 0 && count == 3) {
    if (!roles)
      return mst_cli_usage_error(cli, command, "add needs --role");
    snprintf(lines, sizeof lines, "%s", roles);
    for (char *comma = strchr(lines, ','); comma; comma = strchr(comma, ','))
      *comma = '\n';
    mst_cli_statement statement = {.kind = "operator.add", .subject = argv[1]};
    mst_cli_statement_add(&statement, "key", argv[2]);
    mst_cli_statement_add(&statement, "roles", lines);
    return send_and_say(cli, &statement, "added");
  }
  if (strcmp(verb, "revoke") == 0 && count == 2) {
    mst_cli_statement statement = {.kind = "operator.revoke", .subject = argv[1]};
    mst_cli_statement_add(&statement, "reason", reason);
    return send_and_say(cli, &statement, "revoked");
  }
  return mst_cli_usage_error(cli, command, "\"%s\" with %d arguments is not understood", verb, count > 0 ? count - 1 : 0);
}
