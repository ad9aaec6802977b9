#!/usr/bin/env python3
"""Which folder may include which library, and no include that climbs out of its folder."""
import re
import subprocess
import sys

# library header -> paths that may include it (prefixes, or whole file names)
ALLOWED = {
    r"nng/": ["agent/uplink", "agent/main.c", "agent/enrol", "controller/ingest/", "tests/"],
    r"msgpack": ["proto/", "controller/windows/", "tests/"],
    r"sodium": ["common/", "proto/enrol.c", "controller/http/server.c", "tests/"],
    r"yaml\.h": ["common/yaml"],
    r"uv\.h": ["agent/", "controller/ingest/", "tests/bench/", "tests/unit/agent/", "tests/unit/controller/"],
    r"gnutls/": ["controller/ingest/", "tests/unit/controller/"],
    r"sqlite3": ["controller/store/", "tests/"],
    r"microhttpd": ["controller/http/", "agent/otlp/server.c"],
    r"curl/": ["controller/cli/", "agent/containers/engine", "agent/probes/web/"],
    r"jansson": ["agent/once", "agent/containers/answers", "agent/probes/json/", "agent/probes/web/", "controller/judge/", "controller/http/", "controller/cli/", "controller/core", "controller/statements/",
                 "controller/ingest/", "controller/runs", "controller/include/mst/controller/", "tests/"],
    r"hs\.h": ["agent/tails/"],
    r"yajl/": ["agent/otlp/json.c", "tests/unit/tails/"],
    r"zlib\.h": ["agent/otlp/inflate.c"],
    r"systemd/": ["agent/tails/journal.c", "agent/tails/journal_seek.c", "agent/tails/journal_read.c"],
    r"dlfcn": ["agent/module.c"],
    r"mst/tails/": ["agent/tails/", "agent/modules/", "tests/"],
    r"mst/exposition/": ["agent/probes/", "tests/"],
    r"mst/json/": ["agent/probes/", "tests/"],
    r"pcre2": ["controller/plan_tail.c", "controller/plan_probe.c", "agent/tails/", "agent/probes/net/tcp.c", "agent/probes/host/file.c", "agent/probes/host/exec.c", "agent/probes/exposition/select.c",
              "agent/probes/json/expect.c", "agent/probes/web/"],
    r"hiredis": ["agent/probes/redis/"],
    r"mongoc": [],
    r"mst/probes/": ["agent/", "tests/"],
    r"mst/agent/": ["agent/", "tests/"],
    r"mst/controller/": ["controller/", "tests/"],
    r"mst/proto/": ["proto/", "agent/", "controller/", "tests/"],
}

problems = []
for path in subprocess.check_output(["git", "ls-files", "*.c", "*.h"], text=True).split():
    for number, line in enumerate(open(path, encoding="utf-8"), 1):
        match = re.match(r'\s*#\s*include\s*[<"]([^>"]+)[>"]', line)
        if not match:
            continue
        header = match.group(1)
        if header.startswith("../"):
            problems.append(f"{path}:{number}: include climbs out of its folder: {header}")
        for pattern, allowed in ALLOWED.items():
            if re.match(pattern, header) and not any(path.startswith(prefix) for prefix in allowed):
                problems.append(f"{path}:{number}: <{header}> may be included only below: {', '.join(allowed) or 'nowhere yet'}")
print("\n".join(problems), end="\n" if problems else "")
sys.exit(1 if problems else 0)
