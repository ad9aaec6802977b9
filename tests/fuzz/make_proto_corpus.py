#!/usr/bin/env python3
"""Writes the first corpora of proto's fuzz targets from the vectors of tests/golden/wire: corpus/<target>/<name>.
Run again after the vectors changed."""
import json
import pathlib

HERE = pathlib.Path(__file__).resolve().parent
WIRE = HERE.parent / "golden" / "wire"


def vector(name):
    return json.loads((WIRE / f"{name}.json").read_text(encoding="utf-8"))


def put(target, name, data):
    folder = HERE / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def main():
    for path in sorted(WIRE.glob("envelope-*.json")):
        name = path.stem.removeprefix("envelope-")
        made = vector(path.stem)
        put("envelope", name, bytes.fromhex(made["encoded"]))
        put(name.split("-")[0], name, bytes.fromhex(made["body"]))
    put("enrol", "token", vector("token")["text"].encode())
    put("histogram", "nine", bytes.fromhex(vector("histogram")["encoded"]))
    put("histogram", "empty", bytes.fromhex(vector("histogram")["encoded_empty"]))
    # These targets sign their input themselves.
    put("plan", "plan", bytes.fromhex(vector("plan")["signed_part"]))
    put("statement", "statement", bytes.fromhex(vector("statement")["signed_part"]))
    for i, reply in enumerate(vector("replies")["replies"]):
        put("reply", f"body-{i}", bytes.fromhex(reply["body"]))
        put("reply", f"whole-{i}", bytes.fromhex(reply["encoded"]))
    for number, line in enumerate((WIRE / "refused.txt").read_text(encoding="utf-8").splitlines()):
        if line.startswith("#"):
            continue
        decoder, _, data, _ = line.split(" ", 3)
        raw = b"" if data == "-" else bytes.fromhex(data)
        if len(raw) > 2048:
            continue
        put(decoder, f"refused-{number:03}", raw[:-66] if decoder in ("plan", "statement") else raw)


if __name__ == "__main__":
    main()
