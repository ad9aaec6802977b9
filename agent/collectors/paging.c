/* Swap and page faults, from /proc/meminfo and /proc/vmstat. */
#include <mst/agent/collector.h>

#include <mst/common/alloc.h>

#include "collectors/counter.h"
#include "collectors/emit.h"
#include "collectors/memory.h"
#include "collectors/source.h"
#include "collectors/vmstat.h"

enum { USAGE, UTILIZATION, FAULTS, OPERATIONS };
static const mst_signal signals[] = {
    [USAGE] = {"system.paging.usage", MST_SIGNAL_GAUGE, "By", "Swap space in a state; not given on a host without swap"},
    [UTILIZATION] = {"system.paging.utilization", MST_SIGNAL_GAUGE, "1", "Share of the swap space that is in use; not given without swap"},
    [FAULTS] = {"system.paging.faults", MST_SIGNAL_COUNTER, "{fault}", "Page faults since boot: major ones had to read from a disk"},
    [OPERATIONS] = {"system.paging.operations", MST_SIGNAL_COUNTER, "{operation}", "Pages swapped in and out since boot"},
};

enum { HELD_FAULTS = 1000000 /* minor faults are a difference of two sums over CPUs that are not read at one instant */ };

struct state {
  mst_source meminfo, vmstat;
  mst_wall boot_at;
  mst_counter minor;
};

static void
close_paging(void *opaque)
{
  struct state *st = opaque;

  if (!st)
    return;
  mst_source_close(&st->meminfo);
  mst_source_close(&st->vmstat);
  mst_free(st);
}

static mst_err
open_paging(const mst_collector_env *env, void **ret_state, mst_errctx *ctx)
{
  struct state *st = mst_alloc(1, sizeof *st);

  if (!st)
    return mst_fail(ctx, MST_ENOMEM, "paging: no memory for its state");
  st->boot_at = env->boot_at;

  mst_err err = mst_source_open(&st->vmstat, env->root_fd, "proc/vmstat", MST_VMSTAT_FIRST_BYTES, MST_VMSTAT_MAX_BYTES, ctx);

  if (err == MST_OK)
    err = mst_source_open(&st->meminfo, env->root_fd, "proc/meminfo", MST_MEMINFO_FIRST_BYTES, MST_MEMINFO_MAX_BYTES, ctx);
  if (err != MST_OK) {
    close_paging(st);
    return err;
  }
  *ret_state = st;
  return MST_OK;
}

static void
give_swap(mst_emit *emit, const mst_memory *memory)
{
  const mst_tag used = {"system.paging.state", "used"}, free = {"system.paging.state", "free"};

  if (!memory->has_swap || memory->swap_total == 0)
    return;
  mst_emit_gauge(emit, &signals[USAGE], &used, 1, (double)(memory->swap_total - memory->swap_free));
  mst_emit_gauge(emit, &signals[USAGE], &free, 1, (double)memory->swap_free);
  mst_emit_gauge(emit, &signals[UTILIZATION], NULL, 0, (double)(memory->swap_total - memory->swap_free) / (double)memory->swap_total);
}

static mst_err
give_vmstat(struct state *st, mst_emit *emit)
{
  enum { FAULT, MAJOR, IN, OUT, VALUES };
  mst_vmstat_value value[VALUES] = {
      [FAULT] = {.name = "pgfault"}, [MAJOR] = {.name = "pgmajfault"}, [IN] = {.name = "pswpin"}, [OUT] = {.name = "pswpout"}};
  const mst_tag minor = {"system.paging.fault.type", "minor"}, major = {"system.paging.fault.type", "major"},
                in = {"system.paging.direction", "in"}, out = {"system.paging.direction", "out"};
  mst_err err = mst_source_read(&st->vmstat, emit->ctx);

  if (err == MST_OK)
    err = mst_vmstat_parse(st->vmstat.text, st->vmstat.length, value, VALUES, emit->ctx);
  if (err != MST_OK)
    return err;
  if (value[FAULT].found && value[MAJOR].found) {
    uint64_t rest = value[FAULT].value > value[MAJOR].value ? value[FAULT].value - value[MAJOR].value : 0;

    mst_emit_counter(emit, &signals[FAULTS], &minor, 1, st->boot_at, (double)mst_counter_hold(&st->minor, rest, HELD_FAULTS));
    mst_emit_counter(emit, &signals[FAULTS], &major, 1, st->boot_at, (double)value[MAJOR].value);
  }
  if (value[IN].found) /* kernels built without swap lack the two */
    mst_emit_counter(emit, &signals[OPERATIONS], &in, 1, st->boot_at, (double)value[IN].value);
  if (value[OUT].found)
    mst_emit_counter(emit, &signals[OPERATIONS], &out, 1, st->boot_at, (double)value[OUT].value);
  return emit->err;
}

static mst_err
sample_paging(void *opaque, mst_sink *sink, mst_errctx *ctx)
{
  struct state *st = opaque;
  mst_emit emit = {.sink = sink, .ctx = ctx};
  mst_memory memory;
  mst_err err = give_vmstat(st, &emit);

  if (err == MST_OK)
    err = mst_source_read(&st->meminfo, ctx);
  if (err == MST_OK)
    err = mst_memory_parse(st->meminfo.text, st->meminfo.length, &memory, ctx);
  if (err != MST_OK)
    return err;
  give_swap(&emit, &memory);
  return emit.err;
}

extern const mst_collector mst_collector_paging; /* named in table.c only */
const mst_collector mst_collector_paging = {
    .name = "paging",
    .help = "Swap in use, page faults, pages swapped",
    .deadline_ns = 50 * MST_NS_PER_MS,
    .signals = signals,
    .signal_count = sizeof signals / sizeof signals[0],
    .open = open_paging,
    .sample = sample_paging,
    .close = close_paging,
};
