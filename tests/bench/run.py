#!/usr/bin/env python3
"""Runs the benches and prints each figure as a ratio against a stated limit or a peer measured in the same run.
usage: tests/bench/run.py [agent|whole|controller|scale|tls|probes ...] [--agents N] [--seconds S]
  agent       the agent with its base plan beside collectd (the same signals, 10 s) and node_exporter: CPU a collection, PSS
  whole       the agent with 50 containers and 20 logs to follow, beside node_exporter, and with --cadvisor beside cAdvisor's library too
  controller  CPU of the controller per verified, windowed and stored envelope of 150 samples, beside one bare verification
  scale       N simulated agents (default 10000) at 10 s on one controller over tcp
  probes      an agent with 500 probes every 10 s beside prometheus-blackbox-exporter asked for the same: CPU, PSS, how late a run begins
  tls         the same over TLS, with a restart of the controller in the middle
Needs a release build (cmake --preset release && cmake --build build/release) and, for agent, collectd and prometheus-node-exporter."""
import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
os.environ.setdefault("MST_BUILD", str(ROOT / "build" / "release"))
sys.path.insert(0, str(ROOT / "tests" / "system"))
import docker_engine  # noqa: E402
import harness  # noqa: E402
import probes  # noqa: E402

BENCH = pathlib.Path(os.environ["MST_BUILD"]) / "tests" / "bench"
TICKS = os.sysconf("SC_CLK_TCK")

COLLECTD = """
Hostname "bench"
BaseDir "{folder}"
PIDFile "{folder}/pid"
PluginDir "/usr/lib/collectd"
TypesDB "/usr/share/collectd/types.db"
Interval 10
LoadPlugin cpu
LoadPlugin memory
LoadPlugin df
LoadPlugin disk
LoadPlugin interface
LoadPlugin load
LoadPlugin swap
LoadPlugin vmem
LoadPlugin uptime
LoadPlugin processes
LoadPlugin network
<Plugin network>
  Server "127.0.0.1" "{port}"
</Plugin>
"""


def row(what, value, limit, unit, against):
    ratio = value / limit if limit else float("nan")
    print(f"{what:<58} {value:>10.2f} {unit:<6} {limit:>10.2f} {ratio:>6.2f}  {against}")


def header():
    print(f"{'what':<58} {'measured':>10} {'':<6} {'against':>10} {'ratio':>6}")


def pss_kb(pid):
    for line in open(f"/proc/{pid}/smaps_rollup", encoding="ascii"):
        if line.startswith("Pss:"):
            return int(line.split()[1])
    raise AssertionError("no PSS")


def cpu_ns(pid):
    """Finer than /proc/PID/stat, which counts in ticks of 10 ms: the scheduler's own sum over all threads."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        total += int(open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii").read().split()[0])
    return total


def bench_agent(seconds):
    seconds = seconds or 120
    with tempfile.TemporaryDirectory() as folder, harness.Site(pathlib.Path(folder), window="1m") as site:
        site.start()
        agent = site.agent("bench", config={"interval": "10s"})
        port = harness.free_port()
        exporter = harness.Program(["prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{port}"], f"{folder}/exporter.log")
        conf = pathlib.Path(folder) / "collectd.conf"
        conf.write_text(COLLECTD.format(folder=folder, port=harness.free_port()))
        collectd = harness.Program(["/usr/sbin/collectd", "-f", "-C", conf], f"{folder}/collectd.log")
        try:
            def scrape():
                try:
                    return urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5).read()
                except OSError:
                    return None
            harness.wait_until(scrape, 20, "node_exporter serves")
            harness.wait_until(lambda: site.hosts()["bench"]["last_report_at"], 30, "the agent reports")
            time.sleep(12)  # past everybody's first collection
            pids = {"agent": agent.program.pid, "collectd": collectd.pid, "node_exporter": exporter.pid}
            before = {name: cpu_ns(pid) for name, pid in pids.items()}
            rounds = seconds // 10
            for _ in range(rounds):
                time.sleep(10)
                scrape()
            cpu = {name: (cpu_ns(pid) - before[name]) / rounds / 1e6 for name, pid in pids.items()}
            pss = {name: pss_kb(pid) / 1024 for name, pid in pids.items()}
            threads = {name: len(os.listdir(f"/proc/{pid}/task")) for name, pid in pids.items()}
        finally:
            for program in (exporter, collectd):
                program.kill()
        header()
        row("agent: CPU a collection, send included", cpu["agent"], cpu["collectd"], "ms", "collectd in this run; limit 1.0")
        row("agent: CPU a collection", cpu["agent"], cpu["node_exporter"], "ms", "node_exporter a scrape")
        row("agent: PSS", pss["agent"], pss["collectd"], "MB", "collectd; limit 1.3 (issue), 2.0 (corrections)")
        row("agent: PSS", pss["agent"], pss["node_exporter"], "MB", "node_exporter; limit 0.17")
        print(f"threads: {threads}")


WHOLE_PLAN = """
plan: whole
interval: 10s
collectors:
{base}
  - name: docker
    options: {{socket: "{socket}"}}
tails:
  - {{name: apps, files: ["{logs}/*.log"], format: json, required: [timestamp, level, message], rules: {{timeout: 'timed? ?out', refused: 'connection refused'}}}}
"""
BASE = ["cpu", "disk", "filesystem", "host", "load", "memory", "network", "oom", "paging", "pressure", "uptime"]
CONTAINERS, LOGS, LINES = 50, 20, 10  # lines a second over all logs


def write_lines(logs, until):
    """What 20 quiet services log."""
    number = 0
    while time.monotonic() < until:
        with open(logs / f"service-{number % LOGS}.log", "a", encoding="ascii") as log:
            log.write(json.dumps({"timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "level": "INFO",
                                  "message": f"request {number} was handled in {number % 97} ms"}) + "\n")
        number += 1
        time.sleep(1 / LINES)


def build_cadvisor():
    """cAdvisor's own command is no module that can be had; its library is, and all that is measured is in it."""
    program = harness.ROOT / "build" / "cadvisor"
    go = shutil.which("go") or "/usr/local/go/bin/go"
    subprocess.run([go, "build", "-p", "1", "-trimpath", "-ldflags", "-s -w", "-o", str(program), "."], cwd=harness.ROOT / "tests" / "bench" / "cadvisor", check=True,
                   env={**os.environ, "GOFLAGS": "-buildvcs=false"})
    return program


def bench_whole(seconds, cadvisor):
    seconds = seconds or 120
    cadvisor = build_cadvisor() if cadvisor else None
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder, harness.Site(pathlib.Path(folder), window="1m") as site:
        folder = pathlib.Path(folder)
        logs = folder / "logs"
        logs.mkdir()
        for number in range(LOGS):
            (logs / f"service-{number}.log").touch()
        # With vfs cAdvisor would walk all of Docker's data for every container once a minute, which nobody's does.
        docker = docker_engine.Engine(folder / "docker", "overlay2").start()
        programs = {}
        try:
            docker.make_image()
            for number in range(CONTAINERS):
                docker.container(f"service-{number}")
            plan = folder / "plan.yml"
            plan.write_text(WHOLE_PLAN.format(base="\n".join(f"  - name: {name}" for name in BASE), socket=docker.socket, logs=logs))
            site.settings["plan"] = str(plan)
            site.start()
            agent = site.agent("bench", config={"interval": "10s"})
            port, other = harness.free_port(), harness.free_port()
            programs["node_exporter"] = harness.Program(["prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{port}"], folder / "exporter.log")
            if cadvisor:
                programs["cadvisor"] = harness.Program([cadvisor, "-listen_ip=127.0.0.1", f"-port={other}", f"-docker=unix://{docker.socket}",
                                                        "-housekeeping_interval=10s", "-allow_dynamic_housekeeping=false", "-docker_only"], folder / "cadvisor.log")

            def scrape(at):
                try:
                    return urllib.request.urlopen(f"http://127.0.0.1:{at}/metrics", timeout=9).read()
                except OSError:
                    return None
            harness.wait_until(lambda: scrape(port), 20, "node_exporter serves")
            if cadvisor:
                harness.wait_until(lambda: (scrape(other) or b"").count(b"container_start_time_seconds{") >= CONTAINERS, 60, "cAdvisor knows the containers")
            harness.wait_until(lambda: "plan-in-force" in agent.program.text(), 30, "the plan is in force")
            write_lines(logs, time.monotonic() + 25)  # past everybody's first collection
            pids = {"agent": agent.program.pid, **{name: program.pid for name, program in programs.items()}}
            before = {name: cpu_ns(pid) for name, pid in pids.items()}
            rounds = seconds // 10
            for _ in range(rounds):
                write_lines(logs, time.monotonic() + 10)
                scrape(port)
                if cadvisor:
                    scrape(other)
            cpu = {name: (cpu_ns(pid) - before[name]) / rounds / 1e6 for name, pid in pids.items()}
            pss = {name: pss_kb(pid) / 1024 for name, pid in pids.items()}
        finally:
            for program in programs.values():
                program.kill()
            docker.close()
        header()
        for peer in programs:
            row(f"agent, {CONTAINERS} containers and {LOGS} logs: CPU in 10 s", cpu["agent"], cpu[peer], "ms", peer)
            row("agent: PSS", pss["agent"], pss[peer], "MB", peer)
        if cadvisor:
            row("agent: CPU in 10 s", cpu["agent"], cpu["node_exporter"] + cpu["cadvisor"], "ms", "both together, which follow no logs")
            row("agent: PSS", pss["agent"], pss["node_exporter"] + pss["cadvisor"], "MB", "both together")


def simulate(site, token, agents, seconds, *extra, samples=150, interval_ms=10000):
    return subprocess.Popen([str(BENCH / "bench_agents"), "--url", site.agent_url, "--token", token, "--agents", str(agents), "--seconds", str(seconds),
                             "--samples", str(samples), "--interval-ms", str(interval_ms), "--pid", str(site.program.pid), *extra],
                            stdout=subprocess.PIPE, text=True)


def finish(process):
    output, _ = process.communicate()
    assert process.returncode == 0, "bench_agents failed"
    return json.loads(output)


def big_token(site, agents):
    return site.cli("token", "new", "--ttl", "24h", "--uses", agents, "--role", "bench").stdout.strip()


def bench_controller(seconds):
    with tempfile.TemporaryDirectory() as folder, harness.Site(pathlib.Path(folder), window="1m", grace="5s") as site:
        site.start()
        result = finish(simulate(site, big_token(site, 100), 100, seconds or 130, interval_ms=100))
    header()
    row("controller: CPU per envelope of 150 samples", result["controller_cpu_us_per_envelope"], result["bare_verify_us"], "us",
        "one bare verification; limit 1.6 (issue), 2.0 (corrections)")
    print(json.dumps(result))


def bench_scale(agents, seconds):
    with tempfile.TemporaryDirectory() as folder, harness.Site(pathlib.Path(folder), window="1m", grace="5s") as site:
        site.start()
        result = finish(simulate(site, big_token(site, agents), agents, seconds or 130))
    header()
    row(f"{agents} agents at 10 s: latest acknowledgement", result["latest_s"], 1.0, "s", "limit 1 s")
    row(f"{agents} agents at 10 s: CPU", result["controller_cpu_share"], 1.0, "cores", "limit one core")
    row(f"{agents} agents at 10 s: peak memory", result["controller_peak_kb"] / 1024, 250, "MB", "limit 250 MB")
    print(json.dumps(result))


def bench_tls(agents, seconds):
    seconds = seconds or 260
    with tempfile.TemporaryDirectory() as folder:
        certs = pathlib.Path(folder) / "certs"
        subprocess.run([str(ROOT / "deploy" / "make-certs.sh"), str(certs), "localhost", "127.0.0.1"], check=True, stdout=subprocess.DEVNULL)
        with harness.Site(pathlib.Path(folder), window="1m", grace="5s", tls={"cert_file": certs / "controller.pem", "key_file": certs / "controller.key"}) as site:
            site.agent_url = f"tls+tcp://127.0.0.1:{site.port}"
            site.settings["listen"] = [site.agent_url]
            site.start()
            process = simulate(site, big_token(site, agents), agents, seconds, "--ca", str(certs / "ca.pem"))
            harness.wait_until(lambda: sum(1 for host in site.hosts().values() if host["last_report_at"]) == agents, 900, "all agents report", every=2)
            peak = None
            for line in open(f"/proc/{site.program.pid}/status", encoding="ascii"):
                if line.startswith("VmHWM:"):
                    peak = int(line.split()[1]) / 1024
            site.stop()
            site.start()
            result = finish(process)
    assert result["lost_link"] == agents, result
    assert result["acknowledged_again"] == agents, f"not all came back: {result}"
    header()
    row(f"{agents} agents over TLS: all back after a restart", result["recovery_s"], 180, "s", "limit 3 minutes")
    row(f"{agents} agents over TLS: peak memory", peak, 250, "MB", "stated only")
    print(json.dumps(result))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("which", nargs="*", default=["agent", "whole", "controller", "scale", "tls", "probes"])
    parser.add_argument("--cadvisor", action="store_true", help="beside the library of cAdvisor too, in the program tests/bench/cadvisor, which is built with Go")
    parser.add_argument("--agents", type=int, default=10000)
    parser.add_argument("--seconds", type=int, default=0)
    arguments = parser.parse_args()
    for which in arguments.which:
        print(f"== {which}")
        {"agent": lambda: bench_agent(arguments.seconds), "whole": lambda: bench_whole(arguments.seconds, arguments.cadvisor), "controller": lambda: bench_controller(arguments.seconds),
         "scale": lambda: bench_scale(arguments.agents, arguments.seconds), "tls": lambda: bench_tls(arguments.agents, arguments.seconds),
         "probes": lambda: probes.bench_probes(arguments.seconds, header, row, cpu_ns, pss_kb)}[which]()


if __name__ == "__main__":
    main()
