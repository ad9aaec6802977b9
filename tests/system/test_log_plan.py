"""What a plan's tails do on a host that may not, cannot or does not follow them: NO_DATA with the reason, never a pass."""
import harness

CHECKLIST = """
checklist: logs
title: Logs
version: "1"
period: 48h
policy: {sign_offs: [], coverage: 50%, max_gap: 1m}
sections: [{id: "1", title: Logs}]
items:
  - {id: "1.1", title: No error, class: S, check: {signal: muster.log.records, where: {rule: bad}, stat: increase, hosts: measuring, target: "== 0"}}
  - {id: "1.2", title: No secret, class: S, check: {signal: muster.log.records, where: {rule: secret}, stat: increase, hosts: measuring, target: "== 0"}}
  - {id: "1.3", title: The collector works, class: S, check: {signal: muster.collector.status, where: {collector: tail}, stat: last, hosts: measuring, target: is ok}}
"""


def start(site, tmp_path, files, config=None):
    plan = tmp_path / "plan.yml"
    plan.write_text(f"plan: logs\ninterval: 200ms\njitter: 0\ncollectors: [{{name: uptime}}]\n"
                    f"tails:\n  - {{name: app, files: {files!r}, rules: {{bad: broken}}}}\n")
    site.settings["plan"] = str(plan)
    site.checklist("logs", CHECKLIST)
    site.start()
    agent = site.agent("api-1", "api", config=config)
    harness.wait_until(lambda: "plan-in-force" in agent.program.text(), 20, "the plan is in force")
    site.run_start("logs")
    return agent


def settled(site, outcomes):
    def as_wanted():
        now = {name: item["outcome"] for name, item in site.items().items()}
        return now == outcomes and now
    try:
        harness.wait_until(as_wanted, 20, "the items are decided")
    except AssertionError:
        raise AssertionError({name: (item["outcome"], item.get("reason")) for name, item in site.items().items()})
    return {name: item["reason"] for name, item in site.items().items()}


def test_tail_that_the_host_forbids__no_data_with_that_reason(site, tmp_path):
    log = tmp_path / "app.log"
    log.write_text("old\n")
    start(site, tmp_path, [str(log)], {"forbid": {"collectors": ["tail/app"]}})
    reasons = settled(site, {"1.1": "NO_DATA", "1.2": "NO_DATA", "1.3": "FAIL"})
    assert "forbids" in reasons["1.1"] and "forbids" in reasons["1.2"], reasons


def test_log_that_is_not_there__no_data_until_it_comes(site, tmp_path):
    log = tmp_path / "logs" / "app.log"
    log.parent.mkdir()
    start(site, tmp_path, [str(log)])
    settled(site, {"1.1": "NO_DATA", "1.2": "NO_DATA", "1.3": "PASS"})
    log.write_text("INFO started\n")
    settled(site, {"1.1": "PASS", "1.2": "PASS", "1.3": "PASS"})
    with open(log, "a") as out:
        out.write("ERROR it is broken\n")
    settled(site, {"1.1": "FAIL", "1.2": "PASS", "1.3": "PASS"})


def test_log_that_was_cut_off__no_data_for_what_must_not_be_in_it(site, tmp_path):
    log = tmp_path / "app.log"
    log.write_text("INFO old\n")
    start(site, tmp_path, [str(log)])
    settled(site, {"1.1": "PASS", "1.2": "PASS", "1.3": "PASS"})
    with open(log, "w") as out:
        out.write("INFO new\n")
    reasons = settled(site, {"1.1": "NO_DATA", "1.2": "NO_DATA", "1.3": "PASS"})
    assert reasons["1.1"], reasons
