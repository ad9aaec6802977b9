#include "rig.h"

#include "collectors/uptime.h"

Test(uptime_parse, ten_years__are_read)
{
  mst_errctx ctx = {0};
  double uptime = 0;

  cr_assert_eq(mst_uptime_parse("315360000.42 1.00\n", 18, &uptime, &ctx), MST_OK);
  cr_expect_float_eq(uptime, 315360000.42, 1e-6);
}

Test(uptime_parse, broken_text__is_refused)
{
  static const char *const broken[] = {"", "\n", "x 1\n", "12.5" /* cut short */, "-1 0\n", "1e9 0\n"};

  for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
    mst_errctx ctx = {0};
    double uptime = 7;

    cr_expect_eq(mst_uptime_parse(broken[i], strlen(broken[i]), &uptime, &ctx), MST_EMALFORMED, "took \"%s\"", broken[i]);
    cr_expect_eq(uptime, 7);
  }
}

Test(boot_id_parse, anything_but_a_uuid__is_refused)
{
  static const char *const broken[] = {"", "716cfcba-818f-4a61-bf06-e0142e41ea1\n", "716cfcba-818f-4a61-bf06-e0142e41ea16a\n",
                                       "716cfcba+818f-4a61-bf06-e0142e41ea16\n", "716CFCBA-818f-4a61-bf06-e0142e41ea16\n"};
  char id[MST_BOOT_ID_BYTES + 1] = "";
  mst_errctx ctx = {0};

  for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++)
    cr_expect_eq(mst_boot_id_parse(broken[i], strlen(broken[i]), id, &ctx), MST_EMALFORMED, "took \"%s\"", broken[i]);
  cr_expect_str_eq(id, "");
  cr_expect_eq(mst_boot_id_parse("716cfcba-818f-4a61-bf06-e0142e41ea16\n", 37, id, &ctx), MST_OK);
  cr_expect_str_eq(id, "716cfcba-818f-4a61-bf06-e0142e41ea16");
}

Test(uptime, old_host__gives_uptime_and_boot)
{
  struct rig rig;

  rig_init(&rig, "centos6-linux2.6.32");
  rig_start(&rig, "uptime", "");
  rig_tick(&rig, 0);
  cr_expect_float_eq(rig_number(&rig, "system.uptime", ""), 3629441.86, 1e-6);
  rig_expect_state(&rig, "muster.host.boot.id", "", "5f2b1b1e-7a44-4d6a-9d0c-1fd33f0b9a51");
  rig_done(&rig);
}

Test(uptime, container_without_boot_id__gives_uptime_only)
{
  struct rig rig;

  rig_init(&rig, "container-minimal");
  rig_start(&rig, "uptime", "");
  rig_tick(&rig, 0);
  cr_expect_float_eq(rig_number(&rig, "system.uptime", ""), 41.17, 1e-9);
  cr_expect_not(rig_has(&rig, "muster.host.boot.id", ""));
  rig_done(&rig);
}
