/* Memory of the host, from /proc/meminfo. */
#include "collectors/memory.h"

#include <string.h>

#include <mst/common/alloc.h>

#include "collectors/emit.h"
#include "collectors/projection.h"
#include "collectors/scan.h"
#include "collectors/source.h"

enum { USAGE, STATE_SHARE, USED_SHARE, LIMIT, AVAILABLE, DAYS_TO_FULL };
static const mst_signal signals[] = {
    [USAGE] = {"system.memory.usage", MST_SIGNAL_GAUGE, "By", "Memory in a state; used is what is not available, so the states overlap"},
    [STATE_SHARE] = {"system.memory.utilization", MST_SIGNAL_GAUGE, "1", "Share of the memory in a state"},
    [USED_SHARE] = {"muster.host.memory.utilization", MST_SIGNAL_GAUGE, "1", "Share of the memory that is not available to new programs"},
    [LIMIT] = {"system.memory.limit", MST_SIGNAL_GAUGE, "By", "Memory that the kernel manages"},
    [AVAILABLE] = {"system.memory.linux.available", MST_SIGNAL_GAUGE, "By",
                   "Memory that new programs can have without swapping, as the kernel estimates it"},
    [DAYS_TO_FULL] =
        {"muster.memory.days_to_full", MST_SIGNAL_GAUGE, "d",
         "Days until no memory is available if its use goes on to grow as it did in the last day; at most 3650, given after half an hour"},
};

enum { TOTAL, FREE, AVAIL, BUFFERS, CACHED, RECLAIMABLE, SWAP_TOTAL, SWAP_FREE, LINES };
static const char *const line_names[LINES] = {
    [TOTAL] = "MemTotal:",           [FREE] = "MemFree:",         [AVAIL] = "MemAvailable:", [BUFFERS] = "Buffers:", [CACHED] = "Cached:",
    [RECLAIMABLE] = "SReclaimable:", [SWAP_TOTAL] = "SwapTotal:", [SWAP_FREE] = "SwapFree:",
};

static mst_err
parse_line(mst_scan line, uint64_t value[static LINES], uint32_t *seen, mst_errctx *ctx)
{
  mst_scan shown = line, unit;

  for (size_t i = 0; i < LINES; i++) {
    if (!mst_scan_prefix(&line, line_names[i]))
      continue;
    if (!mst_scan_u64(&line, &value[i]) || !mst_scan_word(&line, &unit) || !mst_scan_equal(unit, "kB") ||
        __builtin_mul_overflow(value[i], (uint64_t)1024, &value[i]))
      return mst_fail(ctx, MST_EMALFORMED, "/proc/meminfo: no number of kB in \"%.*s\"", mst_scan_shown(shown), shown.at);
    *seen |= 1U << i;
    break;
  }
  return MST_OK;
}

static uint64_t
at_most(uint64_t value, uint64_t most)
{
  return value < most ? value : most;
}

mst_err
mst_memory_parse(const char *text, size_t length, mst_memory *ret_memory, mst_errctx *ctx)
{
  static const uint32_t needed = 1U << TOTAL | 1U << FREE; /* containers' views lack some of the others */
  mst_scan all = mst_scan_over(text, length), line;
  uint64_t value[LINES] = {0};
  uint32_t seen = 0;

  while (mst_scan_line(&all, &line)) {
    mst_err err = parse_line(line, value, &seen, ctx);

    if (err != MST_OK)
      return err;
  }
  for (size_t i = 0; i < LINES; i++) {
    if (needed >> i & ~seen >> i & 1)
      return mst_fail(ctx, MST_EMALFORMED, "/proc/meminfo: no line \"%s\" in its %zu bytes", line_names[i], length);
  }
  if (value[TOTAL] == 0 || value[FREE] > value[TOTAL] || value[SWAP_FREE] > value[SWAP_TOTAL])
    return mst_fail(ctx, MST_EMALFORMED, "/proc/meminfo: %llu bytes free of %llu, swap %llu of %llu cannot be",
                    (unsigned long long)value[FREE], (unsigned long long)value[TOTAL], (unsigned long long)value[SWAP_FREE],
                    (unsigned long long)value[SWAP_TOTAL]);

  uint64_t total = value[TOTAL];
  uint64_t cached = at_most(value[CACHED], total) + at_most(value[RECLAIMABLE], total);
  uint64_t available = seen >> AVAIL & 1 ? value[AVAIL] : value[FREE] + at_most(value[BUFFERS], total) + cached;

  *ret_memory = (mst_memory){.total = total,
                             .free = value[FREE],
                             .buffers = value[BUFFERS],
                             .cached = cached,
                             .available = at_most(available, total),
                             .has_swap = (seen >> SWAP_TOTAL & seen >> SWAP_FREE & 1) != 0,
                             .swap_total = value[SWAP_TOTAL],
                             .swap_free = value[SWAP_FREE]};
  return MST_OK;
}

struct state {
  mst_source source;
  const mst_clock *clock;
  mst_projection used;
};

static void
close_memory(void *opaque)
{
  struct state *st = opaque;

  if (!st)
    return;
  mst_source_close(&st->source);
  mst_free(st);
}

static mst_err
open_memory(const mst_collector_env *env, void **ret_state, mst_errctx *ctx)
{
  struct state *st = mst_alloc(1, sizeof *st);

  if (!st)
    return mst_fail(ctx, MST_ENOMEM, "memory: no memory for its state");

  mst_err err = mst_source_open(&st->source, env->root_fd, "proc/meminfo", MST_MEMINFO_FIRST_BYTES, MST_MEMINFO_MAX_BYTES, ctx);

  if (err != MST_OK) {
    close_memory(st);
    return err;
  }
  st->clock = env->clock;
  *ret_state = st;
  return MST_OK;
}

static mst_err
sample_memory(void *opaque, mst_sink *sink, mst_errctx *ctx)
{
  struct state *st = opaque;
  mst_emit emit = {.sink = sink, .ctx = ctx};
  mst_memory memory;
  mst_err err = mst_source_read(&st->source, ctx);

  if (err == MST_OK)
    err = mst_memory_parse(st->source.text, st->source.length, &memory, ctx);
  if (err != MST_OK)
    return err;

  double total = (double)memory.total;
  const struct {
    mst_tag tag;
    uint64_t bytes;
  } states[] = {
      {{"system.memory.state", "used"}, memory.total - memory.available},
      {{"system.memory.state", "free"}, memory.free},
      {{"system.memory.state", "buffers"}, memory.buffers},
      {{"system.memory.state", "cached"}, memory.cached},
  };

  for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
    mst_emit_gauge(&emit, &signals[USAGE], &states[i].tag, 1, (double)states[i].bytes);
    mst_emit_gauge(&emit, &signals[STATE_SHARE], &states[i].tag, 1, (double)states[i].bytes / total);
  }
  mst_emit_gauge(&emit, &signals[USED_SHARE], NULL, 0, (double)(memory.total - memory.available) / total);
  mst_emit_gauge(&emit, &signals[LIMIT], NULL, 0, total);
  mst_emit_gauge(&emit, &signals[AVAILABLE], NULL, 0, (double)memory.available);

  mst_errctx ignored = {0};
  double days;

  mst_projection_add(&st->used, mst_clock_wall(st->clock), (double)(memory.total - memory.available));
  if (mst_projection_days(&st->used, (double)memory.available, &days, &ignored) == MST_OK)
    mst_emit_gauge(&emit, &signals[DAYS_TO_FULL], NULL, 0, days);
  return emit.err;
}

const mst_collector mst_collector_memory = {
    .name = "memory",
    .help = "Memory in use, free and available",
    .deadline_ns = 50 * MST_NS_PER_MS,
    .signals = signals,
    .signal_count = sizeof signals / sizeof signals[0],
    .open = open_memory,
    .sample = sample_memory,
    .close = close_memory,
};
