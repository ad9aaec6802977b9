"""Three hosts in network namespaces: they are seen, they fall silent, they come back (issue 2, point 2)."""
import harness

CHECKLIST = """
checklist: three-hosts
title: Three hosts
version: "1"
period: 10m
policy: {sign_offs: [], max_gap: 2s}
sections: [{id: "1", title: Hosts}]
items:
  - id: "1.1"
    title: Every host has a CPU
    class: S
    check: {signal: system.cpu.logical.count, stat: last, over: 5s, target: ">= 1"}
  - id: "1.2"
    title: The web hosts have memory
    class: S
    check: {signal: system.memory.limit, stat: last, over: 5s, hosts: {role: web}, target: "> 0kB"}
  - id: "1.3"
    title: The database host has memory
    class: S
    critical: true
    check: {signal: system.memory.limit, stat: last, over: 5s, hosts: {role: db}, target: "> 0kB"}
"""


def three_hosts(tmp_path, network):
    namespace, address = network.host("controller")
    site = harness.Site(tmp_path, address, namespace)
    site.checklist("three-hosts", CHECKLIST)
    site.start()
    agents = {name: site.agent(name, role, network.host(name)[0]) for name, role in (("web-1", "web"), ("web-2", "web"), ("db-1", "db"))}
    harness.wait_until(lambda: sum(1 for host in site.hosts().values() if host["last_report_at"]) == 3, 20, "three hosts report")
    return site, agents


def outcomes(site):
    return {item["id"]: item["outcome"] for item in site.items().values()}


def test_three_hosts__one_stops__items_turn_no_data_and_the_verdict_falls(tmp_path, network):
    site, agents = three_hosts(tmp_path, network)
    with site:
        listing = site.cli("agents").stdout
        assert all(name in listing for name in agents), listing
        assert all(len(line) <= 80 for line in listing.splitlines()), listing
        site.run_start("three-hosts")
        harness.wait_until(lambda: set(outcomes(site).values()) == {"PASS"}, 20, "every item passes")
        assert site.verdict()["verdict_so_far"] == "GO"

        agents["db-1"].stop()
        # Three intervals of 200 ms, an evaluation every 200 ms, and the time to ask.
        harness.wait_until(lambda: outcomes(site)["1.3"] == "NO_DATA", 5, "the items of the silent host turn NO_DATA")
        assert outcomes(site)["1.1"] == "NO_DATA"
        assert outcomes(site)["1.2"] == "PASS", "hosts that go on are not touched"
        assert site.verdict()["verdict_so_far"] == "NO_GO"
        assert "db-1" in site.items()["1.3"]["reason"]
        assert site.hosts()["db-1"]["state"] == "silent"

        agents["db-1"].start()
        harness.wait_until(lambda: set(outcomes(site).values()) == {"PASS"}, 20, "the host is back")


def test_three_hosts__a_link_is_cut__the_backlog_fills_the_gap(tmp_path, network):
    site, agents = three_hosts(tmp_path, network)
    with site:
        site.run_start("three-hosts")
        harness.wait_until(lambda: set(outcomes(site).values()) == {"PASS"}, 20, "every item passes")
        network.cut("web-2")
        harness.wait_until(lambda: outcomes(site)["1.2"] == "NO_DATA", 10, "the host that is cut off is NO_DATA")
        made_before, _ = harness.ledger(agents["web-2"])
        harness.wait_until(lambda: sum(map(len, harness.ledger(agents["web-2"])[0].values())) > sum(map(len, made_before.values())) + 10, 20,
                           "the host goes on measuring")
        network.heal("web-2")
        harness.wait_until(lambda: outcomes(site)["1.2"] == "PASS", 30, "the host is back")
        harness.wait_until(lambda: harness.missing(site, agents["web-2"]) == [], 30, "every record of the gap is stored")
