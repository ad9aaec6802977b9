/* What the CPUs did, from /proc/stat, and how many there are. */
#include "collectors/cpu.h"

#include <string.h>

#include <mst/common/alloc.h>

#include "collectors/boot.h"
#include "collectors/counter.h"
#include "collectors/emit.h"
#include "collectors/scan.h"
#include "collectors/source.h"

enum {
  STAT_HEAD_BYTES = 256, /* the sum over all CPUs: "cpu" and ten numbers of at most 20 digits */
  ONLINE_BYTES = 256,
  CPUS_MAX = 65536,  /* eight times the most that Linux can be built for */
  HELD_TICKS = 1000, /* iowait and idle tremble by some ticks a CPU; ten seconds are no reset */
};

enum { TIME, STATE_SHARE, BUSY_SHARE, LOGICAL_COUNT };
static const mst_signal signals[] = {
    [TIME] = {"system.cpu.time", MST_SIGNAL_COUNTER, "s", "Time that all CPUs together spent in a state since boot"},
    [STATE_SHARE] = {"system.cpu.utilization", MST_SIGNAL_GAUGE, "1", "Share of all CPUs' time spent in a state since the last sample"},
    [BUSY_SHARE] = {"muster.host.cpu.utilization", MST_SIGNAL_GAUGE, "1",
                    "Share of all CPUs' time since the last sample that was neither idle nor iowait"},
    [LOGICAL_COUNT] = {"system.cpu.logical.count", MST_SIGNAL_GAUGE, "{cpu}", "CPUs that are online"},
};

static const char *const state_names[MST_CPU_STATES] = {
    [MST_CPU_USER] = "user",     [MST_CPU_NICE] = "nice",           [MST_CPU_SYSTEM] = "system", [MST_CPU_IDLE] = "idle",
    [MST_CPU_IOWAIT] = "iowait", [MST_CPU_INTERRUPT] = "interrupt", [MST_CPU_STEAL] = "steal",
};

struct state {
  mst_source stat, online;
  mst_wall boot_at;
  mst_counter held[MST_CPU_STATES];
  mst_cpu_times before;
  bool has_before, has_shares;
  double shares[MST_CPU_STATES];
  double busy;
};

mst_err
mst_cpu_parse(const char *text, size_t length, mst_cpu_times *ret_times, mst_errctx *ctx)
{
  mst_scan all = mst_scan_over(text, length), line;
  uint64_t field[8] = {0}; /* user nice system idle iowait irq softirq steal */
  size_t count = 0;

  if (!mst_scan_line(&all, &line) || mst_scan_is_cut(&all, line) || !mst_scan_prefix(&line, "cpu "))
    return mst_fail(ctx, MST_EMALFORMED, "/proc/stat: the first line of its %zu bytes is not that of all CPUs", length);

  mst_scan numbers = line, other;

  while (count < 8 && mst_scan_u64(&numbers, &field[count]))
    count++;
  if (count < 7 || (count < 8 && mst_scan_word(&numbers, &other)))
    return mst_fail(ctx, MST_EMALFORMED, "/proc/stat: number %zu of the CPU line is not a time: \"%.*s\"", count + 1, mst_scan_shown(line),
                    line.at);
  *ret_times = (mst_cpu_times){.ticks = {[MST_CPU_USER] = field[0],
                                         [MST_CPU_NICE] = field[1],
                                         [MST_CPU_SYSTEM] = field[2],
                                         [MST_CPU_IDLE] = field[3],
                                         [MST_CPU_IOWAIT] = field[4],
                                         [MST_CPU_INTERRUPT] = field[5] + field[6],
                                         [MST_CPU_STEAL] = field[7]}};
  return MST_OK;
}

static bool
read_number(mst_scan *text, uint32_t *ret_value)
{
  uint32_t value = 0;
  const char *start = text->at;

  for (; text->at < text->end && *text->at >= '0' && *text->at <= '9'; text->at++) {
    value = value * 10 + (uint32_t)(*text->at - '0');
    if (value >= CPUS_MAX)
      return false;
  }
  *ret_value = value;
  return text->at > start;
}

mst_err
mst_cpu_count_parse(const char *text, size_t length, uint32_t *ret_count, mst_errctx *ctx)
{
  mst_scan all = mst_scan_over(text, length), at;
  uint32_t count = 0;
  int64_t last = -1;

  if (!mst_scan_word(&all, &at))
    return mst_fail(ctx, MST_EMALFORMED, "/sys/devices/system/cpu/online is empty");

  mst_scan shown = at;

  for (;;) {
    uint32_t first, to;

    if (!read_number(&at, &first))
      goto malformed;
    to = first;
    if (mst_scan_prefix(&at, "-") && !read_number(&at, &to))
      goto malformed;
    if ((int64_t)first <= last || to < first) /* the kernel writes ranges in their order, each CPU once */
      goto malformed;
    count += to - first + 1;
    last = to;
    if (at.at == at.end)
      break;
    if (!mst_scan_prefix(&at, ","))
      goto malformed;
  }
  *ret_count = count;
  return MST_OK;
malformed:
  return mst_fail(ctx, MST_EMALFORMED, "/sys/devices/system/cpu/online: \"%.*s\" is no list of CPUs", mst_scan_shown(shown), shown.at);
}

bool
mst_cpu_shares(const mst_cpu_times *before, const mst_cpu_times *now, double ret_shares[static MST_CPU_STATES], double *ret_busy)
{
  double spent[MST_CPU_STATES], total = 0;

  for (size_t i = 0; i < MST_CPU_STATES; i++) {
    spent[i] = now->ticks[i] > before->ticks[i] ? (double)(now->ticks[i] - before->ticks[i]) : 0;
    total += spent[i];
  }
  if (total <= 0)
    return false;
  for (size_t i = 0; i < MST_CPU_STATES; i++)
    ret_shares[i] = spent[i] / total;
  *ret_busy = (total - spent[MST_CPU_IDLE] - spent[MST_CPU_IOWAIT]) / total;
  return true;
}

static void
close_cpu(void *opaque)
{
  struct state *st = opaque;

  if (!st)
    return;
  mst_source_close(&st->stat);
  mst_source_close(&st->online);
  mst_free(st);
}

static mst_err
open_cpu(const mst_collector_env *env, void **ret_state, mst_errctx *ctx)
{
  struct state *st = mst_alloc(1, sizeof *st);

  if (!st)
    return mst_fail(ctx, MST_ENOMEM, "cpu: no memory for its state");
  st->boot_at = env->boot_at;

  mst_err err = mst_source_open(&st->stat, env->root_fd, "proc/stat", STAT_HEAD_BYTES, STAT_HEAD_BYTES, ctx);

  if (err != MST_OK) {
    close_cpu(st);
    return err;
  }

  mst_errctx ignored = {0}; /* a container without /sys: the times are worth having without the number of CPUs */

  if (mst_source_open(&st->online, env->root_fd, "sys/devices/system/cpu/online", ONLINE_BYTES, ONLINE_BYTES, &ignored) != MST_OK)
    st->online = (mst_source){0};
  *ret_state = st;
  return MST_OK;
}

static void
give_count(struct state *st, mst_emit *emit)
{
  mst_errctx why = {0};
  uint32_t count;

  if (!st->online.is_open)
    return;

  mst_err err = mst_source_read_head(&st->online, &why);

  if (err == MST_OK)
    err = mst_cpu_count_parse(st->online.text, st->online.length, &count, &why);
  if (err == MST_OK)
    mst_emit_gauge(emit, &signals[LOGICAL_COUNT], NULL, 0, count);
  else
    mst_emit_error(emit, &signals[LOGICAL_COUNT], NULL, 0, why.text);
}

static mst_err
sample_cpu(void *opaque, mst_sink *sink, mst_errctx *ctx)
{
  struct state *st = opaque;
  mst_emit emit = {.sink = sink, .ctx = ctx};
  mst_cpu_times now;

  give_count(st, &emit);

  mst_err err = mst_source_read_head(&st->stat, ctx);

  if (err == MST_OK)
    err = mst_cpu_parse(st->stat.text, st->stat.length, &now, ctx);
  if (err != MST_OK)
    return err;
  /* Between two samples within one tick no time passes: the shares of the span before still hold. */
  if (st->has_before && mst_cpu_shares(&st->before, &now, st->shares, &st->busy))
    st->has_shares = true;
  st->before = now;
  st->has_before = true;
  for (size_t i = 0; i < MST_CPU_STATES; i++) {
    const mst_tag tag = {"cpu.mode", state_names[i]};

    mst_emit_counter(&emit, &signals[TIME], &tag, 1, st->boot_at,
                     mst_boot_ticks_s(mst_counter_hold(&st->held[i], now.ticks[i], HELD_TICKS)));
    if (st->has_shares)
      mst_emit_gauge(&emit, &signals[STATE_SHARE], &tag, 1, st->shares[i]);
  }
  if (st->has_shares)
    mst_emit_gauge(&emit, &signals[BUSY_SHARE], NULL, 0, st->busy);
  return emit.err;
}

const mst_collector mst_collector_cpu = {
    .name = "cpu",
    .help = "What the CPUs did, and how many there are",
    .deadline_ns = 50 * MST_NS_PER_MS,
    .signals = signals,
    .signal_count = sizeof signals / sizeof signals[0],
    .open = open_cpu,
    .sample = sample_cpu,
    .close = close_cpu,
};
