"""The README's first command ends with a verdict on this very host (issue 2, point 1)."""
import os
import shutil
import subprocess
import time

import pytest

import harness

# It measures, or it takes all cores: not beside other tests.
pytestmark = pytest.mark.alone


def run_quickstart(tree, ports):
    env = {**os.environ, "MUSTER_HTTP_PORT": str(ports[0]), "MUSTER_AGENT_PORT": str(ports[1]), "NO_COLOR": "1"}
    began = time.monotonic()
    done = subprocess.run([str(tree / "deploy" / "quickstart.sh")], capture_output=True, text=True, env=env, timeout=600)
    return done, time.monotonic() - began


def test_quickstart__in_a_clean_copy__ends_with_a_verdict__again_within_20_seconds(tmp_path):
    tree = tmp_path / "muster"
    files = subprocess.run(["git", "ls-files", "-z"], cwd=harness.ROOT, capture_output=True, check=True).stdout.decode().split("\0")
    for name in filter(None, files):
        source = harness.ROOT / name
        if source.is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, tree / name)
    ports = (harness.free_port(), harness.free_port())
    try:
        done, _ = run_quickstart(tree, ports)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Verdict: " in done.stdout, done.stdout
        assert "NO_DATA" not in done.stdout, done.stdout
        assert f"http://127.0.0.1:{ports[0]}/" in done.stdout
        items = [line for line in done.stdout.splitlines() if " PASS " in line or " FAIL " in line or " WARN " in line]
        assert len(items) >= 15, done.stdout
        assert all(len(line) <= 80 for line in items), done.stdout
        page = subprocess.run(["curl", "-sS", f"http://127.0.0.1:{ports[0]}/"], capture_output=True, text=True, check=True).stdout
        assert "<title>muster</title>" in page
        again, seconds = run_quickstart(tree, ports)
        assert again.returncode == 0, again.stdout + again.stderr
        assert seconds < 20, f"took {seconds:.1f} s when already built"
    finally:
        subprocess.run([str(tree / "deploy" / "quickstart.sh"), "--stop"], timeout=60, check=True)
