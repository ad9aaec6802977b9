/* The texts of control groups and of /proc/PID; see usage.h. */
#include "usage.h"

#include <string.h>

#include "collectors/network.h"

bool
mst_cgroup_find(const char *text, size_t length, const char *key, uint64_t *ret_value)
{
  mst_scan all = mst_scan_over(text, length), line, word;

  while (mst_scan_line(&all, &line))
    if (mst_scan_word(&line, &word) && mst_scan_equal(word, key))
      return mst_scan_u64(&line, ret_value);
  return false;
}

static bool
add_v2(mst_scan line, uint64_t *read, uint64_t *written)
{
  mst_scan word;
  uint64_t bytes;

  while (mst_scan_word(&line, &word)) {
    uint64_t *sum = mst_scan_prefix(&word, "rbytes=") ? read : mst_scan_prefix(&word, "wbytes=") ? written : NULL;

    if (!sum)
      continue;
    if (!mst_scan_u64(&word, &bytes))
      return false;
    *sum += bytes;
  }
  return true;
}

static bool
add_v1(mst_scan line, uint64_t *read, uint64_t *written)
{
  mst_scan word;
  uint64_t bytes;

  if (!mst_scan_word(&line, &word))
    return true;
  if (mst_scan_equal(word, "Total"))
    return true;
  if (!mst_scan_word(&line, &word) || !mst_scan_u64(&line, &bytes))
    return false;
  if (mst_scan_equal(word, "Read"))
    *read += bytes;
  else if (mst_scan_equal(word, "Write"))
    *written += bytes;
  return true;
}

mst_err
mst_cgroup_parse_io(const char *text, size_t length, bool is_v2, uint64_t *ret_read, uint64_t *ret_written, mst_errctx *ctx)
{
  mst_scan all = mst_scan_over(text, length), line;
  uint64_t read = 0, written = 0;

  while (mst_scan_line(&all, &line)) {
    /* Version 2 begins a line even for a device that has no figures: "8:0 \n" */
    if (!(is_v2 ? add_v2 : add_v1)(line, &read, &written))
      return mst_fail(ctx, MST_EMALFORMED, "figures of disks: cannot read \"%.*s\"", mst_scan_shown(line), line.at);
  }
  *ret_read = read;
  *ret_written = written;
  return MST_OK;
}

mst_err
mst_cgroup_parse_network(const char *text, size_t length, mst_docker_usage *ret_usage, mst_errctx *ctx)
{
  mst_scan all = mst_scan_over(text, length), line;
  mst_docker_usage usage = {0};
  mst_network_line figures;

  if (!mst_scan_line(&all, &line) || !mst_scan_line(&all, &line))
    return mst_fail(ctx, MST_EMALFORMED, "net/dev: no head of two lines");
  while (mst_scan_line(&all, &line)) {
    mst_docker_link *link = &usage.links[usage.link_count];
    mst_err err = mst_network_parse(line, &figures, ctx);

    if (err != MST_OK)
      return err;
    if (mst_scan_equal(figures.name, "lo") || mst_scan_length(figures.name) > MST_DOCKER_LINK_BYTES ||
        usage.link_count == MST_DOCKER_LINKS_MAX)
      continue;
    memcpy(link->name, figures.name.at, mst_scan_length(figures.name));
    link->received_bytes = figures.figure[MST_NETWORK_RECEIVED_BYTES];
    link->sent_bytes = figures.figure[MST_NETWORK_SENT_BYTES];
    usage.link_count++;
  }
  ret_usage->has_network = true;
  ret_usage->link_count = usage.link_count;
  memcpy(ret_usage->links, usage.links, sizeof usage.links);
  return MST_OK;
}

static bool
is_in_list(mst_scan list, const char *name)
{
  size_t length = strlen(name);

  for (const char *at = list.at; at < list.end;) {
    const char *comma = memchr(at, ',', (size_t)(list.end - at)), *end = comma ? comma : list.end;

    if ((size_t)(end - at) == length && memcmp(at, name, length) == 0)
      return true;
    at = end + 1;
  }
  return false;
}

mst_err
mst_cgroup_parse_paths(const char *text, size_t length, mst_cgroup_paths *ret_paths, mst_errctx *ctx)
{
  mst_scan all = mst_scan_over(text, length), line;
  mst_cgroup_paths paths = {0};

  while (mst_scan_line(&all, &line)) {
    size_t bytes = mst_scan_length(line);
    const char *first = bytes ? memchr(line.at, ':', bytes) : NULL;
    const char *second = first ? memchr(first + 1, ':', (size_t)(line.end - first - 1)) : NULL;

    if (!second || second + 1 >= line.end || second[1] != '/')
      return mst_fail(ctx, MST_EMALFORMED, "control groups of a process: cannot read \"%.*s\"", mst_scan_shown(line), line.at);

    mst_scan list = {.at = first + 1, .end = second}, path = {.at = second + 1, .end = line.end};

    if (list.at == list.end)
      paths.unified = path;
    if (is_in_list(list, "cpuacct"))
      paths.cpuacct = path;
    if (is_in_list(list, "memory"))
      paths.memory = path;
    if (is_in_list(list, "blkio"))
      paths.blkio = path;
  }
  *ret_paths = paths;
  return MST_OK;
}

bool
mst_cgroup_id_of(const char *name, char ret_id[static MST_DOCKER_ID_BYTES + 1])
{
  static const char *const prefixes[] = {"docker-", "libpod-", "cri-containerd-", "crio-", "nerdctl-"};

  for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
    if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0) {
      name += strlen(prefixes[i]);
      break;
    }
  if (strspn(name, "0123456789abcdef") != MST_DOCKER_ID_BYTES ||
      (name[MST_DOCKER_ID_BYTES] != '\0' && strcmp(name + MST_DOCKER_ID_BYTES, ".scope") != 0))
    return false;
  memcpy(ret_id, name, MST_DOCKER_ID_BYTES);
  ret_id[MST_DOCKER_ID_BYTES] = '\0';
  return true;
}

static void
add(uint64_t *sum, uint64_t last, uint64_t now)
{
  *sum += now >= last ? now - last : now;
}

static void
add_time(int64_t *sum, int64_t last, int64_t now)
{
  *sum += now >= last ? now - last : now;
}

static mst_docker_link *
link_of(mst_docker_usage *usage, const char *name, bool may_add)
{
  for (size_t i = 0; i < usage->link_count; i++)
    if (strcmp(usage->links[i].name, name) == 0)
      return &usage->links[i];
  if (!may_add || usage->link_count == MST_DOCKER_LINKS_MAX)
    return NULL;

  mst_docker_link *link = &usage->links[usage->link_count++];

  *link = (mst_docker_link){0};
  memcpy(link->name, name, strnlen(name, MST_DOCKER_LINK_BYTES));
  return link;
}

void
mst_usage_add(mst_docker_usage *sum, const mst_docker_usage *last, const mst_docker_usage *now)
{
  mst_docker_usage before = *last;

  if (now->has_cpu) {
    add_time(&sum->user_ns, before.user_ns, now->user_ns);
    add_time(&sum->system_ns, before.system_ns, now->system_ns);
  }
  if (now->has_disk) {
    add(&sum->read_bytes, before.read_bytes, now->read_bytes);
    add(&sum->written_bytes, before.written_bytes, now->written_bytes);
  }
  for (size_t i = 0; i < now->link_count; i++) {
    mst_docker_link *old = link_of(&before, now->links[i].name, false), *total = link_of(sum, now->links[i].name, true);

    if (!total)
      continue;
    add(&total->received_bytes, old ? old->received_bytes : 0, now->links[i].received_bytes);
    add(&total->sent_bytes, old ? old->sent_bytes : 0, now->links[i].sent_bytes);
  }
  sum->memory_bytes = now->memory_bytes;
  sum->has_cpu = now->has_cpu;
  sum->has_memory = now->has_memory;
  sum->has_disk = now->has_disk;
  sum->has_network = now->has_network;
}
