#!/usr/bin/env python3
"""Docs and code against each other: commands, options, exit codes, variables, HTTP paths, refusals, signals, metrics, statements, config keys.
What the code has is documented, and what is documented the code has. Reads the tables in the sources; builds nothing."""
import pathlib
import re
import subprocess
import sys

problems = []


def read(path):
    try:
        return pathlib.Path(path).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        problems.append(f"{path}: is not there")
        return ""


def compare(what, code, docs, where):
    """Both are sets (or dicts, whose values are compared too)."""
    for name in sorted(set(code) - set(docs)):
        problems.append(f"{where}: {what} {name} is missing")
    for name in sorted(set(docs) - set(code)):
        problems.append(f"{where}: {what} {name} is not in the code")
    if isinstance(code, dict) and isinstance(docs, dict):
        for name in sorted(set(code) & set(docs)):
            if code[name] != docs[name]:
                problems.append(f"{where}: {what} {name}: the code has {code[name]!r}, the page {docs[name]!r}")


# ---- C tables ----

STRING = r'"(?:\\.|[^"\\])*"'


def strip_comments(text):
    return re.sub(rf"({STRING})|/\*.*?\*/", lambda m: m.group(1) or " ", text, flags=re.S)


def block_after(text, start):
    """What stands between the brace at or after start and the one that closes it."""
    begin = depth = 0
    for match in re.compile(rf"{STRING}|[{{}}]").finditer(text, start):
        if match.group() == "{":
            depth += 1
            begin = begin or match.end()
        elif match.group() == "}":
            depth -= 1
            if depth == 0:
                return text[begin:match.start()]
    return ""


def rows(block):
    """The top-level {...} of a table, each as text."""
    at = 0
    while (match := re.compile(rf"{STRING}|{{").search(block, at)) is not None:
        if match.group() == "{":
            row = block_after(block, match.start())
            yield row
            at = match.end() + len(row) + 1
        else:
            at = match.end()


def text_of(path, name):
    """The text that `name[]` is initialised with, however many literals it has."""
    match = re.search(rf"\b{name}\[\] =((?:\s*{STRING})+)", strip_comments(read(path)))
    if not match:
        problems.append(f"{path}: no text {name}[]")
    return "".join(strings(match.group(1))) if match else ""


def strings(text):
    """String literals, neighbours joined, escapes resolved as far as these tables use them."""
    joined = re.sub(r'"\s+"', "", text)
    return [s[1:-1].replace('\\"', '"').replace("\\\\", "\\").replace("\\n", "\n") for s in re.findall(STRING, joined)]


def table(path, name):
    text = strip_comments(read(path))
    match = re.search(rf"\b{re.escape(name)}\[\w*\]\s*=\s*", text)
    if not match:
        problems.append(f"{path}: no table {name}[]")
        return []
    return list(rows(block_after(text, match.end())))


# ---- man pages ----

def unroff(text):
    return text.replace("\\-", "-").replace("\\ ", " ")


def man_section(page, title):
    match = re.search(rf"^\.SH {re.escape(title)}\n(.*?)(?=^\.SH |\Z)", page, re.S | re.M)
    return match.group(1) if match else ""


def man_heads(section):
    """The lines that head an entry (.TP)."""
    return re.findall(r"^\.TP\n(.*)$", section, re.M)


def man_options(section):
    return {name for head in man_heads(section) for name in re.findall(r"--([a-z-]+)", head)}


def check_cli():
    page = unroff(read("docs/man/muster.1"))
    code = {}
    sources = {path: strip_comments(read(path)) for path in tracked("controller/cli/*.c")}
    cli = sources.get("controller/cli/cli.c", "")
    for row in table("controller/cli/cli.c", "mst_cli_commands"):
        name, usage = strings(row)[:2]
        function = re.search(r"\b(mst_cli_\w+)\s*$", row.strip()).group(1)
        options = set()
        for text in sources.values():
            match = re.search(rf"^{function}\(mst_cli \*cli, int argc", text, re.M)
            if match:
                body = block_after(text, match.end())
                listed = re.search(r"mst_cli_option options\[\] = ", body)
                options = {strings(option)[0] for option in rows(block_after(body, listed.end()))} if listed else set()
        for option in re.findall(r"--([a-z-]+)", usage):
            if option not in options:
                problems.append(f"controller/cli/cli.c: usage of {name} names --{option}, which it does not take")
        code[name] = options
    common = {strings(row)[0] for row in rows(block_after(cli, re.search(r"mst_cli_option common\[\w*\] = ", cli).end()))}
    helped = set(re.findall(r"--([a-z-]+)", text_of("controller/cli/cli.c", "common_help")))
    compare("option", common | {"help"}, helped, "common_help in controller/cli/cli.c")
    compare("option of every command", common | {"help"}, man_options(man_section(page, "OPTIONS OF EVERY COMMAND")), "docs/man/muster.1")
    documented = {}
    for part in re.split(r"^\.SS ", man_section(page, "COMMANDS"), flags=re.M)[1:]:
        documented[part.split()[1]] = man_options(part)
    compare("command", set(code), set(documented), "docs/man/muster.1")
    for name in set(code) & set(documented):
        compare(f"option of {name}:", code[name], documented[name], "docs/man/muster.1")
    codes = {value for value in re.findall(r"MST_EXIT_\w+ = (\d+)", read("controller/cli/cli.h"))}
    check_exit_codes(codes, page, "docs/man/muster.1")
    check_variables(sources.values(), page, "docs/man/muster.1")


def check_exit_codes(codes, page, where):
    compare("exit code", codes, {head.split()[-1] for head in man_heads(man_section(page, "EXIT STATUS"))}, where)


def check_variables(sources, page, where):
    code = {name for text in sources for name in re.findall(r'getenv\("(\w+)"\)', text)}
    section = man_section(page, "ENVIRONMENT")
    documented = set(re.findall(r"^\.BR? .*$", section, re.M))
    compare("variable", code, {name for line in documented for name in re.findall(r"\b[A-Z][A-Z_]{3,}\b", line)}, where)


def check_programs():
    agent, page = strip_comments(read("agent/main.c")), unroff(read("docs/man/muster-agent.1"))
    options = set(re.findall(r'strcmp\(arg, "--([a-z-]+)"\)', agent))
    compare("option", options, man_options(man_section(page, "COMMANDS AND OPTIONS")), "docs/man/muster-agent.1")
    check_exit_codes(set(re.findall(r"\bEXIT_\w+ = (\d+)", agent)), page, "docs/man/muster-agent.1")
    compare("option", options, set(re.findall(r"--([a-z-]+)", text_of("agent/main.c", "usage"))), "usage in agent/main.c")
    check_variables([strip_comments(read(path)) for path in tracked("agent/*.c")], page, "docs/man/muster-agent.1")

    musterd, page = strip_comments(read("controller/main.c")), unroff(read("docs/man/musterd.8"))
    options = {strings(row)[0] for row in table("controller/main.c", "longs") if strings(row)}
    compare("option", options, man_options(man_section(page, "OPTIONS")), "docs/man/musterd.8")
    compare("option", options, set(re.findall(r"--([a-z-]+)", text_of("controller/main.c", "help"))), "help in controller/main.c")
    check_exit_codes({"0"} | set(re.findall(r"\bEXIT_\w+ = (\d+)", musterd)), page, "docs/man/musterd.8")
    own = [path for path in tracked("controller/*.c") if not path.startswith("controller/cli/")]
    check_variables([strip_comments(read(path)) for path in own], page, "docs/man/musterd.8")


# ---- Markdown tables ----

def doc_tables(path):
    """Each table of a page: its heads, and its rows as lists of cells."""
    found, heads = [], None
    for line in read(path).split("\n"):
        if not line.startswith("|"):
            heads = None
            continue
        cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if heads is None:
            heads = cells
            found.append((heads, []))
        elif not all(re.fullmatch(r":?-+:?", cell) for cell in cells):
            found[-1][1].append(cells)
    return found


def doc_rows(path, first_head):
    return [cells for heads, lines in doc_tables(path) if heads[0] == first_head for cells in lines]


def ticked(cell):
    return re.findall(r"`([^`]+)`", cell)


def check_http():
    code = set()
    for row in table("controller/http/routes.c", "routes"):
        method, path = strings(row)[:2]
        code.add(f"{method} {path + 'ID' if path.endswith('/') and path != '/' else path}")
    documented = {text.split("?")[0] for cells in doc_rows("docs/api.md", "method and path") for text in ticked(cells[0])}
    compare("path", code, documented, "docs/api.md")


def check_refusals():
    header = read("proto/include/mst/proto/reply.h")
    code = {name: number for number, name in re.findall(r'X\(MST_REFUSED_\w+, (\d+), "(\w+)"\)', header)}
    documented = {ticked(cells[1])[0]: cells[0] for cells in doc_rows("docs/wire-format.md", "number") if ticked(cells[1])}
    compare("refusal", code, documented, "docs/wire-format.md")


def check_signals():
    code = set()
    for path in tracked("agent/collectors/*.c"):
        for name in re.findall(r"mst_signal (\w+)\[\w*\] = ", read(path)):
            code |= {strings(row)[0] for row in table(path, name)}
    sampler = " ".join(read(path) for path in tracked("agent/*.c"))
    documented = {ticked(cells[0])[0] for cells in doc_rows("docs/signals.md", "signal")}
    compare("signal", code, {name for name in documented if name in code or f'"{name}"' not in sampler}, "docs/signals.md")


def check_metrics():
    text = strip_comments(read("controller/core_metrics.c") + read("controller/http/metrics.c"))
    code = set(re.findall(r'"(muster_[a-z_]+)"', text))
    compare("metric", code, {ticked(cells[0])[0] for cells in doc_rows("docs/operations.md", "metric")}, "docs/operations.md")


def check_statements():
    code = {}
    for row in table("controller/statements/statements.c", "kinds"):
        kind, roles = strings(row)[:2]
        code[kind] = roles.split()
    documented = {ticked(cells[0])[0]: ticked(cells[1]) for cells in doc_rows("docs/user-guide.md", "statement")}
    compare("statement", code, documented, "docs/user-guide.md")


# ---- config keys ----

lists = set()  # keys of lists of maps: their entries' keys are what must be documented; they themselves may be


def config_fields(path, name, prefix=""):
    """{dotted key: (default, help)} of a schema table and those below it."""
    found = {}
    for row in table(path, name):
        key = strings(row)[0]
        sub = re.search(r"\.sub = &(\w+)", row)
        help_text = strings(row[row.index(".help"):])[0] if ".help" in row else ""
        default = re.search(rf"\.default_text = ({STRING})", row)
        if sub and "STRUCT_LIST" in row:
            lists.add(prefix + key)
        if sub:
            other = sub.group(1)
            elsewhere = {"mst_http_config_schema": "controller/http/config.c", "mst_plan_tail_schema": "controller/plan_tail.c",
                         "mst_plan_probe_schema": "controller/plan_probe.c"}
            inner = (elsewhere[other], "fields") if other in elsewhere else (path, other.replace("_schema", "_fields"))
            found |= config_fields(*inner, f"{prefix}{key}{'[]' if 'STRUCT_LIST' in row else ''}.")
        else:
            shown = "(required)" if ".required = true" in row else strings(default.group(1))[0] if default else "(none)"
            found[prefix + key] = (shown, help_text)
    return found


def check_config(page, path, name):
    documented = {ticked(cells[0])[0]: (cells[1].strip("`"), cells[2]) for heads, lines in doc_tables(page) if heads[:2] == ["key", "default"]
                  for cells in lines}
    fields = config_fields(path, name)
    compare("key", fields, {key: row for key, row in documented.items() if key not in lists}, page)


def check_checklist():
    """Every key of the language stands in its page; what a row of its tables names is a key, or part of one."""
    keys = set()
    for path in tracked("controller/judge/*.c"):
        text = strip_comments(read(path))
        keys |= set(re.findall(r'\.key = "(\w+)"', text)) | {
            strings(row)[0] for name in re.findall(r"mst_config_field (\w+)\[\]", text) for row in table(path, name)}
    page = read("docs/checklist-language.md")
    for key in sorted(keys):
        if not re.search(rf"\b{key}\b", page):
            problems.append(f"docs/checklist-language.md: key {key} is missing")
    documented = {name for heads, lines in doc_tables("docs/checklist-language.md") if heads[0] == "key" for cells in lines for name in ticked(cells[0])}
    for name in sorted(documented - keys):
        problems.append(f"docs/checklist-language.md: key {name} is not in the code")


# ---- links ----

def tracked(pattern):
    return subprocess.check_output(["git", "ls-files", pattern], text=True).split()


def check_links():
    for path in tracked("*.md"):
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", read(path)):
            if "://" not in target and not (pathlib.Path(path).parent / target).exists():
                problems.append(f"{path}: there is no {target}")
    for pattern in ("*.c", "*.h", "*.py", "*.sh", "*.yml", "*.1", "*.8"):
        for path in tracked(pattern):
            for page in re.findall(r"\bdocs/[\w/-]+\.md", unroff(read(path))):
                if not pathlib.Path(page).exists():
                    problems.append(f"{path}: there is no {page}")


check_cli()
check_programs()
check_http()
check_refusals()
check_signals()
check_metrics()
check_statements()
check_config("docs/configuration-agent.md", "agent/config.c", "agent_fields")
check_config("docs/configuration-controller.md", "controller/config.c", "fields")
check_config("docs/plan.md", "controller/plan_file.c", "fields")
check_checklist()
check_links()
print("\n".join(dict.fromkeys(problems)), end="\n" if problems else "")
sys.exit(1 if problems else 0)
