#include "rig.h"

#include "collectors/filesystem.h"
#include "collectors/mounts.h"

static mst_mounts
choose(const char *text, const mst_mount_choice *choice, mst_err expected)
{
  mst_mounts mounts = {0};
  mst_errctx ctx = {0};

  cr_assert_eq(mst_mounts_choose(text, strlen(text), choice, &mounts, &ctx), expected, "%s", ctx.text);
  return mounts;
}

static const mst_mount *
mount_at(const mst_mounts *mounts, const char *mountpoint)
{
  for (size_t i = 0; i < mounts->count; i++) {
    if (strcmp(mounts->list[i].mountpoint, mountpoint) == 0)
      return &mounts->list[i];
  }
  return NULL;
}

static const mst_mount_choice usual;

Test(mounts, real_file_systems__are_taken_and_others_not)
{
  mst_mounts mounts = choose("22 1 8:1 / / rw,relatime shared:1 master:2 - ext4 /dev/sda1 rw\n"
                             "23 22 0:5 / /run rw - tmpfs tmpfs rw\n"
                             "24 22 8:2 / /srv/a\\040b ro,relatime - xfs /dev/sda2 rw\n"
                             "25 22 8:3 / /boot rw - vfat /dev/sda3 ro,errors=remount-ro\n"
                             "26 22 0:30 / /net rw - nfs4 host:/x rw\n"
                             "27 22 7:1 / /snap/x/1 ro - squashfs /dev/loop1 ro\n",
                             &usual, MST_OK);

  cr_expect_eq(mounts.count, 3);
  cr_assert_not_null(mount_at(&mounts, "/"));
  cr_expect_str_eq(mount_at(&mounts, "/")->type, "ext4");
  cr_expect_str_eq(mount_at(&mounts, "/")->device, "/dev/sda1");
  cr_expect_not(mount_at(&mounts, "/")->is_read_only);
  cr_assert_not_null(mount_at(&mounts, "/srv/a b"));
  cr_expect(mount_at(&mounts, "/srv/a b")->is_read_only);
  cr_expect(mount_at(&mounts, "/boot")->is_read_only, "the file system turned read-only");
  mst_mounts_done(&mounts);
}

Test(mounts, bind_mounts__count_once_where_the_whole_is)
{
  mst_mounts mounts = choose("22 1 8:1 /var/lib/x/hosts /a rw - ext4 /dev/sda1 rw\n"
                             "23 1 8:1 / /long/er/path rw - ext4 /dev/sda1 rw\n"
                             "24 1 8:1 / /long rw - ext4 /dev/sda1 rw\n"
                             "25 1 8:1 /etc /b rw - ext4 /dev/sda1 rw\n",
                             &usual, MST_OK);

  cr_expect_eq(mounts.count, 1);
  cr_expect_not_null(mount_at(&mounts, "/long"));
  mst_mounts_done(&mounts);
}

Test(mounts, hidden_mount__is_left_out)
{
  mst_mounts mounts = choose("22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
                             "23 22 8:2 / /data rw - ext4 /dev/sda2 rw\n"
                             "24 22 0:9 / /data rw - tmpfs over rw\n",
                             &usual, MST_OK);

  cr_expect_eq(mounts.count, 1);
  cr_expect_null(mount_at(&mounts, "/data"));
  mst_mounts_done(&mounts);
}

Test(mounts, options__add_types_and_mounts_and_leave_out)
{
  static const char *const types_list[] = {"tmpfs"}, *const mounts_list[] = {"/b"}, *const ignore_list[] = {"/srv/*"};
  const mst_option types = {"types", types_list, 1}, wanted = {"mounts", mounts_list, 1}, ignore = {"ignore", ignore_list, 1};
  const mst_mount_choice choice = {.types = &types, .mounts = &wanted, .ignore = &ignore};
  mst_mounts mounts = choose("22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
                             "23 22 0:5 / /run rw - tmpfs tmpfs rw\n"
                             "24 22 8:1 /x /b rw - ext4 /dev/sda1 rw\n"
                             "25 22 8:5 / /srv/x rw - ext4 /dev/sda5 rw\n",
                             &choice, MST_OK);

  cr_expect_eq(mounts.count, 3);
  cr_expect_not_null(mount_at(&mounts, "/"));
  cr_expect_not_null(mount_at(&mounts, "/run"));
  cr_expect_not_null(mount_at(&mounts, "/b"));
  mst_mounts_done(&mounts);
}

Test(mounts, container__has_its_overlay_root)
{
  mst_mounts mounts = choose("22 1 0:40 / / rw - overlay overlay rw\n23 22 0:41 / /var/x rw - overlay overlay rw\n", &usual, MST_OK);

  cr_expect_eq(mounts.count, 1);
  cr_expect_not_null(mount_at(&mounts, "/"));
  mst_mounts_done(&mounts);
}

Test(mounts, more_than_the_limit__are_counted)
{
  static char text[64 * (MST_MOUNTS_MAX + 20)];
  size_t length = 0;

  for (int i = 0; i < MST_MOUNTS_MAX + 7; i++)
    length += (size_t)snprintf(text + length, sizeof text - length, "22 1 8:%d / /d%d rw - ext4 /dev/sd rw\n", i, i);

  mst_mounts mounts = choose(text, &usual, MST_OK);

  cr_expect_eq(mounts.count, MST_MOUNTS_MAX);
  cr_expect_eq(mounts.over, 7);
  mst_mounts_done(&mounts);
}

Test(mounts, broken_lines__are_reported_and_the_others_kept)
{
  static const char *const broken[] = {"22 1 8:1 / /",
                                       "x 1 8:1 / / rw - ext4 /dev/sda1 rw",
                                       "22 1 8 / / rw - ext4 /dev/sda1 rw",
                                       "22 1 8:x / / rw - ext4 /dev/sda1 rw",
                                       "22 1 8:1 / relative rw - ext4 /dev/sda1 rw",
                                       "22 1 8:1 / / rw ext4 /dev/sda1 rw",
                                       "22 1 8:1 / / rw - ext4",
                                       "22 1 99999999999:1 / / rw - ext4 /dev/sda1 rw"};

  for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
    char text[512];

    snprintf(text, sizeof text, "%s\n23 22 8:2 / /data rw - ext4 /dev/sda2 rw\n", broken[i]);

    mst_mounts mounts = choose(text, &usual, MST_EMALFORMED);

    cr_expect_eq(mounts.count, 1, "%s", broken[i]);
    mst_mounts_done(&mounts);
  }
  choose("", &usual, MST_EMALFORMED);
}

Test(mount_unescape, escapes_and_what_only_looks_like_one__are_told_apart)
{
  static const struct {
    const char *text, *expected;
  } cases[] = {{"/a\\040b", "/a b"}, {"\\134", "\\"},          {"\\04", "\\04"}, {"\\999", "\\999"},
               {"\\777", "\\777"},   {"a\\011\\012", "a\t\n"}, {"\\", "\\"}};

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char out[32];

    mst_mount_unescape(mst_scan_over(cases[i].text, strlen(cases[i].text)), out, sizeof out);
    cr_expect_str_eq(out, cases[i].expected);
  }

  char small[4];

  cr_expect_eq(mst_mount_unescape(mst_scan_over("abcdef", 6), small, sizeof small), 6);
  cr_expect_str_eq(small, "abc");
}

Test(filesystem_compute, usual_disk__counts_as_df_does)
{
  const struct statvfs stat = {.f_frsize = 4096, .f_blocks = 1000, .f_bfree = 400, .f_bavail = 350, .f_files = 100, .f_ffree = 25};
  mst_filesystem_figures figures;
  mst_errctx ctx = {0};

  cr_assert_eq(mst_filesystem_compute(&stat, &figures, &ctx), MST_OK);
  cr_expect_eq(figures.total, 4096000);
  cr_expect_eq(figures.used, 600 * 4096);
  cr_expect_eq(figures.free, 350 * 4096);
  cr_expect_eq(figures.reserved, 50 * 4096);
  cr_expect_float_eq(figures.utilization, 600.0 / 950, 1e-12);
  cr_expect_float_eq(figures.inodes_utilization, 0.75, 1e-12);
}

Test(filesystem_compute, odd_figures__are_handled)
{
  const struct statvfs full = {.f_frsize = 4096, .f_blocks = 100, .f_bfree = 5, .f_bavail = 0};
  const struct statvfs nonsense = {.f_frsize = 4096, .f_blocks = 100, .f_bfree = 50, .f_bavail = UINT64_MAX};
  const struct statvfs huge = {.f_frsize = 65536, .f_blocks = UINT64_MAX, .f_bfree = UINT64_MAX, .f_bavail = UINT64_MAX};
  const struct statvfs none = {.f_frsize = 4096}, over = {.f_frsize = 1, .f_blocks = 1, .f_bfree = 2};
  const struct statvfs inodes = {.f_frsize = 1, .f_blocks = 1, .f_files = 1, .f_ffree = 2};
  mst_filesystem_figures figures = {.total = 7};
  mst_errctx ctx = {0};

  cr_expect_eq(mst_filesystem_compute(&none, &figures, &ctx), MST_EABSENT);
  cr_expect_eq(mst_filesystem_compute(&over, &figures, &ctx), MST_EMALFORMED);
  cr_expect_eq(mst_filesystem_compute(&inodes, &figures, &ctx), MST_EMALFORMED);
  cr_expect_eq(figures.total, 7);
  cr_expect_eq(mst_filesystem_compute(&full, &figures, &ctx), MST_OK);
  cr_expect_eq(figures.utilization, 1);
  cr_expect_not(figures.has_inodes);
  cr_expect_eq(mst_filesystem_compute(&nonsense, &figures, &ctx), MST_OK);
  cr_expect_eq(figures.free, 50 * 4096);
  cr_expect_eq(mst_filesystem_compute(&huge, &figures, &ctx), MST_OK);
  cr_expect(figures.total > 1e24 && figures.utilization == 0);
}

#define ROOT_LABELS "system.device=/dev/vda,system.filesystem.mountpoint=/,system.filesystem.type=ext4"

Test(filesystem, captured_host__gives_its_root)
{
  struct rig rig;
  double sum;

  rig_init(&rig, "debian12-linux6.18");
  rig_start(&rig, "filesystem", "");
  rig_tick(&rig, 0);
  sum = rig_number(&rig, "system.filesystem.usage",
                   "system.device=/dev/vda,system.filesystem.mountpoint=/,system.filesystem.state=used,system.filesystem.type=ext4") +
        rig_number(&rig, "system.filesystem.usage",
                   "system.device=/dev/vda,system.filesystem.mountpoint=/,system.filesystem.state=free,system.filesystem.type=ext4") +
        rig_number(&rig, "system.filesystem.usage",
                   "system.device=/dev/vda,system.filesystem.mountpoint=/,system.filesystem.state=reserved,system.filesystem.type=ext4");
  cr_expect_eq(sum, rig_number(&rig, "system.filesystem.limit", ROOT_LABELS));
  rig_expect_state(&rig, "muster.filesystem.mode", ROOT_LABELS, "rw");
  cr_expect_not(
      rig_has(&rig, "system.filesystem.limit", "system.device=tmpfs,system.filesystem.mountpoint=/dev/shm,system.filesystem.type=tmpfs"));
  rig_done(&rig);
}

Test(filesystem, mount_that_turns_read_only_or_goes__is_said)
{
  struct rig rig;

  rig_init(&rig, "debian12-linux6.18");
  rig_write(&rig, "data/x", "");
  rig_write(&rig, "proc/self/mountinfo", "27 1 254:0 / / rw - ext4 /dev/vda rw\n28 27 254:16 / /data rw - xfs /dev/vdb rw\n");
  rig_start(&rig, "filesystem", "");
  rig_tick(&rig, 0);
  cr_expect(
      rig_has(&rig, "system.filesystem.limit", "system.device=/dev/vdb,system.filesystem.mountpoint=/data,system.filesystem.type=xfs"));
  rig_write(&rig, "proc/self/mountinfo", "27 1 254:0 / / ro - ext4 /dev/vda rw\n");
  rig_tick(&rig, MST_NS_PER_S);
  rig_expect_missing(&rig, "system.filesystem.limit",
                     "system.device=/dev/vdb,system.filesystem.mountpoint=/data,system.filesystem.type=xfs", MST_SAMPLE_ABSENT,
                     "no longer there");
  rig_expect_state(&rig, "muster.filesystem.mode", ROOT_LABELS, "ro");
  rig_done(&rig);
}

Test(filesystem, mount_that_cannot_be_reached__is_an_error_of_its_own)
{
  struct rig rig;

  rig_init(&rig, "debian12-linux6.18");
  rig_write(&rig, "proc/self/mountinfo", "27 1 254:0 / / rw - ext4 /dev/vda rw\n28 27 254:16 / /data rw - xfs /dev/vdb rw\n");
  rig_start(&rig, "filesystem", "");
  rig_tick(&rig, 0);
  rig_expect_missing(&rig, "system.filesystem.limit",
                     "system.device=/dev/vdb,system.filesystem.mountpoint=/data,system.filesystem.type=xfs", MST_SAMPLE_ERROR, "/data");
  cr_expect(rig_has(&rig, "system.filesystem.limit", ROOT_LABELS));
  rig_expect_collector(&rig, "ok", "");
  rig_done(&rig);
}

Test(filesystem, storage_host__reports_each_file_system_once)
{
  struct rig rig;
  char path[64];

  rig_init(&rig, "storage-linux5.10");
  for (int i = 0; i < 24; i++) {
    snprintf(path, sizeof path, "srv/node/d%d/x", i);
    rig_write(&rig, path, "");
  }
  rig_start(&rig, "filesystem", "");
  rig_tick(&rig, 0);
  rig_expect_collector(&rig, "ok", "");
  cr_expect(rig_has(&rig, "system.filesystem.limit", "system.device=/dev/md0,system.filesystem.mountpoint=/,system.filesystem.type=xfs"));
  cr_expect(rig_has(&rig, "system.filesystem.limit",
                    "system.device=/dev/disk 23,system.filesystem.mountpoint=/srv/node/d23,system.filesystem.type=xfs"));
  cr_expect_not(rig_has(&rig, "system.filesystem.limit",
                        "system.device=/dev/disk 3,system.filesystem.mountpoint=/srv/node/d3,system.filesystem.type=xfs"),
                "hidden by a tmpfs");

  size_t limits = 0;

  for (uint32_t i = 0; i < mst_sampler_series_count(rig.sampler); i++)
    limits += mst_text_equal(mst_sampler_series_at(rig.sampler, i)->name, "system.filesystem.limit");
  cr_expect_eq(limits, 24);
  rig_done(&rig);
}

Test(filesystem, real_root__is_read_and_the_list_of_mounts_watched)
{
  struct rig rig;

  rig_init(&rig, NULL);
  rmdir(rig.root);
  snprintf(rig.root, sizeof rig.root, "/");
  rig_start(&rig, "filesystem", "types=tmpfs,proc;mounts=/proc");
  rig_tick(&rig, 0);
  rig_expect_collector(&rig, "ok", "");
  uint32_t count = mst_sampler_series_count(rig.sampler);
  rig_tick(&rig, MST_NS_PER_S);
  cr_expect_eq(mst_sampler_series_count(rig.sampler), count);
  cr_expect_gt(count, 1);
  mst_sampler_destroy(rig.sampler);
  mst_report_writer_done(&rig.writer);
  mst_buf_done(&rig.body);
}
