"""`--check` of both programs: every error of a file, in the words that tests/golden/lint keeps (issue 2, point 7)."""
import pathlib
import subprocess

import harness

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden" / "lint"


def check(program, file, folder):
    return subprocess.run([str(program), "--check", "--config", str(file)], capture_output=True, text=True, cwd=folder, timeout=30)


def expect_golden(program, pattern, least):
    files = sorted(GOLDEN.glob(pattern))
    assert len(files) >= least
    for file in files:
        done = check(program, file.name, GOLDEN)
        lines = file.with_suffix(".expected").read_text().splitlines()
        count = f"{len(lines)} error{'s' if len(lines) != 1 else ''}"
        assert done.stderr.splitlines() == [*lines, f"{program.name}: {count}"], file.name
        assert done.returncode == 78, file.name
        assert done.stdout == ""


def test_broken_controller_configs__give_what_is_expected():
    expect_golden(harness.MUSTERD, "config-*.yml", 22)


def test_broken_agent_configs__give_what_is_expected():
    expect_golden(harness.AGENT, "agent-*.yml", 22)


def test_shipped_configs__are_clean(tmp_path):
    """Every YAML file below config/ is read by one of the programs here or by the lint test; none is left out."""
    seen = 0
    for file in (ROOT / "config").glob("*.yml"):
        program = harness.AGENT if "\ncontrollers:" in "\n" + file.read_text() else harness.MUSTERD
        done = check(program, file, tmp_path)
        assert done.returncode == 0 and done.stderr == "", (file, done.stderr)
        seen += 1
    assert seen >= 2
