/* What the disks did, from /proc/diskstats. */
#include "collectors/disk.h"

#include <ctype.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <mst/common/alloc.h>

#include "collectors/counter.h"
#include "collectors/devices.h"
#include "collectors/emit.h"
#include "collectors/source.h"

enum {
  DISKSTATS_FIRST_BYTES = 4096,
  DISKSTATS_MAX_BYTES = 1024 * 1024, /* 8000 devices at 120 bytes */
  DISKS_MAX = 1024,                  /* with the ignored ones; what a host with a full storage shelf and its partitions has */
  SECTOR_BYTES = 512,
};

enum { IO, OPERATIONS, OPERATION_TIME, IO_TIME, UTILIZATION, HOST_UTILIZATION };
static const mst_signal signals[] = {
    [IO] = {"system.disk.io", MST_SIGNAL_COUNTER, "By", "Bytes read and written since boot"},
    [OPERATIONS] = {"system.disk.operations", MST_SIGNAL_COUNTER, "{operation}", "Reads and writes that were completed since boot"},
    [OPERATION_TIME] = {"system.disk.operation_time", MST_SIGNAL_COUNTER, "s", "Sum of the times that reads and writes took since boot"},
    [IO_TIME] = {"system.disk.io_time", MST_SIGNAL_COUNTER, "s", "Time since boot during which at least one request was under way"},
    [UTILIZATION] = {"muster.disk.utilization", MST_SIGNAL_GAUGE, "1",
                     "Share of the time since the last sample during which at least one request was under way"},
    [HOST_UTILIZATION] = {"muster.host.disk.utilization", MST_SIGNAL_GAUGE, "1", "muster.disk.utilization of the busiest disk"},
};

static const mst_option_help options[] = {
    {"ignore", "loop* ram* zram* fd* sr*", "devices not to report, as shell patterns"},
    {"partitions", "no", "yes: report partitions too"},
};
static const char *const ignored_by_default[] = {"loop*", "ram*", "zram*", "fd*", "sr*", NULL};

struct disk {
  mst_device device;
  bool is_ignored, has_before, has_share;
  mst_counter counters[MST_DISK_FIGURES];
  uint64_t busy_ms; /* unwrapped, at `at` */
  mst_mono at;
  double share;
};

struct state {
  int root_fd;
  const mst_clock *clock;
  mst_wall boot_at;
  const mst_option *ignore; /* borrowed while open */
  bool has_sys, with_partitions;
  mst_source stats;
  mst_devices disks;
};

mst_err
mst_disk_parse(mst_scan line, mst_disk_line *ret_line, mst_errctx *ctx)
{
  enum { COLUMNS = 11 };
  static const int figure_of[COLUMNS] = {
      MST_DISK_READS,   -1, MST_DISK_READ_SECTORS, MST_DISK_READ_MS, MST_DISK_WRITES, -1, MST_DISK_WRITTEN_SECTORS, MST_DISK_WRITE_MS, -1,
      MST_DISK_BUSY_MS, -1};
  mst_scan shown = line;
  mst_disk_line parsed;
  uint64_t number;

  if (!mst_scan_u64(&line, &number) || !mst_scan_u64(&line, &number) || !mst_scan_word(&line, &parsed.name))
    goto malformed;
  for (size_t i = 0; i < COLUMNS; i++) {
    if (!mst_scan_u64(&line, &number))
      goto malformed;
    if (figure_of[i] >= 0)
      parsed.figure[figure_of[i]] = number;
  }
  *ret_line = parsed;
  return MST_OK;
malformed:
  return mst_fail(ctx, MST_EMALFORMED, "/proc/diskstats: not major, minor, name and 11 numbers: \"%.*s\"", mst_scan_shown(shown), shown.at);
}

bool
mst_disk_name_is_partition(const char *name)
{
  size_t length = strlen(name), digits = 0;

  while (digits < length && isdigit((unsigned char)name[length - 1 - digits]))
    digits++;
  if (digits == 0 || digits == length)
    return false;
  if (strncmp(name, "nvme", 4) == 0 || strncmp(name, "mmcblk", 6) == 0)
    return length > digits + 1 && name[length - 1 - digits] == 'p' && isdigit((unsigned char)name[length - 2 - digits]);
  return strncmp(name, "sd", 2) == 0 || strncmp(name, "vd", 2) == 0 || strncmp(name, "hd", 2) == 0 || strncmp(name, "xvd", 3) == 0;
}

static bool
is_partition(const struct state *st, const char *name)
{
  static const char before[] = "sys/class/block/", after[] = "/partition";
  char path[sizeof before + MST_DEVICE_NAME_BYTES + sizeof after];
  size_t length = strlen(name);

  if (!st->has_sys)
    return mst_disk_name_is_partition(name);
  memcpy(path, before, sizeof before - 1);
  memcpy(path + sizeof before - 1, name, length);
  memcpy(path + sizeof before - 1 + length, after, sizeof after);
  for (char *at = path + sizeof before - 1; at < path + sizeof before - 1 + length; at++) {
    if (*at == '/') /* the kernel writes "cciss/c0d0" as "cciss!c0d0" there */
      *at = '!';
  }
  return faccessat(st->root_fd, path, F_OK, 0) == 0;
}

static void
close_disk(void *opaque)
{
  struct state *st = opaque;

  if (!st)
    return;
  mst_source_close(&st->stats);
  mst_devices_done(&st->disks);
  mst_free(st);
}

static mst_err
read_options(const mst_collector_env *env, struct state *st, mst_errctx *ctx)
{
  const mst_option *partitions = mst_collector_option(env, "partitions");

  st->ignore = mst_collector_option(env, "ignore");
  if (!partitions)
    return MST_OK;
  if (partitions->value_count != 1 || (strcmp(partitions->values[0], "yes") != 0 && strcmp(partitions->values[0], "no") != 0))
    return mst_fail(ctx, MST_EUSAGE, "disk: option \"partitions\" must be yes or no");
  st->with_partitions = strcmp(partitions->values[0], "yes") == 0;
  return MST_OK;
}

static mst_err
open_disk(const mst_collector_env *env, void **ret_state, mst_errctx *ctx)
{
  struct state *st = mst_alloc(1, sizeof *st);

  if (!st)
    return mst_fail(ctx, MST_ENOMEM, "disk: no memory for its state");
  st->root_fd = env->root_fd;
  st->clock = env->clock;
  st->boot_at = env->boot_at;
  st->has_sys = faccessat(env->root_fd, "sys/class/block", F_OK, 0) == 0;
  mst_devices_init(&st->disks, sizeof(struct disk), DISKS_MAX);

  mst_err err = read_options(env, st, ctx);

  if (err == MST_OK)
    err = mst_source_open(&st->stats, env->root_fd, "proc/diskstats", DISKSTATS_FIRST_BYTES, DISKSTATS_MAX_BYTES, ctx);
  if (err != MST_OK) {
    close_disk(st);
    return err;
  }
  *ret_state = st;
  return MST_OK;
}

/* The share of time that the disk was busy since the last sample. */
static void
give_utilization(mst_emit *emit, struct disk *disk, uint64_t busy_ms, mst_mono now, double *busiest)
{
  const mst_tag tag = {"system.device", disk->device.name};
  bool was_reset = disk->has_before && busy_ms < disk->busy_ms;
  int64_t elapsed_ns = now.ns - disk->at.ns;

  if (disk->has_before && !was_reset && elapsed_ns > 0) {
    double share = (double)(busy_ms - disk->busy_ms) * (double)MST_NS_PER_MS / (double)elapsed_ns;

    disk->share = share < 1 ? share : 1; /* the kernel counts in ticks of up to 10 ms */
    disk->has_share = true;
  }
  if (was_reset) {
    disk->has_share = false;
    mst_emit_error(emit, &signals[UTILIZATION], &tag, 1, "its counters fell: the device was replaced; measured again with the next sample");
  }
  disk->has_before = true;
  disk->busy_ms = busy_ms;
  disk->at = now;
  if (!disk->has_share)
    return;
  if (disk->share > *busiest)
    *busiest = disk->share;
  mst_emit_gauge(emit, &signals[UTILIZATION], &tag, 1, disk->share);
}

static void
give_disk(const struct state *st, mst_emit *emit, struct disk *disk, const mst_disk_line *line, double *busiest)
{
  const char *name = disk->device.name;
  const mst_tag device = {"system.device", name};
  const mst_tag read[] = {{"system.device", name}, {"disk.io.direction", "read"}},
                write[] = {{"system.device", name}, {"disk.io.direction", "write"}};
  double value[MST_DISK_FIGURES];
  uint64_t busy_ms = 0;

  for (size_t i = 0; i < MST_DISK_FIGURES; i++) {
    uint64_t now = mst_counter_unwrap(&disk->counters[i], line->figure[i]);

    value[i] = (double)now;
    if (i == MST_DISK_BUSY_MS)
      busy_ms = now;
  }
  mst_emit_counter(emit, &signals[IO], read, 2, st->boot_at, value[MST_DISK_READ_SECTORS] * SECTOR_BYTES);
  mst_emit_counter(emit, &signals[IO], write, 2, st->boot_at, value[MST_DISK_WRITTEN_SECTORS] * SECTOR_BYTES);
  mst_emit_counter(emit, &signals[OPERATIONS], read, 2, st->boot_at, value[MST_DISK_READS]);
  mst_emit_counter(emit, &signals[OPERATIONS], write, 2, st->boot_at, value[MST_DISK_WRITES]);
  mst_emit_counter(emit, &signals[OPERATION_TIME], read, 2, st->boot_at, value[MST_DISK_READ_MS] / 1000);
  mst_emit_counter(emit, &signals[OPERATION_TIME], write, 2, st->boot_at, value[MST_DISK_WRITE_MS] / 1000);
  mst_emit_counter(emit, &signals[IO_TIME], &device, 1, st->boot_at, value[MST_DISK_BUSY_MS] / 1000);
  give_utilization(emit, disk, busy_ms, mst_clock_mono(st->clock), busiest);
}

/* Loop and network block devices stand there by the dozen before they are used. */
static bool
was_never_used(const mst_disk_line *line)
{
  for (size_t i = 0; i < MST_DISK_FIGURES; i++) {
    if (line->figure[i] != 0)
      return false;
  }
  return true;
}

static mst_err
sample_line(struct state *st, mst_emit *emit, mst_scan line, double *busiest, mst_errctx *ctx)
{
  mst_disk_line parsed;
  void *item;
  bool is_new;
  mst_err err = mst_disk_parse(line, &parsed, ctx);

  if (err != MST_OK || was_never_used(&parsed))
    return err;
  err = mst_devices_get(&st->disks, parsed.name, &item, &is_new, ctx);
  if (err != MST_OK)
    return err;

  struct disk *disk = item;

  if (is_new)
    disk->is_ignored = mst_devices_match(st->ignore, ignored_by_default, disk->device.name) ||
                       (!st->with_partitions && is_partition(st, disk->device.name));
  if (!disk->is_ignored)
    give_disk(st, emit, disk, &parsed, busiest);
  return emit->err;
}

static mst_err
sample_disk(void *opaque, mst_sink *sink, mst_errctx *ctx)
{
  struct state *st = opaque;
  mst_errctx ignored = {0};
  mst_emit emit = {.sink = sink, .ctx = &ignored};
  double busiest = -1;
  mst_err err = mst_source_read(&st->stats, ctx);

  if (err != MST_OK)
    return err;

  mst_scan all = mst_scan_over(st->stats.text, st->stats.length), line;

  mst_devices_begin(&st->disks);
  while (mst_scan_line(&all, &line)) {
    /* One bad line does not hide the other disks; the first one is what is reported. */
    mst_err one = mst_scan_is_cut(&all, line)
                      ? mst_fail(&ignored, MST_EMALFORMED, "/proc/diskstats: cut short at \"%.*s\"", mst_scan_shown(line), line.at)
                      : sample_line(st, &emit, line, &busiest, &ignored);
    if (one != MST_OK && err == MST_OK)
      err = mst_fail(ctx, one, "%s", ignored.text);
  }
  mst_devices_end(&st->disks);
  if (busiest >= 0)
    mst_emit_gauge(&emit, &signals[HOST_UTILIZATION], NULL, 0, busiest);
  return err;
}

const mst_collector mst_collector_disk = {
    .name = "disk",
    .help = "Bytes, operations and busy time of disks",
    .deadline_ns = 100 * MST_NS_PER_MS,
    .signals = signals,
    .signal_count = sizeof signals / sizeof signals[0],
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .open = open_disk,
    .sample = sample_disk,
    .close = close_disk,
};
