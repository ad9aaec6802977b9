#!/usr/bin/env python3
"""Files to 500 lines, functions to 60; what is over stands in tests/lint/oversize.txt with its size today, and that list only shrinks."""
import re
import subprocess
import sys

FILE_LINES, FUNCTION_LINES = 500, 60
listed = {}
for line in open("tests/lint/oversize.txt", encoding="utf-8"):
    if line.strip() and not line.startswith("#"):
        name, size = line.split()
        listed[name] = int(size)

found = {}
for path in subprocess.check_output(["git", "ls-files", "*.c", "*.h", "*.py"], text=True).split():
    lines = open(path, encoding="utf-8").read().split("\n")
    if len(lines) - 1 > FILE_LINES:
        found[path] = len(lines) - 1
    if not path.endswith(".c"):
        continue
    start = None
    for number, line in enumerate(lines):
        if line == "{":
            start = number
        elif line == "}" and start is not None:
            size = number - start - 1
            if size > FUNCTION_LINES:
                name = re.match(r"(\w+)\(", next((lines[i] for i in range(start - 1, 0, -1) if re.match(r"\w+\(", lines[i])), "?("))
                found[f"{path}:{name.group(1) if name else '?'}"] = size
            start = None

problems = [f"{name}: {size} lines; over the limit (files {FILE_LINES}, functions {FUNCTION_LINES}) and "
            + (f"grew from {listed[name]}" if name in listed else "not in tests/lint/oversize.txt")
            for name, size in sorted(found.items()) if size > listed.get(name, 0)]
problems += [f"{name}: no longer over the limit; take it out of tests/lint/oversize.txt" for name in sorted(listed) if name not in found]
print("\n".join(problems), end="\n" if problems else "")
sys.exit(1 if problems else 0)
