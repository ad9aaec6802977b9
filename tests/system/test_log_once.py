"""Lines across rotations of both kinds and kills of the agent at any moment: each is counted once (issue 3, point 2)."""
import os
import random
import shutil
import time

import harness
import planted

CHECKLIST = """
checklist: once
title: Each line once
version: "1"
period: 48h
policy: {{sign_offs: [], coverage: 1%, max_gap: 30m, conditional: 0%}}  # else a line lost ends the run, and what else is wrong stays unseen
sections: [{{id: "1", title: Lines}}]
items:
  - {{id: "1.1", title: All lines, class: S, check: {{signal: muster.log.records, where: {{level: info}}, stat: increase, hosts: measuring, target: "== {lines}"}}}}
  - {{id: "1.2", title: Every tenth, class: S, check: {{signal: muster.log.records, where: {{rule: tenth}}, stat: increase, hosts: measuring, target: "== {tenth}"}}}}
  - {{id: "1.3", title: Nothing lost, class: S, check: {{signal: muster.log.lost, stat: increase, hosts: measuring, target: "== 0"}}}}
"""

PLAN = """
plan: once
interval: 200ms
jitter: 0
collectors: [{{name: uptime}}]
tails:
  - {{name: app, files: ["{folder}/*.log"], format: json, cpu_share: 100%, rules: {{tenth: '"n": \\d*0,'}}}}
"""


class Log:
    """A writer that rotates by rename, numbered, or copies and truncates, and never writes while it does."""

    def __init__(self, folder, seed):
        self.path, self.random, self.number, self.rotations = folder / "app.log", random.Random(seed), 0, 0
        self.file = open(self.path, "ab")

    def write(self, lines):
        block = "".join(f'{{"level": "info", "n": {self.number + i}, "message": "request {self.number + i} was handled in {i % 97} ms by worker {i % 7}{self.secret(i)}"}}\n'
                        for i in range(lines))
        self.number += lines
        data = block.encode()
        cut = self.random.randrange(len(data))  # in two pieces, as buffers do
        self.file.write(data[:cut])
        self.file.flush()
        self.file.write(data[cut:])
        self.file.flush()

    def secret(self, i):
        return f" with {planted.KEY}" if (self.number + i) % 1000 == 7 else ""

    def rotate(self):
        self.rotations += 1
        self.file.flush()
        for number in range(30, 0, -1):
            older = f"{self.path}.{number}"
            if os.path.exists(older):
                os.rename(older, f"{self.path}.{number + 1}")
        if self.random.random() < 0.5:
            os.rename(self.path, f"{self.path}.1")
            self.file.close()
            self.file = open(self.path, "ab")
        else:
            shutil.copyfile(self.path, f"{self.path}.1")
            os.truncate(self.path, 0)


def test_rotations_and_kills__every_line_is_counted_once(tmp_path, full):
    lines, kills = (9_000_000, 60) if full else (300_000, 12)  # 110 bytes each: 1 GB
    # An agent is up some 0.25 s before it reads, and reports every 0.2 s. With 30 MB between two kills it must be given the time to.
    pause = 0.4 if full else 0.1
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    logs = tmp_path / "logs"
    logs.mkdir()
    plan = tmp_path / "plan.yml"
    plan.write_text(PLAN.format(folder=logs))
    with harness.Site(tmp_path, plan=plan) as site:
        site.checklist("once", CHECKLIST.format(lines=lines, tenth=lines // 10))
        site.start()
        agent = site.agent("api-1", "api")
        harness.wait_until(lambda: "plan-in-force" in agent.program.text(), 20, "the plan is in force")
        site.run_start("once")
        harness.wait_until(lambda: site.items()["1.3"]["outcome"] == "PASS", 20, "the run has begun: its span begins with a whole window")
        log = Log(logs, seed)
        step = lines // (kills * 5)
        for turn in range(kills * 5):
            log.write(step if turn < kills * 5 - 1 else lines - log.number)
            if chance.random() < 0.3:
                log.rotate()
            time.sleep(chance.random() * pause)
            if turn % 5 == 4:
                agent.kill()
                if chance.random() < 0.5:
                    log.rotate()
                agent.start()
        assert log.number == lines

        def counted():
            return {name: (item["outcome"], item["checks"][0].get("value")) for name, item in site.items().items()}
        try:
            harness.wait_until(lambda: counted()["1.1"][0] == "PASS", 120 if full else 30, "all lines are counted")
        finally:
            print(f"{log.rotations} rotations, {kills} kills")
            print(counted(), agent.program.text()[-1500:])
        # What is counted twice comes later: two more evaluations.
        version = site.get("verdict")["version"]
        harness.wait_until(lambda: site.get("verdict")["version"] > version + 1, 20, "the verdict goes on")
        assert {outcome for outcome, _ in counted().values()} == {"PASS"}, (seed, counted(), [item.get("reason") for item in site.items().values()])
