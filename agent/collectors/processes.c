/* Processes that the plan names: whether they run, how many, and what they use. From /proc/PID. */
#include "collectors/processes.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <mst/common/alloc.h>

#include "collectors/boot.h"
#include "collectors/emit.h"
#include "collectors/entries.h"
#include "collectors/source.h"

enum {
  STAT_BYTES = 1024,    /* 52 numbers and a name of at most 64 bytes */
  STATUS_BYTES = 1024,  /* the users stand in the ninth line */
  CMDLINE_BYTES = 4096, /* as far as a pattern looks */
  NAME_BYTES = 128,     /* kernel workers have names of up to 64 */
  PATH_BYTES = 32,      /* "4294967295/cmdline" */
  MEMBERS_MAX = 8192,   /* processes that fit a pattern; 32 bytes each, twice */
};

enum { UP, COUNT, ROOT, MEMORY, DESCRIPTORS, THREADS, START, CPU_TIME };
static const mst_signal signals[] = {
    [UP] = {"muster.process.up", MST_SIGNAL_GAUGE, "1", "1 when at least one such process runs, 0 when none does; zombies do not run"},
    [COUNT] = {"muster.process.count", MST_SIGNAL_GAUGE, "{process}", "How many such processes run"},
    [ROOT] = {"muster.process.root", MST_SIGNAL_GAUGE, "{process}", "How many such processes run as root (effective user 0)"},
    [MEMORY] = {"process.memory.usage", MST_SIGNAL_GAUGE, "By", "Resident memory (RSS) of such processes together"},
    [DESCRIPTORS] = {"process.unix.file_descriptor.count", MST_SIGNAL_GAUGE, "{file_descriptor}", "Open files of such processes together"},
    [THREADS] = {"process.thread.count", MST_SIGNAL_GAUGE, "{thread}", "Threads of such processes together"},
    [START] = {"muster.process.start_time", MST_SIGNAL_GAUGE, "s",
               "When the oldest such process started, Unix time: a new value is a restart"},
    [CPU_TIME] = {"process.cpu.time", MST_SIGNAL_COUNTER, "s",
                  "CPU time of such processes together, ended ones included, since the oldest that the agent saw started"},
};

static const mst_option_help options[] = {
    {"names", "none", "processes to report: a name or shell pattern (nginx, python3*), or cmdline:PATTERN over the whole command line"},
};

/* One entry of "names". */
struct group {
  const char *pattern; /* borrowed while open */
  bool has_start;
  mst_wall start_at;
  uint64_t user_ticks, system_ticks; /* of all that ever fit */
  /* Of this sample: */
  uint64_t count, threads, resident_pages, descriptors, oldest_ticks, as_root;
  bool has_hidden_files, has_hidden_user;
};

/* One process that fits one group. */
struct member {
  uint32_t pid;
  uint32_t group;
  uint64_t start_ticks; /* tells it from a later process of that pid */
  uint64_t user_ticks, system_ticks;
};

struct members {
  struct member *list; /* owned */
  size_t count, capacity;
};

struct state {
  int proc_fd;
  bool is_procfs;
  mst_wall boot_at;
  struct group *groups; /* owned */
  size_t group_count;
  struct members before, now; /* sorted by pid and group */
};

/* What one listing of /proc showed. */
struct round {
  struct state *st;
  bool has_first; /* process 1, which is always there unless it is hidden */
  bool has_forbidden;
  mst_err err; /* the first thing that went wrong with one process */
  mst_errctx why;
};

static void
close_processes(void *opaque)
{
  struct state *st = opaque;

  if (!st)
    return;
  if (st->proc_fd >= 0)
    close(st->proc_fd);
  mst_free(st->groups);
  mst_free(st->before.list);
  mst_free(st->now.list);
  mst_free(st);
}

static mst_err
open_processes(const mst_collector_env *env, void **ret_state, mst_errctx *ctx)
{
  const mst_option *names = mst_collector_option(env, "names");
  struct statfs where;

  if (!names || names->value_count == 0)
    return mst_fail(ctx, MST_EABSENT, "no process is named: give the collector the option \"names\" in the plan");

  struct state *st = mst_alloc(1, sizeof *st);

  if (!st)
    return mst_fail(ctx, MST_ENOMEM, "processes: no memory for its state");
  st->proc_fd = openat(env->root_fd, "proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  st->boot_at = env->boot_at;
  st->groups = mst_alloc(names->value_count, sizeof *st->groups);

  mst_err err = MST_OK;

  if (st->proc_fd < 0)
    err = mst_source_fail(ctx, errno, "open", "proc");
  else if (!st->groups)
    err = mst_fail(ctx, MST_ENOMEM, "processes: no memory for %zu names", names->value_count);
  for (size_t i = 0; err == MST_OK && i < names->value_count; i++) {
    if (names->values[i][0] == '\0')
      err = mst_fail(ctx, MST_EUSAGE, "processes: name %zu of the option \"names\" is empty", i + 1);
    st->groups[i].pattern = names->values[i];
  }
  if (err != MST_OK) {
    close_processes(st);
    return err;
  }
  st->group_count = names->value_count;
  st->is_procfs = fstatfs(st->proc_fd, &where) == 0 && where.f_type == PROC_SUPER_MAGIC;
  *ret_state = st;
  return MST_OK;
}

static const char *
path_of(const char *pid, const char *file, char path[static PATH_BYTES])
{
  size_t length = strlen(pid), rest = strlen(file) + 1;

  memcpy(path, pid, length);
  memcpy(path + length, file, rest);
  return path;
}

static int
compare_members(const void *left, const void *right)
{
  const struct member *a = left, *b = right;

  if (a->pid != b->pid)
    return a->pid < b->pid ? -1 : 1;
  return a->group < b->group ? -1 : a->group > b->group;
}

/* CPU time since the last sample; of a process that was not there then, all of it. */
static void
add_cpu_time(const struct state *st, struct group *group, const struct member *member)
{
  const struct member *old = st->before.count ? bsearch(member, st->before.list, st->before.count, sizeof *member, compare_members) : NULL;
  bool is_same = old && old->start_ticks == member->start_ticks;
  uint64_t user = is_same ? old->user_ticks : 0, system = is_same ? old->system_ticks : 0;

  group->user_ticks += member->user_ticks > user ? member->user_ticks - user : 0;
  group->system_ticks += member->system_ticks > system ? member->system_ticks - system : 0;
}

static mst_err
remember(struct members *members, const struct member *member, mst_errctx *ctx)
{
  if (members->count >= MEMBERS_MAX)
    return mst_fail(ctx, MST_ELIMIT, "over %d processes fit the option \"names\"; the rest is not measured: make it narrower", MEMBERS_MAX);
  if (members->count == members->capacity) {
    size_t capacity = members->capacity ? members->capacity * 2 : 16;
    struct member *list = mst_realloc(members->list, capacity, sizeof *list);

    if (!list)
      return mst_fail(ctx, MST_ENOMEM, "no memory for %zu processes", capacity);
    members->list = list;
    members->capacity = capacity;
  }
  members->list[members->count++] = *member;
  return MST_OK;
}

/* How many files a process has open. Since Linux 6.2 it stands in the size of the folder, which everybody may ask. */
static bool
count_descriptors(const struct state *st, const char *pid, uint64_t *ret_count)
{
  char path[PATH_BYTES];
  struct stat info;
  mst_entries entries;
  uint64_t count = 0;

  path_of(pid, "/fd", path);
  if (st->is_procfs && fstatat(st->proc_fd, path, &info, 0) == 0 && info.st_size > 0) {
    *ret_count = (uint64_t)info.st_size;
    return true;
  }

  int fd = openat(st->proc_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

  if (fd < 0)
    return false;
  mst_entries_init(&entries, fd);
  while (mst_entries_next(&entries))
    count++;
  close(fd);
  *ret_count = count;
  return entries.os_errno == 0;
}

/* The owner of the folder would be cheaper, but it is root for every process that may not be dumped. */
static bool
read_user(const struct state *st, const char *pid, uint32_t *ret_user)
{
  char path[PATH_BYTES], text[STATUS_BYTES];
  size_t length;
  mst_errctx ignored = {0};

  return mst_source_read_once(st->proc_fd, path_of(pid, "/status", path), text, sizeof text, &length, &ignored) == MST_OK &&
         mst_process_user_parse(text, length, ret_user, &ignored) == MST_OK;
}

static void
add_to_group(struct round *round, size_t index, const char *pid, const mst_process_stat *stat)
{
  struct state *st = round->st;
  struct group *group = &st->groups[index];
  const struct member member = {.pid = stat->pid,
                                .group = (uint32_t)index,
                                .start_ticks = stat->start_ticks,
                                .user_ticks = stat->user_ticks,
                                .system_ticks = stat->system_ticks};
  mst_errctx why = {0};
  uint64_t descriptors = 0;
  uint32_t user;
  mst_err err = remember(&st->now, &member, &why);

  if (err != MST_OK) {
    if (round->err == MST_OK)
      round->err = mst_fail(&round->why, err, "%s", why.text);
    return;
  }
  add_cpu_time(st, group, &member);
  if (group->count == 0 || stat->start_ticks < group->oldest_ticks)
    group->oldest_ticks = stat->start_ticks;
  group->count++;
  group->threads += stat->threads;
  group->resident_pages += stat->resident_pages;
  if (count_descriptors(st, pid, &descriptors))
    group->descriptors += descriptors;
  else
    group->has_hidden_files = true;
  if (read_user(st, pid, &user))
    group->as_root += user == 0;
  else
    group->has_hidden_user = true;
}

/* The command line, or "" when it has none or may not be read; read once for all patterns that ask. */
static const char *
arguments_of(const struct state *st, const char *pid, bool *has_arguments, char text[static CMDLINE_BYTES + 1])
{
  char path[PATH_BYTES];
  size_t length = 0;
  mst_errctx ignored = {0};

  if (!*has_arguments) {
    if (mst_source_read_once(st->proc_fd, path_of(pid, "/cmdline", path), text, CMDLINE_BYTES, &length, &ignored) != MST_OK)
      length = 0;
    text[mst_process_join_arguments(text, length)] = '\0';
    *has_arguments = true;
  }
  return text;
}

static void
match_groups(struct round *round, const char *pid, const mst_process_stat *stat)
{
  char name[NAME_BYTES], text[CMDLINE_BYTES + 1];
  size_t length = mst_scan_length(stat->name) < sizeof name ? mst_scan_length(stat->name) : sizeof name - 1;
  bool has_arguments = false;

  memcpy(name, stat->name.at, length);
  name[length] = '\0';
  for (size_t i = 0; i < round->st->group_count; i++) {
    const char *pattern = round->st->groups[i].pattern, *arguments = "";

    if (!stat->is_kernel_thread && mst_process_needs_arguments(pattern, name))
      arguments = arguments_of(round->st, pid, &has_arguments, text);
    if (mst_process_match(pattern, name, arguments))
      add_to_group(round, i, pid, stat);
  }
}

static void
look_at(struct round *round, const char *pid)
{
  char path[PATH_BYTES], text[STAT_BYTES];
  size_t length;
  mst_process_stat stat;
  mst_errctx why = {0};
  mst_err err = mst_source_read_once(round->st->proc_fd, path_of(pid, "/stat", path), text, sizeof text, &length, &why);

  if (err == MST_EPERM)
    round->has_forbidden = true;
  if (err == MST_EABSENT || err == MST_EPERM || (err == MST_EIO && why.os_errno == ESRCH)) /* gone since the listing; hidden */
    return;
  if (err == MST_OK)
    err = mst_process_parse(text, length, &stat, &why);
  if (err != MST_OK) {
    if (round->err == MST_OK)
      round->err = mst_fail(&round->why, err, "process %s: %s", pid, why.text);
    return;
  }
  if (stat.pid == 1)
    round->has_first = true;
  if (stat.state != 'Z' && stat.state != 'X' && stat.state != 'x')
    match_groups(round, pid, &stat);
}

static void
give_group(const struct state *st, mst_emit *emit, const struct group *group)
{
  mst_tag tags[] = {{"process.name", group->pattern}, {"cpu.mode", "user"}};

  mst_emit_gauge(emit, &signals[UP], tags, 1, group->count > 0);
  mst_emit_gauge(emit, &signals[COUNT], tags, 1, (double)group->count);
  if (group->count == 0)
    return;
  mst_emit_gauge(emit, &signals[MEMORY], tags, 1, (double)group->resident_pages * (double)sysconf(_SC_PAGESIZE));
  mst_emit_gauge(emit, &signals[THREADS], tags, 1, (double)group->threads);
  if (group->has_hidden_user)
    mst_emit_error(emit, &signals[ROOT], tags, 1, "the status of such a process could not be read");
  else
    mst_emit_gauge(emit, &signals[ROOT], tags, 1, (double)group->as_root);
  if (group->has_hidden_files)
    mst_emit_error(emit, &signals[DESCRIPTORS], tags, 1,
                   "open files of other users' processes are hidden: run the agent with CAP_SYS_PTRACE, or on Linux 6.2 or later");
  else
    mst_emit_gauge(emit, &signals[DESCRIPTORS], tags, 1, (double)group->descriptors);
  if (st->boot_at.ns > 0)
    mst_emit_gauge(emit, &signals[START], tags, 1, (double)st->boot_at.ns / 1e9 + mst_boot_ticks_s(group->oldest_ticks));
  mst_emit_counter(emit, &signals[CPU_TIME], tags, 2, group->start_at, mst_boot_ticks_s(group->user_ticks));
  tags[1].value = "system";
  mst_emit_counter(emit, &signals[CPU_TIME], tags, 2, group->start_at, mst_boot_ticks_s(group->system_ticks));
}

/* With hidepid a process that runs may not be seen: that it is not listed says nothing then. */
static void
give_hidden(mst_emit *emit, const struct group *group)
{
  static const char reason[] =
      "not seen, but processes of other users are hidden (hidepid): run the agent as root or in the group of /proc's gid=";
  const mst_tag tag = {"process.name", group->pattern};

  mst_emit_error(emit, &signals[UP], &tag, 1, reason);
  mst_emit_error(emit, &signals[COUNT], &tag, 1, reason);
}

static void
begin_round(struct state *st)
{
  struct members old = st->before;

  st->before = st->now;
  st->now = old;
  st->now.count = 0;
  for (size_t i = 0; i < st->group_count; i++) {
    struct group *group = &st->groups[i];

    group->count = group->threads = group->resident_pages = group->descriptors = group->as_root = 0;
    group->has_hidden_files = group->has_hidden_user = false;
  }
}

/* The start of a group's counter is set once: at each restart another one would make another series. */
static void
set_starts(struct state *st)
{
  for (size_t i = 0; i < st->group_count; i++) {
    struct group *group = &st->groups[i];
    int64_t after_ns = mst_boot_ticks_ns(group->oldest_ticks);

    if (group->count == 0 || group->has_start)
      continue;
    group->has_start = true;
    if (st->boot_at.ns > 0 && after_ns <= INT64_MAX - st->boot_at.ns)
      group->start_at.ns = st->boot_at.ns + after_ns;
  }
}

static bool
is_pid(const char *name)
{
  size_t digits = strspn(name, "0123456789");

  return digits > 0 && digits <= 10 && name[digits] == '\0';
}

static mst_err
sample_processes(void *opaque, mst_sink *sink, mst_errctx *ctx)
{
  struct state *st = opaque;
  struct round round = {.st = st};
  mst_emit emit = {.sink = sink, .ctx = ctx};
  mst_entries entries;
  const char *name;

  begin_round(st);
  mst_entries_init(&entries, st->proc_fd);
  while ((name = mst_entries_next(&entries))) {
    if (is_pid(name))
      look_at(&round, name);
  }
  if (entries.os_errno != 0)
    return mst_source_fail(ctx, entries.os_errno, "list", "proc");
  if (st->now.count > 1) /* the kernel lists in order of pid, a copy of /proc in any */
    qsort(st->now.list, st->now.count, sizeof *st->now.list, compare_members);
  set_starts(st);
  for (size_t i = 0; i < st->group_count; i++) {
    if (st->groups[i].count == 0 && (round.has_forbidden || !round.has_first))
      give_hidden(&emit, &st->groups[i]);
    else
      give_group(st, &emit, &st->groups[i]);
  }
  if (emit.err != MST_OK)
    return emit.err;
  return round.err == MST_OK ? MST_OK : mst_fail(ctx, round.err, "%s", round.why.text);
}

const mst_collector mst_collector_processes = {
    .name = "processes",
    .help = "Whether named processes run, and what they use",
    .deadline_ns = 250 * MST_NS_PER_MS,
    .signals = signals,
    .signal_count = sizeof signals / sizeof signals[0],
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .open = open_processes,
    .sample = sample_processes,
    .close = close_processes,
};
