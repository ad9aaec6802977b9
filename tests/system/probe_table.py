"""Many probes at once through a real agent and controller: what each says, and the figures that it gives."""
import json
import re

import harness

HEAD = """
checklist: probes
title: Probes
version: "1"
period: 48h
policy: {sign_offs: [], coverage: 1%, max_gap: 1m, conditional: 0%}
sections: [{id: "1", title: Probes}, {id: "2", title: Others}]
items:
"""


class Table:
    """probes: {name: (kind, options)} or {name: (kind, options, more keys of the probe)}; fields: [(probe, field, signal)], whose signal is value
    or state."""

    def __init__(self, site, tmp_path, probes, fields=(), items=(), config=None, interval="200ms", environment=None):
        self.site, self.ids = site, {}
        plan = {"plan": "probes", "interval": interval, "jitter": 0, "collectors": [{"name": "uptime"}], "probes": []}
        own_items, items = items, []
        for number, (name, (kind, options, *more)) in enumerate(probes.items(), 1):
            entry = {"name": name, "kind": kind, "timeout": "1s", "every": "1s", "options": options}
            entry.update(*more)
            plan["probes"].append(entry)
            self.ids[name] = f"1.{number}"
            items.append(f'  - {{id: "1.{number}", title: "{name}", class: S, check: {{signal: muster.probe.reason, where: {{probe: {name}}}, '
                         'stat: last, hosts: measuring, over: 5s, target: is ok}}')
        for name in probes:  # a state is shown cut at 79 bytes; why there is no duration is told in full
            number = len(items) + 1
            self.ids[name, "duration", "reason"] = f"1.{number}"
            items.append(f'  - {{id: "1.{number}", title: "{name} duration", class: S, check: {{signal: muster.probe.duration, where: {{probe: {name}}}, '
                         'stat: last, hosts: measuring, over: 5s, target: "< 1h"}}')
        for probe, field, signal in fields:
            number = len(items) + 1
            self.ids[probe, field] = f"1.{number}"
            target = "is nothing" if signal == "state" else "> 1e300"
            items.append(f'  - {{id: "1.{number}", title: "{probe} {field}", class: S, check: {{signal: muster.probe.{signal}, '
                         f'where: {{probe: {probe}, field: "{field}"}}, stat: last, hosts: measuring, over: 5s, target: "{target}"}}}}')
        (tmp_path / "plan.yml").write_text(json.dumps(plan))  # JSON is YAML
        site.settings["plan"] = str(tmp_path / "plan.yml")
        site.checklist("probes", HEAD + "\n".join(items + [f"  - {item}" for item in own_items]) + "\n")
        site.start()
        self.agent = site.agent("api-1", "api", config=config, start=False)
        self.agent.environment = environment or {}
        self.agent.start()
        harness.wait_until(lambda: "plan-in-force" in self.agent.program.text(), 20, "the plan is in force")
        site.run_start("probes")

    def all(self):
        """{name: "ok" or the reason}, {(probe, field): value}; None: no data yet."""
        items, said, figures = self.site.items(), {}, {}
        for key, number in self.ids.items():
            item = items[number]
            if isinstance(key, tuple) and len(key) == 3:
                if said[key[0]] not in (None, "ok"):
                    said[key[0]] += " | " + (item.get("reason") or "")
            elif isinstance(key, tuple):
                figures[key] = item.get("value")
            elif item["outcome"] == "PASS":
                said[key] = "ok"
            elif item["outcome"] == "NO_DATA" and "not allowed" in (item.get("reason") or ""):
                said[key] = item["reason"]  # it could not even be opened
            else:
                said[key] = item.get("value") or (None if item["outcome"] in ("NO_DATA", "PENDING") else item.get("reason"))
        return said, figures

    def expect(self, within_s=30, **wanted):
        """Waits until each of these probes says "ok", or a reason with that text in it. Names have _ for -."""
        wanted = {name.replace("_", "-"): text for name, text in wanted.items()}
        said = {}

        def as_wanted():
            said.update(self.all()[0])
            return all(said[name] is not None and (said[name] == "ok" if text == "ok" else text in said[name]) for name, text in wanted.items())
        try:
            harness.wait_until(as_wanted, within_s, "the probes say what they should")
        except AssertionError:
            wrong = {name: (said[name], "wanted: " + text) for name, text in wanted.items()
                     if said[name] is None or (said[name] != "ok" if text == "ok" else text not in said[name])}
            raise AssertionError(json.dumps(wrong, indent=1))

    def figure(self, probe, field):
        found = []

        def there():
            found[:] = [self.all()[1][probe, field]]
            return found[0] is not None
        harness.wait_until(there, 20, f"{probe} gives {field}")
        return found[0]

    def number(self, probe, field):
        """In the field's own unit; shares are shown in percent."""
        text = str(self.figure(probe, field)).split(" (")[0]
        number, unit = re.match(r"([-+.\de]+?)\s*(%|/s|ms|us|s|min|h|d|)$", text).groups()
        return float(number) * {"%": 0.01, "ms": 1e-3, "us": 1e-6, "min": 60, "h": 3600}.get(unit, 1)
