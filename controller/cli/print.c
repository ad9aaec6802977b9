/* Tables and tones for people. */
#include "cli/cli.h"

#include <stdarg.h>
#include <string.h>

#include <mst/common/alloc.h>
#include <mst/common/clock.h>

enum { GAP = 2, ROWS_MAX = 20000, CELL_MAX_BYTES = 2048 };

typedef struct row {
  char *cells[MST_TABLE_COLUMNS_MAX];
  int toned;
  mst_cli_tone tone;
} row;

struct mst_cli_table {
  mst_cli_column columns[MST_TABLE_COLUMNS_MAX];
  int count;
  row *rows;
  size_t row_count, row_capacity;
};

static const char *const codes[] = {
    [MST_TONE_PLAIN] = "",        [MST_TONE_GOOD] = "\x1b[32m", [MST_TONE_MIDDLING] = "\x1b[33m",
    [MST_TONE_BAD] = "\x1b[31m", [MST_TONE_DIM] = "\x1b[2m",   [MST_TONE_STRONG] = "\x1b[1m",
};

mst_cli_tone
mst_cli_tone_of(const char *outcome)
{
  static const struct {
    const char *name;
    mst_cli_tone tone;
  } tones[] = {
      {"PASS", MST_TONE_GOOD},         {"GO", MST_TONE_GOOD},      {"WARN", MST_TONE_MIDDLING},  {"CONDITIONAL_GO", MST_TONE_MIDDLING},
      {"FAIL", MST_TONE_BAD},          {"NO_GO", MST_TONE_BAD},    {"NO_DATA", MST_TONE_BAD},    {"WAIVED", MST_TONE_MIDDLING},
      {"revoked", MST_TONE_BAD},       {"silent", MST_TONE_BAD},   {"approved", MST_TONE_GOOD},  {"pending", MST_TONE_MIDDLING},
  };

  for (size_t i = 0; i < sizeof tones / sizeof tones[0]; i++)
    if (strcmp(tones[i].name, outcome) == 0)
      return tones[i].tone;
  return MST_TONE_DIM;
}

void
mst_cli_print(mst_cli *cli, mst_cli_tone tone, const char *fmt, ...)
{
  va_list arguments;

  if (cli->colour)
    fputs(codes[tone], cli->out);
  va_start(arguments, fmt);
  vfprintf(cli->out, fmt, arguments);
  va_end(arguments);
  if (cli->colour && tone != MST_TONE_PLAIN)
    fputs("\x1b[0m", cli->out);
}

/* Code points, which is as near to columns as a table of ids, numbers and Latin text needs. */
static int
columns_of(const char *text)
{
  int columns = 0;

  for (; *text; text++)
    columns += ((unsigned char)*text & 0xC0) != 0x80;
  return columns;
}

/* Bytes of the first `columns` code points. */
static size_t
bytes_of(const char *text, int columns)
{
  size_t bytes = 0;

  while (text[bytes] && (columns > 0 || ((unsigned char)text[bytes] & 0xC0) == 0x80))
    columns -= ((unsigned char)text[bytes++] & 0xC0) != 0x80;
  return bytes;
}

mst_cli_table *
mst_cli_table_create(const mst_cli_column *columns, int count)
{
  mst_cli_table *table = mst_alloc(1, sizeof *table);

  if (!table)
    return NULL;
  table->count = count < MST_TABLE_COLUMNS_MAX ? count : MST_TABLE_COLUMNS_MAX;
  memcpy(table->columns, columns, (size_t)table->count * sizeof *columns);
  return table;
}

void
mst_cli_table_row(mst_cli_table *table, const char *const *cells, int toned, mst_cli_tone tone)
{
  if (!table || table->row_count == ROWS_MAX)
    return;
  if (table->row_count == table->row_capacity) {
    size_t capacity = table->row_capacity ? table->row_capacity * 2 : 64;
    row *rows = mst_realloc(table->rows, capacity, sizeof *rows);
    if (!rows)
      return;
    table->rows = rows;
    table->row_capacity = capacity;
  }
  row *next = &table->rows[table->row_count++];
  *next = (row){.toned = toned, .tone = tone};
  for (int i = 0; i < table->count; i++) {
    next->cells[i] = mst_strndup(cells[i] ? cells[i] : "", CELL_MAX_BYTES);
    /* What hosts name themselves must not move the cursor of whoever reads it. */
    for (char *at = next->cells[i]; at && *at; at++)
      if ((unsigned char)*at < 0x20 || *at == 0x7f)
        *at = '?';
  }
}

/* Natural widths, then the widest column that may give way gives way, until all fits. */
static void
fit(const mst_cli_table *table, int width, int widths[static MST_TABLE_COLUMNS_MAX])
{
  int total = (table->count - 1) * GAP;

  for (int i = 0; i < table->count; i++) {
    widths[i] = columns_of(table->columns[i].title);
    for (size_t r = 0; r < table->row_count; r++) {
      int columns = table->rows[r].cells[i] ? columns_of(table->rows[r].cells[i]) : 0;
      if (columns > widths[i])
        widths[i] = columns;
    }
    total += widths[i];
  }
  while (total > width) {
    int widest = -1;
    for (int i = 0; i < table->count; i++)
      if (table->columns[i].least > 0 && widths[i] > table->columns[i].least && (widest < 0 || widths[i] > widths[widest]))
        widest = i;
    if (widest < 0)
      return;
    widths[widest]--;
    total--;
  }
}

static void
print_cell(mst_cli *cli, const char *text, int width, bool right, bool last, mst_cli_tone tone)
{
  int columns = columns_of(text), kept = columns <= width ? columns : width - 1;
  int fill = columns <= width ? width - columns : 0;

  if (right)
    fprintf(cli->out, "%*s", fill, "");
  mst_cli_print(cli, tone, "%.*s%s", (int)bytes_of(text, kept), text, columns <= width ? "" : "\xE2\x80\xA6");
  if (!last)
    fprintf(cli->out, "%*s", GAP + (right ? 0 : fill), "");
}

void
mst_cli_table_print(mst_cli *cli, const mst_cli_table *table)
{
  int widths[MST_TABLE_COLUMNS_MAX];

  if (!table)
    return;
  fit(table, cli->width, widths);
  for (int i = 0; i < table->count; i++)
    print_cell(cli, table->columns[i].title, widths[i], table->columns[i].right, i + 1 == table->count, MST_TONE_STRONG);
  fputc('\n', cli->out);
  for (size_t r = 0; r < table->row_count; r++) {
    const row *at = &table->rows[r];
    for (int i = 0; i < table->count; i++)
      print_cell(cli, at->cells[i] ? at->cells[i] : "", widths[i], table->columns[i].right, i + 1 == table->count,
                 at->toned == i ? at->tone : MST_TONE_PLAIN);
    fputc('\n', cli->out);
  }
}

void
mst_cli_table_destroy(mst_cli_table *table)
{
  if (!table)
    return;
  for (size_t r = 0; r < table->row_count; r++)
    for (int i = 0; i < table->count; i++)
      mst_free(table->rows[r].cells[i]);
  mst_free(table->rows);
  mst_free(table);
}

const char *
mst_cli_text(const json_t *object, const char *key)
{
  const char *text = json_string_value(json_object_get(object, key));

  return text ? text : "";
}

const char *
mst_cli_ago(const char *at, const char *now, char buf[static 48])
{
  char text[MST_TIME_TEXT_BYTES];
  mst_errctx ctx = {0};
  mst_wall then, today;

  if (at[0] == '\0' || mst_wall_parse(at, &then, &ctx) != MST_OK || mst_wall_parse(now, &today, &ctx) != MST_OK) {
    snprintf(buf, 48, "never");
    return buf;
  }
  int64_t ns = today.ns - then.ns;
  mst_duration_format_short(ns < 0 ? -ns : ns, text);
  if (ns < 0)
    snprintf(buf, 48, "in %s", text);
  else
    snprintf(buf, 48, "%s ago", text);
  return buf;
}
