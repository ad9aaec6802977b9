"""Each item that logs decide passes on healthy logs, and one fault makes exactly it fail, and those that stand on the same lines (issue 3, points 1 and 3)."""
import os

import pytest

import checklist_part
import harness
import log_stack
import planted

LOGS = {"1.1.4", "2.1.7", "2.2.6", "4.3.7", "5.2.7", "5.3.6", "6.1.1", "6.1.2", "6.1.3", "6.1.4", "6.1.5", "6.1.6", "6.1.7", "6.1.8", "6.3.6", "7.1.8", "8.3.4",
        "8.3.7", "9.1.8", "10.1.2", "12.1.1", "12.2.7", "12.3.4"}


def error(app, **more):
    app.log("ERROR", "it failed", exc_info=log_stack.TRACE, **more)


def many(app, **fields):
    for _ in range(60):
        app.log(**fields)


def plain(app):
    for _ in range(60):
        app.write("2026-11-23 05:17:33 INFO a line that is no JSON\n")


def no_siblings(app):
    app.switches.add("no-rotation")
    for path in app.folder.glob("app.log.*"):
        path.unlink()


# what is done: (how, items that fail by it)
FAULTS = {
    "secret": (lambda app: app.log(message=f"key {planted.KEY}"), {"1.1.4", "6.1.4", "8.3.4"}),
    "card-number": (lambda app: app.log(message=f"paid with {planted.CARD}"), {"6.1.4", "8.3.4"}),
    "deploy-error": (lambda app: app.deploy(f"2026-11-23 05:17:33 ERROR migration failed\n{log_stack.TRACE}\n"), {"2.1.7"}),
    "silence": (lambda app: app.switches.add("silent"), {"2.2.6", "4.3.7", "6.1.1", "6.1.3", "10.1.2"}),
    "no-audit": (lambda app: app.switches.add("no-audit"), {"4.3.7"}),
    "pool-exhausted": (lambda app: app.log("WARNING", "QueuePool limit of size 5 overflow 10 reached"), {"5.2.7", "12.2.7"}),
    "exhaustion": (lambda app: app.log("WARNING", "write: No space left on device"), {"5.3.6"}),
    "no-json": (plain, {"6.1.2", "6.1.7", "6.3.6"}),
    "debug-line": (lambda app: app.log("DEBUG"), {"6.1.3"}),
    "error-without-trace": (lambda app: app.log("ERROR", "it failed"), {"6.1.5"}),
    "no-rotated-files": (no_siblings, {"6.1.6"}),
    "no-message": (lambda app: many(app, message=None), {"6.1.7"}),
    "flood": (lambda app: [app.write(("x" * 900 + "\n") * 3000), plain(app)], {"6.1.2", "6.1.7", "6.1.8", "6.3.6"}),
    "no-trace-id": (lambda app: many(app, trace_id=None), {"6.3.6"}),
    "unhandled": (lambda app: error(app, event="Unhandled exception"), {"7.1.8"}),
    "upstream-429": (lambda app: app.log("WARNING", "upstream said 429 Too Many Requests"), {"9.1.8"}),
    "no-tokens": (lambda app: app.switches.add("no-tokens"), {"10.1.2"}),
    "critical": (lambda app: app.log("CRITICAL", "it is down", exc_info=log_stack.TRACE), {"12.1.1"}),
}
# In CI one of each way that a fault comes about; `tests/run.sh --full` does all.
SAMPLE = {"secret", "card-number", "deploy-error", "no-json", "debug-line", "error-without-trace"}
PICKED = [name for name in FAULTS if os.environ.get("MST_FULL") == "yes" or name in SAMPLE]


@pytest.fixture(scope="module")
def staged(tmp_path_factory):
    folder = tmp_path_factory.mktemp("logs")
    logs, deploy_log = folder / "genesis", folder / "deploy.log"
    app = log_stack.Application(logs, deploy_log)
    app.deploy("2026-11-23 05:17:30 INFO deployed\n")
    with harness.Site(folder, plan=log_stack.plan(folder / "plan.yml", logs, deploy_log)) as site:
        site.checklist("logs", checklist_part.checklist("logs", checklist_part.items(r"muster\.log"), {"log_folder": logs, "log_rate_max": "100kB/s"}))
        site.start()
        site.agent("api-1", "api")
        yield site, app
    app.close()


def outcomes(site):
    return {name: item["outcome"] for name, item in site.items().items()}


def start_healthy(site, app):
    """A run in which everything that logs decide has passed."""
    app.switches.clear()
    if site.get("status").get("run"):
        site.cli("run", "end", "--reason", "the next fault", check=False)
    site.begin_run("logs")
    # What is counted is counted from the run's first sample on.
    harness.wait_until(lambda: outcomes(site)["6.1.3"] == "PASS", 20, "the run has seen the log")
    if "no-rotation" not in app.switches:
        app.rotate()
    error(app)
    app.deploy("2026-11-23 05:17:31 INFO still fine\n")

    def all_pass():
        now = outcomes(site)
        return {name for name in LOGS if now[name] != "PASS"} == set()
    try:
        harness.wait_until(all_pass, 40, "every item that logs decide passes")
    except AssertionError:
        raise AssertionError({name: (item["outcome"], item.get("reason")) for name, item in site.items().items() if name in LOGS and item["outcome"] != "PASS"})


def test_items__are_those_that_the_list_decides_by_logs(staged):
    site, _ = staged
    later = {f"12.1.{number}" for number in range(2, 7)}  # hours that have not come
    assert set(checklist_part.items(r"muster\.log")) == LOGS | later


@pytest.mark.parametrize("fault", PICKED)
def test_fault__fails_exactly_its_items(staged, fault):
    site, app = staged
    how, wanted = FAULTS[fault]
    start_healthy(site, app)
    how(app)
    harness.wait_until(lambda: {name for name in LOGS if outcomes(site)[name] == "FAIL"} >= wanted, 30, f"{fault} fails {wanted}")
    failed = {name: item["reason"] for name, item in site.items().items() if name in LOGS and item["outcome"] != "PASS"}
    assert set(failed) == wanted, failed


def test_planted_secrets__are_nowhere_but_in_the_log(staged):
    """What the agent spooled, what the controller stored, what either logged: name, file, count and fingerprint, never the text."""
    site, app = staged
    app.log(message=f"key {planted.KEY}")
    app.log(message=f"paid with {planted.CARD}")
    harness.wait_until(lambda: "openai-api-key" in (site.folder / "controller").joinpath("muster.db-wal").read_bytes().decode("latin-1")
                       or any(b"openai-api-key" in open(path, "rb").read() for path in planted.files_below(site.folder / "controller")), 20,
                       "the find arrives at the controller")
    searched = 0
    for path in planted.files_below(site.folder):
        if app.folder not in path.parents:
            searched += planted.search(path, planted.NEEDLES)
    assert searched > 10000
