"""deploy/prometheus: rules of known metrics, each alert with scenarios in which it fires and in which it does not."""

import re
from typing import Any

import pytest
import yaml

from tests.unit.deploy.expressions import ALERTS, PROMETHEUS, RULES, metrics_of, unknown_metrics

SCENARIOS = [
    (path.name, scenario)
    for path in sorted((PROMETHEUS / "tests").glob("*.yml"))
    for scenario in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]
]
each_alert = pytest.mark.parametrize("alert", ALERTS, ids=[rule["alert"] for rule in ALERTS])


@pytest.mark.parametrize("rule", RULES + ALERTS, ids=lambda rule: rule.get("alert") or rule["record"])
def test_a_rule_asks_for_what_is_there(rule: dict[str, Any]) -> None:
    assert metrics_of(rule["expr"])
    assert unknown_metrics(rule["expr"]) == set()


def test_recorded_series_are_named_by_level_metric_and_operation() -> None:
    for rule in RULES:
        level, metric, operation = rule["record"].split(":")
        assert level.split("_")[0] == "job", rule["record"]
        assert any(name.startswith(metric) for name in metrics_of(rule["expr"])), rule["record"]
        assert f"by ({', '.join(level.split('_'))}" in rule["expr"], rule["record"]
        window = re.search(r"(rate|increase)(\w+)$", operation)
        assert window is None or f"[{window[2]}]" in rule["expr"], rule["record"]
    names = [rule["record"] for rule in RULES]
    assert len(set(names)) == len(names)


@each_alert
def test_an_alert_fires_in_one_scenario_and_is_silent_in_another(alert: dict[str, Any]) -> None:
    """`make rules-check` runs them."""
    name, fired, silent = alert["alert"], 0, 0
    for _, scenario in SCENARIOS:
        for test in scenario.get("alert_rule_test", []):
            if test["alertname"] == name:
                fires = bool(test["exp_alerts"])
                assert scenario["name"].startswith(f"{name} {'fires' if fires else 'is silent'}: ")
                fired, silent = fired + fires, silent + (not fires)
    assert fired > 0
    assert silent > 0


@each_alert
def test_a_scenario_is_about_the_metrics_of_its_alert(alert: dict[str, Any]) -> None:
    """One that is silent because its series have other names proves nothing."""
    recorded = {rule["record"]: metrics_of(rule["expr"]) for rule in RULES}
    asked = set().union(*(recorded.get(name, {name}) for name in metrics_of(alert["expr"])))
    for file, scenario in SCENARIOS:
        if scenario["name"].startswith(f"{alert['alert']} is silent"):
            given = set().union(*(metrics_of(series["series"]) for series in scenario["input_series"]))
            assert asked & given, (file, scenario["name"])
