/* muster agents: the hosts that report. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

enum { PATH_BYTES = 1024, LABELS_BYTES = 8192, RANGES_BYTES = 4096 };

static void
print_agents(mst_cli *cli, const json_t *agents, const char *now)
{
  static const mst_cli_column columns[] = {{"AGENT", false, 0},       {"HOST", false, 10}, {"LABELS", false, 8}, {"STATE", false, 0},
                                           {"LAST REPORT", false, 0}, {"OFFSET", true, 0}, {"WAITING", true, 0}, {"LOST", true, 0}};
  mst_cli_table *table = mst_cli_table_create(columns, 8);
  json_t *agent;
  size_t index;

  json_array_foreach(agents, index, agent)
  {
    char ago[48], size[MST_TIME_TEXT_BYTES], offset[MST_TIME_TEXT_BYTES + 1] = "-", waiting[32], lost[32], id[9];
    const json_t *offset_ns = json_object_get(agent, "clock_offset_ns");
    mst_buf labels;
    mst_buf_init(&labels, LABELS_BYTES);
    mst_cli_join_labels(json_object_get(agent, "labels"), &labels);
    if (json_is_integer(offset_ns)) {
      int64_t ns = json_integer_value(offset_ns);
      snprintf(offset, sizeof offset, "%c%s", ns < 0 ? '-' : '+', mst_duration_format_short(ns < 0 ? -ns : ns, size));
    }
    snprintf(id, sizeof id, "%.8s", mst_cli_text(agent, "id"));
    snprintf(waiting, sizeof waiting, "%lld", mst_cli_integer(agent, "spool_records"));
    snprintf(lost, sizeof lost, "%lld", mst_cli_integer(agent, "lost_records"));
    const char *state = mst_cli_text(agent, "state");
    const char *cells[] = {id,
                           mst_cli_text(agent, "hostname"),
                           mst_buf_text(&labels),
                           state,
                           mst_cli_ago(mst_cli_text(agent, "last_report_at"), now, ago),
                           offset,
                           waiting,
                           lost};
    mst_cli_table_row(table, cells, 3, mst_cli_tone_of(state));
    mst_buf_done(&labels);
  }
  mst_cli_table_finish(cli, table);
}

static int
list_agents(mst_cli *cli)
{
  json_t *document = NULL;
  mst_cli_now now = "";
  mst_errctx ctx = {0};
  mst_err err = mst_cli_get(cli, "/api/v1/agents", &document, &ctx);

  if (err == MST_OK && !cli->json)
    err = mst_cli_get_now(cli, now, &ctx);
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
    print_agents(cli, agents, now);
  json_decref(document);
  return MST_EXIT_OK;
}

/* [[1, 7], [9, 9]] as "1-7,9". */
static void
join_ranges(const json_t *ranges, mst_buf *ret_text)
{
  json_t *range;
  size_t index;

  json_array_foreach(ranges, index, range)
  {
    long long first = (long long)json_integer_value(json_array_get(range, 0)),
              last = (long long)json_integer_value(json_array_get(range, 1));
    mst_buf_printf(ret_text, "%s%lld", index ? "," : "", first);
    if (last != first)
      mst_buf_printf(ret_text, "-%lld", last);
  }
}

static void
print_sessions(mst_cli *cli, const json_t *sessions, const char *now)
{
  static const mst_cli_column columns[] = {{"SESSION", false, 0}, {"FIRST SEEN", false, 0}, {"REPORTS", true, 0},
                                           {"SAMPLES", true, 0},  {"TAKEN", false, 10},     {"LOST", true, 0}};
  mst_cli_table *table = mst_cli_table_create(columns, 6);
  json_t *session;
  size_t index;

  json_array_foreach(sessions, index, session)
  {
    char id[9], seen[48], reports[32], samples[32], lost[32];
    mst_buf ranges;
    mst_buf_init(&ranges, RANGES_BYTES); /* what goes over it is cut: the table would cut it too */
    join_ranges(json_object_get(session, "ranges"), &ranges);
    snprintf(id, sizeof id, "%.8s", mst_cli_text(session, "session"));
    snprintf(reports, sizeof reports, "%lld", mst_cli_integer(session, "stored_reports"));
    snprintf(samples, sizeof samples, "%lld", mst_cli_integer(session, "stored_samples"));
    snprintf(lost, sizeof lost, "%lld", mst_cli_integer(session, "lost_samples"));
    const char *cells[] = {id,  mst_cli_ago(mst_cli_text(session, "first_seen_at"), now, seen), reports, samples, mst_buf_text(&ranges),
                           lost};
    mst_cli_table_row(table, cells, -1, MST_TONE_PLAIN);
    mst_buf_done(&ranges);
  }
  mst_cli_table_finish(cli, table);
}

static void
print_agent(mst_cli *cli, const json_t *agent, const char *now)
{
  static const char *const shown[] = {"id", "hostname", "state", "version", "boot_id", "last_report_at", "last_received_at"};
  char text[MST_TIME_TEXT_BYTES];
  mst_buf labels;

  for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++)
    mst_cli_print(cli, MST_TONE_PLAIN, "%-17s %s\n", shown[i], mst_cli_text(agent, shown[i])[0] ? mst_cli_text(agent, shown[i]) : "-");
  mst_buf_init(&labels, LABELS_BYTES);
  mst_cli_join_labels(json_object_get(agent, "labels"), &labels);
  mst_cli_print(cli, MST_TONE_PLAIN, "%-17s %s\n", "labels", labels.size_bytes ? mst_buf_text(&labels) : "-");
  mst_buf_done(&labels);
  fprintf(cli->out, "%-17s %s\n", "interval", mst_duration_format(mst_cli_integer(agent, "interval_ns"), text));
  if (json_is_integer(json_object_get(agent, "clock_offset_ns")))
    fprintf(cli->out, "%-17s %s\n", "clock offset", mst_duration_format(mst_cli_integer(agent, "clock_offset_ns"), text));
  fprintf(cli->out, "%-17s %lld records, %lld bytes\n", "waiting there", mst_cli_integer(agent, "spool_records"),
          mst_cli_integer(agent, "spool_bytes"));
  fprintf(cli->out, "%-17s %lld records, %lld samples\n", "lost", mst_cli_integer(agent, "lost_records"),
          mst_cli_integer(agent, "lost_samples"));
  fprintf(cli->out, "%-17s %s\n\n", "plan",
          json_is_true(json_object_get(agent, "plan_current")) ? "the current one" : "not the current one yet");
  print_sessions(cli, json_object_get(agent, "sessions"), now);
}

static int
show_agent(mst_cli *cli, const char *id)
{
  char path[PATH_BYTES] = "/api/v1/agents/";
  mst_cli_now now = "";
  json_t *agent = NULL;
  mst_errctx ctx = {0};
  size_t bytes = strlen(path);

  mst_err err = mst_cli_escape(id, path + bytes, sizeof path - bytes, &ctx);
  if (err == MST_OK)
    err = mst_cli_get(cli, path, &agent, &ctx);
  if (err == MST_OK && !cli->json)
    err = mst_cli_get_now(cli, now, &ctx);
  if (err != MST_OK) {
    json_decref(agent);
    return mst_cli_fail(cli, err, ctx.text);
  }
  if (cli->json)
    mst_cli_print_json(cli, agent);
  else
    print_agent(cli, agent, now);
  json_decref(agent);
  return MST_EXIT_OK;
}

static int
label_agent(mst_cli *cli, const mst_cli_command *command, const char *id, char *const *labels, int count)
{
  mst_cli_statement statement = {.kind = "agent.label", .subject = id};
  mst_errctx ctx = {0};
  mst_buf text;

  mst_buf_init(&text, MST_STATEMENT_VALUE_MAX_BYTES);
  mst_err err = mst_cli_labels(labels, count, &text, &ctx);
  mst_cli_statement_add(&statement, "labels", mst_buf_text(&text));
  int code = err == MST_OK ? mst_cli_statement_carry_out(cli, &statement, "labelled", "hostname")
                           : mst_cli_usage_error(cli, command, "%s", ctx.text);
  mst_buf_done(&text);
  return code;
}

int
mst_cli_agents(mst_cli *cli, int argc, char **argv)
{
  const mst_cli_command *command = mst_cli_command_find("agents");
  const char *reason = NULL;
  const mst_cli_option options[] = {{"reason", "TEXT", "why, for approve and revoke", &reason, NULL}};
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
    mst_cli_statement_add(&statement, "reason", reason);
    return mst_cli_statement_carry_out(cli, &statement, "approved", "hostname");
  }
  if (strcmp(verb, "revoke") == 0 && count == 2) {
    if (!reason)
      return mst_cli_usage_error(cli, command, "revoke needs --reason: it stands in the audit chain");
    mst_cli_statement statement = {.kind = "agent.revoke", .subject = argv[1]};
    mst_cli_statement_add(&statement, "reason", reason);
    return mst_cli_statement_carry_out(cli, &statement, "revoked; its envelopes are refused from now on:", "hostname");
  }
  if (strcmp(verb, "label") == 0 && count >= 3)
    return label_agent(cli, command, argv[1], argv + 2, count - 2);
  return mst_cli_usage_error(cli, command, "\"%s\" with %d arguments is not understood", verb, count > 0 ? count - 1 : 0);
}
