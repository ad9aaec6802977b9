"""Kind scrape: through a real agent, of a real prometheus_client, and of pages that mean harm."""
import http.server
import threading

import prometheus_client
import pytest

import harness
from probe_table import Table
from test_http_probes import Hostile


@pytest.fixture
def exporter():
    registry = prometheus_client.CollectorRegistry()
    registry.tasks = prometheus_client.Counter("genesis_tasks", "Tasks", ["state"], registry=registry)
    registry.load = prometheus_client.Gauge("genesis_agent_utilization", "Share", registry=registry)
    registry.padding = prometheus_client.Gauge("padding", "x" * 2000, registry=registry)
    registry.seconds = prometheus_client.Histogram("genesis_seconds", "Time", buckets=[0.1, 1, 10], registry=registry)
    server, thread = prometheus_client.start_http_server(0, addr="127.0.0.1", registry=registry)
    registry.url = f"http://127.0.0.1:{server.server_address[1]}/metrics"
    registry.stop = server.shutdown
    yield registry
    server.shutdown()
    server.server_close()
    thread.join(5)


def test_exporter_of_prometheus_client__what_is_asked_for_is_given(site, tmp_path, exporter):
    exporter.tasks.labels("done").inc(1000)
    exporter.load.set(0.625)
    for _ in range(90):
        exporter.seconds.observe(0.05)
    for _ in range(10):
        exporter.seconds.observe(5)
    url = exporter.url
    table = Table(site, tmp_path, {
        "all": ("scrape", {"url": url, "needed": ["genesis_tasks_total{state='done'}".replace("'", '"'), "genesis_seconds_bucket"], "not_allowed": ["secret_series"],
                           "values": {"use": "genesis_agent_utilization", "p95": "quantile(0.95, genesis_seconds_bucket) as s", "rate": "rate(genesis_tasks_total) as 1/s"},
                           "gauges": ["genesis_agent_utilization"], "totals": ["genesis_tasks_total"]}),
        "missing": ("scrape", {"url": url, "needed": ["genesis_llm_tokens_total"]}),
        "forbidden": ("scrape", {"url": url, "not_allowed": ["genesis_tasks_total"]}),
        "too-few": ("scrape", {"url": url, "min_series": 1000}),
        "too-large": ("scrape", {"url": url, "max_bytes": 1024}),
        "no-page": ("scrape", {"url": f"http://127.0.0.1:{harness.free_port()}/metrics"}),
    }, fields=[("all", "use", "value"), ("all", "p95", "value"), ("all", "series", "value"), ("all", "rate", "value")],
        items=['{id: "2.1", title: gauge, class: S, check: {signal: muster.scrape.value, where: {metric: genesis_agent_utilization}, stat: last, hosts: measuring, '
               'over: 5s, target: "== 62.5%"}}',
               '{id: "2.2", title: risen, class: S, check: {signal: muster.scrape.total, where: {metric: genesis_tasks_total}, stat: increase, hosts: measuring, series: sum, '
               'target: "== 7"}}'])
    table.expect(all="ok", missing="no series fits genesis_llm_tokens_total", forbidden="a series fits genesis_tasks_total", too_few="at least 1000 are wanted",
                 too_large="scrape http", no_page="refused")
    assert abs(table.number("all", "use") - 0.625) < 1e-9
    assert 1 < table.number("all", "p95") <= 10
    assert table.number("all", "series") >= 8
    exporter.tasks.labels("done").inc(4)
    exporter.tasks.labels("failed").inc(3)  # a series that was not there before: all of it has come since
    try:
        harness.wait_until(lambda: site.items()["2.2"]["outcome"] == "PASS", 20, "the total has risen by 7, not by 1007")
    except AssertionError:
        raise AssertionError(site.items()["2.2"])
    assert site.items()["2.1"]["outcome"] == "PASS", site.items()["2.1"]


def endless(server, connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nConnection: close\r\n\r\n")
    number = 0
    while server.is_open:
        connection.sendall("".join(f'many{{n="{number + i}"}} 1\n' for i in range(2000)).encode())
        number += 2000


def long_line(server, connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n" + b"a" * 200_000)


def no_format(server, connection):
    body = b"<html>this is no exposition</html>\n"
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body)


def broken_off(server, connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\na 1\nb")


def slow(server, connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while server.is_open:
        connection.sendall(b"a 1\n")
        threading.Event().wait(0.1)


def test_pages_that_mean_harm__each_ends_in_its_limits(site, tmp_path):
    servers = {act.__name__: Hostile(act) for act in (endless, long_line, no_format, broken_off, slow)}

    def page(name, **options):
        return ("scrape", {"url": f"http://127.0.0.1:{servers[name].port}/metrics", **options}, {"timeout": "900ms"})
    table = Table(site, tmp_path, {
        "endless": page("endless", max_bytes="4MiB"), "every-series": page("endless", totals=["many"]), "long-line": page("long_line"), "no-format": page("no_format"),
        "broken-off": page("broken_off"), "slow": page("slow")})
    table.expect(endless="4194304", every_series="over 400 series", long_line="line 1", no_format="line 1", broken_off="broke off", slow="no answer within 900ms")
    status = open(f"/proc/{table.agent.program.process.pid}/status").read()
    rss_kb = int(status.split("VmRSS:")[1].split()[0])
    assert rss_kb < 400_000, rss_kb  # with ASan's own
    for server in servers.values():
        server.close()
