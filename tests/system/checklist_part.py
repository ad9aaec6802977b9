"""Those items of the staging checklist that some signals decide, as a checklist of their own."""
import re

import harness

STAGING = (harness.ROOT / "config" / "checklists" / "genesis-staging.yml").read_text()


def items(signals):
    """{id: checks} of the staging checklist: those checks of each item whose signal's name begins so, with spans that a test can wait for."""
    found = {}
    for block in re.split(r"\n(?=  - id: )", STAGING[STAGING.index("\nitems:"):]):
        name = re.match(r"\s*- id: (\S+)", block)
        checks = [re.sub(r"over: (5m|1h|6h)", "over: 6s", check) for check in re.findall(rf"\{{signal: (?:{signals})\..*\}}", block)]
        if name and checks:
            found[name.group(1)] = checks
    return found


def checklist(name, items, variables):
    text = f"""checklist: {name}
title: A part of the staging checklist
version: "1"
period: 48h
policy: {{sign_offs: [], coverage: 50%, max_gap: 1m, conditional: 0%}}  # else the first item that is lost for good ends the run
sections: [{{id: "1", title: All}}]
"""
    text += "variables:\n" + "".join(f'  {variable}: "{value}"\n' for variable, value in variables.items())
    text += "items:\n"
    for item, checks in items.items():
        text += f'  - id: "{item}"\n    title: item {item}\n    class: S\n    section: "1"\n    checks:\n'
        text += "".join(f"      - {check}\n" for check in checks)
    return text
