"""deploy/prometheus/alerts.yml and docs/runbook.md: each alert has its section, and that says what to do."""

import re
from pathlib import Path
from typing import Any

import pytest

from streamproc.metrics import CATALOGUE
from tests.unit.deploy.expressions import ALERTS, unknown_metrics

ROOT = Path(__file__).parents[3]
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
SOURCES = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "streamproc").rglob("*.py")))
#: What a worker says when it ends with 2: the runbook's heading, and the words of its source.
ENDS = {
    "Redis cannot hold state": "cannot hold state",
    "There is no state, though the group has read from this partition before": (
        "there is no state, though the group has read from this partition before"
    ),
    "The key ... is gone": "the key {0} is gone",
    "The key ... is a string, expected a list": "expected a {wanted.decode()}",
    "Kafka's log begins at": "Kafka's log begins at",
    "Kafka's log ends at": "Kafka's log ends at",
    "The state is of topics with N partitions": "the state is of topics with {0} partitions",
    "Another process has joined group": "another process has joined group {",
    "A worker of generation N has it": "a worker of generation {0} has it",
}


@pytest.mark.parametrize("alert", ALERTS, ids=[rule["alert"] for rule in ALERTS])
def test_an_alert_has_its_section(alert: dict[str, Any]) -> None:
    name = alert["alert"]
    assert f"\n## {name}\n" in RUNBOOK
    # Whoever deploys it may write another base, one for all.
    base = ALERTS[0]["annotations"]["runbook_url"].partition("#")[0]
    assert re.fullmatch(r"https?://\S+/runbook\.md", base)
    assert alert["annotations"]["runbook_url"] == f"{base}#{name.lower()}"
    assert alert["labels"]["severity"] in ("page", "ticket")
    section = RUNBOOK.split(f"\n## {name}\n")[1].split("\n## ")[0]
    for part in ("See", "Do", "Meanwhile"):
        assert f"**{part}**" in section, part


def test_the_runbook_asks_for_metrics_that_exist() -> None:
    named = {f"streamproc_{definition.name}" for definition in CATALOGUE}
    prefixes = {"streamproc_lag_"}  # in a call of grep
    text = re.sub(r"\]\([^)]*\)", "]", RUNBOOK)  # links may lead to the section of a setting
    assert unknown_metrics(text) - named - prefixes == set()


def test_every_alert_section_has_its_alert() -> None:
    sections = set(re.findall(r"^## (Streamproc\w+)$", RUNBOOK, re.MULTILINE))
    assert sections == {rule["alert"] for rule in ALERTS}


@pytest.mark.parametrize("heading", ENDS)
def test_a_worker_says_what_the_runbook_explains(heading: str) -> None:
    assert f"\n### {heading}\n" in RUNBOOK
    assert ENDS[heading] in SOURCES
