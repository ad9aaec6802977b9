/* Where the control group of a container is, and what its files say; see usage.h. */
#include "usage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mst/common/alloc.h>

#include "collectors/boot.h"
#include "collectors/source.h"

enum {
  PATH_BYTES = 768,        /* nested slices of Kubernetes reach 300 */
  CGROUP_BYTES = 4096,     /* /proc/PID/cgroup: 14 lines of at most 300 */
  STAT_BYTES = 8192,       /* memory.stat has 70 lines of 30 */
  IO_BYTES = 32 * 1024,    /* 300 devices at 100 bytes */
  NET_BYTES = 8192,        /* 60 interfaces */
  WALK_DEPTH = 6,          /* kubepods.slice/kubepods-burstable.slice/kubepods-...-pod.slice/ID; rootless Podman: five */
  WALK_FOLDERS_MAX = 4096, /* a host with 1000 containers and 1000 units */
};

struct mst_usage_source {
  int root_fd; /* borrowed */
  uint32_t pid;
  bool has_network;
  char *cpu, *memory, *disk; /* owned; folders below the root, NULL: none */
  bool cpu_is_v2, memory_is_v2, disk_is_v2;
};

static bool
is_folder(int root_fd, const char *path)
{
  struct stat info;

  return fstatat(root_fd, path, &info, 0) == 0 && S_ISDIR(info.st_mode);
}

/* Path of a control group below the root, or NULL when there is no such folder. */
static char *
folder_of(int root_fd, const char *base, mst_scan path)
{
  char text[PATH_BYTES];
  int length = snprintf(text, sizeof text, "sys/fs/cgroup%s%.*s", base, (int)mst_scan_length(path), path.at);

  if (mst_scan_length(path) == 0 || length < 0 || (size_t)length >= sizeof text || strstr(text, "/../") || !is_folder(root_fd, text))
    return NULL;
  return mst_strdup(text);
}

/* Of each controller the folder in its own hierarchy (version 1), or in the one of all (version 2). */
static void
find_folders(mst_usage_source *source, const mst_cgroup_paths *paths)
{
  const char *unified = is_folder(source->root_fd, "sys/fs/cgroup/unified") ? "/unified" : "";

  source->cpu = folder_of(source->root_fd, "/cpuacct", paths->cpuacct);
  source->memory = folder_of(source->root_fd, "/memory", paths->memory);
  source->disk = folder_of(source->root_fd, "/blkio", paths->blkio);
  if (!source->cpu)
    source->cpu_is_v2 = (source->cpu = folder_of(source->root_fd, unified, paths->unified)) != NULL;
  if (!source->memory)
    source->memory_is_v2 = (source->memory = folder_of(source->root_fd, unified, paths->unified)) != NULL;
  if (!source->disk)
    source->disk_is_v2 = (source->disk = folder_of(source->root_fd, unified, paths->unified)) != NULL;
}

mst_err
mst_usage_open(int root_fd, const char *id, uint32_t pid, bool has_network, mst_usage_source **ret_source, mst_errctx *ctx)
{
  char path[64], text[CGROUP_BYTES];
  mst_cgroup_paths paths;
  size_t length;
  mst_err err;

  snprintf(path, sizeof path, "proc/%u/cgroup", pid);
  err = mst_source_read_once(root_fd, path, text, sizeof text, &length, ctx);
  if (err == MST_OK)
    err = mst_cgroup_parse_paths(text, length, &paths, ctx);
  if (err != MST_OK)
    return err;
  /* Its number may be another process' by now, or one of another host's when the socket is a remote one. */
  if (!memmem(text, length, id, strnlen(id, MST_DOCKER_ID_BYTES)))
    return mst_fail(ctx, MST_EABSENT, "process %u is not in a control group of container %.12s", pid, id);

  mst_usage_source *source = mst_alloc(1, sizeof *source);

  if (!source)
    return mst_fail(ctx, MST_ENOMEM, "no memory for the figures of a container");
  *source = (mst_usage_source){.root_fd = root_fd, .pid = pid, .has_network = has_network};
  find_folders(source, &paths);
  if (!source->cpu && !source->memory) {
    mst_usage_close(source);
    return mst_fail(ctx, MST_EABSENT, "the control group of container %.12s is not below /sys/fs/cgroup", id);
  }
  *ret_source = source;
  return MST_OK;
}

uint32_t
mst_usage_pid(const mst_usage_source *source)
{
  return source->pid;
}

void
mst_usage_close(mst_usage_source *source)
{
  if (!source)
    return;
  mst_free(source->cpu);
  mst_free(source->memory);
  mst_free(source->disk);
  mst_free(source);
}

static bool
read_file(const mst_usage_source *source, const char *folder, const char *file, char *text, size_t size_bytes, size_t *ret_length)
{
  char path[PATH_BYTES + 64];
  mst_errctx ignored = {0};

  snprintf(path, sizeof path, "%s/%s", folder, file);
  return mst_source_read_once(source->root_fd, path, text, size_bytes, ret_length, &ignored) == MST_OK;
}

static void
read_cpu(const mst_usage_source *source, mst_docker_usage *usage)
{
  char text[STAT_BYTES];
  size_t length;
  uint64_t user, system;
  bool is_v2 = source->cpu_is_v2;

  if (!source->cpu || !read_file(source, source->cpu, is_v2 ? "cpu.stat" : "cpuacct.stat", text, sizeof text, &length) ||
      !mst_cgroup_find(text, length, is_v2 ? "user_usec" : "user", &user) ||
      !mst_cgroup_find(text, length, is_v2 ? "system_usec" : "system", &system))
    return;
  if (is_v2 && (user > INT64_MAX / MST_NS_PER_US || system > INT64_MAX / MST_NS_PER_US))
    return;
  usage->has_cpu = true;
  usage->user_ns = is_v2 ? (int64_t)user * MST_NS_PER_US : mst_boot_ticks_ns(user);
  usage->system_ns = is_v2 ? (int64_t)system * MST_NS_PER_US : mst_boot_ticks_ns(system);
}

/* As "docker stats" says it: without the part of the page cache that nothing used lately, which the kernel takes back first. */
static void
read_memory(const mst_usage_source *source, mst_docker_usage *usage)
{
  char text[STAT_BYTES];
  bool is_v2 = source->memory_is_v2;
  uint64_t used, inactive;
  size_t length;

  if (!source->memory)
    return;
  if (read_file(source, source->memory, is_v2 ? "memory.current" : "memory.usage_in_bytes", text, sizeof text, &length)) {
    mst_scan number = mst_scan_over(text, length);

    if (mst_scan_u64(&number, &used) && read_file(source, source->memory, "memory.stat", text, sizeof text, &length) &&
        mst_cgroup_find(text, length, is_v2 ? "inactive_file" : "total_inactive_file", &inactive)) {
      usage->has_memory = true;
      usage->memory_bytes = used > inactive ? used - inactive : 0;
    }
  }
  if (read_file(source, source->memory, is_v2 ? "memory.events" : "memory.oom_control", text, sizeof text, &length))
    usage->has_oom_kills = mst_cgroup_find(text, length, "oom_kill", &usage->oom_kills); /* version 1: since Linux 4.13 */
}

static void
read_disk(const mst_usage_source *source, mst_docker_usage *usage)
{
  /* The first is kept by the throttling layer, which all devices have; the last by CFQ, which old kernels have. */
  static const char *const v1[] = {"blkio.throttle.io_service_bytes_recursive", "blkio.throttle.io_service_bytes",
                                   "blkio.io_service_bytes_recursive"};
  char text[IO_BYTES];
  size_t length;
  mst_errctx ignored = {0};
  bool is_there = false;

  if (!source->disk)
    return;
  if (source->disk_is_v2)
    is_there = read_file(source, source->disk, "io.stat", text, sizeof text, &length);
  for (size_t i = 0; !source->disk_is_v2 && !is_there && i < sizeof v1 / sizeof v1[0]; i++)
    is_there = read_file(source, source->disk, v1[i], text, sizeof text, &length);
  usage->has_disk =
      is_there && mst_cgroup_parse_io(text, length, source->disk_is_v2, &usage->read_bytes, &usage->written_bytes, &ignored) == MST_OK;
}

static void
read_network(const mst_usage_source *source, mst_docker_usage *usage)
{
  char path[64], text[NET_BYTES];
  size_t length;
  mst_errctx ignored = {0};

  if (source->pid == 0 || !source->has_network)
    return;
  snprintf(path, sizeof path, "proc/%u/net/dev", source->pid);
  if (mst_source_read_once(source->root_fd, path, text, sizeof text, &length, &ignored) == MST_OK)
    (void)!mst_cgroup_parse_network(text, length, usage, &ignored);
}

mst_err
mst_usage_read(const mst_usage_source *source, mst_docker_usage *ret_usage, mst_errctx *ctx)
{
  mst_docker_usage usage = {0};

  read_cpu(source, &usage);
  read_memory(source, &usage);
  if (!usage.has_cpu && !usage.has_memory)
    return mst_fail(ctx, MST_EABSENT, "the control group %s is gone or cannot be read", source->cpu ? source->cpu : source->memory);
  read_disk(source, &usage);
  read_network(source, &usage);
  *ret_usage = usage;
  return MST_OK;
}

bool
mst_usage_is_mapped(int root_fd, uint32_t pid)
{
  char path[64], text[256];
  size_t length;
  uint64_t inside, outside;
  mst_errctx ignored = {0};

  snprintf(path, sizeof path, "proc/%u/uid_map", pid);
  if (mst_source_read_once(root_fd, path, text, sizeof text, &length, &ignored) != MST_OK)
    return false;

  mst_scan all = mst_scan_over(text, length), line;

  while (mst_scan_line(&all, &line))
    if (mst_scan_u64(&line, &inside) && mst_scan_u64(&line, &outside) && inside == 0)
      return outside != 0;
  return length > 0;
}

/* ---- all that there are ---- */

struct walk {
  int root_fd;
  const char *base; /* hierarchy that is walked: "/memory", "" */
  mst_usage_found *list;
  size_t count, capacity, folders;
  mst_err err;
  mst_errctx *ctx;
};

static void
take_found(struct walk *walk, const char *id, const char *path)
{
  const char *below = path + strlen("sys/fs/cgroup") + strlen(walk->base);
  mst_scan where = mst_scan_over(below, strlen(below));
  mst_cgroup_paths paths = {.cpuacct = where, .memory = where, .blkio = where, .unified = where};

  if (walk->count == MST_DOCKER_CONTAINERS_MAX) {
    walk->err = mst_fail(walk->ctx, MST_ELIMIT, "over %d control groups of containers", MST_DOCKER_CONTAINERS_MAX);
    return;
  }
  if (walk->count == walk->capacity) {
    size_t capacity = walk->capacity ? walk->capacity * 2 : 16;
    mst_usage_found *list = mst_realloc(walk->list, capacity, sizeof *list);

    if (!list) {
      walk->err = mst_fail(walk->ctx, MST_ENOMEM, "no memory for %zu containers", capacity);
      return;
    }
    walk->list = list;
    walk->capacity = capacity;
  }

  mst_usage_source *source = mst_alloc(1, sizeof *source);

  if (!source) {
    walk->err = mst_fail(walk->ctx, MST_ENOMEM, "no memory for the figures of a container");
    return;
  }
  *source = (mst_usage_source){.root_fd = walk->root_fd};
  find_folders(source, &paths);
  memcpy(walk->list[walk->count].id, id, MST_DOCKER_ID_BYTES + 1);
  walk->list[walk->count++].source = source;
}

/* Depth is bounded by WALK_DEPTH. */
static void
walk_folder(struct walk *walk, const char *path, int depth)
{
  int fd = openat(walk->root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *folder = fd < 0 ? NULL : fdopendir(fd);
  const struct dirent *entry;

  if (!folder) {
    if (fd >= 0)
      close(fd);
    return; /* gone since it was listed */
  }
  while (walk->err == MST_OK && walk->folders < WALK_FOLDERS_MAX && (entry = readdir(folder))) {
    char below[PATH_BYTES], id[MST_DOCKER_ID_BYTES + 1];
    int length = snprintf(below, sizeof below, "%s/%s", path, entry->d_name);

    if (entry->d_name[0] == '.' || entry->d_type != DT_DIR || length < 0 || (size_t)length >= sizeof below)
      continue;
    walk->folders++;
    if (mst_cgroup_id_of(entry->d_name, id))
      take_found(walk, id, below);
    else if (depth + 1 < WALK_DEPTH)
      walk_folder(walk, below, depth + 1);
  }
  closedir(folder);
}

mst_err
mst_usage_find_all(int root_fd, mst_usage_found **ret_list, size_t *ret_count, mst_errctx *ctx)
{
  struct walk walk = {.root_fd = root_fd, .ctx = ctx, .base = is_folder(root_fd, "sys/fs/cgroup/memory") ? "/memory" : ""};
  char path[PATH_BYTES];

  snprintf(path, sizeof path, "sys/fs/cgroup%s", walk.base);
  if (!is_folder(root_fd, path))
    return mst_fail(ctx, MST_EABSENT, "there are no control groups below /sys/fs/cgroup");
  walk_folder(&walk, path, 0);
  if (walk.err != MST_OK) {
    mst_usage_found_done(walk.list, walk.count);
    return walk.err;
  }
  *ret_list = walk.list;
  *ret_count = walk.count;
  return MST_OK;
}

void
mst_usage_found_done(mst_usage_found *list, size_t count)
{
  for (size_t i = 0; i < count; i++)
    mst_usage_close(list[i].source);
  mst_free(list);
}
