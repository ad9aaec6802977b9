"""The controller's disk is full: it says so, agents keep their reports, and with room again everything arrives once."""
import os
import subprocess

import pytest

import harness


@pytest.fixture
def small_disk(tmp_path):
    """A state folder of 24 MiB."""
    folder = tmp_path / "controller"
    folder.mkdir(mode=0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m,mode=0700", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder):
    """Takes all the room that is left."""
    with open(folder / "filler", "ab", buffering=0) as filler:
        for size in (1 << 20, 1 << 12):
            try:
                while True:
                    filler.write(os.urandom(size))
            except OSError:
                pass
    return folder / "filler"


def test_disk_full__is_said_and_nothing_is_lost(tmp_path, small_disk):
    with harness.Site(tmp_path) as site:
        site.start()
        agents = [site.agent(f"host-{number}", config={"interval": "100ms"}) for number in range(2)]
        harness.wait_until(lambda: all(host["last_report_at"] for host in site.hosts().values()), 20, "all report")
        assert site.ask("/readyz")[0] == 200

        filler = fill(small_disk)
        harness.wait_until(lambda: site.metrics()["muster_disk_full"] == 1, 60, "the disk is full")
        status, text = site.ask("/readyz")
        assert status == 503 and "disk is full" in text
        assert site.ask("/healthz") == (200, "ok\n")
        assert "DISK FULL" in site.cli("status").stdout
        harness.wait_until(lambda: "event=disk-full" in site.program.text(), 5, "the log says so")
        harness.wait_until(lambda: site.metrics()["muster_envelopes_put_off_total"] > 0, 20, "agents are told to come later")
        made = {agent.name: sum(map(len, harness.ledger(agent)[0].values())) for agent in agents}
        harness.wait_until(lambda: all(sum(map(len, harness.ledger(agent)[0].values())) > made[agent.name] + 20 for agent in agents), 30,
                           "they go on measuring")
        assert site.ask("/readyz")[0] == 503

        filler.unlink()
        harness.wait_until(lambda: site.metrics()["muster_disk_full"] == 0 and site.ask("/readyz")[0] == 200, 30, "it goes on by itself")
        for agent in agents:
            agent.stop()
        for agent in agents:
            agent.start()
            harness.assert_all_arrives(site, agent)
        site.stop()
        assert "sound" in site.musterd("--verify").stdout
