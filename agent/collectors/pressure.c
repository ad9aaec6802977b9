/* Time that tasks waited for CPU, memory and I/O, from /proc/pressure. */
#include "collectors/pressure.h"

#include <mst/common/alloc.h>

#include "collectors/emit.h"
#include "collectors/scan.h"
#include "collectors/source.h"

enum { PRESSURE_BYTES = 512 /* two lines of under 100 */, RESOURCES = 3 };

static const struct {
  const char *name, *path;
} resources[RESOURCES] = {{"cpu", "proc/pressure/cpu"}, {"memory", "proc/pressure/memory"}, {"io", "proc/pressure/io"}};

enum { SOME_AVG10, SOME_TIME, FULL_AVG10, FULL_TIME };
static const mst_signal signals[] = {
    [SOME_AVG10] = {"muster.pressure.some.avg10", MST_SIGNAL_GAUGE, "1",
                    "Share of the last 10 seconds that some tasks waited for a resource"},
    [SOME_TIME] = {"muster.pressure.some.time", MST_SIGNAL_COUNTER, "s", "Time since boot that some tasks waited for a resource"},
    [FULL_AVG10] = {"muster.pressure.full.avg10", MST_SIGNAL_GAUGE, "1",
                    "Share of the last 10 seconds that all tasks with work waited for a resource"},
    [FULL_TIME] = {"muster.pressure.full.time", MST_SIGNAL_COUNTER, "s", "Time since boot that all tasks with work waited for a resource"},
};

struct state {
  mst_source files[RESOURCES];
  mst_wall boot_at;
};

static mst_err
parse_line(mst_scan line, mst_pressure_line *ret_line, mst_errctx *ctx)
{
  mst_scan shown = line, word;
  double percent = -1;
  bool has_total = false;

  while (mst_scan_word(&line, &word)) {
    if (mst_scan_prefix(&word, "avg10=") && (!mst_scan_decimal(&word, &percent) || percent > 100))
      goto malformed;
    if (mst_scan_prefix(&word, "total=")) {
      if (!mst_scan_u64(&word, &ret_line->total_us))
        goto malformed;
      has_total = true;
    }
  }
  if (percent < 0 || !has_total)
    goto malformed;
  ret_line->avg10_ratio = percent / 100;
  ret_line->found = true;
  return MST_OK;
malformed:
  return mst_fail(ctx, MST_EMALFORMED, "/proc/pressure: no avg10 (0..100) and total in \"%.*s\"", mst_scan_shown(shown), shown.at);
}

mst_err
mst_pressure_parse(const char *text, size_t length, mst_pressure *ret_pressure, mst_errctx *ctx)
{
  mst_scan all = mst_scan_over(text, length), line;
  mst_pressure pressure = {0};
  mst_err err = MST_OK;

  while (err == MST_OK && mst_scan_line(&all, &line)) {
    if (mst_scan_is_cut(&all, line))
      return mst_fail(ctx, MST_EMALFORMED, "/proc/pressure: cut short at \"%.*s\"", mst_scan_shown(line), line.at);
    if (mst_scan_prefix(&line, "some "))
      err = parse_line(line, &pressure.some, ctx);
    else if (mst_scan_prefix(&line, "full "))
      err = parse_line(line, &pressure.full, ctx);
  }
  if (err != MST_OK)
    return err;
  if (!pressure.some.found)
    return mst_fail(ctx, MST_EMALFORMED, "/proc/pressure: no line \"some\" in %zu bytes", length);
  *ret_pressure = pressure;
  return MST_OK;
}

static void
close_pressure(void *opaque)
{
  struct state *st = opaque;

  if (!st)
    return;
  for (size_t i = 0; i < RESOURCES; i++)
    mst_source_close(&st->files[i]);
  mst_free(st);
}

static mst_err
open_pressure(const mst_collector_env *env, void **ret_state, mst_errctx *ctx)
{
  struct state *st = mst_alloc(1, sizeof *st);
  mst_err err = MST_OK;

  if (!st)
    return mst_fail(ctx, MST_ENOMEM, "pressure: no memory for its state");
  st->boot_at = env->boot_at;
  for (size_t i = 0; i < RESOURCES && err == MST_OK; i++)
    err = mst_source_open(&st->files[i], env->root_fd, resources[i].path, PRESSURE_BYTES, PRESSURE_BYTES, ctx);
  /* A kernel booted with psi=0 has the files but fails to read or open them. */
  if (err == MST_OK)
    err = mst_source_read_head(&st->files[0], ctx);
  if (err != MST_OK) {
    close_pressure(st);
    if (err == MST_EABSENT)
      err = mst_fail_within(ctx, err, "no pressure stall information (Linux 4.20 with CONFIG_PSI, not booted with psi=0)");
    return err;
  }
  *ret_state = st;
  return MST_OK;
}

static void
give_line(const struct state *st, mst_emit *emit, const char *resource, size_t avg10, size_t time, const mst_pressure_line *line)
{
  const mst_tag tag = {"resource", resource};

  if (!line->found)
    return;
  mst_emit_gauge(emit, &signals[avg10], &tag, 1, line->avg10_ratio);
  mst_emit_counter(emit, &signals[time], &tag, 1, st->boot_at, (double)line->total_us / 1e6);
}

static mst_err
sample_pressure(void *opaque, mst_sink *sink, mst_errctx *ctx)
{
  struct state *st = opaque;
  mst_emit emit = {.sink = sink, .ctx = ctx};

  for (size_t i = 0; i < RESOURCES; i++) {
    mst_pressure pressure;
    mst_err err = mst_source_read_head(&st->files[i], ctx);

    if (err == MST_OK)
      err = mst_pressure_parse(st->files[i].text, st->files[i].length, &pressure, ctx);
    if (err != MST_OK)
      return mst_fail_within(ctx, err, "%s", resources[i].name);
    give_line(st, &emit, resources[i].name, SOME_AVG10, SOME_TIME, &pressure.some);
    give_line(st, &emit, resources[i].name, FULL_AVG10, FULL_TIME, &pressure.full);
  }
  return emit.err;
}

const mst_collector mst_collector_pressure = {
    .name = "pressure",
    .help = "Time that tasks waited for CPU, memory and I/O",
    .deadline_ns = 50 * MST_NS_PER_MS,
    .signals = signals,
    .signal_count = sizeof signals / sizeof signals[0],
    .open = open_pressure,
    .sample = sample_pressure,
    .close = close_pressure,
};
