"""The search for planted secrets finds them: each place, each form."""
import pytest

import planted


@pytest.fixture(autouse=True)
def own_counts(monkeypatch):
    """These are no agents: they are not among those that the summary counts."""
    monkeypatch.setattr(planted, "searched", dict.fromkeys(planted.searched, 0))


@pytest.mark.parametrize("needle", planted.NEEDLES)
def test_search__finds_what_an_agent_sent_spooled_or_logged(tmp_path, needle):
    (tmp_path / "spool").mkdir()
    for name in ("copies", "log", "ledger", "spool/reports.seg"):
        path = tmp_path / name
        path.write_bytes(b"\x95\xa3abc" + needle + b"\x00")
        with pytest.raises(AssertionError, match="holds what was planted"):
            planted.search_agent(tmp_path, tmp_path)
        path.unlink()
    planted.search_agent(tmp_path, tmp_path)


def test_search__finds_the_agents_own_key(tmp_path):
    (tmp_path / "agent.key").write_text("muster-key-1\npublic: " + "ab" * 32 + "\nsecret: " + "0123456789abcdef" * 4 + "\n")
    for form in (b"0123456789abcdef" * 4, bytes.fromhex("0123456789abcdef" * 4)):
        (tmp_path / "copies").write_bytes(b"x" + form)
        with pytest.raises(AssertionError, match="holds what was planted"):
            planted.search_agent(tmp_path, tmp_path)


def test_agent_that_keeps_no_copies__is_not_passed_over(tmp_path):
    (tmp_path / "ledger").write_text("made a 1 report 5 d\nstored a 1\n")
    with pytest.raises(AssertionError, match="no copy was kept"):
        planted.search_agent(tmp_path, tmp_path)


def test_search__finds_what_a_controller_stored_or_logged(tmp_path):
    (tmp_path / "state").mkdir()
    for name in ("controller.log", "state/muster.db-wal"):
        (tmp_path / name).write_bytes(b"x" + planted.NEEDLES[0])
        with pytest.raises(AssertionError, match="holds what was planted"):
            planted.search_controller(tmp_path, tmp_path / "state")
        (tmp_path / name).unlink()
