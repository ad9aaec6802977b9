"""Backing up a controller that is at work, and going on from the copy in another folder."""
import json
import shutil

import harness

CHECKLIST = """
checklist: backed-up
title: Backed up
version: "1"
period: {period}
policy: {{sign_offs: [], freeze: 1s, max_gap: 2s}}
sections: [{{id: "1", title: Hosts}}]
items:
  - {{id: "1.1", title: A CPU, class: S, critical: true, check: {{signal: system.cpu.logical.count, stat: last, over: 5s, target: ">= 1"}}}}
  - {{id: "1.2", title: Too many CPUs, class: S, check: {{signal: system.cpu.logical.count, stat: last, over: 5s, target: ">= 1000000"}}}}
"""


def made(agent):
    return {(session, sequence) for session, records in harness.ledger(agent)[0].items() for sequence in records}


def acknowledged(agent):
    lines = (line.split() for line in (agent.folder / "ledger").read_text().splitlines())
    return {(words[1], int(words[2])) for words in lines if words[0] == "stored"}


def taken(site, agent):
    return {(session, sequence) for session, entry in agent.sessions().items() for sequence in harness.expand(entry["ranges"])}


def restore(site, copy):
    """As docs/operations.md says it, but into a new folder."""
    old, new = site.folder / "controller", site.folder / "restored"
    new.mkdir(mode=0o700)
    shutil.copy(copy, new / "muster.db")
    shutil.copy(old / "controller.key", new / "controller.key")
    site.settings["state_dir"] = new
    site.write_config()


def people_and_runs(site):
    agents = {agent["id"]: (agent["hostname"], agent["labels"], agent["key"]) for agent in site.get("agents")["agents"]}
    return agents, site.get("operators"), site.get("tokens"), [(run["id"], run["checklist"]) for run in site.get("runs")["runs"]]


def test_backup_while_agents_report__restored_elsewhere__the_same_and_nothing_twice(site):
    site.checklist("short", CHECKLIST.format(period="4s"))
    site.checklist("long", CHECKLIST.format(period="10m"))
    site.start()
    stays, restarts = site.agent("web-1", "web"), site.agent("db-1", "db")
    harness.wait_until(lambda: all(host["last_report_at"] for host in site.hosts().values()), 20, "both report")
    site.cli("agents", "label", "web-1", "zone=a")
    decided = site.run_start("short")
    harness.wait_until(lambda: site.get(f"runs/{decided}")["state"] == "decided", 30, "the first run is decided")
    verdict = json.loads(site.cli("decide", "--run", decided, "--json", check=False).stdout)
    running = site.run_start("long")
    harness.wait_until(lambda: site.items()["1.1"]["outcome"] == "PASS", 20, "the second run is judged")

    before = {agent.name: taken(site, agent) for agent in (stays, restarts)}
    copy = site.folder / "copy.db"
    said = site.musterd("--backup", copy).stdout
    assert "controller.key" in said, "what else is to be kept"
    assert copy.stat().st_mode & 0o077 == 0
    known = people_and_runs(site)
    assert site.musterd("--backup", copy, check=False).returncode == 70, "a copy is never written over"

    # After the copy: acknowledged work, and a session that the copy does not know.
    restarts.stop()
    restarts.start()
    count = {agent.name: len(acknowledged(agent)) for agent in (stays, restarts)}
    harness.wait_until(lambda: all(len(acknowledged(agent)) > count[agent.name] + 10 for agent in (stays, restarts)), 20, "more is acknowledged")
    site.kill()
    forgotten = {agent.name: acknowledged(agent) for agent in (stays, restarts)}
    count = {agent.name: len(made(agent)) for agent in (stays, restarts)}
    harness.wait_until(lambda: all(len(made(agent)) > count[agent.name] + 10 for agent in (stays, restarts)), 20, "they go on without a controller")

    restore(site, copy)
    assert "sound" in site.musterd("--verify").stdout
    site.start()
    assert people_and_runs(site) == known
    assert json.loads(site.cli("decide", "--run", decided, "--json", check=False).stdout) == verdict
    assert site.get(f"runs/{running}")["state"] == "running"
    for agent in (stays, restarts):
        assert before[agent.name] <= taken(site, agent), "what was stored before the copy is there"

    for agent in (stays, restarts):
        due = made(agent) - forgotten[agent.name]
        harness.wait_until(lambda: due <= taken(site, agent), 60, "the backlog arrives")
    began = site.verdict()["evaluated_at"]
    harness.wait_until(lambda: site.verdict()["evaluated_at"] > began and site.items()["1.1"]["outcome"] == "PASS", 30, "the run goes on")
    for agent in (stays, restarts):
        agent.stop()
    for agent in (stays, restarts):
        records, due = harness.ledger(agent)[0], made(agent) - forgotten[agent.name]
        harness.wait_until(lambda: due <= taken(site, agent), 20, "all that the old one had not acknowledged is here")
        for session, entry in agent.sessions().items():
            reports = [records[session][number][1] for number in harness.expand(entry["ranges"]) if records[session][number][0] == "report"]
            assert (entry["stored_reports"], entry["stored_samples"]) == (len(reports), sum(reports)), f"{agent.name}: each once"
        assert agent.sessions(), agent.name
    assert site.metrics().get("muster_conflicts_total", 0) == 0
    site.stop()
    assert "sound" in site.musterd("--verify").stdout
