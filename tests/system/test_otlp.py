"""The agent's OTLP listener: a real application with the official SDK, the items of the shipped checklist, and clients that mean harm."""
import concurrent.futures
import gzip
import json
import os
import re
import socket
import time

import pytest
import requests
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse
from opentelemetry.sdk.metrics import Counter, Histogram
from opentelemetry.sdk.metrics.export import AggregationTemporality

import harness
from otlp_app import Application

SHIPPED = harness.ROOT / "config" / "checklists" / "genesis-staging.yml"
ITEMS = ["6.2.8", "6.3.1", "6.3.3", "6.3.4", "6.3.5", "6.3.6"]
OVER = "4s"
HEAD = """
checklist: otlp
title: OTLP
version: "1"
period: 48h
policy: {sign_offs: [], coverage: 20%, max_gap: 1m, conditional: 0%}
sections: [{id: "6.2", title: Metrics}, {id: "6.3", title: Tracing}, {id: "9.1", title: Refused}]
items:
"""
REASONS = ["not-found", "method", "content-type", "encoding", "too-large", "malformed", "cut-off"]


def shipped_items():
    """The items as they are shipped, but over seconds; of 6.3.6 the half that OTLP decides."""
    text = SHIPPED.read_text()
    made = ""
    for name in ITEMS:
        block = re.search(rf"  - id: {re.escape(name)}\n(?:    .*\n)+", text).group()
        block = re.sub(r".*muster\.log\..*\n", "", block)
        block = re.sub(r", over: \w+", "", block)
        assert "muster.otlp." in block, block
        made += block.replace("hosts: measuring", f"hosts: measuring, over: {OVER}")
    return made


def refused_items():
    return "".join(f'  - {{id: "9.1.{i}", title: {reason}, class: S, check: {{signal: muster.otlp.rejected, where: {{reason: {reason}}}, stat: increase, '
                   f'hosts: measuring, target: "> 0"}}}}\n' for i, reason in enumerate(REASONS))


def begin(site, folder, items, options="", address=None):
    port = harness.free_port()
    plan = folder / "plan.yml"
    plan.write_text("plan: otlp\ninterval: 200ms\njitter: 0\ncollectors:\n  - name: uptime\n"
                    f'  - {{name: otlp, options: {{address: "{address or f"127.0.0.1:{port}"}", window: 1s{options}}}}}\n')
    site.settings["plan"] = str(plan)
    site.checklist("otlp", HEAD + items)
    site.start()
    agent = site.agent("api-1", "api")
    harness.wait_until(lambda: "plan-in-force" in agent.program.text(), 20, "the plan is in force")
    site.run_start("otlp")
    return agent, port


def settled(site, says=None, timeout=40, **outcomes):
    wanted = {name[1:].replace("_", "."): outcome for name, outcome in outcomes.items()}
    told = {}

    def as_wanted():
        told.clear()
        told.update({name: (item["outcome"], item.get("value"), item.get("reason")) for name, item in site.items().items()})
        return all(told[name][0] == outcome for name, outcome in wanted.items()) and (says is None or says in str(told))
    try:
        harness.wait_until(as_wanted, timeout, "the items are decided")
    except AssertionError:
        raise AssertionError((wanted, says, told))


ALL_WELL = {"i" + name.replace(".", "_"): "PASS" for name in ITEMS}
NONE_REFUSED = {f"i9_1_{i}": "FAIL" for i in range(len(REASONS))}
METRIC = ", requests_metric: http.server.request.duration"

# What is broken, and what has to fail for it; the rest stays as it was but for what cannot be said without the metric or the spans.
FAULTS = [
    ("metrics", {"i6_2_8": "FAIL", "i6_3_1": "PASS", "i6_3_4": "PASS", "i6_3_5": "PASS", "i6_3_6": "PASS"}),
    ("traces", {"i6_2_8": "PASS", "i6_3_1": "FAIL", "i6_3_3": "FAIL", "i6_3_5": "FAIL"}),
    ("sampled", {**ALL_WELL, "i6_3_3": "FAIL"}),
    ("attributes", {**ALL_WELL, "i6_3_4": "FAIL"}),
    ("errors", {**ALL_WELL, "i6_3_5": "FAIL"}),
    ("ids", {"i6_2_8": "PASS", "i6_3_1": "PASS", "i6_3_4": "PASS", "i6_3_5": "PASS", "i6_3_6": "FAIL"}),
]


def test_real_application__each_item_passes_and_fails_for_its_own_fault(site, tmp_path):
    agent, port = begin(site, tmp_path, shipped_items(), METRIC)
    settled(site, i6_2_8="FAIL", i6_3_1="FAIL", i6_3_3="NO_DATA", i6_3_4="NO_DATA", i6_3_5="FAIL", i6_3_6="NO_DATA")  # nothing came yet
    application = Application(port)
    try:
        settled(site, **ALL_WELL)
        for fault, outcomes in FAULTS:
            setattr(application, fault, False)
            settled(site, **outcomes)
            setattr(application, fault, True)
            settled(site, **ALL_WELL)
    finally:
        application.close()
    settled(site, i6_2_8="FAIL", i6_3_1="FAIL", i6_3_5="FAIL")
    agent.stop()


def test_compressed_delta_exports__decide_the_same(site, tmp_path):
    agent, port = begin(site, tmp_path, shipped_items(), METRIC)
    delta = {Histogram: AggregationTemporality.DELTA, Counter: AggregationTemporality.DELTA}
    application = Application(port, Compression.Gzip, delta)
    try:
        settled(site, **ALL_WELL)
        application.sampled = False
        settled(site, **{**ALL_WELL, "i6_3_3": "FAIL"})
    finally:
        application.close()
    agent.stop()


def test_no_metric_of_requests__sampling_says_so(site, tmp_path):
    agent, port = begin(site, tmp_path, shipped_items())
    application = Application(port)
    try:
        settled(site, "gives the collector otlp no requests_metric", **{**ALL_WELL, "i6_3_3": "NO_DATA"})
    finally:
        application.close()
    agent.stop()


@pytest.mark.parametrize("address, says", [("0.0.0.0:4318", "must be a loopback address"), ("127.0.0.1", "must be a loopback address")])
def test_address_that_others_can_reach__is_not_opened_and_says_why(site, tmp_path, address, says):
    agent, _ = begin(site, tmp_path, shipped_items(), address=address)
    settled(site, says, **{name: "NO_DATA" for name in ALL_WELL})
    agent.stop()


def test_port_that_is_taken__says_so(site, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        agent, _ = begin(site, tmp_path, shipped_items(), address=f"127.0.0.1:{taken.getsockname()[1]}")
        settled(site, "another program, perhaps a collector, has it", **{name: "NO_DATA" for name in ALL_WELL})
    agent.stop()


def one_span():
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.add(trace_id=b"\1" * 16, span_id=b"\2" * 8, name="one", kind=2)
    return request.SerializeToString()


def post(port, body=b"", path="/v1/traces", kind="application/x-protobuf", method="POST", session=requests, **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return session.request(method, f"http://127.0.0.1:{port}{path}", data=body, headers={"Content-Type": kind, **headers} if kind else headers, timeout=10)


def test_answers__are_those_of_the_specification(site, tmp_path):
    agent, port = begin(site, tmp_path, refused_items(), ", body_max: 65536")
    harness.wait_until(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0, 10, "it listens")
    settled(site, **NONE_REFUSED)  # from here on it is counted
    session = requests.Session()
    for _ in range(2):  # over one connection
        done = post(port, one_span(), session=session)
        assert (done.status_code, done.content, done.headers["Content-Type"]) == (200, b"", "application/x-protobuf")
        ExportTraceServiceResponse.FromString(done.content)
    done = post(port, b'{"resourceSpans":[]}', kind="application/json; charset=utf-8", session=session)
    assert (done.status_code, done.json(), done.headers["Content-Type"]) == (200, {}, "application/json")
    assert post(port, gzip.compress(one_span()), Content_Encoding="gzip").status_code == 200
    assert post(port, gzip.compress(one_span()[:3]) + gzip.compress(one_span()[3:]), Content_Encoding="gzip").status_code == 200
    assert post(port, b"").status_code == 200  # an empty request is one without spans
    assert post(port, b"\xff\xff").status_code == 400
    assert post(port, b"{", kind="application/json").json()["code"] == 3
    assert post(port, b"no gzip", Content_Encoding="gzip").status_code == 400
    assert post(port, gzip.compress(one_span())[:-9], Content_Encoding="gzip").status_code == 400
    assert post(port, one_span(), path="/v1/logs").status_code == 404
    assert post(port, one_span(), path="/").status_code == 404
    got = post(port, method="GET")
    assert (got.status_code, got.headers["Allow"]) == (405, "POST")
    assert post(port, one_span(), kind="text/plain").status_code == 415
    assert post(port, one_span(), kind=None).status_code == 415
    assert post(port, one_span(), Content_Encoding="zstd").status_code == 415
    assert post(port, bytes(65537)).status_code == 413
    assert post(port, gzip.compress(bytes(200 << 20), 9)[:60000], Content_Encoding="gzip").status_code == 413  # a bomb
    assert post(port, b"[" * 60000, kind="application/json").status_code == 400
    settled(site, **{f"i9_1_{i}": "PASS" for i, reason in enumerate(REASONS) if reason != "cut-off"})
    agent.stop()


def connect(port):
    made = socket.create_connection(("127.0.0.1", port), 10)
    made.settimeout(20)
    return made


def over_after(connection):
    """Seconds until the listener ends this connection."""
    began = time.monotonic()
    try:
        while connection.recv(65536):
            pass
    except OSError:
        pass
    return time.monotonic() - began


def drip(connection, first):
    """A slow loris: a byte each half second, for as long as it is let."""
    began = time.monotonic()
    try:
        connection.sendall(first)
        while time.monotonic() - began < 30:
            connection.settimeout(0.5)
            try:
                if not connection.recv(1):
                    break
            except TimeoutError:
                connection.sendall(b"a")
    except OSError:
        pass
    return time.monotonic() - began


def flood(port, head):
    """An endless body; how much of it was taken."""
    sent = 0
    with connect(port) as connection:
        try:
            connection.sendall(head)
            while sent < 1 << 30:
                connection.sendall(b"10000\r\n" + bytes(65536) + b"\r\n")
                sent += 65536
        except OSError:
            pass
    return sent


def open_files(agent):
    return len(os.listdir(f"/proc/{agent.program.pid}/fd"))


POST_HEAD = b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"


def test_hostile_clients__are_ended_and_an_honest_one_is_served(site, tmp_path):
    agent, port = begin(site, tmp_path, refused_items() + shipped_items(), METRIC)
    harness.wait_until(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0, 10, "it listens")
    settled(site, **NONE_REFUSED)
    before = open_files(agent)
    application = Application(port)
    try:
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            slow = [pool.submit(drip, connect(port), first) for first in (b"", b"POST ", POST_HEAD + b"X: ", POST_HEAD + b"Content-Length: 100\r\n\r\n")]
            endless = [pool.submit(flood, port, POST_HEAD + b"Transfer-Encoding: chunked\r\n\r\n"),
                       pool.submit(flood, port, b"POST /v1/traces HTTP/1.1\r\n" + b"X: ")]
            half = connect(port)
            half.sendall(POST_HEAD + b"Content-Length: 50\r\n\r\nabc")
            half.shutdown(socket.SHUT_WR)
            assert over_after(half) < 15
            garbage = connect(port)
            garbage.sendall(b"\x16\x03\x01\x02\x00\x01\xfc\x03\x03" + bytes(200) + b"\r\n\r\n")
            assert over_after(garbage) < 15
            assert all(one.result() < 64 << 20 for one in endless), [one.result() for one in endless]
            assert all(one.result() < 15 for one in slow), [one.result() for one in slow]
        settled(site, i9_1_4="PASS", i9_1_6="PASS", **ALL_WELL)
    finally:
        application.close()
    harness.wait_until(lambda: open_files(agent) <= before + 2, 20, "the descriptors are given back")
    agent.stop()


def test_thousand_connections__are_bounded_and_give_way(site, tmp_path):
    agent, port = begin(site, tmp_path, shipped_items())
    harness.wait_until(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0, 10, "it listens")
    before, crowd = open_files(agent), []
    try:
        for _ in range(1000):
            silent = socket.socket()
            silent.setblocking(False)
            silent.connect_ex(("127.0.0.1", port))
            crowd.append(silent)
        harness.wait_until(lambda: open_files(agent) >= before + 60, 10, "the places are taken")
        assert open_files(agent) <= before + 70

        def served():
            try:
                return post(port, one_span()).status_code == 200
            except requests.exceptions.RequestException:
                return False
        harness.wait_until(served, 60, "somebody honest is served among them")
    finally:
        for silent in crowd:
            silent.close()
    settled(site, i6_3_1="PASS")
    agent.stop()


def test_json_export__counts_like_protobuf(site, tmp_path):
    agent, port = begin(site, tmp_path, shipped_items(), METRIC)
    harness.wait_until(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0, 10, "it listens")
    began = time.time_ns()

    def export(count):
        """Two requests more, of which one is traced."""
        span = {"traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174", "name": "x", "kind": 2, "status": {"code": 2},
                "attributes": [{"key": "http.request.method", "value": {"stringValue": "GET"}}]}
        resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "api"}}]}
        point = {"startTimeUnixNano": str(began), "timeUnixNano": str(time.time_ns()), "count": str(2 * count)}
        histogram = {"aggregationTemporality": 2, "dataPoints": [point]}
        traces = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]}
        metrics = {"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"metrics": [{"name": "http.server.request.duration", "histogram": histogram}]}]}]}
        assert post(port, json.dumps(traces), kind="application/json").status_code == 200
        assert post(port, json.dumps(metrics), path="/v1/metrics", kind="application/json").status_code == 200

    counts = iter(range(1, 1 << 20))

    def all_pass():
        export(next(counts))
        items = site.items()
        return all(items[name]["outcome"] == "PASS" for name in ITEMS)
    harness.wait_until(all_pass, 40, "all items pass")
    agent.stop()
