"""Warnings: what is said about rules that hardly mean what they say, and that sound rules get none."""

from pathlib import Path

import pytest

from streamproc.rules.load import check_ruleset, check_text

WARNINGS = sorted((Path(__file__).parent / "warnings").glob("*.yaml"))

SOUND = {
    "recency > 30d": "recency <= 7d",
    "recency >= 30d ": "active_days_7d >= 1",
    "recency <= 7d": "active_days_30d == 0",
    "web_recency > 30d": "web_events_7d >= 1",
    "events_7d >= 5": "events_30d < 3",
    "web_events_7d >= 5": "events_90d < 3",
    "orders_30d >= 2": "orders_total < 2",
    "cart_idle >= 1h": "cart_items == 0",
    "recency > 14d": "tenure < 10d",
    "events_30d == 4": "events_30d != 4",
    "5 <= events_30d < 20": "events_30d < 5 or events_30d >= 20",
    "events_7d > orders_30d": "recency > 1d",
    "recency > 30d and (events_7d > 1 or orders_total > 2)": "recency < 1d and orders_7d > 1",
}


def segment(enter: str, exit_: str) -> str:
    return f"segments:\n  - {{key: a, name: A, version: 1, enter: '{enter}', exit: '{exit_}'}}\n"


@pytest.mark.parametrize("path", WARNINGS, ids=lambda path: path.stem)
def test_a_doubtful_rule_gets_its_warning(path: Path) -> None:
    """Place, line and message are those in the .txt file; the file can be used all the same."""
    ruleset, problems = check_ruleset(path)
    assert ruleset is not None
    assert {problem.severity for problem in problems} == {"warning"}
    shown = [str(problem).replace(str(path), path.name) for problem in problems]
    assert "\n\n".join(shown) + "\n" == path.with_suffix(".txt").read_text()


@pytest.mark.parametrize("enter", SOUND)
def test_a_sound_rule_gets_none(enter: str) -> None:
    """Nor does one that is too involved to be judged, or that compares two features."""
    assert check_text(segment(enter, SOUND[enter]), "rules.yaml")[1] == []


def test_what_is_too_involved_is_left_alone() -> None:
    """Opened up, this would be 2^20 alternatives."""
    parts = " and ".join(f"(events_30d == {2 * n} or recency > {n}d)" for n in range(1, 21))
    assert check_text(segment(parts, "recency > 1h"), "rules.yaml")[1] == []
