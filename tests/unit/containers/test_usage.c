#include "fixture.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "usage.h"

static int
open_tree(const char *name)
{
  char path[512];
  int fd;

  snprintf(path, sizeof path, "%s/tests/fixtures/containers/%s", MST_SOURCE_DIR, name);
  fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  cr_assert_geq(fd, 0, "%s", path);
  return fd;
}

static mst_docker_usage
read_usage(const char *tree, const char *id, uint32_t pid)
{
  int root_fd = open_tree(tree);
  mst_usage_source *source;
  mst_docker_usage usage;
  mst_errctx ctx = {0};

  cr_assert_eq(mst_usage_open(root_fd, id, pid, true, &source, &ctx), MST_OK, "%s", ctx.text);
  cr_expect_eq(mst_usage_pid(source), pid);
  cr_assert_eq(mst_usage_read(source, &usage, &ctx), MST_OK, "%s", ctx.text);
  mst_usage_close(source);
  close(root_fd);
  return usage;
}

Test(usage_read, version_1_of_docker__is_found_by_its_process)
{
  mst_docker_usage usage = read_usage("cgroup1-docker", web_id, 7648);

  cr_expect(usage.has_cpu && usage.has_memory && usage.has_disk && usage.has_network && usage.has_oom_kills);
  cr_expect_eq(usage.user_ns, 360000000);
  cr_expect_eq(usage.system_ns, 10000000);
  cr_expect_eq(usage.memory_bytes, 446464 - 65536);
  cr_expect_eq(usage.read_bytes, 4196);
  cr_expect_eq(usage.written_bytes, 12488);
  cr_expect_eq(usage.oom_kills, 2);
  cr_assert_eq(usage.link_count, 1, "lo is left out");
  cr_expect_str_eq(usage.links[0].name, "eth0");
  cr_expect_eq(usage.links[0].received_bytes, 1536000);
  cr_expect_eq(usage.links[0].sent_bytes, 768000);
}

Test(usage_read, version_2_of_docker_under_systemd__is_found_by_its_process)
{
  mst_docker_usage usage = read_usage("cgroup2-systemd", web_id, 4001);

  cr_expect_eq(usage.user_ns, 2 * MST_NS_PER_S);
  cr_expect_eq(usage.system_ns, MST_NS_PER_S);
  cr_expect_eq(usage.memory_bytes, 7000000);
  cr_expect_eq(usage.read_bytes, 1000001);
  cr_expect_eq(usage.written_bytes, 2000002);
  cr_expect_eq(usage.oom_kills, 3);
  cr_expect_eq(usage.link_count, 1);
}

Test(usage_read, version_2_of_rootless_podman__is_found_without_network_file)
{
  mst_docker_usage usage = read_usage("cgroup2-systemd", pod_id, 4002);

  cr_expect_eq(usage.user_ns, 4 * MST_NS_PER_S);
  cr_expect_eq(usage.memory_bytes, 14000000);
  cr_expect_not(usage.has_network);
}

Test(usage_open, process_of_something_else__is_refused)
{
  int root_fd = open_tree("cgroup2-systemd");
  mst_usage_source *source = NULL;
  mst_errctx ctx = {0};

  cr_expect_eq(mst_usage_open(root_fd, web_id, 4003, true, &source, &ctx), MST_EABSENT, "the number went to another process");
  cr_expect_eq(mst_usage_open(root_fd, web_id, 4004, true, &source, &ctx), MST_EABSENT, "there is no such process");
  cr_expect_eq(mst_usage_open(root_fd, pod_id, 4001, true, &source, &ctx), MST_EABSENT, "it is another container's");
  cr_expect_null(source);
  close(root_fd);
}

Test(usage_mapped, root_of_a_user_namespace__is_told_from_root)
{
  int one = open_tree("cgroup1-docker"), two = open_tree("cgroup2-systemd");

  cr_expect_not(mst_usage_is_mapped(one, 7648));
  cr_expect(mst_usage_is_mapped(two, 4001));
  cr_expect(mst_usage_is_mapped(two, 4002), "0 within is 1000 outside");
  cr_expect_not(mst_usage_is_mapped(two, 4003), "not known is not mapped");
  close(one);
  close(two);
}

static const mst_usage_found *
find(const mst_usage_found *list, size_t count, const char *id)
{
  for (size_t i = 0; i < count; i++)
    if (strncmp(list[i].id, id, strlen(id)) == 0)
      return &list[i];
  return NULL;
}

Test(usage_find_all, every_layout__is_found_once)
{
  static const struct {
    const char *tree, *id;
    size_t count;
    int64_t user_ns;
  } cases[] = {{"cgroup1-docker", "7d5d63478efb", 1, 360000000},
               {"cgroup2-systemd", "7d5d63478efb", 3, 2000000000},
               {"cgroup2-systemd", "94efacfc811e", 3, 4000000000},
               {"cgroup2-systemd", "125d088170c9", 3, 6000000000}};

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    int root_fd = open_tree(cases[i].tree);
    mst_usage_found *list;
    mst_docker_usage usage;
    size_t count;
    mst_errctx ctx = {0};

    cr_assert_eq(mst_usage_find_all(root_fd, &list, &count, &ctx), MST_OK, "%s", ctx.text);
    cr_expect_eq(count, cases[i].count, "%s has %zu", cases[i].tree, count);

    const mst_usage_found *found = find(list, count, cases[i].id);

    cr_assert_not_null(found, "%s", cases[i].id);
    cr_assert_eq(mst_usage_read(found->source, &usage, &ctx), MST_OK, "%s", ctx.text);
    cr_expect_eq(usage.user_ns, cases[i].user_ns);
    cr_expect_not(usage.has_network, "no process is known");
    mst_usage_found_done(list, count);
    close(root_fd);
  }
}

Test(usage_find_all, no_control_groups__is_absent)
{
  int root_fd = open_tree("answers");
  mst_usage_found *list = NULL;
  size_t count = 0;
  mst_errctx ctx = {0};

  cr_expect_eq(mst_usage_find_all(root_fd, &list, &count, &ctx), MST_EABSENT);
  cr_expect_null(list);
  close(root_fd);
}

Test(cgroup_id, of_folders__is_taken_only_from_containers)
{
#define ID "7d5d63478efbbd26c2921f54a18bd73fc3c5ac65b1b39f34d5212e2969a79f13"
  static const char *const good[] = {
      ID, "docker-" ID ".scope", "libpod-" ID, "libpod-" ID ".scope", "cri-containerd-" ID ".scope", "crio-" ID ".scope"};
  static const char *const bad[] = {"",      "docker",           ID "0", "docker-" ID ".slice", "libpod-conmon-" ID ".scope",
                                    "7D" ID, "docker-7d5d.scope"};
  char id[MST_DOCKER_ID_BYTES + 1];

  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    cr_expect(mst_cgroup_id_of(good[i], id), "%s", good[i]);
    cr_expect_str_eq(id, ID);
  }
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    cr_expect_not(mst_cgroup_id_of(bad[i], id), "%s", bad[i]);
}

Test(cgroup_parse, broken_texts__are_refused_and_leave_the_result)
{
  static const char *const broken_v2[] = {"8:0 rbytes=x wbytes=1\n", "8:0 rbytes=\n", "8:0 wbytes=-1\n",
                                          "8:0 rbytes=99999999999999999999\n"};
  static const char *const broken_v1[] = {"8:0 Read x\n", "8:0 Read\n", "8:0\n"};
  static const char *const broken_paths[] = {"nonsense\n", "1:memory\n", "1:memory:relative\n", "\n"};
  mst_errctx ctx = {0};
  uint64_t read = 7, written = 7;

  for (size_t i = 0; i < sizeof broken_v2 / sizeof broken_v2[0]; i++)
    cr_expect_eq(mst_cgroup_parse_io(broken_v2[i], strlen(broken_v2[i]), true, &read, &written, &ctx), MST_EMALFORMED, "%s", broken_v2[i]);
  for (size_t i = 0; i < sizeof broken_v1 / sizeof broken_v1[0]; i++)
    cr_expect_eq(mst_cgroup_parse_io(broken_v1[i], strlen(broken_v1[i]), false, &read, &written, &ctx), MST_EMALFORMED, "%s", broken_v1[i]);
  cr_expect(read == 7 && written == 7);
  for (size_t i = 0; i < sizeof broken_paths / sizeof broken_paths[0]; i++) {
    mst_cgroup_paths paths;

    cr_expect_eq(mst_cgroup_parse_paths(broken_paths[i], strlen(broken_paths[i]), &paths, &ctx), MST_EMALFORMED, "%s", broken_paths[i]);
  }
}

Test(cgroup_parse, joined_controllers__are_told_by_whole_names)
{
  static const char text[] = "12:cpuset:/a\n4:cpu,cpuacct:/b\n3:memoryx:/c\n2:xmemory,memory:/d\n1:name=systemd:/e:f\n0::/g\n";
  mst_cgroup_paths paths;
  mst_errctx ctx = {0};

  cr_assert_eq(mst_cgroup_parse_paths(text, strlen(text), &paths, &ctx), MST_OK, "%s", ctx.text);
  cr_expect(mst_scan_equal(paths.cpuacct, "/b"));
  cr_expect(mst_scan_equal(paths.memory, "/d"));
  cr_expect(mst_scan_equal(paths.unified, "/g"));
  cr_expect_eq(mst_scan_length(paths.blkio), 0);
}

Test(usage_add, counters_that_fell__begin_anew_and_new_links_are_added)
{
  mst_docker_usage sum = {0}, last = {0},
                   now = {.has_cpu = true, .user_ns = 100, .system_ns = 10, .has_disk = true, .read_bytes = 5, .link_count = 1};

  memcpy(now.links[0].name, "eth0", 5);
  now.links[0].received_bytes = 50;
  mst_usage_add(&sum, &last, &now);
  last = now;
  now.user_ns = 130;
  now.system_ns = 4; /* it began anew */
  now.read_bytes = 7;
  now.links[0].received_bytes = 20;
  now.link_count = 2;
  memcpy(now.links[1].name, "eth1", 5);
  now.links[1].sent_bytes = 9;
  mst_usage_add(&sum, &last, &now);
  cr_expect_eq(sum.user_ns, 130);
  cr_expect_eq(sum.system_ns, 14);
  cr_expect_eq(sum.read_bytes, 7);
  cr_assert_eq(sum.link_count, 2);
  cr_expect_eq(sum.links[0].received_bytes, 70);
  cr_expect_eq(sum.links[1].sent_bytes, 9);
}
