"""The reader of Prometheus' text formats against other readers of the same texts: prometheus_client's own, and a real Prometheus; over what
prometheus_client, a real Prometheus and a real node_exporter write."""
import http.server
import json
import math
import re
import subprocess
import threading
import urllib.parse
import urllib.request

import prometheus_client
import prometheus_client.openmetrics.exposition
import prometheus_client.openmetrics.parser
import prometheus_client.parser
import pytest
from prometheus_client import CollectorRegistry, Counter, Enum, Gauge, Histogram, Info, Summary

from harness import BUILD, free_port, wait_until

PRINT = BUILD / "tests" / "unit" / "print_samples"


def ours(text, format_, *questions):
    done = subprocess.run([str(PRINT), format_, *questions], input=text.encode(), capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    lines = done.stdout.decode().split("\n")[:-1]
    return lines if questions else [json.loads(line) for line in lines]


def key(name, labels, value, time, exemplar=None):
    value = "nan" if math.isnan(value) else value
    return json.dumps([name, sorted(labels.items()), value, time, exemplar])


def compare(text, format_):
    """Every sample of both readers; returns how many."""
    mine = []
    for sample in ours(text, format_):
        mine.append(key(sample["name"], sample["labels"], float(sample["value"]), sample["time"], sample["exemplar"]))
    parser = prometheus_client.parser if format_ == "text" else prometheus_client.openmetrics.parser
    theirs = []
    written = set(re.findall(r'^([a-zA-Z_:][\w:]*)', text, re.M))
    for family in parser.text_string_to_metric_families(text):
        for sample in family.samples:
            name = sample.name
            if format_ == "text" and family.type == "counter" and name not in written:
                name = name.removesuffix("_total")  # its parser writes one behind counters that have none
            labels = {label: float(value) if label in ("le", "quantile") else value for label, value in sample.labels.items()}
            time = None if sample.timestamp is None else float(sample.timestamp)
            theirs.append(key(name, labels, float(sample.value), time, sample.exemplar and float(sample.exemplar.value)))
    mine = [json.dumps([entry[0], [[k, float(v) if k in ("le", "quantile") else v] for k, v in entry[1]], *entry[2:]])
            for entry in map(json.loads, mine)]
    assert sorted(mine) == sorted(theirs)
    return len(mine)


@pytest.fixture
def registry():
    registry = CollectorRegistry()
    counter = Counter("requests", "Requests \\ with\nlines", ["path", "code"], registry=registry)
    counter.labels('/a"b\\c\nd', "200").inc(3, exemplar={"trace": "1a"})
    counter.labels("/é{,}", "500").inc(0.1)
    Gauge("temperature", "", registry=registry).set(-1e-300)
    Gauge("nothing", "", registry=registry).set(math.nan)
    Gauge("endless", "", registry=registry).set(math.inf)
    histogram = Histogram("took_seconds", "Time", ["host"], registry=registry)
    for i in range(100):
        histogram.labels("ab"[i % 2]).observe(i / 30)
    Summary("size_bytes", "Size", registry=registry).observe(5)
    Info("build", "Build", registry=registry).info({"version": "1"})
    Enum("phase", "Phase", states=["up", "down"], registry=registry).state("down")
    return registry


def test_what_prometheus_client_writes_is_read_as_by_its_own_parser(registry):
    assert compare(prometheus_client.generate_latest(registry).decode(), "text") > 40
    assert compare(prometheus_client.openmetrics.exposition.generate_latest(registry).decode(), "openmetrics") > 40


class Serving:
    """A real program with /metrics on a free port, stopped at the end."""

    def __init__(self, command, port):
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.port = port

    def get(self, path="/metrics"):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
            return answer.read().decode()

    def answers(self, path="/metrics"):
        assert self.process.poll() is None, "it ended by itself"
        try:
            return self.get(path)
        except OSError:
            return None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(20)


def test_what_a_real_node_exporter_writes_is_read_as_by_prometheus_client():
    port = free_port()
    with Serving(["prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{port}"], port) as exporter:
        text = wait_until(exporter.answers, 30, "node_exporter's metrics")
    assert compare(text, "text") > 200


@pytest.fixture
def prometheus(tmp_path, registry):
    """A real Prometheus that scrapes the registry, which does not change meanwhile."""
    text = prometheus_client.generate_latest(registry)

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    (tmp_path / "prometheus.yml").write_text(
        "global: {scrape_interval: 1s}\nscrape_configs: [{job_name: t, static_configs: [{targets: ['127.0.0.1:%d']}]}]\n" % server.server_port)
    port = free_port()
    command = ["prometheus", f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data",
               f"--web.listen-address=127.0.0.1:{port}"]
    with Serving(command, port) as running:
        running.text = text.decode()
        yield running
    server.shutdown()
    server.server_close()


def test_what_a_real_prometheus_writes_and_answers_is_what_we_read_and_answer(prometheus):
    def ask(query):
        path = "/api/v1/query?" + urllib.parse.urlencode({"query": query})
        answer = prometheus.answers(path)
        return json.loads(answer)["data"]["result"] if answer else None

    wait_until(lambda: ask("temperature"), 60, "the first scrape")
    # what we are asked, and the same in PromQL
    questions = [
        'sum(requests_total{code=~"2..|5.."})',
        'count(took_seconds_bucket{host!="a",le=~"[0-9.]+"})',
        'max(took_seconds_count)',
        'avg(took_seconds_sum)',
        'min({__name__=~"took_.*_sum"})',
        'temperature',
    ]
    questions = {question: question for question in questions}
    for quantile in (0, 0.01, 0.5, 0.9, 0.95, 0.99, 1):
        questions[f"quantile({quantile}, took_seconds_bucket)"] = f"histogram_quantile({quantile}, sum by (le) (took_seconds_bucket))"
        questions[f'quantile({quantile}, took_seconds_bucket{{host="b"}})'] = f'histogram_quantile({quantile}, took_seconds_bucket{{host="b"}})'
    answers = dict(zip(questions, ours(prometheus.text, "text", *questions)))
    for question, query in questions.items():
        result = ask(query)
        assert len(result) == 1, query
        if result[0]["value"][1] == "NaN":  # quantile 0 where the first bucket is empty
            assert answers[question].endswith("PromQL's answer is NaN: no observations, no bound of +Inf, or quantile 0 below an empty bucket")
            continue
        assert float(answers[question]) == pytest.approx(float(result[0]["value"][1]), rel=1e-12, abs=0), question
    assert compare(prometheus.get(), "text") > 200


def test_a_million_series_are_counted_in_little_memory():
    """A million kept series would take over 100 MB; the program under ASan, which takes most, has 64 MiB at its highest."""
    lines = b"".join(b'm{a="%07d"} 1\n' % i for i in range(1_000_000))
    process = subprocess.Popen([str(PRINT), "text", "sum(m)", "count(m)", 'm{a="0000007"}'], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    most = 0
    for at in range(0, len(lines), 1 << 20):
        process.stdin.write(lines[at:at + (1 << 20)])
    process.stdin.flush()
    with open(f"/proc/{process.pid}/status") as status:
        most = int(re.search(r"VmHWM:\s+(\d+) kB", status.read()).group(1))
    process.stdin.close()
    assert process.stdout.read().split() == [b"1000000", b"1000000", b"1"]
    assert process.wait(60) == 0
    assert most < 64 * 1024, f"{most} kB"
