/* What kind of host this is: kernel, distribution, CPUs, memory, disks. Changes rarely, so it is read once a minute and given each time. */
#include "collectors/host.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <mst/common/alloc.h>

#include "collectors/cpu.h"
#include "collectors/devices.h"
#include "collectors/emit.h"
#include "collectors/entries.h"
#include "collectors/memory.h"
#include "collectors/source.h"

enum {
  SMALL_BYTES = 256,
  OS_RELEASE_BYTES = 4096, /* Debian's has 267 */
  DISKS_MAX = 1024,
  SECTOR_BYTES = 512,
};

static const int64_t facts_age_ns = 60 * MST_NS_PER_S;

enum { KERNEL, ARCH, OS_NAME, OS_VERSION, OS_DESCRIPTION, TEXTS, CPUS = TEXTS, MEMORY, DISK_LIMIT, DISK_SIZE };
static const mst_signal signals[] = {
    [KERNEL] = {"muster.host.kernel.release", MST_SIGNAL_STATE, "1", "Release of the running kernel"},
    [ARCH] = {"host.arch", MST_SIGNAL_STATE, "1", "Architecture: amd64, arm64, ..."},
    [OS_NAME] = {"os.name", MST_SIGNAL_STATE, "1", "Distribution, as os-release names it: debian, ubuntu, ..."},
    [OS_VERSION] = {"os.version", MST_SIGNAL_STATE, "1", "Version of the distribution"},
    [OS_DESCRIPTION] = {"os.description", MST_SIGNAL_STATE, "1", "Distribution and version for people"},
    [CPUS] = {"muster.host.cpu.count", MST_SIGNAL_GAUGE, "{cpu}", "CPUs that are online"},
    [MEMORY] = {"muster.host.memory.size", MST_SIGNAL_GAUGE, "By", "Memory that the kernel manages"},
    [DISK_LIMIT] = {"system.disk.limit", MST_SIGNAL_GAUGE, "By",
                    "Size of a disk; not of what is made of disks (dm, md) or of nothing (loop, ram, zram)"},
    [DISK_SIZE] = {"muster.host.disk.size", MST_SIGNAL_GAUGE, "By", "Size of all such disks together"},
};

/* A text and whether it could be read; else why not. */
struct fact {
  mst_err err;
  char text[SMALL_BYTES];
};

struct disk {
  mst_device device;
  double size_bytes;
};

struct state {
  int root_fd;
  const mst_clock *clock;
  bool has_facts;
  mst_mono read_at;
  struct fact texts[TEXTS];
  struct fact cpus, memory, disk_list; /* text: the reason only */
  double cpu_count, memory_bytes;
  mst_devices disks;
};

mst_err
mst_host_release_value(const char *text, size_t length, const char *key, char *ret, size_t size_bytes, mst_errctx *ctx)
{
  mst_scan all = mst_scan_over(text, length), line;

  while (mst_scan_line(&all, &line)) {
    mst_scan shown = line;
    char value[OS_RELEASE_BYTES];
    size_t got = 0;

    if (!mst_scan_prefix(&line, key) || !mst_scan_prefix(&line, "="))
      continue;

    char quote = line.at < line.end && (*line.at == '"' || *line.at == '\'') ? *line.at++ : '\0';

    while (line.at < line.end && *line.at != quote && got < sizeof value) {
      if (*line.at == '\\' && quote != '\'' && line.at + 1 < line.end)
        line.at++;
      value[got++] = *line.at++;
    }
    if ((quote && (line.at >= line.end || *line.at != quote)) || got >= size_bytes || memchr(value, '\0', got))
      return mst_fail(ctx, MST_EMALFORMED, "os-release: no text of at most %zu bytes in \"%.*s\"", size_bytes - 1, mst_scan_shown(shown),
                      shown.at);
    memcpy(ret, value, got);
    ret[got] = '\0';
    return MST_OK;
  }
  return mst_fail(ctx, MST_EABSENT, "os-release: no line %s", key);
}

const char *
mst_host_arch_name(const char *machine)
{
  static const struct {
    const char *machine, *name;
  } names[] = {{"x86_64", "amd64"}, {"aarch64", "arm64"}, {"i686", "x86"},     {"i586", "x86"},
               {"i386", "x86"},     {"armv7l", "arm32"},  {"ppc64le", "ppc64"}};

  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    if (strcmp(names[i].machine, machine) == 0)
      return names[i].name;
  }
  return machine;
}

static void
set_fact(struct fact *fact, mst_err err, const char *text)
{
  size_t length = strlen(text);

  if (length > sizeof fact->text - 1)
    length = sizeof fact->text - 1;
  fact->err = err;
  memcpy(fact->text, text, length);
  fact->text[length] = '\0';
}

/* One line of a small file, without its newline. */
static void
read_line_fact(const struct state *st, const char *path, struct fact *fact)
{
  char text[SMALL_BYTES];
  size_t length;
  mst_errctx why = {0};
  mst_err err = mst_source_read_once(st->root_fd, path, text, sizeof text - 1, &length, &why);

  if (err == MST_OK) {
    while (length > 0 && text[length - 1] == '\n')
      length--;
    text[length] = '\0';
    if (length == 0)
      err = mst_fail(&why, MST_EMALFORMED, "/%s is empty", path);
  }
  set_fact(fact, err, err == MST_OK ? text : why.text);
}

static void
read_system(struct state *st)
{
  struct utsname name;

  read_line_fact(st, "proc/sys/kernel/osrelease", &st->texts[KERNEL]);
  read_line_fact(st, "proc/sys/kernel/arch", &st->texts[ARCH]); /* Linux 6.1 */
  if (st->texts[ARCH].err == MST_EABSENT && uname(&name) == 0)
    set_fact(&st->texts[ARCH], MST_OK, name.machine);
  if (st->texts[ARCH].err == MST_OK) {
    char machine[SMALL_BYTES];

    memcpy(machine, st->texts[ARCH].text, sizeof machine);
    set_fact(&st->texts[ARCH], MST_OK, mst_host_arch_name(machine));
  }
}

static void
read_distribution(struct state *st)
{
  static const struct {
    size_t fact;
    const char *key;
  } keys[] = {{OS_NAME, "ID"}, {OS_VERSION, "VERSION_ID"}, {OS_DESCRIPTION, "PRETTY_NAME"}};
  char text[OS_RELEASE_BYTES], value[SMALL_BYTES];
  size_t length = 0;
  mst_errctx why = {0};
  mst_err file = mst_source_read_once(st->root_fd, "etc/os-release", text, sizeof text, &length, &why);

  if (file == MST_EABSENT)
    file = mst_source_read_once(st->root_fd, "usr/lib/os-release", text, sizeof text, &length, &why);
  for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
    mst_err err = file;

    if (err == MST_OK)
      err = mst_host_release_value(text, length, keys[i].key, value, sizeof value, &why);
    set_fact(&st->texts[keys[i].fact], err, err == MST_OK ? value : why.text);
  }
}

static void
read_cpus(struct state *st)
{
  char text[SMALL_BYTES];
  size_t length;
  uint32_t count = 0;
  mst_errctx why = {0};
  mst_err err = mst_source_read_once(st->root_fd, "sys/devices/system/cpu/online", text, sizeof text, &length, &why);

  if (err == MST_OK)
    err = mst_cpu_count_parse(text, length, &count, &why);
  st->cpu_count = count;
  set_fact(&st->cpus, err, why.text);
}

static void
read_memory(struct state *st)
{
  char text[MST_MEMINFO_FIRST_BYTES];
  size_t length;
  mst_memory memory = {0};
  mst_errctx why = {0};
  mst_err err = mst_source_read_once(st->root_fd, "proc/meminfo", text, sizeof text, &length, &why);

  if (err == MST_OK) {
    while (length > 0 && text[length - 1] != '\n') /* only the first lines are needed, and they are whole */
      length--;
    err = mst_memory_parse(text, length, &memory, &why);
  }
  st->memory_bytes = (double)memory.total;
  set_fact(&st->memory, err, why.text);
}

/* The size of one entry of /sys/block; what has none (an empty card reader) or cannot be read is no disk of the host now. */
static mst_err
read_disk(struct state *st, int block_fd, const char *name, mst_errctx *ctx)
{
  /* nvme0c0n1: one of several paths to nvme0n1. */
  static const char *const not_disks[] = {"loop*", "ram*",    "zram*", "fd*",       "sr*",       "dm-*",
                                          "md*",   "bcache*", "drbd*", "nvme*c*n*", "mtdblock*", NULL};
  char path[MST_DEVICE_NAME_BYTES + sizeof "/size"], text[SMALL_BYTES];
  size_t length = strlen(name), got;
  uint64_t sectors;
  void *item;
  bool is_new;

  if (length >= MST_DEVICE_NAME_BYTES || mst_devices_match(NULL, not_disks, name))
    return MST_OK;
  memcpy(path, name, length);
  memcpy(path + length, "/size", sizeof "/size");

  mst_err err = mst_source_read_once(block_fd, path, text, sizeof text, &got, ctx);

  if (err == MST_EABSENT)
    return MST_OK;
  if (err != MST_OK)
    return err;

  mst_scan all = mst_scan_over(text, got);

  if (!mst_scan_u64(&all, &sectors))
    return mst_fail(ctx, MST_EMALFORMED, "/sys/block/%s/size: \"%.*s\" is no number of sectors", name, mst_scan_shown(all), all.at);
  if (sectors == 0)
    return MST_OK;
  err = mst_devices_get(&st->disks, mst_scan_over(name, length), &item, &is_new, ctx);
  if (err != MST_OK)
    return err;

  struct disk *disk = item;

  disk->size_bytes = (double)sectors * SECTOR_BYTES;
  return MST_OK;
}

static void
read_disks(struct state *st)
{
  mst_errctx why = {0};
  mst_entries entries;
  const char *name;
  mst_err err = MST_OK;
  int fd = openat(st->root_fd, "sys/block", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

  mst_devices_begin(&st->disks);
  if (fd < 0) {
    err = mst_source_fail(&why, errno, "open", "sys/block");
  } else {
    mst_entries_init(&entries, fd);
    while (err == MST_OK && (name = mst_entries_next(&entries)))
      err = read_disk(st, fd, name, &why);
    if (err == MST_OK && entries.os_errno != 0)
      err = mst_source_fail(&why, entries.os_errno, "list", "sys/block");
    close(fd);
  }
  mst_devices_end(&st->disks);
  set_fact(&st->disk_list, err, why.text);
}

static void
close_host(void *opaque)
{
  struct state *st = opaque;

  if (!st)
    return;
  mst_devices_done(&st->disks);
  mst_free(st);
}

static mst_err
open_host(const mst_collector_env *env, void **ret_state, mst_errctx *ctx)
{
  struct state *st = mst_alloc(1, sizeof *st);

  if (!st)
    return mst_fail(ctx, MST_ENOMEM, "host: no memory for its state");
  st->root_fd = env->root_fd;
  st->clock = env->clock;
  mst_devices_init(&st->disks, sizeof(struct disk), DISKS_MAX);
  *ret_state = st;
  return MST_OK;
}

static void
give_number(mst_emit *emit, size_t signal, const struct fact *fact, double value)
{
  if (fact->err == MST_OK)
    mst_emit_gauge(emit, &signals[signal], NULL, 0, value);
  else if (fact->err != MST_EABSENT)
    mst_emit_error(emit, &signals[signal], NULL, 0, fact->text);
}

static void
give_disks(const struct state *st, mst_emit *emit)
{
  double sum = 0;

  for (size_t i = 0; i < st->disks.count; i++) {
    const struct disk *disk = (const struct disk *)(const void *)(st->disks.items + i * st->disks.item_bytes);
    const mst_tag tag = {"system.device", disk->device.name};

    mst_emit_gauge(emit, &signals[DISK_LIMIT], &tag, 1, disk->size_bytes);
    sum += disk->size_bytes;
  }
  give_number(emit, DISK_SIZE, &st->disk_list, sum);
}

static mst_err
sample_host(void *opaque, mst_sink *sink, mst_errctx *ctx)
{
  struct state *st = opaque;
  mst_emit emit = {.sink = sink, .ctx = ctx};
  mst_mono now = mst_clock_mono(st->clock);

  if (!st->has_facts || now.ns - st->read_at.ns >= facts_age_ns) {
    read_system(st);
    read_distribution(st);
    read_cpus(st);
    read_memory(st);
    read_disks(st);
    st->read_at = now;
    st->has_facts = true;
  }
  for (size_t i = 0; i < TEXTS; i++) {
    const struct fact *fact = &st->texts[i];

    if (fact->err == MST_OK)
      mst_emit_state(&emit, &signals[i], NULL, 0, fact->text);
    else if (fact->err != MST_EABSENT)
      mst_emit_error(&emit, &signals[i], NULL, 0, fact->text);
  }
  give_number(&emit, CPUS, &st->cpus, st->cpu_count);
  give_number(&emit, MEMORY, &st->memory, st->memory_bytes);
  give_disks(st, &emit);
  return emit.err;
}

const mst_collector mst_collector_host = {
    .name = "host",
    .help = "Kernel, distribution, CPUs, memory and disks of the host",
    .deadline_ns = 100 * MST_NS_PER_MS,
    .signals = signals,
    .signal_count = sizeof signals / sizeof signals[0],
    .open = open_host,
    .sample = sample_host,
    .close = close_host,
};
