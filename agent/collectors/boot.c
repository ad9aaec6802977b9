/* When the host came up, and the unit of the kernel's times; see boot.h. */
#include "collectors/boot.h"

#include <unistd.h>

#include "collectors/scan.h"
#include "collectors/source.h"

enum {
  STAT_FIRST_BYTES = 4096,
  STAT_MAX_BYTES = 1024 * 1024, /* 1000 CPUs at 100 bytes, and thousands of interrupts at 11 */
};

/* Seconds up to the year 2200: what leaves room to add uptimes to without passing 2^63 ns. */
static const uint64_t last_boot_s = 7258118400ULL;

mst_err
mst_boot_parse(const char *text, size_t length, mst_wall *ret_boot_at, mst_errctx *ctx)
{
  mst_scan all = mst_scan_over(text, length), line;

  while (mst_scan_line(&all, &line)) {
    mst_scan shown = line;
    uint64_t seconds;

    if (!mst_scan_prefix(&line, "btime "))
      continue;
    if (mst_scan_is_cut(&all, line) || !mst_scan_u64(&line, &seconds) || seconds == 0 || seconds > last_boot_s)
      return mst_fail(ctx, MST_EMALFORMED, "/proc/stat: no boot time in \"%.*s\"", mst_scan_shown(shown), shown.at);
    ret_boot_at->ns = (int64_t)seconds * MST_NS_PER_S;
    return MST_OK;
  }
  return mst_fail(ctx, MST_EMALFORMED, "/proc/stat: no line \"btime\" in its %zu bytes", length);
}

mst_err
mst_boot_read(int root_fd, mst_wall *ret_boot_at, mst_errctx *ctx)
{
  mst_source stat = {0};
  mst_err err = mst_source_open(&stat, root_fd, "proc/stat", STAT_FIRST_BYTES, STAT_MAX_BYTES, ctx);

  if (err != MST_OK)
    return err;
  err = mst_source_read(&stat, ctx);
  if (err == MST_OK)
    err = mst_boot_parse(stat.text, stat.length, ret_boot_at, ctx);
  mst_source_close(&stat);
  return err;
}

static long
ticks_per_second(void)
{
  long hz = sysconf(_SC_CLK_TCK);

  return hz > 0 ? hz : 100; /* USER_HZ is 100 on every architecture that Debian has */
}

double
mst_boot_ticks_s(uint64_t ticks)
{
  return (double)ticks / (double)ticks_per_second();
}

int64_t
mst_boot_ticks_ns(uint64_t ticks)
{
  uint64_t tick_ns = (uint64_t)(MST_NS_PER_S / ticks_per_second());

  return ticks > (uint64_t)INT64_MAX / tick_ns ? INT64_MAX : (int64_t)(ticks * tick_ns);
}
