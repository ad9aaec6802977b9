/* What was measured, as a table that fits 80 columns. */
#include "once_rows.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

enum {
  WIDTH = 78,       /* under 80 columns, also where a terminal wraps at 79 */
  LABEL_WIDTH = 46, /* with its indent */
  VALUE_WIDTH = 16,
  RATE_WIDTH = 16,
};
_Static_assert(LABEL_WIDTH + VALUE_WIDTH + RATE_WIDTH <= WIDTH, "a row must fit");

/* Enough digits to tell, no more: 0.052, 5.21, 52.1, 521. */
static int
decimals_of(double value)
{
  double size = fabs(value);

  if (size == trunc(size) || size >= 100)
    return 0;
  return size >= 10 ? 1 : size >= 1 ? 2 : 3;
}

static void
put_scaled(double value, double step, const char *const prefixes[], size_t count, const char *unit, char buf[static MST_ONCE_VALUE_BYTES])
{
  size_t i = 0;

  while (i + 1 < count && fabs(value) >= step) {
    value /= step;
    i++;
  }
  snprintf(buf, MST_ONCE_VALUE_BYTES, "%.*f%s%s%s", decimals_of(value), value, prefixes[i][0] || unit[0] ? " " : "", prefixes[i], unit);
}

static const char *const binary[] = {"", "Ki", "Mi", "Gi", "Ti", "Pi"};
static const char *const decimal[] = {"", "k", "M", "G", "T", "P"};
enum { PREFIXES = 6 };

static bool
ends_in(const char *name, const char *end)
{
  size_t length = strlen(name), tail = strlen(end);

  return length >= tail && strcmp(name + length - tail, end) == 0;
}

static void
put_seconds(const char *name, double value, char buf[static MST_ONCE_VALUE_BYTES])
{
  char text[MST_TIME_TEXT_BYTES];

  if (ends_in(name, "start_time") && value > 0 && value < 9e9)
    snprintf(buf, MST_ONCE_VALUE_BYTES, "%s", mst_wall_format((mst_wall){.ns = (int64_t)value * MST_NS_PER_S}, text));
  else if (value >= 60 && value < 9e9)
    snprintf(buf, MST_ONCE_VALUE_BYTES, "%s", mst_duration_format_short((int64_t)(value * 1e9), text));
  else
    snprintf(buf, MST_ONCE_VALUE_BYTES, "%.*f s", decimals_of(value), value);
}

const char *
mst_once_value(const char *name, const char *unit, double value, char buf[static MST_ONCE_VALUE_BYTES])
{
  if (strcmp(unit, "By") == 0)
    put_scaled(value, 1024, binary, PREFIXES, "B", buf);
  else if (strcmp(unit, "bit/s") == 0)
    put_scaled(value, 1000, decimal, PREFIXES, "bit/s", buf);
  else if (strcmp(unit, "s") == 0)
    put_seconds(name, value, buf);
  else if (strcmp(unit, "1") == 0 && (ends_in(name, "utilization") || ends_in(name, "avg10")))
    snprintf(buf, MST_ONCE_VALUE_BYTES, "%.*f %%", decimals_of(value * 100), value * 100);
  else if (unit[0] == '{' || strcmp(unit, "1") == 0)
    put_scaled(value, fabs(value) < 1e6 ? INFINITY : 1000, decimal, PREFIXES, "", buf);
  else
    snprintf(buf, MST_ONCE_VALUE_BYTES, "%.*f %s", decimals_of(value), value, unit);
  return buf;
}

const char *
mst_once_rate(const char *unit, double per_s, char buf[static MST_ONCE_VALUE_BYTES])
{
  if (strcmp(unit, "By") == 0)
    put_scaled(per_s, 1024, binary, PREFIXES, "B/s", buf);
  else if (unit[0] == '{' || strcmp(unit, "1") == 0)
    put_scaled(per_s, 1000, decimal, PREFIXES, "/s", buf);
  else
    snprintf(buf, MST_ONCE_VALUE_BYTES, "%.*f %s/s", decimals_of(per_s), per_s, unit);
  return buf;
}

/* How many columns a text takes, a character each. */
static int
columns_of(const char *text, size_t length)
{
  int columns = 0;

  for (size_t i = 0; i < length; i++)
    columns += ((unsigned char)text[i] & 0xC0) != 0x80;
  return columns;
}

/* Where to cut a text that is wider than `width`: behind a blank or comma if there is one, else between two characters. */
static size_t
cut_of(const char *text, size_t length, int width)
{
  size_t at = 0, good = 0;

  if (columns_of(text, length) <= width)
    return length;
  for (int columns = 0; at < length; at++) {
    if (((unsigned char)text[at] & 0xC0) != 0x80 && ++columns > width)
      break;
    if (text[at] == ' ' || text[at] == ',')
      good = at + 1;
  }
  return good ? good : at;
}

/* Texts come from mounts and devices, whose names anybody may choose: nothing in them may steer a terminal. */
static void
print_plain(FILE *out, const char *text, size_t length)
{
  for (size_t i = 0; i < length; i++)
    fputc((unsigned char)text[i] < 0x20 || text[i] == 0x7F ? '?' : text[i], out);
}

/* Prints a text in lines of at most WIDTH columns; returns how wide the last one is, which is left open. */
static int
print_wrapped(FILE *out, const char *text, size_t length, int indent)
{
  for (;;) {
    size_t cut = cut_of(text, length, WIDTH - indent);

    fprintf(out, "%*s", indent, "");
    print_plain(out, text, cut < length && text[cut - 1] == ' ' ? cut - 1 : cut);
    if (cut == length)
      return indent + columns_of(text, cut);
    fputc('\n', out);
    text += cut;
    length -= cut;
  }
}

static void
print_collector(FILE *out, mst_collector_state state)
{
  char took[MST_TIME_TEXT_BYTES];
  int width = fprintf(out, "%s", state.name);

  fprintf(out, "%*s%s", LABEL_WIDTH + VALUE_WIDTH - (width < LABEL_WIDTH ? width : LABEL_WIDTH) - (int)strlen(state.state), "",
          state.state);
  if (state.last_run_ns > 0)
    fprintf(out, "%*s", RATE_WIDTH, mst_duration_format_short(state.last_run_ns, took));
  fputc('\n', out);
  if (state.reason[0]) {
    print_wrapped(out, state.reason, strlen(state.reason), 2);
    fputc('\n', out);
  }
}

static void
format_sample(const mst_once_row *row, const mst_series *series, char value[static MST_ONCE_VALUE_BYTES],
              char rate[static MST_ONCE_VALUE_BYTES])
{
  const mst_sample *sample = &row->sample;
  mst_errctx ignored = {0};
  mst_hist hist;

  rate[0] = '\0';
  if (sample->status != MST_SAMPLE_OK) {
    snprintf(value, MST_ONCE_VALUE_BYTES, "%s", sample->status == MST_SAMPLE_ABSENT ? "absent" : "error");
  } else if (series->kind == MST_SIGNAL_DISTRIBUTION) {
    if (mst_histogram_decode(sample->histogram, &hist, &ignored) != MST_OK) {
      snprintf(value, MST_ONCE_VALUE_BYTES, "unreadable");
      return;
    }
    snprintf(rate, MST_ONCE_VALUE_BYTES, "of %llu", (unsigned long long)hist.count);
    if (hist.count > 0)
      mst_once_value(series->name.data, series->unit.data, mst_hist_quantile(&hist, 0.5), value);
    else
      snprintf(value, MST_ONCE_VALUE_BYTES, "none");
    mst_hist_done(&hist);
  } else {
    mst_once_value(series->name.data, series->unit.data, sample->number, value);
    if (row->has_rate)
      mst_once_rate(series->unit.data, row->per_s, rate);
  }
}

/* The value at the end of a line that is `width` wide so far, or on the next one. */
static void
print_value(FILE *out, int width, const char *text, size_t length, const char *rate)
{
  int columns = columns_of(text, length), end = rate ? LABEL_WIDTH + VALUE_WIDTH : WIDTH;

  if (width + 1 + columns > end) {
    fputc('\n', out);
    width = 0;
  }
  if (columns <= end) {
    fprintf(out, "%*s", end - width - columns, "");
    print_plain(out, text, length);
  } else {
    print_wrapped(out, text, length, 6);
  }
  if (rate && rate[0])
    fprintf(out, "%*s", RATE_WIDTH, rate);
  fputc('\n', out);
}

static void
print_row(FILE *out, const mst_once_row *row, const mst_series *series, int width)
{
  char value[MST_ONCE_VALUE_BYTES], rate[MST_ONCE_VALUE_BYTES];

  if (series->kind == MST_SIGNAL_STATE && row->sample.status == MST_SAMPLE_OK) {
    print_value(out, width, row->sample.text.data, row->sample.text.size_bytes, NULL);
    return;
  }
  format_sample(row, series, value, rate);
  print_value(out, width, value, strlen(value), rate);
  if (row->sample.status != MST_SAMPLE_OK) {
    print_wrapped(out, row->sample.text.data, row->sample.text.size_bytes, 6);
    fputc('\n', out);
  }
}

/* "state=user, type=ext4"; longer ones go on in the next line. Returns how wide the last line is. */
static int
print_labels(FILE *out, const mst_series *series)
{
  enum { INDENT = 4 };
  int width = fprintf(out, "%*s", INDENT, "");

  for (uint32_t i = 0; i < series->label_count; i++) {
    const mst_label *label = &series->labels[i];
    int columns = columns_of(label->key.data, label->key.size_bytes) + 1 + columns_of(label->value.data, label->value.size_bytes);

    if (i > 0 && width + columns + 2 > WIDTH)
      width = fprintf(out, ",\n%*s", INDENT, "") - 2;
    else if (i > 0)
      width += fprintf(out, ", ");
    if (INDENT + columns + 2 > WIDTH) { /* a long path alone */
      fprintf(out, "%.*s=\n", (int)label->key.size_bytes, label->key.data);
      width = print_wrapped(out, label->value.data, label->value.size_bytes, INDENT + 2);
    } else {
      fprintf(out, "%.*s=", (int)label->key.size_bytes, label->key.data);
      print_plain(out, label->value.data, label->value.size_bytes);
      width += columns;
    }
  }
  return width;
}

mst_err
mst_once_print_text(FILE *out, const mst_once_rows *rows, mst_errctx *ctx)
{
  size_t collectors = mst_sampler_collector_count(rows->sampler), at = 0;
  const char *last_name = "";

  (void)ctx;
  for (size_t i = 0; i < collectors; i++) {
    print_collector(out, mst_sampler_collector_at(rows->sampler, i));
    /* The sampler's own series, which say the same as the line above, come behind all others and are left out. */
    for (; at < rows->count && rows->list[at].collector == i; at++) {
      const mst_series *series = mst_sampler_series_at(rows->sampler, rows->list[at].id);
      int width = 0;

      if (strcmp(last_name, series->name.data) != 0 || series->label_count == 0)
        width = fprintf(out, "  %s", series->name.data);
      if (series->label_count > 0) {
        if (width > 0)
          fputc('\n', out);
        width = print_labels(out, series);
      }
      last_name = series->name.data;
      print_row(out, &rows->list[at], series, width);
    }
  }
  return MST_OK;
}
