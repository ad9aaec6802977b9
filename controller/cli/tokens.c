/* muster token: what hosts enrol with. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

#include <mst/proto/report.h>

enum { LABELS_BYTES = 8192, ROLE_LABEL_BYTES = sizeof "role=" + MST_SERIES_LABEL_VALUE_MAX_BYTES };

typedef struct token_options {
  const char *ttl, *role, *uses;
  bool manual;
} token_options;

/* The role and the labels as one text. */
static mst_err
token_labels(const token_options *options, char *const *labels, int label_count, mst_buf *ret_text, mst_errctx *ctx)
{
  char role[ROLE_LABEL_BYTES], *all[MST_SERIES_LABELS_MAX];
  int count = 0;

  if (options->role) {
    int written = snprintf(role, sizeof role, "role=%s", options->role);
    if (written < 0 || (size_t)written >= sizeof role)
      return mst_fail(ctx, MST_EUSAGE, "--role: over %d bytes", MST_SERIES_LABEL_VALUE_MAX_BYTES);
    all[count++] = role;
  }
  if (label_count > MST_SERIES_LABELS_MAX - count)
    return mst_fail(ctx, MST_EUSAGE, "a host has at most %d labels", MST_SERIES_LABELS_MAX);
  for (int i = 0; i < label_count; i++)
    all[count++] = labels[i];
  return mst_cli_labels(all, count, ret_text, ctx);
}

static int
new_token(mst_cli *cli, const mst_cli_command *command, const token_options *options, char *const *labels, int label_count)
{
  mst_cli_statement statement = {.kind = "token.new"};
  json_t *answer = NULL;
  mst_errctx ctx = {0};
  int64_t ttl_ns;
  mst_buf text;

  if (mst_duration_parse(options->ttl, &ttl_ns, &ctx) != MST_OK)
    return mst_cli_usage_error(cli, command, "--ttl: %s", ctx.text);
  mst_buf_init(&text, MST_STATEMENT_VALUE_MAX_BYTES);
  mst_err err = token_labels(options, labels, label_count, &text, &ctx);
  if (err != MST_OK) {
    mst_buf_done(&text);
    return mst_cli_usage_error(cli, command, "%s", ctx.text);
  }
  mst_cli_statement_add(&statement, "ttl", options->ttl);
  mst_cli_statement_add(&statement, "labels", text.size_bytes ? mst_buf_text(&text) : NULL);
  mst_cli_statement_add(&statement, "uses", options->uses);
  mst_cli_statement_add(&statement, "manual", options->manual ? "true" : NULL);
  err = mst_cli_statement_send(cli, &statement, &answer, &ctx);
  mst_buf_done(&text);
  if (err != MST_OK)
    return mst_cli_fail(cli, err, ctx.text);
  if (cli->json)
    mst_cli_print_json(cli, answer);
  else
    mst_cli_print(cli, MST_TONE_PLAIN, "%s\n", mst_cli_text(answer, "token"));
  json_decref(answer);
  return MST_EXIT_OK;
}

static void
print_tokens(mst_cli *cli, const json_t *tokens, const char *now)
{
  static const mst_cli_column columns[] = {{"TOKEN", false, 0},    {"LABELS", false, 8}, {"EXPIRES", false, 0},
                                           {"USES LEFT", true, 0}, {"USED", true, 0},    {"STATE", false, 0}};
  mst_cli_table *table = mst_cli_table_create(columns, 6);
  json_t *token;
  size_t index;

  json_array_foreach(tokens, index, token)
  {
    char left[32], made[32], expires[48];
    mst_buf labels;
    mst_buf_init(&labels, LABELS_BYTES);
    mst_cli_join_labels(json_object_get(token, "labels"), &labels);
    snprintf(left, sizeof left, "%lld", mst_cli_integer(token, "uses_left"));
    snprintf(made, sizeof made, "%lld", mst_cli_integer(token, "uses_made"));
    const char *state = json_is_true(json_object_get(token, "revoked"))   ? "revoked"
                        : json_is_true(json_object_get(token, "expired")) ? "expired"
                        : mst_cli_integer(token, "uses_left") == 0        ? "used up"
                                                                          : "valid";
    const char *cells[] = {
        mst_cli_text(token, "id"), mst_buf_text(&labels), mst_cli_ago(mst_cli_text(token, "expires_at"), now, expires), left, made, state};
    mst_cli_table_row(table, cells, 5, mst_cli_tone_of(state));
    mst_buf_done(&labels);
  }
  mst_cli_table_finish(cli, table);
}

static int
list_tokens(mst_cli *cli)
{
  json_t *document = NULL;
  mst_cli_now now = "";
  mst_errctx ctx = {0};
  mst_err err = mst_cli_get(cli, "/api/v1/tokens", &document, &ctx);

  if (err == MST_OK && !cli->json)
    err = mst_cli_get_now(cli, now, &ctx);
  if (err != MST_OK) {
    json_decref(document);
    return mst_cli_fail(cli, err, ctx.text);
  }
  const json_t *tokens = json_object_get(document, "tokens");
  if (cli->json)
    mst_cli_print_json(cli, document);
  else if (json_array_size(tokens) == 0)
    fprintf(cli->out, "no tokens yet; `muster token new --role ROLE` makes one\n");
  else
    print_tokens(cli, tokens, now);
  json_decref(document);
  return MST_EXIT_OK;
}

int
mst_cli_token(mst_cli *cli, int argc, char **argv)
{
  const mst_cli_command *command = mst_cli_command_find("token");
  token_options given = {.ttl = "1h"};
  const char *reason = NULL;
  const mst_cli_option options[] = {
      {"ttl", "DURATION", "how long it can be used (default 1h)", &given.ttl, NULL},
      {"role", "ROLE", "label role=ROLE for the hosts that enrol with it", &given.role, NULL},
      {"uses", "N", "how many hosts may enrol with it (default 1)", &given.uses, NULL},
      {"manual", NULL, "hosts wait for `muster agents approve`", NULL, &given.manual},
      {"reason", "TEXT", "why, for revoke", &reason, NULL},
  };
  int count, code;

  if (!mst_cli_options(cli, command, options, 5, argc, argv, &count, &code))
    return code;
  const char *verb = count > 0 ? argv[0] : "list";
  if (strcmp(verb, "new") == 0)
    return new_token(cli, command, &given, argv + 1, count - 1);
  if (strcmp(verb, "list") == 0 && count <= 1)
    return list_tokens(cli);
  if (strcmp(verb, "revoke") == 0 && count == 2) {
    mst_cli_statement statement = {.kind = "token.revoke", .subject = argv[1]};
    mst_cli_statement_add(&statement, "reason", reason);
    return mst_cli_statement_carry_out(cli, &statement, "revoked", NULL);
  }
  return mst_cli_usage_error(cli, command, "\"%s\" with %d arguments is not understood", verb, count > 0 ? count - 1 : 0);
}
