"""Secrets that the tests plant wherever muster looks, and the search for them in all that it says (issue 3, point 3)."""
import os
import pathlib
import re

# Put together here, so that no scanner of repositories takes this file for a leak.
KEY = "sk-" + "proj-a1B2c3D4e5F6g7H8i9J0k1L2m3N4"
CARD = "4111 1111 " + "1111 1111"
BEARER = "gh" + "p_" + "Qm7Xw2Lr9Tz4Kv6Bn1Hs8Jd3Fc5Gy0Pa4Ue7"

# In the environment of every program that the tests start, and of every container.
ENVIRONMENT = {"OPENAI_API_KEY": KEY, "DEPLOY_TOKEN": BEARER}

# What must not be found: whole, without the blanks of a card, and the part that alone would do.
NEEDLES = [text.encode() for text in (KEY, KEY[8:], CARD, CARD.replace(" ", ""), BEARER, BEARER[4:])]

# Of this worker: copies of sent messages (docs/configuration-agent.md), and all files.
searched = {"copies": 0, "copied_bytes": 0, "files": 0, "bytes": 0}


def private_key(state):
    """The agent's own secret, as text and as bytes."""
    path = pathlib.Path(state) / "agent.key"
    found = re.search(rb"secret: ([0-9a-f]{64})", path.read_bytes()) if path.exists() else None
    return [found.group(1), bytes.fromhex(found.group(1).decode())] if found else []


def files_below(folder):
    for path, _, names in os.walk(folder):
        for name in names:
            full = pathlib.Path(path) / name
            if full.is_file() and not full.is_symlink():
                yield full


def search(path, needles):
    data = pathlib.Path(path).read_bytes()
    searched["files"] += 1
    searched["bytes"] += len(data)
    found = [needle for needle in needles if needle in data]
    assert not found, f"{path} holds what was planted: {found}"
    return len(data)


def search_agent(folder, state):
    """What it sent, what waits in its spool and what it logged."""
    own = private_key(state)
    copies, ledger = folder / "copies", folder / "ledger"
    if copies.exists():
        searched["copies"] += 1
        searched["copied_bytes"] += search(copies, NEEDLES + own)
    if ledger.exists() and b"\nstored " in ledger.read_bytes():
        assert copies.exists() and copies.stat().st_size > 0, f"{folder}: something was sent, and no copy was kept to search"
    for path in [folder / "log", folder / "ledger", *files_below(pathlib.Path(state) / "spool")]:
        if path.exists():
            search(path, NEEDLES + own)


def search_controller(folder, state):
    for path in [folder / "controller.log", *files_below(state)]:
        if path.exists():
            search(path, NEEDLES)
