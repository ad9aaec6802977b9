"""From a run's start to its verdict by the CLI: exit codes, sign-offs over exactly this result, waivers that do not help."""
import json
import os
import subprocess

import pytest

import harness

CHECKLIST = """
checklist: short
title: Short
version: "1"
period: 4s
policy: {{sign_offs: {sign_offs}, freeze: 1s, sign_off_deadline: {deadline}, max_gap: 2s, conditional: 40%, go: 95%, waive_by: [devops-lead]}}
sections: [{{id: "1", title: One}}]
items:
  - id: "1.1"
    title: The host has a CPU
    class: S
    critical: true
    check: {{signal: system.cpu.logical.count, stat: last, target: ">= 1"}}
  - id: "1.2"
    title: Up all the time
    class: S
    check: {{signal: system.uptime, stat: min, target: "> 0s"}}
  - id: "1.3"
    title: More CPUs than there are
    class: S
    check: {{signal: system.cpu.logical.count, stat: last, target: ">= {cpus}"}}
"""


def start(site, sign_offs="[]", deadline="1h", cpus=1):
    site.checklist("short", CHECKLIST.format(sign_offs=sign_offs, deadline=deadline, cpus=cpus))
    site.start()
    agent = site.agent("web-1")
    harness.wait_until(lambda: site.hosts()["web-1"]["last_report_at"], 20, "the host reports")
    site.run_start("short")
    return agent


def decide(site, *arguments):
    done = site.cli("decide", *arguments, check=False)
    return done.returncode, done.stdout


def test_all_items_pass__go__exit_0(site):
    start(site)
    assert decide(site)[0] == 3, "PENDING while the period runs"
    code, text = decide(site, "--wait", "--timeout", "30s")
    assert code == 0, text
    assert "GO" in text
    document = json.loads(site.cli("decide", "--json").stdout)
    assert document["verdict"] == "GO" and document["final"]
    assert len(site.get("runs")["runs"]) == 1


def test_an_item_fails__conditional_go__exit_1(site):
    start(site, cpus=1000000)
    code, text = decide(site, "--wait", "--timeout", "30s")
    assert code == 1, text
    assert "1.3" in text, "what is still to be done is named"
    item = site.cli("item", "1.3").stdout
    assert "FAIL" in item and "1000000" in item


def test_a_waived_item__still_counts_as_not_passed(site):
    start(site, cpus=1000000)
    operator(site, "devops", "devops-lead")
    refused = site.cli("waive", "1.3", "--reason", "known", "--expires", "1h", check=False)
    assert refused.returncode == 70, "the first operator has no such role"
    cli_as(site, "devops", "waive", "1.3", "--reason", "known", "--expires", "1h")
    assert cli_as(site, "devops", "waive", "1.1", "--reason", "no", "--expires", "1h", check=False).returncode in (0, 70)
    code, _ = decide(site, "--wait", "--timeout", "30s")
    assert code == 1
    assert site.items()["1.3"]["outcome"] == "WAIVED"
    assert site.items()["1.1"]["outcome"] == "PASS", "a critical item cannot be waived"


def operator(site, name, role):
    """Another operator with a key of his own."""
    key_file = site.folder / f"{name}.key"
    done = subprocess.run([str(harness.MUSTER), "keys", "new", str(key_file)], capture_output=True, text=True, check=True)
    site.cli("operators", "add", name, done.stdout.strip(), "--role", role)


def cli_as(site, name, *arguments, check=True):
    done = subprocess.run([str(harness.MUSTER), *arguments], capture_output=True, text=True,
                          env={**os.environ, **site.env, "MUSTER_KEY": str(site.folder / f"{name}.key")})
    assert not check or done.returncode == 0, f"{arguments} as {name}: {done.stdout}{done.stderr}"
    return done


ROLES = ["technical-lead", "devops-lead", "security-lead"]


def test_three_sign_offs_by_three_keys__go(site):
    start(site, sign_offs="[technical-lead, devops-lead, security-lead]")
    for role in ROLES:
        operator(site, role, role)
    harness.wait_until(lambda: "sign" in " ".join(site.verdict().get("reasons", [])), 30, "it waits for sign-offs")
    assert decide(site)[0] == 3
    for role in ROLES[:2]:
        cli_as(site, role, "sign", "--role", role, "--approve")
    assert decide(site)[0] == 3, "two of three"
    assert cli_as(site, ROLES[0], "sign", "--role", ROLES[2], "--approve", check=False).returncode == 70, "nobody signs for another role"
    cli_as(site, ROLES[2], "sign", "--role", ROLES[2], "--approve")
    harness.wait_until(lambda: decide(site)[0] == 0, 10, "GO")


def test_a_rejection__no_go(site):
    start(site, sign_offs="[technical-lead]")
    operator(site, "technical-lead", "technical-lead")
    harness.wait_until(lambda: "sign" in " ".join(site.verdict().get("reasons", [])), 30, "it waits for the sign-off")
    cli_as(site, "technical-lead", "sign", "--role", "technical-lead", "--reject", "--comment", "not yet")
    harness.wait_until(lambda: decide(site)[0] == 2, 10, "NO_GO")


def test_nobody_signs__no_go_after_the_deadline(site):
    start(site, sign_offs="[technical-lead]", deadline="2s")
    code, text = decide(site, "--wait", "--timeout", "40s")
    assert code == 2, text


def test_a_run_ended_early__is_no_go(site):
    start(site)
    site.cli("run", "end", "--reason", "a new build")
    harness.wait_until(lambda: decide(site)[0] == 2, 10, "NO_GO")


def test_a_restart_of_the_controller__changes_nothing(site):
    start(site)
    site.stop()
    site.start()
    code, text = decide(site, "--wait", "--timeout", "40s")
    assert code in (0, 1, 2)
    before = json.loads(site.cli("decide", "--json", check=False).stdout)
    site.stop()
    site.start()
    after = json.loads(site.cli("decide", "--json", check=False).stdout)
    assert before == after, text


@pytest.mark.parametrize("arguments, code", [
    (["decide", "--nonsense"], 64),
    (["nonsense"], 64),
    (["items", "--outcome", "MAYBE"], 64),
    (["waive", "1.1"], 64),
    (["item", "9.9"], 70),
])
def test_wrong_usage__exit_codes(site, arguments, code):
    start(site)
    done = site.cli(*arguments, check=False)
    assert done.returncode == code, done.stderr
    assert done.stderr.startswith("muster"), done.stderr


def test_no_controller__exit_69(tmp_path):
    done = subprocess.run([str(harness.MUSTER), "status", "--url", f"unix:{tmp_path}/none"], capture_output=True, text=True)
    assert done.returncode == 69
    assert "reach the controller" in done.stderr
