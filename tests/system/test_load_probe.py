"""Kind load: through a real agent, against real servers of Python: a quick one, a slow one, one that stalls, one that fails."""
import http.server
import threading
import time

import pytest

import harness
from probe_table import Table


class Service(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body in one piece

    def do_GET(self):
        server = self.server
        with server.lock:
            server.asked[self.path] = server.asked.get(self.path, 0) + 1
            server.here += 1
            server.most = max(server.most, server.here)
            number = server.asked[self.path]
        if self.path == "/slow":
            threading.Event().wait(0.1)
        if self.path == "/stalls" and 10 <= number <= 13:  # four at a time for half a second: nobody is answered
            threading.Event().wait(0.5)
        if self.path == "/hangs":
            threading.Event().wait(2)
        status = 500 if self.path == "/fails" or (self.path == "/sometimes" and number % 4 == 0) else 200
        with server.lock:
            server.here -= 1
        self.send_response(status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True


@pytest.fixture
def service():
    server = Server(("127.0.0.1", 0), Service)
    server.lock, server.asked, server.here, server.most = threading.Lock(), {}, 0, 0
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    server.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield server
    server.shutdown()
    server.server_close()


def load(url, **options):
    return ("load", {"url": url, "duration": "1s", "request_timeout": "1s", **options}, {"timeout": "4s", "every": "1h"})


def test_load__is_put_on_as_the_plan_says_and_is_counted(site, tmp_path, service):
    url = service.url
    table = Table(site, tmp_path, {
        "closed": load(url + "/slow", users=4), "open": load(url + "/open", users=8, rate=50, max_error_ratio=0), "few": load(url + "/few", users=2, requests=7),
        "stalls": load(url + "/stalls", users=4, rate=50, max_p95="200ms"), "fails": load(url + "/fails", users=2, requests=20),
        "sometimes": load(url + "/sometimes", users=1, requests=40, max_error_ratio=0.1), "hangs": load(url + "/hangs", users=3, requests=3, duration="200ms"),
        "too-slow": load(url + "/slow2", users=1, requests=2, min_rate=100000), "nobody": load(f"http://127.0.0.1:{harness.free_port()}/", requests=3),
        "ramp": load(url + "/ramp", users=4, rate=40, ramp="1s"),
    }, fields=[("closed", "rate", "value"), ("closed", "p50", "value"), ("open", "answered", "value"), ("few", "requests", "value"), ("sometimes", "errors", "value"),
               ("hangs", "timeouts", "value"), ("ramp", "requests", "value"), ("stalls", "answered", "value")], config={"allow": {"load": True}})
    table.expect(closed="ok", open="ok", few="ok", stalls="p95 of", fails="none of 20 requests was answered as it should be: status 500",
                 sometimes="10 errors and 0 timeouts of 40 requests; the first: status 500", hangs="none of 3 requests", too_slow="at least 1e+05 are wanted", nobody="refused", ramp="ok")
    assert 20 <= table.number("closed", "rate") <= 40.5  # four users, 100 ms each
    assert 0.1 <= table.number("closed", "p50") < 0.2
    assert 48 <= table.number("open", "answered") <= 50
    assert table.number("few", "requests") == 7
    assert table.number("sometimes", "errors") == 10
    assert table.number("hangs", "timeouts") == 3
    assert 18 <= table.number("ramp", "requests") <= 21  # half of 40
    assert service.most <= 40


def test_load_that_the_host_does_not_allow__is_not_begun(site, tmp_path, service):
    table = Table(site, tmp_path, {"load": load(service.url + "/never", users=2)})
    table.expect(load="load is not allowed from this host: set allow.load")
    assert "/never" not in service.asked


def test_agent_that_ends_amid_load__ends_in_its_time(site, tmp_path, service):
    table = Table(site, tmp_path, {"load": ("load", {"url": service.url + "/slow", "users": 8, "duration": "60s", "request_timeout": "1s"}, {"timeout": "70s", "every": "1h"})},
                  config={"allow": {"load": True}})
    harness.wait_until(lambda: service.asked.get("/slow", 0) > 50, 20, "load has begun")
    began = time.monotonic()
    table.agent.stop()
    assert time.monotonic() - began < 4
    before = service.asked["/slow"]
    threading.Event().wait(0.5)
    assert service.asked["/slow"] <= before + 8
