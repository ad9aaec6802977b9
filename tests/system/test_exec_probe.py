"""Kind exec: through a real agent; what the host allows, and nothing else."""
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import threading

import harness
from probe_table import Table


def script(folder, name, text):
    path = folder / name
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return str(path)


def processes(word):
    return [line for line in subprocess.run(["ps", "-eo", "pid,stat,args"], capture_output=True, text=True).stdout.splitlines() if word in line]


def test_programs__only_what_the_host_allows_runs_and_nothing_of_it_is_left(site, tmp_path):
    scripts = pathlib.Path(tempfile.mkdtemp(prefix="muster-exec-"))  # pytest's own folders are closed to nobody, whom programs run as
    scripts.chmod(0o755)
    mark = os.getpid()
    commands = {
        "python": ["/usr/bin/python3", "--version"],
        "fails": [script(scripts, "fails", "echo no >&2; exit 3\n")],
        "environment": [script(scripts, "environment", "id -un; env | sort; ls /proc/self/fd | wc -l; echo end\n")],
        "arguments": ["/bin/echo", "$HOME; id", "*"],
        "hangs": [script(scripts, "hangs", f"sleep 1000.{mark} &\nexec sleep 1001.{mark}\n")],
        "floods": [script(scripts, "floods", "yes xxxxxxxxxxxxxxxx | head -c 3000000; echo; echo version 7.1\n")],
        "killed": [script(scripts, "killed", "kill -9 $$\n")],
        "nobody-there": ["/nowhere/program"],
        "not-mine": ["/usr/bin/id"],
        "number": ["/bin/echo", "load 0.75 of 1"],
        "leaves": [script(scripts, "leaves", f"(sleep 777.{mark} &) ; echo done\n")],
    }
    allow = {"commands": [{"name": name, "run": run} for name, run in commands.items()] + [{"name": "ghost", "run": ["/usr/bin/id"], "user": "no-such-user"}]}
    table = Table(site, tmp_path, {
        "python": ("exec", {"command": "python", "min_version": "3.9"}), "too-old": ("exec", {"command": "python", "min_version": "3.100"}),
        "fails": ("exec", {"command": "fails"}), "fails-well": ("exec", {"command": "fails", "exit": ["3"], "matches": ["^no"]}),
        "environment": ("exec", {"command": "environment", "matches": [r"\Anobody\nHOME=/\nLANG=C.UTF-8\nPATH=[^\n]*\nPWD=/\n[45]\nend"], "not_matches": ["MST_TEST"]}),
        "arguments": ("exec", {"command": "arguments", "matches": [r"\A\$HOME; id \*\n\z"]}),
        "hangs": ("exec", {"command": "hangs"}), "floods": ("exec", {"command": "floods", "not_matches": ["7.1"]}), "killed": ("exec", {"command": "killed"}),
        "nobody-there": ("exec", {"command": "nobody-there"}), "unknown": ("exec", {"command": "rm"}), "ghost": ("exec", {"command": "ghost"}),
        "number": ("exec", {"command": "number", "number": r"load ([\d.]+)", "max": 0.9}), "too-great": ("exec", {"command": "number", "number": r"load ([\d.]+)", "max": 0.5}),
        "no-number": ("exec", {"command": "number", "number": r"temperature (\d+)"}), "leaves": ("exec", {"command": "leaves"}),
    }, fields=[("python", "version", "state"), ("fails", "exit_code", "value"), ("number", "number", "value")], config={"allow": allow}, environment={"MST_TEST_SECRET": "x"})
    table.expect(python="ok", too_old="at least 3.100 is wanted", fails="exit code 3", fails_well="ok", environment="ok", arguments="ok", hangs="has not ended in its time", floods="ok",
                 killed="killed by signal 9", nobody_there="run /nowhere/program: no such file", unknown="command rm is not allowed on this host: add it to allow.commands",
                 ghost="there is no user no-such-user", number="ok", too_great="0.75; at most 0.5 is allowed", no_number="it writes no such number", leaves="ok")
    assert "3." in table.figure("python", "version")
    assert table.number("fails", "exit_code") == 3
    assert table.number("number", "number") == 0.75
    pid = table.agent.program.process.pid
    folder = pathlib.Path(f"/proc/{pid}/fd")
    before = len(list(folder.iterdir()))
    for _ in range(5):
        threading.Event().wait(1)
        table.expect(hangs="has not ended", killed="killed")
    assert len(list(folder.iterdir())) <= before + 12
    zombies = [line for line in subprocess.run(["ps", "--ppid", str(pid), "-o", "stat="], capture_output=True, text=True).stdout.split() if line.startswith("Z")]
    assert len(zombies) <= 1, zombies  # one may just have ended
    assert not processes(f"sleep 777.{mark}")  # its group was killed when it ended
    table.agent.kill()
    harness.wait_until(lambda: not processes(f"sleep 1001.{mark}"), 10, "no program outlives the agent")
    for line in processes(f"sleep 1000.{mark}"):  # what a program left behind when the agent was killed is systemd's to end
        os.kill(int(line.split()[0]), signal.SIGKILL)
    shutil.rmtree(scripts)
