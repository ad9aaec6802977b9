"""Probes of a plan, from a real agent against real sockets: what passes, what fails and why, what is given besides."""
import socket
import subprocess
import threading

import harness
from probe_table import Table

CHECKLIST = """
checklist: probes
title: Probes
version: "1"
period: 48h
policy: {{sign_offs: [], coverage: 20%, max_gap: 1m, conditional: 0%}}
sections: [{{id: "1", title: Probes}}]
items:
  - {{id: "1.1", title: It passes, class: S, check: {{signal: muster.probe.success, where: {{probe: port}}, stat: last, hosts: measuring, {over}target: "== 1"}}}}
  - {{id: "1.2", title: It is quick, class: S, check: {{signal: muster.probe.duration, where: {{probe: port}}, stat: p95, hosts: measuring, {over}target: "< 1s"}}}}
  - {{id: "1.3", title: It says so, class: S, check: {{signal: muster.probe.reason, where: {{probe: port}}, stat: last, hosts: measuring, {over}target: is ok}}}}
  - {{id: "1.4", title: It is in time, class: S, check: {{signal: muster.probe.delay, where: {{probe: port}}, stat: max, hosts: measuring, {over}target: "< 1s"}}}}
"""


class Greeter:
    """A real server that says something to everybody who connects."""

    def __init__(self, port, greeting):
        self.socket = socket.create_server(("127.0.0.1", port))
        self.greeting, self.socket_open = greeting, True
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while self.socket_open:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with connection:
                try:
                    connection.sendall(self.greeting)
                except OSError:
                    pass

    def close(self):
        self.socket_open = False
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join(5)


def start(site, tmp_path, options, config=None, over="over: 3s, ", kind="tcp"):
    plan = tmp_path / "plan.yml"
    plan.write_text("plan: probes\ninterval: 200ms\njitter: 0\ncollectors: [{name: uptime}]\n"
                    f"probes:\n  - {{name: port, kind: {kind}, timeout: 150ms, options: {options}}}\n")
    site.settings["plan"] = str(plan)
    site.checklist("probes", CHECKLIST.format(over=over))
    site.start()
    agent = site.agent("api-1", "api", config=config)
    harness.wait_until(lambda: "plan-in-force" in agent.program.text(), 20, "the plan is in force")
    site.run_start("probes")
    return agent


def settled(site, says=None, **outcomes):
    """Waits until the items have these outcomes and, where it is given, one of them holds that text: as its value, or as its reason."""
    wanted = {f"1.{name[1:]}": outcome for name, outcome in outcomes.items()}
    told = {}

    def as_wanted():
        items = site.items()
        told.update({name: (item["outcome"], item.get("value"), item.get("reason")) for name, item in items.items()})
        return all(told[name][0] == outcome for name, outcome in wanted.items()) and (says is None or says in str(told))
    try:
        harness.wait_until(as_wanted, 20, "the items are decided")
    except AssertionError:
        raise AssertionError((wanted, says, told))


def test_port_that_opens_closes_and_opens_again__each_is_seen_with_its_reason(site, tmp_path):
    greeter = Greeter(0, b"+PONG\r\n")
    start(site, tmp_path, f'{{address: "127.0.0.1:{greeter.port}", banner: "^.PONG"}}')
    settled(site, i1="PASS", i2="PASS", i3="PASS", i4="PASS")
    greeter.close()
    settled(site, f"connect to 127.0.0.1:{greeter.port}: refused", i1="FAIL", i3="FAIL", i4="PASS")
    greeter = Greeter(greeter.port, b"+PONG\r\n")
    settled(site, i1="PASS", i2="PASS", i3="PASS", i4="PASS")
    greeter.close()


def test_answer_that_does_not_match__fails_and_shows_what_came(site, tmp_path):
    greeter = Greeter(0, b"-ERR down\r\n")
    start(site, tmp_path, f'{{address: "127.0.0.1:{greeter.port}", banner: "^.PONG"}}')
    settled(site, 'its answer "-ERR down.." does not match', i1="FAIL", i3="FAIL")
    greeter.close()


def test_answer_that_never_comes__its_time_limit_is_its_duration(site, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        start(site, tmp_path, f'{{address: "127.0.0.1:{silent.getsockname()[1]}", banner: "."}}')
        settled(site, "no answer within 150ms", i1="FAIL", i2="PASS", i3="FAIL")  # 150 ms is under a second


def test_port_that_must_not_be_reachable__passes_refused_and_fails_open(site, tmp_path):
    port = harness.free_port()
    start(site, tmp_path, f'{{address: "127.0.0.1:{port}", expect: unreachable}}')
    settled(site, i1="PASS", i3="PASS")
    greeter = Greeter(port, b"")
    settled(site, "it accepts the connection, which must not be", i1="FAIL", i3="FAIL")
    greeter.close()


def test_probe_that_the_host_forbids__no_data_with_that_reason(site, tmp_path):
    start(site, tmp_path, '{address: "127.0.0.1:1"}', {"forbid": {"collectors": ["probe/port"]}})
    settled(site, "this host's own configuration forbids it", i1="NO_DATA", i2="NO_DATA")


def test_file_of_settings__fails_until_it_has_them_and_nobody_else_may_read_it(site, tmp_path):
    env = tmp_path / ".env"
    start(site, tmp_path, f'{{path: "{env}", mode_max: "0600", names: [API_KEY, MONGO_URL]}}', kind="file")
    settled(site, f"look for {env}: no such file", i1="FAIL")
    env.write_text("API_KEY=abc\n")
    env.chmod(0o644)
    settled(site, "has mode 0644; at most 0600 is allowed", i1="FAIL")
    env.chmod(0o600)
    settled(site, "sets no MONGO_URL", i1="FAIL")
    env.write_text("API_KEY=abc\nexport MONGO_URL=mongodb://db\n")
    settled(site, i1="PASS", i2="PASS", i3="PASS", i4="PASS")


def test_settings_and_backups__figures_are_given_and_texts_are_not(site, tmp_path):
    settings = tmp_path / "staging.yml"
    settings.write_text("llm: {cost_limits: {daily_max: 50}, key: not-to-be-told}\nflags: {enable_daao: true}\nkeep: {logs: 30d}\n")
    (tmp_path / "dump-1.bin").write_bytes(b"plain text of a dump")
    subprocess.run(["openssl", "enc", "-aes-256-cbc", "-pbkdf2", "-pass", "pass:x", "-in", tmp_path / "dump-1.bin", "-out", tmp_path / "dump.enc"], check=True)
    table = Table(site, tmp_path, {
        "config": ("file", {"path": str(settings), "values": {"daily_max": "llm.cost_limits.daily_max", "enable_daao": "flags.enable_daao", "logs": "keep.logs as d"}}),
        "missing": ("file", {"path": str(settings), "values": {"x": "llm.cost_limits.hourly_max"}}),
        "text": ("file", {"path": str(settings), "values": {"x": "llm.key"}}),
        "encrypted": ("file", {"path": f"{tmp_path}/*.enc", "encrypted": True}),
        "plain": ("file", {"path": f"{tmp_path}/*.bin", "encrypted": True}),
    }, fields=[("config", "daily_max", "value"), ("config", "logs", "value"), ("config", "enable_daao", "state"), ("encrypted", "encryption", "state")])
    table.expect(config="ok", missing="llm.cost_limits.hourly_max is not there", text="neither true nor false, nor a figure", encrypted="ok", plain="is not encrypted")
    assert table.number("config", "daily_max") == 50
    assert table.number("config", "logs") == 30
    assert "true" in table.figure("config", "enable_daao")
    assert "openssl" in table.figure("encrypted", "encryption")
    assert "not-to-be-told" not in table.agent.program.text() + str(table.site.items())
