"""500 probes of one agent every 10 s, half of them http, half tcp, beside Debian's prometheus-blackbox-exporter, which is asked for the same in the same time."""
import concurrent.futures
import http.server
import json
import pathlib
import tempfile
import threading
import time
import urllib.request

import harness

PROBES, EVERY_S = 500, 10
CHECKLIST = """
checklist: probes
title: Probes
version: "1"
period: 48h
policy: {sign_offs: [], coverage: 1%, max_gap: 1m}
sections: [{id: "1", title: Probes}]
items:
  - {id: "1.1", title: late, class: S, check: {signal: muster.probe.delay, where: {probe: "p-*"}, stat: max, hosts: measuring, over: 30s, target: "< 1s"}}
  - {id: "1.2", title: pass, class: S, check: {signal: muster.probe.success, where: {probe: "p-*"}, stat: min, hosts: measuring, over: 30s, target: "== 1"}}
"""


class Service(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 1024
    daemon_threads = True


def plan(port):
    probes = [{"name": f"p-{number}", "kind": "http" if number % 2 else "tcp", "every": f"{EVERY_S}s", "timeout": "5s",
               "options": {"url": f"http://127.0.0.1:{port}/"} if number % 2 else {"address": f"127.0.0.1:{port}"}} for number in range(PROBES)]
    return json.dumps({"plan": "probes", "interval": "10s", "collectors": [{"name": "uptime"}], "probes": probes})


def ask_exporter(exporter_port, port, seconds):
    """The same probes at the same pace."""
    def one(number):
        module, target = ("http_2xx", f"http://127.0.0.1:{port}/") if number % 2 else ("tcp_connect", f"127.0.0.1:{port}")
        page = urllib.request.urlopen(f"http://127.0.0.1:{exporter_port}/probe?module={module}&target={target}", timeout=9).read()
        assert b"\nprobe_success 1" in page, page[-300:]
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        asked = []
        for number in range(PROBES * seconds // EVERY_S):
            pause = began + number * EVERY_S / PROBES - time.monotonic()
            if pause > 0:
                time.sleep(pause)
            asked.append(pool.submit(one, number))
        for done in asked:
            done.result()


def bench_probes(seconds, header, row, cpu_ns, pss_kb):
    seconds = seconds or 60
    server = Server(("127.0.0.1", 0), Service)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port, exporter_port = server.server_address[1], harness.free_port()
    with tempfile.TemporaryDirectory() as folder, harness.Site(pathlib.Path(folder), window="10s") as site:
        (pathlib.Path(folder) / "plan.yml").write_text(plan(port))
        (pathlib.Path(folder) / "blackbox.yml").write_text("modules:\n  http_2xx: {prober: http, http: {preferred_ip_protocol: ip4}}\n  tcp_connect: {prober: tcp}\n")
        site.settings["plan"] = f"{folder}/plan.yml"
        site.checklist("probes", CHECKLIST)
        site.start()
        agent = site.agent("bench", config={"interval": "10s"})
        exporter = harness.Program(["prometheus-blackbox-exporter", f"--config.file={folder}/blackbox.yml", f"--web.listen-address=127.0.0.1:{exporter_port}"],
                                   f"{folder}/exporter.log")
        try:
            harness.wait_until(lambda: "plan-in-force" in agent.program.text(), 30, "the plan is in force")
            site.run_start("probes")
            time.sleep(2 * EVERY_S)  # past everybody's first run
            pids = {"agent": agent.program.pid, "exporter": exporter.pid}
            before = {name: cpu_ns(pid) for name, pid in pids.items()}
            began = time.monotonic()
            ask_exporter(exporter_port, port, seconds)
            took = time.monotonic() - began
            cpu = {name: (cpu_ns(pid) - before[name]) / 1e9 / took * 100 for name, pid in pids.items()}
            pss = {name: pss_kb(pid) / 1024 for name, pid in pids.items()}
            items = site.items()
        finally:
            exporter.kill()
    header()
    row(f"agent: CPU, {PROBES} probes every {EVERY_S} s", cpu["agent"], cpu["exporter"], "%", f"blackbox_exporter, the same probes, {took:.0f} s")
    row("agent: PSS", pss["agent"], pss["exporter"], "MB", "blackbox_exporter")
    print(f"latest begin of a run after it was due: {items['1.1'].get('value')} ({items['1.1']['outcome']}; limit 1 s); all passed: {items['1.2']['outcome']}")
