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
        """The decoded reply's body, or None when the controller does not answer."""
        self.socket.send(data)
        try:
            return reply_body(self.socket.recv())
        except pynng.Timeout:
            # The request that was not answered must not be in the way of the next.
            return None

    def definitions(self, names=("test.value",)):
        return msgpack.packb(["boot", "0", "forger", 0, [[name, 1, "1", 0, []] for name in names]], use_bin_type=True)

    def report(self, at=None, value=1, definitions=1, interval=1_000_000_000):
        return msgpack.packb([[at or now_ns(), interval, definitions, None, b"", 1, 100, 0, 0], [0, value], []], use_bin_type=True)

    def enrol(self, token, hostname="forger"):
        raw = base64.urlsafe_b64decode(token.removeprefix("mst1.") + "==")
        controller, token_id, secret = raw[:32], raw[32:40], raw[40:72]
        public = bytes(self.key.verify_key)
        tag = hmac.new(secret, b"muster/1/enrol\0" + public + hostname.encode(), hashlib.sha256).digest()
        body = self.enrol_body(public, token_id, hostname, tag)
        return self.exchange(self.envelope(ENROL, body, sequence=0)), controller

    @staticmethod
    def enrol_body(public, token_id, hostname, tag):
        return msgpack.packb([public, token_id, hostname, "0", tag], use_bin_type=True)


def reply_body(data):
    return msgpack.unpackb(data, raw=False, strict_map_key=False)
