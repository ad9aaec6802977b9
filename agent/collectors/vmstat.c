/* Counters of the kernel's memory management; see vmstat.h. */
#include "collectors/vmstat.h"

#include "collectors/scan.h"

mst_err
mst_vmstat_parse(const char *text, size_t length, mst_vmstat_value *values, size_t count, mst_errctx *ctx)
{
  mst_scan all = mst_scan_over(text, length), line, name;
  size_t left = count;

  for (size_t i = 0; i < count; i++)
    values[i].found = false;
  if (length == 0)
    return mst_fail(ctx, MST_EMALFORMED, "/proc/vmstat is empty");
  while (left > 0 && mst_scan_line(&all, &line)) {
    mst_scan rest = line;

    if (!mst_scan_word(&rest, &name))
      continue;
    for (size_t i = 0; i < count; i++) {
      if (values[i].found || !mst_scan_equal(name, values[i].name))
        continue;
      if (mst_scan_is_cut(&all, line) || !mst_scan_u64(&rest, &values[i].value))
        return mst_fail(ctx, MST_EMALFORMED, "/proc/vmstat: no number in \"%.*s\"", mst_scan_shown(line), line.at);
      values[i].found = true;
      left--;
      break;
    }
  }
  return MST_OK;
}
