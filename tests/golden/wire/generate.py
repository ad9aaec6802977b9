#!/usr/bin/env python3
"""Writes the test vectors of the wire format beside itself, from docs/wire-format.md alone: it shares no code with muster.
Unit tests hold muster's encoders against these files byte for byte, tests/system/test_wire_vectors.py decodes and verifies them.
usage: generate.py [FOLDER]   (needs msgpack and pynacl, see tests/requirements.txt)"""
import base64
import hashlib
import hmac
import json
import math
import os
import sys

import msgpack
from nacl.signing import SigningKey

SEEDS = {"agent": bytes(range(0, 32)), "controller": bytes(range(32, 64)), "operator": bytes(range(64, 96))}
KEYS = {name: SigningKey(seed) for name, seed in SEEDS.items()}
SESSION = bytes(range(0xA0, 0xB0))
AT = 1795410000_000000000  # 2026-11-23T05:00:00Z
NS = 10**9


def digest(domain, data):
    return hashlib.blake2b(domain.encode() + b"\0" + data, digest_size=32).digest()


def public(name):
    return bytes(KEYS[name].verify_key)


def key_id(name):
    return digest("muster/key", public(name))[:16]


def sign(name, context, message):
    return KEYS[name].sign(context.encode() + b"\0" + message).signature


def pack(value):
    return msgpack.packb(value, use_bin_type=True)


def number(value):
    """Whole numbers under 2^53 go as integers."""
    return int(value) if float(value).is_integer() and abs(value) < 2**53 else float(value)


def signed(name, context, elements):
    """An array whose last element is the signature over all bytes before it."""
    part = bytes([0x90 | (len(elements) + 1)]) + b"".join(pack(e) for e in elements)
    signature = sign(name, context, part)
    return part, signature, part + pack(signature)


def envelope(sequence, kind, kind_name, body):
    context = f"muster/1/envelope/{kind_name}"
    part, signature, encoded = signed("agent", context, [1, key_id("agent"), SESSION, sequence, AT, kind, body])
    return {
        "key": "agent", "context": context, "version": 1, "key_id": key_id("agent").hex(), "session": SESSION.hex(), "sequence": sequence,
        "sent_at": AT, "kind": kind, "body": body.hex(), "signed_part": part.hex(), "signature": signature.hex(), "encoded": encoded.hex(),
        "digest": digest("muster/1/envelope", encoded).hex(),
    }


def histogram(values):
    """A base-2 exponential histogram of at most 160 buckets a side, at the highest scale up to 20 that holds the values."""
    sides = {+1: [v for v in values if v > 0], -1: [-v for v in values if v < 0]}
    for scale in range(20, -11, -1):
        index = {sign: [math.ceil(math.log2(v) * 2**scale) - 1 for v in side] for sign, side in sides.items()}
        if all(not side or max(side) - min(side) < 160 for side in index.values()):
            break
    fields = [scale, len(values), sum(v == 0 for v in values), sum(round(v * 2**30) for v in values).to_bytes(16, "big", signed=True),
              number(min(values)) if values else None, number(max(values)) if values else None]
    for sign in (+1, -1):
        low = min(index[sign], default=0)
        fields += [low, [index[sign].count(low + i) for i in range(max(index[sign]) - low + 1)] if index[sign] else []]
    return fields


def make_keys():
    return {"what": "The keys of all vectors; ids and public keys follow from the seeds.",
            "keys": {name: {"seed": SEEDS[name].hex(), "public": public(name).hex(), "id": key_id(name).hex()} for name in SEEDS}}


def make_token():
    identifier, secret = bytes(range(0xC0, 0xC8)), bytes(range(0xD0, 0xF0))
    text = "mst1." + base64.urlsafe_b64encode(public("controller") + identifier + secret).decode().rstrip("=")
    return {"what": "An enrolment token.", "controller": public("controller").hex(), "id": identifier.hex(), "secret": secret.hex(), "text": text}


def make_enrol():
    token = make_token()
    hostname = "api-1.staging.example"
    tag = hmac.new(bytes.fromhex(token["secret"]), b"muster/1/enrol\0" + public("agent") + hostname.encode(), hashlib.sha256).digest()
    body = [public("agent"), bytes.fromhex(token["id"]), hostname, "0.1.0", tag]
    return {"what": "Enrolment with the token of token.json.", "hostname": hostname, "agent_version": "0.1.0", "token_id": token["id"],
            "tag": tag.hex(), **envelope(0, 1, "enrol", pack(body))}


SERIES = [
    ["system.cpu.utilization", 1, "1", 0, {"cpu": "0", "state": "user"}],
    ["system.network.io", 2, "By", AT - 3600 * NS, {"direction": "receive", "network.interface.name": "eth0"}],
    ["http.client.request.duration", 3, "s", 0, {}],
    ["container.state", 4, "", 0, {"container.name": "b\u00fccher"}],
    ["log.matches", 5, "{match}", 0, {"file": "/var/log/app.log"}],
]


def make_definitions():
    body = ["0b4fa8a2-9a2f-4d2b-8f7a-3f3a1c1f5f10", "0.1.0", "api-1.staging.example", 0, SERIES]
    return {"what": "Five series of a session, one of each kind.", "boot_id": body[0], "agent_version": body[1], "hostname": body[2],
            "first_id": 0, "series": SERIES, **envelope(1, 2, "definitions", pack(body))}


def make_histogram():
    values = [0.25, 0.5, 1, 1.5, 2, 3, 3, 0, -4]
    fields = histogram(values)
    return {"what": "A histogram of nine values; sum is in steps of 2^-30.", "values": values,
            "fields": [f.hex() if isinstance(f, bytes) else f for f in fields], "encoded": pack(fields).hex(),
            "encoded_empty": pack([20, 0, 0, bytes(16), None, None, 0, [], 0, []]).hex()}


def make_report():
    plan = bytes(range(32))
    samples = [0, 0.375, 1, 9876543210, 2, bytes.fromhex(make_histogram()["encoded"]), 3, "running"]
    events = [[4, AT - 5 * NS, "oom-killer", "error", 3, "Out of memory: Killed process \u2026", bytes(range(0x10, 0x20))],
              [4, AT - 4 * NS, "segfault", "", 1, "", b""]]
    header = [AT - NS, 10 * NS, 5, -1500000, plan, 1, 1234, 2, 300, len(samples) // 2, len(events)]
    readable = {"at": header[0], "interval_ns": header[1], "definitions": 5, "offset_ns": header[3], "plan": plan.hex(), "spool_records": 1,
                "spool_bytes": 1234, "lost_records": 2, "lost_samples": 300}
    return {"what": "A sample of each kind and two events.", "header": readable,
            "samples": [s.hex() if isinstance(s, bytes) else s for s in samples],
            "events": [e[:6] + [e[6].hex()] for e in events], **envelope(2, 3, "report", pack([header, samples, events]))}


def make_report_missing():
    numbers = [0, 127, 128, -1, -32, -33, 255, 256, 65535, 65536, 2**32, 2**53 - 1, 2.0**53, -(2**53) + 1, 0.1, -1e300, 5e-324]
    samples = []
    for i, value in enumerate(numbers):
        samples += [i, number(value)]
    samples += [200, [1, "the device is gone"], 300, [2, "read /proc/vmstat: Permission denied"], 4095, ""]
    header = [AT, 3600 * NS, 4096, None, None, 0, 0, 0, 0, len(samples) // 2, 0]
    return {"what": "Every width of number, missing samples, nothing known of offset and plan.", "samples": samples,
            **envelope(3, 3, "report", pack([header, samples, []]))}


def make_loss():
    ranges = [[SESSION, 4, 9, 900], [bytes(range(0xB0, 0xC0)), 1, 2**40, 0]]
    return {"what": "Two ranges that a spool gave up.", "ranges": [[r[0].hex()] + r[1:] for r in ranges], **envelope(10, 4, "loss", pack(ranges))}


def make_plan():
    collectors = [["cpu", "", 0, {}], ["processes", "", 60 * NS, {"match": ["nginx", "postgres: *"], "children": ["yes"]}],
                  ["facts", "yearly", 24 * 3600 * NS, {"skip": []}]]
    elements = [1, "staging-api", 10 * NS, 0.1, collectors]
    part, signature, encoded = signed("controller", "muster/1/plan", elements)
    return {"what": "A plan of three collectors.", "key": "controller", "context": "muster/1/plan", "name": elements[1], "interval_ns": elements[2],
            "jitter_ratio": elements[3], "collectors": collectors, "signed_part": part.hex(), "signature": signature.hex(), "encoded": encoded.hex(),
            "digest": digest("muster/1/plan", part).hex()}


def make_statement():
    fields = {"expires": "2026-12-01", "reason": "vendor fix is due; risk is \u201clow\u201d", "role": "qa"}
    elements = [1, key_id("operator"), bytes(range(0xE0, 0xF0)), AT, AT + 8 * 24 * 3600 * NS, "waive", "3.2.1", fields]
    part, signature, encoded = signed("operator", "muster/1/statement", elements)
    return {"what": "A waiver.", "key": "operator", "context": "muster/1/statement", "key_id": key_id("operator").hex(), "id": elements[2].hex(),
            "issued_at": AT, "expires_at": elements[4], "kind": "waive", "subject": "3.2.1", "fields": fields, "signed_part": part.hex(),
            "signature": signature.hex(), "encoded": encoded.hex()}


def path_of(leaves, index):
    """The siblings of a leaf from the bottom up, and the root; an odd last node moves up as it is."""
    path, level = [], leaves
    while len(level) > 1:
        if index ^ 1 < len(level):
            path.append(level[index ^ 1])
        level = [digest("muster/1/reply-node", level[i] + level[i + 1]) if i + 1 < len(level) else level[i] for i in range(0, len(level), 2)]
        index //= 2
    return b"".join(path), level[0]


def make_replies():
    envelopes = [bytes.fromhex(make()["digest"]) for make in (make_definitions, make_report, make_report_missing, make_loss, make_enrol)]
    times = [AT, AT + 2000000, AT + 7000000]
    plan = bytes.fromhex(make_plan()["encoded"])
    replies = [
        [envelopes[0], 1, 0, "", 0, *times, None, None, []],
        [envelopes[1], 2, 0, "", 0, *times, None, None, []],
        [envelopes[2], 3, 9, "older than 30 days", 0, *times, None, None, []],
        [envelopes[3], 4, 0, "the disk is full", 30 * NS, *times, None, None, []],
        [envelopes[4], 1, 0, "", 0, *times, plan, public("operator"), []],
    ]
    bodies = [pack(r) for r in replies]
    leaves = [digest("muster/1/reply-leaf", b) for b in bodies]
    root = path_of(leaves, 0)[1]
    count = len(bodies)
    signature = sign("controller", "muster/1/reply", root + count.to_bytes(4, "big"))
    out = []
    for i, (reply, body) in enumerate(zip(replies, bodies)):
        path = path_of(leaves, i)[0]
        out.append({"envelope": reply[0].hex(), "status": reply[1], "refusal": reply[2], "reason": reply[3], "retry_after_ns": reply[4],
                    "sent_at": reply[5], "received_at": reply[6], "replied_at": reply[7], "plan": (reply[8] or b"").hex(),
                    "next_key": (reply[9] or b"").hex(), "body": body.hex(), "leaf": leaves[i].hex(), "path": path.hex(),
                    "encoded": pack([1, body, i, count, path, signature]).hex()})
    return {"what": "Five replies under one signature.", "key": "controller", "context": "muster/1/reply", "count": count, "root": root.hex(),
            "signature": signature.hex(), "replies": out}


def refused():
    """decoder, error, why, bytes: what every receiver must refuse."""
    report = bytes.fromhex(make_report()["encoded"])
    base = [1, key_id("agent"), SESSION, 1, AT, 3, b"x"]
    tail = pack(bytes(64))
    bodies = lambda header, samples, events: pack([header, samples, events])
    header = [AT, NS, 4, None, None, 0, 0, 0, 0, 1, 0]
    change = lambda index, value: header[:index] + [value] + header[index + 1:]
    env = lambda index, value: bytes([0x98]) + b"".join(pack(e) for e in base[:index] + [value] + base[index + 1:]) + tail
    definition = lambda *series, first=0: pack(["b", "v", "h", first, list(series)])
    yield "envelope", "malformed", "nothing", b""
    yield "envelope", "malformed", "a byte behind the signature", report + b"\0"
    yield "envelope", "malformed", "cut in the signature", report[:-1]
    yield "envelope", "malformed", "nine elements", bytes([0x99]) + report[1:]
    yield "envelope", "malformed", "a signature in bin 16", report[:-66] + b"\xc5\0\x40" + report[-64:]
    yield "envelope", "version", "version 0", env(0, 0)
    yield "envelope", "version", "a version to come", env(0, 2)
    yield "envelope", "malformed", "a key id of 15 bytes", env(1, bytes(15))
    yield "envelope", "malformed", "a session of 17 bytes", env(2, bytes(17))
    yield "envelope", "malformed", "sequence 0 on a report", env(3, 0)
    yield "envelope", "limit", "sequence 2^63", env(3, 2**63)
    yield "envelope", "malformed", "a negative time", env(4, -1)
    yield "envelope", "malformed", "kind 5", env(5, 5)
    yield "envelope", "malformed", "a sequence on enrolment", env(5, 1)
    yield "envelope", "malformed", "an empty body", env(6, b"")
    yield "envelope", "malformed", "a text for a body", env(6, "x")
    yield "report", "malformed", "nothing", b""
    yield "report", "malformed", "a byte too many", bodies(header, [0, 1], []) + b"\0"
    yield "report", "malformed", "two parts", pack([header, [0, 1]])
    yield "report", "malformed", "a header of ten", bodies(header[:10], [0, 1], [])
    yield "report", "malformed", "interval 0", bodies(change(1, 0), [0, 1], [])
    yield "report", "malformed", "an interval over an hour", bodies(change(1, 3600 * NS + 1), [0, 1], [])
    yield "report", "limit", "over 4096 definitions", bodies(change(2, 4097), [0, 1], [])
    yield "report", "malformed", "an offset that is no integer", bodies(change(3, 0.5), [0, 1], [])
    yield "report", "malformed", "a plan digest of 31 bytes", bodies(change(4, bytes(31)), [0, 1], [])
    yield "report", "malformed", "more samples than stated", bodies(header, [0, 1, 1, 1], [])
    yield "report", "malformed", "fewer samples than stated", bodies(header, [], [])
    yield "report", "malformed", "an id without a value", bodies(header, [0, 1, 1], [])
    yield "report", "malformed", "an event that is not stated", bodies(header, [0, 1], [[0, 1, "r", "l", 1, "", b""]])
    yield "report", "malformed", "a series that is not defined", bodies(header, [4, 1], [])
    yield "report", "malformed", "a negative id", bodies(header, [-1, 1], [])
    yield "report", "malformed", "not a number", bodies(header, [0, float("nan")], [])
    yield "report", "malformed", "infinity", bodies(header, [0, float("inf")], [])
    yield "report", "malformed", "nil for a value", bodies(header, [0, None], [])
    yield "report", "malformed", "a map for a value", bodies(header, [0, {}], [])
    yield "report", "malformed", "missing with status 0", bodies(header, [0, [0, "x"]], [])
    yield "report", "malformed", "missing with status 3", bodies(header, [0, [3, "x"]], [])
    yield "report", "malformed", "missing without reason", bodies(header, [0, [1]], [])
    yield "report", "limit", "a state of 257 bytes", bodies(header, [0, "x" * 257], [])
    yield "report", "malformed", "a state with NUL", bodies(header, [0, "a\0b"], [])
    yield "report", "malformed", "a state that is no UTF-8", bodies(header, [0, "xx"], []).replace(b"\xa2xx", b"\xa2\xc3\x28")
    yield "report", "malformed", "a surrogate in UTF-8", bodies(header, [0, "xxx"], []).replace(b"\xa3xxx", b"\xa3\xed\xa0\x80")
    yield "report", "malformed", "a histogram that is none", bodies(header, [0, b"\x90"], [])
    yield "report", "malformed", "a fingerprint of 8 bytes", bodies(change(10, 1), [0, 1], [[0, 1, "r", "l", 1, "", bytes(8)]])
    yield "report", "malformed", "an event that counts 0", bodies(change(10, 1), [0, 1], [[0, 1, "r", "l", 0, "", b""]])
    yield "definitions", "malformed", "labels out of order", definition(["n", 1, "1", 0, {"b": "1", "a": "2"}])
    yield "definitions", "malformed", "a label key twice", definition(["n", 1, "1", 0, {"a": "1", "b": "2"}]).replace(b"\xa1b\xa12", b"\xa1a\xa12")
    yield "definitions", "malformed", "an empty label key", definition(["n", 1, "1", 0, {"": "1"}])
    yield "definitions", "malformed", "no name", definition(["", 1, "1", 0, {}])
    yield "definitions", "malformed", "kind 0", definition(["n", 0, "1", 0, {}])
    yield "definitions", "malformed", "kind 6", definition(["n", 6, "1", 0, {}])
    yield "definitions", "malformed", "a gauge that began", definition(["n", 1, "1", 1, {}])
    yield "definitions", "limit", "a name of 129 bytes", definition(["n" * 129, 1, "1", 0, {}])
    yield "definitions", "limit", "17 labels", definition(["n", 1, "1", 0, {f"k{i:02}": "" for i in range(17)}])
    yield "definitions", "limit", "ids over 4096", definition(["n", 1, "1", 0, {}], ["m", 1, "1", 0, {}], first=4095)
    yield "loss", "malformed", "no range", pack([])
    yield "loss", "malformed", "sequence 0", pack([[SESSION, 0, 1, 1]])
    yield "loss", "malformed", "a range that ends before it begins", pack([[SESSION, 2, 1, 1]])
    yield "loss", "limit", "over 1024 ranges", b"\xdc\x04\x01" + pack([SESSION, 1, 1, 1])
    good = histogram([1.0, 2.0])
    put = lambda index, value: pack(good[:index] + [value] + good[index + 1:])
    yield "histogram", "malformed", "scale 21", put(0, 21)
    yield "histogram", "malformed", "a count that is not the buckets' sum", put(1, 3)
    yield "histogram", "malformed", "a sum that these values cannot have", put(3, (100 << 30).to_bytes(16, "big"))
    yield "histogram", "malformed", "min over max", put(4, 3)
    yield "histogram", "malformed", "an empty bucket at the end", put(7, good[7] + [0])
    yield "histogram", "limit", "161 buckets", put(7, [1] * 161)
    yield "histogram", "malformed", "an offset without buckets", put(8, 1)
    yield "enrol", "malformed", "no host name", pack([bytes(32), bytes(8), "", "v", bytes(32)])
    yield "enrol", "malformed", "a short key", pack([bytes(31), bytes(8), "h", "v", bytes(32)])
    yield "enrol", "limit", "a host name of 256 bytes", pack([bytes(32), bytes(8), "h" * 256, "v", bytes(32)])
    statement = [1, key_id("operator"), bytes(16), AT, 0, "attest", "1.1.1", {"a": "1"}]
    say = lambda index, value: signed("operator", "muster/1/statement", statement[:index] + [value] + statement[index + 1:])[2]
    yield "statement", "version", "a version to come", say(0, 2)
    yield "statement", "malformed", "no kind", say(5, "")
    yield "statement", "malformed", "ends before it begins", say(4, AT)
    yield "statement", "malformed", "fields out of order", say(7, {"b": "", "a": ""})
    yield "statement", "limit", "33 fields", say(7, {f"k{i:02}": "" for i in range(33)})
    plan = [1, "p", 10 * NS, 0, []]
    order = lambda index, value: signed("controller", "muster/1/plan", plan[:index] + [value] + plan[index + 1:])[2]
    yield "plan", "version", "a version to come", order(0, 2)
    yield "plan", "crypto", "signed by another key", signed("agent", "muster/1/plan", plan)[2]
    yield "plan", "crypto", "signed for something else", signed("controller", "muster/1/reply", plan)[2]
    yield "plan", "malformed", "an interval of 99 ms", order(2, 99 * 10**6)
    yield "plan", "malformed", "a jitter over a half", order(3, 0.51)
    yield "plan", "limit", "769 collectors", order(4, [["c", "", 0, {}]] * 769)
    yield "plan", "malformed", "a collector without name", order(4, [["", "", 0, {}]])
    yield "plan", "malformed", "a collector of three elements", order(4, [["c", 0, {}]])
    yield "plan", "limit", "an instance of 513 bytes", order(4, [["c", "i" * 513, 0, {}]])
    yield "plan", "malformed", "a period of 31 days", order(4, [["c", "", 31 * 24 * 3600 * NS, {}]])
    twice = order(4, [["c", "", 0, {"a": [], "b": []}]])[:-66].replace(b"\xa1b\x90", b"\xa1a\x90")
    yield "plan", "malformed", "an option twice", twice + pack(sign("controller", "muster/1/plan", twice))


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    makers = {"keys": make_keys, "token": make_token, "envelope-enrol": make_enrol, "envelope-definitions": make_definitions,
              "envelope-report": make_report, "envelope-report-missing": make_report_missing, "envelope-loss": make_loss,
              "histogram": make_histogram, "plan": make_plan, "statement": make_statement, "replies": make_replies}
    for name, make in makers.items():
        with open(os.path.join(folder, name + ".json"), "w", encoding="utf-8") as out:
            json.dump(make(), out, indent=1, ensure_ascii=False)
            out.write("\n")
    with open(os.path.join(folder, "refused.txt"), "w", encoding="utf-8") as out:
        out.write("# decoder, error, bytes, why: what every receiver must refuse. Plans are opened with the controller's key of keys.json.\n")
        for decoder, error, why, data in refused():
            out.write(f"{decoder} {error} {data.hex() or '-'} {why}\n")


if __name__ == "__main__":
    main()
