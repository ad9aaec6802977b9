"""Decodes and verifies the vectors of tests/golden/wire with PyPI's msgpack and pynacl: no code of muster, no code of their generator."""
import base64
import hashlib
import hmac
import json
import pathlib
import subprocess
import sys

import msgpack
import pytest
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

WIRE = pathlib.Path(__file__).resolve().parent.parent / "golden" / "wire"
ENVELOPES = sorted(path.stem for path in WIRE.glob("envelope-*.json"))
CONTEXTS = {1: "enrol", 2: "definitions", 3: "report", 4: "loss"}


def load(name):
    return json.loads((WIRE / f"{name}.json").read_text(encoding="utf-8"))


def unpack(data):
    return msgpack.unpackb(data, raw=False, strict_map_key=False)


def blake(domain, *parts):
    return hashlib.blake2b(domain.encode() + b"\0" + b"".join(parts), digest_size=32).digest()


def key_of(name):
    return VerifyKey(bytes.fromhex(load("keys")["keys"][name]["public"]))


def verify(key, context, message, signature):
    key.verify(context.encode() + b"\0" + message, signature)


def hexed(value):
    """As the JSON files write it: bytes as hex."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list):
        return [hexed(v) for v in value]
    return value


def test_keys_follow_from_their_seeds():
    for key in load("keys")["keys"].values():
        public = bytes(SigningKey(bytes.fromhex(key["seed"])).verify_key)
        assert public.hex() == key["public"]
        assert blake("muster/key", public)[:16].hex() == key["id"]


@pytest.mark.parametrize("name", ENVELOPES)
def test_envelope_decodes_and_verifies(name):
    vector = load(name)
    data = bytes.fromhex(vector["encoded"])
    version, key_id, session, sequence, sent_at, kind, body, signature = unpack(data)
    assert (version, key_id.hex(), session.hex(), sequence, sent_at, kind, body.hex(), signature.hex()) == tuple(
        vector[field] for field in ("version", "key_id", "session", "sequence", "sent_at", "kind", "body", "signature"))
    assert key_id.hex() == load("keys")["keys"]["agent"]["id"]
    assert data[:-66].hex() == vector["signed_part"] and data[-66:-64] == b"\xc4\x40"
    assert vector["context"] == f"muster/1/envelope/{CONTEXTS[kind]}"
    verify(key_of("agent"), vector["context"], data[:-66], signature)
    assert blake("muster/1/envelope", data).hex() == vector["digest"]


@pytest.mark.parametrize("name", ENVELOPES)
def test_envelope_does_not_verify_once_a_byte_has_changed(name):
    data = bytes.fromhex(load(name)["encoded"])
    context = f"muster/1/envelope/{CONTEXTS[load(name)['kind']]}"
    for place in range(0, len(data) - 66, 7):
        changed = bytearray(data[:-66])
        changed[place] ^= 0x10
        with pytest.raises(BadSignatureError):
            verify(key_of("agent"), context, bytes(changed), data[-64:])
    with pytest.raises(BadSignatureError):
        verify(key_of("agent"), "muster/1/statement", data[:-66], data[-64:])


def body_of(name):
    return unpack(bytes.fromhex(load(name)["body"]))


def test_enrol_body_is_vouched_for_by_the_token():
    vector, token = load("envelope-enrol"), load("token")
    public, token_id, hostname, agent_version, tag = body_of("envelope-enrol")
    assert public == bytes(key_of("agent")) and token_id.hex() == token["id"]
    assert (hostname, agent_version, tag.hex()) == (vector["hostname"], vector["agent_version"], vector["tag"])
    message = b"muster/1/enrol\0" + public + hostname.encode()
    assert hmac.compare_digest(hmac.new(bytes.fromhex(token["secret"]), message, hashlib.sha256).digest(), tag)


def test_token_text():
    token = load("token")
    assert token["text"].startswith("mst1.") and "=" not in token["text"]
    raw = base64.urlsafe_b64decode(token["text"][5:])
    assert (raw[:32].hex(), raw[32:40].hex(), raw[40:].hex()) == (token["controller"], token["id"], token["secret"])
    assert len(raw) == 72 and raw[:32] == bytes(key_of("controller"))


def test_definitions_body():
    vector = load("envelope-definitions")
    boot_id, agent_version, hostname, first_id, series = body_of("envelope-definitions")
    assert [boot_id, agent_version, hostname, first_id] == [vector[k] for k in ("boot_id", "agent_version", "hostname", "first_id")]
    assert series == vector["series"]
    for name, kind, unit, start_at, labels in series:
        assert name and 1 <= kind <= 5 and len(unit) <= 32 and (start_at == 0 or kind == 2)
        assert list(labels) == sorted(labels, key=str.encode)


@pytest.mark.parametrize("name", ["envelope-report", "envelope-report-missing"])
def test_report_body(name):
    vector = load(name)
    header, samples, events = body_of(name)
    at, interval, definitions, offset, plan, spool_records, spool_bytes, lost_records, lost_samples, sample_count, event_count = header
    assert at > 0 and 0 < interval <= 3600 * 10**9
    assert len(samples) == 2 * sample_count and len(events) == event_count
    assert all(0 <= i < definitions for i in samples[::2])
    assert hexed(samples) == vector["samples"]
    for value in samples[1::2]:
        if isinstance(value, float):
            assert not (value.is_integer() and abs(value) < 2**53), "whole numbers go as integers"
    if name == "envelope-report":
        assert hexed(events) == vector["events"]
        assert vector["header"] == {"at": at, "interval_ns": interval, "definitions": definitions, "offset_ns": offset, "plan": plan.hex(),
                                    "spool_records": spool_records, "spool_bytes": spool_bytes, "lost_records": lost_records,
                                    "lost_samples": lost_samples}
        assert samples[5].hex() == load("histogram")["encoded"]
    else:
        assert offset is None and plan is None


def test_histogram_holds_its_values():
    vector = load("histogram")
    scale, count, zero, total, least, most, *sides = unpack(bytes.fromhex(vector["encoded"]))
    values = vector["values"]
    assert count == len(values) and zero == values.count(0) and (least, most) == (min(values), max(values))
    assert int.from_bytes(total, "big", signed=True) == sum(int(v * 2**30) for v in values)
    base = 2.0 ** (2.0**-scale)
    for sign, offset, counts in ((1, sides[0], sides[1]), (-1, sides[2], sides[3])):
        left = sorted(v * sign for v in values if v * sign > 0)
        assert sum(counts) == len(left) and len(counts) <= 160
        for i, n in enumerate(counts):
            low, high = base ** (offset + i), base ** (offset + i + 1)
            for value in left[:n]:
                assert low * (1 - 1e-12) < value <= high * (1 + 1e-12)
            left = left[n:]
    assert unpack(bytes.fromhex(vector["encoded_empty"])) == [20, 0, 0, bytes(16), None, None, 0, [], 0, []]


def test_loss_body():
    assert hexed(body_of("envelope-loss")) == load("envelope-loss")["ranges"]


def test_plan_decodes_and_verifies():
    vector = load("plan")
    data = bytes.fromhex(vector["encoded"])
    version, name, interval, jitter, collectors, signature = unpack(data)
    assert (version, name, interval, jitter, collectors) == (1, vector["name"], vector["interval_ns"], vector["jitter_ratio"], vector["collectors"])
    verify(key_of("controller"), "muster/1/plan", data[:-66], signature)
    assert blake("muster/1/plan", data[:-66]).hex() == vector["digest"]


def test_statement_decodes_and_verifies():
    vector = load("statement")
    data = bytes.fromhex(vector["encoded"])
    version, key_id, identifier, issued_at, expires_at, kind, subject, fields, signature = unpack(data)
    assert (version, key_id.hex(), identifier.hex(), issued_at, expires_at, kind, subject, fields) == (
        1, vector["key_id"], vector["id"], vector["issued_at"], vector["expires_at"], vector["kind"], vector["subject"], vector["fields"])
    assert list(fields) == sorted(fields, key=str.encode)
    verify(key_of("operator"), "muster/1/statement", data[:-66], signature)


def climb(leaf, index, count, path):
    node, path = leaf, list(path)
    while count > 1:
        if index ^ 1 < count:
            sibling = path.pop(0)
            node = blake("muster/1/reply-node", sibling, node) if index & 1 else blake("muster/1/reply-node", node, sibling)
        index, count = index // 2, (count + 1) // 2
    assert not path
    return node


def test_every_reply_leads_to_the_signed_root():
    vector = load("replies")
    for i, reply in enumerate(vector["replies"]):
        version, body, index, count, path, signature = unpack(bytes.fromhex(reply["encoded"]))
        assert (version, index, count) == (1, i, vector["count"])
        leaf = blake("muster/1/reply-leaf", body)
        assert leaf.hex() == reply["leaf"]
        root = climb(leaf, index, count, [path[k:k + 32] for k in range(0, len(path), 32)])
        assert root.hex() == vector["root"]
        verify(key_of("controller"), "muster/1/reply", root + count.to_bytes(4, "big"), signature)
        fields = unpack(body)
        assert hexed([f if f is not None else b"" for f in fields]) == [
            reply[k] for k in ("envelope", "status", "refusal", "reason", "retry_after_ns", "sent_at", "received_at", "replied_at", "plan", "next_key")
        ] + [[]]


def test_signed_messages_that_are_refused_for_their_content_alone_are_truly_signed():
    """Otherwise a receiver would refuse them for the wrong reason and the vector would show nothing."""
    signers = {"statement": "operator", "plan": "controller"}
    seen = 0
    for line in (WIRE / "refused.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        decoder, error, data, _ = line.split(" ", 3)
        if decoder in signers and error != "crypto":
            raw = bytes.fromhex(data)
            verify(key_of(signers[decoder]), f"muster/1/{decoder}", raw[:-66], raw[-64:])
            seen += 1
    assert seen >= 10


def test_vectors_are_what_their_generator_writes(tmp_path):
    subprocess.run([sys.executable, str(WIRE / "generate.py"), str(tmp_path)], check=True)
    for path in [*WIRE.glob("*.json"), WIRE / "refused.txt"]:
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name
