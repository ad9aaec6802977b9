"""Kind redis: through a real agent, of real Redis servers, and of ones that mean harm."""
import pathlib
import subprocess
import threading

import pytest

import harness
from probe_table import Table
from test_http_probes import Hostile


class Redis:
    def __init__(self, folder, *options):
        self.port = harness.free_port()
        folder.mkdir(exist_ok=True)
        self.options = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", "", *options]
        self.start()

    def start(self):
        self.process = subprocess.Popen(["redis-server", *self.options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        harness.wait_until(lambda: b"PONG" in self.cli("PING") or b"NOAUTH" in self.cli("PING"), 10, "redis-server answers")

    def cli(self, *words, password=None):
        auth = ["-a", password, "--no-auth-warning"] if password else []
        done = subprocess.run(["redis-cli", "-p", str(self.port), *auth, *words], capture_output=True)
        return done.stdout + done.stderr

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


@pytest.fixture
def servers(tmp_path):
    started = []

    def start(name, *options):
        started.append(Redis(tmp_path / name, *options))
        return started[-1]
    yield start
    for server in started:
        server.stop()


def test_servers__passwords_roles_and_figures(site, tmp_path, servers):
    closed = servers("closed", "--requirepass", "s3cr3t-of-redis", "--maxmemory", "64mb")
    opened = servers("opened")
    replica = servers("replica", "--replicaof", "127.0.0.1", str(opened.port))
    key = tmp_path / "redis-password"
    key.write_text("s3cr3t-of-redis\n")
    wrong = tmp_path / "wrong-password"
    wrong.write_text("another")
    opened.cli("SET", "a", "1")
    for _ in range(9):
        opened.cli("GET", "a")
    opened.cli("GET", "b")
    harness.wait_until(lambda: b"connected_slaves:1" in opened.cli("INFO"), 20, "the replica is connected")
    harness.wait_until(lambda: b"master_link_status:up" in replica.cli("INFO"), 20, "the replica is up")

    def redis(server, **options):
        return ("redis", {"address": f"127.0.0.1:{server.port}", **options})
    table = Table(site, tmp_path, {
        "auth": redis(closed, password=f"file:{key}", max_memory_ratio=0.9, canary="muster:canary", persistence=True),
        "wrong": redis(closed, password=f"file:{wrong}"), "required": redis(closed, expect="auth_required"), "no-password": redis(closed),
        "not-required": redis(opened, expect="auth_required"), "open": redis(opened, role="master", min_replicas=1, min_hit_ratio=0.8, max_clients_ratio="50%"),
        "hits": redis(opened, min_hit_ratio=0.99), "no-limit": redis(opened, max_memory_ratio=0.5), "replica": redis(replica, role="replica"),
        "wrong-role": redis(replica, role="master"), "no-replicas": redis(closed, password=f"file:{key}", min_replicas=1),
        "nobody": ("redis", {"address": f"127.0.0.1:{harness.free_port()}"}), "not-proven": ("redis", {"address": f"127.0.0.1:{harness.free_port()}", "expect": "auth_required"}),
        "read-only": redis(replica, canary="x"),
    }, fields=[("open", "hit_ratio", "value"), ("open", "replicas", "value"), ("open", "version", "state"), ("auth", "memory_ratio", "value"), ("auth", "memory_bytes", "value")],
        config={"allow": {"secrets": [f"file:{tmp_path}/*-password"]}})
    table.expect(auth="ok", wrong="AUTH: WRONGPASS", required="ok", no_password="PING: \"NOAUTH", not_required='answers PING with "PONG" without a password', open="ok",
                 hits="the share of hits is", no_limit="INFO does not say the share of maxmemory", replica="ok", wrong_role="its role is slave; wanted master",
                 no_replicas="0 replicas are connected; at least 1", nobody="refused", not_proven="refused", read_only="write x: READONLY")
    assert abs(table.number("open", "hit_ratio") - 0.9) < 0.01
    assert table.number("open", "replicas") == 1
    assert 0 < table.number("auth", "memory_ratio") < 0.9
    assert "." in table.figure("open", "version")
    opened.stop()
    table.expect(open="refused", auth="ok")
    opened.start()
    table.expect(open="the share of hits")  # it has counted nothing yet
    for path in [*pathlib.Path(table.agent.folder).rglob("*")]:
        assert not path.is_file() or b"s3cr3t-of-redis" not in path.read_bytes(), path


def silent(server, connection):
    while server.is_open:
        threading.Event().wait(0.05)


def endless(server, connection):
    connection.sendall(b"$900000000\r\n")
    while server.is_open:
        connection.sendall(b"x" * 65536)


def many(server, connection):
    connection.sendall(b"*1000000000\r\n")
    silent(server, connection)


def no_protocol(server, connection):
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def end_at_once(server, connection):
    return


def test_servers_that_mean_harm__each_ends_in_its_limits(site, tmp_path):
    servers = {act.__name__.replace("_", "-"): Hostile(act) for act in (silent, endless, many, no_protocol, end_at_once)}
    table = Table(site, tmp_path, {name: ("redis", {"address": f"127.0.0.1:{server.port}"}, {"timeout": "500ms"}) for name, server in servers.items()})
    wanted = dict(silent="no answer", endless="its answer has over 1 MiB", many="not Redis' protocol", no_protocol="not Redis' protocol", end_at_once="it closed the connection")
    table.expect(**wanted)
    folder = pathlib.Path(f"/proc/{table.agent.program.process.pid}/fd")
    before = len(list(folder.iterdir()))
    for _ in range(10):
        threading.Event().wait(0.5)
        table.expect(**wanted)
    assert len(list(folder.iterdir())) <= before + 8
    for server in servers.values():
        server.close()
