"""Containers of a real Podman, by the API that it shares with Docker (issue 3, containers)."""
import time

import pytest

import checklist_part
import docker_engine
import harness
import podman_engine

EXPECTED = ["genesis-api", "redis"]
VARIABLES = {"docker_min": "4.0", "containers": len(EXPECTED), "mongo_container": "mongodb", "redis_container": "redis"}
# 2.2.*: nothing runs Podman's health checks without systemd's timers.
ITEMS = {"1.2.2", "2.1.5", "8.1.8", "12.3.1", "12.3.7"}

PLAN = """
plan: containers
interval: 300ms
jitter: 0
collectors:
  - name: uptime
  - name: docker
    options: {{socket: "{socket}", expected: {expected}, recover_within: 3s}}
"""


@pytest.fixture(scope="module")
def staged(tmp_path_factory):
    folder = tmp_path_factory.mktemp("podman")
    podman = podman_engine.Engine(folder / "podman").start()
    try:
        podman.make_image()
        plan = folder / "plan.yml"
        plan.write_text(PLAN.format(socket=podman.socket, expected=EXPECTED))
        with harness.Site(folder, plan=plan) as site:
            items = {name: checks for name, checks in checklist_part.items(r"muster\.(?:container|docker)").items() if name in ITEMS}
            site.checklist("containers", checklist_part.checklist("containers", items, VARIABLES))
            site.start()
            site.agent("api-1", "api")
            yield site, podman
    finally:
        podman.close()


def told(site):
    return {name: (item["outcome"], item.get("reason")) for name, item in site.items().items()}


def wait_for(site, failed, why, undecided=frozenset()):
    def is_so():
        now = told(site)
        return ({name for name in now if now[name][0] == "FAIL"}, {name for name in now if now[name][0] == "NO_DATA"}) == (failed, set(undecided))
    try:
        harness.wait_until(is_so, 40, why)
    except AssertionError:
        raise AssertionError(why, told(site))


def start_healthy(site, podman):
    podman.remove_all()
    for name in EXPECTED:
        podman.container(name, "--cap-drop", "ALL")
    if site.get("status").get("run"):
        site.cli("run", "end", "--reason", "the next fault", check=False)
    # What is counted, is counted from the run's first sample on: the removal above must have been.
    docker_engine.settle()
    site.begin_run("containers")
    wait_for(site, set(), "all that containers decide passes")


def actions(podman, name, since):
    """What Podman told of a container since then."""
    told = podman.run("events", "--since", str(since), "--until", str(time.time() + 1), "--filter", f"container={name}", "--format", "{{.Action}}").stdout
    return told.split()


def test_stopped_by_hand__is_an_intervention_and_no_failure(staged):
    """Podman 4 says "stop" only when it comes before the process that cleans up; else all that is told is that the container died."""
    site, podman = staged
    start_healthy(site, podman)
    since = time.time()
    podman.run("stop", "-t", "1", "genesis-api")
    harness.wait_until(lambda: "cleanup" in actions(podman, "genesis-api", since), 20, "it has ended, and nothing more is told of it")
    if "stop" in actions(podman, "genesis-api", since):
        wait_for(site, {"2.1.5", "12.3.1"}, "it is down, by hand")
    else:
        wait_for(site, {"2.1.5", "12.3.7"}, "it is down")


def test_killed_by_hand__is_an_intervention(staged):
    site, podman = staged
    start_healthy(site, podman)
    podman.run("kill", "redis")
    wait_for(site, {"2.1.5", "12.3.1", "12.3.7"}, "it is down, by hand, and did not come back")


def test_crash__is_a_failure_and_nobodys_doing(staged):
    site, podman = staged
    start_healthy(site, podman)
    podman.crash("redis")
    wait_for(site, {"2.1.5", "12.3.7"}, "it is down and did not come back")


def test_service_that_ends_and_starts__leaves_nothing_behind(staged):
    """Podman's containers do not need its service."""
    site, podman = staged
    start_healthy(site, podman)
    time.sleep(3)  # a counter bridges a gap between two whole windows, not one at the run's beginning
    podman.stop()
    wait_for(site, {"1.2.2"}, "nothing can be said but that it does not answer", undecided=ITEMS - {"1.2.2"})
    podman.start()
    wait_for(site, set(), "all is as it was")
