"""Fixtures of the system tests: real programs, real sockets, several hosts as network namespaces."""
import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import harness  # noqa: E402
import planted  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "alone: it measures, or it takes all cores; tests/run.sh runs it when no other test runs")


@pytest.fixture
def site(tmp_path):
    """A controller and its agents on loopback; all of them are gone after the test."""
    with harness.Site(tmp_path) as site:
        yield site


@pytest.fixture
def network(tmp_path):
    """Namespaces with a bridge between them: network.host("web-1") makes one."""
    with harness.Network() as network:
        yield network


@pytest.fixture(scope="session")
def full():
    """True with `tests/run.sh --full`: the sizes that the issue asks for."""
    return os.environ.get("MST_FULL") == "yes"


def pytest_sessionfinish(session):
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["searched"] = planted.searched


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    for what, count in getattr(node, "workeroutput", {}).get("searched", {}).items():
        planted.searched[what] += count


def pytest_terminal_summary(terminalreporter):
    count = planted.searched
    if count["files"] == 0:
        return  # no controller and no agent ran
    terminalreporter.write_line(f"planted secrets: none in {count['copies']} agents' copies of all that they sent ({count['copied_bytes'] / 1e6:.1f} MB), "
                                f"nor in the rest of {count['files']} files ({count['bytes'] / 1e6:.1f} MB)")
