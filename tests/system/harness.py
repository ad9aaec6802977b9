"""Starts, stops and asks muster's programs for the system tests."""
import itertools
import json
import os
import pathlib
import signal
import socket
import subprocess
import time

import planted

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("MST_BUILD", ROOT / "build" / "asan"))
MUSTERD = BUILD / "controller" / "musterd"
MUSTER = BUILD / "controller" / "muster"
AGENT = BUILD / "agent" / "muster-agent"

_names = itertools.count()


# Below the kernel's own range (from 32768 on), and each worker of pytest-xdist has its own: nobody else takes a port between the look and the use.
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
_PORTS = 3000
_first_port = 20000 + _PORTS * (_WORKER % 4)
_ports = itertools.cycle(range(_first_port, _first_port + _PORTS))


def free_port(host="127.0.0.1"):
    for port in itertools.islice(_ports, _PORTS):
        with socket.socket() as probe:
            try:
                probe.bind((host, port))
                return port
            except OSError:
                continue
    raise AssertionError(f"no free port from {_first_port} to {_first_port + _PORTS}")


def wait_until(condition, timeout, what, every=0.05):
    """Asks until the answer is true (and gives it back); fails with `what` when the time is up."""
    until = time.monotonic() + timeout
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > until:
            raise AssertionError(f"{what}: not within {timeout} s (last answer: {answer!r})")
        time.sleep(every)


def make_certs(folder, *names):
    """Certificates as an operator makes them."""
    subprocess.run([str(ROOT / "deploy" / "make-certs.sh"), str(folder), *names], check=True, capture_output=True)
    return folder


def in_namespace(name, command):
    return ["ip", "netns", "exec", name, *command] if name else list(command)


class Program:
    """One program that runs: its output goes to a file, it is stopped by pid."""

    def __init__(self, command, log, env=None):
        self.log = pathlib.Path(log)
        self.file = open(self.log, "ab")
        self.process = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=self.file, stderr=self.file,
                                        env={**os.environ, **planted.ENVIRONMENT, **(env or {})})

    @property
    def pid(self):
        return self.process.pid

    def running(self):
        return self.process.poll() is None

    def text(self):
        return self.log.read_text(errors="replace")

    def kill(self):
        if self.running():
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.file.close()

    def stop(self, timeout=10):
        """SIGTERM; the exit status. Sanitizer reports make it non-zero."""
        if self.running():
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"did not stop within {timeout} s of SIGTERM:\n{self.text()[-3000:]}")
        finally:
            self.file.close()


class Network:
    """A bridge in a namespace of its own and hosts around it. Nothing of it is reachable from outside."""

    def __init__(self):
        self.prefix = f"mst{os.getpid()}x{next(_names)}"
        self.hosts = {}
        self.bridge = f"{self.prefix}b"

    def __enter__(self):
        self._ip("netns", "add", self.bridge)
        self._in(self.bridge, "ip", "link", "add", "br0", "type", "bridge")
        self._in(self.bridge, "ip", "link", "set", "br0", "up")
        return self

    def __exit__(self, *_):
        for name in [*(namespace for namespace, _ in self.hosts.values()), self.bridge]:
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)

    @staticmethod
    def _ip(*arguments):
        subprocess.run(["ip", *arguments], check=True, capture_output=True)

    @staticmethod
    def _in(namespace, *command):
        subprocess.run(["ip", "netns", "exec", namespace, *command], check=True, capture_output=True)

    def host(self, name):
        """(namespace, address) of a host, made at the first call."""
        if name not in self.hosts:
            number = len(self.hosts) + 1
            namespace, address = f"{self.prefix}h{number}", f"10.77.0.{number}"
            self._ip("netns", "add", namespace)
            self._ip("link", "add", f"p{number}", "netns", self.bridge, "type", "veth", "peer", "name", "eth0", "netns", namespace)
            self._in(self.bridge, "ip", "link", "set", f"p{number}", "master", "br0", "up")
            self._in(namespace, "ip", "link", "set", "lo", "up")
            self._in(namespace, "ip", "addr", "add", f"{address}/24", "dev", "eth0")
            self._in(namespace, "ip", "link", "set", "eth0", "up")
            self.hosts[name] = (namespace, address)
        return self.hosts[name]

    def cut(self, name):
        """The host neither sends nor receives, as when a cable is pulled: packets vanish."""
        namespace, _ = self.hosts[name]
        self._in(namespace, "iptables", "-A", "INPUT", "-i", "eth0", "-j", "DROP")
        self._in(namespace, "iptables", "-A", "OUTPUT", "-o", "eth0", "-j", "DROP")

    def heal(self, name):
        self._in(self.hosts[name][0], "iptables", "-F")


class Agent:
    def __init__(self, site, name, role, namespace=None, config=None):
        self.site, self.name, self.role, self.namespace = site, name, role, namespace
        self.environment = {}  # what is added to the agent's
        self.folder = site.folder / name
        self.folder.mkdir(exist_ok=True)
        self.config = self.folder / "agent.yml"
        self.settings = {
            "controllers": [site.agent_url],
            "state_dir": self.folder / "state",
            "hostname": name,
            "interval": "200ms",
            "ledger": self.folder / "ledger",
            "copies": self.folder / "copies",
            **(config or {}),
        }
        self.write_config()
        self.program = None

    def write_config(self):
        self.config.write_text(to_yaml(self.settings))

    def enrol(self, token=None):
        token = token or self.site.token(self.role)
        done = subprocess.run(in_namespace(self.namespace, [str(AGENT), "enrol", token, "--config", str(self.config)]), capture_output=True, text=True)
        assert done.returncode == 0, f"enrol said: {done.stdout}{done.stderr}"
        return self

    def start(self):
        self.program = Program(in_namespace(self.namespace, [AGENT, "--config", self.config]), self.folder / "log", self.environment)
        return self

    def stop(self, timeout=10):
        status = self.program.stop(timeout)
        assert status == 0, f"the agent ended with {status}:\n{self.program.text()[-3000:]}"

    def kill(self):
        self.program.kill()

    @property
    def id(self):
        return next(agent["id"] for agent in self.site.get("agents")["agents"] if agent["hostname"] == self.name)

    def sessions(self):
        return {session["session"]: session for session in self.site.get(f"agents/{self.id}")["sessions"]}


def to_yaml(value, indent=0):
    """JSON is YAML but for the look of it; nested maps are written in block style so that error places can be named."""
    if isinstance(value, dict):
        lines = []
        for key, entry in value.items():
            if isinstance(entry, dict) and entry:
                lines.append(f"{' ' * indent}{key}:\n{to_yaml(entry, indent + 2)}")
            else:
                lines.append(f"{' ' * indent}{key}: {json.dumps(entry if not isinstance(entry, pathlib.Path) else str(entry), default=str)}\n"
                             if not isinstance(entry, bool) else f"{' ' * indent}{key}: {'true' if entry else 'false'}\n")
        return "".join(lines)
    return json.dumps(value, default=str)


class Site:
    """A controller, an operator and agents, below one folder."""

    def __init__(self, folder, address="127.0.0.1", namespace=None, **config):
        self.folder = pathlib.Path(folder)
        self.address, self.namespace = address, namespace
        self.agents = []
        self.port = free_port() if not namespace else 7650
        self.http_port = free_port() if not namespace else 7651
        self.http_path = self.folder / "http.sock"
        self.agent_url = f"tcp://{address}:{self.port}"
        self.config = self.folder / "musterd.yml"
        self.settings = {
            "state_dir": self.folder / "controller",
            "listen": [self.agent_url],
            "http": {"listen": [f"unix:{self.http_path}"]},
            "window": "1s",
            "grace": "500ms",
            "evaluate_every": "200ms",
            "checklists": [],
            **config,
        }
        self.program = None
        self.prefix = []  # a command that musterd is started through, such as prlimit
        self.env = {"MUSTER_URL": f"unix:{self.http_path}", "MUSTER_KEY": str(self.folder / "operator.key"), "NO_COLOR": "1"}

    def __enter__(self):
        return self

    def __exit__(self, failure, *_):
        for agent in self.agents:
            if agent.program and agent.program.running():
                agent.program.kill()
        if self.program and self.program.running():
            self.program.kill()
        if not failure:
            self.search_for_secrets()

    def search_for_secrets(self):
        for agent in self.agents:
            planted.search_agent(agent.folder, agent.settings["state_dir"])
        planted.search_controller(self.folder, self.settings["state_dir"])

    def write_config(self):
        self.config.write_text(to_yaml(self.settings))

    def checklist(self, name, text, overlay=None):
        path = self.folder / f"{name}.yml"
        path.write_text(text)
        entry = {"name": name, "file": str(path)}
        if overlay:
            entry["overlay"] = str(overlay)
        self.settings["checklists"] = [*self.settings["checklists"], entry]

    def first_operator(self):
        done = self.cli("keys", "new")
        self.write_config()
        subprocess.run(in_namespace(self.namespace, [str(MUSTERD), "--config", str(self.config), "--first-operator", f"tester={done.stdout.strip()}"]),
                       check=True, capture_output=True)

    def start(self):
        """Starts the controller, with a first operator at the first start, and waits until it serves."""
        self.write_config()
        if not (self.folder / "operator.key").exists():
            self.first_operator()
        self.program = Program(in_namespace(self.namespace, [*self.prefix, MUSTERD, "--config", self.config]), self.folder / "controller.log")
        self.wait_ready()
        return self

    def wait_ready(self):
        def ready():
            assert self.program.running(), f"musterd ended:\n{self.program.text()[-3000:]}"
            return self.cli("status", check=False).returncode == 0
        wait_until(ready, 20, "the controller serves")

    def stop(self):
        status = self.program.stop()
        assert status == 0, f"musterd ended with {status}:\n{self.program.text()[-3000:]}"

    def kill(self):
        self.program.kill()

    def cli(self, *arguments, check=True):
        done = subprocess.run([str(MUSTER), *map(str, arguments)], capture_output=True, text=True, env={**os.environ, **self.env}, timeout=120)
        assert not check or done.returncode == 0, f"muster {' '.join(map(str, arguments))} exited {done.returncode}: {done.stdout}{done.stderr}"
        assert "Sanitizer" not in done.stderr, done.stderr
        return done

    def token(self, role, *arguments):
        return self.cli("token", "new", "--ttl", "1h", "--role", role, *arguments).stdout.strip()

    def agent(self, name, role="web", namespace=None, config=None, start=True):
        agent = Agent(self, name, role, namespace, config)
        agent.enrol()
        self.agents.append(agent)
        return agent.start() if start else agent

    def get(self, path):
        """A document of the API, as JSON."""
        done = subprocess.run(["curl", "-sS", "--max-time", "70", "--unix-socket", str(self.http_path), f"http://localhost/api/v1/{path}"],
                              capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def ask(self, path):
        """(status, text) of any path, errors too."""
        done = subprocess.run(["curl", "-sS", "--max-time", "10", "--unix-socket", str(self.http_path), "-w", "\n%{http_code}", f"http://localhost{path}"],
                              capture_output=True, text=True, check=True)
        text, status = done.stdout.rsplit("\n", 1)
        return int(status), text

    def musterd(self, *arguments, check=True):
        """One of musterd's commands, on this site's config."""
        done = subprocess.run([str(MUSTERD), "--config", str(self.config), *map(str, arguments)], capture_output=True, text=True, timeout=60)
        assert not check or done.returncode == 0, f"musterd {' '.join(map(str, arguments))} exited {done.returncode}: {done.stdout}{done.stderr}"
        assert "Sanitizer" not in done.stderr, done.stderr
        return done

    def metrics(self):
        done = subprocess.run(["curl", "-sS", "--unix-socket", str(self.http_path), "http://localhost/metrics"], capture_output=True, text=True, check=True)
        values = {}
        for line in done.stdout.splitlines():
            if line and not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                values[name] = float(value)
        return values

    def items(self, run=None):
        document = self.get("items" + (f"?run={run}" if run else ""))
        return {item["id"]: item for item in document["items"]}

    def verdict(self):
        return self.get("verdict")["verdict"]

    def run_start(self, checklist, *arguments):
        return json.loads(self.cli("run", "start", "--checklist", checklist, "--json", *arguments).stdout)["run"]

    def begin_run(self, checklist):
        """A run, as soon as the one before it is closed."""
        refusals = []

        def starts():
            done = self.cli("run", "start", "--checklist", checklist, check=False)
            refusals.append(done.stderr)
            return done.returncode == 0
        try:
            wait_until(starts, 10, "the run before it is closed")
        except AssertionError as failure:
            raise AssertionError(str(failure), refusals[-1])

    def hosts(self):
        return {agent["hostname"]: agent for agent in self.get("agents")["agents"]}


def ledger(agent):
    """What the agent itself wrote down: {session: {sequence: (kind, samples)}} of records made, and {session: set of sequences} given up."""
    made, lost = {}, {}
    path = agent.folder / "ledger"
    for line in path.read_text().splitlines() if path.exists() else []:
        event, session, *rest = line.split()
        if event == "made":
            made.setdefault(session, {})[int(rest[0])] = (rest[1], int(rest[2]))
        elif event == "lost":
            lost.setdefault(session, set()).update(range(int(rest[0]), int(rest[1]) + 1))
    return made, lost


def expand(ranges):
    return {number for first, last in ranges for number in range(first, last + 1)}


def missing(site, agent):
    """Records that the agent made and the controller neither stored nor was told to be lost."""
    made, _ = ledger(agent)
    stored = agent.sessions()
    gaps = []
    for session, records in made.items():
        have = stored.get(session, {"ranges": [], "lost": []})
        known = expand(have["ranges"]) | expand(have.get("lost", []))
        gaps += [(session, sequence) for sequence in records if sequence not in known]
    return gaps


def assert_all_arrives(site, agent):
    """What a running agent made so far and until it is stopped: all of it is stored once, and none is lost."""
    wait_until(lambda: len(missing(site, agent)) <= 2, 60, "what waited arrives")
    agent.stop()
    wait_until(lambda: missing(site, agent) == [], 30, "the rest arrives")
    assert_stored_exactly_once(site, agent)
    assert ledger(agent)[1] == {}, "nothing is lost"


def assert_stored_exactly_once(site, agent):
    """The agent's own ledger against the controller's: the same records, the same number of samples, each once."""
    made, lost = ledger(agent)
    stored = agent.sessions()
    assert set(stored) <= set(made), "the controller knows a session that the agent never made"
    for session, records in made.items():
        have = stored.get(session)
        gone = lost.get(session, set())
        if have is None:
            assert not set(records) - gone, f"session {session}: {len(records)} records, none stored"
            continue
        taken, told = expand(have["ranges"]), expand(have.get("lost", []))
        assert taken | told == set(records), f"session {session}: taken {have['ranges']}, lost {have.get('lost')}, made 1..{max(records)}"
        assert told == gone, f"session {session}: told lost {sorted(told)}, gave up {sorted(gone)}"
        reports = {sequence: samples for sequence, (kind, samples) in records.items() if kind == "report" and sequence in taken}
        assert have["stored_reports"] == len(reports), f"session {session}: {have['stored_reports']} reports stored, {len(reports)} made"
        assert have["stored_samples"] == sum(reports.values()), f"session {session}: {have['stored_samples']} samples stored, {sum(reports.values())} made"
