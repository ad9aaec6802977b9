"""Kinds http and scenario: through a real agent, against a real HTTP server of Python, and against servers that mean harm."""
import base64
import hashlib
import hmac
import http.server
import json
import pathlib
import socket
import ssl
import subprocess
import threading
import time

import pytest

import harness
from probe_table import Table

KEY = "k3y of the agents"


class Service(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    tasks = {}

    def answer(self, status, body="", headers=(), kind="application/json"):
        data = body if isinstance(body, bytes) else (json.dumps(body) if not isinstance(body, str) else body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def do_GET(self):
        path, _, query = self.path.partition("?")
        if path == "/health":
            self.answer(200, {"status": "healthy", "agents_registered": 15, "expires_in": 3600, "kept": "30d", "rules": [{"s": "critical"}, {"s": "warning"}, {"s": "critical"}], "name": "grün"}, [("X-Version", "1.4.2")])
        elif path == "/login":
            self.answer(200, "{}", [("Set-Cookie", "session=s3cr3t; Path=/; HttpOnly; Secure; SameSite=Lax"), ("Set-Cookie", "theme=dark; HttpOnly")])
        elif path.startswith("/to/"):
            left = int(path[4:])
            self.answer(302, "", [("Location", f"/to/{left - 1}" if left > 1 else "/health")])
        elif path == "/away":
            self.answer(302, "", [("Location", f"http://localhost:{self.server.server_address[1]}/health")])
        elif path == "/large":
            self.answer(200, b"x" * 3_000_000, kind="text/plain")
        elif path == "/text":
            self.answer(200, "all is well\n", kind="text/plain")
        elif path.startswith("/tasks/"):
            task = self.tasks.get(path[7:])
            if not task:
                self.answer(404, {"error": "no such task"})
                return
            task["asked"] += 1
            self.answer(200, {"id": path[7:], "state": "done" if task["asked"] > 3 else "running"})
        elif path == "/slow":
            time.sleep(0.3)
            self.answer(200, {})
        elif path == "/echo":
            self.answer(200, {"query": query, "headers": dict(self.headers)})
        else:
            self.answer(404, {"error": "not found"})

    do_HEAD = do_GET

    def do_POST(self):
        body = self.body()
        if self.path == "/signed":
            stamp = self.headers.get("X-Timestamp", "")
            wanted = hmac.new(KEY.encode(), f"POST\n/signed\n{stamp}\n".encode() + body, hashlib.sha256)
            good = self.headers.get("X-Signature") in (wanted.hexdigest(), base64.b64encode(wanted.digest()).decode())
            fresh = stamp.isdigit() and abs(int(stamp) - time.time()) < 60
            self.answer(200 if good and fresh else 401, {"good": good, "fresh": fresh})
        elif self.path == "/tasks":
            number = f"t-{len(self.tasks) + 1}"
            self.tasks[number] = {"asked": 0}
            with open(self.server.log_file, "a") as log:
                log.write(json.dumps({"level": "info", "message": "task", "id": number}) + "\n")
            self.answer(201, {"id": number})
        elif self.path.startswith("/attacked"):
            text = json.loads(body)["text"]
            strict = self.path != "/attacked-lax"
            bad = any(sign in text for sign in ("<", "' OR", "UNION", "--", "$ne")) if strict else "<script>" in text
            if self.path == "/attacked-all":
                self.answer(403, {})
            elif self.path == "/attacked-flag":
                self.answer(200, {"blocked": bad})
            else:
                self.answer(400 if bad else 200, {"echo": "" if bad else text})
        elif self.path.startswith("/login"):
            name = self.path
            self.server.failures[name] = self.server.failures.get(name, 0) + 1
            self.answer(423 if self.server.failures[name] > 5 and name != "/login-open" else 401, {})
        elif self.path == "/limited":
            self.answer(413 if len(body) > 1000 else 200, {"bytes": len(body)})
        else:
            self.answer(404, {})

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128  # 5 would drop the connections of those that come at once


@pytest.fixture
def service(tmp_path):
    server = Server(("127.0.0.1", 0), Service)
    server.failures = {}
    server.log_file = tmp_path / "service.log"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    server.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield server
    server.shutdown()
    server.server_close()


def test_requests_and_answers__each_expectation_passes_or_says_why_not(site, tmp_path, service):
    url = service.url
    key = tmp_path / "hmac-key"
    key.write_text(KEY + "\n")
    signed = {"url": f"{url}/signed", "method": "POST", "body": '{"n": "{{nonce}}"}', "secrets": {"key": f"file:{key}"}, "sign_with": "key",
              "headers": {"X-Timestamp": "{{timestamp}}", "X-Signature": "{{signature}}"}}
    closed = harness.free_port()
    table = Table(site, tmp_path, {
        "health": ("http", {"url": f"{url}/health", "json": {"status": "is healthy", "agents_registered": "== 15", "name": "length == 4"},
                            "header_matches": {"X-Version": r"^1\."}, "header_absent": ["X-Powered-By"], "body_matches": ["healthy"],
                            "body_not_matches": ["Traceback"], "max_duration": "900ms",
                            "values": {"agents": "agents_registered", "lifetime": "expires_in as s", "kept": "kept as d", "critical": "count rules[*].s is critical", "info": "count rules[*].s is info"}, "states": {"status_text": "status"}}),
        "wrong-status": ("http", {"url": f"{url}/nowhere"}),
        "wanted-404": ("http", {"url": f"{url}/nowhere", "status": ["404"]}),
        "wrong-json": ("http", {"url": f"{url}/health", "json": {"agents_registered": "== 16"}}),
        "no-json": ("http", {"url": f"{url}/text", "json": {"status": "exists"}}),
        "wrong-header": ("http", {"url": f"{url}/health", "header_matches": {"X-Version": "^2"}}),
        "missing-header": ("http", {"url": f"{url}/health", "header_matches": {"X-Other": "."}}),
        "wrong-body": ("http", {"url": f"{url}/text", "body_not_matches": ["well"]}),
        "cookies": ("http", {"url": f"{url}/login", "cookie_flags": ["HttpOnly"]}),
        "bad-cookies": ("http", {"url": f"{url}/login", "cookie_flags": ["HttpOnly", "Secure"]}),
        "no-cookies": ("http", {"url": f"{url}/health", "cookie_flags": ["HttpOnly"]}),
        "large": ("http", {"url": f"{url}/large", "max_size": "4MiB", "min_size": "3MB"}),
        "too-large": ("http", {"url": f"{url}/large", "max_size": "2MiB"}),
        "large-pattern": ("http", {"url": f"{url}/large", "body_matches": ["x"]}),
        "slow": ("http", {"url": f"{url}/slow", "max_duration": "100ms"}),
        "redirected": ("http", {"url": f"{url}/to/3", "follow": 3, "json": {"status": "is healthy"}}),
        "too-often": ("http", {"url": f"{url}/to/3", "follow": 2}),
        "not-followed": ("http", {"url": f"{url}/to/3"}),
        "secret-away": ("http", {"url": f"{url}/away", "follow": 1, "secrets": {"key": f"file:{key}"}, "headers": {"X-Key": "{{key}}"}}),
        "away": ("http", {"url": f"{url}/away", "follow": 1}),
        "refused": ("http", {"url": f"http://127.0.0.1:{closed}/"}),
        "no-name": ("http", {"url": "http://nowhere.invalid/"}),
        "signed": ("http", signed),
        "signed-base64": ("http", {**signed, "sign_as": "base64"}),
        "tampered": ("http", {**signed, "sign_what": "{{method}}\\n{{path}}\\n{{timestamp}}\\nx", "status": ["401"], "json": {"good": "is false"}}),
        "old": ("http", {**signed, "clock_offset": -3601, "status": ["401"], "json": {"good": "is true", "fresh": "is false"}}),
        "from-environment": ("http", {"url": f"{url}/echo?q={{{{token|url}}}}", "secrets": {"token": "env:MST_TEST_TOKEN"}, "json": {"query": "is q=a%20%26b"}}),
        "not-allowed": ("http", {"url": f"{url}/echo", "secrets": {"token": "env:HOME"}}),
        "no-such-name": ("http", {"url": f"{url}/echo", "headers": {"X": "{{none}}"}}),
        "body-limit": ("http", {"url": f"{url}/limited", "method": "POST", "body": "{{fill:2000}}", "status": ["413"]}),
        "under-limit": ("http", {"url": f"{url}/limited", "method": "POST", "body": "{{fill:1000}}", "json": {"bytes": "== 1000"}}),
        "head": ("http", {"url": f"{url}/health", "method": "HEAD"}),
        "task": ("scenario", {"steps": [
            {"name": "submit", "url": f"{url}/tasks", "method": "POST", "body": "{}", "status": ["201"], "capture": {"id": "id"}},
            {"name": "wait", "url": f"{url}/tasks/{{{{id}}}}", "json": {"state": "is done"}, "tries": 10, "pause": "20ms"},
            {"name": "logged", "file": f"{tmp_path}/*.log", "contains": '"id": "{{id}}"', "tries": 5}],
            "ratios": {"share": "wait / submit"}, "duration_of": "submit"}),
        "one-run": ("scenario", {"steps": [{"url": f"{url}/echo?{{{{run}}}}", "capture": {"first": "query"}},
                                           {"url": f"{url}/echo?{{{{run}}}}-{{{{first}}}}", "body_matches": ["\"query\": \"([0-9a-f]{32})-\\1\""]}]}),
        "never-done": ("scenario", {"steps": [
            {"url": f"{url}/tasks", "method": "POST", "status": ["201"], "capture": {"id": "id"}},
            {"name": "wait", "url": f"{url}/tasks/{{{{id}}}}", "json": {"state": "is failed"}, "tries": 3, "pause": "10ms"}]}),
        "nothing-captured": ("scenario", {"steps": [{"url": f"{url}/health", "capture": {"id": "no_such"}}, {"url": f"{url}/tasks/{{{{id}}}}"}]}),
        "not-logged": ("scenario", {"steps": [{"name": "look", "file": f"{tmp_path}/service.log", "contains": "never said"}]}),
    }, fields=[("health", "agents", "value"), ("health", "lifetime", "value"), ("health", "kept", "value"), ("health", "critical", "value"), ("health", "info", "value"), ("health", "status_text", "state"), ("health", "http_version", "state"),
               ("task", "share", "value"), ("task", "steps_done", "value")],
        config={"allow": {"secrets": [f"file:{key}", "env:MST_TEST_*"]}}, environment={"MST_TEST_TOKEN": "a &b"})
    where = url[7:]
    table.expect(
        health="ok", wrong_status=f"GET http://{where}/nowhere: status 404; wanted 2xx", wanted_404="ok",
        wrong_json='agents_registered is "15"; wanted: == 16', no_json="no JSON: line 1", wrong_header='header X-Version is "1.4.2", which does not match',
        missing_header="header X-Other is missing", wrong_body="pattern 1 of body_not_matches is met", cookies="ok", bad_cookies="cookie theme has no Secure",
        no_cookies="it sets no cookie", large="ok", too_large="its body has over 2097152 bytes", large_pattern="its body has over 1048576 bytes",
        slow="at most 100ms is allowed", redirected="ok", too_often="over 2 redirections", not_followed="status 302, to http", secret_away="another host", away="ok",
        refused=f"connect to http://127.0.0.1:{closed}/: refused", no_name="cannot be looked up", signed="ok", signed_base64="ok", tampered="ok", old="ok",
        from_environment="ok", not_allowed="add it to allow.secrets", no_such_name="{{none}}: nothing has that name", body_limit="ok", under_limit="ok", head="ok",
        task="ok", one_run="ok", never_done='step wait: GET http', nothing_captured="there is nothing to capture as id", not_logged='step look: "never said" does not stand')
    assert table.number("health", "agents") == 15
    assert "3600" in str(table.figure("health", "lifetime")) or "1h" in str(table.figure("health", "lifetime"))
    assert table.number("health", "kept") == 30
    assert (table.number("health", "critical"), table.number("health", "info")) == (2, 0)
    assert "healthy" in table.figure("health", "status_text")
    assert "1.1" in table.figure("health", "http_version")
    assert table.number("task", "steps_done") == 3
    assert table.number("task", "share") > 1
    # No secret in anything that the agent says or keeps.
    assert KEY not in table.agent.program.text()
    for path in pathlib.Path(table.agent.folder).rglob("*"):
        assert not path.is_file() or KEY.encode() not in path.read_bytes(), path


def test_attacks_and_limits__each_outcome_has_its_reason(site, tmp_path, service):
    url = service.url
    (tmp_path / "attacks").mkdir()
    (tmp_path / "attacks" / "own.yml").write_text(json.dumps({"title": "Own", "attacks": ["' OR '1'='1", "<b>", '{"$ne": null}']}))

    def attack(path, **options):
        return ("attack", {"url": url + path, "method": "POST", "body": '{"text": "{{payload|json}}"}', "payloads": ["<script>", "' OR 1", "a -- b"], **options})

    def login(path, **options):
        return ("rate_limit", {"url": url + path, "method": "POST", "requests": 8, "allowed": ["401"], "limited": ["423"], **options}, {"every": "1h"})
    suite = attack("/attacked", suite="own")
    del suite[1]["payloads"]
    table = Table(site, tmp_path, {
        "refuses": attack("/attacked"), "suite": suite, "lax": attack("/attacked-lax"), "refuses-all": attack("/attacked-all"),
        "flag": attack("/attacked-flag", blocked_matches='"blocked": true'), "no-flag": attack("/attacked-flag"),
        "nobody": ("attack", {"url": f"http://127.0.0.1:{harness.free_port()}/{{{{payload|url}}}}", "payloads": ["x"]}),
        "locks": login("/login-a", max_allowed=5), "locks-late": login("/login-b", max_allowed=3), "locks-early": login("/login-c", min_allowed=6),
        "never-locks": login("/login-open"), "at-once": login("/login-d", requests=40, at_once=8, max_allowed=20), "broken": login("/nowhere"),
    }, fields=[("refuses", "blocked_ratio", "value"), ("lax", "blocked_ratio", "value"), ("lax", "first_accepted", "value"), ("suite", "attempts", "value"),
               ("locks", "allowed", "value"), ("locks", "first_limited", "value")])
    table.expect(refuses="ok", suite="ok", lax="2 of 3 attacks were not refused, the first is number 2", refuses_all="before the attacks: what is harmless is answered with status 403",
                 flag="ok", no_flag="3 of 3 attacks were not refused", nobody="before the attacks: connect to", locks="ok", locks_late="5 requests of 8 were let through; at most 3",
                 locks_early="only 5 requests were let through before one was stopped", never_locks="8 requests, and none was stopped with 423", at_once="ok",
                 broken="request 1 is answered with status 404")
    assert table.number("refuses", "blocked_ratio") == 1
    assert abs(table.number("lax", "blocked_ratio") - 1 / 3) < 0.01
    assert table.number("lax", "first_accepted") == 2
    assert table.number("suite", "attempts") == 3
    assert table.number("locks", "allowed") == 5
    assert table.number("locks", "first_limited") == 6


class Hostile:
    """Answers each connection by a function of its own; one thread each."""

    def __init__(self, act):
        self.act, self.listener, self.is_open = act, socket.create_server(("127.0.0.1", 0)), True
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while self.is_open:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.talk, args=(connection,), daemon=True).start()

    def talk(self, connection):
        with connection:
            try:
                connection.settimeout(10)
                connection.recv(4096)
                self.act(self, connection)
            except OSError:
                pass

    def close(self):
        self.is_open = False
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def drip(server, connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while server.is_open:
        connection.sendall(b"x")
        threading.Event().wait(0.05)


def flood(server, connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
    while server.is_open:
        connection.sendall(b"x" * 65536)


def flood_headers(server, connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while server.is_open:
        connection.sendall(b"X-A: " + b"x" * 1000 + b"\r\n")


def circle(server, connection):
    connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


def half_close(server, connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")


def garbage(server, connection):
    connection.sendall(bytes(range(256)) * 10)


def deep(server, connection):
    body = b"[" * 500000
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body)


def silent(server, connection):
    while server.is_open:
        threading.Event().wait(0.05)


def end_at_once(server, connection):
    return


def bomb(server, connection):
    import gzip
    body = gzip.compress(b"\0" * 50_000_000)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body)


def test_servers_that_mean_harm__each_probe_ends_in_its_limits_with_its_reason(site, tmp_path):
    servers = {act.__name__.replace("_", "-"): Hostile(act) for act in
               (drip, flood, flood_headers, circle, half_close, garbage, deep, silent, end_at_once, bomb)}
    pem = tmp_path / "pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=other",
                    "-keyout", pem, "-out", f"{pem}.crt"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{pem}.crt", pem)
    tls = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service)
    tls.socket = context.wrap_socket(tls.socket, server_side=True)
    threading.Thread(target=tls.serve_forever, args=(0.05,), daemon=True).start()
    tls_url = f"https://127.0.0.1:{tls.server_address[1]}/health"

    def probe(name, **options):
        return ("http", {"url": f"http://127.0.0.1:{servers[name].port}/", **options}, {"timeout": "500ms", "every": "700ms"})
    table = Table(site, tmp_path, {
        "drip": probe("drip", body_matches=["y"]), "flood": probe("flood", body_matches=["y"]), "flood-headers": probe("flood-headers"),
        "circle": probe("circle", follow=10), "half-close": probe("half-close"), "garbage": probe("garbage"), "deep": probe("deep", json={"a": "exists"}),
        "silent": probe("silent"), "end-at-once": probe("end-at-once"), "wanted-end": probe("end-at-once", status=["closed"]), "bomb": probe("bomb"),
        "no-tls": ("http", {"url": f"https://127.0.0.1:{servers['garbage'].port}/"}), "untrusted": ("http", {"url": tls_url}),
        "wrong-name": ("http", {"url": tls_url, "ca_file": f"{pem}.crt"}), "insecure": ("http", {"url": tls_url, "insecure": True}),
    }, fields=[("insecure", "days_left", "value")])
    pid = table.agent.program.process.pid

    def held():
        return len(list(pathlib.Path(f"/proc/{pid}/fd").iterdir()))
    wanted = dict(drip="no answer within 500ms", flood="its body has over 1048576 bytes", flood_headers="over 64 KiB of headers", circle="over 10 redirections",
                  half_close="the connection broke off", garbage="http://127.0.0.1", deep="JSON of over 64 levels", silent="no answer within 500ms",
                  end_at_once="closed without an answer", wanted_end="ok", bomb="ok", no_tls="https://127.0.0.1", untrusted="its certificate",
                  wrong_name="its certificate", insecure="ok")
    table.expect(**wanted)
    assert 1.9 < table.number("insecure", "days_left") <= 2
    before = held()
    runs = site.items()["1.1"]
    for _ in range(8):
        threading.Event().wait(0.7)
        table.expect(**wanted)
    assert runs and held() <= before + 20, (before, held())
    for server in servers.values():
        server.close()
    tls.shutdown()
    tls.server_close()
