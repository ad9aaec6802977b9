#!/usr/bin/env python3
"""What the shipped plan for the staging checklist probes is asked for by that checklist: a probe that nothing asks for is a name misspelt."""
import fnmatch
import pathlib
import re
import sys

plan = pathlib.Path("config/plans/genesis-staging.yml").read_text(encoding="utf-8")
checklist = pathlib.Path("config/checklists/genesis-staging.yml").read_text(encoding="utf-8")
# A probe that gives whole series (totals, gauges) is asked for by their names.
probes = re.findall(r"^  - \{name: ([\w.-]+), kind: (?!scrape.*(?:totals|gauges): )", plan[plan.index("\nprobes:"):], re.M)
asked = set(re.findall(r'where: \{probe: "?([\w.*-]+)"?', checklist))
problems = [f"config/plans/genesis-staging.yml: nothing in the checklist asks for probe {name}" for name in probes
            if not any(fnmatch.fnmatchcase(name, pattern) for pattern in asked)]
if len(probes) < 20 or len(asked) < 50:
    problems.append(f"tests/lint/probes.py: it found only {len(probes)} probes and {len(asked)} names that are asked for: mend it")
print("\n".join(problems), end="\n" if problems else "")
sys.exit(1 if problems else 0)
