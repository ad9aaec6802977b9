"""An application that logs, and the items of the staging checklist that its logs decide."""
import json
import re
import threading
import time

import checklist_part
import harness

TRACE = "Traceback (most recent call last):\n  File \"app.py\", line 7, in run\nValueError: no"


class Application:
    """Writes structured lines all the time, healthy ones unless a switch says otherwise."""

    def __init__(self, folder, deploy_log):
        self.folder, self.deploy_log = folder, deploy_log
        self.path = folder / "app.log"
        self.switches = set()
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self.number = 0
        folder.mkdir(exist_ok=True)
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def close(self):
        self.stopping.set()
        self.thread.join()

    def log(self, level="INFO", message="request handled", **more):
        self.number += 1
        fields = {"timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "level": level, "message": message,
                  "trace_id": f"{self.number:032x}", "request": self.number, **more}
        self.write(json.dumps({key: value for key, value in fields.items() if value is not None}) + "\n")

    def write(self, text):
        with self.lock, open(self.path, "a") as log:
            log.write(text)

    def deploy(self, text):
        with open(self.deploy_log, "a") as log:
            log.write(text)

    def rotate(self):
        with self.lock:
            for number in range(4, 0, -1):
                older = self.folder / f"app.log.{number}"
                if older.exists():
                    older.rename(self.folder / f"app.log.{number + 1}")
            if self.path.exists():
                self.path.rename(self.folder / "app.log.1")

    def _run(self):
        while not self.stopping.wait(0.1):
            if "silent" in self.switches:
                continue
            for _ in range(5):
                self.log()
            if "no-audit" not in self.switches:
                self.log(message="user deleted", event="audit.delete")
            if "no-data-access" not in self.switches:
                self.log(message="row read", event="data_access")
            if "no-tokens" not in self.switches:
                self.log(message="completion", total_tokens=128)


def plan(path, folder, deploy_log):
    """The shipped plan's tails, on this folder."""
    text = (harness.ROOT / "config" / "plans" / "genesis-staging.yml").read_text()
    tails = re.sub(r"\n    hosts: \{.*\}", "", text[text.index("\ntails:"):])
    tails = tails.replace("${log_folder}", str(folder)).replace("${deploy_log}", str(deploy_log))
    path.write_text(f"plan: logs\ninterval: 200ms\njitter: 0\ncollectors: [{{name: uptime}}]\n{tails}")
    return path
