"""The scenarios of alerts are close enough: one that waits for less, or not at all, would fire in them."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.servers.prometheus import missing, promtool
from tests.unit.deploy.expressions import ALERTS, PROMETHEUS

Alert = dict[str, Any]


def with_lower_threshold(alert: Alert) -> Alert:
    """Half of it; of what must not be there at all, less than nothing; and what must be equal may be, too."""

    def lower(found: re.Match[str]) -> str:
        limit = float(found[1])
        return f"> {limit * 0.5 if '.' not in found[1] else limit * 0.4}" if limit else "> -1"

    weaker = re.sub(r"> ([\d.]+)", lower, alert["expr"])
    return {**alert, "expr": weaker.replace("== 0", "== 1").replace("< max", "<= max")}


def without_waiting(alert: Alert) -> Alert:
    """It fires at once."""
    return {name: value for name, value in alert.items() if name != "for"}


def scenarios() -> dict[str, dict[str, Any]]:
    """By alert: the file that its scenarios are in, with these only."""
    found = {}
    for path in sorted((PROMETHEUS / "tests").glob("*.yml")):
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        for test in document["tests"]:
            name = test["alert_rule_test"][0]["alertname"]
            found.setdefault(name, {**document, "tests": []})["tests"].append(test)
    return found


def test_weaker_alerts_are_noticed(tmp_path: Path) -> None:
    if missing():
        pytest.fail(missing(), pytrace=False)
    tests, of = [], scenarios()
    for alert in ALERTS:
        weaker = [with_lower_threshold(alert), *([without_waiting(alert)] if "for" in alert else [])]
        for number, rule in enumerate(weaker):
            name = f"{alert['alert']}-{number}"
            rules = tmp_path / f"{name}-rules.yml"
            rules.write_text(json.dumps({"groups": [{"name": "streamproc", "rules": [rule]}]}))
            test = tmp_path / f"{name}.yml"
            files = [str(PROMETHEUS / "rules.yml"), str(rules)]
            test.write_text(json.dumps({**of[alert["alert"]], "rule_files": files}))
            tests.append(str(test))
    told = promtool("test", "rules", *tests).stdout
    noticed = {path: not fine for path, fine in re.findall(r"Unit Testing:  (\S+)\n(  SUCCESS)?", told)}
    assert noticed == dict.fromkeys(tests, True)
