#include "rig.h"

#include "collectors/memory.h"

Test(memory_parse, old_kernel__estimates_what_is_available)
{
  static const char text[] = "MemTotal: 1000 kB\nMemFree: 100 kB\nBuffers: 50 kB\nCached: 200 kB\nSReclaimable: 25 kB\n";
  mst_errctx ctx = {0};
  mst_memory memory;

  cr_assert_eq(mst_memory_parse(text, strlen(text), &memory, &ctx), MST_OK, "%s", ctx.text);
  cr_expect_eq(memory.total, 1000 * 1024);
  cr_expect_eq(memory.cached, 225 * 1024);
  cr_expect_eq(memory.available, 375 * 1024);
  cr_expect_not(memory.has_swap);
}

Test(memory_parse, available_over_total__is_cut_to_the_total)
{
  static const char text[] = "MemTotal: 1000 kB\nMemFree: 100 kB\nMemAvailable: 2000 kB\n";
  mst_errctx ctx = {0};
  mst_memory memory;

  cr_assert_eq(mst_memory_parse(text, strlen(text), &memory, &ctx), MST_OK);
  cr_expect_eq(memory.available, memory.total);
}

Test(memory_parse, broken_text__is_refused_and_leaves_the_result)
{
  static const char *const broken[] = {"",
                                       "MemTotal: 10 kB\n",
                                       "MemFree: 10 kB\n",
                                       "MemTotal: 0 kB\nMemFree: 0 kB\n",
                                       "MemTotal: 10 kB\nMemFree: 11 kB\n",
                                       "MemTotal: 10 MB\nMemFree: 1 kB\n",
                                       "MemTotal: 10\nMemFree: 1 kB\n",
                                       "MemTotal: -10 kB\nMemFree: 1 kB\n",
                                       "MemTotal: 10 k",
                                       "MemTotal: 18446744073709551615 kB\nMemFree: 1 kB\n",
                                       "MemTotal: 10 kB\nMemFree: 1 kB\nSwapTotal: 5 kB\nSwapFree: 6 kB\n"};

  for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
    mst_memory memory = {.total = 7};
    mst_errctx ctx = {0};

    cr_expect_eq(mst_memory_parse(broken[i], strlen(broken[i]), &memory, &ctx), MST_EMALFORMED, "took \"%s\"", broken[i]);
    cr_expect_eq(memory.total, 7);
    cr_expect(strstr(ctx.text, "/proc/meminfo"));
  }
}

Test(memory, captured_host__says_what_is_used)
{
  struct rig rig;

  rig_init(&rig, "debian12-linux6.18");
  rig_write(&rig, "proc/meminfo", "MemTotal: 1000 kB\nMemFree: 100 kB\nMemAvailable: 400 kB\nBuffers: 50 kB\nCached: 200 kB\n");
  rig_start(&rig, "memory", "");
  rig_tick(&rig, 0);
  cr_expect_float_eq(rig_number(&rig, "muster.host.memory.utilization", ""), 0.6, 1e-12);
  cr_expect_eq(rig_number(&rig, "system.memory.usage", "system.memory.state=used"), 600 * 1024);
  cr_expect_eq(rig_number(&rig, "system.memory.usage", "system.memory.state=free"), 100 * 1024);
  cr_expect_float_eq(rig_number(&rig, "system.memory.utilization", "system.memory.state=cached"), 0.2, 1e-12);
  cr_expect_eq(rig_number(&rig, "system.memory.limit", ""), 1000 * 1024);
  cr_expect_eq(rig_number(&rig, "system.memory.linux.available", ""), 400 * 1024);
  rig_done(&rig);
}

Test(memory, every_captured_tree__is_read)
{
  static const char *const trees[] = {"debian12-linux6.18", "centos6-linux2.6.32", "container-minimal"};

  for (size_t i = 0; i < sizeof trees / sizeof trees[0]; i++) {
    struct rig rig;

    rig_init(&rig, trees[i]);
    rig_start(&rig, "memory", "");
    rig_tick(&rig, 0);

    double share = rig_number(&rig, "muster.host.memory.utilization", "");

    cr_expect(share > 0 && share < 1, "%s: %g", trees[i], share);
    rig_done(&rig);
  }
}

Test(memory, unreadable_file__is_an_error_with_a_hint)
{
  struct rig rig;

  bool was_root = geteuid() == 0;

  rig_init(&rig, "debian12-linux6.18");

  char path[2 * RIG_PATH_BYTES];

  snprintf(path, sizeof path, "%s/proc/meminfo", rig.root);
  cr_assert_eq(chmod(path, 0), 0);
  if (was_root) { /* root reads everything; only from here on, since the sources may lie where nobody else may look */
    cr_assert_eq(chown(rig.root, 65534, (gid_t)-1), 0);
    cr_assert_eq(chown(path, 65534, (gid_t)-1), 0);
    cr_assert_eq(seteuid(65534), 0);
  }
  rig_start(&rig, "memory", "");
  rig_tick(&rig, 0);
  rig_expect_collector(&rig, "error", "CAP_DAC_READ_SEARCH");
  rig_expect_collector(&rig, "error", "Permission denied");
  rig_expect_state(
      &rig, "muster.collector.status", "collector=memory",
      "error: open /proc/meminfo (let the agent's user read it, or run the agent with CAP_DAC_READ_SEARCH): Permission denied");

  cr_assert_eq(chmod(path, 0644), 0);
  rig_tick(&rig, 59 * MST_NS_PER_S); /* a failed open is left alone for a minute */
  rig_expect_collector(&rig, "error", "");
  rig_tick(&rig, MST_NS_PER_S);
  rig_expect_collector(&rig, "ok", "");
  cr_expect(rig_has(&rig, "system.memory.limit", ""));
  if (was_root)
    cr_assert_eq(seteuid(0), 0);
  rig_done(&rig);
}
