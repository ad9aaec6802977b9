"""Tails of a systemd journal: a real journald writes, rotates and vacuums it (issue 3, logs)."""
import random
import time

import pytest

import harness
import journald
import planted

PLAN = """
plan: journal
interval: 200ms
jitter: 0
collectors: [{{name: uptime}}]
tails:
  - {{name: app, journal: {journal}, cpu_share: 100%, rules: {{bad: broken, tenth: 'n=\\d*0 '}}}}
"""

CHECKLIST = """
checklist: journal
title: A journal
version: "1"
period: 48h
policy: {sign_offs: [], coverage: 1%, max_gap: 30m}
sections: [{id: "1", title: Journal}]
items:
"""


def item(name, where, target, stat="increase", signal="muster.log.records"):
    where = f"where: {where}, " if where else ""
    return f'  - {{id: "{name}", title: T, class: S, check: {{signal: {signal}, {where}stat: {stat}, hosts: measuring, target: "{target}"}}}}\n'


def start(site, tmp_path, journal, items):
    plan = tmp_path / "plan.yml"
    plan.write_text(PLAN.format(journal=journal))
    site.settings["plan"] = str(plan)
    site.checklist("journal", CHECKLIST + "".join(items))
    site.start()
    agent = site.agent("api-1", "api")
    harness.wait_until(lambda: "plan-in-force" in agent.program.text(), 20, "the plan is in force")
    site.run_start("journal")
    return agent


def value(site, name):
    """What was counted for an item: "3 (increase)"."""
    return str(site.items()[name]["checks"][0].get("value")).split()[0]


def state(site):
    return {name: (one["outcome"], one["checks"][0].get("value"), one.get("reason")) for name, one in site.items().items()}


def wait_for(site, outcomes, timeout=30):
    try:
        harness.wait_until(lambda: {name: one[0] for name, one in state(site).items() if name in outcomes} == outcomes, timeout, "the items are decided")
    except AssertionError:
        raise AssertionError(state(site))
    return state(site)


@pytest.fixture
def journal(tmp_path):
    with journald.Journald(tmp_path / "journald") as journal:
        yield journal


def test_entries__are_counted_by_level_and_rule(site, tmp_path, journal):
    journal.send("broken before the agent came", PRIORITY=3)
    wanted = {"info": 3, "warn": 2, "error": 3, "fatal": 1, "unknown": 0}
    items = [item(f"1.{number}", f"{{level: {level}}}", f"== {count}") for number, (level, count) in enumerate(wanted.items())]
    items.append(item("1.7", "{rule: bad}", "== 5"))
    items.append(item("1.8", "", "== 0", signal="muster.log.lost"))
    items.append(item("1.9", "", "== 1", signal="muster.log.invalid_lines"))
    items.append(item("1.10", "", "== 1", signal="muster.log.secrets"))
    start(site, tmp_path, f"{{path: {journal.path}, identifiers: [app, 'web*']}}", items)
    wait_for(site, {"1.8": "PASS"})
    journal.send("started\nERROR is only a word of this record, broken", PRIORITY=6, SYSLOG_IDENTIFIER="app")
    journal.send("WARNING: of its own level, broken", PRIORITY=6, SYSLOG_IDENTIFIER="app")
    journal.send('{\n  "level": "warn", "message": "JSON over two lines"\n}', PRIORITY=3, SYSLOG_IDENTIFIER="app")
    journal.send(b"broken bytes \xff\xfe\0", PRIORITY=2, SYSLOG_IDENTIFIER="app")
    journal.send(f"it failed with {planted.KEY}", PRIORITY=3, SYSLOG_IDENTIFIER="web1")
    journal.send("not asked for, broken", PRIORITY=3, SYSLOG_IDENTIFIER="other")
    # Two services at once, line by line: neither's trace goes on with the other's.
    one, two = journal.output("web1"), journal.output("web2")
    trace = ["Traceback (most recent call last):\n", '  File "app.py", line 7, in run\n', "ValueError: broken\n"]
    for line in trace:
        for stream in (one, two):
            stream.sendall(line.encode())
            time.sleep(0.05)
    one.sendall(b"one goes on\n")
    two.sendall(b"two goes on\n")
    wait_for(site, {name: "PASS" for name in state(site)})
    one.close()
    two.close()


def test_rotations_and_kills__every_entry_is_counted_once(site, tmp_path, journal, full):
    entries, kills = (200_000, 40) if full else (20_000, 12)
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    items = [item("1.1", "{level: warn}", f"== {entries}"), item("1.2", "{rule: tenth}", f"== {entries // 10}"), item("1.3", "", "== 0", signal="muster.log.lost")]
    agent = start(site, tmp_path, f"{{path: {journal.path}}}", items)
    wait_for(site, {"1.3": "PASS"})
    written, steps = 0, kills * 5
    for turn in range(steps):
        for _ in range(entries // steps if turn < steps - 1 else entries - written):
            journal.send(f"n={written} of this run, padded {'x' * chance.randrange(200)}", PRIORITY=4, SYSLOG_IDENTIFIER=f"w{written % 5}")
            written += 1
        if chance.random() < 0.2:
            journal.rotate()
        time.sleep(chance.random() * 0.1)
        if turn % 5 == 4:
            agent.kill()
            if chance.random() < 0.5:
                journal.rotate()
            agent.start()
    assert written == entries and len(journal.archived()) > 5, "there were rotations"
    wait_for(site, {"1.1": "PASS", "1.2": "PASS", "1.3": "PASS"}, 120 if full else 40)
    # What is counted twice comes later: two more evaluations.
    version = site.get("verdict")["version"]
    harness.wait_until(lambda: site.get("verdict")["version"] > version + 1, 20, "the verdict goes on")
    now = state(site)
    assert {one[0] for one in now.values()} == {"PASS"}, (seed, now)


NONE_LOST = [item("1.1", "{rule: bad}", "== 0"), item("1.2", "", "== 0", signal="muster.log.lost")]


def test_vacuumed_while_the_agent_was_down__is_lost_and_no_data(site, tmp_path, journal):
    journal.send("before")
    agent = start(site, tmp_path, f"{{path: {journal.path}}}", NONE_LOST)
    wait_for(site, {"1.1": "PASS", "1.2": "PASS"})
    agent.kill()
    journal.send("this one nobody reads")
    journal.wait_for("this one nobody reads")
    journal.rotate()
    journal.vacuum()
    journal.send("after")
    agent.start()
    wait_for(site, {"1.1": "NO_DATA", "1.2": "FAIL"})
    assert value(site, "1.2") == "1", state(site)


def test_vacuumed_after_it_was_read__is_no_loss(site, tmp_path, journal):
    journal.send("before")
    items = [*NONE_LOST, item("1.3", "{level: warn}", "== 3")]
    agent = start(site, tmp_path, f"{{path: {journal.path}}}", items)
    wait_for(site, {"1.1": "PASS", "1.2": "PASS"})
    journal.send("one", PRIORITY=4)
    harness.wait_until(lambda: value(site, "1.3") == "1", 20, "it is counted")
    journal.rotate()
    journal.vacuum()
    journal.send("two", PRIORITY=4)
    harness.wait_until(lambda: value(site, "1.3") == "2", 20, "it is counted")
    agent.kill()
    journal.rotate()
    journal.vacuum()
    agent.start()
    journal.send("three", PRIORITY=4)
    wait_for(site, {"1.1": "PASS", "1.2": "PASS", "1.3": "PASS"})


def test_no_journal__no_data_with_what_is_missing(site, tmp_path):
    start(site, tmp_path, f"{{path: {tmp_path}/nowhere}}", NONE_LOST)
    harness.wait_until(lambda: "nowhere: no journal is kept there" in state(site)["1.1"][2], 20, "the reason is said")
    wait_for(site, {"1.1": "NO_DATA"})
