/* Run-queue length over 1, 5 and 15 minutes, from /proc/loadavg. */
#include "collectors/load.h"

#include <string.h>

#include <mst/common/alloc.h>

#include "collectors/emit.h"
#include "collectors/scan.h"
#include "collectors/source.h"

enum { LOADAVG_BYTES = 128 /* three numbers and two small fields: under 64 even at absurd loads */ };

static const mst_signal signals[] = {
    {"system.cpu.load_average.1m", MST_SIGNAL_GAUGE, "{thread}", "Tasks that run or wait uninterruptibly, average over 1 minute"},
    {"system.cpu.load_average.5m", MST_SIGNAL_GAUGE, "{thread}", "Tasks that run or wait uninterruptibly, average over 5 minutes"},
    {"system.cpu.load_average.15m", MST_SIGNAL_GAUGE, "{thread}", "Tasks that run or wait uninterruptibly, average over 15 minutes"},
};

mst_err
mst_load_parse(const char *text, size_t length, double ret_load[static 3], mst_errctx *ctx)
{
  mst_scan all = mst_scan_over(text, length);
  double load[3];

  for (size_t i = 0; i < 3; i++) {
    mst_scan shown = all;

    /* A number at the very end of the text was cut short: more fields follow the three. */
    if (!mst_scan_decimal(&all, &load[i]) || all.at == all.end)
      return mst_fail(ctx, MST_EMALFORMED, "/proc/loadavg: field %zu is not a load: \"%.*s\"", i + 1, mst_scan_shown(shown), shown.at);
  }
  memcpy(ret_load, load, sizeof load);
  return MST_OK;
}

static void
close_load(void *opaque)
{
  mst_source *source = opaque;

  if (!source)
    return;
  mst_source_close(source);
  mst_free(source);
}

static mst_err
open_load(const mst_collector_env *env, void **ret_state, mst_errctx *ctx)
{
  mst_source *source = mst_alloc(1, sizeof *source);

  if (!source)
    return mst_fail(ctx, MST_ENOMEM, "load: no memory for its state");

  mst_err err = mst_source_open(source, env->root_fd, "proc/loadavg", LOADAVG_BYTES, LOADAVG_BYTES, ctx);

  if (err != MST_OK) {
    close_load(source);
    return err;
  }
  *ret_state = source;
  return MST_OK;
}

static mst_err
sample_load(void *opaque, mst_sink *sink, mst_errctx *ctx)
{
  mst_source *source = opaque;
  mst_emit emit = {.sink = sink, .ctx = ctx};
  double load[3];
  mst_err err = mst_source_read_head(source, ctx);

  if (err == MST_OK)
    err = mst_load_parse(source->text, source->length, load, ctx);
  if (err != MST_OK)
    return err;
  for (size_t i = 0; i < 3; i++)
    mst_emit_gauge(&emit, &signals[i], NULL, 0, load[i]);
  return emit.err;
}

const mst_collector mst_collector_load = {
    .name = "load",
    .help = "Run-queue length over 1, 5 and 15 minutes",
    .deadline_ns = 50 * MST_NS_PER_MS,
    .signals = signals,
    .signal_count = sizeof signals / sizeof signals[0],
    .open = open_load,
    .sample = sample_load,
    .close = close_load,
};
