"""`cmake --install` puts down all that the services need, and systemd accepts the units."""
import os
import re
import subprocess

import pytest

import harness


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """(folder that stands for /, prefix below it)"""
    root = tmp_path_factory.mktemp("root")
    subprocess.run(["cmake", "--install", str(harness.BUILD)], env={**os.environ, "DESTDIR": str(root)}, check=True, capture_output=True)
    cache = (harness.BUILD / "CMakeCache.txt").read_text()
    prefix = re.search(r"^CMAKE_INSTALL_PREFIX:PATH=(.*)$", cache, re.M).group(1)
    return root, prefix


@pytest.mark.parametrize("unit", ["musterd", "muster-agent"])
def test_unit__is_accepted_by_systemd_and_starts_what_was_installed(installed, tmp_path, unit):
    root, prefix = installed
    text = (root / prefix.lstrip("/") / "lib/systemd/system" / f"{unit}.service").read_text()
    program = re.search(r"^ExecStart=(\S+) --config /etc/muster/\S+\.yml$", text, re.M).group(1)
    assert program == f"{prefix}/bin/{unit}"
    moved = tmp_path / f"{unit}.service"
    moved.write_text(text.replace(f"ExecStart={prefix}", f"ExecStart={root}{prefix}"))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", str(moved)], capture_output=True, text=True)
    assert done.returncode == 0 and unit not in done.stderr, done.stderr
    version = subprocess.run([f"{root}{program}", "--version"], capture_output=True, text=True, check=True).stdout
    assert version.startswith(unit)


def test_users_and_state_folders__are_made_as_the_units_name_them(installed, tmp_path):
    root, prefix = installed
    below = root / prefix.lstrip("/")
    for kind in ("sysusers", "tmpfiles"):
        (tmp_path / f"etc/{kind}.d").mkdir(parents=True)
        (tmp_path / f"etc/{kind}.d/muster.conf").write_text((below / f"lib/{kind}.d/muster.conf").read_text())
    subprocess.run(["systemd-sysusers", f"--root={tmp_path}"], check=True, capture_output=True)
    subprocess.run(["systemd-tmpfiles", f"--root={tmp_path}", "--create", "muster.conf"], check=True, capture_output=True)
    users = {line.split(":")[0]: int(line.split(":")[2]) for line in (tmp_path / "etc/passwd").read_text().splitlines()}
    for unit in ("musterd", "muster-agent"):
        text = (below / "lib/systemd/system" / f"{unit}.service").read_text()
        assert f"\nUser={unit}\n" in text and f"\nStateDirectory={unit}\n" in text
        folder = (tmp_path / "var/lib" / unit).stat()
        assert folder.st_uid == users[unit] and folder.st_mode & 0o777 == 0o700


def test_samples__installed_config_is_fine_where_it_lies(installed, tmp_path):
    root, prefix = installed
    share = root / prefix.lstrip("/") / "share/muster"
    done = subprocess.run([str(harness.MUSTERD), "--config", str(share / "musterd.yml"), "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    done = subprocess.run([str(harness.AGENT), "--config", str(share / "agent.yml"), "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
