/* Statements: what an operator changes, signed with the operator's key and sent to the controller. */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

#include <mst/proto/report.h>

enum { PATH_BYTES = 1024 };

void
mst_cli_statement_add(mst_cli_statement *statement, const char *key, const char *value)
{
  if (!value || statement->field_count == MST_STATEMENT_MAX_FIELDS)
    return;
  /* Kept in order: the wire wants fields sorted. */
  size_t at = statement->field_count++;
  while (at > 0 && strcmp(statement->fields[at - 1].key, key) > 0) {
    statement->fields[at] = statement->fields[at - 1];
    at--;
  }
  statement->fields[at].key = key;
  statement->fields[at].value = value;
}

mst_err
mst_cli_key_path(const mst_cli *cli, char *buf, size_t size_bytes, mst_errctx *ctx)
{
  const char *base = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
  int written;

  if (cli->key_file && cli->key_file[0])
    written = snprintf(buf, size_bytes, "%s", cli->key_file);
  else if (base && base[0])
    written = snprintf(buf, size_bytes, "%s/muster/operator.key", base);
  else if (home && home[0])
    written = snprintf(buf, size_bytes, "%s/.config/muster/operator.key", home);
  else
    return mst_fail(ctx, MST_EUSAGE, "no place for the operator key: neither --key, $MUSTER_KEY nor $HOME is set");
  if (written < 0 || (size_t)written >= size_bytes)
    return mst_fail(ctx, MST_EUSAGE, "the path of the operator key is too long");
  return MST_OK;
}

const char *
mst_cli_passphrase(void)
{
  const char *passphrase = getenv("MUSTER_KEY_PASSPHRASE");

  return passphrase && passphrase[0] ? passphrase : NULL;
}

mst_err
mst_cli_key_load(const mst_cli *cli, mst_key **ret_key, mst_errctx *ctx)
{
  char path[PATH_BYTES];
  mst_err err = mst_cli_key_path(cli, path, sizeof path, ctx);

  if (err != MST_OK)
    return err;
  err = mst_key_load(path, mst_cli_passphrase(), ret_key, ctx);
  if (err == MST_EABSENT)
    return mst_fail(ctx, MST_EABSENT, "there is no operator key at %s; `muster keys new` makes one", path);
  return err;
}

static mst_text
text_of(const char *text)
{
  return (mst_text){.data = text, .size_bytes = strlen(text)};
}

mst_err
mst_cli_statement_seal(const mst_cli_statement *statement, const mst_key *key, mst_wall issued_at, mst_buf *ret_bytes, mst_errctx *ctx)
{
  mst_statement wire = {
      .issued_at = issued_at,
      .expires_at = {.ns = statement->expires_at_ns},
      .kind = text_of(statement->kind),
      .subject = text_of(statement->subject ? statement->subject : ""),
      .field_count = (uint32_t)statement->field_count,
  };

  mst_random_bytes(wire.id, sizeof wire.id);
  for (size_t i = 0; i < statement->field_count; i++)
    wire.fields[i] = (mst_statement_field){text_of(statement->fields[i].key), text_of(statement->fields[i].value)};
  return mst_statement_seal(&wire, key, ret_bytes, ctx);
}

mst_err
mst_cli_statement_send(mst_cli *cli, const mst_cli_statement *statement, json_t **ret_answer, mst_errctx *ctx)
{
  mst_key *key = NULL;
  mst_buf bytes;

  mst_buf_init(&bytes, MST_STATEMENT_MAX_BYTES);
  mst_err err = mst_cli_key_load(cli, &key, ctx);
  if (err == MST_OK)
    err = mst_cli_statement_seal(statement, key, mst_clock_wall(mst_clock_system()), &bytes, ctx);
  if (err == MST_OK)
    err = mst_cli_post(cli, "/api/v1/statements", bytes.data, bytes.size_bytes, ret_answer, ctx);
  mst_key_destroy(key);
  mst_buf_done(&bytes);
  return err;
}

int
mst_cli_statement_carry_out(mst_cli *cli, const mst_cli_statement *statement, const char *done, const char *named)
{
  json_t *answer = NULL;
  mst_errctx ctx = {0};
  mst_err err = mst_cli_statement_send(cli, statement, &answer, &ctx);

  if (err != MST_OK)
    return mst_cli_fail(cli, err, ctx.text);
  const char *name = named ? mst_cli_text(answer, named) : "";
  if (cli->json)
    mst_cli_print_json(cli, answer);
  else
    mst_cli_print(cli, MST_TONE_PLAIN, "%s%s%s\n", done, name[0] ? " " : "", name);
  json_decref(answer);
  return MST_EXIT_OK;
}

static bool
is_label(const char *text)
{
  const char *equals = strchr(text, '=');

  if (!equals || equals == text || equals[1] == '\0')
    return false;
  for (; *text; text++)
    if ((unsigned char)*text < ' ' || *text == 0x7f)
      return false;
  return true;
}

mst_err
mst_cli_labels(char *const *arguments, int count, mst_buf *ret_text, mst_errctx *ctx)
{
  if (count > MST_SERIES_LABELS_MAX)
    return mst_fail(ctx, MST_EUSAGE, "%d labels; a host has at most %d", count, MST_SERIES_LABELS_MAX);
  for (int i = 0; i < count; i++) {
    if (!is_label(arguments[i]))
      return mst_fail(ctx, MST_EUSAGE, "\"%s\" is no label; write KEY=VALUE", arguments[i]);
    for (int k = 0; k < i; k++)
      if (strcspn(arguments[k], "=") == strcspn(arguments[i], "=") &&
          strncmp(arguments[k], arguments[i], strcspn(arguments[i], "=") + 1) == 0)
        return mst_fail(ctx, MST_EUSAGE, "label %.*s is given twice", (int)strcspn(arguments[i], "="), arguments[i]);
    mst_buf_printf(ret_text, "%s%s", i ? "\n" : "", arguments[i]);
  }
  return mst_buf_check(ret_text, "labels", ctx);
}
