"""Hostile envelopes: refused, counted by reason, and the controller goes on serving (issue 2, point 5)."""
import time

import pytest

import harness
import wire


@pytest.fixture
def served(site):
    site.start()
    site.sender = wire.Sender(site.agent_url)
    reply = site.sender.enrol(site.token("web"))
    assert reply.status == wire.STORED, reply
    assert site.sender.exchange(site.sender.envelope(wire.DEFINITIONS, site.sender.definitions())).status == wire.STORED
    assert good_report(site).status == wire.STORED
    yield site
    # Whatever was sent, honest agents are still served.
    assert good_report(site).status == wire.STORED
    site.sender.close()
    site.stop()


def good_report(site, **options):
    return site.sender.exchange(site.sender.envelope(wire.REPORT, site.sender.report(), **options))


def refused(site, reason):
    return site.metrics().get(f'muster_envelopes_refused_total{{reason="{reason}"}}', 0)


def assert_counted(site, reason, before, times=1):
    harness.wait_until(lambda: refused(site, reason) == before + times, 5, f"{reason} is counted")


def test_forged__signed_by_another_key_in_our_name__unanswered(served):
    before = refused(served, "bad_signature")
    forger = wire.Sender(served.agent_url, timeout=1)
    envelope = forger.envelope(wire.REPORT, forger.report(), claim=wire.key_id(served.sender.key.verify_key))
    assert forger.exchange(envelope) is None
    assert_counted(served, "bad_signature", before)
    forger.close()


def test_foreign_key__never_enrolled__unanswered(served):
    before = refused(served, "unknown_key")
    stranger = wire.Sender(served.agent_url, timeout=1)
    assert stranger.exchange(stranger.envelope(wire.REPORT, stranger.report())) is None
    assert_counted(served, "unknown_key", before)
    stranger.close()


def test_replayed__same_bytes__acknowledged_again_and_stored_once(served):
    envelope = served.sender.envelope(wire.REPORT, served.sender.report())
    assert [served.sender.exchange(envelope).status for _ in range(3)] == [wire.STORED] * 3
    agent = next(iter(served.get("agents")["agents"]))["id"]
    session = served.get(f"agents/{agent}")["sessions"][0]
    assert session["ranges"] == [[1, served.sender.sequence]]
    assert session["stored_reports"] == served.sender.sequence - 1


def test_same_sequence__other_content__refused_and_alarmed(served):
    before = refused(served, "conflicting_sequence")
    first = served.sender.envelope(wire.REPORT, served.sender.report(value=1))
    other = served.sender.envelope(wire.REPORT, served.sender.report(value=2), sequence=served.sender.sequence)
    assert served.sender.exchange(first).status == wire.STORED
    reply = served.sender.exchange(other)
    assert (reply.status, reply.refusal) == (wire.REFUSED, "conflicting_sequence")
    assert_counted(served, "conflicting_sequence", before)
    assert "conflict" in served.program.text()


def test_same_sequence__other_content__refused_after_its_window_closed(served):
    at = wire.now_ns()
    first = served.sender.envelope(wire.REPORT, served.sender.report(at=at, value=1))
    sequence = served.sender.sequence
    assert served.sender.exchange(first).status == wire.STORED
    agent = next(iter(served.get("agents")["agents"]))["id"]
    # The window of one second and its grace of half a second are over when later reports have been stored for three seconds.
    until = time.monotonic() + 3
    harness.wait_until(lambda: good_report(served).status == wire.STORED and time.monotonic() > until, 10, "the window closes")
    assert served.sender.exchange(first).status == wire.STORED, "the same bytes again"
    other = served.sender.envelope(wire.REPORT, served.sender.report(at=at, value=2), sequence=sequence)
    assert served.sender.exchange(other).refusal == "conflicting_sequence"
    elsewhere = served.sender.envelope(wire.REPORT, served.sender.report(at=at - 10_000_000_000, value=2), sequence=sequence)
    assert served.sender.exchange(elsewhere).refusal == "conflicting_sequence"
    assert len(served.get(f"agents/{agent}")["sessions"]) == 1


def test_reordered__any_order_is_accepted(served):
    envelopes = [served.sender.envelope(wire.REPORT, served.sender.report()) for _ in range(5)]
    assert [served.sender.exchange(envelope).status for envelope in reversed(envelopes)] == [wire.STORED] * 5


def test_report_before_its_definitions__asks_for_them_and_is_no_acknowledgement(served):
    session = b"another session."
    report = served.sender.envelope(wire.REPORT, served.sender.report(), sequence=2, session=session)
    assert served.sender.exchange(report).status == wire.NEED_DEFINITIONS
    definitions = served.sender.envelope(wire.DEFINITIONS, served.sender.definitions(), sequence=1, session=session)
    assert served.sender.exchange(definitions).status == wire.STORED
    assert served.sender.exchange(report).status == wire.STORED


def test_truncated__at_every_byte__unanswered(served):
    envelope = served.sender.envelope(wire.REPORT, served.sender.report())
    served.sender.sequence -= 1
    lengths = range(0, len(envelope), 7)
    before = refused(served, "malformed")
    forger = wire.Sender(served.agent_url, timeout=0.05)
    for length in lengths:
        assert forger.exchange(envelope[:length]) is None
    assert_counted(served, "malformed", before, len(lengths))
    forger.close()


def test_bit_flipped__anywhere__never_stored(served):
    envelope = served.sender.envelope(wire.REPORT, served.sender.report())
    served.sender.sequence -= 1
    forger = wire.Sender(served.agent_url, timeout=0.05)
    before = sum(value for name, value in served.metrics().items() if name.startswith("muster_envelopes_refused_total"))
    positions = range(0, len(envelope), 5)
    for position in positions:
        flipped = bytearray(envelope)
        flipped[position] ^= 1 << position % 8
        assert forger.exchange(bytes(flipped)) is None, f"bit {position % 8} of byte {position}"
    harness.wait_until(lambda: sum(value for name, value in served.metrics().items() if name.startswith("muster_envelopes_refused_total"))
                       == before + len(positions), 5, "all of them are counted")
    forger.close()


def test_revoked_key__told_so_and_refused(served):
    agent = next(iter(served.get("agents")["agents"]))["id"]
    other = wire.Sender(served.agent_url)
    assert other.enrol(served.token("web"), hostname="other").status == wire.STORED
    assert other.exchange(other.envelope(wire.DEFINITIONS, other.definitions())).status == wire.STORED
    other_id = next(host["id"] for host in served.get("agents")["agents"] if host["id"] != agent)
    before = refused(served, "revoked_key")
    served.cli("agents", "revoke", other_id, "--reason", "test")
    reply = other.exchange(other.envelope(wire.REPORT, other.report()))
    assert (reply.status, reply.refusal) == (wire.REFUSED, "revoked_key")
    assert_counted(served, "revoked_key", before)
    other.close()


def test_oversized__refused(served):
    before = refused(served, "oversized")
    forger = wire.Sender(served.agent_url, timeout=1)
    assert forger.exchange(forger.envelope(wire.REPORT, b"x" * (256 * 1024 + 1))) is None
    assert_counted(served, "oversized", before)
    forger.close()


def test_from_the_future__refused_for_good_and_said_why(served):
    before = refused(served, "future")
    reply = served.sender.exchange(served.sender.envelope(wire.REPORT, served.sender.report(at=wire.now_ns() + 3600 * 10**9)))
    assert (reply.status, reply.refusal) == (wire.REFUSED, "future")
    assert "clock" in reply.reason
    assert_counted(served, "future", before)


def test_too_old__refused_for_good(served):
    reply = served.sender.exchange(served.sender.envelope(wire.REPORT, served.sender.report(at=wire.now_ns() - 100 * 24 * 3600 * 10**9)))
    assert (reply.status, reply.refusal) == (wire.REFUSED, "too_old")


def test_version_not_spoken__unanswered_or_refused(served):
    before = refused(served, "version")
    forger = wire.Sender(served.agent_url, timeout=1)
    assert forger.exchange(forger.envelope(wire.REPORT, forger.report(), version=99)) is None
    assert_counted(served, "version", before)
    forger.close()


def test_enrolment__wrong_secret_expired_and_used_up_tokens__refused(served):
    def enrol(token):
        sender = wire.Sender(served.agent_url, timeout=1)
        reply = sender.enrol(token)
        sender.close()
        return reply

    good = served.token("web")
    wrong = good[:-4] + ("AAAA" if good[-4:] != "AAAA" else "BBBB")
    assert enrol(wrong) is None, "who does not know the secret is told nothing"
    assert enrol(good).status == wire.STORED
    assert enrol(good).refusal == "bad_token", "a token of one use was used"
    revoked = served.token("web")
    token_id = served.get("tokens")["tokens"][-1]["id"]
    served.cli("token", "revoke", token_id)
    assert enrol(revoked).refusal == "bad_token"
    short = served.cli("token", "new", "--ttl", "1s").stdout.strip()
    until = time.monotonic() + 1.5
    harness.wait_until(lambda: time.monotonic() > until, 5, "the token expires")
    assert enrol(short).refusal == "bad_token"
