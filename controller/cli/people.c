/* muster keys and operators: who may change what. */
#include "cli/cli.h"

#include <libgen.h>
#include <stdio.h>
#include <string.h>

#include <mst/common/file.h>

enum { PATH_BYTES = 1024, ROLES_BYTES = 4096 };

/* The public half, which is what an admin is given. */
static int
print_key(mst_cli *cli, const mst_key *key, const char *path)
{
  char text[MST_PUBLIC_KEY_TEXT_BYTES], hex[MST_KEY_ID_HEX_BYTES];
  const mst_key_id id = mst_key_id_of(mst_key_public(key));

  mst_public_key_format(mst_key_public(key), text);
  if (cli->json) {
    json_t *document = json_pack("{s:s,s:s,s:s}", "key", text, "key_id", mst_key_id_hex(&id, hex), "file", path);
    mst_cli_print_json(cli, document);
    json_decref(document);
  } else {
    fprintf(cli->out, "%s\n", text);
  }
  return MST_EXIT_OK;
}

static int
new_key(mst_cli *cli, const char *path)
{
  char folder[PATH_BYTES];
  mst_key *key = NULL;
  mst_errctx ctx = {0};

  snprintf(folder, sizeof folder, "%s", path);
  mst_err err = mst_file_mkdirs(dirname(folder), 0700, &ctx);
  if (err == MST_OK)
    err = mst_key_create(&key, &ctx);
  if (err == MST_OK)
    err = mst_key_save(key, path, mst_cli_passphrase(), &ctx);
  int code = err == MST_OK ? print_key(cli, key, path) : mst_cli_fail(cli, err, ctx.text);
  mst_key_destroy(key);
  return code;
}

int
mst_cli_keys(mst_cli *cli, int argc, char **argv)
{
  const mst_cli_command *command = mst_cli_command_find("keys");
  char path[PATH_BYTES];
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
  code = print_key(cli, key, path);
  mst_key_destroy(key);
  return code;
}

static void
print_operators(mst_cli *cli, const json_t *operators)
{
  static const mst_cli_column columns[] = {{"KEY ID", false, 0}, {"NAME", false, 8}, {"ROLES", false, 8}, {"STATE", false, 0}};
  mst_cli_table *table = mst_cli_table_create(columns, 4);
  json_t *person, *role;
  size_t index, at;

  json_array_foreach(operators, index, person)
  {
    mst_buf roles;
    mst_buf_init(&roles, ROLES_BYTES);
    json_array_foreach(json_object_get(person, "roles"), at, role)
        mst_buf_printf(&roles, "%s%s", at ? ", " : "", json_string_value(role) ? json_string_value(role) : "");
    const char *state = json_is_true(json_object_get(person, "revoked")) ? "revoked" : "valid";
    const char *cells[] = {mst_cli_text(person, "key_id"), mst_cli_text(person, "name"), mst_buf_text(&roles), state};
    mst_cli_table_row(table, cells, 3, mst_cli_tone_of(state));
    mst_buf_done(&roles);
  }
  mst_cli_table_finish(cli, table);
}

static int
list_operators(mst_cli *cli)
{
  json_t *document = NULL;
  mst_errctx ctx = {0};
  mst_err err = mst_cli_get(cli, "/api/v1/operators", &document, &ctx);

  if (err != MST_OK)
    return mst_cli_fail(cli, err, ctx.text);
  const json_t *operators = json_object_get(document, "operators");
  if (cli->json)
    mst_cli_print_json(cli, document);
  else if (json_array_size(operators) == 0)
    fprintf(cli->out, "no operators yet; root of the controller makes the first: musterd --config FILE --first-operator NAME=KEY\n");
  else
    print_operators(cli, operators);
  json_decref(document);
  return MST_EXIT_OK;
}

int
mst_cli_operators(mst_cli *cli, int argc, char **argv)
{
  const mst_cli_command *command = mst_cli_command_find("operators");
  const char *roles = NULL, *reason = NULL;
  const mst_cli_option options[] = {
      {"role", "R[,R...]", "for add: admin, technical-lead, devops-lead, security-lead, or what a checklist asks for", &roles, NULL},
      {"reason", "TEXT", "why, for revoke", &reason, NULL},
  };
  char lines[ROLES_BYTES];
  int count, code;

  if (!mst_cli_options(cli, command, options, 2, argc, argv, &count, &code))
    return code;
  const char *verb = count > 0 ? argv[0] : "list";
  if (strcmp(verb, "list") == 0 && count <= 1)
    return list_operators(cli);
  if (strcmp(verb, "add") == 0 && count == 3) {
    if (!roles)
      return mst_cli_usage_error(cli, command, "add needs --role");
    if (snprintf(lines, sizeof lines, "%s", roles) >= (int)sizeof lines)
      return mst_cli_usage_error(cli, command, "--role is too long");
    for (char *comma = strchr(lines, ','); comma; comma = strchr(comma, ','))
      *comma = '\n';
    mst_cli_statement statement = {.kind = "operator.add", .subject = argv[1]};
    mst_cli_statement_add(&statement, "key", argv[2]);
    mst_cli_statement_add(&statement, "roles", lines);
    return mst_cli_statement_carry_out(cli, &statement, "added", "key_id");
  }
  if (strcmp(verb, "revoke") == 0 && count == 2) {
    mst_cli_statement statement = {.kind = "operator.revoke", .subject = argv[1]};
    mst_cli_statement_add(&statement, "reason", reason);
    return mst_cli_statement_carry_out(cli, &statement, "revoked", NULL);
  }
  return mst_cli_usage_error(cli, command, "\"%s\" with %d arguments is not understood", verb, count > 0 ? count - 1 : 0);
}
