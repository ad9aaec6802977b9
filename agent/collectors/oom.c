/* Processes that the kernel killed for want of memory, from /proc/vmstat. */
#include <mst/agent/collector.h>

#include <mst/common/alloc.h>

#include "collectors/emit.h"
#include "collectors/source.h"
#include "collectors/vmstat.h"

static const mst_signal signals[] = {
    {"muster.oom_kills", MST_SIGNAL_COUNTER, "{process}", "Processes that the kernel killed for want of memory since boot, in any cgroup"},
};

struct state {
  mst_source vmstat;
  mst_wall boot_at;
};

static void
close_oom(void *opaque)
{
  struct state *st = opaque;

  if (!st)
    return;
  mst_source_close(&st->vmstat);
  mst_free(st);
}

static mst_err
read_kills(struct state *st, uint64_t *ret_kills, mst_errctx *ctx)
{
  mst_vmstat_value kills = {.name = "oom_kill"};
  mst_err err = mst_source_read(&st->vmstat, ctx);

  if (err == MST_OK)
    err = mst_vmstat_parse(st->vmstat.text, st->vmstat.length, &kills, 1, ctx);
  if (err != MST_OK)
    return err;
  if (!kills.found)
    return mst_fail(ctx, MST_EABSENT, "/proc/vmstat has no line oom_kill: kernels before 4.13 do not count");
  *ret_kills = kills.value;
  return MST_OK;
}

static mst_err
open_oom(const mst_collector_env *env, void **ret_state, mst_errctx *ctx)
{
  struct state *st = mst_alloc(1, sizeof *st);
  uint64_t kills;

  if (!st)
    return mst_fail(ctx, MST_ENOMEM, "oom: no memory for its state");
  st->boot_at = env->boot_at;

  mst_err err = mst_source_open(&st->vmstat, env->root_fd, "proc/vmstat", MST_VMSTAT_FIRST_BYTES, MST_VMSTAT_MAX_BYTES, ctx);

  if (err == MST_OK)
    err = read_kills(st, &kills, ctx);
  if (err != MST_OK) {
    close_oom(st);
    return err;
  }
  *ret_state = st;
  return MST_OK;
}

static mst_err
sample_oom(void *opaque, mst_sink *sink, mst_errctx *ctx)
{
  struct state *st = opaque;
  mst_emit emit = {.sink = sink, .ctx = ctx};
  uint64_t kills;
  mst_err err = read_kills(st, &kills, ctx);

  if (err != MST_OK)
    return err;
  mst_emit_counter(&emit, &signals[0], NULL, 0, st->boot_at, (double)kills);
  return emit.err;
}

extern const mst_collector mst_collector_oom; /* named in table.c only */
const mst_collector mst_collector_oom = {
    .name = "oom",
    .help = "Kills for want of memory",
    .deadline_ns = 50 * MST_NS_PER_MS,
    .signals = signals,
    .signal_count = sizeof signals / sizeof signals[0],
    .open = open_oom,
    .sample = sample_oom,
    .close = close_oom,
};
