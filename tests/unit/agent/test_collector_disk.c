#include "rig.h"

#include "collectors/counter.h"
#include "collectors/disk.h"

static mst_err
parse(const char *text, mst_disk_line *ret_line, mst_errctx *ctx)
{
  return mst_disk_parse(mst_scan_over(text, strlen(text)), ret_line, ctx);
}

Test(disk_parse, lines_of_14_18_and_20_columns__give_the_same_figures)
{
  static const char *const lines[] = {"   8       0 sda 1 2 3 4 5 6 7 8 9 10 11", "   8       0 sda 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15",
                                      "   8       0 sda 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17"};
  static const uint64_t expected[MST_DISK_FIGURES] = {1, 3, 4, 5, 7, 8, 10};

  for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
    mst_disk_line line;
    mst_errctx ctx = {0};

    cr_assert_eq(parse(lines[i], &line, &ctx), MST_OK, "%s", ctx.text);
    cr_expect(mst_scan_equal(line.name, "sda"));
    cr_expect_arr_eq(line.figure, expected, sizeof expected);
  }
}

Test(disk_parse, broken_line__is_refused_and_leaves_the_result)
{
  static const char *const broken[] = {"",
                                       "8 0 sda",
                                       "8 0 sda 1 2 3 4 5 6 7 8 9 10",
                                       "8 0 sda 1 2 3 4 5 6 7 8 9 x 11",
                                       "8 0 sda 1 2 3 4 5 -6 7 8 9 10 11",
                                       "a 0 sda 1 2 3 4 5 6 7 8 9 10 11",
                                       "8 0 1 2 3 4 5 6 7 8 9 10 11",
                                       "8 0 sda 99999999999999999999 2 3 4 5 6 7 8 9 10 11"};

  for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
    mst_disk_line line = {.figure = {7}};
    mst_errctx ctx = {0};

    cr_expect_eq(parse(broken[i], &line, &ctx), MST_EMALFORMED, "took \"%s\"", broken[i]);
    cr_expect_eq(line.figure[0], 7);
    cr_expect(strstr(ctx.text, "/proc/diskstats"));
  }
}

Test(disk_name, partitions__are_told_from_disks)
{
  static const char *const partitions[] = {"sda1", "sdaa12", "vdb3", "hda2", "xvda1", "nvme0n1p1", "mmcblk0p2"};
  static const char *const disks[] = {"sda", "vda", "nvme0n1", "mmcblk0", "dm-0", "md0", "sr0", "zram0", "12", ""};

  for (size_t i = 0; i < sizeof partitions / sizeof partitions[0]; i++)
    cr_expect(mst_disk_name_is_partition(partitions[i]), "%s", partitions[i]);
  for (size_t i = 0; i < sizeof disks / sizeof disks[0]; i++)
    cr_expect_not(mst_disk_name_is_partition(disks[i]), "%s", disks[i]);
}

Test(counter, wrap_of_32_bits__goes_on)
{
  mst_counter counter = {0};

  cr_expect_eq(mst_counter_unwrap(&counter, 4294967000), 4294967000);
  cr_expect_eq(mst_counter_unwrap(&counter, 104), 4294967400);
  cr_expect_eq(mst_counter_unwrap(&counter, 204), 4294967500);
}

Test(counter, fall_that_is_no_wrap__is_passed_on_as_a_reset)
{
  mst_counter counter = {0};

  mst_counter_unwrap(&counter, 4294967000);
  mst_counter_unwrap(&counter, 1000);
  cr_expect_eq(mst_counter_unwrap(&counter, 900), 900);
  mst_counter_unwrap(&counter, UINT64_MAX);
  cr_expect_eq(mst_counter_unwrap(&counter, 5), 5); /* 64 bits do not wrap in a host's life */
}

Test(counter, small_fall__is_held_and_a_big_one_passed_on)
{
  mst_counter counter = {0};

  cr_expect_eq(mst_counter_hold(&counter, 100, 10), 100);
  cr_expect_eq(mst_counter_hold(&counter, 95, 10), 100);
  cr_expect_eq(mst_counter_hold(&counter, 101, 10), 101);
  cr_expect_eq(mst_counter_hold(&counter, 3, 10), 3);
}

#define LINE(name, reads, busy) "   8       0 " name " " reads " 0 80 5 20 0 160 7 0 " busy " 12\n"

Test(disk, two_samples__give_counters_and_the_busy_share)
{
  struct rig rig;

  rig_init(&rig, NULL);
  rig_write(&rig, "proc/stat", "cpu 1 2 3 4 5 6 7\nbtime 1795410262\n");
  rig_write(&rig, "proc/diskstats", LINE("sda", "10", "1000") LINE("sdb", "10", "1000"));
  rig_start(&rig, "disk", "");
  rig_tick(&rig, 0);
  cr_expect_not(rig_has(&rig, "muster.disk.utilization", "system.device=sda"));
  rig_write(&rig, "proc/diskstats", LINE("sda", "30", "3000") LINE("sdb", "10", "1500"));
  rig_tick(&rig, 10 * MST_NS_PER_S);
  cr_expect_eq(rig_number(&rig, "system.disk.io", "disk.io.direction=read,system.device=sda"), 80 * 512);
  cr_expect_eq(rig_number(&rig, "system.disk.io", "disk.io.direction=write,system.device=sda"), 160 * 512);
  cr_expect_eq(rig_number(&rig, "system.disk.operations", "disk.io.direction=read,system.device=sda"), 30);
  cr_expect_float_eq(rig_number(&rig, "system.disk.operation_time", "disk.io.direction=write,system.device=sda"), 0.007, 1e-12);
  cr_expect_float_eq(rig_number(&rig, "system.disk.io_time", "system.device=sda"), 3, 1e-12);
  cr_expect_float_eq(rig_number(&rig, "muster.disk.utilization", "system.device=sda"), 0.2, 1e-12);
  cr_expect_float_eq(rig_number(&rig, "muster.disk.utilization", "system.device=sdb"), 0.05, 1e-12);
  cr_expect_float_eq(rig_number(&rig, "muster.host.disk.utilization", ""), 0.2, 1e-12);
  cr_expect_eq(mst_sampler_series_at(rig.sampler, 0)->start_at.ns, 1795410262 * MST_NS_PER_S);
  rig_done(&rig);
}

Test(disk, busier_than_the_clock_allows__is_one)
{
  struct rig rig;

  rig_init(&rig, NULL);
  rig_write(&rig, "proc/diskstats", LINE("sda", "10", "1000"));
  rig_start(&rig, "disk", "");
  rig_tick(&rig, 0);
  rig_write(&rig, "proc/diskstats", LINE("sda", "30", "2004"));
  rig_tick(&rig, MST_NS_PER_S);
  cr_expect_eq(rig_number(&rig, "muster.disk.utilization", "system.device=sda"), 1);
  rig_done(&rig);
}

Test(disk, times_that_wrap_at_32_bits__go_on)
{
  struct rig rig;

  rig_init(&rig, "centos6-linux2.6.32");
  rig_start(&rig, "disk", "");
  rig_tick(&rig, 0);
  rig_write(&rig, "proc/diskstats", "   8      16 sdb 41239 0 10557184 4294001234 1203 0 307968 88122 0 704 10\n");
  rig_tick(&rig, 10 * MST_NS_PER_S);
  cr_expect_float_eq(rig_number(&rig, "system.disk.io_time", "system.device=sdb"), 4294968.0, 1e-6);
  cr_expect_float_eq(rig_number(&rig, "muster.disk.utilization", "system.device=sdb"), 0.1, 1e-9);
  rig_done(&rig);
}

Test(disk, device_that_is_replaced__is_an_error_once_and_then_measured_again)
{
  struct rig rig;

  rig_init(&rig, NULL);
  rig_write(&rig, "proc/diskstats", LINE("sda", "10", "900000"));
  rig_start(&rig, "disk", "");
  rig_tick(&rig, 0);
  rig_tick(&rig, MST_NS_PER_S);
  rig_write(&rig, "proc/diskstats", LINE("sda", "1", "5"));
  rig_tick(&rig, MST_NS_PER_S);
  rig_expect_missing(&rig, "muster.disk.utilization", "system.device=sda", MST_SAMPLE_ERROR, "replaced");
  cr_expect_eq(rig_number(&rig, "system.disk.operations", "disk.io.direction=read,system.device=sda"), 1);
  rig_write(&rig, "proc/diskstats", LINE("sda", "1", "505"));
  rig_tick(&rig, MST_NS_PER_S);
  cr_expect_float_eq(rig_number(&rig, "muster.disk.utilization", "system.device=sda"), 0.5, 1e-12);
  rig_done(&rig);
}

Test(disk, device_that_vanishes__is_absent_until_it_is_back)
{
  struct rig rig;

  rig_init(&rig, NULL);
  rig_write(&rig, "proc/diskstats", LINE("sda", "10", "1000") LINE("sdb", "10", "1000"));
  rig_start(&rig, "disk", "");
  rig_tick(&rig, 0);
  uint32_t count = mst_sampler_series_count(rig.sampler);
  rig_write(&rig, "proc/diskstats", LINE("sda", "10", "1000"));
  rig_tick(&rig, MST_NS_PER_S);
  rig_expect_missing(&rig, "system.disk.io_time", "system.device=sdb", MST_SAMPLE_ABSENT, "no longer there");
  rig_expect_collector(&rig, "ok", "");
  rig_write(&rig, "proc/diskstats", LINE("sda", "10", "1000") LINE("sdb", "1", "1"));
  rig_tick(&rig, MST_NS_PER_S);
  cr_expect_eq(rig_number(&rig, "system.disk.operations", "disk.io.direction=read,system.device=sdb"), 1);
  cr_expect_not(rig_has(&rig, "muster.disk.utilization", "system.device=sdb"), "a new device has no share yet");
  cr_expect_leq(mst_sampler_series_count(rig.sampler), count + 3, "known series are used again");
  rig_done(&rig);
}

Test(disk, bad_line_among_good_ones__hides_only_itself)
{
  struct rig rig;

  rig_init(&rig, NULL);
  rig_write(&rig, "proc/diskstats", LINE("sda", "10", "1000") LINE("sdb", "10", "1000") LINE("sdc", "10", "1000"));
  rig_start(&rig, "disk", "");
  rig_tick(&rig, 0);
  rig_write(&rig, "proc/diskstats", LINE("sda", "10", "1000") LINE("sdb", "ten", "1000") LINE("sdc", "10", "1000"));
  rig_tick(&rig, MST_NS_PER_S);
  cr_expect(rig_has(&rig, "system.disk.io_time", "system.device=sda"));
  cr_expect(rig_has(&rig, "system.disk.io_time", "system.device=sdc"));
  rig_expect_missing(&rig, "system.disk.io_time", "system.device=sdb", MST_SAMPLE_ERROR, "sdb ten");
  rig_expect_collector(&rig, "error", "sdb ten");
  rig_done(&rig);
}

Test(disk, host_with_many_disks__reports_whole_ones_that_were_used)
{
  struct rig rig;

  rig_init(&rig, "storage-linux5.10");
  rig_start(&rig, "disk", "");
  rig_tick(&rig, 0);
  rig_expect_collector(&rig, "ok", "");
  cr_expect(rig_has(&rig, "system.disk.io_time", "system.device=sda"));
  cr_expect(rig_has(&rig, "system.disk.io_time", "system.device=sdaj"));
  cr_expect(rig_has(&rig, "system.disk.io_time", "system.device=nvme1n1"));
  cr_expect(rig_has(&rig, "system.disk.io_time", "system.device=md1"));
  cr_expect_not(rig_has(&rig, "system.disk.io_time", "system.device=sda1"));
  cr_expect_not(rig_has(&rig, "system.disk.io_time", "system.device=nvme1n1p2"));
  cr_expect_not(rig_has(&rig, "system.disk.io_time", "system.device=nbd0"));
  cr_expect_not(rig_has(&rig, "system.disk.io_time", "system.device=sr0"));
  cr_expect_eq(mst_sampler_series_count(rig.sampler), (36 + 2 + 2 + 4) * 7 + 1);
  rig_done(&rig);
}

Test(disk, options__choose_devices_and_partitions)
{
  struct rig rig;

  rig_init(&rig, "storage-linux5.10");
  rig_start(&rig, "disk", "ignore=sd[b-z]*,dm-*,sda?;partitions=yes");
  rig_tick(&rig, 0);
  cr_expect(rig_has(&rig, "system.disk.io_time", "system.device=nvme1n1p2"));
  cr_expect(rig_has(&rig, "system.disk.io_time", "system.device=sda"));
  cr_expect(rig_has(&rig, "system.disk.io_time", "system.device=sr0"), "given options take the place of the defaults");
  cr_expect_not(rig_has(&rig, "system.disk.io_time", "system.device=sda1"));
  cr_expect_not(rig_has(&rig, "system.disk.io_time", "system.device=sdb"));
  cr_expect_not(rig_has(&rig, "system.disk.io_time", "system.device=dm-0"));
  rig_done(&rig);
}

Test(disk, wrong_option__is_an_error_that_names_it)
{
  struct rig rig;

  rig_init(&rig, "storage-linux5.10");
  rig_start(&rig, "disk", "partitions=perhaps");
  rig_expect_collector(&rig, "error", "\"partitions\" must be yes or no");
  rig_start(&rig, "disk", "devices=sda");
  rig_expect_collector(&rig, "error", "no option \"devices\"");
  rig_done(&rig);
}

Test(disk, sys_that_marks_partitions__is_believed_over_names)
{
  struct rig rig;

  rig_init(&rig, NULL);
  rig_write(&rig, "proc/diskstats",
            LINE("odd", "10", "1000") LINE("odd7", "10", "1000") LINE("sda1", "10", "1000") LINE("a!b/c", "1", "1"));
  rig_write(&rig, "sys/class/block/odd7/partition", "7\n");
  rig_write(&rig, "sys/class/block/a!b!c/partition", "7\n");
  rig_start(&rig, "disk", "");
  rig_tick(&rig, 0);
  cr_expect(rig_has(&rig, "system.disk.io_time", "system.device=odd"));
  cr_expect(rig_has(&rig, "system.disk.io_time", "system.device=sda1"));
  cr_expect_not(rig_has(&rig, "system.disk.io_time", "system.device=odd7"));
  cr_expect_not(rig_has(&rig, "system.disk.io_time", "system.device=a!b/c"));
  rig_done(&rig);
}

Test(disk, container_without_diskstats__is_absent)
{
  struct rig rig;

  rig_init(&rig, "container-minimal");
  rig_start(&rig, "disk", "");
  rig_tick(&rig, 0);
  rig_expect_collector(&rig, "absent", "/proc/diskstats");
  rig_done(&rig);
}
