"""What comes in over a connection that is not as nng's REQ would send it: served where it can be, ended where it must, and never in others' way."""
import os
import socket
import ssl
import struct

import pytest

import harness
import wire

HELLO, HELLO_BACK = b"\0SP\0\0\x30\0\0", b"\0SP\0\0\x31\0\0"


@pytest.fixture
def served(site):
    site.start()
    site.sender = wire.Sender(site.agent_url)
    assert site.sender.enrol(site.token("web")).status == wire.STORED
    assert site.sender.exchange(site.sender.envelope(wire.DEFINITIONS, site.sender.definitions())).status == wire.STORED
    yield site
    assert report(site).status == wire.STORED, "honest agents are still served"
    site.sender.close()
    site.stop()


def report(site):
    return site.sender.exchange(site.sender.envelope(wire.REPORT, site.sender.report()))


def connect(site, hello=HELLO):
    peer = socket.create_connection(("127.0.0.1", site.port), timeout=10)
    peer.sendall(hello)
    return peer


def frame(number, data):
    return struct.pack(">QI", 4 + len(data), 0x80000000 | number) + data


def take(peer, size):
    data = b""
    while len(data) < size:
        more = peer.recv(size - len(data))
        assert more, f"the connection ended after {len(data)} of {size} bytes"
        data += more
    return data


def take_answer(peer):
    size, number = struct.unpack(">QI", take(peer, 12))
    return number & 0x7FFFFFFF, take(peer, size - 4)


def is_ended(peer):
    """Whether the other side closes; what it has sent before is passed over."""
    try:
        while peer.recv(65536):
            pass
        return True
    except ConnectionResetError:
        return True


def has_ended(peer):
    """Whether the other side has closed by now, without waiting for it."""
    peer.setblocking(False)
    try:
        return is_ended(peer)
    except BlockingIOError:
        return False
    except OSError:
        return True


def test_byte_by_byte__answered(served):
    peer = connect(served, b"")
    envelope = served.sender.envelope(wire.REPORT, served.sender.report())
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in HELLO + frame(7, envelope):
        peer.sendall(bytes([byte]))
    assert take(peer, 8) == HELLO_BACK
    number, answer = take_answer(peer)
    assert number == 7 and wire.open_reply(answer, served.sender.controller, envelope).status == wire.STORED
    peer.close()


def test_more_requests_at_once_than_are_worked_on__all_answered(served):
    """64 in one piece, where a connection has 16 under way."""
    peer = connect(served)
    envelopes = [served.sender.envelope(wire.REPORT, served.sender.report()) for _ in range(64)]
    peer.sendall(b"".join(frame(number, envelope) for number, envelope in enumerate(envelopes)))
    assert take(peer, 8) == HELLO_BACK
    answers = dict(take_answer(peer) for _ in envelopes)
    for number, envelope in enumerate(envelopes):
        assert wire.open_reply(answers[number], served.sender.controller, envelope).status == wire.STORED
    peer.close()


def test_request_through_devices__comes_back_with_their_numbers(served):
    peer = connect(served)
    envelope = served.sender.envelope(wire.REPORT, served.sender.report())
    path = struct.pack(">III", 1, 2, 0x80000003)
    peer.sendall(struct.pack(">Q", len(path) + len(envelope)) + path + envelope)
    assert take(peer, 8) == HELLO_BACK
    size = struct.unpack(">Q", take(peer, 8))[0]
    answer = take(peer, size)
    assert answer[:12] == path and wire.open_reply(answer[12:], served.sender.controller, envelope).status == wire.STORED
    peer.close()


@pytest.mark.parametrize("hello", [b"GET / HTTP/1.1\r\n\r\n", b"\0SP\0\0\x10\0\0", b"\x16\x03\x01\x02\0\x01\0\x01"], ids=["http", "another-protocol", "tls"])
def test_another_protocol__ended_and_said(served, hello):
    peer = connect(served, hello)
    assert is_ended(peer)
    harness.wait_until(lambda: "event=not-an-agent" in served.program.text(), 5, "the log says so")


def test_length_beyond_all_measure__ended_and_counted(served):
    name = 'muster_envelopes_refused_total{reason="oversized"}'
    before = served.metrics().get(name, 0)
    peer = connect(served)
    peer.sendall(struct.pack(">Q", 1 << 62))
    assert is_ended(peer)
    harness.wait_until(lambda: served.metrics()[name] == before + 1, 5, "it is counted")


def test_message_without_a_request_number__counted_and_passed_over(served):
    name = 'muster_envelopes_refused_total{reason="malformed"}'
    before = served.metrics().get(name, 0)
    peer = connect(served)
    envelope = served.sender.envelope(wire.REPORT, served.sender.report())
    for rubbish in (b"", b"\0\0\0", b"\0" * 64):
        peer.sendall(struct.pack(">Q", len(rubbish)) + rubbish)
    peer.sendall(frame(1, envelope))
    assert take(peer, 8) == HELLO_BACK
    assert take_answer(peer)[0] == 1
    assert served.metrics()[name] == before + 3
    peer.close()


def test_peers_that_vanish_inside_a_message__do_no_harm(served):
    """What got nng 1.5.2's REP sockets stuck for ever, after some hundreds (docs/adr/0021): then nothing was served, and the end never came."""
    descriptors = harness.pathlib.Path(f"/proc/{served.program.pid}/fd")
    before = len(list(descriptors.iterdir()))
    envelope = served.sender.envelope(wire.REPORT, served.sender.report())
    message = frame(1, envelope)
    for round_ in range(1000):
        peer = connect(served)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset, as when a host dies
        peer.sendall(message[:1 + round_ % (len(message) - 1)])
        peer.close()
        if round_ % 100 == 0:
            assert report(served).status == wire.STORED
    harness.wait_until(lambda: len(list(descriptors.iterdir())) <= before, 10, "every descriptor comes back")


def test_peer_that_goes_before_its_answer__does_no_harm(served):
    for _ in range(100):
        peer = connect(served)
        peer.sendall(frame(1, served.sender.envelope(wire.REPORT, served.sender.report())))
        peer.close()
    assert report(served).status == wire.STORED
    agent = next(iter(served.get("agents")["agents"]))["id"]
    harness.wait_until(lambda: served.get(f"agents/{agent}")["sessions"][0]["ranges"] == [[1, served.sender.sequence]], 10, "what they sent is stored")


def test_peer_that_does_not_read__ended_and_said(served):
    """What waits for it is bounded, because it is not read either; nobody else waits."""
    peer = socket.socket()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # before it connects: so little is taken by the kernel for it
    peer.connect(("127.0.0.1", served.port))
    peer.setblocking(False)
    requests = memoryview(HELLO + frame(1, served.sender.envelope(wire.REPORT, served.sender.report())) * 20000)
    sent = 0

    def said():
        nonlocal sent
        try:
            while sent < len(requests):
                sent += peer.send(requests[sent:])
        except OSError:  # its turn has not come, or it was ended
            pass
        assert report(served).status == wire.STORED, "meanwhile others are served"
        return "it does not read its answers" in served.program.text()

    harness.wait_until(said, 60, "the connection is ended, and the log says why")
    peer.setblocking(True)
    assert is_ended(peer)


def test_peer_that_does_not_read_through_tls__ended_and_said(tmp_path):
    certs = harness.make_certs(tmp_path / "certs", "127.0.0.1")
    with harness.Site(tmp_path, tls={"cert_file": certs / "controller.pem", "key_file": certs / "controller.key"}) as site:
        site.settings["listen"] = [site.agent_url, f"tls+tcp://127.0.0.1:{harness.free_port()}"]
        site.start()
        sender = wire.Sender(site.agent_url)
        assert sender.enrol(site.token("web")).status == wire.STORED
        assert sender.exchange(sender.envelope(wire.DEFINITIONS, sender.definitions())).status == wire.STORED
        plain = socket.socket()
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        plain.connect(("127.0.0.1", int(site.settings["listen"][1].rsplit(":", 1)[1])))
        peer = ssl.create_default_context(cafile=certs / "ca.pem").wrap_socket(plain, server_hostname="127.0.0.1")
        peer.setblocking(False)
        requests = HELLO + frame(1, sender.envelope(wire.REPORT, sender.report())) * 20000
        sent = 0

        def said():
            nonlocal sent
            try:
                while sent < len(requests):
                    sent += peer.send(requests[sent:sent + 16384])
            except OSError:  # its turn has not come, or it was ended
                pass
            assert sender.exchange(sender.envelope(wire.REPORT, sender.report())).status == wire.STORED, "meanwhile others are served"
            return "it does not read its answers" in site.program.text()

        harness.wait_until(said, 60, "the connection is ended, and the log says why")
        plain.close()
        sender.close()
        site.stop()


def test_incomplete_messages_without_end__bounded(served):
    """Each loop keeps 64 MiB of them at most, which are 67 of 999 kB: peers that never finish a message of 1 MB cannot take more."""
    fit = 67 * min(16, os.cpu_count())
    peers = [connect(served) for _ in range(fit + 66)]
    for peer in peers:
        peer.settimeout(5)
        try:
            peer.sendall(struct.pack(">Q", 1000000) + b"x" * 999000)
        except OSError:  # this one was too much
            pass
    assert report(served).status == wire.STORED
    harness.wait_until(lambda: "there is no memory for more incomplete messages" in served.program.text(), 10, "some are ended, and the log says why")
    ended = set()

    def as_many_as_do_not_fit():
        ended.update(peer for peer in peers if peer not in ended and has_ended(peer))
        return len(ended) >= 66

    harness.wait_until(as_many_as_do_not_fit, 10, "as many are ended as do not fit")
    assert len(ended) < len(peers), "those that fit stay"
    for peer in peers:
        peer.close()


def test_strangers_without_end__do_not_keep_agents_out(site):
    """Some hundred descriptors, and more silent connections than that: who has brought an agent's envelope stays, and who brings one gets in."""
    site.prefix = ["prlimit", "--nofile=600:600"]
    site.start()
    sender = wire.Sender(site.agent_url)
    assert sender.enrol(site.token("web")).status == wire.STORED
    assert sender.exchange(sender.envelope(wire.DEFINITIONS, sender.definitions())).status == wire.STORED
    known = connect(site)
    envelope = sender.envelope(wire.REPORT, sender.report())
    known.sendall(frame(1, envelope))
    assert take(known, 8) == HELLO_BACK and take_answer(known)[0] == 1
    strangers = [connect(site, HELLO if number % 2 else b"") for number in range(900)]
    newcomer = wire.Sender(site.agent_url)
    assert newcomer.enrol(site.token("db")).status == wire.STORED
    known.sendall(frame(2, envelope))
    assert take_answer(known)[0] == 2, "the connection was not ended for others' sake"
    assert "event=strangers-disconnected" in site.program.text()
    assert site.cli("status", check=False).returncode == 0, "readers have descriptors left"
    for peer in [known, *strangers]:
        peer.close()
    sender.close()
    newcomer.close()
    site.stop()


def test_stop__while_peers_are_connected_and_silent__at_once(site):
    site.start()
    peers = [connect(site) for _ in range(20)] + [connect(site, b"") for _ in range(20)]
    for peer in peers[:20]:
        assert take(peer, 8) == HELLO_BACK
    site.stop()
    assert all(is_ended(peer) for peer in peers[:20])
