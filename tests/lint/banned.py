#!/usr/bin/env python3
"""Calls that muster does not make, each with its reason."""
import re
import subprocess
import sys

# (pattern, reason, paths where it may stand)
BANNED = [
    (r"\b(strcpy|strcat|sprintf|vsprintf|gets|strtok)\s*\(", "no bound; use mst_buf or snprintf", []),
    (r"\b(system|popen)\s*\(", "no shell", []),
    (r"\b(atoi|atol|atof)\s*\(", "cannot report an error; use strtoll, strtod", []),
    (r"\b(clock_gettime|gettimeofday|time)\s*\(", "time comes from an mst_clock", ["common/", "tests/"]),
    (r"\b(malloc|calloc|realloc|strdup|strndup)\s*\(", "use mst_alloc and its kin, so that tests can fail it", ["common/alloc.c", "tests/"]),
    (r"(?<![\w_.>])free\s*\(", "use mst_free", ["common/alloc.c", "tests/", "agent/once.c", "agent/tails/journal_seek.c"]),
    (r"\b(sleep|usleep|nanosleep)\s*\(", "wait for a condition", []),
    (r"\b(exit|abort|_exit)\s*\(", "only main leaves the process", ["agent/main.c", "controller/main.c", "controller/cli/main.c", "agent/probes/host/child.c", "tests/"]),
    (r"\bassert\s*\(", "never on input; our own mistakes are static_assert or a returned error", ["tests/"]),
    (r"\b(TODO|FIXME|XXX|HACK|NOLINT)\b", "finish it, or say it in an issue", []),
    (r"#\s*if\s+0\b", "dead code", []),
    (r"\bmst_log\s*\(", "common and proto never log", ["agent/", "controller/", "common/log.c", "common/include/mst/common/log.h", "tests/"]),
]

problems = []
for path in subprocess.check_output(["git", "ls-files", "*.c", "*.h"], text=True).split():
    text = open(path, encoding="utf-8").read()
    # Comments and strings are prose, but for the marks of unfinished work.
    bare = re.sub(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"", lambda m: re.sub(r"[^\n]", " ", m.group(0)), text, flags=re.S)
    for pattern, reason, allowed in BANNED:
        where = text if "TODO" in pattern else bare
        for match in re.finditer(pattern, where):
            if any(path.startswith(prefix) for prefix in allowed):
                continue
            line = where.count("\n", 0, match.start()) + 1
            problems.append(f"{path}:{line}: {match.group(0).strip()}: {reason}")
print("\n".join(problems), end="\n" if problems else "")
sys.exit(1 if problems else 0)
