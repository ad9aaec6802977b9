/* Every parser of kernel text. The first byte chooses one, the rest is its input, with nothing behind it to read by mistake. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/boot.h"
#include "collectors/cpu.h"
#include "collectors/disk.h"
#include "collectors/host.h"
#include "collectors/load.h"
#include "collectors/memory.h"
#include "collectors/mounts.h"
#include "collectors/network.h"
#include "collectors/pressure.h"
#include "collectors/processes.h"
#include "collectors/uptime.h"
#include "collectors/vmstat.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

static mst_err
parse_lines(const char *text, size_t length, int which, mst_errctx *ctx)
{
  mst_scan all = mst_scan_over(text, length), line;
  mst_err err = MST_OK;

  while (mst_scan_line(&all, &line)) {
    mst_disk_line disk;
    mst_network_line network;
    mst_mount_line mount;

    err = which == 0   ? mst_disk_parse(line, &disk, ctx)
          : which == 1 ? mst_network_parse(line, &network, ctx)
                       : mst_mount_parse(line, &mount, ctx);
    if (err == MST_OK && which == 0)
      assert(disk.name.at >= line.at && disk.name.end <= line.end && disk.name.at < disk.name.end);
    if (err == MST_OK && which == 1)
      assert(network.name.at >= line.at && network.name.end <= line.end && network.name.at < network.name.end);
  }
  return err;
}

static mst_err
parse_mounts(const char *text, size_t length, mst_errctx *ctx)
{
  static const char *const types_list[] = {"tmpfs"}, *const mounts_list[] = {"/wanted"}, *const ignore_list[] = {"/i*"};
  const mst_option types = {"types", types_list, 1}, mounts_option = {"mounts", mounts_list, 1}, ignore = {"ignore", ignore_list, 1};
  const mst_mount_choice choice = {.types = &types, .mounts = &mounts_option, .ignore = &ignore};
  mst_mounts mounts = {0};
  mst_err err = mst_mounts_choose(text, length, &choice, &mounts, ctx);

  assert(mounts.count <= MST_MOUNTS_MAX);
  for (size_t i = 0; i < mounts.count; i++)
    assert(mounts.list[i].mountpoint[0] == '/');
  mst_mounts_done(&mounts);
  return err;
}

static mst_err
parse_process(const char *text, size_t length, mst_errctx *ctx)
{
  mst_process_stat stat;
  mst_err err = mst_process_parse(text, length, &stat, ctx);

  if (err == MST_OK)
    assert(stat.name.at >= text && stat.name.at <= stat.name.end && stat.name.end < text + length);
  return err;
}

static mst_err
parse_arguments(char *text, size_t length)
{
  char *joined = malloc(length + 1);

  assert(joined);
  memcpy(joined, text, length);
  joined[mst_process_join_arguments(joined, length)] = '\0';
  (void)mst_process_match("nginx*", "fifteen-bytes-x", joined);
  (void)mst_process_match("cmdline:*uvicorn*", "x", joined);
  free(joined);
  return MST_OK;
}

static mst_err
parse_numbers(int which, const char *text, size_t length, mst_errctx *ctx)
{
  double load[3], uptime;
  uint64_t speed;
  uint32_t number;
  char id[MST_BOOT_ID_BYTES + 1];
  mst_wall at;
  mst_err err;

  switch (which) {
  case 0:
    return mst_cpu_count_parse(text, length, &number, ctx);
  case 1:
    err = mst_load_parse(text, length, load, ctx);
    assert(err != MST_OK || (load[0] >= 0 && load[1] >= 0 && load[2] >= 0));
    return err;
  case 2:
    return mst_network_speed_parse(text, length, &speed, ctx);
  case 3:
    return mst_process_user_parse(text, length, &number, ctx);
  case 4:
    return mst_uptime_parse(text, length, &uptime, ctx);
  case 5:
    return mst_boot_id_parse(text, length, id, ctx);
  default:
    err = mst_boot_parse(text, length, &at, ctx);
    assert(err != MST_OK || at.ns > 0);
    return err;
  }
}

static mst_err
parse(int which, char *text, size_t length, mst_errctx *ctx)
{
  mst_vmstat_value values[] = {{.name = "oom_kill"}, {.name = "pgfault"}};
  mst_cpu_times times;
  mst_memory memory;
  mst_pressure pressure;
  char value[64];
  mst_err err;

  switch (which) {
  case 0:
    return mst_cpu_parse(text, length, &times, ctx);
  case 1:
    return parse_lines(text, length, 0, ctx);
  case 2:
    return parse_lines(text, length, 1, ctx);
  case 3:
    return parse_lines(text, length, 2, ctx);
  case 4:
    return parse_mounts(text, length, ctx);
  case 5:
    err = mst_memory_parse(text, length, &memory, ctx);
    assert(err != MST_OK || (memory.available <= memory.total && memory.free <= memory.total && memory.swap_free <= memory.swap_total));
    return err;
  case 6:
    err = mst_pressure_parse(text, length, &pressure, ctx);
    assert(err != MST_OK || (pressure.some.avg10_ratio >= 0 && pressure.some.avg10_ratio <= 1));
    return err;
  case 7:
    return mst_vmstat_parse(text, length, values, 2, ctx);
  case 8:
    return parse_process(text, length, ctx);
  case 9:
    return parse_arguments(text, length);
  case 10:
    return mst_host_release_value(text, length, "ID", value, sizeof value, ctx);
  default:
    return parse_numbers(which - 11, text, length, ctx);
  }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
  enum { PARSERS = 18 };
  mst_errctx ctx = {0};

  if (size_bytes < 1)
    return 0;

  char *text = malloc(size_bytes); /* exactly as long as the input, so that one byte too far is found */

  assert(text);
  memcpy(text, data + 1, size_bytes - 1);

  mst_err err = parse(data[0] % PARSERS, text, size_bytes - 1, &ctx);

  assert(err == MST_OK || ctx.text[0]);
  free(text);
  return 0;
}
