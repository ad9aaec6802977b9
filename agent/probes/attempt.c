/* What a kind says during an attempt. All on the prober's thread. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <mst/common/alloc.h>
#include <mst/common/buf.h>

#include "prober_state.h"

enum { SERIES_TEXT_MAX_BYTES = 8192 };

uv_loop_t *
mst_probe_loop(const mst_probe_attempt *attempt)
{
  return &attempt->probe->prober->loop;
}

int64_t
mst_probe_elapsed_ns(const mst_probe_attempt *attempt)
{
  return mst_clock_mono(mst_clock_system()).ns - attempt->began_at.ns;
}

int64_t
mst_probe_left_ns(const mst_probe_attempt *attempt)
{
  int64_t left = attempt->probe->setup.options.timeout_ns - mst_probe_elapsed_ns(attempt);

  return left > 0 ? left : 0;
}

void
mst_probe_doing(mst_probe_attempt *attempt, const char *fmt, ...)
{
  va_list arguments;

  va_start(arguments, fmt);
  vsnprintf(attempt->doing, sizeof attempt->doing, fmt, arguments);
  va_end(arguments);
}

/* The figure of that kind and name, made when new; NULL: over the limit, or no memory. A figure too few shows as missing, and fails. */
static mst_probe_figure *
figure_of(mst_probe_attempt *attempt, int kind, const char *name)
{
  mst_probe_result *result = &attempt->result;

  for (size_t i = 0; i < result->figure_count; i++)
    if ((int)result->figures[i].kind == kind && strcmp(result->figures[i].name, name) == 0)
      return &result->figures[i];
  if (result->figure_count >= MST_PROBE_FIGURES_MAX + MST_PROBE_SERIES_MAX || strlen(name) >= MST_PROBE_FIELD_BYTES)
    return NULL;
  mst_probe_figure *figures = mst_realloc(result->figures, result->figure_count + 1, sizeof *figures);
  if (!figures)
    return NULL;
  result->figures = figures;
  mst_probe_figure *figure = &figures[result->figure_count++];
  *figure = (mst_probe_figure){.kind = kind};
  snprintf(figure->name, sizeof figure->name, "%s", name);
  return figure;
}

void
mst_probe_value_in(mst_probe_attempt *attempt, const char *field, double value, const char *unit)
{
  mst_probe_figure *figure = isfinite(value) ? figure_of(attempt, MST_PROBE_FIGURE_VALUE, field) : NULL;

  if (!figure)
    return;
  figure->value = value;
  for (const char *const *known = mst_probe_units; unit && *known; known++)
    if (strcmp(*known, unit) == 0)
      figure->unit = *known; /* the figure may outlive the plan's text */
}

void
mst_probe_value(mst_probe_attempt *attempt, const char *field, double value)
{
  mst_probe_value_in(attempt, field, value, NULL);
}

void
mst_probe_state(mst_probe_attempt *attempt, const char *field, const char *text)
{
  mst_probe_figure *figure = figure_of(attempt, MST_PROBE_FIGURE_STATE, field);
  char *copy = figure ? mst_alloc(MST_PROBE_STATE_BYTES, 1) : NULL;

  if (!copy)
    return;
  snprintf(copy, MST_PROBE_STATE_BYTES, "%s", text);
  mst_free(figure->text);
  figure->text = copy;
}

void
mst_probe_phase_took(mst_probe_attempt *attempt, const char *phase, int64_t took_ns)
{
  mst_probe_figure *figure = figure_of(attempt, MST_PROBE_FIGURE_PHASE, phase);

  if (figure)
    figure->value = (double)took_ns / 1e9;
}

void
mst_probe_phase(mst_probe_attempt *attempt, const char *phase)
{
  int64_t now = mst_clock_mono(mst_clock_system()).ns;

  mst_probe_phase_took(attempt, phase, now - attempt->phase_at.ns);
  attempt->phase_at.ns = now;
}

void
mst_probe_took(mst_probe_attempt *attempt, int64_t took_ns)
{
  attempt->has_took = true;
  attempt->took_ns = took_ns;
}

/* ---- series of others ---- */

/* A line's end in a value would begin another label. */
static void
put_part(mst_buf *to, const char *part)
{
  size_t before = to->size_bytes;

  mst_buf_puts(to, part);
  for (size_t i = before; i < to->size_bytes; i++)
    if (to->data[i] == '\n')
      to->data[i] = ' ';
  mst_buf_puts(to, "\n");
}

static mst_probe_figure *
add_series(mst_probe_result *result, int kind, char *text)
{
  size_t others = 0;

  for (size_t i = 0; i < result->figure_count; i++) {
    const mst_probe_figure *figure = &result->figures[i];
    bool is_series = figure->kind == MST_PROBE_FIGURE_SERIES || figure->kind == MST_PROBE_FIGURE_TOTAL;
    others += !is_series;
    if (is_series && strcmp(figure->text, text) == 0)
      return NULL;
  }
  if (result->figure_count - others == MST_PROBE_SERIES_MAX)
    return NULL;
  mst_probe_figure *figures = mst_realloc(result->figures, result->figure_count + 1, sizeof *figures);
  if (!figures)
    return NULL;
  result->figures = figures;
  figures[result->figure_count] = (mst_probe_figure){.kind = kind, .text = text};
  return &figures[result->figure_count++];
}

static bool
give_series(mst_probe_attempt *attempt, int kind, const char *metric, const mst_tag *labels, size_t label_count, mst_wall start_at,
            double value)
{
  mst_buf text;
  size_t size_bytes;

  mst_buf_init(&text, SERIES_TEXT_MAX_BYTES);
  put_part(&text, metric);
  for (size_t i = 0; i < label_count && i < MST_PROBE_SERIES_LABELS_MAX; i++) {
    put_part(&text, labels[i].key);
    put_part(&text, labels[i].value);
  }
  char *owned = text.failed == MST_OK ? (char *)mst_buf_take(&text, &size_bytes) : NULL;
  mst_buf_done(&text);
  mst_probe_figure *figure = owned ? add_series(&attempt->result, kind, owned) : NULL;
  if (!figure) {
    mst_free(owned);
    return false;
  }
  figure->value = value;
  figure->start_at = start_at;
  return true;
}

bool
mst_probe_series(mst_probe_attempt *attempt, const char *metric, const mst_tag *labels, size_t label_count, double value)
{
  return !isfinite(value) || give_series(attempt, MST_PROBE_FIGURE_SERIES, metric, labels, label_count, (mst_wall){0}, value);
}

bool
mst_probe_total(mst_probe_attempt *attempt, const char *metric, const mst_tag *labels, size_t label_count, mst_wall start_at, double value)
{
  return give_series(attempt, MST_PROBE_FIGURE_TOTAL, metric, labels, label_count, start_at, value);
}
