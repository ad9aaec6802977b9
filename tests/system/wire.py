"""The wire format of docs/wire-format.md, written a second time: what an outsider could write. Sends good and hostile envelopes."""
import hashlib
import hmac
import os
import base64
import time

import msgpack
import nacl.signing
import pynng

ENROL, DEFINITIONS, REPORT, LOSS = 1, 2, 3, 4
CONTEXT = {ENROL: b"muster/1/envelope/enrol", DEFINITIONS: b"muster/1/envelope/definitions", REPORT: b"muster/1/envelope/report",
           LOSS: b"muster/1/envelope/loss"}


def digest(domain, data):
    return hashlib.blake2b(domain.encode() + b"\0" + data, digest_size=32).digest()


def key_id(public_key):
    return digest("muster/key", bytes(public_key))[:16]


def now_ns():
    return time.time_ns()


class Sender:
    """An agent that does as it is told."""

    def __init__(self, url, seed=None, timeout=4):
        self.key = nacl.signing.SigningKey(seed or os.urandom(32))
        self.session = os.urandom(16)
        self.sequence = 0
        self.controller = None  # its public key, once it is known
        self.socket = pynng.Req0(dial=url, recv_timeout=int(timeout * 1000), send_timeout=int(timeout * 1000), resend_time=3600_000)

    def close(self):
        self.socket.close()

    def envelope(self, kind, body, sequence=None, session=None, version=1, sent_at=None, sign_with=None, claim=None, context=None):
        if sequence is None:
            self.sequence += 1
            sequence = self.sequence
        claimed = claim or key_id(self.key.verify_key)
        packer = msgpack.Packer(use_bin_type=True)
        head = packer.pack_array_header(8) + b"".join(
            packer.pack(part) for part in (version, claimed, session or self.session, sequence, sent_at or now_ns(), kind, body))
        signature = (sign_with or self.key).sign((context or CONTEXT[kind]) + b"\0" + head).signature
        return head + packer.pack(signature)

    def exchange(self, data):
        """The reply, its signature checked, or None when the controller does not answer."""
        self.socket.send(data)
        try:
            return open_reply(self.socket.recv(), self.controller, data)
        except pynng.Timeout:
            # The request that was not answered must not be in the way of the next.
            return None

    def definitions(self, names=("test.value",)):
        return msgpack.packb(["boot", "0", "forger", 0, [[name, 1, "1", 0, {}] for name in names]], use_bin_type=True)

    def report(self, at=None, value=1, definitions=1, interval=1_000_000_000):
        return msgpack.packb([[at or now_ns(), interval, definitions, None, None, 1, 100, 0, 0, 1, 0], [0, value], []], use_bin_type=True)

    def enrol(self, token, hostname="forger"):
        raw = base64.urlsafe_b64decode(token.removeprefix("mst1.") + "==")
        controller, token_id, secret = raw[:32], raw[32:40], raw[40:72]
        public = bytes(self.key.verify_key)
        tag = hmac.new(secret, b"muster/1/enrol\0" + public + hostname.encode(), hashlib.sha256).digest()
        self.controller = controller
        return self.exchange(self.envelope(ENROL, self.enrol_body(public, token_id, hostname, tag), sequence=0))

    @staticmethod
    def enrol_body(public, token_id, hostname, tag):
        return msgpack.packb([public, token_id, hostname, "0", tag], use_bin_type=True)


STORED, NEED_DEFINITIONS, REFUSED, LATER = 1, 2, 3, 4
REFUSALS = ["none", "malformed", "oversized", "version", "unknown_key", "revoked_key", "bad_signature", "conflicting_sequence", "future", "too_old",
            "limit", "bad_token", "not_approved"]


class Reply:
    def __init__(self, body):
        (self.envelope, self.status, refusal, self.reason, self.retry_after, self.sent_at, self.received_at, self.replied_at, self.plan,
         self.next_key, self.tasks) = msgpack.unpackb(body, raw=False)
        self.refusal = REFUSALS[refusal]

    def __repr__(self):
        return f"<reply status={self.status} refusal={self.refusal} reason={self.reason!r}>"


def open_reply(data, controller, envelope):
    """Checks the Merkle path, the controller's signature over the root, and that it answers this envelope."""
    version, body, index, count, path, signature = msgpack.unpackb(data, raw=False)
    assert version == 1
    total = count
    node, siblings = digest("muster/1/reply-leaf", body), [path[at:at + 32] for at in range(0, len(path), 32)]
    while count > 1:
        if index % 2:
            node = digest("muster/1/reply-node", siblings.pop(0) + node)
        elif index + 1 < count:
            node = digest("muster/1/reply-node", node + siblings.pop(0))
        index, count = index // 2, (count + 1) // 2
    assert not siblings
    nacl.signing.VerifyKey(controller).verify(b"muster/1/reply\0" + node + total.to_bytes(4, "big"), signature)
    reply = Reply(body)
    assert reply.envelope == digest("muster/1/envelope", envelope)
    return reply
