#include "rig.h"

#include "collectors/host.h"

static const char release[] =
    "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID_LIKE=x\nID=debian\nVERSION_ID='12'\nODD=\"a\\\"b\\\\c\"\nEMPTY=\nOPEN=\"abc\n";

Test(host_release, values__come_without_their_quotes)
{
  static const struct {
    const char *key, *value;
  } cases[] = {
      {"PRETTY_NAME", "Debian GNU/Linux 12 (bookworm)"}, {"ID", "debian"}, {"VERSION_ID", "12"}, {"ODD", "a\"b\\c"}, {"EMPTY", ""}};

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char value[64] = "untouched";
    mst_errctx ctx = {0};

    cr_expect_eq(mst_host_release_value(release, strlen(release), cases[i].key, value, sizeof value, &ctx), MST_OK, "%s", ctx.text);
    cr_expect_str_eq(value, cases[i].value);
  }
}

Test(host_release, missing_open_and_long_values__are_refused)
{
  char value[8] = "same";
  mst_errctx ctx = {0};

  cr_expect_eq(mst_host_release_value(release, strlen(release), "NAME", value, sizeof value, &ctx), MST_EABSENT);
  cr_expect_eq(mst_host_release_value(release, strlen(release), "OPEN", value, sizeof value, &ctx), MST_EMALFORMED);
  cr_expect_eq(mst_host_release_value(release, strlen(release), "PRETTY_NAME", value, sizeof value, &ctx), MST_EMALFORMED);
  cr_expect_eq(mst_host_release_value("", 0, "ID", value, sizeof value, &ctx), MST_EABSENT);
  cr_expect_str_eq(value, "same");
}

Test(host_arch, machines__have_the_names_of_opentelemetry)
{
  cr_expect_str_eq(mst_host_arch_name("x86_64"), "amd64");
  cr_expect_str_eq(mst_host_arch_name("aarch64"), "arm64");
  cr_expect_str_eq(mst_host_arch_name("riscv64"), "riscv64");
}

Test(host, captured_host__gives_its_facts)
{
  struct rig rig;

  rig_init(&rig, "debian12-linux6.18");
  rig_write(&rig, "sys/block/dm-0/size", "536870912\n");
  rig_write(&rig, "sys/block/nvme0c0n1/size", "536870912\n");
  rig_start(&rig, "host", "");
  rig_tick(&rig, 0);
  rig_expect_state(&rig, "muster.host.kernel.release", "", "6.18.44");
  rig_expect_state(&rig, "host.arch", "", "amd64");
  rig_expect_state(&rig, "os.name", "", "debian");
  rig_expect_state(&rig, "os.version", "", "12");
  rig_expect_state(&rig, "os.description", "", "Debian GNU/Linux 12 (bookworm)");
  cr_expect_eq(rig_number(&rig, "muster.host.cpu.count", ""), 2);
  cr_expect_eq(rig_number(&rig, "muster.host.memory.size", ""), 24684096.0 * 1024);
  cr_expect_eq(rig_number(&rig, "system.disk.limit", "system.device=vda"), 536870912.0 * 512);
  cr_expect_not(rig_has(&rig, "system.disk.limit", "system.device=dm-0"));
  cr_expect_eq(rig_number(&rig, "muster.host.disk.size", ""), 536870912.0 * 512);
  cr_expect_not(rig_has(&rig, "system.disk.limit", "system.device=loop0"));
  rig_done(&rig);
}

Test(host, disk_that_is_added__is_seen_within_a_minute)
{
  struct rig rig;

  rig_init(&rig, "debian12-linux6.18");
  rig_start(&rig, "host", "");
  rig_tick(&rig, 0);
  rig_write(&rig, "sys/block/vdb/size", "2048\n");
  rig_tick(&rig, 59 * MST_NS_PER_S);
  cr_expect_not(rig_has(&rig, "system.disk.limit", "system.device=vdb"));
  rig_tick(&rig, MST_NS_PER_S);
  cr_expect_eq(rig_number(&rig, "system.disk.limit", "system.device=vdb"), 2048 * 512);
  rig_done(&rig);
}

Test(host, old_host_without_os_release__gives_the_rest)
{
  struct rig rig;

  rig_init(&rig, "centos6-linux2.6.32");
  rig_start(&rig, "host", "");
  rig_tick(&rig, 0);
  rig_expect_state(&rig, "muster.host.kernel.release", "", "2.6.32-642.el6.x86_64");
  cr_expect_eq(rig_number(&rig, "muster.host.cpu.count", ""), 4);
  cr_expect_not(rig_has(&rig, "os.name", ""));
  cr_expect(rig_has(&rig, "host.arch", ""), "uname knows it");
  rig_expect_collector(&rig, "ok", "");
  rig_done(&rig);
}

Test(host, nonsense_in_one_file__is_an_error_of_that_signal_only)
{
  struct rig rig;

  rig_init(&rig, "debian12-linux6.18");
  rig_write(&rig, "sys/devices/system/cpu/online", "many\n");
  rig_write(&rig, "sys/block/vda/size", "big\n");
  rig_start(&rig, "host", "");
  rig_tick(&rig, 0);
  rig_expect_missing(&rig, "muster.host.cpu.count", "", MST_SAMPLE_ERROR, "many");
  rig_expect_missing(&rig, "muster.host.disk.size", "", MST_SAMPLE_ERROR, "big");
  cr_expect(rig_has(&rig, "muster.host.memory.size", ""));
  rig_done(&rig);
}
