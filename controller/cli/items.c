/* muster items and item: what the verdict stands on. */
#include "cli/cli.h"

#include <string.h>

#include <mst/controller/judge.h>

enum { PATH_BYTES = 1024 };

static void
print_list(mst_cli *cli, const json_t *items)
{
  static const mst_cli_column columns[] = {{"ITEM", false, 0},    {"", false, 0},          {"TITLE", false, 16},
                                           {"OUTCOME", false, 0}, {"MEASURED", false, 12}, {"BOUND", false, 8}};
  mst_cli_table *table = mst_cli_table_create(columns, 6);
  json_t *item;
  size_t index;

  json_array_foreach(items, index, item)
  {
    const char *outcome = mst_cli_text(item, "outcome"), *value = mst_cli_text(item, "value");
    const char *cells[] = {mst_cli_text(item, "id"),
                           json_is_true(json_object_get(item, "critical")) ? "!" : "",
                           mst_cli_text(item, "title"),
                           outcome,
                           value[0] ? value : mst_cli_text(item, "reason"),
                           mst_cli_text(item, "bound")};
    mst_cli_table_row(table, cells, 3, mst_cli_tone_of(outcome));
  }
  mst_cli_table_finish(cli, table);
}

void
mst_cli_print_items(mst_cli *cli, const json_t *document)
{
  const json_t *items = json_object_get(document, "items"), *follow_ups = json_object_get(document, "follow_ups");

  if (json_array_size(items) > 0)
    print_list(cli, items);
  if (json_array_size(follow_ups) == 0)
    return;
  fprintf(cli->out, "%sFollow-ups, outside rate and verdict:\n", json_array_size(items) > 0 ? "\n" : "");
  print_list(cli, follow_ups);
}

mst_err
mst_cli_add_query(char *path, size_t size_bytes, const char *key, const char *value, mst_errctx *ctx)
{
  size_t bytes = strlen(path);

  if (!value)
    return MST_OK;
  int written = snprintf(path + bytes, size_bytes - bytes, "%c%s=", strchr(path, '?') ? '&' : '?', key);
  if (written < 0 || (size_t)written >= size_bytes - bytes)
    return mst_fail(ctx, MST_EUSAGE, "an argument is too long");
  return mst_cli_escape(value, path + bytes + written, size_bytes - bytes - (size_t)written, ctx);
}

mst_err
mst_cli_get_items(mst_cli *cli, const char *section, const char *outcome, const char *run, json_t **ret_document, mst_errctx *ctx)
{
  char path[PATH_BYTES] = "/api/v1/items";

  mst_err err = mst_cli_add_query(path, sizeof path, "section", section, ctx);
  if (err == MST_OK)
    err = mst_cli_add_query(path, sizeof path, "outcome", outcome, ctx);
  if (err == MST_OK)
    err = mst_cli_add_query(path, sizeof path, "run", run, ctx);
  return err == MST_OK ? mst_cli_get(cli, path, ret_document, ctx) : err;
}

bool
mst_cli_outcome_known(const char *outcome)
{
  for (int i = MST_PASS; i <= MST_PENDING; i++)
    if (strcmp(mst_outcome_name((mst_outcome)i), outcome) == 0)
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
  if (outcome && !mst_cli_outcome_known(outcome))
    return mst_cli_usage_error(cli, command, "there is no outcome %s; there are PASS, WARN, FAIL, NO_DATA, WAIVED, NA, PENDING", outcome);
  mst_err err = mst_cli_get_items(cli, section, outcome, run, &document, &ctx);
  if (err != MST_OK)
    return mst_cli_fail(cli, err, ctx.text);
  if (cli->json)
    mst_cli_print_json(cli, document);
  else if (json_array_size(json_object_get(document, "items")) + json_array_size(json_object_get(document, "follow_ups")) == 0)
    fprintf(cli->out, "no items%s\n", section || outcome ? " fit" : "");
  else
    mst_cli_print_items(cli, document);
  json_decref(document);
  return MST_EXIT_OK;
}

static void
print_fields(mst_cli *cli, const json_t *object, const char *const *keys, size_t count, const char *before)
{
  for (size_t i = 0; i < count; i++)
    if (mst_cli_text(object, keys[i])[0])
      mst_cli_print(cli, MST_TONE_PLAIN, "%s%-9s %s\n", before, keys[i], mst_cli_text(object, keys[i]));
}

static void
print_statement(mst_cli *cli, const json_t *item, const char *key)
{
  static const char *const shown[] = {"by", "role", "reason", "issued_at", "expires_at"};
  const json_t *statement = json_object_get(item, key);

  if (!statement)
    return;
  mst_cli_print(cli, MST_TONE_PLAIN, "\n%s\n", key);
  print_fields(cli, statement, shown, sizeof shown / sizeof shown[0], "  ");
}

static void
print_item(mst_cli *cli, const json_t *item)
{
  static const char *const shown[] = {"value", "bound", "reason"};
  static const char *const of_check[] = {"what", "value", "target", "critical", "host", "series", "coverage", "reason"};
  const char *outcome = mst_cli_text(item, "outcome");
  json_t *check;
  size_t index;

  mst_cli_print(cli, MST_TONE_PLAIN, "%s  %s%s\n", mst_cli_text(item, "id"), mst_cli_text(item, "title"),
                json_is_true(json_object_get(item, "critical")) ? "  (critical)" : "");
  fprintf(cli->out, "%-9s ", "outcome");
  mst_cli_print(cli, mst_cli_tone_of(outcome), "%s", outcome);
  fputc('\n', cli->out);
  print_fields(cli, item, shown, sizeof shown / sizeof shown[0], "");
  print_statement(cli, item, "waiver");
  print_statement(cli, item, "not_applicable");
  json_array_foreach(json_object_get(item, "checks"), index, check)
  {
    outcome = mst_cli_text(check, "outcome");
    fprintf(cli->out, "\ncheck %zu   ", index + 1);
    mst_cli_print(cli, mst_cli_tone_of(outcome), "%s", outcome);
    fputc('\n', cli->out);
    print_fields(cli, check, of_check, sizeof of_check / sizeof of_check[0], "  ");
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
    err = mst_cli_add_query(path, sizeof path, "run", run, &ctx);
  if (err == MST_OK)
    err = mst_cli_get(cli, path, &item, &ctx);
  if (err != MST_OK)
    return mst_cli_fail(cli, err, ctx.text);
  if (cli->json)
    mst_cli_print_json(cli, item);
  else
    print_item(cli, item);
  json_decref(item);
  return MST_EXIT_OK;
}
