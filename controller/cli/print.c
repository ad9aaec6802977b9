/* Tables, tones and times for people. */
#include "cli/cli.h"

#include <stdarg.h>
#include <string.h>

#include <mst/common/alloc.h>

enum {
  GAP = 2,
  ROWS_MAX = 100 * 1000, /* hosts that one controller takes */
  CELL_MAX_BYTES = 2048,
  NARROWEST = 3, /* two letters and an ellipsis */
  PRINT_MAX_BYTES = 64 * 1024,
};

typedef struct row {
  char *cells[MST_TABLE_COLUMNS_MAX];
  int toned;
  mst_cli_tone tone;
} row;

struct mst_cli_table {
  mst_cli_column columns[MST_TABLE_COLUMNS_MAX];
  int count;
  row *rows;
  size_t row_count, row_capacity, dropped;
};

static const char *const codes[] = {
    [MST_TONE_PLAIN] = "",       [MST_TONE_GOOD] = "\x1b[32m", [MST_TONE_MIDDLING] = "\x1b[33m",
    [MST_TONE_BAD] = "\x1b[31m", [MST_TONE_DIM] = "\x1b[2m",   [MST_TONE_STRONG] = "\x1b[1m",
};

mst_cli_tone
mst_cli_tone_of(const char *outcome)
{
  static const struct {
    const char *name;
    mst_cli_tone tone;
  } tones[] = {
      {"PASS", MST_TONE_GOOD},   {"GO", MST_TONE_GOOD},    {"WARN", MST_TONE_MIDDLING}, {"CONDITIONAL_GO", MST_TONE_MIDDLING},
      {"FAIL", MST_TONE_BAD},    {"NO_GO", MST_TONE_BAD},  {"NO_DATA", MST_TONE_BAD},   {"WAIVED", MST_TONE_MIDDLING},
      {"revoked", MST_TONE_BAD}, {"silent", MST_TONE_BAD}, {"approved", MST_TONE_GOOD}, {"pending", MST_TONE_MIDDLING},
      {"valid", MST_TONE_GOOD},
  };

  for (size_t i = 0; i < sizeof tones / sizeof tones[0]; i++)
    if (strcmp(tones[i].name, outcome) == 0)
      return tones[i].tone;
  return MST_TONE_DIM;
}

void
mst_cli_print(mst_cli *cli, mst_cli_tone tone, const char *fmt, ...)
{
  char text[PRINT_MAX_BYTES];
  va_list arguments;

  va_start(arguments, fmt);
  int bytes = vsnprintf(text, sizeof text, fmt, arguments);
  va_end(arguments);
  if (bytes < 0 || (size_t)bytes >= sizeof text)
    cli->failed = true;
  mst_cli_clean(text, true);
  bool coloured = cli->colour && tone != MST_TONE_PLAIN;
  fprintf(cli->out, "%s%s%s", coloured ? codes[tone] : "", text, coloured ? "\x1b[0m" : "");
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

static void
free_cells(row *at)
{
  for (int i = 0; i < MST_TABLE_COLUMNS_MAX; i++)
    mst_free(at->cells[i]);
}

static bool
make_room(mst_cli_table *table)
{
  if (table->row_count < table->row_capacity)
    return true;
  if (table->row_count == ROWS_MAX)
    return false;
  size_t capacity = table->row_capacity ? table->row_capacity * 2 : 64;
  row *rows = mst_realloc(table->rows, capacity, sizeof *rows);
  if (!rows)
    return false;
  table->rows = rows;
  table->row_capacity = capacity;
  return true;
}

void
mst_cli_table_row(mst_cli_table *table, const char *const *cells, int toned, mst_cli_tone tone)
{
  row next = {.toned = toned, .tone = tone};

  if (!table)
    return;
  bool complete = make_room(table);
  for (int i = 0; i < table->count && complete; i++) {
    complete = (next.cells[i] = mst_strndup(cells[i] ? cells[i] : "", CELL_MAX_BYTES)) != NULL;
    if (complete)
      mst_cli_clean(next.cells[i], false);
  }
  if (complete) {
    table->rows[table->row_count++] = next;
  } else {
    free_cells(&next);
    table->dropped++;
  }
}

/* The widest column that may still give way; -1 when there is none. `all`: those too that should not. */
static int
widest_of(const mst_cli_table *table, const int widths[static MST_TABLE_COLUMNS_MAX], bool all)
{
  int widest = -1;

  for (int i = 0; i < table->count; i++) {
    int least = all ? NARROWEST : table->columns[i].least;
    if (least > 0 && widths[i] > least && (widest < 0 || widths[i] > widths[widest]))
      widest = i;
  }
  return widest;
}

/* Natural widths, then the widest column that may give way gives way, until all fits. */
static void
fit(const mst_cli_table *table, int width, int widths[static MST_TABLE_COLUMNS_MAX])
{
  int total = (table->count - 1) * GAP;

  for (int i = 0; i < table->count; i++) {
    widths[i] = mst_cli_columns(table->columns[i].title);
    for (size_t r = 0; r < table->row_count; r++) {
      int columns = mst_cli_columns(table->rows[r].cells[i]);
      if (columns > widths[i])
        widths[i] = columns;
    }
    total += widths[i];
  }
  for (bool all = false; total > width;) {
    int widest = widest_of(table, widths, all);
    if (widest >= 0) {
      widths[widest]--;
      total--;
    } else if (all) {
      return;
    } else {
      all = true;
    }
  }
}

static void
print_cell(mst_cli *cli, const char *text, int width, bool right, bool last, mst_cli_tone tone)
{
  bool whole = mst_cli_columns(text) <= width;
  size_t bytes = whole ? strlen(text) : mst_cli_cut(text, width - 1);
  char shown[CELL_MAX_BYTES + 8];

  int written = snprintf(shown, sizeof shown, "%.*s%s", (int)bytes, text, whole ? "" : "\xE2\x80\xA6");
  if (written < 0 || (size_t)written >= sizeof shown)
    cli->failed = true;
  int fill = width - mst_cli_columns(shown);
  fprintf(cli->out, "%*s", right ? fill : 0, "");
  mst_cli_print(cli, tone, "%s", shown);
  if (!last)
    fprintf(cli->out, "%*s", GAP + (right ? 0 : fill), "");
}

static void
print_table(mst_cli *cli, const mst_cli_table *table)
{
  int widths[MST_TABLE_COLUMNS_MAX];

  fit(table, cli->width, widths);
  for (int i = 0; i < table->count; i++)
    print_cell(cli, table->columns[i].title, widths[i], table->columns[i].right, i + 1 == table->count, MST_TONE_STRONG);
  fputc('\n', cli->out);
  for (size_t r = 0; r < table->row_count; r++) {
    const row *at = &table->rows[r];
    for (int i = 0; i < table->count; i++)
      print_cell(cli, at->cells[i], widths[i], table->columns[i].right, i + 1 == table->count, at->toned == i ? at->tone : MST_TONE_PLAIN);
    fputc('\n', cli->out);
  }
}

void
mst_cli_table_finish(mst_cli *cli, mst_cli_table *table)
{
  if (table)
    print_table(cli, table);
  if (!table || table->dropped > 0) {
    fprintf(cli->err, "muster: the table is not whole: out of memory, or over %d rows; --json gives all\n", ROWS_MAX);
    cli->failed = true;
  }
  if (!table)
    return;
  for (size_t r = 0; r < table->row_count; r++)
    free_cells(&table->rows[r]);
  mst_free(table->rows);
  mst_free(table);
}

const char *
mst_cli_text(const json_t *object, const char *key)
{
  const char *text = json_string_value(json_object_get(object, key));

  return text ? text : "";
}

long long
mst_cli_integer(const json_t *object, const char *key)
{
  return (long long)json_integer_value(json_object_get(object, key));
}

const char *
mst_cli_ago(const char *at, const char *now, char buf[static 48])
{
  char text[MST_TIME_TEXT_BYTES];
  mst_errctx ctx = {0};
  mst_wall then, today;

  if (at[0] == '\0') {
    snprintf(buf, 48, "never");
  } else if (mst_wall_parse(at, &then, &ctx) != MST_OK || mst_wall_parse(now, &today, &ctx) != MST_OK) {
    snprintf(buf, 48, "%s", at);
  } else {
    int64_t ns = today.ns - then.ns; /* years 1970 to 2261: no overflow */
    mst_duration_format_short(ns < 0 ? -ns : ns, text);
    snprintf(buf, 48, ns < 0 ? "in %s" : "%s ago", text);
  }
  return buf;
}

mst_err
mst_cli_get_now(mst_cli *cli, mst_cli_now ret_now, mst_errctx *ctx)
{
  json_t *status = NULL;
  mst_err err = mst_cli_get(cli, "/api/v1/status", &status, ctx);

  if (err == MST_OK)
    snprintf(ret_now, sizeof(mst_cli_now), "%s", mst_cli_text(status, "now"));
  json_decref(status);
  return err;
}

void
mst_cli_join_labels(const json_t *labels, mst_buf *ret_text)
{
  /* The iterator of jansson wants a mutable object; nothing is changed. */
  json_t *object = (json_t *)(uintptr_t)labels;
  const char *blank = "";

  for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at)) {
    const char *value = json_string_value(json_object_iter_value(at));
    mst_buf_printf(ret_text, "%s%s=%s", blank, json_object_iter_key(at), value ? value : "");
    blank = " ";
  }
}
