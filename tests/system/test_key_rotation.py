"""The controller changes its key: agents that hear of it in time follow, one that was away too long enrols anew."""
import os
import pathlib
import signal
import subprocess
import tempfile

import harness


def pin(agent):
    return (agent.folder / "state" / "controller.pub").read_text()


def key_of(site):
    return site.get("status")["controller_key"]


def enrol(agent, token):
    return subprocess.run([str(harness.AGENT), "enrol", token, "--config", str(agent.config)], capture_output=True, text=True, timeout=60)


def test_key_change__agents_follow_and_one_that_was_away_all_the_time_enrols_anew(tmp_path):
    with harness.Site(tmp_path, key_overlap="6s") as site:
        site.start()
        stays = site.agent("stays", config={"uplink": {"backoff_max": "1s"}})
        back_in_time = site.agent("back-in-time", config={"uplink": {"backoff_max": "1s"}})
        too_late = site.agent("too-late", config={"uplink": {"backoff_max": "1s"}})
        agents = (stays, back_in_time, too_late)
        harness.wait_until(lambda: all(host["last_report_at"] for host in site.hosts().values()), 20, "all report")
        ids = {agent.name: agent.id for agent in agents}
        old_token, old_key = site.token("web"), key_of(site)
        back_in_time.stop()
        too_late.stop()

        next_key = next(word.rstrip(",") for word in site.musterd("--rotate-key").stdout.split() if word.startswith("ed25519:"))
        assert site.musterd("--rotate-key", check=False).returncode == 70, "one change at a time"
        assert next_key not in pin(stays)
        site.program.process.send_signal(signal.SIGHUP)
        harness.wait_until(lambda: f"next {next_key}" in pin(stays), 5, "an agent that reports hears of the next key")
        assert key_of(site) == old_key
        back_in_time.start()
        harness.wait_until(lambda: next_key in pin(back_in_time), 5, "one that comes back hears of it, too")

        # A controller that dies in between changes over all the same.
        site.kill()
        site.start()
        harness.wait_until(lambda: key_of(site) == next_key, 20, "the change")
        for agent in (stays, back_in_time):
            harness.wait_until(lambda: pin(agent).split() == [next_key], 20, "the old key is believed no longer")
        assert (site.folder / "controller" / "controller.key.old").exists()

        too_late.start()
        harness.wait_until(lambda: next_key not in pin(too_late) and "enrol" in too_late.program.text(), 30, "it says what to do")
        assert too_late.program.running()
        made = sum(map(len, harness.ledger(too_late)[0].values()))
        harness.wait_until(lambda: sum(map(len, harness.ledger(too_late)[0].values())) > made + 5, 20, "it goes on measuring")
        too_late.stop()
        done = enrol(too_late, old_token)
        assert done.returncode == 70 and "not from the controller that made this token" in done.stderr, "a token of before the change names the old key"
        done = enrol(too_late, site.token("web"))
        assert done.returncode == 0, done.stdout + done.stderr
        too_late.start()

        for agent in agents:
            assert agent.id == ids[agent.name], "it is the same agent"
            harness.assert_all_arrives(site, agent)
        site.stop()
        assert "sound" in site.musterd("--verify").stdout
        site.start()
        assert key_of(site) == next_key
        site.stop()


def test_commands_as_root__leave_nothing_that_the_service_cannot_open():
    """The state folder belongs to the service's user, and an admin runs musterd's commands with sudo."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        state = folder / "state"
        state.mkdir(mode=0o700)
        os.chown(state, 65534, 65534)
        site = harness.Site(folder, state_dir=str(state))
        site.first_operator()
        site.musterd("--rotate-key")
        files = list(state.iterdir())
        assert len(files) >= 3
        assert {(file.stat().st_uid, file.stat().st_gid) for file in files} == {(65534, 65534)}, files
