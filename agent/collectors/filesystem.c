/* Space and inodes of mounted file systems. */
#include "collectors/filesystem.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <mst/common/alloc.h>

#include "collectors/emit.h"
#include "collectors/mounts.h"
#include "collectors/projection.h"
#include "collectors/source.h"

enum {
  MOUNTINFO_FIRST_BYTES = 4096,
  MOUNTINFO_MAX_BYTES = 4 * 1024 * 1024, /* a host of 2000 containers, four mounts of 400 bytes each */
};

enum { USAGE, UTILIZATION, LIMIT, INODES, INODES_UTILIZATION, MODE, DAYS_TO_FULL };
static const mst_signal signals[] = {
    [USAGE] = {"system.filesystem.usage", MST_SIGNAL_GAUGE, "By", "Bytes of a file system in a state: used, free, reserved (to root only)"},
    [UTILIZATION] = {"system.filesystem.utilization", MST_SIGNAL_GAUGE, "1", "Share in use of what is not reserved, as df says it"},
    [LIMIT] = {"system.filesystem.limit", MST_SIGNAL_GAUGE, "By", "Size of a file system"},
    [INODES] = {"system.filesystem.inodes.usage", MST_SIGNAL_GAUGE, "{inode}",
                "Inodes of a file system in a state; not given where their number is not fixed"},
    [INODES_UTILIZATION] = {"muster.filesystem.inodes.utilization", MST_SIGNAL_GAUGE, "1", "Share of the inodes that is in use"},
    [DAYS_TO_FULL] =
        {"muster.filesystem.days_to_full", MST_SIGNAL_GAUGE, "d",
         "Days until a file system is full if it goes on to grow as it did in the last day; at most 3650, given after half an hour"},
    [MODE] = {"muster.filesystem.mode", MST_SIGNAL_STATE, "1", "rw, or ro: mounted read-only, or turned so by the kernel after an error"},
};

static const mst_option_help options[] = {
    {"types", "none",
     "types of file system to report besides those that stand on disks, such as tmpfs; nfs may block the agent while its server is away"},
    {"mounts", "none", "mount points to report whatever their type, even if the same file system is reported elsewhere"},
    {"ignore", "none", "mount points not to report, as shell patterns"},
};

struct growth {
  uint32_t major, minor;
  mst_projection used;
};

struct state {
  int root_fd;
  const mst_clock *clock;
  struct growth *growths; /* owned; one for each file system ever seen, at most MST_MOUNTS_MAX */
  size_t growth_count;
  mst_source mountinfo;
  bool is_watched; /* the kernel says when mounts change */
  bool is_known;   /* mounts holds what mountinfo said last */
  mst_mount_choice choice;
  mst_mounts mounts;
};

mst_err
mst_filesystem_compute(const struct statvfs *stat, mst_filesystem_figures *ret_figures, mst_errctx *ctx)
{
  double unit = (double)(stat->f_frsize ? stat->f_frsize : stat->f_bsize);
  /* Bigger than f_bfree when a file system without the notion of reserved blocks writes nonsense there. */
  uint64_t free = stat->f_bavail < stat->f_bfree ? stat->f_bavail : stat->f_bfree;
  mst_filesystem_figures figures = {0};

  if (stat->f_blocks == 0 || unit <= 0)
    return mst_fail(ctx, MST_EABSENT, "it states no size");
  if (stat->f_bfree > stat->f_blocks || stat->f_ffree > stat->f_files)
    return mst_fail(ctx, MST_EMALFORMED, "it states %llu free blocks of %llu and %llu free inodes of %llu",
                    (unsigned long long)stat->f_bfree, (unsigned long long)stat->f_blocks, (unsigned long long)stat->f_ffree,
                    (unsigned long long)stat->f_files);
  figures.total = (double)stat->f_blocks * unit;
  figures.used = (double)(stat->f_blocks - stat->f_bfree) * unit;
  figures.free = (double)free * unit;
  figures.reserved = (double)(stat->f_bfree - free) * unit;
  figures.utilization = figures.used + figures.free > 0 ? figures.used / (figures.used + figures.free) : 1;
  figures.has_inodes = stat->f_files > 0;
  if (figures.has_inodes) {
    figures.inodes_free = (double)stat->f_ffree;
    figures.inodes_used = (double)(stat->f_files - stat->f_ffree);
    figures.inodes_utilization = figures.inodes_used / (double)stat->f_files;
  }
  *ret_figures = figures;
  return MST_OK;
}

static void
close_filesystem(void *opaque)
{
  struct state *st = opaque;

  if (!st)
    return;
  mst_source_close(&st->mountinfo);
  mst_mounts_done(&st->mounts);
  mst_free(st->growths);
  mst_free(st);
}

static mst_err
open_filesystem(const mst_collector_env *env, void **ret_state, mst_errctx *ctx)
{
  struct state *st = mst_alloc(1, sizeof *st);
  struct statfs where;

  if (!st)
    return mst_fail(ctx, MST_ENOMEM, "filesystem: no memory for its state");
  st->root_fd = env->root_fd;
  st->clock = env->clock;
  st->choice = (mst_mount_choice){.types = mst_collector_option(env, "types"),
                                  .mounts = mst_collector_option(env, "mounts"),
                                  .ignore = mst_collector_option(env, "ignore")};

  mst_err err = mst_source_open(&st->mountinfo, env->root_fd, "proc/self/mountinfo", MOUNTINFO_FIRST_BYTES, MOUNTINFO_MAX_BYTES, ctx);

  if (err != MST_OK) {
    close_filesystem(st);
    return err;
  }
  st->is_watched = fstatfs(st->mountinfo.fd, &where) == 0 && where.f_type == PROC_SUPER_MAGIC;
  *ret_state = st;
  return MST_OK;
}

/* The list is long on a host of containers and changes rarely; the kernel marks its file when it does (proc_pid_mounts(5)). */
static mst_err
refresh_mounts(struct state *st, mst_errctx *ctx)
{
  struct pollfd changed = {.fd = st->mountinfo.fd, .events = POLLPRI};

  if (st->is_watched && poll(&changed, 1, 0) == 0 && st->is_known)
    return MST_OK;

  mst_err err = mst_source_read(&st->mountinfo, ctx);

  if (err == MST_OK)
    err = mst_mounts_choose(st->mountinfo.text, st->mountinfo.length, &st->choice, &st->mounts, ctx);
  st->is_known = err == MST_OK;
  return err;
}

/* Opened only for the moment: a descriptor that is kept would keep the file system from being unmounted. */
static mst_err
stat_mount(const struct state *st, const char *mountpoint, struct statvfs *ret_stat, mst_errctx *ctx)
{
  const char *below = mountpoint[1] ? mountpoint + 1 : ".";
  int fd = openat(st->root_fd, below, O_PATH | O_CLOEXEC);

  if (fd < 0)
    return mst_source_fail(ctx, errno, "open", mountpoint + 1);

  mst_err err = fstatvfs(fd, ret_stat) == 0 ? MST_OK : mst_source_fail(ctx, errno, "ask the size of", mountpoint + 1);

  close(fd);
  return err;
}

enum { TAG_STATE = 3, TAGS };

static void
give_state(mst_emit *emit, size_t signal, mst_tag tags[static TAGS], const char *state, double value)
{
  tags[TAG_STATE].value = state;
  mst_emit_gauge(emit, &signals[signal], tags, TAGS, value);
}

static void
give_error(mst_emit *emit, mst_tag tags[static TAGS], const char *reason)
{
  static const char *const states[] = {"used", "free", "reserved"};

  for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
    tags[TAG_STATE].value = states[i];
    mst_emit_error(emit, &signals[USAGE], tags, TAGS, reason);
  }
  mst_emit_error(emit, &signals[UTILIZATION], tags, TAG_STATE, reason);
  mst_emit_error(emit, &signals[LIMIT], tags, TAG_STATE, reason);
}

/* NULL: no memory, or too many. */
static mst_projection *
growth_of(struct state *st, const mst_mount *mount)
{
  for (size_t i = 0; i < st->growth_count; i++)
    if (st->growths[i].major == mount->major && st->growths[i].minor == mount->minor)
      return &st->growths[i].used;

  struct growth *growths = st->growth_count < MST_MOUNTS_MAX ? mst_realloc(st->growths, st->growth_count + 1, sizeof *growths) : NULL;

  if (!growths)
    return NULL;
  st->growths = growths;
  growths[st->growth_count] = (struct growth){.major = mount->major, .minor = mount->minor};
  return &growths[st->growth_count++].used;
}

static void
give_days(struct state *st, mst_emit *emit, const mst_mount *mount, const mst_tag *tags, const mst_filesystem_figures *figures)
{
  mst_projection *used = growth_of(st, mount);
  mst_errctx ignored = {0};
  double days;

  if (!used)
    return;
  mst_projection_add(used, mst_clock_wall(st->clock), figures->used);
  if (mst_projection_days(used, figures->free, &days, &ignored) == MST_OK)
    mst_emit_gauge(emit, &signals[DAYS_TO_FULL], tags, TAG_STATE, days);
}

static void
give_mount(struct state *st, mst_emit *emit, const mst_mount *mount)
{
  mst_tag tags[TAGS] = {{"system.device", mount->device},
                        {"system.filesystem.mountpoint", mount->mountpoint},
                        {"system.filesystem.type", mount->type},
                        [TAG_STATE] = {"system.filesystem.state", NULL}};
  mst_errctx why = {0};
  mst_filesystem_figures figures;
  struct statvfs stat = {0}; /* the analyser does not know that statvfs fills it */
  mst_err err = stat_mount(st, mount->mountpoint, &stat, &why);

  if (err == MST_OK) {
    err = mst_filesystem_compute(&stat, &figures, &why);
    if (err == MST_EABSENT) /* a pseudo file system that the plan asked for */
      return;
  }
  if (err != MST_OK) {
    give_error(emit, tags, why.text);
    return;
  }
  give_state(emit, USAGE, tags, "used", figures.used);
  give_state(emit, USAGE, tags, "free", figures.free);
  give_state(emit, USAGE, tags, "reserved", figures.reserved);
  mst_emit_gauge(emit, &signals[UTILIZATION], tags, TAG_STATE, figures.utilization);
  mst_emit_gauge(emit, &signals[LIMIT], tags, TAG_STATE, figures.total);
  give_days(st, emit, mount, tags, &figures);
  mst_emit_state(emit, &signals[MODE], tags, TAG_STATE, mount->is_read_only ? "ro" : "rw");
  if (!figures.has_inodes)
    return;
  give_state(emit, INODES, tags, "used", figures.inodes_used);
  give_state(emit, INODES, tags, "free", figures.inodes_free);
  mst_emit_gauge(emit, &signals[INODES_UTILIZATION], tags, TAG_STATE, figures.inodes_utilization);
}

static mst_err
sample_filesystem(void *opaque, mst_sink *sink, mst_errctx *ctx)
{
  struct state *st = opaque;
  mst_errctx inner = {0};
  mst_emit emit = {.sink = sink, .ctx = &inner};
  mst_err err = refresh_mounts(st, ctx);

  if (err != MST_OK && err != MST_EMALFORMED)
    return err;
  for (size_t i = 0; i < st->mounts.count; i++)
    give_mount(st, &emit, &st->mounts.list[i]);
  if (err == MST_OK && emit.err != MST_OK)
    return mst_fail(ctx, emit.err, "%s", inner.text);
  if (err == MST_OK && st->mounts.over > 0)
    return mst_fail(ctx, MST_ELIMIT, "%zu of the host's file systems are not measured: at most %d are; use the option \"ignore\"",
                    st->mounts.over, MST_MOUNTS_MAX);
  return err;
}

const mst_collector mst_collector_filesystem = {
    .name = "filesystem",
    .help = "Space and inodes of mounted file systems",
    .deadline_ns = 250 * MST_NS_PER_MS,
    .signals = signals,
    .signal_count = sizeof signals / sizeof signals[0],
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .open = open_filesystem,
    .sample = sample_filesystem,
    .close = close_filesystem,
};
