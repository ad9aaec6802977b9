"""Nothing lost, nothing twice: kill -9, partitions, the spool's bound (issue 2, points 3 and 4)."""
import os
import random
import time

import harness


def settled(site, agents):
    """All agents have told everything: no record waits."""
    return all(harness.missing(site, agent) == [] for agent in agents)


def test_random_kills__of_agents_and_controller__every_sample_is_stored_exactly_once(tmp_path, full):
    seed = int(os.environ.get("MST_SEED", random.randrange(2**32)))
    print(f"MST_SEED={seed}")
    chance = random.Random(seed)
    kills = 200 if full else 24
    with harness.Site(tmp_path) as site:
        site.start()
        agents = [site.agent(f"host-{number}", config={"interval": "100ms"}) for number in range(3)]
        harness.wait_until(lambda: all(host["last_report_at"] for host in site.hosts().values()), 20, "all report")
        for _ in range(kills):
            time.sleep(chance.uniform(0.05, 0.6))  # the load runs on; when the kill comes is the random input
            victim = chance.choice([site, site, *agents])
            victim.kill()
            victim.start()
        harness.wait_until(lambda: settled(site, agents), 60, "everything is delivered after the last kill")
        for agent in agents:
            agent.stop()
        harness.wait_until(lambda: settled(site, agents), 30, "everything is delivered after the end")
        # Windows close one second and the grace after the last report; then the store must still say the same after a restart.
        for agent in agents:
            harness.assert_stored_exactly_once(site, agent)
        site.stop()
        site.start()
        for agent in agents:
            harness.assert_stored_exactly_once(site, agent)
        assert sum(len(records) for agent in agents for records in harness.ledger(agent)[0].values()) > kills, "there was load"


def test_partition__heals__nothing_is_lost(tmp_path, network, full):
    namespace, address = network.host("controller")
    with harness.Site(tmp_path, address, namespace) as site:
        site.start()
        agent = site.agent("web-1", namespace=network.host("web-1")[0])
        harness.wait_until(lambda: site.hosts()["web-1"]["last_report_at"], 20, "the host reports")
        network.cut("web-1")
        until = time.monotonic() + (180 if full else 12)
        harness.wait_until(lambda: time.monotonic() > until, 200, "the partition lasts", every=0.5)
        network.heal("web-1")
        harness.wait_until(lambda: harness.missing(site, agent) == [], 60, "the backlog arrives")
        agent.stop()
        harness.wait_until(lambda: harness.missing(site, agent) == [], 30, "the rest arrives")
        harness.assert_stored_exactly_once(site, agent)
        _, lost = harness.ledger(agent)
        assert lost == {}


def test_spool_bound__reached__the_loss_reported_equals_the_loss(tmp_path):
    with harness.Site(tmp_path) as site:
        site.start()
        agent = site.agent("web-1", config={"interval": "100ms", "spool": {"max_size": "256KiB"}})
        harness.wait_until(lambda: site.hosts()["web-1"]["last_report_at"], 20, "the host reports")
        site.stop()
        harness.wait_until(lambda: sum(map(len, harness.ledger(agent)[1].values())) > 20, 120, "the spool's bound is reached")
        site.start()
        harness.wait_until(lambda: harness.missing(site, agent) == [], 60, "the rest and the loss are told")
        agent.stop()
        harness.wait_until(lambda: harness.missing(site, agent) == [], 30, "the last of it")
        made, lost = harness.ledger(agent)
        harness.assert_stored_exactly_once(site, agent)
        told = site.hosts()["web-1"]
        assert told["lost_records"] == sum(map(len, lost.values()))
        assert told["lost_samples"] == sum(made[session][sequence][1] for session, numbers in lost.items() for sequence in numbers)
