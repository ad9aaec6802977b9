"""Containers of a real Docker Engine that come and go, while the agent, the daemon or both do not look (issue 3, point 4)."""
import os
import time

import pytest

import docker_engine
import harness

PLAN = """
plan: containers
interval: 500ms
jitter: 0
collectors:
  - name: uptime
  - name: docker
    options: {{socket: "{socket}", recover_within: 30s{more}}}
"""

HEAD = """
checklist: containers
title: Containers
version: "1"
period: 48h
policy: {sign_offs: [], coverage: 1%, max_gap: 30m}
sections: [{id: "1", title: All}]
items:
"""

TOTALS = """
  - {id: by-hand, title: None by hand, class: S, section: "1", check: {signal: muster.docker.restarts_by_hand, stat: increase, hosts: measuring, target: "== 0"}}
  - {id: recovered, title: All recovered, class: S, section: "1", check: {signal: muster.docker.not_recovered, stat: increase, hosts: measuring, target: "== 0"}}
  - {id: daemon, title: The daemon, class: S, section: "1", check: {signal: muster.docker.up, stat: last, hosts: measuring, target: "== 1"}}
"""

LOOP = ("sh", "-c", "sleep 0.1; exit 3")


def shown(name, signal, where):
    """An item of which only the value is looked at."""
    return f'  - {{id: {name}, title: {name}, class: S, section: "1", check: {{signal: {signal}, where: {where}, stat: last, hosts: measuring, target: ">= 0"}}}}\n'


def value(site, item):
    """In base units; 0 while it is not known."""
    text = (site.items()[item]["checks"][0].get("value") or "0").removesuffix(" (last)")
    number, _, unit = text.partition(" ")
    return float(number) * {"": 1, "s": 1, "ms": 1e-3, "B": 1, "kB": 1e3, "MB": 1e6}[unit]


@pytest.fixture(scope="module")
def docker(tmp_path_factory):
    engine = docker_engine.Engine(tmp_path_factory.mktemp("docker")).start()
    try:
        engine.make_image()
        yield engine
    finally:
        engine.close()


@pytest.fixture
def staged(tmp_path, docker):
    """start(items, more options): a site whose run has begun."""
    plan = tmp_path / "plan.yml"
    with harness.Site(tmp_path, plan=plan) as site:
        def start(items, more="", config=None):
            plan.write_text(PLAN.format(socket=docker.socket, more=more))
            site.checklist("containers", HEAD + items)
            site.start()
            agent = site.agent("api-1", "api", config=config)
            harness.wait_until(lambda: "plan-in-force" in agent.program.text(), 20, "the plan is in force")
            site.begin_run("containers")
            return site, agent
        yield start
    docker.remove_all()


def wait_for(site, wanted, within=40):
    try:
        harness.wait_until(lambda: {name: site.items()[name]["outcome"] for name in wanted} == wanted, within, f"{wanted}")
    except AssertionError:
        raise AssertionError({name: (item["outcome"], item.get("reason"), item["checks"][0].get("value")) for name, item in site.items().items()})


def test_restart_loops_and_kills_of_the_agent__each_restart_is_counted_once(docker, staged, full):
    """Docker itself counts the restarts of its policy: the same number must come out."""
    names = [f"loop-{number}" for number in range(20 if full else 5)]
    for name in names:
        docker.container(name, "--restart", "always", command=LOOP)
    site, agent = staged("".join(shown(name, "muster.container.restarts", f"{{container.name: {name}}}") for name in names) + TOTALS)
    for turn in range(10 if full else 4):
        time.sleep(1.7)
        agent.kill()
        time.sleep(0.1 * (turn % 5))
        agent.start()
    # They end their loops: what is counted now stays.
    for name in names:
        docker.run("update", "--restart", "no", name)
    harness.wait_until(lambda: all(not docker.inspect(name)["State"]["Running"] and not docker.inspect(name)["State"]["Restarting"] for name in names), 120,
                       "the loops end")
    wanted = {name: docker.inspect(name)["RestartCount"] for name in names}
    assert min(wanted.values()) >= 3, wanted

    def counted():
        return {name: value(site, name) for name in names}
    try:
        harness.wait_until(lambda: counted() == wanted, 30, "each restart is counted")
    except AssertionError:
        raise AssertionError(wanted, counted())
    # What is counted twice comes later.
    docker_engine.settle()
    assert counted() == wanted


def test_daemon_that_ends_and_starts__is_said_and_is_nobodys_doing(docker, staged):
    docker.container("always", "--restart", "always")
    site, _ = staged(TOTALS + shown("restarts", "muster.container.restarts", "{container.name: always}"))
    wait_for(site, {"daemon": "PASS", "by-hand": "PASS", "recovered": "PASS"})
    docker.stop()
    wait_for(site, {"daemon": "FAIL"})
    docker.start()
    wait_for(site, {"daemon": "PASS"})
    harness.wait_until(lambda: value(site, "restarts") == 1, 30, "its restart is counted")
    docker_engine.settle()
    wait_for(site, {"daemon": "PASS", "by-hand": "PASS", "recovered": "PASS"})


def test_restart_by_hand_while_the_agent_is_down__is_counted(docker, staged):
    docker.container("web", "--restart", "always")
    site, agent = staged(TOTALS)
    wait_for(site, {"by-hand": "PASS"})
    agent.kill()
    docker.run("restart", "-t", "0", "web")
    agent.start()
    wait_for(site, {"by-hand": "FAIL"})


def test_restart_by_hand_that_nobody_remembers__cannot_be_passed(docker, staged):
    """The agent is down, and the daemon forgets its events: that the container has another life is all that is left."""
    docker.container("web")
    site, agent = staged(TOTALS)
    wait_for(site, {"by-hand": "PASS"})
    docker_engine.settle()  # what the agent finds is believed when it is old enough that no event of it can be on its way
    agent.kill()
    docker.run("restart", "-t", "0", "web")
    for _ in range(300):  # the daemon's memory of events has 256 places
        docker.run("rename", "web", "other")
        docker.run("rename", "other", "web")
    agent.start()
    # Not for silence: all else is judged again.
    wait_for(site, {"by-hand": "NO_DATA", "daemon": "PASS", "recovered": "PASS"})
    harness.wait_until(lambda: "container web ended or began while nobody listened" in site.items()["by-hand"]["reason"], 20, "the doubt is told")
    agent.stop()
    agent.start()
    wait_for(site, {"by-hand": "NO_DATA", "daemon": "PASS", "recovered": "PASS"})


def test_collector_that_the_host_forbids__no_data_with_that_reason(docker, staged):
    docker.container("web")
    site, _ = staged(TOTALS, more=", expected: [web]", config={"forbid": {"collectors": ["docker"]}})
    for item in ("daemon", "by-hand", "recovered"):
        harness.wait_until(lambda: "forbids" in site.items()[item]["reason"], 20, f"{item} says that it is forbidden")
    wait_for(site, {"daemon": "NO_DATA", "by-hand": "NO_DATA", "recovered": "NO_DATA"})


def test_no_daemon_to_ask__control_groups_give_cpu_and_memory(docker, staged):
    container = docker.container("busy", command=("sh", "-c", "while :; do :; done"))
    short = container[:12]
    site, _ = staged(shown("cpu", "container.cpu.time", f'{{container.id: "{short}", cpu.mode: user}}') + shown("memory", "container.memory.usage", f'{{container.id: "{short}"}}'),
                     more=", api: no")
    harness.wait_until(lambda: value(site, "memory") > 0, 20, "its memory is known")
    harness.wait_until(lambda: value(site, "cpu") > 0.5, 20, "its CPU time is known")


def cpu_seconds(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_many_containers__each_is_known_and_the_agent_stays_small(docker, staged, full):
    count = 200 if full else 20
    for number in range(count):
        docker.container(f"many-{number}")
    site, agent = staged(shown("running", "muster.docker.containers", "{container.state: running}") +
                         '  - {id: states, title: All run, class: S, section: "1", check: {signal: muster.container.state, stat: last, hosts: measuring, '
                         f'least_series: {count}, target: is running}}}}\n')
    wait_for(site, {"states": "PASS"}, within=60)
    assert value(site, "running") == count
    before, at = cpu_seconds(agent.program.pid), time.monotonic()
    time.sleep(10)
    share = (cpu_seconds(agent.program.pid) - before) / (time.monotonic() - at)
    print(f"{count} containers every 500 ms: {share:.3f} of a core")
    # A bound, no measurement: an agent that asked about each container each time would take several times this.
    assert share < 0.5, share
    docker.crash("many-7")
    wait_for(site, {"states": "FAIL"})
