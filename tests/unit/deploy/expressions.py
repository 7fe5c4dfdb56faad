"""PromQL of deploy/: which metrics it asks for, and whether they are exported under that name."""

import re
from pathlib import Path
from typing import Any

import yaml

from streamproc.metrics import CATALOGUE

ROOT = Path(__file__).parents[3]
PROMETHEUS = ROOT / "deploy" / "prometheus"


def rules_of(name: str) -> list[dict[str, Any]]:
    """All rules of a file in deploy/prometheus."""
    groups = yaml.safe_load((PROMETHEUS / name).read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


RULES = rules_of("rules.yml")
ALERTS = rules_of("alerts.yml")
#: What is asked of the process or of Prometheus itself.
FOREIGN = {
    "up",
    "ALERTS",
    "process_start_time_seconds",
    "process_resident_memory_bytes",
    "process_cpu_seconds_total",
}
_SUFFIXES = {"counter": ("",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}


def exported() -> set[str]:
    """Every name that a scrape of ours can have, with the suffixes that its kind asks for."""
    return {
        f"streamproc_{definition.name}{suffix}"
        for definition in CATALOGUE
        for suffix in _SUFFIXES[definition.kind]
    }


def metrics_of(expression: str) -> set[str]:
    """The metrics, recorded ones included, that an expression asks for."""
    bare = re.sub(r'"[^"]*"', '""', expression)
    return set(re.findall(r"[a-z_]+:streamproc_\w+:\w+|\b(?:streamproc|process)_\w+|\bup\b|\bALERTS\b", bare))


def unknown_metrics(expression: str) -> set[str]:
    """Those that nobody exports or records."""
    return metrics_of(expression) - exported() - FOREIGN - {rule["record"] for rule in RULES}
