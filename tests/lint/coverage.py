#!/usr/bin/env python3
"""docs/coverage.md: which items of the staging checklist that are decided by signals (class S) the shipped plan gives data for. `--write` makes the page anew; without
it the page is held against what it would be. It says what is asked and what is measured, not that a service passes."""
import fnmatch
import pathlib
import re
import sys

PAGE = pathlib.Path("docs/coverage.md")
plan = pathlib.Path("config/plans/genesis-staging.yml").read_text(encoding="utf-8")
checklist = pathlib.Path("config/checklists/genesis-staging.yml").read_text(encoding="utf-8")
known = set(re.findall(r"^\| `([\w.]+)` \| (?:gauge|counter|state|distribution) \|", pathlib.Path("docs/signals.md").read_text(encoding="utf-8"), re.M))
collectors = set(re.findall(r"^  - name: (\w+)", plan[plan.index("\ncollectors:"):plan.index("\nprobes:")], re.M))
probes = dict(re.findall(r"^  - \{?name: ([\w.-]+)(?:, |\n    )kind: (\w+)", plan[plan.index("\nprobes:"):plan.index("\ntails:")], re.M))
scraped = set(re.findall(r"\b((?:genesis|python|otelcol)_\w+)", "".join(re.findall(r"(?:gauges|totals): \[.*?\](?=[,}\n])", plan, re.S))))


def missing(check):
    """What of a check the plan has nobody for; "" when it is measured."""
    signal = re.search(r"signal: ([\w.]+)", check).group(1)
    where = dict(re.findall(r"([\w.]+): \"?([^,}\"]+)\"?", (re.search(r"where: \{([^}]*)\}", check) or [None, ""])[1]))
    if signal not in known:
        return f"`{signal}`: no agent gives it yet"
    if signal.startswith("muster.probe.") and not any(fnmatch.fnmatchcase(name, where["probe"]) for name in probes):
        return f"probe `{where['probe']}`: the site's to write, or of a kind that is not there yet"
    if signal.startswith("muster.scrape.") and not any(fnmatch.fnmatchcase(name, where["metric"]) for name in scraped):
        return f"series `{where['metric']}`: not scraped"
    if signal.startswith("muster.otlp.") and "otlp" not in collectors:
        return "collector `otlp`: not in the plan"
    return ""


def rows():
    for block in re.split(r"\n  - id: ", checklist[checklist.index("\nitems:"):])[1:]:
        number, title = block.split("\n", 1)[0], re.search(r'title: "(.*)"', block).group(1)
        if "S" not in re.search(r"class: (\S+)", block).group(1) or int(number.split(".")[0]) > 12:
            continue
        checks = [line for line in block.splitlines() if "signal: " in line]
        lacks = list(dict.fromkeys(filter(None, map(missing, checks))))
        yield number, title, len(checks), lacks


def page():
    table = list(rows())
    whole = sum(not lacks for *_, lacks in table)
    some = sum(bool(lacks) and len(lacks) < checks for _, _, checks, lacks in table)
    lines = ["# What the staging plan measures", "",
             "Made by `tests/lint/coverage.py --write`, and held against the files by CI. Items of class S of sections 1 to 12 of `config/checklists/genesis-staging.yml`, and whether",
             "`config/plans/genesis-staging.yml` gives their checks data. It says nothing of a service: whether the names in the plan are those of yours, an overlay decides.", "",
             f"Of {len(table)} items {whole} have data for all of their checks, {some} for some, {len(table) - whole - some} for none. What has none is NO_DATA, which counts as failed.", "",
             "| item | title | data | what is missing |", "| --- | --- | --- | --- |"]
    for number, title, checks, lacks in table:
        lines.append(f"| {number} | {title.replace('|', '/')} | {'all' if not lacks else 'some' if len(lacks) < checks else 'none'} | {'; '.join(lacks)} |")
    return "\n".join(lines) + "\n"


if "--write" in sys.argv:
    PAGE.write_text(page(), encoding="utf-8")
elif not PAGE.exists() or PAGE.read_text(encoding="utf-8") != page():
    print("docs/coverage.md is not what the plan and the checklist say: run tests/lint/coverage.py --write")
    sys.exit(1)
if len(list(rows())) < 150 or len(probes) < 50 or len(known) < 60:
    print(f"tests/lint/coverage.py: only {len(list(rows()))} items, {len(probes)} probes and {len(known)} signals found: mend it")
    sys.exit(1)
