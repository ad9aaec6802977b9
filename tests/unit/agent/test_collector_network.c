#include "rig.h"

#include "collectors/network.h"

static mst_err
parse(const char *text, mst_network_line *ret_line, mst_errctx *ctx)
{
  return mst_network_parse(mst_scan_over(text, strlen(text)), ret_line, ctx);
}

Test(network_parse, colon_with_and_without_a_blank__gives_the_same)
{
  static const char *const lines[] = {"  eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16", "eth0:1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16"};
  static const uint64_t expected[MST_NETWORK_FIGURES] = {1, 2, 3, 4, 9, 10, 11, 12};

  for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
    mst_network_line line;
    mst_errctx ctx = {0};

    cr_assert_eq(parse(lines[i], &line, &ctx), MST_OK, "%s", ctx.text);
    cr_expect(mst_scan_equal(line.name, "eth0"));
    cr_expect_arr_eq(line.figure, expected, sizeof expected);
  }
}

Test(network_parse, alias_with_a_colon__keeps_its_name)
{
  mst_network_line line;
  mst_errctx ctx = {0};

  cr_assert_eq(parse("eth0:1:18446744073709551615 2 3 4 5 6 7 8 9 10 11 12", &line, &ctx), MST_OK);
  cr_expect(mst_scan_equal(line.name, "eth0:1"));
  cr_expect_eq(line.figure[0], UINT64_MAX);
}

Test(network_parse, broken_line__is_refused_and_leaves_the_result)
{
  static const char *const broken[] = {"",
                                       ":",
                                       "eth0",
                                       ": 1 2 3 4 5 6 7 8 9 10 11 12",
                                       "eth0: 1 2 3 4 5 6 7 8 9 10 11",
                                       "eth0: a 2 3 4 5 6 7 8 9 10 11 12",
                                       "eth0: 1 2 3 4 5 6 7 8 -9 10 11 12",
                                       "eth0: 18446744073709551616 2 3 4 5 6 7 8 9 10 11 12"};

  for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
    mst_network_line line = {.figure = {7}};
    mst_errctx ctx = {0};

    cr_expect_eq(parse(broken[i], &line, &ctx), MST_EMALFORMED, "took \"%s\"", broken[i]);
    cr_expect_eq(line.figure[0], 7);
  }
}

Test(network_speed, what_drivers_write__is_told_apart)
{
  static const struct {
    const char *text;
    mst_err err;
    uint64_t speed;
  } cases[] = {{"1000\n", MST_OK, 1000000000}, {"200000\n", MST_OK, 200000000000}, {"-1\n", MST_EABSENT, 7},
               {"0\n", MST_EABSENT, 7},        {"65535\n", MST_EABSENT, 7},        {"4294967295\n", MST_EABSENT, 7},
               {"", MST_EMALFORMED, 7},        {"fast\n", MST_EMALFORMED, 7},      {"99999999999999\n", MST_EMALFORMED, 7}};

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    mst_errctx ctx = {0};
    uint64_t speed = 7;

    cr_expect_eq(mst_network_speed_parse(cases[i].text, strlen(cases[i].text), &speed, &ctx), cases[i].err, "\"%s\"", cases[i].text);
    cr_expect_eq(speed, cases[i].speed);
  }
}

#define HEAD "Inter-|   Receive\n face |bytes\n"

Test(network, two_samples__give_counters_and_the_used_share)
{
  struct rig rig;

  rig_init(&rig, NULL);
  rig_write(&rig, "sys/class/net/eth0/speed", "100\n");
  rig_write(&rig, "proc/net/dev", HEAD "    lo: 9 9 0 0 0 0 0 0 9 9 0 0 0 0 0 0\n  eth0: 1000 10 1 2 0 0 0 0 2000 20 3 4 0 0 0 0\n");
  rig_start(&rig, "network", "");
  rig_tick(&rig, 0);
  cr_expect_eq(rig_number(&rig, "system.network.io", "network.interface.name=eth0,network.io.direction=receive"), 1000);
  cr_expect_eq(rig_number(&rig, "system.network.packet.count", "network.interface.name=eth0,network.io.direction=transmit"), 20);
  cr_expect_eq(rig_number(&rig, "system.network.errors", "network.interface.name=eth0,network.io.direction=receive"), 1);
  cr_expect_eq(rig_number(&rig, "system.network.packet.dropped", "network.interface.name=eth0,network.io.direction=transmit"), 4);
  cr_expect_eq(rig_number(&rig, "muster.network.bandwidth.limit", "network.interface.name=eth0"), 100e6);
  cr_expect_not(rig_has(&rig, "system.network.io", "network.interface.name=lo,network.io.direction=receive"));
  rig_write(&rig, "proc/net/dev", HEAD "  eth0: 2000 10 1 2 0 0 0 0 12502000 20 3 4 0 0 0 0\n");
  rig_tick(&rig, 10 * MST_NS_PER_S);
  cr_expect_float_eq(rig_number(&rig, "muster.network.utilization", "network.interface.name=eth0"), 0.1, 1e-9);
  cr_expect_float_eq(rig_number(&rig, "muster.host.network.utilization", ""), 0.1, 1e-9);
  rig_done(&rig);
}

Test(network, link_that_loses_its_speed__makes_the_share_absent)
{
  struct rig rig;

  rig_init(&rig, NULL);
  rig_write(&rig, "sys/class/net/eth0/speed", "100\n");
  rig_write(&rig, "proc/net/dev", HEAD "  eth0: 1000 10 1 2 0 0 0 0 2000 20 3 4 0 0 0 0\n");
  rig_start(&rig, "network", "");
  rig_tick(&rig, 0);
  rig_tick(&rig, MST_NS_PER_S);
  cr_expect_eq(rig_number(&rig, "muster.network.utilization", "network.interface.name=eth0"), 0);
  rig_write(&rig, "sys/class/net/eth0/speed", "-1\n");
  rig_tick(&rig, 30 * MST_NS_PER_S);
  cr_expect_eq(rig_number(&rig, "muster.network.bandwidth.limit", "network.interface.name=eth0"), 100e6, "asked once a minute");
  rig_tick(&rig, 30 * MST_NS_PER_S);
  rig_expect_missing(&rig, "muster.network.bandwidth.limit", "network.interface.name=eth0", MST_SAMPLE_ABSENT, "no longer there");
  rig_expect_missing(&rig, "muster.network.utilization", "network.interface.name=eth0", MST_SAMPLE_ABSENT, "no longer there");
  rig_done(&rig);
}

Test(network, interface_that_comes_and_goes__is_followed)
{
  struct rig rig;

  rig_init(&rig, NULL);
  rig_write(&rig, "proc/net/dev", HEAD "  tun0: 1000 10 1 2 0 0 0 0 2000 20 3 4 0 0 0 0\n");
  rig_start(&rig, "network", "");
  rig_tick(&rig, 0);
  rig_write(&rig, "proc/net/dev", HEAD "  tun1: 1 10 1 2 0 0 0 0 2000 20 3 4 0 0 0 0\n");
  rig_tick(&rig, MST_NS_PER_S);
  rig_expect_missing(&rig, "system.network.io", "network.interface.name=tun0,network.io.direction=receive", MST_SAMPLE_ABSENT,
                     "no longer there");
  cr_expect_eq(rig_number(&rig, "system.network.io", "network.interface.name=tun1,network.io.direction=receive"), 1);
  rig_done(&rig);
}

Test(network, counters_of_32_bits__wrap)
{
  struct rig rig;

  rig_init(&rig, NULL);
  rig_write(&rig, "proc/net/dev", HEAD "  eth0: 4294967000 10 1 2 0 0 0 0 2000 20 3 4 0 0 0 0\n");
  rig_start(&rig, "network", "");
  rig_tick(&rig, 0);
  rig_write(&rig, "proc/net/dev", HEAD "  eth0: 704 10 1 2 0 0 0 0 2000 20 3 4 0 0 0 0\n");
  rig_tick(&rig, MST_NS_PER_S);
  cr_expect_eq(rig_number(&rig, "system.network.io", "network.interface.name=eth0,network.io.direction=receive"), 4294968000);
  rig_done(&rig);
}

Test(network, old_host__is_read_and_unknown_speeds_are_not_given)
{
  struct rig rig;

  rig_init(&rig, "centos6-linux2.6.32");
  rig_start(&rig, "network", "");
  rig_tick(&rig, 0);
  cr_expect_eq(rig_number(&rig, "system.network.io", "network.interface.name=eth0,network.io.direction=receive"), 4120918273645);
  cr_expect_eq(rig_number(&rig, "muster.network.bandwidth.limit", "network.interface.name=eth0"), 1e9);
  cr_expect_not(rig_has(&rig, "muster.network.bandwidth.limit", "network.interface.name=eth1"));
  cr_expect(rig_has(&rig, "system.network.io", "network.interface.name=eth1,network.io.direction=receive"));
  rig_done(&rig);
}

Test(network, interfaces_of_containers__are_left_out_but_not_every_veth)
{
  struct rig rig;

  rig_init(&rig, NULL);
  rig_write(&rig, "proc/net/dev",
            HEAD "veth1a2b3c4: 1 1 1 1 1 1 1 1 1 1 1 1\n veth0: 1 1 1 1 1 1 1 1 1 1 1 1\n veth-a: 1 1 1 1 1 1 1 1 1 1 1 1\n");
  rig_start(&rig, "network", "");
  rig_tick(&rig, 0);
  cr_expect_not(rig_has(&rig, "system.network.io", "network.interface.name=veth1a2b3c4,network.io.direction=receive"));
  cr_expect(rig_has(&rig, "system.network.io", "network.interface.name=veth0,network.io.direction=receive"));
  cr_expect(rig_has(&rig, "system.network.io", "network.interface.name=veth-a,network.io.direction=receive"));
  rig_start(&rig, "network", "ignore=veth0");
  rig_tick(&rig, 0);
  cr_expect(rig_has(&rig, "system.network.io", "network.interface.name=veth1a2b3c4,network.io.direction=receive"));
  rig_done(&rig);
}

Test(network, text_cut_short__is_an_error_but_keeps_the_lines_before)
{
  struct rig rig;

  rig_init(&rig, NULL);
  rig_write(&rig, "proc/net/dev", HEAD "  eth0: 1 1 1 1 1 1 1 1 1 1 1 1\n  eth1: 1 1 1 1 1 1 1 1 1 1 1 1");
  rig_start(&rig, "network", "");
  rig_tick(&rig, 0);
  cr_expect(rig_has(&rig, "system.network.io", "network.interface.name=eth0,network.io.direction=receive"));
  cr_expect_not(rig_has(&rig, "system.network.io", "network.interface.name=eth1,network.io.direction=receive"));
  rig_expect_collector(&rig, "error", "cut short");
  rig_write(&rig, "proc/net/dev", "");
  rig_tick(&rig, MST_NS_PER_S);
  rig_expect_collector(&rig, "error", "no head");
  rig_done(&rig);
}
